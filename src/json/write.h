/*
 * write.h: JSON text into a struct sl_buf. The writer of <sluice/json.h> is made of these; rooms
 * with a buffer of their own call them directly. Failures stick to the buffer.
 */
#ifndef SL_WRITE_H
#define SL_WRITE_H

#include <sluice/json.h>

struct sl_buf;

/* Ends a writer and gives what it wrote: sl_free() it. NULL when there is no memory, or writer is
 * NULL. */
char *sl_json_writer_take(struct sl_json_writer *writer);

/* A string with its quotes. Only what must be escaped is; bytes that are not UTF-8 become U+FFFD. */
void sl_write_string(struct sl_buf *out, const char *text, size_t len);
/* A value and all that is in it: no blanks, members in received order, numbers with their own
 * text. The same value always gives the same bytes. NULL writes null. */
void sl_write_value(struct sl_buf *out, const struct sl_json *value);
/* The shortest text that reads back as the same double; null for NaN and the infinities. */
void sl_write_double(struct sl_buf *out, double number);

#endif
