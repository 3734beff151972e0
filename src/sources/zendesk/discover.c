/*
 * discover.c: the tables, whose columns are known but for custom fields: those are listed first, for
 * tickets, users and organizations. Then it is seen whether there is a help centre and a community.
 */
#include "zendesk.h"

#include <stdio.h>
#include <string.h>

#define COLUMNS_MAX (ZENDESK_FIELDS_MAX + 64)

/* What is asked for, one after the other. */
static const struct {
    const char *path;
    enum zendesk_stage stage;
} steps[] = {
    {"ticket_fields", ZENDESK_FIELDS},       {"user_fields", ZENDESK_FIELDS},
    {"organization_fields", ZENDESK_FIELDS}, {"help_center/articles", ZENDESK_PROBE},
    {"community/topics", ZENDESK_PROBE},
};

#define STEPS ((int)(sizeof steps / sizeof steps[0]))

/* ---- a custom field becomes a column ---- */

static const struct sl_member text_element[] = {
    {.name = "element", .type = {.kind = SL_TYPE_STRING}}};

static struct sl_type type_of(const char *type)
{
    if (strcmp(type, "integer") == 0) return (struct sl_type){.kind = SL_TYPE_BIGINT};
    if (strcmp(type, "decimal") == 0)
        return (struct sl_type){.kind = SL_TYPE_DECIMAL, .precision = 38, .scale = 9};
    if (strcmp(type, "checkbox") == 0) return (struct sl_type){.kind = SL_TYPE_BOOLEAN};
    if (strcmp(type, "date") == 0) return (struct sl_type){.kind = SL_TYPE_DATE};
    if (strcmp(type, "multiselect") == 0)
        return (struct sl_type){.kind = SL_TYPE_ARRAY, .member_count = 1, .members = text_element};
    return (struct sl_type){.kind = SL_TYPE_STRING};
}

/* Names, ids and states of a table's columns while it is being described. */
struct columns {
    struct sl_column list[COLUMNS_MAX];
    char names[ZENDESK_FIELDS_MAX][ZENDESK_COLUMN_NAME_MAX];
    char ids[ZENDESK_FIELDS_MAX][40];
    size_t count, custom;
};

/* "custom_" and what users call it; its id, too, where two are called the same. */
static void name_column(struct columns *columns, const char *title, int64_t id)
{
    char *name = columns->names[columns->custom];
    size_t room = ZENDESK_COLUMN_NAME_MAX - 30;
    int len = snprintf(name, room, "custom_%s", title);

    if (len >= (int)room) { /* not in the middle of a character */
        size_t end = room - 1;
        while (end > 0 && ((unsigned char)name[end - 1] & 0xC0) == 0x80) end--;
        if (end > 0 && (unsigned char)name[end - 1] >= 0xC0) end--;
        name[end] = '\0';
    }
    for (size_t i = 0; i < columns->custom; i++) {
        if (strcmp(columns->names[i], name) != 0) continue;
        size_t used = strlen(name);
        snprintf(name + used, ZENDESK_COLUMN_NAME_MAX - used, " %lld", (long long)id);
        return;
    }
}

/* One field of the list, if users made it: a column, and a pair in the state. */
static void add_field(const struct zendesk_table *table, const struct sl_json *field,
                      struct columns *columns, struct sl_json_writer *state)
{
    bool by_id = strcmp(table->values, "custom_fields") == 0;
    const char *key = sl_json_str(sl_json_get(field, "key"));
    const char *title = sl_json_str(sl_json_get(field, "title"));
    const char *type = sl_json_str(sl_json_get(field, "type"));
    int64_t id;

    if (!sl_json_i64(sl_json_get(field, "id"), &id) || !type) return;
    if (by_id && !sl_json_true(sl_json_get(field, "removable"))) return;
    if (!by_id && !key) return;
    if (columns->custom == ZENDESK_FIELDS_MAX || columns->count == COLUMNS_MAX) return;
    name_column(columns, by_id ? (title ? title : type) : key, id);
    snprintf(columns->ids[columns->custom], sizeof columns->ids[0], "field:%lld", (long long)id);
    columns->list[columns->count++] = (struct sl_column){
        .name = columns->names[columns->custom],
        .id = columns->ids[columns->custom],
        .source_type = type,
        .comment = sl_json_str(sl_json_get(field, "description")),
        .type = type_of(type),
        .constant = true,
    };
    sl_json_begin_array(state);
    if (by_id)
        sl_json_put_i64(state, id);
    else
        sl_json_put_str(state, key);
    sl_json_put_str(state, columns->names[columns->custom]);
    sl_json_end_array(state);
    columns->custom++;
}

/* ---- a table ---- */

static enum sl_code put_table(const struct zendesk *self, const struct zendesk_table *table,
                              const struct sl_column *columns, size_t count, const char *state,
                              struct sl_out *out, struct sl_error *error)
{
    static const char *const whole_row[] = {"", NULL};
    const char *const key[] = {table->key ? table->key : "id", NULL};
    bool help = table->list && strncmp(table->list, "help_center/", 12) == 0;
    bool community = table->list && strncmp(table->list, "community/", 10) == 0;
    struct sl_table_def def = {
        .name = table->name,
        .namespace_id = self->account,
        .comment = table->comment,
        .columns = columns,
        .column_count = count,
        .primary_key = key,
        .cursor = table->cursor,
        .ingestion = table->ingestion,
        /* A comment of an export and one of a list differ in what is beside it. */
        .strict_objects = table->rows == ZENDESK_CHILDREN ? NULL : whole_row,
        .rows_per_call = table->way == ZENDESK_BY_LIST || table->ingestion == SL_CDC
                             ? ZENDESK_LIST_ROWS
                             : ZENDESK_PAGE_ROWS,
        .state = state,
    };

    if (help && self->no_guide) def.excluded = "the account has no help centre";
    if (community && self->no_community) def.excluded = "the account has no community";
    return sl_out_table(out, &def, error);
}

static enum sl_code put_custom_table(struct zendesk *self, const struct zendesk_table *table,
                                     const struct sl_json *fields, struct sl_out *out,
                                     struct sl_error *error)
{
    struct sl_json_writer *state = sl_json_writer_new();
    struct columns columns;
    const char *text;
    enum sl_code rc;

    if (!state) return sl_fail(error, SL_NO_MEMORY, "no memory for the fields of a table");
    columns.count = table->column_count;
    columns.custom = 0;
    memcpy(columns.list, table->columns, table->column_count * sizeof *table->columns);
    sl_json_begin_object(state);
    sl_json_key(state, "fields");
    sl_json_begin_array(state);
    for (struct sl_json_each e = sl_json_each(fields); sl_json_next(&e);)
        add_field(table, e.value, &columns, state);
    sl_json_end_array(state);
    sl_json_end_object(state);
    if (sl_json_len(fields) > ZENDESK_FIELDS_MAX)
        sl_out_note(out, SL_NOTE_WARNING,
                    "%s: no more than %d custom fields become columns; '%s' has them all",
                    table->name, ZENDESK_FIELDS_MAX, table->values);
    text = sl_json_writer_text(state, NULL);
    rc = text ? put_table(self, table, columns.list, columns.count, text, out, error)
              : sl_fail(error, SL_NO_MEMORY, "no memory for the fields of a table");
    sl_json_writer_free(state);
    return rc;
}

/* ---- the steps ---- */

static enum sl_code ask(struct zendesk *self, struct sl_out *out, struct sl_error *error)
{
    enum zendesk_stage stage = steps[self->step].stage;

    return zendesk_ask_list(self, stage, steps[self->step].path,
                            stage == ZENDESK_PROBE ? 1 : ZENDESK_LIST_ROWS, out, error);
}

/* Keeps what a page lists; after the last one the table with these fields is described. */
static enum sl_code fields_page(struct zendesk *self, const struct sl_response *response,
                                struct sl_out *out, struct sl_error *error)
{
    const char *path = steps[self->step].path;
    const struct sl_json *list = sl_json_get(response->json, path), *all;
    const char *text;
    size_t len;
    enum sl_code rc;

    if (sl_json_kind(list) != SL_JSON_ARRAY)
        return sl_fail(error, SL_BAD_DATA, "%s: an answer without fields", path);
    if (!self->writer) {
        self->writer = sl_json_writer_new();
        if (!self->writer) return sl_fail(error, SL_NO_MEMORY, "no memory for fields");
        sl_json_begin_array(self->writer);
    }
    for (struct sl_json_each e = sl_json_each(list); sl_json_next(&e);)
        sl_json_put_value(self->writer, e.value);
    rc = zendesk_list_next(self, response->json, sl_json_len(list), error);
    if (rc != SL_DONE) return rc == SL_MORE ? ask(self, out, error) : rc;
    sl_json_end_array(self->writer);
    text = sl_json_writer_text(self->writer, &len);
    rc = text ? sl_out_parse(out, text, len, &all, error)
              : sl_fail(error, SL_NO_MEMORY, "no memory for fields");
    for (size_t i = 0; !rc && i < zendesk_table_count; i++)
        if (zendesk_tables[i].fields && strcmp(zendesk_tables[i].fields, path) == 0)
            rc = put_custom_table(self, &zendesk_tables[i], all, out, error);
    sl_json_writer_free(self->writer);
    self->writer = NULL;
    return rc ? rc : SL_DONE;
}

static enum sl_code put_other_tables(struct zendesk *self, struct sl_out *out,
                                     struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    for (size_t i = 0; !rc && i < zendesk_table_count; i++)
        if (!zendesk_tables[i].fields)
            rc = put_table(self, &zendesk_tables[i], zendesk_tables[i].columns,
                           zendesk_tables[i].column_count, NULL, out, error);
    return rc ? rc : SL_DONE;
}

enum sl_code zendesk_discover(void *task, const struct sl_response *response, struct sl_out *out,
                              struct sl_error *error)
{
    struct zendesk *self = task;
    enum sl_code rc;

    if (!response) {
        rc = zendesk_begin(self, out, error);
        return rc ? rc : ask(self, out, error);
    }
    if (self->stage == ZENDESK_FIELDS) {
        rc = fields_page(self, response, out, error);
        if (rc != SL_DONE) return rc;
    } else if (strncmp(steps[self->step].path, "help", 4) == 0) {
        self->no_guide = response->status != 200;
    } else {
        self->no_community = response->status != 200;
    }
    if (++self->step == STEPS) return put_other_tables(self, out, error);
    zendesk_first_page(self);
    return ask(self, out, error);
}
