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
 *     POST /_sim/control          changes data and schema, sets faults and limits; JSON
 */
#ifndef SL_SIM_H
#define SL_SIM_H

#include <sluice/connector.h>
#include <sluice/error.h>

#include "http/world.h"

struct sl_buf;

struct sim_request {
    const char *method;
    const char *path;     /* percent-decoded, without the query: see raw_path for the original */
    const char *raw_path;
    const char *query;    /* raw, without '?'; "" when none */
    const struct sl_header *headers; /* lower case; ends with {0} */
    const char *body;
    size_t body_len;
    int64_t now_us;       /* UTC */
};

struct sim_reply {
    int status;
    struct sl_buf *body;       /* the handler appends */
    const char *content_type;  /* NULL: application/json */
    struct sl_header headers[8]; /* more headers; ends with {0}; static or request-lived text */
    int64_t delay_us;          /* latency added by the handler */
    int64_t cut_after;         /* close the connection after so many body bytes; -1: no */
    bool chunked;
};

struct sim; /* a running simulator: its data, faults and counters. One thread at a time. */

struct sim_options {
    uint64_t seed;
    int64_t records;     /* 0: the demo's own size */
    double rate;         /* overrides the API's limit per second; 0: as documented; -1: off */
    int64_t latency_ms;
    bool gzip;           /* compress when the client accepts it */
    const char *fault;   /* as `sluice sim --fault`: see docs/simulators.md; NULL: none */
    int64_t start_us;    /* UTC when the simulated world begins; 0: 2026-03-02T09:00:00Z */
};

/* What a simulator is. */
struct sim_app {
    const char *name;    /* "airtable" */
    const char *summary;
    void *(*create)(const struct sim_options *options, struct sl_error *error);
    void (*destroy)(void *app);
    /* Answers a request of the API (never /_sim/stats). */
    enum sl_code (*handle)(void *app, const struct sim_request *request, struct sim_reply *reply,
                           struct sl_error *error);
    /* JSON object for `sluice demo` and tests: the connection options that fit this simulator. */
    enum sl_code (*connection)(void *app, const char *base_url, struct sl_buf *out,
                               struct sl_error *error);
};
extern const struct sim_app *const sim_apps[]; /* ends with NULL */
const struct sim_app *sim_find(const char *name);

SL_MUST_USE enum sl_code sim_new(const struct sim_app *app, const struct sim_options *options,
                                 struct sim **out, struct sl_error *error);
void sim_free(struct sim *sim);
/* Counts, applies limits and faults, then the app. */
SL_MUST_USE enum sl_code sim_handle(struct sim *sim, const struct sim_request *request,
                                    struct sim_reply *reply, struct sl_error *error);
/* The same control as POST /_sim/control, from C. */
SL_MUST_USE enum sl_code sim_control(struct sim *sim, const char *json, struct sl_error *error);
/* The connection options for this simulator, a JSON object. */
SL_MUST_USE enum sl_code sim_connection(struct sim *sim, const char *base_url, struct sl_buf *out,
                                        struct sl_error *error);

/* A world without a network: requests to any host go to sim, time is virtual. Borrows sim. */
SL_MUST_USE enum sl_code sim_world(struct sim *sim, uint64_t seed, struct sl_world **out,
                                   struct sl_error *error);

/* Real HTTP on 127.0.0.1; port 0: the system picks. Runs on its own thread until stopped. */
struct sim_server;
SL_MUST_USE enum sl_code sim_server_start(struct sim *sim, int port, struct sim_server **out,
                                          struct sl_error *error);
int sim_server_port(const struct sim_server *server);
void sim_server_stop(struct sim_server *server); /* NULL is fine */

#endif
