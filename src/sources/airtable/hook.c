/*
 * hook.c: discover: the webhook of a base.
 *
 * One for a base, not one for a table: there may be ten in a base, all programs together, and each
 * table of the base finds its own part in the payloads. It is made here, because discover looks at
 * a base once in a run, and tables that are read at the same time would each make one.
 *
 *     list -> ours is well         (renewed when it has less than half of its week left)
 *          -> ours is dead         delete it, make another
 *          -> there is none        make one
 *
 * It has no address to call, is told of all records of the base, and lives for a week after it was
 * made, renewed or polled. What Airtable refuses here (no scope, not a creator, ten are there
 * already) is said once, and the tables are read without it.
 */
#include <stdio.h>
#include <string.h>

#include "airtable.h"

#define RENEW_US (INT64_C(7) * SL_DAY_US / 2)
#define SPECIFICATION                                                                              \
    "{\"specification\":{\"options\":{\"filters\":{\"dataTypes\":[\"tableData\"]}}}}"

void airtable_hook_url(const struct airtable *self, const char *id, const char *what,
                       struct sl_url *url)
{
    airtable_url(self, url);
    sl_url_path(url, "bases");
    sl_url_path(url, self->base);
    sl_url_path(url, "webhooks");
    if (id) sl_url_path(url, id);
    if (what) sl_url_path(url, what);
}

enum sl_code airtable_ask_hooks(struct airtable *self, struct sl_out *out, struct sl_error *error)
{
    struct sl_url url;

    airtable_hook_url(self, NULL, NULL, &url);
    return airtable_ask(self, AIRTABLE_HOOKS, &url, NULL, out, error);
}

enum sl_code airtable_delete_hook(struct airtable *self, const char *id, struct sl_out *out,
                                  struct sl_error *error)
{
    struct sl_url url;

    airtable_hook_url(self, id, NULL, &url);
    return airtable_send(self, AIRTABLE_HOOK_DELETE, "DELETE", &url, NULL, out, error);
}

static enum sl_code renew(struct airtable *self, struct sl_out *out, struct sl_error *error)
{
    struct sl_url url;

    airtable_hook_url(self, self->hook.id, "refresh", &url);
    return airtable_send(self, AIRTABLE_HOOK_REFRESH, "POST", &url, NULL, out, error);
}

static enum sl_code create(struct airtable *self, struct sl_out *out, struct sl_error *error)
{
    struct sl_json_writer *body = sl_json_writer_new();
    struct sl_url url;
    enum sl_code rc;

    if (!body) return sl_fail(error, SL_NO_MEMORY, "no memory for a request");
    sl_json_put_raw(body, SPECIFICATION, strlen(SPECIFICATION));
    airtable_hook_url(self, NULL, NULL, &url);
    rc = airtable_ask(self, AIRTABLE_HOOK_CREATE, &url, body, out, error);
    sl_json_writer_free(body);
    return rc;
}

/* ---- which one is ours ---- */

static bool is_nothing(const struct sl_json *value)
{
    enum sl_json_kind kind = sl_json_kind(value);

    return kind == SL_JSON_NONE || kind == SL_JSON_NULL ||
           (!sl_json_str(value) && !sl_json_len(value));
}

/* One that tells of all records of the base, and calls nobody. */
static bool is_ours(const struct sl_json *hook)
{
    const struct sl_json *filters = sl_json_path(hook, "specification", "options", "filters", NULL);
    struct sl_json_each types = sl_json_each(sl_json_get(filters, "dataTypes"));

    if (!is_nothing(sl_json_get(hook, "notificationUrl")) || sl_json_len(filters) == 0)
        return false;
    for (struct sl_json_each e = sl_json_each(filters); sl_json_next(&e);)
        if (!sl_json_eq(e.key, "dataTypes") && !is_nothing(e.value)) return false;
    return types.left == 1 && sl_json_next(&types) && sl_json_eq(types.value, "tableData");
}

static int64_t expires_us(const struct sl_json *hook)
{
    const struct sl_json *value = sl_json_get(hook, "expirationTime");
    const char *text = sl_json_str(value);
    int64_t us;
    bool zone;

    return text && sl_time_parse(text, sl_json_str_len(value), &us, &zone) ? us : INT64_MAX;
}

static bool is_well(const struct sl_json *hook, int64_t now_us)
{
    return sl_json_true(sl_json_get(hook, "isHookEnabled")) && expires_us(hook) > now_us;
}

static enum sl_code listed(struct airtable *self, const struct sl_response *response,
                           struct sl_out *out, struct sl_error *error)
{
    int64_t now_us = sl_response_now_us(response);
    const struct sl_json *dead = NULL;

    for (struct sl_json_each e = sl_json_each(sl_json_get(response->json, "webhooks"));
         sl_json_next(&e);) {
        if (!is_ours(e.value)) continue;
        if (!is_well(e.value, now_us)) {
            dead = e.value;
            continue;
        }
        if (!sl_json_i64(sl_json_get(e.value, "cursorForNextPayload"), &self->hook.next) ||
            !airtable_keep_id(self->hook.id, sl_json_str(sl_json_get(e.value, "id"))))
            return sl_fail(error, SL_BAD_DATA, "a webhook of base '%s' has no usable id or cursor",
                           self->base);
        self->hook.polled_us = now_us;
        return expires_us(e.value) - now_us < RENEW_US ? renew(self, out, error)
                                                       : airtable_ask_schema(self, out, error);
    }
    const char *id = sl_json_str(sl_json_get(dead, "id"));
    return id ? airtable_delete_hook(self, id, out, error) : create(self, out, error);
}

static enum sl_code created(struct airtable *self, const struct sl_response *response,
                            struct sl_out *out, struct sl_error *error)
{
    if (!airtable_keep_id(self->hook.id, sl_json_str(sl_json_get(response->json, "id"))))
        return sl_fail(error, SL_BAD_DATA, "the new webhook of base '%s' has no id", self->base);
    self->hook.next = 1;
    self->hook.polled_us = sl_response_now_us(response);
    sl_out_note(out, SL_NOTE_INFO,
                "base '%s': the webhook %s was made; it ends a week after its "
                "last use",
                self->base, self->hook.id);
    return airtable_ask_schema(self, out, error);
}

enum sl_code airtable_hook_answer(struct airtable *self, const struct sl_response *response,
                                  struct sl_out *out, struct sl_error *error)
{
    if (self->stage == AIRTABLE_HOOK_DELETE) return create(self, out, error);
    if (self->stage == AIRTABLE_HOOK_REFRESH) /* if not, it has some days left */
        return airtable_ask_schema(self, out, error);
    if (response->status == 200)
        return self->stage == AIRTABLE_HOOKS ? listed(self, response, out, error)
                                             : created(self, response, out, error);
    sl_out_note(out, SL_NOTE_WARNING,
                "base '%s': it is read without a webhook, because Airtable answered %d %.80s: that "
                "takes the scope webhook:manage, a creator of the base, and a free one of ten",
                self->base, response->status, airtable_error_type(response->json));
    return airtable_ask_schema(self, out, error);
}
