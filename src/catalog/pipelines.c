/* pipelines.c: specs, kept as they were given, and the state that follows from their updates. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/time.h"
#include "catalog/internal.h"
#include "json/doc.h"

#define LATEST_UPDATES 5

static enum sl_code name_free(struct sl_catalog *catalog, const char *name, const char *but_id,
                              struct sl_error *error)
{
    sqlite3_stmt *stmt = NULL;
    enum sl_code rc =
        sl_store_begin(catalog, &stmt, error,
                       "SELECT id FROM pipelines WHERE name = ?1 AND id <> ?2", "tt", name, but_id);

    if (!rc) rc = sl_store_next(catalog, stmt, error);
    if (rc == SL_MORE) {
        rc = sl_fail(error, SL_EXISTS, "a pipeline named '%s' exists already: %s", name,
                     sl_store_text(stmt, 0));
        sl_error_hint(error, "Change it with: sluice pipelines update %s --json @file",
                      sl_store_text(stmt, 0));
    }
    sqlite3_finalize(stmt);
    return sl_failed(rc) ? rc : SL_OK;
}

static enum sl_code pipeline_name_check(const char *name, struct sl_error *error)
{
    if (!name || !*name) return sl_fail(error, SL_BAD_SPEC, "/name: a pipeline needs a name");
    if (strlen(name) > SL_NAME_MAX)
        return sl_fail(error, SL_BAD_SPEC, "/name: longer than %d bytes", SL_NAME_MAX);
    return SL_OK;
}

enum sl_code sl_pipeline_create(struct sl_catalog *catalog, const char *name, const char *spec_json,
                                char id[SL_ID_MAX], struct sl_error *error)
{
    enum sl_code rc = pipeline_name_check(name, error);

    if (!rc) rc = sl_store_write_begin(catalog, error);
    if (rc) return rc;
    sl_uuid4(id);
    rc = name_free(catalog, name, id, error);
    if (!rc)
        rc = sl_store_run(catalog, error, "INSERT INTO pipelines VALUES (?1, ?2, ?3, ?4, ?4)",
                          "ttti", id, name, spec_json, sl_catalog_now_ms(catalog));
    return sl_store_write_end(catalog, rc, error);
}

static enum sl_code id_check(struct sl_catalog *catalog, const char *id, struct sl_error *error)
{
    char found[SL_ID_MAX];

    return sl_pipeline_find(catalog, id, found, error);
}

static enum sl_code update_in(struct sl_catalog *catalog, const char *id, const char *name,
                              const char *spec_json, struct sl_error *error)
{
    enum sl_code rc = id_check(catalog, id, error);

    if (!rc) rc = name_free(catalog, name, id, error);
    if (rc) return rc;
    return sl_store_run(catalog, error,
                        "UPDATE pipelines SET name = ?2, spec = ?3, modified_ms = ?4 WHERE id = ?1",
                        "ttti", id, name, spec_json, sl_catalog_now_ms(catalog));
}

enum sl_code sl_pipeline_update(struct sl_catalog *catalog, const char *id, const char *name,
                                const char *spec_json, struct sl_error *error)
{
    enum sl_code rc = pipeline_name_check(name, error);

    if (!rc) rc = sl_store_write_begin(catalog, error);
    if (rc) return rc;
    return sl_store_write_end(catalog, update_in(catalog, id, name, spec_json, error), error);
}

enum sl_code sl_pipeline_delete(struct sl_catalog *catalog, const char *id, struct sl_error *error)
{
    enum sl_code rc = id_check(catalog, id, error);

    if (rc) return rc;
    if (sl_pipeline_locked(catalog, id)) {
        sl_fail(error, SL_BUSY, "pipeline '%s' is running", id);
        sl_error_hint(error, "Stop it first: sluice pipelines stop %s", id);
        return error->code;
    }
    /* Its tables stay; they only lose their owner. */
    rc = sl_store_write_begin(catalog, error);
    if (rc) return rc;
    rc = sl_store_run(catalog, error, "UPDATE tables SET pipeline_id = NULL WHERE pipeline_id = ?1",
                      "t", id);
    if (!rc) rc = sl_store_run(catalog, error, "DELETE FROM pipelines WHERE id = ?1", "t", id);
    return sl_store_write_end(catalog, rc, error);
}

enum sl_code sl_pipeline_find(struct sl_catalog *catalog, const char *key, char id[SL_ID_MAX],
                              struct sl_error *error)
{
    sqlite3_stmt *stmt = NULL;
    enum sl_code rc =
        sl_store_begin(catalog, &stmt, error,
                       "SELECT id FROM pipelines WHERE id = ?1 OR name = ?1 ORDER BY id <> ?1", "t",
                       key);

    if (!rc) rc = sl_store_next(catalog, stmt, error);
    if (rc == SL_MORE) {
        snprintf(id, SL_ID_MAX, "%s", sl_store_text(stmt, 0));
        rc = SL_OK;
    } else if (rc == SL_DONE) {
        rc = sl_store_missing(catalog, "pipeline", key, "SELECT name FROM pipelines", error);
    }
    sqlite3_finalize(stmt);
    return rc;
}

enum sl_code sl_pipeline_spec(struct sl_catalog *catalog, const char *id, struct sl_buf *out,
                              struct sl_error *error)
{
    sqlite3_stmt *stmt = NULL;
    enum sl_code rc =
        sl_store_begin(catalog, &stmt, error, "SELECT spec FROM pipelines WHERE id = ?1", "t", id);

    if (!rc) rc = sl_store_next(catalog, stmt, error);
    if (rc == SL_MORE) {
        sl_buf_adds(out, sl_store_text(stmt, 0));
        rc = sl_buf_failed(out) ? sl_fail(error, SL_NO_MEMORY, "no memory for a spec") : SL_OK;
    } else if (rc == SL_DONE) {
        rc = sl_store_missing(catalog, "pipeline", id, "SELECT name FROM pipelines", error);
    }
    sqlite3_finalize(stmt);
    return rc;
}

/* A pipeline's state is that of the update that runs, IDLE when none does. */
static const char *state_of(struct sl_catalog *catalog, const char *id, const char *update_state,
                            bool stop_requested)
{
    if (!sl_pipeline_locked(catalog, id)) return "IDLE";
    if (stop_requested) return "STOPPING";
    if (strcmp(update_state, "RUNNING") == 0) return "RUNNING";
    if (strcmp(update_state, "RESETTING") == 0) return "RESETTING";
    return "STARTING";
}

#define PIPELINE_COLUMNS                                                                           \
    "SELECT p.id, p.name, p.spec, p.modified_ms, u.state, u.stop_requested FROM pipelines p "      \
    "LEFT JOIN updates u ON u.number = "                                                           \
    "  (SELECT MAX(number) FROM updates WHERE pipeline_id = p.id) "

/* The spec as it was given, with the id filled in. */
static enum sl_code spec_write(struct sl_json_writer *w, const char *id, const char *spec,
                               struct sl_error *error)
{
    const struct sl_json *root = NULL;
    struct sl_doc *doc = sl_doc_new(0);
    enum sl_code rc = doc ? sl_doc_parse_copy(doc, spec, strlen(spec), &root, error)
                          : sl_fail(error, SL_NO_MEMORY, "no memory for a spec");

    if (rc) goto out;
    sl_json_key(w, "spec");
    sl_json_begin_object(w);
    sl_json_kv_str(w, "id", id);
    for (struct sl_json_each e = sl_json_each(root); sl_json_next(&e);) {
        if (sl_json_eq(e.key, "id")) continue;
        sl_json_key(w, sl_json_str(e.key));
        sl_json_put_value(w, e.value);
    }
    sl_json_end_object(w);

out:
    sl_doc_free(doc);
    return rc;
}

static enum sl_code write_either(struct sl_catalog *catalog, sqlite3_stmt *stmt, bool whole,
                                 struct sl_json_writer *w, struct sl_error *error)
{
    const char *id = sl_store_text(stmt, 0), *last = sl_store_text(stmt, 4);
    bool failed = strcmp(last, "FAILED") == 0;

    sl_json_begin_object(w);
    sl_json_kv_str(w, "pipeline_id", id);
    sl_json_kv_str(w, "name", sl_store_text(stmt, 1));
    sl_json_kv_str(w, "state", state_of(catalog, id, last, sqlite3_column_int(stmt, 5) != 0));
    if (*last) sl_json_kv_str(w, "health", failed ? "UNHEALTHY" : "HEALTHY");
    sl_json_kv_str(w, "creator_user_name", catalog->owner);
    sl_json_kv_str(w, "run_as_user_name", catalog->owner);
    enum sl_code rc = sl_updates_latest(catalog, id, LATEST_UPDATES, w, error);
    if (whole) {
        sl_json_kv_i64(w, "last_modified", sqlite3_column_int64(stmt, 3));
        sl_json_kv_str(w, "effective_publishing_mode", "DEFAULT_PUBLISHING_MODE");
        if (!rc) rc = spec_write(w, id, sl_store_text(stmt, 2), error);
    }
    sl_json_end_object(w);
    return rc;
}

static enum sl_code pipeline_write(struct sl_catalog *catalog, sqlite3_stmt *stmt,
                                   struct sl_json_writer *w, struct sl_error *error)
{
    return write_either(catalog, stmt, true, w, error);
}

static enum sl_code summary_write(struct sl_catalog *catalog, sqlite3_stmt *stmt,
                                  struct sl_json_writer *w, struct sl_error *error)
{
    return write_either(catalog, stmt, false, w, error);
}

enum sl_code sl_pipeline_get(struct sl_catalog *catalog, const char *id, struct sl_buf *out,
                             struct sl_error *error)
{
    sqlite3_stmt *stmt = NULL;
    enum sl_code rc =
        sl_store_begin(catalog, &stmt, error, PIPELINE_COLUMNS "WHERE p.id = ?1", "t", id);

    if (!rc) rc = sl_store_object(catalog, stmt, pipeline_write, out, error);
    if (rc == SL_DONE)
        rc = sl_store_missing(catalog, "pipeline", id, "SELECT name FROM pipelines", error);
    return rc;
}

enum sl_code sl_pipeline_list(struct sl_catalog *catalog, struct sl_buf *out,
                              struct sl_error *error)
{
    sqlite3_stmt *stmt = NULL;
    enum sl_code rc = sl_store_begin(catalog, &stmt, error, PIPELINE_COLUMNS "ORDER BY p.name", "");

    return rc ? rc : sl_store_array(catalog, stmt, summary_write, out, error);
}
