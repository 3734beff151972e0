/* What is written and read back hashes, and is ordered, as before: the comparison of a run with its
 * table rests on that. */
#include "unit/delta_world.h"

#include <math.h>
#include <stdio.h>

#include "base/buf.h"
#include "table/row_hash.h"
#include "table/sequence.h"
#include "unit/frame.h"

#define FIELDS                                                                                                                                                                               \
    "{\"type\":\"struct\",\"fields\":["                                                                                                                                                      \
    "{\"name\":\"id\",\"type\":\"string\",\"nullable\":false,\"metadata\":{}}," FIELD("n", "long") "," FIELD("d", "double") "," FIELD("b", "boolean") "," FIELD("t", "timestamp") "," FIELD( \
        "day",                                                                                                                                                                               \
        "date") "," FIELD("m",                                                                                                                                                               \
                          "decimal(20,4)") "," FIELD("z",                                                                                                                                    \
                                                     "binary") ","                                                                                                                           \
                                                               "{\"name\":\"files\","                                                                                                        \
                                                               "\"nullable\":true,"                                                                                                          \
                                                               "\"metadata\":{},\"type\":{"                                                                                                  \
                                                               "\"type\":\"array\","                                                                                                         \
                                                               "\"containsNull\":true,"                                                                                                      \
                                                               "\"elementType\":{\"type\":"                                                                                                  \
                                                               "\"struct\",\"fields\":"                                                                                                      \
                                                               "[" FIELD("id", "string") "," FIELD(                                                                                          \
                                                                   "size",                                                                                                                   \
                                                                   "long") "]}}},"                                                                                                           \
                                                                           "{\"name\":"                                                                                                      \
                                                                           "\"scores\","                                                                                                     \
                                                                           "\"nullable\":"                                                                                                   \
                                                                           "true,"                                                                                                           \
                                                                           "\"metadata\":{},"                                                                                                \
                                                                           "\"type\":{"                                                                                                      \
                                                                           "\"type\":"                                                                                                       \
                                                                           "\"map\","                                                                                                        \
                                                                           "\"keyType\":"                                                                                                    \
                                                                           "\"string\","                                                                                                     \
                                                                           "\"valueType\":"                                                                                                  \
                                                                           "\"long\","                                                                                                       \
                                                                           "\"valueContainsN"                                                                                                \
                                                                           "ull\":true}},"                                                                                                   \
                                                                           "{\"name\":"                                                                                                      \
                                                                           "\"bound\","                                                                                                      \
                                                                           "\"nullable\":"                                                                                                   \
                                                                           "true,"                                                                                                           \
                                                                           "\"metadata\":{},"                                                                                                \
                                                                           "\"type\":{"                                                                                                      \
                                                                           "\"type\":"                                                                                                       \
                                                                           "\"struct\","                                                                                                     \
                                                                           "\"fields\":"                                                                                                     \
                                                                           "[" FIELD(                                                                                                        \
                                                                               "at",                                                                                                         \
                                                                               "times"                                                                                                       \
                                                                               "tamp") "," FIELD("id",                                                                                       \
                                                                                                 "string") "]}"                                                                              \
                                                                                                           "}]"                                                                              \
                                                                                                           "}"

static const char *const names[] = {"id:u",
                                    "n:l",
                                    "d:g",
                                    "b:b",
                                    "t:tsu:UTC",
                                    "day:tdD",
                                    "m:d:20,4",
                                    "z:z",
                                    "files:a<s<id:u,size:l>>",
                                    "scores:m<l>",
                                    "bound:s<at:tsu:UTC,id:u>",
                                    NULL};
enum { COLUMNS = 11, ROWS = 200, BOUND = 10 };

static void add_flat(struct frame *frame, int64_t row)
{
    static const double numbers[] = {0.0, 1.5, -2.25, 1e300};
    struct ArrowDecimal decimal;
    char id[32];

    snprintf(id, sizeof id, "rec%014lld", (long long)row);
    frame_add_text(frame, 0, id);
    frame_add_int(frame, 1, row * INT64_C(-1000000007));
    if (row % 5 == 4)
        assert_int_equal(ArrowArrayAppendDouble(frame_column(frame, 2), (double)NAN), NANOARROW_OK);
    else
        assert_int_equal(ArrowArrayAppendDouble(frame_column(frame, 2), numbers[row % 4]),
                         NANOARROW_OK);
    frame_add_int(frame, 3, row % 2);
    frame_add_int(frame, 4, INT64_C(1700000000000000) + row);
    frame_add_int(frame, 5, row - 100);
    ArrowDecimalInit(&decimal, 128, 20, 4);
    ArrowDecimalSetInt(&decimal, row * -12345);
    assert_int_equal(ArrowArrayAppendDecimal(frame_column(frame, 6), &decimal), NANOARROW_OK);
    frame_add_text(frame, 7, row % 3 ? "bytes" : "");
}

static void add_nested(struct frame *frame, int64_t row)
{
    struct ArrowArray *files = frame_column(frame, 8), *item = files->children[0],
                      *scores = frame_column(frame, 9), *entry = scores->children[0],
                      *bound = frame_column(frame, BOUND);

    for (int64_t i = 0; i < row % 4; i++) {
        assert_int_equal(ArrowArrayAppendString(item->children[0], ArrowCharView("att")),
                         NANOARROW_OK);
        assert_int_equal(i == 2 ? ArrowArrayAppendNull(item->children[1], 1)
                                : ArrowArrayAppendInt(item->children[1], row + i),
                         NANOARROW_OK);
        assert_int_equal(ArrowArrayFinishElement(item), NANOARROW_OK);
        assert_int_equal(ArrowArrayAppendString(entry->children[0], ArrowCharView(i == 0   ? "a"
                                                                                  : i == 1 ? "b"
                                                                                           : "c")),
                         NANOARROW_OK);
        assert_int_equal(ArrowArrayAppendInt(entry->children[1], i), NANOARROW_OK);
        assert_int_equal(ArrowArrayFinishElement(entry), NANOARROW_OK);
    }
    assert_int_equal(ArrowArrayFinishElement(files), NANOARROW_OK);
    assert_int_equal(ArrowArrayFinishElement(scores), NANOARROW_OK);
    if (row % 7 == 6) {
        frame_add_null(frame, BOUND);
        return;
    }
    assert_int_equal(ArrowArrayAppendInt(bound->children[0], row / 3), NANOARROW_OK);
    assert_int_equal(row % 3 ? ArrowArrayAppendString(bound->children[1], ArrowCharView("x"))
                             : ArrowArrayAppendNull(bound->children[1], 1),
                     NANOARROW_OK);
    assert_int_equal(ArrowArrayFinishElement(bound), NANOARROW_OK);
}

static void make_rows(struct frame *frame)
{
    frame_init(frame, names);
    for (int64_t row = 0; row < ROWS; row++) {
        if (row % 10 == 9) {
            frame_add_text(frame, 0, row % 20 == 9 ? "" : "only a key");
            for (int64_t c = 1; c < COLUMNS; c++) frame_add_null(frame, c);
        } else {
            add_flat(frame, row);
            add_nested(frame, row);
        }
        frame_end_row(frame);
    }
    frame_done(frame);
}

/* All that is said of rows. */
struct said {
    struct sl_key128 keys[ROWS];
    uint64_t rows[ROWS];
    struct sl_buf bounds;
    size_t ends[ROWS];
    size_t count;
};

static void say(struct world *world, const struct ArrowSchema *schema,
                const struct ArrowArray *batch, struct said *out)
{
    static const struct sl_hash_key secret = {{1, 2, 3}};
    static const size_t key[] = {0, 4};
    struct sl_hashed_column columns[COLUMNS];

    for (size_t i = 0; i < COLUMNS; i++) columns[i] = (struct sl_hashed_column){.child = i};
    assert_true(out->count + (size_t)batch->length <= ROWS);
    OK(world, sl_hash_keys(&secret, schema, batch, key, 2, out->keys + out->count, &world->error));
    OK(world, sl_hash_rows(&secret, schema, batch, columns, COLUMNS, out->rows + out->count,
                           &world->error));
    OK(world, sl_sequence_bounds(schema, batch, BOUND, &out->bounds, out->ends + out->count,
                                 &world->error));
    out->count += (size_t)batch->length;
}

static void say_stream(struct world *world, struct ArrowArrayStream *stream, struct said *out)
{
    struct ArrowSchema schema;
    struct ArrowArray batch;

    assert_int_equal(stream->get_schema(stream, &schema), 0);
    for (;;) {
        assert_int_equal(stream->get_next(stream, &batch), 0);
        if (!batch.release) break;
        say(world, &schema, &batch, out);
        batch.release(&batch);
    }
    schema.release(&schema);
    stream->release(stream);
}

static void assert_same(const struct said *is, const struct said *wanted)
{
    assert_int_equal(is->count, wanted->count);
    assert_memory_equal(is->keys, wanted->keys, sizeof is->keys);
    assert_memory_equal(is->rows, wanted->rows, sizeof is->rows);
    assert_memory_equal(is->ends, wanted->ends, sizeof is->ends);
    assert_memory_equal(is->bounds.data, wanted->bounds.data, wanted->bounds.len);
}

static void what_is_read_back_says_the_same(void **state)
{
    static const char *const columns[COLUMNS] = {"id", "n", "d",     "b",      "t",    "day",
                                                 "m",  "z", "files", "scores", "bound"};
    struct world *world = *state;
    struct sl_delta_table *table = create(world, FIELDS);
    struct sl_delta_writer *writer = NULL;
    struct sl_delta_file *file = NULL;
    struct ArrowArrayStream stream;
    static struct said before, staged, committed;
    struct frame frame;

    make_rows(&frame);
    say(world, &frame.schema, &frame.array, &before);
    for (size_t i = 0; i < ROWS; i++)
        for (size_t k = 0; k < i; k++)
            assert_int_equal(before.rows[i] == before.rows[k], i % 10 == 9 && (i - k) % 20 == 0);

    OK(world, sl_delta_writer_open(table, &frame.schema, NULL, NULL, &writer, &world->error));
    OK(world, sl_delta_write(writer, &frame.array, &world->error));
    OK(world, sl_delta_writer_close(writer, &file, &world->error));
    OK(world, sl_delta_file_scan(table, file, columns, COLUMNS, &stream, &world->error));
    say_stream(world, &stream, &staged);
    assert_same(&staged, &before);

    assert_int_equal(commit_one(world, table, file, NOTHING), SL_OK);
    OK(world, sl_delta_scan(table, NULL, 0, -1, &stream, &world->error));
    say_stream(world, &stream, &committed);
    assert_same(&committed, &before);

    sl_buf_release(&before.bounds);
    sl_buf_release(&staged.bounds);
    sl_buf_release(&committed.bounds);
    sl_delta_table_free(table);
    ArrowSchemaRelease(&frame.schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(what_is_read_back_says_the_same)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
