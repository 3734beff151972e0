/* text.c: see text.h. */
#include "sim/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/time.h"

uint64_t sim_mix(uint64_t a, uint64_t b)
{
    uint64_t x = a ^ (b + UINT64_C(0x9e3779b97f4a7c15) + (a << 6) + (a >> 2));

    x ^= x >> 30;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 27;
    x *= UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

uint64_t sim_hash(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (; *text; text++) hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return sim_mix(hash, 1);
}

double sim_unit(uint64_t mixed)
{
    return (double)(mixed >> 11) / 9007199254740992.0;
}

void sim_id(char *out, const char *prefix, uint64_t seed)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    size_t n = strlen(prefix);
    uint64_t x = sim_mix(seed, 11);

    memcpy(out, prefix, n);
    for (int i = 0; i < SIM_ID_TAIL; i++) {
        if (i == SIM_ID_TAIL / 2) x = sim_mix(seed, 13);
        out[n++] = digits[x % 62];
        x /= 62;
    }
    out[n] = '\0';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool sim_url_decode(const char *text, size_t len, bool query, char *out, size_t cap)
{
    size_t n = 0;

    if (cap == 0) return false;
    out[0] = '\0';
    for (size_t i = 0; i < len; i++) {
        char c = text[i];

        if (c == '%') {
            int high = i + 2 < len ? hex_digit(text[i + 1]) : -1;
            int low = i + 2 < len ? hex_digit(text[i + 2]) : -1;

            if (high < 0 || low < 0) return false;
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && query) {
            c = ' ';
        }
        if (n + 1 >= cap) return false;
        out[n++] = c;
    }
    out[n] = '\0';
    return true;
}

bool sim_query_next(const char **cursor, struct sim_query_part *part)
{
    const char *at = *cursor;

    while (*at == '&') at++;
    if (!*at) return false;
    size_t len = strcspn(at, "&");
    const char *equals = memchr(at, '=', len);

    part->name = at;
    part->name_len = equals ? (size_t)(equals - at) : len;
    part->value = equals ? equals + 1 : at + len;
    part->value_len = equals ? len - part->name_len - 1 : 0;
    *cursor = at + len;
    return true;
}

bool sim_query_get(const char *query, const char *name, char *out, size_t cap)
{
    struct sim_query_part part;
    char decoded[128];

    while (sim_query_next(&query, &part)) {
        if (!sim_url_decode(part.name, part.name_len, true, decoded, sizeof decoded)) continue;
        if (strcmp(decoded, name) == 0)
            return sim_url_decode(part.value, part.value_len, true, out, cap);
    }
    return false;
}

void sim_json_str(struct sl_buf *out, const char *text, size_t len)
{
    size_t start = 0;

    sl_buf_addc(out, '"');
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c >= 0x20 && c != '"' && c != '\\') continue;
        sl_buf_add(out, text + start, i - start);
        start = i + 1;
        if (c == '"' || c == '\\') {
            sl_buf_addc(out, '\\');
            sl_buf_addc(out, (char)c);
        } else if (c == '\n') {
            sl_buf_adds(out, "\\n");
        } else if (c == '\t') {
            sl_buf_adds(out, "\\t");
        } else {
            sl_buf_addf(out, "\\u%04x", (unsigned)c);
        }
    }
    sl_buf_add(out, text + start, len - start);
    sl_buf_addc(out, '"');
}

void sim_json_text(struct sl_buf *out, const char *text)
{
    sim_json_str(out, text, strlen(text));
}

void sim_json_int(struct sl_buf *out, int64_t number)
{
    char text[24];
    size_t at = sizeof text;
    uint64_t rest = number < 0 ? (uint64_t)0 - (uint64_t)number : (uint64_t)number;

    do {
        text[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (number < 0) text[--at] = '-';
    sl_buf_add(out, text + at, sizeof text - at);
}

void sim_json_double(struct sl_buf *out, double number)
{
    char text[40];

    if (fabs(number) < 1e15 && number == floor(number)) {
        sim_json_int(out, (int64_t)number);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        int n = snprintf(text, sizeof text, "%.*g", digits, number);

        if (n < 0 || (size_t)n >= sizeof text) return;
        if (digits == 17 || strtod(text, NULL) == number) break; /* NOLINT: exact on purpose */
    }
    sl_buf_adds(out, text);
}

void sim_json_decimal(struct sl_buf *out, int64_t scaled, int decimals)
{
    int64_t unit = 1;
    char digits[8];

    for (int i = 0; i < decimals; i++) unit *= 10;
    int64_t size = scaled < 0 ? -scaled : scaled, rest = size % unit;

    if (scaled < 0) sl_buf_addc(out, '-');
    sim_json_int(out, size / unit);
    for (int i = decimals; i > 0; i--, rest /= 10) digits[i] = (char)('0' + rest % 10);
    while (decimals > 0 && digits[decimals] == '0') decimals--;
    digits[0] = '.';
    if (decimals) sl_buf_add(out, digits, (size_t)decimals + 1);
}

static void put_fixed(char *out, int count, int64_t number)
{
    for (int i = count - 1; i >= 0; i--, number /= 10) out[i] = (char)('0' + number % 10);
}

/* Days since 1970 into "YYYY-MM-DD": counts from 0000-03-01, in eras of 400 years. */
static void put_day(char *out, int64_t days)
{
    int64_t z = days + 719468, era = z / 146097, in_era = z % 146097;
    int64_t year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    int64_t in_year = in_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * in_year + 2) / 153, day = in_year - (153 * month + 2) / 5 + 1;

    month = month < 10 ? month + 3 : month - 9;
    put_fixed(out, 4, year + era * 400 + (month <= 2));
    out[4] = out[7] = '-';
    put_fixed(out + 5, 2, month);
    put_fixed(out + 8, 2, day);
}

void sim_json_date(struct sl_buf *out, int64_t us)
{
    char text[12] = "\"";

    put_day(text + 1, us / SL_DAY_US);
    text[11] = '"';
    sl_buf_add(out, text, sizeof text);
}

void sim_json_time(struct sl_buf *out, int64_t us)
{
    char text[] = "\"2026-03-02T09:00:00.000Z\"";
    int64_t ms = us % SL_DAY_US / 1000;

    put_day(text + 1, us / SL_DAY_US);
    put_fixed(text + 12, 2, ms / 3600000);
    put_fixed(text + 15, 2, ms / 60000 % 60);
    put_fixed(text + 18, 2, ms / 1000 % 60);
    put_fixed(text + 21, 3, ms % 1000);
    sl_buf_add(out, text, sizeof text - 1);
}
