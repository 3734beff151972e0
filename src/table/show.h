/*
 * show.h: one cell of an Arrow batch as text or JSON, for people and for SQL.
 *
 * Text: strings as they are, numbers in full, dates as 2026-03-01, timestamps as
 * 2026-03-01T08:30:00.125Z (microseconds only when there are any), decimals exactly, binary as hex,
 * nested values as JSON. JSON: the same, with quotes where JSON wants them; NaN and infinities are
 * the strings "NaN", "Infinity", "-Infinity".
 */
#ifndef SL_SHOW_H
#define SL_SHOW_H

#include <sluice/arrow.h>
#include <sluice/error.h>
#include <stdbool.h>

struct sl_buf;

/* A batch made readable. Borrow schema and batch for as long as the view lives. */
struct sl_show;
SL_MUST_USE enum sl_code sl_show_new(const struct ArrowSchema *schema, struct sl_show **out,
                                     struct sl_error *error);
void sl_show_free(struct sl_show *show); /* NULL is fine */
/* Points the view at the next batch of the same schema. */
SL_MUST_USE enum sl_code sl_show_batch(struct sl_show *show, const struct ArrowArray *batch,
                                       struct sl_error *error);

bool sl_show_is_null(const struct sl_show *show, int64_t column, int64_t row);
/* Appends nothing for NULL. */
void sl_show_text(const struct sl_show *show, int64_t column, int64_t row, struct sl_buf *out);
/* Appends null for NULL. */
void sl_show_json(const struct sl_show *show, int64_t column, int64_t row, struct sl_buf *out);

/* What a column holds, for callers that want numbers as numbers. */
enum sl_show_kind { SL_SHOW_INTEGER, SL_SHOW_REAL, SL_SHOW_OTHER };
enum sl_show_kind sl_show_kind(const struct sl_show *show, int64_t column);
int64_t sl_show_integer(const struct sl_show *show, int64_t column, int64_t row);
double sl_show_real(const struct sl_show *show, int64_t column, int64_t row);

#endif
