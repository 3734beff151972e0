/*
 * comments.c: the comments of one table's records.
 *
 *     listing (page, page, ...) -> up to 8 sub-tasks, each with its part of the commented records
 *     sub-task: comments of a record -> of the next one -> ...
 *
 * The listing says how many comments each record has. It is read to its end before the first
 * comment is asked for: it lives for minutes on the server, and comments, a call for each record,
 * would stand between its pages. Few sub-tasks, because what they wait for stands before the pages
 * of the other tables too.
 */
#include "airtable.h"

#include <stdio.h>
#include <string.h>

#define COMMENTS_PER_PAGE 100
#define COMMENTED_MAX 500000 /* records that have comments: some four days of calls */

/* ---- the listing ---- */

/* Deals a commented record out to one of the sub-tasks to be. */
static enum sl_code keep(struct airtable *self, const char *id, struct sl_error *error)
{
    struct sl_json_writer **input = &self->commented[self->commented_count % AIRTABLE_CHAINS_MAX];

    if (self->commented_count >= COMMENTED_MAX) {
        sl_fail(error, SL_TOO_LARGE, "more than %d records have comments", COMMENTED_MAX);
        sl_error_hint(error, "Narrow the table with the option view or filter.");
        return SL_TOO_LARGE;
    }
    if (!*input) {
        *input = sl_json_writer_new();
        if (!*input) return sl_fail(error, SL_NO_MEMORY, "no memory for the ids of records");
        sl_json_begin_object(*input);
        sl_json_key(*input, "records");
        sl_json_begin_array(*input);
    }
    sl_json_put_str(*input, id); /* a failure sticks, and shows at the end */
    self->commented_count++;
    return SL_OK;
}

static enum sl_code keep_commented(struct airtable *self, const struct sl_json *records,
                                   struct sl_error *error)
{
    for (struct sl_json_each e = sl_json_each(records); sl_json_next(&e);) {
        const char *id = sl_json_str(sl_json_get(e.value, "id"));
        int64_t count;
        enum sl_code rc;

        if (!airtable_is_id(id, "rec"))
            return sl_fail(error, SL_BAD_DATA, "page %lld: a record without a usable id",
                           (long long)self->chain.pages.count);
        /* Every record has it when it was asked for. Without it nothing is known of its comments;
         * taking that for none would delete those that are there. */
        if (!sl_json_i64(sl_json_get(e.value, "commentCount"), &count))
            return sl_fail(error, SL_BAD_DATA, "record '%s': no usable 'commentCount'", id);
        rc = count > 0 ? keep(self, id, error) : SL_OK;
        if (rc) return rc;
    }
    return SL_OK;
}

static enum sl_code ask_for_parts(struct airtable *self, struct sl_out *out, struct sl_error *error)
{
    for (int i = 0; i < AIRTABLE_CHAINS_MAX && self->commented[i]; i++) {
        char part[24];
        const char *text;
        enum sl_code rc;

        sl_json_end_array(self->commented[i]);
        sl_json_end_object(self->commented[i]);
        text = sl_json_writer_text(self->commented[i], NULL);
        if (!text) return sl_fail(error, SL_NO_MEMORY, "no memory for the ids of records");
        snprintf(part, sizeof part, "comments-%d", i + 1);
        rc = sl_out_task(out, part, text, error);
        if (rc) return rc;
    }
    return SL_OK;
}

void airtable_release(void *task)
{
    struct airtable *self = task;

    for (int i = 0; i < AIRTABLE_CHAINS_MAX; i++) {
        sl_json_writer_free(self->commented[i]);
        self->commented[i] = NULL;
    }
}

static enum sl_code page_listed(struct airtable *self, const struct sl_response *response,
                                struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *records = sl_json_get(response->json, "records");
    enum sl_code next, rc;

    if (sl_json_kind(records) != SL_JSON_ARRAY)
        return sl_fail(error, SL_BAD_DATA, "page %lld: an answer without 'records'",
                       (long long)self->chain.pages.count + 1);
    airtable_take_time(self, response);
    next = airtable_chain_next(&self->chain, response->json, sl_json_len(records), error);
    if (sl_failed(next)) return next;
    rc = keep_commented(self, records, error);
    if (rc) return rc;
    if (next == SL_MORE) return airtable_ask_records(self, true, out, error);
    rc = ask_for_parts(self, out, error);
    if (!rc) rc = sl_out_complete(out, self->task.table, "{}", error);
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
    if (!sl_json_next(&self->records)) return SL_DONE;
    self->chain = (struct airtable_chain){0};
    if (!airtable_keep_id(self->record, sl_json_str(self->records.value)))
        return sl_fail(error, SL_BUG, "the input of a task of comments holds no record id");
    return ask_for_comments(self, out, error);
}

static enum sl_code comments_read(struct airtable *self, const struct sl_response *response,
                                  struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *comments = sl_json_get(response->json, "comments");
    const struct sl_constant record = {"_airtable_record_id", self->record};
    enum sl_code next, rc;

    if (sl_json_kind(comments) != SL_JSON_ARRAY)
        return sl_fail(error, SL_BAD_DATA, "record '%s': an answer without 'comments'",
                       self->record);
    next = airtable_chain_next(&self->chain, response->json, sl_json_len(comments), error);
    if (sl_failed(next)) return next;
    rc = sl_out_rows(out, self->task.table, comments, &record, 1, (struct sl_sequence){0}, error);
    if (rc) return rc;
    return next == SL_MORE ? ask_for_comments(self, out, error) : next_record(self, out, error);
}

/* ---- a record that answers 404 ---- */

/*
 * Was it deleted since it was listed, or is it the base or the permission that is gone? Only a
 * listing tells: it must work, and not hold the record. No view and no filter: the record may have
 * left them and still be there.
 */
static enum sl_code ask_whether_there(struct airtable *self, struct sl_out *out,
                                      struct sl_error *error)
{
    const char *primary = sl_json_str(sl_json_get(self->task.state, "primary"));
    char formula[AIRTABLE_ID_MAX + 24];
    struct sl_json_writer *body = sl_json_writer_new();

    if (!body) return sl_fail(error, SL_NO_MEMORY, "no memory for a request");
    snprintf(formula, sizeof formula, "RECORD_ID()='%s'", self->record);
    sl_json_begin_object(body);
    sl_json_kv_i64(body, "pageSize", AIRTABLE_PAGE_ROWS);
    sl_json_kv_bool(body, "returnFieldsByFieldId", true);
    if (primary) {
        sl_json_key(body, "fields");
        sl_json_begin_array(body);
        sl_json_put_str(body, primary);
        sl_json_end_array(body);
    }
    sl_json_kv_str(body, "filterByFormula", formula);
    if (self->chain.offset[0]) sl_json_kv_str(body, "offset", self->chain.offset);
    sl_json_end_object(body);

    return airtable_ask_list(self, AIRTABLE_WHETHER_THERE, body, out, error);
}

static enum sl_code told_whether_there(struct airtable *self, const struct sl_response *response,
                                       struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *records = sl_json_get(response->json, "records");
    enum sl_code next;

    if (sl_json_kind(records) != SL_JSON_ARRAY)
        return sl_fail(error, SL_BAD_DATA, "record '%s': an answer without 'records'",
                       self->record);
    if (sl_json_len(records) > 0) {
        sl_fail(error, SL_PERMISSION,
                "table '%.200s' of base '%s': Airtable answered 404 to the comments of record "
                "'%s', which is there",
                self->task.table, self->base, self->record);
        sl_error_hint(error,
                      "Give the token the scope data.recordComments:read and access to base %s, at "
                      "https://airtable.com/create/tokens.",
                      self->base);
        return SL_PERMISSION;
    }
    next = airtable_chain_next(&self->chain, response->json, 0, error);
    if (sl_failed(next)) return next;
    return next == SL_MORE ? ask_whether_there(self, out, error) : next_record(self, out, error);
}

/* ---- the step ---- */

enum sl_code airtable_read_comments(struct airtable *self, const struct sl_response *response,
                                    struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *records = sl_json_get(self->task.input, "records");

    if (!records)
        return response ? page_listed(self, response, out, error)
                        : airtable_ask_records(self, true, out, error);
    if (!response) {
        self->records = sl_json_each(records);
        return next_record(self, out, error);
    }
    if (self->stage == AIRTABLE_WHETHER_THERE)
        return told_whether_there(self, response, out, error);
    if (response->status != 404) return comments_read(self, response, out, error);
    self->chain = (struct airtable_chain){0};
    return ask_whether_there(self, out, error);
}
