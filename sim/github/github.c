/* github.c: routes. See docs/simulators.md. */
#include "sim/github/github.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/time.h"
#include "sim/text.h"

#define PARTS_MAX 10
#define PART_MAX 128
#define POINTS_PER_MINUTE 900 /* the secondary limit; a GET is one point */

struct path {
    char parts[PARTS_MAX][PART_MAX];
    int count;
    const char *tail; /* of the raw path: behind the repository */
};

static bool split_path(const char *text, struct path *out)
{
    *out = (struct path){0};
    while (*text) {
        while (*text == '/') text++;
        size_t len = strcspn(text, "/");

        if (!len) break;
        if (out->count == PARTS_MAX || len >= PART_MAX) return false;
        memcpy(out->parts[out->count], text, len);
        out->parts[out->count++][len] = '\0';
        text += len;
    }
    if (out->count > 2 && !strcmp(out->parts[0], "api") && !strcmp(out->parts[1], "v3")) {
        out->count -= 2; /* an Enterprise Server */
        memmove(out->parts[0], out->parts[2], (size_t)out->count * PART_MAX);
    }
    return true;
}

static bool at(const struct path *path, int index, const char *text)
{
    return index < path->count && strcmp(path->parts[index], text) == 0;
}

/* ---- what a path means ---- */

static struct gh_repo *repo_at(struct github *app, const struct path *path, int *rest, bool *moved)
{
    *moved = false;
    if (at(path, 0, "repositories") && path->count > 1) {
        *rest = 2;
        for (size_t i = 0; i < app->repo_count; i++)
            if (app->repos[i].id == strtoll(path->parts[1], NULL, 10) && !app->repos[i].gone)
                return &app->repos[i];
        return NULL;
    }
    if (!at(path, 0, "repos") || path->count < 3) return NULL;
    *rest = 3;
    for (size_t i = app->repo_count; i-- > 0;) {
        struct gh_repo *repo = &app->repos[i];
        const char *owner = app->owners[repo->owner].login;

        if (repo->gone) continue;
        if (!strcasecmp(owner, path->parts[1]) && !strcasecmp(repo->name, path->parts[2]))
            return repo;
    }
    for (size_t i = app->repo_count; i-- > 0;) {
        struct gh_repo *repo = &app->repos[i];

        *moved = !repo->gone && repo->old_name[0] && !strcmp(repo->old_owner, path->parts[1]) &&
                 !strcmp(repo->old_name, path->parts[2]);
        if (*moved) return repo;
    }
    return NULL;
}

/* Which rows of a repository a path lists; GH_TABLES: none. */
static enum gh_kind kind_at(const struct path *path, int rest, int64_t *parent)
{
    static const struct {
        const char *first, *second;
        enum gh_kind kind;
    } lists[] = {{"issues", NULL, GH_ISSUES},
                 {"pulls", NULL, GH_PULLS},
                 {"issues", "comments", GH_COMMENTS},
                 {"pulls", "comments", GH_REVIEW_COMMENTS},
                 {"commits", NULL, GH_COMMITS},
                 {"branches", NULL, GH_BRANCHES},
                 {"tags", NULL, GH_TAGS},
                 {"assignees", NULL, GH_ASSIGNEES},
                 {"collaborators", NULL, GH_COLLABORATORS},
                 {"labels", NULL, GH_LABELS},
                 {"milestones", NULL, GH_MILESTONES},
                 {"releases", NULL, GH_RELEASES}};
    int more = path->count - rest;

    *parent = 0;
    if (more == 3 && at(path, rest, "pulls") && at(path, rest + 2, "reviews")) {
        *parent = strtoll(path->parts[rest + 1], NULL, 10);
        return GH_REVIEWS;
    }
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (more == (lists[i].second ? 2 : 1) && at(path, rest, lists[i].first) &&
            (!lists[i].second || at(path, rest + 1, lists[i].second)))
            return lists[i].kind;
    return GH_TABLES;
}

static struct gh_owner *owner_of(struct github *app, const char *login)
{
    for (int i = 0; i < app->owner_count; i++)
        if (strcasecmp(app->owners[i].login, login) == 0) return &app->owners[i];
    return NULL;
}

/* ---- pages ---- */

/* The query without its page, then page=N: what Link holds. */
static void put_link_url(struct sl_buf *out, const char *url, const char *query, bool opaque,
                         int64_t page)
{
    struct sim_query_part part;
    const char *mark = "?";

    sl_buf_addf(out, "<%s", url);
    while (sim_query_next(&query, &part)) {
        bool skip = (part.name_len == 4 && !strncmp(part.name, "page", 4)) ||
                    (part.name_len == 5 && !strncmp(part.name, "after", 5));
        if (skip) continue;
        sl_buf_addf(out, "%s%.*s=%.*s", mark, (int)part.name_len, part.name, (int)part.value_len,
                    part.value);
        mark = "&";
    }
    if (opaque)
        sl_buf_addf(out, "%safter=Y3Vyc29yOnYyOpLPAAABm%lld%%3D%%3D", mark, (long long)page);
    sl_buf_addf(out, "%spage=%lld>", opaque ? "&" : mark, (long long)page);
}

static void put_link(const struct gh_page *page, const char *url, const char *query, bool opaque,
                     struct sim_reply *reply)
{
    struct sl_buf text = {0};

    if (!page->next) return;
    put_link_url(&text, url, query, opaque, page->next);
    sl_buf_adds(&text, "; rel=\"next\"");
    if (!opaque) {
        sl_buf_adds(&text, ", ");
        put_link_url(&text, url, query, opaque, page->last);
        sl_buf_adds(&text, "; rel=\"last\"");
    }
    sim_reply_header(reply, "link", sl_buf_str(&text));
    sl_buf_release(&text);
}

static void put_repo_link(const struct github *app, const struct gh_repo *repo, const char *tail,
                          const struct gh_page *page, const char *query, bool opaque,
                          struct sim_reply *reply)
{
    struct sl_buf url = {0};

    sl_buf_addf(&url, "%s/repositories/%lld/%s", app->base_url, (long long)repo->id, tail);
    put_link(page, sl_buf_str(&url), query, opaque, reply);
    sl_buf_release(&url);
}

/* ---- lists of owners ---- */

static bool lists_repo(const struct github *app, const struct gh_repo *repo,
                       const struct gh_owner *owner, bool all)
{
    return !repo->gone && &app->owners[repo->owner] == owner && (all || !repo->private_);
}

static void list_repos(const struct github *app, const struct gh_owner *owner, bool all,
                       const struct sim_request *request, struct sim_reply *reply)
{
    struct gh_page page;
    int64_t total = 0, seen = 0;
    struct sl_buf url = {0};

    for (size_t i = 0; i < app->repo_count; i++)
        total += lists_repo(app, &app->repos[i], owner, all);
    gh_page_of(request->query, total, &page);
    sl_buf_addc(reply->body, '[');
    for (size_t i = 0; i < app->repo_count; i++) {
        if (!lists_repo(app, &app->repos[i], owner, all)) continue;
        if (seen / page.size + 1 == page.number) {
            if (seen % page.size) sl_buf_addc(reply->body, ',');
            gh_put_repo(app, &app->repos[i], reply->body);
        }
        seen++;
    }
    sl_buf_addc(reply->body, ']');
    sl_buf_addf(&url, "%s%s", app->base_url, request->raw_path);
    put_link(&page, sl_buf_str(&url), request->query, false, reply);
    sl_buf_release(&url);
}

static void list_organizations(const struct github *app, struct sl_buf *out)
{
    const char *comma = "";

    sl_buf_addc(out, '[');
    for (int i = 0; i < app->owner_count; i++) {
        if (!app->owners[i].organization) continue;
        sl_buf_adds(out, comma);
        gh_put_organization(app, &app->owners[i], out);
        comma = ",";
    }
    sl_buf_addc(out, ']');
}

static void list_teams(const struct github *app, const struct gh_owner *owner, struct sl_buf *out)
{
    sl_buf_addc(out, '[');
    for (int i = 0; i < owner->teams; i++) {
        if (i) sl_buf_addc(out, ',');
        gh_put_team(app, owner, i, out);
    }
    sl_buf_addc(out, ']');
}

static void handle_owner(struct github *app, const struct path *path,
                         const struct sim_request *request, struct sim_reply *reply)
{
    const struct gh_owner *owner = path->count > 1 ? owner_of(app, path->parts[1]) : NULL;
    bool orgs = at(path, 0, "orgs"), user = at(path, 0, "user");

    if (user && app->no_user) {
        gh_reply_error(reply, 403, "Resource not accessible by integration");
    } else if (user && path->count == 1) {
        gh_put_owner(&app->owners[0], true, reply->body);
    } else if (user && at(path, 1, "repos")) {
        list_repos(app, &app->owners[0], true, request, reply);
    } else if (user && at(path, 1, "orgs") && app->no_org_scope) {
        gh_reply_error(
            reply, 403,
            "You need at least read:org scope or user scope to list your organizations.");
    } else if (user && at(path, 1, "orgs")) {
        list_organizations(app, reply->body);
    } else if (!owner || user || orgs > owner->organization) {
        gh_reply_error(reply, 404, "Not Found");
    } else if (path->count == 2) {
        gh_put_owner(owner, true, reply->body);
    } else if (at(path, 2, "repos") && path->count == 3) {
        list_repos(app, owner, orgs, request, reply);
    } else if (orgs && at(path, 2, "teams") && path->count == 3) {
        if (app->forbidden[GH_TEAMS])
            gh_reply_error(reply, 403, "Resource not accessible by personal access token");
        else
            list_teams(app, owner, reply->body);
    } else {
        gh_reply_error(reply, 404, "Not Found");
    }
}

/* ---- repositories ---- */

static void moved_to(const struct github *app, const struct gh_repo *repo, const struct path *path,
                     const struct sim_request *request, struct sim_reply *reply)
{
    struct sl_buf url = {0};

    sl_buf_addf(&url, "%s/repositories/%lld", app->base_url, (long long)repo->id);
    for (int i = 3; i < path->count; i++) sl_buf_addf(&url, "/%s", path->parts[i]);
    if (request->query[0]) sl_buf_addf(&url, "?%s", request->query);
    gh_reply_error(reply, 301, "Moved Permanently");
    sim_reply_header(reply, "location", sl_buf_str(&url));
    sl_buf_release(&url);
}

/* What stands in the way of a list. True: the reply says what. */
static bool refused(const struct github *app, const struct gh_repo *repo, enum gh_kind kind,
                    const char *query, struct sim_reply *reply)
{
    char size[16] = "30";

    sim_query_get(query, "per_page", size, sizeof size);
    if (app->forbidden_repo[0] && strcmp(app->forbidden_repo, repo->name) == 0)
        gh_reply_error(reply, 404, "Not Found");
    else if (app->forbidden[kind])
        gh_reply_error(reply, 403, "Resource not accessible by personal access token");
    else if (kind == GH_COLLABORATORS && repo->no_push)
        gh_reply_error(reply, 403, "Must have push access to view repository collaborators.");
    else if ((kind == GH_ISSUES || kind == GH_COMMENTS) && repo->no_issues)
        gh_reply_error(reply, 410, "Issues are disabled for this repo");
    else if (app->page_rows_max && strtoll(size, NULL, 10) > app->page_rows_max)
        gh_reply_error(reply, 502, "Server Error");
    else
        return false;
    return true;
}

static bool no_commits(const struct gh_repo *repo)
{
    for (size_t i = 0; i < repo->rows[GH_COMMITS].count; i++)
        if (!repo->rows[GH_COMMITS].list[i].gone) return false;
    return true;
}

static bool has_pull(const struct gh_repo *repo, int64_t number)
{
    for (size_t i = 0; i < repo->rows[GH_PULLS].count; i++)
        if (repo->rows[GH_PULLS].list[i].number == number && !repo->rows[GH_PULLS].list[i].gone)
            return true;
    return false;
}

static enum sl_code handle_repo(struct github *app, const struct path *path,
                                const struct sim_request *request, struct sim_reply *reply,
                                struct sl_error *error)
{
    int rest = 0;
    bool moved;
    int64_t parent;
    struct gh_page page = {0};
    const struct gh_repo *repo = repo_at(app, path, &rest, &moved);
    enum gh_kind kind = repo ? kind_at(path, rest, &parent) : GH_TABLES;
    char tail[3 * PART_MAX + 4] = "";
    enum sl_code rc = SL_OK;

    for (int i = rest, n = 0; i < path->count && i < rest + 3; i++)
        n += snprintf(tail + n, sizeof tail - (size_t)n, "%s%s", i > rest ? "/" : "",
                      path->parts[i]);
    if (!repo) {
        gh_reply_error(reply, 404, "Not Found");
    } else if (moved) {
        moved_to(app, repo, path, request, reply);
    } else if (path->count == rest) {
        gh_put_repo(app, repo, reply->body);
        reply->body->len--; /* one repository shows more of itself than a list does */
        sl_buf_adds(reply->body, ",\"subscribers_count\":2,\"network_count\":1}");
    } else if (at(path, rest, "compare") && path->count == rest + 2) {
        char *head = strstr(path->parts[rest + 1], "...");
        char base[PART_MAX];

        snprintf(base, sizeof base, "%.*s", (int)strcspn(path->parts[rest + 1], "."),
                 path->parts[rest + 1]);
        if (!head || !gh_compare(app, repo, base, head + 3, request->query, &page, reply->body))
            gh_reply_error(reply, 404, "Not Found");
        else
            put_repo_link(app, repo, tail, &page, request->query, false, reply);
    } else if (kind == GH_TABLES) {
        gh_reply_error(reply, 404, "Not Found");
    } else if (refused(app, repo, kind, request->query, reply)) {
        return SL_OK;
    } else if (kind == GH_COMMITS && no_commits(repo)) {
        gh_reply_error(reply, 409, "Git Repository is empty.");
    } else if (kind == GH_REVIEWS && !has_pull(repo, parent)) {
        gh_reply_error(reply, 404, "Not Found");
    } else {
        rc = gh_list(app, repo, kind, parent, request->query, &page, reply->body, error);
        put_repo_link(app, repo, tail, &page, request->query, kind == GH_ISSUES, reply);
    }
    return rc;
}

/* ---- the way of a request ---- */

static enum sl_code github_look(void *state, const struct sim_request *request,
                                struct sim_look *out, struct sl_error *error)
{
    struct github *app = state;
    struct path path;
    int rest = 0;
    bool moved;
    int64_t parent;
    char page[32];

    (void)error;
    app->now_us = request->now_us;
    snprintf(out->counts[0].key, sizeof out->counts[0].key, "token");
    out->counts[0].rate = POINTS_PER_MINUTE;
    out->counts[0].window_us = 60 * SL_SECOND_US;
    out->counts[0].penalty_us = GH_SECONDARY_PENALTY_S * SL_SECOND_US;
    if (!split_path(request->path, &path)) return SL_OK;
    struct gh_repo *repo = repo_at(app, &path, &rest, &moved);
    enum gh_kind kind = repo ? kind_at(&path, rest, &parent) : GH_TABLES;

    if (kind == GH_TABLES) return SL_OK;
    snprintf(out->table, sizeof out->table, "%s", gh_table_names[kind]);
    snprintf(out->table_name, sizeof out->table_name, "%s", gh_table_names[kind]);
    out->page = 1;
    if (sim_query_get(request->query, "page", page, sizeof page))
        out->page = (int)strtol(page, NULL, 10);
    return SL_OK;
}

static enum sl_code github_handle(void *state, const struct sim_request *request,
                                  struct sim_reply *reply, struct sl_error *error)
{
    struct github *app = state;
    const char *host = sim_request_header(request, "host");
    struct path path;
    enum sl_code rc = SL_OK;

    if (host) snprintf(app->base_url, sizeof app->base_url, "http://%s", host);
    if (!gh_admitted(app, request, reply)) return SL_OK;
    if (strcmp(request->path, "/rate_limit") == 0) {
        gh_put_rate_limit(app, reply->body);
        gh_put_limit_headers(app, reply);
        return SL_OK;
    }
    if (gh_within_limit(app, reply)) {
        if (strcmp(request->method, "GET") != 0 || !split_path(request->path, &path))
            gh_reply_error(reply, 404, "Not Found");
        else if (at(&path, 0, "repos") || at(&path, 0, "repositories"))
            rc = handle_repo(app, &path, request, reply, error);
        else
            handle_owner(app, &path, request, reply);
        gh_conditional(app, request, reply);
    }
    gh_put_limit_headers(app, reply);
    sim_reply_header(reply, "x-github-request-id", "1A2B:3C4D:5E6F");
    sim_reply_header(reply, "x-github-api-version-selected",
                     app->modern ? "2026-03-10" : "2022-11-28");
    sim_reply_header(reply, "x-oauth-scopes", app->no_org_scope ? "repo" : "repo, read:org");
    return rc;
}

/* ---- life ---- */

static void github_destroy(void *state)
{
    if (!state) return;
    gh_release(state);
    sl_free(state);
}

static void *github_create(const struct sim_options *options, struct sl_error *error)
{
    struct github *app = sl_calloc(1, sizeof *app);

    if (!app) {
        (void)sl_fail(error, SL_NO_MEMORY, "could not make the github simulator");
        return NULL;
    }
    if (gh_seed(app, options, error)) {
        github_destroy(app);
        return NULL;
    }
    return app;
}

static enum sl_code github_connection(void *state, const char *base_url, struct sl_buf *out,
                                      struct sl_error *error)
{
    struct github *app = state;

    snprintf(app->base_url, sizeof app->base_url, "%s", base_url);
    sl_buf_addf(out, "{\"token\":\"%s\",\"base_url\":\"%s\"%s}", app->token, base_url,
                app->unlimited ? ",\"requests_per_minute\":\"1000000\"" : "");
    return sl_buf_failed(out) ? sl_fail(error, SL_NO_MEMORY, "could not describe a connection")
                              : SL_OK;
}

const struct sim_app sim_app_github = {
    .name = "github",
    .summary = "GitHub: an invented user and organisation with their repositories",
    .create = github_create,
    .destroy = github_destroy,
    .look = github_look,
    .handle = github_handle,
    .fail = gh_fail,
    .has_op = gh_has_op,
    .operate = gh_operate,
    .truth = gh_truth,
    .connection = github_connection,
};
