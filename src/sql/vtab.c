#include "sql/vtab.h"

#include <math.h>
#include <string.h>

#include <nanoarrow/nanoarrow.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "table/show.h"

struct sl_vtab {
    sqlite3_vtab base; /* first */
    struct sl_vtab_env *env;
    struct sl_delta_table *delta;
    struct ArrowSchema schema; /* of all columns */
    char *name;
    char *used;           /* of each column: is it used by a statement? */
    struct sl_vtab *next; /* in env->tables */
};

struct cursor {
    sqlite3_vtab_cursor base; /* first */
    struct ArrowArrayStream stream;
    struct ArrowSchema schema; /* of the columns that are read */
    struct ArrowArray batch;
    struct ArrowArrayView view; /* of the batch */
    int *position;              /* column of the table -> column of the batch, -1: not read */
    int64_t row, rowid;
    bool end;
    struct sl_buf text;
};

/* ---- the table ---- */

static enum sl_code decode_hex(const char *hex, struct sl_buf *out)
{
    for (; hex[0] && hex[1]; hex += 2) {
        int high = hex[0] <= '9' ? hex[0] - '0' : hex[0] - 'a' + 10;
        int low = hex[1] <= '9' ? hex[1] - '0' : hex[1] - 'a' + 10;
        sl_buf_addc(out, (char)(high << 4 | low));
    }
    return sl_buf_failed(out) ? SL_NO_MEMORY : SL_OK;
}

static bool is_integer(const char *format)
{
    return strchr("bcCsSiIlL", format[0]) && format[1] == '\0';
}

static bool is_real(const char *format)
{
    return strchr("fg", format[0]) && format[1] == '\0';
}

static const char *declared_type(const char *format)
{
    if (is_integer(format)) return "INTEGER";
    if (is_real(format)) return ""; /* no affinity: NaN is text */
    return "TEXT";
}

static void put_name(struct sl_buf *sql, const char *name)
{
    sl_buf_addc(sql, '"');
    for (; *name; name++) {
        if (*name == '"') sl_buf_addc(sql, '"');
        sl_buf_addc(sql, *name);
    }
    sl_buf_addc(sql, '"');
}

static int declare(sqlite3 *db, const struct ArrowSchema *schema, struct sl_error *error)
{
    struct sl_buf sql = {0};
    int rc;

    sl_buf_adds(&sql, "CREATE TABLE x(");
    for (int64_t c = 0; c < schema->n_children; c++) {
        sl_buf_adds(&sql, c ? "," : "");
        put_name(&sql, schema->children[c]->name);
        sl_buf_addf(&sql, " %s", declared_type(schema->children[c]->format));
    }
    sl_buf_addc(&sql, ')');
    rc = sl_buf_failed(&sql) ? SQLITE_NOMEM : sqlite3_declare_vtab(db, sql.data);
    if (rc) sl_fail(error, SL_UNSUPPORTED, "SQLite cannot show this table: %s", sqlite3_errmsg(db));
    sl_buf_release(&sql);
    return rc;
}

static enum sl_code open_table(struct sl_vtab *table, const char *hex, struct sl_error *error)
{
    struct sl_buf location = {0};
    struct ArrowArrayStream stream = {0};
    enum sl_code rc;

    if (decode_hex(hex, &location))
        rc = sl_fail(error, SL_NO_MEMORY, "no memory for a table");
    else
        rc = sl_delta_open(table->env->delta, sl_buf_str(&location), -1, &table->delta, error);
    if (!rc) rc = sl_delta_scan(table->delta, NULL, 0, 0, &stream, error);
    if (!rc && stream.get_schema(&stream, &table->schema))
        rc = sl_fail(error, SL_DESTINATION, "could not read the columns of '%s'",
                     sl_buf_str(&location));
    if (stream.release) stream.release(&stream);
    sl_buf_release(&location);
    return rc;
}

static int disconnect(sqlite3_vtab *base)
{
    struct sl_vtab *table = (struct sl_vtab *)base;

    for (struct sl_vtab **link = &table->env->tables; *link; link = &(*link)->next)
        if (*link == table) {
            *link = table->next;
            break;
        }
    if (table->schema.release) table->schema.release(&table->schema);
    sl_delta_table_free(table->delta);
    sl_free(table->name);
    sl_free(table->used);
    sl_free(table);
    return SQLITE_OK;
}

static int connect(sqlite3 *db, void *aux, int argc, const char *const *argv, sqlite3_vtab **out,
                   char **message)
{
    struct sl_vtab *table = sl_calloc(1, sizeof *table);
    char hex[8192];
    size_t len = argc > 3 ? strlen(argv[3]) : 0;

    if (!table) return SQLITE_NOMEM;
    table->env = aux;
    if (len < 2 || len - 2 >= sizeof hex) {
        disconnect(&table->base);
        return SQLITE_ERROR;
    }
    memcpy(hex, argv[3] + 1, len - 2); /* between the quotes */
    hex[len - 2] = '\0';
    if (open_table(table, hex, &table->env->error) ||
        declare(db, &table->schema, &table->env->error)) {
        *message = sqlite3_mprintf("%s", table->env->error.message);
        disconnect(&table->base);
        return SQLITE_ERROR;
    }
    table->name = sl_strdup(argv[2]);
    table->used = sl_calloc((size_t)table->schema.n_children + 1, 1);
    if (!table->name || !table->used) {
        disconnect(&table->base);
        return SQLITE_NOMEM;
    }
    table->next = table->env->tables;
    table->env->tables = table;
    *out = &table->base;
    return SQLITE_OK;
}

/* The columns a statement uses travel to xFilter as one digit each: "0110...". */
static int best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
    struct sl_vtab *table = (struct sl_vtab *)base;
    int64_t n = table->schema.n_children;
    char *used = sqlite3_malloc64((sqlite3_uint64)n + 1);

    if (!used) return SQLITE_NOMEM;
    for (int64_t c = 0; c < n; c++) /* bit 63 stands for all columns from the 64th on */
        if ((info->colUsed >> (c < 63 ? c : 63)) & 1)
            used[c] = '1', table->used[c] = true;
        else
            used[c] = '0';
    used[n] = '\0';
    info->idxStr = used;
    info->needToFreeIdxStr = 1;
    info->estimatedCost = 1e6;
    return SQLITE_OK;
}

/* ---- the cursor ---- */

static int open_cursor(sqlite3_vtab *base, sqlite3_vtab_cursor **out)
{
    struct sl_vtab *table = (struct sl_vtab *)base;
    struct cursor *cursor = sl_calloc(1, sizeof *cursor);

    if (cursor) cursor->position = sl_calloc((size_t)table->schema.n_children + 1, sizeof(int));
    if (!cursor || !cursor->position) {
        sl_free(cursor);
        return SQLITE_NOMEM;
    }
    *out = &cursor->base;
    return SQLITE_OK;
}

static void end_scan(struct cursor *cursor)
{
    ArrowArrayViewReset(&cursor->view);
    if (cursor->batch.release) cursor->batch.release(&cursor->batch);
    if (cursor->schema.release) cursor->schema.release(&cursor->schema);
    if (cursor->stream.release) cursor->stream.release(&cursor->stream);
}

static int close_cursor(sqlite3_vtab_cursor *base)
{
    struct cursor *cursor = (struct cursor *)base;

    end_scan(cursor);
    sl_buf_release(&cursor->text);
    sl_free(cursor->position);
    sl_free(cursor);
    return SQLITE_OK;
}

static int failed(struct cursor *cursor)
{
    struct sl_vtab *table = (struct sl_vtab *)cursor->base.pVtab;

    sqlite3_free(table->base.zErrMsg);
    table->base.zErrMsg = sqlite3_mprintf("%s", table->env->error.message);
    return SQLITE_ERROR;
}

/* The next batch that has rows, or the end. */
static int next_batch(struct cursor *cursor)
{
    struct sl_vtab *table = (struct sl_vtab *)cursor->base.pVtab;
    struct sl_error *error = &table->env->error;

    do {
        if (cursor->batch.release) cursor->batch.release(&cursor->batch);
        if (cursor->stream.get_next(&cursor->stream, &cursor->batch)) {
            sl_fail(error, SL_DESTINATION, "could not read on: %s",
                    cursor->stream.get_last_error(&cursor->stream));
            return failed(cursor);
        }
        cursor->end = !cursor->batch.release;
    } while (!cursor->end && cursor->batch.length == 0);
    cursor->row = 0;
    if (!cursor->end &&
        ArrowArrayViewSetArray(&cursor->view, &cursor->batch, NULL) != NANOARROW_OK) {
        sl_fail(error, SL_BUG, "rows do not have the schema they came with");
        return failed(cursor);
    }
    return SQLITE_OK;
}

static int filter(sqlite3_vtab_cursor *base, int number, const char *used, int argc,
                  sqlite3_value **argv)
{
    struct cursor *cursor = (struct cursor *)base;
    struct sl_vtab *table = (struct sl_vtab *)base->pVtab;
    const char **names = sl_calloc((size_t)table->schema.n_children + 1, sizeof *names);
    size_t count = 0;
    enum sl_code rc;

    (void)number, (void)argc, (void)argv;
    if (!names) return SQLITE_NOMEM;
    end_scan(cursor);
    for (int64_t c = 0; c < table->schema.n_children; c++) {
        cursor->position[c] = used[c] == '1' ? (int)count : -1;
        if (used[c] == '1') names[count++] = table->schema.children[c]->name;
    }
    if (count == 0) { /* count(*): some column must be read for the rows to be seen */
        cursor->position[0] = 0;
        names[count++] = table->schema.children[0]->name;
    }
    rc = sl_delta_scan(table->delta, names, count, -1, &cursor->stream, &table->env->error);
    sl_free(names);
    if (!rc && cursor->stream.get_schema(&cursor->stream, &cursor->schema))
        rc = sl_fail(&table->env->error, SL_DESTINATION, "could not read the columns");
    if (!rc && ArrowArrayViewInitFromSchema(&cursor->view, &cursor->schema, NULL) != NANOARROW_OK)
        rc = sl_fail(&table->env->error, SL_NO_MEMORY, "no memory for a table");
    cursor->rowid = 0;
    return rc ? failed(cursor) : next_batch(cursor);
}

static int next(sqlite3_vtab_cursor *base)
{
    struct cursor *cursor = (struct cursor *)base;

    cursor->rowid++;
    return ++cursor->row < cursor->batch.length ? SQLITE_OK : next_batch(cursor);
}

static int at_end(sqlite3_vtab_cursor *base)
{
    return ((struct cursor *)base)->end;
}

static int column(sqlite3_vtab_cursor *base, sqlite3_context *context, int index)
{
    struct cursor *cursor = (struct cursor *)base;
    struct sl_vtab *table = (struct sl_vtab *)base->pVtab;
    int c = cursor->position[index];
    const struct ArrowArrayView *view = c < 0 ? NULL : cursor->view.children[c];
    const struct ArrowSchema *schema = c < 0 ? NULL : cursor->schema.children[c];
    bool null;

    if (!view || ArrowArrayViewIsNull(view, cursor->row)) {
        sqlite3_result_null(context);
        return SQLITE_OK;
    }
    if (is_integer(schema->format)) {
        sqlite3_result_int64(context, ArrowArrayViewGetIntUnsafe(view, cursor->row));
        return SQLITE_OK;
    }
    if (is_real(schema->format)) {
        double number = ArrowArrayViewGetDoubleUnsafe(view, cursor->row);
        if (!isnan(number) && !isinf(number)) {
            sqlite3_result_double(context, number);
            return SQLITE_OK;
        }
    }
    sl_buf_reset(&cursor->text);
    if (sl_show_text(&cursor->text, schema, view, cursor->row, &null, &table->env->error))
        return failed(cursor);
    sqlite3_result_text64(context, sl_buf_str(&cursor->text), cursor->text.len, SQLITE_TRANSIENT,
                          SQLITE_UTF8);
    return SQLITE_OK;
}

static int rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out)
{
    *out = ((struct cursor *)base)->rowid;
    return SQLITE_OK;
}

static const sqlite3_module module = {
    .xCreate = connect,
    .xConnect = connect,
    .xBestIndex = best_index,
    .xDisconnect = disconnect,
    .xDestroy = disconnect,
    .xOpen = open_cursor,
    .xClose = close_cursor,
    .xFilter = filter,
    .xNext = next,
    .xEof = at_end,
    .xColumn = column,
    .xRowid = rowid,
};

int sl_vtab_register(sqlite3 *db, struct sl_vtab_env *env)
{
    return sqlite3_create_module(db, "sluice", &module, env);
}

/* ---- copies ---- */

/* Statements that put a copy in the place of a table. */
static void put_copy(struct sl_buf *sql, const struct sl_vtab *table)
{
    sl_buf_adds(sql, "CREATE TABLE temp.\"(copy)\" AS SELECT ");
    for (int64_t c = 0; c < table->schema.n_children; c++) {
        sl_buf_adds(sql, c ? "," : "");
        if (!table->used[c]) sl_buf_adds(sql, "NULL AS ");
        put_name(sql, table->schema.children[c]->name);
    }
    sl_buf_adds(sql, " FROM temp.");
    put_name(sql, table->name);
    sl_buf_adds(sql, ";DROP TABLE temp.");
    put_name(sql, table->name);
    sl_buf_adds(sql, ";ALTER TABLE temp.\"(copy)\" RENAME TO ");
    put_name(sql, table->name);
    sl_buf_addc(sql, ';');
}

int sl_vtab_copy_all(sqlite3 *db, struct sl_vtab_env *env)
{
    struct sl_buf sql = {0};
    int rc;

    /* All of them are written down first: the list changes while they are carried out. */
    for (const struct sl_vtab *t = env->tables; t; t = t->next) put_copy(&sql, t);
    rc = sl_buf_failed(&sql) ? SQLITE_NOMEM : sqlite3_exec(db, sl_buf_str(&sql), NULL, NULL, NULL);
    sl_buf_release(&sql);
    return rc;
}
