/* bases.c: an account has several bases, each with its own tables, webhooks and listings. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/time.h"
#include "json/doc.h"
#include "sim/airtable/airtable.h"
#include "sim/text.h"

#define BASES_MAX 2000
#define ITERATOR_IDLE_US (300 * SL_SECOND_US)

struct airtable *at_new(const struct airtable *home, uint64_t seed, int64_t start_us)
{
    struct airtable *app = sl_calloc(1, sizeof *app);

    if (!app) return NULL;
    app->home = home ? home->home : app;
    app->current = app;
    app->seed = seed;
    app->start_us = app->now_us = start_us;
    app->iterator_idle_us = ITERATOR_IDLE_US;
    app->dice = sim_mix(seed, 5);
    app->doc = sl_doc_new(0);
    app->cell_doc = sl_doc_new(0);
    if (app->doc && app->cell_doc) return app;
    at_free(app);
    return NULL;
}

void at_free(struct airtable *app)
{
    if (!app) return;
    for (size_t i = 0; i < app->other_count; i++) at_free(app->others[i]);
    sl_free(app->others);
    at_base_release(app);
    sl_free(app->call.filter);
    sl_free(app->call.fields);
    sl_free(app->base_name);
    sl_free(app->kind);
    sl_doc_free(app->doc);
    sl_doc_free(app->cell_doc);
    sl_free(app);
}

static bool is_base(const struct airtable *app, const char *id_or_name)
{
    return strcmp(app->base_id, id_or_name) == 0 || strcmp(app->base_name, id_or_name) == 0;
}

struct airtable *at_find_base(struct airtable *home, const char *id_or_name)
{
    if (is_base(home, id_or_name)) return home;
    for (size_t i = 0; i < home->other_count; i++)
        if (is_base(home->others[i], id_or_name)) return home->others[i];
    return NULL;
}

struct airtable *at_base_of_table(struct airtable *home, const char *table)
{
    if (!table || at_find_table(home, table)) return home;
    for (size_t i = 0; i < home->other_count; i++)
        if (at_find_table(home->others[i], table)) return home->others[i];
    return home;
}

static enum sl_code add_base(struct airtable *home, const char *name, const struct sl_json *op,
                             struct sl_error *error)
{
    const char *kind = sl_json_str(sl_json_get(op, "kind"));
    int64_t records = 0;

    if (at_find_base(home, name))
        return sl_fail(error, SL_USAGE, "there is a base '%s' already", name);
    if (home->other_count == BASES_MAX)
        return sl_fail(error, SL_USAGE, "more than %d bases", BASES_MAX);
    void *others = sl_realloc(home->others, (home->other_count + 1) * sizeof *home->others);
    if (others) home->others = others;
    struct airtable *app = others ? at_new(home, home->seed, home->start_us) : NULL;
    if (!app) return sl_fail(error, SL_NO_MEMORY, "could not add a base");
    (void)sl_json_i64(sl_json_get(op, "records"), &records);
    enum sl_code rc = at_base_build(app, kind ? kind : "demo", name, 0, 0, records, error);
    if (rc)
        at_free(app);
    else
        home->others[home->other_count++] = app;
    return rc;
}

enum sl_code at_add_bases(struct airtable *home, const struct sl_json *op, struct sl_error *error)
{
    const char *name = sl_json_str(sl_json_get(op, "name"));
    int64_t count = 1;
    enum sl_code rc = SL_OK;

    (void)sl_json_i64(sl_json_get(op, "count"), &count);
    if (!name) return sl_fail(error, SL_USAGE, "add_base needs a name");
    for (int64_t i = 1; i <= count && !rc; i++) {
        char numbered[160];
        if (i == 1)
            (void)snprintf(numbered, sizeof numbered, "%s", name);
        else
            (void)snprintf(numbered, sizeof numbered, "%s %lld", name, (long long)i);
        rc = add_base(home, numbered, op, error);
    }
    return rc;
}

bool at_token_has_base(const struct at_token *token, const char *base)
{
    return !token->bases[0] || strstr(token->bases, base);
}

static void put_base(const struct airtable *app, const struct at_token *token, bool *first,
                     struct sl_buf *out)
{
    if (app->base_gone || !token || !at_token_has_base(token, app->base_id)) return;
    sl_buf_addf(out, "%s{\"id\":\"%s\",\"name\":", *first ? "" : ",", app->base_id);
    sim_json_text(out, app->base_name);
    sl_buf_adds(out, ",\"permissionLevel\":\"create\"}");
    *first = false;
}

void at_put_bases(const struct airtable *home, const struct at_token *token, struct sl_buf *out)
{
    bool first = true;

    sl_buf_adds(out, "{\"bases\":[");
    put_base(home, token, &first, out);
    for (size_t i = 0; i < home->other_count; i++) put_base(home->others[i], token, &first, out);
    sl_buf_adds(out, "]}");
}
