/*
 * json.h: the reading face of JSON, and a writer.
 *
 * Reading: values belong to the document they came from and are valid as long as it is. Every
 * reader accepts NULL and a value of the wrong kind, and then answers "nothing" (NULL, 0, false),
 * so that a path of look-ups needs one check at its end. Numbers keep their exact text.
 *
 * A string's bytes are valid UTF-8 and may hold NUL, so take its length. What was no character in
 * the text as received (a lone surrogate, a byte that is not UTF-8) is U+FFFD in it.
 */
#ifndef SLUICE_JSON_H
#define SLUICE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sl_json; /* one value in a document */

enum sl_json_kind {
    SL_JSON_NONE, /* the value is not there (NULL) */
    SL_JSON_NULL,
    SL_JSON_BOOL,
    SL_JSON_NUMBER,
    SL_JSON_STRING,
    SL_JSON_ARRAY,
    SL_JSON_OBJECT,
};

enum sl_json_kind sl_json_kind(const struct sl_json *value);
const char *sl_json_kind_name(enum sl_json_kind kind); /* "string" */

/* Objects. The first of several equal keys is found. */
const struct sl_json *sl_json_get(const struct sl_json *object, const char *key);
/* Several keys deep: sl_json_path(root, "error", "type", NULL). */
const struct sl_json *sl_json_path(const struct sl_json *object, ...) __attribute__((sentinel));
/* Arrays and objects: number of elements or members. Other kinds: 0. */
size_t sl_json_len(const struct sl_json *value);

/* for (struct sl_json_each e = sl_json_each(value); sl_json_next(&e);) use(e.key, e.value);
 * Walks an array (key is NULL) or an object (key is a string value), in received order. */
struct sl_json_each {
    const struct sl_json *key, *value;
    const struct sl_json *next; /* private */
    size_t left;                /* private */
    bool object;                /* private */
};
struct sl_json_each sl_json_each(const struct sl_json *value);
bool sl_json_next(struct sl_json_each *each);

/* Scalars. */
const char *sl_json_str(const struct sl_json *value); /* NULL unless a string; NUL-terminated */
size_t sl_json_str_len(const struct sl_json *value);  /* 0 unless a string */
bool sl_json_eq(const struct sl_json *value, const char *text); /* a string, equal to text? */
bool sl_json_true(const struct sl_json *value);                 /* is it `true`? */
/* False unless it is a number that int64_t holds exactly (1e3 and 5.0 are integers); *out is not
 * touched then. */
bool sl_json_i64(const struct sl_json *value, int64_t *out);
/* The nearest double; an infinity for what is beyond the largest one (1e999). False unless a
 * number. */
bool sl_json_double(const struct sl_json *value, double *out);
/* A number's text as received; NULL unless a number. NUL-terminated. */
const char *sl_json_number_text(const struct sl_json *value);

/* Writing. The text grows in the writer, up to 64 MiB; failures stick, so one check at the end is
 * enough. Commas and colons put themselves. Strings are escaped only where they must be; bytes that
 * are not UTF-8 become U+FFFD. */
struct sl_json_writer;
struct sl_json_writer *sl_json_writer_new(void); /* NULL: no memory */
void sl_json_writer_free(struct sl_json_writer *writer);
void sl_json_begin_object(struct sl_json_writer *writer);
void sl_json_end_object(struct sl_json_writer *writer);
void sl_json_begin_array(struct sl_json_writer *writer);
void sl_json_end_array(struct sl_json_writer *writer);
void sl_json_key(struct sl_json_writer *writer, const char *key);
void sl_json_put_str(struct sl_json_writer *writer, const char *text); /* NULL writes null */
void sl_json_put_strn(struct sl_json_writer *writer, const char *text, size_t len);
void sl_json_put_i64(struct sl_json_writer *writer, int64_t number);
void sl_json_put_double(struct sl_json_writer *writer, double number); /* NaN, Inf: null */
void sl_json_put_bool(struct sl_json_writer *writer, bool truth);
void sl_json_put_null(struct sl_json_writer *writer);
void sl_json_put_value(struct sl_json_writer *writer, const struct sl_json *value); /* canonical */
void sl_json_put_raw(struct sl_json_writer *writer, const char *json,
                     size_t len); /* trusted text */
/* Bytes as they are, without a comma: a text that is put together from pieces, JSON or not. */
void sl_json_put_bytes(struct sl_json_writer *writer, const char *bytes, size_t len);
/* key + value in one line */
void sl_json_kv_str(struct sl_json_writer *writer, const char *key, const char *text);
void sl_json_kv_i64(struct sl_json_writer *writer, const char *key, int64_t number);
void sl_json_kv_bool(struct sl_json_writer *writer, const char *key, bool truth);
/* The text so far, "" when nothing; NULL when memory ran out or it is too long. Belongs to the
 * writer. len may be NULL. */
const char *sl_json_writer_text(const struct sl_json_writer *writer, size_t *len);
void sl_json_writer_reset(struct sl_json_writer *writer);

#ifdef __cplusplus
}
#endif
#endif
