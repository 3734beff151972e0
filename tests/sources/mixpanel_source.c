#include "sources/mixpanel_source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void mixpanel_open(struct stage *source, int64_t records, const char *more)
{
    struct sl_buf own;
    struct sl_doc *doc = sl_doc_new(0);
    const struct sl_json *root;

    stage_open(source, "mixpanel", NULL, records);
    own = source->options;
    source->options = (struct sl_buf){0};
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

void mixpanel_control(struct stage *source, const char *json)
{
    stage_pass(source, 0);
    stage_control(source, "%s", json);
}

static const char *key_of(const char *table)
{
    return strcmp(table, "events") == 0           ? "_event_key"
           : strcmp(table, "engage") == 0         ? "$distinct_id"
           : strcmp(table, "cohort_members") == 0 ? "cohort_id,$distinct_id"
                                                  : "id";
}

void mixpanel_read(struct stage *source, const char *table, enum mixpanel_way way,
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

static void look(struct stage *source, enum sl_job_kind kind, struct harvest *out)
{
    struct harvest_job job = {.connector = "mixpanel",
                              .options = sl_buf_str(&source->options),
                              .job = {.kind = kind}};

    harvest_run(&job, source->world, out);
}

void mixpanel_look_check(struct stage *source, struct harvest *out)
{
    look(source, SL_JOB_CHECK, out);
}

void mixpanel_look_discover(struct stage *source, struct harvest *out)
{
    look(source, SL_JOB_DISCOVER, out);
}

void mixpanel_is_truth(struct stage *source, const char *table, const struct harvest *h)
{
    if (h->code != SL_DONE) fail_msg("%s: %s", table, h->error.message);
    assert_int_equal(harvest_keys(h, table, false),
                     stage_truth(source, table, NULL, key_of(table), h));
}

int64_t mixpanel_stat(struct stage *source, const char *key, const char *name)
{
    struct stage_page page;
    int64_t value = 0;

    stage_ask(source, "/_sim/stats", "", &page);
    (void)sl_json_i64(sl_json_get(key ? sl_json_path(page.root, "keys", key, NULL) : page.root,
                                  name),
                      &value);
    stage_page_close(&page);
    return value;
}

bool mixpanel_completes(const struct harvest *h, const char *scope)
{
    char text[200];

    snprintf(text, sizeof text, "\"scope\":%s}", scope);
    return h->complete && strstr(h->complete, text);
}
