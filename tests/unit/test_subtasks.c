/* The task loop: families of tasks, their cursors, and the end from outside. */
#include "tiny/tiny.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

/* ---- sub-tasks ---- */

#define CHILDREN_MAX 200
static int children_wanted, conflicts;

/* The root asks for its children with its one page; a child reads one page. Cursors: "root" when
 * the table is called "replaced", and the child's name in each child. */
static enum sl_code family(void *task, const struct sl_response *response, struct sl_out *out,
                           struct sl_error *error)
{
    struct tiny *self = task;
    const char *name = input_text(task, "name");
    char part[32], input[64];
    enum sl_code rc = SL_OK;

    if (!response && name) {
        snprintf(part, sizeof part, "http://s/%s", name);
        return ask(out, part, error);
    }
    if (!response) {
        for (int i = 0; i < children_wanted && !rc; i++) {
            snprintf(part, sizeof part, "p%d", i);
            snprintf(input, sizeof input, "{\"name\":\"p%d\"}", i);
            rc = sl_out_task(out, part, input, error);
        }
        return rc ? rc : ask(out, "http://s/root", error);
    }
    rc = give(out, response, error);
    if (!rc && !name) rc = sl_out_complete(out, "t", "{}", error);
    snprintf(part, sizeof part, "\"%s\"", name ? name : "root");
    if (!rc && (name || strcmp(self->task.table, "replaced") == 0) &&
        strcmp(self->task.table, "silent") != 0)
        rc = sl_out_cursor(out, part, error);
    return rc ? rc : SL_DONE;
}

static void children_keep_their_parts(void **state)
{
    struct fixture *f = make(family, by_path);

    (void)state;
    children_wanted = 2;
    add(f, 0, "t");
    run(f);
    assert_int_equal(f->told[0].code, SL_DONE);
    assert_int_equal(f->told[0].rows, 3);
    assert_non_null(strstr(f->told[0].cursor, "\"/p0\":\"p0\""));
    assert_non_null(strstr(f->told[0].cursor, "\"/p1\":\"p1\""));
    unmake(f);
}

static void the_parents_part_replaces_its_childrens(void **state)
{
    struct fixture *f = make(family, by_path);

    (void)state;
    children_wanted = 3;
    add_with(f, 0, "replaced", "{\"parts\":{\"\":\"old\",\"/p0\":\"old\",\"/p9\":\"old\"}}", false);
    run(f);
    assert_string_equal(f->told[0].cursor, "{\"parts\":{\"\":\"root\"}}");
    unmake(f);
}

/* A part that nobody set anew keeps its old value: it was not read past that point. */
static void a_part_that_is_not_set_keeps_its_value(void **state)
{
    struct fixture *f = make(family, by_path);

    (void)state;
    children_wanted = 1;
    add_with(f, 0, "t", "{\"parts\":{\"/p0\":\"old\",\"/p9\":{\"at\":12}}}", false);
    run(f);
    assert_int_equal(f->told[0].code, SL_DONE);
    assert_non_null(strstr(f->told[0].cursor, "\"/p0\":\"p0\""));
    assert_non_null(strstr(f->told[0].cursor, "\"/p9\":{\"at\":12}"));
    assert_null(strstr(f->told[0].cursor, "old"));
    unmake(f);
}

static void a_run_that_sets_no_cursor_keeps_the_old_one(void **state)
{
    static const char old[] = "{\"parts\":{\"\":\"5\",\"/p0\":\"old\"}}";
    struct fixture *f = make(family, by_path);

    (void)state;
    children_wanted = 1;
    add_with(f, 0, "silent", old, false);
    run(f);
    assert_string_equal(f->told[0].cursor, old);
    unmake(f);
}

static void halt(struct net *net, const struct sl_exchange *exchange, struct reply *reply)
{
    by_path(net, exchange, reply);
    if (strcmp(exchange->url, "http://s/p1") == 0) reply->status = 402;
}

/* A first load that is not over: what an earlier run brought stays, though its parent says anew how
 * the table is cut. */
static void a_first_load_keeps_what_is_done(void **state)
{
    struct fixture *f = make(family, halt);
    struct sl_error error = {0};
    char *cursor = NULL;

    (void)state;
    children_wanted = 2;
    add_initial(f, 0, "replaced", "{\"parts\":{\"\":\"root\",\"/p7\":\"p7\"}}");
    run(f);
    assert_int_equal(f->told[0].code, SL_QUOTA);
    assert_int_equal(sl_job_cursor(f->told[0].job, &cursor, &error), SL_OK);
    assert_non_null(strstr(cursor, "\"/p0\":\"p0\""));
    assert_non_null(strstr(cursor, "\"/p7\":\"p7\""));
    assert_non_null(strstr(cursor, "\"\":\"root\""));
    sl_free(cursor);
    unmake(f);
}

static void completeness_comes_only_at_the_end_of_all(void **state)
{
    struct fixture *f = make(family, by_path);

    (void)state;
    children_wanted = 2;
    add(f, 0, "t");
    run(f);
    assert_string_equal(f->told[0].complete, "[{\"table\":\"t\",\"scope\":{}}]");
    unmake(f);
}

static void one_child_fails(struct net *net, const struct sl_exchange *exchange,
                            struct reply *reply)
{
    (void)net;
    reply->body = "[]";
    if (strcmp(exchange->url, "http://s/p1") == 0) reply->status = 403;
}

static void a_failed_child_proves_nothing(void **state)
{
    struct fixture *f = make(family, one_child_fails);

    (void)state;
    children_wanted = 70;
    add(f, 0, "t");
    run(f);
    assert_int_equal(f->told[0].code, SL_PERMISSION);
    assert_string_equal(f->told[0].complete, "");
    unmake(f);
}

static void more_children_than_may_live_wait_their_turn(void **state)
{
    struct fixture *f = make(family, by_path);

    (void)state;
    children_wanted = CHILDREN_MAX;
    add(f, 0, "t");
    run(f);
    assert_int_equal(f->told[0].code, SL_DONE);
    assert_int_equal(f->told[0].rows, CHILDREN_MAX + 1);
    assert_int_equal(f->net.in_flight_max, SL_TASKS_LIVE_MAX);
    assert_int_equal(tasks_released, CHILDREN_MAX + 1);
    unmake(f);
}

static void too_many_children_are_refused(void **state)
{
    struct fixture *f = make(family, by_path);

    (void)state;
    children_wanted = SL_TASKS_MAX;
    add(f, 0, "t");
    run(f);
    assert_int_equal(f->told[0].code, SL_TOO_LARGE);
    assert_int_equal(f->net.calls, 0);
    unmake(f);
}

static void root_conflicts_once(struct net *net, const struct sl_exchange *exchange,
                                struct reply *reply)
{
    (void)net;
    reply->body = "[{\"a\":1}]";
    if (strcmp(exchange->url, "http://s/root") == 0 && conflicts-- > 0) reply->status = 409;
}

static void a_restarted_parent_does_not_get_its_children_twice(void **state)
{
    struct fixture *f = make(family, root_conflicts_once);

    (void)state;
    conflicts = 2;
    children_wanted = 3;
    add(f, 0, "t");
    run(f);
    assert_int_equal(f->told[0].code, SL_DONE);
    assert_int_equal(f->told[0].rows, 4);
    assert_int_equal(f->net.calls, 3 + 3);
    unmake(f);
}

/* A child asks for a child, and so on. */
static enum sl_code ancestors(void *task, const struct sl_response *response, struct sl_out *out,
                              struct sl_error *error)
{
    const char *name = input_text(task, "name");
    size_t depth = name ? strlen(name) : 0;
    char input[600];
    enum sl_code rc = SL_OK;

    if (!response) return ask(out, "http://s/x", error);
    if (depth < 300) {
        snprintf(input, sizeof input, "{\"name\":\"%sx\"}", name ? name : "");
        rc = sl_out_task(out, "x", input, error);
    }
    return rc ? rc : SL_DONE;
}

static void families_may_be_deep(void **state)
{
    struct fixture *f = make(ancestors, by_path);

    (void)state;
    add(f, 0, "t");
    run(f);
    assert_int_equal(f->told[0].code, SL_DONE);
    assert_int_equal(f->net.calls, 301);
    unmake(f);
}

/* ---- the end from outside ---- */

static bool stop_soon(void *ctx)
{
    struct fixture *f = ctx;

    return f->net.calls >= 10;
}

static void a_stop_cancels_what_is_under_way(void **state)
{
    struct fixture *f = make(family, by_path);
    struct sl_error error = {0};

    (void)state;
    children_wanted = CHILDREN_MAX;
    add(f, 0, "t");
    add(f, 1, "u");
    assert_int_equal(sl_loop_run(f->loop, stop_soon, NULL, f, &error), SL_OK);
    assert_int_equal(f->told[0].code, SL_CANCELLED);
    assert_int_equal(f->told[1].code, SL_CANCELLED);
    assert_int_equal(f->net.in_flight, 0);
    assert_true(f->net.cancelled > 100);
    unmake(f);
}

static void a_job_can_be_stopped_by_itself(void **state)
{
    struct fixture *f = make(one_page, two_rows);
    struct sl_error why = {0};

    (void)state;
    sl_fail(&why, SL_CANCELLED, "not wanted any more");
    add(f, 0, "t");
    add(f, 1, "u");
    sl_job_stop(f->told[0].job, &why);
    sl_job_stop(f->told[0].job, &why); /* once is enough */
    run(f);
    assert_int_equal(f->told[0].code, SL_CANCELLED);
    assert_int_equal(f->told[1].code, SL_DONE);
    unmake(f);
}

static enum sl_code repeats_itself(void *task, const struct sl_response *response,
                                   struct sl_out *out, struct sl_error *error)
{
    (void)task;
    if (!response) return ask(out, "http://s/1", error);
    for (int i = 0; i < 3; i++) sl_out_note(out, SL_NOTE_INFO, "said %d", 1);
    sl_out_note(out, SL_NOTE_WARNING, "said %d", 2);
    return SL_DONE;
}

static void a_note_is_said_once(void **state)
{
    struct fixture *f = make(repeats_itself, two_rows);

    (void)state;
    add(f, 0, "t");
    run(f);
    assert_string_equal(log_of(f), "note said 1;note said 2;release u1;end DONE;");
    unmake(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(children_keep_their_parts),
        cmocka_unit_test(the_parents_part_replaces_its_childrens),
        cmocka_unit_test(a_part_that_is_not_set_keeps_its_value),
        cmocka_unit_test(a_run_that_sets_no_cursor_keeps_the_old_one),
        cmocka_unit_test(a_first_load_keeps_what_is_done),
        cmocka_unit_test(completeness_comes_only_at_the_end_of_all),
        cmocka_unit_test(a_failed_child_proves_nothing),
        cmocka_unit_test(more_children_than_may_live_wait_their_turn),
        cmocka_unit_test(too_many_children_are_refused),
        cmocka_unit_test(a_restarted_parent_does_not_get_its_children_twice),
        cmocka_unit_test(families_may_be_deep),
        cmocka_unit_test(a_stop_cancels_what_is_under_way),
        cmocka_unit_test(a_job_can_be_stopped_by_itself),
        cmocka_unit_test(a_note_is_said_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
