/*
 * plan.c: events: which days are read, in how many requests.
 *
 * An export answers for whole days of the project's calendar, and 60 of them an hour are allowed. So
 * days are put together: a first load of a long history is cut into REQUESTS_WANTED requests, and the
 * few days that each later run reads again are one. Whatever they came with, rows say of which day
 * they are (_export_date), and a day that was read again replaces what was there of it: events that
 * came late, were sent twice, went to another person by a login or were deleted end up right.
 *
 * The cursor: {"v":1,"first":"2026-01-01","read":"2026-03-02","step":9}: everything from `first` on was
 * read, by a run that began on the day `read`, in requests of `step` days.
 */
#include "mixpanel.h"

#include <stdio.h>
#include <string.h>

#define REQUESTS_WANTED 40 /* of a first load: within an hour, and some are left for others */
#define DAYS_MAX 31        /* of a request, unless days_per_request says more */
#define DAYS_AT_ONCE 7     /* of a request of an increment, at least */
#define DAYS_BACK_MAX 40000

struct plan {
    int32_t first; /* where the table's history begins */
    int32_t from, to;
    int32_t read; /* the day on which what is read was asked for */
    int32_t step;
};

static bool day_of(const struct sl_json *value, int32_t *day)
{
    const char *text = sl_json_str(value);

    return text && sl_date_parse(text, sl_json_str_len(value), day);
}

/* ------------------------------------------------------------------ the plan */

static int32_t step_of(const struct mixpanel *self, const struct plan *plan)
{
    int32_t days = plan->to - plan->from + 1;
    int32_t step = (days + REQUESTS_WANTED - 1) / REQUESTS_WANTED;

    if (self->days_per_request > 0) return (int32_t)self->days_per_request;
    if (!self->task.full && step < DAYS_AT_ONCE) step = DAYS_AT_ONCE;
    return step > DAYS_MAX ? DAYS_MAX : step;
}

/* A cursor of ours, and one that can be right? */
static bool read_cursor(const struct mixpanel *self, int32_t today, struct plan *plan)
{
    const struct sl_json *cursor = self->task.cursor;
    int64_t version, step;

    if (!sl_json_i64(sl_json_get(cursor, "v"), &version) || version != MIXPANEL_CURSOR_VERSION ||
        !day_of(sl_json_get(cursor, "first"), &plan->first) ||
        !day_of(sl_json_get(cursor, "read"), &plan->read) ||
        !sl_json_i64(sl_json_get(cursor, "step"), &step))
        return false;
    plan->step = (int32_t)step;
    /* By another clock or zone it may be tomorrow already. */
    return plan->first <= plan->read && plan->read <= today + 1 && step > 0 &&
           step <= DAYS_BACK_MAX && today - plan->first <= DAYS_BACK_MAX;
}

static enum sl_code make_plan(const struct mixpanel *self, struct plan *plan, struct sl_out *out,
                              struct sl_error *error)
{
    int32_t today = mixpanel_today(self), start = today - (int32_t)self->historical_days;
    bool named = self->start_date && *self->start_date;

    if (named && (!sl_date_parse(self->start_date, strlen(self->start_date), &start) ||
                  today - start > DAYS_BACK_MAX)) {
        (void)sl_fail(error, SL_BAD_SPEC, "start_date: '%.40s' is not a day to begin with",
                      self->start_date);
        sl_error_hint(error, "Write it like 2026-01-31.");
        return SL_BAD_SPEC;
    }
    if (start > today) start = today;
    *plan = (struct plan){.read = today};
    if (self->task.cursor && !read_cursor(self, today, plan)) {
        sl_out_note(out, SL_NOTE_WARNING,
                    "events: the cursor is not one of this version: everything is read again");
    } else if (self->task.cursor && self->task.full && self->task.initial) {
        plan->from = plan->first; /* goes on: the same days in the same requests */
        plan->to = plan->read;
        return SL_OK;
    } else if (self->task.cursor) {
        bool earlier = named && start < plan->first;

        plan->from = plan->read - (int32_t)self->lookback_days;
        if (self->task.full || plan->from < plan->first) plan->from = plan->first;
        if (earlier) plan->from = plan->first = start;
        if (plan->from > today) plan->from = today;
        plan->to = plan->read = today;
        plan->step = step_of(self, plan);
        return SL_OK;
    }
    *plan = (struct plan){.first = start, .from = start, .to = today, .read = today};
    plan->step = step_of(self, plan);
    return SL_OK;
}

static enum sl_code put_cursor(const struct plan *plan, struct sl_out *out, struct sl_error *error)
{
    char first[SL_TIME_TEXT_MAX], read[SL_TIME_TEXT_MAX], cursor[160];

    snprintf(cursor, sizeof cursor, "{\"v\":%d,\"first\":\"%s\",\"read\":\"%s\",\"step\":%d}",
             MIXPANEL_CURSOR_VERSION, sl_date_format(plan->first, first),
             sl_date_format(plan->read, read), (int)plan->step);
    return sl_out_cursor(out, cursor, error);
}

enum sl_code mixpanel_plan_events(struct mixpanel *self, struct sl_out *out, struct sl_error *error)
{
    char from[SL_TIME_TEXT_MAX], to[SL_TIME_TEXT_MAX], input[120], what[120];
    struct plan plan;
    enum sl_code rc = make_plan(self, &plan, out, error);

    for (int32_t day = plan.from; !rc && day <= plan.to; day += plan.step) {
        int32_t last = plan.to - day < plan.step ? plan.to : day + plan.step - 1;

        sl_date_format(day, from);
        sl_date_format(last, to);
        snprintf(input, sizeof input, "{\"from\":\"%s\",\"to\":\"%s\"}", from, to);
        snprintf(what, sizeof what, day == last ? "the day %s" : "the days %s to %s", from, to);
        rc = sl_out_task_apart(out, from, what, input, error);
    }
    if (!rc && self->task.full) rc = sl_out_complete(out, "events", "{}", error);
    if (!rc) rc = put_cursor(&plan, out, error);
    return rc ? rc : SL_DONE;
}

/* ------------------------------------------------------------------ the days of one request */

bool mixpanel_is_done(const struct mixpanel *self)
{
    return self->task.initial && sl_json_true(sl_json_get(self->task.cursor, "done"));
}

enum sl_code mixpanel_say_done(struct sl_out *out, struct sl_error *error)
{
    enum sl_code rc = sl_out_cursor(out, "{\"done\":true}", error);

    return rc ? rc : SL_DONE;
}

enum sl_code mixpanel_begin_days(struct mixpanel *self, struct sl_out *out, struct sl_error *error)
{
    if (!day_of(sl_json_get(self->task.input, "from"), &self->from) ||
        !day_of(sl_json_get(self->task.input, "to"), &self->to) || self->from > self->to)
        return sl_fail(error, SL_BUG, "events: a task without days");
    if (mixpanel_is_done(self)) return mixpanel_say_done(out, error);
    return mixpanel_ask_export(self, 0, out, error);
}

enum sl_code mixpanel_end_days(struct mixpanel *self, struct sl_out *out, struct sl_error *error)
{
    char day[SL_TIME_TEXT_MAX], scope[80];
    enum sl_code rc = SL_OK;

    for (int32_t d = self->from; !rc && !self->task.full && d <= self->to; d++) {
        snprintf(scope, sizeof scope, "{\"_export_date\":\"%s\"}", sl_date_format(d, day));
        rc = sl_out_complete(out, "events", scope, error);
    }
    if (rc) return rc;
    return self->task.initial ? mixpanel_say_done(out, error) : SL_DONE;
}
