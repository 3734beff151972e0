/* run_pipeline.c: take the pipeline, run it, show it, report. */
#include "cli/run_pipeline.h"

#include <string.h>

#include "cli/live.h"
#include "cli/session.h"
#include "json/doc.h"

/* Names between commas, as a JSON array: text for the catalog, value for the run. */
struct selection {
    struct sl_buf text;
    struct sl_doc *doc;
    const struct sl_json *root; /* NULL: everything */
};

static enum sl_code selection_read(const char *names, struct selection *out, struct sl_error *error)
{
    struct sl_json_writer *w = NULL;

    *out = (struct selection){0};
    if (!names) return SL_OK;
    w = sl_json_writer_new();
    out->doc = sl_doc_new(0);
    if (!w || !out->doc) {
        sl_json_writer_free(w);
        return sl_fail(error, SL_NO_MEMORY, "no memory for a selection");
    }
    sl_json_begin_array(w);
    for (const char *at = names; *at;) {
        size_t len = strcspn(at, ",");
        if (len) sl_json_put_strn(w, at, len);
        at += len + (at[len] == ',');
    }
    sl_json_end_array(w);
    const char *text = sl_json_writer_text(w, NULL);
    if (text) sl_buf_adds(&out->text, text);
    bool good = text && !sl_buf_failed(&out->text);
    sl_json_writer_free(w);
    if (!good) return sl_fail(error, SL_NO_MEMORY, "no memory for a selection");
    return sl_doc_parse_copy(out->doc, out->text.data, out->text.len, &out->root, error);
}

static void selection_release(struct selection *selection)
{
    sl_doc_free(selection->doc);
    sl_buf_release(&selection->text);
}

static enum sl_code run_it(struct cli *cli, const struct cli_run *run, struct cli_session *session,
                           const struct selection *full, const struct selection *some,
                           struct sl_error *error)
{
    struct cli_live live = {.cli = cli, .all_events = run->all_events, .quiet = run->quiet};
    struct sl_update_request request = {
        .full_refresh = run->full_refresh,
        .validate_only = run->validate_only,
        .full_refresh_selection = full->root ? full->text.data : NULL,
        .refresh_selection = some->root ? some->text.data : NULL,
        .cause = run->cause,
    };
    struct sl_update *update = NULL;
    struct sl_report *report = NULL;
    struct sl_error printing = {0};

    enum sl_code rc = sl_update_begin(cli->catalog, session->pipeline_id, &request, &update, error);
    if (rc) return rc;
    if (run->begun) run->begun(run->ctx, session->pipeline_id, sl_update_id(update));
    struct sl_run_options options = {
        .spec = session->spec,
        .source = cli_session_source(cli, session),
        .catalog = cli->catalog,
        .delta = cli->delta,
        .update = update,
        .pipeline_id = session->pipeline_id,
        .full_refresh = run->full_refresh,
        .validate_only = run->validate_only,
        .reconcile = run->reconcile,
        .verify = run->verify,
        .reset_history = run->reset_history,
        .full_refresh_selection = full->root,
        .refresh_selection = some->root,
        .on_event = cli_live_event,
        .on_progress = cli_live_progress,
        .ctx = &live,
    };
    rc = sl_run(&options, &report, error);
    cli_live_end(&live, report);
    if (report && !run->no_report) {
        enum sl_code printed =
            cli_report(cli, report, session->pipeline_id, sl_update_id(update), rc, &printing);
        if (printed && !rc) {
            *error = printing;
            rc = printed;
        }
    }
    sl_report_free(report);
    sl_update_end(update);
    return rc;
}

enum sl_code cli_run_pipeline(struct cli *cli, const struct cli_run *run, struct sl_error *error)
{
    struct cli_session session = {0};
    struct selection full = {0}, some = {0};

    enum sl_code rc = selection_read(run->full_refresh_selection, &full, error);
    if (!rc) rc = selection_read(run->refresh_selection, &some, error);
    if (!rc) rc = cli_session_pipeline(cli, run->call, run->what, &session, error);
    if (!rc) rc = cli_session_store(cli, &session, error);
    if (!rc) rc = cli_delta(cli, error);
    if (!rc) rc = run_it(cli, run, &session, &full, &some, error);
    selection_release(&full);
    selection_release(&some);
    cli_session_release(&session);
    return rc;
}
