/* source.c: looking at a source without landing anything: check, discover, read. */
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "pipeline/plan.h"
#include "pipeline/run.h"
#include "pipeline/tasks.h"
#include "table/batch.h"

static const char *const ingestions[] = {"snapshot", "append", "cdc", "cdc_with_deletes"};

/* What one look collects. */
struct look {
    struct sl_arena *arena;
    const struct sl_table_def **defs;
    size_t count, cap;
    struct sl_json_writer *w; /* check, namespaces */
    bool bad;
    void (*note)(void *ctx, enum sl_note level, const char *text);
    void *note_ctx;
    enum sl_code code;
    struct sl_error error;
};

static void look_end(void *ctx, enum sl_code code, const char *cursor, const char *complete,
                     const struct sl_error *error)
{
    struct look *look = ctx;

    (void)cursor, (void)complete;
    look->code = code == SL_DONE ? SL_OK : code;
    if (look->code) look->error = *error;
}

static void look_note(void *ctx, enum sl_note level, const char *text)
{
    struct look *look = ctx;

    if (look->note) look->note(look->note_ctx, level, text);
}

static enum sl_code look_table(void *ctx, const struct sl_table_def *table, struct sl_error *error)
{
    struct look *look = ctx;
    const struct sl_table_def *copy = sl_table_def_copy(table, look->arena);

    if (look->count == look->cap) {
        size_t cap = look->cap ? look->cap * 2 : 64;
        void *defs = SL_ARENA_ARRAY(look->arena, const struct sl_table_def *, cap);
        if (!defs) return sl_fail(error, SL_NO_MEMORY, "no memory for the tables of the source");
        if (look->count) memcpy(defs, look->defs, look->count * sizeof *look->defs);
        look->defs = defs;
        look->cap = cap;
    }
    if (!copy) return sl_fail(error, SL_NO_MEMORY, "no memory for the tables of the source");
    look->defs[look->count++] = copy;
    return SL_OK;
}

static enum sl_code look_namespace(void *ctx, const char *name, const char *id, const char *comment,
                                   struct sl_error *error)
{
    struct look *look = ctx;

    (void)error;
    if (!look->w) return SL_OK;
    sl_json_begin_object(look->w);
    sl_json_kv_str(look->w, "name", name);
    sl_json_kv_str(look->w, "id", id);
    sl_json_kv_str(look->w, "comment", comment);
    sl_json_end_object(look->w);
    return SL_OK;
}

static enum sl_code look_check(void *ctx, const char *subject, bool good, const char *message,
                               const char *hint, struct sl_error *error)
{
    struct look *look = ctx;

    (void)error;
    sl_json_begin_object(look->w);
    sl_json_kv_str(look->w, "subject", subject);
    sl_json_kv_bool(look->w, "good", good);
    sl_json_kv_str(look->w, "message", message);
    sl_json_kv_str(look->w, "hint", hint);
    sl_json_end_object(look->w);
    if (!good) look->bad = true;
    return SL_OK;
}

#define SLOW_US INT64_C(2000000) /* from then on somebody who waits is told why */

/* What a look asks and tells while it runs. */
struct waiting {
    const struct sl_source *source;
    const struct sl_loop *loop;
    int64_t since_us;
    bool told;
};

static bool look_stopping(void *ctx)
{
    const struct sl_source *source = ((const struct waiting *)ctx)->source;

    return source->stopping && source->stopping(source->stopping_ctx);
}

static void look_tick(void *ctx)
{
    struct waiting *waiting = ctx;
    const struct sl_source *source = waiting->source;
    int64_t now_us = source->world->ops->monotonic_us(source->world);

    if (waiting->told || !source->slow || now_us - waiting->since_us < SLOW_US) return;
    const char *trouble = sl_loop_trouble(waiting->loop);
    source->slow(source->slow_ctx, trouble[0] ? trouble : "no answer yet");
    waiting->told = true;
}

static enum sl_code run_look(struct sl_loop *loop, const struct sl_source *source,
                             enum sl_job_kind kind, const char *namespace_,
                             const char *table_options, const struct sl_sink *sink,
                             struct look *look, struct sl_error *error)
{
    struct sl_job_options options = {.kind = kind,
                                     .namespace_ = namespace_,
                                     .table_options = table_options};
    struct waiting waiting = {.source = source,
                              .loop = loop,
                              .since_us = source->world->ops->monotonic_us(source->world)};
    struct sl_job *job;
    enum sl_code rc = sl_loop_add(loop, &options, sink, look, &job, error);

    if (!rc) rc = sl_loop_run(loop, look_stopping, look_tick, &waiting, error);
    if (!rc && look->code) {
        *error = look->error;
        rc = look->code;
    }
    return rc;
}

enum sl_code sl_source_loop(const struct sl_source *source, struct sl_loop **out,
                            struct sl_error *error)
{
    enum sl_code rc = sl_loop_new(source->connection, source->world, out, error);

    if (!rc) sl_loop_share_budgets(*out, source->budgets);
    return rc;
}

/* A loop for somebody who waits. */
static enum sl_code look_loop(const struct sl_source *source, struct sl_loop **out,
                              struct sl_error *error)
{
    enum sl_code rc = sl_source_loop(source, out, error);

    if (!rc) sl_loop_hurry(*out);
    return rc;
}

enum sl_code sl_discover_defs(struct sl_loop *loop, const struct sl_source *source,
                              const char *namespace_, const char *table_options,
                              struct sl_arena *arena, const struct sl_table_def ***defs,
                              size_t *count, void (*note)(void *, enum sl_note, const char *),
                              void *ctx, struct sl_error *error)
{
    static const struct sl_sink sink = {.table = look_table, .note = look_note, .end = look_end};
    struct look look = {.arena = arena, .note = note, .note_ctx = ctx};
    enum sl_code rc =
        run_look(loop, source, SL_JOB_DISCOVER, namespace_, table_options, &sink, &look, error);

    *defs = look.defs;
    *count = look.count;
    return rc;
}

/* ---- check ---- */

static enum sl_code writer_out(struct sl_json_writer *w, struct sl_buf *out, struct sl_error *error)
{
    size_t len;
    const char *text = sl_json_writer_text(w, &len);

    if (!text) return sl_fail(error, SL_NO_MEMORY, "no memory for the answer");
    sl_buf_add(out, text, len);
    return sl_buf_failed(out) ? sl_fail(error, SL_NO_MEMORY, "no memory for the answer") : SL_OK;
}

/* Whether tokens are to be had is found out on the way. */
static void check_access(struct look *look, const struct sl_loop *loop,
                         const struct sl_connection *connection)
{
    struct sl_error why, ignored;

    if (!sl_loop_access(loop, &why)) return;
    (void)!look_check(look, "OAuth grant", !why.code,
                      why.code             ? why.message
                      : connection->grants ? "access tokens are given, and kept"
                                           : "access tokens are given",
                      why.code ? why.hint : NULL, &ignored);
}

enum sl_code sl_source_check(const struct sl_source *source, struct sl_buf *out,
                             struct sl_error *error)
{
    static const struct sl_sink sink = {.check = look_check,
                                        .namespace_ = look_namespace,
                                        .end = look_end};
    struct look look = {.w = sl_json_writer_new()};
    struct sl_loop *loop = NULL;
    enum sl_code rc;

    if (!look.w) return sl_fail(error, SL_NO_MEMORY, "no memory for a check");
    sl_json_begin_array(look.w);
    rc = look_loop(source, &loop, error);
    if (!rc) rc = run_look(loop, source, SL_JOB_CHECK, NULL, NULL, &sink, &look, error);
    if (loop) check_access(&look, loop, source->connection);
    sl_json_end_array(look.w);
    enum sl_code written = writer_out(look.w, out, rc ? &(struct sl_error){0} : error);
    if (!rc) rc = written;
    if (!rc && look.bad)
        rc = sl_fail(error, SL_PERMISSION, "the connection '%s' cannot do everything it needs to",
                     source->connection->name);
    sl_loop_free(loop);
    sl_json_writer_free(look.w);
    return rc;
}

/* ---- discover ---- */

/* Where in a row's JSON the value of a column is, and how it is read. */
static void put_origin(struct sl_json_writer *w, const struct sl_column *column)
{
    static const char *const decodes[] = {
        [SL_DECODE_AUTO] = NULL,
        [SL_DECODE_JSON] = "json",
        [SL_DECODE_SECONDS] = "seconds",
        [SL_DECODE_MILLIS] = "millis",
        [SL_DECODE_ONE_OR_ARRAY] = "one_or_array",
        [SL_DECODE_REST] = "rest",
        [SL_DECODE_TEXT] = "text",
    };

    if (column->constant) {
        sl_json_kv_bool(w, "constant", true);
        return;
    }
    sl_json_key(w, "path");
    sl_json_begin_array(w);
    if (!column->path[0]) sl_json_put_str(w, column->name);
    for (size_t i = 0; i < SL_PATH_MAX && column->path[i]; i++) sl_json_put_str(w, column->path[i]);
    sl_json_end_array(w);
    if (decodes[column->decode]) sl_json_kv_str(w, "decode", decodes[column->decode]);
    if (column->fleeting) sl_json_kv_bool(w, "fleeting", true);
}

static void put_def(struct sl_json_writer *w, const struct sl_table_def *def,
                    const struct sl_schema *schema)
{
    struct sl_buf type = {0};

    sl_json_begin_object(w);
    sl_json_kv_str(w, "name", def->name);
    sl_json_kv_str(w, "namespace", def->namespace_);
    sl_json_kv_str(w, "id", def->id);
    sl_json_kv_str(w, "comment", def->comment);
    sl_json_kv_str(w, "ingestion", ingestions[def->ingestion]);
    sl_json_kv_str(w, "cursor", def->cursor);
    if (def->excluded) sl_json_kv_str(w, "excluded", def->excluded);
    if (def->reconcile_us > 0)
        sl_json_kv_i64(w, "complete_read_every_s", def->reconcile_us / SL_SECOND_US);
    sl_json_key(w, "primary_key");
    sl_json_begin_array(w);
    for (const char *const *key = def->primary_key; key && *key; key++) sl_json_put_str(w, *key);
    sl_json_end_array(w);
    sl_json_key(w, "columns");
    sl_json_begin_array(w);
    for (size_t i = 0; i < schema->count; i++) {
        const struct sl_column *column = schema->columns[i].source;
        if (!column) continue;
        sl_buf_reset(&type);
        sl_type_sql(&column->type, &type);
        sl_json_begin_object(w);
        sl_json_kv_str(w, "name", column->name);
        sl_json_kv_str(w, "id", column->id);
        sl_json_kv_str(w, "type", sl_buf_str(&type));
        sl_json_kv_str(w, "source_type", column->source_type);
        sl_json_kv_str(w, "destination_name", schema->columns[i].name);
        put_origin(w, column);
        sl_json_kv_str(w, "comment", column->comment);
        sl_json_end_object(w);
    }
    sl_json_end_array(w);
    sl_json_end_object(w);
    sl_buf_release(&type);
}

enum sl_code sl_source_discover(const struct sl_source *source, const char *table,
                                struct sl_buf *out, struct sl_error *error)
{
    static const struct sl_sink sink = {.table = look_table,
                                        .namespace_ = look_namespace,
                                        .end = look_end};
    struct sl_arena arena = {0};
    struct look look = {.arena = &arena, .w = sl_json_writer_new()};
    struct sl_loop *loop = NULL;
    size_t found = 0;
    enum sl_code rc;

    if (!look.w) return sl_fail(error, SL_NO_MEMORY, "no memory for a discovery");
    sl_json_begin_object(look.w);
    sl_json_key(look.w, "namespaces");
    sl_json_begin_array(look.w);
    rc = look_loop(source, &loop, error);
    if (!rc) rc = run_look(loop, source, SL_JOB_DISCOVER, NULL, NULL, &sink, &look, error);
    sl_json_end_array(look.w);
    sl_json_key(look.w, "tables");
    sl_json_begin_array(look.w);
    for (size_t i = 0; i < look.count && !rc; i++) {
        const struct sl_table_def *def = look.defs[i];
        struct sl_schema *schema = NULL;
        struct sl_schema_options options = {0};
        if (table && strcmp(def->name, table) != 0 && !(def->id && strcmp(def->id, table) == 0))
            continue;
        found++;
        rc = sl_schema_new(def, &options, &schema, error);
        if (!rc) put_def(look.w, def, schema);
        sl_schema_free(schema);
    }
    sl_json_end_array(look.w);
    sl_json_end_object(look.w);
    if (!rc && table && !found)
        rc = sl_fail(error, SL_NOT_FOUND, "the source has no table '%s'", table);
    if (!rc) rc = writer_out(look.w, out, error);
    sl_loop_free(loop);
    sl_json_writer_free(look.w);
    sl_arena_release(&arena);
    return rc;
}

/* ---- read ---- */

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

static const struct sl_table_def *def_named(const struct sl_table_def **defs, size_t count,
                                            const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(defs[i]->name, name) == 0 || (defs[i]->id && strcmp(defs[i]->id, name) == 0))
            return defs[i];
    return NULL;
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
    const struct sl_table_def **defs, *def = NULL;
    size_t count;
    enum sl_code rc;

    if (options->limit == 0) return SL_OK;
    rc = look_loop(source, &loop, error);
    if (!rc)
        rc = sl_discover_defs(loop, source, options->namespace_, options->options_json, &arena,
                              &defs, &count, NULL, NULL, error);
    if (!rc) {
        def = def_named(defs, count, options->table);
        if (!def) rc = sl_fail(error, SL_NOT_FOUND, "the source has no table '%s'", options->table);
    }
    if (!rc) rc = sl_schema_new(def, &names, &schema, error);
    if (!rc)
        rc = sl_batch_new(schema, sl_connector_find(source->connection->source)->special, &r.batch,
                          error);
    if (!rc) rc = sl_batch_arrow_schema(r.batch, &r.schema, error);
    if (!rc) rc = read_table(&r, loop, def, error);
    sl_loop_free(loop);
    if (r.schema.release) r.schema.release(&r.schema);
    sl_batch_free(r.batch);
    sl_schema_free(schema);
    sl_arena_release(&arena);
    return rc;
}
