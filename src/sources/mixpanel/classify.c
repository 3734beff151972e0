/* classify.c: what an answer of Mixpanel means. Errors are JSON ({"error": "..."}) or plain text. */
#include "mixpanel.h"

#include <stdio.h>
#include <string.h>

#define SAID_MAX 300
/* Without Retry-After: seven of these waits, all that a request may make, are an hour. */
#define HOUR_WAIT_MS 520000
#define BUSY_WAIT_MS 60000 /* too many at once */

void mixpanel_said(const struct sl_response *response, char *out, size_t cap)
{
    const char *said = sl_json_str(sl_json_get(response->json, "error"));
    size_t len;

    if (!said) said = sl_json_str(sl_json_get(response->json, "message"));
    if (!said && !response->json && response->body && response->body_len &&
        response->body[0] != '<' && response->status != 200)
        said = response->body;
    len = !said ? 0 : said == response->body ? response->body_len : strlen(said);
    if (len >= cap) len = cap - 1;
    if (len) memcpy(out, said, len);
    out[len] = '\0';
    out[strcspn(out, "\r\n")] = '\0';
}

static bool says(const struct sl_response *response, const char *what)
{
    char said[SAID_MAX];

    mixpanel_said(response, said, sizeof said);
    return strstr(said, what) != NULL;
}

bool mixpanel_is_later_than_today(const struct sl_response *response)
{
    return response->status == 400 && says(response, "later than today");
}

bool mixpanel_has_no_members(const struct sl_response *response)
{
    return (response->status == 400 || response->status == 404) && says(response, "Datagroup");
}

/* "61/60 queries running in the last hour" */
static bool hour_is_used_up(const char *said)
{
    const char *at = strstr(said, " queries running in the last hour");
    int used = 0, allowed = 0;

    if (!at) return false;
    while (at > said && strchr("0123456789/", at[-1])) at--;
    return sscanf(at, "%9d/%9d", &used, &allowed) == 2 && used >= allowed;
}

static void too_many(const struct mixpanel *self, const struct sl_response *response,
                     const char *said, struct sl_verdict *verdict)
{
    int64_t asked_ms = sl_response_retry_after_ms(response);

    verdict->kind = SL_VERDICT_RETRY_AFTER;
    verdict->code = SL_RATE_LIMITED;
    verdict->wait_ms = asked_ms >= 0           ? asked_ms
                       : hour_is_used_up(said) ? HOUR_WAIT_MS
                                               : BUSY_WAIT_MS;
    if (self->stage == MIXPANEL_EXPORT || self->stage == MIXPANEL_COHORTS ||
        self->stage == MIXPANEL_ENGAGE)
        snprintf(verdict->pause, sizeof verdict->pause, "mixpanel/%.60s/%s", self->project,
                 self->stage == MIXPANEL_EXPORT ? "exports/hour" : "queries/hour");
    snprintf(verdict->hint, sizeof verdict->hint,
             "Something else uses up the project's 60 requests an hour as well; run less often, or "
             "give it a time of its own.");
}

/* Refusals that a step goes on from. */
static bool is_expected(const struct mixpanel *self, const struct sl_response *response)
{
    int status = response->status;

    if (self->checking) return status >= 400 && status < 500 && status != 429;
    if (self->stage == MIXPANEL_ME) return status < 500 && status != 429; /* its clock will do */
    if (self->stage == MIXPANEL_EXPORT) return mixpanel_is_later_than_today(response);
    if (self->stage != MIXPANEL_ENGAGE) return false;
    if (self->query.cohort && mixpanel_has_no_members(response)) return true;
    return status == 400 && !says(response, "authenticate") &&
           (says(response, "uncached query") || self->query.since[0]);
}

static bool is_usable(const struct mixpanel *self, const struct sl_response *response)
{
    const struct sl_json *json = response->json;

    switch (self->stage) {
    case MIXPANEL_EXPORT: /* by lines: nobody has parsed it. Empty: no events */
        return response->body_len == 0 || response->body[0] != '<';
    case MIXPANEL_COHORTS: return mixpanel_cohorts_of(json) != NULL;
    case MIXPANEL_ENGAGE:
    case MIXPANEL_ANNOTATIONS: return sl_json_kind(sl_json_get(json, "results")) == SL_JSON_ARRAY;
    default: return sl_json_kind(json) == SL_JSON_OBJECT;
    }
}

static void refused(const struct mixpanel *self, int status, const struct sl_response *response,
                    struct sl_verdict *verdict)
{
    if (status == 401 || (status == 400 && says(response, "authenticate"))) {
        verdict->kind = SL_VERDICT_FAIL_ALL;
        verdict->code = SL_AUTH;
        snprintf(verdict->hint, sizeof verdict->hint,
                 "Correct username and secret of the service account (or api_secret); see whether "
                 "region and project_id are those of the project.");
    } else if (status == 402) {
        verdict->kind = SL_VERDICT_FAIL_TABLE;
        verdict->code = SL_PERMISSION;
        snprintf(verdict->hint, sizeof verdict->hint,
                 "The plan of this project does not include this API; leave the table out.");
    } else if (status == 403) {
        verdict->code = SL_PERMISSION;
        snprintf(verdict->hint, sizeof verdict->hint,
                 "Give the service account a role in project %.40s, or correct project_id and "
                 "region.",
                 self->project);
    }
}

/* An explanation that broke off: the next try may be told the whole of it. */
static bool is_cut(const struct sl_response *response)
{
    return response->status == 400 && !response->json && response->body_len &&
           response->body[0] == '{';
}

void mixpanel_classify(const void *task, const struct sl_response *response,
                       struct sl_verdict *verdict)
{
    const struct mixpanel *self = task;
    char said[SAID_MAX];
    int status = response->status;

    mixpanel_said(response, said, sizeof said);
    if (is_expected(self, response)) {
        verdict->kind = SL_VERDICT_OK;
        return;
    }
    sl_classify_status(response, "Mixpanel", said[0] ? said : NULL, verdict);
    if (status == 200 && is_usable(self, response)) {
        verdict->kind = SL_VERDICT_OK;
    } else if (status == 200) {
        verdict->kind = SL_VERDICT_RETRY;
        verdict->code = SL_BAD_DATA;
        snprintf(verdict->message, sizeof verdict->message,
                 "Mixpanel answered 200, but with something else than was asked for");
    } else if (is_cut(response)) {
        verdict->kind = SL_VERDICT_RETRY;
    } else if (status == 429) {
        too_many(self, response, said, verdict);
    } else {
        refused(self, status, response, verdict);
    }
}
