/* Others write while a run reads: another run of the same flow, a restored table, an OPTIMIZE. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "delta/maintain.h"
#include "pipeline/cursor.h"
#include "run_look.h"

#define HISTORY "\"scd_type\":\"SCD_TYPE_2\""
#define VECTORS "\"table_properties\":{\"delta.enableDeletionVectors\":\"true\"}"

static const char *const configs[] = {"", HISTORY, VECTORS};

/* What happens once, in the middle of a run, when the simulator has answered so often. */
struct meanwhile {
    struct run_world *w, other; /* the same home and simulator, its own engine and report */
    const char *config;
    int64_t requests;
    void (*act)(struct meanwhile *m);
    bool done;
};

static bool on_the_way(void *ctx)
{
    struct meanwhile *m = ctx;

    if (!m->done && sim_stat(m->w, "requests") >= m->requests) {
        m->done = true;
        m->act(m);
    }
    return false;
}

/* A run of `source` in which `act` happens after the answer with that number. */
static enum sl_code run_while(struct run_world *w, struct meanwhile *m, const char *source,
                              const char *config, int64_t after, void (*act)(struct meanwhile *m))
{
    enum sl_code rc;

    *m = (struct meanwhile){.w = w, .other = *w, .config = config, .act = act};
    m->requests = sim_stat(w, "requests") + after;
    m->other.report = NULL;
    m->other.stopping = NULL;
    assert_int_equal(sl_delta_engine_new(NULL, 0, &m->other.delta, &w->error), SL_OK);
    w->stopping = on_the_way;
    w->stopping_ctx = m;
    rc = run_table(w, source, config, false);
    w->stopping = NULL;
    assert_true(m->done);
    sl_delta_engine_free(m->other.delta);
    m->other.delta = w->delta;
    sl_report_free(m->other.report);
    return rc;
}

static struct sl_delta_table *open_t(struct run_world *w)
{
    char location[500];
    struct sl_delta_table *table = NULL;

    snprintf(location, sizeof location, "%s/warehouse/main/bronze/t", w->home);
    assert_int_equal(sl_delta_open(w->delta, location, -1, &table, &w->error), SL_OK);
    return table;
}

/* ---- another run ---- */

static void another_run(struct meanwhile *m)
{
    control(m->w, "{\"ops\":[{\"op\":\"edit\",\"table\":\"SKU Candidates\",\"record\":5},"
                  "{\"op\":\"create\",\"table\":\"SKU Candidates\"}]}");
    m->other.world = m->w->world;
    if (run_table(&m->other, "SKU Candidates", m->config, false))
        fail_msg("%s", m->other.error.message);
    assert_true(report_of(&m->other, "t")->version >= 0);
}

/* after: during the discovery, during the read. */
static void the_slower_of_two_runs_stops(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct run_world w;
        struct meanwhile m;
        run_world_make(&w, "airtable", NULL);
        expect_run(&w, "SKU Candidates", configs[i]);
        later(&w, A_DAY); /* everything is read: three pages */
        control(&w, "{\"op\":\"edit\",\"table\":\"SKU Candidates\",\"record\":4}");
        later(&w, 60);
        enum sl_code rc = run_while(&w, &m, "SKU Candidates", configs[i], 3, another_run);
        assert_int_equal(rc, SL_FENCED);
        assert_int_equal(report_of(&w, "t")->version, -1);
        expect_same(&w, "SKU Candidates", "SKU", "sku", i == 1);
        if (i != 1) expect_truth(&w, "SKU Candidates");
        later(&w, 600);
        expect_run(&w, "SKU Candidates", configs[i]);
        expect_same(&w, "SKU Candidates", "SKU", "sku", i == 1);
        expect_same(&w, "SKU Candidates", "Notes", "notes", i == 1);
        run_world_unmake(&w);
    }
}

static void two_first_loads_at_once_land_the_rows_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct run_world w;
        struct meanwhile m;
        run_world_make(&w, "airtable", NULL);
        enum sl_code rc = run_while(&w, &m, "SKU Candidates", configs[i], 2, another_run);
        assert_int_equal(rc, SL_FENCED);
        assert_int_equal(report_of(&w, "t")->version, -1);
        expect_truth(&w, "SKU Candidates");
        later(&w, 600);
        expect_run(&w, "SKU Candidates", configs[i]);
        expect_same(&w, "SKU Candidates", "SKU", "sku", i == 1);
        run_world_unmake(&w);
    }
}

/* It slept for two days and ten runs. */
static void ten_runs(struct meanwhile *m)
{
    for (int i = 0; i < 10; i++) {
        another_run(m);
        later(m->w, 17000);
    }
}

static void a_zombie_stops(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct run_world w;
        struct meanwhile m;
        run_world_make(&w, "airtable", NULL);
        expect_run(&w, "SKU Candidates", configs[i]);
        later(&w, A_DAY);
        assert_int_equal(run_while(&w, &m, "SKU Candidates", configs[i], 3, ten_runs), SL_FENCED);
        expect_same(&w, "SKU Candidates", "SKU", "sku", i == 1);
        if (i != 1) expect_truth(&w, "SKU Candidates");
        run_world_unmake(&w);
    }
}

/* Two first loads in parts; the slower one has a part committed. */
static void another_first_load(struct meanwhile *m)
{
    m->other.world = m->w->world;
    if (run_table(&m->other, "Bench 1", m->config, false)) fail_msg("%s", m->other.error.message);
}

static void a_first_load_in_parts_is_taken_over_once(void **state)
{
    static const char config[] = "\"table_properties\":{\"sluice.chains\":\"8\"}";
    static const struct sim_options slow = {.kind = "bench", .records = 3000, .latency_ms = 20000};

    (void)state;
    for (int64_t after = 8; after < 30; after += 10) {
        struct run_world w;
        struct meanwhile m;
        run_world_make(&w, "airtable", &slow);
        assert_int_equal(run_while(&w, &m, "Bench 1", config, after, another_first_load),
                         SL_FENCED);
        expect_truth(&w, "Bench 1");
        later(&w, 600);
        expect_run(&w, "Bench 1", config);
        expect_truth(&w, "Bench 1");
        expect_same(&w, "Bench 1", "Name", "name", false);
        run_world_unmake(&w);
    }
}

/* ---- a cursor that is reset, a table that is joined ---- */

static void reset_cursor(struct meanwhile *m)
{
    struct sl_delta_table *table = open_t(&m->other);

    assert_int_equal(sl_cursor_reset(table, sl_now_us(m->w->world), &m->other.error), SL_OK);
    sl_delta_table_free(table);
}

static void a_reset_in_the_middle_stops_the_run_and_is_heard_by_the_next(void **state)
{
    struct run_world w;
    struct meanwhile m;

    (void)state;
    run_world_make(&w, "airtable", NULL);
    expect_run(&w, "SKU Candidates", "");
    later(&w, 600);
    control(&w, "{\"op\":\"edit\",\"table\":\"SKU Candidates\",\"record\":4}");
    later(&w, 60);
    assert_int_equal(run_while(&w, &m, "SKU Candidates", "", 2, reset_cursor), SL_FENCED);
    later(&w, 60);
    expect_run(&w, "SKU Candidates", "");
    expect_full(&w, "its cursor was reset");
    expect_changes(&w, 0, 1, 0);
    expect_same(&w, "SKU Candidates", "Notes", "notes", false);
    run_world_unmake(&w);
}

static void optimize(struct meanwhile *m)
{
    struct sl_delta_table *table = open_t(&m->other);
    struct sl_delta_optimize_options options = {.dead_ratio = -1};
    struct sl_delta_optimized done = {0};

    if (sl_delta_optimize(table, &options, &done, &m->other.error))
        fail_msg("%s", m->other.error.message);
    assert_true(done.version >= 0);
    sl_delta_table_free(table);
}

static void an_optimize_in_the_middle_is_built_upon(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        for (int complete = 0; complete < 2; complete++) {
            struct run_world w;
            struct meanwhile m;
            run_world_make(&w, "airtable", &(struct sim_options){.latency_ms = 1000});
            expect_run(&w, "SKU Candidates", configs[i]);
            for (int n = 0; n < 3; n++) { /* files to join */
                later(&w, 1200);
                control(&w, "{\"op\":\"create\",\"table\":\"SKU Candidates\"}");
                later(&w, 60);
                expect_run(&w, "SKU Candidates", configs[i]);
            }
            later(&w, 1200);
            control(&w, "{\"op\":\"edit\",\"table\":\"SKU Candidates\",\"record\":4}");
            if (complete)
                control(&w, "{\"op\":\"delete\",\"table\":\"SKU Candidates\",\"record\":8}");
            later(&w, complete ? A_DAY : 60);
            int64_t version = version_of(&w);
            enum sl_code rc = run_while(&w, &m, "SKU Candidates", configs[i], 2, optimize);
            if (rc) fail_msg("%s", w.error.message);
            expect_changes(&w, 0, 1, complete);
            assert_true(version_of(&w) >= version + 2);
            expect_same(&w, "SKU Candidates", "Notes", "notes", i == 1);
            later(&w, 60);
            expect_run(&w, "SKU Candidates", configs[i]);
            expect_full(&w, NULL); /* an OPTIMIZE is nothing */
            run_world_unmake(&w);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_slower_of_two_runs_stops),
        cmocka_unit_test(two_first_loads_at_once_land_the_rows_once),
        cmocka_unit_test(a_first_load_in_parts_is_taken_over_once),
        cmocka_unit_test(a_zombie_stops),
        cmocka_unit_test(a_reset_in_the_middle_stops_the_run_and_is_heard_by_the_next),
        cmocka_unit_test(an_optimize_in_the_middle_is_built_upon),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
