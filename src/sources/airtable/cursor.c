/*
 * cursor.c: what one run leaves to the next: the root task's part of the cursor.
 *
 *     {"v":2, "view":..., "filter":...,          the scope it holds for
 *      "from_us":n,                              changes from before this were read
 *      "window":"trusted"|"broken",              what became of the self-test (window.c)
 *      "shares":n, "probe":bool,                 how a full read was cut into sub-tasks
 *      "hook":{"id":..., "next":n, "polled_us":n}}
 *
 * Times are the server's. The one that counts is that of the call for the schema, which came before
 * every listing: what is in a listing is as new at least. The lag is taken off, because listings
 * show changes a little late.
 */
#include <stdio.h>
#include <string.h>

#include "airtable.h"

static bool same_text(const struct sl_json *value, const char *text)
{
    return text ? sl_json_eq(value, text) : !sl_json_str(value);
}

static void take_hook(const struct sl_json *json, struct airtable_hook *hook)
{
    *hook = (struct airtable_hook){.polled_us = SL_NO_TIME};
    if (!sl_json_i64(sl_json_get(json, "next"), &hook->next) ||
        !sl_json_i64(sl_json_get(json, "polled_us"), &hook->polled_us))
        return;
    airtable_keep_id(hook->id, sl_json_str(sl_json_get(json, "id")));
}

const char *airtable_take_cursor(struct airtable *self)
{
    const struct sl_json *cursor = self->task.cursor;
    const struct sl_json *window = sl_json_get(cursor, "window");
    struct airtable_cursor *old = &self->old;
    int64_t version = 0, shares = 0;

    *old = (struct airtable_cursor){.from_us = SL_NO_TIME};
    if (sl_json_kind(cursor) != SL_JSON_OBJECT) return "there is no cursor yet";
    sl_json_i64(sl_json_get(cursor, "v"), &version);
    if (version != AIRTABLE_CURSOR_VERSION) return "the last run was of another version of sluice";
    old->trust = sl_json_eq(window, "trusted")  ? AIRTABLE_TRUSTED
                 : sl_json_eq(window, "broken") ? AIRTABLE_BROKEN
                                                : AIRTABLE_UNTESTED;
    take_hook(sl_json_get(cursor, "hook"), &old->hook);
    if (!same_text(sl_json_get(cursor, "view"), self->view) ||
        !same_text(sl_json_get(cursor, "filter"), self->filter))
        return "the view or the filter is another one than in the last run";
    if (!sl_json_i64(sl_json_get(cursor, "from_us"), &old->from_us))
        return "the last run did not learn the time of the server";
    if (sl_json_i64(sl_json_get(cursor, "shares"), &shares) && shares > 1 &&
        shares <= AIRTABLE_CHAINS_MAX)
        old->shares = (int)shares;
    old->probe = sl_json_true(sl_json_get(cursor, "probe"));
    return NULL;
}

struct airtable_hook airtable_state_hook(const struct airtable *self)
{
    const struct sl_json *state = sl_json_get(self->task.state, "hook");
    struct airtable_hook hook = {.polled_us = SL_NO_TIME};

    if (self->webhooks) take_hook(state, &hook);
    return hook;
}

void airtable_take_time(struct airtable *self, const struct sl_response *response)
{
    int64_t round_trip_us = response->received_at_us - response->started_at_us;

    if (self->next.from_us != SL_NO_TIME || response->server_date_us == SL_NO_TIME) return;
    self->next.from_us = response->server_date_us - (round_trip_us > 0 ? round_trip_us : 0) -
                         self->lag_seconds * SL_SECOND_US;
}

static void put_hook(const struct airtable_hook *hook, struct sl_json_writer *cursor)
{
    sl_json_key(cursor, "hook");
    sl_json_begin_object(cursor);
    sl_json_kv_str(cursor, "id", hook->id);
    sl_json_kv_i64(cursor, "next", hook->next);
    sl_json_kv_i64(cursor, "polled_us", hook->polled_us);
    sl_json_end_object(cursor);
}

enum sl_code airtable_put_cursor(const struct airtable *self, struct sl_out *out,
                                 struct sl_error *error)
{
    static const char *const trust[] = {NULL, "trusted", "broken"};
    const struct airtable_cursor *next = &self->next;
    struct sl_json_writer *cursor = sl_json_writer_new();
    const char *text;
    enum sl_code rc;

    if (!cursor) return sl_fail(error, SL_NO_MEMORY, "no memory for a cursor");
    sl_json_begin_object(cursor);
    sl_json_kv_i64(cursor, "v", AIRTABLE_CURSOR_VERSION);
    sl_json_kv_str(cursor, "view", self->view);
    sl_json_kv_str(cursor, "filter", self->filter);
    if (next->from_us != SL_NO_TIME) sl_json_kv_i64(cursor, "from_us", next->from_us);
    if (trust[next->trust]) sl_json_kv_str(cursor, "window", trust[next->trust]);
    if (next->shares > 1) {
        sl_json_kv_i64(cursor, "shares", next->shares);
        sl_json_kv_bool(cursor, "probe", next->probe);
    }
    if (next->hook.id[0]) put_hook(&next->hook, cursor);
    sl_json_end_object(cursor);
    text = sl_json_writer_text(cursor, NULL);
    rc = text ? sl_out_cursor(out, text, error)
              : sl_fail(error, SL_NO_MEMORY, "no memory for a cursor");
    sl_json_writer_free(cursor);
    if (next->trust != self->old.trust || strcmp(next->hook.id, self->old.hook.id) != 0)
        sl_out_keep_cursor(out);
    return rc;
}
