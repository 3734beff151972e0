/* Keys and rows hash by their values alone: alike when equal, whatever holds them, and else not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "table/row_hash.h"
#include "unit/frame.h"

static const struct sl_hash_key secret = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};

static void keys_of(struct frame *frame, const size_t *columns, size_t count, struct sl_key128 *out)
{
    struct sl_error error;

    frame_done(frame);
    if (sl_hash_keys(&secret, &frame->schema, &frame->array, columns, count, out, &error))
        fail_msg("%s", error.message);
}

static bool same(struct sl_key128 a, struct sl_key128 b)
{
    return a.a == b.a && a.b == b.b;
}

static void equal_keys_hash_alike_and_others_do_not(void **state)
{
    static const char *const texts[] = {"",  "a",  "b",         "ab",        "ba",     NULL,
                                        "1", "a ", "recAbcdef", "recabcdef", "1234567"};
    static const char *const kinds[] = {"k:u", "k:U", "k:vu"};
    enum { N = sizeof texts / sizeof *texts };
    static const size_t first = 0;
    struct sl_key128 out[3][2 * N];

    (void)state;
    for (size_t kind = 0; kind < 3; kind++) {
        const char *formats[] = {kinds[kind], NULL};
        struct frame frame;

        frame_init(&frame, formats);
        for (size_t i = 0; i < 2 * N; i++) {
            frame_add_text(&frame, 0, texts[i % N]);
            frame_end_row(&frame);
        }
        keys_of(&frame, &first, 1, out[kind]);
        for (size_t i = 0; i < 2 * N; i++) {
            for (size_t k = 0; k < i; k++)
                assert_int_equal(same(out[kind][i], out[kind][k]), i % N == k % N);
            assert_true(same(out[kind][i], out[0][i]));
        }
        frame_release(&frame);
    }
}

static void another_secret_gives_other_hashes(void **state)
{
    static const struct sl_hash_key other = {{9}};
    static const char *const formats[] = {"k:u", NULL};
    static const size_t first = 0;
    struct sl_key128 one, two;
    struct sl_error error;
    struct frame frame;

    (void)state;
    frame_init(&frame, formats);
    frame_add_text(&frame, 0, "recAbcdef");
    frame_end_row(&frame);
    keys_of(&frame, &first, 1, &one);
    assert_int_equal(sl_hash_keys(&other, &frame.schema, &frame.array, &first, 1, &two, &error),
                     SL_OK);
    assert_false(same(one, two));
    frame_release(&frame);
}

static void columns_do_not_run_together(void **state)
{
    static const char *const formats[] = {"x:u", "y:u", NULL};
    static const char *const rows[][2] = {{"ab", "c"}, {"a", "bc"},   {"c", "ab"},  {"abc", ""},
                                          {"", "abc"}, {"abc", NULL}, {NULL, "abc"}};
    enum { N = sizeof rows / sizeof *rows };
    static const size_t both[] = {0, 1}, swapped[] = {1, 0};
    struct sl_key128 out[N], crossed[N];
    struct frame frame;

    (void)state;
    frame_init(&frame, formats);
    for (size_t i = 0; i < N; i++) {
        frame_add_text(&frame, 0, rows[i][0]);
        frame_add_text(&frame, 1, rows[i][1]);
        frame_end_row(&frame);
    }
    keys_of(&frame, both, 2, out);
    keys_of(&frame, swapped, 2, crossed);
    for (size_t i = 0; i < N; i++) {
        for (size_t k = 0; k < i; k++) assert_false(same(out[i], out[k]));
        assert_false(same(out[i], crossed[i]));
    }
    assert_true(same(out[0], crossed[2])); /* ("ab","c") read the other way round */
    frame_release(&frame);
}

/* The key of one number in a column of its own. */
static struct sl_key128 number_key(const char *format, int64_t integer, double number)
{
    const char *formats[] = {format, NULL};
    static const size_t first = 0;
    struct ArrowDecimal decimal;
    struct sl_key128 out;
    struct frame frame;

    frame_init(&frame, formats);
    if (format[2] == 'g' || format[2] == 'f') {
        assert_int_equal(ArrowArrayAppendDouble(frame_column(&frame, 0), number), NANOARROW_OK);
    } else if (format[2] == 'd') {
        ArrowDecimalInit(&decimal, 128, 38, 2);
        ArrowDecimalSetInt(&decimal, integer);
        assert_int_equal(ArrowArrayAppendDecimal(frame_column(&frame, 0), &decimal), NANOARROW_OK);
    } else {
        frame_add_int(&frame, 0, integer);
    }
    frame_end_row(&frame);
    keys_of(&frame, &first, 1, &out);
    frame_release(&frame);
    return out;
}

static void numbers_hash_by_value(void **state)
{
    static const struct {
        const char *format;
        int64_t integer;
        double number;
        const char *other;
        int64_t other_integer;
        double other_number;
        bool same;
    } pairs[] = {
        {"k:l", -5, 0, "k:i", -5, 0, true},
        {"k:l", -5, 0, "k:s", -5, 0, true},
        {"k:l", -5, 0, "k:c", -5, 0, true},
        {"k:l", -5, 0, "k:l", 5, 0, false},
        {"k:tsu:UTC", 7, 0, "k:tsu:", 7, 0, true},
        {"k:tsu:UTC", 7, 0, "k:tsu:UTC", 8, 0, false},
        {"k:tdD", 7, 0, "k:tdD", 7, 0, true},
        {"k:b", 1, 0, "k:b", 0, 0, false},
        {"k:d:38,2", -125, 0, "k:d:20,2", -125, 0, true},
        {"k:d:38,2", -125, 0, "k:d:38,2", 125, 0, false},
        {"k:g", 0, 0.0, "k:g", 0, -0.0, true},
        {"k:g", 0, 1.5, "k:f", 0, 1.5, true},
        {"k:g", 0, 1.5, "k:g", 0, -1.5, false},
        {"k:g", 0, 1, "k:l", 1, 0, false},
        {"k:g", 0, (double)NAN, "k:g", 0, -(double)NAN, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        assert_int_equal(same(number_key(pairs[i].format, pairs[i].integer, pairs[i].number),
                              number_key(pairs[i].other, pairs[i].other_integer,
                                         pairs[i].other_number)),
                         pairs[i].same);
}

static void what_no_key_has_is_refused(void **state)
{
    static const char *const formats[] = {"l:a<l>", "s:s<x:l>", "m:m<l>", "ns:tsn:", NULL};
    struct sl_key128 out[1];
    struct sl_error error;
    struct frame frame;

    (void)state;
    frame_init(&frame, formats);
    frame_done(&frame);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(sl_hash_keys(&secret, &frame.schema, &frame.array, &i, 1, out, &error),
                         SL_UNSUPPORTED);
    for (size_t beyond = 4; beyond < 6; beyond++)
        assert_int_equal(sl_hash_keys(&secret, &frame.schema, &frame.array, &beyond, 1, out,
                                      &error),
                         SL_BUG);
    frame_release(&frame);
}

/* ------------------------------------------------------------------ rows */

/* One column of attachments, {id, url, size} each, one of scores and one flat: what a row is made
 * of. Texts that are NULL are NULL; an id of NULL is an attachment that is NULL. */
struct sample {
    const char *ids[3];
    const char *urls[3];
    int64_t sizes[3];
    size_t attachments;
    const char *score_keys[3];
    int64_t scores[3];
    size_t score_count;
    const char *name;
    bool no_list;
};

static void add_attachment(struct ArrowArray *item, const struct sample *s, size_t i, bool swapped)
{
    struct ArrowArray *id = item->children[swapped ? 1 : 0], *url = item->children[swapped ? 0 : 1];

    if (!s->ids[i]) {
        assert_int_equal(ArrowArrayAppendNull(item, 1), NANOARROW_OK);
        return;
    }
    assert_int_equal(ArrowArrayAppendString(id, ArrowCharView(s->ids[i])), NANOARROW_OK);
    if (s->urls[i])
        assert_int_equal(ArrowArrayAppendString(url, ArrowCharView(s->urls[i])), NANOARROW_OK);
    else
        assert_int_equal(ArrowArrayAppendNull(url, 1), NANOARROW_OK);
    assert_int_equal(ArrowArrayAppendInt(item->children[2], s->sizes[i]), NANOARROW_OK);
    if (item->n_children == 4) /* a member that came later */
        assert_int_equal(ArrowArrayAppendNull(item->children[3], 1), NANOARROW_OK);
    assert_int_equal(ArrowArrayFinishElement(item), NANOARROW_OK);
}

static void add_sample(struct frame *frame, const struct sample *s, bool swapped)
{
    struct ArrowArray *list = frame_column(frame, 0), *map = frame_column(frame, 1);

    if (s->no_list) {
        frame_add_null(frame, 0);
    } else {
        for (size_t i = 0; i < s->attachments; i++)
            add_attachment(list->children[0], s, i, swapped);
        assert_int_equal(ArrowArrayFinishElement(list), NANOARROW_OK);
    }
    for (size_t i = 0; i < s->score_count; i++) {
        struct ArrowArray *entries = map->children[0];
        assert_int_equal(ArrowArrayAppendString(entries->children[0],
                                                ArrowCharView(s->score_keys[i])),
                         NANOARROW_OK);
        assert_int_equal(ArrowArrayAppendInt(entries->children[1], s->scores[i]), NANOARROW_OK);
        assert_int_equal(ArrowArrayFinishElement(entries), NANOARROW_OK);
    }
    assert_int_equal(ArrowArrayFinishElement(map), NANOARROW_OK);
    frame_add_text(frame, 2, s->name);
    frame_end_row(frame);
}

static const char *const usual[] = {"files:a<s<id:u,url:u,size:l>>", "scores:m<l>", "name:u", NULL};

static const struct sample samples[] = {
    {.name = "none"},
    {.name = "none", .no_list = true},
    {.name = NULL},
    {.ids = {"att1"}, .urls = {"u1"}, .sizes = {5}, .attachments = 1, .name = "one"},
    {.ids = {"att1"}, .urls = {NULL}, .sizes = {5}, .attachments = 1, .name = "one"},
    {.ids = {"att1"}, .urls = {"u1"}, .sizes = {6}, .attachments = 1, .name = "one"},
    {.ids = {NULL}, .attachments = 1, .name = "one"},
    {.ids = {"att1", "att2"}, .urls = {"u", "u"}, .attachments = 2, .name = "two"},
    {.ids = {"att2", "att1"}, .urls = {"u", "u"}, .attachments = 2, .name = "two"},
    {.score_keys = {"a", "b"}, .scores = {1, 2}, .score_count = 2, .name = "map"},
    {.score_keys = {"a", "b"}, .scores = {2, 1}, .score_count = 2, .name = "map"},
    {.score_keys = {"a"}, .scores = {1}, .score_count = 1, .name = "map"},
};
enum { SAMPLES = sizeof samples / sizeof *samples };

static const struct sl_hashed_column all_columns[] = {{.child = 0}, {.child = 1}, {.child = 2}};

static void rows_of(struct frame *frame, const struct sl_hashed_column *columns, uint64_t *out)
{
    struct sl_error error;

    if (sl_hash_rows(&secret, &frame->schema, &frame->array, columns, 3, out, &error))
        fail_msg("%s", error.message);
}

static void nested_rows_hash_alike_only_when_equal(void **state)
{
    struct frame frame;
    uint64_t out[2 * SAMPLES];

    (void)state;
    frame_init(&frame, usual);
    for (size_t i = 0; i < 2 * SAMPLES; i++) add_sample(&frame, &samples[i % SAMPLES], false);
    frame_done(&frame);
    rows_of(&frame, all_columns, out);
    for (size_t i = 0; i < 2 * SAMPLES; i++)
        for (size_t k = 0; k < i; k++)
            if ((out[i] == out[k]) != (i % SAMPLES == k % SAMPLES))
                fail_msg("rows %zu and %zu", i, k);
    frame_release(&frame);
}

/* The same rows by themselves, one batch each: from a batch, from a slice of it, and from one whose
 * columns are slices. */
static void slices_hash_like_the_whole(void **state)
{
    struct frame frame;
    uint64_t whole[SAMPLES], part[SAMPLES];

    (void)state;
    frame_init(&frame, usual);
    for (size_t i = 0; i < SAMPLES; i++) add_sample(&frame, &samples[i], false);
    frame_done(&frame);
    rows_of(&frame, all_columns, whole);
    for (int64_t by_batch = 0; by_batch < 4; by_batch++)
        for (int64_t by_column = 0; by_column < 4; by_column++) {
            frame.array.offset = by_batch;
            frame.array.length = SAMPLES - by_batch - by_column;
            for (int64_t c = 0; c < 3; c++) {
                frame_column(&frame, c)->offset = by_column;
                frame_column(&frame, c)->length = SAMPLES - by_column;
            }
            rows_of(&frame, all_columns, part);
            assert_memory_equal(part, whole + by_batch + by_column,
                                (size_t)frame.array.length * sizeof *part);
        }
    frame_release(&frame);
}

/* The offsets of what is nested count too: entries of a list and of a map, members of a struct. */
static void nested_slices_hash_by_their_own_offsets(void **state)
{
    static const struct sample three = {.ids = {"a", "b", "c"},
                                        .urls = {"1", NULL, "3"},
                                        .sizes = {1, 2, 3},
                                        .attachments = 3,
                                        .score_keys = {"x", "y", "z"},
                                        .scores = {7, 8, 9},
                                        .score_count = 3},
                               last_two = {.ids = {"b", "c"},
                                           .urls = {NULL, "3"},
                                           .sizes = {2, 3},
                                           .attachments = 2,
                                           .score_keys = {"y", "z"},
                                           .scores = {8, 9},
                                           .score_count = 2};
    struct frame frame, wanted;
    uint64_t out, expected;

    (void)state;
    frame_init(&frame, usual);
    add_sample(&frame, &three, false);
    frame_done(&frame);
    for (int64_t c = 0; c < 2; c++) {
        struct ArrowArray *column = frame_column(&frame, c), *items = column->children[0];
        int32_t *offsets = (int32_t *)(uintptr_t)column->buffers[1];

        offsets[1] = 2; /* rows 1 and 2 of the items are its rows 0 and 1 */
        items->length = 2;
        if (c == 0) { /* of the list by its members, of the map by its entries */
            for (int64_t m = 0; m < 3; m++) {
                items->children[m]->offset = 1;
                items->children[m]->length = 2;
            }
        } else {
            items->offset = 1;
        }
    }
    rows_of(&frame, all_columns, &out);
    frame_init(&wanted, usual);
    add_sample(&wanted, &last_two, false);
    frame_done(&wanted);
    rows_of(&wanted, all_columns, &expected);
    assert_int_equal(out, expected);
    frame_release(&frame);
    frame_release(&wanted);
}

static void the_order_of_members_and_entries_does_not_matter(void **state)
{
    static const char *const swapped[] = {"files:a<s<url:u,id:u,size:l>>", "scores:m<l>", "name:u",
                                          NULL},
                             *const later[] = {"files:a<s<id:u,url:u,size:l,new:u>>", "scores:m<l>",
                                               "name:u", NULL};
    static const struct sample turned = {.score_keys = {"b", "a"},
                                         .scores = {2, 1},
                                         .score_count = 2,
                                         .name = "map"};
    uint64_t expected[SAMPLES], out[SAMPLES + 1];
    struct frame frame;

    (void)state;
    frame_init(&frame, usual);
    for (size_t i = 0; i < SAMPLES; i++) add_sample(&frame, &samples[i], false);
    frame_done(&frame);
    rows_of(&frame, all_columns, expected);
    frame_release(&frame);

    frame_init(&frame, swapped);
    for (size_t i = 0; i < SAMPLES; i++) add_sample(&frame, &samples[i], true);
    add_sample(&frame, &turned, true);
    frame_done(&frame);
    rows_of(&frame, all_columns, out);
    assert_memory_equal(out, expected, sizeof expected);
    assert_int_equal(out[SAMPLES], expected[9]);
    frame_release(&frame);

    frame_init(&frame, later);
    for (size_t i = 0; i < SAMPLES; i++) add_sample(&frame, &samples[i], false);
    frame_done(&frame);
    rows_of(&frame, all_columns, out);
    assert_memory_equal(out, expected, sizeof expected);
    frame_release(&frame);
}

static void fleeting_members_are_passed_over(void **state)
{
    static const struct sl_member members[] = {{.name = "id", .type = {.kind = SL_TYPE_STRING}},
                                               {.name = "url",
                                                .type = {.kind = SL_TYPE_STRING},
                                                .fleeting = true},
                                               {.name = "size", .type = {.kind = SL_TYPE_BIGINT}}};
    static const struct sl_member element = {
        .type = {.kind = SL_TYPE_STRUCT, .member_count = 3, .members = members}};
    static const struct sl_type type = {.kind = SL_TYPE_ARRAY,
                                        .member_count = 1,
                                        .members = &element};
    const struct sl_hashed_column columns[] = {{.child = 0, .type = &type},
                                               {.child = 1},
                                               {.child = 2}};
    uint64_t out[SAMPLES];
    struct frame frame;

    (void)state;
    frame_init(&frame, usual);
    for (size_t i = 0; i < SAMPLES; i++) add_sample(&frame, &samples[i], false);
    frame_done(&frame);
    rows_of(&frame, columns, out);
    for (size_t i = 0; i < SAMPLES; i++)
        for (size_t k = 0; k < i; k++)
            assert_int_equal(out[i] == out[k], i == 4 && k == 3); /* another url alone */
    frame_release(&frame);
}

static void every_allocation_may_fail(void **state)
{
    struct sample long_one = samples[7];
    static char name[2000];
    struct frame frame;
    uint64_t out[1];

    (void)state;
    memset(name, 'x', sizeof name - 1);
    long_one.name = name;
    frame_init(&frame, usual);
    add_sample(&frame, &long_one, false);
    frame_done(&frame);
    for (int64_t n = 0;; n++) {
        struct sl_error error;

        sl_alloc_fail_after(n);
        enum sl_code rc =
            sl_hash_rows(&secret, &frame.schema, &frame.array, all_columns, 3, out, &error);
        sl_alloc_fail_after(-1);
        assert_int_equal(sl_alloc_live(), 0);
        if (rc == SL_OK) break;
        assert_int_equal(rc, SL_NO_MEMORY);
        assert_true(n < 100);
    }
    frame_release(&frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_keys_hash_alike_and_others_do_not),
        cmocka_unit_test(another_secret_gives_other_hashes),
        cmocka_unit_test(columns_do_not_run_together),
        cmocka_unit_test(numbers_hash_by_value),
        cmocka_unit_test(what_no_key_has_is_refused),
        cmocka_unit_test(nested_rows_hash_alike_only_when_equal),
        cmocka_unit_test(slices_hash_like_the_whole),
        cmocka_unit_test(nested_slices_hash_by_their_own_offsets),
        cmocka_unit_test(the_order_of_members_and_entries_does_not_matter),
        cmocka_unit_test(fleeting_members_are_passed_over),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
