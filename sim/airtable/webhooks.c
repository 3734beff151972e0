/*
 * webhooks.c: the change feed: hooks of the base, and their payloads.
 *
 * What happens to records is kept as a list of events while there is any hook. A payload is one
 * event, and the k-th payload of a hook is the k-th event since it was made that its filters let
 * through: nothing is written until somebody asks. An edit of a record shows in the computed cells
 * of those linked with it; they are payloads of their own, with the same transaction number.
 *
 * Of the cells only the primary field's is in a payload. What is left out of it is an error, never
 * a wrong value: readers that go by payloads' values alone are found out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/time.h"
#include "json/doc.h"
#include "sim/airtable/airtable.h"
#include "sim/text.h"

#define LIFE_US (7 * SL_DAY_US)
#define PAYLOADS_MAX 50

struct at_event {
    int64_t us;
    const struct at_table *table;
    int64_t index, transaction;
    enum at_event_kind kind;
};

struct at_hook {
    char id[AT_ID_MAX];
    char *specification;          /* JSON */
    char *url;                    /* or NULL */
    const struct at_table *scope; /* NULL: the whole base */
    bool records;                 /* tableData is among its data types */
    bool disabled;
    size_t from; /* the first event that it is told of */
    int64_t expires_us;
    const char *failure; /* of an error payload at its end, or NULL */
};

void at_webhooks_release(struct airtable *app)
{
    for (int i = 0; i < app->hook_count; i++) {
        sl_free(app->hooks[i]->specification);
        sl_free(app->hooks[i]->url);
        sl_free(app->hooks[i]);
    }
    app->hook_count = 0;
    sl_free(app->events);
    app->events = NULL;
    app->event_count = app->event_cap = 0;
}

/* ------------------------------------------------------------------ events */

static enum sl_code add_event(struct airtable *app, const struct at_event *event,
                              struct sl_error *error)
{
    if (app->event_count == app->event_cap) {
        size_t cap = app->event_cap ? app->event_cap * 2 : 64;
        struct at_event *events = sl_realloc(app->events, cap * sizeof *events);

        if (!events) return sl_fail(error, SL_NO_MEMORY, "could not keep an event");
        app->events = events;
        app->event_cap = cap;
    }
    app->events[app->event_count++] = *event;
    return SL_OK;
}

static bool computes_from(const struct at_table *table, const struct at_table *source)
{
    for (size_t i = 0; i < table->field_count; i++)
        if (table->fields[i]->via && table->fields[i]->via->linked == source) return true;
    return false;
}

static enum sl_code add_linked(struct airtable *app, const struct at_event *event,
                               struct sl_error *error)
{
    struct at_row row;
    enum sl_code rc = SL_OK;

    at_row(app, event->table, event->index, &row);
    for (size_t f = 0; f < event->table->field_count && !rc; f++) {
        const struct at_field *field = event->table->fields[f];
        struct at_cell cell = {.app = app, .table = event->table, .field = field, .row = &row};
        int64_t links[AT_LINKS_MAX];
        int count = field->linked && computes_from(field->linked, event->table)
                        ? at_links(&cell, links)
                        : 0;

        for (int i = 0; i < count && !rc; i++) {
            struct at_event computed = *event;

            computed.table = field->linked;
            computed.index = links[i];
            rc = add_event(app, &computed, error);
        }
    }
    return rc;
}

enum sl_code at_tell_hooks(struct airtable *app, const struct at_table *table, int64_t index,
                           enum at_event_kind kind, int64_t now_us, struct sl_error *error)
{
    struct at_event event = {.us = now_us, .table = table, .index = index, .kind = kind};
    enum sl_code rc;

    if (app->hook_count == 0) return SL_OK;
    event.transaction = ++app->transaction;
    rc = add_event(app, &event, error);
    return rc || kind != AT_CHANGED ? rc : add_linked(app, &event, error);
}

static bool is_told(const struct at_hook *hook, const struct at_event *event)
{
    return hook->records && (!hook->scope || hook->scope == event->table);
}

static int64_t payload_count(const struct airtable *app, const struct at_hook *hook)
{
    int64_t count = hook->failure != NULL;

    for (size_t i = hook->from; i < app->event_count; i++) count += is_told(hook, &app->events[i]);
    return count;
}

/* ------------------------------------------------------------------ answers */

static void put_hook(const struct airtable *app, const struct at_hook *hook, struct sl_buf *out)
{
    sl_buf_addf(out,
                "{\"id\":\"%s\",\"isHookEnabled\":%s,\"areNotificationsEnabled\":true,"
                "\"cursorForNextPayload\":%lld,\"expirationTime\":",
                hook->id, hook->disabled ? "false" : "true",
                (long long)payload_count(app, hook) + 1);
    sim_json_time(out, hook->expires_us);
    sl_buf_adds(out, ",\"notificationUrl\":");
    if (hook->url)
        sim_json_text(out, hook->url);
    else
        sl_buf_adds(out, "null");
    sl_buf_addf(out,
                ",\"lastNotificationResult\":null,\"lastSuccessfulNotificationTime\":null,"
                "\"specification\":%s}",
                hook->specification);
}

static void put_list(const struct airtable *app, struct sl_buf *out)
{
    sl_buf_adds(out, "{\"webhooks\":[");
    for (int i = 0; i < app->hook_count; i++) {
        if (i) sl_buf_addc(out, ',');
        put_hook(app, app->hooks[i], out);
    }
    sl_buf_adds(out, "]}");
}

static void put_event(struct airtable *app, const struct at_event *event, struct sl_buf *out)
{
    const struct at_field *primary = event->table->fields[0];
    struct at_row row;
    char id[AT_ID_MAX];

    at_record_id(event->table, event->index, id);
    at_row(app, event->table, event->index, &row);
    sl_buf_adds(out, "{\"timestamp\":");
    sim_json_time(out, event->us);
    sl_buf_addf(out,
                ",\"baseTransactionNumber\":%lld,\"payloadFormat\":\"v0\",\"actionMetadata\":"
                "{\"source\":\"client\"},\"changedTablesById\":{\"%s\":{",
                (long long)event->transaction, event->table->id);
    if (event->kind == AT_DESTROYED) {
        sl_buf_addf(out, "\"destroyedRecordIds\":[\"%s\"]}}}", id);
        return;
    }
    if (event->kind == AT_CREATED) {
        sl_buf_addf(out, "\"createdRecordsById\":{\"%s\":{\"createdTime\":", id);
        sim_json_time(out, row.created_us);
        sl_buf_addc(out, ',');
    } else {
        sl_buf_addf(out, "\"changedRecordsById\":{\"%s\":{\"current\":{", id);
    }
    sl_buf_addf(out, "\"cellValuesByFieldId\":{\"%s\":", primary->id);
    size_t start = out->len;

    at_put_cell(app, event->table, primary, &row, 0, out);
    if (out->len == start) sl_buf_adds(out, "null");
    sl_buf_adds(out, event->kind == AT_CREATED ? "}}}}}}" : "}}}}}}}");
}

static void put_failure(const struct airtable *app, const struct at_hook *hook, struct sl_buf *out)
{
    sl_buf_adds(out, "{\"timestamp\":");
    sim_json_time(out, app->now_us);
    sl_buf_addf(out,
                ",\"baseTransactionNumber\":%lld,\"payloadFormat\":\"v0\",\"error\":true,"
                "\"code\":\"%s\"}",
                (long long)app->transaction, hook->failure);
}

/* Payloads of more than a week ago are not there any more; nothing says so. */
static void put_payloads(struct airtable *app, struct at_hook *hook,
                         const struct sim_request *request, struct sl_buf *out)
{
    char text[24];
    int64_t cursor = 1, limit = PAYLOADS_MAX, number = 0, put = 0, total;

    if (sim_query_get(request->query, "cursor", text, sizeof text))
        cursor = strtoll(text, NULL, 10);
    if (sim_query_get(request->query, "limit", text, sizeof text)) limit = strtoll(text, NULL, 10);
    total = payload_count(app, hook);
    if (cursor < 1 || cursor > total + 1 || limit < 1 || limit > PAYLOADS_MAX) {
        (void)at_mistake(&app->call, 422, "INVALID_REQUEST_UNKNOWN", "Invalid cursor or limit");
        return;
    }
    if (!hook->disabled && app->now_us < hook->expires_us) hook->expires_us = app->now_us + LIFE_US;
    sl_buf_adds(out, "{\"payloads\":[");
    for (size_t i = hook->from; i < app->event_count && put < limit; i++) {
        const struct at_event *event = &app->events[i];

        if (!is_told(hook, event) || ++number < cursor) continue;
        cursor++;
        if (event->us < app->now_us - LIFE_US) continue;
        if (put++) sl_buf_addc(out, ',');
        put_event(app, event, out);
    }
    if (hook->failure && cursor == total && put < limit) {
        if (put++) sl_buf_addc(out, ',');
        put_failure(app, hook, out);
        cursor++;
    }
    sl_buf_addf(out, "],\"cursor\":%lld,\"mightHaveMore\":%s}", (long long)cursor,
                cursor <= total ? "true" : "false");
}

/* ------------------------------------------------------------------ making one */

static enum sl_code make_hook(struct airtable *app, const struct sl_json *root,
                              struct at_hook **out, struct sl_error *error)
{
    const struct sl_json *specification = sl_json_get(root, "specification");
    const struct sl_json *filters = sl_json_path(specification, "options", "filters", NULL);
    const char *scope = sl_json_str(sl_json_get(filters, "recordChangeScope"));
    const char *url = sl_json_str(sl_json_get(root, "notificationUrl"));
    struct sl_json_each types = sl_json_each(sl_json_get(filters, "dataTypes"));
    struct sl_json_writer *writer = sl_json_writer_new();
    struct at_hook *hook = sl_calloc(1, sizeof *hook);
    const char *text;

    if (!writer || !hook) goto no_memory;
    sl_json_put_value(writer, specification);
    text = sl_json_writer_text(writer, NULL);
    if (!text || !at_set_text(&hook->specification, text) || !at_set_text(&hook->url, url))
        goto no_memory;
    while (sl_json_next(&types)) hook->records |= sl_json_eq(types.value, "tableData");
    hook->scope = scope ? at_find_table(app, scope) : NULL;
    hook->from = app->event_count;
    hook->expires_us = app->now_us + LIFE_US;
    sim_id(hook->id, "ach", sim_mix(app->seed, 0xac0 + ++app->hook_serial));
    app->hooks[app->hook_count++] = hook;
    sl_json_writer_free(writer);
    *out = hook;
    return SL_OK;

no_memory:
    sl_json_writer_free(writer);
    if (hook) sl_free(hook->specification);
    sl_free(hook);
    return sl_fail(error, SL_NO_MEMORY, "could not make a webhook");
}

static enum sl_code create(struct airtable *app, const struct sim_request *request,
                           struct sl_buf *out, struct sl_error *error)
{
    const struct sl_json *root;
    struct at_hook *hook;
    struct sl_error why;
    enum sl_code rc = sl_doc_parse_copy(app->doc, request->body, request->body_len, &root, &why);

    if (rc == SL_NO_MEMORY) return sl_fail(error, rc, "could not read a request");
    if (rc) return at_mistake(&app->call, 400, "INVALID_REQUEST_BODY", "Could not parse request");
    if (app->not_creator)
        return at_mistake(&app->call, 403, "INVALID_PERMISSIONS", "You are not permitted to do so");
    if (sl_json_len(sl_json_path(root, "specification", "options", "filters", "dataTypes", NULL)) ==
        0)
        return at_mistake(&app->call, 422, "INVALID_REQUEST_UNKNOWN", "dataTypes is required");
    if (app->hook_count == AT_HOOKS_MAX)
        return at_mistake(&app->call, 403, "TOO_MANY_WEBHOOKS_IN_BASE", "There are 10 webhooks");
    rc = make_hook(app, root, &hook, error);
    if (rc) return rc;
    sl_buf_addf(out, "{\"id\":\"%s\",\"macSecretBase64\":\"c2ltdWxhdGVk\",\"expirationTime\":",
                hook->id);
    sim_json_time(out, hook->expires_us);
    sl_buf_addc(out, '}');
    return SL_OK;
}

static void drop_hook(struct airtable *app, int at)
{
    sl_free(app->hooks[at]->specification);
    sl_free(app->hooks[at]->url);
    sl_free(app->hooks[at]);
    memmove(app->hooks + at, app->hooks + at + 1,
            (size_t)(--app->hook_count - at) * sizeof(struct at_hook *));
}

/* ------------------------------------------------------------------ requests */

/* A week after its end nothing is left of a hook. */
static void drop_forgotten(struct airtable *app)
{
    for (int i = app->hook_count - 1; i >= 0; i--)
        if (app->now_us > app->hooks[i]->expires_us + LIFE_US) drop_hook(app, i);
}

static int find_hook(const struct airtable *app, const char *id)
{
    for (int i = 0; i < app->hook_count; i++)
        if (strcmp(app->hooks[i]->id, id) == 0) return i;
    return -1;
}

enum sl_code at_webhooks(struct airtable *app, const struct sim_request *request,
                         struct sim_reply *reply, struct sl_error *error)
{
    struct at_call *call = &app->call;

    drop_forgotten(app);
    int at = find_hook(app, call->record);
    struct at_hook *hook = at >= 0 ? app->hooks[at] : NULL;

    if (call->route == AT_HOOK_LIST) {
        put_list(app, reply->body);
        return SL_OK;
    }
    if (call->route == AT_HOOK_CREATE) return create(app, request, reply->body, error);
    if (!hook) return at_mistake(call, 404, "NOT_FOUND", "%s", "");
    if (call->route == AT_HOOK_PAYLOADS) {
        put_payloads(app, hook, request, reply->body);
    } else if (call->route == AT_HOOK_DELETE) {
        drop_hook(app, at);
    } else if (hook->disabled || app->now_us > hook->expires_us) {
        return at_mistake(call, 422, "INVALID_HOOK", "The webhook is not active");
    } else {
        hook->expires_us = app->now_us + LIFE_US;
        sl_buf_adds(reply->body, "{\"expirationTime\":");
        sim_json_time(reply->body, hook->expires_us);
        sl_buf_addc(reply->body, '}');
    }
    return SL_OK;
}

/* {"op":"webhook","disable":true,"expire":true,"fail":true,"remove":true}: all hooks;
 * {"op":"webhook","foreign":9}: so many more, of somebody else. */
enum sl_code at_do_webhook(struct airtable *app, const struct sl_json *op, int64_t now_us,
                           struct sl_error *error)
{
    int64_t foreign = 0;
    enum sl_code rc = SL_OK;

    app->now_us = now_us;
    for (int i = app->hook_count - 1; i >= 0; i--) {
        struct at_hook *hook = app->hooks[i];

        if (sl_json_true(sl_json_get(op, "disable"))) hook->disabled = true;
        if (sl_json_true(sl_json_get(op, "expire"))) hook->expires_us = now_us - SL_SECOND_US;
        if (sl_json_true(sl_json_get(op, "fail"))) hook->failure = "INVALID_HOOK";
        if (sl_json_true(sl_json_get(op, "remove"))) drop_hook(app, i);
    }
    sl_json_i64(sl_json_get(op, "foreign"), &foreign);
    for (; foreign > 0 && app->hook_count < AT_HOOKS_MAX && !rc; foreign--) {
        static const char text[] =
            "{\"notificationUrl\":\"https://listener.example.org/\",\"specification\":{\"options\":"
            "{\"filters\":{\"dataTypes\":[\"tableData\"]}}}}";
        const struct sl_json *root;
        struct at_hook *hook;

        rc = sl_doc_parse_copy(app->doc, text, sizeof text - 1, &root, error);
        if (!rc) rc = make_hook(app, root, &hook, error);
    }
    return rc;
}
