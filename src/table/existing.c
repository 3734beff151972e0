#include "table/existing.h"

#include <string.h>

#include "base/buf.h"
#include "json/doc.h"
#include "table/delta_type.h"
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
            !keep(sl_json_get(metadata, SL_META_ID), arena, &field->id) ||
            !keep(sl_json_get(metadata, SL_META_NAME), arena, &field->source) ||
            !keep(sl_json_get(metadata, SL_META_RENAMED), arena, &field->renamed) ||
            !keep(sl_json_get(metadata, SL_META_FOLLOWED), arena, &field->followed) ||
            !keep(sl_json_get(metadata, SL_META_GONE), arena, &field->gone) ||
            !keep(sl_json_get(metadata, SL_META_PHYSICAL), arena, &field->physical))
            return sl_fail(error, SL_NO_MEMORY, "could not read the table's schema");
        if (!field->name)
            return sl_fail(error, SL_BAD_DATA, "the table's schema has a column without a name");
        if (!field->physical) field->physical = field->name;
        field->json = e.value;
        field->type = sl_json_get(e.value, "type");
        field->not_null = sl_json_kind(sl_json_get(e.value, "nullable")) == SL_JSON_BOOL &&
                          !sl_json_true(sl_json_get(e.value, "nullable"));
        out->count++;
    }
    return SL_OK;
}

enum sl_code sl_existing_read(const char *schema_json, struct sl_arena *arena,
                              struct sl_existing *out, struct sl_error *error)
{
    const struct sl_json *root, *fields;
    enum sl_code rc;

    *out = (struct sl_existing){.doc = sl_doc_new(0)};
    if (!out->doc) return sl_fail(error, SL_NO_MEMORY, "could not read the table's schema");
    rc = sl_doc_parse_copy(out->doc, schema_json, strlen(schema_json), &root, error);
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
    if (rc) sl_existing_release(out);
    return rc;
}

void sl_existing_release(struct sl_existing *existing)
{
    sl_doc_free(existing->doc);
    *existing = (struct sl_existing){0};
}

/* plain: the column's name before any suffix. */
static bool is_field(const struct sl_existing_field *field, const struct sl_column *column,
                     const char *plain)
{
    if (field->id) return column->id && strcmp(field->id, column->id) == 0;
    if (field->source) return !column->id && strcmp(field->source, column->name) == 0;
    return column->exact_name ? strcmp(field->name, column->name) == 0
                              : sl_name_same(field->name, plain);
}

bool sl_existing_claim(struct sl_existing *existing, const struct sl_column *column,
                       enum sl_names how, bool any_char, struct sl_claim *out)
{
    struct sl_existing_field *found = NULL, *first = NULL;
    struct sl_buf plain;
    bool good;

    *out = (struct sl_claim){0};
    sl_buf_init(&plain, 0);
    sl_name_plain(column->name, how, any_char, &plain);
    good = !sl_buf_failed(&plain);
    for (size_t i = 0; good && i < existing->count; i++) {
        struct sl_existing_field *field = &existing->fields[i];

        if (field->claimed || !is_field(field, column, sl_buf_str(&plain))) continue;
        if (!first || (field->id && !first->id)) { /* an id is worth more than a name */
            first = field;
            found = NULL;
        } else if (!field->id && first->id) {
            continue;
        }
        if (!found && sl_delta_type_is(field->type, &column->type)) found = field;
    }
    if (found) {
        found->claimed = true;
        out->name = found->name;
    } else if (first) {
        out->other = first->name;
    }
    sl_buf_release(&plain);
    return good;
}
