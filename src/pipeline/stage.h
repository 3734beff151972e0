/*
 * stage.h: rows on their way into one version of a table.
 *
 *     batches --append--> Parquet files that nobody sees --finish--> the files to commit
 *
 * Rows are written as they come, into one file per table at a time, so a page is never held back
 * and memory does not grow with the table. Rows of a task that is restarted become void; that is
 * remembered by position. At the end either all other rows are wanted, and files with void rows are
 * written once more without them (sl_stage_finish), or the caller decides row by row
 * (sl_stage_close; apply.h).
 *
 * Memory: 32 bytes for each range of rows of a unit that can still be dropped; in finishing a bit for
 * each row of a file with void rows, and 8 bytes for each of these.
 */
#ifndef SL_STAGE_H
#define SL_STAGE_H

#include "delta/delta.h"

struct sl_stage;
struct sl_stages; /* the row-group budget that all stages of a process share */

#define SL_STAGES_MEMORY ((size_t)16 << 20)
/* memory_bytes: of row groups being written, over all tables; 0: SL_STAGES_MEMORY. NULL: no
 * memory. */
struct sl_stages *sl_stages_new(size_t memory_bytes);
void sl_stages_free(struct sl_stages *stages);

#define SL_STAGE_FILE_BYTES ((int64_t)128 << 20) /* a file ends here, or there: */
#define SL_STAGE_FILE_ROWS_MAX ((int64_t)1 << 22)

/* table: where the files go; borrowed. arrow: the batches' schema; copied. add_columns_json: as for
 * sl_delta_writer_open. */
SL_MUST_USE enum sl_code sl_stage_new(struct sl_stages *stages, struct sl_delta_table *table,
                                      const struct ArrowSchema *arrow, const char *add_columns_json,
                                      struct sl_stage **out, struct sl_error *error);
/* Files that no version names are deleted. */
void sl_stage_free(struct sl_stage *stage);
/* The same table, opened anew: the handle that the stage had is not used any more. */
void sl_stage_move(struct sl_stage *stage, struct sl_delta_table *table);
/* Files end at about so many bytes rather than SL_STAGE_FILE_BYTES. */
void sl_stage_file_bytes(struct sl_stage *stage, int64_t bytes);

/* Whose rows a batch holds, in order. Unit 0: nobody can drop them any more. */
struct sl_stage_part {
    uint64_t unit;
    int64_t rows;
};
/* Takes the batch whatever the result. */
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
};
/* Ends the last file; files with void rows are written again. Afterwards only free. */
SL_MUST_USE enum sl_code sl_stage_finish(struct sl_stage *stage, struct sl_staged *out,
                                         struct sl_error *error);

#endif
