#include "table/sequence.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "table/view.h"

#define SIGN (UINT64_C(1) << 63)
/* Before each part of a sequence of several columns. */
#define PART_NULL 0
#define PART_VALUE 1
/* In texts and binaries: 00 is 00 FF, and the end is 00 00. */
#define ESCAPED 0xFF

int sl_seq_compare(struct sl_seq a, struct sl_seq b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len ? memcmp(a.bytes, b.bytes, len) : 0;

    return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* ------------------------------------------------------------------ parts */

enum part_kind { PART_INTEGER, PART_BOOL, PART_DOUBLE, PART_DECIMAL, PART_TEXT };

struct part {
    enum part_kind kind;
    const struct ArrowSchema *schema;
    struct ArrowSchemaView type;
    const struct ArrowArrayView *view; /* NULL while sequences are made into columns */
};

static bool part_kind(const struct ArrowSchemaView *type, enum part_kind *out)
{
    switch (type->type) {
    case NANOARROW_TYPE_INT8:
    case NANOARROW_TYPE_INT16:
    case NANOARROW_TYPE_INT32:
    case NANOARROW_TYPE_INT64:
    case NANOARROW_TYPE_DATE32: *out = PART_INTEGER; return true;
    case NANOARROW_TYPE_TIMESTAMP:
        *out = PART_INTEGER;
        return type->time_unit == NANOARROW_TIME_UNIT_MICRO;
    case NANOARROW_TYPE_BOOL: *out = PART_BOOL; return true;
    case NANOARROW_TYPE_FLOAT:
    case NANOARROW_TYPE_DOUBLE: *out = PART_DOUBLE; return true;
    case NANOARROW_TYPE_DECIMAL128: *out = PART_DECIMAL; return true;
    case NANOARROW_TYPE_STRING:
    case NANOARROW_TYPE_LARGE_STRING:
    case NANOARROW_TYPE_STRING_VIEW:
    case NANOARROW_TYPE_BINARY:
    case NANOARROW_TYPE_LARGE_BINARY:
    case NANOARROW_TYPE_BINARY_VIEW: *out = PART_TEXT; return true;
    default: return false;
    }
}

static enum sl_code part_init(struct part *part, const struct ArrowSchema *schema,
                              const struct ArrowArrayView *view, struct sl_error *error)
{
    struct ArrowError why = {{0}};

    part->schema = schema;
    part->view = view;
    if (ArrowSchemaViewInit(&part->type, schema, &why) != NANOARROW_OK)
        return sl_fail(error, SL_BUG, "could not read the type of column '%s': %s",
                       sl_view_name(schema), why.message);
    if (schema->dictionary || !part_kind(&part->type, &part->kind))
        return sl_fail(error, SL_UNSUPPORTED,
                       "column '%s' cannot order changes: its Arrow type is '%s'",
                       sl_view_name(schema), schema->format);
    return SL_OK;
}

/* ------------------------------------------------------------------ values into bytes */

/* One sequence that is being made; `full` once something did not fit. */
struct pen {
    unsigned char bytes[SL_SEQUENCE_BYTES_MAX];
    size_t len;
    bool full;
};

static void put_byte(struct pen *pen, unsigned char byte)
{
    if (pen->len == sizeof pen->bytes)
        pen->full = true;
    else
        pen->bytes[pen->len++] = byte;
}

static void put_word(struct pen *pen, uint64_t word)
{
    if (sizeof pen->bytes - pen->len < 8) {
        pen->full = true;
        return;
    }
    for (int i = 0; i < 8; i++) pen->bytes[pen->len++] = (unsigned char)(word >> (56 - 8 * i));
}

static void put_double(struct pen *pen, double number)
{
    uint64_t bits;

    if (isnan(number)) number = (double)NAN; /* one NaN, behind infinity */
    if (number == 0) number = 0;             /* one zero */
    memcpy(&bits, &number, 8);
    if (isnan(number)) bits &= ~SIGN; /* whatever sign the compiler's NAN has */
    put_word(pen, bits & SIGN ? ~bits : bits | SIGN);
}

static void put_decimal(struct pen *pen, const struct part *part, int64_t row)
{
    struct ArrowDecimal decimal;

    ArrowDecimalInit(&decimal, 128, part->type.decimal_precision, part->type.decimal_scale);
    ArrowArrayViewGetDecimalUnsafe(part->view, row, &decimal);
    put_word(pen, decimal.words[decimal.high_word_index] ^ SIGN);
    put_word(pen, decimal.words[decimal.low_word_index]);
}

static void put_text(struct pen *pen, struct ArrowStringView text)
{
    for (int64_t i = 0; i < text.size_bytes && !pen->full; i++) {
        put_byte(pen, (unsigned char)text.data[i]);
        if (text.data[i] == '\0') put_byte(pen, ESCAPED);
    }
    put_byte(pen, 0);
    put_byte(pen, 0);
}

static void put_value(struct pen *pen, const struct part *part, int64_t row)
{
    switch (part->kind) {
    case PART_INTEGER:
        put_word(pen, (uint64_t)ArrowArrayViewGetIntUnsafe(part->view, row) ^ SIGN);
        break;
    case PART_BOOL: put_byte(pen, ArrowArrayViewGetIntUnsafe(part->view, row) != 0); break;
    case PART_DOUBLE: put_double(pen, ArrowArrayViewGetDoubleUnsafe(part->view, row)); break;
    case PART_DECIMAL: put_decimal(pen, part, row); break;
    case PART_TEXT: put_text(pen, ArrowArrayViewGetStringUnsafe(part->view, row)); break;
    }
}

/* An empty pen afterwards: this row has no sequence. */
static void put_row(struct pen *pen, const struct part *parts, size_t count, int64_t row)
{
    pen->len = 0;
    pen->full = false;
    for (size_t i = 0; i < count; i++) {
        bool null = ArrowArrayViewIsNull(parts[i].view, row);

        if (count > 1) put_byte(pen, null ? PART_NULL : PART_VALUE);
        if (!null) put_value(pen, &parts[i], row);
    }
}

/* presence: a column that is NULL where there is no sequence, or NULL. shift, presence_shift: from
 * rows of the batch to rows of the views. */
static enum sl_code put_rows(const struct part *parts, size_t count, int64_t shift,
                             const struct ArrowArrayView *presence, int64_t presence_shift,
                             int64_t rows, struct sl_buf *bytes, size_t *ends,
                             struct sl_error *error)
{
    struct pen pen;

    for (int64_t i = 0; i < rows; i++) {
        if (!presence || !ArrowArrayViewIsNull(presence, presence_shift + i)) {
            put_row(&pen, parts, count, shift + i);
            if (pen.full)
                return sl_fail(error, SL_TOO_LARGE,
                               "the sequence of a row is longer than %d bytes (column '%s')",
                               SL_SEQUENCE_BYTES_MAX, sl_view_name(parts[count - 1].schema));
            sl_buf_add(bytes, pen.bytes, pen.len);
        }
        ends[i] = bytes->len;
    }
    if (!sl_buf_failed(bytes)) return SL_OK;
    if (bytes->full)
        return sl_fail(error, SL_TOO_LARGE, "the sequences of a batch are over %zu bytes",
                       bytes->max ? bytes->max : SL_BUF_MAX_DEFAULT);
    return sl_fail(error, SL_NO_MEMORY, "no memory for the sequences of a batch");
}

enum sl_code sl_sequences(const struct ArrowSchema *schema, const struct ArrowArray *batch,
                          const size_t *columns, size_t count, struct sl_buf *bytes, size_t *ends,
                          struct sl_error *error)
{
    struct ArrowArrayView views[SL_SEQUENCE_COLUMNS_MAX];
    struct part parts[SL_SEQUENCE_COLUMNS_MAX];
    size_t opened = 0;
    enum sl_code rc = SL_OK;

    if (count == 0 || count > SL_SEQUENCE_COLUMNS_MAX)
        return sl_fail(error, SL_BUG, "a sequence of %zu columns", count);
    for (; opened < count; opened++) {
        rc = sl_view_column(schema, batch, columns[opened], &views[opened], error);
        if (rc) goto out;
        rc = part_init(&parts[opened], schema->children[columns[opened]], &views[opened], error);
        if (rc) {
            ArrowArrayViewReset(&views[opened]);
            goto out;
        }
    }
    rc = put_rows(parts, count, batch->offset, NULL, 0, batch->length, bytes, ends, error);

out:
    while (opened > 0) ArrowArrayViewReset(&views[--opened]);
    return rc;
}

/* ------------------------------------------------------------------ bounds */

/* The parts of __START_AT and __END_AT: of the column itself, or of the members of a struct. view:
 * of that column, or NULL. */
static enum sl_code bound_parts(const struct ArrowSchema *field, const struct ArrowArrayView *view,
                                struct part *parts, size_t *count, bool *nested,
                                struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    *nested = strcmp(field->format, "+s") == 0;
    *count = *nested ? (size_t)field->n_children : 1;
    if (*count == 0 || *count > SL_SEQUENCE_COLUMNS_MAX)
        return sl_fail(error, SL_UNSUPPORTED, "column '%s' is a sequence of %zu columns",
                       sl_view_name(field), *count);
    if (!*nested) return part_init(&parts[0], field, view, error);
    for (size_t i = 0; !rc && i < *count; i++)
        rc = part_init(&parts[i], field->children[i], view ? view->children[i] : NULL, error);
    return rc;
}

enum sl_code sl_sequence_bounds(const struct ArrowSchema *schema, const struct ArrowArray *batch,
                                size_t column, struct sl_buf *bytes, size_t *ends,
                                struct sl_error *error)
{
    struct part parts[SL_SEQUENCE_COLUMNS_MAX];
    struct ArrowArrayView view;
    size_t count;
    bool nested;
    enum sl_code rc = sl_view_column(schema, batch, column, &view, error);

    if (rc) return rc;
    rc = bound_parts(schema->children[column], &view, parts, &count, &nested, error);
    if (!rc)
        rc = put_rows(parts, count, batch->offset + (nested ? view.offset : 0),
                      nested ? &view : NULL, batch->offset, batch->length, bytes, ends, error);
    ArrowArrayViewReset(&view);
    return rc;
}

/* ------------------------------------------------------------------ bytes into values */

/* What is left of one sequence; `bad` once it is not what its column holds. */
struct reader {
    const unsigned char *bytes;
    size_t len;
    bool bad;
};

static unsigned char get_byte(struct reader *in)
{
    if (in->len == 0) {
        in->bad = true;
        return 0;
    }
    in->len--;
    return *in->bytes++;
}

static uint64_t get_word(struct reader *in)
{
    uint64_t word = 0;

    for (int i = 0; i < 8; i++) word = word << 8 | get_byte(in);
    return word;
}

static double get_double(struct reader *in)
{
    uint64_t bits = get_word(in);
    double number;

    bits = bits & SIGN ? bits & ~SIGN : ~bits;
    memcpy(&number, &bits, 8);
    return number;
}

/* Into text[SL_SEQUENCE_BYTES_MAX]. */
static size_t get_text(struct reader *in, char *text)
{
    size_t len = 0;

    for (;;) {
        unsigned char byte = get_byte(in);

        if (byte == 0 && get_byte(in) != ESCAPED) return len;
        if (in->bad || len == SL_SEQUENCE_BYTES_MAX) break;
        text[len++] = (char)byte;
    }
    in->bad = true;
    return 0;
}

static ArrowErrorCode append_decimal(struct ArrowArray *out, const struct part *part,
                                     struct reader *in)
{
    struct ArrowDecimal decimal;

    ArrowDecimalInit(&decimal, 128, part->type.decimal_precision, part->type.decimal_scale);
    decimal.words[decimal.high_word_index] = get_word(in) ^ SIGN;
    decimal.words[decimal.low_word_index] = get_word(in);
    return ArrowArrayAppendDecimal(out, &decimal);
}

static ArrowErrorCode append_value(struct ArrowArray *out, const struct part *part,
                                   struct reader *in)
{
    char text[SL_SEQUENCE_BYTES_MAX];
    struct ArrowBufferView view = {.data.as_char = text};

    switch (part->kind) {
    case PART_INTEGER: return ArrowArrayAppendInt(out, (int64_t)(get_word(in) ^ SIGN));
    case PART_BOOL: return ArrowArrayAppendInt(out, get_byte(in));
    case PART_DOUBLE: return ArrowArrayAppendDouble(out, get_double(in));
    case PART_DECIMAL: return append_decimal(out, part, in);
    case PART_TEXT:
        view.size_bytes = (int64_t)get_text(in, text);
        return ArrowArrayAppendBytes(out, view);
    }
    return EINVAL;
}

static ArrowErrorCode append_sequence(struct ArrowArray *out, const struct part *parts,
                                      size_t count, bool nested, struct reader *in)
{
    ArrowErrorCode rc = NANOARROW_OK;

    for (size_t i = 0; rc == NANOARROW_OK && !in->bad && i < count; i++) {
        struct ArrowArray *to = nested ? out->children[i] : out;

        if (count > 1 && get_byte(in) == PART_NULL)
            rc = ArrowArrayAppendNull(to, 1);
        else
            rc = append_value(to, &parts[i], in);
    }
    if (in->len > 0) in->bad = true;
    if (rc == NANOARROW_OK && !in->bad && nested) rc = ArrowArrayFinishElement(out);
    return rc;
}

static enum sl_code append_all(struct ArrowArray *out, const struct ArrowSchema *field,
                               const struct part *parts, size_t count, bool nested,
                               const struct sl_seq *values, int64_t rows, struct sl_error *error)
{
    for (int64_t i = 0; i < rows; i++) {
        struct reader in = {.bytes = values[i].bytes, .len = values[i].len};
        ArrowErrorCode rc = sl_seq_none(values[i])
                                ? ArrowArrayAppendNull(out, 1)
                                : append_sequence(out, parts, count, nested, &in);

        if (rc == ENOMEM)
            return sl_fail(error, SL_NO_MEMORY, "no memory for column '%s'", sl_view_name(field));
        if (rc != NANOARROW_OK || in.bad)
            return sl_fail(error, SL_BUG, "a sequence of %zu bytes is none of column '%s' ('%s')",
                           values[i].len, sl_view_name(field), field->format);
    }
    return SL_OK;
}

enum sl_code sl_sequence_column(const struct ArrowSchema *schema, const struct sl_seq *values,
                                int64_t count, struct ArrowArray *out, struct sl_error *error)
{
    struct part parts[SL_SEQUENCE_COLUMNS_MAX];
    size_t part_count;
    bool nested;
    enum sl_code rc = bound_parts(schema, NULL, parts, &part_count, &nested, error);

    assert(!out->release);
    if (rc) return rc;
    if (ArrowArrayInitFromSchema(out, schema, NULL) != NANOARROW_OK ||
        ArrowArrayStartAppending(out) != NANOARROW_OK)
        rc = sl_fail(error, SL_NO_MEMORY, "no memory for column '%s'", sl_view_name(schema));
    if (!rc) rc = append_all(out, schema, parts, part_count, nested, values, count, error);
    if (!rc && ArrowArrayFinishBuildingDefault(out, NULL) != NANOARROW_OK)
        rc = sl_fail(error, SL_NO_MEMORY, "no memory for column '%s'", sl_view_name(schema));
    if (rc && out->release) ArrowArrayRelease(out);
    return rc;
}
