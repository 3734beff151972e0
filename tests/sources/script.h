/*
 * script.h: a world whose answers a test makes up, in virtual time.
 *
 * Every exchange is shown to a function, which says what the answer is and how long it takes. The
 * rest (budgets, retries, pauses) is the engine's own.
 */
#ifndef SCRIPT_H
#define SCRIPT_H

#include "http/world.h"

#define SCRIPT_START_US (INT64_C(1772442000) * 1000000) /* 2026-03-02T09:00:00Z */

struct script_answer {
    int status;       /* preset: 200 */
    const char *body; /* static, or NULL */
    char *owned;      /* or this one, which the world frees */
    size_t len;       /* 0: up to the NUL */
    struct sl_header headers[4];
    int64_t latency_us;
    enum sl_code broken; /* not SL_OK: no answer comes, this instead */
    bool no_date;        /* leave the Date header out */
};

typedef void script_fn(void *ctx, const struct sl_exchange *exchange, int64_t now_us,
                       struct script_answer *answer);

struct sl_world *script_world(script_fn *answer, void *ctx);

#endif
