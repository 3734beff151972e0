/* mixpanel.c: routes, credentials, limits and failures. See docs/simulators.md. */
#include "sim/mixpanel/mixpanel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "json/doc.h"
#include "sim/fault.h"
#include "sim/text.h"

#define TEXTS_MAX ((size_t)2 << 30)
#define HOUR_US (3600 * SL_SECOND_US)

/* ------------------------------------------------------------------ life */

static void mx_destroy(void *state)
{
    struct mx *app = state;

    if (!app) return;
    for (int i = 0; i < MX_SESSIONS_MAX; i++) sl_free(app->sessions[i].people);
    sl_free(app->events.at);
    sl_free(app->people.at);
    sl_free(app->cohorts.at);
    sl_free(app->annotations.at);
    sl_arena_release(&app->texts);
    sl_doc_free(app->doc);
    sl_free(app);
}

static void *mx_create(const struct sim_options *options, struct sl_error *error)
{
    struct mx *app = sl_calloc(1, sizeof *app);
    enum sl_code rc = SL_NO_MEMORY;

    if (app) {
        sl_arena_init(&app->texts, TEXTS_MAX);
        app->doc = sl_doc_new(0);
        app->seed = sim_mix(options->seed, 17);
        app->start_us = app->now_us = options->start_us;
        app->session_seconds = 600;
        app->bench_events = -1;
        app->unlimited = options->rate < 0;
        (void)snprintf(app->zone_name, sizeof app->zone_name, "UTC");
        (void)sl_zone_load(&app->zone, app->zone_name);
    }
    if (app && app->doc) rc = mx_seed(app, options, error);
    if (!rc) return app;
    if (rc == SL_NO_MEMORY)
        (void)sl_fail(error, SL_NO_MEMORY, "could not make the Mixpanel simulator");
    mx_destroy(app);
    return NULL;
}

static enum sl_code mx_connection(void *state, const char *base_url, struct sl_buf *out,
                                  struct sl_error *error)
{
    const struct mx *app = state;
    int32_t first = mx_day(app, app->start_us) - MX_DEMO_DAYS + 1;
    char day[SL_TIME_TEXT_MAX];

    sl_buf_addf(out, "{%s", app->unlimited ? "\"requests_per_hour\":1000000," : "");
    sl_buf_addf(out,
                "\"username\":\"" MX_USER "\",\"secret\":\"" MX_SECRET
                "\",\"project_id\":\"" MX_PROJECT
                "\",\"project_timezone\":\"%s\",\"start_date\":\"%s\",\"base_url\":\"%s\"}",
                app->zone_name, sl_date_format(first, day), base_url);
    return sl_buf_failed(out) ? sl_fail(error, SL_NO_MEMORY, "could not describe a connection")
                              : SL_OK;
}

/* ------------------------------------------------------------------ failures */

void mx_error(struct sim_reply *reply, const struct sim_request *request, int status,
              const char *text)
{
    sl_buf_reset(reply->body);
    sl_buf_adds(reply->body, "{\"request\":");
    sim_json_text(reply->body, request->raw_path);
    sl_buf_adds(reply->body, ",\"error\":");
    sim_json_text(reply->body, text);
    sl_buf_adds(reply->body, ",\"status\":\"error\"}");
    reply->status = status;
}

static bool is_export(const struct sim_request *request)
{
    return strcmp(request->path, "/api/2.0/export") == 0;
}

static bool mx_fail(void *state, const char *name, const struct sim_fault *params,
                    const struct sim_request *request, struct sim_reply *reply)
{
    (void)state;
    if (strcmp(name, "429") == 0 && is_export(request)) { /* this one is plain text */
        sl_buf_reset(reply->body);
        sl_buf_adds(reply->body, "Query rate limit exceeded for project_id: " MX_PROJECT
                                 ". 1/100 queries running concurrently and 61/60 queries running "
                                 "in the last hour.\n");
        reply->content_type = "text/plain";
        reply->status = 429;
    } else if (strcmp(name, "429") == 0) {
        mx_error(reply, request, 429,
                 "Query rate limit exceeded for project_id: " MX_PROJECT
                 ". 1/5 queries running concurrently and 61/60 queries running in the last hour.");
    } else if (strcmp(name, "401") == 0) {
        mx_error(reply, request, 401, "Invalid service account credentials");
    } else if (strcmp(name, "400") == 0) {
        const char *text = sim_fault_param(params, "text");

        mx_error(reply, request, 400, text ? text : "Unable to authenticate request");
    } else if (strcmp(name, "403") == 0) {
        mx_error(reply, request, 403, "User does not have permission to read this project");
    } else if (strcmp(name, "402") == 0) {
        mx_error(reply, request, 402,
                 "Your plan does not allow API calls. Upgrade at mixpanel.com/pricing");
    } else if (strcmp(name, "404") == 0) {
        mx_error(reply, request, 404, "Not found");
    } else if (strcmp(name, "500") == 0 || strcmp(name, "503") == 0) {
        mx_error(reply, request, reply->status, "Internal Server Error, contact support");
    } else {
        return false;
    }
    return true;
}

/* ------------------------------------------------------------------ credentials */

static int base64_digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;

    return at ? (int)(at - digits) : -1;
}

static void read_credentials(const struct sim_request *request, char out[256])
{
    const char *header = sim_request_header(request, "authorization");
    size_t n = 0;
    unsigned bits = 0;
    int held = 0;

    out[0] = '\0';
    if (!header || strncmp(header, "Basic ", 6) != 0) return;
    for (header += 6; base64_digit(*header) >= 0 && n + 1 < 256; header++) {
        bits = bits << 6 | (unsigned)base64_digit(*header);
        held += 6;
        if (held < 8) continue;
        held -= 8;
        out[n++] = (char)(bits >> held & 0xff);
    }
    out[n] = '\0';
}

/* A parameter of the query or of a form in the body. */
static bool param(const struct sim_request *request, const char *name, char *out, size_t cap)
{
    return sim_query_get(request->query, name, out, cap) ||
           sim_query_get(request->body, name, out, cap);
}

/* False: the reply says why. */
static bool authorised(struct mx *app, const struct sim_request *request, const char *what,
                       struct sim_reply *reply)
{
    char pair[256], project[40] = "";
    bool me = strcmp(what, "me") == 0, annotations = strcmp(what, "annotations") == 0;

    read_credentials(request, pair);
    bool account = strcmp(pair, MX_USER ":" MX_SECRET) == 0;
    bool secret = strcmp(pair, MX_API_SECRET ":") == 0;

    if (!account && !(secret && !me && !annotations)) {
        mx_error(reply, request, 401, "Invalid service account credentials");
        return false;
    }
    if (account && !me && !annotations) {
        if (!param(request, "project_id", project, sizeof project)) {
            mx_error(reply, request, 400,
                     "Unable to authenticate request: project_id is required "
                     "for service accounts");
            return false;
        }
        if (strcmp(project, MX_PROJECT) != 0) {
            mx_error(reply, request, 403, "User does not have permission to read this project");
            return false;
        }
    }
    if (strcmp(app->forbidden, what) == 0) {
        mx_error(reply, request, 403, "User does not have permission to read this project");
        return false;
    }
    if (strcmp(app->plan, what) == 0) {
        mx_error(reply, request, 402,
                 "Your plan does not allow API calls. Upgrade at mixpanel.com/pricing");
        return false;
    }
    return true;
}

/* ------------------------------------------------------------------ routes */

enum route { NOTHING, EXPORT, ENGAGE, COHORTS, ANNOTATIONS, ME };

static enum route route_of(const struct sim_request *request)
{
    static const struct {
        const char *path;
        enum route route;
    } routes[] = {
        {"/api/2.0/export", EXPORT},
        {"/api/query/engage", ENGAGE},
        {"/api/2.0/engage", ENGAGE},
        {"/api/query/cohorts/list", COHORTS},
        {"/api/2.0/cohorts/list", COHORTS},
        {"/api/app/projects/" MX_PROJECT "/annotations", ANNOTATIONS},
        {"/api/app/me", ME},
    };

    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        if (strcmp(request->path, routes[i].path) == 0) return routes[i].route;
    return NOTHING;
}

static enum sl_code mx_look(void *state, const struct sim_request *request, struct sim_look *out,
                            struct sl_error *error)
{
    static const char *const tables[] = {"", "events", "engage", "cohorts", "annotations", ""};
    struct mx *app = state;
    enum route route = route_of(request);
    char page[32];

    (void)error;
    app->now_us = request->now_us;
    if (route == EXPORT) {
        out->counts[0] = (struct sim_count){.key = "export", .rate = 60, .window_us = HOUR_US};
        out->counts[1] =
            (struct sim_count){.key = "export/s", .rate = 3, .window_us = SL_SECOND_US};
        out->page = 1;
    } else if (route == ENGAGE || route == COHORTS) {
        out->counts[0] = (struct sim_count){.key = "query", .rate = 60, .window_us = HOUR_US};
        out->page = 1;
        if (param(request, "page", page, sizeof page)) out->page = (int)strtol(page, NULL, 10) + 1;
    }
    (void)snprintf(out->table, sizeof out->table, "%s", tables[route]);
    (void)snprintf(out->table_name, sizeof out->table_name, "%s", tables[route]);
    return SL_OK;
}

static void handle_me(struct sl_buf *out)
{
    sl_buf_adds(out, "{\"status\":\"ok\",\"results\":{\"user_id\":77,\"user_name\":\"" MX_USER
                     "\",\"projects\":{\"" MX_PROJECT "\":{\"id\":" MX_PROJECT
                     ",\"name\":\"Lighthouse Coffee (invented)\",\"role\":"
                     "{\"name\":\"consumer\"}}}}}");
}

static enum sl_code mx_handle(void *state, const struct sim_request *request,
                              struct sim_reply *reply, struct sl_error *error)
{
    static const char *const names[] = {"", "export", "engage", "cohorts", "annotations", "me"};
    struct mx *app = state;
    enum route route = route_of(request);

    (void)error;
    if (route == NOTHING) {
        mx_error(reply, request, 404, "Not found");
        return SL_OK;
    }
    if (!authorised(app, request, names[route], reply)) return SL_OK;
    switch (route) {
    case EXPORT: mx_export(app, request, reply); break;
    case ENGAGE: mx_engage(app, request, reply); break;
    case COHORTS: mx_cohorts(app, reply->body); break;
    case ANNOTATIONS: mx_annotations(app, request, reply); break;
    default: handle_me(reply->body); break;
    }
    return SL_OK;
}

static const char *const faults[] = {"400",         "402",        "terminated", "split_line",
                                     "broken_line", "no_newline", NULL};

const struct sim_app sim_app_mixpanel = {
    .name = "mixpanel",
    .summary = "raw export, profiles, cohorts and annotations of an invented coffee shop",
    .faults = faults,
    .create = mx_create,
    .destroy = mx_destroy,
    .look = mx_look,
    .handle = mx_handle,
    .fail = mx_fail,
    .has_op = mx_has_op,
    .operate = mx_operate,
    .truth = mx_truth,
    .connection = mx_connection,
};
