/*
 * print.c: one option table as --help, as a table of the documentation, and as the JSON schema of a
 * form.
 */
#include "options/options.h"

#include "base/buf.h"

#include <string.h>

const char *sl_option_kind_name(enum sl_option_kind kind)
{
    switch (kind) {
    case SL_OPTION_STRING: return "text";
    case SL_OPTION_SECRET: return "secret";
    case SL_OPTION_BOOL: return "boolean";
    case SL_OPTION_INT: return "integer";
    case SL_OPTION_DOUBLE: return "number";
    case SL_OPTION_URL: return "URL";
    case SL_OPTION_LIST: return "list";
    case SL_OPTION_ENUM: return "one of";
    }
    return "unknown";
}

static bool has_range(const struct sl_option *option)
{
    return (option->kind == SL_OPTION_INT || option->kind == SL_OPTION_DOUBLE) &&
           option->min < option->max;
}

/* "integer, 1 to 100", "one of api, csv" */
static void add_kind(const struct sl_option *option, struct sl_buf *out)
{
    sl_buf_adds(out, sl_option_kind_name(option->kind));
    if (has_range(option)) sl_buf_addf(out, ", %.15g to %.15g", option->min, option->max);
    if (option->kind == SL_OPTION_ENUM)
        for (const char *const *value = option->values; *value; value++)
            sl_buf_addf(out, "%s%s", value == option->values ? " " : ", ", *value);
}

/* ------------------------------------------------------------------ help */

#define HELP_NAME_MAX 28 /* longer names push their text to the right */

static void add_help(const struct sl_option *options, struct sl_buf *out)
{
    size_t width = 0;

    for (const struct sl_option *option = options; option->name; option++) {
        size_t len = strlen(option->name);
        if (len > width && len <= HELP_NAME_MAX) width = len;
    }
    for (const struct sl_option *option = options; option->name; option++) {
        sl_buf_addf(out, "  %-*s  %s (", (int)width, option->name, option->help);
        add_kind(option, out);
        if (option->required)
            sl_buf_adds(out, "; required");
        else if (option->preset)
            sl_buf_addf(out, "; default %s", *option->preset ? option->preset : "empty");
        if (option->alias) sl_buf_addf(out, "; also %s", option->alias);
        sl_buf_adds(out, ")\n");
    }
}

/* ------------------------------------------------------------------ markdown */

static void add_cell(struct sl_buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '|') sl_buf_addc(out, '\\');
        sl_buf_addc(out, *text);
    }
}

static void add_markdown(const struct sl_option *options, struct sl_buf *out)
{
    if (!options->name) return;
    sl_buf_adds(out, "| Option | Type | Default | Meaning |\n|---|---|---|---|\n");
    for (const struct sl_option *option = options; option->name; option++) {
        sl_buf_addf(out, "| `%s` | ", option->name);
        add_kind(option, out);
        if (option->required)
            sl_buf_adds(out, " | required | ");
        else if (option->preset && *option->preset)
            sl_buf_addf(out, " | `%s` | ", option->preset);
        else
            sl_buf_adds(out, " | | ");
        add_cell(out, option->help);
        if (option->alias) sl_buf_addf(out, " Also accepted as `%s`.", option->alias);
        sl_buf_adds(out, " |\n");
    }
}

/* ------------------------------------------------------------------ JSON schema */

static const char *schema_type(enum sl_option_kind kind)
{
    switch (kind) {
    case SL_OPTION_BOOL: return "boolean";
    case SL_OPTION_INT: return "integer";
    case SL_OPTION_DOUBLE: return "number";
    case SL_OPTION_LIST: return "array";
    case SL_OPTION_STRING:
    case SL_OPTION_SECRET:
    case SL_OPTION_URL:
    case SL_OPTION_ENUM: break;
    }
    return "string";
}

/* A preset has the type of its option here: presets of numbers and booleans are valid JSON. */
static void put_preset(const struct sl_option *option, struct sl_json_writer *json)
{
    switch (option->kind) {
    case SL_OPTION_BOOL:
    case SL_OPTION_INT:
    case SL_OPTION_DOUBLE:
        sl_json_key(json, "default");
        sl_json_put_raw(json, option->preset, strlen(option->preset));
        break;
    case SL_OPTION_STRING:
    case SL_OPTION_URL:
    case SL_OPTION_ENUM:
    case SL_OPTION_LIST: /* a comma list, as it may be typed */
        sl_json_kv_str(json, "default", option->preset);
        break;
    case SL_OPTION_SECRET: break;
    }
}

static void put_property(const struct sl_option *option, struct sl_json_writer *json)
{
    sl_json_key(json, option->name);
    sl_json_begin_object(json);
    sl_json_kv_str(json, "type", schema_type(option->kind));
    sl_json_kv_str(json, "description", option->help);
    if (option->kind == SL_OPTION_SECRET) {
        sl_json_kv_str(json, "format", "password");
        sl_json_kv_bool(json, "writeOnly", true);
    }
    if (option->kind == SL_OPTION_URL) sl_json_kv_str(json, "format", "uri");
    if (option->kind == SL_OPTION_LIST) {
        sl_json_key(json, "items");
        sl_json_begin_object(json);
        sl_json_kv_str(json, "type", "string");
        sl_json_end_object(json);
    }
    if (option->kind == SL_OPTION_ENUM) {
        sl_json_key(json, "enum");
        sl_json_begin_array(json);
        for (const char *const *value = option->values; *value; value++)
            sl_json_put_str(json, *value);
        sl_json_end_array(json);
    }
    if (has_range(option)) {
        sl_json_key(json, "minimum");
        sl_json_put_double(json, option->min);
        sl_json_key(json, "maximum");
        sl_json_put_double(json, option->max);
    }
    if (option->preset) put_preset(option, json);
    sl_json_end_object(json);
}

static void add_schema(const struct sl_option *options, struct sl_buf *out)
{
    struct sl_json_writer *json = sl_json_writer_new();
    const char *text = NULL;
    size_t len = 0;

    if (json) {
        sl_json_begin_object(json);
        sl_json_kv_str(json, "type", "object");
        sl_json_key(json, "properties");
        sl_json_begin_object(json);
        for (const struct sl_option *option = options; option->name; option++)
            put_property(option, json);
        sl_json_end_object(json);
        sl_json_key(json, "required");
        sl_json_begin_array(json);
        for (const struct sl_option *option = options; option->name; option++)
            if (option->required) sl_json_put_str(json, option->name);
        sl_json_end_array(json);
        sl_json_kv_bool(json, "additionalProperties", false);
        sl_json_end_object(json);
        text = sl_json_writer_text(json, &len);
    }
    if (text)
        sl_buf_add(out, text, len);
    else
        sl_buf_fail(out);
    sl_json_writer_free(json);
}

void sl_options_print(const struct sl_option *options, enum sl_options_format format,
                      struct sl_buf *out)
{
    switch (format) {
    case SL_OPTIONS_HELP: add_help(options, out); break;
    case SL_OPTIONS_MARKDOWN: add_markdown(options, out); break;
    case SL_OPTIONS_JSON_SCHEMA: add_schema(options, out); break;
    }
}
