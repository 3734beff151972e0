#include "table/digits.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPONENT_MAX INT64_C(1000000000) /* nothing beyond it means anything */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Adds digits to out; *scale counts those behind the point. */
static const char *take_digits(const char *p, const char *end, struct sl_digits *out,
                               int64_t *pending, int64_t *seen)
{
    for (; p < end && is_digit(*p); p++) {
        ++*seen;
        if (*p == '0') { /* zeros count only when another digit follows */
            if (out->count > 0) ++*pending;
            continue;
        }
        for (; *pending > 0 && out->count < SL_DIGITS_MAX; --*pending)
            out->text[out->count++] = '0';
        if (out->count < SL_DIGITS_MAX) {
            out->text[out->count++] = *p;
        } else {
            out->more = true;
            ++*pending;
        }
    }
    return p;
}

bool sl_digits_parse(const char *text, size_t len, struct sl_digits *out)
{
    const char *p = text, *end = text + len;
    int64_t pending = 0, whole = 0, fraction = 0, exponent = 0;

    *out = (struct sl_digits){0};
    if (p < end && *p == '-') {
        out->negative = true;
        p++;
    }
    p = take_digits(p, end, out, &pending, &whole);
    if (whole == 0) return false;
    if (p < end && *p == '.') {
        p = take_digits(p + 1, end, out, &pending, &fraction);
        if (fraction == 0) return false;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        bool minus = ++p < end && *p == '-';

        if (p < end && (*p == '-' || *p == '+')) p++;
        if (p == end || !is_digit(*p)) return false;
        for (; p < end && is_digit(*p); p++)
            if (exponent < EXPONENT_MAX) exponent = exponent * 10 + (*p - '0');
        exponent = minus ? -exponent : exponent;
    }
    out->exponent = out->count ? exponent - fraction + pending : 0;
    return p == end;
}

enum sl_scaled sl_digits_scale(const struct sl_digits *digits, int scale, int places, char out[42])
{
    int64_t shift = digits->exponent + scale; /* zeros to add, or digits to cut */
    int count = digits->count;
    bool cut = false, up = false;
    char *text = out;

    assert(places >= 1 && places <= 38);
    if (digits->negative) *text++ = '-';
    if (count == 0 || count + shift < 0) {
        memcpy(text, "0", 2);
        return count == 0 ? SL_SCALED_EXACT : SL_SCALED_ROUNDED;
    }
    if (count + shift > places + 1) return SL_SCALED_TOO_LARGE;
    if (shift < 0) {
        cut = true;
        count += (int)shift;
        up = digits->text[count] >= '5';
        shift = 0;
    }
    cut |= digits->more;
    text[0] = '0'; /* a place for the carry */
    memcpy(text + 1, digits->text, (size_t)count);
    memset(text + 1 + count, '0', (size_t)shift);
    count += (int)shift;
    text[1 + count] = 0;
    for (int i = count; up; i--) {
        up = text[i] == '9';
        text[i] = up ? '0' : (char)(text[i] + 1);
    }
    if (text[0] == '0' && count > 0)
        memmove(text, text + 1, (size_t)count + 1);
    else
        count++;
    if (count > places) return SL_SCALED_TOO_LARGE;
    return cut ? SL_SCALED_ROUNDED : SL_SCALED_EXACT;
}

bool sl_digits_are(const struct sl_digits *digits, double number)
{
    char text[SL_DIGITS_MAX + 32];
    struct sl_digits shown;

    if (digits->count == 0 || digits->more) return digits->count == 0;
    snprintf(text, sizeof text, "%.*e", digits->count - 1, number);
    return sl_digits_parse(text, strlen(text), &shown) && sl_digits_equal(&shown, digits);
}

bool sl_digits_equal(const struct sl_digits *a, const struct sl_digits *b)
{
    return a->count == b->count && a->exponent == b->exponent && a->more == b->more &&
           memcmp(a->text, b->text, (size_t)a->count) == 0;
}

/*
 * Up to 15 digits come back from every double that is not tiny. Up to 18 digits are an integer D
 * that a long double holds, like 10^k for k digits behind the point; so number x 10^k is off by
 * less than 0.06 of the last digit, and a distance to D below 0.4 says that D is what the number
 * shows with as many digits.
 */
bool sl_digits_surely_are(const char *text, size_t len, double number)
{
    static const long double powers[] = {
        1e0L,  1e1L,  1e2L,  1e3L,  1e4L,  1e5L,  1e6L,  1e7L,  1e8L,  1e9L,
        1e10L, 1e11L, 1e12L, 1e13L, 1e14L, 1e15L, 1e16L, 1e17L, 1e18L, 1e19L,
    };
    const char *p = text, *end = text + len, *point = NULL;
    int64_t all = 0;
    long double off;

    if (len <= 15 && (number > 1e-300 || number < -1e-300 || (len == 1 && *text == '0')))
        return true;
    if (len > 20) return false;
    p += *text == '-';
    for (; p < end; p++) {
        if (is_digit(*p) && all < INT64_C(100000000000000000))
            all = all * 10 + (*p - '0');
        else if (*p == '.')
            point = p;
        else
            return false;
    }
    off = fabsl((long double)number) * powers[point ? end - point - 1 : 0] - (long double)all;
    return off < 0.4L && off > -0.4L;
}
