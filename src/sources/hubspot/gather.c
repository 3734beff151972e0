/*
 * gather.c: records by their ids, with all their associations.
 *
 *   for each kind of association: up to 1,000 ids a call; a record with many goes on by itself
 *   then the records, 100 a call, and out with them
 *
 * Links are kept in a room of fixed size. When it is full, only the first half of the ids is
 * fetched now and the other half afterwards; one record alone may have as many links as fit.
 */
#include "hubspot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINK_PAGES_MAX 100000

int hubspot_gather_room(const struct hubspot *self)
{
    return HUBSPOT_GATHER_MAX - self->gather.count;
}

void hubspot_gather_add(struct hubspot *self, int64_t id)
{
    self->gather.ids[self->gather.count++] = id;
}

static int by_id(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

static void sort_ids(struct hubspot_gather *g)
{
    int kept = 0;

    qsort(g->ids, (size_t)g->count, sizeof *g->ids, by_id);
    for (int i = 0; i < g->count; i++)
        if (kept == 0 || g->ids[kept - 1] != g->ids[i]) g->ids[kept++] = g->ids[i];
    g->count = kept;
}

/* Which of the gathered ids is it? -1: none. */
static int row_of(const struct hubspot_gather *g, int64_t id)
{
    const int64_t *found =
        bsearch(&id, g->ids + g->from, (size_t)(g->upto - g->from), sizeof *g->ids, by_id);

    return found ? (int)(found - g->ids) : -1;
}

static void put_id(struct sl_json_writer *body, int64_t id)
{
    char text[HUBSPOT_ID_MAX + 3];

    snprintf(text, sizeof text, "%" PRId64, id);
    sl_json_kv_str(body, "id", text);
}

static enum sl_code post(struct hubspot *self, enum hubspot_stage stage, const struct sl_url *url,
                         struct sl_json_writer *body, struct sl_out *out, struct sl_error *error)
{
    enum sl_code rc = hubspot_ask(self, stage, url, body, out, error);

    sl_json_writer_free(body);
    return rc;
}

/* ---- asking ---- */

static enum sl_code ask_links(struct hubspot *self, struct sl_out *out, struct sl_error *error)
{
    struct hubspot_gather *g = &self->gather;
    struct sl_json_writer *body = sl_json_writer_new();
    struct sl_url url;

    if (!body) return sl_fail(error, SL_NO_MEMORY, "no memory for a request");
    sl_json_begin_object(body);
    sl_json_key(body, "inputs");
    sl_json_begin_array(body);
    for (int i = g->from; i < g->upto && g->more_count == 0; i++) {
        sl_json_begin_object(body);
        put_id(body, g->ids[i]);
        sl_json_end_object(body);
    }
    for (int i = 0; i < g->more_count; i++) {
        sl_json_begin_object(body);
        put_id(body, g->ids[g->more[i].row]);
        sl_json_kv_str(body, "after", g->more[i].after);
        sl_json_end_object(body);
    }
    sl_json_end_array(body);
    sl_json_end_object(body);
    g->more_count = 0;
    hubspot_url(self, &url, "crm", "v4", "associations", self->path, self->targets[g->target],
                "batch", "read", NULL);
    return post(self, HUBSPOT_LINKS, &url, body, out, error);
}

static enum sl_code ask_records(struct hubspot *self, struct sl_out *out, struct sl_error *error)
{
    struct hubspot_gather *g = &self->gather;
    struct sl_json_writer *body = sl_json_writer_new();
    const char *names;
    struct sl_url url;
    size_t len;

    if (!body) return sl_fail(error, SL_NO_MEMORY, "no memory for a request");
    sl_json_begin_object(body);
    sl_json_key(body, "inputs");
    sl_json_begin_array(body);
    for (g->asked = 0; g->asked < self->page_rows && g->from + g->asked < g->upto; g->asked++) {
        sl_json_begin_object(body);
        put_id(body, g->ids[g->from + g->asked]);
        sl_json_end_object(body);
    }
    sl_json_end_array(body);
    sl_json_key(body, "properties");
    names = sl_json_writer_text(self->names, &len);
    sl_json_put_raw(body, names, len);
    sl_json_key(body, "propertiesWithHistory");
    sl_json_begin_array(body);
    sl_json_end_array(body);
    sl_json_end_object(body);
    hubspot_url(self, &url, "crm", "v3", "objects", self->path, "batch", "read", NULL);
    sl_url_query(&url, "archived", "false");
    return post(self, HUBSPOT_RECORDS, &url, body, out, error);
}

static enum sl_code ask_part(struct hubspot *self, struct sl_out *out, struct sl_error *error)
{
    struct hubspot_gather *g = &self->gather;

    g->target = 0;
    g->more_count = g->link_pages = 0;
    g->link_count = 0;
    return self->target_count ? ask_links(self, out, error) : ask_records(self, out, error);
}

enum sl_code hubspot_gather_start(struct hubspot *self, struct sl_out *out, struct sl_error *error)
{
    sort_ids(&self->gather);
    self->gather.from = 0;
    self->gather.upto = self->gather.count;
    return ask_part(self, out, error);
}

/* ---- associations ---- */

/* Of a batch, errors about single records are expected: no associations, gone meanwhile. */
static enum sl_code look_at_errors(const struct hubspot *self, const struct sl_json *answer,
                                   struct sl_error *error)
{
    for (struct sl_json_each e = sl_json_each(sl_json_get(answer, "errors")); sl_json_next(&e);) {
        const char *said = sl_json_str(sl_json_get(e.value, "message"));
        if (sl_json_eq(sl_json_get(e.value, "category"), "OBJECT_NOT_FOUND")) continue;
        sl_fail(error, SL_SOURCE, "'%s': HubSpot could not answer for some records: %.300s",
                self->path, said ? said : "no reason given");
        error->retryable = true;
        return SL_SOURCE;
    }
    return SL_OK;
}

enum added { ADDED, FULL, UNUSABLE };

static enum added add_links(struct hubspot *self, const struct sl_json *result)
{
    struct hubspot_gather *g = &self->gather;
    const struct sl_json *after = sl_json_path(result, "paging", "next", "after", NULL);
    int64_t id;
    int row;

    if (!hubspot_id(sl_json_path(result, "from", "id", NULL), &id)) return UNUSABLE;
    row = row_of(g, id);
    if (row < 0) return ADDED; /* nobody asked */
    for (struct sl_json_each e = sl_json_each(sl_json_get(result, "to")); sl_json_next(&e);) {
        struct hubspot_link link = {row, g->target, 0};
        if (!hubspot_id(sl_json_get(e.value, "toObjectId"), &link.to)) return UNUSABLE;
        if (g->link_count == HUBSPOT_LINKS_MAX) return FULL;
        self->room.links[g->link_count++] = link;
    }
    if (sl_json_kind(after) == SL_JSON_NONE || sl_json_kind(after) == SL_JSON_NULL) return ADDED;
    if (g->more_count == HUBSPOT_GATHER_MAX) return UNUSABLE; /* the same record many times */
    g->more[g->more_count].row = row;
    if (!sl_page_token(after, g->more[g->more_count].after, sizeof g->more->after)) return UNUSABLE;
    g->more_count++;
    return ADDED;
}

/* Half of the records now, the others afterwards. */
static enum sl_code fewer(struct hubspot *self, struct sl_out *out, struct sl_error *error)
{
    struct hubspot_gather *g = &self->gather;
    int count = g->upto - g->from;

    if (count <= 1) {
        sl_fail(error, SL_TOO_LARGE, "record %" PRId64 " of '%s' has more than %d associations",
                g->ids[g->from], self->path, HUBSPOT_LINKS_MAX);
        sl_error_hint(error, "Leave a column of associations out (exclude_columns).");
        return SL_TOO_LARGE;
    }
    g->upto = g->from + count / 2;
    return ask_part(self, out, error);
}

static enum sl_code links_came(struct hubspot *self, const struct sl_response *response,
                               struct sl_out *out, struct sl_error *error)
{
    struct hubspot_gather *g = &self->gather;
    const struct sl_json *results = hubspot_results(self, response->json, error);
    enum sl_code rc;

    if (!results) return error->code;
    rc = look_at_errors(self, response->json, error);
    if (rc) return rc;
    if (++g->link_pages > LINK_PAGES_MAX)
        return sl_fail(error, SL_BAD_DATA, "the associations of '%s' do not end", self->path);
    for (struct sl_json_each e = sl_json_each(results); sl_json_next(&e);) {
        enum added added = add_links(self, e.value);
        if (added == FULL) return fewer(self, out, error);
        if (added == UNUSABLE)
            return sl_fail(error, SL_BAD_DATA, "an association of '%s' to '%s' cannot be read",
                           self->path, self->targets[g->target]);
    }
    if (g->more_count) return ask_links(self, out, error);
    g->link_pages = 0;
    if (++g->target < self->target_count) return ask_links(self, out, error);
    return ask_records(self, out, error);
}

/* ---- records ---- */

static int by_row(const void *a, const void *b)
{
    const struct hubspot_link *x = a, *y = b;

    if (x->row != y->row) return x->row < y->row ? -1 : 1;
    if (x->target != y->target) return x->target < y->target ? -1 : 1;
    return x->to < y->to ? -1 : x->to > y->to;
}

static const struct hubspot_link *links_of(const struct hubspot *self, int row, size_t *count)
{
    size_t low = 0, high = self->gather.link_count, end;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (self->room.links[middle].row < row)
            low = middle + 1;
        else
            high = middle;
    }
    for (end = low; end < self->gather.link_count && self->room.links[end].row == row;) end++;
    *count = end - low;
    return self->room.links + low;
}

/* Columns of associations: ids in their order, each once. */
static enum sl_code put_values(struct hubspot *self, const struct hubspot_link *links, size_t count,
                               struct sl_constant constants[HUBSPOT_TARGETS_MAX],
                               struct sl_error *error)
{
    for (int i = 0; i < self->target_count; i++) {
        struct sl_json_writer *value = self->values[i];
        sl_json_writer_reset(value);
        sl_json_begin_array(value);
        for (size_t k = 0; k < count; k++) {
            bool again = k > 0 && links[k - 1].target == i && links[k - 1].to == links[k].to;
            if (links[k].target == i && !again) sl_json_put_i64(value, links[k].to);
        }
        sl_json_end_array(value);
        constants[i] = (struct sl_constant){self->targets[i], sl_json_writer_text(value, NULL)};
        if (!constants[i].text) return sl_fail(error, SL_NO_MEMORY, "no memory for a row");
    }
    return SL_OK;
}

enum sl_code hubspot_emit(struct hubspot *self, const struct sl_json *record,
                          const struct hubspot_link *links, size_t count, struct sl_out *out,
                          struct sl_error *error)
{
    struct sl_constant constants[HUBSPOT_TARGETS_MAX];
    enum sl_code rc = put_values(self, links, count, constants, error);

    return rc ? rc
              : sl_out_rows(out, self->task.table, record, constants, (size_t)self->target_count,
                            (struct sl_sequence){0}, error);
}

/* An id of a record that was merged is answered with the one that it went up in. */
static enum sl_code record_came(struct hubspot *self, const struct sl_json *record,
                                struct sl_out *out, struct sl_error *error)
{
    size_t count;
    int64_t id;
    enum sl_code rc;

    if (!hubspot_id(sl_json_get(record, "id"), &id))
        return sl_fail(error, SL_BAD_DATA, "a record of '%s' has no id", self->path);
    int row = row_of(&self->gather, id);
    rc = self->increment ? hubspot_delete_merged(self, record, out, error) : SL_OK;
    if (rc || row < 0 || sl_json_true(sl_json_get(record, "archived"))) return rc;
    const struct hubspot_link *links = links_of(self, row, &count);
    return hubspot_emit(self, record, links, count, out, error);
}

static enum sl_code records_came(struct hubspot *self, const struct sl_response *response,
                                 struct sl_out *out, struct sl_error *error)
{
    struct hubspot_gather *g = &self->gather;
    const struct sl_json *records = hubspot_results(self, response->json, error);
    enum sl_code rc;

    if (!records) return error->code;
    rc = look_at_errors(self, response->json, error);
    qsort(self->room.links, g->link_count, sizeof *self->room.links, by_row);
    for (struct sl_json_each e = sl_json_each(records); sl_json_next(&e) && !rc;)
        rc = record_came(self, e.value, out, error);
    if (rc) return rc;
    g->from += g->asked;
    if (g->from < g->upto) return ask_records(self, out, error);
    if (g->upto < g->count) {
        g->upto = g->count;
        return ask_part(self, out, error);
    }
    g->count = 0;
    return SL_DONE;
}

enum sl_code hubspot_gather_step(struct hubspot *self, const struct sl_response *response,
                                 struct sl_out *out, struct sl_error *error)
{
    return self->stage == HUBSPOT_LINKS ? links_came(self, response, out, error)
                                        : records_came(self, response, out, error);
}
