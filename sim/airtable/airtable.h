/*
 * airtable.h: the parts of the Airtable simulator, between themselves.
 *
 * A record is a pure function of (seed, table, index): nothing is stored, so a table of a million
 * rows takes no memory. What was edited, created or deleted lies over it (struct at_edit). A cell
 * is JSON text that is appended to a buffer; an empty cell appends nothing.
 */
#ifndef SIM_AIRTABLE_H
#define SIM_AIRTABLE_H

#include "sim/sim.h"

struct sl_buf;
struct sl_doc;

#define AT_ID_MAX 18 /* "rec" + 14 + NUL */
#define AT_PAGE_MAX 100
#define AT_URL_MAX 16000
#define AT_ITERATORS_MAX 4096
#define AT_LINKS_MAX 64
#define AT_HOOKS_MAX 10

struct airtable;
struct at_table;
struct at_field;

/* ------------------------------------------------------------------ one cell */

struct at_row { /* what is known of a record before its cells */
    int64_t index;
    int64_t created_us;
    int64_t modified_us;        /* SL_NO_TIME: never edited */
    uint64_t version;           /* moved by edits: user fields then show other values */
    bool blank;                 /* the user entered nothing at all */
    const struct at_edit *edit; /* or NULL */
};

struct at_cell {
    struct airtable *app;
    const struct at_table *table;
    const struct at_field *field;
    const struct at_row *row;
    uint64_t dice; /* of (seed, table, field, index, version) */
    int depth;     /* of lookups of lookups */
};

typedef void at_gen(const struct at_cell *cell, struct sl_buf *out);

/* ------------------------------------------------------------------ schema */

/* How a field is declared; names inside are those of the declaration, ids are made from them. */
struct at_spec {
    const char *name, *type, *description;
    const char *choices; /* "Todo|Done" */
    const char *options; /* JSON; <T:table>, <F:table/field> and <F:field> become ids */
    const char *link;    /* multipleRecordLinks: the table it points to */
    const char *offsets; /* ... record i points to (i + offset) % records, for each: "0,5" */
    const char *inverse; /* ... or it mirrors this field of that table */
    const char *via;     /* lookup, rollup, count: the link field of this table */
    const char *target;  /* ... and the field over there; formulas: "field" or "a|b" */
    at_gen *gen;         /* NULL: what the type has */
    bool full;           /* never empty but in blank rows */
};

struct at_table_spec {
    const char *name, *description;
    int64_t records;
    const struct at_spec *fields; /* ends with {0}; the first is the primary field */
};

struct at_field {
    char id[AT_ID_MAX];
    char *name, *type, *description, *options; /* options: JSON text; NULL: no such key */
    char *key;                                 /* its name when it was made: survives renames */
    char *choices;                             /* or NULL */
    const struct at_spec *spec;                /* never NULL */
    at_gen *gen;
    bool computed; /* present in blank rows, not edited by users */
    bool removed;
    uint64_t salt;
    /* resolved from the spec */
    struct at_table *linked;
    struct at_field *via, *target, *target_b, *mirror;
    int offsets[4], offsets_count;
};

struct at_edit {
    int64_t at_us;          /* listings show it from then on, and the delay */
    struct at_edit *before; /* what was before it, as long as it may be shown */
    int64_t index;
    bool created, deleted;
    int64_t created_us, modified_us;
    uint64_t version;
    int comments_added;
    struct at_cell_edit {
        const struct at_field *field;
        char *json; /* NULL: emptied */
    } * cells;
    size_t cell_count;
};

struct at_table {
    char id[AT_ID_MAX], grid_view[AT_ID_MAX], half_view[AT_ID_MAX], form_view[AT_ID_MAX];
    char *name, *description;
    char *key;
    uint64_t salt;
    bool removed, forbidden;
    struct at_field **fields;
    size_t field_count;
    int64_t records; /* of the declaration */
    int64_t total;   /* and those created since: indexes are 0..total-1 */
    int64_t deleted;
    struct at_edit **edits; /* by index */
    int64_t shown_us;       /* edits of later than this are not seen; INT64_MAX: all are */
    size_t edit_count, edit_cap;
};

struct at_token {
    char token[128];
    unsigned scopes; /* enum at_scope */
    char bases[256]; /* ids with blanks between; "" all */
};
enum at_scope { AT_SCHEMA = 1, AT_RECORDS = 2, AT_COMMENTS = 4, AT_EMAIL = 8, AT_WEBHOOKS = 16 };
#define AT_TOKENS_MAX 16

/* Tokens by OAuth; their texts follow from these serials. */
#define AT_TOKEN_MAX 80
struct at_oauth {
    int64_t access, refresh; /* the newest ones; 0: an access token was never given */
    int64_t given_us, access_until_us;
    int64_t access_seconds;   /* how long a new access token lives */
    int64_t grace_seconds;    /* the refresh token before the newest is as good for so long */
    int64_t conflict_seconds; /* ... and then, or without a grace, answered 409; later: revoked */
    bool rotates;             /* each answer has a new refresh token */
    bool revoked;
    bool shown; /* /_sim/connection: these credentials instead of the token */
};

struct at_iterator {
    char id[AT_ID_MAX];
    const struct at_table *table;
    uint64_t fingerprint; /* of filter, sort and view */
    int64_t used_us, created_us;
    int64_t *order; /* indexes in order; NULL: lo..hi by index */
    int64_t order_count, lo, hi;
    struct at_page_start {
        char record[AT_ID_MAX];
        int64_t position, emitted;
    } * pages; /* [0] starts page 2 */
    size_t page_count;
};

struct at_call { /* a request, taken apart by look() */
    enum at_route {
        AT_NOWHERE,
        AT_WHOAMI,
        AT_BASES,
        AT_TABLES,
        AT_LIST,
        AT_RECORD,
        AT_COMMENT_LIST,
        AT_HOOK_LIST,
        AT_HOOK_CREATE,
        AT_HOOK_PAYLOADS,
        AT_HOOK_REFRESH,
        AT_HOOK_DELETE,
        AT_TOKEN
    } route;
    char base[64], table_text[256], record[64]; /* record: or the webhook */
    struct at_table *table;
    int status; /* of a mistake found while reading it; 0: none */
    const char *error_type;
    char error_message[512];
    /* listing */
    int64_t page_size, max_records;
    char offset[64];
    char *filter;
    const struct at_field **fields;
    size_t field_count;
    bool fields_given, by_id, comment_count, as_text, date_metadata;
    struct {
        const struct at_field *field;
        bool descending;
    } sort[8];
    int sort_count;
    enum { AT_VIEW_NONE, AT_VIEW_GRID, AT_VIEW_HALF } view;
    uint64_t fingerprint;
    struct at_iterator *iterator; /* that of offset, or NULL */
    int page;
};

struct airtable {
    uint64_t seed;
    int64_t start_us, now_us;
    char base_id[AT_ID_MAX];
    char *base_name, *kind;
    bool base_gone;
    /* The first base answers for the account: it has the tokens and the list of the others. */
    struct airtable *home; /* itself, in the first one */
    struct airtable **others;
    size_t other_count;
    struct airtable *current; /* whose request is being answered */
    struct at_table **tables;
    size_t table_count;
    struct at_token tokens[AT_TOKENS_MAX];
    int token_count;
    struct at_oauth oauth;
    struct at_iterator **iterators;
    size_t iterator_count;
    uint64_t iterator_serial, listing; /* listing: moves attachment URLs */
    int64_t iterator_idle_us;          /* expires after so long unused */
    int64_t iterator_pages;            /* ... or after so many pages; 0: any */
    bool is_after_broken, plural_errors;
    bool filter_ignored; /* filterByFormula is read, and has no effect */
    bool resorted_pages; /* the order is that of each page's own moment, newest change first */
    bool not_creator;    /* webhooks cannot be made */
    int64_t delay_us;    /* listings show what happened so much later */
    struct at_hook *hooks[AT_HOOKS_MAX];
    int hook_count;
    struct at_event *events; /* what hooks are told */
    size_t event_count, event_cap;
    int64_t transaction;
    uint64_t hook_serial;
    uint64_t dice; /* for mutations */
    struct at_call call;
    struct sl_doc *doc;      /* request bodies */
    struct sl_doc *cell_doc; /* one cell, read at once */
    bool no_memory;          /* met deep in a cell: the whole answer fails */
};

/* schema.c */
/* name: of the base; NULL: what that kind is called. */
enum sl_code at_base_build(struct airtable *app, const char *kind, const char *name, int64_t tables,
                           int64_t fields, int64_t records, struct sl_error *error);
void at_base_release(struct airtable *app);
struct at_table *at_find_table(const struct airtable *app, const char *id_or_name);
struct at_field *at_find_field(const struct at_table *table, const char *id_or_name);
struct at_field *at_field_by_key(const struct at_table *table, const char *key);
enum sl_code at_add_table(struct airtable *app, const struct at_table_spec *spec, int64_t records,
                          struct at_table **out, struct sl_error *error);
enum sl_code at_add_field(struct airtable *app, struct at_table *table, const struct at_spec *spec,
                          const char *name, struct sl_error *error);
enum sl_code at_resolve(struct airtable *app, struct sl_error *error);
bool at_set_text(char **to, const char *text); /* false: no memory */
void at_put_table(const struct airtable *app, const struct at_table *table, bool visible_fields,
                  struct sl_buf *out);
void at_put_schema(const struct airtable *app, bool visible_fields, struct sl_buf *out);

/* bases.c: several bases of one account */
struct airtable *at_new(const struct airtable *home, uint64_t seed, int64_t start_us);
void at_free(struct airtable *app);
/* The base with this id or name; NULL: there is none. */
struct airtable *at_find_base(struct airtable *home, const char *id_or_name);
/* Of all bases, the one that has this table; the first one when none has. */
struct airtable *at_base_of_table(struct airtable *home, const char *table);
/* {"op":"add_base","name":"Sales","count":3}: Sales, Sales 2, Sales 3. */
enum sl_code at_add_bases(struct airtable *home, const struct sl_json *op, struct sl_error *error);
void at_put_bases(const struct airtable *home, const struct at_token *token, struct sl_buf *out);
bool at_token_has_base(const struct at_token *token, const char *base);

/* demo.c, bench.c: declarations */
extern const struct at_table_spec at_demo_tables[];
extern const struct at_table_spec at_bench_table;
const struct at_spec *at_spec_of_type(const char *type); /* a field without settings; or NULL */

/* cells.c, links.c */
at_gen *at_gen_of(const char *type, bool *computed);
at_gen at_gen_ratio, at_gen_error, at_gen_error_some, at_gen_positive, at_gen_due_date,
    at_gen_product, at_gen_big_text, at_gen_big_number, at_gen_reach, at_gen_slug, at_gen_mention,
    at_gen_plain, at_gen_counter, at_gen_long, at_gen_now_text, at_gen_truth;
at_gen at_gen_links, at_gen_lookup, at_gen_rollup, at_gen_count, at_gen_average,
    at_gen_unique; /* links.c */
int at_links(const struct at_cell *cell, int64_t out[AT_LINKS_MAX]);
/* The number in a cell of the same row; false: none. */
bool at_cell_number(const struct at_cell *cell, const struct at_field *field, double *out);
void at_user(struct sl_buf *out, uint64_t dice);

/* records.c */
void at_record_id(const struct at_table *table, int64_t index, char out[AT_ID_MAX]);
int64_t at_record_index(const struct at_table *table, const char *id); /* -1: no such record */
bool at_live(const struct at_table *table, int64_t index);
struct at_edit *at_edit_find(const struct at_table *table, int64_t index);
/* The edit of a record, to be changed now. NULL: no memory. */
struct at_edit *at_edit_make(const struct airtable *app, struct at_table *table, int64_t index,
                             int64_t now_us);
/* Which edits are seen from here on: what listings show, or everything. */
void at_show_delayed(struct airtable *app, bool delayed);
void at_edit_free(struct at_edit *edit);
bool at_edit_cell(struct at_edit *edit, const struct at_field *field, const char *json);
void at_row(const struct airtable *app, const struct at_table *table, int64_t index,
            struct at_row *out);
/* Appends the cell's JSON, or nothing. */
void at_put_cell(struct airtable *app, const struct at_table *table, const struct at_field *field,
                 const struct at_row *row, int depth, struct sl_buf *out);
int at_comment_count(const struct airtable *app, const struct at_table *table,
                     const struct at_row *row);
struct at_show {
    const struct at_field **fields; /* NULL: all */
    size_t field_count;
    bool by_id, comment_count, as_text, date_metadata, unknown_field;
};
void at_put_record(struct airtable *app, const struct at_table *table, int64_t index,
                   const struct at_show *show, struct sl_buf *out);

/* Reads a cell's JSON; NULL: empty. Valid until the next call. text: scratch. */
const struct sl_json *at_read_cell(struct airtable *app, const struct at_table *table,
                                   const struct at_field *field, const struct at_row *row,
                                   int depth, struct sl_buf *text);

/* list.c, params.c */
enum sl_code at_read_params(struct airtable *app, const struct sim_request *request,
                            struct sl_error *error);
enum sl_code at_list(struct airtable *app, const struct sim_request *request,
                     struct sim_reply *reply, struct sl_error *error);
void at_iterators_release(struct airtable *app);
void at_iterator_find(struct airtable *app, struct at_call *call);

/* comments.c */
void at_comments(struct airtable *app, const struct at_table *table, int64_t index,
                 const struct sim_request *request, struct sim_reply *reply);

/* webhooks.c */
enum at_event_kind { AT_CREATED, AT_CHANGED, AT_DESTROYED };
enum sl_code at_tell_hooks(struct airtable *app, const struct at_table *table, int64_t index,
                           enum at_event_kind kind, int64_t now_us, struct sl_error *error);
enum sl_code at_webhooks(struct airtable *app, const struct sim_request *request,
                         struct sim_reply *reply, struct sl_error *error);
enum sl_code at_do_webhook(struct airtable *app, const struct sl_json *op, int64_t now_us,
                           struct sl_error *error);
void at_webhooks_release(struct airtable *app);

/* oauth.c */
void at_oauth_init(struct airtable *app);
bool at_oauth_accepts(const struct airtable *app, const char *token);
void at_oauth_connection(const struct airtable *app, struct sl_buf *out);
void at_give_token(struct airtable *app, const struct sim_request *request,
                   struct sim_reply *reply);
enum sl_code at_do_oauth(struct airtable *app, const struct sl_json *op, int64_t now_us,
                         struct sl_error *error);

/* ops.c */
bool at_has_op(const char *name);
enum sl_code at_operate(void *app, const struct sl_json *op, int64_t now_us,
                        struct sl_error *error);

/* airtable.c */
void at_error(struct airtable *app, struct sim_reply *reply, int status, const char *type,
              const char *message);
/* Notes a mistake in app->call; always SL_OK so that readers can return it. */
enum sl_code at_mistake(struct at_call *call, int status, const char *type, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
