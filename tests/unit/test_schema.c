/* What a source says of a table becomes columns, Delta's JSON and Arrow's schema. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "json/doc.h"
#include "table/schema.h"

#define LEN(array) (sizeof(array) / sizeof *(array))

static const struct sl_member user_members[] = {{.name = "id", .type = {.kind = SL_TYPE_STRING}},
                                                {.name = "age", .type = {.kind = SL_TYPE_BIGINT}}};
static const struct sl_member user_element[] = {
    {.name = "element",
     .type = {.kind = SL_TYPE_STRUCT, .member_count = 2, .members = user_members}}};
static const struct sl_member decimal_value[] = {
    {.name = "value", .type = {.kind = SL_TYPE_DECIMAL, .precision = 38, .scale = 4}}};

static const struct sl_column columns[] = {
    {.name = "Name",
     .id = "fldAAAAAAAAAAAAAA",
     .source_type = "singleLineText",
     .comment = "Who it is",
     .path = {"fields", "fldAAAAAAAAAAAAAA"},
     .type = {.kind = SL_TYPE_STRING}},
    {.name = "_record_id",
     .exact_name = true,
     .path = {"id"},
     .type = {.kind = SL_TYPE_STRING},
     .comment = "The record's id"},
    {.name = "Budget (€)",
     .id = "fldBBBBBBBBBBBBBB",
     .source_type = "currency",
     .path = {"fields", "fldBBBBBBBBBBBBBB"},
     .type = {.kind = SL_TYPE_DOUBLE}},
    {.name = "Team",
     .id = "fldCCCCCCCCCCCCCC",
     .path = {"fields", "fldCCCCCCCCCCCCCC"},
     .type = {.kind = SL_TYPE_ARRAY, .member_count = 1, .members = user_element}},
    {.name = "Rates",
     .id = "fldDDDDDDDDDDDDDD",
     .path = {"fields", "fldDDDDDDDDDDDDDD"},
     .type = {.kind = SL_TYPE_MAP, .member_count = 1, .members = decimal_value}},
};
static const char *const key[] = {"_record_id", NULL};
static const char *const strict[] = {"fields", NULL};
static const struct sl_table_def def = {.name = "People",
                                        .id = "tbl1",
                                        .columns = columns,
                                        .column_count = LEN(columns),
                                        .primary_key = key,
                                        .strict_objects = strict};

/* ------------------------------------------------------------------ helpers */

struct setup {
    struct sl_doc *docs[3];
    struct sl_schema_options options;
};

static const struct sl_json *parse(struct sl_doc **doc, const char *text)
{
    const struct sl_json *root;
    struct sl_error error;

    *doc = sl_doc_new(0);
    assert_non_null(*doc);
    assert_int_equal(sl_doc_parse_copy(*doc, text, strlen(text), &root, &error), SL_OK);
    return root;
}

static void setup(struct setup *s, const char *include, const char *exclude, const char *keys)
{
    *s = (struct setup){0};
    s->options.include = include ? parse(&s->docs[0], include) : NULL;
    s->options.exclude = exclude ? parse(&s->docs[1], exclude) : NULL;
    s->options.primary_keys = keys ? parse(&s->docs[2], keys) : NULL;
}

static void teardown(struct setup *s)
{
    for (size_t i = 0; i < LEN(s->docs); i++) sl_doc_free(s->docs[i]);
}

/* "a,b,key*,..." of the schema that these options make. */
static void expect_columns_of(const struct sl_table_def *table,
                              const struct sl_schema_options *options, const char *expected)
{
    struct sl_schema *schema;
    struct sl_error error;
    struct sl_buf names = {0};

    if (sl_schema_new(table, options, &schema, &error)) fail_msg("%s", error.message);
    for (size_t i = 0; i < schema->count; i++)
        sl_buf_addf(&names, "%s%s%s", i ? "," : "", schema->columns[i].name,
                    schema->columns[i].key ? "*" : "");
    assert_string_equal(sl_buf_str(&names), expected);
    assert_string_equal(schema->columns[schema->rescued].name, "_rescued_data");
    assert_string_equal(schema->columns[schema->ingested].name, "_ingested_at");
    sl_buf_release(&names);
    sl_schema_free(schema);
}

static void expect_columns(const struct sl_schema_options *options, const char *expected)
{
    expect_columns_of(&def, options, expected);
}

static void expect_error(const char *include, const char *exclude, const char *keys,
                         const char *message, const char *hint)
{
    struct setup s;
    struct sl_schema *schema;
    struct sl_error error;

    setup(&s, include, exclude, keys);
    assert_int_equal(sl_schema_new(&def, &s.options, &schema, &error), SL_BAD_SPEC);
    assert_null(schema);
    assert_non_null(strstr(error.message, message));
    if (hint) assert_non_null(strstr(error.hint, hint));
    teardown(&s);
}

/* ------------------------------------------------------------------ columns */

static void columns_come_in_their_order(void **state)
{
    struct sl_schema_options options = {0};

    (void)state;
    expect_columns(NULL, "_record_id*,name,budget,team,rates,_rescued_data,_ingested_at");
    options.names = SL_NAMES_ORIGINAL;
    expect_columns(&options, "_record_id*,Name,Budget__€_,Team,Rates,_rescued_data,_ingested_at");
    options.physical_ids = true;
    expect_columns(&options, "_record_id*,Name,Budget (€),Team,Rates,_rescued_data,_ingested_at");
}

static void columns_can_be_chosen(void **state)
{
    struct setup s;

    (void)state;
    setup(&s, "[\"Budget (€)\",\"team\"]", NULL, NULL);
    expect_columns(&s.options, "_record_id*,budget,team,_rescued_data,_ingested_at");
    teardown(&s);
    setup(&s, NULL, "[\"fldCCCCCCCCCCCCCC\",\"budget\",\"budget\"]", NULL);
    expect_columns(&s.options, "_record_id*,name,rates,_rescued_data,_ingested_at");
    teardown(&s);
    setup(&s, "[\"Name\",\"Team\"]", "[\"Team\"]", NULL);
    expect_columns(&s.options, "_record_id*,name,_rescued_data,_ingested_at");
    teardown(&s);
    setup(&s, "[\"team\"]", NULL, "[\"name\",\"budget\"]");
    expect_columns(&s.options, "_record_id,name*,budget*,team,_rescued_data,_ingested_at");
    teardown(&s);
}

static void mistakes_are_named(void **state)
{
    (void)state;
    expect_error("[\"Nmae\"]", NULL, NULL, "include_columns: table 'People' has no column 'Nmae'",
                 "Name");
    expect_error(NULL, "[\"budgett\"]", NULL, "exclude_columns", "budget");
    expect_error(NULL, NULL, "[\"qqqqqqqqqqqqq\"]", "primary_keys", "discover");
    expect_error(NULL, NULL, "[\"Team\"]", "cannot be a key", NULL);
    expect_error(NULL, "[\"_record_id\"]", NULL, "is a key", NULL);
    expect_error("[1]", NULL, NULL, "expected a column name, got number", NULL);
    expect_error("{}", NULL, NULL, "expected an array", NULL);
}

static void a_schema_owns_what_it_shows(void **state)
{
    char name[] = "Changing", id[] = "fld1", path[] = "p";
    struct sl_column column = {.name = name,
                               .id = id,
                               .path = {path},
                               .type = {.kind = SL_TYPE_STRING}};
    struct sl_table_def own = {.name = name, .columns = &column, .column_count = 1};
    struct sl_schema *schema;
    struct sl_error error;

    (void)state;
    assert_int_equal(sl_schema_new(&own, NULL, &schema, &error), SL_OK);
    memset(name, 'x', sizeof name - 1);
    memset(id, 'x', sizeof id - 1);
    memset(path, 'x', sizeof path - 1);
    memset(&column, 0, sizeof column);
    assert_string_equal(schema->columns[0].name, "changing");
    assert_string_equal(schema->columns[0].source->name, "Changing");
    assert_string_equal(schema->columns[0].source->id, "fld1");
    assert_string_equal(schema->columns[0].source->path[0], "p");
    assert_string_equal(schema->def->name, "Changing");
    sl_schema_free(schema);
    sl_schema_free(NULL);
}

static void too_many_columns_are_refused(void **state)
{
    struct sl_table_def wide = {.name = "t",
                                .columns = columns,
                                .column_count = SL_COLUMNS_MAX + 1};
    struct sl_schema *schema;
    struct sl_error error;

    (void)state;
    assert_int_equal(sl_schema_new(&wide, NULL, &schema, &error), SL_TOO_LARGE);
}

/* ------------------------------------------------------------------ Delta */

#define STRUCT_JSON(meta1, meta2)                                                                  \
    "{\"type\":\"struct\",\"fields\":[{\"name\":\"id\",\"type\":\"string\",\"nullable\":true,"     \
    "\"metadata\":{" meta1 "}},{\"name\":\"age\",\"type\":\"long\",\"nullable\":true,"             \
    "\"metadata\":{" meta2 "}}]}"
#define PHYSICAL(name) "\"delta.columnMapping.physicalName\":\"" name "\""

static char *delta_json(const struct sl_table_def *table, const struct sl_schema_options *options,
                        bool physical_ids)
{
    struct sl_schema *schema;
    struct sl_error error;
    char *json;

    if (sl_schema_new(table, options, &schema, &error)) fail_msg("%s", error.message);
    assert_int_equal(sl_schema_delta_json(schema, physical_ids, &json, &error), SL_OK);
    sl_schema_free(schema);
    return json;
}

static void delta_schema_without_mapping(void **state)
{
    char *json = delta_json(&def, NULL, false);

    (void)state;
    assert_string_equal(
        json,
        "{\"type\":\"struct\",\"fields\":["
        "{\"name\":\"_record_id\",\"type\":\"string\",\"nullable\":false,\"metadata\":{"
        "\"comment\":\"The record's id\",\"sluice.name\":\"_record_id\"}},"
        "{\"name\":\"name\",\"type\":\"string\",\"nullable\":true,\"metadata\":{"
        "\"comment\":\"Name (singleLineText, fldAAAAAAAAAAAAAA): Who it is\","
        "\"sluice.id\":\"fldAAAAAAAAAAAAAA\",\"sluice.name\":\"Name\","
        "\"sluice.type\":\"singleLineText\"}},"
        "{\"name\":\"budget\",\"type\":\"double\",\"nullable\":true,\"metadata\":{"
        "\"comment\":\"Budget (€) (currency, fldBBBBBBBBBBBBBB)\","
        "\"sluice.id\":\"fldBBBBBBBBBBBBBB\",\"sluice.name\":\"Budget (€)\","
        "\"sluice.type\":\"currency\"}},"
        "{\"name\":\"team\",\"type\":{\"type\":\"array\",\"elementType\":" STRUCT_JSON(
            "", "") ",\"containsNull\":true},\"nullable\":true,\"metadata\":{"
                    "\"comment\":\"Team (fldCCCCCCCCCCCCCC)\","
                    "\"sluice.id\":\"fldCCCCCCCCCCCCCC\",\"sluice.name\":\"Team\"}},"
                    "{\"name\":\"rates\",\"type\":{\"type\":\"map\",\"keyType\":\"string\","
                    "\"valueType\":"
                    "\"decimal(38,4)\",\"valueContainsNull\":true},\"nullable\":true,\"metadata\":{"
                    "\"comment\":\"Rates (fldDDDDDDDDDDDDDD)\","
                    "\"sluice.id\":\"fldDDDDDDDDDDDDDD\",\"sluice.name\":\"Rates\"}},"
                    "{\"name\":\"_rescued_data\",\"type\":\"string\",\"nullable\":true,"
                    "\"metadata\":{}},"
                    "{\"name\":\"_ingested_at\",\"type\":\"timestamp\",\"nullable\":true,"
                    "\"metadata\":{}}]}");
    sl_free(json);
}

static void delta_schema_with_physical_ids(void **state)
{
    static const struct sl_column two[] = {
        {.name = "Team",
         .id = "fld 1",
         .path = {"a"},
         .type = {.kind = SL_TYPE_STRUCT, .member_count = 2, .members = user_members}},
        {.name = "a b", .type = {.kind = SL_TYPE_DATE}}};
    static const struct sl_table_def table = {.name = "t", .columns = two, .column_count = 2};
    struct sl_schema_options options = {.names = SL_NAMES_ORIGINAL, .physical_ids = true};
    char *json = delta_json(&table, &options, true);

    (void)state;
    assert_non_null(strstr(json, STRUCT_JSON(PHYSICAL("id"), PHYSICAL("age"))));
    assert_non_null(strstr(json, PHYSICAL("_rescued_data")));
    assert_non_null(strstr(json, "\"name\":\"a b\""));
    assert_non_null(strstr(json, "\"delta.columnMapping.physicalName\":\"fld_1_"));
    assert_non_null(strstr(json, "\"delta.columnMapping.physicalName\":\"a_b_"));
    sl_free(json);
}

/* ------------------------------------------------------------------ a table that is there */

#define FIELD(name, type, metadata)                                                                \
    "{\"name\":\"" name "\",\"type\":\"" type "\",\"nullable\":true,\"metadata\":{" metadata "}}"
#define ID(id) "\"sluice.id\":\"" id "\""

/* clang-format off */
static const char table_with_a_past[] =
    "{\"type\":\"struct\",\"fields\":["
    FIELD("_record_id", "string", "\"sluice.name\":\"_record_id\"") ","
    FIELD("who", "string", ID("fldAAAAAAAAAAAAAA")) ","
    FIELD("team", "string", ID("fldGONE")) ","
    FIELD("Rates", "string", "") ","
    FIELD("extra", "string", "") "]}";
/* clang-format on */

static void an_existing_table_keeps_its_names(void **state)
{
    struct sl_schema_options options = {.existing_schema_json = table_with_a_past};

    (void)state;
    /* A renamed field, a name that a gone field holds, a column without metadata of ours. */
    expect_columns(&options, "_record_id*,who,budget,team_cccccc,Rates_map_decimal_38_4,"
                             "_rescued_data,"
                             "_ingested_at");
    options.existing_schema_json = "[]";
    struct sl_schema *schema;
    struct sl_error error;
    assert_int_equal(sl_schema_new(&def, &options, &schema, &error), SL_BAD_DATA);
    options.existing_schema_json = "{\"fields\":[{}]}";
    assert_int_equal(sl_schema_new(&def, &options, &schema, &error), SL_BAD_DATA);
    options.existing_schema_json = "{";
    assert_int_equal(sl_schema_new(&def, &options, &schema, &error), SL_BAD_DATA);
}

/* "Mail" was called "Contact e-mail" when it landed, "Supplier" was "Vendor", and a newer field has
 * taken that name. */
static void a_landed_column_goes_by_the_names_it_landed_with(void **state)
{
    /* clang-format off */
    static const char landed[] =
        "{\"type\":\"struct\",\"fields\":["
        FIELD("vendor", "string", ID("fldV") ",\"sluice.name\":\"Vendor\"") ","
        FIELD("contact_e_mail", "string", ID("fldM") ",\"sluice.name\":\"Contact e-mail\"") ","
        FIELD("gone", "string", ID("fldG") ",\"sluice.name\":\"Gone\"") "]}";
    /* clang-format on */
    static const struct sl_type text = {.kind = SL_TYPE_STRING};
    static const struct sl_column now[] = {
        {.name = "Supplier", .id = "fldV", .type = text},
        {.name = "Mail", .id = "fldM", .type = text},
        {.name = "Vendor", .id = "fldN", .type = text},
        {.name = "Secret", .id = "fldS", .type = text},
    };
    static const struct sl_table_def renamed = {.name = "Vendors",
                                                .columns = now,
                                                .column_count = LEN(now)};
    static const struct {
        const char *include, *exclude, *keys, *columns;
    } cases[] = {
        {"[\"Vendor\",\"Contact e-mail\"]", NULL, NULL, "vendor,contact_e_mail"},
        {"[\"vendor\",\"CONTACT_E_MAIL\"]", NULL, NULL, "vendor,contact_e_mail"},
        {"[\"Supplier\",\"Mail\"]", NULL, NULL, "vendor,contact_e_mail"},
        {"[\"fldN\"]", NULL, NULL, "vendor_fldn"},
        {"[\"Mail\"]", NULL, "[\"Vendor\"]", "vendor*,contact_e_mail"},
        {NULL, "[\"Contact e-mail\"]", NULL, "vendor,vendor_fldn,secret"},
        /* Both that are called so stay out: leaving one out too many shows nothing. */
        {NULL, "[\"Vendor\"]", NULL, "contact_e_mail,secret"},
        {NULL, "[\"fldS\"]", NULL, "vendor,contact_e_mail,vendor_fldn"},
    };

    (void)state;
    for (size_t i = 0; i < LEN(cases); i++) {
        char expected[200];
        struct setup s;

        snprintf(expected, sizeof expected, "%s,_rescued_data,_ingested_at", cases[i].columns);
        setup(&s, cases[i].include, cases[i].exclude, cases[i].keys);
        s.options.existing_schema_json = landed;
        expect_columns_of(&renamed, &s.options, expected);
        teardown(&s);
    }
}

/* What was excluded never landed, so nobody knows what its old name meant: better no run than a
 * column that was to stay out. */
static void an_unknown_name_stops_a_table_that_is_there_too(void **state)
{
    static const char *const unknown[] = {"[\"Salary\"]", "[\"extra\"]"};

    (void)state;
    for (size_t i = 0; i < LEN(unknown); i++) {
        struct setup s;
        struct sl_schema *schema;
        struct sl_error error;

        setup(&s, NULL, unknown[i], NULL);
        s.options.existing_schema_json = table_with_a_past;
        assert_int_equal(sl_schema_new(&def, &s.options, &schema, &error), SL_BAD_SPEC);
        assert_non_null(strstr(error.message, "exclude_columns: table 'People' has no column"));
        assert_non_null(strstr(error.hint, "renamed"));
        assert_non_null(strstr(error.hint, "its id"));
        teardown(&s);
    }
}

static enum sl_code missing(const char *existing, char **out, struct sl_error *error)
{
    struct sl_schema_options options = {.existing_schema_json = existing};
    struct sl_schema *schema;
    enum sl_code rc = sl_schema_new(&def, &options, &schema, error);

    if (!rc) rc = sl_schema_delta_missing(schema, existing, false, out, error);
    sl_schema_free(schema);
    return rc;
}

static void nothing_is_missing_from_its_own_table(void **state)
{
    char *json = delta_json(&def, NULL, false), *fields;
    struct sl_error error;

    (void)state;
    assert_int_equal(missing(json, &fields, &error), SL_OK);
    assert_null(fields);
    sl_free(json);
}

static void new_fields_are_nullable_columns(void **state)
{
    char *fields;
    struct sl_error error;

    (void)state;
    assert_int_equal(missing("{\"type\":\"struct\",\"fields\":[" FIELD(
                                 "name", "string",
                                 ID("fldAAAAAAAAAAAAAA")) "," FIELD("budget", "double",
                                                                    ID("fldBBBBBBBBBBBBBB")) "]}",
                             &fields, &error),
                     SL_OK);
    assert_true(strstr(fields, "{\"name\":\"_record_id\",\"type\":\"string\",\"nullable\":true") ==
                fields + 1);
    assert_null(strstr(fields, "\"budget\""));
    assert_non_null(strstr(fields, "\"name\":\"team\""));
    assert_non_null(strstr(fields, "\"name\":\"_ingested_at\""));
    sl_free(fields);
}

/* The same field under another type is another column, which no reader of the old one can miss. */
static void another_type_is_another_column(void **state)
{
    static const char landed[] = "{\"type\":\"struct\",\"fields\":[" FIELD(
        "budget", "long",
        ID("fldBBBBBBBBBBBBBB")) ",{\"name\":\"team\",\"type\":{"
                                 "\"type\":\"array\",\"elementType\":{\"type\":\"struct\","
                                 "\"fields\":["
                                 "{\"name\":\"id\",\"type\":\"string\"}]},\"containsNull\":true},"
                                 "\"metadata\":{" ID("fldCCCCCCCCCCCCCC") "}}]}";
    struct sl_schema_options options = {.existing_schema_json = landed};
    char *fields = NULL;
    struct sl_error error;

    (void)state;
    expect_columns(&options, "_record_id*,name,budget_double,team_array_struct,rates,_rescued_data,"
                             "_ingested_at");
    assert_int_equal(missing(landed, &fields, &error), SL_OK);
    assert_non_null(strstr(fields, "{\"name\":\"budget_double\",\"type\":\"double\""));
    assert_null(strstr(fields, "\"name\":\"budget\""));
    sl_free(fields);
}

/* Rows that are there could not be told from new ones by a column that they do not have. */
static void a_key_does_not_change_its_type(void **state)
{
    struct sl_schema_options options = {
        .existing_schema_json =
            "{\"type\":\"struct\",\"fields\":[" FIELD("_record_id", "long",
                                                      "\"sluice.name\":\"_record_id\"") "]}"};
    struct sl_schema *schema;
    struct sl_error error;

    (void)state;
    assert_int_equal(sl_schema_new(&def, &options, &schema, &error), SL_UNSUPPORTED);
    assert_non_null(strstr(error.message, "column '_record_id' is a key of table 'People', and its "
                                          "type changed"));
    assert_non_null(strstr(error.hint, "destination_table"));
}

static void our_own_columns_do_not_change_their_type(void **state)
{
    char *fields = NULL;
    struct sl_error error;

    (void)state;
    assert_int_equal(missing("{\"type\":\"struct\",\"fields\":[" FIELD("_ingested_at", "long",
                                                                       "") "]}",
                             &fields, &error),
                     SL_UNSUPPORTED);
    assert_null(fields);
    assert_non_null(strstr(error.message, "table 'People': column '_ingested_at' is bigint in the "
                                          "table, but would be timestamp now"));
}

static void types_in_sql(void **state)
{
    static const char *const expected[] = {"string", "string", "double",
                                           "array<struct<id:string,age:bigint>>",
                                           "map<string,decimal(38,4)>"};
    struct sl_buf out = {0};

    (void)state;
    for (size_t i = 0; i < LEN(columns); i++) {
        sl_buf_reset(&out);
        sl_type_sql(&columns[i].type, &out);
        assert_string_equal(sl_buf_str(&out), expected[i]);
    }
    sl_buf_release(&out);
}

/* ------------------------------------------------------------------ Arrow, memory */

static void arrow_schema(void **state)
{
    static const char *const formats[] = {"u", "u", "g", "+l", "+m", "u", "tsu:UTC"};
    struct sl_schema *schema;
    struct ArrowSchema out;
    struct sl_error error;

    (void)state;
    assert_int_equal(sl_schema_new(&def, NULL, &schema, &error), SL_OK);
    assert_int_equal(sl_schema_arrow(schema, &out, &error), SL_OK);
    assert_string_equal(out.format, "+s");
    assert_int_equal(out.n_children, LEN(formats));
    for (size_t i = 0; i < LEN(formats); i++) {
        assert_string_equal(out.children[i]->format, formats[i]);
        assert_string_equal(out.children[i]->name, schema->columns[i].name);
        assert_int_equal((out.children[i]->flags & ARROW_FLAG_NULLABLE) != 0, i > 0);
    }
    assert_string_equal(out.children[3]->children[0]->name, "element");
    assert_string_equal(out.children[3]->children[0]->children[1]->format, "l");
    assert_string_equal(out.children[4]->children[0]->name, "key_value");
    assert_string_equal(out.children[4]->children[0]->children[0]->name, "key");
    assert_string_equal(out.children[4]->children[0]->children[1]->name, "value");
    assert_string_equal(out.children[4]->children[0]->children[1]->format, "d:38,4");
    out.release(&out);
    sl_schema_free(schema);
}

static enum sl_code everything(struct sl_error *error)
{
    static const char existing[] =
        "{\"type\":\"struct\",\"fields\":[" FIELD("who", "string", ID("fldAAAAAAAAAAAAAA")) "]}";
    struct sl_schema_options options = {.existing_schema_json = existing, .physical_ids = true};
    struct sl_schema *schema = NULL;
    struct ArrowSchema arrow = {0};
    char *json = NULL, *fields = NULL;
    enum sl_code rc = sl_schema_new(&def, &options, &schema, error);

    if (!rc) rc = sl_schema_delta_json(schema, true, &json, error);
    if (!rc) rc = sl_schema_delta_missing(schema, existing, true, &fields, error);
    if (!rc) rc = sl_schema_arrow(schema, &arrow, error);
    if (arrow.release) arrow.release(&arrow);
    sl_free(json);
    sl_free(fields);
    sl_schema_free(schema);
    return rc;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    for (int64_t n = 0;; n++) {
        struct sl_error error = {0};

        sl_alloc_fail_after(n);
        enum sl_code rc = everything(&error);
        sl_alloc_fail_after(-1);
        assert_int_equal(sl_alloc_live(), 0);
        if (rc == SL_OK) break;
        assert_int_equal(rc, SL_NO_MEMORY);
        assert_int_equal(error.code, SL_NO_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_come_in_their_order),
        cmocka_unit_test(columns_can_be_chosen),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(a_schema_owns_what_it_shows),
        cmocka_unit_test(too_many_columns_are_refused),
        cmocka_unit_test(delta_schema_without_mapping),
        cmocka_unit_test(delta_schema_with_physical_ids),
        cmocka_unit_test(an_existing_table_keeps_its_names),
        cmocka_unit_test(a_landed_column_goes_by_the_names_it_landed_with),
        cmocka_unit_test(an_unknown_name_stops_a_table_that_is_there_too),
        cmocka_unit_test(nothing_is_missing_from_its_own_table),
        cmocka_unit_test(new_fields_are_nullable_columns),
        cmocka_unit_test(another_type_is_another_column),
        cmocka_unit_test(a_key_does_not_change_its_type),
        cmocka_unit_test(our_own_columns_do_not_change_their_type),
        cmocka_unit_test(types_in_sql),
        cmocka_unit_test(arrow_schema),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
