/* What cannot be a row is kept in <destination>__rejected: once, and never lost. */
#include "run_world.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Some records have no SKU: with it in the key they cannot be rows. Each run reads everything. */
#define SPEC                                                                                       \
    "{\"connection_name\":\"c\",\"catalog\":\"main\",\"schema\":\"bronze\",\"objects\":[{"         \
    "\"table\":{\"source_table\":\"SKU Candidates\",\"destination_table\":\"skus\","               \
    "\"table_configuration\":{\"primary_keys\":[\"SKU\",\"_airtable_id\"],"                        \
    "\"reconcile_every\":\"1m\"}}}]}"

static void expect_ok(struct run_world *w, enum sl_code rc)
{
    if (rc) fail_msg("%s: %s (%s)", sl_code_name(rc), w->error.message, w->error.hint);
}

/* Runs, and tells how many rows were rejected: all others are in the table. */
static int64_t run(struct run_world *w)
{
    const struct sl_table_report *report;

    later(w, 120);
    expect_ok(w, run_spec(w, SPEC, false));
    report = report_of(w, "skus");
    assert_true(report->rejected > 0);
    assert_int_equal(report->rows_read, report->inserted + report->unchanged);
    assert_int_equal(report->rows_read + report->rejected, true_rows(w, "SKU Candidates"));
    assert_int_equal(landed_rows(w, "skus", "sku", NULL), report->rows_read);
    return report->rejected;
}

static int64_t kept(struct run_world *w, int64_t *distinct)
{
    return landed_rows(w, "skus__rejected", "_raw", distinct);
}

static void shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void shell(const char *format, ...)
{
    char command[900];
    va_list args;

    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    assert_int_equal(system(command), 0);
}

#ifdef SL_POINTS
/* A run in a process of its own, which is killed at a point. Its home is left to the caller. */
static void run_and_be_killed(const char *point, char home[300])
{
    struct run_world w;
    int ends[2], status = 0;
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        setenv("SLUICE_KILL_AT", point, 1);
        run_world_make(&w, "airtable", NULL);
        if (write(ends[1], w.home, sizeof w.home) != (ssize_t)sizeof w.home) _exit(2);
        (void)run_spec(&w, SPEC, false);
        _exit(1); /* it should not have come so far */
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], home, sizeof w.home), sizeof w.home);
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* The first of the tests, because it forks: nothing has made threads yet. */
static void killed_between_the_two_commits_nothing_is_lost(void **state)
{
    struct run_world w;
    char home[300];
    int64_t distinct = 0;

    (void)state;
    run_and_be_killed("flow.commit", home);
    run_world_make(&w, "airtable", NULL);
    shell("rm -rf '%s/warehouse' && mv '%s/warehouse' '%s' && rm -rf '%s'", w.home, home, w.home,
          home);
    int64_t before = kept(&w, &distinct);
    assert_true(before > 0); /* they were committed, and the rows were not */
    assert_int_equal(distinct, before);
    assert_int_equal(run(&w), before);
    assert_int_equal(kept(&w, &distinct), 2 * before); /* once for each run, never none */
    assert_int_equal(distinct, before);
    run_world_unmake(&w);
}
#endif

static void a_bad_row_is_kept_once_in_each_run(void **state)
{
    struct run_world w;
    int64_t distinct = 0;

    (void)state;
    run_world_make(&w, "airtable", NULL);
    int64_t rejected = run(&w);
    assert_int_equal(kept(&w, &distinct), rejected);
    assert_int_equal(distinct, rejected);
    assert_int_equal(landed_rows(&w, "skus__rejected", "_reason", &distinct), rejected);
    assert_int_equal(landed_rows(&w, "skus__rejected", "_run", &distinct), rejected);
    assert_int_equal(distinct, 1);
    assert_int_equal(run(&w), rejected); /* the table is read whole: they are met again */
    assert_int_equal(kept(&w, &distinct), 2 * rejected);
    assert_int_equal(distinct, rejected);
    run_world_unmake(&w);
}

/* What a restarted chain rejected before is void, as its rows are. */
static void a_restart_doubles_nothing(void **state)
{
    struct sim_options options = {.fault = "iterator_expired:page=3"};
    struct run_world w;
    int64_t distinct = 0;

    (void)state;
    run_world_make(&w, "airtable", &options);
    int64_t rejected = run(&w);
    assert_int_equal(report_of(&w, "skus")->restarts, 1);
    assert_int_equal(kept(&w, &distinct), rejected);
    assert_int_equal(distinct, rejected);
    run_world_unmake(&w);
}

static void a_table_that_was_deleted_does_not_silence_its_rejects(void **state)
{
    struct run_world w;

    (void)state;
    run_world_make(&w, "airtable", NULL);
    int64_t rejected = run(&w);
    shell("rm -rf '%s/warehouse/main/bronze/%s'", w.home, "skus");
    assert_int_equal(run(&w), rejected);
    assert_int_equal(kept(&w, NULL), 2 * rejected);
    run_world_unmake(&w);
}

/* No other table is written to. */
static void a_table_of_others_is_left_alone(void **state)
{
    static const char schema[] = "{\"type\":\"struct\",\"fields\":[{\"name\":\"_raw\",\"type\":"
                                 "\"string\",\"nullable\":true,\"metadata\":{}}]}";
    struct sl_delta_commit create = {.operation = "CREATE TABLE"};
    struct sl_delta_table *table = NULL;
    struct run_world w;
    char location[400];

    (void)state;
    run_world_make(&w, "airtable", NULL);
    snprintf(location, sizeof location, "%s/warehouse/main/bronze/skus__rejected", w.home);
    assert_int_equal(sl_delta_create(w.delta, location, schema, NULL, 0, &create, &table, &w.error),
                     SL_OK);
    sl_delta_table_free(table);
    assert_int_equal(run_spec(&w, SPEC, false), SL_EXISTS);
    assert_non_null(strstr(w.error.message, "skus__rejected"));
    assert_true(w.error.hint[0]);
    assert_int_equal(report_of(&w, "skus")->version, -1);
    assert_int_equal(kept(&w, NULL), 0);
    run_world_unmake(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#ifdef SL_POINTS
        cmocka_unit_test(killed_between_the_two_commits_nothing_is_lost),
#endif
        cmocka_unit_test(a_bad_row_is_kept_once_in_each_run),
        cmocka_unit_test(a_restart_doubles_nothing),
        cmocka_unit_test(a_table_that_was_deleted_does_not_silence_its_rejects),
        cmocka_unit_test(a_table_of_others_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
