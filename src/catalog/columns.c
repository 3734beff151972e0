/*
 * columns.c: Delta schema JSON becomes ColumnInfo.
 *
 *     {"name":"n","type":"long","nullable":true,"metadata":{"comment":"..."}}
 *     -> name, type_text "bigint", type_name LONG, type_json (the field as text), position, ...
 */
#include <string.h>

#include "base/buf.h"
#include "catalog/internal.h"
#include "json/doc.h"

#define TYPE_DEPTH_MAX 64

/* Delta's name, SQL's name, the API's name. decimal(p,s) is its own case. */
static const struct {
    const char *delta, *sql, *api;
} types[] = {
    {"string", "string", "STRING"},
    {"long", "bigint", "LONG"},
    {"integer", "int", "INT"},
    {"short", "smallint", "SHORT"},
    {"byte", "tinyint", "BYTE"},
    {"double", "double", "DOUBLE"},
    {"float", "float", "FLOAT"},
    {"boolean", "boolean", "BOOLEAN"},
    {"binary", "binary", "BINARY"},
    {"date", "date", "DATE"},
    {"timestamp", "timestamp", "TIMESTAMP"},
    {"timestamp_ntz", "timestamp_ntz", "TIMESTAMP_NTZ"},
    {"variant", "variant", "VARIANT"},
};
#define TYPE_COUNT (sizeof types / sizeof *types)

static void type_text(const struct sl_json *type, struct sl_buf *out, int depth)
{
    const char *name = sl_json_str(type);
    const struct sl_json *kind = sl_json_get(type, "type");
    bool first = true;

    if (depth > TYPE_DEPTH_MAX) {
        sl_buf_adds(out, "...");
    } else if (name) {
        size_t i = 0;
        while (i < TYPE_COUNT && strcmp(types[i].delta, name) != 0) i++;
        sl_buf_adds(out, i < TYPE_COUNT ? types[i].sql : name);
    } else if (sl_json_eq(kind, "array")) {
        sl_buf_adds(out, "array<");
        type_text(sl_json_get(type, "elementType"), out, depth + 1);
        sl_buf_addc(out, '>');
    } else if (sl_json_eq(kind, "map")) {
        sl_buf_adds(out, "map<");
        type_text(sl_json_get(type, "keyType"), out, depth + 1);
        sl_buf_addc(out, ',');
        type_text(sl_json_get(type, "valueType"), out, depth + 1);
        sl_buf_addc(out, '>');
    } else {
        sl_buf_adds(out, "struct<");
        for (struct sl_json_each e = sl_json_each(sl_json_get(type, "fields")); sl_json_next(&e);) {
            const char *field = sl_json_str(sl_json_get(e.value, "name"));
            sl_buf_addf(out, "%s%s:", first ? "" : ",", field ? field : "");
            type_text(sl_json_get(e.value, "type"), out, depth + 1);
            first = false;
        }
        sl_buf_addc(out, '>');
    }
}

static const char *type_name(const struct sl_json *type)
{
    const char *name = sl_json_str(type);
    const struct sl_json *kind = sl_json_get(type, "type");

    if (!name)
        return sl_json_eq(kind, "array") ? "ARRAY" : sl_json_eq(kind, "map") ? "MAP" : "STRUCT";
    if (strncmp(name, "decimal", 7) == 0) return "DECIMAL";
    for (size_t i = 0; i < TYPE_COUNT; i++)
        if (strcmp(types[i].delta, name) == 0) return types[i].api;
    return "USER_DEFINED_TYPE";
}

/* "decimal(10,2)" -> type_precision, type_scale. */
static void decimal_write(struct sl_json_writer *w, const char *name)
{
    int64_t numbers[2] = {10, 0};
    size_t at = 0;

    if (!name || strncmp(name, "decimal(", 8) != 0) return;
    numbers[0] = numbers[1] = 0;
    for (const char *c = name + 8; *c && *c != ')'; c++) {
        if (*c == ',' && at == 0) at = 1;
        if (*c >= '0' && *c <= '9' && numbers[at] < 1000) numbers[at] = numbers[at] * 10 + *c - '0';
    }
    sl_json_kv_i64(w, "type_precision", numbers[0]);
    sl_json_kv_i64(w, "type_scale", numbers[1]);
}

static enum sl_code column_write(struct sl_json_writer *w, const struct sl_json *field,
                                 int64_t position, struct sl_error *error)
{
    const struct sl_json *type = sl_json_get(field, "type");
    const struct sl_json *nullable = sl_json_get(field, "nullable");
    const char *comment = sl_json_str(sl_json_path(field, "metadata", "comment", NULL));
    struct sl_buf text = {0};
    size_t len = 0;
    struct sl_json_writer *whole = sl_json_writer_new();

    if (!whole) return sl_fail(error, SL_NO_MEMORY, "no memory for a column");
    type_text(type, &text, 0);
    sl_json_put_value(whole, field);
    const char *json = sl_json_writer_text(whole, &len);
    bool good = json && !sl_buf_failed(&text);
    if (good) {
        sl_json_begin_object(w);
        sl_json_kv_str(w, "name", sl_json_str(sl_json_get(field, "name")));
        sl_json_kv_str(w, "type_text", sl_buf_str(&text));
        sl_json_kv_str(w, "type_name", type_name(type));
        sl_json_key(w, "type_json");
        sl_json_put_strn(w, json, len);
        decimal_write(w, sl_json_str(type));
        sl_json_kv_i64(w, "position", position);
        sl_json_kv_bool(w, "nullable", !nullable || sl_json_true(nullable));
        if (comment) sl_json_kv_str(w, "comment", comment);
        sl_json_end_object(w);
    }
    sl_json_writer_free(whole);
    sl_buf_release(&text);
    return good ? SL_OK : sl_fail(error, SL_NO_MEMORY, "no memory for a column");
}

enum sl_code sl_columns_write(struct sl_json_writer *w, const char *schema_json,
                              struct sl_error *error)
{
    const struct sl_json *root = NULL;
    int64_t position = 0;
    struct sl_doc *doc = sl_doc_new(0);

    if (!doc) return sl_fail(error, SL_NO_MEMORY, "no memory for a schema");
    enum sl_code rc = sl_doc_parse_copy(doc, schema_json, strlen(schema_json), &root, error);
    sl_json_key(w, "columns");
    sl_json_begin_array(w);
    for (struct sl_json_each e = sl_json_each(sl_json_get(root, "fields"));
         !rc && sl_json_next(&e);)
        rc = column_write(w, e.value, position++, error);
    sl_json_end_array(w);
    sl_doc_free(doc);
    return rc;
}
