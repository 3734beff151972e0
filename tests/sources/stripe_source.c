#include "sources/stripe_source.h"

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

struct landed {
    char *key, *text;
    int64_t sequence;
    bool deleted;
};

/* ---- the source ---- */

void st_pass(struct st_source *source, int64_t seconds)
{
    struct sl_world *world = source->world;
    struct sl_completion nothing;

    world->ops->wait(world, world->ops->monotonic_us(world) + seconds * 1000000, &nothing);
    sim_set_now(source->sim, world->ops->now_us(world));
}

void st_control(struct st_source *source, const char *format, ...)
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

static void open_page(struct st_source *source, const char *path, const char *query,
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

int64_t st_stat(struct st_source *source, const char *member)
{
    struct page page;
    int64_t value = -1;

    open_page(source, "/_sim/stats", "", &page);
    sl_json_i64(sl_json_get(page.root, member), &value);
    close_page(&page);
    return value;
}

void st_open_source(struct st_source *source, int64_t records, const char *more)
{
    struct sim_options options = {.seed = 42, .records = records};

    *source = (struct st_source){0};
    MUST(sim_new(sim_find("stripe"), &options, &source->sim, &error));
    MUST(sim_world(source->sim, 7, &source->world, &error));
    MUST(sim_connection(source->sim, "http://sim.test", &source->options, &error));
    if (more) {
        source->options.len--; /* the closing brace */
        sl_buf_addf(&source->options, ",%s}", more);
    }
}

static void forget(struct st_source *source)
{
    for (size_t i = 0; i < source->row_count; i++) {
        free(source->rows[i].key);
        free(source->rows[i].text);
    }
    free(source->rows);
    source->rows = NULL;
    source->row_count = 0;
}

void st_close_source(struct st_source *source)
{
    forget(source);
    free(source->cursor);
    harvest_release(&source->tables);
    sl_buf_release(&source->options);
    sl_world_free(source->world);
    sim_free(source->sim);
}

/* ---- runs ---- */

void st_discover(struct st_source *source)
{
    struct harvest_job job = {.connector = "stripe",
                              .options = sl_buf_str(&source->options),
                              .job = {.kind = SL_JOB_DISCOVER,
                                      .table_options = source->table_options}};

    harvest_release(&source->tables);
    harvest_run(&job, source->world, &source->tables);
    assert_string_equal(source->tables.error.message, "");
    st_pass(source, 2);
}

static const struct harvest_table *find(const struct st_source *source, const char *name)
{
    for (size_t i = 0; i < source->tables.table_count; i++) {
        const struct harvest_table *t = &source->tables.tables[i];
        if (strcmp(t->name, name) == 0 &&
            (!source->namespace_ || strcmp(t->namespace_, source->namespace_) == 0))
            return t;
    }
    fail_msg("there is no table '%s'", name);
    return NULL;
}

void st_read_with(struct st_source *source, const char *name, const char *cursor, bool full,
                  bool initial, struct harvest *out)
{
    const struct harvest_table *table = find(source, name);
    struct harvest_job job = {
        .connector = "stripe",
        .options = sl_buf_str(&source->options),
        .key_member = "id",
        .job = {.kind = SL_JOB_READ,
                .table = table->name,
                .namespace_ = table->namespace_,
                .state = table->state,
                .table_options = source->table_options,
                .cursor = cursor,
                .full = full,
                .initial = initial},
    };

    harvest_run(&job, source->world, out);
    st_pass(source, 2);
}

static struct landed *landed(const struct st_source *source, const char *key)
{
    for (size_t i = 0; i < source->row_count; i++)
        if (strcmp(source->rows[i].key, key) == 0) return &source->rows[i];
    return NULL;
}

/* Type 1: the newest sequence wins; of equal ones an upsert over a delete, else the later. */
static void apply_row(struct st_source *source, const struct harvest_row *row)
{
    struct landed *there = landed(source, row->key);

    if (!there) {
        source->rows = realloc(source->rows, (source->row_count + 1) * sizeof *source->rows);
        if (!source->rows) abort();
        there = &source->rows[source->row_count++];
        *there = (struct landed){.key = strdup(row->key), .sequence = INT64_MIN};
    }
    if (row->sequence < there->sequence) return;
    if (row->sequence == there->sequence && row->sequence && row->deleted && !there->deleted)
        return;
    free(there->text);
    there->text = strdup(row->text);
    there->sequence = row->sequence;
    there->deleted = row->deleted;
}

void st_apply(struct st_source *source, const struct harvest *h)
{
    for (size_t i = 0; i < h->row_count; i++)
        if (h->rows[i].released) apply_row(source, &h->rows[i]);
    for (size_t i = 0; i < source->row_count && st_is_complete(h); i++) {
        struct landed *row = &source->rows[i];
        if (!harvest_has_key(h, NULL, false, row->key)) row->deleted = true;
    }
}

static void keep(struct st_source *source, const struct harvest *h)
{
    assert_string_equal(h->error.message, "");
    free(source->cursor);
    source->cursor = strdup(h->cursor);
    st_apply(source, h);
}

void st_first_load(struct st_source *source, const char *table)
{
    struct harvest h;

    forget(source);
    st_discover(source);
    st_read_with(source, table, NULL, true, true, &h);
    keep(source, &h);
    assert_true(st_is_complete(&h));
    harvest_release(&h);
}

void st_increment(struct st_source *source, const char *table, struct harvest *out)
{
    st_discover(source);
    st_read_with(source, table, source->cursor, false, false, out);
    keep(source, out);
}

void st_increment_quietly(struct st_source *source, const char *table)
{
    struct harvest h;

    st_increment(source, table, &h);
    assert_false(st_is_complete(&h));
    assert_int_equal(h.note_count, 0);
    harvest_release(&h);
}

bool st_is_complete(const struct harvest *h)
{
    return h->complete && strstr(h->complete, "\"scope\":{}");
}

bool st_has_note(const struct harvest *h, const char *part)
{
    for (size_t i = 0; i < h->note_count; i++)
        if (strstr(h->notes[i], part)) return true;
    return false;
}

/* ---- what is held, and what there is ---- */

size_t st_rows_held(const struct st_source *source)
{
    size_t count = 0;

    for (size_t i = 0; i < source->row_count; i++) count += !source->rows[i].deleted;
    return count;
}

const char *st_row_held(const struct st_source *source, const char *key)
{
    const struct landed *row = landed(source, key);

    return row && !row->deleted ? row->text : NULL;
}

static void open_truth(struct st_source *source, const char *table, struct page *page)
{
    char query[200];

    snprintf(query, sizeof query, "table=%s&namespace=%s", table,
             source->namespace_ ? source->namespace_ : "");
    open_page(source, "/_sim/truth", query, page);
}

void st_assert_is_truth(struct st_source *source, const char *table)
{
    struct sl_json_writer *w = sl_json_writer_new();
    struct page page;

    assert_non_null(w);
    open_truth(source, table, &page);
    const struct sl_json *records = sl_json_get(page.root, "records");
    for (struct sl_json_each e = sl_json_each(records); sl_json_next(&e);) {
        const char *id = sl_json_str(sl_json_get(e.value, "id"));
        const char *held = st_row_held(source, id);

        sl_json_writer_reset(w);
        sl_json_put_value(w, e.value);
        if (!held) fail_msg("%s: '%s' is missing", table, id);
        if (strcmp(held, sl_json_writer_text(w, NULL)) != 0)
            fail_msg("%s: '%s' is\n%.1500s\nnot\n%.1500s", table, id, held,
                     sl_json_writer_text(w, NULL));
    }
    assert_int_equal(st_rows_held(source), sl_json_len(records));
    close_page(&page);
    sl_json_writer_free(w);
}

void st_id_of(struct st_source *source, const char *table, int index, char id[64])
{
    struct page page;

    open_truth(source, table, &page);
    struct sl_json_each e = sl_json_each(sl_json_get(page.root, "records"));
    for (int i = 0; i <= index; i++) assert_true(sl_json_next(&e));
    snprintf(id, 64, "%s", sl_json_str(sl_json_get(e.value, "id")));
    close_page(&page);
}
