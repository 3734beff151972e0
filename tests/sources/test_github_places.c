/*
 * Owners, organisations and single repositories: what discover offers, and what a specification means.
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

static void look(struct stage *source, const char *more, enum sl_job_kind kind, struct harvest *out)
{
    struct sl_buf options = {0};
    struct harvest_job job = {.connector = "github",
                              .job = {.kind = kind, .namespace_ = source->namespace_}};

    sl_buf_addf(&options, "%.*s%s}", (int)source->options.len - 1, source->options.data, more);
    job.options = sl_buf_str(&options);
    harvest_run(&job, source->world, out);
    sl_buf_release(&options);
}

static bool offers(const struct harvest *h, const char *namespace_, const char *table)
{
    for (size_t i = 0; i < h->table_count; i++)
        if (strcmp(h->tables[i].name, table) == 0 &&
            (namespace_ ? h->tables[i].namespace_ && !strcmp(h->tables[i].namespace_, namespace_)
                        : !h->tables[i].namespace_))
            return true;
    return false;
}

static void the_tokens_user_and_its_organisations_are_offered(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    hub_open(&source, "demo", 0);
    source.namespace_ = NULL;
    look(&source, "", SL_JOB_DISCOVER, &h);
    assert_int_equal(h.namespace_count, 2);
    assert_int_equal(h.counts.calls, 2);
    assert_true(offers(&h, ACME, "teams") && offers(&h, "wile-invented", "issues"));
    assert_false(offers(&h, "wile-invented", "teams"));
    assert_true(offers(&h, NULL, "users") && offers(&h, NULL, "organizations"));
    harvest_release(&h);
    stage_close(&source);
}

static void owners_may_be_users_organisations_and_repositories(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    hub_open(&source, "demo", 0);
    source.namespace_ = NULL;
    look(&source, ",\"owners\":[\"ACME-invented\",\"wile-invented/dotfiles\"]", SL_JOB_DISCOVER,
         &h);
    assert_string_equal(h.error.message, "");
    assert_true(offers(&h, ACME, "issues") && offers(&h, "wile-invented/dotfiles", "issues"));
    assert_int_equal(h.namespace_count, 2);
    harvest_release(&h);
    stage_close(&source);
}

/* Private repositories of the token's own user are not in /users/{name}/repos. */
static void ones_own_private_repositories_are_read(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    hub_open(&source, "demo", 0);
    source.namespace_ = "wile-invented";
    stage_discover(&source);
    hub_load(&source, "issues", &h);
    assert_int_equal(harvest_keys(&h, "issues", false), hub_truth(&source, "issues", &h));
    harvest_release(&h);
    stage_close(&source);
}

/* Its repositories would seem deleted: the first of page 2 moves to page 1 when one there goes. */
static void a_repository_deleted_while_they_are_listed_hides_none(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    hub_open(&source, "bench", 2);
    stage_control(&source, "{\"fault\":\"delete_repo:n=2,repo=part-003,path=repos\"}");
    look(&source, "", SL_JOB_DISCOVER, &h);
    assert_int_equal(h.code, SL_DONE);
    assert_int_equal(h.counts.restarts, 1);
    assert_non_null(strstr(harvest_table(&h, "labels")->state, "part-101"));
    assert_null(strstr(harvest_table(&h, "labels")->state, "part-003"));
    harvest_release(&h);
    stage_close(&source);
}

static void an_installation_of_an_app_has_no_user(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    hub_open(&source, "demo", 0);
    hub_op(&source, "\"token\",\"no_user\":true}");
    stage_discover(&source);
    hub_load(&source, "issues", &h);
    hub_truth(&source, "issues", &h);
    harvest_release(&h);
    source.namespace_ = NULL;
    look(&source, ",\"owners\":[\"acme-invented\"]", SL_JOB_DISCOVER, &h);
    assert_true(offers(&h, ACME, "issues") && !offers(&h, NULL, "users"));
    harvest_release(&h);
    stage_close(&source);
}

static void without_the_scope_for_organisations_a_warning_says_so(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    hub_open(&source, "demo", 0);
    source.namespace_ = NULL;
    hub_op(&source, "\"token\",\"no_org_scope\":true}");
    look(&source, "", SL_JOB_DISCOVER, &h);
    assert_int_equal(h.code, SL_DONE);
    assert_int_equal(h.note_count, 1);
    assert_non_null(strstr(h.notes[0], "read:org"));
    harvest_release(&h);
    stage_close(&source);
}

static void an_owner_that_is_not_there_is_named_by_check(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    hub_open(&source, "demo", 0);
    look(&source, ",\"owners\":[\"nobody\",\"acme-invented\"]", SL_JOB_CHECK, &h);
    assert_int_equal(h.code, SL_DONE);
    int bad = 0;
    for (size_t i = 0; i < h.check_count; i++)
        if (!h.checks[i].good) bad++, assert_string_equal(h.checks[i].subject, "nobody");
    assert_int_equal(bad, 1);
    harvest_release(&h);
    stage_close(&source);
}

static void a_name_that_is_none_is_a_mistake_of_the_specification(void **state)
{
    static const char *const names[] = {"acme-invented/launchpad/issues", "acme-invented/", "/x"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct stage source;
        struct harvest h;

        hub_open(&source, "demo", 0);
        source.namespace_ = names[i];
        look(&source, "", SL_JOB_DISCOVER, &h);
        assert_int_equal(h.code, SL_BAD_SPEC);
        assert_non_null(strstr(h.error.hint, "acme/widgets"));
        harvest_release(&h);
        stage_close(&source);
    }
}

static void an_enterprise_server_is_below_api_v3(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    hub_open(&source, "demo", 0);
    sl_buf_reset(&source.options);
    MUST(sim_connection(source.sim, "http://sim.test/api/v3", &source.options, &error));
    stage_discover(&source);
    hub_load(&source, "comments", &h);
    hub_truth(&source, "comments", &h);
    harvest_release(&h);
    stage_close(&source);
}

/* It has no assignee, merge_commit_sha and has_downloads any more: those columns are empty then. */
static void the_api_of_2026_lacks_some_columns(void **state)
{
    static const char *const tables[] = {"issues", "pull_requests", "repositories"};

    (void)state;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        struct stage source;
        struct harvest h;

        hub_open(&source, "demo", 0);
        source.options.len--;
        sl_buf_adds(&source.options, ",\"api_version\":\"2026-03-10\"}");
        hub_load(&source, tables[i], &h);
        hub_truth(&source, tables[i], &h);
        assert_null(strstr(h.rows[0].text, "\"assignee\":"));
        assert_null(strstr(h.rows[0].text, "has_downloads"));
        harvest_release(&h);
        stage_close(&source);
    }
}

static void hidden(void *ctx, const struct sl_exchange *exchange, int64_t now_us,
                   struct script_answer *answer)
{
    (void)ctx, (void)exchange, (void)now_us;
    answer->body = "[{\"id\":1,\"login\":\"acme-invented\"}]";
    answer->headers[0] =
        (struct sl_header){"x-github-sso", "partial-results; organizations=21955855,20582480"};
}

/* The list looks whole; those that it lacks are not gone. */
static void organisations_that_want_single_sign_on_are_not_gone(void **state)
{
    struct sl_world *world = script_world(hidden, NULL);
    struct harvest_job job = {.connector = "github",
                              .options = "{}",
                              .job = {.kind = SL_JOB_READ, .table = "organizations", .full = true}};
    struct harvest h;

    (void)state;
    harvest_run(&job, world, &h);
    assert_int_equal(h.code, SL_PERMISSION);
    assert_non_null(strstr(h.error.message, "20582480"));
    assert_non_null(strstr(h.error.hint, "Authorise the token"));
    assert_null(h.complete);
    harvest_release(&h);
    sl_world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tokens_user_and_its_organisations_are_offered),
        cmocka_unit_test(owners_may_be_users_organisations_and_repositories),
        cmocka_unit_test(ones_own_private_repositories_are_read),
        cmocka_unit_test(a_repository_deleted_while_they_are_listed_hides_none),
        cmocka_unit_test(an_installation_of_an_app_has_no_user),
        cmocka_unit_test(without_the_scope_for_organisations_a_warning_says_so),
        cmocka_unit_test(an_owner_that_is_not_there_is_named_by_check),
        cmocka_unit_test(a_name_that_is_none_is_a_mistake_of_the_specification),
        cmocka_unit_test(an_enterprise_server_is_below_api_v3),
        cmocka_unit_test(the_api_of_2026_lacks_some_columns),
        cmocka_unit_test(organisations_that_want_single_sign_on_are_not_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
