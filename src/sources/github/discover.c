/* discover.c: namespaces and tables. See connector.h for what is asked of it. */
#include "github.h"

#include <stdio.h>
#include <string.h>

/* So many repositories of an owner are handed to the reads, so that they are listed once in a run;
 * of a larger owner each table lists them itself. */
#define REPOS_IN_STATE_MAX 2000

#define COSTLY_RECONCILE_US (7 * SL_DAY_US)

static const char *const whole_row[] = {"", NULL};

static enum sl_code put_table(const struct github *self, const struct github_table *table,
                              const char *namespace_, const char *namespace_id, const char *state,
                              struct sl_out *out, struct sl_error *error)
{
    bool repositories = table->way < GITHUB_OWNER;
    int64_t calls = repositories && self->repos_count > 1 ? self->repos_count : 1;
    struct sl_table_def def = {
        .name = table->name,
        .namespace_ = namespace_,
        .namespace_id = namespace_id,
        .comment = table->comment,
        .columns = table->columns,
        .column_count = table->column_count,
        .primary_key = table->key,
        .cursor = table->cursor,
        .ingestion = table->ingestion,
        .reconcile_us = table->costly ? COSTLY_RECONCILE_US : 0,
        .strict_objects = self->unknown_fields ? whole_row : NULL,
        .rows_per_call = table->way == GITHUB_REVIEWS ? 2 : (int)self->per_page,
        .calls_unchanged = calls < 1000000 ? (int)calls : 1000000,
        .state = state,
    };

    return sl_out_table(out, &def, error);
}

/* The state of this place's tables: the caller frees the writer. */
static struct sl_json_writer *state_of(const struct github *self)
{
    struct sl_json_writer *w = sl_json_writer_new();
    const char *repos = self->repos ? sl_json_writer_text(self->repos, NULL) : NULL;

    if (!w || (self->repos && !repos)) {
        sl_json_writer_free(w);
        return NULL;
    }
    sl_json_begin_object(w);
    github_put_place(self, w);
    sl_json_kv_i64(w, "limit", self->limit);
    if (repos && self->repos_count <= REPOS_IN_STATE_MAX) {
        sl_json_key(w, "repos");
        sl_json_put_raw(w, repos, strlen(repos));
    }
    sl_json_end_object(w);
    return w;
}

/* The tables of one level: of the token (no place), or of self->place. */
static enum sl_code put_tables(const struct github *self, bool token, struct sl_out *out,
                               struct sl_error *error)
{
    const struct github_place *place = &self->place;
    bool repo = place->kind == GITHUB_REPO;
    char name[2 * GITHUB_NAME_MAX], id[40];
    struct sl_json_writer *state = state_of(self);
    enum sl_code rc = SL_OK;

    snprintf(name, sizeof name, "%s%s%s", place->owner, repo ? "/" : "", repo ? place->name : "");
    snprintf(id, sizeof id, "%s%lld",
             token  ? "user:"
             : repo ? "repo:"
                    : "",
             (long long)(token ? self->self_id : place->id));
    if (!state || !sl_json_writer_text(state, NULL))
        rc = sl_fail(error, SL_NO_MEMORY, "no memory for the list of repositories");
    if (!rc && !token)
        rc = sl_out_namespace(out, name, id, repo ? "One repository" : "All repositories of it",
                              error);
    for (size_t i = 0; i < github_table_count && !rc; i++) {
        const struct github_table *table = &github_tables[i];
        bool teams = strcmp(table->name, "teams") == 0;

        if (token != (table->way == GITHUB_TOKEN)) continue;
        if (teams && place->kind != GITHUB_ORG) continue;
        rc = put_table(self, table, token ? NULL : name, id, sl_json_writer_text(state, NULL), out,
                       error);
    }
    sl_json_writer_free(state);
    return rc;
}

/* ---- one place that was named ---- */

static void add_repo(struct github *self, const struct github_place *repo)
{
    sl_json_begin_array(self->repos);
    sl_json_put_i64(self->repos, repo->id);
    sl_json_put_str(self->repos, repo->name);
    sl_json_put_i64(self->repos, repo->flags);
    sl_json_end_array(self->repos);
    self->repos_count++;
}

/* A repository that is missing here would seem deleted to a full read. */
static enum sl_code all_listed(struct github *self, struct sl_out *out, struct sl_error *error)
{
    enum sl_code rc;

    sl_json_end_array(self->repos);
    rc = put_tables(self, false, out, error);
    return rc ? rc : SL_DONE;
}

static enum sl_code found_place(struct github *self, struct sl_out *out, struct sl_error *error)
{
    self->repos = sl_json_writer_new();
    if (!self->repos) return sl_fail(error, SL_NO_MEMORY, "no memory for a list of repositories");
    sl_json_begin_array(self->repos);
    if (self->place.kind != GITHUB_REPO)
        return github_ask_repos(self, GITHUB_PAGE_ROWS, out, error);
    add_repo(self, &self->place);
    return all_listed(self, out, error);
}

static enum sl_code repos_answer(struct github *self, const struct sl_response *response,
                                 struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *rows;
    struct github_place repo;
    enum sl_code rc = github_rows(response, &rows, error);

    if (rc) return rc;
    for (struct sl_json_each e = sl_json_each(rows); sl_json_next(&e);) {
        if (!github_take_repo(e.value, &repo))
            return sl_fail(error, SL_BAD_DATA, "GitHub listed what is not a repository");
        if (self->repos_count <= REPOS_IN_STATE_MAX) add_repo(self, &repo);
    }
    github_watch_page(self, response, rows);
    if (self->next[0]) return github_ask_next(self, GITHUB_ASK_REPOS, out, error);
    rc = github_check_pages(self, out, error);
    return rc == SL_DONE ? all_listed(self, out, error) : rc;
}

/* ---- every place ---- */

/* The next of the connection's owners, or the end. */
static enum sl_code next_owner(struct github *self, struct sl_out *out, struct sl_error *error)
{
    struct sl_json_each e = sl_json_each(self->owners);

    for (size_t i = 0; sl_json_next(&e); i++) {
        if (i < self->owner_index) continue;
        self->owner_index++;
        return github_find_place(self, sl_json_str(e.value) ? sl_json_str(e.value) : "", out,
                                 error);
    }
    return SL_DONE;
}

static enum sl_code user_answer(struct github *self, const struct sl_response *response,
                                struct sl_out *out, struct sl_error *error)
{
    enum sl_code rc = github_take_user(self, response, error);

    if (!rc && self->self_id) rc = put_tables(self, true, out, error);
    if (rc) return rc;
    if (sl_json_len(self->owners) > 0) return next_owner(self, out, error);
    if (self->self_id) {
        self->place = (struct github_place){.kind = GITHUB_SELF, .id = self->self_id};
        snprintf(self->place.owner, sizeof self->place.owner, "%s", self->self_login);
        rc = put_tables(self, false, out, error);
        if (rc) return rc;
    }
    return github_ask_orgs(self, out, error);
}

static enum sl_code orgs_answer(struct github *self, const struct sl_response *response,
                                struct sl_out *out, struct sl_error *error)
{
    if (response->status != 200) {
        sl_out_note(out, SL_NOTE_WARNING,
                    "the token may not list organisations (scope read:org): name them in the "
                    "connection's option owners");
        return SL_DONE;
    }
    for (struct sl_json_each e = sl_json_each(response->json); sl_json_next(&e);) {
        struct github_place *place = &self->place;

        *place = (struct github_place){.kind = GITHUB_ORG};
        if (!sl_json_i64(sl_json_get(e.value, "id"), &place->id) ||
            !github_keep(place->owner, GITHUB_NAME_MAX, sl_json_str(sl_json_get(e.value, "login"))))
            return sl_fail(error, SL_BAD_DATA, "GitHub listed an organisation without a name");
        enum sl_code rc = put_tables(self, false, out, error);
        if (rc) return rc;
    }
    return self->next[0] ? github_ask_next(self, GITHUB_ASK_ORGS, out, error) : SL_DONE;
}

static enum sl_code place_answer(struct github *self, const struct sl_response *response,
                                 bool named, struct sl_out *out, struct sl_error *error)
{
    enum sl_code rc = github_place_answer(self, response, out, error);

    if (rc != SL_DONE) return rc;
    if (named) return found_place(self, out, error);
    rc = put_tables(self, false, out, error);
    return rc ? rc : next_owner(self, out, error);
}

enum sl_code github_discover(void *task, const struct sl_response *response, struct sl_out *out,
                             struct sl_error *error)
{
    struct github *self = task;
    char name[2 * GITHUB_NAME_MAX];
    enum sl_code rc = github_named(self, name, error);

    if (rc) return rc;
    if (!response)
        return name[0] ? github_find_place(self, name, out, error)
                       : github_ask_user(self, out, error);
    rc = github_wait_for_hour(self, response, out, error);
    if (!rc) rc = github_take(self, response, out, error);
    if (rc) return rc;
    switch (self->stage) {
    case GITHUB_ASK_REPOS: return repos_answer(self, response, out, error);
    case GITHUB_VERIFY:
        rc = github_page_checked(self, response, out, error);
        return rc == SL_DONE ? all_listed(self, out, error) : rc;
    case GITHUB_ASK_ORGS: return orgs_answer(self, response, out, error);
    case GITHUB_ASK_USER:
        if (!name[0]) return user_answer(self, response, out, error);
        return place_answer(self, response, true, out, error);
    default: return place_answer(self, response, name[0] != '\0', out, error);
    }
}
