/* tables.c: the tables and their columns. */
#include "github.h"

#include <string.h>

/* clang-format off */
#define TEXT {.kind = SL_TYPE_STRING}
#define INT {.kind = SL_TYPE_BIGINT}
#define BOOL {.kind = SL_TYPE_BOOLEAN}
#define TIME {.kind = SL_TYPE_TIMESTAMP}
#define STRUCT(m) {.kind = SL_TYPE_STRUCT, .member_count = COUNT(m), .members = (m), .open = true}
#define ARRAY(m) {.kind = SL_TYPE_ARRAY, .member_count = 1, .members = (m)}

static const struct sl_member user_members[] = {
    {.name = "login", .type = TEXT}, {.name = "id", .type = INT}, {.name = "node_id", .type = TEXT},
    {.name = "type", .type = TEXT}, {.name = "site_admin", .type = BOOL},
};
#define USER STRUCT(user_members)
static const struct sl_member user_element[] = {{.name = "element", .type = USER}};
static const struct sl_member text_element[] = {{.name = "element", .type = TEXT}};

static const struct sl_member label_members[] = {
    {.name = "id", .type = INT}, {.name = "node_id", .type = TEXT}, {.name = "name", .type = TEXT},
    {.name = "color", .type = TEXT}, {.name = "description", .type = TEXT},
    {.name = "default", .type = BOOL},
};
static const struct sl_member label_element[] = {{.name = "element", .type = STRUCT(label_members)}};

static const struct sl_member milestone_members[] = {
    {.name = "id", .type = INT}, {.name = "number", .type = INT}, {.name = "title", .type = TEXT},
    {.name = "description", .type = TEXT}, {.name = "state", .type = TEXT},
    {.name = "created_at", .type = TIME}, {.name = "updated_at", .type = TIME},
    {.name = "due_on", .type = TIME}, {.name = "closed_at", .type = TIME},
};

static const struct sl_member reaction_members[] = {
    {.name = "url", .type = TEXT}, {.name = "total_count", .type = INT}, {.name = "+1", .type = INT},
    {.name = "-1", .type = INT}, {.name = "laugh", .type = INT}, {.name = "hooray", .type = INT},
    {.name = "confused", .type = INT}, {.name = "heart", .type = INT},
    {.name = "rocket", .type = INT}, {.name = "eyes", .type = INT},
};

static const struct sl_member issue_pull_members[] = {
    {.name = "url", .type = TEXT}, {.name = "html_url", .type = TEXT},
    {.name = "diff_url", .type = TEXT}, {.name = "patch_url", .type = TEXT},
    {.name = "merged_at", .type = TIME},
};

static const struct sl_member end_repo_members[] = {
    {.name = "id", .type = INT}, {.name = "full_name", .type = TEXT},
};
static const struct sl_member end_members[] = {
    {.name = "label", .type = TEXT}, {.name = "ref", .type = TEXT}, {.name = "sha", .type = TEXT},
    {.name = "user", .type = USER}, {.name = "repo", .type = STRUCT(end_repo_members)},
};

static const struct sl_member commit_ref_members[] = {
    {.name = "sha", .type = TEXT}, {.name = "url", .type = TEXT},
};
static const struct sl_member commit_ref_element[] = {
    {.name = "element", .type = STRUCT(commit_ref_members)},
};

static const struct sl_member permission_members[] = {
    {.name = "admin", .type = BOOL}, {.name = "maintain", .type = BOOL},
    {.name = "push", .type = BOOL}, {.name = "triage", .type = BOOL}, {.name = "pull", .type = BOOL},
};

static const struct sl_member license_members[] = {
    {.name = "key", .type = TEXT}, {.name = "name", .type = TEXT}, {.name = "spdx_id", .type = TEXT},
    {.name = "url", .type = TEXT}, {.name = "node_id", .type = TEXT},
};

static const struct sl_member template_members[] = {
    {.name = "id", .type = INT}, {.name = "node_id", .type = TEXT}, {.name = "name", .type = TEXT},
    {.name = "full_name", .type = TEXT},
};

static const struct sl_member asset_members[] = {
    {.name = "id", .type = INT}, {.name = "name", .type = TEXT},
    {.name = "label", .type = TEXT}, {.name = "digest", .type = TEXT},
    {.name = "content_type", .type = TEXT}, {.name = "size", .type = INT},
    {.name = "download_count", .type = INT}, {.name = "state", .type = TEXT},
    {.name = "created_at", .type = TIME}, {.name = "updated_at", .type = TIME},
    {.name = "browser_download_url", .type = TEXT},
};
static const struct sl_member asset_element[] = {{.name = "element", .type = STRUCT(asset_members)}};

#define COL(n, t) {.name = (n), .type = t}
#define KEY(n, t) {.name = (n), .type = t, .not_null = true}
#define REPOSITORY \
    {.name = "repository_id", .type = INT, .not_null = true, .constant = true}, \
    {.name = "repository_owner", .type = TEXT, .constant = true}, \
    {.name = "repository_name", .type = TEXT, .constant = true}

static const struct sl_column issue_columns[] = {
    KEY("id", INT), COL("node_id", TEXT), COL("number", INT), REPOSITORY, COL("title", TEXT),
    COL("body", TEXT), COL("state", TEXT), COL("state_reason", TEXT), COL("locked", BOOL),
    COL("active_lock_reason", TEXT), COL("draft", BOOL), COL("comments", INT),
    COL("created_at", TIME), COL("updated_at", TIME), COL("closed_at", TIME),
    COL("author_association", TEXT), COL("url", TEXT), COL("html_url", TEXT),
    COL("labels_url", TEXT), COL("comments_url", TEXT), COL("events_url", TEXT),
    COL("timeline_url", TEXT), COL("user", USER), COL("assignee", USER),
    COL("assignees", ARRAY(user_element)), COL("labels", ARRAY(label_element)),
    COL("milestone", STRUCT(milestone_members)), COL("pull_request", STRUCT(issue_pull_members)),
    COL("reactions", STRUCT(reaction_members)),
};

static const struct sl_column pull_columns[] = {
    KEY("id", INT), COL("node_id", TEXT), COL("number", INT), REPOSITORY, COL("state", TEXT),
    COL("title", TEXT), COL("body", TEXT), COL("draft", BOOL), COL("locked", BOOL),
    COL("created_at", TIME), COL("updated_at", TIME), COL("closed_at", TIME),
    COL("merged_at", TIME), COL("merge_commit_sha", TEXT), COL("author_association", TEXT),
    COL("user", USER), COL("assignee", USER), COL("assignees", ARRAY(user_element)),
    COL("requested_reviewers", ARRAY(user_element)), COL("labels", ARRAY(label_element)),
    COL("milestone", STRUCT(milestone_members)), COL("base", STRUCT(end_members)),
    COL("head", STRUCT(end_members)), COL("html_url", TEXT), COL("url", TEXT),
};

static const struct sl_column comment_columns[] = {
    KEY("id", INT), COL("node_id", TEXT), REPOSITORY, COL("issue_url", TEXT),
    COL("html_url", TEXT), COL("url", TEXT), COL("body", TEXT), COL("user", USER),
    COL("created_at", TIME), COL("updated_at", TIME), COL("author_association", TEXT),
    COL("reactions", STRUCT(reaction_members)),
};

static const struct sl_column review_comment_columns[] = {
    KEY("id", INT), COL("node_id", TEXT), REPOSITORY, COL("pull_request_url", TEXT),
    COL("pull_request_review_id", INT), COL("in_reply_to_id", INT), COL("html_url", TEXT),
    COL("url", TEXT), COL("body", TEXT), COL("user", USER), COL("path", TEXT), COL("line", INT),
    COL("original_line", INT), COL("start_line", INT), COL("side", TEXT), COL("start_side", TEXT),
    COL("subject_type", TEXT), COL("diff_hunk", TEXT), COL("commit_id", TEXT),
    COL("original_commit_id", TEXT), COL("created_at", TIME), COL("updated_at", TIME),
    COL("author_association", TEXT), COL("reactions", STRUCT(reaction_members)),
};

static const struct sl_column review_columns[] = {
    KEY("id", INT), COL("node_id", TEXT), REPOSITORY,
    {.name = "pull_number", .type = INT, .constant = true}, COL("state", TEXT), COL("body", TEXT),
    COL("user", USER), COL("commit_id", TEXT), COL("submitted_at", TIME),
    COL("author_association", TEXT), COL("html_url", TEXT),
};

#define AT(n, t, ...) {.name = (n), .type = t, .path = {__VA_ARGS__}}
static const struct sl_column commit_columns[] = {
    KEY("sha", TEXT), COL("node_id", TEXT), REPOSITORY,
    AT("commit_message", TEXT, "commit", "message"),
    AT("commit_author_name", TEXT, "commit", "author", "name"),
    AT("commit_author_email", TEXT, "commit", "author", "email"),
    AT("commit_author_date", TIME, "commit", "author", "date"),
    AT("commit_committer_name", TEXT, "commit", "committer", "name"),
    AT("commit_committer_email", TEXT, "commit", "committer", "email"),
    AT("commit_committer_date", TIME, "commit", "committer", "date"),
    AT("comment_count", INT, "commit", "comment_count"), COL("html_url", TEXT), COL("url", TEXT),
    COL("author", USER), COL("committer", USER), COL("parents", ARRAY(commit_ref_element)),
};

static const struct sl_column branch_columns[] = {
    REPOSITORY, KEY("name", TEXT), COL("commit", STRUCT(commit_ref_members)), COL("protected", BOOL),
    COL("protection_url", TEXT),
};

static const struct sl_column tag_columns[] = {
    REPOSITORY, KEY("name", TEXT), COL("node_id", TEXT), COL("commit", STRUCT(commit_ref_members)),
    COL("zipball_url", TEXT), COL("tarball_url", TEXT),
};

static const struct sl_column assignee_columns[] = {
    REPOSITORY, KEY("id", INT), COL("login", TEXT), COL("node_id", TEXT), COL("type", TEXT),
    COL("site_admin", BOOL),
};

static const struct sl_column collaborator_columns[] = {
    REPOSITORY, KEY("id", INT), COL("login", TEXT), COL("node_id", TEXT), COL("type", TEXT),
    COL("site_admin", BOOL), COL("role_name", TEXT), COL("permissions", STRUCT(permission_members)),
};

static const struct sl_column label_columns[] = {
    KEY("id", INT), COL("node_id", TEXT), REPOSITORY, COL("name", TEXT), COL("color", TEXT),
    COL("description", TEXT), COL("default", BOOL), COL("archived_at", TIME), COL("url", TEXT),
};

static const struct sl_column milestone_columns[] = {
    KEY("id", INT), COL("node_id", TEXT), REPOSITORY, COL("number", INT), COL("title", TEXT),
    COL("description", TEXT), COL("state", TEXT), COL("creator", USER), COL("open_issues", INT),
    COL("closed_issues", INT), COL("created_at", TIME), COL("updated_at", TIME),
    COL("due_on", TIME), COL("closed_at", TIME), COL("html_url", TEXT), COL("url", TEXT),
};

static const struct sl_column release_columns[] = {
    KEY("id", INT), COL("node_id", TEXT), REPOSITORY, COL("tag_name", TEXT),
    COL("target_commitish", TEXT), COL("name", TEXT), COL("body", TEXT), COL("draft", BOOL),
    COL("prerelease", BOOL), COL("created_at", TIME), COL("published_at", TIME),
    COL("author", USER), COL("assets", ARRAY(asset_element)), COL("html_url", TEXT),
    COL("url", TEXT),
};

static const struct sl_column repository_columns[] = {
    KEY("id", INT), COL("node_id", TEXT), AT("repository_owner", TEXT, "owner", "login"),
    AT("repository_name", TEXT, "name"), COL("name", TEXT), COL("full_name", TEXT),
    COL("owner", USER), COL("private", BOOL), COL("html_url", TEXT), COL("description", TEXT),
    COL("fork", BOOL), COL("url", TEXT), COL("archive_url", TEXT), COL("assignees_url", TEXT),
    COL("blobs_url", TEXT), COL("branches_url", TEXT), COL("collaborators_url", TEXT),
    COL("comments_url", TEXT), COL("commits_url", TEXT), COL("compare_url", TEXT),
    COL("contents_url", TEXT), COL("contributors_url", TEXT), COL("deployments_url", TEXT),
    COL("downloads_url", TEXT), COL("events_url", TEXT), COL("forks_url", TEXT),
    COL("git_commits_url", TEXT), COL("git_refs_url", TEXT), COL("git_tags_url", TEXT),
    COL("git_url", TEXT), COL("issue_comment_url", TEXT), COL("issue_events_url", TEXT),
    COL("issues_url", TEXT), COL("keys_url", TEXT), COL("labels_url", TEXT),
    COL("languages_url", TEXT), COL("merges_url", TEXT), COL("milestones_url", TEXT),
    COL("notifications_url", TEXT), COL("pulls_url", TEXT), COL("releases_url", TEXT),
    COL("ssh_url", TEXT), COL("stargazers_url", TEXT), COL("statuses_url", TEXT),
    COL("subscribers_url", TEXT), COL("subscription_url", TEXT), COL("tags_url", TEXT),
    COL("teams_url", TEXT), COL("trees_url", TEXT), COL("clone_url", TEXT), COL("mirror_url", TEXT),
    COL("hooks_url", TEXT), COL("svn_url", TEXT), COL("homepage", TEXT), COL("language", TEXT),
    COL("forks_count", INT), COL("stargazers_count", INT), COL("watchers_count", INT),
    COL("size", INT), COL("default_branch", TEXT), COL("open_issues_count", INT),
    COL("is_template", BOOL), COL("topics", ARRAY(text_element)), COL("has_issues", BOOL),
    COL("has_projects", BOOL), COL("has_wiki", BOOL), COL("has_pages", BOOL),
    COL("has_downloads", BOOL), COL("has_discussions", BOOL), COL("archived", BOOL),
    COL("disabled", BOOL), COL("visibility", TEXT), COL("pushed_at", TIME),
    COL("created_at", TIME), COL("updated_at", TIME), COL("permissions", STRUCT(permission_members)),
    COL("allow_rebase_merge", BOOL), COL("template_repository", STRUCT(template_members)),
    COL("allow_squash_merge", BOOL), COL("allow_merge_commit", BOOL), COL("subscribers_count", INT),
    COL("network_count", INT), COL("license", STRUCT(license_members)),
};

static const struct sl_column organization_columns[] = {
    KEY("id", INT), COL("login", TEXT), COL("node_id", TEXT), COL("url", TEXT),
    COL("repos_url", TEXT), COL("events_url", TEXT), COL("hooks_url", TEXT),
    COL("issues_url", TEXT), COL("members_url", TEXT), COL("public_members_url", TEXT),
    COL("avatar_url", TEXT), COL("description", TEXT),
};

static const struct sl_column team_columns[] = {
    KEY("id", INT), COL("node_id", TEXT),
    {.name = "organization_login", .type = TEXT, .constant = true}, COL("name", TEXT),
    COL("slug", TEXT), COL("description", TEXT), COL("privacy", TEXT),
    COL("notification_setting", TEXT), COL("permission", TEXT),
};

static const struct sl_column token_user_columns[] = {
    KEY("id", INT), COL("login", TEXT), COL("node_id", TEXT), COL("type", TEXT),
    COL("site_admin", BOOL), COL("name", TEXT), COL("company", TEXT), COL("blog", TEXT),
    COL("location", TEXT), COL("email", TEXT), COL("created_at", TIME), COL("updated_at", TIME),
};

static const char *const by_id[] = {"id", NULL};
static const char *const by_repository_and_id[] = {"repository_id", "id", NULL};
static const char *const by_repository_and_name[] = {"repository_id", "name", NULL};
static const char *const by_repository_and_sha[] = {"repository_id", "sha", NULL};

/* All of them are SL_CDC: an unchanged list is told by its ETag, and is not read then. A snapshot would
 * be read in every run. */
#define COLUMNS(c) .columns = (c), .column_count = COUNT(c)

const struct github_table github_tables[] = {
    {.name = "issues", .way = GITHUB_UPDATED, .path = {"issues"}, .states = true, .key = by_id,
     .cursor = "updated_at", .ingestion = SL_CDC, COLUMNS(issue_columns),
     .comment = "Issues, and the issue side of pull requests"},
    {.name = "pull_requests", .way = GITHUB_PULLS, .path = {"pulls"}, .states = true, .key = by_id,
     .cursor = "updated_at", .ingestion = SL_CDC, COLUMNS(pull_columns),
     .comment = "Pull requests"},
    {.name = "comments", .way = GITHUB_UPDATED, .path = {"issues", "comments"}, .key = by_id,
     .cursor = "updated_at", .ingestion = SL_CDC, COLUMNS(comment_columns),
     .comment = "Comments on issues and on the conversation of pull requests"},
    {.name = "review_comments", .way = GITHUB_UPDATED, .path = {"pulls", "comments"}, .key = by_id,
     .cursor = "updated_at", .ingestion = SL_CDC, COLUMNS(review_comment_columns),
     .comment = "Comments on lines of pull requests"},
    {.name = "reviews", .way = GITHUB_REVIEWS, .path = {"pulls"}, .states = true, .key = by_id,
     .ingestion = SL_CDC, .costly = true, COLUMNS(review_columns), .comment = "Reviews of pull requests"},
    {.name = "commits", .way = GITHUB_COMMITS, .path = {"commits"}, .key = by_repository_and_sha,
     .ingestion = SL_CDC, .costly = true, COLUMNS(commit_columns), .comment = "Commits of the default branch"},
    {.name = "branches", .way = GITHUB_LIST, .path = {"branches"}, .row = "name",
     .key = by_repository_and_name, .ingestion = SL_CDC, COLUMNS(branch_columns)},
    {.name = "tags", .way = GITHUB_LIST, .path = {"tags"}, .row = "name",
     .key = by_repository_and_name, .ingestion = SL_CDC, COLUMNS(tag_columns)},
    {.name = "assignees", .way = GITHUB_LIST, .path = {"assignees"}, .row = "id",
     .key = by_repository_and_id, .ingestion = SL_CDC, COLUMNS(assignee_columns),
     .comment = "Who can be given issues"},
    {.name = "collaborators", .way = GITHUB_LIST, .path = {"collaborators"}, .row = "id",
     .key = by_repository_and_id, .ingestion = SL_CDC, COLUMNS(collaborator_columns),
     .comment = "Who has access"},
    {.name = "labels", .way = GITHUB_LIST, .path = {"labels"}, .row = "id", .key = by_id,
     .ingestion = SL_CDC, COLUMNS(label_columns)},
    {.name = "milestones", .way = GITHUB_LIST, .path = {"milestones"}, .row = "id", .states = true,
     .key = by_id, .ingestion = SL_CDC, COLUMNS(milestone_columns)},
    {.name = "releases", .way = GITHUB_LIST, .path = {"releases"}, .row = "id", .key = by_id,
     .ingestion = SL_CDC, COLUMNS(release_columns)},
    {.name = "repositories", .way = GITHUB_OWNER, .row = "id", .key = by_id,
     .ingestion = SL_CDC, COLUMNS(repository_columns)},
    {.name = "teams", .way = GITHUB_OWNER, .row = "id", .key = by_id, .ingestion = SL_CDC,
     COLUMNS(team_columns)},
    {.name = "organizations", .way = GITHUB_TOKEN, .row = "id", .key = by_id,
     .ingestion = SL_CDC, COLUMNS(organization_columns),
     .comment = "Organisations of the token's user"},
    {.name = "users", .way = GITHUB_TOKEN, .row = "id", .key = by_id, .ingestion = SL_CDC,
     COLUMNS(token_user_columns), .comment = "The token's user"},
};
/* clang-format on */
const size_t github_table_count = COUNT(github_tables);

const struct github_table *github_table(const char *name)
{
    for (size_t i = 0; name && i < github_table_count; i++)
        if (strcmp(github_tables[i].name, name) == 0) return &github_tables[i];
    return NULL;
}
