/* cmd_pipelines.c: pipelines, their updates and events, in the words of `databricks pipelines`. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/run_pipeline.h"
#include "cli/session.h"
#include "json/doc.h"

#define STOP_TIMEOUT_S (20 * 60)
#define EVENTS_MAX 1000
#define UPDATES_PRESET 25

static const struct cli_column list_columns[] = {
    {"PIPELINE ID", {"pipeline_id"}, CLI_TEXT},
    {"NAME", {"name"}, CLI_TEXT},
    {"STATE", {"state"}, CLI_TEXT},
    {"HEALTH", {"health"}, CLI_TEXT},
    {0},
};
static const struct cli_column update_columns[] = {
    {"UPDATE ID", {"update_id"}, CLI_TEXT},       {"STATE", {"state"}, CLI_TEXT},
    {"CREATED", {"creation_time"}, CLI_TIME_MS},  {"CAUSE", {"cause"}, CLI_TEXT},
    {"FULL REFRESH", {"full_refresh"}, CLI_TEXT}, {0},
};
static const struct cli_column event_columns[] = {
    {"TIME", {"timestamp"}, CLI_TEXT},
    {"LEVEL", {"level"}, CLI_TEXT},
    {"EVENT", {"event_type"}, CLI_TEXT},
    {"MESSAGE", {"message"}, CLI_TEXT},
    {0},
};

/* Prints {"key":"value"}. */
static void print_id(const char *key, const char *value)
{
    printf("{\n  \"%s\": \"%s\"\n}\n", key, value);
}

/* ---- create and update ---- */

static enum sl_code read_spec(struct cli *cli, const struct cli_call *call, struct cli_input *input,
                              struct sl_spec **spec, struct sl_buf *envelope,
                              struct sl_error *error)
{
    char *argument = cli_value(call, "json");

    *input = (struct cli_input){0};
    if (!argument) {
        sl_fail(error, SL_USAGE, "please provide the input with --json");
        sl_error_hint(error, "See: sluice %s --help", call->command->name);
        return error->code;
    }
    enum sl_code rc = cli_input_json(argument, input, error);
    if (!rc) rc = cli_spec_check(cli, sl_buf_str(&input->text), input->text.len, spec, error);
    if (rc) return rc;
    if (!(*spec)->name) return sl_fail(error, SL_BAD_SPEC, "/name: a pipeline needs a name");
    for (const char *const *note = (*spec)->notes; *note; note++) cli_note(cli, "%s", *note);
    return cli_spec_envelope(*spec, (*spec)->name, envelope, error);
}

static enum sl_code create(struct cli *cli, const struct cli_call *call, struct sl_error *error)
{
    char id[SL_ID_MAX];
    struct cli_input input;
    struct sl_spec *spec = NULL;
    struct sl_buf envelope = {0};

    enum sl_code rc = read_spec(cli, call, &input, &spec, &envelope, error);
    if (!rc) rc = sl_pipeline_create(cli->catalog, spec->name, envelope.data, id, error);
    if (!rc) print_id("pipeline_id", id);
    sl_buf_release(&envelope);
    sl_spec_free(spec);
    cli_input_release(&input);
    return rc;
}

static enum sl_code update(struct cli *cli, const struct cli_call *call, struct sl_error *error)
{
    char id[SL_ID_MAX];
    struct cli_input input = {0};
    struct sl_spec *spec = NULL;
    struct sl_buf envelope = {0};

    enum sl_code rc = cli_catalog(cli, error);
    if (!rc) rc = sl_pipeline_find(cli->catalog, cli_arg(call, 0), id, error);
    if (!rc) rc = read_spec(cli, call, &input, &spec, &envelope, error);
    if (!rc) rc = sl_pipeline_update(cli->catalog, id, spec->name, envelope.data, error);
    sl_buf_release(&envelope);
    sl_spec_free(spec);
    cli_input_release(&input);
    return rc;
}

/* ---- showing ---- */

static enum sl_code find(struct cli *cli, const struct cli_call *call, char id[SL_ID_MAX],
                         struct sl_error *error)
{
    enum sl_code rc = cli_catalog(cli, error);

    return rc ? rc : sl_pipeline_find(cli->catalog, cli_arg(call, 0), id, error);
}

static enum sl_code get(struct cli *cli, const struct cli_call *call, struct sl_error *error)
{
    char id[SL_ID_MAX];
    struct sl_buf json = {0};
    enum sl_code rc = find(cli, call, id, error);

    if (!rc) rc = sl_pipeline_get(cli->catalog, id, &json, error);
    if (!rc) rc = cli_print_json(&json, stdout, error);
    sl_buf_release(&json);
    return rc;
}

static enum sl_code list(struct cli *cli, const struct cli_call *call, struct sl_error *error)
{
    struct sl_buf json = {0};
    enum sl_code rc = cli_catalog(cli, error);

    (void)call;
    if (!rc) rc = sl_pipeline_list(cli->catalog, &json, error);
    if (!rc)
        rc = cli_show_list(cli, &json, list_columns,
                           "there is no pipeline yet: sluice pipelines create --json @FILE", error);
    sl_buf_release(&json);
    return rc;
}

static enum sl_code delete (struct cli *cli, const struct cli_call *call, struct sl_error *error) {
    char id[SL_ID_MAX]; enum sl_code rc = find(cli, call, id, error);

    return rc ? rc : sl_pipeline_delete(cli->catalog, id, error);
}

static enum sl_code list_updates(struct cli *cli, const struct cli_call *call,
                                 struct sl_error *error)
{
    char id[SL_ID_MAX];
    int64_t limit = 0;
    struct sl_buf json = {0};
    enum sl_code rc = cli_number(call, "max-results", 1, 1000000, UPDATES_PRESET, &limit, error);

    if (!rc) rc = find(cli, call, id, error);
    if (!rc) rc = sl_update_list(cli->catalog, id, (int)limit, &json, error);
    if (!rc) rc = cli_show_list(cli, &json, update_columns, "it has not run yet", error);
    sl_buf_release(&json);
    return rc;
}

static enum sl_code get_update(struct cli *cli, const struct cli_call *call, struct sl_error *error)
{
    char id[SL_ID_MAX];
    struct sl_buf json = {0};
    enum sl_code rc = find(cli, call, id, error);

    if (!rc) rc = sl_update_get(cli->catalog, id, cli_arg(call, 1), &json, error);
    if (!rc) rc = cli_print_json(&json, stdout, error);
    sl_buf_release(&json);
    return rc;
}

static enum sl_code list_events(struct cli *cli, const struct cli_call *call,
                                struct sl_error *error)
{
    char id[SL_ID_MAX];
    int64_t limit = 0;
    const char *order = cli_value(call, "order-by");
    struct sl_buf json = {0};
    bool oldest = order && strcmp(order, "timestamp asc") == 0;

    enum sl_code rc = cli_number(call, "max-results", 1, 1000000, EVENTS_MAX, &limit, error);
    if (!rc && order && !oldest && strcmp(order, "timestamp desc") != 0)
        rc = sl_fail(error, SL_USAGE, "--order-by '%s' is not 'timestamp asc' or 'timestamp desc'",
                     order);
    if (!rc) rc = find(cli, call, id, error);
    if (!rc)
        rc = sl_event_list(cli->catalog, id, cli_value(call, "filter"), (int)limit, !oldest, &json,
                           error);
    if (!rc) rc = cli_show_list(cli, &json, event_columns, "there are no such events", error);
    sl_buf_release(&json);
    return rc;
}

/* ---- start and stop ---- */

/* What the process in the background tells the one that started it: ids, or why not. */
struct message {
    bool begun;
    char update_id[SL_ID_MAX];
    struct sl_error error;
};

static void tell_begun(void *ctx, const char *pipeline_id, const char *update_id)
{
    struct message message = {.begun = true};
    const int *fd = ctx;

    (void)pipeline_id;
    snprintf(message.update_id, sizeof message.update_id, "%s", update_id);
    if (write(*fd, &message, sizeof message) < 0) return; /* nobody is waiting: run all the same */
}

/* The child: runs the pipeline without a terminal and never returns. */
static void background(struct cli *cli, struct cli_run *run, int fd)
{
    struct message message = {0};
    int null = open("/dev/null", O_RDWR);

    setsid();
    for (int i = 0; null >= 0 && i < 3; i++) dup2(null, i);
    run->begun = tell_begun;
    run->ctx = &fd;
    run->quiet = run->no_report = true;
    cli->err_tty = false;
    enum sl_code rc = cli_run_pipeline(cli, run, &message.error);
    if (rc && write(fd, &message, sizeof message) < 0) null = -1;
    sl_delta_engine_free(cli->delta);
    sl_catalog_close(cli->catalog);
    _exit(sl_code_exit(rc));
}

static enum sl_code listen_to(int fd, struct message *message, struct sl_error *error)
{
    size_t len = 0;
    ssize_t got = 1;

    while (len < sizeof *message && got > 0) {
        got = read(fd, (char *)message + len, sizeof *message - len);
        if (got < 0 && errno == EINTR)
            got = 1;
        else if (got > 0)
            len += (size_t)got;
    }
    if (len < sizeof *message)
        return sl_fail(error, SL_BUG, "the run in the background ended without a word");
    if (message->begun) return SL_OK;
    *error = message->error;
    return error->code;
}

static enum sl_code start_update(struct cli *cli, const struct cli_call *call,
                                 struct sl_error *error)
{
    struct cli_run run = {
        .what = cli_arg(call, 0),
        .full_refresh = cli_given(call, "full-refresh"),
        .full_refresh_selection = cli_value(call, "full-refresh-selection"),
        .refresh_selection = cli_value(call, "refresh-selection"),
        .validate_only = cli_given(call, "validate-only"),
        .cause = "API_CALL",
        .call = call,
    };
    struct message message = {0};
    int fds[2];

    if (cli_given(call, "wait")) {
        run.quiet = cli->json;
        return cli_run_pipeline(cli, &run, error);
    }
    if (pipe2(fds, O_CLOEXEC) != 0)
        return sl_fail(error, SL_BUG, "no pipe to a process in the background: %s",
                       strerror(errno));
    fflush(stdout); /* nothing is open yet: no thread, no database */
    pid_t child = fork();
    if (child == 0) {
        close(fds[0]);
        background(cli, &run, fds[1]);
    }
    close(fds[1]);
    enum sl_code rc =
        child < 0 ? sl_fail(error, SL_BUG, "no process in the background: %s", strerror(errno))
                  : listen_to(fds[0], &message, error);
    close(fds[0]);
    if (!rc) print_id("update_id", message.update_id);
    return rc;
}

static bool is_idle(struct cli *cli, const char *id, struct sl_error *error)
{
    struct sl_buf json = {0};
    const struct sl_json *root = NULL;
    struct sl_doc *doc = sl_doc_new(0);
    bool idle = !doc || sl_pipeline_get(cli->catalog, id, &json, error) ||
                sl_doc_parse_copy(doc, sl_buf_str(&json), json.len, &root, error) ||
                sl_json_eq(sl_json_get(root, "state"), "IDLE");

    sl_doc_free(doc);
    sl_buf_release(&json);
    return idle;
}

static enum sl_code stop(struct cli *cli, const struct cli_call *call, struct sl_error *error)
{
    char id[SL_ID_MAX];
    const struct timespec pause = {.tv_nsec = 100 * 1000 * 1000};
    enum sl_code rc = find(cli, call, id, error);

    if (!rc) rc = sl_pipeline_stop(cli->catalog, id, error);
    if (rc || cli_given(call, "no-wait")) return rc;
    for (int64_t until = cli_now_us(NULL) + STOP_TIMEOUT_S * INT64_C(1000000);
         !is_idle(cli, id, error);) {
        if (cli_now_us(NULL) > until) {
            sl_fail(error, SL_TIMEOUT, "pipeline '%s' has not stopped within 20 minutes", id);
            sl_error_hint(error, "It still will, at its next answer; see: sluice pipelines get %s",
                          id);
            return error->code;
        }
        nanosleep(&pause, NULL);
    }
    return SL_OK;
}

/* ---- tables ---- */

static const struct cli_option spec_options[] = {CLI_JSON_OPTION("The specification"), {0}};
static const struct cli_option start_options[] = {
    {.name = "full-refresh", .help = "Reads everything again."},
    {.name = "full-refresh-selection", .value = "TABLE,...", .help = "Reads these tables again."},
    {.name = "refresh-selection", .value = "TABLE,...", .help = "Only these tables run."},
    {.name = "validate-only", .help = "Checks everything and lands nothing."},
    {.name = "wait", .help = "Runs here, not in the background, and reports."},
    {0},
};
static const struct cli_option stop_options[] = {
    {.name = "no-wait", .help = "Asks, and does not wait for it."},
    {0},
};
static const struct cli_option updates_options[] = {
    {.name = "max-results", .value = "N", .help = "Updates at most, newest first. Default: 25."},
    {0},
};
static const struct cli_option events_options[] = {
    {.name = "filter", .value = "TEXT", .help = "Only events like this; see docs/events.md."},
    {.name = "max-results", .value = "N", .help = "Events at most. Default: 1000."},
    {.name = "order-by",
     .value = "TEXT",
     .values = "timestamp\\ asc|timestamp\\ desc",
     .help = "'timestamp asc' or 'timestamp desc'. Default: newest first."},
    {0},
};
static const struct cli_example create_examples[] = {
    {"From a file", "pipelines create --json @pipeline.json"},
    {0},
};
static const struct cli_example events_examples[] = {
    {"What went wrong", "pipelines list-pipeline-events airtable_launch_control --filter \"level "
                        "in ('WARN','ERROR')\""},
    {0},
};

#define PIPELINE .args = "PIPELINE", .args_min = 1, .args_max = 1

const struct cli_command cli_pipeline_commands[] = {
    {.name = "pipelines create",
     .summary = "Creates a pipeline.",
     .details =
         "The JSON is what one gives to `databricks pipelines create --json`. Keys that mean\n"
         "nothing here are kept, with a note each. See `sluice docs pipeline-spec`.",
     .options = spec_options,
     .examples = create_examples,
     .run = create},
    {.name = "pipelines get",
     PIPELINE,
     .summary = "Shows a pipeline with its specification.",
     .run = get},
    {.name = "pipelines list-pipelines", .summary = "Lists the pipelines.", .run = list},
    {.name = "pipelines update",
     PIPELINE,
     .summary = "Replaces the specification of a pipeline.",
     .options = spec_options,
     .run = update},
    {.name = "pipelines delete",
     PIPELINE,
     .summary = "Deletes a pipeline. Its tables stay.",
     .run = delete},
    {.name = "pipelines start-update",
     PIPELINE,
     .summary = "Starts a run in the background and prints its id.",
     .options = start_options,
     .run = start_update},
    {.name = "pipelines stop",
     PIPELINE,
     .summary = "Stops the run of a pipeline and waits until it has stopped.",
     .options = stop_options,
     .run = stop},
    {.name = "pipelines list-updates",
     PIPELINE,
     .summary = "Lists the runs of a pipeline.",
     .options = updates_options,
     .run = list_updates},
    {.name = "pipelines get-update",
     .args = "PIPELINE UPDATE_ID",
     .args_min = 2,
     .args_max = 2,
     .summary = "Shows a run.",
     .run = get_update},
    {.name = "pipelines list-pipeline-events",
     PIPELINE,
     .summary = "Prints the event log of a pipeline.",
     .options = events_options,
     .examples = events_examples,
     .run = list_events},
    {0},
};
