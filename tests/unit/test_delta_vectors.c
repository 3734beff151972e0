/* Tests of src/delta: rows of live files that go behind deletion vectors. */
#include "delta_world.h"

#include <glob.h>
#include <stdio.h>
#include <string.h>

static const struct sl_pair VECTORS = {"delta.enableDeletionVectors", "true"};

/* Rows 1 to 5 in the older file (number 1), 6 to 9 in the newer (number 0). */
static struct sl_delta_table *two_files(struct world *world, size_t property_count)
{
    struct sl_delta_table *table = NULL;

    OK(world, sl_delta_create(world->engine, world->table, TWO_FIELDS, &VECTORS, property_count,
                              &NOTHING, &table, &world->error));
    OK(world, commit_one(world, table, stage_rows(world, table, 1, 5), NOTHING));
    OK(world, commit_one(world, table, stage_rows(world, table, 6, 4), NOTHING));
    return table;
}

static struct sl_delta_commit taking(const struct sl_delta_gone *gone, size_t count)
{
    struct sl_delta_commit commit = NOTHING;

    commit.operation = "MERGE";
    commit.gone = gone;
    commit.gone_count = count;
    return commit;
}

static size_t vector_files(const struct world *world)
{
    char pattern[2 * PATH_MAX_LENGTH];
    glob_t found;
    size_t count;

    snprintf(pattern, sizeof pattern, "%s/deletion_vector_*.bin", world->table);
    count = glob(pattern, 0, NULL, &found) ? 0 : found.gl_pathc;
    globfree(&found);
    return count;
}

/* The number of the file with so many rows, dead ones included. */
static size_t file_with(struct world *world, struct sl_delta_table *table, int64_t rows)
{
    const struct sl_delta_live *live;
    size_t count;

    OK(world, sl_delta_live(table, &live, &count, &world->error));
    for (size_t i = 0; i < count; i++)
        if (live[i].rows == rows) return i;
    fail_msg("no file with %d rows", (int)rows);
    return count;
}

static void rows_go_and_others_come(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = two_files(world, 1);
    const int64_t first[] = {0, 3}, second[] = {2}, again[] = {0, 1};
    struct sl_delta_gone gone[] = {{.file = file_with(world, table, 5), .rows = first, .count = 2},
                                   {.file = file_with(world, table, 4),
                                    .rows = second,
                                    .count = 1}};
    struct sl_delta_commit commit = taking(gone, 2);
    const struct sl_delta_live *live;
    struct sl_delta_totals totals;
    size_t count, file;
    const char *json;

    commit.app_id = "flow";
    commit.app_version = 1;
    commit.domains = &(struct sl_pair){"sluice.cursor.flow", "{}"};
    commit.domains_count = 1;
    OK(world, commit_one(world, table, stage_rows(world, table, 3, 1), commit));
    assert_int_equal(vector_files(world), 1);
    OK(world, sl_delta_totals(table, &totals, &world->error));
    assert_int_equal(totals.rows, 7);
    assert_int_equal(totals.files, 3);
    OK(world, sl_delta_domain(table, "sluice.cursor.flow", &json, &world->error));
    assert_string_equal(json, "{}");

    /* One row is dead already: the vector has both. */
    file = file_with(world, table, 5);
    OK(world, sl_delta_live(table, &live, &count, &world->error));
    assert_int_equal(live[file].dead, 2);
    gone[0] = (struct sl_delta_gone){.file = file, .rows = again, .count = 2};
    commit = taking(gone, 1);
    OK(world, sl_delta_commit(table, &commit, &world->error));
    OK(world, sl_delta_live(table, &live, &count, &world->error));
    file = file_with(world, table, 5);
    assert_int_equal(live[file].dead, 3);

    /* Dead rows never appear, asked for or not. */
    const int64_t asked[] = {0, 2, 3};
    const struct sl_delta_part parts[] = {{.live = file, .rows = asked, .count = 3},
                                          {.live = file, .rows = asked, .count = 1, .except = true},
                                          {.live = file}};
    struct ArrowArrayStream stream;
    OK(world, sl_delta_read(table, parts, 3, NULL, 0, NULL, &stream, &world->error));
    struct text text = read_stream(&stream);
    assert_string_equal(text.data, "0|2|3|n3\n1|2|3|n3\n1|4|5|n5\n2|2|3|n3\n2|4|5|n5\n");
    sl_delta_table_free(table);

    table = open_newest(world);
    OK(world, sl_delta_totals(table, &totals, &world->error));
    assert_int_equal(totals.rows, 6);
    text = read_all(world, table);
    assert_non_null(strstr(text.data, "3|n3\n5|n5\n"));
    assert_non_null(strstr(text.data, "6|n6\n7|n7\n9|n9\n"));
    assert_null(strstr(text.data, "2|n2"));
    sl_delta_table_free(table);
}

static void a_dead_file_is_removed(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = two_files(world, 1);
    const int64_t some[] = {1, 2}, rest[] = {0, 3}, all[] = {0, 1, 2, 3, 4};
    struct sl_delta_gone gone[] = {{.file = file_with(world, table, 4), .rows = some, .count = 2},
                                   {.file = file_with(world, table, 5), .rows = all, .count = 5}};
    struct sl_delta_commit commit = taking(gone, 2);
    const struct sl_delta_live *live;
    size_t count;

    OK(world, sl_delta_commit(table, &commit, &world->error));
    OK(world, sl_delta_live(table, &live, &count, &world->error));
    assert_int_equal(count, 1);
    assert_table(world, "6|n6\n9|n9\n");
    gone[0] = (struct sl_delta_gone){.file = 0, .rows = rest, .count = 2};
    commit = taking(gone, 1);
    OK(world, sl_delta_commit(table, &commit, &world->error));
    OK(world, sl_delta_live(table, &live, &count, &world->error));
    assert_int_equal(count, 0);
    assert_table(world, "");
    assert_int_equal(vector_files(world), 1); /* of the version before */
    sl_delta_table_free(table);
}

static void nothing_of_a_lost_race_stays(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = two_files(world, 1), *other = open_newest(world);
    const int64_t one[] = {1}, beyond[] = {1, 9};
    struct sl_delta_gone gone = {.file = file_with(world, table, 5), .rows = one, .count = 1};
    struct sl_delta_commit commit = taking(&gone, 1);

    OK(world, commit_one(world, other, NULL, NOTHING));
    assert_int_equal(sl_delta_commit(table, &commit, &world->error), SL_CONFLICT);
    assert_int_equal(vector_files(world), 0);
    gone = (struct sl_delta_gone){.file = file_with(world, other, 5), .rows = beyond, .count = 2};
    assert_int_equal(sl_delta_commit(other, &commit, &world->error), SL_BUG);
    gone.count = 0; /* no row: nothing happens to the file */
    OK(world, sl_delta_commit(other, &commit, &world->error));
    assert_table(world, "6|n6\n7|n7\n8|n8\n9|n9\n1|n1\n2|n2\n3|n3\n4|n4\n5|n5\n");
    sl_delta_table_free(table);
    sl_delta_table_free(other);
}

static void refuses_vectors_where_they_are_not_allowed(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = two_files(world, 0);
    const int64_t one[] = {1};
    struct sl_delta_gone gone = {.file = file_with(world, table, 5), .rows = one, .count = 1};
    struct sl_delta_commit commit = taking(&gone, 1);

    assert_int_equal(sl_delta_commit(table, &commit, &world->error), SL_UNSUPPORTED);
    assert_int_equal(vector_files(world), 0);
    sl_delta_table_free(table);
}

/* Statistics are written again with the vector; a bound that is rounded would hide rows. */
static void bounds_of_wide_decimals_survive(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = NULL;
    const int64_t amounts[] = {0x4B9B0F2E5A1B2C3D, 0x1234, 7, 0, 9, 0}, one[] = {1};
    struct column column = {.name = "amount", .format = "d:38,10", .values = amounts};
    struct sl_delta_gone gone = {.file = 0, .rows = one, .count = 1};
    struct sl_delta_commit commit = taking(&gone, 1);
    struct text before, after;
    char bound[96];

    OK(world,
       sl_delta_create(world->engine, world->table, SCHEMA(FIELD("amount", "decimal(38,10)")),
                       &VECTORS, 1, &NOTHING, &table, &world->error));
    OK(world, commit_one(world, table, stage(world, table, &column, 1, 3, NULL), NOTHING));
    OK(world, sl_delta_commit(table, &commit, &world->error));
    before = log_of(world, 1);
    after = log_of(world, 2);
    const char *at = strstr(before.data, "maxValues");
    assert_non_null(at);
    snprintf(bound, sizeof bound, "%.*s", (int)strcspn(at, "}"), at);
    assert_true(strlen(bound) > 40);
    assert_non_null(strstr(after.data, bound));
    assert_non_null(strstr(after.data, "tightBounds\\\":false"));
    sl_delta_table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rows_go_and_others_come),         TEST(a_dead_file_is_removed),
        TEST(nothing_of_a_lost_race_stays),    TEST(refuses_vectors_where_they_are_not_allowed),
        TEST(bounds_of_wide_decimals_survive),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
