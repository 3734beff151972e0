/*
 * flow.h: one destination table in one run. Private to src/pipeline.
 *
 *   sl_flow_open     where it lands, what is there already, how its columns are called, what others
 *                    did to it; is everything to be read, or what changed?
 *   sl_flow_start    the table exists; a job of the task loop feeds it
 *   (sink)           rows and deletes -> batch -> stage, and noted (apply.h)
 *   sl_flow_settle   what changes in the table; guards; missing rows are read again by key
 *   sl_flow_commit   files + txn + cursor become one version
 *
 * (1) Nothing is visible before sl_flow_commit, and then everything is.
 * (2) The cursor is written nowhere but in that commit.
 * (3) report->version >= 0 exactly when this run committed.
 */
#ifndef SL_FLOW_H
#define SL_FLOW_H

#include "base/arena.h"
#include "pipeline/apply.h"
#include "pipeline/defs.h"
#include "pipeline/run.h"
#include "pipeline/stage.h"
#include "pipeline/tasks.h"
#include "table/batch.h"

#define SL_FLOW_PARTS_MAX 512
#define SL_FLOW_BATCH_BYTES ((size_t)1 << 20)
#define SL_FLOW_BATCH_ROWS 4096

#define SL_FLOW_ID_MAX 37

struct sl_rejects;

/* A table of the source, as the plan knows it. */
struct sl_found {
    struct sl_table_def brief; /* without columns, keys, comment and state */
    struct sl_def_place whole;
    char flow_id[SL_FLOW_ID_MAX];
};

enum sl_flow_mode {
    SL_FLOW_APPEND,  /* every row once */
    SL_FLOW_REPLACE, /* no key: the content is replaced when it differs */
    SL_FLOW_LATEST,  /* SCD type 1: one row a key */
    SL_FLOW_HISTORY, /* SCD type 2: versions of each key */
};
const char *sl_flow_mode_name(enum sl_flow_mode mode); /* as in the domain: "append", ... */

/* What the table itself says of this flow: the domain sluice.cursor.<flow> (flow_state.c). */
struct sl_flow_state {
    bool there; /* this flow has committed to the table */
    int format; /* of the domain; 1: written before there was merging */
    enum sl_flow_mode mode;
    char *named;     /* what the specification called the source table; or NULL */
    char *cursor;    /* JSON of the task loop, or NULL */
    char *scope;     /* what narrowed the read: connector options, columns; or NULL */
    char *digest;    /* REPLACE: of the content; or NULL */
    char *full_due;  /* why the next run must read everything, or NULL */
    char *aside;     /* value of the domain sluice.aux.<flow>, or NULL */
    int64_t commits; /* of this flow so far: n */
    int64_t version; /* the version that the newest of them made; -1: unknown */
    int64_t committed_us;
    int64_t full_us;     /* begin of the newest complete read; SL_NO_TIME: never */
    int64_t lacked_us;   /* full_due: begin of the newest try that lacked parts; SL_NO_TIME: none */
    int64_t observed_us; /* newest bound of history that was given; SL_NO_TIME: none */
    bool initial;        /* the first load is not complete */
};

struct sl_flow {
    /* what the plan says; everything lives in the plan's arena */
    const struct sl_object *object;
    const struct sl_found *found;   /* NULL: no such table */
    const struct sl_defs *defs;     /* where it is whole */
    const struct sl_table_def *def; /* whole while the flow is open, else what `found` has */
    const char *placed_as; /* the destination as the specification says it, when it depends on the
                              namespace; or NULL */
    const char *catalog_name, *schema_name, *name; /* destination */
    const char *location;
    const char *id;           /* flow id, a UUID */
    const char *domain;       /* "sluice.cursor.<id>" */
    const char *aside_domain; /* "sluice.aux.<id>" */
    bool reset;               /* full refresh */

    /* what it is to do: flow_open.c */
    enum sl_flow_mode mode;
    bool full;            /* everything is read */
    bool foreign;         /* others changed rows since our last commit */
    const char *why_full; /* for people; NULL: not said */
    char *scope;
    struct sl_flow_state state;

    /* the run */
    const struct sl_run_options *run;
    const struct sl_connector *connector;
    struct sl_stages *stages;
    struct sl_loop *loop;
    struct sl_delta_table *table;
    struct sl_schema *schema;
    struct sl_batch *batch;
    struct sl_stage *stage;
    struct sl_apply *apply;    /* LATEST, HISTORY */
    struct sl_arena def_arena; /* of def, while it is whole */
    struct sl_flow_running {   /* what only a flow that runs needs */
        struct sl_stage_part parts[SL_FLOW_PARTS_MAX];
        unsigned char deletes[SL_FLOW_BATCH_ROWS]; /* of the batch: is the row a delete? */
        struct sl_error lacks; /* why parts of the read failed (report->parts_failed) */
    } * beside;
    size_t part_count;
    bool any_deletes;
    struct sl_rejects *rejects; /* NULL until the first */
    bool physical_ids;          /* column mapping is on */
    char *add_columns;          /* JSON array of new columns, or NULL */
    int64_t old_rows;           /* in the table before this run; -1: unknown */
    int64_t observed_us;        /* HISTORY without a sequence: the bound of this run; SL_NO_TIME:
                                   nothing was seen yet */
    int64_t saved_us;           /* first load: when it last committed a part */
    bool saved;                 /* first load: it did, in this run */
    bool resumed;               /* first load: an earlier run began it */
    bool broken;                /* not all that was read is staged, or a part was not committed:
                                   nothing more is */
    bool dropped;               /* rows became void in this run */
    uint64_t digest;            /* REPLACE: of the rows so far */
    struct sl_job *job;
    struct sl_confirm *confirm; /* rows missing in a complete read, being read again by key: */
    struct sl_job *confirm_job; /* its job */
    int64_t reported_rows;      /* already told in events */
    int64_t reported_us;
    struct sl_table_report *report;
    void (*note)(struct sl_flow *flow, enum sl_note level, const char *text);
    void (*ended)(struct sl_flow *flow); /* the job is over and the flow settled */
    void *owner;
};

static inline bool sl_flow_keyed(const struct sl_flow *flow)
{
    return flow->mode == SL_FLOW_LATEST || flow->mode == SL_FLOW_HISTORY;
}

/* Looks at the destination and creates nothing; what is there follows the source's names and the
 * wanted properties, unless it may only be looked at. On an error the flow is FAILED. */
SL_MUST_USE enum sl_code sl_flow_open(struct sl_flow *flow, bool look_only, struct sl_error *error);
/* What reads from the same namespace in this run, this flow included. */
struct sl_neighbours {
    size_t tables;
    int64_t rows; /* of all of them, as of the last run; -1: unknown */
};

/* Makes the table if it is missing, and gives the job to the loop. */
SL_MUST_USE enum sl_code sl_flow_start(struct sl_flow *flow, struct sl_loop *loop,
                                       struct sl_neighbours neighbours, struct sl_error *error);
/* Sets the report to FAILED (or STOPPED for SL_CANCELLED). */
void sl_flow_fail(struct sl_flow *flow, const struct sl_error *error);
void sl_flow_release(struct sl_flow *flow); /* safe on {0}, safe twice */
void sl_flow_say(struct sl_flow *flow, enum sl_note level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* What the files of a flow share: flow_open.c begins it, flow.c takes its rows, flow_settle.c ends
 * the read, flow_commit.c makes the version, flow_state.c reads and writes the domain. */
extern const struct sl_sink sl_flow_sink;
/* What the table says now; state is released first. */
SL_MUST_USE enum sl_code sl_flow_state_read(const struct sl_flow *flow, struct sl_flow_state *state,
                                            struct sl_error *error);
void sl_flow_state_release(struct sl_flow_state *state); /* safe on {0} */
/* The error for a table that is there and says nothing of this flow. */
enum sl_code sl_flow_not_ours(const struct sl_flow *flow, struct sl_error *error);
/* Did others change rows since our last commit? Sets foreign and why_full, and says so. */
SL_MUST_USE enum sl_code sl_flow_look_for_foreigners(struct sl_flow *flow, struct sl_error *error);
/* The domain's text for `state`, whose `commits` and `version` are those of the commit it goes
 * into. sl_free() it. NULL: no memory. */
char *sl_flow_state_text(const struct sl_flow *flow, const struct sl_flow_state *state,
                         int64_t now_us);
/* The schema that rows are decoded by, after the table followed it (flow_schema.c). wants_full: it
 * has columns whose values older rows lack. */
SL_MUST_USE enum sl_code sl_flow_follow_schema(struct sl_flow *flow, bool look_only,
                                               bool *wants_full, struct sl_error *error);
/* Is everything to be read, and why? After the state and the schema are known. */
void sl_flow_decide(struct sl_flow *flow, bool schema_wants_full);
/* How often everything is to be read at least, or SL_RECONCILE_NEVER: as configured, else as the
 * connector says, else daily where the source cannot tell deletes. */
int64_t sl_flow_reconcile_us(const struct sl_flow *flow);

/* What waits in the batch goes into the stage. */
SL_MUST_USE enum sl_code sl_flow_flush(struct sl_flow *flow, struct sl_error *error);
/* Do rows die in place? Else the files that hold them are written again. */
bool sl_flow_vectors(const struct sl_flow *flow);
/* A stage and, for keyed tables, the notes of changes, both empty. */
SL_MUST_USE enum sl_code sl_flow_restage(struct sl_flow *flow, struct sl_error *error);
/* The read is over (flow_settle.c). SL_MORE: rows that seem to be gone are read again by key, and
 * it is called again when that job is over. */
SL_MUST_USE enum sl_code sl_flow_settle(struct sl_flow *flow, const char *cursor,
                                        const char *complete, struct sl_error *error);
/* A first load commits what is final so far, if it is time (always: force). */
SL_MUST_USE enum sl_code sl_flow_save(struct sl_flow *flow, bool force, struct sl_error *error);

/* One version: files, rows that go, txn, domains. next: what the domain says from then on (commits
 * and version are filled in). SL_CONFLICT: the table moved on and its rows may have changed: the
 * handle is at the newest snapshot, plan the commit again. */
struct sl_applied;
SL_MUST_USE enum sl_code sl_flow_commit(struct sl_flow *flow, const struct sl_applied *what,
                                        bool remove_all, struct sl_flow_state *next,
                                        struct sl_error *error);
/* The catalog's entry of the table, as it is now. */
SL_MUST_USE enum sl_code sl_flow_register(struct sl_flow *flow, struct sl_error *error);

/* identity.c: a name-based UUID of connector, account and table, the same on every machine. */
void sl_flow_id(const char *connector, const char *account, const char *table,
                char out[SL_FLOW_ID_MAX]);

/* rejects.c: rows of <destination>__rejected, a table that is made when the first are committed.
 * They are dropped and released with the unit they are of; report->rejected counts those that
 * stand. raw, reason: what is not UTF-8 in them becomes U+FFFD.
 *
 * SL_BAD_DATA  too many of them
 * SL_EXISTS    the table that is there is not for rejected rows of this flow */
SL_MUST_USE enum sl_code sl_rejects_add(struct sl_flow *flow, uint64_t unit, const char *raw,
                                        size_t len, const char *reason, struct sl_error *error);
SL_MUST_USE enum sl_code sl_rejects_drop(struct sl_flow *flow, uint64_t unit,
                                         struct sl_error *error);
SL_MUST_USE enum sl_code sl_rejects_release(struct sl_flow *flow, uint64_t unit,
                                            struct sl_error *error);
/* Before each of the table's own commits: those since the last one. */
SL_MUST_USE enum sl_code sl_rejects_commit(struct sl_flow *flow, struct sl_error *error);
void sl_rejects_free(struct sl_rejects *rejects);

#endif
