/* Tests of src/delta: what is in the rows: columns, types, statistics, mapping, scans. */
#include "delta_world.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* -- Columns ----------------------------------------------------------------------------------- */

static void columns_are_matched_by_name(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table =
        create(world,
               SCHEMA(FIELD("first", "string") "," FIELD("second", "string") "," FIELD("third",
                                                                                       "long")));
    const int32_t offsets[] = {0, 1, 2};
    struct column swapped[] = {
        {.name = "second", .format = "u", .values = "cd", .offsets = offsets},
        {.name = "first", .format = "u", .values = "ab", .offsets = offsets},
    };
    struct column unknown = {.name = "fourth", .format = "u", .values = "ab", .offsets = offsets};
    struct column wrong = {.name = "third", .format = "u", .values = "ab", .offsets = offsets};
    struct ArrowSchema schema;
    struct sl_delta_writer *writer = NULL;

    OK(world, commit_one(world, table, stage(world, table, swapped, 2, 2, NULL), NOTHING));
    assert_table(world, "a|c|NULL\nb|d|NULL\n");

    schema = schema_of(&unknown, 1);
    assert_int_equal(sl_delta_writer_open(table, &schema, NULL, NULL, &writer, &world->error),
                     SL_BUG);
    assert_non_null(strstr(world->error.message, "fourth"));
    schema.release(&schema);
    schema = schema_of(&wrong, 1);
    assert_int_equal(sl_delta_writer_open(table, &schema, NULL, NULL, &writer, &world->error),
                     SL_BUG);
    schema.release(&schema);
    sl_delta_table_free(table);
}

static void invalid_text_is_stopped_at_the_border(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = create(world, TWO_FIELDS);
    const int32_t offsets[] = {0, 2};
    struct column column = {.name = "name",
                            .format = "u",
                            .values = "\xff\xfe",
                            .offsets = offsets};
    struct ArrowSchema schema = schema_of(&column, 1);
    struct ArrowArray batch = batch_of(&column, 1, 1);
    struct sl_delta_writer *writer = NULL;

    OK(world, sl_delta_writer_open(table, &schema, NULL, NULL, &writer, &world->error));
    assert_int_equal(sl_delta_write(writer, &batch, &world->error), SL_BUG);
    assert_null(batch.release);
    sl_delta_writer_abort(writer);
    sl_delta_writer_abort(NULL);
    schema.release(&schema);
    sl_delta_table_free(table);
}

/* -- Statistics and types ---------------------------------------------------------------------- */

static void nan_has_no_bounds(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table =
        create(world, SCHEMA(FIELD("clean", "double") "," FIELD("dirty", "double")));
    const double clean[] = {1.5, 2.5}, dirty[] = {1.0, (double)NAN};
    struct column columns[] = {{.name = "clean", .format = "g", .values = clean},
                               {.name = "dirty", .format = "g", .values = dirty}};
    struct text log;

    OK(world, commit_one(world, table, stage(world, table, columns, 2, 2, NULL), NOTHING));
    log = log_of(world, 1);
    assert_non_null(strstr(log.data, "\\\"minValues\\\":{\\\"clean\\\":1.5}"));
    assert_non_null(strstr(log.data, "\\\"maxValues\\\":{\\\"clean\\\":2.5}"));
    assert_non_null(strstr(log.data, "\\\"numRecords\\\":2"));
    assert_table(world, "1.5|1\n2.5|nan\n");
    sl_delta_table_free(table);
}

/* Rows of {"word": text of length bytes, "n": the batch's number or NULL when it is odd}. */
static void write_word(struct world *world, struct sl_delta_writer *writer, const char *text,
                       int length, int64_t n)
{
    const int32_t offsets[] = {0, length};
    const uint8_t valid[] = {n % 2 == 0};
    struct column columns[] = {
        {.name = "word", .format = "u", .values = text, .offsets = offsets},
        {.name = "n", .format = "l", .values = &n, .valid = valid},
    };
    struct ArrowArray batch = batch_of(columns, 2, 1);

    OK(world, sl_delta_write(writer, &batch, &world->error));
}

static void statistics_cover_all_batches(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table =
        create(world, SCHEMA(FIELD("word", "string") "," FIELD("n", "long")));
    struct column columns[] = {{.name = "word", .format = "u"}, {.name = "n", .format = "l"}};
    struct ArrowSchema schema = schema_of(columns, 2);
    struct sl_delta_writer *writer = NULL;
    struct sl_delta_file *file = NULL;
    char greatest[400], word[2];
    struct text log;

    OK(world, sl_delta_writer_open(table, &schema, NULL, NULL, &writer, &world->error));
    for (int i = 0; i < 101; i++) {
        snprintf(word, sizeof(word), "%c", 'a' + (i + 13) % 26);
        write_word(world, writer, word, 1, i);
    }
    OK(world, sl_delta_writer_close(writer, &file, &world->error));
    OK(world, commit_one(world, table, file, NOTHING));
    log = log_of(world, 1);
    assert_non_null(strstr(log.data, "\\\"numRecords\\\":101"));
    assert_non_null(strstr(log.data, "\\\"nullCount\\\":{\\\"word\\\":0,\\\"n\\\":50}"));
    assert_non_null(strstr(log.data, "\\\"minValues\\\":{\\\"word\\\":\\\"a\\\",\\\"n\\\":0}"));
    assert_non_null(strstr(log.data, "\\\"maxValues\\\":{\\\"word\\\":\\\"z\\\",\\\"n\\\":100}"));

    /* No text of a bound's length is greater than this one, so the column has no upper bound. */
    for (size_t i = 0; i < sizeof(greatest); i += 4) memcpy(greatest + i, "\xf4\x8f\xbf\xbf", 4);
    OK(world, sl_delta_writer_open(table, &schema, NULL, NULL, &writer, &world->error));
    write_word(world, writer, greatest, (int)sizeof(greatest), 2);
    for (int i = 0; i < 40; i++) write_word(world, writer, "b", 1, 4);
    OK(world, sl_delta_writer_close(writer, &file, &world->error));
    OK(world, commit_one(world, table, file, NOTHING));
    log = log_of(world, 2);
    assert_non_null(strstr(log.data, "\\\"minValues\\\":{\\\"word\\\":\\\"b\\\",\\\"n\\\":2}"));
    assert_non_null(strstr(log.data, "\\\"maxValues\\\":{\\\"n\\\":4}"));
    schema.release(&schema);
    sl_delta_table_free(table);
}

static void decimals_are_exact(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table =
        create(world, SCHEMA(FIELD("amount", "decimal(38,10)") "," FIELD(
                          "at", "timestamp") "," FIELD("yes", "boolean")));
    /* 1234567890123456789012345678.0123456789, as 128 bits: the unscaled number is
     * 0x09499602D2_1CB58B3E_...; what counts is that log and file keep every digit. */
    const uint64_t amounts[] = {1234567890123456789ULL, 0, 42ULL, 0};
    const int64_t times[] = {1700000000123456, -1};
    const uint8_t yes[] = {1}, valid[] = {1};
    struct column columns[] = {
        {.name = "amount", .format = "d:38,10", .values = amounts},
        {.name = "at", .format = "tsu:UTC", .values = times},
        {.name = "yes", .format = "b", .values = yes, .valid = valid},
    };
    struct text log;

    OK(world, commit_one(world, table, stage(world, table, columns, 3, 2, NULL), NOTHING));
    log = log_of(world, 1);
    assert_non_null(strstr(log.data, "\\\"amount\\\":123456789.0123456789"));
    assert_table(world, "1234567890123456789|1700000000123456|true\n42|-1|NULL\n");
    sl_delta_table_free(table);
}

/* -- Schemas that grow, and mapped columns ----------------------------------------------------- */

#define MAPPED(name, physical)                                                                     \
    "{\"name\":\"" name "\",\"type\":\"long\",\"nullable\":true,\"metadata\":"                     \
    "{\"delta.columnMapping.physicalName\":\"" physical "\"}}"

static void mapped_columns_keep_their_physical_names(void **state)
{
    struct world *world = *state;
    const struct sl_pair mode = {"delta.columnMapping.mode", "name"};
    const char *schema = SCHEMA(MAPPED("Number of things", "fldA") "," MAPPED("Other", "fldB"));
    const int64_t values[] = {1, 2}, others[] = {3, 4}, more[] = {5, 6};
    struct column columns[] = {
        {.name = "Other", .format = "l", .values = others},
        {.name = "Number of things", .format = "l", .values = values},
        {.name = "Third one", .format = "l", .values = more},
    };
    const char *added = "[" MAPPED("Third one", "fldC") "]";
    const char *unnamed = "[" FIELD("Fourth", "long") "]";
    const char *only[] = {"Other"};
    struct sl_delta_table *table = NULL;
    struct sl_delta_commit commit = NOTHING;
    struct sl_delta_file *file;
    struct ArrowArrayStream stream;
    struct ArrowSchema read;
    struct text text;

    OK(world, sl_delta_create(world->engine, world->table, schema, &mode, 1, &NOTHING, &table,
                              &world->error));
    OK(world, commit_one(world, table, stage(world, table, columns, 2, 2, NULL), NOTHING));
    text = log_of(world, 1);
    assert_non_null(strstr(text.data, "\\\"fldA\\\":1"));
    assert_null(strstr(text.data, "Number"));

    file = stage(world, table, columns, 3, 2, added);
    OK(world, sl_delta_file_scan(table, file, only, 1, &stream, &world->error));
    text = read_stream(&stream);
    assert_string_equal(text.data, "3\n4\n");
    commit.add_columns_json = added;
    OK(world, commit_one(world, table, file, commit));
    assert_table(world, "1|3|5\n2|4|6\n1|3|NULL\n2|4|NULL\n");

    OK(world, sl_delta_scan(table, NULL, 0, 0, &stream, &world->error));
    assert_int_equal(stream.get_schema(&stream, &read), 0);
    assert_string_equal(read.children[0]->name, "Number of things");
    read.release(&read);
    stream.release(&stream);

    commit.add_columns_json = unnamed;
    assert_int_equal(sl_delta_commit(table, &commit, &world->error), SL_BAD_SPEC);
    assert_non_null(strstr(world->error.message, "Fourth"));
    sl_delta_table_free(table);
}

static void a_column_is_added_with_its_rows(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = create(world, TWO_FIELDS);
    struct sl_delta_commit commit = NOTHING;
    const int64_t ids[] = {8}, scores[] = {80};
    struct column columns[] = {{.name = "score", .format = "l", .values = scores},
                               {.name = "id", .format = "l", .values = ids}};
    struct sl_delta_file *file;

    OK(world, commit_one(world, table, stage_rows(world, table, 1, 1), NOTHING));
    commit.add_columns_json = "[" FIELD("score", "long") "]";
    file = stage(world, table, columns, 2, 1, commit.add_columns_json);
    OK(world, commit_one(world, table, file, commit));
    assert_int_equal(sl_delta_version(table), 2);
    assert_non_null(strstr(sl_delta_schema_json(table), "score"));
    assert_table(world, "8|NULL|80\n1|n1|NULL\n");
    assert_int_equal(sl_delta_commit(table, &commit, &world->error), SL_BAD_SPEC); /* twice */
    assert_non_null(strstr(world->error.message, "score"));
    sl_delta_table_free(table);
}

/* -- Staged files and reading ------------------------------------------------------------------ */

static void a_staged_file_is_read_and_thinned(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = create(world, TWO_FIELDS);
    struct sl_delta_file *file = stage_rows(world, table, 1, 5), *thin = NULL;
    const char *const names[] = {"name", "id"};
    const int64_t dead[] = {0, 3}, all[] = {0, 1, 2, 3, 4}, beyond[] = {9}, unsorted[] = {3, 1};
    struct ArrowArrayStream stream;
    struct text text;

    OK(world, sl_delta_file_scan(table, file, names, 2, &stream, &world->error));
    text = read_stream(&stream);
    assert_string_equal(text.data, "n1|1\nn2|2\nn3|3\nn4|4\nn5|5\n");

    assert_int_equal(sl_delta_file_without(table, file, beyond, 1, NULL, &thin, &world->error),
                     SL_BUG);
    assert_int_equal(sl_delta_file_without(table, file, unsorted, 2, NULL, &thin, &world->error),
                     SL_BUG);
    OK(world, sl_delta_file_without(table, file, all, 5, NULL, &thin, &world->error));
    assert_null(thin);
    OK(world, sl_delta_file_without(table, file, dead, 2, NULL, &thin, &world->error));
    assert_int_equal(sl_delta_file_rows(thin), 3);
    assert_int_equal(sl_delta_file_rows(file), 5);
    sl_delta_file_free(file, true);
    OK(world, commit_one(world, table, thin, NOTHING));
    assert_table(world, "2|n2\n3|n3\n5|n5\n");
    sl_delta_table_free(table);
}

static void scans_what_is_asked_for(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = create(world, TWO_FIELDS), *old = NULL;
    const char *const name[] = {"name"}, *const backwards[] = {"name", "id"},
                      *const bad[] = {"nam"};
    struct ArrowArrayStream stream;
    struct text text;

    OK(world, commit_one(world, table, stage_rows(world, table, 1, 2), NOTHING));
    OK(world, commit_one(world, table, stage_rows(world, table, 3, 2), NOTHING));
    text = read_columns(world, table, name, 1, 3);
    assert_string_equal(text.data, "n3\nn4\nn1\n");
    text = read_columns(world, table, backwards, 2, -1);
    assert_string_equal(text.data, "n3|3\nn4|4\nn1|1\nn2|2\n");
    text = read_columns(world, table, name, 0, -1); /* no columns: only how many rows */
    assert_string_equal(text.data, "\n\n\n\n");
    text = read_columns(world, table, NULL, 0, 0);
    assert_string_equal(text.data, "");
    assert_int_equal(sl_delta_scan(table, bad, 1, -1, &stream, &world->error), SL_NOT_FOUND);
    assert_non_null(strstr(world->error.hint, "id, name"));

    OK(world, sl_delta_open(world->engine, world->table, 1, &old, &world->error));
    text = read_all(world, old);
    assert_string_equal(text.data, "1|n1\n2|n2\n");
    assert_int_equal(commit_one(world, old, stage_rows(world, old, 9, 1), NOTHING), SL_CONFLICT);
    sl_delta_table_free(old);

    /* A stream outlives the table that it came from, and says when a file has gone. */
    OK(world, sl_delta_scan(table, NULL, 0, -1, &stream, &world->error));
    sl_delta_table_free(table);
    text = read_stream(&stream);
    assert_string_equal(text.data, "3|n3\n4|n4\n1|n1\n2|n2\n");
}

static void a_lost_file_is_an_error_of_the_stream(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = create(world, TWO_FIELDS);
    struct sl_delta_file *file = stage_rows(world, table, 1, 2);
    char path[3 * PATH_MAX_LENGTH];
    struct ArrowArrayStream stream;
    struct ArrowArray batch;

    snprintf(path, sizeof(path), "%s/%s", world->table, sl_delta_file_path(file));
    OK(world, commit_one(world, table, file, NOTHING));
    assert_int_equal(unlink(path), 0);
    OK(world, sl_delta_scan(table, NULL, 0, -1, &stream, &world->error));
    assert_int_not_equal(stream.get_next(&stream, &batch), 0);
    assert_non_null(strstr(stream.get_last_error(&stream), world->table));
    stream.release(&stream);
    sl_delta_table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(columns_are_matched_by_name),
        TEST(invalid_text_is_stopped_at_the_border),
        TEST(nan_has_no_bounds),
        TEST(statistics_cover_all_batches),
        TEST(decimals_are_exact),
        TEST(mapped_columns_keep_their_physical_names),
        TEST(a_column_is_added_with_its_rows),
        TEST(a_staged_file_is_read_and_thinned),
        TEST(scans_what_is_asked_for),
        TEST(a_lost_file_is_an_error_of_the_stream),
    };
    return cmocka_run_group_tests_name("delta_rows", tests, NULL, NULL);
}
