/*
 * Any JSON through a table with every type: rows land or are refused, never half; the batch is
 * valid Arrow; and what was rescued is JSON again, as often as it was counted.
 */
#include "base/alloc.h"
#include "base/buf.h"
#include "json/doc.h"
#include "table/batch.h"

#include <math.h>
#include <nanoarrow/nanoarrow.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LEN(array) (sizeof(array) / sizeof *(array))
#define PLAIN(sl_kind)                                                                             \
    {                                                                                              \
        .kind = sl_kind                                                                            \
    }
#define LIST(member)                                                                               \
    {                                                                                              \
        .kind = SL_TYPE_ARRAY, .member_count = 1, .members = member                                \
    }
#define MAP(member)                                                                                \
    {                                                                                              \
        .kind = SL_TYPE_MAP, .member_count = 1, .members = member                                  \
    }
#define OBJECT(list)                                                                               \
    {                                                                                              \
        .kind = SL_TYPE_STRUCT, .member_count = LEN(list), .members = list                         \
    }
#define COLUMN(key, ...)                                                                           \
    {                                                                                              \
        .name = key, .id = key, .path = {"f", key}, .type = __VA_ARGS__                            \
    }

static const struct sl_member text[] = {{.name = "element", .type = PLAIN(SL_TYPE_STRING)}};
static const struct sl_member number[] = {{.name = "element", .type = PLAIN(SL_TYPE_DOUBLE)}};
static const struct sl_member texts[] = {{.name = "element", .type = LIST(text)}};
static const struct sl_member inner[] = {{.name = "a", .type = PLAIN(SL_TYPE_STRING)},
                                         {.name = "b", .type = PLAIN(SL_TYPE_BIGINT)},
                                         {.name = "c", .type = LIST(number)}};
static const struct sl_member outer[] = {{.name = "a", .type = PLAIN(SL_TYPE_TIMESTAMP)},
                                         {.name = "in", .type = OBJECT(inner)},
                                         {.name = "m", .type = MAP(number)}};
static const struct sl_member outers[] = {{.name = "element", .type = OBJECT(outer)}};

static const struct sl_column columns[] = {
    {.name = "_id", .exact_name = true, .path = {"id"}, .type = PLAIN(SL_TYPE_STRING)},
    {.name = "_n", .exact_name = true, .path = {"n"}, .type = PLAIN(SL_TYPE_BIGINT)},
    COLUMN("bo", PLAIN(SL_TYPE_BOOLEAN), .missing_is_false = true),
    COLUMN("bi", PLAIN(SL_TYPE_BIGINT)),
    COLUMN("do", PLAIN(SL_TYPE_DOUBLE)),
    COLUMN("de", {.kind = SL_TYPE_DECIMAL, .precision = 38, .scale = 9}),
    COLUMN("d1", {.kind = SL_TYPE_DECIMAL, .precision = 1, .scale = 1}),
    COLUMN("st", PLAIN(SL_TYPE_STRING)),
    COLUMN("js", PLAIN(SL_TYPE_STRING), .decode = SL_DECODE_JSON),
    COLUMN("by", PLAIN(SL_TYPE_BINARY)),
    COLUMN("da", PLAIN(SL_TYPE_DATE)),
    COLUMN("ti", PLAIN(SL_TYPE_TIMESTAMP)),
    COLUMN("se", PLAIN(SL_TYPE_TIMESTAMP), .decode = SL_DECODE_SECONDS),
    COLUMN("mi", PLAIN(SL_TYPE_TIMESTAMP), .decode = SL_DECODE_MILLIS),
    COLUMN("li", LIST(text)),
    COLUMN("on", LIST(number), .decode = SL_DECODE_ONE_OR_ARRAY),
    COLUMN("ll", LIST(texts)),
    COLUMN("ob", OBJECT(outer)),
    COLUMN("os", LIST(outers)),
    COLUMN("ma", MAP(outers)),
    {.name = "deep", .path = {"f", "x", "y", "z"}, .type = PLAIN(SL_TYPE_STRING)},
    {.name = "rest", .path = {""}, .type = PLAIN(SL_TYPE_STRING), .decode = SL_DECODE_REST},
    {.name = "c", .type = PLAIN(SL_TYPE_DOUBLE), .constant = true},
};
static const char *const key[] = {"_id", NULL};
static const char *const strict[] = {"f", "f.x", NULL};
static const struct sl_table_def table = {.name = "t",
                                          .columns = columns,
                                          .column_count = LEN(columns),
                                          .primary_key = key,
                                          .strict_objects = strict};

static void check(bool truth)
{
    if (!truth) abort();
}

static enum sl_special special(const struct sl_json *object, double *out)
{
    if (sl_json_len(object) != 1) return SL_SPECIAL_NONE;
    if (sl_json_str(sl_json_get(object, "error"))) return SL_SPECIAL_ERROR;
    if (!sl_json_str(sl_json_get(object, "specialValue"))) return SL_SPECIAL_NONE;
    *out = (double)NAN;
    return SL_SPECIAL_NUMBER;
}

static int64_t append(struct sl_batch *batch, const struct sl_doc *doc, const struct sl_json *row)
{
    /* What the row is called also goes in as a constant: text of any form. */
    struct sl_constant constant = {"c", sl_json_str(sl_json_get(row, "id"))};
    struct sl_error error = {0};
    int64_t before = sl_batch_rows(batch);
    enum sl_code rc = sl_batch_append(batch, doc, row, &constant, 1, 7, 0, &error);

    check(rc == SL_OK || rc == SL_BAD_DATA);
    check(sl_batch_rows(batch) == before + (rc == SL_OK));
    check(rc == SL_OK || error.message[0]);
    return rc == SL_OK;
}

/* The same as a delete, in a batch of its own: a key and nothing else. */
static void take_out(struct sl_batch *batch, const struct sl_doc *doc, const struct sl_json *row)
{
    struct sl_error error = {0};
    enum sl_code rc = sl_batch_append_delete(batch, doc, row, 7, 0, &error);

    check(rc == SL_OK || rc == SL_BAD_DATA);
    check(sl_batch_rows(batch) == (rc == SL_OK));
    check(sl_batch_counts(batch)->rows == 0);
    for (int reason = 0; reason < SL_RESCUE_COUNT; reason++)
        check(sl_batch_counts(batch)->rescued[reason] == 0);
    if (rc) return;

    struct ArrowArray array = {0};
    check(sl_batch_take(batch, &array, &error) == SL_OK);
    /* Arrow counts what is not there: all but the key and the time of it */
    check(array.children[0]->null_count == 0);
    for (int64_t i = 1; i < array.n_children - 1; i++) check(array.children[i]->null_count == 1);
    array.release(&array);
}

/* How many values this row's _rescued_data holds. */
static int64_t check_rescued(struct sl_doc *doc, struct ArrowStringView rescued)
{
    const struct sl_json *root;
    struct sl_error error;

    check(sl_doc_parse_copy(doc, rescued.data, (size_t)rescued.size_bytes, &root, &error) == SL_OK);
    check(sl_json_kind(root) == SL_JSON_OBJECT && sl_json_len(root) > 0);
    check(sl_doc_bad_count(doc) == 0);
    for (struct sl_json_each e = sl_json_each(root); sl_json_next(&e);)
        check(sl_json_len(e.value) == 2 && sl_json_str(sl_json_get(e.value, "reason")));
    return (int64_t)sl_json_len(root);
}

static void check_batch(struct sl_batch *batch, const struct sl_schema *schema, struct sl_doc *doc,
                        int64_t rows)
{
    const struct sl_batch_counts *counts = sl_batch_counts(batch);
    struct ArrowSchema arrow_schema = {0};
    struct ArrowArray array = {0};
    struct ArrowArrayView view;
    struct sl_error error;
    int64_t counted = 0, found = 0;

    check(counts->rows == rows);
    check(sl_batch_arrow_schema(batch, &arrow_schema, &error) == SL_OK);
    check(sl_batch_take(batch, &array, &error) == SL_OK);
    check(array.length == rows);
    check(ArrowArrayViewInitFromSchema(&view, &arrow_schema, NULL) == NANOARROW_OK);
    check(ArrowArrayViewSetArray(&view, &array, NULL) == NANOARROW_OK);
    check(ArrowArrayViewValidate(&view, NANOARROW_VALIDATION_LEVEL_FULL, NULL) == NANOARROW_OK);
    for (int64_t i = 0; i < rows; i++) {
        const struct ArrowArrayView *rescued = view.children[schema->rescued];

        check(!ArrowArrayViewIsNull(view.children[schema->keys[0]], i));
        if (!ArrowArrayViewIsNull(rescued, i))
            found += check_rescued(doc, ArrowArrayViewGetStringUnsafe(rescued, i));
    }
    for (int reason = 0; reason < SL_RESCUE_COUNT; reason++) counted += counts->rescued[reason];
    check(counted == found);
    ArrowArrayViewReset(&view);
    array.release(&array);
    arrow_schema.release(&arrow_schema);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sl_doc *doc = sl_doc_new((size_t)1 << 20), *second = sl_doc_new(0);
    struct sl_schema *schema;
    struct sl_batch *batch, *deletes;
    const struct sl_json *root;
    struct sl_error error;
    int64_t rows = 0;

    check(doc && second);
    check(sl_schema_new(&table, NULL, &schema, &error) == SL_OK);
    check(sl_batch_new(schema, special, &batch, &error) == SL_OK);
    check(sl_batch_new(schema, special, &deletes, &error) == SL_OK);
    if (sl_doc_parse_copy(doc, (const char *)data, size, &root, &error) == SL_OK) {
        if (sl_json_kind(root) == SL_JSON_ARRAY)
            for (struct sl_json_each e = sl_json_each(root); sl_json_next(&e);)
                rows += append(batch, doc, e.value);
        else
            rows += append(batch, doc, root);
        check_batch(batch, schema, second, rows);
        for (struct sl_json_each e = sl_json_each(root); sl_json_next(&e);)
            take_out(deletes, doc, e.value);
    }
    sl_batch_free(batch);
    sl_batch_free(deletes);
    sl_schema_free(schema);
    sl_doc_free(doc);
    sl_doc_free(second);
    check(sl_alloc_live() == 0);
    return 0;
}
