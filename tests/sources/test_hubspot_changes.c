/* HubSpot, changing: the search and its quirks, deletes, merges, cursors, a week. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sources/hubspot_source.h"

static void a_quiet_run_is_two_calls_beside_the_lookback(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    hs_open(&source, 0, NULL);
    stage_first_load(&source, "deals");
    stage_increment(&source, "deals", &h);
    assert_int_equal(h.row_count, 0);
    assert_int_equal(h.counts.calls, 2); /* the search, what was deleted */
    harvest_release(&h);
    stage_close(&source);
}

static void edits_and_new_records_come_with_their_associations(void **state)
{
    struct stage source;

    (void)state;
    hs_open(&source, 0, NULL);
    stage_first_load(&source, "contacts");
    stage_control(&source,
                  "{\"ops\":[{\"op\":\"edit\",\"count\":20},{\"op\":\"create\",\"count\":5}]}");
    stage_pass(&source, 60);
    stage_increment_quietly(&source, "contacts");
    hs_assert_is_truth(&source, "contacts");
    stage_close(&source);
}

/* The search answers 10,000 records; 10,500 changed. */
static void more_changes_than_a_search_answers_are_read(void **state)
{
    struct stage source;

    (void)state;
    hs_open(&source, 1, NULL);
    stage_first_load(&source, "products");
    stage_control(&source, "{\"op\":\"create\",\"table\":\"products\",\"count\":10500}");
    stage_pass(&source, 60);
    stage_increment_quietly(&source, "products");
    assert_int_equal(stage_rows_held(&source), 10501);
    assert_int_equal(stage_stat(&source, "limited"), 0);
    stage_close(&source);
}

/* An import writes more of one millisecond than a search answers. */
static void more_changes_of_one_millisecond_than_a_search_answers_are_read(void **state)
{
    struct stage source;

    (void)state;
    hs_open(&source, 1, NULL);
    stage_first_load(&source, "products");
    stage_control(&source,
                  "{\"ops\":[{\"op\":\"create\",\"table\":\"products\",\"count\":30},"
                  "{\"op\":\"create\",\"table\":\"products\",\"count\":10500,\"pile\":true}]}");
    stage_pass(&source, 5);
    stage_control(&source, "{\"op\":\"create\",\"table\":\"products\",\"count\":30}");
    stage_pass(&source, 60);
    stage_increment_quietly(&source, "products");
    assert_int_equal(stage_rows_held(&source), 10561);
    stage_close(&source);
}

/* A record that changes while pages are read goes to the end, and the others move up. */
static void records_that_move_while_pages_are_read_hide_none(void **state)
{
    struct stage source;

    (void)state;
    hs_open(&source, 1, NULL);
    stage_first_load(&source, "products");
    stage_control(&source, "{\"op\":\"create\",\"table\":\"products\",\"count\":1500}");
    stage_pass(&source, 60);
    stage_control(&source, "{\"fault\":\"mutate:path=search,table=0-7,count=40\"}");
    stage_increment_quietly(&source, "products");
    stage_control(&source, "{\"clear_faults\":true}");
    stage_pass(&source, 60);
    stage_increment_quietly(&source, "products");
    hs_assert_is_truth(&source, "products");
    stage_close(&source);
}

static void pages_that_are_not_in_order_lose_nothing(void **state)
{
    struct stage source;

    (void)state;
    hs_open(&source, 1, NULL);
    stage_first_load(&source, "products");
    stage_control(&source, "{\"ops\":[{\"op\":\"create\",\"table\":\"products\",\"count\":3000},"
                           "{\"op\":\"behaviour\",\"unsorted\":1}]}");
    stage_pass(&source, 60);
    stage_increment_quietly(&source, "products");
    hs_assert_is_truth(&source, "products");
    stage_close(&source);
}

/* The index shows a change up to an hour late. */
static void what_the_index_shows_late_is_within_the_lookback(void **state)
{
    struct stage source;

    (void)state;
    hs_open(&source, 20, NULL);
    stage_first_load(&source, "contacts");
    stage_control(&source, "{\"op\":\"behaviour\",\"index_lag_ms\":3000000}");
    stage_control(&source,
                  "{\"ops\":[{\"op\":\"edit\",\"count\":5},{\"op\":\"create\",\"count\":2}]}");
    for (int i = 0; i < 12; i++) {
        stage_pass(&source, 300);
        stage_increment_quietly(&source, "contacts");
    }
    hs_assert_is_truth(&source, "contacts");
    stage_close(&source);
}

/* ---- what is gone ---- */

static void archived_records_are_deleted_and_restored_ones_come_back(void **state)
{
    struct stage source;

    (void)state;
    hs_open(&source, 250, NULL);
    stage_first_load(&source, "contacts");
    stage_control(&source, "{\"op\":\"archive\",\"count\":120}");
    stage_pass(&source, 60);
    stage_increment_quietly(&source, "contacts");
    hs_assert_is_truth(&source, "contacts");
    stage_control(&source, "{\"op\":\"restore\"}");
    stage_pass(&source, 60);
    stage_increment_quietly(&source, "contacts");
    hs_assert_is_truth(&source, "contacts");
    stage_close(&source);
}

/* The list is in no order of time: a long one is looked at once in an hour. */
static void a_long_list_of_deleted_records_is_not_read_in_every_run(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    hs_open(&source, 1500, NULL);
    stage_first_load(&source, "products");
    stage_control(&source, "{\"op\":\"archive\",\"table\":\"products\",\"count\":1100}");
    stage_pass(&source, 60);
    stage_increment(&source, "products", &h);
    assert_int_equal(h.counts.calls, 12); /* a search and 11 pages */
    harvest_release(&h);
    stage_control(&source, "{\"op\":\"archive\",\"table\":\"products\",\"count\":3}");
    stage_pass(&source, 1800);
    stage_increment(&source, "products", &h);
    assert_int_equal(h.counts.calls, 1);
    harvest_release(&h);
    stage_pass(&source, 1800);
    stage_increment(&source, "products", &h);
    assert_int_equal(h.counts.calls, 13);
    harvest_release(&h);
    hs_assert_is_truth(&source, "products");
    stage_close(&source);
}

static void both_records_of_a_merge_are_deleted(void **state)
{
    struct stage source;

    (void)state;
    hs_open(&source, 30, NULL);
    stage_first_load(&source, "companies");
    stage_control(&source, "{\"op\":\"merge\",\"table\":\"companies\"}");
    stage_pass(&source, 60);
    stage_increment_quietly(&source, "companies");
    assert_int_equal(stage_rows_held(&source), 29);
    hs_assert_is_truth(&source, "companies");
    stage_close(&source);
}

/* Calls and meetings: 400. Nothing is deleted, and the read does not fail. */
static void objects_that_do_not_list_their_deleted_ones_are_read_all_the_same(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    hs_open(&source, 30, NULL);
    stage_first_load(&source, "calls");
    stage_control(&source, "{\"op\":\"archive\",\"table\":\"calls\"}");
    stage_pass(&source, 60);
    stage_increment(&source, "calls", &h);
    assert_int_equal(harvest_count(&h, "calls", true), 0);
    assert_int_equal(h.counts.calls, 1);
    harvest_release(&h);
    stage_first_load(&source, "calls");
    hs_assert_is_truth(&source, "calls");
    stage_close(&source);
}

/* Associations and computed properties move no date, and what is erased is not listed: a complete
 * read has them. */
static void what_moves_no_date_is_found_by_a_complete_read(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    hs_open(&source, 40, NULL);
    stage_first_load(&source, "deals");
    stage_control(&source,
                  "{\"ops\":[{\"op\":\"edit\",\"table\":\"deals\",\"record\":3,\"quietly\":true,"
                  "\"properties\":{\"days_to_close\":\"77\"}},{\"op\":\"associate\",\"table\":"
                  "\"deals\",\"record\":4,\"to\":\"contacts\"},{\"op\":\"erase\",\"table\":"
                  "\"deals\",\"record\":5}]}");
    stage_pass(&source, 60);
    stage_increment(&source, "deals", &h);
    assert_int_equal(h.row_count, 0);
    harvest_release(&h);
    hs_read(&source, "deals", source.cursor, NULL, true, false, &h);
    stage_apply(&source, &h);
    harvest_release(&h);
    hs_assert_is_truth(&source, "deals");
    stage_close(&source);
}

/* ---- cursors ---- */

static void cursors_that_are_no_use_are_said_and_everything_is_read(void **state)
{
    static const struct {
        const char *cursor, *note;
    } cases[] = {
        {"{\"parts\":{\"\":{\"v\":99,\"from_us\":1}}}", "another version"},
        {"{\"parts\":{\"\":{\"v\":1,\"from_us\":\"soon\"}}}", "no time that can be used"},
        {"{\"parts\":{\"\":{\"v\":1,\"from_us\":-5}}}", "no time that can be used"},
        {"{\"parts\":{\"\":{\"v\":1,\"from_us\":9223372036854775807}}}", "in the future"},
        {"{\"parts\":{\"\":{\"v\":1,\"from_us\":1000}}}", "no longer tells what was deleted"},
        {"{\"parts\":{\"\":{\"v\":1,\"from_us\":1772441000000000,\"after\":[]}}}",
         "place in the list"},
    };
    struct stage source;

    (void)state;
    hs_open(&source, 5, NULL);
    stage_discover(&source);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct harvest h;

        hs_read(&source, "contacts", cases[i].cursor, NULL, false, false, &h);
        assert_string_equal(h.error.message, "");
        if (!harvest_notes(&h, cases[i].note)) fail_msg("%s: not said", cases[i].note);
        assert_true(harvest_is_complete(&h));
        harvest_release(&h);
    }
    stage_close(&source);
}

/* ---- OAuth ---- */

static void an_access_token_that_expires_in_the_middle_is_renewed(void **state)
{
    struct stage source;

    (void)state;
    hs_open(&source, 700, NULL);
    sl_buf_reset(&source.options);
    sl_buf_adds(
        &source.options,
        "{\"base_url\":\"http://sim.test\",\"client_id\":\"11112222-demo\","
        "\"client_secret\":\"demo-client-secret\",\"refresh_token\":\"na1-demo-refresh-0\"}");
    stage_discover(&source);
    stage_control(&source, "{\"fault\":\"expire_tokens:n=4,path=objects\"}");
    stage_first_load(&source, "products");
    hs_assert_is_truth(&source, "products");
    stage_close(&source);
}

/* ---- a week ---- */

static void a_week_is_followed_day_by_day(void **state)
{
    static const char *const tables[] = {"contacts", "deals", "rockets", "notes"};

    (void)state;
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++) {
        struct stage source;

        hs_open(&source, 0, NULL);
        stage_first_load(&source, tables[t]);
        for (int day = 0; day < 7; day++) {
            stage_control(&source, "{\"op\":\"day\"}");
            stage_pass(&source, 86400);
            stage_control(&source, "{\"clear_faults\":true,\"fault\":\"%s\"}",
                          day == 2   ? "503:p=0.2;reset:p=0.1"
                          : day == 4 ? "cut:p=0.1"
                                     : "429:n=1");
            stage_increment_quietly(&source, tables[t]);
            stage_control(&source, "{\"clear_faults\":true}");
            hs_assert_is_truth(&source, tables[t]);
        }
        stage_close(&source);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quiet_run_is_two_calls_beside_the_lookback),
        cmocka_unit_test(edits_and_new_records_come_with_their_associations),
        cmocka_unit_test(more_changes_than_a_search_answers_are_read),
        cmocka_unit_test(more_changes_of_one_millisecond_than_a_search_answers_are_read),
        cmocka_unit_test(records_that_move_while_pages_are_read_hide_none),
        cmocka_unit_test(pages_that_are_not_in_order_lose_nothing),
        cmocka_unit_test(what_the_index_shows_late_is_within_the_lookback),
        cmocka_unit_test(archived_records_are_deleted_and_restored_ones_come_back),
        cmocka_unit_test(a_long_list_of_deleted_records_is_not_read_in_every_run),
        cmocka_unit_test(both_records_of_a_merge_are_deleted),
        cmocka_unit_test(objects_that_do_not_list_their_deleted_ones_are_read_all_the_same),
        cmocka_unit_test(what_moves_no_date_is_found_by_a_complete_read),
        cmocka_unit_test(cursors_that_are_no_use_are_said_and_everything_is_read),
        cmocka_unit_test(an_access_token_that_expires_in_the_middle_is_renewed),
        cmocka_unit_test(a_week_is_followed_day_by_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
