/*
 * batch.c: rows of JSON become Arrow columns.
 *
 * Each row: walk its objects once and decode every member that a column wants; then constants; then
 * NULL for the columns nobody filled, which are those that are one slot short; then the key check,
 * which may take the whole row back; then the rescued values.
 *
 *  (1) Between two rows every column has exactly `rows` slots.
 *  (2) Counts are those of rows that were appended: what one row rescued is noted aside until the
 *      row is certain.
 */
#include "table/batch.h"

#include <assert.h>
#include <string.h>

#include <nanoarrow/nanoarrow.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "json/doc.h"
#include "json/node.h"
#include "json/write.h"
#include "table/cells.h"
#include "table/decode.h"
#include "table/row.h"

#define UNKNOWN_NAMES_MAX 100 /* unknown members counted by name; others together */

struct column {
    struct sl_cells cells;
    const struct sl_column *source; /* NULL: one of our own */
    int64_t rescued_row;            /* the newest row that rescued a value here, plus 1 */
    int64_t rescues[SL_RESCUE_COUNT];
    struct sl_buf *rest; /* SL_DECODE_REST: the members so far */
};

/* One value that the row at hand rescued. */
struct note {
    size_t column; /* SL_NO_COLUMN: a member that no column names; name says which */
    enum sl_rescue reason;
    const char *name;
    size_t name_len;
};

struct unknown {
    char *name;
    int64_t rescues[SL_RESCUE_COUNT];
};

struct sl_batch {
    const struct sl_schema *schema;
    struct column *columns;
    struct sl_row_plan plan;
    struct sl_decoder decoder;
    struct sl_batch_counts counts;
    int64_t rows;     /* waiting */
    size_t row_width; /* bytes of a row without its text */

    size_t *constants; /* column of each constant of the row before: a guess */
    size_t constants_room;

    struct sl_buf rescued; /* the _rescued_data of the row at hand */
    struct note *notes;
    size_t note_count, note_room;
    struct unknown *unknowns; /* UNKNOWN_NAMES_MAX + 1: the last for all others */
    size_t unknown_count;
};

const char *sl_rescue_text(enum sl_rescue reason)
{
    static const char *const texts[] = {
#define X(name, text) text,
        SL_RESCUES(X)
#undef X
    };

    return reason < SL_RESCUE_COUNT ? texts[reason] : "unknown";
}

/* ------------------------------------------------------------------ life */

static bool column_init(struct sl_batch *batch, size_t i)
{
    struct column *column = &batch->columns[i];
    const struct sl_column *source = batch->schema->columns[i].source;

    column->source = source;
    if (source && source->decode == SL_DECODE_REST) {
        column->rest = sl_calloc(1, sizeof *column->rest);
        if (!column->rest) return false;
        sl_buf_init(column->rest, 0);
    }
    batch->row_width += 17;
    return sl_cells_init(&column->cells, batch->schema->columns[i].type,
                         source ? source->decode : SL_DECODE_AUTO);
}

enum sl_code sl_batch_new(const struct sl_schema *schema,
                          enum sl_special (*special)(const struct sl_json *, double *),
                          struct sl_batch **out, struct sl_error *error)
{
    struct sl_batch *batch = sl_calloc(1, sizeof *batch);
    bool good = batch != NULL;

    *out = NULL;
    if (good) {
        batch->schema = schema;
        batch->decoder.special = special;
        sl_buf_init(&batch->decoder.scratch, 0);
        sl_buf_init(&batch->rescued, 0);
        batch->columns = sl_calloc(schema->count, sizeof *batch->columns);
        batch->unknowns = sl_calloc(UNKNOWN_NAMES_MAX + 1, sizeof *batch->unknowns);
        good = batch->columns && batch->unknowns;
    }
    for (size_t i = 0; good && i < schema->count; i++) good = column_init(batch, i);
    if (good) good = sl_row_plan_init(&batch->plan, schema, error) == SL_OK;
    if (!good) {
        sl_batch_free(batch);
        return sl_fail(error, SL_NO_MEMORY, "could not make room for rows of table '%s'",
                       schema->def->name);
    }
    *out = batch;
    return SL_OK;
}

void sl_batch_free(struct sl_batch *batch)
{
    if (!batch) return;
    for (size_t i = 0; batch->columns && i < batch->schema->count; i++) {
        sl_cells_release(&batch->columns[i].cells);
        if (batch->columns[i].rest) sl_buf_release(batch->columns[i].rest);
        sl_free(batch->columns[i].rest);
    }
    for (size_t i = 0; batch->unknowns && i < batch->unknown_count; i++)
        sl_free(batch->unknowns[i].name);
    sl_free(batch->columns);
    sl_free(batch->unknowns);
    sl_free(batch->notes);
    sl_free(batch->constants);
    sl_row_plan_release(&batch->plan);
    sl_decoder_release(&batch->decoder);
    sl_buf_release(&batch->rescued);
    sl_free(batch);
}

/* ------------------------------------------------------------------ rescue */

static bool add_note(struct sl_batch *batch, struct note note)
{
    if (batch->note_count == batch->note_room) {
        size_t room = batch->note_room ? 2 * batch->note_room : 16;
        struct note *more = sl_realloc(batch->notes, room * sizeof *more);

        if (!more) return false;
        batch->notes = more;
        batch->note_room = room;
    }
    batch->notes[batch->note_count++] = note;
    return true;
}

/* A value as its JSON text, where strings that held bad escapes show those instead of U+FFFD.
 * Depth is that of the document. */
static void write_raw(const struct sl_decoder *d, struct sl_buf *out, const struct sl_json *value)
{
    size_t len;
    const char *raw, *comma = "";

    switch (d->bads ? sl_node_kind(value) : SL_JSON_NONE) {
    case SL_JSON_STRING:
        raw = sl_doc_bad_string(d->doc, value, &len);
        if (raw)
            sl_write_string(out, raw, len);
        else
            sl_write_value(out, value);
        return;
    case SL_JSON_ARRAY:
    case SL_JSON_OBJECT:
        sl_buf_addc(out, sl_node_kind(value) == SL_JSON_ARRAY ? '[' : '{');
        for (struct sl_json_each e = sl_json_each(value); sl_json_next(&e); comma = ",") {
            sl_buf_adds(out, comma);
            if (e.key) {
                write_raw(d, out, e.key);
                sl_buf_addc(out, ':');
            }
            write_raw(d, out, e.value);
        }
        sl_buf_addc(out, sl_node_kind(value) == SL_JSON_ARRAY ? ']' : '}');
        return;
    default: sl_write_value(out, value);
    }
}

/* Begins {"<name>":{"reason":"...","value": */
static void begin_rescue(struct sl_batch *batch, struct note note)
{
    struct sl_buf *out = &batch->rescued;

    sl_buf_addc(out, batch->note_count > 1 ? ',' : '{');
    sl_write_string(out, note.name, note.name_len);
    sl_buf_adds(out, ":{\"reason\":\"");
    sl_buf_adds(out, sl_rescue_text(note.reason));
    sl_buf_adds(out, "\",\"value\":");
}

/* value NULL: the text of a constant. */
static bool rescue(struct sl_batch *batch, size_t column, const char *name, size_t name_len,
                   enum sl_rescue reason, const struct sl_json *value, const char *text)
{
    struct note note = {column, reason, name, name_len};

    if (column != SL_NO_COLUMN) {
        struct column *c = &batch->columns[column];

        if (c->rescued_row == batch->rows + 1) return true; /* once per column and row */
        c->rescued_row = batch->rows + 1;
        note.name = c->source->id ? c->source->id : c->source->name;
        note.name_len = strlen(note.name);
    }
    if (!add_note(batch, note)) return false;
    begin_rescue(batch, note);
    if (value)
        write_raw(&batch->decoder, &batch->rescued, value);
    else
        sl_write_string(&batch->rescued, text, strlen(text));
    sl_buf_addc(&batch->rescued, '}');
    return !sl_buf_failed(&batch->rescued);
}

static bool rescue_column(struct sl_batch *batch, size_t column, int fit,
                          const struct sl_json *value, const char *text)
{
    return rescue(batch, column, NULL, 0, (enum sl_rescue)(fit - SL_FIT_RESCUE), value, text);
}

/* ------------------------------------------------------------------ a row's members */

static int add_rest(struct sl_batch *batch, size_t column, const struct sl_json *key,
                    const struct sl_json *value)
{
    struct sl_buf *rest = batch->columns[column].rest;

    sl_buf_addc(rest, rest->len ? ',' : '{');
    sl_write_value(rest, key);
    sl_buf_addc(rest, ':');
    sl_write_value(rest, value);
    return sl_buf_failed(rest) ? SL_FIT_NO_MEMORY : SL_FIT;
}

static int unknown_member(struct sl_batch *batch, const struct sl_level *level,
                          const struct sl_json *key, const struct sl_json *value)
{
    if (level->rest != SL_NO_COLUMN) return add_rest(batch, level->rest, key, value);
    if (level->strict && !rescue(batch, SL_NO_COLUMN, sl_node_text(key), sl_node_len(key),
                                 SL_RESCUE_UNKNOWN_FIELD, value, NULL))
        return SL_FIT_NO_MEMORY;
    return SL_FIT;
}

static int fill(struct sl_batch *batch, size_t column, const struct sl_json *value)
{
    for (; column != SL_NO_COLUMN; column = batch->plan.next_same[column]) {
        struct sl_cells *cells = &batch->columns[column].cells;
        int fit = SL_FIT_RESCUE + (int)SL_RESCUE_UNKNOWN_FIELD; /* the second of two equal keys */

        if (cells->length == batch->rows) fit = sl_decode(&batch->decoder, cells, value);
        if (fit < 0) return fit;
        if (fit != SL_FIT && !rescue_column(batch, column, fit, value, NULL))
            return SL_FIT_NO_MEMORY;
    }
    return SL_FIT;
}

/* The depth of this recursion is that of the paths. */
static int walk(struct sl_batch *batch, struct sl_level *level, const struct sl_json *object)
{
    uint32_t before = (uint32_t)level->map.count;
    const struct sl_json *key = sl_node_first(object);
    int fit;

    for (size_t n = sl_node_len(object); n > 0; n--) {
        const struct sl_json *value = sl_node_value(key);
        uint32_t i = sl_keymap_find(&level->map, &before, sl_node_text(key), sl_node_len(key));

        if (i == SL_KEYMAP_NONE) {
            fit = unknown_member(batch, level, key, value);
        } else {
            const struct sl_level_member *member = &level->members[i];

            fit = fill(batch, member->column, value);
            if (fit >= 0 && member->child) {
                enum sl_json_kind kind = sl_node_kind(value);

                if (kind == SL_JSON_OBJECT)
                    fit = walk(batch, member->child, value);
                else if (kind != SL_JSON_NULL && /* its columns are NULL; the value is kept */
                         !rescue(batch, SL_NO_COLUMN, member->child->label,
                                 strlen(member->child->label), SL_RESCUE_SHAPE, value, NULL))
                    fit = SL_FIT_NO_MEMORY;
            }
        }
        if (fit < 0) return fit;
        if (n > 1) key = sl_node_after(value);
    }
    return SL_FIT;
}

/* ------------------------------------------------------------------ constants and what is left */

/* The column a constant is for; SL_NO_COLUMN: it is excluded. False: there is none. */
static bool find_constant(const struct sl_batch *batch, const char *name, size_t *out)
{
    const struct sl_table_def *def = batch->schema->def;

    *out = SL_NO_COLUMN;
    for (size_t i = 0; i < batch->schema->count; i++)
        if (batch->columns[i].source && strcmp(batch->columns[i].source->name, name) == 0) {
            *out = i;
            return true;
        }
    for (size_t i = 0; i < def->column_count; i++)
        if (strcmp(def->columns[i].name, name) == 0) return true;
    return false;
}

static enum sl_code fill_constants(struct sl_batch *batch, const struct sl_constant *constants,
                                   size_t count, struct sl_error *error)
{
    if (count > batch->constants_room) {
        size_t *more = sl_realloc(batch->constants, count * sizeof *more);

        if (!more) return sl_fail(error, SL_NO_MEMORY, "could not keep %zu constants", count);
        for (size_t i = batch->constants_room; i < count; i++) more[i] = SL_NO_COLUMN;
        batch->constants = more;
        batch->constants_room = count;
    }
    for (size_t i = 0; i < count; i++) {
        size_t column = batch->constants[i];
        struct sl_cells *cells;
        int fit = SL_FIT;

        if (column == SL_NO_COLUMN ||
            strcmp(batch->columns[column].source->name, constants[i].column) != 0) {
            if (!find_constant(batch, constants[i].column, &column))
                return sl_fail(error, SL_BUG, "table '%s' has no column '%s' for a constant",
                               batch->schema->def->name, constants[i].column);
            batch->constants[i] = column;
        }
        if (column == SL_NO_COLUMN) continue;
        cells = &batch->columns[column].cells;
        if (cells->length == batch->rows)
            fit = sl_decode_text(&batch->decoder, cells, constants[i].text);
        if (fit == SL_FIT_TOO_LARGE) return SL_TOO_LARGE;
        if (fit < 0 ||
            (fit != SL_FIT && !rescue_column(batch, column, fit, NULL, constants[i].text)))
            return SL_NO_MEMORY;
    }
    return SL_OK;
}

static int put_rest(struct column *column)
{
    struct sl_buf *rest = column->rest;
    int fit = SL_FIT;

    if (rest->len == 0) return sl_cells_put_null(&column->cells) ? SL_FIT : SL_FIT_NO_MEMORY;
    sl_buf_addc(rest, '}');
    if (sl_buf_failed(rest))
        fit = SL_FIT_NO_MEMORY;
    else if (sl_cells_full(&column->cells, rest->len))
        fit = SL_FIT_TOO_LARGE;
    else if (!sl_cells_put_bytes(&column->cells, rest->data, rest->len))
        fit = SL_FIT_NO_MEMORY;
    sl_buf_reset(rest);
    return fit;
}

/* Columns that the row did not mention. */
static int fill_absent(struct sl_batch *batch)
{
    for (size_t i = 0; i < batch->schema->rescued; i++) {
        struct column *column = &batch->columns[i];
        bool good;

        if (column->cells.length > batch->rows) continue;
        if (column->rest) {
            int fit = put_rest(column);
            if (fit < 0) return fit;
            continue;
        }
        if (column->source->missing_is_false && column->cells.kind == SL_TYPE_BOOLEAN)
            good = sl_cells_put_bool(&column->cells, false);
        else
            good = sl_cells_put_null(&column->cells);
        if (!good) return SL_FIT_NO_MEMORY;
    }
    return SL_FIT;
}

/* ------------------------------------------------------------------ one row */

/* The key column that holds NULL now, or not exactly what was received, which could make two keys
 * one; SL_NO_COLUMN: all have their values. */
static size_t missing_key(const struct sl_batch *batch)
{
    for (size_t i = 0; i < batch->schema->key_count; i++) {
        size_t column = batch->schema->keys[i];

        if (sl_cells_is_null(&batch->columns[column].cells, batch->rows) ||
            batch->columns[column].rescued_row == batch->rows + 1)
            return column;
    }
    return SL_NO_COLUMN;
}

/* Makes the row undone. */
static void take_back(struct sl_batch *batch)
{
    for (size_t i = 0; i < batch->schema->count; i++) {
        struct column *column = &batch->columns[i];

        while (column->cells.length > batch->rows) sl_cells_pop(&column->cells);
        column->rescued_row = 0;
        if (column->rest) sl_buf_reset(column->rest);
    }
}

static enum sl_code refuse_row(struct sl_batch *batch, size_t column, const char *what,
                               struct sl_error *error)
{
    const char *why = "is missing or null";

    for (size_t i = 0; i < batch->note_count; i++)
        if (batch->notes[i].column == column) why = sl_rescue_text(batch->notes[i].reason);
    take_back(batch);
    return sl_fail(error, SL_BAD_DATA, "table '%s': a row without a %s: column '%s': %s",
                   batch->schema->def->name, what, batch->schema->columns[column].name, why);
}

/* Refuses a row that cannot be told from others, or put in order. sequence: of _sequence. */
static enum sl_code check_row(struct sl_batch *batch, int64_t sequence, struct sl_error *error)
{
    const struct sl_schema *schema = batch->schema;
    size_t column = missing_key(batch);

    if (column != SL_NO_COLUMN) return refuse_row(batch, column, "key", error);
    if (schema->sequence_count != 1) return SL_OK;
    column = schema->sequence[0];
    if (column == schema->own_sequence
            ? sequence == SL_NO_TIME
            : sl_cells_is_null(&batch->columns[column].cells, batch->rows))
        return refuse_row(batch, column, "sequence", error);
    return SL_OK;
}

static int64_t *unknown_counts(struct sl_batch *batch, const struct note *note)
{
    struct unknown *unknown = batch->unknowns;

    for (size_t i = 0; i < batch->unknown_count; i++, unknown++)
        if (strlen(unknown->name) == note->name_len &&
            memcmp(unknown->name, note->name, note->name_len) == 0)
            return unknown->rescues;
    if (batch->unknown_count == UNKNOWN_NAMES_MAX)
        return batch->unknowns[UNKNOWN_NAMES_MAX].rescues;
    unknown->name = sl_strndup(note->name, note->name_len);
    if (!unknown->name) return NULL;
    batch->unknown_count++;
    return unknown->rescues;
}

/* _ingested_at and what comes after it. */
static bool put_own(struct sl_batch *batch, int64_t ingested_at_us, int64_t sequence)
{
    const struct sl_schema *schema = batch->schema;
    bool good = sl_cells_put_i64(&batch->columns[schema->ingested].cells, ingested_at_us);

    for (size_t i = schema->ingested + 1; good && i < schema->count; i++) {
        struct sl_cells *cells = &batch->columns[i].cells;

        good = i == schema->own_sequence && sequence != SL_NO_TIME
                   ? sl_cells_put_i64(cells, sequence)
                   : sl_cells_put_null(cells);
    }
    return good;
}

/* The row is certain: count what it rescued, and end its last columns. */
static int finish_row(struct sl_batch *batch, int64_t ingested_at_us, int64_t sequence)
{
    struct sl_cells *rescued = &batch->columns[batch->schema->rescued].cells;
    struct sl_buf *text = &batch->rescued;

    if (!put_own(batch, ingested_at_us, sequence)) return SL_FIT_NO_MEMORY;
    if (batch->note_count == 0) {
        if (!sl_cells_put_null(rescued)) return SL_FIT_NO_MEMORY;
    } else {
        sl_buf_addc(text, '}');
        if (sl_buf_failed(text)) return SL_FIT_NO_MEMORY;
        if (sl_cells_full(rescued, text->len)) return SL_FIT_TOO_LARGE;
        if (!sl_cells_put_bytes(rescued, text->data, text->len)) return SL_FIT_NO_MEMORY;
        batch->decoder.bytes += text->len;
    }
    for (size_t i = 0; i < batch->note_count; i++) {
        const struct note *note = &batch->notes[i];
        int64_t *counts = note->column == SL_NO_COLUMN ? unknown_counts(batch, note)
                                                       : batch->columns[note->column].rescues;
        if (!counts) return SL_FIT_NO_MEMORY;
        counts[note->reason]++;
        batch->counts.rescued[note->reason]++;
    }
    batch->rows++;
    return SL_FIT;
}

static enum sl_code give_up(const struct sl_batch *batch, int fit, struct sl_error *error)
{
    if (fit == SL_FIT_TOO_LARGE)
        return sl_fail(error, SL_TOO_LARGE, "table '%s': a batch of more than 2 GiB in one column",
                       batch->schema->def->name);
    return sl_fail(error, SL_NO_MEMORY, "table '%s': could not append row %lld of a batch",
                   batch->schema->def->name, (long long)batch->rows);
}

static enum sl_code begin_row(struct sl_batch *batch, const struct sl_doc *doc,
                              const struct sl_json *row, const char *what, struct sl_error *error)
{
    if (sl_json_kind(row) != SL_JSON_OBJECT)
        return sl_fail(error, SL_BAD_DATA, "table '%s': expected an object as %s, got %s",
                       batch->schema->def->name, what, sl_json_kind_name(sl_json_kind(row)));
    sl_decoder_read(&batch->decoder, doc);
    batch->note_count = 0;
    sl_buf_reset(&batch->rescued);
    return SL_OK;
}

enum sl_code sl_batch_append(struct sl_batch *batch, const struct sl_doc *doc,
                             const struct sl_json *row, const struct sl_constant *constants,
                             size_t constants_count, int64_t ingested_at_us, int64_t sequence,
                             struct sl_error *error)
{
    size_t bytes = batch->decoder.bytes;
    enum sl_code rc = begin_row(batch, doc, row, "a row", error);
    int fit;

    if (rc) return rc;

    fit = walk(batch, batch->plan.root, row);
    if (fit < 0) return give_up(batch, fit, error);
    if (constants_count > 0) {
        rc = fill_constants(batch, constants, constants_count, error);
        if (rc == SL_NO_MEMORY || rc == SL_TOO_LARGE)
            return give_up(batch, rc == SL_NO_MEMORY ? SL_FIT_NO_MEMORY : SL_FIT_TOO_LARGE, error);
        if (rc) return rc;
    }
    fit = fill_absent(batch);
    if (fit < 0) return give_up(batch, fit, error);
    rc = check_row(batch, sequence, error);
    if (rc) {
        batch->decoder.bytes = bytes;
        return rc;
    }
    fit = finish_row(batch, ingested_at_us, sequence);
    if (fit < 0) return give_up(batch, fit, error);
    batch->counts.rows++;
    return SL_OK;
}

/* ------------------------------------------------------------------ one delete */

/* Key columns that a row gets from constants: in a key they are members under their names. */
static int fill_key_constants(struct sl_batch *batch, const struct sl_json *key)
{
    for (size_t i = 0; i < batch->schema->key_count; i++) {
        size_t column = batch->schema->keys[i];
        const struct sl_column *source = batch->columns[column].source;
        const struct sl_json *value = source->constant ? sl_json_get(key, source->name) : NULL;
        int fit = value ? fill(batch, column, value) : SL_FIT;

        if (fit < 0) return fit;
    }
    return SL_FIT;
}

static bool is_in_delete(const struct sl_schema *schema, size_t column)
{
    for (size_t i = 0; i < schema->sequence_count; i++)
        if (schema->sequence[i] == column) return true;
    return schema->columns[column].key;
}

static bool put_again(struct sl_cells *cells, bool null, int64_t value)
{
    sl_cells_pop(cells);
    return null ? sl_cells_put_null(cells) : sl_cells_put_i64(cells, value);
}

/* Everything but the key and the sequence becomes NULL; a sequence that came with the delete takes
 * the place of the one column of sequence_by that means the same. */
static bool blank_rest(struct sl_batch *batch, int64_t sequence)
{
    const struct sl_schema *schema = batch->schema;
    size_t by = schema->sequence_count == 1 ? schema->sequence[0] : SL_NO_COLUMN;
    enum sl_type_kind means =
        schema->def->sequence == SL_SEQUENCE_NUMBER ? SL_TYPE_BIGINT : SL_TYPE_TIMESTAMP;

    for (size_t i = 0; i < schema->rescued; i++) {
        struct sl_cells *cells = &batch->columns[i].cells;

        if (!is_in_delete(schema, i)) {
            if (!sl_cells_is_null(cells, batch->rows) && !put_again(cells, true, 0)) return false;
        } else if (i == by && sequence != SL_NO_TIME && cells->kind == means &&
                   schema->def->sequence != SL_SEQUENCE_NONE) {
            if (!put_again(cells, false, sequence)) return false;
        }
    }
    return true;
}

enum sl_code sl_batch_append_delete(struct sl_batch *batch, const struct sl_doc *doc,
                                    const struct sl_json *key, int64_t ingested_at_us,
                                    int64_t sequence, struct sl_error *error)
{
    size_t bytes = batch->decoder.bytes;
    enum sl_code rc = begin_row(batch, doc, key, "the key of a delete", error);
    int fit;

    if (rc) return rc;
    fit = walk(batch, batch->plan.root, key);
    if (fit >= 0) fit = fill_key_constants(batch, key);
    if (fit >= 0) fit = fill_absent(batch);
    if (fit >= 0 && !blank_rest(batch, sequence)) fit = SL_FIT_NO_MEMORY;
    if (fit < 0) return give_up(batch, fit, error);
    rc = check_row(batch, sequence, error);
    if (rc) {
        batch->decoder.bytes = bytes;
        return rc;
    }
    batch->note_count = 0; /* what else the key's object held is no row's cell */
    fit = finish_row(batch, ingested_at_us, sequence);
    return fit < 0 ? give_up(batch, fit, error) : SL_OK;
}

/* ------------------------------------------------------------------ what came of it */

int64_t sl_batch_rows(const struct sl_batch *batch)
{
    return batch->rows;
}

size_t sl_batch_bytes(const struct sl_batch *batch)
{
    return batch->decoder.bytes + (size_t)batch->rows * batch->row_width;
}

const struct sl_batch_counts *sl_batch_counts(const struct sl_batch *batch)
{
    return &batch->counts;
}

static void report(const char *field, const int64_t *counts,
                   void (*fn)(void *ctx, const char *field, enum sl_rescue reason, int64_t n),
                   void *ctx)
{
    for (int reason = 0; reason < SL_RESCUE_COUNT; reason++)
        if (counts[reason] > 0) fn(ctx, field, (enum sl_rescue)reason, counts[reason]);
}

void sl_batch_rescues(const struct sl_batch *batch,
                      void (*fn)(void *ctx, const char *field, enum sl_rescue reason, int64_t n),
                      void *ctx)
{
    for (size_t i = 0; i < batch->schema->rescued; i++)
        report(batch->columns[i].source->name, batch->columns[i].rescues, fn, ctx);
    for (size_t i = 0; i < batch->unknown_count; i++)
        report(batch->unknowns[i].name, batch->unknowns[i].rescues, fn, ctx);
    report("(other unknown fields)", batch->unknowns[UNKNOWN_NAMES_MAX].rescues, fn, ctx);
}

enum sl_code sl_batch_arrow_schema(const struct sl_batch *batch, struct ArrowSchema *out,
                                   struct sl_error *error)
{
    return sl_schema_arrow(batch->schema, out, error);
}

/* Moves all columns into an array of the schema's shape. */
static bool move_columns(struct sl_batch *batch, struct ArrowArray *out)
{
    bool good = true;

    for (size_t i = 0; i < batch->schema->count; i++)
        good &= sl_cells_take(&batch->columns[i].cells, out->children[i]);
    out->length = batch->rows;
    out->null_count = 0;
    batch->rows = 0;
    batch->decoder.bytes = 0;
    for (size_t i = 0; i < batch->schema->count; i++) batch->columns[i].rescued_row = 0;
    return good;
}

enum sl_code sl_batch_take(struct sl_batch *batch, struct ArrowArray *out, struct sl_error *error)
{
    struct ArrowSchema schema = {0};
    struct ArrowArray array = {0};
    struct ArrowError why = {{0}};
    enum sl_code rc;
    int failed;

    assert(out->release == NULL);
    rc = sl_batch_arrow_schema(batch, &schema, error);
    if (rc) return rc;
    failed = ArrowArrayInitFromSchema(&array, &schema, &why);
    if (!failed) {
        failed = move_columns(batch, &array) ? NANOARROW_OK : ENOMEM;
        if (!failed) failed = ArrowArrayFinishBuildingDefault(&array, &why);
    }
    if (failed == ENOMEM)
        rc = sl_fail(error, SL_NO_MEMORY, "could not finish a batch of table '%s'",
                     batch->schema->def->name);
    else if (failed)
        rc = sl_fail(error, SL_BUG, "could not finish a batch of table '%s': %s",
                     batch->schema->def->name, why.message);
    else
        ArrowArrayMove(&array, out);
    if (array.release) ArrowArrayRelease(&array);
    ArrowSchemaRelease(&schema);
    return rc;
}
