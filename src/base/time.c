#include "base/time.h"

#include <stdio.h>
#include <string.h>

#define DAY_S INT64_C(86400)

/* Days since 1970 of a date of the proleptic Gregorian calendar. Years count from March, so that
 * the leap day is the last of its year; an era is 400 years. */
static int64_t days_from_civil(int64_t year, int month, int day)
{
    int64_t y = year - (month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return era * 146097 + day_of_era - 719468;
}

static void civil_from_days(int64_t days, int64_t *year, int *month, int *day)
{
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t day_of_era = z - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t mp = (5 * day_of_year + 2) / 153;

    *day = (int)(day_of_year - (153 * mp + 2) / 5 + 1);
    *month = (int)(mp < 10 ? mp + 3 : mp - 9);
    *year = year_of_era + era * 400 + (*month <= 2);
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return month == 2 && leap ? 29 : days[month - 1];
}

/* The next `count` characters as a number. Moves *at; false when they are not digits. */
static bool digits(const char **at, const char *end, int count, int *value)
{
    if (end - *at < count) return false;
    *value = 0;
    for (int i = 0; i < count; i++) {
        unsigned digit = (unsigned)(unsigned char)(*at)[i] - '0';

        if (digit > 9) return false;
        *value = *value * 10 + (int)digit;
    }
    *at += count;
    return true;
}

static bool literal(const char **at, const char *end, const char *text)
{
    size_t len = strlen(text);

    if ((size_t)(end - *at) < len || memcmp(*at, text, len) != 0) return false;
    *at += len;
    return true;
}

static bool valid_date(int year, int month, int day)
{
    return year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= days_in_month(year, month);
}

static bool date_part(const char **at, const char *end, int64_t *days)
{
    int year, month, day;

    if (!digits(at, end, 4, &year) || !literal(at, end, "-") || !digits(at, end, 2, &month) ||
        !literal(at, end, "-") || !digits(at, end, 2, &day) || !valid_date(year, month, day))
        return false;
    *days = days_from_civil(year, month, day);
    return true;
}

/* hh:mm:ss as seconds of the day. A leap second (60) is the first second after it. */
static bool clock_part(const char **at, const char *end, int64_t *seconds)
{
    int hour, minute, second;

    if (!digits(at, end, 2, &hour) || !literal(at, end, ":") || !digits(at, end, 2, &minute) ||
        !literal(at, end, ":") || !digits(at, end, 2, &second))
        return false;
    if (hour > 23 || minute > 59 || second > 60) return false;
    *seconds = hour * 3600 + minute * 60 + second;
    return true;
}

/* ".125": 125,000. Nothing there: 0. At most 9 digits, those beyond microseconds are cut. */
static bool fraction_part(const char **at, const char *end, int64_t *us)
{
    int64_t scale = SL_SECOND_US / 10;
    int count = 0, digit;

    *us = 0;
    if (!literal(at, end, ".")) return true;
    while (digits(at, end, 1, &digit)) {
        if (++count > 9) return false;
        *us += digit * scale;
        scale /= 10;
    }
    return count > 0;
}

static bool zone_part(const char **at, const char *end, int64_t *seconds, bool *has_zone)
{
    int hours, minutes;

    *seconds = 0;
    *has_zone = false;
    if (*at == end) return true;
    *has_zone = true;
    if (literal(at, end, "Z") || literal(at, end, "z")) return true;

    bool minus = **at == '-';
    if (!minus && **at != '+') return false;
    (*at)++;
    if (!digits(at, end, 2, &hours)) return false;
    (void)literal(at, end, ":");
    if (!digits(at, end, 2, &minutes) || hours > 23 || minutes > 59) return false;
    *seconds = (hours * 3600 + minutes * 60) * (minus ? -1 : 1);
    return true;
}

bool sl_date_parse(const char *text, size_t len, int32_t *days)
{
    const char *at = text, *end = text + len;
    int64_t result;

    if (!date_part(&at, end, &result) || at != end) return false;
    *days = (int32_t)result;
    return true;
}

bool sl_time_parse(const char *text, size_t len, int64_t *us, bool *has_zone)
{
    const char *at = text, *end = text + len;
    int64_t days, seconds, fraction, zone;
    bool zoned;

    if (!date_part(&at, end, &days) || at == end || (*at != 'T' && *at != 't' && *at != ' '))
        return false;
    at++;
    if (!clock_part(&at, end, &seconds) || !fraction_part(&at, end, &fraction) ||
        !zone_part(&at, end, &zone, &zoned) || at != end)
        return false;

    int64_t total = days * DAY_S + seconds - zone;
    if (total < days_from_civil(1, 1, 1) * DAY_S || total >= days_from_civil(10000, 1, 1) * DAY_S)
        return false; /* the zone moved it out of the years 0001 to 9999 */
    *us = total * SL_SECOND_US + fraction;
    *has_zone = zoned;
    return true;
}

/* ------------------------------------------------------------------ the dates of HTTP */

static const char *const day_names[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                        "Thursday", "Friday", "Saturday"};
static const char *const month_names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static bool month_part(const char **at, const char *end, int *month)
{
    for (*month = 1; *month <= 12; (*month)++)
        if (literal(at, end, month_names[*month - 1])) return true;
    return false;
}

static bool day_name_part(const char **at, const char *end, bool *long_name)
{
    for (int i = 0; i < 7; i++) {
        *long_name = literal(at, end, day_names[i]);
        if (*long_name) return true;
    }
    for (int i = 0; i < 7; i++) {
        char name[4] = {day_names[i][0], day_names[i][1], day_names[i][2], '\0'};

        if (literal(at, end, name)) return true;
    }
    return false;
}

/* "Nov  2 15:44:07 2026" (asctime; one of the two obsolete forms) */
static bool asctime_part(const char **at, const char *end, int64_t *us)
{
    int year, month, day;
    int64_t seconds;

    if (!month_part(at, end, &month) || !literal(at, end, " ") ||
        !digits(at, end, literal(at, end, " ") ? 1 : 2, &day) || !literal(at, end, " ") ||
        !clock_part(at, end, &seconds) || !literal(at, end, " ") || !digits(at, end, 4, &year) ||
        !valid_date(year, month, day))
        return false;
    *us = (days_from_civil(year, month, day) * DAY_S + seconds) * SL_SECOND_US;
    return true;
}

/* "22 Nov 2026 15:44:07 GMT", or "22-Nov-26 15:44:07 GMT" (the other obsolete form; a year of two
 * digits is within 1970 to 2069) */
static bool fixed_part(const char **at, const char *end, bool old, int64_t *us)
{
    const char *dash = old ? "-" : " ";
    int year, month, day;
    int64_t seconds;

    if (!digits(at, end, 2, &day) || !literal(at, end, dash) || !month_part(at, end, &month) ||
        !literal(at, end, dash) || !digits(at, end, old ? 2 : 4, &year))
        return false;
    if (old) year += year < 70 ? 2000 : 1900;
    if (!literal(at, end, " ") || !clock_part(at, end, &seconds) || !literal(at, end, " GMT") ||
        !valid_date(year, month, day))
        return false;
    *us = (days_from_civil(year, month, day) * DAY_S + seconds) * SL_SECOND_US;
    return true;
}

bool sl_http_date_parse(const char *text, size_t len, int64_t *us)
{
    const char *at = text, *end = text + len;
    bool long_name, good;
    int64_t result;

    if (!day_name_part(&at, end, &long_name)) return false;
    if (literal(&at, end, ", "))
        good = fixed_part(&at, end, long_name, &result);
    else
        good = literal(&at, end, " ") && asctime_part(&at, end, &result);
    if (!good || at != end) return false;
    *us = result;
    return true;
}

/* ------------------------------------------------------------------ formatting */

struct civil {
    int64_t year;
    int month, day, hour, minute, second, us, weekday;
};

static struct civil civil_from_us(int64_t us)
{
    struct civil civil = {0};
    int64_t days = us / SL_DAY_US, rest = us % SL_DAY_US;

    if (rest < 0) {
        rest += SL_DAY_US;
        days--;
    }
    civil_from_days(days, &civil.year, &civil.month, &civil.day);
    civil.weekday = (int)(((days + 4) % 7 + 7) % 7); /* 1970 began on a Thursday */
    civil.us = (int)(rest % SL_SECOND_US);
    rest /= SL_SECOND_US;
    civil.hour = (int)(rest / 3600);
    civil.minute = (int)(rest / 60 % 60);
    civil.second = (int)(rest % 60);
    return civil;
}

/* Some digits, and what comes after them. Times are printed for every row of some sources: printf
 * takes ten times as long. */
static char *put_digits(char *out, int64_t number, int digits, char after)
{
    for (int i = digits; i-- > 0; number /= 10) out[i] = (char)('0' + number % 10);
    out[digits] = after;
    return out + digits + 1;
}

/* Years outside 0000 to 9999 take a sign and as many digits as they need (ISO 8601, 4.1.2.4). The
 * end of what was printed is where `after` is. */
static char *print_date(char *out, const struct civil *civil, char after)
{
    if (civil->year < 0 || civil->year > 9999)
        out += snprintf(out, SL_TIME_TEXT_MAX, "%+05lld-", (long long)civil->year);
    else
        out = put_digits(out, civil->year, 4, '-');
    out = put_digits(out, civil->month, 2, '-');
    return put_digits(out, civil->day, 2, after);
}

static char *print_time(int64_t us, bool micro, char *out)
{
    struct civil civil = civil_from_us(us);
    char *at = print_date(out, &civil, 'T');

    at = put_digits(at, civil.hour, 2, ':');
    at = put_digits(at, civil.minute, 2, ':');
    at = put_digits(at, civil.second, 2, '.');
    at = put_digits(at, micro ? civil.us : civil.us / 1000, micro ? 6 : 3, 'Z');
    *at = '\0';
    return out;
}

char *sl_time_format_ms(int64_t us, char out[SL_TIME_TEXT_MAX])
{
    return print_time(us, false, out);
}

char *sl_time_format_us(int64_t us, char out[SL_TIME_TEXT_MAX])
{
    return print_time(us, true, out);
}

char *sl_date_format(int32_t days, char out[SL_TIME_TEXT_MAX])
{
    struct civil civil = {0};

    civil_from_days(days, &civil.year, &civil.month, &civil.day);
    print_date(out, &civil, '\0');
    return out;
}

char *sl_http_date_format(int64_t us, char out[SL_TIME_TEXT_MAX])
{
    struct civil civil = civil_from_us(us);

    snprintf(out, SL_TIME_TEXT_MAX, "%.3s, %02d %s %04lld %02d:%02d:%02d GMT",
             day_names[civil.weekday], civil.day, month_names[civil.month - 1],
             (long long)civil.year, civil.hour, civil.minute, civil.second);
    return out;
}
