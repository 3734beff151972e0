/* data.c: what is in the project: the demo's data, and how more of it is invented. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "sim/mixpanel/mixpanel.h"
#include "sim/text.h"

#define DEMO_EVENTS 240
#define DEMO_PEOPLE 60
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

const char *mx_text(struct mx *app, const char *format, ...)
{
    struct sl_buf text = {0};
    va_list args;
    const char *out;

    va_start(args, format);
    sl_buf_vaddf(&text, format, args);
    va_end(args);
    out = text.failed ? NULL : sl_arena_strdup(&app->texts, sl_buf_str(&text));
    sl_buf_release(&text);
    return out;
}

/* Room for one more; NULL: no memory. */
static void *grow(void **at, size_t *count, size_t *cap, size_t size)
{
    if (*count == *cap) {
        size_t more = *cap ? *cap * 2 : 64;
        void *list = sl_realloc(*at, more * size);

        if (!list) return NULL;
        *at = list;
        *cap = more;
    }
    return (char *)*at + (*count)++ * size;
}

#define ADD(list, item)                                                                            \
    do {                                                                                           \
        void *at = (list).at;                                                                      \
        void *slot = grow(&at, &(list).count, &(list).cap, sizeof *(list).at);                     \
        (list).at = at;                                                                            \
        if (!slot) return sl_fail(error, SL_NO_MEMORY, "could not keep more data");                \
        memcpy(slot, item, sizeof *(list).at);                                                     \
    } while (0)

enum sl_code mx_add_event(struct mx *app, const struct mx_event *event, struct sl_error *error)
{
    if (!event->name || !event->distinct_id || !event->more)
        return sl_fail(error, SL_NO_MEMORY, "could not make an event");
    ADD(app->events, event);
    return SL_OK;
}

enum sl_code mx_add_person(struct mx *app, const struct mx_person *person, struct sl_error *error)
{
    if (!person->id || !person->more)
        return sl_fail(error, SL_NO_MEMORY, "could not make a profile");
    ADD(app->people, person);
    return SL_OK;
}

enum sl_code mx_add_cohort(struct mx *app, const struct mx_cohort *cohort, struct sl_error *error)
{
    if (!cohort->name || !cohort->description)
        return sl_fail(error, SL_NO_MEMORY, "could not make a cohort");
    ADD(app->cohorts, cohort);
    return SL_OK;
}

enum sl_code mx_add_annotation(struct mx *app, const struct mx_annotation *annotation,
                               struct sl_error *error)
{
    if (!annotation->description)
        return sl_fail(error, SL_NO_MEMORY, "could not make an annotation");
    ADD(app->annotations, annotation);
    return SL_OK;
}

/* ------------------------------------------------------------------ events */

/* Properties that SDKs send, and some of the project's own: nested, of changing kinds, with names
 * that differ in case only. */
static const char *invent_details(struct mx *app, uint64_t dice)
{
    static const char *const cities[] = {"Osterfjord", "Port Ember", "New Lyra",
                                         "S\xc3\xa3o Vento"};
    static const char *const systems[] = {"iOS", "Android", "Windows", "Mac OS X"};
    static const char *const widths[] = {"1440", "390.5", "\"1024\"", "2560"};
    static const char *const oddities[] = {
        "", ",\"Plan\":\"pro\",\"plan\":3", ",\"big\":9007199254740993,\"ratio\":1e-7",
        ",\"note\":\"line\\u2028break, \\u0000, \\ud83d\\ude00\"",
        ",\"amount\":\"NaN\",\"nothing\":null"};
    const char *city = cities[dice % COUNT(cities)], *os = systems[(dice >> 8) % COUNT(systems)];

    return mx_text(
        app,
        ",\"$browser\":\"Chrome\",\"$browser_version\":\"%d.0.%d\",\"$city\":\"%s\","
        "\"$os\":\"%s\",\"$screen_width\":%s,\"$screen_height\":%d,\"mp_country_code\":\"NO\","
        "\"mp_lib\":\"web\",\"$device_id\":\"dev-%08llx\",\"$current_url\":"
        "\"https://coffee.example/menu?item=%d\",\"cart\":{\"items\":[{\"sku\":\"bean-%d\","
        "\"grams\":250}],\"total\":\"%d.50\"}%s",
        (int)(dice % 40) + 90, (int)(dice >> 20 & 255), city, os,
        widths[(dice >> 12) % COUNT(widths)], (int)(dice >> 16 & 1023) + 600,
        (unsigned long long)(dice >> 32), (int)(dice >> 24 & 63), (int)(dice >> 28 & 31),
        (int)(dice >> 36 & 15) + 1, oddities[(dice >> 40) % COUNT(oddities)]);
}

enum sl_code mx_invent_event(struct mx *app, int64_t time_us, int64_t shown_us,
                             struct sl_error *error)
{
    static const char *const names[] = {"Page View", "Add to Cart", "Purchase", "Sign Up"};
    uint64_t serial = app->serial++, dice = sim_mix(app->seed, serial);
    struct mx_event event = {
        .name = names[dice % COUNT(names)],
        .distinct_id =
            mx_text(app, "%s%03d", dice >> 50 & 3 ? "user-" : "anon-", (int)(dice >> 44 & 63)),
        .insert_id =
            serial % 17 == 16 ? NULL : mx_text(app, "ins%013llx", (unsigned long long)(dice >> 12)),
        .more = invent_details(app, sim_mix(dice, 3)),
        .time_us = time_us / SL_SECOND_US * SL_SECOND_US,
        .processed_us = shown_us,
        .shown_us = shown_us,
    };

    return mx_add_event(app, &event, error);
}

static enum sl_code seed_events(struct mx *app, int64_t count, struct sl_error *error)
{
    int64_t first = (app->start_us / SL_DAY_US - MX_DEMO_DAYS + 1) * SL_DAY_US;
    int64_t step = (app->start_us - first) / (count ? count : 1);
    enum sl_code rc = SL_OK;

    for (int64_t i = 0; i < count && !rc; i++) {
        int64_t time_us = first + i * step;

        rc = mx_invent_event(app, time_us, time_us + 2 * SL_SECOND_US, error);
        if (!rc && i % 29 == 28) { /* sent twice: the export shows both */
            struct mx_event again = app->events.at[app->events.count - 1];

            again.processed_us += 60 * SL_SECOND_US;
            if (again.insert_id) rc = mx_add_event(app, &again, error);
        }
    }
    return rc;
}

/* ------------------------------------------------------------------ people and the rest */

const char *mx_invent_properties(struct mx *app, uint64_t dice)
{
    static const char *const first[] = {"Ada", "Bo", "Cleo", "Dario", "Eshe"};
    static const char *const last[] = {"Lantern", "Moss", "Quill", "Rook"};
    const char *f = first[dice % COUNT(first)], *l = last[(dice >> 8) % COUNT(last)];

    return mx_text(app,
                   "\"$first_name\":\"%s\",\"$last_name\":\"%s\",\"$name\":\"%s %s\",\"$email\":"
                   "\"%s.%s%d@example.com\",\"$city\":\"Port Ember\",\"$country_code\":\"NO\","
                   "\"$timezone\":\"Europe/Oslo\",\"visits\":%d,\"favourites\":[\"espresso\",%d]",
                   f, l, f, l, f, l, (int)(dice >> 16 & 1023), (int)(dice >> 28 & 255),
                   (int)(dice >> 36 & 15));
}

enum sl_code mx_invent_person(struct mx *app, int64_t last_seen_us, struct sl_error *error)
{
    uint64_t serial = app->people.count, dice = sim_mix(app->seed, serial + 1000000);
    struct mx_person person = {
        .id = mx_text(app, "user-%03llu", (unsigned long long)serial),
        .last_seen_us = last_seen_us / SL_SECOND_US * SL_SECOND_US,
        .more = mx_invent_properties(app, dice),
        .serial = dice,
    };

    return mx_add_person(app, &person, error);
}

static enum sl_code seed_people(struct mx *app, int64_t count, struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    for (int64_t i = 0; i < count && !rc; i++) /* every eleventh was never seen */
        rc = mx_invent_person(app, i % 11 == 10 ? 0 : app->start_us - (i + 1) * 977 * SL_SECOND_US,
                              error);
    return rc;
}

static enum sl_code seed_cohorts(struct mx *app, struct sl_error *error)
{
    static const struct mx_cohort cohorts[] = {
        {.id = 1001, .name = "Regulars", .description = "Came twice", .one_in = 2, .visible = true},
        {.id = 1002, .name = "Big spenders", .description = "", .one_in = 7, .visible = true},
        {.id = 1003, .name = "Nobody yet", .description = "Empty", .one_in = 0, .visible = true},
        {.id = 1004, .name = "Hidden", .description = "Not shown", .one_in = 5, .visible = false},
        {.id = 1005, .name = "Companies", .description = "A group cohort", .group = true},
    };
    enum sl_code rc = SL_OK;

    for (size_t i = 0; i < COUNT(cohorts) && !rc; i++) {
        struct mx_cohort cohort = cohorts[i];

        cohort.salt = sim_mix(app->seed, (uint64_t)cohort.id);
        cohort.created_us = app->start_us - (int64_t)(30 - i) * SL_DAY_US;
        rc = mx_add_cohort(app, &cohort, error);
    }
    return rc;
}

static enum sl_code seed_annotations(struct mx *app, struct sl_error *error)
{
    static const char *const texts[] = {"Autumn menu", "Opening in Port Ember", "Site was down"};
    enum sl_code rc = SL_OK;

    for (size_t i = 0; i < COUNT(texts) && !rc; i++) {
        struct mx_annotation annotation = {
            .id = 501 + (int64_t)i,
            .date_us = app->start_us - (int64_t)(9 - 3 * i) * SL_DAY_US,
            .description = texts[i],
        };

        rc = mx_add_annotation(app, &annotation, error);
    }
    return rc;
}

enum sl_code mx_seed(struct mx *app, const struct sim_options *options, struct sl_error *error)
{
    const char *kind = options->kind ? options->kind : "demo";
    enum sl_code rc = SL_OK;

    if (strcmp(kind, "empty") == 0) return SL_OK;
    if (strcmp(kind, "bench") == 0) {
        app->bench_events = options->records ? options->records : 2000000;
        return SL_OK;
    }
    if (strcmp(kind, "demo") != 0)
        return sl_fail(error, SL_USAGE, "mixpanel: there is no data set '%s': demo, empty, bench",
                       kind);
    rc = seed_events(app, options->records ? options->records : DEMO_EVENTS, error);
    if (!rc) rc = seed_people(app, options->records ? options->records : DEMO_PEOPLE, error);
    if (!rc) rc = seed_cohorts(app, error);
    if (!rc) rc = seed_annotations(app, error);
    return rc;
}
