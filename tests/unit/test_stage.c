/* Staging: what is committed are the rows that are final, the later copy of each key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nanoarrow/nanoarrow.h"

#include "pipeline/stage.h"
#include "table/keys.h"

static const char schema_json[] =
    "{\"type\":\"struct\",\"fields\":["
    "{\"name\":\"id\",\"type\":\"string\",\"nullable\":true,\"metadata\":{}},"
    "{\"name\":\"n\",\"type\":\"long\",\"nullable\":true,\"metadata\":{}}]}";

struct fixture {
    char directory[256];
    struct sl_delta_engine *engine;
    struct sl_delta_table *table;
    struct sl_stages *stages;
    struct sl_stage *stage;
    struct ArrowSchema schema;
    struct sl_error error;
};

static void make(struct fixture *f, size_t memory)
{
    const char *tmp = getenv("SLUICE_TEST_TMP");
    size_t key = 0;
    struct sl_delta_commit commit = {.operation = "CREATE TABLE"};
    char location[300];

    memset(f, 0, sizeof *f);
    snprintf(f->directory, sizeof f->directory, "%s/stage.XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(f->directory));
    snprintf(location, sizeof location, "%s/table", f->directory);
    assert_int_equal(sl_delta_engine_new(NULL, 0, &f->engine, &f->error), SL_OK);
    assert_int_equal(sl_delta_create(f->engine, location, schema_json, NULL, 0, &commit, &f->table,
                                     &f->error),
                     SL_OK);
    ArrowSchemaInit(&f->schema);
    assert_int_equal(ArrowSchemaSetTypeStruct(&f->schema, 2), 0);
    assert_int_equal(ArrowSchemaSetType(f->schema.children[0], NANOARROW_TYPE_STRING), 0);
    assert_int_equal(ArrowSchemaSetName(f->schema.children[0], "id"), 0);
    assert_int_equal(ArrowSchemaSetType(f->schema.children[1], NANOARROW_TYPE_INT64), 0);
    assert_int_equal(ArrowSchemaSetName(f->schema.children[1], "n"), 0);
    f->stages = sl_stages_new(memory);
    assert_non_null(f->stages);
    assert_int_equal(sl_stage_new(f->stages, f->table, &f->schema, &key, 1, NULL, f->directory,
                                  &f->stage, &f->error),
                     SL_OK);
}

static void unmake(struct fixture *f)
{
    char command[300];

    sl_stage_free(f->stage);
    sl_stages_free(f->stages);
    sl_delta_table_free(f->table);
    sl_delta_engine_free(f->engine);
    f->schema.release(&f->schema);
    snprintf(command, sizeof command, "rm -rf '%s'", f->directory);
    assert_int_equal(system(command), 0);
}

/* Rows "<prefix><first>" ... with n = value. */
static void add(struct fixture *f, uint64_t unit, const char *prefix, int first, int count,
                int value)
{
    struct ArrowArray rows = {0};
    struct sl_stage_part part = {unit, count};

    assert_int_equal(ArrowArrayInitFromSchema(&rows, &f->schema, NULL), 0);
    assert_int_equal(ArrowArrayStartAppending(&rows), 0);
    for (int i = 0; i < count; i++) {
        char id[64];
        snprintf(id, sizeof id, "%s%d", prefix, first + i);
        assert_int_equal(ArrowArrayAppendString(rows.children[0], ArrowCharView(id)), 0);
        assert_int_equal(ArrowArrayAppendInt(rows.children[1], value), 0);
        assert_int_equal(ArrowArrayFinishElement(&rows), 0);
    }
    assert_int_equal(ArrowArrayFinishBuildingDefault(&rows, NULL), 0);
    assert_int_equal(sl_stage_append(f->stage, &part, 1, &rows, &f->error), SL_OK);
    assert_null(rows.release);
}

static void add_many(struct fixture *f, uint64_t unit, const char *prefix, int count, int value)
{
    for (int first = 0; first < count; first += SL_STAGE_BATCH_ROWS_MAX)
        add(f, unit, prefix, first,
            count - first < SL_STAGE_BATCH_ROWS_MAX ? count - first : SL_STAGE_BATCH_ROWS_MAX,
            value);
}

static void drop(struct fixture *f, uint64_t unit, int64_t expected)
{
    int64_t rows = -1;

    assert_int_equal(sl_stage_drop(f->stage, unit, &rows, &f->error), SL_OK);
    assert_int_equal(rows, expected);
}

struct seen {
    int64_t rows, sum;
    char ids[65536];
};

static void commit_and_read(struct fixture *f, struct sl_staged *staged, struct seen *seen)
{
    struct ArrowArrayStream stream = {0};
    struct ArrowArray batch = {0};
    struct ArrowArrayView view;

    assert_int_equal(sl_stage_finish(f->stage, staged, &f->error), SL_OK);
    struct sl_delta_commit commit = {.operation = "WRITE",
                                     .add = staged->files,
                                     .add_count = staged->count,
                                     .remove_all = true,
                                     .data_change = true};
    assert_int_equal(sl_delta_commit(f->table, &commit, &f->error), SL_OK);
    sl_stage_committed(f->stage);
    memset(seen, 0, sizeof *seen);
    assert_int_equal(sl_delta_scan(f->table, NULL, 0, -1, &stream, &f->error), SL_OK);
    while (stream.get_next(&stream, &batch) == 0 && batch.release) {
        assert_int_equal(ArrowArrayViewInitFromSchema(&view, &f->schema, NULL), 0);
        assert_int_equal(ArrowArrayViewSetArray(&view, &batch, NULL), 0);
        for (int64_t i = 0; i < batch.length; i++) {
            struct ArrowStringView id = ArrowArrayViewGetStringUnsafe(view.children[0], i);
            if (seen->rows < 500)
                snprintf(seen->ids + strlen(seen->ids), sizeof seen->ids - strlen(seen->ids),
                         "%.*s ", (int)id.size_bytes, id.data);
            seen->sum += ArrowArrayViewGetIntUnsafe(view.children[1], i);
            seen->rows++;
        }
        ArrowArrayViewReset(&view);
        batch.release(&batch);
    }
    stream.release(&stream);
}

static void rows_are_landed_once(void **state)
{
    struct fixture f;
    struct sl_staged staged;
    struct seen seen;

    (void)state;
    make(&f, 0);
    add(&f, 1, "a", 0, 100, 1);
    add(&f, 2, "b", 0, 100, 1);
    assert_int_equal(sl_stage_release(f.stage, 1, &f.error), SL_OK);
    assert_int_equal(sl_stage_release(f.stage, 2, &f.error), SL_OK);
    commit_and_read(&f, &staged, &seen);
    assert_int_equal(seen.rows, 200);
    assert_int_equal(staged.rows, 200);
    assert_int_equal(staged.duplicates, 0);
    unmake(&f);
}

static void the_later_copy_of_a_key_wins(void **state)
{
    struct fixture f;
    struct sl_staged staged;
    struct seen seen;

    (void)state;
    make(&f, 0);
    add(&f, 1, "a", 0, 100, 1);
    add(&f, 1, "a", 50, 100, 1000);  /* a50..a99 come again */
    add(&f, 2, "a", 99, 1, 1000000); /* and a99 once more */
    commit_and_read(&f, &staged, &seen);
    assert_int_equal(seen.rows, 150);
    assert_int_equal(staged.duplicates, 51);
    assert_int_equal(seen.sum, 50 + 99 * 1000 + 1000000);
    unmake(&f);
}

static void dropped_rows_are_void_and_released_ones_stay(void **state)
{
    struct fixture f;
    struct sl_staged staged;
    struct seen seen;

    (void)state;
    make(&f, 0);
    add(&f, 1, "kept", 0, 10, 1);
    assert_int_equal(sl_stage_release(f.stage, 1, &f.error), SL_OK);
    add(&f, 1, "void", 0, 10, 1);
    add(&f, 2, "other", 0, 10, 1);
    drop(&f, 1, 10);
    add(&f, 1, "again", 0, 5, 1);
    commit_and_read(&f, &staged, &seen);
    assert_int_equal(seen.rows, 25);
    assert_null(strstr(seen.ids, "void"));
    assert_non_null(strstr(seen.ids, "kept9"));
    assert_non_null(strstr(seen.ids, "again4"));
    unmake(&f);
}

/* A void row must not take part in the choice among copies: the dropped later copy of a key does
 * not shadow the earlier one that stays. */
static void a_dropped_copy_does_not_win(void **state)
{
    struct fixture f;
    struct sl_staged staged;
    struct seen seen;

    (void)state;
    make(&f, 0);
    add(&f, 1, "a", 0, 10, 1);
    add(&f, 2, "a", 0, 10, 1000);
    drop(&f, 2, 10);
    commit_and_read(&f, &staged, &seen);
    assert_int_equal(seen.rows, 10);
    assert_int_equal(seen.sum, 10);
    assert_int_equal(staged.duplicates, 0);
    unmake(&f);
}

/* A task that is restarted reads its rows again. More of them than keys may repeat, and yet none is
 * a repeat: the first copies are void. */
static void rows_that_are_read_again_after_a_restart_are_no_repeats(void **state)
{
    const int rows = (int)SL_KEY_SET_REPEATS_MAX + SL_STAGE_BATCH_ROWS_MAX;
    struct fixture f;
    struct sl_staged staged;
    struct seen seen;

    (void)state;
    make(&f, 0);
    add_many(&f, 1, "a", rows, 1);
    add(&f, 2, "other", 0, 10, 1);
    drop(&f, 1, rows);
    add_many(&f, 1, "a", rows, 2);
    commit_and_read(&f, &staged, &seen);
    assert_int_equal(seen.rows, rows + 10);
    assert_int_equal(seen.sum, 2 * (int64_t)rows + 10);
    assert_int_equal(staged.duplicates, 0);
    unmake(&f);
}

/* And what does come twice besides is still settled: within a read, and across a void one. */
static void real_repeats_are_found_among_void_rows(void **state)
{
    struct fixture f;
    struct sl_staged staged;
    struct seen seen;

    (void)state;
    make(&f, 0);
    add(&f, 2, "a", 0, 5, 1); /* a0..a4: the later copies are below */
    add(&f, 1, "a", 0, 100, 10);
    drop(&f, 1, 100);
    add(&f, 1, "a", 0, 100, 100);
    add(&f, 1, "a", 90, 10, 1000); /* a page that was served twice */
    drop(&f, 3, 0);                /* nothing of it was staged */
    add(&f, 4, "b", 0, 3, 7);
    drop(&f, 4, 3);
    commit_and_read(&f, &staged, &seen);
    assert_int_equal(seen.rows, 100);
    assert_int_equal(seen.sum, 90 * 100 + 10 * 1000);
    assert_int_equal(staged.duplicates, 15);
    unmake(&f);
}

/* One value as the key of every row: each row replaces the one before. */
static void a_key_that_is_always_the_same_leaves_one_row(void **state)
{
    struct fixture f;
    struct sl_staged staged;
    struct seen seen;

    (void)state;
    make(&f, 0);
    for (int i = 0; i < 3000; i++) add(&f, 1, "same", i % 2, 1, i);
    commit_and_read(&f, &staged, &seen);
    assert_int_equal(seen.rows, 2);
    assert_int_equal(seen.sum, 2998 + 2999);
    assert_int_equal(staged.duplicates, 2998);
    unmake(&f);
}

static void too_many_real_repeats_say_what_to_do(void **state)
{
    const int rows = (int)SL_KEY_SET_REPEATS_MAX + 1;
    struct fixture f;
    struct sl_staged staged;

    (void)state;
    make(&f, 0);
    add_many(&f, 1, "a", rows, 1);
    add_many(&f, 1, "a", rows, 2);
    assert_int_equal(sl_stage_finish(f.stage, &staged, &f.error), SL_TOO_LARGE);
    assert_non_null(strstr(f.error.hint, "primary_keys"));
    unmake(&f);
}

static void nothing_is_left_of_a_stage_that_was_not_committed(void **state)
{
    struct fixture f;
    struct sl_staged staged;
    char command[400];

    (void)state;
    make(&f, 0);
    add(&f, 1, "a", 0, 100, 1);
    assert_int_equal(sl_stage_finish(f.stage, &staged, &f.error), SL_OK);
    sl_stage_free(f.stage);
    f.stage = NULL;
    snprintf(command, sizeof command, "test -z \"$(find '%s' -name '*.parquet')\"", f.directory);
    assert_int_equal(system(command), 0);
    unmake(&f);
}

static void an_empty_table_is_no_file(void **state)
{
    struct fixture f;
    struct sl_staged staged;
    struct seen seen;

    (void)state;
    make(&f, 0);
    add(&f, 1, "a", 0, 10, 1);
    drop(&f, 1, 10);
    commit_and_read(&f, &staged, &seen);
    assert_int_equal(seen.rows, 0);
    assert_int_equal(staged.count, 0);
    unmake(&f);
}

static void a_closed_stage_gives_its_files_and_what_was_dropped(void **state)
{
    struct fixture f;
    size_t file;
    int64_t row;

    (void)state;
    make(&f, 0);
    sl_stage_position(f.stage, &file, &row);
    assert_true(file == 0 && row == 0);
    add(&f, 1, "a", 0, 10, 1);
    add(&f, 2, "b", 0, 5, 1);
    sl_stage_position(f.stage, &file, &row);
    assert_true(file == 0 && row == 15);
    sl_stage_file_bytes(f.stage, 1); /* the next batch is the file's last */
    add(&f, 1, "a", 0, 3, 1);
    sl_stage_position(f.stage, &file, &row);
    assert_true(file == 1 && row == 0);
    add(&f, 1, "c", 0, 2, 1);
    drop(&f, 2, 5);
    drop(&f, 1, 15);
    assert_int_equal(sl_stage_close(f.stage, &f.error), SL_OK);
    assert_int_equal(sl_stage_close(f.stage, &f.error), SL_OK);
    struct sl_stage_raw raw = sl_stage_raw(f.stage);
    assert_int_equal(raw.count, 2);
    assert_int_equal(sl_delta_file_rows(raw.files[0]), 18);
    const struct sl_stage_range expected[] = {{0, 0, 10}, {0, 10, 5}, {0, 15, 3}, {1, 0, 2}};
    assert_int_equal(raw.void_count, 4);
    assert_memory_equal(raw.voids, expected, sizeof expected);
    unmake(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_closed_stage_gives_its_files_and_what_was_dropped),
        cmocka_unit_test(rows_are_landed_once),
        cmocka_unit_test(the_later_copy_of_a_key_wins),
        cmocka_unit_test(dropped_rows_are_void_and_released_ones_stay),
        cmocka_unit_test(a_dropped_copy_does_not_win),
        cmocka_unit_test(rows_that_are_read_again_after_a_restart_are_no_repeats),
        cmocka_unit_test(real_repeats_are_found_among_void_rows),
        cmocka_unit_test(a_key_that_is_always_the_same_leaves_one_row),
        cmocka_unit_test(too_many_real_repeats_say_what_to_do),
        cmocka_unit_test(nothing_is_left_of_a_stage_that_was_not_committed),
        cmocka_unit_test(an_empty_table_is_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
