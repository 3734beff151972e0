/* First loads that break off, and what the runs after them make of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run_look.h"

#define CHAINS "\"table_properties\":{\"sluice.chains\":\"4\"}"
#define HISTORY CHAINS ",\"scd_type\":\"SCD_TYPE_2\""
#define ROWS 3000
#define BENCH "Bench 1"

static const struct sim_options slow = {.kind = "bench", .records = ROWS, .latency_ms = 15000};

/* Asks the run to stop once the simulator has answered so often. */
struct until {
    struct run_world *w;
    int64_t requests;
};

static bool enough(void *ctx)
{
    const struct until *until = ctx;

    return sim_stat(until->w, "requests") >= until->requests;
}

static enum sl_code run_until(struct run_world *w, int64_t requests, const char *config)
{
    struct until until = {w, sim_stat(w, "requests") + requests};
    enum sl_code rc;

    w->stopping = enough;
    w->stopping_ctx = &until;
    rc = run_table(w, BENCH, config, false);
    w->stopping = NULL;
    w->stopping_ctx = NULL;
    return rc;
}

static void expect_all(struct run_world *w, bool history)
{
    if (!history) expect_truth(w, BENCH);
    expect_same(w, BENCH, "Name", "name", history);
}

/* Stopped after ever more requests: what was final is there, the rest is asked for, and the run
 * after that settles what may have gone meanwhile. */
static void a_first_load_goes_on_where_it_stopped(void **state)
{
    static const char *const configs[] = {CHAINS, HISTORY};

    (void)state;
    for (int i = 0; i < 2; i++) {
        for (int64_t stop = 5; stop < 33; stop += 9) {
            struct run_world w;
            run_world_make(&w, "airtable", &slow);
            assert_int_equal(run_until(&w, stop, configs[i]), SL_CANCELLED);
            int64_t landed =
                report_of(&w, "t")->version < 0 ? 0 : landed_rows(&w, "t", "_airtable_id", NULL);
            later(&w, 3600);
            /* What is gone since was landed, perhaps; what is new, too. */
            control(&w, "{\"ops\":[{\"op\":\"delete\",\"record\":11},{\"op\":\"create\"},"
                        "{\"op\":\"edit\",\"record\":12}]}");
            if (stop > 20) run_world_forget_home(&w);
            expect_run(&w, BENCH, configs[i]);
            const struct sl_table_report *t = report_of(&w, "t");
            assert_in_range(t->inserted, ROWS - landed, ROWS - landed + 1);
            later(&w, 600);
            expect_run(&w, BENCH, configs[i]);
            if (landed > 0) expect_full(&w, "more than one run");
            expect_all(&w, i == 1);
            later(&w, 600);
            expect_run(&w, BENCH, configs[i]);
            expect_full(&w, NULL);
            expect_all(&w, i == 1);
            run_world_unmake(&w);
        }
    }
}

/* Also where nothing else would make the run after it read everything. */
static void a_first_load_of_several_runs_is_settled_once(void **state)
{
    static const char config[] = CHAINS ",\"reconcile_every\":\"never\"";
    struct run_world w;

    (void)state;
    for (int64_t second = 8; second < 25; second += 8) {
        run_world_make(&w, "airtable", &slow);
        assert_int_equal(run_until(&w, 8, config), SL_CANCELLED);
        later(&w, 60);
        control(&w, "{\"op\":\"delete\",\"count\":300}");
        assert_int_equal(run_until(&w, second, config), SL_CANCELLED);
        later(&w, 60);
        expect_run(&w, BENCH, config);
        later(&w, 60);
        expect_run(&w, BENCH, config);
        expect_full(&w, "more than one run");
        expect_all(&w, false);
        run_world_unmake(&w);
    }
}

/* Nobody said how many chains, and the table is larger than what one run may ask for. */
static void a_capped_first_load_is_cut(void **state)
{
    static const struct sim_options quick = {.kind = "bench", .records = ROWS, .latency_ms = 20};
    static const char cap[] = "\"max_calls_per_run\":9,";
    struct run_world w;
    enum sl_code rc = SL_QUOTA;
    int runs = 0;

    (void)state;
    run_world_make(&w, "airtable", &quick);
    while (runs++ < 12 && rc) {
        rc = run_table_with(&w, cap, BENCH, "", false);
        if (rc && rc != SL_QUOTA) fail_msg("%s", w.error.message);
        later(&w, 600);
    }
    assert_int_equal(rc, SL_OK);
    expect_all(&w, false);
    run_world_unmake(&w);
}

static void an_outage_keeps_what_was_read(void **state)
{
    struct run_world w;

    (void)state;
    run_world_make(&w, "airtable", &slow);
    control(&w, "{\"fault\":\"503:n=33,times=1000000\"}");
    assert_int_not_equal(run_table(&w, BENCH, CHAINS, false), SL_OK);
    int64_t landed = landed_rows(&w, "t", "_airtable_id", NULL);
    assert_true(landed > ROWS / 2);
    control(&w, "{\"clear_faults\":true}");
    later(&w, 3600);
    expect_run(&w, BENCH, CHAINS);
    assert_true(report_of(&w, "t")->rows_read < ROWS / 2); /* shares that were done are not read */
    assert_int_equal(report_of(&w, "t")->inserted, ROWS - landed);
    expect_all(&w, false);
    run_world_unmake(&w);
}

static void a_cap_lets_a_first_load_go_on_run_by_run(void **state)
{
    static const char *const caps[] = {
        "\"max_calls_per_run\":12,",
        "\"max_calls_per_run\":20,",
    };

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct run_world w;
        enum sl_code rc = SL_QUOTA;
        int64_t landed = 0;
        int runs = 0;
        run_world_make(&w, "airtable", &slow);
        while (runs++ < 12 && rc) {
            rc = run_table_with(&w, caps[i], BENCH, CHAINS, false);
            if (rc && rc != SL_QUOTA) fail_msg("%s", w.error.message);
            if (rc && report_of(&w, "t")->version >= 0)
                landed = landed_rows(&w, "t", "_airtable_id", NULL);
            later(&w, 600);
        }
        assert_true(landed > 0);
        assert_int_equal(rc, SL_OK);
        expect_all(&w, false);
        run_world_unmake(&w);
    }
}

static void a_full_refresh_that_breaks_off_changes_nothing(void **state)
{
    struct run_world w;

    (void)state;
    run_world_make(&w, "airtable", &slow);
    expect_run(&w, BENCH, CHAINS);
    int64_t version = version_of(&w);
    later(&w, 600);
    control(&w, "{\"fault\":\"503:n=33,times=1000000\"}");
    assert_int_not_equal(run_table(&w, BENCH, CHAINS, true), SL_OK);
    assert_int_equal(version_of(&w), version);
    expect_all(&w, false);
    run_world_unmake(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_first_load_goes_on_where_it_stopped),
        cmocka_unit_test(a_first_load_of_several_runs_is_settled_once),
        cmocka_unit_test(a_capped_first_load_is_cut),
        cmocka_unit_test(an_outage_keeps_what_was_read),
        cmocka_unit_test(a_cap_lets_a_first_load_go_on_run_by_run),
        cmocka_unit_test(a_full_refresh_that_breaks_off_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
