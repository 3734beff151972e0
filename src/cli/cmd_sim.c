/* cmd_sim.c: a simulated source on loopback, until Ctrl-C. */
#define _GNU_SOURCE
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "options/options.h"
#include "sim/sim.h"

static enum sl_code app_find(const char *name, const struct sim_app **out, struct sl_error *error)
{
    const char *names[64] = {0};
    struct sl_buf list = {0};

    *out = sim_find(name);
    if (*out) return SL_OK;
    for (size_t i = 0; sim_apps[i] && i < 63; i++) {
        names[i] = sim_apps[i]->name;
        sl_buf_addf(&list, "%s%s", i ? ", " : "", names[i]);
    }
    const char *nearest = sl_nearest(name, names);
    sl_fail(error, SL_USAGE, "there is no simulator '%s'", name);
    if (nearest)
        sl_error_hint(error, "Did you mean '%s'?", nearest);
    else
        sl_error_hint(error, "There are: %s.", sl_buf_str(&list));
    sl_buf_release(&list);
    return error->code;
}

static enum sl_code read_options(const struct cli_call *call, struct sim_options *out,
                                 struct sl_error *error)
{
    int64_t seed = 1, records = 0, latency = 0;
    const char *rate = cli_value(call, "rate");
    char *end = NULL;

    enum sl_code rc = cli_number(call, "seed", 0, INT64_MAX, 1, &seed, error);
    if (!rc) rc = cli_number(call, "records", 0, 100000000, 0, &records, error);
    if (!rc) rc = cli_number(call, "latency", 0, 600000, 0, &latency, error);
    if (rc) return rc;
    if (rate) {
        out->rate = strtod(rate, &end);
        if (end == rate || *end || !isfinite(out->rate)) {
            sl_fail(error, SL_USAGE, "--rate: '%s' is not a number", rate);
            sl_error_hint(error, "Requests per second; -1 for no limit.");
            return error->code;
        }
    }
    out->seed = (uint64_t)seed;
    out->records = records;
    out->latency_ms = latency;
    out->gzip = !cli_given(call, "no-gzip");
    out->fault = cli_value(call, "fault");
    out->kind = cli_value(call, "kind");
    return SL_OK;
}

/* Prints where it is and how to connect; whoever started it in a script reads the first line. */
static enum sl_code announce(struct cli *cli, struct sim *sim, const struct sim_app *app, int port,
                             struct sl_error *error)
{
    char url[64];
    struct sl_buf options = {0};

    snprintf(url, sizeof url, "http://127.0.0.1:%d", port);
    enum sl_code rc = sim_connection(sim, url, &options, error);
    if (rc) goto out;
    if (cli->json) {
        printf("{\"url\":\"%s\",\"connection_options\":%s}\n", url, sl_buf_str(&options));
    } else {
        printf("%s simulator: %s\n", app->name, url);
        printf("connection options: %s\n", sl_buf_str(&options));
        printf("control: %s/_sim/stats  %s/_sim/truth  %s/_sim/control\n", url, url, url);
        printf("Ctrl-C ends it.\n");
    }
    fflush(stdout);

out:
    sl_buf_release(&options);
    return rc;
}

/* Waits for SIGINT, SIGTERM or, when stdin is a pipe of a test, nothing else. */
static void wait_for_end(void)
{
    sigset_t set;
    int number = 0;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigwait(&set, &number);
}

static enum sl_code sim(struct cli *cli, const struct cli_call *call, struct sl_error *error)
{
    struct sim_options options = {0};
    const struct sim_app *app = NULL;
    struct sim *simulator = NULL;
    struct sim_server *server = NULL;
    int64_t port = 0;
    sigset_t set;

    enum sl_code rc = app_find(cli_arg(call, 0), &app, error);
    if (!rc) rc = cli_number(call, "port", 0, 65535, 0, &port, error);
    if (!rc) rc = read_options(call, &options, error);
    if (rc) return rc;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL); /* before the server's thread is there */
    rc = sim_new(app, &options, &simulator, error);
    if (!rc) rc = sim_server_start(simulator, (int)port, &server, error);
    if (!rc) rc = announce(cli, simulator, app, sim_server_port(server), error);
    if (!rc) wait_for_end();
    sim_server_stop(server);
    sim_free(simulator);
    return rc;
}

static const struct cli_option sim_options_table[] = {
    {.name = "port", .value = "N", .help = "The port on 127.0.0.1. Default: one that is free."},
    {.name = "records", .value = "N", .help = "Records per table. Default: the demo's own size."},
    {.name = "seed", .value = "N", .help = "Other data, reproducibly. Default: 1."},
    {.name = "rate",
     .value = "N",
     .help = "Requests per second, instead of the API's own limit; -1: no limit."},
    {.name = "latency", .value = "MS", .help = "Milliseconds before each answer. Default: 0."},
    {.name = "fault", .value = "SPEC", .help = "What goes wrong when: see docs/simulators.md."},
    {.name = "kind", .value = "NAME", .help = "Which of its data sets. Default: its first."},
    {.name = "no-gzip", .help = "Answers are not compressed, whatever the client accepts."},
    {0},
};
static const struct cli_example sim_examples[] = {
    {"The demo's base, to point any client at", "sim airtable --port 8800"},
    {0},
};

const struct cli_command cli_sim_commands[] = {
    {.name = "sim",
     .args = "SOURCE",
     .args_min = 1,
     .args_max = 1,
     .summary = "Runs a simulated source over real HTTP on loopback.",
     .options = sim_options_table,
     .examples = sim_examples,
     .run = sim},
    {0},
};
