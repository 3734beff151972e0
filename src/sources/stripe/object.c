/*
 * object.c: single objects by their ids, and sub-lists to their end.
 *
 * An object shows the first ten of what belongs to it (the lines of an invoice) as a list of its
 * own, with has_more. Such an object is kept as text, the list is read to its end, and the object is
 * emitted with all of it.
 */
#include <stdio.h>
#include <string.h>

#include "stripe.h"

#define HALF_SECOND_US 500000
#define NOW_SEQUENCE_S 5 /* as in list.c: an event this close wins */

void stripe_release(void *task)
{
    struct stripe *self = task;

    sl_json_writer_free(self->whole);
    sl_json_writer_free(self->items);
    self->whole = self->items = NULL;
}

/* ---- what an object lacks ---- */

static bool is_short(const struct stripe *self, const struct sl_json *key,
                     const struct sl_json *value)
{
    return sl_json_kind(value) == SL_JSON_OBJECT && sl_json_str_len(key) > 0 &&
           sl_json_str_len(key) < sizeof self->member &&
           sl_json_eq(sl_json_get(value, "object"), "list") &&
           sl_json_true(sl_json_get(value, "has_more")) &&
           sl_json_kind(sl_json_get(value, "data")) == SL_JSON_ARRAY &&
           stripe_wants(self, sl_json_str(key));
}

/* The first sub-list that goes on beyond what is shown; false: there is none. */
static bool find_short(const struct stripe *self, const struct sl_json *object,
                       struct sl_json_each *found)
{
    for (struct sl_json_each e = sl_json_each(object); sl_json_next(&e);) {
        if (!is_short(self, e.key, e.value)) continue;
        *found = e;
        return true;
    }
    return false;
}

bool stripe_is_short(const struct stripe *self, const struct sl_json *object)
{
    struct sl_json_each found;

    return find_short(self, object, &found);
}

/* ---- emitting ---- */

bool stripe_queue_add(struct stripe *self, const struct sl_json *id, int64_t at)
{
    struct stripe_id *to;

    if (self->queued >= STRIPE_QUEUE_MAX) return false;
    to = &self->queue[self->queued];
    if (!stripe_keep_id(to->text, id)) return false;
    to->at = at;
    self->queued++;
    return true;
}

static enum sl_code put_row(struct stripe *self, const struct sl_json *object, int64_t sequence_us,
                            struct sl_out *out, struct sl_error *error)
{
    bool detached = self->table->way == STRIPE_BY_PARENTS &&
                    sl_json_kind(sl_json_get(object, "customer")) == SL_JSON_NULL;

    if (detached) /* lists show it no more */
        return stripe_remove(self, sl_json_str(sl_json_get(object, "id")), sequence_us, out, error);
    return sl_out_rows(out, self->table->name, object, NULL, 0, stripe_sequence(self, sequence_us),
                       error);
}

enum sl_code stripe_emit(struct stripe *self, const struct sl_json *object, int64_t sequence_us,
                         int64_t at, struct sl_out *out, struct sl_error *error)
{
    if (stripe_is_short(self, object) && stripe_queue_add(self, sl_json_get(object, "id"), at))
        return SL_OK;
    return put_row(self, object, sequence_us, out, error);
}

enum sl_code stripe_remove(struct stripe *self, const char *id, int64_t sequence_us,
                           struct sl_out *out, struct sl_error *error)
{
    struct sl_json_writer *key;
    const struct sl_json *json;
    const char *text;
    size_t len;
    enum sl_code rc;

    if (!id)
        return sl_fail(error, SL_BAD_DATA, "table '%s': an object without an id",
                       self->table->name);
    key = sl_json_writer_new();
    if (!key) return sl_fail(error, SL_NO_MEMORY, "no memory for an id");
    sl_json_begin_object(key);
    sl_json_kv_str(key, "id", id);
    sl_json_end_object(key);
    text = sl_json_writer_text(key, &len);
    rc = text ? sl_out_parse(out, text, len, &json, error)
              : sl_fail(error, SL_NO_MEMORY, "no memory for an id");
    if (!rc)
        rc = sl_out_delete(out, self->table->name, json, stripe_sequence(self, sequence_us), error);
    sl_json_writer_free(key);
    return rc;
}

/* ---- the queue ---- */

static bool queues_parents(const struct stripe *self)
{
    return self->table->way == STRIPE_BY_PARENTS && self->walk == STRIPE_WALK_LIST;
}

static enum sl_code ask_methods(struct stripe *self, struct sl_out *out, struct sl_error *error)
{
    struct sl_url url;

    stripe_url(self, "customers", &url);
    sl_url_path(&url, self->queue[self->queue_at].text);
    sl_url_path(&url, "payment_methods");
    sl_url_query_i64(&url, "limit", STRIPE_PAGE_ROWS);
    if (self->child_after[0]) sl_url_query(&url, "starting_after", self->child_after);
    return stripe_ask(self, STRIPE_METHODS, &url, "customers/:id/payment_methods", out, error);
}

static enum sl_code ask_object(struct stripe *self, struct sl_out *out, struct sl_error *error)
{
    char endpoint[80];
    struct sl_url url;

    stripe_url(self, self->table->path, &url);
    sl_url_path(&url, self->queue[self->queue_at].text);
    stripe_put_expand(self, "", &url);
    snprintf(endpoint, sizeof endpoint, "%s/:id", self->table->path);
    return stripe_ask(self, STRIPE_OBJECT, &url, endpoint, out, error);
}

/* Some more of the keys that the input names. */
static enum sl_code refill(struct stripe *self, struct sl_error *error)
{
    size_t index = 0;

    for (struct sl_json_each e = sl_json_each(sl_json_get(self->task.input, "keys"));
         sl_json_next(&e); index++) {
        int64_t at = 0;

        if (index < self->key_at) continue;
        if (self->queued == STRIPE_QUEUE_MAX) break;
        self->key_at++;
        sl_json_i64(sl_json_get(e.value, "at"), &at);
        if (!stripe_queue_add(self, sl_json_get(e.value, "id"), at))
            return sl_fail(error, SL_BAD_DATA, "table '%s': a key that is none of Stripe's",
                           self->table->name);
    }
    return SL_OK;
}

enum sl_code stripe_start_queue(struct stripe *self, struct sl_out *out, struct sl_error *error)
{
    self->walk = STRIPE_WALK_QUEUE;
    return stripe_queue_goes_on(self, out, error);
}

enum sl_code stripe_queue_goes_on(struct stripe *self, struct sl_out *out, struct sl_error *error)
{
    enum sl_code rc;

    if (self->queue_at >= self->queued) {
        self->queue_at = self->queued = 0;
        if (self->walk == STRIPE_WALK_LIST) return stripe_list_goes_on(self, out, error);
        if (self->walk == STRIPE_WALK_EVENTS) return stripe_events_go_on(self, out, error);
        rc = refill(self, error);
        if (rc) return rc;
        if (self->queued == 0) return SL_DONE;
    }
    self->child_after[0] = '\0';
    self->child_pages = (struct sl_pages){0};
    return queues_parents(self) ? ask_methods(self, out, error) : ask_object(self, out, error);
}

static enum sl_code next_of_queue(struct stripe *self, struct sl_out *out, struct sl_error *error)
{
    self->queue_at++;
    return stripe_queue_goes_on(self, out, error);
}

/* ---- sub-lists ---- */

static enum sl_code no_memory(const struct stripe *self, struct sl_error *error)
{
    return sl_fail(error, SL_NO_MEMORY, "table '%s': no memory for a list in an object",
                   self->table->name);
}

/* "/v1/invoices/in_1/lines", "/v1/subscription_items?subscription=sub_1": the server's word, which
 * is only followed below our own address. */
static bool keep_path(struct stripe *self, const char *path)
{
    static const char fit[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-/?=&%";

    if (!path || strncmp(path, "/v1/", 4) != 0 || strlen(path) >= sizeof self->child_path ||
        path[strspn(path, fit)])
        return false;
    memcpy(self->child_path, path, strlen(path) + 1);
    return true;
}

static bool start_writer(struct sl_json_writer **writer)
{
    if (!*writer) *writer = sl_json_writer_new();
    if (*writer) sl_json_writer_reset(*writer);
    return *writer != NULL;
}

static enum sl_code ask_children(struct stripe *self, struct sl_out *out, struct sl_error *error)
{
    char path[300 + sizeof self->child_path], endpoint[80];
    struct sl_url url;

    snprintf(path, sizeof path, "%.300s%s", self->base_url, self->child_path);
    sl_url_init(&url, path);
    url.has_query = strchr(self->child_path, '?') != NULL;
    sl_url_query_i64(&url, "limit", STRIPE_PAGE_ROWS);
    if (self->child_after[0]) sl_url_query(&url, "starting_after", self->child_after);
    snprintf(endpoint, sizeof endpoint, "%s/:id/%s", self->table->path, self->member);
    return stripe_ask(self, STRIPE_CHILDREN, &url, endpoint, out, error);
}

/* Keeps the items of a page; *last is the last one's id. */
static bool keep_items(struct stripe *self, const struct sl_json *data)
{
    const struct sl_json *last = NULL;

    for (struct sl_json_each e = sl_json_each(data); sl_json_next(&e);) {
        sl_json_put_value(self->items, e.value);
        last = e.value;
    }
    return stripe_keep_id(self->child_after, sl_json_get(last, "id"));
}

/* Keeps the object, and asks for the rest of one of its sub-lists. An object whose list cannot be
 * gone on with is emitted as it is: its has_more says so. */
static enum sl_code complete_object(struct stripe *self, const struct sl_json *object,
                                    struct sl_out *out, struct sl_error *error)
{
    struct sl_json_each found;

    if (!find_short(self, object, &found) ||
        !keep_path(self, sl_json_str(sl_json_get(found.value, "url")))) {
        enum sl_code rc = put_row(self, object, self->sequence_us, out, error);
        return rc ? rc : next_of_queue(self, out, error);
    }
    if (!start_writer(&self->whole) || !start_writer(&self->items)) return no_memory(self, error);
    snprintf(self->member, sizeof self->member, "%s", sl_json_str(found.key));
    sl_json_put_value(self->whole, object);
    sl_json_begin_array(self->items);
    keep_items(self, sl_json_get(found.value, "data"));
    self->child_pages = (struct sl_pages){0};
    return ask_children(self, out, error);
}

static void put_list(struct stripe *self, const struct sl_json *list, const char *items, size_t len,
                     bool more, struct sl_json_writer *to)
{
    sl_json_begin_object(to);
    for (struct sl_json_each e = sl_json_each(list); sl_json_next(&e);) {
        sl_json_key(to, sl_json_str(e.key));
        if (sl_json_eq(e.key, "data"))
            sl_json_put_raw(to, items, len);
        else if (sl_json_eq(e.key, "has_more"))
            sl_json_put_bool(to, more);
        else
            sl_json_put_value(to, e.value);
    }
    sl_json_end_object(to);
    (void)self;
}

/* The object with its sub-list as it was read: emitted, or on to its next one. */
static enum sl_code fold(struct stripe *self, bool more, struct sl_out *out, struct sl_error *error)
{
    struct sl_json_writer *merged = sl_json_writer_new();
    const struct sl_json *object;
    const char *whole, *items, *text;
    size_t whole_len, items_len, len;
    enum sl_code rc;

    sl_json_end_array(self->items);
    whole = sl_json_writer_text(self->whole, &whole_len);
    items = sl_json_writer_text(self->items, &items_len);
    rc = merged && whole && items ? sl_out_parse(out, whole, whole_len, &object, error)
                                  : no_memory(self, error);
    if (!rc) {
        sl_json_begin_object(merged);
        for (struct sl_json_each e = sl_json_each(object); sl_json_next(&e);) {
            sl_json_key(merged, sl_json_str(e.key));
            if (sl_json_eq(e.key, self->member))
                put_list(self, e.value, items, items_len, more, merged);
            else
                sl_json_put_value(merged, e.value);
        }
        sl_json_end_object(merged);
        text = sl_json_writer_text(merged, &len);
        rc = text ? sl_out_parse(out, text, len, &object, error) : no_memory(self, error);
    }
    if (!rc && more) {
        sl_out_note(out, SL_NOTE_WARNING,
                    "table '%s': '%s' of '%s' could not be read to the end; has_more says so",
                    self->table->name, self->member, self->queue[self->queue_at].text);
        rc = put_row(self, object, self->sequence_us, out, error);
        if (!rc) rc = next_of_queue(self, out, error);
    } else if (!rc) {
        rc = complete_object(self, object, out, error);
    }
    sl_json_writer_free(merged);
    return rc;
}

static enum sl_code children_read(struct stripe *self, const struct sl_response *response,
                                  struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *data = sl_json_get(response->json, "data");
    char before[STRIPE_ID_MAX];
    bool more = sl_json_true(sl_json_get(response->json, "has_more"));

    if (response->status != 200)
        return next_of_queue(self, out, error); /* deleted: an event says */
    if (sl_json_kind(data) != SL_JSON_ARRAY)
        return sl_fail(error, SL_BAD_DATA, "table '%s': a list without 'data'", self->table->name);
    memcpy(before, self->child_after, sizeof before);
    self->child_bytes += response->body_len;
    if (self->child_pages.count == 0) self->child_bytes = response->body_len;
    bool goes_on = keep_items(self, data) && strcmp(before, self->child_after) != 0;

    if (!more) return fold(self, false, out, error);
    if (!goes_on || self->child_bytes > STRIPE_CHILDREN_BYTES_MAX) /* the same page for ever */
        return fold(self, true, out, error);
    enum sl_code rc = sl_pages_next(&self->child_pages, self->child_after, error);

    return rc == SL_MORE ? ask_children(self, out, error) : rc;
}

/* ---- answers ---- */

static int64_t sequence_now(const struct stripe *self, const struct sl_response *response)
{
    return (stripe_now(self, response) - NOW_SEQUENCE_S) * SL_SECOND_US;
}

static int64_t created_of(const struct sl_json *object)
{
    int64_t created = INT64_MAX; /* where it is missing, so is the filter */

    sl_json_i64(sl_json_get(object, "created"), &created);
    return created;
}

static enum sl_code object_read(struct stripe *self, const struct sl_response *response,
                                struct sl_out *out, struct sl_error *error)
{
    const struct stripe_id *id = &self->queue[self->queue_at];
    bool gone = response->status != 200 || sl_json_true(sl_json_get(response->json, "deleted"));
    enum sl_code rc = SL_OK;

    self->sequence_us =
        id->at > 0 ? id->at * SL_SECOND_US + HALF_SECOND_US : sequence_now(self, response);
    if (!gone && !sl_json_eq(sl_json_get(response->json, "id"), id->text))
        return sl_fail(error, SL_BAD_DATA,
                       "table '%s': '%s' was asked for, and something else came", self->table->name,
                       id->text);
    if (!gone && self->start_s > 0 && created_of(response->json) < self->start_s)
        return next_of_queue(self, out, error);
    if (!gone) return complete_object(self, response->json, out, error);
    if (id->at > 0) rc = stripe_remove(self, id->text, self->sequence_us, out, error);
    return rc ? rc : next_of_queue(self, out, error);
}

/* A page of the payment methods of one customer. */
static enum sl_code methods_read(struct stripe *self, const struct sl_response *response,
                                 struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *rows = sl_json_get(response->json, "data"), *last = NULL;
    int64_t sequence_us = sequence_now(self, response), created;
    enum sl_code rc = SL_OK;

    if (response->status != 200) return next_of_queue(self, out, error); /* was deleted meanwhile */
    if (sl_json_kind(rows) != SL_JSON_ARRAY)
        return sl_fail(error, SL_BAD_DATA, "table '%s': an answer without 'data'",
                       self->table->name);
    for (struct sl_json_each e = sl_json_each(rows); sl_json_next(&e) && !rc; last = e.value)
        if (self->start_s == 0 ||
            (sl_json_i64(sl_json_get(e.value, "created"), &created) && created >= self->start_s))
            rc = put_row(self, e.value, sequence_us, out, error);
    if (rc) return rc;
    if (!sl_json_true(sl_json_get(response->json, "has_more")))
        return next_of_queue(self, out, error);
    if (!stripe_keep_id(self->child_after, sl_json_get(last, "id")))
        return sl_fail(error, SL_BAD_DATA, "table '%s': more is to follow a page without a last id",
                       self->table->name);
    rc = sl_pages_next(&self->child_pages, self->child_after, error);
    return rc == SL_MORE ? ask_methods(self, out, error) : rc;
}

enum sl_code stripe_object_answer(struct stripe *self, const struct sl_response *response,
                                  struct sl_out *out, struct sl_error *error)
{
    switch (self->stage) {
    case STRIPE_OBJECT: return object_read(self, response, out, error);
    case STRIPE_CHILDREN: return children_read(self, response, out, error);
    case STRIPE_METHODS: return methods_read(self, response, out, error);
    default: return sl_fail(error, SL_BUG, "read: an answer nobody asked for");
    }
}
