#include "sources/zendesk_source.h"

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

void desk_open(struct desk *desk, const char *kind, int64_t records)
{
    struct sim_options options = {.seed = 42, .records = records, .kind = kind};

    *desk = (struct desk){0};
    MUST(sim_new(sim_find("zendesk"), &options, &desk->sim, &error));
    MUST(sim_world(desk->sim, 7, &desk->world, &error));
    MUST(sim_connection(desk->sim, "http://sim.test", &desk->options, &error));
    (void)desk_discover(desk);
}

void desk_close(struct desk *desk)
{
    harvest_release(&desk->tables);
    free(desk->cursor);
    sl_buf_release(&desk->options);
    sl_world_free(desk->world);
    sim_free(desk->sim);
}

void desk_pass(struct desk *desk, int64_t s)
{
    const struct sl_world_ops *ops = desk->world->ops;
    struct sl_completion nothing;

    ops->wait(desk->world, ops->monotonic_us(desk->world) + s * 1000000, &nothing);
    sim_set_now(desk->sim, ops->now_us(desk->world));
}

void desk_control(struct desk *desk, const char *format, ...)
{
    struct sl_buf json = {0};
    va_list args;

    va_start(args, format);
    sl_buf_vaddf(&json, format, args);
    va_end(args);
    MUST(sim_control(desk->sim, sl_buf_str(&json), &error));
    sl_buf_release(&json);
}

void desk_op(struct desk *desk, const char *format, ...)
{
    struct sl_buf json = {0};
    va_list args;

    sl_buf_adds(&json, "{\"op\":");
    va_start(args, format);
    sl_buf_vaddf(&json, format, args);
    va_end(args);
    sl_buf_adds(&json, "}");
    MUST(sim_control(desk->sim, sl_buf_str(&json), &error));
    sl_buf_release(&json);
}

int64_t desk_discover(struct desk *desk)
{
    struct harvest_job job = {.connector = "zendesk",
                              .options = sl_buf_str(&desk->options),
                              .job = {.kind = SL_JOB_DISCOVER}};

    harvest_release(&desk->tables);
    harvest_run(&job, desk->world, &desk->tables);
    assert_string_equal(desk->tables.error.message, "");
    desk_pass(desk, 62);
    return desk->tables.counts.calls;
}

void desk_read(struct desk *desk, const char *name, const char *cursor, bool full, bool initial,
               struct harvest *out)
{
    const struct harvest_table *table = harvest_table(&desk->tables, name);
    struct harvest_job job = {.connector = "zendesk", .options = sl_buf_str(&desk->options)};

    assert_non_null(table);
    job.key_member = table->key_member;
    job.job = (struct sl_job_options){.kind = SL_JOB_READ,
                                      .table = table->name,
                                      .state = table->state,
                                      .table_options = desk->table_options,
                                      .cursor = cursor,
                                      .full = full,
                                      .initial = initial};
    harvest_run(&job, desk->world, out);
    sim_set_now(desk->sim, desk->world->ops->now_us(desk->world));
    if (sl_failed(out->code) || !out->cursor) return;
    char *copy = strdup(out->cursor);
    assert_non_null(copy);
    free(desk->cursor);
    desk->cursor = copy;
}

void desk_load(struct desk *desk, const char *table)
{
    struct harvest h;

    desk_read(desk, table, NULL, true, true, &h);
    assert_string_equal(h.error.message, "");
    assert_true(desk_complete(&h));
    assert_int_equal(harvest_keys(&h, table, false), desk_truth(desk, table, &h));
    harvest_release(&h);
}

void desk_increment(struct desk *desk, const char *table, struct harvest *out)
{
    char *cursor = strdup(desk->cursor);

    assert_non_null(cursor);
    desk_pass(desk, 120);
    desk_read(desk, table, cursor, false, false, out);
    free(cursor);
    assert_string_equal(out->error.message, "");
}

/* ---- what the simulator says of itself ---- */

static void ask(struct desk *desk, const char *path, const char *query, struct sl_doc *doc,
                const struct sl_json **root)
{
    struct sl_buf body = {0};
    struct sim_reply reply;
    struct sim_request request = {.method = "GET",
                                  .path = path,
                                  .raw_path = path,
                                  .query = query,
                                  .headers = (const struct sl_header[]){{0}},
                                  .now_us = sim_now(desk->sim)};

    assert_non_null(doc);
    sim_reply_init(&reply, &body);
    MUST(sim_handle(desk->sim, &request, &reply, &error));
    MUST(sl_doc_parse_copy(doc, body.data, body.len, root, &error));
    sl_buf_release(&body);
}

int64_t desk_stat(struct desk *desk, const char *name)
{
    struct sl_doc *doc = sl_doc_new(0);
    const struct sl_json *root;
    int64_t value = 0;

    ask(desk, "/_sim/stats", "", doc, &root);
    (void)sl_json_i64(sl_json_get(root, name), &value);
    sl_doc_free(doc);
    return value;
}

size_t desk_truth(struct desk *desk, const char *table, const struct harvest *h)
{
    const struct harvest_table *def = harvest_table(&desk->tables, table);
    struct sl_doc *doc = sl_doc_new(0);
    const struct sl_json *root;
    char query[100];
    size_t count;

    snprintf(query, sizeof query, "table=%s", table);
    ask(desk, "/_sim/truth", query, doc, &root);
    count = sl_json_len(sl_json_get(root, "records"));
    for (struct sl_json_each e = sl_json_each(sl_json_get(root, "records")); sl_json_next(&e);) {
        char *key = harvest_key(e.value, NULL, 0, def->key_member);
        if (!key || !harvest_has_key(h, table, false, key))
            fail_msg("%s: '%s' is missing", table, key ? key : "?");
        free(key);
    }
    sl_doc_free(doc);
    return count;
}

bool desk_complete(const struct harvest *h)
{
    return h->complete && strstr(h->complete, "\"scope\":{}");
}

bool desk_noted(const struct harvest *h, const char *text)
{
    for (size_t i = 0; i < h->note_count; i++)
        if (strstr(h->notes[i], text)) return true;
    return false;
}
