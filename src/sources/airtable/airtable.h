/*
 * airtable.h: what the files of this connector share.
 *
 *   airtable.c  options, requests, the page chain, the connector itself
 *   classify.c  what an answer means
 *   check.c     token, scopes and bases, each tested
 *   discover.c  bases and tables
 *   schema.c    a field of Airtable becomes a column
 *   read.c      one table: how it is read in this run; all of it, in one chain of pages or several
 *   window.c    ... or only what changed since the last run, by time
 *   feed.c      ... or what the payloads of a webhook name
 *   byid.c      records by their ids
 *   cursor.c    what one run leaves to the next
 *   hook.c      discover: the webhook of a base
 *   comments.c  the comments of one table's records
 *   formula.c   texts for filterByFormula
 *
 * Ids are opaque: three letters that say what they name, then letters and digits: app base, tbl
 * table, fld field, rec record, viw view. Everything is addressed by id, so renaming changes
 * nothing.
 */
#ifndef AIRTABLE_H
#define AIRTABLE_H

#include <sluice/connector.h>
#include <sluice/paging.h>

#define AIRTABLE_ID_MAX 64        /* they have 17 characters */
#define AIRTABLE_OFFSET_MAX 1024  /* they have some 40 */
#define AIRTABLE_NAME_MAX 1100    /* of a table, in bytes; they have at most 255 characters */
#define AIRTABLE_FIELDS_MAX 1000  /* Airtable allows 500 */
#define AIRTABLE_FILTER_MAX 16000 /* of a user's formula */
#define AIRTABLE_FORMULA_MAX (AIRTABLE_FILTER_MAX + 8192)
#define AIRTABLE_CHAINS_MAX 8
#define AIRTABLE_PAGE_ROWS 100        /* the most that the API gives */
#define AIRTABLE_EMPTY_PAGES_MAX 1000 /* one after the other */
#define AIRTABLE_BATCH 100            /* ids in one call: a page of records */
#define AIRTABLE_NAMED 1024
#define AIRTABLE_CURSOR_VERSION 2

#define AIRTABLE_COMMENTS_SUFFIX "__comments"

/* Which answer a task waits for. */
enum airtable_stage {
    AIRTABLE_START,
    AIRTABLE_WHOAMI,
    AIRTABLE_BASES,
    AIRTABLE_SCHEMA,
    AIRTABLE_SAMPLE, /* check: one record, to see whether records can be read */
    AIRTABLE_RECORDS,
    AIRTABLE_COMMENTS,
    AIRTABLE_WHETHER_THERE, /* comments: the record that answered 404 */
    AIRTABLE_SELF_TEST,     /* a window in which nothing can have changed */
    AIRTABLE_HOOKS,         /* the webhooks of the base */
    AIRTABLE_HOOK_CREATE,
    AIRTABLE_HOOK_REFRESH,
    AIRTABLE_HOOK_DELETE,
    AIRTABLE_PAYLOADS,
};

/* How a root task reads its table. */
enum airtable_way {
    AIRTABLE_ALL,    /* everything */
    AIRTABLE_WINDOW, /* what was created or edited since a time */
    AIRTABLE_FEED,   /* what a webhook's payloads name */
    AIRTABLE_BY_ID,  /* the records of task->input.keys */
};

/* A chain of pages: each answer holds the offset of the next one, the last answer holds none. */
struct airtable_chain {
    char offset[AIRTABLE_OFFSET_MAX]; /* to ask for; "" at the start */
    struct sl_pages pages;
    int empty; /* pages without a row, one after the other */
};

/* A part of a table's records: the index-th of count (1, 2, 4 or 8) equal ones, or all others. */
struct airtable_share {
    int index, count;
    bool others;
};

/* Can the filter by time be relied on? */
enum airtable_trust { AIRTABLE_UNTESTED, AIRTABLE_TRUSTED, AIRTABLE_BROKEN };

/* A webhook, and how far its payloads were applied. */
struct airtable_hook {
    char id[AIRTABLE_ID_MAX]; /* "": none */
    int64_t next;             /* the payload to begin with; the first is 1 */
    int64_t polled_us;        /* server's time when that was so: payloads live for a week */
};

/* The root task's part of the cursor: what one run leaves to the next. */
struct airtable_cursor {
    int64_t
        from_us; /* every change from before this, server's time, was read; SL_NO_TIME: unknown */
    enum airtable_trust trust;
    struct airtable_hook hook;
    int shares; /* how a full read was cut; 0: it was not */
    bool probe; /* ... when the size was unknown */
};

struct airtable {
    struct sl_task task; /* first: the engine fills it */

    /* connection options */
    bool bearer_token, client_secret, refresh_token;
    const char *client_id;
    const struct sl_json *base_ids; /* array of strings, or NULL: all bases of the token */
    const char *base_url;
    double requests_per_second;
    int64_t monthly_quota;

    /* table options */
    const char *view, *filter;
    bool computed_as_string, comment_count;
    int64_t chains; /* 0: as many as it takes */
    const char *read_mode;
    int64_t lag_seconds, lookback_seconds;
    bool webhooks;

    /* what this task does */
    bool checking; /* check: refusals are findings, not failures */
    bool optional; /* discover: this base came from a listing; refused means passed over */
    enum airtable_stage stage;
    char base[AIRTABLE_ID_MAX]; /* "" while it is about no base */
    char base_key[AIRTABLE_ID_MAX + 16];
    char table[AIRTABLE_ID_MAX];
    char record[AIRTABLE_ID_MAX];
    struct sl_json_each records; /* comments: what is left of task->input.records */
    struct sl_json_writer *commented[AIRTABLE_CHAINS_MAX]; /* inputs of its sub-tasks, as they grow:
                                                              the first ones, then NULL */
    int64_t commented_count;
    struct airtable_share share; /* of the table, that this task reads */
    bool probe;                  /* this share is read first: the others wait for its first page */
    bool others;                 /* ... which was the last one too: all others are read together */
    int64_t round_trip_us;       /* discover: of the call for the schema */
    int64_t server_us;           /* discover: server's time, at the call for the schema */
    struct airtable_chain chain;
    struct airtable_hook hook; /* discover: that of the base */

    /* read: the root task, and those of shares */
    enum airtable_way way;
    struct airtable_cursor old, next; /* what the last run left; what this one leaves */
    bool going_on;                    /* a full read that an earlier run began */
    int64_t since_us;                 /* WINDOW: its lower bound; FEED: what is newer is recent */
    char batch[AIRTABLE_BATCH][AIRTABLE_ID_MAX]; /* ids that are asked for, or will be */
    bool batch_seen[AIRTABLE_BATCH];
    int batch_count;
    bool deletes; /* BY_ID: a record that does not come is to be deleted */
    /* FEED: ids that were named lately, each where its hash says, so that a record that was edited a
     * hundred times is read once. One that was driven out by another is read twice. */
    char named[AIRTABLE_NAMED][AIRTABLE_ID_MAX / 2];
    int parts;      /* FEED: sub-tasks so far */
    bool failed;    /* FEED: the webhook says so itself */
    int64_t recent; /* FEED: the first payload that is applied again in the next run; 0: none */
    int polls;
};

/* ---- airtable.c ---- */

/* This task is about that base from here on; its limits are declared. */
SL_MUST_USE enum sl_code airtable_enter_base(struct airtable *self, const char *base,
                                             struct sl_out *out, struct sl_error *error);
/* The limit of the token alone, for calls that belong to no base. */
SL_MUST_USE enum sl_code airtable_declare_user(const struct airtable *self, struct sl_out *out,
                                               struct sl_error *error);
/* url is below base_url: it begins with /v0. */
void airtable_url(const struct airtable *self, struct sl_url *url);
/* Sends a request that spends what this task's calls cost; returns SL_MORE. body NULL: GET. */
SL_MUST_USE enum sl_code airtable_ask(struct airtable *self, enum airtable_stage stage,
                                      const struct sl_url *url, struct sl_json_writer *body,
                                      struct sl_out *out, struct sl_error *error);
SL_MUST_USE enum sl_code airtable_send(struct airtable *self, enum airtable_stage stage,
                                       const char *method, const struct sl_url *url,
                                       struct sl_json_writer *body, struct sl_out *out,
                                       struct sl_error *error);
SL_MUST_USE enum sl_code airtable_ask_whoami(struct airtable *self, struct sl_out *out,
                                             struct sl_error *error);
SL_MUST_USE enum sl_code airtable_ask_bases(struct airtable *self, struct sl_out *out,
                                            struct sl_error *error);
SL_MUST_USE enum sl_code airtable_ask_schema(struct airtable *self, struct sl_out *out,
                                             struct sl_error *error);

/* Moves a chain on by one answer: SL_MORE, SL_DONE (no offset), or SL_BAD_DATA. */
SL_MUST_USE enum sl_code airtable_chain_next(struct airtable_chain *chain,
                                             const struct sl_json *answer, size_t rows,
                                             struct sl_error *error);

/* Does the engine get the tokens? Then a personal one does not count. */
bool airtable_by_oauth(const struct airtable *self);

/* Copies an id into a fixed place; false when it does not fit or there is none. */
bool airtable_keep_id(char out[AIRTABLE_ID_MAX], const char *id);
/* Three letters that say what it names ("rec"), then letters and digits? It fits AIRTABLE_ID_MAX. */
bool airtable_is_id(const char *text, const char *kind);
bool airtable_is_base_id(const char *text);

/* ---- the steps ---- */

sl_step_fn airtable_check, airtable_discover, airtable_read;
void airtable_release(void *task);
/* read, for a table of comments */
enum sl_code airtable_read_comments(struct airtable *self, const struct sl_response *response,
                                    struct sl_out *out, struct sl_error *error);
/* listRecords of this task's table with a body of the caller's; the body is freed. */
SL_MUST_USE enum sl_code airtable_ask_list(struct airtable *self, enum airtable_stage stage,
                                           struct sl_json_writer *body, struct sl_out *out,
                                           struct sl_error *error);
/* One page of this task's records. comment_count: with the number of comments of each. */
SL_MUST_USE enum sl_code airtable_ask_records(struct airtable *self, bool comment_count,
                                              struct sl_out *out, struct sl_error *error);

/* ---- read.c ---- */

/* Reads everything, whatever was planned. */
SL_MUST_USE enum sl_code airtable_read_all(struct airtable *self, struct sl_out *out,
                                           struct sl_error *error);
/* Is this field among the columns that are wanted? */
bool airtable_wants(const struct airtable *self, const char *field);

/* ---- cursor.c ---- */

/* Reads task->cursor into self->old. NULL when it can be gone on from, else why not. */
const char *airtable_take_cursor(struct airtable *self);
/* self->next, with the scope (view, filter) that it holds for. */
SL_MUST_USE enum sl_code airtable_put_cursor(const struct airtable *self, struct sl_out *out,
                                             struct sl_error *error);
/* The server's time up to which changes are in what this answer begins, less the lag: for a state
 * that does not know it. */
void airtable_take_time(struct airtable *self, const struct sl_response *response);
/* The webhook that discover found, or one without an id. */
struct airtable_hook airtable_state_hook(const struct airtable *self);

/* ---- window.c, feed.c, byid.c ---- */

SL_MUST_USE enum sl_code airtable_start_window(struct airtable *self, struct sl_out *out,
                                               struct sl_error *error);
SL_MUST_USE enum sl_code airtable_window_answer(struct airtable *self,
                                                const struct sl_response *response,
                                                struct sl_out *out, struct sl_error *error);
SL_MUST_USE enum sl_code airtable_start_feed(struct airtable *self, struct sl_out *out,
                                             struct sl_error *error);
SL_MUST_USE enum sl_code airtable_feed_answer(struct airtable *self,
                                              const struct sl_response *response,
                                              struct sl_out *out, struct sl_error *error);
/* The records of these keys, a hundred in a call. deletes: those that do not come are emitted as
 * deleted. */
SL_MUST_USE enum sl_code airtable_start_by_id(struct airtable *self, const struct sl_json *keys,
                                              struct sl_out *out, struct sl_error *error);
SL_MUST_USE enum sl_code airtable_by_id_answer(struct airtable *self,
                                               const struct sl_response *response,
                                               struct sl_out *out, struct sl_error *error);
SL_MUST_USE enum sl_code airtable_delete_record(const struct airtable *self, const char *id,
                                                struct sl_out *out, struct sl_error *error);

/* ---- hook.c ---- */

/* discover: finds, renews or makes the base's webhook, and asks for the schema then. */
SL_MUST_USE enum sl_code airtable_ask_hooks(struct airtable *self, struct sl_out *out,
                                            struct sl_error *error);
SL_MUST_USE enum sl_code airtable_hook_answer(struct airtable *self,
                                              const struct sl_response *response,
                                              struct sl_out *out, struct sl_error *error);
/* .../webhooks, .../webhooks/{id}, .../webhooks/{id}/{what} */
void airtable_hook_url(const struct airtable *self, const char *id, const char *what,
                       struct sl_url *url);
SL_MUST_USE enum sl_code airtable_delete_hook(struct airtable *self, const char *id,
                                              struct sl_out *out, struct sl_error *error);

void airtable_classify(const void *task, const struct sl_response *response,
                       struct sl_verdict *verdict);
/* "NOT_FOUND": the source's word for what is wrong; "" when it says none. */
const char *airtable_error_type(const struct sl_json *json);
enum sl_special airtable_special(const struct sl_json *object, double *number);

/* ---- schema.c ---- */

/* The column for one field; texts belong to the JSON. SL_BAD_DATA: it has no id. */
SL_MUST_USE enum sl_code airtable_column(const struct airtable *self, const struct sl_json *field,
                                         struct sl_column *out, struct sl_error *error);
/* The columns of a table of comments. */
extern const struct sl_column airtable_comment_columns[];
extern const size_t airtable_comment_column_count;

/* ---- formula.c ---- */

/*
 * "this and that": a user's filter (may be NULL) and what sluice asks for besides; "" when
 * everything is wanted. SL_BAD_SPEC: the filter is too long.
 *
 * A share: those of one count are disjoint, and together they are everything. A window: what was
 * created or edited at or after since_us (down to the second), by a field or, without one, by
 * LAST_MODIFIED_TIME().
 */
SL_MUST_USE enum sl_code airtable_formula_share(const char *filter,
                                                const struct airtable_share *share,
                                                char formula[AIRTABLE_FORMULA_MAX],
                                                struct sl_error *error);
SL_MUST_USE enum sl_code airtable_formula_window(const char *filter, const char *field,
                                                 int64_t since_us,
                                                 char formula[AIRTABLE_FORMULA_MAX],
                                                 struct sl_error *error);
SL_MUST_USE enum sl_code airtable_formula_ids(const char *filter, const char ids[][AIRTABLE_ID_MAX],
                                              int count, char formula[AIRTABLE_FORMULA_MAX],
                                              struct sl_error *error);

#endif
