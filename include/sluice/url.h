/*
 * url.h: a URL, put together from pieces. Pieces are percent-encoded, so that a value can never
 * become syntax.
 *
 *     struct sl_url url;
 *     sl_url_init(&url, "https://api.example.com");
 *     sl_url_path(&url, "tables");             https://api.example.com/tables
 *     sl_url_path(&url, "a/b");                https://api.example.com/tables/a%2Fb
 *     sl_url_query(&url, "since", "1+1");      ...?since=1%2B1
 *     sl_url_query(&url, "until", NULL);       nothing: a NULL value is left out
 *
 * No memory is taken. The first failure (too long, an empty segment, a segment of dots) sticks, and
 * sl_url_text() then returns NULL.
 */
#ifndef SLUICE_URL_H
#define SLUICE_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SL_URL_MAX 8192

struct sl_url {
    size_t len;
    bool has_query, failed;
    char text[SL_URL_MAX];
};

void sl_url_init(struct sl_url *url, const char *base); /* taken as it is */
void sl_url_path(struct sl_url *url, const char *segment);
void sl_url_query(struct sl_url *url, const char *name, const char *value);
void sl_url_query_i64(struct sl_url *url, const char *name, int64_t value);
/* NULL when a piece did not fit. Belongs to url. */
const char *sl_url_text(const struct sl_url *url);

#ifdef __cplusplus
}
#endif
#endif
