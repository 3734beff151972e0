/*
 * classify.c: what an answer of Stripe means.
 *
 *     {"error":{"type":"invalid_request_error","code":"resource_missing","param":"id","message":"..."}}
 *
 * The header Stripe-Should-Retry has the last word on whether to try again, as in Stripe's own
 * clients; without it 409, 429 and 5xx are tried again.
 */
#include <stdio.h>
#include <string.h>

#include "stripe.h"

#define PAUSE_MS 2000 /* of what was asked for too often, when Stripe does not say how long */
#define SLOW_DOWN 0.8

struct complaint {
    const char *type, *code, *param, *message; /* "" when there is none */
};

static const char *text_of(const struct sl_json *value)
{
    return sl_json_str(value) ? sl_json_str(value) : "";
}

static struct complaint complaint_of(const struct sl_json *json)
{
    const struct sl_json *error = sl_json_get(json, "error");

    return (struct complaint){text_of(sl_json_get(error, "type")),
                              text_of(sl_json_get(error, "code")),
                              text_of(sl_json_get(error, "param")),
                              text_of(sl_json_get(error, "message"))};
}

bool stripe_account_in(const char *text, char out[STRIPE_ID_MAX])
{
    const char *at = text ? strstr(text, "'acct_") : NULL;
    size_t len = 0;

    out[0] = '\0';
    if (!at) return false;
    for (at++; (at[len] >= '0' && at[len] <= '9') || (at[len] >= 'A' && at[len] <= 'Z') ||
               (at[len] >= 'a' && at[len] <= 'z') || at[len] == '_';)
        len++;
    if (len <= strlen("acct_") || len >= STRIPE_ID_MAX || at[len] != '\'') return false;
    memcpy(out, at, len);
    out[len] = '\0';
    return true;
}

/* Refusals that a step goes on from. */
static bool is_expected(const struct stripe *self, int status, const struct complaint *what)
{
    bool missing = strcmp(what->code, "resource_missing") == 0 &&
                   !strstr(what->message, "similar object"); /* ... exists in live mode */
    bool anchor = missing && strcmp(what->param, "starting_after") == 0;

    switch (self->stage) {
    case STRIPE_ACCOUNT:
    case STRIPE_BALANCE:
    case STRIPE_SAMPLE: return status == 403 || (self->checking && status >= 400 && status < 429);
    case STRIPE_LIST: return anchor && (status == 400 || status == 404);
    case STRIPE_EVENTS: return status == 403 && self->root;
    case STRIPE_OBJECT:
    case STRIPE_METHODS: return status == 404 && missing && !anchor;
    case STRIPE_CHILDREN: return status == 404 && missing && !anchor;
    default: return false;
    }
}

static void say(struct sl_verdict *verdict, const struct stripe *self,
                const struct sl_response *response, const struct complaint *what)
{
    const char *request = sl_response_header(response, "request-id");
    const char *otherwise = response->json_error ? response->json_error : "no reason given";

    snprintf(verdict->message, sizeof verdict->message,
             "%s%.60s%sStripe answered %d%s%.60s: %.400s%s%.60s%s", self->table ? "table '" : "",
             self->table ? self->table->name : "", self->table ? "': " : "", response->status,
             what->code[0] ? " " : "", what->code, what->message[0] ? what->message : otherwise,
             request ? " (request " : "", request ? request : "", request ? ")" : "");
}

static void too_many(const struct stripe *self, const struct sl_response *response,
                     const struct complaint *what, struct sl_verdict *verdict)
{
    const char *reason = sl_response_header(response, "stripe-rate-limited-reason");
    int64_t asked_ms = sl_response_retry_after_ms(response);

    verdict->code = SL_RATE_LIMITED;
    if (strcmp(what->code, "lock_timeout") == 0) { /* somebody works on that object */
        verdict->kind = SL_VERDICT_RETRY;
        return;
    }
    verdict->kind = SL_VERDICT_RETRY_AFTER;
    verdict->wait_ms = asked_ms > PAUSE_MS ? asked_ms : PAUSE_MS;
    verdict->slow_down = SLOW_DOWN;
    if (!reason || strncmp(reason, "resource", 8) != 0) stripe_account_key(self, verdict->pause);
    snprintf(verdict->hint, sizeof verdict->hint,
             "Something else uses this account too%s%.40s%s; lower requests_per_second of the "
             "connection.",
             reason ? " (" : "", reason ? reason : "", reason ? ")" : "");
}

static void refused(const struct stripe *self, struct sl_verdict *verdict)
{
    verdict->kind = SL_VERDICT_FAIL_TABLE;
    verdict->code = SL_PERMISSION;
    bool parents =
        self->table && self->stage == STRIPE_LIST && self->table->way == STRIPE_BY_PARENTS;

    if (self->table)
        snprintf(verdict->hint, sizeof verdict->hint,
                 "Give the restricted key read permission for %s (%s), at "
                 "https://dashboard.stripe.com/apikeys.",
                 parents ? "customers" : self->table->name,
                 parents ? "rak_customer_read" : self->table->permission);
    else
        snprintf(verdict->hint, sizeof verdict->hint,
                 "See which account and which permissions the key has, at "
                 "https://dashboard.stripe.com/apikeys.");
}

/* 400, 402, 404 and other statuses that will not pass. */
static void not_possible(const struct stripe *self, int status, const struct complaint *what,
                         struct sl_verdict *verdict)
{
    verdict->kind = SL_VERDICT_FAIL_TABLE;
    verdict->code = status == 404 ? SL_NOT_FOUND : SL_SOURCE;
    if (strcmp(what->code, "resource_missing") == 0 && strcmp(what->param, "starting_after") == 0)
        verdict->kind = SL_VERDICT_RESTART; /* where a walk stood is gone */
    else if (strstr(what->message, "API version")) {
        verdict->code = SL_BAD_SPEC;
        snprintf(verdict->hint, sizeof verdict->hint,
                 "Correct the connection option 'api_version'; the versions are listed at "
                 "https://docs.stripe.com/changelog.");
    } else if (strcmp(what->param, "expand") == 0) {
        verdict->code = SL_BAD_SPEC;
        snprintf(verdict->hint, sizeof verdict->hint, "Correct the table option 'expand'.");
    } else if (strstr(what->message, "similar object")) {
        verdict->code = SL_PERMISSION;
        snprintf(verdict->hint, sizeof verdict->hint,
                 "The key is of the other mode than what was landed: use one of the same mode.");
    }
    (void)self;
}

static bool should_retry(const struct sl_response *response)
{
    const char *header = sl_response_header(response, "stripe-should-retry");

    if (header && strcmp(header, "false") == 0) return false;
    if (header && strcmp(header, "true") == 0) return true;
    return response->status == 408 || response->status == 409 || response->status == 424 ||
           response->status >= 500;
}

void stripe_classify(const void *task, const struct sl_response *response,
                     struct sl_verdict *verdict)
{
    const struct stripe *self = task;
    struct complaint what = complaint_of(response->json);
    int64_t asked_ms = sl_response_retry_after_ms(response);
    int status = response->status;

    verdict->kind = SL_VERDICT_OK;
    verdict->code = SL_SOURCE;
    if ((status == 200 && sl_json_kind(response->json) == SL_JSON_OBJECT) ||
        is_expected(self, status, &what))
        return;
    if (status == 200) { /* a cut body, a gateway's page */
        verdict->kind = SL_VERDICT_RETRY;
        verdict->code = SL_BAD_DATA;
    } else if (status == 401) {
        verdict->kind = self->checking ? SL_VERDICT_OK : SL_VERDICT_FAIL_ALL;
        verdict->code = SL_AUTH;
        snprintf(verdict->hint, sizeof verdict->hint,
                 "The key is wrong, expired or was rolled: take a new one at "
                 "https://dashboard.stripe.com/apikeys and update the connection.");
    } else if (status == 429) {
        too_many(self, response, &what, verdict);
    } else if (should_retry(response)) {
        verdict->kind = asked_ms >= 0 ? SL_VERDICT_RETRY_AFTER : SL_VERDICT_RETRY;
        verdict->wait_ms = asked_ms >= 0 ? asked_ms : 0;
    } else if (status == 403) {
        refused(self, verdict);
    } else {
        not_possible(self, status, &what, verdict);
    }
    say(verdict, self, response, &what);
}
