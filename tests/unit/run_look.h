/* run_look.h: runs of one table 't', and what is in it afterwards, as text. */
#ifndef RUN_LOOK_H
#define RUN_LOOK_H

#include "run_world.h"

/* A specification of one source table with this table_configuration (the members, without braces)
 * that lands in main.bronze.t. top: more members of the specification, each with a comma behind it. */
enum sl_code run_table(struct run_world *w, const char *source, const char *config, bool full);
enum sl_code run_table_with(struct run_world *w, const char *top, const char *source,
                            const char *config, bool full);
/* ... or a failed test. */
void expect_run(struct run_world *w, const char *source, const char *config);
void expect_changes(struct run_world *w, int64_t inserted, int64_t updated, int64_t deleted);
/* As many rows as the source has, and no key twice. */
void expect_truth(struct run_world *w, const char *source);
/* The newest report says that everything was read, and why (part of it); NULL: it was not. */
void expect_full(struct run_world *w, const char *why);

/* Columns ("a,b") of 't' as lines {a:"x",b:null}, sorted; until the next call. */
const char *landed(struct run_world *w, const char *columns);
void expect_landed(struct run_world *w, const char *columns, const char *line, int count);
/* Columns of 't', in order: "a,b,c"; until the next call. */
const char *landed_columns(struct run_world *w);
/* Is there a column of this name? */
bool has_column(struct run_world *w, const char *name);
/* Every record's cell of a field is what the column holds (texts, numbers, truths). where_open:
 * of rows whose __END_AT is NULL. */
void expect_same(struct run_world *w, const char *source, const char *field, const char *column,
                 bool where_open);
/* The newest version of 't'. */
int64_t version_of(struct run_world *w);

#endif
