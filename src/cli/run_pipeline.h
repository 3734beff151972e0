/* run_pipeline.h: one run of a pipeline, as run, start-update and demo do it. */
#ifndef SL_CLI_RUN_PIPELINE_H
#define SL_CLI_RUN_PIPELINE_H

#include "cli/cli.h"

struct cli_run {
    const char *what; /* a file, "-", or a pipeline's name or id */
    bool full_refresh, validate_only;
    bool reconcile, verify, reset_history;                  /* as in struct sl_run_options */
    const char *full_refresh_selection, *refresh_selection; /* "a,b", or NULL */
    const char *cause;                                      /* "USER_ACTION", "API_CALL" */
    bool all_events, quiet;
    bool no_report;
    const struct cli_call *call; /* for --record and --replay */
    /* Called when the run has begun: its ids are known. May be NULL. */
    void (*begun)(void *ctx, const char *pipeline_id, const char *update_id);
    void *ctx;
};

SL_MUST_USE enum sl_code cli_run_pipeline(struct cli *cli, const struct cli_run *run,
                                          struct sl_error *error);

#endif
