#include "sources/script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "json/doc.h"

struct flight {
    struct flight *next;
    struct sl_exchange *exchange;
    struct script_answer answer;
    int64_t sent_us, due_us; /* monotonic */
};

struct script {
    struct sl_world world; /* first */
    script_fn *answer;
    void *ctx;
    int64_t now_us; /* monotonic */
    uint64_t dice;
    struct flight *flights;
    struct flight *shown; /* what the newest completion points into */
    char *body;
    struct sl_header headers[8];
    char date[SL_TIME_TEXT_MAX];
};

static int64_t now_us(struct sl_world *world)
{
    return SCRIPT_START_US + ((struct script *)world)->now_us;
}

static int64_t monotonic_us(struct sl_world *world)
{
    return ((struct script *)world)->now_us;
}

static uint64_t dice(struct sl_world *world)
{
    struct script *script = (struct script *)world;

    script->dice = script->dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return script->dice >> 33;
}

static enum sl_code start(struct sl_world *world, struct sl_exchange *exchange,
                          struct sl_error *error)
{
    struct script *script = (struct script *)world;
    struct flight *flight = calloc(1, sizeof *flight);

    (void)error;
    if (!flight) abort();
    flight->exchange = exchange;
    flight->answer.status = 200;
    flight->sent_us = script->now_us;
    script->answer(script->ctx, exchange, now_us(world), &flight->answer);
    flight->due_us = script->now_us + flight->answer.latency_us + 1; /* never at once */
    if (exchange->sent) exchange->sent(exchange, script->now_us);
    struct flight **link = &script->flights; /* in the order of their ends */
    while (*link && (*link)->due_us <= flight->due_us) link = &(*link)->next;
    flight->next = *link;
    *link = flight;
    return SL_OK;
}

static void flight_free(struct flight *flight)
{
    if (!flight) return;
    free(flight->answer.owned);
    free(flight);
}

static void cancel(struct sl_world *world, struct sl_exchange *exchange)
{
    struct script *script = (struct script *)world;

    for (struct flight **link = &script->flights; *link; link = &(*link)->next) {
        struct flight *flight = *link;
        if (flight->exchange != exchange) continue;
        *link = flight->next;
        flight_free(flight);
        return;
    }
}

static void show(struct script *script, struct flight *flight, struct sl_completion *out)
{
    const struct script_answer *answer = &flight->answer;
    const char *text = answer->owned ? answer->owned : answer->body ? answer->body : "";
    size_t len = answer->len ? answer->len : strlen(text), n = 0;

    script->body = malloc(len + SL_DOC_PADDING);
    if (!script->body) abort();
    memcpy(script->body, text, len);
    memset(script->body + len, 0, SL_DOC_PADDING);
    while (n < 4 && answer->headers[n].name) script->headers[n] = answer->headers[n], n++;
    if (!answer->no_date) {
        sl_http_date_format(SCRIPT_START_US + script->now_us, script->date);
        script->headers[n++] = (struct sl_header){"date", script->date};
    }
    script->headers[n] = (struct sl_header){0};
    *out = (struct sl_completion){
        .exchange = flight->exchange,
        .code = answer->broken,
        .status = answer->broken ? 0 : answer->status,
        .headers = script->headers,
        .body = script->body,
        .body_len = len,
        .chunk = answer->broken ? 0 : SL_CHUNK_FIRST | SL_CHUNK_LAST,
        .started_at_us = SCRIPT_START_US + flight->sent_us,
        .received_at_us = SCRIPT_START_US + script->now_us,
        .sent_us = flight->sent_us,
    };
    if (answer->broken) {
        sl_fail(&out->error, answer->broken, "the connection broke");
        out->error.retryable = true;
    }
}

static bool wait_for(struct sl_world *world, int64_t until_us, struct sl_completion *out)
{
    struct script *script = (struct script *)world;
    struct flight *flight = script->flights;

    free(script->body);
    script->body = NULL;
    flight_free(script->shown);
    script->shown = NULL;
    if (!flight && until_us == INT64_MAX) abort(); /* it would wait for ever */
    if (!flight || flight->due_us > until_us) {
        if (until_us > script->now_us) script->now_us = until_us;
        return false;
    }
    script->flights = flight->next;
    if (flight->due_us > script->now_us) script->now_us = flight->due_us;
    script->shown = flight;
    show(script, flight, out);
    return true;
}

static void wake(struct sl_world *world)
{
    (void)world;
}

static void script_free(struct sl_world *world)
{
    struct script *script = (struct script *)world;

    while (script->flights) {
        struct flight *flight = script->flights;
        script->flights = flight->next;
        flight_free(flight);
    }
    flight_free(script->shown);
    free(script->body);
    free(script);
}

static const struct sl_world_ops ops = {
    .now_us = now_us,
    .monotonic_us = monotonic_us,
    .dice = dice,
    .start = start,
    .cancel = cancel,
    .wait = wait_for,
    .wake = wake,
    .free = script_free,
};

struct sl_world *script_world(script_fn *answer, void *ctx)
{
    struct script *script = calloc(1, sizeof *script);

    if (!script) abort();
    script->world.ops = &ops;
    script->answer = answer;
    script->ctx = ctx;
    script->dice = 1;
    return &script->world;
}
