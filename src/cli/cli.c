/* cli.c: the process around a command: streams, clock, catalog, errors, exit code. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "http/budget.h"
#include "cli/cli.h"
#include "delta/maintain.h"
#include "json/doc.h"

int64_t cli_now_us(void *ctx)
{
    struct timespec now;

    (void)ctx;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

enum sl_code cli_catalog(struct cli *cli, struct sl_error *error)
{
    struct sl_catalog_options options = {.home = cli->home, .now_us = cli_now_us};

    return cli->catalog ? SL_OK : sl_catalog_open(&options, &cli->catalog, error);
}

enum sl_code cli_delta(struct cli *cli, struct sl_error *error)
{
    if (cli->delta) return SL_OK;
    enum sl_code rc = sl_delta_engine_new(NULL, 0, &cli->delta, error);
#ifdef SL_POINTS
    const char *faults = getenv("SLUICE_FAULTS"); /* tests of whole runs: see delta/maintain.h */
    if (!rc && faults) rc = sl_delta_engine_faults(cli->delta, faults, error);
#endif
    return rc;
}

/* Nothing was found: is it the version that is missing, or the table? */
static enum sl_code explain_missing(struct cli *cli, const char *full_name, const char *location,
                                    int64_t version, struct sl_error *error)
{
    struct sl_delta_table *newest = NULL;
    enum sl_code rc = sl_delta_open(cli->delta, location, -1, &newest, error);

    if (rc == SL_OK) {
        rc = sl_fail(error, SL_NOT_FOUND,
                     "table '%s' has no version %lld that can be read (the newest is %lld)",
                     full_name, (long long)version, (long long)sl_delta_version(newest));
        sl_error_hint(error, "The versions that can: sluice tables history %s", full_name);
    } else if (rc == SL_NOT_FOUND) {
        rc = sl_fail(error, SL_DESTINATION,
                     "table '%s' is in the catalog, but there is no Delta "
                     "table at '%s'",
                     full_name, location);
        sl_error_hint(error, "Run its pipeline again, or drop the entry: sluice tables delete %s",
                      full_name);
    }
    sl_delta_table_free(newest);
    return rc;
}

enum sl_code cli_open_table(struct cli *cli, const char *full_name, struct sl_buf *info,
                            struct sl_delta_table **out, struct sl_error *error)
{
    return cli_open_table_at(cli, full_name, -1, info, out, error);
}

enum sl_code cli_open_table_at(struct cli *cli, const char *full_name, int64_t version,
                               struct sl_buf *info, struct sl_delta_table **out,
                               struct sl_error *error)
{
    const struct sl_json *root = NULL;
    struct sl_doc *doc = sl_doc_new(0);
    enum sl_code rc = doc ? cli_catalog(cli, error)
                          : sl_fail(error, SL_NO_MEMORY, "no memory for a table's entry");

    if (!rc) rc = sl_tables_get(cli->catalog, full_name, info, error);
    if (!rc) rc = sl_doc_parse_copy(doc, sl_buf_str(info), info->len, &root, error);
    if (!rc) rc = cli_delta(cli, error);
    if (rc) goto out;
    const char *location = sl_json_str(sl_json_get(root, "storage_location"));
    rc = sl_delta_open(cli->delta, location, version, out, error);
    if (rc == SL_NOT_FOUND) rc = explain_missing(cli, full_name, location, version, error);

out:
    sl_doc_free(doc);
    return rc;
}

/* ---- messages ---- */

static const char *colour(const struct cli *cli, const char *code)
{
    return cli->colour ? code : "";
}

const char *cli_bold(const struct cli *cli)
{
    return colour(cli, "\033[1m");
}
const char *cli_dim(const struct cli *cli)
{
    return colour(cli, "\033[2m");
}
const char *cli_red(const struct cli *cli)
{
    return colour(cli, "\033[31m");
}
const char *cli_green(const struct cli *cli)
{
    return colour(cli, "\033[32m");
}
const char *cli_yellow(const struct cli *cli)
{
    return colour(cli, "\033[33m");
}
const char *cli_plain(const struct cli *cli)
{
    return colour(cli, "\033[0m");
}

static void say(const char *before, const char *word, const char *after, const char *format,
                va_list args)
{
    fprintf(stderr, "%s%s:%s ", before, word, after);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}

void cli_note(const struct cli *cli, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(cli_bold(cli), "note", cli_plain(cli), format, args);
    va_end(args);
}

void cli_warn(const struct cli *cli, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(cli_yellow(cli), "warning", cli_plain(cli), format, args);
    va_end(args);
}

static void print_error_json(const struct sl_error *error)
{
    struct sl_json_writer *w = sl_json_writer_new();

    if (!w) return;
    sl_json_begin_object(w);
    sl_json_kv_str(w, "error_code", sl_code_name(error->code));
    sl_json_kv_str(w, "message", error->message);
    if (error->hint[0]) sl_json_kv_str(w, "hint", error->hint);
    if (error->http_status) sl_json_kv_i64(w, "http_status", error->http_status);
    sl_json_end_object(w);
    const char *text = sl_json_writer_text(w, NULL);
    if (text) fprintf(stderr, "%s\n", text);
    sl_json_writer_free(w);
}

void cli_print_error(const struct cli *cli, const struct sl_error *error)
{
    if (cli->json) {
        print_error_json(error);
        return;
    }
    fprintf(stderr, "%serror:%s %s\n", cli_red(cli), cli_plain(cli), error->message);
    if (error->hint[0]) fprintf(stderr, "%s\n", error->hint);
    if (error->code == SL_BUG)
        fprintf(stderr, "This is a defect in sluice %s (%s:%d). Please report it.\n",
                SLUICE_VERSION, error->file ? error->file : "?", error->line);
}

/* ---- main ---- */

static void streams_look(struct cli *cli)
{
    const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
    struct winsize size = {0};

    cli->out_tty = isatty(STDOUT_FILENO) == 1;
    cli->err_tty = isatty(STDERR_FILENO) == 1;
    cli->colour = cli->out_tty && cli->err_tty && !(no_colour && *no_colour) && term &&
                  strcmp(term, "dumb") != 0;
    cli->columns = 80;
    cli->lines = 24;
    int fd = cli->out_tty ? STDOUT_FILENO : STDERR_FILENO;
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) cli->columns = size.ws_col;
    if (size.ws_row > 0) cli->lines = size.ws_row;
}

static enum sl_code globals(struct cli *cli, const struct cli_call *call, struct sl_error *error)
{
    const char *output = cli_value(call, "output");

    cli->home = cli_value(call, "home");
    if (output && strcmp(output, "json") == 0) cli->json = true;
    if (output && strcmp(output, "json") != 0 && strcmp(output, "text") != 0) {
        sl_fail(error, SL_USAGE, "--output '%s' is not known", output);
        sl_error_hint(error, "Use --output text or --output json.");
        return error->code;
    }
    return SL_OK;
}

/* What was written must have arrived: a full disk behind a pipe is an error, a reader that has seen
 * enough (head) is not. */
static enum sl_code flush(enum sl_code code, struct sl_error *error)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout)) return code;
    if (errno == EPIPE || code) return code;
    return sl_fail(error, SL_DESTINATION, "standard output cannot be written: %s", strerror(errno));
}

int cli_main(int argc, char **argv)
{
    struct cli cli = {0};
    struct cli_call call = {0};
    struct sl_error error = {0};

    signal(SIGPIPE, SIG_IGN);
    streams_look(&cli);
    enum sl_code rc = cli_parse(argc - 1, argv + 1, &call, &error);
    if (!rc) rc = globals(&cli, &call, &error);
    if (rc) goto out;
    if (call.version)
        printf("sluice %s\n", SLUICE_VERSION);
    else if (call.help || !call.command)
        cli_help(&cli, &call, stdout);
    else
        rc = call.command->run(&cli, &call, &error);

out:
    rc = flush(rc, &error);
    if (sl_failed(rc)) cli_print_error(&cli, &error);
    sl_budgets_free(cli.budgets);
    sl_delta_engine_free(cli.delta);
    sl_catalog_close(cli.catalog);
    return sl_code_exit(rc);
}
