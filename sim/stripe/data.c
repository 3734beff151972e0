/* data.c: the objects of the accounts, their ids, and what there is at the beginning. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "sim/stripe/stripe.h"
#include "sim/text.h"

#define SPAN_S (400 * INT64_C(86400)) /* the accounts are so old */

const struct st_class st_classes[ST_KINDS] = {
    [ST_CUSTOMERS] = {"customers", "customers", "customer", "cus_", "rak_customer_read",
                      "customer.created", "customer.updated", "customer.deleted", " email ",
                      " tax sources subscriptions ", .stub = true, .demo = 130},
    [ST_CHARGES] = {"charges", "charges", "charge", "ch_", "rak_charge_read", "charge.succeeded",
                    "charge.updated", NULL, " customer payment_intent ", " refunds ", .demo = 420},
    [ST_PAYMENT_INTENTS] = {"payment_intents", "payment_intents", "payment_intent", "pi_",
                            "rak_payment_intent_read", "payment_intent.created",
                            "payment_intent.processing", NULL, " customer ", " ", .demo = 310},
    [ST_SUBSCRIPTIONS] = {"subscriptions", "subscriptions", "subscription", "sub_",
                          "rak_subscription_read", "customer.subscription.created",
                          "customer.subscription.updated", "customer.subscription.deleted",
                          " customer status ", " ", .demo = 90},
    [ST_INVOICES] = {"invoices", "invoices", "invoice", "in_", "rak_invoice_read",
                     "invoice.created", "invoice.updated", "invoice.deleted",
                     " customer subscription status ", " ", .stub = true, .demo = 230},
    [ST_PRODUCTS] = {"products", "products", "product", "prod_", "rak_product_read",
                     "product.created", "product.updated", "product.deleted", " active ", " ",
                     .demo = 24},
    [ST_PRICES] = {"prices", "prices", "price", "price_", "rak_plan_read", "price.created",
                   "price.updated", "price.deleted", " active product ", " tiers currency_options ",
                   .demo = 44},
    [ST_REFUNDS] = {"refunds", "refunds", "refund", "re_", "rak_charge_read", "refund.created",
                    "refund.updated", NULL, " charge payment_intent ", " ", .demo = 38},
    [ST_DISPUTES] = {"disputes", "disputes", "dispute", "dp_", "rak_dispute_read",
                     "charge.dispute.created", "charge.dispute.updated", NULL,
                     " charge payment_intent ", " ", .demo = 9},
    [ST_PAYMENT_METHODS] = {"payment_methods", "payment_methods", "payment_method", "pm_",
                            "rak_payment_method_read", "payment_method.attached",
                            "payment_method.updated", "payment_method.detached", " customer type ",
                            " ", .no_created = true, .demo = 205},
    [ST_BALANCE_TRANSACTIONS] = {"balance_transactions", "balance_transactions",
                                 "balance_transaction", "txn_", "rak_balance_transaction_read",
                                 NULL, NULL, NULL, " currency type source payout ", " ",
                                 .no_edit = true, .demo = 460},
    [ST_PAYOUTS] = {"payouts", "payouts", "payout", "po_", "rak_payout_read", "payout.created",
                    "payout.updated", NULL, " status ", " ", .demo = 30},
    [ST_INVOICE_ITEMS] = {"invoice_items", "invoiceitems", "invoiceitem", "ii_", "rak_invoice_read",
                          "invoiceitem.created", NULL, "invoiceitem.deleted",
                          " customer invoice pending ", " ", .no_edit = true, .demo = 64},
    [ST_PLANS] = {"plans", "plans", "plan", "plan_", "rak_plan_read", "plan.created",
                  "plan.updated", "plan.deleted", " active product ", " tiers ", .demo = 12},
    [ST_EVENTS] = {"events", "events", "event", "evt_", "rak_event_read", NULL, NULL, NULL,
                   " type types ", " ", .no_edit = true, .demo = 300},
    [ST_COUPONS] = {"coupons", "coupons", "coupon", "AUTUMN-", "rak_coupon_read", "coupon.created",
                    "coupon.updated", "coupon.deleted", " ", " applies_to currency_options ",
                    .demo = 14},
};

enum st_kind st_kind_of(const char *table)
{
    enum st_kind kind = ST_CUSTOMERS;

    while (kind < ST_KINDS && strcmp(st_classes[kind].table, table) != 0) kind++;
    return kind;
}

/* ------------------------------------------------------------------ ids */

static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* prefix, ten letters that look like chance, and six that are the index. */
static void make_id(const char *prefix, uint64_t salt, int64_t index, char out[ST_ID_MAX])
{
    uint64_t mixed = sim_mix(salt, (uint64_t)index);
    size_t len = strlen(prefix);

    memcpy(out, prefix, len);
    for (int i = 0; i < 10; i++, mixed /= 62) out[len++] = letters[mixed % 62];
    for (int i = 5; i >= 0; i--, index /= 62) out[len + (size_t)i] = letters[index % 62];
    out[len + 6] = '\0';
}

void st_id(const struct st_account *account, enum st_kind kind, int64_t index, char out[ST_ID_MAX])
{
    make_id(st_classes[kind].prefix, (uint64_t)(account->number * ST_KINDS + (int)kind), index,
            out);
}

void st_event_id(const struct st_account *account, int64_t index, char out[ST_ID_MAX])
{
    st_id(account, ST_EVENTS, index, out);
}

void st_child_id(const struct st_account *account, enum st_kind kind, int64_t index, int64_t child,
                 char out[ST_ID_MAX])
{
    uint64_t salt = sim_mix((uint64_t)account->number + 77, (uint64_t)index * 64 + (uint64_t)kind);

    make_id(kind == ST_INVOICES ? "il_" : "si_", salt, child, out);
}

int64_t st_find(const struct st_account *account, enum st_kind kind, const char *id)
{
    char same[ST_ID_MAX];
    int64_t index = 0;
    size_t len = strlen(id);

    if (len < 6 || len >= ST_ID_MAX) return -1;
    for (const char *c = id + len - 6; *c; c++) {
        const char *at = strchr(letters, *c);

        if (!at) return -1;
        index = index * 62 + (at - letters);
    }
    if (index >= (kind == ST_EVENTS ? account->event_count : st_count(account, kind))) return -1;
    st_id(account, kind, index, same);
    return strcmp(same, id) == 0 ? index : -1;
}

/* ------------------------------------------------------------------ objects */

int64_t st_count(const struct st_account *account, enum st_kind kind)
{
    return kind == ST_EVENTS ? account->event_count : account->kinds[kind].count;
}

struct st_object st_get(const struct stripe *app, const struct st_account *account,
                        enum st_kind kind, int64_t index)
{
    int64_t count = account->kinds[kind].count;

    if (account->kinds[kind].list) return account->kinds[kind].list[index];
    return (struct st_object){.created = app->start - 3600 -
                                         SPAN_S / 400 * 390 / (count + 1) * (count - index),
                              .children = 1};
}

enum sl_code st_add(struct stripe *app, struct st_account *account, enum st_kind kind,
                    const struct st_object *object, struct sl_error *error)
{
    int64_t count = account->kinds[kind].count, cap = account->kinds[kind].cap;

    if (app->bench) return sl_fail(error, SL_USAGE, "the data of the bench do not change");
    if (count == cap) {
        cap = cap ? cap * 2 : 64;
        struct st_object *list = sl_realloc(account->kinds[kind].list, (size_t)cap * sizeof *list);

        if (!list) return sl_fail(error, SL_NO_MEMORY, "could not keep an object");
        account->kinds[kind].list = list;
        account->kinds[kind].cap = cap;
    }
    account->kinds[kind].list[count] = *object;
    account->kinds[kind].count++;
    return SL_OK;
}

enum sl_code st_add_event(struct st_account *account, const struct st_event *event,
                          struct sl_error *error)
{
    if (account->event_count == account->event_cap) {
        int64_t cap = account->event_cap ? account->event_cap * 2 : 256;
        struct st_event *list = sl_realloc(account->events, (size_t)cap * sizeof *list);

        if (!list) return sl_fail(error, SL_NO_MEMORY, "could not keep an event");
        account->events = list;
        account->event_cap = cap;
    }
    account->events[account->event_count++] = *event;
    return SL_OK;
}

/* ------------------------------------------------------------------ the beginning */

static uint8_t first_state(enum st_kind kind, int64_t index)
{
    switch (kind) {
    case ST_SUBSCRIPTIONS: return index % 9 == 4;                            /* canceled */
    case ST_INVOICES: return (uint8_t)(index % 5 ? 2 : index % 10 == 5);     /* paid, open, draft */
    case ST_PAYMENT_METHODS: return index % 11 == 7;                         /* detached */
    case ST_CHARGES: return (uint8_t)(index % 13 == 6 ? 3 : index % 8 == 3); /* failed, refunded */
    case ST_DISPUTES: return (uint8_t)(index % 3);
    default: return 0;
    }
}

static int32_t first_children(enum st_kind kind, int32_t index)
{
    if (kind == ST_INVOICES) return index % 40 == 11 ? 130 : index % 17 == 3 ? 14 : 1 + index % 4;
    if (kind == ST_SUBSCRIPTIONS) return index % 30 == 9 ? 13 : 1 + index % 2;
    return 0;
}

static enum sl_code seed_kind(struct stripe *app, struct st_account *account, enum st_kind kind,
                              int64_t count, struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    for (int64_t i = 0; i < count && !rc; i++) {
        /* Every seventh is of the very second of the one before it. */
        int64_t place = i - (i % 7 == 3 ? 1 : 0);
        struct st_object object = {
            .created = app->start - 7200 - SPAN_S / (count + 1) * (count - place),
            .state = first_state(kind, i),
            .children = first_children(kind, (int32_t)i),
        };
        rc = st_add(app, account, kind, &object, error);
    }
    return rc;
}

/* Of the last three weeks, up to twenty minutes ago. */
static enum sl_code seed_events(struct stripe *app, struct st_account *account, int64_t count,
                                struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    for (int64_t i = 0; i < count && !rc; i++) {
        enum st_kind kind = (enum st_kind)(sim_mix(app->seed, (uint64_t)i) % ST_KINDS);
        int64_t created = app->start - 1200 - 21 * INT64_C(86400) / (count + 1) * (count - i);

        if (!st_classes[kind].updated || !account->kinds[kind].count) kind = ST_CUSTOMERS;
        if (!account->kinds[kind].count) return SL_OK;
        int64_t index =
            (int64_t)(sim_mix(app->seed + 5, (uint64_t)i) % (uint64_t)account->kinds[kind].count);
        struct st_event event = {.created = created,
                                 .visible = created,
                                 .kind = kind,
                                 .index = (int32_t)index,
                                 .object = account->kinds[kind].list[index],
                                 .type = st_classes[kind].updated};
        rc = st_add_event(account, &event, error);
    }
    return rc;
}

static enum sl_code seed_account(struct stripe *app, struct st_account *account, int64_t records,
                                 bool empty, int part, struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    for (enum st_kind kind = ST_CUSTOMERS; kind < ST_KINDS && !rc && !empty; kind++) {
        int64_t count = records ? records : st_classes[kind].demo / part;

        if (kind == ST_EVENTS) continue;
        account->kinds[kind].first = count;
        if (app->bench) {
            account->kinds[kind].first = account->kinds[kind].count =
                kind == ST_CHARGES     ? (records ? records : 100000)
                : kind == ST_CUSTOMERS ? 100
                                       : 0;
            continue;
        }
        rc = seed_kind(app, account, kind, count, error);
    }
    if (!rc && !empty && !app->bench)
        rc =
            seed_events(app, account, records ? records : st_classes[ST_EVENTS].demo / part, error);
    return rc;
}

enum sl_code st_seed(struct stripe *app, const struct sim_options *options, struct sl_error *error)
{
    static const char *const names[] = {"Larkspur & Finch Stationery", "Kettle Pond Ceramics",
                                        "Otterburn Bicycles"};
    bool empty = options->kind && strcmp(options->kind, "empty") == 0;
    enum sl_code rc = SL_OK;

    if (options->kind && strcmp(options->kind, "demo") != 0 && !empty &&
        strcmp(options->kind, "bench") != 0)
        return sl_fail(error, SL_USAGE, "there is no data set '%s': demo, empty, bench",
                       options->kind);
    app->bench = options->kind && strcmp(options->kind, "bench") == 0;
    app->account_count = app->bench ? 1 : 3;
    for (int i = 0; i < app->account_count && !rc; i++) {
        struct st_account *account = &app->accounts[i];

        account->number = i;
        account->name = names[i];
        account->created = app->start - SPAN_S - 86400;
        make_id("acct_1", app->seed + 1000, i, account->id);
        rc = seed_account(app, account, options->records, empty, i ? 4 : 1, error);
    }
    return rc;
}
