/*
 * zendesk.h: what the files of this connector share.
 *
 *   zendesk.c   options, limits, requests, the connector itself
 *   tables.c    the tables and their columns
 *   classify.c  what an answer means
 *   check.c     credentials, role, exports, help centre and community, each tested
 *   discover.c  custom fields become columns
 *   read.c      one table: which way it is read; lists
 *   export.c    incremental exports, by cursor and by time
 *   comments.c  comments out of ticket events, and those of a ticket once more
 *   fields.c    values of custom fields
 *
 * Zendesk has three ways to show rows:
 *   - an incremental export by cursor (tickets, users): what changed, in the order of the change;
 *   - one by time: the same, but a page begins with the second in which the one before it ended;
 *   - a list: all there is, 100 rows a page.
 */
#ifndef ZENDESK_H
#define ZENDESK_H

#include <sluice/connector.h>
#include <sluice/paging.h>

#define ZENDESK_TOKEN_MAX 1024   /* a cursor; they have some 40 bytes */
#define ZENDESK_PAGE_ROWS 1000   /* of an export */
#define ZENDESK_LIST_ROWS 100    /* of a list */
#define ZENDESK_TICKETS_MAX 1000 /* whose comments are read again after one page */
#define ZENDESK_FIELDS_MAX 500   /* custom fields of a table that become columns */
#define ZENDESK_COLUMN_NAME_MAX 160
#define ZENDESK_NUMBERED_PAGES_MAX 100 /* Zendesk refuses more */
#define ZENDESK_CURSOR_VERSION 1
#define ZENDESK_KEY_MAX 128

enum zendesk_way { ZENDESK_BY_LIST, ZENDESK_BY_CURSOR, ZENDESK_BY_TIME };

enum zendesk_rows {                     /* which rows an answer holds */
                    ZENDESK_PLAIN,      /* the members of the array themselves */
                    ZENDESK_CHILDREN,   /* the comments in ticket events */
                    ZENDESK_METRIC_SETS /* the metrics beside tickets */
};

struct zendesk_table {
    const char *name;    /* also the key of the array in an answer, but for `array` */
    const char *array;   /* NULL: name */
    const char *list;    /* below /api/v2: "help_center/articles"; NULL: there is none */
    const char *export;  /* "incremental/tickets/cursor"; NULL: there is none */
    const char *include; /* what an export is to bring besides; or NULL */
    const char *fields;  /* where its custom fields are listed: "ticket_fields"; or NULL */
    const char *values;  /* and where a row has their values: "custom_fields" */
    const char *key;     /* NULL: id */
    const char *cursor;  /* the column, or NULL */
    const char *comment;
    enum zendesk_way way;
    enum zendesk_rows rows;
    enum sl_ingestion ingestion;
    const struct sl_column *columns;
    size_t column_count;
    const char *deleted; /* the member that says that a row was deleted; or NULL */
};

extern const struct zendesk_table zendesk_tables[];
extern const size_t zendesk_table_count;
/* NULL: there is none of that name. */
const struct zendesk_table *zendesk_find(const char *name);

enum zendesk_stage {
    ZENDESK_PAGE,     /* of a list */
    ZENDESK_EXPORT,   /* a page of an export */
    ZENDESK_COMMENTS, /* of one ticket */
    ZENDESK_FIELDS,   /* discover */
    ZENDESK_PROBE,    /* discover: is there a help centre, a community? */
    ZENDESK_CHECK,    /* any answer is a finding */
};

struct zendesk_values { /* of the custom fields of one row */
    bool named;
    size_t count;
    struct sl_constant constants[ZENDESK_FIELDS_MAX];
    const struct sl_json *keys[ZENDESK_FIELDS_MAX]; /* in the state: an id, or a key */
    struct sl_json_writer *writers[ZENDESK_FIELDS_MAX];
};

struct zendesk {
    struct sl_task task; /* first */

    const char *subdomain, *email, *client_id, *base_url_option;
    bool api_token, access_token, client_secret, refresh_token;
    int64_t requests_per_minute, exports_per_minute;

    const char *deleted_rows; /* "keep" or "delete" */
    int64_t go_on_after;      /* a second; 0: none */
    int64_t rows_per_call;    /* of an export */

    const struct zendesk_table *table;
    enum zendesk_stage stage;
    char base_url[512], user[320], account[64];
    char account_key[ZENDESK_KEY_MAX], export_key[ZENDESK_KEY_MAX];
    struct sl_pages pages; /* of a list */
    int64_t page_number;   /* ... that knows no cursors; 0: it does */
    int64_t listed, count; /* rows so far, and those that such a list has */

    /* an export */
    struct sl_pages chain;
    char after[ZENDESK_TOKEN_MAX]; /* by cursor: where the next page begins; "": by start_s */
    int64_t start_s;               /* by time, or to begin with */
    int64_t rows_a_page;
    int good_pages;  /* since it was made smaller, or larger again */
    int tries;       /* to get beyond this second */
    int64_t old_s;   /* the server's second at the end of the run before; 0: unknown */
    int64_t now_s;   /* ... and at the first answer of this one */
    bool from_start; /* everything is read, from nothing */
    int64_t list_s;  /* the server's second at the first answer of the list */
    bool again;      /* the time was too recent once */
    bool restarted;  /* the cursor was refused, and all is read */

    /* comments of tickets that are read once more, before the page after this one */
    int64_t tickets[ZENDESK_TICKETS_MAX];
    size_t ticket_count, ticket_next;
    bool ends; /* the page before was the last one */

    /* check and discover */
    int step;
    bool no_guide, no_community;
    struct sl_json_writer *writer; /* discover: what was listed so far; read: scratch */
    size_t field_count;
    char next[ZENDESK_TOKEN_MAX]; /* page[after] of a list */
    struct zendesk_values values;
};

/* ---- zendesk.c ---- */
/* Names of budgets, base URL and user from the options; declares the limits. */
SL_MUST_USE enum sl_code zendesk_begin(struct zendesk *self, struct sl_out *out,
                                       struct sl_error *error);
/* <base>/api/v2/<path>; path may hold '/'. */
void zendesk_url(const struct zendesk *self, struct sl_url *url, const char *path);
SL_MUST_USE enum sl_code zendesk_ask(struct zendesk *self, enum zendesk_stage stage,
                                     const struct sl_url *url, struct sl_out *out,
                                     struct sl_error *error);
/* Forgets the list before: the next page that is asked for is the first. */
void zendesk_first_page(struct zendesk *self);
/* A page of a list: the first, or that which zendesk_list_next() named. */
SL_MUST_USE enum sl_code zendesk_ask_list(struct zendesk *self, enum zendesk_stage stage,
                                          const char *path, int rows, struct sl_out *out,
                                          struct sl_error *error);
/* SL_MORE: there is another page. SL_DONE: it was the last one. rows: of this page. */
SL_MUST_USE enum sl_code zendesk_list_next(struct zendesk *self, const struct sl_json *answer,
                                           size_t rows, struct sl_error *error);
const char *zendesk_array(const struct zendesk_table *table);
/* What the source says of a failure, "" when nothing. */
void zendesk_complaint(const struct sl_json *json, char *out, size_t cap);
/* The server's second; ours where it does not say. */
int64_t zendesk_second(const struct zendesk *self, const struct sl_response *response);

/* ---- the steps ---- */
void zendesk_classify(const void *task, const struct sl_response *response,
                      struct sl_verdict *verdict);
sl_step_fn zendesk_check, zendesk_discover, zendesk_read;
void zendesk_release(void *task);

/* ---- export.c ---- */
SL_MUST_USE enum sl_code zendesk_ask_export(struct zendesk *self, struct sl_out *out,
                                            struct sl_error *error);
SL_MUST_USE enum sl_code zendesk_export_page(struct zendesk *self,
                                             const struct sl_response *response, struct sl_out *out,
                                             struct sl_error *error);
/* After a page and what it brought about: the next one, or the end. */
SL_MUST_USE enum sl_code zendesk_export_next(struct zendesk *self, struct sl_out *out,
                                             struct sl_error *error);
SL_MUST_USE enum sl_code zendesk_put_cursor(struct zendesk *self, struct sl_out *out,
                                            struct sl_error *error);
/* read.c: all of it by the list; complete at its end. */
SL_MUST_USE enum sl_code zendesk_begin_list(struct zendesk *self, struct sl_out *out,
                                            struct sl_error *error);

/* ---- comments.c ---- */
SL_MUST_USE enum sl_code zendesk_emit_comments(struct zendesk *self, const struct sl_json *events,
                                               struct sl_out *out, struct sl_error *error);
SL_MUST_USE enum sl_code zendesk_ask_comments(struct zendesk *self, struct sl_out *out,
                                              struct sl_error *error);
SL_MUST_USE enum sl_code zendesk_comments_page(struct zendesk *self,
                                               const struct sl_response *response,
                                               struct sl_out *out, struct sl_error *error);

/* ---- fields.c ---- */
/* Rows with a value for each custom field that the state names. */
SL_MUST_USE enum sl_code zendesk_emit(struct zendesk *self, const struct sl_json *rows,
                                      struct sl_out *out, struct sl_error *error);

#endif
