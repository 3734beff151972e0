/* The columns that order changes and bound history; deletes as rows of a batch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "json/doc.h"
#include "table/batch.h"
#include "unit/arrow_text.h"

#define LEN(array) (sizeof(array) / sizeof *(array))

static const struct sl_member element[] = {{.name = "element", .type = {.kind = SL_TYPE_STRING}}};

static const struct sl_column columns[] = {
    {.name = "owner", .constant = true, .type = {.kind = SL_TYPE_STRING}},
    {.name = "id", .path = {"key", "id"}, .type = {.kind = SL_TYPE_BIGINT}},
    {.name = "Name", .id = "f1", .type = {.kind = SL_TYPE_STRING}},
    {.name = "done", .type = {.kind = SL_TYPE_BOOLEAN}, .missing_is_false = true},
    {.name = "Updated at", .path = {"updated"}, .type = {.kind = SL_TYPE_TIMESTAMP}},
    {.name = "version", .type = {.kind = SL_TYPE_BIGINT}},
    {.name = "tags", .type = {.kind = SL_TYPE_ARRAY, .member_count = 1, .members = element}},
    {.name = "url", .type = {.kind = SL_TYPE_STRING}, .fleeting = true},
};
static const char *const key[] = {"owner", "id", NULL};

static struct sl_table_def table(enum sl_sequence_kind sequence)
{
    return (struct sl_table_def){.name = "T",
                                 .columns = columns,
                                 .column_count = LEN(columns),
                                 .primary_key = key,
                                 .sequence = sequence};
}

/* A schema, and the lists that it was made with. */
struct made {
    struct sl_doc *docs[3];
    struct sl_table_def def;
    struct sl_schema *schema;
    struct sl_error error;
    enum sl_code rc;
};

static const struct sl_json *list(struct sl_doc **doc, const char *text)
{
    const struct sl_json *root;
    struct sl_error error;

    if (!text) return NULL;
    *doc = sl_doc_new(0);
    assert_non_null(*doc);
    assert_int_equal(sl_doc_parse(*doc, text, strlen(text), &root, &error), SL_OK);
    return root;
}

static void make(struct made *made, enum sl_sequence_kind kind, const char *by, bool history,
                 const char *tracked, const char *exclude, const char *existing)
{
    struct sl_schema_options options = {.history = history, .existing_schema_json = existing};

    *made = (struct made){.def = table(kind)};
    options.sequence_by = list(&made->docs[0], by);
    options.track_history = list(&made->docs[1], tracked);
    options.exclude = list(&made->docs[2], exclude);
    made->rc = sl_schema_new(&made->def, &options, &made->schema, &made->error);
}

static void drop(struct made *made)
{
    sl_schema_free(made->schema);
    for (size_t i = 0; i < LEN(made->docs); i++) sl_doc_free(made->docs[i]);
}

/* "a:type,..." of the columns from _rescued_data on. */
static void own_columns(const struct sl_schema *schema, struct sl_buf *out)
{
    sl_buf_reset(out);
    for (size_t i = schema->rescued; i < schema->count; i++) {
        sl_buf_addf(out, "%s%s:", i > schema->rescued ? "," : "", schema->columns[i].name);
        sl_type_sql(schema->columns[i].type, out);
    }
}

/* "a,b" of what orders changes. */
static void ordered_by(const struct sl_schema *schema, struct sl_buf *out)
{
    sl_buf_reset(out);
    for (size_t i = 0; i < schema->sequence_count; i++)
        sl_buf_addf(out, "%s%s", i ? "," : "", schema->columns[schema->sequence[i]].name);
}

/* ------------------------------------------------------------------ schemas */

#define OWN "_rescued_data:string,_ingested_at:timestamp"

static void every_kind_of_sequence_has_its_columns(void **state)
{
    static const struct {
        enum sl_sequence_kind kind;
        const char *by;
        bool history;
        const char *own, *order;
    } cases[] = {
        {SL_SEQUENCE_NONE, NULL, false, OWN, ""},
        {SL_SEQUENCE_TIME, NULL, false, OWN ",_sequence:timestamp", "_sequence"},
        {SL_SEQUENCE_NUMBER, NULL, false, OWN ",_sequence:bigint", "_sequence"},
        {SL_SEQUENCE_NONE, "[\"version\"]", false, OWN, "version"},
        {SL_SEQUENCE_NONE, "\"Updated at\"", false, OWN, "updated_at"},
        {SL_SEQUENCE_TIME, "[\"version\"]", false, OWN, "version"},
        {SL_SEQUENCE_NONE, NULL, true,
         OWN ",_sequence:timestamp,__START_AT:timestamp,__END_AT:timestamp", ""},
        {SL_SEQUENCE_NUMBER, NULL, true, OWN ",_sequence:bigint,__START_AT:bigint,__END_AT:bigint",
         "_sequence"},
        {SL_SEQUENCE_NONE, "[\"updated_at\"]", true, OWN ",__START_AT:timestamp,__END_AT:timestamp",
         "updated_at"},
        {SL_SEQUENCE_NONE, "[\"Updated at\",\"version\",\"version\"]", true,
         OWN ",__START_AT:struct<updated_at:timestamp,version:bigint>,"
             "__END_AT:struct<updated_at:timestamp,version:bigint>",
         "updated_at,version"},
    };
    struct sl_buf text = {0};

    (void)state;
    for (size_t i = 0; i < LEN(cases); i++) {
        struct made made;

        make(&made, cases[i].kind, cases[i].by, cases[i].history, NULL, NULL, NULL);
        if (made.rc) fail_msg("case %zu: %s", i, made.error.message);
        own_columns(made.schema, &text);
        assert_string_equal(sl_buf_str(&text), cases[i].own);
        ordered_by(made.schema, &text);
        assert_string_equal(sl_buf_str(&text), cases[i].order);
        assert_int_equal(made.schema->own_sequence != SL_NO_COLUMN,
                         strstr(cases[i].own, "_sequence") != NULL);
        assert_int_equal(made.schema->start != SL_NO_COLUMN, cases[i].history);
        assert_int_equal(made.schema->end,
                         cases[i].history ? made.schema->start + 1 : SL_NO_COLUMN);
        drop(&made);
    }
    sl_buf_release(&text);
}

static void what_cannot_order_changes_is_named(void **state)
{
    static const struct {
        const char *by, *exclude, *says;
    } cases[] = {
        {"[\"nothing\"]", NULL, "sequence_by: table 'T' has no column 'nothing'"},
        {"[\"tags\"]", NULL, "sequence_by: column 'tags' of table 'T' cannot order changes"},
        {"[\"version\"]", "[\"version\"]",
         "sequence_by: column 'version' of table 'T' is left out"},
        {"[]", NULL, "sequence_by: 0 columns; it takes 1 to 8 of them"},
        {"{}", NULL, "sequence_by: expected an array of column names, got object"},
        {"[7]", NULL, "sequence_by: expected a column name, got number"},
    };

    (void)state;
    for (size_t i = 0; i < LEN(cases); i++) {
        struct made made;

        make(&made, SL_SEQUENCE_NONE, cases[i].by, false, NULL, cases[i].exclude, NULL);
        assert_int_equal(made.rc, SL_BAD_SPEC);
        if (!strstr(made.error.message, cases[i].says))
            fail_msg("case %zu: %s", i, made.error.message);
        drop(&made);
    }
}

/* The bounds of history that is there keep the names they were made with. */
static void bounds_keep_the_names_of_their_members(void **state)
{
    static const char landed[] =
        "{\"type\":\"struct\",\"fields\":[{\"name\":\"__START_AT\",\"type\":{\"type\":\"struct\","
        "\"fields\":[{\"name\":\"changed\",\"type\":\"timestamp\"},"
        "{\"name\":\"v\",\"type\":\"long\"}]},\"nullable\":true,\"metadata\":{}}]}";
    struct made made;
    struct sl_buf text = {0};
    char *missing;

    (void)state;
    make(&made, SL_SEQUENCE_NONE, "[\"Updated at\",\"version\"]", true, NULL, NULL, landed);
    assert_int_equal(made.rc, SL_OK);
    own_columns(made.schema, &text);
    assert_string_equal(sl_buf_str(&text), OWN ",__START_AT:struct<changed:timestamp,v:bigint>,"
                                               "__END_AT:struct<changed:timestamp,v:bigint>");
    assert_int_equal(sl_schema_delta_missing(made.schema, landed, false, &missing, &made.error),
                     SL_OK);
    sl_free(missing);
    drop(&made);

    make(&made, SL_SEQUENCE_NONE, "[\"version\"]", true, NULL, NULL, landed);
    assert_int_equal(made.rc, SL_OK);
    assert_int_equal(sl_schema_delta_missing(made.schema, landed, false, &missing, &made.error),
                     SL_UNSUPPORTED);
    assert_non_null(strstr(made.error.message, "column '__START_AT' is struct<"));
    drop(&made);
    sl_buf_release(&text);
}

static void history_follows_what_it_is_told_to(void **state)
{
    static const struct {
        const char *tracked, *columns;
    } cases[] = {
        {NULL, "owner,id,name,done,updated_at,version,tags,_rescued_data,"}, /* not the url */
        {"[\"Name\",\"f1\"]", "name,"},
        {"[]", ""},
    };
    struct sl_buf text = {0};

    (void)state;
    for (size_t i = 0; i < LEN(cases); i++) {
        struct made made;

        make(&made, SL_SEQUENCE_TIME, NULL, true, cases[i].tracked, NULL, NULL);
        assert_int_equal(made.rc, SL_OK);
        sl_buf_reset(&text);
        for (size_t c = 0; c < made.schema->count; c++)
            if (made.schema->tracked[c]) sl_buf_addf(&text, "%s,", made.schema->columns[c].name);
        assert_string_equal(sl_buf_str(&text), cases[i].columns);
        drop(&made);
    }
    sl_buf_release(&text);
}

/* ------------------------------------------------------------------ batches */

/* One row (or delete) through a batch: its text, or "bad: why". */
static enum sl_code one(const struct made *made, const char *json, bool gone, int64_t sequence,
                        struct sl_buf *text, struct sl_error *error)
{
    static const struct sl_constant owner = {"owner", "o"};
    struct sl_doc *doc = sl_doc_new(0);
    const struct sl_json *root;
    struct sl_batch *batch = NULL;
    struct ArrowSchema arrow = {0};
    struct ArrowArray array = {0};
    enum sl_code rc = doc ? sl_doc_parse(doc, json, strlen(json), &root, error) : SL_NO_MEMORY;

    sl_buf_reset(text);
    if (!rc) rc = sl_batch_new(made->schema, NULL, &batch, error);
    if (!rc)
        rc = gone ? sl_batch_append_delete(batch, doc, root, 1000000, sequence, error)
                  : sl_batch_append(batch, doc, root, &owner, 1, 1000000, sequence, error);
    if (!rc) rc = sl_batch_arrow_schema(batch, &arrow, error);
    if (rc == SL_OK || rc == SL_BAD_DATA) {
        assert_int_equal(sl_batch_rows(batch), rc == SL_OK);
        assert_int_equal(sl_batch_counts(batch)->rows, rc == SL_OK && !gone);
    }
    if (!rc) rc = sl_batch_take(batch, &array, error);
    if (!rc) assert_null(arrow_text(&arrow, &array, text));
    if (array.release) array.release(&array);
    if (arrow.release) arrow.release(&arrow);
    sl_batch_free(batch);
    sl_doc_free(doc);
    return rc;
}

static void rows_have_their_sequence(void **state)
{
    static const struct {
        enum sl_sequence_kind kind;
        const char *by;
        const char *row;
        int64_t sequence;
        const char *holds; /* in the row's text, or in the message */
        enum sl_code rc;
    } cases[] = {
        {SL_SEQUENCE_NUMBER, NULL, "{\"key\":{\"id\":1}}", 7, "_sequence:7,", SL_OK},
        {SL_SEQUENCE_TIME, NULL, "{\"key\":{\"id\":1}}", 7,
         "_sequence:1970-01-01T00:00:00.000007Z,", SL_OK},
        {SL_SEQUENCE_TIME, NULL, "{\"key\":{\"id\":1}}", SL_NO_TIME,
         "a row without a sequence: column '_sequence'", SL_BAD_DATA},
        /* What is observed may be told later. */
        {SL_SEQUENCE_NONE, NULL, "{\"key\":{\"id\":1}}", SL_NO_TIME, "_sequence:null,", SL_OK},
        {SL_SEQUENCE_NONE, "[\"version\"]", "{\"key\":{\"id\":1},\"version\":3}", SL_NO_TIME,
         "version:3,", SL_OK},
        {SL_SEQUENCE_NONE, "[\"version\"]", "{\"key\":{\"id\":1}}", 9,
         "a row without a sequence: column 'version': is missing or null", SL_BAD_DATA},
        {SL_SEQUENCE_NONE, "[\"version\"]", "{\"key\":{\"id\":1},\"version\":\"x\"}", 9,
         "a row without a sequence: column 'version': wrong_type", SL_BAD_DATA},
        /* Of several, some may lack. */
        {SL_SEQUENCE_NONE, "[\"version\",\"Updated at\"]", "{\"key\":{\"id\":1},\"version\":3}",
         SL_NO_TIME, "__START_AT:null,__END_AT:null", SL_OK},
    };
    struct sl_buf text = {0};

    (void)state;
    for (size_t i = 0; i < LEN(cases); i++) {
        struct made made;
        struct sl_error error = {0};

        make(&made, cases[i].kind, cases[i].by, true, NULL, NULL, NULL);
        assert_int_equal(made.rc, SL_OK);
        assert_int_equal(one(&made, cases[i].row, false, cases[i].sequence, &text, &error),
                         cases[i].rc);
        if (!strstr(cases[i].rc ? error.message : sl_buf_str(&text), cases[i].holds))
            fail_msg("case %zu: %s %s", i, sl_buf_str(&text), error.message);
        drop(&made);
    }
    sl_buf_release(&text);
}

#define NOTHING(version)                                                                           \
    "{owner:\"o\",id:1,name:null,done:null,updated_at:null,version:" version                       \
    ",tags:null,url:null,_rescued_data:null,_ingested_at:1970-01-01T00:00:01.000000Z"

static void a_delete_is_a_key_and_a_sequence(void **state)
{
    static const struct {
        enum sl_sequence_kind kind;
        const char *by;
        const char *key;
        int64_t sequence;
        const char *expected; /* or in the message */
        enum sl_code rc;
    } cases[] = {
        {SL_SEQUENCE_NONE, NULL, "{\"owner\":\"o\",\"key\":{\"id\":1}}", SL_NO_TIME,
         NOTHING("null") "}\n", SL_OK},
        {SL_SEQUENCE_NUMBER, NULL, "{\"owner\":\"o\",\"key\":{\"id\":1},\"Name\":\"n\",\"done\":1}",
         5, NOTHING("null") ",_sequence:5}\n", SL_OK},
        {SL_SEQUENCE_NUMBER, "[\"version\"]", "{\"owner\":\"o\",\"key\":{\"id\":1}}", 5,
         NOTHING("5") "}\n", SL_OK},
        {SL_SEQUENCE_NONE, "[\"version\"]", "{\"owner\":\"o\",\"key\":{\"id\":1},\"version\":6}", 5,
         NOTHING("6") "}\n", SL_OK},
        {SL_SEQUENCE_TIME, "[\"version\"]", "{\"owner\":\"o\",\"key\":{\"id\":1}}", 5,
         "a row without a sequence: column 'version'", SL_BAD_DATA},
        {SL_SEQUENCE_NUMBER, NULL, "{\"owner\":\"o\",\"key\":{\"id\":1}}", SL_NO_TIME,
         "a row without a sequence", SL_BAD_DATA},
        {SL_SEQUENCE_NONE, NULL, "{\"key\":{\"id\":1}}", SL_NO_TIME,
         "a row without a key: column 'owner': is missing or null", SL_BAD_DATA},
        {SL_SEQUENCE_NONE, NULL, "{\"owner\":\"o\",\"key\":{\"id\":\"1\"}}", SL_NO_TIME,
         "a row without a key: column 'id': wrong_type", SL_BAD_DATA},
        {SL_SEQUENCE_NONE, NULL, "[1]", SL_NO_TIME, "expected an object as the key of a delete",
         SL_BAD_DATA},
    };
    struct sl_buf text = {0};

    (void)state;
    for (size_t i = 0; i < LEN(cases); i++) {
        struct made made;
        struct sl_error error = {0};

        make(&made, cases[i].kind, cases[i].by, false, NULL, NULL, NULL);
        assert_int_equal(made.rc, SL_OK);
        assert_int_equal(one(&made, cases[i].key, true, cases[i].sequence, &text, &error),
                         cases[i].rc);
        if (cases[i].rc && !strstr(error.message, cases[i].expected))
            fail_msg("case %zu: %s", i, error.message);
        if (!cases[i].rc) assert_string_equal(sl_buf_str(&text), cases[i].expected);
        drop(&made);
    }
    sl_buf_release(&text);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    for (int64_t n = 0;; n++) {
        static const char row[] = "{\"owner\":\"o\",\"key\":{\"id\":1},\"version\":3}";
        struct sl_doc *doc = NULL;
        const struct sl_json *by = list(&doc, "[\"version\",\"Updated at\"]");
        struct made made = {.def = table(SL_SEQUENCE_NUMBER)};
        struct sl_schema_options options = {.history = true, .sequence_by = by};
        struct sl_error error = {0};
        struct sl_buf text = {0};
        enum sl_code rc;

        sl_alloc_fail_after(n);
        rc = sl_schema_new(&made.def, &options, &made.schema, &error);
        if (!rc) rc = one(&made, row, true, 5, &text, &error);
        sl_alloc_fail_after(-1);
        sl_schema_free(made.schema);
        sl_doc_free(doc);
        sl_buf_release(&text);
        assert_int_equal(sl_alloc_live(), 0);
        if (rc == SL_OK) break;
        assert_int_equal(rc, SL_NO_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_sequence_has_its_columns),
        cmocka_unit_test(what_cannot_order_changes_is_named),
        cmocka_unit_test(bounds_keep_the_names_of_their_members),
        cmocka_unit_test(history_follows_what_it_is_told_to),
        cmocka_unit_test(rows_have_their_sequence),
        cmocka_unit_test(a_delete_is_a_key_and_a_sequence),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
