/*
 * window.c: what changed since the last run, by time.
 *
 * The window has a lower bound only, some minutes before the end of the last one (the lookback),
 * because listings show changes late, and seconds are all that Airtable's times have. What it finds
 * again is the same row again. It moves with the server's clock alone.
 *
 * There are reports of a filter by time that let everything through, and what would not let enough
 * through looks like a table at rest. So before its first window a table is asked for a window in
 * the future: there is nothing in it. And of each row that comes, its own times are looked at.
 */
#include "airtable.h"

#include <string.h>

#define TOLERANCE_US (2 * SL_SECOND_US)

/* The field that shows when a record was edited; NULL: there is none that can be relied on. */
static const char *modified_field(const struct airtable *self)
{
    return sl_json_str(sl_json_get(self->task.state, "modified"));
}

static enum sl_code ask_window(struct airtable *self, struct sl_out *out, struct sl_error *error)
{
    self->chain = (struct airtable_chain){0};
    self->since_us = self->old.from_us - self->lookback_seconds * SL_SECOND_US;
    return airtable_ask_records(self, self->comment_count, out, error);
}

enum sl_code airtable_start_window(struct airtable *self, struct sl_out *out,
                                   struct sl_error *error)
{
    self->way = AIRTABLE_WINDOW;
    if (self->old.trust == AIRTABLE_TRUSTED) return ask_window(self, out, error);
    self->since_us = SL_DAY_US + (self->next.from_us != SL_NO_TIME ? self->next.from_us
                                                                   : self->task.run_started_at_us);
    self->stage = AIRTABLE_SELF_TEST;
    return airtable_ask_records(self, false, out, error);
}

static enum sl_code give_up(struct airtable *self, const char *what, bool for_good,
                            struct sl_out *out, struct sl_error *error)
{
    sl_out_note(out, SL_NOTE_WARNING,
                "table '%.200s' (%s): Airtable does not do what incremental reading needs (%s): "
                "everything is read, %s",
                self->task.table, self->table, what,
                for_good ? "now and in the runs to come" : "this time");
    if (for_good) self->next.trust = AIRTABLE_BROKEN;
    return airtable_read_all(self, out, error);
}

static int64_t time_of(const struct sl_json *value)
{
    const char *text = sl_json_str(value);
    int64_t us;
    bool zone;

    return text && sl_time_parse(text, sl_json_str_len(value), &us, &zone) ? us : SL_NO_TIME;
}

/* Does a record show that it was neither created nor edited in the window? */
static bool is_outside(const struct airtable *self, const struct sl_json *record)
{
    const char *field = modified_field(self);
    int64_t created_us = time_of(sl_json_get(record, "createdTime")), modified_us;

    if (!field || !airtable_wants(self, field) || created_us == SL_NO_TIME) return false;
    modified_us = time_of(sl_json_path(record, "fields", field, NULL));
    return (created_us > modified_us ? created_us : modified_us) < self->since_us - TOLERANCE_US;
}

static bool any_outside(const struct airtable *self, const struct sl_json *records)
{
    for (struct sl_json_each e = sl_json_each(records); sl_json_next(&e);)
        if (is_outside(self, e.value)) return true;
    return false;
}

static enum sl_code tested(struct airtable *self, bool more, size_t rows, struct sl_out *out,
                           struct sl_error *error)
{
    if (rows > 0) return give_up(self, "a filter by time let older rows through", true, out, error);
    if (more) return airtable_ask_records(self, false, out, error); /* a page without rows */
    self->next.trust = AIRTABLE_TRUSTED;
    self->stage = AIRTABLE_RECORDS;
    return ask_window(self, out, error);
}

enum sl_code airtable_window_answer(struct airtable *self, const struct sl_response *response,
                                    struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *records = sl_json_get(response->json, "records");
    enum sl_code next, rc;

    if (response->status != 200)
        return give_up(self, "it refuses a filter by time", false, out, error);
    if (sl_json_kind(records) != SL_JSON_ARRAY)
        return sl_fail(error, SL_BAD_DATA, "page %lld: an answer without 'records'",
                       (long long)self->chain.pages.count + 1);
    next = airtable_chain_next(&self->chain, response->json, sl_json_len(records), error);
    if (sl_failed(next)) return next;
    if (self->stage == AIRTABLE_SELF_TEST)
        return tested(self, next == SL_MORE, sl_json_len(records), out, error);
    airtable_take_time(self, response);
    if (any_outside(self, records))
        return give_up(self, "a filter by time let older rows through", true, out, error);
    rc = sl_out_rows(out, self->task.table, records, NULL, 0, (struct sl_sequence){0}, error);
    if (rc) return rc;
    if (next == SL_MORE) return airtable_ask_records(self, self->comment_count, out, error);
    rc = airtable_put_cursor(self, out, error);
    return rc ? rc : SL_DONE;
}
