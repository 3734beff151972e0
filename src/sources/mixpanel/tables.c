/*
 * tables.c: the tables and their columns.
 *
 * A property that has no column of its own is in custom_properties, as JSON: projects name their
 * properties as they like, and names may differ in case only. Times that the project's clock shows
 * are turned into UTC by us, so those columns are constants of a row; in a project that goes by UTC
 * `time` is read as it is.
 */
#include "mixpanel.h"

#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* clang-format off */
#define TEXT {.kind = SL_TYPE_STRING}
#define NUMBER {.kind = SL_TYPE_BIGINT}
#define TIME {.kind = SL_TYPE_TIMESTAMP}
#define IN_EVENT(n) {.name = n, .path = {"properties", n}, .type = TEXT}
#define IN_PROFILE(n) {.name = n, .path = {"$properties", n}, .type = TEXT}

static const struct sl_column event_columns[] = {
    {.name = "_event_key", .exact_name = true, .type = TEXT, .not_null = true, .constant = true,
     .comment = "Made of event, distinct_id, time and $insert_id; without the last of all properties"},
    {.name = "_export_date", .exact_name = true, .type = {.kind = SL_TYPE_DATE}, .constant = true,
     .comment = "The day, by the project's calendar, with whose export this event came"},
    {.name = "event", .type = TEXT},
    {.name = "time", .path = {"properties", "time"}, .type = TIME, .decode = SL_DECODE_SECONDS},
    IN_EVENT("distinct_id"),
    IN_EVENT("$insert_id"),
    IN_EVENT("$browser"),
    IN_EVENT("$browser_version"),
    IN_EVENT("$city"),
    IN_EVENT("$current_url"),
    IN_EVENT("$device_id"),
    IN_EVENT("$initial_referrer"),
    IN_EVENT("$initial_referring_domain"),
    IN_EVENT("$lib_version"),
    IN_EVENT("$mp_api_endpoint"),
    {.name = "$mp_api_timestamp_ms", .path = {"properties", "$mp_api_timestamp_ms"}, .type = NUMBER,
     .decode = SL_DECODE_TEXT},
    IN_EVENT("$os"),
    IN_EVENT("$region"),
    {.name = "$screen_height", .path = {"properties", "$screen_height"},
     .type = {.kind = SL_TYPE_DOUBLE}, .decode = SL_DECODE_TEXT},
    {.name = "$screen_width", .path = {"properties", "$screen_width"},
     .type = {.kind = SL_TYPE_DOUBLE}, .decode = SL_DECODE_TEXT},
    IN_EVENT("mp_country_code"),
    IN_EVENT("mp_lib"),
    {.name = "mp_processing_time_ms", .path = {"properties", "mp_processing_time_ms"},
     .type = NUMBER, .decode = SL_DECODE_TEXT},
    IN_EVENT("mp_sent_by_lib_version"),
    {.name = "custom_properties", .path = {"properties"}, .type = TEXT, .decode = SL_DECODE_REST},
};
#define EVENT_TIME 3

static const struct sl_column profile_columns[] = {
    {.name = "$distinct_id", .type = TEXT, .not_null = true},
    IN_PROFILE("$first_name"),
    IN_PROFILE("$last_name"),
    IN_PROFILE("$email"),
    {.name = "$created", .type = TIME, .constant = true},
    {.name = "$last_seen", .type = TIME, .constant = true},
    IN_PROFILE("$name"),
    IN_PROFILE("$phone"),
    IN_PROFILE("$city"),
    IN_PROFILE("$region"),
    IN_PROFILE("$country_code"),
    IN_PROFILE("$timezone"),
    IN_PROFILE("$browser"),
    IN_PROFILE("$os"),
    {.name = "custom_properties", .path = {"$properties"}, .type = TEXT, .decode = SL_DECODE_REST},
};

static const struct sl_column cohort_columns[] = {
    {.name = "id", .type = NUMBER, .not_null = true},
    {.name = "name", .type = TEXT},
    {.name = "description", .type = TEXT},
    {.name = "count", .type = NUMBER},
    {.name = "is_visible", .type = {.kind = SL_TYPE_BOOLEAN}},
    {.name = "is_dynamic", .type = {.kind = SL_TYPE_BOOLEAN}},
    {.name = "created_at", .type = TIME, .constant = true},
    {.name = "created", .type = TEXT, .comment = "As Mixpanel shows it, by the project's clock"},
    {.name = "project_id", .type = NUMBER},
    {.name = "data_group_id", .type = TEXT, .decode = SL_DECODE_JSON},
};

static const struct sl_column member_columns[] = {
    {.name = "cohort_id", .type = NUMBER, .not_null = true, .constant = true},
    {.name = "distinct_id", .path = {"$distinct_id"}, .type = TEXT, .not_null = true},
};

static const struct sl_member person_members[] = {
    {.name = "id", .type = NUMBER},
    {.name = "first_name", .type = TEXT},
    {.name = "last_name", .type = TEXT},
};
static const struct sl_member tag_members[] = {
    {.name = "id", .type = NUMBER},
    {.name = "name", .type = TEXT},
};
static const struct sl_member tag[] = {
    {.name = "element",
     .type = {.kind = SL_TYPE_STRUCT, .member_count = COUNT(tag_members), .members = tag_members,
              .open = true}},
};
static const struct sl_column annotation_columns[] = {
    {.name = "id", .type = NUMBER, .not_null = true},
    {.name = "date", .type = TEXT, .comment = "As Mixpanel shows it, by the project's clock"},
    {.name = "date_at", .type = TIME, .constant = true},
    {.name = "description", .type = TEXT},
    {.name = "user", .type = {.kind = SL_TYPE_STRUCT, .member_count = COUNT(person_members),
                              .members = person_members, .open = true}},
    {.name = "tags", .type = {.kind = SL_TYPE_ARRAY, .member_count = 1, .members = tag}},
};

static const char *const event_key[] = {"_event_key", NULL};
static const char *const profile_key[] = {"$distinct_id", NULL};
static const char *const id_key[] = {"id", NULL};
static const char *const member_key[] = {"cohort_id", "distinct_id", NULL};
static const char *const whole_row[] = {"", NULL};
/* clang-format on */

static const struct sl_table_def tables[] = {
    {.name = "events",
     .comment = "Raw export. Events of the last days are read again in each run",
     .columns = event_columns,
     .column_count = COUNT(event_columns),
     .primary_key = event_key,
     .cursor = "time",
     .ingestion = SL_CDC_WITH_DELETES, /* what is gone from a day that is read again goes */
     .calls_unchanged = 2,             /* which day it is, and the export */
     .strict_objects = whole_row},
    {.name = "engage",
     .comment = "Profiles of users",
     .columns = profile_columns,
     .column_count = COUNT(profile_columns),
     .primary_key = profile_key,
     .cursor = "$last_seen",
     .ingestion = SL_CDC,
     .strict_objects = whole_row},
    {.name = "cohorts",
     .columns = cohort_columns,
     .column_count = COUNT(cohort_columns),
     .primary_key = id_key,
     .ingestion = SL_SNAPSHOT,
     .strict_objects = whole_row},
    {.name = "cohort_members",
     .comment = "Who belongs to which cohort: a request for each cohort, at least",
     .columns = member_columns,
     .column_count = COUNT(member_columns),
     .primary_key = member_key,
     .ingestion = SL_SNAPSHOT},
    {.name = "annotations",
     .columns = annotation_columns,
     .column_count = COUNT(annotation_columns),
     .primary_key = id_key,
     .ingestion = SL_SNAPSHOT,
     .strict_objects = whole_row},
};

enum sl_code mixpanel_discover(void *task, const struct sl_response *response, struct sl_out *out,
                               struct sl_error *error)
{
    struct mixpanel *self = task;
    struct sl_column events[COUNT(event_columns)];
    enum sl_code rc = mixpanel_begin(self, error);

    (void)response;
    memcpy(events, event_columns, sizeof events);
    if (!mixpanel_is_utc(self)) { /* by the project's clock: made UTC by us */
        events[EVENT_TIME].constant = true;
        events[EVENT_TIME].decode = SL_DECODE_AUTO;
    }
    for (size_t i = 0; i < COUNT(tables) && !rc; i++) {
        struct sl_table_def def = tables[i];

        if (def.columns == event_columns) def.columns = events;
        if (self->project_id && *self->project_id) def.namespace_id = self->project_id;
        if (def.columns == profile_columns) def.rows_per_call = (int)self->page_size;
        if (def.columns == annotation_columns && !mixpanel_is_account(self))
            def.excluded = "annotations can be read with a service account only";
        rc = sl_out_table(out, &def, error);
    }
    return rc ? rc : SL_DONE;
}
