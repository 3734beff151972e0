/*
 * ask.c: requests, what they cost, and the project's clock.
 *
 * Mixpanel's limits are per project: 60 exports an hour, 3 a second, 100 at once; 60 queries an hour,
 * 5 at once, and by some accounts 3 a second. We stay a little below. Who has been given more an hour
 * has more a second, too.
 */
#include "mixpanel.h"

#include <stdio.h>
#include <string.h>

#define REQUESTS_PER_SECOND 2.9
#define EXPORTS_AT_ONCE 8
#define QUERIES_AT_ONCE 4
#define HOUR_MS 3600000
#define QUIET_MS 600000 /* an export may be silent for so long before it begins, or in the middle */
#define MEMBERS_PAGE_SIZE 50000 /* of rows that hold nothing but an id */

static const struct {
    const char *region, *data, *api;
} regions[] = {
    {"US", "https://data.mixpanel.com/api/2.0", "https://mixpanel.com/api"},
    {"EU", "https://data-eu.mixpanel.com/api/2.0", "https://eu.mixpanel.com/api"},
    {"IN", "https://data-in.mixpanel.com/api/2.0", "https://in.mixpanel.com/api"},
};

/* ------------------------------------------------------------------ the project */

static bool is_number(const char *text)
{
    size_t len = strlen(text);

    return len > 0 && len <= MIXPANEL_ID_MAX && strspn(text, "0123456789") == len;
}

enum sl_code mixpanel_begin(struct mixpanel *self, struct sl_error *error)
{
    const char *project = self->project_id && *self->project_id ? self->project_id : NULL;
    const char *zone = self->project_timezone ? self->project_timezone : "UTC";

    if (project && !is_number(project)) {
        (void)sl_fail(error, SL_BAD_SPEC, "project_id: '%.80s' is not the id of a project",
                      project);
        sl_error_hint(error, "It is the number in Project Settings, Overview.");
        return SL_BAD_SPEC;
    }
    if (mixpanel_is_account(self) && !project) {
        (void)sl_fail(error, SL_BAD_SPEC, "a service account needs the project_id");
        sl_error_hint(error, "Give the number in Project Settings, Overview, as project_id.");
        return SL_BAD_SPEC;
    }
    if (!mixpanel_is_account(self) && !self->api_secret) {
        (void)sl_fail(error, SL_BAD_SPEC, "neither a service account nor an API secret is given");
        sl_error_hint(error, "Give username and secret of a service account, and project_id.");
        return SL_BAD_SPEC;
    }
    if (!sl_zone_load(&self->zone, zone)) {
        (void)sl_fail(error, SL_BAD_SPEC, "project_timezone: '%.80s' is not a time zone", zone);
        sl_error_hint(error, "Names are like US/Pacific and Europe/Berlin; see Project Settings.");
        return SL_BAD_SPEC;
    }
    self->now_us = self->task.run_started_at_us;
    snprintf(self->project, sizeof self->project, "%s", project ? project : "{credential}");
    return SL_OK;
}

bool mixpanel_is_account(const struct mixpanel *self)
{
    return self->username && *self->username && self->secret;
}

bool mixpanel_is_utc(const struct mixpanel *self)
{
    return !self->project_timezone || strcmp(self->project_timezone, "UTC") == 0;
}

void mixpanel_keep_clock(struct mixpanel *self, const struct sl_response *response)
{
    if (response->server_date_us != SL_NO_TIME) self->now_us = response->server_date_us;
}

int32_t mixpanel_today(const struct mixpanel *self)
{
    return (int32_t)mixpanel_floor_div(sl_zone_wall(&self->zone, self->now_us), SL_DAY_US);
}

const char *mixpanel_utc(const struct mixpanel *self, const struct sl_json *value,
                         char out[SL_TIME_TEXT_MAX])
{
    const char *text = sl_json_str(value);
    bool has_zone;
    int64_t us;

    if (!text || !sl_time_parse(text, sl_json_str_len(value), &us, &has_zone)) return text;
    return sl_time_format_us(has_zone ? us : sl_zone_utc(&self->zone, us), out);
}

/* ------------------------------------------------------------------ requests */

static void start_url(const struct mixpanel *self, struct sl_url *url, bool data)
{
    size_t i = 0;

    while (i + 1 < sizeof regions / sizeof *regions && self->region &&
           strcmp(regions[i].region, self->region) != 0)
        i++;
    if (!self->base_url) {
        sl_url_init(url, data ? regions[i].data : regions[i].api);
        return;
    }
    sl_url_init(url, self->base_url);
    sl_url_path(url, "api");
    if (data) sl_url_path(url, "2.0");
}

static const char *given(const char *text)
{
    return text && *text ? text : NULL;
}

static void put_project(const struct mixpanel *self, struct sl_url *url)
{
    sl_url_query(url, "project_id", given(self->project_id));
    sl_url_query(url, "workspace_id", given(self->workspace_id));
}

struct keys { /* of the limits that a request spends */
    char hour[96], second[96];
};

/* Declares the limits of exports or of queries; the request counts for both. */
static enum sl_code spend(const struct mixpanel *self, bool export, struct sl_request *request,
                          struct keys *keys, struct sl_out *out, struct sl_error *error)
{
    struct sl_limit hour = {.key = keys->hour,
                            .rate = (double)self->requests_per_hour,
                            .window_ms = HOUR_MS,
                            .concurrency = export ? EXPORTS_AT_ONCE : QUERIES_AT_ONCE,
                            .durable = true,
                            .set_by = "requests_per_hour"};
    struct sl_limit second = {.key = keys->second,
                              .rate = hour.rate * 1000 / HOUR_MS,
                              .window_ms = 1000};
    const char *what = export ? "exports" : "queries";
    enum sl_code rc;

    if (second.rate < REQUESTS_PER_SECOND) second.rate = REQUESTS_PER_SECOND;
    snprintf(keys->hour, sizeof keys->hour, "mixpanel/%s/%s/hour", self->project, what);
    snprintf(keys->second, sizeof keys->second, "mixpanel/%s/%s/second", self->project, what);
    request->spends[0] = (struct sl_spend){keys->hour, 1};
    request->spends[1] = (struct sl_spend){keys->second, 1};
    rc = sl_out_limit(out, &hour, error);
    return rc ? rc : sl_out_limit(out, &second, error);
}

static enum sl_code ask(struct mixpanel *self, enum mixpanel_stage stage, struct sl_url *url,
                        struct sl_request *request, struct sl_out *out, struct sl_error *error)
{
    struct keys keys;
    enum sl_code rc = SL_OK;

    self->stage = stage;
    request->url = sl_url_text(url);
    if (!request->url) return sl_fail(error, SL_BAD_SPEC, "the URL is too long");
    request->auth = mixpanel_is_account(self)
                        ? (struct sl_auth){SL_AUTH_BASIC, "secret", self->username}
                        : (struct sl_auth){SL_AUTH_BASIC_SECRET, "api_secret", NULL};
    if (stage != MIXPANEL_ME && stage != MIXPANEL_ANNOTATIONS) /* those have no known limit */
        rc = spend(self, stage == MIXPANEL_EXPORT, request, &keys, out, error);
    if (!rc) rc = sl_out_request(out, request, error);
    return rc ? rc : SL_MORE;
}

enum sl_code mixpanel_ask_me(struct mixpanel *self, struct sl_out *out, struct sl_error *error)
{
    struct sl_request request = {0};
    struct sl_url url;

    start_url(self, &url, false);
    sl_url_path(&url, "app");
    sl_url_path(&url, "me");
    return ask(self, MIXPANEL_ME, &url, &request, out, error);
}

enum sl_code mixpanel_ask_export(struct mixpanel *self, int64_t limit, struct sl_out *out,
                                 struct sl_error *error)
{
    struct sl_request request = {.lines = true, .timeout_ms = QUIET_MS};
    char day[SL_TIME_TEXT_MAX];
    struct sl_url url;

    start_url(self, &url, true);
    sl_url_path(&url, "export");
    sl_url_query(&url, "from_date", sl_date_format(self->from, day));
    sl_url_query(&url, "to_date", sl_date_format(self->to, day));
    if (limit) sl_url_query_i64(&url, "limit", limit);
    put_project(self, &url);
    return ask(self, MIXPANEL_EXPORT, &url, &request, out, error);
}

/* A form is a query without its '?'. */
static enum sl_code ask_form(struct mixpanel *self, enum mixpanel_stage stage, struct sl_url *url,
                             const struct sl_url *form, struct sl_out *out, struct sl_error *error)
{
    struct sl_request request = {
        .method = "POST",
        .headers = {{"Content-Type", "application/x-www-form-urlencoded"}},
        .idempotent = true, /* it only asks */
    };

    request.body = sl_url_text(form);
    if (!request.body) return sl_fail(error, SL_BAD_SPEC, "a form is too long");
    if (*request.body == '?') request.body++;
    request.body_len = strlen(request.body);
    return ask(self, stage, url, &request, out, error);
}

enum sl_code mixpanel_ask_cohorts(struct mixpanel *self, struct sl_out *out, struct sl_error *error)
{
    struct sl_url url, form;

    start_url(self, &url, false);
    sl_url_path(&url, "query");
    sl_url_path(&url, "cohorts");
    sl_url_path(&url, "list");
    put_project(self, &url);
    sl_url_init(&form, "");
    return ask_form(self, MIXPANEL_COHORTS, &url, &form, out, error);
}

enum sl_code mixpanel_ask_engage(struct mixpanel *self, struct sl_out *out, struct sl_error *error)
{
    const struct mixpanel_query *query = &self->query;
    struct sl_url url, form;
    char text[160];

    start_url(self, &url, false);
    sl_url_path(&url, "query");
    sl_url_path(&url, "engage");
    put_project(self, &url);
    sl_url_init(&form, "");
    if (query->cohort) {
        snprintf(text, sizeof text, "{\"id\":%lld}", (long long)query->cohort);
        sl_url_query(&form, "filter_by_cohort", text);
        sl_url_query(&form, "include_all_users", "true"); /* members without a profile, too */
        sl_url_query(&form, "output_properties", "[\"$last_seen\"]");
    }
    if (query->since[0]) {
        snprintf(text, sizeof text, "properties[\"$last_seen\"]>=\"%s\"", query->since);
        sl_url_query(&form, "where", text);
    }
    sl_url_query_i64(&form, "page_size", query->cohort ? MEMBERS_PAGE_SIZE : self->page_size);
    if (query->page > 0) {
        sl_url_query(&form, "session_id", query->session);
        sl_url_query_i64(&form, "page", query->page);
    }
    return ask_form(self, MIXPANEL_ENGAGE, &url, &form, out, error);
}

enum sl_code mixpanel_ask_annotations(struct mixpanel *self, struct sl_out *out,
                                      struct sl_error *error)
{
    struct sl_request request = {0};
    struct sl_url url;

    start_url(self, &url, false);
    sl_url_path(&url, "app");
    sl_url_path(&url, "projects");
    sl_url_path(&url, self->project_id);
    sl_url_path(&url, "annotations");
    return ask(self, MIXPANEL_ANNOTATIONS, &url, &request, out, error);
}
