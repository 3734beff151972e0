/* shop.c: see shop.h. */
#include "tiny/shop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json/doc.h"

struct shop shop;
static int asked[SHOP_PARTS_MAX];

/* ---- the network ---- */

static void answer(struct net *net, const struct sl_exchange *exchange, struct reply *reply)
{
    const char *path = strrchr(exchange->url, '/') + 1;

    net->now_us += shop.page_us;
    if (strcmp(path, "keys") == 0) {
        reply->body = shop.missed ? shop.missed : "[]";
        return;
    }
    struct shop_part *part = &shop.parts[strtol(path, NULL, 10)];
    asked[part - shop.parts]++;
    reply->body = part->rows ? part->rows : "[]";
    if (part->status_times == 0) return;
    reply->status = part->status;
    if (part->status_times > 0) part->status_times--;
}

/* ---- the connector ---- */

#define TEXT                                                                                       \
    {                                                                                              \
        .kind = SL_TYPE_STRING                                                                     \
    }
static const struct sl_column columns[] = {
    {.name = "id", .type = TEXT, .not_null = true},
    {.name = "part", .type = {.kind = SL_TYPE_BIGINT}},
    {.name = "v", .type = TEXT},
    {.name = "day", .type = {.kind = SL_TYPE_DATE}},
    {.name = "at", .type = {.kind = SL_TYPE_TIMESTAMP}},
};
static const char *const key[] = {"id", NULL};
static const char *const dated_key[] = {"day", "at", "part", "id", NULL};

static enum sl_code discover(struct sl_out *out, struct sl_error *error)
{
    struct sl_table_def def = {.name = "t",
                               .columns = columns,
                               .column_count = sizeof columns / sizeof *columns,
                               .primary_key = shop.keyless ? NULL
                                              : shop.dated ? dated_key
                                                           : key,
                               .ingestion = shop.ingestion,
                               .rereads = shop.rereads,
                               .reconcile_us = shop.reconcile_us};
    enum sl_code rc = sl_out_table(out, &def, error);

    return rc ? rc : SL_DONE;
}

static enum sl_code ask_part(int64_t n, struct sl_out *out, struct sl_error *error)
{
    char url[64];

    snprintf(url, sizeof url, "http://s/%d", (int)n);
    return ask(out, url, error);
}

/* ---- as a chain ---- */

static enum sl_code chain(struct tiny *self, const struct sl_response *response, struct sl_out *out,
                          struct sl_error *error)
{
    char cursor[32];
    enum sl_code rc;

    if (!response) {
        bool goes_on = self->task.initial || !self->task.full;
        self->page = goes_on ? strtol(cursor_text(self), NULL, 10) : 0;
        if (self->page == shop.count) self->page = 0; /* an increment */
        return ask_part(self->page, out, error);
    }
    rc = give(out, response, error);
    if (!rc && self->page + 1 == shop.count && shop.contradicts > 0) {
        shop.contradicts--;
        rc = sl_fail(error, SL_BAD_DATA, "a page contradicts the one before it");
        error->retryable = true;
    }
    snprintf(cursor, sizeof cursor, "\"%d\"", (int)++self->page);
    if (!rc) rc = sl_out_cursor(out, cursor, error);
    if (rc || self->page < shop.count) return rc ? rc : ask_part(self->page, out, error);
    if (shop.proves && self->task.full) rc = sl_out_complete(out, "t", "{}", error);
    return rc ? rc : SL_DONE;
}

/* ---- as parts ---- */

static enum sl_code root(const struct tiny *self, struct sl_out *out, struct sl_error *error)
{
    char name[16], what[32], input[32];
    enum sl_code rc = SL_OK;

    for (int i = 0; i < shop.count && !rc; i++) {
        snprintf(name, sizeof name, "%d", i);
        snprintf(what, sizeof what, "shelf %d", i);
        snprintf(input, sizeof input, "{\"part\":\"%d\"}", i);
        rc = sl_out_task_apart(out, name, what, input, error);
    }
    if (!rc && shop.proves && self->task.full) rc = sl_out_complete(out, "t", "{}", error);
    if (!rc && shop.cuts) rc = sl_out_cursor(out, "\"cut\"", error);
    return rc ? rc : SL_DONE;
}

static enum sl_code part(const struct tiny *self, const char *name,
                         const struct sl_response *response, struct sl_out *out,
                         struct sl_error *error)
{
    static char cursor[40000];
    char scope[32];
    enum sl_code rc;

    if (!response && self->task.initial && strncmp(cursor_text(self), "done", 4) == 0)
        return SL_DONE;
    if (!response) return ask_part(strtol(name, NULL, 10), out, error);
    rc = give(out, response, error);
    snprintf(scope, sizeof scope, "{\"part\":%s}", name);
    if (!rc && shop.scopes) rc = sl_out_complete(out, "t", shop.scope ? shop.scope : scope, error);
    snprintf(cursor, sizeof cursor, "\"done%*s\"", shop.cursor_bytes, "");
    if (!rc && shop.marks) rc = sl_out_cursor(out, cursor, error);
    return rc ? rc : SL_DONE;
}

static enum sl_code step(void *task, const struct sl_response *response, struct sl_out *out,
                         struct sl_error *error)
{
    struct tiny *self = task;
    const char *name = input_text(task, "part");
    enum sl_code rc;

    if (!self->task.table) return discover(out, error);
    if (sl_json_get(self->task.input, "keys")) {
        if (!response) return ask(out, "http://s/keys", error);
        rc = give(out, response, error);
        return rc ? rc : SL_DONE;
    }
    if (shop.chain) return chain(self, response, out, error);
    return name ? part(self, name, response, out, error) : root(self, out, error);
}

/* ---- runs ---- */

void shop_make(struct shop_world *w, enum sl_ingestion ingestion)
{
    shop = (struct shop){.ingestion = ingestion, .proves = true, .scopes = true, .marks = true};
    w->f = make(step, answer);
    run_world_on(&w->run, "tiny", ",\"token\":\"t\"", &w->f->net.world);
}

void shop_unmake(struct shop_world *w)
{
    run_world_unmake(&w->run);
    unmake(w->f);
}

enum sl_code shop_run(struct shop_world *w, const char *config)
{
    memset(asked, 0, sizeof asked);
    return run_table(&w->run, "t", config, false);
}

void shop_expect(struct shop_world *w, int64_t inserted, int64_t updated, int64_t deleted)
{
    enum sl_code rc = shop_run(w, "");

    if (rc) fail_msg("%s: %s", sl_code_name(rc), w->run.error.message);
    expect_changes(&w->run, inserted, updated, deleted);
}

const struct sl_table_report *shop_report(struct shop_world *w)
{
    return report_of(&w->run, "t");
}

void shop_holds(struct shop_world *w, const char *expected)
{
    const char *text = landed(&w->run, "id,v");
    char out[4000] = "";
    size_t at = 0;

    for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
        char id[64], v[64];
        assert_int_equal(sscanf(line, "{id:\"%63[^\"]\",v:\"%63[^\"]\"}", id, v), 2);
        at += (size_t)snprintf(out + at, sizeof out - at, "%s%s:%s", at ? " " : "", id, v);
    }
    assert_string_equal(out, expected);
}

int shop_asked(const struct shop_world *w, int part)
{
    (void)w;
    return asked[part];
}
