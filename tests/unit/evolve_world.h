/*
 * evolve_world.h: a table over time, as sl_evolve sees it. The table is JSON here: an alter replaces
 * it, new columns are appended to it. After every run some things must hold, whatever the run did:
 * see evolve_check_table().
 */
#ifndef EVOLVE_WORLD_H
#define EVOLVE_WORLD_H

#include "base/arena.h"
#include "base/buf.h"
#include "json/doc.h"
#include "pipeline/evolve.h"

#define EVOLVE_FIELDS_MAX 2100
#define EVOLVE_RUN_US INT64_C(1700000000000000)

struct evolve_world {
    /* the table */
    char *schema; /* Delta's JSON; NULL: not made yet */
    bool mapped, vectors;
    /* the specification */
    const char *wanted; /* table_properties, JSON; or NULL */
    const char *exclude, *keys;
    bool keep, original, history;
    /* what the last run did */
    struct sl_buf said;   /* its notes, a line each */
    struct sl_buf alters; /* its operations: "RENAME COLUMN;" */
    struct sl_buf filled; /* "Name>column,..." */
    bool due;
    /* working memory */
    struct sl_arena arena;
};

/* "name:type,..." as columns; texts live in w->arena. */
size_t evolve_columns(struct evolve_world *w, const char *fields, struct sl_column *out);
/* The root of a text; fails the test when it is no JSON. */
const struct sl_json *evolve_parse(struct sl_doc *doc, const char *text);
const char *evolve_physical(const struct sl_json *field);
void evolve_alter(struct evolve_world *w, const struct sl_evolution *evolution);
enum sl_code evolve_plan(struct evolve_world *w, const struct sl_table_def *def,
                         struct sl_evolution *out, struct sl_error *error);
/* What must hold after every run: names and physical names are given once, ... */
void evolve_check_table(struct evolve_world *w);
/* One run of a source with these fields, and the checks after it. */
void evolve_run(struct evolve_world *w, const char *fields);
void evolve_begin(struct evolve_world *w);
void evolve_end(struct evolve_world *w);
/* The table's own columns: "name:type,gone~:type". */
void expect_evolved(struct evolve_world *w, const char *expected);
void expect_evolution_said(const struct evolve_world *w, const char *text);
void expect_evolution_filled(const struct evolve_world *w, const char *expected);
void expect_evolution_quiet(const struct evolve_world *w);

#endif
