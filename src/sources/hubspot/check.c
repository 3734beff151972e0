/* check.c: the token by a call that needs no scope, then each object by a record of it. */
#include "hubspot.h"

#include <stdio.h>

static bool is_good(const struct sl_response *response)
{
    return response->status >= 200 && response->status < 300;
}

static enum sl_code report(const char *subject, const struct sl_response *response,
                           const char *accepted, const char *hint, struct sl_out *out,
                           struct sl_error *error)
{
    const char *said = sl_json_str(sl_json_get(response->json, "message"));
    char message[400];
    bool good = is_good(response);

    snprintf(message, sizeof message, "HubSpot answered %d: %.300s", response->status,
             said ? said : "no reason given");
    return sl_out_check(out, subject, good, good ? accepted : message, good ? NULL : hint, error);
}

static enum sl_code probe(struct hubspot *self, struct sl_out *out, struct sl_error *error)
{
    const struct hubspot_object *object = &hubspot_objects[self->object];
    struct sl_url url;

    if (object->name)
        hubspot_url(self, &url, "crm", "v3", "objects", object->name, NULL);
    else
        hubspot_url(self, &url, "crm", "v3", "owners", NULL);
    self->path = object->name ? object->name : "owners";
    sl_url_query_i64(&url, "limit", 1);
    return hubspot_ask(self, HUBSPOT_PROBE, &url, NULL, out, error);
}

static enum sl_code probed(struct hubspot *self, const struct sl_response *response,
                           struct sl_out *out, struct sl_error *error)
{
    const char *scope = hubspot_scope(self->path);
    char subject[120], hint[200];
    enum sl_code rc;

    snprintf(subject, sizeof subject, "scope %s (%s)", scope, self->path);
    snprintf(hint, sizeof hint, "Give the app the scope %s; without it this table is not read.",
             scope);
    rc = report(subject, response, "can be read", hint, out, error);
    if (rc) return rc;
    if (!hubspot_objects[self->object].name) return SL_DONE; /* owners were the last */
    self->object++;
    return probe(self, out, error);
}

enum sl_code hubspot_check(void *task, const struct sl_response *response, struct sl_out *out,
                           struct sl_error *error)
{
    struct hubspot *self = task;
    enum sl_code rc;

    if (!response) {
        rc = hubspot_need_credentials(self, error);
        self->optional = true;
        return rc ? rc : hubspot_ask_details(self, out, error);
    }
    if (self->stage == HUBSPOT_PROBE) return probed(self, response, out, error);
    rc = report("token", response, "accepted",
                "Copy the token of the private app from HubSpot's settings.", out, error);
    if (rc || !is_good(response)) return rc ? rc : SL_DONE;
    return probe(self, out, error);
}
