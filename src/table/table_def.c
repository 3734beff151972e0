/* table_def.c: a deep copy of what a connector says of a table. */
#include <string.h>

#include "base/arena.h"
#include "table/schema.h"

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
        !copy_text(&copy->namespace_id, arena) || !copy_text(&copy->id, arena) ||
        !copy_text(&copy->comment, arena) || !copy_text(&copy->cursor, arena) ||
        !copy_text(&copy->state, arena) || !copy_text(&copy->excluded, arena) ||
        !copy_list(&copy->primary_key, arena) || !copy_list(&copy->strict_objects, arena))
        return NULL;
    return copy;
}
