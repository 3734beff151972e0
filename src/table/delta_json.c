/*
 * delta_json.c: a schema as Delta's JSON.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/arena.h"
#include "table/delta_type.h"
#include "table/existing.h"
#include "table/names.h"
#include "table/schema.h"

/* "Budget (€) (currency, fld2mFM2t8abDG9nl): What we may spend" */
static bool put_comment(struct sl_json_writer *w, const struct sl_column *c, const char *visible)
{
    struct sl_buf text;
    bool renamed = strcmp(c->name, visible) != 0;

    sl_buf_init(&text, 0);
    if (!c->exact_name && (renamed || c->id || c->source_type)) {
        sl_buf_adds(&text, c->name);
        if (c->source_type || c->id)
            sl_buf_addf(&text, " (%s%s%s)", c->source_type ? c->source_type : "",
                        c->source_type && c->id ? ", " : "", c->id ? c->id : "");
    }
    if (c->comment && *c->comment) sl_buf_addf(&text, "%s%s", text.len ? ": " : "", c->comment);
    if (text.len) sl_json_kv_str(w, "comment", sl_buf_str(&text));

    bool good = !sl_buf_failed(&text);
    sl_buf_release(&text);
    return good;
}

/* physical: NULL without column mapping. False: no memory. (The writer remembers its own
 * failures.) */
static bool put_field(struct sl_json_writer *w, const struct sl_schema_column *column,
                      const char *physical)
{
    const struct sl_column *c = column->source;
    bool good = true;

    sl_json_begin_object(w);
    sl_json_kv_str(w, "name", column->name);
    sl_json_key(w, "type");
    sl_delta_type_put(w, column->type, physical != NULL);
    sl_json_kv_bool(w, "nullable", !column->key);
    sl_json_key(w, "metadata");
    sl_json_begin_object(w);
    if (c) {
        good = put_comment(w, c, column->name);
        if (c->id) sl_json_kv_str(w, SL_META_ID, c->id);
        sl_json_kv_str(w, SL_META_NAME, c->name);
        if (c->source_type) sl_json_kv_str(w, SL_META_TYPE, c->source_type);
    }
    if (physical) sl_json_kv_str(w, SL_META_PHYSICAL, physical);
    sl_json_end_object(w);
    sl_json_end_object(w);
    return good;
}

static void plain_physical(const struct sl_schema_column *column, char out[SL_PHYSICAL_MAX])
{
    const char *id = column->source ? column->source->id : NULL;

    sl_delta_physical(id && *id ? id : column->name, out);
}

static enum sl_code take_text(struct sl_json_writer *w, char **out, struct sl_error *error)
{
    size_t len = 0;
    const char *text = w ? sl_json_writer_text(w, &len) : NULL;

    *out = text ? sl_strndup(text, len) : NULL;
    if (!*out) return sl_fail(error, SL_NO_MEMORY, "could not write the table's schema");
    return SL_OK;
}

enum sl_code sl_schema_delta_json(const struct sl_schema *schema, bool physical_ids, char **out,
                                  struct sl_error *error)
{
    struct sl_json_writer *w = sl_json_writer_new();
    bool good = true;
    enum sl_code rc;

    *out = NULL;
    if (!w) return sl_fail(error, SL_NO_MEMORY, "could not write the table's schema");
    sl_json_begin_object(w);
    sl_json_kv_str(w, "type", "struct");
    sl_json_key(w, "fields");
    sl_json_begin_array(w);
    for (size_t i = 0; i < schema->count; i++) {
        char physical[SL_PHYSICAL_MAX];

        plain_physical(&schema->columns[i], physical);
        good &= put_field(w, &schema->columns[i], physical_ids ? physical : NULL);
    }
    sl_json_end_array(w);
    sl_json_end_object(w);
    rc = take_text(good ? w : NULL, out, error);
    sl_json_writer_free(w);
    return rc;
}

/* ------------------------------------------------------------------ comparing */

/* Columns of ours have one type for ever; a field with another type has another column. */
static enum sl_code wrong_type(const struct sl_schema_column *column, const struct sl_json *has,
                               struct sl_error *error)
{
    struct sl_buf is, wants;

    sl_buf_init(&is, 0);
    sl_buf_init(&wants, 0);
    sl_delta_type_sql(has, &is);
    sl_type_sql(column->type, &wants);
    sl_fail(error, SL_UNSUPPORTED,
            "column '%s' is %s in the table, but would be %s now: sluice does not change the type "
            "of a column",
            column->name, sl_buf_str(&is), sl_buf_str(&wants));
    sl_error_hint(error, "Put sequence_by back to what it was, or land in another "
                         "destination_table.");
    sl_buf_release(&is);
    sl_buf_release(&wants);
    return SL_UNSUPPORTED;
}

static const struct sl_existing_field *find_field(const struct sl_existing *existing,
                                                  const char *name)
{
    for (size_t i = 0; i < existing->count; i++)
        if (sl_name_same(existing->fields[i].name, name)) return &existing->fields[i];
    return NULL;
}

static bool is_taken(const struct sl_existing *existing, const char *physical)
{
    for (size_t i = 0; i < existing->count; i++)
        if (strcmp(existing->fields[i].physical, physical) == 0) return true;
    return false;
}

/* A field that is in the table under another type has its id as a physical name already. */
static void free_physical(const struct sl_existing *existing, const struct sl_schema_column *column,
                          char out[SL_PHYSICAL_MAX])
{
    plain_physical(column, out);
    for (unsigned n = 0; is_taken(existing, out); n++) {
        char longer[2 * SL_PHYSICAL_MAX];

        snprintf(longer, sizeof longer, "%.255s_%u_%.255s", column->name, n,
                 column->source && column->source->id ? column->source->id : "");
        sl_delta_physical(longer, out);
    }
}

static enum sl_code write_missing(const struct sl_schema *schema,
                                  const struct sl_existing *existing, bool physical_ids,
                                  struct sl_json_writer *w, size_t *count, struct sl_error *error)
{
    sl_json_begin_array(w);
    for (size_t i = 0; i < schema->count; i++) {
        struct sl_schema_column column = schema->columns[i];
        const struct sl_existing_field *field = find_field(existing, column.name);
        char physical[SL_PHYSICAL_MAX];

        if (field && !sl_delta_type_is(field->type, column.type))
            return wrong_type(&column, field->type, error);
        if (field) continue;
        column.key = false; /* rows that are there already have no value: it must be nullable */
        free_physical(existing, &column, physical);
        if (!put_field(w, &column, physical_ids ? physical : NULL))
            return sl_fail(error, SL_NO_MEMORY, "could not write the table's schema");
        ++*count;
    }
    sl_json_end_array(w);
    return SL_OK;
}

enum sl_code sl_schema_delta_missing(const struct sl_schema *schema, const char *existing,
                                     bool physical_ids, char **out, struct sl_error *error)
{
    struct sl_json_writer *w = sl_json_writer_new();
    struct sl_arena arena;
    struct sl_existing fields = {0};
    size_t count = 0;
    enum sl_code rc;

    *out = NULL;
    sl_arena_init(&arena, 0);
    rc = w ? sl_existing_read(existing, &arena, &fields, error)
           : sl_fail(error, SL_NO_MEMORY, "could not compare the table's schema");
    if (!rc) rc = write_missing(schema, &fields, physical_ids, w, &count, error);
    if (!rc && count > 0) rc = take_text(w, out, error);
    if (rc) sl_error_context(error, "table '%s'", schema->def->name);
    sl_existing_release(&fields);
    sl_arena_release(&arena);
    sl_json_writer_free(w);
    return rc;
}
