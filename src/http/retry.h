/* retry.h: how long to wait before the next attempt. Pure: same arguments, same answer. */
#ifndef SL_RETRY_H
#define SL_RETRY_H

#include <sluice/error.h>

struct sl_retry_policy {
    unsigned attempts_max;      /* in all, the first included */
    int64_t delay_ms_first;     /* doubles with each attempt */
    int64_t delay_ms_max;       /* longest of our own waits */
    int64_t retry_after_ms_max; /* longest wait a source may ask for */
};

extern const struct sl_retry_policy sl_retry_default; /* 8, 500 ms, 60 s, 10 min */
extern const struct sl_retry_policy sl_retry_look; /* 3, else the same: somebody sits and waits */

/*
 * attempt: how many attempts were made (1 after the first). retry_after_ms: what the source asked
 * for, -1 when it did not. dice: any number. Returns the wait in ms, or -1 to give up.
 */
int64_t sl_retry_delay_ms(const struct sl_retry_policy *policy, unsigned attempt,
                          int64_t retry_after_ms, uint64_t dice);

#endif
