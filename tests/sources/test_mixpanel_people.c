/*
 * What is peculiar to Mixpanel's profiles, cohorts and annotations: queries with sessions, a clock of
 * the project's own, 60 queries an hour for all of them. See test_mixpanel.c for events.
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
#include "sources/script.h"

/* ---- profiles ---- */

static void pages_are_asked_for_in_one_session(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    mixpanel_open(&source, 1050, NULL);
    source.table_options = "{\"page_size\":100}";
    mixpanel_read(&source, "engage", MIXPANEL_INITIAL, NULL, &h);
    mixpanel_is_truth(&source, "engage", &h);
    assert_int_equal(h.counts.calls, 11);
    assert_true(mixpanel_completes(&h, "{}"));
    harvest_release(&h);
    stage_close(&source);
}

static void a_page_size_that_is_ignored_is_noticed(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    mixpanel_open(&source, 3000, NULL);
    mixpanel_control(&source, "{\"op\":\"behaviour\",\"page_size_ignored\":1}");
    mixpanel_read(&source, "engage", MIXPANEL_INITIAL, NULL, &h);
    mixpanel_is_truth(&source, "engage", &h);
    assert_int_equal(h.counts.calls, 3);
    harvest_release(&h);
    stage_close(&source);
}

static void a_session_that_is_forgotten_begins_anew(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    mixpanel_open(&source, 450, NULL);
    source.table_options = "{\"page_size\":100}";
    mixpanel_control(&source, "{\"fault\":\"400:page=3,n=1,times=2,"
                              "text=request for page in uncached query for params\"}");
    mixpanel_read(&source, "engage", MIXPANEL_FULL, NULL, &h);
    mixpanel_is_truth(&source, "engage", &h);
    assert_true(mixpanel_completes(&h, "{}"));
    harvest_release(&h);

    mixpanel_control(&source, "{\"lift_blocks\":true,\"clear_faults\":true,"
                              "\"op\":\"behaviour\",\"session_seconds\":-1}");
    mixpanel_read(&source, "engage", MIXPANEL_FULL, NULL, &h);
    assert_true(sl_failed(h.code));
    assert_non_null(strstr(h.error.message, "forgets"));
    harvest_release(&h);
    stage_close(&source);
}

static void an_increment_asks_for_who_was_seen_since(void **state)
{
    struct stage source;
    struct harvest first, second, third;

    (void)state;
    mixpanel_open(&source, 60, NULL);
    mixpanel_read(&source, "engage", MIXPANEL_INITIAL, NULL, &first);
    assert_non_null(strstr(first.cursor, "\"seen\":\"2026-03-02T08:43:43\""));
    stage_pass(&source, 5 * 86400);
    mixpanel_control(&source, "{\"ops\":[{\"op\":\"edit\",\"id\":\"user-050\"},"
                              "{\"op\":\"create\",\"count\":2},"
                              "{\"op\":\"edit\",\"id\":\"user-051\",\"quietly\":true}]}");
    stage_pass(&source, 60);
    mixpanel_read(&source, "engage", MIXPANEL_INCREMENT, first.cursor, &second);
    assert_int_equal(second.code, SL_DONE);
    assert_int_equal(second.counts.calls, 1);
    assert_true(harvest_has_key(&second, "engage", false, "user-050"));
    assert_true(harvest_has_key(&second, "engage", false, "user-061"));
    assert_false(harvest_has_key(&second, "engage", false, "user-051")); /* a full read's work */
    assert_true(harvest_count(&second, "engage", false) < 20);
    assert_false(mixpanel_completes(&second, "{}"));
    mixpanel_read(&source, "engage", MIXPANEL_INCREMENT, second.cursor, &third);
    assert_int_equal(harvest_count(&third, "engage", false), 3); /* the overlap */
    harvest_release(&first);
    harvest_release(&second);
    harvest_release(&third);
    stage_close(&source);
}

/* The clock of an old project is hours behind ours, and once a year shows an hour twice. Nobody has
 * to know: only times that it showed are compared. */
static void increments_go_by_the_projects_own_clock(void **state)
{
    struct stage source;
    struct harvest first, second;

    (void)state;
    mixpanel_open(&source, 60, NULL); /* says UTC, which is wrong */
    mixpanel_control(&source, "{\"op\":\"behaviour\",\"timezone\":\"US/Pacific\"}");
    mixpanel_read(&source, "engage", MIXPANEL_INITIAL, NULL, &first);
    stage_pass(&source, 600);
    mixpanel_control(&source, "{\"op\":\"edit\",\"id\":\"user-050\"}");
    mixpanel_read(&source, "engage", MIXPANEL_INCREMENT, first.cursor, &second);
    assert_true(harvest_has_key(&second, "engage", false, "user-050"));
    harvest_release(&first);
    harvest_release(&second);
    stage_close(&source);
}

static void a_filter_that_is_refused_means_everything(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    mixpanel_open(&source, 60, NULL);
    mixpanel_control(&source, "{\"fault\":\"400:n=1,text=Invalid selector\"}");
    mixpanel_read(&source, "engage", MIXPANEL_INCREMENT,
                  "{\"parts\":{\"\":{\"v\":1,\"seen\":\"2026-03-02T08:00:00\"}}}", &h);
    mixpanel_is_truth(&source, "engage", &h);
    assert_true(harvest_notes(&h, "refused to filter"));
    assert_true(mixpanel_completes(&h, "{}"));
    harvest_release(&h);
    stage_close(&source);
}

static void a_first_load_goes_on_in_its_session_or_begins_anew(void **state)
{
    static const char cursor[] = "{\"parts\":{\"\":{\"v\":1,\"session\":\"gone\",\"page\":2,"
                                 "\"size\":100,\"total\":450}}}";
    struct stage source;
    struct harvest h;

    (void)state;
    mixpanel_open(&source, 450, NULL);
    source.table_options = "{\"page_size\":100}";
    mixpanel_read(&source, "engage", MIXPANEL_INITIAL, cursor, &h);
    mixpanel_is_truth(&source, "engage", &h);
    assert_int_equal(h.counts.calls, 6); /* one was in vain */
    harvest_release(&h);
    stage_close(&source);
}

static void ids_that_are_numbers_are_text(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    mixpanel_open(&source, 3, NULL);
    mixpanel_control(&source, "{\"op\":\"create\",\"id\":\"9007199254740993\",\"number\":true}");
    mixpanel_read(&source, "engage", MIXPANEL_INITIAL, NULL, &h);
    assert_true(harvest_has_key(&h, "engage", false, "9007199254740993"));
    harvest_release(&h);
    mixpanel_look_discover(&source, &h);
    assert_non_null(strstr(harvest_table(&h, "engage")->columns, "$distinct_id:string"));
    harvest_release(&h);
    stage_close(&source);
}

/* ---- cohorts ---- */

static void members_are_read_cohort_by_cohort(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    mixpanel_open(&source, 200, NULL);
    mixpanel_read(&source, "cohort_members", MIXPANEL_FULL, NULL, &h);
    mixpanel_is_truth(&source, "cohort_members", &h);
    assert_int_equal(h.counts.calls, 5); /* the list, three with members, one of groups */
    assert_true(harvest_notes(&h, "cohort 1005 is not one of users"));
    assert_true(mixpanel_completes(&h, "{\"cohort_id\":1001}"));
    assert_true(mixpanel_completes(&h, "{}"));
    harvest_release(&h);
    stage_close(&source);
}

static void a_hundred_cohorts_take_their_hours(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    mixpanel_open(&source, 30, NULL);
    mixpanel_control(&source, "{\"op\":\"add_cohort\",\"count\":100,\"one_in\":1}");
    mixpanel_read(&source, "cohort_members", MIXPANEL_FULL, NULL, &h);
    mixpanel_is_truth(&source, "cohort_members", &h);
    assert_int_equal(mixpanel_stat(&source, NULL, "limited"), 0);
    assert_true(h.took_us > INT64_C(3600000000));
    harvest_release(&h);
    stage_close(&source);
}

static void ten_thousand_members_are_one_request(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    mixpanel_open(&source, 10000, NULL);
    mixpanel_control(&source, "{\"op\":\"add_cohort\",\"one_in\":1}");
    mixpanel_read(&source, "cohort_members", MIXPANEL_FULL, NULL, &h);
    mixpanel_is_truth(&source, "cohort_members", &h);
    assert_int_equal(h.counts.calls, 6);
    harvest_release(&h);
    stage_close(&source);
}

static void a_table_that_the_plan_lacks_fails_alone(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    mixpanel_open(&source, 10, NULL);
    mixpanel_control(&source, "{\"op\":\"plan\",\"api\":\"engage\"}");
    mixpanel_read(&source, "engage", MIXPANEL_FULL, NULL, &h);
    assert_int_equal(h.code, SL_PERMISSION);
    assert_non_null(strstr(h.error.hint, "plan"));
    assert_null(h.complete);
    harvest_release(&h);
    mixpanel_read(&source, "cohorts", MIXPANEL_FULL, NULL, &h);
    mixpanel_is_truth(&source, "cohorts", &h);
    harvest_release(&h);
    stage_close(&source);
}

/* ---- connections ---- */

static bool finding(const struct harvest *h, const char *subject)
{
    for (size_t i = 0; i < h->check_count; i++)
        if (strcmp(h->checks[i].subject, subject) == 0) return h->checks[i].good;
    fail_msg("nothing is said of '%s'", subject);
    return false;
}

static void check_names_what_is_missing(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    mixpanel_open(&source, 10, NULL);
    mixpanel_control(&source, "{\"op\":\"forbid\",\"api\":\"export\"}");
    mixpanel_look_check(&source, &h);
    assert_true(finding(&h, "service account") && finding(&h, "project"));
    assert_false(finding(&h, "raw export"));
    assert_true(finding(&h, "query API"));
    harvest_release(&h);
    stage_close(&source);

    mixpanel_open(&source, 10, "\"project_id\":\"999\"");
    mixpanel_look_check(&source, &h);
    assert_false(finding(&h, "project"));
    harvest_release(&h);
    stage_close(&source);

    mixpanel_open(&source, 10, "\"secret\":\"wrong\"");
    mixpanel_look_check(&source, &h);
    assert_false(finding(&h, "service account"));
    harvest_release(&h);
    mixpanel_read(&source, "engage", MIXPANEL_FULL, NULL, &h);
    assert_int_equal(h.code, SL_AUTH);
    harvest_release(&h);
    stage_close(&source);
}

static void credentials_that_are_refused_with_400_are_refused(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    mixpanel_open(&source, 10, NULL);
    mixpanel_control(&source, "{\"fault\":\"400:n=1,times=1000\"}");
    mixpanel_read(&source, "engage", MIXPANEL_FULL, NULL, &h);
    assert_int_equal(h.code, SL_AUTH);
    harvest_release(&h);
    stage_close(&source);
}

static void an_api_secret_does_for_all_but_annotations(void **state)
{
    static const char *const tables[] = {"events", "engage", "cohorts", "cohort_members"};
    struct stage source;
    struct harvest h;

    (void)state;
    mixpanel_open(&source, 20, "\"username\":\"\",\"api_secret\":\"demo-api-secret\"");
    mixpanel_look_check(&source, &h);
    assert_true(finding(&h, "raw export") && finding(&h, "query API"));
    assert_true(harvest_notes(&h, "2027-03-03"));
    harvest_release(&h);
    for (size_t i = 0; i < 4; i++) {
        mixpanel_read(&source, tables[i], MIXPANEL_FULL, NULL, &h);
        mixpanel_is_truth(&source, tables[i], &h);
        harvest_release(&h);
    }
    mixpanel_look_discover(&source, &h);
    assert_non_null(harvest_table(&h, "annotations")->excluded);
    assert_null(harvest_table(&h, "events")->excluded);
    harvest_release(&h);
    mixpanel_read(&source, "annotations", MIXPANEL_FULL, NULL, &h);
    assert_int_equal(h.code, SL_PERMISSION);
    harvest_release(&h);
    stage_close(&source);
}

/* ---- a source that is worse than the simulator ---- */

struct scripted {
    const char *body;
    int calls;
};

static void always_the_same(void *ctx, const struct sl_exchange *exchange, int64_t now_us,
                            struct script_answer *answer)
{
    struct scripted *scripted = ctx;

    (void)now_us;
    scripted->calls++;
    answer->body = strstr(exchange->url, "/app/me") ? "{}" : scripted->body;
}

static void read_script(struct scripted *scripted, const char *table, struct harvest *h)
{
    struct sl_world *world = script_world(always_the_same, scripted);
    struct harvest_job job = {
        .connector = "mixpanel",
        .options = "{\"username\":\"u\",\"secret\":\"s\",\"project_id\":\"7\","
                   "\"start_date\":\"2026-03-02\"}",
        .key_member = strcmp(table, "events") == 0 ? "_event_key" : "$distinct_id",
        .job = {.kind = SL_JOB_READ, .table = table, .full = true},
    };

    harvest_run(&job, world, h);
    sl_world_free(world);
}

static void a_page_that_comes_for_ever_ends_the_read(void **state)
{
    struct scripted scripted = {
        .body =
            "{\"page\":0,\"page_size\":1,\"session_id\":\"s\",\"total\":1000000,\"status\":\"ok\","
            "\"results\":[{\"$distinct_id\":\"a\",\"$properties\":{}}]}"};
    struct harvest h;

    (void)state;
    read_script(&scripted, "engage", &h);
    assert_int_equal(h.code, SL_BAD_DATA);
    assert_true(scripted.calls < 20);
    assert_null(h.complete);
    harvest_release(&h);
}

static void an_empty_page_before_the_end_is_no_end(void **state)
{
    struct scripted scripted = {.body = "{\"page\":0,\"page_size\":1000,\"session_id\":\"s\","
                                        "\"total\":5,\"status\":\"ok\",\"results\":[]}"};
    struct harvest h;

    (void)state;
    read_script(&scripted, "engage", &h); /* five at most fit: nothing more is asked for */
    assert_int_equal(h.code, SL_DONE);
    harvest_release(&h);
    scripted.body = "{\"page\":0,\"page_size\":2,\"session_id\":\"s\",\"total\":5,\"results\":[]}";
    read_script(&scripted, "engage", &h);
    assert_int_equal(h.code, SL_BAD_DATA);
    assert_null(h.complete);
    harvest_release(&h);
}

static void lines_end_at_line_feeds_only_and_hold_whatever_they_like(void **state)
{
    struct scripted scripted = {
        .body = "{\"event\":\"A\xe2\x80\xa8"
                "B\",\"properties\":{\"time\":1772409601,\"distinct_id\":7,"
                "\"$insert_id\":\"1\",\"x\":\"\\ud800 \\u0000\"}}\r\n"
                "\n"
                "{\"event\":\"C\xc2\x85\",\"properties\":{\"time\":1772409602.75,\"\x01$insert_"
                "id\":\"2\"}}\n"
                "{\"event\":\"D\",\"properties\":{\"time\":\"soon\",\"big\":9007199254740993}}\n"
                "{\"event\":\"E \n second line\",\"properties\":{\"time\":1772409603}}\n"
                "{\"event\":7,\"properties\":{}}\n"
                "{\"error\":\"what\"}\n"
                "not at all\n"
                "{\"event\":\"F\",\"properties\":{\"time\":99999999999999999999}}\n"};
    struct harvest h;

    (void)state;
    read_script(&scripted, "events", &h);
    assert_int_equal(h.code, SL_DONE);
    assert_int_equal(harvest_count(&h, "events", false), 4);
    assert_int_equal(h.reject_count, 4); /* the second one's name has a raw control character */
    harvest_release(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_asked_for_in_one_session),
        cmocka_unit_test(a_page_size_that_is_ignored_is_noticed),
        cmocka_unit_test(a_session_that_is_forgotten_begins_anew),
        cmocka_unit_test(an_increment_asks_for_who_was_seen_since),
        cmocka_unit_test(increments_go_by_the_projects_own_clock),
        cmocka_unit_test(a_filter_that_is_refused_means_everything),
        cmocka_unit_test(a_first_load_goes_on_in_its_session_or_begins_anew),
        cmocka_unit_test(ids_that_are_numbers_are_text),
        cmocka_unit_test(members_are_read_cohort_by_cohort),
        cmocka_unit_test(a_hundred_cohorts_take_their_hours),
        cmocka_unit_test(ten_thousand_members_are_one_request),
        cmocka_unit_test(a_table_that_the_plan_lacks_fails_alone),
        cmocka_unit_test(check_names_what_is_missing),
        cmocka_unit_test(credentials_that_are_refused_with_400_are_refused),
        cmocka_unit_test(an_api_secret_does_for_all_but_annotations),
        cmocka_unit_test(a_page_that_comes_for_ever_ends_the_read),
        cmocka_unit_test(an_empty_page_before_the_end_is_no_end),
        cmocka_unit_test(lines_end_at_line_feeds_only_and_hold_whatever_they_like),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
