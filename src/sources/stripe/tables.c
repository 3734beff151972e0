/* tables.c: the tables, and how each is kept up to date. docs/connectors/stripe.md explains. */
#include <string.h>

#include "stripe.h"

#define COLUMNS_OF(table)                                                                          \
    .columns = stripe_##table##_columns, .column_count = &stripe_##table##_column_count
#define DECLARE(table)                                                                             \
    extern const struct sl_column stripe_##table##_columns[];                                      \
    extern const size_t stripe_##table##_column_count

DECLARE(customers);
DECLARE(charges);
DECLARE(payment_intents);
DECLARE(subscriptions);
DECLARE(invoices);
DECLARE(products);
DECLARE(prices);
DECLARE(refunds);
DECLARE(disputes);
DECLARE(payment_methods);
DECLARE(balance_transactions);
DECLARE(payouts);
DECLARE(invoice_items);
DECLARE(plans);
DECLARE(events);
DECLARE(coupons);

#define WORDS(...)                                                                                 \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }

const struct stripe_table stripe_tables[] = {
    {
        .name = "customers",
        .path = "customers",
        .object = "customer",
        .permission = "rak_customer_read",
        COLUMNS_OF(customers),
        .types = WORDS("customer.created", "customer.updated", "-customer.deleted"),
    },
    {
        .name = "charges",
        .path = "charges",
        .object = "charge",
        .permission = "rak_charge_read",
        COLUMNS_OF(charges),
        .types = WORDS("charge.pending", "charge.succeeded", "charge.captured", "charge.updated",
                       "charge.failed", "charge.refunded", "charge.expired",
                       /* which change the charge, and have an event of their own only */
                       ">charge.dispute.created", ">charge.dispute.closed", ">refund.failed"),
        .refers = "charge",
    },
    {
        .name = "payment_intents",
        .path = "payment_intents",
        .object = "payment_intent",
        .permission = "rak_payment_intent_read",
        COLUMNS_OF(payment_intents),
        .types =
            WORDS("payment_intent.created", "payment_intent.canceled",
                  "payment_intent.amount_capturable_updated", "payment_intent.partially_funded",
                  "payment_intent.payment_failed", "payment_intent.processing",
                  "payment_intent.requires_action", "payment_intent.succeeded"),
    },
    {
        .name = "subscriptions",
        .path = "subscriptions",
        .object = "subscription",
        .permission = "rak_subscription_read",
        COLUMNS_OF(subscriptions),
        /* customer.subscription.deleted: it is canceled, and stays */
        .types = WORDS("customer.subscription.created", "customer.subscription.updated",
                       "customer.subscription.paused", "customer.subscription.resumed",
                       "customer.subscription.pending_update_applied",
                       "customer.subscription.pending_update_expired",
                       "customer.subscription.trial_will_end", "customer.subscription.deleted"),
        .filter = {"status", "all"}, /* or those that were canceled are left out */
    },
    {
        .name = "invoices",
        .path = "invoices",
        .object = "invoice",
        .permission = "rak_invoice_read",
        COLUMNS_OF(invoices),
        .types = WORDS("invoice.created", "invoice.updated", "invoice.finalized",
                       "invoice.finalization_failed", "invoice.marked_uncollectible",
                       "invoice.overdue", "invoice.paid", "invoice.payment_succeeded",
                       "invoice.payment_failed", "invoice.payment_action_required",
                       "invoice.payment_attempt_required", "invoice.overpaid", "invoice.sent",
                       "invoice.voided", "invoice.will_be_due", "-invoice.deleted"),
    },
    {
        .name = "products",
        .path = "products",
        .object = "product",
        .permission = "rak_product_read",
        COLUMNS_OF(products),
        .types = WORDS("product.created", "product.updated", "-product.deleted"),
    },
    {
        .name = "prices",
        .path = "prices",
        .object = "price",
        .permission = "rak_plan_read",
        COLUMNS_OF(prices),
        .types = WORDS("price.created", "price.updated", "-price.deleted"),
        .expand = WORDS("tiers", "currency_options"),
    },
    {
        .name = "refunds",
        .path = "refunds",
        .object = "refund",
        .permission = "rak_charge_read",
        COLUMNS_OF(refunds),
        .types =
            WORDS("refund.created", "refund.updated", "refund.failed", "charge.refund.updated"),
    },
    {
        .name = "disputes",
        .path = "disputes",
        .object = "dispute",
        .permission = "rak_dispute_read",
        COLUMNS_OF(disputes),
        .types = WORDS("charge.dispute.created", "charge.dispute.updated", "charge.dispute.closed",
                       "charge.dispute.funds_reinstated", "charge.dispute.funds_withdrawn"),
    },
    {
        .name = "payment_methods",
        .path = "payment_methods",
        .object = "payment_method",
        .permission = "rak_payment_method_read",
        COLUMNS_OF(payment_methods),
        .way = STRIPE_BY_PARENTS,
        .types = WORDS("payment_method.attached", "payment_method.automatically_updated",
                       "payment_method.updated", "-payment_method.detached"),
    },
    {
        .name = "balance_transactions",
        .path = "balance_transactions",
        .object = "balance_transaction",
        .permission = "rak_balance_transaction_read",
        COLUMNS_OF(balance_transactions),
        .way = STRIPE_BY_WINDOWS,
    },
    {
        .name = "payouts",
        .path = "payouts",
        .object = "payout",
        .permission = "rak_payout_read",
        COLUMNS_OF(payouts),
        .types = WORDS("payout.created", "payout.updated", "payout.canceled", "payout.failed",
                       "payout.paid", "payout.reconciliation_completed"),
    },
    {
        .name = "invoice_items",
        .path = "invoiceitems",
        .object = "invoiceitem",
        .permission = "rak_invoice_read",
        COLUMNS_OF(invoice_items),
        .way = STRIPE_BY_WINDOWS,
        .cursor = "date",
        .types = WORDS("-invoiceitem.deleted"), /* an update has no event */
        .recent_filter = {"pending", "true"},
    },
    {
        .name = "plans",
        .path = "plans",
        .object = "plan",
        .permission = "rak_plan_read",
        COLUMNS_OF(plans),
        .types = WORDS("plan.created", "plan.updated", "-plan.deleted"),
        .expand = WORDS("tiers"),
    },
    {
        .name = "events",
        .path = "events",
        .object = "event",
        .permission = "rak_event_read",
        COLUMNS_OF(events),
        .way = STRIPE_LOG,
    },
    {
        .name = "coupons",
        .path = "coupons",
        .object = "coupon",
        .permission = "rak_coupon_read",
        COLUMNS_OF(coupons),
        .types = WORDS("coupon.created", "coupon.updated", "-coupon.deleted"),
        .expand = WORDS("applies_to", "currency_options"),
    },
};
const size_t stripe_table_count = sizeof stripe_tables / sizeof *stripe_tables;

const struct stripe_table *stripe_table_find(const char *name)
{
    for (size_t i = 0; name && i < stripe_table_count; i++)
        if (strcmp(stripe_tables[i].name, name) == 0) return &stripe_tables[i];
    return NULL;
}
