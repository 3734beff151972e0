/*
 * node.h: <sluice/json.h> without its checks and calls, for loops that run once per cell.
 *
 * A value is one yyjson_val. A document is one array of them, parents before their children, so a
 * walk is a walk through memory. None of these accept NULL, unless they say so.
 *
 *     const struct sl_json *key = sl_node_first(object);
 *     for (size_t n = sl_node_len(object); n > 0; n--) {
 *         const struct sl_json *value = sl_node_value(key);
 *         ...
 *         key = sl_node_after(value);
 *     }
 *
 * An array is walked the same way, element = sl_node_after(element). The pointer after the last
 * element may not be read.
 */
#ifndef SL_NODE_H
#define SL_NODE_H

#include <sluice/json.h>

#include <string.h>
#include <yyjson.h>

static inline const yyjson_val *sl_node_val(const struct sl_json *value)
{
    return (const yyjson_val *)(const void *)value;
}

static inline const struct sl_json *sl_node_of(const yyjson_val *value)
{
    return (const struct sl_json *)(const void *)value;
}

/* Numbers are kept as their text, which yyjson calls RAW. */
static inline enum sl_json_kind sl_node_kind(const struct sl_json *value)
{
    static const unsigned char kinds[8] = {
        [YYJSON_TYPE_RAW] = SL_JSON_NUMBER, [YYJSON_TYPE_NULL] = SL_JSON_NULL,
        [YYJSON_TYPE_BOOL] = SL_JSON_BOOL,  [YYJSON_TYPE_STR] = SL_JSON_STRING,
        [YYJSON_TYPE_ARR] = SL_JSON_ARRAY,  [YYJSON_TYPE_OBJ] = SL_JSON_OBJECT,
    };

    return (enum sl_json_kind)kinds[sl_node_val(value)->tag & YYJSON_TYPE_MASK];
}

static inline bool sl_node_is_container(const struct sl_json *value)
{
    return (sl_node_val(value)->tag & YYJSON_TYPE_MASK) >= YYJSON_TYPE_ARR;
}

/* A bool only. */
static inline bool sl_node_true(const struct sl_json *value)
{
    return (sl_node_val(value)->tag & YYJSON_SUBTYPE_MASK) == YYJSON_SUBTYPE_TRUE;
}

/* The bytes of a string or a number; both end with a NUL. */
static inline const char *sl_node_text(const struct sl_json *value)
{
    return sl_node_val(value)->uni.str;
}

/* Bytes of a string or a number, elements of an array, members of an object. */
static inline size_t sl_node_len(const struct sl_json *value)
{
    return (size_t)(sl_node_val(value)->tag >> YYJSON_TAG_BIT);
}

/* The first element of an array, or key of an object, that is not empty. */
static inline const struct sl_json *sl_node_first(const struct sl_json *container)
{
    return sl_node_of(sl_node_val(container) + 1);
}

static inline const struct sl_json *sl_node_value(const struct sl_json *key)
{
    return sl_node_of(sl_node_val(key) + 1);
}

/* What stands behind a value and all that is in it: the next element, or the next key. */
static inline const struct sl_json *sl_node_after(const struct sl_json *value)
{
    const yyjson_val *val = sl_node_val(value);

    if (!sl_node_is_container(value)) return sl_node_of(val + 1);
    return sl_node_of((const yyjson_val *)(const void *)((const char *)val + val->uni.ofs));
}

/* Is this string (or this number's text) equal to text[0..len)? */
static inline bool sl_node_eq(const struct sl_json *value, const char *text, size_t len)
{
    return sl_node_len(value) == len && memcmp(sl_node_text(value), text, len) == 0;
}

/*
 * A number's text as int64_t, false when it is not exactly one (1e3 and 5.0 are). The nearest
 * double, correctly rounded; beyond the largest one an infinity. text must be a JSON number and
 * text[len] must be 0.
 */
bool sl_number_i64(const char *text, size_t len, int64_t *out);
double sl_number_double(const char *text, size_t len);

#endif
