/* admit.c: who may ask, how often, and what is refused; ETags. */
#include "sim/github/github.h"

#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "sim/fault.h"
#include "sim/text.h"

#define HOUR_US (INT64_C(3600) * SL_SECOND_US)
#define DOCS "https://docs.github.example/rest"

void gh_reply_error(struct sim_reply *reply, int status, const char *message)
{
    sl_buf_reset(reply->body);
    sl_buf_adds(reply->body, "{\"message\":");
    sim_json_text(reply->body, message);
    sl_buf_addf(reply->body, ",\"documentation_url\":\"" DOCS "\",\"status\":\"%d\"}", status);
    reply->status = status;
}

static void reply_secondary(struct sim_reply *reply, int status)
{
    char wait[16];

    sl_buf_reset(reply->body);
    sl_buf_adds(
        reply->body,
        "{\"message\":\"You have exceeded a secondary rate limit. Please wait a few minutes "
        "before you try again.\",\"documentation_url\":\"" DOCS
        "/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits\"}");
    reply->status = status;
    snprintf(wait, sizeof wait, "%d", GH_SECONDARY_PENALTY_S);
    sim_reply_header(reply, "retry-after", wait);
}

void gh_put_limit_headers(const struct github *app, struct sim_reply *reply)
{
    char text[32];
    int64_t left = app->limit > app->used ? app->limit - app->used : 0;

    snprintf(text, sizeof text, "%lld", (long long)app->limit);
    sim_reply_header(reply, "x-ratelimit-limit", text);
    snprintf(text, sizeof text, "%lld", (long long)left);
    sim_reply_header(reply, "x-ratelimit-remaining", text);
    snprintf(text, sizeof text, "%lld", (long long)app->used);
    sim_reply_header(reply, "x-ratelimit-used", text);
    snprintf(text, sizeof text, "%lld",
             (long long)((app->resets_us ? app->resets_us : app->now_us + HOUR_US) / SL_SECOND_US));
    sim_reply_header(reply, "x-ratelimit-reset", text);
    sim_reply_header(reply, "x-ratelimit-resource", "core");
}

bool gh_fail(void *state, const char *name, const struct sim_fault *params,
             const struct sim_request *request, struct sim_reply *reply)
{
    struct github *app = state;
    const char *shape = sim_fault_param(params, "shape");

    (void)request;
    if (strcmp(name, "429") == 0 && shape && strcmp(shape, "primary") == 0) {
        int64_t used = app->used;
        app->used = app->limit;
        if (!app->resets_us) app->resets_us = app->now_us + HOUR_US;
        gh_put_limit_headers(app, reply);
        app->used = used;
        gh_reply_error(reply, 403, "API rate limit exceeded for user ID 9000101.");
    } else if (strcmp(name, "429") == 0) {
        reply_secondary(reply, shape && strcmp(shape, "403") == 0 ? 403 : 429);
    } else if (strcmp(name, "401") == 0) {
        gh_reply_error(reply, 401, "Bad credentials");
    } else if (strcmp(name, "403") == 0) {
        gh_reply_error(reply, 403, "Resource not accessible by personal access token");
    } else if (strcmp(name, "404") == 0) {
        gh_reply_error(reply, 404, "Not Found");
    } else if (strcmp(name, "500") == 0 || strcmp(name, "503") == 0) {
        gh_reply_error(reply, name[2] - '0' + 500, "Server Error");
    } else {
        return false;
    }
    return true;
}

/* True: the request may go on. */
bool gh_admitted(struct github *app, const struct sim_request *request, struct sim_reply *reply)
{
    const char *agent = sim_request_header(request, "user-agent");
    const char *given = sim_request_header(request, "authorization");
    const char *version = sim_request_header(request, "x-github-api-version");
    const char *token = given ? strchr(given, ' ') : NULL;

    if (!agent || !*agent) {
        sl_buf_adds(reply->body, "<p>Request forbidden by administrative rules. Please make sure "
                                 "your request has a User-Agent header.</p>\n");
        reply->content_type = "text/html";
        reply->status = 403;
    } else if (!token || app->revoked || strcmp(token + 1, app->token) != 0) {
        gh_reply_error(reply, 401, "Bad credentials");
    } else if (version && strcmp(version, "2022-11-28") && strcmp(version, "2026-03-10")) {
        gh_reply_error(reply, 400, "This version of the API is not supported");
    } else {
        app->modern = version && strcmp(version, "2026-03-10") == 0;
        return true;
    }
    return false;
}

bool gh_within_limit(struct github *app, struct sim_reply *reply)
{
    if (app->resets_us && app->now_us >= app->resets_us) app->resets_us = 0, app->used = 0;
    if (app->used < app->limit) {
        if (!app->resets_us) app->resets_us = (app->now_us / SL_SECOND_US + 3600) * SL_SECOND_US;
        app->used++;
        if (app->used > app->used_max) app->used_max = app->used;
        return true;
    }
    gh_reply_error(reply, 403, "API rate limit exceeded for user ID 9000101.");
    return false;
}

/* A 200 gets an ETag; who has it already gets a 304, which does not count. */
void gh_conditional(struct github *app, const struct sim_request *request, struct sim_reply *reply)
{
    const char *known = sim_request_header(request, "if-none-match");
    uint64_t hash = sim_mix(sim_hash(sl_buf_str(reply->body)), sim_hash(request->query));
    char etag[80];

    if (reply->status != 200) return;
    snprintf(etag, sizeof etag, "W/\"%016llx%016llx%016llx%016llx\"", (unsigned long long)hash,
             (unsigned long long)sim_mix(hash, 1), (unsigned long long)sim_mix(hash, 2),
             (unsigned long long)sim_mix(hash, 3));
    sim_reply_header(reply, "etag", etag);
    if (!known) return;
    app->conditional++;
    if (strcmp(known, etag) != 0) return;
    app->unchanged++;
    app->used--;
    sl_buf_reset(reply->body);
    reply->status = 304;
}

void gh_put_rate_limit(const struct github *app, struct sl_buf *out)
{
    sl_buf_addf(out,
                "{\"resources\":{\"core\":{\"limit\":%lld,\"used\":%lld,\"remaining\":%lld,"
                "\"reset\":%lld}}}",
                (long long)app->limit, (long long)app->used, (long long)(app->limit - app->used),
                (long long)(app->resets_us / SL_SECOND_US));
}
