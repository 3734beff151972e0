/* vtab.h: a Delta table as an SQLite virtual table. Private to src/sql. */
#ifndef SL_VTAB_H
#define SL_VTAB_H

#include <sqlite3.h>

#include "delta/delta.h"

struct sl_vtab;

/* What the module needs; must outlive the connection. error holds the newest failure. */
struct sl_vtab_env {
    struct sl_delta_engine *delta;
    struct sl_error error;
    struct sl_vtab *tables; /* that are there now */
};

/* Registers the module "sluice": CREATE VIRTUAL TABLE temp.t USING sluice('<hex of location>').
 * The location is in hex so that no character of it means anything to SQL. Returns an SQLite code. */
int sl_vtab_register(sqlite3 *db, struct sl_vtab_env *env);

/*
 * Turns every virtual table into a table of SQLite's own (temporary, spilling to a file), which
 * holds the columns that the statements prepared so far use; the others are NULL. Those statements
 * must have been finalized. Returns an SQLite code.
 */
int sl_vtab_copy_all(sqlite3 *db, struct sl_vtab_env *env);

#endif
