/*
 * keys.h: hashes of key columns, and a set of them that does not grow with the table.
 *
 * The set answers one question at the end: which hashes were added more than once? It keeps a
 * buffer of fixed size, sorts it when full and writes it to an unlinked temporary file as a run;
 * the runs are merged at the end. Cost for n keys: 8 n bytes of disk, n log n comparisons.
 */
#ifndef SL_KEYS_H
#define SL_KEYS_H

#include <sluice/arrow.h>
#include <sluice/error.h>

#include "table/schema.h"

/* 64-bit hashes of the key of each row of a batch. columns: which children are the key. The hash
 * depends on values alone, not on the batch: the same key read back from Parquet hashes alike. */
SL_MUST_USE enum sl_code sl_keys_hash(const struct ArrowSchema *schema,
                                      const struct ArrowArray *batch, const size_t *columns,
                                      size_t count, uint64_t *out, struct sl_error *error);

struct sl_key_set;
/* directory: for the temporary file. buffer_bytes: 0: 1 MiB. */
SL_MUST_USE enum sl_code sl_key_set_new(const char *directory, size_t buffer_bytes,
                                        struct sl_key_set **out, struct sl_error *error);
void sl_key_set_free(struct sl_key_set *set);
SL_MUST_USE enum sl_code sl_key_set_add(struct sl_key_set *set, const uint64_t *hashes,
                                        size_t count, struct sl_error *error);
/* Ends adding. *out: the hashes met twice or more, ascending, each once; belongs to the set.
 * SL_TOO_LARGE: more than SL_KEY_SET_REPEATS_MAX of them. */
#define SL_KEY_SET_REPEATS_MAX ((size_t)1 << 20)
SL_MUST_USE enum sl_code sl_key_set_repeats(struct sl_key_set *set, const uint64_t **out,
                                            size_t *count, struct sl_error *error);

#endif
