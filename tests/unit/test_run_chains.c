/* First loads of one chain that sets a cursor as it goes: they are committed in parts, and go on from
 * their own cursor after whatever interrupted them. */
#include "tiny/shop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGES 6
#define ALL "r0:x r1:x r2:x r3:x r4:x r5:x"

/* Pages that take half a minute each: a part is committed every minute. */
static void begin(struct shop_world *w, enum sl_ingestion ingestion)
{
    static char rows[PAGES][64];

    shop_make(w, ingestion);
    shop.chain = true;
    shop.count = PAGES;
    shop.page_us = 35 * SL_SECOND_US;
    for (int i = 0; i < PAGES; i++) {
        snprintf(rows[i], sizeof rows[i], "[{\"id\":\"r%d\",\"part\":0,\"v\":\"x\"}]", i);
        shop.parts[i].rows = rows[i];
    }
}

static bool five_calls(void *ctx)
{
    struct shop_world *w = ctx;

    return shop_asked(w, 4) > 0;
}

static void it_is_committed_in_parts_and_goes_on(void **state)
{
    static const enum sl_ingestion kinds[] = {SL_CDC, SL_CDC_WITH_DELETES};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct shop_world w;
        begin(&w, kinds[i]);
        w.run.stopping = five_calls;
        w.run.stopping_ctx = &w;
        assert_int_equal(shop_run(&w, ""), SL_CANCELLED);
        w.run.stopping = NULL;
        w.run.stopping_ctx = NULL;
        assert_true(version_of(&w.run) >= 1); /* not only when it was stopped */
        shop_holds(&w, "r0:x r1:x r2:x r3:x r4:x");
        run_world_forget_home(&w.run);
        shop_expect(&w, 1, 0, 0);
        assert_int_equal(shop_asked(&w, 0), 0);
        assert_int_equal(shop_asked(&w, 4), 0);
        shop_holds(&w, ALL);
        /* Rows of the first run may be gone, unless the source will tell. */
        shop.parts[0].rows = "[]";
        shop_expect(&w, 0, 0, kinds[i] == SL_CDC);
        expect_full(&w.run, kinds[i] == SL_CDC ? "more than one run" : NULL);
        shop_unmake(&w);
    }
}

/* What lies on the disk at a moment of the run is what a kill at that moment leaves. */
static bool keep_disk_at_five_calls(void *ctx)
{
    struct shop_world *w = ctx;
    char command[1400];

    if (shop_asked(w, 4) == 0) return false;
    snprintf(command, sizeof command, "cp -r '%s/warehouse' '%s/killed'", w->run.home, w->run.home);
    assert_int_equal(system(command), 0);
    return true;
}

static void what_a_kill_leaves_is_gone_on_from(void **state)
{
    struct shop_world w;
    char command[1400];

    (void)state;
    begin(&w, SL_CDC_WITH_DELETES);
    w.run.stopping = keep_disk_at_five_calls;
    w.run.stopping_ctx = &w;
    assert_int_equal(shop_run(&w, ""), SL_CANCELLED);
    w.run.stopping = NULL;
    w.run.stopping_ctx = NULL;
    snprintf(command, sizeof command, "cd '%s' && rm -rf warehouse && mv killed warehouse",
             w.run.home);
    assert_int_equal(system(command), 0);
    int64_t there = landed_rows(&w.run, "t", "id", NULL);
    assert_in_range(there, 2, 4); /* parts that were committed on the way */
    shop_expect(&w, PAGES - there, 0, 0);
    assert_int_equal(shop_asked(&w, 0), 0);
    assert_int_equal(shop_asked(&w, (int)there - 1), 0);
    assert_int_equal(shop_asked(&w, (int)there), 1);
    shop_holds(&w, ALL);
    shop_unmake(&w);
}

static void an_error_or_a_quota_keeps_what_is_final(void **state)
{
    static const struct {
        int status;
        enum sl_code code;
    } cases[] = {{402, SL_QUOTA}, {403, SL_PERMISSION}, {401, SL_AUTH}};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct shop_world w;
        begin(&w, SL_CDC_WITH_DELETES);
        shop.parts[3].status = cases[i].status;
        shop.parts[3].status_times = 1;
        assert_int_equal(shop_run(&w, ""), cases[i].code);
        shop_holds(&w, "r0:x r1:x r2:x");
        shop_expect(&w, 3, 0, 0);
        assert_int_equal(shop_asked(&w, 2), 0);
        shop_holds(&w, ALL);
        shop_unmake(&w);
    }
}

/* SL_VERDICT_RESTART: the task begins again from its own newest cursor, not from the first page. */
static void a_restart_goes_on_from_the_own_cursor(void **state)
{
    struct shop_world w;

    (void)state;
    begin(&w, SL_CDC_WITH_DELETES);
    shop.parts[4].status = 409;
    shop.parts[4].status_times = 3;
    shop_expect(&w, PAGES, 0, 0);
    assert_int_equal(shop_report(&w)->restarts, 3);
    assert_int_equal(shop_asked(&w, 0), 1);
    assert_int_equal(shop_asked(&w, 3), 1);
    assert_int_equal(shop_asked(&w, 4), 4);
    shop_holds(&w, ALL);
    shop_unmake(&w);
}

/* So does an error of a step that says so; what was given since the newest cursor is void. */
static void an_error_may_begin_the_task_again(void **state)
{
    struct shop_world w;

    (void)state;
    begin(&w, SL_CDC_WITH_DELETES);
    shop.contradicts = 2;
    shop_expect(&w, PAGES, 0, 0);
    assert_int_equal(shop_report(&w)->restarts, 2);
    assert_int_equal(shop_report(&w)->rows_read, PAGES);
    assert_int_equal(shop_asked(&w, 0), 1);
    assert_int_equal(shop_asked(&w, PAGES - 1), 3);
    shop_holds(&w, ALL);
    shop_unmake(&w);
}

static void but_not_for_ever(void **state)
{
    struct shop_world w;

    (void)state;
    begin(&w, SL_CDC_WITH_DELETES);
    shop.contradicts = 100;
    assert_int_equal(shop_run(&w, ""), SL_BAD_DATA);
    assert_non_null(strstr(shop_report(&w)->error.message, "given up after 5 restarts"));
    assert_int_equal(shop_asked(&w, PAGES - 1), 1 + SL_RESTARTS_MAX);
    shop.contradicts = 0; /* what was final is there, and gone on from */
    assert_int_equal(shop_run(&w, ""), SL_OK);
    assert_int_equal(shop_asked(&w, PAGES - 2), 0);
    assert_int_equal(shop_asked(&w, PAGES - 1), 1);
    shop_holds(&w, ALL);
    shop_unmake(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_committed_in_parts_and_goes_on),
        cmocka_unit_test(what_a_kill_leaves_is_gone_on_from),
        cmocka_unit_test(an_error_or_a_quota_keeps_what_is_final),
        cmocka_unit_test(a_restart_goes_on_from_the_own_cursor),
        cmocka_unit_test(an_error_may_begin_the_task_again),
        cmocka_unit_test(but_not_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
