/* zendesk.c: options, limits, requests, and the connector itself. See zendesk.h. */
#include "zendesk.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define AT(field) offsetof(struct zendesk, field)

/* A little more than the minute that Zendesk counts by: its windows are not ours. */
#define WINDOW_MS 61000

static const struct sl_option connection_options[] = {
    {.name = "subdomain",
     .kind = SL_OPTION_STRING,
     .required = true,
     .offset = AT(subdomain),
     .help = "The account: 'acme' of https://acme.zendesk.com."},
    {.name = "email",
     .kind = SL_OPTION_STRING,
     .offset = AT(email),
     .help = "Whose API token it is; an administrator, because agents may not export."},
    {.name = "api_token",
     .kind = SL_OPTION_SECRET,
     .offset = AT(api_token),
     .help = "An API token. Zendesk makes no new ones, and accepts none from 2027-04-30 on: use "
             "an OAuth client where you can."},
    {.name = "client_id",
     .kind = SL_OPTION_STRING,
     .offset = AT(client_id),
     .help = "The unique identifier of an OAuth client of the account."},
    {.name = "client_secret",
     .kind = SL_OPTION_SECRET,
     .offset = AT(client_secret),
     .help = "The secret of that client."},
    {.name = "refresh_token",
     .kind = SL_OPTION_SECRET,
     .offset = AT(refresh_token),
     .help = "A refresh token of that client; without it the client acts for itself (client "
             "credentials)."},
    {.name = "access_token",
     .kind = SL_OPTION_SECRET,
     .offset = AT(access_token),
     .help = "An OAuth access token that is given as it is and never renewed."},
    {.name = "base_url",
     .kind = SL_OPTION_URL,
     .offset = AT(base_url_option),
     .help = "Where the API is, when it is not at https://<subdomain>.zendesk.com."},
    {.name = "requests_per_minute",
     .kind = SL_OPTION_INT,
     .preset = "190",
     .min = 1,
     .max = 100000,
     .offset = AT(requests_per_minute),
     .help = "Calls a minute, over all that uses the account: its plan allows 200 on Team, 400 on "
             "Growth and Professional, 700 on Enterprise, 2500 on Enterprise Plus."},
    {.name = "exports_per_minute",
     .kind = SL_OPTION_INT,
     .preset = "10",
     .min = 1,
     .max = 100000,
     .offset = AT(exports_per_minute),
     .help = "Calls a minute for incremental exports: 10, or 30 with the High Volume API add-on."},
    {0},
};

static const char *const deleted_rows[] = {"keep", "delete", NULL};

static const struct sl_option table_options[] = {
    {.name = "deleted_rows",
     .kind = SL_OPTION_ENUM,
     .preset = "keep",
     .values = deleted_rows,
     .offset = AT(deleted_rows),
     .help = "Tickets, users and organizations that were deleted: keep shows them as Zendesk does "
             "(status deleted, active false, deleted_at), delete removes their rows."},
    {.name = "go_on_after",
     .kind = SL_OPTION_INT,
     .preset = "0",
     .min = 0,
     .max = 253402300799,
     .offset = AT(go_on_after),
     .help = "Only after a table failed because more changed in one second than an export can "
             "show: that second (since 1970), which is then left incomplete."},
    {.name = "rows_per_call",
     .kind = SL_OPTION_INT,
     .preset = "1000",
     .min = 1,
     .max = ZENDESK_PAGE_ROWS,
     .offset = AT(rows_per_call),
     .help = "Rows of a page of an incremental export: fewer where a page would be too large."},
    {0},
};

/* ---- names ---- */

/* "acme" of "acme", "acme.zendesk.com", "https://acme.zendesk.com/agent". */
static bool account_of(const char *text, char out[64])
{
    const char *host = text ? strstr(text, "://") : NULL;
    size_t len;

    host = host ? host + 3 : text ? text : "";
    while (*host == ' ') host++;
    len = strcspn(host, "./:?#");
    if (len == 0 || len >= 64) return false;
    for (size_t i = 0; i < len; i++) {
        char c = host[i] >= 'A' && host[i] <= 'Z' ? (char)(host[i] + 'a' - 'A') : host[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-') return false;
        out[i] = c;
    }
    out[len] = '\0';
    return true;
}

static enum sl_code need(struct sl_error *error, const char *what, const char *hint)
{
    sl_fail(error, SL_BAD_SPEC, "%s", what);
    sl_error_hint(error, "%s", hint);
    return SL_BAD_SPEC;
}

static enum sl_code credentials_named(struct zendesk *self, struct sl_error *error)
{
    size_t len = self->email ? strlen(self->email) : 0;

    if (self->client_id && *self->client_id) {
        /* The engine puts the option into the address of tokens as it is. */
        if (!self->base_url_option && strcmp(self->account, self->subdomain) != 0)
            return need(error, "the subdomain is not written as OAuth needs it",
                        "Write only the part before .zendesk.com, in small letters.");
        return SL_OK;
    }
    if (len == 0) {
        if (self->access_token) return SL_OK;
        return need(error, "the connection has no credentials",
                    "Give client_id and client_secret, or email and api_token.");
    }
    if (len > 6 && strcmp(self->email + len - 6, "/token") == 0) len -= 6;
    if (len + 7 > sizeof self->user)
        return sl_fail(error, SL_BAD_SPEC, "the e-mail address is too long");
    snprintf(self->user, sizeof self->user, "%.*s/token", (int)len, self->email);
    return SL_OK;
}

enum sl_code zendesk_begin(struct zendesk *self, struct sl_out *out, struct sl_error *error)
{
    struct sl_limit account = {.key = self->account_key,
                               .rate = (double)self->requests_per_minute,
                               .window_ms = WINDOW_MS,
                               .set_by = "requests_per_minute"};
    struct sl_limit exports = {.key = self->export_key,
                               .rate = (double)self->exports_per_minute,
                               .window_ms = WINDOW_MS,
                               .set_by = "exports_per_minute"};
    const char *base = self->base_url_option;
    enum sl_code rc;

    if (!account_of(self->subdomain, self->account))
        return need(error, "the option 'subdomain' names no Zendesk account",
                    "It is the 'acme' of https://acme.zendesk.com.");
    if (base && strlen(base) >= sizeof self->base_url)
        return sl_fail(error, SL_BAD_SPEC, "the option 'base_url' is too long");
    if (base)
        snprintf(self->base_url, sizeof self->base_url, "%s", base);
    else
        snprintf(self->base_url, sizeof self->base_url, "https://%s.zendesk.com", self->account);
    rc = credentials_named(self, error);
    if (rc) return rc;
    /* Another place is another account, whatever it is called. */
    snprintf(self->account_key, sizeof self->account_key, "zendesk/account/%.100s",
             base ? base : self->account);
    snprintf(self->export_key, sizeof self->export_key, "zendesk/exports/%.100s",
             base ? base : self->account);
    rc = sl_out_limit(out, &account, error);
    return rc ? rc : sl_out_limit(out, &exports, error);
}

/* ---- requests ---- */

void zendesk_url(const struct zendesk *self, struct sl_url *url, const char *path)
{
    char piece[128];

    sl_url_init(url, self->base_url);
    sl_url_path(url, "api");
    sl_url_path(url, "v2");
    while (*path) {
        size_t len = strcspn(path, "/");
        snprintf(piece, sizeof piece, "%.*s", (int)len, path);
        sl_url_path(url, piece);
        path += len + (path[len] == '/');
    }
}

enum sl_code zendesk_ask(struct zendesk *self, enum zendesk_stage stage, const struct sl_url *url,
                         struct sl_out *out, struct sl_error *error)
{
    struct sl_request request = {
        .url = sl_url_text(url),
        .headers = {{"Accept", "application/json"}},
        .spends = {{self->account_key, 1}},
    };
    enum sl_code rc;

    if (!request.url) return sl_fail(error, SL_TOO_LARGE, "could not make a URL of a cursor");
    if (self->client_id && *self->client_id)
        request.auth = (struct sl_auth){.kind = SL_AUTH_OAUTH};
    else if (self->user[0])
        request.auth =
            (struct sl_auth){.kind = SL_AUTH_BASIC, .user = self->user, .secret = "api_token"};
    else
        request.auth = (struct sl_auth){.kind = SL_AUTH_BEARER, .secret = "access_token"};
    if (strstr(request.url, "/incremental/"))
        request.spends[1] = (struct sl_spend){self->export_key, 1};
    self->stage = stage;
    rc = sl_out_request(out, &request, error);
    return rc ? rc : SL_MORE;
}

void zendesk_first_page(struct zendesk *self)
{
    self->next[0] = '\0';
    self->pages = (struct sl_pages){0};
    self->page_number = self->listed = self->count = 0;
}

enum sl_code zendesk_ask_list(struct zendesk *self, enum zendesk_stage stage, const char *path,
                              int rows, struct sl_out *out, struct sl_error *error)
{
    struct sl_url url;

    zendesk_url(self, &url, path);
    if (self->page_number) {
        sl_url_query_i64(&url, "page", self->page_number);
        sl_url_query_i64(&url, "per_page", ZENDESK_LIST_ROWS);
    } else {
        sl_url_query_i64(&url, "page[size]", rows);
        sl_url_query(&url, "page[after]", self->next[0] ? self->next : NULL);
    }
    return zendesk_ask(self, stage, &url, out, error);
}

/*
 * A list that knows no cursors shows pages by number, and counts all rows. A row that is deleted
 * meanwhile moves those behind it up, and one of them is never seen: so the count has to stay as it
 * was, and to be reached. The first page is asked for again, in the size of the others.
 */
static enum sl_code by_number(struct zendesk *self, const struct sl_json *answer, size_t rows,
                              struct sl_error *error)
{
    const struct sl_json *next = sl_json_get(answer, "next_page");
    int64_t count = 0;

    if (self->page_number == 0) {
        if (!sl_json_str(next)) return SL_DONE;
        self->page_number = 1;
        return SL_MORE;
    }
    self->listed += (int64_t)rows;
    if (!sl_json_i64(sl_json_get(answer, "count"), &count))
        return sl_fail(error, SL_BAD_DATA, "a page does not say how many rows there are");
    if (self->page_number == 1) self->count = count;
    if (count != self->count || (!sl_json_str(next) && self->listed != count)) {
        sl_fail(error, SL_BAD_DATA, "the list changed while its pages were read");
        error->retryable = true;
        return SL_BAD_DATA;
    }
    if (!sl_json_str(next)) return SL_DONE;
    if (++self->page_number > ZENDESK_NUMBERED_PAGES_MAX)
        return sl_fail(error, SL_TOO_LARGE, "the list has more than %d pages by number",
                       ZENDESK_NUMBERED_PAGES_MAX);
    return SL_MORE;
}

enum sl_code zendesk_list_next(struct zendesk *self, const struct sl_json *answer, size_t rows,
                               struct sl_error *error)
{
    const struct sl_json *meta = sl_json_get(answer, "meta");

    if (!meta && sl_json_get(answer, "next_page")) return by_number(self, answer, rows, error);
    if (!meta && rows > 0 && rows < ZENDESK_LIST_ROWS) return SL_DONE; /* a list without pages */
    if (sl_json_kind(sl_json_get(meta, "has_more")) != SL_JSON_BOOL)
        return sl_fail(error, SL_BAD_DATA, "a page does not say whether another one follows");
    if (!sl_json_true(sl_json_get(meta, "has_more"))) return SL_DONE;
    if (!sl_page_token(sl_json_get(meta, "after_cursor"), self->next, ZENDESK_TOKEN_MAX))
        return sl_fail(error, SL_BAD_DATA, "a page has no cursor for the one that follows");
    return sl_pages_next(&self->pages, self->next, error);
}

const char *zendesk_array(const struct zendesk_table *table)
{
    return table->array ? table->array : table->name;
}

int64_t zendesk_second(const struct zendesk *self, const struct sl_response *response)
{
    int64_t us = response->server_date_us != SL_NO_TIME ? response->server_date_us
                                                        : self->task.run_started_at_us;

    return us / SL_SECOND_US;
}

static const struct sl_oauth oauth = {
    .token_url = "https://{subdomain}.zendesk.com/oauth/tokens",
    .token_path = "/oauth/tokens",
    .client_id = "client_id",
    .client_secret = "client_secret",
    .refresh_token = "refresh_token",
    .scope = "read",
    .client_credentials = true,
};

const struct sl_connector sl_connector_zendesk = {
    .abi = SL_CONNECTOR_ABI,
    .name = "zendesk",
    .title = "Zendesk",
    .summary = "Zendesk Support and Guide: tickets, comments, people, help centre",
    .docs = "https://developer.zendesk.com/api-reference/",
    .connection_options = connection_options,
    .table_options = table_options,
    .oauth = &oauth,
    .task_size = sizeof(struct zendesk),
    .classify = zendesk_classify,
    .check = zendesk_check,
    .discover = zendesk_discover,
    .read = zendesk_read,
    .task_release = zendesk_release,
};
