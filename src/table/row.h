/*
 * row.h: the columns' paths, compiled into a tree of the objects that a row is made of, so that
 * each object's members are walked once.
 *
 *     {"id": .., "fields": {"fldA": .., "fldB": ..}}     row: id -> column 0, fields -> level 1
 *                                                        level 1: fldA -> column 1, fldB -> 2
 */
#ifndef SL_ROW_H
#define SL_ROW_H

#include "base/arena.h"
#include "table/keymap.h"
#include "table/schema.h"

struct sl_level;

struct sl_level_member {
    size_t column;          /* the first that this member goes to; SL_NO_COLUMN: none */
    struct sl_level *child; /* the object is opened; NULL: it is not */
};

struct sl_level {
    struct sl_keymap map; /* keys in the order of members */
    struct sl_level_member *members;
    const char *label;     /* path from the row: "fields", "a.b"; "" for the row */
    size_t rest;           /* the column for members that nobody names; SL_NO_COLUMN: none */
    bool strict;           /* unknown members are rescued */
    struct sl_level *next; /* all levels, for release */
};

struct sl_row_plan {
    struct sl_arena arena; /* labels */
    struct sl_level *root;
    size_t *next_same; /* per schema column: the next with the same path; SL_NO_COLUMN: none */
};

/* Excluded columns are known members too: they are neither rescued nor part of a rest. */
SL_MUST_USE enum sl_code sl_row_plan_init(struct sl_row_plan *plan, const struct sl_schema *schema,
                                          struct sl_error *error);
void sl_row_plan_release(struct sl_row_plan *plan); /* safe on {0} */

#endif
