/*
 * existing.h: what an existing Delta table already calls its columns.
 */
#ifndef SL_EXISTING_H
#define SL_EXISTING_H

#include "base/arena.h"
#include "table/schema.h"

struct sl_existing_field {
    const char *name;   /* in the table */
    const char *id;     /* sluice.id, or NULL */
    const char *source; /* sluice.name, or NULL */
    bool claimed;       /* a column of the source is this one */
};

struct sl_existing {
    size_t count;
    struct sl_existing_field *fields;
};

/* Reads Delta schema JSON into the arena. SL_BAD_DATA: it is not one. */
SL_MUST_USE enum sl_code sl_existing_read(const char *schema_json, struct sl_arena *arena,
                                          struct sl_existing *out, struct sl_error *error);

/*
 * Which field is this column? By id; without one by the source's name; and a field that carries
 * nothing of ours (made by another tool, or its metadata was lost) by its visible name. *name is
 * the field's name, or NULL: a new column. Each field is claimed once.
 */
SL_MUST_USE enum sl_code sl_existing_claim(struct sl_existing *existing,
                                           const struct sl_column *column, enum sl_names how,
                                           bool any_char, const char **name);

#endif
