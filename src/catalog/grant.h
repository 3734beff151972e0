/*
 * grant.h: what an OAuth source gave a connection, and the face of the place where it is kept.
 *
 * A refresh token may be good for one use, and its successor is told once. So whoever renews a grant
 * holds its lock from before the request until the answer is kept, and an access token is used only
 * when the refresh token that came with it is kept.
 */
#ifndef SL_GRANT_H
#define SL_GRANT_H

#include <sluice/error.h>

#define SL_TOKEN_MAX 8192 /* bytes of a token */
#define SL_GRANT_SEED_MAX 33

/* Texts are owned and may be NULL: there is none. */
struct sl_grant {
    char *access_token;
    char *refresh_token;             /* the newest */
    char *replaced;                  /* the one before it, until access_token has worked once */
    int64_t obtained_us, expires_us; /* of the access token, UTC; expires_us INT64_MAX: unknown */
    int64_t asked_us; /* a new one was asked for then, and what came of it was not kept; 0: none */
};

void sl_grant_release(struct sl_grant *grant); /* wipes; safe on {0} */

/*
 * Where grants of one connection are kept. A grant is found by its seed: a hash of the credentials
 * that it began with. So new credentials begin a new grant, and what a run that knows only the old
 * ones still writes does not touch it.
 */
struct sl_grant_store {
    /* SL_OK; SL_DONE: there is none, *out is empty; SL_AUTH: it cannot be unsealed. */
    enum sl_code (*load)(void *ctx, const char *seed, struct sl_grant *out, struct sl_error *error);
    /* It is on disk, synced, when this returns SL_OK. */
    enum sl_code (*save)(void *ctx, const char *seed, const struct sl_grant *grant,
                         struct sl_error *error);
    /* One holder among all processes, until unlock or the holder's death. SL_BUSY: somebody else
     * has it (error is not filled). Does not wait. */
    enum sl_code (*lock)(void *ctx, struct sl_error *error);
    void (*unlock)(void *ctx);
    void *ctx;
};

#endif
