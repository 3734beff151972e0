/* delta_type.c: types in the words of others: Delta's JSON, and SQL. */
#include "table/delta_type.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
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

/* Depth is that of the document. */
void sl_delta_type_sql(const struct sl_json *type, struct sl_buf *out)
{
    const struct sl_json *kind = sl_json_get(type, "type");

    if (sl_json_kind(type) == SL_JSON_STRING) {
        const char *word = sl_json_str(type);

        sl_buf_adds(out, strcmp(word, "long") == 0 ? "bigint" : word);
    } else if (sl_json_eq(kind, "array")) {
        sl_buf_adds(out, "array<");
        sl_delta_type_sql(sl_json_get(type, "elementType"), out);
        sl_buf_addc(out, '>');
    } else if (sl_json_eq(kind, "map")) {
        sl_buf_adds(out, "map<");
        sl_delta_type_sql(sl_json_get(type, "keyType"), out);
        sl_buf_addc(out, ',');
        sl_delta_type_sql(sl_json_get(type, "valueType"), out);
        sl_buf_addc(out, '>');
    } else if (sl_json_eq(kind, "struct")) {
        size_t i = 0;

        sl_buf_adds(out, "struct<");
        for (struct sl_json_each e = sl_json_each(sl_json_get(type, "fields")); sl_json_next(&e);) {
            const char *name = sl_json_str(sl_json_get(e.value, "name"));

            sl_buf_addf(out, "%s%s:", i++ ? "," : "", name ? name : "?");
            sl_delta_type_sql(sl_json_get(e.value, "type"), out);
        }
        sl_buf_addc(out, '>');
    } else {
        sl_buf_adds(out, "?");
    }
}

void sl_type_word(const struct sl_type *type, struct sl_buf *out)
{
    switch (type->kind) {
    case SL_TYPE_DECIMAL: sl_buf_addf(out, "decimal_%d_%d", type->precision, type->scale); break;
    case SL_TYPE_ARRAY:
        sl_buf_adds(out, "array_");
        sl_type_word(&type->members[0].type, out);
        break;
    case SL_TYPE_MAP:
        sl_buf_adds(out, "map_");
        sl_type_word(&type->members[0].type, out);
        break;
    case SL_TYPE_STRUCT: sl_buf_adds(out, "struct"); break;
    default: sl_buf_adds(out, words[type->kind].sql);
    }
}

/* ------------------------------------------------------------------ Delta */

void sl_delta_physical(const char *name, char out[SL_PHYSICAL_MAX])
{
    uint32_t hash = UINT32_C(0x811c9dc5); /* FNV-1a */
    size_t len = 0;
    bool changed = false;

    for (; *name; name++) {
        bool plain = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') ||
                     (*name >= '0' && *name <= '9') || *name == '_' || *name == '-';

        hash = (hash ^ (unsigned char)*name) * UINT32_C(0x01000193);
        changed |= !plain || len == 255;
        if (len < 255) out[len++] = plain ? *name : '_';
    }
    out[len] = 0;
    if (changed) snprintf(out + len, SL_PHYSICAL_MAX - len, "_%08" PRIx32, hash);
}

static void put_member_metadata(struct sl_json_writer *w, const char *name, bool physical_ids)
{
    char physical[SL_PHYSICAL_MAX];

    sl_json_begin_object(w);
    if (physical_ids) {
        sl_delta_physical(name, physical);
        sl_json_kv_str(w, "delta.columnMapping.physicalName", physical);
    }
    sl_json_end_object(w);
}

void sl_delta_type_put(struct sl_json_writer *w, const struct sl_type *type, bool physical_ids)
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
        sl_delta_type_put(w, &type->members[0].type, physical_ids);
        sl_json_kv_bool(w, "containsNull", true);
        sl_json_end_object(w);
        return;
    case SL_TYPE_MAP:
        sl_json_begin_object(w);
        sl_json_kv_str(w, "type", "map");
        sl_json_kv_str(w, "keyType", "string");
        sl_json_key(w, "valueType");
        sl_delta_type_put(w, &type->members[0].type, physical_ids);
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
            sl_delta_type_put(w, &type->members[i].type, physical_ids);
            sl_json_kv_bool(w, "nullable", true);
            sl_json_key(w, "metadata");
            put_member_metadata(w, type->members[i].name, physical_ids);
            sl_json_end_object(w);
        }
        sl_json_end_array(w);
        sl_json_end_object(w);
        return;
    default: sl_json_put_str(w, words[type->kind].delta);
    }
}

bool sl_delta_type_is(const struct sl_json *json, const struct sl_type *type)
{
    const struct sl_json *kind = sl_json_get(json, "type");
    char decimal[32];

    switch (type->kind) {
    case SL_TYPE_DECIMAL:
        snprintf(decimal, sizeof decimal, "decimal(%d,%d)", type->precision, type->scale);
        return sl_json_eq(json, decimal);
    case SL_TYPE_ARRAY:
        return sl_json_eq(kind, "array") &&
               sl_delta_type_is(sl_json_get(json, "elementType"), &type->members[0].type);
    case SL_TYPE_MAP:
        return sl_json_eq(kind, "map") && sl_json_eq(sl_json_get(json, "keyType"), "string") &&
               sl_delta_type_is(sl_json_get(json, "valueType"), &type->members[0].type);
    case SL_TYPE_STRUCT: {
        const struct sl_json *fields = sl_json_get(json, "fields");
        size_t i = 0;

        if (!sl_json_eq(kind, "struct") || sl_json_len(fields) != type->member_count) return false;
        for (struct sl_json_each e = sl_json_each(fields); sl_json_next(&e); i++)
            if (!sl_json_eq(sl_json_get(e.value, "name"), type->members[i].name) ||
                !sl_delta_type_is(sl_json_get(e.value, "type"), &type->members[i].type))
                return false;
        return true;
    }
    default: return sl_json_eq(json, words[type->kind].delta);
    }
}
