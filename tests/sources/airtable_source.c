#include "sources/airtable_source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void open_source(struct stage *source, const char *table_options)
{
    stage_open(source, "airtable", NULL, RECORDS);
    source->rest_s = 2;
    source->table_options = table_options;
    stage_control(source,
                  "{\"op\":\"remove_field\",\"table\":\"" OTHER "\",\"field\":\"Last change\"}");
    stage_discover(source);
}

void read_with(struct stage *source, const char *name, const char *cursor, bool full,
               const char *input, struct harvest *out)
{
    stage_read(source, name,
               (struct sl_job_options){.cursor = cursor,
                                       .input = input ? input : "{\"tables\":1,\"rows\":-1}",
                                       .full = full},
               out);
}

void read_now(struct stage *source, const char *name, const char *cursor, struct harvest *out)
{
    int64_t rest_s = source->rest_s;

    source->rest_s = 0;
    read_with(source, name, cursor, false, NULL, out);
    source->rest_s = rest_s;
}

void first_load(struct stage *source, const char *name)
{
    struct harvest h;

    stage_pass(source, 3600);
    stage_discover(source);
    read_with(source, name, NULL, true, NULL, &h);
    assert_string_equal(h.error.message, "");
    assert_non_null(strstr(h.complete, "\"scope\":{}"));
    stage_keep(source, &h);
    harvest_release(&h);
}

void increment(struct stage *source, const char *name, struct harvest *out)
{
    stage_discover(source);
    read_with(source, name, source->cursor, false, NULL, out);
    assert_string_equal(out->error.message, "");
    stage_keep(source, out);
}

static void truth_open(struct stage *source, const char *name, int64_t from, int count,
                       struct stage_page *truth)
{
    char range[60];

    snprintf(range, sizeof range, "&from=%d&count=%d", (int)from, count);
    stage_ask_truth(source, stage_table(source, name)->id, range, truth);
}

void ids_of(struct stage *source, const char *name, int64_t from, int count, char ids[][20])
{
    struct stage_page truth;
    int n = 0;

    truth_open(source, name, from, count, &truth);
    for (struct sl_json_each e = sl_json_each(sl_json_get(truth.root, "records"));
         sl_json_next(&e);)
        snprintf(ids[n++], 20, "%s", sl_json_str(sl_json_get(e.value, "id")));
    assert_int_equal(n, count);
    stage_page_close(&truth);
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

static void id_of_field(struct stage *source, const char *table, const char *field, char id[20])
{
    struct stage_page truth;

    id[0] = '\0';
    truth_open(source, table, 0, 0, &truth);
    struct sl_json_each e = sl_json_each(sl_json_path(truth.root, "table", "fields", NULL));
    while (sl_json_next(&e))
        if (sl_json_eq(sl_json_get(e.value, "name"), field))
            snprintf(id, 20, "%s", sl_json_str(sl_json_get(e.value, "id")));
    assert_true(id[0] != '\0');
    stage_page_close(&truth);
}

const char *true_cell(struct stage *source, const char *table, const char *field, int record,
                      char out[400])
{
    struct stage_page truth;
    char id[20];

    id_of_field(source, table, field, id);
    truth_open(source, table, record, 1, &truth);
    struct sl_json_each e = sl_json_each(sl_json_get(truth.root, "records"));
    assert_true(sl_json_next(&e));
    show(e.value, id, out);
    stage_page_close(&truth);
    return out;
}

const char *cell_of(struct stage *source, const struct harvest *h, const char *table,
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

void edit(struct stage *source, const char *name, int from, int count)
{
    for (int i = from; i < from + count; i++)
        stage_control(source, "{\"op\":\"edit\",\"table\":\"%s\",\"record\":%d}", name, i);
}
