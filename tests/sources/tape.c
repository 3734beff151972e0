#include "sources/tape.h"

#include <stdlib.h>
#include <string.h>

#include "sources/script.h"

struct piece {
    struct piece *next;
    char *request; /* method, URL and body */
    char *body;
    size_t len;
    int status;
    unsigned played; /* in which playing it was given last */
};

struct tape {
    struct piece *first, **last;
    unsigned playing;
};

struct recorder {
    struct sl_world world; /* first */
    struct sl_world *inner;
    struct tape *tape;
};

static char *request_of(const struct sl_exchange *exchange)
{
    size_t url = strlen(exchange->url), method = strlen(exchange->method);
    char *out = malloc(method + url + exchange->body_len + 3);

    if (!out) abort();
    memcpy(out, exchange->method, method);
    out[method] = ' ';
    memcpy(out + method + 1, exchange->url, url);
    out[method + 1 + url] = ' ';
    if (exchange->body_len) memcpy(out + method + url + 2, exchange->body, exchange->body_len);
    out[method + url + 2 + exchange->body_len] = '\0';
    return out;
}

struct tape *tape_new(void)
{
    struct tape *tape = calloc(1, sizeof *tape);

    if (!tape) abort();
    tape->last = &tape->first;
    return tape;
}

void tape_free(struct tape *tape)
{
    while (tape->first) {
        struct piece *piece = tape->first;
        tape->first = piece->next;
        free(piece->request), free(piece->body), free(piece);
    }
    free(tape);
}

/* ---- recording ---- */

static struct recorder *of(struct sl_world *world)
{
    return (struct recorder *)world;
}

static int64_t now_us(struct sl_world *world)
{
    return of(world)->inner->ops->now_us(of(world)->inner);
}

static int64_t monotonic_us(struct sl_world *world)
{
    return of(world)->inner->ops->monotonic_us(of(world)->inner);
}

static uint64_t dice(struct sl_world *world)
{
    return of(world)->inner->ops->dice(of(world)->inner);
}

static enum sl_code start(struct sl_world *world, struct sl_exchange *exchange,
                          struct sl_error *error)
{
    return of(world)->inner->ops->start(of(world)->inner, exchange, error);
}

static void cancel(struct sl_world *world, struct sl_exchange *exchange)
{
    of(world)->inner->ops->cancel(of(world)->inner, exchange);
}

static bool wait_for(struct sl_world *world, int64_t until_us, struct sl_completion *out)
{
    struct tape *tape = of(world)->tape;

    if (!of(world)->inner->ops->wait(of(world)->inner, until_us, out)) return false;
    struct piece *piece = calloc(1, sizeof *piece);
    if (!piece) abort();
    piece->request = request_of(out->exchange);
    piece->status = out->status;
    piece->len = out->body_len;
    piece->body = malloc(out->body_len + 1);
    if (!piece->body) abort();
    memcpy(piece->body, out->body, out->body_len);
    piece->body[out->body_len] = '\0';
    *tape->last = piece;
    tape->last = &piece->next;
    return true;
}

static void wake(struct sl_world *world)
{
    of(world)->inner->ops->wake(of(world)->inner);
}

static void recorder_free(struct sl_world *world)
{
    free(world);
}

struct sl_world *tape_record(struct tape *tape, struct sl_world *inner)
{
    static const struct sl_world_ops ops = {
        .now_us = now_us,
        .monotonic_us = monotonic_us,
        .dice = dice,
        .start = start,
        .cancel = cancel,
        .wait = wait_for,
        .wake = wake,
        .free = recorder_free,
    };
    struct recorder *recorder = calloc(1, sizeof *recorder);

    if (!recorder) abort();
    *recorder = (struct recorder){.world = {.ops = &ops}, .inner = inner, .tape = tape};
    return &recorder->world;
}

/* ---- playing ---- */

static void play(void *ctx, const struct sl_exchange *exchange, int64_t at_us,
                 struct script_answer *answer)
{
    struct tape *tape = ctx;
    char *wanted = request_of(exchange);

    (void)at_us;
    answer->status = 404;
    answer->body = "{\"error\":\"NOT_ON_TAPE\"}";
    for (struct piece *p = tape->first; p; p = p->next) {
        if (p->played == tape->playing || strcmp(p->request, wanted) != 0) continue;
        p->played = tape->playing;
        answer->status = p->status;
        answer->body = p->body;
        answer->len = p->len;
        break;
    }
    free(wanted);
}

struct sl_world *tape_play(struct tape *tape)
{
    tape->playing++;
    return script_world(play, tape);
}
