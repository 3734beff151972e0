#include <sluice/json.h>

#include "json/node.h"

#include <stdarg.h>
#include <string.h>

static bool is(const struct sl_json *value, enum sl_json_kind kind)
{
    return value && sl_node_kind(value) == kind;
}

enum sl_json_kind sl_json_kind(const struct sl_json *value)
{
    return value ? sl_node_kind(value) : SL_JSON_NONE;
}

const char *sl_json_kind_name(enum sl_json_kind kind)
{
    switch (kind) {
    case SL_JSON_NONE: return "nothing";
    case SL_JSON_NULL: return "null";
    case SL_JSON_BOOL: return "boolean";
    case SL_JSON_NUMBER: return "number";
    case SL_JSON_STRING: return "string";
    case SL_JSON_ARRAY: return "array";
    case SL_JSON_OBJECT: return "object";
    }
    return "nothing";
}

const struct sl_json *sl_json_get(const struct sl_json *object, const char *key)
{
    if (!key || !is(object, SL_JSON_OBJECT)) return NULL;

    size_t len = strlen(key);
    const struct sl_json *at = sl_node_first(object);
    for (size_t n = sl_node_len(object); n > 0; n--) {
        if (sl_node_eq(at, key, len)) return sl_node_value(at);
        at = sl_node_after(sl_node_value(at));
    }
    return NULL;
}

const struct sl_json *sl_json_path(const struct sl_json *object, ...)
{
    const char *key;
    va_list keys;

    va_start(keys, object);
    while (object && (key = va_arg(keys, const char *))) object = sl_json_get(object, key);
    va_end(keys);
    return object;
}

size_t sl_json_len(const struct sl_json *value)
{
    return value && sl_node_is_container(value) ? sl_node_len(value) : 0;
}

struct sl_json_each sl_json_each(const struct sl_json *value)
{
    struct sl_json_each each = {.left = sl_json_len(value)};

    if (each.left == 0) return each;
    each.next = sl_node_first(value);
    each.object = sl_node_kind(value) == SL_JSON_OBJECT;
    return each;
}

bool sl_json_next(struct sl_json_each *each)
{
    if (each->left == 0) {
        each->key = each->value = NULL;
        return false;
    }
    each->left--;
    each->key = each->object ? each->next : NULL;
    each->value = each->object ? sl_node_value(each->next) : each->next;
    each->next = sl_node_after(each->value);
    return true;
}

const char *sl_json_str(const struct sl_json *value)
{
    return is(value, SL_JSON_STRING) ? sl_node_text(value) : NULL;
}

size_t sl_json_str_len(const struct sl_json *value)
{
    return is(value, SL_JSON_STRING) ? sl_node_len(value) : 0;
}

bool sl_json_eq(const struct sl_json *value, const char *text)
{
    return text && is(value, SL_JSON_STRING) && sl_node_eq(value, text, strlen(text));
}

bool sl_json_true(const struct sl_json *value)
{
    return is(value, SL_JSON_BOOL) && sl_node_true(value);
}

bool sl_json_i64(const struct sl_json *value, int64_t *out)
{
    return is(value, SL_JSON_NUMBER) && sl_number_i64(sl_node_text(value), sl_node_len(value), out);
}

bool sl_json_double(const struct sl_json *value, double *out)
{
    if (!is(value, SL_JSON_NUMBER)) return false;
    *out = sl_number_double(sl_node_text(value), sl_node_len(value));
    return true;
}

const char *sl_json_number_text(const struct sl_json *value)
{
    return is(value, SL_JSON_NUMBER) ? sl_node_text(value) : NULL;
}
