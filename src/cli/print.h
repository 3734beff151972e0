/*
 * print.h: Arrow columns for people and programs.
 *
 *     table  aligned columns; on a terminal as many as fit, long values cut
 *     json   an array, one row object per line; NaN and infinities as text, decimals exact
 *     csv    RFC 4180; NULL is nothing, an empty text is ""
 *
 * Times are UTC in RFC 3339, binary is base64, nested values are JSON.
 */
#ifndef SL_CLI_PRINT_H
#define SL_CLI_PRINT_H

#include <sluice/arrow.h>

#include "cli/cli.h"

enum cli_format { CLI_FORMAT_TABLE, CLI_FORMAT_JSON, CLI_FORMAT_CSV };

#define CLI_FORMAT_OPTION                                                                          \
    {                                                                                              \
        .name = "format", .value = "table|json|csv", .values = "table|json|csv",                   \
        .help = "How rows are printed. Default: table; json with --output json."                   \
    }

/* --format, else by --output. */
SL_MUST_USE enum sl_code cli_format_of(const struct cli *cli, const struct cli_call *call,
                                       enum cli_format *out, struct sl_error *error);

struct cli_printer;
SL_MUST_USE enum sl_code cli_printer_new(const struct cli *cli, enum cli_format format, FILE *file,
                                         struct cli_printer **out, struct sl_error *error);
void cli_printer_free(struct cli_printer *printer); /* NULL is fine */
/* schema: a struct; the same for every batch. Both are borrowed. At most `rows` of it (-1: all). */
SL_MUST_USE enum sl_code cli_printer_batch(struct cli_printer *printer,
                                           const struct ArrowSchema *schema,
                                           const struct ArrowArray *batch, int64_t rows,
                                           struct sl_error *error);
/* The end of the table, which prints what waited. schema: for a table without a batch, or NULL. */
SL_MUST_USE enum sl_code cli_printer_end(struct cli_printer *printer,
                                         const struct ArrowSchema *schema, struct sl_error *error);
int64_t cli_printer_rows(const struct cli_printer *printer);

/* Prints a stream to its end (or `limit` rows) and releases it. */
SL_MUST_USE enum sl_code cli_print_stream(const struct cli *cli, enum cli_format format,
                                          struct ArrowArrayStream *stream, int64_t limit,
                                          struct sl_error *error);

/* One cell of CSV, quoted when it must be, and when it is empty: NULL is what is not there. */
void cli_csv_cell(FILE *file, const char *text, size_t len, bool null);

#endif
