/*
 * github.h: what the files of this connector share.
 *
 *   github.c    options, limits, requests, the connector itself
 *   classify.c  what an answer means
 *   tables.c    the tables and their columns
 *   place.c     which owner or repository is meant, and the list of an owner's repositories
 *   check.c     the token and what it may see, each tested
 *   discover.c  namespaces and tables
 *   read.c      the root of a read: owner's tables itself, all others a sub-task a repository
 *   repo.c      one repository: what changed, or everything
 *   list.c      ... a whole list
 *   commits.c   ... its commits
 *   reviews.c   ... the reviews of its pull requests
 *   cursor.c    what one run leaves to the next, for each repository
 *
 * A namespace is an owner ("acme": all its repositories in one table) or one repository
 * ("acme/widgets"). Rows belong to a repository's id, which stays when it is renamed.
 */
#ifndef GITHUB_H
#define GITHUB_H

#include <sluice/connector.h>
#include <sluice/paging.h>

#define GITHUB_NAME_MAX 128 /* of an owner (39 characters) or a repository (100) */
#define GITHUB_ETAG_MAX 96  /* W/"" and 64 digits */
#define GITHUB_URL_MAX 1024 /* of what is kept; theirs have some 200 characters */
#define GITHUB_SHA_MAX 72   /* SHA-1 has 40 digits, SHA-256 64 */
#define GITHUB_PAGE_ROWS 100
#define GITHUB_CURSOR_VERSION 1
/* The cursors of a table's repositories have SL_CURSOR_MAX together: the first ones keep ETags of all
 * pages of a list, more keep one, and there is an end. */
#define GITHUB_REPOS_WITH_ETAGS 250
#define GITHUB_REPOS_WITH_ETAG 700
#define GITHUB_REPOS_MAX 1600
#define GITHUB_LIST_PAGES 64 /* of a list, that are watched while it is read */
#define GITHUB_ETAGS 8       /* ... whose ETags are kept for the next run */
#define GITHUB_HOUR_KEY "github/hour/{credential}"
#define GITHUB_MINUTE_KEY "github/minute/{credential}"
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* How the rows of a repository's table are found. */
enum github_way {
    GITHUB_UPDATED, /* the newest first by updated_at; all of them by `since` */
    GITHUB_PULLS,   /* the newest first by updated_at; all of them by created_at */
    GITHUB_REVIEWS, /* those of the pull requests that changed */
    GITHUB_COMMITS, /* what the branch has that it did not have before */
    GITHUB_LIST,    /* the whole list */
    /* not of a repository */
    GITHUB_OWNER, /* repositories, teams */
    GITHUB_TOKEN, /* users, organizations */
};

struct github_table {
    const char *name;
    enum github_way way;
    const char *path[2]; /* below the repository: "issues", "comments" */
    const char *row;     /* LIST: what tells rows apart: "id", "name" */
    bool states;         /* takes state=all */
    const char *const *key;
    const char *cursor;
    enum sl_ingestion ingestion;
    bool costly; /* to read whole: that is due once a week */
    const struct sl_column *columns;
    size_t column_count;
    const char *comment;
};
extern const struct github_table github_tables[];
extern const size_t github_table_count;
const struct github_table *github_table(const char *name); /* NULL: unknown; name may be NULL */

/* Which answer a task waits for. */
enum github_stage {
    GITHUB_START,
    GITHUB_ASK_USER,  /* whose token is it? */
    GITHUB_ASK_OWNER, /* an owner, or a repository */
    GITHUB_ASK_ORGS,
    GITHUB_ASK_REPOS, /* an owner's repositories */
    GITHUB_SAMPLE,    /* check: one row of a list */
    GITHUB_ROWS,      /* owner's tables */
    GITHUB_PROBE,     /* the first page, the newest first */
    GITHUB_WALK,      /* further pages */
    GITHUB_COMPARE,   /* commits: what head has and base has not */
    GITHUB_PULL,      /* reviews of one pull request */
    GITHUB_RECHECK,   /* a list of several pages: is each as it was in the last run? */
    GITHUB_VERIFY,    /* did rows move while pages were fetched? */
};

enum github_place_kind { GITHUB_NOWHERE, GITHUB_SELF, GITHUB_USER, GITHUB_ORG, GITHUB_REPO };

/* Flags of a repository in a list. */
enum { GITHUB_ARCHIVED = 1, GITHUB_FORK = 2, GITHUB_NO_PUSH = 4 };

/* What a namespace is. */
struct github_place {
    enum github_place_kind kind;
    char owner[GITHUB_NAME_MAX], name[GITHUB_NAME_MAX]; /* name: of the repository */
    int64_t id;                                         /* of the owner or the repository */
    int64_t flags;                                      /* of the repository */
};

/* A page of a whole list. */
struct github_page {
    uint64_t last_row; /* hash of what tells it from others */
    char etag[GITHUB_ETAG_MAX];
};

struct github_cursor {
    char mark[20]; /* of what it holds for: options, the repository's name */
    int64_t at_us; /* the newest updated_at that was read; SL_NO_TIME: there was none */
    char etag[GITHUB_ETAG_MAX];                /* of the first page; "": not known */
    char etags[GITHUB_ETAGS][GITHUB_ETAG_MAX]; /* a list of several pages: of all of them */
    int etags_count;
    char head[GITHUB_SHA_MAX]; /* commits: the branch's tip */
    char next[GITHUB_URL_MAX]; /* a first load goes on here; "": it is done */
};

struct github {
    struct sl_task task; /* first: the engine fills it */

    /* connection options */
    bool token;
    const char *base_url, *api_version;
    const struct sl_json *owners; /* array of strings, or NULL */
    int64_t requests_per_hour, requests_per_minute;

    /* table options */
    const char *owner, *repo, *org, *state, *branch, *start_date;
    int64_t per_page, lookback_seconds, pull_number, max_records_per_batch, window_seconds;
    bool archived, forks, unknown_fields;
    const struct sl_json *exclude_repositories;

    /* what this task does */
    const struct github_table *table;
    enum github_stage stage;
    bool checking;            /* refusals are findings */
    char url[GITHUB_URL_MAX]; /* of the request under way */
    int limited;              /* how often it met a used-up hour */
    int64_t limit;            /* of an hour, as the source says; 0: unknown */
    struct github_place place;
    char self_login[GITHUB_NAME_MAX];
    int64_t self_id;
    bool self_known;
    size_t owner_index;           /* check, discover: of `owners` */
    int sample;                   /* check: which */
    struct sl_json_writer *repos; /* discover: an owner's repositories, as they come */
    int64_t repos_count, left_out;
    int64_t place_in_list; /* of this repository among those of the table */
    struct sl_pages pages;
    char next[GITHUB_URL_MAX]; /* the page after the newest; "": none */

    /* read: one repository, or an owner's table */
    int64_t page_rows; /* asked for; halved when the source takes too long */
    bool whole;        /* everything is wanted */
    bool ascending;    /* WALK: from the oldest on */
    struct github_cursor old, new;
    int64_t since_us;   /* UPDATED: of the page under way; SL_NO_TIME: none */
    int64_t start_us;   /* start_date; SL_NO_TIME: none */
    int64_t after_us;   /* rows from here on are wanted */
    int64_t unreleased; /* pages since the last release point */
    bool snapshot;      /* rows leave the list without a word: each run reads it whole */
    struct github_page list[GITHUB_LIST_PAGES]; /* LIST: as they were read */
    int64_t list_count, list_at;
    bool last_full;     /* ... its last page */
    bool listing_repos; /* it is that of an owner's repositories, for discover or a root */
    int64_t compared, compared_total; /* COMPARE */
    int64_t pulls[GITHUB_PAGE_ROWS];  /* REVIEWS: pull requests of the page */
    int pulls_count, pull;
    char next_pulls[GITHUB_URL_MAX]; /* ... and the page after it */
    bool last_pulls;                 /* ... unless it is the last one */
};

/* ---- github.c ---- */

/* url is below base_url. */
SL_MUST_USE enum sl_code github_ask(struct github *self, enum github_stage stage, const char *url,
                                    struct sl_out *out, struct sl_error *error);
/* ... if it is not what had this ETag ("": in any case). */
SL_MUST_USE enum sl_code github_ask_if_changed(struct github *self, enum github_stage stage,
                                               const char *url, const char *etag,
                                               struct sl_out *out, struct sl_error *error);
/* Follows self->next, which a Link header said. */
SL_MUST_USE enum sl_code github_ask_next(struct github *self, enum github_stage stage,
                                         struct sl_out *out, struct sl_error *error);
/* Every answer: its limits, and the page that follows it, into self->next. */
SL_MUST_USE enum sl_code github_take(struct github *self, const struct sl_response *response,
                                     struct sl_out *out, struct sl_error *error);
/* Is this a refusal because the token's hour is used up? *resets_us: by GitHub's clock. */
bool github_hour_is_over(const struct sl_response *response, int64_t *resets_us);
/* ... then SL_MORE: the same request once more when the next one begins. SL_OK: it is not. */
SL_MUST_USE enum sl_code github_wait_for_hour(struct github *self,
                                              const struct sl_response *response,
                                              struct sl_out *out, struct sl_error *error);
/* The array that a list is. */
SL_MUST_USE enum sl_code github_rows(const struct sl_response *response,
                                     const struct sl_json **rows, struct sl_error *error);
bool github_keep(char *out, size_t cap, const char *text); /* false: missing, or too long */
bool github_time(const struct sl_json *value, int64_t *us);
void github_put_time(char out[SL_TIME_TEXT_MAX], int64_t us); /* "2026-03-02T09:00:00Z" */

/* ---- the steps ---- */

sl_step_fn github_check, github_discover, github_read;
void github_release(void *task);
void github_classify(const void *task, const struct sl_response *response,
                     struct sl_verdict *verdict);

/* ---- place.c ---- */

/* What the specification names: "acme", "acme/widgets"; "" when it names nothing. */
SL_MUST_USE enum sl_code github_named(const struct github *self, char out[2 * GITHUB_NAME_MAX],
                                      struct sl_error *error);
/* Finds out what a name is: SL_MORE, then github_place_answer() with each answer until SL_DONE:
 * self->place is filled. */
SL_MUST_USE enum sl_code github_find_place(struct github *self, const char *name,
                                           struct sl_out *out, struct sl_error *error);
SL_MUST_USE enum sl_code github_place_answer(struct github *self,
                                             const struct sl_response *response, struct sl_out *out,
                                             struct sl_error *error);
SL_MUST_USE enum sl_code github_ask_user(struct github *self, struct sl_out *out,
                                         struct sl_error *error);
SL_MUST_USE enum sl_code github_take_user(struct github *self, const struct sl_response *response,
                                          struct sl_error *error);
SL_MUST_USE enum sl_code github_ask_orgs(struct github *self, struct sl_out *out,
                                         struct sl_error *error);
/* The repositories of self->place, oldest first. */
void github_repos_url(const struct github *self, int64_t rows, struct sl_url *url);
SL_MUST_USE enum sl_code github_ask_repos(struct github *self, int64_t rows, struct sl_out *out,
                                          struct sl_error *error);
bool github_take_repo(const struct sl_json *object, struct github_place *out);
/* A place as JSON for a table's state, and back. */
void github_put_place(const struct github *self, struct sl_json_writer *w);
bool github_state_place(struct github *self);

/* ---- repo.c ---- */

enum sl_code github_read_repo(struct github *self, const struct sl_response *response,
                              struct sl_out *out, struct sl_error *error);
SL_MUST_USE enum sl_code github_probe(struct github *self, struct sl_out *out,
                                      struct sl_error *error);
/* .../repos/{owner}/{name}, and the table's list below it */
void github_list_url(const struct github *self, struct sl_url *url);
void github_repo_url(const struct github *self, struct sl_url *url);
/* One row, or an array of them, of this repository. pull 0: none. */
SL_MUST_USE enum sl_code github_emit(struct github *self, const struct sl_json *rows, int64_t pull,
                                     struct sl_out *out, struct sl_error *error);
/* All of this repository was emitted. */
SL_MUST_USE enum sl_code github_complete(struct github *self, struct sl_out *out,
                                         struct sl_error *error);
/* The end of a repository: complete when everything was read, the cursor, SL_DONE. */
SL_MUST_USE enum sl_code github_finish(struct github *self, struct sl_out *out,
                                       struct sl_error *error);
/* A first load says now and then how far it came: self->next. */
SL_MUST_USE enum sl_code github_maybe_release(struct github *self, struct sl_out *out,
                                              struct sl_error *error);
/* The newest and the oldest updated_at of a page; false: a row has none. */
bool github_span(const struct sl_json *rows, int64_t *oldest_us, int64_t *newest_us);

/* ---- list.c, commits.c, reviews.c ---- */

/* The first page of a list, or whether its pages are as they were. */
SL_MUST_USE enum sl_code github_begin_list(struct github *self, struct sl_out *out,
                                           struct sl_error *error);
/* Did rows move while pages were fetched? Every page is watched as it comes; at the end they are asked
 * for again: SL_MORE, then github_page_checked() with each answer until SL_DONE. SL_BAD_DATA,
 * retryable: they did. */
void github_watch_page(struct github *self, const struct sl_response *response,
                       const struct sl_json *rows);
SL_MUST_USE enum sl_code github_check_pages(struct github *self, struct sl_out *out,
                                            struct sl_error *error);
SL_MUST_USE enum sl_code github_page_checked(struct github *self,
                                             const struct sl_response *response, struct sl_out *out,
                                             struct sl_error *error);
SL_MUST_USE enum sl_code github_list_answer(struct github *self, const struct sl_response *response,
                                            struct sl_out *out, struct sl_error *error);

SL_MUST_USE enum sl_code github_commits_answer(struct github *self,
                                               const struct sl_response *response,
                                               struct sl_out *out, struct sl_error *error);
SL_MUST_USE enum sl_code github_reviews_answer(struct github *self,
                                               const struct sl_response *response,
                                               struct sl_out *out, struct sl_error *error);
SL_MUST_USE enum sl_code github_ask_pull(struct github *self, int64_t number, struct sl_out *out,
                                         struct sl_error *error);

/* ---- cursor.c ---- */

/* Reads task->cursor into self->old; false: there is none that can be gone on from. */
bool github_take_cursor(struct github *self, struct sl_out *out);
SL_MUST_USE enum sl_code github_put_cursor(struct github *self, struct sl_out *out,
                                           struct sl_error *error);

#endif
