#include "sources/hubspot_source.h"

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

struct hs_held {
    char *key, *text; /* text NULL: deleted */
};

/* ---- the portal ---- */

void hs_pass(struct hs_source *source, int64_t seconds)
{
    struct sl_world *world = source->world;
    struct sl_completion nothing;

    world->ops->wait(world, world->ops->monotonic_us(world) + seconds * 1000000, &nothing);
    sim_set_now(source->sim, world->ops->now_us(world));
}

void hs_control(struct hs_source *source, const char *format, ...)
{
    struct sl_buf json = {0};
    va_list args;

    va_start(args, format);
    sl_buf_vaddf(&json, format, args);
    va_end(args);
    MUST(sim_control(source->sim, sl_buf_str(&json), &error));
    sl_buf_release(&json);
}

struct page {
    struct sl_buf body;
    struct sl_doc *doc;
    const struct sl_json *root;
};

static void open_page(struct hs_source *source, const char *path, const char *query,
                      struct page *page)
{
    struct sim_reply reply;
    struct sim_request request = {.method = "GET",
                                  .path = path,
                                  .raw_path = path,
                                  .query = query,
                                  .headers = (const struct sl_header[]){{0}},
                                  .now_us = sim_now(source->sim)};

    *page = (struct page){.doc = sl_doc_new(0)};
    assert_non_null(page->doc);
    sim_reply_init(&reply, &page->body);
    MUST(sim_handle(source->sim, &request, &reply, &error));
    MUST(sl_doc_parse_copy(page->doc, page->body.data, page->body.len, &page->root, &error));
}

static void close_page(struct page *page)
{
    sl_doc_free(page->doc);
    sl_buf_release(&page->body);
}

int64_t hs_stat(struct hs_source *source, const char *member)
{
    struct page page;
    int64_t value = -1;

    open_page(source, "/_sim/stats", "", &page);
    sl_json_i64(sl_json_get(page.root, member), &value);
    close_page(&page);
    return value;
}

void hs_open(struct hs_source *source, int64_t records, const char *kind)
{
    struct sim_options options = {.seed = 42, .records = records, .kind = kind};

    *source = (struct hs_source){0};
    MUST(sim_new(sim_find("hubspot"), &options, &source->sim, &error));
    MUST(sim_world(source->sim, 7, &source->world, &error));
    MUST(sim_connection(source->sim, "http://sim.test", &source->options, &error));
}

static void forget(struct hs_source *source)
{
    for (size_t i = 0; i < source->row_count; i++) {
        free(source->rows[i].key);
        free(source->rows[i].text);
    }
    free(source->rows);
    source->rows = NULL;
    source->row_count = 0;
}

void hs_close(struct hs_source *source)
{
    forget(source);
    free(source->cursor);
    harvest_release(&source->tables);
    sl_buf_release(&source->options);
    sl_world_free(source->world);
    sim_free(source->sim);
}

/* ---- runs ---- */

void hs_discover(struct hs_source *source)
{
    struct harvest_job job = {.connector = "hubspot",
                              .options = sl_buf_str(&source->options),
                              .job = {.kind = SL_JOB_DISCOVER}};

    harvest_release(&source->tables);
    harvest_run(&job, source->world, &source->tables);
    assert_string_equal(source->tables.error.message, "");
    hs_pass(source, 11); /* each harvest has budgets of its own */
}

void hs_read(struct hs_source *source, const char *name, const char *cursor, const char *input,
             bool full, bool initial, struct harvest *out)
{
    const struct harvest_table *table = harvest_table(&source->tables, name);
    struct harvest_job job = {
        .connector = "hubspot",
        .options = sl_buf_str(&source->options),
        .key_member = "id",
        .job = {.kind = SL_JOB_READ,
                .table = name,
                .table_options = source->table_options,
                .columns = source->columns,
                .cursor = cursor,
                .input = input,
                .full = full && !initial, /* the engine adds it */
                .initial = initial},
    };

    assert_non_null(table);
    job.job.state = table->state;
    harvest_run(&job, source->world, out);
    hs_pass(source, 11);
}

static struct hs_held *held(const struct hs_source *source, const char *key)
{
    for (size_t i = 0; i < source->row_count; i++)
        if (strcmp(source->rows[i].key, key) == 0) return &source->rows[i];
    return NULL;
}

static void apply_row(struct hs_source *source, const struct harvest_row *row)
{
    struct hs_held *there = held(source, row->key);

    if (!there) {
        source->rows = realloc(source->rows, (source->row_count + 1) * sizeof *source->rows);
        if (!source->rows) abort();
        there = &source->rows[source->row_count++];
        *there = (struct hs_held){.key = strdup(row->key)};
    }
    free(there->text);
    there->text = row->deleted ? NULL : strdup(row->text);
}

void hs_apply(struct hs_source *source, const struct harvest *h)
{
    if (hs_is_complete(h)) forget(source);
    for (size_t i = 0; i < h->row_count; i++)
        if (h->rows[i].released) apply_row(source, &h->rows[i]);
}

static void keep(struct hs_source *source, const struct harvest *h)
{
    assert_string_equal(h->error.message, "");
    free(source->cursor);
    source->cursor = strdup(h->cursor);
    hs_apply(source, h);
}

void hs_first_load(struct hs_source *source, const char *table)
{
    struct harvest h;

    forget(source);
    hs_discover(source);
    hs_read(source, table, NULL, NULL, true, true, &h);
    keep(source, &h);
    assert_true(hs_is_complete(&h));
    harvest_release(&h);
}

void hs_increment(struct hs_source *source, const char *table, struct harvest *out)
{
    hs_discover(source);
    hs_read(source, table, source->cursor, NULL, false, false, out);
    keep(source, out);
}

void hs_increment_quietly(struct hs_source *source, const char *table)
{
    struct harvest h;

    hs_increment(source, table, &h);
    assert_false(hs_is_complete(&h));
    assert_int_equal(h.note_count, 0);
    harvest_release(&h);
}

bool hs_is_complete(const struct harvest *h)
{
    return h->complete && strstr(h->complete, "\"scope\":{}");
}

bool hs_has_note(const struct harvest *h, const char *part)
{
    for (size_t i = 0; i < h->note_count; i++)
        if (strstr(h->notes[i], part)) return true;
    return false;
}

/* ---- what is held, and what there is ---- */

size_t hs_rows_held(const struct hs_source *source)
{
    size_t count = 0;

    for (size_t i = 0; i < source->row_count; i++) count += source->rows[i].text != NULL;
    return count;
}

const char *hs_row_held(const struct hs_source *source, const char *id)
{
    const struct hs_held *row = held(source, id);

    return row ? row->text : NULL;
}

/* A member of the truth, in the form in which the row has it: its own, or a constant's. */
static void expect_member(const char *text, const struct sl_json *key, const struct sl_json *value,
                          struct sl_json_writer *w)
{
    struct sl_buf wanted = {0};

    sl_json_writer_reset(w);
    sl_json_put_value(w, value);
    sl_buf_addf(&wanted, sl_json_kind(value) == SL_JSON_ARRAY ? "{\"%s\":\"%s\"}" : "\"%s\":%s",
                sl_json_str(key), sl_json_writer_text(w, NULL));
    if (!strstr(text, sl_buf_str(&wanted)))
        fail_msg("%.2000s\nlacks\n%.1000s", text, sl_buf_str(&wanted));
    sl_buf_release(&wanted);
}

void hs_assert_is_truth(struct hs_source *source, const char *table)
{
    struct sl_json_writer *w = sl_json_writer_new();
    struct page page;
    char query[200];

    assert_non_null(w);
    snprintf(query, sizeof query, "table=%s", table);
    open_page(source, "/_sim/truth", query, &page);
    const struct sl_json *records = sl_json_get(page.root, "records");
    for (struct sl_json_each e = sl_json_each(records); sl_json_next(&e);) {
        const char *id = sl_json_str(sl_json_get(e.value, "id"));
        const char *text = hs_row_held(source, id);

        if (!text) fail_msg("%s: '%s' is missing", table, id);
        for (struct sl_json_each m = sl_json_each(e.value); sl_json_next(&m);)
            expect_member(text, m.key, m.value, w);
    }
    assert_int_equal(hs_rows_held(source), sl_json_len(records));
    close_page(&page);
    sl_json_writer_free(w);
}
