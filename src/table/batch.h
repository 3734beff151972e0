/*
 * batch.h: rows of JSON become columns (Arrow), with rescue.
 *
 * The rules for missing, null, wrong-shape and special values are docs/types.md, one table. A
 * value that does not fit its column becomes NULL there and lands in _rescued_data: a JSON object
 * {"<field id or name>": {"reason": "...", "value": <raw>}}, and is counted. A string that held a
 * bad escape is rescued as a string of its text as received.
 *
 * Threads: a batch is used by one thread at a time; several batches may share a schema.
 */
#ifndef SL_BATCH_H
#define SL_BATCH_H

#include <sluice/arrow.h>
#include <sluice/connector.h>

#include "table/schema.h"

/* Reasons of rescue; the texts are part of the format. */
#define SL_RESCUES(X)                                                                              \
    X(SHAPE, "wrong_type")            /* not what the column holds, nor a form of it */            \
    X(RANGE, "out_of_range")          /* right kind, but the type cannot hold it */                \
    X(PRECISION, "precision")         /* stored nearest; exact text here */                        \
    X(SOURCE_ERROR, "source_error")   /* the source says this cell failed */                       \
    X(SPECIAL, "special_value")       /* NaN or infinity where the type has none */                \
    X(UNKNOWN_FIELD, "unknown_field") /* a member nobody declared */                               \
    X(UNICODE, "bad_unicode")         /* a lone surrogate became U+FFFD; raw text here */
enum sl_rescue {
#define X(name, text) SL_RESCUE_##name,
    SL_RESCUES(X)
#undef X
        SL_RESCUE_COUNT
};
const char *sl_rescue_text(enum sl_rescue reason);

struct sl_doc;
struct sl_batch; /* a builder of batches of one schema */

struct sl_batch_counts {
    int64_t rows;
    int64_t rescued[SL_RESCUE_COUNT]; /* cells */
};

/* schema: borrowed, must outlive the batch. special: the connector's, or NULL. */
SL_MUST_USE enum sl_code sl_batch_new(const struct sl_schema *schema,
                                      enum sl_special (*special)(const struct sl_json *, double *),
                                      struct sl_batch **out, struct sl_error *error);
void sl_batch_free(struct sl_batch *batch);

/*
 * Appends one row: the members of `row` (an object) go to their columns, constants to theirs,
 * sequence (SL_NO_TIME: none) to _sequence if the schema has it.
 * doc: the document of row, for bad strings; may be NULL. On an error the batch is only fit for
 * sl_batch_free().
 *
 * SL_BAD_DATA  row is not an object, or a key column is missing or does not fit, or it has no
 *              sequence and the schema asks for one: the row was not appended, the batch is good,
 *              and the caller rejects the row (message says why)
 * SL_TOO_LARGE a column of this batch would pass 2 GiB: take batches before that
 * SL_BUG       a constant for a column that the table does not have (an excluded one is fine)
 */
SL_MUST_USE enum sl_code sl_batch_append(struct sl_batch *batch, const struct sl_doc *doc,
                                         const struct sl_json *row,
                                         const struct sl_constant *constants,
                                         size_t constants_count, int64_t ingested_at_us,
                                         int64_t sequence, struct sl_error *error);
/* Appends a delete: a row of the key columns in `key` (an object that holds them under their paths)
 * and the sequence; all else is NULL. Columns of sequence_by are taken from `key` as well; when
 * there is one, of the type that _sequence would have, `sequence` stands for it. Not counted among
 * the rows below. Errors as above. */
SL_MUST_USE enum sl_code sl_batch_append_delete(struct sl_batch *batch, const struct sl_doc *doc,
                                                const struct sl_json *key, int64_t ingested_at_us,
                                                int64_t sequence, struct sl_error *error);

int64_t sl_batch_rows(const struct sl_batch *batch); /* waiting to be taken */
size_t sl_batch_bytes(const struct sl_batch *batch); /* about, of memory */
const struct sl_batch_counts *sl_batch_counts(const struct sl_batch *batch); /* since _new */
/* Counts of rescued cells per column and reason since _new: calls fn for each that is not 0. field:
 * the source's name; the first 100 unknown fields by their keys, then all others together. */
void sl_batch_rescues(const struct sl_batch *batch,
                      void (*fn)(void *ctx, const char *field, enum sl_rescue reason, int64_t n),
                      void *ctx);

/* The Arrow schema of all batches (a struct); the caller releases it. */
SL_MUST_USE enum sl_code sl_batch_arrow_schema(const struct sl_batch *batch,
                                               struct ArrowSchema *out, struct sl_error *error);
/* Moves the rows out; out must be empty. Afterwards the builder is empty and ready for more. */
SL_MUST_USE enum sl_code sl_batch_take(struct sl_batch *batch, struct ArrowArray *out,
                                       struct sl_error *error);

#endif
