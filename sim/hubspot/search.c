/* search.c: the search. Its index lags, it answers 10,000 records, and shows no associations. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/time.h"
#include "json/doc.h"
#include "sim/hubspot/hubspot.h"
#include "sim/text.h"

#define LIMIT_MAX 200
#define CAP 10000
#define NAMES_MAX 1000

struct hit {
    int64_t id;
    int64_t number; /* what is sorted by, where it is a time or a number */
    char text[24];
    size_t index;
};

struct search {
    struct hubspot *app;
    struct hs_type *type;
    const struct sl_json *root;
    const char *sort;
    bool down;
    int64_t limit, after;
};

/* When the record changed, as far as the index knows; -1: it does not know the record. */
static int64_t indexed_us(const struct hubspot *app, const struct hs_record *record)
{
    if (record->visible_us > app->now_us)
        return record->indexed_us == record->created_us ? -1 : record->indexed_us;
    return record->updated_us;
}

static bool is_time(const char *type)
{
    return strcmp(type, "date") == 0 || strcmp(type, "datetime") == 0;
}

/* Milliseconds of a value, given as such or in ISO form. */
static int64_t time_number(const char *text)
{
    int64_t us;
    int32_t days;
    bool zone;

    if (text[strspn(text, "-0123456789")] == '\0' && strlen(text) != 10) return hs_number(text);
    if (sl_time_parse(text, strlen(text), &us, &zone)) return us / 1000;
    return sl_date_parse(text, strlen(text), &days) ? days * (SL_DAY_US / 1000) : 0;
}

/* -1, 0, 1 of the record's value against another; false: the record has none. */
static bool compare(const struct search *s, const struct hs_record *record, int property,
                    const char *other, int *order)
{
    const struct hs_property *p = &s->type->properties[property];
    char text[40];
    const char *value = hs_get(s->type, record, property, text);
    double a, b;

    if (strcmp(p->name, s->type->modified) == 0) {
        int64_t ms = indexed_us(s->app, record) / 1000, wanted = time_number(other);
        *order = ms < wanted ? -1 : ms > wanted;
        return true;
    }
    if (!value || !*value) return false;
    if (is_time(p->type)) {
        a = (double)time_number(value);
        b = (double)time_number(other);
    } else if (strcmp(p->type, "number") == 0) {
        a = strtod(value, NULL);
        b = strtod(other, NULL);
    } else {
        int c = strcmp(value, other);
        *order = c < 0 ? -1 : c > 0;
        return true;
    }
    *order = a < b ? -1 : a > b;
    return true;
}

static bool holds(const struct search *s, const struct hs_record *record,
                  const struct sl_json *filter)
{
    const char *name = sl_json_str(sl_json_get(filter, "propertyName"));
    const char *op = sl_json_str(sl_json_get(filter, "operator"));
    const char *value = sl_json_str(sl_json_get(filter, "value"));
    const char *high = sl_json_str(sl_json_get(filter, "highValue"));
    int property = name ? hs_property_of(s->type, name) : -1, order = 0;
    bool there;

    if (property < 0 || !op) return false;
    there = compare(s, record, property, value ? value : "", &order);
    if (strcmp(op, "HAS_PROPERTY") == 0) return there;
    if (strcmp(op, "NOT_HAS_PROPERTY") == 0) return !there;
    if (strcmp(op, "NEQ") == 0) return !there || order != 0;
    if (!there) return false;
    if (strcmp(op, "EQ") == 0) return order == 0;
    if (strcmp(op, "GT") == 0) return order > 0;
    if (strcmp(op, "GTE") == 0) return order >= 0;
    if (strcmp(op, "LT") == 0) return order < 0;
    if (strcmp(op, "LTE") == 0) return order <= 0;
    if (strcmp(op, "BETWEEN") == 0) {
        if (order < 0) return false;
        return compare(s, record, property, high ? high : "", &order) && order <= 0;
    }
    if (strcmp(op, "IN") == 0 || strcmp(op, "NOT_IN") == 0) {
        bool in = false;
        for (struct sl_json_each e = sl_json_each(sl_json_get(filter, "values")); sl_json_next(&e);)
            if (sl_json_str(e.value) && compare(s, record, property, sl_json_str(e.value), &order))
                in |= order == 0;
        return in == (op[0] == 'I');
    }
    return false;
}

/* Groups are OR-ed, the filters of one AND-ed; without any everything is found. */
static bool matches(const struct search *s, const struct hs_record *record)
{
    const struct sl_json *groups = sl_json_get(s->root, "filterGroups");

    if (!hs_lives(record) || indexed_us(s->app, record) < 0) return false;
    if (sl_json_len(groups) == 0) return true;
    for (struct sl_json_each g = sl_json_each(groups); sl_json_next(&g);) {
        bool all = true;
        struct sl_json_each f = sl_json_each(sl_json_get(g.value, "filters"));

        while (all && sl_json_next(&f)) all = holds(s, record, f.value);
        if (all) return true;
    }
    return false;
}

static int by_key(const void *a, const void *b)
{
    const struct hit *x = a, *y = b;
    int texts = strcmp(x->text, y->text);

    if (x->number != y->number) return x->number < y->number ? -1 : 1;
    if (texts) return texts;
    return x->id < y->id ? -1 : x->id > y->id;
}

static struct hit hit_of(const struct search *s, const struct hs_record *record, size_t index)
{
    struct hit hit = {.id = record->id, .index = index};
    int property = hs_property_of(s->type, s->sort);
    char text[40];
    const char *value;

    if (strcmp(s->sort, s->type->modified) == 0) {
        hit.number = indexed_us(s->app, record) / 1000;
    } else if (strcmp(s->sort, "hs_object_id") == 0) {
        hit.number = record->id;
    } else if (property >= 0 && (value = hs_get(s->type, record, property, text))) {
        if (is_time(s->type->properties[property].type))
            hit.number = time_number(value);
        else
            (void)snprintf(hit.text, sizeof hit.text, "%.23s", value);
    }
    if (s->down) hit.number = -hit.number;
    return hit;
}

static struct hit *find(const struct search *s, size_t *count)
{
    struct hit *hits = sl_alloc((hs_count(s->type) + 1) * sizeof *hits);

    *count = 0;
    if (!hits) return NULL;
    for (size_t i = 0; i < hs_count(s->type); i++) {
        const struct hs_record *record = hs_at(s->app, s->type, i);

        if (matches(s, record)) hits[(*count)++] = hit_of(s, record, i);
    }
    qsort(hits, *count, sizeof *hits, by_key);
    if (s->app->unsorted)
        for (size_t i = 0; i + 5 < *count; i += 6) {
            struct hit swap = hits[i];
            hits[i] = hits[i + 5];
            hits[i + 5] = swap;
        }
    return hits;
}

static bool is_refused(const struct search *s, struct sim_reply *reply)
{
    for (struct sl_json_each g = sl_json_each(sl_json_get(s->root, "filterGroups"));
         sl_json_next(&g);)
        for (struct sl_json_each f = sl_json_each(sl_json_get(g.value, "filters"));
             sl_json_next(&f);) {
            const char *name = sl_json_str(sl_json_get(f.value, "propertyName"));
            if (!name || hs_property_of(s->type, name) < 0) {
                hs_error(reply, 400, "VALIDATION_ERROR", "There was a problem with the request.");
                return true;
            }
            if (sl_json_eq(sl_json_get(f.value, "value"), "0") &&
                strcmp(name, s->type->modified) == 0) {
                hs_error(reply, 500, "INTERNAL_ERROR", "internal error");
                return true;
            }
        }
    if (s->limit < 1 || s->limit > LIMIT_MAX) {
        hs_error(reply, 400, "VALIDATION_ERROR", "limit must be less than or equal to 200");
        return true;
    }
    if (s->after + s->limit > CAP) {
        hs_error(reply, 400, "VALIDATION_ERROR",
                 "Paging cannot go beyond the first 10000 results of a search");
        return true;
    }
    return sl_json_len(sl_json_get(s->root, "filterGroups")) > 5;
}

static void put_results(const struct search *s, struct sim_reply *reply)
{
    const char *names[NAMES_MAX];
    size_t count = 0, name_count = 0;
    struct hit *hits = find(s, &count);
    int64_t end = s->after + s->limit;

    if (!hits) {
        sl_buf_fail(reply->body);
        return;
    }
    for (struct sl_json_each e = sl_json_each(sl_json_get(s->root, "properties"));
         sl_json_next(&e) && name_count < NAMES_MAX;)
        if (sl_json_str(e.value)) names[name_count++] = sl_json_str(e.value);
    sl_buf_addf(reply->body, "{\"total\":%zu,\"results\":[", count);
    for (int64_t i = s->after; i < end && i < (int64_t)count; i++) {
        struct hs_record seen = *hs_at(s->app, s->type, hits[i].index);

        if (i > s->after) sl_buf_addc(reply->body, ',');
        seen.updated_us = indexed_us(s->app, &seen);
        hs_put_record(s->app, s->type, &seen, names, name_count, NULL, reply->body);
    }
    sl_buf_addc(reply->body, ']');
    if (end < (int64_t)count)
        sl_buf_addf(reply->body, ",\"paging\":{\"next\":{\"after\":\"%" PRId64 "\"}}", end);
    sl_buf_addc(reply->body, '}');
    sl_free(hits);
}

enum sl_code hs_search(struct hubspot *app, struct hs_type *type, const struct sim_request *request,
                       struct sim_reply *reply, struct sl_error *error)
{
    struct search s = {.app = app, .type = type, .limit = 10, .sort = type->created};
    struct sl_doc *doc = sl_doc_new(0);

    if (!doc) return sl_fail(error, SL_NO_MEMORY, "no memory for a search");
    if (sl_doc_parse_copy(doc, request->body, request->body_len, &s.root, error)) {
        hs_error(reply, 400, "VALIDATION_ERROR", "Invalid input JSON");
    } else {
        const struct sl_json *after = sl_json_get(s.root, "after");
        struct sl_json_each sorts = sl_json_each(sl_json_get(s.root, "sorts"));

        sl_json_i64(sl_json_get(s.root, "limit"), &s.limit);
        if (sl_json_str(after)) s.after = hs_number(sl_json_str(after));
        if (sl_json_next(&sorts)) {
            const char *name = sl_json_str(sl_json_get(sorts.value, "propertyName"));
            if (name) s.sort = name;
            s.down = sl_json_eq(sl_json_get(sorts.value, "direction"), "DESCENDING");
        }
        if (!is_refused(&s, reply)) put_results(&s, reply);
    }
    sl_doc_free(doc);
    return SL_OK;
}
