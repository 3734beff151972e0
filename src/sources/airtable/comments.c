/*
 * comments.c: the comments of one table's records.
 *
 * The listing says how many comments each record has. Every page that has some becomes a sub-task
 * with the ids of its commented records, which asks for their comments one record after the other;
 * so the listing never waits, and its iterator does not expire.
 */
#include "airtable.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define COMMENTS_PER_PAGE 100

/* ---- the listing ---- */

static bool has_comments(const struct sl_json *record)
{
    int64_t count = 0;

    return sl_json_i64(sl_json_get(record, "commentCount"), &count) && count > 0 &&
           sl_json_str(sl_json_get(record, "id"));
}

static enum sl_code ask_for_page(const struct sl_json *records, struct sl_out *out,
                                 struct sl_error *error)
{
    struct sl_json_writer *input = sl_json_writer_new();
    uint64_t hash = 0;
    char part[24];
    const char *text;
    enum sl_code rc = SL_OK;

    if (!input) return sl_fail(error, SL_NO_MEMORY, "no memory for a page of comments");
    sl_json_begin_object(input);
    sl_json_key(input, "records");
    sl_json_begin_array(input);
    for (struct sl_json_each e = sl_json_each(records); sl_json_next(&e);) {
        if (!has_comments(e.value)) continue;
        const char *id = sl_json_str(sl_json_get(e.value, "id"));
        hash = airtable_hash(hash, id);
        sl_json_put_str(input, id);
    }
    sl_json_end_array(input);
    sl_json_end_object(input);
    text = sl_json_writer_text(input, NULL);
    /* Named by its content: a listing that had to start again may come in another order. */
    snprintf(part, sizeof part, "%016" PRIx64, hash);
    if (!text)
        rc = sl_fail(error, SL_NO_MEMORY, "no memory for a page of comments");
    else if (hash)
        rc = sl_out_task(out, part, text, error);
    sl_json_writer_free(input);
    return rc;
}

static enum sl_code page_listed(struct airtable *self, const struct sl_response *response,
                                struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *records = sl_json_get(response->json, "records");
    enum sl_code next, rc;

    if (sl_json_kind(records) != SL_JSON_ARRAY)
        return sl_fail(error, SL_BAD_DATA, "page %lld: an answer without 'records'",
                       (long long)self->chain.pages + 1);
    if (self->chain.pages == 0 && response->server_date_us != SL_NO_TIME)
        self->read_from_us = response->server_date_us;
    next = airtable_chain_next(&self->chain, response->json, sl_json_len(records), error);
    if (sl_failed(next)) return next;
    rc = ask_for_page(records, out, error);
    if (rc) return rc;
    if (next == SL_MORE) return airtable_ask_records(self, true, out, error);
    rc = sl_out_complete(out, self->task.table, "{}", error);
    if (!rc) rc = airtable_put_cursor(self, out, error);
    return rc ? rc : SL_DONE;
}

/* ---- the comments of some records ---- */

static enum sl_code ask_for_comments(struct airtable *self, struct sl_out *out,
                                     struct sl_error *error)
{
    struct sl_url url;

    airtable_url(self, &url);
    sl_url_path(&url, self->base);
    sl_url_path(&url, self->table);
    sl_url_path(&url, self->record);
    sl_url_path(&url, "comments");
    sl_url_query_i64(&url, "pageSize", COMMENTS_PER_PAGE);
    sl_url_query(&url, "offset", self->chain.offset[0] ? self->chain.offset : NULL);
    return airtable_ask(self, AIRTABLE_COMMENTS, &url, NULL, out, error);
}

/* The next record of this task's input, or the end. */
static enum sl_code next_record(struct airtable *self, struct sl_out *out, struct sl_error *error)
{
    struct sl_json_each e = sl_json_each(sl_json_get(self->task.input, "records"));
    size_t i = 0;

    while (i <= self->record_index && sl_json_next(&e)) i++;
    if (i <= self->record_index) return SL_DONE;
    self->record_index++;
    self->chain = (struct airtable_chain){0};
    if (!airtable_keep_id(self->record, sl_json_str(e.value)))
        return sl_fail(error, SL_BUG, "the input of a task of comments holds no record id");
    return ask_for_comments(self, out, error);
}

static enum sl_code comments_read(struct airtable *self, const struct sl_response *response,
                                  struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *comments = sl_json_get(response->json, "comments");
    const struct sl_constant record = {"_airtable_record_id", self->record};
    enum sl_code next, rc;

    if (response->status == 404) return next_record(self, out, error); /* deleted meanwhile */
    if (sl_json_kind(comments) != SL_JSON_ARRAY)
        return sl_fail(error, SL_BAD_DATA, "record '%s': an answer without 'comments'",
                       self->record);
    next = airtable_chain_next(&self->chain, response->json, sl_json_len(comments), error);
    if (sl_failed(next)) return next;
    rc = sl_out_rows(out, self->task.table, comments, &record, 1, (struct sl_sequence){0}, error);
    if (rc) return rc;
    return next == SL_MORE ? ask_for_comments(self, out, error) : next_record(self, out, error);
}

enum sl_code airtable_read_comments(struct airtable *self, const struct sl_response *response,
                                    struct sl_out *out, struct sl_error *error)
{
    bool listing = sl_json_get(self->task.input, "records") == NULL;

    if (!response)
        return listing ? airtable_ask_records(self, true, out, error)
                       : next_record(self, out, error);
    return listing ? page_listed(self, response, out, error)
                   : comments_read(self, response, out, error);
}
