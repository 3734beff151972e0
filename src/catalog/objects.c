/* objects.c: catalogs and schemas. Names are lower case. */
#include <string.h>

#include "base/alloc.h"
#include "catalog/internal.h"

static const char *const create_keys[] = {"name",    "catalog_name", "comment", "properties",
                                          "options", "storage_root", NULL};

static void optional(struct sl_json_writer *w, const char *key, sqlite3_stmt *stmt, int column)
{
    if (sqlite3_column_type(stmt, column) != SQLITE_NULL)
        sl_json_kv_str(w, key, sl_store_text(stmt, column));
}

static void properties_write(struct sl_json_writer *w, sqlite3_stmt *stmt, int column)
{
    const char *text = sl_store_text(stmt, column);

    sl_json_key(w, "properties");
    sl_json_put_raw(w, text, strlen(text));
}

/* ---- catalogs ---- */

#define CATALOG_COLUMNS                                                                            \
    "SELECT name, comment, properties, storage_root, created_ms, updated_ms FROM catalogs "

static enum sl_code catalog_write(struct sl_catalog *catalog, sqlite3_stmt *stmt,
                                  struct sl_json_writer *w, struct sl_error *error)
{
    (void)error;
    sl_json_begin_object(w);
    sl_json_kv_str(w, "name", sl_store_text(stmt, 0));
    sl_json_kv_str(w, "full_name", sl_store_text(stmt, 0));
    sl_json_kv_str(w, "catalog_type", "MANAGED_CATALOG");
    optional(w, "comment", stmt, 1);
    properties_write(w, stmt, 2);
    optional(w, "storage_root", stmt, 3);
    sl_json_kv_str(w, "isolation_mode", "OPEN");
    sl_json_kv_str(w, "securable_type", "CATALOG");
    sl_json_kv_times(w, catalog, sqlite3_column_int64(stmt, 4), sqlite3_column_int64(stmt, 5));
    sl_json_end_object(w);
    return SL_OK;
}

enum sl_code sl_catalogs_list(struct sl_catalog *catalog, struct sl_buf *out,
                              struct sl_error *error)
{
    sqlite3_stmt *stmt = NULL;
    enum sl_code rc = sl_store_begin(catalog, &stmt, error, CATALOG_COLUMNS "ORDER BY name", "");

    return rc ? rc : sl_store_array(catalog, stmt, catalog_write, out, error);
}

enum sl_code sl_catalogs_get(struct sl_catalog *catalog, const char *name, struct sl_buf *out,
                             struct sl_error *error)
{
    sqlite3_stmt *stmt = NULL;
    char *part = NULL;
    enum sl_code rc = sl_name_split(name, "catalog", &part, 1, error);

    if (!rc)
        rc = sl_store_begin(catalog, &stmt, error, CATALOG_COLUMNS "WHERE name = ?1", "t", part);
    if (!rc) rc = sl_store_object(catalog, stmt, catalog_write, out, error);
    if (rc == SL_DONE)
        rc = sl_store_missing(catalog, "catalog", part, "SELECT name FROM catalogs", error);
    sl_free(part);
    return rc;
}

/* What create asks for both kinds; all of it is the caller's to free. */
struct creation {
    char *name, *catalog_name, *properties, *storage_root;
    const char *comment;
};

static void creation_release(struct creation *c)
{
    sl_free(c->name);
    sl_free(c->catalog_name);
    sl_free(c->properties);
    sl_free(c->storage_root);
}

static enum sl_code creation_read(const struct sl_json *json, const char *what, bool is_schema,
                                  struct creation *out, struct sl_error *error)
{
    const char *name = NULL, *catalog_name = NULL, *root = NULL;
    const struct sl_json *properties = sl_json_get(json, "properties");

    enum sl_code rc = sl_json_only(json, create_keys, what, error);
    if (!rc) rc = sl_json_text_member(json, "name", true, &name, error);
    if (!rc && is_schema)
        rc = sl_json_text_member(json, "catalog_name", true, &catalog_name, error);
    if (!rc) rc = sl_json_text_member(json, "comment", false, &out->comment, error);
    if (!rc) rc = sl_json_text_member(json, "storage_root", false, &root, error);
    if (!rc) rc = sl_name_check(what, name, error);
    if (rc) return rc;
    if (properties && sl_json_kind(properties) != SL_JSON_OBJECT)
        return sl_fail(error, SL_BAD_SPEC, "/properties: expected an object, found %s",
                       sl_json_kind_name(sl_json_kind(properties)));
    if (root && root[0] != '/' && !strstr(root, "://")) {
        sl_fail(error, SL_BAD_SPEC, "/storage_root: '%s' is not a place for tables", root);
        sl_error_hint(error, "Use an absolute path or a URL such as s3://bucket/path.");
        return error->code;
    }
    out->name = sl_lower(name);
    out->catalog_name = catalog_name ? sl_lower(catalog_name) : NULL;
    out->properties = sl_json_text(properties);
    out->storage_root = root ? sl_strdup(root) : NULL;
    if (!out->name || !out->properties || (catalog_name && !out->catalog_name) ||
        (root && !out->storage_root))
        return sl_fail(error, SL_NO_MEMORY, "no memory for a %s", what);
    for (size_t len; out->storage_root && (len = strlen(out->storage_root)) > 1 &&
                     out->storage_root[len - 1] == '/';)
        out->storage_root[len - 1] = '\0';
    return SL_OK;
}

enum sl_code sl_catalogs_create(struct sl_catalog *catalog, const struct sl_json *json,
                                struct sl_error *error)
{
    char id[SL_ID_MAX];
    struct creation c = {0};
    enum sl_code rc = creation_read(json, "catalog", false, &c, error);

    if (rc) goto out;
    sl_uuid4(id);
    rc = sl_store_run(catalog, error,
                      "INSERT INTO catalogs VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6) "
                      "ON CONFLICT (name) DO NOTHING",
                      "ttttti", c.name, id, c.comment, c.properties, c.storage_root,
                      sl_catalog_now_ms(catalog));
    if (!rc && sqlite3_changes(catalog->db) == 0)
        rc = sl_fail(error, SL_EXISTS, "a catalog named '%s' exists already", c.name);

out:
    creation_release(&c);
    return rc;
}

/* ---- schemas ---- */

#define SCHEMA_COLUMNS                                                                             \
    "SELECT catalog_name, name, id, comment, properties, storage_root, created_ms, updated_ms "    \
    "FROM schemas "
#define SCHEMA_NAMES "SELECT catalog_name || '.' || name FROM schemas"

static enum sl_code schema_write(struct sl_catalog *catalog, sqlite3_stmt *stmt,
                                 struct sl_json_writer *w, struct sl_error *error)
{
    struct sl_buf full = {0};

    sl_buf_addf(&full, "%s.%s", sl_store_text(stmt, 0), sl_store_text(stmt, 1));
    if (sl_buf_failed(&full)) return sl_fail(error, SL_NO_MEMORY, "no memory for a schema");
    sl_json_begin_object(w);
    sl_json_kv_str(w, "name", sl_store_text(stmt, 1));
    sl_json_kv_str(w, "catalog_name", sl_store_text(stmt, 0));
    sl_json_kv_str(w, "full_name", sl_buf_str(&full));
    sl_json_kv_str(w, "schema_id", sl_store_text(stmt, 2));
    sl_json_kv_str(w, "catalog_type", "MANAGED_CATALOG");
    optional(w, "comment", stmt, 3);
    properties_write(w, stmt, 4);
    optional(w, "storage_root", stmt, 5);
    sl_json_kv_times(w, catalog, sqlite3_column_int64(stmt, 6), sqlite3_column_int64(stmt, 7));
    sl_json_end_object(w);
    sl_buf_release(&full);
    return SL_OK;
}

static enum sl_code catalog_check(struct sl_catalog *catalog, const char *name,
                                  struct sl_error *error)
{
    struct sl_buf ignored = {0};
    enum sl_code rc = sl_catalogs_get(catalog, name, &ignored, error);

    sl_buf_release(&ignored);
    return rc;
}

enum sl_code sl_schemas_list(struct sl_catalog *catalog, const char *catalog_name,
                             struct sl_buf *out, struct sl_error *error)
{
    sqlite3_stmt *stmt = NULL;
    char *part = NULL;
    enum sl_code rc = catalog_name ? catalog_check(catalog, catalog_name, error) : SL_OK;

    if (!rc && catalog_name) rc = sl_name_split(catalog_name, "catalog", &part, 1, error);
    if (!rc)
        rc = sl_store_begin(catalog, &stmt, error,
                            SCHEMA_COLUMNS "WHERE ?1 IS NULL OR catalog_name = ?1 ORDER BY 1, 2",
                            "t", part);
    if (!rc) rc = sl_store_array(catalog, stmt, schema_write, out, error);
    sl_free(part);
    return rc;
}

enum sl_code sl_schemas_get(struct sl_catalog *catalog, const char *full_name, struct sl_buf *out,
                            struct sl_error *error)
{
    sqlite3_stmt *stmt = NULL;
    char *parts[2];
    enum sl_code rc = sl_name_split(full_name, "schema", parts, 2, error);

    if (!rc)
        rc = sl_store_begin(catalog, &stmt, error,
                            SCHEMA_COLUMNS "WHERE catalog_name = ?1 AND name = ?2", "tt", parts[0],
                            parts[1]);
    if (!rc) rc = sl_store_object(catalog, stmt, schema_write, out, error);
    if (rc == SL_DONE) rc = sl_store_missing(catalog, "schema", full_name, SCHEMA_NAMES, error);
    sl_free(parts[0]);
    sl_free(parts[1]);
    return rc;
}

enum sl_code sl_schemas_create(struct sl_catalog *catalog, const struct sl_json *json,
                               struct sl_error *error)
{
    char id[SL_ID_MAX];
    struct creation c = {0};
    enum sl_code rc = creation_read(json, "schema", true, &c, error);

    if (!rc) rc = catalog_check(catalog, c.catalog_name, error);
    if (rc) goto out;
    sl_uuid4(id);
    rc = sl_store_run(catalog, error,
                      "INSERT INTO schemas VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7) "
                      "ON CONFLICT (catalog_name, name) DO NOTHING",
                      "tttttti", c.catalog_name, c.name, id, c.comment, c.properties,
                      c.storage_root, sl_catalog_now_ms(catalog));
    if (!rc && sqlite3_changes(catalog->db) == 0)
        rc = sl_fail(error, SL_EXISTS, "a schema named '%s.%s' exists already", c.catalog_name,
                     c.name);

out:
    creation_release(&c);
    return rc;
}
