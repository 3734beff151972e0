/* options.c: a connection's options: from JSON to rows, checked and sealed; and back. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "catalog/connections.h"
#include "json/doc.h"
#include "options/options.h"

const char *const sl_engine_options[] = {"sourceName", "externalOptionsAllowList", NULL};

bool sl_engine_option(const char *name)
{
    for (const char *const *own = sl_engine_options; *own; own++)
        if (strcmp(name, *own) == 0) return true;
    return false;
}

static void option_release(struct sl_connection_option *option)
{
    sl_free(option->name);
    sl_free(option->given);
    sl_free(option->text);
    sl_free(option->box);
    *option = (struct sl_connection_option){0};
}

void sl_connection_options_release(struct sl_connection_options *options)
{
    for (size_t i = 0; i < options->count; i++) option_release(&options->list[i]);
    options->count = 0;
}

/* A relative file of a reference is meant from where the user is now. */
static char *absolute(const char *path)
{
    struct sl_buf full = {0};
    char here[4096];

    if (path[0] != '/' && getcwd(here, sizeof here)) sl_buf_addf(&full, "%s/", here);
    sl_buf_adds(&full, path);
    return sl_buf_take(&full);
}

static enum sl_code option_read(struct sl_catalog *catalog, const struct sl_connector *connector,
                                const char *given, const struct sl_json *value,
                                struct sl_connection_option *out, struct sl_error *error)
{
    const struct sl_option *known = sl_options_find(connector->connection_options, given);
    const char *target = NULL;

    enum sl_code rc = sl_reference_kind(value, given, &out->kind, &target, error);
    if (rc) return rc;
    out->secret = known && known->kind == SL_OPTION_SECRET;
    out->name = sl_strdup(known ? known->name : given);
    out->given = sl_strdup(given);
    if (out->kind == SL_VALUE_FILE) {
        out->text = absolute(target);
    } else if (out->kind == SL_VALUE_ENV) {
        out->text = sl_strdup(target);
    } else if (out->secret) {
        const char *text = sl_json_str(value);
        if (!text || !*text || strlen(text) != sl_json_str_len(value)) {
            sl_fail(error, SL_BAD_SPEC, "/options/%s: expected a text that is not empty", given);
            sl_error_hint(error, "Write the secret itself, {\"env\":\"NAME\"} or "
                                 "{\"file\":\"PATH\"}.");
            return error->code;
        }
        rc = sl_vault_seal(catalog, text, strlen(text), &out->box, &out->box_len, error);
        if (rc) return rc;
    } else {
        out->text = sl_json_text(value);
    }
    if (!out->name || !out->given || (!out->text && !out->box))
        return sl_fail(error, SL_NO_MEMORY, "no memory for the option '%s'", given);
    return SL_OK;
}

/* Takes everything out but the secrets that json does not name. */
static void keep_secrets(struct sl_connection_options *options,
                         const struct sl_connector *connector, const struct sl_json *json)
{
    size_t kept = 0;

    for (size_t i = 0; i < options->count; i++) {
        struct sl_connection_option *option = &options->list[i];
        const struct sl_option *known =
            sl_options_find(connector->connection_options, option->name);
        bool named = known && (sl_json_get(json, known->name) ||
                               (known->alias && sl_json_get(json, known->alias)));
        if (!option->secret || !known || named) {
            option_release(option);
            continue;
        }
        if (kept != i) {
            options->list[kept] = *option;
            *option = (struct sl_connection_option){0};
        }
        kept++;
    }
    options->count = kept;
}

/* What the connector's option table is checked against: references read, secrets only named. */
static enum sl_code check_text(const struct sl_connection_options *options,
                               struct sl_json_writer *writer, struct sl_error *error)
{
    sl_json_begin_object(writer);
    for (size_t i = 0; i < options->count; i++) {
        const struct sl_connection_option *option = &options->list[i];
        sl_json_key(writer, option->given);
        if (option->secret) {
            sl_json_put_str(writer, "***");
        } else if (option->kind == SL_VALUE_PLAIN) {
            sl_json_put_raw(writer, option->text, strlen(option->text));
        } else {
            char what[300], *value = NULL;
            snprintf(what, sizeof what, "the option '%s'", option->given);
            enum sl_code rc = sl_reference_read(option->kind, option->text, what, &value, error);
            if (rc) return rc;
            sl_json_put_str(writer, value);
            sodium_free(value);
        }
    }
    sl_json_end_object(writer);
    return SL_OK;
}

static bool has(const struct sl_connection_options *options, const char *name)
{
    for (size_t i = 0; name && i < options->count; i++)
        if (strcmp(options->list[i].name, name) == 0) return true;
    return false;
}

/* Another secret than those of OAuth: a token, a key. Appends the names that would do. */
static bool has_other_secret(const struct sl_connector *connector,
                             const struct sl_connection_options *options, struct sl_buf *names)
{
    const struct sl_oauth *oauth = connector->oauth;
    bool found = false;

    for (const struct sl_option *o = connector->connection_options; o->name; o++) {
        if (o->kind != SL_OPTION_SECRET || strcmp(o->name, oauth->client_secret) == 0 ||
            strcmp(o->name, oauth->refresh_token) == 0)
            continue;
        found = found || has(options, o->name);
        sl_buf_addf(names, "%s'%s'", names->len ? ", " : "", o->name);
    }
    return found;
}

/* A source with OAuth has two ways to log in: one of them, whole. */
static enum sl_code check_credentials(const struct sl_connector *connector, const char *where,
                                      const struct sl_connection_options *options,
                                      struct sl_error *error)
{
    const struct sl_oauth *oauth = connector->oauth;
    struct sl_buf names = {0};
    enum sl_code rc = SL_OK;

    if (!oauth) return SL_OK;
    bool other = has_other_secret(connector, options, &names);
    bool refresh = has(options, oauth->refresh_token), secret = has(options, oauth->client_secret);
    bool whole =
        has(options, oauth->client_id) && (refresh || (oauth->client_credentials && secret));
    if (!whole && (refresh || (secret && !other))) {
        rc = sl_fail(error, SL_BAD_SPEC, "%s: OAuth needs '%s'%s%s%s", where, oauth->client_id,
                     refresh ? "" : " and '", refresh ? "" : oauth->refresh_token,
                     refresh ? "" : "'");
    } else if (!whole && !other) {
        rc = sl_fail(error, SL_BAD_SPEC, "%s: there are no credentials", where);
        sl_error_hint(error, "Give %s, or '%s' and '%s' (docs/oauth.md).", sl_buf_str(&names),
                      oauth->client_id,
                      oauth->client_credentials ? oauth->client_secret : oauth->refresh_token);
    }
    sl_buf_release(&names);
    return rc;
}

static enum sl_code check(const struct sl_connector *connector, const char *connection,
                          const struct sl_connection_options *options, struct sl_error *error)
{
    char where[SL_NAME_MAX + 32];
    struct sl_arena arena = {0};
    struct sl_json_writer *writer = sl_json_writer_new();
    struct sl_doc *doc = sl_doc_new(0);
    void *state = sl_calloc(1, connector->task_size);
    const struct sl_json *root = NULL;
    size_t len = 0;
    enum sl_code rc = SL_OK;

    snprintf(where, sizeof where, "connection '%s'", connection);
    if (!writer || !doc || !state) {
        rc = sl_fail(error, SL_NO_MEMORY, "no memory to check %s", where);
        goto out;
    }
    for (size_t i = 0; i < options->count; i++)
        for (size_t k = i + 1; k < options->count; k++)
            if (strcmp(options->list[i].name, options->list[k].name) == 0) {
                rc = sl_fail(error, SL_BAD_SPEC,
                             "%s: the option '%s' is given twice (as '%s' and "
                             "'%s')",
                             where, options->list[i].name, options->list[i].given,
                             options->list[k].given);
                goto out;
            }
    rc = check_text(options, writer, error);
    if (rc) goto out;
    const char *text = sl_json_writer_text(writer, &len);
    if (!text) {
        rc = sl_fail(error, SL_NO_MEMORY, "no memory to check %s", where);
        goto out;
    }
    rc = sl_doc_parse_copy(doc, text, len, &root, error);
    if (rc) goto out;
    rc = sl_options_parse(connector->connection_options, root, sl_engine_options, false, where,
                          state, &arena, error);
    if (!rc) rc = check_credentials(connector, where, options, error);

out:
    sl_free(state);
    sl_doc_free(doc);
    sl_json_writer_free(writer);
    sl_arena_release(&arena);
    return rc;
}

enum sl_code sl_connection_options_set(struct sl_catalog *catalog,
                                       const struct sl_connector *connector, const char *connection,
                                       const struct sl_json *json,
                                       struct sl_connection_options *options,
                                       struct sl_error *error)
{
    enum sl_json_kind kind = sl_json_kind(json);
    enum sl_code rc;

    if (kind != SL_JSON_OBJECT)
        return sl_fail(error, SL_BAD_SPEC, "/options: expected an object, found %s",
                       sl_json_kind_name(kind));
    keep_secrets(options, connector, json);
    for (struct sl_json_each e = sl_json_each(json); sl_json_next(&e);) {
        if (sl_json_kind(e.value) == SL_JSON_NULL) continue; /* it goes */
        if (options->count == SL_CONNECTION_OPTIONS_MAX)
            return sl_fail(error, SL_BAD_SPEC, "/options: more than %d options",
                           SL_CONNECTION_OPTIONS_MAX);
        rc = option_read(catalog, connector, sl_json_str(e.key), e.value,
                         &options->list[options->count++], error);
        if (rc) return rc;
    }
    return check(connector, connection, options, error);
}

static const char *const kind_names[] = {
    [SL_VALUE_PLAIN] = "plain", [SL_VALUE_ENV] = "env", [SL_VALUE_FILE] = "file"};

enum sl_code sl_connection_options_save(struct sl_catalog *catalog, const char *id,
                                        const struct sl_connection_options *options,
                                        struct sl_error *error)
{
    enum sl_code rc =
        sl_store_run(catalog, error, "DELETE FROM connection_options WHERE connection_id = ?1", "t",
                     id);

    for (size_t i = 0; i < options->count && !rc; i++) {
        const struct sl_connection_option *o = &options->list[i];
        rc = sl_store_run(catalog, error,
                          "INSERT INTO connection_options (connection_id, position, name, given, "
                          "secret, kind, value, box) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                          "tittittb", id, (int64_t)i, o->name, o->given, (int64_t)o->secret,
                          o->box ? "sealed" : kind_names[o->kind], o->text, (const void *)o->box,
                          o->box_len);
    }
    return rc;
}

static enum sl_code option_load(sqlite3_stmt *stmt, struct sl_connection_option *out,
                                struct sl_error *error)
{
    const char *kind = sl_store_text(stmt, 3);
    const void *box = sqlite3_column_blob(stmt, 5);

    out->stored = true;
    out->name = sl_strdup(sl_store_text(stmt, 0));
    out->given = sl_strdup(sl_store_text(stmt, 1));
    out->secret = sqlite3_column_int(stmt, 2) != 0;
    out->kind = strcmp(kind, "env") == 0    ? SL_VALUE_ENV
                : strcmp(kind, "file") == 0 ? SL_VALUE_FILE
                                            : SL_VALUE_PLAIN;
    if (box) {
        out->box_len = (size_t)sqlite3_column_bytes(stmt, 5);
        out->box = sl_alloc(out->box_len);
        if (out->box) memcpy(out->box, box, out->box_len);
    } else {
        out->text = sl_strdup(sl_store_text(stmt, 4));
    }
    if (!out->name || !out->given || (!out->text && !out->box))
        return sl_fail(error, SL_NO_MEMORY, "no memory for an option");
    return SL_OK;
}

enum sl_code sl_connection_options_load(struct sl_catalog *catalog, const char *id,
                                        struct sl_connection_options *options,
                                        struct sl_error *error)
{
    sqlite3_stmt *stmt = NULL;
    enum sl_code rc =
        sl_store_begin(catalog, &stmt, error,
                       "SELECT name, given, secret, kind, value, box FROM connection_options "
                       "WHERE connection_id = ?1 ORDER BY position",
                       "t", id);

    options->count = 0;
    while (!rc && (rc = sl_store_next(catalog, stmt, error)) == SL_MORE &&
           options->count < SL_CONNECTION_OPTIONS_MAX)
        rc = option_load(stmt, &options->list[options->count++], error);
    sqlite3_finalize(stmt);
    return sl_failed(rc) ? rc : SL_OK;
}
