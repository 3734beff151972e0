/*
 * GitHub's limits and bad days: nothing is tripped, nothing is taken for a delete, nothing goes on for
 * ever.
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
#include "sources/script.h"

static size_t rows(const struct harvest *h, const char *table)
{
    return harvest_count(h, table, false);
}

static bool complete(const struct harvest *h, const char *scope)
{
    return h->complete && strstr(h->complete, scope);
}

/* ---- limits ---- */

static void a_first_load_of_two_hundred_repositories_trips_no_limit(void **state)
{
    static const char *const tables[] = {"issues", "reviews", "branches"};

    (void)state;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        struct stage source;
        struct harvest h;

        hub_open(&source, "bench", 12);
        stage_control(&source, "{\"reset_stats\":true}");
        hub_load(&source, tables[i], &h);
        hub_truth(&source, tables[i], &h);
        assert_int_equal(hub_stat(&source, "limited"), 0);
        assert_int_equal(hub_stat(&source, "by_status.403"), 0);
        assert_int_equal(h.counts.retries, 0);
        harvest_release(&h);
        stage_control(&source, "{\"reset_stats\":true}");
        hub_increment(&source, tables[i], &h);
        assert_int_equal(rows(&h, tables[i]), 0);
        assert_int_equal(hub_stat(&source, "by_status.304"),
                         200 + 1); /* and a page of repositories */
        assert_int_equal(hub_stat(&source, "limited"), 0);
        harvest_release(&h);
        stage_close(&source);
    }
}

static void an_hour_that_is_used_up_is_waited_out(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    hub_open(&source, "demo", 2400); /* 301 pull requests: a call each */
    hub_op(&source, "\"behaviour\",\"requests_per_hour\":250}");
    stage_discover(&source); /* is told so */
    stage_control(&source, "{\"reset_stats\":true}");
    hub_load(&source, "reviews", &h);
    hub_truth(&source, "reviews", &h);
    assert_true(h.took_us > INT64_C(3000) * 1000000);
    assert_int_equal(hub_stat(&source, "by_status.403"), 0);
    assert_true(hub_stat(&source, "limit.used_max") <= 250);
    harvest_release(&h);
    stage_close(&source);
}

static void an_hour_that_others_used_up_is_waited_out(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    hub_open(&source, "demo", 0);
    stage_control(&source, "{\"fault\":\"429:n=2,shape=primary\"}"); /* 403, nothing remains */
    hub_load(&source, "issues", &h);
    hub_truth(&source, "issues", &h);
    assert_true(h.took_us > INT64_C(3000) * 1000000);
    harvest_release(&h);
    stage_close(&source);
}

static void a_secondary_limit_is_waited_for_as_long_as_it_says(void **state)
{
    static const char *const faults[] = {"429:n=2", "429:n=2,shape=403"};

    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct stage source;
        struct harvest h;

        hub_open(&source, "demo", 0);
        stage_control(&source, "{\"fault\":\"%s\"}", faults[i]);
        hub_load(&source, "issues", &h);
        hub_truth(&source, "issues", &h);
        assert_true(h.took_us >= INT64_C(60) * 1000000);
        harvest_release(&h);
        stage_close(&source);
    }
}

/* ---- bad days ---- */

static void pages_that_take_too_long_become_smaller(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    hub_open(&source, "demo", 450);
    hub_op(&source, "\"behaviour\",\"page_rows_max\":30}"); /* 502 for more */
    hub_load(&source, "comments", &h);
    hub_truth(&source, "comments", &h);
    harvest_release(&h);
    stage_close(&source);
}

static void issues_that_are_switched_off_delete_nothing(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    hub_open(&source, "demo", 0);
    hub_load(&source, "issues", &h);
    harvest_release(&h);
    hub_op(&source, "\"no_issues\",\"repo\":\"guidance\"}"); /* 410 */
    hub_increment(&source, "issues", &h);
    assert_int_equal(rows(&h, "issues"), 0);
    assert_false(complete(&h, "scope"));
    harvest_release(&h);
    stage_close(&source);
}

static void a_refused_table_says_which_permission(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    hub_open(&source, "demo", 0);
    hub_op(&source, "\"forbid\",\"table\":\"issues\"}");
    hub_read_as(&source, "issues", NULL, true, false, &h);
    assert_int_equal(h.code, SL_PERMISSION);
    assert_null(h.complete);
    assert_non_null(strstr(h.error.hint, "permission"));
    harvest_release(&h);
    stage_close(&source);
}

static void check_names_what_the_token_lacks(void **state)
{
    struct stage source;
    struct harvest h;
    int bad = 0;

    (void)state;
    hub_open(&source, "demo", 0);
    hub_op(&source, "\"token\",\"no_org_scope\":true}");
    hub_op(&source, "\"forbid\",\"table\":\"pull_requests\"}");
    struct harvest_job job = {.connector = "github",
                              .options = sl_buf_str(&source.options),
                              .job = {.kind = SL_JOB_CHECK}};
    harvest_run(&job, source.world, &h);
    assert_int_equal(h.code, SL_DONE);
    for (size_t i = 0; i < h.check_count; i++) {
        if (h.checks[i].good) continue;
        bad++;
        assert_true(strstr(h.checks[i].subject, "read:org") ||
                    strstr(h.checks[i].subject, "organisations") ||
                    strstr(h.checks[i].subject, "pull requests of"));
        assert_non_null(h.checks[i].hint);
    }
    assert_int_equal(bad, 3);
    harvest_release(&h);
    stage_close(&source);
}

static void a_cursor_that_is_not_ours_means_reading_everything(void **state)
{
    static const char *const cursors[] = {
        "{\"v\":99,\"at\":\"2026-01-01T00:00:00Z\"}",
        "{\"v\":1,\"mark\":7,\"etag\":[]}",
        "\"yesterday\"",
    };

    (void)state;
    for (size_t i = 0; i < sizeof cursors / sizeof *cursors; i++) {
        struct stage source;
        struct harvest h;
        char cursor[200], *id;

        hub_open(&source, "demo", 0);
        source.namespace_ = ACME "/guidance";
        stage_discover(&source);
        id = strdup(source.tables.namespaces[0] + 5); /* repo:... */
        id[strcspn(id, " ")] = '\0';
        snprintf(cursor, sizeof cursor, "{\"parts\":{\"/%s\":%s}}", id, cursors[i]);
        hub_read_as(&source, "issues", cursor, false, false, &h);
        assert_int_equal(rows(&h, "issues"), 16);
        assert_true(complete(&h, "repository_id"));
        assert_true(h.note_count >= 1);
        harvest_release(&h);
        free(id);
        stage_close(&source);
    }
}

/* A first load that was stopped goes on: repositories that were read are not asked for again. */
static void a_first_load_goes_on_where_it_stopped(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    hub_open(&source, "bench", 4);
    hub_load(&source, "labels", &h);
    harvest_release(&h);
    char *cut = strdup(source.cursor), *at = cut;
    for (int i = 0; i < 50; i++) at = strstr(at + 1, ",\"/");
    memcpy(at, "}}", 3); /* fifty were done */
    hub_read_as(&source, "labels", cut, false, true, &h);
    assert_int_equal(h.code, SL_DONE);
    assert_int_equal(h.counts.calls, 150);
    assert_true(complete(&h, "\"scope\":{}"));
    harvest_release(&h);
    free(cut);
    stage_close(&source);
}

/* ---- answers nobody should give ---- */

struct lie {
    const char *link; /* of each page */
    int calls;
};

static void lie(void *ctx, const struct sl_exchange *exchange, int64_t now_us,
                struct script_answer *answer)
{
    struct lie *lie = ctx;

    (void)exchange, (void)now_us;
    lie->calls++;
    answer->body = "[{\"id\":1,\"name\":\"x\",\"updated_at\":\"2026-03-01T00:00:00Z\"}]";
    answer->headers[0] = (struct sl_header){"link", lie->link};
}

static void read_lie(struct lie *lies, const char *table, struct harvest *out)
{
    struct sl_world *world = script_world(lie, lies);
    struct harvest_job job = {
        .connector = "github",
        .options = "{\"base_url\":\"https://api.github.example\"}",
        .job = {.kind = SL_JOB_READ,
                .table = table,
                .state = "{\"kind\":\"repo\",\"owner\":\"acme\",\"name\":\"x\",\"id\":7,"
                         "\"repos\":[[7,\"x\",0]]}",
                .input = "{}",
                .full = true}};

    harvest_run(&job, world, out);
    sl_world_free(world);
}

static void a_page_that_comes_for_ever_ends_the_read(void **state)
{
    static const char *const tables[] = {"issues", "pull_requests", "commits", "branches"};

    (void)state;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        struct lie lies = {.link = "<https://api.github.example/repositories/7/x?page=2>; "
                                   "rel=\"next\""};
        struct harvest h;

        read_lie(&lies, tables[i], &h);
        assert_true(sl_failed(h.code));
        assert_null(h.complete);
        assert_true(lies.calls < 20);
        harvest_release(&h);
    }
}

static void a_link_to_another_host_is_not_followed(void **state)
{
    struct lie lies = {.link = "<https://collector.example/repositories/7/x?page=2>; rel=\"next\""};
    struct harvest h;

    (void)state;
    read_lie(&lies, "branches", &h);
    assert_true(sl_failed(h.code));
    assert_non_null(strstr(h.error.message, "another host"));
    assert_int_equal(lies.calls, 1);
    harvest_release(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_first_load_of_two_hundred_repositories_trips_no_limit),
        cmocka_unit_test(an_hour_that_is_used_up_is_waited_out),
        cmocka_unit_test(an_hour_that_others_used_up_is_waited_out),
        cmocka_unit_test(a_secondary_limit_is_waited_for_as_long_as_it_says),
        cmocka_unit_test(pages_that_take_too_long_become_smaller),
        cmocka_unit_test(issues_that_are_switched_off_delete_nothing),
        cmocka_unit_test(a_refused_table_says_which_permission),
        cmocka_unit_test(check_names_what_the_token_lacks),
        cmocka_unit_test(a_cursor_that_is_not_ours_means_reading_everything),
        cmocka_unit_test(a_first_load_goes_on_where_it_stopped),
        cmocka_unit_test(a_page_that_comes_for_ever_ends_the_read),
        cmocka_unit_test(a_link_to_another_host_is_not_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
