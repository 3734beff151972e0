/*
 * hash.h: names for rows that have none. Pure functions; what they give is written into tables, so
 * it is the same for ever and everywhere.
 */
#ifndef SLUICE_HASH_H
#define SLUICE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include <sluice/json.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sl_text { /* NULL with len 0: not there, which is not the same as "" */
    const char *at;
    size_t len;
};

#define SL_TEXT_KEY_MAX 33 /* 32 hexadecimal digits and a NUL */

/* 128 bits of several texts: ("ab","c") differs from ("a","bc"). Not a secret: who wants to can make
 * two that are alike. */
#define SL_TEXT_KEY_PARTS_MAX 8 /* more are passed over */
char *sl_text_key(const struct sl_text *parts, size_t count, char out[SL_TEXT_KEY_MAX]);

/* FNV-1a of a text, going on from seed; SL_TEXT_HASH_START begins. To tell one from another within a
 * source's answers; who wants to can make two that are alike. */
#define SL_TEXT_HASH_START UINT64_C(14695981039346656037)
uint64_t sl_text_hash(uint64_t seed, const char *text);

/* Of a whole value. The order of members does not matter, nor does white space; 1 and 1.0 differ. */
struct sl_json_print {
    uint64_t a, b;
};
struct sl_json_print sl_json_print(const struct sl_json *value);

#ifdef __cplusplus
}
#endif
#endif
