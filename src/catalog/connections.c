/* connections.c: create, update, delete, and the three ways of showing one. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/time.h"
#include "catalog/connections.h"
#include "options/options.h"

#define CREDENTIAL_TYPE "ANY_STATIC_CREDENTIAL"

static const char *const create_keys[] = {"name",    "connection_type",      "options",
                                          "comment", "properties",           "read_only",
                                          "parent",  "environment_settings", NULL};
static const char *const update_keys[] = {"name",      "options",
                                          "new_name",  "owner",
                                          "comment",   "properties",
                                          "read_only", "environment_settings",
                                          NULL};

void sl_connection_row_release(struct sl_connection_row *row)
{
    sl_free(row->name);
    sl_free(row->type);
    sl_free(row->source);
    sl_free(row->comment);
    sl_free(row->properties);
    *row = (struct sl_connection_row){0};
}

static enum sl_code row_read(sqlite3_stmt *stmt, struct sl_connection_row *row,
                             struct sl_error *error)
{
    bool commented = sqlite3_column_type(stmt, 4) != SQLITE_NULL;

    snprintf(row->id, sizeof row->id, "%s", sl_store_text(stmt, 0));
    row->name = sl_strdup(sl_store_text(stmt, 1));
    row->type = sl_strdup(sl_store_text(stmt, 2));
    row->source = sl_strdup(sl_store_text(stmt, 3));
    row->comment = commented ? sl_strdup(sl_store_text(stmt, 4)) : NULL;
    row->properties = sl_strdup(sl_store_text(stmt, 5));
    row->read_only = sqlite3_column_int(stmt, 6) != 0;
    row->created_ms = sqlite3_column_int64(stmt, 7);
    row->updated_ms = sqlite3_column_int64(stmt, 8);
    if (!row->name || !row->type || !row->source || !row->properties ||
        (commented && !row->comment))
        return sl_fail(error, SL_NO_MEMORY, "no memory for a connection");
    return SL_OK;
}

#define ROW_COLUMNS                                                                                \
    "SELECT id, name, type, source, comment, properties, read_only, created_ms, updated_ms "       \
    "FROM connections "

enum sl_code sl_connection_row_load(struct sl_catalog *catalog, const char *name,
                                    struct sl_connection_row *row, struct sl_error *error)
{
    sqlite3_stmt *stmt = NULL;
    enum sl_code rc =
        sl_store_begin(catalog, &stmt, error, ROW_COLUMNS "WHERE name = ?1", "t", name);

    if (!rc) rc = sl_store_next(catalog, stmt, error);
    if (rc == SL_MORE)
        rc = row_read(stmt, row, error);
    else if (rc == SL_DONE)
        rc = sl_store_missing(catalog, "connection", name, "SELECT name FROM connections", error);
    sqlite3_finalize(stmt);
    return rc;
}

/* ---- create and update ---- */

static enum sl_code connector_of(const char *type, const struct sl_json *options,
                                 const struct sl_connector **out, struct sl_error *error)
{
    const char *names[128] = {0};
    const char *source = sl_json_str(sl_json_get(options, "sourceName"));
    char *lower = sl_lower(source ? source : type);

    if (!lower) return sl_fail(error, SL_NO_MEMORY, "no memory for a name");
    *out = sl_connector_find(lower);
    sl_free(lower);
    if (*out) return SL_OK;
    if (!source &&
        (strcmp(type, "GENERIC_LAKEFLOW_CONNECT") == 0 || strcmp(type, "COMMUNITY") == 0))
        sl_fail(error, SL_BAD_SPEC, "/options/sourceName: is missing");
    else
        sl_fail(error, SL_BAD_SPEC, "%s: there is no source named '%s'",
                source ? "/options/sourceName" : "/connection_type", source ? source : type);
    struct sl_buf list = {0};
    for (size_t i = 0; sl_connectors[i] && i < 127; i++) {
        names[i] = sl_connectors[i]->name;
        sl_buf_addf(&list, "%s%s", i ? ", " : "", names[i]);
    }
    const char *nearest = source ? sl_nearest(source, names) : NULL;
    if (nearest)
        sl_error_hint(error, "Did you mean '%s'?", nearest);
    else
        sl_error_hint(error, "Sources: %s.", sl_buf_str(&list));
    sl_buf_release(&list);
    return error->code;
}

static enum sl_code type_check(const char *type, struct sl_error *error)
{
    for (const char *c = type; *c; c++)
        if (!((*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || *c == '_')) {
            sl_fail(error, SL_BAD_SPEC, "/connection_type: '%s' is not a connection type", type);
            sl_error_hint(error, "Use GENERIC_LAKEFLOW_CONNECT, with options.sourceName.");
            return error->code;
        }
    return SL_OK;
}

static enum sl_code exists_check(struct sl_catalog *catalog, const char *name, const char *but_id,
                                 struct sl_error *error)
{
    sqlite3_stmt *stmt = NULL;
    enum sl_code rc = sl_store_begin(catalog, &stmt, error,
                                     "SELECT 1 FROM connections WHERE name = ?1 AND id <> ?2", "tt",
                                     name, but_id);

    if (!rc) rc = sl_store_next(catalog, stmt, error);
    sqlite3_finalize(stmt);
    if (rc == SL_MORE) {
        sl_fail(error, SL_EXISTS, "a connection named '%s' exists already", name);
        sl_error_hint(error, "Change it with: sluice connections update %s --json @file", name);
        return error->code;
    }
    return sl_failed(rc) ? rc : SL_OK;
}

static enum sl_code create_in(struct sl_catalog *catalog, const struct sl_json *json,
                              const char *name, const char *type, const char *comment,
                              struct sl_connection_options *options, struct sl_error *error)
{
    const struct sl_connector *connector = NULL;
    const struct sl_json *given = sl_json_get(json, "options");
    char id[SL_ID_MAX];
    int64_t now = sl_catalog_now_ms(catalog);

    enum sl_code rc = exists_check(catalog, name, "", error);
    if (!rc) rc = connector_of(type, given, &connector, error);
    if (!rc) rc = sl_connection_options_set(catalog, connector, name, given, options, error);
    if (rc) return rc;
    char *properties = sl_json_text(sl_json_get(json, "properties"));
    if (!properties) return sl_fail(error, SL_NO_MEMORY, "no memory for a connection");
    sl_uuid4(id);
    rc = sl_store_run(
        catalog, error,
        "INSERT INTO connections (id, name, type, source, comment, properties, "
        "read_only, created_ms, updated_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8)",
        "ttttttii", id, name, type, connector->name, comment, properties,
        (int64_t)sl_json_true(sl_json_get(json, "read_only")), now);
    sl_free(properties);
    return rc ? rc : sl_connection_options_save(catalog, id, options, error);
}

static enum sl_code properties_check(const struct sl_json *json, struct sl_error *error)
{
    const struct sl_json *properties = sl_json_get(json, "properties");
    enum sl_json_kind kind = sl_json_kind(properties);

    if (properties && kind != SL_JSON_OBJECT)
        return sl_fail(error, SL_BAD_SPEC, "/properties: expected an object, found %s",
                       sl_json_kind_name(kind));
    return SL_OK;
}

enum sl_code sl_connection_create(struct sl_catalog *catalog, const struct sl_json *json,
                                  struct sl_error *error)
{
    struct sl_connection_options options = {0};
    const char *name = NULL, *type = NULL, *comment = NULL;

    enum sl_code rc = sl_json_only(json, create_keys, "connection", error);
    if (!rc) rc = sl_json_text_member(json, "name", true, &name, error);
    if (!rc) rc = sl_json_text_member(json, "connection_type", true, &type, error);
    if (!rc) rc = sl_json_text_member(json, "comment", false, &comment, error);
    if (!rc) rc = sl_name_check("connection", name, error);
    if (!rc) rc = type_check(type, error);
    if (!rc) rc = properties_check(json, error);
    if (!rc) rc = sl_store_write_begin(catalog, error);
    if (rc) return rc;
    rc = create_in(catalog, json, name, type, comment, &options, error);
    rc = sl_store_write_end(catalog, rc, error);
    sl_connection_options_release(&options);
    return rc;
}

static enum sl_code update_options(struct sl_catalog *catalog, const struct sl_connection_row *row,
                                   const struct sl_json *given, struct sl_error *error)
{
    struct sl_connection_options options = {0};
    const struct sl_connector *connector = NULL;
    bool named = sl_json_get(given, "sourceName") != NULL;

    enum sl_code rc = named ? connector_of(row->type, given, &connector, error) : SL_OK;
    if (!named) connector = sl_connector_find(row->source);
    if (!rc && !connector)
        rc = sl_fail(error, SL_BAD_SPEC, "this sluice has no source named '%s'", row->source);
    if (!rc) rc = sl_connection_options_load(catalog, row->id, &options, error);
    if (!rc) rc = sl_connection_options_set(catalog, connector, row->name, given, &options, error);
    if (!rc) rc = sl_connection_options_save(catalog, row->id, &options, error);
    if (!rc)
        rc = sl_store_run(catalog, error, "UPDATE connections SET source = ?2 WHERE id = ?1", "tt",
                          row->id, connector->name);
    sl_connection_options_release(&options);
    return rc;
}

static enum sl_code update_in(struct sl_catalog *catalog, const char *name,
                              const struct sl_json *json, struct sl_error *error)
{
    struct sl_connection_row row = {0};
    const struct sl_json *options = sl_json_get(json, "options");
    const struct sl_json *properties = sl_json_get(json, "properties");
    const char *new_name = NULL, *comment = NULL;
    char *properties_text = NULL;

    enum sl_code rc = sl_json_text_member(json, "new_name", false, &new_name, error);
    if (!rc) rc = sl_json_text_member(json, "comment", false, &comment, error);
    if (!rc && new_name) rc = sl_name_check("connection", new_name, error);
    if (!rc) rc = properties_check(json, error);
    if (!rc) rc = sl_connection_row_load(catalog, name, &row, error);
    if (!rc && new_name) rc = exists_check(catalog, new_name, row.id, error);
    if (!rc && options && sl_json_kind(options) != SL_JSON_NULL)
        rc = update_options(catalog, &row, options, error);
    if (rc) goto out;
    if (properties && !(properties_text = sl_json_text(properties))) {
        rc = sl_fail(error, SL_NO_MEMORY, "no memory for a connection");
        goto out;
    }
    rc = sl_store_run(catalog, error,
                      "UPDATE connections SET name = COALESCE(?2, name), "
                      "comment = COALESCE(?3, comment), properties = COALESCE(?4, properties), "
                      "updated_ms = ?5 WHERE id = ?1",
                      "tttti", row.id, new_name, comment, properties_text,
                      sl_catalog_now_ms(catalog));

out:
    sl_free(properties_text);
    sl_connection_row_release(&row);
    return rc;
}

enum sl_code sl_connection_update(struct sl_catalog *catalog, const char *name,
                                  const struct sl_json *json, struct sl_error *error)
{
    enum sl_code rc = sl_json_only(json, update_keys, "connection update", error);

    if (!rc) rc = sl_store_write_begin(catalog, error);
    if (rc) return rc;
    return sl_store_write_end(catalog, update_in(catalog, name, json, error), error);
}

enum sl_code sl_connection_delete(struct sl_catalog *catalog, const char *name,
                                  struct sl_error *error)
{
    struct sl_connection_row row = {0};
    enum sl_code rc = sl_connection_row_load(catalog, name, &row, error);

    if (!rc)
        rc = sl_store_run(catalog, error, "DELETE FROM connections WHERE id = ?1", "t", row.id);
    sl_connection_row_release(&row);
    return rc;
}

/* ---- showing ---- */

static void option_write(struct sl_json_writer *writer, const struct sl_connection_option *option)
{
    sl_json_key(writer, option->given);
    if (option->kind == SL_VALUE_PLAIN) {
        sl_json_put_raw(writer, option->text, strlen(option->text));
        return;
    }
    sl_json_begin_object(writer);
    sl_json_kv_str(writer, option->kind == SL_VALUE_ENV ? "env" : "file", option->text);
    sl_json_end_object(writer);
}

static const char *url_of(const struct sl_connection_options *options)
{
    for (size_t i = 0; i < options->count; i++)
        if (strcmp(options->list[i].name, "base_url") == 0 && !options->list[i].secret &&
            options->list[i].kind == SL_VALUE_PLAIN)
            return options->list[i].text;
    return NULL;
}

static enum sl_code info_write(struct sl_catalog *catalog, const struct sl_connection_row *row,
                               struct sl_json_writer *w, struct sl_error *error)
{
    struct sl_connection_options options = {0};
    enum sl_code rc = sl_connection_options_load(catalog, row->id, &options, error);
    char kind[SL_NAME_MAX + 16];

    if (rc) goto out;
    snprintf(kind, sizeof kind, "CONNECTION_%s", row->type);
    sl_json_begin_object(w);
    sl_json_kv_str(w, "name", row->name);
    sl_json_kv_str(w, "full_name", row->name);
    sl_json_kv_str(w, "connection_id", row->id);
    sl_json_kv_str(w, "connection_type", row->type);
    sl_json_kv_str(w, "credential_type", CREDENTIAL_TYPE);
    sl_json_key(w, "options");
    sl_json_begin_object(w);
    for (size_t i = 0; i < options.count; i++)
        if (!options.list[i].secret) option_write(w, &options.list[i]);
    sl_json_end_object(w);
    sl_json_key(w, "properties");
    sl_json_put_raw(w, row->properties, strlen(row->properties));
    if (row->comment) sl_json_kv_str(w, "comment", row->comment);
    sl_json_kv_bool(w, "read_only", row->read_only);
    sl_json_kv_str(w, "securable_type", "CONNECTION");
    sl_json_kv_str(w, "securable_kind", kind);
    const char *url = url_of(&options);
    if (url) {
        sl_json_key(w, "url");
        sl_json_put_raw(w, url, strlen(url));
    }
    sl_json_key(w, "provisioning_info");
    sl_json_begin_object(w);
    sl_json_kv_str(w, "state", "ACTIVE");
    sl_json_end_object(w);
    sl_json_kv_times(w, catalog, row->created_ms, row->updated_ms);
    sl_json_end_object(w);

out:
    sl_connection_options_release(&options);
    return rc;
}

static enum sl_code connection_write(struct sl_catalog *catalog, sqlite3_stmt *stmt,
                                     struct sl_json_writer *w, struct sl_error *error)
{
    struct sl_connection_row row = {0};
    enum sl_code rc = row_read(stmt, &row, error);

    if (!rc) rc = info_write(catalog, &row, w, error);
    sl_connection_row_release(&row);
    return rc;
}

enum sl_code sl_connection_get(struct sl_catalog *catalog, const char *name, struct sl_buf *out,
                               struct sl_error *error)
{
    sqlite3_stmt *stmt = NULL;
    enum sl_code rc =
        sl_store_begin(catalog, &stmt, error, ROW_COLUMNS "WHERE name = ?1", "t", name);

    if (!rc) rc = sl_store_object(catalog, stmt, connection_write, out, error);
    if (rc == SL_DONE)
        rc = sl_store_missing(catalog, "connection", name, "SELECT name FROM connections", error);
    return rc;
}

enum sl_code sl_connection_list(struct sl_catalog *catalog, struct sl_buf *out,
                                struct sl_error *error)
{
    sqlite3_stmt *stmt = NULL;
    enum sl_code rc = sl_store_begin(catalog, &stmt, error, ROW_COLUMNS "ORDER BY name", "");

    return rc ? rc : sl_store_array(catalog, stmt, connection_write, out, error);
}

static void info_row(struct sl_json_writer *w, const char *name, const char *value)
{
    sl_json_begin_object(w);
    sl_json_kv_str(w, "info_name", name);
    sl_json_kv_str(w, "info_value", value);
    sl_json_end_object(w);
}

/* ((sourceName, 'airtable'), (token, '***')). Doubled quotes inside values. */
static void options_describe(const struct sl_connection_options *options, struct sl_buf *out)
{
    sl_buf_addc(out, '(');
    for (size_t i = 0; i < options->count; i++) {
        const struct sl_connection_option *o = &options->list[i];
        sl_buf_addf(out, "%s(%s, '", i ? ", " : "", o->given);
        if (o->secret) {
            sl_buf_adds(out, "***");
        } else if (o->kind != SL_VALUE_PLAIN) {
            sl_buf_addf(out, "%s:%s", o->kind == SL_VALUE_ENV ? "env" : "file", o->text);
        } else {
            size_t len = strlen(o->text);
            bool quoted = o->text[0] == '"';
            for (size_t k = quoted; k < len - quoted; k++) {
                if (o->text[k] == '\'') sl_buf_addc(out, '\'');
                sl_buf_addc(out, o->text[k]);
            }
        }
        sl_buf_adds(out, "')");
    }
    sl_buf_addc(out, ')');
}

enum sl_code sl_connection_describe(struct sl_catalog *catalog, const char *name,
                                    struct sl_buf *out, struct sl_error *error)
{
    struct sl_connection_row row = {0};
    struct sl_connection_options options = {0};
    struct sl_buf list = {0}, url = {0};
    char time[SL_TIME_TEXT_MAX];
    struct sl_json_writer *w = NULL;

    enum sl_code rc = sl_writer_new(&w, error);
    if (!rc) rc = sl_connection_row_load(catalog, name, &row, error);
    if (!rc) rc = sl_connection_options_load(catalog, row.id, &options, error);
    if (rc) goto out;
    options_describe(&options, &list);
    const char *raw_url = url_of(&options);
    if (raw_url && *raw_url == '"') sl_buf_add(&url, raw_url + 1, strlen(raw_url) - 2);
    sl_time_format_ms(row.created_ms * 1000, time);
    if (strlen(time) > 0) snprintf(time + strlen(time) - 1, 6, "+0000"); /* instead of Z */
    sl_json_begin_array(w);
    info_row(w, "name", row.name);
    info_row(w, "Connection Type", row.type);
    info_row(w, "Credential Type", CREDENTIAL_TYPE);
    info_row(w, "Url", sl_buf_str(&url));
    info_row(w, "Owner", catalog->owner);
    info_row(w, "Created At", time);
    info_row(w, "Created By", catalog->owner);
    info_row(w, "Comment", row.comment ? row.comment : "");
    info_row(w, "Options", sl_buf_str(&list));
    sl_json_end_array(w);
    rc = sl_buf_failed(&list) ? sl_fail(error, SL_NO_MEMORY, "no memory for a description")
                              : sl_json_append(w, out, error);

out:
    sl_buf_release(&list);
    sl_buf_release(&url);
    sl_connection_options_release(&options);
    sl_connection_row_release(&row);
    sl_json_writer_free(w);
    return rc;
}
