/*
 * stripe.c: the routes of the simulated API.
 *
 *     GET /v1/account, /v1/balance, /v1/accounts
 *     GET /v1/{customers, charges, ...}            lists
 *     GET /v1/{customers, charges, ...}/{id}       one object
 *     GET /v1/customers/{id}/payment_methods, /v1/invoices/{id}/lines, /v1/subscription_items
 */
#include "sim/stripe/stripe.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "json/doc.h"
#include "sim/fault.h"
#include "sim/stripe/shapes.h"
#include "sim/text.h"

#define SEGMENT_MAX 96
#define KEY_MAX 128

/* ------------------------------------------------------------------ life */

static void stripe_destroy(void *state)
{
    struct stripe *app = state;

    if (!app) return;
    for (int a = 0; a < ST_ACCOUNTS_MAX; a++) {
        for (int k = 0; k < ST_KINDS; k++) sl_free(app->accounts[a].kinds[k].list);
        sl_free(app->accounts[a].events);
    }
    sl_doc_free(app->doc);
    sl_free(app);
}

static void *stripe_create(const struct sim_options *options, struct sl_error *error)
{
    struct stripe *app = sl_calloc(1, sizeof *app);

    if (!app) {
        (void)sl_fail(error, SL_NO_MEMORY, "could not make the Stripe simulator");
        return NULL;
    }
    app->now_us = options->start_us;
    app->start = options->start_us / 1000000;
    app->seed = options->seed;
    app->unlimited = options->rate < 0;
    app->doc = sl_doc_new(0);
    if (!app->doc) (void)sl_fail(error, SL_NO_MEMORY, "could not make the Stripe simulator");
    if (!app->doc || st_seed(app, options, error)) {
        stripe_destroy(app);
        return NULL;
    }
    return app;
}

static enum sl_code stripe_connection(void *state, const char *base_url, struct sl_buf *out,
                                      struct sl_error *error)
{
    const struct stripe *app = state;

    sl_buf_addf(out, "{\"api_key\":\"sk_test_simulated\",\"base_url\":\"%s\"%s}", base_url,
                app->unlimited ? ",\"requests_per_second\":1000000" : "");
    return sl_buf_failed(out) ? sl_fail(error, SL_NO_MEMORY, "could not describe a connection")
                              : SL_OK;
}

/* ------------------------------------------------------------------ errors */

void st_error(struct sim_reply *reply, int status, const char *type, const char *code,
              const char *param, const char *format, ...)
{
    char text[600];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    sl_buf_reset(reply->body);
    sl_buf_adds(reply->body, "{\"error\":{");
    if (code)
        sl_buf_addf(reply->body,
                    "\"code\":\"%s\",\"doc_url\":\"https://docs.example.com/error-codes#%s\",",
                    code, code);
    sl_buf_adds(reply->body, "\"message\":");
    sim_json_text(reply->body, text);
    if (param) {
        sl_buf_adds(reply->body, ",\"param\":");
        sim_json_text(reply->body, param);
    }
    sl_buf_addf(reply->body, ",\"type\":\"%s\"}}", type);
    reply->status = status;
}

static const struct st_account *account_of(const struct stripe *app,
                                           const struct sim_request *request)
{
    const char *id = sim_request_header(request, "stripe-account");

    if (!id) return &app->accounts[0];
    for (int i = 0; i < app->account_count; i++)
        if (strcmp(app->accounts[i].id, id) == 0 && !app->accounts[i].revoked)
            return &app->accounts[i];
    return NULL;
}

static void too_many(const struct stripe *app, const char *reason, struct sim_reply *reply)
{
    if (reason && strcmp(reason, "lock_timeout") == 0) {
        st_error(reply, 429, "invalid_request_error", "lock_timeout", NULL,
                 "This object cannot be accessed right now because another API request or Stripe "
                 "process is currently accessing it. If you see this error intermittently, retry "
                 "the request.");
        return;
    }
    st_error(reply, 429, "invalid_request_error", "rate_limit", NULL,
             "Request rate limit exceeded. Learn more about rate limits here "
             "https://docs.example.com/rate-limits.");
    sim_reply_header(reply, "stripe-rate-limited-reason",
                     reason      ? reason
                     : app->live ? "endpoint-rate"
                                 : "global-rate");
}

static bool stripe_fail(void *state, const char *name, const struct sim_fault *params,
                        const struct sim_request *request, struct sim_reply *reply)
{
    struct stripe *app = state;
    const char *retry = sim_fault_param(params, "should_retry");

    (void)request;
    sim_reply_header(reply, "request-id", "req_SimFailed0001");
    if (retry) sim_reply_header(reply, "stripe-should-retry", retry);
    if (strcmp(name, "429") == 0)
        too_many(app, sim_fault_param(params, "reason"), reply);
    else if (strcmp(name, "401") == 0)
        st_error(reply, 401, "invalid_request_error", NULL, NULL,
                 "Invalid API Key provided: sk_test_*****ated");
    else if (strcmp(name, "403") == 0)
        st_error(reply, 403, "invalid_request_error", NULL, NULL,
                 "The provided key 'rk_test_***' does not have the required permissions for this "
                 "endpoint on account '%s'. Having the 'rak_simulated_read' permission would allow "
                 "this request to continue.",
                 app->accounts[0].id);
    else if (strcmp(name, "404") == 0)
        st_error(reply, 404, "invalid_request_error", NULL, NULL,
                 "Unrecognized request URL (GET: %.80s).", request->path);
    else if (strcmp(name, "500") == 0 || strcmp(name, "503") == 0)
        st_error(reply, name[0] * 100 - '0' * 100 + (name[2] - '0'), "api_error", NULL, NULL,
                 "Sorry! There was an error while talking to Stripe. Please let us know at "
                 "support@example.com.");
    else
        return false;
    return true;
}

/* ------------------------------------------------------------------ who asks, and what for */

struct route {
    char parts[4][SEGMENT_MAX]; /* v1, path, id, sub-list */
    int count;
    enum st_kind kind; /* ST_KINDS: none of the tables */
};

static bool split(const char *path, struct route *route)
{
    *route = (struct route){.kind = ST_KINDS};
    while (*path == '/') {
        size_t len = strcspn(++path, "/");

        if (route->count == 4 || len >= SEGMENT_MAX) return false;
        memcpy(route->parts[route->count++], path, len);
        path += len;
    }
    for (enum st_kind k = ST_CUSTOMERS; k < ST_KINDS && route->count > 1; k++)
        if (strcmp(st_classes[k].path, route->parts[1]) == 0) route->kind = k;
    return true;
}

/* "Bearer KEY" and Basic with the key as user and nothing as password are the same. */
static bool read_key(const struct sim_request *request, char key[KEY_MAX])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *header = sim_request_header(request, "authorization");
    unsigned bits = 0;
    int held = 0;
    size_t n = 0;

    if (header && strncmp(header, "Bearer ", 7) == 0) {
        (void)snprintf(key, KEY_MAX, "%s", header + 7);
        return true;
    }
    if (!header || strncmp(header, "Basic ", 6) != 0) return false;
    for (const char *c = header + 6, *at; *c && (at = strchr(digits, *c)) && n + 1 < KEY_MAX; c++) {
        bits = bits << 6 | (unsigned)(at - digits);
        held += 6;
        if (held < 8) continue;
        held -= 8;
        key[n++] = (char)(bits >> held & 0xff);
    }
    key[n] = '\0';
    key[strcspn(key, ":")] = '\0';
    return n > 0;
}

static bool authorised(struct stripe *app, const struct sim_request *request,
                       struct sim_reply *reply)
{
    char key[KEY_MAX] = "";

    if (!read_key(request, key)) {
        st_error(reply, 401, "invalid_request_error", NULL, NULL,
                 "You did not provide an API key. You need to provide your API key in the "
                 "Authorization header, using Bearer auth.");
        return false;
    }
    if (app->revoked || (strncmp(key, "sk_", 3) != 0 && strncmp(key, "rk_", 3) != 0)) {
        st_error(reply, 401, "invalid_request_error", NULL, NULL,
                 "Invalid API Key provided: %.8s***", key);
        return false;
    }
    app->live = strncmp(key + 3, "live_", 5) == 0;
    return true;
}

static enum sl_code stripe_look(void *state, const struct sim_request *request,
                                struct sim_look *out, struct sl_error *error)
{
    struct stripe *app = state;
    const struct st_account *account = account_of(app, request);
    char key[KEY_MAX] = "", after[8];
    struct route route;

    (void)error;
    app->now_us = request->now_us;
    (void)read_key(request, key);
    bool live = strncmp(key, "sk_live_", 8) == 0 || strncmp(key, "rk_live_", 8) == 0;

    if (!account) account = &app->accounts[0];
    (void)snprintf(out->counts[0].key, sizeof out->counts[0].key, "%s", account->id);
    out->counts[0].rate = live ? 100 : 25;
    out->counts[0].window_us = 1000000;
    if (!split(request->path, &route) || route.count < 2) return SL_OK;
    (void)snprintf(out->counts[1].key, sizeof out->counts[1].key, "%.4s %.24s%s%.14s",
                   account->id + strlen(account->id) - 4, route.parts[1],
                   route.count > 2 ? "/:id/" : "", route.parts[3]);
    out->counts[1].rate = 25;
    out->counts[1].window_us = 1000000;
    if (route.kind == ST_KINDS) return SL_OK;
    (void)snprintf(out->table, sizeof out->table, "%s", st_classes[route.kind].table);
    (void)snprintf(out->table_name, sizeof out->table_name, "%s", st_classes[route.kind].table);
    if (route.count == 2)
        out->page = sim_query_get(request->query, "starting_after", after, sizeof after) ||
                            strstr(request->query, "starting_after")
                        ? 2
                        : 1;
    return SL_OK;
}

/* ------------------------------------------------------------------ answers */

static void missing(enum st_kind kind, const char *id, struct sim_reply *reply)
{
    st_error(reply, 404, "invalid_request_error", "resource_missing", "id", "No such %s: '%.80s'",
             st_classes[kind].object, id);
}

static void unknown_route(const struct sim_request *request, struct sim_reply *reply)
{
    st_error(reply, 404, "invalid_request_error", NULL, NULL,
             "Unrecognized request URL (%.8s: %.200s). If you are trying to list objects, remove "
             "the trailing slash. If you are trying to retrieve an object, make sure you passed a "
             "valid (non-empty) identifier in your code.",
             request->method, request->path);
}

static void put_account(const struct st_account *account, struct sl_buf *out)
{
    sl_buf_addf(out,
                "{\"id\":\"%s\",\"object\":\"account\",\"business_profile\":{\"name\":\"%s\"},"
                "\"business_type\":\"company\",\"charges_enabled\":true,\"country\":\"SE\","
                "\"created\":%lld,\"default_currency\":\"sek\",\"details_submitted\":true,"
                "\"email\":\"owner%d@example.com\",\"metadata\":{},\"payouts_enabled\":true,"
                "\"settings\":{\"dashboard\":{\"display_name\":\"%s\"}},\"type\":\"standard\"}",
                account->id, account->name, LONG(account->created), account->number, account->name);
}

static void list_accounts(const struct stripe *app, const struct st_query *q,
                          struct sim_reply *reply)
{
    int first = 1, shown = 0;

    for (int i = 1; q->after[0] && i < app->account_count; i++)
        if (strcmp(app->accounts[i].id, q->after) == 0) first = i + 1;
    sl_buf_adds(reply->body, "{\"object\":\"list\",\"data\":[");
    for (int i = first; i < app->account_count && shown < q->limit; i++, shown++) {
        if (shown) sl_buf_addc(reply->body, ',');
        put_account(&app->accounts[i], reply->body);
    }
    sl_buf_addf(reply->body, "],\"has_more\":%s,\"url\":\"/v1/accounts\"}",
                st_truth(first + shown < app->account_count));
}

/* What is no table. */
static void answer_other(struct stripe *app, const struct st_account *account,
                         const struct route *route, const struct sim_request *request,
                         const struct st_view *view, struct sim_reply *reply)
{
    const char *path = route->parts[1];
    struct st_query q;

    if (strcmp(path, "account") == 0 && route->count == 2) {
        if (account->forbidden_account)
            st_error(reply, 403, "invalid_request_error", NULL, NULL,
                     "The provided key 'rk_test_***' does not have the required permissions for "
                     "this endpoint on account '%s'. This is a restricted API key, but the "
                     "required permissions are not available for use by restricted keys.",
                     account->id);
        else
            put_account(account, reply->body);
    } else if (strcmp(path, "balance") == 0 && route->count == 2) {
        sl_buf_addf(reply->body,
                    "{\"object\":\"balance\",\"available\":[],\"livemode\":%s,\"pending\":[]}",
                    st_truth(app->live));
    } else if (strcmp(path, "accounts") == 0 && route->count == 2) {
        if (st_read_query(ST_CUSTOMERS, true, NULL, request, &q, reply))
            list_accounts(app, &q, reply);
    } else if (strcmp(path, "subscription_items") == 0 && route->count == 2) {
        if (!st_read_query(ST_SUBSCRIPTIONS, true, " subscription ", request, &q, reply)) return;
        int64_t index = st_find(account, ST_SUBSCRIPTIONS, q.subscription);

        if (index < 0) {
            missing(ST_SUBSCRIPTIONS, q.subscription, reply);
            return;
        }
        struct st_object o = st_get(app, account, ST_SUBSCRIPTIONS, index);

        st_list_children(account, ST_SUBSCRIPTIONS, index, &o, &q, view, "/v1/subscription_items",
                         reply);
    } else {
        unknown_route(request, reply);
    }
}

static void answer_one(struct stripe *app, const struct st_account *account,
                       const struct route *route, const struct sim_request *request,
                       struct st_view *view, struct sim_reply *reply)
{
    enum st_kind kind = route->kind;
    int64_t index = st_find(account, kind, route->parts[2]);
    struct st_query q;

    if (!st_read_query(kind, false, NULL, request, &q, reply)) return;
    view->expand = q.expand;
    if (index < 0) {
        missing(kind, route->parts[2], reply);
        return;
    }
    if (kind == ST_EVENTS) {
        if (account->events[index].created < app->now_us / 1000000 - ST_RETENTION_S)
            st_error(reply, 404, "invalid_request_error", "resource_missing", "id",
                     "The event %s is no longer available because it's aged out of our retention "
                     "policy",
                     route->parts[2]);
        else
            st_render_event(app, account, index, reply->body);
        return;
    }
    struct st_object o = st_get(app, account, kind, index);

    if (!o.deleted)
        st_render(account, kind, index, &o, view, reply->body);
    else if (st_classes[kind].stub)
        sl_buf_addf(reply->body, "{\"id\":\"%s\",\"object\":\"%s\",\"deleted\":true}",
                    route->parts[2], st_classes[kind].object);
    else
        missing(kind, route->parts[2], reply);
}

/* /v1/customers/{id}/payment_methods, /v1/invoices/{id}/lines */
static void answer_sub(struct stripe *app, const struct st_account *account,
                       const struct route *route, const struct sim_request *request,
                       struct st_view *view, struct sim_reply *reply)
{
    int64_t index = route->kind < ST_EVENTS ? st_find(account, route->kind, route->parts[2]) : -1;
    bool methods = route->kind == ST_CUSTOMERS && !strcmp(route->parts[3], "payment_methods");
    bool lines = route->kind == ST_INVOICES && !strcmp(route->parts[3], "lines");
    struct st_query q;

    if (!methods && !lines) {
        unknown_route(request, reply);
        return;
    }
    if (!st_read_query(methods ? ST_PAYMENT_METHODS : ST_INVOICES, true, " type ", request, &q,
                       reply))
        return;
    struct st_object o = {0};

    if (index >= 0) o = st_get(app, account, route->kind, index);
    if (index < 0 || o.deleted) {
        missing(route->kind, route->parts[2], reply);
    } else if (methods) {
        (void)snprintf(q.customer, sizeof q.customer, "%.63s", route->parts[2]);
        st_list(app, account, ST_PAYMENT_METHODS, &q, view, request->path, reply);
    } else {
        st_list_children(account, ST_INVOICES, index, &o, &q, view, request->path, reply);
    }
}

/* The shapes of a version; one that does not exist is refused. */
static bool read_version(const struct st_account *account, const struct sim_request *request,
                         bool *basil, struct sim_reply *reply)
{
    const char *version = sim_request_header(request, "stripe-version");

    *basil = account->basil;
    if (version && (strlen(version) < 10 || version[4] != '-' || version[7] != '-')) {
        st_error(reply, 400, "invalid_request_error", NULL, NULL,
                 "Invalid Stripe API version: %.40s", version);
        return false;
    }
    if (version) *basil = strncmp(version, "2025-03-31", 10) >= 0;
    sim_reply_header(reply, "stripe-version",
                     version          ? version
                     : account->basil ? ST_BASIL
                                      : ST_PINNED);
    return true;
}

static bool permitted(const struct st_account *account, const struct route *route,
                      struct sim_reply *reply)
{
    enum st_kind kind = route->kind;

    if (route->count == 4 && strcmp(route->parts[3], "payment_methods") == 0)
        kind = ST_PAYMENT_METHODS;
    if (kind == ST_KINDS || !account->forbidden[kind]) return true;
    st_error(reply, 403, "invalid_request_error", NULL, NULL,
             "The provided key 'rk_test_***' does not have the required permissions for this "
             "endpoint on account '%s'. Having the '%s' permission would allow this request to "
             "continue.",
             account->id, st_classes[kind].permission);
    return false;
}

static enum sl_code stripe_handle(void *state, const struct sim_request *request,
                                  struct sim_reply *reply, struct sl_error *error)
{
    struct stripe *app = state;
    const struct st_account *account = account_of(app, request);
    struct st_view view = {.now = request->now_us / 1000000};
    struct route route;
    struct st_query q;
    char id[ST_ID_MAX];

    (void)error;
    (void)snprintf(id, sizeof id, "req_Sim%llu",
                   (unsigned long long)(sim_mix(9, (uint64_t)request->now_us) % 1000000007));
    sim_reply_header(reply, "request-id", id);
    if (!authorised(app, request, reply)) return SL_OK;
    view.live = app->live;
    if (!account) {
        st_error(reply, 403, "invalid_request_error", "account_invalid", NULL,
                 "The provided key does not have access to account '%.60s' (or that account does "
                 "not exist). Application access may have been revoked.",
                 sim_request_header(request, "stripe-account"));
        return SL_OK;
    }
    if (!read_version(account, request, &view.basil, reply)) return SL_OK;
    if (!split(request->path, &route) || route.count < 2 || strcmp(route.parts[0], "v1") != 0 ||
        strcmp(request->method, "GET") != 0 || (route.count > 2 && !route.parts[2][0])) {
        unknown_route(request, reply);
    } else if (!permitted(account, &route, reply)) {
        return SL_OK;
    } else if (route.kind == ST_KINDS) {
        answer_other(app, account, &route, request, &view, reply);
    } else if (route.count == 4) {
        answer_sub(app, account, &route, request, &view, reply);
    } else if (route.count == 3) {
        answer_one(app, account, &route, request, &view, reply);
    } else if (st_read_query(route.kind, true, NULL, request, &q, reply)) {
        view.expand = q.expand;
        if (route.kind == ST_EVENTS)
            st_list_events(app, account, &q, reply);
        else
            st_list(app, account, route.kind, &q, &view, request->path, reply);
    }
    return SL_OK;
}

/* ------------------------------------------------------------------ truth */

/* What a complete read of a table brings: everything that lists show, sub-lists to their end. */
static void put_truth(struct stripe *app, const struct st_account *account, enum st_kind kind,
                      struct sl_buf *out)
{
    static const char expand[] = " tiers currency_options applies_to ";
    struct st_view view = {.whole = true,
                           .live = app->live,
                           .expand = expand,
                           .now = app->now_us / 1000000};
    bool first = true;

    for (int64_t i = st_count(account, kind) - 1; i >= 0; i--) {
        if (kind == ST_EVENTS) {
            const struct st_event *event = &account->events[i];

            if (event->visible > view.now || event->created < view.now - ST_RETENTION_S) continue;
        } else {
            struct st_object o = st_get(app, account, kind, i);

            if (o.deleted || (kind == ST_PAYMENT_METHODS && o.state)) continue;
        }
        if (!first) sl_buf_addc(out, ',');
        first = false;
        if (kind == ST_EVENTS) {
            st_render_event(app, account, i, out);
        } else {
            struct st_object o = st_get(app, account, kind, i);

            st_render(account, kind, i, &o, &view, out);
        }
    }
}

static enum sl_code stripe_truth(void *state, const struct sim_request *request, struct sl_buf *out,
                                 struct sl_error *error)
{
    struct stripe *app = state;
    char name[64], id[ST_ID_MAX] = "";
    const struct st_account *account = &app->accounts[0];
    enum st_kind kind;

    if (!sim_query_get(request->query, "table", name, sizeof name)) {
        sl_buf_adds(out, "{\"tables\":[");
        for (int k = 0; k < ST_KINDS; k++)
            sl_buf_addf(out, "%s\"%s\"", k ? "," : "", st_classes[k].table);
        sl_buf_adds(out, "],\"namespaces\":[");
        for (int a = 0; a < app->account_count; a++)
            sl_buf_addf(out, "%s\"%s\"", a ? "," : "", app->accounts[a].id);
        sl_buf_adds(out, "]}");
        return SL_OK;
    }
    (void)sim_query_get(request->query, "namespace", id, sizeof id);
    for (int i = 0; i < app->account_count; i++)
        if (strcmp(app->accounts[i].id, id) == 0) account = &app->accounts[i];
    kind = st_kind_of(name);
    if (kind == ST_KINDS) return sl_fail(error, SL_NOT_FOUND, "there is no table '%s'", name);
    app->now_us = request->now_us;
    sl_buf_addf(out, "{\"table\":\"%s\",\"records\":[", name);
    put_truth(app, account, kind, out);
    sl_buf_adds(out, "]}");
    return SL_OK;
}

const struct sim_app sim_app_stripe = {
    .name = "stripe",
    .summary = "Stripe's API: sixteen kinds of objects, events, connected accounts",
    .create = stripe_create,
    .destroy = stripe_destroy,
    .look = stripe_look,
    .handle = stripe_handle,
    .fail = stripe_fail,
    .has_op = st_has_op,
    .operate = st_operate,
    .truth = stripe_truth,
    .connection = stripe_connection,
};
