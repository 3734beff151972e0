/*
 * updates.c: runs of a pipeline.
 *
 * Whoever holds the lock file <home>/locks/<pipeline id> runs the pipeline. It is an open file
 * description lock: it belongs to this handle, not to the process, and the kernel drops it when the
 * process ends, however it ends. The rows in the database only say what the holder is doing; a row
 * that says "running" without a lock is what a dead process left, and is closed by the next run.
 */
#define _GNU_SOURCE /* F_OFD_SETLK */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/time.h"
#include "catalog/internal.h"

#define STOP_LOOK_US (SL_SECOND_US / 4) /* between two looks at the database */
#define UPDATES_KEPT 500                /* of one pipeline, with their events */
#define TERMINAL "('COMPLETED', 'FAILED', 'CANCELED')"

struct sl_update {
    struct sl_catalog *catalog;
    int fd;
    char id[SL_ID_MAX], pipeline_id[SL_ID_MAX];
    bool stopping;
    int64_t looked_us;
};

static char *lock_path(const struct sl_catalog *catalog, const char *name)
{
    struct sl_buf path = {0};

    sl_buf_addf(&path, "%s/locks/%s", catalog->home, name);
    return sl_buf_take(&path);
}

enum sl_code sl_lock_take(struct sl_catalog *catalog, const char *name, int *fd,
                          struct sl_error *error)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct sl_buf directory = {0};
    enum sl_code rc;
    char *path = lock_path(catalog, name);

    *fd = -1;
    sl_buf_addf(&directory, "%s/locks", catalog->home);
    if (!path || sl_buf_failed(&directory)) {
        rc = sl_fail(error, SL_NO_MEMORY, "no memory for a path");
        goto out;
    }
    rc = sl_make_directories(directory.data, error);
    if (rc) goto out;
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*fd < 0) {
        rc = sl_fail(error, SL_DESTINATION, "the lock '%s' cannot be opened: %s", path,
                     strerror(errno));
        goto out;
    }
    if (fcntl(*fd, F_OFD_SETLK, &lock) == 0) goto out;
    if (errno != EAGAIN && errno != EACCES) {
        rc = sl_fail(error, SL_DESTINATION, "the lock '%s' cannot be taken: %s", path,
                     strerror(errno));
        sl_error_hint(error, "The home must be on a file system with locks; move it with "
                             "SLUICE_HOME.");
    }
    close(*fd);
    *fd = -1;

out:
    sl_buf_release(&directory);
    sl_free(path);
    return rc;
}

bool sl_pipeline_locked(struct sl_catalog *catalog, const char *pipeline_id)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char *path = lock_path(catalog, pipeline_id);
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    bool locked = fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;

    if (fd >= 0) close(fd);
    sl_free(path);
    return locked;
}

static enum sl_code busy(struct sl_catalog *catalog, const char *pipeline_id,
                         struct sl_error *error)
{
    char since[SL_TIME_TEXT_MAX];
    struct sl_error ignored;
    sqlite3_stmt *stmt = NULL;
    enum sl_code rc = sl_store_begin(
        catalog, &stmt, &ignored,
        "SELECT u.id, u.created_ms, u.process, p.name FROM updates u JOIN pipelines p "
        "ON p.id = u.pipeline_id WHERE p.id = ?1 AND u.state NOT IN " TERMINAL
        " ORDER BY u.number DESC",
        "t", pipeline_id);

    if (!rc && sl_store_next(catalog, stmt, &ignored) == SL_MORE) {
        sl_time_format_ms(sqlite3_column_int64(stmt, 1) * 1000, since);
        sl_fail(error, SL_BUSY,
                "an active update already exists for pipeline '%s': %s, running "
                "since %s in process %lld",
                sl_store_text(stmt, 3), sl_store_text(stmt, 0), since,
                (long long)sqlite3_column_int64(stmt, 2));
    } else {
        sl_fail(error, SL_BUSY, "an active update already exists for pipeline '%s'", pipeline_id);
    }
    sl_error_hint(error, "Wait for it, or stop it: sluice pipelines stop %s", pipeline_id);
    sqlite3_finalize(stmt);
    return SL_BUSY;
}

/* Closes what a dead process left, and says so in the event log. */
static enum sl_code close_dead(struct sl_catalog *catalog, const char *pipeline_id,
                               struct sl_error *error)
{
    char id[SL_ID_MAX], message[80];
    struct sl_error why;

    for (;;) {
        sqlite3_stmt *stmt = NULL;
        enum sl_code rc = sl_store_begin(
            catalog, &stmt, error,
            "SELECT id FROM updates WHERE pipeline_id = ?1 AND state NOT IN " TERMINAL, "t",
            pipeline_id);
        if (!rc) rc = sl_store_next(catalog, stmt, error);
        if (rc == SL_MORE) snprintf(id, sizeof id, "%s", sl_store_text(stmt, 0));
        sqlite3_finalize(stmt);
        if (rc == SL_DONE) return SL_OK;
        if (sl_failed(rc)) return rc;
        rc = sl_store_run(catalog, error,
                          "UPDATE updates SET state = 'FAILED', ended_ms = ?2 WHERE id = ?1", "ti",
                          id, sl_catalog_now_ms(catalog));
        if (rc) return rc;
        snprintf(message, sizeof message, "Update %.6s is FAILED.", id);
        sl_fail(&why, SL_BUG, "the process that ran this update ended without closing it");
        struct sl_event event = {.type = "update_progress",
                                 .level = "ERROR",
                                 .message = message,
                                 .details = "{\"state\":\"FAILED\"}",
                                 .error = &why,
                                 .fatal = true};
        rc = sl_event_add(catalog, pipeline_id, id, &event, NULL, error);
        if (rc) return rc;
    }
}

/* Runs and events of long ago go, so that a pipeline that runs every five minutes for years does
 * not fill the home. */
static enum sl_code forget_old(struct sl_catalog *catalog, const char *pipeline_id,
                               struct sl_error *error)
{
    sqlite3_stmt *stmt = NULL;
    enum sl_code rc = sl_store_begin(
        catalog, &stmt, error,
        "SELECT number FROM updates WHERE pipeline_id = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2",
        "ti", pipeline_id, (int64_t)UPDATES_KEPT - 1);

    if (!rc) rc = sl_store_next(catalog, stmt, error);
    int64_t last = rc == SL_MORE ? sqlite3_column_int64(stmt, 0) : 0;
    sqlite3_finalize(stmt);
    if (rc != SL_MORE) return sl_failed(rc) ? rc : SL_OK;
    rc = sl_store_write_begin(catalog, error);
    if (rc) return rc;
    rc = sl_store_run(catalog, error,
                      "DELETE FROM events WHERE update_id IN (SELECT id FROM updates "
                      "WHERE pipeline_id = ?1 AND number <= ?2)",
                      "ti", pipeline_id, last);
    if (!rc)
        rc = sl_store_run(catalog, error,
                          "DELETE FROM updates WHERE pipeline_id = ?1 AND number <= ?2", "ti",
                          pipeline_id, last);
    return sl_store_write_end(catalog, rc, error);
}

enum sl_code sl_update_begin(struct sl_catalog *catalog, const char *pipeline_id,
                             const struct sl_update_request *request, struct sl_update **out,
                             struct sl_error *error)
{
    char id[SL_ID_MAX];
    struct sl_update *update = NULL;
    enum sl_code rc = sl_pipeline_find(catalog, pipeline_id, id, error);

    *out = NULL;
    if (rc) return rc;
    update = sl_calloc(1, sizeof *update);
    if (!update) return sl_fail(error, SL_NO_MEMORY, "no memory for an update");
    update->catalog = catalog;
    update->looked_us = INT64_MIN;
    memcpy(update->pipeline_id, id, sizeof id);
    rc = sl_lock_take(catalog, id, &update->fd, error);
    if (!rc && update->fd < 0) rc = busy(catalog, id, error);
    if (!rc) rc = close_dead(catalog, id, error);
    if (!rc) rc = forget_old(catalog, id, error);
    if (rc) goto out;
    sl_uuid4(update->id);
    rc = sl_store_run(
        catalog, error,
        "INSERT INTO updates (id, pipeline_id, state, cause, full_refresh, "
        "validate_only, full_refresh_selection, refresh_selection, config, created_ms, "
        "process) SELECT ?1, id, 'CREATED', ?3, ?4, ?5, ?6, ?7, spec, ?8, ?9 "
        "FROM pipelines WHERE id = ?2",
        "tttiittii", update->id, id, request->cause ? request->cause : "API_CALL",
        (int64_t)request->full_refresh, (int64_t)request->validate_only,
        request->full_refresh_selection, request->refresh_selection, sl_catalog_now_ms(catalog),
        (int64_t)getpid());

out:
    if (rc) {
        sl_update_end(update);
        return rc;
    }
    *out = update;
    return SL_OK;
}

const char *sl_update_id(const struct sl_update *update)
{
    return update->id;
}

enum sl_code sl_update_state(struct sl_update *update, const char *state, struct sl_error *error)
{
    bool terminal = strcmp(state, "COMPLETED") == 0 || strcmp(state, "FAILED") == 0 ||
                    strcmp(state, "CANCELED") == 0;

    return sl_store_run(update->catalog, error,
                        "UPDATE updates SET state = ?2, ended_ms = CASE WHEN ?3 THEN ?4 END "
                        "WHERE id = ?1",
                        "ttii", update->id, state, (int64_t)terminal,
                        sl_catalog_now_ms(update->catalog));
}

bool sl_update_stopping(struct sl_update *update)
{
    struct sl_error ignored;
    sqlite3_stmt *stmt = NULL;
    int64_t now_us = update->catalog->now_us(update->catalog->ctx);

    if (update->stopping) return true;
    if (update->looked_us != INT64_MIN && now_us >= update->looked_us &&
        now_us - update->looked_us < STOP_LOOK_US)
        return false;
    update->looked_us = now_us;
    if (sl_store_begin(update->catalog, &stmt, &ignored,
                       "SELECT stop_requested FROM updates WHERE id = ?1", "t", update->id))
        return false;
    if (sl_store_next(update->catalog, stmt, &ignored) == SL_MORE)
        update->stopping = sqlite3_column_int(stmt, 0) != 0;
    sqlite3_finalize(stmt);
    return update->stopping;
}

void sl_update_end(struct sl_update *update)
{
    if (!update) return;
    if (update->fd >= 0) close(update->fd); /* which releases the lock */
    sl_free(update);
}

enum sl_code sl_pipeline_stop(struct sl_catalog *catalog, const char *pipeline_id,
                              struct sl_error *error)
{
    return sl_store_run(catalog, error,
                        "UPDATE updates SET stop_requested = 1 WHERE pipeline_id = ?1 "
                        "AND state NOT IN " TERMINAL,
                        "t", pipeline_id);
}

/* ---- showing ---- */

#define UPDATE_COLUMNS                                                                             \
    "SELECT id, pipeline_id, state, cause, created_ms, full_refresh, validate_only, "              \
    "full_refresh_selection, refresh_selection, config, ended_ms FROM updates "

static void selection_write(struct sl_json_writer *w, const char *key, sqlite3_stmt *stmt,
                            int column)
{
    const char *text = sl_store_text(stmt, column);

    if (!*text) return;
    sl_json_key(w, key);
    sl_json_put_raw(w, text, strlen(text));
}

static void write_either(sqlite3_stmt *stmt, bool whole, struct sl_json_writer *w)
{
    sl_json_begin_object(w);
    sl_json_kv_str(w, "update_id", sl_store_text(stmt, 0));
    sl_json_kv_str(w, "pipeline_id", sl_store_text(stmt, 1));
    sl_json_kv_str(w, "state", sl_store_text(stmt, 2));
    sl_json_kv_str(w, "cause", sl_store_text(stmt, 3));
    sl_json_kv_str(w, "mode", "DEFAULT");
    sl_json_kv_i64(w, "creation_time", sqlite3_column_int64(stmt, 4));
    sl_json_kv_bool(w, "full_refresh", sqlite3_column_int(stmt, 5) != 0);
    sl_json_kv_bool(w, "validate_only", sqlite3_column_int(stmt, 6) != 0);
    selection_write(w, "full_refresh_selection", stmt, 7);
    selection_write(w, "refresh_selection", stmt, 8);
    if (whole) selection_write(w, "config", stmt, 9);
    sl_json_end_object(w);
}

static enum sl_code summary_write(struct sl_catalog *catalog, sqlite3_stmt *stmt,
                                  struct sl_json_writer *w, struct sl_error *error)
{
    (void)catalog;
    (void)error;
    write_either(stmt, false, w);
    return SL_OK;
}

static enum sl_code update_write(struct sl_catalog *catalog, sqlite3_stmt *stmt,
                                 struct sl_json_writer *w, struct sl_error *error)
{
    (void)catalog;
    (void)error;
    sl_json_begin_object(w);
    sl_json_key(w, "update");
    write_either(stmt, true, w);
    sl_json_end_object(w);
    return SL_OK;
}

enum sl_code sl_update_list(struct sl_catalog *catalog, const char *pipeline_id, int limit,
                            struct sl_buf *out, struct sl_error *error)
{
    sqlite3_stmt *stmt = NULL;
    enum sl_code rc =
        sl_store_begin(catalog, &stmt, error,
                       UPDATE_COLUMNS "WHERE pipeline_id = ?1 ORDER BY number DESC LIMIT ?2", "ti",
                       pipeline_id, (int64_t)limit);

    return rc ? rc : sl_store_array(catalog, stmt, summary_write, out, error);
}

enum sl_code sl_update_get(struct sl_catalog *catalog, const char *pipeline_id,
                           const char *update_id, struct sl_buf *out, struct sl_error *error)
{
    sqlite3_stmt *stmt = NULL;
    enum sl_code rc =
        sl_store_begin(catalog, &stmt, error, UPDATE_COLUMNS "WHERE pipeline_id = ?1 AND id = ?2",
                       "tt", pipeline_id, update_id);

    if (!rc) rc = sl_store_object(catalog, stmt, update_write, out, error);
    if (rc == SL_DONE) {
        rc = sl_fail(error, SL_NOT_FOUND, "the specified update %s was not found", update_id);
        sl_error_hint(error, "List them with: sluice pipelines list-updates %s", pipeline_id);
    }
    return rc;
}

enum sl_code sl_updates_latest(struct sl_catalog *catalog, const char *pipeline_id, int limit,
                               struct sl_json_writer *w, struct sl_error *error)
{
    char time[SL_TIME_TEXT_MAX];
    sqlite3_stmt *stmt = NULL;
    enum sl_code rc =
        sl_store_begin(catalog, &stmt, error,
                       UPDATE_COLUMNS "WHERE pipeline_id = ?1 ORDER BY number DESC LIMIT ?2", "ti",
                       pipeline_id, (int64_t)limit);

    sl_json_key(w, "latest_updates");
    sl_json_begin_array(w);
    while (!rc && (rc = sl_store_next(catalog, stmt, error)) == SL_MORE) {
        sl_json_begin_object(w);
        sl_json_kv_str(w, "update_id", sl_store_text(stmt, 0));
        sl_json_kv_str(w, "state", sl_store_text(stmt, 2));
        sl_time_format_ms(sqlite3_column_int64(stmt, 4) * 1000, time);
        sl_json_kv_str(w, "creation_time", time);
        sl_json_end_object(w);
        rc = SL_OK;
    }
    sl_json_end_array(w);
    sqlite3_finalize(stmt);
    return sl_failed(rc) ? rc : SL_OK;
}
