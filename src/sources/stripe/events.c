/*
 * events.c: what changed, from /v1/events.
 *
 * The walk goes from the newest event back to the end of the last run, and by the lookback further:
 * events show up late, with the time at which they happened. What order they are seen in does not
 * matter, because each carries its time as the sequence of its row.
 *
 * An event shows its object as it was then. That is not always good enough, and then the object is
 * fetched by its id and takes the place of the event's:
 *   - two events of one object in one second: which one is the later is not said;
 *   - the event was made in another version of the API, so its object has another shape;
 *   - members that are only there when asked for, and sub-lists that are cut off after ten.
 * A fetched object is newer than the event. It is given the middle of the event's second all the
 * same: newer than what that second brought, older than what the next one brings, and the same when
 * the event is seen again.
 */
#include <stdio.h>
#include <string.h>

#include "stripe.h"

#define LAG_S 60
#define KEPT_S                                                                                     \
    (29 * INT64_C(86400)) /* of the 30 days that Stripe keeps events: a day to walk them */
#define EVENTS_PER_WINDOW 2000
#define PAGES_BEFORE_CUT 10 /* bursts say little of how many there are; and most runs end before */
#define PARTS_MAX 200 /* sub-tasks that fetch objects; beyond them the walk fetches by itself */

static const char *plain_type(const char *type)
{
    return type + strspn(type, "->");
}

static enum sl_code ask_events(struct stripe *self, struct sl_out *out, struct sl_error *error)
{
    struct sl_url url;

    stripe_url(self, "events", &url);
    sl_url_query_i64(&url, "limit", STRIPE_PAGE_ROWS);
    for (const char *const *type = self->table->types; type && *type; type++)
        sl_url_query(&url, "types[]", plain_type(*type));
    sl_url_query_i64(&url, "created[gte]", self->window.gte);
    if (self->window.lt > 0) sl_url_query_i64(&url, "created[lt]", self->window.lt);
    if (self->after[0]) sl_url_query(&url, "starting_after", self->after);
    self->walk = STRIPE_WALK_EVENTS;
    return stripe_ask(self, STRIPE_EVENTS, &url, "events", out, error);
}

enum sl_code stripe_start_events(struct stripe *self, struct sl_out *out, struct sl_error *error)
{
    if (self->root) self->window.gte = self->old.from - self->lookback_seconds;
    if (self->window.gte < 1) self->window.gte = 1;
    return ask_events(self, out, error);
}

/* ---- one event ---- */

/* Did another event of this object happen in the very same second? */
static bool is_tie(struct stripe *self, const char *id, int64_t second)
{
    uint64_t hash = stripe_hash(id, 0);

    if (self->second != second) {
        self->second = second;
        self->seen_count = 0;
    }
    for (int i = 0; i < self->seen_count; i++)
        if (self->seen[i] == hash) return true;
    if (self->seen_count == STRIPE_SEEN_MAX) return true; /* too many to tell */
    self->seen[self->seen_count++] = hash;
    return false;
}

/* Versions of one name ("acacia") differ in additions only. */
static bool same_shape(const char *a, const char *b)
{
    const char *name_a = a ? strchr(a, '.') : NULL, *name_b = strchr(b, '.');

    if (!a) return false;
    return name_a && name_b ? strcmp(name_a, name_b) == 0 : strcmp(a, b) == 0;
}

/* Is this one in the queue already, because of a newer event? */
static bool is_named(struct stripe *self, const char *id)
{
    uint64_t hash = stripe_hash(id, 1);
    uint64_t *slot = &self->named[hash % STRIPE_NAMED_MAX];

    if (*slot == hash) return true;
    *slot = hash;
    return false;
}

/* Was it fetched by the last run, because of the same event? What was fetched after the second of an
 * event shows all that happened in it. The next run is told, as long as it will see the event. */
static bool was_fetched(struct stripe *self, const char *id, int64_t at)
{
    uint64_t hash = stripe_hash(id, at);
    struct stripe_cursor *next = &self->next;
    bool known = false;

    for (int i = 0; i < self->old.fetched_count && !known; i++)
        known = self->old.fetched[i] == hash;
    if (self->root && at + 1 < next->from + LAG_S && at >= next->from - self->lookback_seconds &&
        next->fetched_count < STRIPE_FETCHED_MAX)
        next->fetched[next->fetched_count++] = hash;
    return known;
}

static enum sl_code fetch(struct stripe *self, const struct sl_json *id, int64_t at,
                          struct sl_error *error)
{
    const char *text = sl_json_str(id);

    if (is_named(self, text) || was_fetched(self, text, at) || stripe_queue_add(self, id, at))
        return SL_OK;
    return sl_fail(error, SL_BAD_DATA, "table '%s': a page of more events than were asked for",
                   self->table->name);
}

/* What an event of this type is for this table: '-', '>' or ' '; 0: not asked for. */
static char meaning_of(const struct stripe *self, const struct sl_json *type)
{
    for (const char *const *t = self->table->types; t && *t; t++)
        if (sl_json_eq(type, plain_type(*t))) return **t == '-' || **t == '>' ? **t : ' ';
    return 0;
}

static bool is_too_old(const struct stripe *self, const struct sl_json *object)
{
    int64_t created;

    return self->start_s > 0 && sl_json_i64(sl_json_get(object, "created"), &created) &&
           created < self->start_s;
}

static enum sl_code take_event(struct stripe *self, const struct sl_json *event, struct sl_out *out,
                               struct sl_error *error)
{
    const struct sl_json *object = sl_json_path(event, "data", "object", NULL);
    char meaning = meaning_of(self, sl_json_get(event, "type")), kept[STRIPE_ID_MAX];
    const struct sl_json *id = sl_json_get(object, meaning == '>' ? self->table->refers : "id");
    const char *version = sl_json_str(sl_json_get(event, "api_version"));
    int64_t created;

    if (!meaning || !stripe_keep_id(kept, id)) return SL_OK; /* invoice.upcoming has no id yet */
    if (!sl_json_i64(sl_json_get(event, "created"), &created) || created < 1 ||
        created > INT64_MAX / SL_SECOND_US)
        return sl_fail(error, SL_BAD_DATA, "table '%s': an event without a time",
                       self->table->name);
    if (meaning == '>') return fetch(self, id, created, error);
    if (!sl_json_eq(sl_json_get(object, "object"), self->table->object)) return SL_OK;
    bool tie = is_tie(self, kept, created);

    if (meaning == '-' && !tie)
        return stripe_remove(self, kept, created * SL_SECOND_US, out, error);
    if (is_too_old(self, object)) return SL_OK;
    if (tie || stripe_expands(self) || !same_shape(version, self->api_version) ||
        stripe_is_short(self, object))
        return fetch(self, id, created, error);
    return stripe_emit(self, object, created * SL_SECOND_US, created, out, error);
}

/* ---- pages ---- */

/* The ids that are waiting become a sub-task. */
static enum sl_code hand_over(struct stripe *self, struct sl_out *out, struct sl_error *error)
{
    struct sl_json_writer *input;
    const char *text;
    char part[32];
    enum sl_code rc;

    if (self->queued == 0 || self->parts >= PARTS_MAX) return SL_OK;
    input = sl_json_writer_new();
    if (!input) return sl_fail(error, SL_NO_MEMORY, "no memory for ids");
    sl_json_begin_object(input);
    sl_json_key(input, "keys");
    sl_json_begin_array(input);
    for (int i = 0; i < self->queued; i++) {
        sl_json_begin_object(input);
        sl_json_kv_str(input, "id", self->queue[i].text);
        sl_json_kv_i64(input, "at", self->queue[i].at);
        sl_json_end_object(input);
    }
    sl_json_end_array(input);
    sl_json_end_object(input);
    text = sl_json_writer_text(input, NULL);
    snprintf(part, sizeof part, "changed-%d", (int)++self->parts);
    rc = text ? sl_out_task(out, part, text, error)
              : sl_fail(error, SL_NO_MEMORY, "no memory for ids");
    sl_json_writer_free(input);
    self->queued = 0;
    return rc;
}

static enum sl_code read_all(struct stripe *self, const char *why, struct sl_out *out,
                             struct sl_error *error)
{
    sl_out_note(out, SL_NOTE_WARNING, "table '%s': everything is read again, because %s",
                self->table->name, why);
    self->old = (struct stripe_cursor){0};
    return stripe_read_all(self, out, error);
}

/* The first answer of the table's own task. *instead: why events cannot be gone by. */
static const char *look_back(struct stripe *self, int64_t now)
{
    if (self->window.gte < now - KEPT_S)
        return "the last run was so long ago that Stripe has forgotten events since then (it keeps "
               "them for 30 days)";
    if (self->next.from < now - LAG_S) self->next.from = now - LAG_S;
    return NULL;
}

static int64_t time_of(const struct sl_json *event)
{
    int64_t created = 0;

    sl_json_i64(sl_json_get(event, "created"), &created);
    return created;
}

/* Many events: the rest is read side by side. */
static enum sl_code cut_rest(struct stripe *self, struct sl_out *out, struct sl_error *error)
{
    int64_t low = self->window.gte, high = self->last_created + 1;
    int64_t count = stripe_windows(low, high, PAGES_BEFORE_CUT * STRIPE_PAGE_ROWS,
                                   self->newest - self->last_created, EVENTS_PER_WINDOW);

    if (count < 2) return SL_OK;
    self->more = false;
    return stripe_cut("events", 0, low, high, count, false, out, error);
}

static enum sl_code take_page(struct stripe *self, const struct sl_json *events, struct sl_out *out,
                              struct sl_error *error)
{
    const struct sl_json *first = NULL, *last = NULL;
    enum sl_code rc = SL_OK;

    for (struct sl_json_each e = sl_json_each(events); sl_json_next(&e) && !rc;) {
        if (!first) first = e.value;
        last = e.value;
        rc = take_event(self, e.value, out, error);
    }
    if (self->pages.count == 0) self->newest = time_of(first);
    if (rc || !self->more) return rc;
    if (!last || !stripe_keep_id(self->after, sl_json_get(last, "id")))
        return sl_fail(error, SL_BAD_DATA,
                       "table '%s': more is to follow a page without a last "
                       "event",
                       self->table->name);
    self->last_created = time_of(last);
    rc = sl_pages_next(&self->pages, self->after, error);
    if (rc != SL_MORE) return rc;
    if (!self->root || self->pages.count != PAGES_BEFORE_CUT) return SL_OK;
    return cut_rest(self, out, error);
}

enum sl_code stripe_events_answer(struct stripe *self, const struct sl_response *response,
                                  struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *events = sl_json_get(response->json, "data");
    const char *instead = NULL;
    enum sl_code rc;

    if (response->status == 403 && !self->root)
        return sl_fail(error, SL_PERMISSION, "table '%s': the key may not read events",
                       self->table->name);
    if (response->status == 403)
        instead = "the key may not read Events: give it that permission (rak_event_read), or every "
                  "run will read all there is";
    else if (self->root && self->pages.count == 0)
        instead = look_back(self, stripe_now(self, response));
    if (instead) return read_all(self, instead, out, error);
    if (sl_json_kind(events) != SL_JSON_ARRAY)
        return sl_fail(error, SL_BAD_DATA, "table '%s': an answer without 'data'",
                       self->table->name);
    self->more = sl_json_true(sl_json_get(response->json, "has_more"));
    rc = take_page(self, events, out, error);
    if (!rc) rc = hand_over(self, out, error);
    return rc ? rc : stripe_queue_goes_on(self, out, error);
}

enum sl_code stripe_events_go_on(struct stripe *self, struct sl_out *out, struct sl_error *error)
{
    enum sl_code rc;

    if (self->more) return ask_events(self, out, error);
    rc = self->root ? stripe_put_cursor(self, out, error) : SL_OK;
    return rc ? rc : SL_DONE;
}
