/*
 * discover.c: whose data it is, and which tables there are.
 *
 *     /v1/account       whose key it is. Restricted keys may not ask; the refusal names the account
 *     /v1/balance       live or test? Where that is not permitted, an object of a list says so
 *
 * Account and mode together are the identity of the tables: data of a sandbox never land beside live
 * ones. With the option `accounts` each connected account is a sub-task, and a namespace.
 */
#include <stdio.h>
#include <string.h>

#include "stripe.h"

/* ---- whose key it is ---- */

enum sl_code stripe_ask_account(struct stripe *self, struct sl_out *out, struct sl_error *error)
{
    struct sl_url url;

    stripe_url(self, "account", &url);
    return stripe_ask(self, STRIPE_ACCOUNT, &url, "account", out, error);
}

bool stripe_take_account(struct stripe *self, const struct sl_response *response)
{
    const struct sl_json *json = response->json;
    const char *name =
        sl_json_str(sl_json_path(json, "settings", "dashboard", "display_name", NULL));
    char id[STRIPE_ID_MAX];

    if (response->status == 403) {
        if (!stripe_account_in(sl_json_str(sl_json_path(json, "error", "message", NULL)), id))
            return false;
    } else if (!stripe_keep_id(id, sl_json_get(json, "id")) || strncmp(id, "acct_", 5) != 0) {
        return false;
    }
    if (self->connected && strcmp(id, self->account) != 0) return false;
    memcpy(self->account, id, sizeof self->account);
    sl_json_i64(sl_json_get(json, "created"), &self->account_created);
    snprintf(self->name, sizeof self->name, "%.100s", name ? name : "");
    return true;
}

enum sl_code stripe_ask_sample(struct stripe *self, const struct stripe_table *table,
                               struct sl_out *out, struct sl_error *error)
{
    struct sl_url url;

    stripe_url(self, table->way == STRIPE_BY_PARENTS ? "customers" : table->path, &url);
    sl_url_query_i64(&url, "limit", 1);
    return stripe_ask(self, STRIPE_SAMPLE, &url, table->path, out, error);
}

static enum sl_code ask_balance(struct stripe *self, struct sl_out *out, struct sl_error *error)
{
    struct sl_url url;

    stripe_url(self, "balance", &url);
    return stripe_ask(self, STRIPE_BALANCE, &url, "balance", out, error);
}

/* ---- tables ---- */

static enum sl_ingestion ingestion_of(const struct stripe_table *table)
{
    /* Balance transactions are never deleted; deleted invoice items have events. */
    return table->way == STRIPE_LOG ? SL_APPEND : SL_CDC_WITH_DELETES;
}

static enum sl_code put_tables(struct stripe *self, struct sl_out *out, struct sl_error *error)
{
    static const char *const key[] = {"id", NULL};
    static const char *const whole_row[] = {"", NULL};
    char namespace_id[STRIPE_ID_MAX + 8], state[STRIPE_ID_MAX + 160];
    enum sl_code rc = sl_out_namespace(out, self->account, self->account, self->name, error);

    snprintf(namespace_id, sizeof namespace_id, "%s/%s", self->account,
             self->live ? "live" : "test");
    snprintf(state, sizeof state,
             "{\"account\":\"%s\",\"connected\":%s,\"live\":%s,\"created\":%lld,\"now\":%lld}",
             self->account, self->connected ? "true" : "false", self->live ? "true" : "false",
             (long long)self->account_created, (long long)self->began);
    for (size_t i = 0; i < stripe_table_count && !rc; i++) {
        const struct stripe_table *table = &stripe_tables[i];
        struct sl_table_def def = {
            .name = table->name,
            .namespace_ = self->account,
            .namespace_id = namespace_id,
            .columns = table->columns,
            .column_count = *table->column_count,
            .primary_key = key,
            .cursor = table->cursor ? table->cursor : "created",
            .ingestion = ingestion_of(table),
            .sequence = stripe_has_sequence(table) ? SL_SEQUENCE_TIME : SL_SEQUENCE_NONE,
            .rereads = table->way != STRIPE_LOG,
            .strict_objects = whole_row,
            .rows_per_call = table->way == STRIPE_BY_PARENTS ? 1 : STRIPE_PAGE_ROWS,
            .calls_unchanged = table->recent_filter[0] ? 3 : 1,
            .state = state,
        };
        rc = sl_out_table(out, &def, error);
    }
    return rc ? rc : SL_DONE;
}

/* ---- live or test ---- */

static enum sl_code mode_unknown(const struct stripe *self, struct sl_error *error)
{
    sl_fail(error, SL_PERMISSION,
            "account '%s': it cannot be told whether the key is for live or "
            "test data",
            self->account);
    sl_error_hint(error, "Give the restricted key read permission for Balance "
                         "(rak_balance_read), at https://dashboard.stripe.com/apikeys.");
    return SL_PERMISSION;
}

static enum sl_code mode_read(struct stripe *self, const struct sl_response *response,
                              struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *json = response->json;
    const struct sl_json *mode = sl_json_get(json, "livemode");
    struct sl_json_each first = sl_json_each(sl_json_get(json, "data"));

    if (self->stage == STRIPE_SAMPLE)
        mode = sl_json_next(&first) ? sl_json_get(first.value, "livemode") : NULL;
    if (response->status == 200 && sl_json_kind(mode) == SL_JSON_BOOL) {
        self->live = sl_json_true(mode);
        self->began = stripe_now(self, response);
        return put_tables(self, out, error);
    }
    if (self->stage == STRIPE_SAMPLE) self->probe++;
    if (self->probe >= stripe_table_count) return mode_unknown(self, error);
    return stripe_ask_sample(self, &stripe_tables[self->probe], out, error);
}

/* ---- accounts ---- */

static bool is_account(const char *id)
{
    return id && strncmp(id, "acct_", 5) == 0 && strlen(id) < STRIPE_ID_MAX &&
           !id[strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")];
}

static enum sl_code ask_for_account(const char *id, bool listed, struct sl_out *out,
                                    struct sl_error *error)
{
    char input[STRIPE_ID_MAX + 40];

    if (!is_account(id)) {
        sl_fail(error, SL_BAD_SPEC, "accounts: '%.80s' is not the id of a Stripe account",
                id ? id : "");
        sl_error_hint(error, "Such an id begins with 'acct_'.");
        return SL_BAD_SPEC;
    }
    snprintf(input, sizeof input, "{\"account\":\"%s\",\"listed\":%s}", id,
             listed ? "true" : "false");
    return sl_out_task(out, id, input, error);
}

static enum sl_code ask_accounts(struct stripe *self, struct sl_out *out, struct sl_error *error)
{
    struct sl_url url;

    stripe_url(self, "accounts", &url);
    sl_url_query_i64(&url, "limit", STRIPE_PAGE_ROWS);
    if (self->after[0]) sl_url_query(&url, "starting_after", self->after);
    return stripe_ask(self, STRIPE_ACCOUNTS, &url, "accounts", out, error);
}

static enum sl_code accounts_listed(struct stripe *self, const struct sl_response *response,
                                    struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *rows = sl_json_get(response->json, "data"), *last = NULL;
    enum sl_code rc = SL_OK;

    for (struct sl_json_each e = sl_json_each(rows); sl_json_next(&e) && !rc; last = e.value) {
        const char *id = sl_json_str(sl_json_get(e.value, "id"));
        if (!self->task.namespace_ || sl_json_eq(sl_json_get(e.value, "id"), self->task.namespace_))
            rc = ask_for_account(id, true, out, error);
    }
    if (rc) return rc;
    if (!sl_json_true(sl_json_get(response->json, "has_more"))) {
        /* and the key's own */
        self->account[0] = '\0';
        return stripe_ask_account(self, out, error);
    }
    if (!stripe_keep_id(self->after, sl_json_get(last, "id")))
        return sl_fail(error, SL_BAD_DATA,
                       "more is to follow a page of accounts without a last id");
    rc = sl_pages_next(&self->pages, self->after, error);
    return rc == SL_MORE ? ask_accounts(self, out, error) : rc;
}

static enum sl_code begin(struct stripe *self, struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *account = sl_json_get(self->task.input, "account");
    enum sl_code rc = SL_OK;

    if (account) {
        self->connected = stripe_keep_id(self->account, account);
        return stripe_ask_account(self, out, error);
    }
    for (struct sl_json_each e = sl_json_each(self->accounts); sl_json_next(&e) && !rc;) {
        if (sl_json_eq(e.value, "all")) return ask_accounts(self, out, error);
        if (!self->task.namespace_ || sl_json_eq(e.value, self->task.namespace_))
            rc = ask_for_account(sl_json_str(e.value), false, out, error);
    }
    if (rc) return rc;
    return sl_json_len(self->accounts) > 0 ? SL_DONE : stripe_ask_account(self, out, error);
}

/* A connected account that took its access back. One that was named fails; of all of them it is left
 * out. */
static enum sl_code no_access(const struct stripe *self, struct sl_out *out, struct sl_error *error)
{
    if (sl_json_true(sl_json_get(self->task.input, "listed"))) {
        sl_out_note(out, SL_NOTE_WARNING, "account '%s' is left out: the key has no access to it",
                    self->account);
        return SL_DONE;
    }
    sl_fail(error, SL_PERMISSION, "account '%s': the key has no access to it", self->account);
    sl_error_hint(error, "Connect it again, or take it out of the option 'accounts'.");
    return SL_PERMISSION;
}

static enum sl_code account_read(struct stripe *self, const struct sl_response *response,
                                 struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *code = sl_json_path(response->json, "error", "code", NULL);

    if (self->connected && response->status == 403 && sl_json_eq(code, "account_invalid"))
        return no_access(self, out, error);
    if (!stripe_take_account(self, response))
        return sl_fail(error, response->status == 403 ? SL_PERMISSION : SL_BAD_DATA,
                       "Stripe does not say whose account the key is for (it answered %d)",
                       response->status);
    bool other = self->task.namespace_ && strcmp(self->task.namespace_, self->account) != 0;

    return other && !self->connected ? SL_DONE : ask_balance(self, out, error);
}

enum sl_code stripe_discover(void *task, const struct sl_response *response, struct sl_out *out,
                             struct sl_error *error)
{
    struct stripe *self = task;

    if (!response) return begin(self, out, error);
    switch (self->stage) {
    case STRIPE_ACCOUNT: return account_read(self, response, out, error);
    case STRIPE_ACCOUNTS: return accounts_listed(self, response, out, error);
    case STRIPE_BALANCE:
    case STRIPE_SAMPLE: return mode_read(self, response, out, error);
    default: return sl_fail(error, SL_BUG, "discover: an answer nobody asked for");
    }
}
