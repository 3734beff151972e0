/*
 * zendesk.h: what the files of this simulator share.
 *
 *   zendesk.c  life, limits, who may ask, routes
 *   rows.c     rows of the tables, in the order of their ids and of their changes
 *   seed.c     the data sets
 *   render.c   a row of the tables with changes as JSON
 *   events.c   ... of tickets' audits and comments
 *   lists.c    a row of the others; truth
 *   export.c   incremental exports
 *   list.c     lists by cursor and by page number
 *   ops.c      operations on the data
 *   oauth.c    access tokens
 *
 * A row is kept as a few numbers: what it says follows from them and the seed, save for values that
 * an operation has set. Exports go by the second of the newest change, then by id.
 */
#ifndef SIM_ZENDESK_H
#define SIM_ZENDESK_H

#include "base/buf.h"
#include "json/doc.h"
#include "sim/sim.h"

enum zd_table {
    ZD_TICKETS,
    ZD_USERS,
    ZD_ORGANIZATIONS,
    ZD_EVENTS,        /* an audit each: ticket_events, and the comments in them */
    ZD_METRIC_EVENTS, /* ticket_metric_events */
    ZD_ARTICLES,
    ZD_SECTIONS,
    ZD_CATEGORIES,
    ZD_TOPICS,
    ZD_POSTS,
    ZD_BRANDS,
    ZD_GROUPS,
    ZD_TICKET_FIELDS,
    ZD_TICKET_FORMS,
    ZD_USER_FIELDS,
    ZD_ORGANIZATION_FIELDS,
    ZD_MACROS,
    ZD_VIEWS,
    ZD_TRIGGERS,
    ZD_AUTOMATIONS,
    ZD_GROUP_MEMBERSHIPS,
    ZD_ORGANIZATION_MEMBERSHIPS,
    ZD_RATINGS,
    ZD_TAGS,
    ZD_TABLES
};

enum zd_state { ZD_LIVE, ZD_DELETED, ZD_SCRUBBED, ZD_GONE };
enum zd_event { ZD_CREATED, ZD_COMMENTED, ZD_CHANGED, ZD_REDACTED, ZD_PRIVACY };

struct zd_text { /* a value that an operation has set: JSON */
    char *name, *json;
    struct zd_text *next;
};

struct zd_row {
    int64_t id;
    int64_t created_s, updated_s;
    int64_t changed_s;   /* exports go by this: any change, the system's too */
    int64_t parent;      /* event: the ticket; membership: the user; section: the category */
    int64_t other;       /* event: the comment that it is about */
    uint32_t n, version; /* its number in the table; how often it was edited */
    uint8_t state, event;
    bool redacted, private; /* the comment of an event */
    struct zd_text *texts;
};

struct zd_rows {
    struct zd_row *list; /* as they came, after the `made` ones */
    size_t count, cap;
    uint32_t *order; /* of list, by (changed_s, id) */
    int64_t made;    /* rows before them that are not stored: a bench */
    size_t first;    /* rows of the data set: what refers to one refers to one of these */
};

#define ZD_TOKENS_MAX 64

struct zd_token {
    char access[64], refresh[64]; /* "": none */
    int64_t until_us;
};

struct zendesk {
    struct zd_rows tables[ZD_TABLES];
    uint64_t seed;
    int64_t start_s;
    struct sl_doc *doc; /* for what comes in */
    struct zd_token tokens[ZD_TOKENS_MAX];
    size_t token_count;
    uint64_t tokens_made;
    int64_t days; /* how often the operation "day" was done */
    bool agent;   /* the credentials are those of an agent */
    bool no_guide, no_community, bench;
    char forbidden[96];    /* paths with this answer 403 */
    int64_t token_seconds; /* life of an access token */
    int64_t rows_at_once;  /* exports of more rows than this take too long: 504; 0: never */
    bool no_end_of_stream; /* time based exports leave it out */
    bool cursors_die;      /* every cursor of an export is refused */
    bool no_cursors;       /* lists know page numbers only */
    bool same_page;        /* lists give the same page for ever */
    bool retired;          /* API tokens are not accepted any more */
    bool unlimited;        /* no limits: the connection sets none either */
    int64_t export_limit;  /* a minute; 0: as the API has it */
    int64_t account_limit;
};

/* ---- rows.c ---- */
const char *zd_name(enum zd_table table); /* in paths and in answers: "ticket_fields" */
int zd_find_name(const char *name);       /* -1 */
size_t zd_count(const struct zd_rows *rows);
/* The i-th in the order of ids / of changes. */
struct zd_row zd_at(const struct zendesk *app, enum zd_table table, size_t i);
struct zd_row zd_changed(const struct zendesk *app, enum zd_table table, size_t i);
/* How many come before (second, id) in the order of changes. */
size_t zd_rank(const struct zendesk *app, enum zd_table table, int64_t second, int64_t id);
/* Adds a row (its texts are taken); gives it the next number, and an id unless it has one. */
SL_MUST_USE enum sl_code zd_add(struct zendesk *app, enum zd_table table, struct zd_row row,
                                struct zd_row **out, struct sl_error *error);
/* Its change_s has been set anew. */
void zd_reorder(struct zendesk *app, enum zd_table table, struct zd_row *row);
struct zd_row *zd_by_id(struct zendesk *app, enum zd_table table, int64_t id); /* stored ones */
bool zd_set_text(struct zd_row *row, const char *name, const char *json);
void zd_rows_release(struct zd_rows *rows);
int64_t zd_id(enum zd_table table, int64_t n);

/* ---- seed.c ---- */
SL_MUST_USE enum sl_code zd_seed(struct zendesk *app, const char *kind, int64_t records,
                                 struct sl_error *error);
/* A ticket's audit, and the event of its metrics. */
SL_MUST_USE enum sl_code zd_add_event(struct zendesk *app, int64_t ticket, enum zd_event event,
                                      int64_t second, int64_t about, struct sl_error *error);

/* ---- render.c, lists.c ---- */
enum { ZD_WITH_COMMENTS = 1, ZD_WITH_METRICS = 2 }; /* sideloads */
struct zd_out {                                     /* an object that is being written */
    struct sl_buf *buf;
    const struct zd_row *row;
    bool more;
};
void zd_open(struct zd_out *o, struct sl_buf *buf, const struct zd_row *row);
void zd_close(struct zd_out *o);
/* The value that was set, else this one. */
void zd_put(struct zd_out *o, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void zd_put_str(struct zd_out *o, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void zd_put_time(struct zd_out *o, const char *name, int64_t second); /* 0: null */
void zd_put_flag(struct zd_out *o, const char *name, bool truth);
/* The id of some row of the data set. */
int64_t zd_pick(const struct zendesk *app, enum zd_table table, uint64_t dice);
uint64_t zd_dice(const struct zendesk *app, const struct zd_row *row, const char *what);
const char *zd_person(uint64_t n, bool last);
void zd_render(const struct zendesk *app, enum zd_table table, const struct zd_row *row, int with,
               struct sl_buf *buf);
void zd_render_list_row(const struct zendesk *app, enum zd_table table, const struct zd_row *row,
                        struct sl_buf *buf);
void zd_render_event(const struct zendesk *app, const struct zd_row *row, int with,
                     struct sl_buf *buf);
void zd_render_metric_event(const struct zd_row *row, struct sl_buf *buf);
/* The comment of an event as GET /tickets/{id}/comments has it. */
void zd_render_comment(const struct zendesk *app, const struct zd_row *event, bool truth,
                       struct sl_buf *buf);
void zd_render_metrics(const struct zendesk *app, const struct zd_row *ticket, struct sl_buf *buf);
SL_MUST_USE enum sl_code zd_truth(void *state, const struct sim_request *request,
                                  struct sl_buf *out, struct sl_error *error);
/* Fields that users made: their values are those of the columns. */
bool zd_is_custom(const struct zd_row *field);
const char *zd_field_type(const struct zd_row *field);
uint8_t zd_type_of(enum zd_table fields, int64_t n); /* of the n-th field of a data set */
int zd_type_find(const char *name);                  /* -1 */
/* The name that a custom field's column has. */
void zd_column_name(enum zd_table fields, const struct zd_row *field, char out[128]);
void zd_put_constants(const struct zendesk *app, enum zd_table table, const struct zd_row *row,
                      struct sl_buf *buf);

/* ---- export.c, list.c ---- */
void zd_export(struct zendesk *app, enum zd_table table, bool cursor,
               const struct sim_request *request, struct sim_reply *reply);
void zd_list(struct zendesk *app, enum zd_table table, const struct sim_request *request,
             struct sim_reply *reply);
void zd_list_comments(struct zendesk *app, int64_t ticket, const struct sim_request *request,
                      struct sim_reply *reply);
void zd_list_deleted_tickets(struct zendesk *app, const struct sim_request *request,
                             struct sim_reply *reply);
bool zd_query_int(const struct sim_request *request, const char *name, int64_t *out);
void zd_base64(const char *text, char *out, size_t cap);
bool zd_unbase64(const char *text, char *out, size_t cap);
/* {"error":...,"description":...} */
void zd_refuse(struct sim_reply *reply, int status, const char *error, const char *description);
/* "http://host" of this request. */
void zd_host(const struct sim_request *request, char out[160]);

/* ---- ops.c, oauth.c ---- */
bool zd_has_op(const char *name);
SL_MUST_USE enum sl_code zd_operate(void *state, const struct sl_json *op, int64_t now_us,
                                    struct sl_error *error);
SL_MUST_USE enum sl_code zd_day(struct zendesk *app, int64_t now_us, struct sl_error *error);
SL_MUST_USE enum sl_code zd_edit(struct zendesk *app, enum zd_table table, struct zd_row *row,
                                 int64_t second, struct sl_error *error);
SL_MUST_USE enum sl_code zd_create(struct zendesk *app, enum zd_table table, int64_t second,
                                   struct zd_row **out, struct sl_error *error);
void zd_delete(struct zendesk *app, enum zd_table table, struct zd_row *row, int64_t second);
SL_MUST_USE enum sl_code zd_give_token(struct zendesk *app, const struct sim_request *request,
                                       struct sim_reply *reply, struct sl_error *error);
/* Is this Bearer token one that holds? */
bool zd_token_holds(const struct zendesk *app, const char *token, int64_t now_us);

#define ZD_SUBDOMAIN "lanternworks"
#define ZD_EMAIL "ada@lanternworks.example"
#define ZD_API_TOKEN "zd-token-of-the-simulator"
#define ZD_CLIENT_ID "sluice"
#define ZD_CLIENT_SECRET "zd-client-secret"
#define ZD_REFRESH_TOKEN "zd-refresh-0"

#endif
