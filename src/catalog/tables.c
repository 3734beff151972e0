/* tables.c: what was landed where. The entry is for finding and showing; the table is the truth. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "catalog/internal.h"

#define TABLE_NAMES "SELECT catalog_name || '.' || schema_name || '.' || name FROM tables"

/* The first column of the first row, appended to out; *found says whether it was there and not
 * NULL. */
static enum sl_code one_text(struct sl_catalog *catalog, sqlite3_stmt *stmt, struct sl_buf *out,
                             bool *found, struct sl_error *error)
{
    enum sl_code rc = sl_store_next(catalog, stmt, error);

    *found = rc == SL_MORE && sqlite3_column_type(stmt, 0) != SQLITE_NULL;
    if (*found) sl_buf_adds(out, sl_store_text(stmt, 0));
    sqlite3_finalize(stmt);
    return sl_failed(rc) ? rc : SL_OK;
}

static enum sl_code location_in(struct sl_catalog *catalog, const char *c, const char *s,
                                const char *t, struct sl_buf *out, struct sl_error *error)
{
    sqlite3_stmt *stmt = NULL;
    bool found = false;

    enum sl_code rc = sl_store_begin(catalog, &stmt, error,
                                     "SELECT location FROM tables WHERE catalog_name = ?1 "
                                     "AND schema_name = ?2 AND name = ?3",
                                     "ttt", c, s, t);
    if (!rc) rc = one_text(catalog, stmt, out, &found, error);
    if (rc || found) return rc;

    rc = sl_store_begin(catalog, &stmt, error,
                        "SELECT storage_root FROM schemas WHERE catalog_name = ?1 AND name = ?2",
                        "tt", c, s);
    if (!rc) rc = one_text(catalog, stmt, out, &found, error);
    if (rc) return rc;
    if (found) {
        sl_buf_addf(out, "/%s", t);
        return SL_OK;
    }
    rc = sl_store_begin(catalog, &stmt, error, "SELECT storage_root FROM catalogs WHERE name = ?1",
                        "t", c);
    if (!rc) rc = one_text(catalog, stmt, out, &found, error);
    if (rc) return rc;
    if (found)
        sl_buf_addf(out, "/%s/%s", s, t);
    else
        sl_buf_addf(out, "%s/warehouse/%s/%s/%s", catalog->home, c, s, t);
    return SL_OK;
}

/* The three names, checked and in lower case; free each. */
static enum sl_code names_lower(const char *c, const char *s, const char *t, char *out[3],
                                struct sl_error *error)
{
    enum sl_code rc;

    out[0] = out[1] = out[2] = NULL;
    rc = sl_name_check("catalog", c, error);
    if (!rc) rc = sl_name_check("schema", s, error);
    if (!rc) rc = sl_name_check("table", t, error);
    if (rc) return rc;
    out[0] = sl_lower(c);
    out[1] = sl_lower(s);
    out[2] = sl_lower(t);
    if (!out[0] || !out[1] || !out[2])
        return sl_fail(error, SL_NO_MEMORY, "no memory for a table's name");
    return SL_OK;
}

static void names_free(char *names[3])
{
    for (size_t i = 0; i < 3; i++) sl_free(names[i]);
}

enum sl_code sl_table_location(struct sl_catalog *catalog, const char *catalog_name,
                               const char *schema_name, const char *table_name, struct sl_buf *out,
                               struct sl_error *error)
{
    char *names[3];
    enum sl_code rc = names_lower(catalog_name, schema_name, table_name, names, error);

    if (!rc) rc = location_in(catalog, names[0], names[1], names[2], out, error);
    if (!rc && sl_buf_failed(out)) rc = sl_fail(error, SL_NO_MEMORY, "no memory for a location");
    names_free(names);
    return rc;
}

static enum sl_code put_in(struct sl_catalog *catalog, const struct sl_table_entry *entry,
                           char *names[3], struct sl_error *error)
{
    char id[SL_ID_MAX];
    int64_t now = sl_catalog_now_ms(catalog);

    sl_uuid4(id);
    enum sl_code rc = sl_store_run(catalog, error,
                                   "INSERT INTO catalogs VALUES (?1, ?2, NULL, '{}', NULL, ?3, ?3) "
                                   "ON CONFLICT DO NOTHING",
                                   "tti", names[0], id, now);
    if (rc) return rc;
    sl_uuid4(id);
    rc = sl_store_run(catalog, error,
                      "INSERT INTO schemas VALUES (?1, ?2, ?3, NULL, '{}', NULL, ?4, ?4) "
                      "ON CONFLICT DO NOTHING",
                      "ttti", names[0], names[1], id, now);
    if (rc) return rc;
    sl_uuid4(id);
    return sl_store_run(
        catalog, error,
        "INSERT INTO tables VALUES (?1, ?2, ?3, ?4, ?5, ?6, COALESCE(?7, '{}'), ?8, ?9, ?10, ?11, "
        "?12, ?13, ?14, ?14) ON CONFLICT (catalog_name, schema_name, name) DO UPDATE SET "
        "location = excluded.location, delta_schema = excluded.delta_schema, "
        "properties = COALESCE(?7, properties), comment = COALESCE(?8, comment), "
        "pipeline_id = COALESCE(?9, pipeline_id), version = excluded.version, "
        "row_count = excluded.row_count, bytes = excluded.bytes, files = excluded.files, "
        "updated_ms = excluded.updated_ms",
        "tttttttttiiiii", names[0], names[1], names[2], id, entry->location, entry->schema_json,
        entry->properties, entry->comment, entry->pipeline_id, entry->version, entry->rows,
        entry->bytes, entry->files, now);
}

enum sl_code sl_table_put(struct sl_catalog *catalog, const struct sl_table_entry *entry,
                          struct sl_error *error)
{
    char *names[3];
    enum sl_code rc =
        names_lower(entry->catalog_name, entry->schema_name, entry->name, names, error);

    if (!rc) rc = sl_store_write_begin(catalog, error);
    if (!rc) rc = sl_store_write_end(catalog, put_in(catalog, entry, names, error), error);
    names_free(names);
    return rc;
}

/* ---- showing ---- */

#define TABLE_COLUMNS                                                                              \
    "SELECT catalog_name, schema_name, name, id, location, delta_schema, properties, comment, "    \
    "pipeline_id, version, row_count, bytes, files, created_ms, updated_ms FROM tables "

/* Not of the REST API: what a catalog view wants to show without opening the table. */
static void statistics_write(struct sl_json_writer *w, sqlite3_stmt *stmt)
{
    static const char *const keys[] = {"version", "num_rows", "size_in_bytes", "num_files"};

    sl_json_key(w, "statistics");
    sl_json_begin_object(w);
    for (int i = 0; i < 4; i++) {
        int64_t value = sqlite3_column_int64(stmt, 9 + i);
        sl_json_key(w, keys[i]);
        if (value < 0)
            sl_json_put_null(w);
        else
            sl_json_put_i64(w, value);
    }
    sl_json_end_object(w);
}

static enum sl_code table_write(struct sl_catalog *catalog, sqlite3_stmt *stmt,
                                struct sl_json_writer *w, struct sl_error *error)
{
    struct sl_buf full = {0};
    bool owned = sqlite3_column_type(stmt, 8) != SQLITE_NULL;
    const char *properties;

    sl_buf_addf(&full, "%s.%s.%s", sl_store_text(stmt, 0), sl_store_text(stmt, 1),
                sl_store_text(stmt, 2));
    sl_json_begin_object(w);
    sl_json_kv_str(w, "name", sl_store_text(stmt, 2));
    sl_json_kv_str(w, "catalog_name", sl_store_text(stmt, 0));
    sl_json_kv_str(w, "schema_name", sl_store_text(stmt, 1));
    sl_json_kv_str(w, "full_name", sl_buf_str(&full));
    sl_json_kv_str(w, "table_type", owned ? "STREAMING_TABLE" : "EXTERNAL");
    sl_json_kv_str(w, "data_source_format", "DELTA");
    enum sl_code rc = sl_columns_write(w, sl_store_text(stmt, 5), error);
    sl_json_kv_str(w, "storage_location", sl_store_text(stmt, 4));
    properties = sl_store_text(stmt, 6);
    sl_json_key(w, "properties");
    sl_json_put_raw(w, properties, strlen(properties));
    if (sqlite3_column_type(stmt, 7) != SQLITE_NULL)
        sl_json_kv_str(w, "comment", sl_store_text(stmt, 7));
    sl_json_kv_str(w, "table_id", sl_store_text(stmt, 3));
    if (owned) sl_json_kv_str(w, "pipeline_id", sl_store_text(stmt, 8));
    statistics_write(w, stmt);
    sl_json_kv_times(w, catalog, sqlite3_column_int64(stmt, 13), sqlite3_column_int64(stmt, 14));
    sl_json_end_object(w);
    sl_buf_release(&full);
    return rc;
}

enum sl_code sl_tables_list(struct sl_catalog *catalog, const char *catalog_name,
                            const char *schema_name, struct sl_buf *out, struct sl_error *error)
{
    sqlite3_stmt *stmt = NULL;
    char *c = catalog_name ? sl_lower(catalog_name) : NULL;
    char *s = schema_name ? sl_lower(schema_name) : NULL;
    enum sl_code rc = SL_OK;

    if ((catalog_name && !c) || (schema_name && !s))
        rc = sl_fail(error, SL_NO_MEMORY, "no memory for a name");
    if (!rc)
        rc = sl_store_begin(catalog, &stmt, error,
                            TABLE_COLUMNS "WHERE (?1 IS NULL OR catalog_name = ?1) AND "
                                          "(?2 IS NULL OR schema_name = ?2) ORDER BY 1, 2, 3",
                            "tt", c, s);
    if (!rc) rc = sl_store_array(catalog, stmt, table_write, out, error);
    sl_free(c);
    sl_free(s);
    return rc;
}

enum sl_code sl_tables_each(struct sl_catalog *catalog, const char *catalog_name,
                            const char *schema_name,
                            enum sl_code (*each)(void *ctx, const char *schema, const char *name,
                                                 const char *properties, struct sl_error *error),
                            void *ctx, struct sl_error *error)
{
    sqlite3_stmt *stmt = NULL;
    char *c = sl_lower(catalog_name);
    char *s = schema_name ? sl_lower(schema_name) : NULL;
    enum sl_code rc = SL_OK;

    if (!c || (schema_name && !s)) rc = sl_fail(error, SL_NO_MEMORY, "no memory for a name");
    if (!rc)
        rc = sl_store_begin(catalog, &stmt, error,
                            "SELECT schema_name, name, properties FROM tables WHERE "
                            "catalog_name = ?1 AND (?2 IS NULL OR schema_name = ?2) ORDER BY 1, 2",
                            "tt", c, s);
    while (!rc && (rc = sl_store_next(catalog, stmt, error)) == SL_MORE)
        rc = each(ctx, sl_store_text(stmt, 0), sl_store_text(stmt, 1), sl_store_text(stmt, 2),
                  error);
    sqlite3_finalize(stmt);
    sl_free(c);
    sl_free(s);
    return rc == SL_DONE ? SL_OK : rc;
}

enum sl_code sl_tables_get(struct sl_catalog *catalog, const char *full_name, struct sl_buf *out,
                           struct sl_error *error)
{
    sqlite3_stmt *stmt = NULL;
    char *parts[3];
    enum sl_code rc = sl_name_split(full_name, "table", parts, 3, error);

    if (!rc)
        rc = sl_store_begin(catalog, &stmt, error,
                            TABLE_COLUMNS
                            "WHERE catalog_name = ?1 AND schema_name = ?2 AND name = ?3",
                            "ttt", parts[0], parts[1], parts[2]);
    if (!rc) rc = sl_store_object(catalog, stmt, table_write, out, error);
    if (rc == SL_DONE) rc = sl_store_missing(catalog, "table", full_name, TABLE_NAMES, error);
    names_free(parts);
    return rc;
}

enum sl_code sl_tables_get_as(struct sl_catalog *catalog, const char *full_name,
                              const struct sl_table_entry *then, struct sl_buf *out,
                              struct sl_error *error)
{
    sqlite3_stmt *stmt = NULL;
    char *parts[3];
    enum sl_code rc = sl_name_split(full_name, "table", parts, 3, error);

    if (!rc)
        rc =
            sl_store_begin(catalog, &stmt, error,
                           "SELECT catalog_name, schema_name, name, id, location, ?4, ?5, comment, "
                           "pipeline_id, ?6, ?7, ?8, ?9, created_ms, updated_ms FROM tables "
                           "WHERE catalog_name = ?1 AND schema_name = ?2 AND name = ?3",
                           "tttttiiii", parts[0], parts[1], parts[2], then->schema_json,
                           then->properties, then->version, then->rows, then->bytes, then->files);
    if (!rc) rc = sl_store_object(catalog, stmt, table_write, out, error);
    if (rc == SL_DONE) rc = sl_store_missing(catalog, "table", full_name, TABLE_NAMES, error);
    names_free(parts);
    return rc;
}

enum sl_code sl_tables_delete(struct sl_catalog *catalog, const char *full_name,
                              struct sl_error *error)
{
    char *parts[3];
    enum sl_code rc = sl_name_split(full_name, "table", parts, 3, error);

    if (rc) return rc;
    rc = sl_store_run(
        catalog, error,
        "DELETE FROM tables WHERE catalog_name = ?1 AND schema_name = ?2 AND name = ?3", "ttt",
        parts[0], parts[1], parts[2]);
    if (!rc && sqlite3_changes(catalog->db) == 0)
        rc = sl_store_missing(catalog, "table", full_name, TABLE_NAMES, error);
    names_free(parts);
    return rc;
}
