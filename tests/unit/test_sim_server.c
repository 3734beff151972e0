/* The simulator over real HTTP, asked by the engine's own client. */
#include "test_sim_client.h"

#include "base/time.h"
#include "http/world.h"

struct stage {
    struct sim *sim;
    struct sim_server *server;
    struct sl_world *world;
    struct sl_header headers[3];
    char url[200], authorization[200];
};

static void stage_open(struct stage *stage, const struct sim_options *options)
{
    struct client client;
    struct sl_error error = {0};

    memset(stage, 0, sizeof *stage);
    client_open(&client, "airtable", options);
    stage->sim = client.sim;
    client.sim = NULL;
    assert_int_equal(sim_server_start(stage->sim, 0, &stage->server, &error), SL_OK);
    assert_true(sim_server_port(stage->server) > 0);
    snprintf(stage->authorization, sizeof stage->authorization, "%s", client.authorization);
    snprintf(stage->url, sizeof stage->url, "http://127.0.0.1:%d/v0/%s/SKU%%20Candidates",
             sim_server_port(stage->server), client.base);
    stage->headers[0] = (struct sl_header){"Authorization", stage->authorization};
    client_close(&client);
    assert_int_equal(sl_world_new(&(struct sl_http_options){0}, &stage->world, &error), SL_OK);
}

static void stage_close(struct stage *stage)
{
    sl_world_free(stage->world);
    sim_server_stop(stage->server);
    sim_free(stage->sim);
}

static struct sl_exchange exchange_of(struct stage *stage)
{
    return (struct sl_exchange){.method = "GET",
                                .url = stage->url,
                                .headers = stage->headers,
                                .timeout_ms = 60000};
}

static void start(struct stage *stage, struct sl_exchange *exchange)
{
    struct sl_error error = {0};

    assert_int_equal(stage->world->ops->start(stage->world, exchange, &error), SL_OK);
}

static void next(struct stage *stage, struct sl_completion *out)
{
    while (!stage->world->ops->wait(stage->world, INT64_MAX, out)) continue;
}

static void ask(struct stage *stage, struct sl_completion *out)
{
    struct sl_exchange exchange = exchange_of(stage);

    start(stage, &exchange);
    next(stage, out);
    out->exchange = NULL;
}

static void a_page_comes_compressed_and_plain(void **state)
{
    struct sl_buf plain = {0};

    (void)state;
    for (int gzip = 0; gzip < 2; gzip++) {
        struct stage stage;
        struct sl_completion done;

        stage_open(&stage, &(struct sim_options){.gzip = gzip, .rate = -1});
        strcat(stage.url, "?fields%5B%5D=SKU&fields%5B%5D=Notes");
        ask(&stage, &done);
        assert_int_equal(done.code, SL_OK);
        assert_int_equal(done.status, 200);
        if (!gzip) sl_buf_add(&plain, done.body, done.body_len);
        assert_int_equal(done.body_len, plain.len);
        assert_memory_equal(done.body, plain.data,
                            plain.len - 60); /* iterators are the same, too */
        stage_close(&stage);
    }
    sl_buf_release(&plain);
}

/* 40 requests of 250 ms each, 8 at a time: serialised they would take 10 s. */
static void latency_does_not_serialise(void **state)
{
    struct stage stage;
    struct sl_exchange exchanges[40];
    struct sl_completion done;

    (void)state;
    stage_open(&stage, &(struct sim_options){.latency_ms = 250, .rate = -1});
    int64_t before = stage.world->ops->monotonic_us(stage.world);

    for (int i = 0; i < 40; i++) {
        exchanges[i] = exchange_of(&stage);
        start(&stage, &exchanges[i]);
    }
    for (int i = 0; i < 40; i++) {
        next(&stage, &done);
        assert_int_equal(done.code, SL_OK);
    }
    int64_t took_us = stage.world->ops->monotonic_us(stage.world) - before;

    assert_in_range(took_us, 250000, 6 * SL_SECOND_US);
    stage_close(&stage);
}

static void ends_with(const char *fault, bool gzip, enum sl_code code)
{
    struct stage stage;
    struct sl_completion done;

    stage_open(&stage, &(struct sim_options){.gzip = gzip, .rate = -1, .fault = fault});
    ask(&stage, &done);
    if (done.code != code)
        fail_msg("%s: %s %s", fault, sl_code_name(done.code), done.error.message);
    stage_close(&stage);
}

static void what_breaks_breaks_on_the_wire(void **state)
{
    (void)state;
    ends_with("cut", false, SL_SOURCE);
    ends_with("cut", true, SL_SOURCE);
    ends_with("cut:bytes=0", false, SL_SOURCE);
    ends_with("reset", false, SL_SOURCE);
    ends_with("huge", false, SL_TOO_LARGE);
    ends_with("huge:chunked=1", false, SL_TOO_LARGE);
    ends_with("chunked", true, SL_OK);
    ends_with("chunked", false, SL_OK);
    ends_with("chunked;cut", true, SL_SOURCE);
    ends_with("chunked;cut", false, SL_SOURCE);
    ends_with("html", true, SL_OK);
    ends_with("empty_body", true, SL_OK);
}

static void a_connection_in_waiting_does_not_hold_up_the_end(void **state)
{
    struct stage stage;
    struct sl_exchange exchange;
    struct sl_completion done;

    (void)state;
    stage_open(&stage, &(struct sim_options){.latency_ms = 3600000});
    exchange = exchange_of(&stage);
    start(&stage, &exchange);
    (void)stage.world->ops->wait(stage.world, stage.world->ops->monotonic_us(stage.world) + 100000,
                                 &done);
    stage_close(&stage); /* at once, not in an hour */
}

/* POST /_sim/control; the answer must be 200. */
static void control(struct stage *stage, const char *body)
{
    struct sl_completion done;
    struct sl_exchange exchange = exchange_of(stage);
    char url[100];

    snprintf(url, sizeof url, "http://127.0.0.1:%d/_sim/control", sim_server_port(stage->server));
    exchange.url = url;
    exchange.method = "POST";
    exchange.body = body;
    exchange.body_len = strlen(body);
    start(stage, &exchange);
    next(stage, &done);
    assert_int_equal(done.status, 200);
}

static void control_comes_over_http(void **state)
{
    struct stage stage;
    struct sl_completion done;

    (void)state;
    stage_open(&stage, &(struct sim_options){.rate = -1});
    control(&stage, "{\"op\":\"delete\",\"table\":\"SKU Candidates\",\"all\":true}");
    ask(&stage, &done);
    assert_int_equal(done.body_len, strlen("{\"records\":[]}"));
    stage_close(&stage);
}

static void a_clock_that_is_moved_runs_on(void **state)
{
    struct stage stage;
    struct sl_completion done;
    const int64_t hour_us = INT64_C(3600) * SL_SECOND_US;

    (void)state;
    stage_open(&stage, &(struct sim_options){.rate = -1});
    ask(&stage, &done);
    int64_t before_us = sim_now(stage.sim);

    control(&stage, "{\"advance_ms\":3600000}");
    int64_t moved_us = sim_now(stage.sim);

    assert_true(moved_us >= before_us + hour_us);
    ask(&stage, &done);
    assert_true(sim_now(stage.sim) > moved_us); /* it does not wait for the real one */
    stage_close(&stage);
}

static void a_taken_port_is_an_error(void **state)
{
    struct stage stage;
    struct sim_server *second = NULL;
    struct sl_error error = {0};

    (void)state;
    stage_open(&stage, NULL);
    assert_int_equal(sim_server_start(stage.sim, sim_server_port(stage.server), &second, &error),
                     SL_CONNECT);
    assert_null(second);
    stage_close(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_comes_compressed_and_plain),
        cmocka_unit_test(latency_does_not_serialise),
        cmocka_unit_test(what_breaks_breaks_on_the_wire),
        cmocka_unit_test(a_connection_in_waiting_does_not_hold_up_the_end),
        cmocka_unit_test(control_comes_over_http),
        cmocka_unit_test(a_clock_that_is_moved_runs_on),
        cmocka_unit_test(a_taken_port_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
