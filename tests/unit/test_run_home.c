/* The table is the truth: without the home directory a run goes on where the last commit stood. */
#include "run_world.h"

#include <stdio.h>
#include <stdlib.h>

#define ONE(table)                                                                                 \
    "{\"connection_name\":\"c\",\"catalog\":\"main\",\"schema\":\"bronze\",\"objects\":[{"         \
    "\"table\":{\"source_table\":\"" table "\"}}]}"

static void run(struct run_world *w, const char *spec, bool full)
{
    enum sl_code rc = run_spec(w, spec, full);

    if (rc) fail_msg("%s: %s (%s)", sl_code_name(rc), w->error.message, w->error.hint);
}

static void expect_events(struct run_world *w)
{
    int64_t distinct = 0;

    assert_int_equal(landed_rows(w, "events", "event_id", &distinct), 101);
    assert_int_equal(distinct, 101);
}

static void the_cursor_is_in_the_table(void **state)
{
    struct run_world w;
    char command[700];

    (void)state;
    run_world_make(&w, "example", NULL);
    run(&w, ONE("events"), false);
    expect_events(&w);
    run_world_forget_home(&w); /* catalog, key, everything but the tables */
    run(&w, ONE("events"), false);
    expect_events(&w);
    assert_int_equal(report_of(&w, "events")->version, -1); /* nothing new: no commit */
    snprintf(command, sizeof command,
             "grep -l 'sluice.cursor.' '%s'/warehouse/main/bronze/events/_delta_log/*.json |"
             " wc -l | grep -qx 1",
             w.home);
    assert_int_equal(system(command), 0); /* one commit made the table, with its rows and cursor */
    run_world_unmake(&w);
}

static void a_full_refresh_of_an_appended_table_replaces_it(void **state)
{
    struct run_world w;

    (void)state;
    run_world_make(&w, "example", NULL);
    run(&w, ONE("events"), false);
    run(&w, ONE("events"), true);
    expect_events(&w);
    run_world_unmake(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cursor_is_in_the_table),
        cmocka_unit_test(a_full_refresh_of_an_appended_table_replaces_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
