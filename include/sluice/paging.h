/*
 * paging.h: what connectors of paged APIs share. Included by those that need it. Pure functions that
 * take no memory.
 *
 *     self->pages counts the answers of a chain; sl_pages_next() says whether it goes on:
 *
 *     sl_link_next(response, next)                   Link: <...>; rel="next"       (RFC 8288)
 *     sl_page_token(json "next_cursor", token)       a token in the body
 *     sl_pages_next(&self->pages, next, error)       SL_MORE, or it goes in circles
 */
#ifndef SLUICE_PAGING_H
#define SLUICE_PAGING_H

#include <sluice/connector.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SL_PAGES_REPEATS_MAX 3 /* a page may be served twice by accident, but not for ever */

/* One chain of pages; {0} at its start. */
struct sl_pages {
    int64_t count; /* answers so far */
    int repeats;   /* how often a token came that had been there before */
    uint64_t mark; /* hash of a token further back, and its page: a chain that goes in circles of */
    int64_t mark_page; /* any length meets it again (Brent) */
};

/* An answer came, and `token` (an offset, a URL, a page's last id) asks for the next one. SL_MORE;
 * SL_BAD_DATA when the chain goes in circles. */
SL_MUST_USE enum sl_code sl_pages_next(struct sl_pages *pages, const char *token,
                                       struct sl_error *error);

/* Copies a token out of an answer: a string, or a whole number as its text. False, and out "": it is
 * not there, null, empty, or does not fit cap. Then sl_json_kind() says which. */
bool sl_page_token(const struct sl_json *value, char *out, size_t cap);

/* The URL with rel="next" in the Link headers of an answer. False, and out "": there is none, or it
 * does not fit. It is the server's word: see sl_same_origin(). */
bool sl_link_next(const struct sl_response *response, char out[SL_URL_MAX]);

/* Have both URLs the same scheme, host and port? Credentials go nowhere else. Names of hosts in any
 * case, a port that is the scheme's own may be missing. */
bool sl_same_origin(const char *a, const char *b);

/* What an answer means by its status alone; a connector refines it.
 *
 *     2xx, 304        OK           200 with a body that is no JSON (and not by lines): RETRY
 *     401             FAIL_ALL, SL_AUTH
 *     403             FAIL_TABLE, SL_PERMISSION
 *     404, 410        FAIL_TABLE, SL_NOT_FOUND
 *     408, 429, 5xx   RETRY_AFTER when it says how long, else RETRY
 *     others          FAIL_TABLE, SL_SOURCE
 *
 * message is "<source> answered 503: <said>"; said may be NULL. */
void sl_classify_status(const struct sl_response *response, const char *source, const char *said,
                        struct sl_verdict *verdict);

#ifdef __cplusplus
}
#endif
#endif
