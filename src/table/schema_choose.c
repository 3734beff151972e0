/* schema_choose.c: which columns the lists of a specification mean. */
#include "table/schema_plan.h"

#include <string.h>

#include "json/doc.h"
#include "options/options.h"

static bool find_id(const struct sl_schema_plan *plan, const char *id, size_t *out)
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
static bool find_now(const struct sl_schema_plan *plan, const char *name, size_t *out)
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
static bool find_landed(const struct sl_schema_plan *plan, const char *name, size_t *out)
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
static size_t find_columns(const struct sl_schema_plan *plan, const char *name, bool all,
                           size_t out[2])
{
    size_t count = 0;

    if (find_id(plan, name, &out[0])) return 1;
    count += find_landed(plan, name, &out[count]);
    if (count == 0 || all) count += find_now(plan, name, &out[count]);
    return count;
}

static enum sl_code unknown_column(const struct sl_schema_plan *plan, const char *what,
                                   const char *name)
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

static enum sl_code resolve_one(const struct sl_schema_plan *plan, const char *what,
                                const struct sl_json *value, bool all, size_t *out, size_t *count)
{
    const char *name = sl_json_str(value);
    size_t found[2], found_count;

    if (!name)
        return sl_fail(plan->error, SL_BAD_SPEC, "%s: expected a column name, got %s", what,
                       sl_json_kind_name(sl_json_kind(value)));
    found_count = find_columns(plan, name, all, found);
    if (found_count == 0) return unknown_column(plan, what, name);
    for (size_t i = 0; i < found_count; i++) add_once(found[i], out, count);
    return SL_OK;
}

/* The columns that a list of the spec (or one string) names; *out has room for all columns. all:
 * see find_columns. */
static enum sl_code resolve(const struct sl_schema_plan *plan, const char *what,
                            const struct sl_json *list, bool all, size_t *out, size_t *count)
{
    enum sl_code rc = SL_OK;

    *count = 0;
    if (sl_json_kind(list) == SL_JSON_STRING) return resolve_one(plan, what, list, all, out, count);
    if (sl_json_kind(list) != SL_JSON_ARRAY)
        return sl_fail(plan->error, SL_BAD_SPEC, "%s: expected an array of column names, got %s",
                       what, sl_json_kind_name(sl_json_kind(list)));
    for (struct sl_json_each e = sl_json_each(list); !rc && sl_json_next(&e);)
        rc = resolve_one(plan, what, e.value, all, out, count);
    return rc;
}

static bool has_order(const struct sl_type *type)
{
    return type->kind != SL_TYPE_ARRAY && type->kind != SL_TYPE_STRUCT && type->kind != SL_TYPE_MAP;
}

static enum sl_code check_key(const struct sl_schema_plan *plan, size_t column)
{
    const struct sl_column *c = &plan->def->columns[column];

    if (!has_order(&c->type) || c->type.kind == SL_TYPE_BINARY)
        return sl_fail(plan->error, SL_BAD_SPEC,
                       "primary_keys: column '%s' of table '%s' cannot be a key: its type does not "
                       "compare",
                       c->name, plan->def->name);
    if (plan->other_type[column]) {
        sl_fail(plan->error, SL_UNSUPPORTED,
                "column '%s' is a key of table '%s', and its type changed in the source: the rows "
                "that are there could not be told from new ones",
                c->name, plan->def->name);
        sl_error_hint(plan->error, "Land the source table in another destination_table, or choose "
                                   "other primary_keys.");
        return SL_UNSUPPORTED;
    }
    return SL_OK;
}

enum sl_code sl_schema_choose_keys(struct sl_schema_plan *plan)
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

enum sl_code sl_schema_choose_sequence(struct sl_schema_plan *plan)
{
    const struct sl_table_def *def = plan->def;
    enum sl_code rc;

    if (!plan->options->sequence_by) return SL_OK;
    plan->sequence = SL_ARENA_ARRAY(plan->arena, size_t, def->column_count + 1);
    if (!plan->sequence)
        return sl_fail(plan->error, SL_NO_MEMORY, "could not plan table '%s'", def->name);
    rc = resolve(plan, "sequence_by", plan->options->sequence_by, false, plan->sequence,
                 &plan->sequence_count);
    if (rc) return rc;
    if (plan->sequence_count == 0 || plan->sequence_count > SL_SEQUENCE_COLUMNS_MAX)
        return sl_fail(plan->error, SL_BAD_SPEC,
                       "sequence_by: %zu columns; it takes 1 to %d of them", plan->sequence_count,
                       SL_SEQUENCE_COLUMNS_MAX);
    for (size_t i = 0; i < plan->sequence_count; i++) {
        const struct sl_column *c = &def->columns[plan->sequence[i]];

        if (!has_order(&c->type))
            return sl_fail(plan->error, SL_BAD_SPEC,
                           "sequence_by: column '%s' of table '%s' cannot order changes: its type "
                           "does not compare",
                           c->name, def->name);
        if (!plan->wanted[plan->sequence[i]]) {
            sl_fail(plan->error, SL_BAD_SPEC, "sequence_by: column '%s' of table '%s' is left out",
                    c->name, def->name);
            sl_error_hint(plan->error, "Take it into include_columns, or out of exclude_columns: "
                                       "later runs compare with what is stored.");
            return SL_BAD_SPEC;
        }
    }
    return SL_OK;
}

/* Include: those, system columns and keys. Exclude: all but those; a key stays a key. */
enum sl_code sl_schema_choose_columns(struct sl_schema_plan *plan)
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

enum sl_code sl_schema_choose_tracked(struct sl_schema_plan *plan)
{
    const struct sl_json *list = plan->options->track_history;
    size_t columns = plan->def->column_count, count = 0;
    size_t *found = SL_ARENA_ARRAY(plan->arena, size_t, columns + 1);
    enum sl_code rc;

    plan->tracked = SL_ARENA_ARRAY(plan->arena, bool, columns + 1);
    if (!found || !plan->tracked)
        return sl_fail(plan->error, SL_NO_MEMORY, "could not plan table '%s'", plan->def->name);
    for (size_t i = 0; i < columns; i++)
        plan->tracked[i] = !list && !plan->def->columns[i].fleeting;
    if (!list) return SL_OK;
    rc = resolve(plan, "track_history_columns", list, false, found, &count);
    for (size_t i = 0; !rc && i < count; i++) plan->tracked[found[i]] = true;
    return rc;
}
