/* The world without a network: time that only wait() moves, and every way an exchange can end. */
#include "test_sim_client.h"

#include "http/world.h"

struct stage { /* a simulator, a world on it, and what a request needs */
    struct sim *sim;
    struct sl_world *world;
    struct sl_header headers[3];
    char url[200], authorization[200];
};

static void stage_open(struct stage *stage, const struct sim_options *options, uint64_t seed)
{
    struct client client;
    struct sl_error error = {0};

    memset(stage, 0, sizeof *stage);
    client_open(&client, "airtable", options);
    stage->sim = client.sim;
    client.sim = NULL;
    snprintf(stage->authorization, sizeof stage->authorization, "%s", client.authorization);
    snprintf(stage->url, sizeof stage->url, "https://api.example.org/v0/%s/Vendors?pageSize=2",
             client.base);
    stage->headers[0] = (struct sl_header){"authorization", stage->authorization};
    client_close(&client);
    assert_int_equal(sim_world(stage->sim, seed, &stage->world, &error), SL_OK);
}

static void stage_close(struct stage *stage)
{
    sl_world_free(stage->world);
    sim_free(stage->sim);
}

static void control(struct stage *stage, const char *json)
{
    struct sl_error error = {0};

    assert_int_equal(sim_control(stage->sim, json, &error), SL_OK);
}

static struct sl_exchange exchange_of(struct stage *stage)
{
    return (struct sl_exchange){.method = "GET",
                                .url = stage->url,
                                .headers = stage->headers,
                                .timeout_ms = 60000,
                                .response_bytes_max = (size_t)8 << 20};
}

static void start(struct stage *stage, struct sl_exchange *exchange)
{
    struct sl_error error = {0};

    assert_int_equal(stage->world->ops->start(stage->world, exchange, &error), SL_OK);
}

static bool wait_for(struct stage *stage, int64_t us, struct sl_completion *out)
{
    struct sl_world *world = stage->world;

    return world->ops->wait(world, world->ops->monotonic_us(world) + us, out);
}

#define MINUTE (60 * SL_SECOND_US)

static void an_answer_comes_after_its_latency(void **state)
{
    struct stage stage;
    struct sl_completion done;

    (void)state;
    stage_open(&stage, &(struct sim_options){.latency_ms = 500}, 1);
    struct sl_exchange exchange = exchange_of(&stage);
    int64_t before = sl_now_us(stage.world);

    start(&stage, &exchange);
    assert_false(wait_for(&stage, 400000, &done));
    assert_int_equal(sl_now_us(stage.world), before + 400000);
    assert_true(wait_for(&stage, MINUTE, &done));
    assert_int_equal(done.code, SL_OK);
    assert_int_equal(done.status, 200);
    assert_ptr_equal(done.exchange, &exchange);
    assert_int_equal(done.started_at_us, before);
    assert_in_range(done.received_at_us - before, 500000, 503000);
    assert_in_range(done.sent_us - SL_SECOND_US, 0, 2000);
    assert_int_equal(done.chunk, SL_CHUNK_FIRST | SL_CHUNK_LAST);
    assert_memory_equal(done.body, "{\"records\":[{\"id\":\"rec", 21);
    memset(done.body + done.body_len, 0, SL_DOC_PADDING); /* the parser's room is there */
    assert_false(wait_for(&stage, MINUTE, &done));
    stage_close(&stage);
}

static void exchanges_do_not_wait_for_each_other(void **state)
{
    struct stage stage;
    struct sl_exchange exchanges[8];
    struct sl_completion done;

    (void)state;
    stage_open(&stage, &(struct sim_options){.latency_ms = 500, .rate = -1}, 1);
    int64_t before = sl_now_us(stage.world);

    for (int i = 0; i < 8; i++) {
        exchanges[i] = exchange_of(&stage);
        start(&stage, &exchanges[i]);
    }
    for (int i = 0; i < 8; i++) assert_true(wait_for(&stage, MINUTE, &done));
    assert_in_range(sl_now_us(stage.world) - before, 500000, 510000);
    stage_close(&stage);
}

static int64_t sent_at;

static void note_sent(struct sl_exchange *exchange, int64_t at_us)
{
    assert_non_null(exchange->owner);
    sent_at = at_us;
}

static void the_moment_of_sending_is_told(void **state)
{
    struct stage stage;
    struct sl_completion done;

    (void)state;
    stage_open(&stage, NULL, 1);
    struct sl_exchange exchange = exchange_of(&stage);

    sent_at = 0;
    exchange.owner = &stage;
    exchange.sent = note_sent;
    start(&stage, &exchange);
    assert_int_equal(sent_at, 0);
    assert_false(wait_for(&stage, MINUTE, &done)); /* ends early, for the budgets */
    assert_int_equal(sent_at, stage.world->ops->monotonic_us(stage.world));
    assert_true(wait_for(&stage, MINUTE, &done));
    assert_int_equal(done.sent_us, sent_at);
    stage_close(&stage);
}

static void waiting_for_nothing_takes_the_time_asked(void **state)
{
    struct stage stage;
    struct sl_completion done;

    (void)state;
    stage_open(&stage, NULL, 1);
    int64_t before = sl_now_us(stage.world);

    assert_false(wait_for(&stage, 3600 * SL_SECOND_US, &done));
    assert_int_equal(sl_now_us(stage.world) - before, 3600 * SL_SECOND_US);
    assert_false(
        stage.world->ops->wait(stage.world, INT64_MAX, &done)); /* nothing would ever come */
    stage.world->ops->wake(stage.world);
    assert_false(wait_for(&stage, SL_SECOND_US, &done));
    assert_int_equal(sl_now_us(stage.world) - before, 3600 * SL_SECOND_US); /* woken: at once */
    stage_close(&stage);
}

/* How an exchange ends under a fault. */
static void ends_with(const char *fault, enum sl_code code, bool retryable)
{
    struct stage stage;
    struct sl_completion done;

    stage_open(&stage, &(struct sim_options){.fault = fault}, 3);
    struct sl_exchange exchange = exchange_of(&stage);

    start(&stage, &exchange);
    assert_true(wait_for(&stage, 10 * MINUTE, &done));
    if (done.code != code) fail_msg("%s: %s", fault, sl_code_name(done.code));
    assert_int_equal(done.error.retryable, retryable);
    assert_true(done.error.message[0]);
    assert_int_equal(done.body_len, 0);
    assert_int_equal(done.chunk, 0);
    assert_false(wait_for(&stage, MINUTE, &done));
    stage_close(&stage);
}

static void whatever_breaks_is_an_error_of_the_exchange(void **state)
{
    (void)state;
    ends_with("reset", SL_SOURCE, true);
    ends_with("cut", SL_SOURCE, true);
    ends_with("cut:bytes=0", SL_SOURCE, true);
    ends_with("slow:ms=60001", SL_TIMEOUT, true);
    ends_with("huge", SL_TOO_LARGE, false); /* 2 GB, and this test does not hold them */
}

static void a_cancelled_exchange_stays_silent(void **state)
{
    struct stage stage;
    struct sl_exchange one, other;
    struct sl_completion done;

    (void)state;
    stage_open(&stage, NULL, 1);
    one = exchange_of(&stage);
    other = exchange_of(&stage);
    start(&stage, &one);
    start(&stage, &other);
    stage.world->ops->cancel(stage.world, &one);
    assert_true(wait_for(&stage, MINUTE, &done));
    assert_ptr_equal(done.exchange, &other);
    assert_false(wait_for(&stage, MINUTE, &done));
    start(&stage, &one); /* and one that is under way when the world ends */
    stage_close(&stage);
}

/* Collects a body by lines. Returns the code of the end. */
static enum sl_code read_lines(struct stage *stage, size_t max, struct sl_buf *body, int *chunks)
{
    struct sl_exchange exchange = exchange_of(stage);
    struct sl_completion done;
    unsigned flags = 0;

    exchange.lines = true;
    exchange.response_bytes_max = max;
    start(stage, &exchange);
    sl_buf_reset(body);
    for (*chunks = 0;; ++*chunks) {
        assert_true(wait_for(stage, MINUTE, &done));
        assert_int_equal(done.began, *chunks > 0);
        if (done.code) return done.code;
        assert_int_equal(done.chunk & SL_CHUNK_FIRST, *chunks ? 0 : SL_CHUNK_FIRST);
        sl_buf_add(body, done.body, done.body_len);
        flags |= done.chunk;
        if (done.chunk & SL_CHUNK_LAST) break;
        assert_int_equal(done.body[done.body_len - 1], '\n'); /* whole lines */
    }
    ++*chunks;
    assert_int_equal(flags, SL_CHUNK_FIRST | SL_CHUNK_LAST);
    return SL_OK;
}

static void by_lines_a_body_comes_in_chunks_of_whole_lines(void **state)
{
    struct stage stage;
    struct sl_buf body = {0};
    int chunks;

    (void)state;
    stage_open(&stage, NULL, 5);
    assert_int_equal(read_lines(&stage, (size_t)8 << 20, &body, &chunks), SL_OK);
    assert_int_equal(chunks, 1); /* one page is one line */
    assert_memory_equal(body.data, "{\"records\":", 11);

    /* The one body of several lines that there is here is a sign-in page. */
    control(&stage, "{\"fault\":\"html\"}");
    assert_int_equal(read_lines(&stage, (size_t)8 << 20, &body, &chunks), SL_OK);
    assert_int_equal(body.data[body.len - 1], '\n');
    control(&stage, "{\"clear_faults\":true,\"fault\":\"cut:at=0.9\"}");
    assert_int_equal(read_lines(&stage, (size_t)8 << 20, &body, &chunks), SL_SOURCE);
    assert_int_equal(body.len, 0); /* half a line is not handed over */
    control(&stage, "{\"clear_faults\":true,\"fault\":\"html;cut:at=0.9\"}");
    assert_int_equal(read_lines(&stage, (size_t)8 << 20, &body, &chunks), SL_SOURCE);
    assert_in_range(chunks, 1, 3);
    assert_int_equal(body.data[body.len - 1], '\n');
    control(&stage, "{\"clear_faults\":true,\"fault\":\"huge\"}");
    assert_int_equal(read_lines(&stage, (size_t)1 << 20, &body, &chunks), SL_TOO_LARGE);
    control(&stage, "{\"clear_faults\":true,\"fault\":\"empty_body\"}");
    assert_int_equal(read_lines(&stage, (size_t)1 << 20, &body, &chunks), SL_OK);
    assert_int_equal(chunks, 1);
    sl_buf_release(&body);
    stage_close(&stage);
}

static void one_seed_gives_one_run(void **state)
{
    int64_t first[20];

    (void)state;
    for (int run = 0; run < 2; run++) {
        struct stage stage;
        struct sl_exchange exchanges[20];
        struct sl_completion done;

        stage_open(&stage, &(struct sim_options){.rate = -1, .seed = 4}, 8);
        for (int i = 0; i < 20; i++) {
            exchanges[i] = exchange_of(&stage);
            start(&stage, &exchanges[i]);
        }
        for (int i = 0; i < 20; i++) {
            assert_true(wait_for(&stage, MINUTE, &done));
            int64_t what = (done.exchange - exchanges) * MINUTE + done.received_at_us % MINUTE;

            if (run == 0)
                first[i] = what;
            else
                assert_int_equal(first[i], what);
        }
        stage_close(&stage);
    }
}

static void time_goes_on_in_the_next_world(void **state)
{
    struct stage stage;
    struct sl_completion done;
    struct sl_error error = {0};

    (void)state;
    stage_open(&stage, NULL, 1);
    assert_int_equal(sl_now_us(stage.world), SIM_START_US);
    assert_false(wait_for(&stage, MINUTE, &done));
    sl_world_free(stage.world);
    control(&stage, "{\"advance_ms\":1000}");
    assert_int_equal(sim_world(stage.sim, 2, &stage.world, &error), SL_OK);
    assert_int_equal(sl_now_us(stage.world), SIM_START_US + MINUTE + SL_SECOND_US);
    stage_close(&stage);
}

static void every_allocation_of_an_exchange_may_fail(void **state)
{
    (void)state;
    for (int64_t n = 0;; n++) {
        struct stage stage;
        struct sl_completion done = {0};
        struct sl_error error = {0};

        stage_open(&stage, NULL, 1);
        struct sl_exchange exchange = exchange_of(&stage);
        int64_t live = sl_alloc_live();

        sl_alloc_fail_after(n);
        enum sl_code rc = stage.world->ops->start(stage.world, &exchange, &error);

        if (!rc) {
            assert_true(wait_for(&stage, MINUTE, &done));
            rc = done.code;
        }
        sl_alloc_fail_after(-1);
        bool whole = rc == SL_OK && done.body_len > 10;

        assert_true(rc == SL_OK || rc == SL_NO_MEMORY);
        assert_true(sl_alloc_live() >= live);
        stage_close(&stage);
        if (whole && n > 40) break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_comes_after_its_latency),
        cmocka_unit_test(exchanges_do_not_wait_for_each_other),
        cmocka_unit_test(the_moment_of_sending_is_told),
        cmocka_unit_test(waiting_for_nothing_takes_the_time_asked),
        cmocka_unit_test(whatever_breaks_is_an_error_of_the_exchange),
        cmocka_unit_test(a_cancelled_exchange_stays_silent),
        cmocka_unit_test(by_lines_a_body_comes_in_chunks_of_whole_lines),
        cmocka_unit_test(one_seed_gives_one_run),
        cmocka_unit_test(time_goes_on_in_the_next_world),
        cmocka_unit_test(every_allocation_of_an_exchange_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
