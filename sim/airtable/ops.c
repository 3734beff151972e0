/*
 * ops.c: what can be done to a base while it is read: records edited, created and deleted, schema
 * changed, access taken away. The same operations come by POST /_sim/control and as faults.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/time.h"
#include "sim/airtable/airtable.h"
#include "sim/text.h"

static uint64_t roll(struct airtable *app)
{
    app->dice = sim_mix(app->dice, 77);
    return app->dice;
}

static int64_t op_int(const struct sl_json *op, const char *key, int64_t preset)
{
    int64_t number;

    return sl_json_i64(sl_json_get(op, key), &number) ? number : preset;
}

static enum sl_code no_memory(struct sl_error *error)
{
    return sl_fail(error, SL_NO_MEMORY, "could not change the base");
}

/* The operation's table; without one: any. */
static struct at_table *op_table(struct airtable *app, const struct sl_json *op,
                                 struct sl_error *error)
{
    const char *name = sl_json_str(sl_json_get(op, "table"));

    if (name) {
        struct at_table *table = at_find_table(app, name);

        if (!table) (void)sl_fail(error, SL_NOT_FOUND, "there is no table '%s'", name);
        return table;
    }
    for (size_t i = 0, at = roll(app) % (app->table_count ? app->table_count : 1);
         i < app->table_count; i++) {
        struct at_table *table = app->tables[(at + i) % app->table_count];

        if (!table->removed && table->total > table->deleted) return table;
    }
    (void)sl_fail(error, SL_NOT_FOUND, "the base has no table with records");
    return NULL;
}

/* The operation's record (an index or an id); without one: any live one. -1: none. */
static int64_t op_record(struct airtable *app, const struct at_table *table,
                         const struct sl_json *op)
{
    const struct sl_json *record = sl_json_get(op, "record");
    const char *id = sl_json_str(record);
    int64_t index;

    if (id) return at_record_index(table, id);
    if (sl_json_i64(record, &index)) return at_live(table, index) ? index : -1;
    if (table->total == 0 || table->total == table->deleted) return -1;
    index = (int64_t)(roll(app) % (uint64_t)table->total);
    while (!at_live(table, index)) index = (index + 1) % table->total;
    return index;
}

/* ------------------------------------------------------------------ records */

/* "fields": values as JSON; "raw_fields": values as JSON text, for what a value cannot say. */
static enum sl_code edit_cells(struct at_table *table, struct at_edit *edit,
                               const struct sl_json *fields, bool raw, struct sl_error *error)
{
    struct sl_json_each each = sl_json_each(fields);
    enum sl_code rc = SL_OK;

    while (!rc && sl_json_next(&each)) {
        const char *name = sl_json_str(each.key);
        const struct at_field *field = at_find_field(table, name);
        const char *json = raw ? sl_json_str(each.value) : NULL;
        struct sl_json_writer *writer = NULL;

        if (!field) return sl_fail(error, SL_NOT_FOUND, "there is no field '%s'", name);
        if (!raw && sl_json_kind(each.value) != SL_JSON_NULL) {
            writer = sl_json_writer_new();
            if (!writer) return no_memory(error);
            sl_json_put_value(writer, each.value);
            json = sl_json_writer_text(writer, NULL);
            if (!json) rc = no_memory(error);
        }
        if (!rc && !at_edit_cell(edit, field, json)) rc = no_memory(error);
        sl_json_writer_free(writer);
    }
    return rc;
}

static enum sl_code edit_record(struct airtable *app, struct at_table *table, int64_t index,
                                const struct sl_json *op, int64_t now_us, struct sl_error *error)
{
    struct at_edit *edit = at_edit_make(app, table, index, now_us);
    const struct sl_json *fields = sl_json_get(op, "fields");
    const struct sl_json *raw = sl_json_get(op, "raw_fields");

    if (!edit) return no_memory(error);
    if (!sl_json_true(sl_json_get(op, "quietly"))) edit->modified_us = now_us;
    if (!fields && !raw) {
        edit->version = roll(app) | 1;
        return SL_OK;
    }
    enum sl_code rc = edit_cells(table, edit, fields, false, error);

    return rc ? rc : edit_cells(table, edit, raw, true, error);
}

static enum sl_code do_edit(struct airtable *app, const struct sl_json *op, int64_t now_us,
                            struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    for (int64_t n = op_int(op, "count", 1); n > 0 && !rc; n--) {
        struct at_table *table = op_table(app, op, error);

        if (!table) return error->code;
        int64_t index = op_record(app, table, op);

        if (index < 0) return sl_fail(error, SL_NOT_FOUND, "there is no such record");
        rc = edit_record(app, table, index, op, now_us, error);
        if (!rc) rc = at_tell_hooks(app, table, index, AT_CHANGED, now_us, error);
    }
    return rc;
}

static enum sl_code do_create(struct airtable *app, const struct sl_json *op, int64_t now_us,
                              struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    for (int64_t n = op_int(op, "count", 1); n > 0 && !rc; n--) {
        struct at_table *table = op_table(app, op, error);
        struct at_edit *edit = table ? at_edit_make(app, table, table->total, now_us) : NULL;

        if (!table) return error->code;
        if (!edit) return no_memory(error);
        edit->created = true;
        edit->created_us = now_us;
        table->total++;
        rc = edit_cells(table, edit, sl_json_get(op, "fields"), false, error);
        if (!rc) rc = edit_cells(table, edit, sl_json_get(op, "raw_fields"), true, error);
        if (!rc) rc = at_tell_hooks(app, table, table->total - 1, AT_CREATED, now_us, error);
    }
    return rc;
}

static enum sl_code do_delete(struct airtable *app, const struct sl_json *op, int64_t now_us,
                              struct sl_error *error)
{
    int64_t count = op_int(op, "count", 1);
    struct at_table *table = op_table(app, op, error);

    if (!table) return error->code;
    if (sl_json_true(sl_json_get(op, "all"))) count = table->total - table->deleted;
    for (; count > 0; count--) {
        int64_t index = op_record(app, table, op);
        struct at_edit *edit = index >= 0 ? at_edit_make(app, table, index, now_us) : NULL;

        if (index < 0) return sl_fail(error, SL_NOT_FOUND, "there is no such record");
        if (!edit) return no_memory(error);
        edit->deleted = true;
        table->deleted++;
        enum sl_code rc = at_tell_hooks(app, table, index, AT_DESTROYED, now_us, error);

        if (rc) return rc;
    }
    return SL_OK;
}

/* Out of the trash: the same id again. */
static enum sl_code do_restore(struct airtable *app, const struct sl_json *op, int64_t now_us,
                               struct sl_error *error)
{
    struct at_table *table = op_table(app, op, error);
    int64_t index = op_int(op, "record", -1);
    struct at_edit *edit;

    if (!table) return error->code;
    if (index < 0 || index >= table->total || at_live(table, index))
        return sl_fail(error, SL_NOT_FOUND, "there is no such record in the trash");
    edit = at_edit_make(app, table, index, now_us);
    if (!edit) return no_memory(error);
    edit->deleted = false;
    table->deleted--;
    return at_tell_hooks(app, table, index, AT_CREATED, now_us, error);
}

/* A little of everything, in one table or anywhere. */
static enum sl_code do_mutate(struct airtable *app, const struct sl_json *op, int64_t now_us,
                              struct sl_error *error)
{
    enum sl_code rc = do_edit(app, op, now_us, error);

    if (!rc && roll(app) % 2) rc = do_create(app, op, now_us, error);
    if (!rc && roll(app) % 2) rc = do_delete(app, op, now_us, error);
    return rc;
}

static enum sl_code do_comment(struct airtable *app, const struct sl_json *op, int64_t now_us,
                               struct sl_error *error)
{
    struct at_table *table = op_table(app, op, error);
    int64_t index = table ? op_record(app, table, op) : -1;
    struct at_edit *edit = index >= 0 ? at_edit_make(app, table, index, now_us) : NULL;

    if (!table) return error->code;
    if (index < 0) return sl_fail(error, SL_NOT_FOUND, "there is no such record");
    if (!edit) return no_memory(error);
    edit->comments_added += (int)op_int(op, "count", 1);
    return SL_OK;
}

/* ------------------------------------------------------------------ schema */

static enum sl_code find_field(struct airtable *app, const struct sl_json *op,
                               struct at_table **table, struct at_field **field,
                               struct sl_error *error)
{
    const char *name = sl_json_str(sl_json_get(op, "field"));

    *table = op_table(app, op, error);
    if (!*table) return error->code;
    *field = name ? at_find_field(*table, name) : NULL;
    if (!*field) return sl_fail(error, SL_NOT_FOUND, "there is no field '%s'", name ? name : "");
    return SL_OK;
}

static enum sl_code do_rename_field(struct airtable *app, const struct sl_json *op, int64_t now_us,
                                    struct sl_error *error)
{
    struct at_table *table;
    struct at_field *field;
    const char *to = sl_json_str(sl_json_get(op, "to"));
    enum sl_code rc = find_field(app, op, &table, &field, error);

    (void)now_us;
    if (rc) return rc;
    if (!to) return sl_fail(error, SL_USAGE, "rename_field needs 'to'");
    return at_set_text(&field->name, to) ? SL_OK : no_memory(error);
}

static enum sl_code do_remove_field(struct airtable *app, const struct sl_json *op, int64_t now_us,
                                    struct sl_error *error)
{
    struct at_table *table;
    struct at_field *field;
    enum sl_code rc = find_field(app, op, &table, &field, error);

    (void)now_us;
    if (!rc) field->removed = true;
    return rc;
}

/* The same id, another type: what a user does by converting a field in place. */
static enum sl_code do_retype_field(struct airtable *app, const struct sl_json *op, int64_t now_us,
                                    struct sl_error *error)
{
    struct at_table *table;
    struct at_field *field;
    const char *to = sl_json_str(sl_json_get(op, "to"));
    const struct at_spec *spec = to ? at_spec_of_type(to) : NULL;
    enum sl_code rc = find_field(app, op, &table, &field, error);

    (void)now_us;
    if (rc) return rc;
    if (!spec) return sl_fail(error, SL_USAGE, "a field cannot become a '%s'", to ? to : "");
    field->spec = spec;
    field->gen = at_gen_of(spec->type, &field->computed);
    field->linked = NULL;
    sl_free(field->options);
    field->options = NULL;
    if (!at_set_text(&field->type, spec->type) || !at_set_text(&field->choices, spec->choices))
        return no_memory(error);
    return at_resolve(app, error);
}

static enum sl_code do_add_field(struct airtable *app, const struct sl_json *op, int64_t now_us,
                                 struct sl_error *error)
{
    const char *name = sl_json_str(sl_json_get(op, "name"));
    const char *type = sl_json_str(sl_json_get(op, "type"));
    const struct at_spec *spec = at_spec_of_type(type ? type : "singleLineText");
    struct at_table *table = op_table(app, op, error);
    enum sl_code rc;

    (void)now_us;
    if (!table) return error->code;
    if (!spec) return sl_fail(error, SL_USAGE, "a field of type '%s' cannot be added", type);
    rc = at_add_field(app, table, spec, name ? name : "Added", error);
    return rc ? rc : at_resolve(app, error);
}

static enum sl_code do_rename_table(struct airtable *app, const struct sl_json *op, int64_t now_us,
                                    struct sl_error *error)
{
    struct at_table *table = op_table(app, op, error);
    const char *to = sl_json_str(sl_json_get(op, "to"));

    (void)now_us;
    if (!table) return error->code;
    if (!to) return sl_fail(error, SL_USAGE, "rename_table needs 'to'");
    return at_set_text(&table->name, to) ? SL_OK : no_memory(error);
}

static enum sl_code do_remove_table(struct airtable *app, const struct sl_json *op, int64_t now_us,
                                    struct sl_error *error)
{
    struct at_table *table = op_table(app, op, error);

    (void)now_us;
    if (!table) return error->code;
    table->removed = true;
    return SL_OK;
}

static enum sl_code do_add_table(struct airtable *app, const struct sl_json *op, int64_t now_us,
                                 struct sl_error *error)
{
    const char *name = sl_json_str(sl_json_get(op, "name"));
    struct at_table_spec spec = at_bench_table;
    enum sl_code rc;

    (void)now_us;
    spec.name = name ? name : "Added";
    rc = at_add_table(app, &spec, op_int(op, "records", 10), NULL, error);
    return rc ? rc : at_resolve(app, error);
}

/* {"op":"base","kind":"bench","tables":6,"records":5000}: another base takes the place. */
static enum sl_code do_base(struct airtable *app, const struct sl_json *op, int64_t now_us,
                            struct sl_error *error)
{
    const char *kind = sl_json_str(sl_json_get(op, "kind"));

    (void)now_us;
    return at_base_build(app, kind ? kind : "demo", NULL, op_int(op, "tables", 0),
                         op_int(op, "fields", 0), op_int(op, "records", 0), error);
}

static enum sl_code do_rename_base(struct airtable *app, const struct sl_json *op, int64_t now_us,
                                   struct sl_error *error)
{
    const char *to = sl_json_str(sl_json_get(op, "to"));

    (void)now_us;
    if (!to) return sl_fail(error, SL_USAGE, "rename_base needs 'to'");
    return at_set_text(&app->base_name, to) ? SL_OK : no_memory(error);
}

/* ------------------------------------------------------------------ access and behaviour */

static unsigned scope_of(const char *name)
{
    if (strcmp(name, "schema.bases:read") == 0) return AT_SCHEMA;
    if (strcmp(name, "data.records:read") == 0) return AT_RECORDS;
    if (strcmp(name, "data.recordComments:read") == 0) return AT_COMMENTS;
    if (strcmp(name, "user.email:read") == 0) return AT_EMAIL;
    if (strcmp(name, "webhook:manage") == 0) return AT_WEBHOOKS;
    return 0;
}

/* {"op":"token","token":"pat...","scopes":[...],"bases":[...]}; "revoke":true takes it away. */
static enum sl_code do_token(struct airtable *app, const struct sl_json *op, int64_t now_us,
                             struct sl_error *error)
{
    const char *name = sl_json_str(sl_json_get(op, "token"));
    const struct sl_json *scopes = sl_json_get(op, "scopes");
    struct sl_json_each each = sl_json_each(scopes), bases = sl_json_each(sl_json_get(op, "bases"));
    struct at_token token = {.scopes =
                                 scopes ? 0 : AT_SCHEMA | AT_RECORDS | AT_COMMENTS | AT_WEBHOOKS};
    int at = 0;

    (void)now_us;
    if (!name) name = app->tokens[0].token;
    while (at < app->token_count && strcmp(app->tokens[at].token, name) != 0) at++;
    if (at == AT_TOKENS_MAX || strlen(name) >= sizeof token.token)
        return sl_fail(error, SL_USAGE, "no room for this token");
    (void)snprintf(token.token, sizeof token.token, "%s", name);
    while (sl_json_next(&each))
        token.scopes |= scope_of(sl_json_str(each.value) ? sl_json_str(each.value) : "");
    if (sl_json_get(op, "bases")) token.bases[0] = ' ';
    while (sl_json_next(&bases)) {
        size_t len = strlen(token.bases);
        const char *base = sl_json_str(bases.value);

        (void)snprintf(token.bases + len, sizeof token.bases - len, "%s ", base ? base : "");
    }
    if (sl_json_true(sl_json_get(op, "revoke"))) token.token[0] = '\0';
    app->tokens[at] = token;
    if (at == app->token_count) app->token_count++;
    return SL_OK;
}

static enum sl_code do_forbid(struct airtable *app, const struct sl_json *op, int64_t now_us,
                              struct sl_error *error)
{
    struct at_table *table = op_table(app, op, error);

    (void)now_us;
    if (!table) return error->code;
    table->forbidden = !sl_json_true(sl_json_get(op, "off"));
    return SL_OK;
}

static enum sl_code do_vanish(struct airtable *app, const struct sl_json *op, int64_t now_us,
                              struct sl_error *error)
{
    (void)now_us;
    (void)error;
    app->base_gone = !sl_json_true(sl_json_get(op, "off"));
    return SL_OK;
}

/* {"op":"behaviour","iterator_pages":2,"iterator_seconds":60,...}: only what is named changes. */
static enum sl_code do_behaviour(struct airtable *app, const struct sl_json *op, int64_t now_us,
                                 struct sl_error *error)
{
    (void)now_us;
    (void)error;
    app->iterator_pages = op_int(op, "iterator_pages", app->iterator_pages);
    app->iterator_idle_us =
        op_int(op, "iterator_seconds", app->iterator_idle_us / SL_SECOND_US) * SL_SECOND_US;
    app->plural_errors = op_int(op, "plural_errors", app->plural_errors) != 0;
    app->is_after_broken = op_int(op, "is_after_broken", app->is_after_broken) != 0;
    app->filter_ignored = op_int(op, "filter_ignored", app->filter_ignored) != 0;
    app->resorted_pages = op_int(op, "resorted_pages", app->resorted_pages) != 0;
    app->not_creator = op_int(op, "not_creator", app->not_creator) != 0;
    app->delay_us =
        op_int(op, "listing_delay_seconds", app->delay_us / SL_SECOND_US) * SL_SECOND_US;
    return SL_OK;
}

static const struct {
    const char *name;
    enum sl_code (*run)(struct airtable *app, const struct sl_json *op, int64_t now_us,
                        struct sl_error *error);
} ops[] = {
    {"edit", do_edit},
    {"create", do_create},
    {"delete", do_delete},
    {"restore", do_restore},
    {"mutate", do_mutate},
    {"comment", do_comment},
    {"rename_field", do_rename_field},
    {"remove_field", do_remove_field},
    {"retype_field", do_retype_field},
    {"add_field", do_add_field},
    {"rename_table", do_rename_table},
    {"remove_table", do_remove_table},
    {"add_table", do_add_table},
    {"base", do_base},
    {"rename_base", do_rename_base},
    {"token", do_token},
    {"oauth", at_do_oauth},
    {"forbid", do_forbid},
    {"vanish", do_vanish},
    {"behaviour", do_behaviour},
    {"webhook", at_do_webhook},
};

bool at_has_op(const char *name)
{
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (strcmp(ops[i].name, name) == 0) return true;
    return false;
}

enum sl_code at_operate(void *app, const struct sl_json *op, int64_t now_us, struct sl_error *error)
{
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (sl_json_eq(sl_json_get(op, "op"), ops[i].name))
            return ops[i].run(app, op, now_us, error);
    return sl_fail(error, SL_USAGE, "there is no such operation");
}
