#include "sources/stage.h"

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void stage_open(struct stage *stage, const char *connector, const char *kind, int64_t records)
{
    struct sim_options options = {.seed = 42, .kind = kind, .records = records};

    *stage = (struct stage){.connector = connector};
    MUST(sim_new(sim_find(connector), &options, &stage->sim, &error));
    MUST(sim_world(stage->sim, 7, &stage->world, &error));
    MUST(sim_connection(stage->sim, "http://sim.test", &stage->options, &error));
}

static void forget(struct stage *stage)
{
    for (size_t i = 0; i < stage->row_count; i++) {
        free(stage->rows[i].key);
        free(stage->rows[i].text);
    }
    free(stage->rows);
    stage->rows = NULL;
    stage->row_count = 0;
}

void stage_close(struct stage *stage)
{
    forget(stage);
    free(stage->cursor);
    harvest_release(&stage->tables);
    sl_buf_release(&stage->options);
    sl_world_free(stage->world);
    sim_free(stage->sim);
}

void stage_pass(struct stage *stage, int64_t seconds)
{
    const struct sl_world_ops *ops = stage->world->ops;
    struct sl_completion nothing;

    if (seconds)
        ops->wait(stage->world, ops->monotonic_us(stage->world) + seconds * 1000000, &nothing);
    sim_set_now(stage->sim, ops->now_us(stage->world));
}

void stage_vcontrol(struct stage *stage, const char *head, const char *format, va_list args,
                    const char *tail)
{
    struct sl_buf json = {0};

    sl_buf_adds(&json, head);
    sl_buf_vaddf(&json, format, args);
    sl_buf_adds(&json, tail);
    MUST(sim_control(stage->sim, sl_buf_str(&json), &error));
    sl_buf_release(&json);
}

void stage_control(struct stage *stage, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    stage_vcontrol(stage, "", format, args, "");
    va_end(args);
}

/* ---- runs ---- */

int64_t stage_discover(struct stage *stage)
{
    struct harvest_job job = {.connector = stage->connector,
                              .options = sl_buf_str(&stage->options),
                              .job = {.kind = SL_JOB_DISCOVER,
                                      .namespace_ = stage->namespace_,
                                      .table_options = stage->table_options}};

    harvest_release(&stage->tables);
    harvest_run(&job, stage->world, &stage->tables);
    assert_string_equal(stage->tables.error.message, "");
    stage_pass(stage, stage->rest_s);
    return stage->tables.counts.calls;
}

const struct harvest_table *stage_table(const struct stage *stage, const char *name)
{
    for (size_t i = 0; i < stage->tables.table_count; i++) {
        const struct harvest_table *t = &stage->tables.tables[i];
        if (strcmp(t->name, name) == 0 &&
            (!stage->namespace_ || !t->namespace_ || strcmp(t->namespace_, stage->namespace_) == 0))
            return t;
    }
    assert_non_null(harvest_table(&stage->tables, name)); /* the namespace has a new name */
    return harvest_table(&stage->tables, name);
}

void stage_read(struct stage *stage, const char *name, struct sl_job_options how,
                struct harvest *out)
{
    const struct harvest_table *table = stage_table(stage, name);
    struct harvest_job job = {.connector = stage->connector,
                              .options = sl_buf_str(&stage->options),
                              .key_member = table->key_member,
                              .job = how};

    job.job.kind = SL_JOB_READ;
    job.job.table = table->name;
    job.job.namespace_ = table->namespace_;
    job.job.state = table->state;
    job.job.table_options = stage->table_options;
    job.job.columns = stage->columns;
    job.job.full = how.full && !(how.initial && stage->initial_alone);
    harvest_run(&job, stage->world, out);
    stage_pass(stage, stage->rest_s);
}

void stage_keep(struct stage *stage, const struct harvest *h)
{
    char *copy = strdup(h->cursor);

    if (!copy) abort();
    free(stage->cursor);
    stage->cursor = copy;
}

/* ---- what is held ---- */

static struct landed *landed(const struct stage *stage, const char *key)
{
    for (size_t i = 0; i < stage->row_count; i++)
        if (strcmp(stage->rows[i].key, key) == 0) return &stage->rows[i];
    return NULL;
}

/* The newest sequence wins; of equal ones an upsert over a delete, else the later. */
static void apply_row(struct stage *stage, const struct harvest_row *row)
{
    struct landed *there = landed(stage, row->key);

    if (!there) {
        stage->rows = realloc(stage->rows, (stage->row_count + 1) * sizeof *stage->rows);
        if (!stage->rows) abort();
        there = &stage->rows[stage->row_count++];
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

void stage_apply(struct stage *stage, const struct harvest *h)
{
    for (size_t i = 0; i < h->row_count; i++)
        if (h->rows[i].released) apply_row(stage, &h->rows[i]);
    for (size_t i = 0; i < stage->row_count && harvest_is_complete(h); i++) {
        struct landed *row = &stage->rows[i];
        if (!harvest_has_key(h, NULL, false, row->key)) row->deleted = true;
    }
}

static void land(struct stage *stage, const struct harvest *h)
{
    assert_string_equal(h->error.message, "");
    stage_keep(stage, h);
    stage_apply(stage, h);
}

void stage_first_load(struct stage *stage, const char *table)
{
    struct harvest h;

    forget(stage);
    stage_discover(stage);
    stage_read(stage, table, (struct sl_job_options){.full = true, .initial = true}, &h);
    land(stage, &h);
    assert_true(harvest_is_complete(&h));
    harvest_release(&h);
}

void stage_increment(struct stage *stage, const char *table, struct harvest *out)
{
    stage_discover(stage);
    stage_read(stage, table, (struct sl_job_options){.cursor = stage->cursor}, out);
    land(stage, out);
}

void stage_increment_quietly(struct stage *stage, const char *table)
{
    struct harvest h;

    stage_increment(stage, table, &h);
    assert_false(harvest_is_complete(&h));
    assert_int_equal(h.note_count, 0);
    harvest_release(&h);
}

size_t stage_rows_held(const struct stage *stage)
{
    size_t count = 0;

    for (size_t i = 0; i < stage->row_count; i++) count += !stage->rows[i].deleted;
    return count;
}

const char *stage_row_held(const struct stage *stage, const char *key)
{
    const struct landed *row = landed(stage, key);

    return row && !row->deleted ? row->text : NULL;
}

/* ---- what the simulator says of itself ---- */

void stage_ask(struct stage *stage, const char *path, const char *query, struct stage_page *page)
{
    struct sl_buf body = {0};
    struct sim_reply reply;
    struct sim_request request = {.method = "GET",
                                  .path = path,
                                  .raw_path = path,
                                  .query = query,
                                  .headers = (const struct sl_header[]){{0}},
                                  .now_us = sim_now(stage->sim)};

    *page = (struct stage_page){.doc = sl_doc_new(0)};
    assert_non_null(page->doc);
    sim_reply_init(&reply, &body);
    MUST(sim_handle(stage->sim, &request, &reply, &error));
    MUST(sl_doc_parse_copy(page->doc, sl_buf_str(&body), body.len, &page->root, &error));
    sl_buf_release(&body);
}

void stage_ask_truth(struct stage *stage, const char *table, const char *more,
                     struct stage_page *page)
{
    char query[300];

    snprintf(query, sizeof query, "table=%s%s", table, more);
    stage_ask(stage, "/_sim/truth", query, page);
}

void stage_page_close(struct stage_page *page)
{
    sl_doc_free(page->doc);
}

int64_t stage_number(struct stage *stage, const char *path, const char *name)
{
    const char *point = strchr(name, '.');
    const struct sl_json *at;
    struct stage_page page;
    char first[32];
    int64_t number = 0;

    snprintf(first, sizeof first, "%.*s", point ? (int)(point - name) : 31, name);
    stage_ask(stage, path, "", &page);
    at = sl_json_get(page.root, first);
    if (point) at = sl_json_get(at, point + 1);
    (void)sl_json_i64(at, &number);
    stage_page_close(&page);
    return number;
}

int64_t stage_stat(struct stage *stage, const char *name)
{
    return stage_number(stage, "/_sim/stats", name);
}

size_t stage_truth(struct stage *stage, const char *table, const char *namespace_,
                   const char *key_member, const struct harvest *h)
{
    struct stage_page page;
    char more[160] = "";

    if (namespace_) snprintf(more, sizeof more, "&namespace=%s", namespace_);
    stage_ask_truth(stage, table, more, &page);
    const struct sl_json *records = sl_json_get(page.root, "records");
    size_t count = sl_json_len(records);

    for (struct sl_json_each e = sl_json_each(h ? records : NULL); sl_json_next(&e);) {
        char *key = harvest_key(e.value, NULL, 0, key_member);
        if (!key || !harvest_has_key(h, table, false, key))
            fail_msg("%s: '%s' is missing", table, key ? key : "?");
        free(key);
    }
    stage_page_close(&page);
    return count;
}
