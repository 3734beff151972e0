/*
 * GitHub's quirks, one by one: what changed is found and nothing is lost, whatever the API does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sources/github_source.h"

#define REPOS 4 /* of the organisation in the demo */

static size_t rows(const struct harvest *h, const char *table)
{
    return harvest_count(h, table, false);
}

static bool complete(const struct harvest *h, const char *scope)
{
    return h->complete && strstr(h->complete, scope);
}

/* ---- quiet runs ---- */

static void a_quiet_run_costs_nothing_of_the_hour(void **state)
{
    static const char *const tables[] = {"issues",  "pull_requests", "comments", "review_comments",
                                         "reviews", "commits",       "labels",   "milestones"};

    (void)state;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        struct stage source;
        struct harvest h;

        hub_open(&source, "demo", 0);
        hub_load(&source, tables[i], &h);
        harvest_release(&h);
        stage_control(&source, "{\"reset_stats\":true}");
        stage_pass(&source, 600);
        hub_read_as(&source, tables[i], source.cursor, false, false, &h);
        assert_int_equal(h.code, SL_DONE);
        assert_int_equal(rows(&h, tables[i]), 0);
        assert_int_equal(h.counts.calls, REPOS);
        /* The repositories without rows of it answer 409 or 410, or with an empty list. */
        assert_true(hub_stat(&source, "by_status.304") >= REPOS - 2);
        harvest_release(&h);
        stage_close(&source);
    }
}

static void an_unchanged_answer_leaves_the_cursor_as_it_was(void **state)
{
    struct stage source;
    struct harvest h;
    char *before;

    (void)state;
    hub_open(&source, "demo", 0);
    hub_load(&source, "issues", &h);
    harvest_release(&h);
    before = strdup(source.cursor);
    hub_increment(&source, "issues", &h);
    assert_true(strlen(source.cursor) == strlen(before));
    harvest_release(&h);
    free(before);
    stage_close(&source);
}

/* ---- what changed ---- */

static void one_edit_is_one_call_for_its_repository(void **state)
{
    static const char *const tables[] = {"issues", "pull_requests", "comments"};

    (void)state;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        struct stage source;
        struct harvest h;

        hub_open(&source, "demo", 0);
        hub_load(&source, tables[i], &h);
        harvest_release(&h);
        hub_op(&source, "\"edit\",\"table\":\"%s\",\"index\":3}", tables[i]);
        hub_increment(&source, tables[i], &h);
        assert_int_equal(h.counts.calls, REPOS);
        assert_true(rows(&h, tables[i]) >= 1);
        harvest_release(&h);
        stage_close(&source);
    }
}

static void more_changes_than_a_page_are_all_found(void **state)
{
    static const char *const tables[] = {"issues", "pull_requests", "comments"};

    (void)state;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        struct stage source;
        struct harvest h;

        hub_open(&source, "demo", 2400); /* 301 pull requests */
        hub_load(&source, tables[i], &h);
        assert_true(hub_truth(&source, tables[i], &h) > 250);
        harvest_release(&h);
        for (int n = 0; n < 250; n++) {
            stage_pass(&source, 1);
            hub_op(&source, "\"edit\",\"table\":\"%s\",\"index\":%d}", tables[i], n);
        }
        hub_increment(&source, tables[i], &h);
        assert_true(harvest_keys(&h, tables[i], false) >= 250);
        harvest_release(&h);
        stage_close(&source);
    }
}

/* A migration moves the updated_at of everything, in one second: no page of it has a time to go on
 * from. */
static void rows_of_one_second_do_not_stop_the_walk(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    hub_open(&source, "demo", 450);
    hub_load(&source, "issues", &h);
    harvest_release(&h);
    hub_op(&source, "\"touch_all\",\"table\":\"issues\"}");
    hub_increment(&source, "issues", &h);
    assert_int_equal(harvest_keys(&h, "issues", false), hub_truth(&source, "issues", &h));
    harvest_release(&h);
    stage_close(&source);
}

/* The row at the border of a page moves up when one before it is edited: page 2 does not have it. */
static void edits_while_pages_are_read_hide_nothing(void **state)
{
    static const char *const tables[] = {"issues", "comments", "pull_requests"};

    (void)state;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        struct stage source;
        struct harvest h;

        hub_open(&source, "demo", 2400);
        stage_control(&source, "{\"fault\":\"edit:every=1,table=%s,index=0\"}", tables[i]);
        hub_load(&source, tables[i], &h);
        hub_truth(&source, tables[i], &h);
        assert_true(complete(&h, "\"scope\":{}"));
        harvest_release(&h);
        stage_close(&source);
    }
}

static void a_row_deleted_from_a_short_list_is_proven_to_be_gone(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    hub_open(&source, "demo", 0);
    hub_load(&source, "comments", &h);
    harvest_release(&h);
    hub_op(&source, "\"delete\",\"repo\":\"guidance\",\"table\":\"comments\",\"index\":2}");
    hub_increment(&source, "comments", &h);
    assert_int_equal(rows(&h, "comments"), 11);
    assert_true(complete(&h, "\"scope\":{\"repository_id\":"));
    assert_false(complete(&h, "\"scope\":{}"));
    harvest_release(&h);
    stage_close(&source);
}

static void what_github_shows_late_is_found_by_looking_back(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    hub_open(&source, "demo", 450);
    hub_load(&source, "issues", &h);
    harvest_release(&h);
    hub_op(&source, "\"create\",\"table\":\"issues\"}");
    hub_increment(&source, "issues", &h);
    assert_true(rows(&h, "issues") >= 1);
    harvest_release(&h);
    /* four minutes before the newest one, and shown only now */
    hub_op(&source, "\"create\",\"table\":\"issues\",\"ago_s\":840}");
    hub_increment(&source, "issues", &h);
    assert_true(rows(&h, "issues") >= 2);
    harvest_release(&h);
    stage_close(&source);
}

static void what_is_closed_leaves_the_list_of_what_is_open(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    hub_open(&source, "demo", 0);
    source.table_options = "{\"state\":\"open\"}";
    hub_load(&source, "issues", &h);
    size_t open = harvest_keys(&h, "issues", false);
    harvest_release(&h);
    hub_op(&source, "\"edit\",\"table\":\"issues\",\"index\":1,\"closed\":true}");
    hub_increment(&source, "issues", &h);
    size_t guidance = 13; /* unchanged: 304 */
    assert_int_equal(harvest_keys(&h, "issues", false) + guidance, open - 1);
    assert_true(complete(&h, "\"scope\":{\"repository_id\":"));
    harvest_release(&h);
    stage_close(&source);
}

/* ---- commits ---- */

static void commits_that_were_merged_late_are_found(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    hub_open(&source, "demo", 0);
    hub_load(&source, "commits", &h);
    harvest_release(&h);
    hub_op(&source, "\"create\",\"table\":\"commits\",\"count\":3,\"ago_s\":8000000}");
    hub_op(&source, "\"create\",\"table\":\"commits\"}");
    hub_increment(&source, "commits", &h);
    assert_int_equal(rows(&h, "commits"), 4);
    assert_int_equal(h.counts.calls, REPOS + 1);
    harvest_release(&h);
    stage_close(&source);
}

static void a_rewritten_history_brings_its_new_commits(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    hub_open(&source, "demo", 450);
    hub_load(&source, "commits", &h);
    harvest_release(&h);
    hub_op(&source, "\"force_push\",\"repo\":\"launchpad\",\"count\":120}");
    hub_increment(&source, "commits", &h);
    assert_int_equal(harvest_keys(&h, "commits", false), 120);
    harvest_release(&h);
    stage_close(&source);
}

static void a_tip_that_is_gone_means_reading_everything(void **state)
{
    struct stage source;
    struct harvest h;
    char *head;

    (void)state;
    hub_open(&source, "demo", 450);
    hub_load(&source, "commits", &h);
    harvest_release(&h);
    head = strstr(source.cursor, "\"head\":\"");
    assert_non_null(head);
    memset(head + 8, '0', 40);
    hub_op(&source, "\"create\",\"table\":\"commits\"}");
    hub_increment(&source, "commits", &h);
    hub_truth(&source, "commits", &h);
    assert_true(complete(&h, "\"scope\":{\"repository_id\":"));
    harvest_release(&h);
    stage_close(&source);
}

static void a_comparison_that_takes_too_long_means_reading_everything(void **state)
{
    static const char *const faults[] = {"500:path=compare", "422:path=compare",
                                         "504:path=compare"};

    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct stage source;
        struct harvest h;

        hub_open(&source, "demo", 450);
        hub_load(&source, "commits", &h);
        harvest_release(&h);
        hub_op(&source, "\"create\",\"table\":\"commits\"}");
        stage_control(&source, "{\"fault\":\"%s\"}", faults[i]);
        hub_increment(&source, "commits", &h);
        hub_truth(&source, "commits", &h);
        harvest_release(&h);
        stage_close(&source);
    }
}

static void a_repository_without_commits_is_empty(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    hub_open(&source, "demo", 0);
    source.namespace_ = ACME "/empty-pad";
    stage_discover(&source);
    hub_load(&source, "commits", &h); /* 409: Git Repository is empty. */
    assert_int_equal(rows(&h, "commits"), 0);
    assert_true(complete(&h, "\"scope\":{}"));
    harvest_release(&h);
    stage_close(&source);
}

/* ---- reviews ---- */

static void reviews_are_read_where_a_pull_request_changed(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    hub_open(&source, "demo", 0);
    hub_load(&source, "reviews", &h);
    hub_truth(&source, "reviews", &h);
    harvest_release(&h);
    hub_op(&source, "\"create\",\"table\":\"reviews\",\"parent\":231}");
    hub_op(&source, "\"edit\",\"table\":\"pull_requests\",\"index\":0}");
    hub_increment(&source, "reviews", &h);
    assert_true(rows(&h, "reviews") >= 1);
    assert_true(h.counts.calls <= REPOS + 4);
    assert_true(complete(&h, "\"pull_number\":231"));
    harvest_release(&h);
    stage_close(&source);
}

static void a_pull_request_with_a_thousand_reviews(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    hub_open(&source, "demo", 8);
    hub_op(&source, "\"create\",\"table\":\"reviews\",\"count\":1000,\"parent\":9}");
    hub_load(&source, "reviews", &h);
    assert_true(hub_truth(&source, "reviews", &h) > 1000);
    harvest_release(&h);
    stage_close(&source);
}

/* ---- whole lists ---- */

static void a_branch_that_is_gone_is_proven_within_its_repository(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    hub_open(&source, "demo", 0);
    hub_load(&source, "branches", &h);
    harvest_release(&h);
    hub_op(&source, "\"delete\",\"repo\":\"guidance\",\"table\":\"branches\",\"index\":4}");
    hub_increment(&source, "branches", &h);
    assert_int_equal(rows(&h, "branches"), 11); /* launchpad: three times 304 */
    assert_true(complete(&h, "\"scope\":{\"repository_id\":"));
    assert_false(complete(&h, "\"scope\":{}"));
    harvest_release(&h);
    stage_close(&source);
}

/* A branch that is deleted makes the first of the next page the last of this one: nobody shows it. */
static void a_list_that_moved_while_it_was_read_is_read_again(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    hub_open(&source, "demo", 0);
    stage_control(&source, "{\"fault\":\"delete:page=2,table=branches,index=0\"}");
    hub_load(&source, "branches", &h);
    assert_int_equal(h.counts.restarts, 1);
    hub_truth(&source, "branches", &h);
    harvest_release(&h);
    stage_close(&source);
}

/* ---- repositories ---- */

static void a_renamed_repository_is_followed_and_stays_itself(void **state)
{
    struct stage source;
    struct harvest h;
    char *id;

    (void)state;
    hub_open(&source, "demo", 0);
    source.namespace_ = ACME "/guidance";
    stage_discover(&source);
    id = strdup(source.tables.namespaces[0]);
    id[strcspn(id, " ")] = '\0';
    hub_load(&source, "issues", &h);
    size_t before = rows(&h, "issues");
    harvest_release(&h);
    hub_op(&source, "\"rename_repo\",\"repo\":\"guidance\",\"to\":\"steering\"}");
    hub_increment(&source, "issues", &h); /* by its old name: 301 */
    assert_int_equal(strncmp(source.tables.namespaces[0], id, strlen(id)), 0);
    assert_string_equal(harvest_table(&source.tables, "issues")->namespace_, ACME "/steering");
    /* all of its rows have another repository_name now */
    assert_int_equal(rows(&h, "issues"), before);
    assert_non_null(strstr(h.rows[0].text, "steering"));
    assert_true(complete(&h, "\"scope\":{\"repository_id\":"));
    harvest_release(&h);
    free(id);
    stage_close(&source);
}

static void a_repository_that_cannot_be_read_does_not_keep_the_others(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    hub_open(&source, "demo", 0);
    hub_op(&source, "\"forbid\",\"repo\":\"guidance\"}");
    hub_read_as(&source, "issues", NULL, true, false, &h);
    assert_true(rows(&h, "issues") >= 230);
    assert_true(h.error.message[0] != '\0' || h.code == SL_DONE);
    assert_false(complete(&h, "\"scope\":{}"));
    harvest_release(&h);
    stage_close(&source);
}

static void a_new_repository_is_read_in_full(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    hub_open(&source, "demo", 0);
    hub_load(&source, "issues", &h);
    harvest_release(&h);
    hub_op(&source, "\"create_repo\",\"repo\":\"booster\"}");
    hub_op(&source, "\"create\",\"repo\":\"booster\",\"table\":\"issues\",\"count\":5}");
    hub_increment(&source, "issues", &h);
    assert_int_equal(rows(&h, "issues"), 5);
    harvest_release(&h);
    stage_close(&source);
}

static void repositories_can_be_left_out(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    hub_open(&source, "demo", 0);
    source.table_options = "{\"archived\":false,\"exclude_repositories\":\"launchpad,empty-pad\"}";
    hub_load(&source, "commits", &h);
    assert_int_equal(h.counts.calls, 1);
    assert_int_equal(rows(&h, "commits"), 12);
    harvest_release(&h);
    stage_close(&source);
}

static void collaborators_one_may_not_see_are_not_deleted(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    hub_open(&source, "demo", 0);
    hub_op(&source, "\"no_push\",\"repo\":\"guidance\"}");
    stage_discover(&source);
    hub_load(&source, "collaborators", &h);
    assert_int_equal(rows(&h, "collaborators"), 230 + 5);
    assert_false(complete(&h, "\"scope\":{}"));
    assert_true(complete(&h, "\"scope\":{\"repository_id\":"));
    assert_int_equal(h.note_count, 1);
    harvest_release(&h);
    stage_close(&source);
}

static void the_vendors_options_mean_the_same(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    hub_open(&source, "demo", 0);
    source.namespace_ = NULL;
    source.table_options = "{\"owner\":\"acme-invented\",\"repo\":\"guidance\"}";
    stage_discover(&source);
    assert_string_equal(harvest_table(&source.tables, "issues")->namespace_, ACME "/guidance");
    hub_load(&source, "issues", &h);
    assert_int_equal(rows(&h, "issues"), 16);
    harvest_release(&h);
    stage_close(&source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quiet_run_costs_nothing_of_the_hour),
        cmocka_unit_test(an_unchanged_answer_leaves_the_cursor_as_it_was),
        cmocka_unit_test(one_edit_is_one_call_for_its_repository),
        cmocka_unit_test(more_changes_than_a_page_are_all_found),
        cmocka_unit_test(rows_of_one_second_do_not_stop_the_walk),
        cmocka_unit_test(edits_while_pages_are_read_hide_nothing),
        cmocka_unit_test(a_row_deleted_from_a_short_list_is_proven_to_be_gone),
        cmocka_unit_test(what_github_shows_late_is_found_by_looking_back),
        cmocka_unit_test(what_is_closed_leaves_the_list_of_what_is_open),
        cmocka_unit_test(commits_that_were_merged_late_are_found),
        cmocka_unit_test(a_rewritten_history_brings_its_new_commits),
        cmocka_unit_test(a_tip_that_is_gone_means_reading_everything),
        cmocka_unit_test(a_comparison_that_takes_too_long_means_reading_everything),
        cmocka_unit_test(a_repository_without_commits_is_empty),
        cmocka_unit_test(reviews_are_read_where_a_pull_request_changed),
        cmocka_unit_test(a_pull_request_with_a_thousand_reviews),
        cmocka_unit_test(a_branch_that_is_gone_is_proven_within_its_repository),
        cmocka_unit_test(a_list_that_moved_while_it_was_read_is_read_again),
        cmocka_unit_test(a_renamed_repository_is_followed_and_stays_itself),
        cmocka_unit_test(a_repository_that_cannot_be_read_does_not_keep_the_others),
        cmocka_unit_test(a_new_repository_is_read_in_full),
        cmocka_unit_test(repositories_can_be_left_out),
        cmocka_unit_test(collaborators_one_may_not_see_are_not_deleted),
        cmocka_unit_test(the_vendors_options_mean_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
