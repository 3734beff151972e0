/*
 * sql.h: SQL over landed tables.
 *
 * SELECT (and everything else SQLite can read with) runs in an SQLite without a file, over virtual
 * tables that stream from the Delta reader; only the columns a statement uses are read. Tables are
 * named catalog.schema.table, schema.table or table. Nothing can be written.
 *
 *     SHOW CATALOGS | SHOW SCHEMAS [IN c] | SHOW TABLES [IN c.s] | SHOW CONNECTIONS
 *     DESCRIBE CONNECTION name | DESCRIBE [TABLE] c.s.t
 *
 * Types: BOOLEAN is 0 or 1, BIGINT an integer, DOUBLE a real (NaN and infinities: text), DECIMAL,
 * DATE and TIMESTAMP are text (exact, and in an order that sorts), nested values are JSON text, for
 * SQLite's JSON functions.
 */
#ifndef SL_SQL_H
#define SL_SQL_H

#include "catalog/catalog.h"
#include "delta/delta.h"

#define SL_SQL_BYTES_MAX ((size_t)1 << 20) /* of one statement */

/* One value of a result row. */
struct sl_sql_value {
    enum { SL_SQL_NULL, SL_SQL_INTEGER, SL_SQL_REAL, SL_SQL_TEXT } kind;
    int64_t integer;
    double real;
    const char *text; /* lives during the call of `row` */
    size_t text_len;
};

struct sl_sql_sink {
    /* Once, before the rows. */
    enum sl_code (*columns)(void *ctx, const char *const *names, size_t count,
                            struct sl_error *error);
    enum sl_code (*row)(void *ctx, const struct sl_sql_value *values, size_t count,
                        struct sl_error *error);
    void *ctx;
};

/*
 * Runs one statement. SL_USAGE: SQLite or we do not understand it (message says where);
 * SL_NOT_FOUND: no such table, with the nearest name.
 */
SL_MUST_USE enum sl_code sl_sql_run(struct sl_catalog *catalog, struct sl_delta_engine *delta,
                                    const char *statement, const struct sl_sql_sink *sink,
                                    struct sl_error *error);

#endif
