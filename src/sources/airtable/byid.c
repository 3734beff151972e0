/*
 * byid.c: records by their ids, a hundred in a call: a page holds no more, so that a call is a page.
 *
 *     input: {"keys":[{"_airtable_id":"rec..."}, ...], "deletes":bool}
 *
 * The engine asks so before it deletes what a complete read did not have; then what comes is there
 * after all. A feed asks so for what its payloads name ("deletes"); then what does not come is gone,
 * or has left the view or the filter.
 */
#include <stdio.h>
#include <string.h>

#include "airtable.h"

enum sl_code airtable_delete_record(const struct airtable *self, const char *id, struct sl_out *out,
                                    struct sl_error *error)
{
    const struct sl_json *key;
    char text[AIRTABLE_ID_MAX + 16];
    int len = snprintf(text, sizeof text, "{\"id\":\"%s\"}", id);
    enum sl_code rc = sl_out_parse(out, text, (size_t)len, &key, error);

    return rc ? rc : sl_out_delete(out, self->task.table, key, (struct sl_sequence){0}, error);
}

static enum sl_code ask_batch(struct airtable *self, struct sl_out *out, struct sl_error *error)
{
    self->batch_count = 0;
    while (self->batch_count < AIRTABLE_BATCH && sl_json_next(&self->records)) {
        const char *id = sl_json_str(sl_json_get(self->records.value, "_airtable_id"));
        if (!airtable_is_id(id, "rec")) continue; /* no record has it */
        memcpy(self->batch[self->batch_count], id, strlen(id) + 1);
        self->batch_seen[self->batch_count++] = false;
    }
    if (self->batch_count == 0) return SL_DONE;
    self->chain = (struct airtable_chain){0};
    return airtable_ask_records(self, self->comment_count, out, error);
}

enum sl_code airtable_start_by_id(struct airtable *self, const struct sl_json *keys,
                                  struct sl_out *out, struct sl_error *error)
{
    self->way = AIRTABLE_BY_ID;
    self->deletes = sl_json_true(sl_json_get(self->task.input, "deletes"));
    self->records = sl_json_each(keys);
    return ask_batch(self, out, error);
}

static void mark_seen(struct airtable *self, const struct sl_json *records)
{
    for (struct sl_json_each e = sl_json_each(records); sl_json_next(&e);)
        for (int i = 0; i < self->batch_count; i++)
            if (sl_json_eq(sl_json_get(e.value, "id"), self->batch[i])) self->batch_seen[i] = true;
}

enum sl_code airtable_by_id_answer(struct airtable *self, const struct sl_response *response,
                                   struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *records = sl_json_get(response->json, "records");
    enum sl_code next, rc;

    if (sl_json_kind(records) != SL_JSON_ARRAY)
        return sl_fail(error, SL_BAD_DATA, "page %lld: an answer without 'records'",
                       (long long)self->chain.pages.count + 1);
    next = airtable_chain_next(&self->chain, response->json, sl_json_len(records), error);
    if (sl_failed(next)) return next;
    mark_seen(self, records);
    rc = sl_out_rows(out, self->task.table, records, NULL, 0, (struct sl_sequence){0}, error);
    if (rc) return rc;
    if (next == SL_MORE) return airtable_ask_records(self, self->comment_count, out, error);
    for (int i = 0; self->deletes && i < self->batch_count && !rc; i++)
        if (!self->batch_seen[i]) rc = airtable_delete_record(self, self->batch[i], out, error);
    return rc ? rc : ask_batch(self, out, error);
}
