/* apply_changes.c: batches become entries, in memory or on disk; the entries become keys. */
#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "nanoarrow/nanoarrow.h"
#include "pipeline/apply_parts.h"
#include "table/show.h"

static enum sl_code no_memory(struct sl_error *error)
{
    return sl_fail(error, SL_NO_MEMORY, "no memory for the changes of a table");
}

/* ---- of a batch ---- */

enum sl_code sl_work_room(struct workspace *work, int64_t rows, struct sl_error *error)
{
    size_t count = (size_t)rows;
    struct {
        void **at;
        size_t size;
    } all[] = {{(void **)&work->keys, sizeof *work->keys},
               {(void **)&work->digests, sizeof *work->digests},
               {(void **)&work->whole, sizeof *work->whole},
               {(void **)&work->tracked, sizeof *work->tracked},
               {(void **)&work->inside, 1},
               {(void **)&work->ends[0], sizeof(size_t)},
               {(void **)&work->ends[1], sizeof(size_t)},
               {(void **)&work->ends[2], sizeof(size_t)}};

    if (count <= work->rows) return SL_OK;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        void *grown = sl_realloc(*all[i].at, count * all[i].size);
        if (!grown) return no_memory(error);
        *all[i].at = grown;
    }
    work->rows = count;
    return SL_OK;
}

void sl_work_release(struct workspace *work)
{
    sl_free(work->keys);
    sl_free(work->digests);
    sl_free(work->whole);
    sl_free(work->tracked);
    sl_free(work->inside);
    for (int i = 0; i < 3; i++) {
        sl_free(work->ends[i]);
        sl_buf_release(&work->bytes[i]);
    }
    sl_free(work->hashed);
}

enum sl_code sl_apply_hash_rows(struct sl_apply *apply, const struct ArrowSchema *schema,
                                const struct ArrowArray *batch, const size_t *child_of,
                                struct sl_error *error)
{
    struct workspace *work = &apply->work;
    const struct sl_schema *table = apply->options.schema;
    size_t count = 0;
    enum sl_code rc;

    for (size_t i = 0; i < apply->compared_count; i++) {
        size_t column = apply->compared[i];
        work->hashed[i] = (struct sl_hashed_column){child_of ? child_of[column] : column,
                                                    table->columns[column].type};
    }
    rc = sl_hash_rows(&apply->options.secret, schema, batch, work->hashed, apply->compared_count,
                      work->whole, error);
    if (rc) return rc;
    if (apply->all_tracked) {
        memcpy(work->tracked, work->whole, (size_t)batch->length * sizeof *work->whole);
        return SL_OK;
    }
    for (size_t i = 0; i < apply->compared_count; i++)
        if (apply->tracked[i]) work->hashed[count++] = work->hashed[i];
    return sl_hash_rows(&apply->options.secret, schema, batch, work->hashed, count, work->tracked,
                        error);
}

/* ---- noting ---- */

static enum sl_code note_on_disk(struct sl_apply *apply, const struct entry *e,
                                 struct sl_error *error)
{
    struct filter *filter = &apply->filter;
    uint64_t a = e->key.a & filter->mask, b = e->key.b & filter->mask;

    filter->words[a >> 6] |= (uint64_t)1 << (a & 63);
    filter->words[b >> 6] |= (uint64_t)1 << (b & 63);
    return sl_spill_add(apply->spilled, e, error);
}

static enum sl_code to_disk(struct sl_apply *apply, struct sl_error *error)
{
    size_t bytes = FILTER_BYTES_MIN;
    struct pool_walk walk = {0};
    const struct entry *e;
    enum sl_code rc;

    while (bytes * 2 <= apply->options.memory_bytes / FILTER_SHARE) bytes *= 2;
    apply->filter = (struct filter){sl_calloc(bytes, 1), bytes * 8 - 1};
    if (!apply->filter.words) return no_memory(error);
    rc = sl_spill_new(apply->options.spill, 0, &apply->spilled, error);
    while (!rc && (e = sl_pool_next(&apply->noted, &walk))) rc = note_on_disk(apply, e, error);
    if (!rc) sl_pool_release(&apply->noted);
    return rc;
}

static enum sl_code note(struct sl_apply *apply, const struct entry *e, struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    apply->noted_count++;
    if (!apply->spilled && apply->noted.bytes > apply->options.memory_bytes / MEMORY_SHARE)
        rc = to_disk(apply, error);
    if (rc) return rc;
    if (apply->spilled) return note_on_disk(apply, e, error);
    return sl_pool_add(&apply->noted, e) ? SL_OK : no_memory(error);
}

static enum sl_code keep_newest(struct sl_apply *apply, struct sl_seq sequence,
                                struct sl_error *error)
{
    struct sl_seq newest = {(unsigned char *)apply->newest.data, apply->newest.len};

    if (sl_seq_compare(sequence, newest) <= 0) return SL_OK;
    sl_buf_reset(&apply->newest);
    sl_buf_add(&apply->newest, sequence.bytes, sequence.len);
    return sl_buf_failed(&apply->newest) ? no_memory(error) : SL_OK;
}

static enum sl_code note_row(struct sl_apply *apply, int64_t i, bool is_delete, uint64_t at,
                             struct sl_error *error)
{
    struct workspace *work = &apply->work;
    struct entry *e = work_entry(work);
    struct sl_seq sequence = {0};
    enum sl_code rc = SL_OK;

    *e = (struct entry){.key = work->keys[i],
                        .whole = is_delete ? 0 : work->whole[i],
                        .tracked = is_delete ? 0 : work->tracked[i],
                        .digest = work->digests[i].a,
                        .at = at,
                        .flags = ENTRY_HASHED | (is_delete ? ENTRY_DELETE : 0)};
    if (apply->options.sequenced) {
        sequence = work_sequence(work, 0, i);
        if (sl_seq_none(sequence))
            return sl_fail(error, SL_BAD_DATA,
                           "a row of '%s' has no value in the column that orders its changes",
                           apply->options.schema->def->name);
        rc = keep_newest(apply, sequence, error);
    }
    sl_entry_sequences(e, sequence, (struct sl_seq){0}, (struct sl_seq){0});
    return rc ? rc : note(apply, e, error);
}

static const struct sl_hash_key fixed_secret = {"sluice: keys  1"};

enum sl_code sl_apply_add(struct sl_apply *apply, const struct ArrowSchema *schema,
                          const struct ArrowArray *batch, const unsigned char *deletes, size_t file,
                          int64_t row, struct sl_error *error)
{
    const struct sl_schema *table = apply->options.schema;
    struct workspace *work = &apply->work;
    enum sl_code rc;

    if ((size_t)schema->n_children != table->count)
        return sl_fail(error, SL_BUG, "a batch of %lld columns for a table of %zu",
                       (long long)schema->n_children, table->count);
    if (batch->length == 0) return SL_OK;
    rc = sl_work_room(work, batch->length, error);
    if (!rc && apply->options.fresh) {
        memset(work->whole, 0, (size_t)batch->length * sizeof *work->whole);
        memset(work->tracked, 0, (size_t)batch->length * sizeof *work->tracked);
    } else if (!rc) {
        rc = sl_apply_hash_rows(apply, schema, batch, NULL, error);
    }
    if (!rc && table->key_count == 0) {
        for (int64_t i = 0; i < batch->length; i++)
            work->keys[i] = work->digests[i] = (struct sl_key128){work->whole[i], work->whole[i]};
    } else if (!rc) {
        rc = sl_hash_keys(&apply->options.secret, schema, batch, table->keys, table->key_count,
                          work->keys, error);
        if (!rc)
            rc = sl_hash_keys(&fixed_secret, schema, batch, table->keys, table->key_count,
                              work->digests, error);
        if (!rc) rc = sl_apply_widen(apply, schema, batch, error);
    }
    if (!rc && apply->options.sequenced) {
        sl_buf_reset(&work->bytes[0]);
        rc = sl_sequences(schema, batch, table->sequence, table->sequence_count, &work->bytes[0],
                          work->ends[0], error);
    }
    for (int64_t i = 0; i < batch->length && !rc; i++)
        rc = note_row(apply, i, deletes && deletes[i], position(IN_STAGED, file, row + i), error);
    return rc;
}

/* ---- the keys of a partition ---- */

bool sl_apply_is_void(const struct sl_apply *apply, uint64_t at)
{
    size_t low = 0, high = apply->raw.void_count, file = position_file(at);
    int64_t row = position_row(at);

    while (low < high) { /* the last range that begins at or before it */
        size_t middle = low + (high - low) / 2;
        const struct sl_stage_range *r = &apply->raw.voids[middle];
        if (r->file < file || (r->file == file && r->first <= row))
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0) return false;
    const struct sl_stage_range *r = &apply->raw.voids[low - 1];
    return r->file == file && row < r->first + r->count;
}

void sl_keys_reset(struct keys *keys)
{
    sl_free(keys->slots);
    sl_pool_release(&keys->pool);
    *keys = (struct keys){0};
}

/* Where the key is, or the empty slot where it would be. */
static struct slot *slot_of(const struct keys *keys, struct sl_key128 key)
{
    for (size_t i = key.a & keys->mask;; i = (i + 1) & keys->mask) {
        struct slot *slot = &keys->slots[i];
        if (!slot->changes || (slot->tag == key.a && slot->changes->key.b == key.b)) return slot;
    }
}

struct slot *sl_keys_find(const struct keys *keys, struct sl_key128 key)
{
    struct slot *slot;

    if (keys->count == 0) return NULL;
    slot = slot_of(keys, key);
    return slot->changes ? slot : NULL;
}

static bool grow(struct keys *keys)
{
    size_t old = keys->slots ? keys->mask + 1 : 0, room = old ? old * 2 : 1024;
    struct keys grown = {.slots = sl_calloc(room, sizeof *grown.slots), .mask = room - 1};

    if (!grown.slots) return false;
    for (size_t i = 0; i < old; i++)
        if (keys->slots[i].changes) *slot_of(&grown, keys->slots[i].changes->key) = keys->slots[i];
    sl_free(keys->slots);
    keys->slots = grown.slots;
    keys->mask = grown.mask;
    return true;
}

/* Rows of a key of ours that contradict one another: the first ten keys are kept. */
static void note_clash(struct sl_apply *apply, const struct entry *e)
{
    struct clash *clashes = apply->clashes;
    size_t i = apply->clash_count;

    for (size_t k = 0; k < i; k++)
        if (clashes[k].key.a == e->key.a && clashes[k].key.b == e->key.b) return;
    if (i == CLASHES_NAMED) {
        if (e->at > clashes[i - 1].at) return;
        i--;
    } else {
        apply->clash_count++;
    }
    for (; i > 0 && clashes[i - 1].at > e->at; i--) clashes[i] = clashes[i - 1];
    clashes[i] = (struct clash){e->at, e->key};
}

static enum sl_code void_row(struct sl_apply *apply, uint64_t at, struct sl_error *error)
{
    return sl_bits_set(&apply->voids[position_file(at)], position_row(at)) ? SL_OK
                                                                           : no_memory(error);
}

static struct sl_latest_change change_of(const struct entry *e)
{
    return (struct sl_latest_change){.kind = e->flags & ENTRY_DELETE ? SL_DELETE : SL_UPSERT,
                                     .sequence = entry_rec(e),
                                     .hash = e->whole,
                                     .arrival = e->at};
}

/* Of two changes of a key one is kept: the other's row is void. */
static enum sl_code contest(struct sl_apply *apply, struct slot *slot, struct entry *e, bool copy,
                            struct sl_error *error)
{
    struct entry *held = slot->changes;
    struct sl_latest_change a = change_of(held), b = change_of(e);
    bool wins = sl_latest_wins(&a, &b);
    uint64_t loser = wins ? held->at : e->at;

    if (apply->options.own_key && apply->in->complete && !apply->scope && held->whole != e->whole &&
        !((held->flags | e->flags) & ENTRY_DELETE))
        note_clash(apply, e);
    if (wins && !copy) {
        slot->changes = e;
    } else if (wins && entry_size(e) <= entry_size(held)) {
        memcpy(held, e, offsetof(struct entry, bytes) + e->rec);
        held->next = NULL;
    } else if (wins) {
        slot->changes = sl_pool_add(&apply->keys.pool, e);
        if (!slot->changes) {
            slot->changes = held;
            return no_memory(error);
        }
        slot->changes->next = NULL;
    }
    apply->out.duplicates++;
    return void_row(apply, loser, error);
}

static enum sl_code load_one(struct sl_apply *apply, struct entry *e, bool copy,
                             struct sl_error *error)
{
    struct keys *keys = &apply->keys;

    e->next = NULL;
    if (sl_apply_is_void(apply, e->at)) return SL_OK;
    if ((keys->count + 1) * 4 > (keys->slots ? keys->mask + 1 : 0) * 3 && !grow(keys))
        return no_memory(error);
    struct slot *slot = slot_of(keys, e->key);
    if (slot->changes && apply->single) return contest(apply, slot, e, copy, error);
    if (copy && !(e = sl_pool_add(&keys->pool, e))) return no_memory(error);
    keys->count += !slot->changes;
    e->next = slot->changes;
    slot->changes = e;
    slot->tag = e->key.a;
    return SL_OK;
}

enum sl_code sl_keys_load(struct sl_apply *apply, const struct spill *spill, int part,
                          struct sl_error *error)
{
    struct pool_walk in_memory = {0};
    struct spill_walk walk = {0};
    const struct entry *read = NULL;
    struct entry *e;
    enum sl_code rc = SL_OK;

    sl_keys_reset(&apply->keys);
    if (!spill) {
        while (!rc && (e = sl_pool_next(&apply->noted, &in_memory)))
            rc = load_one(apply, e, false, error);
        return rc;
    }
    while (!rc) {
        rc = sl_spill_next(spill, part, &walk, &read, error);
        if (rc || !read) break;
        rc = load_one(apply, (struct entry *)(uintptr_t)read, true, error);
    }
    sl_spill_walk_release(&walk);
    return rc;
}

/* ---- keys of ours that are not unique ---- */

static enum sl_code show_keys(struct sl_buf *out, const struct ArrowSchema *schema,
                              const struct ArrowArray *batch, struct sl_error *error)
{
    struct ArrowArrayView view;
    enum sl_code rc = SL_OK;

    ArrowArrayViewInitFromType(&view, NANOARROW_TYPE_UNINITIALIZED);
    if (ArrowArrayViewInitFromSchema(&view, schema, NULL) != NANOARROW_OK ||
        ArrowArrayViewSetArray(&view, batch, NULL) != NANOARROW_OK)
        rc = sl_fail(error, SL_BUG, "a staged file cannot be read back");
    for (int64_t i = 0; i < batch->length && !rc; i++) {
        sl_buf_adds(out, out->len ? ", " : "");
        if (schema->n_children > 3) sl_buf_adds(out, "(");
        for (int64_t c = 2; c < schema->n_children && !rc; c++) {
            bool null = false;
            sl_buf_adds(out, c > 2 ? ", " : "");
            rc = sl_show_text(out, schema->children[c], view.children[c], i, &null, error);
            if (null) sl_buf_adds(out, "NULL");
        }
        if (schema->n_children > 3) sl_buf_adds(out, ")");
    }
    ArrowArrayViewReset(&view);
    return rc;
}

enum sl_code sl_apply_clashes(struct sl_apply *apply, struct sl_error *error)
{
    const struct sl_schema *table = apply->options.schema;
    struct sl_delta_part parts[CLASHES_NAMED];
    int64_t rows[CLASHES_NAMED];
    const char *names[SL_KEY_COLUMNS_MAX];
    struct reading r;
    struct sl_buf text = {0};
    enum sl_code rc;

    for (size_t i = 0; i < apply->clash_count; i++) {
        uint64_t at = apply->clashes[i].at;
        rows[i] = position_row(at);
        parts[i] = (struct sl_delta_part){.staged = apply->raw.files[position_file(at)],
                                          .rows = &rows[i],
                                          .count = 1};
    }
    for (size_t k = 0; k < table->key_count; k++) names[k] = table->columns[table->keys[k]].name;
    rc = sl_reading_open(&r, apply, parts, apply->clash_count, names, table->key_count, error);
    while (!rc) {
        rc = sl_reading_next(&r, error);
        if (rc || !r.batch.release) break;
        rc = show_keys(&text, &r.schema, &r.batch, error);
    }
    sl_reading_close(&r);
    if (!rc && sl_buf_failed(&text)) rc = no_memory(error);
    if (!rc) {
        rc = sl_fail(error, SL_BAD_DATA,
                     "the key of table '%s' is not unique: different rows have %s%s",
                     table->def->name, sl_buf_str(&text),
                     apply->clash_count == CLASHES_NAMED ? ", and perhaps more" : "");
        sl_error_hint(error, "Name columns in primary_keys that tell the rows apart.");
    }
    sl_buf_release(&text);
    return rc;
}
