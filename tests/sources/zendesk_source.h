/*
 * zendesk_source.h: the simulated Zendesk, and runs of the connector over it as the engine makes them:
 * discover, then the read of a table from the newest cursor.
 */
#ifndef ZENDESK_SOURCE_H
#define ZENDESK_SOURCE_H

#include "base/buf.h"
#include "sim/sim.h"
#include "sources/harvest.h"

struct desk {
    struct sim *sim;
    struct sl_world *world;
    struct sl_buf options;
    const char *table_options;
    struct harvest tables; /* of the newest discover */
    char *cursor;          /* of the newest read that ended well */
};

/* kind: a data set; records 0: its own size. */
void desk_open(struct desk *desk, const char *kind, int64_t records);
void desk_close(struct desk *desk);
void desk_pass(struct desk *desk, int64_t s);
void desk_control(struct desk *desk, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "\"edit\",\"table\":\"users\"": one operation. */
void desk_op(struct desk *desk, const char *format, ...) __attribute__((format(printf, 2, 3)));
int64_t desk_discover(struct desk *desk); /* the calls that it took */
/* A read, well or not; the cursor is kept when it is well. */
void desk_read(struct desk *desk, const char *table, const char *cursor, bool full, bool initial,
               struct harvest *out);
/* A first load, which must end well and hold all there is. */
void desk_load(struct desk *desk, const char *table);
/* Two minutes later: what changed; it must end well. */
void desk_increment(struct desk *desk, const char *table, struct harvest *out);
int64_t desk_stat(struct desk *desk, const char *name);
/* How many rows the source has; and all of them are in h. */
size_t desk_truth(struct desk *desk, const char *table, const struct harvest *h);
bool desk_complete(const struct harvest *h);
bool desk_noted(const struct harvest *h, const char *text);

#endif
