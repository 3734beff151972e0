#include "sources/mixpanel_source.h"

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

void mixpanel_open(struct mixpanel_source *source, int64_t records, const char *more)
{
    struct sim_options options = {.seed = 42, .records = records};
    struct sl_buf own = {0};
    struct sl_doc *doc = sl_doc_new(0);
    const struct sl_json *root;

    *source = (struct mixpanel_source){0};
    MUST(sim_new(sim_find("mixpanel"), &options, &source->sim, &error));
    MUST(sim_world(source->sim, 7, &source->world, &error));
    MUST(sim_connection(source->sim, "http://sim.test", &own, &error));
    assert_non_null(doc);
    MUST(sl_doc_parse_copy(doc, sl_buf_str(&own), own.len, &root, &error));
    sl_buf_addf(&source->options, "{%s", more ? more : "");
    for (struct sl_json_each e = sl_json_each(root); sl_json_next(&e);) {
        char name[80];
        snprintf(name, sizeof name, "\"%s\":", sl_json_str(e.key));
        if (!more || !strstr(more, name))
            sl_buf_addf(&source->options, "%s%s\"%s\"", source->options.len > 1 ? "," : "", name,
                        sl_json_str(e.value));
    }
    sl_buf_addc(&source->options, '}');
    sl_doc_free(doc);
    sl_buf_release(&own);
}

void mixpanel_close(struct mixpanel_source *source)
{
    sl_buf_release(&source->options);
    sl_world_free(source->world);
    sim_free(source->sim);
}

void mixpanel_control(struct mixpanel_source *source, const char *json)
{
    sim_set_now(source->sim, source->world->ops->now_us(source->world));
    MUST(sim_control(source->sim, json, &error));
}

void mixpanel_pass(struct mixpanel_source *source, int64_t s)
{
    struct sl_completion nothing;

    source->world->ops->wait(source->world,
                             source->world->ops->monotonic_us(source->world) + s * 1000000,
                             &nothing);
    sim_set_now(source->sim, source->world->ops->now_us(source->world));
}

static const char *key_of(const char *table)
{
    return strcmp(table, "events") == 0           ? "_event_key"
           : strcmp(table, "engage") == 0         ? "$distinct_id"
           : strcmp(table, "cohort_members") == 0 ? "cohort_id,$distinct_id"
                                                  : "id";
}

void mixpanel_read(struct mixpanel_source *source, const char *table, enum mixpanel_way way,
                   const char *cursor, struct harvest *out)
{
    struct harvest_job job = {
        .connector = "mixpanel",
        .options = sl_buf_str(&source->options),
        .key_member = key_of(table),
        .job = {.kind = SL_JOB_READ,
                .table = table,
                .table_options = source->table_options,
                .cursor = cursor,
                .full = way != MIXPANEL_INCREMENT,
                .initial = way == MIXPANEL_INITIAL},
    };

    harvest_run(&job, source->world, out);
}

static void look(struct mixpanel_source *source, enum sl_job_kind kind, struct harvest *out)
{
    struct harvest_job job = {.connector = "mixpanel",
                              .options = sl_buf_str(&source->options),
                              .job = {.kind = kind}};

    harvest_run(&job, source->world, out);
}

void mixpanel_look_check(struct mixpanel_source *source, struct harvest *out)
{
    look(source, SL_JOB_CHECK, out);
}

void mixpanel_look_discover(struct mixpanel_source *source, struct harvest *out)
{
    look(source, SL_JOB_DISCOVER, out);
}

/* A page of the simulator, as a document that the caller frees. */
static struct sl_doc *page_of(struct mixpanel_source *source, const char *path, const char *query,
                              const struct sl_json **root)
{
    struct sl_buf body = {0};
    struct sl_doc *doc = sl_doc_new(0);
    struct sim_request request = {.method = "GET",
                                  .path = path,
                                  .raw_path = path,
                                  .headers = (const struct sl_header[]){{0}},
                                  .query = query,
                                  .now_us = sim_now(source->sim)};
    struct sim_reply reply;

    assert_non_null(doc);
    sim_reply_init(&reply, &body);
    MUST(sim_handle(source->sim, &request, &reply, &error));
    MUST(sl_doc_parse_copy(doc, sl_buf_str(&body), body.len, root, &error));
    sl_buf_release(&body);
    return doc;
}

void mixpanel_is_truth(struct mixpanel_source *source, const char *table, const struct harvest *h)
{
    const struct sl_json *root;
    char query[80];
    size_t count = 0;

    if (h->code != SL_DONE) fail_msg("%s: %s", table, h->error.message);
    snprintf(query, sizeof query, "table=%s", table);
    struct sl_doc *doc = page_of(source, "/_sim/truth", query, &root);

    for (struct sl_json_each e = sl_json_each(sl_json_get(root, "records")); sl_json_next(&e);) {
        char *key = harvest_key(e.value, NULL, 0, key_of(table));
        if (!key || !harvest_has_key(h, table, false, key))
            fail_msg("%s: '%s' is missing", table, key ? key : "?");
        free(key);
        count++;
    }
    assert_int_equal(harvest_keys(h, table, false), count);
    sl_doc_free(doc);
}

int64_t mixpanel_stat(struct mixpanel_source *source, const char *key, const char *name)
{
    const struct sl_json *root;
    struct sl_doc *doc = page_of(source, "/_sim/stats", "", &root);
    const struct sl_json *from = key ? sl_json_path(root, "keys", key, NULL) : root;
    int64_t value = 0;

    (void)sl_json_i64(sl_json_get(from, name), &value);
    sl_doc_free(doc);
    return value;
}

bool mixpanel_completes(const struct harvest *h, const char *scope)
{
    char text[200];

    snprintf(text, sizeof text, "\"scope\":%s}", scope);
    return h->complete && strstr(h->complete, text);
}
