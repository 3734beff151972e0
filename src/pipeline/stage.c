/*
 * stage.c: rows on their way into one version of a table.
 *
 * A row's position is (file, row in file); files are numbered in the order they were opened.
 *
 * (1) writer is open exactly while file `count` (0-based) is being written.
 * (2) Dropped and open ranges never overlap, because a unit is never reused.
 */
#include "pipeline/stage.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "nanoarrow/nanoarrow.h"

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

struct sl_stage {
    struct sl_stages *stages;
    struct sl_stage *next;
    struct sl_delta_table *table;
    struct ArrowSchema arrow;
    char *add_columns_json;
    struct sl_delta_writer *writer;
    struct sl_delta_file **files;
    size_t count, cap;
    struct ranges open;           /* rows that may still become void */
    struct ranges dropped;        /* those that did */
    struct sl_stage_range *voids; /* of a closed stage: the same in order */
    size_t void_count;
    int64_t file_bytes;
    bool finished, closed;
};

struct sl_stages *sl_stages_new(size_t memory_bytes)
{
    struct sl_stages *stages = sl_calloc(1, sizeof *stages);

    if (stages) stages->memory_bytes = memory_bytes ? memory_bytes : SL_STAGES_MEMORY;
    return stages;
}

void sl_stages_free(struct sl_stages *stages)
{
    sl_free(stages);
}

enum sl_code sl_stage_new(struct sl_stages *stages, struct sl_delta_table *table,
                          const struct ArrowSchema *arrow, const char *add_columns_json,
                          struct sl_stage **out, struct sl_error *error)
{
    struct sl_stage *stage = sl_calloc(1, sizeof *stage);

    *out = NULL;
    if (!stage) return sl_fail(error, SL_NO_MEMORY, "no memory for staging");
    stage->stages = stages;
    stage->table = table;
    stage->file_bytes = SL_STAGE_FILE_BYTES;
    stage->next = stages->first;
    stages->first = stage;
    if (ArrowSchemaDeepCopy(arrow, &stage->arrow) != NANOARROW_OK ||
        (add_columns_json && !(stage->add_columns_json = sl_strdup(add_columns_json)))) {
        sl_stage_free(stage);
        return sl_fail(error, SL_NO_MEMORY, "no memory for staging");
    }
    *out = stage;
    return SL_OK;
}

void sl_stage_free(struct sl_stage *stage)
{
    if (!stage) return;
    for (struct sl_stage **link = &stage->stages->first; *link; link = &(*link)->next)
        if (*link == stage) {
            *link = stage->next;
            break;
        }
    sl_delta_writer_abort(stage->writer);
    for (size_t i = 0; i < stage->count; i++) sl_delta_file_free(stage->files[i], true);
    sl_free(stage->files);
    if (stage->arrow.release) stage->arrow.release(&stage->arrow);
    sl_free(stage->add_columns_json);
    sl_free(stage->open.items);
    sl_free(stage->dropped.items);
    sl_free(stage->voids);
    sl_free(stage);
}

void sl_stage_move(struct sl_stage *stage, struct sl_delta_table *table)
{
    stage->table = table;
}

void sl_stage_file_bytes(struct sl_stage *stage, int64_t bytes)
{
    stage->file_bytes = bytes;
}

void sl_stage_position(const struct sl_stage *stage, size_t *file, int64_t *row)
{
    *file = stage->count;
    *row = stage->writer ? sl_delta_writer_rows(stage->writer) : 0;
}

/* ---- writing ---- */

static enum sl_code keep_file(struct sl_stage *stage, struct sl_delta_file *file,
                              struct sl_error *error)
{
    if (stage->count == stage->cap) {
        size_t cap = stage->cap ? stage->cap * 2 : 8;
        void *files = sl_realloc(stage->files, cap * sizeof *stage->files);
        if (!files) {
            sl_delta_file_free(file, true);
            return sl_fail(error, SL_NO_MEMORY, "no memory for staging");
        }
        stage->files = files;
        stage->cap = cap;
    }
    stage->files[stage->count++] = file;
    return SL_OK;
}

static enum sl_code end_file(struct sl_stage *stage, struct sl_error *error)
{
    struct sl_delta_file *file = NULL;
    struct sl_delta_writer *writer = stage->writer;
    enum sl_code rc;

    if (!writer) return SL_OK;
    stage->writer = NULL; /* close frees it whatever the result */
    rc = sl_delta_writer_close(writer, &file, error);
    return rc ? rc : keep_file(stage, file, error);
}

/* One budget for all writers of the process: over it, the fullest gives its row group up. */
static enum sl_code keep_budget(struct sl_stages *stages, struct sl_error *error)
{
    size_t total = 0, most = 0;
    struct sl_stage *fullest = NULL;

    for (struct sl_stage *s = stages->first; s; s = s->next) {
        size_t held = s->writer ? sl_delta_writer_memory(s->writer) : 0;
        total += held;
        if (held > most) most = held, fullest = s;
    }
    if (total <= stages->memory_bytes || !fullest) return SL_OK;
    return sl_delta_writer_flush(fullest->writer, error);
}

static enum sl_code ranges_add(struct ranges *ranges, struct range range, struct sl_error *error)
{
    struct range *last = ranges->count ? &ranges->items[ranges->count - 1] : NULL;

    if (last && last->unit == range.unit && last->file == range.file &&
        last->first + last->count == range.first) {
        last->count += range.count;
        return SL_OK;
    }
    if (ranges->count == ranges->cap) {
        size_t cap = ranges->cap ? ranges->cap * 2 : 64;
        void *items = sl_realloc(ranges->items, cap * sizeof *ranges->items);
        if (!items) return sl_fail(error, SL_NO_MEMORY, "no memory for staging");
        ranges->items = items;
        ranges->cap = cap;
    }
    ranges->items[ranges->count++] = range;
    return SL_OK;
}

static enum sl_code add_parts(struct sl_stage *stage, const struct sl_stage_part *parts,
                              size_t count, struct sl_error *error)
{
    int64_t row = sl_delta_writer_rows(stage->writer);
    enum sl_code rc = SL_OK;

    for (size_t i = 0; i < count && !rc; row += parts[i++].rows) {
        struct range range = {.file = (int64_t)stage->count,
                              .first = row,
                              .count = parts[i].rows,
                              .unit = parts[i].unit};
        if (range.unit != 0 && range.count > 0) rc = ranges_add(&stage->open, range, error);
    }
    return rc;
}

enum sl_code sl_stage_append(struct sl_stage *stage, const struct sl_stage_part *parts,
                             size_t part_count, struct ArrowArray *batch, struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    assert(!stage->finished);
    if (batch->length == 0) goto out;
    stage->closed = false;
    if (!stage->writer) {
        struct sl_delta_writer_options options = {.row_group_bytes_max =
                                                      stage->stages->memory_bytes};
        rc = sl_delta_writer_open(stage->table, &stage->arrow, stage->add_columns_json, &options,
                                  &stage->writer, error);
    }
    if (rc) goto out;
    rc = add_parts(stage, parts, part_count, error);
    if (!rc) rc = sl_delta_write(stage->writer, batch, error);
    if (!rc) rc = keep_budget(stage->stages, error);
    if (!rc && (sl_delta_writer_bytes(stage->writer) >= stage->file_bytes ||
                sl_delta_writer_rows(stage->writer) >= SL_STAGE_FILE_ROWS_MAX))
        rc = end_file(stage, error);
out:
    if (batch->release) batch->release(batch);
    return rc;
}

/* Takes a unit's ranges out of `open`; into `dropped` if they are void. */
static enum sl_code settle(struct sl_stage *stage, uint64_t unit, bool drop, int64_t *rows,
                           struct sl_error *error)
{
    size_t kept = 0;
    enum sl_code rc = SL_OK;

    *rows = 0;
    for (size_t i = 0; i < stage->open.count; i++) {
        struct range range = stage->open.items[i];
        if (range.unit != unit) {
            stage->open.items[kept++] = range;
            continue;
        }
        if (drop && !rc) rc = ranges_add(&stage->dropped, range, error);
        *rows += range.count;
    }
    stage->open.count = kept;
    return rc;
}

enum sl_code sl_stage_drop(struct sl_stage *stage, uint64_t unit, int64_t *rows,
                           struct sl_error *error)
{
    enum sl_code rc = settle(stage, unit, true, rows, error);

    stage->closed = false;
    return rc;
}

enum sl_code sl_stage_release(struct sl_stage *stage, uint64_t unit, struct sl_error *error)
{
    int64_t rows;

    return settle(stage, unit, false, &rows, error);
}

/* ---- the end ---- */

static int by_position(const void *a, const void *b)
{
    const struct sl_stage_range *x = a, *y = b;

    if (x->file != y->file) return x->file < y->file ? -1 : 1;
    return (x->first > y->first) - (x->first < y->first);
}

enum sl_code sl_stage_close(struct sl_stage *stage, struct sl_error *error)
{
    size_t count = stage->dropped.count;
    enum sl_code rc;

    assert(!stage->finished);
    if (stage->closed) return SL_OK;
    rc = end_file(stage, error);
    if (rc) return rc;
    sl_free(stage->voids);
    stage->voids = sl_calloc(count + 1, sizeof *stage->voids);
    if (!stage->voids) return sl_fail(error, SL_NO_MEMORY, "no memory for void rows");
    for (size_t i = 0; i < count; i++) {
        const struct range *r = &stage->dropped.items[i];
        stage->voids[i] = (struct sl_stage_range){(size_t)r->file, r->first, r->count};
    }
    qsort(stage->voids, count, sizeof *stage->voids, by_position);
    stage->void_count = count;
    stage->closed = true;
    return SL_OK;
}

struct sl_stage_raw sl_stage_raw(const struct sl_stage *stage)
{
    assert(stage->closed);
    return (struct sl_stage_raw){.files = stage->files,
                                 .count = stage->count,
                                 .voids = stage->voids,
                                 .void_count = stage->void_count};
}

/* Rows of one file that are void, ascending; they begin at voids[*at], which moves past them. */
static enum sl_code void_rows(const struct sl_stage *stage, size_t file, size_t *at, int64_t **out,
                              size_t *count, struct sl_error *error)
{
    size_t end = *at, n = 0;

    *count = 0;
    for (; end < stage->void_count && stage->voids[end].file == file; end++)
        *count += (size_t)stage->voids[end].count;
    *out = sl_alloc((*count + 1) * sizeof **out); /* at most 8 * SL_STAGE_FILE_ROWS_MAX bytes */
    if (!*out) return sl_fail(error, SL_NO_MEMORY, "no memory for void rows");
    for (; *at < end; ++*at)
        for (int64_t k = 0; k < stage->voids[*at].count; k++)
            (*out)[n++] = stage->voids[*at].first + k;
    return SL_OK;
}

/* The file is written once more without its void rows; NULL when nothing is left. */
static enum sl_code rewrite(struct sl_stage *stage, size_t index, size_t *at,
                            struct sl_error *error)
{
    struct sl_delta_writer_options options = {.row_group_bytes_max = stage->stages->memory_bytes};
    struct sl_delta_file *file = NULL;
    int64_t *rows = NULL;
    size_t count = 0;
    enum sl_code rc = void_rows(stage, index, at, &rows, &count, error);

    if (rc || count == 0) goto out;
    if ((int64_t)count < sl_delta_file_rows(stage->files[index]))
        rc = sl_delta_file_without(stage->table, stage->files[index], rows, count, &options, &file,
                                   error);
    if (rc) goto out;
    sl_delta_file_free(stage->files[index], true);
    stage->files[index] = file;

out:
    sl_free(rows);
    return rc;
}

enum sl_code sl_stage_finish(struct sl_stage *stage, struct sl_staged *out, struct sl_error *error)
{
    size_t kept = 0, at = 0;
    enum sl_code rc;

    memset(out, 0, sizeof *out);
    rc = sl_stage_close(stage, error);
    for (size_t i = 0; i < stage->count && !rc; i++) rc = rewrite(stage, i, &at, error);
    if (rc) return rc;
    for (size_t i = 0; i < stage->count; i++) {
        struct sl_delta_file *file = stage->files[i];
        if (!file) continue;
        out->rows += sl_delta_file_rows(file);
        out->bytes += sl_delta_file_bytes(file);
        stage->files[kept++] = file;
    }
    stage->count = kept;
    stage->finished = true;
    out->files = stage->files;
    out->count = kept;
    return SL_OK;
}
