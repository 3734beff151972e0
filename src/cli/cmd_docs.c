/* cmd_docs.c: what the tables know, printed; and the version. */
#include <string.h>

#include <sluice/connector.h>

#include "cli/commands.h"
#include "cli/docs_sources.h"
#include "options/options.h"
#include "pipeline/spec_keys.h"

static enum sl_code connectors_markdown(struct sl_buf *out, struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    sl_buf_adds(out,
                "# Connectors\n\nPrinted by `sluice docs connectors` from the option tables of "
                "the connectors, and from what each says of its simulator's tables. Sources that "
                "describe their own tables (bases, custom objects) have others. Calls per 1,000 "
                "changed records are measured against the simulator: of one run after so many "
                "changes.\n\nConnection options go into `options` of `sluice "
                "connections create --json`, beside `sourceName`. Any of them may be "
                "`{\"env\":\"NAME\"}` or `{\"file\":\"PATH\"}`. Table options go into "
                "`connector_options.community_connector_options.options` of a table, or into "
                "`table_properties` as `sluice.<option>`.\n");
    for (size_t i = 0; sl_connectors[i] && !rc; i++) {
        const struct sl_connector *c = sl_connectors[i];
        sl_buf_addf(out, "\n## %s\n\n`sourceName`: `%s`. %s", c->title, c->name, c->summary);
        if (c->docs) sl_buf_addf(out, " The API: <%s>.", c->docs);
        sl_buf_adds(out, "\n\nConnection options:\n\n");
        sl_options_print(c->connection_options, SL_OPTIONS_MARKDOWN, out);
        if (c->table_options && c->table_options->name) {
            sl_buf_adds(out, "\nTable options:\n\n");
            sl_options_print(c->table_options, SL_OPTIONS_MARKDOWN, out);
        }
        rc = cli_docs_source(c, out, error);
    }
    return rc;
}

static enum sl_code print(struct sl_buf *text, struct sl_error *error)
{
    enum sl_code rc =
        sl_buf_failed(text) ? sl_fail(error, SL_NO_MEMORY, "no memory for a page") : SL_OK;

    if (!rc) fputs(sl_buf_str(text), stdout);
    sl_buf_release(text);
    return rc;
}

static const struct {
    const char *name;
    void (*print)(struct sl_buf *out);
    enum sl_code (*make)(struct sl_buf *out, struct sl_error *error); /* one that can fail */
} pages[] = {
    {"connectors", NULL, connectors_markdown},
    {"cli", cli_docs_markdown, NULL},
    {"pipeline-spec", sl_spec_keys_print, NULL},
    {"man", cli_docs_man, NULL},
};

static enum sl_code docs(struct cli *cli, const struct cli_call *call, struct sl_error *error)
{
    const char *names[] = {"connectors", "cli", "pipeline-spec", "man", NULL};
    const char *page = cli_arg(call, 0) ? cli_arg(call, 0) : "connectors";
    struct sl_buf text = {0};

    (void)cli;
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        if (strcmp(pages[i].name, page) != 0) continue;
        enum sl_code rc = SL_OK;
        if (pages[i].make)
            rc = pages[i].make(&text, error);
        else
            pages[i].print(&text);
        if (!rc) return print(&text, error);
        sl_buf_release(&text);
        return rc;
    }
    const char *nearest = sl_nearest(page, names);
    sl_fail(error, SL_USAGE, "there is no page '%s'", page);
    if (nearest)
        sl_error_hint(error, "Did you mean '%s'?", nearest);
    else
        sl_error_hint(error, "Pages: connectors, cli, pipeline-spec, man.");
    return error->code;
}

static enum sl_code completion(struct cli *cli, const struct cli_call *call, struct sl_error *error)
{
    const char *shell = cli_arg(call, 0);
    struct sl_buf text = {0};

    (void)cli;
    if (strcmp(shell, "bash") == 0) {
        cli_completion_bash(&text);
    } else if (strcmp(shell, "zsh") == 0) {
        cli_completion_zsh(&text);
    } else {
        sl_fail(error, SL_USAGE, "there is no completion for '%s'", shell);
        sl_error_hint(error, "There is bash and zsh.");
        return error->code;
    }
    return print(&text, error);
}

static enum sl_code version(struct cli *cli, const struct cli_call *call, struct sl_error *error)
{
    (void)call;
    (void)error;
    if (cli->json)
        printf("{\"version\":\"%s\"}\n", SLUICE_VERSION);
    else
        printf("sluice %s\n", SLUICE_VERSION);
    return SL_OK;
}

static const struct cli_example docs_examples[] = {
    {"Every option of every connector", "docs"},
    {"The man page", "docs man | man -l -"},
    {0},
};
static const struct cli_example completion_examples[] = {
    {"For bash, in this shell", "completion bash > /tmp/sluice.bash && source /tmp/sluice.bash"},
    {"For zsh, for good", "completion zsh > \"${fpath[1]}/_sluice\""},
    {0},
};

const struct cli_command cli_docs_commands[] = {
    {.name = "docs",
     .args = "[connectors|cli|pipeline-spec|man]",
     .args_max = 1,
     .summary = "Prints a reference page made from the program's own tables.",
     .examples = docs_examples,
     .run = docs},
    {.name = "completion",
     .args = "bash|zsh",
     .args_min = 1,
     .args_max = 1,
     .summary = "Prints the completion for a shell.",
     .examples = completion_examples,
     .run = completion},
    {.name = "version", .summary = "Prints the version.", .run = version},
    {0},
};
