/* Tests of src/delta: live files by number, and commits that take some of them out. */
#include "delta_world.h"

#include <string.h>

/* A table with three files of two rows: 1 2, 3 4, 5 6. */
static struct sl_delta_table *three_files(struct world *world)
{
    struct sl_delta_table *table = create(world, TWO_FIELDS);

    for (int i = 0; i < 3; i++)
        OK(world, commit_one(world, table, stage_rows(world, table, 1 + 2 * i, 2), NOTHING));
    return table;
}

/* The number of the file of version 1, 2 or 3, which Delta lists newest first. */
static size_t file_of(int version)
{
    return (size_t)(3 - version);
}

static void live_files_are_told(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = create(world, TWO_FIELDS);
    const struct sl_delta_live *live = NULL;
    size_t count = 7;

    OK(world, sl_delta_live(table, &live, &count, &world->error));
    assert_int_equal(count, 0);
    OK(world, commit_one(world, table, stage_rows(world, table, 1, 3), NOTHING));
    OK(world, commit_one(world, table, stage_rows(world, table, 4, 2), NOTHING));
    OK(world, sl_delta_live(table, &live, &count, &world->error));
    assert_int_equal(count, 2);
    assert_int_equal(live[0].rows, 2);
    assert_int_equal(live[1].rows, 3);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(live[i].dead, 0);
        assert_true(live[i].bytes > 100);
        assert_true(live[i].modified_ms > 1500000000000);
        assert_non_null(strstr(live[i].path, ".parquet"));
    }
    sl_delta_table_free(table);
}

static void a_file_goes_and_another_comes(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = three_files(world);
    struct sl_delta_commit commit = NOTHING;
    struct sl_delta_gone gone = {.file = file_of(2)};
    struct sl_delta_totals totals;

    commit.operation = "MERGE";
    commit.gone = &gone;
    commit.gone_count = 1;
    OK(world, commit_one(world, table, stage_rows(world, table, 8, 1), commit));
    assert_table(world, "8|n8\n5|n5\n6|n6\n1|n1\n2|n2\n");
    OK(world, sl_delta_totals(table, &totals, &world->error));
    assert_int_equal(totals.files, 3);
    assert_int_equal(totals.rows, 5);
    sl_delta_table_free(table);
}

static void refuses_what_cannot_go(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = three_files(world);
    struct sl_delta_commit commit = NOTHING;
    struct sl_delta_gone gone[] = {{.file = 1}, {.file = 1}};

    commit.gone = gone;
    commit.gone_count = 2;
    assert_int_equal(sl_delta_commit(table, &commit, &world->error), SL_BUG);
    gone[1].file = 3;
    assert_int_equal(sl_delta_commit(table, &commit, &world->error), SL_BUG);
    assert_table(world, "5|n5\n6|n6\n3|n3\n4|n4\n1|n1\n2|n2\n");
    sl_delta_table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(live_files_are_told),
        TEST(a_file_goes_and_another_comes),
        TEST(refuses_what_cannot_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
