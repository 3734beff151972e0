/*
 * classify.c: what an answer of Airtable means.
 *
 * Errors come in five shapes, and all of them are read:
 *     {"error":{"type":"T","message":"M"}}       the normal one
 *     {"error":{"type":"T"}}                     without a message
 *     {"error":"NOT_FOUND"}                      an unknown route, a malformed id
 *     {"errors":[{"error":"T","message":"M"}]}   seen with 429
 *     anything else, HTML, nothing               gateways, cut bodies
 */
#include "airtable.h"

#include <stdio.h>
#include <string.h>

/* After a 429 the base answers nothing else for this long. */
#define PENALTY_MS 30000
#define SLOW_DOWN 0.8

struct complaint {
    const char *type, *message; /* "" when there is none */
};

static struct complaint complaint_of(const struct sl_json *json)
{
    const struct sl_json *error = sl_json_get(json, "error");
    struct sl_json_each errors = sl_json_each(sl_json_get(json, "errors"));
    const char *type = NULL, *message = NULL;

    if (sl_json_kind(error) == SL_JSON_STRING) {
        type = sl_json_str(error);
        message = sl_json_str(sl_json_get(json, "message"));
    } else if (error) {
        type = sl_json_str(sl_json_get(error, "type"));
        message = sl_json_str(sl_json_get(error, "message"));
    } else if (sl_json_next(&errors)) {
        type = sl_json_str(sl_json_get(errors.value, "error"));
        message = sl_json_str(sl_json_get(errors.value, "message"));
    }
    return (struct complaint){type ? type : "", message ? message : ""};
}

const char *airtable_error_type(const struct sl_json *json)
{
    return complaint_of(json).type;
}

/* "base 'app…', table 'tbl…'": what the call was about. */
static void place_of(const struct airtable *self, char *out, size_t cap)
{
    const char *table = self->task.table ? self->task.table : self->table;

    if (self->table[0])
        snprintf(out, cap, "table '%.200s' of base '%s'", table, self->base);
    else if (self->base[0])
        snprintf(out, cap, "base '%s'", self->base);
    else
        snprintf(out, cap, "the list of bases");
}

static const char *scope_of(const struct airtable *self)
{
    switch (self->stage) {
    case AIRTABLE_RECORDS:
    case AIRTABLE_WHETHER_THERE:
    case AIRTABLE_SAMPLE: return "data.records:read";
    case AIRTABLE_SELF_TEST: return "data.records:read";
    case AIRTABLE_COMMENTS: return "data.recordComments:read";
    default: return "schema.bases:read";
    }
}

static void say(struct sl_verdict *verdict, const struct airtable *self, int status,
                const struct complaint *what, const char *otherwise)
{
    char place[320];

    place_of(self, place, sizeof place);
    snprintf(verdict->message, sizeof verdict->message, "%s: Airtable answered %d%s%.80s%s%.300s",
             place, status, what->type[0] ? " " : "", what->type,
             what->message[0] || otherwise[0] ? ": " : "",
             what->message[0] ? what->message : otherwise);
}

/* Midnight UTC at the start of the month after the one in which this answer came. */
static int64_t next_month_us(const struct sl_response *response)
{
    int64_t now_us = sl_response_now_us(response);
    char text[SL_TIME_TEXT_MAX], next[16];
    int year = 0, month = 0;
    int32_t days;

    sl_time_format_ms(now_us, text);
    if (sscanf(text, "%4d-%2d", &year, &month) != 2 || year < 1 || year > 9998) return 0;
    month = month == 12 ? 1 : month + 1;
    year += month == 1;
    snprintf(next, sizeof next, "%04u-%02u-01", (unsigned)year % 10000, (unsigned)month % 100);
    return sl_date_parse(next, strlen(next), &days) ? days * SL_DAY_US : 0;
}

static void too_many(const struct airtable *self, const struct sl_response *response,
                     const struct complaint *what, struct sl_verdict *verdict)
{
    int64_t asked_ms = sl_response_retry_after_ms(response);

    if (strcmp(what->type, "PUBLIC_API_BILLING_LIMIT_EXCEEDED") == 0) {
        verdict->kind = SL_VERDICT_QUOTA;
        verdict->code = SL_QUOTA;
        verdict->resets_at_us = next_month_us(response);
        snprintf(verdict->hint, sizeof verdict->hint,
                 "The workspace has used up its API calls of this calendar month; they start again "
                 "on the first of the next one (UTC), or with a larger plan.");
        return;
    }
    verdict->kind = SL_VERDICT_RETRY_AFTER;
    verdict->code = SL_RATE_LIMITED;
    verdict->wait_ms = asked_ms > PENALTY_MS ? asked_ms : PENALTY_MS;
    verdict->slow_down = SLOW_DOWN;
    snprintf(verdict->pause, sizeof verdict->pause, "%s",
             self->base[0] ? self->base_key : "airtable/user/{credential}");
    snprintf(verdict->hint, sizeof verdict->hint,
             "Something else uses this base too; lower requests_per_second of the connection.");
}

static void refused(const struct airtable *self, int status, struct sl_verdict *verdict)
{
    if (self->checking || self->optional ||
        (self->stage == AIRTABLE_COMMENTS && status == 404)) { /* the record may be gone */
        verdict->kind = SL_VERDICT_OK;
        return;
    }
    verdict->kind = SL_VERDICT_FAIL_TABLE;
    verdict->code = SL_PERMISSION;
    if (self->base[0])
        snprintf(verdict->hint, sizeof verdict->hint,
                 "Give the token the scope %s and access to base %s, at "
                 "https://airtable.com/create/tokens, or see whether it was deleted.",
                 scope_of(self), self->base);
    else
        snprintf(verdict->hint, sizeof verdict->hint,
                 "Give the token the scope %s, or name the bases in base_id.", scope_of(self));
}

static void unprocessable(const struct airtable *self, const struct complaint *what,
                          struct sl_verdict *verdict)
{
    const char *type = what->type, *hint = NULL;

    verdict->kind = SL_VERDICT_FAIL_TABLE;
    verdict->code = SL_SOURCE;
    if (strcmp(type, "LIST_RECORDS_ITERATOR_NOT_AVAILABLE") == 0 ||
        (strcmp(type, "INVALID_OFFSET_VALUE") == 0 && self->chain.offset[0])) {
        verdict->kind = SL_VERDICT_RESTART; /* the listing expired on the server */
    } else if (strcmp(type, "INVALID_FILTER_BY_FORMULA") == 0) {
        verdict->code = SL_BAD_SPEC;
        hint = "Correct the table option 'filter'; fields can be written as {fld...}.";
    } else if (strncmp(type, "VIEW_", 5) == 0) {
        verdict->code = SL_BAD_SPEC;
        hint = "Correct the table option 'view'; the view may have been deleted.";
    } else if (strcmp(type, "UNKNOWN_FIELD_NAME") == 0) {
        hint = "A field was deleted while the table was read; run again.";
    }
    if (hint) snprintf(verdict->hint, sizeof verdict->hint, "%s", hint);
}

static void server_failed(const struct sl_response *response, struct sl_verdict *verdict)
{
    int64_t asked_ms = sl_response_retry_after_ms(response);

    verdict->kind = asked_ms >= 0 ? SL_VERDICT_RETRY_AFTER : SL_VERDICT_RETRY;
    verdict->wait_ms = asked_ms >= 0 ? asked_ms : 0;
    verdict->code = SL_SOURCE;
}

/* Refusals that a step goes on from: a webhook, or a filter by time, that is not to be had. */
static bool is_expected(const struct airtable *self, int status, const struct complaint *what)
{
    bool refused = status >= 400 && status < 500 && status != 401 && status != 429;

    if (status == 204) return self->stage == AIRTABLE_HOOK_DELETE;
    if (self->stage >= AIRTABLE_HOOKS && self->stage <= AIRTABLE_PAYLOADS) return refused;
    return self->way == AIRTABLE_WINDOW && status == 422 &&
           strcmp(what->type, "INVALID_FILTER_BY_FORMULA") == 0;
}

void airtable_classify(const void *task, const struct sl_response *response,
                       struct sl_verdict *verdict)
{
    const struct airtable *self = task;
    struct complaint what = complaint_of(response->json);
    const char *otherwise = "";
    int status = response->status;

    verdict->kind = SL_VERDICT_FAIL_TABLE;
    verdict->code = SL_SOURCE;
    bool deleted = status == 200 && self->stage == AIRTABLE_HOOK_DELETE; /* without a body */
    if ((status == 200 && sl_json_kind(response->json) == SL_JSON_OBJECT) || deleted ||
        is_expected(self, status, &what)) {
        verdict->kind = SL_VERDICT_OK;
        return;
    }
    if (status == 200) { /* a cut body, a gateway's page */
        verdict->kind = SL_VERDICT_RETRY;
        verdict->code = SL_BAD_DATA;
        otherwise = response->json_error ? response->json_error : "no JSON object";
    } else if (status == 401 && airtable_by_oauth(self)) {
        verdict->kind = SL_VERDICT_REFRESH;
        verdict->code = SL_AUTH;
        otherwise = "the access token is refused";
    } else if (status == 401) {
        verdict->kind = self->checking ? SL_VERDICT_OK : SL_VERDICT_FAIL_ALL;
        verdict->code = SL_AUTH;
        otherwise = "the token is invalid, expired or revoked";
        snprintf(verdict->hint, sizeof verdict->hint,
                 "Make a new personal access token at https://airtable.com/create/tokens and "
                 "update the connection.");
    } else if (status == 403 || status == 404) {
        otherwise = "no permission, or it does not exist";
        refused(self, status, verdict);
    } else if (status == 422) {
        unprocessable(self, &what, verdict);
    } else if (status == 429) {
        too_many(self, response, &what, verdict);
    } else if (status >= 500) {
        server_failed(response, verdict);
    }
    say(verdict, self, status, &what, otherwise);
}
