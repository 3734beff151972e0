/* store.c: SQL statements in one line each, and SQLite's errors in our words. */
#include <stdarg.h>
#include <string.h>

#include "base/alloc.h"
#include "catalog/internal.h"
#include "options/options.h"

enum sl_code sl_store_fail(struct sl_catalog *catalog, struct sl_error *error)
{
    int primary = sqlite3_errcode(catalog->db) & 0xff;
    const char *why = sqlite3_errmsg(catalog->db);

    switch (primary) {
    case SQLITE_NOMEM:
        return sl_fail(error, SL_NO_MEMORY, "the catalog in '%s' ran out of memory", catalog->home);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        sl_fail(error, SL_DESTINATION, "the catalog in '%s' is busy: %s", catalog->home, why);
        sl_error_hint(error, "Another sluice has been writing for longer than 10 seconds; try "
                             "again.");
        break;
    case SQLITE_FULL:
        sl_fail(error, SL_DESTINATION, "the catalog in '%s' cannot be written: the disk is full",
                catalog->home);
        sl_error_hint(error, "Make room, or move the home with SLUICE_HOME.");
        break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        sl_fail(error, SL_DESTINATION, "the catalog '%s/catalog.db' is damaged: %s", catalog->home,
                why);
        sl_error_hint(error, "Move it away and create connections and pipelines again: the tables "
                             "hold their own cursors and go on where they stood.");
        break;
    case SQLITE_ERROR:
    case SQLITE_MISUSE:
    case SQLITE_RANGE: return sl_fail(error, SL_BUG, "the catalog in '%s': %s", catalog->home, why);
    default:
        sl_fail(error, SL_DESTINATION, "the catalog in '%s' cannot be used: %s", catalog->home,
                why);
        sl_error_hint(error, "Check that the directory exists and may be written, or move the home "
                             "with SLUICE_HOME.");
    }
    return error->code;
}

static int bind_all(sqlite3_stmt *stmt, const char *types, va_list args)
{
    int rc = SQLITE_OK;
    int index = 1;

    for (const char *type = types; *type && rc == SQLITE_OK; type++, index++) {
        if (*type == 't') {
            const char *text = va_arg(args, const char *);
            rc = text ? sqlite3_bind_text(stmt, index, text, -1, SQLITE_TRANSIENT)
                      : sqlite3_bind_null(stmt, index);
        } else if (*type == 'i') {
            rc = sqlite3_bind_int64(stmt, index, va_arg(args, int64_t));
        } else {
            const void *bytes = va_arg(args, const void *);
            size_t len = va_arg(args, size_t);
            rc = sqlite3_bind_blob64(stmt, index, bytes, len, SQLITE_TRANSIENT);
        }
    }
    return rc;
}

static enum sl_code begin(struct sl_catalog *catalog, sqlite3_stmt **out, struct sl_error *error,
                          const char *sql, const char *types, va_list args)
{
    *out = NULL;
    if (sqlite3_prepare_v2(catalog->db, sql, -1, out, NULL) != SQLITE_OK)
        return sl_store_fail(catalog, error);
    if (bind_all(*out, types, args) != SQLITE_OK) {
        enum sl_code rc = sl_store_fail(catalog, error);
        sqlite3_finalize(*out);
        *out = NULL;
        return rc;
    }
    return SL_OK;
}

enum sl_code sl_store_begin(struct sl_catalog *catalog, sqlite3_stmt **out, struct sl_error *error,
                            const char *sql, const char *types, ...)
{
    va_list args;
    va_start(args, types);
    enum sl_code rc = begin(catalog, out, error, sql, types, args);
    va_end(args);
    return rc;
}

enum sl_code sl_store_next(struct sl_catalog *catalog, sqlite3_stmt *stmt, struct sl_error *error)
{
    switch (sqlite3_step(stmt)) {
    case SQLITE_ROW: return SL_MORE;
    case SQLITE_DONE: return SL_DONE;
    default: return sl_store_fail(catalog, error);
    }
}

enum sl_code sl_store_run(struct sl_catalog *catalog, struct sl_error *error, const char *sql,
                          const char *types, ...)
{
    sqlite3_stmt *stmt = NULL;
    va_list args;

    va_start(args, types);
    enum sl_code rc = begin(catalog, &stmt, error, sql, types, args);
    va_end(args);
    if (rc) return rc;
    do {
        rc = sl_store_next(catalog, stmt, error);
    } while (rc == SL_MORE);
    sqlite3_finalize(stmt);
    return sl_failed(rc) ? rc : SL_OK;
}

enum sl_code sl_store_write_begin(struct sl_catalog *catalog, struct sl_error *error)
{
    return sl_store_run(catalog, error, "BEGIN IMMEDIATE", "");
}

enum sl_code sl_store_write_end(struct sl_catalog *catalog, enum sl_code code,
                                struct sl_error *error)
{
    struct sl_error ignored;

    if (!sl_failed(code)) {
        code = sl_store_run(catalog, error, "COMMIT", "");
        if (!code) return SL_OK;
    }
    /* The first error is the one to tell; a failed roll-back ends with the connection anyway. */
    if (!sqlite3_get_autocommit(catalog->db))
        (void)!sl_store_run(catalog, &ignored, "ROLLBACK", "");
    return code;
}

const char *sl_store_text(sqlite3_stmt *stmt, int column)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);
    return text ? text : "";
}

enum sl_code sl_store_array(struct sl_catalog *catalog, sqlite3_stmt *stmt, sl_row_fn *write,
                            struct sl_buf *out, struct sl_error *error)
{
    struct sl_json_writer *writer = NULL;
    enum sl_code rc = sl_writer_new(&writer, error);

    if (rc) goto out;
    sl_json_begin_array(writer);
    while (!rc && (rc = sl_store_next(catalog, stmt, error)) == SL_MORE)
        rc = write(catalog, stmt, writer, error);
    if (sl_failed(rc)) goto out;
    sl_json_end_array(writer);
    rc = sl_json_append(writer, out, error);

out:
    sqlite3_finalize(stmt);
    sl_json_writer_free(writer);
    return rc;
}

enum sl_code sl_store_object(struct sl_catalog *catalog, sqlite3_stmt *stmt, sl_row_fn *write,
                             struct sl_buf *out, struct sl_error *error)
{
    struct sl_json_writer *writer = NULL;
    enum sl_code rc = sl_writer_new(&writer, error);

    if (!rc) rc = sl_store_next(catalog, stmt, error);
    if (rc == SL_MORE) {
        rc = write(catalog, stmt, writer, error);
        if (!rc) rc = sl_json_append(writer, out, error);
    }
    sqlite3_finalize(stmt);
    sl_json_writer_free(writer);
    return rc;
}

#define NAMES_MAX 1000 /* candidates that are compared to find the nearest */

enum sl_code sl_store_missing(struct sl_catalog *catalog, const char *what, const char *name,
                              const char *names_sql, struct sl_error *error)
{
    sqlite3_stmt *stmt = NULL;
    char **names = sl_calloc(NAMES_MAX + 1, sizeof *names);
    size_t count = 0;

    sl_fail(error, SL_NOT_FOUND, "%s '%s' does not exist", what, name);
    if (!names) goto out;
    struct sl_error ignored;
    if (sl_store_begin(catalog, &stmt, &ignored, names_sql, "")) goto out;
    while (count < NAMES_MAX && sl_store_next(catalog, stmt, &ignored) == SL_MORE) {
        names[count] = sl_strdup(sl_store_text(stmt, 0));
        if (!names[count]) break;
        count++;
    }
    const char *nearest = sl_nearest(name, (const char *const *)names);
    if (nearest)
        sl_error_hint(error, "Did you mean '%s'?", nearest);
    else if (count == 0)
        sl_error_hint(error, "There is no %s yet.", what);

out:
    sqlite3_finalize(stmt);
    for (size_t i = 0; i < count; i++) sl_free(names[i]);
    sl_free(names);
    return SL_NOT_FOUND;
}
