/* Whole runs against the Airtable simulator in virtual time: what lands, whatever happens. */
#include "run_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const sources[] = {"SKU Candidates",  "Launch Milestones", "Compliance Records",
                                      "Packaging Tasks", "Marketing Assets",  "Vendors"};
static const char *const tables[] = {"sku_candidates",  "launch_milestones", "compliance_records",
                                     "packaging_tasks", "marketing_assets",  "vendors"};

#define WHOLE_BASE                                                                                 \
    "{\"connection_name\":\"c\",\"catalog\":\"main\",\"schema\":\"bronze\",\"objects\":[{"         \
    "\"schema\":{\"destination_catalog\":\"main\",\"destination_schema\":\"bronze\"}}]}"
#define ONE(table)                                                                                 \
    "{\"connection_name\":\"c\",\"catalog\":\"main\",\"schema\":\"bronze\",\"objects\":[{"         \
    "\"table\":{\"source_table\":\"" table "\"}}]}"

static void expect_truth(struct run_world *w)
{
    for (size_t i = 0; i < 6; i++) {
        int64_t distinct = 0, rows = landed_rows(w, tables[i], "_airtable_id", &distinct);
        assert_int_equal(rows, true_rows(w, sources[i]));
        assert_int_equal(rows, distinct);
        assert_int_equal(report_of(w, tables[i])->state, SL_TABLE_COMPLETED);
    }
}

static void expect_ok(struct run_world *w, enum sl_code rc)
{
    if (rc) fail_msg("%s: %s (%s)", sl_code_name(rc), w->error.message, w->error.hint);
}

static void lands_six_tables(void **state)
{
    struct run_world w;

    (void)state;
    run_world_make(&w, "airtable", NULL);
    expect_ok(&w, run_spec(&w, WHOLE_BASE, false));
    expect_truth(&w);
    assert_int_equal(w.report->count, 6);
    assert_int_equal(sim_stat(&w, "limited"), 0);
    expect_ok(&w, run_spec(&w, WHOLE_BASE, false)); /* and again: the same */
    expect_truth(&w);
    run_world_unmake(&w);
}

/* Each of these in the middle of a run, and the tables equal the truth afterwards. */
static void bad_moments_change_nothing(void **state)
{
    static const char *const faults[] = {
        "429:n=5",           "429:n=5,times=6",   "500:n=4",
        "502:n=4",           "503:n=4",           "503:n=4,retry_after=7",
        "reset:n=6",         "cut:n=6",           "truncated:n=6",
        "html:n=5",          "bad_json:n=5",      "iterator_expired:page=2",
        "empty_page:page=1", "page_twice:page=2",
    };

    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct sim_options options = {.fault = faults[i]};
        struct run_world w;
        run_world_make(&w, "airtable", &options);
        enum sl_code rc = run_spec(&w, WHOLE_BASE, false);
        if (rc) fail_msg("%s: %s: %s", faults[i], sl_code_name(rc), w.error.message);
        expect_truth(&w);
        run_world_unmake(&w);
    }
}

static void a_429_pauses_for_thirty_seconds_of_virtual_time(void **state)
{
    struct sim_options options = {.fault = "429:n=5"};
    struct run_world w;

    (void)state;
    run_world_make(&w, "airtable", &options);
    expect_ok(&w, run_spec(&w, WHOLE_BASE, false));
    assert_true(w.virtual_us >= INT64_C(30000000));
    assert_true(w.virtual_us < INT64_C(90000000));
    assert_true(w.report->limited >= 1);
    run_world_unmake(&w);
}

static void the_limit_is_never_tripped(void **state)
{
    static const int64_t latencies[] = {0, 200, 500};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct sim_options options = {.records = 2000, .latency_ms = latencies[i]};
        struct run_world w;
        run_world_make(&w, "airtable", &options);
        expect_ok(&w, run_spec(&w, WHOLE_BASE, false));
        assert_int_equal(sim_stat(&w, "limited"), 0);
        assert_true(sim_stat(&w, "peak_per_second") <= 5);
        expect_truth(&w);
        run_world_unmake(&w);
    }
}

static void one_failed_table_does_not_stop_the_others(void **state)
{
    struct sim_options options = {.fault = "403:table=Vendors"};
    struct run_world w;

    (void)state;
    run_world_make(&w, "airtable", &options);
    assert_int_equal(run_spec(&w, WHOLE_BASE, false), SL_PARTIAL);
    assert_non_null(strstr(w.error.message, "Vendors"));
    assert_int_equal(report_of(&w, "vendors")->state, SL_TABLE_FAILED);
    assert_int_equal(report_of(&w, "vendors")->error.code, SL_PERMISSION);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(landed_rows(&w, tables[i], "_airtable_id", NULL),
                         true_rows(&w, sources[i]));
    run_world_unmake(&w);
}

static void a_lost_permission_deletes_nothing(void **state)
{
    struct run_world w;

    (void)state;
    run_world_make(&w, "airtable", NULL);
    expect_ok(&w, run_spec(&w, WHOLE_BASE, false));
    control(&w, "{\"fault\":\"403:table=Vendors\"}");
    assert_int_equal(run_spec(&w, WHOLE_BASE, false), SL_PARTIAL);
    assert_int_equal(landed_rows(&w, "vendors", "_airtable_id", NULL), true_rows(&w, "Vendors"));
    run_world_unmake(&w);
}

static void a_collapsed_source_is_held_back_until_it_is_confirmed(void **state)
{
    struct run_world w;

    (void)state;
    run_world_make(&w, "airtable", NULL);
    expect_ok(&w, run_spec(&w, WHOLE_BASE, false));
    int64_t before = true_rows(&w, "SKU Candidates");
    control(&w, "{\"ops\":[{\"op\":\"delete\",\"table\":\"SKU Candidates\",\"count\":200}]}");
    int64_t after = true_rows(&w, "SKU Candidates");
    assert_true(after * 2 < before);
    later(&w, A_DAY);
    assert_int_equal(run_spec(&w, ONE("SKU Candidates"), false), SL_SOURCE);
    assert_non_null(strstr(w.error.hint, "--full-refresh"));
    assert_int_equal(landed_rows(&w, "sku_candidates", "_airtable_id", NULL), before);
    expect_ok(&w, run_spec(&w, ONE("SKU Candidates"), true));
    assert_int_equal(landed_rows(&w, "sku_candidates", "_airtable_id", NULL), after);
    run_world_unmake(&w);
}

/* Records are edited, created and deleted between two pages. Each row is some version that was
 * live; after a second, quiet run the tables equal the truth. */
static void changes_between_pages_settle_with_a_quiet_run(void **state)
{
    struct sim_options options = {.fault = "mutate:every=2"};
    struct run_world w;

    (void)state;
    run_world_make(&w, "airtable", &options);
    expect_ok(&w, run_spec(&w, WHOLE_BASE, false));
    for (size_t i = 0; i < 6; i++) {
        int64_t distinct, rows = landed_rows(&w, tables[i], "_airtable_id", &distinct);
        assert_int_equal(rows, distinct);
    }
    control(&w, "{\"clear_faults\":true}");
    later(&w, A_DAY); /* deletes are found by a complete read */
    expect_ok(&w, run_spec(&w, WHOLE_BASE, false));
    expect_truth(&w);
    run_world_unmake(&w);
}

static void a_renamed_table_and_field_keep_their_names(void **state)
{
    struct run_world w;

    (void)state;
    run_world_make(&w, "airtable", NULL);
    expect_ok(&w, run_spec(&w, WHOLE_BASE, false));
    control(&w, "{\"ops\":[{\"op\":\"rename_table\",\"table\":\"Vendors\",\"to\":\"Suppliers\"}]}");
    expect_ok(&w, run_spec(&w, ONE("Vendors"), false)); /* the spec still says Vendors */
    assert_int_equal(landed_rows(&w, "vendors", "_airtable_id", NULL), true_rows(&w, "Suppliers"));
    assert_int_equal(w.report->count, 1);
    expect_ok(&w, run_spec(&w, WHOLE_BASE, false)); /* and a whole base makes no second table */
    assert_int_equal(w.report->count, 6);
    assert_int_equal(report_of(&w, "vendors")->state, SL_TABLE_COMPLETED);
    run_world_unmake(&w);
}

/* -1: there is no such table. */
static int64_t newest_version(struct run_world *w, const char *name)
{
    char location[600];
    struct sl_delta_table *table = NULL;
    int64_t version;

    snprintf(location, sizeof location, "%s/warehouse/main/bronze/%s", w->home, name);
    if (sl_delta_open(w->delta, location, -1, &table, &w->error)) return -1;
    version = sl_delta_version(table);
    sl_delta_table_free(table);
    return version;
}

/* Nothing is there for a reader to find before a table's first version, which has everything. */
static void a_first_run_that_fails_leaves_no_table(void **state)
{
    struct sim_options options = {.fault = "403:table=Vendors"};
    struct run_world w;

    (void)state;
    run_world_make(&w, "airtable", &options);
    assert_int_equal(run_spec(&w, WHOLE_BASE, false), SL_PARTIAL);
    assert_int_equal(newest_version(&w, "vendors"), -1);
    assert_int_equal(newest_version(&w, "sku_candidates"), 0);
    run_world_unmake(&w);
}

static void an_empty_answer_deletes_nothing(void **state)
{
    struct run_world w;

    (void)state;
    run_world_make(&w, "airtable", NULL);
    expect_ok(&w, run_spec(&w, ONE("Vendors"), false)); /* 90 rows: too few for the collapse rule */
    control(&w, "{\"ops\":[{\"op\":\"delete\",\"table\":\"Vendors\",\"count\":90}]}");
    assert_int_equal(true_rows(&w, "Vendors"), 0);
    later(&w, A_DAY);
    assert_int_equal(run_spec(&w, ONE("Vendors"), false), SL_SOURCE);
    assert_int_equal(landed_rows(&w, "vendors", "_airtable_id", NULL), 90);
    expect_ok(&w, run_spec(&w, ONE("Vendors"), true));
    assert_int_equal(landed_rows(&w, "vendors", "_airtable_id", NULL), 0);
    run_world_unmake(&w);
}

/* One refusal of everything is one call, also where more tables wait than are read at once. */
static void a_refusal_of_everything_stops_the_tables_that_wait(void **state)
{
    struct sim_options options = {.kind = "grid"};
    struct run_world w;

    (void)state;
    run_world_make(&w, "airtable", &options);
    control(&w, "{\"ops\":[{\"op\":\"base\",\"kind\":\"grid\",\"tables\":40,\"fields\":3,"
                "\"records\":5}]}");
    control(&w, "{\"fault\":\"401:n=2,times=1000\"}");
    assert_int_equal(run_spec(&w, WHOLE_BASE, false), SL_AUTH);
    assert_true(sim_stat(&w, "requests") <= 2 + 16);
    assert_int_equal(w.report->count, 40);
    for (size_t i = 0; i < w.report->count; i++)
        assert_true(w.report->tables[i].state == SL_TABLE_FAILED ||
                    w.report->tables[i].state == SL_TABLE_STOPPED);
    run_world_unmake(&w);
}

static void a_new_table_under_an_old_name_lands_beside_it(void **state)
{
    struct run_world w;

    (void)state;
    run_world_make(&w, "airtable", NULL);
    expect_ok(&w, run_spec(&w, WHOLE_BASE, false));
    control(&w, "{\"ops\":[{\"op\":\"rename_table\",\"table\":\"Vendors\",\"to\":\"Old Vendors\"},"
                "{\"op\":\"add_table\",\"name\":\"New\",\"records\":3},"
                "{\"op\":\"rename_table\",\"table\":\"New\",\"to\":\"Vendors\"}]}");
    expect_ok(&w, run_spec(&w, WHOLE_BASE, false));
    assert_int_equal(w.report->count, 7);
    assert_int_equal(landed_rows(&w, "vendors", "_airtable_id", NULL),
                     true_rows(&w, "Old Vendors"));
    run_world_unmake(&w);
}

static void column_mapping_takes_the_field_ids_when_asked(void **state)
{
    struct run_world w;
    char command[700];

    (void)state;
    run_world_make(&w, "airtable", NULL);
    expect_ok(&w, run_spec(&w,
                           "{\"connection_name\":\"c\",\"catalog\":\"main\",\"schema\":\"bronze\","
                           "\"objects\":[{\"table\":{\"source_table\":\"Vendors\","
                           "\"table_configuration\":{\"table_properties\":{"
                           "\"delta.columnMapping.mode\":\"name\"}}}}]}",
                           false));
    assert_int_equal(landed_rows(&w, "vendors", "_airtable_id", NULL), true_rows(&w, "Vendors"));
#ifdef DELTA_STUB
    snprintf(command, sizeof command, "true"); /* in memory there is no log to look into */
#else
    snprintf(command, sizeof command,
             "grep -q 'delta.columnMapping.physicalName.*fld' '%s'/warehouse/main/bronze/vendors/"
             "_delta_log/00000000000000000000.json",
             w.home);
#endif
    assert_int_equal(system(command), 0);
    run_world_unmake(&w);
}

static void a_new_field_becomes_a_column_and_an_unknown_one_is_kept(void **state)
{
    struct sim_options options = {.fault = "unknown_field:page=1"};
    struct run_world w;

    (void)state;
    run_world_make(&w, "airtable", &options);
    expect_ok(&w, run_spec(&w, ONE("Vendors"), false));
    assert_true(report_of(&w, "vendors")->rescued > 0);
    assert_non_null(strstr(report_of(&w, "vendors")->rescues_json, "unknown_field"));
    control(&w, "{\"ops\":[{\"op\":\"add_field\",\"table\":\"Vendors\",\"name\":\"Score 2\","
                "\"type\":\"number\"}]}");
    expect_ok(&w, run_spec(&w, ONE("Vendors"), false));
    assert_int_equal(landed_rows(&w, "vendors", "_airtable_id", NULL), true_rows(&w, "Vendors"));
    run_world_unmake(&w);
}

static void a_wrong_token_stops_everything_with_its_own_code(void **state)
{
    struct sim_options options = {.fault = "401"};
    struct run_world w;

    (void)state;
    run_world_make(&w, "airtable", &options);
    assert_int_equal(run_spec(&w, WHOLE_BASE, false), SL_AUTH);
    assert_true(w.error.hint[0]);
    run_world_unmake(&w);
}

static void a_table_that_does_not_exist_is_named_with_its_neighbour(void **state)
{
    struct run_world w;

    (void)state;
    run_world_make(&w, "airtable", NULL);
    assert_int_equal(run_spec(&w, ONE("Vendor"), false), SL_NOT_FOUND);
    assert_non_null(strstr(w.error.hint, "Vendors"));
    run_world_unmake(&w);
}

static bool stop_at_once(void *ctx)
{
    return ++*(int *)ctx > 6;
}

static void a_stopped_run_commits_nothing_half(void **state)
{
    struct run_world w;
    int asked = 0;

    (void)state;
    run_world_make(&w, "airtable", NULL);
    w.stopping = stop_at_once;
    w.stopping_ctx = &asked;
    assert_int_equal(run_spec(&w, WHOLE_BASE, false), SL_CANCELLED);
    w.stopping = NULL;
    expect_ok(&w, run_spec(&w, WHOLE_BASE, false));
    expect_truth(&w);
    run_world_unmake(&w);
}

static void rows_that_change_cannot_only_be_appended(void **state)
{
    struct run_world w;

    (void)state;
    run_world_make(&w, "airtable", NULL);
    assert_int_equal(
        run_spec(&w,
                 "{\"connection_name\":\"c\",\"catalog\":\"main\",\"schema\":\"bronze\","
                 "\"objects\":[{\"table\":{\"source_table\":\"Vendors\","
                 "\"table_configuration\":{\"scd_type\":\"APPEND_ONLY\"}}}]}",
                 false),
        SL_UNSUPPORTED);
    run_world_unmake(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lands_six_tables),
        cmocka_unit_test(bad_moments_change_nothing),
        cmocka_unit_test(a_429_pauses_for_thirty_seconds_of_virtual_time),
        cmocka_unit_test(the_limit_is_never_tripped),
        cmocka_unit_test(one_failed_table_does_not_stop_the_others),
        cmocka_unit_test(a_lost_permission_deletes_nothing),
        cmocka_unit_test(a_collapsed_source_is_held_back_until_it_is_confirmed),
        cmocka_unit_test(changes_between_pages_settle_with_a_quiet_run),
        cmocka_unit_test(a_renamed_table_and_field_keep_their_names),
        cmocka_unit_test(a_first_run_that_fails_leaves_no_table),
        cmocka_unit_test(an_empty_answer_deletes_nothing),
        cmocka_unit_test(a_refusal_of_everything_stops_the_tables_that_wait),
        cmocka_unit_test(a_new_table_under_an_old_name_lands_beside_it),
        cmocka_unit_test(column_mapping_takes_the_field_ids_when_asked),
        cmocka_unit_test(a_new_field_becomes_a_column_and_an_unknown_one_is_kept),
        cmocka_unit_test(a_wrong_token_stops_everything_with_its_own_code),
        cmocka_unit_test(a_table_that_does_not_exist_is_named_with_its_neighbour),
        cmocka_unit_test(a_stopped_run_commits_nothing_half),
        cmocka_unit_test(rows_that_change_cannot_only_be_appended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
