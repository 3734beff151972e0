/* seed.c: the data sets. Lanternworks, which makes lamps, is invented; so is everybody in it. */
#include <stdio.h>
#include <string.h>

#include "sim/text.h"
#include "sim/zendesk/zendesk.h"

#define HOUR INT64_C(3600)
#define DAY (24 * HOUR)

/* How many rows the demo has. `records` stands for those that may be many. */
static const struct {
    int64_t rows;
    bool many;
} sizes[ZD_TABLES] = {
    [ZD_TICKETS] = {240, true},
    [ZD_USERS] = {130, true},
    [ZD_ORGANIZATIONS] = {24, true},
    [ZD_ARTICLES] = {36, true},
    [ZD_SECTIONS] = {8, false},
    [ZD_CATEGORIES] = {3, false},
    [ZD_TOPICS] = {6, false},
    [ZD_POSTS] = {28, true},
    [ZD_BRANDS] = {2, false},
    [ZD_GROUPS] = {5, false},
    [ZD_TICKET_FIELDS] = {15, false},
    [ZD_TICKET_FORMS] = {3, false},
    [ZD_USER_FIELDS] = {4, false},
    [ZD_ORGANIZATION_FIELDS] = {3, false},
    [ZD_MACROS] = {12, false},
    [ZD_VIEWS] = {9, false},
    [ZD_TRIGGERS] = {7, false},
    [ZD_AUTOMATIONS] = {4, false},
    [ZD_GROUP_MEMBERSHIPS] = {14, false},
    [ZD_ORGANIZATION_MEMBERSHIPS] = {90, true},
    [ZD_RATINGS] = {40, true},
    [ZD_TAGS] = {20, false},
};

enum sl_code zd_add_event(struct zendesk *app, int64_t ticket, enum zd_event event, int64_t second,
                          int64_t about, struct sl_error *error)
{
    struct zd_row row = {.parent = ticket,
                         .other = about,
                         .event = (uint8_t)event,
                         .created_s = second,
                         .updated_s = second,
                         .changed_s = second};
    enum sl_code rc = zd_add(app, ZD_EVENTS, row, NULL, error);

    if (!rc && event != ZD_REDACTED && event != ZD_PRIVACY)
        rc = zd_add(app, ZD_METRIC_EVENTS, row, NULL, error);
    return rc;
}

/* A ticket's first comment comes with it; what the others do follows from the seed. */
static enum sl_code add_history(struct zendesk *app, const struct zd_row *ticket,
                                struct sl_error *error)
{
    int64_t second = ticket->created_s, end = ticket->changed_s;
    uint64_t dice = sim_mix(app->seed, (uint64_t)ticket->id * 31);
    enum sl_code rc = zd_add_event(app, ticket->id, ZD_CREATED, second, 0, error);

    for (uint64_t i = 0; !rc && i < dice % 4 && second + HOUR < end; i++) {
        second += HOUR / 2 + (int64_t)((dice >> (8 * i)) % 1500);
        rc = zd_add_event(app, ticket->id, i % 2 ? ZD_CHANGED : ZD_COMMENTED, second, 0, error);
    }
    return rc;
}

static bool has_fields(enum zd_table table)
{
    return table == ZD_TICKET_FIELDS || table == ZD_USER_FIELDS || table == ZD_ORGANIZATION_FIELDS;
}

static enum sl_code seed_table(struct zendesk *app, enum zd_table table, int64_t count,
                               struct sl_error *error)
{
    int64_t span = 90 * DAY;
    enum sl_code rc = SL_OK;

    for (int64_t i = 0; !rc && i < count; i++) {
        uint64_t dice = sim_mix(app->seed + (uint64_t)table, (uint64_t)i);
        int64_t created = app->start_s - 2 * DAY - span + span * i / count;
        int64_t updated = created + (int64_t)(dice % (2 * (uint64_t)DAY - 2 * (uint64_t)HOUR));
        /* The system changes a row without moving its time of update. */
        int64_t changed = updated + (int64_t)((dice >> 32) % 3) * 1800;
        struct zd_row row = {.created_s = created, .updated_s = updated, .changed_s = changed};
        struct zd_row *added;

        if (table == ZD_TICKETS && i % 17 == 11)
            row.state = i % 34 == 11 ? ZD_DELETED : ZD_SCRUBBED;
        if (table == ZD_USERS && i % 19 == 13) row.state = i % 38 == 13 ? ZD_DELETED : ZD_SCRUBBED;
        if (table == ZD_ORGANIZATIONS && i % 11 == 7) row.state = ZD_DELETED;
        if (table == ZD_GROUPS && i == 4) row.state = ZD_DELETED;
        if (has_fields(table)) row.event = zd_type_of(table, i);
        if (table == ZD_USERS && i == 5) row.id = INT64_C(9007199254740993); /* 2^53 + 1 */
        rc = zd_add(app, table, row, &added, error);
        if (!rc && table == ZD_TICKETS) {
            struct zd_row copy = *added;
            rc = add_history(app, &copy, error);
        }
    }
    return rc;
}

enum sl_code zd_seed(struct zendesk *app, const char *kind, int64_t records, struct sl_error *error)
{
    bool empty = kind && strcmp(kind, "empty") == 0;
    enum sl_code rc = SL_OK;

    app->bench = kind && strcmp(kind, "bench") == 0;
    if (kind && !empty && !app->bench && strcmp(kind, "demo") != 0)
        return sl_fail(error, SL_USAGE, "there is no data set '%s': demo, empty, bench", kind);
    for (int t = 0; !rc && t < ZD_TABLES; t++) {
        int64_t count = sizes[t].rows;
        if (records > 0 && (sizes[t].many || (records < count && !has_fields(t)))) count = records;
        if (app->bench && (sizes[t].many || t == ZD_EVENTS || t == ZD_METRIC_EVENTS)) {
            app->tables[t].made = records > 0 ? records : 100000;
            continue;
        }
        if (empty && !has_fields(t)) continue;
        rc = seed_table(app, t, count, error);
    }
    for (int t = 0; t < ZD_TABLES; t++) app->tables[t].first = zd_count(&app->tables[t]);
    return rc;
}
