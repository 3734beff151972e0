/* The Airtable simulator's webhooks, and what it does to listings of records that change. */
#include "test_sim_client.h"

#include <stdlib.h>

#define TABLE "Vendors"
#define OURS "{\"specification\":{\"options\":{\"filters\":{\"dataTypes\":[\"tableData\"]}}}}"

static void open_demo(struct client *client)
{
    client_open(client, "airtable", &(struct sim_options){.rate = -1, .seed = 1});
}

/* A path below the base's webhooks. */
static int hooks(struct client *client, const char *method, const char *what, const char *body)
{
    char target[200];

    snprintf(target, sizeof target, "/v0/bases/%s/webhooks%s", client->base, what);
    return client_ask(client, method, target, body);
}

static void make_hook(struct client *client, char id[32])
{
    assert_int_equal(hooks(client, "POST", "", OURS), 200);
    snprintf(id, 32, "%s", sl_json_str(sl_json_get(client->json, "id")));
    assert_int_equal(strncmp(id, "ach", 3), 0);
    assert_non_null(sl_json_str(sl_json_get(client->json, "macSecretBase64")));
}

static int payloads(struct client *client, const char *id, int cursor, int limit)
{
    char what[100];

    snprintf(what, sizeof what, "/%s/payloads?cursor=%d&limit=%d", id, cursor, limit);
    assert_int_equal(hooks(client, "GET", what, NULL), 200);
    return (int)sl_json_len(sl_json_get(client->json, "payloads"));
}

static int64_t cursor_of(const struct client *client)
{
    int64_t cursor = -1;

    sl_json_i64(sl_json_get(client->json, "cursor"), &cursor);
    return cursor;
}

static const struct sl_json *payload(const struct client *client, int i)
{
    struct sl_json_each each = sl_json_each(sl_json_get(client->json, "payloads"));

    while (sl_json_next(&each))
        if (i-- == 0) return each.value;
    return NULL;
}

/* What the i-th payload says of the only table in it: "createdRecordsById", ... */
static const struct sl_json *change(const struct client *client, int i, const char *kind)
{
    struct sl_json_each each = sl_json_each(sl_json_get(payload(client, i), "changedTablesById"));

    return sl_json_next(&each) ? sl_json_get(each.value, kind) : NULL;
}

static void payloads_name_what_happened_in_order(void **state)
{
    struct client client;
    char id[32];

    (void)state;
    open_demo(&client);
    client_control(&client, "{\"op\":\"edit\",\"table\":\"" TABLE "\",\"record\":1}"); /* before */
    make_hook(&client, id);
    assert_int_equal(payloads(&client, id, 1, 50), 0);
    assert_int_equal(cursor_of(&client), 1);
    client_control(&client, "{\"ops\":[{\"op\":\"create\",\"table\":\"" TABLE "\"},"
                            "{\"op\":\"edit\",\"table\":\"" TABLE "\",\"record\":90},"
                            "{\"op\":\"delete\",\"table\":\"" TABLE "\",\"record\":90}]}");
    assert_int_equal(payloads(&client, id, 1, 50), 3);
    assert_int_equal(cursor_of(&client), 4);
    assert_false(sl_json_true(sl_json_get(client.json, "mightHaveMore")));
    assert_int_equal(sl_json_len(change(&client, 0, "createdRecordsById")), 1);
    assert_int_equal(sl_json_len(change(&client, 1, "changedRecordsById")), 1);
    assert_int_equal(sl_json_len(change(&client, 2, "destroyedRecordIds")), 1);
    assert_int_equal(payloads(&client, id, 2, 1), 1); /* from there, and so many */
    assert_int_equal(cursor_of(&client), 3);
    assert_true(sl_json_true(sl_json_get(client.json, "mightHaveMore")));
    assert_int_equal(sl_json_len(change(&client, 0, "changedRecordsById")), 1);
    assert_int_equal(payloads(&client, id, 4, 50), 0);

    assert_int_equal(hooks(&client, "GET", "", NULL), 200);
    struct sl_json_each each = sl_json_each(sl_json_get(client.json, "webhooks"));
    int64_t next;
    assert_true(sl_json_next(&each));
    assert_true(sl_json_i64(sl_json_get(each.value, "cursorForNextPayload"), &next));
    assert_int_equal(next, 4);
    assert_true(sl_json_true(sl_json_get(each.value, "isHookEnabled")));
    client_close(&client);
}

/* Records whose computed cells an edit changes are in payloads of the same transaction. */
static void computed_cells_are_named_too(void **state)
{
    struct client client;
    char id[32];
    int64_t first, other;
    int count, linked = 0;

    (void)state;
    open_demo(&client);
    make_hook(&client, id);
    for (int i = 0; i < 5; i++) {
        char op[100];
        snprintf(op, sizeof op, "{\"op\":\"edit\",\"table\":\"SKU Candidates\",\"record\":%d}", i);
        client_control(&client, op);
    }
    count = payloads(&client, id, 1, 50);
    assert_true(count > 5);
    for (int i = 1; i < count; i++) {
        assert_true(
            sl_json_i64(sl_json_get(payload(&client, i - 1), "baseTransactionNumber"), &first));
        assert_true(sl_json_i64(sl_json_get(payload(&client, i), "baseTransactionNumber"), &other));
        assert_true(other == first || other == first + 1);
        linked += other == first;
    }
    assert_int_equal(linked, count - 5);
    client_close(&client);
}

static void hooks_live_for_a_week(void **state)
{
    struct client client;
    char id[32], what[60];

    (void)state;
    open_demo(&client);
    make_hook(&client, id);
    for (int day = 0; day < 20; day++) { /* each poll gives it another one */
        client.now_us += SL_DAY_US;
        payloads(&client, id, 1, 1);
    }
    client.now_us += 6 * SL_DAY_US;
    snprintf(what, sizeof what, "/%s/refresh", id);
    assert_int_equal(hooks(&client, "POST", what, NULL), 200);
    client_control(&client, "{\"op\":\"edit\",\"table\":\"" TABLE "\",\"record\":1}");
    client.now_us += 8 * SL_DAY_US;
    assert_int_equal(hooks(&client, "POST", what, NULL), 422);
    assert_int_equal(payloads(&client, id, 1, 50), 0); /* a week old: gone, without a word */
    assert_true(cursor_of(&client) > 1);
    client.now_us += 8 * SL_DAY_US;
    snprintf(what, sizeof what, "/%s/payloads", id);
    assert_int_equal(hooks(&client, "GET", what, NULL), 404);
    make_hook(&client, id);
    snprintf(what, sizeof what, "/%s", id);
    assert_int_equal(hooks(&client, "DELETE", what, NULL), 200);
    assert_int_equal(hooks(&client, "DELETE", what, NULL), 404);
    client_close(&client);
}

static void hooks_are_refused(void **state)
{
    struct client client;
    char id[32];

    (void)state;
    open_demo(&client);
    assert_int_equal(hooks(&client, "POST", "", "{"), 400);
    assert_int_equal(hooks(&client, "POST", "", "{}"), 422);
    for (int i = 0; i < 10; i++) make_hook(&client, id);
    assert_int_equal(hooks(&client, "POST", "", OURS), 403);
    client_control(&client, "{\"op\":\"webhook\",\"remove\":true}");
    make_hook(&client, id);
    client_control(&client, "{\"op\":\"webhook\",\"fail\":true}");
    assert_int_equal(payloads(&client, id, 1, 50), 1);
    assert_true(sl_json_true(sl_json_get(payload(&client, 0), "error")));
    client_control(&client, "{\"op\":\"behaviour\",\"not_creator\":1}");
    assert_int_equal(hooks(&client, "POST", "", OURS), 403);
    client_control(&client, "{\"op\":\"token\",\"scopes\":[\"data.records:read\"]}");
    assert_int_equal(hooks(&client, "GET", "", NULL), 403);
    client_close(&client);
}

/* ------------------------------------------------------------------ listings of what changes */

static int records_of(struct client *client, const char *formula)
{
    assert_int_equal(client_get(client, "/v0/%s/" TABLE "?pageSize=100&filterByFormula=%s",
                                client->base, formula),
                     200);
    return (int)sl_json_len(sl_json_get(client->json, "records"));
}

#define SINCE "IS_AFTER(LAST_MODIFIED_TIME(),'2026-03-02T09:30:00.000Z')"
#define NEW "IS_AFTER(CREATED_TIME(),'2026-03-02T09:30:00.000Z')"

static void listings_may_lag(void **state)
{
    struct client client;
    static const int delays[] = {0, 30};

    (void)state;
    for (int i = 0; i < 2; i++) {
        char behaviour[80];

        open_demo(&client);
        client.now_us += 3600 * SL_SECOND_US;
        snprintf(behaviour, sizeof behaviour, "{\"op\":\"behaviour\",\"listing_delay_seconds\":%d}",
                 delays[i]);
        client_control(&client, behaviour);
        int all = records_of(&client, "TRUE()");
        client_control(&client, "{\"op\":\"edit\",\"table\":\"" TABLE "\",\"record\":3}");
        client_control(&client, "{\"op\":\"create\",\"table\":\"" TABLE "\"}");
        client_control(&client, "{\"op\":\"delete\",\"table\":\"" TABLE "\",\"record\":4}");
        assert_int_equal(records_of(&client, SINCE), delays[i] ? 0 : 1);
        assert_int_equal(records_of(&client, NEW), delays[i] ? 0 : 1);
        assert_int_equal(records_of(&client, "TRUE()"), all);
        client.now_us += 10 * SL_SECOND_US;
        client_control(&client, "{\"op\":\"edit\",\"table\":\"" TABLE "\",\"record\":3}");
        client.now_us += 20 * SL_SECOND_US; /* the first edit shows, the second does not yet */
        assert_int_equal(records_of(&client, SINCE), 1);
        assert_int_equal(records_of(&client, NEW), 1);
        client.now_us += 60 * SL_SECOND_US;
        assert_int_equal(records_of(&client, SINCE), 1);
        assert_int_equal(records_of(&client, "TRUE()"), all);
        client_close(&client);
    }
}

static void filters_may_be_ignored(void **state)
{
    struct client client;

    (void)state;
    open_demo(&client);
    assert_int_equal(records_of(&client, "FALSE()"), 0);
    client_control(&client, "{\"op\":\"behaviour\",\"filter_ignored\":1}");
    assert_true(records_of(&client, "FALSE()") > 50);
    client_close(&client);
}

/* Without the behaviour a record that is edited keeps its place; with it, it comes first. */
static void pages_may_be_sorted_anew(void **state)
{
    struct client client;

    (void)state;
    for (int resorted = 0; resorted < 2; resorted++) {
        char offset[60], first[32], again[32];

        open_demo(&client);
        client.now_us += 3600 * SL_SECOND_US;
        if (resorted) client_control(&client, "{\"op\":\"behaviour\",\"resorted_pages\":1}");
        assert_int_equal(client_get(&client, "/v0/%s/" TABLE "?pageSize=10", client.base), 200);
        struct sl_json_each each = sl_json_each(sl_json_get(client.json, "records"));
        while (sl_json_next(&each)) /* the last one of the first page */
            snprintf(first, sizeof first, "%s", sl_json_str(sl_json_get(each.value, "id")));
        const char *next = sl_json_str(sl_json_get(client.json, "offset"));
        snprintf(offset, sizeof offset, "%.17s%%2F%s", next, next + 18);
        client_control(&client, "{\"op\":\"create\",\"table\":\"" TABLE "\"}");
        assert_int_equal(client_get(&client, "/v0/%s/" TABLE "?pageSize=10&offset=%s", client.base,
                                    offset),
                         200);
        each = sl_json_each(sl_json_get(client.json, "records"));
        assert_true(sl_json_next(&each));
        snprintf(again, sizeof again, "%s", sl_json_str(sl_json_get(each.value, "id")));
        assert_int_equal(strcmp(first, again) == 0, resorted); /* pushed on by the new one */
        client_close(&client);
    }
}

/* Its clock is another one than ours: Date, times of edits, everything. */
static void the_clock_may_be_off(void **state)
{
    struct client client;
    int64_t date_us = 0;

    (void)state;
    open_demo(&client);
    client_control(&client, "{\"skew_ms\":7200000}");
    client_control(&client, "{\"op\":\"edit\",\"table\":\"" TABLE "\",\"record\":3}");
    assert_int_equal(records_of(&client,
                                "IS_AFTER(LAST_MODIFIED_TIME(),'2026-03-02T10:59:00.000Z')"),
                     1);
    const struct sl_header *date = client.reply.headers;
    while (date->name && strcmp(date->name, "date") != 0) date++;
    assert_true(sl_http_date_parse(date->value, strlen(date->value), &date_us));
    assert_true(date_us - client.now_us > 7199 * SL_SECOND_US);
    client_close(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(payloads_name_what_happened_in_order),
        cmocka_unit_test(computed_cells_are_named_too),
        cmocka_unit_test(hooks_live_for_a_week),
        cmocka_unit_test(hooks_are_refused),
        cmocka_unit_test(listings_may_lag),
        cmocka_unit_test(filters_may_be_ignored),
        cmocka_unit_test(pages_may_be_sorted_anew),
        cmocka_unit_test(the_clock_may_be_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
