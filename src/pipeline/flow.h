/*
 * flow.h: one destination table in one run. Private to src/pipeline.
 *
 *   sl_flow_open     where it lands, what is there already, how its columns are called
 *   sl_flow_start    the table exists; a job of the task loop feeds it
 *   (sink)           rows -> batch -> stage
 *   sl_flow_commit   files + txn + cursor become one version
 *
 * (1) Nothing is visible before sl_flow_commit, and then everything is.
 * (2) The cursor is written nowhere but in that commit.
 * (3) report->version >= 0 exactly when this run committed.
 */
#ifndef SL_FLOW_H
#define SL_FLOW_H

#include "base/arena.h"
#include "pipeline/run.h"
#include "pipeline/stage.h"
#include "pipeline/tasks.h"
#include "table/batch.h"

#define SL_FLOW_PARTS_MAX 512
#define SL_FLOW_BATCH_BYTES ((size_t)1 << 20)
#define SL_FLOW_BATCH_ROWS 4096

struct sl_rejects;

struct sl_flow {
    /* what the plan says; everything lives in the plan's arena */
    const struct sl_object *object;
    const struct sl_table_def *def;
    const char *catalog_name, *schema_name, *name; /* destination */
    const char *location;
    const char *id;     /* flow id, a UUID */
    const char *domain; /* "sluice.cursor.<id>" */
    bool append;        /* APPEND_ONLY; else the content is replaced */
    bool reset;         /* full refresh */

    /* the run */
    const struct sl_run_options *run;
    const struct sl_connector *connector;
    struct sl_stages *stages;
    struct sl_delta_table *table;
    struct sl_schema *schema;
    struct sl_batch *batch;
    struct sl_stage *stage;
    struct sl_stage_part parts[SL_FLOW_PARTS_MAX];
    size_t part_count;
    struct sl_rejects *rejects; /* NULL until the first */
    char *add_columns;          /* JSON array of new columns, or NULL */
    char *old_cursor;           /* JSON, or NULL */
    int64_t commits;            /* of this flow so far, from the domain */
    int64_t old_rows;           /* in the table before this run; -1: unknown */
    struct sl_job *job;
    int64_t reported_rows; /* already told in events */
    int64_t reported_us;
    struct sl_table_report *report;
    void (*note)(struct sl_flow *flow, enum sl_note level, const char *text);
    void (*ended)(struct sl_flow *flow); /* the job is over and the flow settled */
    void *owner;
};

/* Looks at the destination (creates nothing). On an error the flow is FAILED. */
SL_MUST_USE enum sl_code sl_flow_open(struct sl_flow *flow, struct sl_error *error);
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

/* What the files of a flow share: flow_open.c begins it, flow.c takes its rows and ends it,
 * flow_commit.c makes the version. */
extern const struct sl_sink sl_flow_sink;
/* What the flow's own domain in its table says; *root is NULL when it is not there. *doc is to be
 * freed whatever the result. */
SL_MUST_USE enum sl_code sl_flow_domain(const struct sl_flow *flow, struct sl_doc **doc,
                                        const struct sl_json **root, struct sl_error *error);
/* Does this run's commit take the place of all that is there? */
bool sl_flow_replaces(const struct sl_flow *flow);
SL_MUST_USE enum sl_code sl_flow_commit(struct sl_flow *flow, const struct sl_staged *staged,
                                        const char *cursor, struct sl_error *error);
/* The catalog's entry of the table, as it is now. */
SL_MUST_USE enum sl_code sl_flow_register(struct sl_flow *flow, struct sl_error *error);

/* identity.c: a name-based UUID of connector, account and table, the same on every machine. */
#define SL_FLOW_ID_MAX 37
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
/* Once, before the table's own commit. */
SL_MUST_USE enum sl_code sl_rejects_commit(struct sl_flow *flow, struct sl_error *error);
void sl_rejects_free(struct sl_rejects *rejects);

#endif
