/* cmd_run.c: plan and run. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "cli/commands.h"
#include "cli/run_pipeline.h"
#include "cli/session.h"
#include "json/doc.h"

static enum sl_code run(struct cli *cli, const struct cli_call *call, struct sl_error *error)
{
    const char *full = cli_value(call, "full-refresh");
    struct cli_run options = {
        .what = cli_arg(call, 0),
        .full_refresh = cli_given(call, "full-refresh") && !full,
        .full_refresh_selection = full,
        .refresh_selection = cli_value(call, "refresh"),
        .validate_only = cli_given(call, "validate-only"),
        .reconcile = cli_given(call, "reconcile"),
        .reset_history = cli_given(call, "reset-history"),
        .cause = "USER_ACTION",
        .all_events = cli_given(call, "events"),
        .quiet = cli_given(call, "quiet"),
        .call = call,
    };

    return cli_run_pipeline(cli, &options, error);
}

static void print_schedule(const struct sl_json *s, const char *text);

static enum sl_code print_plan(struct cli *cli, const struct cli_call *call,
                               const struct sl_buf *json, struct sl_error *error)
{
    static const struct cli_column columns[] = {
        {"SOURCE TABLE", {"source_table"}, CLI_TEXT},
        {"DESTINATION", {"destination"}, CLI_TEXT},
        {"MODE", {"mode"}, CLI_TEXT},
        {"READS", {"reads"}, CLI_TEXT},
        {"ROWS", {"rows"}, CLI_COUNT},
        {"CALLS", {"calls"}, CLI_COUNT},
        {"ERROR", {"error"}, CLI_TEXT},
        {0},
    };
    const struct sl_json *root = NULL;
    struct sl_buf tables = {0};
    double minutes = 0, rate = 0, share = 0;
    int64_t calls = 0;
    struct sl_doc *doc = sl_doc_new(0);
    struct sl_json_writer *w = sl_json_writer_new();
    enum sl_code rc = doc && w ? sl_doc_parse_copy(doc, sl_buf_str(json), json->len, &root, error)
                               : sl_fail(error, SL_NO_MEMORY, "no memory for the plan");

    if (rc) goto out;
    sl_json_put_value(w, sl_json_get(root, "tables"));
    const char *text = sl_json_writer_text(w, NULL);
    if (text) sl_buf_adds(&tables, text);
    rc = cli_show_list(cli, &tables, columns, "the plan is empty", error);
    for (struct sl_json_each e = sl_json_each(sl_json_get(root, "notes")); sl_json_next(&e);)
        cli_note(cli, "%s", sl_json_str(e.value));
    bool rated = sl_json_double(sl_json_get(root, "requests_per_second"), &rate);
    if (sl_json_i64(sl_json_get(root, "calls"), &calls)) {
        printf("%lld calls", (long long)calls);
        if (rated) printf(" at %.3g a second", rate);
        if (sl_json_double(sl_json_get(root, "minutes"), &minutes)) {
            if (minutes < 1)
                printf(": less than a minute");
            else
                printf(": %.1f minutes", minutes);
        }
        if (sl_json_double(sl_json_get(root, "share_of_month"), &share) && share > 0)
            printf("; %.2f %% of a month's quota, so at most %.0f runs a month", share * 100,
                   floor(1 / share));
        putchar('\n');
    } else {
        printf("The number of calls is known after the first run");
        if (rated) printf("; the limit is %.3g a second", rate);
        puts(".");
    }
    if (sl_json_get(root, "schedule"))
        print_schedule(sl_json_get(root, "schedule"), cli_value(call, "every"));

out:
    sl_json_writer_free(w);
    sl_buf_release(&tables);
    sl_doc_free(doc);
    return rc;
}

/* "15m", "6h", "1d". */
static enum sl_code every(const struct cli_call *call, int64_t *out_us, struct sl_error *error)
{
    const char *text = cli_value(call, "every");
    char *end;

    if (!text) return SL_OK;
    long count = strtol(text, &end, 10);
    int64_t unit_us = !strcmp(end, "m")   ? 60 * SL_SECOND_US
                      : !strcmp(end, "h") ? 3600 * SL_SECOND_US
                      : !strcmp(end, "d") ? SL_DAY_US
                                          : 0;
    if (unit_us == 0 || count < 1 || count > 30 * SL_DAY_US / unit_us)
        return sl_fail(error, SL_USAGE,
                       "--every %s: expected something like 15m, 6h or 1d, at most "
                       "30d",
                       text);
    *out_us = count * unit_us;
    return SL_OK;
}

static void print_schedule(const struct sl_json *s, const char *text)
{
    static const char *const keys[] = {"runs_per_month", "calls_unchanged",    "calls_changed",
                                       "calls_complete", "complete_per_month", "calls_per_month"};
    char shown[6][CLI_NUMBER_MAX];
    double share;

    for (size_t i = 0; i < 6; i++) {
        int64_t number = 0;
        (void)sl_json_i64(sl_json_get(s, keys[i]), &number);
        cli_count(number, shown[i]);
    }
    printf("Every %s: %s runs a month. Calls of a run: %s without a change, %s with 1 %% of the "
           "rows changed, %s for a complete read (%s a month).\nAbout %s calls a month",
           text, shown[0], shown[1], shown[2], shown[3], shown[4], shown[5]);
    if (sl_json_double(sl_json_get(s, "share_of_month"), &share))
        printf(", %.1f %% of the quota%s", share * 100, share > 1 ? ": too many" : "");
    puts(".");
}

static enum sl_code plan(struct cli *cli, const struct cli_call *call, struct sl_error *error)
{
    struct cli_session session = {0};
    struct sl_buf json = {0};

    int64_t every_us = 0;

    enum sl_code rc = every(call, &every_us, error);
    if (!rc) rc = cli_session_pipeline(cli, call, cli_arg(call, 0), &session, error);
    if (!rc) rc = cli_delta(cli, error);
    if (!rc) {
        struct sl_run_options options = {.spec = session.spec,
                                         .source = cli_session_source(cli, &session),
                                         .catalog = cli->catalog,
                                         .delta = cli->delta,
                                         .pipeline_id = session.pipeline_id,
                                         .every_us = every_us};
        rc = sl_plan(&options, &json, error);
    }
    if (json.len > 0) { /* also when a table cannot be planned */
        struct sl_error printing = {0};
        enum sl_code printed = cli->json ? cli_print_json(&json, stdout, &printing)
                                         : print_plan(cli, call, &json, &printing);
        if (!rc && printed) *error = printing, rc = printed;
    }
    sl_buf_release(&json);
    cli_session_release(&session);
    return rc;
}

static const struct cli_option plan_options[] = {
    {.name = "every",
     .value = "TIME",
     .help = "What a run every 15m, 6h or 1d costs in a month, once the tables are there."},
    CLI_RECORD_OPTIONS,
    {0},
};
static const struct cli_option run_options[] = {
    {.name = "full-refresh",
     .value = "TABLE,...",
     .optional = true,
     .help = "Reads everything again: all tables, or only these."},
    {.name = "reconcile",
     .help = "Reads everything and compares: finds deletes, repairs what no cursor can tell."},
    {.name = "reset-history",
     .help = "With --full-refresh: SCD_TYPE_2 tables lose their history and begin anew."},
    {.name = "refresh", .value = "TABLE,...", .help = "Only these tables run."},
    {.name = "validate-only", .help = "Checks everything and lands nothing."},
    {.name = "events", .help = "Prints every event, on a terminal too."},
    {.name = "quiet", .help = "No progress."},
    CLI_RECORD_OPTIONS,
    {0},
};
static const struct cli_example run_examples[] = {
    {"Create or update the pipeline of this file, run it, report", "run pipeline.json"},
    {"Run it again by its name", "run airtable_launch_control"},
    {"Two of its tables, read in full",
     "run airtable_launch_control --full-refresh=bronze_vendors,bronze_sku_candidates"},
    {0},
};

const struct cli_command cli_run_commands[] = {
    {.name = "plan",
     .args = "FILE|PIPELINE",
     .args_min = 1,
     .args_max = 1,
     .summary = "Says what a run would read: tables, calls, minutes at the source's limit.",
     .options = plan_options,
     .run = plan},
    {.name = "run",
     .args = "FILE|PIPELINE",
     .args_min = 1,
     .args_max = 1,
     .summary = "Runs a pipeline and reports what was landed.",
     .details =
         "A file holds the JSON one gives to `databricks pipelines create --json`, or the bare\n"
         "form {\"connection_name\", \"objects\"}; its pipeline is created or brought up to date\n"
         "first. Tables are named as in the destination.",
     .options = run_options,
     .examples = run_examples,
     .run = run},
    {0},
};
