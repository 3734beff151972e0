/* Dates and times as numbers, checked against gmtime and against the formats' own words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/time.h"

#include <string.h>
#include <time.h>

static int64_t parsed(const char *text)
{
    int64_t us = SL_NO_TIME;
    bool has_zone;

    return sl_time_parse(text, strlen(text), &us, &has_zone) ? us : SL_NO_TIME;
}

static int64_t http_parsed(const char *text)
{
    int64_t us = SL_NO_TIME;

    return sl_http_date_parse(text, strlen(text), &us) ? us : SL_NO_TIME;
}

static void every_day_agrees_with_the_system(void **state)
{
    char text[SL_TIME_TEXT_MAX], expected[SL_TIME_TEXT_MAX];

    (void)state;
    for (int32_t day = -719162; day <= 2932896; day += 13) { /* 0001-01-01 to 9999-12-31 */
        time_t seconds = (time_t)day * 86400;
        struct tm tm;
        int32_t back;

        assert_non_null(gmtime_r(&seconds, &tm));
        strftime(expected, sizeof expected, "%m-%d", &tm);
        sl_date_format(day, text);
        assert_int_equal(strlen(text), 10);
        assert_string_equal(text + 5, expected);
        assert_true(sl_date_parse(text, 10, &back));
        assert_int_equal(back, day);
    }
}

static void dates_are_strict(void **state)
{
    const char *bad[] = {"",           "2026-3-1",   "2026-02-29",  "2026-13-01", "2026-00-10",
                         "2026-01-00", "2026-04-31", "2026-01-01x", "20260101",   "0000-01-01",
                         "2100-02-29", "+026-01-01", "2026/01/01",  "2026-01-0"};
    int32_t days = 77;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(sl_date_parse(bad[i], strlen(bad[i]), &days));
    assert_int_equal(days, 77);
    assert_true(sl_date_parse("1970-01-01", 10, &days));
    assert_int_equal(days, 0);
    assert_true(sl_date_parse("2000-02-29", 10, &days));
    assert_int_equal(days, 11016);
}

static void times_of_all_accepted_forms(void **state)
{
    const int64_t at = INT64_C(1772353800) * SL_SECOND_US; /* 2026-03-01T08:30:00Z */

    (void)state;
    assert_int_equal(parsed("2026-03-01T08:30:00Z"), at);
    assert_int_equal(parsed("2026-03-01t08:30:00z"), at);
    assert_int_equal(parsed("2026-03-01 08:30:00Z"), at);
    assert_int_equal(parsed("2026-03-01T08:30:00.125Z"), at + 125000);
    assert_int_equal(parsed("2026-03-01T08:30:00.1Z"), at + 100000);
    assert_int_equal(parsed("2026-03-01T08:30:00.123456789Z"), at + 123456); /* cut */
    assert_int_equal(parsed("2026-03-01T10:00:00+01:30"), at);
    assert_int_equal(parsed("2026-02-28T23:30:00-0900"), at);
    assert_int_equal(parsed("1969-12-31T23:59:59.999999Z"), -1);
    assert_int_equal(parsed("2016-12-31T23:59:60Z"), parsed("2017-01-01T00:00:00Z"));
    assert_int_equal(parsed("0001-01-01T00:00:00Z"), INT64_C(-62135596800) * SL_SECOND_US);
    assert_int_equal(parsed("9999-12-31T23:59:59.999999Z"),
                     INT64_C(253402300800) * SL_SECOND_US - 1);
}

static void a_time_may_have_no_zone(void **state)
{
    int64_t us;
    bool has_zone = true;

    (void)state;
    assert_true(sl_time_parse("2026-03-01T08:30:00", 19, &us, &has_zone));
    assert_false(has_zone);
    assert_int_equal(us, parsed("2026-03-01T08:30:00Z"));
    assert_true(sl_time_parse("2026-03-01T08:30:00+00:00", 25, &us, &has_zone));
    assert_true(has_zone);
}

static void times_are_strict(void **state)
{
    const char *bad[] = {"",
                         "2026-03-01",
                         "2026-03-01T",
                         "2026-03-01T08:30",
                         "2026-03-01T8:30:00Z",
                         "2026-03-01T24:00:00Z",
                         "2026-03-01T08:60:00Z",
                         "2026-03-01T08:30:61Z",
                         "2026-03-01T08:30:00.Z",
                         "2026-03-01T08:30:00.1234567890Z",
                         "2026-03-01T08:30:00+1",
                         "2026-03-01T08:30:00+24:00",
                         "2026-03-01T08:30:00+01:60",
                         "2026-03-01T08:30:00Zx",
                         "2026-03-01_08:30:00Z",
                         "0001-01-01T00:00:00+00:01",
                         "9999-12-31T23:59:59-00:01"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(parsed(bad[i]), SL_NO_TIME);
    const char good[] = "2026-03-01T08:30:00.125+01:00";
    for (size_t len = 0; len + 1 < sizeof good; len++) { /* reads nothing behind len */
        int64_t us;
        bool has_zone;

        (void)sl_time_parse(good, len, &us, &has_zone);
    }
}

static void times_are_printed_in_utc(void **state)
{
    char text[SL_TIME_TEXT_MAX];

    (void)state;
    assert_string_equal(sl_time_format_ms(parsed("2026-03-01T08:30:00.125999Z"), text),
                        "2026-03-01T08:30:00.125Z");
    assert_string_equal(sl_time_format_us(parsed("2026-03-01T08:30:00.125Z"), text),
                        "2026-03-01T08:30:00.125000Z");
    assert_string_equal(sl_time_format_us(-1, text), "1969-12-31T23:59:59.999999Z");
    assert_string_equal(sl_date_format(-1, text), "1969-12-31");
    assert_string_equal(sl_time_format_us(INT64_MIN, text), "-290308-12-21T19:59:05.224192Z");
    assert_string_equal(sl_time_format_us(INT64_MAX, text), "+294247-01-10T04:00:54.775807Z");
}

static void dates_of_http(void **state)
{
    const int64_t at = parsed("1994-11-06T08:49:37Z");
    char text[SL_TIME_TEXT_MAX];

    (void)state;
    assert_int_equal(http_parsed("Sun, 06 Nov 1994 08:49:37 GMT"), at);
    assert_int_equal(http_parsed("Sunday, 06-Nov-94 08:49:37 GMT"), at);
    assert_int_equal(http_parsed("Sun Nov  6 08:49:37 1994"), at);
    assert_int_equal(http_parsed("Wed, 22 Nov 2069 08:49:37 GMT"), parsed("2069-11-22T08:49:37Z"));
    assert_string_equal(sl_http_date_format(at, text), "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_string_equal(sl_http_date_format(parsed("2026-11-22T15:44:07.9Z"), text),
                        "Sun, 22 Nov 2026 15:44:07 GMT");

    const char *bad[] = {"",
                         "Sun, 06 Nov 1994 08:49:37",
                         "Sun, 06 Nov 1994 08:49:37 CET",
                         "Sun, 6 Nov 1994 08:49:37 GMT",
                         "Xyz, 06 Nov 1994 08:49:37 GMT",
                         "Sun, 31 Nov 1994 08:49:37 GMT",
                         "Sun, 06 Abc 1994 08:49:37 GMT",
                         "Sun, 06 Nov 1994 08:49:37 GMT ",
                         "120"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(http_parsed(bad[i]), SL_NO_TIME);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_day_agrees_with_the_system),
        cmocka_unit_test(dates_are_strict),
        cmocka_unit_test(times_of_all_accepted_forms),
        cmocka_unit_test(a_time_may_have_no_zone),
        cmocka_unit_test(times_are_strict),
        cmocka_unit_test(times_are_printed_in_utc),
        cmocka_unit_test(dates_of_http),
    };

    return cmocka_run_group_tests_name("time", tests, NULL, NULL);
}
