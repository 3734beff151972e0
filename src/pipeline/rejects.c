/*
 * rejects.c: what could not become a row, kept in <destination>__rejected.
 *
 * That table is appended to and has a stage of its own: rejected rows belong to their unit, and go
 * with it when a task restarts. Its commit comes before the table's: a run that is killed in
 * between has committed its rejects, and the next run, which reads the same rows, commits them once
 * more under its own name (_run). The other way round they could be lost.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "json/utf8.h"
#include "nanoarrow/nanoarrow.h"
#include "pipeline/flow.h"

#define REJECTS_MAX 100000 /* of one run and table; more fail the table */
#define COMMIT_TRIES_MAX 8
#define OWNER "sluice.rejects_of" /* table property: whose rejects, a flow's id */

enum { REJECTED_AT, REASON, RAW, RUN, COLUMNS };
static const char *const names[COLUMNS] = {"_rejected_at", "_reason", "_raw", "_run"};

static const char delta_schema[] =
    "{\"type\":\"struct\",\"fields\":["
    "{\"name\":\"_rejected_at\",\"type\":\"timestamp\",\"nullable\":true,\"metadata\":{}},"
    "{\"name\":\"_reason\",\"type\":\"string\",\"nullable\":true,\"metadata\":{}},"
    "{\"name\":\"_raw\",\"type\":\"string\",\"nullable\":true,\"metadata\":{}},"
    "{\"name\":\"_run\",\"type\":\"string\",\"nullable\":true,\"metadata\":{}}]}";

struct sl_rejects {
    struct sl_buf name, location;
    struct sl_delta_table *table;
    struct ArrowSchema arrow;
    struct sl_stage *stage;
};

/* ---- the table ---- */

static enum sl_code open_table(struct sl_flow *flow, struct sl_rejects *r, struct sl_error *error)
{
    struct sl_pair owner = {OWNER, flow->id};
    const char *location = sl_buf_str(&r->location), *found;
    enum sl_code rc = sl_delta_open(flow->run->delta, location, -1, &r->table, error);

    if (rc == SL_NOT_FOUND) { /* its commit makes it */
        *error = (struct sl_error){0};
        return sl_delta_draft(flow->run->delta, location, delta_schema, &owner, 1, &r->table,
                              error);
    }
    if (rc) return rc;
    found = sl_delta_property(r->table, OWNER);
    if (found && strcmp(found, flow->id) == 0) return SL_OK;
    sl_fail(error, SL_EXISTS, "the Delta table at '%s' does not hold this flow's rejected rows",
            location);
    sl_error_hint(error, "Rows were rejected, and this is where they go: move that table away, or "
                         "choose another destination_table.");
    return SL_EXISTS;
}

static int make_arrow(struct ArrowSchema *arrow)
{
    ArrowSchemaInit(arrow);
    NANOARROW_RETURN_NOT_OK(ArrowSchemaSetTypeStruct(arrow, COLUMNS));
    for (int i = 0; i < COLUMNS; i++) {
        if (i == REJECTED_AT)
            NANOARROW_RETURN_NOT_OK(ArrowSchemaSetTypeDateTime(arrow->children[i],
                                                               NANOARROW_TYPE_TIMESTAMP,
                                                               NANOARROW_TIME_UNIT_MICRO, "UTC"));
        else
            NANOARROW_RETURN_NOT_OK(ArrowSchemaSetType(arrow->children[i], NANOARROW_TYPE_STRING));
        NANOARROW_RETURN_NOT_OK(ArrowSchemaSetName(arrow->children[i], names[i]));
    }
    return NANOARROW_OK;
}

static enum sl_code start(struct sl_flow *flow, struct sl_error *error)
{
    struct sl_rejects *r = flow->rejects = sl_calloc(1, sizeof *r);
    enum sl_code rc;

    if (!r) return sl_fail(error, SL_NO_MEMORY, "no memory for rejected rows");
    sl_buf_addf(&r->name, "%s__rejected", flow->name);
    if (sl_buf_failed(&r->name) || make_arrow(&r->arrow) != NANOARROW_OK)
        return sl_fail(error, SL_NO_MEMORY, "no memory for rejected rows");
    rc = sl_table_location(flow->run->catalog, flow->catalog_name, flow->schema_name,
                           sl_buf_str(&r->name), &r->location, error);
    if (!rc) rc = open_table(flow, r, error);
    if (!rc) rc = sl_stage_new(flow->stages, r->table, &r->arrow, NULL, &r->stage, error);
    return rc;
}

void sl_rejects_free(struct sl_rejects *rejects)
{
    if (!rejects) return;
    sl_stage_free(rejects->stage);
    sl_delta_table_free(rejects->table);
    if (rejects->arrow.release) rejects->arrow.release(&rejects->arrow);
    sl_buf_release(&rejects->name);
    sl_buf_release(&rejects->location);
    sl_free(rejects);
}

/* ---- rows ---- */

/* As it is, if it is text; each byte of it that is none becomes U+FFFD. */
static int append_text(struct ArrowArray *column, const char *text, size_t len)
{
    struct sl_buf good = {0};
    struct ArrowStringView view = {text, (int64_t)len};
    size_t at = 0, n = 0;
    int result;

    while (at < len && (n = sl_utf8_char(text + at, len - at)) > 0) at += n;
    if (at == len) return ArrowArrayAppendString(column, view);
    sl_buf_add(&good, text, at);
    for (; at < len; at += n ? n : 1) {
        n = sl_utf8_char(text + at, len - at);
        if (n)
            sl_buf_add(&good, text + at, n);
        else
            sl_buf_adds(&good, SL_UTF8_REPLACEMENT);
    }
    view = (struct ArrowStringView){good.data, (int64_t)good.len};
    result = sl_buf_failed(&good) ? ENOMEM : ArrowArrayAppendString(column, view);
    sl_buf_release(&good);
    return result;
}

static int make_row(const struct sl_flow *flow, const char *raw, size_t len, const char *reason,
                    struct ArrowArray *out)
{
    const char *run = flow->run->update ? sl_update_id(flow->run->update) : "";

    NANOARROW_RETURN_NOT_OK(ArrowArrayInitFromSchema(out, &flow->rejects->arrow, NULL));
    NANOARROW_RETURN_NOT_OK(ArrowArrayStartAppending(out));
    NANOARROW_RETURN_NOT_OK(
        ArrowArrayAppendInt(out->children[REJECTED_AT], sl_now_us(flow->run->source.world)));
    NANOARROW_RETURN_NOT_OK(append_text(out->children[REASON], reason, strlen(reason)));
    NANOARROW_RETURN_NOT_OK(append_text(out->children[RAW], raw, len));
    NANOARROW_RETURN_NOT_OK(append_text(out->children[RUN], run, strlen(run)));
    NANOARROW_RETURN_NOT_OK(ArrowArrayFinishElement(out));
    return ArrowArrayFinishBuildingDefault(out, NULL);
}

enum sl_code sl_rejects_add(struct sl_flow *flow, uint64_t unit, const char *raw, size_t len,
                            const char *reason, struct sl_error *error)
{
    struct ArrowArray row = {0};
    struct sl_stage_part part = {.unit = unit, .rows = 1};
    enum sl_code rc = SL_OK;

    if (flow->report->rejected >= REJECTS_MAX) {
        sl_fail(error, SL_BAD_DATA, "more than %d rows could not be used, the last: %s",
                REJECTS_MAX, reason);
        sl_error_hint(error, "A row needs a value in every column of its key: check primary_keys.");
        return SL_BAD_DATA;
    }
    if (!flow->rejects) rc = start(flow, error);
    if (rc) {
        sl_rejects_free(flow->rejects);
        flow->rejects = NULL;
    }
    if (!rc && make_row(flow, raw, len, reason, &row) != NANOARROW_OK) {
        if (row.release) row.release(&row);
        rc = sl_fail(error, SL_NO_MEMORY, "no memory for rejected rows");
    }
    if (!rc) rc = sl_stage_append(flow->rejects->stage, &part, 1, &row, error);
    if (rc)
        sl_error_context(error, "rejected rows of '%s'", flow->name);
    else
        flow->report->rejected++;
    return rc;
}

enum sl_code sl_rejects_drop(struct sl_flow *flow, uint64_t unit, struct sl_error *error)
{
    int64_t rows = 0;
    enum sl_code rc;

    if (!flow->rejects) return SL_OK;
    rc = sl_stage_drop(flow->rejects->stage, unit, &rows, error);
    flow->report->rejected -= rows;
    return rc;
}

enum sl_code sl_rejects_release(struct sl_flow *flow, uint64_t unit, struct sl_error *error)
{
    return flow->rejects ? sl_stage_release(flow->rejects->stage, unit, error) : SL_OK;
}

/* ---- the end ---- */

static enum sl_code commit(struct sl_flow *flow, struct sl_rejects *r,
                           const struct sl_staged *staged, struct sl_error *error)
{
    struct sl_delta_commit commit = {.operation = "WRITE",
                                     .add = staged->files,
                                     .add_count = staged->count,
                                     .data_change = true};
    enum sl_code rc;

    for (int tries = 1;; tries++) {
        rc = sl_delta_commit(r->table, &commit, error);
        if (rc != SL_CONFLICT || tries == COMMIT_TRIES_MAX) break;
        sl_delta_table_free(r->table); /* somebody else's version: ours comes after it */
        r->table = NULL;
        *error = (struct sl_error){0};
        rc = open_table(flow, r, error);
        if (rc) break;
    }
    return rc;
}

static enum sl_code put_entry(struct sl_flow *flow, struct sl_rejects *r, struct sl_error *error)
{
    struct sl_table_entry entry = {.catalog_name = flow->catalog_name,
                                   .schema_name = flow->schema_name,
                                   .name = sl_buf_str(&r->name),
                                   .location = sl_buf_str(&r->location),
                                   .schema_json = sl_delta_schema_json(r->table),
                                   .pipeline_id = flow->run->pipeline_id,
                                   .version = sl_delta_version(r->table),
                                   .rows = -1,
                                   .bytes = -1,
                                   .files = -1};

    return sl_table_put(flow->run->catalog, &entry, error);
}

enum sl_code sl_rejects_commit(struct sl_flow *flow, struct sl_error *error)
{
    struct sl_rejects *r = flow->rejects;
    struct sl_staged staged;
    enum sl_code rc;

    if (!r) return SL_OK;
    rc = sl_stage_finish(r->stage, &staged, error);
    if (!rc && staged.rows > 0) { /* else all of them were of tasks that restarted */
        rc = commit(flow, r, &staged, error);
        if (!rc) rc = put_entry(flow, r, error);
    }
    if (rc) sl_error_context(error, "rejected rows of '%s'", flow->name);
    sl_rejects_free(r); /* those to come begin anew */
    flow->rejects = NULL;
    return rc;
}
