/*
 * A limit of a source is never tripped by us: budgets over simulated time, with an observer that
 * counts arrivals where the source counts them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "http/budget.h"

#define SECOND INT64_C(1000000)
#define ARRIVALS_MAX 200000

/* ------------------------------------------------------------------ a source that counts */

struct arrival {
    int64_t at_us;
    double cost;
};

struct source {
    struct arrival *list;
    size_t count;
};

static int by_time(const void *a, const void *b)
{
    int64_t x = ((const struct arrival *)a)->at_us, y = ((const struct arrival *)b)->at_us;
    return x < y ? -1 : x > y;
}

/* The most that arrived in any window, both of its ends counted. */
static double most_in_a_window(struct source *source, int64_t window_us)
{
    double most = 0, sum = 0;

    qsort(source->list, source->count, sizeof *source->list, by_time);
    for (size_t first = 0, last = 0; last < source->count; last++) {
        sum += source->list[last].cost;
        while (source->list[last].at_us - source->list[first].at_us > window_us)
            sum -= source->list[first++].cost;
        if (sum > most) most = sum;
    }
    return most;
}

static struct source source_new(void)
{
    return (struct source){.list = calloc(ARRIVALS_MAX, sizeof(struct arrival))};
}

static void arrives(struct source *source, int64_t at_us, double cost)
{
    assert_true(source->count < ARRIVALS_MAX);
    source->list[source->count++] = (struct arrival){at_us, cost};
}

static uint64_t roll(uint64_t *seed)
{
    uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static struct sl_budgets *with_limit(double rate, int64_t window_ms, int concurrency)
{
    struct sl_error error;
    struct sl_limit limit = {.key = "k",
                             .rate = rate,
                             .window_ms = window_ms,
                             .concurrency = concurrency};
    struct sl_budgets *budgets = sl_budgets_new();

    assert_non_null(budgets);
    assert_int_equal(sl_budgets_limit(budgets, &limit, &error), SL_OK);
    return budgets;
}

/* ------------------------------------------------------------------ a client that sends */

/* Things under way, in simulated time. A new connection delays what waits for it. */
struct flight {
    int64_t started_us, sent_us, ends_us;
    struct sl_spend spends[2];
    bool sent_told;
};

struct run {
    double rate;
    int64_t window_ms;
    int concurrency;
    int64_t latency_us, latency_jitter_us; /* from arrival to the end */
    int64_t connect_us; /* the first requests of a run share this wait, as behind a handshake */
    bool tells_sent;
    double cost_max; /* costs are 1..cost_max */
    int64_t length_us;
    uint64_t seed;
};

#define FLIGHTS 300

static double simulate(const struct run *run, struct source *source)
{
    struct sl_budgets *budgets = with_limit(run->rate, run->window_ms, run->concurrency);
    static struct flight flights[FLIGHTS];
    size_t count = 0;
    int64_t now = SECOND, begin = now;
    uint64_t seed = run->seed;
    double spent = 0;
    double cost = 1;

    while (now < begin + run->length_us) {
        /* what happened up to now */
        int64_t next = INT64_MAX;
        for (size_t i = 0; i < count;) {
            struct flight *f = &flights[i];
            if (!f->sent_told && f->sent_us <= now) {
                f->sent_told = true;
                if (run->tells_sent) sl_budgets_sent(budgets, f->spends, f->started_us, f->sent_us);
            }
            if (f->ends_us <= now) {
                if (run->tells_sent) sl_budgets_answered(budgets, f->spends, f->sent_us, now);
                sl_budgets_end(budgets, f->spends);
                flights[i] = flights[--count];
                continue;
            }
            if (!f->sent_told && f->sent_us < next) next = f->sent_us;
            if (f->ends_us < next) next = f->ends_us;
            i++;
        }
        struct sl_spend spends[] = {{"k", cost}, {0}};
        int64_t ready = sl_budgets_ready(budgets, spends, now);
        if (ready > now || count == FLIGHTS) {
            if (ready < next && count < FLIGHTS) next = ready;
            assert_true(next != INT64_MAX); /* never stuck */
            assert_true(next > now);
            now = next;
            continue;
        }
        sl_budgets_start(budgets, spends, now);
        struct flight *f = &flights[count++];
        *f = (struct flight){.started_us = now, .spends = {{"k", cost}, {0}}};
        f->sent_us = now < begin + run->connect_us ? begin + run->connect_us : now;
        f->ends_us = f->sent_us + run->latency_us + 1;
        if (run->latency_jitter_us)
            f->ends_us += (int64_t)(roll(&seed) % (uint64_t)run->latency_jitter_us);
        arrives(source, f->sent_us, cost);
        spent += cost;
        if (run->cost_max > 1) cost = 1 + (double)(roll(&seed) % (uint64_t)run->cost_max);
    }
    sl_budgets_free(budgets);
    return spent / ((double)run->length_us / (double)run->window_ms / 1000);
}

/* ------------------------------------------------------------------ tests */

static void four_point_nine_a_second_is_never_six(void **state)
{
    static const int64_t latencies_ms[] = {0, 200, 500, 900};

    (void)state;
    for (int told = 0; told < 2; told++)
        for (size_t i = 0; i < sizeof latencies_ms / sizeof *latencies_ms; i++) {
            struct source source = source_new();
            struct run run = {.rate = 4.9,
                              .window_ms = 1000,
                              .length_us = 200 * SECOND,
                              .latency_us = latencies_ms[i] * 1000,
                              .tells_sent = told};
            double rate = simulate(&run, &source);
            assert_true(most_in_a_window(&source, SECOND) <= 5);
            assert_true(rate > 4.9 * 0.98);
            free(source.list);
        }
}

static void no_window_is_ever_violated_and_nothing_is_given_away(void **state)
{
    static const struct run runs[] = {
        {.rate = 1, .window_ms = 1000},    {.rate = 5, .window_ms = 1000},
        {.rate = 50, .window_ms = 1000},   {.rate = 0.5, .window_ms = 1000},
        {.rate = 3.3, .window_ms = 1000},  {.rate = 190, .window_ms = 10000},
        {.rate = 700, .window_ms = 60000}, {.rate = 1000, .window_ms = 1000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++)
        for (uint64_t seed = 1; seed <= 3; seed++) {
            struct source source = source_new();
            struct run run = runs[i];
            run.latency_us = 80000;
            run.latency_jitter_us = 100000;
            run.tells_sent = seed != 3;
            run.length_us = 150 * run.window_ms * 1000;
            run.seed = seed;
            double rate = simulate(&run, &source);
            double whole =
                run.rate > (double)(int64_t)run.rate ? (double)(int64_t)run.rate + 1 : run.rate;
            assert_true(most_in_a_window(&source, run.window_ms * 1000) <= whole);
            if (!run.tells_sent || whole == run.rate) assert_true(rate >= run.rate * 0.98);
            free(source.list);
        }
}

static void costs_of_all_sizes_stay_below(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct source source = source_new();
        struct run run = {.rate = 20,
                          .window_ms = 1000,
                          .latency_us = 30000,
                          .cost_max = 7,
                          .length_us = 100 * SECOND,
                          .tells_sent = true,
                          .seed = seed};
        double rate = simulate(&run, &source);
        assert_true(most_in_a_window(&source, SECOND) <= 20);
        assert_true(rate > 20 * 0.75); /* a request of 7 waits until 7 fit */
        free(source.list);
    }
}

/* Requests started while the first connection is being made arrive all at once when it is up. */
static void a_slow_handshake_makes_no_burst(void **state)
{
    (void)state;
    for (int64_t connect_ms = 0; connect_ms <= 4000; connect_ms += 37) {
        struct source source = source_new();
        struct run run = {.rate = 4.9,
                          .window_ms = 1000,
                          .length_us = 60 * SECOND,
                          .latency_us = 150000,
                          .connect_us = connect_ms * 1000,
                          .tells_sent = true};
        simulate(&run, &source);
        assert_true(most_in_a_window(&source, SECOND) <= 5);
        assert_true(most_in_a_window(&source, SECOND) >= 4);
        free(source.list);
    }
}

static void no_burst_after_an_idle_time_or_a_pause(void **state)
{
    struct sl_budgets *budgets = with_limit(5, 1000, 0);
    struct sl_spend spends[] = {{"k", 1}, {0}};
    int64_t now = SECOND;

    (void)state;
    for (int round = 0; round < 4; round++) {
        now += 100 * SECOND;
        if (round & 1) sl_budgets_pause(budgets, "k", now + 30 * SECOND, 0);
        int64_t last = 0;
        for (int i = 0; i < 20; i++) {
            int64_t ready = sl_budgets_ready(budgets, spends, now);
            if (i == 0) assert_int_equal(ready, round & 1 ? now + 30 * SECOND : now);
            now = ready;
            assert_int_equal(sl_budgets_ready(budgets, spends, now), now);
            sl_budgets_start(budgets, spends, now);
            sl_budgets_end(budgets, spends);
            if (i) assert_true(now - last >= 200000);
            last = now;
        }
    }
    sl_budgets_free(budgets);
}

static void a_day_is_a_quantity_not_a_speed(void **state)
{
    struct sl_budgets *budgets = with_limit(1000, 86400000, 0);
    struct sl_spend spends[] = {{"k", 1}, {0}};
    int64_t now = SECOND;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(sl_budgets_ready(budgets, spends, now), now);
        sl_budgets_start(budgets, spends, now);
        sl_budgets_end(budgets, spends);
        now += 1000;
    }
    int64_t ready = sl_budgets_ready(budgets, spends, now);
    assert_true(ready >= SECOND + INT64_C(86400) * SECOND);
    assert_true(ready <= SECOND + INT64_C(86800) * SECOND);
    sl_budgets_free(budgets);
}

static void concurrency_waits_for_an_end(void **state)
{
    struct sl_budgets *budgets = with_limit(1000, 1000, 2);
    struct sl_spend spends[] = {{"k", 1}, {0}};

    (void)state;
    sl_budgets_start(budgets, spends, SECOND);
    sl_budgets_start(budgets, spends, SECOND + 1000);
    assert_true(sl_budgets_ready(budgets, spends, 9 * SECOND) == INT64_MAX);
    sl_budgets_end(budgets, spends);
    assert_int_equal(sl_budgets_ready(budgets, spends, 9 * SECOND), 9 * SECOND);
    sl_budgets_free(budgets);
}

static void what_the_source_says_is_left_counts(void **state)
{
    struct sl_budgets *budgets = with_limit(5000, 3600000, 0);
    struct sl_spend spends[] = {{"k", 1}, {0}};
    int64_t now = SECOND;

    (void)state;
    sl_budgets_remaining(budgets, "k", 2, now, 60 * SECOND);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(sl_budgets_ready(budgets, spends, now), now);
        sl_budgets_start(budgets, spends, now);
        sl_budgets_end(budgets, spends);
    }
    assert_int_equal(sl_budgets_ready(budgets, spends, now), now + 60 * SECOND);
    sl_budgets_remaining(budgets, "k", 1, now, 60 * SECOND); /* overtaken: said before the last */
    assert_int_equal(sl_budgets_ready(budgets, spends, now), now + 60 * SECOND);
    now += 60 * SECOND;
    assert_int_equal(sl_budgets_ready(budgets, spends, now), now);
    sl_budgets_free(budgets);
}

static void slowing_down_has_a_floor_and_stays(void **state)
{
    struct sl_budgets *budgets = with_limit(10, 1000, 0);
    struct sl_budget_use use;

    (void)state;
    sl_budgets_pause(budgets, "k", SECOND, 0.5);
    assert_true(sl_budgets_use(budgets, 0, &use) && use.rate == 5.0);
    for (int i = 0; i < 10; i++) sl_budgets_pause(budgets, "k", 2 * SECOND, 0.5);
    assert_true(sl_budgets_use(budgets, 0, &use) && use.rate == 1.0);
    assert_int_equal(use.pauses, 11);
    struct sl_error error;
    struct sl_limit again = {.key = "k", .rate = 10, .window_ms = 1000};
    assert_int_equal(sl_budgets_limit(budgets, &again, &error), SL_OK);
    assert_true(sl_budgets_use(budgets, 0, &use) && use.rate == 1.0);
    assert_false(sl_budgets_use(budgets, 1, &use));
    sl_budgets_free(budgets);
}

static void the_strictest_of_several_keys_decides(void **state)
{
    struct sl_budgets *budgets = with_limit(5, 1000, 0);
    struct sl_limit other = {.key = "other", .rate = 1, .window_ms = 1000};
    struct sl_spend both[] = {{"k", 1}, {"other", 1}, {"unknown", 9}, {0}};
    struct sl_spend one[] = {{"k", 1}, {0}};
    struct sl_error error;

    (void)state;
    assert_int_equal(sl_budgets_limit(budgets, &other, &error), SL_OK);
    sl_budgets_start(budgets, both, SECOND);
    assert_int_equal(sl_budgets_ready(budgets, one, SECOND), SECOND + 200000);
    sl_budgets_sent(budgets, both, SECOND, SECOND);
    int64_t ready = sl_budgets_ready(budgets, both, SECOND);
    assert_in_range(ready, 2 * SECOND, 2 * SECOND + 10);
    sl_budgets_free(budgets);
}

static void a_bad_limit_is_named(void **state)
{
    struct sl_budgets *budgets = sl_budgets_new();
    struct sl_error error;
    struct sl_limit limits[] = {{.key = "k", .rate = 0, .window_ms = 1000},
                                {.key = "k", .rate = 5, .window_ms = 0},
                                {.key = "k", .rate = -1, .window_ms = 1000},
                                {.key = NULL, .rate = 1, .window_ms = 1}};

    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(sl_budgets_limit(budgets, &limits[i], &error), SL_BUG);
    sl_budgets_free(budgets);
}

/* A durable budget counts by the wall clock; that it was never paused before is no time. */
static void a_limit_of_an_hour_can_be_paused(void **state)
{
    struct sl_budgets *budgets = sl_budgets_new();
    struct sl_limit limit = {.key = "k", .rate = 60, .window_ms = 3600000, .durable = true};
    struct sl_spend spends[] = {{"k", 1}, {0}};
    struct sl_error error;

    (void)state;
    sl_budgets_clock(budgets, SECOND, INT64_C(1772442000) * SECOND);
    assert_int_equal(sl_budgets_limit(budgets, &limit, &error), SL_OK);
    assert_int_equal(sl_budgets_start(budgets, spends, SECOND), SECOND);
    sl_budgets_pause(budgets, "k", 61 * SECOND, 0);
    assert_int_equal(sl_budgets_ready(budgets, spends, 2 * SECOND), 61 * SECOND);
    sl_budgets_end(budgets, spends);
    assert_int_equal(sl_budgets_start(budgets, spends, 61 * SECOND), 61 * SECOND);
    sl_budgets_free(budgets);
}

static void survives_the_failure_of_every_allocation(void **state)
{
    int64_t before = sl_alloc_live();

    (void)state;
    for (int n = 0; n < 40; n++) {
        struct sl_error error;
        sl_alloc_fail_after(n);
        struct sl_budgets *budgets = sl_budgets_new();
        for (int i = 0; budgets && i < 10; i++) {
            char key[] = {(char)('a' + i), 0};
            struct sl_limit limit = {.key = key, .rate = 1, .window_ms = 1000};
            enum sl_code rc = sl_budgets_limit(budgets, &limit, &error);
            assert_true(rc == SL_OK || rc == SL_NO_MEMORY);
        }
        sl_alloc_fail_after(-1);
        sl_budgets_free(budgets);
        assert_int_equal(sl_alloc_live(), before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(four_point_nine_a_second_is_never_six),
        cmocka_unit_test(no_window_is_ever_violated_and_nothing_is_given_away),
        cmocka_unit_test(costs_of_all_sizes_stay_below),
        cmocka_unit_test(a_slow_handshake_makes_no_burst),
        cmocka_unit_test(no_burst_after_an_idle_time_or_a_pause),
        cmocka_unit_test(a_day_is_a_quantity_not_a_speed),
        cmocka_unit_test(concurrency_waits_for_an_end),
        cmocka_unit_test(what_the_source_says_is_left_counts),
        cmocka_unit_test(slowing_down_has_a_floor_and_stays),
        cmocka_unit_test(the_strictest_of_several_keys_decides),
        cmocka_unit_test(a_bad_limit_is_named),
        cmocka_unit_test(a_limit_of_an_hour_can_be_paused),
        cmocka_unit_test(survives_the_failure_of_every_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
