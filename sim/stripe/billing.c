/* billing.c: subscriptions, invoices, their lines and items; and events. */
#include <stdio.h>
#include <string.h>

#include "sim/stripe/shapes.h"
#include "sim/text.h"

/* ------------------------------------------------------------------ sub-lists */

static void put_line(const struct pen *p, int64_t child)
{
    char id[ST_ID_MAX], invoice[ST_ID_MAX];
    int64_t amount = 100 + child * 7;

    st_child_id(p->account, ST_INVOICES, p->i, child, id);
    st_id(p->account, ST_INVOICES, p->i, invoice);
    ADD("{\"id\":\"%s\",\"object\":\"line_item\",\"amount\":%lld,\"currency\":\"%s\","
        "\"description\":\"Notebooks, box %lld\",\"discount_amounts\":[],\"discountable\":true,"
        "\"discounts\":[],\"invoice\":\"%s\",\"livemode\":%s,\"metadata\":{},\"period\":{\"end\":"
        "%lld,\"start\":%lld},\"quantity\":%lld",
        id, LONG(amount), st_currency_of(p), LONG(child + 1), invoice, st_truth(p->view->live),
        LONG(p->o->created + 2592000), LONG(p->o->created), LONG(1 + child % 3));
    if (p->view->basil)
        ADD(",\"parent\":{\"invoice_item_details\":null,\"type\":\"invoice_item_details\"},"
            "\"pricing\":{\"type\":\"price_details\",\"unit_amount_decimal\":\"%lld\"},"
            "\"pretax_credit_amounts\":[],\"taxes\":[]}",
            LONG(amount));
    else
        ADD(",\"amount_excluding_tax\":%lld,\"invoice_item\":\"ii_line%lld\",\"plan\":null,"
            "\"pretax_credit_amounts\":[],\"price\":null,\"proration\":false,"
            "\"proration_details\":{\"credited_items\":null},\"subscription\":null,"
            "\"tax_amounts\":[],\"tax_rates\":[],\"type\":\"invoiceitem\","
            "\"unit_amount_excluding_tax\":\"%lld\"}",
            LONG(amount), LONG(child), LONG(amount));
}

static void put_item(const struct pen *p, int64_t child)
{
    char id[ST_ID_MAX], subscription[ST_ID_MAX];

    st_child_id(p->account, ST_SUBSCRIPTIONS, p->i, child, id);
    st_id(p->account, ST_SUBSCRIPTIONS, p->i, subscription);
    ADD("{\"id\":\"%s\",\"object\":\"subscription_item\",\"billing_thresholds\":null,\"created\":"
        "%lld,\"discounts\":[],\"metadata\":{},\"quantity\":%lld,\"subscription\":\"%s\","
        "\"tax_rates\":[]",
        id, LONG(p->o->created), LONG(1 + child), subscription);
    if (p->view->basil)
        ADD(",\"current_period_end\":%lld,\"current_period_start\":%lld",
            LONG(p->o->created + 2592000), LONG(p->o->created));
    st_put_ref(p, "price", ST_PRICES, child);
    ADD("}");
}

void st_render_children(const struct st_account *account, enum st_kind kind, int64_t index,
                        const struct st_object *object, int64_t from, int64_t count,
                        const struct st_view *view, struct sl_buf *out)
{
    struct pen pen = {account, object, view, out, index};

    for (int64_t child = from; child < from + count && child < object->children; child++) {
        if (child > from) sl_buf_addc(out, ',');
        if (kind == ST_INVOICES)
            put_line(&pen, child);
        else
            put_item(&pen, child);
    }
}

static void put_sublist(const struct pen *p, enum st_kind kind, const char *name, const char *url)
{
    int64_t shown = p->view->whole ? p->o->children : ST_EMBEDDED;

    ADD(",\"%s\":{\"object\":\"list\",\"data\":[", name);
    st_render_children(p->account, kind, p->i, p->o, 0, shown, p->view, p->out);
    ADD("],\"has_more\":%s,\"total_count\":%d,\"url\":\"%s\"}", st_truth(p->o->children > shown),
        p->o->children, url);
}

/* ------------------------------------------------------------------ objects */

void st_put_subscription(const struct pen *p)
{
    static const char *const status[] = {"active", "canceled", "paused", "past_due"};
    bool canceled = p->o->state == 1;
    char id[ST_ID_MAX], url[120];

    st_id(p->account, ST_SUBSCRIPTIONS, p->i, id);
    (void)snprintf(url, sizeof url, "/v1/subscription_items?subscription=%s", id);
    ADD(",\"application\":null,\"application_fee_percent\":null,\"automatic_tax\":{\"disabled_"
        "reason\":null,\"enabled\":false,\"liability\":null},\"billing_cycle_anchor\":%lld,"
        "\"billing_cycle_anchor_config\":null,\"billing_thresholds\":null,\"cancel_at\":null,"
        "\"cancel_at_period_end\":%s,\"canceled_at\":%s,\"cancellation_details\":{\"comment\":"
        "null,\"feedback\":null,\"reason\":null},\"collection_method\":\"charge_automatically\","
        "\"currency\":\"%s\",\"days_until_due\":null,\"default_source\":null,\"default_tax_rates\""
        ":[],\"description\":null,\"discounts\":[],\"ended_at\":%s,\"invoice_settings\":"
        "{\"account_tax_ids\":null,\"issuer\":{\"type\":\"self\"}},\"next_pending_invoice_item_"
        "invoice\":null,\"on_behalf_of\":null,\"pause_collection\":null,\"payment_settings\":"
        "{\"payment_method_options\":null,\"payment_method_types\":null,"
        "\"save_default_payment_method\":\"off\"},\"pending_invoice_item_interval\":null,"
        "\"pending_setup_intent\":null,\"pending_update\":null,\"schedule\":null,\"start_date\":"
        "%lld,\"status\":\"%s\",\"test_clock\":null,\"transfer_data\":null,\"trial_end\":null,"
        "\"trial_settings\":{\"end_behavior\":{\"missing_payment_method\":\"create_invoice\"}},"
        "\"trial_start\":null",
        LONG(p->o->created), st_truth(p->i % 6 == 5), canceled ? "1772000000" : "null",
        st_currency_of(p), canceled ? "1772000000" : "null", LONG(p->o->created),
        status[p->o->state % 4]);
    if (!p->view->basil)
        ADD(",\"current_period_end\":%lld,\"current_period_start\":%lld,\"discount\":null,"
            "\"plan\":null,\"quantity\":1",
            LONG(p->o->created + 2592000), LONG(p->o->created));
    else
        ADD(",\"billing_mode\":{\"type\":\"classic\"}");
    st_put_ref(p, "customer", ST_CUSTOMERS, p->i);
    st_put_ref(p, "default_payment_method", ST_PAYMENT_METHODS, p->i);
    st_put_ref(p, "latest_invoice", ST_INVOICES, p->i);
    put_sublist(p, ST_SUBSCRIPTIONS, "items", url);
    st_put_metadata(p);
}

static void put_invoice_money(const struct pen *p)
{
    int64_t total = st_amount_of(p);
    bool paid = p->o->state == 2;

    ADD(",\"amount_due\":%lld,\"amount_paid\":%lld,\"amount_remaining\":%lld,\"amount_shipping\":"
        "0,\"attempt_count\":%d,\"attempted\":%s,\"subtotal\":%lld,\"subtotal_excluding_tax\":"
        "%lld,\"total\":%lld,\"total_discount_amounts\":[],\"total_excluding_tax\":%lld,"
        "\"total_pretax_credit_amounts\":[],\"starting_balance\":0,\"ending_balance\":%s,"
        "\"pre_payment_credit_notes_amount\":0,\"post_payment_credit_notes_amount\":0",
        LONG(total), LONG(paid ? total : 0), LONG(paid ? 0 : total), p->o->rev,
        st_truth(p->o->state > 0), LONG(total), LONG(total), LONG(total), LONG(total),
        p->o->state ? "0" : "null");
    if (p->view->basil) {
        ADD(",\"amount_overpaid\":0,\"parent\":null,\"total_taxes\":[],\"confirmation_secret\":"
            "null");
        return;
    }
    ADD(",\"application_fee_amount\":null,\"discount\":null,\"paid\":%s,\"paid_out_of_band\":"
        "false,\"quote\":null,\"subscription_details\":{\"metadata\":null},\"tax\":null,"
        "\"total_tax_amounts\":[],\"transfer_data\":null",
        st_truth(paid));
    st_put_ref(p, "charge", ST_CHARGES, paid ? p->i : -1);
    st_put_ref(p, "payment_intent", ST_PAYMENT_INTENTS, paid ? p->i : -1);
    st_put_ref(p, "subscription", ST_SUBSCRIPTIONS, p->i % 3 ? p->i : -1);
}

void st_put_invoice(const struct pen *p)
{
    static const char *const status[] = {"draft", "open", "paid", "void", "uncollectible"};
    char id[ST_ID_MAX], url[120];

    st_id(p->account, ST_INVOICES, p->i, id);
    (void)snprintf(url, sizeof url, "/v1/invoices/%s/lines", id);
    ADD(",\"account_country\":\"SE\",\"account_name\":\"%s\",\"account_tax_ids\":null,"
        "\"application\":null,\"auto_advance\":%s,\"automatic_tax\":{\"disabled_reason\":null,"
        "\"enabled\":false,\"liability\":null,\"status\":null},\"automatically_finalizes_at\":null,"
        "\"billing_reason\":\"manual\",\"collection_method\":\"charge_automatically\","
        "\"currency\":\"%s\",\"custom_fields\":null,\"customer_email\":\"customer%lld@example.com\""
        ",\"customer_name\":null,\"customer_phone\":null,\"customer_shipping\":null,"
        "\"customer_tax_exempt\":\"none\",\"customer_tax_ids\":[],\"default_source\":null,"
        "\"default_tax_rates\":[],\"description\":null,\"discounts\":[],\"due_date\":null,"
        "\"effective_at\":%s,\"footer\":null,\"from_invoice\":null,\"hosted_invoice_url\":null,"
        "\"invoice_pdf\":null,\"issuer\":{\"type\":\"self\"},\"last_finalization_error\":null,"
        "\"latest_revision\":null,\"next_payment_attempt\":null,\"number\":\"SIM-%04lld\","
        "\"on_behalf_of\":null",
        p->account->name, st_truth(p->o->state == 0), st_currency_of(p), LONG(p->i),
        p->o->state ? "1772000000" : "null", LONG(p->i));
    ADD(",\"payment_settings\":{\"default_mandate\":null,\"payment_method_options\":null,"
        "\"payment_method_types\":[\"card\"]},\"period_end\":%lld,\"period_start\":%lld,"
        "\"receipt_number\":null,\"rendering\":null,\"shipping_cost\":null,\"shipping_details\":"
        "null,\"statement_descriptor\":null,\"status\":\"%s\",\"status_transitions\":"
        "{\"finalized_at\":%s,\"marked_uncollectible_at\":null,\"paid_at\":%s,\"voided_at\":null},"
        "\"test_clock\":null,\"webhooks_delivered_at\":%lld",
        LONG(p->o->created), LONG(p->o->created - 2592000), status[p->o->state % 5],
        p->o->state ? "1772000000" : "null", p->o->state == 2 ? "1772000100" : "null",
        LONG(p->o->created + 2));
    put_invoice_money(p);
    st_put_ref(p, "customer", ST_CUSTOMERS, p->i);
    st_put_address(p, "customer_address");
    st_put_ref(p, "default_payment_method", ST_PAYMENT_METHODS, -1);
    put_sublist(p, ST_INVOICES, "lines", url);
    st_put_metadata(p);
}

void st_put_invoice_item(const struct pen *p)
{
    int64_t amount = st_amount_of(p);

    ADD(",\"amount\":%lld,\"currency\":\"%s\",\"description\":%s,\"discountable\":true,"
        "\"discounts\":[],\"period\":{\"end\":%lld,\"start\":%lld},\"proration\":false,"
        "\"quantity\":1,\"tax_rates\":[],\"test_clock\":null",
        LONG(amount), st_currency_of(p), p->o->rev ? "\"corrected\"" : "\"Set-up\"",
        LONG(p->o->created), LONG(p->o->created));
    if (p->view->basil)
        ADD(",\"net_amount\":%lld,\"parent\":null,\"pricing\":{\"type\":\"price_details\","
            "\"unit_amount_decimal\":\"%lld\"}",
            LONG(amount), LONG(amount));
    else
        ADD(",\"plan\":null,\"price\":null,\"subscription\":null,\"unit_amount\":%lld,"
            "\"unit_amount_decimal\":\"%lld\"",
            LONG(amount), LONG(amount));
    st_put_ref(p, "customer", ST_CUSTOMERS, p->i);
    st_put_ref(p, "invoice", ST_INVOICES, p->i % 4 == 0 ? -1 : p->i);
    st_put_metadata(p);
}

/* ------------------------------------------------------------------ events */

void st_render_event(const struct stripe *app, const struct st_account *account, int64_t index,
                     struct sl_buf *out)
{
    const struct st_event *event = &account->events[index];
    struct st_view view = {.basil = event->basil, .live = app->live, .now = event->created};
    char id[ST_ID_MAX];
    size_t len = strlen(event->type);
    bool update = len > 8 && strcmp(event->type + len - 8, ".updated") == 0;

    st_event_id(account, index, id);
    sl_buf_addf(out,
                "{\"id\":\"%s\",\"object\":\"event\",\"api_version\":\"%s\",\"created\":%lld,"
                "\"data\":{\"object\":",
                id, event->basil ? ST_BASIL : ST_PINNED, LONG(event->created));
    if (event->without)
        sl_buf_addf(out, "{\"object\":\"%s\"}", st_classes[event->kind].object);
    else
        st_render(account, event->kind, event->index, &event->object, &view, out);
    if (update)
        sl_buf_addf(out, ",\"previous_attributes\":{\"metadata\":{\"rev\":\"%d\"}}",
                    event->object.rev - 1);
    sl_buf_addf(out,
                "},\"livemode\":%s,\"pending_webhooks\":%d,\"request\":{\"id\":null,"
                "\"idempotency_key\":null},\"type\":\"%s\"}",
                st_truth(app->live), app->now_us / 1000000 - event->created < 3600 ? 1 : 0,
                event->type);
}
