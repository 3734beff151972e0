/* task.c: one task: birth, step, restart, end. See loop.h for the picture. */
#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "options/options.h"
#include "pipeline/loop.h"

#define TASK_MEMORY_MAX ((size_t)8 << 20)
#define REQUEST_MEMORY_MAX ((size_t)4 << 20)

struct sl_task_node *sl_task_new(struct sl_job *job, struct sl_task_node *parent, const char *part,
                                 const char *input)
{
    struct sl_task_node *task = sl_calloc(1, sizeof *task);
    struct sl_buf path = {0};

    if (!task) return NULL;
    if (parent) sl_buf_addf(&path, "%s/%s", parent->path, part);
    task->path = parent ? sl_buf_take(&path) : sl_strdup("");
    task->input = sl_strdup(input);
    if (!task->path || !task->input) {
        sl_buf_release(&path);
        sl_free(task->path);
        sl_free(task->input);
        sl_free(task);
        return NULL;
    }
    task->job = job;
    task->parent = parent;
    task->state = TASK_QUEUED;
    task->unit = ++job->loop->units;
    sl_arena_init(&task->memory, TASK_MEMORY_MAX);
    sl_arena_init(&task->request_memory, REQUEST_MEMORY_MAX);

    struct sl_task_node **link = &job->tasks; /* at the end: first asked for, first born */
    while (*link) link = &(*link)->next;
    *link = task;
    job->open++;
    job->total++;
    if (parent) parent->children++;
    return task;
}

/* What only a stepping task needs. */
static void release_step_state(struct sl_task_node *task)
{
    const struct sl_connector *connector = task->job->loop->connector;

    if (task->step_state && connector->task_release) connector->task_release(task->step_state);
    sl_free(task->step_state);
    task->step_state = NULL;
    sl_doc_free(task->input_doc);
    sl_doc_free(task->cursor_doc);
    sl_doc_free(task->state_doc);
    sl_doc_free(task->columns_doc);
    task->input_doc = task->cursor_doc = task->state_doc = task->columns_doc = NULL;
    sl_arena_release(&task->memory);
}

static void release_request(struct sl_task_node *task)
{
    if (task->authorization) {
        explicit_bzero(task->authorization, strlen(task->authorization));
        sl_free(task->authorization);
        task->authorization = NULL;
    }
    sl_arena_release(&task->request_memory);
}

void sl_task_free(struct sl_task_node *task)
{
    release_step_state(task);
    release_request(task);
    sl_free(task->path);
    sl_free(task->input);
    sl_free(task->what);
    sl_free(task);
}

/* ---- birth: the connector's state, filled ---- */

static enum sl_code parse_into(struct sl_doc **doc, const char *text, const char *what,
                               const struct sl_json **root, struct sl_error *error)
{
    enum sl_code rc;

    *root = NULL;
    if (!text) return SL_OK;
    *doc = sl_doc_new(0);
    if (!*doc) return sl_fail(error, SL_NO_MEMORY, "no memory for a task");
    rc = sl_doc_parse_copy(*doc, text, strlen(text), root, error);
    if (rc) sl_error_context(error, "%s", what);
    return rc;
}

/* Names in a connection's options that are the engine's, not the connector's. */
static const char *const engine_options[] = {"sourceName", "source_name",
                                             "externalOptionsAllowList", NULL};
static const char *const no_options[] = {NULL};

static enum sl_code fill_options(struct sl_task_node *task, struct sl_error *error)
{
    const struct sl_connection *connection = task->job->loop->connection;
    const struct sl_connector *connector = task->job->loop->connector;
    const struct sl_json *json;
    struct sl_doc *doc = NULL;
    enum sl_code rc;

    rc = parse_into(&doc, connection->options_json, "connection options", &json, error);
    if (rc) goto out;
    rc = sl_options_parse(connector->connection_options, json, engine_options, true, "connection",
                          task->step_state, &task->memory, error);
    if (rc) goto out;
    for (const struct sl_secret *s = connection->secrets; s && s->option; s++) {
        const struct sl_option *option = sl_options_find(connector->connection_options, s->option);
        if (option && option->kind == SL_OPTION_SECRET)
            *(bool *)((char *)task->step_state + option->offset) = true;
    }
    sl_doc_free(doc);
    doc = NULL;
    rc = parse_into(&doc, task->job->table_options, "table options", &json, error);
    if (rc) goto out;
    rc = sl_options_parse(connector->table_options, json, no_options, true, "table options",
                          task->step_state, &task->memory, error);
out:
    sl_doc_free(doc);
    return rc;
}

static const struct part *part_named(const struct sl_job *job, const char *path)
{
    for (const struct part *p = job->parts; p; p = p->next)
        if (strcmp(p->path, path) == 0) return p;
    return NULL;
}

/* This task's part of the cursor: what it set itself before a restart (the rows up to there stay),
 * else what the run began with. A full read has none: it begins anew, whatever was read before. */
static enum sl_code own_cursor(struct sl_task_node *task, const struct sl_json **out,
                               struct sl_error *error)
{
    const struct sl_job *job = task->job;
    const struct part *own = job->full ? NULL : part_named(job, task->path);
    enum sl_code rc;

    rc = parse_into(&task->cursor_doc, own ? own->cursor : job->cursor, "cursor", out, error);
    if (!own) *out = sl_json_get(sl_json_get(*out, "parts"), task->path);
    return rc;
}

enum sl_code sl_task_birth(struct sl_task_node *task, struct sl_error *error)
{
    struct sl_job *job = task->job;
    struct sl_task *base;
    enum sl_code rc;

    task->step_state = sl_calloc(1, job->loop->connector->task_size);
    if (!task->step_state) return sl_fail(error, SL_NO_MEMORY, "no memory for a task");
    base = task->step_state;
    rc = fill_options(task, error);
    if (rc) return rc;
    rc = parse_into(&task->input_doc, task->input, "task input", &base->input, error);
    if (rc) return rc;
    rc = own_cursor(task, &base->cursor, error);
    if (rc) return rc;
    rc = parse_into(&task->state_doc, job->state, "table state", &base->state, error);
    if (rc) return rc;
    rc = parse_into(&task->columns_doc, job->columns, "columns", &base->columns, error);
    if (rc) return rc;
    base->table = job->table;
    base->namespace_ = job->namespace_;
    base->run_started_at_us = job->loop->run_started_us;
    base->full = job->full || job->initial;
    base->initial = job->initial;
    return SL_OK;
}

/* ---- step ---- */

static sl_step_fn *step_of(const struct sl_job *job)
{
    const struct sl_connector *connector = job->loop->connector;

    return job->kind == SL_JOB_CHECK      ? connector->check
           : job->kind == SL_JOB_DISCOVER ? connector->discover
                                          : connector->read;
}

bool sl_path_within(const char *path, const char *of)
{
    size_t len = strlen(of);

    return strncmp(path, of, len) == 0 && path[len] == '/';
}

static void drop_parts_below(struct sl_job *job, const char *path)
{
    for (struct part **link = &job->parts; *link;) {
        struct part *p = *link;
        if (sl_path_within(p->path, path)) {
            *link = p->next;
            sl_free(p->path), sl_free(p->cursor), sl_free(p);
        } else {
            link = &p->next;
        }
    }
}

static void job_done(struct sl_job *job);

static void drop_completes(struct sl_job *job, uint64_t unit, bool final_too)
{
    for (struct complete **link = &job->completes; *link;) {
        struct complete *c = *link;
        if (c->unit != unit || (c->final && !final_too)) {
            link = &c->next;
            continue;
        }
        *link = c->next;
        job->complete_count--;
        sl_free(c->table), sl_free(c->scope), sl_free(c);
    }
}

void sl_task_unlink(struct sl_task_node *task)
{
    struct sl_job *job = task->job;

    for (struct sl_task_node **link = &job->tasks; *link; link = &(*link)->next) {
        if (*link != task) continue;
        *link = task->next;
        break;
    }
    job->open--;
    sl_task_free(task);
}

/* What it said of the whole of it is not true: a part is missing. In a first load its cursor says
 * only how the table is cut. */
static void take_back(struct sl_task_node *task)
{
    struct sl_job *job = task->job;

    drop_completes(job, task->unit, true);
    for (struct part **link = &job->parts; *link && !job->initial; link = &(*link)->next) {
        struct part *p = *link;
        if (strcmp(p->path, task->path) != 0) continue;
        *link = p->next;
        sl_free(p->path), sl_free(p->cursor), sl_free(p);
        break;
    }
}

void sl_task_ended(struct sl_task_node *task)
{
    struct sl_job *job = task->job;
    struct sl_task_node *parent = task->parent;

    assert(task->state == TASK_DONE_SELF && task->children == 0);
    if (task->lacks) {
        take_back(task);
    } else if (part_named(job, task->path)) {
        drop_parts_below(job, task->path); /* the parent's replaces */
    }
    if (task->what && !task->lacks) {
        job->apart_done++;
        job->outages = 0;
    }
    sl_task_unlink(task);
    if (parent) {
        parent->children--;
        if (parent->state == TASK_DONE_SELF && parent->children == 0) sl_task_ended(parent);
    } else {
        job_done(job);
    }
}

static void task_done_self(struct sl_task_node *task)
{
    struct sl_job *job = task->job;
    struct sl_error error = {0};

    if (job->sink.release && job->sink.release(job->ctx, task->unit, &error)) {
        sl_job_fail(job, &error);
        return;
    }
    release_step_state(task);
    release_request(task);
    task->state = TASK_DONE_SELF;
    job->live--;
    if (task->children == 0) sl_task_ended(task);
}

void sl_task_step(struct sl_task_node *task, const struct sl_response *response)
{
    struct sl_job *job = task->job;
    struct sl_loop *loop = job->loop;
    struct sl_error error = {0};
    struct sl_out out = {.task = task, .response = response, .doc = loop->doc};
    enum sl_code rc;

    out.observed_us = !response                               ? loop->run_started_us
                      : response->server_date_us != INT64_MIN ? response->server_date_us
                                                              : response->started_at_us;
    rc = step_of(job)(task->step_state, response, &out, &error);
    if (rc == SL_MORE && !out.requested && !(response && !(response->chunk & SL_CHUNK_LAST)))
        rc = sl_fail(&error, SL_BUG, "connector '%s' wants more but asked for nothing",
                     loop->connector->name);
    if (rc == SL_DONE && out.requested)
        rc = sl_fail(&error, SL_BUG, "connector '%s' is done but asked for a request",
                     loop->connector->name);
    if (rc == SL_MORE) {
        if (out.requested) sl_loop_want(loop, task);
        return;
    }
    if (rc == SL_DONE) {
        if (task->state == TASK_SENT) /* it has seen enough of a body by lines */
            sl_loop_release_exchange(loop, task, true);
        task_done_self(task);
        return;
    }
    if (!sl_failed(error.code)) /* a step that failed must say why */
        sl_fail(&error, sl_failed(rc) ? rc : SL_BUG, "connector '%s' failed without a reason",
                loop->connector->name);
    if (out.refused) {
        sl_job_fail(job, &error);
    } else if (error.retryable) {
        if (task->state == TASK_SENT) sl_loop_release_exchange(loop, task, true);
        sl_task_restart(task, &error);
    } else {
        sl_task_fail(task, &error);
    }
}

/* ---- restart ---- */

void sl_task_restart(struct sl_task_node *task, const struct sl_error *why)
{
    struct sl_job *job = task->job;
    struct sl_error error = {0};

    assert(task->state == TASK_WANTING);
    if (++task->restarts > SL_RESTARTS_MAX) {
        error = *why;
        sl_error_context(&error, "given up after %d restarts", SL_RESTARTS_MAX);
        sl_task_fail(task, &error);
        return;
    }
    job->counts.restarts++;
    if (job->sink.drop && job->sink.drop(job->ctx, task->unit, &error)) {
        sl_job_fail(job, &error);
        return;
    }
    drop_completes(job, task->unit, false);
    release_step_state(task);
    task->attempts = 0;
    if (sl_task_birth(task, &error))
        sl_job_fail(job, &error);
    else
        sl_task_step(task, NULL);
}

/* ---- jobs ---- */

void sl_job_feed(struct sl_job *job)
{
    size_t live_max = job->one_by_one ? 1 : SL_TASKS_LIVE_MAX;
    struct sl_error error = {0};

    for (;;) {
        struct sl_task_node *task = job->tasks;
        while (task && task->state != TASK_QUEUED) task = task->next;
        if (!task || job->ended || job->live >= live_max) return;
        if (sl_task_forlorn(task)) continue;
        job->live++;
        task->state = TASK_WANTING;
        if (sl_task_birth(task, &error))
            sl_job_fail(job, &error);
        else
            sl_task_step(task, NULL);
    }
}

void sl_job_fail(struct sl_job *job, const struct sl_error *why)
{
    struct sl_loop *loop = job->loop;
    struct sl_error copy = *why; /* it may live in a task */

    if (job->ended) return;
    job->ended = true;
    while (job->tasks) {
        struct sl_task_node *task = job->tasks;
        job->tasks = task->next;
        if (task->state == TASK_SENT)
            sl_loop_release_exchange(loop, task, true);
        else
            sl_loop_unwant(loop, task);
        sl_task_free(task);
    }
    job->open = job->live = 0;
    if (job->sink.end) job->sink.end(job->ctx, copy.code, NULL, NULL, &copy);
}

/* Is a part of the old cursor still true? Not when this run set it, or a part above it; but in a
 * first load that is not over a part above says only how the table is cut. */
static bool part_stands(const struct sl_job *job, const char *path)
{
    bool loading = job->initial && !job->read;

    for (const struct part *p = job->parts; p; p = p->next)
        if (strcmp(path, p->path) == 0 || (!loading && sl_path_within(path, p->path))) return false;
    return true;
}

static bool put_old_parts(const struct sl_job *job, struct sl_json_writer *cursor)
{
    struct sl_doc *doc = NULL;
    struct sl_error error = {0};
    const struct sl_json *old;
    bool stands =
        !job->full || job->apart_failed > 0; /* a full read that lacks a part proves little */
    bool ok = !stands || !parse_into(&doc, job->cursor, "cursor", &old, &error);

    if (ok && stands)
        for (struct sl_json_each e = sl_json_each(sl_json_get(old, "parts")); sl_json_next(&e);) {
            if (!part_stands(job, sl_json_str(e.key))) continue;
            sl_json_key(cursor, sl_json_str(e.key));
            sl_json_put_value(cursor, e.value);
        }
    sl_doc_free(doc);
    return ok;
}

/* {"parts":{"":...}} and [{"table","scope"}]. */
static bool job_results(const struct sl_job *job, struct sl_json_writer *cursor,
                        struct sl_json_writer *complete)
{
    bool ok;

    sl_json_begin_object(cursor);
    sl_json_key(cursor, "parts");
    sl_json_begin_object(cursor);
    for (const struct part *p = job->parts; p; p = p->next) {
        sl_json_key(cursor, p->path);
        sl_json_put_raw(cursor, p->cursor, strlen(p->cursor));
    }
    ok = put_old_parts(job, cursor);
    sl_json_end_object(cursor);
    sl_json_end_object(cursor);
    sl_json_begin_array(complete);
    for (const struct complete *c = job->completes; c; c = c->next) {
        sl_json_begin_object(complete);
        sl_json_kv_str(complete, "table", c->table);
        sl_json_key(complete, "scope");
        sl_json_put_raw(complete, c->scope, strlen(c->scope));
        sl_json_end_object(complete);
    }
    sl_json_end_array(complete);
    return ok && sl_json_writer_text(cursor, NULL) && sl_json_writer_text(complete, NULL);
}

enum sl_code sl_job_cursor(const struct sl_job *job, char **out, struct sl_error *error)
{
    struct sl_json_writer *cursor, *complete;

    *out = NULL;
    if (!job->parts) return SL_OK;
    cursor = sl_json_writer_new();
    complete = sl_json_writer_new();
    if (cursor && complete && job_results(job, cursor, complete))
        *out = sl_strdup(sl_json_writer_text(cursor, NULL));
    sl_json_writer_free(cursor);
    sl_json_writer_free(complete);
    return *out ? SL_OK : sl_fail(error, SL_NO_MEMORY, "no memory for a cursor");
}

static void job_done(struct sl_job *job)
{
    struct sl_json_writer *cursor = sl_json_writer_new();
    struct sl_json_writer *complete = sl_json_writer_new();
    struct sl_error error = {0};

    assert(job->open == 0); /* (2) */
    job->ended = true;
    job->read = job->apart_failed == 0;
    if (!job->read) sl_job_lacks(job, &error);
    if (job->apart_failed > 0 && (job->apart_done == 0 || !job->sink.lacks)) {
        if (job->sink.end) job->sink.end(job->ctx, error.code, NULL, NULL, &error);
    } else if (!cursor || !complete || !job_results(job, cursor, complete)) {
        sl_fail(&error, SL_NO_MEMORY, "no memory for the result of a job");
        if (job->sink.end) job->sink.end(job->ctx, SL_NO_MEMORY, NULL, NULL, &error);
    } else if (job->sink.end) {
        if (job->apart_failed > 0) job->sink.lacks(job->ctx, job->apart_failed, job->apart, &error);
        job->sink.end(job->ctx, SL_DONE, sl_json_writer_text(cursor, NULL),
                      sl_json_writer_text(complete, NULL), NULL);
    }
    sl_json_writer_free(cursor);
    sl_json_writer_free(complete);
}
