/* github.c: options, limits, requests, and the connector itself. See github.h. */
#include "github.h"

#include <stdio.h>
#include <string.h>

/*
 * Limits: 5,000 requests an hour for a token (more for GitHub Enterprise Cloud: the source says how
 * many), of which an unchanged answer (304) costs nothing; 900 points a minute, a GET being one.
 * https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
 */
#define GITHUB_COM "https://api.github.com"
#define PER_HOUR 5000
#define SHARE_OF_HOUR 0.98  /* what sluice takes of it */
#define UNCHANGED_COST 0.01 /* it must wait when nothing is left, but costs nothing */
#define HOUR_MS INT64_C(3600000)
#define MINUTE_MS INT64_C(60000)
#define CONCURRENCY 40 /* the API allows 100 */
/* What may be under way when the source says how much is left, and others' use of the token. */
#define RESERVE 60.0
#define LIMITED_MAX 5 /* times that one request met a used-up hour */

#define AT(field) offsetof(struct github, field)

static const struct sl_option connection_options[] = {
    {.name = "token",
     .kind = SL_OPTION_SECRET,
     .required = true,
     .offset = AT(token),
     .help = "A personal access token. Classic: scope repo (public_repo for public repositories "
             "only) and read:org. Fine-grained: read access to metadata, issues, pull requests, "
             "contents and, for collaborators, administration."},
    {.name = "owners",
     .kind = SL_OPTION_LIST,
     .offset = AT(owners),
     .help = "Users, organisations ('acme') or single repositories ('acme/widgets') to offer. "
             "Without it: the token's user and its organisations."},
    {.name = "base_url",
     .kind = SL_OPTION_URL,
     .preset = GITHUB_COM,
     .offset = AT(base_url),
     .help = "Where the API is. GitHub Enterprise Server: https://HOST/api/v3."},
    {.name = "api_version",
     .kind = SL_OPTION_STRING,
     .preset = "2022-11-28",
     .offset = AT(api_version),
     .help = "The version of the REST API to ask for."},
    {.name = "requests_per_hour",
     .kind = SL_OPTION_INT,
     .preset = "0",
     .min = 0,
     .max = 1e9,
     .offset = AT(requests_per_hour),
     .help = "Requests an hour that sluice may make with the token, counted over all runs; 0: "
             "nearly all that GitHub allows it (5000, or what it says). More than that holds for "
             "Enterprise Servers only."},
    {.name = "requests_per_minute",
     .kind = SL_OPTION_INT,
     .preset = "840",
     .min = 1,
     .max = 1000000,
     .offset = AT(requests_per_minute),
     .help = "Requests a minute, unchanged answers included. GitHub allows 900; more holds for "
             "simulators and Enterprise Servers only."},
    {0},
};

static const char *const states[] = {"open", "closed", "all", NULL};

static const struct sl_option table_options[] = {
    {.name = "owner",
     .kind = SL_OPTION_STRING,
     .offset = AT(owner),
     .shapes = true,
     .help = "The user or organisation to read, where source_schema does not say it."},
    {.name = "repo",
     .kind = SL_OPTION_STRING,
     .offset = AT(repo),
     .shapes = true,
     .help = "One repository of the owner."},
    {.name = "org",
     .kind = SL_OPTION_STRING,
     .offset = AT(org),
     .shapes = true,
     .help = "The organisation to read: the same as owner."},
    {.name = "state",
     .kind = SL_OPTION_ENUM,
     .preset = "all",
     .values = states,
     .offset = AT(state),
     .help = "Issues, pull requests, milestones: only those that are open or closed. Anything but "
             "all reads the whole list in every run."},
    {.name = "start_date",
     .kind = SL_OPTION_STRING,
     .offset = AT(start_date),
     .help = "Only rows updated (commits: committed) since then: 2026-01-31, or a time with its "
             "zone."},
    {.name = "branch",
     .kind = SL_OPTION_STRING,
     .offset = AT(branch),
     .help = "Commits: of this branch, instead of the repository's default branch."},
    {.name = "pull_number",
     .kind = SL_OPTION_INT,
     .preset = "0",
     .min = 0,
     .max = 1e12,
     .offset = AT(pull_number),
     .help = "Reviews: of this pull request only."},
    {.name = "lookback_seconds",
     .kind = SL_OPTION_INT,
     .preset = "300",
     .min = 0,
     .max = 31536000,
     .offset = AT(lookback_seconds),
     .help = "How far a run reaches back before the newest row of the last one, for changes that "
             "GitHub shows late."},
    {.name = "per_page",
     .kind = SL_OPTION_INT,
     .preset = "100",
     .min = 1,
     .max = GITHUB_PAGE_ROWS,
     .offset = AT(per_page),
     .help = "Rows in one page."},
    {.name = "archived",
     .kind = SL_OPTION_BOOL,
     .preset = "true",
     .offset = AT(archived),
     .help = "Read archived repositories, too."},
    {.name = "forks",
     .kind = SL_OPTION_BOOL,
     .preset = "true",
     .offset = AT(forks),
     .help = "Read repositories that are forks, too."},
    {.name = "exclude_repositories",
     .kind = SL_OPTION_LIST,
     .offset = AT(exclude_repositories),
     .help = "Names of repositories of the owner that are not read."},
    {.name = "unknown_fields",
     .kind = SL_OPTION_BOOL,
     .preset = "false",
     .offset = AT(unknown_fields),
     .shapes = true,
     .help = "Keeps what no column names in _rescued_data; GitHub sends many addresses (URLs)."},
    {.name = "max_records_per_batch",
     .kind = SL_OPTION_INT,
     .preset = "0",
     .min = 0,
     .max = 1e12,
     .offset = AT(max_records_per_batch),
     .help = "Accepted for specifications made elsewhere; it has no effect."},
    {.name = "window_seconds",
     .kind = SL_OPTION_INT,
     .preset = "0",
     .min = 0,
     .max = 1e12,
     .offset = AT(window_seconds),
     .help = "Accepted for specifications made elsewhere; it has no effect."},
    {0},
};

/* ---- small things ---- */

bool github_keep(char *out, size_t cap, const char *text)
{
    size_t len = text ? strlen(text) : 0;

    out[0] = '\0';
    if (len == 0 || len >= cap) return false;
    memcpy(out, text, len + 1);
    return true;
}

bool github_time(const struct sl_json *value, int64_t *us)
{
    const char *text = sl_json_str(value);
    bool zone;

    return text && sl_time_parse(text, strlen(text), us, &zone);
}

void github_put_time(char out[SL_TIME_TEXT_MAX], int64_t us)
{
    sl_time_format_ms(us, out);
    snprintf(out + 19, SL_TIME_TEXT_MAX - 19, "Z");
}

enum sl_code github_rows(const struct sl_response *response, const struct sl_json **rows,
                         struct sl_error *error)
{
    *rows = response->json;
    if (sl_json_kind(*rows) == SL_JSON_ARRAY) return SL_OK;
    return sl_fail(error, SL_BAD_DATA, "GitHub gave %s where a list was to be expected",
                   sl_json_kind_name(sl_json_kind(*rows)));
}

/* ---- limits and requests ---- */

static enum sl_code declare(const struct github *self, struct sl_out *out, struct sl_error *error)
{
    int64_t allowed = self->limit, from_state;
    struct sl_limit hour = {.key = GITHUB_HOUR_KEY, .window_ms = HOUR_MS, .durable = true};
    struct sl_limit minute = {.key = GITHUB_MINUTE_KEY,
                              .rate = (double)self->requests_per_minute,
                              .window_ms = MINUTE_MS,
                              .concurrency = CONCURRENCY};
    enum sl_code rc;

    if (allowed <= 0 && sl_json_i64(sl_json_get(self->task.state, "limit"), &from_state))
        allowed = from_state;
    if (allowed <= 0) allowed = PER_HOUR;
    hour.rate = (double)allowed * SHARE_OF_HOUR;
    /* What GitHub allows is never exceeded there; a server of one's own may allow anything. */
    bool own = strcmp(self->base_url, GITHUB_COM) != 0;
    if (self->requests_per_hour > 0 && (own || (double)self->requests_per_hour < hour.rate)) {
        hour.rate = (double)self->requests_per_hour;
        hour.set_by = "requests_per_hour";
    }
    rc = sl_out_limit(out, &hour, error);
    return rc ? rc : sl_out_limit(out, &minute, error);
}

static enum sl_code send(struct github *self, const char *etag, struct sl_out *out,
                         struct sl_error *error)
{
    bool conditional = etag && *etag;
    struct sl_request request = {
        .url = self->url,
        .auth = {.kind = SL_AUTH_BEARER, .secret = "token"},
        .headers = {{"Accept", "application/vnd.github+json"},
                    {"X-GitHub-Api-Version", self->api_version},
                    {"User-Agent", "sluice"}}, /* without one GitHub answers 403 */
        .spends = {{GITHUB_HOUR_KEY, conditional ? UNCHANGED_COST : 1}, {GITHUB_MINUTE_KEY, 1}},
    };
    enum sl_code rc = declare(self, out, error);

    if (rc) return rc;
    if (conditional) request.headers[3] = (struct sl_header){"If-None-Match", etag};
    rc = sl_out_request(out, &request, error);
    return rc ? rc : SL_MORE;
}

enum sl_code github_ask_if_changed(struct github *self, enum github_stage stage, const char *url,
                                   const char *etag, struct sl_out *out, struct sl_error *error)
{
    if (!url || !github_keep(self->url, sizeof self->url, url))
        return sl_fail(error, SL_TOO_LARGE, "could not make a URL of a name");
    self->stage = stage;
    self->limited = 0;
    return send(self, etag, out, error);
}

enum sl_code github_ask(struct github *self, enum github_stage stage, const char *url,
                        struct sl_out *out, struct sl_error *error)
{
    return github_ask_if_changed(self, stage, url, NULL, out, error);
}

enum sl_code github_ask_next(struct github *self, enum github_stage stage, struct sl_out *out,
                             struct sl_error *error)
{
    enum sl_code rc;

    if (!sl_same_origin(self->base_url, self->next))
        return sl_fail(error, SL_BAD_DATA, "the next page would be on another host: %.200s",
                       self->next);
    rc = sl_pages_next(&self->pages, self->next, error);
    return sl_failed(rc) ? rc : github_ask(self, stage, self->next, out, error);
}

/* ---- answers ---- */

bool github_hour_is_over(const struct sl_response *response, int64_t *resets_us)
{
    int64_t remaining, reset;

    if ((response->status != 403 && response->status != 429) ||
        !sl_response_number(response, "x-ratelimit-remaining", &remaining) || remaining > 0 ||
        !sl_response_number(response, "x-ratelimit-reset", &reset))
        return false;
    *resets_us = reset * SL_SECOND_US;
    return true;
}

/* GitHub says when its hour ends on its own clock. */
static int64_t by_our_clock(const struct sl_response *response, int64_t us)
{
    if (response->server_date_us == SL_NO_TIME) return us;
    return us - response->server_date_us + response->received_at_us;
}

enum sl_code github_take(struct github *self, const struct sl_response *response,
                         struct sl_out *out, struct sl_error *error)
{
    const char *resource = sl_response_header(response, "x-ratelimit-resource");
    int64_t number, remaining, reset;
    char next[SL_URL_MAX];

    if (response->status != 304) self->next[0] = '\0';
    if (response->status == 200 && sl_link_next(response, next) &&
        !github_keep(self->next, sizeof self->next, next))
        return sl_fail(error, SL_TOO_LARGE, "the next page has an address of %zu characters",
                       strlen(next));
    if (resource && strcmp(resource, "core") != 0) return SL_OK;
    if (sl_response_number(response, "x-ratelimit-limit", &number) && number > 0)
        self->limit = number;
    if (!sl_response_number(response, "x-ratelimit-remaining", &remaining) ||
        !sl_response_number(response, "x-ratelimit-reset", &reset))
        return SL_OK;
    double left = (double)remaining - RESERVE;
    return sl_out_budget(out, GITHUB_HOUR_KEY, left > 0 ? left : 0,
                         by_our_clock(response, reset * SL_SECOND_US) + SL_SECOND_US, error);
}

enum sl_code github_wait_for_hour(struct github *self, const struct sl_response *response,
                                  struct sl_out *out, struct sl_error *error)
{
    int64_t resets_us = 0;
    enum sl_code rc;

    if (!response || !github_hour_is_over(response, &resets_us)) return SL_OK;
    if (++self->limited > LIMITED_MAX)
        return sl_fail(error, SL_RATE_LIMITED,
                       "GitHub's hour was used up %d times in a row: others use the token",
                       LIMITED_MAX);
    rc = sl_out_budget(out, GITHUB_HOUR_KEY, 0, by_our_clock(response, resets_us) + SL_SECOND_US,
                       error);
    return rc ? rc : send(self, NULL, out, error);
}

void github_release(void *task)
{
    struct github *self = task;

    sl_json_writer_free(self->repos);
    self->repos = NULL;
}

const struct sl_connector sl_connector_github = {
    .abi = SL_CONNECTOR_ABI,
    .name = "github",
    .title = "GitHub",
    .summary =
        "GitHub repositories: issues, pull requests, reviews, commits and what is around them",
    .docs = "https://docs.github.com/en/rest",
    .connection_options = connection_options,
    .table_options = table_options,
    .task_size = sizeof(struct github),
    .classify = github_classify,
    .check = github_check,
    .discover = github_discover,
    .read = github_read,
    .task_release = github_release,
};
