/* classify.c: what an answer means. */
#include "github.h"

#include <stdio.h>
#include <string.h>

#define SECONDARY_WAIT_MS INT64_C(60000) /* GitHub: at least a minute */
#define HOUR_WAIT_US (INT64_C(3700) * SL_SECOND_US)
#define PAGE_ROWS_MIN 12

static const char *documentation(const struct sl_response *response)
{
    const char *url = sl_json_str(sl_json_get(response->json, "documentation_url"));

    return url ? url : "";
}

static bool is_secondary(const struct sl_response *response, const char *said)
{
    const char *url = documentation(response);

    return strstr(url, "secondary-rate-limits") || strstr(url, "abuse-rate-limits") ||
           strstr(said, "secondary rate limit") || strstr(said, "abuse detection");
}

static void wait_for(struct sl_verdict *verdict, int64_t wait_ms, const char *key)
{
    verdict->kind = SL_VERDICT_RETRY_AFTER;
    verdict->code = SL_RATE_LIMITED;
    verdict->wait_ms = wait_ms;
    snprintf(verdict->pause, sizeof verdict->pause, "%s", key);
}

static void hint(struct sl_verdict *verdict, const char *text)
{
    snprintf(verdict->hint, sizeof verdict->hint, "%s", text);
}

/* 403 and 429: a limit, or a refusal. */
static void refused(const struct github *self, const struct sl_response *response, const char *said,
                    struct sl_verdict *verdict)
{
    int64_t asked_ms = sl_response_retry_after_ms(response), resets_us = 0;
    const char *sso = sl_response_header(response, "x-github-sso");
    int64_t now_us = sl_response_now_us(response);

    if (is_secondary(response, said) || asked_ms >= 0) {
        wait_for(verdict, asked_ms >= 0 ? asked_ms : SECONDARY_WAIT_MS, GITHUB_MINUTE_KEY);
        verdict->slow_down = 0.5;
    } else if (github_hour_is_over(response, &resets_us)) {
        if (resets_us - now_us <= HOUR_WAIT_US) {
            verdict->kind = SL_VERDICT_OK; /* the step waits for the next hour */
        } else {
            verdict->kind = SL_VERDICT_QUOTA;
            verdict->resets_at_us = resets_us;
        }
    } else if (response->status == 429) {
        wait_for(verdict, SECONDARY_WAIT_MS, GITHUB_MINUTE_KEY);
    } else if (sso) {
        snprintf(verdict->hint, sizeof verdict->hint,
                 "The organisation wants single sign-on: authorise the token for it (%.250s).",
                 sso);
    } else if (!response->json) { /* not the API itself: no user agent, a blocked address */
        verdict->kind = SL_VERDICT_FAIL_ALL;
    } else if (self->table && strcmp(self->table->name, "collaborators") == 0) {
        hint(verdict, "Collaborators are shown to those who may push to the repository. Give the "
                      "token that right, or name the repository in exclude_repositories.");
    } else {
        hint(verdict, "Give the token the permission: a classic one the scopes repo and read:org, "
                      "a fine-grained one read access to this kind of data.");
    }
}

/* A list of one's own organisations or teams leaves out those that want single sign-on, with 200: what
 * it lacks is not gone (docs.github.com, "Authenticating with SAML SSO"). */
static bool is_partial(const struct github *self, const struct sl_response *response)
{
    const char *sso = sl_response_header(response, "x-github-sso");

    return self->table && response->status == 200 && sso &&
           strncmp(sso, "partial-results", 15) == 0;
}

/* Answers that say something where their status alone would be a failure. */
static bool step_knows(const struct github *self, const struct sl_response *response,
                       const char *said)
{
    int status = response->status;
    bool slow = status == 502 || status == 504;
    bool rows =
        self->stage == GITHUB_PROBE || self->stage == GITHUB_WALK || self->stage == GITHUB_RECHECK;

    if (self->checking && (status == 403 || status == 404 || status == 409 || status == 410))
        return true;
    switch (self->stage) {
    case GITHUB_ASK_USER: /* an installation of an app is no user */
    case GITHUB_ASK_ORGS: return status == 403 || status == 404;
    case GITHUB_COMPARE: /* one is gone, they differ too much, or it takes too long */
        return status == 404 || status == 422 || status == 500 || slow;
    case GITHUB_PULL: return status == 404;
    default: break;
    }
    if (!rows || !self->table) return false;
    if (status == 409 && self->table->way == GITHUB_COMMITS) return strstr(said, "empty") != NULL;
    if (status == 410) return true;
    return slow && self->table->way == GITHUB_UPDATED && self->page_rows > PAGE_ROWS_MIN;
}

void github_classify(const void *task, const struct sl_response *response,
                     struct sl_verdict *verdict)
{
    const struct github *self = task;
    const char *said = sl_json_str(sl_json_get(response->json, "message"));
    int status = response->status;

    if (!said) said = "";
    sl_classify_status(response, "GitHub", said, verdict);
    if (status == 200 && !response->json) {
        verdict->kind = SL_VERDICT_RETRY;
        verdict->code = SL_BAD_DATA;
        snprintf(verdict->message, sizeof verdict->message, "GitHub answered 200 without JSON");
    } else if (is_partial(self, response)) {
        verdict->kind = SL_VERDICT_FAIL_TABLE;
        verdict->code = SL_PERMISSION;
        snprintf(verdict->message, sizeof verdict->message,
                 "GitHub leaves out organisations that want single sign-on (%.200s)",
                 sl_response_header(response, "x-github-sso"));
        hint(verdict, "Authorise the token for them, at https://github.com/settings/tokens. What "
                      "landed before stays.");
    } else if (status == 202) { /* it is being computed */
        verdict->kind = SL_VERDICT_RETRY;
        verdict->code = SL_SOURCE;
        snprintf(verdict->message, sizeof verdict->message, "GitHub is still computing this");
    } else if (status == 403 || status == 429) {
        refused(self, response, said, verdict);
        if (verdict->kind == SL_VERDICT_FAIL_TABLE && step_knows(self, response, said))
            verdict->kind = SL_VERDICT_OK;
    } else if (step_knows(self, response, said)) {
        verdict->kind = SL_VERDICT_OK;
    } else if (status == 401 && strcmp(said, "Bad credentials") != 0 && response->json &&
               strcmp(said, "Requires authentication") != 0) {
        verdict->kind = SL_VERDICT_RETRY; /* seen at random */
    } else if (status == 401) {
        hint(verdict, "The token is wrong, expired or revoked: make a new one at "
                      "https://github.com/settings/tokens.");
    } else if (status == 404) {
        hint(verdict, "It is not there, or the token may not see it: GitHub does not say which.");
    } else if (status >= 300 && status < 400) {
        hint(verdict, "The answer leads to another host. Check base_url.");
    } else if (status == 451) {
        verdict->code = SL_PERMISSION;
        hint(verdict, "GitHub blocks this repository for legal reasons: name it in "
                      "exclude_repositories.");
    }
}
