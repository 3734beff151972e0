/*
 * check.c: is the connection good, and if not, what is missing where? One call for each thing that a
 * read needs; every finding is one sl_out_check().
 */
#include "zendesk.h"

#include <stdio.h>
#include <string.h>

static const struct probe {
    const char *path, *subject, *hint;
    bool export; /* of the newest changes */
    bool optional;
} probes[] = {
    {.path = "users/me", .subject = "credentials"},
    {.path = "incremental/tickets/cursor",
     .subject = "incremental exports",
     .hint = "Use credentials of an administrator, or of a custom role that may export.",
     .export = true},
    {.path = "ticket_fields",
     .subject = "custom fields",
     .hint = "Use credentials of an agent or an administrator."},
    {.path = "help_center/articles", .subject = "help centre", .optional = true},
    {.path = "community/topics", .subject = "community", .optional = true},
};

#define PROBES (sizeof probes / sizeof probes[0])
#define RECENT_S 3600

static enum sl_code ask(struct zendesk *self, struct sl_out *out, struct sl_error *error)
{
    const struct probe *probe = &probes[self->step];
    struct sl_url url;

    zendesk_url(self, &url, probe->path);
    if (probe->export) {
        sl_url_query_i64(&url, "start_time", self->now_s > RECENT_S ? self->now_s - RECENT_S : 0);
        sl_url_query_i64(&url, "per_page", 1);
    } else if (self->step > 0) {
        sl_url_query_i64(&url, "page[size]", 1);
    }
    return zendesk_ask(self, ZENDESK_CHECK, &url, out, error);
}

/* Without valid credentials Zendesk may answer as to a visitor: a user without an id. */
static enum sl_code credentials(const struct sl_response *response, struct sl_out *out,
                                struct sl_error *error)
{
    const struct sl_json *user = sl_json_get(response->json, "user");
    const char *name = sl_json_str(sl_json_get(user, "name"));
    const char *role = sl_json_str(sl_json_get(user, "role"));
    char message[256], said[420];
    int64_t id;
    enum sl_code rc;

    if (response->status != 200 || !sl_json_i64(sl_json_get(user, "id"), &id)) {
        zendesk_complaint(response->json, said, sizeof said);
        snprintf(message, sizeof message, "Zendesk answered %d: %.200s", response->status,
                 said[0] ? said : "nobody is signed in");
        rc = sl_out_check(out, "credentials", false, message,
                          "Correct email and api_token, or client_id and client_secret; Zendesk "
                          "deactivates API tokens that were not used for 30 days.",
                          error);
        return rc ? rc : SL_DONE;
    }
    snprintf(message, sizeof message, "accepted, they act as %.100s (%.60s)", name ? name : "?",
             role ? role : "no role");
    rc = sl_out_check(out, "credentials", true, message, NULL, error);
    return rc ? rc : SL_MORE;
}

static enum sl_code other(struct zendesk *self, const struct sl_response *response,
                          struct sl_out *out, struct sl_error *error)
{
    const struct probe *probe = &probes[self->step];
    bool good = response->status == 200;
    bool absent = probe->optional && (response->status == 403 || response->status == 404);
    char message[256], said[420];
    enum sl_code rc;

    zendesk_complaint(response->json, said, sizeof said);
    if (good)
        snprintf(message, sizeof message, "can be read");
    else if (absent)
        snprintf(message, sizeof message, "the account has none: its tables are left out");
    else
        snprintf(message, sizeof message, "Zendesk answered %d: %.200s", response->status, said);
    rc = sl_out_check(out, probe->subject, good || absent, message,
                      good || absent ? NULL : probe->hint, error);
    return rc ? rc : SL_MORE;
}

enum sl_code zendesk_check(void *task, const struct sl_response *response, struct sl_out *out,
                           struct sl_error *error)
{
    struct zendesk *self = task;
    enum sl_code rc;

    if (!response) {
        rc = zendesk_begin(self, out, error);
        return rc ? rc : ask(self, out, error);
    }
    self->now_s = zendesk_second(self, response); /* their clock, not ours */
    rc = self->step == 0 ? credentials(response, out, error) : other(self, response, out, error);
    if (rc != SL_MORE) return rc;
    if (++self->step == (int)PROBES) return SL_DONE;
    return ask(self, out, error);
}
