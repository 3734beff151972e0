/* The tutorial's source: its golden rows and its routes. */
#include "test_sim_client.h"

static void open_example(struct client *client)
{
    client_open(client, "example", NULL);
}

/* Rows of all pages; nulls in `column`, when there is one, are counted apart. */
static int count_rows(struct client *client, const char *table, const char *parameters,
                      const char *column, int *nulls)
{
    int64_t page = 1;
    int count = 0;

    *nulls = 0;
    while (page) {
        assert_int_equal(client_get(client, "/tables/%s/records?%s&page=%lld", table, parameters,
                                    (long long)page),
                         200);
        struct sl_json_each records = sl_json_each(sl_json_get(client->json, "records"));

        for (; sl_json_next(&records); count++)
            *nulls += sl_json_kind(sl_json_get(records.value, column)) == SL_JSON_NULL;
        if (!sl_json_i64(sl_json_get(client->json, "next_page"), &page)) page = 0;
    }
    return count;
}

static void the_golden_rows(void **state)
{
    static const struct {
        const char *table;
        int rows;
        const char *column;
        int nulls;
    } golden[] = {{"products", 53, "name", 5},      {"products", 53, "price", 15},
                  {"products", 53, "category", 10}, {"events", 101, "event_type", 17},
                  {"events", 101, "user_id", 18},   {"events", 101, "payload", 18},
                  {"users", 37, "email", 7},        {"users", 37, "display_name", 8},
                  {"users", 37, "status", 9},       {"orders", 103, "user_id", 16},
                  {"orders", 103, "amount", 19},    {"orders", 103, "status", 17},
                  {"metrics", 253, "name", 51},     {"metrics", 253, "value", 46},
                  {"metrics", 253, "host", 52}};
    struct client client;
    int nulls;

    (void)state;
    open_example(&client);
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        assert_int_equal(count_rows(&client, golden[i].table, "", golden[i].column, &nulls),
                         golden[i].rows);
        assert_int_equal(nulls, golden[i].nulls);
    }
    assert_int_equal(count_rows(&client, "products", "category=books", "name", &nulls), 14);
    client_get(&client, "/tables/metrics/records?page=1");
    assert_non_null(strstr(client.body.data, "\"updated_at\":\"2026-03-02T08:01:00+00:00\""));
    client_get(&client, "/tables/orders/records?page=1");
    assert_non_null(strstr(client.body.data, "\"order_id\":\"order_0001\""));
    client_close(&client);
}

static void tables_describe_themselves(void **state)
{
    struct client client;

    (void)state;
    open_example(&client);
    client_get(&client, "/tables/");
    assert_string_equal(client.body.data,
                        "{\"tables\":[\"products\",\"events\",\"users\",\"orders\"]}");
    client_get(&client, "/tables/orders/metadata");
    assert_string_equal(client.body.data, "{\"metadata\":{\"primary_keys\":[\"order_id\"],"
                                          "\"cursor_field\":\"updated_at\"}}");
    client_get(&client, "/tables/events/metadata");
    assert_string_equal(client.body.data, "{\"metadata\":{\"cursor_field\":\"created_at\"}}");
    client_get(&client, "/tables/products/schema");
    assert_int_equal(sl_json_len(sl_json_get(client.json, "schema")), 4);
    assert_int_equal(client_get(&client, "/tables/metrics/schema"), 404);
    assert_non_null(strstr(client.body.data, "Table 'metrics' not found"));
    assert_int_equal(client_get(&client, "/tables/metrics/metadata"), 404);
    client_close(&client);
}

static void since_is_exclusive_and_until_is_not(void **state)
{
    struct client client;
    int nulls;

    (void)state;
    open_example(&client);
    assert_int_equal(count_rows(&client, "events", "since=2026-03-02T08:01:30%2B00:00", "x",
                                &nulls),
                     10);
    assert_int_equal(count_rows(&client, "metrics",
                                "since=2026-03-02T08:00:00%2B00:00"
                                "&until=2026-03-02T08:02:00%2B00:00",
                                "x", &nulls),
                     2);
    assert_int_equal(count_rows(&client, "events", "limit=7", "x", &nulls), 101);
    client_get(&client, "/tables/events/records?limit=7");
    assert_int_equal(sl_json_len(sl_json_get(client.json, "records")), 7);
    client_get(&client, "/tables/events/records?page=99");
    assert_string_equal(client.body.data, "{\"records\":[],\"next_page\":null}");
    client_close(&client);
}

static void mistakes_are_answered(void **state)
{
    struct client client;

    (void)state;
    open_example(&client);
    assert_int_equal(client_get(&client, "/tables/products/records?since=2026"), 400);
    assert_string_equal(client.body.data,
                        "{\"error\":\"Unsupported query params for 'products': ['since']\"}");
    assert_int_equal(client_get(&client, "/tables/products/records?page=0"), 400);
    assert_string_equal(client.body.data, "{\"error\":\"page must be >= 1\"}");
    assert_int_equal(client_get(&client, "/tables/events/records?limit=x"), 400);
    assert_int_equal(client_get(&client, "/tables/nope/records"), 404);
    assert_non_null(strstr(client.body.data, "Unknown table: nope. Available: ['products', "));
    assert_int_equal(client_get(&client, "/nope"), 404);
    assert_string_equal(client.body.data, "{\"error\":\"No route matches GET /nope\"}");
    assert_int_equal(client_get(&client, "/tables/users/deleted_records"), 400);
    strcpy(client.authorization, "Basic Og=="); /* ":" */
    assert_int_equal(client_get(&client, "/tables"), 401);
    strcpy(client.authorization, "Bearer x");
    assert_int_equal(client_get(&client, "/tables"), 401);
    client_close(&client);
}

static void deletes_leave_tombstones(void **state)
{
    struct client client;
    int nulls;

    (void)state;
    open_example(&client);
    assert_int_equal(client_ask(&client, "DELETE", "/tables/orders/records/order_0001", NULL), 200);
    assert_string_equal(sl_json_str(sl_json_path(client.json, "record", "order_id", NULL)),
                        "order_0001");
    assert_int_equal(sl_json_kind(sl_json_path(client.json, "record", "amount", NULL)),
                     SL_JSON_NULL);
    assert_int_equal(client_ask(&client, "DELETE", "/tables/orders/records/order_0001", NULL), 404);
    assert_string_equal(client.body.data, "{\"error\":\"Record with pk 'order_0001' not found\"}");
    assert_int_equal(count_rows(&client, "orders", "", "x", &nulls), 102);
    client_get(&client, "/tables/orders/deleted_records");
    assert_int_equal(sl_json_len(sl_json_get(client.json, "records")), 1);
    client_get(&client, "/tables/orders/deleted_records?since=2026-03-02T10:00:00%%2B00:00");
    assert_int_equal(sl_json_len(sl_json_get(client.json, "records")), 0);
    assert_int_equal(client_ask(&client, "DELETE", "/tables/users/records/user_0001", NULL), 400);
    client_close(&client);
}

static void writing_upserts_and_moves_the_cursor(void **state)
{
    struct client client;
    int nulls;

    (void)state;
    open_example(&client);
    assert_int_equal(client_ask(&client, "POST", "/tables/users/records",
                                "{\"user_id\":\"user_0003\",\"email\":\"new@example.com\","
                                "\"updated_at\":\"1999-01-01T00:00:00+00:00\"}"),
                     200);
    assert_int_equal(count_rows(&client, "users", "", "x", &nulls), 37);
    client_get(&client, "/tables/users/records?since=2026-03-02T09:00:00%%2B00:00");
    assert_int_equal(sl_json_len(sl_json_get(client.json, "records")), 1);
    assert_non_null(strstr(client.body.data, "new@example.com"));
    assert_int_equal(client_ask(&client, "POST", "/tables/products/records",
                                "{\"product_id\":\"prod_9999\"}"),
                     201);
    assert_int_equal(count_rows(&client, "products", "", "x", &nulls), 54);
    assert_int_equal(client_ask(&client, "POST", "/tables/users/records", "[]"), 400);
    assert_int_equal(client_ask(&client, "POST", "/tables/users/records", "{}"), 400);
    client_control(&client, "{\"ops\":[{\"op\":\"upsert\",\"table\":\"orders\",\"record\":"
                            "{\"order_id\":\"order_0500\",\"amount\":1.5}},"
                            "{\"op\":\"delete\",\"key\":\"order_0002\"}]}");
    client_get(&client, "/_sim/truth?table=orders");
    assert_int_equal(sl_json_len(sl_json_get(client.json, "records")), 103);
    assert_int_equal(sl_json_len(sl_json_get(client.json, "deleted")), 1);
    client_close(&client);
}

static void faults_have_its_own_shape(void **state)
{
    struct client client;

    (void)state;
    client_open(&client, "example", &(struct sim_options){.fault = "429:n=1;500:n=2;503:n=3"});
    assert_int_equal(client_get(&client, "/tables"), 429);
    assert_non_null(sl_json_str(sl_json_get(client.json, "error")));
    assert_int_equal(client_get(&client, "/tables"), 500);
    assert_int_equal(client_get(&client, "/tables"), 503);
    assert_int_equal(client_get(&client, "/tables"), 200);
    client_close(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_golden_rows),
        cmocka_unit_test(tables_describe_themselves),
        cmocka_unit_test(since_is_exclusive_and_until_is_not),
        cmocka_unit_test(mistakes_are_answered),
        cmocka_unit_test(deletes_leave_tombstones),
        cmocka_unit_test(writing_upserts_and_moves_the_cursor),
        cmocka_unit_test(faults_have_its_own_shape),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
