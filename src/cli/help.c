/* help.c: sluice --help, sluice GROUP --help, sluice COMMAND --help. */
#include <string.h>

#include "cli/cli.h"

#define SUMMARY_COLUMN 34

static void option_print(const struct cli *cli, const struct cli_option *option, FILE *file)
{
    struct sl_buf left = {0};

    if (option->letter) sl_buf_addf(&left, "-%c, ", option->letter);
    sl_buf_addf(&left, "--%s", option->name);
    if (option->value) sl_buf_addf(&left, option->optional ? "[=%s]" : " %s", option->value);
    fprintf(file, "  %s%s%s", cli_bold(cli), sl_buf_str(&left), cli_plain(cli));
    if (left.len + 4 > SUMMARY_COLUMN)
        fprintf(file, "\n%*s", SUMMARY_COLUMN, "");
    else
        fprintf(file, "%*s", (int)(SUMMARY_COLUMN - left.len - 2), "");
    fprintf(file, "%s\n", option->help);
    sl_buf_release(&left);
}

static void options_print(const struct cli *cli, const char *title,
                          const struct cli_option *options, FILE *file)
{
    if (!options || !options->name) return;
    fprintf(file, "\n%s\n", title);
    for (; options->name; options++) option_print(cli, options, file);
}

static void command_help(const struct cli *cli, const struct cli_command *command, FILE *file)
{
    fprintf(file, "%s\n\n", command->summary);
    fprintf(file, "Usage: %ssluice %s%s%s%s%s\n", cli_bold(cli), command->name,
            command->args ? " " : "", command->args ? command->args : "",
            command->options && command->options->name ? " [OPTIONS]" : "", cli_plain(cli));
    if (command->details) fprintf(file, "\n%s\n", command->details);
    options_print(cli, "Options:", command->options, file);
    options_print(cli, "Everywhere:", cli_global_options, file);
    if (!command->examples) return;
    fprintf(file, "\nExamples:\n");
    for (const struct cli_example *e = command->examples; e->command; e++)
        fprintf(file, "  %s# %s%s\n  sluice %s\n", cli_dim(cli), e->what, cli_plain(cli),
                e->command);
}

static void line(const struct cli *cli, const char *name, const char *args, const char *summary,
                 FILE *file)
{
    int len = (int)strlen(name) + (args ? (int)strlen(args) + 1 : 0);

    fprintf(file, "  %s%s%s%s%s", cli_bold(cli), name, cli_plain(cli), args ? " " : "",
            args ? args : "");
    if (len + 4 > SUMMARY_COLUMN)
        fprintf(file, "\n%*s", SUMMARY_COLUMN, "");
    else
        fprintf(file, "%*s", SUMMARY_COLUMN - len - 2, "");
    fprintf(file, "%s\n", summary);
}

static void group_help(const struct cli *cli, const char *group, FILE *file)
{
    size_t len = strlen(group);

    for (const struct cli_group *g = cli_groups; g->name; g++)
        if (strcmp(g->name, group) == 0) fprintf(file, "%s\n\n", g->summary);
    for (const struct cli_command *c = NULL; (c = cli_next(c)) != NULL;)
        if (strncmp(c->name, group, len) == 0 && c->name[len] == ' ')
            line(cli, c->name, c->args, c->summary, file);
    fprintf(file, "\nMore on one of them: sluice %s COMMAND --help\n", group);
}

static void whole_help(const struct cli *cli, FILE *file)
{
    const struct cli_group *said = NULL;

    fputs("sluice lands SaaS tables in Delta Lake tables.\n\n", file);
    for (const struct cli_command *c = NULL; (c = cli_next(c)) != NULL;) {
        const struct cli_group *group = NULL;
        for (const struct cli_group *g = cli_groups; g->name; g++) {
            size_t len = strlen(g->name);
            if (strncmp(c->name, g->name, len) == 0 && c->name[len] == ' ') group = g;
        }
        if (!group)
            line(cli, c->name, c->args, c->summary, file);
        else if (group != said)
            line(cli, group->name, "...", group->summary, file);
        said = group;
    }
    options_print(cli, "Everywhere:", cli_global_options, file);
    fputs("\nThe place to start: sluice demo\nMore on a command: sluice COMMAND --help\n", file);
}

void cli_help(const struct cli *cli, const struct cli_call *call, FILE *file)
{
    if (call->command)
        command_help(cli, call->command, file);
    else if (call->group)
        group_help(cli, call->group, file);
    else
        whole_help(cli, file);
}
