/*
 * decode.c: one JSON value into one slot of a column.
 *
 * This is the table of docs/types.md. Down: what the column is; across: what arrived.
 * T: stored as text; [x]: stored as an array of one; wt, oor, pr, uf, sv, se, bu: rescued as
 * wrong_type, out_of_range, precision, unknown_field, special_value, source_error, bad_unicode.
 *
 *              null  bool    number                string          array       object
 *   BOOLEAN    NULL  stored  1, 0; else wt         wt              one or wt   special or wt
 *   BIGINT     NULL  wt      integer; oor; wt      wt              one or wt   special or wt
 *   DOUBLE     NULL  wt      nearest (+pr); oor    wt              one or wt   special or wt
 *   DECIMAL    NULL  wt      exact; nearest+pr;oor wt              one or wt   special or wt
 *   STRING     NULL  T       T, its own digits     stored (+bu)    one or wt   special or wt
 *    .. json   NULL  T       T, its own digits     stored (+bu)    T (+bu)     special or T
 *   BINARY     NULL  wt      wt                    base64; wt      one or wt   special or wt
 *   DATE       NULL  wt      wt                    date, midnight  one or wt   special or wt
 *   TIMESTAMP  NULL  wt      wt                    with zone (+pr) one or wt   special or wt
 *    .. epoch  NULL  wt      (+pr); oor            the same number one or wt   special or wt
 *   ARRAY      NULL  [x]     [x]                   [x]             elements    special or [x]
 *   STRUCT     NULL  wt      wt                    wt              one or wt   members (+uf)
 *   MAP        NULL  wt      wt                    wt              one or wt   entries
 *
 * epoch: decode SECONDS or MILLIS. [x] only if x fits the element; else NULL and x's reason.
 * Decode TEXT: a string is read as what it stands for ("true", "12.50"), and "" is NULL.
 * Absent is NULL; BOOLEAN with missing_is_false: false. "one": an array of one element counts as
 * that element. "special": the connector is asked whether the object stands for something else
 * (for STRUCT and MAP only if it has one member): a number goes into DOUBLE, else NULL and sv; an
 * error is NULL and se. Inside ARRAY, STRUCT and MAP the same rules hold for each value, and the
 * whole column's raw value is rescued, once, with the first reason.
 */
#include "table/decode.h"

#include <math.h>
#include <string.h>

#include <nanoarrow/nanoarrow.h>
#include <sluice/time.h>

#include "json/node.h"
#include "json/write.h"
#include "table/digits.h"
#include "table/keymap.h"

#define RESCUE(reason) (SL_FIT_RESCUE + (int)SL_RESCUE_##reason)

/* What Spark and most readers can show: years 1 to 9999. */
#define TIME_MIN_US INT64_C(-62135596800000000)
#define TIME_MAX_US INT64_C(253402300799999999)

static int put_null(struct sl_cells *cells, int fit)
{
    return sl_cells_put_null(cells) ? fit : SL_FIT_NO_MEMORY;
}

static int put_text(struct sl_decoder *d, struct sl_cells *cells, const char *text, size_t len)
{
    if (sl_cells_full(cells, len)) return SL_FIT_TOO_LARGE;
    d->bytes += len;
    return sl_cells_put_bytes(cells, text, len) ? SL_FIT : SL_FIT_NO_MEMORY;
}

/* ------------------------------------------------------------------ what does not fit plainly */

/* Does this object stand for something else? Then it was put. */
static bool put_special(struct sl_decoder *d, struct sl_cells *cells, const struct sl_json *object,
                        int *fit)
{
    double number = 0;

    if (!d->special) return false;
    switch (d->special(object, &number)) {
    case SL_SPECIAL_NONE: return false;
    case SL_SPECIAL_NUMBER:
        if (cells->kind == SL_TYPE_DOUBLE)
            *fit = sl_cells_put_double(cells, number) ? SL_FIT : SL_FIT_NO_MEMORY;
        else
            *fit = put_null(cells, RESCUE(SPECIAL));
        return true;
    case SL_SPECIAL_ERROR: *fit = put_null(cells, RESCUE(SOURCE_ERROR)); return true;
    }
    return false;
}

/* A value of another kind than the column's. */
static int decode_misfit(struct sl_decoder *d, struct sl_cells *cells, const struct sl_json *value)
{
    int fit;

    switch (sl_node_kind(value)) {
    case SL_JSON_NULL: return put_null(cells, SL_FIT);
    case SL_JSON_OBJECT:
        if (put_special(d, cells, value, &fit)) return fit;
        break;
    case SL_JSON_ARRAY: /* the depth of this recursion is 1: the element is no array */
        if (sl_node_len(value) == 1 && sl_node_kind(sl_node_first(value)) != SL_JSON_ARRAY)
            return sl_decode(d, cells, sl_node_first(value));
        break;
    default: break;
    }
    return put_null(cells, RESCUE(SHAPE));
}

/* ------------------------------------------------------------------ numbers */

static int decode_bool(struct sl_decoder *d, struct sl_cells *cells, const struct sl_json *value)
{
    enum sl_json_kind kind = sl_node_kind(value);
    bool truth;
    int64_t number;

    if (kind == SL_JSON_BOOL)
        truth = sl_node_true(value);
    else if (kind == SL_JSON_NUMBER && sl_json_i64(value, &number) && (number | 1) == 1)
        truth = number == 1;
    else
        return decode_misfit(d, cells, value);
    return sl_cells_put_bool(cells, truth) ? SL_FIT : SL_FIT_NO_MEMORY;
}

static int put_bigint(struct sl_cells *cells, const char *text, size_t len)
{
    struct sl_digits digits;
    int64_t number;

    if (sl_number_i64(text, len, &number))
        return sl_cells_put_i64(cells, number) ? SL_FIT : SL_FIT_NO_MEMORY;
    if (sl_digits_parse(text, len, &digits) && digits.exponent >= 0)
        return put_null(cells, RESCUE(RANGE));
    return put_null(cells, RESCUE(SHAPE));
}

static int decode_bigint(struct sl_decoder *d, struct sl_cells *cells, const struct sl_json *value)
{
    if (sl_node_kind(value) != SL_JSON_NUMBER) return decode_misfit(d, cells, value);
    return put_bigint(cells, sl_node_text(value), sl_node_len(value));
}

/* Is this text what the double shows, either in its shortest form or with as many digits? */
static bool is_exact(struct sl_decoder *d, const char *text, size_t len, double number)
{
    struct sl_digits digits, shortest;

    if (sl_digits_surely_are(text, len, number)) return true;
    if (!sl_digits_parse(text, len, &digits)) return false;
    sl_buf_reset(&d->scratch);
    sl_write_double(&d->scratch, number);
    if (!sl_buf_failed(&d->scratch) &&
        sl_digits_parse(sl_buf_str(&d->scratch), d->scratch.len, &shortest) &&
        sl_digits_equal(&digits, &shortest))
        return true;
    return sl_digits_are(&digits, number);
}

/* A JSON number's text. */
static int put_double(struct sl_decoder *d, struct sl_cells *cells, const char *text, size_t len)
{
    double number = sl_number_double(text, len);

    if (isinf(number)) return put_null(cells, RESCUE(RANGE));
    if (!sl_cells_put_double(cells, number)) return SL_FIT_NO_MEMORY;
    return is_exact(d, text, len, number) ? SL_FIT : RESCUE(PRECISION);
}

static int decode_double(struct sl_decoder *d, struct sl_cells *cells, const struct sl_json *value)
{
    if (sl_node_kind(value) != SL_JSON_NUMBER) return decode_misfit(d, cells, value);
    return put_double(d, cells, sl_node_text(value), sl_node_len(value));
}

static int put_decimal(struct sl_cells *cells, const char *number, size_t len)
{
    struct ArrowDecimal decimal;
    struct ArrowStringView view;
    struct sl_digits digits;
    enum sl_scaled scaled;
    char text[42];
    unsigned char words[16];

    if (!sl_digits_parse(number, len, &digits)) return put_null(cells, RESCUE(SHAPE));
    scaled = sl_digits_scale(&digits, cells->scale, cells->precision, text);
    if (scaled == SL_SCALED_TOO_LARGE) return put_null(cells, RESCUE(RANGE));
    view = (struct ArrowStringView){text, (int64_t)strlen(text)};
    ArrowDecimalInit(&decimal, 128, cells->precision, cells->scale);
    if (ArrowDecimalSetDigits(&decimal, view) != NANOARROW_OK)
        return put_null(cells, RESCUE(RANGE));
    memcpy(words, decimal.words, sizeof words);
    if (!sl_cells_put_decimal(cells, words)) return SL_FIT_NO_MEMORY;
    return scaled == SL_SCALED_EXACT ? SL_FIT : RESCUE(PRECISION);
}

static int decode_decimal(struct sl_decoder *d, struct sl_cells *cells, const struct sl_json *value)
{
    if (sl_node_kind(value) != SL_JSON_NUMBER) return decode_misfit(d, cells, value);
    return put_decimal(cells, sl_node_text(value), sl_node_len(value));
}

/* ------------------------------------------------------------------ times */

/* "2026-03-01", or a time whose rest is midnight as it is written. */
static int put_date(struct sl_cells *cells, const char *text, size_t len)
{
    int32_t days;
    int64_t us;
    bool has_zone, midnight = true;

    if (len < 10 || !sl_date_parse(text, 10, &days)) return put_null(cells, RESCUE(SHAPE));
    if (len > 10) {
        if (!sl_time_parse(text, len, &us, &has_zone)) return put_null(cells, RESCUE(SHAPE));
        for (size_t i = 11; i < len && text[i] != 'Z' && text[i] != '+' && text[i] != '-'; i++)
            midnight &= text[i] == '0' || text[i] == ':' || text[i] == '.' || text[i] == ',';
        if (!midnight) return put_null(cells, RESCUE(SHAPE));
    }
    return sl_cells_put_i32(cells, days) ? SL_FIT : SL_FIT_NO_MEMORY;
}

static int put_time(struct sl_cells *cells, int64_t us, bool exact)
{
    if (us < TIME_MIN_US || us > TIME_MAX_US) return put_null(cells, RESCUE(RANGE));
    if (!sl_cells_put_i64(cells, us)) return SL_FIT_NO_MEMORY;
    return exact ? SL_FIT : RESCUE(PRECISION);
}

/* Are there digits behind the microseconds? */
static bool has_nanoseconds(const char *text, size_t len)
{
    const char *p = len > 26 ? memchr(text, '.', len) : NULL;

    if (!p) return false;
    for (size_t i = 1; p + i < text + len && p[i] >= '0' && p[i] <= '9'; i++)
        if (i > 6 && p[i] != '0') return true;
    return false;
}

static int put_iso(struct sl_cells *cells, const char *text, size_t len)
{
    int64_t us;
    bool has_zone;

    if (sl_time_parse(text, len, &us, &has_zone)) {
        if (has_zone) return put_time(cells, us, !has_nanoseconds(text, len));
    } else if (len > 8 && (text[0] == '+' || text[0] == '-') && text[7] == '-' &&
               strspn(text + 1, "0123456789") == 6) {
        return put_null(cells, RESCUE(RANGE)); /* +020222-01-01T...: a year beyond 9999 */
    }
    return put_null(cells, RESCUE(SHAPE));
}

/* Seconds or milliseconds since 1970. */
static int put_epoch(struct sl_cells *cells, const char *text, size_t len)
{
    int scale = cells->decode == SL_DECODE_SECONDS ? 6 : 3;
    struct sl_digits digits;
    enum sl_scaled scaled;
    int64_t us;
    char out[42];

    if (!sl_digits_parse(text, len, &digits)) return put_null(cells, RESCUE(SHAPE));
    scaled = sl_digits_scale(&digits, scale, 18, out);
    if (scaled == SL_SCALED_TOO_LARGE || !sl_number_i64(out, strlen(out), &us))
        return put_null(cells, RESCUE(RANGE));
    return put_time(cells, us, scaled == SL_SCALED_EXACT);
}

static bool is_epoch(const struct sl_cells *cells)
{
    return cells->decode == SL_DECODE_SECONDS || cells->decode == SL_DECODE_MILLIS;
}

static int decode_time(struct sl_decoder *d, struct sl_cells *cells, const struct sl_json *value)
{
    enum sl_json_kind kind = sl_node_kind(value);

    if (is_epoch(cells) && (kind == SL_JSON_NUMBER || kind == SL_JSON_STRING))
        return put_epoch(cells, sl_node_text(value), sl_node_len(value));
    if (kind == SL_JSON_STRING) return put_iso(cells, sl_node_text(value), sl_node_len(value));
    return decode_misfit(d, cells, value);
}

/* ------------------------------------------------------------------ text and bytes */

/* Is there a bad string in this value, or among its keys? */
static bool has_bad_string(const struct sl_doc *doc, const struct sl_json *value)
{
    const yyjson_val *end = sl_node_val(sl_node_after(value));
    size_t len;

    for (const yyjson_val *v = sl_node_val(value); v < end; v++)
        if (sl_doc_bad_string(doc, sl_node_of(v), &len)) return true;
    return false;
}

/* Any value as its JSON text. */
static int put_json(struct sl_decoder *d, struct sl_cells *cells, const struct sl_json *value)
{
    int fit;

    sl_buf_reset(&d->scratch);
    sl_write_value(&d->scratch, value);
    if (sl_buf_failed(&d->scratch)) return SL_FIT_NO_MEMORY;
    fit = put_text(d, cells, sl_buf_str(&d->scratch), d->scratch.len);
    return fit == SL_FIT && d->bads && has_bad_string(d->doc, value) ? RESCUE(UNICODE) : fit;
}

static int decode_string(struct sl_decoder *d, struct sl_cells *cells, const struct sl_json *value)
{
    size_t raw_len;
    int fit;

    switch (sl_node_kind(value)) {
    case SL_JSON_STRING:
        fit = put_text(d, cells, sl_node_text(value), sl_node_len(value));
        if (fit == SL_FIT && d->bads && sl_doc_bad_string(d->doc, value, &raw_len))
            return RESCUE(UNICODE);
        return fit;
    case SL_JSON_NUMBER: return put_text(d, cells, sl_node_text(value), sl_node_len(value));
    case SL_JSON_BOOL:
        return sl_node_true(value) ? put_text(d, cells, "true", 4) : put_text(d, cells, "false", 5);
    case SL_JSON_OBJECT:
    case SL_JSON_ARRAY:
        if (cells->decode != SL_DECODE_JSON) break;
        if (sl_node_kind(value) == SL_JSON_OBJECT && put_special(d, cells, value, &fit)) return fit;
        return put_json(d, cells, value);
    default: break;
    }
    return decode_misfit(d, cells, value);
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

/* RFC 4648, both alphabets, with or without padding. */
static int put_base64(struct sl_decoder *d, struct sl_cells *cells, const char *text, size_t len)
{
    uint32_t bits = 0;
    unsigned held = 0;
    char *out;
    size_t out_len = 0, padding = 0;

    while (len > 0 && padding < 2 && text[len - 1] == '=') {
        len--;
        padding++;
    }
    sl_buf_reset(&d->scratch);
    out = sl_buf_reserve(&d->scratch, len + 1);
    if (!out) return SL_FIT_NO_MEMORY;
    if (len % 4 == 1 || (padding > 0 && (len + padding) % 4 != 0))
        return put_null(cells, RESCUE(SHAPE));
    for (size_t i = 0; i < len; i++) {
        int digit = base64_digit(text[i]);

        if (digit < 0) return put_null(cells, RESCUE(SHAPE));
        bits = bits << 6 | (uint32_t)digit;
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[out_len++] = (char)(bits >> held & 0xFF);
        }
    }
    return put_text(d, cells, out, out_len);
}

/* ------------------------------------------------------------------ containers */

/* Elements of an array into a list's child; one level of arrays in it is opened if asked for. */
static int put_elements(struct sl_decoder *d, struct sl_cells *cells, const struct sl_json *array,
                        bool flatten)
{
    struct sl_cells *child = &cells->children[0];
    const struct sl_json *element = sl_node_first(array);
    int fit = SL_FIT;

    for (size_t n = sl_node_len(array); n > 0; n--) {
        int one;

        if (child->length == INT32_MAX) return SL_FIT_TOO_LARGE;
        if (flatten && sl_node_kind(element) == SL_JSON_ARRAY)
            one = put_elements(d, cells, element, false);
        else
            one = sl_decode(d, child, element);
        if (one < 0) return one;
        if (fit == SL_FIT) fit = one;
        if (n > 1) element = sl_node_after(element);
    }
    d->bytes += sl_node_len(array) * (child->width + 1);
    return fit;
}

static int decode_array(struct sl_decoder *d, struct sl_cells *cells, const struct sl_json *value)
{
    struct sl_cells *child = &cells->children[0];
    bool flatten = cells->decode == SL_DECODE_ONE_OR_ARRAY && child->kind != SL_TYPE_ARRAY;
    int fit;

    switch (sl_node_kind(value)) {
    case SL_JSON_NULL: return put_null(cells, SL_FIT);
    case SL_JSON_ARRAY: fit = put_elements(d, cells, value, flatten); break;
    default: /* a single value counts as an array of one, if it fits */
        if (child->length == INT32_MAX) return SL_FIT_TOO_LARGE;
        fit = sl_decode(d, child, value);
        if (fit >= 0 && sl_cells_is_null(child, child->length - 1)) {
            sl_cells_pop(child);
            return put_null(cells, fit);
        }
    }
    if (fit < 0) return fit;
    return sl_cells_put_list(cells) ? fit : SL_FIT_NO_MEMORY;
}

static int decode_struct(struct sl_decoder *d, struct sl_cells *cells, const struct sl_json *value)
{
    uint32_t before = (uint32_t)cells->members->count;
    const struct sl_json *key;
    int fit = SL_FIT;

    if (sl_node_kind(value) != SL_JSON_OBJECT) return decode_misfit(d, cells, value);
    if (sl_node_len(value) == 1 && put_special(d, cells, value, &fit)) return fit;
    if (!sl_cells_room(cells)) return SL_FIT_NO_MEMORY;
    key = sl_node_first(value);
    for (size_t n = sl_node_len(value); n > 0; n--) {
        const struct sl_json *member = sl_node_value(key);
        uint32_t i = sl_keymap_find(cells->members, &before, sl_node_text(key), sl_node_len(key));
        int one = RESCUE(UNKNOWN_FIELD); /* also the second of two equal keys */

        if (i == SL_KEYMAP_NONE && cells->open)
            one = SL_FIT;
        else if (i != SL_KEYMAP_NONE && cells->children[i].length == cells->length)
            one = sl_decode(d, &cells->children[i], member);
        if (one < 0) return one;
        if (fit == SL_FIT) fit = one;
        if (n > 1) key = sl_node_after(member);
    }
    for (size_t i = 0; i < cells->child_count; i++)
        if (cells->children[i].length == cells->length && !sl_cells_put_null(&cells->children[i]))
            return SL_FIT_NO_MEMORY;
    sl_cells_done(cells);
    return fit;
}

static int decode_map(struct sl_decoder *d, struct sl_cells *cells, const struct sl_json *value)
{
    struct sl_cells *entries = &cells->children[0];
    const struct sl_json *key;
    int fit = SL_FIT;

    if (sl_node_kind(value) != SL_JSON_OBJECT) return decode_misfit(d, cells, value);
    if (sl_node_len(value) == 1 && put_special(d, cells, value, &fit)) return fit;
    key = sl_node_first(value);
    for (size_t n = sl_node_len(value); n > 0; n--) {
        int one;

        if (entries->length == INT32_MAX) return SL_FIT_TOO_LARGE;
        one = decode_string(d, &entries->children[0], key);
        if (one >= 0 && fit == SL_FIT) fit = one;
        if (one >= 0) one = sl_decode(d, &entries->children[1], sl_node_value(key));
        if (one < 0) return one;
        if (fit == SL_FIT) fit = one;
        if (!sl_cells_room(entries)) return SL_FIT_NO_MEMORY;
        sl_cells_done(entries);
        if (n > 1) key = sl_node_after(sl_node_value(key));
    }
    return sl_cells_put_list(cells) ? fit : SL_FIT_NO_MEMORY;
}

/* ------------------------------------------------------------------ by type */

/* A string that stands for a truth or a number (SL_DECODE_TEXT); not "". */
static int decode_worded(struct sl_decoder *d, struct sl_cells *cells, const char *text, size_t len)
{
    struct sl_digits digits;
    bool truth = len == 4 && memcmp(text, "true", 4) == 0;

    switch (cells->kind) {
    case SL_TYPE_BOOLEAN:
        if (!truth && !(len == 5 && memcmp(text, "false", 5) == 0)) break;
        return sl_cells_put_bool(cells, truth) ? SL_FIT : SL_FIT_NO_MEMORY;
    case SL_TYPE_DOUBLE:
        if (!sl_digits_parse(text, len, &digits)) break;
        return put_double(d, cells, text, len);
    case SL_TYPE_BIGINT: return put_bigint(cells, text, len);
    default: return put_decimal(cells, text, len);
    }
    return put_null(cells, RESCUE(SHAPE));
}

static bool is_worded(enum sl_type_kind kind)
{
    return kind == SL_TYPE_BOOLEAN || kind == SL_TYPE_BIGINT || kind == SL_TYPE_DOUBLE ||
           kind == SL_TYPE_DECIMAL;
}

int sl_decode(struct sl_decoder *d, struct sl_cells *cells, const struct sl_json *value)
{
    if (cells->decode == SL_DECODE_TEXT && sl_node_kind(value) == SL_JSON_STRING) {
        if (sl_node_len(value) == 0) return put_null(cells, SL_FIT);
        if (is_worded(cells->kind))
            return decode_worded(d, cells, sl_node_text(value), sl_node_len(value));
    }
    switch (cells->kind) {
    case SL_TYPE_STRING: return decode_string(d, cells, value);
    case SL_TYPE_DOUBLE: return decode_double(d, cells, value);
    case SL_TYPE_BIGINT: return decode_bigint(d, cells, value);
    case SL_TYPE_BOOLEAN: return decode_bool(d, cells, value);
    case SL_TYPE_TIMESTAMP: return decode_time(d, cells, value);
    case SL_TYPE_DATE:
        if (sl_node_kind(value) == SL_JSON_STRING)
            return put_date(cells, sl_node_text(value), sl_node_len(value));
        return decode_misfit(d, cells, value);
    case SL_TYPE_BINARY:
        if (sl_node_kind(value) == SL_JSON_STRING)
            return put_base64(d, cells, sl_node_text(value), sl_node_len(value));
        return decode_misfit(d, cells, value);
    case SL_TYPE_DECIMAL: return decode_decimal(d, cells, value);
    case SL_TYPE_ARRAY: return decode_array(d, cells, value);
    case SL_TYPE_STRUCT: return decode_struct(d, cells, value);
    case SL_TYPE_MAP: return decode_map(d, cells, value);
    }
    return put_null(cells, RESCUE(SHAPE));
}

/* The text of everything that JSON writes without quotes. */
static int decode_json_text(struct sl_decoder *d, struct sl_cells *cells, const char *text)
{
    const struct sl_doc *doc = d->doc;
    bool bads = d->bads;
    const struct sl_json *value;
    struct sl_error error;
    int fit;

    if (!d->text_doc) d->text_doc = sl_doc_new(0);
    if (!d->text_doc) return SL_FIT_NO_MEMORY;
    switch (sl_doc_parse_copy(d->text_doc, text, strlen(text), &value, &error)) {
    case SL_OK:
        sl_decoder_read(d, d->text_doc);
        fit = sl_decode(d, cells, value);
        d->doc = doc;
        d->bads = bads;
        return fit;
    case SL_NO_MEMORY: return SL_FIT_NO_MEMORY;
    default: return put_null(cells, RESCUE(SHAPE));
    }
}

void sl_decoder_read(struct sl_decoder *d, const struct sl_doc *doc)
{
    d->doc = doc;
    d->bads = doc && sl_doc_bad_count(doc) > 0;
}

int sl_decode_text(struct sl_decoder *d, struct sl_cells *cells, const char *text)
{
    if (!text) return put_null(cells, SL_FIT);
    switch (cells->kind) {
    case SL_TYPE_STRING: return put_text(d, cells, text, strlen(text));
    case SL_TYPE_DATE: return put_date(cells, text, strlen(text));
    case SL_TYPE_TIMESTAMP:
        return is_epoch(cells) ? put_epoch(cells, text, strlen(text))
                               : put_iso(cells, text, strlen(text));
    case SL_TYPE_BINARY: return put_base64(d, cells, text, strlen(text));
    default: return decode_json_text(d, cells, text);
    }
}

void sl_decoder_release(struct sl_decoder *d)
{
    sl_doc_free(d->text_doc);
    sl_buf_release(&d->scratch);
    *d = (struct sl_decoder){0};
}
