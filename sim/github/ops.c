/* ops.c: operations, and the truth. */
#include "sim/github/github.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/time.h"
#include "sim/text.h"

static const char *text_of(const struct sl_json *op, const char *name)
{
    return sl_json_str(sl_json_get(op, name));
}

static int64_t number_of(const struct sl_json *op, const char *name, int64_t preset)
{
    int64_t number;

    return sl_json_i64(sl_json_get(op, name), &number) ? number : preset;
}

static int64_t second(int64_t us)
{
    return us - us % SL_SECOND_US;
}

/* "owner/name" or "name"; not given: the first one that is there. */
static struct gh_repo *repo_of(struct github *app, const struct sl_json *op)
{
    const char *name = text_of(op, "repo");
    const char *slash = name ? strchr(name, '/') : NULL;

    for (size_t i = 0; i < app->repo_count; i++) {
        struct gh_repo *repo = &app->repos[i];

        if (!repo->gone && (!name || strcmp(repo->name, slash ? slash + 1 : name) == 0))
            return repo;
    }
    return NULL;
}

static enum gh_kind kind_of(const struct sl_json *op)
{
    const char *name = text_of(op, "table");

    for (int k = 0; name && k < GH_TABLES; k++)
        if (strcmp(gh_table_names[k], name) == 0) return (enum gh_kind)k;
    return name ? GH_TABLES : GH_ISSUES;
}

/* The row of this id, or the index-th that is there, or the last one. */
static struct gh_row *row_of(struct gh_repo *repo, enum gh_kind kind, const struct sl_json *op)
{
    struct gh_rows *rows = &repo->rows[kind];
    int64_t id = number_of(op, "id", 0), index = number_of(op, "index", -1), seen = 0;
    struct gh_row *found = NULL;

    for (size_t i = 0; i < rows->count; i++) {
        struct gh_row *row = &rows->list[i];

        if (row->gone || (id && row->id != id)) continue;
        found = row;
        if (index >= 0 && seen++ == index) return row;
    }
    return index >= 0 ? NULL : found;
}

static struct gh_row *numbered(struct gh_repo *repo, enum gh_kind kind, int64_t number)
{
    for (size_t i = 0; i < repo->rows[kind].count; i++)
        if (repo->rows[kind].list[i].number == number && !repo->rows[kind].list[i].gone)
            return &repo->rows[kind].list[i];
    return NULL;
}

/* ---- rows ---- */

static enum sl_code set_text(struct gh_row *row, const struct sl_json *op, struct sl_error *error)
{
    const char *raw = text_of(op, "raw_text"); /* as JSON */

    if (!raw) return SL_OK;
    sl_free(row->text);
    row->text = sl_strdup(raw);
    return row->text ? SL_OK : sl_fail(error, SL_NO_MEMORY, "could not keep a text");
}

/* A pull is edited together with its issue; what is done to a comment moves its issue. */
static void touch(struct gh_repo *repo, enum gh_kind kind, struct gh_row *row, int64_t now_us)
{
    row->version++;
    if (kind != GH_COMMITS) row->updated_us = second(now_us);
    if (kind == GH_PULLS) {
        struct gh_row *issue = numbered(repo, GH_ISSUES, row->number);

        if (issue) issue->version++, issue->updated_us = second(now_us);
    }
}

static void touch_parent(struct gh_repo *repo, enum gh_kind kind, int64_t number, int64_t now_us)
{
    bool review = kind == GH_REVIEWS || kind == GH_REVIEW_COMMENTS;
    struct gh_row *parent = numbered(repo, review ? GH_PULLS : GH_ISSUES, number);

    if (parent) parent->updated_us = second(now_us);
}

static enum sl_code create_row(struct github *app, struct gh_repo *repo, enum gh_kind kind,
                               const struct sl_json *op, int64_t now_us, struct sl_error *error)
{
    bool issue = kind == GH_ISSUES || kind == GH_PULLS;
    int64_t at_us = now_us - number_of(op, "ago_s", 0) * SL_SECOND_US;
    struct gh_row *row = issue ? gh_add_issue(app, repo, kind == GH_PULLS, at_us)
                               : gh_add_row(app, repo, kind, at_us);

    if (!row) return sl_fail(error, SL_NO_MEMORY, "could not keep a row");
    if (kind == GH_REVIEWS || kind == GH_REVIEW_COMMENTS || kind == GH_COMMENTS) {
        const struct gh_rows *parents = &repo->rows[kind == GH_COMMENTS ? GH_ISSUES : GH_PULLS];

        row->parent =
            number_of(op, "parent", parents->count ? parents->list[parents->count - 1].number : 1);
        if (!sl_json_true(sl_json_get(op, "quietly")))
            touch_parent(repo, kind, row->parent, now_us);
    }
    if (kind == GH_COMMITS || kind == GH_BRANCHES || kind == GH_TAGS)
        repo->pushed_us = second(now_us);
    return set_text(row, op, error);
}

static enum sl_code change_row(struct gh_repo *repo, enum gh_kind kind, const struct sl_json *op,
                               int64_t now_us, struct sl_error *error)
{
    struct gh_row *row = row_of(repo, kind, op);
    bool quietly = sl_json_true(sl_json_get(op, "quietly"));

    if (!row)
        return sl_fail(error, SL_NOT_FOUND, "there is no such row of %s", gh_table_names[kind]);
    if (sl_json_eq(sl_json_get(op, "op"), "delete")) {
        row->gone = true;
        return SL_OK;
    }
    if (sl_json_get(op, "closed")) row->closed = sl_json_true(sl_json_get(op, "closed"));
    if (quietly)
        row->version++;
    else
        touch(repo, kind, row, now_us);
    return set_text(row, op, error);
}

static enum sl_code rows_op(struct github *app, const char *name, const struct sl_json *op,
                            int64_t now_us, struct sl_error *error)
{
    struct gh_repo *repo = repo_of(app, op);
    enum gh_kind kind = kind_of(op);
    int64_t count = number_of(op, "count", 1);
    enum sl_code rc = SL_OK;

    if (!repo) return sl_fail(error, SL_NOT_FOUND, "there is no such repository");
    if (kind >= GH_KINDS) return sl_fail(error, SL_NOT_FOUND, "there is no such table");
    for (int64_t i = 0; i < count && !rc; i++)
        rc = strcmp(name, "create") == 0 ? create_row(app, repo, kind, op, now_us, error)
                                         : change_row(repo, kind, op, now_us, error);
    return rc;
}

/* Every row of a table gets the same second: a migration, a renamed label. */
static void touch_all(struct gh_repo *repo, enum gh_kind kind, int64_t now_us)
{
    for (size_t i = 0; i < repo->rows[kind].count; i++) {
        repo->rows[kind].list[i].version++;
        repo->rows[kind].list[i].updated_us = second(now_us);
    }
}

/* The last `count` commits are replaced by as many others. */
static enum sl_code force_push(struct github *app, struct gh_repo *repo, int64_t count,
                               int64_t now_us, struct sl_error *error)
{
    struct gh_rows *rows = &repo->rows[GH_COMMITS];
    int64_t left = count;

    for (size_t i = rows->count; i-- > 0 && left > 0;)
        if (!rows->list[i].gone) rows->list[i].gone = true, left--;
    for (int64_t i = 0; i < count; i++)
        if (!gh_add_row(app, repo, GH_COMMITS, now_us))
            return sl_fail(error, SL_NO_MEMORY, "could not keep a commit");
    repo->pushed_us = second(now_us);
    return SL_OK;
}

/* ---- a day of changes ---- */

static enum sl_code day_of_repo(struct github *app, struct gh_repo *repo, int64_t now_us,
                                struct sl_error *error)
{
    static const enum gh_kind edited[] = {GH_ISSUES,   GH_PULLS,        GH_COMMENTS,
                                          GH_LABELS,   GH_MILESTONES,   GH_RELEASES,
                                          GH_BRANCHES, GH_COLLABORATORS};
    int day = app->days;

    for (int k = 0; k < GH_KINDS; k++) {
        struct gh_rows *rows = &repo->rows[k];
        bool issue = k == GH_ISSUES || k == GH_PULLS;
        struct gh_row *row = issue ? gh_add_issue(app, repo, k == GH_PULLS, now_us)
                                   : gh_add_row(app, repo, (enum gh_kind)k,
                                                k == GH_COMMITS && day % 2
                                                    ? now_us - 40 * SL_DAY_US /* merged late */
                                                    : now_us);

        if (!row) return sl_fail(error, SL_NO_MEMORY, "could not keep a row");
        row->parent =
            k == GH_COMMENTS || !repo->rows[GH_PULLS].count
                ? 1
                : repo->rows[GH_PULLS].list[rows->count % repo->rows[GH_PULLS].count].number;
        if (k == GH_REVIEWS) touch_parent(repo, GH_REVIEWS, row->parent, now_us);
        if (k > GH_REVIEWS && k != GH_COMMITS && rows->count > 3 && day % 3 == 0)
            rows->list[(size_t)day % (rows->count - 1)].gone = true;
    }
    for (size_t i = 0; i < sizeof edited / sizeof *edited; i++) {
        struct gh_rows *rows = &repo->rows[edited[i]];

        /* The first label and milestone are shown in issues, which do not say so by their time. */
        for (size_t n = 0; n < 3 && rows->count > 1; n++)
            touch(repo, edited[i], &rows->list[1 + (n * 7 + (size_t)day) % (rows->count - 1)],
                  now_us);
    }
    return SL_OK;
}

static enum sl_code day(struct github *app, int64_t now_us, struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    app->days++;
    for (size_t i = 0; i < app->repo_count && !rc; i++)
        if (!app->repos[i].gone && i % 2 == 0) rc = day_of_repo(app, &app->repos[i], now_us, error);
    if (!rc && app->days == 3 && !gh_add_repo(app, 1, "made-on-day-three"))
        rc = sl_fail(error, SL_NO_MEMORY, "could not make a repository");
    return rc;
}

/* ---- repositories and the token ---- */

static enum sl_code repo_op(struct github *app, const char *name, const struct sl_json *op,
                            int64_t now_us, struct sl_error *error)
{
    struct gh_repo *repo = repo_of(app, op);
    const char *to = text_of(op, "to");
    bool off = sl_json_true(sl_json_get(op, "off"));

    if (!repo) return sl_fail(error, SL_NOT_FOUND, "there is no such repository");
    if (strcmp(name, "delete_repo") == 0) repo->gone = true;
    if (strcmp(name, "archive") == 0) repo->archived = !off;
    if (strcmp(name, "no_push") == 0) repo->no_push = !off;
    if (strcmp(name, "no_issues") == 0) repo->no_issues = !off;
    if (strcmp(name, "force_push") == 0)
        return force_push(app, repo, number_of(op, "count", 1), now_us, error);
    if (strcmp(name, "touch_all") == 0 && kind_of(op) < GH_KINDS)
        touch_all(repo, kind_of(op), now_us);
    if (strcmp(name, "rename_repo") == 0 || strcmp(name, "transfer") == 0) {
        snprintf(repo->old_owner, sizeof repo->old_owner, "%s", app->owners[repo->owner].login);
        snprintf(repo->old_name, sizeof repo->old_name, "%s", repo->name);
        if (to && name[0] == 'r') snprintf(repo->name, sizeof repo->name, "%s", to);
        if (name[0] == 't') repo->owner = repo->owner ? 0 : 1;
        repo->updated_us = second(now_us);
    }
    return SL_OK;
}

static void token_op(struct github *app, const struct sl_json *op)
{
    const char *token = text_of(op, "token");

    if (token) snprintf(app->token, sizeof app->token, "%s", token);
    if (sl_json_get(op, "revoke")) app->revoked = sl_json_true(sl_json_get(op, "revoke"));
    if (sl_json_get(op, "no_user")) app->no_user = sl_json_true(sl_json_get(op, "no_user"));
    if (sl_json_get(op, "no_org_scope"))
        app->no_org_scope = sl_json_true(sl_json_get(op, "no_org_scope"));
}

static void behaviour(struct github *app, const struct sl_json *op)
{
    app->late_s = number_of(op, "late_seconds", app->late_s);
    app->page_rows_max = number_of(op, "page_rows_max", app->page_rows_max);
    app->limit = number_of(op, "requests_per_hour", app->limit);
}

static enum sl_code forbid(struct github *app, const struct sl_json *op, struct sl_error *error)
{
    const char *repo = text_of(op, "repo");
    bool off = sl_json_true(sl_json_get(op, "off"));

    if (repo) {
        snprintf(app->forbidden_repo, sizeof app->forbidden_repo, "%s", off ? "" : repo);
        return SL_OK;
    }
    if (kind_of(op) == GH_TABLES) return sl_fail(error, SL_NOT_FOUND, "there is no such table");
    app->forbidden[kind_of(op)] = !off;
    return SL_OK;
}

static const char *const row_ops[] = {"create", "edit", "delete", NULL};
static const char *const repo_ops[] = {"delete_repo", "archive",    "no_push",
                                       "no_issues",   "force_push", "rename_repo",
                                       "transfer",    "touch_all",  NULL};
static const char *const other_ops[] = {"create_repo", "token", "behaviour", "forbid", "day", NULL};

static bool among(const char *const *names, const char *name)
{
    for (; *names; names++)
        if (strcmp(*names, name) == 0) return true;
    return false;
}

bool gh_has_op(const char *name)
{
    return among(row_ops, name) || among(repo_ops, name) || among(other_ops, name);
}

enum sl_code gh_operate(void *state, const struct sl_json *op, int64_t now_us,
                        struct sl_error *error)
{
    struct github *app = state;
    const char *name = text_of(op, "op"), *repo = text_of(op, "repo");

    if (among(row_ops, name)) return rows_op(app, name, op, now_us, error);
    if (among(repo_ops, name)) return repo_op(app, name, op, now_us, error);
    if (strcmp(name, "day") == 0) return day(app, now_us, error);
    if (strcmp(name, "forbid") == 0) return forbid(app, op, error);
    if (strcmp(name, "token") == 0) token_op(app, op);
    if (strcmp(name, "behaviour") == 0) behaviour(app, op);
    if (strcmp(name, "create_repo") == 0 && !gh_add_repo(app, 1, repo ? repo : "new"))
        return sl_fail(error, SL_NO_MEMORY, "could not make a repository");
    return SL_OK;
}

/* ---- the truth ---- */

/* Opens the row that was just written, to add what the connector knows of it. */
static void add_constants(const struct github *app, const struct gh_repo *repo,
                          const struct gh_row *row, enum gh_kind kind, struct sl_buf *out)
{
    out->len--; /* its closing brace */
    sl_buf_addf(out,
                ",\"repository_owner\":\"%s\",\"repository_name\":\"%s\",\"repository_id\":%lld",
                app->owners[repo->owner].login, repo->name, (long long)repo->id);
    if (kind == GH_REVIEWS) sl_buf_addf(out, ",\"pull_number\":%lld", (long long)row->parent);
    sl_buf_addc(out, '}');
}

static bool in_namespace(const struct github *app, const struct gh_repo *repo, const char *name)
{
    const char *owner = app->owners[repo->owner].login, *slash = strchr(name, '/');

    if (!*name) return true;
    if (!slash) return strcasecmp(owner, name) == 0;
    return strlen(owner) == (size_t)(slash - name) &&
           strncasecmp(owner, name, (size_t)(slash - name)) == 0 &&
           strcasecmp(repo->name, slash + 1) == 0;
}

static bool orphaned(const struct gh_repo *repo, enum gh_kind kind, const struct gh_row *row)
{
    if (kind != GH_REVIEWS) return false;
    for (size_t i = 0; i < repo->rows[GH_PULLS].count; i++)
        if (repo->rows[GH_PULLS].list[i].number == row->parent)
            return repo->rows[GH_PULLS].list[i].gone;
    return true;
}

static void truth_of_repo(const struct github *app, const struct gh_repo *repo, enum gh_kind kind,
                          const char **comma, struct sl_buf *out)
{
    bool hidden = repo->no_issues && (kind == GH_ISSUES || kind == GH_COMMENTS);

    for (size_t r = 0; r < repo->rows[kind].count && !hidden; r++) {
        const struct gh_row *row = &repo->rows[kind].list[r];

        if (row->gone || orphaned(repo, kind, row)) continue;
        sl_buf_adds(out, *comma);
        gh_put_row(app, repo, kind, row, out);
        add_constants(app, repo, row, kind, out);
        *comma = ",";
    }
}

static void truth_of_owners(const struct github *app, enum gh_kind kind, const char *namespace_,
                            const char **comma, struct sl_buf *out)
{
    for (int i = 0; i < app->owner_count; i++) {
        const struct gh_owner *owner = &app->owners[i];
        bool named = !*namespace_ || strcasecmp(owner->login, namespace_) == 0;

        if (kind == GH_TEAMS && named)
            for (int t = 0; t < owner->teams; t++) {
                sl_buf_adds(out, *comma);
                gh_put_team(app, owner, t, out);
                out->len--;
                sl_buf_addf(out, ",\"organization_login\":\"%s\"}", owner->login);
                *comma = ",";
            }
        if ((kind == GH_USERS && i == 0) || (kind == GH_ORGANIZATIONS && owner->organization)) {
            sl_buf_adds(out, *comma);
            if (kind == GH_USERS)
                gh_put_owner(owner, true, out);
            else
                gh_put_organization(app, owner, out);
            *comma = ",";
        }
    }
}

enum sl_code gh_truth(void *state, const struct sim_request *request, struct sl_buf *out,
                      struct sl_error *error)
{
    const struct github *app = state;
    char table[64] = "", namespace_[2 * GH_NAME_MAX] = "";
    const char *comma = "";
    int kind = 0;

    sim_query_get(request->query, "namespace", namespace_, sizeof namespace_);
    if (!sim_query_get(request->query, "table", table, sizeof table)) {
        sl_buf_addf(out,
                    "{\"limit\":{\"used_max\":%lld,\"conditional\":%lld,\"unchanged\":%lld},"
                    "\"tables\":[",
                    (long long)app->used_max, (long long)app->conditional,
                    (long long)app->unchanged);
        for (; kind < GH_TABLES; kind++)
            sl_buf_addf(out, "%s\"%s\"", kind ? "," : "", gh_table_names[kind]);
        sl_buf_adds(out, "]}");
        return SL_OK;
    }
    while (kind < GH_TABLES && strcmp(gh_table_names[kind], table) != 0) kind++;
    if (kind == GH_TABLES) return sl_fail(error, SL_NOT_FOUND, "there is no table '%s'", table);
    sl_buf_addf(out, "{\"table\":\"%s\",\"records\":[", table);
    for (size_t i = 0; i < app->repo_count; i++) {
        const struct gh_repo *repo = &app->repos[i];

        if (repo->gone || !in_namespace(app, repo, namespace_)) continue;
        if (kind < GH_KINDS) {
            truth_of_repo(app, repo, (enum gh_kind)kind, &comma, out);
        } else if (kind == GH_REPOSITORIES) {
            sl_buf_adds(out, comma);
            gh_put_repo(app, repo, out);
            comma = ",";
        }
    }
    if (kind > GH_REPOSITORIES) truth_of_owners(app, (enum gh_kind)kind, namespace_, &comma, out);
    sl_buf_adds(out, "]}");
    return SL_OK;
}
