/*
 * names.h: visible column names (docs/types.md, section Names). Pure, used by schema.c.
 */
#ifndef SL_NAMES_H
#define SL_NAMES_H

#include "base/arena.h"
#include "table/schema.h"

/* Bytes of a name before any suffix; longer ones are cut between characters. */
#define SL_NAME_MAX 200

struct sl_naming {
    const char *name;    /* as the source shows it */
    const char *id;      /* the source's stable id, or NULL */
    const char *fixed;   /* the visible name that is decided already, or NULL */
    const char *base;    /* what to call it unless that clashes; NULL: `name`, made plain */
    const char *visible; /* out; in the arena */
};

/* The name a column would get if nothing clashed; appended to out. any_char: column mapping is on,
 * so Delta takes any character. */
void sl_name_plain(const char *name, enum sl_names how, bool any_char, struct sl_buf *out);

/* Equal for readers that compare without case? */
bool sl_name_same(const char *a, const char *b);

/*
 * Gives every column its visible name. Names in `taken` belong to somebody else (columns of an
 * existing table whose field is gone, columns of our own). Whoever clashes and is not fixed gets a
 * suffix from its id: the same result whatever the order of the columns.
 *
 * SL_UNSUPPORTED  two fixed names are the same
 */
SL_MUST_USE enum sl_code sl_names_assign(struct sl_naming *columns, size_t count,
                                         const char *const *taken, size_t taken_count,
                                         enum sl_names how, bool any_char, struct sl_arena *arena,
                                         struct sl_error *error);

#endif
