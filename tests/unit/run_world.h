/*
 * run_world.h: a whole run without a network: a home in a temporary directory, a simulator, a
 * connection to it, virtual time.
 */
#ifndef RUN_WORLD_H
#define RUN_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pipeline/run.h"
#include "sim/sim.h"

struct sl_buf;

struct run_world {
    char home[300];
    const char *app, *options; /* options NULL: the simulator's */
    struct sim *sim;
    struct sl_world *world;
    struct sl_catalog *catalog;
    struct sl_delta_engine *delta;
    struct sl_report *report; /* of the newest run */
    struct sl_error error;    /* of the newest run */
    int64_t virtual_us;       /* how long the newest run took, on the virtual clock */
    bool (*stopping)(void *ctx);
    void (*on_progress)(void *ctx, const struct sl_report *now);
    void *stopping_ctx; /* of both */
    bool verify, reset_history;
};

/* app: "airtable", "example". options NULL: the demo's data. */
void run_world_make(struct run_world *w, const char *app, const struct sim_options *options);
/* The same with a connector and a world of the test's own; options: members of the connection's, each
 * with a comma before it. The world stays the caller's until run_world_unmake(), which frees it. */
void run_world_on(struct run_world *w, const char *app, const char *options,
                  struct sl_world *world);
void run_world_unmake(struct run_world *w);
/* Deletes the home but for the tables, and makes it and the connection anew. */
void run_world_forget_home(struct run_world *w);
/* Runs a specification (JSON text). */
enum sl_code run_spec(struct run_world *w, const char *spec, bool full_refresh);
/* The report of a destination table (its last part), or a failed test. */
const struct sl_table_report *report_of(struct run_world *w, const char *table);
/* What a reader finds in the newest version: number of rows, and how many different keys. */
int64_t landed_rows(struct run_world *w, const char *table, const char *key, int64_t *distinct);
/* How many records the simulator holds. */
int64_t true_rows(struct run_world *w, const char *source_table);
/* Appends what a page of the simulator answers. table: as a parameter, or NULL. */
void ask_sim(struct run_world *w, const char *path, const char *table, struct sl_buf *body);
/* One number of /_sim/stats. */
int64_t sim_stat(struct run_world *w, const char *name);
void control(struct run_world *w, const char *json);
/* Time passes, on the virtual clock. */
void later(struct run_world *w, int64_t seconds);
#define A_DAY INT64_C(86400) /* after which a complete read is due */
/* How many rows of the newest version have NULL in a column, or have a value. */
int64_t landed_count(struct run_world *w, const char *table, const char *column, bool only_null);

#endif
