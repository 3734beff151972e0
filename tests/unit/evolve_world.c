/* evolve_world.c: see evolve_world.h. */
#include "evolve_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "json/doc.h"
#include "pipeline/evolve.h"
#include "table/delta_type.h"
#include "table/names.h"

/* ------------------------------------------------------------------ a source */

static struct sl_type type_named(const char *name)
{
    static const struct sl_member text[] = {{.name = "element", .type = {.kind = SL_TYPE_STRING}}};
    static const struct sl_member one[] = {{.name = "a", .type = {.kind = SL_TYPE_STRING}}};
    static const struct sl_member two[] = {{.name = "a", .type = {.kind = SL_TYPE_STRING}},
                                           {.name = "b", .type = {.kind = SL_TYPE_STRING}}};
    static const struct sl_member three[] = {{.name = "c", .type = {.kind = SL_TYPE_BIGINT}}};
    static const struct {
        const char *name;
        struct sl_type type;
    } types[] = {
        {"string", {.kind = SL_TYPE_STRING}},
        {"bigint", {.kind = SL_TYPE_BIGINT}},
        {"double", {.kind = SL_TYPE_DOUBLE}},
        {"date", {.kind = SL_TYPE_DATE}},
        {"timestamp", {.kind = SL_TYPE_TIMESTAMP}},
        {"decimal", {.kind = SL_TYPE_DECIMAL, .precision = 10, .scale = 2}},
        {"array", {.kind = SL_TYPE_ARRAY, .member_count = 1, .members = text}},
        {"struct1", {.kind = SL_TYPE_STRUCT, .member_count = 1, .members = one}},
        {"struct2", {.kind = SL_TYPE_STRUCT, .member_count = 2, .members = two}},
        {"struct3", {.kind = SL_TYPE_STRUCT, .member_count = 1, .members = three}},
    };

    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, name) == 0) return types[i].type;
    fail_msg("no type '%s'", name);
    return types[0].type;
}

/* "fld1|Name|string; |no id|double; !|_id|string" -> columns ('!' for a system column). */
size_t evolve_columns(struct evolve_world *w, const char *fields, struct sl_column *out)
{
    size_t count = 0;

    while (*fields) {
        char id[64] = "", name[256] = "", type[32] = "";
        size_t len = strcspn(fields, ";");
        char *line = sl_arena_strndup(&w->arena, fields, len);

        assert_true(count < EVOLVE_FIELDS_MAX);
        if (sscanf(line, "|%255[^|]|%31s", name, type) != 2)
            assert_int_equal(sscanf(line, "%63[^|]|%255[^|]|%31s", id, name, type), 3);
        out[count++] = (struct sl_column){
            .name = sl_arena_strdup(&w->arena, name),
            .id = *id && *id != '!' ? sl_arena_strdup(&w->arena, id) : NULL,
            .exact_name = *id == '!',
            .source_type = "any",
            .type = type_named(type),
        };
        fields += len;
        fields += strspn(fields, "; ");
    }
    return count;
}

/* ------------------------------------------------------------------ the table, altered */

const struct sl_json *evolve_parse(struct sl_doc *doc, const char *text)
{
    const struct sl_json *root;
    struct sl_error error;

    if (sl_doc_parse(doc, text, strlen(text), &root, &error))
        fail_msg("%s: %s", error.message, text);
    return root;
}

const char *evolve_physical(const struct sl_json *field)
{
    const char *name =
        sl_json_str(sl_json_path(field, "metadata", "delta.columnMapping.physicalName", NULL));

    return name ? name : sl_json_str(sl_json_get(field, "name"));
}

static const struct sl_json *find_physical(const struct sl_json *fields, const char *name)
{
    for (struct sl_json_each e = sl_json_each(fields); sl_json_next(&e);)
        if (strcmp(evolve_physical(e.value), name) == 0) return e.value;
    return NULL;
}

static const char *type_text(struct evolve_world *w, const struct sl_json *field)
{
    struct sl_buf sql = {0};
    const char *copy;

    sl_delta_type_sql(sl_json_get(field, "type"), &sql);
    copy = sl_arena_strdup(&w->arena, sl_buf_str(&sql));
    sl_buf_release(&sql);
    return copy;
}

/* An alter may rename and mark; it may not add, drop or convert, nor rename without mapping. */
static void check_alter(struct evolve_world *w, const char *before, const char *after)
{
    struct sl_doc *docs[2] = {sl_doc_new(0), sl_doc_new(0)};
    const struct sl_json *old = sl_json_get(evolve_parse(docs[0], before), "fields");
    const struct sl_json *new = sl_json_get(evolve_parse(docs[1], after), "fields");

    assert_int_equal(sl_json_len(old), sl_json_len(new));
    for (struct sl_json_each e = sl_json_each(old); sl_json_next(&e);) {
        const struct sl_json *field = find_physical(new, evolve_physical(e.value));

        if (!field) fail_msg("column '%s' is lost", evolve_physical(e.value));
        assert_string_equal(type_text(w, e.value), type_text(w, field));
        if (!w->mapped)
            assert_string_equal(sl_json_str(sl_json_get(e.value, "name")),
                                sl_json_str(sl_json_get(field, "name")));
        assert_true(sl_json_true(sl_json_get(field, "nullable")) ||
                    !sl_json_true(sl_json_get(e.value, "nullable")));
    }
    sl_doc_free(docs[0]);
    sl_doc_free(docs[1]);
}

/* As an upgrade does: columns that are there keep their names as physical ones. */
static void turn_mapping_on(struct evolve_world *w)
{
    struct sl_doc *doc = sl_doc_new(0);
    struct sl_json_writer *json = sl_json_writer_new();
    const struct sl_json *fields = sl_json_get(evolve_parse(doc, w->schema), "fields");

    sl_json_begin_object(json);
    sl_json_kv_str(json, "type", "struct");
    sl_json_key(json, "fields");
    sl_json_begin_array(json);
    for (struct sl_json_each e = sl_json_each(fields); sl_json_next(&e);) {
        sl_json_begin_object(json);
        for (struct sl_json_each m = sl_json_each(e.value); sl_json_next(&m);) {
            sl_json_key(json, sl_json_str(m.key));
            if (!sl_json_eq(m.key, "metadata")) {
                sl_json_put_value(json, m.value);
                continue;
            }
            sl_json_begin_object(json);
            for (struct sl_json_each k = sl_json_each(m.value); sl_json_next(&k);) {
                sl_json_key(json, sl_json_str(k.key));
                sl_json_put_value(json, k.value);
            }
            sl_json_kv_str(json, "delta.columnMapping.physicalName",
                           sl_json_str(sl_json_get(e.value, "name")));
            sl_json_end_object(json);
        }
        sl_json_end_object(json);
    }
    sl_json_end_array(json);
    sl_json_end_object(json);
    sl_free(w->schema);
    w->schema = sl_strdup(sl_json_writer_text(json, NULL));
    w->mapped = true;
    sl_json_writer_free(json);
    sl_doc_free(doc);
}

void evolve_alter(struct evolve_world *w, const struct sl_evolution *evolution)
{
    sl_buf_addf(&w->alters, "%s;", evolution->operation);
    if (evolution->schema_json) {
        check_alter(w, w->schema, evolution->schema_json);
        sl_free(w->schema);
        w->schema = sl_strdup(evolution->schema_json);
    }
    for (size_t i = 0; i < evolution->set_count; i++) {
        const struct sl_pair *set = &evolution->set[i];

        sl_buf_addf(&w->alters, "%s=%s;", set->key, set->value);
        if (strcmp(set->key, "delta.enableDeletionVectors") == 0)
            w->vectors = strcmp(set->value, "true") == 0;
        if (strcmp(set->key, "delta.columnMapping.mode") == 0) turn_mapping_on(w);
    }
}

static void append(struct evolve_world *w, const char *columns)
{
    struct sl_buf text = {0};

    sl_buf_add(&text, w->schema, strlen(w->schema) - 2);
    sl_buf_addf(&text, ",%.*s]}", (int)strlen(columns) - 2, columns + 1);
    sl_free(w->schema);
    w->schema = sl_buf_take(&text);
}

/* ------------------------------------------------------------------ a run */

enum sl_code evolve_plan(struct evolve_world *w, const struct sl_table_def *def,
                         struct sl_evolution *out, struct sl_error *error)
{
    struct sl_doc *docs[3] = {sl_doc_new(0), sl_doc_new(0), sl_doc_new(0)};
    char has[200];
    struct sl_schema_options options = {.names =
                                            w->original ? SL_NAMES_ORIGINAL : SL_NAMES_SNAKE_CASE,
                                        .history = w->history};
    struct sl_evolve_input input = {.def = def,
                                    .options = &options,
                                    .schema_json = w->schema,
                                    .keep_names = w->keep,
                                    .now_us = EVOLVE_RUN_US};
    enum sl_code rc = SL_NO_MEMORY;

    snprintf(has, sizeof has, "{%s%s\"delta.checkpointInterval\":\"10\"}",
             w->mapped ? "\"delta.columnMapping.mode\":\"name\"," : "",
             w->vectors ? "\"delta.enableDeletionVectors\":\"true\"," : "");
    input.properties_json = w->schema ? has : NULL;
    if (docs[0] && docs[1] && docs[2]) {
        if (w->wanted && sl_doc_parse(docs[0], w->wanted, strlen(w->wanted), &input.wanted, error))
            goto out;
        if (w->exclude &&
            sl_doc_parse(docs[1], w->exclude, strlen(w->exclude), &options.exclude, error))
            goto out;
        if (w->keys &&
            sl_doc_parse(docs[2], w->keys, strlen(w->keys), &options.primary_keys, error))
            goto out;
        rc = sl_evolve(&input, out, error);
    }
out:
    for (size_t i = 0; i < 3; i++) sl_doc_free(docs[i]);
    return rc;
}

/* No name twice, whatever the case; under mapping no physical name twice. */
void evolve_check_table(struct evolve_world *w)
{
    static const char *names[EVOLVE_FIELDS_MAX], *physicals[EVOLVE_FIELDS_MAX];
    struct sl_doc *doc = sl_doc_new(0);
    size_t count = 0;

    for (struct sl_json_each e = sl_json_each(sl_json_get(evolve_parse(doc, w->schema), "fields"));
         sl_json_next(&e); count++) {
        assert_true(count < EVOLVE_FIELDS_MAX);
        names[count] = sl_json_str(sl_json_get(e.value, "name"));
        physicals[count] = evolve_physical(e.value);
        for (size_t i = 0; i < count; i++) {
            if (sl_name_same(names[i], names[count])) fail_msg("'%s' twice", names[i]);
            if (strcmp(physicals[i], physicals[count]) == 0)
                fail_msg("physical '%s' twice", physicals[i]);
        }
    }
    sl_doc_free(doc);
}

static void keep_notes(struct evolve_world *w, const struct sl_evolution *evolution)
{
    for (size_t i = 0; i < evolution->note_count; i++)
        sl_buf_addf(&w->said, "%s\n", evolution->notes[i].text);
    w->due |= evolution->full_read_due;
}

static void end_run(struct evolve_world *w, const struct sl_evolution *evolution)
{
    struct sl_error error;

    if (!w->schema)
        assert_int_equal(sl_schema_delta_json(evolution->schema, evolution->physical_ids,
                                              &w->schema, &error),
                         SL_OK);
    if (evolution->add_columns) append(w, evolution->add_columns);
    w->mapped = evolution->physical_ids;
    for (size_t i = 0; i < evolution->schema->count; i++) {
        const struct sl_schema_column *c = &evolution->schema->columns[i];

        if (c->source) sl_buf_addf(&w->filled, "%s>%s,", c->source->name, c->name);
    }
}

/* One run of a source with these fields. */
void evolve_run(struct evolve_world *w, const char *fields)
{
    static struct sl_column columns[EVOLVE_FIELDS_MAX];
    static const char *const key[] = {"_id", NULL};
    struct sl_table_def def = {.name = "T", .columns = columns};
    struct sl_evolution evolution;
    struct sl_error error = {0};
    int alters = 0;

    sl_buf_reset(&w->said);
    sl_buf_reset(&w->alters);
    sl_buf_reset(&w->filled);
    w->due = false;
    def.column_count = evolve_columns(w, fields, columns);
    if (strstr(fields, "!|_id|")) def.primary_key = key;
    for (;; alters++) {
        assert_true(alters <= 2);
        if (evolve_plan(w, &def, &evolution, &error)) fail_msg("%s", error.message);
        keep_notes(w, &evolution);
        if (!evolution.operation) break;
        evolve_alter(w, &evolution);
        sl_evolution_release(&evolution);
    }
    end_run(w, &evolution);
    sl_evolution_release(&evolution);
    evolve_check_table(w);

    /* The same source once more: nothing is to be done. */
    assert_int_equal(evolve_plan(w, &def, &evolution, &error), SL_OK);
    assert_null(evolution.operation);
    assert_null(evolution.add_columns);
    assert_false(evolution.full_read_due);
    sl_evolution_release(&evolution);
}

void evolve_begin(struct evolve_world *w)
{
    *w = (struct evolve_world){0};
}

void evolve_end(struct evolve_world *w)
{
    sl_free(w->schema);
    sl_buf_release(&w->said);
    sl_buf_release(&w->alters);
    sl_buf_release(&w->filled);
    sl_arena_release(&w->arena);
}

/* "name:type,gone~:type,..." of the table, without our own columns. */
void expect_evolved(struct evolve_world *w, const char *expected)
{
    struct sl_doc *doc = sl_doc_new(0);
    struct sl_buf text = {0};

    for (struct sl_json_each e = sl_json_each(sl_json_get(evolve_parse(doc, w->schema), "fields"));
         sl_json_next(&e);) {
        const char *name = sl_json_str(sl_json_get(e.value, "name"));

        if (name[0] == '_' && !sl_json_path(e.value, "metadata", "sluice.name", NULL)) continue;
        sl_buf_addf(&text, "%s%s%s:%s", text.len ? "," : "", name,
                    sl_json_path(e.value, "metadata", "sluice.gone", NULL) ? "~" : "",
                    type_text(w, e.value));
    }
    assert_string_equal(sl_buf_str(&text), expected);
    sl_buf_release(&text);
    sl_doc_free(doc);
}

void expect_evolution_said(const struct evolve_world *w, const char *text)
{
    if (!strstr(sl_buf_str(&w->said), text))
        fail_msg("expected '%s' in: %s", text, sl_buf_str(&w->said));
}

void expect_evolution_filled(const struct evolve_world *w, const char *expected)
{
    assert_string_equal(sl_buf_str(&w->filled), expected);
}

void expect_evolution_quiet(const struct evolve_world *w)
{
    assert_string_equal(sl_buf_str(&w->said), "");
    assert_string_equal(sl_buf_str(&w->alters), "");
    assert_false(w->due);
}
