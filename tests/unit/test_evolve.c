/*
 * A table over time: what sl_evolve makes of each change of the source. The table is JSON here: an
 * alter replaces it, new columns are appended to it. After every run some things must hold, whatever
 * the run did; see check_table().
 */
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

#define FIELDS_MAX 2100
#define RUN_US INT64_C(1700000000000000)

struct world {
    /* the table */
    char *schema; /* Delta's JSON; NULL: not made yet */
    bool mapped, vectors;
    /* the specification */
    const char *wanted; /* table_properties, JSON; or NULL */
    const char *exclude, *keys;
    bool keep, original, history;
    /* what the last run did */
    struct sl_buf said;   /* its notes, a line each */
    struct sl_buf alters; /* its operations: "RENAME COLUMN;" */
    struct sl_buf filled; /* "Name>column,..." */
    bool due;
    /* working memory */
    struct sl_arena arena;
};

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
static size_t columns_of(struct world *w, const char *fields, struct sl_column *out)
{
    size_t count = 0;

    while (*fields) {
        char id[64] = "", name[256] = "", type[32] = "";
        size_t len = strcspn(fields, ";");
        char *line = sl_arena_strndup(&w->arena, fields, len);

        assert_true(count < FIELDS_MAX);
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

static const struct sl_json *parse(struct sl_doc *doc, const char *text)
{
    const struct sl_json *root;
    struct sl_error error;

    if (sl_doc_parse(doc, text, strlen(text), &root, &error))
        fail_msg("%s: %s", error.message, text);
    return root;
}

static const char *physical(const struct sl_json *field)
{
    const char *name =
        sl_json_str(sl_json_path(field, "metadata", "delta.columnMapping.physicalName", NULL));

    return name ? name : sl_json_str(sl_json_get(field, "name"));
}

static const struct sl_json *find_physical(const struct sl_json *fields, const char *name)
{
    for (struct sl_json_each e = sl_json_each(fields); sl_json_next(&e);)
        if (strcmp(physical(e.value), name) == 0) return e.value;
    return NULL;
}

static const char *type_text(struct world *w, const struct sl_json *field)
{
    struct sl_buf sql = {0};
    const char *copy;

    sl_delta_type_sql(sl_json_get(field, "type"), &sql);
    copy = sl_arena_strdup(&w->arena, sl_buf_str(&sql));
    sl_buf_release(&sql);
    return copy;
}

/* An alter may rename and mark; it may not add, drop or convert, nor rename without mapping. */
static void check_alter(struct world *w, const char *before, const char *after)
{
    struct sl_doc *docs[2] = {sl_doc_new(0), sl_doc_new(0)};
    const struct sl_json *old = sl_json_get(parse(docs[0], before), "fields");
    const struct sl_json *new = sl_json_get(parse(docs[1], after), "fields");

    assert_int_equal(sl_json_len(old), sl_json_len(new));
    for (struct sl_json_each e = sl_json_each(old); sl_json_next(&e);) {
        const struct sl_json *field = find_physical(new, physical(e.value));

        if (!field) fail_msg("column '%s' is lost", physical(e.value));
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
static void turn_mapping_on(struct world *w)
{
    struct sl_doc *doc = sl_doc_new(0);
    struct sl_json_writer *json = sl_json_writer_new();
    const struct sl_json *fields = sl_json_get(parse(doc, w->schema), "fields");

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

static void alter(struct world *w, const struct sl_evolution *evolution)
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

static void append(struct world *w, const char *columns)
{
    struct sl_buf text = {0};

    sl_buf_add(&text, w->schema, strlen(w->schema) - 2);
    sl_buf_addf(&text, ",%.*s]}", (int)strlen(columns) - 2, columns + 1);
    sl_free(w->schema);
    w->schema = sl_buf_take(&text);
}

/* ------------------------------------------------------------------ a run */

static enum sl_code evolve(struct world *w, const struct sl_table_def *def,
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
                                    .now_us = RUN_US};
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
static void check_table(struct world *w)
{
    static const char *names[FIELDS_MAX], *physicals[FIELDS_MAX];
    struct sl_doc *doc = sl_doc_new(0);
    size_t count = 0;

    for (struct sl_json_each e = sl_json_each(sl_json_get(parse(doc, w->schema), "fields"));
         sl_json_next(&e); count++) {
        assert_true(count < FIELDS_MAX);
        names[count] = sl_json_str(sl_json_get(e.value, "name"));
        physicals[count] = physical(e.value);
        for (size_t i = 0; i < count; i++) {
            if (sl_name_same(names[i], names[count])) fail_msg("'%s' twice", names[i]);
            if (strcmp(physicals[i], physicals[count]) == 0)
                fail_msg("physical '%s' twice", physicals[i]);
        }
    }
    sl_doc_free(doc);
}

static void keep_notes(struct world *w, const struct sl_evolution *evolution)
{
    for (size_t i = 0; i < evolution->note_count; i++)
        sl_buf_addf(&w->said, "%s\n", evolution->notes[i].text);
    w->due |= evolution->full_read_due;
}

static void end_run(struct world *w, const struct sl_evolution *evolution)
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
static void run(struct world *w, const char *fields)
{
    static struct sl_column columns[FIELDS_MAX];
    static const char *const key[] = {"_id", NULL};
    struct sl_table_def def = {.name = "T", .columns = columns};
    struct sl_evolution evolution;
    struct sl_error error = {0};
    int alters = 0;

    sl_buf_reset(&w->said);
    sl_buf_reset(&w->alters);
    sl_buf_reset(&w->filled);
    w->due = false;
    def.column_count = columns_of(w, fields, columns);
    if (strstr(fields, "!|_id|")) def.primary_key = key;
    for (;; alters++) {
        assert_true(alters <= 2);
        if (evolve(w, &def, &evolution, &error)) fail_msg("%s", error.message);
        keep_notes(w, &evolution);
        if (!evolution.operation) break;
        alter(w, &evolution);
        sl_evolution_release(&evolution);
    }
    end_run(w, &evolution);
    sl_evolution_release(&evolution);
    check_table(w);

    /* The same source once more: nothing is to be done. */
    assert_int_equal(evolve(w, &def, &evolution, &error), SL_OK);
    assert_null(evolution.operation);
    assert_null(evolution.add_columns);
    assert_false(evolution.full_read_due);
    sl_evolution_release(&evolution);
}

static void begin(struct world *w)
{
    *w = (struct world){0};
}

static void end(struct world *w)
{
    sl_free(w->schema);
    sl_buf_release(&w->said);
    sl_buf_release(&w->alters);
    sl_buf_release(&w->filled);
    sl_arena_release(&w->arena);
}

/* "name:type,gone~:type,..." of the table, without our own columns. */
static void expect_table(struct world *w, const char *expected)
{
    struct sl_doc *doc = sl_doc_new(0);
    struct sl_buf text = {0};

    for (struct sl_json_each e = sl_json_each(sl_json_get(parse(doc, w->schema), "fields"));
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

static void expect_said(const struct world *w, const char *text)
{
    if (!strstr(sl_buf_str(&w->said), text))
        fail_msg("expected '%s' in: %s", text, sl_buf_str(&w->said));
}

static void expect_filled(const struct world *w, const char *expected)
{
    assert_string_equal(sl_buf_str(&w->filled), expected);
}

static void expect_quiet(const struct world *w)
{
    assert_string_equal(sl_buf_str(&w->said), "");
    assert_string_equal(sl_buf_str(&w->alters), "");
    assert_false(w->due);
}

/* ------------------------------------------------------------------ fields come and go */

static void a_new_field_is_a_new_column(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    run(&w, "f1|Name|string");
    expect_quiet(&w);
    run(&w, "f1|Name|string; f2|Amount|double");
    expect_table(&w, "name:string,amount:double");
    expect_said(&w, "new field 'Amount': column 'amount' (double)");
    assert_string_equal(sl_buf_str(&w.alters), "");
    assert_true(w.due);
    run(&w, "f2|Amount|double; f1|Name|string"); /* in another order */
    expect_quiet(&w);
    end(&w);
}

static void a_gone_field_leaves_its_column_and_may_come_back(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    run(&w, "f1|Name|string; f2|Amount|double");
    run(&w, "f1|Name|string");
    expect_table(&w, "name:string,amount~:double");
    expect_said(&w, "field 'Amount' is gone in the source: column 'amount' is kept");
    assert_string_equal(sl_buf_str(&w.alters), "CHANGE COLUMN;");
    assert_false(w.due);
    assert_non_null(strstr(w.schema, "\"sluice.gone\":\"2023-11-14T22:13:20"));
    run(&w, "f1|Name|string"); /* said once */
    expect_quiet(&w);
    run(&w, "f1|Name|string; f2|Amount|double");
    expect_table(&w, "name:string,amount:double");
    expect_filled(&w, "Name>name,Amount>amount,");
    expect_said(&w, "field 'Amount' is back: column 'amount' is filled again");
    assert_true(w.due);
    end(&w);
}

static void a_field_made_anew_under_an_old_name_is_another(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    run(&w, "f1|Name|string; fldAAA111|Amount|double");
    run(&w, "f1|Name|string; fldBBB222|Amount|double");
    expect_table(&w, "name:string,amount~:double,amount_bbb222:double");
    expect_filled(&w, "Name>name,Amount>amount_bbb222,");
    assert_true(w.due);
    run(&w, "f1|Name|string; fldCCC333|AMOUNT|string");
    expect_table(&w, "name:string,amount~:double,amount_bbb222~:double,amount_ccc333:string");
    run(&w, "f1|Name|string; fldAAA111|Amount|double"); /* the first, out of the bin */
    expect_filled(&w, "Name>name,Amount>amount,");
    end(&w);
}

/* An empty schema is an outage or a lost permission: nothing is marked. */
static void a_source_without_fields_has_said_nothing(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    run(&w, "!|_id|string; f1|Name|string");
    run(&w, "!|_id|string");
    expect_table(&w, "_id:string,name:string");
    expect_quiet(&w);
    end(&w);
}

static void a_field_that_is_left_out_is_marked_too(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    run(&w, "f1|Name|string; f2|Secret|string");
    w.exclude = "[\"Secret\"]";
    run(&w, "f1|Name|string; f2|Secret|string");
    expect_table(&w, "name:string,secret~:string");
    expect_said(&w, "field 'Secret' is left out by the specification: column 'secret' is kept");
    w.exclude = NULL;
    run(&w, "f1|Name|string; f2|Secret|string");
    expect_filled(&w, "Name>name,Secret>secret,");
    assert_true(w.due);
    end(&w);
}

/* ------------------------------------------------------------------ names */

static void a_plain_table_keeps_its_names(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    run(&w, "f1|Vendor|string; f2|Amount|double");
    run(&w, "f1|Supplier|string; f2|Amount|double");
    expect_table(&w, "vendor:string,amount:double");
    expect_filled(&w, "Supplier>vendor,Amount>amount,");
    expect_said(&w, "field 'Vendor' is called 'Supplier' now: its column keeps the name 'vendor'");
    assert_false(w.due);
    run(&w, "f1|Supplier|string; f2|Amount|double");
    expect_quiet(&w);
    /* Swapped, and one of them back. */
    run(&w, "f1|Amount|string; f2|Vendor|double");
    expect_filled(&w, "Amount>vendor,Vendor>amount,");
    expect_said(&w, "field 'Supplier' is called 'Amount' now");
    run(&w, "f1|Vendor|string; f2|Amount|double");
    expect_filled(&w, "Vendor>vendor,Amount>amount,");
    assert_null(strstr(w.schema, "sluice.renamed"));
    /* A newcomer takes the name that another field had: a suffix. */
    run(&w, "f1|Supplier|string; f2|Amount|double; fldNEW123|Vendor|string");
    expect_filled(&w, "Supplier>vendor,Amount>amount,Vendor>vendor_new123,");
    end(&w);
}

static void under_mapping_names_follow(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    w.wanted = "{\"delta.columnMapping.mode\":\"name\"}";
    run(&w, "f1|Vendor|string; f2|Amount|double");
    assert_true(w.mapped);
    run(&w, "f1|Supplier|string; f2|Amount|double");
    expect_table(&w, "supplier:string,amount:double");
    expect_filled(&w, "Supplier>supplier,Amount>amount,");
    expect_said(&w, "field 'Vendor' is called 'Supplier' now: column 'vendor' became 'supplier'");
    assert_string_equal(sl_buf_str(&w.alters), "RENAME COLUMN;");
    assert_false(w.due);
    /* Two swap names, in one alter, and back. */
    run(&w, "f1|Amount|string; f2|Supplier|double");
    expect_table(&w, "amount:string,supplier:double");
    assert_string_equal(sl_buf_str(&w.alters), "RENAME COLUMN;");
    run(&w, "f1|Supplier|string; f2|Amount|double");
    expect_table(&w, "supplier:string,amount:double");
    /* The name is free again for a newcomer, */
    run(&w, "f1|Supplier|string; f2|Amount|double; f3|Vendor|date");
    expect_table(&w, "supplier:string,amount:double,vendor:date");
    /* and a name that another kept column has is not: */
    run(&w, "f1|Supplier|string; f3|Vendor|date");
    run(&w, "fld1|x|string; f1|Supplier|string; f3|Amount|date");
    expect_table(&w, "supplier:string,amount~:double,amount_f3:date,x:string");
    end(&w);
}

static void three_fields_go_round(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    w.wanted = "{\"delta.columnMapping.mode\":\"name\"}";
    run(&w, "f1|A|string; f2|B|double; f3|C|date");
    run(&w, "f1|B|string; f2|C|double; f3|A|date");
    expect_table(&w, "b:string,c:double,a:date");
    assert_string_equal(sl_buf_str(&w.alters), "RENAME COLUMN;");
    /* Two names that are one in snake_case. */
    run(&w, "fldx1|B|string; f1|x y|string; f2|X-Y|double; f3|A|date");
    expect_table(&w, "x_y_f1:string,x_y_f2:double,a:date,b:string");
    end(&w);
}

static void names_are_kept_where_that_is_wanted(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    w.wanted = "{\"delta.columnMapping.mode\":\"name\"}";
    w.keep = true;
    run(&w, "f1|Vendor|string");
    run(&w, "f1|Supplier|string");
    expect_table(&w, "vendor:string");
    expect_said(&w, "its column keeps the name 'vendor'");
    w.keep = false; /* and then not any more */
    run(&w, "f1|Supplier|string");
    expect_table(&w, "supplier:string");
    end(&w);
}

/* What somebody else called a column stays, until the field is renamed. */
static void a_name_given_by_hand_stays(void **state)
{
    struct world w;
    char *at;

    (void)state;
    begin(&w);
    w.wanted = "{\"delta.columnMapping.mode\":\"name\"}";
    run(&w, "f1|Vendor|string");
    at = strstr(w.schema, "\"name\":\"vendor\"");
    assert_non_null(at);
    memcpy(at + 8, "seller", 6);
    run(&w, "f1|Vendor|string");
    expect_table(&w, "seller:string");
    expect_quiet(&w);
    run(&w, "f1|Supplier|string");
    expect_table(&w, "supplier:string");
    end(&w);
}

static void original_names_follow_too(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    w.original = true;
    w.wanted = "{\"delta.columnMapping.mode\":\"name\"}";
    run(&w, "f1|Launch date (UTC)|date; f2|x|string");
    run(&w, "f1|x|date; f2|Launch date (UTC)|string");
    expect_table(&w, "x:date,Launch date (UTC):string");
    end(&w);
}

/* ------------------------------------------------------------------ types */

static void another_type_is_another_column(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    run(&w, "f1|Name|string; f2|Amount|double");
    run(&w, "f1|Name|string; f2|Amount|string");
    expect_table(&w, "name:string,amount~:double,amount_string:string");
    expect_filled(&w, "Name>name,Amount>amount_string,");
    expect_said(&w, "field 'Amount' is string in the source now: column 'amount' keeps the values "
                    "it has as double");
    expect_said(&w, "converted field 'Amount': column 'amount_string' (string)");
    assert_true(w.due);
    /* To and fro: the same two columns for ever. */
    for (int i = 0; i < 3; i++) {
        run(&w, "f1|Name|string; f2|Amount|double");
        expect_table(&w, "name:string,amount:double,amount_string~:string");
        expect_filled(&w, "Name>name,Amount>amount,");
        expect_said(&w, "field 'Amount' is back: column 'amount' is filled again");
        assert_true(w.due);
        run(&w, "f1|Name|string; f2|Amount|string");
        expect_table(&w, "name:string,amount~:double,amount_string:string");
        expect_filled(&w, "Name>name,Amount>amount_string,");
        assert_true(w.due);
    }
    /* A third type is a third column; and renamed meanwhile. */
    run(&w, "f1|Name|string; f2|Cost|decimal");
    expect_table(&w, "name:string,amount~:double,amount_string~:string,"
                     "amount_decimal_10_2:decimal(10,2)");
    expect_filled(&w, "Name>name,Cost>amount_decimal_10_2,");
    /* Gone and back with the first type. */
    run(&w, "f1|Name|string");
    run(&w, "f1|Name|string; f2|Cost|double");
    expect_filled(&w, "Name>name,Cost>amount,");
    end(&w);
}

static void converted_columns_follow_their_field(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    w.wanted = "{\"delta.columnMapping.mode\":\"name\"}";
    run(&w, "f1|Amount|double");
    run(&w, "f1|Amount|string");
    run(&w, "f1|Cost|string");
    expect_table(&w, "cost~:double,cost_string:string");
    /* Renamed and converted in one. */
    run(&w, "f1|Price|date");
    expect_table(&w, "price~:double,price_string~:string,price_date:date");
    expect_filled(&w, "Price>price_date,");
    run(&w, "f1|Cost|date; f2|Price|double; f3|Price string|double");
    expect_table(&w, "cost~:double,cost_string~:string,cost_date:date,price:double,"
                     "price_string:double");
    end(&w);
}

static void types_whose_names_are_one_get_suffixes(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    run(&w, "fldAAA111|Box|struct1; f2|Box struct|string");
    run(&w, "fldAAA111|Box|struct2; f2|Box struct|string");
    expect_table(&w, "box~:struct<a:string>,box_struct:string,"
                     "box_struct_aaa111:struct<a:string,b:string>");
    run(&w, "fldAAA111|Box|struct3; f2|Box struct|string");
    expect_filled(&w, "Box>box_struct_fldaaa111,Box struct>box_struct,");
    run(&w, "fldAAA111|Box|array; f2|Box struct|date");
    expect_filled(&w, "Box>box_array_string,Box struct>box_struct_date,");
    run(&w, "fldAAA111|Box|struct2; f2|Box struct|string");
    expect_filled(&w, "Box>box_struct_aaa111,Box struct>box_struct,");
    end(&w);
}

static void fields_without_ids_are_their_names(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    run(&w, "|amount|double; |Total|double");
    run(&w, "|amount|string; |total|double"); /* another field: 'Total' is gone */
    expect_table(&w, "amount~:double,total~:double,amount_string:string,total_543a4ffd:double");
    run(&w, "|amount|double; |Total|double");
    expect_filled(&w, "amount>amount,Total>total,");
    end(&w);
}

/* ------------------------------------------------------------------ names that clash */

static void latecomers_get_the_suffix(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    run(&w, "fldAAA111|Launch date|date");
    run(&w, "fldBBB222|launch-date|date; fldAAA111|Launch date|date; fldCCC333|LAUNCH DATE|date");
    expect_table(&w, "launch_date:date,launch_date_bbb222:date,launch_date_ccc333:date");
    /* The name that a suffix would make is taken. */
    run(&w, "fldAAA111|Launch date|date; fldD|launch date ddd444|date");
    run(&w, "fldAAA111|Launch date|date; fldDDD444|Launch_Date|date; fldD|launch date ddd444|date");
    expect_table(&w, "launch_date:date,launch_date_bbb222~:date,launch_date_ccc333~:date,"
                     "launch_date_ddd444:date,launch_date_fldddd444:date");
    end(&w);
}

static void physical_names_are_given_once(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    w.wanted = "{\"delta.columnMapping.mode\":\"name\"}";
    run(&w, "f1|Box|struct1");
    run(&w, "f1|Box|struct2");
    run(&w, "f1|Box|struct3");
    run(&w, "f1|Box|string");
    run(&w, "f1|Carton|date; f2|Box|string"); /* check_table() has the assertions */
    expect_filled(&w, "Carton>carton_date,Box>box,");
    end(&w);
}

static void thousands_of_columns(void **state)
{
    struct world w;
    struct sl_buf fields[2] = {{0}, {0}};

    (void)state;
    begin(&w);
    w.wanted = "{\"delta.columnMapping.mode\":\"name\"}";
    for (int i = 0; i < 2000; i++) {
        sl_buf_addf(&fields[0], "fld%06d|Field %d|string;", i, i);
        sl_buf_addf(&fields[1], "fld%06d|Field %d|string;", i, (i + 1) % 2000);
    }
    run(&w, sl_buf_str(&fields[0]));
    run(&w, sl_buf_str(&fields[1])); /* every name moves on by one */
    assert_string_equal(sl_buf_str(&w.alters), "RENAME COLUMN;");
    assert_non_null(strstr(sl_buf_str(&w.filled), "Field 7>field_7,Field 8>field_8,"));
    sl_buf_release(&fields[0]);
    sl_buf_release(&fields[1]);
    end(&w);
}

/* ------------------------------------------------------------------ keys, own columns */

static void what_was_a_key_may_be_null(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    w.keys = "[\"Mail\"]";
    run(&w, "!|_id|string; f1|Mail|string; f2|Name|string");
    assert_non_null(strstr(w.schema, "\"name\":\"mail\",\"type\":\"string\",\"nullable\":false"));
    w.keys = NULL;
    run(&w, "!|_id|string; f2|Name|string");
    assert_non_null(strstr(w.schema, "\"name\":\"mail\",\"type\":\"string\",\"nullable\":true"));
    end(&w);
}

static void a_key_does_not_change_its_type(void **state)
{
    static struct sl_column columns[4];
    static const char *const key[] = {"_id", NULL};
    struct sl_table_def def = {.name = "T", .columns = columns, .primary_key = key};
    struct world w;
    struct sl_evolution evolution;
    struct sl_error error;

    (void)state;
    begin(&w);
    run(&w, "!|_id|string; f1|Name|string");
    def.column_count = columns_of(&w, "!|_id|bigint; f1|Name|string", columns);
    assert_int_equal(evolve(&w, &def, &evolution, &error), SL_UNSUPPORTED);
    assert_non_null(strstr(error.message, "column '_id' is a key of table 'T', and its type"));
    sl_evolution_release(&evolution);
    end(&w);
}

static void history_is_seen(void **state)
{
    static struct sl_column columns[4];
    struct sl_table_def def = {.name = "T", .columns = columns};
    struct world w;
    struct sl_evolution evolution;
    struct sl_error error;

    (void)state;
    begin(&w);
    run(&w, "!|_id|string; f1|Name|string");
    w.history = true;
    run(&w, "!|_id|string; f1|Name|string");
    expect_said(&w, "new column '__START_AT' (timestamp)");
    assert_true(w.due);
    w.history = false;
    def.column_count = columns_of(&w, "!|_id|string; f1|Name|string", columns);
    assert_int_equal(evolve(&w, &def, &evolution, &error), SL_OK);
    assert_true(evolution.holds_history);
    sl_evolution_release(&evolution);
    end(&w);
}

/* ------------------------------------------------------------------ properties */

static void mapping_is_turned_on_and_then_names_follow(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    run(&w, "f1|Vendor|string; f2|Amount|double");
    run(&w, "f1|Supplier|string; f2|Amount|double");
    w.wanted = "{\"delta.columnMapping.mode\":\"name\",\"sluice.view\":\"x\"}";
    run(&w, "f1|Supplier|string; f2|Price|double; f3|Vendor|date");
    assert_string_equal(sl_buf_str(&w.alters),
                        "SET TBLPROPERTIES;delta.columnMapping.mode=name;RENAME COLUMN;");
    expect_said(&w, "column mapping is turned on");
    /* What was renamed before follows too, and a newcomer may have the name. */
    expect_table(&w, "supplier:string,price:double,vendor:date");
    assert_non_null(strstr(w.schema, "\"delta.columnMapping.physicalName\":\"vendor\""));
    assert_non_null(strstr(w.schema, "\"delta.columnMapping.physicalName\":\"f3\""));
    run(&w, "f1|Supplier|string; f2|Price|double; f3|Vendor|date");
    expect_quiet(&w);
    w.wanted = NULL; /* asked for no longer: it stays */
    run(&w, "f1|Supplier|string; f2|Price|double; f3|Vendor|date");
    expect_quiet(&w);
    end(&w);
}

static void deletion_vectors_are_turned_on_and_off(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    run(&w, "f1|Name|string; f2|Amount|double");
    w.wanted = "{\"delta.enableDeletionVectors\":\"TRUE\",\"delta.checkpointInterval\":\"10\"}";
    run(&w, "f1|Name|string"); /* with a mark in the same alter */
    assert_string_equal(sl_buf_str(&w.alters), "CHANGE COLUMN;delta.enableDeletionVectors=true;");
    expect_said(&w, "deletion vectors are turned on");
    w.wanted = "{\"delta.enableDeletionVectors\":false,\"delta.checkpointInterval\":\"10\"}";
    run(&w, "f1|Name|string");
    assert_string_equal(sl_buf_str(&w.alters),
                        "SET TBLPROPERTIES;delta.enableDeletionVectors=false;");
    assert_false(w.vectors);
    end(&w);
}

static void what_cannot_change_is_said(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    w.wanted = "{\"delta.columnMapping.mode\":\"name\"}";
    run(&w, "f1|Name|string");
    w.wanted = "{\"delta.columnMapping.mode\":\"none\",\"delta.appendOnly\":\"true\"}";
    run(&w, "f1|Name|string");
    expect_said(&w,
                "table property delta.columnMapping.mode=none has no effect: the table was made "
                "with name and keeps it");
    expect_said(&w, "table property delta.appendOnly=true has no effect: the table was made with "
                    "none and keeps it");
    assert_string_equal(sl_buf_str(&w.alters), "");
    end(&w);
}

/* ------------------------------------------------------------------ any life */

#define LIFE_IDS 8

struct life {
    uint64_t dice;
    struct {
        bool there;
        const char *name, *type;
    } fields[LIFE_IDS];
    /* (id, type) -> the physical name it landed under: for ever */
    char landed[LIFE_IDS][4][64];
};

static const char *const life_types[] = {"string", "double", "date", "struct1"};
static const char *const life_names[] = {"a",   "A",        "A b",        "a-b", "B",  "a string",
                                         "b_x", "a_double", "a b f00001", "ö",   "42", "a date"};

static size_t roll(struct life *life, size_t sides)
{
    life->dice = life->dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (size_t)(life->dice >> 33) % sides;
}

static void live_on(struct life *life)
{
    for (size_t n = roll(life, 4) + 1; n > 0; n--) {
        size_t i = roll(life, LIFE_IDS), k = roll(life, LIFE_IDS);
        const char *name = life->fields[i].name;

        switch (roll(life, 5)) {
        case 0: life->fields[i].there = !life->fields[i].there; break;
        case 1: life->fields[i].type = life_types[roll(life, 4)]; break;
        case 2: life->fields[i].name = life_names[roll(life, 12)]; break;
        default: /* two swap their names */
            life->fields[i].name = life->fields[k].name;
            life->fields[k].name = name;
        }
    }
    life->fields[roll(life, LIFE_IDS)].there = true;
}

static const char *physical_of(struct world *w, const char *visible)
{
    struct sl_doc *doc = sl_doc_new(0);
    const char *found = NULL;

    for (struct sl_json_each e = sl_json_each(sl_json_get(parse(doc, w->schema), "fields"));
         sl_json_next(&e);)
        if (sl_json_eq(sl_json_get(e.value, "name"), visible)) found = physical(e.value);
    if (!found) fail_msg("no column '%s'", visible);
    found = sl_arena_strdup(&w->arena, found);
    sl_doc_free(doc);
    return found;
}

/* Whatever happens in between, a field of one type is one column. */
static void check_identities(struct world *w, struct life *life)
{
    const char *filled = sl_buf_str(&w->filled);

    for (size_t i = 0; i < LIFE_IDS; i++) {
        char column[256];
        size_t type = 0;

        if (!life->fields[i].there) continue;
        filled = strchr(filled, '>') + 1;
        snprintf(column, sizeof column, "%.*s", (int)strcspn(filled, ","), filled);
        while (strcmp(life_types[type], life->fields[i].type) != 0) type++;
        if (!*life->landed[i][type])
            snprintf(life->landed[i][type], 64, "%s", physical_of(w, column));
        assert_string_equal(life->landed[i][type], physical_of(w, column));
    }
}

static void any_life_leaves_every_column_where_it_is(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct life life = {.dice = seed};
        struct world w;

        begin(&w);
        w.original = seed % 3 == 0;
        for (size_t i = 0; i < LIFE_IDS; i++) {
            life.fields[i].there = roll(&life, 2) == 0;
            life.fields[i].name = life_names[roll(&life, 12)];
            life.fields[i].type = life_types[roll(&life, 4)];
        }
        for (size_t step = 0; step < 12; step++) {
            struct sl_buf fields = {0};

            live_on(&life);
            if (roll(&life, 6) == 0) w.wanted = "{\"delta.columnMapping.mode\":\"name\"}";
            w.keep = roll(&life, 8) == 0;
            for (size_t i = 0; i < LIFE_IDS; i++)
                if (life.fields[i].there)
                    sl_buf_addf(&fields, "fld%05zu|%s|%s;", i, life.fields[i].name,
                                life.fields[i].type);
            run(&w, sl_buf_str(&fields));
            /* An upgrade keeps names as physical ones: what landed stays under them. */
            check_identities(&w, &life);
            sl_buf_release(&fields);
        }
        end(&w);
    }
}

/* ------------------------------------------------------------------ memory */

static void every_allocation_may_fail(void **state)
{
    static struct sl_column columns[8];
    struct sl_table_def def = {.name = "T", .columns = columns};
    struct world w;
    int64_t before;

    (void)state;
    begin(&w);
    w.wanted = "{\"delta.columnMapping.mode\":\"name\"}";
    run(&w, "f1|A|string; f2|B|double; f3|C|date");
    run(&w, "f1|A|string; f2|B|double");
    w.wanted = "{\"delta.enableDeletionVectors\":\"true\",\"x\":\"y\"}";
    def.column_count = columns_of(&w, "f1|B|string; f2|A|string; f3|C|date; f4|D|date", columns);
    before = sl_alloc_live();
    for (int alters = 0; alters < 2; alters++) {
        struct sl_evolution evolution;

        for (int64_t n = 0;; n++) {
            struct sl_error error = {0};

            evolution = (struct sl_evolution){0};
            sl_alloc_fail_after(n);
            enum sl_code rc = evolve(&w, &def, &evolution, &error);
            sl_alloc_fail_after(-1);
            if (rc == SL_OK) break;
            assert_int_equal(rc, SL_NO_MEMORY);
            sl_evolution_release(&evolution);
            assert_int_equal(sl_alloc_live(), before);
        }
        if (evolution.operation) {
            assert_int_equal(alters, 0);
            alter(&w, &evolution);
            w.wanted = NULL;
        } else {
            assert_int_equal(alters, 1);
            assert_non_null(evolution.add_columns);
        }
        sl_evolution_release(&evolution);
        before = sl_alloc_live();
    }
    end(&w);
    assert_int_equal(sl_alloc_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_field_is_a_new_column),
        cmocka_unit_test(a_gone_field_leaves_its_column_and_may_come_back),
        cmocka_unit_test(a_field_made_anew_under_an_old_name_is_another),
        cmocka_unit_test(a_source_without_fields_has_said_nothing),
        cmocka_unit_test(a_field_that_is_left_out_is_marked_too),
        cmocka_unit_test(a_plain_table_keeps_its_names),
        cmocka_unit_test(under_mapping_names_follow),
        cmocka_unit_test(three_fields_go_round),
        cmocka_unit_test(names_are_kept_where_that_is_wanted),
        cmocka_unit_test(a_name_given_by_hand_stays),
        cmocka_unit_test(original_names_follow_too),
        cmocka_unit_test(another_type_is_another_column),
        cmocka_unit_test(converted_columns_follow_their_field),
        cmocka_unit_test(types_whose_names_are_one_get_suffixes),
        cmocka_unit_test(fields_without_ids_are_their_names),
        cmocka_unit_test(latecomers_get_the_suffix),
        cmocka_unit_test(physical_names_are_given_once),
        cmocka_unit_test(thousands_of_columns),
        cmocka_unit_test(what_was_a_key_may_be_null),
        cmocka_unit_test(a_key_does_not_change_its_type),
        cmocka_unit_test(history_is_seen),
        cmocka_unit_test(mapping_is_turned_on_and_then_names_follow),
        cmocka_unit_test(deletion_vectors_are_turned_on_and_off),
        cmocka_unit_test(what_cannot_change_is_said),
        cmocka_unit_test(any_life_leaves_every_column_where_it_is),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
