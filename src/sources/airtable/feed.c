/*
 * feed.c: what a webhook's payloads name.
 *
 * Payloads are polled; nobody has to call us. Of each only ids are taken: the values in it have
 * another format than those of a listing, and leave out what did not change. Destroyed records are
 * deleted; changed ones are read again by sub-tasks (byid.c), and what does not come is deleted too.
 * So the order of a record's changes does not matter, but for one: destroyed, then restored.
 *
 * A listing shows a change late, so the payloads of the last minutes (the lookback) are applied
 * again in the next run.
 */
#include <stdio.h>
#include <string.h>

#include <sluice/hash.h>

#include "airtable.h"

#define PAYLOADS_PER_CALL 50
#define POLLS_MAX 10000
#define PARTS_ENOUGH 2000 /* of 100 records: more than that is rather read in full */

static enum sl_code ask_payloads(struct airtable *self, struct sl_out *out, struct sl_error *error)
{
    struct sl_url url;

    airtable_hook_url(self, self->next.hook.id, "payloads", &url);
    sl_url_query_i64(&url, "cursor", self->next.hook.next);
    sl_url_query_i64(&url, "limit", PAYLOADS_PER_CALL);
    return airtable_ask(self, AIRTABLE_PAYLOADS, &url, NULL, out, error);
}

enum sl_code airtable_start_feed(struct airtable *self, struct sl_out *out, struct sl_error *error)
{
    self->way = AIRTABLE_FEED;
    self->next.hook = self->old.hook;
    return ask_payloads(self, out, error);
}

/* Without the webhook: a run that finds one begins with it then. */
static enum sl_code read_all(struct airtable *self, struct sl_out *out, struct sl_error *error)
{
    self->next.hook = (struct airtable_hook){.polled_us = SL_NO_TIME};
    return airtable_read_all(self, out, error);
}

static enum sl_code give_up(struct airtable *self, const char *why, struct sl_out *out,
                            struct sl_error *error)
{
    sl_out_note(out, SL_NOTE_WARNING, "table '%.200s' (%s): everything is read, because %s",
                self->task.table, self->table, why);
    /* A failed one is of no use to anybody: without it the next run makes another one. */
    if (self->failed) return airtable_delete_hook(self, self->next.hook.id, out, error);
    return read_all(self, out, error);
}

/* ---- what payloads name ---- */

/* A sub-task reads the ids that are waiting. */
static enum sl_code read_batch(struct airtable *self, struct sl_out *out, struct sl_error *error)
{
    struct sl_json_writer *input;
    const char *text;
    char part[24];
    enum sl_code rc;

    if (self->batch_count == 0) return SL_OK;
    input = sl_json_writer_new();
    if (!input) return sl_fail(error, SL_NO_MEMORY, "no memory for the ids of records");
    sl_json_begin_object(input);
    sl_json_kv_bool(input, "deletes", true);
    sl_json_key(input, "keys");
    sl_json_begin_array(input);
    for (int i = 0; i < self->batch_count; i++) {
        sl_json_begin_object(input);
        sl_json_kv_str(input, "_airtable_id", self->batch[i]);
        sl_json_end_object(input);
    }
    sl_json_end_array(input);
    sl_json_end_object(input);
    text = sl_json_writer_text(input, NULL);
    snprintf(part, sizeof part, "changes-%d", ++self->parts);
    self->batch_count = 0;
    rc = text ? sl_out_task(out, part, text, error)
              : sl_fail(error, SL_NO_MEMORY, "no memory for the ids of records");
    sl_json_writer_free(input);
    return rc;
}

static char *place_of(struct airtable *self, const char *id)
{
    return self->named[sl_text_hash(SL_TEXT_HASH_START, id) % AIRTABLE_NAMED];
}

static bool is_usable(const char *id)
{
    return airtable_is_id(id, "rec") && strlen(id) < sizeof((struct airtable *)NULL)->named[0];
}

static enum sl_code no_id(const char *id, struct sl_error *error)
{
    return sl_fail(error, SL_BAD_DATA, "a payload names '%.80s', which is no record", id ? id : "");
}

static enum sl_code note_changed(struct airtable *self, const struct sl_json *records,
                                 struct sl_out *out, struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    for (struct sl_json_each e = sl_json_each(records); !rc && sl_json_next(&e);) {
        const char *id = sl_json_str(e.key);
        if (!is_usable(id)) return no_id(id, error);
        char *named = place_of(self, id);
        if (strcmp(named, id) == 0) continue; /* it is read anyway */
        memcpy(named, id, strlen(id) + 1);
        memcpy(self->batch[self->batch_count++], id, strlen(id) + 1);
        if (self->batch_count == AIRTABLE_BATCH) rc = read_batch(self, out, error);
    }
    return rc;
}

/* If a later payload names it again, it was restored: it is to be read once more then. */
static enum sl_code note_destroyed(struct airtable *self, const struct sl_json *ids,
                                   struct sl_out *out, struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    for (struct sl_json_each e = sl_json_each(ids); !rc && sl_json_next(&e);) {
        const char *id = sl_json_str(e.value);
        if (!is_usable(id)) return no_id(id, error);
        char *named = place_of(self, id);
        if (strcmp(named, id) == 0) named[0] = '\0';
        rc = airtable_delete_record(self, id, out, error);
    }
    return rc;
}

static enum sl_code note_payload(struct airtable *self, const struct sl_json *payload,
                                 struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *changed =
        sl_json_get(sl_json_get(payload, "changedTablesById"), self->table);
    const struct sl_json *created =
        sl_json_get(sl_json_get(payload, "createdTablesById"), self->table);
    enum sl_code rc = note_changed(self, sl_json_get(created, "recordsById"), out, error);

    if (!rc) rc = note_changed(self, sl_json_get(changed, "createdRecordsById"), out, error);
    if (!rc) rc = note_changed(self, sl_json_get(changed, "changedRecordsById"), out, error);
    if (!rc) rc = note_destroyed(self, sl_json_get(changed, "destroyedRecordIds"), out, error);
    return rc;
}

static bool table_destroyed(const struct airtable *self, const struct sl_json *payload)
{
    for (struct sl_json_each e = sl_json_each(sl_json_get(payload, "destroyedTableIds"));
         sl_json_next(&e);)
        if (sl_json_eq(e.value, self->table)) return true;
    return false;
}

static int64_t time_of(const struct sl_json *payload)
{
    const struct sl_json *value = sl_json_get(payload, "timestamp");
    const char *text = sl_json_str(value);
    int64_t us;
    bool zone;

    return text && sl_time_parse(text, sl_json_str_len(value), &us, &zone) ? us : INT64_MAX;
}

/* ---- all of them ---- */

/* *broken: why these payloads cannot be gone by; NULL: they were noted. */
static enum sl_code take_payloads(struct airtable *self, const struct sl_json *payloads,
                                  const char **broken, struct sl_out *out, struct sl_error *error)
{
    int64_t number = self->next.hook.next;
    enum sl_code rc = SL_OK;

    *broken = NULL;
    for (struct sl_json_each e = sl_json_each(payloads); !rc && sl_json_next(&e); number++) {
        if (sl_json_true(sl_json_get(e.value, "error"))) {
            *broken = "its webhook has failed";
            self->failed = true;
        }
        if (table_destroyed(self, e.value)) *broken = "it was deleted in between";
        if (self->parts > PARTS_ENOUGH) *broken = "very much has changed";
        if (*broken) return SL_OK;
        if (self->recent == 0 && time_of(e.value) >= self->since_us) self->recent = number;
        rc = note_payload(self, e.value, out, error);
    }
    return rc;
}

/* All payloads are noted. */
static enum sl_code finish(struct airtable *self, struct sl_out *out, struct sl_error *error)
{
    enum sl_code rc = read_batch(self, out, error);

    if (self->recent > 0) self->next.hook.next = self->recent;
    self->next.hook.polled_us = self->next.from_us;
    if (!rc) rc = airtable_put_cursor(self, out, error);
    return rc ? rc : SL_DONE;
}

static enum sl_code payloads_read(struct airtable *self, const struct sl_response *response,
                                  struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *payloads = sl_json_get(response->json, "payloads");
    const char *broken;
    int64_t next;
    enum sl_code rc;

    if (response->status != 200) return give_up(self, "its webhook is gone", out, error);
    if (sl_json_kind(payloads) != SL_JSON_ARRAY ||
        !sl_json_i64(sl_json_get(response->json, "cursor"), &next) || next < self->next.hook.next)
        return sl_fail(error, SL_BAD_DATA, "an answer without usable 'payloads' and 'cursor'");
    airtable_take_time(self, response);
    self->since_us = self->next.from_us == SL_NO_TIME
                         ? INT64_MAX
                         : self->next.from_us - self->lookback_seconds * SL_SECOND_US;
    rc = take_payloads(self, payloads, &broken, out, error);
    if (rc) return rc;
    if (broken) return give_up(self, broken, out, error);
    bool more = sl_json_true(sl_json_get(response->json, "mightHaveMore"));
    if (more && (next == self->next.hook.next || ++self->polls > POLLS_MAX))
        return sl_fail(error, SL_BAD_DATA, "payload %lld: there is always more", (long long)next);
    self->next.hook.next = next;
    return more ? ask_payloads(self, out, error) : finish(self, out, error);
}

enum sl_code airtable_feed_answer(struct airtable *self, const struct sl_response *response,
                                  struct sl_out *out, struct sl_error *error)
{
    return self->stage == AIRTABLE_HOOK_DELETE ? read_all(self, out, error)
                                               : payloads_read(self, response, out, error);
}
