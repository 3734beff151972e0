/*
 * oauth.c: access tokens, by client credentials or by a refresh token. A refresh token serves once:
 * with the answer come a new one and a new access token, and the old ones are void.
 */
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "sim/text.h"
#include "sim/zendesk/zendesk.h"

struct grant {
    char type[40], id[80], secret[80], refresh[80];
};

static void copy_text(const struct sl_json *json, const char *name, char *out, size_t cap)
{
    const char *text = sl_json_str(sl_json_get(json, name));

    (void)snprintf(out, cap, "%s", text ? text : "");
}

static enum sl_code read_grant(struct zendesk *app, const struct sim_request *request,
                               struct grant *grant, struct sl_error *error)
{
    const char *type = sim_request_header(request, "content-type");
    struct sl_buf body = {0};

    *grant = (struct grant){0};
    if (type && strstr(type, "json")) {
        const struct sl_json *json;
        enum sl_code rc =
            sl_doc_parse_copy(app->doc, request->body, request->body_len, &json, error);
        if (rc) return rc == SL_NO_MEMORY ? rc : SL_OK;
        copy_text(json, "grant_type", grant->type, sizeof grant->type);
        copy_text(json, "client_id", grant->id, sizeof grant->id);
        copy_text(json, "client_secret", grant->secret, sizeof grant->secret);
        copy_text(json, "refresh_token", grant->refresh, sizeof grant->refresh);
        return SL_OK;
    }
    sl_buf_add(&body, request->body, request->body_len);
    (void)sim_query_get(sl_buf_str(&body), "grant_type", grant->type, sizeof grant->type);
    (void)sim_query_get(sl_buf_str(&body), "client_id", grant->id, sizeof grant->id);
    (void)sim_query_get(sl_buf_str(&body), "client_secret", grant->secret, sizeof grant->secret);
    (void)sim_query_get(sl_buf_str(&body), "refresh_token", grant->refresh, sizeof grant->refresh);
    sl_buf_release(&body);
    return SL_OK;
}

static void refuse(struct sim_reply *reply, int status, const char *error, const char *said)
{
    reply->status = status;
    sl_buf_addf(reply->body, "{\"error\":\"%s\",\"error_description\":\"%s\"}", error, said);
}

/* The token that this refresh token came with; NULL: none, or it was used. */
static struct zd_token *find_refresh(struct zendesk *app, const char *refresh)
{
    for (size_t i = 0; i < app->token_count; i++)
        if (app->tokens[i].refresh[0] && strcmp(app->tokens[i].refresh, refresh) == 0)
            return &app->tokens[i];
    return NULL;
}

static struct zd_token *new_token(struct zendesk *app)
{
    if (app->token_count == ZD_TOKENS_MAX) {
        memmove(app->tokens, app->tokens + 1, (ZD_TOKENS_MAX - 1) * sizeof *app->tokens);
        app->token_count--;
    }
    return &app->tokens[app->token_count++];
}

enum sl_code zd_give_token(struct zendesk *app, const struct sim_request *request,
                           struct sim_reply *reply, struct sl_error *error)
{
    struct grant grant;
    struct zd_token *token;
    bool renew;
    enum sl_code rc = read_grant(app, request, &grant, error);

    if (rc) return rc;
    renew = strcmp(grant.type, "refresh_token") == 0;
    if (strcmp(grant.id, ZD_CLIENT_ID) != 0 || strcmp(grant.secret, ZD_CLIENT_SECRET) != 0) {
        refuse(reply, 401, "invalid_client", "Client authentication failed");
        return SL_OK;
    }
    if (!renew && strcmp(grant.type, "client_credentials") != 0) {
        refuse(reply, 400, "unsupported_grant_type", "The grant type is not supported");
        return SL_OK;
    }
    token = renew ? find_refresh(app, grant.refresh) : new_token(app);
    if (!token) {
        refuse(reply, 400, "invalid_grant", "The refresh token is invalid, expired or revoked");
        return SL_OK;
    }
    app->tokens_made++;
    *token = (struct zd_token){.until_us = request->now_us + app->token_seconds * SL_SECOND_US};
    (void)snprintf(token->access, sizeof token->access, "zd-access-%016llx",
                   (unsigned long long)sim_mix(app->seed, app->tokens_made));
    if (renew)
        (void)snprintf(token->refresh, sizeof token->refresh, "zd-refresh-%llu",
                       (unsigned long long)app->tokens_made);
    sl_buf_addf(reply->body,
                "{\"access_token\":\"%s\",\"token_type\":\"bearer\",\"scope\":\"read\","
                "\"expires_in\":%lld",
                token->access, (long long)app->token_seconds);
    if (renew)
        sl_buf_addf(reply->body, ",\"refresh_token\":\"%s\",\"refresh_token_expires_in\":7776000",
                    token->refresh);
    sl_buf_adds(reply->body, "}");
    return SL_OK;
}

bool zd_token_holds(const struct zendesk *app, const char *token, int64_t now_us)
{
    for (size_t i = 0; i < app->token_count; i++)
        if (app->tokens[i].access[0] && strcmp(app->tokens[i].access, token) == 0)
            return now_us < app->tokens[i].until_us;
    return false;
}
