/* Staging: what is committed are the rows that are final. */
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
    assert_int_equal(sl_stage_new(f->stages, f->table, &f->schema, NULL, &f->stage, &f->error),
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

/* A restarted task reads its rows again; what others staged meanwhile stays where it is. */
static void void_rows_go_from_whichever_files_they_are_in(void **state)
{
    struct fixture f;
    struct sl_staged staged;
    struct seen seen;

    (void)state;
    make(&f, 0);
    add(&f, 1, "void", 0, 10, 1);
    sl_stage_file_bytes(f.stage, 1); /* each batch ends its file */
    add(&f, 2, "a", 0, 10, 10);
    add(&f, 1, "void", 10, 10, 1); /* nothing is left of this file */
    add(&f, 2, "b", 0, 10, 10);
    drop(&f, 1, 20);
    drop(&f, 3, 0);
    add(&f, 1, "again", 0, 20, 100);
    add(&f, 4, "void", 20, 5, 1);
    drop(&f, 4, 5);
    commit_and_read(&f, &staged, &seen);
    assert_int_equal(seen.rows, 40);
    assert_int_equal(seen.sum, 20 * 10 + 20 * 100);
    assert_null(strstr(seen.ids, "void"));
    assert_int_equal(staged.rows, 40);
    assert_int_equal(staged.count, 3);
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
        cmocka_unit_test(dropped_rows_are_void_and_released_ones_stay),
        cmocka_unit_test(void_rows_go_from_whichever_files_they_are_in),
        cmocka_unit_test(nothing_is_left_of_a_stage_that_was_not_committed),
        cmocka_unit_test(an_empty_table_is_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
