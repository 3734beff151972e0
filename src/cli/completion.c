/* completion.c: what the shells offer after a tab, made from the command tables. */
#include <string.h>

#include "cli/cli.h"

/* The first words: commands of one word, and groups. */
static void first_words(struct sl_buf *out)
{
    for (const struct cli_command *c = NULL; (c = cli_next(c)) != NULL;)
        if (!strchr(c->name, ' ')) sl_buf_addf(out, "%s ", c->name);
    for (const struct cli_group *g = cli_groups; g->name; g++) sl_buf_addf(out, "%s ", g->name);
    sl_buf_adds(out, "help");
}

static void second_words(const char *group, struct sl_buf *out)
{
    size_t len = strlen(group);

    for (const struct cli_command *c = NULL; (c = cli_next(c)) != NULL;)
        if (strncmp(c->name, group, len) == 0 && c->name[len] == ' ')
            sl_buf_addf(out, "%s ", c->name + len + 1);
}

static void options_words(const struct cli_option *options, struct sl_buf *out)
{
    for (; options && options->name; options++) sl_buf_addf(out, "--%s ", options->name);
}

/* case arms: the values that an option may have. */
static void values_cases(const struct cli_option *options, struct sl_buf *out)
{
    for (; options && options->name; options++) {
        if (!options->values) continue;
        sl_buf_addf(out, "        --%s", options->name);
        if (options->letter) sl_buf_addf(out, "|-%c", options->letter);
        sl_buf_adds(out, ") COMPREPLY=($(compgen -W \"");
        for (const char *c = options->values; *c; c++) sl_buf_addc(out, *c == '|' ? ' ' : *c);
        sl_buf_adds(out, "\" -- \"$cur\")); return ;;\n");
    }
}

void cli_completion_bash(struct sl_buf *out)
{
    sl_buf_adds(out,
                "# bash completion for sluice. To use it now: source <(sluice completion bash)\n"
                "_sluice() {\n"
                "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
                "    local words=() word\n"
                "    for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
                "        [[ $word == -* ]] || words+=(\"$word\")\n"
                "    done\n"
                "    case $prev in\n");
    values_cases(cli_global_options, out);
    for (const struct cli_command *c = NULL; (c = cli_next(c)) != NULL;)
        values_cases(c->options, out);
    sl_buf_adds(out, "        --home|--record|--replay|--json) compopt -o default; return ;;\n"
                     "    esac\n"
                     "    if (( ${#words[@]} == 0 )) && [[ $cur != -* ]]; then\n"
                     "        COMPREPLY=($(compgen -W \"");
    first_words(out);
    sl_buf_adds(out, "\" -- \"$cur\")); return\n    fi\n"
                     "    if (( ${#words[@]} == 1 )) && [[ $cur != -* ]]; then\n"
                     "        case ${words[0]} in\n");
    for (const struct cli_group *g = cli_groups; g->name; g++) {
        sl_buf_addf(out, "        %s) COMPREPLY=($(compgen -W \"", g->name);
        second_words(g->name, out);
        sl_buf_adds(out, "\" -- \"$cur\")); return ;;\n");
    }
    sl_buf_adds(out, "        esac\n    fi\n"
                     "    if [[ $cur != -* ]]; then compopt -o default; return; fi\n"
                     "    local options=\"");
    options_words(cli_global_options, out);
    sl_buf_adds(out, "\"\n    case \"${words[0]} ${words[1]}\" in\n");
    for (const struct cli_command *c = NULL; (c = cli_next(c)) != NULL;) {
        if (!c->options || !c->options->name) continue;
        sl_buf_addf(out,
                    strchr(c->name, ' ') ? "        \"%s\") options+=\" "
                                         : "        \"%s \"*) options+=\" ",
                    c->name);
        options_words(c->options, out);
        sl_buf_adds(out, "\" ;;\n");
    }
    sl_buf_adds(out, "    esac\n"
                     "    COMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
                     "}\n"
                     "complete -F _sluice sluice\n");
}

/* Text inside single quotes and a zsh description: quotes, colons and brackets escaped. */
static void zsh_text(struct sl_buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\'')
            sl_buf_adds(out, "'\\''");
        else if (*text == ':' || *text == '[' || *text == ']')
            sl_buf_addf(out, "\\%c", *text);
        else if (*text != '`')
            sl_buf_addc(out, *text);
    }
}

static void zsh_options(const struct cli_option *options, struct sl_buf *out)
{
    for (; options && options->name; options++) {
        sl_buf_addf(out, " \\\n        '--%s%s[", options->name,
                    !options->value     ? ""
                    : options->optional ? "=-"
                                        : "=");
        zsh_text(out, options->help);
        sl_buf_addc(out, ']');
        if (options->value) {
            sl_buf_adds(out, options->optional ? "::" : ":");
            zsh_text(out, options->name);
            sl_buf_addc(out, ':');
            if (options->values) {
                sl_buf_addc(out, '(');
                for (const char *c = options->values; *c; c++)
                    sl_buf_addc(out, *c == '|' ? ' ' : *c);
                sl_buf_addc(out, ')');
            } else {
                sl_buf_adds(out, "_files");
            }
        }
        sl_buf_addc(out, '\'');
    }
}

static void zsh_describe(struct sl_buf *out, const char *name, const char *summary)
{
    sl_buf_addf(out, " \\\n            '%s:", name);
    zsh_text(out, summary);
    sl_buf_addc(out, '\'');
}

void cli_completion_zsh(struct sl_buf *out)
{
    sl_buf_adds(out, "#compdef sluice\n"
                     "# zsh completion for sluice: sluice completion zsh > "
                     "\"${fpath[1]}/_sluice\"\n"
                     "_sluice() {\n"
                     "    local -a choices\n"
                     "    if (( CURRENT == 2 )); then\n        choices=(");
    for (const struct cli_command *c = NULL; (c = cli_next(c)) != NULL;)
        if (!strchr(c->name, ' ')) zsh_describe(out, c->name, c->summary);
    for (const struct cli_group *g = cli_groups; g->name; g++)
        zsh_describe(out, g->name, g->summary);
    sl_buf_adds(out, ")\n        _describe command choices; return\n    fi\n"
                     "    if (( CURRENT == 3 )); then\n        case $words[2] in\n");
    for (const struct cli_group *g = cli_groups; g->name; g++) {
        size_t len = strlen(g->name);
        sl_buf_addf(out, "        %s) choices=(", g->name);
        for (const struct cli_command *c = NULL; (c = cli_next(c)) != NULL;)
            if (strncmp(c->name, g->name, len) == 0 && c->name[len] == ' ')
                zsh_describe(out, c->name + len + 1, c->summary);
        sl_buf_adds(out, ")\n            _describe command choices; return ;;\n");
    }
    sl_buf_adds(out, "        esac\n    fi\n    case \"$words[2] $words[3]\" in\n");
    for (const struct cli_command *c = NULL; (c = cli_next(c)) != NULL;) {
        sl_buf_addf(out,
                    strchr(c->name, ' ') ? "    \"%s\") _arguments" : "    \"%s \"*) _arguments",
                    c->name);
        zsh_options(cli_global_options, out);
        zsh_options(c->options, out);
        sl_buf_adds(out, " \\\n        '*: :_files' ;;\n");
    }
    sl_buf_adds(out, "    esac\n}\n_sluice \"$@\"\n");
}
