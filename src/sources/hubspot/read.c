/*
 * read.c: which way a table is read.
 *
 *   owners, pipelines   one list, every time
 *   everything          the list of the object (list.c)
 *   what changed        the search (search.c), then the archived ones (archived.c)
 *   single records      by id (gather.c)
 *
 * The cursor is {"v":1,"from_us":n}: what changed since then, by HubSpot's clock, is still to be read.
 * While a first load goes on it has "after", too: the place in the list. "archived_us" and
 * "archived_pages" say up to when it is known what was deleted, where that is not from_us.
 */
#include "hubspot.h"

#include <stdio.h>
#include <string.h>

/* ---- what is wanted ---- */

bool hubspot_wants(const struct hubspot *self, const char *column)
{
    if (!self->task.columns) return true;
    for (struct sl_json_each e = sl_json_each(self->task.columns); sl_json_next(&e);)
        if (sl_json_eq(e.value, column)) return true;
    return false;
}

static void add_to_csv(struct hubspot *self, size_t *len, const char *name)
{
    size_t more = strlen(name) + (*len > 0);

    if (self->by_id || *len + more >= sizeof self->csv) {
        self->by_id = true;
        return;
    }
    snprintf(self->csv + *len, sizeof self->csv - *len, "%s%s", *len ? "," : "", name);
    *len += more;
}

/* The properties that are asked for: those that are wanted, and what tells of merges. */
static enum sl_code take_properties(struct hubspot *self, struct sl_error *error)
{
    const struct sl_json *all = sl_json_get(self->task.state, "properties");
    size_t len = 0;
    char id[160];

    self->names = sl_json_writer_new();
    if (!self->names) return sl_fail(error, SL_NO_MEMORY, "no memory for '%s'", self->path);
    sl_json_begin_array(self->names);
    for (struct sl_json_each e = sl_json_each(all); sl_json_next(&e);) {
        const char *name = sl_json_str(e.value);
        if (!name || strpbrk(name, ",")) continue;
        bool merged = strcmp(name, "hs_merged_object_ids") == 0;
        if (!merged && !hubspot_wants(self, hubspot_property_id(name, id))) continue;
        sl_json_put_str(self->names, name);
        add_to_csv(self, &len, name);
    }
    sl_json_end_array(self->names);
    if (!sl_json_writer_text(self->names, NULL))
        return sl_fail(error, SL_NO_MEMORY, "no memory for '%s'", self->path);
    for (int i = 0; i < self->target_count; i++)
        if (!(self->values[i] = sl_json_writer_new()))
            return sl_fail(error, SL_NO_MEMORY, "no memory for '%s'", self->path);
    return SL_OK;
}

static enum sl_code take_state(struct hubspot *self, struct sl_error *error)
{
    const struct sl_json *state = self->task.state;

    self->path = sl_json_str(sl_json_get(state, "path"));
    self->modified = sl_json_str(sl_json_get(state, "modified"));
    self->portal = sl_json_str(sl_json_get(state, "portal"));
    self->merges = sl_json_true(sl_json_get(state, "merges"));
    self->no_archived = sl_json_true(sl_json_get(state, "no_archived"));
    sl_json_i64(sl_json_get(state, "utc_offset_ms"), &self->utc_offset_ms);
    if (!self->path)
        return sl_fail(error, SL_BUG, "table '%s' was not discovered", self->task.table);
    snprintf(self->search_key, sizeof self->search_key, "hubspot/search/%.24s",
             self->portal ? self->portal : "");
    for (struct sl_json_each e = sl_json_each(sl_json_get(state, "targets"));
         sl_json_next(&e) && self->target_count < HUBSPOT_TARGETS_MAX;) {
        const char *target = sl_json_str(e.value);
        if (target && hubspot_wants(self, target)) self->targets[self->target_count++] = target;
    }
    return SL_OK;
}

/* ---- the cursor ---- */

/* Why the cursor is no use; NULL: it is, or there is none. */
static const char *take_cursor(struct hubspot *self)
{
    const struct sl_json *cursor = self->task.cursor;
    const struct sl_json *after = sl_json_get(cursor, "after");
    int64_t version = 0;

    self->old_from_us = self->from_us = self->archived_us = SL_NO_TIME;
    if (!cursor) return NULL;
    sl_json_i64(sl_json_get(cursor, "v"), &version);
    if (version != HUBSPOT_CURSOR_VERSION) return "the cursor is of another version of sluice";
    if (!sl_json_i64(sl_json_get(cursor, "from_us"), &self->old_from_us) || self->old_from_us < 0) {
        self->old_from_us = SL_NO_TIME;
        return "the cursor holds no time that can be used";
    }
    sl_json_i64(sl_json_get(cursor, "archived_us"), &self->archived_us);
    sl_json_i64(sl_json_get(cursor, "archived_pages"), &self->archived_pages);
    if (self->archived_us < 0 || self->archived_us > self->old_from_us)
        self->archived_us = self->old_from_us;
    if (sl_json_kind(after) != SL_JSON_NONE &&
        !sl_page_token(after, self->after, sizeof self->after))
        return "the cursor's place in the list cannot be used";
    return NULL;
}

void hubspot_say_why_all(const struct hubspot *self, const char *why, struct sl_out *out)
{
    sl_out_note(out, SL_NOTE_INFO, "table '%.200s': everything is read, because %s",
                self->task.table, why);
}

enum sl_code hubspot_put_cursor(struct hubspot *self, struct sl_out *out, struct sl_error *error)
{
    struct sl_json_writer *cursor = sl_json_writer_new();
    const char *text;
    enum sl_code rc;

    if (!cursor) return sl_fail(error, SL_NO_MEMORY, "no memory for a cursor");
    sl_json_begin_object(cursor);
    sl_json_kv_i64(cursor, "v", HUBSPOT_CURSOR_VERSION);
    sl_json_kv_i64(cursor, "from_us", self->from_us);
    if (self->increment) {
        sl_json_kv_i64(cursor, "archived_us", self->archived_us);
        sl_json_kv_i64(cursor, "archived_pages", self->archived_pages);
    }
    if (self->stage == HUBSPOT_LIST && self->after[0]) sl_json_kv_str(cursor, "after", self->after);
    sl_json_end_object(cursor);
    text = sl_json_writer_text(cursor, NULL);
    rc = text ? sl_out_cursor(out, text, error)
              : sl_fail(error, SL_NO_MEMORY, "no memory for a cursor");
    sl_json_writer_free(cursor);
    return rc;
}

/* ---- owners and pipelines ---- */

static enum sl_code ask_fixed(struct hubspot *self, struct sl_out *out, struct sl_error *error)
{
    bool owners = strcmp(self->path, "owners") == 0;
    struct sl_url url;

    if (owners) {
        hubspot_url(self, &url, "crm", "v3", "owners", NULL);
        sl_url_query_i64(&url, "limit", HUBSPOT_OWNER_ROWS);
        sl_url_query(&url, "after", self->after[0] ? self->after : NULL);
    } else {
        hubspot_url(self, &url, "crm", "v3", "pipelines", self->path, NULL);
    }
    return hubspot_ask(self, owners ? HUBSPOT_OWNERS : HUBSPOT_PIPELINES, &url, NULL, out, error);
}

static enum sl_code fixed_page(struct hubspot *self, const struct sl_response *response,
                               struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *rows = hubspot_results(self, response->json, error);
    enum sl_code next, rc;

    if (!rows) return error->code;
    rc = sl_out_rows(out, self->task.table, rows, NULL, 0, (struct sl_sequence){0}, error);
    if (rc) return rc;
    next = hubspot_page_next(self, response->json, error);
    if (next == SL_MORE) return ask_fixed(self, out, error);
    if (next == SL_DONE) rc = sl_out_complete(out, self->task.table, "{}", error);
    return rc ? rc : next;
}

/* ---- objects ---- */

/* The next of the records that are to be looked up. */
static enum sl_code reread(struct hubspot *self, struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *keys = sl_json_get(self->task.input, "keys");
    size_t at = 0;
    int64_t id;

    for (struct sl_json_each e = sl_json_each(keys); sl_json_next(&e); at++) {
        if (at < self->reread || !hubspot_id(sl_json_get(e.value, "id"), &id)) continue;
        if (hubspot_gather_room(self) == 0) break;
        hubspot_gather_add(self, id);
    }
    self->reread = at;
    return self->gather.count ? hubspot_gather_start(self, out, error) : SL_DONE;
}

static enum sl_code start(struct hubspot *self, struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *keys = sl_json_get(self->task.input, "keys");
    const char *why;
    enum sl_code rc = hubspot_need_credentials(self, error);

    if (!rc) rc = take_state(self, error);
    if (rc) return rc;
    if (sl_json_true(sl_json_get(self->task.state, "fixed"))) return ask_fixed(self, out, error);
    rc = take_properties(self, error);
    if (rc) return rc;
    self->rereading = keys != NULL;
    if (keys) return reread(self, out, error);
    why = take_cursor(self);
    if (why || !self->task.initial) self->after[0] = '\0'; /* a place in a list of long ago */
    self->increment = !self->task.full && self->old_from_us != SL_NO_TIME && !why;
    if (self->increment) return hubspot_search_start(self, out, error);
    if (why) hubspot_say_why_all(self, why, out);
    return hubspot_list_start(self, out, error);
}

/* What was gathered is out: on with what it was gathered for. */
static enum sl_code gathered(struct hubspot *self, struct sl_out *out, struct sl_error *error)
{
    if (self->rereading) return reread(self, out, error);
    return self->increment ? hubspot_search_goes_on(self, out, error)
                           : hubspot_list_goes_on(self, out, error);
}

enum sl_code hubspot_read(void *task, const struct sl_response *response, struct sl_out *out,
                          struct sl_error *error)
{
    struct hubspot *self = task;
    enum sl_code rc;

    if (!response) return start(self, out, error);
    rc = hubspot_take_limits(self, response, out, error);
    if (rc) return rc;
    switch (self->stage) {
    case HUBSPOT_LIST: return hubspot_list_page(self, response, out, error);
    case HUBSPOT_SEARCH:
    case HUBSPOT_PILE: return hubspot_search_page(self, response, out, error);
    case HUBSPOT_ARCHIVED: return hubspot_archived_page(self, response, out, error);
    case HUBSPOT_LINKS:
    case HUBSPOT_RECORDS:
        rc = hubspot_gather_step(self, response, out, error);
        return rc == SL_DONE ? gathered(self, out, error) : rc;
    default: return fixed_page(self, response, out, error);
    }
}
