/*
 * What is peculiar to Mixpanel's events: exports of whole days, by lines, that may end early, change
 * afterwards, and go by the project's clock. See test_mixpanel_people.c for the rest.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sources/mixpanel_source.h"

#define DAY_S INT64_C(86400)

static void read_all(struct stage *source, struct harvest *h)
{
    mixpanel_read(source, "events", MIXPANEL_INITIAL, NULL, h);
}

/* ---- lines ---- */

static void a_record_in_two_lines_is_joined(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    mixpanel_open(&source, 0, NULL);
    mixpanel_control(&source, "{\"fault\":\"split_line:line=3\"}");
    read_all(&source, &h);
    mixpanel_is_truth(&source, "events", &h);
    assert_int_equal(h.reject_count, 0);
    harvest_release(&h);
    stage_close(&source);
}

static void a_line_that_stays_broken_is_rejected_and_the_others_are_read(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    mixpanel_open(&source, 0, NULL);
    mixpanel_control(&source, "{\"fault\":\"broken_line:path=export,n=1\"}");
    read_all(&source, &h);
    assert_int_equal(h.code, SL_DONE);
    assert_int_equal(h.reject_count, 1);
    assert_non_null(strstr(h.rejects[0], "\"}{\""));
    assert_int_equal(harvest_keys(&h, "events", false), 239);
    harvest_release(&h);
    stage_close(&source);
}

static void an_export_that_terminated_early_begins_again(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    mixpanel_open(&source, 0, NULL);
    mixpanel_control(&source,
                     "{\"fault\":\"terminated:path=export,n=2;terminated:path=export,n=5,at=0\"}");
    read_all(&source, &h);
    mixpanel_is_truth(&source, "events", &h);
    assert_int_equal(h.counts.restarts, 2);
    assert_int_equal(h.reject_count, 0);
    harvest_release(&h);

    mixpanel_control(&source,
                     "{\"clear_faults\":true,\"lift_blocks\":true,\"fault\":\"terminated\"}");
    read_all(&source, &h); /* again and again: that is no export */
    assert_true(sl_failed(h.code));
    assert_null(h.complete);
    assert_non_null(strstr(h.error.message, "early"));
    harvest_release(&h);
    stage_close(&source);
}

static void an_export_that_ends_inside_a_line_begins_again(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    mixpanel_open(&source, 0, NULL);
    mixpanel_control(&source, "{\"fault\":\"truncated:path=export,n=3,at=0.31\"}");
    read_all(&source, &h);
    mixpanel_is_truth(&source, "events", &h);
    assert_int_equal(h.reject_count, 0);
    harvest_release(&h);
    stage_close(&source);
}

static void a_last_line_without_its_end_is_a_line(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    mixpanel_open(&source, 0, NULL);
    mixpanel_control(&source, "{\"fault\":\"no_newline\"}");
    read_all(&source, &h);
    mixpanel_is_truth(&source, "events", &h);
    assert_int_equal(h.counts.restarts, 0);
    harvest_release(&h);
    stage_close(&source);
}

static void days_without_events_are_no_failure(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    mixpanel_open(&source, 1, "\"start_date\":\"2025-12-01\"");
    read_all(&source, &h);
    mixpanel_is_truth(&source, "events", &h);
    assert_true(mixpanel_completes(&h, "{}"));
    harvest_release(&h);
    stage_close(&source);
}

/* More than an answer that is held as a whole may be. */
static void an_export_has_no_largest_size(void **state)
{
    struct stage source;
    struct harvest h;
    struct sl_buf op = {0};
    size_t long_text = (size_t)1 << 20;

    (void)state;
    mixpanel_open(&source, 1, NULL);
    sl_buf_adds(&op,
                "{\"op\":\"track\",\"count\":70,\"id\":\"long\",\"properties\":\",\\\"x\\\":\\\"");
    char *room = sl_buf_reserve(&op, long_text);
    assert_non_null(room);
    memset(room, 'x', long_text);
    op.len += long_text;
    sl_buf_adds(&op, "\\\"\"}");
    mixpanel_control(&source, sl_buf_str(&op));
    stage_pass(&source, 60);
    read_all(&source, &h);
    assert_string_equal(h.error.message, "");
    assert_int_equal(harvest_keys(&h, "events", false), 71);
    assert_int_equal(h.counts.restarts, 0);
    harvest_release(&h);
    sl_buf_release(&op);
    stage_close(&source);
}

/* ---- what changes afterwards ---- */

static void an_event_that_was_sent_twice_is_one_row(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    mixpanel_open(&source, 0, NULL);
    mixpanel_control(&source, "{\"op\":\"duplicate\",\"count\":5}");
    read_all(&source, &h);
    assert_true(harvest_count(&h, "events", false) >= 245);
    mixpanel_is_truth(&source, "events", &h);
    harvest_release(&h);
    stage_close(&source);
}

static void events_without_insert_id_keep_their_key_and_are_told_apart(void **state)
{
    struct stage source;
    struct harvest first, second;

    (void)state;
    mixpanel_open(&source, 1, NULL);
    mixpanel_control(&source, "{\"op\":\"track\",\"count\":20,\"without_insert_id\":true,\"text\":"
                              "\"Beep\",\"id\":\"user-001\"}");
    stage_pass(&source, 5);
    read_all(&source, &first);
    read_all(&source, &second);
    assert_int_equal(harvest_keys(&first, "events", false), 21);
    mixpanel_is_truth(&source, "events", &second);
    for (size_t i = 0; i < first.row_count; i++)
        assert_true(harvest_has_key(&second, "events", false, first.rows[i].key));
    harvest_release(&first);
    harvest_release(&second);
    stage_close(&source);
}

/* Late phones, a second copy that was taken out, a login, a person who was forgotten: an increment
 * brings each day of its window as it is now, and says that this is all of that day. */
static void days_that_are_read_again_are_replaced(void **state)
{
    struct stage source;
    struct harvest first, second;

    (void)state;
    mixpanel_open(&source, 0, NULL);
    read_all(&source, &first);
    stage_pass(&source, DAY_S);
    mixpanel_control(&source,
                     "{\"ops\":[{\"op\":\"track\",\"count\":3,\"days_ago\":4,\"id\":\"late\"},"
                     "{\"op\":\"compact\"},{\"op\":\"track\",\"count\":2,\"id\":\"now\"},"
                     "{\"op\":\"forget\",\"id\":\"now\"}]}");
    stage_pass(&source, 60);
    mixpanel_read(&source, "events", MIXPANEL_INCREMENT, first.cursor, &second);
    assert_int_equal(second.code, SL_DONE);
    assert_int_equal(second.counts.calls, 2); /* which day it is, and seven days at once */
    size_t late = 0;
    for (size_t i = 0; i < second.row_count; i++) {
        assert_null(strstr(second.rows[i].text, "\"distinct_id\":\"now\""));
        late += strstr(second.rows[i].text, "\"distinct_id\":\"late\"") != NULL;
    }
    assert_int_equal(late, 3);
    /* The last run was on March 2; five days before it, and up to today. */
    assert_false(mixpanel_completes(&second, "{\"_export_date\":\"2026-02-24\"}"));
    assert_true(mixpanel_completes(&second, "{\"_export_date\":\"2026-02-25\"}"));
    assert_true(mixpanel_completes(&second, "{\"_export_date\":\"2026-02-27\"}"));
    assert_true(mixpanel_completes(&second, "{\"_export_date\":\"2026-03-03\"}"));
    assert_false(mixpanel_completes(&second, "{}"));
    harvest_release(&first);
    harvest_release(&second);
    stage_close(&source);
}

static void a_pause_of_weeks_leaves_no_gap(void **state)
{
    struct stage source;
    struct harvest first, second;
    char scope[60];

    (void)state;
    mixpanel_open(&source, 10, NULL);
    read_all(&source, &first);
    stage_pass(&source, 20 * DAY_S);
    mixpanel_read(&source, "events", MIXPANEL_INCREMENT, first.cursor, &second);
    assert_int_equal(second.code, SL_DONE);
    for (int day = 1; day <= 22; day++) {
        snprintf(scope, sizeof scope, "{\"_export_date\":\"2026-03-%02d\"}", day);
        assert_true(mixpanel_completes(&second, scope));
    }
    assert_non_null(strstr(second.cursor, "\"read\":\"2026-03-22\""));
    harvest_release(&first);
    harvest_release(&second);
    stage_close(&source);
}

/* ---- the project's clock ---- */

/* In summer time and out of it: days, times and what is today are those of the project. */
static void days_and_times_are_those_of_the_project(void **state)
{
    static const char *const zones[] = {"US/Pacific", "Asia/Kolkata", "Pacific/Chatham"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct stage source;
        struct harvest h;
        char text[160], option[80];

        snprintf(option, sizeof option, "\"project_timezone\":\"%s\"", zones[i]);
        mixpanel_open(&source, 0, option);
        snprintf(text, sizeof text, "{\"op\":\"behaviour\",\"timezone\":\"%s\"}", zones[i]);
        mixpanel_control(&source, text);
        stage_pass(&source, 7 * DAY_S); /* the clocks of the US are set on March 8 */
        mixpanel_control(&source, "{\"op\":\"track\",\"count\":12}");
        stage_pass(&source, 60);
        read_all(&source, &h);
        assert_int_equal(h.code, SL_DONE);
        /* The first day began before the connection's, by some of these clocks. */
        assert_true(harvest_keys(&h, "events", false) >= 240);
        for (size_t k = 0; k < h.row_count; k++)
            assert_non_null(strstr(h.rows[k].text, "{\"time\":\"2026-"));
        harvest_release(&h);
        stage_close(&source);
    }
}

static void a_time_of_an_old_project_is_turned_into_utc(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    mixpanel_open(&source, 1, "\"project_timezone\":\"US/Pacific\"");
    mixpanel_control(&source, "{\"op\":\"behaviour\",\"timezone\":\"US/Pacific\"}");
    mixpanel_control(&source, "{\"op\":\"track\",\"id\":\"me\"}"); /* 09:00 UTC, there 01:00 */
    stage_pass(&source, 60);
    read_all(&source, &h);
    assert_int_equal(h.code, SL_DONE);
    bool found = false;
    for (size_t k = 0; k < h.row_count; k++)
        found = found || (strstr(h.rows[k].text, "\"distinct_id\":\"me\"") &&
                          strstr(h.rows[k].text, "\"time\":1772413200") &&
                          strstr(h.rows[k].text, "{\"time\":\"2026-03-02T09:00:00.000000Z\"}") &&
                          strstr(h.rows[k].text, "{\"_export_date\":\"2026-03-02\"}"));
    assert_true(found);
    harvest_release(&h);
    stage_close(&source);
}

/* It is March 3 in UTC, still March 2 where the project is, and nobody has told us. */
static void a_project_behind_our_calendar_is_read_up_to_its_own_today(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    mixpanel_open(&source, 0, NULL);
    mixpanel_control(&source, "{\"op\":\"behaviour\",\"timezone\":\"US/Pacific\"}");
    stage_pass(&source, 17 * 3600);
    mixpanel_read(&source, "events", MIXPANEL_INCREMENT,
                  "{\"parts\":{\"\":{\"v\":1,\"first\":\"2026-02-19\",\"read\":\"2026-03-02\","
                  "\"step\":1}}}",
                  &h);
    assert_int_equal(h.code, SL_DONE);
    assert_true(harvest_notes(&h, "project_timezone"));
    assert_true(mixpanel_completes(&h, "{\"_export_date\":\"2026-03-02\"}"));
    assert_false(mixpanel_completes(&h, "{\"_export_date\":\"2026-03-03\"}"));
    harvest_release(&h);
    stage_close(&source);
}

static void what_is_no_time_zone_and_no_date_is_said(void **state)
{
    static const char *const wrong[][2] = {
        {"\"project_timezone\":\"Mars/Olympus\"", "project_timezone"},
        {"\"start_date\":\"last year\"", "start_date"},
        {"\"project_id\":\"my project\"", "project_id"},
        {"\"project_id\":\"\"", "project_id"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct stage source;
        struct harvest h;

        mixpanel_open(&source, 1, wrong[i][0]);
        read_all(&source, &h);
        assert_int_equal(h.code, SL_BAD_SPEC);
        assert_non_null(strstr(h.error.message, wrong[i][1]));
        harvest_release(&h);
        stage_close(&source);
    }
}

/* ---- sixty an hour ---- */

static void a_year_is_read_within_the_hour(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    mixpanel_open(&source, 0, "\"start_date\":\"2025-03-03\"");
    read_all(&source, &h);
    mixpanel_is_truth(&source, "events", &h);
    assert_true(mixpanel_stat(&source, "export", "requests") <= 40);
    assert_int_equal(mixpanel_stat(&source, NULL, "limited"), 0);
    assert_true(h.took_us < 60 * INT64_C(1000000));
    harvest_release(&h);
    stage_close(&source);
}

static void the_limits_of_an_hour_and_a_second_are_never_tripped(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    mixpanel_open(&source, 0, "\"start_date\":\"2025-10-03\"");
    source.table_options = "{\"days_per_request\":1}";
    read_all(&source, &h);
    mixpanel_is_truth(&source, "events", &h);
    assert_int_equal(mixpanel_stat(&source, "export", "requests"), 151);
    assert_int_equal(mixpanel_stat(&source, NULL, "limited"), 0);
    assert_true(mixpanel_stat(&source, "export/s", "peak_per_second") <= 3);
    assert_true(h.took_us > 2 * INT64_C(3600000000)); /* 58, 58 and the rest */
    harvest_release(&h);
    stage_close(&source);
}

/* Somebody else has used the hour up: the answer is plain text, without Retry-After. */
static void an_hour_that_others_used_up_is_waited_out(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    mixpanel_open(&source, 0, NULL);
    mixpanel_control(&source, "{\"fault\":\"429:path=export,n=4,times=6\"}");
    read_all(&source, &h);
    mixpanel_is_truth(&source, "events", &h);
    assert_true(h.took_us > 6 * 8 * INT64_C(60000000));
    harvest_release(&h);
    stage_close(&source);
}

/* ---- cursors ---- */

static void a_first_load_goes_on_with_the_days_that_are_missing(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    mixpanel_open(&source, 0, NULL);
    stage_pass(&source, DAY_S);
    mixpanel_read(&source, "events", MIXPANEL_INITIAL,
                  "{\"parts\":{\"\":{\"v\":1,\"first\":\"2026-02-19\",\"read\":\"2026-03-02\","
                  "\"step\":4},\"/2026-02-19\":{\"done\":true},\"/2026-02-27\":{\"done\":true}}}",
                  &h);
    assert_int_equal(h.code, SL_DONE);
    assert_int_equal(mixpanel_stat(&source, "export", "requests"), 1);
    assert_true(harvest_keys(&h, "events", false) > 50);
    for (size_t i = 0; i < h.row_count; i++)
        assert_true(strstr(h.rows[i].text, "{\"_export_date\":\"2026-02-2"));
    assert_non_null(strstr(h.cursor, "\"read\":\"2026-03-02\"")); /* increments begin before that */
    harvest_release(&h);
    stage_close(&source);
}

static void a_cursor_of_another_version_or_by_hand_means_everything(void **state)
{
    static const char *const cursors[] = {
        "{\"parts\":{\"\":{\"start_date\":\"2026-03-02\"}}}",
        "{\"parts\":{\"\":{\"v\":2,\"first\":\"2026-02-19\",\"read\":\"2026-03-02\",\"step\":1}}}",
        "{\"parts\":{\"\":{\"v\":1,\"first\":\"2026-02-19\",\"read\":\"2036-03-02\",\"step\":1}}}",
        "{\"parts\":{\"\":{\"v\":1,\"first\":\"2026-03-19\",\"read\":\"2026-03-02\",\"step\":1}}}",
        "{\"parts\":{\"\":{\"v\":1,\"first\":\"0001-01-01\",\"read\":\"2026-03-02\",\"step\":1}}}",
        "{\"parts\":{\"\":{\"v\":1,\"first\":\"2026-02-19\",\"read\":\"2026-03-02\",\"step\":0}}}",
        "{\"parts\":{\"\":\"2026-03-02\"}}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof cursors / sizeof *cursors; i++) {
        struct stage source;
        struct harvest h;

        mixpanel_open(&source, 0, NULL);
        mixpanel_read(&source, "events", MIXPANEL_INCREMENT, cursors[i], &h);
        mixpanel_is_truth(&source, "events", &h);
        assert_true(harvest_notes(&h, "everything is read again"));
        harvest_release(&h);
        stage_close(&source);
    }
}

static void an_earlier_start_date_brings_the_days_before(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    mixpanel_open(&source, 0, NULL);
    mixpanel_read(&source, "events", MIXPANEL_INCREMENT,
                  "{\"parts\":{\"\":{\"v\":1,\"first\":\"2026-02-27\",\"read\":\"2026-03-02\","
                  "\"step\":1}}}",
                  &h);
    mixpanel_is_truth(&source, "events", &h);
    assert_non_null(strstr(h.cursor, "\"first\":\"2026-02-19\""));
    harvest_release(&h);
    stage_close(&source);
}

static void a_full_read_covers_what_the_table_covers(void **state)
{
    struct stage source;
    struct harvest first, second;

    (void)state;
    mixpanel_open(&source, 0, NULL);
    read_all(&source, &first);
    stage_pass(&source, 30 * DAY_S);
    mixpanel_read(&source, "events", MIXPANEL_FULL, first.cursor, &second);
    mixpanel_is_truth(&source, "events", &second);
    assert_true(mixpanel_completes(&second, "{}"));
    harvest_release(&first);
    harvest_release(&second);
    stage_close(&source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_in_two_lines_is_joined),
        cmocka_unit_test(a_line_that_stays_broken_is_rejected_and_the_others_are_read),
        cmocka_unit_test(an_export_that_terminated_early_begins_again),
        cmocka_unit_test(an_export_that_ends_inside_a_line_begins_again),
        cmocka_unit_test(a_last_line_without_its_end_is_a_line),
        cmocka_unit_test(days_without_events_are_no_failure),
        cmocka_unit_test(an_export_has_no_largest_size),
        cmocka_unit_test(an_event_that_was_sent_twice_is_one_row),
        cmocka_unit_test(events_without_insert_id_keep_their_key_and_are_told_apart),
        cmocka_unit_test(days_that_are_read_again_are_replaced),
        cmocka_unit_test(a_pause_of_weeks_leaves_no_gap),
        cmocka_unit_test(days_and_times_are_those_of_the_project),
        cmocka_unit_test(a_time_of_an_old_project_is_turned_into_utc),
        cmocka_unit_test(a_project_behind_our_calendar_is_read_up_to_its_own_today),
        cmocka_unit_test(what_is_no_time_zone_and_no_date_is_said),
        cmocka_unit_test(a_year_is_read_within_the_hour),
        cmocka_unit_test(the_limits_of_an_hour_and_a_second_are_never_tripped),
        cmocka_unit_test(an_hour_that_others_used_up_is_waited_out),
        cmocka_unit_test(a_first_load_goes_on_with_the_days_that_are_missing),
        cmocka_unit_test(a_cursor_of_another_version_or_by_hand_means_everything),
        cmocka_unit_test(an_earlier_start_date_brings_the_days_before),
        cmocka_unit_test(a_full_read_covers_what_the_table_covers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
