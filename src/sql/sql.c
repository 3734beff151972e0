#include "sql/sql.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "json/doc.h"
#include "options/options.h"
#include "sql/names.h"
#include "sql/vtab.h"

/* ---- results ---- */

#define COLUMNS_MAX 2000

static void value_of(sqlite3_stmt *stmt, int c, struct sl_sql_value *value)
{
    memset(value, 0, sizeof *value);
    switch (sqlite3_column_type(stmt, c)) {
    case SQLITE_INTEGER:
        value->kind = SL_SQL_INTEGER;
        value->integer = sqlite3_column_int64(stmt, c);
        return;
    case SQLITE_FLOAT:
        value->kind = SL_SQL_REAL;
        value->real = sqlite3_column_double(stmt, c);
        return;
    case SQLITE_NULL: return;
    default:
        value->kind = SL_SQL_TEXT;
        value->text = (const char *)sqlite3_column_text(stmt, c);
        value->text_len = (size_t)sqlite3_column_bytes(stmt, c);
        if (!value->text) value->text = "";
    }
}

static enum sl_code sqlite_failed(sqlite3 *db, const struct sl_vtab_env *env,
                                  struct sl_error *error)
{
    if (sl_failed(env->error.code)) {
        *error = env->error;
        return error->code;
    }
    int code = sqlite3_errcode(db);
    if (code == SQLITE_NOMEM) return sl_fail(error, SL_NO_MEMORY, "no memory for a statement");
    if (code == SQLITE_AUTH) {
        sl_fail(error, SL_USAGE, "landed tables can be read, nothing else");
        sl_error_hint(error, "Use SELECT, SHOW or DESCRIBE.");
        return SL_USAGE;
    }
    sl_fail(error, SL_USAGE, "%s", sqlite3_errmsg(db));
    sl_error_hint(error, "SQL is SQLite's; tables are named catalog.schema.table.");
    return SL_USAGE;
}

/* Is there anything behind a statement but space and comments? */
static bool more(sqlite3 *db, const char *tail)
{
    sqlite3_stmt *stmt = NULL;
    bool found = false;

    while (tail && *tail && !found) {
        found = sqlite3_prepare_v2(db, tail, -1, &stmt, &tail) != SQLITE_OK || stmt;
        sqlite3_finalize(stmt);
    }
    return found;
}

/* SQLite does not take the statement. A table that it does not know is looked for in the catalog. */
static enum sl_code not_prepared(sqlite3 *db, const struct sl_vtab_env *env,
                                 const struct sl_names *names, struct sl_error *error)
{
    enum sl_code rc = sqlite_failed(db, env, error);

    if (rc != SL_USAGE || !strstr(error->message, "no such table: ")) return rc;
    const char *near = sl_names_nearest(names, error->message);
    rc = error->code = SL_NOT_FOUND;
    if (sl_names_ambiguous(names, error->message))
        sl_error_hint(error, "Several tables have this name: write catalog.schema.table.");
    else if (near)
        sl_error_hint(error, "Did you mean '%s'?", near);
    return rc;
}

static enum sl_code run_rows(sqlite3 *db, const struct sl_vtab_env *env, sqlite3_stmt *stmt,
                             const struct sl_sql_sink *sink, struct sl_error *error)
{
    int count = sqlite3_column_count(stmt), step;
    struct sl_sql_value *values = sl_calloc((size_t)count + 1, sizeof *values);
    const char **names = sl_calloc((size_t)count + 1, sizeof *names);
    enum sl_code rc = SL_OK;

    if (!values || !names) {
        rc = sl_fail(error, SL_NO_MEMORY, "no memory for a result");
        goto out;
    }
    for (int c = 0; c < count; c++) names[c] = sqlite3_column_name(stmt, c);
    rc = sink->columns(sink->ctx, names, (size_t)count, error);
    while (!rc && (step = sqlite3_step(stmt)) != SQLITE_DONE) {
        if (step != SQLITE_ROW) {
            rc = sqlite_failed(db, env, error);
            break;
        }
        for (int c = 0; c < count; c++) value_of(stmt, c, &values[c]);
        rc = sink->row(sink->ctx, values, (size_t)count, error);
    }
out:
    sl_free(values);
    sl_free(names);
    return rc;
}

static int only_reading(void *ctx, int action, const char *a, const char *b, const char *c,
                        const char *d)
{
    (void)ctx, (void)a, (void)b, (void)c, (void)d;
    return action == SQLITE_SELECT || action == SQLITE_READ || action == SQLITE_FUNCTION ||
                   action == SQLITE_RECURSIVE
               ? SQLITE_OK
               : SQLITE_DENY;
}

static enum sl_code make_tables(sqlite3 *db, const struct sl_vtab_env *env,
                                const struct sl_names *names, struct sl_error *error)
{
    for (const struct sl_name *n = names->used; n; n = n->next) {
        struct sl_buf sql = {0};
        sl_buf_adds(&sql, "CREATE VIRTUAL TABLE temp.\"");
        for (const char *p = n->sql_name; *p; p++)
            sl_buf_adds(&sql, *p == '"' ? "\"\"" : (char[]){*p, 0});
        sl_buf_adds(&sql, "\" USING sluice('");
        for (const char *p = n->location; *p; p++) sl_buf_addf(&sql, "%02x", (unsigned char)*p);
        sl_buf_adds(&sql, "')");
        int rc = sl_buf_failed(&sql) ? SQLITE_NOMEM : sqlite3_exec(db, sql.data, NULL, NULL, NULL);
        sl_buf_release(&sql);
        if (rc) return sqlite_failed(db, env, error);
    }
    return SL_OK;
}

/* JSON's table functions are set up here, because only_reading lets nobody declare a table. */
static void set_up_functions(sqlite3 *db)
{
    sqlite3_exec(db, "SELECT 1 FROM json_each('[]'), json_tree('[]')", NULL, NULL, NULL);
}

/* How many tables does it open? 0 when SQLite does not understand it. */
static int opens(sqlite3 *db, const char *sql)
{
    struct sl_buf explain = {0};
    sqlite3_stmt *stmt = NULL;
    int count = 0;

    sl_buf_addf(&explain, "EXPLAIN %s", sql);
    if (!sl_buf_failed(&explain) &&
        sqlite3_prepare_v2(db, explain.data, (int)explain.len, &stmt, NULL) == SQLITE_OK && stmt)
        while (sqlite3_step(stmt) == SQLITE_ROW) {
            const char *opcode = (const char *)sqlite3_column_text(stmt, 1);
            count += opcode && strcmp(opcode, "VOpen") == 0;
        }
    sqlite3_finalize(stmt);
    sl_buf_release(&explain);
    return count;
}

/*
 * A join reads the inner table again for each row of the outer one, and SQLite makes no index of a
 * virtual table. So when a statement opens more than one, what it uses of them is copied first.
 */
static enum sl_code copy_for_join(sqlite3 *db, struct sl_vtab_env *env, const char *sql,
                                  struct sl_error *error)
{
    if (opens(db, sql) < 2) return SL_OK;
    sqlite3_set_authorizer(db, NULL, NULL);
    int rc = sl_vtab_copy_all(db, env);
    set_up_functions(db); /* a changed schema forgets them */
    sqlite3_set_authorizer(db, only_reading, NULL);
    return rc ? sqlite_failed(db, env, error) : SL_OK;
}

static enum sl_code run_select(struct sl_catalog *catalog, struct sl_delta_engine *delta,
                               const char *text, const struct sl_sql_sink *sink,
                               struct sl_error *error)
{
    struct sl_vtab_env env = {.delta = delta};
    struct sl_names names = {0};
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    const char *tail = NULL;
    enum sl_code rc = sl_names_resolve(catalog, text, &names, error);

    if (rc) goto out;
    if (sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) ||
        sl_vtab_register(db, &env)) {
        rc = sl_fail(error, SL_NO_MEMORY, "SQLite does not start: %s", sqlite3_errmsg(db));
        goto out;
    }
    set_up_functions(db);
    rc = make_tables(db, &env, &names, error);
    if (rc) goto out;
    sqlite3_set_authorizer(db, only_reading, NULL);
    rc = copy_for_join(db, &env, sl_buf_str(&names.sql), error);
    if (rc) goto out;
    if (sqlite3_prepare_v2(db, sl_buf_str(&names.sql), (int)names.sql.len, &stmt, &tail)) {
        rc = not_prepared(db, &env, &names, error);
        goto out;
    }
    if (!stmt)
        rc = sl_fail(error, SL_USAGE, "there is no statement");
    else if (more(db, tail))
        rc = sl_fail(error, SL_USAGE, "one statement at a time, please");
    else
        rc = run_rows(db, &env, stmt, sink, error);
out:
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    sl_names_release(&names);
    return rc;
}

/* ---- SHOW and DESCRIBE ---- */

/* Prints some members of each object of a JSON array as rows. */
static enum sl_code rows_of_json(const char *json, size_t len, const char *const *keys,
                                 const char *const *titles, size_t count,
                                 const struct sl_sql_sink *sink, struct sl_error *error)
{
    struct sl_doc *doc = sl_doc_new(0);
    const struct sl_json *root;
    struct sl_sql_value values[8];
    enum sl_code rc;

    if (!doc) return sl_fail(error, SL_NO_MEMORY, "no memory for a result");
    rc = sl_doc_parse_copy(doc, json, len, &root, error);
    if (!rc) rc = sink->columns(sink->ctx, titles, count, error);
    if (!rc)
        for (struct sl_json_each e = sl_json_each(root); !rc && sl_json_next(&e);) {
            for (size_t i = 0; i < count; i++) {
                const struct sl_json *value = sl_json_get(e.value, keys[i]);
                memset(&values[i], 0, sizeof values[i]);
                if (sl_json_kind(value) == SL_JSON_STRING) {
                    values[i].kind = SL_SQL_TEXT;
                    values[i].text = sl_json_str(value);
                    values[i].text_len = sl_json_str_len(value);
                } else if (sl_json_i64(value, &values[i].integer)) {
                    values[i].kind = SL_SQL_INTEGER;
                }
            }
            rc = sink->row(sink->ctx, values, count, error);
        }
    sl_doc_free(doc);
    return rc;
}

#define ROWS(list, keys, titles)                                                                   \
    rows_of_json(sl_buf_str(list), (list)->len, keys, titles, sizeof(titles) / sizeof *(titles),   \
                 sink, error)

static enum sl_code describe_table(struct sl_catalog *catalog, const char *name, struct sl_buf *out,
                                   const struct sl_sql_sink *sink, struct sl_error *error)
{
    static const char *const keys[] = {"name", "type_text", "comment"};
    static const char *const titles[] = {"col_name", "data_type", "comment"};
    struct sl_doc *doc = sl_doc_new(0);
    struct sl_json_writer *w = sl_json_writer_new();
    const struct sl_json *root;
    size_t len = 0;
    enum sl_code rc = sl_tables_get(catalog, name, out, error);

    if (!rc && (!doc || !w)) rc = sl_fail(error, SL_NO_MEMORY, "no memory for a result");
    if (!rc) rc = sl_doc_parse_copy(doc, sl_buf_str(out), out->len, &root, error);
    if (!rc) {
        sl_json_put_value(w, sl_json_get(root, "columns"));
        const char *text = sl_json_writer_text(w, &len);
        rc = text ? rows_of_json(text, len, keys, titles, 3, sink, error)
                  : sl_fail(error, SL_NO_MEMORY, "no memory for a result");
    }
    sl_json_writer_free(w);
    sl_doc_free(doc);
    return rc;
}

struct words {
    char text[6][256];
    size_t count;
};

/* The first words of a statement; quotes around names are taken off. What is too much to be
 * understood is left out, but counts. */
static void split(const char *text, struct words *words)
{
    char rest[sizeof words->text[0]];

    words->count = 0;
    for (;;) {
        while (isspace((unsigned char)*text) || *text == ';') text++;
        if (!*text) return;
        char *out = words->count < 6 ? words->text[words->count] : rest;
        words->count++;
        size_t n = 0;
        char quote = 0;
        for (; *text && (quote || (!isspace((unsigned char)*text) && *text != ';')); text++) {
            if (quote ? *text == quote : (*text == '`' || *text == '"' || *text == '\'')) {
                quote = quote ? 0 : *text;
                continue;
            }
            if (n + 1 < sizeof words->text[0]) out[n++] = *text;
        }
        out[n] = '\0';
    }
}

static bool is(const struct words *w, size_t i, const char *word)
{
    return i < w->count && i < 6 && strcasecmp(w->text[i], word) == 0;
}

static enum sl_code run_show(struct sl_catalog *catalog, const struct words *w, struct sl_buf *out,
                             const struct sl_sql_sink *sink, struct sl_error *error)
{
    static const char *const name[] = {"name"}, *const full[] = {"full_name"};
    static const char *const catalogs[] = {"catalog"}, *const schemas[] = {"schema"};
    static const char *const tables[] = {"table"};
    static const char *const connection_keys[] = {"name", "connection_type", "comment"};
    char *place = NULL, *dot = NULL;
    struct words copy = *w;
    enum sl_code rc;

    if ((is(w, 2, "in") || is(w, 2, "from")) && w->count == 4) {
        place = copy.text[3];
        dot = strchr(place, '.');
    } else if (w->count != 2) {
        return sl_fail(error, SL_USAGE, "SHOW %s [IN name] is what is understood", w->text[1]);
    }
    if (is(w, 1, "catalogs")) {
        rc = sl_catalogs_list(catalog, out, error);
        return rc ? rc : ROWS(out, name, catalogs);
    }
    if (is(w, 1, "schemas") || is(w, 1, "databases")) {
        rc = sl_schemas_list(catalog, place, out, error);
        return rc ? rc : ROWS(out, full, schemas);
    }
    if (is(w, 1, "tables")) {
        if (dot) *dot++ = '\0';
        rc = sl_tables_list(catalog, place, dot, out, error);
        return rc ? rc : ROWS(out, full, tables);
    }
    if (is(w, 1, "connections")) {
        rc = sl_connection_list(catalog, out, error);
        return rc ? rc : ROWS(out, connection_keys, connection_keys);
    }
    return sl_fail(error, SL_USAGE, "SHOW %s is none of CATALOGS, SCHEMAS, TABLES, CONNECTIONS",
                   w->text[1]);
}

static enum sl_code run_describe(struct sl_catalog *catalog, const struct words *w,
                                 struct sl_buf *out, const struct sl_sql_sink *sink,
                                 struct sl_error *error)
{
    static const char *const keys[] = {"info_name", "info_value"};
    enum sl_code rc;

    if (is(w, 1, "connection") && w->count == 3) {
        rc = sl_connection_describe(catalog, w->text[2], out, error);
        return rc ? rc : ROWS(out, keys, keys);
    }
    size_t at = is(w, 1, "table") ? 2 : 1;
    if (is(w, at, "extended")) at++;
    if (w->count != at + 1)
        return sl_fail(error, SL_USAGE, "DESCRIBE CONNECTION name or DESCRIBE TABLE c.s.t, please");
    return describe_table(catalog, w->text[at], out, sink, error);
}

enum sl_code sl_sql_run(struct sl_catalog *catalog, struct sl_delta_engine *delta,
                        const char *statement, const struct sl_sql_sink *sink,
                        struct sl_error *error)
{
    struct words words;
    struct sl_buf out = {0};
    enum sl_code rc;

    if (strlen(statement) > SL_SQL_BYTES_MAX)
        return sl_fail(error, SL_TOO_LARGE, "a statement of more than %zu bytes", SL_SQL_BYTES_MAX);
    split(statement, &words);
    if (is(&words, 0, "show") && words.count > 1)
        rc = run_show(catalog, &words, &out, sink, error);
    else if ((is(&words, 0, "describe") || is(&words, 0, "desc")) && words.count > 1)
        rc = run_describe(catalog, &words, &out, sink, error);
    else
        rc = run_select(catalog, delta, statement, sink, error);
    sl_buf_release(&out);
    return rc;
}
