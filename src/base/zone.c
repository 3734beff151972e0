/* zone.c: TZif files (RFC 8536) and the rule in their last line (POSIX TZ, with its extensions). */
#include <sluice/zone.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sluice/time.h>

#define ZONES "/usr/share/zoneinfo"
#define NAME_MAX_LEN 64
#define PATH_LEN 512
#define FILE_MAX (64 << 10) /* the longest file of tzdata has 4 KiB */
#define HEADER 44
#define DAY_S INT64_C(86400)
#define OFFSET_MAX_S (26 * 3600)
#define RULE_TIME_MAX_S (167 * 3600) /* RFC 8536 3.3.1 */

/* ------------------------------------------------------------------ the file */

struct bytes {
    const unsigned char *at, *end;
};

struct counts { /* of a block, in the order of its header */
    uint32_t isut, isstd, leap, time, type, chars;
};

static int64_t big_endian(const unsigned char *at, int size)
{
    uint64_t value = at[0] & 0x80 ? UINT64_MAX : 0;

    for (int i = 0; i < size; i++) value = value << 8 | at[i];
    return (int64_t)value;
}

/* The bytes that a part takes, moved past; NULL: there are not so many. */
static const unsigned char *take(struct bytes *file, uint64_t count)
{
    const unsigned char *part = file->at;

    if ((uint64_t)(file->end - file->at) < count) return NULL;
    file->at += count;
    return part;
}

static bool read_header(struct bytes *file, char *version, struct counts *counts)
{
    const unsigned char *at = take(file, HEADER);
    uint32_t *all[] = {&counts->isut, &counts->isstd, &counts->leap,
                       &counts->time, &counts->type,  &counts->chars};

    if (!at || memcmp(at, "TZif", 4) != 0) return false;
    *version = (char)at[4];
    for (int i = 0; i < 6; i++) *all[i] = (uint32_t)big_endian(at + 20 + 4 * i, 4);
    return true;
}

static uint64_t block_size(const struct counts *c, uint64_t time_size)
{
    return c->time * time_size + c->time + c->type * UINT64_C(6) + c->chars +
           c->leap * (time_size + 4) + c->isstd + c->isut;
}

static bool read_block(struct bytes *file, const struct counts *c, struct sl_zone *zone)
{
    const unsigned char *times = take(file, c->time * UINT64_C(8));
    const unsigned char *kinds = take(file, c->time);
    const unsigned char *types = take(file, c->type * UINT64_C(6));
    struct counts rest = {.isut = c->isut, .isstd = c->isstd, .leap = c->leap, .chars = c->chars};

    if (!times || !kinds || !types || !take(file, block_size(&rest, 8))) return false;
    if (c->time > SL_ZONE_TURNS_MAX || c->type > SL_ZONE_KINDS_MAX || !c->type || c->leap)
        return false; /* leap seconds: not the time of day that anybody shows */
    for (uint32_t i = 0; i < c->type; i++) {
        int64_t offset = big_endian(types + i * 6, 4);

        if (offset < -OFFSET_MAX_S || offset > OFFSET_MAX_S) return false;
        zone->offsets[i] = (int32_t)offset;
    }
    for (uint32_t i = 0; i < c->time; i++) {
        zone->turns[i] = big_endian(times + (size_t)i * 8, 8);
        zone->kinds[i] = kinds[i];
        if (kinds[i] >= c->type || (i && zone->turns[i] <= zone->turns[i - 1])) return false;
    }
    zone->turn_count = (int)c->time;
    return true;
}

/* ------------------------------------------------------------------ the rule: "EST5EDT,M3.2.0,M11.1.0" */

static bool skip_name(const char **at)
{
    const char *from = *at;

    if (**at == '<') {
        const char *end = strchr(*at, '>');

        if (!end) return false;
        *at = end + 1;
        return true;
    }
    while ((**at >= 'A' && **at <= 'Z') || (**at >= 'a' && **at <= 'z')) ++*at;
    return *at > from;
}

static bool read_number(const char **at, int max, int *out)
{
    int value = 0;

    if (**at < '0' || **at > '9') return false;
    for (; **at >= '0' && **at <= '9'; ++*at) {
        value = value * 10 + (**at - '0');
        if (value > max) return false;
    }
    *out = value;
    return true;
}

/* [+-]hh[:mm[:ss]] */
static bool read_time(const char **at, int32_t *out)
{
    int sign = **at == '-' ? -1 : 1, parts[3] = {0};

    if (**at == '-' || **at == '+') ++*at;
    for (int i = 0; i < 3; i++) {
        if (i && **at != ':') break;
        if (i) ++*at;
        if (!read_number(at, i ? 59 : RULE_TIME_MAX_S / 3600, &parts[i])) return false;
    }
    *out = sign * (parts[0] * 3600 + parts[1] * 60 + parts[2]);
    return true;
}

static bool read_turn(const char **at, struct sl_zone_turn *turn)
{
    *turn = (struct sl_zone_turn){.kind = '0', .at_s = 2 * 3600};
    if (**at != ',') return false;
    ++*at;
    if (**at == 'M' || **at == 'J') turn->kind = *(*at)++;
    if (turn->kind == 'M') {
        if (!read_number(at, 12, &turn->month) || *(*at)++ != '.') return false;
        if (!read_number(at, 5, &turn->week) || *(*at)++ != '.') return false;
        if (!read_number(at, 6, &turn->day) || turn->month < 1 || turn->week < 1) return false;
    } else if (!read_number(at, 365, &turn->day) || (turn->kind == 'J' && turn->day < 1)) {
        return false;
    }
    if (**at != '/') return true;
    ++*at;
    return read_time(at, &turn->at_s);
}

/* Offsets are written the other way round: hours that are to be added to get UTC. */
static bool read_rule(const char *at, struct sl_zone *zone)
{
    int32_t west;

    zone->has_rule = *at != '\0';
    if (!zone->has_rule) return true;
    if (!skip_name(&at) || !read_time(&at, &west)) return false;
    zone->standard_s = -west;
    if (!*at) return true;
    if (!skip_name(&at)) return false;
    zone->summer_s = zone->standard_s + 3600;
    if (*at != ',') {
        if (!read_time(&at, &west)) return false;
        zone->summer_s = -west;
    }
    zone->has_summer = true;
    return read_turn(&at, &zone->to_summer) && read_turn(&at, &zone->to_standard) && !*at;
}

/* ------------------------------------------------------------------ loading */

/* Letters, digits and _+-/ only: never a path out of the directory. */
static bool is_name(const char *name)
{
    size_t len = name ? strlen(name) : 0;

    if (!len || len > NAME_MAX_LEN || name[0] == '/' || strstr(name, "//")) return false;
    for (const char *c = name; *c; c++)
        if (!((*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') ||
              strchr("_+-/", *c)))
            return false;
    return true;
}

static size_t read_file(const char *name, unsigned char *to, size_t max)
{
    const char *directory = getenv("TZDIR"); // NOLINT(concurrency-mt-unsafe): nobody sets it
    char path[PATH_LEN];
    size_t len, got = 0;
    ssize_t n = 1;

    if (!directory || !*directory) directory = ZONES;
    len = strlen(directory);
    if (len + strlen(name) + 2 > sizeof path) return 0;
    memcpy(path, directory, len);
    path[len] = '/';
    memcpy(path + len + 1, name, strlen(name) + 1);

    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;

    if (fd < 0) return 0;
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode))
        while (got < max && (n = read(fd, to + got, max - got)) > 0) got += (size_t)n;
    (void)close(fd);
    return n < 0 ? 0 : got;
}

bool sl_zone_load(struct sl_zone *zone, const char *name)
{
    unsigned char text[FILE_MAX + 1];
    struct counts counts;
    char version;

    *zone = (struct sl_zone){.has_rule = true};
    if (!is_name(name)) return false;
    if (strcmp(name, "UTC") == 0) return true;
    size_t len = read_file(name, text, FILE_MAX);
    struct bytes file = {text, text + len};

    text[len] = '\0';
    if (!read_header(&file, &version, &counts) || version < '2') return false;
    if (!take(&file, block_size(&counts, 4)) || !read_header(&file, &version, &counts) ||
        !read_block(&file, &counts, zone))
        return false;
    const unsigned char *newline = take(&file, 1);
    char *end = newline && *newline == '\n' ? strchr((char *)text + (file.at - text), '\n') : NULL;

    if (!end) return false;
    *end = '\0';
    return read_rule((const char *)file.at, zone);
}

/* ------------------------------------------------------------------ offsets */

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days from 1970 to the first of January. */
static int64_t year_start(int64_t year)
{
    int64_t y = year - 1;

    return (year - 1970) * 365 + (floor_div(y, 4) - 492) - (floor_div(y, 100) - 19) +
           (floor_div(y, 400) - 4);
}

static int64_t year_of(int64_t days)
{
    int64_t year = 1970 + floor_div(days * 400, 146097);

    while (year_start(year) > days) year--;
    while (year_start(year + 1) <= days) year++;
    return year;
}

/* Seconds since 1970, by the clock, at which a turn of this year is due. */
static int64_t turn_wall(const struct sl_zone_turn *turn, int64_t year)
{
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};
    int64_t start = year_start(year), day;
    bool leap = is_leap(year);

    if (turn->kind == 'M') {
        int64_t first = start + before[turn->month - 1] + (leap && turn->month > 2);
        int64_t next = start + before[turn->month] + (leap && turn->month >= 2);
        int64_t weekday = (first + 4) % 7; /* 1970 began on a Thursday */

        day = first + (turn->day - (weekday < 0 ? weekday + 7 : weekday) + 7) % 7;
        for (int i = 1; i < turn->week && day + 7 < next; i++) day += 7;
    } else {
        day = start + turn->day;
        if (turn->kind == 'J') day += (leap && turn->day >= 60) - 1;
    }
    return day * DAY_S + turn->at_s;
}

static int32_t rule_offset(const struct sl_zone *zone, int64_t utc_s)
{
    if (!zone->has_summer) return zone->standard_s;
    int64_t year = year_of(floor_div(utc_s + zone->standard_s, DAY_S));
    int64_t summer = turn_wall(&zone->to_summer, year) - zone->standard_s;
    int64_t standard = turn_wall(&zone->to_standard, year) - zone->summer_s;
    bool in_summer = summer < standard ? utc_s >= summer && utc_s < standard
                                       : !(utc_s >= standard && utc_s < summer);

    return in_summer ? zone->summer_s : zone->standard_s;
}

static int32_t offset_at(const struct sl_zone *zone, int64_t utc_s)
{
    int low = 0, high = zone->turn_count; /* turns before low are not after utc_s */

    while (low < high) {
        int middle = (low + high) / 2;

        if (zone->turns[middle] <= utc_s)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == zone->turn_count && zone->has_rule) return rule_offset(zone, utc_s);
    return low ? zone->offsets[zone->kinds[low - 1]] : zone->offsets[0];
}

int32_t sl_zone_offset(const struct sl_zone *zone, int64_t utc_us)
{
    return offset_at(zone, floor_div(utc_us, SL_SECOND_US));
}

int64_t sl_zone_wall(const struct sl_zone *zone, int64_t utc_us)
{
    return utc_us + sl_zone_offset(zone, utc_us) * SL_SECOND_US;
}

int64_t sl_zone_utc(const struct sl_zone *zone, int64_t wall_us)
{
    /* What is valid well before is tried first: it is right but for the rare turn in between. */
    int32_t before = sl_zone_offset(zone, wall_us - 2 * SL_DAY_US);
    int32_t after = sl_zone_offset(zone, wall_us + 2 * SL_DAY_US);
    int64_t early = wall_us - before * SL_SECOND_US, late = wall_us - after * SL_SECOND_US;

    if (sl_zone_offset(zone, early) == before) return early;
    return sl_zone_offset(zone, late) == after ? late : early;
}
