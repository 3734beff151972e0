/*
 * check.c: is the connection good, and if not, what is missing where?
 *
 *     whoami -> (list of bases, when base_id does not name them) -> for each base a sub-task:
 *     its schema -> one record of its first table
 *
 * Every finding is one sl_out_check(). A refusal is a finding, so classify lets it through here.
 */
#include "airtable.h"

#include <stdio.h>
#include <string.h>

#define TOKENS_PAGE "https://airtable.com/create/tokens"

static enum sl_code ask_for_base(const char *base, struct sl_out *out, struct sl_error *error)
{
    char input[AIRTABLE_ID_MAX + 16];

    if (!airtable_is_base_id(base)) {
        sl_fail(error, SL_BAD_SPEC, "base_id: '%.80s' is not the id of an Airtable base",
                base ? base : "");
        sl_error_hint(error, "The id starts with 'app'; it is in the address of the base: "
                             "https://airtable.com/app...");
        return SL_BAD_SPEC;
    }
    snprintf(input, sizeof input, "{\"base\":\"%s\"}", base);
    return sl_out_task(out, base, input, error);
}

static enum sl_code token_checked(struct airtable *self, const struct sl_response *response,
                                  struct sl_out *out, struct sl_error *error)
{
    const char *user = sl_json_str(sl_json_get(response->json, "id"));
    char message[AIRTABLE_ID_MAX + 80];
    enum sl_code rc;

    if (response->status != 200) {
        snprintf(message, sizeof message, "Airtable answered %d %.60s", response->status,
                 airtable_error_type(response->json));
        rc = sl_out_check(out, "token", false, message,
                          "The token is wrong, expired or revoked: make a new one at " TOKENS_PAGE
                          " and update the connection.",
                          error);
        return rc ? rc : SL_DONE;
    }
    snprintf(message, sizeof message, "accepted, it acts as user %.40s", user ? user : "?");
    rc = sl_out_check(out, "token", true, message, NULL, error);
    if (rc) return rc;
    if (sl_json_len(self->base_ids) == 0) return airtable_ask_bases(self, out, error);
    for (struct sl_json_each e = sl_json_each(self->base_ids); sl_json_next(&e);) {
        rc = ask_for_base(sl_json_str(e.value), out, error);
        if (rc) return rc;
    }
    return SL_DONE;
}

static enum sl_code bases_listed(struct airtable *self, const struct sl_response *response,
                                 struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *bases = sl_json_get(response->json, "bases");
    const char *subject = "scope schema.bases:read";
    enum sl_code rc;

    if (response->status != 200 || sl_json_kind(bases) != SL_JSON_ARRAY) {
        rc = sl_out_check(out, subject, false, "the token may not list bases",
                          "Add the scope at " TOKENS_PAGE ", or name the bases in base_id.", error);
        return rc ? rc : SL_DONE;
    }
    for (struct sl_json_each e = sl_json_each(bases); sl_json_next(&e);) {
        const char *id = sl_json_str(sl_json_get(e.value, "id"));
        const char *name = sl_json_str(sl_json_get(e.value, "name"));
        if (!id || sl_json_eq(sl_json_get(e.value, "permissionLevel"), "none")) continue;
        rc = sl_out_namespace(out, name ? name : id, id, NULL, error);
        if (!rc) rc = ask_for_base(id, out, error);
        if (rc) return rc;
    }
    rc = airtable_chain_next(&self->chain, response->json, sl_json_len(bases), error);
    if (rc == SL_MORE) return airtable_ask_bases(self, out, error);
    if (rc != SL_DONE) return rc;
    bool none = self->chain.pages.count == 1 && sl_json_len(bases) == 0;
    rc = sl_out_check(out, subject, !none, none ? "the token reaches no base" : "bases are listed",
                      none ? "Add bases to the token at " TOKENS_PAGE "." : NULL, error);
    return rc ? rc : SL_DONE;
}

/* "base 'app…': schema.bases:read" was allowed or not. */
static enum sl_code say(const struct airtable *self, const char *scope,
                        const struct sl_response *response, const char *good, struct sl_out *out,
                        struct sl_error *error)
{
    char subject[AIRTABLE_ID_MAX + 80], message[160], hint[AIRTABLE_ID_MAX + 240];
    bool ok = response->status == 200;

    snprintf(subject, sizeof subject, "base %s: %s", self->base, scope);
    snprintf(message, sizeof message, "Airtable answered %d %.100s", response->status,
             airtable_error_type(response->json));
    snprintf(hint, sizeof hint,
             "Give the token the scope %s and access to base %s, at " TOKENS_PAGE
             "; its user needs to be able to read the base too.",
             scope, self->base);
    return sl_out_check(out, subject, ok, ok ? good : message, ok ? NULL : hint, error);
}

static enum sl_code schema_checked(struct airtable *self, const struct sl_response *response,
                                   struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *tables = sl_json_get(response->json, "tables");
    struct sl_json_each each = sl_json_each(tables);
    char message[40];
    struct sl_url url;
    enum sl_code rc;

    snprintf(message, sizeof message, "%zu tables", sl_json_len(tables));
    rc = say(self, "schema.bases:read", response, message, out, error);
    if (rc) return rc;
    if (response->status != 200) return SL_DONE;
    if (!sl_json_next(&each)) return SL_DONE; /* a base without tables has no record to read */
    if (!airtable_keep_id(self->table, sl_json_str(sl_json_get(each.value, "id"))))
        return sl_fail(error, SL_BAD_DATA, "base '%s': a table without an id", self->base);
    airtable_url(self, &url);
    sl_url_path(&url, self->base);
    sl_url_path(&url, self->table);
    sl_url_query_i64(&url, "pageSize", 1);
    sl_url_query_i64(&url, "maxRecords", 1);
    return airtable_ask(self, AIRTABLE_SAMPLE, &url, NULL, out, error);
}

enum sl_code airtable_check(void *task, const struct sl_response *response, struct sl_out *out,
                            struct sl_error *error)
{
    struct airtable *self = task;
    const char *base = sl_json_str(sl_json_get(self->task.input, "base"));
    enum sl_code rc;

    self->checking = true;
    if (!response) {
        rc = base ? airtable_enter_base(self, base, out, error)
                  : airtable_declare_user(self, out, error);
        if (rc) return rc;
        return base ? airtable_ask_schema(self, out, error) : airtable_ask_whoami(self, out, error);
    }
    switch (self->stage) {
    case AIRTABLE_WHOAMI: return token_checked(self, response, out, error);
    case AIRTABLE_BASES: return bases_listed(self, response, out, error);
    case AIRTABLE_SCHEMA: return schema_checked(self, response, out, error);
    case AIRTABLE_SAMPLE:
        rc = say(self, "data.records:read", response, "records can be read", out, error);
        return rc ? rc : SL_DONE;
    default: return sl_fail(error, SL_BUG, "check: an answer nobody asked for");
    }
}
