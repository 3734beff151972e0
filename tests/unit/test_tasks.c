/*
 * The task loop, driven by a connector of this file over a scripted network: each test gives the
 * step and the answers, and reads what reached the sink from its log.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "json/doc.h"
#include "pipeline/tasks.h"

/* ---- a network that answers by script, in virtual time ---- */

#define ROUND_TRIP_US INT64_C(10000)
#define FLIGHTS_MAX 256

struct reply {
    int status;            /* 0: 200 */
    const char *body;      /* NULL: {} */
    const char *chunks[8]; /* instead of body, when asked for by lines */
    enum sl_code code;     /* an error instead of an answer; with chunks: after them */
    struct sl_header headers[4];
};

struct flight {
    struct sl_exchange *exchange;
    int64_t due_us;
    struct reply reply;
    size_t chunk;
};

struct net {
    struct sl_world world; /* first */
    int64_t now_us;
    void (*answer)(struct net *net, const struct sl_exchange *exchange, struct reply *reply);
    struct flight flights[FLIGHTS_MAX];
    size_t in_flight, in_flight_max;
    int calls, cancelled;
    int64_t called_us[FLIGHTS_MAX]; /* when the i-th call went out */
    char urls[FLIGHTS_MAX][64];
    char authorization[200]; /* of the newest call; "" when it had none */
    char body[65536];
};

static int64_t net_now(struct sl_world *world)
{
    return INT64_C(1800000000000000) + ((struct net *)world)->now_us;
}

static int64_t net_monotonic(struct sl_world *world)
{
    return ((struct net *)world)->now_us;
}

static uint64_t net_dice(struct sl_world *world)
{
    (void)world;
    return 0;
}

static enum sl_code net_start(struct sl_world *world, struct sl_exchange *exchange,
                              struct sl_error *error)
{
    struct net *net = (struct net *)world;
    struct flight *flight = &net->flights[net->in_flight];

    if (strncmp(exchange->url, "http", 4) != 0)
        return sl_fail(error, SL_BAD_SPEC, "'%s' is no URL", exchange->url);
    assert_true(net->in_flight < FLIGHTS_MAX);
    for (size_t i = 0; i < net->in_flight; i++)
        assert_ptr_not_equal(net->flights[i].exchange, exchange); /* one request for each task */
    memset(flight, 0, sizeof *flight);
    flight->exchange = exchange;
    flight->due_us = net->now_us + ROUND_TRIP_US;
    if (++net->in_flight > net->in_flight_max) net->in_flight_max = net->in_flight;
    if (net->calls < FLIGHTS_MAX) {
        net->called_us[net->calls] = net->now_us;
        snprintf(net->urls[net->calls], sizeof net->urls[0], "%s", exchange->url);
    }
    net->calls++;
    net->authorization[0] = '\0';
    for (const struct sl_header *h = exchange->headers; h->name; h++)
        if (strcmp(h->name, "Authorization") == 0)
            snprintf(net->authorization, sizeof net->authorization, "%s", h->value);
    net->answer(net, exchange, &flight->reply);
    return SL_OK;
}

static void land(struct net *net, struct flight *flight)
{
    size_t at = (size_t)(flight - net->flights);

    memmove(flight, flight + 1, (net->in_flight - at - 1) * sizeof *flight);
    net->in_flight--;
}

static void net_cancel(struct sl_world *world, struct sl_exchange *exchange)
{
    struct net *net = (struct net *)world;

    for (size_t i = 0; i < net->in_flight; i++)
        if (net->flights[i].exchange == exchange) {
            land(net, &net->flights[i]);
            net->cancelled++;
            return;
        }
    /* a completion that ended the exchange is cancelled by nobody */
    fail_msg("an exchange was cancelled that is not under way");
}

static void complete(struct net *net, struct flight *flight, struct sl_completion *out)
{
    const struct reply *reply = &flight->reply;
    const char *text = reply->body ? reply->body : "{}";
    bool last = true;

    *out = (struct sl_completion){.exchange = flight->exchange,
                                  .status = reply->status ? reply->status : 200,
                                  .headers = flight->reply.headers,
                                  .chunk = SL_CHUNK_FIRST | SL_CHUNK_LAST,
                                  .started_at_us = net_now(&net->world) - ROUND_TRIP_US,
                                  .received_at_us = net_now(&net->world)};
    if (reply->chunks[0] && reply->chunks[flight->chunk]) {
        text = reply->chunks[flight->chunk];
        last = !reply->chunks[flight->chunk + 1] && !reply->code;
        out->chunk = (flight->chunk == 0 ? SL_CHUNK_FIRST : 0u) | (last ? SL_CHUNK_LAST : 0u);
        flight->chunk++;
    } else if (reply->code) {
        out->code = reply->code;
        out->began = flight->chunk > 0;
        out->chunk = 0;
        sl_fail(&out->error, reply->code, "the network said no");
    }
    assert_true(strlen(text) + SL_DOC_PADDING < sizeof net->body);
    memset(net->body, 0, strlen(text) + SL_DOC_PADDING + 1);
    memcpy(net->body, text, strlen(text));
    out->body = net->body;
    out->body_len = out->code ? 0 : strlen(text);
    if (last) {
        static struct sl_header headers[4]; /* they outlive the flight */
        memcpy(headers, flight->reply.headers, sizeof headers);
        out->headers = headers;
        land(net, flight);
    }
}

static bool net_wait(struct sl_world *world, int64_t until_us, struct sl_completion *out)
{
    struct net *net = (struct net *)world;
    struct flight *first = NULL;

    for (size_t i = 0; i < net->in_flight; i++)
        if (!first || net->flights[i].due_us < first->due_us) first = &net->flights[i];
    if (!first || first->due_us > until_us) {
        if (until_us == INT64_MAX) fail_msg("the loop waits for ever");
        if (until_us > net->now_us) net->now_us = until_us;
        return false;
    }
    if (first->due_us > net->now_us) net->now_us = first->due_us;
    complete(net, first, out);
    return true;
}

static void net_wake(struct sl_world *world)
{
    (void)world;
}

static const struct sl_world_ops net_ops = {
    .now_us = net_now,
    .monotonic_us = net_monotonic,
    .dice = net_dice,
    .start = net_start,
    .cancel = net_cancel,
    .wait = net_wait,
    .wake = net_wake,
    .free = net_wake,
};

/* ---- a connector whose step is the test's ---- */

struct tiny {
    struct sl_task task; /* first */
    const char *base;
    bool token, other;
    int64_t page; /* the test's own */
    bool flag;
};

static const struct sl_option tiny_options[] = {
    {.name = "base", .kind = SL_OPTION_STRING, .offset = offsetof(struct tiny, base), .help = "B."},
    {.name = "token",
     .kind = SL_OPTION_SECRET,
     .offset = offsetof(struct tiny, token),
     .help = "T."},
    {.name = "other",
     .kind = SL_OPTION_SECRET,
     .offset = offsetof(struct tiny, other),
     .help = "O."},
    {0},
};
static const struct sl_option no_options[] = {{0}};

static sl_step_fn *the_step;
static int tasks_born, tasks_released;

static enum sl_code tiny_step(void *task, const struct sl_response *response, struct sl_out *out,
                              struct sl_error *error)
{
    if (!response) tasks_born++;
    return the_step(task, response, out, error);
}

static void tiny_release(void *task)
{
    (void)task;
    tasks_released++;
}

static void tiny_classify(const void *task, const struct sl_response *response,
                          struct sl_verdict *verdict)
{
    (void)task;
    snprintf(verdict->message, sizeof verdict->message, "the source answered %d", response->status);
    switch (response->status) {
    case 200: verdict->kind = SL_VERDICT_OK; return;
    case 401: verdict->kind = SL_VERDICT_FAIL_ALL, verdict->code = SL_AUTH; return;
    case 402: verdict->kind = SL_VERDICT_QUOTA; return;
    case 403: verdict->kind = SL_VERDICT_FAIL_TABLE, verdict->code = SL_PERMISSION; return;
    case 409: verdict->kind = SL_VERDICT_RESTART; return;
    case 429:
        verdict->kind = SL_VERDICT_RETRY_AFTER, verdict->code = SL_RATE_LIMITED;
        verdict->wait_ms = sl_response_retry_after_ms(response);
        if (verdict->wait_ms < 0) verdict->wait_ms = 30000;
        verdict->slow_down = 0.5;
        snprintf(verdict->pause, sizeof verdict->pause, "k:{credential}");
        return;
    case 500: verdict->kind = SL_VERDICT_RETRY; return;
    default: verdict->kind = SL_VERDICT_FAIL_TABLE; return;
    }
}

static const struct sl_connector tiny = {
    .abi = SL_CONNECTOR_ABI,
    .name = "tiny",
    .title = "Tiny",
    .summary = "A connector of this test.",
    .connection_options = tiny_options,
    .table_options = no_options,
    .task_size = sizeof(struct tiny),
    .classify = tiny_classify,
    .check = tiny_step,
    .discover = tiny_step,
    .read = tiny_step,
    .task_release = tiny_release,
};

const struct sl_connector *const sl_connectors[] = {&tiny, NULL};

const struct sl_connector *sl_connector_find(const char *name)
{
    return strcmp(name, "tiny") == 0 ? &tiny : NULL;
}

/* ---- a sink that writes down what it is told ---- */

struct told {
    struct sl_buf log; /* "rows u1 2;drop u1;release u1;..." */
    int64_t rows;      /* that nobody dropped */
    int64_t open[512]; /* by unit: rows since its last release point */
    int ends;
    enum sl_code code;
    struct sl_error error;
    char cursor[4000], complete[2000];
    struct sl_job *job;
};

static enum sl_code told_rows(void *ctx, uint64_t unit, const struct sl_doc *doc, const char *table,
                              const struct sl_json *rows, const struct sl_constant *constants,
                              size_t count, struct sl_sequence sequence, int64_t observed_us,
                              struct sl_error *error)
{
    struct told *told = ctx;
    int64_t n = sl_json_kind(rows) == SL_JSON_ARRAY ? (int64_t)sl_json_len(rows) : 1;

    (void)doc, (void)table, (void)constants, (void)count, (void)sequence, (void)observed_us;
    (void)error;
    assert_true(unit < 512);
    sl_buf_addf(&told->log, "rows u%d %d;", (int)unit, (int)n);
    told->open[unit] += n;
    told->rows += n;
    return SL_OK;
}

static enum sl_code told_drop(void *ctx, uint64_t unit, struct sl_error *error)
{
    struct told *told = ctx;

    (void)error;
    sl_buf_addf(&told->log, "drop u%d;", (int)unit);
    told->rows -= told->open[unit];
    told->open[unit] = 0;
    return SL_OK;
}

static enum sl_code told_release(void *ctx, uint64_t unit, struct sl_error *error)
{
    struct told *told = ctx;

    (void)error;
    sl_buf_addf(&told->log, "release u%d;", (int)unit);
    if (unit < 512) told->open[unit] = 0;
    return SL_OK;
}

static void told_note(void *ctx, enum sl_note level, const char *text)
{
    struct told *told = ctx;

    (void)level;
    sl_buf_addf(&told->log, "note %s;", text);
}

static void told_end(void *ctx, enum sl_code code, const char *cursor, const char *complete,
                     const struct sl_error *error)
{
    struct told *told = ctx;

    told->ends++;
    told->code = code;
    if (error) told->error = *error;
    assert_int_equal(code == SL_DONE, error == NULL);
    assert_int_equal(code == SL_DONE, cursor != NULL && complete != NULL);
    snprintf(told->cursor, sizeof told->cursor, "%s", cursor ? cursor : "");
    snprintf(told->complete, sizeof told->complete, "%s", complete ? complete : "");
    sl_buf_addf(&told->log, "end %s;", sl_code_name(code));
}

static const struct sl_sink told_sink = {
    .rows = told_rows,
    .drop = told_drop,
    .release = told_release,
    .note = told_note,
    .end = told_end,
};

/* ---- one test's loop ---- */

struct fixture {
    struct net net;
    struct sl_connection connection;
    struct sl_loop *loop;
    struct told told[4];
    int64_t live;
};

static const struct sl_secret secrets[] = {{"token", "s3cret"}, {0}};

static struct fixture *make(sl_step_fn *step,
                            void (*answer)(struct net *, const struct sl_exchange *,
                                           struct reply *))
{
    int64_t live = sl_alloc_live();
    struct fixture *f = calloc(1, sizeof *f);
    struct sl_error error = {0};

    assert_non_null(f);
    f->live = live;
    f->net.world.ops = &net_ops;
    f->net.answer = answer;
    f->connection = (struct sl_connection){.name = "c",
                                           .source = "tiny",
                                           .options_json = "{}",
                                           .secrets = secrets,
                                           .fingerprint = "f00d"};
    the_step = step;
    tasks_born = tasks_released = 0;
    assert_int_equal(sl_loop_new(&f->connection, &f->net.world, &f->loop, &error), SL_OK);
    return f;
}

static void add_with(struct fixture *f, size_t i, const char *table, const char *cursor, bool full)
{
    struct sl_job_options options = {
        .kind = SL_JOB_READ, .table = table, .cursor = cursor, .full = full, .expected_rows = -1};
    struct sl_error error = {0};

    assert_int_equal(sl_loop_add(f->loop, &options, &told_sink, &f->told[i], &f->told[i].job,
                                 &error),
                     SL_OK);
}

static void add(struct fixture *f, size_t i, const char *table)
{
    add_with(f, i, table, NULL, false);
}

static void run(struct fixture *f)
{
    struct sl_error error = {0};

    assert_int_equal(sl_loop_run(f->loop, NULL, NULL, NULL, &error), SL_OK);
    assert_int_equal(f->net.in_flight, 0);
}

static void unmake(struct fixture *f)
{
    sl_loop_free(f->loop);
    for (size_t i = 0; i < 4; i++) {
        if (f->told[i].job) assert_int_equal(f->told[i].ends, 1);
        sl_buf_release(&f->told[i].log);
    }
    assert_int_equal(sl_alloc_live(), f->live);
    free(f);
}

static const char *log_of(const struct fixture *f)
{
    return sl_buf_str(&f->told[0].log);
}

/* ---- what steps are made of ---- */

static enum sl_code ask(struct sl_out *out, const char *url, struct sl_error *error)
{
    struct sl_request request = {.url = url};
    enum sl_code rc = sl_out_request(out, &request, error);

    return rc ? rc : SL_MORE;
}

static enum sl_code give(struct sl_out *out, const struct sl_response *response,
                         struct sl_error *error)
{
    return sl_out_rows(out, "t", response->json, NULL, 0, (struct sl_sequence){0}, error);
}

static const char *input_text(const void *task, const char *key)
{
    return sl_json_str(sl_json_get(((const struct tiny *)task)->task.input, key));
}

static const char *cursor_text(const void *task)
{
    const char *text = sl_json_str(((const struct tiny *)task)->task.cursor);

    return text ? text : "";
}

static void two_rows(struct net *net, const struct sl_exchange *exchange, struct reply *reply)
{
    (void)net, (void)exchange;
    reply->body = "[{\"a\":1},{\"a\":2}]";
}

/* ---- one task ---- */

static enum sl_code one_page(void *task, const struct sl_response *response, struct sl_out *out,
                             struct sl_error *error)
{
    enum sl_code rc;

    (void)task;
    if (!response) return ask(out, "http://s/page", error);
    rc = give(out, response, error);
    if (!rc) rc = sl_out_complete(out, "t", "{}", error);
    if (!rc) rc = sl_out_cursor(out, "\"7\"", error);
    return rc ? rc : SL_DONE;
}

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

static void by_path(struct net *net, const struct sl_exchange *exchange, struct reply *reply)
{
    const char *path = strrchr(exchange->url, '/') + 1;

    (void)net;
    reply->body = "[{\"a\":1}]";
    if (path[0] >= '0' && path[0] <= '9') reply->status = (int)strtol(path, NULL, 10);
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

/* ---- sub-tasks ---- */

#define CHILDREN_MAX 200
static int children_wanted;

/* The root asks for its children with its one page; a child reads one page. Cursors: "root" when
 * the table is called "replaced", and the child's name in each child. */
static enum sl_code family(void *task, const struct sl_response *response, struct sl_out *out,
                           struct sl_error *error)
{
    struct tiny *self = task;
    const char *name = input_text(task, "name");
    char part[32], input[64];
    enum sl_code rc = SL_OK;

    if (!response && name) {
        snprintf(part, sizeof part, "http://s/%s", name);
        return ask(out, part, error);
    }
    if (!response) {
        for (int i = 0; i < children_wanted && !rc; i++) {
            snprintf(part, sizeof part, "p%d", i);
            snprintf(input, sizeof input, "{\"name\":\"p%d\"}", i);
            rc = sl_out_task(out, part, input, error);
        }
        return rc ? rc : ask(out, "http://s/root", error);
    }
    rc = give(out, response, error);
    if (!rc && !name) rc = sl_out_complete(out, "t", "{}", error);
    snprintf(part, sizeof part, "\"%s\"", name ? name : "root");
    if (!rc && (name || strcmp(self->task.table, "replaced") == 0) &&
        strcmp(self->task.table, "silent") != 0)
        rc = sl_out_cursor(out, part, error);
    return rc ? rc : SL_DONE;
}

static void children_keep_their_parts(void **state)
{
    struct fixture *f = make(family, by_path);

    (void)state;
    children_wanted = 2;
    add(f, 0, "t");
    run(f);
    assert_int_equal(f->told[0].code, SL_DONE);
    assert_int_equal(f->told[0].rows, 3);
    assert_non_null(strstr(f->told[0].cursor, "\"/p0\":\"p0\""));
    assert_non_null(strstr(f->told[0].cursor, "\"/p1\":\"p1\""));
    unmake(f);
}

static void the_parents_part_replaces_its_childrens(void **state)
{
    struct fixture *f = make(family, by_path);

    (void)state;
    children_wanted = 3;
    add_with(f, 0, "replaced", "{\"parts\":{\"\":\"old\",\"/p0\":\"old\",\"/p9\":\"old\"}}", false);
    run(f);
    assert_string_equal(f->told[0].cursor, "{\"parts\":{\"\":\"root\"}}");
    unmake(f);
}

/* A part that nobody set anew keeps its old value: it was not read past that point. */
static void a_part_that_is_not_set_keeps_its_value(void **state)
{
    struct fixture *f = make(family, by_path);

    (void)state;
    children_wanted = 1;
    add_with(f, 0, "t", "{\"parts\":{\"/p0\":\"old\",\"/p9\":{\"at\":12}}}", false);
    run(f);
    assert_int_equal(f->told[0].code, SL_DONE);
    assert_non_null(strstr(f->told[0].cursor, "\"/p0\":\"p0\""));
    assert_non_null(strstr(f->told[0].cursor, "\"/p9\":{\"at\":12}"));
    assert_null(strstr(f->told[0].cursor, "old"));
    unmake(f);
}

static void a_run_that_sets_no_cursor_keeps_the_old_one(void **state)
{
    static const char old[] = "{\"parts\":{\"\":\"5\",\"/p0\":\"old\"}}";
    struct fixture *f = make(family, by_path);

    (void)state;
    children_wanted = 1;
    add_with(f, 0, "silent", old, false);
    run(f);
    assert_string_equal(f->told[0].cursor, old);
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

static void completeness_comes_only_at_the_end_of_all(void **state)
{
    struct fixture *f = make(family, by_path);

    (void)state;
    children_wanted = 2;
    add(f, 0, "t");
    run(f);
    assert_string_equal(f->told[0].complete, "[{\"table\":\"t\",\"scope\":{}}]");
    unmake(f);
}

static void one_child_fails(struct net *net, const struct sl_exchange *exchange,
                            struct reply *reply)
{
    (void)net;
    reply->body = "[]";
    if (strcmp(exchange->url, "http://s/p1") == 0) reply->status = 403;
}

static void a_failed_child_proves_nothing(void **state)
{
    struct fixture *f = make(family, one_child_fails);

    (void)state;
    children_wanted = 70;
    add(f, 0, "t");
    run(f);
    assert_int_equal(f->told[0].code, SL_PERMISSION);
    assert_string_equal(f->told[0].complete, "");
    unmake(f);
}

static void more_children_than_may_live_wait_their_turn(void **state)
{
    struct fixture *f = make(family, by_path);

    (void)state;
    children_wanted = CHILDREN_MAX;
    add(f, 0, "t");
    run(f);
    assert_int_equal(f->told[0].code, SL_DONE);
    assert_int_equal(f->told[0].rows, CHILDREN_MAX + 1);
    assert_int_equal(f->net.in_flight_max, SL_TASKS_LIVE_MAX);
    assert_int_equal(tasks_released, CHILDREN_MAX + 1);
    unmake(f);
}

static void too_many_children_are_refused(void **state)
{
    struct fixture *f = make(family, by_path);

    (void)state;
    children_wanted = SL_TASKS_MAX;
    add(f, 0, "t");
    run(f);
    assert_int_equal(f->told[0].code, SL_TOO_LARGE);
    assert_int_equal(f->net.calls, 0);
    unmake(f);
}

static void root_conflicts_once(struct net *net, const struct sl_exchange *exchange,
                                struct reply *reply)
{
    (void)net;
    reply->body = "[{\"a\":1}]";
    if (strcmp(exchange->url, "http://s/root") == 0 && conflicts-- > 0) reply->status = 409;
}

static void a_restarted_parent_does_not_get_its_children_twice(void **state)
{
    struct fixture *f = make(family, root_conflicts_once);

    (void)state;
    conflicts = 2;
    children_wanted = 3;
    add(f, 0, "t");
    run(f);
    assert_int_equal(f->told[0].code, SL_DONE);
    assert_int_equal(f->told[0].rows, 4);
    assert_int_equal(f->net.calls, 3 + 3);
    unmake(f);
}

/* A child asks for a child, and so on. */
static enum sl_code ancestors(void *task, const struct sl_response *response, struct sl_out *out,
                              struct sl_error *error)
{
    const char *name = input_text(task, "name");
    size_t depth = name ? strlen(name) : 0;
    char input[600];
    enum sl_code rc = SL_OK;

    if (!response) return ask(out, "http://s/x", error);
    if (depth < 300) {
        snprintf(input, sizeof input, "{\"name\":\"%sx\"}", name ? name : "");
        rc = sl_out_task(out, "x", input, error);
    }
    return rc ? rc : SL_DONE;
}

static void families_may_be_deep(void **state)
{
    struct fixture *f = make(ancestors, by_path);

    (void)state;
    add(f, 0, "t");
    run(f);
    assert_int_equal(f->told[0].code, SL_DONE);
    assert_int_equal(f->net.calls, 301);
    unmake(f);
}

/* ---- the end from outside ---- */

static bool stop_soon(void *ctx)
{
    struct fixture *f = ctx;

    return f->net.calls >= 10;
}

static void a_stop_cancels_what_is_under_way(void **state)
{
    struct fixture *f = make(family, by_path);
    struct sl_error error = {0};

    (void)state;
    children_wanted = CHILDREN_MAX;
    add(f, 0, "t");
    add(f, 1, "u");
    assert_int_equal(sl_loop_run(f->loop, stop_soon, NULL, f, &error), SL_OK);
    assert_int_equal(f->told[0].code, SL_CANCELLED);
    assert_int_equal(f->told[1].code, SL_CANCELLED);
    assert_int_equal(f->net.in_flight, 0);
    assert_true(f->net.cancelled > 100);
    unmake(f);
}

static void a_job_can_be_stopped_by_itself(void **state)
{
    struct fixture *f = make(one_page, two_rows);
    struct sl_error why = {0};

    (void)state;
    sl_fail(&why, SL_CANCELLED, "not wanted any more");
    add(f, 0, "t");
    add(f, 1, "u");
    sl_job_stop(f->told[0].job, &why);
    sl_job_stop(f->told[0].job, &why); /* once is enough */
    run(f);
    assert_int_equal(f->told[0].code, SL_CANCELLED);
    assert_int_equal(f->told[1].code, SL_DONE);
    unmake(f);
}

static enum sl_code repeats_itself(void *task, const struct sl_response *response,
                                   struct sl_out *out, struct sl_error *error)
{
    (void)task;
    if (!response) return ask(out, "http://s/1", error);
    for (int i = 0; i < 3; i++) sl_out_note(out, SL_NOTE_INFO, "said %d", 1);
    sl_out_note(out, SL_NOTE_WARNING, "said %d", 2);
    return SL_DONE;
}

static void a_note_is_said_once(void **state)
{
    struct fixture *f = make(repeats_itself, two_rows);

    (void)state;
    add(f, 0, "t");
    run(f);
    assert_string_equal(log_of(f), "note said 1;note said 2;release u1;end DONE;");
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
        cmocka_unit_test(a_restart_of_a_full_read_drops_all_of_it),
        cmocka_unit_test(completeness_of_a_restarted_task_is_void),
        cmocka_unit_test(lines_come_in_chunks),
        cmocka_unit_test(a_body_that_is_cut_restarts_its_task),
        cmocka_unit_test(a_body_that_is_always_cut_gives_up),
        cmocka_unit_test(done_in_the_middle_of_a_body_ends_its_exchange),
        cmocka_unit_test(a_request_in_the_middle_of_a_body_is_a_bug),
        cmocka_unit_test(children_keep_their_parts),
        cmocka_unit_test(the_parents_part_replaces_its_childrens),
        cmocka_unit_test(a_part_that_is_not_set_keeps_its_value),
        cmocka_unit_test(a_run_that_sets_no_cursor_keeps_the_old_one),
        cmocka_unit_test(a_task_sees_its_own_part),
        cmocka_unit_test(completeness_comes_only_at_the_end_of_all),
        cmocka_unit_test(a_failed_child_proves_nothing),
        cmocka_unit_test(more_children_than_may_live_wait_their_turn),
        cmocka_unit_test(too_many_children_are_refused),
        cmocka_unit_test(a_restarted_parent_does_not_get_its_children_twice),
        cmocka_unit_test(families_may_be_deep),
        cmocka_unit_test(a_stop_cancels_what_is_under_way),
        cmocka_unit_test(a_job_can_be_stopped_by_itself),
        cmocka_unit_test(a_note_is_said_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
