/*
 * delta_json.c: a schema in the words of others: Delta's JSON, and SQL.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "json/doc.h"
#include "table/names.h"
#include "table/schema.h"

/* Names of a type in Delta's JSON and in SQL; NULL where they are not plain words. */
static const struct {
    const char *delta, *sql;
} words[] = {
    [SL_TYPE_BOOLEAN] = {"boolean", "boolean"},
    [SL_TYPE_BIGINT] = {"long", "bigint"},
    [SL_TYPE_DOUBLE] = {"double", "double"},
    [SL_TYPE_DECIMAL] = {NULL, NULL},
    [SL_TYPE_STRING] = {"string", "string"},
    [SL_TYPE_BINARY] = {"binary", "binary"},
    [SL_TYPE_DATE] = {"date", "date"},
    [SL_TYPE_TIMESTAMP] = {"timestamp", "timestamp"},
    [SL_TYPE_ARRAY] = {NULL, NULL},
    [SL_TYPE_STRUCT] = {NULL, NULL},
    [SL_TYPE_MAP] = {NULL, NULL},
};

/* ------------------------------------------------------------------ SQL */

void sl_type_sql(const struct sl_type *type, struct sl_buf *out)
{
    switch (type->kind) {
    case SL_TYPE_DECIMAL: sl_buf_addf(out, "decimal(%d,%d)", type->precision, type->scale); break;
    case SL_TYPE_ARRAY:
        sl_buf_adds(out, "array<");
        sl_type_sql(&type->members[0].type, out);
        sl_buf_addc(out, '>');
        break;
    case SL_TYPE_MAP:
        sl_buf_adds(out, "map<string,");
        sl_type_sql(&type->members[0].type, out);
        sl_buf_addc(out, '>');
        break;
    case SL_TYPE_STRUCT:
        sl_buf_adds(out, "struct<");
        for (size_t i = 0; i < type->member_count; i++) {
            sl_buf_addf(out, "%s%s:", i ? "," : "", type->members[i].name);
            sl_type_sql(&type->members[i].type, out);
        }
        sl_buf_addc(out, '>');
        break;
    default: sl_buf_adds(out, words[type->kind].sql);
    }
}

/* The same from Delta's JSON, for messages. Depth is that of the document. */
static void json_type_sql(const struct sl_json *type, struct sl_buf *out)
{
    const struct sl_json *kind = sl_json_get(type, "type");

    if (sl_json_kind(type) == SL_JSON_STRING) {
        const char *word = sl_json_str(type);

        sl_buf_adds(out, strcmp(word, "long") == 0 ? "bigint" : word);
    } else if (sl_json_eq(kind, "array")) {
        sl_buf_adds(out, "array<");
        json_type_sql(sl_json_get(type, "elementType"), out);
        sl_buf_addc(out, '>');
    } else if (sl_json_eq(kind, "map")) {
        sl_buf_adds(out, "map<");
        json_type_sql(sl_json_get(type, "keyType"), out);
        sl_buf_addc(out, ',');
        json_type_sql(sl_json_get(type, "valueType"), out);
        sl_buf_addc(out, '>');
    } else if (sl_json_eq(kind, "struct")) {
        size_t i = 0;

        sl_buf_adds(out, "struct<");
        for (struct sl_json_each e = sl_json_each(sl_json_get(type, "fields")); sl_json_next(&e);) {
            const char *name = sl_json_str(sl_json_get(e.value, "name"));

            sl_buf_addf(out, "%s%s:", i++ ? "," : "", name ? name : "?");
            json_type_sql(sl_json_get(e.value, "type"), out);
        }
        sl_buf_addc(out, '>');
    } else {
        sl_buf_adds(out, "?");
    }
}

/* ------------------------------------------------------------------ Delta */

/* A name that every file format takes. One that had to be changed gets a hash of what it was. */
static void put_physical(struct sl_json_writer *w, const char *name)
{
    char clean[256 + 16];
    uint32_t hash = UINT32_C(0x811c9dc5); /* FNV-1a */
    size_t len = 0;
    bool changed = false;

    for (; *name; name++) {
        bool plain = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') ||
                     (*name >= '0' && *name <= '9') || *name == '_' || *name == '-';

        hash = (hash ^ (unsigned char)*name) * UINT32_C(0x01000193);
        changed |= !plain || len == 255;
        if (len < 255) clean[len++] = plain ? *name : '_';
    }
    clean[len] = 0;
    if (changed) snprintf(clean + len, sizeof clean - len, "_%08" PRIx32, hash);
    sl_json_kv_str(w, "delta.columnMapping.physicalName", clean);
}

static void put_type(struct sl_json_writer *w, const struct sl_type *type, bool physical_ids)
{
    char decimal[32];

    switch (type->kind) {
    case SL_TYPE_DECIMAL:
        snprintf(decimal, sizeof decimal, "decimal(%d,%d)", type->precision, type->scale);
        sl_json_put_str(w, decimal);
        return;
    case SL_TYPE_ARRAY:
        sl_json_begin_object(w);
        sl_json_kv_str(w, "type", "array");
        sl_json_key(w, "elementType");
        put_type(w, &type->members[0].type, physical_ids);
        sl_json_kv_bool(w, "containsNull", true);
        sl_json_end_object(w);
        return;
    case SL_TYPE_MAP:
        sl_json_begin_object(w);
        sl_json_kv_str(w, "type", "map");
        sl_json_kv_str(w, "keyType", "string");
        sl_json_key(w, "valueType");
        put_type(w, &type->members[0].type, physical_ids);
        sl_json_kv_bool(w, "valueContainsNull", true);
        sl_json_end_object(w);
        return;
    case SL_TYPE_STRUCT:
        sl_json_begin_object(w);
        sl_json_kv_str(w, "type", "struct");
        sl_json_key(w, "fields");
        sl_json_begin_array(w);
        for (size_t i = 0; i < type->member_count; i++) {
            sl_json_begin_object(w);
            sl_json_kv_str(w, "name", type->members[i].name);
            sl_json_key(w, "type");
            put_type(w, &type->members[i].type, physical_ids);
            sl_json_kv_bool(w, "nullable", true);
            sl_json_key(w, "metadata");
            sl_json_begin_object(w);
            if (physical_ids) put_physical(w, type->members[i].name);
            sl_json_end_object(w);
            sl_json_end_object(w);
        }
        sl_json_end_array(w);
        sl_json_end_object(w);
        return;
    default: sl_json_put_str(w, words[type->kind].delta);
    }
}

/* "Budget (€) (currency, fld2mFM2t8abDG9nl): What we may spend" */
static bool put_comment(struct sl_json_writer *w, const struct sl_column *c, const char *visible)
{
    struct sl_buf text;
    bool renamed = strcmp(c->name, visible) != 0;

    sl_buf_init(&text, 0);
    if (!c->exact_name && (renamed || c->id || c->source_type)) {
        sl_buf_adds(&text, c->name);
        if (c->source_type || c->id)
            sl_buf_addf(&text, " (%s%s%s)", c->source_type ? c->source_type : "",
                        c->source_type && c->id ? ", " : "", c->id ? c->id : "");
    }
    if (c->comment && *c->comment) sl_buf_addf(&text, "%s%s", text.len ? ": " : "", c->comment);
    if (text.len) sl_json_kv_str(w, "comment", sl_buf_str(&text));

    bool good = !sl_buf_failed(&text);
    sl_buf_release(&text);
    return good;
}

/* False: no memory. (The writer remembers its own failures.) */
static bool put_field(struct sl_json_writer *w, const struct sl_schema_column *column,
                      bool physical_ids)
{
    const struct sl_column *c = column->source;
    bool good = true;

    sl_json_begin_object(w);
    sl_json_kv_str(w, "name", column->name);
    sl_json_key(w, "type");
    put_type(w, column->type, physical_ids);
    sl_json_kv_bool(w, "nullable", !column->key);
    sl_json_key(w, "metadata");
    sl_json_begin_object(w);
    if (c) {
        good = put_comment(w, c, column->name);
        if (c->id) sl_json_kv_str(w, "sluice.id", c->id);
        sl_json_kv_str(w, "sluice.name", c->name);
        if (c->source_type) sl_json_kv_str(w, "sluice.type", c->source_type);
    }
    if (physical_ids) put_physical(w, c && c->id && *c->id ? c->id : column->name);
    sl_json_end_object(w);
    sl_json_end_object(w);
    return good;
}

static enum sl_code take_text(struct sl_json_writer *w, char **out, struct sl_error *error)
{
    size_t len = 0;
    const char *text = w ? sl_json_writer_text(w, &len) : NULL;

    *out = text ? sl_strndup(text, len) : NULL;
    if (!*out) return sl_fail(error, SL_NO_MEMORY, "could not write the table's schema");
    return SL_OK;
}

enum sl_code sl_schema_delta_json(const struct sl_schema *schema, bool physical_ids, char **out,
                                  struct sl_error *error)
{
    struct sl_json_writer *w = sl_json_writer_new();
    bool good = true;
    enum sl_code rc;

    *out = NULL;
    if (!w) return sl_fail(error, SL_NO_MEMORY, "could not write the table's schema");
    sl_json_begin_object(w);
    sl_json_kv_str(w, "type", "struct");
    sl_json_key(w, "fields");
    sl_json_begin_array(w);
    for (size_t i = 0; i < schema->count; i++)
        good &= put_field(w, &schema->columns[i], physical_ids);
    sl_json_end_array(w);
    sl_json_end_object(w);
    rc = take_text(good ? w : NULL, out, error);
    sl_json_writer_free(w);
    return rc;
}

/* ------------------------------------------------------------------ comparing */

/* Nullability and metadata are no part of a type. */
static bool same_type(const struct sl_type *type, const struct sl_json *json)
{
    const struct sl_json *kind = sl_json_get(json, "type");
    char decimal[32];

    switch (type->kind) {
    case SL_TYPE_DECIMAL:
        snprintf(decimal, sizeof decimal, "decimal(%d,%d)", type->precision, type->scale);
        return sl_json_eq(json, decimal);
    case SL_TYPE_ARRAY:
        return sl_json_eq(kind, "array") &&
               same_type(&type->members[0].type, sl_json_get(json, "elementType"));
    case SL_TYPE_MAP:
        return sl_json_eq(kind, "map") && sl_json_eq(sl_json_get(json, "keyType"), "string") &&
               same_type(&type->members[0].type, sl_json_get(json, "valueType"));
    case SL_TYPE_STRUCT: {
        const struct sl_json *fields = sl_json_get(json, "fields");
        size_t i = 0;

        if (!sl_json_eq(kind, "struct") || sl_json_len(fields) != type->member_count) return false;
        for (struct sl_json_each e = sl_json_each(fields); sl_json_next(&e); i++)
            if (!sl_json_eq(sl_json_get(e.value, "name"), type->members[i].name) ||
                !same_type(&type->members[i].type, sl_json_get(e.value, "type")))
                return false;
        return true;
    }
    default: return sl_json_eq(json, words[type->kind].delta);
    }
}

static enum sl_code wrong_type(const struct sl_schema *schema, size_t i, const struct sl_json *has,
                               struct sl_error *error)
{
    struct sl_buf is, wants;
    const struct sl_schema_column *column = &schema->columns[i];

    sl_buf_init(&is, 0);
    sl_buf_init(&wants, 0);
    json_type_sql(has, &is);
    sl_type_sql(column->type, &wants);
    sl_fail(error, SL_UNSUPPORTED,
            "column '%s' is %s in the table, but %s in the source: sluice does not change the type "
            "of a column",
            column->name, sl_buf_str(&is), sl_buf_str(&wants));
    sl_error_hint(error, "Leave it out with exclude_columns, or land the source table in a new "
                         "destination table.");
    sl_buf_release(&is);
    sl_buf_release(&wants);
    return SL_UNSUPPORTED;
}

static const struct sl_json *find_field(const struct sl_json *fields, const char *name)
{
    for (struct sl_json_each e = sl_json_each(fields); sl_json_next(&e);) {
        const char *field = sl_json_str(sl_json_get(e.value, "name"));

        if (field && sl_name_same(field, name)) return e.value;
    }
    return NULL;
}

static enum sl_code write_missing(const struct sl_schema *schema, const struct sl_json *fields,
                                  bool physical_ids, struct sl_json_writer *w, size_t *count,
                                  struct sl_error *error)
{
    sl_json_begin_array(w);
    for (size_t i = 0; i < schema->count; i++) {
        const struct sl_json *field = find_field(fields, schema->columns[i].name);
        struct sl_schema_column column = schema->columns[i];

        if (field && !same_type(column.type, sl_json_get(field, "type")))
            return wrong_type(schema, i, sl_json_get(field, "type"), error);
        if (field) continue;
        column.key = false; /* rows that are there already have no value: it must be nullable */
        if (!put_field(w, &column, physical_ids))
            return sl_fail(error, SL_NO_MEMORY, "could not write the table's schema");
        ++*count;
    }
    sl_json_end_array(w);
    return SL_OK;
}

enum sl_code sl_schema_delta_missing(const struct sl_schema *schema, const char *existing,
                                     bool physical_ids, char **out, struct sl_error *error)
{
    struct sl_json_writer *w = sl_json_writer_new();
    struct sl_doc *doc = sl_doc_new(0);
    const struct sl_json *root, *fields;
    size_t count = 0;
    enum sl_code rc;

    *out = NULL;
    if (!w || !doc) {
        rc = sl_fail(error, SL_NO_MEMORY, "could not compare the table's schema");
        goto out;
    }
    rc = sl_doc_parse_copy(doc, existing, strlen(existing), &root, error);
    if (rc) goto out;
    fields = sl_json_get(root, "fields");
    if (sl_json_kind(fields) != SL_JSON_ARRAY) {
        rc = sl_fail(error, SL_BAD_DATA, "the table's schema has no fields");
        goto out;
    }
    rc = write_missing(schema, fields, physical_ids, w, &count, error);
    if (!rc && count > 0) rc = take_text(w, out, error);

out:
    if (rc) sl_error_context(error, "table '%s'", schema->def->name);
    sl_doc_free(doc);
    sl_json_writer_free(w);
    return rc;
}
