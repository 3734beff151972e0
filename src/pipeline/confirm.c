#include "pipeline/confirm.h"

#include <string.h>

#include <nanoarrow/nanoarrow.h>

#include "base/alloc.h"
#include "base/point.h"
#include "table/show.h"

struct sl_confirm {
    char *cursor, *complete; /* of the read that missed the rows */
};

void sl_confirm_free(struct sl_confirm *confirm)
{
    if (!confirm) return;
    sl_free(confirm->cursor);
    sl_free(confirm->complete);
    sl_free(confirm);
}

/* ---- the keys, as the connector names them ---- */

struct keys {
    const struct sl_flow *flow;
    struct sl_json_writer *json;
    int64_t count;
};

#define POSITIONS 2 /* columns that sl_delta_read() puts before those asked for */

static enum sl_code put_key(struct keys *k, const struct ArrowSchema *schema,
                            const struct ArrowArrayView *view, int64_t row, struct sl_error *error)
{
    const struct sl_schema *columns = k->flow->schema;
    enum sl_code rc = SL_OK;

    sl_json_begin_object(k->json);
    for (size_t i = 0; !rc && i < columns->key_count; i++) {
        sl_json_key(k->json, columns->columns[columns->keys[i]].source->name);
        rc = sl_show_json(k->json, schema->children[POSITIONS + i], view->children[POSITIONS + i],
                          row, error);
    }
    sl_json_end_object(k->json);
    return rc;
}

static enum sl_code put_batch(struct keys *k, const struct ArrowSchema *schema,
                              const struct ArrowArray *batch, struct sl_error *error)
{
    struct ArrowArrayView view;
    enum sl_code rc = SL_OK;

    k->count += batch->length;
    if (k->count > SL_CONFIRM_KEYS_MAX) {
        sl_fail(error, SL_SOURCE,
                "more than %d rows of the table are missing in the source: held back, nothing was "
                "changed",
                SL_CONFIRM_KEYS_MAX);
        sl_error_hint(error, "If they are really gone, run again with --full-refresh=%s.",
                      k->flow->name);
        return SL_SOURCE;
    }
    ArrowArrayViewInitFromType(&view, NANOARROW_TYPE_UNINITIALIZED);
    if (ArrowArrayViewInitFromSchema(&view, schema, NULL) != NANOARROW_OK ||
        ArrowArrayViewSetArray(&view, batch, NULL) != NANOARROW_OK)
        rc = sl_fail(error, SL_BUG, "the keys of missing rows cannot be read");
    for (int64_t row = 0; !rc && row < batch->length; row++)
        rc = put_key(k, schema, &view, row, error);
    ArrowArrayViewReset(&view);
    return rc;
}

static enum sl_code put_stream(struct keys *k, struct ArrowArrayStream *stream,
                               struct sl_error *error)
{
    struct ArrowSchema schema = {0};
    enum sl_code rc = SL_OK;

    if (stream->get_schema(stream, &schema))
        rc = sl_fail(error, SL_DESTINATION, "the keys of missing rows: %s",
                     stream->get_last_error(stream));
    while (!rc) {
        struct ArrowArray batch = {0};
        if (stream->get_next(stream, &batch)) {
            rc = sl_fail(error, SL_DESTINATION, "the keys of missing rows: %s",
                         stream->get_last_error(stream));
            break;
        }
        if (!batch.release) break;
        rc = put_batch(k, &schema, &batch, error);
        batch.release(&batch);
    }
    if (schema.release) schema.release(&schema);
    return rc;
}

/* {"keys":[...]}: the task's input. */
static enum sl_code write_input(const struct sl_flow *flow, struct sl_json_writer *json,
                                struct sl_error *error)
{
    const char *names[SL_KEY_COLUMNS_MAX];
    const struct sl_delta_part *parts;
    struct ArrowArrayStream stream = {0};
    struct keys k = {.flow = flow, .json = json};
    size_t count;
    enum sl_code rc = sl_apply_absent(flow->apply, &parts, &count, error);

    if (rc) return rc;
    for (size_t i = 0; i < flow->schema->key_count; i++)
        names[i] = flow->schema->columns[flow->schema->keys[i]].name;
    rc = sl_delta_read(flow->table, parts, count, names, flow->schema->key_count, NULL, &stream,
                       error);
    if (rc) return rc;
    sl_json_begin_object(json);
    sl_json_key(json, "keys");
    sl_json_begin_array(json);
    rc = put_stream(&k, &stream, error);
    sl_json_end_array(json);
    sl_json_end_object(json);
    stream.release(&stream);
    return rc;
}

/* ---- the job ---- */

static void on_end(void *ctx, enum sl_code code, const char *cursor, const char *complete,
                   const struct sl_error *why)
{
    struct sl_flow *flow = ctx;

    (void)cursor, (void)complete; /* those of the read count */
    sl_flow_sink.end(flow, code, flow->confirm->cursor, flow->confirm->complete, why);
}

static enum sl_code add_job(struct sl_flow *flow, const char *input, struct sl_error *error)
{
    struct sl_sink sink = {
        .rows = sl_flow_sink.rows,
        .reject = sl_flow_sink.reject,
        .drop = sl_flow_sink.drop,
        .note = sl_flow_sink.note,
        .end = on_end,
    };
    struct sl_job_options options = {
        .kind = SL_JOB_READ,
        .table = flow->def->name,
        .namespace_ = flow->def->namespace_,
        .table_options = flow->object->config.options_json,
        .state = flow->def->state,
        .input = input,
        .full = true,
    };

    return sl_loop_add(flow->loop, &options, &sink, flow, &flow->confirm_job, error);
}

enum sl_code sl_confirm_start(struct sl_flow *flow, const char *cursor, const char *complete,
                              struct sl_error *error)
{
    struct sl_json_writer *json = sl_json_writer_new();
    struct sl_confirm *confirm = flow->confirm = sl_calloc(1, sizeof *confirm);
    const char *input;
    enum sl_code rc = SL_OK;

    if (!json || !confirm) rc = sl_fail(error, SL_NO_MEMORY, "no memory to look up missing rows");
    if (!rc) {
        confirm->cursor = sl_strdup(cursor);
        confirm->complete = sl_strdup(complete);
        if (!confirm->cursor || !confirm->complete)
            rc = sl_fail(error, SL_NO_MEMORY, "no memory to look up missing rows");
    }
    if (!rc) rc = write_input(flow, json, error);
    input = rc ? NULL : sl_json_writer_text(json, NULL);
    if (!rc && !input) rc = sl_fail(error, SL_NO_MEMORY, "no memory to look up missing rows");
    if (!rc) rc = add_job(flow, input, error);
    sl_json_writer_free(json);
    if (rc) return rc;
    SL_POINT("flow.confirm");
    flow->report->state = SL_TABLE_RUNNING;
    return SL_MORE;
}
