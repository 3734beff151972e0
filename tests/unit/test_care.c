/* Tests of pipeline/care.h: tables that are written every few minutes for a long time. The clock is
 * ours: clock_gettime() below is what everything in this program asks, the Delta library too, and
 * new files are dated by it. */
#define _GNU_SOURCE
#include "delta_world.h"

#include "delta/maintain.h"
#include "pipeline/care.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MINUTE (INT64_C(60) * 1000)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define START (INT64_C(1900000000) * 1000) /* in 2030 */

static int64_t now_ms = START;

int clock_gettime(clockid_t clock, struct timespec *time)
{
    if (clock != CLOCK_REALTIME) return (int)syscall(SYS_clock_gettime, clock, time);
    *time = (struct timespec){now_ms / 1000, now_ms % 1000 * 1000000};
    return 0;
}

/* What the operating system dated by its own clock. */
static void date_new_files(const char *folder)
{
    DIR *directory = opendir(folder);
    const struct timespec times[2] = {{now_ms / 1000, 0}, {now_ms / 1000, 0}};

    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        struct stat status;
        if (entry->d_name[0] == '.' || fstatat(dirfd(directory), entry->d_name, &status, 0) != 0)
            continue;
        if (S_ISREG(status.st_mode) && status.st_mtime < START / 1000)
            assert_int_equal(utimensat(dirfd(directory), entry->d_name, times, 0), 0);
    }
    closedir(directory);
}

static void pass(const struct world *world, int64_t ms)
{
    char log[2 * PATH_MAX_LENGTH];

    snprintf(log, sizeof log, "%s/_delta_log", world->table);
    date_new_files(world->table);
    date_new_files(log);
    now_ms += ms;
}

static int64_t bytes_in(const char *folder, const char *ending, int *count)
{
    DIR *directory = opendir(folder);
    int64_t bytes = 0;

    assert_non_null(directory);
    *count = 0;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        struct stat status;
        size_t length = strlen(entry->d_name), tail = strlen(ending);
        if (length < tail || strcmp(entry->d_name + length - tail, ending) != 0) continue;
        if (fstatat(dirfd(directory), entry->d_name, &status, 0) != 0) continue;
        bytes += status.st_size;
        ++*count;
    }
    closedir(directory);
    return bytes;
}

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

static struct sl_care_report care(struct world *world, struct sl_delta_table *table,
                                  const struct sl_care_options *options)
{
    struct sl_care_report report;

    OK(world, sl_care(table, now_ms, options, &report, &world->error));
    return report;
}

/* Bytes that a vacuum would free now: what is there besides live data and retention. */
static int64_t surplus(struct world *world, struct sl_delta_table *table,
                       const struct sl_care_options *options)
{
    struct sl_delta_vacuumed done;

    OK(world, sl_delta_vacuum(table, options->retention_ms, now_ms, true, NULL, NULL, &done,
                              &world->error));
    return done.bytes;
}

static int64_t live_bytes(struct world *world, struct sl_delta_table *table)
{
    struct sl_delta_totals totals;

    OK(world, sl_delta_totals(table, &totals, &world->error));
    return totals.bytes;
}

static void when_nothing_is_due_nothing_is_asked(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = NULL;
    struct sl_care_report report;

    OK(world, sl_delta_engine_faults(world->engine, "[]", &world->error));
    table = create(world, TWO_FIELDS);
    for (int i = 0; i < 20; i++) {
        OK(world, sl_delta_engine_faults(world->engine, "[]", &world->error));
        OK(world, commit_one(world, table, stage_noise(world, table, 3), NOTHING));
        pass(world, MINUTE);
        OK(world, sl_delta_engine_faults(world->engine, "[{\"fault\":\"error\",\"times\":1000000}]",
                                         &world->error));
        report = care(world, table, NULL);
        assert_false(report.looked);
        assert_false(report.cleaned);
        assert_int_equal(report.joined.version, -1);
    }
    sl_delta_table_free(table);
}

static void small_files_are_joined(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = create(world, TWO_FIELDS);
    struct sl_delta_totals totals;
    int64_t rows = 0;
    int joins = 0, looks = 0;

    for (int i = 0; i < 120; i++) {
        OK(world, commit_one(world, table, stage_noise(world, table, 50), NOTHING));
        rows += 50;
        pass(world, 5 * MINUTE);
        struct sl_care_report report = care(world, table, NULL);
        joins += report.joined.version >= 0;
        looks += report.looked;
        OK(world, sl_delta_totals(table, &totals, &world->error));
        assert_int_equal(totals.rows, rows);
        assert_true(totals.files <= SL_CARE_SMALL_FILES_MAX + SL_CARE_LOOK_EVERY + 2);
    }
    assert_in_range(joins, 1, 4);
    assert_in_range(looks, joins, 16);
    sl_delta_table_free(table);
}

/* Every run replaces some of ten files. At the end of each, what is there besides the live data and
 * the retention is less than twice the live data. */
static void churn(struct world *world, int replaced, int runs, int64_t minutes, int cleaned_max)
{
    const struct sl_care_options options = {.retention_ms = 3 * HOUR};
    struct sl_delta_table *table = create(world, TWO_FIELDS);
    struct sl_delta_commit commit = NOTHING;
    struct sl_delta_file *files[10];
    struct sl_delta_gone gone[10] = {0};
    int64_t worst = 0;
    int cleaned = 0;

    for (int i = 0; i < 10; i++) files[i] = stage_noise(world, table, 100);
    commit.add = files;
    commit.add_count = 10;
    OK(world, sl_delta_commit(table, &commit, &world->error));
    for (int i = 0; i < 10; i++) sl_delta_file_free(files[i], false);
    for (int run = 0; run < runs; run++) {
        for (int i = 0; i < replaced; i++) {
            files[i] = stage_noise(world, table, 100);
            gone[i].file = (size_t)((run + i) % 10);
        }
        commit.add_count = (size_t)replaced;
        commit.gone = gone;
        commit.gone_count = (size_t)replaced;
        OK(world, sl_delta_commit(table, &commit, &world->error));
        for (int i = 0; i < replaced; i++) sl_delta_file_free(files[i], false);
        pass(world, minutes * MINUTE);
        cleaned += care(world, table, &options).cleaned;
        int64_t left = surplus(world, table, &options);
        if (left > worst) worst = left;
    }
    assert_true(worst < 2 * live_bytes(world, table));
    assert_in_range(cleaned, 1, cleaned_max);
    sl_delta_table_free(table);
}

static void disk_use_is_bounded_when_little_changes(void **state)
{
    churn(*state, 1, 60, 5, 20);
}

static void disk_use_is_bounded_when_much_changes(void **state)
{
    churn(*state, 7, 20, 20, 20);
}

static void disk_use_is_bounded_when_runs_are_rare(void **state)
{
    churn(*state, 2, 15, 7 * 60, 15);
}

/* A year of runs, three days apart: the log forgets, the files go. */
static void a_year_leaves_no_more_than_a_month(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = create(world, TWO_FIELDS);
    struct sl_delta_commit replace = NOTHING;
    char log[2 * PATH_MAX_LENGTH];
    int commits = 0, checkpoints = 0, files = 0;

    replace.remove_all = true;
    snprintf(log, sizeof log, "%s/_delta_log", world->table);
    for (int i = 0; i < 122; i++) {
        OK(world, commit_one(world, table, stage_noise(world, table, 5), replace));
        pass(world, 3 * DAY);
        care(world, table, NULL);
    }
    bytes_in(log, ".json", &commits);
    bytes_in(log, ".checkpoint.parquet", &checkpoints);
    bytes_in(world->table, ".parquet", &files);
    assert_true(commits <= 10 + 50 + 2); /* the retention, and one interval of checkpoints */
    assert_in_range(checkpoints, 1, 2);
    assert_in_range(files, 2, 5); /* one live, a week's removed ones */
    sl_delta_table_free(table);
    table = open_newest(world);
    assert_int_equal(sl_delta_version(table), 122);
    sl_delta_table_free(table);
}

static double processor_seconds(void)
{
    struct timespec time;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Opening and committing, every five minutes: bench/commits_bench.c does it ten thousand times. */
static void a_late_commit_costs_what_an_early_one_does(void **state)
{
    enum { COMMITS = 200, WINDOW = 50 };
    struct world *world = *state;
    struct sl_delta_table *table = create(world, TWO_FIELDS);
    double early = 0, late = 0;

    for (int i = 0; i < COMMITS; i++) {
        double start = processor_seconds();
        sl_delta_table_free(table);
        table = open_newest(world);
        OK(world, commit_one(world, table, stage_noise(world, table, 3), NOTHING));
        pass(world, 5 * MINUTE);
        care(world, table, NULL);
        double took = processor_seconds() - start;
        if (i >= WINDOW && i < 2 * WINDOW) early += took; /* one interval of checkpoints each */
        if (i >= COMMITS - WINDOW) late += took;
    }
    sl_delta_table_free(table);
    assert_true(late < 2 * early);
}

static void who_is_overtaken_joins_nothing(void **state)
{
    struct world *world = *state;
    const struct sl_care_options options = {.small_files_max = 4, .retention_ms = -1};
    struct sl_delta_table *table = create(world, TWO_FIELDS), *other = NULL;

    for (int i = 0; i < SL_CARE_LOOK_EVERY; i++)
        OK(world, commit_one(world, table, stage_noise(world, table, 3), NOTHING));
    pass(world, MINUTE);
    other = open_newest(world);
    OK(world, commit_one(world, other, stage_noise(world, other, 3), NOTHING));
    sl_delta_table_free(other);
    struct sl_care_report report = care(world, table, &options);
    assert_true(report.looked && report.overtaken);
    assert_int_equal(report.joined.version, -1);
    sl_delta_table_free(table);
}

static void what_fails_is_told(void **state)
{
    struct world *world = *state;
    const struct sl_care_options options = {.small_files_max = 4, .retention_ms = -1};
    struct sl_delta_table *table = NULL;
    struct sl_care_report report;

    OK(world, sl_delta_engine_faults(world->engine, "[]", &world->error));
    table = create(world, TWO_FIELDS);
    for (int i = 0; i < SL_CARE_LOOK_EVERY; i++)
        OK(world, commit_one(world, table, stage_noise(world, table, 3), NOTHING));
    pass(world, MINUTE);
    OK(world, sl_delta_engine_faults(world->engine,
                                     "[{\"op\":\"put\",\"path\":\"part-\",\"fault\":\"full\"}]",
                                     &world->error));
    assert_int_equal(sl_care(table, now_ms, &options, &report, &world->error), SL_DESTINATION);
    assert_non_null(strstr(world->error.hint, "full"));
    assert_int_equal(report.joined.version, -1);
    report = care(world, table, &options); /* the disk has room again */
    assert_int_equal(report.joined.files_removed, SL_CARE_LOOK_EVERY);
    sl_delta_table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(when_nothing_is_due_nothing_is_asked),
        TEST(small_files_are_joined),
        TEST(disk_use_is_bounded_when_little_changes),
        TEST(disk_use_is_bounded_when_much_changes),
        TEST(disk_use_is_bounded_when_runs_are_rare),
        TEST(a_year_leaves_no_more_than_a_month),
        TEST(a_late_commit_costs_what_an_early_one_does),
        TEST(who_is_overtaken_joins_nothing),
        TEST(what_fails_is_told),
    };

    return cmocka_run_group_tests_name("care", tests, NULL, NULL);
}
