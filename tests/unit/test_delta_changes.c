/* Tests of src/delta: what was done to a table since a version, and by whom. */
#include "delta_world.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *changes_since(struct world *world, struct sl_delta_table *table, int64_t version)
{
    const char *json = "";

    OK(world, sl_delta_changes_since(table, version, &json, &world->error));
    return json;
}

/* Writes a version as another program would. */
static void write_version(const struct world *world, int version, const char *lines)
{
    char path[2 * PATH_MAX_LENGTH];
    FILE *file;

    snprintf(path, sizeof path, "%s/_delta_log/%020d.json", world->table, version);
    file = fopen(path, "wx");
    assert_non_null(file);
    fputs(lines, file);
    fclose(file);
}

static void tells_ours_from_theirs(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = create(world, TWO_FIELDS);
    struct sl_delta_commit commit = NOTHING;

    commit.app_id = "flow";
    commit.app_version = 1;
    OK(world, commit_one(world, table, stage_rows(world, table, 1, 1), commit));
    assert_string_equal(changes_since(world, table, 1), "[]");
    assert_string_equal(changes_since(world, table, 0),
                        "[{\"data\":true,\"engineInfo\":\"sluice/0.1.0\",\"metadata\":false,"
                        "\"operation\":\"WRITE\",\"ours\":true,\"txn\":[\"flow\"],\"version\":1}]");
    write_version(world, 2,
                  "{\"commitInfo\":{\"timestamp\":1,\"operation\":\"SET TBLPROPERTIES\","
                  "\"engineInfo\":\"other/1\"}}\n"
                  "{\"txn\":{\"appId\":\"stream\",\"version\":1}}\n");
    sl_delta_table_free(table);
    table = open_newest(world);
    assert_string_equal(changes_since(world, table, 1),
                        "[{\"data\":false,\"engineInfo\":\"other/1\",\"metadata\":false,"
                        "\"operation\":\"SET TBLPROPERTIES\",\"ours\":false,"
                        "\"txn\":[\"stream\"],\"version\":2}]");
    assert_non_null(strstr(changes_since(world, table, -1), "\"metadata\":true"));
    assert_non_null(strstr(changes_since(world, table, -1), "\"CREATE TABLE\""));
    sl_delta_table_free(table);
}

static void a_lost_commit_file_is_no_answer(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = create(world, TWO_FIELDS);
    char path[2 * PATH_MAX_LENGTH];

    for (int i = 1; i < 4; i++)
        OK(world, commit_one(world, table, stage_rows(world, table, i, 1), NOTHING));
    OK(world, sl_delta_checkpoint(table, &world->error));
    snprintf(path, sizeof path, "%s/_delta_log/%020d.json", world->table, 2);
    assert_int_equal(unlink(path), 0);
    assert_null(changes_since(world, table, 1));
    assert_non_null(changes_since(world, table, 2));
    sl_delta_table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tells_ours_from_theirs),
        TEST(a_lost_commit_file_is_no_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
