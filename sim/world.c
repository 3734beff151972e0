/*
 * world.c: a world without a network, in virtual time, for tests.
 *
 * Requests to any host go to one simulator. Time stands still while the caller works; wait() moves
 * it to the next event. An exchange is one flight of events:
 *
 *     start ── up to 2 ms ──> SEND: onto the wire, as if a connection had to be made
 *                               └── up to 0.3 ms ──> ARRIVE: the simulator answers
 *                                                      │ its latency, up to 0.5 ms more
 *              DELIVER: a completion. By lines: a chunk <┘
 *                 └──> DELIVER, ... until the body has ended
 *
 * Redirects within the origin are followed, five at most, as the engine's client does. Events are ordered by time, then by dice of the seed, then by age: one seed gives one run.
 */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/time.h"
#include "json/doc.h"
#include "sim/sim.h"
#include "sim/text.h"

#define WORLD_CONNECT_US 2000
#define WORLD_UP_US 300
#define WORLD_DOWN_US 500
#define WORLD_CHUNK_MIN ((size_t)4 << 10)
#define WORLD_CHUNK_MAX ((size_t)64 << 10)
#define WORLD_BODY_MAX ((size_t)1 << 30)
#define WORLD_HEADERS_MAX (SIM_REPLY_HEADERS_MAX + 2) /* type and length */
#define WORLD_REDIRECTS_MAX 5

struct flight {
    struct sl_exchange *exchange;
    int64_t due_us; /* monotonic time of its next event */
    uint64_t tie, serial;
    enum flight_stage { SEND, ARRIVE, DELIVER } stage; /* what that event is */
    int64_t started_at_us;                             /* UTC */
    int64_t sent_us;                                   /* monotonic; 0: not yet */
    int64_t deadline_us;                               /* monotonic */
    /* the answer */
    enum sl_code code; /* what ends it; SL_OK: the body ended cleanly */
    struct sl_error error;
    int status;
    struct sl_header headers[WORLD_HEADERS_MAX + 1];
    struct sl_buf header_text;
    struct sl_buf body;
    size_t body_len; /* of it that arrives: less than body.len when it was cut */
    size_t at;       /* by lines: delivered so far */
    bool first_sent;
};

struct world {
    struct sl_world face; /* first */
    struct sim *sim;
    int64_t utc_offset_us; /* UTC = monotonic + this */
    int64_t now_us;        /* monotonic */
    uint64_t dice, serial;
    struct flight **flights;
    size_t count, cap;
    struct flight *done; /* what the last completion points into */
    struct sl_buf chunk;
    atomic_bool woken;
};

static uint64_t roll(struct world *world)
{
    world->dice = sim_mix(world->dice, UINT64_C(0xd1ce));
    return world->dice;
}

static int64_t world_now(struct sl_world *face)
{
    struct world *world = (struct world *)face;

    return world->now_us + world->utc_offset_us;
}

static int64_t world_monotonic(struct sl_world *face)
{
    return ((struct world *)face)->now_us;
}

static uint64_t world_dice(struct sl_world *face)
{
    return roll((struct world *)face);
}

static void world_wake(struct sl_world *face)
{
    atomic_store(&((struct world *)face)->woken, true);
}

static void flight_free(struct flight *flight)
{
    if (!flight) return;
    sl_buf_release(&flight->header_text);
    sl_buf_release(&flight->body);
    sl_free(flight);
}

static void flight_schedule(struct world *world, struct flight *flight, int64_t due_us)
{
    flight->due_us = due_us;
    flight->tie = roll(world);
    flight->serial = world->serial++;
}

static enum sl_code world_start(struct sl_world *face, struct sl_exchange *exchange,
                                struct sl_error *error)
{
    struct world *world = (struct world *)face;
    int64_t timeout_ms = exchange->timeout_ms > 0 ? exchange->timeout_ms : SL_EXCHANGE_TIMEOUT_MS;

    if (world->count == world->cap) {
        size_t cap = world->cap ? world->cap * 2 : 16;
        struct flight **flights = sl_realloc(world->flights, cap * sizeof(struct flight *));

        if (!flights) return sl_fail(error, SL_NO_MEMORY, "could not start an exchange");
        world->flights = flights;
        world->cap = cap;
    }
    struct flight *flight = sl_calloc(1, sizeof *flight);

    if (!flight) return sl_fail(error, SL_NO_MEMORY, "could not start an exchange");
    flight->exchange = exchange;
    flight->started_at_us = world_now(face);
    flight->deadline_us = world->now_us + timeout_ms * 1000;
    flight_schedule(world, flight, world->now_us + (int64_t)(roll(world) % WORLD_CONNECT_US));
    world->flights[world->count++] = flight;
    return SL_OK;
}

static void world_remove(struct world *world, const struct flight *flight)
{
    for (size_t i = 0; i < world->count; i++) {
        if (world->flights[i] != flight) continue;
        world->flights[i] = world->flights[--world->count];
        return;
    }
}

static void world_cancel(struct sl_world *face, struct sl_exchange *exchange)
{
    struct world *world = (struct world *)face;

    for (size_t i = 0; i < world->count; i++) {
        struct flight *flight = world->flights[i];

        if (flight->exchange != exchange) continue;
        world_remove(world, flight);
        flight_free(flight);
        return;
    }
}

/* ------------------------------------------------------------------ the simulator answers */

struct parts { /* of a URL */
    struct sl_buf raw_path, path;
    const char *query;
};

static bool split_url(const char *url, struct parts *out, bool *no_memory)
{
    const char *at = strstr(url, "://");

    at = at ? at + 3 : url;
    at += strcspn(at, "/?#");
    size_t path_len = strcspn(at, "?#");
    const char *query = at + path_len;

    out->query = *query == '?' ? query + 1 : "";
    if (path_len)
        sl_buf_add(&out->raw_path, at, path_len);
    else
        sl_buf_addc(&out->raw_path, '/');
    char *room = sl_buf_reserve(&out->path, out->raw_path.len + 1);

    if (!room || sl_buf_failed(&out->raw_path)) {
        *no_memory = true;
        return false;
    }
    return sim_url_decode(out->raw_path.data, out->raw_path.len, false, room,
                          out->raw_path.len + 1);
}

/* The simulator's headers live in the reply: copies them, and adds the content type. */
static void keep_headers(struct flight *flight, const struct sim_reply *reply)
{
    size_t offsets[WORLD_HEADERS_MAX][2], count = 0;
    char length[32];
    struct sl_header all[WORLD_HEADERS_MAX];

    all[count++] = (struct sl_header){"content-type", reply->content_type ? reply->content_type
                                                                          : "application/json"};
    if (!reply->chunked) {
        (void)snprintf(length, sizeof length, "%" PRId64,
                       reply->stream_len ? reply->stream_len : (int64_t)reply->body->len);
        all[count++] = (struct sl_header){"content-length", length};
    }
    for (int i = 0; reply->headers[i].name && count < WORLD_HEADERS_MAX; i++)
        all[count++] = reply->headers[i];
    for (size_t i = 0; i < count; i++) {
        offsets[i][0] = flight->header_text.len;
        sl_buf_add(&flight->header_text, all[i].name, strlen(all[i].name) + 1);
        offsets[i][1] = flight->header_text.len;
        sl_buf_add(&flight->header_text, all[i].value, strlen(all[i].value) + 1);
    }
    if (sl_buf_failed(&flight->header_text)) return;
    for (size_t i = 0; i < count; i++) {
        flight->headers[i].name = flight->header_text.data + offsets[i][0];
        flight->headers[i].value = flight->header_text.data + offsets[i][1];
    }
}

static void flight_fail(struct flight *flight, enum sl_code code, bool retryable,
                        const char *message)
{
    flight->code = sl_fail(&flight->error, code, "%s", message);
    flight->error.retryable = retryable;
}

/* A body that is sent again and again, as far as anybody is allowed to take it. */
static void repeat_body(struct flight *flight, int64_t total)
{
    size_t once = flight->body.len;

    while (once && (int64_t)flight->body.len < total && !sl_buf_failed(&flight->body)) {
        char *room = sl_buf_reserve(&flight->body, once);

        if (room) sl_buf_add(&flight->body, flight->body.data, once);
    }
}

/* By lines there is no limit but that of a line: what is repeated has no end of line. */
static size_t bytes_max(const struct sl_exchange *exchange, bool repeated)
{
    if (exchange->response_bytes_max) return exchange->response_bytes_max;
    if (!exchange->lines) return SL_RESPONSE_BYTES_DEFAULT;
    return repeated ? SL_LINE_BYTES_MAX : WORLD_BODY_MAX;
}

#define MADE_AT_ONCE ((size_t)64 << 10)

/* A body that is made while it is sent: all of it. */
static void make_body(struct flight *flight, struct sim_reply *reply)
{
    size_t n = MADE_AT_ONCE;

    while (n == MADE_AT_ONCE) {
        char *room = sl_buf_reserve(&flight->body, MADE_AT_ONCE);

        if (!room) break;
        n = reply->more(reply->more_context, room, MADE_AT_ONCE);
        flight->body.len += n;
        flight->body.data[flight->body.len] = '\0';
    }
    sl_free(reply->more_context);
    reply->more = NULL;
    reply->more_context = NULL;
}

static void take_reply(struct flight *flight, const struct sim_reply *reply)
{
    size_t max = bytes_max(flight->exchange, reply->stream_len != 0);
    int64_t total = reply->stream_len ? reply->stream_len : (int64_t)flight->body.len;

    flight->status = reply->status;
    keep_headers(flight, reply);
    flight->body_len = flight->body.len;
    if (reply->reset) {
        flight_fail(flight, SL_SOURCE, true, "the connection broke: reset by the simulator");
        flight->body_len = 0;
        return;
    }
    if (max && total > (int64_t)max) {
        flight_fail(flight, SL_TOO_LARGE, false, "the answer is over the size limit");
        if (reply->stream_len && flight->exchange->lines) repeat_body(flight, (int64_t)max);
        flight->body_len = flight->body.len < max ? flight->body.len : max;
        return;
    }
    if (reply->stream_len) {
        repeat_body(flight, total);
        flight->body_len = (size_t)total;
    }
    if (reply->cut_after >= 0 && reply->cut_after < (int64_t)flight->body_len) {
        flight_fail(flight, SL_SOURCE, true, "the connection was closed inside the body");
        flight->body_len = (size_t)reply->cut_after;
    }
}

/* Where an answer sends us, as the engine's client would follow it: within the origin; else NULL. */
static const char *redirect_target(const char *method, const char *url,
                                   const struct sim_reply *reply)
{
    const char *at = strstr(url, "://"), *location = NULL;
    size_t origin = at ? (size_t)(at + 3 - url) + strcspn(at + 3, "/?#") : 0;
    bool get = strcmp(method, "GET") == 0;
    int status = reply->status;

    if (status != 307 && status != 308 && !(get && status >= 301 && status <= 303)) return NULL;
    for (int i = 0; reply->headers[i].name; i++)
        if (strcmp(reply->headers[i].name, "location") == 0) location = reply->headers[i].value;
    return location && origin && strncmp(url, location, origin) == 0 ? location : NULL;
}

/* One request to the simulator; *next: where its answer sends us (in the reply), or NULL. */
static enum sl_code ask_sim(struct world *world, struct flight *flight, const char *url,
                            struct sim_reply *reply, const char **next)
{
    const struct sl_exchange *exchange = flight->exchange;
    struct parts parts = {0};
    struct sim_request request = {
        .method = exchange->method ? exchange->method : "GET",
        .headers = exchange->headers,
        .body = exchange->body ? exchange->body : "",
        .body_len = exchange->body ? exchange->body_len : 0,
        .now_us = world->now_us + world->utc_offset_us,
    };
    enum sl_code rc = SL_OK;
    bool no_memory = false;

    sl_buf_reset(&flight->body);
    sim_reply_init(reply, &flight->body);
    if (split_url(url, &parts, &no_memory)) {
        request.raw_path = parts.raw_path.data;
        request.path = parts.path.data;
        request.query = parts.query;
        rc = sim_handle(world->sim, &request, reply, &flight->error);
        if (reply->more) make_body(flight, reply);
        *next = redirect_target(request.method, url, reply);
    } else if (no_memory) {
        rc = sl_fail(&flight->error, SL_NO_MEMORY, "could not read a URL");
    } else {
        rc = sl_fail(&flight->error, SL_CONNECT, "could not read the URL '%s'", url);
    }
    sl_buf_release(&parts.raw_path);
    sl_buf_release(&parts.path);
    return rc;
}

static void flight_arrive(struct world *world, struct flight *flight)
{
    struct sim_reply reply, before;
    const char *url = flight->exchange->url;
    enum sl_code rc = SL_OK;

    flight->stage = DELIVER;
    sl_buf_init(&flight->body, WORLD_BODY_MAX);
    for (int i = 0; url && !rc && i <= WORLD_REDIRECTS_MAX; i++) {
        const char *next = NULL;
        rc = ask_sim(world, flight, url, &reply, &next);
        if (next) { /* it lies in the reply that is about to be used again */
            size_t offset = (size_t)(next - reply.scratch);
            before = reply;
            next = before.scratch + offset;
        }
        url = next;
    }
    if (rc)
        flight->code = rc;
    else
        take_reply(flight, &reply);
    if (!flight->code && (sl_buf_failed(&flight->body) || sl_buf_failed(&flight->header_text) ||
                          !sl_buf_reserve(&flight->body, SL_DOC_PADDING)))
        flight->code = sl_fail(&flight->error, SL_NO_MEMORY, "could not hold an answer");

    int64_t due = world->now_us + reply.delay_us + (int64_t)(roll(world) % WORLD_DOWN_US);

    if (due > flight->deadline_us) {
        due = flight->deadline_us;
        flight->body_len = 0;
        flight_fail(flight, SL_TIMEOUT, true, "no complete answer within the time allowed");
    }
    flight_schedule(world, flight, due);
}

/* ------------------------------------------------------------------ completions */

static void fill_completion(struct world *world, struct flight *flight, struct sl_completion *out)
{
    *out = (struct sl_completion){
        .exchange = flight->exchange,
        .code = flight->code,
        .began = flight->first_sent,
        .status = flight->status,
        .headers = flight->headers,
        .chunk = flight->code ? 0 : SL_CHUNK_FIRST | SL_CHUNK_LAST,
        .started_at_us = flight->started_at_us,
        .sent_us = flight->sent_us,
        .received_at_us = world->now_us + world->utc_offset_us,
    };
    if (flight->code) out->error = flight->error;
    sim_set_now(world->sim, out->received_at_us);
}

/* The flight is over: what *out points to lives until the next wait. */
static void flight_finish(struct world *world, struct flight *flight)
{
    world_remove(world, flight);
    world->done = flight;
}

/* The next chunk of whole lines, or the end. */
static void deliver_lines(struct world *world, struct flight *flight, struct sl_completion *out)
{
    size_t left = flight->body_len - flight->at;
    size_t want = WORLD_CHUNK_MIN + roll(world) % (WORLD_CHUNK_MAX - WORLD_CHUNK_MIN);
    size_t len = left < want ? left : want;
    const char *start = flight->body.data ? flight->body.data + flight->at : "";

    while (len < left && start[len - 1] != '\n') len++; /* a long line comes whole */
    if (flight->code)
        while (len && start[len - 1] != '\n') len--; /* a broken one not at all */
    fill_completion(world, flight, out);
    if (flight->code && len == 0) {
        flight_finish(world, flight);
        return;
    }
    sl_buf_reset(&world->chunk);
    sl_buf_add(&world->chunk, start, len);
    if (!sl_buf_reserve(&world->chunk, SL_DOC_PADDING)) {
        out->code = sl_fail(&out->error, SL_NO_MEMORY, "could not hand over a chunk");
        flight_finish(world, flight);
        return;
    }
    bool last = !flight->code && len == left;

    out->code = SL_OK;
    out->body = world->chunk.data;
    out->body_len = len;
    out->chunk = (flight->first_sent ? 0u : SL_CHUNK_FIRST) | (last ? SL_CHUNK_LAST : 0u);
    flight->first_sent = flight->first_sent || len > 0;
    flight->at += len;
    if (last)
        flight_finish(world, flight);
    else
        flight_schedule(world, flight, world->now_us + (int64_t)(roll(world) % WORLD_DOWN_US));
}

static void deliver(struct world *world, struct flight *flight, struct sl_completion *out)
{
    if (flight->exchange->lines) {
        deliver_lines(world, flight, out);
        return;
    }
    fill_completion(world, flight, out);
    if (!flight->code) {
        out->body = flight->body.data;
        out->body_len = flight->body_len;
    }
    flight_finish(world, flight);
}

static struct flight *next_flight(const struct world *world)
{
    struct flight *best = NULL;

    for (size_t i = 0; i < world->count; i++) {
        struct flight *f = world->flights[i];

        if (!best || f->due_us < best->due_us ||
            (f->due_us == best->due_us &&
             (f->tie < best->tie || (f->tie == best->tie && f->serial < best->serial))))
            best = f;
    }
    return best;
}

/* Onto the wire. True: the caller wants to know, and gets a chance to look at its budgets. */
static bool flight_send(struct world *world, struct flight *flight)
{
    struct sl_exchange *exchange = flight->exchange;

    flight->stage = ARRIVE;
    flight->sent_us = world->now_us;
    flight_schedule(world, flight, world->now_us + (int64_t)(roll(world) % WORLD_UP_US));
    if (exchange->sent) exchange->sent(exchange, world->now_us);
    return exchange->sent != NULL;
}

static bool world_wait(struct sl_world *face, int64_t until_us, struct sl_completion *out)
{
    struct world *world = (struct world *)face;

    flight_free(world->done);
    world->done = NULL;
    for (;;) {
        struct flight *flight = next_flight(world);

        if (atomic_exchange(&world->woken, false)) return false;
        if (!flight || flight->due_us > until_us) break;
        if (flight->due_us > world->now_us) world->now_us = flight->due_us;
        if (flight->stage == DELIVER) {
            deliver(world, flight, out);
            return true;
        }
        if (flight->stage == ARRIVE)
            flight_arrive(world, flight);
        else if (flight_send(world, flight))
            return false;
    }
    if (until_us != INT64_MAX && until_us > world->now_us) world->now_us = until_us;
    sim_set_now(world->sim, world->now_us + world->utc_offset_us);
    return false;
}

static void world_free(struct sl_world *face)
{
    struct world *world = (struct world *)face;

    sim_set_now(world->sim, world->now_us + world->utc_offset_us);
    for (size_t i = 0; i < world->count; i++) flight_free(world->flights[i]);
    flight_free(world->done);
    sl_buf_release(&world->chunk);
    sl_free(world->flights);
    sl_free(world);
}

static const struct sl_world_ops world_ops = {
    .now_us = world_now,
    .monotonic_us = world_monotonic,
    .dice = world_dice,
    .start = world_start,
    .cancel = world_cancel,
    .wait = world_wait,
    .wake = world_wake,
    .free = world_free,
};

enum sl_code sim_world(struct sim *sim, uint64_t seed, struct sl_world **out,
                       struct sl_error *error)
{
    struct world *world = sl_calloc(1, sizeof *world);

    if (!world) return sl_fail(error, SL_NO_MEMORY, "could not make a world");
    world->face.ops = &world_ops;
    world->sim = sim;
    world->dice = sim_mix(seed, 7);
    world->now_us = SL_SECOND_US;
    world->utc_offset_us = sim_now(sim) - world->now_us;
    sl_buf_init(&world->chunk, WORLD_BODY_MAX);
    *out = &world->face;
    return SL_OK;
}
