/*
 * time.h: dates and times as numbers. UTC, proleptic Gregorian, microseconds since 1970.
 * Pure functions: nobody here looks at a clock.
 */
#ifndef SLUICE_TIME_H
#define SLUICE_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SL_SECOND_US INT64_C(1000000)
#define SL_DAY_US (INT64_C(86400) * SL_SECOND_US)
#define SL_NO_TIME INT64_MIN

/* "2026-03-01": days since 1970. Years 0001 to 9999. */
bool sl_date_parse(const char *text, size_t len, int32_t *days);
/* RFC 3339 / ISO 8601 with 0-9 fraction digits (the rest beyond microseconds is cut), 'T' or a
 * blank, and Z or +hh:mm or +hhmm. *has_zone is false when neither is there (then read as UTC). */
bool sl_time_parse(const char *text, size_t len, int64_t *us, bool *has_zone);
/* "Sun, 22 Nov 2026 15:44:07 GMT" (RFC 9110 5.6.7). */
bool sl_http_date_parse(const char *text, size_t len, int64_t *us);

#define SL_TIME_TEXT_MAX 40
/* "2026-03-01T08:30:00.125Z": milliseconds. */
char *sl_time_format_ms(int64_t us, char out[SL_TIME_TEXT_MAX]);
/* "2026-03-01T08:30:00.125000Z": microseconds. */
char *sl_time_format_us(int64_t us, char out[SL_TIME_TEXT_MAX]);
char *sl_date_format(int32_t days, char out[SL_TIME_TEXT_MAX]);
char *sl_http_date_format(int64_t us, char out[SL_TIME_TEXT_MAX]);

#ifdef __cplusplus
}
#endif
#endif
