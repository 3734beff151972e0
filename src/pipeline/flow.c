/* flow.c: one destination table: rows as they come, and the end of the read. */
#include "pipeline/confirm.h"
#include "pipeline/flow.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/point.h"
#include "json/doc.h"
#include "json/write.h"

/* ---- rows ---- */

/* REPLACE: is it what the table holds already? Sums of row hashes say so, in whatever order the
 * rows come. The secret is the flow's own id: the sums of different runs must compare. */
static enum sl_code add_to_digest(struct sl_flow *flow, const struct ArrowSchema *schema,
                                  const struct ArrowArray *rows, struct sl_error *error)
{
    struct sl_hash_key secret = {{0}};
    size_t count = 0;
    struct sl_hashed_column *columns = sl_alloc(flow->schema->count * sizeof *columns);
    uint64_t *hashes = sl_alloc((size_t)rows->length * sizeof *hashes);
    enum sl_code rc = SL_OK;

    if (!columns || !hashes) rc = sl_fail(error, SL_NO_MEMORY, "no memory to compare rows");
    memcpy(secret.bytes, flow->id, sizeof secret.bytes);
    for (size_t i = 0; !rc && i < flow->schema->count; i++) {
        const struct sl_column *source = flow->schema->columns[i].source;
        if (i == flow->schema->ingested || (source && source->fleeting)) continue;
        columns[count++] = (struct sl_hashed_column){i, source ? &source->type : NULL};
    }
    if (!rc) rc = sl_hash_rows(&secret, schema, rows, columns, count, hashes, error);
    for (int64_t i = 0; !rc && i < rows->length; i++) flow->digest += hashes[i];
    sl_free(columns);
    sl_free(hashes);
    return rc;
}

static enum sl_code note_rows(struct sl_flow *flow, const struct ArrowArray *rows,
                              struct sl_error *error)
{
    struct ArrowSchema schema = {0};
    size_t file;
    int64_t row;
    enum sl_code rc;

    if (flow->mode == SL_FLOW_APPEND) return SL_OK;
    rc = sl_batch_arrow_schema(flow->batch, &schema, error);
    if (rc) return rc;
    sl_stage_position(flow->stage, &file, &row);
    rc = flow->mode == SL_FLOW_REPLACE
             ? add_to_digest(flow, &schema, rows, error)
             : sl_apply_add(flow->apply, &schema, rows,
                            flow->any_deletes ? flow->beside->deletes : NULL, file, row, error);
    schema.release(&schema);
    return rc;
}

enum sl_code sl_flow_flush(struct sl_flow *flow, struct sl_error *error)
{
    struct ArrowArray rows = {0};
    enum sl_code rc;

    if (sl_batch_rows(flow->batch) == 0) return SL_OK;
    rc = sl_batch_take(flow->batch, &rows, error);
    if (!rc) rc = note_rows(flow, &rows, error);
    if (!rc)
        rc = sl_stage_append(flow->stage, flow->beside->parts, flow->part_count, &rows, error);
    else if (rows.release)
        rows.release(&rows);
    flow->part_count = 0;
    flow->any_deletes = false;
    flow->broken |= rc != SL_OK;
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

/* The bound that history without a sequence of its own gets from this run: the source's time at the
 * first answer, but later than any bound that was given before. */
static int64_t observed(struct sl_flow *flow, int64_t observed_us)
{
    int64_t last_us = flow->state.observed_us;

    if (flow->observed_us == SL_NO_TIME)
        flow->observed_us =
            last_us != SL_NO_TIME && observed_us <= last_us ? last_us + 1 : observed_us;
    return flow->observed_us;
}

/* What goes into _sequence: the source's version of the row, or the time of this run. */
static enum sl_code choose_sequence(struct sl_flow *flow, struct sl_sequence sequence,
                                    int64_t observed_us, int64_t *out, struct sl_error *error)
{
    *out = SL_NO_TIME;
    if (flow->schema->own_sequence == SL_NO_COLUMN) return SL_OK;
    if (flow->def->sequence == SL_SEQUENCE_NONE) {
        *out = observed(flow, observed_us);
    } else {
        *out = sequence.value;
        if (!sequence.given)
            return sl_fail(error, SL_BUG, "a row or delete of '%s' came without its sequence",
                           flow->def->name);
    }
    return SL_OK;
}

struct rows_args {
    uint64_t unit;
    const struct sl_doc *doc;
    const struct sl_constant *constants;
    size_t count;
    int64_t now_us;
    int64_t sequence; /* SL_NO_TIME: none */
};

/* A row is in the batch: whose is it, and is the batch full? */
static enum sl_code count_row(struct sl_flow *flow, uint64_t unit, bool is_delete,
                              struct sl_error *error)
{
    int64_t row = sl_batch_rows(flow->batch) - 1;

    flow->beside->deletes[row] = is_delete;
    flow->any_deletes |= is_delete;
    flow->report->rows_read++;
    if (flow->part_count == 0 || flow->beside->parts[flow->part_count - 1].unit != unit)
        flow->beside->parts[flow->part_count++] = (struct sl_stage_part){.unit = unit};
    flow->beside->parts[flow->part_count - 1].rows++;
    if (flow->part_count == SL_FLOW_PARTS_MAX || row + 1 >= SL_FLOW_BATCH_ROWS ||
        sl_batch_bytes(flow->batch) >= SL_FLOW_BATCH_BYTES)
        return sl_flow_flush(flow, error);
    return SL_OK;
}

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
    return rc ? rc : count_row(flow, args->unit, false, error);
}

static enum sl_code check_table(const struct sl_flow *flow, const char *table,
                                struct sl_error *error)
{
    if (strcmp(table, flow->def->name) == 0) return SL_OK;
    return sl_fail(error, SL_BUG, "the read of '%s' emitted rows of '%s'", flow->def->name, table);
}

static enum sl_code on_rows(void *ctx, uint64_t unit, const struct sl_doc *doc, const char *table,
                            const struct sl_json *rows, const struct sl_constant *constants,
                            size_t count, struct sl_sequence sequence, int64_t observed_us,
                            struct sl_error *error)
{
    struct sl_flow *flow = ctx;
    struct rows_args args = {unit, doc, constants, count, sl_now_us(flow->run->source.world), 0};
    enum sl_code rc = check_table(flow, table, error);

    if (!rc) rc = choose_sequence(flow, sequence, observed_us, &args.sequence, error);
    if (rc) return rc;
    if (sl_json_kind(rows) != SL_JSON_ARRAY) return take_row(flow, &args, rows, error);
    for (struct sl_json_each e = sl_json_each(rows); !rc && sl_json_next(&e);)
        rc = take_row(flow, &args, e.value, error);
    SL_POINT("flow.page");
    return rc;
}

/* A delete of a table that is only appended to, or that is replaced as a whole, says nothing. */
static enum sl_code on_remove(void *ctx, uint64_t unit, const char *table,
                              const struct sl_json *key, struct sl_sequence sequence,
                              int64_t observed_us, struct sl_error *error)
{
    struct sl_flow *flow = ctx;
    int64_t now_us = sl_now_us(flow->run->source.world), own;
    enum sl_code rc = check_table(flow, table, error);

    if (rc || !sl_flow_keyed(flow)) return rc;
    rc = choose_sequence(flow, sequence, observed_us, &own, error);
    if (!rc) rc = sl_batch_append_delete(flow->batch, NULL, key, now_us, own, error);
    return rc ? rc : count_row(flow, unit, true, error);
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
    enum sl_code rc = sl_flow_flush(flow, error); /* so that all of the unit's rows are staged */

    if (!rc) rc = sl_stage_drop(flow->stage, unit, &rows, error);
    flow->broken |= rc != SL_OK;
    flow->dropped |= rows > 0 || flow->saved; /* or they are in a part that was committed */
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
        if (flow->beside->parts[i].unit == unit) flow->beside->parts[i].unit = 0;
    if (!rc) rc = sl_stage_release(flow->stage, unit, error);
    return rc ? rc : sl_flow_save(flow, false, error);
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
    sl_free((void *)(uintptr_t)flow->report->rescues_json);
    flow->report->rescues_json = sl_json_writer_take(w);
}

/* What a first load has so far is not lost because it could not go on (a cap, a quota, an outage):
 * the next run goes on from there. */
static void save_what_is_final(struct sl_flow *flow)
{
    struct sl_error error = {0};

    if (sl_flow_save(flow, true, &error))
        sl_flow_say(flow, SL_NOTE_WARNING, "what was read so far could not be kept: %s",
                    error.message);
}

static void on_lacks(void *ctx, size_t failed, size_t parts, const struct sl_error *why)
{
    struct sl_flow *flow = ctx;

    flow->report->parts_failed = (int64_t)failed;
    flow->report->parts = (int64_t)parts;
    flow->beside->lacks = *why;
}

static void on_end(void *ctx, enum sl_code code, const char *cursor, const char *complete,
                   const struct sl_error *why)
{
    struct sl_flow *flow = ctx;
    struct sl_error error = {0};
    enum sl_code rc;

    if (code != SL_DONE) {
        error = *why;
        rc = code;
        if (code != SL_FENCED) save_what_is_final(flow); /* others wrote: it is not ours to go on */
    } else {
        rc = sl_flow_settle(flow, cursor, complete, &error);
        if (rc == SL_MORE) return;
        if (!rc && flow->report->parts_failed > 0) {
            error = flow->beside->lacks;
            rc = error.code;
        }
    }
    if (rc)
        sl_flow_fail(flow, &error);
    else
        flow->report->state = SL_TABLE_COMPLETED;
    report_rescues(flow);
    flow->report->ended_us = sl_now_us(flow->run->source.world);
    if (flow->ended) flow->ended(flow);
}

const struct sl_sink sl_flow_sink = {
    .rows = on_rows,
    .remove = on_remove,
    .reject = on_reject,
    .drop = on_drop,
    .release = on_release,
    .expect = on_expect,
    .note = on_note,
    .lacks = on_lacks,
    .end = on_end,
};

void sl_flow_say(struct sl_flow *flow, enum sl_note level, const char *format, ...)
{
    char text[1024];
    va_list args;

    if (!flow->note) return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    flow->note(flow, level, text);
}

void sl_flow_release(struct sl_flow *flow)
{
    sl_confirm_free(flow->confirm);
    sl_apply_free(flow->apply);
    sl_stage_free(flow->stage);
    sl_batch_free(flow->batch);
    sl_schema_free(flow->schema);
    sl_delta_table_free(flow->table);
    sl_rejects_free(flow->rejects);
    sl_flow_state_release(&flow->state);
    sl_free(flow->add_columns);
    sl_free(flow->scope);
    sl_free(flow->beside);
    sl_arena_release(&flow->def_arena);
    flow->def = flow->found ? &flow->found->brief : NULL;
    flow->beside = NULL;
    flow->confirm = NULL;
    flow->apply = NULL;
    flow->stage = NULL;
    flow->batch = NULL;
    flow->schema = NULL;
    flow->table = NULL;
    flow->rejects = NULL;
    flow->add_columns = flow->scope = NULL;
}
