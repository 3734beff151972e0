/* plan.c: objects become flows, in their order; then what may not be, and what is selected. */
#include "pipeline/plan_parts.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "options/options.h"

#define PLAN_MEMORY_MAX ((size_t)512 << 20)

static enum sl_code plan_objects(struct sl_planning *p, struct sl_loop *loop,
                                 struct sl_error *error)
{
    const struct sl_spec *spec = p->options->spec;
    struct sl_group *groups = sl_calloc(spec->object_count + 1, sizeof *groups);
    size_t count = 0;
    enum sl_code rc;

    if (!groups) return sl_fail(error, SL_NO_MEMORY, "no memory for a plan");
    rc = sl_plan_discover(p, loop, groups, &count, error);
    for (int pass = 0; pass < 2 && !rc; pass++) /* named tables first: a schema takes the rest */
        for (size_t i = 0; i < spec->object_count && !rc; i++) {
            const struct sl_object *object = &spec->objects[i];
            if (object->whole_schema == (pass == 1))
                rc = sl_plan_object(p, object, sl_plan_group(groups, object), error);
        }
    for (size_t i = 0; i < count; i++) sl_plan_group_release(&groups[i]);
    sl_free(groups);
    return rc;
}

/* ---- what may not be ---- */

/* Rejected rows of 'x' land in 'x__rejected': nothing else may. */
static bool reserved_name(const char *name)
{
    static const char suffix[] = "__rejected";
    size_t len = strlen(name), tail = sizeof suffix - 1;

    return len >= tail && strcasecmp(name + len - tail, suffix) == 0;
}

static void fail_reserved(struct sl_planning *p)
{
    struct sl_resolved *r = p->resolved;

    for (size_t i = 0; i < r->count; i++) {
        struct sl_error error = {0};
        if (!reserved_name(r->flows[i].name) || r->report->tables[i].error.code) continue;
        sl_fail(&error, SL_BAD_SPEC, "names that end with __rejected are for rejected rows: '%s'",
                r->flows[i].name);
        sl_error_hint(&error, "Give it another destination_table.");
        sl_flow_fail(&r->flows[i], &error);
    }
}

static void fail_twins(struct sl_planning *p)
{
    struct sl_resolved *r = p->resolved;

    for (size_t i = 0; i < r->count; i++)
        for (size_t k = 0; k < i; k++) {
            struct sl_table_report *a = &r->report->tables[i], *b = &r->report->tables[k];
            if (strcasecmp(a->destination, b->destination) != 0 || a->error.code) continue;
            struct sl_error error = {0};
            sl_fail(&error, SL_BAD_SPEC, "'%s' and '%s' would both land in %s", b->source_table,
                    a->source_table, a->destination);
            sl_error_hint(&error, r->flows[i].object->whole_schema
                                      ? "Put " SL_NAMESPACE_MARK " into destination_schema, or "
                                        "give one of them another destination."
                                      : "Give one of them another destination_table.");
            sl_flow_fail(&r->flows[i], &error);
        }
}

static bool selected(const struct sl_json *names, const struct sl_flow *flow)
{
    char two[512];

    snprintf(two, sizeof two, "%s.%s", flow->schema_name, flow->name);
    for (struct sl_json_each e = sl_json_each(names); sl_json_next(&e);) {
        const char *name = sl_json_str(e.value);
        if (name && (strcasecmp(name, flow->name) == 0 || strcasecmp(name, two) == 0 ||
                     strcasecmp(name, flow->report->destination) == 0))
            return true;
    }
    return false;
}

/* Every selected name must be a table of the plan. */
static enum sl_code check_selection(struct sl_planning *p, const struct sl_json *names,
                                    struct sl_error *error)
{
    struct sl_resolved *r = p->resolved;

    for (struct sl_json_each e = sl_json_each(names); sl_json_next(&e);) {
        const char *name = sl_json_str(e.value);
        const char **known = sl_calloc(r->count + 1, sizeof *known);
        bool found = false;
        if (!known) return sl_fail(error, SL_NO_MEMORY, "no memory for a plan");
        for (size_t i = 0; i < r->count; i++) {
            char two[512];
            snprintf(two, sizeof two, "%s.%s", r->flows[i].schema_name, r->flows[i].name);
            known[i] = r->flows[i].name;
            found |=
                name && (strcasecmp(name, r->flows[i].name) == 0 || strcasecmp(name, two) == 0 ||
                         strcasecmp(name, r->report->tables[i].destination) == 0);
        }
        if (!found) {
            sl_fail(error, SL_BAD_SPEC, "no table of this pipeline lands in '%s'",
                    name ? name : "?");
            const char *near = name ? sl_nearest(name, known) : NULL;
            if (near) sl_error_hint(error, "Did you mean '%s'?", near);
        }
        sl_free(known);
        if (!found) return SL_BAD_SPEC;
    }
    return SL_OK;
}

static enum sl_code apply_selection(struct sl_planning *p, struct sl_error *error)
{
    const struct sl_run_options *o = p->options;
    struct sl_resolved *r = p->resolved;
    bool some = sl_json_len(o->refresh_selection) || sl_json_len(o->full_refresh_selection);
    enum sl_code rc = check_selection(p, o->refresh_selection, error);

    if (!rc) rc = check_selection(p, o->full_refresh_selection, error);
    for (size_t i = 0; i < r->count && !rc; i++) {
        struct sl_flow *flow = &r->flows[i];
        flow->reset = o->full_refresh || selected(o->full_refresh_selection, flow);
        if (some && !flow->reset && !selected(o->refresh_selection, flow) &&
            flow->report->state == SL_TABLE_QUEUED)
            flow->report->state = SL_TABLE_EXCLUDED;
    }
    return rc;
}

enum sl_code sl_resolve(const struct sl_run_options *options, struct sl_loop *loop,
                        void (*note)(void *ctx, enum sl_note level, const char *text), void *ctx,
                        struct sl_resolved **out, struct sl_error *error)
{
    struct sl_planning p = {.options = options, .note = note, .ctx = ctx};
    enum sl_code rc;

    *out = NULL;
    p.connector = sl_connector_find(options->source.connection->source);
    p.resolved = sl_calloc(1, sizeof *p.resolved);
    if (p.resolved) p.resolved->report = sl_calloc(1, sizeof *p.resolved->report);
    if (!p.connector || !p.resolved || !p.resolved->report) {
        sl_free(p.resolved);
        return p.connector ? sl_fail(error, SL_NO_MEMORY, "no memory for a plan")
                           : sl_fail(error, SL_BAD_SPEC, "no connector is called '%s'",
                                     options->source.connection->source);
    }
    sl_arena_init(&p.resolved->arena, PLAN_MEMORY_MAX);
    rc = sl_defs_new(sl_catalog_home(options->catalog), &p.resolved->defs, error);
    if (!rc) rc = plan_objects(&p, loop, error);
    for (size_t i = 0; i < p.resolved->count; i++) /* the arrays have stopped moving */
        p.resolved->flows[i].report = &p.resolved->report->tables[i];
    if (!rc) rc = apply_selection(&p, error);
    if (rc) {
        sl_report_free(p.resolved->report);
        sl_resolved_free(p.resolved);
        return rc;
    }
    fail_reserved(&p);
    fail_twins(&p);
    *out = p.resolved;
    return SL_OK;
}

void sl_resolved_free(struct sl_resolved *resolved)
{
    if (!resolved) return;
    for (size_t i = 0; i < resolved->count; i++) sl_flow_release(&resolved->flows[i]);
    sl_free(resolved->flows);
    sl_defs_free(resolved->defs);
    sl_arena_release(&resolved->arena);
    sl_free(resolved);
}
