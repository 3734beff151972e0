/*
 * Zendesk's tables: deleted rows, comments, lists, and the limits that all share.
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

/* Is this text in a row of the harvest? */
static bool shows(const struct harvest *h, const char *text)
{
    for (size_t i = 0; i < h->row_count; i++)
        if (h->rows[i].released && strstr(h->rows[i].text, text)) return true;
    return false;
}

/* ---- deletes ---- */

static void deleted_rows_are_kept_as_zendesk_shows_them_or_go(void **state)
{
    static const struct {
        const char *table, *sign;
    } cases[] = {{"tickets", "\"status\":\"deleted\""},
                 {"users", "\"active\":false"},
                 {"organizations", "\"deleted_at\":\"2026"}};

    (void)state;
    for (size_t i = 0; i < 3; i++)
        for (int gone = 0; gone < 2; gone++) {
            struct stage desk;
            struct harvest h;
            const char *table = cases[i].table;

            desk_open(&desk, "demo", 0);
            desk_load(&desk, table);
            if (gone) desk.table_options = "{\"deleted_rows\":\"delete\"}";
            stage_pass(&desk, 3600);
            desk_increment(&desk, table, &h);
            harvest_release(&h);
            desk_op(&desk, "\"delete\",\"table\":\"%s\",\"count\":2", table);
            desk_increment(&desk, table, &h);
            assert_int_equal(harvest_keys(&h, table, true), gone ? 2 : 0);
            assert_int_equal(shows(&h, cases[i].sign), true);
            harvest_release(&h);
            stage_close(&desk);
        }
}

static void a_scrubbed_ticket_loses_its_content_in_the_table_too(void **state)
{
    struct stage desk;
    struct harvest h;

    (void)state;
    desk_open(&desk, "demo", 0);
    desk_load(&desk, "tickets");
    desk_op(&desk, "\"scrub\",\"table\":\"tickets\",\"record\":2");
    desk_increment(&desk, "tickets", &h);
    assert_int_equal(rows(&h, "tickets"), 1);
    assert_true(shows(&h, "\"subject\":\"SCRUBBED\""));
    harvest_release(&h);
    stage_close(&desk);
}

/* ---- comments ---- */

static void a_redacted_comment_is_read_again(void **state)
{
    static const char *const ops[] = {"redact", "privacy"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct stage desk;
        struct harvest h;

        desk_open(&desk, "demo", 0);
        desk_load(&desk, "ticket_comments");
        stage_pass(&desk, 3600);
        desk_op(&desk, "\"%s\",\"id\":1930000000000", ops[i]);
        desk_increment(&desk, "ticket_comments", &h);
        assert_int_equal(h.counts.calls, 2); /* the events, and that ticket's comments */
        assert_true(harvest_has_key(&h, "ticket_comments", false, "1930000000001"));
        assert_true(shows(&h, i == 0 ? "▇▇▇▇" : "\"public\":false"));
        harvest_release(&h);
        stage_close(&desk);
    }
}

static void comments_of_a_deleted_ticket_stay_as_they_were(void **state)
{
    struct stage desk;
    struct harvest h;

    (void)state;
    desk_open(&desk, "demo", 0);
    desk_load(&desk, "ticket_comments");
    desk_op(&desk, "\"redact\",\"id\":1930000000000");
    desk_op(&desk, "\"delete\",\"table\":\"tickets\",\"id\":1");
    desk_increment(&desk, "ticket_comments", &h); /* 404 */
    assert_false(harvest_has_key(&h, "ticket_comments", false, "1930000000001"));
    assert_int_equal(harvest_count(&h, "ticket_comments", true), 0);
    harvest_release(&h);
    stage_close(&desk);
}

static void ten_thousand_comments_of_one_ticket_are_read(void **state)
{
    struct stage desk;
    struct harvest h;

    (void)state;
    desk_open(&desk, "demo", 0);
    for (int i = 0; i < 20; i++) {
        desk_op(&desk, "\"comment\",\"table\":\"tickets\",\"id\":1,\"count\":500");
        stage_pass(&desk, 1);
    }
    stage_pass(&desk, 120);
    desk_load(&desk, "ticket_comments");
    desk_op(&desk, "\"redact\",\"id\":1930000000000");
    desk_increment(&desk, "ticket_comments", &h);
    assert_true(harvest_keys(&h, "ticket_comments", false) >= 10000);
    assert_true(h.counts.calls >= 101);
    harvest_release(&h);
    stage_close(&desk);
}

/* ---- lists ---- */

static void a_list_that_ends_with_a_full_page_has_an_empty_one_behind_it(void **state)
{
    struct stage desk;
    struct harvest h;

    (void)state;
    desk_open(&desk, "demo", 200);
    desk_read(&desk, "organization_memberships", NULL, true, true, &h);
    assert_int_equal(h.code, SL_DONE);
    assert_int_equal(h.counts.calls, 3);
    assert_int_equal(rows(&h, "organization_memberships"), 200);
    harvest_release(&h);
    stage_close(&desk);
}

static void a_list_that_goes_in_circles_ends(void **state)
{
    struct stage desk;
    struct harvest h;

    (void)state;
    desk_open(&desk, "demo", 200);
    desk_op(&desk, "\"behaviour\",\"same_page\":1");
    desk_read(&desk, "posts", NULL, true, true, &h);
    assert_int_equal(h.code, SL_BAD_DATA);
    assert_null(h.complete);
    harvest_release(&h);
    stage_close(&desk);
}

static void a_list_without_cursors_is_read_by_page_numbers(void **state)
{
    struct stage desk;
    struct harvest h;

    (void)state;
    desk_open(&desk, "demo", 250);
    desk_op(&desk, "\"behaviour\",\"no_cursors\":1");
    desk_load(&desk, "posts");
    desk_load(&desk, "brands"); /* one page */
    /* A row that goes meanwhile moves those behind it up: the list is read again. */
    stage_control(&desk, "{\"fault\":\"delete:path=posts,n=3\"}");
    desk_read(&desk, "posts", NULL, true, true, &h);
    assert_int_equal(h.code, SL_DONE);
    assert_int_equal(h.counts.restarts, 1);
    assert_int_equal(harvest_keys(&h, "posts", false), desk_truth(&desk, "posts", &h));
    harvest_release(&h);
    stage_close(&desk);
}

static void a_list_of_more_pages_than_numbers_is_not_called_complete(void **state)
{
    struct stage desk;
    struct harvest h;

    (void)state;
    desk_open(&desk, "demo", 10050);
    desk_op(&desk, "\"behaviour\",\"no_cursors\":1");
    desk_read(&desk, "posts", NULL, true, true, &h);
    assert_int_equal(h.code, SL_TOO_LARGE);
    assert_null(h.complete);
    harvest_release(&h);
    stage_close(&desk);
}

static void articles_are_listed_once_and_then_exported(void **state)
{
    struct stage desk;
    struct harvest h;

    (void)state;
    desk_open(&desk, "demo", 250);
    desk_load(&desk, "articles"); /* drafts too */
    desk_op(&desk, "\"edit\",\"table\":\"articles\",\"count\":2");
    desk_increment(&desk, "articles", &h);
    assert_int_equal(h.counts.calls, 1);
    assert_int_equal(harvest_keys(&h, "articles", false), 2);
    assert_false(harvest_is_complete(&h));
    harvest_release(&h);
    stage_pass(&desk, 3600);
    desk_increment(&desk, "articles", &h);
    harvest_release(&h);
    desk_increment(&desk, "articles", &h); /* the newest second comes again and again */
    assert_int_equal(rows(&h, "articles"), 2);
    harvest_release(&h);
    stage_close(&desk);
}

/* ---- limits ---- */

/* Six exports at the same time, ten calls a minute between them. */
static void ten_exports_a_minute_are_never_exceeded(void **state)
{
    static const char *const tables[] = {"users", "organizations", "ticket_comments",
                                         "ticket_events", "ticket_metrics"};
    struct sl_job_options more[5];
    struct stage desk;
    struct harvest h;

    (void)state;
    desk_open(&desk, "demo", 4200);
    for (size_t i = 0; i < 5; i++)
        more[i] = (struct sl_job_options){.kind = SL_JOB_READ,
                                          .table = tables[i],
                                          .state = harvest_table(&desk.tables, tables[i])->state,
                                          .full = true,
                                          .initial = true};
    struct harvest_job job = {.connector = "zendesk",
                              .options = sl_buf_str(&desk.options),
                              .job = {.kind = SL_JOB_READ,
                                      .table = "tickets",
                                      .state = harvest_table(&desk.tables, "tickets")->state,
                                      .full = true,
                                      .initial = true},
                              .more = more,
                              .more_count = 5};
    stage_control(&desk, "{\"reset_stats\":true}");
    harvest_run(&job, desk.world, &h);
    assert_string_equal(h.error.message, "");
    assert_int_equal(stage_stat(&desk, "limited"), 0);
    int64_t calls = stage_stat(&desk, "requests");
    assert_true(calls > 30);
    assert_true(h.took_us / 60000000 <= calls / 10 + 1); /* and not slower than they must be */
    harvest_release(&h);
    stage_close(&desk);
}

static void lists_keep_within_the_plan(void **state)
{
    struct stage desk;
    struct harvest h;

    (void)state;
    desk_open(&desk, "demo", 45000);
    stage_control(&desk, "{\"reset_stats\":true}");
    desk_read(&desk, "posts", NULL, true, true, &h);
    assert_int_equal(h.code, SL_DONE);
    assert_int_equal(h.counts.calls, 451);
    assert_int_equal(stage_stat(&desk, "limited"), 0);
    harvest_release(&h);
    stage_close(&desk);
}

static void a_429_waits_as_long_as_it_says(void **state)
{
    struct stage desk;
    struct harvest h;

    (void)state;
    desk_open(&desk, "demo", 0);
    stage_control(&desk, "{\"fault\":\"429:n=1,retry_after=37\"}");
    desk_read(&desk, "tickets", NULL, true, true, &h);
    assert_int_equal(h.code, SL_DONE);
    assert_true(h.took_us >= 37000000 && h.took_us < 60000000);
    harvest_release(&h);
    stage_close(&desk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deleted_rows_are_kept_as_zendesk_shows_them_or_go),
        cmocka_unit_test(a_scrubbed_ticket_loses_its_content_in_the_table_too),
        cmocka_unit_test(a_redacted_comment_is_read_again),
        cmocka_unit_test(comments_of_a_deleted_ticket_stay_as_they_were),
        cmocka_unit_test(ten_thousand_comments_of_one_ticket_are_read),
        cmocka_unit_test(a_list_that_ends_with_a_full_page_has_an_empty_one_behind_it),
        cmocka_unit_test(a_list_that_goes_in_circles_ends),
        cmocka_unit_test(a_list_without_cursors_is_read_by_page_numbers),
        cmocka_unit_test(a_list_of_more_pages_than_numbers_is_not_called_complete),
        cmocka_unit_test(articles_are_listed_once_and_then_exported),
        cmocka_unit_test(ten_exports_a_minute_are_never_exceeded),
        cmocka_unit_test(lists_keep_within_the_plan),
        cmocka_unit_test(a_429_waits_as_long_as_it_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
