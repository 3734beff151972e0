/* Second runs and later ones, against the Airtable simulator in virtual time: a run takes what
 * changed, a complete read finds what is gone, and whatever others did the table is the truth. */
#include "run_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TABLES                                                                                     \
    "{\"connection_name\":\"c\",\"catalog\":\"main\",\"schema\":\"bronze\",\"objects\":[{"         \
    "\"table\":{\"source_table\":\"%s\",\"destination_table\":\"t\","                              \
    "\"table_configuration\":{%s}}}]}"

static enum sl_code run_with(struct run_world *w, const char *source, const char *config, bool full)
{
    char spec[2000];

    snprintf(spec, sizeof spec, TABLES, source, config);
    return run_spec(w, spec, full);
}

static void expect_run(struct run_world *w, const char *source, const char *config)
{
    enum sl_code rc = run_with(w, source, config, false);

    if (rc) fail_msg("%s: %s (%s)", sl_code_name(rc), w->error.message, w->error.hint);
}

static void expect_changes(struct run_world *w, int64_t inserted, int64_t updated, int64_t deleted)
{
    const struct sl_table_report *t = report_of(w, "t");

    assert_int_equal(t->inserted, inserted);
    assert_int_equal(t->updated, updated);
    assert_int_equal(t->deleted, deleted);
}

static void expect_truth(struct run_world *w, const char *source)
{
    int64_t distinct = 0, rows = landed_rows(w, "t", "_airtable_id", &distinct);

    assert_int_equal(rows, true_rows(w, source));
    assert_int_equal(rows, distinct);
}

static void a_run_without_a_change_writes_nothing_and_asks_little(void **state)
{
    struct run_world w;

    (void)state;
    run_world_make(&w, "airtable", NULL);
    expect_run(&w, "SKU Candidates", "");
    expect_changes(&w, 240, 0, 0);
    int64_t calls = 0;
    for (int i = 0; i < 4; i++) {
        later(&w, 300);
        expect_run(&w, "SKU Candidates", "");
        expect_changes(&w, 0, 0, 0);
        calls += report_of(&w, "t")->calls;
        /* What the test of the filter said is kept, or it would be made again. */
        assert_int_equal(report_of(&w, "t")->version, i == 0 ? 1 : -1);
    }
    assert_int_equal(calls, 2 + 3);
    expect_truth(&w, "SKU Candidates");
    run_world_unmake(&w);
}

static void a_run_takes_what_changed_and_a_daily_one_finds_what_is_gone(void **state)
{
    static const char *const configs[] = {
        "\"scd_type\":\"SCD_TYPE_1\"",
        "\"table_properties\":{\"delta.enableDeletionVectors\":\"true\"}",
    };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct run_world w;
        run_world_make(&w, "airtable", NULL);
        expect_run(&w, "SKU Candidates", configs[i]);
        later(&w, 600);
        control(&w, "{\"ops\":[{\"op\":\"edit\",\"table\":\"SKU Candidates\",\"record\":3},"
                    "{\"op\":\"edit\",\"table\":\"SKU Candidates\",\"record\":7},"
                    "{\"op\":\"create\",\"table\":\"SKU Candidates\",\"count\":2},"
                    "{\"op\":\"delete\",\"table\":\"SKU Candidates\",\"record\":20}]}");
        later(&w, 600);
        expect_run(&w, "SKU Candidates", configs[i]);
        expect_changes(&w, 2, 2, 0);
        assert_null(report_of(&w, "t")->why_full);
        later(&w, A_DAY);
        expect_run(&w, "SKU Candidates", configs[i]);
        assert_int_equal(report_of(&w, "t")->deleted, 1);
        assert_non_null(strstr(report_of(&w, "t")->why_full, "complete read is due"));
        expect_truth(&w, "SKU Candidates");
        run_world_unmake(&w);
    }
}

static void history_keeps_what_was(void **state)
{
    static const char config[] = "\"scd_type\":\"SCD_TYPE_2\"";
    struct run_world w;

    (void)state;
    run_world_make(&w, "airtable", NULL);
    expect_run(&w, "Vendors", config);
    assert_int_equal(landed_count(&w, "t", "__END_AT", true), 90);
    for (int i = 0; i < 3; i++) {
        later(&w, 1200);
        control(&w, "{\"op\":\"edit\",\"table\":\"Vendors\",\"record\":5}");
        later(&w, 1200);
        expect_run(&w, "Vendors", config);
        expect_changes(&w, 0, 1, 0);
    }
    assert_int_equal(landed_count(&w, "t", "__END_AT", true), 90);
    assert_int_equal(landed_count(&w, "t", "__END_AT", false), 3);
    later(&w, 10);
    control(&w, "{\"op\":\"delete\",\"table\":\"Vendors\",\"record\":6}");
    later(&w, A_DAY);
    expect_run(&w, "Vendors", config);
    assert_int_equal(landed_count(&w, "t", "__END_AT", true), 89);
    later(&w, A_DAY);
    expect_run(&w, "Vendors", config); /* a complete read without a change */
    assert_int_equal(landed_count(&w, "t", "__END_AT", false) +
                         landed_count(&w, "t", "__END_AT", true),
                     93);
    /* A full refresh of history is a comparison: nothing of it is lost. */
    if (run_with(&w, "Vendors", config, true)) fail_msg("%s", w.error.message);
    assert_int_equal(landed_count(&w, "t", "__END_AT", true), 89);
    assert_true(landed_count(&w, "t", "__END_AT", false) >= 4);
    run_world_unmake(&w);
}

static void without_its_home_a_table_goes_on_where_it_stood(void **state)
{
    struct run_world w;

    (void)state;
    run_world_make(&w, "airtable", NULL);
    expect_run(&w, "Vendors", "");
    later(&w, 1200);
    run_world_forget_home(&w);
    control(&w, "{\"op\":\"edit\",\"table\":\"Vendors\",\"record\":5}");
    later(&w, 1200);
    expect_run(&w, "Vendors", "");
    expect_changes(&w, 0, 1, 0);
    assert_null(report_of(&w, "t")->why_full);
    run_world_unmake(&w);
}

static void a_new_field_is_filled_at_once_for_all_rows(void **state)
{
    struct run_world w;

    (void)state;
    run_world_make(&w, "airtable", NULL);
    expect_run(&w, "Vendors", "");
    later(&w, 1200);
    control(&w, "{\"op\":\"add_field\",\"table\":\"Vendors\",\"name\":\"Region\","
                "\"type\":\"singleLineText\"}");
    later(&w, 1200);
    expect_run(&w, "Vendors", "");
    assert_non_null(strstr(report_of(&w, "t")->why_full, "new columns"));
    assert_true(landed_count(&w, "t", "region", true) + landed_count(&w, "t", "region", false) ==
                90);
    run_world_unmake(&w);
}

static void a_mode_is_for_life(void **state)
{
    struct run_world w;

    (void)state;
    run_world_make(&w, "airtable", NULL);
    expect_run(&w, "Vendors", "");
    later(&w, 60);
    assert_int_equal(run_with(&w, "Vendors", "\"scd_type\":\"SCD_TYPE_2\"", false), SL_UNSUPPORTED);
    assert_non_null(strstr(w.error.message, "'latest'"));
    expect_truth(&w, "Vendors");
    run_world_unmake(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_without_a_change_writes_nothing_and_asks_little),
        cmocka_unit_test(a_run_takes_what_changed_and_a_daily_one_finds_what_is_gone),
        cmocka_unit_test(history_keeps_what_was),
        cmocka_unit_test(without_its_home_a_table_goes_on_where_it_stood),
        cmocka_unit_test(a_new_field_is_filled_at_once_for_all_rows),
        cmocka_unit_test(a_mode_is_for_life),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
