/* How long the next attempt waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/retry.h"

static void waits_exactly_as_long_as_it_is_told(void **state)
{
    (void)state;
    for (uint64_t dice = 0; dice < 50; dice++) {
        assert_int_equal(sl_retry_delay_ms(&sl_retry_default, 1, 7000, dice), 7000);
        assert_int_equal(sl_retry_delay_ms(&sl_retry_default, 7, 0, dice), 0);
    }
}

static void gives_up_when_told_to_wait_too_long(void **state)
{
    (void)state;
    assert_int_equal(sl_retry_delay_ms(&sl_retry_default, 1, 600000, 1), 600000);
    assert_int_equal(sl_retry_delay_ms(&sl_retry_default, 1, 600001, 1), -1);
}

static void gives_up_after_the_last_attempt(void **state)
{
    (void)state;
    assert_true(sl_retry_delay_ms(&sl_retry_default, 7, -1, 1) >= 0);
    assert_int_equal(sl_retry_delay_ms(&sl_retry_default, 8, -1, 1), -1);
    assert_int_equal(sl_retry_delay_ms(&sl_retry_default, 8, 10, 1), -1);
    assert_int_equal(sl_retry_delay_ms(&sl_retry_default, 4000000000U, -1, 1), -1);
}

static void doubles_up_to_the_longest_wait(void **state)
{
    struct sl_retry_policy policy = {
        .attempts_max = 1000,
        .delay_ms_first = 500,
        .delay_ms_max = 60000,
        .retry_after_ms_max = 1,
    };
    int64_t whole_ms = 500;

    (void)state;
    for (unsigned attempt = 1; attempt < 100; attempt++) {
        int64_t least = INT64_MAX, most = -1;
        for (uint64_t dice = 0; dice < 70000; dice += 97) {
            int64_t ms = sl_retry_delay_ms(&policy, attempt, -1, dice);
            assert_in_range(ms, whole_ms / 2, whole_ms);
            if (ms < least) least = ms;
            if (ms > most) most = ms;
        }
        assert_true(most - least > whole_ms / 3); /* not all clients at once */
        whole_ms = whole_ms * 2 > 60000 ? 60000 : whole_ms * 2;
    }
}

static void the_same_dice_give_the_same_wait(void **state)
{
    (void)state;
    assert_int_equal(sl_retry_delay_ms(&sl_retry_default, 3, -1, UINT64_MAX),
                     sl_retry_delay_ms(&sl_retry_default, 3, -1, UINT64_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_exactly_as_long_as_it_is_told),
        cmocka_unit_test(gives_up_when_told_to_wait_too_long),
        cmocka_unit_test(gives_up_after_the_last_attempt),
        cmocka_unit_test(doubles_up_to_the_longest_wait),
        cmocka_unit_test(the_same_dice_give_the_same_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
