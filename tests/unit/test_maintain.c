/* Tests of delta/maintain.h: files joined, files deleted, logs cleaned. Time is an argument: "later"
 * is the present and some days. */
#include "delta_world.h"

#include "delta/maintain.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define HOUR (INT64_C(3600) * 1000)
#define DAY (24 * HOUR)

static int64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_REALTIME, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static int count_in(const char *folder, const char *ending)
{
    DIR *directory = opendir(folder);
    int count = 0;

    if (!directory) return 0;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        size_t length = strlen(entry->d_name), tail = strlen(ending);
        if (length >= tail && strcmp(entry->d_name + length - tail, ending) == 0) count++;
    }
    closedir(directory);
    return count;
}

static int data_files(const struct world *world)
{
    return count_in(world->table, ".parquet");
}

static void put_file(const struct world *world, const char *name)
{
    char path[2 * PATH_MAX_LENGTH];

    snprintf(path, sizeof path, "%s/%s", world->table, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("content", file);
    fclose(file);
}

static bool has_file(const struct world *world, const char *name)
{
    char path[2 * PATH_MAX_LENGTH];

    snprintf(path, sizeof path, "%s/%s", world->table, name);
    return access(path, F_OK) == 0;
}

static void make_folder(const struct world *world, const char *name)
{
    char path[2 * PATH_MAX_LENGTH];

    snprintf(path, sizeof path, "%s/%s", world->table, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

/* A table of so many files with one row each: n0, n1, ... */
static struct sl_delta_table *fragmented(struct world *world, int files)
{
    struct sl_delta_table *table = create(world, TWO_FIELDS);

    for (int i = 0; i < files; i++)
        OK(world, commit_one(world, table, stage_rows(world, table, i, 1), NOTHING));
    return table;
}

static struct sl_delta_totals totals_of(struct world *world, struct sl_delta_table *table)
{
    struct sl_delta_totals totals;

    OK(world, sl_delta_totals(table, &totals, &world->error));
    return totals;
}

static struct sl_delta_vacuumed vacuum(struct world *world, int64_t retention, int64_t at)
{
    struct sl_delta_table *table = open_newest(world);
    struct sl_delta_vacuumed done;

    OK(world, sl_delta_vacuum(table, retention, at, false, NULL, NULL, &done, &world->error));
    sl_delta_table_free(table);
    return done;
}

/* -- Optimize ---------------------------------------------------------------------------------- */

static void small_files_become_one(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = fragmented(world, 6);
    struct sl_delta_optimized done;

    assert_int_equal(totals_of(world, table).files, 6);
    OK(world, sl_delta_optimize(table, NULL, &done, &world->error));
    assert_int_equal(done.files_removed, 6);
    assert_int_equal(done.files_added, 1);
    assert_int_equal(done.rows, 6);
    assert_int_equal(done.rows_purged, 0);
    assert_int_equal(done.version, 7);
    assert_int_equal(sl_delta_version(table), 7);
    assert_int_equal(totals_of(world, table).files, 1);
    assert_int_equal(totals_of(world, table).rows, 6);
    assert_int_equal(totals_of(world, table).bytes, done.bytes_added);
    assert_table(world, "0|n0\n1|n1\n2|n2\n3|n3\n4|n4\n5|n5\n");

    struct text log = log_of(world, 7);
    assert_null(strstr(log.data, "\"dataChange\":true"));
    assert_non_null(strstr(log.data, "\"dataChange\":false"));
    assert_non_null(strstr(log.data, "\"operation\":\"OPTIMIZE\""));
    assert_non_null(strstr(log.data, "\"numRemovedFiles\":\"6\""));

    OK(world, sl_delta_optimize(table, NULL, &done, &world->error));
    assert_int_equal(done.version, -1);
    assert_int_equal(sl_delta_version(table), 7);
    sl_delta_table_free(table);
}

static void optimizing_needs_enough_files(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = fragmented(world, 3);
    const struct sl_delta_optimize_options four = {.files_min = 4}, large = {.small_bytes = 1};
    struct sl_delta_optimized done;

    OK(world, sl_delta_optimize(table, &four, &done, &world->error));
    assert_int_equal(done.version, -1);
    OK(world, sl_delta_optimize(table, &large, &done, &world->error));
    assert_int_equal(done.version, -1);
    sl_delta_table_free(table);
}

static void who_comes_late_changes_nothing(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = fragmented(world, 3), *other = open_newest(world);
    struct sl_delta_optimized done;

    OK(world, commit_one(world, other, stage_rows(world, other, 7, 1), NOTHING));
    assert_int_equal(data_files(world), 4);
    assert_int_equal(sl_delta_optimize(table, NULL, &done, &world->error), SL_CONFLICT);
    assert_true(world->error.retryable);
    assert_int_equal(data_files(world), 4); /* what it wrote is gone */
    assert_int_equal(done.version, -1);
    sl_delta_table_free(table);
    sl_delta_table_free(other);

    table = open_newest(world);
    OK(world, sl_delta_optimize(table, NULL, &done, &world->error));
    assert_int_equal(done.files_removed, 4);
    sl_delta_table_free(table);
    assert_table(world, "0|n0\n1|n1\n2|n2\n7|n7\n");
}

static void a_run_goes_on_after_it(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = fragmented(world, 2);
    const struct sl_pair domain = {"sluice.cursor.x", "{\"commit\":1}"};
    struct sl_delta_commit commit = NOTHING;
    struct sl_delta_optimized done;
    const char *json = NULL;
    int64_t version = 0;

    commit.app_id = "x";
    commit.app_version = 1;
    commit.domains = &domain;
    commit.domains_count = 1;
    OK(world, commit_one(world, table, stage_rows(world, table, 2, 1), commit));
    OK(world, sl_delta_optimize(table, NULL, &done, &world->error));
    OK(world, sl_delta_domain(table, "sluice.cursor.x", &json, &world->error));
    assert_string_equal(json, domain.value);
    OK(world, sl_delta_app_version(table, "x", &version, &world->error));
    assert_int_equal(version, 1);
    OK(world, commit_one(world, table, stage_rows(world, table, 3, 1), NOTHING));
    sl_delta_table_free(table);
    assert_table(world, "3|n3\n0|n0\n1|n1\n2|n2\n");
}

static void dead_rows_go_for_good(void **state)
{
    static const int64_t one[] = {1}, two[] = {0, 1};
    struct world *world = *state;
    const struct sl_pair vectors = {"delta.enableDeletionVectors", "true"};
    const struct sl_delta_optimize_options all = {.dead_ratio = -1, .small_bytes = 1};
    const struct sl_delta_optimize_options many = {.small_bytes = 1};
    struct sl_delta_table *table = NULL;
    struct sl_delta_commit commit = NOTHING;
    struct sl_delta_optimized done;
    struct sl_delta_gone gone[2] = {{.rows = one, .count = 1},
                                    {.file = 1, .rows = two, .count = 2}};
    const struct sl_delta_live *live;
    size_t count;

    OK(world, sl_delta_create(world->engine, world->table, TWO_FIELDS, &vectors, 1, &NOTHING,
                              &table, &world->error));
    OK(world, commit_one(world, table, stage_rows(world, table, 1, 4), NOTHING));
    OK(world, commit_one(world, table, stage_rows(world, table, 5, 4), NOTHING));
    commit.gone = gone; /* a quarter of one file, half of the other */
    commit.gone_count = 2;
    OK(world, commit_one(world, table, NULL, commit));
    assert_int_equal(count_in(world->table, ".bin"), 1);

    OK(world, sl_delta_optimize(table, &many, &done, &world->error));
    assert_int_equal(done.files_removed, 1);
    assert_int_equal(done.rows_purged, 2);
    assert_int_equal(totals_of(world, table).rows, 5);
    assert_int_equal(vacuum(world, -1, now() + 8 * DAY).files, 1);
    assert_int_equal(count_in(world->table, ".bin"), 1); /* a live file needs it */

    OK(world, sl_delta_optimize(table, &all, &done, &world->error));
    assert_int_equal(done.files_removed, 1);
    assert_int_equal(done.rows_purged, 1);
    OK(world, sl_delta_live(table, &live, &count, &world->error));
    assert_int_equal(count, 2);
    assert_int_equal(live[0].dead + live[1].dead, 0);
    assert_int_equal(totals_of(world, table).rows, 5);
    assert_int_equal(vacuum(world, -1, now() + 8 * DAY).files, 2);
    assert_int_equal(count_in(world->table, ".bin"), 0);
    sl_delta_table_free(table);
}

/* Rows of random numbers, which do not compress. */
static struct sl_delta_file *stage_noise(struct world *world, struct sl_delta_table *table,
                                         int rows)
{
    int64_t *ids = calloc((size_t)rows, sizeof *ids);
    const struct column columns[] = {{.name = "id", .format = "l", .values = ids}};

    assert_non_null(ids);
    for (int i = 0; i < rows; i++) ids[i] = (int64_t)random() << 31 ^ random();
    struct sl_delta_file *file = stage(world, table, columns, 1, rows, NULL);
    free(ids);
    return file;
}

static void files_get_no_larger_than_wanted(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = create(world, TWO_FIELDS);
    const struct sl_delta_optimize_options options = {.target_bytes = 1 << 20,
                                                      .small_bytes = 1 << 20};
    struct sl_delta_optimized done;

    for (int i = 0; i < 6; i++)
        OK(world, commit_one(world, table, stage_noise(world, table, 60000), NOTHING));
    OK(world, sl_delta_optimize(table, &options, &done, &world->error));
    assert_int_equal(done.files_removed, 6);
    assert_in_range(done.files_added, 2, 4);
    assert_int_equal(totals_of(world, table).rows, 6 * 60000);
    sl_delta_table_free(table);
}

/* Joined 8 at a time, 128 files are written a few times each, not 16 times. */
static void small_steps_stay_small(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = create(world, TWO_FIELDS);
    const struct sl_delta_optimize_options options = {.bytes_max = 1 << 30, .files_min = 8};
    struct sl_delta_optimized done;
    int64_t rows_written = 0;

    for (int i = 0; i < 128; i++) {
        OK(world, commit_one(world, table, stage_noise(world, table, 200), NOTHING));
        OK(world, sl_delta_optimize(table, &options, &done, &world->error));
        rows_written += done.rows;
    }
    assert_int_equal(totals_of(world, table).rows, 128 * 200);
    assert_true(totals_of(world, table).files < 16);
    assert_true(rows_written < INT64_C(5) * 128 * 200);
    sl_delta_table_free(table);
}

/* -- Vacuum ------------------------------------------------------------------------------------ */

static void count_path(void *ctx, const char *path)
{
    assert_non_null(strstr(path, "part-"));
    ++*(int *)ctx;
}

static void removed_files_go_after_the_retention(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = fragmented(world, 4);
    struct sl_delta_optimized done;
    struct sl_delta_vacuumed gone;
    int named = 0;

    OK(world, sl_delta_optimize(table, NULL, &done, &world->error));
    assert_int_equal(data_files(world), 5);

    gone = vacuum(world, -1, now() + 6 * DAY);
    assert_int_equal(gone.files, 0);
    assert_int_equal(gone.kept, 5);
    gone = vacuum(world, 0, now()); /* a file younger than an hour stays */
    assert_int_equal(gone.files, 0);

    OK(world,
       sl_delta_vacuum(table, -1, now() + 8 * DAY, true, count_path, &named, &gone, &world->error));
    assert_int_equal(gone.files, 4);
    assert_int_equal(gone.bytes, done.bytes_removed);
    assert_int_equal(named, 4);
    assert_int_equal(data_files(world), 5);

    gone = vacuum(world, -1, now() + 8 * DAY);
    assert_int_equal(gone.files, 4);
    assert_int_equal(gone.kept, 1);
    assert_int_equal(data_files(world), 1);
    sl_delta_table_free(table);
    assert_table(world, "0|n0\n1|n1\n2|n2\n3|n3\n");
}

static void the_retention_can_be_shorter_and_longer(void **state)
{
    struct world *world = *state;
    const struct sl_pair property = {"delta.deletedFileRetentionDuration", "interval 2 days"};
    struct sl_delta_table *table = NULL;
    struct sl_delta_commit replace = NOTHING;

    OK(world, sl_delta_create(world->engine, world->table, TWO_FIELDS, &property, 1, &NOTHING,
                              &table, &world->error));
    replace.remove_all = true;
    OK(world, commit_one(world, table, stage_rows(world, table, 1, 1), NOTHING));
    OK(world, commit_one(world, table, stage_rows(world, table, 2, 1), replace));
    OK(world, sl_delta_checkpoint(table, &world->error));
    sl_delta_table_free(table);

    assert_int_equal(vacuum(world, -1, now() + 1 * DAY).files, 0);
    assert_int_equal(vacuum(world, 30 * DAY, now() + 29 * DAY).files, 0);
    assert_int_equal(vacuum(world, -1, now() + 3 * DAY).files, 1);
    assert_table(world, "2|n2\n");
}

static void a_version_of_the_retention_can_be_read(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = create(world, TWO_FIELDS), *old = NULL;
    struct sl_delta_commit replace = NOTHING;

    replace.remove_all = true;
    OK(world, commit_one(world, table, stage_rows(world, table, 1, 2), NOTHING));
    OK(world, commit_one(world, table, stage_rows(world, table, 5, 2), replace));
    sl_delta_table_free(table);
    vacuum(world, -1, now() + 6 * DAY);
    OK(world, sl_delta_open(world->engine, world->table, 1, &old, &world->error));
    struct text text = read_all(world, old);
    assert_string_equal(text.data, "1|n1\n2|n2\n");
    sl_delta_table_free(old);
}

static void what_a_run_may_be_writing_stays(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = create(world, TWO_FIELDS);
    struct sl_delta_file *file = stage_rows(world, table, 1, 1);

    assert_int_equal(vacuum(world, 0, now() + 23 * HOUR).files, 0);
    OK(world, commit_one(world, table, file, NOTHING));
    file = stage_rows(world, table, 2, 1);
    assert_int_equal(vacuum(world, -1, now() + 6 * DAY).files, 0);
    assert_int_equal(vacuum(world, 0, now() + 25 * HOUR).files, 1); /* its run was killed */
    sl_delta_file_free(file, false);
    sl_delta_table_free(table);
    assert_table(world, "1|n1\n");
}

static void what_is_not_of_the_table_stays(void **state)
{
    static const char *const strange[] = {"notes.txt", "_other/x.parquet", ".hidden.parquet",
                                          "_delta_log/x.parquet", "_sluice/readme"};
    static const char *const ours[] = {"part-00000-left.snappy.parquet", "ab/part-1.parquet",
                                       "deletion_vector_1.bin", "_sluice/part-9.parquet",
                                       "_day=1/part-2.parquet"};
    struct world *world = *state;
    struct sl_delta_table *table = fragmented(world, 1);

    make_folder(world, "_other");
    make_folder(world, "_sluice");
    make_folder(world, "ab");
    make_folder(world, "_day=1");
    for (size_t i = 0; i < 5; i++) put_file(world, strange[i]);
    for (size_t i = 0; i < 5; i++) put_file(world, ours[i]);
    assert_int_equal(vacuum(world, -1, now() + 8 * DAY).files, 5);
    for (size_t i = 0; i < 5; i++) assert_true(has_file(world, strange[i]));
    for (size_t i = 0; i < 5; i++) assert_false(has_file(world, ours[i]));
    sl_delta_table_free(table);
    assert_table(world, "0|n0\n");
}

static void files_beside_the_table_stay_while_a_domain_names_them(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = fragmented(world, 1);
    struct sl_delta_commit commit = NOTHING;
    const struct sl_pair domains[] = {{"sluice.aux.one",
                                       "{\"files\":[{\"path\":\"_sluice/a.parquet\",\"rows\":1}]}"},
                                      {"sluice.aux.two", "[\"_sluice/deep/b.parquet\"]"},
                                      {"sluice.cursor.one", "{\"cursor\":\"_sluice/c.parquet\"}"}};
    const struct sl_pair none = {"sluice.aux.one", NULL};

    make_folder(world, "_sluice");
    make_folder(world, "_sluice/deep");
    put_file(world, "_sluice/a.parquet");
    put_file(world, "_sluice/deep/b.parquet");
    put_file(world, "_sluice/c.parquet");
    commit.domains = domains;
    commit.domains_count = 3;
    OK(world, commit_one(world, table, NULL, commit));
    assert_int_equal(vacuum(world, -1, now() + 8 * DAY).files, 1);
    assert_true(has_file(world, "_sluice/a.parquet"));
    assert_true(has_file(world, "_sluice/deep/b.parquet"));

    commit.domains = &none;
    commit.domains_count = 1;
    OK(world, commit_one(world, table, NULL, commit));
    assert_int_equal(vacuum(world, -1, now() + 8 * DAY).files, 1);
    assert_false(has_file(world, "_sluice/a.parquet"));
    sl_delta_table_free(table);
}

static void a_domain_that_cannot_be_read_stops_it(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = fragmented(world, 1);
    struct sl_delta_commit commit = NOTHING;
    const struct sl_pair domain = {"sluice.aux.one", "not JSON"};
    struct sl_delta_vacuumed gone;

    commit.domains = &domain;
    commit.domains_count = 1;
    OK(world, commit_one(world, table, NULL, commit));
    put_file(world, "part-1.parquet");
    assert_int_equal(sl_delta_vacuum(table, -1, now() + 8 * DAY, false, NULL, NULL, &gone,
                                     &world->error),
                     SL_DESTINATION);
    assert_true(has_file(world, "part-1.parquet"));
    sl_delta_table_free(table);
}

static void what_killed_writers_left_goes(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = fragmented(world, 1);

    put_file(world, "part-1.parquet#1");
    put_file(world, "_delta_log/00000000000000000009.json#2");
    put_file(world, "notes#1");
    vacuum(world, -1, now());
    assert_true(has_file(world, "part-1.parquet#1"));
    vacuum(world, -1, now() + 2 * DAY);
    assert_false(has_file(world, "part-1.parquet#1"));
    assert_false(has_file(world, "_delta_log/00000000000000000009.json#2"));
    assert_true(has_file(world, "notes#1"));
    sl_delta_table_free(table);
}

/* -- The log ----------------------------------------------------------------------------------- */

static int64_t clean(struct world *world, int64_t at)
{
    struct sl_delta_table *table = open_newest(world);
    int64_t files = -1;

    OK(world, sl_delta_clean_log(table, -1, at, &files, &world->error));
    sl_delta_table_free(table);
    return files;
}

static void old_versions_are_forgotten(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = fragmented(world, 8), *old = NULL;
    char folder[2 * PATH_MAX_LENGTH];

    snprintf(folder, sizeof folder, "%s/_delta_log", world->table);
    assert_int_equal(clean(world, now() + 31 * DAY), 0); /* there is no checkpoint */
    OK(world, sl_delta_checkpoint(table, &world->error));
    OK(world, commit_one(world, table, stage_rows(world, table, 8, 1), NOTHING));
    sl_delta_table_free(table);

    assert_int_equal(count_in(folder, ".json"), 10);
    assert_int_equal(clean(world, now() + 29 * DAY), 0);
    assert_true(clean(world, now() + 31 * DAY) >= 8);
    assert_int_equal(count_in(folder, ".json"), 2);
    assert_int_equal(clean(world, now() + 31 * DAY), 0);
    table = open_newest(world);
    assert_int_equal(totals_of(world, table).rows, 9);
    sl_delta_table_free(table);
    assert_int_equal(sl_delta_open(world->engine, world->table, 3, &old, &world->error),
                     SL_NOT_FOUND);
    OK(world, sl_delta_open(world->engine, world->table, 8, &old, &world->error));
    sl_delta_table_free(old);
    table = open_newest(world);
    OK(world, commit_one(world, table, NULL, NOTHING));
    sl_delta_table_free(table);
}

static void a_table_may_keep_its_log(void **state)
{
    struct world *world = *state;
    const struct sl_pair property = {"delta.enableExpiredLogCleanup", "false"};
    struct sl_delta_table *table = NULL;

    OK(world, sl_delta_create(world->engine, world->table, TWO_FIELDS, &property, 1, &NOTHING,
                              &table, &world->error));
    OK(world, commit_one(world, table, NULL, NOTHING));
    OK(world, sl_delta_checkpoint(table, &world->error));
    assert_int_equal(clean(world, now() + 31 * DAY), 0);
    sl_delta_table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(small_files_become_one),
        TEST(optimizing_needs_enough_files),
        TEST(who_comes_late_changes_nothing),
        TEST(a_run_goes_on_after_it),
        TEST(dead_rows_go_for_good),
        TEST(files_get_no_larger_than_wanted),
        TEST(small_steps_stay_small),
        TEST(removed_files_go_after_the_retention),
        TEST(the_retention_can_be_shorter_and_longer),
        TEST(a_version_of_the_retention_can_be_read),
        TEST(what_a_run_may_be_writing_stays),
        TEST(what_is_not_of_the_table_stays),
        TEST(files_beside_the_table_stay_while_a_domain_names_them),
        TEST(a_domain_that_cannot_be_read_stops_it),
        TEST(what_killed_writers_left_goes),
        TEST(old_versions_are_forgotten),
        TEST(a_table_may_keep_its_log),
    };

    return cmocka_run_group_tests_name("maintain", tests, NULL, NULL);
}
