/* reference.c: values that stand elsewhere: {"env":"NAME"} and {"file":"PATH"}. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "catalog/internal.h"

#define FILE_BYTES_MAX ((size_t)64 << 10)

enum sl_code sl_reference_kind(const struct sl_json *value, const char *option,
                               enum sl_reference *kind, const char **target, struct sl_error *error)
{
    *kind = SL_VALUE_PLAIN;
    *target = NULL;
    if (sl_json_kind(value) != SL_JSON_OBJECT) return SL_OK;
    const struct sl_json *env = sl_json_get(value, "env"), *file = sl_json_get(value, "file");
    const char *text = sl_json_str(env ? env : file);
    if (sl_json_len(value) != 1 || !text || !*text ||
        strlen(text) != sl_json_str_len(env ? env : file)) {
        sl_fail(error, SL_BAD_SPEC, "/options/%s: an object that is not a reference", option);
        sl_error_hint(error, "Write {\"env\":\"NAME\"} or {\"file\":\"PATH\"}.");
        return error->code;
    }
    *kind = env ? SL_VALUE_ENV : SL_VALUE_FILE;
    *target = text;
    return SL_OK;
}

static enum sl_code keep(const char *text, size_t len, char **out, struct sl_error *error)
{
    *out = sodium_malloc(len + 1);
    if (!*out) return sl_fail(error, SL_NO_MEMORY, "no locked memory for a secret");
    memcpy(*out, text, len);
    (*out)[len] = '\0';
    return SL_OK;
}

static enum sl_code read_file(const char *path, const char *what, char **out,
                              struct sl_error *error)
{
    enum sl_code rc = SL_OK;
    char *text = NULL;
    size_t len = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0) {
        rc = sl_fail(error, SL_AUTH, "%s cannot be read from the file '%s': %s", what, path,
                     strerror(errno));
        goto out;
    }
    text = sodium_malloc(FILE_BYTES_MAX);
    if (!text) {
        rc = sl_fail(error, SL_NO_MEMORY, "no locked memory for a secret");
        goto out;
    }
    ssize_t got = 1;
    while (len < FILE_BYTES_MAX && (got = read(fd, text + len, FILE_BYTES_MAX - len)) > 0)
        len += (size_t)got;
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r')) len--;
    if (got < 0 || len == FILE_BYTES_MAX || len == 0 || memchr(text, 0, len)) {
        rc = sl_fail(error, SL_AUTH, "%s cannot be read from the file '%s': %s", what, path,
                     got < 0                 ? strerror(errno)
                     : len == 0              ? "it is empty"
                     : len == FILE_BYTES_MAX ? "it is longer than 64 KiB"
                                             : "it holds a NUL character");
        goto out;
    }
    rc = keep(text, len, out, error);

out:
    sodium_free(text);
    if (fd >= 0) close(fd);
    return rc;
}

enum sl_code sl_reference_read(enum sl_reference kind, const char *target, const char *what,
                               char **out, struct sl_error *error)
{
    *out = NULL;
    if (kind == SL_VALUE_FILE) return read_file(target, what, out, error);
    const char *text = getenv(target);
    if (!text || !*text) {
        sl_fail(error, SL_AUTH, "%s cannot be read: the environment variable %s is not set", what,
                target);
        sl_error_hint(error, "Set %s, then try again.", target);
        return error->code;
    }
    return keep(text, strlen(text), out, error);
}
