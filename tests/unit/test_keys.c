/* Hashes of keys depend on values alone; the set finds every hash that came twice, also when most
 * of them went through its file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <nanoarrow/nanoarrow.h>

#include "base/alloc.h"
#include "table/keys.h"

/* ------------------------------------------------------------------ hashes */

struct frame {
    struct ArrowSchema schema;
    struct ArrowArray array;
};

/* A struct of columns of these types, with nothing in it. */
static void frame_init(struct frame *frame, const enum ArrowType *types, int64_t count)
{
    memset(frame, 0, sizeof *frame);
    ArrowSchemaInit(&frame->schema);
    assert_int_equal(ArrowSchemaSetTypeStruct(&frame->schema, count), NANOARROW_OK);
    for (int64_t i = 0; i < count; i++) {
        struct ArrowSchema *child = frame->schema.children[i];

        if (types[i] == NANOARROW_TYPE_TIMESTAMP)
            assert_int_equal(ArrowSchemaSetTypeDateTime(child, types[i], NANOARROW_TIME_UNIT_MICRO,
                                                        "UTC"),
                             NANOARROW_OK);
        else if (types[i] == NANOARROW_TYPE_DECIMAL128)
            assert_int_equal(ArrowSchemaSetTypeDecimal(child, types[i], 38, 2), NANOARROW_OK);
        else
            assert_int_equal(ArrowSchemaSetType(child, types[i]), NANOARROW_OK);
        assert_int_equal(ArrowSchemaSetName(child, "k"), NANOARROW_OK);
    }
    assert_int_equal(ArrowArrayInitFromSchema(&frame->array, &frame->schema, NULL), NANOARROW_OK);
    assert_int_equal(ArrowArrayStartAppending(&frame->array), NANOARROW_OK);
}

static void frame_release(struct frame *frame)
{
    ArrowArrayRelease(&frame->array);
    ArrowSchemaRelease(&frame->schema);
}

static void hash(struct frame *frame, const size_t *columns, size_t count, uint64_t *out)
{
    struct sl_error error;

    assert_int_equal(ArrowArrayFinishBuildingDefault(&frame->array, NULL), NANOARROW_OK);
    if (sl_keys_hash(&frame->schema, &frame->array, columns, count, out, &error))
        fail_msg("%s", error.message);
}

static void end_row(struct frame *frame)
{
    assert_int_equal(ArrowArrayFinishElement(&frame->array), NANOARROW_OK);
}

static void add_text(struct frame *frame, int64_t column, const char *text)
{
    struct ArrowArray *child = frame->array.children[column];

    assert_int_equal(text ? ArrowArrayAppendString(child, ArrowCharView(text))
                          : ArrowArrayAppendNull(child, 1),
                     NANOARROW_OK);
}

static void equal_texts_hash_alike_and_others_do_not(void **state)
{
    static const char *const texts[] = {"",  "a",  "b",         "ab",        "ba",       NULL,
                                        "1", "a ", "recAbcdef", "recabcdef", "12345678", "1234567"};
    static const size_t first = 0;
    enum ArrowType type = NANOARROW_TYPE_STRING;
    size_t n = sizeof texts / sizeof *texts;
    uint64_t out[64];
    struct frame frame;

    (void)state;
    frame_init(&frame, &type, 1);
    for (size_t i = 0; i < 2 * n; i++) {
        add_text(&frame, 0, texts[i % n]);
        end_row(&frame);
    }
    hash(&frame, &first, 1, out);
    for (size_t i = 0; i < 2 * n; i++)
        for (size_t k = 0; k < i; k++) assert_int_equal(out[i] == out[k], i % n == k % n);

    /* The same value at another place of a batch that starts behind its first row. */
    struct frame other;
    struct sl_error error;
    uint64_t again;
    frame_init(&other, &type, 1);
    add_text(&other, 0, "zzz");
    end_row(&other);
    add_text(&other, 0, "recAbcdef");
    end_row(&other);
    assert_int_equal(ArrowArrayFinishBuildingDefault(&other.array, NULL), NANOARROW_OK);
    other.array.offset = 1;
    other.array.length = 1;
    assert_int_equal(sl_keys_hash(&other.schema, &other.array, &first, 1, &again, &error), SL_OK);
    assert_int_equal(again, out[8]);
    frame_release(&other);
    frame_release(&frame);
}

static void columns_do_not_run_together(void **state)
{
    static const enum ArrowType types[] = {NANOARROW_TYPE_STRING, NANOARROW_TYPE_STRING};
    static const char *const rows[][2] = {{"ab", "c"}, {"a", "bc"}, {"c", "ab"},
                                          {"abc", ""}, {"", "abc"}, {"abc", NULL}};
    static const size_t both[] = {0, 1}, swapped[] = {1, 0};
    uint64_t out[6], crossed[6];
    struct frame frame;

    (void)state;
    frame_init(&frame, types, 2);
    for (size_t i = 0; i < 6; i++) {
        add_text(&frame, 0, rows[i][0]);
        add_text(&frame, 1, rows[i][1]);
        end_row(&frame);
    }
    hash(&frame, both, 2, out);
    hash(&frame, swapped, 2, crossed);
    for (size_t i = 0; i < 6; i++) {
        for (size_t k = 0; k < i; k++) assert_int_not_equal(out[i], out[k]);
        assert_int_not_equal(out[i], crossed[i]);
    }
    assert_int_equal(out[0], crossed[2]); /* ("ab","c") read the other way round */
    frame_release(&frame);
}

/* The hash of one number in a column of its own. */
static uint64_t hash_number(enum ArrowType type, int64_t integer, double number)
{
    static const size_t first = 0;
    struct ArrowDecimal decimal;
    struct frame frame;
    struct ArrowArray *child;
    uint64_t out;

    frame_init(&frame, &type, 1);
    child = frame.array.children[0];
    if (type == NANOARROW_TYPE_DOUBLE) {
        assert_int_equal(ArrowArrayAppendDouble(child, number), NANOARROW_OK);
    } else if (type == NANOARROW_TYPE_DECIMAL128) {
        ArrowDecimalInit(&decimal, 128, 38, 2);
        ArrowDecimalSetInt(&decimal, integer);
        assert_int_equal(ArrowArrayAppendDecimal(child, &decimal), NANOARROW_OK);
    } else {
        assert_int_equal(ArrowArrayAppendInt(child, integer), NANOARROW_OK);
    }
    end_row(&frame);
    hash(&frame, &first, 1, &out);
    frame_release(&frame);
    return out;
}

static void numbers_hash_by_value(void **state)
{
    (void)state;
    assert_int_equal(hash_number(NANOARROW_TYPE_INT64, -5, 0),
                     hash_number(NANOARROW_TYPE_INT32, -5, 0));
    assert_int_not_equal(hash_number(NANOARROW_TYPE_INT64, -5, 0),
                         hash_number(NANOARROW_TYPE_INT64, 5, 0));
    assert_int_equal(hash_number(NANOARROW_TYPE_TIMESTAMP, 7, 0),
                     hash_number(NANOARROW_TYPE_TIMESTAMP, 7, 0));
    assert_int_equal(hash_number(NANOARROW_TYPE_DATE32, 7, 0),
                     hash_number(NANOARROW_TYPE_DATE32, 7, 0));
    assert_int_not_equal(hash_number(NANOARROW_TYPE_BOOL, 1, 0),
                         hash_number(NANOARROW_TYPE_BOOL, 0, 0));
    assert_int_equal(hash_number(NANOARROW_TYPE_DECIMAL128, -125, 0),
                     hash_number(NANOARROW_TYPE_DECIMAL128, -125, 0));
    assert_int_not_equal(hash_number(NANOARROW_TYPE_DECIMAL128, -125, 0),
                         hash_number(NANOARROW_TYPE_DECIMAL128, 125, 0));
    assert_int_equal(hash_number(NANOARROW_TYPE_DOUBLE, 0, 0.0),
                     hash_number(NANOARROW_TYPE_DOUBLE, 0, -0.0));
    assert_int_equal(hash_number(NANOARROW_TYPE_DOUBLE, 0, (double)NAN),
                     hash_number(NANOARROW_TYPE_DOUBLE, 0, -(double)NAN));
    assert_int_not_equal(hash_number(NANOARROW_TYPE_DOUBLE, 0, 1.5),
                         hash_number(NANOARROW_TYPE_DOUBLE, 0, -1.5));
}

static void other_types_are_refused(void **state)
{
    enum ArrowType type = NANOARROW_TYPE_LIST;
    static const size_t first = 0, beyond = 1;
    struct frame frame;
    struct sl_error error;
    uint64_t out[1];

    (void)state;
    memset(&frame, 0, sizeof frame);
    ArrowSchemaInit(&frame.schema);
    assert_int_equal(ArrowSchemaSetTypeStruct(&frame.schema, 1), NANOARROW_OK);
    assert_int_equal(ArrowSchemaSetType(frame.schema.children[0], type), NANOARROW_OK);
    assert_int_equal(ArrowSchemaSetType(frame.schema.children[0]->children[0],
                                        NANOARROW_TYPE_INT64),
                     NANOARROW_OK);
    assert_int_equal(ArrowArrayInitFromSchema(&frame.array, &frame.schema, NULL), NANOARROW_OK);
    assert_int_equal(ArrowArrayStartAppending(&frame.array), NANOARROW_OK);
    assert_int_equal(ArrowArrayFinishElement(frame.array.children[0]), NANOARROW_OK);
    end_row(&frame);
    assert_int_equal(ArrowArrayFinishBuildingDefault(&frame.array, NULL), NANOARROW_OK);
    assert_int_equal(sl_keys_hash(&frame.schema, &frame.array, &first, 1, out, &error),
                     SL_UNSUPPORTED);
    assert_int_equal(sl_keys_hash(&frame.schema, &frame.array, &beyond, 1, out, &error), SL_BUG);
    frame_release(&frame);
}

/* ------------------------------------------------------------------ the set */

static const char *directory(void)
{
    const char *tmp = getenv("SLUICE_TEST_TMP");

    return tmp ? tmp : "/tmp";
}

static uint64_t scramble(uint64_t n)
{
    return (n + 1) * UINT64_C(0x9E3779B97F4A7C15);
}

static int by_value(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

/* `count` hashes, every `step`-th of them again at the end, the first of those a third time. */
static enum sl_code repeats_of(size_t count, size_t step, size_t buffer_bytes,
                               struct sl_error *error)
{
    struct sl_key_set *set = NULL;
    uint64_t page[100], *expected;
    const uint64_t *out;
    size_t in_page = 0, wanted = 0, found;
    enum sl_code rc = sl_key_set_new(directory(), buffer_bytes, &set, error);

    expected = test_malloc((count / step + 1) * sizeof *expected);
    for (size_t i = 0; !rc && i < count; i++) {
        page[in_page++] = scramble(i);
        if (in_page == 100 || i + 1 == count) {
            rc = sl_key_set_add(set, page, in_page, error);
            in_page = 0;
        }
    }
    for (size_t i = 0; !rc && i < count; i += step) {
        expected[wanted++] = scramble(i);
        rc = sl_key_set_add(set, &expected[wanted - 1], 1, error);
        if (!rc && i == 0) rc = sl_key_set_add(set, expected, 1, error);
    }
    if (!rc) rc = sl_key_set_repeats(set, &out, &found, error);
    if (!rc) {
        qsort(expected, wanted, sizeof *expected, by_value);
        assert_int_equal(found, wanted);
        if (wanted > 0) assert_memory_equal(out, expected, wanted * sizeof *out);
        assert_int_equal(sl_key_set_repeats(set, &out, &found, error), SL_OK); /* again: same */
        assert_int_equal(found, wanted);
    }
    sl_key_set_free(set);
    test_free(expected);
    return rc;
}

static void every_repeat_is_found(void **state)
{
    static const struct {
        size_t count, step;
    } sizes[] = {{0, 1},     {1, 1},    {255, 7},    {256, 300},       {257, 3},
                 {5000, 11}, {5000, 1}, {60000, 97}, {100000, 1000000}};
    struct sl_error error;

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        /* 256 hashes in memory: up to 390 runs, so that runs are merged into longer ones too. */
        assert_int_equal(repeats_of(sizes[i].count, sizes[i].step, 1, &error), SL_OK);
        assert_int_equal(repeats_of(sizes[i].count, sizes[i].step, 0, &error), SL_OK);
    }
    assert_int_equal(sl_alloc_live(), 0);
}

static void a_directory_that_cannot_be_written_is_the_destinations_fault(void **state)
{
    struct sl_key_set *set;
    struct sl_error error;
    uint64_t hashes[600] = {0};

    (void)state;
    assert_int_equal(sl_key_set_new("/nonexistent/there", 1, &set, &error), SL_OK);
    assert_int_equal(sl_key_set_add(set, hashes, 600, &error), SL_DESTINATION);
    assert_non_null(strstr(error.message, "/nonexistent/there"));
    assert_true(error.hint[0] != '\0');
    sl_key_set_free(set);
    assert_int_equal(sl_alloc_live(), 0);
}

static void too_many_repeats_are_an_error(void **state)
{
    struct sl_key_set *set;
    struct sl_error error;
    const uint64_t *out;
    size_t count;
    enum sl_code rc = SL_OK;

    (void)state;
    assert_int_equal(sl_key_set_new(directory(), 0, &set, &error), SL_OK);
    for (uint64_t i = 0; !rc && i < SL_KEY_SET_REPEATS_MAX + 1; i++) {
        uint64_t twice[2] = {scramble(i), scramble(i)};

        rc = sl_key_set_add(set, twice, 2, &error);
    }
    assert_int_equal(rc, SL_OK);
    assert_int_equal(sl_key_set_repeats(set, &out, &count, &error), SL_TOO_LARGE);
    sl_key_set_free(set);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    for (int64_t n = 0;; n++) {
        struct sl_error error = {0};

        sl_alloc_fail_after(n);
        enum sl_code rc = repeats_of(3000, 5, 1, &error);
        sl_alloc_fail_after(-1);
        assert_int_equal(sl_alloc_live(), 0);
        if (rc == SL_OK) break;
        assert_int_equal(rc, SL_NO_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_texts_hash_alike_and_others_do_not),
        cmocka_unit_test(columns_do_not_run_together),
        cmocka_unit_test(numbers_hash_by_value),
        cmocka_unit_test(other_types_are_refused),
        cmocka_unit_test(every_repeat_is_found),
        cmocka_unit_test(a_directory_that_cannot_be_written_is_the_destinations_fault),
        cmocka_unit_test(too_many_repeats_are_an_error),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
