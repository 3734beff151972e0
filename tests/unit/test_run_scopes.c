/* Whole runs in which parts say what they are the whole of; how often everything is read. */
#include "tiny/shop.h"

#include <stdio.h>
#include <string.h>

/* Rows "p<n>-<i>" of part n. */
static const char *rows_of(int n, int from, int count)
{
    static char texts[SHOP_PARTS_MAX][32768];
    size_t at = (size_t)snprintf(texts[n], sizeof texts[n], "[");

    for (int i = from; i < from + count; i++)
        at += (size_t)snprintf(texts[n] + at, sizeof texts[n] - at,
                               "%s{\"id\":\"p%d-%d\",\"part\":%d,\"v\":\"x\"}", i > from ? "," : "",
                               n, i, n);
    snprintf(texts[n] + at, sizeof texts[n] - at, "]");
    return texts[n];
}

static void begin(struct shop_world *w, int first, int second)
{
    shop_make(w, SL_CDC_WITH_DELETES);
    shop.count = 2;
    shop.parts[0].rows = rows_of(0, 0, first);
    shop.parts[1].rows = rows_of(1, 0, second);
    shop_expect(w, first + second, 0, 0);
    later(&w->run, 3600);
}

static int64_t there(struct shop_world *w)
{
    return landed_rows(&w->run, "t", "id", NULL);
}

static void what_is_gone_of_a_part_goes_in_an_increment(void **state)
{
    struct shop_world w;

    (void)state;
    begin(&w, 5, 2);
    shop.parts[0].rows = rows_of(0, 3, 4);
    shop_expect(&w, 2, 0, 3);
    expect_full(&w.run, NULL);
    assert_int_equal(shop_report(&w)->source_keys, -1); /* of the table nobody counted them */
    shop_holds(&w, "p0-3:x p0-4:x p0-5:x p0-6:x p1-0:x p1-1:x");
    shop.count = 1; /* a part that is not read is left as it is, */
    shop.parts[0].rows = "[]";
    shop_expect(&w, 0, 0, 4); /* and one that is empty is believed */
    shop_holds(&w, "p1-0:x p1-1:x");
    shop_unmake(&w);
}

/* In sum the rows of what was read anew may not fall to half, if they were many. */
static void a_collapse_is_held_back(void **state)
{
    struct shop_world w;

    (void)state;
    begin(&w, 150, 150);
    shop.parts[0].rows = "[]";
    shop.parts[1].rows = "[]";
    assert_int_equal(shop_run(&w, ""), SL_SOURCE);
    assert_non_null(strstr(w.run.error.message,
                           "of what was read anew: the source gave 0 rows where "
                           "the table has 300"));
    assert_non_null(strstr(w.run.error.hint, "--full-refresh=t"));
    assert_int_equal(there(&w), 300);
    shop.parts[1].rows = rows_of(1, 0, 149); /* one part alone may be empty */
    shop.parts[0].rows = rows_of(0, 0, 10);
    shop_expect(&w, 0, 0, 141);
    assert_int_equal(there(&w), 159);
    shop_unmake(&w);
}

/* What a part did not have is asked for by key before it goes. */
static void missing_rows_are_read_again(void **state)
{
    struct shop_world w;

    (void)state;
    shop_make(&w, SL_CDC_WITH_DELETES);
    shop.rereads = true;
    shop.count = 2;
    shop.parts[0].rows = rows_of(0, 0, 4);
    shop.parts[1].rows = rows_of(1, 0, 1);
    shop_expect(&w, 5, 0, 0);
    later(&w.run, 3600);
    shop.parts[0].rows = rows_of(0, 0, 2);
    shop.missed = "[{\"id\":\"p0-3\",\"part\":0,\"v\":\"x\"}]";
    shop_expect(&w, 0, 0, 1);
    shop_holds(&w, "p0-0:x p0-1:x p0-3:x p1-0:x");
    shop_unmake(&w);
}

static void a_column_that_tells_scopes_cannot_be_left_out(void **state)
{
    struct shop_world w;

    (void)state;
    shop_make(&w, SL_CDC_WITH_DELETES);
    shop.count = 1;
    shop.parts[0].rows = rows_of(0, 0, 3);
    assert_int_equal(shop_run(&w, "\"exclude_columns\":[\"part\"]"),
                     SL_OK); /* nothing can be gone */
    later(&w.run, 3600);
    assert_int_equal(shop_run(&w, "\"exclude_columns\":[\"part\"]"), SL_BAD_SPEC);
    assert_non_null(strstr(w.run.error.message, "column 'part' of 't' is left out"));
    shop_unmake(&w);
}

/* Tables that do not merge have no use for scopes. */
static void others_take_no_notice(void **state)
{
    struct shop_world w;

    (void)state;
    shop_make(&w, SL_APPEND);
    shop.count = 1;
    shop.parts[0].rows = rows_of(0, 0, 2);
    shop_expect(&w, 2, 0, 0);
    later(&w.run, 3600);
    shop.parts[0].rows = rows_of(0, 2, 1);
    shop_expect(&w, 1, 0, 0);
    assert_int_equal(there(&w), 3);
    shop_unmake(&w);

    shop_make(&w, SL_SNAPSHOT);
    shop.keyless = true;
    shop.count = 1;
    shop.parts[0].rows = rows_of(0, 0, 2);
    shop_expect(&w, 2, 0, 0);
    shop.parts[0].rows = rows_of(0, 1, 1);
    shop_expect(&w, 1, 0, 0);
    assert_int_equal(there(&w), 1);
    shop_unmake(&w);
}

/* A full read that is the whole of all its parts is not yet the whole of the table. */
static void a_full_read_needs_the_whole(void **state)
{
    struct shop_world w;

    (void)state;
    shop_make(&w, SL_SNAPSHOT);
    shop.count = 1;
    shop.proves = false;
    shop.parts[0].rows = rows_of(0, 0, 2);
    assert_int_equal(shop_run(&w, ""), SL_SOURCE);
    assert_non_null(strstr(w.run.error.message, "without proof that it was complete"));
    shop_unmake(&w);
}

/* ---- keys of several columns ---- */

/* A day's rows: "<day>-<i>" at ten to that hour, with this value. */
static const char *rows_of_day(int n, int day, const char *v, int count)
{
    static char texts[SHOP_PARTS_MAX][2000];
    size_t at = (size_t)snprintf(texts[n], sizeof texts[n], "[");

    for (int i = 0; i < count; i++)
        at += (size_t)
            snprintf(texts[n] + at, sizeof texts[n] - at,
                     "%s{\"id\":\"%d-%d\",\"part\":%d,\"v\":\"%s\",\"day\":\"2026-01-%02d\","
                     "\"at\":\"2026-01-%02dT%02d:50:00Z\"}",
                     i ? "," : "", day, i, n, v, day, day, i);
    snprintf(texts[n] + at, sizeof texts[n] - at, "]");
    return texts[n];
}

/* Rows of a key are found in whatever file they are, and no row is there twice. */
static void keys_of_dates_and_numbers_find_their_rows(void **state)
{
    static const char *const configs[] = {"", "\"scd_type\":\"SCD_TYPE_2\""};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct shop_world w;
        shop_make(&w, SL_CDC_WITH_DELETES);
        shop.dated = true;
        shop.scopes = false;
        shop.count = 2;
        for (int day = 1; day <= 5; day++) { /* a file for each */
            shop.parts[0].rows = rows_of_day(0, day, "x", 2);
            shop.parts[1].rows = rows_of_day(1, day, "x", 3);
            assert_int_equal(shop_run(&w, configs[i]), SL_OK);
            expect_changes(&w.run, 5, 0, 0);
            later(&w.run, 3600);
        }
        shop.parts[0].rows = rows_of_day(0, 2, "y", 2);
        shop.parts[1].rows = rows_of_day(1, 4, "y", 4);
        assert_int_equal(shop_run(&w, configs[i]), SL_OK);
        expect_changes(&w.run, 1, 5, 0);
        later(&w.run, 3600);
        assert_int_equal(shop_run(&w, configs[i]), SL_OK);
        expect_changes(&w.run, 0, 0, 0);
        assert_int_equal(there(&w), 26 + (i ? 5 : 0));
        shop.count = 1; /* what is gone of a day */
        shop.scopes = true;
        shop.scope = "{\"day\":\"2026-01-02\"}";
        shop.parts[0].rows = rows_of_day(0, 2, "y", 1);
        assert_int_equal(shop_run(&w, configs[i]), SL_OK);
        expect_changes(&w.run, 0, 0, 4);
        shop_unmake(&w);
    }
}

/* ---- how often everything is read ---- */

static void the_connector_says_how_often(void **state)
{
    static const struct {
        enum sl_ingestion ingestion;
        int64_t days; /* as the connector says; 0: nothing */
        const char *config;
        int64_t due_after; /* days; 0: never */
    } cases[] = {
        {SL_CDC, 0, "", 1},
        {SL_CDC_WITH_DELETES, 0, "", 0},
        {SL_CDC_WITH_DELETES, 7, "", 7},
        {SL_CDC, 3, "", 3},
        {SL_CDC_WITH_DELETES, 7, "\"reconcile_every\":\"2d\"", 2},
        {SL_CDC_WITH_DELETES, 7, "\"reconcile_every\":\"never\"", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct shop_world w;
        shop_make(&w, cases[i].ingestion);
        shop.reconcile_us = cases[i].days * SL_DAY_US;
        shop.count = 1;
        shop.parts[0].rows = rows_of(0, 0, 2);
        assert_int_equal(shop_run(&w, cases[i].config), SL_OK);
        for (int64_t day = 1; day <= 8; day++) {
            later(&w.run, day == 1 ? A_DAY + 60 : A_DAY);
            assert_int_equal(shop_run(&w, cases[i].config), SL_OK);
            bool due = cases[i].due_after && day % cases[i].due_after == 0;
            if (due != (shop_report(&w)->why_full != NULL))
                fail_msg("case %zu, day %lld: %s", i, (long long)day,
                         due ? "an increment" : shop_report(&w)->why_full);
        }
        shop_unmake(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_gone_of_a_part_goes_in_an_increment),
        cmocka_unit_test(a_collapse_is_held_back),
        cmocka_unit_test(missing_rows_are_read_again),
        cmocka_unit_test(a_column_that_tells_scopes_cannot_be_left_out),
        cmocka_unit_test(others_take_no_notice),
        cmocka_unit_test(a_full_read_needs_the_whole),
        cmocka_unit_test(keys_of_dates_and_numbers_find_their_rows),
        cmocka_unit_test(the_connector_says_how_often),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
