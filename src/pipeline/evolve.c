#include "pipeline/evolve.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "json/doc.h"
#include "pipeline/evolve_parts.h"

void sl_evolve_say(struct sl_evolve_work *w, enum sl_note level, const char *format, ...)
{
    struct sl_evolution *out = w->out;
    struct sl_buf text;
    va_list args;
    const char *copy;

    if (out->note_count == w->note_room) {
        size_t room = w->note_room ? 2 * w->note_room : 16;
        struct sl_evolve_note *more = SL_ARENA_ARRAY(&out->arena, struct sl_evolve_note, room);

        if (!more) {
            w->no_memory = true;
            return;
        }
        if (out->note_count > 0) memcpy(more, w->notes, out->note_count * sizeof *more);
        out->notes = w->notes = more;
        w->note_room = room;
    }
    sl_buf_init(&text, 0);
    va_start(args, format);
    sl_buf_vaddf(&text, format, args);
    va_end(args);
    copy = sl_buf_failed(&text) ? NULL : sl_arena_strdup(&out->arena, sl_buf_str(&text));
    sl_buf_release(&text);
    if (copy)
        w->notes[out->note_count++] = (struct sl_evolve_note){level, copy};
    else
        w->no_memory = true;
}

static bool is_mapping(const char *mode)
{
    return mode && (strcmp(mode, "name") == 0 || strcmp(mode, "id") == 0);
}

static bool was_landed(const struct sl_existing *existing, const struct sl_column *column)
{
    for (size_t i = 0; i < existing->count; i++) {
        const struct sl_existing_field *field = &existing->fields[i];

        if (column->id ? field->id && strcmp(field->id, column->id) == 0
                       : !field->id && field->source && strcmp(field->source, column->name) == 0)
            return true;
    }
    return false;
}

static bool is_there(const struct sl_existing *existing, const char *name)
{
    for (size_t i = 0; i < existing->count; i++)
        if (strcmp(existing->fields[i].name, name) == 0) return true;
    return false;
}

/* What is new in this run. */
static void note_new_columns(struct sl_evolve_work *w)
{
    struct sl_buf type;

    sl_buf_init(&type, 0);
    for (size_t i = 0; i < w->schema->count; i++) {
        const struct sl_schema_column *column = &w->schema->columns[i];

        if (is_there(&w->existing, column->name)) continue;
        sl_buf_reset(&type);
        sl_type_sql(column->type, &type);
        if (!column->source)
            sl_evolve_say(w, SL_NOTE_INFO, "new column '%s' (%s)", column->name, sl_buf_str(&type));
        else
            sl_evolve_say(w, SL_NOTE_INFO, "%s field '%s': column '%s' (%s)",
                          was_landed(&w->existing, column->source) ? "converted" : "new",
                          column->source->name, column->name, sl_buf_str(&type));
    }
    w->no_memory |= sl_buf_failed(&type);
    sl_buf_release(&type);
}

/* What is to be altered first. */
static enum sl_code plan_alter(struct sl_evolve_work *w, const struct sl_json *has,
                               struct sl_error *error)
{
    struct sl_evolution *out = w->out;
    bool upgrade = false, renames = false;
    enum sl_code rc = SL_OK;

    sl_evolve_properties(w, has, &upgrade);
    /* Physical names come with the upgrade: what is written of fields waits for them. */
    if (!upgrade) rc = sl_evolve_fields(w, &renames, error);
    if (renames)
        out->operation = "RENAME COLUMN";
    else if (out->schema_json)
        out->operation = "CHANGE COLUMN";
    else if (out->set_count > 0)
        out->operation = "SET TBLPROPERTIES";
    return rc;
}

static enum sl_code evolve_table(struct sl_evolve_work *w, const struct sl_json *has,
                                 struct sl_error *error)
{
    struct sl_evolution *out = w->out;
    enum sl_code rc = sl_existing_read(w->in->schema_json, &out->arena, &w->existing, error);

    if (!rc) out->holds_history = is_there(&w->existing, "__START_AT");
    if (!rc) rc = plan_alter(w, has, error);
    if (rc || out->operation) return rc;
    sl_evolve_say_kept(w, has);
    rc =
        sl_schema_delta_missing(w->schema, w->in->schema_json, w->mapped, &out->add_columns, error);
    if (rc || !out->add_columns) return rc;
    out->full_read_due = true; /* rows that are there lack what is new */
    note_new_columns(w);
    return SL_OK;
}

enum sl_code sl_evolve(const struct sl_evolve_input *input, struct sl_evolution *out,
                       struct sl_error *error)
{
    struct sl_evolve_work w = {.in = input, .out = out};
    struct sl_schema_options options = *input->options;
    struct sl_doc *doc = NULL;
    const struct sl_json *has = NULL;
    enum sl_code rc = SL_OK;

    *out = (struct sl_evolution){0};
    if (input->properties_json) {
        doc = sl_doc_new(0);
        rc = doc ? sl_doc_parse(doc, input->properties_json, strlen(input->properties_json), &has,
                                error)
                 : sl_fail(error, SL_NO_MEMORY, "could not read the table's properties");
    }
    w.mapped = is_mapping(sl_json_str(
        sl_json_get(input->schema_json ? has : input->wanted, "delta.columnMapping.mode")));
    out->physical_ids = options.physical_ids = w.mapped;
    options.existing_schema_json = input->schema_json;
    if (!rc) rc = sl_schema_new(input->def, &options, &w.schema, error);
    if (!rc && input->schema_json) rc = evolve_table(&w, has, error);
    if (!rc && w.no_memory)
        rc = sl_fail(error, SL_NO_MEMORY, "could not compare table '%s' with its source",
                     input->def->name);
    if (!rc && !out->operation) {
        out->schema = w.schema;
        w.schema = NULL;
    }
    sl_schema_free(w.schema);
    sl_existing_release(&w.existing);
    sl_doc_free(doc);
    return rc;
}

void sl_evolution_release(struct sl_evolution *evolution)
{
    sl_schema_free(evolution->schema);
    sl_free(evolution->add_columns);
    sl_arena_release(&evolution->arena);
    *evolution = (struct sl_evolution){0};
}
