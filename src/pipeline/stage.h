/*
 * stage.h: rows on their way into one version of a table.
 *
 *     batches --append--> Parquet files that nobody sees --finish--> the files to commit
 *
 * Rows are written as they come, into one file per table at a time, so a page is never held back
 * and memory does not grow with the table. What turns out to be void is remembered by position:
 * rows of a task that was restarted, and earlier copies of a key that came twice (the later copy
 * wins). At the end files with void rows, if any, are written once more without them.
 *
 * Which keys came twice is decided from hashes that spill to disk (table/keys.h); only when a hash
 * repeats, or rows were dropped, are the key columns of the staged files read again. A void row is
 * no copy of anything: what a restarted task reads again does not count as having come twice.
 */
#ifndef SL_STAGE_H
#define SL_STAGE_H

#include "delta/delta.h"
#include "table/schema.h"

struct sl_stage;
struct sl_stages; /* the row-group budget that all stages of a process share */

#define SL_STAGES_MEMORY ((size_t)16 << 20)
/* memory_bytes: of row groups being written, over all tables; 0: SL_STAGES_MEMORY. NULL: no
 * memory. */
struct sl_stages *sl_stages_new(size_t memory_bytes);
void sl_stages_free(struct sl_stages *stages);

#define SL_STAGE_KEYS_MAX 16                     /* columns of a key */
#define SL_STAGE_FILE_BYTES ((int64_t)128 << 20) /* a file ends here, or there: */
#define SL_STAGE_FILE_ROWS_MAX ((int64_t)1 << 22)

/*
 * table: where the files go; borrowed. arrow: the batches' schema; copied. keys: indexes of the key
 * columns, in order (count 0: every row is kept). add_columns_json: as for sl_delta_writer_open.
 * spill: a directory for temporary files.
 *
 * SL_UNSUPPORTED  more than SL_STAGE_KEYS_MAX columns
 */
SL_MUST_USE enum sl_code sl_stage_new(struct sl_stages *stages, struct sl_delta_table *table,
                                      const struct ArrowSchema *arrow, const size_t *keys,
                                      size_t key_count, const char *add_columns_json,
                                      const char *spill, struct sl_stage **out,
                                      struct sl_error *error);
/* Drops what was not committed. Files that no version names are deleted. */
void sl_stage_free(struct sl_stage *stage);
/* Files end at about so many bytes rather than SL_STAGE_FILE_BYTES. */
void sl_stage_file_bytes(struct sl_stage *stage, int64_t bytes);

/* Whose rows a batch holds, in order. Unit 0: nobody can drop them any more. */
struct sl_stage_part {
    uint64_t unit;
    int64_t rows;
};
/* Takes the batch whatever the result: at most SL_STAGE_BATCH_ROWS_MAX rows. */
#define SL_STAGE_BATCH_ROWS_MAX 8192
SL_MUST_USE enum sl_code sl_stage_append(struct sl_stage *stage, const struct sl_stage_part *parts,
                                         size_t part_count, struct ArrowArray *batch,
                                         struct sl_error *error);
/* Where the next batch that is appended will begin: file by number, row in it. */
void sl_stage_position(const struct sl_stage *stage, size_t *file, int64_t *row);
/* A unit's rows since its last release are void. *rows: how many they are. */
SL_MUST_USE enum sl_code sl_stage_drop(struct sl_stage *stage, uint64_t unit, int64_t *rows,
                                       struct sl_error *error);
/* A unit's rows so far cannot become void any more. */
SL_MUST_USE enum sl_code sl_stage_release(struct sl_stage *stage, uint64_t unit,
                                          struct sl_error *error);

/*
 * Ends the last file and leaves all as it is: for a caller that decides itself which rows are
 * wanted (apply.h). A second time is nothing; rows that are appended later go into a new file, and
 * it is to be closed again, as after a drop.
 */
SL_MUST_USE enum sl_code sl_stage_close(struct sl_stage *stage, struct sl_error *error);

struct sl_stage_range { /* of rows of one file */
    size_t file;
    int64_t first, count;
};
struct sl_stage_raw {
    struct sl_delta_file *const *files; /* belong to the stage; by number */
    size_t count;
    const struct sl_stage_range *voids; /* rows that were dropped: ascending, apart */
    size_t void_count;
};
/* Of a stage that was closed. Lives as long as the stage. */
struct sl_stage_raw sl_stage_raw(const struct sl_stage *stage);

struct sl_staged {
    struct sl_delta_file *const *files; /* belong to the stage */
    size_t count;
    int64_t rows, bytes;
    int64_t duplicates; /* rows that a later copy replaced */
};
/*
 * Ends the last file, settles voids. Afterwards only commit or free.
 *
 * SL_TOO_LARGE  more keys came twice than can be settled in memory; the hint says what to do
 */
SL_MUST_USE enum sl_code sl_stage_finish(struct sl_stage *stage, struct sl_staged *out,
                                         struct sl_error *error);
void sl_stage_committed(struct sl_stage *stage);

#endif
