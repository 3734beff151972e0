#include "sources/harvest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "json/doc.h"
#include "table/schema.h"

#define SECRETS_MAX 8

/* The harness's own memory is not the engine's: it never fails and is not counted. */
static void *grow(void *items, size_t *count, size_t size)
{
    if ((*count & (*count - 1)) == 0) /* full at each power of two */
        items = realloc(items, (*count ? *count * 2 : 1) * size);
    if (!items) abort();
    memset((char *)items + *count * size, 0, size);
    (*count)++;
    return items;
}

static char *copy(const char *text)
{
    char *out = text ? strdup(text) : NULL;

    if (text && !out) abort();
    return out;
}

static char *text_of(const struct sl_json *row, const struct sl_constant *constants, size_t count)
{
    struct sl_json_writer *w = sl_json_writer_new();
    char *out = NULL;

    if (!w) return NULL;
    sl_json_put_value(w, row);
    for (size_t i = 0; i < count; i++) {
        sl_json_begin_object(w);
        sl_json_kv_str(w, constants[i].column, constants[i].text);
        sl_json_end_object(w);
    }
    if (sl_json_writer_text(w, NULL)) out = copy(sl_json_writer_text(w, NULL));
    sl_json_writer_free(w);
    return out;
}

static bool put_key_part(const struct sl_json *row, const struct sl_constant *constants,
                         size_t count, const char *path, size_t len, struct sl_buf *out)
{
    const struct sl_json *value = row;
    char name[128];

    for (size_t at = 0; at < len && value;) {
        size_t n = strcspn(path + at, ".,");
        snprintf(name, sizeof name, "%.*s", (int)n, path + at);
        value = sl_json_get(value, name);
        at += n + 1;
    }
    if (sl_json_kind(value) > SL_JSON_NULL) {
        const char *text = sl_json_str(value) ? sl_json_str(value) : sl_json_number_text(value);
        sl_buf_adds(out, text ? text : sl_json_true(value) ? "true" : "false");
        return true;
    }
    for (size_t i = 0; i < count; i++)
        if (strlen(constants[i].column) == len && !strncmp(constants[i].column, path, len) &&
            constants[i].text) {
            sl_buf_adds(out, constants[i].text);
            return true;
        }
    return false;
}

char *harvest_key(const struct sl_json *row, const struct sl_constant *constants, size_t count,
                  const char *key_member)
{
    struct sl_buf text = {0};
    char *out = NULL;
    bool good = key_member != NULL;

    for (const char *p = key_member; good && *p;) {
        size_t len = strcspn(p, ",");
        if (p > key_member) sl_buf_addc(&text, '|');
        good = put_key_part(row, constants, count, p, len, &text);
        p += len + (p[len] == ',');
    }
    if (good && !sl_buf_failed(&text)) out = copy(sl_buf_str(&text));
    sl_buf_release(&text);
    return out;
}

static enum sl_code add_row(struct harvest *h, uint64_t unit, const char *table,
                            const struct sl_json *row, const struct sl_constant *constants,
                            size_t count, struct sl_sequence sequence, bool deleted,
                            struct sl_error *error)
{
    char *text = text_of(row, constants, count);

    if (!text) return sl_fail(error, SL_NO_MEMORY, "no memory for a row");
    h->rows = grow(h->rows, &h->row_count, sizeof *h->rows);
    h->rows[h->row_count - 1] = (struct harvest_row){
        .unit = unit,
        .deleted = deleted,
        .table = copy(table),
        .text = text,
        .key = harvest_key(row, constants, count, h->key_member),
        .sequence = sequence.given ? sequence.value : 0,
    };
    return SL_OK;
}

static enum sl_code on_rows(void *ctx, uint64_t unit, const struct sl_doc *doc, const char *table,
                            const struct sl_json *rows, const struct sl_constant *constants,
                            size_t count, struct sl_sequence sequence, int64_t observed_us,
                            struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    (void)doc, (void)observed_us;
    if (sl_json_kind(rows) != SL_JSON_ARRAY)
        return add_row(ctx, unit, table, rows, constants, count, sequence, false, error);
    for (struct sl_json_each e = sl_json_each(rows); !rc && sl_json_next(&e);)
        rc = add_row(ctx, unit, table, e.value, constants, count, sequence, false, error);
    return rc;
}

static enum sl_code on_remove(void *ctx, uint64_t unit, const char *table,
                              const struct sl_json *key, struct sl_sequence sequence,
                              int64_t observed_us, struct sl_error *error)
{
    (void)observed_us;
    return add_row(ctx, unit, table, key, NULL, 0, sequence, true, error);
}

static enum sl_code on_drop(void *ctx, uint64_t unit, struct sl_error *error)
{
    struct harvest *h = ctx;
    size_t kept = 0;

    (void)error;
    for (size_t i = 0; i < h->row_count; i++) {
        struct harvest_row *row = &h->rows[i];
        if (row->unit == unit && !row->released) {
            free(row->table), free(row->text), free(row->key);
        } else {
            h->rows[kept++] = *row;
        }
    }
    h->row_count = kept;
    return SL_OK;
}

static enum sl_code on_release(void *ctx, uint64_t unit, struct sl_error *error)
{
    struct harvest *h = ctx;

    (void)error;
    for (size_t i = 0; i < h->row_count; i++)
        if (h->rows[i].unit == unit) h->rows[i].released = true;
    return SL_OK;
}

/* Where the rows of a table hold its key, as harvest_key() takes it; NULL: it has none. */
static char *key_member_of(const struct sl_table_def *def)
{
    struct sl_buf text = {0};
    char *out = NULL;

    for (const char *const *k = def->primary_key; k && *k; k++)
        for (size_t i = 0; i < def->column_count; i++) {
            const struct sl_column *c = &def->columns[i];
            if (strcmp(c->name, *k) != 0) continue;
            sl_buf_addf(&text, "%s%s", text.len ? "," : "", c->path[0] ? c->path[0] : c->name);
            for (int p = 1; c->path[0] && p < SL_PATH_MAX && c->path[p]; p++)
                sl_buf_addf(&text, ".%s", c->path[p]);
        }
    if (text.len && !sl_buf_failed(&text)) out = copy(text.data);
    sl_buf_release(&text);
    return out;
}

static enum sl_code on_table(void *ctx, const struct sl_table_def *def, struct sl_error *error)
{
    struct harvest *h = ctx;
    struct sl_buf columns = {0}, key = {0};
    struct harvest_table *table;
    bool failed;

    for (size_t i = 0; i < def->column_count; i++) {
        sl_buf_addf(&columns, "%s%s:", i ? ", " : "", def->columns[i].name);
        sl_type_sql(&def->columns[i].type, &columns);
    }
    for (const char *const *k = def->primary_key; k && *k; k++)
        sl_buf_addf(&key, "%s%s", key.len ? "," : "", *k);
    failed = sl_buf_failed(&columns) || sl_buf_failed(&key);
    if (!failed) {
        h->tables = grow(h->tables, &h->table_count, sizeof *h->tables);
        table = &h->tables[h->table_count - 1];
        *table = (struct harvest_table){
            .name = copy(def->name),
            .namespace_ = copy(def->namespace_),
            .id = copy(def->id),
            .state = copy(def->state),
            .excluded = copy(def->excluded),
            .ingestion = def->ingestion,
            .columns = copy(sl_buf_str(&columns)),
            .key = copy(sl_buf_str(&key)),
            .cursor = copy(def->cursor),
        };
        table->key_member = key_member_of(def);
    }
    sl_buf_release(&columns);
    sl_buf_release(&key);
    return failed ? sl_fail(error, SL_NO_MEMORY, "no memory for a table") : SL_OK;
}

static enum sl_code on_namespace(void *ctx, const char *name, const char *id, const char *comment,
                                 struct sl_error *error)
{
    struct harvest *h = ctx;
    char text[512];

    (void)comment, (void)error;
    snprintf(text, sizeof text, "%s %s", id, name);
    h->namespaces = grow(h->namespaces, &h->namespace_count, sizeof *h->namespaces);
    h->namespaces[h->namespace_count - 1] = copy(text);
    return SL_OK;
}

static enum sl_code on_check(void *ctx, const char *subject, bool good, const char *message,
                             const char *hint, struct sl_error *error)
{
    struct harvest *h = ctx;

    (void)error;
    h->checks = grow(h->checks, &h->check_count, sizeof *h->checks);
    h->checks[h->check_count - 1] = (struct harvest_check){.subject = copy(subject),
                                                           .good = good,
                                                           .message = copy(message),
                                                           .hint = copy(hint)};
    return SL_OK;
}

static enum sl_code on_reject(void *ctx, uint64_t unit, const char *table, const char *raw,
                              size_t len, const char *reason, struct sl_error *error)
{
    struct harvest *h = ctx;
    char *text = strndup(raw, len);

    (void)unit, (void)table, (void)reason, (void)error;
    if (!text) abort();
    h->rejects = grow(h->rejects, &h->reject_count, sizeof *h->rejects);
    h->rejects[h->reject_count - 1] = text;
    return SL_OK;
}

static void on_note(void *ctx, enum sl_note level, const char *text)
{
    struct harvest *h = ctx;

    (void)level;
    h->notes = grow(h->notes, &h->note_count, sizeof *h->notes);
    h->notes[h->note_count - 1] = copy(text);
}

static void on_lacks(void *ctx, size_t failed, size_t parts, const struct sl_error *why)
{
    struct harvest *h = ctx;

    (void)parts;
    h->parts_failed = failed;
    h->error = *why;
}

static void on_end(void *ctx, enum sl_code code, const char *cursor, const char *complete,
                   const struct sl_error *error)
{
    struct harvest *h = ctx;

    if (h->ended++ > 0 && h->code != SL_DONE) return; /* the first failure counts */
    h->code = code;
    if (error) h->error = *error;
    free(h->cursor);
    free(h->complete);
    h->cursor = copy(cursor);
    h->complete = copy(complete);
}

static const struct sl_sink harvest_sink = {
    .rows = on_rows,
    .remove = on_remove,
    .reject = on_reject,
    .table = on_table,
    .namespace_ = on_namespace,
    .check = on_check,
    .drop = on_drop,
    .release = on_release,
    .note = on_note,
    .end = on_end,
};

void harvest_run(const struct harvest_job *job, struct sl_world *world, struct harvest *out)
{
    const struct sl_connector *connector = sl_connector_find(job->connector);
    struct sl_secret secrets[SECRETS_MAX] = {{0}};
    struct sl_sink sink = harvest_sink;
    struct sl_connection connection = {
        .name = "conn",
        .source = job->connector,
        .options_json = job->options ? job->options : "{}",
        .secrets = secrets,
        .fingerprint = "0123456789abcdef0123456789abcdef",
        .grants = job->grants,
    };
    struct sl_doc *doc;
    const struct sl_json *options;
    struct sl_loop *loop = NULL;
    struct sl_job *handle;
    struct sl_error error = {0};
    int64_t began_us = world->ops->monotonic_us(world);
    size_t n = 0;
    enum sl_code rc;

    *out = (struct harvest){.code = SL_BUG, .key_member = job->key_member};
    doc = sl_doc_new(0);
    if (!doc || sl_doc_parse_copy(doc, connection.options_json, strlen(connection.options_json),
                                  &options, &error)) {
        sl_doc_free(doc);
        out->code = SL_NO_MEMORY;
        return;
    }
    for (const struct sl_option *o = connector->connection_options; o->name; o++) {
        if (o->kind != SL_OPTION_SECRET || n + 1 >= SECRETS_MAX) continue;
        const char *value = sl_json_str(sl_json_get(options, o->name));
        if (!value && o->alias) value = sl_json_str(sl_json_get(options, o->alias));
        if (!value && connector->oauth &&
            (!strcmp(o->name, connector->oauth->client_secret) ||
             !strcmp(o->name, connector->oauth->refresh_token)))
            continue; /* that would be another way to log in */
        secrets[n++] = (struct sl_secret){o->name, value ? value : "secret"};
    }
    if (job->parts) sink.lacks = on_lacks;
    rc = sl_loop_new(&connection, world, &loop, &error);
    if (!rc) rc = sl_loop_add(loop, &job->job, &sink, out, &handle, &error);
    for (size_t i = 0; !rc && i < job->more_count; i++) {
        struct sl_job *other;
        rc = sl_loop_add(loop, &job->more[i], &sink, out, &other, &error);
    }
    if (!rc) rc = sl_loop_run(loop, NULL, NULL, NULL, &error);
    if (rc) {
        out->code = rc;
        out->error = error;
    } else {
        out->counts = *sl_job_counts(handle);
    }
    out->took_us = world->ops->monotonic_us(world) - began_us;
    sl_loop_free(loop);
    sl_doc_free(doc);
}

void harvest_release(struct harvest *h)
{
    for (size_t i = 0; i < h->row_count; i++) {
        free(h->rows[i].table), free(h->rows[i].text), free(h->rows[i].key);
    }
    for (size_t i = 0; i < h->table_count; i++) {
        struct harvest_table *t = &h->tables[i];
        free(t->name), free(t->namespace_), free(t->id), free(t->state), free(t->excluded);
        free(t->columns), free(t->key), free(t->cursor), free(t->key_member);
    }
    for (size_t i = 0; i < h->check_count; i++)
        free(h->checks[i].subject), free(h->checks[i].message), free(h->checks[i].hint);
    for (size_t i = 0; i < h->note_count; i++) free(h->notes[i]);
    for (size_t i = 0; i < h->reject_count; i++) free(h->rejects[i]);
    free(h->rejects);
    for (size_t i = 0; i < h->namespace_count; i++) free(h->namespaces[i]);
    free(h->rows), free(h->tables), free(h->checks), free(h->notes), free(h->namespaces);
    free(h->cursor), free(h->complete);
    *h = (struct harvest){0};
}

static bool counts(const struct harvest_row *row, const char *table, bool deleted)
{
    return row->released && row->deleted == deleted && (!table || strcmp(row->table, table) == 0);
}

bool harvest_notes(const struct harvest *h, const char *text)
{
    for (size_t i = 0; i < h->note_count; i++)
        if (strstr(h->notes[i], text)) return true;
    return false;
}

bool harvest_is_complete(const struct harvest *h)
{
    return h->complete && strstr(h->complete, "\"scope\":{}");
}

size_t harvest_count(const struct harvest *h, const char *table, bool deleted)
{
    size_t n = 0;

    for (size_t i = 0; i < h->row_count; i++) n += counts(&h->rows[i], table, deleted);
    return n;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static size_t distinct(const struct harvest *h, const char *table, bool deleted, bool keys)
{
    const char **texts = calloc(h->row_count + 1, sizeof *texts);
    size_t n = 0, different = 0;

    if (!texts) abort();
    for (size_t i = 0; i < h->row_count; i++)
        if (counts(&h->rows[i], table, deleted) && (!keys || h->rows[i].key))
            texts[n++] = keys ? h->rows[i].key : h->rows[i].text;
    qsort(texts, n, sizeof *texts, by_text);
    for (size_t i = 0; i < n; i++) different += i == 0 || strcmp(texts[i], texts[i - 1]) != 0;
    free(texts);
    return different;
}

size_t harvest_distinct(const struct harvest *h, const char *table, bool deleted)
{
    return distinct(h, table, deleted, false);
}

size_t harvest_keys(const struct harvest *h, const char *table, bool deleted)
{
    return distinct(h, table, deleted, true);
}

bool harvest_has_key(const struct harvest *h, const char *table, bool deleted, const char *key)
{
    for (size_t i = 0; i < h->row_count; i++)
        if (counts(&h->rows[i], table, deleted) && h->rows[i].key &&
            strcmp(h->rows[i].key, key) == 0)
            return true;
    return false;
}

const struct harvest_table *harvest_table(const struct harvest *h, const char *name)
{
    for (size_t i = 0; i < h->table_count; i++)
        if (strcmp(h->tables[i].name, name) == 0) return &h->tables[i];
    return NULL;
}

bool harvest_has(const struct harvest *h, const char *table, const char *text)
{
    for (size_t i = 0; i < h->row_count; i++)
        if (counts(&h->rows[i], table, false) && strcmp(h->rows[i].text, text) == 0) return true;
    return false;
}
