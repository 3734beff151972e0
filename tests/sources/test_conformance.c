/*
 * The conformance suite: every connector of the registry, against the simulator of its name, in the
 * simulated world. A new connector is tested by this as soon as it and its simulator exist.
 *
 * Each table is read through the engine's own task loop, undisturbed and then with one thing going
 * wrong; afterwards the rows are compared, key by key, with what the source holds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "json/doc.h"
#include "sim/sim.h"
#include "sources/harvest.h"
#include "sources/tape.h"

/* ---- a connector and its simulator ---- */

struct stage {
    const struct sl_connector *connector;
    struct sim *sim;
    struct sl_world *world;
    struct sl_buf options;
    struct harvest tables; /* of discover */
};

#define MUST(call)                                                                                 \
    do {                                                                                           \
        struct sl_error error = {0};                                                               \
        if (call) fail_msg("%s", error.message);                                                   \
    } while (0)

static void stage_open(struct stage *stage, const struct sl_connector *connector, int64_t records)
{
    struct sim_options options = {.seed = 42, .records = records};
    struct harvest_job job = {.connector = connector->name, .job = {.kind = SL_JOB_DISCOVER}};

    *stage = (struct stage){.connector = connector};
    MUST(sim_new(sim_find(connector->name), &options, &stage->sim, &error));
    MUST(sim_world(stage->sim, 7, &stage->world, &error));
    MUST(sim_connection(stage->sim, "http://sim.test", &stage->options, &error));
    job.options = sl_buf_str(&stage->options);
    harvest_run(&job, stage->world, &stage->tables);
    assert_string_equal(stage->tables.error.message, "");
    assert_true(stage->tables.table_count > 0);
}

static void stage_close(struct stage *stage)
{
    harvest_release(&stage->tables);
    sl_buf_release(&stage->options);
    sl_world_free(stage->world);
    sim_free(stage->sim);
}

static void control(struct stage *stage, const char *format, const char *text)
{
    struct sl_buf json = {0};

    sl_buf_adds(&json, format);
    if (text) {
        sl_buf_reset(&json);
        sl_buf_addf(&json, "{\"clear_faults\":true,\"lift_blocks\":true,\"fault\":\"%s\"}", text);
    }
    MUST(sim_control(stage->sim, sl_buf_str(&json), &error));
    sl_buf_release(&json);
}

static struct harvest_job read_job(const struct stage *stage, const struct harvest_table *table)
{
    return (struct harvest_job){
        .connector = stage->connector->name,
        .options = sl_buf_str(&stage->options),
        .key_member = table->key_member,
        .job = {.kind = SL_JOB_READ,
                .table = table->name,
                .namespace_ = table->namespace_,
                .state = table->state,
                .input = "{\"tables\":1,\"rows\":-1}",
                .full = true},
    };
}

static void pass(struct stage *stage, int64_t seconds)
{
    struct sl_world *world = stage->world;
    struct sl_completion nothing;

    world->ops->wait(world, world->ops->monotonic_us(world) + seconds * 1000000, &nothing);
}

static void read_into(struct stage *stage, const struct harvest_table *table, const char *cursor,
                      struct harvest *out)
{
    struct harvest_job job = read_job(stage, table);

    if (cursor) {
        job.job.cursor = cursor;
        job.job.full = false;
    }
    /* Every harvest has budgets of its own, so let those of the one before it pass. */
    pass(stage, 2);
    harvest_run(&job, stage->world, out);
}

/* ---- the truth ---- */

struct truth {
    struct sl_buf body;
    struct sl_doc *doc;
    const struct sl_json *records;
};

static void truth_open(struct stage *stage, const struct harvest_table *table, struct truth *truth)
{
    char query[400];
    struct sl_url url;
    struct sim_request request = {.method = "GET",
                                  .path = "/_sim/truth",
                                  .raw_path = "/_sim/truth",
                                  .headers = (const struct sl_header[]){{0}},
                                  .query = query,
                                  .now_us = sim_now(stage->sim)};
    struct sim_reply reply;
    const struct sl_json *root;

    *truth = (struct truth){0};
    sl_url_init(&url, "");
    sl_url_query(&url, "table", table->id ? table->id : table->name);
    sl_url_query(&url, "namespace", table->namespace_);
    snprintf(query, sizeof query, "%s", sl_url_text(&url) + 1);
    sim_reply_init(&reply, &truth->body);
    MUST(sim_handle(stage->sim, &request, &reply, &error));
    truth->doc = sl_doc_new(0);
    assert_non_null(truth->doc);
    MUST(sl_doc_parse_copy(truth->doc, truth->body.data, truth->body.len, &root, &error));
    truth->records = sl_json_get(root, "records");
    assert_int_equal(sl_json_kind(truth->records), SL_JSON_ARRAY);
}

static void truth_close(struct truth *truth)
{
    sl_doc_free(truth->doc);
    sl_buf_release(&truth->body);
}

/* All that is there was read, and nothing else; a table without keys: each row once. */
static void assert_is_truth(struct stage *stage, const struct harvest_table *table,
                            const struct harvest *h, const char *what)
{
    struct truth truth;
    size_t wanted;

    if (h->code != SL_DONE) fail_msg("%s, %s: %s", table->name, what, h->error.message);
    truth_open(stage, table, &truth);
    wanted = sl_json_len(truth.records);
    if (table->key_member) {
        if (harvest_keys(h, table->name, false) != wanted)
            fail_msg("%s, %s: %zu keys, not %zu", table->name, what,
                     harvest_keys(h, table->name, false), wanted);
        for (struct sl_json_each e = sl_json_each(truth.records); sl_json_next(&e);) {
            char *key = harvest_key(e.value, NULL, 0, table->key_member);
            if (!key || !harvest_has_key(h, table->name, false, key))
                fail_msg("%s, %s: '%s' is missing", table->name, what, key ? key : "?");
            free(key);
        }
    } else {
        assert_int_equal(harvest_count(h, table->name, false), wanted);
        assert_int_equal(harvest_distinct(h, table->name, false), wanted);
    }
    truth_close(&truth);
}

/* SLUICE_CONNECTOR=NAME in the environment: only that one, for who is writing it. */
static bool wanted(const char *name)
{
    const char *only = getenv("SLUICE_CONNECTOR");

    return sim_find(name) && (!only || strcmp(only, name) == 0);
}

/* Where a source differs: failures that are none in its API. What it says of them is tested in its own
 * tests. */
static const struct quirk {
    const char *connector, *table, *fault;
} quirks[] = {
    {"mixpanel", "events", "empty_body"}, /* days without events */
    {"mixpanel", "events", "bad_json"},   /* one line is rejected, the others are read */
};

static bool is_quirk(const struct stage *stage, const struct harvest_table *table,
                     const char *fault)
{
    for (size_t i = 0; i < sizeof quirks / sizeof *quirks; i++)
        if (strcmp(quirks[i].connector, stage->connector->name) == 0 &&
            strcmp(quirks[i].table, table->name) == 0 &&
            strncmp(quirks[i].fault, fault, strlen(quirks[i].fault)) == 0)
            return true;
    return false;
}

#define EACH_CONNECTOR(c)                                                                          \
    for (const struct sl_connector *const *c = sl_connectors; *c; c++)                             \
        if (wanted((*c)->name))

#define EACH_TABLE(stage, t)                                                                       \
    for (const struct harvest_table *t = (stage).tables.tables;                                    \
         t < (stage).tables.tables + (stage).tables.table_count; t++)                              \
        if (!t->excluded)

/* ---- the cases ---- */

static void every_connector_has_a_simulator_and_is_well_formed(void **state)
{
    (void)state;
    for (const struct sl_connector *const *c = sl_connectors; *c; c++) {
        assert_non_null(sim_find((*c)->name));
        assert_int_equal((*c)->abi, SL_CONNECTOR_ABI);
        assert_non_null((*c)->title);
        assert_non_null((*c)->docs);
        assert_true((*c)->task_size >= sizeof(struct sl_task));
        const struct sl_option *tables[] = {(*c)->connection_options, (*c)->table_options};
        for (size_t i = 0; i < 2; i++)
            for (const struct sl_option *o = tables[i]; o->name; o++) {
                size_t len = strlen(o->help);
                assert_true(o->help[0] >= 'A' && o->help[0] <= 'Z');
                assert_true(o->help[len - 1] == '.');
                assert_true(o->offset >= sizeof(struct sl_task) && o->offset < (*c)->task_size);
            }
    }
}

static void check_finds_a_good_connection_good(void **state)
{
    (void)state;
    EACH_CONNECTOR(c)
    {
        struct stage stage;
        struct harvest h;
        struct harvest_job job = {.connector = (*c)->name, .job = {.kind = SL_JOB_CHECK}};

        stage_open(&stage, *c, 0);
        job.options = sl_buf_str(&stage.options);
        harvest_run(&job, stage.world, &h);
        assert_string_equal(h.error.message, "");
        assert_true(h.check_count > 0);
        for (size_t i = 0; i < h.check_count; i++) assert_true(h.checks[i].good);
        harvest_release(&h);
        stage_close(&stage);
    }
}

static void reads_what_is_there_and_says_that_it_is_all(void **state)
{
    (void)state;
    EACH_CONNECTOR(c)
    {
        struct stage stage;

        stage_open(&stage, *c, 0);
        EACH_TABLE(stage, t)
        {
            struct harvest h;
            char proof[600];

            read_into(&stage, t, NULL, &h);
            assert_is_truth(&stage, t, &h, "undisturbed");
            assert_int_equal(h.counts.retries, 0);
            assert_int_equal(h.counts.limited, 0); /* a limit is never tripped by us */
            if (t->key_member) {
                snprintf(proof, sizeof proof, "\"table\":\"%s\",\"scope\":{}", t->name);
                assert_non_null(strstr(h.complete, proof));
            }
            harvest_release(&h);
        }
        stage_close(&stage);
    }
}

static void what_passes_is_overcome(void **state)
{
    static const char *const faults[] = {"429:n=1",
                                         "429:n=2",
                                         "500:n=1",
                                         "500:n=2,times=3",
                                         "502:n=2",
                                         "503:n=1,times=2",
                                         "504:n=1",
                                         "html:n=1",
                                         "bad_json:n=1",
                                         "truncated:n=1",
                                         "truncated:n=2,times=2",
                                         "cut:n=1",
                                         "reset:n=1",
                                         "reset:n=2",
                                         "empty_body:n=1",
                                         "slow:n=1"};

    (void)state;
    EACH_CONNECTOR(c)
    {
        struct stage stage;

        stage_open(&stage, *c, 0);
        EACH_TABLE(stage, t)
        for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
            struct harvest h;

            if (is_quirk(&stage, t, faults[i])) continue;
            control(&stage, "", faults[i]);
            read_into(&stage, t, NULL, &h);
            assert_is_truth(&stage, t, &h, faults[i]);
            harvest_release(&h);
        }
        stage_close(&stage);
    }
}

static void what_does_not_pass_ends_the_read_and_proves_nothing(void **state)
{
    static const struct {
        const char *fault;
        enum sl_code code; /* SL_OK: any */
    } cases[] = {
        {"401:n=1,times=1000", SL_AUTH}, {"403:n=1,times=1000", SL_OK},
        {"404:n=1,times=1000", SL_OK},   {"500:n=1,times=1000", SL_SOURCE},
        {"html:n=1,times=1000", SL_OK},  {"empty_body:n=1,times=1000", SL_OK},
        {"cut:n=1,times=1000", SL_OK},   {"reset:n=1,times=1000", SL_OK},
    };

    (void)state;
    EACH_CONNECTOR(c)
    {
        struct stage stage;

        stage_open(&stage, *c, 0);
        EACH_TABLE(stage, t)
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            struct harvest h;

            if (is_quirk(&stage, t, cases[i].fault)) continue;
            control(&stage, "", cases[i].fault);
            read_into(&stage, t, NULL, &h);
            if (!sl_failed(h.code) || (cases[i].code && h.code != cases[i].code))
                fail_msg("%s: %s: %s %s", t->name, cases[i].fault, sl_code_name(h.code),
                         h.error.message);
            assert_null(h.complete);
            assert_true(strlen(h.error.message) > 10);
            harvest_release(&h);
        }
        stage_close(&stage);
    }
}

/* An empty source, one row, exactly one page, one more than a page. */
static void reads_sources_of_every_size(void **state)
{
    static const int64_t sizes[] = {1, 100, 101, 450};

    (void)state;
    EACH_CONNECTOR(c)
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct stage stage;

        stage_open(&stage, *c, sizes[i]);
        EACH_TABLE(stage, t)
        {
            struct harvest h;

            read_into(&stage, t, NULL, &h);
            assert_is_truth(&stage, t, &h, "sizes");
            harvest_release(&h);
        }
        stage_close(&stage);
    }
}

/* A second read from the first one's cursor brings nothing that is new, and nothing is missing. */
static void goes_on_from_its_own_cursor(void **state)
{
    (void)state;
    EACH_CONNECTOR(c)
    {
        struct stage stage;

        stage_open(&stage, *c, 0);
        EACH_TABLE(stage, t)
        {
            struct harvest first, second;

            read_into(&stage, t, NULL, &first);
            assert_is_truth(&stage, t, &first, "first");
            pass(&stage, 60); /* on the world's clock: or the simulator's would stand still then */
            read_into(&stage, t, first.cursor, &second);
            assert_string_equal(second.error.message, "");
            if (t->ingestion == SL_APPEND)
                assert_int_equal(harvest_count(&second, t->name, false), 0);
            harvest_release(&first);
            harvest_release(&second);
        }
        stage_close(&stage);
    }
}

/* ---- memory ---- */

static void survives_the_failure_of_every_allocation(void **state)
{
    (void)state;
    EACH_CONNECTOR(c)
    {
        struct stage stage;

        stage_open(&stage, *c, 120);
        EACH_TABLE(stage, t)
        {
            struct harvest_job job = read_job(&stage, t);
            struct tape *tape = tape_new();
            struct sl_world *world = tape_record(tape, stage.world);
            struct harvest h;
            enum sl_code code = SL_NO_MEMORY;

            harvest_run(&job, world, &h);
            assert_is_truth(&stage, t, &h, "recording");
            sl_world_free(world);
            harvest_release(&h);
            for (int64_t n = 0; code != SL_DONE; n++) {
                int64_t live = sl_alloc_live();

                world = tape_play(tape);
                sl_alloc_fail_after(n);
                harvest_run(&job, world, &h);
                sl_alloc_fail_after(-1);
                code = h.code;
                if (code != SL_DONE && code != SL_NO_MEMORY)
                    fail_msg("%s, allocation %d: %s: %s", t->name, (int)n, sl_code_name(code),
                             h.error.message);
                if (code != SL_DONE) assert_null(h.complete);
                sl_world_free(world);
                harvest_release(&h);
                assert_int_equal(sl_alloc_live(), live);
            }
            tape_free(tape);
        }
        stage_close(&stage);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_connector_has_a_simulator_and_is_well_formed),
        cmocka_unit_test(check_finds_a_good_connection_good),
        cmocka_unit_test(reads_what_is_there_and_says_that_it_is_all),
        cmocka_unit_test(what_passes_is_overcome),
        cmocka_unit_test(what_does_not_pass_ends_the_read_and_proves_nothing),
        cmocka_unit_test(reads_sources_of_every_size),
        cmocka_unit_test(goes_on_from_its_own_cursor),
        cmocka_unit_test(survives_the_failure_of_every_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
