/*
 * shapes.c: what an object looks like, before and since API version 2025-03-31 ("basil").
 *
 * Everything follows from the index, the number of changes and the state. All people and shops are
 * invented.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sim/stripe/shapes.h"
#include "sim/text.h"

static const char *const given[] = {"Mira", "Tomas", "Ayaan", "Lucía", "Wren", "Ingrid", "Kofi"};
static const char *const family[] = {"Okafor", "Lindqvist", "Castellanos", "Ferreira", "Voss"};
static const char *const currencies[] = {"usd", "eur", "sek", "jpy"};

static bool expands(const struct pen *p, const char *what)
{
    char word[64];

    (void)snprintf(word, sizeof word, " %s ", what);
    return p->view->expand && strstr(p->view->expand, word);
}

const char *st_truth(bool is)
{
    return is ? "true" : "false";
}

void st_put_ref(const struct pen *p, const char *name, enum st_kind kind, int64_t index)
{
    char id[ST_ID_MAX];
    int64_t count = p->account->kinds[kind].first;

    if (count == 0 || index < 0) {
        ADD(",\"%s\":null", name);
        return;
    }
    st_id(p->account, kind, index % count, id);
    ADD(",\"%s\":\"%s\"", name, id);
}

static void put_head(const struct pen *p, enum st_kind kind)
{
    char id[ST_ID_MAX];

    st_id(p->account, kind, p->i, id);
    ADD("{\"id\":\"%s\",\"object\":\"%s\"", id, st_classes[kind].object);
    if (kind == ST_INVOICE_ITEMS)
        ADD(",\"date\":%lld", LONG(p->o->created));
    else if (kind != ST_EVENTS)
        ADD(",\"created\":%lld", LONG(p->o->created));
    if (kind != ST_REFUNDS && kind != ST_BALANCE_TRANSACTIONS)
        ADD(",\"livemode\":%s", st_truth(p->view->live));
}

void st_put_metadata(const struct pen *p)
{
    if (p->i % 3 == 0 && p->o->rev == 0)
        ADD(",\"metadata\":{}");
    else
        ADD(",\"metadata\":{\"order\":\"%lld\",\"rev\":\"%d\"}", LONG(1000 + p->i), p->o->rev);
}

int64_t st_amount_of(const struct pen *p)
{
    return 500 + (int64_t)(sim_mix(3, (uint64_t)p->i) % 90000);
}

const char *st_currency_of(const struct pen *p)
{
    return currencies[p->i % 4];
}

void st_put_address(const struct pen *p, const char *name)
{
    if (p->i % 4 == 1)
        ADD(",\"%s\":null", name);
    else
        ADD(",\"%s\":{\"city\":\"Visby\",\"country\":\"SE\",\"line1\":\"Strandgatan %lld\","
            "\"line2\":null,\"postal_code\":\"621 %02lld\",\"state\":null}",
            name, LONG(p->i + 1), LONG(p->i % 100));
}

int64_t st_customer_of(const struct st_account *account, int64_t index)
{
    int64_t count = account->kinds[ST_CUSTOMERS].first;

    return count ? index % count : -1;
}

/* ------------------------------------------------------------------ who and what */

static void put_customer(const struct pen *p)
{
    const char *first = given[p->i % 7], *last = family[p->i % 5];

    ADD(",\"balance\":%lld,\"currency\":\"%s\",\"default_source\":null,\"delinquent\":%s,"
        "\"discount\":null,\"email\":\"customer%lld@example.com\",\"invoice_prefix\":"
        "\"SIM%05lld\",\"name\":\"%s %s\",\"next_invoice_sequence\":%d,\"phone\":null,"
        "\"preferred_locales\":[%s],\"tax_exempt\":\"none\",\"test_clock\":null",
        LONG(p->i % 6 ? 0 : -1200), st_currency_of(p), st_truth(p->i % 10 == 9), LONG(p->i),
        LONG(p->i), first, last, 1 + p->o->rev, p->i % 2 ? "\"sv\",\"en\"" : "");
    if (p->o->rev)
        ADD(",\"description\":\"edited %d times\"", p->o->rev);
    else
        ADD(",\"description\":null");
    ADD(",\"invoice_settings\":{\"custom_fields\":null,\"default_payment_method\":null,"
        "\"footer\":null,\"rendering_options\":null}");
    st_put_address(p, "address");
    ADD(",\"shipping\":null");
    if (expands(p, "tax"))
        ADD(",\"tax\":{\"automatic_tax\":\"unrecognized_location\",\"ip_address\":null,"
            "\"location\":null}");
    st_put_metadata(p);
}

static void put_charge(const struct pen *p)
{
    int64_t amount = st_amount_of(p);
    bool failed = p->o->state == 3, refunded = p->o->state == 1;

    ADD(",\"amount\":%lld,\"amount_captured\":%lld,\"amount_refunded\":%lld,\"application\":null,"
        "\"application_fee\":null,\"application_fee_amount\":null,\"calculated_statement_"
        "descriptor\":\"LARKSPUR\",\"captured\":%s,\"currency\":\"%s\",\"description\":\"Order "
        "%lld\",\"destination\":null,\"dispute\":null,\"disputed\":false,"
        "\"failure_balance_transaction\":null,\"failure_code\":%s,\"failure_message\":%s,"
        "\"fraud_details\":{},\"on_behalf_of\":null,\"order\":null,\"paid\":%s,"
        "\"receipt_email\":null,\"receipt_number\":null,\"receipt_url\":\"https://pay.example.com/"
        "receipts/%lld\",\"refunded\":%s,\"review\":null,\"shipping\":null,\"source\":null,"
        "\"source_transfer\":null,\"statement_descriptor\":null,\"statement_descriptor_suffix\":"
        "null,\"status\":\"%s\",\"transfer_data\":null,\"transfer_group\":null",
        LONG(amount), LONG(failed ? 0 : amount), LONG(refunded ? amount : 0), st_truth(!failed),
        st_currency_of(p), LONG(1000 + p->i), failed ? "\"card_declined\"" : "null",
        failed ? "\"Your card was declined.\"" : "null", st_truth(!failed), LONG(p->i),
        st_truth(refunded), failed ? "failed" : "succeeded");
    ADD(",\"billing_details\":{\"address\":{\"city\":null,\"country\":\"SE\",\"line1\":null,"
        "\"line2\":null,\"postal_code\":null,\"state\":null},\"email\":null,\"name\":\"%s %s\","
        "\"phone\":null,\"tax_id\":null}",
        given[p->i % 7], family[p->i % 5]);
    ADD(",\"outcome\":{\"advice_code\":null,\"network_advice_code\":null,"
        "\"network_decline_code\":null,\"network_status\":\"approved_by_network\",\"reason\":null,"
        "\"risk_level\":\"normal\",\"risk_score\":%lld,\"seller_message\":\"Payment complete.\","
        "\"type\":\"authorized\"}",
        LONG(p->i % 60));
    ADD(",\"payment_method_details\":{\"card\":{\"amount_authorized\":%lld,"
        "\"authorization_code\":\"%06lld\",\"brand\":\"visa\",\"checks\":{\"address_line1_check\":"
        "null,\"address_postal_code_check\":null,\"cvc_check\":\"pass\"},\"country\":\"SE\","
        "\"exp_month\":%lld,\"exp_year\":2031,\"extended_authorization\":{\"status\":\"disabled\"},"
        "\"fingerprint\":\"SimFinger%lld\",\"funding\":\"credit\",\"incremental_authorization\":"
        "{\"status\":\"unavailable\"},\"installments\":null,\"last4\":\"4242\",\"mandate\":null,"
        "\"multicapture\":{\"status\":\"unavailable\"},\"network\":\"visa\",\"network_token\":"
        "{\"used\":false},\"network_transaction_id\":null,\"overcapture\":{\"maximum_amount_"
        "capturable\":%lld,\"status\":\"unavailable\"},\"regulated_status\":\"unregulated\","
        "\"three_d_secure\":null,\"wallet\":null},\"type\":\"card\"}",
        LONG(amount), LONG(p->i % 1000000), LONG(1 + p->i % 12), LONG(p->i % 50), LONG(amount));
    st_put_ref(p, "customer", ST_CUSTOMERS, p->i);
    st_put_ref(p, "payment_intent", ST_PAYMENT_INTENTS, p->i % 5 ? p->i : -1);
    st_put_ref(p, "payment_method", ST_PAYMENT_METHODS, p->i);
    st_put_ref(p, "balance_transaction", ST_BALANCE_TRANSACTIONS, failed ? -1 : p->i);
    if (!p->view->basil) st_put_ref(p, "invoice", ST_INVOICES, p->i % 3 ? -1 : p->i);
    st_put_metadata(p);
}

static void put_payment_intent(const struct pen *p)
{
    static const char *const status[] = {"succeeded", "requires_payment_method", "canceled"};
    const char *now = p->o->state < 3 ? status[p->o->state] : status[0];
    int64_t amount = st_amount_of(p);

    ADD(",\"amount\":%lld,\"amount_capturable\":0,\"amount_details\":{\"tip\":{}},"
        "\"amount_received\":%lld,\"application\":null,\"application_fee_amount\":null,"
        "\"automatic_payment_methods\":null,\"canceled_at\":%s,\"cancellation_reason\":%s,"
        "\"capture_method\":\"automatic\",\"client_secret\":\"pi_%lld_secret_simulated\","
        "\"confirmation_method\":\"automatic\",\"currency\":\"%s\",\"description\":null,"
        "\"last_payment_error\":null,\"next_action\":null,\"on_behalf_of\":null,"
        "\"payment_method_configuration_details\":null,\"payment_method_types\":[\"card\"],"
        "\"processing\":null,\"receipt_email\":null,\"review\":null,\"setup_future_usage\":null,"
        "\"shipping\":null,\"source\":null,\"statement_descriptor\":null,"
        "\"statement_descriptor_suffix\":null,\"status\":\"%s\",\"transfer_data\":null,"
        "\"transfer_group\":null",
        LONG(amount), LONG(p->o->state ? 0 : amount), p->o->state == 2 ? "1772442000" : "null",
        p->o->state == 2 ? "\"abandoned\"" : "null", LONG(p->i), st_currency_of(p), now);
    ADD(",\"payment_method_options\":{\"card\":{\"installments\":null,\"mandate_options\":null,"
        "\"network\":null,\"request_three_d_secure\":\"automatic\"}}");
    st_put_ref(p, "customer", ST_CUSTOMERS, p->i);
    st_put_ref(p, "payment_method", ST_PAYMENT_METHODS, p->i);
    st_put_ref(p, "latest_charge", ST_CHARGES, p->i);
    if (!p->view->basil) st_put_ref(p, "invoice", ST_INVOICES, p->i % 3 ? -1 : p->i);
    st_put_metadata(p);
}

static void put_product(const struct pen *p)
{
    ADD(",\"active\":%s,\"description\":%s,\"images\":[\"https://img.example.com/%lld.png\"],"
        "\"marketing_features\":[],\"name\":\"Notebook No. %lld\",\"package_dimensions\":null,"
        "\"shippable\":null,\"statement_descriptor\":null,\"tax_code\":null,\"type\":\"service\","
        "\"unit_label\":null,\"updated\":%lld,\"url\":null",
        st_truth(p->i % 9 != 8), p->i % 2 ? "\"Ruled, 96 pages\"" : "null", LONG(p->i), LONG(p->i),
        LONG(p->o->created + p->o->rev));
    st_put_ref(p, "default_price", ST_PRICES, p->i);
    st_put_metadata(p);
}

static void put_tiers(const struct pen *p, bool tiered)
{
    if (!expands(p, "tiers") || !tiered) return;
    ADD(",\"tiers\":[{\"flat_amount\":null,\"flat_amount_decimal\":null,\"unit_amount\":%lld,"
        "\"unit_amount_decimal\":\"%lld\",\"up_to\":10},{\"flat_amount\":null,"
        "\"flat_amount_decimal\":null,\"unit_amount\":null,\"unit_amount_decimal\":\"%lld."
        "123456789012\",\"up_to\":null}]",
        LONG(100 + p->i), LONG(100 + p->i), LONG(p->i));
}

static void put_price(const struct pen *p)
{
    bool tiered = p->i % 5 == 4, fraction = p->i % 5 == 2;

    ADD(",\"active\":true,\"billing_scheme\":\"%s\",\"currency\":\"%s\","
        "\"custom_unit_amount\":null,\"lookup_key\":null,\"nickname\":%s,\"tax_behavior\":"
        "\"unspecified\",\"tiers_mode\":%s,\"transform_quantity\":null,\"type\":\"recurring\"",
        tiered ? "tiered" : "per_unit", st_currency_of(p), p->o->rev ? "\"renamed\"" : "null",
        tiered ? "\"graduated\"" : "null");
    if (tiered)
        ADD(",\"unit_amount\":null,\"unit_amount_decimal\":null");
    else if (fraction)
        ADD(",\"unit_amount\":null,\"unit_amount_decimal\":\"%lld.000000000001\"", LONG(p->i));
    else
        ADD(",\"unit_amount\":%lld,\"unit_amount_decimal\":\"%lld\"", LONG(st_amount_of(p)),
            LONG(st_amount_of(p)));
    ADD(",\"recurring\":{%s\"interval\":\"month\",\"interval_count\":1,\"meter\":null,"
        "\"trial_period_days\":null,\"usage_type\":\"licensed\"}",
        p->view->basil ? "" : "\"aggregate_usage\":null,");
    put_tiers(p, tiered);
    if (expands(p, "currency_options"))
        ADD(",\"currency_options\":{\"%s\":{\"custom_unit_amount\":null}}", st_currency_of(p));
    st_put_ref(p, "product", ST_PRODUCTS, p->i);
    st_put_metadata(p);
}

static void put_plan(const struct pen *p)
{
    bool tiered = p->i % 4 == 3;

    ADD(",\"active\":true,%s\"billing_scheme\":\"%s\",\"currency\":\"%s\",\"interval\":"
        "\"month\",\"interval_count\":1,\"meter\":null,\"nickname\":%s,\"tiers_mode\":%s,"
        "\"transform_usage\":null,\"trial_period_days\":%s,\"usage_type\":\"licensed\"",
        p->view->basil ? "" : "\"aggregate_usage\":null,", tiered ? "tiered" : "per_unit",
        st_currency_of(p), p->o->rev ? "\"renamed\"" : "null", tiered ? "\"volume\"" : "null",
        p->i % 3 ? "null" : "14");
    if (tiered)
        ADD(",\"amount\":null,\"amount_decimal\":null");
    else
        ADD(",\"amount\":%lld,\"amount_decimal\":\"%lld\"", LONG(st_amount_of(p)),
            LONG(st_amount_of(p)));
    put_tiers(p, tiered);
    st_put_ref(p, "product", ST_PRODUCTS, p->i);
    st_put_metadata(p);
}

static void put_coupon(const struct pen *p)
{
    ADD(",\"amount_off\":%s,\"currency\":%s,\"duration\":\"%s\",\"duration_in_months\":%s,"
        "\"max_redemptions\":null,\"name\":\"Autumn %lld%s\",\"percent_off\":%s,\"redeem_by\":"
        "null,\"times_redeemed\":%d,\"valid\":true",
        p->i % 2 ? "500" : "null", p->i % 2 ? "\"usd\"" : "null", p->i % 3 ? "once" : "repeating",
        p->i % 3 ? "null" : "3", LONG(p->i), p->o->rev ? " (renamed)" : "",
        p->i % 2 ? "null" : "12.5", p->o->rev);
    if (expands(p, "applies_to") && p->i % 2 == 0) {
        char id[ST_ID_MAX] = "prod_none";

        if (p->account->kinds[ST_PRODUCTS].first) st_id(p->account, ST_PRODUCTS, 0, id);
        ADD(",\"applies_to\":{\"products\":[\"%s\"]}", id);
    }
    if (expands(p, "currency_options")) ADD(",\"currency_options\":{}");
    st_put_metadata(p);
}

/* ------------------------------------------------------------------ money that moves */

static void put_refund(const struct pen *p)
{
    ADD(",\"amount\":%lld,\"currency\":\"%s\",\"destination_details\":{\"card\":{\"reference_"
        "status\":\"pending\",\"reference_type\":\"acquirer_reference_number\",\"type\":"
        "\"refund\"},\"type\":\"card\"},\"reason\":%s,\"receipt_number\":null,"
        "\"source_transfer_reversal\":null,\"status\":\"%s\",\"transfer_reversal\":null",
        LONG(st_amount_of(p)), st_currency_of(p), p->i % 2 ? "\"requested_by_customer\"" : "null",
        p->o->rev ? "failed" : "succeeded");
    if (p->o->rev) ADD(",\"failure_reason\":\"expired_or_canceled_card\"");
    st_put_ref(p, "charge", ST_CHARGES, p->i);
    st_put_ref(p, "payment_intent", ST_PAYMENT_INTENTS, p->i);
    st_put_ref(p, "balance_transaction", ST_BALANCE_TRANSACTIONS, p->i);
    st_put_metadata(p);
}

static void put_dispute(const struct pen *p)
{
    static const char *const status[] = {"needs_response", "won", "lost"};

    ADD(",\"amount\":%lld,\"balance_transactions\":[],\"currency\":\"%s\","
        "\"enhanced_eligibility_types\":[],\"evidence\":{\"customer_name\":\"%s\","
        "\"uncategorized_text\":%s},\"evidence_details\":{\"due_by\":%lld,\"has_evidence\":%s,"
        "\"past_due\":false,\"submission_count\":%d},\"is_charge_refundable\":%s,"
        "\"network_reason_code\":null,\"payment_method_details\":{\"card\":{\"brand\":\"visa\","
        "\"network_reason_code\":\"83\"},\"type\":\"card\"},\"reason\":\"fraudulent\","
        "\"status\":\"%s\"",
        LONG(st_amount_of(p)), st_currency_of(p), given[p->i % 7], p->o->rev ? "\"sent\"" : "null",
        LONG(p->o->created + 864000), st_truth(p->o->rev), p->o->rev, st_truth(p->o->state == 0),
        status[p->o->state % 3]);
    st_put_ref(p, "charge", ST_CHARGES, p->i);
    st_put_ref(p, "payment_intent", ST_PAYMENT_INTENTS, p->i);
    st_put_metadata(p);
}

static void put_payment_method(const struct pen *p)
{
    ADD(",\"allow_redisplay\":\"unspecified\",\"type\":\"card\",\"billing_details\":{\"address\":"
        "{\"city\":null,\"country\":null,\"line1\":null,\"line2\":null,\"postal_code\":null,"
        "\"state\":null},\"email\":null,\"name\":\"%s %s\",\"phone\":null,\"tax_id\":null}",
        given[p->i % 7], family[p->i % 5]);
    ADD(",\"card\":{\"brand\":\"mastercard\",\"checks\":{\"address_line1_check\":null,"
        "\"address_postal_code_check\":null,\"cvc_check\":\"pass\"},\"country\":\"SE\","
        "\"display_brand\":\"mastercard\",\"exp_month\":%lld,\"exp_year\":%d,\"fingerprint\":"
        "\"SimFinger%lld\",\"funding\":\"debit\",\"generated_from\":null,\"last4\":\"4444\","
        "\"networks\":{\"available\":[\"mastercard\"],\"preferred\":null},\"regulated_status\":"
        "\"unregulated\",\"three_d_secure_usage\":{\"supported\":true},\"wallet\":null}",
        LONG(1 + p->i % 12), 2030 + p->o->rev, LONG(p->i % 50));
    st_put_ref(p, "customer", ST_CUSTOMERS, p->o->state ? -1 : st_customer_of(p->account, p->i));
    st_put_metadata(p);
}

static void put_balance_transaction(const struct pen *p)
{
    int64_t amount = st_amount_of(p), fee = 30 + amount * 29 / 1000;
    int64_t available = (p->o->created / 86400 + 7) * 86400;

    ADD(",\"amount\":%lld,\"available_on\":%lld,\"currency\":\"%s\",\"description\":null,"
        "\"exchange_rate\":%s,\"fee\":%lld,\"fee_details\":[{\"amount\":%lld,\"application\":null,"
        "\"currency\":\"usd\",\"description\":\"Stripe processing fees\",\"type\":\"stripe_fee\"}]"
        ",\"net\":%lld,\"reporting_category\":\"charge\",\"status\":\"%s\",\"type\":\"charge\"",
        LONG(amount), LONG(available), st_currency_of(p), p->i % 4 == 1 ? "1.09321" : "null",
        LONG(fee), LONG(fee), LONG(amount - fee),
        p->view->now >= available ? "available" : "pending");
    if (p->view->basil) ADD(",\"balance_type\":\"payments\"");
    st_put_ref(p, "source", ST_CHARGES, p->i);
}

static void put_payout(const struct pen *p)
{
    ADD(",\"amount\":%lld,\"application_fee\":null,\"application_fee_amount\":null,"
        "\"arrival_date\":%lld,\"automatic\":true,\"currency\":\"%s\",\"description\":\"STRIPE "
        "PAYOUT\",\"destination\":\"ba_simulated\",\"failure_balance_transaction\":null,"
        "\"failure_code\":null,\"failure_message\":null,\"method\":\"standard\","
        "\"original_payout\":null,\"reconciliation_status\":\"completed\",\"reversed_by\":null,"
        "\"source_type\":\"card\",\"statement_descriptor\":null,\"status\":\"%s\",\"trace_id\":"
        "null,\"type\":\"bank_account\"",
        LONG(st_amount_of(p)), LONG(p->o->created + 172800), st_currency_of(p),
        p->o->rev ? "paid" : "in_transit");
    st_put_ref(p, "balance_transaction", ST_BALANCE_TRANSACTIONS, p->i);
    st_put_metadata(p);
}

/* ------------------------------------------------------------------ all of them */

void st_render(const struct st_account *account, enum st_kind kind, int64_t index,
               const struct st_object *object, const struct st_view *view, struct sl_buf *out)
{
    static void (*const writers[ST_KINDS])(const struct pen *) = {
        [ST_CUSTOMERS] = put_customer,
        [ST_CHARGES] = put_charge,
        [ST_PAYMENT_INTENTS] = put_payment_intent,
        [ST_SUBSCRIPTIONS] = st_put_subscription,
        [ST_INVOICES] = st_put_invoice,
        [ST_PRODUCTS] = put_product,
        [ST_PRICES] = put_price,
        [ST_REFUNDS] = put_refund,
        [ST_DISPUTES] = put_dispute,
        [ST_PAYMENT_METHODS] = put_payment_method,
        [ST_BALANCE_TRANSACTIONS] = put_balance_transaction,
        [ST_PAYOUTS] = put_payout,
        [ST_INVOICE_ITEMS] = st_put_invoice_item,
        [ST_PLANS] = put_plan,
        [ST_COUPONS] = put_coupon,
    };
    struct pen pen = {account, object, view, out, index};

    put_head(&pen, kind);
    writers[kind](&pen);
    sl_buf_addc(out, '}');
}
