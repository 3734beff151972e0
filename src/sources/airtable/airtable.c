/* airtable.c: options, requests, the page chain, and the connector itself. See airtable.h. */
#include "airtable.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define USER_KEY "airtable/user/{credential}"
#define MONTH_KEY "airtable/month/{credential}"
#define MONTH_MS (INT64_C(31) * 86400000)
#define USER_REQUESTS_PER_SECOND 49.0 /* the API allows 50 */
#define BASE_REQUESTS_PER_SECOND 5

#define AT(field) offsetof(struct airtable, field)

static const struct sl_option connection_options[] = {
    {.name = "bearer_token",
     .alias = "token",
     .kind = SL_OPTION_SECRET,
     .offset = AT(bearer_token),
     .help = "A personal access token with the scopes data.records:read and schema.bases:read, and "
             "access to the bases. It or OAuth (client_id, refresh_token) is needed."},
    {.name = "client_id",
     .kind = SL_OPTION_STRING,
     .offset = AT(client_id),
     .help = "OAuth: the id of the integration, instead of a token."},
    {.name = "client_secret",
     .kind = SL_OPTION_SECRET,
     .offset = AT(client_secret),
     .help = "OAuth: the secret of the integration, when it has one."},
    {.name = "refresh_token",
     .kind = SL_OPTION_SECRET,
     .offset = AT(refresh_token),
     .help = "OAuth: the refresh token that the authorisation gave. Its successors are kept in the "
             "home."},
    {.name = "base_id",
     .kind = SL_OPTION_LIST,
     .offset = AT(base_ids),
     .help = "The base to read, or several; an id starts with 'app'. Without it: every base that "
             "the token reaches."},
    {.name = "base_url",
     .kind = SL_OPTION_URL,
     .preset = "https://api.airtable.com",
     .offset = AT(base_url),
     .help = "Where the API is."},
    {.name = "requests_per_second",
     .kind = SL_OPTION_DOUBLE,
     .preset = "4.9",
     .min = 0.1,
     .max = 1000000,
     .offset = AT(requests_per_second),
     .help = "Calls per second for each base. Airtable allows 5, shared with everybody who uses "
             "the base: lower it where automations run. More than 5 holds for simulators only."},
    {.name = "monthly_quota",
     .kind = SL_OPTION_INT,
     .preset = "0",
     .min = 0,
     .max = 1e12,
     .offset = AT(monthly_quota),
     .help =
         "Calls a month that sluice may make, counted over all runs: the workspace's plan allows "
         "1000 on Free, 100000 on Team. A run that would exceed it stops; 0: no such limit."},
    {0},
};

static const char *const read_modes[] = {"incremental", "full", NULL};

static const struct sl_option table_options[] = {
    {.name = "view",
     .kind = SL_OPTION_STRING,
     .offset = AT(view),
     .help = "Read only the records of this view; its id or its name."},
    {.name = "filter",
     .kind = SL_OPTION_STRING,
     .offset = AT(filter),
     .help = "Read only the records for which this Airtable formula is true."},
    {.name = "computed_as_string",
     .kind = SL_OPTION_BOOL,
     .preset = "false",
     .offset = AT(computed_as_string),
     .shapes = true,
     .help = "Formulas, rollups and lookups become text, whatever Airtable says their type is."},
    {.name = "comment_count",
     .kind = SL_OPTION_BOOL,
     .preset = "false",
     .offset = AT(comment_count),
     .shapes = true,
     .help = "Adds the column _airtable_comment_count."},
    {.name = "chains",
     .kind = SL_OPTION_INT,
     .preset = "0",
     .min = 0,
     .max = AIRTABLE_CHAINS_MAX,
     .offset = AT(chains),
     .help = "How many parts of the table are read at once: 1, 2, 4 or 8; 0 lets sluice decide."},
    {.name = "read_mode",
     .kind = SL_OPTION_ENUM,
     .preset = "incremental",
     .values = read_modes,
     .offset = AT(read_mode),
     .shapes = true,
     .help = "What a run asks for: incremental is what was created or edited since the last one, "
             "where that can be had; full is the whole table."},
    {.name = "webhooks",
     .kind = SL_OPTION_BOOL,
     .preset = "false",
     .offset = AT(webhooks),
     .shapes = true,
     .help = "Reads what a webhook of the base names: deleted records and computed cells included. "
             "Needs the scope webhook:manage and a creator of the base; a run makes the webhook."},
    {.name = "lookback_seconds",
     .kind = SL_OPTION_INT,
     .preset = "600",
     .min = 0,
     .max = 604800,
     .offset = AT(lookback_seconds),
     .help = "How far an incremental run reaches back before the end of the last one, for changes "
             "that Airtable shows late."},
    {.name = "lag_seconds",
     .kind = SL_OPTION_INT,
     .preset = "30",
     .min = 0,
     .max = 86400,
     .offset = AT(lag_seconds),
     .help = "How long before a run the time lies up to which it counts changes as read."},
    {0},
};

/* ---- ids ---- */

bool airtable_keep_id(char out[AIRTABLE_ID_MAX], const char *id)
{
    size_t len = id ? strlen(id) : 0;

    if (len == 0 || len >= AIRTABLE_ID_MAX) return false;
    memcpy(out, id, len + 1);
    return true;
}

bool airtable_is_id(const char *text, const char *kind)
{
    if (!text || strncmp(text, kind, 3) != 0) return false;
    size_t len = strlen(text);
    return len > 10 && len < AIRTABLE_ID_MAX &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == len;
}

bool airtable_is_base_id(const char *text)
{
    return airtable_is_id(text, "app");
}

/* ---- limits and requests ---- */

bool airtable_by_oauth(const struct airtable *self)
{
    return self->refresh_token;
}

/* What Airtable allows is never exceeded at Airtable; a simulator may be read at any speed. */
static double rate_within(const struct airtable *self, double rate, double allowed)
{
    bool simulated = !strstr(self->base_url, "airtable.com");

    return simulated || rate < allowed ? rate : allowed;
}

enum sl_code airtable_declare_user(const struct airtable *self, struct sl_out *out,
                                   struct sl_error *error)
{
    struct sl_limit user = {.key = USER_KEY, .window_ms = 1000};
    double wanted = self->requests_per_second > USER_REQUESTS_PER_SECOND ? self->requests_per_second
                                                                         : USER_REQUESTS_PER_SECOND;

    struct sl_limit month = {.key = MONTH_KEY,
                             .rate = (double)self->monthly_quota,
                             .window_ms = MONTH_MS,
                             .durable = true,
                             .calendar_month = true,
                             .set_by = "monthly_quota"};
    enum sl_code rc;

    user.rate = rate_within(self, wanted, USER_REQUESTS_PER_SECOND);
    rc = sl_out_limit(out, &user, error);
    /* What other clients use of it is not known here; Airtable says when it is gone. */
    return rc || self->monthly_quota == 0 ? rc : sl_out_limit(out, &month, error);
}

enum sl_code airtable_enter_base(struct airtable *self, const char *base, struct sl_out *out,
                                 struct sl_error *error)
{
    struct sl_limit limit = {.key = self->base_key,
                             .rate = rate_within(self, self->requests_per_second,
                                                 BASE_REQUESTS_PER_SECOND),
                             .window_ms = 1000};
    enum sl_code rc;

    if (!airtable_is_base_id(base) || !airtable_keep_id(self->base, base)) {
        sl_fail(error, SL_BAD_SPEC, "'%.80s' is not the id of an Airtable base", base ? base : "");
        sl_error_hint(error, "The id starts with 'app'; it is in the address of the base: "
                             "https://airtable.com/app...");
        return SL_BAD_SPEC;
    }
    snprintf(self->base_key, sizeof self->base_key, "airtable/base/%s", self->base);
    rc = airtable_declare_user(self, out, error);
    return rc ? rc : sl_out_limit(out, &limit, error);
}

void airtable_url(const struct airtable *self, struct sl_url *url)
{
    sl_url_init(url, self->base_url);
    sl_url_path(url, "v0");
}

enum sl_code airtable_ask(struct airtable *self, enum airtable_stage stage,
                          const struct sl_url *url, struct sl_json_writer *body, struct sl_out *out,
                          struct sl_error *error)
{
    return airtable_send(self, stage, body ? "POST" : NULL, url, body, out, error);
}

enum sl_code airtable_send(struct airtable *self, enum airtable_stage stage, const char *method,
                           const struct sl_url *url, struct sl_json_writer *body,
                           struct sl_out *out, struct sl_error *error)
{
    struct sl_request request = {
        .method = method,
        .url = sl_url_text(url),
        /* POST listRecords only reads; a webhook too many ends by itself in a week. */
        .idempotent = true,
        .auth = {.kind = SL_AUTH_BEARER, .secret = "bearer_token"},
        .headers = {{"Accept", "application/json"}},
        .spends = {{USER_KEY, 1}},
    };
    enum sl_code rc;

    if (!request.url)
        return sl_fail(error, SL_TOO_LARGE, "could not make a URL of an id or an offset");
    if (airtable_by_oauth(self)) request.auth = (struct sl_auth){.kind = SL_AUTH_OAUTH};
    size_t spends = 1;
    if (self->base[0]) request.spends[spends++] = (struct sl_spend){self->base_key, 1};
    if (self->monthly_quota > 0) request.spends[spends++] = (struct sl_spend){MONTH_KEY, 1};
    if (body) {
        request.headers[1] = (struct sl_header){"Content-Type", "application/json"};
        request.body = sl_json_writer_text(body, &request.body_len);
        if (!request.body) return sl_fail(error, SL_NO_MEMORY, "no memory for a request");
    }
    self->stage = stage;
    rc = sl_out_request(out, &request, error);
    return rc ? rc : SL_MORE;
}

enum sl_code airtable_ask_whoami(struct airtable *self, struct sl_out *out, struct sl_error *error)
{
    struct sl_url url;

    airtable_url(self, &url);
    sl_url_path(&url, "meta");
    sl_url_path(&url, "whoami");
    return airtable_ask(self, AIRTABLE_WHOAMI, &url, NULL, out, error);
}

enum sl_code airtable_ask_bases(struct airtable *self, struct sl_out *out, struct sl_error *error)
{
    struct sl_url url;

    airtable_url(self, &url);
    sl_url_path(&url, "meta");
    sl_url_path(&url, "bases");
    sl_url_query(&url, "offset", self->chain.offset[0] ? self->chain.offset : NULL);
    return airtable_ask(self, AIRTABLE_BASES, &url, NULL, out, error);
}

enum sl_code airtable_ask_schema(struct airtable *self, struct sl_out *out, struct sl_error *error)
{
    struct sl_url url;

    airtable_url(self, &url);
    sl_url_path(&url, "meta");
    sl_url_path(&url, "bases");
    sl_url_path(&url, self->base);
    sl_url_path(&url, "tables");
    return airtable_ask(self, AIRTABLE_SCHEMA, &url, NULL, out, error);
}

enum sl_code airtable_ask_list(struct airtable *self, enum airtable_stage stage,
                               struct sl_json_writer *body, struct sl_out *out,
                               struct sl_error *error)
{
    struct sl_url url;
    enum sl_code rc;

    airtable_url(self, &url);
    sl_url_path(&url, self->base);
    sl_url_path(&url, self->table);
    sl_url_path(&url, "listRecords");
    rc = airtable_ask(self, stage, &url, body, out, error);
    sl_json_writer_free(body);
    return rc;
}

/* ---- the page chain ---- */

enum sl_code airtable_chain_next(struct airtable_chain *chain, const struct sl_json *answer,
                                 size_t rows, struct sl_error *error)
{
    const struct sl_json *value = sl_json_get(answer, "offset");
    const char *offset = sl_json_str(value);
    enum sl_json_kind kind = sl_json_kind(value);
    long long page = chain->pages.count + 1;

    chain->empty = rows == 0 ? chain->empty + 1 : 0;
    /* The one sign of the end: neither an empty page nor a short one is. */
    if (kind == SL_JSON_NONE || kind == SL_JSON_NULL) {
        chain->pages.count++;
        return SL_DONE;
    }
    if (!offset || !*offset)
        return sl_fail(error, SL_BAD_DATA, "page %lld: the offset is %s", page,
                       offset ? "empty" : sl_json_kind_name(kind));
    if (sl_json_str_len(value) >= sizeof chain->offset || strlen(offset) != sl_json_str_len(value))
        return sl_fail(error, SL_BAD_DATA, "page %lld: the offset is not usable: %zu bytes", page,
                       sl_json_str_len(value));
    if (chain->empty > AIRTABLE_EMPTY_PAGES_MAX)
        return sl_fail(error, SL_BAD_DATA, "page %lld: %d pages without a record in a row", page,
                       chain->empty);
    memcpy(chain->offset, offset, sl_json_str_len(value) + 1);
    return sl_pages_next(&chain->pages, offset, error);
}

/* ---- special values ---- */

enum sl_special airtable_special(const struct sl_json *object, double *number)
{
    const struct sl_json *special = sl_json_get(object, "specialValue");
    const struct sl_json *failed = sl_json_get(object, "error");

    /* Exactly one key: no cell of an object type has one of these alone. */
    if (sl_json_kind(object) != SL_JSON_OBJECT || sl_json_len(object) != 1) return SL_SPECIAL_NONE;
    if (sl_json_str(failed)) return SL_SPECIAL_ERROR;
    if (!sl_json_str(special)) return SL_SPECIAL_NONE;
    if (sl_json_eq(special, "NaN"))
        *number = (double)NAN;
    else if (sl_json_eq(special, "Infinity"))
        *number = (double)INFINITY;
    else if (sl_json_eq(special, "-Infinity"))
        *number = -(double)INFINITY;
    else
        return SL_SPECIAL_ERROR; /* one that is not known yet: NULL, and the text is kept */
    return SL_SPECIAL_NUMBER;
}

static const struct sl_oauth oauth = {
    .token_url = "https://airtable.com/oauth2/v1/token",
    .token_path = "/oauth2/v1/token",
    .client_id = "client_id",
    .client_secret = "client_secret",
    .refresh_token = "refresh_token",
    .basic = true, /* an integration without a secret names itself in the form */
};

const struct sl_connector sl_connector_airtable = {
    .abi = SL_CONNECTOR_ABI,
    .name = "airtable",
    .title = "Airtable",
    .summary = "Airtable bases: one Delta table for each Airtable table",
    .docs = "https://airtable.com/developers/web/api/introduction",
    .connection_options = connection_options,
    .table_options = table_options,
    .oauth = &oauth,
    .task_size = sizeof(struct airtable),
    .classify = airtable_classify,
    .check = airtable_check,
    .discover = airtable_discover,
    .read = airtable_read,
    .special = airtable_special,
    .task_release = airtable_release,
};
