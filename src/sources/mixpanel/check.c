/* check.c: the account, the raw export, the query API: each asked for the least there is. */
#include "mixpanel.h"

#include <stdio.h>

#define SETTINGS "https://mixpanel.com/settings/project#serviceaccounts"

static enum sl_code say(const char *subject, const struct sl_response *response, const char *good,
                        const char *hint, struct sl_out *out, struct sl_error *error)
{
    bool ok = response->status == 200 || mixpanel_is_later_than_today(response);
    char said[200], message[300];

    mixpanel_said(response, said, sizeof said);
    snprintf(message, sizeof message, "Mixpanel answered %d%s%s", response->status,
             said[0] ? ": " : "", said);
    return sl_out_check(out, subject, ok, ok ? good : message, ok ? NULL : hint, error);
}

static enum sl_code account_checked(struct mixpanel *self, const struct sl_response *response,
                                    struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *projects = sl_json_path(response->json, "results", "projects", NULL);
    const struct sl_json *project = sl_json_get(projects, self->project_id);
    const char *name = sl_json_str(sl_json_get(project, "name"));
    char message[200];
    enum sl_code rc =
        say("service account", response, "accepted",
            "Make a service account at " SETTINGS " and give its username and secret.", out, error);

    if (rc || response->status != 200) return rc ? rc : SL_DONE;
    if (projects) {
        snprintf(message, sizeof message, "project '%.80s'", name ? name : self->project_id);
        rc = sl_out_check(out, "project", project != NULL,
                          project ? message : "the service account does not belong to this project",
                          project ? NULL : "Add it to the project at " SETTINGS ".", error);
    }
    if (rc) return rc;
    mixpanel_keep_clock(self, response);
    self->from = self->to = mixpanel_today(self);
    return mixpanel_ask_export(self, 1, out, error);
}

enum sl_code mixpanel_check(void *task, const struct sl_response *response, struct sl_out *out,
                            struct sl_error *error)
{
    struct mixpanel *self = task;
    const char *role = "Give the service account the role consumer or more; see region, too.";
    enum sl_code rc;

    self->checking = true;
    if (!response) {
        rc = mixpanel_begin(self, error);
        if (rc) return rc;
        self->from = self->to = mixpanel_today(self);
        if (mixpanel_is_account(self)) return mixpanel_ask_me(self, out, error);
        sl_out_note(out, SL_NOTE_WARNING,
                    "Mixpanel retires API secrets on 2027-03-03: use a service account");
        return mixpanel_ask_export(self, 1, out, error);
    }
    switch (self->stage) {
    case MIXPANEL_ME: return account_checked(self, response, out, error);
    case MIXPANEL_EXPORT:
        if (!(response->chunk & SL_CHUNK_LAST)) return SL_MORE;
        rc = say("raw export", response, "events can be read", role, out, error);
        return rc ? rc : mixpanel_ask_cohorts(self, out, error);
    default:
        rc = say("query API", response, "profiles and cohorts can be read", role, out, error);
        return rc ? rc : SL_DONE;
    }
}
