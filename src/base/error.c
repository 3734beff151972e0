#include <sluice/error.h>

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What stands at the end of a text that did not fit: U+2026. */
#define ELLIPSIS "\xE2\x80\xA6"

/* vsnprintf into out[size]; a text that is too long ends with an ellipsis, never within a
 * character. out may not be among the arguments. */
static void print_bounded(char *out, size_t size, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

static void cut(char *out, size_t size)
{
    size_t end = size - sizeof ELLIPSIS;

    while (end > 0 && ((unsigned char)out[end] & 0xC0) == 0x80) end--;
    memcpy(out + end, ELLIPSIS, sizeof ELLIPSIS);
}

static void print_bounded(char *out, size_t size, const char *format, va_list args)
{
    assert(size > sizeof ELLIPSIS);

    int len = vsnprintf(out, size, format, args);
    if (len < 0)
        out[0] = '\0';
    else if ((size_t)len >= size)
        cut(out, size);
}

static bool is_retryable(enum sl_code code)
{
    switch (code) {
#define X(name, exit_code, retryable, text)                                                        \
    case SL_##name: return retryable;
        SL_CODES(X)
#undef X
    }
    return false;
}

enum sl_code sl_error_set(struct sl_error *error, enum sl_code code, const char *file, int line,
                          const char *format, ...)
{
    char message[sizeof error->message]; /* the arguments may point into error->message */
    va_list args;

    assert(error != NULL);
    assert(sl_failed(code));
    va_start(args, format);
    print_bounded(message, sizeof message, format, args);
    va_end(args);

    error->code = code;
    error->retryable = is_retryable(code);
    error->http_status = 0;
    error->file = file;
    error->line = line;
    error->hint[0] = '\0';
    memcpy(error->message, message, strlen(message) + 1);
    return code;
}

void sl_error_context(struct sl_error *error, const char *format, ...)
{
    char joined[sizeof error->message];
    va_list args;

    assert(error != NULL);
    va_start(args, format);
    print_bounded(joined, sizeof joined, format, args);
    va_end(args);

    size_t context_len = strlen(joined), room = sizeof joined - context_len;
    int len = snprintf(joined + context_len, room, ": %s", error->message);
    if (len > 0 && (size_t)len >= room) cut(joined, sizeof joined);
    memcpy(error->message, joined, strlen(joined) + 1);
}

void sl_error_hint(struct sl_error *error, const char *format, ...)
{
    char hint[sizeof error->hint];
    va_list args;

    assert(error != NULL);
    va_start(args, format);
    print_bounded(hint, sizeof hint, format, args);
    va_end(args);
    memcpy(error->hint, hint, strlen(hint) + 1);
}

const char *sl_code_name(enum sl_code code)
{
    switch (code) {
#define X(name, exit_code, retryable, text)                                                        \
    case SL_##name: return #name;
        SL_CODES(X)
#undef X
    }
    return "UNKNOWN";
}

const char *sl_code_text(enum sl_code code)
{
    switch (code) {
#define X(name, exit_code, retryable, text)                                                        \
    case SL_##name: return text;
        SL_CODES(X)
#undef X
    }
    return "unknown";
}

int sl_code_exit(enum sl_code code)
{
    switch (code) {
#define X(name, exit_code, retryable, text)                                                        \
    case SL_##name: return exit_code;
        SL_CODES(X)
#undef X
    }
    return 70;
}
