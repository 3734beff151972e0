/*
 * connector.h: everything that a connector needs, and all that the engine knows of a source.
 *
 * A connector is one `const struct sl_connector`. It does no I/O: it is a state machine that is
 * given the answer to its last request, emits what that answer holds, and says which request it
 * wants next. It never opens a socket, sleeps, or reads a clock or a file, and it never sees a
 * secret. So the same connector runs from the command line, in a server, against a simulator in
 * virtual time, from a recording, and under a fuzzer.
 *
 *     step(task, NULL, out, error)        first call: look at the input, ask for a page
 *     step(task, response, out, error)    emit rows, ask for the next page -> SL_MORE
 *     ...                                 nothing more to ask for          -> SL_DONE
 *
 * One request is outstanding per task. Work runs in parallel only by sub-tasks (sl_out_task): a
 * partition, a time window, a repository. Retries, waiting and pauses happen outside: step sees
 * only answers that classify() called SL_VERDICT_OK.
 *
 * Threads: a task is used by one thread at a time; different tasks may run at the same time, so a
 * connector has no state but its tasks.
 */
#ifndef SLUICE_CONNECTOR_H
#define SLUICE_CONNECTOR_H

#include <sluice/error.h>
#include <sluice/json.h>
#include <sluice/time.h>
#include <sluice/url.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SL_CONNECTOR_ABI 1

/* ------------------------------------------------------------------ options */

enum sl_option_kind {
    SL_OPTION_STRING, /* const char * at offset; NULL when not given and without preset */
    SL_OPTION_SECRET, /* bool at offset: was it given? The value never reaches a connector */
    SL_OPTION_BOOL,   /* bool */
    SL_OPTION_INT,    /* int64_t, min..max */
    SL_OPTION_DOUBLE, /* double, min..max */
    SL_OPTION_URL,    /* const char *: http:// or https://, without a slash at the end */
    SL_OPTION_LIST,   /* const struct sl_json *: an array of strings (a comma list is accepted) */
    SL_OPTION_ENUM,   /* const char *: one of `values` */
};

/* One row declares an option; parser, --help, docs, JSON schema and masking are made from it. */
struct sl_option {
    const char *name;
    const char *alias; /* another accepted spelling, or NULL */
    const char *help;  /* one sentence: a capital, a full stop */
    enum sl_option_kind kind;
    bool required;
    const char *preset;        /* as a user would type it; NULL: none */
    double min, max;           /* SL_OPTION_INT, SL_OPTION_DOUBLE */
    const char *const *values; /* SL_OPTION_ENUM: ends with NULL */
    size_t offset;             /* where the parsed value goes in the task's state */
    bool shapes; /* a table option that changes the table's columns: discover is told */
};

/* ------------------------------------------------------------------ schemas */

enum sl_type_kind {
    SL_TYPE_BOOLEAN,
    SL_TYPE_BIGINT,
    SL_TYPE_DOUBLE,
    SL_TYPE_DECIMAL, /* precision 1-38, scale 0-precision */
    SL_TYPE_STRING,
    SL_TYPE_BINARY,
    SL_TYPE_DATE,
    SL_TYPE_TIMESTAMP, /* UTC, microseconds */
    SL_TYPE_ARRAY,     /* element in members[0] */
    SL_TYPE_STRUCT,    /* members */
    SL_TYPE_MAP,       /* key (always STRING) implied; value in members[0] */
};

/* How JSON becomes a value, where the type alone does not say. docs/types.md has the whole table. */
enum sl_decode {
    SL_DECODE_AUTO,         /* by type: what docs/types.md says */
    SL_DECODE_JSON,         /* STRING: strings as they are, anything else as its JSON text */
    SL_DECODE_SECONDS,      /* TIMESTAMP from epoch seconds (number or text) */
    SL_DECODE_MILLIS,       /* TIMESTAMP from epoch milliseconds */
    SL_DECODE_ONE_OR_ARRAY, /* ARRAY: a single value counts as an array of one; nested arrays are
                               flattened by one level */
    SL_DECODE_REST,         /* STRING: JSON object of the members of the object at `path` that no
                               other column names */
    SL_DECODE_TEXT,         /* of a source that writes everything as text: BOOLEAN, BIGINT, DOUBLE
                               and DECIMAL from a string ("true", "12.50") too; "" is NULL */
};

struct sl_type {
    enum sl_type_kind kind;
    int precision, scale;
    size_t member_count;
    const struct sl_member *members;
    bool open; /* STRUCT: members that nobody declared are passed over: a choice of what a large
                  object has. Else they are kept in _rescued_data */
};

struct sl_member {
    const char *name; /* key in the JSON object, and the nested column name (ASCII) */
    struct sl_type type;
    bool fleeting; /* changes without the row changing (a signed URL): ignored in comparisons */
};

#define SL_PATH_MAX 8 /* keys from the row to a column's value */

struct sl_column {
    const char *name;              /* as the source shows it; the engine derives the visible name */
    bool exact_name;               /* use `name` as it is (system columns: they start with '_') */
    const char *id;                /* the source's stable id of the field, or NULL */
    const char *source_type;       /* the source's word for the type, for metadata; or NULL */
    const char *comment;           /* the source's description, or NULL */
    const char *path[SL_PATH_MAX]; /* keys from the row; path[0] NULL: {name} */
    struct sl_type type;
    enum sl_decode decode;
    bool not_null;         /* keys only */
    bool missing_is_false; /* BOOLEAN: an absent value is false, not NULL */
    bool fleeting;         /* the whole column is ignored in comparisons */
    bool constant;         /* filled from sl_constant, not from the row's JSON */
};

enum sl_ingestion { SL_SNAPSHOT, SL_APPEND, SL_CDC, SL_CDC_WITH_DELETES };

/* The row version that comes with the rows and deletes of a table (struct sl_sequence). Only where
 * it is reliable: it must grow with every change of a row. */
enum sl_sequence_kind {
    SL_SEQUENCE_NONE,   /* none: what is seen later is newer */
    SL_SEQUENCE_TIME,   /* microseconds since 1970, UTC */
    SL_SEQUENCE_NUMBER, /* a version number */
};

/* A table as discover describes it. Everything is copied by sl_out_table(). */
struct sl_table_def {
    const char *name;       /* as the user names it in source_table */
    const char *namespace_; /* base, repository owner, ... shown as source_schema; or NULL */
    /* What the table belongs to, by an id that never changes: a base, an owner, an account. Together
     * with `id` it says for ever which table this is, so that another account's rows never land in
     * the same table. NULL: namespace_, or the connection's name where there is none. */
    const char *namespace_id;
    const char *id; /* the source's stable id, or NULL: name */
    const char *comment;
    const struct sl_column *columns;
    size_t column_count;
    const char *const *primary_key; /* column names; ends with NULL; NULL: none */
    const char *cursor;             /* the column incremental reading goes by, or NULL */
    enum sl_ingestion ingestion;
    enum sl_sequence_kind sequence;
    /* Can `read` look single rows up? Before rows are deleted because a complete read did not have
     * them, a task gets the input {"keys":[key, ...]} (a key: an object of the key columns by name)
     * and emits those that are there after all. */
    bool rereads;
    /* A complete read at the latest so long after the one before, unless the user says otherwise: where
     * the modified time misses some changes. 0: a day for SL_CDC, never for SL_CDC_WITH_DELETES. */
    int64_t reconcile_us;
    /* Objects whose unknown members are kept in _rescued_data (reason unknown_field) rather than
     * passed over: a list of paths, each one key deep ("fields"), "" for the row; ends with NULL. */
    const char *const *strict_objects;
    int rows_per_call;    /* for sl plan; 0: unknown */
    int calls_unchanged;  /* for sl plan: of an increment that finds nothing; 0: one */
    const char *state;    /* JSON object, the connector's own: handed to each read task */
    const char *excluded; /* why a schema object leaves this table out unless named; or NULL */
};

/* ------------------------------------------------------------------ requests and answers */

struct sl_header {
    const char *name, *value;
};

enum sl_auth_kind {
    SL_AUTH_NONE,
    SL_AUTH_BEARER,
    SL_AUTH_BASIC,        /* user:secret */
    SL_AUTH_BASIC_SECRET, /* secret: (the secret is the user, without a password) */
    SL_AUTH_OAUTH,        /* Bearer with an access token, which the engine gets and renews */
};

/* Which credentials the engine is to put in. They are dropped when a redirect leaves the origin. */
struct sl_auth {
    enum sl_auth_kind kind;
    const char *secret; /* name of the SECRET option: the token or the password; OAUTH: NULL */
    const char *user;   /* BASIC: the user's name itself (not an option's name) */
};

/* How a source gives access tokens (OAuth 2.0, RFC 6749). The options named here are declared among
 * the connection options like any other; the engine reads them, asks for tokens, and keeps a refresh
 * token that was replaced. */
struct sl_oauth {
    /* Where tokens are given; {option} stands for a connection option:
     * "https://{subdomain}.zendesk.com/oauth/tokens". */
    const char *token_url;
    const char *token_path; /* below the option base_url, when that is given: "/oauth/tokens" */
    const char *client_id;  /* names of options: STRING */
    const char *client_secret, *refresh_token; /* SECRET */
    const char *scope;                         /* asked for with every token; or NULL */
    bool basic;              /* client id and secret as Basic credentials, not in the form */
    bool client_credentials; /* without a refresh token: that grant; else one is required */
};

struct sl_spend {
    const char *key; /* a limit declared by sl_out_limit(); "{credential}" in it stands for a
                        fingerprint of the connection's secret */
    double cost;
};

#define SL_REQUEST_HEADERS_MAX 16
#define SL_REQUEST_SPENDS_MAX 8

struct sl_request {
    const char *method; /* NULL: GET */
    const char *url;
    struct sl_header headers[SL_REQUEST_HEADERS_MAX]; /* ends with {0} */
    const char *body;                                 /* NULL: none */
    size_t body_len;
    bool idempotent; /* may be sent again when the answer was lost; GET always is */
    struct sl_auth auth;
    struct sl_spend spends[SL_REQUEST_SPENDS_MAX]; /* ends with {0} */
    bool lines;                                    /* hand the body over in chunks of whole lines */
    int64_t timeout_ms;                            /* 0: 300,000 */
};

enum { SL_CHUNK_FIRST = 1, SL_CHUNK_LAST = 2 };

struct sl_response {
    int status;
    const struct sl_header *headers; /* names in lower case; ends with {0} */
    const char *body;                /* as received, decompressed; may be used up by the parser */
    size_t body_len;
    const struct sl_json *json; /* the root, or NULL when the body is not JSON */
    const char *json_error;     /* why not; NULL when json is there or the body is empty */
    int64_t started_at_us;      /* when the request was sent, by our clock (UTC) */
    int64_t received_at_us;
    int64_t server_date_us; /* its Date header; SL_NO_TIME (INT64_MIN) when missing */
    unsigned chunk;         /* lines: SL_CHUNK_FIRST, SL_CHUNK_LAST; else both */
};

/* The value of a header (name in lower case), or NULL. */
const char *sl_response_header(const struct sl_response *response, const char *name);
/* A header that is a count: at most 12 digits, nothing else. false: it is not there, or is not one. */
bool sl_response_number(const struct sl_response *response, const char *name, int64_t *out);
/* What time it is: by its Date header, else by our clock. */
int64_t sl_response_now_us(const struct sl_response *response);
/* What its Retry-After header asks for (seconds or a date), in ms; -1: nothing. */
int64_t sl_response_retry_after_ms(const struct sl_response *response);

enum sl_verdict_kind {
    SL_VERDICT_OK,
    SL_VERDICT_RETRY,       /* the same request again, after the policy's delay */
    SL_VERDICT_RETRY_AFTER, /* ... after wait_ms, which also stops everything that spends `pause` */
    SL_VERDICT_REFRESH,     /* refresh the credentials, then the same request once more */
    SL_VERDICT_RESTART,     /* this task starts again from its input and its own newest cursor; rows
                               since its last release point are dropped. At most 5 times */
    SL_VERDICT_QUOTA,       /* stop the run: a quota is gone until resets_at_us */
    SL_VERDICT_FAIL_TABLE,  /* this task's table fails; the others go on */
    SL_VERDICT_FAIL_ALL,    /* the connection is bad: nothing can succeed */
};

struct sl_verdict {
    enum sl_verdict_kind kind;
    enum sl_code code;    /* of the error, when it comes to one: SL_AUTH, SL_PERMISSION, ... */
    int64_t wait_ms;      /* RETRY_AFTER */
    char pause[160];      /* RETRY_AFTER: the budget key that pauses; "" for this request only */
    double slow_down;     /* RETRY_AFTER: multiply that budget's rate by this; 0: leave it */
    int64_t resets_at_us; /* QUOTA; 0: unknown */
    char message[768];    /* what the source said */
    char hint[384];
};

/* ------------------------------------------------------------------ output of a step */

struct sl_out; /* the engine's side of a step; every call copies what it is given */

/* A budget of the source: at most `rate` units in any `window_ms`, at most `concurrency` requests
 * at once (0: any). `durable` budgets (per hour, day, month) survive a restart. Declare before the
 * first request that spends it; declaring again changes it. */
struct sl_limit {
    const char *key;
    double rate;
    int64_t window_ms;
    int concurrency;
    bool durable;
    bool calendar_month; /* durable: counts anew with each month (UTC); window_ms is the longest */
    const char *set_by;  /* the connection option that says how much, for messages; or NULL */
};

/* The row version of what is emitted, for tables that declare one (enum sl_sequence_kind); {0} for
 * all others: then what is seen later is newer. A table never mixes the two. */
struct sl_sequence {
    int64_t value; /* the source's own: microseconds of an event, a version number */
    bool given;
};

/* Columns of a row that its JSON does not hold (owner, repository). */
struct sl_constant {
    const char *column;
    const char *text; /* decoded by the column's type; NULL: NULL */
};

/* Everywhere below: SL_NO_MEMORY, SL_TOO_LARGE and SL_BUG (a table or budget nobody declared) are
 * possible; a connector passes the code on. */
SL_MUST_USE enum sl_code sl_out_limit(struct sl_out *out, const struct sl_limit *limit,
                                      struct sl_error *error);
/* What a response header says is left of a budget; resets_at_us 0: unknown. */
SL_MUST_USE enum sl_code sl_out_budget(struct sl_out *out, const char *key, double remaining,
                                       int64_t resets_at_us, struct sl_error *error);
/* The one request wanted next; SL_MORE is to be returned. */
SL_MUST_USE enum sl_code sl_out_request(struct sl_out *out, const struct sl_request *request,
                                        struct sl_error *error);
/* rows: an array of objects, or one object, of a document that lives during this step. */
SL_MUST_USE enum sl_code sl_out_rows(struct sl_out *out, const char *table,
                                     const struct sl_json *rows,
                                     const struct sl_constant *constants, size_t constants_count,
                                     struct sl_sequence sequence, struct sl_error *error);
/* key: one object that holds the key columns under their paths. */
SL_MUST_USE enum sl_code sl_out_delete(struct sl_out *out, const char *table,
                                       const struct sl_json *key, struct sl_sequence sequence,
                                       struct sl_error *error);
/* What cannot become a row: kept in <destination>__rejected with its reason. */
SL_MUST_USE enum sl_code sl_out_reject(struct sl_out *out, const char *table, const char *raw,
                                       size_t raw_len, const char *reason, struct sl_error *error);
/* Text to JSON (a line of an export); the document lives until the next call of this, or the end
 * of the step. */
SL_MUST_USE enum sl_code sl_out_parse(struct sl_out *out, const char *text, size_t len,
                                      const struct sl_json **json, struct sl_error *error);
/* A release point: rows so far stay even if this task restarts; cursor is this task's own part,
 * JSON, at most SL_CURSOR_MAX bytes. */
#define SL_CURSOR_MAX ((size_t)256 << 10)
SL_MUST_USE enum sl_code sl_out_cursor(struct sl_out *out, const char *cursor,
                                       struct sl_error *error);
/* The cursor of this run holds what would cost calls to find out again (a verdict, a subscription):
 * it is committed even when no row changed. A cursor that only moved on waits half an hour. */
void sl_out_keep_cursor(struct sl_out *out);
/* A sub-task: `part` names it (unique among its siblings), `input` is a JSON object that becomes
 * its task->input. It starts when this step returns. When it fails the table fails. */
SL_MUST_USE enum sl_code sl_out_task(struct sl_out *out, const char *part, const char *input,
                                     struct sl_error *error);
/* One that stands by itself: a repository, a day, a cohort. When it fails (anything but FAIL_ALL and
 * QUOTA), it ends with its sub-tasks, what they emitted since their last release points is dropped,
 * and the others go on: their rows are committed, and the table ends as failed with `what`
 * ("repository 'acme/widgets'") and the reason in its message; when all fail nothing is committed.
 * Its part of the cursor stays as it was (a chain's: as of its last release point). What is above it
 * is not complete and keeps its old cursor, so that it asks for the same parts next time: only in a
 * first load its new one counts. So each part of an SL_APPEND table has a cursor of its own, and no
 * sub-tasks: what those had finished before their part failed would be appended again.
 * In check and discover one that fails fails all. */
SL_MUST_USE enum sl_code sl_out_task_apart(struct sl_out *out, const char *part, const char *what,
                                           const char *input, struct sl_error *error);
/* Everything of `table` with these column values ({} = the whole table; else {"repository_id": 7},
 * scalar values of at most 8 columns) was emitted by this task and its sub-tasks in this run: rows of
 * the table with these values that were not are gone. The only source of deletion by absence. It
 * counts when they are all done. Any number of scopes of the same columns, in full reads and
 * increments alike; a full read needs {} from its root (or has to emit all there is). */
SL_MUST_USE enum sl_code sl_out_complete(struct sl_out *out, const char *table, const char *scope,
                                         struct sl_error *error);
/* discover: one table. */
SL_MUST_USE enum sl_code sl_out_table(struct sl_out *out, const struct sl_table_def *table,
                                      struct sl_error *error);
/* discover and check: a place where tables are (a base, an organisation). */
SL_MUST_USE enum sl_code sl_out_namespace(struct sl_out *out, const char *name, const char *id,
                                          const char *comment, struct sl_error *error);
/* check: one thing that was tested: "scope data.records:read", good or not, and what to do. */
SL_MUST_USE enum sl_code sl_out_check(struct sl_out *out, const char *subject, bool good,
                                      const char *message, const char *hint,
                                      struct sl_error *error);
/* How many rows are to be expected in all, for progress and plan; -1: unknown. */
void sl_out_expect(struct sl_out *out, const char *table, int64_t rows);
/* Something the user should know, once per run and text; shown in the event log. */
enum sl_note { SL_NOTE_INFO, SL_NOTE_WARNING };
void sl_out_note(struct sl_out *out, enum sl_note level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ------------------------------------------------------------------ tasks and connectors */

/* Must be the FIRST member of a connector's task struct; the engine fills it (and the options at
 * their offsets) before the first step, and again, everything else zeroed, before a restart. */
struct sl_task {
    const struct sl_json *input;   /* {} for a root task; what sl_out_task() was given for others */
    const struct sl_json *cursor;  /* read: this task's part of the cursor, or NULL */
    const struct sl_json *state;   /* read: the table's `state` from discover, or NULL */
    const char *table;             /* read: source table name; NULL in check and discover */
    const char *namespace_;        /* as the spec says (source_schema), or NULL */
    const struct sl_json *columns; /* read: array of column ids (names where there is no id) that
                                      are wanted; NULL: all */
    int64_t run_started_at_us;     /* UTC; the only clock a connector has besides responses */
    bool full;    /* read: everything is wanted, whatever the cursor says; see below */
    bool initial; /* read: ... and the table is new: this is its first load */
};

/*
 * full, initial and cursor, in a read:
 *
 *     full   initial  cursor   what is wanted
 *     ----   -------  ------   -----------------------------------------------------------------
 *     true   true     NULL     a first load: everything, from nothing
 *     true   true     given    ... that began earlier, in another run or before this task was
 *                              restarted. The cursor is this task's own: go on from it
 *     true   false    NULL     a full refresh: everything, from nothing
 *     true   false    given    a reconciliation: everything. From the cursor a task may take what is
 *                              not a position (which filter can be relied on, which webhook is its
 *                              own), and what must not be later than the oldest row that stays (the
 *                              time from which the next increment goes on)
 *     false  false    given    what changed since; everything (with sl_out_complete) where it cannot
 *                              tell
 *     false  false    NULL     everything, from nothing
 *
 * A first load may take long, so it is committed in parts and gone on with after whatever
 * interrupted it: rows are final from their task's next cursor (or its end) on. Two ways, which can be
 * combined. A chain sets a cursor now and then and goes on from it. A table that is cut into
 * sub-tasks has its root set, before it ends, a cursor that says how it is cut, and each sub-task set
 * one when it has emitted all of its part; then the root asks for the same sub-tasks under the same
 * names, and each that finds in its own cursor that it is done ends without a request. A sub-task
 * that did not finish has no cursor. Nothing but the job's end says that the load is complete: the
 * root's cursor looks the same before. In all other full reads only a task's end makes its rows final.
 *
 * A first load that took more than one run is followed by a complete read, because rows of its first
 * parts may be gone; not where the source tells deletes (SL_CDC_WITH_DELETES): then the increments
 * after the load must begin no later than the load did.
 */

/* Returns SL_MORE, SL_DONE, or an error. An error with error->retryable set (an export that ended
 * early, a page that contradicts the one before it) begins the task again, as SL_VERDICT_RESTART
 * does; any other one ends it. */
typedef enum sl_code sl_step_fn(void *task, const struct sl_response *response, struct sl_out *out,
                                struct sl_error *error);

/* A value that stands for something else: {"specialValue":"NaN"}, {"error":"#ERROR!"}. Pure. */
enum sl_special {
    SL_SPECIAL_NONE,   /* an ordinary value */
    SL_SPECIAL_NUMBER, /* *number: NaN or an infinity; into DOUBLE as it is, else rescued */
    SL_SPECIAL_ERROR,  /* NULL, and rescued with reason source_error */
};

struct sl_connector {
    uint32_t abi;                               /* SL_CONNECTOR_ABI */
    const char *name;                           /* what users type: "airtable" */
    const char *title;                          /* "Airtable" */
    const char *summary;                        /* one line for --help and the docs */
    const char *docs;                           /* the API's documentation, a URL */
    const struct sl_option *connection_options; /* ends with {0} */
    const struct sl_option *table_options;      /* ends with {0} */
    const struct sl_oauth *oauth;               /* or NULL */
    size_t task_size;                           /* zeroed bytes per task */

    /* What does this answer mean? Pure; response->json may be NULL. */
    void (*classify)(const void *task, const struct sl_response *response,
                     struct sl_verdict *verdict);
    sl_step_fn *check;    /* is the connection good, and which scope is missing where */
    sl_step_fn *discover; /* namespaces and tables (of task->namespace_, or all) */
    sl_step_fn *read;     /* one table */
    enum sl_special (*special)(const struct sl_json *object, double *number); /* or NULL */
    void (*task_release)(void *task); /* or NULL; once for every task, failed ones too */
};

/* All connectors, in the order of their names; ends with NULL. Made by the build. */
extern const struct sl_connector *const sl_connectors[];
const struct sl_connector *sl_connector_find(const char *name); /* NULL: unknown */

#ifdef __cplusplus
}
#endif
#endif
