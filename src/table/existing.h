/*
 * existing.h: the columns of a table that is there, and which field of the source each of them is.
 *
 * One field of the source may have several columns: one for each type it has had. At most one of
 * them is filled now.
 */
#ifndef SL_EXISTING_H
#define SL_EXISTING_H

#include "base/arena.h"
#include "table/schema.h"

struct sl_doc;

/* Metadata of a column; docs/types.md says what each means. */
#define SL_META_ID "sluice.id"
#define SL_META_NAME "sluice.name"
#define SL_META_TYPE "sluice.type"
#define SL_META_RENAMED "sluice.renamed"
#define SL_META_FOLLOWED "sluice.followed"
#define SL_META_GONE "sluice.gone"
#define SL_META_PHYSICAL "delta.columnMapping.physicalName"

struct sl_existing_field {
    const char *name;     /* in the table */
    const char *id;       /* of the source's field, or NULL */
    const char *source;   /* the source's name as it landed, or NULL: nothing of ours */
    const char *renamed;  /* the source's name since, or NULL */
    const char *followed; /* the source's name that the column was last renamed after, or NULL */
    const char *gone;     /* since when nothing fills it, or NULL */
    const char *physical;
    const struct sl_json *json, *type; /* Delta's, of the document below */
    bool not_null;
    bool claimed; /* a column of the source is this one */
};

struct sl_existing {
    size_t count;
    struct sl_existing_field *fields;
    struct sl_doc *doc;
};

/* Reads Delta schema JSON; texts go into the arena. SL_BAD_DATA: it is not one. */
SL_MUST_USE enum sl_code sl_existing_read(const char *schema_json, struct sl_arena *arena,
                                          struct sl_existing *out, struct sl_error *error);
void sl_existing_release(struct sl_existing *existing); /* safe on {0}; texts stay in the arena */

/*
 * Which field is this column? By id; without one by the source's name; and a field that carries
 * nothing of ours (made by another tool, or its metadata was lost) by its visible name. Of several
 * the one of the column's type.
 */
struct sl_claim {
    const char *name;  /* of the field that is the column now, or NULL: it needs a new one */
    const char *other; /* name NULL: of the first field that it was under other types, or NULL */
};
/* Each field is claimed once. False: no memory. */
SL_MUST_USE bool sl_existing_claim(struct sl_existing *existing, const struct sl_column *column,
                                   enum sl_names how, bool any_char, struct sl_claim *out);

#endif
