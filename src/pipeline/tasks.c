#include "pipeline/tasks.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/time.h"
#include "pipeline/loop.h"

#define TICK_US INT64_C(100000)
/* An hour's limit is waited out, a day's is not. */
#define LONGEST_WAIT_US INT64_C(3900000000)
#define ARENA_KEY_MAX 512

enum sl_code sl_loop_new(const struct sl_connection *connection, struct sl_world *world,
                         struct sl_loop **out, struct sl_error *error)
{
    struct sl_loop *loop;

    *out = NULL;
    const struct sl_connector *connector = sl_connector_find(connection->source);
    if (!connector)
        return sl_fail(error, SL_BAD_SPEC, "no connector is called '%s'", connection->source);
    loop = sl_calloc(1, sizeof *loop);
    if (!loop) return sl_fail(error, SL_NO_MEMORY, "no memory for the task loop");
    loop->connection = connection;
    loop->connector = connector;
    loop->world = world;
    loop->run_started_us = sl_now_us(world);
    loop->retry = &sl_retry_default;
    loop->budgets = sl_budgets_new();
    loop->doc = sl_doc_new(0);
    loop->line_doc = sl_doc_new(0);
    if (!loop->budgets || !loop->doc || !loop->line_doc) {
        sl_loop_free(loop);
        return sl_fail(error, SL_NO_MEMORY, "no memory for the task loop");
    }
    *out = loop;
    return SL_OK;
}

static void job_free(struct sl_job *job)
{
    while (job->tasks) {
        struct sl_task_node *task = job->tasks;
        job->tasks = task->next;
        sl_task_free(task);
    }
    for (struct part *p = job->parts, *next; p; p = next) {
        next = p->next;
        sl_free(p->path), sl_free(p->cursor), sl_free(p);
    }
    for (struct done_part *d = job->asked, *next; d; d = next) {
        next = d->next;
        sl_free(d->path), sl_free(d);
    }
    for (struct complete *c = job->completes, *next; c; c = next) {
        next = c->next;
        sl_free(c->table), sl_free(c->scope), sl_free(c);
    }
    for (struct noted *n = job->notes, *next; n; n = next) {
        next = n->next;
        sl_free(n->text), sl_free(n);
    }
    sl_free(job->table);
    sl_free(job->namespace_);
    sl_free(job->table_options);
    sl_free(job->cursor);
    sl_free(job->state);
    sl_free(job->columns);
    sl_free(job);
}

void sl_loop_free(struct sl_loop *loop)
{
    if (!loop) return;
    while (loop->jobs) {
        struct sl_job *job = loop->jobs;
        loop->jobs = job->next;
        for (struct sl_task_node *t = job->tasks; t; t = t->next)
            if (t->state == TASK_SENT) sl_loop_release_exchange(loop, t, true);
        job_free(job);
    }
    for (struct paused *p = loop->paused, *next; p; p = next) {
        next = p->next;
        sl_free(p->key), sl_free(p);
    }
    sl_access_free(loop->access);
    sl_free(loop->share_key);
    sl_doc_free(loop->doc);
    sl_doc_free(loop->line_doc);
    if (!loop->budgets_shared) sl_budgets_free(loop->budgets);
    sl_free(loop);
}

void sl_loop_share_budgets(struct sl_loop *loop, struct sl_budgets *budgets)
{
    assert(!loop->jobs);
    if (!budgets) return;
    if (!loop->budgets_shared) sl_budgets_free(loop->budgets);
    loop->budgets = budgets;
    loop->budgets_shared = true;
}

void sl_loop_cap(struct sl_loop *loop, const struct sl_caps *caps)
{
    assert(!loop->jobs);
    loop->caps = *caps;
}

void sl_loop_hurry(struct sl_loop *loop)
{
    loop->retry = &sl_retry_look;
}

const char *sl_loop_trouble(const struct sl_loop *loop)
{
    return loop->trouble;
}

/* Copies an optional text; *ok turns false when there is no memory. */
static char *keep(const char *text, bool *ok)
{
    char *copy = text ? sl_strdup(text) : NULL;

    if (text && !copy) *ok = false;
    return copy;
}

enum sl_code sl_loop_add(struct sl_loop *loop, const struct sl_job_options *options,
                         const struct sl_sink *sink, void *ctx, struct sl_job **out,
                         struct sl_error *error)
{
    bool ok = true;
    struct sl_job *job = sl_calloc(1, sizeof *job);

    *out = NULL;
    if (!job) return sl_fail(error, SL_NO_MEMORY, "no memory for a job");
    job->loop = loop;
    job->sink = *sink;
    job->ctx = ctx;
    job->kind = options->kind;
    job->full = options->full;
    job->initial = options->initial;
    job->one_by_one = options->one_by_one;
    job->table = keep(options->table, &ok);
    job->namespace_ = keep(options->namespace_, &ok);
    job->table_options = keep(options->table_options, &ok);
    job->cursor = keep(options->cursor, &ok);
    job->state = keep(options->state, &ok);
    job->columns = keep(options->columns, &ok);
    if (!ok || !sl_task_new(job, NULL, "", options->input ? options->input : "{}")) {
        job_free(job);
        return sl_fail(error, SL_NO_MEMORY, "no memory for a job");
    }
    job->next = loop->jobs;
    loop->jobs = job;
    *out = job;
    return SL_OK;
}

void sl_job_forget(struct sl_job *job)
{
    job->forgotten = true;
}

const struct sl_job_counts *sl_job_counts(const struct sl_job *job)
{
    return &job->counts;
}

bool sl_job_keeps_cursor(const struct sl_job *job)
{
    return job->keep_cursor;
}

void sl_job_stop(struct sl_job *job, const struct sl_error *why)
{
    sl_job_fail(job, why);
}

struct sl_budgets *sl_loop_budgets(struct sl_loop *loop)
{
    return loop->budgets;
}

const char *sl_loop_key(const struct sl_loop *loop, const char *key, struct sl_arena *arena)
{
    static const char mark[] = "{credential}";
    const char *at = strstr(key, mark);

    if (!at) return sl_arena_strdup(arena, key);
    return sl_arena_printf(arena, "%.*s%s%s", (int)(at - key), key, loop->connection->fingerprint,
                           at + sizeof mark - 1);
}

/* ---- the queue of tasks that want to send: first come, first served ---- */

void sl_loop_want(struct sl_loop *loop, struct sl_task_node *task)
{
    assert(task->state != TASK_SENT);
    task->state = TASK_WANTING;
    task->send_next = NULL;
    task->wanted_since_us = loop->world->ops->monotonic_us(loop->world);
    if (loop->send_last)
        loop->send_last->send_next = task;
    else
        loop->send_first = task;
    loop->send_last = task;
}

void sl_loop_unwant(struct sl_loop *loop, struct sl_task_node *task)
{
    struct sl_task_node **link = &loop->send_first, *last = NULL;

    while (*link && *link != task) {
        last = *link;
        link = &(*link)->send_next;
    }
    if (!*link) return;
    *link = task->send_next;
    if (loop->send_last == task) loop->send_last = last;
    task->send_next = NULL;
}

void sl_loop_release_exchange(struct sl_loop *loop, struct sl_task_node *task, bool cancel)
{
    assert(task->state == TASK_SENT); /* (1) */
    if (cancel) loop->world->ops->cancel(loop->world, &task->exchange);
    sl_budgets_end(loop->budgets, task->spends);
    task->state = TASK_WANTING; /* not in the queue: the caller decides what comes next */
}

void sl_loop_sent(struct sl_exchange *exchange, int64_t at_us)
{
    struct sl_task_node *task = exchange->owner;

    sl_budgets_sent(task->job->loop->budgets, task->spends, task->started_us, at_us);
}

/* Puts the newest access token into a request. SL_MORE: not before *at_us. */
static enum sl_code authorize(struct sl_loop *loop, struct sl_task_node *task, int64_t now_us,
                              int64_t *at_us, struct sl_error *error)
{
    struct sl_buf text = {0};
    int64_t when_us;
    const char *token;
    enum sl_code rc;

    if (!task->slot) return SL_OK;
    rc = sl_access_token(loop, now_us, &token, &task->token, &when_us, error);
    if (rc == SL_MORE) *at_us = when_us;
    if (rc) return rc;
    sl_buf_addf(&text, "Bearer %s", token);
    if (task->authorization) {
        explicit_bzero(task->authorization, strlen(task->authorization));
        sl_free(task->authorization);
    }
    task->authorization = sl_buf_take(&text);
    sl_buf_release(&text);
    *task->slot =
        (struct sl_header){task->authorization ? "Authorization" : NULL, task->authorization};
    return task->authorization ? SL_OK : sl_fail(error, SL_NO_MEMORY, "no memory for a request");
}

/* Its spends are booked. */
static void send(struct sl_loop *loop, struct sl_task_node *task, int64_t now_us)
{
    struct sl_error error = {0};

    sl_loop_unwant(loop, task);
    task->started_us = now_us;
    task->job->counts.waited_us += now_us - task->wanted_since_us;
    task->job->counts.calls++;
    loop->calls++;
    task->state = TASK_SENT;
    if (loop->world->ops->start(loop->world, &task->exchange, &error)) {
        sl_budgets_end(loop->budgets, task->spends);
        task->state = TASK_WANTING;
        sl_task_fail(task, &error);
    }
}

/* No request can be made any more in this run: every job ends, and none begins. */
static void die(struct sl_loop *loop, const struct sl_error *why)
{
    loop->dead = *why;
    sl_loop_fail_all(loop, &loop->dead);
}

/* What was paid for is waited for. */
static bool under_way(const struct sl_loop *loop)
{
    for (const struct sl_job *job = loop->jobs; job; job = job->next)
        for (const struct sl_task_node *t = job->tasks; t; t = t->next)
            if (t->state == TASK_SENT) return true;
    return false;
}

static bool over_cap(const struct sl_loop *loop, struct sl_error *why)
{
    if (!loop->caps.calls_max || loop->calls < loop->caps.calls_max) return false;
    sl_fail(why, SL_QUOTA, "the run has made %lld calls, all that max_calls_per_run allows",
            (long long)loop->caps.calls_max);
    sl_error_hint(why,
                  "Nothing is lost: tables that were complete are committed, the next run goes "
                  "on. Raise max_calls_per_run of the pipeline (in 'configuration': "
                  "\"sluice.max_calls_per_run\"), or read fewer tables.");
    return true;
}

/* Would this request have to wait for hours? A quantity is used up then, and nobody sits behind it. */
static bool used_up(struct sl_loop *loop, const struct sl_task_node *task, int64_t at_us,
                    int64_t now_us, struct sl_error *why)
{
    struct sl_budget_use use;
    char day[SL_TIME_TEXT_MAX];

    if (at_us == INT64_MAX || at_us - now_us <= LONGEST_WAIT_US ||
        !sl_budgets_blocking(loop->budgets, task->spends, now_us, &use))
        return false;
    sl_time_format_ms(sl_now_us(loop->world) + (at_us - now_us), day);
    day[16] = '\0';
    day[10] = ' ';
    sl_fail(why, SL_QUOTA,
            "%.0f calls were made of the %.0f that %s allows%s; the next is possible "
            "on %s (UTC)",
            use.used, use.rate, use.set_by ? use.set_by : use.key,
            use.calendar_month ? " in a month" : "", day);
    sl_error_hint(why,
                  "Nothing is lost: tables that were complete are committed. Run again then, or "
                  "raise %s.",
                  use.set_by ? use.set_by : "the limit");
    return true;
}

/* Sends all that may go now. Returns the monotonic time at which the next one may. */
static int64_t send_ready(struct sl_loop *loop)
{
    int64_t now_us = loop->world->ops->monotonic_us(loop->world);
    int64_t next_us = INT64_MAX;
    struct sl_task_node *task = loop->send_first;

    sl_budgets_clock(loop->budgets, now_us, sl_now_us(loop->world));
    while (task) {
        struct sl_task_node *next = task->send_next;
        int64_t at_us = task->not_before_us;
        struct sl_error why = {0};

        if (over_cap(loop, &why)) {
            if (!under_way(loop)) die(loop, &why);
            return INT64_MAX;
        }
        if (at_us <= now_us && sl_failed(authorize(loop, task, now_us, &at_us, &why))) {
            if (!under_way(loop)) die(loop, &why);
            return INT64_MAX;
        }
        if (at_us <= now_us) at_us = sl_budgets_start(loop->budgets, task->spends, now_us);
        if (at_us <= now_us) {
            send(loop, task, now_us);
            next = loop->send_first; /* a failure may have taken others out of the queue */
            now_us = loop->world->ops->monotonic_us(loop->world);
            next_us = INT64_MAX;
        } else if (used_up(loop, task, at_us, now_us, &why)) {
            if (!under_way(loop)) {
                die(loop, &why);
                return INT64_MAX;
            }
        } else if (at_us < next_us) {
            next_us = at_us;
        }
        task = next;
    }
    return next_us;
}

/* A job that ended stays for its counts, until it is forgotten. */
static void sweep(struct sl_loop *loop)
{
    for (struct sl_job **at = &loop->jobs, *job; (job = *at) != NULL;) {
        if (job->ended && job->forgotten && !job->tasks) {
            *at = job->next;
            job_free(job);
        } else {
            at = &job->next;
        }
    }
}

static bool any_open(const struct sl_loop *loop)
{
    for (const struct sl_job *job = loop->jobs; job; job = job->next)
        if (!job->ended) return true;
    return false;
}

void sl_loop_fail_all(struct sl_loop *loop, const struct sl_error *why)
{
    struct sl_error copy = *why; /* it may live in a task */

    for (;;) {
        struct sl_job *job = loop->jobs;
        while (job && job->ended) job = job->next;
        if (!job) return;
        sl_job_fail(job, &copy); /* its end may add jobs: begin again from the newest */
    }
}

static void stop_all(struct sl_loop *loop)
{
    struct sl_error why = {0};

    sl_fail(&why, SL_CANCELLED, "stopped before it was complete");
    sl_loop_fail_all(loop, &why);
}

bool sl_loop_dead(const struct sl_loop *loop, struct sl_error *why)
{
    if (sl_failed(loop->dead.code)) *why = loop->dead;
    return sl_failed(loop->dead.code);
}

enum sl_code sl_loop_run(struct sl_loop *loop, bool (*stopping)(void *), void (*tick)(void *),
                         void *ctx, struct sl_error *error)
{
    struct sl_world *world = loop->world;
    int64_t ticked_us = INT64_MIN;

    (void)error;
    while (any_open(loop)) {
        sweep(loop);
        if (stopping && stopping(ctx)) stop_all(loop);
        for (struct sl_job *job = loop->jobs; job; job = job->next)
            if (!job->ended) sl_job_feed(job);
        if (!any_open(loop)) break;

        int64_t next_us = send_ready(loop);
        if (!any_open(loop)) break; /* what could not be sent may have been the last */
        int64_t now_us = world->ops->monotonic_us(world);
        if (tick && (ticked_us == INT64_MIN || now_us - ticked_us >= TICK_US)) {
            ticked_us = now_us;
            tick(ctx);
        }
        if (next_us > now_us + TICK_US && (tick || stopping)) next_us = now_us + TICK_US;

        struct sl_completion completion = {0};
        if (world->ops->wait(world, next_us, &completion)) sl_answer(loop, &completion);
    }
    sl_access_settle(loop); /* whoever stops us, a token that is given is kept */
    if (tick) tick(ctx);
    return SL_OK;
}
