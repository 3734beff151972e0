/*
 * world.h: the whole outside of a run behind one seam: clocks, dice, network.
 *
 * The engine never calls time(), random() or libcurl: it asks its world. There are three worlds:
 * the real one (client.c), a replayed one (replay.c) and the simulated one of the tests
 * (sim/world.c), where a pause of 30 seconds takes no time and one seed gives one run.
 *
 * Threads: a world belongs to the thread that runs the loop.
 */
#ifndef SL_WORLD_H
#define SL_WORLD_H

#include <sluice/connector.h>
#include <sluice/error.h>

/* One exchange that is to be made. Everything is borrowed until its completion. */
struct sl_exchange {
    const char *method, *url;
    const struct sl_header *headers; /* ends with {0}; credentials already in */
    const char *body;
    size_t body_len;
    int64_t timeout_ms;        /* 0: 300,000. Until the whole answer is there; with lines:
                                        the longest time in which nothing at all arrives */
    size_t response_bytes_max; /* decompressed; over it: SL_TOO_LARGE. 0: 64 MiB; with
                                        lines: no limit but SL_LINE_BYTES_MAX */
    bool lines;                /* hand over chunks of whole lines while they arrive */
    bool credentials;          /* a token is asked for: no recording keeps what the bodies hold */
    void *owner;               /* the caller's, untouched */
    /* The request goes onto the wire now (monotonic). With a connection that has still to be made
     * that is later than start(): a budget wants to know (sl_budgets_sent). May be called again
     * when a broken connection makes the client send it once more. Not from within this may the
     * world be called. NULL: nobody asks. */
    void (*sent)(struct sl_exchange *exchange, int64_t at_us);
};

#define SL_EXCHANGE_TIMEOUT_MS INT64_C(300000)
#define SL_RESPONSE_BYTES_DEFAULT ((size_t)64 << 20)
#define SL_LINE_BYTES_MAX ((size_t)16 << 20) /* one line of a body by lines */
#define SL_RESPONSE_HEADERS_COUNT_MAX 256
#define SL_RESPONSE_HEADERS_BYTES_MAX ((size_t)64 << 10)

/* What became of an exchange. With lines there are several of these, LAST at the end. */
struct sl_completion {
    struct sl_exchange *exchange;
    enum sl_code code;     /* SL_OK: an answer came, whatever its status. SL_CONNECT,
                                    SL_TIMEOUT, SL_TOO_LARGE, SL_CANCELLED, SL_SOURCE (cut body,
                                    bad encoding): see error */
    bool began;            /* bytes of a body had already been handed over (lines) */
    struct sl_error error; /* filled when code is an error; what was asked for is not in its
                                    message: the caller knows the exchange */
    int status;
    const struct sl_header *headers; /* lower case; ends with {0} */
    char *body;                      /* writable, SL_DOC_PADDING spare bytes behind it */
    size_t body_len;
    unsigned chunk; /* SL_CHUNK_FIRST | SL_CHUNK_LAST when not by lines; 0 with an
                                    error */
    int64_t started_at_us, received_at_us; /* UTC: of start(), and of the last byte in body */
    int64_t sent_us;                       /* monotonic, as told to exchange->sent; 0: never sent */
};

struct sl_world;
struct sl_world_ops {
    int64_t (*now_us)(struct sl_world *world);       /* UTC */
    int64_t (*monotonic_us)(struct sl_world *world); /* never goes back */
    uint64_t (*dice)(struct sl_world *world);
    /* Starts an exchange. Its end comes from wait(). Fails only for what is wrong with the exchange
     * itself (SL_BAD_SPEC) and for SL_NO_MEMORY. */
    enum sl_code (*start)(struct sl_world *world, struct sl_exchange *exchange,
                          struct sl_error *error);
    /* Drops an exchange: no completion will come for it. */
    void (*cancel)(struct sl_world *world, struct sl_exchange *exchange);
    /* Waits for something to happen, at most until monotonic time `until_us`. *out is filled and
     * true returned when an exchange completed (what it points to lives until the next call of
     * wait); false: the time is up, wake() was called, or a request went out (exchange->sent), so
     * that the caller can look at its budgets again. */
    bool (*wait)(struct sl_world *world, int64_t until_us, struct sl_completion *out);
    /* Ends a wait() early; the one function that other threads and signal handlers may call. */
    void (*wake)(struct sl_world *world);
    void (*free)(struct sl_world *world);
};

struct sl_world {
    const struct sl_world_ops *ops;
};

static inline int64_t sl_now_us(struct sl_world *world)
{
    return world->ops->now_us(world);
}
static inline void sl_world_free(struct sl_world *world)
{
    if (world) world->ops->free(world);
}

struct sl_http_options {
    int connections_max;        /* 0: 64; exchanges beyond it wait inside */
    const char *user_agent;     /* NULL: sluice/<version> */
    const char *ca_bundle;      /* a PEM file; NULL: the system's */
    int64_t connect_timeout_ms; /* 0: 10,000 */
};

/*
 * The real world: libcurl's multi interface on this thread, HTTP/2, gzip by ISA-L, TLS verified
 * always, proxies from the environment. options NULL: all presets.
 *
 * Up to five redirects are followed within the origin (GET and HEAD; other methods only for 307 and
 * 308); any other is handed over as the answer it is. Each is one more request for the source. Only
 * gzip is asked for and understood. Repeated headers are handed over as they came.
 */
SL_MUST_USE enum sl_code sl_world_new(const struct sl_http_options *options, struct sl_world **out,
                                      struct sl_error *error);

/*
 * A world that writes every exchange of `inner` to `directory` (JSON files, one per exchange, in
 * order of completion; record.c shows one), without credentials: Authorization, Cookie
 * and Set-Cookie headers are left out, and every occurrence of a value in `secrets` (ends with
 * NULL; copied), plain or percent-encoded, escaped in JSON, or in base64, is replaced by "***". Of an
 * exchange of credentials nothing is kept but what a replay of it needs.
 * The directory is made when it is not there; it must hold no recording. Owns inner, on failure
 * too. A recording that cannot be written shows as SL_DESTINATION in the next completion.
 */
SL_MUST_USE enum sl_code sl_world_record(struct sl_world *inner, const char *directory,
                                         const char *const *secrets, struct sl_world **out,
                                         struct sl_error *error);
/* Another secret from now on, in a world that records; nothing to do in others. False: no memory. */
bool sl_world_hide(struct sl_world *world, const char *secret);
/* A world that answers from such a recording, without a network, in virtual time. An exchange that
 * was not recorded is SL_CONNECT with a message that names it. */
SL_MUST_USE enum sl_code sl_world_replay(const char *directory, struct sl_world **out,
                                         struct sl_error *error);

#endif
