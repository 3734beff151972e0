/* spec_config.c: table_configuration: table over schema over definition. */
#include "pipeline/spec_parse.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "json/doc.h"
#include "options/options.h"
#include "pipeline/spec_values.h"

/* ---- table_configuration: table over schema over definition ---- */

static const struct sl_json *strongest(const struct sl_spec_layers *layers, const char *key)
{
    for (size_t i = 3; i-- > 0;) {
        const struct sl_json *value = sl_json_get(layers->items[i], key);
        if (value && !sl_spec_is_absent(value)) return value;
    }
    return NULL;
}

static const struct sl_option *table_options(const struct sl_spec_parse *p)
{
    return p->connector ? p->connector->table_options : NULL;
}

/* ---- what is allowed ---- */

/* A key whose value can be wrong: named directly, or as table_properties["sluice.<name>"]. */
static void check_value(struct sl_spec_parse *p, const char *name, const struct sl_json *value,
                        const char *pointer)
{
    const char *text = sl_json_str(value), *allowed = NULL;
    int64_t us;
    bool truth;

    if (!value || sl_spec_is_absent(value)) return;
    if (strcmp(name, "scd_type") == 0) {
        if (!text || (strcasecmp(text, "APPEND_ONLY") && strcasecmp(text, "SCD_TYPE_1") &&
                      strcasecmp(text, "SCD_TYPE_2")))
            allowed = "SCD_TYPE_1, SCD_TYPE_2, APPEND_ONLY";
    } else if (strcmp(name, "column_names") == 0) {
        if (!sl_json_eq(value, "snake_case") && !sl_json_eq(value, "original"))
            allowed = "snake_case, original";
    } else if (strcmp(name, "on_rename") == 0) {
        if (!sl_json_eq(value, "follow") && !sl_json_eq(value, "keep")) allowed = "follow, keep";
    } else if (strcmp(name, "reconcile_every") == 0) {
        if (!sl_json_eq(value, "never") && !sl_spec_duration(value, &us))
            allowed = "\"never\"; " SL_SPEC_DURATION;
    } else if (strcmp(name, "tombstone_retention") == 0) {
        if (!sl_spec_duration(value, &us)) allowed = SL_SPEC_DURATION;
    } else if (strcmp(name, "ignore_null_updates") == 0) {
        if (!sl_spec_truth(value, &truth)) allowed = "true, false";
    }
    if (allowed)
        sl_spec_mistake(p, pointer, "'%s' is none of: %s",
                        text ? text : sl_json_kind_name(sl_json_kind(value)), allowed);
}

static void check_property(struct sl_spec_parse *p, const char *name, const struct sl_json *value,
                           const char *pointer)
{
    const struct sl_spec_key *key;

    if (sl_json_kind(value) != SL_JSON_STRING && sl_json_kind(value) != SL_JSON_BOOL) {
        sl_spec_mistake(p, sl_spec_at(p, pointer, name), "expected a string");
        return;
    }
    if (strncmp(name, "sluice.", 7) != 0) return;
    key = sl_spec_find_key(sl_spec_config_keys, name + 7);
    if (key && key->own)
        check_value(p, name + 7, value, sl_spec_at(p, pointer, name));
    else if (p->connector && !sl_options_find(table_options(p), name + 7))
        sl_spec_unknown_key(p, sl_spec_config_keys, true, table_options(p), pointer, name + 7);
}

void sl_spec_check_config(struct sl_spec_parse *p, const struct sl_json *config,
                          const char *pointer)
{
    const struct sl_json *properties = sl_json_get(config, "table_properties");

    if (!config || !sl_spec_check_object(p, config, sl_spec_config_keys, table_options(p),
                                         !p->connector, pointer))
        return;
    for (const struct sl_spec_key *key = sl_spec_config_keys; key->name; key++)
        if (key->kind == SL_SPEC_STRING && !key->refused)
            check_value(p, key->name, sl_json_get(config, key->name),
                        sl_spec_at(p, pointer, key->name));
    if (sl_json_get(config, "include_columns") && sl_json_get(config, "exclude_columns"))
        sl_spec_mistake(p, pointer, "include_columns and exclude_columns exclude each other");
    if (sl_json_kind(properties) != SL_JSON_OBJECT) return;
    for (struct sl_json_each e = sl_json_each(properties); sl_json_next(&e);)
        check_property(p, sl_json_str(e.key), e.value, sl_spec_at(p, pointer, "table_properties"));
}

/* ---- options of the connector ---- */

static void put_option(struct sl_json_writer *writer, const char *name, const struct sl_json *value)
{
    sl_json_key(writer, name);
    sl_json_put_value(writer, value);
}

/* The value of a connector's option: named directly, or as table_properties["sluice.<name>"]. */
static const struct sl_json *option_value(const struct sl_spec_layers *layers, const char *name)
{
    const struct sl_json *value = strongest(layers, name);
    char key[128];

    snprintf(key, sizeof key, "sluice.%s", name);
    for (size_t i = 3; i-- > 0 && !value;)
        value = sl_json_path(layers->items[i], "table_properties", key, NULL);
    return value;
}

/* Are the values of a table's options what the connector wants? */
static void check_options(struct sl_spec_parse *p, const char *text, size_t len,
                          const char *pointer)
{
    struct sl_doc *doc = sl_doc_new(0);
    void *state = sl_calloc(1, p->connector->task_size);
    const struct sl_json *json;
    struct sl_error error = {0};
    enum sl_code rc =
        doc && state ? sl_doc_parse_copy(doc, text, len, &json, &error) : SL_NO_MEMORY;

    if (!rc)
        rc = sl_options_parse(table_options(p), json, NULL, false, "table_configuration", state,
                              p->spec->arena, &error);
    if (rc == SL_NO_MEMORY)
        p->no_memory = true;
    else if (rc)
        sl_spec_mistake(p, pointer, "%s", error.message);
    sl_doc_free(doc);
    sl_free(state);
}

/* The connector's options of one table, as one JSON object. `extra` are connector_options. */
static const char *merge_options(struct sl_spec_parse *p, const struct sl_spec_layers *layers,
                                 const struct sl_json *extra, const char *pointer, bool shapes_only)
{
    struct sl_json_writer *writer = sl_json_writer_new();
    const char *text, *copy = NULL;
    size_t len;

    if (!writer) {
        p->no_memory = true;
        return "{}";
    }
    sl_json_begin_object(writer);
    for (const struct sl_option *o = table_options(p); o && o->name; o++) {
        const struct sl_json *value = sl_json_get(extra, o->name);
        if (!value) value = option_value(layers, o->name);
        if (!value && o->alias) value = option_value(layers, o->alias);
        if (value && (o->shapes || !shapes_only)) put_option(writer, o->name, value);
    }
    sl_json_end_object(writer);
    text = sl_json_writer_text(writer, &len);
    if (text) copy = sl_arena_strndup(p->spec->arena, text, len);
    if (!copy) p->no_memory = true;
    sl_json_writer_free(writer);
    if (copy && p->connector && !shapes_only) check_options(p, copy, len, pointer);
    return copy ? copy : "{}";
}

/* ---- what it comes to ---- */

/* A list, which a table property can only hold as text: JSON, or one name. */
static const struct sl_json *list_value(struct sl_spec_parse *p, const struct sl_json *value,
                                        const char *name, const char *pointer)
{
    const char *text = sl_json_str(value);
    struct sl_spec_doc *more;
    const struct sl_json *list;
    struct sl_error error;

    if (!text || text[0] != '[') return value;
    more = SL_ARENA_NEW(p->spec->arena, struct sl_spec_doc);
    if (more) more->doc = sl_doc_new(0);
    if (!more || !more->doc) {
        p->no_memory = true;
        return NULL;
    }
    more->next = p->spec->docs;
    p->spec->docs = more;
    if (sl_doc_parse(more->doc, text, strlen(text), &list, &error)) {
        if (error.code == SL_NO_MEMORY)
            p->no_memory = true;
        else
            sl_spec_mistake(p, pointer, "%s: %s", name, error.message);
        return NULL;
    }
    return list;
}

static void check_together(struct sl_spec_parse *p, const struct sl_table_config *config,
                           const char *pointer)
{
    if (config->track_history_columns && config->scd != SL_SCD_TYPE_2)
        sl_spec_note(p, "'track_history_columns' has no effect without SCD_TYPE_2");
    if (config->sequence_by && config->scd == SL_SCD_APPEND_ONLY)
        sl_spec_note(p, "'sequence_by' has no effect on APPEND_ONLY: every row is kept");
    if (!config->ignore_null_updates) return;
    if (config->scd == SL_SCD_TYPE_2 || config->scd == SL_SCD_APPEND_ONLY)
        sl_spec_mistake(p, pointer,
                        "ignore_null_updates goes with SCD_TYPE_1 alone: history has "
                        "every row as it came");
    else if (config->sequence_by)
        sl_spec_mistake(p, pointer,
                        "ignore_null_updates and sequence_by exclude each other: which of two "
                        "changes that come late had set a value would have to be known of each "
                        "cell");
}

void sl_spec_resolve_config(struct sl_spec_parse *p, const struct sl_spec_layers *layers,
                            const struct sl_json *extra, const char *pointer,
                            struct sl_table_config *out)
{
    const char *scd = sl_json_str(strongest(layers, "scd_type"));
    const struct sl_json *reconcile = option_value(layers, "reconcile_every");

    out->scd = !scd                                  ? SL_SCD_DEFAULT
               : strcasecmp(scd, "APPEND_ONLY") == 0 ? SL_SCD_APPEND_ONLY
               : strcasecmp(scd, "SCD_TYPE_2") == 0  ? SL_SCD_TYPE_2
                                                     : SL_SCD_TYPE_1;
    out->names = sl_json_eq(option_value(layers, "column_names"), "original") ? SL_NAMES_ORIGINAL
                                                                              : SL_NAMES_SNAKE_CASE;
    out->keep_names = sl_json_eq(option_value(layers, "on_rename"), "keep");
    sl_spec_truth(option_value(layers, "ignore_null_updates"), &out->ignore_null_updates);
    if (sl_json_eq(reconcile, "never"))
        out->reconcile_us = SL_RECONCILE_NEVER;
    else
        sl_spec_duration(reconcile, &out->reconcile_us);
    sl_spec_duration(option_value(layers, "tombstone_retention"), &out->tombstones_us);
    out->primary_keys = strongest(layers, "primary_keys");
    out->sequence_by = strongest(layers, "sequence_by");
    out->track_history_columns = list_value(p, option_value(layers, "track_history_columns"),
                                            "track_history_columns", pointer);
    out->include_columns = strongest(layers, "include_columns");
    out->exclude_columns = strongest(layers, "exclude_columns");
    out->table_properties = strongest(layers, "table_properties");
    out->options_json = merge_options(p, layers, extra, pointer, false);
    out->shape_json = merge_options(p, layers, extra, pointer, true);
    check_together(p, out, pointer);
}
