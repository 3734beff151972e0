/*
 * check.c: is the connection good, and if not, what is missing where?
 *
 * The key, then one object of each table. A refusal is a finding, so classify lets it through here.
 */
#include <stdio.h>
#include <string.h>

#include "stripe.h"

#define KEYS_PAGE "https://dashboard.stripe.com/apikeys"

static const char *said(const struct sl_response *response)
{
    const char *message = sl_json_str(sl_json_path(response->json, "error", "message", NULL));

    return message ? message : "no reason given";
}

static enum sl_code begin(struct stripe *self, struct sl_out *out, struct sl_error *error)
{
    struct sl_json_each first = sl_json_each(self->accounts);

    self->checking = true;
    if (sl_json_next(&first) && !sl_json_eq(first.value, "all")) /* one stands for the others */
        self->connected = stripe_keep_id(self->account, first.value);
    return stripe_ask_account(self, out, error);
}

static enum sl_code account_checked(struct stripe *self, const struct sl_response *response,
                                    struct sl_out *out, struct sl_error *error)
{
    bool good = response->status != 401 && stripe_take_account(self, response);
    char message[STRIPE_ID_MAX + 400];
    enum sl_code rc;

    if (good)
        snprintf(message, sizeof message, "accepted, for account %s%s%.100s", self->account,
                 self->name[0] ? ": " : "", self->name);
    else
        snprintf(message, sizeof message, "Stripe answered %d: %.300s", response->status,
                 said(response));
    rc = sl_out_check(out, "api_key", good, message,
                      good ? NULL
                           : "The key is wrong, expired or was rolled, or does not reach the "
                             "account: see " KEYS_PAGE ".",
                      error);
    if (!rc && good) rc = sl_out_namespace(out, self->account, self->account, self->name, error);
    if (rc) return rc;
    return good ? stripe_ask_sample(self, &stripe_tables[0], out, error) : SL_DONE;
}

static enum sl_code table_checked(struct stripe *self, const struct sl_response *response,
                                  struct sl_out *out, struct sl_error *error)
{
    const struct stripe_table *table = &stripe_tables[self->probe];
    bool good = response->status == 200;
    char subject[80], message[400], hint[300];
    enum sl_code rc;

    snprintf(subject, sizeof subject, "table %s", table->name);
    snprintf(message, sizeof message, "Stripe answered %d: %.300s", response->status,
             said(response));
    snprintf(hint, sizeof hint,
             "Give the restricted key read permission for it (%s), at " KEYS_PAGE
             ", or leave the table out.%s",
             table->permission,
             table->way == STRIPE_LOG
                 ? " Without events every run reads every table from the beginning."
                 : "");
    rc =
        sl_out_check(out, subject, good, good ? "can be read" : message, good ? NULL : hint, error);
    if (rc) return rc;
    if (++self->probe == stripe_table_count) return SL_DONE;
    return stripe_ask_sample(self, &stripe_tables[self->probe], out, error);
}

enum sl_code stripe_check(void *task, const struct sl_response *response, struct sl_out *out,
                          struct sl_error *error)
{
    struct stripe *self = task;

    if (!response) return begin(self, out, error);
    switch (self->stage) {
    case STRIPE_ACCOUNT: return account_checked(self, response, out, error);
    case STRIPE_SAMPLE: return table_checked(self, response, out, error);
    default: return sl_fail(error, SL_BUG, "check: an answer nobody asked for");
    }
}
