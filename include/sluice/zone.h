/*
 * zone.h: time zones. What a clock on the wall of a place shows at an instant, and the way back.
 *
 * The rules are those of the system's time zone files (tzdata; the directory TZDIR, else
 * /usr/share/zoneinfo). A zone is read once by sl_zone_load() into memory of the caller; from then
 * on everything is a pure function of it.
 */
#ifndef SLUICE_ZONE_H
#define SLUICE_ZONE_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SL_ZONE_TURNS_MAX 320 /* the longest list in tzdata has 243 */
#define SL_ZONE_KINDS_MAX 64

/* "Every year on the second Sunday of March at 2:00." */
struct sl_zone_turn {
    char
        kind; /* 'M': month, week, day of the week; 'J': day 1-365, no 29 February; '0': day 0-365 */
    int month, week, day;
    int32_t at_s; /* by the clock that is valid until then */
};

/* Private. About 3 KiB; may be copied. */
struct sl_zone {
    int turn_count;
    int64_t turns[SL_ZONE_TURNS_MAX]; /* seconds since 1970 at which the offset changes */
    uint8_t kinds[SL_ZONE_TURNS_MAX]; /* to which */
    int32_t offsets[SL_ZONE_KINDS_MAX];
    bool has_rule, has_summer; /* after the last turn: by rule */
    int32_t standard_s, summer_s;
    struct sl_zone_turn to_summer, to_standard;
};

/* Reads a zone by its name: "Europe/Berlin"; "UTC" needs no file. False: it is not known here, or
 * its file is no TZif file (RFC 8536). */
bool sl_zone_load(struct sl_zone *zone, const char *name);

/* Seconds east of Greenwich at an instant (microseconds since 1970, UTC). */
int32_t sl_zone_offset(const struct sl_zone *zone, int64_t utc_us);

/* What the clock shows at an instant, and the instant at which it shows something: both times as
 * microseconds of a calendar without zones. A clock that is set back shows an hour twice: the first
 * of the two is meant. An hour that it leaves out is read as if it had not been set yet, and is then
 * as much later. (Python's zoneinfo says the same for fold=0.) */
int64_t sl_zone_wall(const struct sl_zone *zone, int64_t utc_us);
int64_t sl_zone_utc(const struct sl_zone *zone, int64_t wall_us);

#ifdef __cplusplus
}
#endif
#endif
