/*
 * read.c: the root of a read. A table of an owner or of the token is one list; any other is cut into
 * repositories, each with its own part of the cursor, so that one that cannot be read does not keep
 * the others from being landed.
 */
#include "github.h"

#include <stdio.h>
#include <string.h>

/* ---- one sub-task a repository ---- */

static bool excluded(const struct github *self, const struct github_place *repo)
{
    if ((repo->flags & GITHUB_ARCHIVED) && !self->archived) return true;
    if ((repo->flags & GITHUB_FORK) && !self->forks) return true;
    for (struct sl_json_each e = sl_json_each(self->exclude_repositories); sl_json_next(&e);)
        if (sl_json_eq(e.value, repo->name)) return true;
    return false;
}

static enum sl_code add_task(struct github *self, const struct github_place *repo,
                             struct sl_out *out, struct sl_error *error)
{
    char part[32], what[3 * GITHUB_NAME_MAX];
    struct sl_json_writer *w;
    enum sl_code rc;

    if (excluded(self, repo)) return SL_OK;
    if ((repo->flags & GITHUB_NO_PUSH) && strcmp(self->table->name, "collaborators") == 0) {
        self->left_out++; /* it would be a 403 */
        return SL_OK;
    }
    if (self->repos_count == GITHUB_REPOS_MAX) {
        sl_fail(error, SL_TOO_LARGE, "%s has more than %d repositories to read into one table",
                repo->owner, GITHUB_REPOS_MAX);
        sl_error_hint(error, "Leave some out (archived, forks, exclude_repositories), or name "
                             "repositories in source_schema.");
        return SL_TOO_LARGE;
    }
    w = sl_json_writer_new();
    if (!w) return sl_fail(error, SL_NO_MEMORY, "no memory for a repository");
    sl_json_begin_object(w);
    sl_json_kv_i64(w, "id", repo->id);
    sl_json_kv_str(w, "owner", repo->owner);
    sl_json_kv_str(w, "name", repo->name);
    sl_json_kv_i64(w, "at", self->repos_count++);
    sl_json_end_object(w);
    snprintf(part, sizeof part, "%lld", (long long)repo->id);
    snprintf(what, sizeof what, "repository '%s/%s'", repo->owner, repo->name);
    rc = sl_json_writer_text(w, NULL)
             ? sl_out_task_apart(out, part, what, sl_json_writer_text(w, NULL), error)
             : sl_fail(error, SL_NO_MEMORY, "no memory for a repository");
    sl_json_writer_free(w);
    return rc;
}

static enum sl_code all_added(struct github *self, struct sl_out *out, struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    if (self->left_out > 0)
        sl_out_note(out, SL_NOTE_WARNING,
                    "collaborators of %lld repositories were not read: the token may not push to "
                    "them",
                    (long long)self->left_out);
    /* What was left out was not proven to be gone. */
    if (self->task.full && self->left_out == 0)
        rc = sl_out_complete(out, self->table->name, "{}", error);
    return rc ? rc : SL_DONE;
}

/* The repositories that discover found: [[id, name, flags], ...]. */
static enum sl_code split(struct github *self, const struct sl_json *repos, struct sl_out *out,
                          struct sl_error *error)
{
    struct github_place repo;
    enum sl_code rc = SL_OK;

    for (struct sl_json_each e = sl_json_each(repos); !rc && sl_json_next(&e);) {
        struct sl_json_each item = sl_json_each(e.value);
        bool good;

        repo = (struct github_place){.kind = GITHUB_REPO};
        snprintf(repo.owner, sizeof repo.owner, "%s", self->place.owner);
        good = sl_json_next(&item) && sl_json_i64(item.value, &repo.id) && sl_json_next(&item) &&
               github_keep(repo.name, sizeof repo.name, sl_json_str(item.value)) &&
               sl_json_next(&item) && sl_json_i64(item.value, &repo.flags);
        rc = good ? add_task(self, &repo, out, error)
                  : sl_fail(error, SL_BAD_DATA, "the table's state does not name repositories");
    }
    return rc ? rc : all_added(self, out, error);
}

static enum sl_code repos_answer(struct github *self, const struct sl_response *response,
                                 struct sl_out *out, struct sl_error *error)
{
    struct github_place repo;
    const struct sl_json *rows;
    enum sl_code rc = github_rows(response, &rows, error);

    for (struct sl_json_each e = sl_json_each(rows); !rc && sl_json_next(&e);)
        rc = github_take_repo(e.value, &repo)
                 ? add_task(self, &repo, out, error)
                 : sl_fail(error, SL_BAD_DATA, "GitHub listed what is not a repository");
    if (rc) return rc;
    github_watch_page(self, response, rows);
    if (self->next[0]) return github_ask_next(self, GITHUB_ASK_REPOS, out, error);
    rc = github_check_pages(self, out, error);
    return rc == SL_DONE ? all_added(self, out, error) : rc;
}

/* ---- the root ---- */

static enum sl_code at_place(struct github *self, struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *repos = sl_json_get(self->task.state, "repos");
    enum sl_code rc;

    if (self->table->way == GITHUB_OWNER) return github_read_repo(self, NULL, out, error);
    if (repos) return split(self, repos, out, error);
    if (self->place.kind != GITHUB_REPO)
        return github_ask_repos(self, GITHUB_PAGE_ROWS, out, error);
    rc = add_task(self, &self->place, out, error);
    return rc ? rc : all_added(self, out, error);
}

static enum sl_code begin_root(struct github *self, struct sl_out *out, struct sl_error *error)
{
    char name[2 * GITHUB_NAME_MAX];
    enum sl_code rc;

    if (self->table->way == GITHUB_TOKEN) return github_read_repo(self, NULL, out, error);
    if (github_state_place(self)) return at_place(self, out, error);
    rc = github_named(self, name, error);
    if (rc) return rc;
    if (!name[0]) {
        sl_fail(error, SL_BAD_SPEC, "whose %s?", self->table->name);
        sl_error_hint(error, "Name the owner in source_schema (\"acme\"), or a repository "
                             "(\"acme/widgets\").");
        return SL_BAD_SPEC;
    }
    return github_find_place(self, name, out, error);
}

static enum sl_code begin(struct github *self, struct sl_out *out, struct sl_error *error)
{
    int64_t id;
    int32_t days;

    self->table = github_table(self->task.table);
    if (!self->table)
        return sl_fail(error, SL_NOT_FOUND, "GitHub has no table '%s'",
                       self->task.table ? self->task.table : "");
    self->start_us = SL_NO_TIME;
    if (self->start_date && sl_date_parse(self->start_date, strlen(self->start_date), &days)) {
        self->start_us = (int64_t)days * SL_DAY_US;
    } else if (self->start_date && *self->start_date) {
        bool zone;
        if (!sl_time_parse(self->start_date, strlen(self->start_date), &self->start_us, &zone) ||
            !zone)
            return sl_fail(error, SL_BAD_SPEC,
                           "start_date is neither a date (2026-01-31) nor a time with its zone: "
                           "'%.60s'",
                           self->start_date);
    }
    if (sl_json_i64(sl_json_get(self->task.input, "id"), &id))
        return github_read_repo(self, NULL, out, error);
    return begin_root(self, out, error);
}

enum sl_code github_read(void *task, const struct sl_response *response, struct sl_out *out,
                         struct sl_error *error)
{
    struct github *self = task;
    enum sl_code rc;

    if (!response) return begin(self, out, error);
    rc = github_wait_for_hour(self, response, out, error);
    if (!rc) rc = github_take(self, response, out, error);
    if (rc) return rc;
    switch (self->stage) {
    case GITHUB_ASK_USER:
    case GITHUB_ASK_OWNER:
        rc = github_place_answer(self, response, out, error);
        return rc == SL_DONE ? at_place(self, out, error) : rc;
    case GITHUB_ASK_REPOS: return repos_answer(self, response, out, error);
    case GITHUB_VERIFY:
        if (!self->listing_repos) return github_read_repo(self, response, out, error);
        rc = github_page_checked(self, response, out, error);
        return rc == SL_DONE ? all_added(self, out, error) : rc;
    default: return github_read_repo(self, response, out, error);
    }
}
