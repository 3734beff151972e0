/*
 * Every allocation of our C fails in turn, in a whole run: discover, plan, read, stage, commit.
 * Delta is tests/unit/delta_stub, so that what fails is ours. Whatever fails, nothing crashes,
 * nothing leaks, nothing is committed by half, and the next run puts it right. The same for a
 * second run, which takes what changed: afterwards a table is as it was, or as it should be.
 */
#include "run_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "unit/arrow_text.h"

#define PROBLEMS_SHOWN 20
#define EACH_UP_TO 1500 /* then every 7th, every 14th, ... */
#define STRIDE 7

struct job {
    const char *app;
    const char *spec;
    struct sim_options sim;
    size_t tables;
    const char *names[6], *keys[6];
    int64_t rows[6];        /* of a run without a failure */
    const char *edits;      /* made after a first run: then it is the second one that fails */
    const char *columns[6]; /* with edits: what tells the rows of table 0 apart */
    size_t column_count;
    char *before, *after; /* what table 0 holds without a failure */
    int problems;
};

/* All of them are wanted, not the first alone. */
static void problem(struct job *job, int64_t n, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void problem(struct job *job, int64_t n, const char *format, ...)
{
    char text[600];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (++job->problems <= PROBLEMS_SHOWN)
        print_error("%s, allocation %lld: %s\n", job->app, (long long)n, text);
}

static void open_source(struct run_world *w, const struct job *job)
{
    if (sim_new(sim_find(job->app), &job->sim, &w->sim, &w->error) ||
        sim_world(w->sim, 7, &w->world, &w->error))
        fail_msg("%s", w->error.message);
}

static void close_source(struct run_world *w)
{
    sl_world_free(w->world);
    sim_free(w->sim);
    w->world = NULL;
    w->sim = NULL;
}

static void location_of(const struct run_world *w, const char *table, char out[600])
{
    snprintf(out, 600, "%s/warehouse/main/bronze/%s", w->home, table);
}

/* Rows of the newest version; -1: there is no table; *version as it is. */
static int64_t rows_in(struct run_world *w, const char *table, int64_t *version)
{
    char location[600];
    struct sl_delta_table *delta = NULL;
    struct sl_delta_totals totals = {0};
    struct sl_error error = {0};

    *version = -1;
    location_of(w, table, location);
    if (sl_delta_open(w->delta, location, -1, &delta, &error)) return -1;
    *version = sl_delta_version(delta);
    assert_int_equal(sl_delta_totals(delta, &totals, &error), SL_OK);
    sl_delta_table_free(delta);
    return totals.rows;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A bound of history says when a run was: the run after a failed one is later. */
static void hide_times(char *text)
{
    for (char *at = strstr(text, "_AT:"); at; at = strstr(at + 1, "_AT:"))
        for (char *p = at; *p && *p != ',' && *p != '}'; p++)
            if (*p >= '0' && *p <= '9') *p = '0';
}

/* The rows of the newest version of table 0, in order: the caller frees it. */
static char *content(struct run_world *w, const struct job *job)
{
    struct sl_delta_table *table = NULL;
    struct ArrowArrayStream stream = {0};
    struct ArrowSchema schema = {0};
    struct ArrowArray batch = {0};
    struct sl_buf text = {0}, sorted = {0};
    struct sl_error error = {0};
    char location[600], *lines[500], *rest;
    const char *wrong = NULL;
    size_t count = 0;

    location_of(w, job->names[0], location);
    assert_int_equal(sl_delta_open(w->delta, location, -1, &table, &error), SL_OK);
    assert_int_equal(sl_delta_scan(table, job->columns, job->column_count, -1, &stream, &error),
                     SL_OK);
    assert_int_equal(stream.get_schema(&stream, &schema), 0);
    while (!wrong && stream.get_next(&stream, &batch) == 0 && batch.release) {
        wrong = arrow_text(&schema, &batch, &text);
        batch.release(&batch);
    }
    if (wrong) fail_msg("%s", wrong);
    hide_times(text.data);
    for (char *line = strtok_r(text.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        assert_true(count < sizeof lines / sizeof *lines);
        lines[count++] = line;
    }
    qsort(lines, count, sizeof *lines, by_text);
    for (size_t i = 0; i < count; i++) sl_buf_addf(&sorted, "%s\n", lines[i]);
    char *copy = strdup(sl_buf_str(&sorted));
    assert_non_null(copy);
    sl_buf_release(&text);
    sl_buf_release(&sorted);
    schema.release(&schema);
    stream.release(&stream);
    sl_delta_table_free(table);
    return copy;
}

/* As it was, or as it should be; and the version says which. */
static void expect_before_or_after(struct run_world *w, struct job *job, int64_t n, bool finished)
{
    int64_t version;
    char *now = content(w, job);
    bool is_before = strcmp(now, job->before) == 0, is_after = strcmp(now, job->after) == 0;

    rows_in(w, job->names[0], &version);
    if (!is_before && !is_after)
        problem(job, n, "'%s' is neither what it was nor what it should be:\n%s", job->names[0],
                now);
    if (finished && !is_after) problem(job, n, "a run that ended well left it undone");
    if (is_after != (version > 0)) problem(job, n, "version %lld", (long long)version);
    free(now);
}

/* Either the whole of it is there, or nothing is. */
static void expect_all_or_nothing(struct run_world *w, struct job *job, int64_t n)
{
    for (size_t i = 0; i < job->tables; i++) {
        int64_t version, rows = rows_in(w, job->names[i], &version);
        if (version >= 0 && rows != job->rows[i])
            problem(job, n, "'%s' has %lld rows in version %lld", job->names[i], (long long)rows,
                    (long long)version);
        const struct sl_table_report *report = NULL;
        for (size_t k = 0; w->report && k < w->report->count; k++)
            if (strcmp(strrchr(w->report->tables[k].destination, '.') + 1, job->names[i]) == 0)
                report = &w->report->tables[k];
        if (report && report->version >= 0 && report->version != version)
            problem(job, n, "'%s' is reported in another version", job->names[i]);
        if (report && report->state == SL_TABLE_COMPLETED && version < 0)
            problem(job, n, "'%s' is reported but not there", job->names[i]);
    }
}

static bool ran_out(const struct run_world *w, enum sl_code rc)
{
    if (rc == SL_NO_MEMORY) return true;
    for (size_t i = 0; w->report && i < w->report->count; i++)
        if (w->report->tables[i].error.code == SL_NO_MEMORY) return true;
    return false;
}

/* The first run of two, and what somebody does in the source after it. */
static void begin(struct run_world *w, const struct job *job)
{
    if (!job->edits) return;
    if (run_spec(w, job->spec, false)) fail_msg("the first run: %s", w->error.message);
    later(w, 1200);
    control(w, job->edits);
    later(w, 1200);
}

static void expect(struct run_world *w, struct job *job, int64_t n, bool finished)
{
    if (job->edits)
        expect_before_or_after(w, job, n, finished);
    else
        expect_all_or_nothing(w, job, n);
}

/* Returns false when allocation n was never reached: the run was whole. */
static bool one(struct run_world *w, struct job *job, int64_t n)
{
    int64_t live = sl_alloc_live();
    enum sl_code rc;

    open_source(w, job);
    assert_int_equal(sl_delta_engine_new(NULL, 0, &w->delta, &w->error), SL_OK);
    begin(w, job);
    sl_alloc_fail_after(n);
    rc = run_spec(w, job->spec, false);
    bool reached = sl_alloc_failed();
    sl_alloc_fail_after(-1);
    if (rc && !ran_out(w, rc)) problem(job, n, "%s: %s", sl_code_name(rc), w->error.message);
    if (rc && !w->error.message[0]) problem(job, n, "no message");
    expect(w, job, n, !rc);
    if (reached && n % 50 == 0) { /* and again, on what that left behind */
        rc = run_spec(w, job->spec, false);
        if (rc) problem(job, n, "the run after it: %s", w->error.message);
        expect(w, job, n, !rc);
    }
    sl_report_free(w->report);
    w->report = NULL;
    sl_delta_engine_free(w->delta);
    w->delta = NULL;
    close_source(w);
    if (sl_alloc_live() != live)
        problem(job, n, "%lld are left", (long long)(sl_alloc_live() - live));
    return reached;
}

static void learn(struct run_world *w, struct job *job)
{
    enum sl_code rc;

    open_source(w, job);
    assert_int_equal(sl_delta_engine_new(NULL, 0, &w->delta, &w->error), SL_OK);
    begin(w, job);
    if (job->edits) job->before = content(w, job);
    rc = run_spec(w, job->spec, false);
    if (rc) fail_msg("%s", w->error.message);
    if (job->edits) {
        job->after = content(w, job);
        assert_string_not_equal(job->before, job->after);
    }
    for (size_t i = 0; i < job->tables; i++) {
        int64_t version;
        job->rows[i] = rows_in(w, job->names[i], &version);
        assert_true(job->rows[i] > 0 && version >= 0);
        assert_int_equal(landed_rows(w, job->names[i], job->keys[i], NULL), job->rows[i]);
    }
    sl_report_free(w->report);
    w->report = NULL;
    sl_delta_engine_free(w->delta);
    w->delta = NULL;
    close_source(w);
}

static void torture(struct job *job)
{
    struct run_world w;
    int64_t n = 0, tried = 0;

    run_world_make(&w, job->app, &job->sim);
    sl_delta_engine_free(w.delta);
    close_source(&w);
    learn(&w, job);
    for (int64_t step = 1; one(&w, job, n); n += step, tried++)
        if (n >= EACH_UP_TO) step = STRIDE * (n / EACH_UP_TO);
    print_message("%s: %lld of about %lld allocations\n", job->app, (long long)tried, (long long)n);
    assert_int_equal(job->problems, 0);
    assert_true(tried > 500);
    free(job->before);
    free(job->after);
    run_world_unmake(&w);
}

static void an_airtable_run_survives_every_failed_allocation(void **state)
{
    struct job job = {
        .app = "airtable",
        .spec = "{\"connection_name\":\"c\",\"catalog\":\"main\",\"schema\":\"bronze\","
                "\"objects\":[{\"table\":{\"source_table\":\"Vendors\"}},"
                "{\"table\":{\"source_table\":\"Marketing Assets\",\"table_configuration\":{"
                "\"exclude_columns\":[\"Channel\"]}}}]}",
        .sim = {.records = 20, .rate = -1, .fault = "page_twice:page=1"},
        .tables = 2,
        .names = {"vendors", "marketing_assets"},
        .keys = {"_airtable_id", "_airtable_id"},
    };

    (void)state;
    torture(&job);
}

static void an_example_run_survives_every_failed_allocation(void **state)
{
    struct job job = {
        .app = "example",
        .spec = "{\"connection_name\":\"c\",\"catalog\":\"main\",\"schema\":\"bronze\","
                "\"objects\":[{\"table\":{\"source_table\":\"products\"}},"
                "{\"table\":{\"source_table\":\"events\"}},"
                "{\"table\":{\"source_table\":\"metrics\"}}]}",
        .sim = {.records = 20, .rate = -1},
        .tables = 3,
        .names = {"products", "events", "metrics"},
        .keys = {"product_id", "event_id", "metric_id"},
    };

    (void)state;
    torture(&job);
}

/* Some records have no SKU: with it as the key they go to skus__rejected, a chain is restarted. */
static void a_run_with_rejects_survives_every_failed_allocation(void **state)
{
    struct job job = {
        .app = "airtable",
        .spec = "{\"connection_name\":\"c\",\"catalog\":\"main\",\"schema\":\"bronze\","
                "\"objects\":[{\"table\":{\"source_table\":\"SKU Candidates\","
                "\"destination_table\":\"skus\",\"table_configuration\":{"
                "\"include_columns\":[\"SKU\"],\"primary_keys\":[\"SKU\"]}}}]}",
        .sim = {.records = 120, .rate = -1, .fault = "iterator_expired:page=2"},
        .tables = 1,
        .names = {"skus"},
        .keys = {"sku"},
    };

    (void)state;
    torture(&job);
}

#define VENDORS                                                                                    \
    "{\"connection_name\":\"c\",\"catalog\":\"main\",\"schema\":\"bronze\",\"objects\":[{"         \
    "\"table\":{"                                                                                  \
    "\"source_table\":\"Vendors\",\"table_configuration\":{\"scd_type\":\"%s\"}}}]}"
#define EDITS                                                                                      \
    "{\"ops\":[{\"op\":\"edit\",\"table\":\"Vendors\",\"record\":4,\"fields\":{\"Spend\":1200.5}}" \
    ","                                                                                            \
    "{\"op\":\"edit\",\"table\":\"Vendors\",\"record\":11,\"fields\":{\"Spend\":980}},"            \
    "{\"op\":\"create\",\"table\":\"Vendors\"}]}"

static void a_small_upsert_run_survives_every_failed_allocation(void **state)
{
    char spec[500];
    struct job job = {
        .app = "airtable",
        .spec = spec,
        .sim = {.records = 20, .rate = -1},
        .edits = EDITS,
        .tables = 1,
        .names = {"vendors"},
        .keys = {"_airtable_id"},
        .columns = {"_airtable_id", "vendor", "spend"},
        .column_count = 3,
    };

    (void)state;
    snprintf(spec, sizeof spec, VENDORS, "SCD_TYPE_1");
    torture(&job);
}

static void a_small_run_of_history_survives_every_failed_allocation(void **state)
{
    char spec[500];
    struct job job = {
        .app = "airtable",
        .spec = spec,
        .sim = {.records = 20, .rate = -1},
        .edits = EDITS,
        .tables = 1,
        .names = {"vendors"},
        .keys = {"_airtable_id"},
        .columns = {"_airtable_id", "vendor", "spend", "__START_AT", "__END_AT"},
        .column_count = 5,
    };

    (void)state;
    snprintf(spec, sizeof spec, VENDORS, "SCD_TYPE_2");
    torture(&job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_airtable_run_survives_every_failed_allocation),
        cmocka_unit_test(an_example_run_survives_every_failed_allocation),
        cmocka_unit_test(a_run_with_rejects_survives_every_failed_allocation),
        cmocka_unit_test(a_small_upsert_run_survives_every_failed_allocation),
        cmocka_unit_test(a_small_run_of_history_survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
