/*
 * list.c: a list, from its newest object to its oldest.
 *
 * Lists come newest first, and what is created meanwhile appears in front: starting_after is not
 * disturbed by it. A long list is cut into windows of the time of creation, which are read side by
 * side; they touch and do not overlap, and the first one has no beginning, because an object may be
 * older than its account. What is created after the first page has an event (or is in the next run's
 * window), so nothing is lost between the first page and the windows.
 *
 * A first load is gone on with: the root's cursor says how it was cut, a window's how far it came.
 */
#include <stdio.h>
#include <string.h>

#include "stripe.h"

#define LAG_S 60          /* what happened less long ago may not show everywhere yet */
#define LIST_SEQUENCE_S 5 /* an event this close to a list's row wins over it */
#define ROWS_PER_WINDOW 1000
#define PAGES_PER_CURSOR 10 /* of a first load */
#define ANCHORS_LOST_MAX 5
#define LOG_DAYS 30 /* Stripe keeps events so long */
#define DAY_S INT64_C(86400)

static const char *list_path(const struct stripe *self)
{
    return self->table->way == STRIPE_BY_PARENTS ? "customers" : self->table->path;
}

static enum sl_code ask_page(struct stripe *self, struct sl_out *out, struct sl_error *error)
{
    const struct stripe_table *table = self->table;
    bool parents = table->way == STRIPE_BY_PARENTS;
    int64_t gte = self->window.gte;
    struct sl_url url;

    stripe_url(self, list_path(self), &url);
    sl_url_query_i64(&url, "limit", STRIPE_PAGE_ROWS);
    if (table->filter[0]) sl_url_query(&url, table->filter[0], table->filter[1]);
    if (self->filtered) sl_url_query(&url, table->recent_filter[0], table->recent_filter[1]);
    if (!parents && gte < self->start_s) gte = self->start_s;
    if (gte > 0) sl_url_query_i64(&url, "created[gte]", gte);
    if (self->window.lt > 0) sl_url_query_i64(&url, "created[lt]", self->window.lt);
    if (!parents) stripe_put_expand(self, "data.", &url);
    if (self->after[0]) sl_url_query(&url, "starting_after", self->after);
    self->walk = STRIPE_WALK_LIST;
    return stripe_ask(self, STRIPE_LIST, &url, list_path(self), out, error);
}

/* ---- windows ---- */

int64_t stripe_windows(int64_t low, int64_t high, int64_t rows, int64_t span, int64_t rows_each)
{
    double expected;

    if (low <= 0 || high - low < 2 || rows <= 0) return 1;
    expected = (double)rows * (double)(high - low) / (double)(span > 0 ? span : 1);
    int64_t count = expected / (double)rows_each < STRIPE_WINDOWS_MAX
                        ? (int64_t)(expected / (double)rows_each)
                        : STRIPE_WINDOWS_MAX;

    if (count > high - low) count = high - low;
    return count < 1 ? 1 : count;
}

enum sl_code stripe_cut(const char *walk, int64_t load, int64_t low, int64_t high, int64_t count,
                        bool open, struct sl_out *out, struct sl_error *error)
{
    int64_t step = (high - low + count - 1) / count;
    char part[48], input[200];
    enum sl_code rc = SL_OK;

    for (int64_t i = 0; i < count && !rc; i++) {
        int64_t gte = low + i * step, lt = gte + step < high ? gte + step : high;

        if (gte >= high) break;
        snprintf(part, sizeof part, "window-%d-of-%d", (int)i + 1, (int)count);
        snprintf(input, sizeof input, "{\"walk\":\"%s\",\"load\":%lld,\"gte\":%lld,\"lt\":%lld}",
                 walk, (long long)load, (long long)(i == 0 && open ? 0 : gte), (long long)lt);
        rc = sl_out_task(out, part, input, error);
    }
    return rc;
}

/* ---- where it begins and ends ---- */

static enum sl_code finish(struct stripe *self, struct sl_out *out, struct sl_error *error)
{
    char cursor[64];
    enum sl_code rc = SL_OK;

    if (!self->root) {
        if (!self->task.initial) return SL_DONE;
        snprintf(cursor, sizeof cursor, "{\"load\":%lld,\"done\":true}", (long long)self->load);
        rc = sl_out_cursor(out, cursor, error);
        return rc ? rc : SL_DONE;
    }
    if (self->everything) rc = sl_out_complete(out, self->table->name, "{}", error);
    self->next.after[0] = '\0';
    if (!rc) rc = stripe_put_cursor(self, out, error);
    return rc ? rc : SL_DONE;
}

enum sl_code stripe_read_all(struct stripe *self, struct sl_out *out, struct sl_error *error)
{
    const struct stripe_cursor *old = &self->old;
    int64_t age = self->began - old->from;
    bool goes_on = self->task.initial && old->from > 0 && age < (LOG_DAYS - 1) * DAY_S;
    enum sl_code rc;

    self->everything = true;
    self->window = (struct stripe_window){0};
    self->after[0] = '\0';
    self->pages = (struct sl_pages){0};
    self->next = goes_on ? *old : (struct stripe_cursor){0};
    if (goes_on && old->windows > 0) {
        rc = stripe_cut("list", old->from, old->low, old->high, old->windows, true, out, error);
        return rc ? rc : finish(self, out, error);
    }
    if (goes_on && old->after[0]) {
        memcpy(self->after, old->after, sizeof self->after);
        self->last_created = old->after_created;
    }
    return ask_page(self, out, error);
}

enum sl_code stripe_start_window(struct stripe *self, struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *cursor = self->task.initial ? self->task.cursor : NULL;
    int64_t load = 0;

    if (sl_json_i64(sl_json_get(cursor, "load"), &load) && load == self->load) {
        if (sl_json_true(sl_json_get(cursor, "done"))) return finish(self, out, error);
        if (sl_json_i64(sl_json_get(cursor, "created"), &self->last_created))
            stripe_keep_id(self->after, sl_json_get(cursor, "after"));
    }
    return ask_page(self, out, error);
}

/* Balance transactions become available at midnight (UTC): the first run of a day looks again. */
static bool is_reread_due(const struct stripe *self, int64_t now)
{
    return now - self->old.reread >= self->reread_hours * 3600 ||
           now / DAY_S != self->old.reread / DAY_S;
}

/* An increment of a table whose changes have no events: what is new, and now and then what is
 * recent; beside it what a filter finds, and what events say was deleted. */
enum sl_code stripe_read_recent(struct stripe *self, struct sl_out *out, struct sl_error *error)
{
    int64_t now = self->began;
    int64_t back = now - self->reread_days * DAY_S;
    bool log = self->table->way == STRIPE_LOG;
    char input[120];
    enum sl_code rc = SL_OK;

    self->window.gte = log ? self->old.from : self->old.from - self->lookback_seconds;
    if (!log && self->reread_days > 0 && is_reread_due(self, now)) {
        if (back < self->window.gte) self->window.gte = back;
        self->next.reread = now;
    }
    if (self->table->recent_filter[0])
        rc = sl_out_task(out, "filtered", "{\"walk\":\"list\",\"filtered\":true}", error);
    if (!rc && self->table->types) {
        snprintf(input, sizeof input, "{\"walk\":\"events\",\"gte\":%lld}",
                 (long long)(self->old.from - self->lookback_seconds));
        rc = sl_out_task(out, "deleted", input, error);
    }
    return rc ? rc : ask_page(self, out, error);
}

/* ---- pages ---- */

static int64_t created_of(const struct stripe *self, const struct sl_json *object)
{
    int64_t created = 0;
    const char *column = self->table->cursor ? self->table->cursor : "created";

    sl_json_i64(sl_json_get(object, column), &created);
    return created;
}

/* This page is the first of the table's own task and others follow: are they to be read side by
 * side? */
static enum sl_code cut_rest(struct stripe *self, int64_t newest, struct sl_out *out,
                             struct sl_error *error)
{
    int64_t high = self->last_created + 1, low = self->account_created;
    bool open = self->window.gte == 0;

    if (self->start_s > low && self->table->way != STRIPE_BY_PARENTS) low = self->start_s;
    if (self->table->way == STRIPE_LOG && newest - LOG_DAYS * DAY_S > low)
        low = newest - LOG_DAYS * DAY_S;
    if (!open) low = self->window.gte;
    int64_t count = stripe_windows(low, high, STRIPE_PAGE_ROWS, newest - self->last_created,
                                   self->table->way == STRIPE_BY_PARENTS ? 100 : ROWS_PER_WINDOW);

    if (count < 2) return SL_OK;
    self->more = false;
    self->floor = high; /* the windows begin with the oldest second of this page */
    self->next.low = low;
    self->next.high = high;
    self->next.windows = count;
    return stripe_cut("list", self->next.from, low, high, count, open, out, error);
}

/* LOG: what is as new as the newest may not be all of its time yet. */
static enum sl_code emit_log(struct stripe *self, const struct sl_json *rows, struct sl_out *out,
                             struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    for (struct sl_json_each e = sl_json_each(rows); sl_json_next(&e) && !rc;)
        if (created_of(self, e.value) < self->until && created_of(self, e.value) >= self->floor)
            rc = sl_out_rows(out, self->table->name, e.value, NULL, 0, (struct sl_sequence){0},
                             error);
    return rc;
}

static enum sl_code queue_parents(struct stripe *self, const struct sl_json *rows,
                                  struct sl_error *error)
{
    for (struct sl_json_each e = sl_json_each(rows); sl_json_next(&e);)
        if (!stripe_queue_add(self, sl_json_get(e.value, "id"), 0))
            return sl_fail(error, SL_BAD_DATA, "table '%s': a page of customers that cannot be",
                           self->table->name);
    return SL_OK;
}

static enum sl_code emit_page(struct stripe *self, const struct sl_json *rows, int64_t now,
                              struct sl_out *out, struct sl_error *error)
{
    int64_t sequence_us = (now - LIST_SEQUENCE_S) * SL_SECOND_US;
    enum sl_code rc = SL_OK;

    if (self->table->way == STRIPE_LOG) return emit_log(self, rows, out, error);
    if (self->table->way == STRIPE_BY_PARENTS) return queue_parents(self, rows, error);
    for (struct sl_json_each e = sl_json_each(rows); sl_json_next(&e) && !rc;)
        rc = stripe_emit(self, e.value, sequence_us, 0, out, error);
    return rc;
}

/* The object that a page began after was deleted: go on by the time it was created at. */
static enum sl_code find_anchor(struct stripe *self, struct sl_out *out, struct sl_error *error)
{
    if (!self->after[0] || self->last_created <= 0 || ++self->anchors_lost > ANCHORS_LOST_MAX)
        return sl_fail(error, SL_SOURCE, "table '%s': the list cannot be gone on with after '%s'",
                       self->table->name, self->after);
    self->after[0] = '\0';
    self->window.lt = self->last_created + 1;
    return ask_page(self, out, error);
}

static enum sl_code take_page(struct stripe *self, const struct sl_json *rows,
                              struct sl_error *error)
{
    const struct sl_json *last = NULL;

    for (struct sl_json_each e = sl_json_each(rows); sl_json_next(&e);) last = e.value;
    if (!self->more) return SL_OK;
    if (!last || !stripe_keep_id(self->after, sl_json_get(last, "id")))
        return sl_fail(error, SL_BAD_DATA, "table '%s': more is to follow a page without a last id",
                       self->table->name);
    self->last_created = created_of(self, last);
    enum sl_code rc = sl_pages_next(&self->pages, self->after, error);

    if (rc != SL_MORE) sl_error_context(error, "table '%s'", self->table->name);
    return rc == SL_MORE ? SL_OK : rc;
}

/* The first answer of a table's own task: from when on will the next run have to look? */
static void note_start(struct stripe *self, int64_t now)
{
    int64_t from = now - (self->table->way == STRIPE_LOG ? self->lookback_seconds : LAG_S);
    bool goes_on = self->task.initial && self->next.from > 0;

    if (self->next.from < from && !goes_on) self->next.from = from;
    if (self->everything && !self->next.reread) self->next.reread = now;
}

enum sl_code stripe_list_answer(struct stripe *self, const struct sl_response *response,
                                struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *rows = sl_json_get(response->json, "data");
    int64_t now = stripe_now(self, response);
    struct sl_json_each first = sl_json_each(rows);
    enum sl_code rc;

    if (response->status != 200) return find_anchor(self, out, error);
    if (sl_json_kind(rows) != SL_JSON_ARRAY)
        return sl_fail(error, SL_BAD_DATA, "table '%s': an answer without 'data'",
                       self->table->name);
    bool begins = self->root && self->pages.count == 0 && !self->after[0];

    if (begins) note_start(self, now);
    if (self->until == 0) self->until = self->root ? self->next.from : self->load;
    self->more = sl_json_true(sl_json_get(response->json, "has_more"));
    rc = take_page(self, rows, error);
    if (!rc && begins && self->more && sl_json_next(&first))
        rc = cut_rest(self, created_of(self, first.value), out, error);
    if (!rc) rc = emit_page(self, rows, now, out, error);
    return rc ? rc : stripe_queue_goes_on(self, out, error);
}

/* A first load that is a chain says now and then how far it came. */
static enum sl_code note_place(struct stripe *self, struct sl_out *out, struct sl_error *error)
{
    struct sl_json_writer *cursor;
    const char *text;
    enum sl_code rc;

    if (!self->task.initial || self->pages.count % PAGES_PER_CURSOR != 0) return SL_OK;
    if (self->root) {
        memcpy(self->next.after, self->after, sizeof self->next.after);
        self->next.after_created = self->last_created;
        return stripe_put_cursor(self, out, error);
    }
    cursor = sl_json_writer_new();
    if (!cursor) return sl_fail(error, SL_NO_MEMORY, "no memory for a cursor");
    sl_json_begin_object(cursor);
    sl_json_kv_i64(cursor, "load", self->load);
    sl_json_kv_str(cursor, "after", self->after);
    sl_json_kv_i64(cursor, "created", self->last_created);
    sl_json_end_object(cursor);
    text = sl_json_writer_text(cursor, NULL);
    rc = text ? sl_out_cursor(out, text, error)
              : sl_fail(error, SL_NO_MEMORY, "no memory for a cursor");
    sl_json_writer_free(cursor);
    return rc;
}

enum sl_code stripe_list_goes_on(struct stripe *self, struct sl_out *out, struct sl_error *error)
{
    enum sl_code rc;

    if (!self->more) return finish(self, out, error);
    rc = note_place(self, out, error);
    return rc ? rc : ask_page(self, out, error);
}
