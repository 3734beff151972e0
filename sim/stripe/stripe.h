/*
 * stripe.h: a simulated Stripe: accounts with sixteen kinds of objects, and the events that tell of
 * their changes.
 *
 * An object is not stored as JSON: its members follow from the account, the kind, its index, how
 * often it was changed (rev) and its state (shapes.c). So an event can show what the object was like
 * when the event happened, in either shape of the API, and a table of any size costs nothing.
 *
 * Objects of a kind stand in the order of their making; lists show the newest first.
 */
#ifndef SIM_STRIPE_H
#define SIM_STRIPE_H

#include "base/buf.h"
#include "sim/sim.h"

#define ST_ACCOUNTS_MAX 4
#define ST_ID_MAX 64
#define ST_LIMIT_MAX 100
#define ST_TYPES_MAX 20             /* types[] of one request */
#define ST_EMBEDDED 10              /* how many of a sub-list are in its parent */
#define ST_RETENTION_S (30 * 86400) /* of events */
#define ST_PINNED "2024-12-18.acacia"
#define ST_BASIL "2025-03-31.basil"

enum st_kind {
    ST_CUSTOMERS,
    ST_CHARGES,
    ST_PAYMENT_INTENTS,
    ST_SUBSCRIPTIONS,
    ST_INVOICES,
    ST_PRODUCTS,
    ST_PRICES,
    ST_REFUNDS,
    ST_DISPUTES,
    ST_PAYMENT_METHODS,
    ST_BALANCE_TRANSACTIONS,
    ST_PAYOUTS,
    ST_INVOICE_ITEMS,
    ST_PLANS,
    ST_EVENTS,
    ST_COUPONS,
    ST_KINDS
};

/* What the API calls a kind, and which parameters its list takes besides the usual ones. */
struct st_class {
    const char *table, *path, *object, *prefix, *permission;
    const char *created, *updated, *deleted; /* types of its events; NULL: there is none */
    const char *filters;                     /* " customer status " */
    const char *expands;                     /* " tiers currency_options " */
    bool no_created;                         /* the list has no filter by time */
    bool stub;    /* a deleted one answers {"id","object","deleted":true}; others 404 */
    bool no_edit; /* its changes have no event */
    int64_t demo; /* how many there are in the demo */
};
extern const struct st_class st_classes[ST_KINDS];

/* How one object stands now, or stood when an event was made. */
struct st_object {
    int64_t created; /* seconds since 1970 */
    int32_t rev, children;
    uint8_t state;
    bool deleted;
};

struct st_event {
    int64_t created, visible; /* it shows up in lists from then on */
    enum st_kind kind;
    int32_t index;
    struct st_object object;
    const char *type;
    bool basil;   /* the version of the account's API when it was made */
    bool without; /* its object has no id (invoice.upcoming) */
};

struct st_account {
    char id[ST_ID_MAX];
    const char *name;
    int number;
    int64_t created;
    struct {
        int64_t count, cap;
        int64_t first;          /* how many there were at the beginning: what others refer to */
        struct st_object *list; /* NULL: a bench of `count` objects that nobody changes */
    } kinds[ST_KINDS];
    struct st_event *events;
    int64_t event_count, event_cap;
    bool basil; /* what events are rendered in from now on */
    bool forbidden[ST_KINDS];
    bool forbidden_account;
    bool revoked; /* a connected one that may not be read any more */
};

struct stripe {
    struct st_account accounts[ST_ACCOUNTS_MAX];
    int account_count;
    int64_t now_us, start;
    uint64_t seed;
    bool bench, revoked, live;
    bool unlimited;        /* no limits: the connection sets none either */
    int64_t event_delay_s; /* every event shows up so late */
    int64_t days;          /* how often the operation "day" was done */
    struct sl_doc *doc;
};

/* data.c */
SL_MUST_USE enum sl_code st_seed(struct stripe *app, const struct sim_options *options,
                                 struct sl_error *error);
SL_MUST_USE enum sl_code st_add(struct stripe *app, struct st_account *account, enum st_kind kind,
                                const struct st_object *object, struct sl_error *error);
SL_MUST_USE enum sl_code st_add_event(struct st_account *account, const struct st_event *event,
                                      struct sl_error *error);
int64_t st_count(const struct st_account *account, enum st_kind kind);
struct st_object st_get(const struct stripe *app, const struct st_account *account,
                        enum st_kind kind, int64_t index);
void st_id(const struct st_account *account, enum st_kind kind, int64_t index, char out[ST_ID_MAX]);
/* The index of the object of this id; -1: there never was one. */
int64_t st_find(const struct st_account *account, enum st_kind kind, const char *id);
enum st_kind st_kind_of(const char *table); /* ST_KINDS: unknown */

/* shapes.c */
struct st_view {
    bool basil, live;
    bool whole;         /* sub-lists with all that is in them, not the first ten */
    const char *expand; /* " tiers applies_to " */
    int64_t now;        /* what changes by itself depends on it */
};
void st_render(const struct st_account *account, enum st_kind kind, int64_t index,
               const struct st_object *object, const struct st_view *view, struct sl_buf *out);
/* The children of a sub-list from index `from` on, `count` of them, with commas. */
void st_render_children(const struct st_account *account, enum st_kind kind, int64_t index,
                        const struct st_object *object, int64_t from, int64_t count,
                        const struct st_view *view, struct sl_buf *out);
void st_child_id(const struct st_account *account, enum st_kind kind, int64_t index, int64_t child,
                 char out[ST_ID_MAX]);
/* Whose payment method it is, or whose charge: an index of customers. */
int64_t st_customer_of(const struct st_account *account, int64_t index);
void st_render_event(const struct stripe *app, const struct st_account *account, int64_t index,
                     struct sl_buf *out);
void st_event_id(const struct st_account *account, int64_t index, char out[ST_ID_MAX]);

/* list.c */
struct st_query {
    int64_t limit, gte, lt; /* created: from, before */
    char after[256], before[256];
    char customer[ST_ID_MAX], status[32], subscription[ST_ID_MAX], charge[ST_ID_MAX];
    int active, pending; /* -1: not given */
    char types[ST_TYPES_MAX][64];
    int type_count;
    char expand[400]; /* " tiers currency_options " */
};
/* False: the reply says what is wrong. kind: whose list; allowed: more names, " a b " */
bool st_read_query(enum st_kind kind, bool list, const char *allowed,
                   const struct sim_request *request, struct st_query *out,
                   struct sim_reply *reply);
void st_list(const struct stripe *app, const struct st_account *account, enum st_kind kind,
             const struct st_query *query, const struct st_view *view, const char *url,
             struct sim_reply *reply);
void st_list_events(const struct stripe *app, const struct st_account *account,
                    const struct st_query *query, struct sim_reply *reply);
void st_list_children(const struct st_account *account, enum st_kind kind, int64_t index,
                      const struct st_object *object, const struct st_query *query,
                      const struct st_view *view, const char *url, struct sim_reply *reply);

/* ops.c */
bool st_has_op(const char *name);
enum sl_code st_operate(void *state, const struct sl_json *op, int64_t now_us,
                        struct sl_error *error);

/* stripe.c */
void st_error(struct sim_reply *reply, int status, const char *type, const char *code,
              const char *param, const char *format, ...) __attribute__((format(printf, 6, 7)));

#endif
