/* cmd_sql.c: SQL over what was landed. */
#include <string.h>

#include "cli/commands.h"
#include "cli/print.h"
#include "sql/sql.h"

#define CELL_WIDTH_MAX 40
#define WHOLE_COLUMNS_MAX 3 /* so narrow a result is printed whole: DESCRIBE is */

/* Rows on their way to stdout. */
struct result {
    const struct cli *cli;
    enum cli_format format;
    struct cli_grid *grid;
    size_t count;
    int64_t rows;
    struct sl_json_writer *writer;
    struct sl_buf names_text; /* names, each with its NUL */
};

static enum sl_code no_memory(struct sl_error *error)
{
    return sl_fail(error, SL_NO_MEMORY, "no memory for the result");
}

static const char *name_at(const struct result *r, size_t index)
{
    const char *name = sl_buf_str(&r->names_text);

    for (; index > 0; index--) name += strlen(name) + 1;
    return name;
}

static enum sl_code take_columns(void *ctx, const char *const *names, size_t count,
                                 struct sl_error *error)
{
    struct result *r = ctx;

    r->count = count;
    for (size_t i = 0; i < count; i++) sl_buf_add(&r->names_text, names[i], strlen(names[i]) + 1);
    if (sl_buf_failed(&r->names_text)) return no_memory(error);
    if (r->format == CLI_FORMAT_JSON) fputc('[', stdout);
    if (r->format == CLI_FORMAT_TABLE && !(r->grid = cli_grid_new(count))) return no_memory(error);
    for (size_t i = 0; i < count; i++) {
        const char *name = name_at(r, i);
        if (r->format == CLI_FORMAT_TABLE) cli_grid_head(r->grid, i, name, false);
        if (r->format != CLI_FORMAT_CSV) continue;
        if (i) fputc(',', stdout);
        cli_csv_cell(stdout, name, strlen(name), false);
    }
    if (r->format == CLI_FORMAT_CSV) fputs("\r\n", stdout);
    return SL_OK;
}

static void put_json(struct sl_json_writer *w, const struct sl_sql_value *value)
{
    switch (value->kind) {
    case SL_SQL_NULL: sl_json_put_null(w); break;
    case SL_SQL_INTEGER: sl_json_put_i64(w, value->integer); break;
    case SL_SQL_REAL: sl_json_put_double(w, value->real); break;
    case SL_SQL_TEXT: sl_json_put_strn(w, value->text, value->text_len); break;
    }
}

static enum sl_code row_json(struct result *r, const struct sl_sql_value *values,
                             struct sl_error *error)
{
    size_t len = 0;

    sl_json_writer_reset(r->writer);
    sl_json_begin_object(r->writer);
    for (size_t i = 0; i < r->count; i++) {
        sl_json_key(r->writer, name_at(r, i));
        put_json(r->writer, &values[i]);
    }
    sl_json_end_object(r->writer);
    const char *text = sl_json_writer_text(r->writer, &len);
    if (!text) return no_memory(error);
    fputs(r->rows++ ? ",\n" : "\n", stdout);
    fwrite(text, 1, len, stdout);
    return SL_OK;
}

static enum sl_code take_row(void *ctx, const struct sl_sql_value *values, size_t count,
                             struct sl_error *error)
{
    struct result *r = ctx;

    if (cli_cancelled(NULL)) return sl_fail(error, SL_CANCELLED, "the statement was stopped");
    if (r->format == CLI_FORMAT_JSON) return row_json(r, values, error);
    for (size_t i = 0; i < count; i++) {
        const struct sl_sql_value *v = &values[i];
        const char *text = v->text;
        size_t len = v->text_len;
        if (v->kind == SL_SQL_INTEGER || v->kind == SL_SQL_REAL) {
            sl_json_writer_reset(r->writer);
            put_json(r->writer, v);
            text = sl_json_writer_text(r->writer, &len);
            if (!text) return no_memory(error);
        }
        if (r->format == CLI_FORMAT_TABLE) {
            cli_grid_cell(r->grid, v->kind == SL_SQL_NULL ? "NULL" : text);
            continue;
        }
        if (i) fputc(',', stdout);
        cli_csv_cell(stdout, text, len, v->kind == SL_SQL_NULL);
    }
    if (r->format == CLI_FORMAT_CSV) fputs("\r\n", stdout);
    r->rows++;
    return SL_OK;
}

static enum sl_code finish(struct result *r, struct sl_error *error)
{
    if (r->format == CLI_FORMAT_JSON)
        fputs(r->count == 0 ? "[]\n" : r->rows ? "\n]\n" : "]\n", stdout);
    if (r->format != CLI_FORMAT_TABLE || !r->grid) return SL_OK;
    bool cut = r->cli->out_tty && r->count > WHOLE_COLUMNS_MAX;
    return cli_grid_print(r->grid, r->cli, stdout, cut ? CELL_WIDTH_MAX : 0, error);
}

static enum sl_code sql(struct cli *cli, const struct cli_call *call, struct sl_error *error)
{
    struct result result = {.cli = cli, .writer = sl_json_writer_new()};
    struct sl_buf text = {0};
    const char *statement = cli_arg(call, 0);
    enum sl_code rc =
        result.writer ? cli_format_of(cli, call, &result.format, error) : no_memory(error);

    if (!rc && (statement[0] == '@' || strcmp(statement, "-") == 0)) {
        rc = cli_read_file(statement[0] == '@' ? statement + 1 : statement, SL_SQL_BYTES_MAX, &text,
                           error);
        statement = sl_buf_str(&text);
    }
    if (!rc) rc = cli_catalog(cli, error);
    if (!rc) rc = cli_delta(cli, error);
    if (!rc) {
        const struct sl_sql_sink sink = {.columns = take_columns, .row = take_row, .ctx = &result};
        cli_cancel_install(NULL);
        rc = sl_sql_run(cli->catalog, cli->delta, statement, &sink, error);
        cli_cancel_remove();
    }
    if (!rc) rc = finish(&result, error);
    cli_grid_free(result.grid);
    sl_json_writer_free(result.writer);
    sl_buf_release(&result.names_text);
    sl_buf_release(&text);
    return rc;
}

static const struct cli_option sql_options[] = {CLI_FORMAT_OPTION, {0}};
static const struct cli_example sql_examples[] = {
    {"Count by country",
     "sql 'SELECT country, count(*) FROM main.bronze.bronze_vendors GROUP BY country'"},
    {"What a connection is, its secrets masked", "sql 'DESCRIBE CONNECTION airtable'"},
    {"A longer statement from a file", "sql @query.sql --format csv"},
    {0},
};

const struct cli_command cli_sql_commands[] = {
    {.name = "sql",
     .args = "STATEMENT|@FILE|-",
     .args_min = 1,
     .args_max = 1,
     .summary = "Runs a statement over the landed tables.",
     .details =
         "SELECT in SQLite's words over catalog.schema.table; SHOW CATALOGS, SCHEMAS, TABLES,\n"
         "CONNECTIONS; DESCRIBE TABLE and DESCRIBE CONNECTION. Nothing can be written.",
     .options = sql_options,
     .examples = sql_examples,
     .run = sql},
    {0},
};
