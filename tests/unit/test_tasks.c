/* The task loop: one task, its credentials and budgets, what its answers mean, its restarts. */
#include "tiny/tiny.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- one task ---- */

static void rows_cursor_and_completeness_arrive_in_order(void **state)
{
    struct fixture *f = make(one_page, two_rows);

    (void)state;
    add(f, 0, "t");
    run(f);
    assert_string_equal(log_of(f), "rows u1 2;release u1;release u1;end DONE;");
    assert_string_equal(f->told[0].cursor, "{\"parts\":{\"\":\"7\"}}");
    assert_string_equal(f->told[0].complete, "[{\"table\":\"t\",\"scope\":{}}]");
    assert_int_equal(sl_job_counts(f->told[0].job)->calls, 1);
    assert_int_equal(tasks_released, 1);
    unmake(f);
}

static void an_unknown_connector_is_refused(void **state)
{
    struct net net = {.world = {.ops = &net_ops}};
    struct sl_connection connection = {.name = "c", .source = "nobody", .options_json = "{}"};
    struct sl_loop *loop;
    struct sl_error error = {0};

    (void)state;
    assert_int_equal(sl_loop_new(&connection, &net.world, &loop, &error), SL_BAD_SPEC);
    assert_null(loop);
}

static enum sl_code asks_for_nothing(void *task, const struct sl_response *response,
                                     struct sl_out *out, struct sl_error *error)
{
    (void)task, (void)response, (void)out, (void)error;
    return SL_MORE;
}

static enum sl_code asks_twice(void *task, const struct sl_response *response, struct sl_out *out,
                               struct sl_error *error)
{
    enum sl_code rc = ask(out, "http://s/1", error);

    (void)task, (void)response;
    return rc == SL_MORE ? ask(out, "http://s/2", error) : rc;
}

static enum sl_code gives_no_reason(void *task, const struct sl_response *response,
                                    struct sl_out *out, struct sl_error *error)
{
    (void)task, (void)response, (void)out, (void)error;
    return SL_BAD_DATA;
}

static enum sl_code says_ok(void *task, const struct sl_response *response, struct sl_out *out,
                            struct sl_error *error)
{
    (void)task, (void)response, (void)out, (void)error;
    return SL_OK;
}

static enum sl_code asks_and_is_done(void *task, const struct sl_response *response,
                                     struct sl_out *out, struct sl_error *error)
{
    enum sl_code rc = ask(out, "http://s/1", error);

    (void)task, (void)response;
    return rc == SL_MORE ? SL_DONE : rc;
}

static enum sl_code names_a_bad_part(void *task, const struct sl_response *response,
                                     struct sl_out *out, struct sl_error *error)
{
    (void)task, (void)response;
    return sl_out_task(out, "a/b", "{}", error);
}

static enum sl_code gives_a_huge_cursor(void *task, const struct sl_response *response,
                                        struct sl_out *out, struct sl_error *error)
{
    char *huge = malloc(SL_CURSOR_MAX + 2);
    enum sl_code rc;

    (void)task, (void)response;
    assert_non_null(huge);
    memset(huge, '1', SL_CURSOR_MAX + 1);
    huge[SL_CURSOR_MAX + 1] = '\0';
    rc = sl_out_cursor(out, huge, error);
    free(huge);
    return rc;
}

static void a_connector_that_breaks_the_contract_is_a_bug(void **state)
{
    static const struct {
        sl_step_fn *step;
        enum sl_code code;
        const char *message;
    } cases[] = {
        {asks_for_nothing, SL_BUG, "asked for nothing"},    {asks_twice, SL_BUG, "two requests"},
        {gives_no_reason, SL_BAD_DATA, "without a reason"}, {says_ok, SL_BUG, "without a reason"},
        {asks_and_is_done, SL_BUG, "asked for a request"},  {names_a_bad_part, SL_BUG, "a/b"},
        {gives_a_huge_cursor, SL_TOO_LARGE, "cursor"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture *f = make(cases[i].step, two_rows);
        add(f, 0, "t");
        run(f);
        assert_int_equal(f->told[0].code, cases[i].code);
        assert_non_null(strstr(f->told[0].error.message, cases[i].message));
        assert_int_equal(f->net.calls, 0);
        unmake(f);
    }
}

static enum sl_code asks_a_bad_url(void *task, const struct sl_response *response,
                                   struct sl_out *out, struct sl_error *error)
{
    (void)task, (void)response;
    return ask(out, "gopher://s/1", error);
}

static void a_request_that_cannot_start_fails_its_table(void **state)
{
    struct fixture *f = make(asks_a_bad_url, two_rows);

    (void)state;
    add(f, 0, "t");
    add(f, 1, "u");
    run(f);
    assert_int_equal(f->told[0].code, SL_BAD_SPEC);
    assert_int_equal(f->told[1].code, SL_BAD_SPEC);
    unmake(f);
}

/* ---- credentials and keys ---- */

static const struct sl_auth *the_auth;

static enum sl_code asks_with_auth(void *task, const struct sl_response *response,
                                   struct sl_out *out, struct sl_error *error)
{
    struct sl_request request = {.url = "http://s/1", .auth = *the_auth};
    enum sl_code rc;

    if (response) return SL_DONE;
    assert_true(((struct tiny *)task)->token);
    assert_false(((struct tiny *)task)->other);
    rc = sl_out_request(out, &request, error);
    return rc ? rc : SL_MORE;
}

static void credentials_are_put_in(void **state)
{
    static const struct {
        struct sl_auth auth;
        const char *header;
    } cases[] = {
        {{.kind = SL_AUTH_NONE}, ""},
        {{.kind = SL_AUTH_BEARER, .secret = "token"}, "Bearer s3cret"},
        {{.kind = SL_AUTH_BASIC, .user = "ann", .secret = "token"}, "Basic YW5uOnMzY3JldA=="},
        {{.kind = SL_AUTH_BASIC, .user = "an", .secret = "token"}, "Basic YW46czNjcmV0"},
        {{.kind = SL_AUTH_BASIC, .user = "anna", .secret = "token"}, "Basic YW5uYTpzM2NyZXQ="},
        {{.kind = SL_AUTH_BASIC, .secret = "token"}, "Basic OnMzY3JldA=="},
        {{.kind = SL_AUTH_BASIC_SECRET, .user = "ann", .secret = "token"}, "Basic czNjcmV0Og=="},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        the_auth = &cases[i].auth;
        struct fixture *f = make(asks_with_auth, two_rows);
        add(f, 0, "t");
        run(f);
        assert_int_equal(f->told[0].code, SL_DONE);
        assert_string_equal(f->net.authorization, cases[i].header);
        unmake(f);
    }
}

static void an_absent_secret_says_how_to_give_it(void **state)
{
    static const struct sl_auth auth = {.kind = SL_AUTH_BEARER, .secret = "other"};

    (void)state;
    the_auth = &auth;
    struct fixture *f = make(asks_with_auth, two_rows);
    add(f, 0, "t");
    run(f);
    assert_int_equal(f->told[0].code, SL_AUTH);
    assert_non_null(strstr(f->told[0].error.message, "'other'"));
    assert_non_null(strstr(f->told[0].error.hint, "sluice connections update c"));
    assert_int_equal(f->net.calls, 0);
    unmake(f);
}

#define KEY_LONG                                                                                   \
    "k:{credential}:0123456789012345678901234567890123456789012345678901234567890123456789012345"

static enum sl_code spends(void *task, const struct sl_response *response, struct sl_out *out,
                           struct sl_error *error)
{
    struct tiny *self = task;
    struct sl_limit limit = {.key = "k:{credential}", .rate = 10, .window_ms = 1000};
    struct sl_request request = {.url = "http://s/1", .spends = {{"k:{credential}", 1}}};
    enum sl_code rc;

    if (response && ++self->page == 5) return SL_DONE;
    rc = sl_out_limit(out, &limit, error);
    if (!rc) rc = sl_out_request(out, &request, error);
    return rc ? rc : SL_MORE;
}

static void a_budget_paces_and_its_key_names_the_credential(void **state)
{
    struct fixture *f = make(spends, two_rows);
    struct sl_budget_use use;

    (void)state;
    add(f, 0, "t");
    add(f, 1, "u");
    run(f);
    assert_true(sl_budgets_use(sl_loop_budgets(f->loop), 0, &use));
    assert_string_equal(use.key, "k:f00d");
    assert_false(sl_budgets_use(sl_loop_budgets(f->loop), 1, &use));
    assert_int_equal(f->net.calls, 10);
    for (int i = 1; i < 10; i++)
        assert_true(f->net.called_us[i] - f->net.called_us[i - 1] >= 100000);
    assert_true(f->net.called_us[9] < 1000000);
    unmake(f);
}

/* A long read declares its limit and reports its budget with every page. */
static enum sl_code reports_budgets(void *task, const struct sl_response *response,
                                    struct sl_out *out, struct sl_error *error)
{
    struct tiny *self = task;
    struct sl_limit limit = {.key = KEY_LONG, .rate = 1e9, .window_ms = 1000};
    enum sl_code rc = SL_OK;

    if (response && ++self->page == 400) return SL_DONE;
    for (int i = 0; i < 200 && !rc; i++) {
        rc = sl_out_limit(out, &limit, error);
        if (!rc) rc = sl_out_budget(out, KEY_LONG, 1e6, 0, error);
    }
    return rc ? rc : ask(out, "http://s/1", error);
}

static void a_long_read_needs_no_more_memory_than_a_short_one(void **state)
{
    struct fixture *f = make(reports_budgets, two_rows);

    (void)state;
    add(f, 0, "t");
    run(f);
    assert_int_equal(f->told[0].code, SL_DONE);
    unmake(f);
}

/* ---- retries, pauses, failures ---- */

static int bad_answers, bad_status;

static void bad_at_first(struct net *net, const struct sl_exchange *exchange, struct reply *reply)
{
    (void)exchange;
    reply->body = "[{\"a\":1},{\"a\":2}]";
    if (net->calls <= bad_answers) reply->status = bad_status;
}

static void a_failed_answer_is_asked_for_again(void **state)
{
    struct fixture *f = make(one_page, bad_at_first);

    (void)state;
    bad_answers = 3, bad_status = 500;
    add(f, 0, "t");
    run(f);
    assert_int_equal(f->told[0].code, SL_DONE);
    assert_int_equal(f->told[0].rows, 2);
    assert_int_equal(sl_job_counts(f->told[0].job)->retries, 3);
    assert_int_equal(f->net.calls, 4);
    assert_true(f->net.called_us[1] - f->net.called_us[0] >= 250000);
    assert_true(f->net.called_us[3] - f->net.called_us[2] >= 1000000); /* ever longer */
    unmake(f);
}

static void attempts_end(void **state)
{
    struct fixture *f = make(one_page, bad_at_first);

    (void)state;
    bad_answers = 1000, bad_status = 500;
    add(f, 0, "t");
    run(f);
    assert_int_equal(f->told[0].code, SL_SOURCE);
    assert_int_equal(f->told[0].error.http_status, 500);
    assert_non_null(strstr(f->told[0].error.message, "after 8 attempts"));
    assert_non_null(strstr(f->told[0].error.message, "GET http://s/page"));
    assert_int_equal(f->net.calls, 8);
    unmake(f);
}

static bool post_idempotent;

static enum sl_code posts(void *task, const struct sl_response *response, struct sl_out *out,
                          struct sl_error *error)
{
    struct sl_request request = {.method = "POST",
                                 .url = "http://s/search?secretish=1",
                                 .body = "{}",
                                 .body_len = 2,
                                 .idempotent = post_idempotent};
    enum sl_code rc;

    (void)task;
    if (response) return SL_DONE;
    rc = sl_out_request(out, &request, error);
    return rc ? rc : SL_MORE;
}

static void a_post_is_repeated_only_when_that_is_safe(void **state)
{
    (void)state;
    bad_answers = 1, bad_status = 500;
    for (int idempotent = 0; idempotent < 2; idempotent++) {
        post_idempotent = idempotent;
        struct fixture *f = make(posts, bad_at_first);
        add(f, 0, "t");
        run(f);
        assert_int_equal(f->told[0].code, idempotent ? SL_DONE : SL_SOURCE);
        assert_int_equal(f->net.calls, idempotent ? 2 : 1);
        assert_null(strstr(f->told[0].error.message, "secretish"));
        unmake(f);
    }
}

static void a_post_that_was_refused_is_sent_again(void **state)
{
    (void)state;
    bad_answers = 1, bad_status = 429;
    post_idempotent = false;
    struct fixture *f = make(posts, bad_at_first);
    add(f, 0, "t");
    run(f);
    assert_int_equal(f->told[0].code, SL_DONE);
    assert_int_equal(f->net.calls, 2);
    unmake(f);
}

static void no_answer(struct net *net, const struct sl_exchange *exchange, struct reply *reply)
{
    (void)exchange;
    if (net->calls <= 2) reply->code = SL_CONNECT;
    reply->body = "[]";
}

static void a_lost_connection_is_tried_again(void **state)
{
    struct fixture *f = make(one_page, no_answer);

    (void)state;
    add(f, 0, "t");
    run(f);
    assert_int_equal(f->told[0].code, SL_DONE);
    assert_int_equal(f->net.calls, 3);
    unmake(f);
}

/* Three tables share a key. All three first calls are answered 429 with 30 seconds. */
static void a_pause_holds_every_job_and_slows_down_once(void **state)
{
    struct fixture *f = make(spends, bad_at_first);
    struct sl_budget_use use;

    (void)state;
    bad_answers = 1, bad_status = 429;
    add(f, 0, "t");
    add(f, 1, "u");
    add(f, 2, "v");
    run(f);
    for (size_t i = 0; i < 3; i++) assert_int_equal(f->told[i].code, SL_DONE);
    assert_true(f->net.called_us[1] >= 30000000); /* the other jobs too */
    assert_true(sl_budgets_use(sl_loop_budgets(f->loop), 0, &use));
    assert_true(use.rate > 4.99 && use.rate < 5.01);
    assert_int_equal(use.pauses, 1);
    unmake(f);
}

static enum sl_code spends_in_bulk(void *task, const struct sl_response *response,
                                   struct sl_out *out, struct sl_error *error)
{
    struct sl_limit limit = {.key = "k:{credential}", .rate = 1000, .window_ms = 1000};
    struct sl_request request = {.url = "http://s/1", .spends = {{"k:{credential}", 1}}};
    enum sl_code rc;

    (void)task;
    if (response) return SL_DONE;
    rc = sl_out_limit(out, &limit, error);
    if (!rc) rc = sl_out_request(out, &request, error);
    return rc ? rc : SL_MORE;
}

static void answers_of_one_moment_slow_down_once(void **state)
{
    struct fixture *f = make(spends_in_bulk, bad_at_first);
    struct sl_budget_use use;
    int64_t limited = 0;

    (void)state;
    bad_answers = 3, bad_status = 429; /* all three are on their way before the first answer */
    add(f, 0, "t");
    add(f, 1, "u");
    add(f, 2, "v");
    run(f);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(f->told[i].code, SL_DONE);
        limited += sl_job_counts(f->told[i].job)->limited;
    }
    assert_int_equal(limited, 3);
    assert_int_equal(f->net.calls, 6);
    assert_true(sl_budgets_use(sl_loop_budgets(f->loop), 0, &use));
    assert_true(use.rate > 499 && use.rate < 501);
    unmake(f);
}

static void a_day_of_patience(struct net *net, const struct sl_exchange *exchange,
                              struct reply *reply)
{
    (void)exchange;
    if (net->calls > 1) return;
    reply->status = 429;
    reply->headers[0] = (struct sl_header){"retry-after", "86400"};
}

/* A wait that is longer than we accept ends the run: nobody sits behind a paused key for a day. */
static void a_wait_that_is_too_long_does_not_hold_the_others(void **state)
{
    struct fixture *f = make(spends, a_day_of_patience);

    (void)state;
    add(f, 0, "t");
    add(f, 1, "u");
    run(f);
    assert_int_equal(f->told[0].code == SL_DONE && f->told[1].code == SL_DONE, false);
    assert_true(f->net.now_us < INT64_C(700000000));
    unmake(f);
}

static enum sl_code asks_its_table(void *task, const struct sl_response *response,
                                   struct sl_out *out, struct sl_error *error)
{
    struct tiny *self = task;
    char url[64];

    if (response && (self->page++ > 0 || response->status != 200)) return SL_DONE;
    snprintf(url, sizeof url, "http://s/%s", response ? "ok" : self->task.table);
    return ask(out, url, error);
}

static void what_fails_with_what(void **state)
{
    static const struct {
        const char *status;
        enum sl_code code, others;
    } cases[] = {
        {"403", SL_PERMISSION, SL_DONE}, /* FAIL_TABLE */
        {"401", SL_AUTH, SL_AUTH},       /* FAIL_ALL */
        {"402", SL_QUOTA, SL_QUOTA},     /* QUOTA */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture *f = make(asks_its_table, by_path);
        add(f, 0, cases[i].status);
        add(f, 1, "u");
        add(f, 2, "v");
        run(f);
        assert_int_equal(f->told[0].code, cases[i].code);
        assert_int_equal(f->told[1].code, cases[i].others);
        assert_int_equal(f->told[2].code, cases[i].others);
        assert_int_equal(tasks_released, 3);
        unmake(f);
    }
}

/* ---- restarts ---- */

static enum sl_code two_pages(void *task, const struct sl_response *response, struct sl_out *out,
                              struct sl_error *error)
{
    struct tiny *self = task;
    enum sl_code rc;

    if (!response) {
        assert_int_equal(self->page, 0); /* zeroed again */
        return ask(out, "http://s/1", error);
    }
    rc = give(out, response, error);
    if (rc) return rc;
    if (self->page++ == 0) return ask(out, "http://s/2", error);
    return SL_DONE;
}

static int conflicts;

static void conflict_on_page_2(struct net *net, const struct sl_exchange *exchange,
                               struct reply *reply)
{
    (void)net;
    reply->body = "[{\"a\":1},{\"a\":2}]";
    if (exchange->url[9] == '2' && conflicts-- > 0) reply->status = 409;
}

static void a_restart_drops_what_was_not_released(void **state)
{
    struct fixture *f = make(two_pages, conflict_on_page_2);

    (void)state;
    conflicts = 1;
    add(f, 0, "t");
    run(f);
    assert_string_equal(log_of(f), "rows u1 2;drop u1;rows u1 2;rows u1 2;release u1;end DONE;");
    assert_int_equal(f->told[0].rows, 4);
    assert_int_equal(tasks_born, 2);
    assert_int_equal(tasks_released, 2);
    unmake(f);
}

static void restarts_are_bounded(void **state)
{
    struct fixture *f = make(two_pages, conflict_on_page_2);

    (void)state;
    conflicts = 1000;
    add(f, 0, "t");
    run(f);
    assert_int_equal(f->told[0].code, SL_SOURCE);
    assert_non_null(strstr(f->told[0].error.message, "given up after 5 restarts"));
    assert_int_equal(sl_job_counts(f->told[0].job)->restarts, 5);
    assert_int_equal(tasks_born, 6);
    unmake(f);
}

/* Each page is released with a cursor; the third answer restarts the task once. */
static enum sl_code pages_with_cursors(void *task, const struct sl_response *response,
                                       struct sl_out *out, struct sl_error *error)
{
    struct tiny *self = task;
    char text[64];
    enum sl_code rc;

    if (!response) {
        const char *from = self->task.full ? "" : cursor_text(task);
        self->page = from[0] ? from[0] - '0' : 0;
    } else {
        rc = give(out, response, error);
        snprintf(text, sizeof text, "\"%d\"", (int)++self->page);
        if (!rc) rc = sl_out_cursor(out, text, error);
        if (rc) return rc;
        if (self->page == 4) return SL_DONE;
    }
    snprintf(text, sizeof text, "http://s/%d", (int)self->page + 1);
    return ask(out, text, error);
}

static void conflict_on_page_3(struct net *net, const struct sl_exchange *exchange,
                               struct reply *reply)
{
    (void)net;
    reply->body = "[{\"a\":1}]";
    if (exchange->url[9] == '3' && conflicts-- > 0) reply->status = 409;
}

/* No row twice: what was released stays, and the task goes on from there. */
static void a_restart_goes_on_from_the_release_point(void **state)
{
    struct fixture *f = make(pages_with_cursors, conflict_on_page_3);

    (void)state;
    conflicts = 1;
    add_with(f, 0, "t", "{\"parts\":{\"\":\"1\"}}", false);
    run(f);
    assert_int_equal(f->told[0].code, SL_DONE);
    assert_int_equal(f->told[0].rows, 3); /* pages 2, 3, 4 */
    assert_string_equal(f->told[0].cursor, "{\"parts\":{\"\":\"4\"}}");
    unmake(f);
}

static void a_task_sees_its_own_part(void **state)
{
    struct fixture *f = make(pages_with_cursors, conflict_on_page_3);

    (void)state;
    conflicts = 0;
    add_with(f, 0, "t", "{\"parts\":{\"\":\"3\",\"/x\":\"1\"}}", false);
    run(f);
    assert_int_equal(f->net.calls, 1); /* page 4 */
    unmake(f);
}

/* A full read begins at the very beginning, so nothing of it stays. */
static void a_restart_of_a_full_read_drops_all_of_it(void **state)
{
    struct fixture *f = make(pages_with_cursors, conflict_on_page_3);

    (void)state;
    conflicts = 1;
    add_with(f, 0, "t", "{\"parts\":{\"\":\"1\"}}", true);
    run(f);
    assert_int_equal(f->told[0].code, SL_DONE);
    assert_int_equal(f->told[0].rows, 4);
    unmake(f);
}

static enum sl_code completes_then_fails(void *task, const struct sl_response *response,
                                         struct sl_out *out, struct sl_error *error)
{
    struct tiny *self = task;
    enum sl_code rc;

    if (!response) return ask(out, "http://s/1", error);
    if (self->page++ > 0) return SL_DONE;
    rc = tasks_born == 1 ? sl_out_complete(out, "t", "{}", error) : SL_OK;
    return rc ? rc : ask(out, "http://s/2", error);
}

static void completeness_of_a_restarted_task_is_void(void **state)
{
    struct fixture *f = make(completes_then_fails, conflict_on_page_2);

    (void)state;
    conflicts = 1;
    add(f, 0, "t");
    run(f);
    assert_int_equal(f->told[0].code, SL_DONE);
    assert_string_equal(f->told[0].complete, "[]");
    unmake(f);
}

/* ---- answers by lines ---- */

static enum sl_code reads_lines(void *task, const struct sl_response *response, struct sl_out *out,
                                struct sl_error *error)
{
    struct tiny *self = task;
    struct sl_request request = {.url = "http://s/export", .lines = true};
    const struct sl_json *json;
    enum sl_code rc;

    if (!response) {
        rc = sl_out_request(out, &request, error);
        return rc ? rc : SL_MORE;
    }
    assert_int_equal((response->chunk & SL_CHUNK_FIRST) != 0, self->page == 0);
    assert_null(response->json); /* lines are not one document */
    self->page++;
    rc = sl_out_parse(out, response->body, response->body_len, &json, error);
    if (!rc) rc = sl_out_rows(out, "t", json, NULL, 0, (struct sl_sequence){0}, error);
    if (rc) return rc;
    return response->chunk & SL_CHUNK_LAST ? SL_DONE : SL_MORE;
}

static int cuts;

static void three_lines(struct net *net, const struct sl_exchange *exchange, struct reply *reply)
{
    (void)net, (void)exchange;
    reply->chunks[0] = "{\"a\":1}\n";
    reply->chunks[1] = "{\"a\":2}\n";
    reply->chunks[2] = "{\"a\":3}\n";
    if (cuts-- > 0) reply->chunks[2] = NULL, reply->code = SL_SOURCE;
}

static void lines_come_in_chunks(void **state)
{
    struct fixture *f = make(reads_lines, three_lines);

    (void)state;
    cuts = 0;
    add(f, 0, "t");
    run(f);
    assert_string_equal(log_of(f), "rows u1 1;rows u1 1;rows u1 1;release u1;end DONE;");
    unmake(f);
}

static void a_body_that_is_cut_restarts_its_task(void **state)
{
    struct fixture *f = make(reads_lines, three_lines);

    (void)state;
    cuts = 1;
    add(f, 0, "t");
    run(f);
    assert_string_equal(
        log_of(f),
        "rows u1 1;rows u1 1;drop u1;rows u1 1;rows u1 1;rows u1 1;release u1;end DONE;");
    unmake(f);
}

static void a_body_that_is_always_cut_gives_up(void **state)
{
    struct fixture *f = make(reads_lines, three_lines);

    (void)state;
    cuts = 1000;
    add(f, 0, "t");
    run(f);
    assert_int_equal(f->told[0].code, SL_SOURCE);
    assert_int_equal(f->told[0].rows, 2); /* staged, never to be committed */
    unmake(f);
}

/* It has seen enough, and says so before the body ends. */
static enum sl_code ends_early(void *task, const struct sl_response *response, struct sl_out *out,
                               struct sl_error *error)
{
    struct sl_request request = {.url = "http://s/export", .lines = true, .spends = {{"one", 1}}};
    struct sl_limit limit = {.key = "one", .rate = 1000, .window_ms = 1000, .concurrency = 1};
    enum sl_code rc;

    (void)task;
    if (response) return SL_DONE;
    rc = sl_out_limit(out, &limit, error);
    if (!rc) rc = sl_out_request(out, &request, error);
    return rc ? rc : SL_MORE;
}

static void done_in_the_middle_of_a_body_ends_its_exchange(void **state)
{
    struct fixture *f = make(ends_early, three_lines);

    (void)state;
    cuts = 0;
    add(f, 0, "t");
    add(f, 1, "u"); /* may send only when the first exchange is over */
    run(f);
    assert_int_equal(f->told[0].code, SL_DONE);
    assert_int_equal(f->told[1].code, SL_DONE);
    assert_int_equal(f->net.cancelled, 2);
    unmake(f);
}

static enum sl_code asks_in_the_middle(void *task, const struct sl_response *response,
                                       struct sl_out *out, struct sl_error *error)
{
    struct sl_request request = {.url = "http://s/export", .lines = true};
    enum sl_code rc = sl_out_request(out, &request, error);

    (void)task, (void)response;
    return rc ? rc : SL_MORE;
}

static void a_request_in_the_middle_of_a_body_is_a_bug(void **state)
{
    struct fixture *f = make(asks_in_the_middle, three_lines);

    (void)state;
    cuts = 0;
    add(f, 0, "t");
    run(f);
    assert_int_equal(f->told[0].code, SL_BUG);
    assert_int_equal(f->net.cancelled, 1);
    unmake(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_cursor_and_completeness_arrive_in_order),
        cmocka_unit_test(an_unknown_connector_is_refused),
        cmocka_unit_test(a_connector_that_breaks_the_contract_is_a_bug),
        cmocka_unit_test(a_request_that_cannot_start_fails_its_table),
        cmocka_unit_test(credentials_are_put_in),
        cmocka_unit_test(an_absent_secret_says_how_to_give_it),
        cmocka_unit_test(a_budget_paces_and_its_key_names_the_credential),
        cmocka_unit_test(a_long_read_needs_no_more_memory_than_a_short_one),
        cmocka_unit_test(a_failed_answer_is_asked_for_again),
        cmocka_unit_test(attempts_end),
        cmocka_unit_test(a_post_is_repeated_only_when_that_is_safe),
        cmocka_unit_test(a_post_that_was_refused_is_sent_again),
        cmocka_unit_test(a_lost_connection_is_tried_again),
        cmocka_unit_test(a_pause_holds_every_job_and_slows_down_once),
        cmocka_unit_test(answers_of_one_moment_slow_down_once),
        cmocka_unit_test(a_wait_that_is_too_long_does_not_hold_the_others),
        cmocka_unit_test(what_fails_with_what),
        cmocka_unit_test(a_restart_drops_what_was_not_released),
        cmocka_unit_test(restarts_are_bounded),
        cmocka_unit_test(a_restart_goes_on_from_the_release_point),
        cmocka_unit_test(a_task_sees_its_own_part),
        cmocka_unit_test(a_restart_of_a_full_read_drops_all_of_it),
        cmocka_unit_test(completeness_of_a_restarted_task_is_void),
        cmocka_unit_test(lines_come_in_chunks),
        cmocka_unit_test(a_body_that_is_cut_restarts_its_task),
        cmocka_unit_test(a_body_that_is_always_cut_gives_up),
        cmocka_unit_test(done_in_the_middle_of_a_body_ends_its_exchange),
        cmocka_unit_test(a_request_in_the_middle_of_a_body_is_a_bug),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
