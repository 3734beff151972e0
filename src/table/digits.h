/*
 * digits.h: numbers as their decimal digits, for everything that must be exact. Pure.
 */
#ifndef SL_DIGITS_H
#define SL_DIGITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SL_DIGITS_MAX 48 /* significant digits that are kept: more than any type has */

/* value = +-digits x 10^exponent. No zeros in front or at the end; zero has no digits. */
struct sl_digits {
    char text[SL_DIGITS_MAX + 1];
    int count;
    int64_t exponent;
    bool negative;
    bool more; /* there were digits beyond SL_DIGITS_MAX that are not zero */
};

/* A JSON number's text. False: it is not one. */
bool sl_digits_parse(const char *text, size_t len, struct sl_digits *out);

enum sl_scaled { SL_SCALED_EXACT, SL_SCALED_ROUNDED, SL_SCALED_TOO_LARGE };
/* value x 10^scale as an integer of at most `places` (1-38) digits, half away from zero. out has
 * room for 41 characters: sign, digits, NUL. */
enum sl_scaled sl_digits_scale(const struct sl_digits *digits, int scale, int places, char out[42]);

/* Does `number`, the nearest double to this number, show the same digits? number is finite. */
bool sl_digits_are(const struct sl_digits *digits, double number);
/* A quick answer for most numbers: true when they are sure to be the same; false: look closer. */
bool sl_digits_surely_are(const char *text, size_t len, double number);
bool sl_digits_equal(const struct sl_digits *a, const struct sl_digits *b);

#endif
