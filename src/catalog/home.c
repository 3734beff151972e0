/* home.c: the home directory and its database: made, opened, brought to this version. */
#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "catalog/internal.h"

#define BUSY_TIMEOUT_MS 10000

/* Version 1. Times are milliseconds since 1970, UTC; documents are JSON text. */
static const char schema_1[] =
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;"

    "CREATE TABLE connections ("
    "  id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE COLLATE NOCASE,"
    "  type TEXT NOT NULL, source TEXT NOT NULL, comment TEXT, properties TEXT NOT NULL,"
    "  read_only INTEGER NOT NULL, created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL"
    ") STRICT;"
    /* given: the name as the user wrote it; name: the connector's. kind: plain (value: JSON), env
     * and file (value: name or path), sealed (box). */
    "CREATE TABLE connection_options ("
    "  connection_id TEXT NOT NULL REFERENCES connections(id) ON DELETE CASCADE,"
    "  position INTEGER NOT NULL, name TEXT NOT NULL, given TEXT NOT NULL,"
    "  secret INTEGER NOT NULL, kind TEXT NOT NULL, value TEXT, box BLOB,"
    "  PRIMARY KEY (connection_id, position)"
    ") STRICT;"

    "CREATE TABLE catalogs ("
    "  name TEXT PRIMARY KEY, id TEXT NOT NULL, comment TEXT, properties TEXT NOT NULL,"
    "  storage_root TEXT, created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL"
    ") STRICT;"
    "CREATE TABLE schemas ("
    "  catalog_name TEXT NOT NULL REFERENCES catalogs(name) ON DELETE CASCADE,"
    "  name TEXT NOT NULL, id TEXT NOT NULL, comment TEXT, properties TEXT NOT NULL,"
    "  storage_root TEXT, created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL,"
    "  PRIMARY KEY (catalog_name, name)"
    ") STRICT;"
    "CREATE TABLE tables ("
    "  catalog_name TEXT NOT NULL, schema_name TEXT NOT NULL, name TEXT NOT NULL,"
    "  id TEXT NOT NULL, location TEXT NOT NULL, delta_schema TEXT NOT NULL,"
    "  properties TEXT NOT NULL, comment TEXT, pipeline_id TEXT,"
    "  version INTEGER NOT NULL, row_count INTEGER NOT NULL, bytes INTEGER NOT NULL,"
    "  files INTEGER NOT NULL, created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL,"
    "  PRIMARY KEY (catalog_name, schema_name, name),"
    "  FOREIGN KEY (catalog_name, schema_name) REFERENCES schemas(catalog_name, name)"
    "    ON DELETE CASCADE"
    ") STRICT;"

    "CREATE TABLE pipelines ("
    "  id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, spec TEXT NOT NULL,"
    "  created_ms INTEGER NOT NULL, modified_ms INTEGER NOT NULL"
    ") STRICT;"
    "CREATE TABLE updates ("
    "  number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
    "  pipeline_id TEXT NOT NULL REFERENCES pipelines(id) ON DELETE CASCADE,"
    "  state TEXT NOT NULL, cause TEXT NOT NULL, full_refresh INTEGER NOT NULL,"
    "  validate_only INTEGER NOT NULL, full_refresh_selection TEXT, refresh_selection TEXT,"
    "  config TEXT NOT NULL, created_ms INTEGER NOT NULL, ended_ms INTEGER,"
    "  stop_requested INTEGER NOT NULL DEFAULT 0, process INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX updates_of ON updates (pipeline_id, number);"
    "CREATE TABLE events ("
    "  number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL,"
    "  pipeline_id TEXT NOT NULL REFERENCES pipelines(id) ON DELETE CASCADE,"
    "  update_id TEXT NOT NULL, time_ms INTEGER NOT NULL, level TEXT NOT NULL,"
    "  event_type TEXT NOT NULL, json TEXT NOT NULL"
    ") STRICT;"
    "CREATE INDEX events_of ON events (pipeline_id, time_ms);"
    "CREATE INDEX events_of_update ON events (update_id, time_ms);";

/* Version 2. seed: which credentials it began with; number: grows with each write. */
static const char schema_2[] =
    "CREATE TABLE grants ("
    "  connection_id TEXT NOT NULL REFERENCES connections(id) ON DELETE CASCADE,"
    "  seed TEXT NOT NULL, box BLOB NOT NULL, number INTEGER NOT NULL,"
    "  PRIMARY KEY (connection_id, seed)"
    ") STRICT;";

enum sl_code sl_make_directories(const char *path, struct sl_error *error)
{
    char *copy = sl_strdup(path);
    enum sl_code rc = SL_OK;

    if (!copy) return sl_fail(error, SL_NO_MEMORY, "no memory for a path");
    for (char *at = copy + 1;; at++) {
        char was = *at;
        if (was != '/' && was != '\0') continue;
        *at = '\0';
        if (mkdir(copy, 0700) != 0 && errno != EEXIST) {
            rc = sl_fail(error, SL_DESTINATION, "the directory '%s' cannot be made: %s", copy,
                         strerror(errno));
            sl_error_hint(error,
                          "Check its permissions, or set SLUICE_HOME to a directory that may "
                          "be written.");
            break;
        }
        *at = was;
        if (was == '\0') break;
    }
    sl_free(copy);
    return rc;
}

/* Where the home is, without looking at it. NULL: no memory or no idea. */
static char *home_path(const char *given)
{
    struct sl_buf path = {0};
    const char *data = getenv("XDG_DATA_HOME");
    const char *user = getenv("HOME");

    if (!given || !*given) given = getenv("SLUICE_HOME");
    if (given && *given)
        sl_buf_adds(&path, given);
    else if (data && *data == '/')
        sl_buf_addf(&path, "%s/sluice", data);
    else if (user && *user)
        sl_buf_addf(&path, "%s/.local/share/sluice", user);
    else
        return NULL;
    while (path.len > 1 && path.data[path.len - 1] == '/') path.data[--path.len] = '\0';
    return sl_buf_take(&path);
}

static enum sl_code home_make(struct sl_catalog *catalog, const char *given, struct sl_error *error)
{
    enum sl_code rc;
    char *path = home_path(given);
    char real[PATH_MAX];

    if (!path) {
        sl_fail(error, SL_DESTINATION, "there is no place for the home directory");
        sl_error_hint(error, "Set SLUICE_HOME to a directory that may be written.");
        return error->code;
    }
    rc = sl_make_directories(path, error);
    if (rc) goto out;
    if (!realpath(path, real)) {
        rc = sl_fail(error, SL_DESTINATION, "the home '%s' cannot be used: %s", path,
                     strerror(errno));
        goto out;
    }
    catalog->home = sl_strdup(real);
    if (!catalog->home) rc = sl_fail(error, SL_NO_MEMORY, "no memory for a path");

out:
    sl_free(path);
    return rc;
}

static void user_name(char *out, size_t size)
{
    struct passwd entry, *found = NULL;
    char buffer[1024];
    const char *name = NULL;

    if (getpwuid_r(geteuid(), &entry, buffer, sizeof buffer, &found) == 0 && found)
        name = found->pw_name;
    if (!name) name = getenv("USER");
    snprintf(out, size, "%s", name ? name : "unknown");
}

static enum sl_code version_of(struct sl_catalog *catalog, int64_t *version, struct sl_error *error)
{
    sqlite3_stmt *stmt = NULL;
    enum sl_code rc = sl_store_begin(catalog, &stmt, error, "PRAGMA user_version", "");

    if (!rc) rc = sl_store_next(catalog, stmt, error);
    if (rc == SL_MORE) *version = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return sl_failed(rc) ? rc : SL_OK;
}

static enum sl_code exec(struct sl_catalog *catalog, const char *sql, struct sl_error *error)
{
    return sqlite3_exec(catalog->db, sql, NULL, NULL, NULL) == SQLITE_OK
               ? SL_OK
               : sl_store_fail(catalog, error);
}

static enum sl_code create(struct sl_catalog *catalog, struct sl_error *error)
{
    char uuid[SL_ID_MAX], salt_text[2 * crypto_pwhash_SALTBYTES + 1];
    unsigned char salt[crypto_pwhash_SALTBYTES];
    enum sl_code rc = exec(catalog, schema_1, error);

    if (rc) return rc;
    sl_uuid4(uuid);
    rc = sl_store_run(catalog, error, "INSERT INTO meta VALUES ('metastore_id', ?1)", "t", uuid);
    if (rc) return rc;
    randombytes_buf(salt, sizeof salt);
    sodium_bin2hex(salt_text, sizeof salt_text, salt, sizeof salt);
    return sl_store_run(catalog, error, "INSERT INTO meta VALUES ('salt', ?1)", "t", salt_text);
}

/* From whatever version it has (0: an empty file) to ours. Inside a write transaction: two processes
 * may both have seen an old one. */
static enum sl_code create_or_migrate(struct sl_catalog *catalog, struct sl_error *error)
{
    int64_t version = 0;
    enum sl_code rc = version_of(catalog, &version, error);

    if (rc || version == SL_CATALOG_VERSION) return rc;
    if (version < 1) rc = create(catalog, error);
    if (!rc && version < 2) rc = exec(catalog, schema_2, error);
    return rc ? rc : exec(catalog, "PRAGMA user_version = 2", error);
}

static enum sl_code database_open(struct sl_catalog *catalog, struct sl_error *error)
{
    struct sl_buf path = {0};
    int64_t version = 0;
    enum sl_code rc = SL_OK;

    sl_buf_addf(&path, "%s/catalog.db", catalog->home);
    if (sl_buf_failed(&path)) return sl_fail(error, SL_NO_MEMORY, "no memory for a path");
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    int opened = sqlite3_open_v2(path.data, &catalog->db, flags, NULL);
    sl_buf_release(&path);
    if (!catalog->db) return sl_fail(error, SL_NO_MEMORY, "no memory for the catalog");
    if (opened != SQLITE_OK) return sl_store_fail(catalog, error);
    sqlite3_extended_result_codes(catalog->db, 1);
    sqlite3_busy_timeout(catalog->db, BUSY_TIMEOUT_MS);

    rc = exec(catalog, "PRAGMA foreign_keys = ON; PRAGMA synchronous = NORMAL", error);
    if (!rc) rc = version_of(catalog, &version, error);
    if (rc) return rc;
    if (version > SL_CATALOG_VERSION) {
        sl_fail(error, SL_BAD_SPEC,
                "the home '%s' was made by a newer sluice: its catalog has version %lld, this "
                "program knows versions up to %d",
                catalog->home, (long long)version, SL_CATALOG_VERSION);
        sl_error_hint(error, "Use the newer program, or another home (SLUICE_HOME).");
        return error->code;
    }
    if (version == SL_CATALOG_VERSION) return SL_OK;
    rc = exec(catalog, "PRAGMA journal_mode = WAL", error);
    if (!rc) rc = sl_store_write_begin(catalog, error);
    if (rc) return rc;
    return sl_store_write_end(catalog, create_or_migrate(catalog, error), error);
}

static enum sl_code identity_read(struct sl_catalog *catalog, struct sl_error *error)
{
    sqlite3_stmt *stmt = NULL;
    enum sl_code rc = sl_store_begin(catalog, &stmt, error,
                                     "SELECT value FROM meta WHERE key = 'metastore_id'", "");

    if (!rc) rc = sl_store_next(catalog, stmt, error);
    if (rc == SL_MORE)
        snprintf(catalog->metastore_id, sizeof catalog->metastore_id, "%s", sl_store_text(stmt, 0));
    sqlite3_finalize(stmt);
    return sl_failed(rc) ? rc : SL_OK;
}

enum sl_code sl_catalog_open(const struct sl_catalog_options *options, struct sl_catalog **out,
                             struct sl_error *error)
{
    enum sl_code rc;
    struct sl_catalog *catalog;

    *out = NULL;
    if (sodium_init() < 0) return sl_fail(error, SL_BUG, "libsodium could not be initialised");
    catalog = sl_calloc(1, sizeof *catalog);
    if (!catalog) return sl_fail(error, SL_NO_MEMORY, "no memory for the catalog");
    catalog->now_us = options->now_us;
    catalog->ctx = options->ctx;
    user_name(catalog->owner, sizeof catalog->owner);

    rc = home_make(catalog, options->home, error);
    if (!rc) rc = database_open(catalog, error);
    if (!rc) rc = identity_read(catalog, error);
    if (rc) {
        sl_catalog_close(catalog);
        return rc;
    }
    *out = catalog;
    return SL_OK;
}

void sl_catalog_close(struct sl_catalog *catalog)
{
    if (!catalog) return;
    sqlite3_close(catalog->db);
    sodium_free(catalog->key);
    sl_free(catalog->home);
    sl_free(catalog);
}

const char *sl_catalog_home(const struct sl_catalog *catalog)
{
    return catalog->home;
}
