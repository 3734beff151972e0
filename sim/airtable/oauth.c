/*
 * oauth.c: POST /oauth2/v1/token. Each answer gives a new access token and a new refresh token, and
 * ends the old ones at once. The refresh token before the newest is told from a stranger: offered at
 * once after it was exchanged it is a conflict (409); offered later it was stolen, and everything is
 * revoked. An integration, a secret and a first refresh token are there from the start.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/time.h"
#include "sim/airtable/airtable.h"
#include "sim/text.h"

#define CLIENT_ID "launch-control-app"
#define CLIENT_SECRET "launch-control-app-0123456789abcdef"
#define ACCESS_SECONDS 3600
#define REFRESH_SECONDS 5184000
#define CONFLICT_SECONDS 10

static void token_text(const struct airtable *app, const char *kind, int64_t serial,
                       char out[AT_TOKEN_MAX])
{
    (void)snprintf(out, AT_TOKEN_MAX, "%s%lld.%016llx", kind, (long long)serial,
                   (unsigned long long)sim_mix(sim_hash(kind), app->seed + (uint64_t)serial));
}

void at_oauth_init(struct airtable *app)
{
    app->oauth = (struct at_oauth){.access_seconds = ACCESS_SECONDS,
                                   .conflict_seconds = CONFLICT_SECONDS,
                                   .rotates = true};
}

bool at_oauth_accepts(const struct airtable *app, const char *token)
{
    char good[AT_TOKEN_MAX];

    if (app->oauth.revoked || app->now_us >= app->oauth.access_until_us) return false;
    token_text(app, "oaa", app->oauth.access, good);
    return strcmp(token, good) == 0;
}

void at_oauth_connection(const struct airtable *app, struct sl_buf *out)
{
    char refresh[AT_TOKEN_MAX];

    token_text(app, "oar", app->oauth.refresh, refresh);
    sl_buf_addf(out,
                "\"client_id\":\"" CLIENT_ID "\",\"client_secret\":\"" CLIENT_SECRET
                "\",\"refresh_token\":\"%s\"",
                refresh);
}

static void refuse(struct sim_reply *reply, int status, const char *error, const char *said)
{
    reply->status = status;
    sl_buf_addf(reply->body, "{\"error\":\"%s\",\"error_description\":\"%s\"}", error, said);
}

static bool client_known(const struct sim_request *request)
{
    /* base64 of CLIENT_ID:CLIENT_SECRET */
    static const char good[] =
        "Basic bGF1bmNoLWNvbnRyb2wtYXBwOmxhdW5jaC1jb250cm9sLWFwcC0wMTIzNDU2Nz"
        "g5YWJjZGVm";
    const char *header = sim_request_header(request, "authorization");

    return header && strcmp(header, good) == 0;
}

static void give(struct airtable *app, struct sim_reply *reply)
{
    char access[AT_TOKEN_MAX], refresh[AT_TOKEN_MAX];

    token_text(app, "oaa", app->oauth.access, access);
    token_text(app, "oar", app->oauth.refresh, refresh);
    reply->status = 200;
    sl_buf_addf(reply->body,
                "{\"access_token\":\"%s\",\"refresh_token\":\"%s\",\"token_type\":\"Bearer\","
                "\"scope\":\"data.records:read schema.bases:read\",\"expires_in\":%lld,"
                "\"refresh_expires_in\":%d}",
                access, refresh, (long long)app->oauth.access_seconds, REFRESH_SECONDS);
}

static void exchange(struct airtable *app, struct sim_reply *reply)
{
    struct at_oauth *oauth = &app->oauth;

    oauth->access++;
    if (oauth->rotates) oauth->refresh++;
    oauth->given_us = app->now_us;
    oauth->access_until_us = app->now_us + oauth->access_seconds * SL_SECOND_US;
    give(app, reply);
}

void at_give_token(struct airtable *app, const struct sim_request *request, struct sim_reply *reply)
{
    struct at_oauth *oauth = &app->oauth;
    char type[40] = "", token[AT_TOKEN_MAX] = "", newest[AT_TOKEN_MAX], before[AT_TOKEN_MAX];
    struct sl_buf form = {0};
    int64_t since_us = app->now_us - oauth->given_us;

    sl_buf_add(&form, request->body, request->body_len);
    (void)sim_query_get(sl_buf_str(&form), "grant_type", type, sizeof type);
    (void)sim_query_get(sl_buf_str(&form), "refresh_token", token, sizeof token);
    sl_buf_release(&form);
    token_text(app, "oar", oauth->refresh, newest);
    token_text(app, "oar", oauth->refresh - 1, before);
    if (!client_known(request)) {
        refuse(reply, 401, "invalid_client", "Unknown client");
    } else if (strcmp(type, "refresh_token") != 0) {
        refuse(reply, 400, "unsupported_grant_type", "Unsupported grant type");
    } else if (!oauth->revoked && strcmp(token, newest) == 0) {
        exchange(app, reply);
    } else if (!oauth->revoked && oauth->rotates && oauth->refresh > 0 &&
               strcmp(token, before) == 0 && since_us < oauth->grace_seconds * SL_SECOND_US) {
        give(app, reply);
    } else if (!oauth->revoked && oauth->refresh > 0 && strcmp(token, before) == 0 &&
               since_us < oauth->conflict_seconds * SL_SECOND_US) {
        refuse(reply, 409, "conflict", "The token was refreshed a moment ago");
    } else {
        oauth->revoked = true;
        refuse(reply, 400, "invalid_grant", "The token is expired or revoked");
    }
}

static int64_t number(const struct sl_json *op, const char *key, int64_t preset)
{
    int64_t value;

    return sl_json_i64(sl_json_get(op, key), &value) ? value : preset;
}

enum sl_code at_do_oauth(struct airtable *app, const struct sl_json *op, int64_t now_us,
                         struct sl_error *error)
{
    struct at_oauth *oauth = &app->oauth;
    const struct sl_json *rotates = sl_json_get(op, "rotates");

    (void)now_us, (void)error;
    oauth->shown = true;
    oauth->access_seconds = number(op, "access_seconds", oauth->access_seconds);
    oauth->grace_seconds = number(op, "grace_seconds", oauth->grace_seconds);
    oauth->conflict_seconds = number(op, "conflict_seconds", oauth->conflict_seconds);
    if (rotates) oauth->rotates = sl_json_true(rotates);
    if (sl_json_true(sl_json_get(op, "expire"))) oauth->access_until_us = 0;
    if (sl_json_true(sl_json_get(op, "revoke"))) oauth->revoked = true;
    if (sl_json_true(sl_json_get(op, "authorise"))) {
        oauth->revoked = false;
        oauth->refresh += 2; /* nobody has seen the one before it */
    }
    return SL_OK;
}
