/*
 * demo.h: what the stories of `sluice demo` are made of.
 *
 * Every step is a command that is printed, then run by the same parser and handler that a user's
 * words go through, so that what is shown is what works. Connections and pipelines are those of
 * examples/<source>/; the source is its simulator on loopback.
 */
#ifndef SL_CLI_DEMO_H
#define SL_CLI_DEMO_H

#include "cli/cli.h"
#include "sim/sim.h"

struct demo {
    struct cli *cli;
    const struct sl_connector *connector;
    struct sim *sim;
    struct sim_server *server;
    char url[64];       /* of the simulator */
    struct sl_buf home; /* when the demo chose one */
    int titles;         /* printed so far */
};

/* "3. What this part is about" */
void demo_title(struct demo *demo, const char *text);
/* Prints "$ sluice word ..." and runs it. The words end with NULL. */
SL_MUST_USE enum sl_code demo_step(struct demo *demo, struct sl_error *error, ...)
    __attribute__((sentinel));
/* Starts the simulator and opens a home: --home, SLUICE_HOME, or one of the demo's own. */
SL_MUST_USE enum sl_code demo_open(struct demo *demo, const char *what, struct sl_error *error);
/* Creates (or updates) the example's connection, with what fits the simulator in the place of what
 * an example cannot know; its secrets in files of their own, as one should do it. Then checks it. */
SL_MUST_USE enum sl_code demo_connect(struct demo *demo, struct sl_error *error);
/* Creates (or updates) the pipeline of an example's file: "pipeline.json". */
SL_MUST_USE enum sl_code demo_pipeline(struct demo *demo, const char *file, struct sl_error *error);
/* How to read a landed table with other people's programs; and where it all is. */
SL_MUST_USE enum sl_code demo_snippets(struct demo *demo, const char *catalog, const char *schema,
                                       const char *table, struct sl_error *error);
void demo_close(struct demo *demo);

/* The airtable story, in two acts. */
SL_MUST_USE enum sl_code demo_airtable(struct demo *demo, struct sl_error *error);

#endif
