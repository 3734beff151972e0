/* events.c: the event log of a pipeline, in the shape of the REST API (docs/events.md). */
#include <string.h>

#include "base/alloc.h"
#include "base/time.h"
#include "catalog/internal.h"

#define SEQUENCE_BASE INT64_C(1000000) /* so that sequence numbers look like numbers, not rows */

/* The newest time of this update's events; -1: none. */
static enum sl_code last_time(struct sl_catalog *catalog, const char *update_id, int64_t *ms,
                              struct sl_error *error)
{
    sqlite3_stmt *stmt = NULL;
    enum sl_code rc =
        sl_store_begin(catalog, &stmt, error,
                       "SELECT COALESCE(MAX(time_ms), -1) FROM events WHERE update_id = ?1", "t",
                       update_id);

    *ms = -1;
    if (!rc) rc = sl_store_next(catalog, stmt, error);
    if (rc == SL_MORE) *ms = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return sl_failed(rc) ? rc : SL_OK;
}

static enum sl_code pipeline_name(struct sl_catalog *catalog, const char *id, struct sl_buf *name,
                                  struct sl_error *error)
{
    sqlite3_stmt *stmt = NULL;
    enum sl_code rc =
        sl_store_begin(catalog, &stmt, error, "SELECT name FROM pipelines WHERE id = ?1", "t", id);

    if (!rc) rc = sl_store_next(catalog, stmt, error);
    if (rc == SL_MORE) sl_buf_adds(name, sl_store_text(stmt, 0));
    sqlite3_finalize(stmt);
    return sl_failed(rc) ? rc : SL_OK;
}

static void origin_write(struct sl_json_writer *w, const char *pipeline_id, const char *name,
                         const char *update_id, const struct sl_event *event)
{
    sl_json_key(w, "origin");
    sl_json_begin_object(w);
    sl_json_kv_str(w, "pipeline_id", pipeline_id);
    sl_json_kv_str(w, "pipeline_name", name);
    sl_json_kv_str(w, "pipeline_type", "MANAGED_INGESTION");
    sl_json_kv_str(w, "update_id", update_id);
    if (event->dataset) sl_json_kv_str(w, "dataset_name", event->dataset);
    if (event->flow) sl_json_kv_str(w, "flow_name", event->flow);
    sl_json_end_object(w);
}

static void error_write(struct sl_json_writer *w, const struct sl_event *event)
{
    const struct sl_error *error = event->error;
    struct sl_buf message = {0};

    sl_buf_adds(&message, error->message);
    if (error->hint[0]) sl_buf_addf(&message, " (%s)", error->hint);
    sl_json_key(w, "error");
    sl_json_begin_object(w);
    sl_json_kv_bool(w, "fatal", event->fatal);
    sl_json_key(w, "exceptions");
    sl_json_begin_array(w);
    sl_json_begin_object(w);
    sl_json_kv_str(w, "class_name", sl_code_name(error->code));
    sl_json_kv_str(w, "message", sl_buf_failed(&message) ? error->message : sl_buf_str(&message));
    sl_json_end_object(w);
    sl_json_end_array(w);
    sl_json_end_object(w);
    sl_buf_release(&message);
}

static void event_write(struct sl_json_writer *w, const char *id, int64_t number, int64_t time_ms,
                        const char *pipeline_id, const char *name, const char *update_id,
                        const struct sl_event *event)
{
    char time[SL_TIME_TEXT_MAX];

    sl_json_begin_object(w);
    sl_json_kv_str(w, "id", id);
    sl_json_key(w, "sequence");
    sl_json_begin_object(w);
    sl_json_kv_i64(w, "control_plane_seq_no", SEQUENCE_BASE + number);
    sl_json_end_object(w);
    origin_write(w, pipeline_id, name, update_id, event);
    sl_json_kv_str(w, "timestamp", sl_time_format_ms(time_ms * 1000, time));
    sl_json_kv_str(w, "message", event->message);
    sl_json_kv_str(w, "level", event->level);
    sl_json_kv_str(w, "maturity_level", "STABLE");
    if (event->error) error_write(w, event);
    sl_json_kv_str(w, "event_type", event->type);
    sl_json_key(w, "details");
    sl_json_begin_object(w);
    sl_json_key(w, event->type);
    const char *details = event->details ? event->details : "{}";
    sl_json_put_raw(w, details, strlen(details));
    sl_json_end_object(w);
    sl_json_end_object(w);
}

/* Inside a write transaction, so that number and time are this event's alone. */
static enum sl_code add_in(struct sl_catalog *catalog, const char *pipeline_id,
                           const char *update_id, const struct sl_event *event, struct sl_buf *json,
                           struct sl_error *error)
{
    char id[SL_ID_MAX];
    int64_t last_ms = -1, now_ms = sl_catalog_now_ms(catalog);
    struct sl_buf name = {0};
    struct sl_json_writer *writer = NULL;
    size_t len = 0;

    enum sl_code rc = sl_writer_new(&writer, error);
    if (!rc) rc = last_time(catalog, update_id, &last_ms, error);
    if (!rc) rc = pipeline_name(catalog, pipeline_id, &name, error);
    if (rc) goto out;
    if (now_ms <= last_ms) now_ms = last_ms + 1;
    sl_uuid4(id);
    rc = sl_store_run(catalog, error,
                      "INSERT INTO events (id, pipeline_id, update_id, time_ms, level, event_type, "
                      "json) VALUES (?1, ?2, ?3, ?4, ?5, ?6, '')",
                      "tttitt", id, pipeline_id, update_id, now_ms, event->level, event->type);
    if (rc) goto out;
    int64_t number = sqlite3_last_insert_rowid(catalog->db);
    event_write(writer, id, number, now_ms, pipeline_id, sl_buf_str(&name), update_id, event);
    const char *text = sl_json_writer_text(writer, &len);
    if (!text || sl_buf_failed(&name)) {
        rc = sl_fail(error, SL_NO_MEMORY, "no memory for an event");
        goto out;
    }
    rc = sl_store_run(catalog, error, "UPDATE events SET json = ?2 WHERE number = ?1", "it", number,
                      text);
    if (!rc && json) rc = sl_json_append(writer, json, error);

out:
    sl_json_writer_free(writer);
    sl_buf_release(&name);
    return rc;
}

enum sl_code sl_event_add(struct sl_catalog *catalog, const char *pipeline_id,
                          const char *update_id, const struct sl_event *event, struct sl_buf *json,
                          struct sl_error *error)
{
    enum sl_code rc = sl_store_write_begin(catalog, error);

    if (rc) return rc;
    rc = add_in(catalog, pipeline_id, update_id, event, json, error);
    return sl_store_write_end(catalog, rc, error);
}

static enum sl_code list_bind(sqlite3_stmt *stmt, const char *pipeline_id, int limit,
                              const struct sl_filter *filter)
{
    bool good = sqlite3_bind_text(stmt, 1, pipeline_id, -1, SQLITE_TRANSIENT) == SQLITE_OK &&
                sqlite3_bind_int(stmt, 2, limit) == SQLITE_OK;

    for (size_t i = 0; i < filter->count && good; i++) {
        int index = (int)i + 3;
        good = (filter->is_time[i] ? sqlite3_bind_int64(stmt, index, filter->times_ms[i])
                                   : sqlite3_bind_text(stmt, index, filter->values[i], -1,
                                                       SQLITE_TRANSIENT)) == SQLITE_OK;
    }
    return good ? SL_OK : SL_NO_MEMORY;
}

enum sl_code sl_event_list(struct sl_catalog *catalog, const char *pipeline_id, const char *filter,
                           int limit, bool newest_first, struct sl_buf *out, struct sl_error *error)
{
    struct sl_filter parsed = {0};
    struct sl_buf sql = {0};
    sqlite3_stmt *stmt = NULL;
    bool first = true;

    enum sl_code rc = sl_filter_parse(filter ? filter : "", 3, &parsed, error);
    if (rc) goto out;
    sl_buf_addf(&sql,
                "SELECT json FROM events WHERE pipeline_id = ?1%s ORDER BY time_ms %s, "
                "number %s LIMIT ?2",
                sl_buf_str(&parsed.where), newest_first ? "DESC" : "ASC",
                newest_first ? "DESC" : "ASC");
    if (sl_buf_failed(&sql)) {
        rc = sl_fail(error, SL_NO_MEMORY, "no memory for a query");
        goto out;
    }
    rc = sl_store_begin(catalog, &stmt, error, sql.data, "");
    if (rc) goto out;
    if (list_bind(stmt, pipeline_id, limit, &parsed)) {
        rc = sl_store_fail(catalog, error);
        goto out;
    }
    sl_buf_addc(out, '[');
    while ((rc = sl_store_next(catalog, stmt, error)) == SL_MORE) {
        if (!first) sl_buf_addc(out, ',');
        first = false;
        sl_buf_adds(out, sl_store_text(stmt, 0));
    }
    sl_buf_addc(out, ']');
    if (!sl_failed(rc))
        rc = sl_buf_failed(out) ? sl_fail(error, SL_NO_MEMORY, "no memory for events") : SL_OK;

out:
    sqlite3_finalize(stmt);
    sl_buf_release(&sql);
    sl_filter_release(&parsed);
    return rc;
}
