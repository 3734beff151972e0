/*
 * export.c: incremental exports.
 *
 * By cursor (tickets, users) a page leads to the next by a token, and the last one leads to the next
 * run. By time a page begins with the second in which the one before it ended, so that its last rows
 * come twice; a keyed table does not mind. When more rows than a page holds changed in one second, the
 * page leads to itself: then the table is read by its list where it has one, else it fails and names
 * the second. The last minute is not exported yet. Every page is a release point.
 *
 * Zendesk takes too long (504) over pages of large rows: then they are asked for in smaller ones.
 */
#include "zendesk.h"

#include <stdio.h>
#include <string.h>

#define TOO_RECENT_S 61 /* what is younger is refused */
#define RETREAT_S 180   /* when our clock and theirs differ */
#define GOOD_PAGES 8    /* before pages grow again */
#define TRIES_MAX 16    /* to get beyond one second */
#define EMPTY_START_S 300
#define SKEW_MAX_S 3600 /* of two clocks that are set */
/* A deleted ticket can be seen for 30 days; then it may leave no trace in the export. */
#define TRACES_LAST_S (INT64_C(25) * 86400)

enum sl_code zendesk_ask_export(struct zendesk *self, struct sl_out *out, struct sl_error *error)
{
    int64_t newest_s = self->task.run_started_at_us / SL_SECOND_US - TOO_RECENT_S;
    struct sl_url url;

    zendesk_url(self, &url, self->table->export);
    if (self->after[0]) {
        sl_url_query(&url, "cursor", self->after);
    } else {
        if (!self->again && self->start_s > newest_s && self->start_s - newest_s < SKEW_MAX_S)
            self->start_s = newest_s > 0 ? newest_s : 0;
        sl_url_query_i64(&url, "start_time", self->start_s);
    }
    sl_url_query_i64(&url, "per_page", self->rows_a_page);
    sl_url_query(&url, "include", self->table->include);
    return zendesk_ask(self, ZENDESK_EXPORT, &url, out, error);
}

/* ---- the cursor ---- */

/* {"v":1,"after":token} or {"v":1,"start":second}; "s": up to when the run that ended had read. */
enum sl_code zendesk_put_cursor(struct zendesk *self, struct sl_out *out, struct sl_error *error)
{
    struct sl_json_writer *cursor = sl_json_writer_new();
    int64_t read_s = self->ends ? self->now_s : self->old_s;
    bool token = self->table->way == ZENDESK_BY_CURSOR;
    const char *text;
    enum sl_code rc;

    if (!cursor) return sl_fail(error, SL_NO_MEMORY, "no memory for a cursor");
    /* An account without a row has no token: all that comes will be younger than now. */
    if (token && !self->after[0] && self->from_start && self->now_s > EMPTY_START_S)
        self->start_s = self->now_s - EMPTY_START_S;
    sl_json_begin_object(cursor);
    sl_json_kv_i64(cursor, "v", ZENDESK_CURSOR_VERSION);
    if (token && self->after[0])
        sl_json_kv_str(cursor, "after", self->after);
    else
        sl_json_kv_i64(cursor, "start", self->start_s);
    if (read_s > 0) sl_json_kv_i64(cursor, "s", read_s);
    sl_json_end_object(cursor);
    text = sl_json_writer_text(cursor, NULL);
    rc = text ? sl_out_cursor(out, text, error)
              : sl_fail(error, SL_NO_MEMORY, "no memory for a cursor");
    sl_json_writer_free(cursor);
    return rc;
}

/* ---- what is no page ---- */

static enum sl_code from_the_start(struct zendesk *self, const char *why, struct sl_out *out,
                                   struct sl_error *error)
{
    sl_out_note(out, SL_NOTE_WARNING, "%s is read in full: %s", self->table->name, why);
    self->restarted = self->from_start = true;
    self->after[0] = '\0';
    self->start_s = 0;
    self->chain = (struct sl_pages){0};
    return zendesk_ask_export(self, out, error);
}

static enum sl_code refused(struct zendesk *self, const struct sl_response *response,
                            struct sl_out *out, struct sl_error *error)
{
    char said[420];

    zendesk_complaint(response->json, said, sizeof said);
    if (!self->after[0] && !self->again && strstr(said, "ecent")) {
        int64_t newest_s = zendesk_second(self, response) - RETREAT_S;
        if (self->start_s - newest_s > 2 * SKEW_MAX_S + RETREAT_S)
            return from_the_start(self, "the cursor lies in the future", out, error);
        self->again = true;
        if (newest_s >= 0 && newest_s < self->start_s) self->start_s = newest_s;
        return zendesk_ask_export(self, out, error);
    }
    if (self->after[0] && !self->restarted)
        return from_the_start(self, "Zendesk does not know its own cursor any more", out, error);
    return sl_fail(error, SL_SOURCE, "%s: Zendesk answered %d: %s", self->table->name,
                   response->status, said);
}

/* 504: half as many rows, until it can. */
static enum sl_code smaller(struct zendesk *self, struct sl_out *out, struct sl_error *error)
{
    self->rows_a_page = (self->rows_a_page + 1) / 2;
    self->good_pages = 0;
    if (++self->tries > TRIES_MAX)
        return sl_fail(error, SL_SOURCE, "%s: Zendesk times out over pages of any size",
                       self->table->name);
    return zendesk_ask_export(self, out, error);
}

static void larger(struct zendesk *self)
{
    if (self->rows_a_page >= self->rows_per_call || ++self->good_pages < GOOD_PAGES) return;
    self->good_pages = 0;
    self->rows_a_page *= 2;
    if (self->rows_a_page > self->rows_per_call) self->rows_a_page = self->rows_per_call;
}

/* A page that ends in the second with which it began, and is not the last one. */
static enum sl_code piled_up(struct zendesk *self, struct sl_out *out, struct sl_error *error)
{
    char time[SL_TIME_TEXT_MAX];

    sl_time_format_ms(self->start_s * SL_SECOND_US, time);
    if (self->rows_a_page < ZENDESK_PAGE_ROWS && ++self->tries <= TRIES_MAX) {
        self->rows_a_page = ZENDESK_PAGE_ROWS;
        return zendesk_ask_export(self, out, error);
    }
    if (self->table->list) {
        sl_out_note(out, SL_NOTE_WARNING,
                    "%s: more than %d rows changed at %s, which the export cannot show; all that "
                    "there is is read by the list, without what was deleted",
                    self->table->name, ZENDESK_PAGE_ROWS, time);
        return zendesk_begin_list(self, out, error);
    }
    if (self->go_on_after == self->start_s) {
        sl_out_note(out, SL_NOTE_WARNING,
                    "%s: goes on after %s as go_on_after says; more than %d rows changed then, and "
                    "the others are missing",
                    self->table->name, time, ZENDESK_PAGE_ROWS);
        self->start_s++;
        return zendesk_export_next(self, out, error);
    }
    sl_fail(error, SL_SOURCE,
            "%s: more than %d rows changed in one second, %s (%lld), and the export cannot show "
            "them all",
            self->table->name, ZENDESK_PAGE_ROWS, time, (long long)self->start_s);
    sl_error_hint(error,
                  "Ask Zendesk; to go on without the rest of that second, set the table option "
                  "go_on_after to %lld.",
                  (long long)self->start_s);
    return SL_SOURCE;
}

/* ---- a page ---- */

static bool is_deleted(const struct zendesk *self, const struct sl_json *row)
{
    const char *member = self->table->deleted;
    const struct sl_json *value = member ? sl_json_get(row, member) : NULL;

    if (!value || strcmp(self->deleted_rows, "delete") != 0) return false;
    switch (sl_json_kind(value)) {
    case SL_JSON_STRING: return strcmp(member, "deleted_at") == 0 || sl_json_eq(value, "deleted");
    case SL_JSON_BOOL: return !sl_json_true(value);
    default: return false;
    }
}

static enum sl_code emit_rows(struct zendesk *self, const struct sl_json *rows, struct sl_out *out,
                              struct sl_error *error)
{
    bool sets = self->table->rows == ZENDESK_METRIC_SETS;
    bool each = sets || strcmp(self->deleted_rows, "delete") == 0;
    enum sl_code rc = SL_OK;

    if (self->table->rows == ZENDESK_CHILDREN) return zendesk_emit_comments(self, rows, out, error);
    if (!each) return zendesk_emit(self, rows, out, error);
    for (struct sl_json_each e = sl_json_each(rows); !rc && sl_json_next(&e);) {
        const struct sl_json *row = sets ? sl_json_get(e.value, "metric_set") : e.value;
        if (sets && sl_json_kind(row) != SL_JSON_OBJECT) continue; /* it has none */
        rc = is_deleted(self, e.value)
                 ? sl_out_delete(out, self->table->name, row, (struct sl_sequence){0}, error)
                 : zendesk_emit(self, row, out, error);
    }
    return rc;
}

/* Where the next page begins. SL_DONE: this was the last one. */
static enum sl_code by_cursor(struct zendesk *self, const struct sl_json *answer, bool end,
                              struct sl_error *error)
{
    char token[ZENDESK_TOKEN_MAX];
    bool given = sl_page_token(sl_json_get(answer, "after_cursor"), token, sizeof token);

    if (given) memcpy(self->after, token, sizeof token);
    self->tries = 0;
    if (end) return SL_DONE;
    if (!given)
        return sl_fail(error, SL_BAD_DATA, "%s: a page has no cursor for the one that follows",
                       self->table->name);
    return sl_pages_next(&self->chain, token, error);
}

/* *stuck: the page leads to itself. */
static enum sl_code by_time(struct zendesk *self, const struct sl_json *answer, bool end,
                            bool *stuck, struct sl_error *error)
{
    int64_t end_s;
    bool given = sl_json_i64(sl_json_get(answer, "end_time"), &end_s);

    *stuck = !end && given && end_s <= self->start_s;
    if (given && end_s > self->start_s) {
        self->start_s = end_s;
        self->tries = 0;
        if (self->rows_a_page > self->rows_per_call) self->rows_a_page = self->rows_per_call;
    }
    if (end) return SL_DONE;
    if (!given)
        return sl_fail(error, SL_BAD_DATA, "%s: a page has no time for the one that follows",
                       self->table->name);
    return SL_MORE;
}

/* Not every export says end_of_stream, next_page may be there on the last page, too, and a page may
 * have fewer rows than were asked for: then it is the last one when it does not lead on. */
static bool is_last(const struct zendesk *self, const struct sl_json *answer,
                    const struct sl_json *rows)
{
    const struct sl_json *end = sl_json_get(answer, "end_of_stream");
    int64_t end_s;

    if (sl_json_kind(end) == SL_JSON_BOOL) return sl_json_true(end);
    if (self->table->way != ZENDESK_BY_CURSOR) {
        if (!sl_json_str(sl_json_get(answer, "next_page"))) return true;
        if (sl_json_i64(sl_json_get(answer, "end_time"), &end_s) && end_s > self->start_s)
            return false;
    }
    return (int64_t)sl_json_len(rows) < self->rows_a_page;
}

/* Tickets that were deleted for good meanwhile would stay in the table. By Zendesk's clock alone. */
static bool too_long_ago(const struct zendesk *self)
{
    const char *deleted = self->table->deleted;

    return deleted && strcmp(deleted, "status") == 0 && !self->task.full && !self->from_start &&
           self->old_s > 0 && self->now_s - self->old_s > TRACES_LAST_S;
}

enum sl_code zendesk_export_page(struct zendesk *self, const struct sl_response *response,
                                 struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *rows = sl_json_get(response->json, zendesk_array(self->table));
    bool stuck = false;
    enum sl_code rc;

    if (response->status == 504) return smaller(self, out, error);
    if (response->status >= 400) return refused(self, response, out, error);
    if (sl_json_kind(rows) != SL_JSON_ARRAY)
        return sl_fail(error, SL_BAD_DATA, "%s: an answer without its rows", self->table->name);
    if (!self->now_s) {
        self->now_s = zendesk_second(self, response);
        if (too_long_ago(self))
            return from_the_start(
                self, "tickets that were deleted since the last run may have left no trace", out,
                error);
    }
    rc = emit_rows(self, rows, out, error);
    if (rc) return rc;
    bool end = is_last(self, response->json, rows);
    larger(self);
    rc = self->table->way == ZENDESK_BY_CURSOR ? by_cursor(self, response->json, end, error)
                                               : by_time(self, response->json, end, &stuck, error);
    if (sl_failed(rc)) return rc;
    self->ends = rc == SL_DONE;
    if (stuck) return piled_up(self, out, error);
    return zendesk_export_next(self, out, error);
}

enum sl_code zendesk_export_next(struct zendesk *self, struct sl_out *out, struct sl_error *error)
{
    enum sl_code rc;

    if (self->ticket_next < self->ticket_count) return zendesk_ask_comments(self, out, error);
    self->ticket_next = self->ticket_count = 0;
    rc = zendesk_put_cursor(self, out, error);
    if (rc) return rc;
    if (!self->ends) return zendesk_ask_export(self, out, error);
    if (self->from_start) rc = sl_out_complete(out, self->table->name, "{}", error);
    return rc ? rc : SL_DONE;
}
