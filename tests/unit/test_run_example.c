/* Whole runs against the example's simulator: a table for each way in which one can be read. */
#include "run_world.h"

#include <string.h>

#define TABLE(name)                                                                                \
    "{\"connection_name\":\"c\",\"catalog\":\"main\",\"schema\":\"bronze\",\"objects\":[{"         \
    "\"table\":{\"source_table\":\"" name "\"}}]}"

static void expect_ok(struct run_world *w, enum sl_code rc)
{
    if (rc) fail_msg("%s: %s (%s)", sl_code_name(rc), w->error.message, w->error.hint);
}

static void expect_distinct(struct run_world *w, const char *table, const char *key, int64_t rows)
{
    int64_t distinct = 0;

    assert_int_equal(landed_rows(w, table, key, &distinct), rows);
    assert_int_equal(distinct, rows);
}

static const struct {
    const char *spec, *table, *key;
} kinds[] = {
    {TABLE("products"), "products", "product_id"}, {TABLE("events"), "events", "event_id"},
    {TABLE("users"), "users", "user_id"},          {TABLE("orders"), "orders", "order_id"},
    {TABLE("metrics"), "metrics", "metric_id"},
};

static void a_second_run_adds_no_row_twice(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct run_world w;
        run_world_make(&w, "example", NULL);
        expect_ok(&w, run_spec(&w, kinds[i].spec, false));
        int64_t rows = landed_rows(&w, kinds[i].table, kinds[i].key, NULL);
        assert_true(rows > 0);
        expect_ok(&w, run_spec(&w, kinds[i].spec, false));
        expect_distinct(&w, kinds[i].table, kinds[i].key,
                        landed_rows(&w, kinds[i].table, kinds[i].key, NULL));
        assert_true(landed_rows(&w, kinds[i].table, kinds[i].key, NULL) >= rows);
        run_world_unmake(&w);
    }
}

/* What is read in full replaces what is there, in an appended table too. */
static void a_full_refresh_replaces_what_is_there(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct run_world w;
        run_world_make(&w, "example", NULL);
        expect_ok(&w, run_spec(&w, kinds[i].spec, false));
        int64_t rows = landed_rows(&w, kinds[i].table, kinds[i].key, NULL);
        expect_ok(&w, run_spec(&w, kinds[i].spec, true));
        int64_t after = landed_rows(&w, kinds[i].table, kinds[i].key, NULL);
        assert_true(after >= rows);
        expect_distinct(&w, kinds[i].table, kinds[i].key, after);
        run_world_unmake(&w);
    }
}

static void an_appended_table_without_news_is_not_written(void **state)
{
    struct run_world w;

    (void)state;
    run_world_make(&w, "example", NULL);
    expect_ok(&w, run_spec(&w, TABLE("events"), false));
    int64_t rows = report_of(&w, "events")->rows_landed;
    expect_ok(&w, run_spec(&w, TABLE("events"), false));
    expect_ok(&w, run_spec(&w, TABLE("events"), false));
    assert_true(report_of(&w, "events")->rows_landed < rows);
    run_world_unmake(&w);
}

/* The rows of the other windows are there at once, those of the one that failed with the next run. */
static void a_window_that_fails_leaves_the_others(void **state)
{
    static const char windows[] =
        "{\"connection_name\":\"c\",\"catalog\":\"main\",\"schema\":\"bronze\",\"objects\":[{"
        "\"table\":{\"source_table\":\"metrics\",\"table_configuration\":{"
        "\"table_properties\":{\"sluice.window_seconds\":\"60\"}}}}]}";
    struct run_world w;

    (void)state;
    run_world_make(&w, "example", NULL);
    control(&w, "{\"fault\":\"404:path=metrics,n=3\"}");
    if (run_spec(&w, windows, false) != SL_PARTIAL) fail_msg("%s", w.error.message);
    assert_non_null(strstr(w.error.message, "table 'metrics': 1 of "));
    assert_non_null(strstr(w.error.message, " parts failed, the first: the time from 20"));
    assert_int_equal(report_of(&w, "metrics")->parts_failed, 1);
    int64_t rows = landed_rows(&w, "metrics", "metric_id", NULL);
    assert_true(rows > 0);
    later(&w, 60);
    expect_ok(&w, run_spec(&w, windows, false));
    assert_true(landed_rows(&w, "metrics", "metric_id", NULL) > rows);
    assert_true(report_of(&w, "metrics")->inserted > 0);
    run_world_unmake(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_run_adds_no_row_twice),
        cmocka_unit_test(a_full_refresh_replaces_what_is_there),
        cmocka_unit_test(an_appended_table_without_news_is_not_written),
        cmocka_unit_test(a_window_that_fails_leaves_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
