#include "pipeline/spec.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "json/doc.h"
#include "options/options.h"
#include "pipeline/spec_keys.h"

#define SPEC_BYTES_MAX ((size_t)16 << 20)
#define SPEC_MEMORY_MAX ((size_t)256 << 20)

struct parse {
    struct sl_spec *spec;
    struct sl_doc *doc;
    const struct sl_connector *connector;
    struct sl_buf *mistakes;
    size_t count; /* of mistakes */
    char first[1024];
    const char *notes[SL_SPEC_NOTES_MAX + 1];
    size_t note_count;
    struct sl_buf ignored; /* names of keys that mean nothing here */
    bool no_memory;
};

/* ---- mistakes and notes ---- */

static void mistake(struct parse *p, const char *pointer, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void mistake(struct parse *p, const char *pointer, const char *format, ...)
{
    struct sl_buf line = {0};
    va_list args;

    sl_buf_addf(&line, "%s: ", pointer[0] ? pointer : "/");
    va_start(args, format);
    sl_buf_vaddf(&line, format, args);
    va_end(args);
    if (p->count++ == 0) {
        strncpy(p->first, sl_buf_str(&line), sizeof p->first - 1);
        p->first[sizeof p->first - 1] = '\0';
    }
    sl_buf_addc(&line, '\n');
    sl_buf_adds(p->mistakes, sl_buf_str(&line));
    sl_buf_release(&line);
}

static void note(struct parse *p, const char *text)
{
    for (size_t i = 0; i < p->note_count; i++)
        if (strcmp(p->notes[i], text) == 0) return;
    if (p->note_count == SL_SPEC_NOTES_MAX) return;
    const char *copy = sl_arena_strdup(p->spec->arena, text);
    if (copy)
        p->notes[p->note_count++] = copy;
    else
        p->no_memory = true;
}

static void note_ignored(struct parse *p, const char *name)
{
    const char *at = strstr(sl_buf_str(&p->ignored), name);
    size_t len = strlen(name);

    if (at && (at[len] == '\0' || at[len] == ',')) return; /* said already */
    sl_buf_addf(&p->ignored, "%s%s", p->ignored.len ? ", " : "", name);
}

/* pointer + "/" + key, with JSON pointer escapes. */
static const char *at(struct parse *p, const char *pointer, const char *key)
{
    struct sl_buf text = {0};

    sl_buf_addf(&text, "%s/", pointer);
    for (const char *c = key; *c; c++) {
        if (*c == '~')
            sl_buf_adds(&text, "~0");
        else if (*c == '/')
            sl_buf_adds(&text, "~1");
        else
            sl_buf_addc(&text, *c);
    }
    const char *copy = sl_arena_strdup(p->spec->arena, sl_buf_str(&text));
    sl_buf_release(&text);
    if (!copy) p->no_memory = true;
    return copy ? copy : pointer;
}

static const char *at_index(struct parse *p, const char *pointer, size_t index)
{
    char key[24];

    snprintf(key, sizeof key, "%zu", index);
    return at(p, pointer, key);
}

/* ---- one object against its table of keys ---- */

static const struct sl_spec_key *find_key(const struct sl_spec_key *keys, const char *name)
{
    for (; keys->name; keys++)
        if (strcmp(keys->name, name) == 0) return keys;
    return NULL;
}

static void unknown_key(struct parse *p, const struct sl_spec_key *keys,
                        const struct sl_option *options, const char *pointer, const char *name)
{
    const char *names[160];
    size_t n = 0;

    for (; keys->name && n < 100; keys++) names[n++] = keys->name;
    for (; options && options->name && n < 158; options++) names[n++] = options->name;
    names[n] = NULL;
    const char *near = sl_nearest(name, names);
    if (near)
        mistake(p, at(p, pointer, name), "unknown key; did you mean '%s'?", near);
    else
        mistake(p, at(p, pointer, name), "unknown key");
}

static bool kind_fits(enum sl_spec_kind kind, enum sl_json_kind json)
{
    switch (kind) {
    case SL_SPEC_STRING: return json == SL_JSON_STRING;
    case SL_SPEC_BOOL: return json == SL_JSON_BOOL;
    case SL_SPEC_NUMBER: return json == SL_JSON_NUMBER;
    case SL_SPEC_OBJECT: return json == SL_JSON_OBJECT;
    case SL_SPEC_ARRAY: return json == SL_JSON_ARRAY;
    case SL_SPEC_STRINGS: return json == SL_JSON_ARRAY || json == SL_JSON_STRING;
    case SL_SPEC_ANY: return true;
    }
    return false;
}

static const char *kind_text(enum sl_spec_kind kind)
{
    static const char *const texts[] = {"a string", "true or false",       "a number", "an object",
                                        "an array", "an array of strings", "anything"};

    return texts[kind];
}

static bool strings_only(const struct sl_json *value)
{
    for (struct sl_json_each e = sl_json_each(value); sl_json_next(&e);)
        if (sl_json_kind(e.value) != SL_JSON_STRING) return false;
    return true;
}

/* Does a value mean nothing? null, and "" as the vendor's tools send for absent fields. */
static bool is_absent(const struct sl_json *value)
{
    return sl_json_kind(value) == SL_JSON_NULL ||
           (sl_json_kind(value) == SL_JSON_STRING && sl_json_str_len(value) == 0);
}

/*
 * Checks every member of an object: known, once, of the right kind. options: more names that are
 * allowed (checked elsewhere). open: any other name is allowed too.
 */
static bool check_object(struct parse *p, const struct sl_json *object,
                         const struct sl_spec_key *keys, const struct sl_option *options, bool open,
                         const char *pointer)
{
    if (sl_json_kind(object) != SL_JSON_OBJECT) {
        mistake(p, pointer, "expected an object, found %s",
                sl_json_kind_name(sl_json_kind(object)));
        return false;
    }
    for (struct sl_json_each e = sl_json_each(object); sl_json_next(&e);) {
        const char *name = sl_json_str(e.key);
        const struct sl_spec_key *key = find_key(keys, name);
        if (sl_json_get(object, name) != e.value) {
            mistake(p, at(p, pointer, name), "this key stands twice in the object; remove one");
        } else if (!key) {
            if (!(options && sl_options_find(options, name)) && !open)
                unknown_key(p, keys, options, pointer, name);
        } else if (is_absent(e.value)) {
            continue;
        } else if (key->refused) {
            mistake(p, at(p, pointer, name), "%s", key->refused);
        } else if (!kind_fits(key->kind, sl_json_kind(e.value))) {
            mistake(p, at(p, pointer, name), "expected %s, found %s", kind_text(key->kind),
                    sl_json_kind_name(sl_json_kind(e.value)));
        } else if (key->kind == SL_SPEC_STRINGS && !strings_only(e.value)) {
            mistake(p, at(p, pointer, name), "expected only strings in the array");
        } else if (key->ignored) {
            note_ignored(p, name);
        } else if (key->note && !(key->note_if_true && !sl_json_true(e.value))) {
            note(p, key->note);
        }
    }
    return true;
}

/* A string member, or NULL when it is missing, empty or no string. */
static const char *text_of(const struct sl_json *object, const char *key)
{
    const struct sl_json *value = sl_json_get(object, key);

    return is_absent(value) ? NULL : sl_json_str(value);
}

/* ---- table_configuration: table over schema over definition ---- */

struct layers {
    const struct sl_json *items[3]; /* weakest first; NULLs are passed over */
};

static const struct sl_json *strongest(const struct layers *layers, const char *key)
{
    for (size_t i = 3; i-- > 0;) {
        const struct sl_json *value = sl_json_get(layers->items[i], key);
        if (value && !is_absent(value)) return value;
    }
    return NULL;
}

static const struct sl_option *table_options(const struct parse *p)
{
    return p->connector ? p->connector->table_options : NULL;
}

static const struct sl_spec_key no_keys[] = {{0}};

static void check_config(struct parse *p, const struct sl_json *config, const char *pointer)
{
    const char *scd = text_of(config, "scd_type"), *names = text_of(config, "column_names");
    const struct sl_json *properties = sl_json_get(config, "table_properties");

    if (!config ||
        !check_object(p, config, sl_spec_config_keys, table_options(p), !p->connector, pointer))
        return;
    if (scd && strcasecmp(scd, "APPEND_ONLY") && strcasecmp(scd, "SCD_TYPE_1") &&
        strcasecmp(scd, "SCD_TYPE_2"))
        mistake(p, at(p, pointer, "scd_type"),
                "'%s' is none of SCD_TYPE_1, SCD_TYPE_2, APPEND_ONLY", scd);
    if (names && strcmp(names, "snake_case") && strcmp(names, "original"))
        mistake(p, at(p, pointer, "column_names"), "'%s' is neither snake_case nor original",
                names);
    if (sl_json_get(config, "include_columns") && sl_json_get(config, "exclude_columns"))
        mistake(p, pointer, "include_columns and exclude_columns exclude each other");
    if (sl_json_kind(properties) != SL_JSON_OBJECT) return;
    for (struct sl_json_each e = sl_json_each(properties); sl_json_next(&e);) {
        const char *name = sl_json_str(e.key);
        if (sl_json_kind(e.value) != SL_JSON_STRING && sl_json_kind(e.value) != SL_JSON_BOOL)
            mistake(p, at(p, at(p, pointer, "table_properties"), name), "expected a string");
        else if (strncmp(name, "sluice.", 7) == 0 && p->connector &&
                 !sl_options_find(table_options(p), name + 7))
            unknown_key(p, no_keys, table_options(p), at(p, pointer, "table_properties"), name + 7);
    }
}

static void put_option(struct sl_json_writer *writer, const char *name, const struct sl_json *value)
{
    sl_json_key(writer, name);
    sl_json_put_value(writer, value);
}

/* The value of a connector's option: named directly, or as table_properties["sluice.<name>"]. */
static const struct sl_json *option_value(const struct layers *layers, const char *name)
{
    const struct sl_json *value = strongest(layers, name);
    char key[128];

    snprintf(key, sizeof key, "sluice.%s", name);
    for (size_t i = 3; i-- > 0 && !value;)
        value = sl_json_path(layers->items[i], "table_properties", key, NULL);
    return value;
}

/* Are the values of a table's options what the connector wants? */
static void check_options(struct parse *p, const char *text, size_t len, const char *pointer)
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
        mistake(p, pointer, "%s", error.message);
    sl_doc_free(doc);
    sl_free(state);
}

/* The connector's options of one table, as one JSON object. `extra` are connector_options. */
static const char *merge_options(struct parse *p, const struct layers *layers,
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

static void resolve_config(struct parse *p, const struct layers *layers,
                           const struct sl_json *extra, const char *pointer,
                           struct sl_table_config *out)
{
    const char *scd = sl_json_str(strongest(layers, "scd_type"));
    const char *names = sl_json_str(strongest(layers, "column_names"));

    out->scd = !scd                                  ? SL_SCD_DEFAULT
               : strcasecmp(scd, "APPEND_ONLY") == 0 ? SL_SCD_APPEND_ONLY
               : strcasecmp(scd, "SCD_TYPE_2") == 0  ? SL_SCD_TYPE_2
                                                     : SL_SCD_TYPE_1;
    out->names = names && strcmp(names, "original") == 0 ? SL_NAMES_ORIGINAL : SL_NAMES_SNAKE_CASE;
    out->primary_keys = strongest(layers, "primary_keys");
    out->include_columns = strongest(layers, "include_columns");
    out->exclude_columns = strongest(layers, "exclude_columns");
    out->table_properties = strongest(layers, "table_properties");
    out->options_json = merge_options(p, layers, extra, pointer, false);
    out->shape_json = merge_options(p, layers, extra, pointer, true);
}

/* ---- objects ---- */

static void parse_object(struct parse *p, const struct sl_json *json, const char *pointer,
                         const struct sl_json *definition_config)
{
    struct sl_spec *spec = p->spec;
    struct sl_object *object = &spec->objects[spec->object_count];
    const struct sl_json *table = sl_json_get(json, "table"), *schema = sl_json_get(json, "schema");
    const struct sl_json *body = table ? table : schema;

    if (!check_object(p, json, sl_spec_object_keys, NULL, false, pointer)) return;
    if (!table == !schema) {
        mistake(p, pointer, "expected exactly one of 'table' and 'schema'");
        return;
    }
    pointer = at(p, pointer, table ? "table" : "schema");
    if (!check_object(p, body, table ? sl_spec_table_keys : sl_spec_schema_keys, NULL, false,
                      pointer))
        return;
    object->whole_schema = !table;
    object->pointer = pointer;
    object->source_schema = text_of(body, "source_schema");
    object->source_table = text_of(body, "source_table");
    object->catalog = text_of(body, "destination_catalog");
    object->schema = text_of(body, "destination_schema");
    object->table = text_of(body, "destination_table");
    if (!object->catalog) object->catalog = spec->catalog;
    if (!object->schema) object->schema = spec->schema;
    if (table && !object->source_table)
        mistake(p, at(p, pointer, "source_table"), "missing: which table of the source?");
    if (!object->catalog)
        mistake(p, at(p, pointer, "destination_catalog"),
                "missing, and the pipeline has no 'catalog' to fall back on");
    if (!object->schema)
        mistake(p, at(p, pointer, "destination_schema"),
                "missing, and the pipeline has no 'schema' to fall back on");

    struct layers layers = {{NULL, definition_config, sl_json_get(body, "table_configuration")}};
    check_config(p, layers.items[2], at(p, pointer, "table_configuration"));
    resolve_config(p, &layers,
                   sl_json_path(body, "connector_options", "community_connector_options", "options",
                                NULL),
                   at(p, pointer, "table_configuration"), &object->config);
    spec->object_count++;
}

static bool same_text(const char *a, const char *b)
{
    return a && b && strcasecmp(a, b) == 0;
}

static void check_destinations(struct parse *p)
{
    const struct sl_spec *spec = p->spec;

    for (size_t i = 0; i < spec->object_count; i++) {
        const struct sl_object *a = &spec->objects[i];
        for (size_t k = 0; k < i && a->table; k++) {
            const struct sl_object *b = &spec->objects[k];
            if (!same_text(a->table, b->table) || !same_text(a->schema, b->schema) ||
                !same_text(a->catalog, b->catalog))
                continue;
            mistake(
                p, a->pointer,
                "the destination %s.%s.%s is also that of %s (names are compared without case); "
                "give one of them another destination_table",
                a->catalog, a->schema, a->table, b->pointer);
            break;
        }
    }
}

static void parse_definition(struct parse *p, const struct sl_json *json, const char *pointer)
{
    struct sl_spec *spec = p->spec;
    const struct sl_json *objects = sl_json_get(json, "objects");
    const struct sl_json *config = sl_json_get(json, "table_configuration");
    size_t count = sl_json_len(objects), i = 0;

    spec->connection_name = text_of(json, "connection_name");
    if (!spec->connection_name)
        mistake(p, at(p, pointer, "connection_name"), "missing: which connection is to be read?");
    check_config(p, config, at(p, pointer, "table_configuration"));
    if (sl_json_kind(objects) != SL_JSON_ARRAY || count == 0) {
        mistake(p, at(p, pointer, "objects"),
                "expected an array with at least one {\"table\": ...} or {\"schema\": ...}");
        return;
    }
    if (count > SL_SPEC_OBJECTS_MAX) {
        mistake(p, at(p, pointer, "objects"), "%zu objects are over the limit of %d", count,
                SL_SPEC_OBJECTS_MAX);
        return;
    }
    spec->objects = SL_ARENA_ARRAY(spec->arena, struct sl_object, count);
    if (!spec->objects) {
        p->no_memory = true;
        return;
    }
    const char *base = at(p, pointer, "objects");
    for (struct sl_json_each e = sl_json_each(objects); sl_json_next(&e);)
        parse_object(p, e.value, at_index(p, base, i++), config);
    check_destinations(p);
}

static void parse_root(struct parse *p, const struct sl_json *root)
{
    struct sl_spec *spec = p->spec;
    const struct sl_json *definition = sl_json_get(root, "ingestion_definition");

    if (sl_json_kind(root) != SL_JSON_OBJECT) {
        mistake(p, "", "expected an object, found %s", sl_json_kind_name(sl_json_kind(root)));
        return;
    }
    spec->bare =
        !definition && (sl_json_get(root, "objects") || sl_json_get(root, "connection_name"));
    check_object(p, root, spec->bare ? sl_spec_bare_keys : sl_spec_pipeline_keys, NULL, false, "");
    spec->name = text_of(root, "name");
    spec->catalog = text_of(root, "catalog");
    spec->schema = text_of(root, "schema");
    if (!spec->schema) spec->schema = text_of(root, "target");
    if (spec->schema && strchr(spec->schema, '.'))
        mistake(p, sl_json_get(root, "schema") ? "/schema" : "/target",
                "'%s' has a dot: write the catalog under 'catalog' and the schema alone here",
                spec->schema);
    if (!spec->bare && !spec->name) mistake(p, "/name", "missing: what is the pipeline called?");
    if (spec->bare) {
        parse_definition(p, root, "");
    } else if (!definition) {
        mistake(p, "/ingestion_definition",
                "missing: it names the connection and the tables; see docs/pipeline-spec.md");
    } else if (check_object(p, definition, sl_spec_definition_keys, NULL, false,
                            "/ingestion_definition")) {
        parse_definition(p, definition, "/ingestion_definition");
    }
}

enum sl_code sl_spec_parse(const char *text, size_t len, const struct sl_connector *connector,
                           struct sl_spec **out, struct sl_buf *mistakes, struct sl_error *error)
{
    struct parse p = {.connector = connector, .mistakes = mistakes};
    struct sl_spec *spec = sl_calloc(1, sizeof *spec);
    const struct sl_json *root;
    enum sl_code rc = SL_OK;

    *out = NULL;
    if (!spec || !(spec->arena = sl_calloc(1, sizeof *spec->arena))) {
        sl_free(spec);
        return sl_fail(error, SL_NO_MEMORY, "no memory for a specification");
    }
    sl_arena_init(spec->arena, SPEC_MEMORY_MAX);
    p.spec = spec;
    p.doc = spec->doc = sl_doc_new(SPEC_BYTES_MAX);
    spec->text = sl_arena_strndup(spec->arena, text, len);
    if (!p.doc || !spec->text) {
        rc = sl_fail(error, SL_NO_MEMORY, "no memory for a specification");
        goto out;
    }
    rc = sl_doc_parse_copy(p.doc, text, len, &root, error);
    if (rc) {
        if (rc == SL_BAD_DATA) {
            rc = error->code = SL_BAD_SPEC;
            sl_error_context(error, "the specification");
            sl_buf_addf(mistakes, "/: %s\n", error->message);
        }
        goto out;
    }
    parse_root(&p, root);
    if (p.ignored.len > 0) {
        struct sl_buf line = {0};
        sl_buf_addf(&line, "kept, and without a meaning here: %s", sl_buf_str(&p.ignored));
        note(&p, sl_buf_str(&line));
        p.no_memory |= sl_buf_failed(&line) || sl_buf_failed(&p.ignored);
        sl_buf_release(&line);
    }
    const char **notes = SL_ARENA_ARRAY(spec->arena, const char *, p.note_count + 1);
    if (notes) memcpy(notes, p.notes, p.note_count * sizeof *notes);
    spec->notes = notes;
    if (!notes || p.no_memory || sl_buf_failed(mistakes)) {
        rc = sl_fail(error, SL_NO_MEMORY, "no memory for a specification");
    } else if (p.count == 1) {
        rc = sl_fail(error, SL_BAD_SPEC, "%s", p.first);
    } else if (p.count > 1) {
        rc = sl_fail(error, SL_BAD_SPEC, "%zu mistakes in the specification, the first: %s",
                     p.count, p.first);
    }
out:
    sl_buf_release(&p.ignored);
    if (rc) {
        sl_spec_free(spec);
        return rc;
    }
    *out = spec;
    return SL_OK;
}

void sl_spec_free(struct sl_spec *spec)
{
    if (!spec) return;
    sl_doc_free(spec->doc);
    sl_arena_release(spec->arena);
    sl_free(spec->arena);
    sl_free(spec);
}
