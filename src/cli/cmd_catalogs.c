/* cmd_catalogs.c: catalogs and schemas. */
#include <string.h>

#include "cli/commands.h"

static const struct cli_column catalog_columns[] = {
    {"NAME", {"name"}, CLI_TEXT},
    {"TYPE", {"catalog_type"}, CLI_TEXT},
    {"STORAGE ROOT", {"storage_root"}, CLI_TEXT},
    {"COMMENT", {"comment"}, CLI_TEXT},
    {0},
};
static const struct cli_column schema_columns[] = {
    {"FULL NAME", {"full_name"}, CLI_TEXT},
    {"OWNER", {"owner"}, CLI_TEXT},
    {"STORAGE ROOT", {"storage_root"}, CLI_TEXT},
    {"COMMENT", {"comment"}, CLI_TEXT},
    {0},
};

static enum sl_code catalogs_list(struct cli *cli, const struct cli_call *call,
                                  struct sl_error *error)
{
    struct sl_buf json = {0};
    enum sl_code rc = cli_catalog(cli, error);

    (void)call;
    if (!rc) rc = sl_catalogs_list(cli->catalog, &json, error);
    if (!rc) rc = cli_show_list(cli, &json, catalog_columns, "there is no catalog yet", error);
    sl_buf_release(&json);
    return rc;
}

static enum sl_code catalogs_get(struct cli *cli, const struct cli_call *call,
                                 struct sl_error *error)
{
    struct sl_buf json = {0};
    enum sl_code rc = cli_catalog(cli, error);

    if (!rc) rc = sl_catalogs_get(cli->catalog, cli_arg(call, 0), &json, error);
    if (!rc) rc = cli_show_object(cli, &json, error);
    sl_buf_release(&json);
    return rc;
}

static enum sl_code schemas_list(struct cli *cli, const struct cli_call *call,
                                 struct sl_error *error)
{
    struct sl_buf json = {0};
    enum sl_code rc = cli_catalog(cli, error);

    if (!rc) rc = sl_schemas_list(cli->catalog, cli_arg(call, 0), &json, error);
    if (!rc) rc = cli_show_list(cli, &json, schema_columns, "there is no schema yet", error);
    sl_buf_release(&json);
    return rc;
}

static enum sl_code schemas_get(struct cli *cli, const struct cli_call *call,
                                struct sl_error *error)
{
    struct sl_buf json = {0};
    enum sl_code rc = cli_catalog(cli, error);

    if (!rc) rc = sl_schemas_get(cli->catalog, cli_arg(call, 0), &json, error);
    if (!rc) rc = cli_show_object(cli, &json, error);
    sl_buf_release(&json);
    return rc;
}

/* What create is given, as one JSON object: --json, or the arguments and --comment,
 * --storage-root. */
static enum sl_code creation(const struct cli_call *call, bool schema, struct cli_input *out,
                             struct sl_error *error)
{
    static const char *const keys[][2] = {{"comment", "comment"}, {"storage-root", "storage_root"}};
    char *argument = cli_value(call, "json");

    *out = (struct cli_input){0};
    if (argument) return cli_input_json(argument, out, error);
    if (!cli_arg(call, schema ? 1 : 0)) {
        sl_fail(error, SL_USAGE, "'sluice %s' needs %s, or --json", call->command->name,
                schema ? "NAME and CATALOG" : "NAME");
        return error->code;
    }
    struct sl_json_writer *w = sl_json_writer_new();
    if (!w) return sl_fail(error, SL_NO_MEMORY, "no memory for a request");
    sl_json_begin_object(w);
    sl_json_kv_str(w, "name", cli_arg(call, 0));
    if (schema) sl_json_kv_str(w, "catalog_name", cli_arg(call, 1));
    for (size_t i = 0; i < 2; i++)
        if (cli_value(call, keys[i][0])) sl_json_kv_str(w, keys[i][1], cli_value(call, keys[i][0]));
    sl_json_end_object(w);
    struct sl_buf text = {0};
    const char *json = sl_json_writer_text(w, NULL);
    if (json) sl_buf_adds(&text, json);
    sl_json_writer_free(w);
    enum sl_code rc = json && !sl_buf_failed(&text)
                          ? cli_input_json(text.data, out, error)
                          : sl_fail(error, SL_NO_MEMORY, "no memory for a request");
    sl_buf_release(&text);
    return rc;
}

static enum sl_code catalogs_create(struct cli *cli, const struct cli_call *call,
                                    struct sl_error *error)
{
    struct cli_input input;
    struct sl_buf json = {0};
    enum sl_code rc = creation(call, false, &input, error);

    if (!rc) rc = cli_catalog(cli, error);
    if (!rc) rc = sl_catalogs_create(cli->catalog, input.root, error);
    if (!rc)
        rc = sl_catalogs_get(cli->catalog, sl_json_str(sl_json_get(input.root, "name")), &json,
                             error);
    if (!rc) rc = cli_show_object(cli, &json, error);
    sl_buf_release(&json);
    cli_input_release(&input);
    return rc;
}

static enum sl_code schemas_create(struct cli *cli, const struct cli_call *call,
                                   struct sl_error *error)
{
    struct cli_input input;
    struct sl_buf json = {0}, name = {0};
    enum sl_code rc = creation(call, true, &input, error);

    if (!rc) rc = cli_catalog(cli, error);
    if (!rc) rc = sl_schemas_create(cli->catalog, input.root, error);
    if (!rc) {
        sl_buf_addf(&name, "%s.%s", sl_json_str(sl_json_get(input.root, "catalog_name")),
                    sl_json_str(sl_json_get(input.root, "name")));
        rc = sl_schemas_get(cli->catalog, sl_buf_str(&name), &json, error);
    }
    if (!rc) rc = cli_show_object(cli, &json, error);
    sl_buf_release(&json);
    sl_buf_release(&name);
    cli_input_release(&input);
    return rc;
}

#define CREATE_OPTIONS(what)                                                                       \
    CLI_JSON_OPTION(what), {.name = "comment", .value = "TEXT", .help = "A comment."},             \
        {.name = "storage-root",                                                                   \
         .value = "PATH|URL",                                                                      \
         .help = "Where its tables go, instead of the home's warehouse."},                         \
    {                                                                                              \
        0                                                                                          \
    }

static const struct cli_option catalog_create_options[] = {CREATE_OPTIONS("The catalog")};
static const struct cli_option schema_create_options[] = {CREATE_OPTIONS("The schema")};

static const struct cli_example catalog_create_examples[] = {
    {"All tables of a catalog on object storage",
     "catalogs create lake --storage-root s3://my-bucket/lake"},
    {0},
};

const struct cli_command cli_catalog_commands[] = {
    {.name = "catalogs list", .summary = "Lists the catalogs.", .run = catalogs_list},
    {.name = "catalogs get",
     .args = "NAME",
     .args_min = 1,
     .args_max = 1,
     .summary = "Shows a catalog.",
     .run = catalogs_get},
    {.name = "catalogs create",
     .args = "[NAME]",
     .args_max = 1,
     .summary = "Creates a catalog. A run creates those it needs by itself.",
     .options = catalog_create_options,
     .examples = catalog_create_examples,
     .run = catalogs_create},
    {.name = "schemas list",
     .args = "[CATALOG]",
     .args_max = 1,
     .summary = "Lists the schemas of a catalog, or of all.",
     .run = schemas_list},
    {.name = "schemas get",
     .args = "CATALOG.SCHEMA",
     .args_min = 1,
     .args_max = 1,
     .summary = "Shows a schema.",
     .run = schemas_get},
    {.name = "schemas create",
     .args = "[NAME CATALOG]",
     .args_max = 2,
     .summary = "Creates a schema. A run creates those it needs by itself.",
     .options = schema_create_options,
     .run = schemas_create},
    {0},
};
