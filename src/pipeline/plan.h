/*
 * plan.h: the objects of a specification become flows. Private to src/pipeline.
 *
 * The destination is looked at before names are resolved: an existing table remembers the id of
 * its source table, and what the specification called it when it last landed. While the
 * specification says the same, the id wins over the name: a table that was renamed in the source
 * keeps landing where it did.
 */
#ifndef SL_PLAN_H
#define SL_PLAN_H

#include "pipeline/flow.h"

struct sl_resolved {
    struct sl_flow *flows; /* one per destination table, those that failed included */
    size_t count, cap;
    struct sl_report *report; /* tables[i] belongs to flows[i] */
    struct sl_defs *defs;     /* what the tables look like, until their turn comes */
    struct sl_arena arena;
};

/*
 * Runs the discovery over the loop and resolves every object. Flows that cannot run (no such
 * table, a destination that is not ours) are there with state FAILED; the result is an error only
 * when nothing can be planned at all. note: for what the user should know.
 */
SL_MUST_USE enum sl_code sl_resolve(const struct sl_run_options *options, struct sl_loop *loop,
                                    void (*note)(void *ctx, enum sl_note level, const char *text),
                                    void *ctx, struct sl_resolved **out, struct sl_error *error);
void sl_resolved_free(struct sl_resolved *resolved); /* not the report */

/* source.c: a loop over a source, with its budgets. */
SL_MUST_USE enum sl_code sl_source_loop(const struct sl_source *source, struct sl_loop **out,
                                        struct sl_error *error);

/* ... for somebody who waits. */
SL_MUST_USE enum sl_code sl_look_loop(const struct sl_source *source, struct sl_loop **out,
                                      struct sl_error *error);
/* What was written, appended to out. */
SL_MUST_USE enum sl_code sl_writer_out(struct sl_json_writer *w, struct sl_buf *out,
                                       struct sl_error *error);

/* source.c: one discovery of a namespace (NULL: of all). What is found is lent for the call; members
 * that are NULL are not told. */
struct sl_discovery {
    enum sl_code (*table)(void *ctx, const struct sl_table_def *def, struct sl_error *error);
    enum sl_code (*namespace_)(void *ctx, const char *name, const char *id, const char *comment,
                               struct sl_error *error);
    void (*note)(void *ctx, enum sl_note level, const char *text);
    void *ctx;
};
SL_MUST_USE enum sl_code sl_discover(struct sl_loop *loop, const struct sl_source *source,
                                     const char *namespace_, const char *table_options,
                                     const struct sl_discovery *to, struct sl_error *error);

#endif
