/*
 * search.c: which records changed, by the search, oldest change first.
 *
 * The search answers 10,000 records and no more, and its offsets count in a list that moves: a record
 * that changes while pages are read goes to the end, and the one behind the border of the page is
 * never seen. So no offset is used. Each page is the first one of what changed at or after the
 * newest time of the page before it; what shares that time comes twice.
 *
 *   page of several times      on from its newest time
 *   page of one time alone     more changed in one millisecond than fit on a page (imports do that):
 *                              all of that time by their ids (HUBSPOT_PILE), then on from the next
 *   page that is not in order  (the index was behind the record) paged by offset, as far as that goes
 */
#include "hubspot.h"

#include <inttypes.h>
#include <stdio.h>

#define LOW_MS_MIN 1000 /* a search from time 0 on is answered by 500 */
#define MINUTE_MS INT64_C(60000)
#define ARCHIVED_FOR_US (89 * SL_DAY_US) /* HubSpot keeps what was deleted for 90 days */

static void put_filter(struct sl_json_writer *body, const char *property, const char *operator,
                       int64_t value)
{
    char text[24];

    snprintf(text, sizeof text, "%" PRId64, value);
    sl_json_begin_object(body);
    sl_json_kv_str(body, "propertyName", property);
    sl_json_kv_str(body, "operator", operator);
    sl_json_kv_str(body, "value", text);
    sl_json_end_object(body);
}

static void put_body(const struct hubspot *self, bool pile, struct sl_json_writer *body)
{
    sl_json_begin_object(body);
    sl_json_key(body, "filterGroups");
    sl_json_begin_array(body);
    sl_json_begin_object(body);
    sl_json_key(body, "filters");
    sl_json_begin_array(body);
    put_filter(body, self->modified, pile ? "EQ" : "GTE", pile ? self->pile_ms : self->low_ms);
    if (pile) put_filter(body, "hs_object_id", "GT", self->pile_id);
    sl_json_end_array(body);
    sl_json_end_object(body);
    sl_json_end_array(body);
    sl_json_key(body, "sorts");
    sl_json_begin_array(body);
    sl_json_begin_object(body);
    sl_json_kv_str(body, "propertyName", pile ? "hs_object_id" : self->modified);
    sl_json_kv_str(body, "direction", "ASCENDING");
    sl_json_end_object(body);
    sl_json_end_array(body);
    sl_json_key(body, "properties");
    sl_json_begin_array(body);
    sl_json_put_str(body, self->modified);
    sl_json_end_array(body);
    sl_json_kv_i64(body, "limit", HUBSPOT_SEARCH_ROWS);
    if (self->offset) {
        char after[16];
        snprintf(after, sizeof after, "%d", self->offset);
        sl_json_kv_str(body, "after", after);
    }
    sl_json_end_object(body);
}

static enum sl_code ask_search(struct hubspot *self, enum hubspot_stage stage, struct sl_out *out,
                               struct sl_error *error)
{
    struct sl_json_writer *body = sl_json_writer_new();
    struct sl_url url;
    enum sl_code rc;

    if (!body) return sl_fail(error, SL_NO_MEMORY, "no memory for a request");
    put_body(self, stage == HUBSPOT_PILE, body);
    hubspot_url(self, &url, "crm", "v3", "objects", self->path, "search", NULL);
    rc = hubspot_ask(self, stage, &url, body, out, error);
    sl_json_writer_free(body);
    return rc;
}

enum sl_code hubspot_search_start(struct hubspot *self, struct sl_out *out, struct sl_error *error)
{
    self->low_ms = self->old_from_us / 1000 - self->lookback_minutes * MINUTE_MS;
    if (self->low_ms < LOW_MS_MIN) self->low_ms = LOW_MS_MIN;
    return ask_search(self, HUBSPOT_SEARCH, out, error);
}

/* ---- a page ---- */

struct page {
    size_t count;
    int64_t first_ms, last_ms, least_ms;
    int64_t last_id;
    bool ordered;
};

/* When did it change? The property that the search goes by; updatedAt can differ from it. */
static bool changed_ms(const struct hubspot *self, const struct sl_json *record, int64_t *ms)
{
    int64_t us;

    if (!hubspot_time(sl_json_path(record, "properties", self->modified, NULL), &us) &&
        !hubspot_time(sl_json_get(record, "updatedAt"), &us))
        return false;
    *ms = us / 1000;
    return true;
}

static enum sl_code take_page(struct hubspot *self, const struct sl_json *records,
                              struct page *page, struct sl_error *error)
{
    int64_t ms, id;

    *page = (struct page){.ordered = true, .least_ms = INT64_MAX};
    if (sl_json_len(records) > HUBSPOT_SEARCH_ROWS)
        return sl_fail(error, SL_BAD_DATA, "a page of '%s' holds %zu records", self->path,
                       sl_json_len(records));
    for (struct sl_json_each e = sl_json_each(records); sl_json_next(&e);) {
        if (!hubspot_id(sl_json_get(e.value, "id"), &id) || !changed_ms(self, e.value, &ms))
            return sl_fail(
                error, SL_BAD_DATA,
                "a record of '%s' comes without an id, or without the time of its change",
                self->path);
        if (page->count++ == 0) page->first_ms = ms;
        page->ordered &= page->count == 1 || ms >= page->last_ms;
        if (ms < page->least_ms) page->least_ms = ms;
        page->last_ms = ms;
        page->last_id = id;
        hubspot_gather_add(self, id);
    }
    return SL_OK;
}

/* Where the next page begins. It must lie further on than this one did. */
static enum sl_code move_on(struct hubspot *self, const struct page *page, struct sl_error *error)
{
    bool pile = self->stage == HUBSPOT_PILE;

    if (page->count == 0)
        return sl_fail(error, SL_BAD_DATA, "an empty page of '%s' says that more follow",
                       self->path);
    if (pile && page->last_id <= self->pile_id)
        return sl_fail(error, SL_BAD_DATA, "a page of '%s' comes again", self->path);
    if (pile) {
        self->pile_id = page->last_id;
    } else if (!page->ordered || self->offset) {
        self->offset += HUBSPOT_SEARCH_ROWS;
        if (self->offset + HUBSPOT_SEARCH_ROWS <= HUBSPOT_SEARCH_CAP) return SL_OK;
        self->offset = 0;
        if (page->least_ms <= self->low_ms)
            return sl_fail(error, SL_BAD_DATA,
                           "the search of '%s' gives no order by time, and no more than %d records",
                           self->path, HUBSPOT_SEARCH_CAP);
        self->low_ms = page->least_ms;
    } else if (page->last_ms > self->low_ms && page->last_ms > page->first_ms) {
        self->low_ms = page->last_ms;
    } else { /* all of one time */
        self->pile_ms = page->first_ms;
        self->pile_id = 0;
        self->stage = HUBSPOT_PILE;
    }
    return SL_OK;
}

/* No more of this pile, or of all. */
static void end_of_list(struct hubspot *self)
{
    if (self->stage == HUBSPOT_SEARCH) {
        self->last = true;
        return;
    }
    self->low_ms = self->pile_ms + 1;
    self->pile_id = 0;
    self->stage = HUBSPOT_SEARCH;
}

enum sl_code hubspot_search_goes_on(struct hubspot *self, struct sl_out *out,
                                    struct sl_error *error)
{
    if (self->last) {
        self->after[0] = '\0';
        self->pages = (struct sl_pages){0};
        return hubspot_ask_archived(self, out, error);
    }
    return ask_search(self, self->pile_ms >= self->low_ms ? HUBSPOT_PILE : HUBSPOT_SEARCH, out,
                      error);
}

/* The first answer: HubSpot's time now. Why the cursor is no use by it; NULL: it is. */
static const char *take_time(struct hubspot *self, const struct sl_response *response)
{
    int64_t now_us = hubspot_server_us(self, response);

    if (self->from_us != SL_NO_TIME) return NULL;
    self->from_us = now_us - (response->received_at_us - response->started_at_us);
    if (now_us - self->old_from_us > ARCHIVED_FOR_US)
        return "the last run is so long ago that HubSpot no longer tells what was deleted since";
    return self->old_from_us - now_us > SL_DAY_US ? "the cursor lies in the future" : NULL;
}

enum sl_code hubspot_search_page(struct hubspot *self, const struct sl_response *response,
                                 struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *records = hubspot_results(self, response->json, error);
    const struct sl_json *next = sl_json_path(response->json, "paging", "next", NULL);
    const char *why = take_time(self, response);
    struct page page;
    enum sl_code rc;

    if (!records) return error->code;
    if (why) {
        hubspot_say_why_all(self, why, out);
        self->increment = false;
        return hubspot_list_start(self, out, error);
    }
    rc = take_page(self, records, &page, error);
    if (!rc && sl_json_kind(next) == SL_JSON_OBJECT)
        rc = move_on(self, &page, error);
    else if (!rc)
        end_of_list(self);
    if (rc) return rc;
    if (self->gather.count && (self->last || hubspot_gather_room(self) < HUBSPOT_SEARCH_ROWS))
        return hubspot_gather_start(self, out, error);
    return hubspot_search_goes_on(self, out, error);
}
