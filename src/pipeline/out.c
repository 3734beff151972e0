/* out.c: what a step emits. Everything is copied or handed to the job's sink at once. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "http/scrub.h"
#include "pipeline/loop.h"

static enum sl_code no_memory(struct sl_error *error)
{
    return sl_fail(error, SL_NO_MEMORY, "no memory for what a step emitted");
}

#define KEY_MEMORY_MAX ((size_t)64 << 10) /* of one call: a long read makes very many */

/* The pipeline's share of a month is one more limit that each of its requests spends. */
static enum sl_code declare_share(struct sl_loop *loop, const struct sl_limit *month,
                                  struct sl_error *error)
{
    struct sl_limit share = *month;

    if (!loop->share_key) {
        struct sl_buf key = {0};
        sl_buf_addf(&key, "sluice/pipeline/%s/%s", loop->caps.pipeline ? loop->caps.pipeline : "",
                    month->key);
        loop->share_key = sl_buf_take(&key);
        if (!loop->share_key) return no_memory(error);
    }
    share.key = loop->share_key;
    share.rate = floor(month->rate * loop->caps.quota_share);
    if (share.rate < 1) share.rate = 1;
    share.set_by = "the pipeline's quota_share";
    return sl_budgets_limit(loop->budgets, &share, error);
}

enum sl_code sl_out_limit(struct sl_out *out, const struct sl_limit *limit, struct sl_error *error)
{
    struct sl_loop *loop = out->task->job->loop;
    struct sl_limit copy = *limit;
    struct sl_arena memory;
    enum sl_code rc;

    sl_arena_init(&memory, KEY_MEMORY_MAX);
    copy.key = sl_loop_key(loop, limit->key, &memory);
    rc = copy.key ? sl_budgets_limit(loop->budgets, &copy, error) : no_memory(error);
    if (!rc && copy.calendar_month && loop->caps.quota_share > 0)
        rc = declare_share(loop, &copy, error);
    sl_arena_release(&memory);
    return rc;
}

enum sl_code sl_out_budget(struct sl_out *out, const char *key, double remaining,
                           int64_t resets_at_us, struct sl_error *error)
{
    struct sl_loop *loop = out->task->job->loop;
    int64_t resets_in_us = -1;
    struct sl_arena memory;
    const char *copy;

    if (resets_at_us) {
        resets_in_us = resets_at_us - sl_now_us(loop->world);
        if (resets_in_us < 0) resets_in_us = 0;
    }
    sl_arena_init(&memory, KEY_MEMORY_MAX);
    copy = sl_loop_key(loop, key, &memory);
    if (copy)
        sl_budgets_remaining(loop->budgets, copy, remaining,
                             loop->world->ops->monotonic_us(loop->world), resets_in_us);
    sl_arena_release(&memory);
    return copy ? SL_OK : no_memory(error);
}

/* ---- the request ---- */

static const char *secret_value(const struct sl_connection *connection, const char *name)
{
    for (const struct sl_secret *s = connection->secrets; s && s->option; s++)
        if (strcmp(s->option, name) == 0) return s->value;
    return NULL;
}

static enum sl_code put_credentials(struct sl_task_node *task, const struct sl_auth *auth,
                                    struct sl_error *error)
{
    const struct sl_connection *connection = task->job->loop->connection;
    const char *secret;
    struct sl_buf text = {0};

    if (task->authorization) {
        explicit_bzero(task->authorization, strlen(task->authorization));
        sl_free(task->authorization);
        task->authorization = NULL;
    }
    if (auth->kind == SL_AUTH_OAUTH && !task->job->loop->connector->oauth)
        return sl_fail(error, SL_BUG, "connector '%s' says not how tokens are got",
                       task->job->loop->connector->name);
    if (auth->kind == SL_AUTH_NONE || auth->kind == SL_AUTH_OAUTH) return SL_OK;
    secret = secret_value(connection, auth->secret);
    if (!secret) {
        sl_fail(error, SL_AUTH, "connection '%s' has no '%s'", connection->name, auth->secret);
        sl_error_hint(error,
                      "Give it: sluice connections update %s --json "
                      "'{\"options\":{\"%s\":{\"env\":\"NAME\"}}}'.",
                      connection->name, auth->secret);
        return SL_AUTH;
    }
    if (auth->kind == SL_AUTH_BEARER) {
        sl_buf_addf(&text, "Bearer %s", secret);
    } else {
        struct sl_buf pair = {0};
        if (auth->kind == SL_AUTH_BASIC_SECRET)
            sl_buf_addf(&pair, "%s:", secret);
        else
            sl_buf_addf(&pair, "%s:%s", auth->user ? auth->user : "", secret);
        sl_buf_adds(&text, "Basic ");
        if (sl_buf_failed(&pair))
            sl_buf_fail(&text);
        else
            sl_base64_add(pair.data, pair.len, &text);
        if (pair.data) explicit_bzero(pair.data, pair.len);
        sl_buf_release(&pair);
    }
    task->authorization = sl_buf_take(&text);
    sl_buf_release(&text);
    return task->authorization ? SL_OK : no_memory(error);
}

static enum sl_code copy_spends(struct sl_task_node *task, const struct sl_request *request,
                                struct sl_error *error)
{
    const struct sl_loop *loop = task->job->loop;
    size_t count = 0;

    memset(task->spends, 0, sizeof task->spends);
    for (size_t i = 0; i < SL_REQUEST_SPENDS_MAX && request->spends[i].key; i++) {
        if (i + 1 == SL_REQUEST_SPENDS_MAX)
            return sl_fail(error, SL_BUG, "a request spends more than %d budgets",
                           SL_REQUEST_SPENDS_MAX - 1);
        task->spends[i].key =
            sl_loop_key(task->job->loop, request->spends[i].key, &task->request_memory);
        task->spends[i].cost = request->spends[i].cost;
        if (!task->spends[i].key) return no_memory(error);
        count++;
    }
    if (loop->share_key) {
        task->spends[count] = (struct sl_spend){loop->share_key, 1};
    } else if (loop->caps.quota_share > 0) {
        sl_fail(error, SL_BAD_SPEC,
                "quota_share is a share of a month's quota, and connection '%s' "
                "says none",
                loop->connection->name);
        sl_error_hint(error, "Give the connection its monthly_quota, or the pipeline a "
                             "max_calls_per_run instead.");
        return SL_BAD_SPEC;
    }
    return SL_OK;
}

enum sl_code sl_out_request(struct sl_out *out, const struct sl_request *request,
                            struct sl_error *error)
{
    struct sl_task_node *task = out->task;
    struct sl_arena *arena = &task->request_memory;
    struct sl_header *headers;
    size_t n = 0;
    enum sl_code rc;

    if (out->requested) return sl_fail(error, SL_BUG, "a step asked for two requests");
    if (out->response && !(out->response->chunk & SL_CHUNK_LAST))
        return sl_fail(error, SL_BUG, "a step asked for a request in the middle of an answer");
    sl_arena_reset(arena);
    task->slot = NULL;
    rc = put_credentials(task, &request->auth, error);
    if (!rc) rc = copy_spends(task, request, error);
    if (rc) return rc;

    headers = SL_ARENA_ARRAY(arena, struct sl_header, SL_REQUEST_HEADERS_MAX + 2);
    if (!headers) return no_memory(error);
    for (; n < SL_REQUEST_HEADERS_MAX && request->headers[n].name; n++) {
        headers[n].name = sl_arena_strdup(arena, request->headers[n].name);
        headers[n].value = sl_arena_strdup(arena, request->headers[n].value);
        if (!headers[n].name || !headers[n].value) return no_memory(error);
    }
    task->slot = request->auth.kind == SL_AUTH_OAUTH ? &headers[n] : NULL; /* at the end */
    task->renewed = false;
    if (task->authorization)
        headers[n++] = (struct sl_header){"Authorization", task->authorization};

    task->exchange = (struct sl_exchange){
        .method = sl_arena_strdup(arena, request->method ? request->method : "GET"),
        .url = sl_arena_strdup(arena, request->url),
        .headers = headers,
        .body = request->body ? sl_arena_strndup(arena, request->body, request->body_len) : NULL,
        .body_len = request->body_len,
        .timeout_ms = request->timeout_ms ? request->timeout_ms : 300000,
        .response_bytes_max = request->lines ? 0 : SL_RESPONSE_BYTES_MAX, /* 0: of a line */
        .lines = request->lines,
        .owner = task,
        .sent = sl_loop_sent,
    };
    if (!task->exchange.method || !task->exchange.url || (request->body && !task->exchange.body))
        return no_memory(error);
    task->idempotent = request->idempotent || strcmp(task->exchange.method, "GET") == 0;
    task->not_before_us = INT64_MIN;
    out->requested = true;
    return SL_OK;
}

/* ---- rows ---- */

/* What the sink does not take is no failure of the source, whatever its code. */
static enum sl_code taken(struct sl_out *out, enum sl_code rc)
{
    out->refused |= rc != SL_OK;
    return rc;
}

enum sl_code sl_out_rows(struct sl_out *out, const char *table, const struct sl_json *rows,
                         const struct sl_constant *constants, size_t constants_count,
                         struct sl_sequence sequence, struct sl_error *error)
{
    const struct sl_job *job = out->task->job;

    if (!job->sink.rows) return SL_OK;
    return taken(out, job->sink.rows(job->ctx, out->task->unit, out->doc, table, rows, constants,
                                     constants_count, sequence, out->observed_us, error));
}

enum sl_code sl_out_delete(struct sl_out *out, const char *table, const struct sl_json *key,
                           struct sl_sequence sequence, struct sl_error *error)
{
    const struct sl_job *job = out->task->job;

    if (!job->sink.remove) return SL_OK;
    return taken(out, job->sink.remove(job->ctx, out->task->unit, table, key, sequence,
                                       out->observed_us, error));
}

enum sl_code sl_out_reject(struct sl_out *out, const char *table, const char *raw, size_t raw_len,
                           const char *reason, struct sl_error *error)
{
    const struct sl_job *job = out->task->job;

    if (!job->sink.reject) return SL_OK;
    return taken(out,
                 job->sink.reject(job->ctx, out->task->unit, table, raw, raw_len, reason, error));
}

enum sl_code sl_out_parse(struct sl_out *out, const char *text, size_t len,
                          const struct sl_json **json, struct sl_error *error)
{
    struct sl_doc *doc = out->task->job->loop->line_doc;

    out->doc = doc;
    return sl_doc_parse_copy(doc, text, len, json, error);
}

/* ---- release points, sub-tasks, completeness ---- */

static struct part *part_of(struct sl_job *job, const char *path)
{
    for (struct part *p = job->parts; p; p = p->next)
        if (strcmp(p->path, path) == 0) return p;
    struct part *p = sl_calloc(1, sizeof *p);
    if (!p || !(p->path = sl_strdup(path))) {
        sl_free(p);
        return NULL;
    }
    p->next = job->parts;
    job->parts = p;
    return p;
}

static void release_completes(struct sl_job *job, uint64_t unit)
{
    for (struct complete *c = job->completes; c; c = c->next) c->final |= c->unit == unit;
}

enum sl_code sl_out_cursor(struct sl_out *out, const char *cursor, struct sl_error *error)
{
    struct sl_job *job = out->task->job;
    char *copy;

    if (strlen(cursor) > SL_CURSOR_MAX)
        return sl_fail(error, SL_TOO_LARGE, "a cursor of %zu bytes is over the limit of %zu",
                       strlen(cursor), SL_CURSOR_MAX);
    copy = sl_strdup(cursor);
    struct part *part = copy ? part_of(job, out->task->path) : NULL;
    if (!part) {
        sl_free(copy);
        return no_memory(error);
    }
    sl_free(part->cursor);
    part->cursor = copy;
    if (job->full) return SL_OK; /* a restart begins anew, so nothing is final before the end */
    release_completes(job, out->task->unit);
    if (!job->sink.release) return SL_OK;
    return taken(out, job->sink.release(job->ctx, out->task->unit, error));
}

void sl_out_keep_cursor(struct sl_out *out)
{
    out->task->job->keep_cursor = true;
}

static struct done_part *asked_for(const struct sl_job *job, const char *path)
{
    struct done_part *d = job->asked;

    while (d && strcmp(d->path, path) != 0) d = d->next;
    return d;
}

/* what: NULL when it does not stand by itself. */
static enum sl_code new_task(struct sl_out *out, const char *path, const char *part,
                             const char *what, const char *input, struct sl_error *error)
{
    struct sl_job *job = out->task->job;
    struct done_part *asked = sl_calloc(1, sizeof *asked);
    char *copy = what ? sl_strdup(what) : NULL;
    struct sl_task_node *task;

    if (asked) asked->path = sl_strdup(path);
    task =
        asked && asked->path && (copy || !what) ? sl_task_new(job, out->task, part, input) : NULL;
    if (!task) {
        if (asked) sl_free(asked->path);
        sl_free(asked);
        sl_free(copy);
        return no_memory(error);
    }
    task->what = copy;
    task->asked = asked;
    job->apart += what != NULL;
    asked->next = job->asked;
    job->asked = asked;
    return SL_OK;
}

static enum sl_code ask_for_task(struct sl_out *out, const char *part, const char *what,
                                 const char *input, struct sl_error *error)
{
    struct sl_job *job = out->task->job;
    struct sl_buf path = {0};
    enum sl_code rc = SL_OK;

    if (!part[0] || strchr(part, '/'))
        return sl_fail(error, SL_BUG, "a sub-task cannot be called '%s'", part);
    sl_buf_addf(&path, "%s/%s", out->task->path, part);
    if (sl_buf_failed(&path))
        rc = no_memory(error);
    else if (asked_for(job, path.data))
        ; /* a restarted parent asks again */
    else if (job->total >= SL_TASKS_MAX)
        rc = sl_fail(error, SL_TOO_LARGE, "more than %d parts of one table", SL_TASKS_MAX);
    else
        rc = new_task(out, path.data, part, what, input, error);
    sl_buf_release(&path);
    return rc;
}

enum sl_code sl_out_task(struct sl_out *out, const char *part, const char *input,
                         struct sl_error *error)
{
    return ask_for_task(out, part, NULL, input, error);
}

enum sl_code sl_out_task_apart(struct sl_out *out, const char *part, const char *what,
                               const char *input, struct sl_error *error)
{
    return ask_for_task(out, part, what && *what ? what : part, input, error);
}

enum sl_code sl_out_complete(struct sl_out *out, const char *table, const char *scope,
                             struct sl_error *error)
{
    struct sl_job *job = out->task->job;
    struct complete *c;

    if (job->complete_count >= SL_SCOPES_MAX)
        return sl_fail(error, SL_TOO_LARGE, "more than %d scopes of one table", SL_SCOPES_MAX);
    c = sl_calloc(1, sizeof *c);
    if (c) c->table = sl_strdup(table), c->scope = sl_strdup(scope);
    if (!c || !c->table || !c->scope) {
        if (c) sl_free(c->table), sl_free(c->scope);
        sl_free(c);
        return no_memory(error);
    }
    c->path = out->task->asked ? out->task->asked->path : "";
    c->unit = out->task->unit;
    c->next = job->completes;
    job->completes = c;
    job->complete_count++;
    return SL_OK;
}

/* ---- what check and discover say ---- */

enum sl_code sl_out_table(struct sl_out *out, const struct sl_table_def *table,
                          struct sl_error *error)
{
    const struct sl_job *job = out->task->job;

    return job->sink.table ? taken(out, job->sink.table(job->ctx, table, error)) : SL_OK;
}

enum sl_code sl_out_namespace(struct sl_out *out, const char *name, const char *id,
                              const char *comment, struct sl_error *error)
{
    const struct sl_job *job = out->task->job;

    return job->sink.namespace_ ? job->sink.namespace_(job->ctx, name, id, comment, error) : SL_OK;
}

enum sl_code sl_out_check(struct sl_out *out, const char *subject, bool good, const char *message,
                          const char *hint, struct sl_error *error)
{
    const struct sl_job *job = out->task->job;

    return job->sink.check ? job->sink.check(job->ctx, subject, good, message, hint, error) : SL_OK;
}

void sl_out_expect(struct sl_out *out, const char *table, int64_t rows)
{
    const struct sl_job *job = out->task->job;

    if (job->sink.expect) job->sink.expect(job->ctx, table, rows);
}

void sl_out_note(struct sl_out *out, enum sl_note level, const char *format, ...)
{
    struct sl_job *job = out->task->job;
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (struct noted *n = job->notes; n; n = n->next)
        if (strcmp(n->text, text) == 0) return; /* once per run and text */
    struct noted *n = sl_calloc(1, sizeof *n);
    if (n && (n->text = sl_strdup(text)))
        n->next = job->notes, job->notes = n;
    else
        sl_free(n);
    if (job->sink.note) job->sink.note(job->ctx, level, text);
}
