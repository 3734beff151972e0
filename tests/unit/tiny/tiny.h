/*
 * tiny.h: the task loop under test: a network that answers by script in virtual time, a connector
 * whose step is the test's, and a sink that writes down what it is told.
 *
 * It defines sl_connectors and sl_connector_find, so that only tests of the loop are linked with it.
 */
#ifndef TINY_H
#define TINY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "pipeline/tasks.h"

#define FLIGHTS_MAX 256

struct reply {
    int status;            /* 0: 200 */
    const char *body;      /* NULL: {} */
    const char *chunks[8]; /* instead of body, when asked for by lines */
    enum sl_code code;     /* an error instead of an answer; with chunks: after them */
    struct sl_header headers[4];
};

struct flight {
    struct sl_exchange *exchange;
    int64_t due_us;
    struct reply reply;
    size_t chunk;
};

struct net {
    struct sl_world world; /* first */
    int64_t now_us;
    void (*answer)(struct net *net, const struct sl_exchange *exchange, struct reply *reply);
    struct flight flights[FLIGHTS_MAX];
    size_t in_flight, in_flight_max;
    int calls, cancelled;
    int64_t called_us[FLIGHTS_MAX]; /* when the i-th call went out */
    char urls[FLIGHTS_MAX][64];
    char authorization[200]; /* of the newest call; "" when it had none */
    char body[65536];
};

struct tiny {
    struct sl_task task; /* first */
    const char *base;
    bool token, other, secret, refresh;
    const char *id;
    int64_t page; /* the test's own */
    bool flag;
};

struct told {
    struct sl_buf log; /* "rows u1 2;drop u1;release u1;..." */
    int64_t rows;      /* that nobody dropped */
    int64_t open[512]; /* by unit: rows since its last release point */
    int ends;
    enum sl_code code;
    struct sl_error error;
    enum sl_code refuses; /* what it answers to rows; SL_OK: it takes them */
    char cursor[4000], complete[2000];
    struct sl_job *job;
};

struct fixture {
    struct net net;
    struct sl_connection connection;
    struct sl_loop *loop;
    struct told told[4];
    int64_t live;
};

extern const struct sl_world_ops net_ops;
extern struct sl_oauth tiny_oauth;     /* the connector's; a test may change it */
extern int tasks_born, tasks_released; /* since make() */

/* A loop over a scripted source: step is every step of the connector, answer gives the answers. */
struct fixture *make(sl_step_fn *step,
                     void (*answer)(struct net *, const struct sl_exchange *, struct reply *));
/* Job i, which reads a table; f->told[i] is its sink. */
void add_with(struct fixture *f, size_t i, const char *table, const char *cursor, bool full);
void add(struct fixture *f, size_t i, const char *table);
/* A first load; and one whose sink cannot do with a part of a job. */
void add_initial(struct fixture *f, size_t i, const char *table, const char *cursor);
void add_strict(struct fixture *f, size_t i, const char *table);
/* Until every job has ended. */
void run(struct fixture *f);
/* Nothing is left, and each job has ended once. */
void unmake(struct fixture *f);
/* What job 0 told. */
const char *log_of(const struct fixture *f);
/* What steps are made of: a request, the rows of an answer, a word of the input, the cursor. */
enum sl_code ask(struct sl_out *out, const char *url, struct sl_error *error);
enum sl_code give(struct sl_out *out, const struct sl_response *response, struct sl_error *error);
const char *input_text(const void *task, const char *key);
const char *cursor_text(const void *task);
/* Answers: two rows; one row, with the status that is the last part of the path. */
void two_rows(struct net *net, const struct sl_exchange *exchange, struct reply *reply);
void by_path(struct net *net, const struct sl_exchange *exchange, struct reply *reply);
/* A step: one page, complete, with a cursor. */
enum sl_code one_page(void *task, const struct sl_response *response, struct sl_out *out,
                      struct sl_error *error);

#endif
