/* list.c: the parameters of a list, and its pages. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/stripe/shapes.h"
#include "sim/text.h"

#define VALUE_MAX 256

/* ------------------------------------------------------------------ parameters */

static bool named(const char *words, const char *word, size_t len)
{
    char search[80];

    if (!words || len > 70) return false;
    (void)snprintf(search, sizeof search, " %.*s ", (int)len, word);
    return strstr(words, search) != NULL;
}

static bool refuse(struct sim_reply *reply, const char *code, const char *param, const char *text)
{
    st_error(reply, 400, "invalid_request_error", code, param, "%s", text);
    return false;
}

static bool read_number(const char *text, const char *param, int64_t *out, struct sim_reply *reply)
{
    char *end;

    *out = strtoll(text, &end, 10);
    if (*text && !*end) return true;
    st_error(reply, 400, "invalid_request_error", "parameter_invalid_integer", param,
             "Invalid integer: %.80s", text);
    return false;
}

/* created=n, created[gte]=n, ... as [gte, lt). */
static bool read_created(const char *how, const char *text, struct st_query *q,
                         struct sim_reply *reply)
{
    int64_t n;

    if (!read_number(text, "created", &n, reply)) return false;
    if (strcmp(how, "[gte]") == 0 || strcmp(how, "[gt]") == 0) {
        n += how[2] == 't' && how[3] == ']';
        if (n > q->gte) q->gte = n;
    } else if (strcmp(how, "[lt]") == 0 || strcmp(how, "[lte]") == 0) {
        n += how[3] == 'e';
        if (n < q->lt) q->lt = n;
    } else if (how[0] == '\0') {
        q->gte = n;
        q->lt = n + 1;
    } else {
        return refuse(reply, "parameter_unknown", "created", "Received unknown parameter: created");
    }
    return true;
}

/* expand[0]=data.tiers of a list, tiers of one object. */
static bool read_expand(enum st_kind kind, bool list, const char *value, struct st_query *q,
                        struct sim_reply *reply)
{
    const char *name = value;
    size_t len = strlen(q->expand);

    if (list && strncmp(value, "data.", 5) == 0) name += 5;
    if ((list && name == value) || kind == ST_EVENTS ||
        !named(st_classes[kind].expands, name, strlen(name))) {
        st_error(reply, 400, "invalid_request_error", NULL, "expand",
                 "This property cannot be expanded (%.80s).", name);
        return false;
    }
    (void)snprintf(q->expand + len, sizeof q->expand - len, "%s%.60s ", len ? "" : " ", name);
    return true;
}

static bool read_flag(const char *value)
{
    return strcmp(value, "true") == 0;
}

/* One parameter; its name is split into base and what is in brackets. */
static bool read_part(enum st_kind kind, bool list, const char *allowed, const char *base,
                      const char *how, const char *value, struct st_query *q,
                      struct sim_reply *reply)
{
    size_t len = strlen(base);
    char text[160];

    if (strcmp(base, "expand") == 0) return read_expand(kind, list, value, q, reply);
    if (list && strcmp(base, "limit") == 0) return read_number(value, "limit", &q->limit, reply);
    if (list && strcmp(base, "starting_after") == 0) {
        (void)snprintf(q->after, sizeof q->after, "%s", value);
    } else if (list && strcmp(base, "ending_before") == 0) {
        (void)snprintf(q->before, sizeof q->before, "%s", value);
    } else if (list && strcmp(base, "created") == 0 && !allowed && !st_classes[kind].no_created) {
        return read_created(how, value, q, reply);
    } else if (!list || !named(allowed ? allowed : st_classes[kind].filters, base, len)) {
        (void)snprintf(text, sizeof text, "Received unknown parameter: %.100s", base);
        return refuse(reply, "parameter_unknown", base, text);
    } else if (strcmp(base, "customer") == 0) {
        (void)snprintf(q->customer, sizeof q->customer, "%.63s", value);
    } else if (strcmp(base, "subscription") == 0) {
        (void)snprintf(q->subscription, sizeof q->subscription, "%.63s", value);
    } else if (strcmp(base, "charge") == 0) {
        (void)snprintf(q->charge, sizeof q->charge, "%.63s", value);
    } else if (strcmp(base, "status") == 0) {
        (void)snprintf(q->status, sizeof q->status, "%.31s", value);
    } else if (strcmp(base, "active") == 0) {
        q->active = read_flag(value);
    } else if (strcmp(base, "pending") == 0) {
        q->pending = read_flag(value);
    } else if (strncmp(base, "type", 4) == 0 && kind == ST_EVENTS) {
        if (q->type_count == ST_TYPES_MAX)
            return refuse(reply, NULL, "types", "You may only specify up to 20 types.");
        (void)snprintf(q->types[q->type_count++], sizeof q->types[0], "%.63s", value);
    }
    return true;
}

bool st_read_query(enum st_kind kind, bool list, const char *allowed,
                   const struct sim_request *request, struct st_query *q, struct sim_reply *reply)
{
    const char *query = request->query;
    struct sim_query_part part;
    char name[96], value[VALUE_MAX];

    *q = (struct st_query){
        .limit = 10, .gte = INT64_MIN, .lt = INT64_MAX, .active = -1, .pending = -1};
    while (sim_query_next(&query, &part)) {
        char base[96], *bracket;

        if (!sim_url_decode(part.name, part.name_len, true, name, sizeof name) ||
            !sim_url_decode(part.value, part.value_len, true, value, sizeof value))
            return refuse(reply, NULL, NULL, "Invalid query string");
        memcpy(base, name, sizeof base);
        bracket = strchr(base, '[');
        if (bracket) *bracket = '\0';
        if (!read_part(kind, list, allowed, base, name + strlen(base), value, q, reply))
            return false;
    }
    if (q->limit < 1 || q->limit > ST_LIMIT_MAX)
        return refuse(reply, NULL, "limit",
                      q->limit < 1 ? "This value must be greater than or equal to 1."
                                   : "This value must be less than or equal to 100 (it currently "
                                     "is more).");
    if (q->after[0] && q->before[0])
        return refuse(reply, NULL, NULL,
                      "You can only use one of starting_after or ending_before.");
    return true;
}

/* ------------------------------------------------------------------ pages */

static bool listed(const struct stripe *app, const struct st_account *account, enum st_kind kind,
                   int64_t index, const struct st_object *o, const struct st_query *q)
{
    char id[ST_ID_MAX];

    (void)app;
    if (o->deleted || o->created < q->gte || o->created >= q->lt) return false;
    if (kind == ST_PAYMENT_METHODS && o->state) return false;
    if (kind == ST_SUBSCRIPTIONS && strcmp(q->status, "all") != 0 &&
        (strcmp(q->status, "canceled") == 0) != (o->state == 1))
        return false;
    if (kind == ST_INVOICE_ITEMS && q->pending >= 0 && (index % 4 == 0) != (q->pending == 1))
        return false;
    if (kind == ST_PRODUCTS && q->active >= 0 && (index % 9 != 8) != (q->active == 1)) return false;
    if (q->customer[0]) {
        int64_t customer = st_customer_of(account, index);

        if (customer < 0) return false;
        st_id(account, ST_CUSTOMERS, customer, id);
        if (strcmp(id, q->customer) != 0) return false;
    }
    if (q->charge[0]) {
        int64_t count = account->kinds[ST_CHARGES].first;

        if (!count) return false;
        st_id(account, ST_CHARGES, index % count, id);
        if (strcmp(id, q->charge) != 0) return false;
    }
    return true;
}

/* The first index whose object was made at this time or later. */
static int64_t first_from(const struct stripe *app, const struct st_account *account,
                          enum st_kind kind, int64_t created)
{
    int64_t low = 0, high = st_count(account, kind);

    while (low < high) {
        int64_t middle = low + (high - low) / 2;

        if (st_get(app, account, kind, middle).created < created)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool find_anchor(const struct stripe *app, const struct st_account *account,
                        enum st_kind kind, const char *id, const char *param, int64_t *index,
                        struct sim_reply *reply)
{
    *index = st_find(account, kind, id);
    if (*index >= 0 && !(kind != ST_EVENTS && st_get(app, account, kind, *index).deleted))
        return true;
    st_error(reply, 400, "invalid_request_error", "resource_missing", param, "No such %s: '%.80s'",
             st_classes[kind].object, id);
    return false;
}

static void end_list(struct sim_reply *reply, bool more, const char *url)
{
    sl_buf_addf(reply->body, "],\"has_more\":%s,\"url\":\"%s\"}", st_truth(more), url);
}

/* The page before `before`: what is just newer, in the order of the list. */
static int64_t newest_before(const struct stripe *app, const struct st_account *account,
                             enum st_kind kind, int64_t from, const struct st_query *q)
{
    int64_t count = st_count(account, kind), left = q->limit, at = from;

    for (int64_t i = from + 1; i < count && left > 0; i++) {
        struct st_object o = st_get(app, account, kind, i);

        if (!listed(app, account, kind, i, &o, q)) continue;
        at = i;
        left--;
    }
    return at;
}

void st_list(const struct stripe *app, const struct st_account *account, enum st_kind kind,
             const struct st_query *q, const struct st_view *view, const char *url,
             struct sim_reply *reply)
{
    int64_t at = st_count(account, kind), low = 0, anchor, shown = 0, end = -1;
    bool more = false;

    if (q->lt < INT64_MAX) at = first_from(app, account, kind, q->lt);
    if (q->gte > INT64_MIN) low = first_from(app, account, kind, q->gte);
    if (q->after[0]) {
        if (!find_anchor(app, account, kind, q->after, "starting_after", &anchor, reply)) return;
        if (anchor < at) at = anchor;
    }
    if (q->before[0]) {
        if (!find_anchor(app, account, kind, q->before, "ending_before", &anchor, reply)) return;
        at = newest_before(app, account, kind, anchor, q) + 1;
        end = anchor;
    }
    sl_buf_adds(reply->body, "{\"object\":\"list\",\"data\":[");
    for (int64_t i = at - 1; i >= low && i > end && !more; i--) {
        struct st_object o = st_get(app, account, kind, i);

        if (!listed(app, account, kind, i, &o, q)) continue;
        more = shown == q->limit;
        if (more) break;
        if (shown++) sl_buf_addc(reply->body, ',');
        st_render(account, kind, i, &o, view, reply->body);
    }
    end_list(reply, more, url);
}

static bool event_listed(const struct stripe *app, const struct st_event *event,
                         const struct st_query *q)
{
    int64_t now = app->now_us / 1000000;

    if (event->visible > now || event->created < now - ST_RETENTION_S) return false;
    if (event->created < q->gte || event->created >= q->lt) return false;
    for (int i = 0; i < q->type_count; i++)
        if (strcmp(q->types[i], event->type) == 0) return true;
    return q->type_count == 0;
}

void st_list_events(const struct stripe *app, const struct st_account *account,
                    const struct st_query *q, struct sim_reply *reply)
{
    int64_t at = account->event_count, anchor, shown = 0, now = app->now_us / 1000000;
    bool more = false;

    if (q->after[0]) {
        if (!find_anchor(app, account, ST_EVENTS, q->after, "starting_after", &anchor, reply))
            return;
        if (account->events[anchor].created < now - ST_RETENTION_S) {
            st_error(reply, 404, "invalid_request_error", "resource_missing", "starting_after",
                     "The event %s is no longer available because it's aged out of our retention "
                     "policy",
                     q->after);
            return;
        }
        at = anchor;
    }
    sl_buf_adds(reply->body, "{\"object\":\"list\",\"data\":[");
    for (int64_t i = at - 1; i >= 0 && !more; i--) {
        if (!event_listed(app, &account->events[i], q)) continue;
        more = shown == q->limit;
        if (more) break;
        if (shown++) sl_buf_addc(reply->body, ',');
        st_render_event(app, account, i, reply->body);
    }
    end_list(reply, more, "/v1/events");
}

void st_list_children(const struct st_account *account, enum st_kind kind, int64_t index,
                      const struct st_object *object, const struct st_query *q,
                      const struct st_view *view, const char *url, struct sim_reply *reply)
{
    int64_t from = 0;

    while (q->after[0] && from < object->children) {
        char id[ST_ID_MAX];

        st_child_id(account, kind, index, from++, id);
        if (strcmp(id, q->after) == 0) break;
        if (from < object->children) continue;
        st_error(reply, 400, "invalid_request_error", "resource_missing", "starting_after",
                 "No such line item: '%.80s'", q->after);
        return;
    }
    sl_buf_adds(reply->body, "{\"object\":\"list\",\"data\":[");
    st_render_children(account, kind, index, object, from, q->limit, view, reply->body);
    end_list(reply, object->children > from + q->limit, url);
}
