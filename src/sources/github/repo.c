/*
 * repo.c: the rows of one repository (or an owner's list, which is read the same way).
 *
 * Each run begins with one page, the newest rows first, asked for with the ETag that it had in the
 * last run: the answer 304 says that nothing changed, and costs nothing. Else:
 *
 *     there is no further page          it is the whole list: complete
 *     its oldest row is older than      the rows since then are all that changed
 *       the end of the last run
 *     otherwise                         more pages
 *
 * Pages have numbers, and a list moves while it is read: a row that is edited goes to the front, one
 * that is deleted makes room, and what lies on the border of a page is not seen. So
 *   - issues and comments are read by `since`, oldest change first, the first page each time;
 *   - pull requests know no `since`: all of them are read in the order in which they were made, where
 *     only the end moves; what changed, the newest first, until it is old;
 *   - of other lists (list.c) the pages are looked at again.
 */
#include "github.h"

#include <stdio.h>
#include <string.h>

#define RELEASE_PAGES 10 /* a first load says so often how far it came */

/* ---- requests ---- */

void github_repo_url(const struct github *self, struct sl_url *url)
{
    sl_url_init(url, self->base_url);
    sl_url_path(url, "repos");
    sl_url_path(url, self->place.owner);
    sl_url_path(url, self->place.name);
}

static void query_time(struct sl_url *url, const char *name, int64_t us)
{
    char text[SL_TIME_TEXT_MAX];

    if (us == SL_NO_TIME) return;
    github_put_time(text, us);
    sl_url_query(url, name, text);
}

void github_list_url(const struct github *self, struct sl_url *url)
{
    github_repo_url(self, url);
    for (size_t i = 0; i < COUNT(self->table->path) && self->table->path[i]; i++)
        sl_url_path(url, self->table->path[i]);
    if (self->table->states) sl_url_query(url, "state", self->state);
}

enum sl_code github_probe(struct github *self, struct sl_out *out, struct sl_error *error)
{
    enum github_way way = self->table->way;
    struct sl_url url;

    if (way >= GITHUB_LIST) return github_begin_list(self, out, error);
    github_list_url(self, &url);
    if (way == GITHUB_UPDATED || way == GITHUB_PULLS || way == GITHUB_REVIEWS) {
        sl_url_query(&url, "sort", "updated");
        sl_url_query(&url, "direction", "desc");
    }
    if (way == GITHUB_COMMITS)
        sl_url_query(&url, "sha", self->branch && *self->branch ? self->branch : NULL);
    if (way == GITHUB_UPDATED || way == GITHUB_COMMITS) query_time(&url, "since", self->start_us);
    sl_url_query_i64(&url, "per_page", self->page_rows);
    return github_ask_if_changed(self, GITHUB_PROBE, sl_url_text(&url), self->old.etag, out, error);
}

/* All pull requests, in the order in which they were made. */
static enum sl_code walk_created(struct github *self, struct sl_out *out, struct sl_error *error)
{
    struct sl_url url;

    self->ascending = true;
    github_list_url(self, &url);
    sl_url_query(&url, "sort", "created");
    sl_url_query(&url, "direction", "asc");
    sl_url_query_i64(&url, "per_page", self->page_rows);
    return github_ask(self, GITHUB_WALK, sl_url_text(&url), out, error);
}

/* What changed at or after self->since_us, the oldest change first. */
static enum sl_code walk_since(struct github *self, struct sl_out *out, struct sl_error *error)
{
    struct sl_url url;

    github_list_url(self, &url);
    sl_url_query(&url, "sort", "updated");
    sl_url_query(&url, "direction", "asc");
    query_time(&url, "since", self->since_us);
    sl_url_query_i64(&url, "per_page", self->page_rows);
    self->pages = (struct sl_pages){0};
    return github_ask(self, GITHUB_WALK, sl_url_text(&url), out, error);
}

/* ---- rows ---- */

enum sl_code github_emit(struct github *self, const struct sl_json *rows, int64_t pull,
                         struct sl_out *out, struct sl_error *error)
{
    char id[32], number[32];
    struct sl_constant constants[4] = {{"repository_id", id},
                                       {"repository_owner", self->place.owner},
                                       {"repository_name", self->place.name},
                                       {"pull_number", number}};
    struct sl_constant team = {"organization_login", self->place.owner};
    size_t count = pull ? 4 : 3;

    if (self->table->way >= GITHUB_OWNER) {
        bool teams = strcmp(self->table->name, "teams") == 0;
        return sl_out_rows(out, self->table->name, rows, &team, teams ? 1 : 0,
                           (struct sl_sequence){0}, error);
    }
    snprintf(id, sizeof id, "%lld", (long long)self->place.id);
    snprintf(number, sizeof number, "%lld", (long long)pull);
    return sl_out_rows(out, self->table->name, rows, constants, count, (struct sl_sequence){0},
                       error);
}

/* The rows that changed at or after a time. */
static enum sl_code emit_after(struct github *self, const struct sl_json *rows, int64_t after_us,
                               struct sl_out *out, struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    if (after_us == SL_NO_TIME) return github_emit(self, rows, 0, out, error);
    for (struct sl_json_each e = sl_json_each(rows); !rc && sl_json_next(&e);) {
        int64_t us;
        if (github_time(sl_json_get(e.value, "updated_at"), &us) && us < after_us) continue;
        rc = github_emit(self, e.value, 0, out, error);
    }
    return rc;
}

bool github_span(const struct sl_json *rows, int64_t *oldest_us, int64_t *newest_us)
{
    int64_t us;

    *oldest_us = INT64_MAX;
    *newest_us = SL_NO_TIME;
    for (struct sl_json_each e = sl_json_each(rows); sl_json_next(&e);) {
        if (!github_time(sl_json_get(e.value, "updated_at"), &us)) return false;
        if (us < *oldest_us) *oldest_us = us;
        if (us > *newest_us) *newest_us = us;
    }
    return true;
}

/* ---- release points and the end ---- */

enum sl_code github_maybe_release(struct github *self, struct sl_out *out, struct sl_error *error)
{
    int64_t pages = self->table->way == GITHUB_REVIEWS ? 1 : RELEASE_PAGES; /* a page of calls */
    enum sl_code rc;

    if (!self->task.initial || ++self->unreleased < pages) return SL_OK;
    self->unreleased = 0;
    snprintf(self->new.next, sizeof self->new.next, "%s", self->next);
    rc = github_put_cursor(self, out, error);
    self->new.next[0] = '\0';
    return rc;
}

enum sl_code github_complete(struct github *self, struct sl_out *out, struct sl_error *error)
{
    char scope[64] = "{}";

    /* Scopes of a run are of the same columns: those of reviews are pull requests. */
    if (self->table->way == GITHUB_REVIEWS) return SL_OK;
    if (self->table->way < GITHUB_OWNER)
        snprintf(scope, sizeof scope, "{\"repository_id\":%lld}", (long long)self->place.id);
    return sl_out_complete(out, self->table->name, scope, error);
}

enum sl_code github_finish(struct github *self, struct sl_out *out, struct sl_error *error)
{
    enum sl_code rc = self->whole ? github_complete(self, out, error) : SL_OK;

    if (!rc) rc = github_put_cursor(self, out, error);
    return rc ? rc : SL_DONE;
}

/* ---- issues, pull requests, comments ---- */

static enum sl_code updated_probe(struct github *self, const struct sl_json *rows,
                                  int64_t oldest_us, struct sl_out *out, struct sl_error *error)
{
    bool pulls = self->table->way == GITHUB_PULLS;
    enum sl_code rc;

    if (self->snapshot && self->next[0]) self->new.etag[0] = '\0'; /* other pages may change */
    if (!self->next[0]) {                                          /* one answer has it all */
        self->whole = true;
        rc = emit_after(self, rows, pulls ? self->start_us : SL_NO_TIME, out, error);
        return rc ? rc : github_finish(self, out, error);
    }
    if (!self->whole && oldest_us < self->after_us) {
        rc = emit_after(self, rows, self->after_us, out, error);
        return rc ? rc : github_finish(self, out, error);
    }
    if (self->whole && pulls) return walk_created(self, out, error);
    if (pulls) {
        rc = github_emit(self, rows, 0, out, error);
        return rc ? rc : github_ask_next(self, GITHUB_WALK, out, error);
    }
    self->since_us = self->whole ? self->start_us : self->after_us;
    return walk_since(self, out, error);
}

static enum sl_code updated_walk(struct github *self, const struct sl_json *rows, int64_t newest_us,
                                 struct sl_out *out, struct sl_error *error)
{
    enum sl_code rc = github_emit(self, rows, 0, out, error);

    if (rc) return rc;
    if (!self->next[0]) return github_finish(self, out, error);
    /* Page 2 of what has moved on would lack rows: page 1 of what is left. A page of one single
     * second can only be left by the next page. */
    if (newest_us > self->since_us) {
        self->since_us = newest_us;
        rc = walk_since(self, out, error);
        if (rc == SL_MORE) snprintf(self->next, sizeof self->next, "%s", self->url);
    } else {
        rc = github_ask_next(self, GITHUB_WALK, out, error);
    }
    if (rc != SL_MORE) return rc;
    rc = github_maybe_release(self, out, error);
    return rc ? rc : SL_MORE;
}

static enum sl_code pulls_walk(struct github *self, const struct sl_json *rows, int64_t oldest_us,
                               struct sl_out *out, struct sl_error *error)
{
    int64_t after_us = self->ascending ? self->start_us : self->after_us;
    enum sl_code rc = emit_after(self, rows, after_us, out, error);

    if (rc) return rc;
    if (!self->next[0] || (!self->ascending && oldest_us < self->after_us))
        return github_finish(self, out, error);
    rc = github_maybe_release(self, out, error);
    return rc ? rc : github_ask_next(self, GITHUB_WALK, out, error);
}

static enum sl_code updated_answer(struct github *self, const struct sl_response *response,
                                   struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *rows;
    int64_t oldest_us, newest_us;
    enum sl_code rc;

    if (response->status >= 500) { /* it took too long: fewer rows at once */
        self->page_rows /= 2;
        return self->stage == GITHUB_PROBE ? github_probe(self, out, error)
                                           : walk_since(self, out, error);
    }
    rc = github_rows(response, &rows, error);
    if (rc) return rc;
    if (!github_span(rows, &oldest_us, &newest_us))
        return sl_fail(error, SL_BAD_DATA, "a row of %s has no updated_at", self->table->name);
    /* By creation, an early row may have changed since: then the first page is the newest. */
    bool counts = self->stage == GITHUB_PROBE || !self->ascending;
    if (counts && newest_us > self->new.at_us) self->new.at_us = newest_us;
    if (self->stage == GITHUB_PROBE) return updated_probe(self, rows, oldest_us, out, error);
    return self->table->way == GITHUB_PULLS ? pulls_walk(self, rows, oldest_us, out, error)
                                            : updated_walk(self, rows, newest_us, out, error);
}

/* ---- the step ---- */

static enum sl_code begin(struct github *self, struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *input = self->task.input;
    bool had;

    if (self->table->way < GITHUB_OWNER) {
        self->place = (struct github_place){.kind = GITHUB_REPO};
        if (!sl_json_i64(sl_json_get(input, "id"), &self->place.id) ||
            !github_keep(self->place.owner, GITHUB_NAME_MAX,
                         sl_json_str(sl_json_get(input, "owner"))) ||
            !github_keep(self->place.name, GITHUB_NAME_MAX,
                         sl_json_str(sl_json_get(input, "name"))))
            return sl_fail(error, SL_BUG, "a task without a repository");
        sl_json_i64(sl_json_get(input, "at"), &self->place_in_list);
    }
    self->page_rows = self->per_page;
    self->after_us = self->start_us;
    self->since_us = SL_NO_TIME;
    had = github_take_cursor(self, out);
    if (self->old.next[0] && self->table->way >= GITHUB_LIST) had = false; /* it never was ours */
    if (self->task.initial && had) {
        if (!self->old.next[0]) return SL_DONE; /* an earlier run read it */
        snprintf(self->next, sizeof self->next, "%s", self->old.next);
        self->new = self->old;
        self->whole = self->ascending = true;
        return github_ask_next(self, GITHUB_WALK, out, error);
    }
    if (self->task.full || !had) self->old = (struct github_cursor){.at_us = SL_NO_TIME};
    /* What is closed leaves a list of what is open without a word. */
    self->snapshot = self->table->states && strcmp(self->state, "all") != 0;
    self->whole = self->task.full || !had || self->snapshot;
    if (!self->whole && self->old.at_us != SL_NO_TIME) {
        self->new.at_us = self->old.at_us;
        self->after_us = self->old.at_us - self->lookback_seconds * SL_SECOND_US;
    }
    if (self->table->way == GITHUB_REVIEWS && self->pull_number > 0)
        return github_ask_pull(self, self->pull_number, out, error);
    return github_probe(self, out, error);
}

enum sl_code github_read_repo(struct github *self, const struct sl_response *response,
                              struct sl_out *out, struct sl_error *error)
{
    const char *etag;

    if (!response) return begin(self, out, error);
    if (response->status == 304 && self->stage == GITHUB_PROBE)
        return SL_DONE; /* the old part of the cursor stays */
    if (self->stage != GITHUB_PULL && (response->status == 409 || response->status == 410)) {
        /* No commit yet, or issues switched off: nothing to read. It proves no delete to a run that
         * looks for changes. */
        return self->whole ? github_finish(self, out, error) : SL_DONE;
    }
    if (self->stage == GITHUB_PROBE && response->status == 200) {
        etag = sl_response_header(response, "etag");
        github_keep(self->new.etag, sizeof self->new.etag, etag);
    }
    switch (self->table->way) {
    case GITHUB_UPDATED:
    case GITHUB_PULLS: return updated_answer(self, response, out, error);
    case GITHUB_REVIEWS: return github_reviews_answer(self, response, out, error);
    case GITHUB_COMMITS: return github_commits_answer(self, response, out, error);
    default: return github_list_answer(self, response, out, error);
    }
}
