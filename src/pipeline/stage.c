/*
 * stage.c: rows on their way into one version of a table.
 *
 * A row's position is (file, row in file); files are numbered in the order they were opened and
 * rows in the order they came, so that of two copies of a key the one with the greater position is
 * the later one.
 *
 * (1) writer is open exactly while file `count` (0-based) is being written.
 * (2) voids and open ranges never overlap, because a unit is never reused.
 */
#include "pipeline/stage.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "nanoarrow/nanoarrow.h"
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

struct sl_stage {
    struct sl_stages *stages;
    struct sl_stage *next;
    struct sl_delta_table *table;
    struct ArrowSchema arrow;
    size_t *keys;
    size_t key_count;
    char *add_columns_json;
    struct sl_key_set *key_set; /* NULL: every row is kept */
    struct sl_delta_writer *writer;
    struct sl_delta_file **files;
    size_t count, cap;
    struct ranges open; /* rows that may still become void */
    struct ranges voids;
    int64_t duplicates;
    bool committed, finished;
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
                          const struct ArrowSchema *arrow, const size_t *keys, size_t key_count,
                          const char *add_columns_json, const char *spill, struct sl_stage **out,
                          struct sl_error *error)
{
    struct sl_stage *stage = sl_calloc(1, sizeof *stage);
    enum sl_code rc = SL_OK;

    *out = NULL;
    if (!stage) return sl_fail(error, SL_NO_MEMORY, "no memory for staging");
    stage->stages = stages;
    stage->table = table;
    stage->key_count = key_count;
    stage->next = stages->first;
    stages->first = stage;
    if (ArrowSchemaDeepCopy(arrow, &stage->arrow) != NANOARROW_OK) goto no_memory;
    if (add_columns_json && !(stage->add_columns_json = sl_strdup(add_columns_json)))
        goto no_memory;
    if (key_count > 0) {
        stage->keys = sl_alloc(key_count * sizeof *keys);
        if (!stage->keys) goto no_memory;
        memcpy(stage->keys, keys, key_count * sizeof *keys);
        rc = sl_key_set_new(spill, 0, &stage->key_set, error);
        if (rc) goto fail;
    }
    *out = stage;
    return SL_OK;

no_memory:
    rc = sl_fail(error, SL_NO_MEMORY, "no memory for staging");
fail:
    sl_stage_free(stage);
    return rc;
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
    for (size_t i = 0; i < stage->count; i++)
        sl_delta_file_free(stage->files[i], !stage->committed);
    sl_free(stage->files);
    sl_key_set_free(stage->key_set);
    if (stage->arrow.release) stage->arrow.release(&stage->arrow);
    sl_free(stage->keys);
    sl_free(stage->add_columns_json);
    sl_free(stage->open.items);
    sl_free(stage->voids.items);
    sl_free(stage);
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

static enum sl_code add_keys(struct sl_stage *stage, const struct ArrowArray *batch,
                             struct sl_error *error)
{
    uint64_t hashes[SL_STAGE_BATCH_ROWS_MAX];
    enum sl_code rc;

    if (!stage->key_set) return SL_OK;
    if (batch->length > SL_STAGE_BATCH_ROWS_MAX)
        return sl_fail(error, SL_BUG, "a batch of %lld rows is over %d", (long long)batch->length,
                       SL_STAGE_BATCH_ROWS_MAX);
    rc = sl_keys_hash(&stage->arrow, batch, stage->keys, stage->key_count, hashes, error);
    return rc ? rc : sl_key_set_add(stage->key_set, hashes, (size_t)batch->length, error);
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
    if (!stage->writer) {
        struct sl_delta_writer_options options = {.row_group_bytes_max =
                                                      stage->stages->memory_bytes};
        rc = sl_delta_writer_open(stage->table, &stage->arrow, stage->add_columns_json, &options,
                                  &stage->writer, error);
    }
    if (rc) goto out;
    rc = add_keys(stage, batch, error);
    if (!rc) rc = add_parts(stage, parts, part_count, error);
    if (!rc) rc = sl_delta_write(stage->writer, batch, error);
    if (!rc) rc = keep_budget(stage->stages, error);
    if (!rc && sl_delta_writer_bytes(stage->writer) >= SL_STAGE_FILE_BYTES)
        rc = end_file(stage, error);
out:
    if (batch->release) batch->release(batch);
    return rc;
}

/* Takes a unit's ranges out of `open`; into `voids` if they are void. */
static enum sl_code settle(struct sl_stage *stage, uint64_t unit, bool is_void,
                           struct sl_error *error)
{
    size_t kept = 0;
    enum sl_code rc = SL_OK;

    for (size_t i = 0; i < stage->open.count; i++) {
        struct range range = stage->open.items[i];
        if (range.unit != unit)
            stage->open.items[kept++] = range;
        else if (is_void && !rc)
            rc = ranges_add(&stage->voids, range, error);
    }
    stage->open.count = kept;
    return rc;
}

enum sl_code sl_stage_drop(struct sl_stage *stage, uint64_t unit, struct sl_error *error)
{
    return settle(stage, unit, true, error);
}

enum sl_code sl_stage_release(struct sl_stage *stage, uint64_t unit, struct sl_error *error)
{
    return settle(stage, unit, false, error);
}

/* ---- keys that came twice ---- */

/* The newest position of each repeated key: an open table by the text of the key. */
struct winner {
    char *key;
    size_t key_len;
    int64_t file, row;
};

struct winners {
    struct winner *slots;
    size_t cap, count; /* cap: a power of two */
};

/* One key as bytes: for each column a presence byte, its length and its bytes. */
static void key_text(const struct ArrowArrayView *view, size_t columns, int64_t row,
                     struct sl_buf *out)
{
    sl_buf_reset(out);
    for (size_t c = 0; c < columns; c++) {
        const struct ArrowArrayView *column = view->children[c];
        if (ArrowArrayViewIsNull(column, row)) {
            sl_buf_addc(out, 0);
            continue;
        }
        sl_buf_addc(out, 1);
        if (column->storage_type == NANOARROW_TYPE_STRING ||
            column->storage_type == NANOARROW_TYPE_BINARY) {
            struct ArrowBufferView bytes = ArrowArrayViewGetBytesUnsafe(column, row);
            sl_buf_add(out, &bytes.size_bytes, sizeof bytes.size_bytes);
            sl_buf_add(out, bytes.data.data, (size_t)bytes.size_bytes);
        } else if (column->storage_type == NANOARROW_TYPE_DOUBLE) {
            double number = ArrowArrayViewGetDoubleUnsafe(column, row);
            sl_buf_add(out, &number, sizeof number);
        } else if (column->storage_type == NANOARROW_TYPE_DECIMAL128) {
            const char *data = column->buffer_views[1].data.data;
            sl_buf_add(out, data + (column->offset + row) * 16, 16);
        } else {
            int64_t number = ArrowArrayViewGetIntUnsafe(column, row);
            sl_buf_add(out, &number, sizeof number);
        }
    }
}

static bool is_repeat(const uint64_t *repeats, size_t count, uint64_t hash)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (repeats[middle] < hash)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && repeats[low] == hash;
}

static bool winners_grow(struct winners *winners)
{
    size_t cap = winners->cap ? winners->cap * 2 : 1024;
    struct winner *slots = sl_calloc(cap, sizeof *slots);

    if (!slots) return false;
    for (size_t i = 0; i < winners->cap; i++) {
        struct winner w = winners->slots[i];
        if (!w.key) continue;
        uint64_t at = 1469598103934665603u;
        for (size_t k = 0; k < w.key_len; k++) at = (at ^ (unsigned char)w.key[k]) * 1099511628211u;
        while (slots[at & (cap - 1)].key) at++;
        slots[at & (cap - 1)] = w;
    }
    sl_free(winners->slots);
    winners->slots = slots;
    winners->cap = cap;
    return true;
}

static struct winner *winner_find(struct winners *winners, const char *key, size_t len)
{
    uint64_t at = 1469598103934665603u;

    for (size_t k = 0; k < len; k++) at = (at ^ (unsigned char)key[k]) * 1099511628211u;
    for (;; at++) {
        struct winner *w = &winners->slots[at & (winners->cap - 1)];
        if (!w->key || (w->key_len == len && memcmp(w->key, key, len) == 0)) return w;
    }
}

static bool in_voids(const struct ranges *voids, size_t count, int64_t file, int64_t row)
{
    for (size_t i = 0; i < count; i++) {
        const struct range *r = &voids->items[i];
        if (r->file == file && row >= r->first && row < r->first + r->count) return true;
    }
    return false;
}

struct settling {
    struct sl_stage *stage;
    const uint64_t *repeats;
    size_t repeat_count, voids_before;
    struct winners winners;
    struct sl_buf key;
    int64_t file, row; /* of the batch's first row */
};

static enum sl_code settle_row(struct settling *s, int64_t row, struct sl_error *error)
{
    struct winner *w;
    enum sl_code rc = SL_OK;

    if (in_voids(&s->stage->voids, s->voids_before, s->file, row)) return SL_OK;
    if (s->winners.count * 2 >= s->winners.cap && !winners_grow(&s->winners))
        return sl_fail(error, SL_NO_MEMORY, "no memory for repeated keys");
    w = winner_find(&s->winners, s->key.data, s->key.len);
    if (w->key) {
        struct range loser = {.file = w->file, .first = w->row, .count = 1};
        rc = ranges_add(&s->stage->voids, loser, error);
        s->stage->duplicates++;
    } else {
        w->key = sl_alloc(s->key.len); /* bytes, not text */
        if (!w->key) return sl_fail(error, SL_NO_MEMORY, "no memory for repeated keys");
        memcpy(w->key, s->key.data, s->key.len);
        w->key_len = s->key.len;
        s->winners.count++;
    }
    w->file = s->file;
    w->row = row;
    return rc;
}

static enum sl_code settle_batch(struct settling *s, const struct ArrowSchema *schema,
                                 const struct ArrowArray *batch, struct sl_error *error)
{
    size_t columns[16];
    struct ArrowArrayView view;
    uint64_t *hashes = sl_alloc((size_t)batch->length * sizeof *hashes + 1);
    size_t n = s->stage->key_count;
    enum sl_code rc = SL_OK;

    ArrowArrayViewInitFromType(&view, NANOARROW_TYPE_UNINITIALIZED);
    if (!hashes) rc = sl_fail(error, SL_NO_MEMORY, "no memory for repeated keys");
    for (size_t c = 0; c < n; c++) columns[c] = c;
    if (!rc) rc = sl_keys_hash(schema, batch, columns, n, hashes, error);
    if (!rc && (ArrowArrayViewInitFromSchema(&view, schema, NULL) != NANOARROW_OK ||
                ArrowArrayViewSetArray(&view, batch, NULL) != NANOARROW_OK))
        rc = sl_fail(error, SL_BUG, "a staged file cannot be read back");
    for (int64_t i = 0; i < batch->length && !rc; i++) {
        if (!is_repeat(s->repeats, s->repeat_count, hashes[i])) continue;
        key_text(&view, n, i, &s->key);
        rc = sl_buf_failed(&s->key) ? sl_fail(error, SL_NO_MEMORY, "no memory for repeated keys")
                                    : settle_row(s, s->row + i, error);
    }
    s->row += batch->length;
    ArrowArrayViewReset(&view);
    sl_free(hashes);
    return rc;
}

static enum sl_code settle_file(struct settling *s, size_t index, struct sl_error *error)
{
    struct sl_stage *stage = s->stage;
    const char *names[16];
    struct ArrowArrayStream stream = {0};
    struct ArrowSchema schema = {0};
    struct ArrowArray batch = {0};
    enum sl_code rc;

    for (size_t c = 0; c < stage->key_count; c++)
        names[c] = stage->arrow.children[stage->keys[c]]->name;
    s->file = (int64_t)index;
    s->row = 0;
    rc = sl_delta_file_scan(stage->table, stage->files[index], names, stage->key_count, &stream,
                            error);
    if (rc) return rc;
    if (stream.get_schema(&stream, &schema))
        rc = sl_fail(error, SL_DESTINATION, "could not read a staged file back: %s",
                     stream.get_last_error(&stream));
    while (!rc) {
        if (stream.get_next(&stream, &batch)) {
            rc = sl_fail(error, SL_DESTINATION, "could not read a staged file back: %s",
                         stream.get_last_error(&stream));
            break;
        }
        if (!batch.release) break;
        rc = settle_batch(s, &schema, &batch, error);
        batch.release(&batch);
    }
    if (schema.release) schema.release(&schema);
    stream.release(&stream);
    return rc;
}

static enum sl_code settle_repeats(struct sl_stage *stage, struct sl_error *error)
{
    struct settling s = {.stage = stage, .voids_before = stage->voids.count};
    enum sl_code rc;

    if (!stage->key_set) return SL_OK;
    if (stage->key_count > 16)
        return sl_fail(error, SL_UNSUPPORTED, "a key of more than 16 columns");
    rc = sl_key_set_repeats(stage->key_set, &s.repeats, &s.repeat_count, error);
    if (rc || s.repeat_count == 0) return rc;
    for (size_t i = 0; i < stage->count && !rc; i++) rc = settle_file(&s, i, error);
    for (size_t i = 0; i < s.winners.cap; i++) sl_free(s.winners.slots[i].key);
    sl_free(s.winners.slots);
    sl_buf_release(&s.key);
    return rc;
}

/* ---- files with void rows are written once more without them ---- */

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static enum sl_code rewrite(struct sl_stage *stage, size_t index, struct sl_error *error)
{
    size_t n = 0, kept = 0;
    int64_t *rows;
    struct sl_delta_file *file = NULL;
    enum sl_code rc;

    for (size_t i = 0; i < stage->voids.count; i++)
        if (stage->voids.items[i].file == (int64_t)index) n += (size_t)stage->voids.items[i].count;
    if (n == 0) return SL_OK;
    rows = sl_alloc(n * sizeof *rows);
    if (!rows) return sl_fail(error, SL_NO_MEMORY, "no memory for void rows");
    n = 0;
    for (size_t i = 0; i < stage->voids.count; i++) {
        const struct range *r = &stage->voids.items[i];
        for (int64_t k = 0; r->file == (int64_t)index && k < r->count; k++)
            rows[n++] = r->first + k;
    }
    qsort(rows, n, sizeof *rows, by_number);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || rows[i] != rows[kept - 1]) rows[kept++] = rows[i];
    rc = sl_delta_file_without(stage->table, stage->files[index], rows, kept, NULL, &file, error);
    sl_free(rows);
    if (rc) return rc;
    sl_delta_file_free(stage->files[index], true);
    stage->files[index] = file; /* NULL when nothing is left */
    return SL_OK;
}

enum sl_code sl_stage_finish(struct sl_stage *stage, struct sl_staged *out, struct sl_error *error)
{
    size_t kept = 0;
    enum sl_code rc;

    assert(!stage->finished);
    memset(out, 0, sizeof *out);
    rc = end_file(stage, error);
    if (!rc) rc = settle_repeats(stage, error);
    for (size_t i = 0; i < stage->count && !rc; i++) rc = rewrite(stage, i, error);
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
    out->duplicates = stage->duplicates;
    return SL_OK;
}

void sl_stage_committed(struct sl_stage *stage)
{
    stage->committed = true;
}
