/* Tests of src/delta: some rows of some files, told with their numbers. */
#include "delta_world.h"

#include "base/alloc.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct text read_parts(struct world *world, struct sl_delta_table *table,
                              const struct sl_delta_part *parts, size_t part_count,
                              const char *const *columns, size_t count, const char *added)
{
    struct ArrowArrayStream stream;

    OK(world,
       sl_delta_read(table, parts, part_count, columns, count, added, &stream, &world->error));
    return read_stream(&stream);
}

static void some_rows_of_some_files(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = create(world, TWO_FIELDS);
    const int64_t ends[] = {0, 4}, middle[] = {1}, none[] = {0};
    const char *const name[] = {"name"};
    struct sl_delta_file *staged;
    struct ArrowArrayStream stream;
    struct text text;

    OK(world, commit_one(world, table, stage_rows(world, table, 1, 3), NOTHING)); /* file 1 */
    OK(world, commit_one(world, table, stage_rows(world, table, 4, 2), NOTHING)); /* file 0 */
    staged = stage_rows(world, table, 5, 5);
    const struct sl_delta_part parts[] = {{.live = 1, .rows = middle, .count = 1, .except = true},
                                          {.staged = staged, .rows = ends, .count = 2},
                                          {.live = 0},
                                          {.live = 1, .rows = none, .count = 0},
                                          {.live = 1, .rows = middle, .count = 1}};
    text = read_parts(world, table, parts, 5, NULL, 0, NULL);
    assert_string_equal(text.data, "0|0|1|n1\n0|2|3|n3\n1|0|5|n5\n1|4|9|n9\n"
                                   "2|0|4|n4\n2|1|5|n5\n4|1|2|n2\n");
    text = read_parts(world, table, parts, 2, name, 1, NULL);
    assert_string_equal(text.data, "0|0|n1\n0|2|n3\n1|0|n5\n1|4|n9\n");
    text = read_parts(world, table, parts, 1, name, 0, NULL); /* no columns: only numbers */
    assert_string_equal(text.data, "0|0\n0|2\n");
    text = read_parts(world, table, NULL, 0, NULL, 0, NULL);
    assert_string_equal(text.data, "");

    const struct sl_delta_part beyond = {.live = 0, .rows = ends, .count = 2};
    OK(world, sl_delta_read(table, &beyond, 1, NULL, 0, NULL, &stream, &world->error));
    struct ArrowArray batch;
    assert_int_not_equal(stream.get_next(&stream, &batch), 0);
    assert_non_null(strstr(stream.get_last_error(&stream), "beyond"));
    stream.release(&stream);
    const struct sl_delta_part nothing = {.live = 2};
    assert_int_equal(sl_delta_read(table, &nothing, 1, NULL, 0, NULL, &stream, &world->error),
                     SL_BUG);
    const char *const other[] = {"other"};
    assert_int_equal(sl_delta_read(table, parts, 1, other, 1, NULL, &stream, &world->error),
                     SL_NOT_FOUND);
    assert_non_null(strstr(world->error.hint, "id, name"));
    sl_delta_file_free(staged, true);
    sl_delta_table_free(table);
}

/* Pages are small here, so that most of them hold no wanted row. */
static void few_rows_of_many_pages(void **state)
{
    enum { ROWS = 200000, WANTED = 100 };
    struct world *world = *state;
    struct sl_delta_table *table = create(world, TWO_FIELDS);
    struct sl_delta_writer_options options = {.rows_max = 60000, .row_group_bytes_max = 1 << 20};
    int64_t *ids = sl_calloc(ROWS, sizeof *ids), wanted[WANTED], seen = 0;
    struct column column = {.name = "id", .format = "l", .values = ids};
    struct ArrowSchema schema = schema_of(&column, 1);
    struct ArrowArray array;
    struct sl_delta_writer *writer = NULL;
    struct sl_delta_file *file = NULL;
    struct ArrowArrayStream stream;

    for (int64_t i = 0; i < ROWS; i++) ids[i] = i * 7;
    array = batch_of(&column, 1, ROWS);
    OK(world, sl_delta_writer_open(table, &schema, NULL, &options, &writer, &world->error));
    OK(world, sl_delta_write(writer, &array, &world->error));
    OK(world, sl_delta_writer_close(writer, &file, &world->error));
    schema.release(&schema);
    for (int64_t i = 0; i < WANTED; i++) wanted[i] = i * i * 20 - i;
    for (int except = 0; except < 2; except++) {
        const struct sl_delta_part part = {.staged = file,
                                           .rows = wanted,
                                           .count = WANTED,
                                           .except = except};
        int64_t rows = 0;
        OK(world, sl_delta_read(table, &part, 1, NULL, 0, NULL, &stream, &world->error));
        while (!stream.get_next(&stream, &array) && array.release) {
            const int64_t *row = array.children[1]->buffers[1];
            const int64_t *id = array.children[2]->buffers[1];
            for (int64_t i = 0; i < array.length; i++) {
                assert_int_equal(id[array.children[2]->offset + i],
                                 7 * row[array.children[1]->offset + i]);
                seen += row[array.children[1]->offset + i];
            }
            rows += array.length;
            array.release(&array);
        }
        stream.release(&stream);
        assert_int_equal(rows, except ? ROWS - WANTED : WANTED);
    }
    assert_int_equal(seen, (int64_t)ROWS * (ROWS - 1) / 2); /* each of them once */
    sl_delta_file_free(file, true);
    sl_free(ids);
    sl_delta_table_free(table);
}

#define MAPPED(name, physical)                                                                     \
    "{\"name\":\"" name "\",\"type\":\"long\",\"nullable\":true,\"metadata\":"                     \
    "{\"delta.columnMapping.physicalName\":\"" physical "\"}}"

static void files_are_older_than_their_columns(void **state)
{
    struct world *world = *state;
    const struct sl_pair mode = {"delta.columnMapping.mode", "name"};
    const char *added = "[" MAPPED("Third one", "fldC") "]";
    const char *const asked[] = {"Third one", "Other"}, *const third[] = {"Third one"};
    const int64_t values[] = {1, 2}, others[] = {3, 4}, more[] = {5, 6}, last[] = {1};
    struct column columns[] = {{.name = "Other", .format = "l", .values = others},
                               {.name = "One", .format = "l", .values = values},
                               {.name = "Third one", .format = "l", .values = more}};
    struct sl_delta_table *table = NULL;
    struct sl_delta_file *staged;
    struct text text;

    OK(world, sl_delta_create(world->engine, world->table,
                              SCHEMA(MAPPED("One", "fldA") "," MAPPED("Other", "fldB")), &mode, 1,
                              &NOTHING, &table, &world->error));
    OK(world, commit_one(world, table, stage(world, table, columns, 2, 2, NULL), NOTHING));
    staged = stage(world, table, columns, 3, 2, added);
    const struct sl_delta_part parts[] = {{.live = 0},
                                          {.staged = staged, .rows = last, .count = 1}};
    text = read_parts(world, table, parts, 2, asked, 2, added);
    assert_string_equal(text.data, "0|0|NULL|3\n0|1|NULL|4\n1|1|6|4\n");
    text = read_parts(world, table, parts, 2, third, 1, added);
    assert_string_equal(text.data, "0|0|NULL\n0|1|NULL\n1|1|6\n");
    sl_delta_file_free(staged, true);
    sl_delta_table_free(table);
}

static void files_aside_are_nobodys(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = create(world, TWO_FIELDS);
    const struct sl_delta_writer_options options = {.aside = true};
    const int64_t ids[] = {1, 2, 3}, last[] = {2};
    struct column column = {.name = "id", .format = "l", .values = ids};
    struct ArrowSchema schema = schema_of(&column, 1);
    struct ArrowArray array = batch_of(&column, 1, 3);
    struct sl_delta_writer *writer = NULL;
    struct sl_delta_file *file = NULL;
    struct ArrowArrayStream stream;
    char path[128], whole[3 * PATH_MAX_LENGTH];
    struct text text;

    OK(world, sl_delta_writer_open(table, &schema, NULL, &options, &writer, &world->error));
    OK(world, sl_delta_write(writer, &array, &world->error));
    OK(world, sl_delta_writer_close(writer, &file, &world->error));
    schema.release(&schema);
    snprintf(path, sizeof path, "%s", sl_delta_file_path(file));
    assert_memory_equal(path, "_sluice/part-", 13);
    assert_int_equal(commit_one(world, table, file, NOTHING), SL_BUG); /* and it is deleted */

    array = batch_of(&column, 1, 3);
    schema = schema_of(&column, 1);
    OK(world, sl_delta_writer_open(table, &schema, NULL, &options, &writer, &world->error));
    OK(world, sl_delta_write(writer, &array, &world->error));
    OK(world, sl_delta_writer_close(writer, &file, &world->error));
    schema.release(&schema);
    snprintf(path, sizeof path, "%s", sl_delta_file_path(file));
    sl_delta_file_free(file, false);
    assert_table(world, "");

    const struct sl_delta_part part = {.aside = path, .rows = last, .count = 1};
    text = read_parts(world, table, &part, 1, NULL, 0, NULL);
    assert_string_equal(text.data, "0|2|3|NULL\n");
    snprintf(whole, sizeof whole, "%s/%s", world->table, path);
    assert_int_equal(access(whole, F_OK), 0);
    sl_delta_aside_remove(table, "_sluice/../_delta_log/00000000000000000000.json");
    sl_delta_aside_remove(table, path);
    assert_int_equal(access(whole, F_OK), -1);
    sl_delta_aside_remove(table, path); /* it is gone already */
    assert_int_equal(sl_delta_read(table, &part, 1, NULL, 0, NULL, &stream, &world->error),
                     SL_NOT_FOUND);
    const struct sl_delta_part log = {.aside = "_delta_log/00000000000000000000.json"};
    assert_int_equal(sl_delta_read(table, &log, 1, NULL, 0, NULL, &stream, &world->error), SL_BUG);
    assert_table(world, "");
    sl_delta_table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(some_rows_of_some_files),
        TEST(few_rows_of_many_pages),
        TEST(files_are_older_than_their_columns),
        TEST(files_aside_are_nobodys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
