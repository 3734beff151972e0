/*
 * stripe_source.h: a simulated Stripe account that changes, runs of the connector over it as the
 * engine makes them (discover, then the read of a table from its newest cursor), and what a table
 * would hold after them: of each object the row with the newest sequence.
 */
#ifndef STRIPE_SOURCE_H
#define STRIPE_SOURCE_H

#include "sources/stage.h"

/* records: in each table; 0: the demo's own. more: connection options, '"name":value' */
void st_open_source(struct stage *source, int64_t records, const char *more);

/* As told, without a discover and without applying anything. */
void st_read_with(struct stage *source, const char *table, const char *cursor, bool full,
                  bool initial, struct harvest *out);

/* Does the table hold what the source does, row by row? */
void st_assert_is_truth(struct stage *source, const char *table);
/* The id of the index-th newest record of a table that the source holds. */
void st_id_of(struct stage *source, const char *table, int index, char id[64]);

#endif
