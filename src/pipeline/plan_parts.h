/*
 * plan_parts.h: what the files of the plan share. Private to plan*.c.
 *
 *   plan.c            objects in their order; what may not be; what is selected
 *   plan_discover.c   one discovery for each namespace and set of options that change columns
 *   plan_names.c      where a table of a namespace lands: {namespace}, clashes, what landed before
 *   plan_tables.c     flows, and the objects they come from
 *
 * Of a table the plan keeps some hundred bytes: its columns wait in a file (defs.h).
 */
#ifndef SL_PLAN_PARTS_H
#define SL_PLAN_PARTS_H

#include <string.h>

#include "pipeline/plan.h"

#define SL_NAMESPACE_MARK "{namespace}"

struct sl_planning {
    const struct sl_run_options *options;
    struct sl_resolved *resolved;
    const struct sl_connector *connector;
    void (*note)(void *ctx, enum sl_note level, const char *text);
    void *ctx;
};

/* A namespace: what tables call it (its id, or its name), and what people call it. */
struct sl_space {
    const char *id, *name;
};

/* One discovery. */
struct sl_group {
    const char *source_schema, *shape_json;
    struct sl_found **found; /* in the order of their namespaces */
    size_t count, cap;
    struct sl_space *spaces;
    size_t space_count, space_cap;
    struct sl_error error; /* code SL_OK: discovered */
};

/* A destination that this catalog has already. */
struct sl_landed {
    const char *flow, *schema, *name;
    const char *source_id, *source_schema; /* or NULL */
};

struct sl_landeds {
    struct sl_landed *list;
    size_t count, cap;
};

/* Where a table is to land. */
struct sl_target {
    const char *schema, *name;
};

static inline bool sl_same_text(const char *a, const char *b)
{
    return (!a && !b) || (a && b && strcmp(a, b) == 0);
}

/* ---- plan_discover.c ---- */

/* Discovers what the objects of the specification need. */
SL_MUST_USE enum sl_code sl_plan_discover(struct sl_planning *p, struct sl_loop *loop,
                                          struct sl_group *groups, size_t *count,
                                          struct sl_error *error);
struct sl_group *sl_plan_group(struct sl_group *groups, const struct sl_object *object);
void sl_plan_group_release(struct sl_group *group);

/* ---- plan_names.c ---- */

/* "bronze_{namespace}.orders", when the object's destination depends on the namespace; else NULL in
 * *out. */
SL_MUST_USE enum sl_code sl_plan_placed_as(struct sl_planning *p, const struct sl_object *object,
                                           const char **out, struct sl_error *error);
/* What landed for this object before: in its schema, or under its placed_as. */
SL_MUST_USE enum sl_code sl_plan_landed(struct sl_planning *p, const struct sl_object *object,
                                        const char *placed_as, struct sl_landeds *out,
                                        struct sl_error *error);
const struct sl_landed *sl_landed_by_flow(const struct sl_landeds *landed, const char *flow_id);
void sl_landeds_release(struct sl_landeds *landed);
/* The targets of all tables of a schema object; targets[i] belongs to group->found[i]. What landed
 * before keeps its place. schema NULL: the table has no namespace to go by. */
SL_MUST_USE enum sl_code sl_plan_targets(struct sl_planning *p, const struct sl_object *object,
                                         const struct sl_group *group,
                                         const struct sl_landeds *landed, struct sl_target *targets,
                                         struct sl_error *error);
/* The text with the namespace put in. space: its id or name; NULL: none is known. */
SL_MUST_USE enum sl_code sl_plan_expand(struct sl_planning *p, const struct sl_group *group,
                                        const char *text, const char *space, const char **out,
                                        struct sl_error *error);

/* ---- plan_tables.c ---- */

SL_MUST_USE enum sl_code sl_plan_object(struct sl_planning *p, const struct sl_object *object,
                                        const struct sl_group *group, struct sl_error *error);

#endif
