/*
 * apply.h: the changes of one run become changes of one table.
 *
 *     sl_apply_add     each batch that is staged: what it changes is noted (key, sequence, hashes,
 *                      position), beyond the memory that was set on disk
 *     sl_apply_run     keys are looked up in the table, each key is decided (merge.h), and what the
 *                      next version adds and takes away is written
 *     sl_delta_commit  (the caller) makes it one version
 *
 * (1) Nothing of the table is read but the key columns (and sequence and bounds) of files that
 *     statistics cannot exclude; whole rows only of keys that changed, or of all in a snapshot.
 *     Of scopes: only files that can have rows of them, or rows of keys that came.
 * (2) Memory is options.memory_bytes, whatever the size of the table and of the changes.
 * (3) A file none of whose rows changed is not touched; when no row changed nothing is written.
 * (4) sl_apply_run may be called again, with a newer snapshot, after a conflict.
 *
 * Without a key nothing can be looked up: a complete read takes the place of the table's content when
 * the two differ as multisets of rows; anything less is added.
 *
 * docs/changes.md has the algorithm and what it costs.
 */
#ifndef SL_APPLY_H
#define SL_APPLY_H

#include "delta/delta.h"
#include "pipeline/stage.h"
#include "table/row_hash.h"
#include "table/schema.h"

struct sl_apply;

#define SL_APPLY_MEMORY ((size_t)96 << 20)
/* Size of files that are written again as a whole when a row of them changes. */
#define SL_APPLY_REWRITTEN_BYTES ((int64_t)16 << 20)
#define SL_TOMBSTONE_RETENTION_US (INT64_C(7) * 24 * 3600 * 1000000)

struct sl_apply_options {
    const struct sl_schema *schema; /* borrowed */
    bool history;                   /* SCD type 2: the schema has start and end columns */
    bool sequenced; /* the source's own sequence (schema->sequence); else changes count in the order
                       in which they came */
    const bool *tracked; /* history: for each column, does its change open a new version? */
    bool own_key;        /* the key is not the source's: two different rows of one key in a
                                complete read are an error that names them */
    bool fresh;          /* the table has no rows, so none is compared with: not with history,
                                own_key or ignore_nulls */
    bool ignore_nulls;   /* NULL in an upsert keeps what is there (not sequenced, not history) */
    size_t memory_bytes; /* 0: SL_APPLY_MEMORY */
    const char *spill;   /* directory for temporary files; borrowed */
    struct sl_hash_key secret; /* random */
};
SL_MUST_USE enum sl_code sl_apply_new(const struct sl_apply_options *options, struct sl_apply **out,
                                      struct sl_error *error);
/* Drops files that were written and that no version names; a file beside the table that a run handed
 * out stays, because a commit of which nobody knows may name it (vacuum finds it). NULL is fine. */
void sl_apply_free(struct sl_apply *apply);

/* Notes a batch whose first row will be `row` of staged file `file`. deletes: a byte per row, not 0
 * for a delete (the row has its key and sequence, nothing else); NULL: none. */
SL_MUST_USE enum sl_code sl_apply_add(struct sl_apply *apply, const struct ArrowSchema *schema,
                                      const struct ArrowArray *batch, const unsigned char *deletes,
                                      size_t file, int64_t row, struct sl_error *error);

struct sl_apply_input {
    struct sl_delta_table *table; /* a draft too */
    struct sl_stage *stage;       /* closed (sl_stage_close): files and void ranges */
    bool
        complete; /* the changes are all there is: a key of the table that is not among them goes */
    const char *scopes_json; /* complete: only of rows with these column values: an array of objects
                                of the same columns ([{"cohort_id": 7}, ...]); NULL: of the whole
                                table. Needs a key */
    bool replace;            /* whatever is in the table goes; nothing is compared */
    int64_t observed_us; /* not sequenced, history: the bound of this run. For rows that are gone by
                            absence in a sequenced one: the same, if the sequence is one timestamp */
    int64_t now_us;      /* for the expiry of tombstones */
    int64_t tombstones_us;  /* retention; 0: SL_TOMBSTONE_RETENTION_US */
    const char *aside_json; /* value of the domain sluice.aux.<flow>, or NULL */
    const char *add_columns_json;
    bool vectors;         /* deletion vectors; else touched files are rewritten */
    int64_t target_bytes; /* of a written file; 0: SL_STAGE_FILE_BYTES with vectors, else
                             SL_APPLY_REWRITTEN_BYTES */
};

struct sl_applied {
    struct sl_delta_file *const *add; /* belong to apply */
    size_t add_count;
    const struct sl_delta_gone *gone;
    size_t gone_count;
    const char *aside_json;                        /* new value of the domain; NULL: as it was */
    int64_t inserted, updated, deleted, unchanged; /* rows of keys; history: an updated key closes a
                                                      version and opens one */
    int64_t late;       /* changes older than what is known, passed over */
    int64_t duplicates; /* changes of the same key in this run that a later one replaced */
    int64_t rows_written, bytes_written; /* of `add` */
    int64_t rows_rewritten;              /* of these, rows that did not change */
    int64_t absent;     /* of `deleted`: because a complete read did not have them */
    int64_t table_rows; /* keys in the table before (history: open versions), or in the scopes, when
                           they were all seen; else -1 */
    struct sl_key128 keys_digest; /* complete: sum over all keys that were read, under a fixed
                                     secret: equal sets of keys have equal digests */
    int64_t keys;                 /* complete: how many they are */
};
/*
 * SL_BAD_DATA  two different rows of one key in a complete read of the whole table (own_key): the
 *              first ten are named
 * SL_BAD_SPEC  a column of the scopes is not in the table, because the user left it out
 * SL_BUG       ... for no such reason; scopes of different columns; a value its column cannot have
 * SL_TOO_LARGE  disk or memory limits, named
 * *out stays valid until the next run or free.
 */
SL_MUST_USE enum sl_code sl_apply_run(struct sl_apply *apply, const struct sl_apply_input *input,
                                      struct sl_applied *out, struct sl_error *error);
/* After a run with `complete`: the live rows that go because the read did not have their keys, as
 * parts for sl_delta_read() on the same snapshot. They are looked up in the source once more; what
 * is there after all is added (sl_apply_add; the stage goes on after sl_stage_close) and
 * sl_apply_run() is called again. Valid until then. */
SL_MUST_USE enum sl_code sl_apply_absent(struct sl_apply *apply, const struct sl_delta_part **parts,
                                         size_t *count, struct sl_error *error);

#endif
