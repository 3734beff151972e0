/*
 * What the Airtable connector asks for when little or nothing has changed, against its simulator:
 * which records come, and how many calls that takes.
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
#include "sources/airtable_source.h"

/* ---- windows ---- */

static void nothing_changed_costs_one_call(void **state)
{
    static const char *const names[] = {TABLE, OTHER};
    struct stage source;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct harvest h;

        open_source(&source, NULL);
        assert_int_equal(harvest_table(&source.tables, names[i])->ingestion, SL_CDC);
        assert_int_equal(harvest_table(&source.tables, names[i])->cursor != NULL, i == 0);
        first_load(&source, names[i]);
        for (int run = 0; run < 4; run++) {
            stage_pass(&source, 3600);
            increment(&source, names[i], &h);
            assert_int_equal(h.counts.calls, run == 0 ? 2 : 1); /* the first one is the self-test */
            assert_int_equal(harvest_count(&h, NULL, false), 0);
            assert_false(harvest_is_complete(&h));
            assert_int_equal(h.note_count, 0);
            harvest_release(&h);
        }
        assert_int_equal(source.tables.counts.calls, 1);
        stage_close(&source);
    }
}

static void what_changed_comes_and_nothing_else(void **state)
{
    static const char *const names[] = {TABLE, OTHER};
    static const int changes[] = {1, 20, 100, 101, 450};
    struct stage source;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        open_source(&source, NULL);
        first_load(&source, names[i]);
        for (size_t c = 0; c < sizeof changes / sizeof *changes; c++) {
            struct harvest h;
            char ids[500][20];

            stage_pass(&source, 3600);
            edit(&source, names[i], 300, changes[c]);
            stage_control(&source, "{\"op\":\"create\",\"table\":\"%s\",\"count\":3}", names[i]);
            stage_pass(&source, 1000);
            increment(&source, names[i], &h);
            assert_int_equal(harvest_count(&h, NULL, false), changes[c] + 3);
            assert_int_equal(harvest_keys(&h, NULL, false), changes[c] + 3);
            assert_true(h.counts.calls <= (changes[c] + 3) / 100 + 3);
            ids_of(&source, names[i], 300, changes[c], ids);
            for (int n = 0; n < changes[c]; n++)
                assert_true(harvest_has_key(&h, names[i], false, ids[n]));
            ids_of(&source, names[i], RECORDS + 3 * (int)c, 3, ids);
            for (int n = 0; n < 3; n++) assert_true(harvest_has_key(&h, names[i], false, ids[n]));
            harvest_release(&h);
        }
        stage_close(&source);
    }
}

/* What was read in the last minutes of a run is read again in the next one, and then no more. */
static void the_lookback_redelivers_for_a_while(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    open_source(&source, NULL);
    first_load(&source, TABLE);
    stage_pass(&source, 3600);
    edit(&source, TABLE, 10, 5);
    stage_pass(&source, 60);
    static const int expected[] = {5, 5, 5, 0};
    static const int waits[] = {240, 700, 600, 0};
    for (int run = 0; run < 4; run++) {
        increment(&source, TABLE, &h);
        assert_int_equal(harvest_count(&h, NULL, false), expected[run]);
        harvest_release(&h);
        stage_pass(&source, waits[run]);
    }
    stage_close(&source);
}

/* The first window reaches back before the full read began. */
static void an_edit_during_the_full_read_is_not_lost(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    open_source(&source, "{\"lookback_seconds\":0}");
    stage_control(&source,
                  "{\"fault\":\"edit:page=5,record=0\"}"); /* of a page that was read already */
    first_load(&source, TABLE);
    stage_pass(&source, 3600);
    increment(&source, TABLE, &h);
    assert_int_equal(harvest_count(&h, NULL, false), 1);
    harvest_release(&h);
    stage_close(&source);
}

static void a_filter_that_does_not_filter_is_found_out(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    open_source(&source, NULL);
    first_load(&source, TABLE);
    stage_control(&source, "{\"op\":\"behaviour\",\"is_after_broken\":1}");
    stage_pass(&source, 3600);
    increment(&source, TABLE, &h);
    assert_true(harvest_is_complete(&h));
    assert_int_equal(harvest_keys(&h, NULL, false), RECORDS);
    assert_int_equal(h.counts.calls, 1 + RECORDS / 100);
    assert_int_equal(h.note_count, 1);
    assert_non_null(strstr(h.notes[0], "older rows"));
    harvest_release(&h);
    for (int run = 0; run < 2; run++) { /* and then it is known */
        stage_pass(&source, 3600);
        increment(&source, TABLE, &h);
        assert_true(harvest_is_complete(&h));
        assert_int_equal(h.counts.calls, RECORDS / 100);
        assert_int_equal(h.note_count, 0);
        harvest_release(&h);
    }
    stage_close(&source);
}

/* Its self-test was good, and later rows show that it is not. */
static void rows_from_outside_the_window_are_found_out(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    open_source(&source, NULL);
    first_load(&source, TABLE);
    stage_pass(&source, 3600);
    increment(&source, TABLE, &h);
    harvest_release(&h);
    stage_control(&source, "{\"op\":\"behaviour\",\"is_after_broken\":1}");
    stage_pass(&source, 3600);
    increment(&source, TABLE, &h);
    assert_true(harvest_is_complete(&h));
    assert_int_equal(harvest_keys(&h, NULL, false), RECORDS);
    assert_int_equal(h.note_count, 1);
    harvest_release(&h);
    stage_close(&source);
}

static void another_scope_is_read_in_full(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    open_source(&source, NULL);
    first_load(&source, TABLE);
    stage_pass(&source, 3600);
    source.table_options = "{\"filter\":\"MOD(LEN(RECORD_ID()),2)=1\"}";
    increment(&source, TABLE, &h);
    assert_true(harvest_is_complete(&h));
    assert_int_equal(h.note_count, 1);
    assert_non_null(strstr(h.notes[0], "the view or the filter"));
    harvest_release(&h);
    edit(&source, TABLE, 7, 2);
    increment(&source, TABLE, &h); /* and then by windows, within that filter */
    assert_false(harvest_is_complete(&h));
    assert_int_equal(harvest_count(&h, NULL, false), 2);
    harvest_release(&h);
    source.table_options = "{\"read_mode\":\"full\"}";
    increment(&source, TABLE, &h);
    assert_int_equal(harvest_table(&source.tables, TABLE)->ingestion, SL_SNAPSHOT);
    assert_true(harvest_is_complete(&h));
    harvest_release(&h);
    stage_close(&source);
}

/* ---- what listings suffer from ---- */

/* A row that shows up late is found by the lookback; one that is later than that, by a full read. */
static void rows_that_show_up_late_are_found(void **state)
{
    static const struct {
        int delay_s, wait_s; /* until it is shown; between the runs */
        bool by_window;
    } cases[] = {{10, 300, true}, {60, 300, true}, {500, 300, true}, {1500, 300, false}};
    struct stage source;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct harvest h;
        char ids[2][20], value[400];
        bool found = false;

        open_source(&source, NULL);
        stage_control(&source, "{\"op\":\"behaviour\",\"listing_delay_seconds\":%d}",
                      cases[i].delay_s);
        first_load(&source, TABLE);
        stage_pass(&source, 3600);
        stage_control(&source, "{\"op\":\"edit\",\"table\":\"" TABLE
                               "\",\"record\":5,\"fields\":{\"Units\":4242}}");
        stage_control(&source, "{\"op\":\"create\",\"table\":\"" TABLE "\"}");
        ids_of(&source, TABLE, 5, 1, ids);
        ids_of(&source, TABLE, RECORDS, 1, ids + 1);
        for (int run = 0; run < 12 && !found; run++) {
            increment(&source, TABLE, &h);
            found = harvest_has_key(&h, TABLE, false, ids[1]) &&
                    strcmp(cell_of(&source, &h, TABLE, "Units", ids[0], value), "4242") == 0;
            assert_false(found && run == 0);
            harvest_release(&h);
            stage_pass(&source, cases[i].wait_s);
        }
        if (found != cases[i].by_window) fail_msg("case %zu", i);
        read_with(&source, TABLE, source.cursor, true, NULL, &h); /* reconciliation */
        assert_true(harvest_is_complete(&h));
        assert_true(harvest_has_key(&h, TABLE, false, ids[1]));
        assert_string_equal(cell_of(&source, &h, TABLE, "Units", ids[0], value), "4242");
        harvest_release(&h);
        stage_close(&source);
    }
}

/* Only the source's clock counts: ours may be hours off. */
static void a_clock_that_is_wrong_loses_nothing(void **state)
{
    static const int skews_s[] = {-86400, -3600, -120, 120, 3600, 86400};
    struct stage source;

    (void)state;
    for (size_t i = 0; i < sizeof skews_s / sizeof *skews_s; i++) {
        struct harvest h;

        open_source(&source, NULL);
        stage_control(&source, "{\"skew_ms\":%d000}", skews_s[i]);
        stage_pass(&source, 90000);
        first_load(&source, TABLE);
        for (int run = 0; run < 3; run++) {
            stage_pass(&source, 2000);
            edit(&source, TABLE, 10 * run, 5);
            stage_pass(&source, 1000);
            increment(&source, TABLE, &h);
            assert_false(harvest_is_complete(&h));
            assert_int_equal(harvest_keys(&h, TABLE, false), 5);
            harvest_release(&h);
        }
        stage_close(&source);
    }
}

/* A row that moves before the page that is read is missed by a listing, and found by the next
 * window: what moved it is an edit. */
static void pages_that_are_sorted_anew_lose_nothing_for_good(void **state)
{
    struct stage source;
    struct harvest full, h;
    char ids[RECORDS][20];
    int missed = 0;

    (void)state;
    open_source(&source, NULL);
    stage_control(&source, "{\"op\":\"behaviour\",\"resorted_pages\":1}");
    stage_pass(&source, 3600);
    stage_discover(&source);
    stage_control(&source, "{\"fault\":\"edit:page=3,count=40\"}");
    read_with(&source, TABLE, NULL, true, NULL, &full);
    assert_string_equal(full.error.message, "");
    stage_keep(&source, &full);
    increment(&source, TABLE, &h);
    ids_of(&source, TABLE, 0, RECORDS, ids);
    for (int i = 0; i < RECORDS; i++) {
        bool there = harvest_has_key(&full, TABLE, false, ids[i]);
        missed += !there;
        assert_true(there || harvest_has_key(&h, TABLE, false, ids[i]));
    }
    assert_true(missed > 0); /* it did happen */
    harvest_release(&full);
    harvest_release(&h);
    stage_close(&source);
}

static void a_filter_that_is_ignored_is_found_out(void **state)
{
    static const char *const names[] = {TABLE, OTHER};
    struct stage source;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct harvest h;

        open_source(&source, NULL);
        first_load(&source, names[i]);
        stage_control(&source, "{\"op\":\"behaviour\",\"filter_ignored\":1}");
        increment(&source, names[i], &h);
        assert_true(harvest_is_complete(&h));
        assert_int_equal(harvest_keys(&h, names[i], false), RECORDS);
        assert_int_equal(h.counts.calls, 1 + RECORDS / 100);
        assert_int_equal(h.note_count, 1);
        harvest_release(&h);
        stage_close(&source);
    }
}

/* The field by which a window goes was deleted since the schema was read. */
static void a_filter_that_is_refused_means_a_full_read_once(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    open_source(&source, NULL);
    first_load(&source, TABLE);
    stage_pass(&source, 3600);
    increment(&source, TABLE, &h);
    harvest_release(&h);
    stage_discover(&source);
    stage_control(&source,
                  "{\"op\":\"remove_field\",\"table\":\"" TABLE "\",\"field\":\"Last change\"}");
    read_with(&source, TABLE, source.cursor, false, NULL, &h);
    assert_string_equal(h.error.message, "");
    assert_true(harvest_is_complete(&h));
    assert_int_equal(h.note_count, 1);
    assert_non_null(strstr(h.notes[0], "this time"));
    stage_keep(&source, &h);
    harvest_release(&h);
    stage_pass(&source, 3600);
    increment(&source, TABLE, &h); /* the schema knows it now */
    assert_false(harvest_is_complete(&h));
    assert_int_equal(h.counts.calls, 1);
    harvest_release(&h);
    stage_close(&source);
}

/* Faults in the middle of a window are overcome as in any listing. */
static void a_window_stands_what_a_listing_stands(void **state)
{
    static const char *const faults[] = {
        "iterator_expired:page=2", "empty_page:page=1", "empty_page:page=2",
        "page_twice:page=1",       "503:n=2",           "429:n=2",
        "truncated:n=2",           "reset:n=1"};
    struct stage source;

    (void)state;
    for (size_t f = 0; f < sizeof faults / sizeof *faults; f++)
        for (int tested = 0; tested < 2; tested++) {
            struct harvest h;

            open_source(&source, NULL);
            first_load(&source, TABLE);
            if (tested) {
                increment(&source, TABLE, &h);
                harvest_release(&h);
            }
            stage_pass(&source, 3600);
            edit(&source, TABLE, 100, 250);
            stage_pass(&source, 100);
            stage_discover(&source);
            stage_control(&source, "{\"fault\":\"%s\"}", faults[f]);
            read_with(&source, TABLE, source.cursor, false, NULL, &h);
            if (h.code != SL_DONE) fail_msg("%s: %s", faults[f], h.error.message);
            assert_false(harvest_is_complete(&h));
            assert_int_equal(harvest_keys(&h, TABLE, false), 250);
            harvest_release(&h);
            stage_close(&source);
        }
}

/* A cursor that cannot be read is no reason to fail, nor to miss anything. */
static void a_strange_cursor_means_a_full_read(void **state)
{
    static const char *const roots[] = {
        "7",
        "{}",
        "{\"v\":1,\"view\":null,\"filter\":null,\"read_from_us\":1772442000000000}",
        "{\"v\":3,\"from_us\":1772442000000000}",
        "{\"v\":2,\"view\":null,\"filter\":null}",
        "{\"v\":2,\"view\":null,\"filter\":null,\"from_us\":\"yesterday\"}",
        "{\"v\":2,\"view\":\"Grid view\",\"filter\":null,\"from_us\":1772442000000000}",
        "{\"v\":2,\"from_us\":1772442000000000,\"hook\":{\"id\":\"achNoSuchHook00\",\"next\":1,"
        "\"polled_us\":1772442000000000}}",
    };
    struct stage source;

    (void)state;
    open_source(&source, NULL);
    for (size_t i = 0; i < sizeof roots / sizeof *roots; i++) {
        struct harvest h;
        char cursor[300];

        snprintf(cursor, sizeof cursor, "{\"parts\":{\"\":%s}}", roots[i]);
        read_with(&source, TABLE, cursor, false, NULL, &h);
        assert_string_equal(h.error.message, "");
        if (!harvest_is_complete(&h)) fail_msg("%s", roots[i]);
        assert_int_equal(harvest_keys(&h, TABLE, false), RECORDS);
        assert_int_equal(h.note_count, 1);
        harvest_release(&h);
    }
    stage_close(&source);
}

/* ---- records by id ---- */

static void records_are_read_again_by_id(void **state)
{
    static const int counts[] = {1, 100, 101, 350};
    struct stage source;

    (void)state;
    open_source(&source, NULL);
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        struct sl_buf input = {0};
        struct harvest h;
        char ids[400][20];

        ids_of(&source, TABLE, 50, counts[c], ids);
        sl_buf_adds(&input, "{\"keys\":[");
        for (int i = 0; i < counts[c]; i++)
            sl_buf_addf(&input, "%s{\"_airtable_id\":\"%s\"}", i ? "," : "", ids[i]);
        sl_buf_adds(&input, ",{\"_airtable_id\":\"recNoSuchRecord00\"}]}");
        read_with(&source, TABLE, NULL, true, sl_buf_str(&input), &h);
        assert_string_equal(h.error.message, "");
        assert_int_equal(harvest_keys(&h, NULL, false), counts[c]);
        assert_int_equal(harvest_count(&h, NULL, true), 0);
        assert_int_equal(h.counts.calls, (counts[c] + 1 + 99) / 100);
        assert_false(harvest_is_complete(&h));
        harvest_release(&h);
        sl_buf_release(&input);
    }
    stage_close(&source);
}

/* ---- a first load in parts ---- */

/* The parts of a cursor that an engine would have kept when the load broke off after these. */
static char *cursor_of_parts(const struct stage *source, const char *root, const char *const *parts,
                             int64_t from_us, bool others)
{
    struct sl_buf text = {0};

    (void)source;
    sl_buf_addf(&text, "{\"parts\":{\"\":%s", root);
    for (; *parts; parts++)
        sl_buf_addf(&text, ",\"%s\":{\"done_us\":%lld,\"others\":%s}", *parts, (long long)from_us,
                    others ? "true" : "false");
    sl_buf_adds(&text, "}}");
    char *copy = strdup(sl_buf_str(&text));
    sl_buf_release(&text);
    return copy;
}

static void a_first_load_goes_on_where_it_was(void **state)
{
    static const char *const none[] = {NULL};
    static const char *const first[] = {"/share-1-of-4", NULL};
    static const char *const flat[] = {"/share-1-of-4", "/share-3-of-4", NULL};
    static const char *const probed[] = {"/share-1-of-4", "/share-1-of-4/share-3-of-4", NULL};
    static const char *const all[] = {"/share-1-of-4", "/share-2-of-4", "/share-3-of-4",
                                      "/share-4-of-4", NULL};
    static const struct {
        const char *const *parts;
        bool probe;
        int left; /* shares of four */
    } cases[] = {{none, false, 4}, {first, false, 3}, {flat, false, 2},
                 {all, false, 0},  {first, true, 3},  {probed, true, 2}};
    const int64_t from_us = SIM_START_US - 7200 * INT64_C(1000000);
    struct stage source;

    (void)state;
    open_source(&source, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct harvest h;
        char root[200];

        snprintf(
            root, sizeof root,
            "{\"v\":2,\"view\":null,\"filter\":null,\"from_us\":%lld,\"shares\":4,\"probe\":%s}",
            (long long)from_us, cases[i].probe ? "true" : "false");
        char *cursor = cursor_of_parts(&source, root, cases[i].parts, from_us, false);
        read_with(&source, TABLE, cursor, true, NULL, &h);
        assert_string_equal(h.error.message, "");
        int rows = (int)harvest_keys(&h, NULL, false);
        if (abs(rows - RECORDS / 4 * cases[i].left) > 100)
            fail_msg("case %zu: %d rows of %d", i, rows, RECORDS / 4 * cases[i].left);
        assert_true(h.counts.calls <= rows / 100 + cases[i].left);
        assert_true(harvest_is_complete(&h));
        assert_non_null(strstr(h.cursor, root)); /* what it leaves reaches back to the beginning */
        assert_null(strstr(h.cursor, "done_us"));
        harvest_release(&h);
        /* Of another full read nothing is taken. */
        free(cursor);
        cursor = cursor_of_parts(&source, root, cases[i].parts, from_us + 1, false);
        read_with(&source, TABLE, cursor, true, NULL, &h);
        assert_int_equal(harvest_keys(&h, NULL, false), RECORDS);
        harvest_release(&h);
        free(cursor);
    }
    stage_close(&source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_changed_costs_one_call),
        cmocka_unit_test(what_changed_comes_and_nothing_else),
        cmocka_unit_test(the_lookback_redelivers_for_a_while),
        cmocka_unit_test(an_edit_during_the_full_read_is_not_lost),
        cmocka_unit_test(a_filter_that_does_not_filter_is_found_out),
        cmocka_unit_test(rows_from_outside_the_window_are_found_out),
        cmocka_unit_test(another_scope_is_read_in_full),
        cmocka_unit_test(rows_that_show_up_late_are_found),
        cmocka_unit_test(a_clock_that_is_wrong_loses_nothing),
        cmocka_unit_test(pages_that_are_sorted_anew_lose_nothing_for_good),
        cmocka_unit_test(a_filter_that_is_ignored_is_found_out),
        cmocka_unit_test(a_filter_that_is_refused_means_a_full_read_once),
        cmocka_unit_test(a_window_stands_what_a_listing_stands),
        cmocka_unit_test(a_strange_cursor_means_a_full_read),
        cmocka_unit_test(records_are_read_again_by_id),
        cmocka_unit_test(a_first_load_goes_on_where_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
