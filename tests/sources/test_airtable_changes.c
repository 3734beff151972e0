/*
 * What the Airtable connector asks for when little or nothing has changed, against its simulator:
 * which records come, and how many calls that takes.
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

#define RECORDS 2000
#define TABLE "SKU Candidates" /* it has a field with the modified time */
#define OTHER "Vendors"        /* it has none */

struct source {
    struct sim *sim;
    struct sl_world *world;
    struct sl_buf options;
    struct harvest tables;     /* of the newest discover */
    const char *table_options; /* of all that follows */
    char *cursor;              /* of the newest read */
};

#define MUST(call)                                                                                 \
    do {                                                                                           \
        struct sl_error error = {0};                                                               \
        if (call) fail_msg("%s", error.message);                                                   \
    } while (0)

static void pass(struct source *source, int64_t s)
{
    struct sl_completion nothing;

    source->world->ops->wait(source->world,
                             source->world->ops->monotonic_us(source->world) + s * 1000000,
                             &nothing);
    sim_set_now(source->sim, source->world->ops->now_us(source->world));
}

static void control(struct source *source, const char *format, ...)
{
    struct sl_buf json = {0};
    va_list args;

    va_start(args, format);
    sl_buf_vaddf(&json, format, args);
    va_end(args);
    MUST(sim_control(source->sim, sl_buf_str(&json), &error));
    sl_buf_release(&json);
}

static int64_t discover(struct source *source)
{
    struct harvest_job job = {.connector = "airtable",
                              .options = sl_buf_str(&source->options),
                              .job = {.kind = SL_JOB_DISCOVER,
                                      .table_options = source->table_options}};

    harvest_release(&source->tables);
    harvest_run(&job, source->world, &source->tables);
    assert_string_equal(source->tables.error.message, "");
    pass(source, 2);
    return source->tables.counts.calls;
}

static void open_source(struct source *source, const char *table_options)
{
    struct sim_options options = {.seed = 42, .records = RECORDS};

    *source = (struct source){.table_options = table_options};
    MUST(sim_new(sim_find("airtable"), &options, &source->sim, &error));
    MUST(sim_world(source->sim, 7, &source->world, &error));
    MUST(sim_connection(source->sim, "http://sim.test", &source->options, &error));
    control(source, "{\"op\":\"remove_field\",\"table\":\"" OTHER "\",\"field\":\"Last change\"}");
    discover(source);
}

static void close_source(struct source *source)
{
    free(source->cursor);
    harvest_release(&source->tables);
    sl_buf_release(&source->options);
    sl_world_free(source->world);
    sim_free(source->sim);
}

/* One read of a table; the cursor of a read that ended well is kept for the next one. */
static void read_with(struct source *source, const char *name, const char *cursor, bool full,
                      const char *input, struct harvest *out)
{
    const struct harvest_table *table = harvest_table(&source->tables, name);
    struct harvest_job job = {.connector = "airtable", .options = sl_buf_str(&source->options)};

    assert_non_null(table);
    job.job = (struct sl_job_options){.kind = SL_JOB_READ,
                                      .table = table->name,
                                      .namespace_ = table->namespace_,
                                      .state = table->state,
                                      .table_options = source->table_options,
                                      .cursor = cursor,
                                      .input = input ? input : "{\"tables\":1,\"rows\":-1}",
                                      .full = full};
    job.key_member = "id";
    harvest_run(&job, source->world, out);
    pass(source, 2);
}

static void keep_cursor(struct source *source, const struct harvest *h)
{
    free(source->cursor);
    source->cursor = strdup(h->cursor);
    if (!source->cursor) abort();
}

static void first_load(struct source *source, const char *name)
{
    struct harvest h;

    pass(source, 3600); /* the simulated world has a past, up to its first second */
    discover(source);
    read_with(source, name, NULL, true, NULL, &h);
    assert_string_equal(h.error.message, "");
    assert_non_null(strstr(h.complete, "\"scope\":{}"));
    keep_cursor(source, &h);
    harvest_release(&h);
}

/* A run as the engine makes it: the schema, then the table. */
static void increment(struct source *source, const char *name, struct harvest *out)
{
    discover(source);
    read_with(source, name, source->cursor, false, NULL, out);
    assert_string_equal(out->error.message, "");
    keep_cursor(source, out);
}

static bool is_complete(const struct harvest *h)
{
    return h->complete && strstr(h->complete, "\"scope\":{}");
}

/* The ids of the records that the source holds, by the index of their creation. */
static void ids_of(struct source *source, const char *name, int64_t from, int count, char ids[][20])
{
    const struct harvest_table *table = harvest_table(&source->tables, name);
    struct sl_buf body = {0};
    struct sim_reply reply;
    char query[120];
    struct sim_request request = {.method = "GET",
                                  .path = "/_sim/truth",
                                  .raw_path = "/_sim/truth",
                                  .query = query,
                                  .headers = (const struct sl_header[]){{0}},
                                  .now_us = sim_now(source->sim)};
    struct sl_doc *doc = sl_doc_new(0);
    const struct sl_json *root;
    int n = 0;

    snprintf(query, sizeof query, "table=%s&from=%d&count=%d", table->id, (int)from, count);
    sim_reply_init(&reply, &body);
    MUST(sim_handle(source->sim, &request, &reply, &error));
    MUST(sl_doc_parse_copy(doc, body.data, body.len, &root, &error));
    for (struct sl_json_each e = sl_json_each(sl_json_get(root, "records")); sl_json_next(&e);)
        snprintf(ids[n++], 20, "%s", sl_json_str(sl_json_get(e.value, "id")));
    assert_int_equal(n, count);
    sl_doc_free(doc);
    sl_buf_release(&body);
}

static void edit(struct source *source, const char *name, int from, int count)
{
    for (int i = from; i < from + count; i++)
        control(source, "{\"op\":\"edit\",\"table\":\"%s\",\"record\":%d}", name, i);
}

/* ---- windows ---- */

static void nothing_changed_costs_one_call(void **state)
{
    static const char *const names[] = {TABLE, OTHER};
    struct source source;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct harvest h;

        open_source(&source, NULL);
        assert_int_equal(harvest_table(&source.tables, names[i])->ingestion, SL_CDC);
        assert_int_equal(harvest_table(&source.tables, names[i])->cursor != NULL, i == 0);
        first_load(&source, names[i]);
        for (int run = 0; run < 4; run++) {
            pass(&source, 3600);
            increment(&source, names[i], &h);
            assert_int_equal(h.counts.calls, run == 0 ? 2 : 1); /* the first one is the self-test */
            assert_int_equal(harvest_count(&h, NULL, false), 0);
            assert_false(is_complete(&h));
            assert_int_equal(h.note_count, 0);
            harvest_release(&h);
        }
        assert_int_equal(source.tables.counts.calls, 1);
        close_source(&source);
    }
}

static void what_changed_comes_and_nothing_else(void **state)
{
    static const char *const names[] = {TABLE, OTHER};
    static const int changes[] = {1, 20, 100, 101, 450};
    struct source source;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        open_source(&source, NULL);
        first_load(&source, names[i]);
        for (size_t c = 0; c < sizeof changes / sizeof *changes; c++) {
            struct harvest h;
            char ids[500][20];

            pass(&source, 3600);
            edit(&source, names[i], 300, changes[c]);
            control(&source, "{\"op\":\"create\",\"table\":\"%s\",\"count\":3}", names[i]);
            pass(&source, 1000);
            increment(&source, names[i], &h);
            assert_int_equal(harvest_count(&h, NULL, false), changes[c] + 3);
            assert_int_equal(harvest_keys(&h, NULL, false), changes[c] + 3);
            assert_true(h.counts.calls <= (changes[c] + 3) / 100 + 3);
            ids_of(&source, names[i], 300, changes[c], ids);
            for (int n = 0; n < changes[c]; n++)
                assert_true(harvest_has_key(&h, names[i], false, ids[n]));
            ids_of(&source, names[i], RECORDS + 3 * (int)c, 3, ids);
            for (int n = 0; n < 3; n++) assert_true(harvest_has_key(&h, names[i], false, ids[n]));
            harvest_release(&h);
        }
        close_source(&source);
    }
}

/* What was read in the last minutes of a run is read again in the next one, and then no more. */
static void the_lookback_redelivers_for_a_while(void **state)
{
    struct source source;
    struct harvest h;

    (void)state;
    open_source(&source, NULL);
    first_load(&source, TABLE);
    pass(&source, 3600);
    edit(&source, TABLE, 10, 5);
    pass(&source, 60);
    static const int expected[] = {5, 5, 5, 0};
    static const int waits[] = {240, 700, 600, 0};
    for (int run = 0; run < 4; run++) {
        increment(&source, TABLE, &h);
        assert_int_equal(harvest_count(&h, NULL, false), expected[run]);
        harvest_release(&h);
        pass(&source, waits[run]);
    }
    close_source(&source);
}

/* The first window reaches back before the full read began. */
static void an_edit_during_the_full_read_is_not_lost(void **state)
{
    struct source source;
    struct harvest h;

    (void)state;
    open_source(&source, "{\"lookback_seconds\":0}");
    control(&source, "{\"fault\":\"edit:page=5,record=0\"}"); /* of a page that was read already */
    first_load(&source, TABLE);
    pass(&source, 3600);
    increment(&source, TABLE, &h);
    assert_int_equal(harvest_count(&h, NULL, false), 1);
    harvest_release(&h);
    close_source(&source);
}

static void a_filter_that_does_not_filter_is_found_out(void **state)
{
    struct source source;
    struct harvest h;

    (void)state;
    open_source(&source, NULL);
    first_load(&source, TABLE);
    control(&source, "{\"op\":\"behaviour\",\"is_after_broken\":1}");
    pass(&source, 3600);
    increment(&source, TABLE, &h);
    assert_true(is_complete(&h));
    assert_int_equal(harvest_keys(&h, NULL, false), RECORDS);
    assert_int_equal(h.counts.calls, 1 + RECORDS / 100);
    assert_int_equal(h.note_count, 1);
    assert_non_null(strstr(h.notes[0], "older rows"));
    harvest_release(&h);
    for (int run = 0; run < 2; run++) { /* and then it is known */
        pass(&source, 3600);
        increment(&source, TABLE, &h);
        assert_true(is_complete(&h));
        assert_int_equal(h.counts.calls, RECORDS / 100);
        assert_int_equal(h.note_count, 0);
        harvest_release(&h);
    }
    close_source(&source);
}

/* Its self-test was good, and later rows show that it is not. */
static void rows_from_outside_the_window_are_found_out(void **state)
{
    struct source source;
    struct harvest h;

    (void)state;
    open_source(&source, NULL);
    first_load(&source, TABLE);
    pass(&source, 3600);
    increment(&source, TABLE, &h);
    harvest_release(&h);
    control(&source, "{\"op\":\"behaviour\",\"is_after_broken\":1}");
    pass(&source, 3600);
    increment(&source, TABLE, &h);
    assert_true(is_complete(&h));
    assert_int_equal(harvest_keys(&h, NULL, false), RECORDS);
    assert_int_equal(h.note_count, 1);
    harvest_release(&h);
    close_source(&source);
}

static void another_scope_is_read_in_full(void **state)
{
    struct source source;
    struct harvest h;

    (void)state;
    open_source(&source, NULL);
    first_load(&source, TABLE);
    pass(&source, 3600);
    source.table_options = "{\"filter\":\"MOD(LEN(RECORD_ID()),2)=1\"}";
    increment(&source, TABLE, &h);
    assert_true(is_complete(&h));
    assert_int_equal(h.note_count, 1);
    assert_non_null(strstr(h.notes[0], "the view or the filter"));
    harvest_release(&h);
    edit(&source, TABLE, 7, 2);
    increment(&source, TABLE, &h); /* and then by windows, within that filter */
    assert_false(is_complete(&h));
    assert_int_equal(harvest_count(&h, NULL, false), 2);
    harvest_release(&h);
    source.table_options = "{\"read_mode\":\"full\"}";
    increment(&source, TABLE, &h);
    assert_int_equal(harvest_table(&source.tables, TABLE)->ingestion, SL_SNAPSHOT);
    assert_true(is_complete(&h));
    harvest_release(&h);
    close_source(&source);
}

/* ---- records by id ---- */

static void records_are_read_again_by_id(void **state)
{
    static const int counts[] = {1, 100, 101, 350};
    struct source source;

    (void)state;
    open_source(&source, NULL);
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        struct sl_buf input = {0};
        struct harvest h;
        char ids[400][20];

        ids_of(&source, TABLE, 50, counts[c], ids);
        sl_buf_adds(&input, "{\"keys\":[");
        for (int i = 0; i < counts[c]; i++)
            sl_buf_addf(&input, "%s{\"_airtable_id\":\"%s\"}", i ? "," : "", ids[i]);
        sl_buf_adds(&input, ",{\"_airtable_id\":\"recNoSuchRecord00\"}]}");
        read_with(&source, TABLE, NULL, true, sl_buf_str(&input), &h);
        assert_string_equal(h.error.message, "");
        assert_int_equal(harvest_keys(&h, NULL, false), counts[c]);
        assert_int_equal(harvest_count(&h, NULL, true), 0);
        assert_int_equal(h.counts.calls, (counts[c] + 1 + 99) / 100);
        assert_false(is_complete(&h));
        harvest_release(&h);
        sl_buf_release(&input);
    }
    close_source(&source);
}

/* ---- a first load in parts ---- */

/* The parts of a cursor that an engine would have kept when the load broke off after these. */
static char *cursor_of_parts(const struct source *source, const char *root,
                             const char *const *parts, int64_t from_us, bool others)
{
    struct sl_buf text = {0};

    (void)source;
    sl_buf_addf(&text, "{\"parts\":{\"\":%s", root);
    for (; *parts; parts++)
        sl_buf_addf(&text, ",\"%s\":{\"done_us\":%lld,\"others\":%s}", *parts, (long long)from_us,
                    others ? "true" : "false");
    sl_buf_adds(&text, "}}");
    char *copy = strdup(sl_buf_str(&text));
    sl_buf_release(&text);
    return copy;
}

static void a_first_load_goes_on_where_it_was(void **state)
{
    static const char *const none[] = {NULL};
    static const char *const first[] = {"/share-1-of-4", NULL};
    static const char *const flat[] = {"/share-1-of-4", "/share-3-of-4", NULL};
    static const char *const probed[] = {"/share-1-of-4", "/share-1-of-4/share-3-of-4", NULL};
    static const char *const all[] = {"/share-1-of-4", "/share-2-of-4", "/share-3-of-4",
                                      "/share-4-of-4", NULL};
    static const struct {
        const char *const *parts;
        bool probe;
        int left; /* shares of four */
    } cases[] = {{none, false, 4}, {first, false, 3}, {flat, false, 2},
                 {all, false, 0},  {first, true, 3},  {probed, true, 2}};
    const int64_t from_us = SIM_START_US - 7200 * INT64_C(1000000);
    struct source source;

    (void)state;
    open_source(&source, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct harvest h;
        char root[200];

        snprintf(
            root, sizeof root,
            "{\"v\":2,\"view\":null,\"filter\":null,\"from_us\":%lld,\"shares\":4,\"probe\":%s}",
            (long long)from_us, cases[i].probe ? "true" : "false");
        char *cursor = cursor_of_parts(&source, root, cases[i].parts, from_us, false);
        read_with(&source, TABLE, cursor, true, NULL, &h);
        assert_string_equal(h.error.message, "");
        int rows = (int)harvest_keys(&h, NULL, false);
        if (abs(rows - RECORDS / 4 * cases[i].left) > 100)
            fail_msg("case %zu: %d rows of %d", i, rows, RECORDS / 4 * cases[i].left);
        assert_true(h.counts.calls <= rows / 100 + cases[i].left);
        assert_true(is_complete(&h));
        assert_non_null(strstr(h.cursor, root)); /* what it leaves reaches back to the beginning */
        assert_null(strstr(h.cursor, "done_us"));
        harvest_release(&h);
        /* Of another full read nothing is taken. */
        free(cursor);
        cursor = cursor_of_parts(&source, root, cases[i].parts, from_us + 1, false);
        read_with(&source, TABLE, cursor, true, NULL, &h);
        assert_int_equal(harvest_keys(&h, NULL, false), RECORDS);
        harvest_release(&h);
        free(cursor);
    }
    close_source(&source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_changed_costs_one_call),
        cmocka_unit_test(what_changed_comes_and_nothing_else),
        cmocka_unit_test(the_lookback_redelivers_for_a_while),
        cmocka_unit_test(an_edit_during_the_full_read_is_not_lost),
        cmocka_unit_test(a_filter_that_does_not_filter_is_found_out),
        cmocka_unit_test(rows_from_outside_the_window_are_found_out),
        cmocka_unit_test(another_scope_is_read_in_full),
        cmocka_unit_test(records_are_read_again_by_id),
        cmocka_unit_test(a_first_load_goes_on_where_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
