/* tiny.c: see tiny.h. */
#include "tiny/tiny.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "json/doc.h"

#define ROUND_TRIP_US INT64_C(10000)

/* ---- a network that answers by script, in virtual time ---- */

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

const struct sl_world_ops net_ops = {
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
    {.name = "client_id",
     .kind = SL_OPTION_STRING,
     .offset = offsetof(struct tiny, id),
     .help = "I."},
    {.name = "client_secret",
     .kind = SL_OPTION_SECRET,
     .offset = offsetof(struct tiny, secret),
     .help = "C."},
    {.name = "refresh_token",
     .kind = SL_OPTION_SECRET,
     .offset = offsetof(struct tiny, refresh),
     .help = "R."},
    {0},
};

struct sl_oauth tiny_oauth = {.token_url = "https://{base}.example.org/token",
                              .client_id = "client_id",
                              .client_secret = "client_secret",
                              .refresh_token = "refresh_token"};
static const struct sl_option no_options[] = {{0}};

static sl_step_fn *the_step;
int tasks_born, tasks_released;

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
    case 407: verdict->kind = SL_VERDICT_REFRESH, verdict->code = SL_AUTH; return;
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
    .oauth = &tiny_oauth,
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
    if (told->refuses) return sl_fail(error, told->refuses, "the sink takes no rows");
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

static void told_lacks(void *ctx, size_t failed, size_t parts, const struct sl_error *why)
{
    struct told *told = ctx;

    sl_buf_addf(&told->log, "lacks %d of %d;", (int)failed, (int)parts);
    told->error = *why;
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
    .lacks = told_lacks,
    .end = told_end,
};

/* ---- one test's loop ---- */

static const struct sl_secret secrets[] = {{"token", "s3cret"}, {0}};

struct fixture *make(sl_step_fn *step,
                     void (*answer)(struct net *, const struct sl_exchange *, struct reply *))
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

static void add_job(struct fixture *f, size_t i, const struct sl_job_options *options,
                    const struct sl_sink *sink)
{
    struct sl_error error = {0};

    assert_int_equal(sl_loop_add(f->loop, options, sink, &f->told[i], &f->told[i].job, &error),
                     SL_OK);
}

void add_with(struct fixture *f, size_t i, const char *table, const char *cursor, bool full)
{
    struct sl_job_options options = {.kind = SL_JOB_READ,
                                     .table = table,
                                     .cursor = cursor,
                                     .full = full};

    add_job(f, i, &options, &told_sink);
}

void add_initial(struct fixture *f, size_t i, const char *table, const char *cursor)
{
    struct sl_job_options options = {.kind = SL_JOB_READ,
                                     .table = table,
                                     .cursor = cursor,
                                     .initial = true};

    add_job(f, i, &options, &told_sink);
}

void add_strict(struct fixture *f, size_t i, const char *table)
{
    struct sl_job_options options = {.kind = SL_JOB_READ, .table = table};
    struct sl_sink sink = told_sink;

    sink.lacks = NULL;
    add_job(f, i, &options, &sink);
}

void add(struct fixture *f, size_t i, const char *table)
{
    add_with(f, i, table, NULL, false);
}

void run(struct fixture *f)
{
    struct sl_error error = {0};

    assert_int_equal(sl_loop_run(f->loop, NULL, NULL, NULL, &error), SL_OK);
    assert_int_equal(f->net.in_flight, 0);
}

void unmake(struct fixture *f)
{
    sl_loop_free(f->loop);
    for (size_t i = 0; i < 4; i++) {
        if (f->told[i].job) assert_int_equal(f->told[i].ends, 1);
        sl_buf_release(&f->told[i].log);
    }
    assert_int_equal(sl_alloc_live(), f->live);
    free(f);
}

const char *log_of(const struct fixture *f)
{
    return sl_buf_str(&f->told[0].log);
}

/* ---- what steps are made of ---- */

enum sl_code ask(struct sl_out *out, const char *url, struct sl_error *error)
{
    struct sl_request request = {.url = url};
    enum sl_code rc = sl_out_request(out, &request, error);

    return rc ? rc : SL_MORE;
}

enum sl_code give(struct sl_out *out, const struct sl_response *response, struct sl_error *error)
{
    return sl_out_rows(out, "t", response->json, NULL, 0, (struct sl_sequence){0}, error);
}

const char *input_text(const void *task, const char *key)
{
    return sl_json_str(sl_json_get(((const struct tiny *)task)->task.input, key));
}

const char *cursor_text(const void *task)
{
    const char *text = sl_json_str(((const struct tiny *)task)->task.cursor);

    return text ? text : "";
}

void two_rows(struct net *net, const struct sl_exchange *exchange, struct reply *reply)
{
    (void)net, (void)exchange;
    reply->body = "[{\"a\":1},{\"a\":2}]";
}

void by_path(struct net *net, const struct sl_exchange *exchange, struct reply *reply)
{
    const char *path = strrchr(exchange->url, '/') + 1;

    (void)net;
    reply->body = "[{\"a\":1}]";
    if (path[0] >= '0' && path[0] <= '9') reply->status = (int)strtol(path, NULL, 10);
}

enum sl_code one_page(void *task, const struct sl_response *response, struct sl_out *out,
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
