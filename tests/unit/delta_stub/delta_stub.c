/*
 * delta_stub.c: src/delta/delta.h without Delta: tables live in memory, in their engine. A test
 * that is linked with this file is linked without the kernel, so that every line that runs in it is
 * our C: for allocations that fail and for ThreadSanitizer.
 *
 * What matters here is kept as it is: a version is whole or not there, a commit on an old snapshot
 * is a conflict, files are nobody's until a commit names them. Not kept: history, old versions (a
 * table is read as it is now), statistics.
 *
 * Its own memory comes from malloc, never from base/alloc.h, and does not run out.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "delta/delta.h"
#include "nanoarrow/nanoarrow.h"

static void must(bool truth)
{
    if (!truth) abort();
}

static void *need(size_t size)
{
    void *memory = calloc(1, size ? size : 1);

    must(memory != NULL);
    return memory;
}

static char *copy_text(const char *text)
{
    char *copy = text ? strdup(text) : NULL;

    must(!text || copy);
    return copy;
}

/* ---- what a file holds: batches, shared by all who name them ---- */

struct data {
    int users;
    struct ArrowSchema schema;
    struct ArrowArray *batches;
    size_t count;
    int64_t rows;
};

static void data_drop(struct data *data)
{
    if (--data->users > 0) return;
    for (size_t i = 0; i < data->count; i++) ArrowArrayRelease(&data->batches[i]);
    free(data->batches);
    ArrowSchemaRelease(&data->schema);
    free(data);
}

static struct data *data_new(const struct ArrowSchema *schema)
{
    struct data *data = need(sizeof *data);

    data->users = 1;
    must(ArrowSchemaDeepCopy(schema, &data->schema) == NANOARROW_OK);
    return data;
}

static void data_add(struct data *data, struct ArrowArray *batch)
{
    data->batches = realloc(data->batches, (data->count + 1) * sizeof *data->batches);
    must(data->batches != NULL);
    data->rows += batch->length;
    ArrowArrayMove(batch, &data->batches[data->count++]);
}

static void copy_view(const struct ArrowArrayView *view, struct ArrowArray *out)
{
    for (int64_t i = 0; i < out->n_buffers; i++) {
        struct ArrowBufferView bytes = view->buffer_views[i];
        if (bytes.data.data && bytes.size_bytes > 0)
            must(ArrowBufferAppend(ArrowArrayBuffer(out, i), bytes.data.data, bytes.size_bytes) ==
                 NANOARROW_OK);
    }
    out->length = view->length;
    out->offset = view->offset;
    out->null_count = view->null_count;
    for (int64_t i = 0; i < out->n_children; i++) copy_view(view->children[i], out->children[i]);
}

static void copy_array(const struct ArrowSchema *schema, const struct ArrowArray *array,
                       struct ArrowArray *out)
{
    struct ArrowArrayView view;

    must(ArrowArrayViewInitFromSchema(&view, schema, NULL) == NANOARROW_OK);
    must(ArrowArrayViewSetArray(&view, array, NULL) == NANOARROW_OK);
    must(ArrowArrayInitFromSchema(out, schema, NULL) == NANOARROW_OK);
    copy_view(&view, out);
    must(ArrowArrayFinishBuilding(out, NANOARROW_VALIDATION_LEVEL_NONE, NULL) == NANOARROW_OK);
    ArrowArrayViewReset(&view);
}

/* Some columns of a batch, rows [first, first + count). */
static void copy_part(const struct ArrowSchema *from, const struct ArrowArray *batch,
                      const struct ArrowSchema *to, int64_t first, int64_t count,
                      struct ArrowArray *out)
{
    must(ArrowArrayInitFromType(out, NANOARROW_TYPE_STRUCT) == NANOARROW_OK);
    must(ArrowArrayAllocateChildren(out, to->n_children) == NANOARROW_OK);
    for (int64_t c = 0; c < to->n_children; c++) {
        int64_t at = 0;
        while (at < from->n_children &&
               strcmp(from->children[at]->name, to->children[c]->name) != 0)
            at++;
        if (at == from->n_children) { /* a column that this file does not have */
            must(ArrowArrayInitFromSchema(out->children[c], to->children[c], NULL) == NANOARROW_OK);
            must(ArrowArrayStartAppending(out->children[c]) == NANOARROW_OK);
            must(ArrowArrayAppendNull(out->children[c], count) == NANOARROW_OK);
            must(ArrowArrayFinishBuildingDefault(out->children[c], NULL) == NANOARROW_OK);
            continue;
        }
        copy_array(from->children[at], batch->children[at], out->children[c]);
        out->children[c]->offset += first;
        out->children[c]->length = count;
        if (out->children[c]->null_count != 0) out->children[c]->null_count = -1;
    }
    out->length = count;
    must(ArrowArrayFinishBuilding(out, NANOARROW_VALIDATION_LEVEL_NONE, NULL) == NANOARROW_OK);
}

/* ---- engine and tables ---- */

struct setting {
    struct setting *next;
    char *key, *value;
};

struct log { /* one table, as it is now */
    struct log *next;
    char *location, *schema;
    int64_t version;
    struct setting *properties, *domains, *apps;
    struct data **files;
    size_t count;
};

struct aside { /* a file beside a table */
    struct aside *next;
    char path[64];
    struct data *data;
};

struct sl_delta_engine {
    struct log *logs;
    struct aside *asides;
    int asides_made;
};

struct sl_delta_table {
    struct sl_delta_engine *engine;
    struct log *log; /* NULL: a draft */
    int64_t version;
    char *location, *schema, *text;
    struct setting *properties; /* of a draft */
    struct sl_delta_live *live;
};

struct sl_delta_writer {
    struct data *data;
    struct sl_delta_engine *aside; /* NULL: into the table */
};

struct sl_delta_file {
    struct data *data;
    char path[64];
};

static const char *get(const struct setting *list, const char *key)
{
    for (; list; list = list->next)
        if (strcmp(list->key, key) == 0) return list->value;
    return NULL;
}

static void set(struct setting **list, const char *key, const char *value)
{
    while (*list && strcmp((*list)->key, key) != 0) list = &(*list)->next;
    if (*list) {
        char *old = (*list)->value;
        (*list)->value = copy_text(value); /* NULL: gone */
        free(old);
        return;
    }
    *list = need(sizeof **list);
    (*list)->key = copy_text(key);
    (*list)->value = copy_text(value);
}

static void settings_free(struct setting *list)
{
    while (list) {
        struct setting *next = list->next;
        free(list->key);
        free(list->value);
        free(list);
        list = next;
    }
}

enum sl_code sl_delta_engine_new(const struct sl_pair *options, size_t count,
                                 struct sl_delta_engine **out, struct sl_error *error)
{
    (void)options, (void)count, (void)error;
    *out = need(sizeof **out);
    return SL_OK;
}

void sl_delta_engine_free(struct sl_delta_engine *engine)
{
    while (engine && engine->logs) {
        struct log *log = engine->logs;
        engine->logs = log->next;
        for (size_t i = 0; i < log->count; i++) data_drop(log->files[i]);
        free(log->files);
        free(log->location);
        free(log->schema);
        settings_free(log->properties);
        settings_free(log->domains);
        settings_free(log->apps);
        free(log);
    }
    while (engine && engine->asides) {
        struct aside *aside = engine->asides;
        engine->asides = aside->next;
        data_drop(aside->data);
        free(aside);
    }
    free(engine);
}

static struct log *find(const struct sl_delta_engine *engine, const char *location)
{
    for (struct log *log = engine->logs; log; log = log->next)
        if (strcmp(log->location, location) == 0) return log;
    return NULL;
}

static struct sl_delta_table *handle(struct sl_delta_engine *engine, struct log *log)
{
    struct sl_delta_table *table = need(sizeof *table);

    table->engine = engine;
    table->log = log;
    table->version = log ? log->version : -1;
    table->location = copy_text(log ? log->location : NULL);
    table->schema = copy_text(log ? log->schema : NULL);
    return table;
}

enum sl_code sl_delta_open(struct sl_delta_engine *engine, const char *location, int64_t version,
                           struct sl_delta_table **out, struct sl_error *error)
{
    struct log *log = find(engine, location);

    *out = NULL;
    if (!log || (version >= 0 && version != log->version))
        return sl_fail(error, SL_NOT_FOUND, "there is no table at '%s'", location);
    *out = handle(engine, log);
    return SL_OK;
}

void sl_delta_table_free(struct sl_delta_table *table)
{
    if (!table) return;
    free(table->location);
    free(table->schema);
    free(table->text);
    free(table->live);
    settings_free(table->properties);
    free(table);
}

/* {"type":"struct","fields":[...]} with more fields. */
static char *schema_with(const char *schema, const char *add)
{
    char *out;

    if (!add) return copy_text(schema);
    out = need(strlen(schema) + strlen(add) + 2);
    sprintf(out, "%.*s,%.*s]}", (int)strlen(schema) - 2, schema, (int)strlen(add) - 2, add + 1);
    return out;
}

static struct data *data_without(const struct data *from, const int64_t *rows, size_t count);

/* What goes. A file that loses rows is written again, so it has no dead ones. */
static void take_out(struct log *log, const struct sl_delta_gone *gone, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        struct data **file = &log->files[gone[i].file];
        struct data *left = gone[i].rows ? data_without(*file, gone[i].rows, gone[i].count) : NULL;
        data_drop(*file);
        *file = left;
    }
    for (size_t i = 0; i < log->count; i++)
        if (log->files[i]) log->files[kept++] = log->files[i];
    log->count = kept;
}

static void apply(struct log *log, const struct sl_delta_commit *commit)
{
    char number[32], *schema = schema_with(log->schema, commit->add_columns_json);

    free(log->schema);
    log->schema = schema;
    if (commit->app_id) {
        snprintf(number, sizeof number, "%lld", (long long)commit->app_version);
        set(&log->apps, commit->app_id, number);
    }
    for (size_t i = 0; i < commit->domains_count; i++)
        set(&log->domains, commit->domains[i].key, commit->domains[i].value);
    take_out(log, commit->gone, commit->gone_count);
    if (commit->remove_all) {
        for (size_t i = 0; i < log->count; i++) data_drop(log->files[i]);
        log->count = 0;
    }
    log->files = realloc(log->files, (log->count + commit->add_count + 1) * sizeof *log->files);
    must(log->files != NULL);
    for (size_t i = 0; i < commit->add_count; i++) {
        log->files[log->count] = commit->add[i]->data;
        log->files[log->count++]->users++;
    }
}

static struct log *create(struct sl_delta_engine *engine, const char *location, const char *schema,
                          const struct sl_pair *properties, size_t count,
                          const struct sl_delta_commit *commit)
{
    struct log *log = need(sizeof *log);

    log->location = copy_text(location);
    log->schema = copy_text(schema);
    for (size_t i = 0; i < count; i++)
        set(&log->properties, properties[i].key, properties[i].value);
    apply(log, commit);
    log->next = engine->logs;
    engine->logs = log;
    return log;
}

enum sl_code sl_delta_create(struct sl_delta_engine *engine, const char *location,
                             const char *schema_json, const struct sl_pair *properties,
                             size_t properties_count, const struct sl_delta_commit *commit,
                             struct sl_delta_table **out, struct sl_error *error)
{
    *out = NULL;
    if (find(engine, location))
        return sl_fail(error, SL_EXISTS, "there is a table at '%s'", location);
    *out =
        handle(engine, create(engine, location, schema_json, properties, properties_count, commit));
    return SL_OK;
}

enum sl_code sl_delta_draft(struct sl_delta_engine *engine, const char *location,
                            const char *schema_json, const struct sl_pair *properties,
                            size_t properties_count, struct sl_delta_table **out,
                            struct sl_error *error)
{
    *out = NULL;
    if (find(engine, location))
        return sl_fail(error, SL_EXISTS, "there is a table at '%s'", location);
    *out = handle(engine, NULL);
    (*out)->location = copy_text(location);
    (*out)->schema = copy_text(schema_json);
    for (size_t i = 0; i < properties_count; i++)
        set(&(*out)->properties, properties[i].key, properties[i].value);
    return SL_OK;
}

enum sl_code sl_delta_commit(struct sl_delta_table *table, const struct sl_delta_commit *commit,
                             struct sl_error *error)
{
    if (!table->log) {
        if (find(table->engine, table->location))
            return sl_fail(error, SL_EXISTS, "there is a table at '%s'", table->location);
        table->log = create(table->engine, table->location, table->schema, NULL, 0, commit);
        table->log->properties = table->properties;
        table->properties = NULL;
        table->version = 0;
        return SL_OK;
    }
    if (table->version != table->log->version)
        return sl_fail(error, SL_CONFLICT, "'%s' changed underneath", table->location);
    apply(table->log, commit);
    table->version = ++table->log->version;
    free(table->schema);
    table->schema = copy_text(table->log->schema);
    return SL_OK;
}

int64_t sl_delta_version(const struct sl_delta_table *table)
{
    return table->version;
}

const char *sl_delta_location(const struct sl_delta_table *table)
{
    return table->location;
}

const char *sl_delta_schema_json(const struct sl_delta_table *table)
{
    return table->schema;
}

const char *sl_delta_property(const struct sl_delta_table *table, const char *key)
{
    return get(table->log ? table->log->properties : table->properties, key);
}

enum sl_code sl_delta_properties_json(struct sl_delta_table *table, const char **out,
                                      struct sl_error *error)
{
    size_t size = 16, len = 1;

    (void)error;
    for (const struct setting *s = table->log ? table->log->properties : NULL; s; s = s->next)
        size += strlen(s->key) + strlen(s->value) + 8;
    free(table->text);
    table->text = need(size);
    strcpy(table->text, "{");
    for (const struct setting *s = table->log ? table->log->properties : NULL; s; s = s->next)
        len += (size_t)sprintf(table->text + len, "%s\"%s\":\"%s\"", len > 1 ? "," : "", s->key,
                               s->value);
    strcpy(table->text + len, "}");
    *out = table->text;
    return SL_OK;
}

enum sl_code sl_delta_domain(struct sl_delta_table *table, const char *domain, const char **json,
                             struct sl_error *error)
{
    (void)error;
    *json = table->log ? get(table->log->domains, domain) : NULL;
    return SL_OK;
}

enum sl_code sl_delta_app_version(struct sl_delta_table *table, const char *app_id,
                                  int64_t *version, struct sl_error *error)
{
    const char *text = table->log ? get(table->log->apps, app_id) : NULL;

    (void)error;
    *version = text ? strtoll(text, NULL, 10) : -1;
    return SL_OK;
}

enum sl_code sl_delta_totals(struct sl_delta_table *table, struct sl_delta_totals *out,
                             struct sl_error *error)
{
    (void)error;
    memset(out, 0, sizeof *out);
    for (size_t i = 0; table->log && i < table->log->count; i++) {
        out->files++;
        out->rows += table->log->files[i]->rows;
        out->bytes += table->log->files[i]->rows * 100;
    }
    return SL_OK;
}

enum sl_code sl_delta_history(struct sl_delta_table *table, int64_t limit, const char **json,
                              struct sl_error *error)
{
    (void)table, (void)limit, (void)error;
    *json = "[]";
    return SL_OK;
}

/* ---- writing ---- */

enum sl_code sl_delta_writer_open(struct sl_delta_table *table, const struct ArrowSchema *schema,
                                  const char *add_columns_json,
                                  const struct sl_delta_writer_options *options,
                                  struct sl_delta_writer **out, struct sl_error *error)
{
    *out = NULL;
    for (int64_t i = 0; i < schema->n_children; i++) {
        char field[300];
        snprintf(field, sizeof field, "\"name\":\"%s\"", schema->children[i]->name);
        if (!strstr(table->schema, field) && !(add_columns_json && strstr(add_columns_json, field)))
            return sl_fail(error, SL_BUG, "the table has no column '%s'",
                           schema->children[i]->name);
    }
    *out = need(sizeof **out);
    (*out)->data = data_new(schema);
    if (options && options->aside) (*out)->aside = table->engine;
    return SL_OK;
}

enum sl_code sl_delta_write(struct sl_delta_writer *writer, struct ArrowArray *batch,
                            struct sl_error *error)
{
    (void)error;
    data_add(writer->data, batch);
    return SL_OK;
}

size_t sl_delta_writer_memory(const struct sl_delta_writer *writer)
{
    return (size_t)writer->data->rows * 100;
}

int64_t sl_delta_writer_rows(const struct sl_delta_writer *writer)
{
    return writer->data->rows;
}

int64_t sl_delta_writer_bytes(const struct sl_delta_writer *writer)
{
    return writer->data->rows * 100;
}

enum sl_code sl_delta_writer_flush(struct sl_delta_writer *writer, struct sl_error *error)
{
    (void)writer, (void)error;
    return SL_OK;
}

enum sl_code sl_delta_writer_close(struct sl_delta_writer *writer, struct sl_delta_file **out,
                                   struct sl_error *error)
{
    (void)error;
    *out = need(sizeof **out);
    (*out)->data = writer->data;
    if (writer->aside) {
        struct aside *aside = need(sizeof *aside);
        snprintf(aside->path, sizeof aside->path, "_sluice/part-%d", writer->aside->asides_made++);
        aside->data = writer->data;
        aside->data->users++;
        aside->next = writer->aside->asides;
        writer->aside->asides = aside;
        memcpy((*out)->path, aside->path, sizeof aside->path);
    }
    free(writer);
    return SL_OK;
}

void sl_delta_writer_abort(struct sl_delta_writer *writer)
{
    if (!writer) return;
    data_drop(writer->data);
    free(writer);
}

int64_t sl_delta_file_rows(const struct sl_delta_file *file)
{
    return file->data->rows;
}

int64_t sl_delta_file_bytes(const struct sl_delta_file *file)
{
    return file->data->rows * 100;
}

const char *sl_delta_file_path(const struct sl_delta_file *file)
{
    return file->path[0] ? file->path : "in-memory.parquet";
}

void sl_delta_file_free(struct sl_delta_file *file, bool discard)
{
    (void)discard;
    if (!file) return;
    data_drop(file->data);
    free(file);
}

static bool dropped(const int64_t *rows, size_t count, int64_t row)
{
    for (size_t i = 0; i < count; i++)
        if (rows[i] == row) return true;
    return false;
}

/* NULL when nothing is left. */
static struct data *data_without(const struct data *from, const int64_t *rows, size_t count)
{
    struct data *to = data_new(&from->schema);
    int64_t base = 0;

    for (size_t b = 0; b < from->count; base += from->batches[b++].length) {
        int64_t length = from->batches[b].length;
        for (int64_t first = 0, end; first < length; first = end + 1) {
            for (end = first; end < length && !dropped(rows, count, base + end);) end++;
            if (end == first) continue;
            struct ArrowArray part;
            copy_part(&from->schema, &from->batches[b], &from->schema, first, end - first, &part);
            data_add(to, &part);
        }
    }
    if (to->rows > 0) return to;
    data_drop(to);
    return NULL;
}

enum sl_code sl_delta_file_without(struct sl_delta_table *table, const struct sl_delta_file *file,
                                   const int64_t *rows, size_t count,
                                   const struct sl_delta_writer_options *options,
                                   struct sl_delta_file **out, struct sl_error *error)
{
    struct data *left = data_without(file->data, rows, count);

    (void)table, (void)options, (void)error;
    *out = NULL;
    if (!left) return SL_OK;
    *out = need(sizeof **out);
    (*out)->data = left;
    return SL_OK;
}

/* ---- reading ---- */

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
    copy_part(&data->schema, batch, &r->schema, 0, rows, out);
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

    for (size_t i = 0; i < r->count; i++) data_drop(r->files[i]);
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
    data_drop(aside->data);
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
            if (part->rows && dropped(part->rows, part->count, base + row) == part->except)
                continue;
            copy_part(&from->schema, &from->batches[b], &to->schema, row, 1, &one);
            number_rows(&one, number, base + row);
            data_add(to, &one);
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
        result = data_new(&schema);
        ArrowSchemaRelease(&schema);
        for (size_t i = 0; i < part_count; i++) add_part(result, data[i], &parts[i], (int64_t)i);
        rc = read(&result, 1, NULL, 0, -1, out, error);
        data_drop(result);
    }
    free(data);
    return rc;
}

enum sl_code sl_delta_alter(struct sl_delta_table *table, const struct sl_delta_alter *alter,
                            struct sl_error *error)
{
    const struct sl_delta_commit commit = {.app_id = alter->app_id,
                                           .app_version = alter->app_version,
                                           .domains = alter->domains,
                                           .domains_count = alter->domains_count};
    enum sl_code rc = sl_delta_commit(table, &commit, error);

    if (rc) return rc;
    for (size_t i = 0; i < alter->set_count; i++)
        set(&table->log->properties, alter->set[i].key, alter->set[i].value);
    if (alter->schema_json) {
        free(table->schema);
        free(table->log->schema);
        table->schema = copy_text(alter->schema_json);
        table->log->schema = copy_text(alter->schema_json);
    }
    return SL_OK;
}

/* Nobody else writes here. */
enum sl_code sl_delta_changes_since(struct sl_delta_table *table, int64_t version,
                                    const char **json, struct sl_error *error)
{
    (void)table, (void)version, (void)error;
    *json = "[]";
    return SL_OK;
}

enum sl_code sl_delta_checkpoint(struct sl_delta_table *table, struct sl_error *error)
{
    (void)table, (void)error;
    return SL_OK;
}

int64_t sl_delta_commits_since_checkpoint(const struct sl_delta_table *table)
{
    (void)table;
    return 0;
}
