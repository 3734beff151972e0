/*
 * error.h: what went wrong, whose fault it is, and what to do about it.
 *
 * Every function that can fail returns enum sl_code and fills a struct sl_error exactly when the
 * result is an error (anything but SL_OK, SL_MORE and SL_DONE). Messages are lower case without a
 * full stop: what could not be done, the subject in quotes, then why. A hint is one full sentence
 * that tells the user what to do. Neither ever holds a secret.
 */
#ifndef SLUICE_ERROR_H
#define SLUICE_ERROR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*        name          exit  retryable  text */
#define SL_CODES(X)                                                                                \
    X(OK, 0, false, "ok")                                                                          \
    X(MORE, 0, false, "more to come")                                                              \
    X(DONE, 0, false, "done")                                                                      \
    X(PARTIAL, 1, false, "some tables failed")                                                     \
    X(USAGE, 2, false, "wrong usage")                                                              \
    X(BAD_SPEC, 3, false, "invalid specification or configuration")                                \
    X(UNSUPPORTED, 3, false, "not supported")                                                      \
    X(NOT_FOUND, 3, false, "not found")                                                            \
    X(EXISTS, 3, false, "exists already")                                                          \
    X(AUTH, 4, false, "not authorised")                                                            \
    X(PERMISSION, 4, false, "not permitted")                                                       \
    X(SOURCE, 5, false, "the source failed")                                                       \
    X(BAD_DATA, 5, false, "invalid data from the source")                                          \
    X(TOO_LARGE, 5, false, "over a configured limit")                                              \
    X(CONNECT, 5, true, "could not connect")                                                       \
    X(TIMEOUT, 5, true, "timed out")                                                               \
    X(RATE_LIMITED, 5, true, "rate limited")                                                       \
    X(DESTINATION, 6, false, "the destination failed")                                             \
    X(CONFLICT, 6, true, "the table changed underneath")                                           \
    X(FENCED, 7, false, "another run wrote the table")                                             \
    X(BUSY, 7, false, "another run holds this pipeline")                                           \
    X(QUOTA, 8, false, "the quota is used up")                                                     \
    X(NO_MEMORY, 70, false, "out of memory")                                                       \
    X(BUG, 70, false, "a defect in sluice itself")                                                 \
    X(CANCELLED, 130, false, "cancelled")

enum sl_code {
#define X(name, exit_code, retryable, text) SL_##name,
    SL_CODES(X)
#undef X
};

#define SL_MUST_USE __attribute__((warn_unused_result))

struct sl_error {
    enum sl_code code;
    bool retryable;   /* might the same call succeed later? starts from the table above */
    int http_status;  /* 0: no answer was involved */
    const char *file; /* where it was first reported: for logs, never for users */
    int line;
    char message[2048]; /* table 'Tasks': page 3: the source asked us to slow down */
    char hint[512];     /* Lower requests_per_second, or wait 30 seconds. */
};

/* Fills *error and returns code: return sl_fail(error, SL_AUTH, "the source refused the token"); */
#define sl_fail(error, code, ...) sl_error_set((error), (code), __FILE__, __LINE__, __VA_ARGS__)

enum sl_code sl_error_set(struct sl_error *error, enum sl_code code, const char *file, int line,
                          const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Puts "<context>: " before the message. */
void sl_error_context(struct sl_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Sets the hint, a full sentence. */
void sl_error_hint(struct sl_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* "AUTH" and "not authorised"; the exit code of the command line. Never NULL. */
const char *sl_code_name(enum sl_code code);
const char *sl_code_text(enum sl_code code);
int sl_code_exit(enum sl_code code);

/* Is this result an error? SL_OK, SL_MORE and SL_DONE are not. */
static inline bool sl_failed(enum sl_code code)
{
    return code > SL_DONE;
}

#ifdef __cplusplus
}
#endif
#endif
