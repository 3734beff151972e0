/*
 * complain.c: what is wrong with a text that is not JSON, said so that a person finds the place.
 */
#include "json/internal.h"
#include "json/utf8.h"

#include <stdio.h>
#include <string.h>

#define FOUND_MAX 24 /* bytes of the text that a message shows */

struct place {
    size_t line, column; /* from 1; columns are characters */
};

static struct place place_of(const char *text, size_t pos)
{
    struct place place = {1, 1};

    for (size_t i = 0; i < pos; i++) {
        if (text[i] == '\n') {
            place.line++;
            place.column = 1;
        } else if (((unsigned char)text[i] & 0xC0) != 0x80) {
            place.column++;
        }
    }
    return place;
}

/* What stands at pos, in quotes, or by number where it cannot be shown. */
static void describe(const char *text, size_t len, size_t pos, char out[FOUND_MAX + 16])
{
    size_t n = 0;

    while (pos + n < len && n < FOUND_MAX && (unsigned char)text[pos + n] >= 0x20 &&
           text[pos + n] != 0x7F) {
        size_t char_len = sl_utf8_char(text + pos + n, len - pos - n);

        if (char_len == 0 || n + char_len > FOUND_MAX) break;
        n += char_len;
    }
    if (n > 0)
        snprintf(out, FOUND_MAX + 16, "'%.*s'", (int)n, text + pos);
    else if (pos < len)
        snprintf(out, FOUND_MAX + 16, "byte 0x%02X", (unsigned)(unsigned char)text[pos]);
    else
        snprintf(out, FOUND_MAX + 16, "the end");
}

/* Texts that are something else altogether. */
static bool complain_kind(const char *text, size_t len, struct sl_error *error)
{
    char found[FOUND_MAX + 16];
    size_t at = 0;

    while (at < len && strchr(" \t\r\n", text[at]) && text[at] != '\0') at++;
    describe(text, len, at, found);
    if (at < len && text[at] == '<') {
        bool xml = len - at >= 5 && memcmp(text + at, "<?xml", 5) == 0;

        sl_fail(error, SL_BAD_DATA, "not JSON: it starts with %s: %s?", found,
                xml ? "an XML document" : "an HTML page");
        sl_error_hint(error, "The address may be wrong, or a proxy or a login page answered in "
                             "place of the source.");
        return true;
    }
    if (len >= 2 && memcmp(text, "\x1F\x8B", 2) == 0) {
        sl_fail(error, SL_BAD_DATA, "not JSON: it starts with byte 0x1F: compressed data?");
        return true;
    }
    if (len >= 2 && (memcmp(text, "\xFF\xFE", 2) == 0 || memcmp(text, "\xFE\xFF", 2) == 0)) {
        sl_fail(error, SL_BAD_DATA, "not JSON: it is UTF-16, and JSON is UTF-8");
        return true;
    }
    return false;
}

enum sl_code sl_doc_complain(const char *text, size_t len, size_t pos, const yyjson_read_err *why,
                             struct sl_error *error)
{
    char found[FOUND_MAX + 16];

    if (complain_kind(text, len, error)) return error->code;
    if (pos > len) pos = len;

    struct place place = place_of(text, pos);
    if (why->code == YYJSON_READ_ERROR_UNEXPECTED_END)
        return sl_fail(error, SL_BAD_DATA,
                       "not JSON: it ends too early, at line %zu, column %zu (byte %zu)",
                       place.line, place.column, pos);
    describe(text, len, pos, found);
    return sl_fail(error, SL_BAD_DATA, "not JSON: line %zu, column %zu (byte %zu): %s; found %s",
                   place.line, place.column, pos, why->msg ? why->msg : "invalid text", found);
}

bool sl_doc_too_deep(const char *text, size_t len, size_t *pos)
{
    size_t depth = 0;
    bool in_string = false;

    for (size_t i = 0; i < len; i++) {
        char c = text[i];

        if (c == '"')
            in_string = !in_string;
        else if (in_string && c == '\\')
            i++;
        else if (!in_string && (c == '[' || c == '{') && ++depth > SL_DOC_DEPTH_MAX) {
            *pos = i;
            return true;
        } else if (!in_string && (c == ']' || c == '}') && depth > 0) {
            depth--;
        }
    }
    return false;
}

enum sl_code sl_doc_complain_depth(const char *text, size_t pos, struct sl_error *error)
{
    struct place place = place_of(text, pos);

    return sl_fail(error, SL_BAD_DATA,
                   "line %zu, column %zu (byte %zu): JSON is nested deeper than %d levels",
                   place.line, place.column, pos, SL_DOC_DEPTH_MAX);
}
