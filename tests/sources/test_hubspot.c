/* The HubSpot connector against its simulator: each quirk of the API by its name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sources/hubspot_source.h"

/* ---- discover ---- */

static void properties_are_columns_by_their_type(void **state)
{
    struct stage source;
    const struct harvest_table *t;

    (void)state;
    hs_open(&source, 1, NULL);
    stage_discover(&source);
    t = harvest_table(&source.tables, "contacts");
    assert_non_null(strstr(t->columns, "score:double"));
    assert_non_null(strstr(t->columns, "hs_email_optout:boolean"));
    assert_non_null(strstr(t->columns, "date_of_birth:date"));
    assert_non_null(strstr(t->columns, "lastmodifieddate:timestamp"));
    assert_non_null(strstr(t->columns, "companies:array<bigint>"));
    assert_int_equal(t->ingestion, SL_CDC_WITH_DELETES);
    assert_int_equal(harvest_table(&source.tables, "calls")->ingestion, SL_CDC);
    assert_int_equal(source.tables.table_count, 18);
    stage_close(&source);
}

static void custom_objects_with_a_taken_name_are_called_by_their_full_one(void **state)
{
    struct stage source;

    (void)state;
    hs_open(&source, 1, NULL);
    stage_discover(&source);
    assert_string_equal(harvest_table(&source.tables, "rockets")->id, "2-7001");
    assert_string_equal(harvest_table(&source.tables, "tasks")->id, "0-27");
    assert_string_equal(harvest_table(&source.tables, "p24242424_tasks")->id, "2-7002");
    stage_close(&source);
}

static void without_enterprise_there_are_no_custom_objects_and_no_error(void **state)
{
    struct stage source;

    (void)state;
    hs_open(&source, 1, NULL);
    stage_control(&source, "{\"op\":\"behaviour\",\"no_custom_objects\":1}");
    stage_discover(&source);
    assert_int_equal(source.tables.table_count, 16);
    assert_true(harvest_notes(&source.tables, "custom objects are not to be had"));
    stage_close(&source);
}

static void a_missing_scope_leaves_out_its_table_only(void **state)
{
    struct stage source;
    struct harvest h;
    struct harvest_job job = {.connector = "hubspot", .job = {.kind = SL_JOB_CHECK}};
    size_t bad = 0;

    (void)state;
    hs_open(&source, 1, NULL);
    stage_discover(&source);
    stage_control(&source, "{\"op\":\"forbid\",\"table\":\"deals\"}");
    hs_read(&source, "deals", NULL, NULL, true, true, &h);
    assert_int_equal(h.code, SL_PERMISSION);
    assert_null(h.complete);
    assert_non_null(strstr(h.error.hint, "crm.objects.deals.read"));
    harvest_release(&h);
    stage_discover(&source);
    assert_null(harvest_table(&source.tables, "deals"));
    assert_int_equal(source.tables.table_count, 17);
    assert_true(harvest_notes(&source.tables, "crm.objects.deals.read"));
    job.options = sl_buf_str(&source.options);
    harvest_run(&job, source.world, &h);
    for (size_t i = 0; i < h.check_count; i++) {
        if (h.checks[i].good) continue;
        bad++;
        assert_string_equal(h.checks[i].subject, "scope crm.objects.deals.read (deals)");
    }
    assert_int_equal(bad, 1);
    harvest_release(&h);
    stage_close(&source);
}

static void a_wrong_token_is_said_once(void **state)
{
    struct stage source;
    struct harvest h;
    struct harvest_job job = {.connector = "hubspot", .job = {.kind = SL_JOB_CHECK}};

    (void)state;
    hs_open(&source, 1, NULL);
    stage_discover(&source);
    stage_control(&source, "{\"op\":\"token\",\"revoke\":true}");
    job.options = sl_buf_str(&source.options);
    harvest_run(&job, source.world, &h);
    assert_int_equal(h.check_count, 1);
    assert_false(h.checks[0].good);
    harvest_release(&h);
    hs_read(&source, "contacts", NULL, NULL, true, true, &h);
    assert_int_equal(h.code, SL_AUTH);
    harvest_release(&h);
    stage_close(&source);
}

/* ---- everything ---- */

static void every_table_is_read_with_its_associations(void **state)
{
    static const char *const tables[] = {"contacts", "companies", "deals",     "tickets",
                                         "products", "quotes",    "emails",    "notes",
                                         "rockets",  "owners",    "line_items"};
    struct stage source;

    (void)state;
    hs_open(&source, 0, NULL);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        stage_first_load(&source, tables[i]);
        if (strcmp(tables[i], "owners") != 0) hs_assert_is_truth(&source, tables[i]);
    }
    stage_close(&source);
}

/* The list shows 100 entries of a kind, each association in two of them. */
static void more_associations_than_a_list_shows_are_asked_for(void **state)
{
    struct stage source;

    (void)state;
    hs_open(&source, 1, NULL);
    stage_control(&source, "{\"op\":\"create\",\"table\":\"contacts\",\"count\":10000}");
    stage_control(&source, "{\"op\":\"associate\",\"table\":\"companies\",\"record\":0,"
                           "\"to\":\"contacts\",\"count\":10000}");
    stage_first_load(&source, "companies");
    hs_assert_is_truth(&source, "companies");
    stage_close(&source);
}

/* 400 names of 43 letters are 17 KB: ids by the list, records by batches. */
static void property_names_too_long_for_a_url_are_sent_in_a_body(void **state)
{
    struct stage source;

    (void)state;
    hs_open(&source, 130, NULL);
    stage_control(&source, "{\"op\":\"wide\",\"table\":\"deals\",\"count\":400}");
    stage_control(&source, "{\"op\":\"edit\",\"table\":\"deals\",\"count\":100}");
    stage_first_load(&source, "deals");
    hs_assert_is_truth(&source, "deals");
    stage_close(&source);
}

static void only_wanted_properties_are_asked_for(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    hs_open(&source, 3, NULL);
    stage_discover(&source);
    source.columns = "[\"id\",\"dealname\",\"contacts\"]";
    hs_read(&source, "deals", NULL, NULL, true, true, &h);
    assert_int_equal(h.code, SL_DONE);
    assert_non_null(strstr(h.rows[0].text, "\"dealname\""));
    assert_null(strstr(h.rows[0].text, "\"amount\""));
    assert_non_null(strstr(h.rows[0].text, "{\"contacts\":"));
    assert_null(strstr(h.rows[0].text, "{\"tickets\":"));
    harvest_release(&h);
    stage_close(&source);
}

static void a_page_that_comes_again_for_ever_ends_the_read(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    hs_open(&source, 300, NULL);
    stage_discover(&source);
    stage_control(&source, "{\"op\":\"behaviour\",\"page_twice\":1}");
    hs_read(&source, "products", NULL, NULL, true, true, &h);
    assert_true(sl_failed(h.code));
    assert_null(h.complete);
    harvest_release(&h);
    stage_close(&source);
}

static void a_first_load_is_final_in_parts(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    hs_open(&source, 2500, NULL);
    stage_discover(&source);
    stage_control(&source, "{\"fault\":\"404:n=24,times=1000,path=objects\"}");
    hs_read(&source, "products", NULL, NULL, true, true, &h);
    assert_true(sl_failed(h.code));
    assert_int_equal(harvest_count(&h, "products", false), 2000); /* of 2,300 that came */
    harvest_release(&h);
    stage_close(&source);
}

static void a_first_load_goes_on_from_its_cursor(void **state)
{
    struct stage source;
    struct harvest h;
    size_t later = 0;

    (void)state;
    hs_open(&source, 1000, NULL);
    stage_first_load(&source, "products");
    hs_read(&source, "products", NULL, NULL, true, true, &h);
    for (size_t i = 0; i < h.row_count; i++) later += strtol(h.rows[i].key, NULL, 10) > 5000;
    assert_true(later > 100 && later < 900);
    harvest_release(&h);
    hs_read(&source, "products",
            "{\"parts\":{\"\":{\"v\":1,\"from_us\":1772441000000000,\"after\":\"5000%3D\"}}}", NULL,
            true, true, &h);
    assert_int_equal(h.code, SL_DONE);
    assert_int_equal(harvest_keys(&h, "products", false), later);
    assert_non_null(strstr(h.cursor, "1772441000000000")); /* of the load's beginning */
    harvest_release(&h);
    hs_read(&source, "products",
            "{\"parts\":{\"\":{\"v\":1,\"from_us\":1772441000000000,\"after\":\"nowhere\"}}}", NULL,
            true, true, &h);
    assert_int_equal(h.code, SL_DONE);
    assert_true(harvest_notes(&h, "begins anew"));
    assert_int_equal(harvest_keys(&h, "products", false), 1000);
    harvest_release(&h);
    stage_close(&source);
}

/* ---- single records ---- */

static void records_in_doubt_are_looked_up_by_id(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    hs_open(&source, 5, NULL);
    stage_discover(&source);
    stage_control(&source, "{\"op\":\"archive\",\"table\":\"contacts\",\"record\":0}");
    hs_read(&source, "contacts", NULL,
            "{\"keys\":[{\"id\":\"101\"},{\"id\":\"104\"},{\"id\":\"999999\"},{\"id\":\"x\"}]}",
            true, false, &h);
    assert_int_equal(h.code, SL_DONE);
    assert_int_equal(h.row_count, 1);
    assert_string_equal(h.rows[0].key, "104");
    harvest_release(&h);
    stage_close(&source);
}

/* ---- limits ---- */

static void limits_are_never_tripped(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    hs_open(&source, 15000, "bench");
    stage_discover(&source);
    hs_read(&source, "contacts", NULL, NULL, true, true, &h);
    assert_int_equal(h.code, SL_DONE);
    assert_int_equal(h.counts.calls, 150);
    assert_int_equal(h.counts.limited, 0);
    assert_int_equal(stage_stat(&source, "limited"), 0);
    assert_true(h.took_us > 14 * SL_SECOND_US); /* 150 calls at 90 in 10 seconds */
    harvest_release(&h);
    stage_close(&source);
}

/* All tables at once share the calls of ten seconds and the searches of one. */
static void all_tables_at_once_trip_no_limit(void **state)
{
    enum { TABLES_MAX = 32 };
    struct stage source;
    struct harvest h;
    struct sl_job_options jobs[TABLES_MAX];
    char *names[TABLES_MAX], *cursors[TABLES_MAX];

    (void)state;
    hs_open(&source, 0, NULL);
    stage_discover(&source);
    size_t count = source.tables.table_count;
    assert_true(count > 8 && count <= TABLES_MAX);
    for (size_t i = 0; i < count; i++) names[i] = strdup(source.tables.tables[i].name);
    for (size_t i = 0; i < count; i++) {
        stage_first_load(&source, names[i]);
        cursors[i] = source.cursor ? strdup(source.cursor) : NULL;
    }
    stage_control(&source, "{\"ops\":[{\"op\":\"edit\",\"count\":50},"
                           "{\"op\":\"edit\",\"table\":\"companies\",\"count\":50},"
                           "{\"op\":\"edit\",\"table\":\"deals\",\"count\":50}],"
                           "\"reset_stats\":true}");
    stage_pass(&source, 60);
    for (size_t i = 0; i < count; i++) {
        const struct harvest_table *table = stage_table(&source, names[i]);

        jobs[i] = (struct sl_job_options){.kind = SL_JOB_READ,
                                          .table = table->name,
                                          .namespace_ = table->namespace_,
                                          .state = table->state,
                                          .cursor = cursors[i]};
    }
    struct harvest_job job = {.connector = "hubspot",
                              .options = sl_buf_str(&source.options),
                              .key_member = "id",
                              .job = jobs[0],
                              .more = jobs + 1,
                              .more_count = count - 1};

    harvest_run(&job, source.world, &h);
    assert_string_equal(h.error.message, "");
    assert_true(stage_stat(&source, "requests") > 2 * (int64_t)count);
    assert_int_equal(stage_stat(&source, "limited"), 0);
    harvest_release(&h);
    for (size_t i = 0; i < count; i++) {
        free(names[i]);
        free(cursors[i]);
    }
    stage_close(&source);
}

static void a_used_up_day_stops_the_run_until_midnight_of_the_portal(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    hs_open(&source, 300, NULL);
    stage_discover(&source);
    stage_control(&source, "{\"op\":\"behaviour\",\"daily_quota\":20}");
    hs_read(&source, "contacts", NULL, NULL, true, true, &h);
    assert_int_equal(h.code, SL_QUOTA);
    assert_null(h.complete);
    assert_non_null(strstr(h.error.message, "daily limit"));
    harvest_release(&h);
    stage_close(&source);
}

static void a_limit_that_others_used_up_is_waited_for(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    hs_open(&source, 5, NULL);
    stage_discover(&source);
    stage_control(&source, "{\"fault\":\"429:n=1\"}");
    hs_read(&source, "contacts", NULL, NULL, true, true, &h);
    assert_int_equal(h.code, SL_DONE);
    assert_int_equal(h.counts.limited, 1);
    assert_true(h.took_us >= 10 * SL_SECOND_US);
    harvest_release(&h);
    stage_close(&source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(properties_are_columns_by_their_type),
        cmocka_unit_test(custom_objects_with_a_taken_name_are_called_by_their_full_one),
        cmocka_unit_test(without_enterprise_there_are_no_custom_objects_and_no_error),
        cmocka_unit_test(a_missing_scope_leaves_out_its_table_only),
        cmocka_unit_test(a_wrong_token_is_said_once),
        cmocka_unit_test(every_table_is_read_with_its_associations),
        cmocka_unit_test(more_associations_than_a_list_shows_are_asked_for),
        cmocka_unit_test(property_names_too_long_for_a_url_are_sent_in_a_body),
        cmocka_unit_test(only_wanted_properties_are_asked_for),
        cmocka_unit_test(a_page_that_comes_again_for_ever_ends_the_read),
        cmocka_unit_test(a_first_load_is_final_in_parts),
        cmocka_unit_test(a_first_load_goes_on_from_its_cursor),
        cmocka_unit_test(records_in_doubt_are_looked_up_by_id),
        cmocka_unit_test(limits_are_never_tripped),
        cmocka_unit_test(all_tables_at_once_trip_no_limit),
        cmocka_unit_test(a_used_up_day_stops_the_run_until_midnight_of_the_portal),
        cmocka_unit_test(a_limit_that_others_used_up_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
