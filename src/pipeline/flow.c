/* flow.c: one destination table: rows as they come, and the end of the read. */
#include "pipeline/flow.h"

#include <string.h>

#include "base/alloc.h"
#include "base/point.h"
#include "json/doc.h"

#define COLLAPSE_ROWS_MIN 100 /* smaller tables may shrink as they like */

/* ---- rows ---- */

static enum sl_code flush(struct sl_flow *flow, struct sl_error *error)
{
    struct ArrowArray rows = {0};
    enum sl_code rc;

    if (sl_batch_rows(flow->batch) == 0) return SL_OK;
    rc = sl_batch_take(flow->batch, &rows, error);
    if (!rc) rc = sl_stage_append(flow->stage, flow->parts, flow->part_count, &rows, error);
    flow->part_count = 0;
    return rc;
}

static enum sl_code reject_row(struct sl_flow *flow, uint64_t unit, const struct sl_json *row,
                               const struct sl_error *why, struct sl_error *error)
{
    struct sl_json_writer *w = sl_json_writer_new();
    const char *text;
    size_t len = 0;
    enum sl_code rc;

    if (w) sl_json_put_value(w, row);
    text = w ? sl_json_writer_text(w, &len) : NULL;
    rc = text ? sl_rejects_add(flow, unit, text, len, why->message, error)
              : sl_fail(error, SL_NO_MEMORY, "no memory for a rejected row");
    sl_json_writer_free(w);
    return rc;
}

struct rows_args {
    uint64_t unit;
    const struct sl_doc *doc;
    const struct sl_constant *constants;
    size_t count;
    int64_t now_us;
    int64_t sequence; /* SL_NO_TIME: none */
};

static enum sl_code take_row(struct sl_flow *flow, const struct rows_args *args,
                             const struct sl_json *row, struct sl_error *error)
{
    enum sl_code rc = sl_batch_append(flow->batch, args->doc, row, args->constants, args->count,
                                      args->now_us, args->sequence, error);

    if (rc == SL_BAD_DATA) {
        struct sl_error why = *error;
        *error = (struct sl_error){0};
        return reject_row(flow, args->unit, row, &why, error);
    }
    if (rc) return rc;
    flow->report->rows_read++;
    if (flow->part_count == 0 || flow->parts[flow->part_count - 1].unit != args->unit)
        flow->parts[flow->part_count++] = (struct sl_stage_part){.unit = args->unit};
    flow->parts[flow->part_count - 1].rows++;
    if (flow->part_count == SL_FLOW_PARTS_MAX || sl_batch_rows(flow->batch) >= SL_FLOW_BATCH_ROWS ||
        sl_batch_bytes(flow->batch) >= SL_FLOW_BATCH_BYTES)
        return flush(flow, error);
    return SL_OK;
}

static enum sl_code on_rows(void *ctx, uint64_t unit, const struct sl_doc *doc, const char *table,
                            const struct sl_json *rows, const struct sl_constant *constants,
                            size_t count, struct sl_sequence sequence, int64_t observed_us,
                            struct sl_error *error)
{
    struct sl_flow *flow = ctx;
    struct rows_args args = {unit,
                             doc,
                             constants,
                             count,
                             sl_now_us(flow->run->source.world),
                             sequence.given ? sequence.value : SL_NO_TIME};
    enum sl_code rc = SL_OK;

    (void)observed_us; /* a replaced or appended table does not need it */
    if (strcmp(table, flow->def->name) != 0)
        return sl_fail(error, SL_BUG, "the read of '%s' emitted rows of '%s'", flow->def->name,
                       table);
    if (sl_json_kind(rows) != SL_JSON_ARRAY) return take_row(flow, &args, rows, error);
    for (struct sl_json_each e = sl_json_each(rows); !rc && sl_json_next(&e);)
        rc = take_row(flow, &args, e.value, error);
    SL_POINT("flow.page");
    return rc;
}

static enum sl_code on_reject(void *ctx, uint64_t unit, const char *table, const char *raw,
                              size_t len, const char *reason, struct sl_error *error)
{
    (void)table;
    return sl_rejects_add(ctx, unit, raw, len, reason, error);
}

static enum sl_code on_drop(void *ctx, uint64_t unit, struct sl_error *error)
{
    struct sl_flow *flow = ctx;
    int64_t rows = 0;
    enum sl_code rc = flush(flow, error); /* so that all of the unit's rows are staged */

    if (!rc) rc = sl_stage_drop(flow->stage, unit, &rows, error);
    flow->report->rows_read -= rows;
    if (flow->reported_rows > flow->report->rows_read) /* events tell no negative number */
        flow->reported_rows = flow->report->rows_read;
    return rc ? rc : sl_rejects_drop(flow, unit, error);
}

static enum sl_code on_release(void *ctx, uint64_t unit, struct sl_error *error)
{
    struct sl_flow *flow = ctx;
    enum sl_code rc = sl_rejects_release(flow, unit, error);

    for (size_t i = 0; i < flow->part_count; i++)
        if (flow->parts[i].unit == unit) flow->parts[i].unit = 0;
    return rc ? rc : sl_stage_release(flow->stage, unit, error);
}

static void on_expect(void *ctx, const char *table, int64_t rows)
{
    struct sl_flow *flow = ctx;

    (void)table;
    flow->report->rows_expected = rows;
}

static void on_note(void *ctx, enum sl_note level, const char *text)
{
    struct sl_flow *flow = ctx;

    if (flow->note) flow->note(flow, level, text);
}

/* ---- the end ---- */

static enum sl_code guard_collapse(const struct sl_flow *flow, int64_t rows, struct sl_error *error)
{
    bool empty = rows == 0 && flow->old_rows != 0;
    bool few = flow->old_rows > COLLAPSE_ROWS_MIN && rows * 2 <= flow->old_rows;
    bool is_new = flow->commits == 0;

    if (flow->append || flow->reset || is_new || (!empty && !few)) return SL_OK;
    if (flow->old_rows < 0) /* a file without statistics, by another writer */
        sl_fail(error, SL_SOURCE, "the source gave no rows: held back, nothing was changed");
    else
        sl_fail(
            error, SL_SOURCE,
            "the source gave %lld rows where the table has %lld: held back, nothing was changed",
            (long long)rows, (long long)flow->old_rows);
    sl_error_hint(error, "If the rows are really gone, run again with --full-refresh=%s.",
                  flow->name);
    return SL_SOURCE;
}

/* Did the read say that it was the whole of the table? */
static enum sl_code prove_whole(const char *complete, const char *table, struct sl_error *error)
{
    struct sl_doc *doc = sl_doc_new(0);
    const struct sl_json *root = NULL;
    bool whole = false;
    enum sl_code rc = doc ? sl_doc_parse_copy(doc, complete, strlen(complete), &root, error)
                          : sl_fail(error, SL_NO_MEMORY, "no memory for the end of a read");

    for (struct sl_json_each e = sl_json_each(root); sl_json_next(&e);)
        whole |= sl_json_eq(sl_json_get(e.value, "table"), table) &&
                 sl_json_len(sl_json_get(e.value, "scope")) == 0;
    sl_doc_free(doc);
    if (!rc && !whole)
        rc = sl_fail(error, SL_SOURCE,
                     "the read ended without proof that it was complete: nothing was changed");
    return rc;
}

static enum sl_code settle(struct sl_flow *flow, const char *cursor, const char *complete,
                           struct sl_error *error)
{
    struct sl_staged staged;
    enum sl_code rc = flush(flow, error);

    if (rc) return rc;
    flow->report->state = SL_TABLE_COMMITTING;
    SL_POINT("flow.read");
    if (!flow->append) rc = prove_whole(complete, flow->def->name, error);
    if (!rc) rc = sl_stage_finish(flow->stage, &staged, error);
    if (rc) return rc;
    SL_POINT("flow.staged");
    flow->report->duplicates = staged.duplicates;
    rc = guard_collapse(flow, staged.rows, error);
    if (!rc) rc = sl_rejects_commit(flow, error);
    if (rc) return rc;
    bool same_cursor = flow->old_cursor && strcmp(flow->old_cursor, cursor) == 0;
    if (!sl_flow_replaces(flow) && staged.rows == 0 && same_cursor && !flow->add_columns)
        flow->report->rows_landed = 0; /* nothing new: no commit */
    else
        rc = sl_flow_commit(flow, &staged, cursor, error);
    if (!rc) rc = sl_flow_register(flow, error);
    return rc;
}

void sl_flow_fail(struct sl_flow *flow, const struct sl_error *error)
{
    flow->report->error = *error;
    flow->report->state = error->code == SL_CANCELLED ? SL_TABLE_STOPPED : SL_TABLE_FAILED;
}

static void add_rescue(void *ctx, const char *field, enum sl_rescue reason, int64_t n)
{
    struct sl_json_writer *w = ctx;

    sl_json_begin_object(w);
    sl_json_kv_str(w, "field", field);
    sl_json_kv_str(w, "reason", sl_rescue_text(reason));
    sl_json_kv_i64(w, "cells", n);
    sl_json_end_object(w);
}

static void report_rescues(struct sl_flow *flow)
{
    const struct sl_batch_counts *counts = sl_batch_counts(flow->batch);
    struct sl_json_writer *w;

    flow->report->rescued = 0;
    for (int i = 0; i < SL_RESCUE_COUNT; i++) flow->report->rescued += counts->rescued[i];
    if (flow->report->rescued == 0 || !(w = sl_json_writer_new())) return;
    sl_json_begin_array(w);
    sl_batch_rescues(flow->batch, add_rescue, w);
    sl_json_end_array(w);
    const char *text = sl_json_writer_text(w, NULL);
    sl_free((void *)(uintptr_t)flow->report->rescues_json);
    flow->report->rescues_json = text ? sl_strdup(text) : NULL;
    sl_json_writer_free(w);
}

static void on_end(void *ctx, enum sl_code code, const char *cursor, const char *complete,
                   const struct sl_error *why)
{
    struct sl_flow *flow = ctx;
    struct sl_error error = {0};

    if (code != SL_DONE) {
        sl_flow_fail(flow, why);
    } else if (settle(flow, cursor, complete, &error)) {
        sl_flow_fail(flow, &error);
    } else {
        flow->report->state = SL_TABLE_COMPLETED;
    }
    report_rescues(flow);
    flow->report->ended_us = sl_now_us(flow->run->source.world);
    if (flow->ended) flow->ended(flow);
}

const struct sl_sink sl_flow_sink = {
    .rows = on_rows,
    .reject = on_reject,
    .drop = on_drop,
    .release = on_release,
    .expect = on_expect,
    .note = on_note,
    .end = on_end,
};

void sl_flow_release(struct sl_flow *flow)
{
    sl_stage_free(flow->stage);
    sl_batch_free(flow->batch);
    sl_schema_free(flow->schema);
    sl_delta_table_free(flow->table);
    sl_rejects_free(flow->rejects);
    sl_free(flow->add_columns);
    sl_free(flow->old_cursor);
    flow->stage = NULL;
    flow->batch = NULL;
    flow->schema = NULL;
    flow->table = NULL;
    flow->rejects = NULL;
    flow->add_columns = flow->old_cursor = NULL;
}
