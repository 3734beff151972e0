/*
 * names.h: which landed tables a statement names. Private to src/sql.
 *
 * SQLite knows no catalogs, so that catalog.schema.table becomes one quoted name. The text is read
 * token by token (strings, quoted names and comments are left as they are); a chain of names whose
 * first one, two or three parts are one landed table is replaced; one that several tables have, and
 * SQL's own words, are left as they are.
 */
#ifndef SL_SQL_NAMES_H
#define SL_SQL_NAMES_H

#include "base/buf.h"
#include "catalog/catalog.h"

struct sl_doc;

struct sl_name {
    struct sl_name *next;
    const char *catalog, *schema, *table; /* in the document */
    const char *location;
    char *sql_name; /* what the statement calls it now */
};

struct sl_names {
    struct sl_doc *doc;    /* all tables of the catalog */
    struct sl_name *known; /* all of them */
    struct sl_name *used;  /* those that the statement names */
    struct sl_buf sql;     /* the statement, rewritten */
};

SL_MUST_USE enum sl_code sl_names_resolve(struct sl_catalog *catalog, const char *text,
                                          struct sl_names *out, struct sl_error *error);
void sl_names_release(struct sl_names *names);
/* "no such table: x": the name of the table nearest to x, or NULL. */
const char *sl_names_nearest(const struct sl_names *names, const char *message);
/* The same: do several tables have this name? */
bool sl_names_ambiguous(const struct sl_names *names, const char *message);

#endif
