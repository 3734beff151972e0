/*
 * hubspot_source.h: a simulated portal that changes, runs of the connector over it as the engine makes
 * them (discover, then the read of a table from its newest cursor), and what a table would hold.
 */
#ifndef HUBSPOT_SOURCE_H
#define HUBSPOT_SOURCE_H

#include "sources/stage.h"

/* records: in each table; 0: the demo's own. kind: NULL: demo */
void hs_open(struct stage *source, int64_t records, const char *kind);

/* A read as told, of which nothing is kept. */
void hs_read(struct stage *source, const char *table, const char *cursor, const char *input,
             bool full, bool initial, struct harvest *out);

/* Does the table hold what the portal does, value by value, associations included? */
void hs_assert_is_truth(struct stage *source, const char *table);

#endif
