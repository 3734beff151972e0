#include "table/schema.h"

#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "json/doc.h"
#include "options/options.h"
#include "table/existing.h"
#include "table/names.h"

struct owned_schema {
    struct sl_schema schema; /* first: the handle */
    struct sl_arena arena;
};

/* ------------------------------------------------------------------ copying */

static bool copy_text(const char **text, struct sl_arena *arena)
{
    if (!*text) return true;
    *text = sl_arena_strdup(arena, *text);
    return *text != NULL;
}

static bool copy_type(struct sl_type *type, struct sl_arena *arena)
{
    if (type->member_count == 0) {
        type->members = NULL;
        return true;
    }

    struct sl_member *members = SL_ARENA_ARRAY(arena, struct sl_member, type->member_count);
    if (!members) return false;
    for (size_t i = 0; i < type->member_count; i++) {
        members[i] = type->members[i];
        if (!copy_text(&members[i].name, arena) || !copy_type(&members[i].type, arena))
            return false;
    }
    type->members = members;
    return true;
}

static bool copy_column(struct sl_column *column, struct sl_arena *arena)
{
    for (size_t i = 0; i < SL_PATH_MAX && column->path[i]; i++)
        if (!copy_text(&column->path[i], arena)) return false;
    return copy_text(&column->name, arena) && copy_text(&column->id, arena) &&
           copy_text(&column->source_type, arena) && copy_text(&column->comment, arena) &&
           copy_type(&column->type, arena);
}

static bool copy_list(const char *const **list, struct sl_arena *arena)
{
    size_t count = 0;

    if (!*list) return true;
    while ((*list)[count]) count++;

    const char **copy = SL_ARENA_ARRAY(arena, const char *, count + 1);
    if (!copy) return false;
    for (size_t i = 0; i < count; i++) {
        copy[i] = (*list)[i];
        if (!copy_text(&copy[i], arena)) return false;
    }
    *list = copy;
    return true;
}

const struct sl_table_def *sl_table_def_copy(const struct sl_table_def *def, struct sl_arena *arena)
{
    struct sl_table_def *copy = SL_ARENA_NEW(arena, struct sl_table_def);
    struct sl_column *columns = SL_ARENA_ARRAY(arena, struct sl_column, def->column_count + 1);

    if (!copy || !columns) return NULL;
    *copy = *def;
    for (size_t i = 0; i < def->column_count; i++) {
        columns[i] = def->columns[i];
        if (!copy_column(&columns[i], arena)) return NULL;
    }
    copy->columns = columns;
    if (!copy_text(&copy->name, arena) || !copy_text(&copy->namespace_, arena) ||
        !copy_text(&copy->id, arena) || !copy_text(&copy->comment, arena) ||
        !copy_text(&copy->cursor, arena) || !copy_text(&copy->state, arena) ||
        !copy_text(&copy->excluded, arena) || !copy_list(&copy->primary_key, arena) ||
        !copy_list(&copy->strict_objects, arena))
        return NULL;
    return copy;
}

/* ------------------------------------------------------------------ building */

/* What is known while a schema is made: one entry per column of the definition. */
struct plan {
    const struct sl_table_def *def;
    const struct sl_schema_options *options;
    struct sl_arena *arena;
    struct sl_existing existing; /* what the table has; empty when it is new */
    struct sl_naming *names;
    bool *wanted;
    size_t *keys;
    size_t key_count;
    struct sl_error *error;
};

static bool find_id(const struct plan *plan, const char *id, size_t *out)
{
    const struct sl_table_def *def = plan->def;

    for (size_t i = 0; i < def->column_count; i++)
        if (def->columns[i].id && strcmp(def->columns[i].id, id) == 0) {
            *out = i;
            return true;
        }
    return false;
}

/* Index of the column that is called so now. A name of the source wins over a visible name, which
 * may be another field's original one. */
static bool find_now(const struct plan *plan, const char *name, size_t *out)
{
    const struct sl_table_def *def = plan->def;

    for (size_t i = 0; i < def->column_count; i++)
        if (strcmp(def->columns[i].name, name) == 0) {
            *out = i;
            return true;
        }
    for (size_t i = 0; i < def->column_count; i++)
        if (sl_name_same(plan->names[i].visible, name)) {
            *out = i;
            return true;
        }
    return false;
}

/* Index of the column that landed under that name, in the source or in the table, whatever the
 * source calls it now. Only an id can tell. */
static bool find_landed(const struct plan *plan, const char *name, size_t *out)
{
    for (int visible = 0; visible <= 1; visible++)
        for (size_t i = 0; i < plan->existing.count; i++) {
            const struct sl_existing_field *field = &plan->existing.fields[i];
            bool same = visible ? sl_name_same(field->name, name)
                                : field->source && strcmp(field->source, name) == 0;

            if (same && field->id && find_id(plan, field->id, out)) return true;
        }
    return false;
}

/*
 * Which columns does a name in the spec mean? An id: that one. Else the one that landed under the
 * name, which stays the same one through every renaming; else the one that is called so now. When
 * these are two, a newer field took the name of a renamed one: `all` asks for both.
 */
static size_t find_columns(const struct plan *plan, const char *name, bool all, size_t out[2])
{
    size_t count = 0;

    if (find_id(plan, name, &out[0])) return 1;
    count += find_landed(plan, name, &out[count]);
    if (count == 0 || all) count += find_now(plan, name, &out[count]);
    return count;
}

static enum sl_code unknown_column(const struct plan *plan, const char *what, const char *name)
{
    const struct sl_table_def *def = plan->def;
    const char **candidates = SL_ARENA_ARRAY(plan->arena, const char *, 2 * def->column_count + 1);
    const char *near = NULL;

    if (candidates) {
        for (size_t i = 0; i < def->column_count; i++) {
            candidates[2 * i] = def->columns[i].name;
            candidates[2 * i + 1] = plan->names[i].visible;
        }
        near = sl_nearest(name, candidates);
    }
    sl_fail(plan->error, SL_BAD_SPEC, "%s: table '%s' has no column '%s'", what, def->name, name);
    if (plan->existing.count > 0)
        sl_error_hint(plan->error,
                      "%s%s%sIf the field was renamed in the source: its id is a name that never "
                      "changes; `sluice discover` lists ids.",
                      near ? "Did you mean '" : "", near ? near : "", near ? "'? " : "");
    else if (near)
        sl_error_hint(plan->error, "Did you mean '%s'?", near);
    else
        sl_error_hint(plan->error, "Columns go by their name in the source, their name in the "
                                   "table, or their id; `sluice discover` lists them.");
    return SL_BAD_SPEC;
}

static void add_once(size_t column, size_t *list, size_t *count)
{
    for (size_t i = 0; i < *count; i++)
        if (list[i] == column) return;
    list[(*count)++] = column;
}

/* The columns that a list of the spec names; *out has room for all columns. all: see find_columns. */
static enum sl_code resolve(const struct plan *plan, const char *what, const struct sl_json *list,
                            bool all, size_t *out, size_t *count)
{
    *count = 0;
    if (sl_json_kind(list) != SL_JSON_ARRAY)
        return sl_fail(plan->error, SL_BAD_SPEC, "%s: expected an array of column names, got %s",
                       what, sl_json_kind_name(sl_json_kind(list)));
    for (struct sl_json_each e = sl_json_each(list); sl_json_next(&e);) {
        const char *name = sl_json_str(e.value);
        size_t found[2], found_count;

        if (!name)
            return sl_fail(plan->error, SL_BAD_SPEC, "%s: expected a column name, got %s", what,
                           sl_json_kind_name(sl_json_kind(e.value)));
        found_count = find_columns(plan, name, all, found);
        if (found_count == 0) return unknown_column(plan, what, name);
        for (size_t i = 0; i < found_count; i++) add_once(found[i], out, count);
    }
    return SL_OK;
}

static enum sl_code check_key(const struct plan *plan, size_t column)
{
    const struct sl_column *c = &plan->def->columns[column];

    switch (c->type.kind) {
    case SL_TYPE_ARRAY:
    case SL_TYPE_STRUCT:
    case SL_TYPE_MAP:
    case SL_TYPE_BINARY:
        return sl_fail(plan->error, SL_BAD_SPEC,
                       "primary_keys: column '%s' of table '%s' cannot be a key: its type does not "
                       "compare",
                       c->name, plan->def->name);
    default: return SL_OK;
    }
}

static enum sl_code choose_keys(struct plan *plan)
{
    const struct sl_table_def *def = plan->def;

    plan->keys = SL_ARENA_ARRAY(plan->arena, size_t, def->column_count + 1);
    if (!plan->keys)
        return sl_fail(plan->error, SL_NO_MEMORY, "could not plan table '%s'", def->name);
    if (plan->options->primary_keys) {
        enum sl_code rc = resolve(plan, "primary_keys", plan->options->primary_keys, false,
                                  plan->keys, &plan->key_count);
        if (rc) return rc;
    } else {
        for (size_t i = 0; def->primary_key && def->primary_key[i]; i++) {
            if (plan->key_count == def->column_count ||
                !find_now(plan, def->primary_key[i], &plan->keys[plan->key_count]))
                return sl_fail(plan->error, SL_BUG, "table '%s' has no key column '%s'", def->name,
                               def->primary_key[i]);
            plan->key_count++;
        }
    }
    for (size_t i = 0; i < plan->key_count; i++) {
        enum sl_code rc = check_key(plan, plan->keys[i]);
        if (rc) return rc;
    }
    return SL_OK;
}

/* Include: those, system columns and keys. Exclude: all but those; a key stays a key. */
static enum sl_code choose_columns(struct plan *plan)
{
    const struct sl_table_def *def = plan->def;
    const struct sl_schema_options *options = plan->options;
    size_t *found = SL_ARENA_ARRAY(plan->arena, size_t, def->column_count + 1);
    size_t count;
    enum sl_code rc;

    plan->wanted = SL_ARENA_ARRAY(plan->arena, bool, def->column_count + 1);
    if (!found || !plan->wanted)
        return sl_fail(plan->error, SL_NO_MEMORY, "could not plan table '%s'", def->name);
    for (size_t i = 0; i < def->column_count; i++)
        plan->wanted[i] = !options->include || def->columns[i].exact_name;
    if (options->include) {
        rc = resolve(plan, "include_columns", options->include, false, found, &count);
        if (rc) return rc;
        for (size_t i = 0; i < count; i++) plan->wanted[found[i]] = true;
    }
    if (options->exclude) {
        /* Leaving out one too many is better than letting in what was to stay out. */
        rc = resolve(plan, "exclude_columns", options->exclude, true, found, &count);
        if (rc) return rc;
        for (size_t i = 0; i < count; i++) plan->wanted[found[i]] = false;
    }
    for (size_t i = 0; i < plan->key_count; i++) {
        if (options->exclude && !plan->wanted[plan->keys[i]]) {
            for (size_t k = 0; k < count; k++)
                if (found[k] == plan->keys[i])
                    return sl_fail(plan->error, SL_BAD_SPEC,
                                   "exclude_columns: '%s' is a key of table '%s'",
                                   def->columns[plan->keys[i]].name, def->name);
        }
        plan->wanted[plan->keys[i]] = true;
    }
    return SL_OK;
}

static const struct sl_type string_type = {.kind = SL_TYPE_STRING};
static const struct sl_type timestamp_type = {.kind = SL_TYPE_TIMESTAMP};

/* System columns, visible columns in the source's order, then ours. */
static enum sl_code fill_schema(struct plan *plan, struct sl_schema *schema)
{
    const struct sl_table_def *def = plan->def;
    size_t *place = SL_ARENA_ARRAY(plan->arena, size_t, def->column_count + 1);
    struct sl_schema_column *columns =
        SL_ARENA_ARRAY(plan->arena, struct sl_schema_column, def->column_count + 2);
    size_t *keys = SL_ARENA_ARRAY(plan->arena, size_t, plan->key_count + 1);
    size_t count = 0;

    if (!place || !columns || !keys)
        return sl_fail(plan->error, SL_NO_MEMORY, "could not plan table '%s'", def->name);
    for (int system = 1; system >= 0; system--)
        for (size_t i = 0; i < def->column_count; i++) {
            if (def->columns[i].exact_name != (system == 1) || !plan->wanted[i]) continue;
            place[i] = count;
            columns[count++] = (struct sl_schema_column){.name = plan->names[i].visible,
                                                         .source = &def->columns[i],
                                                         .type = &def->columns[i].type};
        }
    for (size_t i = 0; i < plan->key_count; i++) {
        keys[i] = place[plan->keys[i]];
        columns[keys[i]].key = true;
    }
    schema->rescued = count;
    columns[count++] = (struct sl_schema_column){.name = "_rescued_data", .type = &string_type};
    schema->ingested = count;
    columns[count++] = (struct sl_schema_column){.name = "_ingested_at", .type = &timestamp_type};
    schema->columns = columns;
    schema->count = count;
    schema->keys = keys;
    schema->key_count = plan->key_count;
    schema->own_sequence = schema->start = schema->end = SL_NO_COLUMN;
    return SL_OK;
}

/* ------------------------------------------------------------------ names */

static enum sl_code name_columns(struct plan *plan)
{
    const struct sl_table_def *def = plan->def;
    const struct sl_schema_options *options = plan->options;
    const char **taken = NULL;
    size_t taken_count = 0;
    enum sl_code rc = SL_NO_MEMORY;

    if (options->existing_schema_json) {
        rc = sl_existing_read(options->existing_schema_json, plan->arena, &plan->existing,
                              plan->error);
        if (rc) goto out;
    }
    rc = SL_NO_MEMORY;
    plan->names = SL_ARENA_ARRAY(plan->arena, struct sl_naming, def->column_count + 1);
    taken = SL_ARENA_ARRAY(plan->arena, const char *, plan->existing.count + 2);
    if (!plan->names || !taken) goto out;
    for (size_t i = 0; i < def->column_count; i++) {
        const struct sl_column *c = &def->columns[i];

        plan->names[i] = (struct sl_naming){.name = c->name, .id = c->id};
        rc = sl_existing_claim(&plan->existing, c, options->names, options->physical_ids,
                               &plan->names[i].fixed);
        if (rc) goto out;
        if (c->exact_name) plan->names[i].fixed = c->name;
    }
    for (size_t i = 0; i < plan->existing.count; i++)
        if (!plan->existing.fields[i].claimed) taken[taken_count++] = plan->existing.fields[i].name;
    /* Ours: no field's name starts with '_', so they need not be among the taken ones. */
    rc = sl_names_assign(plan->names, def->column_count, taken, taken_count, options->names,
                         options->physical_ids, plan->arena, plan->error);
    if (rc) sl_error_context(plan->error, "table '%s'", def->name);
    return rc;

out:
    if (rc == SL_NO_MEMORY)
        sl_fail(plan->error, rc, "could not name the columns of table '%s'", def->name);
    return rc;
}

enum sl_code sl_schema_new(const struct sl_table_def *def, const struct sl_schema_options *options,
                           struct sl_schema **out, struct sl_error *error)
{
    static const struct sl_schema_options none = {0};
    struct owned_schema *owned;
    struct plan plan = {.options = options ? options : &none, .error = error};
    enum sl_code rc;

    *out = NULL;
    if (def->column_count > SL_COLUMNS_MAX)
        return sl_fail(error, SL_TOO_LARGE, "table '%s' has %zu columns, the most is %d", def->name,
                       def->column_count, SL_COLUMNS_MAX);
    owned = sl_calloc(1, sizeof *owned);
    if (!owned) return sl_fail(error, SL_NO_MEMORY, "could not plan table '%s'", def->name);
    sl_arena_init(&owned->arena, 0);
    owned->schema.arena = plan.arena = &owned->arena;
    owned->schema.def = plan.def = sl_table_def_copy(def, plan.arena);
    rc = plan.def ? SL_OK : sl_fail(error, SL_NO_MEMORY, "could not copy table '%s'", def->name);
    if (!rc) rc = name_columns(&plan);
    if (!rc) rc = choose_keys(&plan);
    if (!rc) rc = choose_columns(&plan);
    if (!rc) rc = fill_schema(&plan, &owned->schema);
    if (rc)
        sl_schema_free(&owned->schema);
    else
        *out = &owned->schema;
    return rc;
}

void sl_schema_free(struct sl_schema *schema)
{
    if (!schema) return;
    sl_arena_release(schema->arena); /* the arena itself is part of the handle */
    sl_free(schema);
}
