/* lists.c: cohorts and annotations, which come in one answer, and which cohorts have members. */
#include "mixpanel.h"

#include <stdio.h>
#include <string.h>

const struct sl_json *mixpanel_cohorts_of(const struct sl_json *json)
{
    const struct sl_json *list = sl_json_get(json, "cohorts");

    if (sl_json_kind(json) == SL_JSON_ARRAY) return json;
    return sl_json_kind(list) == SL_JSON_ARRAY ? list : NULL;
}

/* Each row with one of its times as UTC. */
static enum sl_code emit_with_time(const struct mixpanel *self, const struct sl_json *rows,
                                   const char *member, const char *column, struct sl_out *out,
                                   struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    for (struct sl_json_each e = sl_json_each(rows); !rc && sl_json_next(&e);) {
        char time[SL_TIME_TEXT_MAX];
        struct sl_constant constant = {column,
                                       mixpanel_utc(self, sl_json_get(e.value, member), time)};

        rc = sl_out_rows(out, self->task.table, e.value, &constant, 1, (struct sl_sequence){0},
                         error);
    }
    return rc;
}

static enum sl_code end(const struct mixpanel *self, struct sl_out *out, struct sl_error *error)
{
    enum sl_code rc = sl_out_complete(out, self->task.table, "{}", error);

    return rc ? rc : SL_DONE;
}

enum sl_code mixpanel_read_cohorts(struct mixpanel *self, const struct sl_response *response,
                                   struct sl_out *out, struct sl_error *error)
{
    enum sl_code rc;

    if (!response) return mixpanel_ask_cohorts(self, out, error);
    rc = emit_with_time(self, mixpanel_cohorts_of(response->json), "created", "created_at", out,
                        error);
    return rc ? rc : end(self, out, error);
}

enum sl_code mixpanel_read_annotations(struct mixpanel *self, const struct sl_response *response,
                                       struct sl_out *out, struct sl_error *error)
{
    enum sl_code rc;

    if (!response && (!mixpanel_is_account(self) || !self->project_id)) {
        (void)sl_fail(error, SL_PERMISSION, "annotations can be read with a service account only");
        sl_error_hint(error, "Give username and secret of a service account, and project_id.");
        return SL_PERMISSION;
    }
    if (!response) return mixpanel_ask_annotations(self, out, error);
    rc =
        emit_with_time(self, sl_json_get(response->json, "results"), "date", "date_at", out, error);
    return rc ? rc : end(self, out, error);
}

/* A sub-task for each cohort that has members. What belongs to a cohort that is gone is gone with
 * the whole being complete. */
enum sl_code mixpanel_read_members(struct mixpanel *self, const struct sl_response *response,
                                   struct sl_out *out, struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    if (!response) return mixpanel_ask_cohorts(self, out, error);
    for (struct sl_json_each e = sl_json_each(mixpanel_cohorts_of(response->json));
         !rc && sl_json_next(&e);) {
        const char *name = sl_json_str(sl_json_get(e.value, "name"));
        char part[40], what[120], input[48];
        int64_t id, count;

        if (!sl_json_i64(sl_json_get(e.value, "id"), &id) || id < 1)
            return sl_fail(error, SL_BAD_DATA, "cohort_members: a cohort without an id");
        if (sl_json_i64(sl_json_get(e.value, "count"), &count) && count == 0) continue;
        snprintf(part, sizeof part, "cohort-%lld", (long long)id);
        snprintf(what, sizeof what, "cohort '%.80s'", name ? name : part);
        snprintf(input, sizeof input, "{\"cohort\":%lld}", (long long)id);
        rc = sl_out_task_apart(out, part, what, input, error);
    }
    if (!rc) rc = sl_out_cursor(out, "{\"v\":1}", error);
    return rc ? rc : end(self, out, error);
}
