/*
 * live.h: a run while it runs, on stderr.
 *
 * On a terminal: a line for each table, drawn again as it goes, with the events that matter above.
 * Elsewhere: one plain line for each event.
 */
#ifndef SL_CLI_LIVE_H
#define SL_CLI_LIVE_H

#include "cli/cli.h"
#include "pipeline/run.h"

struct cli_live {
    const struct cli *cli;
    bool all_events;                /* also on a terminal */
    bool quiet;                     /* nothing at all */
    size_t lines;                   /* drawn, and to be drawn over */
    unsigned turn;                  /* of the little wheel */
    const struct sl_report *report; /* the newest; for drawing again below an event */
};

void cli_live_event(void *live, const char *event_json);            /* sl_run's on_event */
void cli_live_progress(void *live, const struct sl_report *report); /* sl_run's on_progress */
/* The last state of every table stays on the screen. */
void cli_live_end(struct cli_live *live, const struct sl_report *report);

/* report.c: what became of a run, on stdout. */
SL_MUST_USE enum sl_code cli_report(const struct cli *cli, const struct sl_report *report,
                                    const char *pipeline_id, const char *update_id,
                                    enum sl_code result, struct sl_error *error);

#endif
