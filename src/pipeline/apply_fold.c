/*
 * apply_fold.c: upserts whose NULLs keep what is there: the old row and all changes since become
 * one row, column by column, the newest value that is not NULL.
 *
 * Whole rows of a few thousand keys at a time are in memory. What comes out equal to what is there
 * is not written.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "nanoarrow/nanoarrow.h"
#include "pipeline/apply_parts.h"

#define SOURCES_AT_ONCE 8192

static enum sl_code no_memory(struct sl_error *error)
{
    return sl_fail(error, SL_NO_MEMORY, "no memory for the changes of a table");
}

/* ---- one value ---- */

static ArrowErrorCode append_value(struct ArrowArray *out, const struct ArrowArrayView *from,
                                   int64_t row);

static ArrowErrorCode append_list(struct ArrowArray *out, const struct ArrowArrayView *from,
                                  int64_t row)
{
    int64_t first = ArrowArrayViewListChildOffset(from, row);
    int64_t end = ArrowArrayViewListChildOffset(from, row + 1);

    for (int64_t i = first; i < end; i++)
        NANOARROW_RETURN_NOT_OK(append_value(out->children[0], from->children[0], i));
    return ArrowArrayFinishElement(out);
}

static ArrowErrorCode append_value(struct ArrowArray *out, const struct ArrowArrayView *from,
                                   int64_t row)
{
    struct ArrowDecimal decimal;

    if (ArrowArrayViewIsNull(from, row)) return ArrowArrayAppendNull(out, 1);
    switch (from->storage_type) {
    case NANOARROW_TYPE_STRUCT:
        for (int64_t i = 0; i < out->n_children; i++)
            NANOARROW_RETURN_NOT_OK(
                append_value(out->children[i], from->children[i], from->offset + row));
        return ArrowArrayFinishElement(out);
    case NANOARROW_TYPE_LIST:
    case NANOARROW_TYPE_LARGE_LIST:
    case NANOARROW_TYPE_MAP: return append_list(out, from, from->offset + row);
    case NANOARROW_TYPE_STRING:
    case NANOARROW_TYPE_LARGE_STRING:
    case NANOARROW_TYPE_BINARY:
    case NANOARROW_TYPE_LARGE_BINARY:
        return ArrowArrayAppendBytes(out, ArrowArrayViewGetBytesUnsafe(from, row));
    case NANOARROW_TYPE_FLOAT:
    case NANOARROW_TYPE_DOUBLE:
        return ArrowArrayAppendDouble(out, ArrowArrayViewGetDoubleUnsafe(from, row));
    case NANOARROW_TYPE_DECIMAL128:
        ArrowDecimalInit(&decimal, 128, 38, 0);
        ArrowArrayViewGetDecimalUnsafe(from, row, &decimal);
        return ArrowArrayAppendDecimal(out, &decimal);
    default: return ArrowArrayAppendInt(out, ArrowArrayViewGetIntUnsafe(from, row));
    }
}

/* ---- rows in memory ---- */

struct source {
    uint64_t at;
    size_t batch; /* where it is, once it was read */
    int64_t row;
};

struct rows {
    struct ArrowSchema schema; /* of all columns, with "part" and "row" */
    struct ArrowArray *batches;
    struct ArrowArrayView *views;
    size_t count, room;
};

static void rows_release(struct rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        ArrowArrayViewReset(&rows->views[i]);
        rows->batches[i].release(&rows->batches[i]);
    }
    if (rows->schema.release) rows->schema.release(&rows->schema);
    sl_free(rows->batches);
    sl_free(rows->views);
    *rows = (struct rows){0};
}

static enum sl_code keep_batch(struct rows *rows, struct ArrowArray *batch, struct sl_error *error)
{
    if (rows->count == rows->room) {
        size_t room = rows->room ? rows->room * 2 : 16;
        void *batches = sl_realloc(rows->batches, room * sizeof *rows->batches);
        if (!batches) return no_memory(error);
        rows->batches = batches;
        void *views = sl_realloc(rows->views, room * sizeof *rows->views);
        if (!views) return no_memory(error);
        rows->views = views;
        rows->room = room;
    }
    struct ArrowArrayView *view = &rows->views[rows->count];
    ArrowArrayViewInitFromType(view, NANOARROW_TYPE_UNINITIALIZED);
    if (ArrowArrayViewInitFromSchema(view, &rows->schema, NULL) != NANOARROW_OK ||
        ArrowArrayViewSetArray(view, batch, NULL) != NANOARROW_OK) {
        ArrowArrayViewReset(view);
        return sl_fail(error, SL_BUG, "a file of the table cannot be read");
    }
    ArrowArrayMove(batch, &rows->batches[rows->count++]);
    return SL_OK;
}

static int by_position(const void *a, const void *b)
{
    const struct source *x = *(struct source *const *)a, *y = *(struct source *const *)b;

    return (x->at > y->at) - (x->at < y->at);
}

static size_t parts_of(const struct sl_apply *apply, struct source **sorted, size_t count,
                       struct sl_delta_part *parts, int64_t *numbers)
{
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        uint64_t at = sorted[i]->at;
        numbers[i] = position_row(at);
        if (i == 0 || at >> ROW_BITS != sorted[i - 1]->at >> ROW_BITS) {
            parts[n] = (struct sl_delta_part){.rows = &numbers[i]};
            if (position_kind(at) == IN_LIVE)
                parts[n].live = position_file(at);
            else
                parts[n].staged = apply->raw.files[position_file(at)];
            n++;
        }
        parts[n - 1].count++;
    }
    return n;
}

static enum sl_code read_sorted(struct rows *rows, const struct sl_apply *apply,
                                struct source **sorted, size_t count,
                                const struct sl_delta_part *parts, size_t part_count,
                                struct sl_error *error)
{
    struct reading r;
    size_t done = 0;
    enum sl_code rc =
        sl_reading_open(&r, apply, parts, part_count, (const char *const *)apply->columns,
                        apply->column_count, error);

    if (!rc) ArrowSchemaMove(&r.schema, &rows->schema);
    while (!rc) {
        rc = sl_reading_next(&r, error);
        if (rc || !r.batch.release) break;
        size_t length = (size_t)r.batch.length;
        rc = keep_batch(rows, &r.batch, error);
        for (size_t i = 0; i < length && !rc && done < count; i++, done++) {
            sorted[done]->batch = rows->count - 1;
            sorted[done]->row = (int64_t)i;
        }
    }
    sl_reading_close(&r);
    if (!rc && done != count) rc = sl_fail(error, SL_BUG, "rows that were there are not there");
    return rc;
}

static enum sl_code read_rows(struct rows *rows, const struct sl_apply *apply,
                              struct source *sources, size_t count, struct sl_error *error)
{
    struct source **sorted = sl_alloc((count + 1) * sizeof *sorted);
    struct sl_delta_part *parts = sl_alloc((count + 1) * sizeof *parts);
    int64_t *numbers = sl_alloc((count + 1) * sizeof *numbers);
    enum sl_code rc = sorted && parts && numbers ? SL_OK : no_memory(error);

    if (!rc) {
        for (size_t i = 0; i < count; i++) sorted[i] = &sources[i];
        qsort(sorted, count, sizeof(struct source *), by_position);
        size_t n = parts_of(apply, sorted, count, parts, numbers);
        rc = read_sorted(rows, apply, sorted, count, parts, n, error);
    }
    sl_free(sorted);
    sl_free(parts);
    sl_free(numbers);
    return rc;
}

/* ---- folding ---- */

/* The sources of one row of the result, the newest first. */
struct fold {
    size_t first, count;
    bool has_old; /* the last of them is the row of the table */
};

struct folding {
    struct sl_apply *apply;
    struct source *sources;
    size_t source_count, source_room;
    struct fold *folds;
    size_t count, room;
};

static bool add_source(struct folding *f, uint64_t at)
{
    if (f->source_count == f->source_room) {
        size_t room = f->source_room ? f->source_room * 2 : 1024;
        void *sources = sl_realloc(f->sources, room * sizeof *f->sources);
        if (!sources) return false;
        f->sources = sources;
        f->source_room = room;
    }
    f->sources[f->source_count++] = (struct source){.at = at};
    return true;
}

static bool add_fold(struct folding *f, struct fold fold)
{
    if (f->count == f->room) {
        size_t room = f->room ? f->room * 2 : 256;
        void *folds = sl_realloc(f->folds, room * sizeof *f->folds);
        if (!folds) return false;
        f->folds = folds;
        f->room = room;
    }
    f->folds[f->count++] = fold;
    return true;
}

static ArrowErrorCode fold_value(const struct folding *f, const struct rows *rows,
                                 const struct fold *fold, int64_t child, struct ArrowArray *out)
{
    const struct sl_schema *schema = f->apply->options.schema;
    const char *name = rows->schema.children[child + 2]->name;
    bool newest_only = strcmp(name, schema->columns[schema->rescued].name) == 0;
    const struct source *s = &f->sources[fold->first];

    for (size_t i = 1; i < fold->count && !newest_only; i++) {
        if (!ArrowArrayViewIsNull(rows->views[s->batch].children[child + 2], s->row)) break;
        s = &f->sources[fold->first + i];
    }
    return append_value(out, rows->views[s->batch].children[child + 2], s->row);
}

static enum sl_code build(const struct folding *f, const struct rows *rows,
                          const struct ArrowSchema *schema, struct ArrowArray *out,
                          struct sl_error *error)
{
    ArrowErrorCode rc;

    if (ArrowArrayInitFromSchema(out, schema, NULL) != NANOARROW_OK) return no_memory(error);
    rc = ArrowArrayStartAppending(out);
    for (size_t i = 0; i < f->count && !rc; i++) {
        for (int64_t c = 0; c < out->n_children && !rc; c++)
            rc = fold_value(f, rows, &f->folds[i], c, out->children[c]);
        if (!rc) rc = ArrowArrayFinishElement(out);
    }
    if (!rc) rc = ArrowArrayFinishBuildingDefault(out, NULL);
    if (!rc) return SL_OK;
    ArrowArrayRelease(out);
    return rc == ENOMEM ? no_memory(error)
                        : sl_fail(error, SL_UNSUPPORTED,
                                  "values of this type cannot be kept where "
                                  "an update has NULL");
}

/* Which results differ from the row that is there? unequal: their numbers; old rows of these die. */
static enum sl_code compare(const struct folding *f, const struct rows *rows,
                            const struct ArrowSchema *schema, const struct ArrowArray *result,
                            bool *differs, struct sl_error *error)
{
    struct sl_apply *apply = f->apply;
    const struct sl_schema *table = apply->options.schema;
    size_t *child_of = sl_alloc((table->count + 1) * sizeof *child_of);
    uint64_t *whole = sl_alloc((f->count + 1) * sizeof *whole);
    enum sl_code rc = child_of && whole ? SL_OK : no_memory(error);

    for (size_t i = 0; i < table->count && !rc; i++)
        for (int64_t c = 0; c < schema->n_children; c++)
            if (strcmp(schema->children[c]->name, table->columns[i].name) == 0)
                child_of[i] = (size_t)c;
    if (!rc) rc = sl_work_room(&apply->work, result->length, error);
    if (!rc) rc = sl_apply_hash_rows(apply, schema, result, child_of, error);
    if (!rc) memcpy(whole, apply->work.whole, f->count * sizeof *whole);
    for (size_t i = 0; i < table->count && !rc; i++) child_of[i] += 2;
    for (size_t i = 0; i < f->count && !rc; i++) differs[i] = true;
    for (size_t b = 0; b < rows->count && !rc; b++) {
        rc = sl_work_room(&apply->work, rows->batches[b].length, error);
        if (!rc) rc = sl_apply_hash_rows(apply, &rows->schema, &rows->batches[b], child_of, error);
        for (size_t i = 0; i < f->count && !rc; i++) {
            const struct source *old = &f->sources[f->folds[i].first + f->folds[i].count - 1];
            if (f->folds[i].has_old && old->batch == b)
                differs[i] = apply->work.whole[old->row] != whole[i];
        }
    }
    sl_free(child_of);
    sl_free(whole);
    return rc;
}

/* Leaves the folds that are to be written. */
static enum sl_code settle(struct folding *f, const bool *differs, struct sl_error *error)
{
    struct sl_applied *out = &f->apply->out;
    size_t kept = 0;
    enum sl_code rc = SL_OK;

    for (size_t i = 0; i < f->count && !rc; i++) {
        const struct fold fold = f->folds[i];
        uint64_t old = f->sources[fold.first + fold.count - 1].at;
        if (!differs[i]) {
            out->unchanged++;
            continue;
        }
        if (fold.has_old && !sl_bits_set(&f->apply->dead[position_file(old)], position_row(old)))
            rc = no_memory(error);
        out->updated += fold.has_old;
        out->inserted += !fold.has_old;
        f->folds[kept++] = fold;
    }
    f->count = kept;
    return rc;
}

static enum sl_code fold_all(struct folding *f, struct sl_error *error)
{
    struct rows rows = {0};
    struct ArrowArray result = {0};
    bool *differs = sl_alloc(f->count + 1);
    enum sl_code rc = differs ? SL_OK : no_memory(error);

    if (!rc && f->count > 0) rc = read_rows(&rows, f->apply, f->sources, f->source_count, error);
    if (!rc && f->count > 0) {
        struct ArrowSchema schema = rows.schema; /* borrowed: never released */
        schema.children += 2;
        schema.n_children -= 2;
        rc = build(f, &rows, &schema, &result, error);
        if (!rc) rc = compare(f, &rows, &schema, &result, differs, error);
        if (result.release) result.release(&result);
        if (!rc) rc = settle(f, differs, error);
        if (!rc && f->count > 0) rc = build(f, &rows, &schema, &result, error);
        if (!rc && f->count > 0) rc = sl_output_put(&f->apply->folded, &schema, &result, error);
    }
    rows_release(&rows);
    sl_free(differs);
    f->count = f->source_count = 0;
    return rc;
}

static enum sl_code strike_changes(struct sl_apply *apply, const struct slot *slot, bool but_newest,
                                   struct sl_error *error)
{
    for (const struct entry *e = slot->changes; e; e = e->next) {
        apply->out.duplicates += e != slot->changes;
        if (!(but_newest && e == slot->changes) &&
            !sl_bits_set(&apply->voids[position_file(e->at)], position_row(e->at)))
            return no_memory(error);
    }
    return SL_OK;
}

static enum sl_code fold_slot(struct folding *f, struct slot *slot, bool *plain,
                              struct sl_error *error)
{
    struct fold fold = {.first = f->source_count};
    const struct entry *e = slot->changes, *old = NULL;

    for (; e && !(e->flags & ENTRY_DELETE); e = e->next, fold.count++)
        if (!add_source(f, e->at)) return no_memory(error);
    for (const struct entry *s = slot->seen; s && !e; s = s->next) {
        if (old && !sl_bits_set(&f->apply->dead[position_file(old->at)], position_row(old->at)))
            return no_memory(error); /* others wrote several: one stays */
        old = s;
    }
    if (old) {
        if (!add_source(f, old->at)) return no_memory(error);
        fold.count++;
        fold.has_old = true;
    }
    *plain = fold.count < 2;
    if (*plain) {
        f->source_count = fold.first;
        return strike_changes(f->apply, slot, true, error);
    }
    if (!add_fold(f, fold)) return no_memory(error);
    return strike_changes(f->apply, slot, false, error);
}

enum sl_code sl_apply_fold(struct sl_apply *apply, decide_fn *decide, struct sl_error *error)
{
    struct folding f = {.apply = apply};
    enum sl_code rc = SL_OK;

    for (size_t i = 0; apply->keys.slots && i <= apply->keys.mask && !rc; i++) {
        struct slot *slot = &apply->keys.slots[i];
        bool plain = false;
        if (!slot->changes) continue;
        rc = fold_slot(&f, slot, &plain, error);
        if (!rc && plain) rc = decide(apply, slot, error);
        if (!rc && f.source_count >= SOURCES_AT_ONCE) rc = fold_all(&f, error);
    }
    if (!rc) rc = fold_all(&f, error);
    sl_free(f.sources);
    sl_free(f.folds);
    return rc;
}
