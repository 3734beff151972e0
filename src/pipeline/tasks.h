/*
 * tasks.h: the loop that drives connectors.
 *
 *     task ready --step--> request --budgets--> world --answer--> classify --ok--> step ...
 *                                                            \--retry, wait, restart, fail
 *
 * A job is one root task (check, discover, or the read of one table) and the sub-tasks it asks
 * for. Any number of jobs share one loop: one world, one set of budgets, one thread. What the steps
 * emit goes to the job's sink, in the order of emission.
 *
 * Staging: rows of a task are final from its next release point on (cursor or SL_DONE). When a task
 * restarts, sink->drop says that the rows since the last one are void, and it goes on from its own
 * newest cursor. A full read goes on from nothing, so that only SL_DONE releases its rows.
 */
#ifndef SL_TASKS_H
#define SL_TASKS_H

#include <sluice/connector.h>

#include "catalog/catalog.h"
#include "http/budget.h"
#include "http/world.h"

struct sl_doc;
struct sl_loop;
struct sl_job;

#define SL_RESTARTS_MAX 5    /* of one task */
#define SL_TASKS_LIVE_MAX 64 /* of one job at once; more wait, as inputs only */
#define SL_TASKS_MAX 10000   /* of one job in all */
#define SL_SCOPES_MAX 100000 /* that the tasks of one job say are complete */
#define SL_PARTS_OUTAGES_MAX                                                                       \
    16                        /* parts of a job that fail one after the other as if the source were
                                   down; then those that have not begun are not tried */
#define SL_PARTS_NAMED_MAX 20 /* failed parts of a job that get a note of their own */
#define SL_RESPONSE_BYTES_MAX ((size_t)64 << 20) /* of one answer that is not read by lines */

/* Where a job's output goes. Members may be NULL. ctx is the job's. unit: a number for each task,
 * for drop and release. */
struct sl_sink {
    enum sl_code (*rows)(void *ctx, uint64_t unit, const struct sl_doc *doc, const char *table,
                         const struct sl_json *rows, const struct sl_constant *constants,
                         size_t count, struct sl_sequence sequence, int64_t observed_us,
                         struct sl_error *error);
    enum sl_code (*remove)(void *ctx, uint64_t unit, const char *table, const struct sl_json *key,
                           struct sl_sequence sequence, int64_t observed_us,
                           struct sl_error *error);
    enum sl_code (*reject)(void *ctx, uint64_t unit, const char *table, const char *raw, size_t len,
                           const char *reason, struct sl_error *error);
    enum sl_code (*table)(void *ctx, const struct sl_table_def *table, struct sl_error *error);
    enum sl_code (*namespace_)(void *ctx, const char *name, const char *id, const char *comment,
                               struct sl_error *error);
    enum sl_code (*check)(void *ctx, const char *subject, bool good, const char *message,
                          const char *hint, struct sl_error *error);
    /* A task's rows since its last release point are void / are final. */
    enum sl_code (*drop)(void *ctx, uint64_t unit, struct sl_error *error);
    enum sl_code (*release)(void *ctx, uint64_t unit, struct sl_error *error);
    void (*expect)(void *ctx, const char *table, int64_t rows);
    void (*note)(void *ctx, enum sl_note level, const char *text);
    /* Parts that stand by themselves failed, others did not: before end(SL_DONE), which then speaks of
     * the others. why: SL_PARTIAL, with numbers and the first reason. NULL: the job fails with it. */
    void (*lacks)(void *ctx, size_t failed, size_t parts, const struct sl_error *why);
    /* The job ended. SL_DONE, or why not. complete: a JSON array of {"table","scope"} that every
     * task below it finished; cursor: the merged cursor, JSON. Both NULL unless SL_DONE. */
    void (*end)(void *ctx, enum sl_code code, const char *cursor, const char *complete,
                const struct sl_error *error);
};

enum sl_job_kind { SL_JOB_CHECK, SL_JOB_DISCOVER, SL_JOB_READ };

/* Everything is copied. */
struct sl_job_options {
    enum sl_job_kind kind;
    const char *table, *namespace_;
    const char *table_options; /* JSON object, or NULL */
    const char *cursor;        /* JSON of {phase, shared, parts}, or NULL */
    const char *state;         /* JSON, or NULL */
    const char *columns;       /* JSON array, or NULL */
    const char *input;         /* JSON object for the root task; NULL: {} */
    bool full;
    bool
        initial; /* a first load: full, but what finished sub-tasks brought stays, and an old cursor
                     says which did (connector.h: full and cursor) */
    bool one_by_one; /* a sub-task begins when the one before it is done, so that some of them are
                        done when the run must end early */
};

struct sl_job_counts {
    int64_t calls, retries, restarts, limited, waited_us;
};

SL_MUST_USE enum sl_code sl_loop_new(const struct sl_connection *connection, struct sl_world *world,
                                     struct sl_loop **out, struct sl_error *error);
void sl_loop_free(struct sl_loop *loop);
/* Spends from these budgets (borrowed; of the same clock) instead of the loop's own, so that one
 * look at a source after another in a process does not trip its limit. NULL: no change. Before the
 * first job. */
void sl_loop_share_budgets(struct sl_loop *loop, struct sl_budgets *budgets);
/* What the user allows a run, beside the limits of the source. It ends with SL_QUOTA when it would
 * need more; what was committed by then stays. */
struct sl_caps {
    int64_t calls_max;    /* requests of this loop; 0: any */
    double quota_share;   /* of what the source's quota of a month allows, over all runs of this
                            pipeline; 0: all of it. SL_BAD_SPEC when the source has no such quota */
    const char *pipeline; /* whose share it is: an id; borrowed */
};
/* Before the first job. */
void sl_loop_cap(struct sl_loop *loop, const struct sl_caps *caps);
/* Somebody waits for this: a few attempts, then the error. Before the first job. */
void sl_loop_hurry(struct sl_loop *loop);
/* Why a request has to be made again, the newest: "GET https://host/path: could not connect"; ""
 * when all went well so far. */
const char *sl_loop_trouble(const struct sl_loop *loop);
SL_MUST_USE enum sl_code sl_loop_add(struct sl_loop *loop, const struct sl_job_options *options,
                                     const struct sl_sink *sink, void *ctx, struct sl_job **out,
                                     struct sl_error *error);
const struct sl_job_counts *sl_job_counts(const struct sl_job *job);
/* The job has ended (or ends now, in its sink's end) and nobody asks for its counts any more. */
void sl_job_forget(struct sl_job *job);
/* The cursor as it stands: parts of tasks that are at a release point, and the old cursor's parts
 * that still hold. *out is NULL when no task has set its own yet; sl_free() it. */
SL_MUST_USE enum sl_code sl_job_cursor(const struct sl_job *job, char **out,
                                       struct sl_error *error);
/* A first load of which parts failed: does no cursor speak of them, nor of what is above them? Then
 * they begin from nothing next time whether it is a first load or not. */
bool sl_job_begins_anew(const struct sl_job *job);
/* Did a step say sl_out_keep_cursor()? */
bool sl_job_keeps_cursor(const struct sl_job *job);
/* Ends a job early: its requests are cancelled and sink->end is called with this error. */
void sl_job_stop(struct sl_job *job, const struct sl_error *why);

/* OAuth: was an access token wanted, and to be had? False: it was not wanted. why: filled when there
 * was none, code SL_OK otherwise. */
bool sl_loop_access(const struct sl_loop *loop, struct sl_error *why);

/* Did the source refuse everything (a token, a quota)? Then no further job can succeed. */
bool sl_loop_dead(const struct sl_loop *loop, struct sl_error *why);

/*
 * Runs until every job has ended. stopping is asked between steps (every 250 ms at the latest); when
 * it says true all jobs end with SL_CANCELLED. tick is called at most ten times a second.
 * The result is SL_OK whatever became of the jobs, unless the loop itself fails.
 */
SL_MUST_USE enum sl_code sl_loop_run(struct sl_loop *loop, bool (*stopping)(void *),
                                     void (*tick)(void *), void *ctx, struct sl_error *error);
/* For reports. */
struct sl_budgets *sl_loop_budgets(struct sl_loop *loop);

#endif
