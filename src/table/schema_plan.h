/*
 * schema_plan.h: a schema that is being made. Private to schema.c, which names the columns and puts
 * them in order, and schema_choose.c, which finds out what the specification's lists mean.
 */
#ifndef SL_SCHEMA_PLAN_H
#define SL_SCHEMA_PLAN_H

#include "table/existing.h"
#include "table/names.h"
#include "table/schema.h"

/* What is known while a schema is made: one entry per column of the definition. */
struct sl_schema_plan {
    const struct sl_table_def *def;
    const struct sl_schema_options *options;
    struct sl_arena *arena;
    struct sl_existing existing; /* what the table has; empty when it is new */
    struct sl_naming *names;
    bool *other_type; /* the field is in the table under other types alone */
    bool *wanted;
    size_t *keys;
    size_t key_count;
    size_t *sequence; /* columns of sequence_by */
    size_t sequence_count;
    bool *tracked;
    struct sl_error *error;
};

/* In this order, once the columns have names. */
SL_MUST_USE enum sl_code sl_schema_choose_keys(struct sl_schema_plan *plan);
SL_MUST_USE enum sl_code sl_schema_choose_columns(struct sl_schema_plan *plan);
SL_MUST_USE enum sl_code sl_schema_choose_sequence(struct sl_schema_plan *plan);
SL_MUST_USE enum sl_code sl_schema_choose_tracked(struct sl_schema_plan *plan);

#endif
