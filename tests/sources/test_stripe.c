/*
 * The Stripe connector against its simulator: whose key it is, first loads, sub-lists, limits, and
 * what passes or does not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sources/stripe_source.h"

/* ---- whose key it is ---- */

static void account_and_mode_are_the_identity_of_tables(void **state)
{
    static const char *const modes[] = {"\"live\":false", "\"live\":true"};
    struct stage source;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        st_open_source(&source, 5, NULL);
        if (i == 1) {
            sl_buf_reset(&source.options);
            sl_buf_adds(&source.options,
                        "{\"api_key\":\"sk_live_simulated\",\"base_url\":\"http://sim.test\"}");
        }
        stage_discover(&source);
        assert_int_equal(source.tables.table_count, 16);
        assert_int_equal(source.tables.namespace_count, 1);
        assert_non_null(strstr(source.tables.tables[0].state, modes[i]));
        assert_int_equal(strncmp(source.tables.tables[0].namespace_, "acct_", 5), 0);
        stage_close(&source);
    }
}

/* Restricted keys may not ask whose they are: the refusal says it. */
static void a_restricted_key_learns_its_account_from_the_refusal(void **state)
{
    struct stage source;
    char account[64];

    (void)state;
    st_open_source(&source, 5, NULL);
    stage_discover(&source);
    snprintf(account, sizeof account, "%s", source.tables.tables[0].namespace_);
    stage_control(&source, "{\"op\":\"forbid\",\"table\":\"account\"}");
    stage_discover(&source);
    assert_string_equal(source.tables.tables[0].namespace_, account);
    stage_first_load(&source, "coupons");
    st_assert_is_truth(&source, "coupons");
    stage_close(&source);
}

/* Without the balance an object says whether it is live; where nothing says it, nothing is landed. */
static void the_mode_is_learnt_from_any_object(void **state)
{
    struct stage source;
    struct harvest h;
    struct harvest_job job = {.connector = "stripe", .job = {.kind = SL_JOB_DISCOVER}};

    (void)state;
    st_open_source(&source, 5, NULL);
    stage_control(&source, "{\"op\":\"forbid\",\"table\":\"customers\"}");
    stage_control(&source, "{\"fault\":\"403:path=balance\"}");
    job.options = sl_buf_str(&source.options);
    harvest_run(&job, source.world, &h);
    assert_string_equal(h.error.message, "");
    assert_int_equal(h.table_count, 16);
    assert_int_equal(h.counts.calls, 4); /* account, balance, customers, charges */
    harvest_release(&h);
    stage_control(&source, "{\"fault\":\"403:path=v1/\"}");
    stage_pass(&source, 2);
    harvest_run(&job, source.world, &h);
    assert_int_equal(h.code, SL_PERMISSION);
    assert_int_equal(h.table_count, 0);
    harvest_release(&h);
    stage_close(&source);
}

static void connected_accounts_are_namespaces(void **state)
{
    struct stage source;
    char own[64], connected[64];

    (void)state;
    st_open_source(&source, 0, "\"accounts\":\"all\"");
    stage_discover(&source);
    assert_int_equal(source.tables.namespace_count, 3);
    assert_int_equal(source.tables.table_count, 48);
    for (size_t i = 0; i < 48; i++) {
        const struct harvest_table *t = &source.tables.tables[i];
        snprintf(strstr(t->state, "\"connected\":true") ? connected : own, 64, "%s", t->namespace_);
    }
    assert_string_not_equal(own, connected);
    const char *both[] = {own, connected};
    size_t held[2];
    for (size_t i = 0; i < 2; i++) {
        source.namespace_ = both[i];
        stage_first_load(&source, "customers");
        st_assert_is_truth(&source, "customers");
        held[i] = stage_rows_held(&source);
        stage_control(&source,
                      "{\"op\":\"edit\",\"table\":\"customers\",\"record\":2,"
                      "\"account\":\"%s\"}",
                      both[i]);
        stage_pass(&source, 90);
        stage_increment_quietly(&source, "customers");
        st_assert_is_truth(&source, "customers");
    }
    assert_true(held[0] > held[1]);
    stage_close(&source);
}

/* Of all accounts one without access is left out, and said; one that is named fails. */
static void a_connected_account_may_take_its_access_back(void **state)
{
    struct stage source;
    struct harvest h;
    struct harvest_job job = {.connector = "stripe", .job = {.kind = SL_JOB_DISCOVER}};
    char named[200], gone[64];

    (void)state;
    st_open_source(&source, 0, "\"accounts\":\"all\"");
    stage_discover(&source);
    snprintf(gone, sizeof gone, "%s", source.tables.tables[0].namespace_);
    for (size_t i = 0; i < source.tables.table_count; i++)
        if (strstr(source.tables.tables[i].state, "\"connected\":true"))
            snprintf(gone, sizeof gone, "%s", source.tables.tables[i].namespace_);
    stage_control(&source, "{\"op\":\"key\",\"account\":\"%s\",\"revoke\":true}", gone);
    stage_discover(&source);
    assert_int_equal(source.tables.table_count, 32);
    assert_true(harvest_notes(&source.tables, gone));
    snprintf(named, sizeof named,
             "{\"api_key\":\"sk_test_x\",\"base_url\":\"http://sim.test\",\"accounts\":[\"%s\"]}",
             gone);
    job.options = named;
    harvest_run(&job, source.world, &h);
    assert_int_equal(h.code, SL_PERMISSION);
    assert_non_null(strstr(h.error.message, gone));
    harvest_release(&h);
    stage_close(&source);
}

/* Each table that a restricted key may not read is named, with the permission that it lacks. */
static void check_names_what_a_restricted_key_lacks(void **state)
{
    struct stage source;
    struct harvest h;
    struct harvest_job job = {.connector = "stripe", .job = {.kind = SL_JOB_CHECK}};
    int bad = 0;

    (void)state;
    st_open_source(&source, 5, NULL);
    job.options = sl_buf_str(&source.options);
    stage_control(&source, "{\"op\":\"forbid\",\"table\":\"disputes\"}");
    stage_control(&source, "{\"op\":\"forbid\",\"table\":\"events\"}");
    harvest_run(&job, source.world, &h);
    assert_string_equal(h.error.message, "");
    assert_int_equal(h.check_count, 17);
    for (size_t i = 0; i < h.check_count; i++) {
        if (h.checks[i].good) continue;
        bad++;
        assert_true(strstr(h.checks[i].hint, "rak_dispute_read") ||
                    strstr(h.checks[i].hint, "rak_event_read"));
    }
    assert_int_equal(bad, 2);
    harvest_release(&h);
    stage_pass(&source, 2);
    stage_control(&source, "{\"op\":\"key\",\"revoke\":true}");
    harvest_run(&job, source.world, &h);
    assert_int_equal(h.check_count, 1);
    assert_false(h.checks[0].good);
    harvest_release(&h);
    stage_close(&source);
}

/* ---- lists ---- */

/* All tables at once, at the limits of a sandbox: 25 requests a second, none of them refused. */
static void first_loads_of_all_tables_trip_no_limit(void **state)
{
    struct stage source;
    struct harvest h;
    struct sl_job_options more[16];

    (void)state;
    st_open_source(&source, 0, NULL);
    stage_discover(&source);
    for (size_t i = 0; i < 16; i++)
        more[i] = (struct sl_job_options){.kind = SL_JOB_READ,
                                          .table = source.tables.tables[i].name,
                                          .namespace_ = source.tables.tables[i].namespace_,
                                          .state = source.tables.tables[i].state,
                                          .full = true,
                                          .initial = true};
    struct harvest_job job = {.connector = "stripe",
                              .options = sl_buf_str(&source.options),
                              .key_member = "id",
                              .job = more[0],
                              .more = more + 1,
                              .more_count = 15};

    harvest_run(&job, source.world, &h);
    assert_string_equal(h.error.message, "");
    assert_int_equal(h.counts.limited, 0);
    assert_int_equal(stage_stat(&source, "limited"), 0);
    assert_true(stage_stat(&source, "peak_per_second") <= 25);
    assert_true(stage_stat(&source, "peak_per_second") >= 20); /* and used */
    harvest_release(&h);
    stage_close(&source);
}

/* More objects in one second than a page holds: paging by `created` would lose them. */
static void objects_of_one_second_are_not_lost_between_pages(void **state)
{
    struct stage source;

    (void)state;
    st_open_source(&source, 30, NULL);
    stage_control(&source, "{\"op\":\"create\",\"table\":\"charges\",\"count\":350}");
    stage_first_load(&source, "charges");
    st_assert_is_truth(&source, "charges");
    assert_int_equal(stage_rows_held(&source), 380);
    stage_close(&source);
}

/* What is created in front while the list is read has an event. */
static void what_is_created_under_the_first_load_comes_with_the_next_run(void **state)
{
    struct stage source;

    (void)state;
    st_open_source(&source, 900, NULL);
    stage_control(&source, "{\"fault\":\"create:table=customers,page=1,count=7;"
                           "delete:table=customers,page=2,record=100,count=3;"
                           "edit:table=customers,every=3,record=5\"}");
    stage_first_load(&source, "customers");
    stage_control(&source, "{\"clear_faults\":true}");
    stage_pass(&source, 61);
    stage_increment_quietly(&source, "customers");
    st_assert_is_truth(&source, "customers");
    stage_close(&source);
}

/* The object that a page begins after is deleted just then: the list goes on by its time. */
static void a_list_goes_on_when_its_place_was_deleted(void **state)
{
    struct stage source;

    (void)state;
    st_open_source(&source, 300, NULL);
    stage_control(&source, "{\"fault\":\"delete:table=products,page=2,record=200\"}");
    stage_first_load(&source, "products");
    assert_int_equal(stage_stat(&source, "faults"), 1);
    assert_int_equal(stage_stat(&source, "requests"), 2 + 3 + 1); /* one was refused */
    stage_control(&source, "{\"clear_faults\":true}");
    stage_pass(&source, 61);
    stage_increment_quietly(&source, "products");
    st_assert_is_truth(&source, "products");
    stage_close(&source);
}

/* A long list is read in windows of time. A first load that is taken up again asks for the same ones,
 * and only those that were not done ask for anything. */
static void a_first_load_goes_on_where_it_was_interrupted(void **state)
{
    static const char half[] =
        "{\"parts\":{\"\":{\"v\":1,\"scope\":\"2024-12-18.acacia \",\"from\":1772442000,\"low\":"
        "1737800000,\"high\":1772400000,\"windows\":4},"
        "\"/window-1-of-4\":{\"load\":1772442000,\"done\":true},"
        "\"/window-2-of-4\":{\"load\":1772442000,\"done\":true},"
        "\"/window-3-of-4\":{\"load\":5,\"done\":true}}}"; /* of another load */
    struct stage source;
    struct harvest whole, rest;

    (void)state;
    st_open_source(&source, 6000, NULL);
    stage_discover(&source);
    st_read_with(&source, "charges", NULL, true, true, &whole);
    assert_string_equal(whole.error.message, "");
    assert_int_equal(harvest_keys(&whole, "charges", false), 6000);
    assert_non_null(strstr(whole.cursor, "\"windows\":5"));
    assert_true(whole.took_us < 10 * 1000000); /* 61 pages, side by side */
    st_read_with(&source, "charges", half, true, true, &rest);
    assert_string_equal(rest.error.message, "");
    assert_true(rest.counts.calls < whole.counts.calls * 6 / 10);
    assert_true(harvest_keys(&rest, "charges", false) > 2500);
    assert_non_null(strstr(rest.cursor, "\"from\":1772442000"));
    harvest_release(&rest);
    harvest_release(&whole);
    stage_close(&source);
}

/* ---- sub-lists ---- */

static void lines_beyond_the_tenth_are_read_to_their_end(void **state)
{
    struct stage source;
    char id[64];

    (void)state;
    st_open_source(&source, 20, NULL);
    stage_control(&source,
                  "{\"op\":\"children\",\"table\":\"invoices\",\"record\":4,\"to\":10000}");
    stage_control(&source, "{\"op\":\"children\",\"table\":\"invoices\",\"record\":5,\"to\":10}");
    stage_control(&source, "{\"op\":\"children\",\"table\":\"invoices\",\"record\":6,\"to\":11}");
    stage_first_load(&source, "invoices");
    st_assert_is_truth(&source, "invoices");
    st_id_of(&source, "invoices", 19 - 4, id);
    assert_true(strlen(stage_row_held(&source, id)) > 1000000);
    stage_control(&source, "{\"op\":\"children\",\"table\":\"invoices\",\"record\":4,\"to\":350}");
    stage_pass(&source, 90);
    stage_increment_quietly(&source, "invoices");
    st_assert_is_truth(&source, "invoices");
    stage_first_load(&source, "subscriptions");
    st_assert_is_truth(&source, "subscriptions");
    stage_close(&source);
}

static void a_sub_list_that_nobody_wants_is_not_read(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    st_open_source(&source, 40, NULL);
    stage_discover(&source);
    struct harvest_job job = {.connector = "stripe",
                              .options = sl_buf_str(&source.options),
                              .key_member = "id",
                              .job = {.kind = SL_JOB_READ,
                                      .table = "invoices",
                                      .state = source.tables.tables[0].state,
                                      .columns = "[\"id\",\"total\"]",
                                      .full = true}};

    harvest_run(&job, source.world, &h);
    assert_string_equal(h.error.message, "");
    assert_int_equal(h.counts.calls, 1);
    assert_int_equal(harvest_keys(&h, "invoices", false), 40);
    harvest_release(&h);
    stage_close(&source);
}

/* ---- what passes, and what does not ---- */

static void locks_conflicts_and_should_retry(void **state)
{
    static const struct {
        const char *fault;
        bool passes;
    } cases[] = {{"429:n=1,times=2,reason=lock_timeout", true},
                 {"429:n=1,reason=endpoint-rate", true},
                 {"429:n=1,retry_after=7", true},
                 {"status:code=409,n=1,times=2", true},
                 {"500:n=1,times=100,should_retry=false", false},
                 {"403:n=1,times=2,should_retry=true", true}};
    struct stage source;
    struct harvest h;

    (void)state;
    st_open_source(&source, 30, NULL);
    stage_discover(&source);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        stage_control(&source, "{\"clear_faults\":true,\"fault\":\"%s\"}", cases[i].fault);
        st_read_with(&source, "coupons", NULL, true, false, &h);
        if (cases[i].passes != (h.code == SL_DONE))
            fail_msg("%s: %s", cases[i].fault, h.error.message);
        if (!cases[i].passes) assert_int_equal(h.counts.calls, 1);
        harvest_release(&h);
    }
    stage_close(&source);
}

static void a_version_that_is_none_names_the_option(void **state)
{
    struct stage source;
    struct harvest h;
    struct harvest_job job = {.connector = "stripe", .job = {.kind = SL_JOB_DISCOVER}};

    (void)state;
    st_open_source(&source, 5, "\"api_version\":\"latest\"");
    job.options = sl_buf_str(&source.options);
    harvest_run(&job, source.world, &h);
    assert_true(sl_failed(h.code));
    assert_non_null(strstr(h.error.hint, "api_version"));
    harvest_release(&h);
    stage_close(&source);
}

static void an_old_or_edited_cursor_reads_everything_and_says_so(void **state)
{
    static const char *const cursors[] = {
        "{\"parts\":{\"\":{\"v\":0,\"from\":1772442000}}}",
        "{\"parts\":{\"\":{\"v\":1,\"scope\":\"2020-08-27 \",\"from\":1772442000}}}",
        "{\"parts\":{\"\":{\"v\":1,\"scope\":\"2024-12-18.acacia \",\"from\":-5}}}",
        "{\"parts\":{\"\":{\"v\":1,\"scope\":\"2024-12-18.acacia \",\"from\":1e99}}}",
        "{\"parts\":{\"\":[1,2]}}",
        "{\"parts\":{\"\":{}}}"};
    struct stage source;
    struct harvest h;

    (void)state;
    st_open_source(&source, 30, NULL);
    stage_discover(&source);
    for (size_t i = 0; i < sizeof cursors / sizeof *cursors; i++) {
        st_read_with(&source, "plans", cursors[i], false, false, &h);
        assert_string_equal(h.error.message, "");
        assert_true(harvest_is_complete(&h));
        assert_true(harvest_notes(&h, "everything is read"));
        harvest_release(&h);
        /* What was appended cannot be told from what was not. */
        if (i == 1 || i == 2) continue;
        st_read_with(&source, "events", cursors[i], false, false, &h);
        assert_int_equal(h.code, SL_BAD_DATA);
        harvest_release(&h);
    }
    stage_close(&source);
}

static void empty_accounts_are_complete(void **state)
{
    struct sim_options options = {.seed = 1, .kind = "empty"};
    struct stage source;
    struct sl_error error = {0};

    (void)state;
    st_open_source(&source, 1, NULL);
    sl_world_free(source.world);
    sim_free(source.sim);
    assert_int_equal(sim_new(sim_find("stripe"), &options, &source.sim, &error), 0);
    assert_int_equal(sim_world(source.sim, 7, &source.world, &error), 0);
    stage_discover(&source);
    for (size_t i = 0; i < 16; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s", source.tables.tables[i].name);
        stage_first_load(&source, name);
        assert_int_equal(stage_rows_held(&source), 0);
    }
    stage_close(&source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(account_and_mode_are_the_identity_of_tables),
        cmocka_unit_test(a_restricted_key_learns_its_account_from_the_refusal),
        cmocka_unit_test(the_mode_is_learnt_from_any_object),
        cmocka_unit_test(connected_accounts_are_namespaces),
        cmocka_unit_test(a_connected_account_may_take_its_access_back),
        cmocka_unit_test(check_names_what_a_restricted_key_lacks),
        cmocka_unit_test(first_loads_of_all_tables_trip_no_limit),
        cmocka_unit_test(objects_of_one_second_are_not_lost_between_pages),
        cmocka_unit_test(what_is_created_under_the_first_load_comes_with_the_next_run),
        cmocka_unit_test(a_list_goes_on_when_its_place_was_deleted),
        cmocka_unit_test(a_first_load_goes_on_where_it_was_interrupted),
        cmocka_unit_test(lines_beyond_the_tenth_are_read_to_their_end),
        cmocka_unit_test(a_sub_list_that_nobody_wants_is_not_read),
        cmocka_unit_test(locks_conflicts_and_should_retry),
        cmocka_unit_test(a_version_that_is_none_names_the_option),
        cmocka_unit_test(an_old_or_edited_cursor_reads_everything_and_says_so),
        cmocka_unit_test(empty_accounts_are_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
