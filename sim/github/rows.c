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

static const char *const words[] = {"booster", "gantry", "valve", "parachute", "telemetry",
                                    "nozzle",  "sensor", "hatch", "antenna",   "fuel line"};
static const char *const verbs[] = {"leaks",       "needs a test",     "is too slow",
                                    "was renamed", "fails on Mondays", "rattles"};
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static uint64_t dice(const struct github *app, const struct gh_row *row, uint64_t what)
{
    return sim_mix(app->seed ^ (uint64_t)row->id, what);
}

static void put_words(const struct github *app, const struct gh_row *row, struct sl_buf *out,
                      const char *key)
{
    uint64_t d = dice(app, row, 3);

    gh_put_key(out, key);
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
    gh_put_key(out, "reactions");
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
    gh_put_int(out, "id", row->id);
    gh_put_node(out, "LA", row->id);
    gh_put_url(out, "url", app, repo, "/labels");
    snprintf(name, sizeof name, "label %lld%s", (long long)row->number, row->version ? " *" : "");
    gh_put_text(out, "name", name);
    gh_put_text(out, "color", "fbca04");
    gh_put_bool(out, "default", row->number == 1);
    gh_put_text(out, "description", row->number % 2 ? "what it says" : NULL);
    gh_put_text(out, "archived_at", NULL);
    gh_put_text(out, "archived_by", NULL);
    sl_buf_addc(out, '}');
}

static void put_milestone(const struct github *app, const struct gh_repo *repo,
                          const struct gh_row *row, struct sl_buf *out)
{
    char title[64];

    sl_buf_addc(out, '{');
    gh_put_url(out, "url", app, repo, "/milestones");
    gh_put_page(out, "html_url", app, repo, "/milestone");
    gh_put_url(out, "labels_url", app, repo, "/milestones/labels");
    gh_put_int(out, "id", row->id);
    gh_put_node(out, "MI", row->id);
    gh_put_int(out, "number", row->number);
    snprintf(title, sizeof title, "Flight %lld%s", (long long)row->number,
             row->version ? " (moved)" : "");
    gh_put_text(out, "title", title);
    gh_put_text(out, "description", NULL);
    gh_put_user(out, "creator", dice(app, row, 1));
    gh_put_int(out, "open_issues", row->number % 5);
    gh_put_int(out, "closed_issues", row->number % 3);
    gh_put_text(out, "state", row->closed ? "closed" : "open");
    gh_put_when(out, "created_at", true, row->created_us);
    gh_put_when(out, "updated_at", true, row->updated_us);
    gh_put_when(out, "due_on", row->number % 2 == 0, row->created_us + 90 * SL_DAY_US);
    gh_put_when(out, "closed_at", row->closed, row->updated_us);
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

    gh_put_key(out, "labels");
    sl_buf_addc(out, '[');
    if (label) put_label(app, repo, label, out);
    sl_buf_addc(out, ']');
    if (!app->modern) gh_put_user(out, "assignee", d % 2 ? d % 8 : 8);
    gh_put_key(out, "assignees");
    sl_buf_addc(out, '[');
    if (d % 2) {
        sl_buf_addc(out, '{');
        gh_put_person(out, d % 8);
        sl_buf_addc(out, '}');
    }
    sl_buf_addc(out, ']');
    gh_put_key(out, "milestone");
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
    gh_put_url(out, "url", app, repo, tail);
    gh_put_url(out, "repository_url", app, repo, "");
    gh_put_url(out, "labels_url", app, repo, "/labels{/name}");
    gh_put_url(out, "comments_url", app, repo, "/comments");
    gh_put_url(out, "events_url", app, repo, "/events");
    gh_put_url(out, "timeline_url", app, repo, "/timeline");
    gh_put_page(out, "html_url", app, repo, tail);
    gh_put_int(out, "id", row->id);
    gh_put_node(out, "I", row->id);
    gh_put_int(out, "number", row->number);
    put_words(app, row, out, "title");
    gh_put_user(out, "user", d);
    put_lists(app, repo, row, out);
    gh_put_text(out, "state", row->closed ? "closed" : "open");
    gh_put_text(out, "state_reason", row->closed ? "completed" : NULL);
    gh_put_bool(out, "locked", d % 13 == 0);
    gh_put_int(out, "comments", (int64_t)(d % 5));
    gh_put_when(out, "created_at", true, row->created_us);
    gh_put_when(out, "updated_at", true, row->updated_us);
    gh_put_when(out, "closed_at", row->closed, row->updated_us);
    gh_put_text(out, "author_association", d % 2 ? "MEMBER" : "NONE");
    gh_put_text(out, "active_lock_reason", NULL);
    gh_put_text(out, "body", d % 6 ? "What was seen, and what was expected." : NULL);
    put_counts(out, d);
    if (row->pull) {
        gh_put_bool(out, "draft", false);
        gh_put_key(out, "pull_request");
        sl_buf_addc(out, '{');
        gh_put_url(out, "url", app, repo, "/pulls");
        gh_put_page(out, "html_url", app, repo, "/pull");
        gh_put_page(out, "diff_url", app, repo, "/pull.diff");
        gh_put_page(out, "patch_url", app, repo, "/pull.patch");
        gh_put_when(out, "merged_at", row->closed, row->updated_us);
        sl_buf_addc(out, '}');
    }
}

static void put_end(const struct github *app, const struct gh_repo *repo, const struct gh_row *row,
                    const char *key, const char *ref, struct sl_buf *out)
{
    char sha[41], label[GH_NAME_MAX * 2];

    gh_sha(repo, row, sha);
    snprintf(label, sizeof label, "%s:%s", app->owners[repo->owner].login, ref);
    gh_put_key(out, key);
    sl_buf_addc(out, '{');
    gh_put_text(out, "label", label);
    gh_put_text(out, "ref", ref);
    gh_put_text(out, "sha", sha);
    gh_put_user(out, "user", dice(app, row, 1));
    gh_put_key(out, "repo");
    if (dice(app, row, 5) % 11 == 0 && key[0] == 'h') { /* the fork was deleted */
        sl_buf_adds(out, "null");
    } else {
        gh_put_repo(app, repo, out);
    }
    sl_buf_addc(out, '}');
}

/* What is what, once more. */
static void put_links(struct sl_buf *out, const char *const *names, size_t count)
{
    gh_put_key(out, "_links");
    sl_buf_addc(out, '{');
    for (size_t i = 0; i < count; i++) {
        gh_put_key(out, names[i]);
        sl_buf_adds(out, "{\"href\":\"https://api.github.example/of-it\"}");
    }
    sl_buf_addc(out, '}');
}

static void put_pull(const struct github *app, const struct gh_repo *repo, const struct gh_row *row,
                     struct sl_buf *out)
{
    static const char *const urls[] = {"diff_url",           "patch_url",    "issue_url",
                                       "commits_url",        "statuses_url", "review_comments_url",
                                       "review_comment_url", "comments_url"};
    static const char *const links[] = {
        "self",           "html",    "issue",   "comments", "review_comments",
        "review_comment", "commits", "statuses"};
    char tail[64], sha[41];

    gh_sha(repo, row, sha);
    snprintf(tail, sizeof tail, "/pulls/%lld", (long long)row->number);
    gh_put_url(out, "url", app, repo, tail);
    gh_put_page(out, "html_url", app, repo, tail);
    gh_put_int(out, "id", row->id);
    gh_put_node(out, "PR", row->id);
    gh_put_int(out, "number", row->number);
    gh_put_text(out, "state", row->closed ? "closed" : "open");
    gh_put_bool(out, "locked", false);
    put_words(app, row, out, "title");
    gh_put_user(out, "user", dice(app, row, 1));
    gh_put_text(out, "body", row->number % 3 ? "Does what it says." : NULL);
    put_lists(app, repo, row, out);
    gh_put_bool(out, "draft", row->number % 7 == 0);
    gh_put_when(out, "created_at", true, row->created_us);
    gh_put_when(out, "updated_at", true, row->updated_us);
    gh_put_when(out, "closed_at", row->closed, row->updated_us);
    gh_put_when(out, "merged_at", row->closed, row->updated_us);
    if (!app->modern) gh_put_text(out, "merge_commit_sha", row->closed ? sha : NULL);
    gh_put_text(out, "author_association", "MEMBER");
    gh_put_key(out, "auto_merge");
    sl_buf_adds(out, "null");
    gh_put_text(out, "active_lock_reason", NULL);
    for (size_t i = 0; i < COUNT(urls); i++) gh_put_url(out, urls[i], app, repo, tail);
    put_links(out, links, COUNT(links));
    put_end(app, repo, row, "head", "topic", out);
    put_end(app, repo, row, "base", "main", out);
}

/* ---- comments and reviews ---- */

static void put_comment(const struct github *app, const struct gh_repo *repo,
                        const struct gh_row *row, bool review, struct sl_buf *out)
{
    static const char *const links[] = {"self", "html", "pull_request"};
    char tail[64], sha[41];

    snprintf(tail, sizeof tail, "/issues/comments/%lld", (long long)row->id);
    gh_put_url(out, "url", app, repo, tail);
    snprintf(tail, sizeof tail, "/issues/%lld#comment", (long long)row->parent);
    gh_put_page(out, "html_url", app, repo, tail);
    gh_put_int(out, "id", row->id);
    gh_put_node(out, review ? "PRRC" : "IC", row->id);
    gh_put_user(out, "user", dice(app, row, 1));
    gh_put_when(out, "created_at", true, row->created_us);
    gh_put_when(out, "updated_at", true, row->updated_us);
    put_words(app, row, out, "body");
    gh_put_text(out, "author_association", "NONE");
    put_counts(out, dice(app, row, 4));
    snprintf(tail, sizeof tail, review ? "/pulls/%lld" : "/issues/%lld", (long long)row->parent);
    gh_put_url(out, review ? "pull_request_url" : "issue_url", app, repo, tail);
    if (!review) return;
    gh_sha(repo, row, sha);
    put_links(out, links, COUNT(links));
    gh_put_int(out, "pull_request_review_id", row->id + 1);
    gh_put_text(out, "diff_hunk", "@@ -1 +1 @@");
    gh_put_text(out, "path", "src/main.c");
    gh_put_text(out, "commit_id", sha);
    gh_put_text(out, "original_commit_id", sha);
    gh_put_int(out, "line", row->number + 1);
    gh_put_text(out, "side", "RIGHT");
}

static void put_review(const struct github *app, const struct gh_repo *repo,
                       const struct gh_row *row, struct sl_buf *out)
{
    static const char *const links[] = {"html", "pull_request"};
    static const char *const states[] = {"APPROVED", "COMMENTED", "CHANGES_REQUESTED"};
    uint64_t d = dice(app, row, 1);
    char tail[64], sha[41];

    gh_sha(repo, row, sha);
    gh_put_int(out, "id", row->id);
    gh_put_node(out, "PRR", row->id);
    gh_put_user(out, "user", d);
    put_words(app, row, out, "body");
    gh_put_text(out, "state", row->closed ? "DISMISSED" : states[d % COUNT(states)]);
    snprintf(tail, sizeof tail, "/pull/%lld#review", (long long)row->parent);
    gh_put_page(out, "html_url", app, repo, tail);
    snprintf(tail, sizeof tail, "/pulls/%lld", (long long)row->parent);
    gh_put_url(out, "pull_request_url", app, repo, tail);
    gh_put_text(out, "author_association", "MEMBER");
    gh_put_when(out, "submitted_at", true, row->created_us);
    gh_put_text(out, "commit_id", d % 17 ? sha : NULL);
    put_links(out, links, COUNT(links));
}

/* ---- code ---- */

static void put_git_user(struct sl_buf *out, const char *key, uint64_t pick, int64_t us)
{
    char mail[80];

    gh_put_key(out, key);
    sl_buf_addc(out, '{');
    snprintf(mail, sizeof mail, "%s@example.org", gh_login(pick));
    gh_put_text(out, "name", gh_login(pick));
    gh_put_text(out, "email", mail);
    gh_put_when(out, "date", true, us);
    sl_buf_addc(out, '}');
}

static void put_commit(const struct github *app, const struct gh_repo *repo,
                       const struct gh_row *row, struct sl_buf *out)
{
    uint64_t d = dice(app, row, 1);
    char sha[41], tail[80];

    gh_sha(repo, row, sha);
    snprintf(tail, sizeof tail, "/commits/%s", sha);
    gh_put_text(out, "sha", sha);
    gh_put_node(out, "C", row->id);
    gh_put_key(out, "commit");
    sl_buf_addc(out, '{');
    put_git_user(out, "author", d, row->created_us);
    put_git_user(out, "committer", d, row->updated_us);
    put_words(app, row, out, "message");
    gh_put_int(out, "comment_count", 0);
    gh_put_url(out, "url", app, repo, tail);
    gh_put_key(out, "tree");
    sl_buf_addf(out, "{\"sha\":\"%s\",\"url\":\"https://api.github.example/tree\"}", sha);
    sl_buf_addc(out, '}');
    gh_put_url(out, "comments_url", app, repo, tail);
    gh_put_url(out, "url", app, repo, tail);
    gh_put_page(out, "html_url", app, repo, tail);
    /* Nobody's mail: null; sometimes an object without members. */
    if (d % 10 == 7) {
        gh_put_key(out, "author");
        sl_buf_adds(out, "{}");
    } else {
        gh_put_user(out, "author", d);
    }
    gh_put_user(out, "committer", d);
    gh_put_key(out, "parents");
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
    gh_put_text(out, "name", name);
    gh_put_key(out, "commit");
    sl_buf_addc(out, '{');
    gh_put_text(out, "sha", sha);
    gh_put_url(out, "url", app, repo, "/commits");
    sl_buf_addc(out, '}');
    if (tag) {
        gh_put_url(out, "zipball_url", app, repo, "/zipball");
        gh_put_url(out, "tarball_url", app, repo, "/tarball");
        gh_put_node(out, "REF", row->id);
    } else {
        gh_put_bool(out, "protected", row->number == 1);
        gh_put_url(out, "protection_url", app, repo, "/protection");
    }
}

static void put_release(const struct github *app, const struct gh_repo *repo,
                        const struct gh_row *row, struct sl_buf *out)
{
    static const char *const urls[] = {"assets_url", "upload_url", "tarball_url", "zipball_url"};
    char tag[64];

    snprintf(tag, sizeof tag, "v1.%03lld", (long long)row->number);
    gh_put_url(out, "url", app, repo, "/releases");
    gh_put_page(out, "html_url", app, repo, "/releases");
    gh_put_int(out, "id", row->id);
    gh_put_node(out, "RE", row->id);
    gh_put_text(out, "tag_name", tag);
    gh_put_text(out, "target_commitish", "main");
    put_words(app, row, out, "name");
    gh_put_text(out, "body", "What changed.");
    gh_put_bool(out, "draft", false);
    gh_put_bool(out, "prerelease", row->number % 4 == 0);
    gh_put_when(out, "created_at", true, row->created_us);
    gh_put_when(out, "published_at", true, row->created_us);
    for (size_t i = 0; i < COUNT(urls); i++) gh_put_url(out, urls[i], app, repo, "/releases/of-it");
    gh_put_key(out, "author");
    sl_buf_addc(out, '{');
    gh_put_person(out, dice(app, row, 1));
    sl_buf_addc(out, '}');
    gh_put_key(out, "assets");
    sl_buf_adds(out, "[{");
    gh_put_url(out, "url", app, repo, "/releases/assets");
    gh_put_url(out, "browser_download_url", app, repo, "/releases/download");
    gh_put_int(out, "id", row->id + 1);
    gh_put_node(out, "RA", row->id + 1);
    gh_put_text(out, "name", "rocket.tar.gz");
    gh_put_text(out, "label", NULL);
    gh_put_text(out, "digest", NULL);
    gh_put_text(out, "state", "uploaded");
    gh_put_text(out, "content_type", "application/gzip");
    gh_put_int(out, "size", row->number * 1000);
    gh_put_int(out, "download_count", row->version);
    gh_put_when(out, "created_at", true, row->created_us);
    gh_put_when(out, "updated_at", true, row->updated_us);
    gh_put_key(out, "uploader");
    sl_buf_addc(out, '{');
    gh_put_person(out, 1);
    sl_buf_adds(out, "}}]");
}

/* ---- people ---- */

static void put_member(const struct gh_row *row, bool permissions, struct sl_buf *out)
{
    char login[64];

    snprintf(login, sizeof login, "member-%lld", (long long)row->number);
    gh_put_login(out, login, row->id, "User");
    if (!permissions) return;
    gh_put_key(out, "permissions");
    sl_buf_addf(out,
                "{\"pull\":true,\"triage\":true,\"push\":%s,\"maintain\":false,\"admin\":false}",
                row->version % 2 ? "false" : "true");
    gh_put_text(out, "role_name", row->version % 2 ? "triage" : "write");
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
