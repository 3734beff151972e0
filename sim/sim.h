/*
 * sim.h: simulators of SaaS APIs, faithful enough that other people's clients cannot tell.
 *
 * A simulator is a pure handler: a request and the time go in, an answer comes out. Two fronts
 * call it: a real HTTP server on loopback (server.c) and a world of the engine without a network,
 * in virtual time (world.c). So a test that waits out a pause of 30 seconds takes no time, and the
 * very same simulator can be driven by curl.
 *
 * Every simulator has besides its API:
 *     GET  /_sim/stats            {"requests":n,"limited":n,"peak_per_second":n, ...}
 *     GET  /_sim/truth?table=T    what the source holds right now, as the API would show it
 *     GET  /_sim/connection       the connection options that fit it
 *     POST /_sim/control          changes data and schema, sets faults and limits; JSON
 */
#ifndef SL_SIM_H
#define SL_SIM_H

#include <sluice/connector.h>
#include <sluice/error.h>

#include "http/world.h"

struct sl_buf;
struct sim_fault; /* fault.h */

struct sim_request {
    const char *method;
    const char *path; /* percent-decoded, without the query: see raw_path for the original */
    const char *raw_path;
    const char *query;               /* raw, without '?'; "" when none */
    const struct sl_header *headers; /* lower case; ends with {0} */
    const char *body;
    size_t body_len;
    int64_t now_us; /* UTC */
    /* The faults that strike this request; ends with NULL, NULL: none. Filled by sim_handle. */
    const struct sim_fault *const *faults;
};

#define SIM_REPLY_HEADERS_MAX 15

struct sim_reply {
    int status;
    struct sl_buf *body;      /* the handler appends */
    const char *content_type; /* NULL: application/json */
    /* more headers; ends with {0}; static text or in `scratch` */
    struct sl_header headers[SIM_REPLY_HEADERS_MAX + 1];
    char scratch[2048]; /* room for header values: see sim_reply_header() */
    size_t scratch_used;
    int64_t delay_us;  /* latency added by the handler */
    int64_t cut_after; /* close the connection after so many body bytes; -1: no */
    bool chunked;
    bool reset;         /* cut the connection before the status line */
    int64_t stream_len; /* send body again and again until so many bytes; 0: once */
    /* A body that is made while it is sent, instead of `body`: fills `to` from where it stopped;
     * less than cap: the end. Over HTTP it runs without the simulator's lock, so it goes by its
     * context alone, which the front frees by sl_free(). */
    size_t (*more)(void *context, char *to, size_t cap);
    void *more_context;
};

struct sim; /* a running simulator: its data, faults and counters. One thread at a time. */

struct sim_options {
    uint64_t seed;
    int64_t records; /* 0: the demo's own size */
    double rate;     /* overrides the API's limit per second; 0: as documented; -1: off */
    int64_t latency_ms;
    bool gzip;         /* compress when the client accepts it */
    const char *fault; /* as `sluice sim --fault`: see docs/simulators.md; NULL: none */
    int64_t start_us;  /* UTC when the simulated world begins; 0: 2026-03-02T09:00:00Z */
    const char *kind;  /* which of the app's data sets ("demo", "bench"); NULL: its first */
};

#define SIM_START_US (INT64_C(1772442000) * 1000000) /* 2026-03-02T09:00:00Z */

/* What sim.c must know of a request before it is answered. */
struct sim_look {
    struct sim_count { /* [0] is the one that the counters go by */
        char key[64];  /* what is counted: a base, an account; "": nothing */
        double rate;   /* requests in any window; over it: 429. 0: no limit */
        int64_t window_us;
        int64_t penalty_us; /* how long the key stays shut after a 429 */
    } counts[2];
    char table[64];       /* id of the table that is read, "": none */
    char table_name[128]; /* its name, cut to fit */
    int page;             /* listing: this is its k-th page, from 1; 0: no listing */
};

/* What a simulator is. */
struct sim_app {
    const char *name; /* "airtable" */
    const char *summary;
    const char *const
        *faults; /* names of the faults that it acts itself; ends with NULL; or NULL */
    void *(*create)(const struct sim_options *options, struct sl_error *error);
    void (*destroy)(void *app);
    /* Describes a request; always called before fail and handle, again after an operation. */
    enum sl_code (*look)(void *app, const struct sim_request *request, struct sim_look *out,
                         struct sl_error *error);
    /* Answers a request of the API (never /_sim/...). It may look at request->faults for those
     * that only it can act ("empty_page"). */
    enum sl_code (*handle)(void *app, const struct sim_request *request, struct sim_reply *reply,
                           struct sl_error *error);
    /* Writes this API's own form of a failure ("429", "quota", "500", "401", ...); params may be
     * NULL. False: it has none, the general form will do. */
    bool (*fail)(void *app, const char *name, const struct sim_fault *params,
                 const struct sim_request *request, struct sim_reply *reply);
    /* Does it have an operation of this name, which changes data or schema? */
    bool (*has_op)(const char *name);
    /* {"op":"edit","table":"Vendors","count":3}: one such operation, at that time. */
    enum sl_code (*operate)(void *app, const struct sl_json *op, int64_t now_us,
                            struct sl_error *error);
    /* GET /_sim/truth: what the source holds right now; JSON. */
    enum sl_code (*truth)(void *app, const struct sim_request *request, struct sl_buf *out,
                          struct sl_error *error);
    /* JSON object for `sluice demo` and tests: the connection options that fit this simulator. */
    enum sl_code (*connection)(void *app, const char *base_url, struct sl_buf *out,
                               struct sl_error *error);
};
/* Made by the build from the folders of sim/. */
extern const struct sim_app *const sim_apps[]; /* ends with NULL */
const struct sim_app *sim_find(const char *name);

SL_MUST_USE enum sl_code sim_new(const struct sim_app *app, const struct sim_options *options,
                                 struct sim **out, struct sl_error *error);
void sim_free(struct sim *sim);
/* Counts, applies limits and faults, then the app. */
SL_MUST_USE enum sl_code sim_handle(struct sim *sim, const struct sim_request *request,
                                    struct sim_reply *reply, struct sl_error *error);
/* An empty reply that appends to body. */
void sim_reply_init(struct sim_reply *reply, struct sl_buf *body);
/* Adds a header; name is static, value is copied into the reply's scratch. */
void sim_reply_header(struct sim_reply *reply, const char *name, const char *value);
/* The value of a header (name in lower case), or NULL. */
const char *sim_request_header(const struct sim_request *request, const char *name);
/* The time that control and truth go by: that of the newest request, or what a front says. */
int64_t sim_now(const struct sim *sim);
void sim_set_now(struct sim *sim, int64_t now_us); /* never goes back */
/* What a front needs to know of the options: whether answers are to be compressed. */
bool sim_gzip(const struct sim *sim);

/* The same control as POST /_sim/control, from C. */
SL_MUST_USE enum sl_code sim_control(struct sim *sim, const char *json, struct sl_error *error);
/* The connection options for this simulator, a JSON object. */
SL_MUST_USE enum sl_code sim_connection(struct sim *sim, const char *base_url, struct sl_buf *out,
                                        struct sl_error *error);

/* A world without a network: requests to any host go to sim, time is virtual and goes on where
 * the sim's last world ended. Borrows sim. */
SL_MUST_USE enum sl_code sim_world(struct sim *sim, uint64_t seed, struct sl_world **out,
                                   struct sl_error *error);

/* Real HTTP on 127.0.0.1; port 0: the system picks. Runs on its own threads until stopped; they
 * use sim under a lock, so nobody else may meanwhile (POST /_sim/control instead). */
struct sim_server;
SL_MUST_USE enum sl_code sim_server_start(struct sim *sim, int port, struct sim_server **out,
                                          struct sl_error *error);
int sim_server_port(const struct sim_server *server);
void sim_server_stop(struct sim_server *server); /* NULL is fine */

#endif
