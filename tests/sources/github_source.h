/*
 * github_source.h: the simulated GitHub, and runs of the connector over it as the engine makes them:
 * discover of one namespace, then the read of a table from the newest cursor.
 */
#ifndef GITHUB_SOURCE_H
#define GITHUB_SOURCE_H

#include "sources/stage.h"

#define ACME "acme-invented"

/* kind: a data set; records 0: its own size. */
void hub_open(struct stage *source, const char *kind, int64_t records);
/* An operation on the default repository's data. */
void hub_op(struct stage *source, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A read, well or not; the cursor is kept when it is well. */
void hub_read_as(struct stage *source, const char *table, const char *cursor, bool full,
                 bool initial, struct harvest *out);
void hub_load(struct stage *source, const char *table, struct harvest *out);
/* Ten minutes later: discover, and what changed. */
void hub_increment(struct stage *source, const char *table, struct harvest *out);
/* A number of the simulator's statistics: "requests", "by_status.304". */
int64_t hub_stat(struct stage *source, const char *name);
/* How many rows the source has; and all of them are in h. */
size_t hub_truth(struct stage *source, const char *table, const struct harvest *h);

#endif
