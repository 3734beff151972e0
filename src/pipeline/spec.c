#include "pipeline/spec.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "json/doc.h"
#include "options/options.h"
#include "pipeline/spec_parse.h"
#include "pipeline/spec_values.h"

#define SPEC_BYTES_MAX ((size_t)16 << 20)
#define SPEC_MEMORY_MAX ((size_t)256 << 20)

/* ---- mistakes and notes ---- */

void sl_spec_mistake(struct sl_spec_parse *p, const char *pointer, const char *format, ...)
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

void sl_spec_note(struct sl_spec_parse *p, const char *text)
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

void sl_spec_note_ignored(struct sl_spec_parse *p, const char *name)
{
    const char *at = strstr(sl_buf_str(&p->ignored), name);
    size_t len = strlen(name);

    if (at && (at[len] == '\0' || at[len] == ',')) return; /* said already */
    sl_buf_addf(&p->ignored, "%s%s", p->ignored.len ? ", " : "", name);
}

const char *sl_spec_at(struct sl_spec_parse *p, const char *pointer, const char *key)
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

static const char *at_index(struct sl_spec_parse *p, const char *pointer, size_t index)
{
    char key[24];

    snprintf(key, sizeof key, "%zu", index);
    return sl_spec_at(p, pointer, key);
}

/* ---- one object against its table of keys ---- */

const struct sl_spec_key *sl_spec_find_key(const struct sl_spec_key *keys, const char *name)
{
    for (; keys->name; keys++)
        if (strcmp(keys->name, name) == 0) return keys;
    return NULL;
}

void sl_spec_unknown_key(struct sl_spec_parse *p, const struct sl_spec_key *keys, bool own,
                         const struct sl_option *options, const char *pointer, const char *name)
{
    const char *names[160];
    size_t n = 0;

    for (; keys->name && n < 100; keys++)
        if (keys->own || !own) names[n++] = keys->name;
    for (; options && options->name && n < 158; options++) names[n++] = options->name;
    names[n] = NULL;
    const char *near = sl_nearest(name, names);
    if (near)
        sl_spec_mistake(p, sl_spec_at(p, pointer, name), "unknown key; did you mean '%s'?", near);
    else
        sl_spec_mistake(p, sl_spec_at(p, pointer, name), "unknown key");
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

bool sl_spec_is_absent(const struct sl_json *value)
{
    return sl_json_kind(value) == SL_JSON_NULL ||
           (sl_json_kind(value) == SL_JSON_STRING && sl_json_str_len(value) == 0);
}

bool sl_spec_check_object(struct sl_spec_parse *p, const struct sl_json *object,
                          const struct sl_spec_key *keys, const struct sl_option *options,
                          bool open, const char *pointer)
{
    if (sl_json_kind(object) != SL_JSON_OBJECT) {
        sl_spec_mistake(p, pointer, "expected an object, found %s",
                        sl_json_kind_name(sl_json_kind(object)));
        return false;
    }
    for (struct sl_json_each e = sl_json_each(object); sl_json_next(&e);) {
        const char *name = sl_json_str(e.key);
        const struct sl_spec_key *key = sl_spec_find_key(keys, name);
        if (sl_json_get(object, name) != e.value) {
            sl_spec_mistake(p, sl_spec_at(p, pointer, name),
                            "this key stands twice in the object; remove one");
        } else if (!key) {
            if (!(options && sl_options_find(options, name)) && !open)
                sl_spec_unknown_key(p, keys, false, options, pointer, name);
        } else if (sl_spec_is_absent(e.value)) {
            continue;
        } else if (key->refused) {
            sl_spec_mistake(p, sl_spec_at(p, pointer, name), "%s", key->refused);
        } else if (!kind_fits(key->kind, sl_json_kind(e.value))) {
            sl_spec_mistake(p, sl_spec_at(p, pointer, name), "expected %s, found %s",
                            kind_text(key->kind), sl_json_kind_name(sl_json_kind(e.value)));
        } else if (key->kind == SL_SPEC_STRINGS && !strings_only(e.value)) {
            sl_spec_mistake(p, sl_spec_at(p, pointer, name), "expected only strings in the array");
        } else if (key->ignored) {
            sl_spec_note_ignored(p, name);
        } else if (key->note && !(key->note_if_true && !sl_json_true(e.value))) {
            sl_spec_note(p, key->note);
        }
    }
    return true;
}

const char *sl_spec_text(const struct sl_json *object, const char *key)
{
    const struct sl_json *value = sl_json_get(object, key);

    return sl_spec_is_absent(value) ? NULL : sl_json_str(value);
}

/* ---- objects ---- */

/* The one thing that stands for something else in a destination. */
static void check_marks(struct sl_spec_parse *p, const char *text, bool allowed,
                        const char *pointer)
{
    static const char mark[] = "{namespace}";
    const char *brace = text ? strchr(text, '{') : NULL;

    if (!brace) return;
    if (!allowed)
        sl_spec_mistake(p, pointer,
                        "'%s': %s may stand in destination_schema and "
                        "destination_table",
                        text, mark);
    else if (strncmp(brace, mark, sizeof mark - 1) != 0)
        sl_spec_mistake(p, pointer, "'%s': what may stand in braces is %s", text, mark);
    else if (strchr(brace + 1, '{'))
        sl_spec_mistake(p, pointer, "'%s': %s may stand there once", text, mark);
}

static void parse_object(struct sl_spec_parse *p, const struct sl_json *json, const char *pointer,
                         const struct sl_json *definition_config)
{
    struct sl_spec *spec = p->spec;
    struct sl_object *object = &spec->objects[spec->object_count];
    const struct sl_json *table = sl_json_get(json, "table"), *schema = sl_json_get(json, "schema");
    const struct sl_json *body = table ? table : schema;

    if (!sl_spec_check_object(p, json, sl_spec_object_keys, NULL, false, pointer)) return;
    if (!table == !schema) {
        sl_spec_mistake(p, pointer, "expected exactly one of 'table' and 'schema'");
        return;
    }
    pointer = sl_spec_at(p, pointer, table ? "table" : "schema");
    if (!sl_spec_check_object(p, body, table ? sl_spec_table_keys : sl_spec_schema_keys, NULL,
                              false, pointer))
        return;
    object->whole_schema = !table;
    object->pointer = pointer;
    object->source_schema = sl_spec_text(body, "source_schema");
    object->source_table = sl_spec_text(body, "source_table");
    object->catalog = sl_spec_text(body, "destination_catalog");
    object->schema = sl_spec_text(body, "destination_schema");
    object->table = sl_spec_text(body, "destination_table");
    if (!object->catalog) object->catalog = spec->catalog;
    if (!object->schema) object->schema = spec->schema;
    if (table && !object->source_table)
        sl_spec_mistake(p, sl_spec_at(p, pointer, "source_table"),
                        "missing: which table of the source?");
    if (!object->catalog)
        sl_spec_mistake(p, sl_spec_at(p, pointer, "destination_catalog"),
                        "missing, and the pipeline has no 'catalog' to fall back on");
    if (!object->schema)
        sl_spec_mistake(p, sl_spec_at(p, pointer, "destination_schema"),
                        "missing, and the pipeline has no 'schema' to fall back on");

    check_marks(p, object->catalog, false, sl_spec_at(p, pointer, "destination_catalog"));
    check_marks(p, object->schema, true, sl_spec_at(p, pointer, "destination_schema"));
    check_marks(p, object->table, true, sl_spec_at(p, pointer, "destination_table"));

    struct sl_spec_layers layers = {
        {NULL, definition_config, sl_json_get(body, "table_configuration")}};
    sl_spec_check_config(p, layers.items[2], sl_spec_at(p, pointer, "table_configuration"));
    sl_spec_resolve_config(p, &layers,
                           sl_json_path(body, "connector_options", "community_connector_options",
                                        "options", NULL),
                           sl_spec_at(p, pointer, "table_configuration"), &object->config);
    spec->object_count++;
}

static bool same_text(const char *a, const char *b)
{
    return a && b && strcasecmp(a, b) == 0;
}

static void check_destinations(struct sl_spec_parse *p)
{
    const struct sl_spec *spec = p->spec;

    for (size_t i = 0; i < spec->object_count; i++) {
        const struct sl_object *a = &spec->objects[i];
        for (size_t k = 0; k < i && a->table; k++) {
            const struct sl_object *b = &spec->objects[k];
            if (!same_text(a->table, b->table) || !same_text(a->schema, b->schema) ||
                !same_text(a->catalog, b->catalog))
                continue;
            if ((strchr(a->table, '{') || (a->schema && strchr(a->schema, '{'))) &&
                a->source_schema && b->source_schema &&
                !same_text(a->source_schema, b->source_schema))
                continue; /* two namespaces: the plan compares what they become */
            sl_spec_mistake(
                p, a->pointer,
                "the destination %s.%s.%s is also that of %s (names are compared without case); "
                "give one of them another destination_table",
                a->catalog, a->schema, a->table, b->pointer);
            break;
        }
    }
}

static void parse_definition(struct sl_spec_parse *p, const struct sl_json *json,
                             const char *pointer)
{
    struct sl_spec *spec = p->spec;
    const struct sl_json *objects = sl_json_get(json, "objects");
    const struct sl_json *config = sl_json_get(json, "table_configuration");
    size_t count = sl_json_len(objects), i = 0;

    spec->connection_name = sl_spec_text(json, "connection_name");
    if (!spec->connection_name)
        sl_spec_mistake(p, sl_spec_at(p, pointer, "connection_name"),
                        "missing: which connection is to be read?");
    sl_spec_check_config(p, config, sl_spec_at(p, pointer, "table_configuration"));
    if (sl_json_kind(objects) != SL_JSON_ARRAY || count == 0) {
        sl_spec_mistake(
            p, sl_spec_at(p, pointer, "objects"),
            "expected an array with at least one {\"table\": ...} or {\"schema\": ...}");
        return;
    }
    if (count > SL_SPEC_OBJECTS_MAX) {
        sl_spec_mistake(p, sl_spec_at(p, pointer, "objects"),
                        "%zu objects are over the limit of %d", count, SL_SPEC_OBJECTS_MAX);
        return;
    }
    spec->objects = SL_ARENA_ARRAY(spec->arena, struct sl_object, count);
    if (!spec->objects) {
        p->no_memory = true;
        return;
    }
    const char *base = sl_spec_at(p, pointer, "objects");
    for (struct sl_json_each e = sl_json_each(objects); sl_json_next(&e);)
        parse_object(p, e.value, at_index(p, base, i++), config);
    check_destinations(p);
}

/* `memory`, or configuration["sluice.memory"], which the vendor's tools do not drop. */
static void parse_memory(struct sl_spec_parse *p, const struct sl_json *root)
{
    const struct sl_json *configuration = sl_json_get(root, "configuration");
    const struct sl_json *direct = sl_json_get(root, "memory");
    const struct sl_json *hidden = sl_json_get(configuration, "sluice.memory");
    const struct sl_json *value = direct && !sl_spec_is_absent(direct) ? direct : hidden;

    static const char *const others[] = {"sluice.max_calls_per_run", "sluice.quota_share"};
    size_t meant = hidden ? 1 : 0;

    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (sl_json_get(configuration, others[i])) meant++;
    if (sl_json_len(configuration) > meant) sl_spec_note_ignored(p, "configuration");
    if (!value || sl_spec_is_absent(value) || sl_spec_bytes(value, &p->spec->memory_bytes)) return;
    sl_spec_mistake(p, value == direct ? "/memory" : "/configuration/sluice.memory",
                    "'%s' is not %s",
                    sl_json_str(value) ? sl_json_str(value)
                                       : sl_json_kind_name(sl_json_kind(value)),
                    SL_SPEC_BYTES);
}

static void parse_root(struct sl_spec_parse *p, const struct sl_json *root)
{
    struct sl_spec *spec = p->spec;
    const struct sl_json *definition = sl_json_get(root, "ingestion_definition");

    if (sl_json_kind(root) != SL_JSON_OBJECT) {
        sl_spec_mistake(p, "", "expected an object, found %s",
                        sl_json_kind_name(sl_json_kind(root)));
        return;
    }
    spec->bare =
        !definition && (sl_json_get(root, "objects") || sl_json_get(root, "connection_name"));
    sl_spec_check_object(p, root, spec->bare ? sl_spec_bare_keys : sl_spec_pipeline_keys, NULL,
                         false, "");
    spec->name = sl_spec_text(root, "name");
    spec->catalog = sl_spec_text(root, "catalog");
    spec->schema = sl_spec_text(root, "schema");
    if (!spec->schema) spec->schema = sl_spec_text(root, "target");
    if (spec->schema && strchr(spec->schema, '.'))
        sl_spec_mistake(
            p, sl_json_get(root, "schema") ? "/schema" : "/target",
            "'%s' has a dot: write the catalog under 'catalog' and the schema alone here",
            spec->schema);
    parse_memory(p, root);
    sl_spec_parse_caps(p, root);
    if (!spec->bare && !spec->name)
        sl_spec_mistake(p, "/name", "missing: what is the pipeline called?");
    if (spec->bare) {
        parse_definition(p, root, "");
    } else if (!definition) {
        sl_spec_mistake(
            p, "/ingestion_definition",
            "missing: it names the connection and the tables; see docs/pipeline-spec.md");
    } else if (sl_spec_check_object(p, definition, sl_spec_definition_keys, NULL, false,
                                    "/ingestion_definition")) {
        parse_definition(p, definition, "/ingestion_definition");
    }
}

enum sl_code sl_spec_parse(const char *text, size_t len, const struct sl_connector *connector,
                           struct sl_spec **out, struct sl_buf *mistakes, struct sl_error *error)
{
    struct sl_spec_parse p = {.connector = connector, .mistakes = mistakes};
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
        sl_spec_note(&p, sl_buf_str(&line));
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
    for (struct sl_spec_doc *d = spec->docs; d; d = d->next) sl_doc_free(d->doc);
    sl_arena_release(spec->arena);
    sl_free(spec->arena);
    sl_free(spec);
}
