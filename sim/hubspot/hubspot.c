/* hubspot.c: routes, tokens, limits and errors. See hubspot.h. */
#include "sim/hubspot/hubspot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/time.h"
#include "sim/fault.h"
#include "sim/text.h"

#define PARTS_MAX 9
#define PART_MAX 128
#define URL_MAX 8192
#define DAILY_ALLOWED 250000
#define CLIENT_ID "11112222-demo"
#define CLIENT_SECRET "demo-client-secret"
#define REFRESH_TOKEN "na1-demo-refresh-0"

struct route {
    char parts[PARTS_MAX][PART_MAX];
    int count;
};

/* ---- errors ---- */

void hs_error(struct sim_reply *reply, int status, const char *category, const char *message)
{
    sl_buf_reset(reply->body);
    sl_buf_adds(reply->body, "{\"status\":\"error\",\"message\":");
    sim_json_text(reply->body, message);
    sl_buf_addf(reply->body,
                ",\"correlationId\":\"00000000-0000-4000-8000-000000000000\",\"category\":\"%s\"}",
                category);
    reply->status = status;
}

static void too_many(struct sim_reply *reply, const char *policy, const char *message)
{
    sl_buf_reset(reply->body);
    sl_buf_addf(reply->body,
                "{\"status\":\"error\",\"message\":\"%s\",\"errorType\":\"RATE_LIMIT\","
                "\"correlationId\":\"00000000-0000-4000-8000-000000000000\",\"policyName\":\"%s\"}",
                message, policy);
    reply->status = 429;
}

static void missing_scope(struct sim_reply *reply, const char *scope)
{
    sl_buf_reset(reply->body);
    sl_buf_addf(
        reply->body,
        "{\"status\":\"error\",\"message\":\"This app hasn't been granted all required scopes to "
        "make this call. Read more about required scopes here: "
        "https://developers.hubspot.com/scopes.\",\"correlationId\":"
        "\"00000000-0000-4000-8000-000000000000\",\"errors\":[{\"message\":\"One or more of the "
        "following scopes are required.\",\"context\":{\"requiredGranularScopes\":[\"%s\"]}}],"
        "\"links\":{\"scopes\":\"https://developers.hubspot.com/scopes\"},\"category\":"
        "\"MISSING_SCOPES\"}",
        scope);
    reply->status = 403;
}

static bool is_search(const struct sim_request *request)
{
    size_t len = strlen(request->path);

    return len > 7 && strcmp(request->path + len - 7, "/search") == 0;
}

static bool hubspot_fail(void *state, const char *name, const struct sim_fault *params,
                         const struct sim_request *request, struct sim_reply *reply)
{
    const char *daily = sim_fault_param(params, "policy");

    (void)state;
    if (strcmp(name, "429") == 0) {
        if (daily && strcmp(daily, "daily") == 0)
            too_many(reply, "DAILY", "You have reached your daily limit.");
        else if (is_search(request))
            too_many(reply, "SECONDLY", "You have reached your secondly limit.");
        else
            too_many(reply, "TEN_SECONDLY_ROLLING",
                     "You have reached your ten_secondly_rolling "
                     "limit.");
        return true;
    }
    if (strcmp(name, "401") == 0)
        hs_error(reply, 401, "INVALID_AUTHENTICATION",
                 "Authentication credentials not found. This API supports OAuth 2.0 authentication "
                 "and you can find more details at https://developers.hubspot.com/docs");
    else if (strcmp(name, "403") == 0)
        missing_scope(reply, "crm.objects.contacts.read");
    else if (strcmp(name, "404") == 0)
        hs_error(reply, 404, "OBJECT_NOT_FOUND", "resource not found");
    else if (strcmp(name, "500") == 0 || strcmp(name, "503") == 0 || strcmp(name, "504") == 0)
        hs_error(reply, (int)strtol(name, NULL, 10), "INTERNAL_ERROR", "internal error");
    else
        return false;
    return true;
}

/* ---- life ---- */

static void hubspot_destroy(void *state)
{
    struct hubspot *app = state;

    if (!app) return;
    for (int i = 0; i < app->type_count; i++) hs_type_release(&app->types[i]);
    sl_free(app);
}

static void *hubspot_create(const struct sim_options *options, struct sl_error *error)
{
    struct hubspot *app = sl_calloc(1, sizeof *app);

    if (!app) {
        (void)sl_fail(error, SL_NO_MEMORY, "could not make a portal");
        return NULL;
    }
    app->seed = options->seed;
    app->start_us = app->now_us = options->start_us;
    app->lifetime_s = 1800;
    app->unlimited = options->rate < 0;
    (void)snprintf(app->refresh_token, sizeof app->refresh_token, "%s", REFRESH_TOKEN);
    if (hs_fill(app, options, error)) {
        hubspot_destroy(app);
        return NULL;
    }
    return app;
}

/* ---- requests ---- */

/* "/crm/objects/2026-03/contacts" is "/crm/v3/objects/contacts". */
static void undate(struct route *route)
{
    char *a = route->parts[1], *b = route->parts[2];

    if (route->count < 3 || strlen(b) != 7 || strspn(b, "0123456789") != 4 || b[4] != '-') return;
    if (strcmp(route->parts[0], "crm") != 0) return;
    memmove(b, a, PART_MAX);
    (void)snprintf(a, PART_MAX, "%s", strcmp(b, "associations") == 0 ? "v4" : "v3");
}

static bool read_route(const char *path, struct route *route)
{
    *route = (struct route){0};
    while (*path == '/') {
        size_t len = strcspn(++path, "/");

        if (len == 0 && !*path) break;
        if (route->count == PARTS_MAX || len == 0 || len >= PART_MAX) return false;
        memcpy(route->parts[route->count++], path, len);
        path += len;
    }
    undate(route);
    return *path == '\0';
}

static bool at(const struct route *route, int count, const char *a, const char *b, const char *c)
{
    return route->count == count && strcmp(route->parts[0], a) == 0 &&
           strcmp(route->parts[1], b) == 0 && strcmp(route->parts[2], c) == 0;
}

static enum sl_code hubspot_look(void *state, const struct sim_request *request,
                                 struct sim_look *out, struct sl_error *error)
{
    struct hubspot *app = state;
    struct route route;
    char after[64];

    (void)error;
    app->now_us = request->now_us;
    if (!read_route(request->path, &route)) return SL_OK;
    if (route.count == 3 && strcmp(route.parts[0], "oauth") == 0) return SL_OK;
    (void)snprintf(out->counts[0].key, sizeof out->counts[0].key, "app");
    out->counts[0].rate = HS_BURST;
    out->counts[0].window_us = HS_BURST_US;
    if (is_search(request)) {
        (void)snprintf(out->counts[1].key, sizeof out->counts[1].key, "search");
        out->counts[1].rate = HS_SEARCHES;
        out->counts[1].window_us = SL_SECOND_US;
    }
    if (route.count < 4 || strcmp(route.parts[2], "objects") != 0) return SL_OK;
    struct hs_type *type = hs_type_of(app, route.parts[3]);

    if (!type) return SL_OK;
    (void)snprintf(out->table, sizeof out->table, "%s", type->type_id);
    (void)snprintf(out->table_name, sizeof out->table_name, "%s", type->name);
    if (route.count == 4) {
        out->page = 1;
        if (sim_query_get(request->query, "after", after, sizeof after)) out->page = 2;
    } else if (is_search(request)) {
        out->page = 1;
    }
    return SL_OK;
}

/* ---- tokens ---- */

static void expired(struct sim_reply *reply)
{
    hs_error(reply, 401, "EXPIRED_AUTHENTICATION",
             "The OAuth token used to make this call expired 0 second(s) ago.");
}

static bool authorised(const struct hubspot *app, const struct sim_request *request,
                       struct sim_reply *reply)
{
    const char *given = sim_request_header(request, "authorization");

    if (given && strncmp(given, "Bearer ", 7) == 0) {
        given += 7;
        if (strcmp(given, HS_TOKEN) == 0 && !app->revoked) return true;
        for (int i = 0; i < HS_TOKENS_MAX; i++) {
            if (!app->tokens[i].text[0] || strcmp(app->tokens[i].text, given) != 0) continue;
            if (app->tokens[i].expires_us > app->now_us) return true;
            expired(reply);
            return false;
        }
    }
    hs_error(reply, 401, "INVALID_AUTHENTICATION",
             "Authentication credentials not found. This API supports OAuth 2.0 authentication and "
             "you can find more details at https://developers.hubspot.com/docs");
    return false;
}

static void bad_grant(struct sim_reply *reply, const char *status, const char *message)
{
    const char *error = strcmp(status, "BAD_CLIENT_SECRET") == 0 ? "invalid_client"
                        : strcmp(status, "BAD_GRANT_TYPE") == 0  ? "unsupported_grant_type"
                                                                 : "invalid_grant";

    sl_buf_addf(reply->body,
                "{\"error\":\"%s\",\"error_description\":\"%s\",\"status\":\"%s\","
                "\"message\":\"%s\",\"correlationId\":\"0\"}",
                error, message, status, message);
    reply->status = 400;
}

/* POST /oauth/2026-03/token, a form: a new access token, and perhaps another refresh token. */
static void give_token(struct hubspot *app, const struct sim_request *request,
                       struct sim_reply *reply)
{
    char form[2048], grant[40] = "", client[64] = "", secret[64] = "", refresh[64] = "";
    struct hs_token *token = &app->tokens[app->refreshes % HS_TOKENS_MAX];

    (void)snprintf(form, sizeof form, "%.*s", (int)request->body_len,
                   request->body ? request->body : "");
    (void)sim_query_get(form, "grant_type", grant, sizeof grant);
    (void)sim_query_get(form, "client_id", client, sizeof client);
    (void)sim_query_get(form, "client_secret", secret, sizeof secret);
    (void)sim_query_get(form, "refresh_token", refresh, sizeof refresh);
    if (strcmp(grant, "refresh_token") != 0) {
        bad_grant(reply, "BAD_GRANT_TYPE", "missing or unknown grant_type");
        return;
    }
    if (strcmp(client, CLIENT_ID) != 0 || strcmp(secret, CLIENT_SECRET) != 0) {
        bad_grant(reply, "BAD_CLIENT_SECRET", "missing or invalid client secret");
        return;
    }
    if (strcmp(refresh, app->refresh_token) != 0) {
        bad_grant(reply, "BAD_REFRESH_TOKEN", "missing or invalid refresh token");
        return;
    }
    app->refreshes++;
    (void)snprintf(token->text, sizeof token->text, "demo-access-%d", app->refreshes);
    token->expires_us = app->now_us + app->lifetime_s * SL_SECOND_US;
    if (app->rotate)
        (void)snprintf(app->refresh_token, sizeof app->refresh_token, "na1-demo-refresh-%d",
                       app->refreshes);
    sl_buf_addf(reply->body,
                "{\"token_type\":\"bearer\",\"refresh_token\":\"%s\",\"access_token\":\"%s\","
                "\"expires_in\":%" PRId64 "}",
                app->refresh_token, token->text, app->lifetime_s);
}

/* ---- limits ---- */

/* Counts the call; false: the account's day is used up. */
static bool within_day(struct hubspot *app, struct sim_reply *reply)
{
    int64_t today = (app->now_us + HS_OFFSET_US) / SL_DAY_US;

    if (today != app->today) app->used_today = 0;
    app->today = today;
    if (app->daily_quota > 0 && app->used_today >= app->daily_quota) {
        too_many(reply, "DAILY", "You have reached your daily limit.");
        return false;
    }
    app->used_today++;
    return true;
}

static void put_limits(struct hubspot *app, const struct sim_request *request,
                       struct sim_reply *reply)
{
    int64_t allowed = app->daily_quota > 0 ? app->daily_quota : DAILY_ALLOWED;
    char text[24];
    int used = 0;

    if (app->unlimited) return;
    app->recent[app->recent_at++ % HS_BURST] = app->now_us;
    if (is_search(request)) return; /* a search shows none of them */
    for (int i = 0; i < HS_BURST; i++)
        used += app->recent[i] > 0 && app->recent[i] > app->now_us - HS_BURST_US;
    (void)snprintf(text, sizeof text, "%" PRId64, allowed);
    sim_reply_header(reply, "x-hubspot-ratelimit-daily", text);
    (void)snprintf(text, sizeof text, "%" PRId64, allowed - app->used_today);
    sim_reply_header(reply, "x-hubspot-ratelimit-daily-remaining", text);
    (void)snprintf(text, sizeof text, "%d", HS_BURST);
    sim_reply_header(reply, "x-hubspot-ratelimit-max", text);
    (void)snprintf(text, sizeof text, "%d", HS_BURST - used);
    sim_reply_header(reply, "x-hubspot-ratelimit-remaining", text);
    sim_reply_header(reply, "x-hubspot-ratelimit-interval-milliseconds", "10000");
}

/* ---- routes ---- */

static void put_property(const struct hs_property *p, struct sl_buf *out)
{
    sl_buf_adds(out, "{\"name\":");
    sim_json_text(out, p->name);
    sl_buf_adds(out, ",\"label\":");
    sim_json_text(out, p->label);
    sl_buf_addf(out,
                ",\"type\":\"%s\",\"fieldType\":\"%s\",\"description\":\"\",\"groupName\":"
                "\"information\",\"options\":[],\"displayOrder\":-1,\"calculated\":%s,"
                "\"externalOptions\":false,\"hasUniqueValue\":false,\"hidden\":false,"
                "\"hubspotDefined\":true,\"modificationMetadata\":{\"archivable\":true,"
                "\"readOnlyDefinition\":true,\"readOnlyValue\":false},\"formField\":true}",
                p->type, p->field_type, p->calculated ? "true" : "false");
}

static void put_properties(const struct hs_type *type, struct sl_buf *out)
{
    const char *comma = "";

    sl_buf_adds(out, "{\"results\":[");
    for (size_t i = 0; i < type->property_count; i++) {
        if (type->properties[i].archived) continue;
        sl_buf_adds(out, comma);
        comma = ",";
        put_property(&type->properties[i], out);
    }
    sl_buf_adds(out, "]}");
}

static void put_schema(struct hubspot *app, const struct hs_type *type, struct sl_buf *out)
{
    sl_buf_addf(out,
                "{\"id\":\"%s\",\"objectTypeId\":\"%s\",\"fullyQualifiedName\":\"%s\",\"name\":"
                "\"%s\",\"labels\":{\"singular\":\"%s\",\"plural\":\"All %s\"},"
                "\"requiredProperties\":[],\"searchableProperties\":[],"
                "\"primaryDisplayProperty\":\"hs_object_id\",\"properties\":[],\"archived\":false,"
                "\"associations\":[",
                type->type_id + 2, type->type_id, type->qualified, type->name, type->name,
                type->name);
    for (int t = 0; t < HS_TARGETS_MAX && type->targets[t]; t++) {
        const struct hs_type *to = hs_type_of(app, type->targets[t]);
        sl_buf_addf(out,
                    "%s{\"id\":\"%d\",\"fromObjectTypeId\":\"%s\",\"toObjectTypeId\":\"%s\","
                    "\"name\":\"%s_to_%s\"}",
                    t ? "," : "", t + 1, type->type_id, to ? to->type_id : "0-1", type->name,
                    type->targets[t]);
    }
    sl_buf_adds(out, "]}");
}

static void put_schemas(struct hubspot *app, struct sim_reply *reply)
{
    const char *comma = "";

    if (app->no_custom) {
        missing_scope(reply, "crm.schemas.custom.read");
        return;
    }
    sl_buf_adds(reply->body, "{\"results\":[");
    for (int i = 0; i < app->type_count; i++) {
        if (!app->types[i].custom) continue;
        sl_buf_adds(reply->body, comma);
        comma = ",";
        put_schema(app, &app->types[i], reply->body);
    }
    sl_buf_adds(reply->body, "]}");
}

static void put_owners(struct hubspot *app, const struct sim_request *request,
                       struct sim_reply *reply)
{
    int64_t limit, after;
    int i;

    if (!hs_list_query(request, 500, &limit, &after, reply)) return;
    sl_buf_adds(reply->body, "{\"results\":[");
    for (i = (int)after; i < app->owners && i < after + limit; i++) {
        if (i > after) sl_buf_addc(reply->body, ',');
        hs_put_owner(app, i, reply->body);
    }
    sl_buf_addc(reply->body, ']');
    if (i < app->owners) hs_put_next(reply, request, i);
    sl_buf_addc(reply->body, '}');
}

static void put_details(struct sim_reply *reply)
{
    sl_buf_adds(reply->body,
                "{\"portalId\":" HS_PORTAL ",\"accountType\":\"STANDARD\",\"timeZone\":"
                "\"US/Eastern\",\"companyCurrency\":\"USD\",\"additionalCurrencies\":[],"
                "\"utcOffset\":\"-05:00\",\"utcOffsetMilliseconds\":-18000000,\"uiDomain\":"
                "\"app.hubspot.com\",\"dataHostingLocation\":\"na1\"}");
}

static void not_found(struct sim_reply *reply)
{
    hs_error(reply, 404, "OBJECT_NOT_FOUND", "Unable to infer object type from the path");
}

/* An object that may be read; NULL: an error was written. */
static struct hs_type *type_at(struct hubspot *app, const char *name, struct sim_reply *reply)
{
    struct hs_type *type = hs_type_of(app, name);

    if (!type) {
        not_found(reply);
        return NULL;
    }
    if (type->forbidden) {
        missing_scope(reply, type->scope);
        return NULL;
    }
    return type;
}

/* /crm/v3/objects/{type}/... */
static enum sl_code objects(struct hubspot *app, const struct route *r,
                            const struct sim_request *request, struct sim_reply *reply,
                            struct sl_error *error)
{
    struct hs_type *type = type_at(app, r->parts[3], reply), *to;
    bool post = strcmp(request->method, "POST") == 0;

    if (!type) return SL_OK;
    if (r->count == 4 && !post)
        hs_list(app, type, request, reply);
    else if (r->count == 5 && post && strcmp(r->parts[4], "search") == 0)
        return hs_search(app, type, request, reply, error);
    else if (r->count == 6 && post && strcmp(r->parts[4], "batch") == 0)
        return hs_batch_read(app, type, request, reply, error);
    else if (r->count == 5 && !post)
        hs_single(app, type, r->parts[4], request, reply);
    else if (r->count == 7 && !post && (to = type_at(app, r->parts[6], reply)))
        hs_links_of(app, type, r->parts[4], to, r->parts[1][1] - '0', request, reply);
    else if (reply->status == 200)
        not_found(reply);
    return SL_OK;
}

static enum sl_code answer(struct hubspot *app, const struct route *r,
                           const struct sim_request *request, struct sim_reply *reply,
                           struct sl_error *error)
{
    struct hs_type *from, *to;

    if (at(r, 3, "account-info", "v3", "details")) {
        put_details(reply);
    } else if (at(r, 3, "crm-object-schemas", "v3", "schemas") ||
               at(r, 3, "crm", "v3", "schemas")) {
        put_schemas(app, reply);
    } else if (at(r, 3, "crm", "v3", "owners")) {
        put_owners(app, request, reply);
    } else if (at(r, 4, "crm", "v3", "properties")) {
        from = type_at(app, r->parts[3], reply);
        if (from) put_properties(from, reply->body);
    } else if (at(r, 4, "crm", "v3", "pipelines")) {
        sl_buf_adds(reply->body, "{\"results\":");
        hs_put_pipelines(app, r->parts[3], reply->body);
        sl_buf_addc(reply->body, '}');
    } else if (r->count >= 4 && strcmp(r->parts[0], "crm") == 0 &&
               strcmp(r->parts[2], "objects") == 0) {
        return objects(app, r, request, reply, error);
    } else if (at(r, 7, "crm", "v4", "associations")) {
        from = type_at(app, r->parts[3], reply);
        to = from ? type_at(app, r->parts[4], reply) : NULL;
        if (to) return hs_links_batch(app, from, to, request, reply, error);
    } else {
        not_found(reply);
    }
    return SL_OK;
}

static enum sl_code hubspot_handle(void *state, const struct sim_request *request,
                                   struct sim_reply *reply, struct sl_error *error)
{
    struct hubspot *app = state;
    struct route route;

    if (strlen(request->raw_path) + strlen(request->query) > URL_MAX) {
        sl_buf_adds(reply->body, "<html><body><h1>414 Request-URI Too Large</h1></body></html>");
        reply->content_type = "text/html";
        reply->status = 414;
        return SL_OK;
    }
    if (!read_route(request->path, &route)) {
        not_found(reply);
        return SL_OK;
    }
    if (at(&route, 3, "oauth", "2026-03", "token")) {
        give_token(app, request, reply);
        return SL_OK;
    }
    if (!authorised(app, request, reply) || !within_day(app, reply)) return SL_OK;
    put_limits(app, request, reply);
    return answer(app, &route, request, reply, error);
}

static enum sl_code hubspot_connection(void *state, const char *base_url, struct sl_buf *out,
                                       struct sl_error *error)
{
    const struct hubspot *app = state;

    (void)error;
    sl_buf_addf(out, "{\"base_url\":\"%s\",\"access_token\":\"%s\"%s}", base_url, HS_TOKEN,
                app->unlimited
                    ? ",\"requests_per_10_seconds\":1000000,\"searches_per_second\":1000000"
                    : "");
    return SL_OK;
}

const struct sim_app sim_app_hubspot = {
    .name = "hubspot",
    .summary = "a HubSpot portal: CRM objects, associations, search, owners, pipelines",
    .create = hubspot_create,
    .destroy = hubspot_destroy,
    .look = hubspot_look,
    .handle = hubspot_handle,
    .fail = hubspot_fail,
    .has_op = hs_has_op,
    .operate = hs_operate,
    .truth = hs_truth,
    .connection = hubspot_connection,
};
