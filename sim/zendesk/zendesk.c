/* zendesk.c: life, limits, who may ask, routes. See docs/simulators.md. */
#include "sim/zendesk/zendesk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/time.h"
#include "sim/fault.h"
#include "sim/text.h"

#define ACCOUNT_A_MINUTE 200 /* of the smallest plan */
#define EXPORTS_A_MINUTE 10
#define MINUTE_US (60 * SL_SECOND_US)
#define TOKEN_SECONDS 1800

static void zendesk_destroy(void *state)
{
    struct zendesk *app = state;

    if (!app) return;
    for (int t = 0; t < ZD_TABLES; t++) zd_rows_release(&app->tables[t]);
    sl_doc_free(app->doc);
    sl_free(app);
}

static void *zendesk_create(const struct sim_options *options, struct sl_error *error)
{
    struct zendesk *app = sl_calloc(1, sizeof *app);

    if (!app || !(app->doc = sl_doc_new(0))) {
        (void)sl_fail(error, SL_NO_MEMORY, "could not make the Zendesk simulator");
        zendesk_destroy(app);
        return NULL;
    }
    app->unlimited = options->rate < 0;
    app->seed = options->seed;
    app->start_s = options->start_us / SL_SECOND_US;
    app->token_seconds = TOKEN_SECONDS;
    app->tokens[0] = (struct zd_token){.refresh = ZD_REFRESH_TOKEN};
    app->token_count = 1;
    if (zd_seed(app, options->kind, options->records, error)) {
        zendesk_destroy(app);
        return NULL;
    }
    return app;
}

static enum sl_code zendesk_connection(void *state, const char *base_url, struct sl_buf *out,
                                       struct sl_error *error)
{
    const struct zendesk *app = state;

    sl_buf_addf(out,
                "{\"subdomain\":\"" ZD_SUBDOMAIN "\",\"email\":\"" ZD_EMAIL
                "\",\"api_token\":\"" ZD_API_TOKEN "\",\"base_url\":\"%s\"%s}",
                base_url,
                app->unlimited ? ",\"requests_per_minute\":100000,\"exports_per_minute\":100000"
                               : "");
    return sl_buf_failed(out) ? sl_fail(error, SL_NO_MEMORY, "could not describe a connection")
                              : SL_OK;
}

/* ------------------------------------------------------------------ failures */

void zd_refuse(struct sim_reply *reply, int status, const char *error, const char *description)
{
    sl_buf_reset(reply->body);
    reply->status = status;
    sl_buf_addf(reply->body, "{\"error\":\"%s\",\"description\":\"%s\"}", error, description);
}

static bool is_export(const char *path)
{
    return strstr(path, "/incremental/") != NULL;
}

static bool zendesk_fail(void *state, const char *name, const struct sim_fault *params,
                         const struct sim_request *request, struct sim_reply *reply)
{
    (void)state;
    if (strcmp(name, "401") == 0) {
        zd_refuse(reply, 401, "Couldn't authenticate you", "The credentials are wrong");
    } else if (strcmp(name, "403") == 0) {
        reply->status = 403;
        sl_buf_reset(reply->body);
        sl_buf_adds(reply->body, "{\"error\":{\"title\":\"Forbidden\",\"message\":"
                                 "\"You do not have access to this page.\"}}");
    } else if (strcmp(name, "404") == 0) {
        zd_refuse(reply, 404, "RecordNotFound", "Not found");
    } else if (strcmp(name, "429") == 0) {
        zd_refuse(reply, 429, "APIRateLimitExceeded",
                  is_export(request->path)
                      ? "Number of allowed incremental export API requests per minute exceeded"
                      : "Number of allowed API requests per minute exceeded");
        if (!params || !sim_fault_param(params, "retry_after"))
            sim_reply_header(reply, "retry-after", params ? "3" : "60");
    } else if (strcmp(name, "504") == 0) {
        sl_buf_reset(reply->body);
        reply->status = 504;
        reply->content_type = "text/plain";
        sl_buf_adds(reply->body, "upstream request timeout");
    } else {
        return false;
    }
    return true;
}

/* ------------------------------------------------------------------ who asks */

static bool authorised(const struct zendesk *app, const struct sim_request *request)
{
    const char *header = sim_request_header(request, "authorization");
    char plain[300], wanted[160];

    if (!header) return false;
    if (strncmp(header, "Bearer ", 7) == 0) return zd_token_holds(app, header + 7, request->now_us);
    if (strncmp(header, "Basic ", 6) != 0 || app->retired ||
        !zd_unbase64(header + 6, plain, sizeof plain))
        return false;
    (void)snprintf(wanted, sizeof wanted, ZD_EMAIL "/token:" ZD_API_TOKEN);
    return strcmp(plain, wanted) == 0;
}

/* "/api/v2/incremental/tickets/cursor.json" into "incremental/tickets/cursor". */
static bool route_of(const struct sim_request *request, char out[160])
{
    const char *path = request->path;
    size_t len;

    if (strncmp(path, "/api/v2/", 8) != 0) return false;
    (void)snprintf(out, 160, "%.150s", path + 8);
    len = strlen(out);
    if (len > 5 && strcmp(out + len - 5, ".json") == 0) out[len - 5] = '\0';
    return true;
}

/* The table that a route lists, or -1. */
static int listed_by(const char *route)
{
    const char *last = strrchr(route, '/');
    int table = zd_find_name(last ? last + 1 : route);
    bool help = strncmp(route, "help_center/", 12) == 0;
    bool community = strncmp(route, "community/", 10) == 0;

    switch (table) {
    case ZD_ARTICLES:
    case ZD_SECTIONS:
    case ZD_CATEGORIES: return help ? table : -1;
    case ZD_TOPICS:
    case ZD_POSTS: return community ? table : -1;
    case ZD_EVENTS:
    case ZD_METRIC_EVENTS: return -1;
    default: return last ? -1 : table;
    }
}

static enum sl_code zendesk_look(void *state, const struct sim_request *request,
                                 struct sim_look *out, struct sl_error *error)
{
    struct zendesk *app = state;
    char route[160], page[100];
    int table = -1;

    (void)error;
    if (!route_of(request, route)) return SL_OK; /* tokens are given without a limit */
    out->counts[0] = (struct sim_count){.key = "account",
                                        .rate = app->account_limit ? (double)app->account_limit
                                                                   : ACCOUNT_A_MINUTE,
                                        .window_us = MINUTE_US};
    if (is_export(request->path) || strcmp(route, "deleted_tickets") == 0)
        out->counts[1] = (struct sim_count){.rate = app->export_limit ? (double)app->export_limit
                                                                      : EXPORTS_A_MINUTE,
                                            .window_us = MINUTE_US};
    (void)snprintf(out->counts[1].key, sizeof out->counts[1].key, "%s",
                   is_export(request->path)  ? "incremental"
                   : out->counts[1].rate > 0 ? "deleted_tickets"
                                             : "");
    if (is_export(request->path)) {
        char *name = strstr(route, "incremental/") + 12;
        name[strcspn(name, "/")] = '\0';
        table = zd_find_name(name);
        out->page = sim_query_get(request->query, "cursor", page, sizeof page) ? 2 : 1;
    } else {
        table = listed_by(route);
        out->page = sim_query_get(request->query, "page[after]", page, sizeof page) ? 2 : 1;
    }
    if (table < 0) return SL_OK;
    (void)snprintf(out->table, sizeof out->table, "%s", zd_name((enum zd_table)table));
    (void)snprintf(out->table_name, sizeof out->table_name, "%s", out->table);
    return SL_OK;
}

/* ------------------------------------------------------------------ routes */

static void put_me(const struct zendesk *app, struct sl_buf *out)
{
    sl_buf_addf(out,
                "{\"user\":{\"id\":%lld,\"name\":\"Ada Amberley\",\"email\":\"" ZD_EMAIL
                "\",\"role\":\"%s\",\"active\":true,\"verified\":true,\"custom_role_id\":null}}",
                (long long)zd_id(ZD_USERS, 0), app->agent ? "agent" : "admin");
}

static void exports(struct zendesk *app, const char *name, const struct sim_request *request,
                    struct sim_reply *reply)
{
    char table[60];
    bool cursor;
    int found;

    (void)snprintf(table, sizeof table, "%.50s", name);
    cursor = strstr(table, "/cursor") != NULL;
    table[strcspn(table, "/")] = '\0';
    found = zd_find_name(table);
    if (app->agent) {
        zd_refuse(reply, 403, "Forbidden",
                  "You do not have access to this page. Please contact the "
                  "account owner of this help desk for further help.");
    } else if (found < 0 || found > ZD_METRIC_EVENTS || (cursor && found > ZD_USERS)) {
        zd_refuse(reply, 404, "InvalidEndpoint", "Not found");
    } else {
        zd_export(app, (enum zd_table)found, cursor, request, reply);
    }
}

static void answer(struct zendesk *app, const char *route, const struct sim_request *request,
                   struct sim_reply *reply)
{
    bool help = strncmp(route, "help_center/", 12) == 0;
    int table = listed_by(route);

    if ((help && app->no_guide) || (strncmp(route, "community/", 10) == 0 && app->no_community))
        zd_refuse(reply, 404, "InvalidEndpoint", "Not found");
    else if (strcmp(route, "users/me") == 0)
        put_me(app, reply->body);
    else if (strncmp(route, "incremental/", 12) == 0)
        exports(app, route + 12, request, reply);
    else if (strcmp(route, "help_center/incremental/articles") == 0)
        zd_export(app, ZD_ARTICLES, false, request, reply);
    else if (strcmp(route, "deleted_tickets") == 0)
        zd_list_deleted_tickets(app, request, reply);
    else if (strncmp(route, "tickets/", 8) == 0 && strstr(route, "/comments"))
        zd_list_comments(app, strtoll(route + 8, NULL, 10), request, reply);
    else if (table >= 0)
        zd_list(app, (enum zd_table)table, request, reply);
    else
        zd_refuse(reply, 404, "InvalidEndpoint", "Not found");
}

static enum sl_code zendesk_handle(void *state, const struct sim_request *request,
                                   struct sim_reply *reply, struct sl_error *error)
{
    struct zendesk *app = state;
    char route[160];

    if (strcmp(request->path, "/oauth/tokens") == 0 && strcmp(request->method, "POST") == 0)
        return zd_give_token(app, request, reply, error);
    if (!route_of(request, route)) {
        zd_refuse(reply, 404, "InvalidEndpoint", "Not found");
        return SL_OK;
    }
    sim_reply_header(reply, "x-rate-limit", "200");
    if (!authorised(app, request)) {
        const char *header = sim_request_header(request, "authorization");
        if (header && strncmp(header, "Bearer ", 7) == 0) {
            reply->status = 401;
            sl_buf_adds(reply->body, "{\"error\":\"invalid_token\",\"error_description\":\"The "
                                     "access token provided is expired, revoked, malformed or "
                                     "invalid for other reasons.\"}");
        } else if (strcmp(route, "users/me") == 0) { /* nobody is somebody, too */
            sl_buf_adds(reply->body, "{\"user\":{\"id\":null,\"name\":\"Anonymous user\",\"email\":"
                                     "\"invalid@example.com\",\"role\":\"end-user\"}}");
        } else {
            zd_refuse(reply, 401, "Couldn't authenticate you", "The credentials are wrong");
        }
        return SL_OK;
    }
    if (app->forbidden[0] && strstr(request->path, app->forbidden)) {
        (void)zendesk_fail(app, "403", NULL, request, reply);
        return SL_OK;
    }
    if (strcmp(request->method, "GET") != 0) {
        zd_refuse(reply, 404, "InvalidEndpoint", "This simulator only reads");
        return SL_OK;
    }
    answer(app, route, request, reply);
    return SL_OK;
}

const struct sim_app sim_app_zendesk = {
    .name = "zendesk",
    .summary =
        "tickets, comments, people and help centre of Lanternworks, an invented maker of lamps",
    .create = zendesk_create,
    .destroy = zendesk_destroy,
    .look = zendesk_look,
    .handle = zendesk_handle,
    .fail = zendesk_fail,
    .has_op = zd_has_op,
    .operate = zd_operate,
    .truth = zd_truth,
    .connection = zendesk_connection,
};
