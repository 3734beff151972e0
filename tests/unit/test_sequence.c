/* Sequences compare as the values do that they were made of, and become those values again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "table/sequence.h"
#include "unit/arrow_text.h"
#include "unit/frame.h"

#define ROWS_MAX 512

struct sequences {
    struct sl_buf bytes;
    size_t ends[ROWS_MAX];
    int64_t rows;
};

static struct sl_seq at(const struct sequences *of, int64_t row)
{
    size_t from = row ? of->ends[row - 1] : 0;

    return (struct sl_seq){(const unsigned char *)of->bytes.data + from, of->ends[row] - from};
}

static enum sl_code sequences_of(struct frame *frame, size_t count, struct sequences *out,
                                 struct sl_error *error)
{
    static const size_t columns[] = {0, 1, 2, 3, 4, 5, 6, 7, 8};

    memset(out, 0, sizeof *out);
    out->rows = frame->array.length;
    return sl_sequences(&frame->schema, &frame->array, columns, count, &out->bytes, out->ends,
                        error);
}

/* All rows are in ascending order. */
static void assert_ascending(const struct sequences *of)
{
    for (int64_t i = 0; i < of->rows; i++)
        for (int64_t k = 0; k < of->rows; k++) {
            int order = sl_seq_compare(at(of, i), at(of, k));

            if ((order > 0) - (order < 0) != (i > k) - (i < k))
                fail_msg("rows %lld and %lld compare as %d", (long long)i, (long long)k, order);
        }
}

/* Into a column of `field`, which must read like `column` of the frame. */
static void assert_round_trip(struct frame *frame, int64_t column, const struct sequences *of)
{
    struct ArrowArray back = {0}, *kept = frame->array.children[column];
    struct sl_seq values[ROWS_MAX];
    struct sl_buf before = {0}, after = {0};
    struct sl_error error;

    for (int64_t i = 0; i < of->rows; i++) values[i] = at(of, i);
    if (sl_sequence_column(frame->schema.children[column], values, of->rows, &back, &error))
        fail_msg("%s", error.message);
    assert_null(arrow_text(&frame->schema, &frame->array, &before));
    frame->array.children[column] = &back;
    assert_null(arrow_text(&frame->schema, &frame->array, &after));
    assert_string_equal(sl_buf_str(&before), sl_buf_str(&after));
    frame->array.children[column] = kept;
    ArrowArrayRelease(&back);
    sl_buf_release(&before);
    sl_buf_release(&after);
}

static void check_ascending_column(struct frame *frame)
{
    struct sequences of, bounds = {0};
    struct sl_error error;

    frame_done(frame);
    if (sequences_of(frame, 1, &of, &error)) fail_msg("%s", error.message);
    assert_ascending(&of);
    assert_round_trip(frame, 0, &of);
    if (sl_sequence_bounds(&frame->schema, &frame->array, 0, &bounds.bytes, bounds.ends, &error))
        fail_msg("%s", error.message);
    assert_int_equal(bounds.bytes.len, of.bytes.len);
    assert_memory_equal(bounds.bytes.data, of.bytes.data, of.bytes.len);
    sl_buf_release(&of.bytes);
    sl_buf_release(&bounds.bytes);
    frame_release(frame);
}

static void integers_dates_and_times_are_ordered(void **state)
{
    static const struct {
        const char *format;
        int64_t min, max;
    } columns[] = {{"s:c", INT8_MIN, INT8_MAX},
                   {"s:s", INT16_MIN, INT16_MAX},
                   {"s:i", INT32_MIN, INT32_MAX},
                   {"s:l", INT64_MIN, INT64_MAX},
                   {"s:tdD", -719162, 2932896},
                   {"s:tsu:UTC", -62135596800000000, 253402300799999999},
                   {"s:tsu:", 0, 1}};

    (void)state;
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        const char *formats[] = {columns[i].format, NULL};
        struct frame frame;

        frame_init(&frame, formats);
        if (columns[i].min < 0) {
            const int64_t values[] = {columns[i].min,    columns[i].min + 1, -100, -1, 0, 1, 100,
                                      columns[i].max - 1};
            for (size_t k = 0; k < 8; k++) {
                frame_add_int(&frame, 0, values[k]);
                frame_end_row(&frame);
            }
        }
        frame_add_int(&frame, 0, columns[i].max);
        frame_end_row(&frame);
        check_ascending_column(&frame);
    }
}

static void doubles_are_ordered(void **state)
{
    static const double numbers[] = {-(double)INFINITY, -DBL_MAX, -1.5, -DBL_MIN, 0,
                                     4.9e-324,          1,        1.5,  DBL_MAX,  (double)INFINITY,
                                     (double)NAN};
    static const char *const formats[][2] = {{"s:g", NULL}, {"s:f", NULL}};
    struct frame frame;

    (void)state;
    frame_init(&frame, formats[0]);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        ArrowArrayAppendDouble(frame_column(&frame, 0), numbers[i]);
        frame_end_row(&frame);
    }
    check_ascending_column(&frame);

    frame_init(&frame, formats[1]);
    for (int i = -3; i < 4; i++) {
        ArrowArrayAppendDouble(frame_column(&frame, 0), i / 2.0);
        frame_end_row(&frame);
    }
    check_ascending_column(&frame);
}

static void zeros_are_one_and_nans_are_one(void **state)
{
    static const char *const formats[] = {"s:g", NULL};
    const double numbers[] = {0.0, -0.0, (double)NAN, -(double)NAN};
    struct sequences of;
    struct sl_error error;
    struct frame frame;

    (void)state;
    frame_init(&frame, formats);
    for (size_t i = 0; i < 4; i++) {
        ArrowArrayAppendDouble(frame_column(&frame, 0), numbers[i]);
        frame_end_row(&frame);
    }
    frame_done(&frame);
    assert_int_equal(sequences_of(&frame, 1, &of, &error), SL_OK);
    assert_int_equal(sl_seq_compare(at(&of, 0), at(&of, 1)), 0);
    assert_int_equal(sl_seq_compare(at(&of, 2), at(&of, 3)), 0);
    sl_buf_release(&of.bytes);
    frame_release(&frame);
}

static void decimals_are_ordered(void **state)
{
    static const char *const digits[] = {"-99999999999999999999999999999999999999",
                                         "-18446744073709551616",
                                         "-18446744073709551615",
                                         "-1",
                                         "0",
                                         "1",
                                         "18446744073709551615",
                                         "18446744073709551616",
                                         "99999999999999999999999999999999999999"};
    static const char *const formats[] = {"s:d:38,2", NULL};
    struct frame frame;

    (void)state;
    frame_init(&frame, formats);
    for (size_t i = 0; i < sizeof digits / sizeof *digits; i++) {
        struct ArrowDecimal decimal;

        ArrowDecimalInit(&decimal, 128, 38, 2);
        assert_int_equal(ArrowDecimalSetDigits(&decimal, ArrowCharView(digits[i])), NANOARROW_OK);
        assert_int_equal(ArrowArrayAppendDecimal(frame_column(&frame, 0), &decimal), NANOARROW_OK);
        frame_end_row(&frame);
    }
    check_ascending_column(&frame);
}

static void texts_and_booleans_are_ordered(void **state)
{
    static const struct {
        const char *bytes;
        int64_t len;
    } texts[] = {{"", 0},      {"\0", 1}, {"\0\0", 2}, {"\0\x01", 2},
                 {"\x01", 1},  {"A", 1},  {"A\0", 2},  {"A\0B", 3},
                 {"A\x01", 2}, {"AA", 2}, {"a", 1},    {"\xC3\xA4", 2}};
    static const char *const kinds[] = {"s:u", "s:U", "s:vu", "s:z", "s:Z"};
    static const char *const boolean[] = {"s:b", NULL};
    struct frame frame;

    (void)state;
    for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
        const char *formats[] = {kinds[kind], NULL};

        frame_init(&frame, formats);
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
            struct ArrowBufferView view = {.data.as_char = texts[i].bytes,
                                           .size_bytes = texts[i].len};
            assert_int_equal(ArrowArrayAppendBytes(frame_column(&frame, 0), view), NANOARROW_OK);
            frame_end_row(&frame);
        }
        check_ascending_column(&frame);
    }
    frame_init(&frame, boolean);
    for (int i = 0; i < 2; i++) {
        frame_add_int(&frame, 0, i);
        frame_end_row(&frame);
    }
    check_ascending_column(&frame);
}

static void several_columns_compare_one_after_the_other(void **state)
{
    static const char *const formats[] = {"a:l", "b:u", "both:s<x:l,y:u>", NULL};
    static const struct {
        int64_t a; /* 0: NULL */
        const char *b;
    } rows[] = {{0, NULL}, {0, "x"}, {1, NULL}, {1, ""},   {1, "2"},
                {1, "20"}, {1, "3"}, {2, "1"},  {10, NULL}};
    struct sequences of, bounds = {0};
    struct sl_error error;
    struct frame frame;

    (void)state;
    frame_init(&frame, formats);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ArrowArray *both = frame_column(&frame, 2);

        if (rows[i].a) {
            frame_add_int(&frame, 0, rows[i].a);
            ArrowArrayAppendInt(both->children[0], rows[i].a);
        } else {
            frame_add_null(&frame, 0);
            ArrowArrayAppendNull(both->children[0], 1);
        }
        frame_add_text(&frame, 1, rows[i].b);
        if (rows[i].b)
            ArrowArrayAppendString(both->children[1], ArrowCharView(rows[i].b));
        else
            ArrowArrayAppendNull(both->children[1], 1);
        assert_int_equal(ArrowArrayFinishElement(both), NANOARROW_OK);
        frame_end_row(&frame);
    }
    frame_done(&frame);
    assert_int_equal(sequences_of(&frame, 2, &of, &error), SL_OK);
    assert_ascending(&of);
    assert_round_trip(&frame, 2, &of);
    assert_int_equal(sl_sequence_bounds(&frame.schema, &frame.array, 2, &bounds.bytes, bounds.ends,
                                        &error),
                     SL_OK);
    assert_int_equal(bounds.bytes.len, of.bytes.len);
    assert_memory_equal(bounds.bytes.data, of.bytes.data, of.bytes.len);
    sl_buf_release(&of.bytes);
    sl_buf_release(&bounds.bytes);
    frame_release(&frame);
}

/* A batch and a struct that begin behind their first row; a NULL between values. */
static void slices_and_nulls_are_told_apart(void **state)
{
    static const char *const formats[] = {"a:l", "both:s<x:l,y:l>", NULL};
    struct sequences of, bounds = {0};
    struct sl_error error;
    struct frame frame;

    (void)state;
    frame_init(&frame, formats);
    for (int64_t i = 0; i < 6; i++) {
        struct ArrowArray *both = frame_column(&frame, 1);

        if (i == 4) {
            frame_add_null(&frame, 0);
            frame_add_null(&frame, 1);
        } else {
            frame_add_int(&frame, 0, i);
            ArrowArrayAppendInt(both->children[0], 7);
            ArrowArrayAppendInt(both->children[1], i);
            ArrowArrayFinishElement(both);
        }
        frame_end_row(&frame);
    }
    frame_done(&frame);
    /* Rows 2 to 5: one by the batch, one by the column. */
    frame.array.offset = 1;
    frame.array.length = 4;
    frame_column(&frame, 0)->offset = frame_column(&frame, 1)->offset = 1;
    frame_column(&frame, 0)->length = frame_column(&frame, 1)->length = 5;
    assert_int_equal(sequences_of(&frame, 1, &of, &error), SL_OK);
    assert_int_equal(at(&of, 0).bytes[7], 2);
    assert_int_equal(at(&of, 1).bytes[7], 3);
    assert_true(sl_seq_none(at(&of, 2)));
    assert_int_equal(at(&of, 3).bytes[7], 5);
    if (sl_sequence_bounds(&frame.schema, &frame.array, 1, &bounds.bytes, bounds.ends, &error))
        fail_msg("%s", error.message);
    assert_int_equal(at(&bounds, 0).len, 18);
    assert_int_equal(at(&bounds, 0).bytes[17], 2);
    assert_true(sl_seq_none(at(&bounds, 2)));
    assert_int_equal(at(&bounds, 3).bytes[17], 5);
    assert_true(sl_seq_compare(at(&of, 2), at(&of, 0)) < 0); /* none comes first */
    sl_buf_release(&of.bytes);
    sl_buf_release(&bounds.bytes);
    frame_release(&frame);
}

static void what_has_no_order_or_is_too_long_is_refused(void **state)
{
    static const char *const formats[] = {"list:a<l>", "ms:tsm:UTC", "text:u", NULL};
    static const size_t list = 0, millis = 1, text = 2, beyond = 3;
    static char longest[SL_SEQUENCE_BYTES_MAX];
    struct sl_buf bytes = {0}, small;
    struct sl_error error;
    struct frame frame;
    size_t ends[2];

    (void)state;
    memset(longest, 'x', sizeof longest - 2); /* and an end of two bytes */
    frame_init(&frame, formats);
    for (int i = 0; i < 2; i++) {
        ArrowArrayFinishElement(frame_column(&frame, 0));
        frame_add_int(&frame, 1, 1);
        frame_add_text(&frame, 2, longest);
        frame_end_row(&frame);
    }
    frame_done(&frame);
#define SEQUENCES(column, into)                                                                    \
    sl_sequences(&frame.schema, &frame.array, &(column), 1, (into), ends, &error)
    assert_int_equal(SEQUENCES(list, &bytes), SL_UNSUPPORTED);
    assert_non_null(strstr(error.message, "'list'"));
    assert_int_equal(SEQUENCES(millis, &bytes), SL_UNSUPPORTED);
    assert_int_equal(SEQUENCES(beyond, &bytes), SL_BUG);
    assert_int_equal(SEQUENCES(text, &bytes), SL_OK);
    assert_int_equal(ends[1], 2 * SL_SEQUENCE_BYTES_MAX);
    sl_buf_init(&small, 100);
    assert_int_equal(SEQUENCES(text, &small), SL_TOO_LARGE);
    frame_release(&frame);

    longest[sizeof longest - 2] = 'x';
    static char longer[SL_SEQUENCE_BYTES_MAX + 1];
    memset(longer, 'x', sizeof longer - 2);
    frame_init(&frame, formats);
    ArrowArrayFinishElement(frame_column(&frame, 0));
    frame_add_int(&frame, 1, 1);
    frame_add_text(&frame, 2, longer);
    frame_end_row(&frame);
    frame_done(&frame);
    assert_int_equal(SEQUENCES(text, &bytes), SL_TOO_LARGE);
    assert_non_null(strstr(error.message, "'text'"));
    sl_buf_release(&bytes);
    sl_buf_release(&small);
    frame_release(&frame);
}

/* Beginnings of some bytes: few of them are a sequence of the column, the others are refused. */
static void foreign_bytes_are_refused(void **state)
{
    static const char *const formats[] = {"n:l", "t:u", "both:s<x:l,y:u>", NULL};
    static const unsigned char some[] = {1, 0x80, 0, 0, 0, 0, 0, 0, 1, 1, 'a', 0, 0, 9};
    struct sl_error error;
    struct frame frame;

    (void)state;
    frame_init(&frame, formats);
    for (int64_t column = 0; column < 3; column++)
        for (size_t len = 1; len <= sizeof some; len++) {
            bool good = (column == 0 && len == 8) || (column == 1 && len == 4) ||
                        (column == 2 && len == sizeof some - 1);
            struct sl_seq value = {some, len};
            struct ArrowArray out = {0};
            enum sl_code rc =
                sl_sequence_column(frame.schema.children[column], &value, 1, &out, &error);

            assert_int_equal(rc, good ? SL_OK : SL_BUG);
            if (good)
                ArrowArrayRelease(&out);
            else
                assert_null(out.release);
        }
    frame_done(&frame);
    frame_release(&frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_dates_and_times_are_ordered),
        cmocka_unit_test(doubles_are_ordered),
        cmocka_unit_test(zeros_are_one_and_nans_are_one),
        cmocka_unit_test(decimals_are_ordered),
        cmocka_unit_test(texts_and_booleans_are_ordered),
        cmocka_unit_test(several_columns_compare_one_after_the_other),
        cmocka_unit_test(slices_and_nulls_are_told_apart),
        cmocka_unit_test(what_has_no_order_or_is_too_long_is_refused),
        cmocka_unit_test(foreign_bytes_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
