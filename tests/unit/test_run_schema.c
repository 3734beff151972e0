/* Schemas over time in whole runs: what a source's fields become, value by value, with and without
 * history, with and without column mapping. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run_look.h"

#define MAPPED "\"table_properties\":{\"delta.columnMapping.mode\":\"name\"}"
#define HISTORY "\"scd_type\":\"SCD_TYPE_2\""
#define VECTORS                                                                                    \
    "\"table_properties\":{\"delta.columnMapping.mode\":\"name\","                                 \
    "\"delta.enableDeletionVectors\":\"true\"}"

static const struct kind {
    const char *config;
    bool history, mapped;
} kinds[] = {
    {"", false, false},
    {MAPPED, false, true},
    {HISTORY, true, false},
    {HISTORY "," MAPPED, true, true},
    {HISTORY "," VECTORS, true, true},
};
#define KINDS (sizeof kinds / sizeof *kinds)

static void make(struct run_world *w, const struct kind *kind)
{
    run_world_make(w, "airtable", NULL);
    expect_run(w, "Vendors", kind->config);
    later(w, 1200);
}

/* One operation, and a run some time after it. */
static void change(struct run_world *w, const struct kind *kind, const char *json)
{
    control(w, json);
    later(w, 1200);
    expect_run(w, "Vendors", kind->config);
}

#define OP(what, rest) "{\"op\":\"" what "\",\"table\":\"Vendors\"," rest "}"
#define EDIT(record, fields) OP("edit", "\"record\":" record ",\"fields\":{" fields "}")

/* No row is lost or doubled, and fields that nothing happened to hold what they held. */
static void expect_untouched(struct run_world *w, const struct kind *kind)
{
    expect_same(w, "Vendors", "Vendor", "vendor", kind->history);
    expect_same(w, "Vendors", "Phone", "phone", kind->history);
    if (!kind->history) expect_truth(w, "Vendors");
}

static void a_new_field_has_its_values_in_the_run_that_first_sees_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct run_world w;
        make(&w, &kinds[i]);
        control(&w, OP("add_field", "\"name\":\"Region\",\"type\":\"singleLineText\""));
        change(&w, &kinds[i], EDIT("4", "\"Region\":\"North\""));
        expect_full(&w, "new columns");
        expect_same(&w, "Vendors", "Region", "region", kinds[i].history);
        expect_untouched(&w, &kinds[i]);
        change(&w, &kinds[i], EDIT("5", "\"Region\":\"South\""));
        expect_full(&w, NULL);
        expect_same(&w, "Vendors", "Region", "region", kinds[i].history);
        run_world_unmake(&w);
    }
}

static void a_deleted_field_keeps_what_it_had_and_another_of_its_name_is_another(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct run_world w;
        make(&w, &kinds[i]);
        int64_t had = landed_count(&w, "t", "website", false);
        change(&w, &kinds[i], OP("remove_field", "\"field\":\"Website\""));
        expect_changes(&w, 0, 0, 0);
        assert_int_equal(landed_count(&w, "t", "website", false), had);
        int64_t version = version_of(&w);
        later(&w, 60);
        expect_run(&w, "Vendors", kinds[i].config); /* it is said and marked once */
        assert_int_equal(version_of(&w), version);
        /* Made again: another id, so another column. */
        control(&w, OP("add_field", "\"name\":\"Website\",\"type\":\"singleLineText\""));
        change(&w, &kinds[i], EDIT("4", "\"Website\":\"new\""));
        const char *at = strstr(landed_columns(&w), "website_");
        assert_non_null(at);
        char column[100];
        snprintf(column, sizeof column, "%.*s", (int)strcspn(at, ","), at);
        expect_same(&w, "Vendors", "Website", column, kinds[i].history);
        expect_untouched(&w, &kinds[i]);
        run_world_unmake(&w);
    }
}

static void a_renamed_field_is_the_same_column(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct run_world w;
        make(&w, &kinds[i]);
        const char *now = kinds[i].mapped ? "home_page" : "website";
        int64_t had = landed_count(&w, "t", "website", false);
        change(&w, &kinds[i], OP("rename_field", "\"field\":\"Website\",\"to\":\"Home page\""));
        expect_full(&w, NULL);
        assert_int_equal(has_column(&w, "website"), !kinds[i].mapped);
        assert_int_equal(landed_count(&w, "t", now, false), had);
        expect_same(&w, "Vendors", "Home page", now, kinds[i].history);
        change(&w, &kinds[i], EDIT("4", "\"Home page\":\"https://example.org/4\""));
        expect_changes(&w, 0, 1, 0);
        expect_same(&w, "Vendors", "Home page", now, kinds[i].history);
        later(&w, A_DAY);
        expect_run(&w, "Vendors", kinds[i].config);
        expect_changes(&w, 0, 0, 0);
        expect_untouched(&w, &kinds[i]);
        run_world_unmake(&w);
    }
}

static void a_renamed_field_keeps_its_name_where_that_is_asked_for(void **state)
{
    static const struct kind kind = {MAPPED ",\"on_rename\":\"keep\"", false, true};
    struct run_world w;

    (void)state;
    make(&w, &kind);
    change(&w, &kind, OP("rename_field", "\"field\":\"Website\",\"to\":\"Home page\""));
    expect_same(&w, "Vendors", "Home page", "website", false);
    assert_false(has_column(&w, "home_page"));
    run_world_unmake(&w);
}

static void fields_swap_their_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct run_world w;
        const char *a = kinds[i].mapped ? "website" : "contact_e_mail";
        const char *b = kinds[i].mapped ? "contact_e_mail" : "website";
        make(&w, &kinds[i]);
        control(&w, OP("rename_field", "\"field\":\"Website\",\"to\":\"x\""));
        control(&w, OP("rename_field", "\"field\":\"Contact e-mail\",\"to\":\"Website\""));
        change(&w, &kinds[i], OP("rename_field", "\"field\":\"x\",\"to\":\"Contact e-mail\""));
        expect_changes(&w, 0, 0, 0);
        expect_same(&w, "Vendors", "Website", a, kinds[i].history);
        expect_same(&w, "Vendors", "Contact e-mail", b, kinds[i].history);
        change(&w, &kinds[i], EDIT("4", "\"Website\":\"https://example.org/4\""));
        expect_same(&w, "Vendors", "Website", a, kinds[i].history);
        expect_untouched(&w, &kinds[i]);
        run_world_unmake(&w);
    }
}

static void another_type_is_another_column_and_the_old_one_comes_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct run_world w;
        make(&w, &kinds[i]);
        int64_t had = landed_count(&w, "t", "score", false);
        change(&w, &kinds[i], OP("retype_field", "\"field\":\"Score\",\"to\":\"singleLineText\""));
        assert_non_null(report_of(&w, "t")->why_full);
        expect_same(&w, "Vendors", "Score", "score_string", kinds[i].history);
        if (kinds[i].history) assert_true(landed_count(&w, "t", "score", false) >= had);
        change(&w, &kinds[i], EDIT("4", "\"Score\":\"very good\""));
        expect_changes(&w, 0, 1, 0);
        expect_same(&w, "Vendors", "Score", "score_string", kinds[i].history);
        change(&w, &kinds[i], OP("retype_field", "\"field\":\"Score\",\"to\":\"rating\""));
        assert_non_null(report_of(&w, "t")->why_full);
        change(&w, &kinds[i], EDIT("4", "\"Score\":5"));
        expect_full(&w, NULL);
        expect_same(&w, "Vendors", "Score", "score", kinds[i].history);
        expect_untouched(&w, &kinds[i]);
        run_world_unmake(&w);
    }
}

static void a_renamed_table_is_the_same_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct run_world w;
        make(&w, &kinds[i]);
        control(&w, OP("rename_table", "\"to\":\"Suppliers\""));
        control(&w, "{\"op\":\"edit\",\"table\":\"Suppliers\",\"record\":3}");
        later(&w, 1200);
        expect_run(&w, "Vendors", kinds[i].config); /* the specification says the old name */
        expect_changes(&w, 0, 1, 0);
        expect_full(&w, NULL);
        expect_same(&w, "Suppliers", "Vendor", "vendor", kinds[i].history);
        later(&w, 600);
        expect_run(&w, "Suppliers", kinds[i].config); /* ... or the new one */
        expect_changes(&w, 0, 0, 0);
        expect_full(&w, NULL);
        expect_same(&w, "Suppliers", "Vendor", "vendor", kinds[i].history);
        run_world_unmake(&w);
    }
}

static void a_table_is_upgraded_and_goes_on(void **state)
{
    static const struct kind plain[] = {{"", false, false}, {HISTORY, true, false}};
    static const struct kind upgraded[] = {{VECTORS, false, true},
                                           {HISTORY "," VECTORS, true, true}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct run_world w;
        char op[300];
        make(&w, &plain[i]);
        for (int run = 0; run < 10; run++) {
            snprintf(op, sizeof op,
                     "{\"ops\":[" OP("edit", "\"record\":%d") "," OP(
                         "edit", "\"record\":%d") "," OP("create", "\"count\":1") "]}",
                     run, 40 + run);
            if (run == 4) control(&w, OP("rename_field", "\"field\":\"Country\",\"to\":\"Land\""));
            change(&w, &upgraded[i], op);
            expect_changes(&w, 1, 2, 0);
            if (run == 0) assert_true(has_column(&w, "country"));
            expect_same(&w, "Vendors", run < 4 ? "Country" : "Land", run < 4 ? "country" : "land",
                        plain[i].history);
            expect_untouched(&w, &upgraded[i]);
        }
        control(&w, OP("delete", "\"record\":7"));
        later(&w, A_DAY);
        expect_run(&w, "Vendors", upgraded[i].config);
        expect_changes(&w, 0, 0, 1);
        expect_untouched(&w, &upgraded[i]);
        run_world_unmake(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_field_has_its_values_in_the_run_that_first_sees_it),
        cmocka_unit_test(a_deleted_field_keeps_what_it_had_and_another_of_its_name_is_another),
        cmocka_unit_test(a_renamed_field_is_the_same_column),
        cmocka_unit_test(a_renamed_field_keeps_its_name_where_that_is_asked_for),
        cmocka_unit_test(fields_swap_their_names),
        cmocka_unit_test(another_type_is_another_column_and_the_old_one_comes_back),
        cmocka_unit_test(a_renamed_table_is_the_same_table),
        cmocka_unit_test(a_table_is_upgraded_and_goes_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
