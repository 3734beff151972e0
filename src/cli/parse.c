/*
 * parse.c: words become a command and its values.
 *
 *     sluice WORD [WORD] [ARG...] [--option VALUE | --option=VALUE | --flag | -o VALUE]...
 *
 * Options may stand anywhere; "--" ends them. A mistake offers the nearest word there is.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "options/options.h"

#define NEAR_MAX 256

const struct cli_command *cli_next(const struct cli_command *command)
{
    size_t table = 0;

    if (!command) return cli_tables[0];
    if (command[1].name) return command + 1;
    for (; cli_tables[table]; table++)
        for (const struct cli_command *c = cli_tables[table]; c->name; c++)
            if (c == command) return cli_tables[table + 1];
    return NULL;
}

static bool group_exists(const char *word)
{
    for (const struct cli_group *g = cli_groups; g->name; g++)
        if (strcmp(g->name, word) == 0) return true;
    return false;
}

/* Does name ("tables list") begin with these words, and how many of them does it take? */
static const struct cli_command *find(const char *first, const char *second, int *taken)
{
    size_t len = strlen(first);

    for (const struct cli_command *c = NULL; (c = cli_next(c)) != NULL;) {
        if (strcmp(c->name, first) == 0) {
            *taken = 1;
            return c;
        }
        if (second && strncmp(c->name, first, len) == 0 && c->name[len] == ' ' &&
            strcmp(c->name + len + 1, second) == 0) {
            *taken = 2;
            return c;
        }
    }
    return NULL;
}

static enum sl_code unknown_command(const char *first, const char *second, struct sl_error *error)
{
    const char *names[NEAR_MAX] = {0};
    size_t count = 0, len = strlen(first);
    bool group = group_exists(first);

    for (const struct cli_command *c = NULL; (c = cli_next(c)) != NULL && count < NEAR_MAX - 1;) {
        const char *blank = strchr(c->name, ' ');
        if (group && strncmp(c->name, first, len) == 0 && c->name[len] == ' ')
            names[count++] = c->name + len + 1;
        else if (!group && !blank)
            names[count++] = c->name;
    }
    for (const struct cli_group *g = cli_groups; !group && g->name && count < NEAR_MAX - 1; g++)
        names[count++] = g->name;
    sl_fail(error, SL_USAGE, "'%s%s%s' is not a command", first, group ? " " : "",
            group ? second : "");
    const char *nearest = sl_nearest(group ? second : first, names);
    if (nearest)
        sl_error_hint(error, "Did you mean 'sluice %s%s%s'?", group ? first : "", group ? " " : "",
                      nearest);
    else
        sl_error_hint(error, "See: sluice %s%s--help", group ? first : "", group ? " " : "");
    return error->code;
}

static const struct cli_option *option_in(const struct cli_option *options, const char *name,
                                          size_t len, char letter)
{
    for (; options && options->name; options++) {
        if (letter && options->letter == letter) return options;
        if (!letter && strlen(options->name) == len && strncmp(options->name, name, len) == 0)
            return options;
    }
    return NULL;
}

static const struct cli_option *option_find(const struct cli_command *command, const char *name,
                                            size_t len, char letter)
{
    const struct cli_option *found =
        option_in(command ? command->options : NULL, name, len, letter);

    return found ? found : option_in(cli_global_options, name, len, letter);
}

static enum sl_code unknown_option(const struct cli_command *command, const char *word, size_t len,
                                   struct sl_error *error)
{
    const char *names[NEAR_MAX] = {0};
    char name[64] = {0};
    size_t count = 0;

    for (const struct cli_option *o = command ? command->options : NULL; o && o->name; o++)
        names[count++] = o->name;
    for (const struct cli_option *o = cli_global_options; o->name; o++) names[count++] = o->name;
    sl_fail(error, SL_USAGE, "'%.*s' is not an option of 'sluice%s%s'", (int)len, word,
            command ? " " : "", command ? command->name : "");
    if (len > 2 && len - 2 < sizeof name) memcpy(name, word + 2, len - 2);
    const char *nearest = name[0] ? sl_nearest(name, names) : NULL;
    if (nearest)
        sl_error_hint(error, "Did you mean '--%s'?", nearest);
    else
        sl_error_hint(error, "See: sluice %s%s--help", command ? command->name : "",
                      command ? " " : "");
    return error->code;
}

static enum sl_code add_value(struct cli_call *call, const struct cli_option *option, char *text,
                              struct sl_error *error)
{
    for (size_t i = 0; i < call->value_count; i++)
        if (call->values[i].option == option)
            return sl_fail(error, SL_USAGE, "--%s is given twice", option->name);
    if (call->value_count == sizeof call->values / sizeof *call->values)
        return sl_fail(error, SL_USAGE, "too many options");
    call->values[call->value_count++] = (struct cli_value){.option = option, .text = text};
    return SL_OK;
}

/* One word that begins with '-'. *next is advanced when the value is the following word. */
static enum sl_code read_option(struct cli_call *call, int argc, char **argv, int *next,
                                struct sl_error *error)
{
    char *word = argv[*next];
    bool is_long = word[1] == '-';
    char *equals = is_long ? strchr(word, '=') : NULL;
    size_t len = equals ? (size_t)(equals - word) : strlen(word);
    const struct cli_option *option = is_long ? option_find(call->command, word + 2, len - 2, 0)
                                              : option_find(call->command, NULL, 0, word[1]);
    char *text = equals ? equals + 1 : !is_long && word[2] ? word + 2 : NULL;

    if (!option) return unknown_option(call->command, word, len, error);
    if (!option->value && text)
        return sl_fail(error, SL_USAGE, "--%s takes no value", option->name);
    if (option->value && !text && !option->optional) {
        if (*next + 1 >= argc) {
            sl_fail(error, SL_USAGE, "--%s needs a value: %s", option->name, option->value);
            return error->code;
        }
        text = argv[++*next];
    }
    if (strcmp(option->name, "help") == 0) call->help = true;
    if (strcmp(option->name, "version") == 0) call->version = true;
    return add_value(call, option, text, error);
}

static enum sl_code too_few(const struct cli_call *call, struct sl_error *error)
{
    sl_fail(error, SL_USAGE, "'sluice %s' needs %s", call->command->name, call->command->args);
    sl_error_hint(error, "See: sluice %s --help", call->command->name);
    return error->code;
}

/* The one or two words of the command, which come before everything but global options. */
static enum sl_code read_command(int argc, char **argv, struct cli_call *out, int *at,
                                 struct sl_error *error)
{
    int taken = 0;

    for (; *at < argc && argv[*at][0] == '-' && argv[*at][1]; ++*at) {
        enum sl_code rc = read_option(out, argc, argv, at, error);
        if (rc) return rc;
    }
    if (*at >= argc) return SL_OK;
    char *first = argv[*at], *second = *at + 1 < argc ? argv[*at + 1] : NULL;
    if (strcmp(first, "help") == 0) {
        out->help = true;
        ++*at;
        return *at < argc ? read_command(argc, argv, out, at, error) : SL_OK;
    }
    out->command = find(first, second, &taken);
    *at += taken;
    if (out->command) return SL_OK;
    if (!group_exists(first)) return unknown_command(first, NULL, error);
    out->group = first;
    ++*at;
    if (second && second[0] != '-') return unknown_command(first, second, error);
    return SL_OK;
}

enum sl_code cli_parse(int argc, char **argv, struct cli_call *out, struct sl_error *error)
{
    int at = 0;
    bool only_args = false;

    *out = (struct cli_call){0};
    enum sl_code rc = read_command(argc, argv, out, &at, error);
    if (rc) return rc;
    for (; at < argc; at++) {
        char *word = argv[at];
        if (!only_args && strcmp(word, "--") == 0) {
            only_args = true;
        } else if (!only_args && word[0] == '-' && word[1]) {
            rc = read_option(out, argc, argv, &at, error);
            if (rc) return rc;
        } else if (!out->command || out->arg_count >= out->command->args_max) {
            sl_fail(error, SL_USAGE, "'%s' is one argument too many for 'sluice %s'", word,
                    out->command ? out->command->name : "help");
            if (out->command) sl_error_hint(error, "See: sluice %s --help", out->command->name);
            return error->code;
        } else {
            out->args[out->arg_count++] = word;
        }
    }
    if (out->command && !out->help && out->arg_count < out->command->args_min)
        return too_few(out, error);
    return SL_OK;
}

static const struct cli_value *value_of(const struct cli_call *call, const char *option)
{
    for (size_t i = 0; i < call->value_count; i++)
        if (strcmp(call->values[i].option->name, option) == 0) return &call->values[i];
    return NULL;
}

bool cli_given(const struct cli_call *call, const char *option)
{
    return value_of(call, option) != NULL;
}

char *cli_value(const struct cli_call *call, const char *option)
{
    const struct cli_value *value = value_of(call, option);

    return value ? value->text : NULL;
}

enum sl_code cli_number(const struct cli_call *call, const char *option, int64_t min, int64_t max,
                        int64_t preset, int64_t *out, struct sl_error *error)
{
    const char *text = cli_value(call, option);
    char *end = NULL;

    *out = preset;
    if (!text) return SL_OK;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (errno || end == text || *end || number < min || number > max)
        return sl_fail(error, SL_USAGE, "--%s: '%s' is not a number from %lld to %lld", option,
                       text, (long long)min, (long long)max);
    *out = number;
    return SL_OK;
}

const char *cli_arg(const struct cli_call *call, int index)
{
    return index < call->arg_count ? call->args[index] : NULL;
}
