#include "table/existing.h"

#include <string.h>

#include "base/buf.h"
#include "json/doc.h"
#include "table/names.h"

static bool keep(const struct sl_json *text, struct sl_arena *arena, const char **out)
{
    *out = sl_json_str(text);
    if (*out) *out = sl_arena_strdup(arena, *out);
    return *out || !sl_json_str(text);
}

static enum sl_code read_fields(const struct sl_json *fields, struct sl_arena *arena,
                                struct sl_existing *out, struct sl_error *error)
{
    out->fields = SL_ARENA_ARRAY(arena, struct sl_existing_field, sl_json_len(fields) + 1);
    if (!out->fields) return sl_fail(error, SL_NO_MEMORY, "could not read the table's schema");
    for (struct sl_json_each e = sl_json_each(fields); sl_json_next(&e);) {
        struct sl_existing_field *field = &out->fields[out->count];
        const struct sl_json *metadata = sl_json_get(e.value, "metadata");

        if (!keep(sl_json_get(e.value, "name"), arena, &field->name) ||
            !keep(sl_json_get(metadata, "sluice.id"), arena, &field->id) ||
            !keep(sl_json_get(metadata, "sluice.name"), arena, &field->source))
            return sl_fail(error, SL_NO_MEMORY, "could not read the table's schema");
        if (!field->name)
            return sl_fail(error, SL_BAD_DATA, "the table's schema has a column without a name");
        out->count++;
    }
    return SL_OK;
}

enum sl_code sl_existing_read(const char *schema_json, struct sl_arena *arena,
                              struct sl_existing *out, struct sl_error *error)
{
    struct sl_doc *doc = sl_doc_new(0);
    const struct sl_json *root, *fields;
    enum sl_code rc;

    *out = (struct sl_existing){0};
    if (!doc) return sl_fail(error, SL_NO_MEMORY, "could not read the table's schema");
    rc = sl_doc_parse_copy(doc, schema_json, strlen(schema_json), &root, error);
    if (rc) {
        sl_error_context(error, "the table's schema");
        goto out;
    }
    fields = sl_json_get(root, "fields");
    if (sl_json_kind(fields) != SL_JSON_ARRAY) {
        rc = sl_fail(error, SL_BAD_DATA, "the table's schema has no fields");
        goto out;
    }
    rc = read_fields(fields, arena, out, error);

out:
    sl_doc_free(doc);
    return rc;
}

/* plain: the column's name before any suffix. */
static bool is_field(const struct sl_existing_field *field, const struct sl_column *column,
                     const char *plain)
{
    if (field->id) return column->id && strcmp(field->id, column->id) == 0;
    if (column->exact_name) return strcmp(field->name, column->name) == 0;
    if (field->source) return !column->id && strcmp(field->source, column->name) == 0;
    return sl_name_same(field->name, plain);
}

enum sl_code sl_existing_claim(struct sl_existing *existing, const struct sl_column *column,
                               enum sl_names how, bool any_char, const char **name)
{
    struct sl_existing_field *found = NULL;
    struct sl_buf plain;
    enum sl_code rc = SL_OK;

    *name = NULL;
    sl_buf_init(&plain, 0);
    sl_name_plain(column->name, how, any_char, &plain);
    if (sl_buf_failed(&plain)) {
        rc = SL_NO_MEMORY;
        goto out;
    }
    for (size_t i = 0; i < existing->count; i++) {
        struct sl_existing_field *field = &existing->fields[i];

        /* The first that fits, but one with the right id before all others. */
        if (field->claimed || (found && (found->id || !field->id))) continue;
        if (is_field(field, column, sl_buf_str(&plain))) found = field;
    }
    if (found) {
        found->claimed = true;
        *name = found->name;
    }

out:
    sl_buf_release(&plain);
    return rc;
}
