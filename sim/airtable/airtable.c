/* airtable.c: the Airtable web API, without writing records: routes, tokens, errors. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/time.h"
#include "json/doc.h"
#include "sim/airtable/airtable.h"
#include "sim/fault.h"
#include "sim/text.h"

#define DEMO_TOKEN                                                                                 \
    "patLaunchControl0.0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define BASE_RATE 5   /* requests a second for a base, all tokens together */
#define TOKEN_RATE 50 /* requests a second for all of a user's tokens */
#define PENALTY_US (30 * SL_SECOND_US)

/* ------------------------------------------------------------------ life */

static void airtable_destroy(void *state)
{
    at_free(state);
}

static void *airtable_create(const struct sim_options *options, struct sl_error *error)
{
    struct airtable *app = at_new(NULL, options->seed, options->start_us);

    if (!app) {
        (void)sl_fail(error, SL_NO_MEMORY, "could not make the Airtable simulator");
        return NULL;
    }
    (void)snprintf(app->tokens[0].token, sizeof app->tokens[0].token, "%s", DEMO_TOKEN);
    app->tokens[0].scopes = AT_SCHEMA | AT_RECORDS | AT_COMMENTS | AT_WEBHOOKS;
    app->token_count = 1;
    at_oauth_init(app);
    if (at_base_build(app, options->kind ? options->kind : "demo", NULL, 0, 0, options->records,
                      error)) {
        at_free(app);
        return NULL;
    }
    return app;
}

static enum sl_code airtable_connection(void *state, const char *base_url, struct sl_buf *out,
                                        struct sl_error *error)
{
    const struct airtable *app = state;

    sl_buf_addc(out, '{');
    if (app->oauth.shown)
        at_oauth_connection(app, out);
    else
        sl_buf_addf(out, "\"token\":\"%s\"", app->tokens[0].token);
    sl_buf_addf(out, ",\"base_id\":\"%s\",\"base_url\":\"%s\"}", app->base_id, base_url);
    return sl_buf_failed(out) ? sl_fail(error, SL_NO_MEMORY, "could not describe a connection")
                              : SL_OK;
}

/* ------------------------------------------------------------------ errors */

/* The shapes: {"error":{type,message}}, without a message, a bare string, and the plural. */
void at_error(struct airtable *app, struct sim_reply *reply, int status, const char *type,
              const char *message)
{
    struct sl_buf *out = reply->body;

    reply->status = status;
    sl_buf_reset(out);
    if (!message) {
        sl_buf_addf(out, "{\"error\":\"%s\"}", type);
    } else if (status == 429 && app->plural_errors) {
        sl_buf_addf(out, "{\"errors\":[{\"error\":\"%s\",\"message\":", type);
        sim_json_text(out, message);
        sl_buf_adds(out, "}]}");
    } else {
        sl_buf_addf(out, "{\"error\":{\"type\":\"%s\"", type);
        if (*message) {
            sl_buf_adds(out, ",\"message\":");
            sim_json_text(out, message);
        }
        sl_buf_adds(out, "}}");
    }
}

static const struct {
    const char *fault;
    int status;
    const char *type, *message; /* message: NULL a bare string, "" none */
} failures[] = {
    {"401", 401, "AUTHENTICATION_REQUIRED", "Authentication required"},
    {"402", 402, "PAYMENT_REQUIRED", "Payment is required"},
    {"403", 403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND",
     "Invalid permissions, or the requested model was not found. Check that both your user and "
     "your token have the required permissions, and that the model names and/or ids are correct."},
    {"404", 404, "NOT_FOUND", NULL},
    {"413", 413, "REQUEST_TOO_LARGE", "Request entity too large"},
    {"422", 422, "INVALID_REQUEST_UNKNOWN", "Invalid request: parameter validation failed."},
    {"429", 429, "RATE_LIMIT_REACHED", "Rate limit exceeded. Please try again later"},
    {"quota", 429, "PUBLIC_API_BILLING_LIMIT_EXCEEDED",
     "You have made the maximum number of requests allowed for this month"},
    {"500", 500, "SERVER_ERROR", "Something went wrong"},
    {"503", 503, "RETRIABLE_ERROR", "The request could not be processed and is safe to retry"},
};

static void handle_meta(struct airtable *app, const struct sim_request *request,
                        struct sim_reply *reply);

static bool airtable_fail(void *state, const char *name, const struct sim_fault *params,
                          const struct sim_request *request, struct sim_reply *reply)
{
    struct airtable *app = state;
    const char *shape = sim_fault_param(params, "shape");
    bool plural = app->plural_errors;

    /* the month's quota counts data calls; the meta API goes on answering */
    if (strcmp(name, "quota") == 0 && app->call.route <= AT_TABLES) {
        reply->status = 200;
        handle_meta(app, request, reply);
        return true;
    }
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        if (strcmp(failures[i].fault, name) != 0) continue;
        if (shape) app->plural_errors = strcmp(shape, "plural") == 0;
        at_error(app, reply, failures[i].status, failures[i].type,
                 shape && strcmp(shape, "bare") == 0 ? NULL : failures[i].message);
        app->plural_errors = plural;
        return true;
    }
    return false;
}

/* ------------------------------------------------------------------ routes */

/* "/v0/meta/bases/app.../tables" becomes its parts. Parts are decoded from the raw path, because
 * a table's name may hold a slash. */
static int split_path(const char *raw, char parts[6][256])
{
    int count = 0;

    while (*raw) {
        size_t len;

        while (*raw == '/') raw++;
        len = strcspn(raw, "/");
        if (!len) break;
        if (count == 6 || !sim_url_decode(raw, len, false, parts[count], 256)) return -1;
        count++;
        raw += len;
    }
    return count;
}

static bool copy_id(char *to, size_t cap, const char *from)
{
    int n = snprintf(to, cap, "%s", from);

    return n >= 0 && (size_t)n < cap;
}

/* /v0/bases/{base}/webhooks ... */
static enum at_route find_hook_route(struct at_call *call, const char *method, char parts[6][256],
                                     int count)
{
    bool get = strcmp(method, "GET") == 0, post = strcmp(method, "POST") == 0;

    (void)copy_id(call->base, sizeof call->base, parts[2]);
    if (count < 4 || strcmp(parts[3], "webhooks") != 0) return AT_NOWHERE;
    if (count > 4) (void)copy_id(call->record, sizeof call->record, parts[4]);
    if (count == 4) return get ? AT_HOOK_LIST : post ? AT_HOOK_CREATE : AT_NOWHERE;
    if (count == 5) return strcmp(method, "DELETE") == 0 ? AT_HOOK_DELETE : AT_NOWHERE;
    if (get && strcmp(parts[5], "payloads") == 0) return AT_HOOK_PAYLOADS;
    return post && strcmp(parts[5], "refresh") == 0 ? AT_HOOK_REFRESH : AT_NOWHERE;
}

static enum at_route find_route(struct at_call *call, const char *method, char parts[6][256],
                                int count)
{
    bool get = strcmp(method, "GET") == 0, post = strcmp(method, "POST") == 0;

    if (post && count == 3 && strcmp(parts[0], "oauth2") == 0 && strcmp(parts[1], "v1") == 0 &&
        strcmp(parts[2], "token") == 0)
        return AT_TOKEN;
    if (count < 2 || strcmp(parts[0], "v0") != 0) return AT_NOWHERE;
    if (strcmp(parts[1], "meta") == 0) {
        if (get && count == 3 && strcmp(parts[2], "whoami") == 0) return AT_WHOAMI;
        if (count < 3 || strcmp(parts[2], "bases") != 0 || !get) return AT_NOWHERE;
        if (count == 3) return AT_BASES;
        (void)copy_id(call->base, sizeof call->base, parts[3]);
        return count == 5 && strcmp(parts[4], "tables") == 0 ? AT_TABLES : AT_NOWHERE;
    }
    if (count < 3) return AT_NOWHERE;
    if (strcmp(parts[1], "bases") == 0) return find_hook_route(call, method, parts, count);
    (void)copy_id(call->base, sizeof call->base, parts[1]);
    (void)copy_id(call->table_text, sizeof call->table_text, parts[2]);
    if (count > 3) (void)copy_id(call->record, sizeof call->record, parts[3]);
    if (get && count == 3) return AT_LIST;
    if (post && count == 4 && strcmp(parts[3], "listRecords") == 0) return AT_LIST;
    if (get && count == 4) return AT_RECORD;
    if (get && count == 5 && strcmp(parts[4], "comments") == 0) return AT_COMMENT_LIST;
    return AT_NOWHERE;
}

static const struct at_token *find_token(const struct airtable *any,
                                         const struct sim_request *request)
{
    const struct airtable *app = any->home;
    const char *header = sim_request_header(request, "authorization");

    if (!header || strncmp(header, "Bearer ", 7) != 0) return NULL;
    for (int i = 0; i < app->token_count; i++)
        if (strcmp(app->tokens[i].token, header + 7) == 0) return &app->tokens[i];
    if (at_oauth_accepts(app, header + 7)) return &app->tokens[0]; /* the same user's */
    return NULL;
}

static void mistake_named(struct at_call *call, const char *fault)
{
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++)
        if (strcmp(failures[i].fault, fault) == 0)
            (void)at_mistake(call, failures[i].status, failures[i].type, "%s",
                             failures[i].message ? failures[i].message : "");
}

/* Who asks, and may they? */
static void check_access(struct airtable *app, const struct sim_request *request)
{
    static const unsigned scopes[] = {
        [AT_BASES] = AT_SCHEMA,          [AT_TABLES] = AT_SCHEMA,
        [AT_LIST] = AT_RECORDS,          [AT_RECORD] = AT_RECORDS,
        [AT_COMMENT_LIST] = AT_COMMENTS, [AT_HOOK_LIST] = AT_WEBHOOKS,
        [AT_HOOK_CREATE] = AT_WEBHOOKS,  [AT_HOOK_PAYLOADS] = AT_WEBHOOKS | AT_RECORDS,
        [AT_HOOK_REFRESH] = AT_WEBHOOKS, [AT_HOOK_DELETE] = AT_WEBHOOKS};
    struct at_call *call = &app->call;
    const struct at_token *token = find_token(app, request);

    if (!token) {
        mistake_named(call, "401");
        return;
    }
    if (call->route == AT_NOWHERE) {
        mistake_named(call, "404");
        return;
    }
    bool lacks = (token->scopes & scopes[call->route]) != scopes[call->route];
    bool other_base = call->base[0] && (strcmp(call->base, app->base_id) != 0 || app->base_gone ||
                                        !at_token_has_base(token, app->base_id));

    if (call->base[0] && strncmp(call->base, "app", 3) != 0)
        mistake_named(call, "404");
    else if (lacks || other_base)
        mistake_named(call, "403");
    else if (call->table_text[0] && (!call->table || call->table->forbidden))
        mistake_named(call, "403");
}

static enum sl_code airtable_look(void *state, const struct sim_request *request,
                                  struct sim_look *out, struct sl_error *error)
{
    struct airtable *home = state, *app = home;
    struct at_call route = {0};
    char parts[6][256];
    int count;
    enum sl_code rc = SL_OK;

    count = split_path(request->raw_path, parts);
    (void)find_route(&route, request->method, parts, count);
    if (route.base[0] && at_find_base(home, route.base)) app = at_find_base(home, route.base);
    home->current = app;
    struct at_call *call = &app->call;
    home->now_us = app->now_us = request->now_us;
    sl_free(call->filter);
    sl_free(call->fields);
    memset(call, 0, sizeof *call);
    call->route = find_route(call, request->method, parts, count);
    if (call->table_text[0]) call->table = at_find_table(app, call->table_text);
    if (strlen(request->raw_path) + strlen(request->query) >= AT_URL_MAX)
        mistake_named(call, "413");
    if (call->route == AT_TOKEN) {
        (void)copy_id(out->counts[0].key, sizeof out->counts[0].key, "oauth");
        return SL_OK;
    }
    check_access(app, request);
    if (call->route == AT_LIST && call->table && !call->status)
        rc = at_read_params(app, request, error);

    out->counts[0] =
        (struct sim_count){.rate = BASE_RATE, .window_us = SL_SECOND_US, .penalty_us = PENALTY_US};
    out->counts[1] =
        (struct sim_count){.rate = TOKEN_RATE, .window_us = SL_SECOND_US, .penalty_us = PENALTY_US};
    (void)copy_id(out->counts[0].key, sizeof out->counts[0].key,
                  call->base[0] ? call->base : "account");
    if (!call->base[0]) out->counts[0].rate = 0;
    (void)copy_id(out->counts[1].key, sizeof out->counts[1].key, "user");
    if (call->table) {
        (void)copy_id(out->table, sizeof out->table, call->table->id);
        (void)copy_id(out->table_name, sizeof out->table_name, call->table->name);
    }
    if (call->route == AT_LIST) out->page = call->page;
    return rc;
}

/* ------------------------------------------------------------------ answers */

static void put_whoami(const struct at_token *token, struct sl_buf *out)
{
    sl_buf_adds(out, "{\"id\":\"usrod3yGOCdTp77yU\"");
    if (token && token->scopes & AT_EMAIL) sl_buf_adds(out, ",\"email\":\"mira@example.org\"");
    sl_buf_addc(out, '}');
}

static void handle_meta(struct airtable *app, const struct sim_request *request,
                        struct sim_reply *reply)
{
    const struct at_call *call = &app->call;
    char include[64] = "";

    if (call->status) {
        bool bare = call->status == 404;

        at_error(app, reply, call->status, call->error_type, bare ? NULL : call->error_message);
        return;
    }
    if (call->route == AT_WHOAMI) {
        put_whoami(find_token(app, request), reply->body);
    } else if (call->route == AT_BASES) {
        at_put_bases(app->home, find_token(app, request), reply->body);
    } else {
        bool visible = (sim_query_get(request->query, "include", include, sizeof include) ||
                        sim_query_get(request->query, "include[]", include, sizeof include)) &&
                       strcmp(include, "visibleFieldIds") == 0;

        at_put_schema(app, visible, reply->body);
    }
}

/* One record, or its comments. */
static void handle_record(struct airtable *app, const struct sim_request *request,
                          struct sim_reply *reply)
{
    struct at_call *call = &app->call;
    int64_t index = at_record_index(call->table, call->record);
    char text[16];
    struct at_show show = {
        .by_id = sim_query_get(request->query, "returnFieldsByFieldId", text, sizeof text) &&
                 (strcmp(text, "1") == 0 || strcmp(text, "true") == 0)};

    if (index < 0) {
        if (strncmp(call->record, "rec", 3) == 0 && strlen(call->record) == 17)
            at_error(app, reply, 404, "MODEL_ID_NOT_FOUND", "Record not found");
        else
            at_error(app, reply, 404, "NOT_FOUND", NULL);
        return;
    }
    if (call->route == AT_COMMENT_LIST)
        at_comments(app, call->table, index, request, reply);
    else {
        app->listing++;
        at_put_record(app, call->table, index, &show, reply->body);
    }
}

static enum sl_code airtable_handle(void *state, const struct sim_request *request,
                                    struct sim_reply *reply, struct sl_error *error)
{
    struct airtable *app = ((struct airtable *)state)->current;
    struct at_call *call = &app->call;
    enum sl_code rc = SL_OK;

    if (call->route == AT_TOKEN) {
        at_give_token(app, request, reply);
        return SL_OK;
    }
    /* An operation that came with this request may have changed what look() saw. */
    if (call->table && call->table->removed) mistake_named(call, "403");
    if (call->route <= AT_TABLES || call->status) {
        handle_meta(app, request, reply);
        return SL_OK;
    }
    at_show_delayed(app, true);
    if (call->route == AT_LIST)
        rc = at_list(app, request, reply, error);
    else if (call->route >= AT_HOOK_LIST)
        rc = at_webhooks(app, request, reply, error);
    else
        handle_record(app, request, reply);
    at_show_delayed(app, false);
    if (!rc && call->status)
        at_error(app, reply, call->status, call->error_type, call->error_message);
    if (!rc && app->no_memory) rc = sl_fail(error, SL_NO_MEMORY, "could not show a record");
    app->no_memory = false;
    return rc;
}

/* ------------------------------------------------------------------ truth */

/* {"table":{...},"records":[...]}: what a listing would show now; &from= and &count= take a part,
 * &namespace= says of which base. Without table: the whole schema. */
static enum sl_code airtable_truth(void *state, const struct sim_request *request,
                                   struct sl_buf *out, struct sl_error *error)
{
    struct airtable *app = state;
    struct at_show show = {.by_id = true, .comment_count = true};
    char name[256] = "", base[256], number[32];
    int64_t from = 0, count = INT64_MAX;
    bool first = true;

    (void)sim_query_get(request->query, "table", name, sizeof name);
    app = sim_query_get(request->query, "namespace", base, sizeof base)
              ? at_find_base(app, base)
              : at_base_of_table(app, name);
    if (!app) return sl_fail(error, SL_NOT_FOUND, "there is no base '%s'", base);
    if (!name[0]) {
        at_put_schema(app, false, out);
        return SL_OK;
    }
    const struct at_table *table = at_find_table(app, name);

    if (!table) return sl_fail(error, SL_NOT_FOUND, "there is no table '%s'", name);
    if (sim_query_get(request->query, "from", number, sizeof number))
        (void)sscanf(number, "%lld", (long long *)&from);
    if (sim_query_get(request->query, "count", number, sizeof number))
        (void)sscanf(number, "%lld", (long long *)&count);
    app->now_us = request->now_us;
    sl_buf_addf(out,
                "{\"records_live\":%lld,\"table\":", (long long)(table->total - table->deleted));
    at_put_table(app, table, false, out);
    sl_buf_adds(out, ",\"records\":[");
    for (int64_t i = from; i < table->total && count > 0; i++) {
        if (!at_live(table, i)) continue;
        if (!first) sl_buf_addc(out, ',');
        first = false;
        at_put_record(app, table, i, &show, out);
        count--;
    }
    sl_buf_adds(out, "]}");
    if (app->no_memory || sl_buf_failed(out)) {
        app->no_memory = false;
        return sl_fail(error, SL_NO_MEMORY, "could not show table '%s'", name);
    }
    return SL_OK;
}

/* Operations are those of one base: "base", else the one that has the table. */
static enum sl_code airtable_operate(void *state, const struct sl_json *op, int64_t now_us,
                                     struct sl_error *error)
{
    const char *base = sl_json_str(sl_json_get(op, "base"));
    const char *table = sl_json_str(sl_json_get(op, "table"));
    struct airtable *app = base ? at_find_base(state, base) : at_base_of_table(state, table);

    if (!app) return sl_fail(error, SL_NOT_FOUND, "there is no base '%s'", base);
    return sl_json_eq(sl_json_get(op, "op"), "add_base") ? at_add_bases(state, op, error)
                                                         : at_operate(app, op, now_us, error);
}

static bool airtable_has_op(const char *name)
{
    return strcmp(name, "add_base") == 0 || at_has_op(name);
}

static const char *const airtable_faults[] = {
    "iterator_expired", "empty_page", "page_twice", "unknown_field", "402", "413", NULL};

const struct sim_app sim_app_airtable = {
    .name = "airtable",
    .summary = "a base \"Launch Control\" with six linked tables and every field type",
    .faults = airtable_faults,
    .create = airtable_create,
    .destroy = airtable_destroy,
    .look = airtable_look,
    .handle = airtable_handle,
    .fail = airtable_fail,
    .has_op = airtable_has_op,
    .operate = airtable_operate,
    .truth = airtable_truth,
    .connection = airtable_connection,
};
