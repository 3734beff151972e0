#include "base/buf.h"

#include "base/alloc.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define CAP_FIRST ((size_t)64)

void sl_buf_init(struct sl_buf *buf, size_t max)
{
    *buf = (struct sl_buf){.max = max};
}

char *sl_buf_grow(struct sl_buf *buf, size_t len)
{
    size_t max = buf->max ? buf->max : SL_BUF_MAX_DEFAULT;

    if (buf->failed) return NULL;
    if (max > SIZE_MAX / 4) max = SIZE_MAX / 4; /* so that doubling cannot overflow */
    assert(buf->len <= max);
    if (len > max - buf->len) {
        buf->failed = buf->full = true;
        return NULL;
    }
    if (buf->data && buf->len + len < buf->cap) return buf->data + buf->len;

    size_t cap = buf->cap ? buf->cap : CAP_FIRST;
    while (cap <= buf->len + len) cap *= 2;
    if (cap > max + 1) cap = max + 1;
    char *data = sl_realloc(buf->data, cap);
    if (!data) {
        buf->failed = true;
        return NULL;
    }
    buf->data = data;
    buf->cap = cap;
    buf->data[buf->len] = '\0';
    return buf->data + buf->len;
}

void sl_buf_addf(struct sl_buf *buf, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    sl_buf_vaddf(buf, format, args);
    va_end(args);
}

void sl_buf_vaddf(struct sl_buf *buf, const char *format, va_list args)
{
    va_list again;

    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (len < 0) {
        buf->failed = true;
        return;
    }

    char *to = sl_buf_reserve(buf, (size_t)len);
    if (!to) return;
    vsnprintf(to, (size_t)len + 1, format, args);
    buf->len += (size_t)len;
}

const char *sl_buf_str(const struct sl_buf *buf)
{
    return buf->data ? buf->data : "";
}

char *sl_buf_take(struct sl_buf *buf)
{
    char *data = NULL;

    if (sl_buf_reserve(buf, 0)) { /* so that an empty buffer gives "" */
        data = buf->data;
        buf->data = NULL;
    }
    sl_buf_release(buf);
    return data;
}

void sl_buf_reset(struct sl_buf *buf)
{
    buf->len = 0;
    buf->failed = buf->full = false;
    if (buf->data) buf->data[0] = '\0';
}

void sl_buf_release(struct sl_buf *buf)
{
    sl_free(buf->data);
    sl_buf_init(buf, buf->max);
}
