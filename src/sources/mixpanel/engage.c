/*
 * engage.c: the pages of a query of profiles. The first answer says how many there are in all, and
 * gives the session in which the other pages are asked for; Mixpanel forgets it after some minutes.
 *
 * Profiles: a run asks for those seen since the latest $last_seen that any run has met, less an
 * overlap. That is the project's own clock, so no zone needs to be known for it.
 *
 * The cursor: {"v":1,"seen":"2026-03-02T09:00:00"}; of a first load that goes on also where it is:
 * {"session":"...","page":3,"size":1000,"total":5120}.
 */
#include "mixpanel.h"

#include <stdio.h>
#include <string.h>

/* Longer than the hour that a clock may be set back, and than Mixpanel takes to show a change. */
#define OVERLAP_US (INT64_C(3) * 3600 * SL_SECOND_US)
/* A clock of a project can be so much ahead of UTC; what lies beyond was set by a wrong clock. */
#define AHEAD_US (INT64_C(15) * 3600 * SL_SECOND_US)
#define SESSIONS_MAX 5
#define PAGE_SIZE_MAX 1000000

/* ------------------------------------------------------------------ beginning */

static void copy_text(char *to, size_t cap, const struct sl_json *value)
{
    const char *text = sl_json_str(value);

    snprintf(to, cap, "%s", text && strlen(text) < cap ? text : "");
}

static bool shown_time(const char *text, int64_t *us)
{
    bool has_zone;

    return sl_time_parse(text, strlen(text), us, &has_zone) && !has_zone;
}

/* A cursor of ours? Then where the first load is, or from when on an increment asks. */
static bool go_on(struct mixpanel *self)
{
    const struct sl_json *cursor = self->task.cursor;
    struct mixpanel_query *query = &self->query;
    int64_t version, seen_us;

    if (!sl_json_i64(sl_json_get(cursor, "v"), &version) || version != MIXPANEL_CURSOR_VERSION)
        return false;
    copy_text(query->newest, sizeof query->newest, sl_json_get(cursor, "seen"));
    if (query->newest[0] && !shown_time(query->newest, &seen_us)) return false;
    if (self->task.full && self->task.initial) {
        copy_text(query->session, sizeof query->session, sl_json_get(cursor, "session"));
        if (!query->session[0] || !sl_json_i64(sl_json_get(cursor, "page"), &query->page) ||
            !sl_json_i64(sl_json_get(cursor, "size"), &query->page_size) ||
            !sl_json_i64(sl_json_get(cursor, "total"), &query->total) || query->page < 1 ||
            query->page_size < 1 || query->page_size > PAGE_SIZE_MAX)
            query->page = 0, query->session[0] = '\0', query->total = -1;
    } else if (!self->task.full && query->newest[0]) {
        sl_time_format_ms(seen_us - OVERLAP_US, query->since);
        query->since[19] = '\0';
    }
    return true;
}

static enum sl_code begin(struct mixpanel *self, struct sl_out *out, struct sl_error *error)
{
    struct mixpanel_query *query = &self->query;

    query->total = -1;
    if (sl_json_i64(sl_json_get(self->task.input, "cohort"), &query->cohort)) {
        if (mixpanel_is_done(self)) return mixpanel_say_done(out, error);
    } else if (self->task.cursor && !go_on(self)) {
        sl_out_note(out, SL_NOTE_WARNING,
                    "engage: the cursor is not one of this version: everything is read again");
        *query = (struct mixpanel_query){.total = -1};
    }
    return mixpanel_ask_engage(self, out, error);
}

/* ------------------------------------------------------------------ rows */

/* A time of the project's clock, so text of one form: greater is later. */
static void keep_newest(struct mixpanel *self, const struct sl_json *value,
                        const struct sl_response *response)
{
    const char *text = sl_json_str(value);
    int64_t us;

    if (!text || strlen(text) != 19 || text[10] != 'T' || !shown_time(text, &us)) return;
    if (us > response->received_at_us + AHEAD_US) return;
    if (strcmp(text, self->query.newest) > 0)
        snprintf(self->query.newest, sizeof self->query.newest, "%s", text);
}

static enum sl_code emit_profiles(struct mixpanel *self, const struct sl_response *response,
                                  struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *rows = sl_json_get(response->json, "results");
    char created[SL_TIME_TEXT_MAX], seen[SL_TIME_TEXT_MAX];
    enum sl_code rc = SL_OK;

    for (struct sl_json_each e = sl_json_each(rows); !rc && sl_json_next(&e);) {
        const struct sl_json *properties = sl_json_get(e.value, "$properties");
        const struct sl_json *last_seen = sl_json_get(properties, "$last_seen");
        struct sl_constant constants[] = {
            {"$created", mixpanel_utc(self, sl_json_get(properties, "$created"), created)},
            {"$last_seen", mixpanel_utc(self, last_seen, seen)},
        };

        keep_newest(self, last_seen, response);
        rc = sl_out_rows(out, "engage", e.value, constants, 2, (struct sl_sequence){0}, error);
    }
    return rc;
}

static enum sl_code emit_members(const struct mixpanel *self, const struct sl_json *rows,
                                 struct sl_out *out, struct sl_error *error)
{
    char id[24];
    struct sl_constant constant = {"cohort_id", id};

    snprintf(id, sizeof id, "%lld", (long long)self->query.cohort);
    return sl_out_rows(out, "cohort_members", rows, &constant, 1, (struct sl_sequence){0}, error);
}

/* ------------------------------------------------------------------ pages */

static enum sl_code end_members(const struct mixpanel *self, struct sl_out *out,
                                struct sl_error *error)
{
    char scope[48];
    enum sl_code rc;

    snprintf(scope, sizeof scope, "{\"cohort_id\":%lld}", (long long)self->query.cohort);
    rc = sl_out_complete(out, "cohort_members", scope, error);
    if (rc) return rc;
    return self->task.initial ? mixpanel_say_done(out, error) : SL_DONE;
}

static enum sl_code put_cursor(const struct mixpanel *self, bool ended, struct sl_out *out,
                               struct sl_error *error)
{
    const struct mixpanel_query *query = &self->query;
    struct sl_json_writer *w = sl_json_writer_new();
    enum sl_code rc = SL_NO_MEMORY;

    if (w) {
        sl_json_begin_object(w);
        sl_json_kv_i64(w, "v", MIXPANEL_CURSOR_VERSION);
        if (query->newest[0]) sl_json_kv_str(w, "seen", query->newest);
        if (!ended) {
            sl_json_kv_str(w, "session", query->session);
            sl_json_kv_i64(w, "page", query->page);
            sl_json_kv_i64(w, "size", query->page_size);
            sl_json_kv_i64(w, "total", query->total);
        }
        sl_json_end_object(w);
    }
    if (w && sl_json_writer_text(w, NULL))
        rc = sl_out_cursor(out, sl_json_writer_text(w, NULL), error);
    else
        (void)sl_fail(error, SL_NO_MEMORY, "no memory for a cursor");
    sl_json_writer_free(w);
    return rc;
}

static enum sl_code end(const struct mixpanel *self, struct sl_out *out, struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    if (self->query.cohort) return end_members(self, out, error);
    if (!self->query.since[0]) rc = sl_out_complete(out, "engage", "{}", error);
    if (!rc) rc = put_cursor(self, true, out, error);
    return rc ? rc : SL_DONE;
}

/* The session is gone, or the filter was refused: from the first page. */
static enum sl_code ask_anew(struct mixpanel *self, const struct sl_response *response,
                             struct sl_out *out, struct sl_error *error)
{
    struct mixpanel_query *query = &self->query;
    char said[200];

    mixpanel_said(response, said, sizeof said);
    if (query->cohort && mixpanel_has_no_members(response)) {
        sl_out_note(out, SL_NOTE_WARNING,
                    "cohort_members: cohort %lld is not one of users and is left out",
                    (long long)query->cohort);
        return end_members(self, out, error);
    }
    if (++query->expired > SESSIONS_MAX)
        return sl_fail(error, SL_SOURCE, "%s: Mixpanel forgets each listing before its end: %s",
                       self->task.table, said);
    if (query->page == 0) { /* not the session, then: the filter */
        sl_out_note(out, SL_NOTE_WARNING,
                    "engage: Mixpanel refused to filter by $last_seen (%s): everything is read",
                    said);
        query->since[0] = '\0';
    }
    query->page = 0;
    query->total = -1;
    query->session[0] = '\0';
    query->pages = (struct sl_pages){0};
    return mixpanel_ask_engage(self, out, error);
}

static enum sl_code look_at(struct mixpanel *self, const struct sl_response *response,
                            struct sl_error *error)
{
    struct mixpanel_query *query = &self->query;
    const struct sl_json *json = response->json;
    const struct sl_json *rows = sl_json_get(json, "results");
    struct sl_json_each first = sl_json_each(rows);
    char token[256] = "";
    int64_t number;

    if (sl_json_i64(sl_json_get(json, "total"), &number) && number >= 0) query->total = number;
    if (sl_json_i64(sl_json_get(json, "page_size"), &number) && number > 0)
        query->page_size = number;
    if (query->page_size < 1) query->page_size = (int64_t)sl_json_len(rows);
    copy_text(query->session, sizeof query->session, sl_json_get(json, "session_id"));
    if (!sl_json_next(&first)) return SL_OK;
    (void)sl_page_token(sl_json_get(first.value, "$distinct_id"), token, sizeof token);
    enum sl_code rc = sl_pages_next(&query->pages, token, error);

    return rc == SL_MORE ? SL_OK : rc;
}

/* Is this the last page? A page may be short, the number of all is what counts. */
static bool is_last(const struct mixpanel_query *query, size_t count)
{
    if (query->total >= 0) return (query->page + 1) * query->page_size >= query->total;
    return (int64_t)count < query->page_size;
}

enum sl_code mixpanel_read_engage(struct mixpanel *self, const struct sl_response *response,
                                  struct sl_out *out, struct sl_error *error)
{
    struct mixpanel_query *query = &self->query;
    const struct sl_json *rows;
    size_t count;
    enum sl_code rc;

    if (!response) return begin(self, out, error);
    if (response->status != 200) return ask_anew(self, response, out, error);
    rows = sl_json_get(response->json, "results");
    count = sl_json_len(rows);
    rc = look_at(self, response, error);
    if (rc) return rc;
    if (query->page == 0 && query->total >= 0 && !query->cohort)
        sl_out_expect(out, "engage", query->total);
    rc = query->cohort ? emit_members(self, rows, out, error)
                       : emit_profiles(self, response, out, error);
    if (rc) return rc;
    if (is_last(query, count)) return end(self, out, error);
    if (count == 0 || !query->session[0]) {
        (void)sl_fail(error, SL_BAD_DATA, "%s: page %lld of %lld profiles is empty",
                      self->task.table, (long long)query->page, (long long)query->total);
        error->retryable = true;
        return SL_BAD_DATA;
    }
    query->page++;
    if (self->task.initial && !query->cohort) rc = put_cursor(self, false, out, error);
    return rc ? rc : mixpanel_ask_engage(self, out, error);
}
