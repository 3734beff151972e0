/*
 * archived.c: what was deleted. HubSpot keeps deleted records for 90 days and lists them, in no
 * order of their deletion: so all pages are looked at, and what was deleted since the last run is
 * told. What was erased for good (privacy), or deleted by a merge, is not among them: merges are
 * seen in the record that remains, the rest is found by the complete read of the day.
 */
#include "hubspot.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PAGES_EACH_RUN 10 /* a list of so many is looked at in each run, a longer one by the hour */
#define WAIT_US (3600 * SL_SECOND_US)

bool hubspot_archived_can_wait(const struct hubspot *self)
{
    return self->archived_pages > PAGES_EACH_RUN && self->from_us - self->archived_us < WAIT_US;
}

static enum sl_code finish(struct hubspot *self, struct sl_out *out, struct sl_error *error)
{
    enum sl_code rc = hubspot_put_cursor(self, out, error);

    return rc ? rc : SL_DONE;
}

enum sl_code hubspot_ask_archived(struct hubspot *self, struct sl_out *out, struct sl_error *error)
{
    struct sl_url url;

    if (self->no_archived || (!self->after[0] && hubspot_archived_can_wait(self)))
        return finish(self, out, error);
    hubspot_url(self, &url, "crm", "v3", "objects", self->path, NULL);
    sl_url_query_i64(&url, "limit", HUBSPOT_LIST_ROWS);
    sl_url_query(&url, "archived", "true");
    sl_url_query(&url, "properties", "hs_object_id");
    sl_url_query(&url, "after", self->after[0] ? self->after : NULL);
    return hubspot_ask(self, HUBSPOT_ARCHIVED, &url, NULL, out, error);
}

static enum sl_code delete_id(struct hubspot *self, int64_t id, struct sl_out *out,
                              struct sl_error *error)
{
    const struct sl_json *key;
    char text[HUBSPOT_ID_MAX + 16];
    enum sl_code rc;

    snprintf(text, sizeof text, "{\"id\":\"%" PRId64 "\"}", id);
    rc = sl_out_parse(out, text, strlen(text), &key, error);
    return rc ? rc : sl_out_delete(out, self->task.table, key, (struct sl_sequence){0}, error);
}

/* "512;513": the ids that this record has had. One of them may be its own. */
enum sl_code hubspot_delete_merged(struct hubspot *self, const struct sl_json *record,
                                   struct sl_out *out, struct sl_error *error)
{
    const char *merged =
        sl_json_str(sl_json_path(record, "properties", "hs_merged_object_ids", NULL));
    int64_t own = 0;
    enum sl_code rc = SL_OK;

    if (!self->merges || !merged || !hubspot_id(sl_json_get(record, "id"), &own)) return SL_OK;
    while (*merged && !rc) {
        size_t len = strcspn(merged, ";");
        int64_t id = 0;
        bool good = len > 0 && len < HUBSPOT_ID_MAX - 2;
        for (size_t i = 0; i < len && good; i++) {
            good = merged[i] >= '0' && merged[i] <= '9';
            id = id * 10 + (merged[i] - '0');
        }
        if (good && id > 0 && id != own) rc = delete_id(self, id, out, error);
        merged += len + (merged[len] == ';');
    }
    return rc;
}

enum sl_code hubspot_archived_page(struct hubspot *self, const struct sl_response *response,
                                   struct sl_out *out, struct sl_error *error)
{
    int64_t since_us = self->archived_us - self->lookback_minutes * 60 * SL_SECOND_US, id, us;
    const struct sl_json *records;
    enum sl_code rc = SL_OK;

    if (response->status == 400) { /* this object has no such list */
        sl_out_note(out, SL_NOTE_INFO,
                    "table '%.200s': HubSpot does not list what was deleted; it is found by the "
                    "complete read of the day",
                    self->task.table);
        return finish(self, out, error);
    }
    records = hubspot_results(self, response->json, error);
    if (!records) return error->code;
    for (struct sl_json_each e = sl_json_each(records); sl_json_next(&e) && !rc;) {
        const struct sl_json *archived = sl_json_get(e.value, "archived");
        if (!hubspot_id(sl_json_get(e.value, "id"), &id))
            return sl_fail(error, SL_BAD_DATA, "a deleted record of '%s' has no id", self->path);
        if (sl_json_kind(archived) == SL_JSON_BOOL && !sl_json_true(archived))
            return sl_fail(error, SL_BAD_DATA,
                           "record %" PRId64 " of '%s' is listed as deleted, and is not", id,
                           self->path);
        if (hubspot_time(sl_json_get(e.value, "archivedAt"), &us) && us < since_us) continue;
        rc = delete_id(self, id, out, error);
    }
    if (rc) return rc;
    rc = hubspot_page_next(self, response->json, error);
    if (rc == SL_MORE) return hubspot_ask_archived(self, out, error);
    if (rc != SL_DONE) return rc;
    self->archived_us = self->from_us;
    self->archived_pages = self->pages.count;
    return finish(self, out, error);
}
