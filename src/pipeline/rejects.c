/*
 * rejects.c: what could not become a row, kept in <destination>__rejected.
 *
 * The rows are committed before the table's own commit and under its number, so that a run that
 * is killed in between and repeated does not write them twice.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "nanoarrow/nanoarrow.h"
#include "pipeline/flow.h"

#define REJECTS_MAX 100000 /* of one run and table; more fail the table */
#define REJECTS_BYTES_MAX ((size_t)64 << 20)

struct sl_rejects {
    struct ArrowSchema schema;
    struct ArrowArray rows;
    size_t bytes;
};

static const char delta_schema[] =
    "{\"type\":\"struct\",\"fields\":["
    "{\"name\":\"_rejected_at\",\"type\":\"timestamp\",\"nullable\":true,\"metadata\":{}},"
    "{\"name\":\"_reason\",\"type\":\"string\",\"nullable\":true,\"metadata\":{}},"
    "{\"name\":\"_raw\",\"type\":\"string\",\"nullable\":true,\"metadata\":{}}]}";

static int make_schema(struct ArrowSchema *schema)
{
    static const char *const names[] = {"_rejected_at", "_reason", "_raw"};

    ArrowSchemaInit(schema);
    NANOARROW_RETURN_NOT_OK(ArrowSchemaSetTypeStruct(schema, 3));
    for (int i = 0; i < 3; i++) {
        if (i == 0)
            NANOARROW_RETURN_NOT_OK(ArrowSchemaSetTypeDateTime(schema->children[i],
                                                               NANOARROW_TYPE_TIMESTAMP,
                                                               NANOARROW_TIME_UNIT_MICRO, "UTC"));
        else
            NANOARROW_RETURN_NOT_OK(ArrowSchemaSetType(schema->children[i], NANOARROW_TYPE_STRING));
        NANOARROW_RETURN_NOT_OK(ArrowSchemaSetName(schema->children[i], names[i]));
    }
    return NANOARROW_OK;
}

static int append(struct sl_rejects *r, int64_t at_us, const char *reason, const char *raw,
                  size_t len)
{
    struct ArrowStringView why = ArrowCharView(reason), what = {raw, (int64_t)len};

    NANOARROW_RETURN_NOT_OK(ArrowArrayAppendInt(r->rows.children[0], at_us));
    NANOARROW_RETURN_NOT_OK(ArrowArrayAppendString(r->rows.children[1], why));
    NANOARROW_RETURN_NOT_OK(ArrowArrayAppendString(r->rows.children[2], what));
    return ArrowArrayFinishElement(&r->rows);
}

enum sl_code sl_rejects_add(struct sl_flow *flow, const char *raw, size_t len, const char *reason,
                            struct sl_error *error)
{
    struct sl_rejects *r = flow->rejects;

    if (!r) {
        r = flow->rejects = sl_calloc(1, sizeof *r);
        if (!r || make_schema(&r->schema) != NANOARROW_OK ||
            ArrowArrayInitFromSchema(&r->rows, &r->schema, NULL) != NANOARROW_OK ||
            ArrowArrayStartAppending(&r->rows) != NANOARROW_OK)
            return sl_fail(error, SL_NO_MEMORY, "no memory for rejected rows");
    }
    if (++flow->report->rejected > REJECTS_MAX || (r->bytes += len) > REJECTS_BYTES_MAX) {
        sl_fail(error, SL_BAD_DATA, "more than %d rows (or %zu MB) could not be used, the last: %s",
                REJECTS_MAX, REJECTS_BYTES_MAX >> 20, reason);
        return SL_BAD_DATA;
    }
    if (append(r, sl_now_us(flow->run->source.world), reason, raw, len) != NANOARROW_OK)
        return sl_fail(error, SL_NO_MEMORY, "no memory for rejected rows");
    return SL_OK;
}

static enum sl_code open_table(struct sl_flow *flow, const char *location,
                               struct sl_delta_table **out, struct sl_error *error)
{
    struct sl_delta_commit create = {.operation = "CREATE TABLE"};
    enum sl_code rc = sl_delta_open(flow->run->delta, location, -1, out, error);

    if (rc == SL_NOT_FOUND)
        rc =
            sl_delta_create(flow->run->delta, location, delta_schema, NULL, 0, &create, out, error);
    return rc;
}

enum sl_code sl_rejects_commit(struct sl_flow *flow, struct sl_error *error)
{
    struct sl_rejects *r = flow->rejects;
    struct sl_delta_table *table = NULL;
    struct sl_delta_writer *writer = NULL;
    struct sl_delta_file *file = NULL;
    struct sl_buf location = {0};
    struct sl_buf name = {0};
    int64_t done = -1;
    enum sl_code rc;

    if (!r || r->rows.length == 0) return SL_OK;
    sl_buf_addf(&name, "%s__rejected", flow->name);
    rc = sl_table_location(flow->run->catalog, flow->catalog_name, flow->schema_name,
                           sl_buf_str(&name), &location, error);
    if (!rc) rc = open_table(flow, sl_buf_str(&location), &table, error);
    if (!rc) rc = sl_delta_app_version(table, flow->id, &done, error);
    if (rc || done >= flow->commits + 1) goto out;
    if (ArrowArrayFinishBuildingDefault(&r->rows, NULL) != NANOARROW_OK) {
        rc = sl_fail(error, SL_NO_MEMORY, "no memory for rejected rows");
        goto out;
    }
    rc = sl_delta_writer_open(table, &r->schema, NULL, NULL, &writer, error);
    if (rc) goto out;
    rc = sl_delta_write(writer, &r->rows, error);
    if (rc) {
        sl_delta_writer_abort(writer);
        goto out;
    }
    rc = sl_delta_writer_close(writer, &file, error);
    if (rc) goto out;
    struct sl_delta_commit commit = {.operation = "WRITE",
                                     .app_id = flow->id,
                                     .app_version = flow->commits + 1,
                                     .add = &file,
                                     .add_count = 1,
                                     .data_change = true};
    rc = sl_delta_commit(table, &commit, error);
    if (!rc) {
        struct sl_table_entry entry = {.catalog_name = flow->catalog_name,
                                       .schema_name = flow->schema_name,
                                       .name = sl_buf_str(&name),
                                       .location = sl_buf_str(&location),
                                       .schema_json = sl_delta_schema_json(table),
                                       .pipeline_id = flow->run->pipeline_id,
                                       .version = sl_delta_version(table),
                                       .rows = -1,
                                       .bytes = -1,
                                       .files = -1};
        rc = sl_table_put(flow->run->catalog, &entry, error);
    }
out:
    if (rc) sl_error_context(error, "rejected rows of '%s'", flow->name);
    sl_delta_file_free(file, rc != SL_OK);
    sl_delta_table_free(table);
    sl_buf_release(&location);
    sl_buf_release(&name);
    return rc;
}

void sl_rejects_free(struct sl_rejects *rejects)
{
    if (!rejects) return;
    if (rejects->schema.release) rejects->schema.release(&rejects->schema);
    if (rejects->rows.release) rejects->rows.release(&rejects->rows);
    sl_free(rejects);
}
