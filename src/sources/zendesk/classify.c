/*
 * classify.c: what an answer of Zendesk means.
 *
 * Errors come as {"error":"RecordNotFound","description":"Not found"}, as
 * {"error":{"title":"Forbidden","message":"..."}}, as {"errors":[{"code":..,"title":..}]}, as OAuth has
 * them ({"error":"invalid_token","error_description":..}), as text and as HTML.
 */
#include "zendesk.h"

#include <stdio.h>
#include <string.h>

#define PAUSE_MS 60000 /* after a 429 that does not say how long */
#define SLOW_DOWN 0.9

static const char *str(const struct sl_json *object, const char *key)
{
    return sl_json_str(sl_json_get(object, key));
}

void zendesk_complaint(const struct sl_json *json, char *out, size_t cap)
{
    const struct sl_json *error = sl_json_get(json, "error");
    struct sl_json_each errors = sl_json_each(sl_json_get(json, "errors"));
    const char *name = sl_json_str(error), *said = str(json, "description");

    if (!said) said = str(json, "error_description");
    if (sl_json_kind(error) == SL_JSON_OBJECT) {
        name = str(error, "title");
        said = str(error, "message");
    } else if (!error && sl_json_next(&errors)) {
        name = str(errors.value, "code");
        said = str(errors.value, "title");
    }
    snprintf(out, cap, "%.100s%s%.300s", name ? name : "", name && said ? ": " : "",
             said ? said : "");
}

static void hint(struct sl_verdict *verdict, const char *text)
{
    snprintf(verdict->hint, sizeof verdict->hint, "%s", text);
}

static void unauthorised(const struct zendesk *self, struct sl_verdict *verdict)
{
    bool oauth = self->client_id && *self->client_id;

    verdict->kind = oauth ? SL_VERDICT_REFRESH : SL_VERDICT_FAIL_ALL;
    verdict->code = SL_AUTH;
    if (oauth)
        hint(verdict, "See whether the OAuth client still exists and may read (scope read).");
    else
        hint(verdict, "Correct email and api_token. API tokens that were not used for 30 days are "
                      "deactivated: an OAuth client (client_id, client_secret) takes their place.");
}

static void forbidden(const struct zendesk *self, struct sl_verdict *verdict)
{
    if (self->stage == ZENDESK_EXPORT)
        hint(verdict, "Incremental exports need an administrator, or a custom role that allows "
                      "them: use credentials of one.");
    else
        hint(verdict, "The role or the plan of these credentials does not allow it: use those of "
                      "an administrator.");
}

static void too_many(const struct zendesk *self, struct sl_verdict *verdict)
{
    bool exports = self->stage == ZENDESK_EXPORT;

    if (verdict->kind != SL_VERDICT_RETRY_AFTER) verdict->wait_ms = PAUSE_MS;
    verdict->kind = SL_VERDICT_RETRY_AFTER;
    verdict->slow_down = SLOW_DOWN;
    snprintf(verdict->pause, sizeof verdict->pause, "%s",
             exports ? self->export_key : self->account_key);
    hint(verdict, "Something else uses the account's limit, too: lower requests_per_minute or "
                  "exports_per_minute of the connection.");
}

/* Answers that a step goes on from, though they are no success. */
static bool is_expected(const struct zendesk *self, const struct sl_response *response)
{
    int status = response->status;

    switch (self->stage) {
    case ZENDESK_CHECK: return status >= 400 && status < 500 && status != 429;
    case ZENDESK_PROBE: return status == 403 || status == 404;
    case ZENDESK_COMMENTS: return status == 404; /* the ticket was deleted */
    case ZENDESK_EXPORT:
        if (status == 504) return self->rows_a_page > 1; /* too many rows at once for it */
        return status == 400 || status == 422;           /* the cursor, or the time */
    default: return false;
    }
}

void zendesk_classify(const void *task, const struct sl_response *response,
                      struct sl_verdict *verdict)
{
    const struct zendesk *self = task;
    int status = response->status;
    char said[420];

    zendesk_complaint(response->json, said, sizeof said);
    sl_classify_status(response, "Zendesk", said[0] ? said : NULL, verdict);
    if (is_expected(self, response)) {
        verdict->kind = SL_VERDICT_OK;
        verdict->code = SL_OK;
    } else if (verdict->kind == SL_VERDICT_OK && sl_json_kind(response->json) != SL_JSON_OBJECT) {
        verdict->kind = SL_VERDICT_RETRY;
        verdict->code = SL_BAD_DATA;
        snprintf(verdict->message, sizeof verdict->message,
                 "Zendesk answered %d with something that is no JSON object", status);
    } else if (status == 401) {
        unauthorised(self, verdict);
    } else if (status == 403) {
        forbidden(self, verdict);
    } else if (status == 404) {
        hint(verdict, "The account may lack this feature (Guide, Gather), or its plan does.");
    } else if (status == 409) {
        verdict->kind = SL_VERDICT_RETRY;
    } else if (status == 429) {
        too_many(self, verdict);
    }
}
