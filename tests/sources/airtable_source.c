#include "sources/airtable_source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json/doc.h"

#define MUST(call)                                                                                 \
    do {                                                                                           \
        struct sl_error error = {0};                                                               \
        if (call) fail_msg("%s", error.message);                                                   \
    } while (0)

void pass(struct source *source, int64_t s)
{
    struct sl_completion nothing;

    source->world->ops->wait(source->world,
                             source->world->ops->monotonic_us(source->world) + s * 1000000,
                             &nothing);
    sim_set_now(source->sim, source->world->ops->now_us(source->world));
}

void control(struct source *source, const char *format, ...)
{
    struct sl_buf json = {0};
    va_list args;

    va_start(args, format);
    sl_buf_vaddf(&json, format, args);
    va_end(args);
    MUST(sim_control(source->sim, sl_buf_str(&json), &error));
    sl_buf_release(&json);
}

int64_t discover(struct source *source)
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

void open_source(struct source *source, const char *table_options)
{
    struct sim_options options = {.seed = 42, .records = RECORDS};

    *source = (struct source){.table_options = table_options};
    MUST(sim_new(sim_find("airtable"), &options, &source->sim, &error));
    MUST(sim_world(source->sim, 7, &source->world, &error));
    MUST(sim_connection(source->sim, "http://sim.test", &source->options, &error));
    control(source, "{\"op\":\"remove_field\",\"table\":\"" OTHER "\",\"field\":\"Last change\"}");
    discover(source);
}

void close_source(struct source *source)
{
    free(source->cursor);
    harvest_release(&source->tables);
    sl_buf_release(&source->options);
    sl_world_free(source->world);
    sim_free(source->sim);
}

static struct harvest_job job_of(const struct source *source, const char *name, const char *cursor,
                                 bool full, const char *input)
{
    const struct harvest_table *table = harvest_table(&source->tables, name);

    assert_non_null(table);
    return (struct harvest_job){
        .connector = "airtable",
        .options = source->options.data,
        .key_member = "id",
        .job = {.kind = SL_JOB_READ,
                .table = table->name,
                .namespace_ = table->namespace_,
                .state = table->state,
                .table_options = source->table_options,
                .cursor = cursor,
                .input = input ? input : "{\"tables\":1,\"rows\":-1}",
                .full = full},
    };
}

void read_with(struct source *source, const char *name, const char *cursor, bool full,
               const char *input, struct harvest *out)
{
    struct harvest_job job = job_of(source, name, cursor, full, input);

    harvest_run(&job, source->world, out);
    pass(source, 2);
}

void read_now(struct source *source, const char *name, const char *cursor, struct harvest *out)
{
    struct harvest_job job = job_of(source, name, cursor, false, NULL);

    harvest_run(&job, source->world, out);
}

void keep_cursor(struct source *source, const struct harvest *h)
{
    free(source->cursor);
    source->cursor = strdup(h->cursor);
    if (!source->cursor) abort();
}

void first_load(struct source *source, const char *name)
{
    struct harvest h;

    pass(source, 3600);
    discover(source);
    read_with(source, name, NULL, true, NULL, &h);
    assert_string_equal(h.error.message, "");
    assert_non_null(strstr(h.complete, "\"scope\":{}"));
    keep_cursor(source, &h);
    harvest_release(&h);
}

void increment(struct source *source, const char *name, struct harvest *out)
{
    discover(source);
    read_with(source, name, source->cursor, false, NULL, out);
    assert_string_equal(out->error.message, "");
    keep_cursor(source, out);
}

bool is_complete(const struct harvest *h)
{
    return h->complete && strstr(h->complete, "\"scope\":{}");
}

struct truth {
    struct sl_buf body;
    struct sl_doc *doc;
    const struct sl_json *root;
};

static void truth_open(struct source *source, const char *name, int64_t from, int count,
                       struct truth *truth)
{
    const struct harvest_table *table = harvest_table(&source->tables, name);
    struct sim_reply reply;
    char query[120];
    struct sim_request request = {.method = "GET",
                                  .path = "/_sim/truth",
                                  .raw_path = "/_sim/truth",
                                  .query = query,
                                  .headers = (const struct sl_header[]){{0}},
                                  .now_us = sim_now(source->sim)};

    *truth = (struct truth){.doc = sl_doc_new(0)};
    snprintf(query, sizeof query, "table=%s&from=%d&count=%d", table->id, (int)from, count);
    sim_reply_init(&reply, &truth->body);
    MUST(sim_handle(source->sim, &request, &reply, &error));
    MUST(sl_doc_parse_copy(truth->doc, truth->body.data, truth->body.len, &truth->root, &error));
}

static void truth_close(struct truth *truth)
{
    sl_doc_free(truth->doc);
    sl_buf_release(&truth->body);
}

void ids_of(struct source *source, const char *name, int64_t from, int count, char ids[][20])
{
    struct truth truth;
    int n = 0;

    truth_open(source, name, from, count, &truth);
    for (struct sl_json_each e = sl_json_each(sl_json_get(truth.root, "records"));
         sl_json_next(&e);)
        snprintf(ids[n++], 20, "%s", sl_json_str(sl_json_get(e.value, "id")));
    assert_int_equal(n, count);
    truth_close(&truth);
}

static const char *show(const struct sl_json *record, const char *field_id, char out[400])
{
    const struct sl_json *cell = sl_json_path(record, "fields", field_id, NULL);
    struct sl_json_writer *w = sl_json_writer_new();

    out[0] = '\0';
    if (cell) {
        sl_json_put_value(w, cell);
        snprintf(out, 400, "%s", sl_json_writer_text(w, NULL));
    }
    sl_json_writer_free(w);
    return out;
}

static void id_of_field(struct source *source, const char *table, const char *field, char id[20])
{
    struct truth truth;

    id[0] = '\0';
    truth_open(source, table, 0, 0, &truth);
    struct sl_json_each e = sl_json_each(sl_json_path(truth.root, "table", "fields", NULL));
    while (sl_json_next(&e))
        if (sl_json_eq(sl_json_get(e.value, "name"), field))
            snprintf(id, 20, "%s", sl_json_str(sl_json_get(e.value, "id")));
    assert_true(id[0] != '\0');
    truth_close(&truth);
}

const char *true_cell(struct source *source, const char *table, const char *field, int record,
                      char out[400])
{
    struct truth truth;
    char id[20];

    id_of_field(source, table, field, id);
    truth_open(source, table, record, 1, &truth);
    struct sl_json_each e = sl_json_each(sl_json_get(truth.root, "records"));
    assert_true(sl_json_next(&e));
    show(e.value, id, out);
    truth_close(&truth);
    return out;
}

const char *cell_of(struct source *source, const struct harvest *h, const char *table,
                    const char *field, const char *key, char out[400])
{
    struct sl_doc *doc = sl_doc_new(0);
    const struct sl_json *record;
    char id[20];

    out[0] = '\0';
    id_of_field(source, table, field, id);
    for (size_t i = 0; i < h->row_count; i++) {
        if (strcmp(h->rows[i].table, table) != 0 || h->rows[i].deleted ||
            strcmp(h->rows[i].key, key) != 0)
            continue;
        MUST(sl_doc_parse_copy(doc, h->rows[i].text, strlen(h->rows[i].text), &record, &error));
        show(record, id, out);
    }
    sl_doc_free(doc);
    return out;
}

void edit(struct source *source, const char *name, int from, int count)
{
    for (int i = from; i < from + count; i++)
        control(source, "{\"op\":\"edit\",\"table\":\"%s\",\"record\":%d}", name, i);
}
