/*
 * show.h: one value of an Arrow array as text or JSON, for people and for SQL.
 *
 * Text: strings as they are, numbers in full, dates as 2026-03-01, timestamps as
 * 2026-03-01T08:30:00.125Z (microseconds only when there are any), decimals exactly, binary in
 * base64, nested values as JSON. JSON: the same, with quotes where JSON wants them; NaN and the
 * infinities are the strings "NaN", "Infinity", "-Infinity".
 */
#ifndef SL_SHOW_H
#define SL_SHOW_H

#include <sluice/arrow.h>
#include <sluice/error.h>

struct ArrowArrayView;
struct sl_buf;
struct sl_json_writer;

/* Writes null for NULL. SL_BUG: a type that no column of ours has. */
SL_MUST_USE enum sl_code sl_show_json(struct sl_json_writer *writer,
                                      const struct ArrowSchema *schema,
                                      const struct ArrowArrayView *view, int64_t row,
                                      struct sl_error *error);
/* Appends nothing for NULL, and says so. */
SL_MUST_USE enum sl_code sl_show_text(struct sl_buf *out, const struct ArrowSchema *schema,
                                      const struct ArrowArrayView *view, int64_t row, bool *null,
                                      struct sl_error *error);

#endif
