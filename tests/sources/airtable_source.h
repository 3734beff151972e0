/*
 * airtable_source.h: a simulated base that changes, and runs of the connector over it, as the engine
 * makes them: discover, then the read of a table from the newest cursor.
 */
#ifndef AIRTABLE_SOURCE_H
#define AIRTABLE_SOURCE_H

#include "base/buf.h"
#include "sim/sim.h"
#include "sources/harvest.h"

#define RECORDS 2000
#define TABLE "SKU Candidates" /* it has a field with the modified time */
#define OTHER "Vendors"        /* it has none */

struct source {
    struct sim *sim;
    struct sl_world *world;
    struct sl_buf options;
    struct harvest tables;     /* of the newest discover */
    const char *table_options; /* of all that follows */
    char *cursor;              /* of the newest read */
};

void open_source(struct source *source, const char *table_options);
void close_source(struct source *source);
void pass(struct source *source, int64_t s);
void control(struct source *source, const char *format, ...) __attribute__((format(printf, 2, 3)));

int64_t discover(struct source *source); /* the calls that it took */
void read_with(struct source *source, const char *name, const char *cursor, bool full,
               const char *input, struct harvest *out);
/* An increment; no time passes after it. */
void read_now(struct source *source, const char *name, const char *cursor, struct harvest *out);
void keep_cursor(struct source *source, const struct harvest *h);
/* A full read an hour later: the simulated world has a past, up to its first second. */
void first_load(struct source *source, const char *name);
/* A run: the schema, then the table; the cursor is kept. */
void increment(struct source *source, const char *name, struct harvest *out);
bool is_complete(const struct harvest *h);

/* The ids of `count` records that the source holds, from the from-th on. */
void ids_of(struct source *source, const char *name, int64_t from, int count, char ids[][20]);
void edit(struct source *source, const char *name, int from, int count);
/* The value of this field in the newest row of this key, as JSON text in out; "" when it has none. */
const char *cell_of(struct source *source, const struct harvest *h, const char *table,
                    const char *field, const char *key, char out[400]);
/* ... and as the source shows it. */
const char *true_cell(struct source *source, const char *table, const char *field, int record,
                      char out[400]);

#endif
