#include "sources/github_source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json/doc.h"

void hub_pass(struct hub *source, int64_t s)
{
    struct sl_completion nothing;

    source->world->ops->wait(source->world,
                             source->world->ops->monotonic_us(source->world) + s * 1000000,
                             &nothing);
    sim_set_now(source->sim, source->world->ops->now_us(source->world));
}

static void control(struct hub *source, const char *head, const char *format, va_list args)
{
    struct sl_buf json = {0};

    sl_buf_adds(&json, head);
    sl_buf_vaddf(&json, format, args);
    MUST(sim_control(source->sim, sl_buf_str(&json), &error));
    sl_buf_release(&json);
}

void hub_control(struct hub *source, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    control(source, "", format, args);
    va_end(args);
}

void hub_op(struct hub *source, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    control(source, "{\"op\":", format, args);
    va_end(args);
}

int64_t hub_discover(struct hub *source)
{
    struct harvest_job job = {.connector = "github",
                              .options = sl_buf_str(&source->options),
                              .job = {.kind = SL_JOB_DISCOVER,
                                      .namespace_ = source->namespace_,
                                      .table_options = source->table_options}};

    harvest_release(&source->tables);
    harvest_run(&job, source->world, &source->tables);
    assert_string_equal(source->tables.error.message, "");
    return source->tables.counts.calls;
}

void hub_open(struct hub *source, const char *kind, int64_t records)
{
    struct sim_options options = {.seed = 42, .kind = kind, .records = records};

    *source = (struct hub){.namespace_ = ACME};
    MUST(sim_new(sim_find("github"), &options, &source->sim, &error));
    MUST(sim_world(source->sim, 7, &source->world, &error));
    MUST(sim_connection(source->sim, "http://sim.test", &source->options, &error));
    hub_discover(source);
}

void hub_close(struct hub *source)
{
    free(source->cursor);
    harvest_release(&source->tables);
    sl_buf_release(&source->options);
    sl_world_free(source->world);
    sim_free(source->sim);
}

void hub_read_as(struct hub *source, const char *name, const char *cursor, bool full, bool initial,
                 struct harvest *out)
{
    const struct harvest_table *table = harvest_table(&source->tables, name);

    assert_non_null(table);
    struct harvest_job job = {.connector = "github",
                              .options = sl_buf_str(&source->options),
                              .key_member = table->key_member,
                              .job = {.kind = SL_JOB_READ,
                                      .table = table->name,
                                      .namespace_ = table->namespace_,
                                      .state = table->state,
                                      .table_options = source->table_options,
                                      .cursor = cursor,
                                      .input = "{\"tables\":1,\"rows\":-1}",
                                      .full = full,
                                      .initial = initial}};

    harvest_run(&job, source->world, out);
    sim_set_now(source->sim, source->world->ops->now_us(source->world));
    if (out->code != SL_DONE) return;
    free(source->cursor);
    source->cursor = strdup(out->cursor);
    if (!source->cursor) abort();
}

void hub_load(struct hub *source, const char *table, struct harvest *out)
{
    hub_read_as(source, table, NULL, true, false, out);
    assert_string_equal(out->error.message, "");
}

void hub_increment(struct hub *source, const char *table, struct harvest *out)
{
    hub_pass(source, 600);
    hub_discover(source);
    hub_read_as(source, table, source->cursor, false, false, out);
    assert_string_equal(out->error.message, "");
}

static void ask_sim(struct hub *source, const char *path, const char *query, struct sl_buf *body,
                    struct sl_doc **doc, const struct sl_json **root)
{
    struct sim_reply reply;
    struct sim_request request = {.method = "GET",
                                  .path = path,
                                  .raw_path = path,
                                  .query = query,
                                  .headers = (const struct sl_header[]){{0}},
                                  .now_us = sim_now(source->sim)};

    *doc = sl_doc_new(0);
    assert_non_null(*doc);
    sim_reply_init(&reply, body);
    MUST(sim_handle(source->sim, &request, &reply, &error));
    MUST(sl_doc_parse_copy(*doc, body->data, body->len, root, &error));
}

int64_t hub_stat(struct hub *source, const char *name)
{
    const struct sl_json *root;
    struct sl_buf body = {0};
    struct sl_doc *doc;
    const char *point = strchr(name, '.');
    char first[32];
    int64_t number = 0;

    snprintf(first, sizeof first, "%.*s", point ? (int)(point - name) : 31, name);
    ask_sim(source, strncmp(name, "limit.", 6) ? "/_sim/stats" : "/_sim/truth", "", &body, &doc,
            &root);
    root = sl_json_get(root, first);
    if (point) root = sl_json_get(root, point + 1);
    sl_json_i64(root, &number);
    sl_doc_free(doc);
    sl_buf_release(&body);
    return number;
}

size_t hub_truth(struct hub *source, const char *name, const struct harvest *h)
{
    const struct harvest_table *table = harvest_table(&source->tables, name);
    const struct sl_json *root;
    struct sl_buf body = {0};
    struct sl_doc *doc;
    char query[200];

    snprintf(query, sizeof query, "table=%s&namespace=%s", name,
             table->namespace_ ? table->namespace_ : "");
    ask_sim(source, "/_sim/truth", query, &body, &doc, &root);
    root = sl_json_get(root, "records");
    size_t count = sl_json_len(root);

    for (struct sl_json_each e = sl_json_each(h ? root : NULL); sl_json_next(&e);) {
        char *key = harvest_key(e.value, NULL, 0, table->key_member);
        if (!key || !harvest_has_key(h, name, false, key))
            fail_msg("%s: '%s' is missing", name, key ? key : "?");
        free(key);
    }
    sl_doc_free(doc);
    sl_buf_release(&body);
    return count;
}
