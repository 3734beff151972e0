/*
 * list.c: everything, by the list of the object. Its order is that of the ids, its offsets stay good.
 *
 * A record shows up to 100 associations of each kind in the list; one that has more is gathered. So
 * is every record when the names of the properties are too long for a URL.
 */
#include "hubspot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RELEASE_PAGES 20 /* a first load notes how far it came after so many pages */

static enum sl_code ask_list(struct hubspot *self, struct sl_out *out, struct sl_error *error)
{
    char targets[256] = "";
    size_t len = 0;
    struct sl_url url;

    for (int i = 0; i < self->target_count && !self->by_id; i++)
        len += (size_t)snprintf(targets + len, sizeof targets - len, "%s%.30s", i ? "," : "",
                                self->targets[i]);
    hubspot_url(self, &url, "crm", "v3", "objects", self->path, NULL);
    sl_url_query_i64(&url, "limit", self->page_rows);
    sl_url_query(&url, "archived", "false");
    if (self->by_id)
        sl_url_query(&url, "properties", "hs_object_id");
    else
        sl_url_query(&url, "properties", self->csv[0] ? self->csv : "hs_object_id");
    sl_url_query(&url, "associations", targets[0] ? targets : NULL);
    sl_url_query(&url, "after", self->after[0] ? self->after : NULL);
    return hubspot_ask(self, HUBSPOT_LIST, &url, NULL, out, error);
}

enum sl_code hubspot_list_start(struct hubspot *self, struct sl_out *out, struct sl_error *error)
{
    self->going_on = self->after[0] != '\0';
    if (self->going_on) self->from_us = self->old_from_us;
    return ask_list(self, out, error);
}

/* ---- associations within a listed record ---- */

static int by_target(const void *a, const void *b)
{
    const struct hubspot_link *x = a, *y = b;

    if (x->target != y->target) return x->target < y->target ? -1 : 1;
    return x->to < y->to ? -1 : x->to > y->to;
}

/* The links of a record; false: it has more than it shows, or something that is no id. */
static bool links_within(struct hubspot *self, const struct sl_json *record, size_t *count)
{
    const struct sl_json *all = sl_json_get(record, "associations");
    size_t n = 0;

    for (int i = 0; i < self->target_count; i++) {
        const struct sl_json *some = sl_json_get(all, self->targets[i]);
        if (sl_json_kind(sl_json_path(some, "paging", "next", NULL)) == SL_JSON_OBJECT)
            return false;
        for (struct sl_json_each e = sl_json_each(sl_json_get(some, "results"));
             sl_json_next(&e);) {
            struct hubspot_link link = {0, i, 0};
            if (n == HUBSPOT_LINKS_MAX || !hubspot_id(sl_json_get(e.value, "id"), &link.to))
                return false;
            self->room.links[n++] = link;
        }
    }
    qsort(self->room.links, n, sizeof *self->room.links, by_target);
    *count = n;
    return true;
}

static enum sl_code listed(struct hubspot *self, const struct sl_json *record, struct sl_out *out,
                           struct sl_error *error)
{
    size_t links = 0;
    int64_t id;

    if (!hubspot_id(sl_json_get(record, "id"), &id))
        return sl_fail(error, SL_BAD_DATA, "a record of '%s' has no id", self->path);
    if (!self->by_id && links_within(self, record, &links))
        return hubspot_emit(self, record, self->room.links, links, out, error);
    hubspot_gather_add(self, id);
    return SL_OK;
}

/* ---- pages ---- */

static enum sl_code finish(struct hubspot *self, struct sl_out *out, struct sl_error *error)
{
    enum sl_code rc = sl_out_complete(out, self->task.table, "{}", error);

    self->after[0] = '\0';
    if (!rc) rc = hubspot_put_cursor(self, out, error);
    return rc ? rc : SL_DONE;
}

enum sl_code hubspot_list_goes_on(struct hubspot *self, struct sl_out *out, struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    self->stage = HUBSPOT_LIST;
    if (self->last) return finish(self, out, error);
    if (self->task.initial && self->gather.count == 0 && self->pages.count % RELEASE_PAGES == 0)
        rc = hubspot_put_cursor(self, out, error);
    return rc ? rc : ask_list(self, out, error);
}

/* The place that an interrupted first load came to is not known any more. */
static enum sl_code begin_anew(struct hubspot *self, struct sl_out *out, struct sl_error *error)
{
    sl_out_note(out, SL_NOTE_INFO,
                "table '%.200s': its first load begins anew, because HubSpot no longer takes the "
                "place at which it was interrupted",
                self->task.table);
    self->going_on = false;
    self->after[0] = '\0';
    self->from_us = SL_NO_TIME;
    return ask_list(self, out, error);
}

enum sl_code hubspot_list_page(struct hubspot *self, const struct sl_response *response,
                               struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *records;
    enum sl_code rc = SL_OK;

    if (response->status == 400) return begin_anew(self, out, error);
    if (self->from_us == SL_NO_TIME)
        self->from_us = hubspot_server_us(self, response) -
                        (response->received_at_us - response->started_at_us);
    self->going_on = false;
    records = hubspot_results(self, response->json, error);
    if (!records) return error->code;
    if (sl_json_len(records) > HUBSPOT_LIST_ROWS)
        return sl_fail(error, SL_BAD_DATA, "a page of '%s' holds %zu records", self->path,
                       sl_json_len(records));
    for (struct sl_json_each e = sl_json_each(records); sl_json_next(&e) && !rc;)
        rc = listed(self, e.value, out, error);
    if (rc) return rc;
    rc = hubspot_page_next(self, response->json, error);
    if (sl_failed(rc)) return rc;
    self->last = rc == SL_DONE;
    if (self->gather.count && (self->last || hubspot_gather_room(self) < HUBSPOT_LIST_ROWS))
        return hubspot_gather_start(self, out, error);
    return hubspot_list_goes_on(self, out, error);
}
