/* owners.c: owners and their repositories as the API shows them. */
#include "sim/github/github.h"

#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "sim/text.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

void gh_put_owner(const struct gh_owner *owner, bool whole, struct sl_buf *out)
{
    sl_buf_addc(out, '{');
    gh_put_login(out, owner->login, owner->id, owner->organization ? "Organization" : "User");
    if (whole) {
        gh_put_text(out, "name", "An Invented Account");
        gh_put_text(out, "company", NULL);
        gh_put_text(out, "blog", "");
        gh_put_text(out, "location", "Nowhere");
        gh_put_text(out, "email", NULL);
        gh_put_text(out, "bio", NULL);
        gh_put_key(out, "hireable");
        sl_buf_adds(out, "null");
        gh_put_int(out, "public_repos", 3);
        gh_put_int(out, "public_gists", 0);
        gh_put_int(out, "followers", 1);
        gh_put_int(out, "following", 2);
        gh_put_when(out, "created_at", true, owner->created_us);
        gh_put_when(out, "updated_at", true, owner->created_us + SL_DAY_US);
    }
    sl_buf_addc(out, '}');
}

void gh_put_organization(const struct github *app, const struct gh_owner *owner, struct sl_buf *out)
{
    static const char *const urls[] = {
        "url",        "repos_url",   "events_url",        "hooks_url",
        "issues_url", "members_url", "public_members_url"};

    sl_buf_addc(out, '{');
    gh_put_text(out, "login", owner->login);
    gh_put_int(out, "id", owner->id);
    gh_put_node(out, "O", owner->id);
    for (size_t i = 0; i < COUNT(urls); i++) {
        gh_put_key(out, urls[i]);
        sl_buf_addf(out, "\"%s/orgs/%s\"", app->base_url, owner->login);
    }
    gh_put_text(out, "avatar_url", "https://avatars.github.example/u/2?v=4");
    gh_put_text(out, "description", "An invented organisation");
    sl_buf_addc(out, '}');
}

void gh_put_team(const struct github *app, const struct gh_owner *owner, int index,
                 struct sl_buf *out)
{
    static const char *const urls[] = {"url", "html_url", "members_url", "repositories_url"};
    char name[64];

    sl_buf_addc(out, '{');
    gh_put_int(out, "id", owner->id * 100 + index);
    gh_put_node(out, "T", owner->id * 100 + index);
    snprintf(name, sizeof name, "Crew %d%s", index + 1, app->teams_version ? " (new)" : "");
    gh_put_text(out, "name", name);
    snprintf(name, sizeof name, "crew-%d", index + 1);
    gh_put_text(out, "slug", name);
    gh_put_text(out, "description", index % 2 ? NULL : "They fly.");
    gh_put_text(out, "privacy", "closed");
    gh_put_text(out, "notification_setting", "notifications_enabled");
    gh_put_text(out, "permission", "pull");
    gh_put_text(out, "type", "organization");
    for (size_t i = 0; i < COUNT(urls); i++) {
        gh_put_key(out, urls[i]);
        sl_buf_addf(out, "\"%s/organizations/%lld/team\"", app->base_url, (long long)owner->id);
    }
    gh_put_key(out, "parent");
    sl_buf_adds(out, "null");
    sl_buf_addc(out, '}');
}

void gh_put_repo(const struct github *app, const struct gh_repo *repo, struct sl_buf *out)
{
    const struct gh_owner *owner = &app->owners[repo->owner];
    static const char *const urls[] = {
        "archive_url",       "assignees_url",    "blobs_url",         "branches_url",
        "collaborators_url", "comments_url",     "commits_url",       "compare_url",
        "contents_url",      "contributors_url", "deployments_url",   "downloads_url",
        "events_url",        "forks_url",        "git_commits_url",   "git_refs_url",
        "git_tags_url",      "hooks_url",        "issue_comment_url", "issue_events_url",
        "issues_url",        "keys_url",         "labels_url",        "languages_url",
        "merges_url",        "milestones_url",   "notifications_url", "pulls_url",
        "releases_url",      "stargazers_url",   "statuses_url",      "subscribers_url",
        "subscription_url",  "tags_url",         "teams_url",         "trees_url",
        "git_url",           "ssh_url",          "clone_url",         "svn_url"};
    char name[GH_NAME_MAX * 2];

    sl_buf_addc(out, '{');
    gh_put_int(out, "id", repo->id);
    gh_put_node(out, "R", repo->id);
    gh_put_text(out, "name", repo->name);
    snprintf(name, sizeof name, "%s/%s", owner->login, repo->name);
    gh_put_text(out, "full_name", name);
    gh_put_bool(out, "private", repo->private_);
    gh_put_key(out, "owner");
    gh_put_owner(owner, false, out);
    gh_put_page(out, "html_url", app, repo, "");
    gh_put_text(out, "description", "An invented repository");
    gh_put_bool(out, "fork", repo->fork);
    gh_put_url(out, "url", app, repo, "");
    for (size_t i = 0; i < COUNT(urls); i++) gh_put_url(out, urls[i], app, repo, "/of-it");
    gh_put_when(out, "created_at", true, repo->created_us);
    gh_put_when(out, "updated_at", true, repo->updated_us);
    gh_put_when(out, "pushed_at", true, repo->pushed_us);
    gh_put_text(out, "homepage", NULL);
    gh_put_int(out, "size", 108);
    gh_put_int(out, "stargazers_count", 3);
    gh_put_int(out, "watchers_count", 3);
    gh_put_text(out, "language", "C");
    gh_put_bool(out, "has_issues", !repo->no_issues);
    gh_put_bool(out, "has_projects", true);
    gh_put_bool(out, "has_wiki", false);
    gh_put_bool(out, "has_pages", false);
    if (!app->modern) gh_put_bool(out, "has_downloads", true);
    gh_put_bool(out, "has_discussions", false);
    gh_put_int(out, "forks_count", 1);
    gh_put_int(out, "forks", 1);
    gh_put_int(out, "open_issues", 2);
    gh_put_int(out, "watchers", 3);
    gh_put_text(out, "mirror_url", NULL);
    gh_put_bool(out, "archived", repo->archived);
    gh_put_bool(out, "disabled", false);
    gh_put_int(out, "open_issues_count", 2);
    gh_put_key(out, "license");
    sl_buf_adds(out, repo->id % 2 ? "null"
                                  : "{\"key\":\"mit\",\"name\":\"MIT License\",\"spdx_id\":\"MIT\","
                                    "\"url\":null,\"node_id\":\"MDc6\"}");
    gh_put_bool(out, "is_template", false);
    gh_put_key(out, "topics");
    sl_buf_adds(out, "[\"rockets\",\"invented\"]");
    gh_put_text(out, "visibility", repo->private_ ? "private" : "public");
    gh_put_text(out, "default_branch", "main");
    gh_put_key(out, "permissions");
    sl_buf_addf(out,
                "{\"admin\":false,\"maintain\":false,\"push\":%s,\"triage\":true,\"pull\":true}",
                repo->no_push ? "false" : "true");
    sl_buf_addc(out, '}');
}
