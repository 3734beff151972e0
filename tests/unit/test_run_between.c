/* What others do between the steps of a run, and what a first load that commits as it goes leaves:
 * against the Airtable simulator, in virtual time. */
#include "run_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPEC                                                                                       \
    "{\"connection_name\":\"c\",\"catalog\":\"main\",\"schema\":\"bronze\",\"objects\":[{"         \
    "\"table\":{\"source_table\":\"SKU Candidates\",\"destination_table\":\"t\","                  \
    "\"table_configuration\":{\"chains\":4%s}}}]}"

/* Four chains that take minutes, and do not end at the same time. */
static const struct sim_options slow = {.records = 2500, .latency_ms = 25000};

/* Each part is committed before the next chain ends. */
static const struct sim_options slower = {.records = 2500, .latency_ms = 90000};

static enum sl_code run(struct run_world *w, const char *config, bool full)
{
    char spec[2000];

    snprintf(spec, sizeof spec, SPEC, config);
    return run_spec(w, spec, full);
}

static void expect_run(struct run_world *w, const char *config)
{
    enum sl_code rc = run(w, config, false);

    if (rc) fail_msg("%s: %s (%s)", sl_code_name(rc), w->error.message, w->error.hint);
}

static void expect_truth(struct run_world *w)
{
    int64_t distinct = 0, rows = landed_rows(w, "t", "_airtable_id", &distinct);

    assert_int_equal(rows, true_rows(w, "SKU Candidates"));
    assert_int_equal(rows, distinct);
}

static struct sl_delta_table *open_table(struct run_world *w)
{
    struct sl_delta_table *table = NULL;
    struct sl_error error = {0};
    char location[500];

    snprintf(location, sizeof location, "%s/warehouse/main/bronze/t", w->home);
    return sl_delta_open(w->delta, location, -1, &table, &error) ? NULL : table;
}

static int64_t version_of(struct run_world *w)
{
    struct sl_delta_table *table = open_table(w);
    int64_t version = table ? sl_delta_version(table) : -1;

    sl_delta_table_free(table);
    return version;
}

/* ---- a first load ---- */

static void a_first_load_in_one_run_needs_no_other(void **state)
{
    struct run_world w;

    (void)state;
    run_world_make(&w, "airtable", &slow);
    expect_run(&w, "");
    assert_true(version_of(&w) > 0); /* it committed parts */
    expect_truth(&w);
    later(&w, 600);
    expect_run(&w, "");
    assert_null(report_of(&w, "t")->why_full);
    run_world_unmake(&w);
}

/* Parts were committed before some of the rows were rejected, and after. */
static void a_first_load_in_parts_keeps_what_it_rejects_once(void **state)
{
    struct run_world w;
    int64_t distinct = 0;

    (void)state;
    run_world_make(&w, "airtable", &slow);
    expect_run(&w, ",\"primary_keys\":[\"SKU\",\"_airtable_id\"]");
    assert_true(version_of(&w) > 0);
    const struct sl_table_report *t = report_of(&w, "t");
    assert_true(t->rejected > 0);
    assert_int_equal(t->rows_read + t->rejected, true_rows(&w, "SKU Candidates"));
    assert_int_equal(landed_rows(&w, "t__rejected", "_raw", &distinct), t->rejected);
    assert_int_equal(distinct, t->rejected);
    run_world_unmake(&w);
}

static bool stop_at_the_first_part(void *ctx)
{
    return version_of(ctx) >= 0;
}

static void what_went_while_a_first_load_was_interrupted_goes(void **state)
{
    static const char config[] = ",\"reconcile_every\":\"never\"";
    struct run_world w;
    char op[100];

    (void)state;
    run_world_make(&w, "airtable", &slow);
    w.stopping = stop_at_the_first_part;
    w.stopping_ctx = &w;
    assert_int_equal(run(&w, config, false), SL_CANCELLED);
    w.stopping = NULL;
    for (int record = 1; record < 60; record++) {
        snprintf(op, sizeof op, "{\"op\":\"delete\",\"table\":\"SKU Candidates\",\"record\":%d}",
                 record);
        control(&w, op);
    }
    later(&w, 600);
    int64_t before = version_of(&w);
    expect_run(&w, config);
    assert_true(version_of(&w) > before + 1); /* it committed parts, too */
    later(&w, 600);
    expect_run(&w, config);
    assert_non_null(report_of(&w, "t")->why_full);
    expect_truth(&w);
    later(&w, 600);
    expect_run(&w, config);
    assert_null(report_of(&w, "t")->why_full);
    run_world_unmake(&w);
}

/* ---- others ---- */

/* What is done to the table once, in the middle of a run. */
struct meddler {
    struct run_world *w;
    void (*act)(struct run_world *w);
    bool at_a_part;   /* when the first part of a first load was committed; else when the table was
                       looked at, and the read has begun */
    int64_t requests; /* before the run */
    bool done;
};

static bool meddle(void *ctx)
{
    struct meddler *m = ctx;

    if (m->done || (m->at_a_part && version_of(m->w) < 0)) return false;
    if (sim_stat(m->w, "requests") < m->requests + 2) return false; /* the schema, and a page */
    m->done = true;
    m->act(m->w);
    return false;
}

static enum sl_code run_and_meddle(struct run_world *w, const char *config,
                                   void (*act)(struct run_world *w), bool at_a_part)
{
    struct meddler m = {.w = w,
                        .act = act,
                        .at_a_part = at_a_part,
                        .requests = sim_stat(w, "requests")};
    enum sl_code rc;

    w->stopping = meddle;
    w->stopping_ctx = &m;
    rc = run(w, config, false);
    w->stopping = NULL;
    assert_true(m.done);
    return rc;
}

static void commit(struct run_world *w, const struct sl_delta_commit *what)
{
    struct sl_delta_table *table = open_table(w);
    struct sl_error error = {0};

    assert_non_null(table);
    if (sl_delta_commit(table, what, &error)) fail_msg("%s", error.message);
    sl_delta_table_free(table);
}

/* A version that a program which is not sluice made: it takes a file of the table. */
static void take_a_file(struct run_world *w)
{
    struct sl_delta_table *table = open_table(w);
    const struct sl_delta_live *live;
    struct sl_error error = {0};
    char path[600];
    size_t count;

    assert_non_null(table);
    if (sl_delta_live(table, &live, &count, &error)) fail_msg("%s", error.message);
    assert_true(count > 0);
    snprintf(path, sizeof path, "%s/warehouse/main/bronze/t/_delta_log/%020lld.json", w->home,
             (long long)sl_delta_version(table) + 1);
    FILE *file = fopen(path, "wx");
    assert_non_null(file);
    fprintf(file,
            "{\"commitInfo\":{\"timestamp\":1,\"operation\":\"DELETE\",\"engineInfo\":\"other\"}}\n"
            "{\"remove\":{\"path\":\"%s\",\"deletionTimestamp\":1,\"dataChange\":true}}\n",
            live[0].path);
    fclose(file);
    sl_delta_table_free(table);
}

/* What the table says of its flow, written anew. */
static void put_domain(struct run_world *w, const char *text)
{
    struct sl_delta_table *table = open_table(w);
    char flow[64], name[100];

    assert_non_null(table);
    snprintf(flow, sizeof flow, "%s", sl_delta_property(table, "sluice.flow"));
    snprintf(name, sizeof name, "sluice.cursor.%s", flow);
    sl_delta_table_free(table);
    commit(w, &(struct sl_delta_commit){.operation = "WRITE",
                                        .app_id = flow,
                                        .app_version = 50,
                                        .domains = &(struct sl_pair){name, text},
                                        .domains_count = 1});
}

static void be_another_run(struct run_world *w)
{
    put_domain(w, "{\"format\":2,\"mode\":\"latest\",\"phase\":\"initial\",\"commit\":50,"
                  "\"table_version\":1,\"run\":\"another\"}");
}

static void a_fenced_first_load_writes_no_more(void **state)
{
    struct run_world w;

    (void)state;
    run_world_make(&w, "airtable", &slower);
    assert_int_equal(run_and_meddle(&w, "", be_another_run, true), SL_FENCED);
    assert_int_equal(version_of(&w), 1); /* the first part, and what the other one wrote */
    run_world_unmake(&w);
}

static void make_a_table(struct run_world *w)
{
    struct sl_delta_table *table = NULL;
    struct sl_error error = {0};
    char location[500];

    snprintf(location, sizeof location, "%s/warehouse/main/bronze/t", w->home);
    if (sl_delta_create(w->delta, location,
                        "{\"type\":\"struct\",\"fields\":[{\"name\":\"_airtable_id\",\"type\":"
                        "\"string\",\"nullable\":true,\"metadata\":{}}]}",
                        NULL, 0, &(struct sl_delta_commit){.operation = "WRITE"}, &table, &error))
        fail_msg("%s", error.message);
    sl_delta_table_free(table);
}

static void a_table_that_others_make_meanwhile_is_not_written_to(void **state)
{
    struct run_world w;

    (void)state;
    run_world_make(&w, "airtable", NULL);
    assert_int_equal(run_and_meddle(&w, "", make_a_table, false), SL_EXISTS);
    assert_non_null(strstr(w.error.message, "not made by this flow"));
    assert_int_equal(version_of(&w), 0);
    run_world_unmake(&w);
}

static void expect_full_read_because_of_others(struct run_world *w, const char *config)
{
    later(w, 600);
    expect_run(w, config);
    assert_non_null(report_of(w, "t")->why_full);
    assert_non_null(strstr(report_of(w, "t")->why_full, "others changed"));
    expect_truth(w);
}

static void rows_that_others_take_in_the_middle_of_a_run_come_back(void **state)
{
    struct run_world w;

    (void)state;
    run_world_make(&w, "airtable", NULL);
    expect_run(&w, "");
    later(&w, 600);
    control(&w, "{\"op\":\"edit\",\"table\":\"SKU Candidates\",\"record\":3}");
    later(&w, 600);
    assert_int_equal(run_and_meddle(&w, "", take_a_file, false), SL_OK);
    expect_full_read_because_of_others(&w, "");
    run_world_unmake(&w);
}

static void rows_that_others_took_come_back_although_a_property_is_set_first(void **state)
{
    struct run_world w;

    (void)state;
    run_world_make(&w, "airtable", NULL);
    expect_run(&w, "");
    take_a_file(&w);
    expect_full_read_because_of_others(
        &w, ",\"table_properties\":{\"delta.checkpointInterval\":\"20\"}");
    run_world_unmake(&w);
}

struct waiting {
    struct run_world *w;
    int64_t version;
};

static bool stop_at_a_version(void *ctx)
{
    const struct waiting *waiting = ctx;

    return version_of(waiting->w) > waiting->version;
}

/* The run that sets a property of an old table is stopped; the next one may go on. */
static void an_old_table_is_altered_and_then_merged_into(void **state)
{
    static const char config[] = ",\"table_properties\":{\"delta.checkpointInterval\":\"20\"}";
    struct run_world w;

    (void)state;
    run_world_make(&w, "airtable", NULL);
    expect_run(&w, "");
    put_domain(&w, "{\"format\":1,\"mode\":\"replace\",\"commit\":50}");
    later(&w, 600);
    w.stopping = stop_at_a_version;
    w.stopping_ctx = &(struct waiting){&w, version_of(&w)};
    assert_int_equal(run(&w, config, false), SL_CANCELLED);
    w.stopping = NULL;
    later(&w, 600);
    expect_run(&w, config);
    assert_non_null(report_of(&w, "t")->why_full);
    expect_truth(&w);
    run_world_unmake(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_first_load_in_one_run_needs_no_other),
        cmocka_unit_test(a_first_load_in_parts_keeps_what_it_rejects_once),
        cmocka_unit_test(what_went_while_a_first_load_was_interrupted_goes),
        cmocka_unit_test(a_fenced_first_load_writes_no_more),
        cmocka_unit_test(a_table_that_others_make_meanwhile_is_not_written_to),
        cmocka_unit_test(rows_that_others_take_in_the_middle_of_a_run_come_back),
        cmocka_unit_test(rows_that_others_took_come_back_although_a_property_is_set_first),
        cmocka_unit_test(an_old_table_is_altered_and_then_merged_into),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
