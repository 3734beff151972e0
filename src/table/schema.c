#include "table/schema.h"

#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "json/doc.h"
#include "table/delta_type.h"
#include "table/schema_plan.h"

struct owned_schema {
    struct sl_schema schema; /* first: the handle */
    struct sl_arena arena;
};

#define OWN_COLUMNS_MAX 5
static const struct sl_type string_type = {.kind = SL_TYPE_STRING};
static const struct sl_type timestamp_type = {.kind = SL_TYPE_TIMESTAMP};

static const struct sl_type bigint_type = {.kind = SL_TYPE_BIGINT};

/* The type of history's bounds: that of the sequence; of several columns a struct, whose members
 * are called like the columns were when the table was made. */
static const struct sl_type *bound_type(const struct sl_schema_plan *plan,
                                        const struct sl_schema *schema)
{
    const struct sl_schema_column *columns = schema->columns;
    const struct sl_json *fields = NULL;
    struct sl_type *type;
    struct sl_member *members;
    struct sl_json_each landed;

    if (schema->sequence_count == 0) return &timestamp_type;
    if (schema->sequence_count == 1) return columns[schema->sequence[0]].type;
    for (size_t i = 0; i < plan->existing.count; i++)
        if (strcmp(plan->existing.fields[i].name, "__START_AT") == 0)
            fields = sl_json_get(plan->existing.fields[i].type, "fields");
    type = SL_ARENA_NEW(plan->arena, struct sl_type);
    members = SL_ARENA_ARRAY(plan->arena, struct sl_member, schema->sequence_count);
    if (!type || !members) return NULL;
    landed = sl_json_each(sl_json_len(fields) == schema->sequence_count ? fields : NULL);
    for (size_t i = 0; i < schema->sequence_count; i++) {
        const struct sl_schema_column *column = &columns[schema->sequence[i]];
        const char *name =
            sl_json_next(&landed) ? sl_json_str(sl_json_get(landed.value, "name")) : column->name;

        members[i].name = name ? sl_arena_strdup(plan->arena, name) : NULL;
        if (!members[i].name) return NULL;
        members[i].type = *column->type;
    }
    *type = (struct sl_type){.kind = SL_TYPE_STRUCT,
                             .member_count = schema->sequence_count,
                             .members = members};
    return type;
}

static size_t add_own(struct sl_schema *schema, const char *name, const struct sl_type *type)
{
    schema->columns[schema->count] = (struct sl_schema_column){.name = name, .type = type};
    return schema->count++;
}

/* Without a list, whatever is compared at all. */
static bool mark_tracked(const struct sl_schema_plan *plan, const size_t *place,
                         struct sl_schema *schema)
{
    schema->tracked = SL_ARENA_ARRAY(plan->arena, bool, schema->count);
    if (!schema->tracked) return false;
    for (size_t i = 0; i < schema->count; i++) schema->tracked[i] = false;
    for (size_t i = 0; i < plan->def->column_count; i++)
        if (plan->wanted[i]) schema->tracked[place[i]] = plan->tracked[i];
    schema->tracked[schema->rescued] = !plan->options->track_history;
    return true;
}

/* What is not the source's. False: no memory. */
static bool add_own_columns(const struct sl_schema_plan *plan, const size_t *place,
                            struct sl_schema *schema)
{
    const struct sl_type *bounds;
    enum sl_sequence_kind kind = plan->def->sequence;

    schema->rescued = add_own(schema, "_rescued_data", &string_type);
    schema->ingested = add_own(schema, "_ingested_at", &timestamp_type);
    schema->own_sequence = schema->start = schema->end = SL_NO_COLUMN;
    for (size_t i = 0; i < plan->sequence_count; i++)
        schema->sequence[i] = place[plan->sequence[i]];
    schema->sequence_count = plan->sequence_count;
    if (plan->sequence_count == 0 && (kind != SL_SEQUENCE_NONE || plan->options->history))
        schema->own_sequence = add_own(schema, "_sequence",
                                       kind == SL_SEQUENCE_NUMBER ? &bigint_type : &timestamp_type);
    if (plan->sequence_count == 0 && kind != SL_SEQUENCE_NONE)
        schema->sequence[schema->sequence_count++] = schema->own_sequence;
    if (!plan->options->history) return true;
    bounds = bound_type(plan, schema);
    schema->start = add_own(schema, "__START_AT", bounds);
    schema->end = add_own(schema, "__END_AT", bounds);
    return bounds != NULL;
}

/* System columns, visible columns in the source's order, then ours. */
static enum sl_code fill_schema(struct sl_schema_plan *plan, struct sl_schema *schema)
{
    const struct sl_table_def *def = plan->def;
    size_t *place = SL_ARENA_ARRAY(plan->arena, size_t, def->column_count + 1);
    struct sl_schema_column *columns =
        SL_ARENA_ARRAY(plan->arena, struct sl_schema_column, def->column_count + OWN_COLUMNS_MAX);
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
    schema->columns = columns;
    schema->count = count;
    schema->keys = keys;
    schema->key_count = plan->key_count;
    if (!add_own_columns(plan, place, schema) || !mark_tracked(plan, place, schema))
        return sl_fail(plan->error, SL_NO_MEMORY, "could not plan table '%s'", def->name);
    return SL_OK;
}

/* ------------------------------------------------------------------ names */

/* What a column is called that is under another type in the table: "amount_string". */
static const char *typed_name(const struct sl_schema_plan *plan, const char *landed,
                              const struct sl_type *type)
{
    struct sl_buf name;
    const char *copy = NULL;

    sl_buf_init(&name, 0);
    sl_buf_addf(&name, "%s_", landed);
    sl_type_word(type, &name);
    if (!sl_buf_failed(&name)) copy = sl_arena_strdup(plan->arena, sl_buf_str(&name));
    sl_buf_release(&name);
    return copy;
}

static bool name_column(struct sl_schema_plan *plan, size_t i)
{
    const struct sl_column *c = &plan->def->columns[i];
    struct sl_naming *naming = &plan->names[i];
    struct sl_claim claim;

    *naming = (struct sl_naming){.name = c->name, .id = c->id};
    if (!sl_existing_claim(&plan->existing, c, plan->options->names, plan->options->physical_ids,
                           &claim))
        return false;
    plan->other_type[i] = claim.other != NULL;
    naming->fixed = claim.name;
    if (claim.other)
        naming->base = typed_name(plan, claim.other, &c->type);
    else if (c->exact_name)
        naming->fixed = c->name;
    return !claim.other || naming->base;
}

static enum sl_code name_columns(struct sl_schema_plan *plan)
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
    plan->other_type = SL_ARENA_ARRAY(plan->arena, bool, def->column_count + 1);
    if (!plan->names || !taken || !plan->other_type) goto out;
    for (size_t i = 0; i < def->column_count; i++)
        if (!name_column(plan, i)) goto out;
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
    struct sl_schema_plan plan = {.options = options ? options : &none, .error = error};
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
    if (!rc) rc = sl_schema_choose_keys(&plan);
    if (!rc) rc = sl_schema_choose_columns(&plan);
    if (!rc) rc = sl_schema_choose_sequence(&plan);
    if (!rc) rc = sl_schema_choose_tracked(&plan);
    if (!rc) rc = fill_schema(&plan, &owned->schema);
    sl_existing_release(&plan.existing);
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
