/*
 * buf.h: a growing string of bytes with a maximum size.
 *
 * Invariant: data is NULL, or data[len] is 0. The first failure (no memory, over the maximum)
 * sticks: later calls do nothing, and sl_buf_failed() says so at the end, so that a long series of
 * additions needs one check.
 */
#ifndef SL_BUF_H
#define SL_BUF_H

#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

struct sl_buf {
    char *data;
    size_t len, cap;
    size_t max; /* 0: SL_BUF_MAX_DEFAULT */
    bool failed;
    bool full; /* it failed because the maximum was met, not because memory ran out */
};

#define SL_BUF_MAX_DEFAULT ((size_t)64 << 20)

void sl_buf_init(struct sl_buf *buf, size_t max);
static inline void sl_buf_add(struct sl_buf *buf, const void *bytes, size_t len);
static inline void sl_buf_adds(struct sl_buf *buf, const char *text);
static inline void sl_buf_addc(struct sl_buf *buf, char c);
void sl_buf_addf(struct sl_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sl_buf_vaddf(struct sl_buf *buf, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
/* Makes room for len more bytes and returns where they go (data + len), or NULL. The caller writes
 * them, adds to len and ends with a NUL, for which there is room. */
static inline char *sl_buf_reserve(struct sl_buf *buf, size_t len);
/* For what could not be added, by a caller that ran out of memory itself. */
static inline void sl_buf_fail(struct sl_buf *buf)
{
    buf->failed = true;
}
static inline bool sl_buf_failed(const struct sl_buf *buf)
{
    return buf->failed;
}
/* The text, never NULL ("" when empty). */
const char *sl_buf_str(const struct sl_buf *buf);
/* Hands the memory over (sl_free); NULL when it failed. The buffer is empty afterwards. */
char *sl_buf_take(struct sl_buf *buf);
void sl_buf_reset(struct sl_buf *buf);   /* len 0, not failed; keeps memory */
void sl_buf_release(struct sl_buf *buf); /* safe on {0}, safe twice */

/* JSON is written byte by byte in the path of every row: these are worth being inline. */
char *sl_buf_grow(struct sl_buf *buf, size_t len); /* when there is no room, or it failed */
static inline char *sl_buf_reserve(struct sl_buf *buf, size_t len)
{
    bool room = !buf->failed && len < buf->cap - buf->len && buf->data;

    return room ? buf->data + buf->len : sl_buf_grow(buf, len);
}

static inline void sl_buf_add(struct sl_buf *buf, const void *bytes, size_t len)
{
    char *to = sl_buf_reserve(buf, len);

    if (!to || len == 0) return;
    memcpy(to, bytes, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}

static inline void sl_buf_adds(struct sl_buf *buf, const char *text)
{
    sl_buf_add(buf, text, strlen(text));
}

static inline void sl_buf_addc(struct sl_buf *buf, char c)
{
    sl_buf_add(buf, &c, 1);
}

#endif
