/*
 * loop.h: what the files of the task loop share. Private to src/pipeline.
 *
 *   tasks.c   the loop: jobs, queues, waiting, budgets
 *   task.c    one task: its state, its step, its restart, its end
 *   part.c    a sub-task that stands by itself fails: what goes with it, what stays
 *   answer.c  one answer: verdict, retry, pause, failure
 *   out.c     what a step emits (the sl_out_* functions)
 *   access.c  access tokens of OAuth connections; oauth.c: the requests for them
 *
 * A task's way:
 *
 *   QUEUED --born--> WANTING --budgets--> SENT --answer--> (step) --> WANTING ...
 *                       ^                   |                 \--> DONE_SELF --children--> ended
 *                       +------ retry ------+
 *
 * (1) A task in SENT owns exactly one exchange of the world, and its spends are booked.
 * (2) job->open counts the tasks that have not ended; it is 0 exactly when the job has ended.
 * (3) A task's unit is never used again, so that drop and release cannot meet another's rows.
 */
#ifndef SL_LOOP_H
#define SL_LOOP_H

#include "base/arena.h"
#include "http/retry.h"
#include "json/doc.h"
#include "pipeline/access.h"
#include "pipeline/tasks.h"

enum task_state { TASK_QUEUED, TASK_WANTING, TASK_SENT, TASK_DONE_SELF };

struct sl_task_node {
    struct sl_job *job;
    struct sl_task_node *parent;    /* NULL: the root */
    struct sl_task_node *next;      /* in the job's list of all open tasks */
    struct sl_task_node *send_next; /* in the loop's queue of tasks that want to send */
    enum task_state state;
    uint64_t unit;
    char *path;              /* "" for the root, then "/part", "/part/part" */
    char *input;             /* JSON */
    char *what;              /* it stands by itself, and this is what people call it; else NULL */
    struct done_part *asked; /* NULL: the root */
    size_t children;         /* that have not ended */
    bool lacks;              /* a part below it failed: it speaks for less than it says */
    bool ending;             /* the part that it belongs to failed */
    unsigned attempts, restarts;

    struct sl_arena memory; /* options, docs: as long as the task steps */
    struct sl_doc *input_doc, *cursor_doc, *state_doc, *columns_doc;
    void *step_state; /* the connector's; first member is struct sl_task */

    struct sl_arena request_memory; /* the request, reset for each */
    struct sl_exchange exchange;
    struct sl_spend spends[SL_REQUEST_SPENDS_MAX + 1]; /* one more: the share of the month */
    bool idempotent;
    char *authorization;     /* wiped when freed */
    struct sl_header *slot;  /* OAuth: where the authorization goes when it is sent; else NULL */
    uint64_t token;          /* OAuth: which access token was put in */
    bool renewed;            /* ... and the one before it was refused for this very request */
    int64_t not_before_us;   /* monotonic */
    int64_t wanted_since_us; /* monotonic */
    int64_t started_us;      /* monotonic: when the budgets booked the exchange */
};

struct part {
    struct part *next;
    char *path;
    char *cursor;
};

struct
    done_part { /* a sub-task that was asked for, so that a restarted parent does not ask twice */
    struct done_part *next;
    char *path;
    bool failed; /* it stood by itself */
};

struct complete {
    struct complete *next;
    const char *path; /* of the task that said it; lives in `asked` */
    uint64_t unit;
    bool final; /* told before a release point: its rows stay, and nobody tells it again */
    char *table, *scope;
};

struct noted {
    struct noted *next;
    char *text;
};

struct sl_job {
    struct sl_loop *loop;
    struct sl_job *next;
    struct sl_sink sink;
    void *ctx;
    enum sl_job_kind kind;
    char *table, *namespace_, *table_options, *cursor, *state, *columns;
    bool full, initial, one_by_one;
    bool keep_cursor;           /* sl_out_keep_cursor() */
    struct sl_task_node *tasks; /* open ones */
    size_t open, live, total;
    struct part *parts;
    struct done_part *asked;
    struct complete *completes;
    size_t complete_count;
    size_t apart, apart_done, apart_failed; /* parts that stand by themselves */
    size_t outages; /* of these, failed one after the other as if the source were down */
    struct sl_error apart_error; /* of the first that failed */
    struct noted *notes;
    struct sl_job_counts counts;
    bool ended;
    bool read;      /* ... and no part failed */
    bool forgotten; /* nobody asks for its counts any more */
};

struct paused {
    char *key;
    int64_t until_us;
    struct paused *next;
};

struct sl_loop {
    const struct sl_connection *connection;
    const struct sl_connector *connector;
    struct sl_world *world;
    struct sl_budgets *budgets;
    bool budgets_shared; /* somebody else frees them */
    struct sl_doc *doc, *line_doc;
    struct sl_job *jobs;
    struct sl_task_node *send_first, *send_last;
    struct paused *paused;
    uint64_t units;
    int64_t run_started_us;
    const struct sl_retry_policy *retry;
    struct sl_caps caps;
    char *share_key; /* of the limit that caps.quota_share makes; NULL: none yet */
    int64_t calls;
    char trouble[512];        /* why a request had to be made again, the newest; "" none */
    struct sl_access *access; /* OAuth: NULL until a request wants it */
    struct sl_error dead; /* why no job can succeed any more: a refused token, a quota; or code 0 */
};

struct sl_out {
    struct sl_task_node *task;
    const struct sl_response *response; /* NULL on the first call */
    const struct sl_doc *doc;           /* of what rows() is given */
    int64_t observed_us;
    bool requested;
    bool refused; /* the sink failed: that is no failure of the source */
};

/* task.c */
struct sl_task_node *sl_task_new(struct sl_job *job, struct sl_task_node *parent, const char *part,
                                 const char *input);
enum sl_code sl_task_birth(struct sl_task_node *task, struct sl_error *error);
void sl_task_step(struct sl_task_node *task, const struct sl_response *response);
void sl_task_restart(struct sl_task_node *task, const struct sl_error *why);
void sl_task_free(struct sl_task_node *task);
/* Of this path, below it. */
bool sl_path_within(const char *path, const char *of);
/* Takes a task out of its job and frees it. */
void sl_task_unlink(struct sl_task_node *task);
/* The task itself and everything below it is done. */
void sl_task_ended(struct sl_task_node *task);
/* Ends the whole job with an error. */
void sl_job_fail(struct sl_job *job, const struct sl_error *why);
/* Starts queued tasks of a job while there is room. */
void sl_job_feed(struct sl_job *job);

/* part.c */
/* The task failed: the part that it belongs to ends, or, when it belongs to none or nothing else can
 * succeed either, the job. */
void sl_task_fail(struct sl_task_node *task, const struct sl_error *why);
/* The source seems to be down for all parts: is this task not to be tried? Then it failed. */
bool sl_task_forlorn(struct sl_task_node *task);
/* "2 of 200 parts failed, the first: ..." */
void sl_job_lacks(const struct sl_job *job, struct sl_error *error);

/* answer.c */
void sl_answer(struct sl_loop *loop, struct sl_completion *completion);

/* tasks.c */
void sl_loop_want(struct sl_loop *loop, struct sl_task_node *task);
void sl_loop_unwant(struct sl_loop *loop, struct sl_task_node *task);
/* Ends every job with this error, those that an ending one adds too. */
void sl_loop_fail_all(struct sl_loop *loop, const struct sl_error *why);
/* The task's exchange is over or cancelled: spends are given back. */
void sl_loop_release_exchange(struct sl_loop *loop, struct sl_task_node *task, bool cancel);
/* The world says when a request went onto the wire (struct sl_exchange). */
void sl_loop_sent(struct sl_exchange *exchange, int64_t at_us);
/* key with {credential} replaced; in the arena. NULL: no memory. */
const char *sl_loop_key(const struct sl_loop *loop, const char *key, struct sl_arena *arena);

#endif
