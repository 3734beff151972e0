/*
 * evolve_parts.h: what the files of sl_evolve share. Private to evolve*.c.
 */
#ifndef SL_EVOLVE_PARTS_H
#define SL_EVOLVE_PARTS_H

#include "pipeline/evolve.h"
#include "table/existing.h"

struct sl_evolve_work {
    const struct sl_evolve_input *in;
    struct sl_evolution *out;
    struct sl_existing existing;
    struct sl_schema *schema; /* with the names that the table has now */
    bool mapped;              /* column mapping is on */
    struct sl_evolve_note *notes;
    size_t note_room;
    bool no_memory; /* sticks */
};

void sl_evolve_say(struct sl_evolve_work *w, enum sl_note level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Which table properties are to be set: out->set. has: the table's, an object. *upgrade: column
 * mapping is to be turned on. */
void sl_evolve_properties(struct sl_evolve_work *w, const struct sl_json *has, bool *upgrade);
/* Says which cannot be. */
void sl_evolve_say_kept(struct sl_evolve_work *w, const struct sl_json *has);
/* Marks and names of columns that are there: out->schema_json, when anything changes. */
SL_MUST_USE enum sl_code sl_evolve_fields(struct sl_evolve_work *w, bool *renames,
                                          struct sl_error *error);

#endif
