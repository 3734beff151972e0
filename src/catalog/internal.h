/*
 * internal.h: what the files of this room share. Nobody else includes it.
 *
 *     home.c         directories, opening the database, schema versions
 *     store.c        SQL statements in one line each
 *     vault.c        the key, sealing and unsealing
 *     connections.c  create, update, get, list, describe; use.c: a connection ready for use;
 *                    grants.c: what an OAuth source gave it
 *     pipelines.c    specs and states; updates.c: runs and the lock; events.c, filter.c: the log
 *     objects.c      catalogs and schemas; tables.c, columns.c: tables and their columns
 */
#ifndef SL_CATALOG_INTERNAL_H
#define SL_CATALOG_INTERNAL_H

#include <sodium.h>
#include <sqlite3.h>

#include "base/buf.h"
#include "catalog/catalog.h"

#define SL_CATALOG_VERSION 2
#define SL_NAME_MAX 255 /* bytes of any object's name */

struct sl_catalog {
    sqlite3 *db;
    char *home; /* absolute, without a slash at the end */
    int64_t (*now_us)(void *ctx);
    void *ctx;
    unsigned char *key; /* crypto_secretbox_KEYBYTES of locked memory; NULL until it is needed */
    char metastore_id[SL_ID_MAX];
    char owner[64]; /* the user of this process */
};

int64_t sl_catalog_now_ms(struct sl_catalog *catalog);

/* Creates a directory and its parents, 0700. */
SL_MUST_USE enum sl_code sl_make_directories(const char *path, struct sl_error *error);

/* ---- store.c ---- */

/*
 * Prepares a statement and binds its parameters in order. types has one letter for each: 't' const
 * char * (NULL binds NULL), 'i' int64_t, 'b' const void * and size_t. sqlite3_finalize() it.
 */
SL_MUST_USE enum sl_code sl_store_begin(struct sl_catalog *catalog, sqlite3_stmt **out,
                                        struct sl_error *error, const char *sql, const char *types,
                                        ...);
/* SL_MORE: there is a row, read it with sqlite3_column_*. SL_DONE: no more rows. */
SL_MUST_USE enum sl_code sl_store_next(struct sl_catalog *catalog, sqlite3_stmt *stmt,
                                       struct sl_error *error);
/* Prepares, runs to the end, finalizes. */
SL_MUST_USE enum sl_code sl_store_run(struct sl_catalog *catalog, struct sl_error *error,
                                      const char *sql, const char *types, ...);
/* A transaction that writes: takes the write lock at once, so it cannot fail half way as busy. */
SL_MUST_USE enum sl_code sl_store_write_begin(struct sl_catalog *catalog, struct sl_error *error);
/* Commits when code is no error, else rolls back. Returns code, or why it could not be committed. */
SL_MUST_USE enum sl_code sl_store_write_end(struct sl_catalog *catalog, enum sl_code code,
                                            struct sl_error *error);
SL_MUST_USE enum sl_code sl_store_fail(struct sl_catalog *catalog, struct sl_error *error);
/* A text column, "" for NULL. Valid until the statement moves. */
const char *sl_store_text(sqlite3_stmt *stmt, int column);

/* Writes the row a statement stands on as one JSON value. */
typedef enum sl_code sl_row_fn(struct sl_catalog *catalog, sqlite3_stmt *stmt,
                               struct sl_json_writer *writer, struct sl_error *error);
/* Appends a JSON array of all rows. Finalizes stmt whatever the result. */
SL_MUST_USE enum sl_code sl_store_array(struct sl_catalog *catalog, sqlite3_stmt *stmt,
                                        sl_row_fn *write, struct sl_buf *out,
                                        struct sl_error *error);
/* Appends the first row; SL_DONE when there is none. Finalizes stmt whatever the result. */
SL_MUST_USE enum sl_code sl_store_object(struct sl_catalog *catalog, sqlite3_stmt *stmt,
                                         sl_row_fn *write, struct sl_buf *out,
                                         struct sl_error *error);

/*
 * Fails with SL_NOT_FOUND: "<what> 'name' does not exist", and offers the nearest of the names that
 * the query (one text column) gives.
 */
SL_MUST_USE enum sl_code sl_store_missing(struct sl_catalog *catalog, const char *what,
                                          const char *name, const char *names_sql,
                                          struct sl_error *error);

/* ---- small things ---- */

SL_MUST_USE enum sl_code sl_writer_new(struct sl_json_writer **out, struct sl_error *error);
void sl_uuid4(char out[SL_ID_MAX]);
/* Lower case for ASCII. NULL: no memory. sl_free() it. */
char *sl_lower(const char *text);
/* Appends what the writer holds to out; SL_NO_MEMORY when either failed. */
SL_MUST_USE enum sl_code sl_json_append(const struct sl_json_writer *writer, struct sl_buf *out,
                                        struct sl_error *error);
/* A member that must be a string (or missing, when optional) without NUL. *out NULL: missing. */
SL_MUST_USE enum sl_code sl_json_text_member(const struct sl_json *object, const char *key,
                                             bool required, const char **out,
                                             struct sl_error *error);
/* Refuses members that are not in names (ends with NULL), with the nearest of them. */
SL_MUST_USE enum sl_code sl_json_only(const struct sl_json *object, const char *const *names,
                                      const char *what, struct sl_error *error);
/* created_at, created_by, updated_at, updated_by of rows that hold the two times. */
void sl_json_kv_times(struct sl_json_writer *writer, const struct sl_catalog *catalog,
                      int64_t created_ms, int64_t updated_ms);
/* Canonical text of a value, or of {} when it is NULL. sl_free() it. NULL: no memory. */
char *sl_json_text(const struct sl_json *value);

/* A name of a catalog, schema or table: 1 to 255 bytes, without . / control characters and blanks
 * at the ends. */
SL_MUST_USE enum sl_code sl_name_check(const char *what, const char *name, struct sl_error *error);
/* "a.b.c" into `count` lower-case parts, which the caller frees; back ticks around a part are
 * dropped. parts are NULL on an error. */
SL_MUST_USE enum sl_code sl_name_split(const char *full_name, const char *what, char **parts,
                                       size_t count, struct sl_error *error);

/* ---- vault.c ---- */

/* Seals text; *out is nonce + box, sl_free() it. Makes the key when the home has none yet. */
SL_MUST_USE enum sl_code sl_vault_seal(struct sl_catalog *catalog, const char *text, size_t len,
                                       unsigned char **out, size_t *out_len,
                                       struct sl_error *error);
/* Opens into out, which has sl_vault_len(sealed_len) bytes. what: for the message. */
size_t sl_vault_len(size_t sealed_len);
SL_MUST_USE enum sl_code sl_vault_open(struct sl_catalog *catalog, const unsigned char *sealed,
                                       size_t len, const char *what, unsigned char *out,
                                       struct sl_error *error);

/* ---- references: {"env":"NAME"} and {"file":"PATH"} ---- */

enum sl_reference { SL_VALUE_PLAIN, SL_VALUE_ENV, SL_VALUE_FILE };
/* What a value is; *target gets the name or path. A malformed reference is SL_BAD_SPEC. */
SL_MUST_USE enum sl_code sl_reference_kind(const struct sl_json *value, const char *option,
                                           enum sl_reference *kind, const char **target,
                                           struct sl_error *error);
/* Reads what a reference points to, into locked memory: sodium_free() it. NUL-terminated. */
SL_MUST_USE enum sl_code sl_reference_read(enum sl_reference kind, const char *target,
                                           const char *what, char **out, struct sl_error *error);

/* ---- columns.c ---- */

/* Writes "columns":[ColumnInfo...] from Delta schema JSON. */
SL_MUST_USE enum sl_code sl_columns_write(struct sl_json_writer *writer, const char *schema_json,
                                          struct sl_error *error);

/* ---- filter.c ---- */

/* A filter of the REST API becomes a condition with ?1, ?2, ... and its values. */
#define SL_FILTER_VALUES_MAX 64
struct sl_filter {
    struct sl_buf where; /* " AND level = ?2 ..."; numbered from `first` */
    size_t count;
    char *values[SL_FILTER_VALUES_MAX];
    bool is_time[SL_FILTER_VALUES_MAX]; /* compare times_ms[i] instead */
    int64_t times_ms[SL_FILTER_VALUES_MAX];
};
SL_MUST_USE enum sl_code sl_filter_parse(const char *text, int first, struct sl_filter *out,
                                         struct sl_error *error);
void sl_filter_release(struct sl_filter *filter);

/* ---- pipelines.c and updates.c ---- */

/* Takes <home>/locks/<name> until *fd is closed or the process ends. *fd is -1 when somebody else
 * holds it. Does not wait. */
SL_MUST_USE enum sl_code sl_lock_take(struct sl_catalog *catalog, const char *name, int *fd,
                                      struct sl_error *error);

/* Is somebody running it just now? Looks at the lock, which no crash leaves behind. */
bool sl_pipeline_locked(struct sl_catalog *catalog, const char *pipeline_id);
/* The newest updates of a pipeline as "latest_updates". */
SL_MUST_USE enum sl_code sl_updates_latest(struct sl_catalog *catalog, const char *pipeline_id,
                                           int limit, struct sl_json_writer *writer,
                                           struct sl_error *error);

#endif
