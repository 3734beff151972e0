/*
 * plan_names.c: where the tables of a namespace land.
 *
 * A destination may hold {namespace}. It stands for the namespace's name in snake_case, with the
 * tail of its id where two namespaces would become the same. What landed once stays where it is: a
 * table by its flow, a new table of a namespace beside the others of that namespace, whatever the
 * namespace is called now.
 */
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "json/doc.h"
#include "pipeline/plan_parts.h"

#define ID_TAIL 6 /* letters of an id that tell two names apart */

static enum sl_code no_memory(struct sl_error *error)
{
    return sl_fail(error, SL_NO_MEMORY, "no memory for a plan");
}

static const char *tail_of(const char *id)
{
    size_t len = strlen(id);

    return id + (len > ID_TAIL ? len - ID_TAIL : 0);
}

/* NULL: no memory. */
static const char *snake(struct sl_planning *p, const char *name)
{
    struct sl_buf out = {0};

    sl_name_snake(name, &out);
    const char *text = sl_buf_failed(&out) ? NULL : sl_arena_strdup(&p->resolved->arena, out.data);
    sl_buf_release(&out);
    return text;
}

/* ---- what landed before ---- */

struct looking {
    struct sl_planning *plan;
    const char *placed_as;
    struct sl_landeds *out;
    struct sl_doc *doc;
};

static bool copy_text(struct sl_arena *arena, const char **to, const char *from)
{
    *to = from ? sl_arena_strdup(arena, from) : NULL;
    return !from || *to;
}

static enum sl_code look_at(void *ctx, const char *schema, const char *name, const char *properties,
                            struct sl_error *error)
{
    const struct looking *looking = ctx;
    struct sl_arena *arena = &looking->plan->resolved->arena;
    struct sl_landeds *out = looking->out;
    const struct sl_json *root;
    enum sl_code rc = sl_doc_parse_copy(looking->doc, properties, strlen(properties), &root, error);

    if (rc) return rc;
    const char *flow = sl_json_str(sl_json_get(root, "sluice.flow"));
    const char *placed_as = sl_json_str(sl_json_get(root, "sluice.destination"));
    if (!flow || (looking->placed_as && !sl_same_text(placed_as, looking->placed_as))) return SL_OK;
    if (out->count == out->cap) {
        size_t cap = out->cap ? out->cap * 2 : 64;
        void *list = sl_realloc(out->list, cap * sizeof *out->list);
        if (!list) return no_memory(error);
        out->list = list;
        out->cap = cap;
    }
    struct sl_landed *landed = &out->list[out->count++];
    return copy_text(arena, &landed->flow, flow) && copy_text(arena, &landed->schema, schema) &&
                   copy_text(arena, &landed->name, name) &&
                   copy_text(arena, &landed->source_id,
                             sl_json_str(sl_json_get(root, "sluice.source_table_id"))) &&
                   copy_text(arena, &landed->source_schema,
                             sl_json_str(sl_json_get(root, "sluice.source_schema")))
               ? SL_OK
               : no_memory(error);
}

enum sl_code sl_plan_landed(struct sl_planning *p, const struct sl_object *object,
                            const char *placed_as, struct sl_landeds *out, struct sl_error *error)
{
    struct looking looking = {.plan = p, .placed_as = placed_as, .out = out};
    enum sl_code rc;

    looking.doc = sl_doc_new(0);
    rc = looking.doc ? sl_tables_each(p->options->catalog, object->catalog,
                                      placed_as ? NULL : object->schema, look_at, &looking, error)
                     : no_memory(error);
    sl_doc_free(looking.doc);
    return rc;
}

const struct sl_landed *sl_landed_by_flow(const struct sl_landeds *landed, const char *flow_id)
{
    for (size_t i = 0; i < landed->count; i++)
        if (strcmp(landed->list[i].flow, flow_id) == 0) return &landed->list[i];
    return NULL;
}

void sl_landeds_release(struct sl_landeds *landed)
{
    sl_free(landed->list);
    *landed = (struct sl_landeds){0};
}

/* ---- {namespace} ---- */

static const char *mark_in(const char *text)
{
    return text ? strstr(text, SL_NAMESPACE_MARK) : NULL;
}

enum sl_code sl_plan_placed_as(struct sl_planning *p, const struct sl_object *object,
                               const char **out, struct sl_error *error)
{
    const char *table = object->table;

    *out = NULL;
    if (!mark_in(object->schema) && !mark_in(object->table)) return SL_OK;
    if (!table) table = object->source_table ? snake(p, object->source_table) : "*";
    *out = table ? sl_arena_printf(&p->resolved->arena, "%s.%s", object->schema, table) : NULL;
    return *out ? SL_OK : no_memory(error);
}

static const struct sl_space *find_space(const struct sl_group *group, const char *id_or_name)
{
    const struct sl_space *named = NULL;

    for (size_t i = 0; id_or_name && i < group->space_count; i++) {
        if (sl_same_text(group->spaces[i].id, id_or_name)) return &group->spaces[i];
        if (sl_same_text(group->spaces[i].name, id_or_name)) named = &group->spaces[i];
    }
    return named;
}

/* A name without a letter or digit has no snake_case; then the id is as good as any. */
static const char *space_word(struct sl_planning *p, const struct sl_space *space)
{
    const char *word = snake(p, space->name);
    bool nothing = word && strcmp(word, "column") == 0 && strcasecmp(space->name, "column") != 0;

    return nothing && space->id ? snake(p, space->id) : word;
}

/* What {namespace} becomes; NULL: no memory. */
static const char *space_text(struct sl_planning *p, const struct sl_group *group,
                              const struct sl_space *space)
{
    const char *word = space_word(p, space);
    bool shared = false;

    for (size_t i = 0; word && !shared && i < group->space_count; i++) {
        const struct sl_space *other = &group->spaces[i];
        if (other == space || sl_same_text(other->id, space->id)) continue;
        const char *others = space_word(p, other);
        if (!others) return NULL;
        shared = strcmp(word, others) == 0;
    }
    if (!word || !shared || !space->id) return word;
    const char *tail = snake(p, tail_of(space->id));
    return tail ? sl_arena_printf(&p->resolved->arena, "%s_%s", word, tail) : NULL;
}

static const char *put_in(struct sl_planning *p, const char *text, const char *word)
{
    const char *mark = mark_in(text);

    if (!mark) return text;
    return sl_arena_printf(&p->resolved->arena, "%.*s%s%s", (int)(mark - text), text, word,
                           mark + strlen(SL_NAMESPACE_MARK));
}

enum sl_code sl_plan_expand(struct sl_planning *p, const struct sl_group *group, const char *text,
                            const char *space, const char **out, struct sl_error *error)
{
    const struct sl_space *known = find_space(group, space);
    struct sl_space plain = {.id = space, .name = space};

    *out = text;
    if (!mark_in(text)) return SL_OK;
    if (!space) {
        sl_fail(error, SL_BAD_SPEC, "'%s': there is no namespace to put in", text);
        sl_error_hint(error, "Write the name out: {namespace} is for sources that have several.");
        return SL_BAD_SPEC;
    }
    const char *word = space_text(p, group, known ? known : &plain);
    *out = word ? put_in(p, text, word) : NULL;
    return *out ? SL_OK : no_memory(error);
}

/* ---- the tables of a schema object ---- */

struct naming {
    struct sl_planning *plan;
    const struct sl_object *object;
    const struct sl_group *group;
    const struct sl_landeds *landed;
    struct sl_target *targets;
};

/* The schema of one namespace, found[from] to found[to - 1]: where its tables are already, else what
 * the object says. */
static enum sl_code choose_schema(const struct naming *n, size_t from, size_t to,
                                  struct sl_error *error)
{
    const char *schema = n->object->schema;
    struct sl_error why = {0};
    enum sl_code rc = SL_OK;

    if (mark_in(schema)) {
        rc = sl_plan_expand(n->plan, n->group, schema, n->group->found[from]->brief.namespace_,
                            &schema, &why);
        if (rc == SL_NO_MEMORY) {
            *error = why;
            return rc;
        }
        if (rc) schema = NULL; /* said of each table, when its turn comes */
        for (size_t i = from; i < to; i++) {
            const struct sl_landed *landed =
                sl_landed_by_flow(n->landed, n->group->found[i]->flow_id);
            if (!landed) continue;
            schema = landed->schema;
            break;
        }
    }
    for (size_t i = from; i < to; i++) n->targets[i].schema = schema;
    return SL_OK;
}

static bool same_target(const struct sl_target *a, const struct sl_target *b)
{
    return a->schema && b->schema && strcasecmp(a->schema, b->schema) == 0 &&
           strcasecmp(a->name, b->name) == 0;
}

/* Is the name in use, by a table that landed before or by another object? */
static bool in_use(const struct naming *n, const struct sl_target *target)
{
    const struct sl_resolved *r = n->plan->resolved;

    for (size_t i = 0; i < n->landed->count; i++) {
        const struct sl_landed *landed = &n->landed->list[i];
        if (same_target(target, &(struct sl_target){landed->schema, landed->name})) return true;
    }
    for (size_t i = 0; i < r->count; i++) {
        const struct sl_flow *flow = &r->flows[i];
        if (strcasecmp(flow->catalog_name, n->object->catalog) == 0 &&
            same_target(target, &(struct sl_target){flow->schema_name, flow->name}))
            return true;
    }
    return false;
}

/* Two tables whose names become the same: all of them get their id's tail. */
static bool is_shared(const struct naming *n, size_t index)
{
    for (size_t i = 0; i < n->group->count; i++)
        if (i != index && !n->group->found[i]->brief.excluded &&
            same_target(&n->targets[i], &n->targets[index]))
            return true;
    return false;
}

/* What it was called before, else its own name, with its id's tail where that is in use. */
static enum sl_code choose_name(const struct naming *n, size_t index, bool shared,
                                struct sl_error *error)
{
    const struct sl_found *found = n->group->found[index];
    const struct sl_landed *landed = sl_landed_by_flow(n->landed, found->flow_id);
    struct sl_target *target = &n->targets[index];

    if (landed) {
        *target = (struct sl_target){landed->schema, landed->name};
        return SL_OK;
    }
    if (!found->brief.id || (!shared && !in_use(n, target))) return SL_OK;
    target->name =
        sl_arena_printf(&n->plan->resolved->arena, "%s_%s", target->name, tail_of(found->brief.id));
    return target->name ? SL_OK : no_memory(error);
}

enum sl_code sl_plan_targets(struct sl_planning *p, const struct sl_object *object,
                             const struct sl_group *group, const struct sl_landeds *landed,
                             struct sl_target *targets, struct sl_error *error)
{
    struct naming n = {
        .plan = p, .object = object, .group = group, .landed = landed, .targets = targets};
    bool *shared = sl_calloc(group->count + 1, sizeof *shared);
    enum sl_code rc = shared ? SL_OK : no_memory(error);

    for (size_t from = 0, to; from < group->count && !rc; from = to) {
        const char *space = group->found[from]->brief.namespace_;
        for (to = from + 1; to < group->count; to++)
            if (!sl_same_text(group->found[to]->brief.namespace_, space)) break;
        rc = choose_schema(&n, from, to, error);
    }
    for (size_t i = 0; i < group->count && !rc; i++) {
        targets[i].name = snake(p, group->found[i]->brief.name);
        if (!targets[i].name) rc = no_memory(error);
    }
    for (size_t i = 0; i < group->count && !rc; i++) shared[i] = is_shared(&n, i);
    for (size_t i = 0; i < group->count && !rc; i++) rc = choose_name(&n, i, shared[i], error);
    sl_free(shared);
    return rc;
}
