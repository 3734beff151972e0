/*
 * stage_parts.h: what the files of the stage share. Private to src/pipeline.
 *
 *   stage.c         rows become files; units are dropped and released
 *   stage_settle.c  at the end: void rows are left out, the later copy of each key wins
 *
 * A row's position is (file, row in file); files are numbered in the order they were opened and
 * rows in the order they came, so that of two copies of a key the one with the greater position is
 * the later one.
 *
 * (1) writer is open exactly while file `count` (0-based) is being written.
 * (2) Dropped and open ranges never overlap, because a unit is never reused.
 * (3) The key set never holds the hash of a void row: what a restarted task reads again is no
 *     repeat. So with the first dropped row the set goes, and at the end it is made anew from the
 *     key columns of the staged files.
 *
 * Memory at the end: a bit for each row of a file with void rows, 8 bytes for each void row of one
 * file at a time, and about 40 bytes and its text for each key that really came twice.
 */
#ifndef SL_STAGE_PARTS_H
#define SL_STAGE_PARTS_H

#include "pipeline/stage.h"
#include "table/keys.h"

struct sl_stages {
    size_t memory_bytes;
    struct sl_stage *first;
};

struct range {
    int64_t file, first, count;
    uint64_t unit;
};

struct ranges {
    struct range *items;
    size_t count, cap;
};

struct void_rows {
    unsigned char *bits; /* NULL: none */
    int64_t count;
};

struct sl_stage {
    struct sl_stages *stages;
    struct sl_stage *next;
    struct sl_delta_table *table;
    struct ArrowSchema arrow;
    size_t *keys;
    size_t key_count;
    char *add_columns_json;
    char *spill;
    struct sl_key_set *key_set; /* NULL: no keys, or rows were dropped: made at the end (3) */
    struct sl_delta_writer *writer;
    struct sl_delta_file **files;
    size_t count, cap;
    struct ranges open;      /* rows that may still become void */
    struct ranges dropped;   /* those that did, until the end */
    struct void_rows *voids; /* at the end: of each file */
    size_t voids_count;
    struct sl_stage_range *raw_voids; /* of a closed stage */
    size_t raw_void_count;
    int64_t duplicates;
    int64_t file_bytes;
    bool committed, finished, closed;
};

/* Finds the void rows of all files, and writes those files again without them. */
SL_MUST_USE enum sl_code sl_stage_settle(struct sl_stage *stage, struct sl_error *error);

#endif
