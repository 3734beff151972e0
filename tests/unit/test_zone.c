/* Time zones: offsets and clocks, compared with what Python's zoneinfo says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <sluice/time.h>
#include <sluice/zone.h>

#include "unit/zone_cases.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void offsets_are_those_of_zoneinfo(void **state)
{
    struct sl_zone zone;

    (void)state;
    for (size_t i = 0; i < COUNT(zone_offsets); i++) {
        const struct zone_offset_case *c = &zone_offsets[i];

        assert_true(sl_zone_load(&zone, c->zone));
        if (sl_zone_offset(&zone, c->utc_s * SL_SECOND_US) != c->offset_s)
            fail_msg("%s at %lld: %d, not %d", c->zone, (long long)c->utc_s,
                     sl_zone_offset(&zone, c->utc_s * SL_SECOND_US), c->offset_s);
        assert_int_equal(sl_zone_wall(&zone, c->utc_s * SL_SECOND_US + 7),
                         (c->utc_s + c->offset_s) * SL_SECOND_US + 7);
    }
}

static void a_clock_that_is_set_is_read_as_zoneinfo_does(void **state)
{
    struct sl_zone zone;

    (void)state;
    for (size_t i = 0; i < COUNT(zone_walls); i++) {
        const struct zone_wall_case *c = &zone_walls[i];
        int64_t got;

        assert_true(sl_zone_load(&zone, c->zone));
        got = sl_zone_utc(&zone, c->wall_s * SL_SECOND_US);
        if (got != c->utc_s * SL_SECOND_US)
            fail_msg("%s shows %lld: %lld, not %lld", c->zone, (long long)c->wall_s,
                     (long long)(got / SL_SECOND_US), (long long)c->utc_s);
    }
}

static void an_hour_that_comes_twice_is_the_first_and_one_left_out_is_later(void **state)
{
    struct sl_zone zone;
    int64_t wall, utc;
    bool has_zone;

    (void)state;
    assert_true(sl_zone_load(&zone, "Europe/Berlin"));
    assert_true(sl_time_parse("2026-10-25 02:30:00", 19, &wall, &has_zone));
    assert_true(sl_time_parse("2026-10-25T00:30:00Z", 20, &utc, &has_zone));
    assert_int_equal(sl_zone_utc(&zone, wall), utc);
    assert_true(sl_time_parse("2026-03-29 02:30:00", 19, &wall, &has_zone));
    assert_true(sl_time_parse("2026-03-29T01:30:00Z", 20, &utc, &has_zone)); /* shown as 3:30 */
    assert_int_equal(sl_zone_utc(&zone, wall), utc);
}

static void what_is_no_zone_is_refused(void **state)
{
    static const char *const names[] = {
        "",          "Mars/Olympus", "../../etc/passwd", "/etc/passwd", "Europe", "Europe//Berlin",
        "tzdata.zi", "zone1970.tab", "Europe/Berlin\n",  NULL};
    struct sl_zone zone;

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) assert_false(sl_zone_load(&zone, names[i]));
    assert_true(sl_zone_load(&zone, "UTC"));
    assert_int_equal(sl_zone_offset(&zone, INT64_C(1772442000000000)), 0);
}

/* Every prefix of a good file, and the file with each byte changed: refused or read, never worse. */
static void broken_files_do_no_harm(void **state)
{
    const char *folder = getenv("SLUICE_TEST_TMP");
    char directory[400], path[420];
    unsigned char good[8192], bad[8192];
    struct sl_zone zone;
    size_t len;
    FILE *file = fopen("/usr/share/zoneinfo/America/New_York", "rb");

    (void)state;
    assert_non_null(file);
    len = fread(good, 1, sizeof good, file);
    fclose(file);
    snprintf(directory, sizeof directory, "%s/zones-%d", folder ? folder : "/tmp", (int)getpid());
    snprintf(path, sizeof path, "%s/Broken", directory);
    assert_int_equal(mkdir(directory, 0700), 0);
    setenv("TZDIR", directory, 1);
    for (size_t i = 0; i < 2 * len; i += 7) {
        size_t n = i < len ? i : len;

        memcpy(bad, good, len);
        if (i >= len) bad[i - len] ^= (unsigned char)(1 + i % 255);
        file = fopen(path, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(bad, 1, n, file), n);
        fclose(file);
        if (!sl_zone_load(&zone, "Broken")) continue;
        assert_true(i >= len || n + 1 >= len); /* a file that was cut is never taken */
        (void)sl_zone_utc(&zone, INT64_C(1772442000000000));
        (void)sl_zone_offset(&zone, INT64_C(4102444800000000));
    }
    unsetenv("TZDIR");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(directory), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_are_those_of_zoneinfo),
        cmocka_unit_test(a_clock_that_is_set_is_read_as_zoneinfo_does),
        cmocka_unit_test(an_hour_that_comes_twice_is_the_first_and_one_left_out_is_later),
        cmocka_unit_test(what_is_no_zone_is_refused),
        cmocka_unit_test(broken_files_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
