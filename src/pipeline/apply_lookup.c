/*
 * apply_lookup.c: rows of the table find their keys.
 *
 * One pass: the key columns (with sequence and bounds) of all files that statistics cannot exclude;
 * all compared columns, too, in a complete read, or when so much changed that whole rows would be
 * read anyway. Else whole rows are read in a second pass, of those that were hit alone.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "nanoarrow/nanoarrow.h"
#include "pipeline/apply_parts.h"

#define WHOLE_SHARE 5 /* so many rows of the table for each change, or fewer: all are read whole */
#define COMPARED_AT_ONCE ((size_t)1 << 18)

static enum sl_code no_memory(struct sl_error *error)
{
    return sl_fail(error, SL_NO_MEMORY, "no memory for the changes of a table");
}

/* ---- reading parts ---- */

enum sl_code sl_reading_open(struct reading *r, const struct sl_apply *apply,
                             const struct sl_delta_part *parts, size_t part_count,
                             const char *const *names, size_t name_count, struct sl_error *error)
{
    enum sl_code rc;

    *r = (struct reading){0};
    rc = sl_delta_read(apply->in->table, parts, part_count, names, name_count,
                       apply->in->add_columns_json, &r->stream, error);
    if (!rc && r->stream.get_schema(&r->stream, &r->schema))
        rc = sl_fail(error, SL_DESTINATION, "a file of the table cannot be read: %s",
                     r->stream.get_last_error(&r->stream));
    return rc;
}

enum sl_code sl_reading_next(struct reading *r, struct sl_error *error)
{
    if (r->batch.release) r->batch.release(&r->batch);
    if (r->stream.get_next(&r->stream, &r->batch))
        return sl_fail(error, SL_DESTINATION, "a file of the table cannot be read: %s",
                       r->stream.get_last_error(&r->stream));
    return SL_OK;
}

void sl_reading_close(struct reading *r)
{
    if (r->batch.release) r->batch.release(&r->batch);
    if (r->schema.release) r->schema.release(&r->schema);
    if (r->stream.release) r->stream.release(&r->stream);
    *r = (struct reading){0};
}

/* "part" and "row" of a batch. */
static const int64_t *numbers(const struct ArrowArray *batch, int child)
{
    const struct ArrowArray *array = batch->children[child];

    return (const int64_t *)array->buffers[1] + array->offset + batch->offset;
}

/* ---- the columns of a pass ---- */

struct pass {
    struct sl_apply *apply;
    const char **names;
    size_t *child_of; /* of each column of the schema; SL_NO_COLUMN: not read */
    size_t *keys;     /* children */
    size_t sequence[SL_SEQUENCE_COLUMNS_MAX];
    size_t count;
    bool whole;
};

static void want(struct pass *pass, size_t column)
{
    if (column == SL_NO_COLUMN || pass->child_of[column] != SL_NO_COLUMN) return;
    pass->child_of[column] = 2 + pass->count; /* after "part" and "row" */
    pass->names[pass->count++] = pass->apply->options.schema->columns[column].name;
}

static void pass_release(struct pass *pass)
{
    sl_free(pass->names);
    sl_free(pass->child_of);
    sl_free(pass->keys);
    *pass = (struct pass){0};
}

static enum sl_code pass_new(struct pass *pass, struct sl_apply *apply, bool whole,
                             struct sl_error *error)
{
    const struct sl_schema *schema = apply->options.schema;

    *pass = (struct pass){.apply = apply, .whole = whole};
    pass->names = sl_alloc((schema->count + 1) * sizeof *pass->names);
    pass->child_of = sl_alloc((schema->count + 1) * sizeof *pass->child_of);
    pass->keys = sl_alloc((schema->key_count + 1) * sizeof *pass->keys);
    if (!pass->names || !pass->child_of || !pass->keys) {
        pass_release(pass);
        return no_memory(error);
    }
    for (size_t i = 0; i < schema->count; i++) pass->child_of[i] = SL_NO_COLUMN;
    for (size_t i = 0; i < schema->key_count; i++) {
        want(pass, schema->keys[i]);
        pass->keys[i] = pass->child_of[schema->keys[i]];
    }
    for (size_t i = 0; apply->options.sequenced && i < schema->sequence_count; i++) {
        want(pass, schema->sequence[i]);
        pass->sequence[i] = pass->child_of[schema->sequence[i]];
    }
    if (apply->options.history) {
        want(pass, schema->start);
        want(pass, schema->end);
    }
    for (size_t i = 0; i < sl_scope_count(apply->scope); i++)
        want(pass, sl_scope_column(apply->scope, i));
    for (size_t i = 0; whole && i < apply->compared_count; i++) want(pass, apply->compared[i]);
    return SL_OK;
}

/* ---- rows ---- */

static enum sl_code measure(struct pass *pass, const struct ArrowSchema *schema,
                            const struct ArrowArray *batch, struct sl_error *error)
{
    struct sl_apply *apply = pass->apply;
    const struct sl_schema *table = apply->options.schema;
    struct workspace *work = &apply->work;
    enum sl_code rc = sl_work_room(work, batch->length, error);

    for (int i = 0; i < 3; i++) sl_buf_reset(&work->bytes[i]);
    if (!rc && table->key_count > 0)
        rc = sl_hash_keys(&apply->options.secret, schema, batch, pass->keys, table->key_count,
                          work->keys, error);
    if (!rc && apply->options.sequenced)
        rc = sl_sequences(schema, batch, pass->sequence, table->sequence_count, &work->bytes[0],
                          work->ends[0], error);
    if (!rc && apply->options.history)
        rc = sl_sequence_bounds(schema, batch, pass->child_of[table->start], &work->bytes[1],
                                work->ends[1], error);
    if (!rc && apply->options.history)
        rc = sl_sequence_bounds(schema, batch, pass->child_of[table->end], &work->bytes[2],
                                work->ends[2], error);
    if (!rc && pass->whole) rc = sl_apply_hash_rows(apply, schema, batch, pass->child_of, error);
    if (!rc && apply->scope)
        rc = sl_scope_inside(apply->scope, schema, batch, pass->child_of, work->inside, error);
    return rc;
}

/* Row i of the batch that was measured. */
static struct entry *make_entry(struct pass *pass, int64_t i, uint64_t at)
{
    struct sl_apply *apply = pass->apply;
    struct workspace *work = &apply->work;
    struct entry *e = work_entry(work);
    struct sl_seq rec = {0}, start = {0}, end = {0};

    *e = (struct entry){.key = work->keys[i], .at = at};
    if (pass->whole) {
        e->whole = work->whole[i];
        e->tracked = work->tracked[i];
        e->flags |= ENTRY_HASHED;
    }
    if (apply->scope && !work->inside[i]) e->flags |= ENTRY_OUTSIDE;
    if (apply->options.sequenced) rec = work_sequence(work, 0, i);
    if (apply->options.history) {
        start = work_sequence(work, 1, i);
        end = work_sequence(work, 2, i);
        if (!apply->options.sequenced) rec = start;
        if (position_kind(at) == IN_ASIDE && !sl_seq_none(end)) { /* a tombstone */
            rec = start;
            e->flags |= ENTRY_DELETE;
        }
    }
    sl_entry_sequences(e, rec, start, end);
    return e;
}

/* Is a version old enough to be out of reach of the changes of its key? */
static bool is_past(const struct slot *slot, const struct entry *row)
{
    struct sl_seq end = entry_end(row);

    if (position_kind(row->at) != IN_LIVE || sl_seq_none(end)) return false;
    for (const struct entry *e = slot->changes; e; e = e->next)
        if (sl_seq_compare(end, entry_rec(e)) >= 0) return false;
    return true;
}

enum sl_code sl_apply_meet(struct sl_apply *apply, const struct entry *row, struct sl_error *error)
{
    struct slot *slot = sl_keys_find(&apply->keys, row->key);
    struct entry *copy;

    if (!slot) {
        bool absent = apply->in->complete && position_kind(row->at) == IN_LIVE &&
                      !(row->flags & ENTRY_OUTSIDE);
        return absent ? sl_apply_gone(apply, row, error) : SL_OK;
    }
    if (apply->options.history && (!apply->options.sequenced ? row->end != 0 : is_past(slot, row)))
        return SL_OK;
    copy = sl_pool_add(&apply->keys.pool, row);
    if (!copy) return no_memory(error);
    copy->next = slot->seen;
    slot->seen = copy;
    return SL_OK;
}

static enum sl_code take_batch(struct pass *pass, struct reading *r, enum sl_place_kind kind,
                               const size_t *files, struct spill *rows, struct sl_error *error)
{
    struct sl_apply *apply = pass->apply;
    const struct workspace *work = &apply->work;
    const int64_t *part = numbers(&r->batch, 0), *row = numbers(&r->batch, 1);
    bool all = apply->in->complete && kind == IN_LIVE;
    enum sl_code rc = measure(pass, &r->schema, &r->batch, error);

    for (int64_t i = 0; i < r->batch.length && !rc; i++) {
        bool inside = !apply->scope || work->inside[i];
        if (kind == IN_LIVE && inside)
            apply->seen_rows += !apply->options.history || sl_seq_none(work_sequence(work, 2, i));
        if (!(all && inside) && !(rows ? filter_may_have(&apply->filter, work->keys[i])
                                       : sl_keys_find(&apply->keys, work->keys[i]) != NULL))
            continue;
        struct entry *e = make_entry(pass, i, position(kind, files[part[i]], row[i]));
        rc = rows ? sl_spill_add(rows, e, error) : sl_apply_meet(apply, e, error);
    }
    return rc;
}

static enum sl_code take_parts(struct pass *pass, const struct sl_delta_part *parts, size_t count,
                               enum sl_place_kind kind, const size_t *files, struct spill *rows,
                               struct sl_error *error)
{
    struct reading r;
    enum sl_code rc;

    if (count == 0) return SL_OK;
    rc = sl_reading_open(&r, pass->apply, parts, count, pass->names, pass->count, error);
    while (!rc) {
        rc = sl_reading_next(&r, error);
        if (rc || !r.batch.release) break;
        rc = take_batch(pass, &r, kind, files, rows, error);
    }
    sl_reading_close(&r);
    return rc;
}

/* ---- the table ---- */

/* Is it as well to read all rows whole? */
static bool reads_whole(const struct sl_apply *apply, const size_t *files, size_t count,
                        bool spills)
{
    int64_t rows = 0;

    if ((apply->in->complete && !apply->scope) || spills) return true;
    if (apply->options.sequenced && !apply->options.history) return false;
    for (size_t i = 0; i < count; i++) {
        if (apply->live[files[i]].rows < 0) return false;
        rows += apply->live[files[i]].rows;
    }
    return rows < apply->noted_count * WHOLE_SHARE;
}

static enum sl_code look_in_table(struct sl_apply *apply, struct spill *rows,
                                  struct sl_error *error)
{
    size_t *files = sl_alloc((apply->live_count + 1) * sizeof *files), count = 0;
    struct sl_delta_part *parts = sl_calloc(apply->live_count + 1, sizeof *parts);
    struct pass pass = {0};
    enum sl_code rc = SL_OK;

    if (!files || !parts) rc = no_memory(error);
    if (!rc) rc = sl_apply_files(apply, files, &count, error);
    if (!rc) {
        apply->all_seen = count == apply->live_count;
        for (size_t i = 0; i < count; i++) parts[i].live = files[i];
        rc = pass_new(&pass, apply, reads_whole(apply, files, count, rows != NULL), error);
    }
    if (!rc) rc = take_parts(&pass, parts, count, IN_LIVE, files, rows, error);
    pass_release(&pass);
    sl_free(files);
    sl_free(parts);
    return rc;
}

static enum sl_code look_beside(struct sl_apply *apply, struct spill *rows, struct sl_error *error)
{
    size_t *files = sl_alloc((apply->aside_count + 1) * sizeof *files);
    struct sl_delta_part *parts = sl_calloc(apply->aside_count + 1, sizeof *parts);
    struct pass pass = {0};
    enum sl_code rc = files && parts ? SL_OK : no_memory(error);

    for (size_t i = 0; i < apply->aside_count && !rc; i++) {
        files[i] = i;
        parts[i].aside = apply->asides[i].path;
    }
    if (!rc) rc = pass_new(&pass, apply, rows != NULL, error);
    if (!rc) rc = take_parts(&pass, parts, apply->aside_count, IN_ASIDE, files, rows, error);
    pass_release(&pass);
    sl_free(files);
    sl_free(parts);
    return rc;
}

enum sl_code sl_apply_look_up(struct sl_apply *apply, struct spill *rows, struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    if (apply->replaces) return SL_OK;
    if (apply->live_count > 0 && (apply->noted_count > 0 || apply->in->complete))
        rc = look_in_table(apply, rows, error);
    if (!rc && apply->aside_count > 0) rc = look_beside(apply, rows, error);
    if (!rc && rows) rc = sl_spill_flush(rows, error);
    return rc;
}

enum sl_code sl_apply_content(struct sl_apply *apply, struct content *out, struct sl_error *error)
{
    struct sl_delta_part *parts = sl_calloc(apply->live_count + 1, sizeof *parts);
    struct pass pass = {0};
    struct reading r = {0};
    enum sl_code rc = parts ? pass_new(&pass, apply, true, error) : no_memory(error);

    for (size_t i = 0; i < apply->live_count && parts; i++) parts[i].live = i;
    if (!rc)
        rc = sl_reading_open(&r, apply, parts, apply->live_count, pass.names, pass.count, error);
    while (!rc) {
        rc = sl_reading_next(&r, error);
        if (rc || !r.batch.release) break;
        rc = measure(&pass, &r.schema, &r.batch, error);
        for (int64_t i = 0; i < r.batch.length && !rc; i++) content_add(out, apply->work.whole[i]);
    }
    sl_reading_close(&r);
    pass_release(&pass);
    sl_free(parts);
    apply->seen_rows = out->rows;
    apply->all_seen = true;
    return rc;
}

/* ---- rows that must be compared ---- */

static bool must_compare(const struct sl_apply *apply, const struct slot *slot,
                         const struct entry *row)
{
    const struct entry *change = slot->changes;

    if (row->flags & (ENTRY_HASHED | ENTRY_DELETE)) return false;
    if (apply->options.history) return true;
    if (position_kind(row->at) != IN_LIVE || change->flags & ENTRY_DELETE) return false;
    return !apply->options.sequenced || sl_seq_compare(entry_rec(row), entry_rec(change)) == 0;
}

static int by_position(const void *a, const void *b)
{
    const struct entry *x = *(struct entry *const *)a, *y = *(struct entry *const *)b;

    return (x->at > y->at) - (x->at < y->at);
}

/* Rows of one file each; *used: how many of the rows they are of. */
static size_t parts_of(const struct sl_apply *apply, struct entry **rows, size_t count,
                       int64_t *numbers_out, struct sl_delta_part *parts)
{
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        uint64_t at = rows[i]->at;
        numbers_out[i] = position_row(at);
        if (i == 0 || at >> ROW_BITS != rows[i - 1]->at >> ROW_BITS) {
            parts[n] = (struct sl_delta_part){.rows = &numbers_out[i]};
            if (position_kind(at) == IN_LIVE)
                parts[n].live = position_file(at);
            else
                parts[n].aside = apply->asides[position_file(at)].path;
            n++;
        }
        parts[n - 1].count++;
    }
    return n;
}

static enum sl_code hash_some(struct pass *pass, struct entry **rows, size_t count,
                              struct sl_error *error)
{
    struct sl_apply *apply = pass->apply;
    int64_t *row_numbers = sl_alloc(count * sizeof *row_numbers);
    struct sl_delta_part *parts = sl_calloc(count, sizeof *parts);
    struct reading r = {0};
    size_t done = 0;
    enum sl_code rc = row_numbers && parts ? SL_OK : no_memory(error);

    if (!rc) {
        size_t n = parts_of(apply, rows, count, row_numbers, parts);
        rc = sl_reading_open(&r, apply, parts, n, pass->names, pass->count, error);
    }
    while (!rc) {
        rc = sl_reading_next(&r, error);
        if (rc || !r.batch.release) break;
        rc = sl_work_room(&apply->work, r.batch.length, error);
        if (!rc) rc = sl_apply_hash_rows(apply, &r.schema, &r.batch, pass->child_of, error);
        if (!rc && done + (size_t)r.batch.length > count)
            rc = sl_fail(error, SL_BUG, "a file of the table gives more rows than were asked for");
        for (int64_t i = 0; i < r.batch.length && !rc; i++) {
            struct entry *e = rows[done++];
            e->whole = apply->work.whole[i];
            e->tracked = apply->work.tracked[i];
            e->flags |= ENTRY_HASHED;
        }
    }
    if (!rc && done < count)
        rc = sl_fail(error, SL_BUG, "a file of the table gives fewer rows than were asked for");
    sl_reading_close(&r);
    sl_free(row_numbers);
    sl_free(parts);
    return rc;
}

/* Calls for each row that must be compared; returns how many they are. rows: NULL to count. */
static size_t gather(const struct sl_apply *apply, struct entry **rows)
{
    size_t count = 0;

    for (size_t i = 0; apply->keys.slots && i <= apply->keys.mask; i++) {
        const struct slot *slot = &apply->keys.slots[i];
        if (!slot->changes) continue;
        for (struct entry *e = slot->seen; e; e = e->next) {
            if (!must_compare(apply, slot, e)) continue;
            if (rows) rows[count] = e;
            count++;
        }
    }
    return count;
}

enum sl_code sl_apply_compare(struct sl_apply *apply, struct sl_error *error)
{
    size_t count = gather(apply, NULL);
    struct entry **rows;
    struct pass pass = {0};
    enum sl_code rc;

    if (count == 0) return SL_OK;
    rows = sl_alloc(count * sizeof(struct entry *));
    if (!rows) return no_memory(error);
    gather(apply, rows);
    qsort(rows, count, sizeof(struct entry *), by_position);
    rc = pass_new(&pass, apply, true, error);
    for (size_t at = 0; at < count && !rc; at += COMPARED_AT_ONCE) {
        size_t n = count - at < COMPARED_AT_ONCE ? count - at : COMPARED_AT_ONCE;
        rc = hash_some(&pass, rows + at, n, error);
    }
    pass_release(&pass);
    sl_free(rows);
    return rc;
}
