/*
 * row_hash.h: keyed hashes of keys and rows.
 *
 * Keys are compared by SipHash-2-4 with 128 bits under a key that is made anew for each run: two
 * different keys are taken for one with a probability of 2^-128 for each pair, whoever chose them.
 * Whether a row changed is told by 64 bits of the same: a change is overlooked with 2^-64. Both
 * depend on values alone: the same row read back from Parquet hashes alike, whatever the widths of
 * its offsets or integers, the order of a struct's members or a map's entries, and members that the
 * table got later, as long as they are NULL. NULL is a value; -0 is 0; all NaNs are one.
 */
#ifndef SL_ROW_HASH_H
#define SL_ROW_HASH_H

#include <sluice/arrow.h>
#include <sluice/connector.h>

struct sl_hash_key {
    unsigned char bytes[16];
};
struct sl_key128 {
    uint64_t a, b;
};

/* Of the key of each row. columns: children of the batch, in the order of the key.
 * SL_UNSUPPORTED: a type that no key has. */
SL_MUST_USE enum sl_code sl_hash_keys(const struct sl_hash_key *secret,
                                      const struct ArrowSchema *schema,
                                      const struct ArrowArray *batch, const size_t *columns,
                                      size_t count, struct sl_key128 *out, struct sl_error *error);

/* A column that takes part in a comparison. type: says which members of a struct are fleeting (they
 * are passed over); NULL: none are. */
struct sl_hashed_column {
    size_t child;
    const struct sl_type *type;
};
/* Of some columns of each row, nested ones included. A column takes part by its place in `columns`. */
SL_MUST_USE enum sl_code sl_hash_rows(const struct sl_hash_key *secret,
                                      const struct ArrowSchema *schema,
                                      const struct ArrowArray *batch,
                                      const struct sl_hashed_column *columns, size_t count,
                                      uint64_t *out, struct sl_error *error);

#endif
