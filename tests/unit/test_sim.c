/* What every simulator has: limits, counters, faults, control. */
#include "test_sim_client.h"

static int64_t stat_of(struct client *client, const char *key, const char *deeper)
{
    int64_t number = -1;

    assert_int_equal(client_get(client, "/_sim/stats"), 200);
    const struct sl_json *value = sl_json_get(client->json, key);

    if (deeper) value = sl_json_get(value, deeper);
    return sl_json_i64(value, &number) ? number : -1;
}

static void ask_at(struct client *client, int64_t after_us)
{
    client->now_us += after_us - SL_SECOND_US; /* client_ask adds a second */
    client_get(client, "/v0/meta/bases/%s/tables", client->base);
}

static void the_sixth_request_of_a_second_shuts_the_base(void **state)
{
    struct client client;

    (void)state;
    client_open(&client, "airtable", NULL);
    for (int i = 0; i < 5; i++) {
        ask_at(&client, 100000);
        assert_int_equal(client.status, 200);
    }
    ask_at(&client, 100000);
    assert_int_equal(client.status, 429);
    assert_string_equal(error_type(&client), "RATE_LIMIT_REACHED");
    ask_at(&client, 29900000); /* the whole block of 30 seconds, whatever the rate */
    assert_int_equal(client.status, 429);
    ask_at(&client, 200000);
    assert_int_equal(client.status, 200);
    assert_int_equal(stat_of(&client, "limited", NULL), 2);
    assert_int_equal(stat_of(&client, "peak_per_second", NULL), 6);
    assert_int_equal(stat_of(&client, "by_status", "429"), 2);
    assert_int_equal(stat_of(&client, "requests", NULL), 8);
    client_close(&client);
}

static void five_in_any_second_are_fine_for_ever(void **state)
{
    struct client client;

    (void)state;
    client_open(&client, "airtable", NULL);
    for (int i = 0; i < 200; i++) {
        ask_at(&client, 200001);
        assert_int_equal(client.status, 200);
    }
    assert_int_equal(stat_of(&client, "peak_per_second", NULL), 5);
    client_close(&client);
}

static void the_limit_can_be_moved_and_lifted(void **state)
{
    struct client client;

    (void)state;
    client_open(&client, "airtable", &(struct sim_options){.rate = 2});
    for (int i = 0; i < 3; i++) ask_at(&client, 1000);
    assert_int_equal(client.status, 429);
    client_control(&client, "{\"rate\":-1,\"reset_stats\":true}");
    for (int i = 0; i < 50; i++) {
        ask_at(&client, 1000);
        assert_int_equal(client.status, 200);
    }
    assert_int_equal(stat_of(&client, "peak_per_second", NULL), 50);
    client_close(&client);
}

/* The statuses of eight requests under a fault; 0: reset, -2: a 200 that is no whole JSON. */
static void statuses_under(const char *fault, const int expected[8])
{
    struct client client;

    client_open(&client, "airtable", &(struct sim_options){.fault = fault});
    for (int i = 0; i < 8; i++) {
        client_get(&client, "/v0/%s/Vendors?pageSize=1", client.base);
        int status = client.reply.reset ? 0
                     : client.status == 200 && (!client.json || client.reply.cut_after >= 0)
                         ? -2
                         : client.status;

        if (status != expected[i])
            fail_msg("%s: request %d: %d instead of %d", fault, i + 1, status, expected[i]);
    }
    client_close(&client);
}

static void faults_strike_when_they_are_told(void **state)
{
    (void)state;
    statuses_under("500:n=3", (int[]){200, 200, 500, 200, 200, 200, 200, 200});
    statuses_under("500:n=3,times=2", (int[]){200, 200, 500, 500, 200, 200, 200, 200});
    statuses_under("503:every=4", (int[]){200, 200, 200, 503, 200, 200, 200, 503});
    statuses_under("reset:n=1;cut:n=2;html:n=3;bad_json:n=4;truncated:n=5;empty_body:n=6",
                   (int[]){0, -2, -2, -2, -2, -2, 200, 200});
    statuses_under("401", (int[]){401, 401, 401, 401, 401, 401, 401, 401});
    statuses_under("404:table=Vendors,times=1;502:n=2",
                   (int[]){404, 502, 200, 200, 200, 200, 200, 200});
    statuses_under("404:table=Nothing", (int[]){200, 200, 200, 200, 200, 200, 200, 200});
    statuses_under("500:p=1,times=2", (int[]){500, 500, 200, 200, 200, 200, 200, 200});
    statuses_under("status:code=418,n=8", (int[]){200, 200, 200, 200, 200, 200, 200, 418});
}

static const char *header_of(const struct client *client, const char *name)
{
    for (const struct sl_header *h = client->reply.headers; h->name; h++)
        if (strcmp(h->name, name) == 0) return h->value;
    return NULL;
}

static void failures_have_the_shapes_of_the_api(void **state)
{
    struct client client;

    (void)state;
    client_open(&client, "airtable",
                &(struct sim_options){.fault = "429:n=1;429:n=2,shape=plural;quota:n=3;"
                                               "503:n=4,retry_after=7;502:n=5;404:n=6"});
    client_get(&client, "/v0/%s/Vendors", client.base);
    assert_string_equal(error_type(&client), "RATE_LIMIT_REACHED");
    client_get(&client, "/v0/%s/Vendors", client.base);
    assert_int_equal(sl_json_len(sl_json_get(client.json, "errors")), 1);
    assert_int_equal(client_get(&client, "/v0/%s/Vendors", client.base), 429);
    assert_string_equal(error_type(&client), "PUBLIC_API_BILLING_LIMIT_EXCEEDED");
    assert_int_equal(client_get(&client, "/v0/%s/Vendors", client.base), 503);
    assert_string_equal(header_of(&client, "retry-after"), "7");
    assert_string_equal(error_type(&client), "RETRIABLE_ERROR");
    assert_int_equal(client_get(&client, "/v0/%s/Vendors", client.base), 502);
    assert_null(client.json);
    assert_string_equal(client.reply.content_type, "text/html");
    assert_int_equal(client_get(&client, "/v0/%s/Vendors", client.base), 404);
    assert_true(sl_json_eq(sl_json_get(client.json, "error"), "NOT_FOUND"));
    assert_non_null(header_of(&client, "date"));
    client_close(&client);
}

static void the_meta_api_answers_when_the_quota_is_gone(void **state)
{
    struct client client;

    (void)state;
    client_open(&client, "airtable", &(struct sim_options){.fault = "quota"});
    assert_int_equal(client_get(&client, "/v0/meta/bases/%s/tables", client.base), 200);
    assert_int_equal(client_get(&client, "/v0/meta/whoami"), 200);
    assert_int_equal(client_get(&client, "/v0/%s/Vendors", client.base), 429);
    client_close(&client);
}

static void chance_is_the_same_for_the_same_seed(void **state)
{
    char seen[2][101] = {{0}};

    (void)state;
    for (int run = 0; run < 2; run++) {
        struct client client;

        client_open(&client, "airtable", &(struct sim_options){.seed = 9, .fault = "500:p=0.3"});
        for (int i = 0; i < 100; i++)
            seen[run][i] = client_get(&client, "/v0/meta/whoami") == 500 ? 'x' : '.';
        client_close(&client);
    }
    assert_string_equal(seen[0], seen[1]);
    int hits = 0;

    for (int i = 0; i < 100; i++) hits += seen[0][i] == 'x';
    assert_in_range(hits, 15, 45);
}

static void nonsense_is_refused_by_name(void **state)
{
    struct sim *sim = NULL;
    struct sl_error error = {0};
    struct client client;
    static const char *const faults[] = {"explode", "500:n", ":n=1",
                                         "429:a=1,b=2,c=3,d=4,e=5,f=6,"
                                         "g=7,h=8,i=9,j=10,k=11,l=12,m=13"};

    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        assert_int_equal(sim_new(sim_find("airtable"), &(struct sim_options){.fault = faults[i]},
                                 &sim, &error),
                         SL_USAGE);
        assert_null(sim);
    }
    assert_null(sim_find("airtables"));
    assert_int_equal(sim_new(sim_find("airtable"), &(struct sim_options){.kind = "castle"}, &sim,
                             &error),
                     SL_USAGE);
    client_open(&client, "airtable", NULL);
    assert_int_equal(client_ask(&client, "POST", "/_sim/control", "{\"op\":\"fly\"}"), 400);
    assert_non_null(strstr(client.body.data, "fly"));
    assert_int_equal(client_ask(&client, "POST", "/_sim/control", "[]"), 400);
    assert_int_equal(client_ask(&client, "POST", "/_sim/control", "{"), 400);
    assert_int_equal(client_get(&client, "/_sim/nothing"), 404);
    assert_int_equal(client_get(&client, "/_sim/truth?table=Nothing"), 404);
    assert_int_equal(stat_of(&client, "requests", NULL), 0); /* none of these counts */
    client_close(&client);
}

static void a_connection_fits_the_address_it_was_asked_at(void **state)
{
    struct client client;

    (void)state;
    client_open(&client, "airtable", NULL);
    assert_int_equal(client_get(&client, "/_sim/connection"), 200);
    assert_true(sl_json_eq(sl_json_get(client.json, "base_url"), "http://sim"));
    client_close(&client);
}

/* Whichever allocation fails: SL_NO_MEMORY and nothing left over. */
static void every_allocation_may_fail(void **state)
{
    static const char *const apps[] = {"airtable", "example"};

    (void)state;
    for (int app = 0; app < 2; app++) {
        int64_t live = sl_alloc_live();

        for (int64_t n = 0;; n += n < 300 ? 1 : 37) {
            struct sl_error error = {0};
            struct sim *sim = NULL;

            sl_alloc_fail_after(n);
            enum sl_code rc =
                sim_new(sim_find(apps[app]), &(struct sim_options){.records = 3}, &sim, &error);

            if (!rc) rc = sim_control(sim, "{\"fault\":\"500:n=2\",\"rate\":3}", &error);
            sl_alloc_fail_after(-1);
            sim_free(sim);
            assert_int_equal(sl_alloc_live(), live);
            if (rc == SL_OK) break;
            assert_int_equal(rc, SL_NO_MEMORY);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sixth_request_of_a_second_shuts_the_base),
        cmocka_unit_test(five_in_any_second_are_fine_for_ever),
        cmocka_unit_test(the_limit_can_be_moved_and_lifted),
        cmocka_unit_test(faults_strike_when_they_are_told),
        cmocka_unit_test(failures_have_the_shapes_of_the_api),
        cmocka_unit_test(the_meta_api_answers_when_the_quota_is_gone),
        cmocka_unit_test(chance_is_the_same_for_the_same_seed),
        cmocka_unit_test(nonsense_is_refused_by_name),
        cmocka_unit_test(a_connection_fits_the_address_it_was_asked_at),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
