/*
 * commits_bench.c: one table, written every five minutes for weeks. Prints JSON: how long commits and
 * opening take at the start and at the end, and what is on the disk.
 *
 *     commits_bench DIRECTORY COMMITS
 *
 * Each commit replaces one of twenty files and is followed by sl_care(). Only the calendar is
 * simulated: clock_gettime() below is what the Delta library asks, too, and new files are dated by
 * it. What is measured is real.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "pipeline/care.h"

#define FIVE_MINUTES_MS (INT64_C(5) * 60 * 1000)
#define START_MS (INT64_C(1900000000) * 1000) /* in 2030 */
#define FILES 20
#define ROWS 1000
#define WINDOW 250 /* commits at the start and at the end that are compared */

static int64_t now_ms = START_MS;

int clock_gettime(clockid_t clock, struct timespec *time)
{
    if (clock != CLOCK_REALTIME) return (int)syscall(SYS_clock_gettime, clock, time);
    *time = (struct timespec){now_ms / 1000, now_ms % 1000 * 1000000};
    return 0;
}

static double seconds(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void check(enum sl_code code, const struct sl_error *error)
{
    if (code == SL_OK) return;
    fprintf(stderr, "%s: %s\n", sl_code_name(error->code), error->message);
    exit(1);
}

/* Dates what is new by the simulated calendar; sums up what is there. */
static int64_t visit(const char *folder, int *files)
{
    const struct timespec times[2] = {{now_ms / 1000, 0}, {now_ms / 1000, 0}};
    DIR *directory = opendir(folder);
    int64_t bytes = 0;

    *files = 0;
    if (!directory) return 0;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        struct stat status;
        if (fstatat(dirfd(directory), entry->d_name, &status, 0) != 0) continue;
        if (!S_ISREG(status.st_mode)) continue;
        if (status.st_mtime < START_MS / 1000) utimensat(dirfd(directory), entry->d_name, times, 0);
        bytes += status.st_size;
        ++*files;
    }
    closedir(directory);
    return bytes;
}

static void no_release(struct ArrowArray *array)
{
    array->release = NULL;
}

static void no_schema_release(struct ArrowSchema *schema)
{
    schema->release = NULL;
}

static struct sl_delta_file *stage(struct sl_delta_table *table)
{
    static int64_t values[ROWS];
    const void *buffers[2] = {NULL, values}, *none[1] = {NULL};
    struct ArrowArray column = {.length = ROWS,
                                .n_buffers = 2,
                                .buffers = buffers,
                                .release = no_release};
    struct ArrowArray *columns[1] = {&column};
    struct ArrowArray batch = {.length = ROWS,
                               .n_buffers = 1,
                               .buffers = none,
                               .n_children = 1,
                               .children = columns,
                               .release = no_release};
    struct ArrowSchema field = {.format = "l",
                                .name = "id",
                                .flags = ARROW_FLAG_NULLABLE,
                                .release = no_schema_release};
    struct ArrowSchema *fields[1] = {&field};
    struct ArrowSchema schema = {.format = "+s",
                                 .name = "",
                                 .n_children = 1,
                                 .children = fields,
                                 .release = no_schema_release};
    struct sl_delta_writer *writer = NULL;
    struct sl_delta_file *file = NULL;
    struct sl_error error = {0};

    for (int i = 0; i < ROWS; i++) values[i] = (int64_t)random() << 31 ^ random();
    check(sl_delta_writer_open(table, &schema, NULL, NULL, &writer, &error), &error);
    check(sl_delta_write(writer, &batch, &error), &error);
    check(sl_delta_writer_close(writer, &file, &error), &error);
    return file;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median_ms(double *values, size_t count)
{
    qsort(values, count, sizeof *values, by_value);
    return count ? values[count / 2] * 1000 : 0;
}

struct timings {
    double open[WINDOW], commit[WINDOW], care[WINDOW];
    size_t count;
};

static void print(const char *name, struct timings *t)
{
    printf("  \"%s\": {\"open_ms\": %.2f, \"commit_ms\": %.2f, \"care_ms\": %.3f},\n", name,
           median_ms(t->open, t->count), median_ms(t->commit, t->count),
           median_ms(t->care, t->count));
}

int main(int argc, char **argv)
{
    static struct timings first, last;
    struct sl_delta_engine *engine = NULL;
    struct sl_delta_table *table = NULL;
    struct sl_delta_file *files[FILES];
    struct sl_error error = {0};
    struct sl_delta_commit commit = {.operation = "WRITE", .data_change = true, .add = files};
    char folder[4000], log[4096];
    int64_t data_max = 0, data = 0, log_bytes = 0;
    int data_files = 0, log_files = 0, vacuums = 0, joins = 0;

    if (argc != 3) return fprintf(stderr, "usage: %s DIRECTORY COMMITS\n", argv[0]), 2;
    long commits = strtol(argv[2], NULL, 10);
    snprintf(folder, sizeof folder, "%s/table", argv[1]);
    snprintf(log, sizeof log, "%s/_delta_log", folder);
    check(sl_delta_engine_new(NULL, 0, &engine, &error), &error);
    check(sl_delta_draft(engine, folder,
                         "{\"type\":\"struct\",\"fields\":[{\"name\":\"id\",\"type\":\"long\","
                         "\"nullable\":true,\"metadata\":{}}]}",
                         NULL, 0, &table, &error),
          &error);
    for (int i = 0; i < FILES; i++) files[i] = stage(table);
    commit.add_count = FILES;
    check(sl_delta_commit(table, &commit, &error), &error);
    for (int i = 0; i < FILES; i++) sl_delta_file_free(files[i], false);
    commit.add_count = 1;

    for (long i = 0; i < commits; i++) {
        struct timings *t = i < WINDOW ? &first : i >= commits - WINDOW ? &last : NULL;
        struct sl_care_report report;
        struct sl_delta_gone gone = {.file = (size_t)(i % FILES)};
        sl_delta_table_free(table);
        double start = seconds();
        check(sl_delta_open(engine, folder, -1, &table, &error), &error);
        double opened = seconds();
        const struct sl_delta_live *live = NULL;
        size_t count = 0;
        check(sl_delta_live(table, &live, &count, &error), &error);
        gone.file %= count;
        files[0] = stage(table);
        commit.gone = &gone;
        commit.gone_count = 1;
        double staged = seconds();
        check(sl_delta_commit(table, &commit, &error), &error);
        double committed = seconds();
        sl_delta_file_free(files[0], false);
        data = visit(folder, &data_files);
        log_bytes = visit(log, &log_files);
        now_ms += FIVE_MINUTES_MS;
        double before_care = seconds();
        check(sl_care(table, now_ms, NULL, &report, &error), &error);
        double cared = seconds();
        vacuums += report.cleaned;
        joins += report.joined.version >= 0;
        if (data > data_max) data_max = data;
        if (!t) continue;
        t->open[t->count] = opened - start;
        t->commit[t->count] = committed - staged;
        t->care[t->count++] = cared - before_care;
    }
    struct sl_delta_totals totals;
    check(sl_delta_totals(table, &totals, &error), &error);
    printf("{\n  \"commits\": %ld,\n", commits);
    print("first", &first);
    print("last", &last);
    printf("  \"live_bytes\": %" PRId64 ", \"data_bytes\": %" PRId64
           ", \"data_bytes_max\": %" PRId64 ",\n  \"data_files\": %d, \"log_bytes\": %" PRId64
           ", \"log_files\": %d,\n  \"vacuums\": %d, \"joins\": %d\n}\n",
           totals.bytes, data, data_max, data_files, log_bytes, log_files, vacuums, joins);
    sl_delta_table_free(table);
    sl_delta_engine_free(engine);
    return 0;
}
