/* print.c: batches of rows as table, JSON or CSV. */
#include "cli/print.h"

#include <string.h>

#include <nanoarrow/nanoarrow.h>

#include "base/alloc.h"
#include "table/show.h"

#define CELL_WIDTH_MAX 32

struct cli_printer {
    const struct cli *cli;
    enum cli_format format;
    FILE *file;
    struct cli_grid *grid;         /* table: waits for the widths */
    struct sl_json_writer *writer; /* json: one row */
    struct sl_buf cell;
    int64_t rows;
    bool begun;
};

enum sl_code cli_format_of(const struct cli *cli, const struct cli_call *call, enum cli_format *out,
                           struct sl_error *error)
{
    const char *text = cli_value(call, "format");

    *out = cli->json ? CLI_FORMAT_JSON : CLI_FORMAT_TABLE;
    if (!text) return SL_OK;
    if (strcmp(text, "table") == 0)
        *out = CLI_FORMAT_TABLE;
    else if (strcmp(text, "json") == 0)
        *out = CLI_FORMAT_JSON;
    else if (strcmp(text, "csv") == 0)
        *out = CLI_FORMAT_CSV;
    else
        return sl_fail(error, SL_USAGE, "--format '%s' is not table, json or csv", text);
    return SL_OK;
}

enum sl_code cli_printer_new(const struct cli *cli, enum cli_format format, FILE *file,
                             struct cli_printer **out, struct sl_error *error)
{
    struct cli_printer *printer = sl_calloc(1, sizeof *printer);

    *out = printer;
    if (printer) {
        printer->cli = cli;
        printer->format = format;
        printer->file = file;
        printer->writer = sl_json_writer_new();
    }
    if (!printer || !printer->writer) {
        cli_printer_free(printer);
        *out = NULL;
        return sl_fail(error, SL_NO_MEMORY, "no memory to print rows");
    }
    return SL_OK;
}

void cli_printer_free(struct cli_printer *printer)
{
    if (!printer) return;
    cli_grid_free(printer->grid);
    sl_json_writer_free(printer->writer);
    sl_buf_release(&printer->cell);
    sl_free(printer);
}

int64_t cli_printer_rows(const struct cli_printer *printer)
{
    return printer->rows;
}

void cli_csv_cell(FILE *file, const char *text, size_t len, bool null)
{
    if (null) return;
    if (len && !memchr(text, '"', len) && !memchr(text, ',', len) && !memchr(text, '\n', len) &&
        !memchr(text, '\r', len)) {
        fwrite(text, 1, len, file);
        return;
    }
    fputc('"', file);
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '"') fputc('"', file);
        fputc(text[i], file);
    }
    fputc('"', file);
}

static bool numeric(const struct ArrowSchema *schema)
{
    return strchr("cCsSiIlLfg", schema->format[0]) != NULL || schema->format[0] == 'd';
}

static enum sl_code begin(struct cli_printer *p, const struct ArrowSchema *schema,
                          struct sl_error *error)
{
    if (p->begun) return SL_OK;
    p->begun = true;
    if (p->format == CLI_FORMAT_JSON) fputc('[', p->file);
    if (p->format == CLI_FORMAT_TABLE && schema->n_children > 0) {
        p->grid = cli_grid_new((size_t)schema->n_children);
        if (!p->grid) return sl_fail(error, SL_NO_MEMORY, "no memory to print rows");
    }
    for (int64_t i = 0; i < schema->n_children; i++) {
        const char *name = schema->children[i]->name;
        if (p->format == CLI_FORMAT_TABLE)
            cli_grid_head(p->grid, (size_t)i, name, numeric(schema->children[i]));
        if (p->format != CLI_FORMAT_CSV) continue;
        if (i) fputc(',', p->file);
        cli_csv_cell(p->file, name, strlen(name), false);
    }
    if (p->format == CLI_FORMAT_CSV) fputs("\r\n", p->file);
    return SL_OK;
}

static enum sl_code row_json(struct cli_printer *p, const struct ArrowSchema *schema,
                             const struct ArrowArrayView *view, int64_t row, struct sl_error *error)
{
    size_t len = 0;

    sl_json_writer_reset(p->writer);
    enum sl_code rc = sl_show_json(p->writer, schema, view, row, error);
    const char *text = sl_json_writer_text(p->writer, &len);
    if (!rc && !text) rc = sl_fail(error, SL_NO_MEMORY, "no memory to print a row");
    if (rc) return rc;
    fputs(p->rows ? ",\n" : "\n", p->file);
    fwrite(text, 1, len, p->file);
    return SL_OK;
}

static enum sl_code row_text(struct cli_printer *p, const struct ArrowSchema *schema,
                             const struct ArrowArrayView *view, int64_t row, struct sl_error *error)
{
    bool null = false;

    for (int64_t i = 0; i < schema->n_children; i++) {
        sl_buf_reset(&p->cell);
        enum sl_code rc = sl_show_text(&p->cell, schema->children[i], view->children[i],
                                       row + view->offset, &null, error);
        if (rc) return rc;
        if (p->format == CLI_FORMAT_TABLE) {
            cli_grid_cell(p->grid, null ? "NULL" : sl_buf_str(&p->cell));
            continue;
        }
        if (i) fputc(',', p->file);
        cli_csv_cell(p->file, sl_buf_str(&p->cell), p->cell.len, null);
    }
    if (p->format == CLI_FORMAT_CSV) fputs("\r\n", p->file);
    return SL_OK;
}

enum sl_code cli_printer_batch(struct cli_printer *p, const struct ArrowSchema *schema,
                               const struct ArrowArray *batch, int64_t rows, struct sl_error *error)
{
    struct ArrowArrayView view;
    struct ArrowError why = {0};

    enum sl_code rc = begin(p, schema, error);
    if (rc) return rc;
    if (ArrowArrayViewInitFromSchema(&view, schema, &why) != NANOARROW_OK ||
        ArrowArrayViewSetArray(&view, batch, &why) != NANOARROW_OK) {
        ArrowArrayViewReset(&view);
        return sl_fail(error, SL_BUG, "rows that cannot be printed: %s", why.message);
    }
    if (rows < 0 || rows > batch->length) rows = batch->length;
    for (int64_t row = 0; row < rows && !rc; row++) {
        rc = p->format == CLI_FORMAT_JSON ? row_json(p, schema, &view, row, error)
                                          : row_text(p, schema, &view, row, error);
        p->rows++;
    }
    ArrowArrayViewReset(&view);
    return rc;
}

enum sl_code cli_printer_end(struct cli_printer *p, const struct ArrowSchema *schema,
                             struct sl_error *error)
{
    enum sl_code rc = schema ? begin(p, schema, error) : SL_OK;

    if (rc) return rc;
    if (p->format == CLI_FORMAT_JSON) {
        if (!p->begun) fputc('[', p->file);
        fputs(p->rows ? "\n]\n" : "]\n", p->file);
    }
    if (p->format == CLI_FORMAT_TABLE && p->grid)
        rc = cli_grid_print(p->grid, p->cli, p->file, p->cli->out_tty ? CELL_WIDTH_MAX : 0, error);
    return rc;
}

enum sl_code cli_print_stream(const struct cli *cli, enum cli_format format,
                              struct ArrowArrayStream *stream, int64_t limit,
                              struct sl_error *error)
{
    struct cli_printer *printer = NULL;
    struct ArrowSchema schema = {0};
    enum sl_code rc = cli_printer_new(cli, format, stdout, &printer, error);

    if (rc) goto out;
    if (stream->get_schema(stream, &schema)) goto stream_failed;
    while (!rc && (limit < 0 || printer->rows < limit)) {
        struct ArrowArray batch = {0};
        if (stream->get_next(stream, &batch)) goto stream_failed;
        if (!batch.release) break;
        rc = cli_printer_batch(printer, &schema, &batch, limit < 0 ? -1 : limit - printer->rows,
                               error);
        batch.release(&batch);
    }
    if (!rc) rc = cli_printer_end(printer, &schema, error);
    goto out;

stream_failed:;
    const char *why = stream->get_last_error(stream);
    rc = sl_fail(error, SL_DESTINATION, "the table cannot be read: %s", why ? why : "unknown");
out:
    if (schema.release) schema.release(&schema);
    stream->release(stream);
    cli_printer_free(printer);
    return rc;
}
