/* rows.c: rows as the API shows them. */
#include "sim/github/github.h"

#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "sim/text.h"

const char *const gh_table_names[GH_TABLES] = {"issues",          "pull_requests", "comments",
                                               "review_comments", "reviews",       "commits",
                                               "branches",        "tags",          "assignees",
                                               "collaborators",   "labels",        "milestones",
                                               "releases",        "repositories",  "teams",
                                               "organizations",   "users"};

#define PEOPLE 7
static const char *const people[PEOPLE] = {"ada-invented",   "babbage-invented",
                                           "curie-invented", "darwin-invented",
                                           "euler-invented", "franklin-invented",
                                           "build-bot[bot]"};
static const char *const words[] = {"booster", "gantry", "valve", "parachute", "telemetry",
                                    "nozzle",  "sensor", "hatch", "antenna",   "fuel line"};
static const char *const verbs[] = {"leaks",       "needs a test",     "is too slow",
                                    "was renamed", "fails on Mondays", "rattles"};
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* ---- pieces ---- */

void gh_put_time(struct sl_buf *out, int64_t us)
{
    char text[SL_TIME_TEXT_MAX];

    sl_time_format_ms(us, text);
    sl_buf_addf(out, "\"%.19sZ\"", text);
}

static void put_key(struct sl_buf *out, const char *key)
{
    size_t len = out->len;

    if (len && out->data[len - 1] != '{') sl_buf_addc(out, ',');
    sl_buf_addf(out, "\"%s\":", key);
}

static void put_int(struct sl_buf *out, const char *key, int64_t number)
{
    put_key(out, key);
    sim_json_int(out, number);
}

static void put_text(struct sl_buf *out, const char *key, const char *text)
{
    put_key(out, key);
    if (text)
        sim_json_text(out, text);
    else
        sl_buf_adds(out, "null");
}

static void put_bool(struct sl_buf *out, const char *key, bool truth)
{
    put_key(out, key);
    sl_buf_adds(out, truth ? "true" : "false");
}

static void put_when(struct sl_buf *out, const char *key, bool given, int64_t us)
{
    put_key(out, key);
    if (given)
        gh_put_time(out, us);
    else
        sl_buf_adds(out, "null");
}

/* "<base>/repos/owner/name/<tail>" */
static void put_url(struct sl_buf *out, const char *key, const struct github *app,
                    const struct gh_repo *repo, const char *tail)
{
    put_key(out, key);
    sl_buf_addf(out, "\"%s/repos/%s/%s%s\"", app->base_url, app->owners[repo->owner].login,
                repo->name, tail);
}

static void put_page(struct sl_buf *out, const char *key, const struct github *app,
                     const struct gh_repo *repo, const char *tail)
{
    put_key(out, key);
    sl_buf_addf(out, "\"https://github.example/%s/%s%s\"", app->owners[repo->owner].login,
                repo->name, tail);
}

static void put_node(struct sl_buf *out, const char *kind, int64_t id)
{
    put_key(out, "node_id");
    sl_buf_addf(out, "\"%s_kwDO%llx\"", kind, (unsigned long long)id);
}

static uint64_t dice(const struct github *app, const struct gh_row *row, uint64_t what)
{
    return sim_mix(app->seed ^ (uint64_t)row->id, what);
}

static void put_login(struct sl_buf *out, const char *login, int64_t id, const char *type)
{
    put_text(out, "login", login);
    put_int(out, "id", id);
    put_node(out, "U", id);
    put_text(out, "avatar_url", "https://avatars.github.example/u/1?v=4");
    put_text(out, "gravatar_id", "");
    put_text(out, "type", type);
    put_bool(out, "site_admin", false);
}

static void put_person(struct sl_buf *out, uint64_t pick)
{
    size_t i = pick % PEOPLE;

    put_login(out, people[i], 9000001 + (int64_t)i, i == PEOPLE - 1 ? "Bot" : "User");
}

/* One in nine is a deleted account: null. */
static void put_user(struct sl_buf *out, const char *key, uint64_t pick)
{
    put_key(out, key);
    if (pick % 9 == 8) {
        sl_buf_adds(out, "null");
        return;
    }
    sl_buf_addc(out, '{');
    put_person(out, pick);
    sl_buf_addc(out, '}');
}

static void put_words(const struct github *app, const struct gh_row *row, struct sl_buf *out,
                      const char *key)
{
    uint64_t d = dice(app, row, 3);

    put_key(out, key);
    if (row->text) {
        sl_buf_adds(out, row->text);
        return;
    }
    sl_buf_addf(out, "\"The %s %s", words[d % COUNT(words)], verbs[(d >> 8) % COUNT(verbs)]);
    if (row->version) sl_buf_addf(out, " (edit %u)", (unsigned)row->version);
    if (d % 23 == 0) sl_buf_adds(out, " \\u0000 \xf0\x9f\x9a\x80");
    sl_buf_addc(out, '"');
}

void gh_sha(const struct gh_repo *repo, const struct gh_row *row, char out[41])
{
    uint64_t a = sim_mix((uint64_t)repo->id, (uint64_t)row->id), b = sim_mix(a, 7);

    snprintf(out, 41, "%016llx%016llx%08llx", (unsigned long long)a, (unsigned long long)b,
             (unsigned long long)(sim_mix(a, 9) & 0xffffffff));
}

static void put_counts(struct sl_buf *out, uint64_t d)
{
    put_key(out, "reactions");
    sl_buf_addf(out,
                "{\"url\":\"https://api.github.example/reactions\",\"total_count\":%d,\"+1\":%d,"
                "\"-1\":0,\"laugh\":0,\"hooray\":0,\"confused\":0,\"heart\":%d,\"rocket\":0,"
                "\"eyes\":0}",
                (int)(d % 4 + d % 3), (int)(d % 4), (int)(d % 3));
}

/* ---- issues and pulls ---- */

static void put_label(const struct github *app, const struct gh_repo *repo,
                      const struct gh_row *row, struct sl_buf *out)
{
    char name[64];

    sl_buf_addc(out, '{');
    put_int(out, "id", row->id);
    put_node(out, "LA", row->id);
    put_url(out, "url", app, repo, "/labels");
    snprintf(name, sizeof name, "label %lld%s", (long long)row->number, row->version ? " *" : "");
    put_text(out, "name", name);
    put_text(out, "color", "fbca04");
    put_bool(out, "default", row->number == 1);
    put_text(out, "description", row->number % 2 ? "what it says" : NULL);
    sl_buf_addc(out, '}');
}

static void put_milestone(const struct github *app, const struct gh_repo *repo,
                          const struct gh_row *row, struct sl_buf *out)
{
    char title[64];

    sl_buf_addc(out, '{');
    put_url(out, "url", app, repo, "/milestones");
    put_page(out, "html_url", app, repo, "/milestone");
    put_int(out, "id", row->id);
    put_node(out, "MI", row->id);
    put_int(out, "number", row->number);
    snprintf(title, sizeof title, "Flight %lld%s", (long long)row->number,
             row->version ? " (moved)" : "");
    put_text(out, "title", title);
    put_text(out, "description", NULL);
    put_user(out, "creator", dice(app, row, 1));
    put_int(out, "open_issues", row->number % 5);
    put_int(out, "closed_issues", row->number % 3);
    put_text(out, "state", row->closed ? "closed" : "open");
    put_when(out, "created_at", true, row->created_us);
    put_when(out, "updated_at", true, row->updated_us);
    put_when(out, "due_on", row->number % 2 == 0, row->created_us + 90 * SL_DAY_US);
    put_when(out, "closed_at", row->closed, row->updated_us);
    sl_buf_addc(out, '}');
}

/* The first row of a kind that is there, or NULL. */
static const struct gh_row *first_of(const struct gh_repo *repo, enum gh_kind kind)
{
    for (size_t i = 0; i < repo->rows[kind].count; i++)
        if (!repo->rows[kind].list[i].gone) return &repo->rows[kind].list[i];
    return NULL;
}

static void put_lists(const struct github *app, const struct gh_repo *repo,
                      const struct gh_row *row, struct sl_buf *out)
{
    uint64_t d = dice(app, row, 2);
    const struct gh_row *label = d % 3 ? first_of(repo, GH_LABELS) : NULL;
    const struct gh_row *milestone = d % 4 == 0 ? first_of(repo, GH_MILESTONES) : NULL;

    put_key(out, "labels");
    sl_buf_addc(out, '[');
    if (label) put_label(app, repo, label, out);
    sl_buf_addc(out, ']');
    put_user(out, "assignee", d % 2 ? d % 8 : 8);
    put_key(out, "assignees");
    sl_buf_addc(out, '[');
    if (d % 2) {
        sl_buf_addc(out, '{');
        put_person(out, d % 8);
        sl_buf_addc(out, '}');
    }
    sl_buf_addc(out, ']');
    put_key(out, "milestone");
    if (milestone)
        put_milestone(app, repo, milestone, out);
    else
        sl_buf_adds(out, "null");
}

static void put_issue(const struct github *app, const struct gh_repo *repo,
                      const struct gh_row *row, struct sl_buf *out)
{
    uint64_t d = dice(app, row, 1);
    char tail[64];

    snprintf(tail, sizeof tail, "/issues/%lld", (long long)row->number);
    put_url(out, "url", app, repo, tail);
    put_url(out, "repository_url", app, repo, "");
    put_url(out, "labels_url", app, repo, "/labels{/name}");
    put_url(out, "comments_url", app, repo, "/comments");
    put_url(out, "events_url", app, repo, "/events");
    put_url(out, "timeline_url", app, repo, "/timeline");
    put_page(out, "html_url", app, repo, tail);
    put_int(out, "id", row->id);
    put_node(out, "I", row->id);
    put_int(out, "number", row->number);
    put_words(app, row, out, "title");
    put_user(out, "user", d);
    put_lists(app, repo, row, out);
    put_text(out, "state", row->closed ? "closed" : "open");
    put_text(out, "state_reason", row->closed ? "completed" : NULL);
    put_bool(out, "locked", d % 13 == 0);
    put_int(out, "comments", (int64_t)(d % 5));
    put_when(out, "created_at", true, row->created_us);
    put_when(out, "updated_at", true, row->updated_us);
    put_when(out, "closed_at", row->closed, row->updated_us);
    put_text(out, "author_association", d % 2 ? "MEMBER" : "NONE");
    put_text(out, "active_lock_reason", NULL);
    put_text(out, "body", d % 6 ? "What was seen, and what was expected." : NULL);
    put_counts(out, d);
    if (row->pull) {
        put_bool(out, "draft", false);
        put_key(out, "pull_request");
        sl_buf_addc(out, '{');
        put_url(out, "url", app, repo, "/pulls");
        put_page(out, "html_url", app, repo, "/pull");
        put_when(out, "merged_at", row->closed, row->updated_us);
        sl_buf_addc(out, '}');
    }
}

static void put_end(const struct github *app, const struct gh_repo *repo, const struct gh_row *row,
                    const char *key, const char *ref, struct sl_buf *out)
{
    char sha[41], label[GH_NAME_MAX * 2];

    gh_sha(repo, row, sha);
    snprintf(label, sizeof label, "%s:%s", app->owners[repo->owner].login, ref);
    put_key(out, key);
    sl_buf_addc(out, '{');
    put_text(out, "label", label);
    put_text(out, "ref", ref);
    put_text(out, "sha", sha);
    put_user(out, "user", dice(app, row, 1));
    put_key(out, "repo");
    if (dice(app, row, 5) % 11 == 0 && key[0] == 'h') { /* the fork was deleted */
        sl_buf_adds(out, "null");
    } else {
        sl_buf_addc(out, '{');
        put_int(out, "id", repo->id);
        snprintf(label, sizeof label, "%s/%s", app->owners[repo->owner].login, repo->name);
        put_text(out, "full_name", label);
        sl_buf_addc(out, '}');
    }
    sl_buf_addc(out, '}');
}

static void put_pull(const struct github *app, const struct gh_repo *repo, const struct gh_row *row,
                     struct sl_buf *out)
{
    char tail[64], sha[41];

    gh_sha(repo, row, sha);
    snprintf(tail, sizeof tail, "/pulls/%lld", (long long)row->number);
    put_url(out, "url", app, repo, tail);
    put_page(out, "html_url", app, repo, tail);
    put_int(out, "id", row->id);
    put_node(out, "PR", row->id);
    put_int(out, "number", row->number);
    put_text(out, "state", row->closed ? "closed" : "open");
    put_bool(out, "locked", false);
    put_words(app, row, out, "title");
    put_user(out, "user", dice(app, row, 1));
    put_text(out, "body", row->number % 3 ? "Does what it says." : NULL);
    put_lists(app, repo, row, out);
    put_bool(out, "draft", row->number % 7 == 0);
    put_when(out, "created_at", true, row->created_us);
    put_when(out, "updated_at", true, row->updated_us);
    put_when(out, "closed_at", row->closed, row->updated_us);
    put_when(out, "merged_at", row->closed, row->updated_us);
    put_text(out, "merge_commit_sha", row->closed ? sha : NULL);
    put_text(out, "author_association", "MEMBER");
    put_end(app, repo, row, "head", "topic", out);
    put_end(app, repo, row, "base", "main", out);
}

/* ---- comments and reviews ---- */

static void put_comment(const struct github *app, const struct gh_repo *repo,
                        const struct gh_row *row, bool review, struct sl_buf *out)
{
    char tail[64], sha[41];

    snprintf(tail, sizeof tail, "/issues/comments/%lld", (long long)row->id);
    put_url(out, "url", app, repo, tail);
    snprintf(tail, sizeof tail, "/issues/%lld#comment", (long long)row->parent);
    put_page(out, "html_url", app, repo, tail);
    put_int(out, "id", row->id);
    put_node(out, review ? "PRRC" : "IC", row->id);
    put_user(out, "user", dice(app, row, 1));
    put_when(out, "created_at", true, row->created_us);
    put_when(out, "updated_at", true, row->updated_us);
    put_words(app, row, out, "body");
    put_text(out, "author_association", "NONE");
    put_counts(out, dice(app, row, 4));
    snprintf(tail, sizeof tail, review ? "/pulls/%lld" : "/issues/%lld", (long long)row->parent);
    put_url(out, review ? "pull_request_url" : "issue_url", app, repo, tail);
    if (!review) return;
    gh_sha(repo, row, sha);
    put_int(out, "pull_request_review_id", row->id + 1);
    put_text(out, "diff_hunk", "@@ -1 +1 @@");
    put_text(out, "path", "src/main.c");
    put_text(out, "commit_id", sha);
    put_text(out, "original_commit_id", sha);
    put_int(out, "line", row->number + 1);
    put_text(out, "side", "RIGHT");
}

static void put_review(const struct github *app, const struct gh_repo *repo,
                       const struct gh_row *row, struct sl_buf *out)
{
    static const char *const states[] = {"APPROVED", "COMMENTED", "CHANGES_REQUESTED"};
    uint64_t d = dice(app, row, 1);
    char tail[64], sha[41];

    gh_sha(repo, row, sha);
    put_int(out, "id", row->id);
    put_node(out, "PRR", row->id);
    put_user(out, "user", d);
    put_words(app, row, out, "body");
    put_text(out, "state", row->closed ? "DISMISSED" : states[d % COUNT(states)]);
    snprintf(tail, sizeof tail, "/pull/%lld#review", (long long)row->parent);
    put_page(out, "html_url", app, repo, tail);
    snprintf(tail, sizeof tail, "/pulls/%lld", (long long)row->parent);
    put_url(out, "pull_request_url", app, repo, tail);
    put_text(out, "author_association", "MEMBER");
    put_when(out, "submitted_at", true, row->created_us);
    put_text(out, "commit_id", d % 17 ? sha : NULL);
}

/* ---- code ---- */

static void put_git_user(struct sl_buf *out, const char *key, uint64_t pick, int64_t us)
{
    char mail[80];

    put_key(out, key);
    sl_buf_addc(out, '{');
    snprintf(mail, sizeof mail, "%s@example.org", people[pick % (PEOPLE - 1)]);
    put_text(out, "name", people[pick % (PEOPLE - 1)]);
    put_text(out, "email", mail);
    put_when(out, "date", true, us);
    sl_buf_addc(out, '}');
}

static void put_commit(const struct github *app, const struct gh_repo *repo,
                       const struct gh_row *row, struct sl_buf *out)
{
    uint64_t d = dice(app, row, 1);
    char sha[41], tail[80];

    gh_sha(repo, row, sha);
    snprintf(tail, sizeof tail, "/commits/%s", sha);
    put_text(out, "sha", sha);
    put_node(out, "C", row->id);
    put_key(out, "commit");
    sl_buf_addc(out, '{');
    put_git_user(out, "author", d, row->created_us);
    put_git_user(out, "committer", d, row->updated_us);
    put_words(app, row, out, "message");
    put_int(out, "comment_count", 0);
    sl_buf_addc(out, '}');
    put_url(out, "url", app, repo, tail);
    put_page(out, "html_url", app, repo, tail);
    /* Nobody's mail: null; sometimes an object without members. */
    if (d % 10 == 7) {
        put_key(out, "author");
        sl_buf_adds(out, "{}");
    } else {
        put_user(out, "author", d);
    }
    put_user(out, "committer", d);
    put_key(out, "parents");
    sl_buf_adds(out, "[]");
}

static void put_branch(const struct github *app, const struct gh_repo *repo,
                       const struct gh_row *row, bool tag, struct sl_buf *out)
{
    char sha[41], name[64];
    struct gh_row at = *row;

    at.id += row->version; /* it moved */
    gh_sha(repo, &at, sha);
    if (tag)
        snprintf(name, sizeof name, "v1.%03lld", (long long)row->number);
    else if (row->number == 1)
        snprintf(name, sizeof name, "main");
    else
        snprintf(name, sizeof name, "topic/%05lld", (long long)row->number);
    put_text(out, "name", name);
    put_key(out, "commit");
    sl_buf_addc(out, '{');
    put_text(out, "sha", sha);
    put_url(out, "url", app, repo, "/commits");
    sl_buf_addc(out, '}');
    if (tag) {
        put_url(out, "zipball_url", app, repo, "/zipball");
        put_url(out, "tarball_url", app, repo, "/tarball");
        put_node(out, "REF", row->id);
    } else {
        put_bool(out, "protected", row->number == 1);
        put_url(out, "protection_url", app, repo, "/protection");
    }
}

static void put_release(const struct github *app, const struct gh_repo *repo,
                        const struct gh_row *row, struct sl_buf *out)
{
    char tag[64];

    snprintf(tag, sizeof tag, "v1.%03lld", (long long)row->number);
    put_url(out, "url", app, repo, "/releases");
    put_page(out, "html_url", app, repo, "/releases");
    put_int(out, "id", row->id);
    put_node(out, "RE", row->id);
    put_text(out, "tag_name", tag);
    put_text(out, "target_commitish", "main");
    put_words(app, row, out, "name");
    put_text(out, "body", "What changed.");
    put_bool(out, "draft", false);
    put_bool(out, "prerelease", row->number % 4 == 0);
    put_when(out, "created_at", true, row->created_us);
    put_when(out, "published_at", true, row->created_us);
    put_user(out, "author", dice(app, row, 1));
    put_key(out, "assets");
    sl_buf_addf(out,
                "[{\"id\":%lld,\"name\":\"rocket.tar.gz\",\"content_type\":\"application/gzip\","
                "\"size\":%lld,\"download_count\":%u,\"state\":\"uploaded\"}]",
                (long long)row->id + 1, (long long)row->number * 1000, (unsigned)row->version);
}

/* ---- people ---- */

static void put_member(const struct gh_row *row, bool permissions, struct sl_buf *out)
{
    char login[64];

    snprintf(login, sizeof login, "member-%lld", (long long)row->number);
    put_login(out, login, row->id, "User");
    if (!permissions) return;
    put_key(out, "permissions");
    sl_buf_addf(out,
                "{\"pull\":true,\"triage\":true,\"push\":%s,\"maintain\":false,\"admin\":false}",
                row->version % 2 ? "false" : "true");
    put_text(out, "role_name", row->version % 2 ? "triage" : "write");
}

void gh_put_row(const struct github *app, const struct gh_repo *repo, enum gh_kind kind,
                const struct gh_row *row, struct sl_buf *out)
{
    if (kind == GH_LABELS) {
        put_label(app, repo, row, out);
        return;
    }
    if (kind == GH_MILESTONES) {
        put_milestone(app, repo, row, out);
        return;
    }
    sl_buf_addc(out, '{');
    if (kind == GH_ISSUES)
        put_issue(app, repo, row, out);
    else if (kind == GH_PULLS)
        put_pull(app, repo, row, out);
    else if (kind == GH_COMMENTS || kind == GH_REVIEW_COMMENTS)
        put_comment(app, repo, row, kind == GH_REVIEW_COMMENTS, out);
    else if (kind == GH_REVIEWS)
        put_review(app, repo, row, out);
    else if (kind == GH_COMMITS)
        put_commit(app, repo, row, out);
    else if (kind == GH_BRANCHES || kind == GH_TAGS)
        put_branch(app, repo, row, kind == GH_TAGS, out);
    else if (kind == GH_RELEASES)
        put_release(app, repo, row, out);
    else
        put_member(row, kind == GH_COLLABORATORS, out);
    sl_buf_addc(out, '}');
}

void gh_put_owner(const struct github *app, const struct gh_owner *owner, bool whole,
                  struct sl_buf *out)
{
    sl_buf_addc(out, '{');
    put_login(out, owner->login, owner->id, owner->organization ? "Organization" : "User");
    put_key(out, "url");
    sl_buf_addf(out, "\"%s/users/%s\"", app->base_url, owner->login);
    if (whole) {
        put_text(out, "name", "An Invented Account");
        put_text(out, "company", NULL);
        put_text(out, "blog", "");
        put_text(out, "location", "Nowhere");
        put_text(out, "email", NULL);
        put_int(out, "public_repos", 3);
        put_int(out, "followers", 1);
        put_int(out, "following", 2);
        put_when(out, "created_at", true, owner->created_us);
        put_when(out, "updated_at", true, owner->created_us + SL_DAY_US);
    }
    sl_buf_addc(out, '}');
}

void gh_put_organization(const struct github *app, const struct gh_owner *owner, struct sl_buf *out)
{
    static const char *const urls[] = {
        "url",        "repos_url",   "events_url",        "hooks_url",
        "issues_url", "members_url", "public_members_url"};

    sl_buf_addc(out, '{');
    put_text(out, "login", owner->login);
    put_int(out, "id", owner->id);
    put_node(out, "O", owner->id);
    for (size_t i = 0; i < COUNT(urls); i++) {
        put_key(out, urls[i]);
        sl_buf_addf(out, "\"%s/orgs/%s\"", app->base_url, owner->login);
    }
    put_text(out, "avatar_url", "https://avatars.github.example/u/2?v=4");
    put_text(out, "description", "An invented organisation");
    sl_buf_addc(out, '}');
}

void gh_put_team(const struct github *app, const struct gh_owner *owner, int index,
                 struct sl_buf *out)
{
    char name[64];

    sl_buf_addc(out, '{');
    put_int(out, "id", owner->id * 100 + index);
    put_node(out, "T", owner->id * 100 + index);
    snprintf(name, sizeof name, "Crew %d%s", index + 1, app->teams_version ? " (new)" : "");
    put_text(out, "name", name);
    snprintf(name, sizeof name, "crew-%d", index + 1);
    put_text(out, "slug", name);
    put_text(out, "description", index % 2 ? NULL : "They fly.");
    put_text(out, "privacy", "closed");
    put_text(out, "notification_setting", "notifications_enabled");
    put_text(out, "permission", "pull");
    put_key(out, "parent");
    sl_buf_adds(out, "null");
    sl_buf_addc(out, '}');
}

void gh_put_repo(const struct github *app, const struct gh_repo *repo, struct sl_buf *out)
{
    const struct gh_owner *owner = &app->owners[repo->owner];
    char name[GH_NAME_MAX * 2];

    sl_buf_addc(out, '{');
    put_int(out, "id", repo->id);
    put_node(out, "R", repo->id);
    put_text(out, "name", repo->name);
    snprintf(name, sizeof name, "%s/%s", owner->login, repo->name);
    put_text(out, "full_name", name);
    put_bool(out, "private", repo->private_);
    put_key(out, "owner");
    gh_put_owner(app, owner, false, out);
    put_page(out, "html_url", app, repo, "");
    put_text(out, "description", "An invented repository");
    put_bool(out, "fork", repo->fork);
    put_url(out, "url", app, repo, "");
    put_url(out, "issues_url", app, repo, "/issues{/number}");
    put_url(out, "pulls_url", app, repo, "/pulls{/number}");
    put_when(out, "created_at", true, repo->created_us);
    put_when(out, "updated_at", true, repo->updated_us);
    put_when(out, "pushed_at", true, repo->pushed_us);
    put_text(out, "homepage", NULL);
    put_int(out, "size", 108);
    put_int(out, "stargazers_count", 3);
    put_int(out, "watchers_count", 3);
    put_text(out, "language", "C");
    put_bool(out, "has_issues", !repo->no_issues);
    put_bool(out, "has_projects", true);
    put_bool(out, "has_wiki", false);
    put_bool(out, "has_pages", false);
    put_bool(out, "has_downloads", true);
    put_int(out, "forks_count", 1);
    put_text(out, "mirror_url", NULL);
    put_bool(out, "archived", repo->archived);
    put_bool(out, "disabled", false);
    put_int(out, "open_issues_count", 2);
    put_key(out, "license");
    sl_buf_adds(out, repo->id % 2 ? "null"
                                  : "{\"key\":\"mit\",\"name\":\"MIT License\",\"spdx_id\":\"MIT\","
                                    "\"url\":null,\"node_id\":\"MDc6\"}");
    put_bool(out, "is_template", false);
    put_key(out, "topics");
    sl_buf_adds(out, "[\"rockets\",\"invented\"]");
    put_text(out, "visibility", repo->private_ ? "private" : "public");
    put_text(out, "default_branch", "main");
    put_key(out, "permissions");
    sl_buf_addf(out,
                "{\"admin\":false,\"maintain\":false,\"push\":%s,\"triage\":true,\"pull\":true}",
                repo->no_push ? "false" : "true");
    sl_buf_addc(out, '}');
}
