/*
 * airtable.h: what the files of this connector share.
 *
 *   airtable.c  options, requests, the page chain, the connector itself
 *   classify.c  what an answer means
 *   check.c     token, scopes and bases, each tested
 *   discover.c  bases and tables
 *   schema.c    a field of Airtable becomes a column
 *   read.c      records of one table, in one chain of pages or several
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

#define AIRTABLE_ID_MAX 64        /* they have 17 characters */
#define AIRTABLE_OFFSET_MAX 1024  /* they have some 40 */
#define AIRTABLE_NAME_MAX 1100    /* of a table, in bytes; they have at most 255 characters */
#define AIRTABLE_FIELDS_MAX 1000  /* Airtable allows 500 */
#define AIRTABLE_FILTER_MAX 16000 /* of a user's formula */
#define AIRTABLE_FORMULA_MAX (AIRTABLE_FILTER_MAX + 1024)
#define AIRTABLE_CHAINS_MAX 8
#define AIRTABLE_PAGE_ROWS 100        /* the most that the API gives */
#define AIRTABLE_REPEATS_MAX 3        /* the same offset again */
#define AIRTABLE_EMPTY_PAGES_MAX 1000 /* one after the other */

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
};

/* A chain of pages: each answer holds the offset of the next one, the last answer holds none. */
struct airtable_chain {
    char offset[AIRTABLE_OFFSET_MAX]; /* to ask for; "" at the start */
    int64_t pages;                    /* answers so far */
    int empty;                        /* pages without a row, one after the other */
    int repeats;                      /* how often an offset came that had been there before */
    uint64_t mark;                    /* hash of an offset further back, and its page: a chain */
    int64_t mark_page;                /* that goes in circles meets it again (Brent) */
};

/* A part of a table's records: the index-th of count (1, 2, 4 or 8) equal ones, or all others. */
struct airtable_share {
    int index, count;
    bool others;
};

struct airtable {
    struct sl_task task; /* first: the engine fills it */

    /* connection options */
    bool bearer_token;
    const struct sl_json *base_ids; /* array of strings, or NULL: all bases of the token */
    const char *base_url;
    double requests_per_second;
    int64_t monthly_quota;

    /* table options */
    const char *view, *filter;
    bool computed_as_string, comment_count;
    int64_t chains; /* 0: as many as it takes */

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
    bool first_of_several; /* the root reads a share too: the others wait for its first page */
    int64_t round_trip_us; /* discover: of the call for the schema */
    int64_t read_from_us;  /* server's time when the read began */
    struct airtable_chain chain;
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

/* Copies an id into a fixed place; false when it does not fit or there is none. */
bool airtable_keep_id(char out[AIRTABLE_ID_MAX], const char *id);
/* Three letters that say what it names ("rec"), then letters and digits? It fits AIRTABLE_ID_MAX. */
bool airtable_is_id(const char *text, const char *kind);
bool airtable_is_base_id(const char *text);
uint64_t airtable_hash(uint64_t seed, const char *text); /* FNV-1a; seed 0 starts */

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
/* The cursor of a full read: what was in scope, and since when. */
SL_MUST_USE enum sl_code airtable_put_cursor(const struct airtable *self, struct sl_out *out,
                                             struct sl_error *error);

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
 * The formula for a share of what `filter` (may be NULL) lets through; "" when everything is wanted.
 * Shares of one count are disjoint, and together they are everything. SL_BAD_SPEC: the filter is
 * too long.
 */
SL_MUST_USE enum sl_code airtable_formula(const char *filter, const struct airtable_share *share,
                                          char formula[AIRTABLE_FORMULA_MAX],
                                          struct sl_error *error);

#endif
