/*
 * reviews.c: reviews are listed for one pull request at a time, without times to ask by. A run reads
 * those of the pull requests that changed, and each of them completely; everything: of all of them, in
 * the order in which they were made.
 */
#include "github.h"

#include <stdio.h>
#include <string.h>

enum sl_code github_ask_pull(struct github *self, int64_t number, struct sl_out *out,
                             struct sl_error *error)
{
    char text[32];
    struct sl_url url;

    snprintf(text, sizeof text, "%lld", (long long)number);
    github_repo_url(self, &url);
    sl_url_path(&url, "pulls");
    sl_url_path(&url, text);
    sl_url_path(&url, "reviews");
    sl_url_query_i64(&url, "per_page", self->page_rows);
    return github_ask(self, GITHUB_PULL, sl_url_text(&url), out, error);
}

static enum sl_code walk_created(struct github *self, struct sl_out *out, struct sl_error *error)
{
    struct sl_url url;

    self->ascending = true;
    github_repo_url(self, &url);
    sl_url_path(&url, "pulls");
    sl_url_query(&url, "state", self->state);
    sl_url_query(&url, "sort", "created");
    sl_url_query(&url, "direction", "asc");
    sl_url_query_i64(&url, "per_page", self->page_rows);
    return github_ask(self, GITHUB_WALK, sl_url_text(&url), out, error);
}

/* The page of pull requests is done: the next one, or the end. */
static enum sl_code page_done(struct github *self, struct sl_out *out, struct sl_error *error)
{
    enum sl_code rc;

    if (self->last_pulls) return github_finish(self, out, error);
    snprintf(self->next, sizeof self->next, "%s", self->next_pulls);
    rc = github_maybe_release(self, out, error);
    return rc ? rc : github_ask_next(self, GITHUB_WALK, out, error);
}

static enum sl_code next_pull(struct github *self, struct sl_out *out, struct sl_error *error)
{
    if (self->pull == self->pulls_count) return page_done(self, out, error);
    return github_ask_pull(self, self->pulls[self->pull++], out, error);
}

/* Those of a page that changed at or after a time. */
static enum sl_code take_pulls(struct github *self, const struct sl_json *rows, int64_t after_us,
                               struct sl_error *error)
{
    self->pulls_count = self->pull = 0;
    for (struct sl_json_each e = sl_json_each(rows); sl_json_next(&e);) {
        int64_t us, number;

        if (!github_time(sl_json_get(e.value, "updated_at"), &us) ||
            !sl_json_i64(sl_json_get(e.value, "number"), &number) || number <= 0 ||
            self->pulls_count == GITHUB_PAGE_ROWS)
            return sl_fail(error, SL_BAD_DATA, "a pull request without number or time");
        if (us >= after_us) self->pulls[self->pulls_count++] = number;
    }
    return SL_OK;
}

static enum sl_code pulls_answer(struct github *self, const struct sl_response *response,
                                 struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *rows;
    int64_t oldest_us, newest_us;
    bool probe = self->stage == GITHUB_PROBE;
    enum sl_code rc = github_rows(response, &rows, error);

    if (rc) return rc;
    if (!github_span(rows, &oldest_us, &newest_us))
        return sl_fail(error, SL_BAD_DATA, "a pull request has no updated_at");
    if (probe && newest_us > self->new.at_us) self->new.at_us = newest_us;
    if (probe && self->whole && self->next[0]) return walk_created(self, out, error);
    rc = take_pulls(self, rows, self->whole ? self->start_us : self->after_us, error);
    if (rc) return rc;
    self->last_pulls = !self->next[0] || (!self->whole && oldest_us < self->after_us);
    snprintf(self->next_pulls, sizeof self->next_pulls, "%s", self->next);
    return next_pull(self, out, error);
}

/* Every review of this one was emitted. A full read is complete by its root. */
static enum sl_code pull_done(struct github *self, int64_t number, struct sl_out *out,
                              struct sl_error *error)
{
    char scope[96];
    enum sl_code rc = SL_OK;

    snprintf(scope, sizeof scope, "{\"repository_id\":%lld,\"pull_number\":%lld}",
             (long long)self->place.id, (long long)number);
    if (!self->task.full) rc = sl_out_complete(out, self->table->name, scope, error);
    if (rc) return rc;
    return self->pull_number > 0 ? github_finish(self, out, error) : next_pull(self, out, error);
}

/* It was listed a moment ago. Its reviews must not seem deleted because of a 404, so a full read lists
 * the pull requests once more; a run that looks for changes passes over it. */
static enum sl_code pull_gone(struct github *self, int64_t number, struct sl_out *out,
                              struct sl_error *error)
{
    if (self->pull_number == 0 && !self->task.full) return next_pull(self, out, error);
    sl_fail(error, SL_NOT_FOUND, "pull request %lld of %s/%s is not there", (long long)number,
            self->place.owner, self->place.name);
    error->retryable = self->pull_number == 0;
    return SL_NOT_FOUND;
}

enum sl_code github_reviews_answer(struct github *self, const struct sl_response *response,
                                   struct sl_out *out, struct sl_error *error)
{
    int64_t number = self->pull_number > 0 ? self->pull_number : 0;
    const struct sl_json *rows;
    enum sl_code rc;

    if (self->stage != GITHUB_PULL) return pulls_answer(self, response, out, error);
    if (number == 0) number = self->pulls[self->pull - 1];
    if (response->status == 404) return pull_gone(self, number, out, error);
    rc = github_rows(response, &rows, error);
    if (!rc) rc = github_emit(self, rows, number, out, error);
    if (rc) return rc;
    if (self->next[0]) return github_ask_next(self, GITHUB_PULL, out, error);
    return pull_done(self, number, out, error);
}
