/*
 * hubspot_source.h: a simulated portal that changes, runs of the connector over it as the engine makes
 * them (discover, then the read of a table from its newest cursor), and what a table would hold.
 */
#ifndef HUBSPOT_SOURCE_H
#define HUBSPOT_SOURCE_H

#include "base/buf.h"
#include "sim/sim.h"
#include "sources/harvest.h"

struct hs_source {
    struct sim *sim;
    struct sl_world *world;
    struct sl_buf options; /* of the connection */
    struct harvest tables; /* of the newest discover */
    const char *table_options;
    const char *columns;  /* those that are wanted, JSON; NULL: all */
    char *cursor;         /* of the newest read */
    struct hs_held *rows; /* of the table that is read */
    size_t row_count;
};

/* records: in each table; 0: the demo's own. kind: NULL: demo */
void hs_open(struct hs_source *source, int64_t records, const char *kind);
void hs_close(struct hs_source *source);
void hs_pass(struct hs_source *source, int64_t seconds);
void hs_control(struct hs_source *source, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
int64_t hs_stat(struct hs_source *source, const char *member); /* of /_sim/stats */

void hs_discover(struct hs_source *source);
/* Discover, then everything from nothing. */
void hs_first_load(struct hs_source *source, const char *table);
/* Discover, then what changed. The rows are applied, the cursor is kept. */
void hs_increment(struct hs_source *source, const char *table, struct harvest *out);
void hs_increment_quietly(struct hs_source *source, const char *table);
/* A read as told, of which nothing is kept. */
void hs_read(struct hs_source *source, const char *table, const char *cursor, const char *input,
             bool full, bool initial, struct harvest *out);
void hs_apply(struct hs_source *source, const struct harvest *h);

bool hs_is_complete(const struct harvest *h);
bool hs_has_note(const struct harvest *h, const char *part);
/* Does the table hold what the portal does, value by value, associations included? */
void hs_assert_is_truth(struct hs_source *source, const char *table);
size_t hs_rows_held(const struct hs_source *source);
const char *hs_row_held(const struct hs_source *source, const char *id); /* NULL: none */

#endif
