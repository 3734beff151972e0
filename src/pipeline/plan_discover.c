/* plan_discover.c: one discovery for each namespace and set of options that change columns. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "pipeline/plan_parts.h"

/* What one discovery fills. */
struct filling {
    struct sl_planning *plan;
    struct sl_group *group;
};

static bool copy_text(struct sl_arena *arena, const char **to, const char *from)
{
    *to = from ? sl_arena_strdup(arena, from) : NULL;
    return !from || *to;
}

/* Makes room for one more; NULL: no memory. */
static void *grown(void *list, size_t count, size_t *cap, size_t size)
{
    if (list && count < *cap) return list;
    size_t wanted = *cap ? *cap * 2 : 64;
    void *bigger = sl_realloc(list, wanted * size);
    if (bigger) *cap = wanted;
    return bigger;
}

static enum sl_code found_table(void *ctx, const struct sl_table_def *def, struct sl_error *error)
{
    const struct filling *filling = ctx;
    struct sl_planning *p = filling->plan;
    struct sl_group *group = filling->group;
    struct sl_arena *arena = &p->resolved->arena;
    struct sl_found *found = SL_ARENA_NEW(arena, struct sl_found);
    void *list = grown(group->found, group->count, &group->cap, sizeof(struct sl_found *));
    const char *account = def->namespace_id ? def->namespace_id : def->namespace_;

    if (list) group->found = list;
    if (!found || !list) return sl_fail(error, SL_NO_MEMORY, "no memory for a plan");
    found->brief = *def;
    found->brief.columns = NULL;
    found->brief.column_count = 0;
    found->brief.primary_key = found->brief.strict_objects = NULL;
    found->brief.comment = found->brief.cursor = found->brief.state = NULL;
    if (!copy_text(arena, &found->brief.name, def->name) ||
        !copy_text(arena, &found->brief.namespace_, def->namespace_) ||
        !copy_text(arena, &found->brief.namespace_id, def->namespace_id) ||
        !copy_text(arena, &found->brief.id, def->id) ||
        !copy_text(arena, &found->brief.excluded, def->excluded))
        return sl_fail(error, SL_NO_MEMORY, "no memory for a plan");
    if (!account) account = p->options->source.connection->name;
    sl_flow_id(p->connector->name, account, def->id ? def->id : def->name, found->flow_id);
    group->found[group->count++] = found;
    return sl_defs_put(p->resolved->defs, def, &found->whole, error);
}

static enum sl_code found_namespace(void *ctx, const char *name, const char *id,
                                    const char *comment, struct sl_error *error)
{
    const struct filling *filling = ctx;
    struct sl_group *group = filling->group;
    struct sl_arena *arena = &filling->plan->resolved->arena;
    void *list = grown(group->spaces, group->space_count, &group->space_cap, sizeof *group->spaces);
    struct sl_space space;

    (void)comment;
    if (list) group->spaces = list;
    if (!list || !copy_text(arena, &space.name, name) || !copy_text(arena, &space.id, id))
        return sl_fail(error, SL_NO_MEMORY, "no memory for a plan");
    group->spaces[group->space_count++] = space;
    return SL_OK;
}

static void found_note(void *ctx, enum sl_note level, const char *text)
{
    const struct filling *filling = ctx;

    filling->plan->note(filling->plan->ctx, level, text);
}

/* Namespaces answer in any order; a plan is to be the same every time. Within one the source's own
 * order stays, which is that of the file. */
static int by_namespace(const void *a, const void *b)
{
    const struct sl_found *x = *(struct sl_found *const *)a, *y = *(struct sl_found *const *)b;
    const char *xs = x->brief.namespace_, *ys = y->brief.namespace_;
    int order = strcmp(xs ? xs : "", ys ? ys : "");

    return order ? order : (x->whole.at > y->whole.at) - (x->whole.at < y->whole.at);
}

static int by_name(const void *a, const void *b)
{
    const struct sl_space *x = a, *y = b;
    int order = strcmp(x->name ? x->name : "", y->name ? y->name : "");

    return order ? order : strcmp(x->id ? x->id : "", y->id ? y->id : "");
}

static bool in_group(const struct sl_object *object, const struct sl_group *group)
{
    return sl_same_text(object->source_schema, group->source_schema) &&
           sl_same_text(object->config.shape_json, group->shape_json);
}

struct sl_group *sl_plan_group(struct sl_group *groups, const struct sl_object *object)
{
    while (!in_group(object, groups)) groups++;
    return groups;
}

void sl_plan_group_release(struct sl_group *group)
{
    sl_free(group->found);
    sl_free(group->spaces);
    group->found = NULL;
    group->spaces = NULL;
}

enum sl_code sl_plan_discover(struct sl_planning *p, struct sl_loop *loop, struct sl_group *groups,
                              size_t *count, struct sl_error *error)
{
    const struct sl_spec *spec = p->options->spec;

    for (size_t i = 0; i < spec->object_count; i++) {
        const struct sl_object *object = &spec->objects[i];
        size_t k = 0;
        while (k < *count && !in_group(object, &groups[k])) k++;
        if (k < *count) continue;
        struct sl_group *group = &groups[(*count)++];
        struct filling filling = {.plan = p, .group = group};
        struct sl_discovery to = {.table = found_table,
                                  .namespace_ = found_namespace,
                                  .note = found_note,
                                  .ctx = &filling};
        group->source_schema = object->source_schema;
        group->shape_json = object->config.shape_json;
        enum sl_code rc = sl_discover(loop, &p->options->source, group->source_schema,
                                      group->shape_json, &to, &group->error);
        if (rc == SL_AUTH || rc == SL_CANCELLED || rc == SL_NO_MEMORY || rc == SL_QUOTA) {
            *error = group->error; /* the others would end the same way */
            return rc;
        }
        if (group->count) qsort(group->found, group->count, sizeof *group->found, by_namespace);
        if (group->space_count)
            qsort(group->spaces, group->space_count, sizeof *group->spaces, by_name);
    }
    return SL_OK;
}
