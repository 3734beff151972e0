/*
 * text.h: the small tools that every simulator needs: reading a query string, writing JSON text,
 * and numbers that look random but follow from a seed. Pure functions.
 */
#ifndef SIM_TEXT_H
#define SIM_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sl_buf;

/* A well-mixed function of its arguments: the same everywhere, for ever. */
uint64_t sim_mix(uint64_t a, uint64_t b);
uint64_t sim_hash(const char *text);
/* 0 <= result < 1. */
double sim_unit(uint64_t mixed);

/* prefix followed by 14 letters and digits made from seed; out holds strlen(prefix) + 15. */
#define SIM_ID_TAIL 14
void sim_id(char *out, const char *prefix, uint64_t seed);

/* Percent-decodes text[0..len) into out (always terminated); '+' is a blank in a query. False when
 * it does not fit or an escape is broken. */
bool sim_url_decode(const char *text, size_t len, bool query, char *out, size_t cap);

/* Walks "a=1&b=2": while (sim_query_next(&cursor, &part)). Names and values are still encoded. */
struct sim_query_part {
    const char *name, *value;
    size_t name_len, value_len;
};
bool sim_query_next(const char **cursor, struct sim_query_part *part);
/* The first value of a parameter, decoded; false: not there, or longer than cap. */
bool sim_query_get(const char *query, const char *name, char *out, size_t cap);

/* Appends text as a JSON string, quotes included. Text is UTF-8 and goes out as it is. */
void sim_json_str(struct sl_buf *out, const char *text, size_t len);
void sim_json_text(struct sl_buf *out, const char *text); /* the same, NUL-terminated */
/* Appends a number as JavaScript would write it: shortest text that reads back the same. */
void sim_json_double(struct sl_buf *out, double number);
void sim_json_int(struct sl_buf *out, int64_t number); /* fast */
/* scaled / 10^decimals (at most 6), as sim_json_double would write it, fast. */
void sim_json_decimal(struct sl_buf *out, int64_t scaled, int decimals);
/* "2026-03-02" and "2026-03-02T09:00:00.000Z" with their quotes, fast; years 1 to 9999. */
void sim_json_date(struct sl_buf *out, int64_t us);
void sim_json_time(struct sl_buf *out, int64_t us);

#endif
