/*
 * hubspot.h: what the files of this connector share.
 *
 *   hubspot.c    options, limits, requests, the connector itself
 *   objects.c    the objects that every portal has, and the tables beside them
 *   classify.c   what an answer means
 *   check.c      is the token good, which scope is missing
 *   discover.c   objects, their properties, their tables
 *   read.c       which way a table is read; owners and pipelines
 *   list.c       everything: the list of an object
 *   search.c     what changed: windows of the search
 *   gather.c     records by id, with all their associations
 *   archived.c   what was deleted
 *
 * A complete read is the list endpoint: 100 records a call, with up to 100 associations of each kind in
 * them. A record with more, and every record when the names of its properties do not fit in a URL,
 * is *gathered*: its id is kept, and once a thousand of them are there (or the chain ends) their
 * associations and then the records themselves are asked for by id.
 *
 * An increment asks the search for ids only, oldest change first, and gathers them: the search
 * knows no associations, and what its index holds may be older than the record.
 */
#ifndef HUBSPOT_H
#define HUBSPOT_H

#include <sluice/paging.h>

#define HUBSPOT_CURSOR_VERSION 1
#define HUBSPOT_LIST_ROWS 100    /* the API's largest page of a list, and of a batch by id */
#define HUBSPOT_SEARCH_ROWS 200  /* ... of a search */
#define HUBSPOT_SEARCH_CAP 10000 /* the search answers no further */
#define HUBSPOT_OWNER_ROWS 100
#define HUBSPOT_GATHER_MAX 1000 /* ids of one call for associations */
#define HUBSPOT_TARGETS_MAX 6
#define HUBSPOT_CSV_MAX 4096   /* names in a URL; gateways refuse 8 to 16 KB */
#define HUBSPOT_AFTER_MAX 1024 /* an offset; longer ones are refused */
#define HUBSPOT_ID_MAX 21      /* the decimal text of an id */
#define HUBSPOT_LINKS_MAX 131072
#define HUBSPOT_COLUMNS_MAX 4096

enum hubspot_stage {
    HUBSPOT_START,
    HUBSPOT_DETAILS,    /* account-info */
    HUBSPOT_SCHEMAS,    /* custom objects */
    HUBSPOT_PROPERTIES, /* of an object */
    HUBSPOT_PROBE,      /* check: may this object be read? discover: its deleted ones? */
    HUBSPOT_OWNERS,
    HUBSPOT_PIPELINES,
    HUBSPOT_LIST,
    HUBSPOT_SEARCH,
    HUBSPOT_PILE, /* search: more records of one millisecond than fit on a page */
    HUBSPOT_LINKS,
    HUBSPOT_RECORDS, /* by id */
    HUBSPOT_ARCHIVED,
};

/* An object that every portal has. */
struct hubspot_object {
    const char *name; /* table, and its place in paths */
    const char *type_id;
    const char *modified; /* the property whose time moves with every edit */
    const char *scope;
    const char *targets[HUBSPOT_TARGETS_MAX]; /* associations read as columns; ends with NULL */
};
extern const struct hubspot_object hubspot_objects[]; /* ends with {0} */

extern const struct sl_column hubspot_record_columns[]; /* what every object has */
extern const size_t hubspot_record_column_count;
extern const struct sl_column hubspot_owner_columns[];
extern const size_t hubspot_owner_column_count;
extern const struct sl_column hubspot_pipeline_columns[];
extern const size_t hubspot_pipeline_column_count;

/* One association of a record that is gathered. */
struct hubspot_link {
    int32_t row; /* which of the gathered ids */
    int32_t target;
    int64_t to;
};

struct hubspot_more { /* associations of a record that go on */
    int32_t row;
    char after[64];
};

struct hubspot_gather {
    int64_t ids[HUBSPOT_GATHER_MAX];
    int count;
    int from, upto; /* of them, what is asked for now; sorted */
    int target;     /* ... and whose associations */
    int asked;      /* records that were asked for, from `from` on */
    struct hubspot_more more[HUBSPOT_GATHER_MAX];
    int more_count;
    int link_pages; /* answers for this target */
    size_t link_count;
};

struct hubspot {
    struct sl_task task; /* first */

    /* options of the connection */
    const char *base_url, *client_id;
    bool access_token, client_secret, refresh_token;
    double requests_per_10_seconds, searches_per_second;
    int64_t daily_quota;
    /* options of a table */
    int64_t lookback_minutes, page_rows;

    enum hubspot_stage stage;
    int object;    /* check: which one is tried */
    bool optional; /* a refusal is an answer too */

    /* of the table, from its state */
    const char *path, *modified, *portal;
    int64_t utc_offset_ms;
    bool merges;      /* its records can be merged */
    bool no_archived; /* what was deleted is not listed */
    const char *targets[HUBSPOT_TARGETS_MAX];
    int target_count;
    char search_key[64];

    /* the properties that are asked for */
    struct sl_json_writer *names; /* a JSON array */
    char csv[HUBSPOT_CSV_MAX];
    bool by_id; /* they do not fit in a URL */

    struct sl_pages pages;
    char after[HUBSPOT_AFTER_MAX];
    bool last;     /* the chain has ended; what is gathered remains */
    bool going_on; /* this list was begun in an earlier run */
    bool rereading;
    size_t reread; /* keys that were looked at */
    bool increment;
    /* Increments go on from there: of the last run, of the next one. */
    int64_t old_from_us, from_us;
    int64_t archived_us;    /* up to then, what was deleted is known */
    int64_t archived_pages; /* that it took */

    int64_t low_ms;  /* search: from this time of change on */
    int64_t pile_ms; /* ... all of this very time, */
    int64_t pile_id; /* ... and with greater ids */
    int offset;      /* ... a window that is not in order: paged by offset */
    struct sl_json_writer *values[HUBSPOT_TARGETS_MAX]; /* constants of a row */
    struct hubspot_gather gather;
    union {
        struct hubspot_link links[HUBSPOT_LINKS_MAX];
        struct sl_column columns[HUBSPOT_COLUMNS_MAX];
    } room;
};

/* ---- hubspot.c ---- */

/* base_url, then the segments; ends with NULL. */
void hubspot_url(const struct hubspot *self, struct sl_url *url, ...) __attribute__((sentinel));
/* One call; body NULL: GET. Returns SL_MORE. */
enum sl_code hubspot_ask(struct hubspot *self, enum hubspot_stage stage, const struct sl_url *url,
                         struct sl_json_writer *body, struct sl_out *out, struct sl_error *error);
/* Notes what the headers say is left. */
enum sl_code hubspot_take_limits(const struct hubspot *self, const struct sl_response *response,
                                 struct sl_out *out, struct sl_error *error);
enum sl_code hubspot_ask_details(struct hubspot *self, struct sl_out *out, struct sl_error *error);
bool hubspot_uses_oauth(const struct hubspot *self); /* where a client_id is given */
/* Neither a token nor OAuth credentials: says so. */
enum sl_code hubspot_need_credentials(const struct hubspot *self, struct sl_error *error);
/* When the portal's next day begins, by the time of an answer. */
int64_t hubspot_next_day_us(const struct hubspot *self, const struct sl_response *response);
int64_t hubspot_server_us(const struct hubspot *self, const struct sl_response *response);

/* paging.next.after into self->after. SL_MORE, SL_DONE, or an error. */
enum sl_code hubspot_page_next(struct hubspot *self, const struct sl_json *answer,
                               struct sl_error *error);
/* The member `results`, an array; NULL with error filled. */
const struct sl_json *hubspot_results(const struct hubspot *self, const struct sl_json *answer,
                                      struct sl_error *error);
/* An id: decimal text or a number. */
bool hubspot_id(const struct sl_json *value, int64_t *out);
/* An ISO time of a value, in microseconds. */
bool hubspot_time(const struct sl_json *value, int64_t *us);

/* ---- the rest ---- */

void hubspot_classify(const void *task, const struct sl_response *response,
                      struct sl_verdict *verdict);
const char *hubspot_scope(const char *path); /* the scope that reads this object */
sl_step_fn hubspot_check, hubspot_discover, hubspot_read;

/* Is this column wanted? By id, or name where it has none. */
bool hubspot_wants(const struct hubspot *self, const char *column);
/* The id of a property's column: its name, unless a column of ours has that one. */
const char *hubspot_property_id(const char *property, char out[160]);

enum sl_code hubspot_list_start(struct hubspot *self, struct sl_out *out, struct sl_error *error);
enum sl_code hubspot_list_page(struct hubspot *self, const struct sl_response *response,
                               struct sl_out *out, struct sl_error *error);
/* What was gathered is out: the next page, or the end. */
enum sl_code hubspot_list_goes_on(struct hubspot *self, struct sl_out *out, struct sl_error *error);

enum sl_code hubspot_search_start(struct hubspot *self, struct sl_out *out, struct sl_error *error);
enum sl_code hubspot_search_page(struct hubspot *self, const struct sl_response *response,
                                 struct sl_out *out, struct sl_error *error);
enum sl_code hubspot_search_goes_on(struct hubspot *self, struct sl_out *out,
                                    struct sl_error *error);

/* Keeps an id; there is room when gather_room() says so. */
void hubspot_gather_add(struct hubspot *self, int64_t id);
int hubspot_gather_room(const struct hubspot *self);
/* Asks for all that was gathered. SL_MORE. */
enum sl_code hubspot_gather_start(struct hubspot *self, struct sl_out *out, struct sl_error *error);
/* SL_MORE, or SL_DONE: all of it was emitted, and the gathering is empty. */
enum sl_code hubspot_gather_step(struct hubspot *self, const struct sl_response *response,
                                 struct sl_out *out, struct sl_error *error);
/* A record with the associations that its links [0, count) name, sorted. */
enum sl_code hubspot_emit(struct hubspot *self, const struct sl_json *record,
                          const struct hubspot_link *links, size_t count, struct sl_out *out,
                          struct sl_error *error);

enum sl_code hubspot_ask_archived(struct hubspot *self, struct sl_out *out, struct sl_error *error);
enum sl_code hubspot_archived_page(struct hubspot *self, const struct sl_response *response,
                                   struct sl_out *out, struct sl_error *error);
/* Is the list of what was deleted so long that it is left for later? */
bool hubspot_archived_can_wait(const struct hubspot *self);
/* The records that went up in this one are gone. */
enum sl_code hubspot_delete_merged(struct hubspot *self, const struct sl_json *record,
                                   struct sl_out *out, struct sl_error *error);

enum sl_code hubspot_put_cursor(struct hubspot *self, struct sl_out *out, struct sl_error *error);
void hubspot_say_why_all(const struct hubspot *self, const char *why, struct sl_out *out);

#endif
