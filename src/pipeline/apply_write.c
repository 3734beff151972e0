/*
 * apply_write.c: what the next version adds and takes away.
 *
 * Staged files that can be used as they are go into the table as they are. Everything else (rows
 * among void ones, versions with bounds of their own, rows of files that lose some) is read once
 * more and written.
 */
#include <string.h>

#include "base/alloc.h"
#include "nanoarrow/nanoarrow.h"
#include "pipeline/apply_parts.h"

#define CHUNK_ROWS 32768

static enum sl_code no_memory(struct sl_error *error)
{
    return sl_fail(error, SL_NO_MEMORY, "no memory for the changes of a table");
}

/* ---- files that are made ---- */

static enum sl_code keep_made(struct sl_apply *apply, struct sl_delta_file *file,
                              struct sl_error *error)
{
    if (apply->made_count == apply->made_room) {
        size_t room = apply->made_room ? apply->made_room * 2 : 8;
        void *made = sl_realloc(apply->made, room * sizeof(struct sl_delta_file *));
        if (!made) {
            sl_delta_file_free(file, true);
            return no_memory(error);
        }
        apply->made = made;
        apply->made_room = room;
    }
    apply->made[apply->made_count++] = file;
    return SL_OK;
}

enum sl_code sl_output_end(struct output *output, struct sl_error *error)
{
    struct sl_delta_writer *writer = output->writer;
    struct sl_delta_file *file = NULL;
    enum sl_code rc;

    if (!writer) return SL_OK;
    output->writer = NULL; /* close frees it whatever the result */
    rc = sl_delta_writer_close(writer, &file, error);
    if (rc) return rc;
    if (!output->aside) return keep_made(output->apply, file, error);
    output->aside_file = file;
    return SL_OK;
}

void sl_output_abort(struct output *output)
{
    sl_delta_writer_abort(output->writer);
    sl_delta_file_free(output->aside_file, true);
    output->writer = NULL;
    output->aside_file = NULL;
}

enum sl_code sl_output_put(struct output *output, const struct ArrowSchema *schema,
                           struct ArrowArray *batch, struct sl_error *error)
{
    struct sl_apply *apply = output->apply;
    struct sl_delta_writer_options options = {.aside = output->aside};
    enum sl_code rc = SL_OK;

    if (!output->writer)
        rc = sl_delta_writer_open(apply->in->table, schema, apply->in->add_columns_json, &options,
                                  &output->writer, error);
    if (rc) {
        batch->release(batch);
        return rc;
    }
    output->rows += batch->length;
    rc = sl_delta_write(output->writer, batch, error);
    if (!rc && output->target_bytes > 0 &&
        sl_delta_writer_bytes(output->writer) >= output->target_bytes)
        rc = sl_output_end(output, error);
    return rc;
}

/* ---- batches as they are read, and as they are written ---- */

/* The batch without "part" and "row", moved. */
static enum sl_code strip(struct ArrowArray *batch, struct ArrowArray *out, struct sl_error *error)
{
    int64_t count = batch->n_children - 2;

    if (batch->offset != 0) return sl_fail(error, SL_BUG, "a batch of a file begins in its middle");
    if (ArrowArrayInitFromType(out, NANOARROW_TYPE_STRUCT) != NANOARROW_OK) return no_memory(error);
    if (ArrowArrayAllocateChildren(out, count) != NANOARROW_OK) {
        ArrowArrayRelease(out);
        return no_memory(error);
    }
    for (int64_t i = 0; i < count; i++) ArrowArrayMove(batch->children[i + 2], out->children[i]);
    out->length = batch->length;
    out->null_count = 0;
    batch->release(batch);
    return SL_OK;
}

static struct ArrowSchema stripped_schema(const struct ArrowSchema *schema)
{
    struct ArrowSchema out = *schema; /* borrowed: never released */

    out.children += 2;
    out.n_children -= 2;
    return out;
}

static enum sl_code open_all(struct reading *r, const struct sl_apply *apply,
                             const struct sl_delta_part *parts, size_t count,
                             struct sl_error *error)
{
    return sl_reading_open(r, apply, parts, count, (const char *const *)apply->columns,
                           apply->column_count, error);
}

enum sl_code sl_output_copy(struct output *output, const struct sl_delta_part *parts, size_t count,
                            struct sl_error *error)
{
    struct reading r;
    struct ArrowArray batch = {0};
    enum sl_code rc;

    if (count == 0) return SL_OK;
    rc = open_all(&r, output->apply, parts, count, error);
    while (!rc) {
        rc = sl_reading_next(&r, error);
        if (rc || !r.batch.release) break;
        struct ArrowSchema schema = stripped_schema(&r.schema);
        rc = strip(&r.batch, &batch, error);
        if (!rc) rc = sl_output_put(output, &schema, &batch, error);
    }
    sl_reading_close(&r);
    return rc;
}

/* ---- rows with values of our own ---- */

/* Rows of one file, each once. */
struct chunk {
    struct pool pool;
    struct entry **items;
    int64_t *rows;
    struct sl_seq *values;
    size_t count;
    const struct entry *next; /* of the sorter: the first of the next chunk; NULL: none */
};

static size_t child_named(const struct ArrowSchema *schema, const char *name)
{
    for (int64_t i = 0; i < schema->n_children; i++)
        if (strcmp(schema->children[i]->name, name) == 0) return (size_t)i;
    return SL_NO_COLUMN;
}

static enum sl_code replace_child(struct ArrowArray *batch, size_t child, struct ArrowArray *array)
{
    ArrowArrayRelease(batch->children[child]);
    ArrowArrayMove(array, batch->children[child]);
    return SL_OK;
}

/* The starts (or ends) of the items from `first` on, as the column of that name. */
static enum sl_code put_sequences(struct chunk *chunk, size_t first,
                                  const struct ArrowSchema *schema, struct ArrowArray *batch,
                                  const char *name, bool ends, struct sl_error *error)
{
    size_t child = child_named(schema, name);
    struct ArrowArray column = {0};
    enum sl_code rc;

    if (child == SL_NO_COLUMN) return sl_fail(error, SL_BUG, "column '%s' is not there", name);
    for (int64_t i = 0; i < batch->length; i++) {
        const struct entry *e = chunk->items[first + (size_t)i];
        chunk->values[i] = ends ? entry_end(e) : entry_start(e);
    }
    rc = sl_sequence_column(schema->children[child], chunk->values, batch->length, &column, error);
    return rc ? rc : replace_child(batch, child, &column);
}

/* A column of NULLs, or of the time of this run. */
static enum sl_code put_constant(const struct ArrowSchema *schema, struct ArrowArray *batch,
                                 size_t child, const int64_t *number, struct sl_error *error)
{
    struct ArrowArray column = {0};
    int rc;

    if (ArrowArrayInitFromSchema(&column, schema->children[child], NULL) != NANOARROW_OK)
        return no_memory(error);
    rc = ArrowArrayStartAppending(&column);
    /* One by one: nanoarrow 0.9 makes room for one bit, however many it is asked to append. */
    for (int64_t i = 0; i < batch->length && !rc; i++)
        rc = number ? ArrowArrayAppendInt(&column, *number) : ArrowArrayAppendNull(&column, 1);
    if (!rc) rc = ArrowArrayFinishBuildingDefault(&column, NULL);
    if (rc) {
        ArrowArrayRelease(&column);
        return no_memory(error);
    }
    return replace_child(batch, child, &column);
}

/* Does a tombstone have this column? */
static bool tombstone_has(const struct sl_apply *apply, const char *name)
{
    const struct sl_schema *schema = apply->options.schema;

    for (size_t i = 0; i < schema->key_count; i++)
        if (strcmp(schema->columns[schema->keys[i]].name, name) == 0) return true;
    for (size_t i = 0; !apply->options.history && i < schema->sequence_count; i++)
        if (strcmp(schema->columns[schema->sequence[i]].name, name) == 0) return true;
    return apply->options.history && (strcmp(schema->columns[schema->start].name, name) == 0 ||
                                      strcmp(schema->columns[schema->end].name, name) == 0);
}

static enum sl_code shape(struct sl_apply *apply, struct chunk *chunk, size_t first, enum form form,
                          const struct ArrowSchema *schema, struct ArrowArray *batch,
                          struct sl_error *error)
{
    const struct sl_schema *table = apply->options.schema;
    const struct sl_schema_column *columns = table->columns;
    enum sl_code rc = SL_OK;

    for (int64_t i = 0; form == FORM_TOMBSTONE && i < batch->n_children && !rc; i++)
        if (!tombstone_has(apply, schema->children[i]->name))
            rc = put_constant(schema, batch, (size_t)i, NULL, error);
    if (!rc && apply->options.history) {
        rc = put_sequences(chunk, first, schema, batch, columns[table->start].name, false, error);
        if (!rc)
            rc = put_sequences(chunk, first, schema, batch, columns[table->end].name, true, error);
    } else if (!rc && chunk->items[first]->start != 0) { /* gone by absence: from a live file */
        rc = put_sequences(chunk, first, schema, batch, columns[table->sequence[0]].name, false,
                           error);
    }
    size_t ingested = child_named(schema, columns[table->ingested].name);
    if (!rc && form != FORM_VERSION && ingested != SL_NO_COLUMN)
        rc = put_constant(schema, batch, ingested, &apply->in->now_us, error);
    return rc;
}

static enum sl_code write_chunk(struct output *output, struct chunk *chunk, enum form form,
                                struct sl_error *error)
{
    struct sl_apply *apply = output->apply;
    uint64_t at = chunk->items[0]->at;
    struct sl_delta_part part = {.rows = chunk->rows, .count = chunk->count};
    struct reading r;
    struct ArrowArray batch = {0};
    size_t done = 0;
    enum sl_code rc;

    switch (position_kind(at)) {
    case IN_STAGED: part.staged = apply->raw.files[position_file(at)]; break;
    case IN_LIVE: part.live = position_file(at); break;
    default: part.aside = apply->asides[position_file(at)].path; break;
    }
    rc = open_all(&r, apply, &part, 1, error);
    while (!rc) {
        rc = sl_reading_next(&r, error);
        if (rc || !r.batch.release) break;
        struct ArrowSchema schema = stripped_schema(&r.schema);
        rc = strip(&r.batch, &batch, error);
        if (rc) break;
        size_t length = (size_t)batch.length;
        if (done + length > chunk->count) {
            rc = sl_fail(error, SL_BUG, "a file of the table gives more rows than were asked for");
        } else {
            rc = shape(apply, chunk, done, form, &schema, &batch, error);
        }
        if (!rc) rc = sl_output_put(output, &schema, &batch, error);
        if (batch.release) batch.release(&batch);
        done += length;
    }
    sl_reading_close(&r);
    if (!rc && done < chunk->count)
        rc = sl_fail(error, SL_BUG, "a file of the table gives fewer rows than were asked for");
    return rc;
}

static enum sl_code fill_chunk(struct chunk *chunk, struct sorter *sorter, struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    sl_pool_release(&chunk->pool);
    chunk->count = 0;
    while (!rc && chunk->next && chunk->count < CHUNK_ROWS) {
        const struct entry *before = chunk->count ? chunk->items[chunk->count - 1] : NULL;
        uint64_t at = chunk->next->at;
        if (before && (before->at >> ROW_BITS != at >> ROW_BITS || before->at == at)) break;
        struct entry *copy = sl_pool_add(&chunk->pool, chunk->next);
        if (!copy) return no_memory(error);
        chunk->rows[chunk->count] = position_row(at);
        chunk->items[chunk->count++] = copy;
        rc = sl_sorter_next(sorter, &chunk->next, error);
    }
    return rc;
}

enum sl_code sl_output_sorted(struct output *output, struct sorter *sorter, enum form form,
                              struct sl_error *error)
{
    struct chunk chunk = {0};
    enum sl_code rc;

    if (sorter->count == 0) return SL_OK;
    chunk.items = sl_alloc(CHUNK_ROWS * sizeof *chunk.items);
    chunk.rows = sl_alloc(CHUNK_ROWS * sizeof *chunk.rows);
    chunk.values = sl_alloc(CHUNK_ROWS * sizeof *chunk.values);
    rc = chunk.items && chunk.rows && chunk.values ? SL_OK : no_memory(error);
    if (!rc) rc = sl_sorter_sort(sorter, error);
    if (!rc) rc = sl_sorter_next(sorter, &chunk.next, error);
    while (!rc && chunk.next) {
        rc = fill_chunk(&chunk, sorter, error);
        if (!rc) rc = write_chunk(output, &chunk, form, error);
    }
    sl_pool_release(&chunk.pool);
    sl_free(chunk.items);
    sl_free(chunk.rows);
    sl_free(chunk.values);
    return rc;
}

/* ---- the table ---- */

enum fate { FATE_STAYS, FATE_GOES, FATE_VECTOR, FATE_REWRITTEN };

static enum fate fate_of(const struct sl_apply *apply, size_t file)
{
    const struct sl_delta_live *live = &apply->live[file];
    int64_t dead = apply->dead[file].count;

    if (apply->replaces || (live->rows >= 0 && dead > 0 && dead >= live->rows - live->dead))
        return FATE_GOES;
    if (dead == 0) return FATE_STAYS;
    /* A file of which most is dead is not worth a vector; one without statistics takes none. */
    return apply->in->vectors && live->rows >= 0 && (dead + live->dead) * 2 <= live->rows
               ? FATE_VECTOR
               : FATE_REWRITTEN;
}

static enum sl_code rows_of(const struct bits *bits, int64_t **rows, struct sl_error *error)
{
    *rows = sl_alloc(((size_t)bits->count + 1) * sizeof **rows);
    if (!*rows) return no_memory(error);
    sl_bits_rows(bits, *rows);
    return SL_OK;
}

/* The other rows of a file. */
static enum sl_code rows_not_of(const struct bits *bits, int64_t total, int64_t **rows,
                                struct sl_error *error)
{
    size_t n = 0;

    *rows = sl_alloc(((size_t)(total - bits->count) + 1) * sizeof **rows);
    if (!*rows) return no_memory(error);
    for (int64_t row = 0; row < total; row++)
        if (!sl_bits_get(bits, row)) (*rows)[n++] = row;
    return SL_OK;
}

/* The file's rows but those of the bits. total: how many it has; -1: not known. */
static enum sl_code copy_except(struct output *output, struct sl_delta_part part,
                                const struct bits *bits, int64_t total, struct sl_error *error)
{
    bool few = total >= 0 && bits->count * 2 > total;
    int64_t *rows = NULL;
    enum sl_code rc = few ? rows_not_of(bits, total, &rows, error) : rows_of(bits, &rows, error);

    part.rows = few || bits->count > 0 ? rows : NULL;
    part.count = (size_t)(few ? total - bits->count : bits->count);
    part.except = !few && bits->count > 0;
    if (!rc) rc = sl_output_copy(output, &part, 1, error);
    sl_free(rows);
    return rc;
}

static enum sl_code leave_out(struct output *output, size_t file, bool *copied,
                              struct sl_error *error)
{
    struct sl_apply *apply = output->apply;
    struct sl_delta_gone *gone = &apply->gone[apply->out.gone_count];
    enum fate fate = fate_of(apply, file);
    int64_t *rows = NULL, before = output->rows;
    enum sl_code rc = SL_OK;

    if (fate == FATE_STAYS) return SL_OK;
    *gone = (struct sl_delta_gone){.file = file};
    if (fate == FATE_VECTOR) {
        rc = rows_of(&apply->dead[file], &rows, error);
        gone->rows = rows;
        gone->count = (size_t)apply->dead[file].count;
    }
    if (!rc) apply->out.gone_count++;
    if (fate == FATE_REWRITTEN) {
        struct sl_delta_part part = {.live = file};
        rc = copy_except(output, part, &apply->dead[file], apply->live[file].rows, error);
        apply->out.rows_rewritten += output->rows - before;
        *copied = true;
    }
    return rc;
}

/* Staged rows that are not void. As the files are, where that can be. */
static enum sl_code take_staged(struct output *output, bool joins, size_t *as_is,
                                struct sl_error *error)
{
    struct sl_apply *apply = output->apply;
    enum sl_code rc = SL_OK;

    *as_is = 0;
    for (size_t i = 0; i < apply->raw.count && !rc && !apply->same; i++) {
        struct sl_delta_file *file = apply->raw.files[i];
        const struct bits *voids = &apply->voids[i];
        bool large = sl_delta_file_bytes(file) * 2 >= output->target_bytes;
        if (voids->count >= sl_delta_file_rows(file)) continue;
        if (voids->count == 0 && (large || !joins)) {
            apply->add[(*as_is)++] = file;
            continue;
        }
        rc = copy_except(output, (struct sl_delta_part){.staged = file}, voids,
                         sl_delta_file_rows(file), error);
    }
    return rc;
}

static enum sl_code list_added(struct sl_apply *apply, size_t as_is, struct sl_error *error)
{
    size_t count = as_is + apply->made_count;
    void *add = sl_realloc(apply->add, (count + 1) * sizeof(struct sl_delta_file *));

    if (!add) return no_memory(error);
    apply->add = add;
    for (size_t i = 0; i < apply->made_count; i++) apply->add[as_is + i] = apply->made[i];
    apply->out.add = apply->add;
    apply->out.add_count = count;
    apply->out.gone = apply->gone;
    for (size_t i = 0; i < count; i++) {
        apply->out.rows_written += sl_delta_file_rows(apply->add[i]);
        apply->out.bytes_written += sl_delta_file_bytes(apply->add[i]);
    }
    return SL_OK;
}

enum sl_code sl_apply_write(struct sl_apply *apply, struct sl_error *error)
{
    struct output output = apply->folded;
    bool joins = output.rows > 0;
    size_t as_is = 0;
    enum sl_code rc = SL_OK;

    apply->folded = (struct output){0};
    apply->gone = sl_calloc(apply->live_count + 1, sizeof *apply->gone);
    apply->add = sl_calloc(apply->raw.count + 1, sizeof *apply->add);
    if (!apply->gone || !apply->add) rc = no_memory(error);
    for (size_t i = 0; i < apply->live_count && !rc; i++) rc = leave_out(&output, i, &joins, error);
    if (!rc)
        rc = apply->options.history
                 ? sl_output_sorted(&output, &apply->visible, FORM_VERSION, error)
                 : take_staged(&output, joins, &as_is, error);
    if (!rc) rc = sl_output_end(&output, error);
    sl_output_abort(&output);
    if (!rc) rc = sl_aside_write(apply, error);
    return rc ? rc : list_added(apply, as_is, error);
}
