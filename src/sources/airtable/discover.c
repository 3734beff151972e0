/*
 * discover.c: bases and their tables.
 *
 * Which bases? The one that source_schema names (id or name), else those of base_id, else all that
 * the token lists. Each base is a sub-task: one call gives all its tables and fields. A table's
 * namespace is the base's id, so that renaming a base changes nothing.
 */
#include "airtable.h"

#include <stdio.h>
#include <string.h>

static enum sl_code ask_for_base(const char *base, const char *name, bool listed,
                                 struct sl_out *out, struct sl_error *error)
{
    struct sl_json_writer *input = sl_json_writer_new();
    const char *text;
    enum sl_code rc;

    if (!input) return sl_fail(error, SL_NO_MEMORY, "no memory for base '%s'", base);
    sl_json_begin_object(input);
    sl_json_kv_str(input, "base", base);
    sl_json_kv_str(input, "name", name);
    sl_json_kv_bool(input, "listed", listed);
    sl_json_end_object(input);
    text = sl_json_writer_text(input, NULL);
    rc = text ? sl_out_task(out, base, text, error)
              : sl_fail(error, SL_NO_MEMORY, "no memory for base '%s'", base);
    sl_json_writer_free(input);
    return rc;
}

/* ---- which bases ---- */

static bool is_configured(const struct airtable *self, const char *base)
{
    if (sl_json_len(self->base_ids) == 0) return true;
    for (struct sl_json_each e = sl_json_each(self->base_ids); sl_json_next(&e);)
        if (sl_json_eq(e.value, base)) return true;
    return false;
}

static enum sl_code start(struct airtable *self, struct sl_out *out, struct sl_error *error)
{
    const char *wanted = self->task.namespace_;
    enum sl_code rc;

    if (airtable_is_base_id(wanted)) {
        if (!is_configured(self, wanted))
            return sl_fail(error, SL_BAD_SPEC, "base '%s' is not among base_id of the connection",
                           wanted);
        rc = ask_for_base(wanted, NULL, false, out, error);
        return rc ? rc : SL_DONE;
    }
    if (wanted || sl_json_len(self->base_ids) == 0) {
        rc = airtable_declare_user(self, out, error);
        return rc ? rc : airtable_ask_bases(self, out, error);
    }
    for (struct sl_json_each e = sl_json_each(self->base_ids); sl_json_next(&e);) {
        const char *base = sl_json_str(e.value);
        if (!airtable_is_base_id(base)) return airtable_enter_base(self, base, out, error);
        rc = ask_for_base(base, NULL, false, out, error);
        if (rc) return rc;
    }
    return SL_DONE;
}

static enum sl_code base_listed(struct airtable *self, const struct sl_json *base,
                                struct sl_out *out, struct sl_error *error)
{
    const char *id = sl_json_str(sl_json_get(base, "id"));
    const char *name = sl_json_str(sl_json_get(base, "name"));
    const char *wanted = self->task.namespace_;

    if (!airtable_is_base_id(id) || !is_configured(self, id)) return SL_OK;
    if (wanted && (!name || strcmp(name, wanted) != 0)) return SL_OK;
    if (wanted && self->record[0]) { /* names of bases are not unique */
        sl_fail(error, SL_BAD_SPEC, "two bases are called '%.200s': %s and %s", wanted,
                self->record, id);
        sl_error_hint(error, "Give the id as source_schema.");
        return SL_BAD_SPEC;
    }
    if (sl_json_eq(sl_json_get(base, "permissionLevel"), "none")) {
        sl_out_note(out, SL_NOTE_WARNING,
                    "base '%.200s' (%s): its tables are not read in this run, because the token "
                    "has no permission in it",
                    name ? name : "", id);
        return SL_OK;
    }
    airtable_keep_id(self->record, id); /* the newest one found */
    return ask_for_base(id, name, !wanted, out, error);
}

static enum sl_code bases_listed(struct airtable *self, const struct sl_response *response,
                                 struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *bases = sl_json_get(response->json, "bases");
    enum sl_code rc;

    if (sl_json_kind(bases) != SL_JSON_ARRAY)
        return sl_fail(error, SL_BAD_DATA, "the list of bases holds no 'bases'");
    for (struct sl_json_each e = sl_json_each(bases); sl_json_next(&e);) {
        rc = base_listed(self, e.value, out, error);
        if (rc) return rc;
    }
    rc = airtable_chain_next(&self->chain, response->json, sl_json_len(bases), error);
    if (rc == SL_MORE) return airtable_ask_bases(self, out, error);
    if (rc != SL_DONE || !self->task.namespace_ || self->record[0]) return rc;
    sl_fail(error, SL_NOT_FOUND, "the token reaches no base called '%.200s'",
            self->task.namespace_);
    sl_error_hint(error, "Give the id of the base (app...) as source_schema, or its exact name.");
    return SL_NOT_FOUND;
}

/* ---- the tables of one base ---- */

/* The field whose time moves with every edit of a record; NULL: the table has none. One that watches
 * some fields only misses edits, and a day is too coarse. */
static const struct sl_json *modified_field(const struct sl_json *table)
{
    for (struct sl_json_each e = sl_json_each(sl_json_get(table, "fields")); sl_json_next(&e);) {
        const struct sl_json *options = sl_json_get(e.value, "options");
        const struct sl_json *watched = sl_json_get(options, "referencedFieldIds");
        if (sl_json_eq(sl_json_get(e.value, "type"), "lastModifiedTime") &&
            sl_json_true(sl_json_get(options, "isValid")) &&
            sl_json_eq(sl_json_path(options, "result", "type", NULL), "dateTime") &&
            sl_json_kind(watched) == SL_JSON_ARRAY && sl_json_len(watched) == 0 &&
            airtable_is_id(sl_json_str(sl_json_get(e.value, "id")), "fld"))
            return e.value;
    }
    return NULL;
}

static void put_hook(const struct airtable *self, struct sl_json_writer *state)
{
    if (!self->hook.id[0]) return;
    sl_json_key(state, "hook");
    sl_json_begin_object(state);
    sl_json_kv_str(state, "id", self->hook.id);
    sl_json_kv_i64(state, "next", self->hook.next);
    sl_json_kv_i64(state, "polled_us", self->hook.polled_us);
    sl_json_end_object(state);
}

/* What a read needs to know of its table. */
static enum sl_code put_state(const struct airtable *self, const struct sl_json *table,
                              bool comments, struct sl_json_writer *state, struct sl_error *error)
{
    const char *modified = sl_json_str(sl_json_get(modified_field(table), "id"));

    sl_json_begin_object(state);
    sl_json_kv_str(state, "base", self->base);
    sl_json_kv_str(state, "id", sl_json_str(sl_json_get(table, "id")));
    sl_json_kv_str(state, "primary", sl_json_str(sl_json_get(table, "primaryFieldId")));
    if (modified) sl_json_kv_str(state, "modified", modified);
    sl_json_kv_bool(state, "comments", comments);
    sl_json_kv_i64(state, "round_trip_us", self->round_trip_us);
    if (self->server_us != SL_NO_TIME) sl_json_kv_i64(state, "server_us", self->server_us);
    put_hook(self, state);
    sl_json_end_object(state);
    return sl_json_writer_text(state, NULL) ? SL_OK
                                            : sl_fail(error, SL_NO_MEMORY, "no memory for a table");
}

/* A webhook tells of deleted records. Comments have no time by which they could be asked for. */
static enum sl_ingestion ingestion_of(const struct airtable *self, bool comments)
{
    if (comments || strcmp(self->read_mode, "full") == 0) return SL_SNAPSHOT;
    return self->hook.id[0] ? SL_CDC_WITH_DELETES : SL_CDC;
}

static enum sl_code emit(struct airtable *self, const struct sl_json *table, bool comments,
                         struct sl_table_def *def, struct sl_out *out, struct sl_error *error)
{
    static const char *const key[] = {"_airtable_id", NULL};
    struct sl_json_writer *state = sl_json_writer_new();
    enum sl_code rc;

    if (!state) return sl_fail(error, SL_NO_MEMORY, "no memory for a table");
    rc = put_state(self, table, comments, state, error);
    if (rc) goto out;
    def->namespace_ = self->base;
    def->primary_key = key;
    def->ingestion = ingestion_of(self, comments);
    def->rereads = !comments;
    def->rows_per_call = comments ? 0 : AIRTABLE_PAGE_ROWS;
    def->state = sl_json_writer_text(state, NULL);
    rc = sl_out_table(out, def, error);
out:
    sl_json_writer_free(state);
    return rc;
}

static const struct sl_column system_columns[] = {
    {.name = "_airtable_id",
     .exact_name = true,
     .path = {"id"},
     .type = {.kind = SL_TYPE_STRING},
     .not_null = true,
     .comment = "Id of the record."},
    {.name = "_airtable_created_time",
     .exact_name = true,
     .path = {"createdTime"},
     .type = {.kind = SL_TYPE_TIMESTAMP},
     .comment = "When the record was created."},
    {.name = "_airtable_comment_count",
     .exact_name = true,
     .path = {"commentCount"},
     .type = {.kind = SL_TYPE_BIGINT},
     .comment = "How many comments the record has."},
};

static enum sl_code emit_records(struct airtable *self, const struct sl_json *table,
                                 struct sl_out *out, struct sl_error *error)
{
    static const char *const strict[] = {"fields", NULL};
    struct sl_column columns[AIRTABLE_FIELDS_MAX + 3];
    const struct sl_json *fields = sl_json_get(table, "fields");
    size_t n = 0;
    enum sl_code rc;

    if (sl_json_kind(fields) != SL_JSON_ARRAY)
        return sl_fail(error, SL_BAD_DATA, "the schema gives no fields");
    if (sl_json_len(fields) > AIRTABLE_FIELDS_MAX)
        return sl_fail(error, SL_TOO_LARGE, "%zu fields; sluice reads up to %d",
                       sl_json_len(fields), AIRTABLE_FIELDS_MAX);
    columns[n++] = system_columns[0];
    columns[n++] = system_columns[1];
    if (self->comment_count) columns[n++] = system_columns[2];
    for (struct sl_json_each e = sl_json_each(fields); sl_json_next(&e); n++) {
        rc = airtable_column(self, e.value, &columns[n], error);
        if (rc) return rc;
    }
    struct sl_table_def def = {
        .name = sl_json_str(sl_json_get(table, "name")),
        .id = sl_json_str(sl_json_get(table, "id")),
        .comment = sl_json_str(sl_json_get(table, "description")),
        .cursor = sl_json_str(sl_json_get(modified_field(table), "name")),
        .columns = columns,
        .column_count = n,
        .strict_objects = strict,
    };
    return emit(self, table, false, &def, out, error);
}

static enum sl_code emit_comments(struct airtable *self, const struct sl_json *table,
                                  struct sl_out *out, struct sl_error *error)
{
    char name[AIRTABLE_NAME_MAX + sizeof AIRTABLE_COMMENTS_SUFFIX];
    char id[AIRTABLE_ID_MAX + 16];
    struct sl_table_def def = {
        .name = name,
        .id = id,
        .comment = "Comments on the records.",
        .columns = airtable_comment_columns,
        .column_count = airtable_comment_column_count,
        .excluded = "each record with comments costs a call: name the table to read it",
    };

    snprintf(name, sizeof name, "%s" AIRTABLE_COMMENTS_SUFFIX,
             sl_json_str(sl_json_get(table, "name")));
    snprintf(id, sizeof id, "%s:comments", sl_json_str(sl_json_get(table, "id")));
    return emit(self, table, true, &def, out, error);
}

static enum sl_code schema_read(struct airtable *self, const struct sl_response *response,
                                struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *tables = sl_json_get(response->json, "tables");
    const char *base_name = sl_json_str(sl_json_get(self->task.input, "name"));
    enum sl_code rc;

    if (response->status != 200) { /* only when it came from the list of bases */
        sl_out_note(out, SL_NOTE_WARNING,
                    "base '%.200s' (%s): its tables are not read in this run, because Airtable "
                    "answered %d %.80s to its schema",
                    base_name ? base_name : "", self->base, response->status,
                    airtable_error_type(response->json));
        return SL_DONE;
    }
    self->round_trip_us = response->received_at_us - response->started_at_us;
    self->server_us = response->server_date_us;
    if (sl_json_kind(tables) != SL_JSON_ARRAY)
        return sl_fail(error, SL_BAD_DATA, "base '%s': the schema holds no 'tables'", self->base);
    rc = sl_out_namespace(out, base_name ? base_name : self->base, self->base, NULL, error);
    if (rc) return rc;
    for (struct sl_json_each e = sl_json_each(tables); sl_json_next(&e);) {
        const char *name = sl_json_str(sl_json_get(e.value, "name"));
        const char *id = sl_json_str(sl_json_get(e.value, "id"));
        if (!name || !id || strlen(id) >= AIRTABLE_ID_MAX || strlen(name) > AIRTABLE_NAME_MAX)
            return sl_fail(error, SL_BAD_DATA, "base '%s': a table without a usable name and id",
                           self->base);
        rc = emit_records(self, e.value, out, error);
        if (!rc) rc = emit_comments(self, e.value, out, error);
        if (rc) {
            sl_error_context(error, "base '%s': table '%.200s' (%s)", self->base, name, id);
            return rc;
        }
    }
    return SL_DONE;
}

enum sl_code airtable_discover(void *task, const struct sl_response *response, struct sl_out *out,
                               struct sl_error *error)
{
    struct airtable *self = task;
    const char *base = sl_json_str(sl_json_get(self->task.input, "base"));
    enum sl_code rc;

    if (!response && base) {
        self->optional = sl_json_true(sl_json_get(self->task.input, "listed"));
        rc = airtable_enter_base(self, base, out, error);
        if (rc) return rc;
        return self->webhooks && strcmp(self->read_mode, "full") != 0
                   ? airtable_ask_hooks(self, out, error)
                   : airtable_ask_schema(self, out, error);
    }
    if (!response) return start(self, out, error);
    switch (self->stage) {
    case AIRTABLE_BASES: return bases_listed(self, response, out, error);
    case AIRTABLE_SCHEMA: return schema_read(self, response, out, error);
    case AIRTABLE_HOOKS:
    case AIRTABLE_HOOK_CREATE:
    case AIRTABLE_HOOK_REFRESH:
    case AIRTABLE_HOOK_DELETE: return airtable_hook_answer(self, response, out, error);
    default: return sl_fail(error, SL_BUG, "discover: an answer nobody asked for");
    }
}
