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
            if (out->count > 0)
                ++*pending;
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
    if (whole == 0)
        return false;
    if (p < end && *p == '.') {
        p = take_digits(p + 1, end, out, &pending, &fraction);
        if (fraction == 0)
            return false;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        bool minus = ++p < end && *p == '-';

        if (p < end && (*p == '-' || *p == '+'))
            p++;
        if (p == end || !is_digit(*p))
            return false;
        for (; p < end && is_digit(*p); p++)
            if (exponent < EXPONENT_MAX)
                exponent = exponent * 10 + (*p - '0');
        exponent = minus ? -exponent : exponent;
    }
    out->exponent = out->count ? exponent - fraction + pending : 0;
    return p == end;
}

enum sl_scaled sl_digits_scale(const struct sl_digits *digits, int scale, int places,
                               char out[42])
{
    int64_t shift = digits->exponent + scale; /* zeros to add, or digits to cut */
    int count = digits->count;
    bool cut = false, up = false;
    char *text = out;

    assert(places >= 1 && places <= 38);
    if (digits->negative)
        *text++ = '-';
    if (count == 0 || count + shift < 0) {
        memcpy(text, "0", 2);
        return count == 0 ? SL_SCALED_EXACT : SL_SCALED_ROUNDED;
    }
    if (count + shift > places + 1)
        return SL_SCALED_TOO_LARGE;
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
    if (count > places)
        return SL_SCALED_TOO_LARGE;
    return cut ? SL_SCALED_ROUNDED : SL_SCALED_EXACT;
}

bool sl_digits_are(const struct sl_digits *digits, double number)
{
    char text[SL_DIGITS_MAX + 32];
    struct sl_digits shown;

    if (digits->count == 0 || digits->more)
        return digits->count == 0;
    snprintf(text, sizeof text, "%.*e", digits->count - 1, number);
    return sl_digits_parse(text, strlen(text), &shown) && shown.count == digits->count &&
           shown.exponent == digits->exponent &&
           memcmp(shown.text, digits->text, (size_t)shown.count) == 0;
}
