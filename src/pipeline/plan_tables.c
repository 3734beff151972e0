/* plan_tables.c: objects of the specification become flows. */
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "options/options.h"
#include "pipeline/plan_parts.h"

#define OPEN_MAX 16 /* tables kept open from planning to running */

/* ---- the tables of one discovery ---- */

/* How well a table answers to a name: 3 by its very name, 2 by its id, 1 but for case, 0 not. */
static int answers(const struct sl_table_def *def, const char *name)
{
    if (strcmp(def->name, name) == 0) return 3;
    if (def->id && strcmp(def->id, name) == 0) return 2;
    return strcasecmp(def->name, name) == 0;
}

/*
 * The table of this name, or *out = NULL. Where several namespaces have one, that of `home` is
 * meant (the landed table's, or NULL); without it the specification does not say enough.
 */
static enum sl_code find_named(const struct sl_group *group, const char *name,
                               const struct sl_found *home, const struct sl_found **out,
                               struct sl_error *error)
{
    const struct sl_found *second = NULL;
    int best = 0;

    *out = NULL;
    for (size_t i = 0; i < group->count; i++) {
        const struct sl_found *found = group->found[i];
        int rank = answers(&found->brief, name);
        if (rank == 0 || rank < best) continue;
        if (rank > best) *out = NULL, second = NULL;
        best = rank;
        if (!*out)
            *out = found;
        else if (home && sl_same_text(found->brief.namespace_, home->brief.namespace_))
            *out = found, second = NULL;
        else if (!home || !sl_same_text((*out)->brief.namespace_, home->brief.namespace_))
            second = found;
    }
    if (!second) return SL_OK;
    const char *one = (*out)->brief.namespace_, *two = second->brief.namespace_;
    sl_fail(error, SL_BAD_SPEC, "'%s' is a table of '%s' and of '%s'", name, one ? one : "",
            two ? two : "");
    sl_error_hint(error, "Say which with source_schema.");
    return SL_BAD_SPEC;
}

static const struct sl_found *find_flow(const struct sl_group *group, const char *flow_id)
{
    for (size_t i = 0; flow_id && i < group->count; i++)
        if (strcmp(group->found[i]->flow_id, flow_id) == 0) return group->found[i];
    return NULL;
}

static enum sl_code no_such_table(const struct sl_group *group, const char *name,
                                  struct sl_error *error)
{
    const char **names = sl_calloc(group->count + 1, sizeof *names);
    const char *near = NULL;

    sl_fail(error, SL_NOT_FOUND, "the source has no table '%s'", name);
    for (size_t i = 0; names && i < group->count; i++) names[i] = group->found[i]->brief.name;
    if (names) near = sl_nearest(name, names);
    if (near)
        sl_error_hint(error, "Did you mean '%s'?", near);
    else
        sl_error_hint(error, "List them with: sluice discover CONNECTION.");
    sl_free(names);
    return SL_NOT_FOUND;
}

/* ---- flows ---- */

static enum sl_code no_memory(struct sl_error *error)
{
    return sl_fail(error, SL_NO_MEMORY, "no memory for a plan");
}

static struct sl_flow *new_flow(struct sl_planning *p, const struct sl_object *object,
                                struct sl_error *error)
{
    struct sl_resolved *r = p->resolved;

    if (r->count == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 16;
        void *flows = sl_realloc(r->flows, cap * sizeof *r->flows);
        if (flows) r->flows = flows;
        void *tables =
            flows ? sl_realloc(r->report->tables, cap * sizeof *r->report->tables) : NULL;
        if (!tables) {
            (void)!no_memory(error);
            return NULL;
        }
        r->report->tables = tables;
        r->cap = cap;
    }
    struct sl_flow *flow = &r->flows[r->count];
    memset(flow, 0, sizeof *flow);
    memset(&r->report->tables[r->count], 0, sizeof *r->report->tables);
    r->report->tables[r->count].version = -1;
    r->report->tables[r->count].rows_landed = -1;
    r->report->tables[r->count].rows_expected = -1;
    flow->object = object;
    flow->run = p->options;
    flow->connector = p->connector;
    flow->defs = r->defs;
    flow->catalog_name = object->catalog;
    flow->schema_name = object->schema;
    r->count++;
    r->report->count = r->count;
    return flow;
}

static void set_found(struct sl_flow *flow, const struct sl_found *found)
{
    flow->found = found;
    flow->def = found ? &found->brief : NULL;
}

/* Text that lives with the report, which outlives the plan. */
static const char *report_text(const char *text)
{
    return text ? sl_strdup(text) : NULL;
}

static enum sl_code place_flow(struct sl_planning *p, struct sl_flow *flow, struct sl_target target,
                               struct sl_error *error)
{
    struct sl_table_report *report = &p->resolved->report->tables[flow - p->resolved->flows];
    struct sl_buf text = {0};
    enum sl_code rc;

    flow->report = report;
    flow->schema_name = target.schema;
    flow->name = sl_arena_strdup(&p->resolved->arena, target.name);
    rc = sl_table_location(p->options->catalog, flow->catalog_name, target.schema, target.name,
                           &text, error);
    if (!rc) flow->location = sl_arena_strdup(&p->resolved->arena, sl_buf_str(&text));
    report->location = report_text(flow->location);
    sl_buf_reset(&text);
    sl_buf_addf(&text, "%s.%s.%s", flow->catalog_name, target.schema, target.name);
    report->destination = report_text(sl_buf_str(&text));
    report->source_table = report_text(flow->def                    ? flow->def->name
                                       : flow->object->source_table ? flow->object->source_table
                                                                    : "(all)");
    if (!rc && (!flow->name || !flow->location || !report->destination || !report->source_table))
        rc = no_memory(error);
    sl_buf_release(&text);
    return rc;
}

static enum sl_code name_flow(struct sl_planning *p, struct sl_flow *flow, struct sl_error *error)
{
    struct sl_arena *arena = &p->resolved->arena;

    flow->id = flow->found->flow_id;
    flow->domain = sl_arena_printf(arena, "sluice.cursor.%s", flow->id);
    flow->aside_domain = sl_arena_printf(arena, "sluice.aux.%s", flow->id);
    return flow->domain && flow->aside_domain ? SL_OK : no_memory(error);
}

/* ---- a table object ---- */

/* Did the specification call the table by this name when it last landed? Then it was the source that
 * gave the name to another table since; else the specification means another table now. */
static enum sl_code was_named(struct sl_planning *p, struct sl_flow *flow, const char *name,
                              bool *renamed, struct sl_error *error)
{
    struct sl_flow_state state = {0};
    struct sl_error why = {0};
    enum sl_code rc = name_flow(p, flow, error), read;

    if (rc) return rc;
    read = sl_flow_state_read(flow, &state, &why);
    if (read == SL_OK) *renamed = state.named && strcmp(state.named, name) == 0;
    sl_flow_state_release(&state);
    if (read == SL_NO_MEMORY) {
        *error = why;
        rc = read;
    }
    return rc;
}

/* The place of a destination that depends on the namespace: where the table is already, else by the
 * namespace that the object says, or the one that has a table of this name. */
static enum sl_code place_by_namespace(struct sl_planning *p, const struct sl_object *object,
                                       const struct sl_group *group, const char *placed_as,
                                       struct sl_target *target, struct sl_error *error)
{
    struct sl_landeds landed = {0};
    const struct sl_landed *there = NULL;
    const struct sl_found *named = NULL;
    const char *space = object->source_schema;
    struct sl_error unclear = {0};
    enum sl_code rc = sl_plan_landed(p, object, placed_as, &landed, error);

    for (size_t i = 0; !rc && !there && i < group->count; i++)
        there = sl_landed_by_flow(&landed, group->found[i]->flow_id);
    if (there) *target = (struct sl_target){there->schema, there->name};
    sl_landeds_release(&landed);
    if (rc || there) return rc;
    rc = find_named(group, object->source_table, NULL, &named, &unclear);
    if (rc) {
        *error = unclear;
        return rc;
    }
    if (named) space = named->brief.namespace_;
    rc = sl_plan_expand(p, group, target->schema, space, &target->schema, error);
    if (!rc) rc = sl_plan_expand(p, group, target->name, space, &target->name, error);
    return rc;
}

static enum sl_code choose_place(struct sl_planning *p, struct sl_flow *flow,
                                 const struct sl_group *group, struct sl_error *error)
{
    const struct sl_object *object = flow->object;
    struct sl_target target = {.schema = object->schema, .name = object->table};
    struct sl_buf name = {0};
    struct sl_error why = {0};
    enum sl_code rc = sl_plan_placed_as(p, object, &flow->placed_as, error);

    if (!rc && !target.name) {
        sl_name_snake(object->source_table, &name);
        target.name = sl_buf_str(&name);
        if (sl_buf_failed(&name)) rc = no_memory(error);
    }
    if (!rc && flow->placed_as) {
        rc = place_by_namespace(p, object, group, flow->placed_as, &target, &why);
        if (rc == SL_NO_MEMORY) *error = why;
        if (rc && rc != SL_NO_MEMORY) rc = SL_OK; /* of this table alone */
    }
    if (!rc) rc = place_flow(p, flow, target, error);
    if (!rc && why.code) sl_flow_fail(flow, &why);
    sl_buf_release(&name);
    return rc;
}

/* Which table of the source is it? The one that landed there, while the specification says of it
 * what it said then; else the one of that name. */
static enum sl_code choose_table(struct sl_planning *p, struct sl_flow *flow,
                                 const struct sl_group *group, struct sl_error *error)
{
    const struct sl_object *object = flow->object;
    const struct sl_found *named;
    struct sl_error why = {0}, unclear = {0};
    enum sl_code opened = sl_delta_open(p->options->delta, flow->location, -1, &flow->table, &why);

    if (flow->table)
        set_found(flow, find_flow(group, sl_delta_property(flow->table, "sluice.flow")));
    enum sl_code rc = find_named(group, object->source_table, flow->found, &named, &unclear);
    if (rc && !flow->def) {
        sl_flow_fail(flow, &unclear);
        return SL_OK;
    }
    if (opened && opened != SL_NOT_FOUND) {
        set_found(flow, named); /* so that no schema object lands it elsewhere */
        sl_flow_fail(flow, &why);
        return SL_OK;
    }
    if (flow->def && named && flow->found != named) {
        bool renamed = false;
        rc = was_named(p, flow, object->source_table, &renamed, error);
        if (rc) return rc;
        if (!renamed)
            set_found(flow, named); /* the table there is not of this flow: refused later */
    }
    if (flow->def && flow->found != named) {
        const char *text =
            sl_arena_printf(&p->resolved->arena,
                            "'%s' is called '%s' in the source now; it keeps landing in %s",
                            object->source_table, flow->def->name, flow->report->destination);
        if (text) p->note(p->ctx, SL_NOTE_INFO, text);
    }
    if (!flow->def) set_found(flow, named);
    return SL_OK;
}

static enum sl_code plan_table(struct sl_planning *p, const struct sl_object *object,
                               const struct sl_group *group, struct sl_error *error)
{
    struct sl_flow *flow = new_flow(p, object, error);
    struct sl_error why = {0};
    enum sl_code rc;

    if (!flow) return error->code;
    rc = choose_place(p, flow, group, error);
    if (rc || flow->report->state == SL_TABLE_FAILED) return rc;
    rc = choose_table(p, flow, group, error);
    if (rc) return rc;
    if (p->resolved->count > OPEN_MAX) { /* its turn is far: it is opened again then */
        sl_delta_table_free(flow->table);
        flow->table = NULL;
    }
    if (flow->def) return name_flow(p, flow, error);
    if (flow->report->state == SL_TABLE_FAILED) return SL_OK;
    no_such_table(group, object->source_table, &why);
    sl_flow_fail(flow, &why);
    return SL_OK;
}

/* ---- a schema object ---- */

/* One table, perhaps discovered twice. */
static bool same_table(const struct sl_found *a, const struct sl_found *b)
{
    return a && b && strcmp(a->flow_id, b->flow_id) == 0;
}

/* Does an explicit object of the same destination schema already take this table? */
static bool taken(const struct sl_planning *p, const struct sl_object *object,
                  const struct sl_found *found, const char *schema)
{
    for (size_t i = 0; i < p->resolved->count; i++) {
        const struct sl_flow *flow = &p->resolved->flows[i];
        if (same_table(flow->found, found) && schema &&
            strcasecmp(flow->catalog_name, object->catalog) == 0 &&
            strcasecmp(flow->schema_name, schema) == 0)
            return true;
    }
    return false;
}

/* Tables that landed before and are not in the source any more: kept, and said. */
static void note_gone(struct sl_planning *p, const struct sl_object *object,
                      const struct sl_group *group, const struct sl_landeds *landed)
{
    for (size_t k = 0; k < landed->count; k++) {
        const struct sl_landed *old = &landed->list[k];
        bool neighbour = false;
        if (!old->source_id || find_flow(group, old->flow)) continue;
        for (size_t i = 0; i < group->count && !neighbour; i++)
            neighbour = sl_same_text(group->found[i]->brief.namespace_, old->source_schema);
        if (!neighbour) continue;
        const char *text =
            sl_arena_printf(&p->resolved->arena,
                            "%s.%s.%s: its table is not in the source any more; its rows stay",
                            object->catalog, old->schema, old->name);
        if (text) p->note(p->ctx, SL_NOTE_WARNING, text);
    }
}

static enum sl_code plan_one(struct sl_planning *p, const struct sl_object *object,
                             const struct sl_group *group, const struct sl_found *found,
                             struct sl_target target, const char *placed_as, struct sl_error *error)
{
    struct sl_flow *flow = new_flow(p, object, error);
    struct sl_error why = {0};
    const char *ignored;
    enum sl_code rc;

    if (!flow) return error->code;
    set_found(flow, found);
    flow->placed_as = placed_as;
    if (!target.schema) {
        rc = sl_plan_expand(p, group, object->schema, NULL, &ignored, &why);
        target.schema = object->schema;
    }
    rc = place_flow(p, flow, target, error);
    if (!rc) rc = name_flow(p, flow, error);
    if (!rc && why.code) sl_flow_fail(flow, &why);
    return rc;
}

static enum sl_code plan_schema(struct sl_planning *p, const struct sl_object *object,
                                const struct sl_group *group, struct sl_error *error)
{
    struct sl_target *targets = sl_calloc(group->count + 1, sizeof *targets);
    struct sl_landeds landed = {0};
    const char *placed_as = NULL;
    enum sl_code rc = targets ? sl_plan_placed_as(p, object, &placed_as, error) : no_memory(error);

    if (!rc) rc = sl_plan_landed(p, object, placed_as, &landed, error);
    if (!rc) rc = sl_plan_targets(p, object, group, &landed, targets, error);
    for (size_t i = 0; i < group->count && !rc; i++) {
        const struct sl_found *found = group->found[i];
        if (found->brief.excluded || taken(p, object, found, targets[i].schema)) continue;
        rc = plan_one(p, object, group, found, targets[i], placed_as, error);
    }
    if (!rc) note_gone(p, object, group, &landed);
    sl_landeds_release(&landed);
    sl_free(targets);
    return rc;
}

/* ---- any object ---- */

/* A namespace that could not be read: its objects fail with that reason. */
static enum sl_code plan_lost(struct sl_planning *p, const struct sl_object *object,
                              const struct sl_error *why, struct sl_error *error)
{
    struct sl_flow *flow = new_flow(p, object, error);
    struct sl_target target = {.schema = object->schema,
                               .name = object->table          ? object->table
                                       : object->source_table ? object->source_table
                                                              : "(all)"};

    if (!flow) return error->code;
    enum sl_code rc = place_flow(p, flow, target, error);
    if (!rc) sl_flow_fail(flow, why);
    return rc;
}

enum sl_code sl_plan_object(struct sl_planning *p, const struct sl_object *object,
                            const struct sl_group *group, struct sl_error *error)
{
    size_t before = p->resolved->count;
    enum sl_code rc;

    if (sl_failed(group->error.code)) return plan_lost(p, object, &group->error, error);
    if (!object->whole_schema) return plan_table(p, object, group, error);
    rc = plan_schema(p, object, group, error);
    if (!rc && p->resolved->count == before)
        p->note(p->ctx, SL_NOTE_WARNING, "a schema object matched no table");
    return rc;
}
