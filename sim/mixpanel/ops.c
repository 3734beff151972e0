/* ops.c: what can be changed while the simulator runs, and what there is at the moment. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "sim/mixpanel/mixpanel.h"
#include "sim/text.h"

struct op {
    const struct sl_json *json;
    int64_t now_us, count;
    const char *id, *to, *text;
};

static int64_t number(const struct op *op, const char *name, int64_t preset)
{
    const struct sl_json *value = sl_json_get(op->json, name);
    int64_t out = preset;

    if (sl_json_str(value))
        out = strtoll(sl_json_str(value), NULL, 10); /* of a fault's parameter */
    else
        (void)sl_json_i64(value, &out);
    return out;
}

static const char *copy(struct mx *app, const char *text)
{
    return text ? sl_arena_strdup(&app->texts, text) : NULL;
}

/* ------------------------------------------------------------------ events */

/* Events of now, or of some days ago that are shown only now. */
static enum sl_code op_track(struct mx *app, const struct op *op, struct sl_error *error)
{
    int64_t ago_us = number(op, "days_ago", 0) * SL_DAY_US;
    enum sl_code rc = SL_OK;

    for (int64_t i = 0; i < op->count && !rc; i++) {
        int64_t time_us = op->now_us - ago_us - i * 7 * SL_SECOND_US;

        rc = mx_invent_event(app, time_us, op->now_us, error);
        struct mx_event *event = rc ? NULL : &app->events.at[app->events.count - 1];

        if (event && op->id) event->distinct_id = copy(app, op->id);
        if (event && op->text) event->name = copy(app, op->text);
        if (event && sl_json_get(op->json, "properties"))
            event->more = copy(app, sl_json_str(sl_json_get(op->json, "properties")));
        if (event && sl_json_true(sl_json_get(op->json, "without_insert_id")))
            event->insert_id = NULL;
        if (event && (!event->distinct_id || !event->name || !event->more))
            rc = sl_fail(error, SL_NO_MEMORY, "could not make an event");
    }
    return rc;
}

static enum sl_code op_duplicate(struct mx *app, const struct op *op, struct sl_error *error)
{
    size_t count = app->events.count;
    enum sl_code rc = SL_OK;

    for (size_t i = 0; i < (size_t)op->count && i < count && !rc; i++) {
        struct mx_event again = app->events.at[count - 1 - i];

        again.processed_us = again.shown_us = op->now_us;
        rc = mx_add_event(app, &again, error);
    }
    return rc;
}

static bool same_event(const struct mx_event *a, const struct mx_event *b)
{
    return a->insert_id && b->insert_id && a->time_us == b->time_us &&
           strcmp(a->insert_id, b->insert_id) == 0 && strcmp(a->name, b->name) == 0 &&
           strcmp(a->distinct_id, b->distinct_id) == 0;
}

/* Of events that were sent twice the one that came last stays. */
static enum sl_code op_compact(struct mx *app, const struct op *op, struct sl_error *error)
{
    (void)op, (void)error;
    for (size_t i = 0; i < app->events.count; i++)
        for (size_t k = i + 1; k < app->events.count && !app->events.at[i].gone; k++)
            if (!app->events.at[k].gone && same_event(&app->events.at[i], &app->events.at[k]))
                app->events.at[i].gone = true;
    return SL_OK;
}

/* A login: what `id` did is now what `to` did. */
static enum sl_code op_merge(struct mx *app, const struct op *op, struct sl_error *error)
{
    const char *to = copy(app, op->to);

    if (!op->id || !to) return sl_fail(error, SL_USAGE, "merge_identity takes id and to");
    for (size_t i = 0; i < app->events.count; i++)
        if (strcmp(app->events.at[i].distinct_id, op->id) == 0) app->events.at[i].distinct_id = to;
    for (size_t i = 0; i < app->people.count; i++)
        if (strcmp(app->people.at[i].id, op->id) == 0) app->people.at[i].gone = true;
    return SL_OK;
}

/* The newest events, or all of one person. */
static enum sl_code op_forget(struct mx *app, const struct op *op, struct sl_error *error)
{
    int64_t left = op->count;

    (void)error;
    for (size_t i = app->events.count; i-- > 0;) {
        struct mx_event *event = &app->events.at[i];

        if (event->gone || (op->id ? strcmp(event->distinct_id, op->id) != 0 : left-- <= 0))
            continue;
        event->gone = true;
    }
    return SL_OK;
}

/* ------------------------------------------------------------------ people */

/* quietly: without a new $last_seen ($ignore_time, an import). */
static enum sl_code op_edit_person(struct mx *app, const struct op *op, struct sl_error *error)
{
    bool quietly = sl_json_true(sl_json_get(op->json, "quietly"));
    int64_t left = op->count;

    for (size_t i = 0; i < app->people.count; i++) {
        struct mx_person *person = &app->people.at[i];

        if (person->gone || (op->id ? strcmp(person->id, op->id) != 0 : left-- <= 0)) continue;
        person->more = op->text ? copy(app, op->text)
                                : mx_invent_properties(app, sim_mix(app->seed, ++app->serial));
        if (!quietly) person->last_seen_us = op->now_us / SL_SECOND_US * SL_SECOND_US;
        if (!person->more) return sl_fail(error, SL_NO_MEMORY, "could not edit a profile");
    }
    return SL_OK;
}

static enum sl_code op_add_person(struct mx *app, const struct op *op, struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    for (int64_t i = 0; i < op->count && !rc; i++) {
        rc = mx_invent_person(app, op->now_us, error);
        struct mx_person *person = rc ? NULL : &app->people.at[app->people.count - 1];

        if (!person || !op->id) continue;
        person->id = copy(app, op->id);
        person->id_is_number = sl_json_true(sl_json_get(op->json, "number"));
        if (!person->id) rc = sl_fail(error, SL_NO_MEMORY, "could not make a profile");
    }
    return rc;
}

static enum sl_code op_delete_person(struct mx *app, const struct op *op, struct sl_error *error)
{
    int64_t left = op->count;

    (void)error;
    for (size_t i = app->people.count; i-- > 0;) {
        struct mx_person *person = &app->people.at[i];

        if (person->gone || (op->id ? strcmp(person->id, op->id) != 0 : left-- <= 0)) continue;
        person->gone = true;
    }
    return SL_OK;
}

/* ------------------------------------------------------------------ cohorts and annotations */

static struct mx_cohort *cohort_of(struct mx *app, const struct op *op)
{
    int64_t id = number(op, "id", 0);

    for (size_t i = 0; i < app->cohorts.count; i++)
        if (!app->cohorts.at[i].gone && (!id || app->cohorts.at[i].id == id))
            return &app->cohorts.at[i];
    return NULL;
}

static enum sl_code op_add_cohort(struct mx *app, const struct op *op, struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    for (int64_t i = 0; i < op->count && !rc; i++) {
        struct mx_cohort cohort = {
            .id = 1001 + (int64_t)app->cohorts.count,
            .name = op->text ? copy(app, op->text) : "New cohort",
            .description = "",
            .created_us = op->now_us,
            .salt = sim_mix(app->seed, app->cohorts.count + 9),
            .one_in = (uint64_t)number(op, "one_in", 3),
            .group = sl_json_true(sl_json_get(op->json, "group")),
            .visible = true,
        };

        rc = mx_add_cohort(app, &cohort, error);
    }
    return rc;
}

static enum sl_code op_edit_cohort(struct mx *app, const struct op *op, struct sl_error *error)
{
    struct mx_cohort *cohort = cohort_of(app, op);

    if (!cohort) return sl_fail(error, SL_NOT_FOUND, "there is no such cohort");
    if (op->text) cohort->name = copy(app, op->text);
    cohort->one_in = (uint64_t)number(op, "one_in", (int64_t)cohort->one_in);
    cohort->salt = sim_mix(cohort->salt, 1);
    return cohort->name ? SL_OK : sl_fail(error, SL_NO_MEMORY, "could not edit a cohort");
}

static enum sl_code op_delete_cohort(struct mx *app, const struct op *op, struct sl_error *error)
{
    struct mx_cohort *cohort = cohort_of(app, op);

    if (!cohort) return sl_fail(error, SL_NOT_FOUND, "there is no such cohort");
    cohort->gone = true;
    return SL_OK;
}

static enum sl_code op_annotate(struct mx *app, const struct op *op, struct sl_error *error)
{
    struct mx_annotation annotation = {
        .id = 501 + (int64_t)app->annotations.count,
        .date_us = op->now_us,
        .description = op->text ? copy(app, op->text) : "Something happened",
    };

    return mx_add_annotation(app, &annotation, error);
}

static enum sl_code op_delete_annotation(struct mx *app, const struct op *op,
                                         struct sl_error *error)
{
    int64_t id = number(op, "id", 0);

    for (size_t i = 0; i < app->annotations.count; i++) {
        struct mx_annotation *annotation = &app->annotations.at[i];

        if (annotation->gone || (id && annotation->id != id)) continue;
        annotation->gone = true;
        return SL_OK;
    }
    return sl_fail(error, SL_NOT_FOUND, "there is no such annotation");
}

/* ------------------------------------------------------------------ the project */

static enum sl_code op_refuse(struct mx *app, const struct op *op, struct sl_error *error)
{
    bool plan = sl_json_eq(sl_json_get(op->json, "op"), "plan");
    const char *api = sl_json_str(sl_json_get(op->json, "api"));

    (void)error;
    (void)snprintf(plan ? app->plan : app->forbidden, sizeof app->plan, "%s", api ? api : "");
    return SL_OK;
}

static enum sl_code op_behaviour(struct mx *app, const struct op *op, struct sl_error *error)
{
    const char *zone = sl_json_str(sl_json_get(op->json, "timezone"));
    struct sl_zone loaded;

    if (zone && !sl_zone_load(&loaded, zone))
        return sl_fail(error, SL_USAGE, "there is no time zone '%s'", zone);
    if (zone) {
        app->zone = loaded;
        (void)snprintf(app->zone_name, sizeof app->zone_name, "%s", zone);
    }
    app->session_seconds = number(op, "session_seconds", app->session_seconds);
    app->ingest_seconds = number(op, "ingest_seconds", app->ingest_seconds);
    if (sl_json_get(op->json, "page_size_ignored"))
        app->page_size_ignored = number(op, "page_size_ignored", 0) != 0;
    return SL_OK;
}

/* A day of the project's life: use, late phones, a login, edits, deletions. */
static enum sl_code op_day(struct mx *app, const struct op *op, struct sl_error *error)
{
    int64_t day = app->day_count++;
    char from[24], to[24];
    struct op step = {.json = NULL, .now_us = op->now_us};
    enum sl_code rc = SL_OK;

    (void)snprintf(from, sizeof from, "visitor-%d", (int)day); /* of yesterday, logs in today */
    (void)snprintf(to, sizeof to, "user-%03d", (int)(day * 3 + 1));
    for (int i = 0; i < 12 && !rc; i++)
        rc = mx_invent_event(app, op->now_us - i * 1800 * SL_SECOND_US, op->now_us, error);
    for (int i = 1; i <= 3 && !rc; i++) /* late */
        rc = mx_invent_event(app, op->now_us - i * SL_DAY_US, op->now_us, error);
    step.count = 2;
    if (!rc) rc = op_duplicate(app, &step, error);
    if (!rc && day % 3 == 2) rc = op_compact(app, &step, error);
    if (!rc) rc = op_edit_person(app, &(struct op){.now_us = op->now_us, .id = to}, error);
    step = (struct op){.now_us = op->now_us, .id = from, .to = to};
    if (!rc) rc = op_merge(app, &step, error);
    (void)snprintf(from, sizeof from, "visitor-%d", (int)day + 1);
    step = (struct op){.json = op->json, .now_us = op->now_us, .id = from, .count = 2};
    if (!rc) rc = op_track(app, &step, error);
    step = (struct op){.now_us = op->now_us, .count = 2};
    if (!rc) rc = op_add_person(app, &step, error);
    step.count = 1;
    if (!rc && day % 2) rc = op_delete_person(app, &step, error);
    if (!rc && day == 2) rc = op_delete_cohort(app, &step, error);
    if (!rc && day == 3) rc = op_add_cohort(app, &step, error);
    if (!rc && day % 2 == 0) rc = op_annotate(app, &step, error);
    if (!rc && day == 5) rc = op_delete_annotation(app, &step, error);
    return rc;
}

static const struct {
    const char *name;
    enum sl_code (*run)(struct mx *app, const struct op *op, struct sl_error *error);
} operations[] = {
    {"track", op_track},
    {"duplicate", op_duplicate},
    {"compact", op_compact},
    {"merge_identity", op_merge},
    {"forget", op_forget},
    {"edit", op_edit_person},
    {"create", op_add_person},
    {"delete", op_delete_person},
    {"add_cohort", op_add_cohort},
    {"edit_cohort", op_edit_cohort},
    {"delete_cohort", op_delete_cohort},
    {"annotate", op_annotate},
    {"delete_annotation", op_delete_annotation},
    {"forbid", op_refuse},
    {"plan", op_refuse},
    {"behaviour", op_behaviour},
    {"day", op_day},
};

#define OPERATIONS (sizeof operations / sizeof *operations)

bool mx_has_op(const char *name)
{
    for (size_t i = 0; i < OPERATIONS; i++)
        if (strcmp(operations[i].name, name) == 0) return true;
    return false;
}

enum sl_code mx_operate(void *state, const struct sl_json *json, int64_t now_us,
                        struct sl_error *error)
{
    struct op op = {.json = json, .now_us = now_us};
    const char *name = sl_json_str(sl_json_get(json, "op"));

    op.count = number(&op, "count", 1);
    op.id = sl_json_str(sl_json_get(json, "id"));
    op.to = sl_json_str(sl_json_get(json, "to"));
    op.text = sl_json_str(sl_json_get(json, "text"));
    for (size_t i = 0; i < OPERATIONS; i++)
        if (name && strcmp(operations[i].name, name) == 0)
            return operations[i].run(state, &op, error);
    return sl_fail(error, SL_USAGE, "there is no operation '%s'", name ? name : "");
}

/* ------------------------------------------------------------------ truth */

struct keyed { /* an event and the name that its row has */
    char key[33];
    size_t at;
};

static int by_key(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;
    int order = strcmp(x->key, y->key);

    return order ? order : (x->at > y->at) - (x->at < y->at);
}

/* An event that came twice is one row, the later one. */
static void put_event_rows(struct mx *app, const struct keyed *keys, size_t count,
                           struct sl_buf *out)
{
    const char *comma = "";
    char day[SL_TIME_TEXT_MAX], time[SL_TIME_TEXT_MAX];

    for (size_t i = 0; i < count; i++) {
        const struct mx_event *event = &app->events.at[keys[i].at];

        if (i + 1 < count && strcmp(keys[i].key, keys[i + 1].key) == 0) continue;
        sl_buf_adds(out, comma);
        comma = ",";
        mx_put_event(app, event, false, out);
        if (out->failed) return;
        out->len--; /* the brace */
        sl_buf_addf(out, ",\"_event_key\":\"%s\",\"_export_date\":\"%s\",\"time\":\"%s\"}",
                    keys[i].key, sl_date_format(mx_day(app, event->time_us), day),
                    sl_time_format_us(event->time_us, time));
    }
}

static enum sl_code put_events(struct mx *app, struct sl_buf *out, struct sl_error *error)
{
    struct keyed *keys = sl_calloc(app->events.count + 1, sizeof *keys);
    int32_t today = mx_day(app, app->now_us);
    size_t count = 0;

    if (!keys) return sl_fail(error, SL_NO_MEMORY, "could not list the events");
    for (size_t i = 0; i < app->events.count; i++) {
        const struct mx_event *event = &app->events.at[i];

        if (event->gone || mx_day(app, event->time_us) > today ||
            event->shown_us + app->ingest_seconds * SL_SECOND_US > app->now_us)
            continue;
        keys[count].at = i;
        mx_event_key(app, event, keys[count++].key);
    }
    qsort(keys, count, sizeof *keys, by_key);
    put_event_rows(app, keys, count, out);
    sl_free(keys);
    return SL_OK;
}

/* What the connector makes of a time, beside the row: UTC. */
static void add_time(struct sl_buf *out, const char *column, int64_t us)
{
    char time[SL_TIME_TEXT_MAX];

    if (out->failed || !out->len) return;
    out->len--; /* the brace */
    if (us)
        sl_buf_addf(out, ",\"%s\":\"%s\"}", column, sl_time_format_us(us, time));
    else
        sl_buf_addf(out, ",\"%s\":null}", column);
}

static void put_person_row(const struct mx *app, const struct mx_person *person, struct sl_buf *out)
{
    mx_put_person(app, person, out);
    add_time(out, "$last_seen", person->last_seen_us);
}

static void put_cohort_row(const struct mx *app, const struct mx_cohort *cohort, struct sl_buf *out)
{
    mx_put_cohort(app, cohort, out);
    add_time(out, "created_at", cohort->created_us / SL_SECOND_US * SL_SECOND_US);
}

static void put_annotation_row(const struct mx *app, const struct mx_annotation *annotation,
                               struct sl_buf *out)
{
    mx_put_annotation(app, annotation, out);
    add_time(out, "date_at", annotation->date_us / SL_SECOND_US * SL_SECOND_US);
}

static void put_members(const struct mx *app, struct sl_buf *out)
{
    const char *comma = "";

    for (size_t c = 0; c < app->cohorts.count; c++)
        for (size_t i = 0; i < app->people.count; i++) {
            const struct mx_cohort *cohort = &app->cohorts.at[c];

            if (cohort->gone || !mx_is_member(cohort, &app->people.at[i])) continue;
            sl_buf_addf(out, "%s{\"cohort_id\":%" PRId64 ",\"$distinct_id\":", comma, cohort->id);
            sim_json_text(out, app->people.at[i].id);
            sl_buf_addc(out, '}');
            comma = ",";
        }
}

#define PUT_ALL(list, put)                                                                         \
    for (size_t i = 0, shown = 0; i < (list).count; i++) {                                         \
        if ((list).at[i].gone) continue;                                                           \
        if (shown++) sl_buf_addc(out, ',');                                                        \
        put(app, &(list).at[i], out);                                                              \
    }

enum sl_code mx_truth(void *state, const struct sim_request *request, struct sl_buf *out,
                      struct sl_error *error)
{
    struct mx *app = state;
    char table[64];
    enum sl_code rc = SL_OK;

    if (request->now_us > app->now_us) app->now_us = request->now_us;
    if (!sim_query_get(request->query, "table", table, sizeof table)) {
        sl_buf_adds(out, "{\"tables\":[\"events\",\"engage\",\"cohorts\",\"cohort_members\","
                         "\"annotations\"]}");
        return SL_OK;
    }
    sl_buf_adds(out, "{\"table\":");
    sim_json_text(out, table);
    sl_buf_adds(out, ",\"records\":[");
    if (strcmp(table, "events") == 0) {
        rc = put_events(app, out, error);
    } else if (strcmp(table, "engage") == 0) {
        PUT_ALL(app->people, put_person_row)
    } else if (strcmp(table, "cohorts") == 0) {
        PUT_ALL(app->cohorts, put_cohort_row)
    } else if (strcmp(table, "cohort_members") == 0) {
        put_members(app, out);
    } else if (strcmp(table, "annotations") == 0) {
        PUT_ALL(app->annotations, put_annotation_row)
    } else {
        rc = sl_fail(error, SL_NOT_FOUND, "there is no table '%.63s'", table);
    }
    sl_buf_adds(out, "]}");
    return rc;
}
