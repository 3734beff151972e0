/*
 * read.c: the records of one table.
 *
 * A listing is one chain of pages, 100 records each, and one chain waits for each answer before it
 * can ask for more: with round trips of half a second it reads 2 pages a second where the API
 * allows 5. So a large table is read in several shares at once (formula.c), each by a task with
 * a chain of its own. Every share costs about half a page that is not full, so there are only as
 * many as the latency demands:
 *
 *     chains needed for the base = requests per second x round trip, with a margin
 *     shares of this table       = those needed, divided by the tables that are read beside it
 *
 * The round trip was measured when the schema was read. The rows are known from the last run; when
 * they are not, the first share is read alone, and its first page decides: if more follow, the
 * other shares are read beside it; if not, the table is small, and one more task reads all that is
 * left. docs/connectors/airtable.md has the sums.
 *
 * A share that was read says so in its part of the cursor, and the root's says how the table is cut.
 * When an engine keeps what finished shares brought, it may start a first load again with that
 * cursor: the same shares are asked for, and those that are done ask for nothing.
 *
 * What the engine says in the root task's input, all optional:
 *     {"tables": tables that are read at the same time in this base, "rows": of this table at the
 *      last run, -1 unknown, "rows_total": of all of them together}
 */
#include "airtable.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define LATENCY_MARGIN 1.3  /* round trips are not all alike */
#define SHARE_ROWS_MIN 2500 /* a smaller share is not worth its half page */

/* ---- how many shares ---- */

static int power_of_two_from(double wanted)
{
    int count = 1;

    while (count < wanted && count < AIRTABLE_CHAINS_MAX) count *= 2;
    return count;
}

static int64_t rows_known(const struct airtable *self)
{
    int64_t rows = -1;

    sl_json_i64(sl_json_get(self->task.input, "rows"), &rows);
    return rows;
}

/* This table's part of what is read from the base at the same time. */
static double part_of_run(const struct airtable *self, int64_t rows)
{
    int64_t tables = 1, rows_total = 0;

    sl_json_i64(sl_json_get(self->task.input, "tables"), &tables);
    sl_json_i64(sl_json_get(self->task.input, "rows_total"), &rows_total);
    if (rows > 0 && rows_total >= rows) return (double)rows / (double)rows_total;
    return tables > 1 ? 1.0 / (double)tables : 1.0;
}

static int shares_wanted(const struct airtable *self)
{
    int64_t rows = rows_known(self), round_trip_us = 0;
    double needed;
    int shares;

    if (self->chains > 0) return power_of_two_from((double)self->chains);
    if (sl_json_true(sl_json_get(self->task.input, "capped"))) return AIRTABLE_CHAINS_MAX;
    sl_json_i64(sl_json_get(self->task.state, "round_trip_us"), &round_trip_us);
    needed = self->requests_per_second * (double)round_trip_us / 1e6 * LATENCY_MARGIN;
    shares = power_of_two_from(ceil(needed) * part_of_run(self, rows));
    while (rows >= 0 && shares > 1 && rows < (int64_t)shares * SHARE_ROWS_MIN) shares /= 2;
    return shares;
}

/* The sub-task of one share. A first load that is taken up again asks for the same ones, and those
 * whose cursor says that they were read then end at once. */
static enum sl_code ask_for_share(const struct airtable *self, int index, int count, bool probe,
                                  bool others, struct sl_out *out, struct sl_error *error)
{
    char part[40], input[160];

    snprintf(part, sizeof part, "share-%d-of-%d", index + 1, count);
    snprintf(input, sizeof input,
             "{\"share\":%d,\"of\":%d,\"probe\":%s,\"others\":%s,\"from_us\":%lld}", index, count,
             probe ? "true" : "false", others ? "true" : "false", (long long)self->next.from_us);
    return sl_out_task(out, others ? "others" : part, input, error);
}

static enum sl_code ask_for_shares(const struct airtable *self, int first, int count,
                                   struct sl_out *out, struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    for (int i = first; i < count && !rc; i++)
        rc = ask_for_share(self, i, count, false, false, out, error);
    return rc;
}

/* What this share alone stands for, once its first page was seen: the other ones, or all the rest. */
static enum sl_code ask_for_rest(const struct airtable *self, bool others, struct sl_out *out,
                                 struct sl_error *error)
{
    int count = self->share.count;

    return others ? ask_for_share(self, 0, count, false, true, out, error)
                  : ask_for_shares(self, 1, count, out, error);
}

/* ---- requests ---- */

bool airtable_wants(const struct airtable *self, const char *field)
{
    if (!self->task.columns) return true;
    for (struct sl_json_each e = sl_json_each(self->task.columns); sl_json_next(&e);)
        if (sl_json_eq(e.value, field)) return true;
    return false;
}

/* The fields that are wanted, when not all are. A list of none would mean all, so then it is the
 * primary one. */
static void put_fields(const struct airtable *self, bool none, struct sl_json_writer *body)
{
    const char *primary = sl_json_str(sl_json_get(self->task.state, "primary"));
    size_t put = 0;

    if (!none && !self->task.columns) return;
    sl_json_key(body, "fields");
    sl_json_begin_array(body);
    struct sl_json_each e = sl_json_each(none ? NULL : self->task.columns);
    while (sl_json_next(&e)) {
        const char *id = sl_json_str(e.value);
        if (!id || strncmp(id, "fld", 3) != 0) continue; /* a column of ours, not a field */
        sl_json_put_str(body, id);
        put++;
    }
    if (put == 0 && primary) sl_json_put_str(body, primary);
    sl_json_end_array(body);
}

static enum sl_code put_formula(const struct airtable *self, char *formula, struct sl_error *error)
{
    switch (self->way) {
    case AIRTABLE_WINDOW:
        return airtable_formula_window(self->filter,
                                       sl_json_str(sl_json_get(self->task.state, "modified")),
                                       self->since_us, formula, error);
    case AIRTABLE_BY_ID:
        return airtable_formula_ids(self->filter, self->batch, self->batch_count, formula, error);
    default: return airtable_formula_share(self->filter, &self->share, formula, error);
    }
}

enum sl_code airtable_ask_records(struct airtable *self, bool comment_count, struct sl_out *out,
                                  struct sl_error *error)
{
    bool comments = sl_json_true(sl_json_get(self->task.state, "comments"));
    char formula[AIRTABLE_FORMULA_MAX];
    struct sl_json_writer *body;
    enum sl_code rc;

    rc = put_formula(self, formula, error);
    if (rc) return rc;
    body = sl_json_writer_new();
    if (!body) return sl_fail(error, SL_NO_MEMORY, "no memory for a request");
    sl_json_begin_object(body);
    sl_json_kv_i64(body, "pageSize", AIRTABLE_PAGE_ROWS);
    sl_json_kv_bool(body, "returnFieldsByFieldId", true);
    put_fields(self, comments, body);
    if (self->view) sl_json_kv_str(body, "view", self->view);
    if (formula[0]) sl_json_kv_str(body, "filterByFormula", formula);
    if (comment_count) {
        sl_json_key(body, "recordMetadata");
        sl_json_begin_array(body);
        sl_json_put_str(body, "commentCount");
        sl_json_end_array(body);
    }
    if (self->chain.offset[0]) sl_json_kv_str(body, "offset", self->chain.offset);
    sl_json_end_object(body);

    bool testing = self->stage == AIRTABLE_SELF_TEST;
    return airtable_ask_list(self, testing ? AIRTABLE_SELF_TEST : AIRTABLE_RECORDS, body, out,
                             error);
}

/* ---- everything ---- */

/* Everything of the table was emitted by this task and its sub-tasks. */
static enum sl_code all_of_it(const struct airtable *self, struct sl_out *out,
                              struct sl_error *error)
{
    enum sl_code rc = sl_out_complete(out, self->task.table, "{}", error);

    if (!rc) rc = airtable_put_cursor(self, out, error);
    return rc ? rc : SL_DONE;
}

enum sl_code airtable_read_all(struct airtable *self, struct sl_out *out, struct sl_error *error)
{
    int shares = shares_wanted(self);
    bool probe = self->chains == 0 && rows_known(self) < 0;
    enum sl_code rc;

    self->way = AIRTABLE_ALL;
    self->stage = AIRTABLE_START;
    self->chain = (struct airtable_chain){0};
    if (self->going_on && self->old.shares > 0) shares = self->old.shares, probe = self->old.probe;
    if (shares == 1) return airtable_ask_records(self, self->comment_count, out, error);
    self->next.shares = shares;
    self->next.probe = probe;
    rc = probe ? ask_for_share(self, 0, shares, true, false, out, error)
               : ask_for_shares(self, 0, shares, out, error);
    return rc ? rc : all_of_it(self, out, error);
}

static enum sl_code first_page(struct airtable *self, const struct sl_response *response, bool more,
                               struct sl_out *out, struct sl_error *error)
{
    airtable_take_time(self, response);
    if (!self->probe) return SL_OK;
    self->others = !more; /* a small table: one more chain reads all that is left */
    return ask_for_rest(self, self->others, out, error);
}

/* ---- one share ---- */

/* {"done_us":n,"others":bool}: this share was read, by the full read that began at that time. */
static enum sl_code share_done(const struct airtable *self, struct sl_out *out,
                               struct sl_error *error)
{
    char cursor[80];
    enum sl_code rc;

    snprintf(cursor, sizeof cursor, "{\"done_us\":%lld,\"others\":%s}",
             (long long)self->next.from_us, self->others ? "true" : "false");
    rc = sl_out_cursor(out, cursor, error);
    return rc ? rc : SL_DONE;
}

/* The task of one share, as its parent described it. */
static enum sl_code start_share(struct airtable *self, int64_t of, struct sl_out *out,
                                struct sl_error *error)
{
    const struct sl_json *input = self->task.input;
    int64_t index = 0, done_us;
    enum sl_code rc;

    sl_json_i64(sl_json_get(input, "share"), &index);
    if (of < 2 || of > AIRTABLE_CHAINS_MAX || index < 0 || index >= of ||
        !sl_json_i64(sl_json_get(input, "from_us"), &self->next.from_us))
        return sl_fail(error, SL_BUG, "there is no such share of a table");
    self->share = (struct airtable_share){
        .index = (int)index,
        .count = (int)of,
        .others = sl_json_true(sl_json_get(input, "others")),
    };
    self->probe = sl_json_true(sl_json_get(input, "probe"));
    bool done = sl_json_i64(sl_json_get(self->task.cursor, "done_us"), &done_us) &&
                done_us == self->next.from_us;
    if (!done) return airtable_ask_records(self, self->comment_count, out, error);
    self->others = sl_json_true(sl_json_get(self->task.cursor, "others"));
    rc = self->probe ? ask_for_rest(self, self->others, out, error) : SL_OK;
    return rc ? rc : share_done(self, out, error);
}

/* A page of everything, or of a share. */
static enum sl_code page_read(struct airtable *self, const struct sl_response *response,
                              struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *records = sl_json_get(response->json, "records");
    enum sl_code next, rc = SL_OK;

    if (sl_json_kind(records) != SL_JSON_ARRAY)
        return sl_fail(error, SL_BAD_DATA, "page %lld: an answer without 'records'",
                       (long long)self->chain.pages.count + 1);
    next = airtable_chain_next(&self->chain, response->json, sl_json_len(records), error);
    if (sl_failed(next)) return next;
    if (self->chain.pages.count == 1) rc = first_page(self, response, next == SL_MORE, out, error);
    if (!rc)
        rc = sl_out_rows(out, self->task.table, records, NULL, 0, (struct sl_sequence){0}, error);
    if (rc) return rc;
    if (next == SL_MORE) return airtable_ask_records(self, self->comment_count, out, error);
    return self->share.count > 1 ? share_done(self, out, error) : all_of_it(self, out, error);
}

/* ---- how, in this run ---- */

/* Payloads that are older than a week are gone, without a word. */
#define FEED_STALE_US (6 * SL_DAY_US)

static bool feed_goes_on(const struct airtable *self, const struct airtable_hook *hook)
{
    const struct airtable_hook *old = &self->old.hook;

    return old->id[0] && strcmp(old->id, hook->id) == 0 && old->next > 0 &&
           hook->polled_us - old->polled_us < FEED_STALE_US;
}

/* Why an incremental run reads everything all the same; NULL: it need not. */
static const char *reason_for_all(const struct airtable *self, const struct airtable_hook *hook)
{
    if (self->old.hook.id[0] && !feed_goes_on(self, hook))
        return "the webhook that the last run went by is gone, or was not looked at for six days";
    if (hook->id[0] && !self->old.hook.id[0]) return "its webhook is new";
    return NULL;
}

/*
 * A full read with a cursor is either a first load that is taken up again, or a reconciliation. Both
 * go on from the time and the payload that the cursor names: they are older, and so leave out
 * nothing. What a share has read already is known to its own part of the cursor.
 */
static enum sl_code start_all(struct airtable *self, bool fits, const struct airtable_hook *hook,
                              struct sl_out *out, struct sl_error *error)
{
    bool same_feed = !hook->id[0] || feed_goes_on(self, hook);

    self->going_on = self->task.full && fits && same_feed;
    if (self->going_on) {
        self->next.from_us = self->old.from_us;
        if (hook->id[0]) self->next.hook = self->old.hook;
    }
    return airtable_read_all(self, out, error);
}

static enum sl_code choose_way(struct airtable *self, struct sl_out *out, struct sl_error *error)
{
    const char *misfit = airtable_take_cursor(self);
    struct airtable_hook hook = airtable_state_hook(self);
    const char *why = misfit ? misfit : reason_for_all(self, &hook);
    bool always = strcmp(self->read_mode, "full") == 0;

    self->next.trust = self->old.trust;
    self->next.hook = hook;
    if (self->task.full || always || !self->task.cursor)
        return start_all(self, !misfit, &hook, out, error);
    if (why) {
        sl_out_note(out, SL_NOTE_INFO, "table '%.200s' (%s): everything is read, because %s",
                    self->task.table, self->table, why);
        return airtable_read_all(self, out, error);
    }
    if (hook.id[0]) return airtable_start_feed(self, out, error);
    if (self->old.trust == AIRTABLE_BROKEN) return airtable_read_all(self, out, error);
    return airtable_start_window(self, out, error);
}

static enum sl_code start(struct airtable *self, struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *state = self->task.state;
    const struct sl_json *keys = sl_json_get(self->task.input, "keys");
    int64_t of, server_us;
    enum sl_code rc;

    rc = airtable_enter_base(self, sl_json_str(sl_json_get(state, "base")), out, error);
    if (rc) return rc;
    if (!airtable_keep_id(self->table, sl_json_str(sl_json_get(state, "id"))) || !self->task.table)
        return sl_fail(error, SL_BUG, "the state of the table has no id");
    self->share.count = 1;
    self->next.from_us = SL_NO_TIME;
    if (sl_json_i64(sl_json_get(state, "server_us"), &server_us))
        self->next.from_us = server_us - self->lag_seconds * SL_SECOND_US;
    if (sl_json_true(sl_json_get(state, "comments")))
        return airtable_read_comments(self, NULL, out, error);
    if (keys) return airtable_start_by_id(self, keys, out, error);
    if (sl_json_i64(sl_json_get(self->task.input, "of"), &of))
        return start_share(self, of, out, error);
    return choose_way(self, out, error);
}

enum sl_code airtable_read(void *task, const struct sl_response *response, struct sl_out *out,
                           struct sl_error *error)
{
    struct airtable *self = task;

    if (!response) return start(self, out, error);
    if (sl_json_true(sl_json_get(self->task.state, "comments")))
        return airtable_read_comments(self, response, out, error);
    switch (self->way) {
    case AIRTABLE_WINDOW: return airtable_window_answer(self, response, out, error);
    case AIRTABLE_FEED: return airtable_feed_answer(self, response, out, error);
    case AIRTABLE_BY_ID: return airtable_by_id_answer(self, response, out, error);
    default: return page_read(self, response, out, error);
    }
}
