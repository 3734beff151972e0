/*
 * github_source.h: the simulated GitHub, and runs of the connector over it as the engine makes them:
 * discover of one namespace, then the read of a table from the newest cursor.
 */
#ifndef GITHUB_SOURCE_H
#define GITHUB_SOURCE_H

#include "base/buf.h"
#include "sim/sim.h"
#include "sources/harvest.h"

#define ACME "acme-invented"

struct hub {
    struct sim *sim;
    struct sl_world *world;
    struct sl_buf options;
    const char *namespace_, *table_options;
    struct harvest tables; /* of the newest discover */
    char *cursor;          /* of the newest read that ended well */
};

#define MUST(call)                                                                                 \
    do {                                                                                           \
        struct sl_error error = {0};                                                               \
        if (call) fail_msg("%s", error.message);                                                   \
    } while (0)

/* kind: a data set; records 0: its own size. */
void hub_open(struct hub *source, const char *kind, int64_t records);
void hub_close(struct hub *source);
void hub_pass(struct hub *source, int64_t s);
void hub_control(struct hub *source, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* An operation on the default repository's data. */
void hub_op(struct hub *source, const char *format, ...) __attribute__((format(printf, 2, 3)));
int64_t hub_discover(struct hub *source); /* the calls that it took */
/* A read, well or not; the cursor is kept when it is well. */
void hub_read_as(struct hub *source, const char *table, const char *cursor, bool full, bool initial,
                 struct harvest *out);
void hub_load(struct hub *source, const char *table, struct harvest *out);
/* Ten minutes later: discover, and what changed. */
void hub_increment(struct hub *source, const char *table, struct harvest *out);
/* A number of the simulator's statistics: "requests", "by_status.304". */
int64_t hub_stat(struct hub *source, const char *name);
/* How many rows the source has; and all of them are in h. */
size_t hub_truth(struct hub *source, const char *table, const struct harvest *h);

#endif
