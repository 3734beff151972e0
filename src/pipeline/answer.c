/* answer.c: one answer of a source: what it means, and what happens next. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/time.h"
#include "pipeline/loop.h"

const char *sl_response_header(const struct sl_response *response, const char *name)
{
    for (const struct sl_header *h = response->headers; h && h->name; h++)
        if (strcmp(h->name, name) == 0) return h->value;
    return NULL;
}

/* "POST https://host/path": where, without the query (it may hold what users filter by). */
static const char *where(const struct sl_task_node *task, char *out, size_t cap)
{
    const char *url = task->exchange.url;
    size_t len = strcspn(url, "?");

    snprintf(out, cap, "%s %.*s", task->exchange.method, (int)len, url);
    return out;
}

static void again_after(struct sl_task_node *task, int64_t delay_ms)
{
    struct sl_loop *loop = task->job->loop;

    task->not_before_us = loop->world->ops->monotonic_us(loop->world) + delay_ms * 1000;
    task->job->counts.retries++;
    sl_loop_want(loop, task);
}

static void fail_here(struct sl_task_node *task, struct sl_error *error)
{
    char place[512];

    sl_error_context(error, "%s", where(task, place, sizeof place));
    sl_task_fail(task, error);
}

/* One more attempt, or the end. asked_ms: what the source asked for, -1 for nothing. What the source
 * asks for again it has not done, so that it may be sent again whatever it is. */
static void retry(struct sl_task_node *task, int64_t asked_ms, struct sl_error *why)
{
    struct sl_loop *loop = task->job->loop;
    int64_t delay_ms;

    task->attempts++;
    delay_ms = task->idempotent || asked_ms >= 0
                   ? sl_retry_delay_ms(loop->retry, task->attempts, asked_ms,
                                       loop->world->ops->dice(loop->world))
                   : -1;
    if (delay_ms >= 0) {
        char place[256];
        snprintf(loop->trouble, sizeof loop->trouble, "%s: %.240s",
                 where(task, place, sizeof place), why->message);
        again_after(task, delay_ms);
        return;
    }
    if (task->attempts > 1) sl_error_context(why, "after %u attempts", task->attempts);
    if (!why->hint[0])
        sl_error_hint(why, "Nothing is lost, and what was landed stays: run again later.");
    fail_here(task, why);
}

/* A pause stops everything that spends the key. Only its first 429 slows the rate down: the others
 * were on their way already. */
static void pause(struct sl_task_node *task, const struct sl_verdict *verdict)
{
    struct sl_loop *loop = task->job->loop;
    int64_t now_us = loop->world->ops->monotonic_us(loop->world);
    int64_t until_us = now_us + verdict->wait_ms * 1000;
    const char *key = sl_loop_key(loop, verdict->pause, &task->request_memory);
    struct paused *p = loop->paused;
    bool paused_already;

    if (!key) return; /* this request waits all the same */
    while (p && strcmp(p->key, key) != 0) p = p->next;
    paused_already = p && p->until_us > now_us;
    if (!p) {
        p = sl_calloc(1, sizeof *p);
        if (p) p->key = sl_strdup(key);
        if (p && !p->key) sl_free(p), p = NULL;
        if (p) p->next = loop->paused, loop->paused = p;
    }
    if (p && until_us > p->until_us) p->until_us = until_us;
    sl_budgets_pause(loop->budgets, key, until_us, paused_already ? 0 : verdict->slow_down);
}

static void verdict_error(const struct sl_verdict *verdict, const struct sl_response *response,
                          struct sl_error *error)
{
    enum sl_code code = sl_failed(verdict->code)              ? verdict->code
                        : verdict->kind == SL_VERDICT_QUOTA   ? SL_QUOTA
                        : verdict->kind == SL_VERDICT_REFRESH ? SL_AUTH
                                                              : SL_SOURCE;

    sl_fail(error, code, "%s", verdict->message[0] ? verdict->message : "the source said no");
    if (verdict->hint[0]) sl_error_hint(error, "%s", verdict->hint);
    error->http_status = response->status;
}

/* The source refuses everything: the job that met it says why, the others end with it, and none
 * begins any more. */
static void fail_all(struct sl_job *met, const struct sl_error *error)
{
    struct sl_loop *loop = met->loop;

    loop->dead = *error;
    sl_error_context(&loop->dead, "stopped with all the others");
    sl_job_fail(met, error);
    sl_loop_fail_all(loop, &loop->dead);
}

static void say_when(const struct sl_verdict *verdict, struct sl_error *error)
{
    char day[SL_TIME_TEXT_MAX];

    if (verdict->kind != SL_VERDICT_QUOTA || verdict->resets_at_us <= 0) return;
    sl_time_format_ms(verdict->resets_at_us, day);
    sl_error_context(error, "the quota is used up until %.10s (UTC)", day);
}

/* A shared key is to pause for longer than we wait: nobody is to sit behind it for hours. */
static void stop_for_long(struct sl_task_node *task, const struct sl_verdict *verdict,
                          struct sl_error *error)
{
    char place[512];

    sl_error_context(error, "%s: asked to wait for %lld minutes", where(task, place, sizeof place),
                     (long long)((verdict->wait_ms + 59999) / 60000));
    if (!error->hint[0])
        sl_error_hint(error, "Nothing is lost: run again when that time has passed.");
    fail_all(task->job, error);
}

/* The source refuses the credentials. A new access token, and the same request once more; refused
 * again, it is not the token. */
static void refresh(struct sl_task_node *task, struct sl_error *error)
{
    struct sl_loop *loop = task->job->loop;
    char place[512];

    if (task->slot && !task->renewed) {
        task->renewed = true;
        sl_access_refused(loop, task->token);
        again_after(task, 0);
        return;
    }
    if (!task->slot) { /* there is nothing to renew a static token with */
        fail_here(task, error);
        return;
    }
    sl_error_context(error, "%s: a new access token was refused as well",
                     where(task, place, sizeof place));
    sl_error_hint(error,
                  "Authorise connection '%s' again, with all scopes that it needs "
                  "(docs/oauth.md), and give it the new refresh token.",
                  loop->connection->name);
    fail_all(task->job, error);
}

static void act(struct sl_task_node *task, const struct sl_verdict *verdict,
                const struct sl_response *response)
{
    struct sl_error error = {0};
    char place[512];

    if (response->status == 429) task->job->counts.limited++;
    if (verdict->kind != SL_VERDICT_OK) {
        verdict_error(verdict, response, &error);
        if (task->state == TASK_SENT) sl_loop_release_exchange(task->job->loop, task, true);
    }
    switch (verdict->kind) {
    case SL_VERDICT_OK:
        if (response->chunk & SL_CHUNK_LAST) task->attempts = 0;
        if (task->slot) sl_access_worked(task->job->loop, task->token);
        sl_task_step(task, response);
        return;
    case SL_VERDICT_RETRY: retry(task, -1, &error); return;
    case SL_VERDICT_RETRY_AFTER:
        if (verdict->pause[0] && verdict->wait_ms > task->job->loop->retry->retry_after_ms_max) {
            stop_for_long(task, verdict, &error);
            return;
        }
        if (verdict->pause[0]) pause(task, verdict);
        retry(task, verdict->wait_ms, &error);
        return;
    case SL_VERDICT_REFRESH: refresh(task, &error); return;
    case SL_VERDICT_FAIL_TABLE: fail_here(task, &error); return;
    case SL_VERDICT_RESTART: sl_task_restart(task, &error); return;
    case SL_VERDICT_QUOTA:
    case SL_VERDICT_FAIL_ALL:
        sl_error_context(&error, "%s", where(task, place, sizeof place));
        say_when(verdict, &error);
        fail_all(task->job, &error);
        return;
    }
}

/* The exchange itself failed: no whole answer came. */
static void transport_failed(struct sl_task_node *task, struct sl_completion *completion)
{
    struct sl_error *error = &completion->error;

    if (completion->began)
        sl_task_restart(task, error); /* rows of it may be staged */
    else if (error->retryable)
        retry(task, -1, error);
    else
        fail_here(task, error);
}

void sl_answer(struct sl_loop *loop, struct sl_completion *completion)
{
    struct sl_task_node *task;

    if (sl_access_answer(loop, completion)) return;
    task = completion->exchange->owner;
    struct sl_response response = {
        .status = completion->status,
        .headers = completion->headers,
        .body = completion->body,
        .body_len = completion->body_len,
        .started_at_us = completion->started_at_us,
        .received_at_us = completion->received_at_us,
        .server_date_us = INT64_MIN,
        .chunk = completion->chunk,
    };
    struct sl_verdict verdict = {0};
    struct sl_error error = {0};
    bool last = sl_failed(completion->code) || (completion->chunk & SL_CHUNK_LAST);

    if (last) {
        sl_budgets_answered(loop->budgets, task->spends, completion->sent_us,
                            loop->world->ops->monotonic_us(loop->world));
        sl_loop_release_exchange(loop, task, false);
    }
    if (sl_failed(completion->code)) {
        transport_failed(task, completion);
        return;
    }
    const char *date = sl_response_header(&response, "date");
    if (date && !sl_http_date_parse(date, strlen(date), &response.server_date_us))
        response.server_date_us = INT64_MIN;

    bool whole = response.chunk == (SL_CHUNK_FIRST | SL_CHUNK_LAST);
    bool by_lines = task->exchange.lines && (response.status == 200 || !whole);
    if (!by_lines && response.body_len > 0) {
        enum sl_code rc =
            sl_doc_parse(loop->doc, completion->body, completion->body_len, &response.json, &error);
        if (rc == SL_NO_MEMORY) {
            fail_here(task, &error);
            return;
        }
        if (rc) response.json = NULL, response.json_error = error.message;
    }
    if (!by_lines || (response.chunk & SL_CHUNK_FIRST))
        loop->connector->classify(task->step_state, &response, &verdict);
    act(task, &verdict, &response);
}
