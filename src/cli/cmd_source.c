/* cmd_source.c: looking at a source: check, discover, read. */
#include <string.h>

#include "cli/commands.h"
#include "cli/print.h"
#include "cli/session.h"
#include "json/doc.h"

#define READ_ROWS 20

static enum sl_code print_checks(const struct cli *cli, const struct sl_buf *json,
                                 struct sl_error *error)
{
    const struct sl_json *root = NULL;
    struct sl_doc *doc = sl_doc_new(0);
    enum sl_code rc = doc ? sl_doc_parse_copy(doc, sl_buf_str(json), json->len, &root, error)
                          : sl_fail(error, SL_NO_MEMORY, "no memory for an answer");

    for (struct sl_json_each e = sl_json_each(root); !rc && sl_json_next(&e);) {
        bool good = sl_json_true(sl_json_get(e.value, "good"));
        const char *subject = sl_json_str(sl_json_get(e.value, "subject"));
        const char *message = sl_json_str(sl_json_get(e.value, "message"));
        const char *hint = sl_json_str(sl_json_get(e.value, "hint"));
        printf("%s%s%s %s%s%s\n", good ? cli_green(cli) : cli_red(cli),
               good ? "\xe2\x9c\x93" : "\xe2\x9c\x97", cli_plain(cli), subject ? subject : "",
               message && *message ? ": " : "", message ? message : "");
        if (!good && hint && *hint) printf("    %s\n", hint);
    }
    sl_doc_free(doc);
    return rc;
}

static enum sl_code check(struct cli *cli, const struct cli_call *call, struct sl_error *error)
{
    struct cli_session session = {0};
    struct sl_error ignored;
    struct sl_buf json = {0};

    enum sl_code rc = cli_session_open(cli, call, cli_arg(call, 0), &session, error);
    if (!rc) {
        struct sl_source source = cli_session_source(cli, &session);
        rc = sl_source_check(&source, &json, error);
        if (json.len > 0 && cli->json) (void)!cli_print_json(&json, stdout, &ignored);
        if (json.len > 0 && !cli->json) (void)!print_checks(cli, &json, &ignored);
    }
    cli_session_release(&session);
    sl_buf_release(&json);
    return rc;
}

static enum sl_code print_table(const struct cli *cli, const struct sl_json *table,
                                struct sl_error *error)
{
    static const char *const keys[] = {"destination_name", "type", "name", "source_type"};
    static const char *const titles[] = {"COLUMN", "TYPE", "SOURCE NAME", "SOURCE TYPE"};
    struct cli_grid *grid = cli_grid_new(4);

    if (!grid) return sl_fail(error, SL_NO_MEMORY, "no memory for a table on the screen");
    for (size_t i = 0; i < 4; i++) cli_grid_head(grid, i, titles[i], false);
    for (struct sl_json_each e = sl_json_each(sl_json_get(table, "columns")); sl_json_next(&e);)
        for (size_t i = 0; i < 4; i++)
            cli_grid_cell(grid, sl_json_str(sl_json_get(e.value, keys[i])));
    enum sl_code rc = cli_grid_print(grid, cli, stdout, 0, error);
    cli_grid_free(grid);
    return rc;
}

/* Where there are several. */
static enum sl_code print_namespaces(const struct cli *cli, const struct sl_json *namespaces,
                                     struct sl_error *error)
{
    struct cli_grid *grid = cli_grid_new(3);
    char count[CLI_NUMBER_MAX];
    int64_t tables = 0;

    if (!grid) return sl_fail(error, SL_NO_MEMORY, "no memory for a table on the screen");
    cli_grid_head(grid, 0, "NAMESPACE", false);
    cli_grid_head(grid, 1, "ID", false);
    cli_grid_head(grid, 2, "TABLES", true);
    for (struct sl_json_each e = sl_json_each(namespaces); sl_json_next(&e);) {
        (void)sl_json_i64(sl_json_get(e.value, "tables"), &tables);
        cli_grid_cell(grid, sl_json_str(sl_json_get(e.value, "name")));
        cli_grid_cell(grid, sl_json_str(sl_json_get(e.value, "id")));
        cli_grid_cell(grid, cli_count(tables, count));
    }
    enum sl_code rc = cli_grid_print(grid, cli, stdout, 0, error);
    fputc('\n', stdout);
    cli_grid_free(grid);
    return rc;
}

static enum sl_code print_discovery(const struct cli *cli, const struct sl_buf *json, bool one,
                                    struct sl_error *error)
{
    static const char *const keys[] = {"name", "namespace", "ingestion", "id"};
    static const char *const titles[] = {"TABLE", "NAMESPACE", "INGESTION", "ID", "COLUMNS"};
    char count[CLI_NUMBER_MAX];
    const struct sl_json *root = NULL;
    struct sl_doc *doc = sl_doc_new(0);
    struct cli_grid *grid = cli_grid_new(5);
    enum sl_code rc = doc && grid
                          ? sl_doc_parse_copy(doc, sl_buf_str(json), json->len, &root, error)
                          : sl_fail(error, SL_NO_MEMORY, "no memory for an answer");

    if (rc) goto out;
    const struct sl_json *tables = sl_json_get(root, "tables");
    const struct sl_json *namespaces = sl_json_get(root, "namespaces");
    if (!one && sl_json_len(namespaces) > 1) rc = print_namespaces(cli, namespaces, error);
    if (rc) goto out;
    for (size_t i = 0; i < 5; i++) cli_grid_head(grid, i, titles[i], i == 4);
    for (struct sl_json_each e = sl_json_each(tables); sl_json_next(&e);) {
        for (size_t i = 0; i < 4; i++)
            cli_grid_cell(grid, sl_json_str(sl_json_get(e.value, keys[i])));
        cli_grid_cell(grid,
                      cli_count((int64_t)sl_json_len(sl_json_get(e.value, "columns")), count));
    }
    rc = cli_grid_print(grid, cli, stdout, 0, error);
    if (!one) goto out;
    for (struct sl_json_each e = sl_json_each(tables); !rc && sl_json_next(&e);) {
        fputc('\n', stdout);
        rc = print_table(cli, e.value, error);
    }

out:
    cli_grid_free(grid);
    sl_doc_free(doc);
    return rc;
}

static enum sl_code discover(struct cli *cli, const struct cli_call *call, struct sl_error *error)
{
    struct cli_session session = {0};
    struct sl_buf json = {0};

    enum sl_code rc = cli_session_open(cli, call, cli_arg(call, 0), &session, error);
    if (!rc) {
        struct sl_source source = cli_session_source(cli, &session);
        rc = sl_source_discover(&source, cli_value(call, "namespace"), cli_arg(call, 1), &json,
                                error);
    }
    if (!rc)
        rc = cli->json ? cli_print_json(&json, stdout, error)
                       : print_discovery(cli, &json, cli_arg(call, 1) != NULL, error);
    cli_session_release(&session);
    sl_buf_release(&json);
    return rc;
}

static enum sl_code take_batch(void *ctx, const struct ArrowSchema *schema,
                               struct ArrowArray *batch, struct sl_error *error)
{
    enum sl_code rc = cli_printer_batch(ctx, schema, batch, -1, error);

    batch->release(batch);
    return rc;
}

static enum sl_code read_table(struct cli *cli, const struct cli_call *call, struct sl_error *error)
{
    struct cli_session session = {0};
    struct cli_printer *printer = NULL;
    enum cli_format format = CLI_FORMAT_TABLE;
    int64_t limit = 0;

    enum sl_code rc = cli_number(call, "limit", -1, INT64_MAX, READ_ROWS, &limit, error);
    if (!rc) rc = cli_format_of(cli, call, &format, error);
    if (!rc) rc = cli_session_open(cli, call, cli_arg(call, 0), &session, error);
    if (!rc) rc = cli_printer_new(cli, format, stdout, &printer, error);
    if (!rc) {
        struct sl_source source = cli_session_source(cli, &session);
        struct sl_read_options options = {.namespace_ = cli_value(call, "schema"),
                                          .table = cli_arg(call, 1),
                                          .options_json = cli_value(call, "options"),
                                          .limit = limit,
                                          .batch = take_batch,
                                          .ctx = printer};
        rc = sl_source_read(&source, &options, error);
    }
    if (!rc) rc = cli_printer_end(printer, NULL, error);
    cli_printer_free(printer);
    cli_session_release(&session);
    return rc;
}

static const struct cli_option source_options[] = {CLI_RECORD_OPTIONS, {0}};
static const struct cli_option discover_options[] = {
    {.name = "namespace",
     .value = "NAME",
     .help = "Only this namespace (a base, an owner), by its name or id."},
    CLI_RECORD_OPTIONS,
    {0},
};
static const struct cli_option read_options[] = {
    {.name = "limit", .value = "N", .help = "Rows at most; -1: all. Default: 20."},
    {.name = "schema", .value = "NAME", .help = "The namespace (a base), where there are several."},
    {.name = "options", .value = "JSON", .help = "Table options of the connector."},
    CLI_FORMAT_OPTION,
    CLI_RECORD_OPTIONS,
    {0},
};
static const struct cli_example read_examples[] = {
    {"The first rows of a source table, without landing anything", "read airtable Vendors"},
    {0},
};

const struct cli_command cli_source_commands[] = {
    {.name = "check",
     .args = "CONNECTION",
     .args_min = 1,
     .args_max = 1,
     .summary = "Tests a connection: credentials, scopes, each place it reads.",
     .options = source_options,
     .run = check},
    {.name = "discover",
     .args = "CONNECTION [TABLE]",
     .args_min = 1,
     .args_max = 2,
     .summary = "Lists the namespaces and tables of a source; with TABLE, its columns.",
     .options = discover_options,
     .run = discover},
    {.name = "read",
     .args = "CONNECTION TABLE",
     .args_min = 2,
     .args_max = 2,
     .summary = "Prints rows of a source table without landing them.",
     .options = read_options,
     .examples = read_examples,
     .run = read_table},
    {0},
};
