/*
 * repair.c: strings that hold what cannot be a character are made valid.
 *
 * Sources do send lone surrogates (text cut in the middle of an emoji) and, from their own users'
 * imports, bytes that are not UTF-8. yyjson refuses the document then. This pass, made only after
 * such a refusal, copies the text as received, puts U+FFFD in their place, and keeps the raw text
 * of each string that it changed.
 */
#include "base/alloc.h"
#include "json/internal.h"
#include "json/utf8.h"

#include <string.h>

enum unit { UNIT_GOOD, UNIT_BAD_ESCAPE, UNIT_BAD_BYTE, UNIT_QUOTE };

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* The code unit of \uXXXX at the start of text, or -1. */
static int escaped_unit(const char *text, size_t left)
{
    int unit = 0;

    if (left < 6 || text[0] != '\\' || text[1] != 'u') return -1;
    for (int i = 2; i < 6; i++) {
        int digit = hex_digit(text[i]);

        if (digit < 0) return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

/* What stands at the start of text[0..left), within a string, and how long it is. */
static enum unit next_unit(const char *text, size_t left, size_t *len)
{
    *len = 1;
    if (*text == '"') return UNIT_QUOTE;
    if (*text != '\\') {
        *len = sl_utf8_char(text, left);
        if (*len > 0) return UNIT_GOOD;
        *len = 1;
        return UNIT_BAD_BYTE;
    }

    int unit = escaped_unit(text, left);
    if (unit < 0) { /* another escape, or a wrong one: yyjson will say */
        *len = left < 2 ? 1 : 2;
        return UNIT_GOOD;
    }
    *len = 6;
    if (unit < 0xD800 || unit > 0xDFFF) return UNIT_GOOD;
    int low = escaped_unit(text + 6, left - 6);
    if (unit > 0xDBFF || low < 0xDC00 || low > 0xDFFF) return UNIT_BAD_ESCAPE;
    *len = 12;
    return UNIT_GOOD;
}

/* The next of doc->bads, zeroed; NULL with an error when there may be no more. */
static struct sl_bad *new_bad(struct sl_doc *doc, struct sl_error *error)
{
    if (doc->bads_count == SL_DOC_BAD_STRINGS_MAX) {
        sl_fail(error, SL_BAD_DATA, "not JSON: more than %d strings hold what is not a character",
                SL_DOC_BAD_STRINGS_MAX);
        sl_error_hint(error, "JSON is UTF-8; this text seems to be in another encoding.");
        return NULL;
    }
    if (doc->bads_count == doc->bads_size) {
        size_t size = doc->bads_size ? 2 * doc->bads_size : 16;
        struct sl_bad *bads = sl_realloc(doc->bads, size * sizeof *bads);

        if (!bads) {
            sl_fail(error, SL_NO_MEMORY, "could not repair strings of JSON");
            return NULL;
        }
        doc->bads = bads;
        doc->bads_size = size;
    }
    struct sl_bad *bad = &doc->bads[doc->bads_count++];
    *bad = (struct sl_bad){0};
    return bad;
}

/* The length of the string at text[0..len), up to its closing quote or the end of the text. */
static size_t string_len(const char *text, size_t len, bool *bad)
{
    size_t at = 0, unit_len;

    *bad = false;
    while (at < len) {
        enum unit unit = next_unit(text + at, len - at, &unit_len);

        if (unit == UNIT_QUOTE) break;
        if (unit != UNIT_GOOD) *bad = true;
        at += unit_len;
    }
    return at;
}

static enum sl_code repair_string(struct sl_doc *doc, const char *text, size_t from, size_t len,
                                  struct sl_error *error)
{
    size_t at = from, end = from + len, unit_len;
    struct sl_bad *bad = new_bad(doc, error);

    if (!bad) return error->code;
    bad->at = doc->text.len;
    bad->from_at = from;
    bad->from_end = end;
    bad->raw = doc->raws.len;
    for (; at < end; at += unit_len) {
        enum unit unit = next_unit(text + at, end - at, &unit_len);

        if (unit == UNIT_GOOD)
            sl_buf_add(&doc->text, text + at, unit_len);
        else
            sl_buf_adds(&doc->text, SL_UTF8_REPLACEMENT);
        if (unit == UNIT_BAD_BYTE)
            sl_buf_addf(&doc->raws, "\\x%02x", (unsigned)(unsigned char)text[at]);
        else
            sl_buf_add(&doc->raws, text + at, unit_len);
    }
    bad->end = doc->text.len;
    bad->raw_len = doc->raws.len - bad->raw;
    sl_buf_addc(&doc->raws, '\0');
    return SL_OK;
}

enum sl_code sl_doc_repair(struct sl_doc *doc, const char *text, size_t len, struct sl_error *error)
{
    size_t at = 0;
    enum sl_code rc = SL_OK;

    sl_buf_reset(&doc->text);
    while (at < len && !rc) {
        const char *quote = memchr(text + at, '"', len - at);
        size_t next = quote ? (size_t)(quote - text) + 1 : len;
        bool bad;

        sl_buf_add(&doc->text, text + at, next - at); /* up to a string, with its quote */
        at = next;
        size_t inside = string_len(text + at, len - at, &bad);
        if (bad)
            rc = repair_string(doc, text, at, inside, error);
        else
            sl_buf_add(&doc->text, text + at, inside);
        at += inside;
        if (at < len) { /* the closing quote */
            sl_buf_addc(&doc->text, '"');
            at++;
        }
    }
    if (!rc && (sl_buf_failed(&doc->raws) || !sl_buf_reserve(&doc->text, SL_DOC_PADDING)))
        rc = sl_fail(error, SL_NO_MEMORY, "could not repair strings of JSON");
    if (!rc) memset(doc->text.data + doc->text.len, 0, SL_DOC_PADDING);
    return rc;
}
