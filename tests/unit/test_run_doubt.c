/* What a source shows late, wrongly or not at all: rows are found, and none is deleted that is
 * still there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run_look.h"

#define TABLE "SKU Candidates"
#define ON_TABLE "\"table\":\"" TABLE "\""
#define HISTORY "\"scd_type\":\"SCD_TYPE_2\""

static void make(struct run_world *w, const char *config)
{
    run_world_make(w, "airtable", NULL);
    expect_run(w, TABLE, config);
    later(w, 1200);
}

static void expect_as_source(struct run_world *w, bool history)
{
    expect_same(w, TABLE, "SKU", "sku", history);
    expect_same(w, TABLE, "Notes", "notes", history);
    if (!history) expect_truth(w, TABLE);
}

/* The listing shows changes later than the run comes: the next one reaches back, or reconciles. */
static void what_shows_up_late_is_found(void **state)
{
    static const struct {
        int64_t seconds, wait;
        bool by_window;
    } cases[] = {{60, 60, true}, {400, 300, true}, {3600, A_DAY, false}};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct run_world w;
        char op[200];
        make(&w, "");
        snprintf(op, sizeof op, "{\"op\":\"behaviour\",\"listing_delay_seconds\":%lld}",
                 (long long)cases[i].seconds);
        control(&w, op);
        control(&w, "{\"ops\":[{\"op\":\"edit\"," ON_TABLE
                    ",\"record\":3},{\"op\":\"create\"," ON_TABLE "}]}");
        later(&w, 30);
        expect_run(&w, TABLE, "");
        expect_changes(&w, 0, 0, 0); /* nothing to be seen yet */
        later(&w, cases[i].seconds + 30);
        if (!cases[i].by_window) later(&w, cases[i].wait);
        expect_run(&w, TABLE, "");
        expect_full(&w, cases[i].by_window ? NULL : "a complete read is due");
        expect_changes(&w, 1, 1, 0);
        expect_as_source(&w, false);
        run_world_unmake(&w);
    }
}

static void rows_that_a_listing_missed_are_asked_for_and_stay(void **state)
{
    static const char *const configs[] = {"", HISTORY};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct run_world w;
        make(&w, configs[i]);
        control(&w, "{\"op\":\"behaviour\",\"resorted_pages\":1}");
        control(&w, "{\"op\":\"delete\"," ON_TABLE ",\"record\":17}");
        later(&w, A_DAY);
        control(&w, "{\"fault\":\"edit:page=2,count=40,table=SKU Candidates\"}");
        int64_t before = sim_stat(&w, "requests");
        expect_run(&w, TABLE, configs[i]);
        assert_int_equal(report_of(&w, "t")->deleted, 1);
        /* the schema, three pages of 239, and those that were missing by their ids */
        assert_in_range(sim_stat(&w, "requests") - before, 5, 6);
        control(&w, "{\"clear_faults\":true}");
        later(&w, 600);
        expect_run(&w, TABLE, configs[i]);
        expect_as_source(&w, i == 1);
        run_world_unmake(&w);
    }
}

static void a_filter_that_is_ignored_costs_a_full_read_and_no_row(void **state)
{
    struct run_world w;

    (void)state;
    run_world_make(&w, "airtable", NULL);
    control(&w, "{\"op\":\"behaviour\",\"filter_ignored\":1}");
    expect_run(&w, TABLE, "");
    for (int i = 0; i < 3; i++) {
        later(&w, 1200);
        control(&w, "{\"ops\":[{\"op\":\"edit\"," ON_TABLE
                    ",\"record\":3},{\"op\":\"delete\"," ON_TABLE "}]}");
        expect_run(&w, TABLE, "");
        expect_changes(&w, 0, 1, 1);
        expect_as_source(&w, false);
        /* The first finds out, with one call; the others know. Asked for the missing one by its id,
         * such a source shows all it has. */
        assert_int_equal(report_of(&w, "t")->calls - (i == 0), 3 + 3);
    }
    run_world_unmake(&w);
}

static void what_is_refused_deletes_nothing(void **state)
{
    static const struct {
        const char *op, *undo;
    } cases[] = {
        {"{\"op\":\"forbid\"," ON_TABLE "}", "{\"op\":\"forbid\"," ON_TABLE ",\"off\":true}"},
        {"{\"op\":\"vanish\"}", "{\"op\":\"vanish\",\"off\":true}"},
        {"{\"fault\":\"401\"}", "{\"clear_faults\":true}"},
        {"{\"fault\":\"401:page=2\"}", "{\"clear_faults\":true}"},
        {"{\"fault\":\"403:page=3\"}", "{\"clear_faults\":true}"},
        {"{\"fault\":\"404:page=2\"}", "{\"clear_faults\":true}"},
        {"{\"fault\":\"quota:page=2\"}", "{\"clear_faults\":true}"},
    };

    (void)state;
    for (size_t i = 0; i < 7; i++) {
        struct run_world w;
        make(&w, i % 2 ? HISTORY : "");
        int64_t version = version_of(&w);
        later(&w, A_DAY);
        control(&w, cases[i].op);
        assert_int_not_equal(run_table(&w, TABLE, i % 2 ? HISTORY : "", false), SL_OK);
        assert_int_equal(version_of(&w), version);
        control(&w, cases[i].undo);
        later(&w, 600);
        expect_run(&w, TABLE, i % 2 ? HISTORY : "");
        expect_changes(&w, 0, 0, 0);
        expect_full(&w, "a complete read is due");
        expect_as_source(&w, i % 2);
        run_world_unmake(&w);
    }
}

static void an_empty_base_is_not_believed(void **state)
{
    struct run_world w;

    (void)state;
    make(&w, "");
    int64_t version = version_of(&w), rows = landed_rows(&w, "t", "_airtable_id", NULL);
    control(&w, "{\"op\":\"delete\"," ON_TABLE ",\"all\":true}");
    later(&w, A_DAY);
    assert_int_equal(run_table(&w, TABLE, "", false), SL_SOURCE);
    assert_int_equal(version_of(&w), version);
    assert_int_equal(landed_rows(&w, "t", "_airtable_id", NULL), rows);
    if (run_table(&w, TABLE, "", true)) fail_msg("%s", w.error.message);
    assert_int_equal(landed_rows(&w, "t", "_airtable_id", NULL), 0);
    run_world_unmake(&w);
}

/* ---- webhooks ---- */

#define HOOKS "\"table_properties\":{\"sluice.webhooks\":\"true\"}"

static void a_webhook_brings_everything_in_the_next_run(void **state)
{
    static const char *const configs[] = {HOOKS, HISTORY "," HOOKS};
    static const char *const lost[] = {"{\"op\":\"webhook\",\"remove\":true}",
                                       "{\"op\":\"webhook\",\"expire\":true}"};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct run_world w;
        make(&w, configs[i]);
        control(&w,
                "{\"ops\":[{\"op\":\"edit\"," ON_TABLE ",\"record\":3},{\"op\":\"create\"," ON_TABLE
                "},{\"op\":\"delete\"," ON_TABLE ",\"record\":9}]}");
        later(&w, 600);
        expect_run(&w, TABLE, configs[i]);
        expect_full(&w, NULL);
        expect_changes(&w, 1, 1, 1);
        expect_as_source(&w, i == 1);
        control(&w, "{\"op\":\"restore\"," ON_TABLE ",\"record\":9}");
        later(&w, 600);
        expect_run(&w, TABLE, configs[i]);
        expect_changes(&w, 1, 0, 0);
        expect_as_source(&w, i == 1);
        later(&w, 600);
        expect_run(&w, TABLE, configs[i]);
        expect_changes(&w, 0, 0, 0);
        /* It was taken away, or has ended, and things happened: everything is read once, deletes included. */
        control(&w, lost[i]);
        control(&w, "{\"ops\":[{\"op\":\"edit\"," ON_TABLE
                    ",\"record\":4},{\"op\":\"delete\"," ON_TABLE ",\"record\":10}]}");
        later(&w, 600);
        expect_run(&w, TABLE, configs[i]);
        expect_changes(&w, 0, 1, 1);
        expect_as_source(&w, i == 1);
        run_world_unmake(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_shows_up_late_is_found),
        cmocka_unit_test(rows_that_a_listing_missed_are_asked_for_and_stay),
        cmocka_unit_test(a_filter_that_is_ignored_costs_a_full_read_and_no_row),
        cmocka_unit_test(what_is_refused_deletes_nothing),
        cmocka_unit_test(an_empty_base_is_not_believed),
        cmocka_unit_test(a_webhook_brings_everything_in_the_next_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
