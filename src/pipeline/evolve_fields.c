/*
 * evolve_fields.c: columns that are there, and what became of their fields.
 *
 * A field may have several columns, one for each type that it has had; one of them, or none, is
 * filled. All of them are called after the field: "amount", "amount_string".
 */
#include <string.h>

#include "base/buf.h"
#include "pipeline/evolve_parts.h"
#include "table/delta_type.h"
#include "table/names.h"

/* One column of the table. */
struct state {
    const struct sl_column *source; /* its field now; NULL: gone, or not ours */
    size_t first;                   /* the first column of that field */
    bool filled;                    /* by this run */
    bool key;
    /* what is to be written of it */
    const char *name;
    const char *gone, *renamed, *followed; /* NULL: none */
    bool nullable;
};

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_field(const struct sl_existing_field *a, const struct sl_existing_field *b)
{
    return a->id || b->id ? same_text(a->id, b->id) : same_text(a->source, b->source);
}

static const struct sl_column *find_source(const struct sl_table_def *def,
                                           const struct sl_existing_field *field)
{
    for (size_t i = 0; i < def->column_count; i++) {
        const struct sl_column *c = &def->columns[i];

        if (field->id ? c->id && strcmp(c->id, field->id) == 0
                      : !c->id && strcmp(c->name, field->source) == 0)
            return c;
    }
    return NULL;
}

static void find_out(const struct sl_evolve_work *w, size_t i, struct state *states)
{
    const struct sl_existing_field *fields = w->existing.fields, *field = &fields[i];
    struct state *state = &states[i];

    *state = (struct state){.first = i,
                            .name = field->name,
                            .gone = field->gone,
                            .renamed = field->renamed,
                            .followed = field->followed,
                            .nullable = !field->not_null};
    for (size_t k = 0; k < w->schema->count; k++) {
        const struct sl_schema_column *column = &w->schema->columns[k];

        if (strcmp(column->name, field->name) != 0) continue;
        state->filled = true;
        state->key = column->key;
    }
    if (!field->source) return; /* nothing of ours, or a column of our own */
    state->source = find_source(w->in->def, field);
    for (size_t k = 0; k < i && state->first == i; k++)
        if (fields[k].source && same_field(&fields[k], field)) state->first = k;
}

/* ------------------------------------------------------------------ marks */

/* A source that shows no field at all has told nothing about fields. */
static bool shows_fields(const struct sl_table_def *def)
{
    for (size_t i = 0; i < def->column_count; i++)
        if (!def->columns[i].exact_name) return true;
    return false;
}

static const struct sl_schema_column *find_filled(const struct sl_schema *schema,
                                                  const struct sl_column *source)
{
    for (size_t i = 0; i < schema->count; i++) {
        const struct sl_column *c = schema->columns[i].source;

        if (c && (source->id ? same_text(c->id, source->id) : same_text(c->name, source->name)))
            return &schema->columns[i];
    }
    return NULL;
}

static void say_gone(struct sl_evolve_work *w, const struct sl_existing_field *field,
                     const struct sl_column *source)
{
    const char *called = field->renamed ? field->renamed : field->source;
    const struct sl_schema_column *other = source ? find_filled(w->schema, source) : NULL;
    struct sl_buf has, now;

    if (!other) {
        sl_evolve_say(w, SL_NOTE_INFO,
                      "field '%s' is %s: column '%s' is kept, new rows have NULL "
                      "there",
                      called, source ? "left out by the specification" : "gone in the source",
                      field->name);
        return;
    }
    sl_buf_init(&has, 0);
    sl_buf_init(&now, 0);
    sl_delta_type_sql(field->type, &has);
    sl_type_sql(other->type, &now);
    sl_evolve_say(w, SL_NOTE_WARNING,
                  "field '%s' is %s in the source now: column '%s' keeps the values it has as %s, "
                  "new ones go to a column of the new type",
                  called, sl_buf_str(&now), field->name, sl_buf_str(&has));
    sl_buf_release(&has);
    sl_buf_release(&now);
}

static void mark(struct sl_evolve_work *w, const struct sl_existing_field *field,
                 struct state *state, const char *now)
{
    if (state->filled && field->gone) {
        state->gone = NULL;
        w->out->full_read_due = true; /* what changed since went past this column */
        sl_evolve_say(w, SL_NOTE_INFO, "field '%s' is back: column '%s' is filled again",
                      field->renamed ? field->renamed : field->source, field->name);
    } else if (!state->filled && !field->gone && shows_fields(w->in->def)) {
        state->gone = now;
        say_gone(w, field, state->source);
    }
    /* Only a key must have values; NULL goes into what was one. */
    if (!state->key) state->nullable = true;
}

/* ------------------------------------------------------------------ names */

/* What comes after the name of the field's first column: "_string". "" when that is not how the
 * column is called. */
static const char *suffix_of(const struct sl_evolve_work *w, const struct state *states, size_t i)
{
    const struct sl_existing_field *fields = w->existing.fields;
    const char *first = fields[states[i].first].name;
    size_t len = strlen(first);

    if (states[i].first == i || strncmp(fields[i].name, first, len) != 0) return "";
    return fields[i].name[len] == '_' ? fields[i].name + len : "";
}

static const char *followed_name(struct sl_evolve_work *w, const struct state *states, size_t i)
{
    struct sl_buf name;
    const char *copy = NULL;

    sl_buf_init(&name, 0);
    sl_name_plain(states[i].source->name, w->in->options->names, true, &name);
    sl_buf_adds(&name, suffix_of(w, states, i));
    if (!sl_buf_failed(&name)) copy = sl_arena_strdup(&w->out->arena, sl_buf_str(&name));
    sl_buf_release(&name);
    return copy;
}

/* Is the field called otherwise than when its columns last followed? */
static bool must_follow(const struct sl_evolve_work *w, const struct state *states, size_t i)
{
    const struct sl_existing_field *first = &w->existing.fields[states[i].first];
    const struct sl_column *source = states[i].source;

    return w->mapped && !w->in->keep_names && source && !source->exact_name &&
           strcmp(source->name, first->followed ? first->followed : first->source) != 0;
}

/* All that follow get their names at once: two fields may have swapped theirs. */
static enum sl_code follow(struct sl_evolve_work *w, struct state *states, struct sl_error *error)
{
    size_t count = w->existing.count, following = 0;
    struct sl_naming *names = SL_ARENA_ARRAY(&w->out->arena, struct sl_naming, count + 1);
    enum sl_code rc;

    if (!names) return sl_fail(error, SL_NO_MEMORY, "could not name %zu columns", count);
    for (size_t i = 0; i < count; i++) {
        const struct sl_existing_field *field = &w->existing.fields[i];

        names[i] = (struct sl_naming){.name = field->name, .id = field->id, .fixed = field->name};
        if (!must_follow(w, states, i)) continue;
        names[i].fixed = NULL;
        names[i].base = followed_name(w, states, i);
        if (!names[i].base) return sl_fail(error, SL_NO_MEMORY, "could not name a column");
        following++;
    }
    if (following == 0) return SL_OK;
    rc = sl_names_assign(names, count, NULL, 0, w->in->options->names, true, &w->out->arena, error);
    if (rc) return rc;
    for (size_t i = 0; i < count; i++) {
        if (names[i].fixed) continue;
        states[i].name = names[i].visible;
        states[i].followed = states[i].source->name;
    }
    return SL_OK;
}

static void say_renamed(struct sl_evolve_work *w, const struct sl_existing_field *field,
                        const struct state *state)
{
    const char *called = field->renamed ? field->renamed : field->source;

    if (strcmp(field->name, state->name) != 0)
        sl_evolve_say(w, SL_NOTE_INFO, "field '%s' is called '%s' now: column '%s' became '%s'",
                      called, state->source->name, field->name, state->name);
    else if (state->filled && !same_text(field->renamed, state->renamed))
        sl_evolve_say(w, SL_NOTE_INFO,
                      "field '%s' is called '%s' now: its column keeps the name "
                      "'%s'",
                      called, state->source->name, field->name);
}

/* ------------------------------------------------------------------ the new schema */

static void put_meta(struct sl_json_writer *json, const char *key, const char *value)
{
    if (value) sl_json_kv_str(json, key, value);
}

static void put_metadata(struct sl_json_writer *json, const struct sl_json *metadata,
                         const struct state *state)
{
    sl_json_begin_object(json);
    for (struct sl_json_each e = sl_json_each(metadata); sl_json_next(&e);) {
        if (sl_json_eq(e.key, SL_META_GONE) || sl_json_eq(e.key, SL_META_RENAMED) ||
            sl_json_eq(e.key, SL_META_FOLLOWED))
            continue;
        sl_json_key(json, sl_json_str(e.key));
        sl_json_put_value(json, e.value);
    }
    put_meta(json, SL_META_RENAMED, state->renamed);
    put_meta(json, SL_META_FOLLOWED, state->followed);
    put_meta(json, SL_META_GONE, state->gone);
    sl_json_end_object(json);
}

static void put_field(struct sl_json_writer *json, const struct sl_json *field,
                      const struct state *state)
{
    sl_json_begin_object(json);
    for (struct sl_json_each e = sl_json_each(field); sl_json_next(&e);) {
        sl_json_key(json, sl_json_str(e.key));
        if (sl_json_eq(e.key, "name"))
            sl_json_put_str(json, state->name);
        else if (sl_json_eq(e.key, "nullable"))
            sl_json_put_bool(json, state->nullable);
        else if (sl_json_eq(e.key, "metadata"))
            put_metadata(json, e.value, state);
        else
            sl_json_put_value(json, e.value);
    }
    sl_json_end_object(json);
}

static enum sl_code write_schema(struct sl_evolve_work *w, const struct state *states,
                                 struct sl_error *error)
{
    struct sl_json_writer *json = sl_json_writer_new();
    const char *text = NULL;

    if (json) {
        sl_json_begin_object(json);
        sl_json_kv_str(json, "type", "struct");
        sl_json_key(json, "fields");
        sl_json_begin_array(json);
        for (size_t i = 0; i < w->existing.count; i++)
            put_field(json, w->existing.fields[i].json, &states[i]);
        sl_json_end_array(json);
        sl_json_end_object(json);
        text = sl_json_writer_text(json, NULL);
    }
    if (text) w->out->schema_json = sl_arena_strdup(&w->out->arena, text);
    sl_json_writer_free(json);
    return w->out->schema_json ? SL_OK
                               : sl_fail(error, SL_NO_MEMORY, "could not write the table's schema");
}

static bool differs(const struct sl_existing_field *field, const struct state *state)
{
    return !same_text(field->name, state->name) || !same_text(field->gone, state->gone) ||
           !same_text(field->renamed, state->renamed) ||
           !same_text(field->followed, state->followed) || field->not_null == state->nullable;
}

enum sl_code sl_evolve_fields(struct sl_evolve_work *w, bool *renames, struct sl_error *error)
{
    const struct sl_existing *existing = &w->existing;
    struct state *states = SL_ARENA_ARRAY(&w->out->arena, struct state, existing->count + 1);
    char now[SL_TIME_TEXT_MAX];
    bool changed = false;
    enum sl_code rc;

    if (!states)
        return sl_fail(error, SL_NO_MEMORY, "could not compare %zu columns", existing->count);
    sl_time_format_us(w->in->now_us, now);
    for (size_t i = 0; i < existing->count; i++) {
        const struct sl_existing_field *field = &existing->fields[i];

        find_out(w, i, states);
        if (!field->source) continue;
        mark(w, field, &states[i], now);
        if (states[i].source)
            states[i].renamed =
                strcmp(states[i].source->name, field->source) == 0 ? NULL : states[i].source->name;
    }
    rc = follow(w, states, error);
    if (rc) return rc;
    for (size_t i = 0; i < existing->count; i++) {
        const struct sl_existing_field *field = &existing->fields[i];

        if (field->source && states[i].source) say_renamed(w, field, &states[i]);
        *renames |= strcmp(field->name, states[i].name) != 0;
        changed |= differs(field, &states[i]);
    }
    return changed ? write_schema(w, states, error) : SL_OK;
}
