#include "table/row.h"

#include <string.h>

#include "base/alloc.h"

/* How many columns lie below the object that the first `depth` keys of a path lead to: the most
 * members that its level can have. */
static size_t count_below(const struct sl_schema *schema, const char *const *path, size_t depth)
{
    size_t count = 0;

    for (size_t i = 0; i < schema->def->column_count; i++) {
        const char *const *other = schema->def->columns[i].path;
        size_t same = 0;

        while (same < depth && other[same] && strcmp(other[same], path[same]) == 0) same++;
        count += same == depth;
    }
    return count;
}

static struct sl_level *level_new(struct sl_row_plan *plan, const struct sl_schema *schema,
                                  const char *label, size_t room)
{
    struct sl_level *level = sl_calloc(1, sizeof *level);
    const char *const *strict = schema->def->strict_objects;

    if (!level) return NULL;
    if (plan->root) {
        level->next = plan->root->next;
        plan->root->next = level;
    } else {
        plan->root = level;
    }
    level->label = label;
    level->rest = SL_NO_COLUMN;
    for (size_t i = 0; strict && strict[i]; i++) level->strict |= strcmp(strict[i], label) == 0;
    level->members = sl_calloc(room + 1, sizeof *level->members);
    if (!level->members || !sl_keymap_init(&level->map, room)) return NULL;
    return level;
}

static struct sl_level_member *member_add(struct sl_level *level, const char *key)
{
    size_t count = level->map.count;
    uint32_t i = sl_keymap_add(&level->map, key);

    if (i == count) level->members[i] = (struct sl_level_member){.column = SL_NO_COLUMN};
    return &level->members[i];
}

/* The level of the object that the key path[depth] of a level holds. NULL: no memory. */
static struct sl_level *open_member(struct sl_row_plan *plan, const struct sl_schema *schema,
                                    struct sl_level *level, const char *const *path, size_t depth)
{
    const char *key = path[depth];
    struct sl_level_member *member = member_add(level, key);

    if (!member->child) {
        const char *label = *level->label
                                ? sl_arena_printf(&plan->arena, "%s.%s", level->label, key)
                                : sl_arena_strdup(&plan->arena, key);
        size_t room = count_below(schema, path, depth + 1);

        member->child = label ? level_new(plan, schema, label, room) : NULL;
    }
    return member->child;
}

/* column: SL_NO_COLUMN for one that is excluded. */
static bool add_column(struct sl_row_plan *plan, const struct sl_schema *schema,
                       const struct sl_column *c, size_t column)
{
    const char *const own[] = {c->name, NULL};
    const char *const *path = c->path[0] ? c->path : own;
    struct sl_level *level = plan->root;
    struct sl_level_member *member;
    size_t depth = 0;
    bool rest = c->decode == SL_DECODE_REST;

    for (; depth + 1 < SL_PATH_MAX && path[depth + 1]; depth++)
        if (!(level = open_member(plan, schema, level, path, depth))) return false;
    if (rest && *path[depth]) /* "" is the row itself */
        if (!(level = open_member(plan, schema, level, path, depth))) return false;
    if (rest) {
        level->rest = column;
        return true;
    }
    member = member_add(level, path[depth]);
    if (column == SL_NO_COLUMN) return true;
    plan->next_same[column] = member->column;
    member->column = column;
    return true;
}

/* Which column of the schema is this one of the definition? */
static size_t find_column(const struct sl_schema *schema, const struct sl_column *c)
{
    for (size_t i = 0; i < schema->count; i++)
        if (schema->columns[i].source == c) return i;
    return SL_NO_COLUMN;
}

enum sl_code sl_row_plan_init(struct sl_row_plan *plan, const struct sl_schema *schema,
                              struct sl_error *error)
{
    const struct sl_table_def *def = schema->def;
    bool good;

    *plan = (struct sl_row_plan){0};
    plan->next_same = sl_calloc(schema->count, sizeof *plan->next_same);
    good = plan->next_same && level_new(plan, schema, "", def->column_count);
    for (size_t i = 0; good && i < schema->count; i++) plan->next_same[i] = SL_NO_COLUMN;
    for (size_t i = 0; good && i < def->column_count; i++)
        if (!def->columns[i].constant)
            good =
                add_column(plan, schema, &def->columns[i], find_column(schema, &def->columns[i]));
    if (good) return SL_OK;
    sl_row_plan_release(plan);
    return sl_fail(error, SL_NO_MEMORY, "could not plan the rows of table '%s'", def->name);
}

void sl_row_plan_release(struct sl_row_plan *plan)
{
    for (struct sl_level *level = plan->root, *next; level; level = next) {
        next = level->next;
        sl_keymap_release(&level->map);
        sl_free(level->members);
        sl_free(level);
    }
    sl_free(plan->next_same);
    sl_arena_release(&plan->arena);
    *plan = (struct sl_row_plan){0};
}
