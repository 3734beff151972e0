/*
 * list.c: a list that is read whole: branches, labels, an owner's repositories.
 *
 * Of one page, its ETag says whether anything changed. Of several, each has its own: when all are as
 * they were, nothing changed.
 *
 * Pages have numbers. When a row is deleted while they are read, those behind it move up, and the first
 * of the next page is seen nowhere. So at the end each page but the last is asked for once more, with
 * its ETag, which costs nothing: where another row is its last one now, the list is read again.
 */
#include "github.h"

#include <stdio.h>
#include <string.h>

#include <sluice/hash.h>

static void page_url(const struct github *self, int64_t page, struct sl_url *url)
{
    const char *name = self->table ? self->table->name : "";

    if (self->listing_repos) {
        github_repos_url(self, GITHUB_PAGE_ROWS, url);
        if (page > 1) sl_url_query_i64(url, "page", page);
        return;
    }
    if (self->table->way == GITHUB_LIST) {
        github_list_url(self, url);
    } else if (strcmp(name, "repositories") == 0) {
        github_repos_url(self, self->page_rows, url);
    } else if (strcmp(name, "teams") == 0) {
        sl_url_init(url, self->base_url);
        sl_url_path(url, "orgs");
        sl_url_path(url, self->place.owner);
        sl_url_path(url, "teams");
    } else {
        sl_url_init(url, self->base_url);
        sl_url_path(url, "user");
        if (strcmp(name, "organizations") == 0) sl_url_path(url, "orgs");
    }
    if (strcmp(name, "repositories") != 0) sl_url_query_i64(url, "per_page", self->page_rows);
    if (page > 1) sl_url_query_i64(url, "page", page);
}

static enum sl_code ask_page(struct github *self, enum github_stage stage, int64_t page,
                             const char *etag, struct sl_out *out, struct sl_error *error)
{
    struct sl_url url;

    page_url(self, page, &url);
    return github_ask_if_changed(self, stage, sl_url_text(&url), etag, out, error);
}

enum sl_code github_begin_list(struct github *self, struct sl_out *out, struct sl_error *error)
{
    self->list_count = self->list_at = 0;
    if (self->old.etags_count > 1)
        return ask_page(self, GITHUB_RECHECK, 1, self->old.etags[0], out, error);
    return ask_page(self, GITHUB_PROBE, 1, self->old.etag, out, error);
}

/* A page is as it was in the last run, or not. */
static enum sl_code rechecked(struct github *self, const struct sl_response *response,
                              struct sl_out *out, struct sl_error *error)
{
    if (response->status != 304) { /* from the beginning; nothing was emitted yet */
        self->next[0] = '\0';
        self->list_at = 0;
        return ask_page(self, GITHUB_PROBE, 1, NULL, out, error);
    }
    if (++self->list_at == self->old.etags_count) return SL_DONE; /* the cursor stays, too */
    return ask_page(self, GITHUB_RECHECK, self->list_at + 1, self->old.etags[self->list_at], out,
                    error);
}

static uint64_t mark_of_last(const struct github *self, const struct sl_json *rows)
{
    const struct sl_json *last = NULL;

    for (struct sl_json_each e = sl_json_each(rows); sl_json_next(&e);) last = e.value;
    last = sl_json_get(last, self->listing_repos ? "id" : self->table->row);
    if (sl_json_number_text(last))
        return sl_text_hash(SL_TEXT_HASH_START, sl_json_number_text(last));
    return sl_json_str(last) ? sl_text_hash(SL_TEXT_HASH_START, sl_json_str(last)) : 0;
}

void github_watch_page(struct github *self, const struct sl_response *response,
                       const struct sl_json *rows)
{
    if (self->list_count < GITHUB_LIST_PAGES) {
        struct github_page *page = &self->list[self->list_count];

        page->last_row = mark_of_last(self, rows);
        github_keep(page->etag, sizeof page->etag, sl_response_header(response, "etag"));
    }
    self->list_count++;
}

/* All pages are read, and none has moved. */
static enum sl_code list_done(struct github *self, struct sl_out *out, struct sl_error *error)
{
    struct github_cursor *new = &self->new;

    new->etag[0] = '\0'; /* a first page says nothing of the others */
    new->etags_count = 0;
    /* A row more than a full last page holds would be on a page that nobody asks for. */
    for (int64_t i = 0; !self->last_full && self->list_count <= GITHUB_ETAGS; i++) {
        if (i == self->list_count) {
            new->etags_count = (int)i;
            break;
        }
        if (!self->list[i].etag[0]) break;
        memcpy(new->etags[i], self->list[i].etag, GITHUB_ETAG_MAX);
    }
    return github_finish(self, out, error);
}

enum sl_code github_check_pages(struct github *self, struct sl_out *out, struct sl_error *error)
{
    if (self->list_at >= self->list_count - 1 || self->list_at == GITHUB_LIST_PAGES) return SL_DONE;
    return ask_page(self, GITHUB_VERIFY, self->list_at + 1, self->list[self->list_at].etag, out,
                    error);
}

enum sl_code github_page_checked(struct github *self, const struct sl_response *response,
                                 struct sl_out *out, struct sl_error *error)
{
    if (response->status != 304 &&
        mark_of_last(self, response->json) != self->list[self->list_at].last_row) {
        sl_fail(error, SL_BAD_DATA, "%s were deleted while they were listed",
                self->listing_repos ? "repositories" : self->table->name);
        error->retryable = true;
        return SL_BAD_DATA;
    }
    self->list_at++;
    return github_check_pages(self, out, error);
}

enum sl_code github_list_answer(struct github *self, const struct sl_response *response,
                                struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *rows = response->json;
    bool one = sl_json_kind(rows) == SL_JSON_OBJECT && self->table->way >= GITHUB_OWNER;
    enum sl_code rc;

    if (self->stage == GITHUB_RECHECK) return rechecked(self, response, out, error);
    if (self->stage == GITHUB_VERIFY) {
        rc = github_page_checked(self, response, out, error);
        return rc == SL_DONE ? list_done(self, out, error) : rc;
    }
    rc = one ? SL_OK : github_rows(response, &rows, error);
    if (!rc) rc = github_emit(self, rows, 0, out, error);
    if (rc) return rc;
    self->whole = true;
    github_watch_page(self, response, rows);
    if (self->next[0]) return github_ask_next(self, GITHUB_WALK, out, error);
    if (self->list_count == 1) return github_finish(self, out, error);
    self->last_full = (int64_t)sl_json_len(rows) >= self->page_rows;
    self->list_at = 0;
    rc = github_check_pages(self, out, error);
    return rc == SL_DONE ? list_done(self, out, error) : rc;
}
