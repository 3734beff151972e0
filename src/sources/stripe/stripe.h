/*
 * stripe.h: what the files of the Stripe connector share.
 *
 *     stripe.c     options, requests, where a read begins
 *     tables.c     the tables: endpoint, events, what has to be asked for; tables_*.c: their columns
 *     cursor.c     what one run leaves to the next
 *     list.c       a list from its newest object to its oldest, cut into windows when it is long
 *     events.c     what changed, from /v1/events
 *     object.c     single objects by id, with their sub-lists to the end
 *     classify.c, check.c, discover.c
 *
 * A read is one of three walks: of a list, of events, of a queue of ids. The first two fill the
 * queue with what they cannot take as it is, and go on when it is empty.
 */
#ifndef STRIPE_H
#define STRIPE_H

#include <sluice/connector.h>
#include <sluice/paging.h>

#define STRIPE_VERSION "2024-12-18.acacia" /* preset: the newest one with all columns of old */
#define STRIPE_PAGE_ROWS 100
#define STRIPE_ID_MAX 256 /* a coupon's or a product's id may be the user's own */
#define STRIPE_QUEUE_MAX 100
#define STRIPE_PATH_MAX 200 /* of a sub-list */
#define STRIPE_CURSOR_VERSION 1
#define STRIPE_WINDOWS_MAX 32
#define STRIPE_SEEN_MAX 512     /* ids of one second that are told apart */
#define STRIPE_NAMED_MAX 1024   /* ids that are fetched once, though many events name them */
#define STRIPE_FETCHED_MAX 1024 /* fetches that the next run need not repeat */
#define STRIPE_EXPAND_MAX 8
#define STRIPE_CHILDREN_BYTES_MAX ((size_t)40 << 20) /* of one object's sub-lists */

/* How a table is kept up to date. */
enum stripe_way {
    STRIPE_BY_EVENTS,  /* /v1/events tells what was created, changed and deleted */
    STRIPE_BY_PARENTS, /* the same; but everything of it is only shown per customer */
    STRIPE_BY_WINDOWS, /* changes have no events: recent objects are read again */
    STRIPE_LOG,        /* only ever grows: the events themselves */
};

struct stripe_table {
    const char *name, *path, *object; /* "invoice_items", "invoiceitems", "invoiceitem" */
    const char *permission;           /* what a restricted key needs: "rak_charge_read" */
    const struct sl_column *columns;
    const size_t *column_count;
    enum stripe_way way;
    const char *cursor; /* the column with the time of making */
    /* Types of events that show an object of this table; '-' before one that ends the row, '>'
     * before one whose object names that of this table in the member `refers`. */
    const char *const *types;
    const char *refers;
    const char *const *expand;    /* members that are only there when asked for */
    const char *filter[2];        /* a parameter that every list needs: {"status", "all"} */
    const char *recent_filter[2]; /* BY_WINDOWS: and all that this one selects */
};
extern const struct stripe_table stripe_tables[];
extern const size_t stripe_table_count;
const struct stripe_table *stripe_table_find(const char *name); /* NULL: unknown */

enum stripe_stage {
    STRIPE_START,
    STRIPE_ACCOUNT, /* check and discover */
    STRIPE_BALANCE,
    STRIPE_SAMPLE, /* a list's first object */
    STRIPE_ACCOUNTS,
    STRIPE_LIST, /* read */
    STRIPE_EVENTS,
    STRIPE_OBJECT,
    STRIPE_CHILDREN,
    STRIPE_METHODS,
};

enum stripe_walk { STRIPE_NO_WALK, STRIPE_WALK_LIST, STRIPE_WALK_EVENTS, STRIPE_WALK_QUEUE };

/* Made at gte or later, and before lt; 0: open. */
struct stripe_window {
    int64_t gte, lt;
};

/* What the last run left. Seconds since 1970. */
struct stripe_cursor {
    int64_t from;               /* what was there or happened before then was read */
    int64_t reread;             /* BY_WINDOWS: when the recent past was read again */
    int64_t low, high, windows; /* a first load was cut so; windows 0: not */
    char after[STRIPE_ID_MAX];  /* a first load: the last object that was read */
    int64_t after_created;
    uint64_t
        fetched[STRIPE_FETCHED_MAX]; /* objects that were fetched because of an event that the */
    int fetched_count;               /* lookback shows again: hash of id and time */
};

struct stripe_id {
    char text[STRIPE_ID_MAX];
    int64_t at; /* seconds: of its newest event; 0: no event named it */
};

struct stripe {
    struct sl_task task; /* first */

    const char *base_url, *api_version; /* options of the connection */
    bool api_key;
    const struct sl_json *accounts;
    double requests_per_second;

    const char *start_date; /* options of a table */
    const struct sl_json *expand;
    int64_t lookback_seconds, reread_days, reread_hours;

    const struct stripe_table *table;
    char account[STRIPE_ID_MAX]; /* that is read; "" before it is known */
    bool connected;              /* by the Stripe-Account header */
    bool live, checking;
    enum stripe_stage stage;
    enum stripe_walk walk;
    bool root;       /* the task of the table, not of a part */
    bool everything; /* its end proves that all was read */
    bool filtered;   /* recent_filter */
    int64_t start_s; /* start_date; 0: none */
    size_t probe;    /* check, discover: which table is tried */
    char name[120];  /* of the account */
    int64_t account_created;
    int64_t began; /* by the server's clock, a little before the read: seconds */

    struct stripe_cursor old, next;
    struct stripe_window window;
    char after[STRIPE_ID_MAX]; /* of the walk: starting_after */
    int64_t last_created;      /* of the page that was read last */
    bool more;                 /* pages follow */
    struct sl_pages pages;
    int64_t load;         /* which full read a window belongs to */
    int64_t until, floor; /* LOG: newer ones are for the next run; older ones for the windows */
    int anchors_lost;
    size_t key_at; /* of the keys in the input */

    struct stripe_id queue[STRIPE_QUEUE_MAX];
    int queued, queue_at;
    int64_t parts; /* sub-tasks for ids so far */

    /* events.c */
    int64_t newest; /* event of the walk */
    int64_t second; /* the one whose ids are in seen */
    uint64_t seen[STRIPE_SEEN_MAX];
    int seen_count;
    uint64_t named[STRIPE_NAMED_MAX];

    /* object.c: an object whose sub-lists are being read */
    struct sl_json_writer *whole, *items;
    char member[64], child_after[STRIPE_ID_MAX], child_path[STRIPE_PATH_MAX + 1];
    int64_t sequence_us;
    size_t child_bytes;
    struct sl_pages child_pages;
};

/* ---- stripe.c ---- */

/* Asks for base_url + path; the URL's pieces were put together by the caller. `endpoint` names it
 * among the limits: "charges", "charges/:id". */
enum sl_code stripe_ask(struct stripe *self, enum stripe_stage stage, const struct sl_url *url,
                        const char *endpoint, struct sl_out *out, struct sl_error *error);
void stripe_url(const struct stripe *self, const char *path, struct sl_url *url);
/* The budgets of the account that is read. */
void stripe_account_key(const struct stripe *self, char out[160]);
void stripe_endpoint_key(const struct stripe *self, const char *endpoint, char out[160]);
/* Copies an id; false when it is none that we can hold, or holds what an id does not. */
bool stripe_keep_id(char out[STRIPE_ID_MAX], const struct sl_json *value);
/* The server's time when it began to answer, in seconds. */
int64_t stripe_now(const struct stripe *self, const struct sl_response *response);
/* Adds expand[]: prefix "data." for lists. */
void stripe_put_expand(const struct stripe *self, const char *prefix, struct sl_url *url);
bool stripe_expands(const struct stripe *self);
bool stripe_wants(const struct stripe *self, const char *column);
/* Does the table go by events' times? The others by what is seen last. */
bool stripe_has_sequence(const struct stripe_table *table);
struct sl_sequence stripe_sequence(const struct stripe *self, int64_t us);
uint64_t stripe_hash(const char *text, int64_t salt);

/* ---- cursor.c ---- */
/* NULL, or why the last run's cursor cannot be gone on from. */
const char *stripe_take_cursor(struct stripe *self);
enum sl_code stripe_put_cursor(const struct stripe *self, struct sl_out *out,
                               struct sl_error *error);

/* ---- list.c ---- */
enum sl_code stripe_read_all(struct stripe *self, struct sl_out *out, struct sl_error *error);
enum sl_code stripe_start_window(struct stripe *self, struct sl_out *out, struct sl_error *error);
enum sl_code stripe_read_recent(struct stripe *self, struct sl_out *out, struct sl_error *error);
enum sl_code stripe_list_answer(struct stripe *self, const struct sl_response *response,
                                struct sl_out *out, struct sl_error *error);
/* The queue is empty: the next page, or the end. */
enum sl_code stripe_list_goes_on(struct stripe *self, struct sl_out *out, struct sl_error *error);
/* How many windows [low, high) is worth, when `rows` objects took `span` seconds. */
int64_t stripe_windows(int64_t low, int64_t high, int64_t rows, int64_t span, int64_t rows_each);
enum sl_code stripe_cut(const char *walk, int64_t load, int64_t low, int64_t high, int64_t count,
                        bool open, struct sl_out *out, struct sl_error *error);

/* ---- events.c ---- */
enum sl_code stripe_start_events(struct stripe *self, struct sl_out *out, struct sl_error *error);
enum sl_code stripe_events_answer(struct stripe *self, const struct sl_response *response,
                                  struct sl_out *out, struct sl_error *error);
enum sl_code stripe_events_go_on(struct stripe *self, struct sl_out *out, struct sl_error *error);

/* ---- object.c ---- */
/* Has it a sub-list that goes on beyond what it shows? */
bool stripe_is_short(const struct stripe *self, const struct sl_json *object);
/* Emits an object, or puts it into the queue when parts of it are missing. */
enum sl_code stripe_emit(struct stripe *self, const struct sl_json *object, int64_t sequence_us,
                         int64_t at, struct sl_out *out, struct sl_error *error);
enum sl_code stripe_remove(struct stripe *self, const char *id, int64_t sequence_us,
                           struct sl_out *out, struct sl_error *error);
enum sl_code stripe_start_queue(struct stripe *self, struct sl_out *out, struct sl_error *error);
/* The next of the queue; when it is empty, what the walk does then. */
enum sl_code stripe_queue_goes_on(struct stripe *self, struct sl_out *out, struct sl_error *error);
enum sl_code stripe_object_answer(struct stripe *self, const struct sl_response *response,
                                  struct sl_out *out, struct sl_error *error);
bool stripe_queue_add(struct stripe *self, const struct sl_json *id, int64_t at);
void stripe_release(void *task);

/* ---- classify.c, check.c, discover.c ---- */
void stripe_classify(const void *task, const struct sl_response *response,
                     struct sl_verdict *verdict);
/* "acct_...": out of the text of a refusal. */
bool stripe_account_in(const char *text, char out[STRIPE_ID_MAX]);
enum sl_code stripe_check(void *task, const struct sl_response *response, struct sl_out *out,
                          struct sl_error *error);
enum sl_code stripe_discover(void *task, const struct sl_response *response, struct sl_out *out,
                             struct sl_error *error);
enum sl_code stripe_ask_account(struct stripe *self, struct sl_out *out, struct sl_error *error);
enum sl_code stripe_ask_sample(struct stripe *self, const struct stripe_table *table,
                               struct sl_out *out, struct sl_error *error);
/* The answer to stripe_ask_account: id, name and age of the account; false: none is in it. */
bool stripe_take_account(struct stripe *self, const struct sl_response *response);

#endif
