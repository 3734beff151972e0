/*
 * stripe_source.h: a simulated Stripe account that changes, runs of the connector over it as the
 * engine makes them (discover, then the read of a table from its newest cursor), and what a table
 * would hold after them: of each object the row with the newest sequence.
 */
#ifndef STRIPE_SOURCE_H
#define STRIPE_SOURCE_H

#include "base/buf.h"
#include "sim/sim.h"
#include "sources/harvest.h"

struct st_source {
    struct sim *sim;
    struct sl_world *world;
    struct sl_buf options;     /* of the connection */
    struct harvest tables;     /* of the newest discover */
    const char *table_options; /* of all that follows */
    const char *namespace_;    /* an account; NULL: the key's own */
    char *cursor;              /* of the newest read */
    struct landed *rows;       /* of the table that is read */
    size_t row_count;
};

/* records: in each table; 0: the demo's own. more: connection options, '"name":value' */
void st_open_source(struct st_source *source, int64_t records, const char *more);
void st_close_source(struct st_source *source);
void st_pass(struct st_source *source, int64_t seconds);
void st_control(struct st_source *source, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
int64_t st_stat(struct st_source *source, const char *member); /* of /_sim/stats */

void st_discover(struct st_source *source);
/* A full read that starts from nothing, a second after the discover. */
void st_first_load(struct st_source *source, const char *table);
/* A run: discover, then what changed. The rows are applied, the cursor is kept. */
void st_increment(struct st_source *source, const char *table, struct harvest *out);
void st_increment_quietly(struct st_source *source, const char *table); /* and nothing but that */
/* As told, without a discover and without applying anything. */
void st_read_with(struct st_source *source, const char *table, const char *cursor, bool full,
                  bool initial, struct harvest *out);
void st_apply(struct st_source *source, const struct harvest *h);
bool st_is_complete(const struct harvest *h);
bool st_has_note(const struct harvest *h, const char *part);

/* Does the table hold what the source does, row by row? */
void st_assert_is_truth(struct st_source *source, const char *table);
size_t st_rows_held(const struct st_source *source);
/* The row of this key as JSON text; NULL: none. */
const char *st_row_held(const struct st_source *source, const char *key);
/* The id of the index-th newest record of a table that the source holds. */
void st_id_of(struct st_source *source, const char *table, int index, char id[64]);

#endif
