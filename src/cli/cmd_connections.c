/* cmd_connections.c: where data comes from. */
#include <string.h>

#include <sluice/connector.h>

#include "cli/commands.h"
#include "options/options.h"

static const struct cli_column columns[] = {
    {"NAME", {"name"}, CLI_TEXT},
    {"TYPE", {"connection_type"}, CLI_TEXT},
    {"SOURCE", {"options", "sourceName"}, CLI_TEXT},
    {"CREATED", {"created_at"}, CLI_TIME_MS},
    {"COMMENT", {"comment"}, CLI_TEXT},
    {0},
};

static bool is_secret(const char *option)
{
    for (size_t i = 0; sl_connectors[i]; i++) {
        const struct sl_option *o = sl_options_find(sl_connectors[i]->connection_options, option);
        if (o && o->kind == SL_OPTION_SECRET) return true;
    }
    return false;
}

/* Once: a secret that stood on the command line has been seen. */
static void warn_inline(const struct cli *cli, const struct cli_input *input)
{
    if (!input->inline_text) return;
    for (struct sl_json_each e = sl_json_each(sl_json_get(input->root, "options"));
         sl_json_next(&e);) {
        const char *name = sl_json_str(e.key);
        if (!is_secret(name) || sl_json_kind(e.value) != SL_JSON_STRING) continue;
        cli_warn(cli,
                 "the secret '%s' stood on the command line, where other users and the shell's "
                 "history can see it",
                 name);
        fprintf(stderr, "Better: {\"env\":\"NAME\"}, {\"file\":\"PATH\"}, --json @FILE or --json "
                        "- (standard input).\n");
        return;
    }
}

static enum sl_code show(struct cli *cli, const char *name, struct sl_error *error)
{
    struct sl_buf json = {0};
    enum sl_code rc = sl_connection_get(cli->catalog, name, &json, error);

    if (!rc) rc = cli_show_object(cli, &json, error);
    sl_buf_release(&json);
    return rc;
}

/* What create and update answer with: the whole object for programs, its heart for people. */
static enum sl_code answer(struct cli *cli, const char *name, struct sl_error *error)
{
    static const struct cli_column heart[] = {
        {"NAME", {"name"}, CLI_TEXT},
        {"TYPE", {"connection_type"}, CLI_TEXT},
        {"OPTIONS", {"options"}, CLI_TEXT},
        {0},
    };
    struct sl_buf json = {0}, list = {0};
    enum sl_code rc = sl_connection_get(cli->catalog, name, &json, error);

    if (!rc) {
        sl_buf_addf(&list, "[%s]", sl_buf_str(&json));
        rc = cli->json ? cli_print_json(&json, stdout, error)
                       : cli_show_list(cli, &list, heart, "", error);
    }
    sl_buf_release(&json);
    sl_buf_release(&list);
    return rc;
}

static enum sl_code need_json(const struct cli_call *call, struct cli_input *input,
                              struct sl_error *error)
{
    char *argument = cli_value(call, "json");

    *input = (struct cli_input){0};
    if (argument) return cli_input_json(argument, input, error);
    sl_fail(error, SL_USAGE, "please provide the input with --json");
    sl_error_hint(error, "See: sluice %s --help", call->command->name);
    return error->code;
}

static enum sl_code create(struct cli *cli, const struct cli_call *call, struct sl_error *error)
{
    struct cli_input input;
    enum sl_code rc = need_json(call, &input, error);

    if (!rc) rc = cli_catalog(cli, error);
    if (!rc) warn_inline(cli, &input);
    if (!rc) rc = sl_connection_create(cli->catalog, input.root, error);
    if (!rc) rc = answer(cli, sl_json_str(sl_json_get(input.root, "name")), error);
    cli_input_release(&input);
    return rc;
}

static enum sl_code update(struct cli *cli, const struct cli_call *call, struct sl_error *error)
{
    struct cli_input input;
    enum sl_code rc = need_json(call, &input, error);

    if (!rc) rc = cli_catalog(cli, error);
    if (!rc) warn_inline(cli, &input);
    if (!rc) rc = sl_connection_update(cli->catalog, cli_arg(call, 0), input.root, error);
    if (!rc) {
        const char *renamed = sl_json_str(sl_json_get(input.root, "new_name"));
        rc = answer(cli, renamed ? renamed : cli_arg(call, 0), error);
    }
    cli_input_release(&input);
    return rc;
}

static enum sl_code list(struct cli *cli, const struct cli_call *call, struct sl_error *error)
{
    struct sl_buf json = {0};
    enum sl_code rc = cli_catalog(cli, error);

    (void)call;
    if (!rc) rc = sl_connection_list(cli->catalog, &json, error);
    if (!rc)
        rc = cli_show_list(cli, &json, columns,
                           "there is no connection yet: sluice connections create --json @FILE",
                           error);
    sl_buf_release(&json);
    return rc;
}

static enum sl_code get(struct cli *cli, const struct cli_call *call, struct sl_error *error)
{
    enum sl_code rc = cli_catalog(cli, error);

    return rc ? rc : show(cli, cli_arg(call, 0), error);
}

static enum sl_code describe(struct cli *cli, const struct cli_call *call, struct sl_error *error)
{
    static const struct cli_column pair[] = {{"info_name", {"info_name"}, CLI_TEXT},
                                             {"info_value", {"info_value"}, CLI_TEXT},
                                             {0}};
    struct sl_buf json = {0};
    enum sl_code rc = cli_catalog(cli, error);

    if (!rc) rc = sl_connection_describe(cli->catalog, cli_arg(call, 0), &json, error);
    if (!rc) rc = cli_show_list(cli, &json, pair, "", error);
    sl_buf_release(&json);
    return rc;
}

static enum sl_code delete (struct cli *cli, const struct cli_call *call, struct sl_error *error) {
    enum sl_code rc = cli_catalog(cli, error);

    return rc ? rc : sl_connection_delete(cli->catalog, cli_arg(call, 0), error);
}

static enum sl_code rekey(struct cli *cli, const struct cli_call *call, struct sl_error *error)
{
    int64_t count = 0;
    char number[CLI_NUMBER_MAX];
    enum sl_code rc = cli_catalog(cli, error);

    (void)call;
    if (!rc) rc = sl_catalog_rekey(cli->catalog, &count, error);
    if (!rc) cli_note(cli, "sealed again with the new key: %s", cli_count(count, number));
    return rc;
}

static const struct cli_option create_options[] = {CLI_JSON_OPTION("The connection"), {0}};
static const struct cli_option update_options[] = {CLI_JSON_OPTION("What changes"), {0}};

static const struct cli_example create_examples[] = {
    {"The token stays in a file that only you can read",
     "connections create --json '{\"name\":\"airtable\",\"connection_type\":"
     "\"GENERIC_LAKEFLOW_CONNECT\",\"options\":{\"sourceName\":\"airtable\",\"bearer_token\":"
     "{\"file\":\"/home/ada/.airtable-token\"},\"base_id\":\"appXXXXXXXXXXXXXX\"}}'"},
    {"The same from a file", "connections create --json @connection.json"},
    {0},
};
static const struct cli_example update_examples[] = {
    {"Another token, everything else as it was",
     "connections update airtable --json "
     "'{\"options\":{\"sourceName\":\"airtable\",\"bearer_token\":{\"env\":\"AIRTABLE_TOKEN\"},"
     "\"base_id\":\"appXXXXXXXXXXXXXX\"}}'"},
    {"Another name", "connections update airtable --json '{\"new_name\":\"airtable_shop\"}'"},
    {0},
};

const struct cli_command cli_connection_commands[] = {
    {.name = "connections create",
     .summary = "Creates a connection; its secrets are sealed.",
     .details =
         "Keys: name, connection_type (GENERIC_LAKEFLOW_CONNECT), options (sourceName and the\n"
         "source's own, see `sluice docs`), comment, properties. Any option may be\n"
         "{\"env\":\"NAME\"} or {\"file\":\"PATH\"}: then only that is kept, and read at each use.",
     .options = create_options,
     .examples = create_examples,
     .run = create},
    {.name = "connections list", .summary = "Lists the connections.", .run = list},
    {.name = "connections get",
     .args = "NAME",
     .args_min = 1,
     .args_max = 1,
     .summary = "Shows a connection; its secrets are left out.",
     .run = get},
    {.name = "connections describe",
     .args = "NAME",
     .args_min = 1,
     .args_max = 1,
     .summary = "Shows a connection as DESCRIBE CONNECTION does; secrets are ***.",
     .run = describe},
    {.name = "connections update",
     .args = "NAME",
     .args_min = 1,
     .args_max = 1,
     .summary = "Changes a connection.",
     .details =
         "Keys: options (replaces all of them; a secret that is not named stays), new_name,\n"
         "comment, properties.",
     .options = update_options,
     .examples = update_examples,
     .run = update},
    {.name = "connections delete",
     .args = "NAME",
     .args_min = 1,
     .args_max = 1,
     .summary = "Deletes a connection. Tables that were landed stay.",
     .run = delete},
    {.name = "connections rekey",
     .summary = "Makes a new key and seals every secret again.",
     .details =
         "The new key is random and kept in the home, or is SLUICE_KEY_NEW (32 bytes as base64,\n"
         "or a passphrase) when that is set; then set SLUICE_KEY to it from now on.",
     .run = rekey},
    {0},
};
