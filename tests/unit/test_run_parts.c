/* Whole runs of parts that stand by themselves: what is committed when some of them fail. */
#include "tiny/shop.h"

#include <string.h>

#define A1 "{\"id\":\"a1\",\"part\":0,\"v\":\"x\"}"
#define A2 "{\"id\":\"a2\",\"part\":0,\"v\":\"x\"}"
#define B1 "{\"id\":\"b1\",\"part\":1,\"v\":\"x\"}"
#define B1_NEW "{\"id\":\"b1\",\"part\":1,\"v\":\"y\"}"
#define C1 "{\"id\":\"c1\",\"part\":2,\"v\":\"x\"}"
#define C1_NEW "{\"id\":\"c1\",\"part\":2,\"v\":\"y\"}"

static void fill(void)
{
    shop.count = 3;
    shop.parts[0].rows = "[" A1 "," A2 "]";
    shop.parts[1].rows = "[" B1 "]";
    shop.parts[2].rows = "[" C1 "]";
}

static void fail_part(int n, bool fails)
{
    shop.parts[n].status = 404;
    shop.parts[n].status_times = fails ? -1 : 0;
}

/* The run says which part failed, and the table is FAILED with what the others brought. */
static void expect_partial(struct shop_world *w, const char *why)
{
    const struct sl_table_report *t = shop_report(w);

    assert_int_equal(t->state, SL_TABLE_FAILED);
    assert_int_equal(t->error.code, SL_PARTIAL);
    if (!strstr(t->error.message, why)) fail_msg("%s", t->error.message);
    assert_true(t->parts_failed > 0 && t->parts_failed < t->parts);
    assert_true(t->version >= 0);
}

static void an_increment_commits_what_the_others_brought(void **state)
{
    static const enum sl_ingestion kinds[] = {SL_CDC, SL_CDC_WITH_DELETES, SL_SNAPSHOT};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct shop_world w;
        shop_make(&w, kinds[i]);
        fill();
        shop_expect(&w, 4, 0, 0);
        later(&w.run, 3600);
        shop.parts[0].rows = "[" A1 "]"; /* a2 is gone, and its part says so */
        shop.parts[1].rows = "[" B1_NEW "]";
        shop.parts[2].rows = "[" C1_NEW "]";
        fail_part(1, true);
        assert_int_equal(shop_run(&w, ""), SL_PARTIAL);
        expect_partial(&w, "1 of 3 parts failed, the first: shelf 1: GET http://s/1: ");
        expect_changes(&w.run, 0, 1, 1);
        shop_holds(&w, "a1:x b1:x c1:y");
        later(&w.run, 3600);
        fail_part(1, false);
        shop_expect(&w, 0, 1, 0);
        shop_holds(&w, "a1:x b1:y c1:y");
        shop_unmake(&w);
    }
}

/* A part that is gone for good costs no version with every run. */
static void nothing_new_is_no_version(void **state)
{
    struct shop_world w;

    (void)state;
    shop_make(&w, SL_CDC_WITH_DELETES);
    fill();
    shop_expect(&w, 4, 0, 0);
    later(&w.run, 3600);
    fail_part(1, true);
    assert_int_equal(shop_run(&w, ""), SL_PARTIAL);
    int64_t version = version_of(&w.run);
    later(&w.run, 60);
    assert_int_equal(shop_run(&w, ""), SL_PARTIAL);
    assert_int_equal(version_of(&w.run), version);
    shop_unmake(&w);
}

static void when_all_fail_nothing_is_committed(void **state)
{
    struct shop_world w;

    (void)state;
    shop_make(&w, SL_CDC_WITH_DELETES);
    fill();
    shop_expect(&w, 4, 0, 0);
    int64_t version = version_of(&w.run);
    for (int i = 0; i < 3; i++) fail_part(i, true);
    assert_int_equal(shop_run(&w, ""), SL_SOURCE);
    assert_int_equal(shop_report(&w)->version, -1);
    assert_int_equal(version_of(&w.run), version);
    shop_unmake(&w);
}

/* A complete read that lacks a part proves nothing of it, and stays due: but not with every run. */
static void a_complete_read_stays_due_and_rests(void **state)
{
    struct shop_world w;

    (void)state;
    shop_make(&w, SL_CDC);
    fill();
    shop_expect(&w, 4, 0, 0);
    later(&w.run, 2 * A_DAY);
    fail_part(1, true);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(shop_run(&w, ""), SL_PARTIAL);
        expect_full(&w.run, "a complete read is due");
        assert_int_equal(shop_report(&w)->deleted, 0);
        for (int k = 0; k < 2; k++) { /* one that changes something, one that does not */
            later(&w.run, 3600);
            shop.parts[2].rows = i + k == 1 ? "[" C1_NEW "]" : "[" C1 "]";
            assert_int_equal(shop_run(&w, ""), SL_PARTIAL);
            expect_full(&w.run, NULL);
        }
        later(&w.run, A_DAY);
    }
    fail_part(1, false);
    shop.parts[1].rows = "[]";
    shop_expect(&w, 0, 0, 1);
    expect_full(&w.run, "a complete read is due");
    shop_holds(&w, "a1:x a2:x c1:x");
    shop_expect(&w, 0, 0, 0);
    expect_full(&w.run, NULL);
    shop_unmake(&w);
}

static void a_full_refresh_stays_due_and_deletes_nothing(void **state)
{
    struct shop_world w;

    (void)state;
    shop_make(&w, SL_CDC);
    fill();
    shop_expect(&w, 4, 0, 0);
    fail_part(1, true);
    assert_int_equal(run_table(&w.run, "t", "", true), SL_PARTIAL);
    shop_holds(&w, "a1:x a2:x b1:x c1:x");
    fail_part(1, false);
    shop_expect(&w, 0, 0, 0);
    expect_full(&w.run, NULL);
    later(&w.run, A_DAY);
    shop_expect(&w, 0, 0, 0);
    expect_full(&w.run, "a full refresh was asked for");
    shop_expect(&w, 0, 0, 0);
    expect_full(&w.run, NULL);
    shop_unmake(&w);
}

/* It goes on where it is: what is done is not asked for again. */
static void a_first_load_goes_on(void **state)
{
    struct shop_world w;

    (void)state;
    shop_make(&w, SL_CDC_WITH_DELETES);
    fill();
    shop.cuts = true;
    fail_part(1, true);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(shop_run(&w, ""), SL_PARTIAL);
        assert_int_equal(shop_asked(&w, 0), i == 0);
        shop_holds(&w, "a1:x a2:x c1:x");
        later(&w.run, 3600);
    }
    fail_part(1, false);
    shop_expect(&w, 1, 0, 0);
    assert_int_equal(shop_asked(&w, 2), 0);
    shop_holds(&w, "a1:x a2:x b1:x c1:x");
    shop_expect(&w, 0, 0, 0); /* an increment, at last */
    assert_int_equal(shop_asked(&w, 2), 1);
    shop_unmake(&w);
}

/* Where each part has a cursor of its own and the one that failed has none, there is nothing to go on
 * with: the others are not held up. */
static void a_part_that_never_began_holds_nobody_up(void **state)
{
    static const enum sl_ingestion kinds[] = {SL_CDC, SL_CDC_WITH_DELETES};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct shop_world w;
        shop_make(&w, kinds[i]);
        fill();
        fail_part(1, true);
        assert_int_equal(shop_run(&w, ""), SL_PARTIAL);
        shop_holds(&w, "a1:x a2:x c1:x");
        later(&w.run, 3600);
        shop.parts[2].rows = "[" C1_NEW "]";
        assert_int_equal(shop_run(&w, ""), SL_PARTIAL);
        expect_full(&w.run, NULL);
        shop_holds(&w, "a1:x a2:x c1:y");
        later(&w.run, 3600);
        fail_part(1, false);
        shop_expect(&w, 1, 0, 0);
        expect_full(&w.run, NULL);
        shop_holds(&w, "a1:x a2:x b1:x c1:y");
        shop_unmake(&w);
    }
}

/* A table without a key takes the place of the one before as a whole, or not at all. */
static void a_table_that_is_replaced_stays(void **state)
{
    struct shop_world w;

    (void)state;
    shop_make(&w, SL_SNAPSHOT);
    shop.keyless = true;
    fill();
    shop_expect(&w, 4, 0, 0);
    int64_t version = version_of(&w.run);
    shop.parts[0].rows = "[" A1 "]";
    fail_part(1, true);
    assert_int_equal(shop_run(&w, ""), SL_PARTIAL);
    assert_int_equal(shop_report(&w)->version, -1);
    assert_non_null(strstr(shop_report(&w)->error.message, "nothing was changed"));
    assert_int_equal(version_of(&w.run), version);
    shop_unmake(&w);
}

static void rows_that_are_appended_are_appended(void **state)
{
    struct shop_world w;

    (void)state;
    shop_make(&w, SL_APPEND);
    fill();
    fail_part(1, true);
    assert_int_equal(shop_run(&w, ""), SL_PARTIAL);
    expect_partial(&w, "shelf 1");
    shop_holds(&w, "a1:x a2:x c1:x");
    shop_unmake(&w);
}

/* A table of too many parts for one commit says so, and what to do, before anything is changed. */
static void cursors_of_too_many_parts_are_refused(void **state)
{
    struct shop_world w;

    (void)state;
    shop_make(&w, SL_CDC_WITH_DELETES);
    fill();
    shop.count = SHOP_PARTS_MAX;
    shop.cursor_bytes = SL_CURSOR_MAX / SHOP_PARTS_MAX;
    assert_int_equal(shop_run(&w, ""), SL_TOO_LARGE);
    assert_int_equal(shop_report(&w)->version, -1);
    assert_non_null(strstr(shop_report(&w)->error.message, "262144 are the most"));
    assert_non_null(strstr(shop_report(&w)->error.hint, "land some of them in another table"));
    shop.count = 3;
    shop_expect(&w, 4, 0, 0);
    shop_unmake(&w);
}

static void history_goes_on_without_the_part(void **state)
{
    static const char config[] = "\"scd_type\":\"SCD_TYPE_2\"";
    struct shop_world w;

    (void)state;
    shop_make(&w, SL_SNAPSHOT);
    fill();
    assert_int_equal(shop_run(&w, config), SL_OK);
    later(&w.run, 3600);
    fail_part(1, true);
    shop.parts[0].rows = "[" A1 "]";
    shop.parts[2].rows = "[" C1_NEW "]";
    assert_int_equal(shop_run(&w, config), SL_PARTIAL);
    expect_changes(&w.run, 0, 1, 1);
    shop_holds(&w, "a1:x a2:x b1:x c1:x c1:y");
    shop_unmake(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_increment_commits_what_the_others_brought),
        cmocka_unit_test(nothing_new_is_no_version),
        cmocka_unit_test(when_all_fail_nothing_is_committed),
        cmocka_unit_test(a_complete_read_stays_due_and_rests),
        cmocka_unit_test(a_full_refresh_stays_due_and_deletes_nothing),
        cmocka_unit_test(a_first_load_goes_on),
        cmocka_unit_test(a_part_that_never_began_holds_nobody_up),
        cmocka_unit_test(a_table_that_is_replaced_stays),
        cmocka_unit_test(rows_that_are_appended_are_appended),
        cmocka_unit_test(cursors_of_too_many_parts_are_refused),
        cmocka_unit_test(history_goes_on_without_the_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
