/*
 * airtable_source.h: a simulated base that changes, and runs of the connector over it, as the engine
 * makes them: discover, then the read of a table from the newest cursor.
 */
#ifndef AIRTABLE_SOURCE_H
#define AIRTABLE_SOURCE_H

#include "sources/stage.h"

#define RECORDS 2000
#define TABLE "SKU Candidates" /* it has a field with the modified time */
#define OTHER "Vendors"        /* it has none */

void open_source(struct stage *source, const char *table_options);

void read_with(struct stage *source, const char *name, const char *cursor, bool full,
               const char *input, struct harvest *out);
/* An increment; no time passes after it. */
void read_now(struct stage *source, const char *name, const char *cursor, struct harvest *out);
/* A full read an hour later: the simulated world has a past, up to its first second. */
void first_load(struct stage *source, const char *name);
/* A run: the schema, then the table; the cursor is kept. */
void increment(struct stage *source, const char *name, struct harvest *out);

/* The ids of `count` records that the source holds, from the from-th on. */
void ids_of(struct stage *source, const char *name, int64_t from, int count, char ids[][20]);
void edit(struct stage *source, const char *name, int from, int count);
/* The value of this field in the newest row of this key, as JSON text in out; "" when it has none. */
const char *cell_of(struct stage *source, const struct harvest *h, const char *table,
                    const char *field, const char *key, char out[400]);
/* ... and as the source shows it. */
const char *true_cell(struct stage *source, const char *table, const char *field, int record,
                      char out[400]);

#endif
