/* Parts that stand by themselves: what goes with one that fails, and what stays. */
#include "tiny/tiny.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * A table of parts "0", "1", ...: each reads the pages of its script one after the other. What a page
 * is called says what comes of it (http://s/<status>), what its task does then follows the colon:
 *
 *     c  a cursor, from which it goes on      k  a sub-task, which reads one page
 *     w  the scope {"part":<name>}
 *
 * The root says {} and sets the cursor "root" unless its table is called "quiet".
 */
static const char *const *scripts; /* ends with NULL */

static const char *page(const char *script, int64_t n)
{
    for (; n > 0 && script; n--) {
        script = strchr(script, ' ');
        if (script) script++;
    }
    return script;
}

static enum sl_code ask_page(const char *script, struct sl_out *out, struct sl_error *error)
{
    char url[64];

    snprintf(url, sizeof url, "http://s/%.*s", (int)strcspn(script, ": "), script);
    return ask(out, url, error);
}

static enum sl_code act(const struct tiny *self, const char *script, struct sl_out *out,
                        struct sl_error *error)
{
    const char *name = input_text(self, "name");
    size_t len = strcspn(script, " ");
    char text[80];
    enum sl_code rc = SL_OK;

    if (memchr(script, 'k', len)) {
        snprintf(text, sizeof text, "{\"name\":\"%s\",\"script\":\"200:c 200\"}", name);
        rc = sl_out_task(out, "kid", text, error);
    }
    if (!rc && memchr(script, 'w', len)) {
        snprintf(text, sizeof text, "{\"part\":\"%s\"}", name);
        rc = sl_out_complete(out, "t", text, error);
    }
    if (!rc && memchr(script, 'c', len)) {
        snprintf(text, sizeof text, "\"%s at %d\"", name, (int)self->page);
        rc = sl_out_cursor(out, text, error);
    }
    return rc;
}

static enum sl_code root(struct tiny *self, const struct sl_response *response, struct sl_out *out,
                         struct sl_error *error)
{
    char input[200], name[16], what[32];
    enum sl_code rc;

    if (!response) return ask(out, "http://s/200", error);
    rc = give(out, response, error);
    for (int i = 0; scripts[i] && !rc; i++) {
        snprintf(name, sizeof name, "%d", i);
        snprintf(what, sizeof what, "part '%d'", i);
        snprintf(input, sizeof input, "{\"name\":\"%d\",\"script\":\"%s\"}", i, scripts[i]);
        rc = sl_out_task_apart(out, name, what, input, error);
    }
    if (!rc) rc = sl_out_complete(out, "t", "{}", error);
    if (!rc && strcmp(self->task.table, "quiet") != 0) rc = sl_out_cursor(out, "\"root\"", error);
    return rc ? rc : SL_DONE;
}

static enum sl_code parts(void *task, const struct sl_response *response, struct sl_out *out,
                          struct sl_error *error)
{
    struct tiny *self = task;
    const char *script = input_text(task, "script");
    enum sl_code rc;

    if (!script) return root(self, response, out, error);
    if (!response && !self->task.full && strstr(cursor_text(self), " at "))
        self->page = strtol(strstr(cursor_text(self), " at ") + 4, NULL, 10) + 1;
    if (response) {
        rc = give(out, response, error);
        if (!rc) rc = act(self, page(script, self->page), out, error);
        if (rc) return rc;
        self->page++;
    }
    script = page(script, self->page);
    return script ? ask_page(script, out, error) : SL_DONE;
}

#define SCRIPTS(...) ((const char *const[]){__VA_ARGS__, NULL})

static struct fixture *begin(const char *const *which)
{
    scripts = which;
    return make(parts, by_path);
}

static void one_that_fails_leaves_the_others(void **state)
{
    struct fixture *f = begin(SCRIPTS("200:cw", "404:cw", "200 200:cw"));

    (void)state;
    add_with(f, 0, "quiet", "{\"parts\":{\"\":\"old\",\"/1\":\"old 1\",\"/2\":\"old 2\"}}", false);
    run(f);
    assert_int_equal(f->told[0].code, SL_DONE);
    assert_int_equal(f->told[0].rows, 1 + 1 + 2);
    assert_non_null(strstr(log_of(f), "lacks 1 of 3;end DONE;"));
    assert_non_null(strstr(log_of(f), "note part '1' could not be read: GET http://s/404: "));
    assert_int_equal(f->told[0].error.code, SL_PARTIAL);
    assert_string_equal(f->told[0].error.message, "1 of 3 parts failed, the first: part '1': GET "
                                                  "http://s/404: the source answered 404");
    assert_string_equal(f->told[0].cursor, "{\"parts\":{\"/2\":\"2 at 1\",\"/0\":\"0 at 0\","
                                           "\"\":\"old\",\"/1\":\"old 1\"}}");
    assert_null(strstr(f->told[0].complete, "{}"));
    assert_null(strstr(f->told[0].complete, "\"1\""));
    assert_non_null(strstr(f->told[0].complete, "{\"part\":\"0\"}"));
    assert_non_null(strstr(f->told[0].complete, "{\"part\":\"2\"}"));
    assert_int_equal(tasks_released, 4);
    unmake(f);
}

/* What is above a part that failed asks for it again: its own cursor may not move. */
static void the_cursor_above_stays(void **state)
{
    static const char old[] = "{\"parts\":{\"\":\"old\"}}";

    (void)state;
    for (int full = 0; full < 2; full++) {
        struct fixture *f = begin(SCRIPTS("200", "404"));
        add_with(f, 0, "t", old, full);
        run(f);
        assert_int_equal(f->told[0].code, SL_DONE);
        assert_string_equal(f->told[0].cursor, old);
        unmake(f);
    }
}

static void when_all_fail_the_job_does(void **state)
{
    struct fixture *f = begin(SCRIPTS("403", "404"));

    (void)state;
    add(f, 0, "t");
    run(f);
    assert_int_equal(f->told[0].code, SL_PERMISSION);
    assert_non_null(strstr(f->told[0].error.message, "2 of 2 parts failed, the first: part '0': "));
    unmake(f);
    f = begin(SCRIPTS("404"));
    add(f, 0, "t");
    run(f);
    assert_int_equal(f->told[0].code, SL_SOURCE);
    assert_non_null(strstr(f->told[0].error.message, "part '0': GET http://s/404"));
    assert_null(strstr(f->told[0].error.message, "parts failed"));
    unmake(f);
}

/* Rows up to the newest release point are final, and so is the cursor that says so. */
static void a_chain_keeps_what_it_released(void **state)
{
    struct fixture *f = begin(SCRIPTS("200", "200:c 200 404"));

    (void)state;
    add(f, 0, "t");
    run(f);
    assert_int_equal(f->told[0].rows, 1 + 1 + 1);
    assert_string_equal(f->told[0].cursor, "{\"parts\":{\"/1\":\"1 at 0\"}}");
    unmake(f);

    f = begin(
        SCRIPTS("200", "200:c 200 404")); /* but nothing is final before the end of a full read */
    add_with(f, 0, "t", "{\"parts\":{\"/1\":\"old\"}}", true);
    run(f);
    assert_int_equal(f->told[0].rows, 1 + 1);
    assert_string_equal(f->told[0].cursor, "{\"parts\":{\"/1\":\"old\"}}");
    unmake(f);
}

/* A scope that was told before a release point is not told again: neither by a task that begins again
 * there, nor by the next run. */
static void a_chain_keeps_the_scopes_it_released(void **state)
{
    static const char *const script[] = {"200", "200:w 200:c 404", "200:wc 409", "200:c 200:w 409",
                                         NULL};

    (void)state;
    for (int full = 0; full < 2; full++) {
        struct fixture *f = begin(script);
        add_with(f, 0, "t", NULL, full);
        run(f);
        assert_int_equal(f->told[0].code, SL_DONE);
        assert_int_equal(strstr(f->told[0].complete, "\"1\"") != NULL, !full);
        assert_int_equal(strstr(f->told[0].complete, "\"2\"") != NULL, !full);
        assert_null(strstr(f->told[0].complete, "\"3\""));
        unmake(f);
    }
}

/* A part's sub-tasks end with it, whatever they had. */
static void what_is_below_goes_too(void **state)
{
    struct fixture *f = begin(SCRIPTS("200", "200:k 404", "200:kc 200 200 200 200 404"));

    (void)state;
    add_with(f, 0, "t", "{\"parts\":{\"/2\":\"old\"}}", false);
    run(f);
    assert_int_equal(f->told[0].code, SL_DONE);
    assert_non_null(strstr(log_of(f), "lacks 2 of 3;"));
    assert_string_equal(f->told[0].cursor, "{\"parts\":{\"/2\":\"old\"}}");
    assert_true(f->net.cancelled > 0);
    assert_int_equal(tasks_born, tasks_released);
    unmake(f);
}

/* In a first load cursors say what need not be read again: all of them stay. */
static void a_first_load_keeps_all_cursors(void **state)
{
    struct fixture *f = begin(SCRIPTS("200:c", "404", "200:c 404"));

    (void)state;
    add_initial(f, 0, "t", NULL);
    run(f);
    assert_int_equal(f->told[0].code, SL_DONE);
    assert_non_null(strstr(f->told[0].cursor, "\"\":\"root\""));
    assert_non_null(strstr(f->told[0].cursor, "\"/0\":\"0 at 0\""));
    assert_non_null(strstr(f->told[0].cursor, "\"/2\":\"2 at 0\""));
    assert_null(strstr(f->told[0].cursor, "\"/1\""));
    assert_null(strstr(f->told[0].complete, "{}"));
    unmake(f);
}

static void what_concerns_all_ends_the_job(void **state)
{
    static const struct {
        const char *page;
        enum sl_code code;
    } cases[] = {{"401", SL_AUTH}, {"402", SL_QUOTA}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct fixture *f = begin(SCRIPTS("200", cases[i].page, "200 200 200"));
        add(f, 0, "t");
        run(f);
        assert_int_equal(f->told[0].code, cases[i].code);
        assert_null(strstr(log_of(f), "lacks"));
        unmake(f);
    }
}

static void retries_and_restarts_that_are_used_up_are_a_failure(void **state)
{
    struct fixture *f = begin(SCRIPTS("200", "500", "409"));

    (void)state;
    add(f, 0, "t");
    run(f);
    assert_int_equal(f->told[0].code, SL_DONE);
    assert_non_null(strstr(log_of(f), "lacks 2 of 3;"));
    assert_non_null(strstr(log_of(f), "given up after 5 restarts"));
    assert_int_equal(sl_job_counts(f->told[0].job)->restarts, SL_RESTARTS_MAX);
    unmake(f);
}

/* A source that is down for all is not asked for each of very many parts. */
static void an_outage_is_not_tried_for_each_part(void **state)
{
    const char *many[SL_TASKS_LIVE_MAX * 3 + 1] = {"200"};
    struct fixture *f;

    (void)state;
    for (size_t i = 1; i < SL_TASKS_LIVE_MAX * 3; i++) many[i] = "500";
    f = begin(many);
    add(f, 0, "t");
    run(f);
    assert_int_equal(f->told[0].code, SL_DONE);
    assert_non_null(strstr(log_of(f), "lacks 191 of 192;"));
    assert_true(f->net.calls < 2 * 8 * SL_TASKS_LIVE_MAX); /* attempts of those that were begun */
    unmake(f);
}

static void a_sink_that_knows_no_parts_is_told_of_a_failure(void **state)
{
    struct fixture *f = begin(SCRIPTS("200", "404"));

    (void)state;
    add_strict(f, 0, "t");
    run(f);
    assert_int_equal(f->told[0].code, SL_PARTIAL);
    unmake(f);
}

/* That is not the source's fault, and not the part's: whatever code it has. */
static void what_the_sink_refuses_ends_the_job(void **state)
{
    static const enum sl_code codes[] = {SL_DESTINATION, SL_CONFLICT};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct fixture *f = begin(SCRIPTS("200", "200"));
        f->told[0].refuses = codes[i];
        add(f, 0, "t");
        run(f);
        assert_int_equal(f->told[0].code, codes[i]);
        assert_int_equal(sl_job_counts(f->told[0].job)->restarts, 0);
        unmake(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_fails_leaves_the_others),
        cmocka_unit_test(the_cursor_above_stays),
        cmocka_unit_test(when_all_fail_the_job_does),
        cmocka_unit_test(a_chain_keeps_what_it_released),
        cmocka_unit_test(a_chain_keeps_the_scopes_it_released),
        cmocka_unit_test(what_is_below_goes_too),
        cmocka_unit_test(a_first_load_keeps_all_cursors),
        cmocka_unit_test(what_concerns_all_ends_the_job),
        cmocka_unit_test(retries_and_restarts_that_are_used_up_are_a_failure),
        cmocka_unit_test(an_outage_is_not_tried_for_each_part),
        cmocka_unit_test(a_sink_that_knows_no_parts_is_told_of_a_failure),
        cmocka_unit_test(what_the_sink_refuses_ends_the_job),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
