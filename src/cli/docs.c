/* docs.c: docs/cli.md and the man page, printed from the command tables. */
#include <string.h>

#include "cli/cli.h"

static const struct {
    const char *exit, *meaning;
} exits[] = {
    {"0", "all done"},
    {"1", "some tables failed; each is named"},
    {"2", "wrong usage"},
    {"3", "a bad specification or configuration"},
    {"4", "credentials or permission"},
    {"5", "the source failed"},
    {"6", "the destination failed"},
    {"7", "another run holds this pipeline"},
    {"8", "stopped by your cap or the source's quota; nothing is lost"},
    {"70", "a defect in sluice"},
    {"130", "stopped by Ctrl-C"},
};

static const struct {
    const char *name, *meaning;
} variables[] = {
    {"SLUICE_HOME", "The home directory: catalog, key and warehouse. Default: "
                    "`$XDG_DATA_HOME/sluice`, else `~/.local/share/sluice`."},
    {"SLUICE_KEY", "The key that seals secrets: 32 bytes as base64, or a passphrase. Default: the "
                   "file `key` of the home."},
    {"SLUICE_KEY_NEW", "The new key for `sluice connections rekey`."},
    {"NO_COLOR", "No colours when it is set."},
    {"HTTPS_PROXY, NO_PROXY", "Proxies, as curl reads them."},
};

static void usage(const struct cli_command *c, struct sl_buf *out)
{
    sl_buf_addf(out, "sluice %s%s%s", c->name, c->args ? " " : "", c->args ? c->args : "");
    for (const struct cli_option *o = c->options; o && o->name; o++) {
        sl_buf_addf(out, " [--%s", o->name);
        if (o->value) sl_buf_addf(out, o->optional ? "[=%s]" : " %s", o->value);
        sl_buf_addc(out, ']');
    }
}

/* A table cell: bars would end it. */
static void cell(struct sl_buf *out, const char *text)
{
    for (; *text; text++) sl_buf_addf(out, *text == '|' ? "\\%c" : "%c", *text);
}

static void options_markdown(const struct cli_option *options, struct sl_buf *out)
{
    if (!options || !options->name) return;
    sl_buf_adds(out, "\n| option | |\n|---|---|\n");
    for (; options->name; options++) {
        sl_buf_adds(out, "| `");
        if (options->letter) sl_buf_addf(out, "-%c, ", options->letter);
        sl_buf_addf(out, "--%s", options->name);
        if (options->value) {
            sl_buf_adds(out, options->optional ? "[=" : " ");
            cell(out, options->value);
            if (options->optional) sl_buf_addc(out, ']');
        }
        sl_buf_adds(out, "` | ");
        cell(out, options->help);
        sl_buf_adds(out, " |\n");
    }
}

void cli_docs_markdown(struct sl_buf *out)
{
    sl_buf_adds(out, "# The command line\n\nPrinted by `sluice docs cli`.\n\n"
                     "Results go to standard output, progress and messages to standard error. "
                     "Options may stand anywhere after the command.\n\n## Everywhere\n");
    options_markdown(cli_global_options, out);
    sl_buf_adds(out, "\n## Exit codes\n\n| code | |\n|---|---|\n");
    for (size_t i = 0; i < sizeof exits / sizeof *exits; i++)
        sl_buf_addf(out, "| %s | %s |\n", exits[i].exit, exits[i].meaning);
    sl_buf_adds(out, "\n## Environment\n\n| variable | |\n|---|---|\n");
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        sl_buf_addf(out, "| `%s` | %s |\n", variables[i].name, variables[i].meaning);
    sl_buf_adds(out, "\n## Commands\n");
    for (const struct cli_command *c = NULL; (c = cli_next(c)) != NULL;) {
        sl_buf_addf(out, "\n### sluice %s\n\n```\n", c->name);
        usage(c, out);
        sl_buf_addf(out, "\n```\n\n%s\n", c->summary);
        if (c->details) sl_buf_addf(out, "\n%s\n", c->details);
        options_markdown(c->options, out);
        if (!c->examples) continue;
        sl_buf_adds(out, "\n```sh\n");
        for (const struct cli_example *e = c->examples; e->command; e++)
            sl_buf_addf(out, "# %s\nsluice %s\n", e->what, e->command);
        sl_buf_adds(out, "```\n");
    }
}

/* Text in roff: backslashes and hyphens escaped, a dot or quote at the start of a line guarded. */
static void roff(struct sl_buf *out, const char *text)
{
    bool start = true;

    for (; *text; text++) {
        if (start && (*text == '.' || *text == '\'')) sl_buf_adds(out, "\\&");
        if (*text == '\\')
            sl_buf_adds(out, "\\e");
        else if (*text == '-')
            sl_buf_adds(out, "\\-");
        else if (*text != '`')
            sl_buf_addc(out, *text);
        start = *text == '\n';
    }
}

static void options_man(const struct cli_option *options, struct sl_buf *out)
{
    for (; options && options->name; options++) {
        sl_buf_adds(out, ".TP\n\\fB");
        if (options->letter) sl_buf_addf(out, "\\-%c\\fR, \\fB", options->letter);
        sl_buf_adds(out, "\\-\\-");
        roff(out, options->name);
        sl_buf_adds(out, "\\fR");
        if (options->value) {
            sl_buf_adds(out, options->optional ? "[=\\fI" : " \\fI");
            roff(out, options->value);
            sl_buf_adds(out, options->optional ? "\\fR]" : "\\fR");
        }
        sl_buf_addc(out, '\n');
        roff(out, options->help);
        sl_buf_addc(out, '\n');
    }
}

static void command_man(const struct cli_command *c, struct sl_buf *out)
{
    sl_buf_adds(out, ".SS sluice ");
    roff(out, c->name);
    if (c->args) {
        sl_buf_addc(out, ' ');
        roff(out, c->args);
    }
    sl_buf_addc(out, '\n');
    roff(out, c->summary);
    sl_buf_addc(out, '\n');
    if (c->details) {
        sl_buf_adds(out, ".PP\n.nf\n");
        roff(out, c->details);
        sl_buf_adds(out, "\n.fi\n");
    }
    options_man(c->options, out);
    if (!c->examples) return;
    sl_buf_adds(out, ".PP\n.nf\n");
    for (const struct cli_example *e = c->examples; e->command; e++) {
        sl_buf_adds(out, "\\fI# ");
        roff(out, e->what);
        sl_buf_adds(out, "\\fR\nsluice ");
        roff(out, e->command);
        sl_buf_addc(out, '\n');
    }
    sl_buf_adds(out, ".fi\n");
}

void cli_docs_man(struct sl_buf *out)
{
    sl_buf_addf(out, ".TH SLUICE 1 \"\" \"sluice %s\" \"User Commands\"\n", SLUICE_VERSION);
    sl_buf_adds(out, ".SH NAME\nsluice \\- lands SaaS tables in Delta Lake tables\n"
                     ".SH SYNOPSIS\n.B sluice\n\\fICOMMAND\\fR [\\fIOPTIONS\\fR]\n"
                     ".SH DESCRIPTION\n"
                     "A connection says where data comes from, a pipeline which tables are landed "
                     "where.\nResults go to standard output, progress and messages to standard "
                     "error.\nThe place to start is\n.BR \"sluice demo\" .\n.SH OPTIONS\n");
    options_man(cli_global_options, out);
    sl_buf_adds(out, ".SH COMMANDS\n");
    for (const struct cli_command *c = NULL; (c = cli_next(c)) != NULL;) command_man(c, out);
    sl_buf_adds(out, ".SH EXIT STATUS\n");
    for (size_t i = 0; i < sizeof exits / sizeof *exits; i++) {
        sl_buf_addf(out, ".TP\n.B %s\n", exits[i].exit);
        roff(out, exits[i].meaning);
        sl_buf_addc(out, '\n');
    }
    sl_buf_adds(out, ".SH ENVIRONMENT\n");
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        sl_buf_addf(out, ".TP\n.B %s\n", variables[i].name);
        roff(out, variables[i].meaning);
        sl_buf_addc(out, '\n');
    }
}
