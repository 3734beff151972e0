/*
 * Zendesk's quirks, one by one, against its simulator: what changed is found, nothing is lost, and
 * limits are kept.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sources/zendesk_source.h"

static size_t rows(const struct harvest *h, const char *table)
{
    return harvest_count(h, table, false);
}

/* ---- exports by cursor ---- */

static void an_edit_is_one_row_and_one_call(void **state)
{
    static const char *const tables[] = {"tickets", "users", "ticket_metrics"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct stage desk;
        struct harvest h;

        desk_open(&desk, "demo", 0);
        desk_load(&desk, tables[i]);
        desk_op(&desk, "\"edit\",\"table\":\"%s\",\"record\":3", i == 1 ? "users" : "tickets");
        desk_increment(&desk, tables[i], &h);
        assert_int_equal(rows(&h, tables[i]), 1);
        assert_int_equal(h.counts.calls, 1);
        assert_false(harvest_is_complete(&h));
        harvest_release(&h);
        desk_increment(&desk, tables[i], &h); /* and a quiet one */
        assert_int_equal(rows(&h, tables[i]), 0);
        assert_int_equal(h.counts.calls, 1);
        harvest_release(&h);
        stage_close(&desk);
    }
}

static void what_the_system_changes_is_found_though_updated_at_stands_still(void **state)
{
    struct stage desk;
    struct harvest h;

    (void)state;
    desk_open(&desk, "demo", 0);
    desk_load(&desk, "tickets");
    desk_op(&desk, "\"touch\",\"table\":\"tickets\",\"count\":3");
    desk_increment(&desk, "tickets", &h);
    assert_int_equal(rows(&h, "tickets"), 3);
    harvest_release(&h);
    stage_close(&desk);
}

/* The last minute is not exported: what shows up late within it is behind no cursor. */
static void what_comes_late_within_the_minute_is_not_lost(void **state)
{
    struct stage desk;
    struct harvest h;

    (void)state;
    desk_open(&desk, "demo", 0);
    desk_load(&desk, "tickets");
    for (int i = 0; i < 5; i++) {
        desk_op(&desk, "\"create\",\"table\":\"tickets\"");
        stage_pass(&desk, 30);
        desk_op(&desk, "\"late\",\"table\":\"tickets\"");
        desk_read(&desk, "tickets", desk.cursor, false, false, &h);
        harvest_release(&h);
    }
    desk_read(&desk, "tickets", NULL, true, false, &h);
    size_t all = harvest_keys(&h, "tickets", false);
    harvest_release(&h);
    desk_increment(&desk, "tickets", &h);
    assert_true(rows(&h, "tickets") > 0);
    harvest_release(&h);
    stage_pass(&desk, 120);
    desk_read(&desk, "tickets", NULL, true, false, &h);
    assert_int_equal(harvest_keys(&h, "tickets", false), desk_truth(&desk, "tickets", &h));
    assert_true(harvest_keys(&h, "tickets", false) >= all);
    harvest_release(&h);
    stage_close(&desk);
}

static void many_tickets_in_one_second_are_no_trouble_by_cursor(void **state)
{
    struct stage desk;
    struct harvest h;

    (void)state;
    desk_open(&desk, "demo", 0);
    desk_load(&desk, "tickets");
    stage_pass(&desk, 300);
    desk_op(&desk, "\"pile\",\"table\":\"tickets\",\"count\":2500");
    desk_increment(&desk, "tickets", &h);
    assert_int_equal(harvest_keys(&h, "tickets", false), 2500);
    assert_int_equal(h.counts.calls, 3);
    harvest_release(&h);
    stage_close(&desk);
}

static void an_account_without_rows_has_a_cursor_all_the_same(void **state)
{
    static const char *const tables[] = {"tickets", "users", "organizations", "ticket_comments"};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct stage desk;
        struct harvest h;

        desk_open(&desk, "empty", 0);
        desk_load(&desk, tables[i]);
        assert_non_null(desk.cursor);
        desk_op(&desk, "\"create\",\"table\":\"%s\",\"count\":2", i == 3 ? "tickets" : tables[i]);
        desk_increment(&desk, tables[i], &h);
        assert_int_equal(rows(&h, tables[i]), 2);
        harvest_release(&h);
        desk_increment(&desk, tables[i], &h);
        harvest_release(&h);
        stage_close(&desk);
    }
}

static void a_cursor_that_zendesk_refuses_means_everything_once_more(void **state)
{
    struct stage desk;
    struct harvest h;

    (void)state;
    desk_open(&desk, "demo", 0);
    desk_load(&desk, "tickets");
    desk_op(&desk, "\"behaviour\",\"cursors_die\":1");
    desk_increment(&desk, "tickets", &h);
    assert_true(harvest_is_complete(&h));
    assert_true(harvest_notes(&h, "read in full"));
    assert_int_equal(harvest_keys(&h, "tickets", false), desk_truth(&desk, "tickets", &h));
    harvest_release(&h);
    stage_close(&desk);
}

static void a_cursor_of_another_version_or_by_hand_means_everything(void **state)
{
    static const char *const cursors[] = {
        "{\"parts\":{\"\":{\"v\":99,\"after\":\"x\"}}}",
        "{\"parts\":{\"\":{\"v\":1}}}",
        "{\"parts\":{\"\":{\"v\":\"one\",\"start\":5}}}",
        "{\"parts\":{\"\":{\"v\":1,\"start\":-7}}}",
        "{\"parts\":{\"\":{\"v\":1,\"start\":99999999999999}}}",
        "{\"parts\":{\"\":[1,2]}}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof cursors / sizeof *cursors; i++) {
        struct stage desk;
        struct harvest h;

        desk_open(&desk, "demo", 0);
        desk_read(&desk, "organizations", cursors[i], false, false, &h);
        assert_string_equal(h.error.message, "");
        assert_true(harvest_is_complete(&h));
        assert_true(harvest_notes(&h, "read in full"));
        harvest_release(&h);
        stage_close(&desk);
    }
}

/* A deleted ticket is in the export for 30 days, then perhaps not at all. */
static void after_a_month_without_a_run_tickets_are_read_in_full(void **state)
{
    struct stage desk;
    struct harvest h;

    (void)state;
    desk_open(&desk, "demo", 0);
    desk_load(&desk, "tickets");
    stage_pass(&desk, 20 * 86400);
    desk_increment(&desk, "tickets", &h);
    assert_false(harvest_is_complete(&h));
    harvest_release(&h);
    desk_op(&desk, "\"purge\",\"table\":\"tickets\",\"count\":1");
    stage_pass(&desk, 40 * 86400);
    desk_increment(&desk, "tickets", &h);
    assert_true(harvest_is_complete(&h));
    assert_true(harvest_notes(&h, "no trace"));
    harvest_release(&h);
    stage_close(&desk);
}

static void a_first_load_goes_on_where_it_was_broken_off(void **state)
{
    static const char *const tables[] = {"tickets", "users", "organizations"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct stage desk;
        struct harvest h;

        desk_open(&desk, "demo", 3500);
        desk_load(&desk, tables[i]);
        stage_pass(&desk, 120);
        desk_read(&desk, tables[i], desk.cursor, true, true, &h);
        assert_int_equal(h.code, SL_DONE);
        assert_int_equal(h.counts.calls, 1); /* not four again */
        assert_false(harvest_is_complete(&h));
        harvest_release(&h);
        /* A full refresh and a reconciliation go on from nothing. */
        desk_read(&desk, tables[i], desk.cursor, true, false, &h);
        assert_true(harvest_is_complete(&h));
        assert_int_equal(harvest_keys(&h, tables[i], false), 3500);
        harvest_release(&h);
        stage_close(&desk);
    }
}

/* ---- exports by time ---- */

static void a_page_by_time_begins_with_the_last_rows_of_the_one_before(void **state)
{
    struct stage desk;
    struct harvest h;

    (void)state;
    desk_open(&desk, "demo", 2500);
    desk_read(&desk, "organizations", NULL, true, true, &h);
    assert_int_equal(h.code, SL_DONE);
    assert_true(rows(&h, "organizations") > 2500);
    assert_int_equal(harvest_keys(&h, "organizations", false),
                     desk_truth(&desk, "organizations", &h));
    harvest_release(&h);
    stage_close(&desk);
}

static void an_export_that_never_says_end_of_stream_ends(void **state)
{
    struct stage desk;

    (void)state;
    desk_open(&desk, "demo", 1700);
    desk_op(&desk, "\"behaviour\",\"no_end_of_stream\":1");
    desk_load(&desk, "organizations");
    desk_load(&desk, "ticket_comments");
    stage_close(&desk);
}

static void organizations_that_pile_up_in_a_second_are_read_by_the_list(void **state)
{
    struct stage desk;
    struct harvest h;

    (void)state;
    desk_open(&desk, "demo", 0);
    desk_load(&desk, "organizations");
    stage_pass(&desk, 300);
    desk_op(&desk, "\"pile\",\"table\":\"organizations\",\"count\":1400");
    desk_increment(&desk, "organizations", &h);
    assert_true(harvest_notes(&h, "more than 1000 rows changed"));
    assert_true(harvest_is_complete(&h)); /* also of what was deleted in that second */
    assert_true(harvest_keys(&h, "organizations", false) >= 1400 + 22);
    harvest_release(&h);
    desk_op(&desk, "\"create\",\"table\":\"organizations\"");
    desk_increment(&desk, "organizations", &h); /* the overlap reaches back to that second once */
    assert_true(rows(&h, "organizations") >= 1);
    harvest_release(&h);
    stage_pass(&desk, 3600);
    desk_increment(&desk, "organizations", &h);
    assert_false(harvest_is_complete(&h));
    harvest_release(&h);
    stage_close(&desk);
}

static void events_that_pile_up_in_a_second_fail_the_table_and_name_it(void **state)
{
    static const char *const tables[] = {"ticket_comments", "ticket_events"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct stage desk;
        struct harvest h;
        char option[80];
        const char *second;

        desk_open(&desk, "demo", 0);
        desk_load(&desk, tables[i]);
        stage_pass(&desk, 300);
        desk_op(&desk, "\"pile\",\"table\":\"ticket_events\",\"count\":1400");
        stage_pass(&desk, 120);
        desk_op(&desk, "\"comment\",\"table\":\"tickets\",\"count\":2");
        stage_pass(&desk, 120);
        desk_read(&desk, tables[i], desk.cursor, false, false, &h);
        assert_int_equal(h.code, SL_SOURCE);
        assert_non_null(strstr(h.error.message, "2026-03-02T09:"));
        assert_non_null(strstr(h.error.hint, "go_on_after"));
        second = strrchr(h.error.message, '(');
        assert_non_null(second);
        snprintf(option, sizeof option, "{\"go_on_after\":%.10s}", second + 1);
        harvest_release(&h);
        desk.table_options = option; /* the user's word is needed to go on */
        desk_increment(&desk, tables[i], &h);
        assert_true(harvest_notes(&h, "are missing"));
        assert_true(rows(&h, tables[i]) >= 1000 + 2);
        harvest_release(&h);
        stage_close(&desk);
    }
}

static void pages_of_large_rows_are_asked_for_in_smaller_ones(void **state)
{
    static const char *const tables[] = {"tickets", "organizations"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct stage desk;

        desk_open(&desk, "demo", 12000); /* it tries larger ones now and then, to the end */
        desk_op(&desk, "\"behaviour\",\"rows_at_once\":100");
        desk_load(&desk, tables[i]);
        stage_close(&desk);
    }
}

static void a_user_may_ask_for_smaller_pages(void **state)
{
    struct stage desk;
    struct harvest h;

    (void)state;
    desk_open(&desk, "demo", 700);
    desk.table_options = "{\"rows_per_call\":300}";
    desk_load(&desk, "tickets");
    desk_load(&desk, "organizations");
    stage_pass(&desk, 300);
    desk_op(&desk, "\"pile\",\"table\":\"organizations\",\"count\":800"); /* fits a page of 1000 */
    desk_increment(&desk, "organizations", &h);
    assert_int_equal(h.note_count, 0);
    assert_true(harvest_keys(&h, "organizations", false) >= 800);
    harvest_release(&h);
    stage_close(&desk);
}

/* Its clock is behind ours: what is a minute old for us is too recent there. */
static void a_start_that_is_too_recent_for_zendesks_clock_is_moved_back(void **state)
{
    struct stage desk;
    struct harvest h;
    char cursor[120];

    (void)state;
    desk_open(&desk, "demo", 0);
    snprintf(cursor, sizeof cursor, "{\"parts\":{\"\":{\"v\":1,\"start\":%lld}}}",
             (long long)(sim_now(desk.sim) / 1000000));
    stage_control(&desk, "{\"skew_ms\":-7200000}");
    desk_read(&desk, "organizations", cursor, false, false, &h);
    assert_string_equal(h.error.message, "");
    assert_int_equal(h.counts.calls, 2);
    harvest_release(&h);
    stage_close(&desk);
}

/* Nothing is decided by comparing their clock with ours. */
static void a_clock_that_is_months_behind_ours_changes_nothing(void **state)
{
    static const char *const tables[] = {"tickets", "organizations"};

    (void)state;
    for (size_t i = 0; i < 2; i++)
        for (int ahead = 0; ahead < 2; ahead++) {
            struct stage desk;
            struct harvest h;

            desk_open(&desk, "demo", 0);
            stage_control(&desk, "{\"skew_ms\":%s}", ahead ? "20000000000" : "-20000000000");
            if (!ahead) desk_op(&desk, "\"create\",\"table\":\"%s\"", tables[i]);
            desk_read(&desk, tables[i], NULL, true, true, &h);
            assert_int_equal(h.code, SL_DONE);
            harvest_release(&h);
            desk_op(&desk, "\"edit\",\"table\":\"%s\"", tables[i]);
            desk_increment(&desk, tables[i], &h);
            assert_false(harvest_is_complete(&h));
            assert_true(rows(&h, tables[i]) >= 1);
            harvest_release(&h);
            desk_increment(&desk, tables[i], &h);
            assert_int_equal(h.counts.calls, 1);
            assert_true(rows(&h, tables[i]) <= 2); /* those of the newest second */
            harvest_release(&h);
            stage_close(&desk);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_edit_is_one_row_and_one_call),
        cmocka_unit_test(what_the_system_changes_is_found_though_updated_at_stands_still),
        cmocka_unit_test(what_comes_late_within_the_minute_is_not_lost),
        cmocka_unit_test(many_tickets_in_one_second_are_no_trouble_by_cursor),
        cmocka_unit_test(an_account_without_rows_has_a_cursor_all_the_same),
        cmocka_unit_test(a_cursor_that_zendesk_refuses_means_everything_once_more),
        cmocka_unit_test(a_cursor_of_another_version_or_by_hand_means_everything),
        cmocka_unit_test(after_a_month_without_a_run_tickets_are_read_in_full),
        cmocka_unit_test(a_first_load_goes_on_where_it_was_broken_off),
        cmocka_unit_test(a_page_by_time_begins_with_the_last_rows_of_the_one_before),
        cmocka_unit_test(an_export_that_never_says_end_of_stream_ends),
        cmocka_unit_test(organizations_that_pile_up_in_a_second_are_read_by_the_list),
        cmocka_unit_test(events_that_pile_up_in_a_second_fail_the_table_and_name_it),
        cmocka_unit_test(pages_of_large_rows_are_asked_for_in_smaller_ones),
        cmocka_unit_test(a_user_may_ask_for_smaller_pages),
        cmocka_unit_test(a_start_that_is_too_recent_for_zendesks_clock_is_moved_back),
        cmocka_unit_test(a_clock_that_is_months_behind_ours_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
