/*
 * zendesk_source.h: the simulated Zendesk, and runs of the connector over it as the engine makes them:
 * discover, then the read of a table from the newest cursor.
 */
#ifndef ZENDESK_SOURCE_H
#define ZENDESK_SOURCE_H

#include "sources/stage.h"

/* kind: a data set; records 0: its own size. */
void desk_open(struct stage *desk, const char *kind, int64_t records);
/* "\"edit\",\"table\":\"users\"": one operation. */
void desk_op(struct stage *desk, const char *format, ...) __attribute__((format(printf, 2, 3)));
int64_t desk_discover(struct stage *desk); /* the calls that it took */
/* A read, well or not; the cursor is kept when it is well. */
void desk_read(struct stage *desk, const char *table, const char *cursor, bool full, bool initial,
               struct harvest *out);
/* A first load, which must end well and hold all there is. */
void desk_load(struct stage *desk, const char *table);
/* Two minutes later: what changed; it must end well. */
void desk_increment(struct stage *desk, const char *table, struct harvest *out);
/* How many rows the source has; and all of them are in h. */
size_t desk_truth(struct stage *desk, const char *table, const struct harvest *h);

#endif
