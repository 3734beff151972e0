#include "http/retry.h"

#include <assert.h>

const struct sl_retry_policy sl_retry_default = {
    .attempts_max = 8,
    .delay_ms_first = 500,
    .delay_ms_max = 60000,
    .retry_after_ms_max = 600000,
};

const struct sl_retry_policy sl_retry_look = {
    .attempts_max = 3,
    .delay_ms_first = 500,
    .delay_ms_max = 60000,
    .retry_after_ms_max = 600000,
};

int64_t sl_retry_delay_ms(const struct sl_retry_policy *policy, unsigned attempt,
                          int64_t retry_after_ms, uint64_t dice)
{
    assert(policy->delay_ms_first > 0 && policy->delay_ms_first <= policy->delay_ms_max);
    assert(policy->delay_ms_max <= INT64_MAX / 4); /* so that doubling cannot overflow */
    assert(attempt > 0);

    if (attempt >= policy->attempts_max) return -1;
    if (retry_after_ms >= 0) /* the source knows best, within what we accept */
        return retry_after_ms <= policy->retry_after_ms_max ? retry_after_ms : -1;

    int64_t delay_ms = policy->delay_ms_first;
    for (unsigned i = 1; i < attempt && delay_ms < policy->delay_ms_max; i++) delay_ms *= 2;
    if (delay_ms > policy->delay_ms_max) delay_ms = policy->delay_ms_max;

    /* Between half and all of it, so that not all clients come back at once. */
    int64_t half_ms = delay_ms / 2;
    return half_ms + (int64_t)(dice % (uint64_t)(delay_ms - half_ms + 1));
}
