/*
 * delta.h: the C face of a Delta table.
 *
 * The rules of the Delta log come from the kernel crates in kernel/ (Rust, pinned); this header is
 * all that the rest of sluice knows of them. A row's last steps are:
 *
 *     sl_delta_open or sl_delta_create      a table at one snapshot
 *     sl_delta_writer_open, _write, _close  columns become Parquet files nobody can see yet
 *     sl_delta_commit                       files + transaction id + cursor become ONE version
 *
 * Threads: an engine may be shared; a table, a writer, a stream is used by one thread at a time. An
 * engine has threads of its own: make it after fork(). Whatever came from an engine keeps what it
 * needs of it, so the order of freeing does not matter.
 * Every function may block on the store. Strings that are returned belong to the handle they came
 * from and live until its next call that can change it, unless said otherwise.
 */
#ifndef SL_DELTA_H
#define SL_DELTA_H

#include <sluice/arrow.h>
#include <sluice/error.h>

struct sl_delta_engine; /* one a process: a small thread pool, and one store per bucket */
struct sl_delta_table;  /* one table at one snapshot */
struct sl_delta_writer; /* one Parquet file that is being written */
struct sl_delta_file;   /* one finished file that no version names yet */

struct sl_pair {
    const char *key, *value;
};

/*
 * options: settings of the object stores, for every bucket of this engine (names as in
 * docs/object-stores.md: aws_access_key_id, endpoint, allow_http, ...). Unknown names are refused
 * with SL_BAD_SPEC. The usual AWS_*, AZURE_*, GOOGLE_* environment variables fill what is missing.
 */
SL_MUST_USE enum sl_code sl_delta_engine_new(const struct sl_pair *options, size_t count,
                                             struct sl_delta_engine **out, struct sl_error *error);
void sl_delta_engine_free(struct sl_delta_engine *engine); /* NULL is fine */

/*
 * location: a local directory (absolute path or file:// URL) or an s3://, s3a://, abfss://, gs://
 * URL. version: -1 for the newest.
 *
 * SL_NOT_FOUND    there is no Delta table there (an empty or missing directory)
 * SL_UNSUPPORTED  a directory with other files in it, or a table with features we cannot read
 * SL_DESTINATION  the store failed; the hint says what to check
 */
SL_MUST_USE enum sl_code sl_delta_open(struct sl_delta_engine *engine, const char *location,
                                       int64_t version, struct sl_delta_table **out,
                                       struct sl_error *error);
void sl_delta_table_free(struct sl_delta_table *table); /* NULL is fine */

/* The files of the snapshot, in a fixed order: a file's place in it is its number below. Valid until
 * the next call that can change the handle. */
struct sl_delta_live {
    const char *path; /* as the log names it */
    int64_t bytes, modified_ms;
    int64_t rows; /* dead ones included; -1: a file without statistics, by another writer */
    int64_t dead; /* rows that its deletion vector hides */
};
SL_MUST_USE enum sl_code sl_delta_live(struct sl_delta_table *table,
                                       const struct sl_delta_live **out, size_t *count,
                                       struct sl_error *error);

/* What a commit takes out of a live file. */
struct sl_delta_gone {
    size_t file;         /* its number in sl_delta_live() */
    const int64_t *rows; /* ascending row numbers in the file, added to its deletion vector (the
                            table needs delta.enableDeletionVectors=true, else SL_UNSUPPORTED; a
                            file without statistics is SL_UNSUPPORTED too); NULL: the whole file */
    size_t count;
};

/* Everything that travels in one commit besides the files. Pointers are borrowed for the call. */
struct sl_delta_commit {
    const char *operation;            /* commitInfo.operation: "WRITE", "MERGE", "OPTIMIZE", ... */
    const struct sl_pair *parameters; /* commitInfo.operationParameters */
    size_t parameters_count;
    const struct sl_pair *metrics; /* commitInfo.operationMetrics */
    size_t metrics_count;

    const char *app_id;            /* SetTransaction: the flow's id, or NULL for none */
    int64_t app_version;           /* grows by one with every commit of the flow */
    const struct sl_pair *domains; /* domainMetadata: "sluice.cursor.<flow>" and its new value, a
                                      NULL value removes it */
    size_t domains_count;

    struct sl_delta_file *const *add; /* stay the caller's; see sl_delta_file_free */
    size_t add_count;
    const struct sl_delta_gone *gone; /* each live file at most once */
    size_t gone_count;
    bool remove_all;  /* every file of the snapshot goes: atomic replacement */
    bool data_change; /* false only for compaction */

    const char *add_columns_json; /* JSON array of Delta StructFields to append, or NULL */
};

/*
 * Creates a table with its first commit (version 0), which may carry files, txn and domain.
 * schema_json: the schema in Delta's JSON form, {"type":"struct","fields":[...]}; with
 * delta.columnMapping.mode=name among the properties, a field's metadata may hold
 * delta.columnMapping.physicalName. The domainMetadata writer feature is always enabled.
 *
 * SL_EXISTS    somebody else's table (or commit 0) is there; nothing was changed
 * SL_BAD_SPEC  a property or a column name that Delta refuses, named in the message
 */
SL_MUST_USE enum sl_code sl_delta_create(struct sl_delta_engine *engine, const char *location,
                                         const char *schema_json, const struct sl_pair *properties,
                                         size_t properties_count,
                                         const struct sl_delta_commit *commit,
                                         struct sl_delta_table **out, struct sl_error *error);

/*
 * A table that is not there yet, to stage files for its first version: writers open on it as on any
 * other, its version is -1, and its first sl_delta_commit makes version 0 with all that the commit
 * carries (operation is then always "CREATE TABLE"). Nothing is written before; errors are those of
 * sl_delta_create, here and in that commit.
 */
SL_MUST_USE enum sl_code sl_delta_draft(struct sl_delta_engine *engine, const char *location,
                                        const char *schema_json, const struct sl_pair *properties,
                                        size_t properties_count, struct sl_delta_table **out,
                                        struct sl_error *error);

/*
 * Makes one version out of the staged files. On SL_OK the handle stands at the new version.
 *
 * SL_CONFLICT     another version was written since the handle's snapshot, and it is not ours
 *                 (the transaction id says so): nothing of this commit is visible. Re-open, decide.
 * SL_DESTINATION  the store failed and the commit is known not to be there; or, when the message
 *                 says so, the table could not be read either and nothing is known: then the
 *                 staged files stay whatever sl_delta_file_free is asked, and the next run finds
 *                 out.
 * SL_UNSUPPORTED  a domain for a table of others without the domainMetadata feature
 *
 * After any doubtful answer of the store the table is read again: every commit carries an id of its
 * own, and the transaction id and the domain are compared, so that "committed, but the answer was
 * lost" is SL_OK. A commit writes a checksum of its version, and a checkpoint every
 * delta.checkpointInterval versions (50 when the table does not say); neither can fail it.
 */
SL_MUST_USE enum sl_code sl_delta_commit(struct sl_delta_table *table,
                                         const struct sl_delta_commit *commit,
                                         struct sl_error *error);

/* What the snapshot says. Log replays are done once and kept. */
int64_t sl_delta_version(const struct sl_delta_table *table);
const char *sl_delta_location(const struct sl_delta_table *table);
const char *sl_delta_schema_json(const struct sl_delta_table *table); /* logical names */
const char *sl_delta_property(const struct sl_delta_table *table, const char *key); /* or NULL */
SL_MUST_USE enum sl_code sl_delta_properties_json(struct sl_delta_table *table, const char **out,
                                                  struct sl_error *error);
/* *json is NULL when the domain is not there. */
SL_MUST_USE enum sl_code sl_delta_domain(struct sl_delta_table *table, const char *domain,
                                         const char **json, struct sl_error *error);
/* *version is -1 when the application never committed. */
SL_MUST_USE enum sl_code sl_delta_app_version(struct sl_delta_table *table, const char *app_id,
                                              int64_t *version, struct sl_error *error);

struct sl_delta_totals {
    int64_t files, rows, bytes; /* rows: -1 when a file has no statistics; deletion vectors apply */
};
SL_MUST_USE enum sl_code sl_delta_totals(struct sl_delta_table *table, struct sl_delta_totals *out,
                                         struct sl_error *error);
/* The newest `limit` versions, newest first: a JSON array of {version, timestamp (ms), operation,
 * operationParameters, operationMetrics, engineInfo}. Valid until the next call. */
SL_MUST_USE enum sl_code sl_delta_history(struct sl_delta_table *table, int64_t limit,
                                          const char **json, struct sl_error *error);

/* Writing. */
struct sl_delta_writer_options {
    int compression_level;      /* zstd; 0: the default, 1 */
    size_t row_group_bytes_max; /* in memory, as the writer estimates it; 0: 32 MiB */
    int64_t rows_max;           /* rows of a row group; 0: 1,048,576 */
    bool aside; /* into <table>/_sluice/, for rows that readers must not see. The file is never
                   added to the table; sl_delta_file_path() is to be kept in a domain. */
};

/*
 * schema: the batches' Arrow schema, a struct whose children are matched to the table's columns by
 * name (exact). A column of the table that is missing is written as NULLs; an unknown one is
 * SL_BUG. Borrowed for the call. add_columns_json as in the commit this file is meant for, or NULL.
 */
SL_MUST_USE enum sl_code sl_delta_writer_open(struct sl_delta_table *table,
                                              const struct ArrowSchema *schema,
                                              const char *add_columns_json,
                                              const struct sl_delta_writer_options *options,
                                              struct sl_delta_writer **out, struct sl_error *error);
/*
 * Takes the batch whatever the result: batch->release is NULL afterwards. Encodes on this thread,
 * and waits for the store when it is slower. After an error only close (which fails) and abort are
 * left.
 *
 * SL_BAD_DATA     a NULL in a column that does not take it, a value out of its column's range
 * SL_BUG          a batch that is not what the schema said, text that is not UTF-8
 * SL_DESTINATION  the store failed
 */
SL_MUST_USE enum sl_code sl_delta_write(struct sl_delta_writer *writer, struct ArrowArray *batch,
                                        struct sl_error *error);
size_t sl_delta_writer_memory(const struct sl_delta_writer *writer); /* bytes held now: about */
int64_t sl_delta_writer_rows(const struct sl_delta_writer *writer);  /* so far */
int64_t sl_delta_writer_bytes(const struct sl_delta_writer *writer); /* of file, so far: about */
/* Ends the row group, which gives its memory back. */
SL_MUST_USE enum sl_code sl_delta_writer_flush(struct sl_delta_writer *writer,
                                               struct sl_error *error);
/* Ends the file: it is whole and synced. The writer is freed whatever the result. */
SL_MUST_USE enum sl_code sl_delta_writer_close(struct sl_delta_writer *writer,
                                               struct sl_delta_file **out, struct sl_error *error);
/* Drops the file and what was uploaded of it. NULL is fine. */
void sl_delta_writer_abort(struct sl_delta_writer *writer);

int64_t sl_delta_file_rows(const struct sl_delta_file *file);
int64_t sl_delta_file_bytes(const struct sl_delta_file *file);
const char *sl_delta_file_path(const struct sl_delta_file *file); /* relative to the table */
/* Frees the handle; discard also deletes the file from the store (best effort), unless a version
 * names it or may name it. NULL is fine. */
void sl_delta_file_free(struct sl_delta_file *file, bool discard);

/* Reads some columns (visible names) of a staged file, in file order. */
SL_MUST_USE enum sl_code sl_delta_file_scan(struct sl_delta_table *table,
                                            const struct sl_delta_file *file,
                                            const char *const *columns, size_t count,
                                            struct ArrowArrayStream *out, struct sl_error *error);
/* Writes a staged file again without some rows (ascending, distinct row numbers). The old file is
 * not touched. *out is NULL when no row would be left. Streams: memory as for a writer. */
SL_MUST_USE enum sl_code sl_delta_file_without(struct sl_delta_table *table,
                                               const struct sl_delta_file *file,
                                               const int64_t *rows, size_t count,
                                               const struct sl_delta_writer_options *options,
                                               struct sl_delta_file **out, struct sl_error *error);

/* Reading. columns NULL: all, else visible names in the wanted order; count 0 with columns given:
 * batches without columns, which only tell how many rows. limit -1: none. Batches of at most 8,192
 * rows; files are streamed; deletion vectors are applied. Newer files come first.
 *
 * SL_NOT_FOUND  a column that is not there (the hint lists those that are) */
SL_MUST_USE enum sl_code sl_delta_scan(struct sl_delta_table *table, const char *const *columns,
                                       size_t count, int64_t limit, struct ArrowArrayStream *out,
                                       struct sl_error *error);

/*
 * Reading parts: some rows of some files, in the order of the parts and of the rows in them. Dead
 * rows never appear.
 */
struct sl_delta_part {
    size_t live;                        /* a live file, by its number; unless: */
    const struct sl_delta_file *staged; /* a file of ours that no version names; or */
    const char *aside;                  /* a file beside the table (sl_delta_writer_options.aside):
                                           its path relative to the table */
    const int64_t *rows;                /* ascending row numbers; NULL: all */
    size_t count;
    bool except; /* all rows but those */
};
/*
 * columns as for sl_delta_scan. The batches have two INT64 columns before those asked for, "part"
 * (index of the part) and "row" (row number in its file). A column that the file lacks is NULL.
 * add_columns_json: as for sl_delta_writer_open: columns that this run adds may be asked for.
 * SL_NOT_FOUND also for a file beside the table that is not there any more.
 * Pages without a wanted row are not decoded where the file has an index of them.
 */
SL_MUST_USE enum sl_code sl_delta_read(struct sl_delta_table *table,
                                       const struct sl_delta_part *parts, size_t part_count,
                                       const char *const *columns, size_t count,
                                       const char *add_columns_json, struct ArrowArrayStream *out,
                                       struct sl_error *error);
/* The live files that may hold a row whose column is in [low[i], high[i]] for some i, going by their
 * statistics: ascending numbers into out (room for as many as there are live files). type: of both
 * arrays, a text, an integer, a date or a timestamp; low and high stay the caller's. A column that
 * has no statistics excludes nothing. */
SL_MUST_USE enum sl_code sl_delta_within(struct sl_delta_table *table, const char *column,
                                         const struct ArrowSchema *type,
                                         const struct ArrowArray *low,
                                         const struct ArrowArray *high, size_t *out, size_t *count,
                                         struct sl_error *error);

/* What is already landed of files beside the table; best effort. */
void sl_delta_aside_remove(struct sl_delta_table *table, const char *path);

/*
 * Changes what the table says of itself, in one commit without files. Authored here, because the
 * kernel offers none of it; written put-if-absent like any commit, with the same doubts settled.
 *
 * schema_json: the whole new schema (as sl_delta_schema_json() gives it, with physical names and
 * ids in the metadata of its fields), or NULL. Allowed against the old one: other names (only under
 * column mapping), other metadata, other order; a field is recognised by its physical name (its
 * name, without mapping). Types, and fields that come or go, are SL_UNSUPPORTED here.
 * set: properties; a NULL value takes one away. delta.enableDeletionVectors=true and
 * delta.columnMapping.mode=name upgrade the protocol; existing columns then keep their names as
 * physical ones. What cannot be turned off (mapping) is SL_UNSUPPORTED.
 *
 * SL_CONFLICT and SL_DESTINATION as for sl_delta_commit.
 */
struct sl_delta_alter {
    const char *operation; /* "SET TBLPROPERTIES", "RENAME COLUMN", "UPGRADE PROTOCOL", ... */
    const struct sl_pair *parameters;
    size_t parameters_count;
    const char *schema_json;
    const struct sl_pair *set;
    size_t set_count;
    const char *app_id; /* as in struct sl_delta_commit */
    int64_t app_version;
    const struct sl_pair *domains;
    size_t domains_count;
};
SL_MUST_USE enum sl_code sl_delta_alter(struct sl_delta_table *table,
                                        const struct sl_delta_alter *alter, struct sl_error *error);

/*
 * What others did: versions after `version` up to the snapshot, oldest first, as a JSON array of
 * {version, operation, engineInfo, ours (a commit of sluice), data (it added or removed rows:
 * dataChange), metadata (it changed schema, properties or protocol), txn: [app ids]}. *json is NULL
 * when a commit file in between is not there any more, so that nobody can tell. Valid until the next
 * call.
 */
SL_MUST_USE enum sl_code sl_delta_changes_since(struct sl_delta_table *table, int64_t version,
                                                const char **json, struct sl_error *error);

/* Keeping the log short, besides what a commit does. A checkpoint that is there is SL_OK. */
SL_MUST_USE enum sl_code sl_delta_checkpoint(struct sl_delta_table *table, struct sl_error *error);
/* Commits since the newest checkpoint. */
int64_t sl_delta_commits_since_checkpoint(const struct sl_delta_table *table);

#endif
