/* hash.c: see <sluice/hash.h>. Names are SipHash-2-4 with 128 bits under a key that never changes. */
#include <sluice/hash.h>

#include <sodium.h>
#include <string.h>

#define PART_MAX 64 /* a longer part is stood for by its hash */

static const unsigned char key[crypto_shorthash_siphashx24_KEYBYTES] = "sluice row names";

static struct sl_json_print hash(const void *bytes, size_t len)
{
    unsigned char out[crypto_shorthash_siphashx24_BYTES];
    struct sl_json_print print;

    crypto_shorthash_siphashx24(out, bytes, len, key);
    memcpy(&print.a, out, 8);
    memcpy(&print.b, out + 8, 8);
    return print;
}

/* Bytes that stand for a part, from which it could be told where it ends. */
static size_t put_part(unsigned char *to, const struct sl_text *part)
{
    uint64_t len = part->at ? part->len : UINT64_MAX;
    size_t n = part->at ? part->len : 0;

    memcpy(to, &len, sizeof len);
    if (n <= PART_MAX) {
        if (n) memcpy(to + sizeof len, part->at, n);
        return sizeof len + n;
    }
    struct sl_json_print print = hash(part->at, n);

    memcpy(to + sizeof len, &print, sizeof print);
    return sizeof len + sizeof print;
}

char *sl_text_key(const struct sl_text *parts, size_t count, char out[SL_TEXT_KEY_MAX])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[SL_TEXT_KEY_PARTS_MAX * (sizeof(uint64_t) + PART_MAX)];
    unsigned char print[crypto_shorthash_siphashx24_BYTES];
    size_t len = 0;

    for (size_t i = 0; i < count && i < SL_TEXT_KEY_PARTS_MAX; i++)
        len += put_part(bytes + len, &parts[i]);
    crypto_shorthash_siphashx24(print, bytes, len, key);
    for (size_t i = 0; i < sizeof print; i++) {
        out[2 * i] = digits[print[i] >> 4];
        out[2 * i + 1] = digits[print[i] & 15];
    }
    out[SL_TEXT_KEY_MAX - 1] = '\0';
    return out;
}

uint64_t sl_text_hash(uint64_t seed, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        seed = (seed ^ *p) * UINT64_C(1099511628211);
    return seed;
}

/* A value is its kind and its text, or its kind and what it is made of. */
struct mixed {
    uint64_t kind;
    struct sl_json_print first, second;
};

static struct sl_json_print print_scalar(const struct sl_json *value)
{
    struct mixed mixed = {.kind = (uint64_t)sl_json_kind(value)};
    const char *text = sl_json_number_text(value);

    if (text)
        mixed.first = hash(text, strlen(text));
    else if (sl_json_str(value))
        mixed.first = hash(sl_json_str(value), sl_json_str_len(value));
    else
        mixed.first.a = sl_json_true(value);
    return hash(&mixed, sizeof mixed);
}

struct sl_json_print sl_json_print(const struct sl_json *value)
{
    enum sl_json_kind kind = sl_json_kind(value);
    struct mixed all = {.kind = (uint64_t)kind};

    if (kind != SL_JSON_ARRAY && kind != SL_JSON_OBJECT) return print_scalar(value);
    /* As deep as documents may be: SL_DOC_DEPTH_MAX. */
    for (struct sl_json_each e = sl_json_each(value); sl_json_next(&e);) {
        struct sl_json_print inner = sl_json_print(e.value); // NOLINT(misc-no-recursion)

        if (kind == SL_JSON_OBJECT) { /* a sum, so that the order does not count */
            struct mixed member = {.kind = 0, .first = print_scalar(e.key), .second = inner};
            struct sl_json_print print = hash(&member, sizeof member);

            all.first.a += print.a;
            all.first.b += print.b;
        } else {
            struct mixed chain = {.kind = 1, .first = all.first, .second = inner};

            all.first = hash(&chain, sizeof chain);
        }
    }
    return hash(&all, sizeof all);
}
