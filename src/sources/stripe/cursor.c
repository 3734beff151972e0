/*
 * cursor.c: what one run leaves to the next.
 *
 *     {"v":1, "scope":"...",              version of the API, expanded members, start_date
 *      "from":n,                          what happened before then was read
 *      "reread":n,                        tables without events: when the past was read again
 *      "low":n, "high":n, "windows":n,    a first load is cut into these windows
 *      "after":"...", "created":n,        ... or is a chain, and came so far
 *      "fetched":"0123456789abcdef..."}   fetches that need not be repeated: 16 digits each
 *
 * Times are the server's, in seconds since 1970.
 */
#include <stdio.h>
#include <string.h>

#include "stripe.h"

#define SCOPE_MAX 512

static void put_scope(const struct stripe *self, char out[SCOPE_MAX])
{
    size_t len = 0;

    out[0] = '\0';
    if (self->table->way == STRIPE_LOG) return; /* an event is what it is */
    len = (size_t)snprintf(out, SCOPE_MAX, "%.60s %.20s", self->api_version,
                           self->start_date ? self->start_date : "");
    for (struct sl_json_each e = sl_json_each(self->expand); sl_json_next(&e);)
        if (sl_json_str(e.value) && len < SCOPE_MAX - 64)
            len += (size_t)snprintf(out + len, SCOPE_MAX - len, " %.50s", sl_json_str(e.value));
}

static bool is_time(int64_t seconds)
{
    return seconds > 0 && seconds < INT64_C(253402300800); /* the year 10000 */
}

#define DIGITS 16

static int digit_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What is no row of digits is no loss: the objects are fetched again. */
static void take_fetched(struct stripe_cursor *cursor, const struct sl_json *value)
{
    const char *text = sl_json_str(value);
    size_t len = sl_json_str_len(value);

    for (size_t i = 0; i + DIGITS <= len && cursor->fetched_count < STRIPE_FETCHED_MAX;
         i += DIGITS) {
        uint64_t hash = 0;

        for (size_t k = 0; k < DIGITS; k++) {
            int digit = digit_of(text[i + k]);

            if (digit < 0) return;
            hash = hash << 4 | (uint64_t)digit;
        }
        cursor->fetched[cursor->fetched_count++] = hash;
    }
}

static void put_fetched(const struct stripe_cursor *cursor, struct sl_json_writer *to)
{
    static const char digits[] = "0123456789abcdef";
    char text[STRIPE_FETCHED_MAX * DIGITS];
    size_t len = 0;

    if (cursor->fetched_count == 0) return;
    for (int i = 0; i < cursor->fetched_count; i++)
        for (int shift = 60; shift >= 0; shift -= 4)
            text[len++] = digits[cursor->fetched[i] >> shift & 15];
    sl_json_key(to, "fetched");
    sl_json_put_strn(to, text, len);
}

const char *stripe_take_cursor(struct stripe *self)
{
    const struct sl_json *cursor = self->task.cursor;
    struct stripe_cursor *old = &self->old;
    int64_t version = 0;
    char scope[SCOPE_MAX];

    *old = (struct stripe_cursor){0};
    if (sl_json_kind(cursor) != SL_JSON_OBJECT) return "there is no cursor yet";
    if (!sl_json_i64(sl_json_get(cursor, "v"), &version) || version != STRIPE_CURSOR_VERSION)
        return "the last run was of another version of sluice";
    put_scope(self, scope);
    if (!sl_json_eq(sl_json_get(cursor, "scope"), scope))
        return "api_version, expand or start_date are others than in the last run";
    if (!sl_json_i64(sl_json_get(cursor, "from"), &old->from) || !is_time(old->from))
        return "the cursor does not say where the last run ended";
    sl_json_i64(sl_json_get(cursor, "reread"), &old->reread);
    if (!sl_json_i64(sl_json_get(cursor, "low"), &old->low) ||
        !sl_json_i64(sl_json_get(cursor, "high"), &old->high) ||
        !sl_json_i64(sl_json_get(cursor, "windows"), &old->windows) || !is_time(old->low) ||
        !is_time(old->high) || old->low >= old->high || old->windows < 1 ||
        old->windows > STRIPE_WINDOWS_MAX)
        old->windows = 0;
    if (sl_json_i64(sl_json_get(cursor, "created"), &old->after_created) &&
        is_time(old->after_created))
        stripe_keep_id(old->after, sl_json_get(cursor, "after"));
    take_fetched(old, sl_json_get(cursor, "fetched"));
    return NULL;
}

enum sl_code stripe_put_cursor(const struct stripe *self, struct sl_out *out,
                               struct sl_error *error)
{
    const struct stripe_cursor *next = &self->next;
    struct sl_json_writer *cursor = sl_json_writer_new();
    char scope[SCOPE_MAX];
    const char *text;
    enum sl_code rc;

    if (!cursor) return sl_fail(error, SL_NO_MEMORY, "no memory for a cursor");
    put_scope(self, scope);
    sl_json_begin_object(cursor);
    sl_json_kv_i64(cursor, "v", STRIPE_CURSOR_VERSION);
    sl_json_kv_str(cursor, "scope", scope);
    sl_json_kv_i64(cursor, "from", next->from);
    if (next->reread) sl_json_kv_i64(cursor, "reread", next->reread);
    if (next->windows) {
        sl_json_kv_i64(cursor, "low", next->low);
        sl_json_kv_i64(cursor, "high", next->high);
        sl_json_kv_i64(cursor, "windows", next->windows);
    }
    if (next->after[0]) {
        sl_json_kv_str(cursor, "after", next->after);
        sl_json_kv_i64(cursor, "created", next->after_created);
    }
    put_fetched(next, cursor);
    sl_json_end_object(cursor);
    text = sl_json_writer_text(cursor, NULL);
    rc = text ? sl_out_cursor(out, text, error)
              : sl_fail(error, SL_NO_MEMORY, "no memory for a cursor");
    sl_json_writer_free(cursor);
    return rc;
}
