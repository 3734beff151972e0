/*
 * ops.c: what can be done to a simulated account while it runs, each change with its event.
 *
 *     create, edit, delete   table, record (index), count, late_s, account; children (create)
 *     state                  table, record, to: "canceled", "detached", "paid", ...
 *     day                    a day's scripted changes of all tables
 *     version                to: events are of this version of the API from now on
 *     forbid                 table ("account": GET /v1/account), off
 *     key                    revoke: true or false; with account: access to a connected one
 *     event                  table, record, type: an event that changes nothing; without: no id
 *     behaviour              event_delay_seconds
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "sim/stripe/stripe.h"
#include "sim/text.h"

struct change {
    struct stripe *app;
    struct st_account *account;
    enum st_kind kind;
    int64_t now, late_s;
};

bool st_has_op(const char *name)
{
    static const char *const names[] = {"create", "edit",      "delete",     "state",
                                        "day",    "forbid",    "version",    "key",
                                        "event",  "behaviour", "quiet_edit", "children"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0) return true;
    return false;
}

static enum sl_code tell(const struct change *c, int64_t index, const char *type,
                         struct sl_error *error)
{
    struct st_event event = {
        .created = c->now,
        .visible = c->now + c->late_s + c->app->event_delay_s,
        .kind = c->kind,
        .index = (int32_t)index,
        .object = c->account->kinds[c->kind].list[index],
        .type = type,
        .basil = c->account->basil,
    };

    return type ? st_add_event(c->account, &event, error) : SL_OK;
}

static enum sl_code create(const struct change *c, int32_t children, struct sl_error *error)
{
    struct st_object object = {.created = c->now, .children = children};
    enum sl_code rc;

    if (c->kind == ST_EVENTS)
        return sl_fail(error, SL_USAGE, "events are made by what happens to other tables");
    rc = st_add(c->app, c->account, c->kind, &object, error);
    return rc ? rc
              : tell(c, c->account->kinds[c->kind].count - 1, st_classes[c->kind].created, error);
}

static enum sl_code edit(const struct change *c, int64_t index, bool quiet, struct sl_error *error)
{
    c->account->kinds[c->kind].list[index].rev++;
    return quiet ? SL_OK : tell(c, index, st_classes[c->kind].updated, error);
}

/* Deleting a customer takes the payment methods from it. */
static enum sl_code detach_all(const struct change *c, int64_t customer, struct sl_error *error)
{
    struct change methods = *c;
    enum sl_code rc = SL_OK;

    methods.kind = ST_PAYMENT_METHODS;
    for (int64_t i = 0; i < st_count(c->account, ST_PAYMENT_METHODS) && !rc; i++) {
        struct st_object *o = &c->account->kinds[ST_PAYMENT_METHODS].list[i];

        if (o->state || st_customer_of(c->account, i) != customer) continue;
        o->state = 1;
        rc = tell(&methods, i, "payment_method.detached", error);
    }
    return rc;
}

static enum sl_code delete (const struct change *c, int64_t index, struct sl_error *error) {
    const struct st_class *class = &st_classes[c->kind];
    struct st_object *o = &c->account->kinds[c->kind].list[index];
    enum sl_code rc = SL_OK;

    if (!class->deleted) return sl_fail(error, SL_USAGE, "'%s' cannot be deleted", class->table);
    if (c->kind == ST_CUSTOMERS) rc = detach_all(c, index, error);
    if (c->kind == ST_SUBSCRIPTIONS || c->kind == ST_PAYMENT_METHODS)
        o->state = 1; /* canceled, detached */
    else o->deleted = true;
    return rc ? rc : tell(c, index, class->deleted, error);
}

/* ------------------------------------------------------------------ a day */

static int64_t pick(const struct change *c, int64_t salt)
{
    int64_t count = st_count(c->account, c->kind);

    return (int64_t)(sim_mix(c->app->seed + 31, (uint64_t)(c->app->days * 1000 + salt)) %
                     (uint64_t)count);
}

static bool is_live(const struct change *c, int64_t index)
{
    const struct st_object *o = &c->account->kinds[c->kind].list[index];

    return !o->deleted && !(c->kind == ST_PAYMENT_METHODS && o->state);
}

/* Of each table some new ones, some edits, a deletion where there is one, one edit twice in a second
 * and one that is told of late. */
static enum sl_code day(struct change *c, struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    c->app->days++;
    for (c->kind = ST_CUSTOMERS; c->kind < ST_KINDS && !rc; c->kind++) {
        const struct st_class *class = &st_classes[c->kind];

        if (c->kind == ST_EVENTS) continue;
        for (int i = 0; i < 3 && !rc; i++)
            rc = create(c,
                        c->kind == ST_INVOICES        ? 3 + 9 * i
                        : c->kind == ST_SUBSCRIPTIONS ? 1
                                                      : 0,
                        error);
        for (int i = 0; i < 4 && !rc && class->updated; i++) {
            int64_t index = pick(c, i);

            if (!is_live(c, index)) continue;
            c->late_s = i == 3 ? 240 : 0;
            rc = edit(c, index, false, error);
            if (!rc && i == 2) rc = edit(c, index, false, error);
        }
        c->late_s = 0;
        int64_t index = pick(c, 99);

        if (!rc && class->deleted && is_live(c, index)) rc = delete (c, index, error);
    }
    return rc;
}

/* ------------------------------------------------------------------ operations */

static uint8_t state_of(const char *name)
{
    static const struct {
        const char *name;
        uint8_t state;
    } states[] = {{"active", 0}, {"canceled", 1}, {"paused", 2}, {"detached", 1}, {"attached", 0},
                  {"draft", 0},  {"open", 1},     {"paid", 2},   {"void", 3},     {"refunded", 1},
                  {"failed", 3}, {"won", 1},      {"lost", 2}};

    for (size_t i = 0; name && i < sizeof states / sizeof *states; i++)
        if (strcmp(states[i].name, name) == 0) return states[i].state;
    return 0;
}

static enum sl_code change_one(struct change *c, const char *name, const struct sl_json *op,
                               int64_t index, struct sl_error *error)
{
    struct st_object *o = &c->account->kinds[c->kind].list[index];
    const char *type = sl_json_str(sl_json_get(op, "type"));
    int64_t number = 0;

    if (strcmp(name, "edit") == 0) return edit(c, index, false, error);
    if (strcmp(name, "quiet_edit") == 0) return edit(c, index, true, error);
    if (strcmp(name, "delete") == 0) return delete (c, index, error);
    if (strcmp(name, "state") == 0) {
        o->state = state_of(sl_json_str(sl_json_get(op, "to")));
        o->rev++;
        return tell(c, index, type ? NULL : st_classes[c->kind].updated, error);
    }
    if (strcmp(name, "children") == 0) {
        (void)sl_json_i64(sl_json_get(op, "to"), &number);
        o->children = (int32_t)number;
        return tell(c, index, st_classes[c->kind].updated, error);
    }
    for (int k = 0; type && k < ST_KINDS; k++) { /* "event": the type has to live longer than op */
        const char *known[] = {st_classes[k].created, st_classes[k].updated, st_classes[k].deleted,
                               "invoice.upcoming", "invoiceitem.updated"};

        for (int j = 0; j < 5; j++) {
            if (!known[j] || strcmp(known[j], type) != 0) continue;
            enum sl_code rc = tell(c, index, known[j], error);

            if (!rc && sl_json_true(sl_json_get(op, "without")))
                c->account->events[c->account->event_count - 1].without = true;
            return rc;
        }
    }
    return sl_fail(error, SL_USAGE, "there is no such event");
}

static enum sl_code change_some(struct change *c, const char *name, const struct sl_json *op,
                                struct sl_error *error)
{
    int64_t record = -1, count = 1, children = 1;
    enum sl_code rc = SL_OK;

    (void)sl_json_i64(sl_json_get(op, "record"), &record);
    (void)sl_json_i64(sl_json_get(op, "count"), &count);
    (void)sl_json_i64(sl_json_get(op, "children"), &children);
    if (strcmp(name, "create") != 0 &&
        (!c->account->kinds[c->kind].list || record >= st_count(c->account, c->kind)))
        return sl_fail(error, SL_NOT_FOUND, "there is no such object to change");
    for (int64_t i = 0; i < count && !rc; i++) {
        int64_t index =
            (record < 0 ? (int64_t)(sim_mix(c->app->seed, (uint64_t)i) >> 1) : record + i);

        rc = strcmp(name, "create") == 0
                 ? create(c, (int32_t)children, error)
                 : change_one(c, name, op, index % st_count(c->account, c->kind), error);
    }
    return rc;
}

static enum sl_code set_up(struct change *c, const char *name, const struct sl_json *op,
                           struct sl_error *error)
{
    const char *to = sl_json_str(sl_json_get(op, "to"));
    const char *table = sl_json_str(sl_json_get(op, "table"));

    if (strcmp(name, "version") == 0) {
        c->account->basil = to && strncmp(to, "2025-03-31", 10) >= 0;
    } else if (strcmp(name, "key") == 0) {
        bool *revoked = c->account->number ? &c->account->revoked : &c->app->revoked;

        *revoked = sl_json_true(sl_json_get(op, "revoke"));
    } else if (strcmp(name, "behaviour") == 0) {
        (void)sl_json_i64(sl_json_get(op, "event_delay_seconds"), &c->app->event_delay_s);
    } else if (table && strcmp(table, "account") == 0) {
        c->account->forbidden_account = !sl_json_true(sl_json_get(op, "off"));
    } else if (c->kind < ST_KINDS) {
        c->account->forbidden[c->kind] = !sl_json_true(sl_json_get(op, "off"));
    } else {
        return sl_fail(error, SL_NOT_FOUND, "there is no table '%s'", table ? table : "");
    }
    return SL_OK;
}

enum sl_code st_operate(void *state, const struct sl_json *op, int64_t now_us,
                        struct sl_error *error)
{
    struct stripe *app = state;
    const char *name = sl_json_str(sl_json_get(op, "op"));
    const char *table = sl_json_str(sl_json_get(op, "table"));
    const char *account = sl_json_str(sl_json_get(op, "account"));
    struct change c = {.app = app,
                       .account = &app->accounts[0],
                       .kind = st_kind_of(table ? table : "customers"),
                       .now = now_us / 1000000};

    for (int i = 0; account && i < app->account_count; i++)
        if (strcmp(app->accounts[i].id, account) == 0) c.account = &app->accounts[i];
    (void)sl_json_i64(sl_json_get(op, "late_s"), &c.late_s);
    if (strcmp(name, "version") == 0 || strcmp(name, "key") == 0 || strcmp(name, "forbid") == 0 ||
        strcmp(name, "behaviour") == 0)
        return set_up(&c, name, op, error);
    if (app->bench) return sl_fail(error, SL_USAGE, "the data of the bench do not change");
    if (strcmp(name, "day") == 0) return day(&c, error);
    if (c.kind == ST_KINDS || c.kind == ST_EVENTS)
        return sl_fail(error, SL_NOT_FOUND, "there is no table '%s' to change", table ? table : "");
    return change_some(&c, name, op, error);
}
