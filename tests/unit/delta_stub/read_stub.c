/* read_stub.c: scans over the stub, live files and their parts. */
#include "delta_stub.h"

struct reading {
    struct ArrowSchema schema;
    struct data **files;
    size_t count, file, batch;
    int64_t left; /* -1: all */
};

static int reading_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out)
{
    const struct reading *r = stream->private_data;

    return ArrowSchemaDeepCopy(&r->schema, out);
}

static int reading_next(struct ArrowArrayStream *stream, struct ArrowArray *out)
{
    struct reading *r = stream->private_data;

    memset(out, 0, sizeof *out);
    while (r->file < r->count && r->batch == r->files[r->file]->count) r->file++, r->batch = 0;
    if (r->file == r->count || r->left == 0) return 0;
    const struct data *data = r->files[r->file];
    const struct ArrowArray *batch = &data->batches[r->batch++];
    int64_t rows = r->left >= 0 && r->left < batch->length ? r->left : batch->length;
    stub_copy_part(&data->schema, batch, &r->schema, 0, rows, out);
    if (r->left >= 0) r->left -= rows;
    return 0;
}

static const char *reading_error(struct ArrowArrayStream *stream)
{
    (void)stream;
    return "";
}

static void reading_release(struct ArrowArrayStream *stream)
{
    struct reading *r = stream->private_data;

    for (size_t i = 0; i < r->count; i++) stub_data_drop(r->files[i]);
    free(r->files);
    ArrowSchemaRelease(&r->schema);
    free(r);
    stream->release = NULL;
}

/* Columns NULL: those of the newest file. */
static enum sl_code read(struct data *const *files, size_t file_count, const char *const *columns,
                         size_t count, int64_t limit, struct ArrowArrayStream *out,
                         struct sl_error *error)
{
    const struct ArrowSchema *all = file_count ? &files[file_count - 1]->schema : NULL;
    struct reading *r = need(sizeof *r);

    r->left = limit;
    r->files = need((file_count + 1) * sizeof *r->files);
    for (size_t i = 0; i < file_count; i++) {
        r->files[r->count++] = files[i];
        files[i]->users++;
    }
    *out = (struct ArrowArrayStream){.get_schema = reading_schema,
                                     .get_next = reading_next,
                                     .get_last_error = reading_error,
                                     .release = reading_release,
                                     .private_data = r};
    if (!columns && all) {
        must(ArrowSchemaDeepCopy(all, &r->schema) == NANOARROW_OK);
        return SL_OK;
    }
    ArrowSchemaInit(&r->schema);
    must(ArrowSchemaSetTypeStruct(&r->schema, columns ? (int64_t)count : 0) == NANOARROW_OK);
    for (size_t c = 0; columns && c < count; c++) {
        int64_t at = 0;
        struct ArrowSchema *column = r->schema.children[c];
        while (all && at < all->n_children && strcmp(all->children[at]->name, columns[c]) != 0)
            at++;
        ArrowSchemaRelease(column);
        if (all && at < all->n_children) {
            must(ArrowSchemaDeepCopy(all->children[at], column) == NANOARROW_OK);
            continue;
        }
        if (all) {
            must(ArrowSchemaInitFromType(column, NANOARROW_TYPE_STRING) == NANOARROW_OK);
            out->release(out);
            return sl_fail(error, SL_BUG, "no column '%s'", columns[c]);
        }
        must(ArrowSchemaInitFromType(column, NANOARROW_TYPE_STRING) == NANOARROW_OK); /* no rows */
        must(ArrowSchemaSetName(column, columns[c]) == NANOARROW_OK);
    }
    return SL_OK;
}

enum sl_code sl_delta_file_scan(struct sl_delta_table *table, const struct sl_delta_file *file,
                                const char *const *columns, size_t count,
                                struct ArrowArrayStream *out, struct sl_error *error)
{
    (void)table;
    return read(&file->data, 1, columns, count, -1, out, error);
}

enum sl_code sl_delta_scan(struct sl_delta_table *table, const char *const *columns, size_t count,
                           int64_t limit, struct ArrowArrayStream *out, struct sl_error *error)
{
    struct log *log = table->log;

    return read(log ? log->files : NULL, log ? log->count : 0, columns, count, limit, out, error);
}

/* ---- parts ---- */

enum sl_code sl_delta_live(struct sl_delta_table *table, const struct sl_delta_live **out,
                           size_t *count, struct sl_error *error)
{
    (void)error;
    *count = table->log ? table->log->count : 0;
    free(table->live);
    table->live = need((*count + 1) * sizeof *table->live);
    for (size_t i = 0; i < *count; i++)
        table->live[i] = (struct sl_delta_live){.path = "in-memory.parquet",
                                                .bytes = table->log->files[i]->rows * 100,
                                                .rows = table->log->files[i]->rows};
    *out = table->live;
    return SL_OK;
}

enum sl_code sl_delta_within(struct sl_delta_table *table, const char *column,
                             const struct ArrowSchema *type, const struct ArrowArray *low,
                             const struct ArrowArray *high, size_t *out, size_t *count,
                             struct sl_error *error)
{
    (void)column, (void)type, (void)low, (void)high, (void)error;
    *count = table->log ? table->log->count : 0;
    for (size_t i = 0; i < *count; i++) out[i] = i;
    return SL_OK;
}

static struct aside **find_aside(struct sl_delta_table *table, const char *path)
{
    struct aside **aside = &table->engine->asides;

    while (*aside && strcmp((*aside)->path, path) != 0) aside = &(*aside)->next;
    return aside;
}

void sl_delta_aside_remove(struct sl_delta_table *table, const char *path)
{
    struct aside **at = find_aside(table, path), *aside = *at;

    if (!aside) return;
    *at = aside->next;
    stub_data_drop(aside->data);
    free(aside);
}

static struct data *part_data(struct sl_delta_table *table, const struct sl_delta_part *part)
{
    if (part->staged) return part->staged->data;
    if (!part->aside) return table->log->files[part->live];
    return *find_aside(table, part->aside) ? (*find_aside(table, part->aside))->data : NULL;
}

static const struct ArrowSchema *column_of(const struct data *data, const char *name)
{
    for (int64_t i = 0; i < data->schema.n_children; i++)
        if (strcmp(data->schema.children[i]->name, name) == 0) return data->schema.children[i];
    return NULL;
}

/* "part", "row" and the columns, of the types that some file has for them. */
static void parts_schema(struct sl_delta_table *table, struct data *const *data, size_t count,
                         const char *const *columns, size_t column_count, struct ArrowSchema *out)
{
    ArrowSchemaInit(out);
    must(ArrowSchemaSetTypeStruct(out, 2 + (int64_t)column_count) == NANOARROW_OK);
    for (int64_t i = 0; i < 2; i++) {
        must(ArrowSchemaSetType(out->children[i], NANOARROW_TYPE_INT64) == NANOARROW_OK);
        must(ArrowSchemaSetName(out->children[i], i ? "row" : "part") == NANOARROW_OK);
    }
    for (size_t c = 0; c < column_count; c++) {
        const struct ArrowSchema *found = NULL;
        for (size_t i = 0; i < count && !found; i++) found = column_of(data[i], columns[c]);
        for (size_t i = 0; table->log && i < table->log->count && !found; i++)
            found = column_of(table->log->files[i], columns[c]);
        struct ArrowSchema *child = out->children[2 + c];
        if (found) {
            ArrowSchemaRelease(child);
            must(ArrowSchemaDeepCopy(found, child) == NANOARROW_OK);
            continue;
        }
        must(ArrowSchemaSetType(child, NANOARROW_TYPE_STRING) == NANOARROW_OK);
        must(ArrowSchemaSetName(child, columns[c]) == NANOARROW_OK);
    }
}

static void number_rows(struct ArrowArray *batch, int64_t part, int64_t first)
{
    for (int64_t i = 0; i < 2; i++) {
        struct ArrowArray *child = batch->children[i];
        ArrowArrayRelease(child);
        must(ArrowArrayInitFromType(child, NANOARROW_TYPE_INT64) == NANOARROW_OK);
        must(ArrowArrayStartAppending(child) == NANOARROW_OK);
        for (int64_t row = 0; row < batch->length; row++)
            must(ArrowArrayAppendInt(child, i ? first + row : part) == NANOARROW_OK);
        must(ArrowArrayFinishBuildingDefault(child, NULL) == NANOARROW_OK);
    }
}

static void add_part(struct data *to, const struct data *from, const struct sl_delta_part *part,
                     int64_t number)
{
    int64_t base = 0;

    for (size_t b = 0; b < from->count; base += from->batches[b++].length) {
        for (int64_t row = 0; row < from->batches[b].length; row++) {
            struct ArrowArray one;
            if (part->rows && stub_dropped(part->rows, part->count, base + row) == part->except)
                continue;
            stub_copy_part(&from->schema, &from->batches[b], &to->schema, row, 1, &one);
            number_rows(&one, number, base + row);
            stub_data_add(to, &one);
        }
    }
}

/* Columns NULL are not asked for in any test that runs on this file. */
enum sl_code sl_delta_read(struct sl_delta_table *table, const struct sl_delta_part *parts,
                           size_t part_count, const char *const *columns, size_t count,
                           const char *add_columns_json, struct ArrowArrayStream *out,
                           struct sl_error *error)
{
    struct data **data = need((part_count + 1) * sizeof *data), *result;
    struct ArrowSchema schema;
    enum sl_code rc = SL_OK;

    (void)add_columns_json;
    must(columns != NULL);
    for (size_t i = 0; i < part_count && !rc; i++) {
        data[i] = part_data(table, &parts[i]);
        if (!data[i]) rc = sl_fail(error, SL_NOT_FOUND, "'%s' is not there", parts[i].aside);
    }
    if (!rc) {
        parts_schema(table, data, part_count, columns, count, &schema);
        result = stub_data_new(&schema);
        ArrowSchemaRelease(&schema);
        for (size_t i = 0; i < part_count; i++) add_part(result, data[i], &parts[i], (int64_t)i);
        rc = read(&result, 1, NULL, 0, -1, out, error);
        stub_data_drop(result);
    }
    free(data);
    return rc;
}
