/*
 * commits.c: the commits of a branch.
 *
 * Dates do not tell what is new: a merge brings commits of last month, and a clock may be wrong. So a
 * run asks what the branch's tip has that the last run's tip did not have (compare), which is exact,
 * late merges and rewritten history included. Everything is read where that cannot be told.
 */
#include "github.h"

#include <stdio.h>
#include <string.h>

static enum sl_code walk_on(struct github *self, struct sl_out *out, struct sl_error *error)
{
    enum sl_code rc;

    if (!self->next[0]) return github_finish(self, out, error);
    rc = github_maybe_release(self, out, error);
    return rc ? rc : github_ask_next(self, GITHUB_WALK, out, error);
}

/* Everything, from the first page on. */
static enum sl_code begin_again(struct github *self, struct sl_out *out, struct sl_error *error)
{
    self->whole = true;
    self->pages = (struct sl_pages){0};
    self->old = (struct github_cursor){.at_us = SL_NO_TIME};
    return github_probe(self, out, error);
}

static enum sl_code ask_compare(struct github *self, struct sl_out *out, struct sl_error *error)
{
    char range[2 * GITHUB_SHA_MAX + 4];
    struct sl_url url;

    snprintf(range, sizeof range, "%s...%s", self->old.head, self->new.head);
    github_repo_url(self, &url);
    sl_url_path(&url, "compare");
    sl_url_path(&url, range);
    sl_url_query_i64(&url, "per_page", self->page_rows);
    self->pages = (struct sl_pages){0};
    self->compared = 0;
    return github_ask(self, GITHUB_COMPARE, sl_url_text(&url), out, error);
}

static enum sl_code probed(struct github *self, const struct sl_json *rows, struct sl_out *out,
                           struct sl_error *error)
{
    struct sl_json_each e = sl_json_each(rows);
    enum sl_code rc;

    if (sl_json_next(&e) && !github_keep(self->new.head, sizeof self->new.head,
                                         sl_json_str(sl_json_get(e.value, "sha"))))
        return sl_fail(error, SL_BAD_DATA, "a commit without a sha");
    if (!self->whole && self->next[0] && self->old.head[0]) {
        if (strcmp(self->old.head, self->new.head) == 0) return github_finish(self, out, error);
        return ask_compare(self, out, error);
    }
    self->whole = true;
    rc = github_emit(self, rows, 0, out, error);
    return rc ? rc : walk_on(self, out, error);
}

static enum sl_code compared(struct github *self, const struct sl_response *response,
                             struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *rows = sl_json_get(response->json, "commits");
    int64_t total = 0;
    enum sl_code rc;

    /* The old tip is gone (history was rewritten, and cleaned up since), or GitHub gave up. */
    if (response->status != 200) return begin_again(self, out, error);
    if (sl_json_kind(rows) != SL_JSON_ARRAY ||
        !sl_json_i64(sl_json_get(response->json, "total_commits"), &total))
        return sl_fail(error, SL_BAD_DATA, "GitHub compared two commits and named none");
    rc = github_emit(self, rows, 0, out, error);
    if (rc) return rc;
    self->compared += (int64_t)sl_json_len(rows);
    if (self->next[0]) return github_ask_next(self, GITHUB_COMPARE, out, error);
    return self->compared < total ? begin_again(self, out, error) : github_finish(self, out, error);
}

enum sl_code github_commits_answer(struct github *self, const struct sl_response *response,
                                   struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *rows;
    enum sl_code rc;

    if (self->stage == GITHUB_COMPARE) return compared(self, response, out, error);
    rc = github_rows(response, &rows, error);
    if (rc) return rc;
    if (self->stage == GITHUB_PROBE) return probed(self, rows, out, error);
    rc = github_emit(self, rows, 0, out, error);
    return rc ? rc : walk_on(self, out, error);
}
