/*
 * What is peculiar to the example connector: reading on from a cursor without losing or repeating
 * a row, whatever happens at the borders of pages, times and runs. See also test_conformance.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "sim/sim.h"
#include "sources/harvest.h"

#define SECOND INT64_C(1000000)

struct source {
    struct sim *sim;
    struct sl_world *world;
    struct sl_buf options;
};

#define MUST(call)                                                                                 \
    do {                                                                                           \
        struct sl_error error = {0};                                                               \
        if (call) fail_msg("%s", error.message);                                                   \
    } while (0)

static void open_source(struct source *source)
{
    struct sim_options options = {.seed = 42};

    *source = (struct source){0};
    MUST(sim_new(sim_find("example"), &options, &source->sim, &error));
    MUST(sim_world(source->sim, 7, &source->world, &error));
    MUST(sim_connection(source->sim, "http://sim.test", &source->options, &error));
}

static void close_source(struct source *source)
{
    sl_buf_release(&source->options);
    sl_world_free(source->world);
    sim_free(source->sim);
}

static void pass(struct source *source, int64_t us)
{
    struct sl_completion nothing;

    source->world->ops->wait(source->world, source->world->ops->monotonic_us(source->world) + us,
                             &nothing);
    sim_set_now(source->sim, source->world->ops->now_us(source->world));
}

static void operate(struct source *source, const char *json)
{
    sim_set_now(source->sim, source->world->ops->now_us(source->world));
    MUST(sim_control(source->sim, json, &error));
}

/* cursor NULL: everything. */
static void read_with(struct source *source, const char *table, const char *options,
                      const char *cursor, struct harvest *out)
{
    struct harvest_job job = {
        .connector = "example",
        .options = sl_buf_str(&source->options),
        .key_member = strcmp(table, "users") == 0     ? "user_id"
                      : strcmp(table, "orders") == 0  ? "order_id"
                      : strcmp(table, "metrics") == 0 ? "metric_id"
                      : strcmp(table, "events") == 0  ? "event_id"
                                                      : "product_id",
        .job = {.kind = SL_JOB_READ, .table = table, .table_options = options, .cursor = cursor},
    };

    harvest_run(&job, source->world, out);
    assert_string_equal(out->error.message, "");
}

static void reads_the_seeded_tables(void **state)
{
    static const struct {
        const char *table;
        size_t rows;
    } cases[] = {
        {"products", 53}, {"events", 101}, {"users", 37}, {"orders", 103}, {"metrics", 253}};
    struct source source;

    (void)state;
    open_source(&source);
    for (size_t i = 0; i < 5; i++) {
        struct harvest h;
        read_with(&source, cases[i].table, NULL, NULL, &h);
        assert_int_equal(harvest_keys(&h, cases[i].table, false), cases[i].rows);
        if (strcmp(cases[i].table, "events") == 0) /* nothing twice where there is no key */
            assert_int_equal(harvest_count(&h, "events", false), cases[i].rows);
        harvest_release(&h);
    }
    close_source(&source);
}

static void filters_at_the_source(void **state)
{
    struct source source;
    struct harvest h;

    (void)state;
    open_source(&source);
    read_with(&source, "products", "{\"category\":\"books\"}", NULL, &h);
    assert_int_equal(harvest_count(&h, "products", false), 14);
    harvest_release(&h);
    close_source(&source);
}

static void reads_only_what_changed(void **state)
{
    struct source source;
    struct harvest first, second, third;

    (void)state;
    open_source(&source);
    read_with(&source, "users", NULL, NULL, &first);
    pass(&source, 5 * SECOND);
    operate(&source, "{\"op\":\"upsert\",\"table\":\"users\",\"record\":{\"user_id\":\"user_0003\","
                     "\"status\":\"gone\"}}");
    pass(&source, 5 * SECOND);
    read_with(&source, "users", NULL, first.cursor, &second);
    assert_int_equal(harvest_count(&second, "users", false), 1);
    assert_true(harvest_has_key(&second, "users", false, "user_0003"));
    assert_true(second.rows[0].sequence > SIM_START_US);
    assert_string_equal(second.complete, "[]"); /* a part proves nothing */
    read_with(&source, "users", NULL, second.cursor, &third);
    assert_int_equal(harvest_count(&third, "users", false), 0);
    harvest_release(&first);
    harvest_release(&second);
    harvest_release(&third);
    close_source(&source);
}

static void deletes_are_in_order_with_what_came_after_them(void **state)
{
    struct source source;
    struct harvest first, second;
    int64_t deleted = 0, inserted = 0;

    (void)state;
    open_source(&source);
    read_with(&source, "orders", NULL, NULL, &first);
    pass(&source, 5 * SECOND);
    operate(&source, "{\"op\":\"delete\",\"key\":\"order_0001\"}");
    operate(&source, "{\"op\":\"delete\",\"key\":\"order_0002\"}");
    pass(&source, 5 * SECOND);
    operate(&source, "{\"op\":\"upsert\",\"table\":\"orders\",\"record\":{\"order_id\":"
                     "\"order_0002\",\"status\":\"back\"}}");
    pass(&source, 5 * SECOND);
    read_with(&source, "orders", NULL, first.cursor, &second);
    assert_int_equal(harvest_keys(&second, "orders", true), 2);
    assert_int_equal(harvest_keys(&second, "orders", false), 1);
    for (size_t i = 0; i < second.row_count; i++) {
        if (strcmp(second.rows[i].key, "order_0002") != 0) continue;
        *(second.rows[i].deleted ? &deleted : &inserted) = second.rows[i].sequence;
    }
    assert_true(deleted > 0 && inserted > deleted);
    harvest_release(&first);
    harvest_release(&second);
    close_source(&source);
}

/* Rows of one time on both sides of a page's border, and more of them than fit a page. */
static void rows_of_one_time_are_all_read_and_none_twice(void **state)
{
    static const char *const tables[] = {"users", "events"};
    static const int counts[] = {3, 20, 120};
    struct source source;

    (void)state;
    for (size_t t = 0; t < 2; t++)
        for (size_t c = 0; c < 3; c++) {
            struct harvest first, second, third;
            char op[256];

            open_source(&source);
            read_with(&source, tables[t], NULL, NULL, &first);
            pass(&source, 5 * SECOND);
            for (int i = 0; i < 7; i++) { /* so that the border is within */
                snprintf(op, sizeof op,
                         "{\"op\":\"upsert\",\"table\":\"%s\",\"record\":{\"%s\":"
                         "\"early_%d\"}}",
                         tables[t], t ? "event_id" : "user_id", i);
                operate(&source, op);
                pass(&source, SECOND / 8);
            }
            for (int i = 0; i < counts[c]; i++) {
                snprintf(op, sizeof op,
                         "{\"op\":\"upsert\",\"table\":\"%s\",\"record\":{\"%s\":"
                         "\"tie_%d\"}}",
                         tables[t], t ? "event_id" : "user_id", i);
                operate(&source, op);
            }
            pass(&source, SECOND / 8);
            for (int i = 0; i < 30; i++) {
                snprintf(op, sizeof op,
                         "{\"op\":\"upsert\",\"table\":\"%s\",\"record\":{\"%s\":"
                         "\"late_%d\"}}",
                         tables[t], t ? "event_id" : "user_id", i);
                operate(&source, op);
                pass(&source, SECOND / 8);
            }
            pass(&source, 5 * SECOND);
            read_with(&source, tables[t], NULL, first.cursor, &second);
            assert_int_equal(harvest_keys(&second, tables[t], false), 37 + counts[c]);
            if (t) assert_int_equal(harvest_count(&second, tables[t], false), 37 + counts[c]);
            read_with(&source, tables[t], NULL, second.cursor, &third);
            assert_int_equal(harvest_count(&third, tables[t], false), 0);
            harvest_release(&first);
            harvest_release(&second);
            harvest_release(&third);
            close_source(&source);
        }
}

/* What is appended in the very second of a read is read then or by the next one, never by both. */
static void appended_rows_are_read_once_over_many_runs(void **state)
{
    struct source source;
    struct harvest h;
    char *cursor = NULL, op[128];
    size_t rows = 0;

    (void)state;
    open_source(&source);
    for (int run = 0; run < 12; run++) {
        for (int i = 0; i < 5; i++) {
            snprintf(op, sizeof op,
                     "{\"op\":\"upsert\",\"table\":\"events\",\"record\":{"
                     "\"event_id\":\"run_%d_%d\"}}",
                     run, i);
            operate(&source, op);
        }
        read_with(&source, "events", NULL, cursor, &h);
        rows += harvest_count(&h, "events", false);
        free(cursor);
        cursor = strdup(h.cursor);
        assert_non_null(cursor);
        harvest_release(&h);
        pass(&source, SECOND / 3);
    }
    pass(&source, 5 * SECOND);
    read_with(&source, "events", NULL, cursor, &h);
    rows += harvest_count(&h, "events", false);
    assert_int_equal(rows, 101 + 60);
    harvest_release(&h);
    free(cursor);
    close_source(&source);
}

/* The rows of the future are read too, and the windows neither overlap nor leave anything out. */
static void windows_of_any_size_hold_everything_once(void **state)
{
    static const char *const options[] = {"{\"window_seconds\":60}", "{\"window_seconds\":3600}",
                                          "{\"window_seconds\":86400}"};
    struct source source;

    (void)state;
    open_source(&source);
    for (size_t i = 0; i < 3; i++) {
        struct harvest h, next;

        read_with(&source, "metrics", options[i], NULL, &h);
        assert_int_equal(harvest_count(&h, "metrics", false), 253);
        assert_int_equal(harvest_keys(&h, "metrics", false), 253);
        assert_non_null(strstr(h.complete, "metrics"));
        pass(&source, 5 * SECOND);
        read_with(&source, "metrics", options[i], h.cursor, &next);
        assert_true(harvest_count(&next, "metrics", false) < 253); /* from now on */
        harvest_release(&h);
        harvest_release(&next);
    }
    close_source(&source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_seeded_tables),
        cmocka_unit_test(filters_at_the_source),
        cmocka_unit_test(reads_only_what_changed),
        cmocka_unit_test(deletes_are_in_order_with_what_came_after_them),
        cmocka_unit_test(rows_of_one_time_are_all_read_and_none_twice),
        cmocka_unit_test(appended_rows_are_read_once_over_many_runs),
        cmocka_unit_test(windows_of_any_size_hold_everything_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
