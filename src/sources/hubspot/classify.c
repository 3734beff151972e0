/*
 * classify.c: what an answer of HubSpot means.
 *
 * Errors are {"status":"error","message","correlationId","category","subCategory"?,"errors"?,
 * "policyName"?}; every member may be missing, and gateways answer with HTML.
 */
#include "hubspot.h"

#include <stdio.h>
#include <string.h>

#define BURST_PAUSE_MS 10000 /* the window of the burst limit */
#define SEARCH_PAUSE_MS 1000
#define LOCKED_PAUSE_MS 2000 /* 423 */
#define SLOW_DOWN 0.8

enum { LOCKED = 423, MIGRATING = 477 };

static bool is_search(const struct hubspot *self)
{
    return self->stage == HUBSPOT_SEARCH || self->stage == HUBSPOT_PILE;
}

static void too_many(const struct hubspot *self, const struct sl_response *response,
                     struct sl_verdict *verdict)
{
    const struct sl_json *policy = sl_json_get(response->json, "policyName");
    int64_t asked_ms = sl_response_retry_after_ms(response);
    bool searching = is_search(self) && !sl_json_eq(policy, "TEN_SECONDLY_ROLLING");
    int64_t least_ms = searching ? SEARCH_PAUSE_MS : BURST_PAUSE_MS;

    if (sl_json_eq(policy, "DAILY")) {
        verdict->kind = SL_VERDICT_QUOTA;
        verdict->code = SL_QUOTA;
        verdict->resets_at_us = hubspot_next_day_us(self, response);
        snprintf(verdict->hint, sizeof verdict->hint,
                 "The account has used up its API calls of this day; they start again at midnight "
                 "in the portal's time zone.");
        return;
    }
    verdict->kind = SL_VERDICT_RETRY_AFTER;
    verdict->code = SL_RATE_LIMITED;
    verdict->wait_ms = asked_ms > least_ms ? asked_ms : least_ms;
    verdict->slow_down = SLOW_DOWN;
    snprintf(verdict->pause, sizeof verdict->pause, "%s",
             searching ? self->search_key : "hubspot/app/{credential}");
    snprintf(verdict->hint, sizeof verdict->hint,
             "Something else uses the same app or account; lower requests_per_10_seconds of the "
             "connection.");
}

/* The scopes that the answer names, or the one that is known to be needed. */
static void name_scopes(const struct hubspot *self, const struct sl_json *json, char *out,
                        size_t cap)
{
    struct sl_json_each errors = sl_json_each(sl_json_get(json, "errors"));
    size_t len = 0;

    out[0] = '\0';
    while (sl_json_next(&errors)) {
        const struct sl_json *scopes =
            sl_json_path(errors.value, "context", "requiredGranularScopes", NULL);
        for (struct sl_json_each e = sl_json_each(scopes); sl_json_next(&e);) {
            const char *scope = sl_json_str(e.value);
            if (!scope || len + strlen(scope) + 3 > cap) continue;
            len += (size_t)snprintf(out + len, cap - len, "%s%s", len ? ", " : "", scope);
        }
    }
    if (!len) snprintf(out, cap, "%s", self->path ? hubspot_scope(self->path) : "oauth");
}

static void refused(const struct hubspot *self, const struct sl_response *response,
                    struct sl_verdict *verdict)
{
    char scopes[200];

    name_scopes(self, response->json, scopes, sizeof scopes);
    snprintf(verdict->hint, sizeof verdict->hint,
             "Give the app the scope %s, and the connection the token that it has then.", scopes);
}

static void not_authorised(const struct hubspot *self, struct sl_verdict *verdict)
{
    if (hubspot_uses_oauth(self)) verdict->kind = SL_VERDICT_REFRESH;
    snprintf(verdict->hint, sizeof verdict->hint, "%s",
             !hubspot_uses_oauth(self)
                 ? "Copy the token of the private app from HubSpot's settings and update "
                   "access_token. An OAuth access token lives 30 minutes: give client_id, "
                   "client_secret and refresh_token instead."
                 : "Connect the app to the portal again and update refresh_token.");
}

/* Refusals that a step goes on from. */
static bool is_expected(const struct hubspot *self, int status)
{
    if (status == 401 || status == 429) return false;
    if (self->optional) return status >= 400 && status < 500;
    if (self->stage == HUBSPOT_ARCHIVED && !self->after[0]) return status == 400;
    /* the offset of an interrupted first load may not be taken any more */
    return self->stage == HUBSPOT_LIST && self->going_on && status == 400;
}

void hubspot_classify(const void *task, const struct sl_response *response,
                      struct sl_verdict *verdict)
{
    const struct hubspot *self = task;
    const char *said = sl_json_str(sl_json_get(response->json, "message"));
    char source[200];
    int status = response->status;

    snprintf(source, sizeof source, "%s%.120s%sHubSpot", self->path ? "'" : "",
             self->path ? self->path : "", self->path ? "': " : "");
    sl_classify_status(response, source, said, verdict);
    if (status >= 200 && status < 300 && sl_json_kind(response->json) != SL_JSON_OBJECT) {
        verdict->kind = SL_VERDICT_RETRY;
        verdict->code = SL_BAD_DATA;
        snprintf(verdict->message, sizeof verdict->message, "%s answered %d without a JSON object",
                 source, status);
    } else if (status == 401) {
        not_authorised(self, verdict);
        if (self->optional && !hubspot_uses_oauth(self))
            verdict->kind = SL_VERDICT_OK; /* check says it in its own words */
    } else if (is_expected(self, status)) {
        verdict->kind = SL_VERDICT_OK;
    } else if (status == 403) {
        refused(self, response, verdict);
    } else if (status == 429) {
        too_many(self, response, verdict);
    } else if (status == LOCKED || status == MIGRATING) {
        int64_t asked_ms = sl_response_retry_after_ms(response);
        verdict->kind = SL_VERDICT_RETRY_AFTER;
        verdict->wait_ms = asked_ms > LOCKED_PAUSE_MS ? asked_ms : LOCKED_PAUSE_MS;
    }
}
