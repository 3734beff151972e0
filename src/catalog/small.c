/* small.c: ids, names, and JSON in one line each. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "catalog/internal.h"
#include "options/options.h"

void sl_uuid4(char out[SL_ID_MAX])
{
    unsigned char b[16];

    randombytes_buf(b, sizeof b);
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40); /* version 4 */
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80); /* the RFC's variant */
    snprintf(out, SL_ID_MAX, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
             b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
             b[14], b[15]);
}

int64_t sl_catalog_now_ms(struct sl_catalog *catalog)
{
    return catalog->now_us(catalog->ctx) / 1000;
}

char *sl_lower(const char *text)
{
    char *copy = sl_strdup(text);

    for (char *c = copy; c && *c; c++)
        if (*c >= 'A' && *c <= 'Z') *c = (char)(*c - 'A' + 'a');
    return copy;
}

enum sl_code sl_writer_new(struct sl_json_writer **out, struct sl_error *error)
{
    *out = sl_json_writer_new();
    return *out ? SL_OK : sl_fail(error, SL_NO_MEMORY, "no memory for an answer of the catalog");
}

enum sl_code sl_json_append(const struct sl_json_writer *writer, struct sl_buf *out,
                            struct sl_error *error)
{
    size_t len = 0;
    const char *text = sl_json_writer_text(writer, &len);

    if (text) sl_buf_add(out, text, len);
    if (!text || sl_buf_failed(out))
        return sl_fail(error, SL_NO_MEMORY, "an answer of the catalog does not fit in memory");
    return SL_OK;
}

enum sl_code sl_json_text_member(const struct sl_json *object, const char *key, bool required,
                                 const char **out, struct sl_error *error)
{
    const struct sl_json *value = sl_json_get(object, key);
    enum sl_json_kind kind = sl_json_kind(value);

    *out = NULL;
    if (kind == SL_JSON_NONE || kind == SL_JSON_NULL)
        return required ? sl_fail(error, SL_BAD_SPEC, "/%s: is missing", key) : SL_OK;
    if (kind != SL_JSON_STRING)
        return sl_fail(error, SL_BAD_SPEC, "/%s: expected a string, found %s", key,
                       sl_json_kind_name(kind));
    if (strlen(sl_json_str(value)) != sl_json_str_len(value))
        return sl_fail(error, SL_BAD_SPEC, "/%s: holds a NUL character", key);
    if (required && sl_json_str_len(value) == 0)
        return sl_fail(error, SL_BAD_SPEC, "/%s: is empty", key);
    *out = sl_json_str(value);
    return SL_OK;
}

static bool one_of(const char *text, const char *const *names)
{
    for (; *names; names++)
        if (strcmp(text, *names) == 0) return true;
    return false;
}

enum sl_code sl_json_only(const struct sl_json *object, const char *const *names, const char *what,
                          struct sl_error *error)
{
    if (sl_json_kind(object) != SL_JSON_OBJECT)
        return sl_fail(error, SL_BAD_SPEC, "%s: expected a JSON object, found %s", what,
                       sl_json_kind_name(sl_json_kind(object)));
    for (struct sl_json_each e = sl_json_each(object); sl_json_next(&e);) {
        const char *key = sl_json_str(e.key);
        size_t seen = 0;

        if (!one_of(key, names)) {
            const char *nearest = sl_nearest(key, names);
            sl_fail(error, SL_BAD_SPEC, "/%s: unknown key of a %s", key, what);
            if (nearest) sl_error_hint(error, "Did you mean '%s'?", nearest);
            return error->code;
        }
        for (struct sl_json_each f = sl_json_each(object); sl_json_next(&f);)
            seen += strcmp(sl_json_str(f.key), key) == 0;
        if (seen > 1)
            return sl_fail(error, SL_BAD_SPEC, "/%s: this key is there %zu times", key, seen);
    }
    return SL_OK;
}

void sl_json_kv_times(struct sl_json_writer *writer, const struct sl_catalog *catalog,
                      int64_t created_ms, int64_t updated_ms)
{
    sl_json_kv_str(writer, "owner", catalog->owner);
    sl_json_kv_str(writer, "metastore_id", catalog->metastore_id);
    sl_json_kv_i64(writer, "created_at", created_ms);
    sl_json_kv_str(writer, "created_by", catalog->owner);
    sl_json_kv_i64(writer, "updated_at", updated_ms);
    sl_json_kv_str(writer, "updated_by", catalog->owner);
}

char *sl_json_text(const struct sl_json *value)
{
    struct sl_json_writer *writer = sl_json_writer_new();
    const char *text = "{}";
    size_t len = 2;

    if (!writer) return NULL;
    if (value) {
        sl_json_put_value(writer, value);
        text = sl_json_writer_text(writer, &len);
    }
    char *copy = text ? sl_strndup(text, len) : NULL;
    sl_json_writer_free(writer);
    return copy;
}

enum sl_code sl_name_check(const char *what, const char *name, struct sl_error *error)
{
    size_t len = strlen(name);

    if (len == 0) return sl_fail(error, SL_BAD_SPEC, "the name of a %s is empty", what);
    if (len > SL_NAME_MAX)
        return sl_fail(error, SL_BAD_SPEC, "the name of a %s is longer than %d bytes: '%s'", what,
                       SL_NAME_MAX, name);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)name[i];
        if (c < 0x20 || c == 0x7f || c == '.' || c == '/') {
            sl_fail(error, SL_BAD_SPEC, "%s '%s': the name is not valid", what, name);
            sl_error_hint(error, "A name may not hold a dot, a slash or a control character.");
            return error->code;
        }
    }
    if (name[0] == ' ' || name[len - 1] == ' ')
        return sl_fail(error, SL_BAD_SPEC, "%s '%s': the name begins or ends with a blank", what,
                       name);
    return SL_OK;
}

enum sl_code sl_name_split(const char *full_name, const char *what, char **parts, size_t count,
                           struct sl_error *error)
{
    const char *at = full_name;
    size_t found = 0;
    enum sl_code rc = SL_OK;

    for (size_t i = 0; i < count; i++) parts[i] = NULL;
    for (;;) {
        bool quoted = *at == '`';
        const char *start = at + quoted;
        const char *end = strchr(start, quoted ? '`' : '.');

        if (!end) end = start + strlen(start);
        at = quoted && *end ? end + 1 : end;
        if (found < count) {
            char *part = sl_strndup(start, (size_t)(end - start));
            parts[found] = part ? sl_lower(part) : NULL;
            sl_free(part);
            if (!parts[found]) rc = sl_fail(error, SL_NO_MEMORY, "no memory for a name");
        }
        found++;
        if (*at != '.') break;
        at++;
    }
    if (!rc && (found != count || *at)) {
        rc = sl_fail(error, SL_BAD_SPEC, "'%s' is not the full name of a %s", full_name, what);
        sl_error_hint(error, "Write it as %s.",
                      count == 3 ? "catalog.schema.table" : "catalog.schema");
    }
    for (size_t i = 0; i < count && rc; i++) {
        sl_free(parts[i]);
        parts[i] = NULL;
    }
    return rc;
}
