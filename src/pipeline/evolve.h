/*
 * evolve.h: a table that is there, and a source that is not what it was. Pure: no table, no clock.
 *
 *     sl_evolve                 what is to be done before rows can go in
 *       operation != NULL       do that sl_delta_alter first, then evolve again with what the table
 *                               says now (it alters at most twice)
 *       operation == NULL       schema and add_columns are what the run works with
 *
 * An alter that the table refuses with SL_UNSUPPORTED (a CHECK constraint may name the column) need
 * not stop a run: evolve again with keep_names.
 *
 * docs/types.md ("Schema over time") has the rules in words. What was altered is so whether or not
 * the run comes to a commit, and evolving again changes nothing.
 *
 * full_read_due is said once: by the call that sees a new, converted or returned field. When there
 * is an operation, the alter must carry it into the flow's domain, or a kill right after it would
 * lose it; new columns are seen again until a commit adds them.
 */
#ifndef SL_EVOLVE_H
#define SL_EVOLVE_H

#include "base/arena.h"
#include "delta/delta.h"
#include "table/schema.h"

struct sl_evolve_input {
    const struct sl_table_def *def;
    const struct sl_schema_options *options; /* existing_schema_json, physical_ids: not looked at */
    const char *schema_json;                 /* of the table; NULL: there is none yet */
    const char *properties_json;             /* of the table: a JSON object; NULL: there is none */
    const struct sl_json *wanted;            /* table_properties of the specification, or NULL */
    bool keep_names;                         /* on_rename: keep */
    int64_t now_us;                          /* for marks */
};

struct sl_evolve_note {
    enum sl_note level;
    const char *text;
};

struct sl_evolution {
    /* an alter: */
    const char *operation;   /* NULL: none */
    const char *schema_json; /* NULL: the schema stays */
    const struct sl_pair *set;
    size_t set_count;
    /* none: */
    struct sl_schema *schema; /* belongs to the evolution unless taken (set it to NULL) */
    char *add_columns;        /* JSON array, or NULL; likewise */
    bool physical_ids;        /* column mapping is on */
    bool holds_history;       /* the table has bounds of history (whatever is asked for now) */

    bool full_read_due;
    const struct sl_evolve_note *notes; /* each once, when it happens */
    size_t note_count;
    struct sl_arena arena;
};

/* Errors are those of sl_schema_new and sl_schema_delta_missing. Release whatever the result. */
SL_MUST_USE enum sl_code sl_evolve(const struct sl_evolve_input *input, struct sl_evolution *out,
                                   struct sl_error *error);
void sl_evolution_release(struct sl_evolution *evolution); /* safe on {0} */

#endif
