/* Somebody looks at a source and waits: what is said meanwhile, and how soon it is given up. */
#include <string.h>

#include "base/buf.h"
#include "run_world.h"

struct told {
    int times;
    int64_t after_us;
    char text[512];
    struct run_world *w;
    int64_t since_us;
};

static void told(void *ctx, const char *text)
{
    struct told *t = ctx;

    t->times++;
    t->after_us = t->w->world->ops->monotonic_us(t->w->world) - t->since_us;
    strncpy(t->text, text, sizeof t->text - 1);
}

/* Checks the connection; how long that took, in virtual time. */
static enum sl_code look(struct run_world *w, struct told *t, int64_t *took_us)
{
    struct sl_connection *connection;
    struct sl_buf out = {0};

    assert_int_equal(sl_connection_open(w->catalog, "c", &connection, &w->error), SL_OK);
    *t = (struct told){.w = w, .since_us = w->world->ops->monotonic_us(w->world)};
    struct sl_source source = {.connection = connection,
                               .world = w->world,
                               .slow = told,
                               .slow_ctx = t};
    enum sl_code rc = sl_source_check(&source, &out, &w->error);
    *took_us = w->world->ops->monotonic_us(w->world) - t->since_us;
    sl_buf_release(&out);
    sl_connection_free(connection);
    return rc;
}

static void a_source_that_does_not_work_is_given_up_soon(void **state)
{
    struct run_world w;
    struct told t;
    int64_t took_us;

    (void)state;
    run_world_make(&w, "airtable", NULL);
    control(&w, "{\"fault\":\"503\"}");
    assert_int_equal(look(&w, &t, &took_us), SL_SOURCE);
    assert_true(took_us < 5000000);
    assert_non_null(strstr(w.error.message, "after 3 attempts"));
    run_world_unmake(&w);
}

static void whoever_waits_is_told_once_what_for(void **state)
{
    struct run_world w;
    struct told t;
    int64_t took_us;

    (void)state;
    run_world_make(&w, "airtable", NULL);
    control(&w, "{\"fault\":\"429:n=1,times=1\"}");
    assert_int_equal(look(&w, &t, &took_us), SL_OK);
    assert_true(took_us >= 30000000);
    assert_int_equal(t.times, 1);
    assert_in_range(t.after_us, 2000000, 2300000);
    assert_non_null(strstr(t.text, "http://127.0.0.1:1/v0/"));
    run_world_unmake(&w);
}

static void a_source_that_answers_is_nothing_to_talk_about(void **state)
{
    struct run_world w;
    struct told t;
    int64_t took_us;

    (void)state;
    run_world_make(&w, "airtable", NULL);
    assert_int_equal(look(&w, &t, &took_us), SL_OK);
    assert_int_equal(t.times, 0);
    run_world_unmake(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_source_that_does_not_work_is_given_up_soon),
        cmocka_unit_test(whoever_waits_is_told_once_what_for),
        cmocka_unit_test(a_source_that_answers_is_nothing_to_talk_about),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
