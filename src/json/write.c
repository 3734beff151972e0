#include "json/write.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "json/node.h"
#include "json/utf8.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ------------------------------------------------------------------ pieces */

static void write_escape(struct sl_buf *out, unsigned char c)
{
    static const char names[] = "btn\0fr"; /* from 8 */

    if (c == '"' || c == '\\') {
        sl_buf_addc(out, '\\');
        sl_buf_addc(out, (char)c);
    } else if (c >= 8 && c <= 13 && c != 11) {
        sl_buf_addc(out, '\\');
        sl_buf_addc(out, names[c - 8]);
    } else {
        sl_buf_addf(out, "\\u%04x", (unsigned)c);
    }
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* Are all eight plain? The top bit of each byte tells, of the byte and of what it must not be. */
static bool word_is_plain(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    uint64_t quotes = word ^ ones * '"', slashes = word ^ ones * '\\';

    return !((word | (word - ones * 0x20) | (quotes - ones) | (slashes - ones)) & tops);
}

/* Copies up to the first byte that is not plain, and returns how many that were. */
static size_t copy_plain(char *to, const char *text, size_t len)
{
    size_t at = 0;
    uint64_t word;

    for (; len - at >= sizeof word; at += sizeof word) {
        memcpy(&word, text + at, sizeof word);
        if (!word_is_plain(word)) break;
        memcpy(to + at, &word, sizeof word);
    }
    for (; at < len && is_plain((unsigned char)text[at]); at++) to[at] = text[at];
    return at;
}

void sl_write_string(struct sl_buf *out, const char *text, size_t len)
{
    char *to = sl_buf_reserve(out, len + 2);

    if (!to) return;
    to[0] = '"';
    size_t at = copy_plain(to + 1, text, len), done = at; /* text[done..at) waits to be copied */
    out->len += 1 + at;
    out->data[out->len] = '\0';
    if (at == len) { /* nearly always */
        memcpy(to + 1 + len, "\"", 2);
        out->len++;
        return;
    }
    while (at < len) {
        if (is_plain((unsigned char)text[at])) {
            at++;
            continue;
        }
        size_t char_len = sl_utf8_char(text + at, len - at);
        if (char_len > 1) {
            at += char_len;
            continue;
        }
        sl_buf_add(out, text + done, at - done);
        if (char_len == 1)
            write_escape(out, (unsigned char)text[at]);
        else
            sl_buf_adds(out, SL_UTF8_REPLACEMENT);
        done = ++at;
    }
    sl_buf_add(out, text + done, at - done);
    sl_buf_addc(out, '"');
}

static void write_object(struct sl_buf *out, const struct sl_json *object)
{
    const struct sl_json *key = sl_node_first(object);

    sl_buf_addc(out, '{');
    for (size_t n = sl_node_len(object); n > 0; n--) {
        const struct sl_json *value = sl_node_value(key);

        sl_write_string(out, sl_node_text(key), sl_node_len(key));
        sl_buf_addc(out, ':');
        sl_write_value(out, value);
        if (n > 1) sl_buf_addc(out, ',');
        key = sl_node_after(value);
    }
    sl_buf_addc(out, '}');
}

static void write_array(struct sl_buf *out, const struct sl_json *array)
{
    const struct sl_json *element = sl_node_first(array);

    sl_buf_addc(out, '[');
    for (size_t n = sl_node_len(array); n > 0; n--) {
        sl_write_value(out, element);
        if (n > 1) sl_buf_addc(out, ',');
        element = sl_node_after(element);
    }
    sl_buf_addc(out, ']');
}

/* Calls itself through the two above, at most SL_DOC_DEPTH_MAX deep. */
void sl_write_value(struct sl_buf *out, const struct sl_json *value)
{
    switch (sl_json_kind(value)) {
    case SL_JSON_NONE:
    case SL_JSON_NULL: sl_buf_add(out, "null", 4); break;
    case SL_JSON_BOOL: sl_buf_adds(out, sl_node_true(value) ? "true" : "false"); break;
    case SL_JSON_NUMBER: sl_buf_add(out, sl_node_text(value), sl_node_len(value)); break;
    case SL_JSON_STRING: sl_write_string(out, sl_node_text(value), sl_node_len(value)); break;
    case SL_JSON_ARRAY: write_array(out, value); break;
    case SL_JSON_OBJECT: write_object(out, value); break;
    }
}

void sl_write_double(struct sl_buf *out, double number)
{
    char pool[1024]; /* yyjson wants some 40 bytes, and room for its own bookkeeping */
    yyjson_alc alc;
    yyjson_val value = {0};
    size_t len = 0;

    if (!isfinite(number)) {
        sl_buf_add(out, "null", 4);
        return;
    }
    value.tag = YYJSON_TYPE_NUM | YYJSON_SUBTYPE_REAL;
    value.uni.f64 = number;
    yyjson_alc_pool_init(&alc, pool, sizeof pool);
    const char *text = yyjson_val_write_opts(&value, YYJSON_WRITE_NOFLAG, &alc, &len, NULL);
    assert(text != NULL);
    sl_buf_add(out, text, len);
}

/* ------------------------------------------------------------------ the writer */

/*
 * (1) comma: the next value or key is not the first of its container (or of the text).
 * (2) depth containers are open.
 */
struct sl_json_writer {
    struct sl_buf out;
    size_t depth;
    bool comma;
};

struct sl_json_writer *sl_json_writer_new(void)
{
    return sl_calloc(1, sizeof(struct sl_json_writer));
}

void sl_json_writer_free(struct sl_json_writer *writer)
{
    if (!writer) return;
    sl_buf_release(&writer->out);
    sl_free(writer);
}

void sl_json_writer_reset(struct sl_json_writer *writer)
{
    sl_buf_reset(&writer->out);
    writer->depth = 0;
    writer->comma = false;
}

const char *sl_json_writer_text(const struct sl_json_writer *writer, size_t *len)
{
    if (sl_buf_failed(&writer->out)) return NULL;
    if (len) *len = writer->out.len;
    return sl_buf_str(&writer->out);
}

/* Before each value and key. Afterwards something has been written. */
static struct sl_buf *next(struct sl_json_writer *writer)
{
    if (writer->comma) sl_buf_addc(&writer->out, ',');
    writer->comma = true;
    return &writer->out;
}

static void begin(struct sl_json_writer *writer, char bracket)
{
    sl_buf_addc(next(writer), bracket);
    writer->depth++;
    writer->comma = false;
}

static void end(struct sl_json_writer *writer, char bracket)
{
    assert(writer->depth > 0);
    sl_buf_addc(&writer->out, bracket);
    writer->depth--;
    writer->comma = true;
}

void sl_json_begin_object(struct sl_json_writer *writer)
{
    begin(writer, '{');
}

void sl_json_end_object(struct sl_json_writer *writer)
{
    end(writer, '}');
}

void sl_json_begin_array(struct sl_json_writer *writer)
{
    begin(writer, '[');
}

void sl_json_end_array(struct sl_json_writer *writer)
{
    end(writer, ']');
}

void sl_json_key(struct sl_json_writer *writer, const char *key)
{
    assert(writer->depth > 0);
    sl_write_string(next(writer), key, strlen(key));
    sl_buf_addc(&writer->out, ':');
    writer->comma = false;
}

void sl_json_put_str(struct sl_json_writer *writer, const char *text)
{
    if (text)
        sl_json_put_strn(writer, text, strlen(text));
    else
        sl_json_put_null(writer);
}

void sl_json_put_strn(struct sl_json_writer *writer, const char *text, size_t len)
{
    sl_write_string(next(writer), text, len);
}

void sl_json_put_i64(struct sl_json_writer *writer, int64_t number)
{
    sl_buf_addf(next(writer), "%" PRId64, number);
}

void sl_json_put_double(struct sl_json_writer *writer, double number)
{
    sl_write_double(next(writer), number);
}

void sl_json_put_bool(struct sl_json_writer *writer, bool truth)
{
    sl_buf_adds(next(writer), truth ? "true" : "false");
}

void sl_json_put_null(struct sl_json_writer *writer)
{
    sl_buf_adds(next(writer), "null");
}

void sl_json_put_value(struct sl_json_writer *writer, const struct sl_json *value)
{
    sl_write_value(next(writer), value);
}

void sl_json_put_raw(struct sl_json_writer *writer, const char *json, size_t len)
{
    sl_buf_add(next(writer), json, len);
}

void sl_json_put_bytes(struct sl_json_writer *writer, const char *bytes, size_t len)
{
    sl_buf_add(&writer->out, bytes, len);
}

void sl_json_kv_str(struct sl_json_writer *writer, const char *key, const char *text)
{
    sl_json_key(writer, key);
    sl_json_put_str(writer, text);
}

void sl_json_kv_i64(struct sl_json_writer *writer, const char *key, int64_t number)
{
    sl_json_key(writer, key);
    sl_json_put_i64(writer, number);
}

void sl_json_kv_bool(struct sl_json_writer *writer, const char *key, bool truth)
{
    sl_json_key(writer, key);
    sl_json_put_bool(writer, truth);
}

char *sl_json_writer_take(struct sl_json_writer *writer)
{
    const char *text = writer ? sl_json_writer_text(writer, NULL) : NULL;
    char *copy = text ? sl_strdup(text) : NULL;

    sl_json_writer_free(writer);
    return copy;
}
