/*
 * access.h: access tokens of OAuth connections, for the task loop. Private to src/pipeline.
 *
 *   access.c  when a new token is due, who asks for it, when it may be used
 *   oauth.c   the request for it and what its answer means (RFC 6749)
 *
 *   NONE --lock--> load --fresh--> READY --margin, or refused--> NONE
 *                   |               ^
 *                   stale --mark--> ASKING --answer--> KEEPING --on disk--+
 *
 * (1) The grant's lock is held in ASKING and KEEPING, and in no other state between two calls.
 * (2) An access token is handed out only when the refresh token that came with it is on disk.
 * (3) What is on disk says that something is asked before it is asked.
 */
#ifndef SL_ACCESS_H
#define SL_ACCESS_H

#include "base/buf.h"
#include "catalog/grant.h"
#include "http/world.h"

struct sl_loop;
struct sl_access; /* of one loop */

void sl_access_free(struct sl_access *access); /* NULL is fine; nothing may be under way */

/* A token to put into a request that goes out now: SL_OK, *token is borrowed until the next call of
 * anything here, *serial names it. SL_MORE: not yet, ask again at *at_us (monotonic; INT64_MAX: when
 * an answer came). Anything else: there will be none. */
SL_MUST_USE enum sl_code sl_access_token(struct sl_loop *loop, int64_t now_us, const char **token,
                                         uint64_t *serial, int64_t *at_us, struct sl_error *error);
/* The source accepted, or refused, a request with the token of this serial. */
void sl_access_worked(struct sl_loop *loop, uint64_t serial);
void sl_access_refused(struct sl_loop *loop, uint64_t serial);
/* The answer to the exchange of this loop's access; false: it was another one. */
bool sl_access_answer(struct sl_loop *loop, struct sl_completion *completion);
/* Waits for an answer that is under way and keeps it: nothing else may be. */
void sl_access_settle(struct sl_loop *loop);

/* ---- oauth.c ---- */

/* What the connection says of how tokens are got. Texts are borrowed from it or live in memory. */
struct sl_oauth_client {
    struct sl_buf url;
    char *id;                  /* owned */
    const char *secret;        /* NULL: a public client */
    const char *refresh_token; /* as configured; NULL: none */
    char seed[SL_GRANT_SEED_MAX];
};
SL_MUST_USE enum sl_code sl_oauth_client_init(const struct sl_loop *loop,
                                              struct sl_oauth_client *out, struct sl_error *error);
void sl_oauth_client_release(struct sl_oauth_client *client);

/* The form for a new token. refresh_token NULL: for client_credentials. Wipe it. */
SL_MUST_USE enum sl_code sl_oauth_form(const struct sl_loop *loop,
                                       const struct sl_oauth_client *client,
                                       const char *refresh_token, struct sl_buf *out,
                                       struct sl_error *error);

enum sl_oauth_outcome {
    SL_OAUTH_GIVEN,   /* access_token, refresh_token (NULL: the old one stays), lifetime_us */
    SL_OAUTH_AGAIN,   /* nothing was decided: once more, after wait_ms (-1: whenever) */
    SL_OAUTH_SPENT,   /* this refresh token is no good (any more) */
    SL_OAUTH_REFUSED, /* the request is no good */
};
struct sl_oauth_answer {
    enum sl_oauth_outcome outcome;
    const char *access_token, *refresh_token; /* borrowed from the document, as all texts here */
    int64_t lifetime_us;                      /* 0: unknown */
    int64_t wait_ms;
    int status;
    const char *word, *text; /* what the source said, whole, or NULL; may hold secrets */
};
/* json NULL: the body is not JSON. */
void sl_oauth_read(const struct sl_response *response, struct sl_oauth_answer *out);

#endif
