/*
 * The Airtable connector against its simulator, where the source changes while it is read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "json/doc.h"
#include "sim/sim.h"
#include "sources/harvest.h"

#define RECORDS 450

struct source {
    struct sim *sim;
    struct sl_world *world;
    struct sl_buf options;
    struct harvest tables;
};

#define MUST(call)                                                                                 \
    do {                                                                                           \
        struct sl_error error = {0};                                                               \
        if (call) fail_msg("%s", error.message);                                                   \
    } while (0)

static void pass(struct source *source, int64_t us)
{
    struct sl_completion nothing;

    source->world->ops->wait(source->world, source->world->ops->monotonic_us(source->world) + us,
                             &nothing);
    sim_set_now(source->sim, source->world->ops->now_us(source->world));
}

static void open_source(struct source *source)
{
    struct sim_options options = {.seed = 42, .records = RECORDS};
    struct harvest_job job = {.connector = "airtable", .job = {.kind = SL_JOB_DISCOVER}};

    *source = (struct source){0};
    MUST(sim_new(sim_find("airtable"), &options, &source->sim, &error));
    MUST(sim_world(source->sim, 7, &source->world, &error));
    MUST(sim_connection(source->sim, "http://sim.test", &source->options, &error));
    job.options = sl_buf_str(&source->options);
    harvest_run(&job, source->world, &source->tables);
    assert_string_equal(source->tables.error.message, "");
    pass(source, 2000000);
}

static void close_source(struct source *source)
{
    harvest_release(&source->tables);
    sl_buf_release(&source->options);
    sl_world_free(source->world);
    sim_free(source->sim);
}

static void fault(struct source *source, const char *text)
{
    char json[256];

    snprintf(json, sizeof json, "{\"clear_faults\":true,\"lift_blocks\":true,\"fault\":\"%s\"}",
             text);
    MUST(sim_control(source->sim, json, &error));
}

static void read_table(struct source *source, const char *name, const char *options,
                       struct harvest *out)
{
    const struct harvest_table *table = harvest_table(&source->tables, name);
    struct harvest_job job = {.connector = "airtable", .options = sl_buf_str(&source->options)};

    assert_non_null(table);
    job.job = (struct sl_job_options){.kind = SL_JOB_READ,
                                      .table = table->name,
                                      .namespace_ = table->namespace_,
                                      .state = table->state,
                                      .table_options = options,
                                      .input = "{\"tables\":1,\"rows\":-1}",
                                      .full = true};
    job.key_member = table->key_member;
    harvest_run(&job, source->world, out);
    pass(source, 2000000);
}

/* How many records the table holds, or their comments. */
static int64_t live(struct source *source, const char *name, bool comments)
{
    const struct harvest_table *table = harvest_table(&source->tables, name);
    struct sl_buf body = {0};
    struct sim_reply reply;
    char query[80];
    struct sim_request request = {.method = "GET",
                                  .path = "/_sim/truth",
                                  .raw_path = "/_sim/truth",
                                  .query = query,
                                  .headers = (const struct sl_header[]){{0}},
                                  .now_us = sim_now(source->sim)};
    struct sl_doc *doc = sl_doc_new(0);
    const struct sl_json *root;
    int64_t n = 0, count;

    snprintf(query, sizeof query, "table=%s", table->id);
    sim_reply_init(&reply, &body);
    MUST(sim_handle(source->sim, &request, &reply, &error));
    MUST(sl_doc_parse_copy(doc, body.data, body.len, &root, &error));
    struct sl_json_each e = sl_json_each(sl_json_get(root, "records"));
    while (sl_json_next(&e)) {
        if (!comments)
            n++;
        else if (sl_json_i64(sl_json_get(e.value, "commentCount"), &count))
            n += count;
    }
    sl_doc_free(doc);
    sl_buf_release(&body);
    return n;
}

#define TABLE "SKU Candidates"

static void reads_through_what_listings_suffer_from(void **state)
{
    static const char *const faults[] = {"iterator_expired:page=3",
                                         "iterator_expired:page=2,times=3",
                                         "empty_page:page=2",
                                         "empty_page:page=4",
                                         "page_twice:page=2",
                                         "page_twice:page=4",
                                         "unknown_field:n=1"};
    static const char *const options[] = {NULL, "{\"chains\":2}", "{\"chains\":8}"};
    struct source source;

    (void)state;
    open_source(&source);
    for (size_t f = 0; f < sizeof faults / sizeof *faults; f++)
        for (size_t o = 0; o < 3; o++) {
            struct harvest h;

            fault(&source, faults[f]);
            read_table(&source, TABLE, options[o], &h);
            if (h.code != SL_DONE) fail_msg("%s: %s", faults[f], h.error.message);
            assert_int_equal(harvest_keys(&h, TABLE, false), live(&source, TABLE, false));
            assert_non_null(strstr(h.complete, "\"scope\":{}"));
            harvest_release(&h);
        }
    close_source(&source);
}

/* A page that comes for ever, or a listing that always expires, is no endless run. */
static void gives_up_in_the_end(void **state)
{
    static const char *const faults[] = {"iterator_expired:page=2,times=1000",
                                         "page_twice:page=2,times=1000"};
    struct source source;

    (void)state;
    open_source(&source);
    for (size_t f = 0; f < 2; f++) {
        struct harvest h;

        fault(&source, faults[f]);
        read_table(&source, TABLE, "{\"chains\":1}", &h);
        if (sl_failed(h.code))
            assert_null(h.complete);
        else
            assert_int_equal(harvest_keys(&h, TABLE, false), live(&source, TABLE, false));
        assert_true(h.counts.calls < 100);
        harvest_release(&h);
    }
    close_source(&source);
}

static void a_quota_stops_at_once(void **state)
{
    struct source source;
    struct harvest h;

    (void)state;
    open_source(&source);
    fault(&source, "quota:n=2,times=1000");
    read_table(&source, TABLE, NULL, &h);
    assert_int_equal(h.code, SL_QUOTA);
    assert_int_equal(h.counts.calls, 2);
    harvest_release(&h);
    close_source(&source);
}

/* Records and fields change between two pages; the read stands, and a quiet one is the truth. */
static void stands_changes_while_it_reads(void **state)
{
    static const char *const faults[] = {
        "edit:page=2,count=20", "create:page=2,count=20",       "delete:page=2,count=20",
        "mutate:page=3",        "add_field:page=2,type=number", "rename_table:page=2,to=New name"};
    struct source source;

    (void)state;
    for (size_t f = 0; f < sizeof faults / sizeof *faults; f++) {
        struct harvest h;

        open_source(&source);
        fault(&source, faults[f]);
        read_table(&source, TABLE, "{\"chains\":2}", &h);
        if (h.code != SL_DONE) fail_msg("%s: %s", faults[f], h.error.message);
        assert_true(harvest_keys(&h, TABLE, false) >= RECORDS - 20);
        harvest_release(&h);
        read_table(&source, TABLE, NULL, &h);
        if (h.code != SL_DONE) fail_msg("%s, quiet: %s", faults[f], h.error.message);
        assert_int_equal(harvest_keys(&h, TABLE, false), live(&source, TABLE, false));
        harvest_release(&h);
        close_source(&source);
    }
}

/* A table that goes away is a failure, never an empty table. */
static void a_table_that_goes_away_is_no_empty_table(void **state)
{
    struct source source;
    struct harvest h;

    (void)state;
    open_source(&source);
    fault(&source, "remove_table:page=3");
    read_table(&source, TABLE, NULL, &h);
    assert_int_equal(h.code, SL_PERMISSION);
    assert_null(h.complete);
    assert_non_null(strstr(h.error.message, TABLE));
    harvest_release(&h);
    close_source(&source);
}

/* A filter that is no formula by itself must not become one among the arguments of AND(): what it
 * asks for is the same whatever the number of shares. */
static void a_filter_means_the_same_in_every_share(void **state)
{
    static const char *const chains[] = {"1", "2", "8"};
    static const char *const broken[] = {"1, 0", "1, 1"};
    struct source source;

    (void)state;
    open_source(&source);
    for (size_t c = 0; c < 3; c++) {
        char options[200];
        struct harvest h;

        snprintf(options, sizeof options,
                 "{\"chains\":%s,\"filter\":\"MOD(LEN(RECORD_ID()),2)=1\"}", chains[c]);
        read_table(&source, TABLE, options, &h);
        assert_string_equal(h.error.message, "");
        assert_int_equal(harvest_keys(&h, TABLE, false), RECORDS);
        harvest_release(&h);
        for (size_t b = 0; b < sizeof broken / sizeof *broken; b++) {
            snprintf(options, sizeof options, "{\"chains\":%s,\"filter\":\"%s\"}", chains[c],
                     broken[b]);
            read_table(&source, TABLE, options, &h);
            if (h.code != SL_BAD_SPEC)
                fail_msg("%s: %s, %d rows", options, sl_code_name(h.code),
                         (int)harvest_keys(&h, TABLE, false));
            assert_null(h.complete);
            harvest_release(&h);
        }
    }
    close_source(&source);
}

static void comments_are_all_read(void **state)
{
    struct source source;
    struct harvest h;

    (void)state;
    open_source(&source);
    read_table(&source, TABLE "__comments", NULL, &h);
    assert_string_equal(h.error.message, "");
    assert_true(live(&source, TABLE, true) > 0);
    assert_int_equal(harvest_keys(&h, TABLE "__comments", false), live(&source, TABLE, true));
    harvest_release(&h);
    close_source(&source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_through_what_listings_suffer_from),
        cmocka_unit_test(gives_up_in_the_end),
        cmocka_unit_test(a_quota_stops_at_once),
        cmocka_unit_test(stands_changes_while_it_reads),
        cmocka_unit_test(a_table_that_goes_away_is_no_empty_table),
        cmocka_unit_test(a_filter_means_the_same_in_every_share),
        cmocka_unit_test(comments_are_all_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
