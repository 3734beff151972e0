/*
 * apply_world.h: runs of changes against a real Delta table, in the notation of docs/changes.md:
 *
 *     U(k,s,v) upsert of key k at sequence s with the tracked value v; U(k,s,v,u) with an untracked
 *     D(k,s)   delete            X(k,s,v)  an upsert of a task that is dropped afterwards
 *
 * A value "-" is NULL. One text is one run, and one commit. What is in the table is read back with
 * sl_delta_scan and given as text: "k:v" or, with history, "k:v[start,end)", sorted; an untracked
 * value behind a slash.
 */
#ifndef APPLY_WORLD_H
#define APPLY_WORLD_H

#include "delta_world.h"

#include "base/buf.h"
#include "pipeline/apply.h"
#include "table/batch.h"

struct apply_world {
    struct world *base;
    /* how: to be set before the first run */
    bool history, sequenced, vectors, own_key, ignore_nulls, no_key;
    bool tracks_nothing;
    size_t memory_bytes, batch_rows;
    int64_t file_bytes, target_bytes, tombstones_us;
    /* what is */
    struct sl_schema *schema;
    struct sl_batch *batch;
    struct sl_stages *stages;
    struct ArrowSchema arrow;
    struct sl_delta_table *table; /* NULL before the first run */
    struct sl_buf aside;          /* the domain's value; empty: none */
    int64_t now_us, commits;
    bool committed;         /* the last run changed something */
    struct sl_applied last; /* its numbers: what it points to is gone */
    size_t last_whole;      /* files that went as a whole */
    int64_t absent_rows;    /* look_again: so many were asked for */
    struct sl_error error;
};

struct run_flags {
    int none; /* so that RUN() may have no flags */
    bool complete, replace,
        conflict;           /* conflict: somebody commits in between: the run is done again */
    const char *scopes;     /* JSON array of objects of column values */
    const char *look_again; /* what comes when absent rows are asked for once more */
    enum sl_code expect;
};

void apply_world_new(struct apply_world *w, struct world *base);
void apply_world_free(struct apply_world *w);
/* One run; fails the test unless it ends with flags.expect. */
void apply_run(struct apply_world *w, const char *changes, struct run_flags flags);
#define RUN(w, changes, ...) apply_run((w), (changes), (struct run_flags){.none = 0, __VA_ARGS__})
/* The changes as one batch (deletes: a byte each), for a test that stages them itself. */
void apply_batch(struct apply_world *w, const char *changes, unsigned char *deletes,
                 struct ArrowArray *out);
/* What the newest version holds. */
const char *apply_table(struct apply_world *w, struct sl_buf *out);
void assert_applied(struct apply_world *w, const char *expected);
/* Rows written by others, as they are, with no change of ours: "k:v" upserts of no sequence. */
void foreign_rows(struct apply_world *w, const char *changes);

#endif
