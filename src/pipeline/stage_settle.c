/* stage_settle.c: which staged rows are void, and the files without them. */
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "nanoarrow/nanoarrow.h"
#include "pipeline/stage_parts.h"

/* ---- void rows: a bit each, in files that have any ---- */

static bool is_void(const struct sl_stage *stage, size_t file, int64_t row)
{
    const unsigned char *bits = stage->voids[file].bits;

    return bits && (bits[row >> 3] >> (row & 7) & 1);
}

static enum sl_code make_void(struct sl_stage *stage, size_t file, int64_t row,
                              struct sl_error *error)
{
    struct void_rows *voids = &stage->voids[file];

    if (!voids->bits) {
        voids->bits = sl_calloc((size_t)sl_delta_file_rows(stage->files[file]) / 8 + 1, 1);
        if (!voids->bits) return sl_fail(error, SL_NO_MEMORY, "no memory for void rows");
    }
    if (is_void(stage, file, row)) return SL_OK;
    voids->bits[row >> 3] |= (unsigned char)(1u << (row & 7));
    voids->count++;
    return SL_OK;
}

static enum sl_code place_dropped(struct sl_stage *stage, struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    stage->voids = sl_calloc(stage->count + 1, sizeof *stage->voids);
    if (!stage->voids) return sl_fail(error, SL_NO_MEMORY, "no memory for void rows");
    stage->voids_count = stage->count;
    for (size_t i = 0; i < stage->dropped.count; i++) {
        const struct range *r = &stage->dropped.items[i];
        for (int64_t k = 0; k < r->count && !rc; k++)
            rc = make_void(stage, (size_t)r->file, r->first + k, error);
    }
    return rc;
}

/* ---- keys that came twice ---- */

#define NO_WINNER UINT32_MAX
#define WINNER_KEYS_BYTES_MAX ((size_t)64 << 20)

/* The newest position of a key that came twice. */
struct winner {
    int64_t row;
    uint32_t file;
    uint32_t next; /* another key of the same hash, or NO_WINNER */
    uint32_t key_at, key_len;
};

/* A walk over the keys of all staged files. */
struct settling {
    struct sl_stage *stage;
    size_t file;
    int64_t row; /* of the batch's first row */
    const uint64_t *repeats;
    size_t repeat_count;
    uint32_t *first; /* of each repeat: its first winner */
    struct winner *winners;
    size_t count, cap;
    struct sl_buf keys; /* of all winners, end to end */
    struct sl_buf key;  /* of one row */
};

typedef enum sl_code key_batch_fn(struct settling *s, const struct ArrowSchema *schema,
                                  const struct ArrowArray *batch, uint64_t *hashes,
                                  struct sl_error *error);

static enum sl_code hash_batch(struct settling *s, const struct ArrowSchema *schema,
                               const struct ArrowArray *batch, key_batch_fn *fn,
                               struct sl_error *error)
{
    size_t columns[SL_STAGE_KEYS_MAX], n = s->stage->key_count;
    uint64_t *hashes = sl_alloc((size_t)batch->length * sizeof *hashes);
    enum sl_code rc;

    if (!hashes) return sl_fail(error, SL_NO_MEMORY, "no memory for keys");
    for (size_t c = 0; c < n; c++) columns[c] = c;
    rc = sl_keys_hash(schema, batch, columns, n, hashes, error);
    if (!rc) rc = fn(s, schema, batch, hashes, error);
    s->row += batch->length;
    sl_free(hashes);
    return rc;
}

static enum sl_code walk_file(struct settling *s, key_batch_fn *fn, struct sl_error *error)
{
    struct sl_stage *stage = s->stage;
    const char *names[SL_STAGE_KEYS_MAX];
    struct ArrowArrayStream stream = {0};
    struct ArrowSchema schema = {0};
    struct ArrowArray batch = {0};
    enum sl_code rc;

    for (size_t c = 0; c < stage->key_count; c++)
        names[c] = stage->arrow.children[stage->keys[c]]->name;
    s->row = 0;
    rc = sl_delta_file_scan(stage->table, stage->files[s->file], names, stage->key_count, &stream,
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
        rc = hash_batch(s, &schema, &batch, fn, error);
        batch.release(&batch);
    }
    if (schema.release) schema.release(&schema);
    stream.release(&stream);
    return rc;
}

static enum sl_code walk(struct settling *s, key_batch_fn *fn, struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    for (s->file = 0; s->file < s->stage->count && !rc; s->file++) rc = walk_file(s, fn, error);
    return rc;
}

static enum sl_code count_keys(struct settling *s, const struct ArrowSchema *schema,
                               const struct ArrowArray *batch, uint64_t *hashes,
                               struct sl_error *error)
{
    size_t kept = 0;

    (void)schema;
    for (int64_t i = 0; i < batch->length; i++)
        if (!is_void(s->stage, s->file, s->row + i)) hashes[kept++] = hashes[i];
    return sl_key_set_add(s->stage->key_set, hashes, kept, error);
}

/* Rows were dropped: the set is made again, of those that stay. */
static enum sl_code count_again(struct sl_stage *stage, struct sl_error *error)
{
    struct settling s = {.stage = stage};
    enum sl_code rc = sl_key_set_new(stage->spill, 0, &stage->key_set, error);

    return rc ? rc : walk(&s, count_keys, error);
}

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
            if (number == 0) number = 0; /* both zeros are one key, as they are one hash */
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

/* The number of a hash among the repeats, or repeat_count. */
static size_t repeat_at(const struct settling *s, uint64_t hash)
{
    size_t low = 0, high = s->repeat_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->repeats[middle] < hash)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->repeat_count && s->repeats[low] == hash ? low : s->repeat_count;
}

static enum sl_code too_many_repeats(struct sl_error *error)
{
    sl_error_hint(error,
                  "Rows of one key replace each other: name columns in primary_keys that tell "
                  "the source's rows apart. If they do, the source gave its rows twice: "
                  "run again later.");
    return error->code;
}

static enum sl_code add_winner(struct settling *s, uint32_t *link, int64_t row,
                               struct sl_error *error)
{
    if (s->keys.len + s->key.len > WINNER_KEYS_BYTES_MAX) {
        sl_fail(error, SL_TOO_LARGE, "more than %zu MB of keys that came more than once",
                WINNER_KEYS_BYTES_MAX >> 20);
        return too_many_repeats(error);
    }
    if (s->count == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 64;
        void *winners = sl_realloc(s->winners, cap * sizeof *s->winners);
        if (!winners) return sl_fail(error, SL_NO_MEMORY, "no memory for repeated keys");
        s->winners = winners;
        s->cap = cap;
    }
    s->winners[s->count] = (struct winner){.row = row,
                                           .file = (uint32_t)s->file,
                                           .next = *link,
                                           .key_at = (uint32_t)s->keys.len,
                                           .key_len = (uint32_t)s->key.len};
    *link = (uint32_t)s->count++;
    sl_buf_add(&s->keys, s->key.data, s->key.len);
    return sl_buf_failed(&s->keys) ? sl_fail(error, SL_NO_MEMORY, "no memory for repeated keys")
                                   : SL_OK;
}

/* The row in s->key: the first copy of its key, or one that replaces the copy before it. */
static enum sl_code settle_row(struct settling *s, size_t repeat, int64_t row,
                               struct sl_error *error)
{
    enum sl_code rc;

    for (uint32_t i = s->first[repeat]; i != NO_WINNER; i = s->winners[i].next) {
        struct winner *w = &s->winners[i];
        if (w->key_len != s->key.len || memcmp(s->keys.data + w->key_at, s->key.data, w->key_len))
            continue;
        rc = make_void(s->stage, w->file, w->row, error);
        s->stage->duplicates++;
        w->file = (uint32_t)s->file;
        w->row = row;
        return rc;
    }
    return add_winner(s, &s->first[repeat], row, error);
}

static enum sl_code settle_keys(struct settling *s, const struct ArrowSchema *schema,
                                const struct ArrowArray *batch, uint64_t *hashes,
                                struct sl_error *error)
{
    struct ArrowArrayView view;
    enum sl_code rc = SL_OK;

    ArrowArrayViewInitFromType(&view, NANOARROW_TYPE_UNINITIALIZED);
    if (ArrowArrayViewInitFromSchema(&view, schema, NULL) != NANOARROW_OK ||
        ArrowArrayViewSetArray(&view, batch, NULL) != NANOARROW_OK)
        rc = sl_fail(error, SL_BUG, "a staged file cannot be read back");
    for (int64_t i = 0; i < batch->length && !rc; i++) {
        size_t repeat = repeat_at(s, hashes[i]);
        if (repeat == s->repeat_count || is_void(s->stage, s->file, s->row + i)) continue;
        key_text(&view, s->stage->key_count, i, &s->key);
        rc = sl_buf_failed(&s->key) ? sl_fail(error, SL_NO_MEMORY, "no memory for repeated keys")
                                    : settle_row(s, repeat, s->row + i, error);
    }
    ArrowArrayViewReset(&view);
    return rc;
}

static enum sl_code settle_repeats(struct sl_stage *stage, struct sl_error *error)
{
    struct settling s = {.stage = stage};
    enum sl_code rc = SL_OK;

    if (stage->key_count == 0) return SL_OK;
    if (!stage->key_set) rc = count_again(stage, error);
    if (!rc) rc = sl_key_set_repeats(stage->key_set, &s.repeats, &s.repeat_count, error);
    if (rc == SL_TOO_LARGE) return too_many_repeats(error);
    if (rc || s.repeat_count == 0) return rc;
    s.first = sl_alloc(s.repeat_count * sizeof *s.first);
    if (!s.first) return sl_fail(error, SL_NO_MEMORY, "no memory for repeated keys");
    for (size_t i = 0; i < s.repeat_count; i++) s.first[i] = NO_WINNER;
    rc = walk(&s, settle_keys, error);
    sl_free(s.first);
    sl_free(s.winners);
    sl_buf_release(&s.keys);
    sl_buf_release(&s.key);
    return rc;
}

/* ---- files with void rows are written once more without them ---- */

static enum sl_code rewrite(struct sl_stage *stage, size_t index, struct sl_error *error)
{
    int64_t rows = sl_delta_file_rows(stage->files[index]), *gone;
    struct sl_delta_file *file = NULL;
    struct sl_delta_writer_options options = {.row_group_bytes_max = stage->stages->memory_bytes};
    size_t n = 0, count = (size_t)stage->voids[index].count;
    enum sl_code rc = SL_OK;

    if (count == 0) return SL_OK;
    if ((int64_t)count < rows) {
        gone = sl_alloc(count * sizeof *gone); /* at most 8 * SL_STAGE_FILE_ROWS_MAX bytes */
        if (!gone) return sl_fail(error, SL_NO_MEMORY, "no memory for void rows");
        for (int64_t row = 0; row < rows; row++)
            if (is_void(stage, index, row)) gone[n++] = row;
        rc = sl_delta_file_without(stage->table, stage->files[index], gone, n, &options, &file,
                                   error);
        sl_free(gone);
    }
    if (rc) return rc;
    sl_delta_file_free(stage->files[index], true);
    stage->files[index] = file; /* NULL when nothing is left */
    return SL_OK;
}

enum sl_code sl_stage_settle(struct sl_stage *stage, struct sl_error *error)
{
    enum sl_code rc = place_dropped(stage, error);

    if (!rc) rc = settle_repeats(stage, error);
    for (size_t i = 0; i < stage->count && !rc; i++) rc = rewrite(stage, i, error);
    return rc;
}
