/*
 * defs.h: definitions of tables, put aside until their table's turn comes. Private to src/pipeline.
 *
 * A source may have thousands of tables of hundreds of columns, and a run works on a few of them at
 * a time. So what discovery says is kept in a file, which has no name as soon as it is open.
 */
#ifndef SL_DEFS_H
#define SL_DEFS_H

#include <stddef.h>
#include <stdint.h>

#include <sluice/connector.h>

struct sl_arena;
struct sl_defs;

/* Where one of them is. */
struct sl_def_place {
    int64_t at;
    size_t len;
};

SL_MUST_USE enum sl_code sl_defs_new(const char *directory, struct sl_defs **out,
                                     struct sl_error *error);
void sl_defs_free(struct sl_defs *defs); /* NULL is fine */
SL_MUST_USE enum sl_code sl_defs_put(struct sl_defs *defs, const struct sl_table_def *def,
                                     struct sl_def_place *out, struct sl_error *error);
SL_MUST_USE enum sl_code sl_defs_get(const struct sl_defs *defs, struct sl_def_place place,
                                     struct sl_arena *arena, const struct sl_table_def **out,
                                     struct sl_error *error);

#endif
