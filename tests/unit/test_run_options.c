/* What a specification or a command asks for, in whole runs: sequences, tracked columns, keys of
 * one's own, NULLs that keep, history begun anew, verify, a cursor that is reset. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/cursor.h"
#include "run_look.h"

#define TABLE "SKU Candidates"
#define ON_TABLE "\"table\":\"" TABLE "\""
#define HISTORY "\"scd_type\":\"SCD_TYPE_2\""
#define MAPPED "\"table_properties\":{\"delta.columnMapping.mode\":\"name\"}"
#define EDIT(record, fields)                                                                       \
    "{\"op\":\"edit\"," ON_TABLE ",\"record\":" record ",\"fields\":{" fields "}}"

static void make(struct run_world *w, const char *config)
{
    run_world_make(w, "airtable", NULL);
    expect_run(w, TABLE, config);
    later(w, 1200);
}

static void change(struct run_world *w, const char *config, const char *json)
{
    control(w, json);
    later(w, 1200);
    expect_run(w, TABLE, config);
}

/* ---- sequences ---- */

static void a_sequence_of_the_users_own_orders_what_comes(void **state)
{
    static const char *const configs[] = {
        "\"sequence_by\":[\"Last change\",\"Created\"]",
        "\"sequence_by\":[\"Last change\",\"Created\"]," HISTORY,
    };

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct run_world w;
        make(&w, configs[i]);
        expect_changes(&w, 240, 0, 0);
        for (int n = 0; n < 3; n++) {
            change(&w, configs[i], EDIT("3", "\"SKU\":\"three\""));
            expect_changes(&w, 0, 1, 0);
            change(&w, configs[i], EDIT("3", "\"SKU\":\"four\""));
            expect_changes(&w, 0, 1, 0);
            expect_same(&w, TABLE, "SKU", "sku", i == 1);
        }
        control(&w, "{\"op\":\"delete\"," ON_TABLE ",\"record\":3}");
        later(&w, A_DAY);
        expect_run(&w, TABLE, configs[i]);
        expect_changes(&w, 0, 0, 1);
        expect_same(&w, TABLE, "SKU", "sku", i == 1);
        if (i == 1) expect_landed(&w, "sku", "{sku:\"four\"}", 3);
        control(&w, "{\"op\":\"restore\"," ON_TABLE ",\"record\":3}");
        change(&w, configs[i], EDIT("3", "\"SKU\":\"again\""));
        expect_changes(&w, 1, 0, 0);
        expect_same(&w, TABLE, "SKU", "sku", i == 1);
        later(&w, A_DAY);
        expect_run(&w, TABLE, configs[i]);
        expect_changes(&w, 0, 0, 0);
        run_world_unmake(&w);
    }
}

/* ---- history ---- */

static void only_tracked_columns_open_versions(void **state)
{
    static const char config[] = HISTORY ",\"track_history_columns\":[\"Notes\"]";
    struct run_world w;

    (void)state;
    make(&w, config);
    change(&w, config, EDIT("3", "\"SKU\":\"three\""));
    expect_same(&w, TABLE, "SKU", "sku", true);
    assert_int_equal(landed_rows(&w, "t", "_airtable_id", NULL), 240);
    change(&w, config, EDIT("3", "\"Notes\":\"noted\""));
    expect_same(&w, TABLE, "Notes", "notes", true);
    assert_int_equal(landed_rows(&w, "t", "_airtable_id", NULL), 241);
    expect_landed(&w, "sku", "{sku:\"three\"}", 2);
    later(&w, A_DAY);
    expect_run(&w, TABLE, config);
    assert_int_equal(landed_rows(&w, "t", "_airtable_id", NULL), 241);
    run_world_unmake(&w);
}

static void history_begins_anew_only_when_that_is_asked_for(void **state)
{
    struct run_world w;

    (void)state;
    make(&w, HISTORY);
    change(&w, HISTORY, EDIT("3", "\"SKU\":\"three\""));
    control(&w, "{\"ops\":[" EDIT("4", "\"SKU\":\"four\"") ",{\"op\":\"delete\"," ON_TABLE
                                                           ",\"record\":5}]}");
    later(&w, 600);
    if (run_table(&w, TABLE, HISTORY, true)) fail_msg("%s", w.error.message);
    expect_changes(&w, 0, 1, 1);
    expect_same(&w, TABLE, "SKU", "sku", true);
    assert_int_equal(landed_rows(&w, "t", "_airtable_id", NULL), 242);
    later(&w, 600);
    w.reset_history = true;
    if (run_table(&w, TABLE, HISTORY, true)) fail_msg("%s", w.error.message);
    w.reset_history = false;
    assert_int_equal(landed_rows(&w, "t", "_airtable_id", NULL), 239);
    expect_same(&w, TABLE, "SKU", "sku", true);
    change(&w, HISTORY, EDIT("3", "\"SKU\":\"more\""));
    expect_changes(&w, 0, 1, 0);
    expect_same(&w, TABLE, "SKU", "sku", true);
    run_world_unmake(&w);
}

/* ---- keys and NULLs ---- */

static void keys_that_are_none_are_named(void **state)
{
    struct run_world w;

    (void)state;
    run_world_make(&w, "airtable", NULL);
    control(&w, EDIT("3", "\"External ID\":\"twice\""));
    control(&w, EDIT("4", "\"External ID\":\"twice\""));
    assert_int_equal(run_table(&w, TABLE, "\"primary_keys\":[\"External ID\"]", true), SL_BAD_DATA);
    if (!strstr(w.error.message, "twice") && !strstr(w.error.hint, "twice"))
        fail_msg("%s (%s)", w.error.message, w.error.hint);
    run_world_unmake(&w);
}

static void a_null_keeps_what_is_there_where_that_is_asked_for(void **state)
{
    static const char config[] = "\"ignore_null_updates\":true";
    struct run_world w;

    (void)state;
    make(&w, config);
    change(&w, config, EDIT("3", "\"SKU\":\"three\",\"Notes\":\"noted\""));
    change(&w, config, EDIT("3", "\"SKU\":\"drei\",\"Notes\":null"));
    expect_changes(&w, 0, 1, 0);
    expect_landed(&w, "sku,notes", "{sku:\"drei\",notes:\"noted\"}", 1);
    later(&w, A_DAY); /* a complete read keeps it, too */
    expect_run(&w, TABLE, config);
    expect_changes(&w, 0, 0, 0);
    expect_landed(&w, "sku,notes", "{sku:\"drei\",notes:\"noted\"}", 1);
    expect_truth(&w, TABLE);
    run_world_unmake(&w);
}

/* ---- verify, reset ---- */

static enum sl_code verify(struct run_world *w, const char *config)
{
    int64_t version = version_of(w);
    enum sl_code rc;

    w->verify = true;
    rc = run_table(w, TABLE, config, false);
    w->verify = false;
    if (rc && rc != SL_PARTIAL) fail_msg("%s", w->error.message);
    assert_int_equal(version_of(w), version);
    return rc;
}

static void verify_compares_and_changes_nothing(void **state)
{
    static const char *const configs[] = {"", HISTORY, MAPPED, HISTORY "," MAPPED};

    (void)state;
    for (int i = 0; i < 4; i++) {
        struct run_world w;
        bool history = i % 2;
        make(&w, configs[i]);
        if (verify(&w, configs[i])) fail_msg("%s", w.error.message);
        expect_changes(&w, 0, 0, 0);
        control(&w, "{\"ops\":[" EDIT("3", "\"SKU\":\"three\"") ",{\"op\":\"create\"," ON_TABLE
                                                                "},{\"op\":\"delete\"," ON_TABLE
                                                                ",\"record\":5}]}");
        assert_int_equal(verify(&w, configs[i]), SL_PARTIAL);
        expect_changes(&w, 1, 1, 1);
        /* A field that is called otherwise now: it is not renamed, nor is the table wrong. */
        control(&w,
                "{\"op\":\"rename_field\"," ON_TABLE ",\"field\":\"Notes\",\"to\":\"Remarks\"}");
        assert_int_equal(verify(&w, configs[i]), SL_PARTIAL);
        expect_changes(&w, 1, 1, 1);
        assert_true(has_column(&w, "notes"));
        /* A new one whose cells are empty. */
        control(&w, "{\"op\":\"add_field\"," ON_TABLE ",\"name\":\"Empty\",\"type\":\"checkbox\"}");
        assert_int_equal(verify(&w, configs[i]), SL_PARTIAL);
        assert_false(has_column(&w, "empty"));
        later(&w, A_DAY);
        expect_run(&w, TABLE, configs[i]);
        expect_same(&w, TABLE, "SKU", "sku", history);
        expect_same(&w, TABLE, "Remarks", i < 2 ? "notes" : "remarks", history);
        if (verify(&w, configs[i])) fail_msg("%s", w.error.message);
        run_world_unmake(&w);
    }
}

static void a_reset_cursor_means_a_complete_read_and_rows_stay(void **state)
{
    static const char *const configs[] = {"", HISTORY};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct run_world w;
        char location[500];
        struct sl_delta_table *table = NULL;
        make(&w, configs[i]);
        change(&w, configs[i], EDIT("3", "\"SKU\":\"three\""));
        control(&w, "{\"op\":\"delete\"," ON_TABLE ",\"record\":5}");
        snprintf(location, sizeof location, "%s/warehouse/main/bronze/t", w.home);
        assert_int_equal(sl_delta_open(w.delta, location, -1, &table, &w.error), SL_OK);
        assert_int_equal(sl_cursor_reset(table, sl_now_us(w.world), &w.error), SL_OK);
        sl_delta_table_free(table);
        assert_int_equal(landed_rows(&w, "t", "_airtable_id", NULL), 240 + i);
        later(&w, 60);
        expect_run(&w, TABLE, configs[i]);
        expect_full(&w, "its cursor was reset");
        expect_changes(&w, 0, 0, 1);
        expect_same(&w, TABLE, "SKU", "sku", i == 1);
        later(&w, 600);
        expect_run(&w, TABLE, configs[i]);
        expect_full(&w, NULL);
        run_world_unmake(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sequence_of_the_users_own_orders_what_comes),
        cmocka_unit_test(only_tracked_columns_open_versions),
        cmocka_unit_test(history_begins_anew_only_when_that_is_asked_for),
        cmocka_unit_test(keys_that_are_none_are_named),
        cmocka_unit_test(a_null_keeps_what_is_there_where_that_is_asked_for),
        cmocka_unit_test(verify_compares_and_changes_nothing),
        cmocka_unit_test(a_reset_cursor_means_a_complete_read_and_rows_stay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
