/*
 * number.c: a number's text as int64_t or double, on demand. Most cells hold a short integer or a
 * short decimal: these take the first branch of each function.
 */
#include "json/node.h"

#include <math.h>
#include <stdint.h>

/*
 * What a number's text says: digits x 10^exponent. Digits are those from the first that is not 0 to
 * the last that is not 0, the point left out, still in the text. Exponents beyond EXPONENT_MAX are
 * all the same to every type.
 */
struct decimal {
    bool minus;
    const char *first, *last; /* first > last: the number is zero */
    int64_t exponent;         /* of the digit at last */
};

#define EXPONENT_MAX INT64_C(1000000000000)

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int64_t read_exponent(const char *at, const char *end)
{
    bool minus = at < end && *at == '-';
    int64_t exponent = 0;

    if (at < end && (*at == '-' || *at == '+')) at++;
    for (; at < end; at++)
        if (exponent < EXPONENT_MAX) exponent = exponent * 10 + (*at - '0');
    return minus ? -exponent : exponent;
}

static struct decimal read_decimal(const char *text, size_t len)
{
    const char *end = text + len, *at = text + (*text == '-'), *point = NULL;
    struct decimal decimal = {.minus = *text == '-', .first = end, .last = text};

    for (; at < end && *at != 'e' && *at != 'E'; at++) {
        if (*at == '.') {
            point = at;
        } else if (*at != '0') {
            decimal.last = at;
            if (decimal.first == end) decimal.first = at;
        }
    }
    if (decimal.first == end) return decimal;

    if (!point) point = at; /* it stands behind the digits */
    decimal.exponent = decimal.last < point ? point - decimal.last - 1 : point - decimal.last;
    if (at < end) decimal.exponent += read_exponent(at + 1, end);
    return decimal;
}

static bool general_i64(const char *text, size_t len, int64_t *out)
{
    struct decimal decimal = read_decimal(text, len);
    uint64_t limit = (uint64_t)INT64_MAX + (decimal.minus ? 1 : 0), sum = 0;

    if (decimal.first > decimal.last) {
        *out = 0;
        return true;
    }
    if (decimal.exponent < 0 || decimal.exponent > 18) return false;
    for (const char *at = decimal.first; at <= decimal.last; at++) {
        if (*at == '.') continue;
        uint64_t digit = (uint64_t)(*at - '0');
        if (sum > (limit - digit) / 10) return false;
        sum = sum * 10 + digit;
    }
    for (int64_t i = 0; i < decimal.exponent; i++) {
        if (sum > limit / 10) return false;
        sum *= 10;
    }
    *out = decimal.minus ? -(int64_t)(sum - 1) - 1 : (int64_t)sum; /* sum is not 0 here */
    return true;
}

bool sl_number_i64(const char *text, size_t len, int64_t *out)
{
    const char *at = text + (*text == '-'), *end = text + len;
    int64_t sum = 0;

    if (end - at <= 18) {
        while (is_digit(*at)) sum = sum * 10 + (*at++ - '0');
        if (at == end) {
            *out = *text == '-' ? -sum : sum;
            return true;
        }
    }
    return general_i64(text, len, out);
}

/* yyjson's reader rounds correctly and does not look at the locale. It refuses what is beyond the
 * largest double, which is the only way in which a number can fail here. */
static double general_double(const char *text)
{
    yyjson_val value = {0};

    if (!yyjson_read_number(text, &value, YYJSON_READ_NOFLAG, NULL, NULL))
        return *text == '-' ? -HUGE_VAL : HUGE_VAL;
    return yyjson_get_num(&value);
}

double sl_number_double(const char *text, size_t len)
{
    static const double powers[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    const char *at = text + (*text == '-'), *end = text + len, *point = NULL;
    int64_t sum = 0;

    /* Up to 15 digits: sum and power are exact doubles, so one division rounds correctly. */
    if (end - at > 16) return general_double(text);
    for (; at < end; at++) {
        if (is_digit(*at))
            sum = sum * 10 + (*at - '0');
        else if (*at == '.')
            point = at;
        else
            return general_double(text);
    }
    if (sum >= INT64_C(1000000000000000)) return general_double(text);

    double number = (double)sum;
    if (point) number /= powers[end - point - 1];
    return *text == '-' ? -number : number;
}
