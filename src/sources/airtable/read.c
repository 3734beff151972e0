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
 * they are not, the root task reads the first share itself, and its first page decides: if it is
 * full, the other shares are read beside it; if it is not, the table is small, and one more task
 * reads all that is left. docs/connectors/airtable.md has the sums.
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
    sl_json_i64(sl_json_get(self->task.state, "round_trip_us"), &round_trip_us);
    needed = self->requests_per_second * (double)round_trip_us / 1e6 * LATENCY_MARGIN;
    shares = power_of_two_from(ceil(needed) * part_of_run(self, rows));
    while (rows >= 0 && shares > 1 && rows < (int64_t)shares * SHARE_ROWS_MIN) shares /= 2;
    return shares;
}

/* Asks for the shares first, first + 1, ... of count. */
static enum sl_code ask_for_shares(int first, int count, struct sl_out *out, struct sl_error *error)
{
    for (int i = first; i < count; i++) {
        char part[40], input[64];
        enum sl_code rc;

        snprintf(part, sizeof part, "share-%d-of-%d", i + 1, count);
        snprintf(input, sizeof input, "{\"share\":%d,\"of\":%d}", i, count);
        rc = sl_out_task(out, part, input, error);
        if (rc) return rc;
    }
    return SL_OK;
}

static enum sl_code ask_for_others(int count, struct sl_out *out, struct sl_error *error)
{
    char input[64];

    snprintf(input, sizeof input, "{\"share\":0,\"of\":%d,\"others\":true}", count);
    return sl_out_task(out, "others", input, error);
}

/* ---- requests ---- */

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

enum sl_code airtable_ask_records(struct airtable *self, bool comment_count, struct sl_out *out,
                                  struct sl_error *error)
{
    bool comments = sl_json_true(sl_json_get(self->task.state, "comments"));
    char formula[AIRTABLE_FORMULA_MAX];
    struct sl_json_writer *body;
    enum sl_code rc;

    rc = airtable_formula(self->filter, &self->share, formula, error);
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

    return airtable_ask_list(self, AIRTABLE_RECORDS, body, out, error);
}

/* What was read, and since when: a later run may go on from there, and must not when view or filter
 * differ. */
enum sl_code airtable_put_cursor(const struct airtable *self, struct sl_out *out,
                                 struct sl_error *error)
{
    struct sl_json_writer *cursor = sl_json_writer_new();
    const char *text;
    enum sl_code rc;

    if (!cursor) return sl_fail(error, SL_NO_MEMORY, "no memory for a cursor");
    sl_json_begin_object(cursor);
    sl_json_kv_i64(cursor, "v", 1);
    sl_json_kv_str(cursor, "view", self->view);
    sl_json_kv_str(cursor, "filter", self->filter);
    sl_json_kv_i64(cursor, "read_from_us", self->read_from_us);
    sl_json_end_object(cursor);
    text = sl_json_writer_text(cursor, NULL);
    rc = text ? sl_out_cursor(out, text, error)
              : sl_fail(error, SL_NO_MEMORY, "no memory for a cursor");
    sl_json_writer_free(cursor);
    return rc;
}

/* ---- the step ---- */

/* Everything of the table was emitted by this task and its sub-tasks. */
static enum sl_code all_of_it(const struct airtable *self, struct sl_out *out,
                              struct sl_error *error)
{
    enum sl_code rc = sl_out_complete(out, self->task.table, "{}", error);

    if (!rc) rc = airtable_put_cursor(self, out, error);
    return rc ? rc : SL_DONE;
}

/* The task of one share, as its parent described it. */
static enum sl_code start_share(struct airtable *self, int64_t of, struct sl_out *out,
                                struct sl_error *error)
{
    int64_t index = 0;

    sl_json_i64(sl_json_get(self->task.input, "share"), &index);
    if (of < 2 || of > AIRTABLE_CHAINS_MAX || index < 0 || index >= of)
        return sl_fail(error, SL_BUG, "there is no such share of a table");
    self->share = (struct airtable_share){
        .index = (int)index,
        .count = (int)of,
        .others = sl_json_true(sl_json_get(self->task.input, "others")),
    };
    return airtable_ask_records(self, self->comment_count, out, error);
}

static enum sl_code start(struct airtable *self, struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *state = self->task.state;
    int64_t of;
    enum sl_code rc;

    rc = airtable_enter_base(self, sl_json_str(sl_json_get(state, "base")), out, error);
    if (rc) return rc;
    if (!airtable_keep_id(self->table, sl_json_str(sl_json_get(state, "id"))) || !self->task.table)
        return sl_fail(error, SL_BUG, "the state of the table has no id");
    self->share.count = 1;
    self->read_from_us = self->task.run_started_at_us;
    if (sl_json_true(sl_json_get(state, "comments")))
        return airtable_read_comments(self, NULL, out, error);
    if (sl_json_i64(sl_json_get(self->task.input, "of"), &of))
        return start_share(self, of, out, error);

    int shares = shares_wanted(self);
    if (shares > 1 && (self->chains > 0 || rows_known(self) >= 0)) {
        rc = ask_for_shares(0, shares, out, error);
        return rc ? rc : all_of_it(self, out, error);
    }
    self->share.count = shares;
    self->first_of_several = shares > 1;
    return airtable_ask_records(self, self->comment_count, out, error);
}

static enum sl_code first_page(struct airtable *self, const struct sl_response *response, bool more,
                               struct sl_out *out, struct sl_error *error)
{
    if (response->server_date_us != SL_NO_TIME) self->read_from_us = response->server_date_us;
    if (!self->first_of_several) return SL_OK;
    return more ? ask_for_shares(1, self->share.count, out, error)
                : ask_for_others(self->share.count, out, error);
}

enum sl_code airtable_read(void *task, const struct sl_response *response, struct sl_out *out,
                           struct sl_error *error)
{
    struct airtable *self = task;
    const struct sl_json *records;
    enum sl_code next, rc = SL_OK;

    if (!response) return start(self, out, error);
    if (sl_json_true(sl_json_get(self->task.state, "comments")))
        return airtable_read_comments(self, response, out, error);
    records = sl_json_get(response->json, "records");
    if (sl_json_kind(records) != SL_JSON_ARRAY)
        return sl_fail(error, SL_BAD_DATA, "page %lld: an answer without 'records'",
                       (long long)self->chain.pages + 1);
    next = airtable_chain_next(&self->chain, response->json, sl_json_len(records), error);
    if (sl_failed(next)) return next;
    if (self->chain.pages == 1) rc = first_page(self, response, next == SL_MORE, out, error);
    if (!rc)
        rc = sl_out_rows(out, self->task.table, records, NULL, 0, (struct sl_sequence){0}, error);
    if (rc) return rc;
    if (next == SL_MORE) return airtable_ask_records(self, self->comment_count, out, error);
    bool root = self->share.count == 1 || self->first_of_several;
    return root ? all_of_it(self, out, error) : SL_DONE;
}
