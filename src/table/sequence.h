/*
 * sequence.h: what orders the changes of one key.
 *
 * A sequence is the value of one column, or of several compared one after the other. Here it is a
 * string of bytes that compares (memcmp, then length) as the values do: integers, dates and
 * timestamps big-endian with the sign turned; doubles likewise, -0 as 0, NaN greatest; decimals as
 * 16 bytes; texts and binaries with 00 as 00 FF and an end of 00 00; false before true. NULL inside
 * a sequence of several columns comes before everything (a byte 00, else 01, before each part); a
 * sequence of one NULL column does not exist: the row is bad data.
 */
#ifndef SL_SEQUENCE_H
#define SL_SEQUENCE_H

#include <sluice/arrow.h>
#include <sluice/error.h>

#define SL_SEQUENCE_COLUMNS_MAX 8
#define SL_SEQUENCE_BYTES_MAX 1024

struct sl_seq {
    const unsigned char *bytes; /* borrowed */
    size_t len;                 /* 0: none */
};

int sl_seq_compare(struct sl_seq a, struct sl_seq b); /* none comes before everything */
static inline bool sl_seq_none(struct sl_seq seq)
{
    return seq.len == 0;
}

struct sl_buf;
/* The sequences of all rows of a batch, end to end behind what `bytes` holds; ends[i]: where in it
 * that of row i ends. columns: children of the batch. A row whose sequence is NULL gets none (ends[i]
 * is where it began). SL_UNSUPPORTED: a type that has no order here (nested ones, other units of time
 * than microseconds); SL_TOO_LARGE: a sequence over SL_SEQUENCE_BYTES_MAX, or over bytes->max. */
SL_MUST_USE enum sl_code sl_sequences(const struct ArrowSchema *schema,
                                      const struct ArrowArray *batch, const size_t *columns,
                                      size_t count, struct sl_buf *bytes, size_t *ends,
                                      struct sl_error *error);
/* The same of one column that holds such values itself: __START_AT, __END_AT (a struct when there
 * are several columns). NULL gives none. */
SL_MUST_USE enum sl_code sl_sequence_bounds(const struct ArrowSchema *schema,
                                            const struct ArrowArray *batch, size_t column,
                                            struct sl_buf *bytes, size_t *ends,
                                            struct sl_error *error);
/* Back into a column: count sequences (none: NULL) become an array of the type of `schema` (the
 * field of __START_AT). out must be empty; the caller releases it. */
SL_MUST_USE enum sl_code sl_sequence_column(const struct ArrowSchema *schema,
                                            const struct sl_seq *values, int64_t count,
                                            struct ArrowArray *out, struct sl_error *error);

#endif
