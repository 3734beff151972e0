/* source_read.c: the rows of one source table, decoded, without a destination. */
#include <string.h>

#include "base/arena.h"
#include "pipeline/plan.h"
#include "pipeline/run.h"
#include "pipeline/tasks.h"
#include "table/batch.h"

struct reading {
    const struct sl_read_options *options;
    const struct sl_source *source;
    struct sl_batch *batch;
    struct ArrowSchema schema;
    int64_t left; /* -1: all */
    bool enough;
    enum sl_code code;
    struct sl_error error;
};

static enum sl_code hand_over(struct reading *r, struct sl_error *error)
{
    struct ArrowArray rows = {0};
    enum sl_code rc;

    if (sl_batch_rows(r->batch) == 0) return SL_OK;
    rc = sl_batch_take(r->batch, &rows, error);
    return rc ? rc : r->options->batch(r->options->ctx, &r->schema, &rows, error);
}

static enum sl_code read_rows(void *ctx, uint64_t unit, const struct sl_doc *doc, const char *table,
                              const struct sl_json *rows, const struct sl_constant *constants,
                              size_t count, struct sl_sequence sequence, int64_t observed_us,
                              struct sl_error *error)
{
    struct reading *r = ctx;
    bool one = sl_json_kind(rows) != SL_JSON_ARRAY;
    struct sl_json_each e = sl_json_each(one ? NULL : rows);
    const struct sl_json *row = one ? rows : NULL;
    enum sl_code rc = SL_OK;

    (void)unit, (void)table;
    while (!rc && !r->enough && (row || (!one && sl_json_next(&e)))) {
        rc = sl_batch_append(r->batch, doc, row ? row : e.value, constants, count, observed_us,
                             sequence.given ? sequence.value : SL_NO_TIME, error);
        if (rc == SL_BAD_DATA)
            rc = SL_OK; /* a look shows what can be shown */
        else if (!rc && r->left > 0 && --r->left == 0)
            r->enough = true;
        row = NULL;
    }
    return rc ? rc : hand_over(r, error);
}

static void read_end(void *ctx, enum sl_code code, const char *cursor, const char *complete,
                     const struct sl_error *error)
{
    struct reading *r = ctx;

    (void)cursor, (void)complete;
    if (code == SL_DONE || (r->enough && code == SL_CANCELLED)) return;
    r->code = code;
    r->error = *error;
}

static bool read_stopping(void *ctx)
{
    const struct reading *r = ctx;

    return r->enough || (r->source->stopping && r->source->stopping(r->source->stopping_ctx));
}

/* ---- which table ---- */

struct choosing {
    const char *wanted;
    struct sl_arena *arena;
    const struct sl_table_def *def; /* the first of that name or id */
};

static enum sl_code choose(void *ctx, const struct sl_table_def *def, struct sl_error *error)
{
    struct choosing *choosing = ctx;
    const char *wanted = choosing->wanted;

    if (choosing->def ||
        (strcmp(def->name, wanted) != 0 && !(def->id && strcmp(def->id, wanted) == 0)))
        return SL_OK;
    choosing->def = sl_table_def_copy(def, choosing->arena);
    return choosing->def ? SL_OK : sl_fail(error, SL_NO_MEMORY, "no memory for a table");
}

static enum sl_code read_table(struct reading *r, struct sl_loop *loop,
                               const struct sl_table_def *def, struct sl_error *error)
{
    static const struct sl_sink sink = {.rows = read_rows, .end = read_end};
    struct sl_job_options options = {.kind = SL_JOB_READ,
                                     .table = def->name,
                                     .namespace_ = def->namespace_,
                                     .table_options = r->options->options_json,
                                     .state = def->state,
                                     .input = "{\"tables\":1,\"rows\":-1}",
                                     .full = true};
    struct sl_job *job;
    enum sl_code rc = sl_loop_add(loop, &options, &sink, r, &job, error);

    if (!rc) rc = sl_loop_run(loop, read_stopping, NULL, r, error);
    if (!rc && r->code) {
        *error = r->error;
        rc = r->code;
    }
    return rc;
}

enum sl_code sl_source_read(const struct sl_source *source, const struct sl_read_options *options,
                            struct sl_error *error)
{
    struct reading r = {.options = options, .source = source, .left = options->limit};
    struct sl_arena arena = {0};
    struct sl_schema_options names = {0};
    struct sl_schema *schema = NULL;
    struct sl_loop *loop = NULL;
    struct choosing choosing = {.wanted = options->table, .arena = &arena};
    struct sl_discovery to = {.table = choose, .ctx = &choosing};
    enum sl_code rc;

    if (options->limit == 0) return SL_OK;
    rc = sl_look_loop(source, &loop, error);
    if (!rc) rc = sl_discover(loop, source, options->namespace_, options->options_json, &to, error);
    if (!rc && !choosing.def)
        rc = sl_fail(error, SL_NOT_FOUND, "the source has no table '%s'", options->table);
    if (!rc) rc = sl_schema_new(choosing.def, &names, &schema, error);
    if (!rc)
        rc = sl_batch_new(schema, sl_connector_find(source->connection->source)->special, &r.batch,
                          error);
    if (!rc) rc = sl_batch_arrow_schema(r.batch, &r.schema, error);
    if (!rc) rc = read_table(&r, loop, choosing.def, error);
    sl_loop_free(loop);
    if (r.schema.release) r.schema.release(&r.schema);
    sl_batch_free(r.batch);
    sl_schema_free(schema);
    sl_arena_release(&arena);
    return rc;
}
