/* stripe.c: options, requests, and where a read begins. docs/connectors/stripe.md. */
#include "stripe.h"

#include <stdio.h>
#include <string.h>

#include <sluice/hash.h>

/* A sandbox allows 25 requests a second, and so does an endpoint. Three less: requests 45 ms apart
 * that one hold-up on the way delays arrive together, and a second then counts some of the next. */
#define TEST_RATE 22.0
#define LIVE_RATE 60.0 /* of 100, which the account's own payments share */
#define ENDPOINT_RATE 22.0
#define CONCURRENT 20
/* Whose limit counts for connected accounts is not said, theirs or the platform's: both. */
#define PLATFORM_KEY "stripe/{credential}/platform"

#define AT(member) offsetof(struct stripe, member)

static const struct sl_option connection_options[] = {
    {.name = "api_key",
     .kind = SL_OPTION_SECRET,
     .required = true,
     .offset = AT(api_key),
     .help = "A secret key (sk_live_, sk_test_), or a restricted one (rk_) that may read what is "
             "landed, and Events. Live and test data never land in one table."},
    {.name = "accounts",
     .alias = "account",
     .kind = SL_OPTION_LIST,
     .offset = AT(accounts),
     .help = "Connect: ids of the connected accounts to read (acct_), or 'all' for the key's own "
             "and all connected ones. Without it: the key's own account."},
    {.name = "api_version",
     .kind = SL_OPTION_STRING,
     .preset = STRIPE_VERSION,
     .offset = AT(api_version),
     .help = "The Stripe-Version that is asked for, which decides the shapes of objects."},
    {.name = "requests_per_second",
     .kind = SL_OPTION_DOUBLE,
     .preset = "0",
     .min = 0,
     .max = 1000000,
     .offset = AT(requests_per_second),
     .help = "Calls per second for each account; 0: 60 of the 100 that live data allow, which the "
             "account's own payments share, and 22 of the 25 of a sandbox."},
    {.name = "base_url",
     .kind = SL_OPTION_URL,
     .preset = "https://api.stripe.com",
     .offset = AT(base_url),
     .help = "Where the API is."},
    {0},
};

static const struct sl_option table_options[] = {
    {.name = "start_date",
     .kind = SL_OPTION_STRING,
     .offset = AT(start_date),
     .help = "Only objects that were created on this day (2025-01-31, UTC) or later."},
    {.name = "expand",
     .kind = SL_OPTION_LIST,
     .offset = AT(expand),
     .help = "More members to ask for, such as tax for customers or refunds for charges. Changed "
             "objects are then fetched one by one."},
    {.name = "lookback_seconds",
     .kind = SL_OPTION_INT,
     .preset = "600",
     .min = 0,
     .max = 604800,
     .offset = AT(lookback_seconds),
     .help = "How far an increment reaches back before the end of the last one, for events that "
             "show up late. The table events stays so far behind the present instead."},
    {.name = "reread_days",
     .kind = SL_OPTION_INT,
     .preset = "30",
     .min = 0,
     .max = 3650,
     .offset = AT(reread_days),
     .help =
         "Tables whose changes have no events (balance_transactions, invoice_items): how many days "
         "are read again."},
    {.name = "reread_hours",
     .kind = SL_OPTION_INT,
     .preset = "24",
     .min = 0,
     .max = 8760,
     .offset = AT(reread_hours),
     .help = "How often reread_days are read again: by the first run of a day (UTC), and once in "
             "so many "
             "hours; 0: in every run."},
    {0},
};

/* ---- requests ---- */

void stripe_account_key(const struct stripe *self, char out[160])
{
    if (self->account[0])
        snprintf(out, 160, "stripe/%.100s/%s", self->account, self->live ? "live" : "test");
    else
        snprintf(out, 160, "stripe/{credential}");
}

void stripe_endpoint_key(const struct stripe *self, const char *endpoint, char out[160])
{
    char account[160];

    stripe_account_key(self, account);
    snprintf(out, 160, "%.118s/%.40s", account, endpoint);
}

static enum sl_code declare(const char *key, double rate, struct sl_out *out,
                            struct sl_error *error)
{
    struct sl_limit limit = {
        .key = key,
        .rate = rate,
        .window_ms = 1000,
        .concurrency = CONCURRENT,
        .set_by = "requests_per_second",
    };

    return sl_out_limit(out, &limit, error);
}

static enum sl_code declare_limits(const struct stripe *self, const char *account,
                                   const char *endpoint, struct sl_out *out, struct sl_error *error)
{
    double rate = self->requests_per_second > 0 ? self->requests_per_second
                  : self->live                  ? LIVE_RATE
                                                : TEST_RATE;
    double each = self->requests_per_second > ENDPOINT_RATE * 4 ? rate : ENDPOINT_RATE;
    enum sl_code rc = declare(account, rate, out, error);

    if (!rc && self->connected) rc = declare(PLATFORM_KEY, rate, out, error);
    if (!rc) rc = declare(endpoint, each < rate ? each : rate, out, error);
    return rc;
}

enum sl_code stripe_ask(struct stripe *self, enum stripe_stage stage, const struct sl_url *url,
                        const char *endpoint, struct sl_out *out, struct sl_error *error)
{
    char account[160], place[160];
    struct sl_request request = {
        .url = sl_url_text(url),
        .headers = {{"Stripe-Version", self->api_version}},
        .auth = {.kind = SL_AUTH_BEARER, .secret = "api_key"},
        .spends = {{account, 1}, {place, 1}},
    };
    enum sl_code rc;

    if (!request.url) return sl_fail(error, SL_BAD_DATA, "an id is too long, or not fit for a URL");
    if (self->connected) {
        request.headers[1] = (struct sl_header){"Stripe-Account", self->account};
        request.spends[2] = (struct sl_spend){PLATFORM_KEY, 1};
    }
    stripe_account_key(self, account);
    stripe_endpoint_key(self, endpoint, place);
    self->stage = stage;
    rc = declare_limits(self, account, place, out, error);
    if (!rc) rc = sl_out_request(out, &request, error);
    return rc ? rc : SL_MORE;
}

void stripe_url(const struct stripe *self, const char *path, struct sl_url *url)
{
    sl_url_init(url, self->base_url);
    sl_url_path(url, "v1");
    sl_url_path(url, path);
}

bool stripe_keep_id(char out[STRIPE_ID_MAX], const struct sl_json *value)
{
    const char *text = sl_json_str(value);
    size_t len = sl_json_str_len(value);

    out[0] = '\0';
    if (!text || len == 0 || len >= STRIPE_ID_MAX || strlen(text) != len) return false;
    memcpy(out, text, len + 1);
    return true;
}

int64_t stripe_now(const struct stripe *self, const struct sl_response *response)
{
    int64_t round_trip_us = response->received_at_us - response->started_at_us;
    int64_t us = response->server_date_us;

    if (us == SL_NO_TIME) us = self->task.run_started_at_us;
    return (us - (round_trip_us > 0 ? round_trip_us : 0)) / SL_SECOND_US;
}

/* ---- what is asked for ---- */

bool stripe_expands(const struct stripe *self)
{
    return sl_json_len(self->expand) > 0 || (self->table->expand && self->table->expand[0]);
}

void stripe_put_expand(const struct stripe *self, const char *prefix, struct sl_url *url)
{
    char text[120];
    int left = STRIPE_EXPAND_MAX;

    for (const char *const *e = self->table->expand; e && *e; e++) {
        snprintf(text, sizeof text, "%s%s", prefix, *e);
        sl_url_query(url, "expand[]", text);
        left--;
    }
    for (struct sl_json_each e = sl_json_each(self->expand); sl_json_next(&e) && left-- > 0;) {
        if (!sl_json_str(e.value)) continue;
        snprintf(text, sizeof text, "%s%.80s", prefix, sl_json_str(e.value));
        sl_url_query(url, "expand[]", text);
    }
}

bool stripe_wants(const struct stripe *self, const char *column)
{
    if (!self->task.columns) return true;
    for (struct sl_json_each e = sl_json_each(self->task.columns); sl_json_next(&e);)
        if (sl_json_eq(e.value, column)) return true;
    return false;
}

bool stripe_has_sequence(const struct stripe_table *table)
{
    return table->way == STRIPE_BY_EVENTS || table->way == STRIPE_BY_PARENTS;
}

struct sl_sequence stripe_sequence(const struct stripe *self, int64_t us)
{
    if (!stripe_has_sequence(self->table)) return (struct sl_sequence){0};
    return (struct sl_sequence){us, true};
}

uint64_t stripe_hash(const char *text, int64_t salt)
{
    uint64_t hash = sl_text_hash(SL_TEXT_HASH_START ^ (uint64_t)salt, text);

    return hash ? hash : 1;
}

/* ---- read ---- */

static enum sl_code take_start_date(struct stripe *self, struct sl_error *error)
{
    int32_t days;

    if (!self->start_date || !self->start_date[0]) return SL_OK;
    if (!sl_date_parse(self->start_date, strlen(self->start_date), &days))
        return sl_fail(error, SL_BAD_SPEC, "start_date: '%.40s' is no day such as 2025-01-31",
                       self->start_date);
    self->start_s = days * (SL_DAY_US / SL_SECOND_US);
    return SL_OK;
}

/* The task of the table itself: everything, or what changed? */
static enum sl_code begin_root(struct stripe *self, struct sl_out *out, struct sl_error *error)
{
    const char *misfit = stripe_take_cursor(self);

    self->root = true;
    if (misfit && self->task.cursor && !self->task.full && self->table->way == STRIPE_LOG) {
        sl_fail(error, SL_BAD_DATA, "table '%s': it is not known what was appended already: %s",
                self->table->name, misfit);
        sl_error_hint(error, "Run it with --full-refresh: that brings the events of 30 days.");
        return SL_BAD_DATA;
    }
    if (self->task.full || misfit) {
        if (misfit && self->task.cursor && !self->task.full)
            sl_out_note(out, SL_NOTE_INFO, "table '%s': everything is read, because %s",
                        self->table->name, misfit);
        if (misfit) self->old = (struct stripe_cursor){0};
        return stripe_read_all(self, out, error);
    }
    self->next.from = self->old.from;
    self->next.reread = self->old.reread;
    if (stripe_has_sequence(self->table)) return stripe_start_events(self, out, error);
    return stripe_read_recent(self, out, error);
}

static enum sl_code begin(struct stripe *self, struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *state = self->task.state, *input = self->task.input;
    const struct sl_json *walk = sl_json_get(input, "walk");
    enum sl_code rc;

    self->table = stripe_table_find(self->task.table);
    if (!self->table)
        return sl_fail(error, SL_NOT_FOUND, "Stripe has no table '%.80s'",
                       self->task.table ? self->task.table : "");
    if (!stripe_keep_id(self->account, sl_json_get(state, "account")))
        return sl_fail(error, SL_BUG, "the state of table '%s' names no account",
                       self->table->name);
    self->connected = sl_json_true(sl_json_get(state, "connected"));
    self->live = sl_json_true(sl_json_get(state, "live"));
    sl_json_i64(sl_json_get(state, "created"), &self->account_created);
    if (!sl_json_i64(sl_json_get(state, "now"), &self->began))
        self->began = self->task.run_started_at_us / SL_SECOND_US;
    rc = take_start_date(self, error);
    if (rc) return rc;
    if (sl_json_get(input, "keys")) return stripe_start_queue(self, out, error);
    sl_json_i64(sl_json_get(input, "load"), &self->load);
    sl_json_i64(sl_json_get(input, "gte"), &self->window.gte);
    sl_json_i64(sl_json_get(input, "lt"), &self->window.lt);
    self->filtered = sl_json_true(sl_json_get(input, "filtered"));
    if (sl_json_eq(walk, "events")) return stripe_start_events(self, out, error);
    if (sl_json_eq(walk, "list")) return stripe_start_window(self, out, error);
    return begin_root(self, out, error);
}

static enum sl_code read_table(void *task, const struct sl_response *response, struct sl_out *out,
                               struct sl_error *error)
{
    struct stripe *self = task;

    if (!response) return begin(self, out, error);
    switch (self->stage) {
    case STRIPE_LIST: return stripe_list_answer(self, response, out, error);
    case STRIPE_EVENTS: return stripe_events_answer(self, response, out, error);
    default: return stripe_object_answer(self, response, out, error);
    }
}

const struct sl_connector sl_connector_stripe = {
    .abi = SL_CONNECTOR_ABI,
    .name = "stripe",
    .title = "Stripe",
    .summary = "Stripe accounts, live or test: customers, payments, billing, and their events",
    .docs = "https://docs.stripe.com/api",
    .connection_options = connection_options,
    .table_options = table_options,
    .task_size = sizeof(struct stripe),
    .classify = stripe_classify,
    .check = stripe_check,
    .discover = stripe_discover,
    .read = read_table,
    .task_release = stripe_release,
};
