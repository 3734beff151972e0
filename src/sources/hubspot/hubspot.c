/* hubspot.c: options, limits, requests, and the connector itself. See hubspot.h. */
#include "hubspot.h"

#include <stdio.h>
#include <string.h>

#define BURST_KEY "hubspot/app/{credential}"
#define DAY_KEY "hubspot/day/{credential}"
#define BURST_WINDOW_MS 10000
#define DAY_WINDOW_MS 86400000
#define BURST_MARGIN 10 /* what a header says is left is counted down to here only */

#define AT(field) offsetof(struct hubspot, field)

static const struct sl_option connection_options[] = {
    {.name = "access_token",
     .kind = SL_OPTION_SECRET,
     .offset = AT(access_token),
     .help = "The token of a private app, with the read scopes of the objects that are wanted. "
             "Without it: client_id, client_secret and refresh_token."},
    {.name = "client_id",
     .kind = SL_OPTION_STRING,
     .offset = AT(client_id),
     .help = "OAuth: the client id of the app."},
    {.name = "client_secret",
     .kind = SL_OPTION_SECRET,
     .offset = AT(client_secret),
     .help = "OAuth: the client secret of the app."},
    {.name = "refresh_token",
     .kind = SL_OPTION_SECRET,
     .offset = AT(refresh_token),
     .help = "OAuth: the refresh token that the app was given for the portal."},
    {.name = "base_url",
     .kind = SL_OPTION_URL,
     .preset = "https://api.hubapi.com",
     .offset = AT(base_url),
     .help = "Where the API is."},
    {.name = "requests_per_10_seconds",
     .kind = SL_OPTION_DOUBLE,
     .preset = "90",
     .min = 1,
     .max = 1000000,
     .offset = AT(requests_per_10_seconds),
     .help = "Calls in any 10 seconds. HubSpot allows an app 100, 190 on Professional and "
             "Enterprise: give less than yours allows, or than what other users of the app leave."},
    {.name = "searches_per_second",
     .kind = SL_OPTION_DOUBLE,
     .preset = "4.8",
     .min = 0.1,
     .max = 1000000,
     .offset = AT(searches_per_second),
     .help = "Searches a second, by which increments find what changed. HubSpot allows an account "
             "5, shared by all its apps. More than 5 holds for simulators only."},
    {.name = "daily_quota",
     .kind = SL_OPTION_INT,
     .preset = "0",
     .min = 0,
     .max = 1e12,
     .offset = AT(daily_quota),
     .help = "Calls in 24 hours that sluice may make, counted over all runs: HubSpot allows all "
             "apps of an account 250000 to 1000000 a day together. A run that would exceed it "
             "stops; 0: no limit of its own."},
    {0},
};

static const struct sl_option table_options[] = {
    {.name = "lookback_minutes",
     .kind = SL_OPTION_INT,
     .preset = "60",
     .min = 0,
     .max = 10080,
     .offset = AT(lookback_minutes),
     .help = "How far an increment reaches back before the run before it: HubSpot's search shows "
             "changes late, most within seconds, some after up to an hour."},
    {.name = "page_rows",
     .kind = SL_OPTION_INT,
     .preset = "100",
     .min = 1,
     .max = HUBSPOT_LIST_ROWS,
     .offset = AT(page_rows),
     .help = "Records in one call; fewer where records are huge (emails with their bodies)."},
    {0},
};

/* The access token comes from the engine, which renews it: it lives 30 minutes. */
static const struct sl_oauth oauth = {
    .token_url = "https://api.hubapi.com/oauth/2026-03/token", /* v1 ends on 2027-02-16 */
    .token_path = "/oauth/2026-03/token",
    .client_id = "client_id",
    .client_secret = "client_secret",
    .refresh_token = "refresh_token",
};

/* ---- requests ---- */

void hubspot_url(const struct hubspot *self, struct sl_url *url, ...)
{
    const char *segment;
    va_list segments;

    sl_url_init(url, self->base_url);
    va_start(segments, url);
    while ((segment = va_arg(segments, const char *))) sl_url_path(url, segment);
    va_end(segments);
}

static enum sl_code declare_limits(const struct hubspot *self, bool search, struct sl_out *out,
                                   struct sl_error *error)
{
    struct sl_limit burst = {.key = BURST_KEY,
                             .rate = self->requests_per_10_seconds,
                             .window_ms = BURST_WINDOW_MS,
                             .set_by = "requests_per_10_seconds"};
    struct sl_limit day = {.key = DAY_KEY,
                           .rate = (double)self->daily_quota,
                           .window_ms = DAY_WINDOW_MS,
                           .durable = true,
                           .set_by = "daily_quota"};
    struct sl_limit searches = {.key = self->search_key,
                                .rate = self->searches_per_second,
                                .window_ms = 1000,
                                .set_by = "searches_per_second"};
    enum sl_code rc = sl_out_limit(out, &burst, error);

    if (!rc && self->daily_quota > 0) rc = sl_out_limit(out, &day, error);
    if (!rc && search) rc = sl_out_limit(out, &searches, error);
    return rc;
}

enum sl_code hubspot_ask(struct hubspot *self, enum hubspot_stage stage, const struct sl_url *url,
                         struct sl_json_writer *body, struct sl_out *out, struct sl_error *error)
{
    bool search = stage == HUBSPOT_SEARCH || stage == HUBSPOT_PILE;
    struct sl_request request = {
        .method = body ? "POST" : "GET",
        .url = sl_url_text(url),
        .idempotent = true, /* every POST of ours only reads */
        .auth = {.kind = SL_AUTH_OAUTH},
        .headers = {{"Accept", "application/json"}},
        .spends = {{BURST_KEY, 1}},
    };
    size_t spends = 1;
    enum sl_code rc;

    if (!request.url)
        return sl_fail(error, SL_TOO_LARGE, "could not make a URL for '%s'",
                       self->path ? self->path : "the portal");
    if (!hubspot_uses_oauth(self))
        request.auth = (struct sl_auth){.kind = SL_AUTH_BEARER, .secret = "access_token"};
    if (search) request.spends[spends++] = (struct sl_spend){self->search_key, 1};
    if (self->daily_quota > 0) request.spends[spends++] = (struct sl_spend){DAY_KEY, 1};
    if (body) {
        request.headers[1] = (struct sl_header){"Content-Type", "application/json"};
        request.body = sl_json_writer_text(body, &request.body_len);
        if (!request.body) return sl_fail(error, SL_NO_MEMORY, "no memory for a request");
    }
    self->stage = stage;
    rc = declare_limits(self, search, out, error);
    if (!rc) rc = sl_out_request(out, &request, error);
    return rc ? rc : SL_MORE;
}

enum sl_code hubspot_ask_details(struct hubspot *self, struct sl_out *out, struct sl_error *error)
{
    struct sl_url url;

    hubspot_url(self, &url, "account-info", "v3", "details", NULL);
    return hubspot_ask(self, HUBSPOT_DETAILS, &url, NULL, out, error);
}

bool hubspot_uses_oauth(const struct hubspot *self)
{
    return self->client_id != NULL;
}

enum sl_code hubspot_need_credentials(const struct hubspot *self, struct sl_error *error)
{
    if (hubspot_uses_oauth(self) ? self->client_secret && self->refresh_token : self->access_token)
        return SL_OK;
    sl_fail(error, SL_BAD_SPEC, "the connection has no credentials");
    sl_error_hint(error, "Give access_token (a private app's token), or client_id, client_secret "
                         "and refresh_token.");
    return SL_BAD_SPEC;
}

/* ---- answers ---- */

int64_t hubspot_server_us(const struct hubspot *self, const struct sl_response *response)
{
    return response->server_date_us != SL_NO_TIME ? response->server_date_us
                                                  : self->task.run_started_at_us;
}

int64_t hubspot_next_day_us(const struct hubspot *self, const struct sl_response *response)
{
    int64_t shift_us = self->utc_offset_ms * 1000;
    int64_t local_us = hubspot_server_us(self, response) + shift_us;

    return (local_us / SL_DAY_US + 1) * SL_DAY_US - shift_us;
}

/*
 * Others use the app's calls too. What the headers say is left counts where it is little: at other
 * times our own count is newer than an answer that was made before other requests of ours arrived.
 */
enum sl_code hubspot_take_limits(const struct hubspot *self, const struct sl_response *response,
                                 struct sl_out *out, struct sl_error *error)
{
    int64_t left;
    enum sl_code rc = SL_OK;

    if (sl_response_number(response, "x-hubspot-ratelimit-remaining", &left) && left < BURST_MARGIN)
        rc = sl_out_budget(out, BURST_KEY, (double)left,
                           response->received_at_us + BURST_WINDOW_MS * 1000, error);
    if (!rc && self->daily_quota > 0 &&
        sl_response_number(response, "x-hubspot-ratelimit-daily-remaining", &left) &&
        left < self->daily_quota)
        rc = sl_out_budget(out, DAY_KEY, (double)left, hubspot_next_day_us(self, response), error);
    return rc;
}

enum sl_code hubspot_page_next(struct hubspot *self, const struct sl_json *answer,
                               struct sl_error *error)
{
    const struct sl_json *after = sl_json_path(answer, "paging", "next", "after", NULL);
    enum sl_json_kind kind = sl_json_kind(after);

    if (kind == SL_JSON_NONE || kind == SL_JSON_NULL) {
        self->pages.count++;
        self->after[0] = '\0';
        return SL_DONE;
    }
    if (!sl_page_token(after, self->after, sizeof self->after))
        return sl_fail(error, SL_BAD_DATA, "page %lld of '%s' ends with an offset that is no use",
                       (long long)self->pages.count + 1, self->path);
    return sl_pages_next(&self->pages, self->after, error);
}

const struct sl_json *hubspot_results(const struct hubspot *self, const struct sl_json *answer,
                                      struct sl_error *error)
{
    const struct sl_json *results = sl_json_get(answer, "results");

    if (sl_json_kind(results) == SL_JSON_ARRAY) return results;
    sl_fail(error, SL_BAD_DATA, "an answer about '%s' holds no 'results'",
            self->path ? self->path : "the portal");
    return NULL;
}

bool hubspot_id(const struct sl_json *value, int64_t *out)
{
    const char *text = sl_json_str(value);
    size_t len = sl_json_str_len(value);
    int64_t id = 0;

    if (!text) return sl_json_i64(value, out) && *out > 0;
    if (len == 0 || len >= HUBSPOT_ID_MAX || text[0] == '0') return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9' || id > (INT64_MAX - (text[i] - '0')) / 10) return false;
        id = id * 10 + (text[i] - '0');
    }
    *out = id;
    return true;
}

bool hubspot_time(const struct sl_json *value, int64_t *us)
{
    const char *text = sl_json_str(value);
    bool zone;

    return text && sl_time_parse(text, sl_json_str_len(value), us, &zone);
}

static void release(void *task)
{
    struct hubspot *self = task;

    sl_json_writer_free(self->names);
    for (int i = 0; i < HUBSPOT_TARGETS_MAX; i++) sl_json_writer_free(self->values[i]);
}

const struct sl_connector sl_connector_hubspot = {
    .abi = SL_CONNECTOR_ABI,
    .name = "hubspot",
    .title = "HubSpot",
    .summary = "HubSpot CRM: contacts, companies, deals, tickets, activities, custom objects",
    .docs = "https://developers.hubspot.com/docs/api-reference",
    .connection_options = connection_options,
    .table_options = table_options,
    .oauth = &oauth,
    .task_size = sizeof(struct hubspot),
    .classify = hubspot_classify,
    .check = hubspot_check,
    .discover = hubspot_discover,
    .read = hubspot_read,
    .task_release = release,
};
