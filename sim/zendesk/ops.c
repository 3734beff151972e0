/* ops.c: operations on the data, and on what the credentials may. See docs/simulators.md. */
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "sim/text.h"
#include "sim/zendesk/zendesk.h"

#define LATE_BY_S 50 /* within the minute that exports leave out */
#define PILE_AGO_S 120

static int64_t number(const struct sl_json *op, const char *name, int64_t preset)
{
    int64_t value = preset;

    if (!sl_json_i64(sl_json_get(op, name), &value)) return preset;
    return value;
}

static enum sl_code set_values(struct zd_row *row, const struct sl_json *fields,
                               struct sl_error *error)
{
    struct sl_json_writer *writer = sl_json_writer_new();
    bool good = writer != NULL;

    for (struct sl_json_each e = sl_json_each(fields); good && sl_json_next(&e);) {
        sl_json_writer_reset(writer);
        sl_json_put_value(writer, e.value);
        const char *text = sl_json_writer_text(writer, NULL);
        good = text && sl_json_str(e.key) && zd_set_text(row, sl_json_str(e.key), text);
    }
    sl_json_writer_free(writer);
    return good ? SL_OK : sl_fail(error, SL_NO_MEMORY, "could not keep a value");
}

/* ---- one change of one row ---- */

enum sl_code zd_edit(struct zendesk *app, enum zd_table table, struct zd_row *row, int64_t second,
                     struct sl_error *error)
{
    int64_t ticket = row->id;

    row->version++;
    row->updated_s = row->changed_s = second;
    zd_reorder(app, table, row);
    return table == ZD_TICKETS ? zd_add_event(app, ticket, ZD_CHANGED, second, 0, error) : SL_OK;
}

enum sl_code zd_create(struct zendesk *app, enum zd_table table, int64_t second,
                       struct zd_row **out, struct sl_error *error)
{
    struct zd_row row = {.created_s = second, .updated_s = second, .changed_s = second};
    enum sl_code rc = zd_add(app, table, row, out, error);

    if (!rc && table == ZD_TICKETS)
        rc = zd_add_event(app, (*out)->id, ZD_CREATED, second, 0, error);
    return rc;
}

void zd_delete(struct zendesk *app, enum zd_table table, struct zd_row *row, int64_t second)
{
    bool told = table == ZD_TICKETS || table == ZD_USERS || table == ZD_ORGANIZATIONS ||
                table == ZD_GROUPS || table == ZD_BRANDS;

    row->state = told ? ZD_DELETED : ZD_GONE;
    row->changed_s = second;
    zd_reorder(app, table, row);
}

/* The comment of an event: nobody may read it any more, or the requester may not. */
static enum sl_code hide(struct zendesk *app, struct zd_row *event, enum zd_event how,
                         int64_t second, struct sl_error *error)
{
    int64_t ticket = event->parent, comment = event->id + 1;

    if (event->event > ZD_COMMENTED)
        return sl_fail(error, SL_USAGE, "event %lld is no comment", (long long)event->id);
    if (how == ZD_REDACTED)
        event->redacted = true;
    else
        event->private = true;
    return zd_add_event(app, ticket, how, second, comment, error);
}

static enum sl_code change(struct zendesk *app, const char *name, enum zd_table table,
                           struct zd_row *row, int64_t second, struct sl_error *error)
{
    if (strcmp(name, "edit") == 0) return zd_edit(app, table, row, second, error);
    if (strcmp(name, "comment") == 0)
        return zd_add_event(app, row->id, ZD_COMMENTED, second, 0, error);
    if (strcmp(name, "redact") == 0 || strcmp(name, "privacy") == 0)
        return hide(app, row, name[0] == 'r' ? ZD_REDACTED : ZD_PRIVACY, second, error);
    if (strcmp(name, "delete") == 0) {
        zd_delete(app, table, row, second);
    } else if (strcmp(name, "purge") == 0) {
        row->state = ZD_GONE;
    } else { /* "touch": the system's own; "scrub": what was deleted loses its content */
        if (strcmp(name, "scrub") == 0) row->state = ZD_SCRUBBED;
        row->changed_s = second;
        zd_reorder(app, table, row);
    }
    return SL_OK;
}

/* Is it a comment, of a ticket that is there? Nobody can redact one of a deleted ticket. */
static bool is_comment(struct zendesk *app, const struct zd_row *event)
{
    const struct zd_row *ticket = zd_by_id(app, ZD_TICKETS, event->parent);

    return event->event <= ZD_COMMENTED && ticket && ticket->state == ZD_LIVE;
}

/* A row that is there, taken by its id, its number or by chance. */
static struct zd_row *choose(struct zendesk *app, enum zd_table table, const struct sl_json *op,
                             int64_t i, bool comments)
{
    struct zd_rows *rows = &app->tables[table];
    int64_t id = number(op, "id", 0);
    size_t n =
        (size_t)number(op, "record", (int64_t)(sim_mix(app->seed, (uint64_t)app->days) % 97));

    if (id) return zd_by_id(app, table, id);
    for (size_t k = 0; k < rows->count; k++) {
        struct zd_row *row = &rows->list[(n + (size_t)i * (comments ? 3 : 1) + k) % rows->count];
        if (row->state == ZD_LIVE && (!comments || is_comment(app, row))) return row;
    }
    return NULL;
}

static enum sl_code change_rows(struct zendesk *app, const char *name, enum zd_table table,
                                const struct sl_json *op, int64_t second, struct sl_error *error)
{
    bool comments = strcmp(name, "redact") == 0 || strcmp(name, "privacy") == 0;
    enum sl_code rc = SL_OK;

    if (comments) table = ZD_EVENTS;
    if (app->bench) return sl_fail(error, SL_USAGE, "rows of a bench do not change");
    for (int64_t i = 0; !rc && i < number(op, "count", 1); i++) {
        struct zd_row *row = choose(app, table, op, i, comments);
        if (!row) return sl_fail(error, SL_NOT_FOUND, "there is no such row in %s", zd_name(table));
        rc = set_values(row, sl_json_get(op, "fields"), error);
        if (!rc) rc = change(app, name, table, row, second, error);
    }
    return rc;
}

/* Rows that are new; "late": they show up in exports as of a while ago. */
static enum sl_code create_rows(struct zendesk *app, enum zd_table table, const struct sl_json *op,
                                int64_t second, struct sl_error *error)
{
    struct zd_row *row;
    enum sl_code rc = SL_OK;

    for (int64_t i = 0; !rc && i < number(op, "count", 1); i++) {
        rc = zd_create(app, table, second, &row, error);
        if (!rc) rc = set_values(row, sl_json_get(op, "fields"), error);
    }
    return rc;
}

/* So many rows change in one and the same second: a bulk job. */
static enum sl_code pile(struct zendesk *app, enum zd_table table, const struct sl_json *op,
                         int64_t second, struct sl_error *error)
{
    struct zd_row *row;
    enum sl_code rc = SL_OK;

    for (int64_t i = 0; !rc && i < number(op, "count", 1500); i++)
        rc = table == ZD_EVENTS ? zd_add_event(app, i % 100 + 1, ZD_COMMENTED, second, 0, error)
                                : zd_create(app, table, second, &row, error);
    return rc;
}

/* ---- fields ---- */

static enum sl_code change_fields(struct zendesk *app, const char *name, const struct sl_json *op,
                                  int64_t second, struct sl_error *error)
{
    const char *in = sl_json_str(sl_json_get(op, "table"));
    const char *type = sl_json_str(sl_json_get(op, "type"));
    const char *to = sl_json_str(sl_json_get(op, "to"));
    int table = zd_find_name(in ? in : "ticket_fields");
    int kind = zd_type_find(type ? type : "text");
    char title[200];
    struct zd_row *field;

    if (table < 0 || kind < 0) return sl_fail(error, SL_USAGE, "no such table or type");
    if (strcmp(name, "add_field") == 0) {
        struct zd_row row = {.created_s = second,
                             .updated_s = second,
                             .changed_s = second,
                             .event = (uint8_t)kind};
        return zd_add(app, (enum zd_table)table, row, NULL, error);
    }
    field = choose(app, (enum zd_table)table, op, 0, false);
    if (!field) return sl_fail(error, SL_NOT_FOUND, "there is no such field");
    field->updated_s = second;
    if (strcmp(name, "remove_field") == 0) field->state = ZD_GONE;
    if (strcmp(name, "retype_field") == 0) field->event = (uint8_t)kind;
    if (strcmp(name, "rename_field") == 0) {
        (void)snprintf(title, sizeof title, "\"%.150s\"", to ? to : "Renamed");
        if (!zd_set_text(field, "title", title))
            return sl_fail(error, SL_NO_MEMORY, "could not keep a title");
    }
    return SL_OK;
}

/* ---- a day in the life ---- */

enum sl_code zd_day(struct zendesk *app, int64_t now_us, struct sl_error *error)
{
    static const char script[] =
        "[{\"op\":\"create\",\"table\":\"tickets\",\"count\":6},"
        "{\"op\":\"edit\",\"table\":\"tickets\",\"count\":9},"
        "{\"op\":\"touch\",\"table\":\"tickets\",\"count\":2},"
        "{\"op\":\"comment\",\"table\":\"tickets\",\"count\":5},"
        "{\"op\":\"delete\",\"table\":\"tickets\",\"count\":2},"
        "{\"op\":\"create\",\"table\":\"users\",\"count\":3},"
        "{\"op\":\"edit\",\"table\":\"users\",\"count\":4},"
        "{\"op\":\"delete\",\"table\":\"users\"},"
        "{\"op\":\"create\",\"table\":\"organizations\"},"
        "{\"op\":\"edit\",\"table\":\"organizations\",\"count\":2},"
        "{\"op\":\"delete\",\"table\":\"organizations\"},"
        "{\"op\":\"redact\",\"count\":2},{\"op\":\"privacy\"},"
        "{\"op\":\"late\",\"table\":\"tickets\",\"count\":2},"
        "{\"op\":\"create\",\"table\":\"articles\"},{\"op\":\"edit\",\"table\":\"articles\"},"
        "{\"op\":\"create\",\"table\":\"satisfaction_ratings\",\"count\":2},"
        "{\"op\":\"edit\",\"table\":\"tags\",\"count\":2},"
        "{\"op\":\"create\",\"table\":\"organization_memberships\"},"
        "{\"op\":\"delete\",\"table\":\"group_memberships\"},"
        "{\"op\":\"edit\",\"table\":\"macros\"},{\"op\":\"create\",\"table\":\"posts\"}]";
    struct sl_doc *doc = sl_doc_new(0);
    const struct sl_json *ops = NULL;
    enum sl_code rc = doc ? sl_doc_parse_copy(doc, script, sizeof script - 1, &ops, error)
                          : sl_fail(error, SL_NO_MEMORY, "no memory for a day");
    struct zd_rows *tickets = &app->tables[ZD_TICKETS];

    app->days++;
    for (struct sl_json_each e = sl_json_each(ops); !rc && sl_json_next(&e);)
        rc = zd_operate(app, e.value, now_us, error);
    /* What was deleted for long loses its content. */
    for (size_t i = 0, left = 1; !rc && left && i < tickets->count; i++) {
        struct zd_row *row = &tickets->list[i];
        if (row->state != ZD_DELETED) continue;
        rc = change(app, "scrub", ZD_TICKETS, row, now_us / SL_SECOND_US, error);
        left = 0;
    }
    sl_doc_free(doc);
    return rc;
}

/* ---- all of them ---- */

static const char *const on_rows[] = {"edit",  "touch",   "delete", "scrub",
                                      "purge", "comment", "redact", "privacy"};
static const char *const on_fields[] = {"add_field", "remove_field", "retype_field",
                                        "rename_field"};
static const char *const others[] = {"create", "late",  "pile",      "day",   "role",
                                     "forbid", "guide", "community", "token", "behaviour"};

#define HAS(list, name) has(list, sizeof(list) / sizeof(list)[0], name)

static bool has(const char *const *list, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i], name) == 0) return true;
    return false;
}

bool zd_has_op(const char *name)
{
    return HAS(on_rows, name) || HAS(on_fields, name) || HAS(others, name);
}

static void behave(struct zendesk *app, const struct sl_json *op)
{
    app->rows_at_once = number(op, "rows_at_once", app->rows_at_once);
    app->no_end_of_stream = number(op, "no_end_of_stream", app->no_end_of_stream) != 0;
    app->cursors_die = number(op, "cursors_die", app->cursors_die) != 0;
    app->no_cursors = number(op, "no_cursors", app->no_cursors) != 0;
    app->same_page = number(op, "same_page", app->same_page) != 0;
    app->token_seconds = number(op, "token_seconds", app->token_seconds);
    app->retired = number(op, "api_tokens_retired", app->retired) != 0;
    app->export_limit = number(op, "exports_a_minute", app->export_limit);
    app->account_limit = number(op, "requests_a_minute", app->account_limit);
}

static enum sl_code rights(struct zendesk *app, const char *name, const struct sl_json *op)
{
    const char *path = sl_json_str(sl_json_get(op, "path"));
    bool off = sl_json_true(sl_json_get(op, "off"));

    if (strcmp(name, "role") == 0)
        app->agent = sl_json_eq(sl_json_get(op, "to"), "agent");
    else if (strcmp(name, "guide") == 0)
        app->no_guide = off;
    else if (strcmp(name, "community") == 0)
        app->no_community = off;
    else if (strcmp(name, "token") == 0) /* all access tokens are revoked */
        for (size_t i = 0; i < app->token_count; i++) app->tokens[i].until_us = 0;
    else if (strcmp(name, "forbid") == 0)
        (void)snprintf(app->forbidden, sizeof app->forbidden, "%s", off || !path ? "" : path);
    else
        behave(app, op);
    return SL_OK;
}

enum sl_code zd_operate(void *state, const struct sl_json *op, int64_t now_us,
                        struct sl_error *error)
{
    struct zendesk *app = state;
    const char *name = sl_json_str(sl_json_get(op, "op"));
    const char *in = sl_json_str(sl_json_get(op, "table"));
    int table = zd_find_name(in && *in ? in : "tickets");
    int64_t second = now_us / SL_SECOND_US;

    if (!name || !zd_has_op(name)) return sl_fail(error, SL_USAGE, "there is no such operation");
    if (table < 0) return sl_fail(error, SL_NOT_FOUND, "there is no table '%s'", in);
    if (HAS(on_fields, name)) return change_fields(app, name, op, second, error);
    if (HAS(on_rows, name)) return change_rows(app, name, (enum zd_table)table, op, second, error);
    if (strcmp(name, "create") == 0)
        return create_rows(app, (enum zd_table)table, op, second, error);
    if (strcmp(name, "late") == 0)
        return create_rows(app, (enum zd_table)table, op, second - LATE_BY_S, error);
    if (strcmp(name, "pile") == 0)
        return pile(app, (enum zd_table)table, op, second - number(op, "ago_s", PILE_AGO_S), error);
    if (strcmp(name, "day") == 0) return zd_day(app, now_us, error);
    return rights(app, name, op);
}
