/*
 * exchange.h: one exchange over libcurl, from its request to the answer in memory. Private to
 * src/http: client.c owns the loop, exchange.c what happens on one handle.
 *
 *   IDLE --sl_transfer_begin--> [in the multi handle] --curl is done--> sl_transfer_ended --> IDLE
 *                                  ^        |                              |
 *                                  |        +--by lines: chunk handed out  +--redirect: once more
 *                                  +--------+  (paused while it is looked at)
 *
 * (1) exchange is NULL exactly when the transfer is idle.
 * (2) What is handed out by lines lies in `chunk`; it is not touched until sl_transfer_chunk_used.
 * (3) No byte beyond the limit of the exchange is ever held; with gzip at most one.
 */
#ifndef SL_HTTP_EXCHANGE_H
#define SL_HTTP_EXCHANGE_H

#include <curl/curl.h>

#include "base/buf.h"
#include "http/inflate.h"
#include "http/world.h"

#define SL_LINES_CHUNK ((size_t)256 << 10) /* by lines: what is handed over at once, about */
#define SL_BODY_FIRST ((size_t)64 << 10)   /* first room of a body */
#define SL_BODY_KEPT_MAX ((size_t)1 << 20) /* a larger buffer is not kept for the next exchange */
#define SL_REDIRECTS_MAX 5

struct sl_client;

struct sl_body {
    char *data;
    size_t len, room; /* room: without the padding behind it */
};

struct sl_transfer {
    struct sl_transfer *next;       /* in the client's list of active ones, or of idle ones */
    struct sl_transfer *ready_next; /* in the client's queue of what wait() hands out */
    bool queued;
    struct sl_client *client;
    CURL *easy;
    struct sl_exchange *exchange;
    struct curl_slist *request_headers;
    char *url;    /* after a redirect; NULL: exchange->url */
    char *follow; /* the answer under way is a redirect to here: its body is passed over */
    int redirects;

    struct sl_buf header_text; /* name NUL value NUL ... */
    size_t header_count;
    bool headers_done;
    struct sl_header headers[SL_RESPONSE_HEADERS_COUNT_MAX + 1];

    bool body_begun, gzip;
    struct sl_inflate *inflate; /* made at the first gzip body, kept */
    size_t limit;               /* bytes of the whole body */
    size_t total;               /* bytes of it so far */
    struct sl_body body;
    struct sl_body chunk; /* by lines: what is handed out */
    bool chunk_out;       /* chunk holds lines that the caller has not yet let go */
    bool began;           /* a chunk was handed out */
    size_t scanned;       /* by lines: no newline in body before here */
    bool paused;
    size_t skip; /* bytes that curl will hand over again and that are used already */

    bool ended;            /* curl is done with it */
    struct sl_error error; /* code SL_OK: none */
    int status;
    int64_t started_us, received_us; /* UTC */
    int64_t sent_us;                 /* monotonic */
    char curl_error[CURL_ERROR_SIZE];
};

/* What exchange.c needs of the client. */
struct sl_client_settings {
    const char *user_agent, *ca_bundle;
    int64_t connect_timeout_ms;
};
const struct sl_client_settings *sl_client_settings(const struct sl_client *client);
void sl_client_ready(struct sl_transfer *transfer); /* wait() is to hand it out */
void sl_client_sent(struct sl_transfer *transfer);  /* it goes onto the wire */
int64_t sl_client_now_us(void);                     /* UTC */

struct sl_transfer *sl_transfer_new(struct sl_client *client); /* NULL: no memory */
void sl_transfer_free(struct sl_transfer *transfer);
/* Makes the handle ready to be added to the multi handle. */
SL_MUST_USE enum sl_code sl_transfer_begin(struct sl_transfer *transfer,
                                           struct sl_exchange *exchange, struct sl_error *error);
/* curl is done (and the handle is out of the multi handle). True: it is to be added again, because
 * the answer was a redirect that is followed. */
bool sl_transfer_ended(struct sl_transfer *transfer, CURLcode result);
/* Fills the completion that is due: a chunk of lines, or the end. */
void sl_transfer_complete(struct sl_transfer *transfer, struct sl_completion *out);
/* By lines: the chunk may be overwritten. */
void sl_transfer_chunk_used(struct sl_transfer *transfer);
/* Idle again; keeps its buffers for the next exchange. */
void sl_transfer_reset(struct sl_transfer *transfer);

#endif
