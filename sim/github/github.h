/*
 * github.h: the REST API of GitHub, as far as reading goes: owners, repositories and what is in them.
 *
 *   github.c  routes
 *   admit.c   credentials, limits, refusals, conditional requests
 *   list.c    which rows a request lists: filters, order, pages, Link
 *   rows.c    a row as JSON
 *   owners.c  owners, teams and repositories as JSON
 *   put.c     the members of an object
 *   data.c    the data sets
 *   ops.c     operations, the truth
 *
 * A row is a few numbers; its texts are made from them when it is shown. A repository keeps the rows
 * of each kind in the order of their making.
 */
#ifndef SIM_GITHUB_H
#define SIM_GITHUB_H

#include "base/buf.h"
#include "sim/sim.h"

#define GH_OWNERS_MAX 8
#define GH_NAME_MAX 64

enum gh_kind { /* what a repository holds, and the table it lands in */
               GH_ISSUES,
               GH_PULLS,
               GH_COMMENTS,
               GH_REVIEW_COMMENTS,
               GH_REVIEWS,
               GH_COMMITS,
               GH_BRANCHES,
               GH_TAGS,
               GH_ASSIGNEES,
               GH_COLLABORATORS,
               GH_LABELS,
               GH_MILESTONES,
               GH_RELEASES,
               GH_KINDS,
               /* tables of an owner, or of the token */
               GH_REPOSITORIES = GH_KINDS,
               GH_TEAMS,
               GH_ORGANIZATIONS,
               GH_USERS,
               GH_TABLES,
};

struct gh_row {
    int64_t id, number;
    int64_t parent; /* comments: the number of the issue; reviews and their comments: of the pull */
    int64_t created_us, updated_us; /* whole seconds; commits: author's and committer's time */
    uint32_t version;               /* counts edits */
    bool closed, gone;              /* commits: gone is no longer reachable */
    bool pull;                      /* issues: it is the issue of a pull request */
    char *text;                     /* title, body, message: given by an operation; or NULL */
};

struct gh_rows {
    struct gh_row *list;
    size_t count, cap;
};

struct gh_repo {
    int64_t id;
    int owner; /* index */
    char name[GH_NAME_MAX];
    char old_owner[GH_NAME_MAX], old_name[GH_NAME_MAX]; /* before it was renamed; "": never */
    int64_t created_us, updated_us, pushed_us;
    bool private_, archived, fork, no_push, no_issues, gone;
    int64_t number; /* the last of its issues and pulls */
    struct gh_rows rows[GH_KINDS];
};

struct gh_owner {
    int64_t id;
    char login[GH_NAME_MAX];
    bool organization;
    int64_t created_us;
    int teams;
};

struct github {
    struct gh_owner owners[GH_OWNERS_MAX]; /* [0] is the user of the token */
    int owner_count;
    struct gh_repo *repos;
    size_t repo_count, repo_cap;
    uint64_t seed;
    int64_t next_id, start_us, now_us;
    int days; /* operations "day" so far */
    char token[GH_NAME_MAX], base_url[160];
    bool revoked, forbidden[GH_TABLES], no_org_scope;
    bool no_user; /* the token is that of an app's installation */
    bool modern;  /* the request under way asked for version 2026-03-10 */
    char forbidden_repo[GH_NAME_MAX];
    /* the primary limit: a window that begins with its first request */
    bool unlimited;
    int64_t limit, used, used_max, resets_us, conditional, unchanged;
    /* behaviours */
    int64_t late_s;        /* lists show what changed so much later */
    int64_t page_rows_max; /* a page of more rows takes too long: 502; 0: none does */
    int64_t teams_version;
};

/* ---- admit.c ---- */

#define GH_SECONDARY_PENALTY_S 60

void gh_reply_error(struct sim_reply *reply, int status, const char *message);
bool gh_fail(void *state, const char *name, const struct sim_fault *params,
             const struct sim_request *request, struct sim_reply *reply);
/* Agent, token and version; false: the reply says what is wrong. */
bool gh_admitted(struct github *app, const struct sim_request *request, struct sim_reply *reply);
/* One more of the hour; false: it is used up, as the reply says. */
bool gh_within_limit(struct github *app, struct sim_reply *reply);
void gh_put_limit_headers(const struct github *app, struct sim_reply *reply);
/* A 200 gets an ETag; who has it already gets a 304, which does not count. */
void gh_conditional(struct github *app, const struct sim_request *request, struct sim_reply *reply);
void gh_put_rate_limit(const struct github *app, struct sl_buf *out);

/* ---- data.c ---- */

enum sl_code gh_seed(struct github *app, const struct sim_options *options, struct sl_error *error);
struct gh_repo *gh_add_repo(struct github *app, int owner, const char *name);
/* A row made now; NULL: no memory. Valid until the next one. */
struct gh_row *gh_add_row(struct github *app, struct gh_repo *repo, enum gh_kind kind,
                          int64_t at_us);
/* An issue, or a pull request with its issue. */
struct gh_row *gh_add_issue(struct github *app, struct gh_repo *repo, bool pull, int64_t at_us);
void gh_release(struct github *app);

/* ---- list.c ---- */

/* The page of rows that a request asks for, appended to out as a JSON array. *next, *last: numbers
 * of pages, 0: none. parent 0: any. */
struct gh_page {
    int64_t number, size, next, last;
};
enum sl_code gh_list(struct github *app, const struct gh_repo *repo, enum gh_kind kind,
                     int64_t parent, const char *query, struct gh_page *page, struct sl_buf *out,
                     struct sl_error *error);
/* Which rows of `total` a page holds. */
void gh_page_of(const char *query, int64_t total, struct gh_page *page);
/* The commits of head that base does not have: {"commits":[...]}; false: base is unknown. */
bool gh_compare(struct github *app, const struct gh_repo *repo, const char *base, const char *head,
                const char *query, struct gh_page *page, struct sl_buf *out);

/* ---- put.c: "key":value, with a comma where it is not the first ---- */

void gh_put_key(struct sl_buf *out, const char *key);
void gh_put_int(struct sl_buf *out, const char *key, int64_t number);
void gh_put_text(struct sl_buf *out, const char *key, const char *text);
void gh_put_bool(struct sl_buf *out, const char *key, bool truth);
void gh_put_when(struct sl_buf *out, const char *key, bool given, int64_t us);
/* "<base>/repos/owner/name<tail>", and the page of it for people */
void gh_put_url(struct sl_buf *out, const char *key, const struct github *app,
                const struct gh_repo *repo, const char *tail);
void gh_put_page(struct sl_buf *out, const char *key, const struct github *app,
                 const struct gh_repo *repo, const char *tail);
void gh_put_node(struct sl_buf *out, const char *kind, int64_t id);
void gh_put_login(struct sl_buf *out, const char *login, int64_t id, const char *type);
const char *gh_login(uint64_t pick);
void gh_put_person(struct sl_buf *out, uint64_t pick);
void gh_put_user(struct sl_buf *out, const char *key, uint64_t pick); /* or null */
/* "2026-03-02T09:00:00Z" with its quotes */
void gh_put_time(struct sl_buf *out, int64_t us);

/* ---- rows.c ---- */

extern const char *const gh_table_names[GH_TABLES];
void gh_put_row(const struct github *app, const struct gh_repo *repo, enum gh_kind kind,
                const struct gh_row *row, struct sl_buf *out);
void gh_sha(const struct gh_repo *repo, const struct gh_row *row, char out[41]);

/* ---- owners.c ---- */

void gh_put_team(const struct github *app, const struct gh_owner *owner, int index,
                 struct sl_buf *out);
void gh_put_organization(const struct github *app, const struct gh_owner *owner,
                         struct sl_buf *out);
void gh_put_owner(const struct gh_owner *owner, bool whole, struct sl_buf *out);
void gh_put_repo(const struct github *app, const struct gh_repo *repo, struct sl_buf *out);

/* ---- ops.c ---- */

bool gh_has_op(const char *name);
enum sl_code gh_operate(void *state, const struct sl_json *op, int64_t now_us,
                        struct sl_error *error);
enum sl_code gh_truth(void *state, const struct sim_request *request, struct sl_buf *out,
                      struct sl_error *error);

#endif
