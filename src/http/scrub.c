#define _GNU_SOURCE /* memmem, explicit_bzero */
#include "http/scrub.h"

#include <string.h>

#include "base/alloc.h"

#define BASE64_PART_MIN 8 /* shorter pieces of base64 are found by chance */

struct needle {
    char *bytes;
    size_t len;
};

struct sl_scrub {
    struct needle *needles;
    size_t count;
    bool starts[256]; /* can a needle begin with this byte? */
};

/* ------------------------------------------------------------------ base64 */

static const char base64_plain[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void sl_base64_add(const char *bytes, size_t len, struct sl_buf *out)
{
    const unsigned char *b = (const unsigned char *)bytes;

    for (size_t i = 0; i < len; i += 3) {
        unsigned word = (unsigned)b[i] << 16;
        if (i + 1 < len) word |= (unsigned)b[i + 1] << 8;
        if (i + 2 < len) word |= b[i + 2];
        sl_buf_addc(out, base64_plain[word >> 18]);
        sl_buf_addc(out, base64_plain[word >> 12 & 63]);
        sl_buf_addc(out, i + 1 < len ? base64_plain[word >> 6 & 63] : '=');
        sl_buf_addc(out, i + 2 < len ? base64_plain[word & 63] : '=');
    }
}

bool sl_base64_decode(const char *text, size_t len, struct sl_buf *out)
{
    unsigned word = 0, bits = 0;

    if (len % 4) return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '=' && i + 2 >= len) continue;
        const char *at = text[i] ? strchr(base64_plain, text[i]) : NULL;
        if (!at) return false;
        word = word << 6 | (unsigned)(at - base64_plain);
        bits += 6;
        if (bits < 8) continue;
        bits -= 8;
        sl_buf_addc(out, (char)(word >> bits & 255));
    }
    return true;
}

/* ------------------------------------------------------------------ needles */

static bool needle_add(struct sl_scrub *scrub, const char *bytes, size_t len)
{
    struct needle *more = sl_realloc(scrub->needles, (scrub->count + 1) * sizeof *more);

    if (!more) return false;
    scrub->needles = more;
    char *copy = sl_strndup(bytes, len);
    if (!copy) return false;
    scrub->needles[scrub->count++] = (struct needle){copy, len};
    scrub->starts[(unsigned char)*bytes] = true;
    return true;
}

/* What base64 shows of the secret when `before` bytes (mod 3) precede it in what is encoded. */
static bool needle_add_base64(struct sl_scrub *scrub, const char *secret, size_t before)
{
    struct sl_buf shifted, text;
    bool fine = true;

    sl_buf_init(&shifted, 0);
    sl_buf_init(&text, 0);
    sl_buf_add(&shifted, "\0\0", before);
    sl_buf_adds(&shifted, secret);
    sl_base64_add(sl_buf_str(&shifted), shifted.len, &text);
    if (sl_buf_failed(&shifted) || sl_buf_failed(&text)) {
        fine = false;
        goto out;
    }
    size_t from = (before * 8 + 5) / 6, to = shifted.len * 8 / 6;
    if (to < from + BASE64_PART_MIN) goto out;
    fine = needle_add(scrub, text.data + from, to - from);
    bool differs = false;
    for (size_t i = from; i < to; i++) {
        differs = differs || text.data[i] == '+' || text.data[i] == '/';
        if (text.data[i] == '+') text.data[i] = '-';
        if (text.data[i] == '/') text.data[i] = '_';
    }
    if (fine && differs) fine = needle_add(scrub, text.data + from, to - from);

out:
    if (shifted.data) explicit_bzero(shifted.data, shifted.len);
    if (text.data) explicit_bzero(text.data, text.len);
    sl_buf_release(&shifted);
    sl_buf_release(&text);
    return fine;
}

bool sl_scrub_secret(struct sl_scrub *scrub, const char *secret)
{
    bool fine = true;

    if (!*secret) return true;
    fine = needle_add(scrub, secret, strlen(secret));
    for (size_t before = 0; fine && before < 3; before++)
        fine = needle_add_base64(scrub, secret, before);
    return fine;
}

struct sl_scrub *sl_scrub_new(const char *const *secrets)
{
    struct sl_scrub *scrub = sl_calloc(1, sizeof *scrub);

    if (!scrub) return NULL;
    scrub->starts['%'] = scrub->starts['\\'] = scrub->starts['+'] = true;
    for (; secrets && *secrets; secrets++)
        if (!sl_scrub_secret(scrub, *secrets)) {
            sl_scrub_free(scrub);
            return NULL;
        }
    return scrub;
}

void sl_scrub_free(struct sl_scrub *scrub)
{
    if (!scrub) return;
    for (size_t i = 0; i < scrub->count; i++) {
        explicit_bzero(scrub->needles[i].bytes, scrub->needles[i].len);
        sl_free(scrub->needles[i].bytes);
    }
    sl_free(scrub->needles);
    sl_free(scrub);
}

/* ------------------------------------------------------------------ finding */

static int hex(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* Does `byte` stand at text, in any of its spellings? Their length, or 0. */
static size_t spelled(char byte, const char *text, size_t left)
{
    if (!left) return 0;
    if (*text == byte) return 1;
    if (*text == '+' && byte == ' ') return 1;
    if (*text == '%' && left >= 3)
        return hex(text[1]) >= 0 && hex(text[2]) >= 0 &&
                       (char)(hex(text[1]) * 16 + hex(text[2])) == byte
                   ? 3
                   : 0;
    if (*text != '\\' || left < 2) return 0;
    if (text[1] == byte && strchr("\"\\/", byte)) return 2;
    if (text[1] != 'u' || left < 6 || text[2] != '0' || text[3] != '0') return 0;
    return hex(text[4]) >= 0 && hex(text[5]) >= 0 &&
                   (char)(hex(text[4]) * 16 + hex(text[5])) == byte
               ? 6
               : 0;
}

static size_t needle_at(const struct needle *needle, const char *text, size_t left)
{
    size_t at = 0;

    for (size_t i = 0; i < needle->len; i++) {
        size_t len = spelled(needle->bytes[i], text + at, left - at);
        /* A backslash of the secret may be escaped: "\\" spells one. */
        if (len == 1 && needle->bytes[i] == '\\' && left - at >= 2 && text[at + 1] == '\\' &&
            (i + 1 == needle->len || needle->bytes[i + 1] != '\\'))
            len = 2;
        if (!len) return 0;
        at += len;
    }
    return at;
}

void sl_scrub_add(const struct sl_scrub *scrub, const char *text, size_t len, struct sl_buf *out)
{
    size_t clean = 0; /* text[clean..i) is clean and not yet added */

    for (size_t i = 0; i < len;) {
        size_t longest = 0;
        if (scrub->count && scrub->starts[(unsigned char)text[i]])
            for (size_t n = 0; n < scrub->count; n++) {
                size_t found = needle_at(&scrub->needles[n], text + i, len - i);
                if (found > longest) longest = found;
            }
        if (!longest) {
            i++;
            continue;
        }
        sl_buf_add(out, text + clean, i - clean);
        sl_buf_adds(out, SL_SCRUBBED);
        i += longest;
        clean = i;
    }
    sl_buf_add(out, text + clean, len - clean);
}

bool sl_scrub_match(const char *pattern, size_t pattern_len, const char *text, size_t len)
{
    const size_t stars_len = sizeof SL_SCRUBBED - 1;
    bool first = true;

    for (;;) {
        const char *stars = memmem(pattern, pattern_len, SL_SCRUBBED, stars_len);
        size_t piece = stars ? (size_t)(stars - pattern) : pattern_len;
        if (piece > len) return false;
        if (first && stars) { /* the text begins with it */
            if (memcmp(pattern, text, piece) != 0) return false;
        } else if (!stars) { /* the text ends with it */
            if (first && piece != len) return false;
            return !memcmp(pattern, text + len - piece, piece);
        } else {
            const char *at = piece ? memmem(text, len, pattern, piece) : text;
            if (!at) return false;
            len -= (size_t)(at - text);
            text = at;
        }
        text += piece;
        len -= piece;
        pattern = stars + stars_len;
        pattern_len -= piece + stars_len;
        first = false;
    }
}
