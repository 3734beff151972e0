/* table_def.c: what a connector says of a table, copied; and as bytes, to be put aside. */
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
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

/* ---- as bytes: each struct as it is, behind it what its pointers point to, in the order above ---- */

static void pack_text(struct sl_buf *out, const char *text)
{
    uint32_t size = text ? (uint32_t)strlen(text) + 1 : 0;

    sl_buf_add(out, &size, sizeof size);
    sl_buf_add(out, text ? text : "", size);
}

static void pack_type(struct sl_buf *out, const struct sl_type *type)
{
    for (size_t i = 0; i < type->member_count; i++) {
        sl_buf_add(out, &type->members[i], sizeof *type->members);
        pack_text(out, type->members[i].name);
        pack_type(out, &type->members[i].type);
    }
}

static void pack_column(struct sl_buf *out, const struct sl_column *column)
{
    sl_buf_add(out, column, sizeof *column);
    for (size_t i = 0; i < SL_PATH_MAX && column->path[i]; i++) pack_text(out, column->path[i]);
    pack_text(out, column->name);
    pack_text(out, column->id);
    pack_text(out, column->source_type);
    pack_text(out, column->comment);
    pack_type(out, &column->type);
}

static void pack_list(struct sl_buf *out, const char *const *list)
{
    uint32_t count = 0;

    while (list && list[count]) count++;
    if (!list) count = UINT32_MAX;
    sl_buf_add(out, &count, sizeof count);
    for (; list && *list; list++) pack_text(out, *list);
}

void sl_table_def_pack(const struct sl_table_def *def, struct sl_buf *out)
{
    const char *const texts[] = {def->name,    def->namespace_, def->namespace_id, def->id,
                                 def->comment, def->cursor,     def->state,        def->excluded};

    sl_buf_add(out, def, sizeof *def);
    for (size_t i = 0; i < def->column_count; i++) pack_column(out, &def->columns[i]);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) pack_text(out, texts[i]);
    pack_list(out, def->primary_key);
    pack_list(out, def->strict_objects);
}

struct packed {
    const char *at, *end;
    struct sl_arena *arena;
};

static bool take(struct packed *from, void *to, size_t size)
{
    if (size > (size_t)(from->end - from->at)) return false;
    memcpy(to, from->at, size);
    from->at += size;
    return true;
}

static bool unpack_text(struct packed *from, const char **text)
{
    uint32_t size;

    *text = NULL;
    if (!take(from, &size, sizeof size) || size > (size_t)(from->end - from->at)) return false;
    if (size == 0) return true;
    *text = sl_arena_strndup(from->arena, from->at, size - 1);
    from->at += size;
    return *text != NULL;
}

static bool unpack_type(struct packed *from, struct sl_type *type)
{
    struct sl_member *members = NULL;

    if (type->member_count > 0) {
        members = SL_ARENA_ARRAY(from->arena, struct sl_member, type->member_count);
        if (!members) return false;
    }
    for (size_t i = 0; i < type->member_count; i++)
        if (!take(from, &members[i], sizeof members[i]) || !unpack_text(from, &members[i].name) ||
            !unpack_type(from, &members[i].type))
            return false;
    type->members = members;
    return true;
}

static bool unpack_column(struct packed *from, struct sl_column *column)
{
    if (!take(from, column, sizeof *column)) return false;
    for (size_t i = 0; i < SL_PATH_MAX && column->path[i]; i++)
        if (!unpack_text(from, &column->path[i])) return false;
    return unpack_text(from, &column->name) && unpack_text(from, &column->id) &&
           unpack_text(from, &column->source_type) && unpack_text(from, &column->comment) &&
           unpack_type(from, &column->type);
}

static bool unpack_list(struct packed *from, const char *const **list)
{
    uint32_t count;

    *list = NULL;
    if (!take(from, &count, sizeof count)) return false;
    if (count == UINT32_MAX) return true;
    if (count > (size_t)(from->end - from->at)) return false;

    const char **copy = SL_ARENA_ARRAY(from->arena, const char *, (size_t)count + 1);
    if (!copy) return false;
    for (uint32_t i = 0; i < count; i++)
        if (!unpack_text(from, &copy[i])) return false;
    *list = copy;
    return true;
}

const struct sl_table_def *sl_table_def_unpack(const char *bytes, size_t len,
                                               struct sl_arena *arena)
{
    struct packed from = {.at = bytes, .end = bytes + len, .arena = arena};
    struct sl_table_def *def = SL_ARENA_NEW(arena, struct sl_table_def);

    if (!def || !take(&from, def, sizeof *def)) return NULL;
    struct sl_column *columns = SL_ARENA_ARRAY(arena, struct sl_column, def->column_count + 1);
    if (!columns) return NULL;
    for (size_t i = 0; i < def->column_count; i++)
        if (!unpack_column(&from, &columns[i])) return NULL;
    def->columns = columns;
    const char **const texts[] = {&def->name,  &def->namespace_, &def->namespace_id,
                                  &def->id,    &def->comment,    &def->cursor,
                                  &def->state, &def->excluded};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!unpack_text(&from, texts[i])) return NULL;
    return unpack_list(&from, &def->primary_key) && unpack_list(&from, &def->strict_objects) ? def
                                                                                             : NULL;
}
