/* ops.c: what happens in the portal. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "sim/hubspot/hubspot.h"
#include "sim/text.h"

struct op {
    struct hubspot *app;
    const struct sl_json *json;
    struct hs_type *type;
    int64_t now_us, count;
    bool loud; /* associations move dates */
};

static enum sl_code no_memory(struct sl_error *error)
{
    return sl_fail(error, SL_NO_MEMORY, "no memory for an operation");
}

static int64_t number_of(const struct op *op, const char *name, int64_t preset)
{
    const struct sl_json *value = sl_json_get(op->json, name);
    const char *text = sl_json_str(value);
    int64_t number = preset;

    if (text) return hs_number(text);
    return sl_json_i64(value, &number) ? number : preset;
}

/* What was edited: the search sees it once its index has it. */
static void touch(const struct op *op, struct hs_record *record)
{
    int64_t now_us = op->now_us - op->now_us % 1000;

    if (record->visible_us <= op->now_us) record->indexed_us = record->updated_us;
    record->updated_us = now_us > record->updated_us ? now_us : record->updated_us + 1000;
    record->visible_us = op->now_us + op->app->index_lag_us;
}

/* "record": an id, or an index below 100; else the k-th that lives, by chance. */
static struct hs_record *pick(const struct op *op, const char *member, int64_t k)
{
    int64_t wanted = number_of(op, member, -1);
    size_t count = op->type->record_count;
    uint64_t start = sim_mix(op->app->seed, sim_mix((uint64_t)op->now_us, (uint64_t)k));

    if (wanted >= 100) return hs_find(op->app, op->type, wanted);
    if (wanted >= 0) return wanted + k < (int64_t)count ? op->type->records[wanted + k] : NULL;
    for (size_t i = 0; i < count; i++) {
        struct hs_record *record = op->type->records[(start + i) % count];

        if (hs_lives(record)) return record;
    }
    return NULL;
}

static enum sl_code set_given(const struct op *op, struct hs_record *record, bool *any,
                              struct sl_error *error)
{
    for (struct sl_json_each e = sl_json_each(sl_json_get(op->json, "properties"));
         sl_json_next(&e);) {
        int property = hs_property_of(op->type, sl_json_str(e.key));

        if (property < 0)
            return sl_fail(error, SL_NOT_FOUND, "there is no property '%s'", sl_json_str(e.key));
        if (!hs_set(op->type, record, property, sl_json_str(e.value))) return no_memory(error);
        *any = true;
    }
    return SL_OK;
}

static enum sl_code create(const struct op *op, struct sl_error *error)
{
    bool any = false, pile = sl_json_true(sl_json_get(op->json, "pile"));
    enum sl_code rc = SL_OK;

    for (int64_t i = 0; i < op->count && !rc; i++) {
        int64_t us = op->now_us - op->now_us % 1000 + (pile ? 0 : i * 1000);
        struct hs_record *record = hs_new_record(op->type, us);

        if (!record || !hs_invent(op->app, op->type, record, 0)) return no_memory(error);
        record->visible_us = op->now_us + op->app->index_lag_us;
        rc = set_given(op, record, &any, error);
    }
    return rc;
}

static enum sl_code edit(const struct op *op, struct sl_error *error)
{
    bool quietly = sl_json_true(sl_json_get(op->json, "quietly"));

    for (int64_t i = 0; i < op->count; i++) {
        struct hs_record *record = pick(op, "record", i);
        bool any = false;

        if (!record) return sl_fail(error, SL_NOT_FOUND, "there is no such record");
        enum sl_code rc = set_given(op, record, &any, error);

        if (rc) return rc;
        if (!any && !hs_invent(op->app, op->type, record, (uint64_t)op->now_us + (uint64_t)i))
            return no_memory(error);
        if (!quietly) touch(op, record);
    }
    return SL_OK;
}

/* Its associations end, which moves the date of those at their other ends. */
static void drop_edges(const struct op *op, struct hs_record *record)
{
    while (record->edge_count) {
        struct hs_edge edge = record->edges[record->edge_count - 1];
        struct hs_type *to = &op->app->types[edge.type];
        struct hs_record *other = hs_find(op->app, to, edge.id);

        hs_unlink(op->app, op->type, record, to, edge.id);
        if (other) touch(op, other);
    }
}

static void archive_one(const struct op *op, struct hs_record *record, bool erase)
{
    record->archived_us = op->now_us - op->now_us % 1000;
    record->gone = erase;
    drop_edges(op, record);
}

static enum sl_code archive(const struct op *op, bool erase, struct sl_error *error)
{
    for (int64_t i = 0; i < op->count; i++) {
        struct hs_record *record = pick(op, "record", i);

        if (!record) return sl_fail(error, SL_NOT_FOUND, "there is no such record");
        archive_one(op, record, erase);
    }
    return SL_OK;
}

static enum sl_code restore(const struct op *op, struct sl_error *error)
{
    for (size_t i = 0; i < op->type->record_count; i++) {
        struct hs_record *record = op->type->records[i];

        if (!record->archived_us || record->gone) continue;
        record->archived_us = 0;
        touch(op, record);
        return SL_OK;
    }
    return sl_fail(error, SL_NOT_FOUND, "nothing is archived");
}

/* Both go, a new one comes. */
static enum sl_code merge(const struct op *op, struct sl_error *error)
{
    int property = hs_property_of(op->type, "hs_merged_object_ids");
    struct hs_record *a = pick(op, "record", 0), *b = pick(op, "other", 1), *c;
    char ids[64];

    if (property < 0) return sl_fail(error, SL_USAGE, "these records cannot be merged");
    for (int64_t k = 2; a && (!b || b == a) && k < 50; k++) b = pick(op, "other", k);
    if (!a || !b || a == b) return sl_fail(error, SL_NOT_FOUND, "there are no two records");
    c = hs_new_record(op->type, op->now_us - op->now_us % 1000);
    if (!c || !hs_invent(op->app, op->type, c, 0)) return no_memory(error);
    (void)snprintf(ids, sizeof ids, "%" PRId64 ";%" PRId64, a->id, b->id);
    if (!hs_set(op->type, c, property, ids)) return no_memory(error);
    a->merged_into = b->merged_into = c->id;
    while (a->edge_count) {
        struct hs_edge edge = a->edges[a->edge_count - 1];
        struct hs_type *to = &op->app->types[edge.type];
        struct hs_record *other = hs_find(op->app, to, edge.id);

        hs_unlink(op->app, op->type, a, to, edge.id);
        if (other && !hs_link(op->app, op->type, c, to, other)) return no_memory(error);
        if (other) touch(op, other);
    }
    drop_edges(op, b);
    c->visible_us = op->now_us + op->app->index_lag_us;
    return SL_OK;
}

/* {"op":"associate","table":"companies","record":n,"to":"contacts","count":n}: no date moves, but on
 * the days of the script. */
static enum sl_code associate(const struct op *op, bool off, struct sl_error *error)
{
    const char *name = sl_json_str(sl_json_get(op->json, "to"));
    struct hs_type *to = hs_type_of(op->app, name ? name : "contacts");
    struct hs_record *record = pick(op, "record", 0);
    int64_t done = 0;

    if (!to || !record) return sl_fail(error, SL_NOT_FOUND, "there is no such record");
    for (size_t i = 0; i < to->record_count && done < op->count; i++) {
        struct hs_record *other = to->records[to->record_count - 1 - i];
        size_t before = record->edge_count;

        if (!hs_lives(other)) continue;
        if (off)
            hs_unlink(op->app, op->type, record, to, other->id);
        else if (!hs_link(op->app, op->type, record, to, other))
            return no_memory(error);
        done += record->edge_count != before;
        if (op->loud && record->edge_count != before) touch(op, other);
    }
    if (op->loud && done) touch(op, record);
    return SL_OK;
}

/* ---- properties ---- */

static enum sl_code change_property(const struct op *op, const char *what, struct sl_error *error)
{
    const char *name = sl_json_str(sl_json_get(op->json, "property"));
    const char *to = sl_json_str(sl_json_get(op->json, "to"));
    int property = name ? hs_property_of(op->type, name) : -1;

    if (strcmp(what, "add_property") == 0)
        return name && hs_add_property(op->type, name, name, to ? to : "string") ? SL_OK
                                                                                 : no_memory(error);
    if (property < 0) return sl_fail(error, SL_NOT_FOUND, "there is no such property");
    struct hs_property *p = &op->type->properties[property];

    if (strcmp(what, "remove_property") == 0)
        p->archived = true;
    else if (strcmp(what, "rename_property") == 0)
        (void)snprintf(p->label, sizeof p->label, "%s", to ? to : "");
    else
        (void)snprintf(p->type, sizeof p->type, "%s", to ? to : "string");
    return SL_OK;
}

/* {"op":"wide","table":T,"count":n}: so many more properties. */
static enum sl_code widen(const struct op *op, struct sl_error *error)
{
    char name[100];

    for (int64_t i = 0; i < op->count; i++) {
        (void)snprintf(name, sizeof name, "a_property_with_a_long_name_for_the_url_%04" PRId64, i);
        if (!hs_add_property(op->type, name, name, "string")) return no_memory(error);
    }
    return SL_OK;
}

/* ---- a day ---- */

/* Late data: an edit of hours ago that shows in the search only now. */
static void late(const struct op *op, struct hs_record *record)
{
    touch(op, record);
    record->updated_us -= 40 * 60 * SL_SECOND_US;
    record->visible_us = op->now_us + 60 * SL_SECOND_US;
}

static enum sl_code day_of_type(struct op *op, int index, struct sl_error *error)
{
    int day = op->app->day;
    bool merges = hs_property_of(op->type, "hs_merged_object_ids") >= 0;
    struct hs_record *record;
    enum sl_code rc;

    op->count = 2 + (index + day) % 3;
    rc = create(op, error);
    op->count = 3 + (index * 7 + day) % 4;
    if (!rc) rc = edit(op, error);
    op->count = 1;
    op->now_us += 1000;
    op->loud = true;
    if (!rc && op->type->record_count > 4) rc = archive(op, false, error);
    op->now_us += 1000;
    if (!rc && merges && day % 2) rc = merge(op, error);
    op->now_us += 1000;
    if (!rc && day % 3 == 2) (void)restore(op, error);
    record = pick(op, "record", 77);
    if (!rc && record && day % 2 == 0) late(op, record);
    op->now_us += 1000;
    if (!rc && index < 4) rc = associate(op, false, error);
    return rc;
}

static enum sl_code day(struct op *op, struct sl_error *error)
{
    enum sl_code rc = SL_OK;
    int64_t now_us = op->now_us;

    for (int i = 0; i < op->app->type_count && !rc; i++) {
        op->type = &op->app->types[i];
        op->now_us = now_us + i * 10000;
        if (!op->type->bench) rc = day_of_type(op, i, error);
    }
    op->app->day++;
    return rc;
}

/* ---- the portal ---- */

static void behave(const struct op *op)
{
    struct hubspot *app = op->app;

    app->index_lag_us = number_of(op, "index_lag_ms", app->index_lag_us / 1000) * 1000;
    app->daily_quota = number_of(op, "daily_quota", app->daily_quota);
    app->page_twice = number_of(op, "page_twice", app->page_twice);
    app->unsorted = number_of(op, "unsorted", app->unsorted);
    app->rotate = number_of(op, "rotate_refresh_token", app->rotate);
    app->lifetime_s = number_of(op, "token_seconds", app->lifetime_s);
    app->no_custom = number_of(op, "no_custom_objects", app->no_custom) != 0;
}

static const char *const names[] = {
    "create",    "edit",      "archive",       "erase",           "restore",
    "merge",     "associate", "dissociate",    "add_property",    "remove_property",
    "wide",      "day",       "forbid",        "rename_property", "retype_property",
    "behaviour", "token",     "expire_tokens", "mutate",          NULL,
};

bool hs_has_op(const char *name)
{
    for (const char *const *n = names; *n; n++)
        if (strcmp(*n, name) == 0) return true;
    return false;
}

static enum sl_code on_records(struct op *op, const char *name, struct sl_error *error)
{
    if (strcmp(name, "create") == 0) return create(op, error);
    if (strcmp(name, "edit") == 0 || strcmp(name, "mutate") == 0) return edit(op, error);
    if (strcmp(name, "archive") == 0) return archive(op, false, error);
    if (strcmp(name, "erase") == 0) return archive(op, true, error);
    if (strcmp(name, "restore") == 0) return restore(op, error);
    if (strcmp(name, "merge") == 0) return merge(op, error);
    if (strcmp(name, "associate") == 0) return associate(op, false, error);
    if (strcmp(name, "dissociate") == 0) return associate(op, true, error);
    if (strcmp(name, "wide") == 0) return widen(op, error);
    return change_property(op, name, error);
}

enum sl_code hs_operate(void *state, const struct sl_json *json, int64_t now_us,
                        struct sl_error *error)
{
    struct hubspot *app = state;
    const char *name = sl_json_str(sl_json_get(json, "op"));
    const char *table = sl_json_str(sl_json_get(json, "table"));
    struct op op = {.app = app, .json = json, .now_us = now_us};

    app->now_us = now_us;
    op.count = number_of(&op, "count", 1);
    op.type = hs_type_of(app, table ? table : "contacts");
    for (int i = 0; i < app->type_count && !op.type; i++)
        if (strcmp(app->types[i].name, table) == 0) op.type = &app->types[i];
    if (strcmp(name, "behaviour") == 0) {
        behave(&op);
    } else if (strcmp(name, "token") == 0) {
        app->revoked = sl_json_true(sl_json_get(json, "revoke"));
    } else if (strcmp(name, "expire_tokens") == 0) {
        for (int i = 0; i < HS_TOKENS_MAX; i++) app->tokens[i].expires_us = 0;
    } else if (strcmp(name, "day") == 0) {
        return day(&op, error);
    } else if (!op.type || op.type->bench) {
        return sl_fail(error, SL_NOT_FOUND, "there is no table '%s' to change",
                       table ? table : "contacts");
    } else if (strcmp(name, "forbid") == 0) {
        op.type->forbidden = !sl_json_true(sl_json_get(json, "off"));
    } else {
        return on_records(&op, name, error);
    }
    return SL_OK;
}
