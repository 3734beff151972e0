/*
 * part.c: a part that stands by itself (sl_out_task_apart) failed. It ends with all that is below it,
 * and what it did not finish is void; the others go on.
 *
 * What stays of the cursor says what stays of the rows:
 *
 *   the part          a chain without sub-tasks keeps the cursor of its newest release point, because
 *                     the rows up to there are final, and the scopes that it told before; any other part keeps its old one: its sub-tasks
 *                     do not tell which of its rows it answers for
 *   what is above it  keeps its old cursor, and nothing that it said is complete: the parts below it
 *                     are asked for again
 *   a first load      keeps all cursors that were set: they say which parts need not be read again
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "pipeline/loop.h"

static struct sl_task_node *part_of_task(struct sl_task_node *task)
{
    while (task && !task->what) task = task->parent;
    return task;
}

/* Would it be the same for every other part? */
static bool concerns_all(enum sl_code code)
{
    return code == SL_NO_MEMORY || code == SL_BUG || code == SL_CANCELLED || code == SL_QUOTA;
}

static bool looks_like_outage(const struct sl_error *error)
{
    return error->retryable || error->http_status >= 500;
}

static bool has_asked(const struct sl_task_node *part)
{
    for (const struct done_part *d = part->job->asked; d; d = d->next)
        if (sl_path_within(d->path, part->path)) return true;
    return false;
}

static bool at_or_within(const char *path, const char *of)
{
    return strcmp(path, of) == 0 || sl_path_within(path, of);
}

static void void_cursors(struct sl_job *job, const char *path)
{
    for (struct part **link = &job->parts; *link;) {
        struct part *p = *link;
        if (!at_or_within(p->path, path)) {
            link = &p->next;
            continue;
        }
        *link = p->next;
        sl_free(p->path), sl_free(p->cursor), sl_free(p);
    }
}

static void void_completes(struct sl_job *job, const char *path, bool final_too)
{
    for (struct complete **link = &job->completes; *link;) {
        struct complete *c = *link;
        if (!at_or_within(c->path, path) || (c->final && !final_too)) {
            link = &c->next;
            continue;
        }
        *link = c->next;
        job->complete_count--;
        sl_free(c->table), sl_free(c->scope), sl_free(c);
    }
}

/* Requests of the part are cancelled, rows that are not final are dropped. */
static enum sl_code stop_part(struct sl_task_node *part, struct sl_error *error)
{
    struct sl_job *job = part->job;
    enum sl_code rc = SL_OK;

    for (struct sl_task_node *t = job->tasks; t; t = t->next) {
        const struct sl_task_node *up = t;
        while (up && up != part) up = up->parent;
        t->ending = up != NULL;
    }
    for (struct sl_task_node *t = job->tasks; t && !rc; t = t->next) {
        if (!t->ending || t->state == TASK_QUEUED) continue;
        if (t->state == TASK_SENT)
            sl_loop_release_exchange(job->loop, t, true);
        else
            sl_loop_unwant(job->loop, t);
        if (t->state == TASK_DONE_SELF) continue; /* its rows are final */
        job->live--;
        if (job->sink.drop) rc = job->sink.drop(job->ctx, t->unit, error);
    }
    return rc;
}

static void unlink_part(struct sl_job *job)
{
    for (struct sl_task_node *t = job->tasks, *next; t; t = next) {
        next = t->next;
        if (t->ending) sl_task_unlink(t);
    }
}

static void note_failure(struct sl_task_node *part, const struct sl_error *why)
{
    struct sl_job *job = part->job;
    char text[1024];

    if (job->apart_failed == 0) {
        job->apart_error = *why;
        sl_error_context(&job->apart_error, "%.300s", part->what);
    }
    job->outages = looks_like_outage(why) ? job->outages + 1 : 0;
    if (job->apart_failed++ >= SL_PARTS_NAMED_MAX || !job->sink.note) return;
    snprintf(text, sizeof text, "%.300s could not be read: %.600s", part->what, why->message);
    job->sink.note(job->ctx, SL_NOTE_WARNING, text);
}

void sl_task_fail(struct sl_task_node *task, const struct sl_error *why)
{
    struct sl_job *job = task->job;
    struct sl_task_node *part = part_of_task(task), *parent;
    struct sl_error error = {0};
    bool chain;

    if (!part || concerns_all(why->code)) {
        sl_job_fail(job, why);
        return;
    }
    note_failure(part, why);
    part->asked->failed = true;
    chain = task == part && !has_asked(part);
    if (!job->initial && (job->full || !chain)) void_cursors(job, part->path);
    void_completes(job, part->path, !chain);
    for (struct sl_task_node *up = part->parent; up; up = up->parent) up->lacks = true;
    parent = part->parent;
    if (stop_part(part, &error)) {
        sl_job_fail(job, &error);
        return;
    }
    unlink_part(job);
    parent->children--;
    if (parent->state == TASK_DONE_SELF && parent->children == 0) sl_task_ended(parent);
}

bool sl_task_forlorn(struct sl_task_node *task)
{
    const struct sl_job *job = task->job;
    struct sl_error error = {0};

    if (job->outages < SL_PARTS_OUTAGES_MAX || !part_of_task(task)) return false;
    sl_fail(&error, job->apart_error.code, "not tried: the source failed for %d others before it",
            SL_PARTS_OUTAGES_MAX);
    error.retryable = true;
    sl_task_fail(task, &error);
    return true;
}

/* Is a cursor of this path one of a part that failed, of what is below it or above it? */
static bool concerns_failed(const struct sl_job *job, const char *path)
{
    for (const struct done_part *d = job->asked; d; d = d->next)
        if (d->failed && (at_or_within(path, d->path) || sl_path_within(d->path, path)))
            return true;
    return false;
}

bool sl_job_begins_anew(const struct sl_job *job)
{
    struct sl_doc *doc = sl_doc_new(0);
    const struct sl_json *old = NULL;
    struct sl_error error = {0};
    bool anew = doc && (!job->cursor ||
                        !sl_doc_parse_copy(doc, job->cursor, strlen(job->cursor), &old, &error));

    for (const struct part *p = job->parts; p && anew; p = p->next)
        anew = !concerns_failed(job, p->path);
    for (struct sl_json_each e = sl_json_each(sl_json_get(old, "parts")); anew && sl_json_next(&e);)
        anew = !concerns_failed(job, sl_json_str(e.key));
    sl_doc_free(doc);
    return anew;
}

void sl_job_lacks(const struct sl_job *job, struct sl_error *error)
{
    const struct sl_error *first = &job->apart_error;

    if (job->apart == 1 || (job->apart_done == 0 && job->apart_failed == 1)) {
        *error = *first;
    } else {
        sl_fail(error, job->apart_done == 0 ? first->code : SL_PARTIAL,
                "%zu of %zu parts failed, the first: %s", job->apart_failed, job->apart,
                first->message);
        error->http_status = first->http_status;
        if (first->hint[0]) sl_error_hint(error, "%s", first->hint);
    }
}
