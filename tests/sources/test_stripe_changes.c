/*
 * The Stripe connector's increments against its simulator: what events tell, when they are late, old,
 * ambiguous or of another version, and the tables whose changes have none.
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

static const char *const tables[] = {"customers",       "charges",       "payment_intents",
                                     "subscriptions",   "invoices",      "products",
                                     "prices",          "refunds",       "disputes",
                                     "payment_methods", "payouts",       "plans",
                                     "coupons",         "invoice_items", "balance_transactions"};

#define EACH_TABLE(t)                                                                              \
    for (const char *const *t = tables; t < tables + sizeof tables / sizeof *tables; t++)

static int evented(const char *table)
{
    return strcmp(table, "invoice_items") != 0 && strcmp(table, "balance_transactions") != 0;
}

/* A quiet run asks for events once, and has nothing to say. */
static void nothing_changed_costs_one_call(void **state)
{
    (void)state;
    EACH_TABLE(t)
    {
        struct stage source;
        struct harvest h;

        st_open_source(&source, 120, NULL);
        stage_first_load(&source, *t);
        st_assert_is_truth(&source, *t);
        stage_pass(&source, 3600);
        stage_increment(&source, *t, &h);
        assert_int_equal(source.tables.counts.calls, 2); /* account and balance */
        assert_true(h.counts.calls <= (evented(*t) ? 1 : 3));
        if (evented(*t)) assert_int_equal(h.row_count, 0);
        assert_false(harvest_is_complete(&h));
        assert_int_equal(h.note_count, 0);
        harvest_release(&h);
        stage_close(&source);
    }
}

/* A cursor on `created` would miss updates and deletions: every table, ten days of both. */
static void updates_and_deletes_after_creation_are_seen(void **state)
{
    (void)state;
    EACH_TABLE(t)
    {
        struct stage source;

        st_open_source(&source, 0, NULL);
        source.table_options = "{\"reread_hours\":0}";
        stage_first_load(&source, *t);
        for (int day = 0; day < 10; day++) {
            stage_control(&source, "{\"op\":\"day\"}");
            stage_pass(&source, 86400);
            stage_increment_quietly(&source, *t);
            st_assert_is_truth(&source, *t);
        }
        stage_close(&source);
    }
}

static void a_deleted_object_goes_and_a_canceled_subscription_stays(void **state)
{
    struct stage source;
    char id[64];

    (void)state;
    st_open_source(&source, 30, NULL);
    stage_first_load(&source, "customers");
    st_id_of(&source, "customers", 29 - 7, id);
    assert_non_null(stage_row_held(&source, id));
    stage_control(&source, "{\"op\":\"delete\",\"table\":\"customers\",\"record\":7}");
    stage_pass(&source, 120);
    stage_increment_quietly(&source, "customers");
    assert_null(stage_row_held(&source, id));
    stage_first_load(&source, "subscriptions");
    assert_int_equal(stage_rows_held(&source), 30); /* status=all: canceled ones are listed, too */
    st_id_of(&source, "subscriptions", 29 - 8, id);
    stage_control(&source, "{\"op\":\"delete\",\"table\":\"subscriptions\",\"record\":8}");
    stage_pass(&source, 120);
    stage_increment_quietly(&source, "subscriptions");
    assert_non_null(strstr(stage_row_held(&source, id), "\"status\":\"canceled\""));
    st_assert_is_truth(&source, "subscriptions");
    stage_close(&source);
}

/* Events show up late with the time at which they happened; the lookback finds them. */
static void events_that_show_up_late_are_not_lost(void **state)
{
    struct stage source;

    (void)state;
    st_open_source(&source, 40, NULL);
    stage_first_load(&source, "products");
    stage_pass(&source, 3600);
    stage_control(&source, "{\"op\":\"edit\",\"table\":\"products\",\"record\":3,\"late_s\":400}");
    stage_control(&source,
                  "{\"op\":\"delete\",\"table\":\"products\",\"record\":4,\"late_s\":500}");
    stage_pass(&source, 30);
    stage_control(&source, "{\"op\":\"edit\",\"table\":\"products\",\"record\":5}");
    stage_pass(&source, 100);
    stage_increment_quietly(&source, "products"); /* sees the third only */
    stage_pass(&source, 450);
    stage_increment_quietly(&source, "products");
    st_assert_is_truth(&source, "products");
    stage_close(&source);
}

/* Every event late by less than the lag, and a run every minute. */
static void nothing_is_lost_when_all_events_are_a_little_late(void **state)
{
    struct stage source;

    (void)state;
    st_open_source(&source, 40, NULL);
    stage_control(&source, "{\"op\":\"behaviour\",\"event_delay_seconds\":45}");
    stage_first_load(&source, "customers");
    for (int i = 0; i < 30; i++) {
        stage_control(&source, "{\"op\":\"edit\",\"table\":\"customers\",\"record\":%d}", i);
        if (i % 3 == 0)
            stage_control(&source, "{\"op\":\"create\",\"table\":\"customers\",\"count\":2}");
        if (i % 7 == 0)
            stage_control(&source, "{\"op\":\"delete\",\"table\":\"customers\",\"record\":%d}", i);
        stage_pass(&source, 61);
        stage_increment_quietly(&source, "customers");
    }
    stage_pass(&source, 120);
    stage_increment_quietly(&source, "customers");
    st_assert_is_truth(&source, "customers");
    stage_close(&source);
}

/* What of one second is the later one is not said: the object itself is asked. */
static void two_events_in_one_second_are_settled_by_the_object_itself(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    st_open_source(&source, 40, NULL);
    stage_first_load(&source, "customers");
    stage_pass(&source, 700);
    stage_control(&source, "{\"ops\":[{\"op\":\"edit\",\"table\":\"customers\",\"record\":3},"
                           "{\"op\":\"edit\",\"table\":\"customers\",\"record\":3},"
                           "{\"op\":\"edit\",\"table\":\"customers\",\"record\":4},"
                           "{\"op\":\"delete\",\"table\":\"customers\",\"record\":4},"
                           "{\"op\":\"edit\",\"table\":\"customers\",\"record\":5}]}");
    stage_pass(&source, 200);
    stage_increment(&source, "customers", &h);
    assert_int_equal(h.counts.calls, 3); /* the events, and two objects */
    harvest_release(&h);
    st_assert_is_truth(&source, "customers");
    stage_pass(&source, 60);
    stage_increment(&source, "customers", &h); /* again, within the lookback: the same rows */
    harvest_release(&h);
    st_assert_is_truth(&source, "customers");
    stage_close(&source);
}

/* Deleted objects answer with a stub or with 404: both mean that it is gone. */
static void a_deleted_one_answers_a_stub_or_404(void **state)
{
    static const char *const which[] = {"customers", "products", "coupons", "invoices"};
    struct stage source;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        st_open_source(&source, 20, NULL);
        stage_first_load(&source, which[i]);
        stage_control(&source,
                      "{\"ops\":[{\"op\":\"edit\",\"table\":\"%s\",\"record\":2},"
                      "{\"op\":\"delete\",\"table\":\"%s\",\"record\":2}]}",
                      which[i], which[i]);
        stage_pass(&source, 90);
        stage_increment_quietly(&source, which[i]);
        assert_int_equal(stage_rows_held(&source), 19);
        st_assert_is_truth(&source, which[i]);
        stage_close(&source);
    }
}

/* Events are in the version that the account had; rows are in the pinned one. */
static void events_of_another_version_do_not_change_the_shape_of_rows(void **state)
{
    static const char *const which[] = {"invoices", "subscriptions", "plans", "charges"};
    struct stage source;
    char id[64];

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        st_open_source(&source, 40, NULL);
        stage_first_load(&source, which[i]);
        st_id_of(&source, which[i], 39 - 6, id);
        stage_control(&source, "{\"op\":\"version\",\"to\":\"2025-03-31.basil\"}");
        for (int n = 0; n < 5; n++)
            stage_control(&source, "{\"op\":\"edit\",\"table\":\"%s\",\"record\":6}", which[i]);
        stage_control(&source, "{\"op\":\"edit\",\"table\":\"%s\",\"record\":7}", which[i]);
        stage_pass(&source, 90);
        stage_increment_quietly(&source, which[i]);
        st_assert_is_truth(&source, which[i]);
        if (strcmp(which[i], "invoices") == 0)
            assert_non_null(strstr(stage_row_held(&source, id), "\"paid\":"));
        stage_close(&source);
    }
}

/* An event shows neither tiers nor what lies beyond the tenth line. */
static void an_event_does_not_make_a_row_poorer(void **state)
{
    static const char *const which[] = {"prices", "plans", "coupons", "invoices"};
    struct stage source;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        st_open_source(&source, 60, NULL);
        stage_first_load(&source, which[i]);
        stage_control(&source, "{\"op\":\"edit\",\"table\":\"%s\",\"record\":2,\"count\":30}",
                      which[i]);
        stage_pass(&source, 90);
        stage_increment_quietly(&source, which[i]);
        st_assert_is_truth(&source, which[i]);
        stage_close(&source);
    }
}

/* A dispute and a failed refund change their charge, which has no event of it. */
static void a_dispute_brings_its_charge(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    st_open_source(&source, 40, NULL);
    stage_first_load(&source, "charges");
    stage_control(&source, "{\"op\":\"quiet_edit\",\"table\":\"charges\",\"record\":0}");
    stage_control(&source, "{\"op\":\"create\",\"table\":\"disputes\"}"); /* of charge 0 */
    stage_pass(&source, 90);
    stage_increment(&source, "charges", &h);
    assert_int_equal(h.counts.calls, 2);
    harvest_release(&h);
    st_assert_is_truth(&source, "charges");
    stage_close(&source);
}

static void an_object_that_many_events_name_is_fetched_once(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    st_open_source(&source, 40, NULL);
    stage_first_load(&source, "prices");
    for (int i = 0; i < 60; i++) {
        stage_control(&source, "{\"op\":\"edit\",\"table\":\"prices\",\"record\":4}");
        stage_pass(&source, 3);
    }
    stage_pass(&source, 90);
    stage_increment(&source, "prices", &h);
    assert_int_equal(h.counts.calls, 2);
    harvest_release(&h);
    st_assert_is_truth(&source, "prices");
    stage_close(&source);
}

static void an_upcoming_invoice_has_no_id_and_is_passed_over(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    st_open_source(&source, 20, NULL);
    stage_first_load(&source, "invoices");
    stage_control(&source, "{\"op\":\"event\",\"table\":\"invoices\",\"record\":1,"
                           "\"type\":\"invoice.updated\",\"without\":true}");
    stage_pass(&source, 90);
    stage_increment(&source, "invoices", &h);
    assert_int_equal(h.row_count, 0);
    harvest_release(&h);
    stage_close(&source);
}

/* Stripe forgets events after 30 days: after a longer pause everything is read, and said. */
static void events_that_stripe_forgot_are_made_up_for_by_a_complete_read(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    st_open_source(&source, 250, NULL);
    stage_first_load(&source, "customers");
    stage_control(&source, "{\"op\":\"delete\",\"table\":\"customers\",\"record\":9}");
    stage_control(&source, "{\"op\":\"edit\",\"table\":\"customers\",\"record\":10}");
    stage_pass(&source, 31 * 86400);
    stage_increment(&source, "customers", &h);
    assert_true(harvest_is_complete(&h));
    assert_true(harvest_notes(&h, "30 days"));
    harvest_release(&h);
    st_assert_is_truth(&source, "customers");
    stage_pass(&source, 600);
    stage_increment_quietly(&source, "customers");
    stage_close(&source);
}

static void without_permission_for_events_everything_is_read_and_said(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    st_open_source(&source, 150, NULL);
    stage_control(&source, "{\"op\":\"forbid\",\"table\":\"events\"}");
    stage_first_load(&source, "products");
    stage_control(&source, "{\"op\":\"delete\",\"table\":\"products\",\"record\":9}");
    stage_control(&source, "{\"op\":\"edit\",\"table\":\"products\",\"record\":10}");
    stage_pass(&source, 600);
    stage_increment(&source, "products", &h);
    assert_true(harvest_is_complete(&h));
    assert_true(harvest_notes(&h, "rak_event_read"));
    harvest_release(&h);
    st_assert_is_truth(&source, "products");
    stage_close(&source);
}

/* Neither a refusal nor a wrong route nor a wrong key is a deletion. */
static void refusals_delete_nothing(void **state)
{
    static const char *const faults[] = {"401", "403:path=customers", "404"};
    struct stage source;
    struct harvest h;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        st_open_source(&source, 30, NULL);
        stage_first_load(&source, "customers");
        stage_control(&source, "{\"ops\":[{\"op\":\"edit\",\"table\":\"customers\",\"record\":3},"
                               "{\"op\":\"edit\",\"table\":\"customers\",\"record\":3}]}");
        stage_pass(&source, 90);
        stage_control(&source, "{\"fault\":\"%s\"}", faults[i]);
        st_read_with(&source, "customers", source.cursor, false, false, &h);
        assert_true(sl_failed(h.code));
        assert_int_equal(harvest_count(&h, NULL, true), 0);
        harvest_release(&h);
        stage_control(&source, "{\"clear_faults\":true}");
        stage_increment_quietly(&source, "customers");
        st_assert_is_truth(&source, "customers");
        stage_close(&source);
    }
}

/* A month of a busy account: far more events than one page, read side by side. */
static void many_events_are_read_in_windows(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    st_open_source(&source, 300, NULL);
    stage_first_load(&source, "products");
    for (int i = 0; i < 90; i++) {
        stage_control(&source,
                      "{\"op\":\"edit\",\"table\":\"products\",\"record\":%d,\"count\":60}",
                      i % 200);
        stage_pass(&source, 6 * 3600);
    }
    stage_increment(&source, "products", &h);
    assert_int_equal(h.counts.limited, 0);
    assert_true(h.counts.calls >= 54);
    harvest_release(&h);
    st_assert_is_truth(&source, "products");
    stage_close(&source);
}

/* Payment methods are listed per customer; a detached one leaves the lists, a deleted customer's too. */
static void detached_payment_methods_leave(void **state)
{
    struct stage source;
    size_t before;

    (void)state;
    st_open_source(&source, 60, NULL);
    stage_first_load(&source, "payment_methods");
    st_assert_is_truth(&source, "payment_methods");
    before = stage_rows_held(&source);
    stage_control(&source, "{\"op\":\"delete\",\"table\":\"payment_methods\",\"record\":2}");
    stage_control(&source, "{\"op\":\"delete\",\"table\":\"customers\",\"record\":5}");
    stage_control(&source, "{\"op\":\"create\",\"table\":\"payment_methods\",\"count\":4}");
    stage_pass(&source, 90);
    stage_increment_quietly(&source, "payment_methods");
    assert_int_equal(stage_rows_held(&source), before - 2 + 4);
    st_assert_is_truth(&source, "payment_methods");
    stage_close(&source);
}

/* pending becomes available without an event: the last days are read again, once a day. */
static void balance_transactions_become_available_without_an_event(void **state)
{
    struct stage source;
    struct harvest h;

    (void)state;
    st_open_source(&source, 500, NULL);
    stage_first_load(&source, "balance_transactions");
    st_assert_is_truth(&source, "balance_transactions");
    for (int day = 0; day < 9; day++) {
        stage_control(&source,
                      "{\"op\":\"create\",\"table\":\"balance_transactions\",\"count\":5}");
        stage_pass(&source, 86400);
        stage_increment(&source, "balance_transactions", &h);
        assert_true(h.counts.calls >= 1);
        harvest_release(&h);
        st_assert_is_truth(&source, "balance_transactions");
        stage_increment(&source, "balance_transactions", &h); /* and not twice a day */
        assert_int_equal(h.counts.calls, 1);
        harvest_release(&h);
    }
    stage_close(&source);
}

/* An invoice item has `date`, not `created`, and no event of its changes. */
static void invoice_items_change_without_an_event(void **state)
{
    struct stage source;

    (void)state;
    st_open_source(&source, 120, NULL);
    stage_first_load(&source, "invoice_items");
    for (int i = 0; i < 4; i++) {
        stage_control(&source, "{\"op\":\"create\",\"table\":\"invoice_items\",\"count\":3}");
        stage_control(&source, "{\"op\":\"quiet_edit\",\"table\":\"invoice_items\",\"record\":%d}",
                      4 * i); /* pending, however old */
        stage_control(&source, "{\"op\":\"quiet_edit\",\"table\":\"invoice_items\",\"record\":%d}",
                      118 - i); /* of an invoice, but recent */
        stage_control(&source, "{\"op\":\"delete\",\"table\":\"invoice_items\",\"record\":%d}",
                      20 + i);
        stage_pass(&source, 90000);
        stage_increment_quietly(&source, "invoice_items");
        st_assert_is_truth(&source, "invoice_items");
    }
    stage_close(&source);
}

/* The log: every event once, also when they show up late, also of one second. */
static void events_are_appended_once(void **state)
{
    struct stage source;
    struct harvest h;
    size_t appended = 0;

    (void)state;
    st_open_source(&source, 450, NULL);
    stage_discover(&source);
    st_read_with(&source, "events", NULL, true, true, &h);
    assert_string_equal(h.error.message, "");
    appended = harvest_count(&h, "events", false);
    assert_int_equal(appended, harvest_keys(&h, "events", false));
    source.cursor = strdup(h.cursor);
    stage_apply(&source, &h);
    harvest_release(&h);
    for (int i = 0; i < 20; i++) {
        stage_control(&source,
                      "{\"op\":\"edit\",\"table\":\"charges\",\"record\":%d,\"count\":130,"
                      "\"late_s\":%d}",
                      i, i % 4 * 100);
        stage_pass(&source, 150);
        stage_discover(&source);
        st_read_with(&source, "events", source.cursor, false, false, &h);
        assert_string_equal(h.error.message, "");
        appended += harvest_count(&h, "events", false);
        free(source.cursor);
        source.cursor = strdup(h.cursor);
        stage_apply(&source, &h);
        harvest_release(&h);
    }
    stage_pass(&source, 700);
    stage_increment(&source, "events", &h);
    appended += harvest_count(&h, "events", false);
    harvest_release(&h);
    assert_int_equal(appended, 450 + 20 * 130);
    assert_int_equal(stage_rows_held(&source), appended);
    stage_close(&source);
}

/* Before start_date there is nothing, whoever tells of it. */
static void what_is_older_than_start_date_never_comes(void **state)
{
    struct stage source;
    struct harvest h;
    size_t held;

    (void)state;
    st_open_source(&source, 400, NULL);
    source.table_options = "{\"start_date\":\"2025-09-01\"}";
    stage_first_load(&source, "charges");
    held = stage_rows_held(&source);
    assert_true(held > 100 && held < 300);
    stage_control(&source, "{\"op\":\"edit\",\"table\":\"charges\",\"record\":3}");
    stage_control(&source, "{\"op\":\"edit\",\"table\":\"charges\",\"record\":390}");
    stage_pass(&source, 90);
    stage_increment(&source, "charges", &h);
    assert_int_equal(h.row_count, 1);
    assert_int_equal(stage_rows_held(&source), held);
    harvest_release(&h);
    stage_close(&source);
}

/* Of the lookback only what is the same as before comes again, and it is not fetched again. */
static void rows_of_the_lookback_are_the_same_rows(void **state)
{
    struct stage source;
    struct harvest first, second;
    char *cursor;

    (void)state;
    st_open_source(&source, 40, NULL);
    stage_control(&source,
                  "{\"op\":\"version\",\"to\":\"2025-03-31.basil\"}"); /* all are fetched */
    stage_first_load(&source, "customers");
    stage_pass(&source, 700);
    cursor = strdup(source.cursor);
    stage_control(&source, "{\"op\":\"edit\",\"table\":\"customers\",\"record\":3,\"count\":5}");
    stage_pass(&source, 90);
    stage_increment(&source, "customers", &first);
    assert_int_equal(first.row_count, 5);
    st_read_with(&source, "customers", cursor, false, false, &second); /* as if it was killed */
    assert_int_equal(second.row_count, 5);
    for (size_t i = 0; i < 5; i++) {
        bool same = false;
        for (size_t k = 0; k < 5; k++)
            same |= first.rows[i].sequence == second.rows[k].sequence &&
                    strcmp(first.rows[i].text, second.rows[k].text) == 0;
        assert_true(same);
    }
    harvest_release(&first);
    harvest_release(&second);
    free(cursor);
    for (int i = 0; i < 5; i++) {
        stage_pass(&source, 60);
        stage_control(&source, "{\"op\":\"edit\",\"table\":\"customers\",\"record\":%d}",
                      20 + i % 2);
        stage_pass(&source, 60);
        stage_increment(&source, "customers", &first);
        assert_int_equal(first.counts.calls, 2); /* the events, and what is new in them */
        harvest_release(&first);
        st_assert_is_truth(&source, "customers");
    }
    stage_close(&source);
}

int main(void)
{
    const struct CMUnitTest tests_[] = {
        cmocka_unit_test(nothing_changed_costs_one_call),
        cmocka_unit_test(updates_and_deletes_after_creation_are_seen),
        cmocka_unit_test(a_deleted_object_goes_and_a_canceled_subscription_stays),
        cmocka_unit_test(events_that_show_up_late_are_not_lost),
        cmocka_unit_test(nothing_is_lost_when_all_events_are_a_little_late),
        cmocka_unit_test(two_events_in_one_second_are_settled_by_the_object_itself),
        cmocka_unit_test(a_deleted_one_answers_a_stub_or_404),
        cmocka_unit_test(events_of_another_version_do_not_change_the_shape_of_rows),
        cmocka_unit_test(an_event_does_not_make_a_row_poorer),
        cmocka_unit_test(a_dispute_brings_its_charge),
        cmocka_unit_test(an_object_that_many_events_name_is_fetched_once),
        cmocka_unit_test(an_upcoming_invoice_has_no_id_and_is_passed_over),
        cmocka_unit_test(events_that_stripe_forgot_are_made_up_for_by_a_complete_read),
        cmocka_unit_test(without_permission_for_events_everything_is_read_and_said),
        cmocka_unit_test(refusals_delete_nothing),
        cmocka_unit_test(many_events_are_read_in_windows),
        cmocka_unit_test(detached_payment_methods_leave),
        cmocka_unit_test(balance_transactions_become_available_without_an_event),
        cmocka_unit_test(invoice_items_change_without_an_event),
        cmocka_unit_test(events_are_appended_once),
        cmocka_unit_test(what_is_older_than_start_date_never_comes),
        cmocka_unit_test(rows_of_the_lookback_are_the_same_rows),
    };
    return cmocka_run_group_tests(tests_, NULL, NULL);
}
