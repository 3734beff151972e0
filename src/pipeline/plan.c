#include "pipeline/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "json/doc.h"
#include "options/options.h"

#define PLAN_MEMORY_MAX ((size_t)512 << 20)
#define OPEN_MAX 16 /* tables kept open from planning to running */

struct planning {
    const struct sl_run_options *options;
    struct sl_resolved *resolved;
    const struct sl_connector *connector;
    void (*note)(void *ctx, enum sl_note level, const char *text);
    void *ctx;
};

/* ---- the tables of one namespace ---- */

/* How well a table answers to a name: 3 by its very name, 2 by its id, 1 but for case, 0 not. */
static int answers(const struct sl_table_def *def, const char *name)
{
    if (strcmp(def->name, name) == 0) return 3;
    if (def->id && strcmp(def->id, name) == 0) return 2;
    return strcasecmp(def->name, name) == 0;
}

static bool same_text(const char *a, const char *b)
{
    return (!a && !b) || (a && b && strcmp(a, b) == 0);
}

/*
 * The table of this name, or *out = NULL. Where several namespaces have one, that of `home` is
 * meant (the landed table's, or NULL); without it the specification does not say enough.
 */
static enum sl_code find_def(const struct sl_table_def **defs, size_t count, const char *name,
                             const struct sl_table_def *home, const struct sl_table_def **out,
                             struct sl_error *error)
{
    const struct sl_table_def *second = NULL;
    int best = 0;

    *out = NULL;
    for (size_t i = 0; i < count; i++) {
        int rank = answers(defs[i], name);
        if (rank == 0 || rank < best) continue;
        if (rank > best) *out = NULL, second = NULL;
        best = rank;
        if (!*out)
            *out = defs[i];
        else if (home && same_text(defs[i]->namespace_, home->namespace_))
            *out = defs[i], second = NULL;
        else if (!home || !same_text((*out)->namespace_, home->namespace_))
            second = defs[i];
    }
    if (!second) return SL_OK;
    sl_fail(error, SL_BAD_SPEC, "'%s' is a table of '%s' and of '%s'", name,
            (*out)->namespace_ ? (*out)->namespace_ : "",
            second->namespace_ ? second->namespace_ : "");
    sl_error_hint(error, "Say which with source_schema.");
    return SL_BAD_SPEC;
}

static const struct sl_table_def *find_id(const struct sl_table_def **defs, size_t count,
                                          const char *id)
{
    for (size_t i = 0; id && i < count; i++)
        if (defs[i]->id && strcmp(defs[i]->id, id) == 0) return defs[i];
    return NULL;
}

static enum sl_code no_such_table(const struct sl_table_def **defs, size_t count, const char *name,
                                  struct sl_error *error)
{
    const char **names = sl_calloc(count + 1, sizeof *names);
    const char *near = NULL;

    sl_fail(error, SL_NOT_FOUND, "the source has no table '%s'", name);
    for (size_t i = 0; names && i < count; i++) names[i] = defs[i]->name;
    if (names) near = sl_nearest(name, names);
    if (near)
        sl_error_hint(error, "Did you mean '%s'?", near);
    else
        sl_error_hint(error, "List them with: sluice discover CONNECTION.");
    sl_free(names);
    return SL_NOT_FOUND;
}

/* ---- flows ---- */

static struct sl_flow *new_flow(struct planning *p, const struct sl_object *object,
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
            sl_fail(error, SL_NO_MEMORY, "no memory for a plan");
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
    flow->catalog_name = object->catalog;
    flow->schema_name = object->schema;
    r->count++;
    r->report->count = r->count;
    return flow;
}

/* Text that lives with the report, which outlives the plan. */
static const char *report_text(const char *text)
{
    return text ? sl_strdup(text) : NULL;
}

static enum sl_code place_flow(struct planning *p, struct sl_flow *flow, const char *name,
                               struct sl_error *error)
{
    struct sl_table_report *report = &p->resolved->report->tables[flow - p->resolved->flows];
    struct sl_buf text = {0};
    enum sl_code rc;

    flow->report = report;
    flow->name = sl_arena_strdup(&p->resolved->arena, name);
    rc = sl_table_location(p->options->catalog, flow->catalog_name, flow->schema_name, name, &text,
                           error);
    if (!rc) flow->location = sl_arena_strdup(&p->resolved->arena, sl_buf_str(&text));
    report->location = report_text(flow->location);
    sl_buf_reset(&text);
    sl_buf_addf(&text, "%s.%s.%s", flow->catalog_name, flow->schema_name, name);
    report->destination = report_text(sl_buf_str(&text));
    report->source_table = report_text(flow->def                    ? flow->def->name
                                       : flow->object->source_table ? flow->object->source_table
                                                                    : "(all)");
    if (!rc && (!flow->name || !flow->location || !report->destination || !report->source_table))
        rc = sl_fail(error, SL_NO_MEMORY, "no memory for a plan");
    sl_buf_release(&text);
    return rc;
}

/* Rejected rows of 'x' land in 'x__rejected': nothing else may. */
static bool reserved_name(const char *name)
{
    static const char suffix[] = "__rejected";
    size_t len = strlen(name), tail = sizeof suffix - 1;

    return len >= tail && strcasecmp(name + len - tail, suffix) == 0;
}

static enum sl_code name_flow(struct planning *p, struct sl_flow *flow, struct sl_error *error)
{
    struct sl_arena *arena = &p->resolved->arena;
    char id[SL_FLOW_ID_MAX];
    const char *account = flow->def->namespace_id ? flow->def->namespace_id : flow->def->namespace_;
    const char *table = flow->def->id ? flow->def->id : flow->def->name;

    if (!account) account = p->options->source.connection->name;
    sl_flow_id(p->connector->name, account, table, id);
    flow->id = sl_arena_strdup(arena, id);
    flow->domain = sl_arena_printf(arena, "sluice.cursor.%s", id);
    flow->aside_domain = sl_arena_printf(arena, "sluice.aux.%s", id);
    return flow->id && flow->domain && flow->aside_domain
               ? SL_OK
               : sl_fail(error, SL_NO_MEMORY, "no memory for a plan");
}

static void snake(const char *name, struct sl_buf *out)
{
    sl_buf_reset(out);
    sl_name_snake(name, out);
}

/* Did the specification call the table by this name when it last landed? Then it was the source that
 * gave the name to another table since; else the specification means another table now. */
static enum sl_code was_named(struct planning *p, struct sl_flow *flow, const char *name,
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

static enum sl_code plan_table(struct planning *p, const struct sl_object *object,
                               const struct sl_table_def **defs, size_t count,
                               struct sl_error *error)
{
    struct sl_flow *flow = new_flow(p, object, error);
    const struct sl_table_def *named;
    struct sl_buf name = {0};
    struct sl_error why = {0};
    const char *id = NULL;
    enum sl_code rc;

    if (!flow) return error->code;
    if (object->table)
        sl_buf_adds(&name, object->table);
    else
        snake(object->source_table, &name);
    rc = sl_buf_failed(&name) ? sl_fail(error, SL_NO_MEMORY, "no memory for a plan")
                              : place_flow(p, flow, sl_buf_str(&name), error);
    sl_buf_release(&name);
    if (rc) return rc;
    enum sl_code opened = sl_delta_open(p->options->delta, flow->location, -1, &flow->table, &why);
    if (flow->table) id = sl_delta_property(flow->table, "sluice.source_table_id");
    flow->def = find_id(defs, count, id);
    struct sl_error unclear = {0};
    rc = find_def(defs, count, object->source_table, flow->def, &named, &unclear);
    if (rc && !flow->def) {
        sl_flow_fail(flow, &unclear);
        return SL_OK;
    }
    if (opened && opened != SL_NOT_FOUND) {
        flow->def = named; /* so that no schema object lands it elsewhere */
        sl_flow_fail(flow, &why);
        return SL_OK;
    }
    if (flow->def && named && flow->def != named) {
        bool renamed = false;
        rc = was_named(p, flow, object->source_table, &renamed, error);
        if (rc) return rc;
        if (!renamed) flow->def = named; /* the table there is not of this flow: refused later */
    }
    if (flow->def && flow->def != named) {
        const char *text =
            sl_arena_printf(&p->resolved->arena,
                            "'%s' is called '%s' in the source now; it keeps landing in %s",
                            object->source_table, flow->def->name, flow->report->destination);
        if (text) p->note(p->ctx, SL_NOTE_INFO, text);
    }
    if (!flow->def) flow->def = named;
    if (p->resolved->count > OPEN_MAX) { /* its turn is far: it is opened again then */
        sl_delta_table_free(flow->table);
        flow->table = NULL;
    }
    if (!flow->def) {
        no_such_table(defs, count, object->source_table, &why);
        sl_flow_fail(flow, &why);
        return SL_OK;
    }
    return name_flow(p, flow, error);
}

/* One table, perhaps discovered twice. */
static bool same_table(const struct sl_table_def *a, const struct sl_table_def *b)
{
    return a && b && same_text(a->namespace_, b->namespace_) && same_text(a->id, b->id) &&
           (a->id || strcmp(a->name, b->name) == 0);
}

/* Does an explicit object of the same destination schema already take this table? */
static bool taken(const struct planning *p, const struct sl_object *object,
                  const struct sl_table_def *def)
{
    for (size_t i = 0; i < p->resolved->count; i++) {
        const struct sl_flow *flow = &p->resolved->flows[i];
        if (same_table(flow->def, def) && strcasecmp(flow->catalog_name, object->catalog) == 0 &&
            strcasecmp(flow->schema_name, object->schema) == 0)
            return true;
    }
    return false;
}

/* A table that landed before. */
struct named {
    const char *id, *name, *source_schema;
};

static enum sl_code snake_names(struct planning *p, const struct sl_table_def **defs, size_t count,
                                const char **names, struct sl_error *error)
{
    struct sl_buf name = {0};
    bool failed = false;

    for (size_t i = 0; i < count && !failed; i++) {
        snake(defs[i]->name, &name);
        names[i] =
            sl_buf_failed(&name) ? NULL : sl_arena_strdup(&p->resolved->arena, sl_buf_str(&name));
        failed = !names[i];
    }
    sl_buf_release(&name);
    return failed ? sl_fail(error, SL_NO_MEMORY, "no memory for a plan") : SL_OK;
}

/* Two tables of a namespace whose names become the same: all of them get their id's tail. */
static const char *schema_table_name(struct planning *p, const struct sl_table_def **defs,
                                     size_t count, const char *const *names, size_t index)
{
    const char *id = defs[index]->id;

    for (size_t i = 0; i < count && id; i++) {
        if (i == index || defs[i]->excluded || strcmp(names[i], names[index]) != 0) continue;
        size_t len = strlen(id);
        return sl_arena_printf(&p->resolved->arena, "%s_%s", names[index],
                               id + (len > 6 ? len - 6 : 0));
    }
    return names[index];
}

/* The destinations that this catalog already has, by the ids of their source tables. */
static enum sl_code landed_names(struct planning *p, const struct sl_object *object,
                                 struct named **out, size_t *count, struct sl_error *error)
{
    struct sl_arena *arena = &p->resolved->arena;
    struct sl_buf list = {0};
    struct sl_doc *doc = sl_doc_new(0);
    const struct sl_json *root = NULL;
    enum sl_code rc = doc ? SL_OK : sl_fail(error, SL_NO_MEMORY, "no memory for a plan");

    *out = NULL;
    *count = 0;
    if (!rc)
        rc = sl_tables_list(p->options->catalog, object->catalog, object->schema, &list, error);
    if (!rc) rc = sl_doc_parse_copy(doc, sl_buf_str(&list), list.len, &root, error);
    if (rc == SL_NOT_FOUND) rc = SL_OK, *error = (struct sl_error){0}; /* no such schema yet */
    if (!rc && sl_json_len(root) > 0) {
        *out = SL_ARENA_ARRAY(arena, struct named, sl_json_len(root));
        if (!*out) rc = sl_fail(error, SL_NO_MEMORY, "no memory for a plan");
    }
    for (struct sl_json_each e = sl_json_each(root); !rc && sl_json_next(&e);) {
        const char *id =
            sl_json_str(sl_json_path(e.value, "properties", "sluice.source_table_id", NULL));
        const char *name = sl_json_str(sl_json_get(e.value, "name"));
        if (!id || !name) continue;
        struct named *named = &(*out)[(*count)++];
        named->id = sl_arena_strdup(arena, id);
        named->name = sl_arena_strdup(arena, name);
        const char *schema =
            sl_json_str(sl_json_path(e.value, "properties", "sluice.source_schema", NULL));
        named->source_schema = schema ? sl_arena_strdup(arena, schema) : NULL;
        if (!named->id || !named->name) rc = sl_fail(error, SL_NO_MEMORY, "no memory for a plan");
    }
    sl_doc_free(doc);
    sl_buf_release(&list);
    return rc;
}

/* Is a destination name in use, by a table that landed before or by another object? */
static bool name_in_use(const struct planning *p, const struct sl_object *object,
                        const struct named *landed, size_t landed_count, const char *name)
{
    for (size_t k = 0; k < landed_count; k++)
        if (strcasecmp(landed[k].name, name) == 0) return true;
    for (size_t i = 0; i < p->resolved->count; i++) {
        const struct sl_flow *flow = &p->resolved->flows[i];
        if (strcasecmp(flow->name, name) == 0 &&
            strcasecmp(flow->catalog_name, object->catalog) == 0 &&
            strcasecmp(flow->schema_name, object->schema) == 0)
            return true;
    }
    return false;
}

/* What a table of a schema object is called: what it was called before, else its own name, with its
 * id's tail where that is in use. NULL: no memory. */
static const char *destination_name(struct planning *p, const struct sl_object *object,
                                    const struct sl_table_def **defs, size_t count,
                                    const char *const *names, size_t index,
                                    const struct named *landed, size_t landed_count)
{
    const char *id = defs[index]->id, *name;

    for (size_t k = 0; k < landed_count && id; k++)
        if (strcmp(landed[k].id, id) == 0) return landed[k].name;
    name = schema_table_name(p, defs, count, names, index);
    if (!name || !id || !name_in_use(p, object, landed, landed_count, name)) return name;
    size_t len = strlen(id);
    return sl_arena_printf(&p->resolved->arena, "%s_%s", names[index],
                           id + (len > 6 ? len - 6 : 0));
}

/* Tables that landed before and are not in the source any more: kept, and said. */
static void note_gone(struct planning *p, const struct sl_object *object,
                      const struct sl_table_def **defs, size_t count, const struct named *landed,
                      size_t landed_count)
{
    for (size_t k = 0; k < landed_count; k++) {
        bool here = false, neighbour = false;
        for (size_t i = 0; i < count; i++) {
            here |= defs[i]->id && strcmp(defs[i]->id, landed[k].id) == 0;
            neighbour |= same_text(defs[i]->namespace_, landed[k].source_schema);
        }
        if (here || !neighbour) continue;
        const char *text =
            sl_arena_printf(&p->resolved->arena,
                            "%s.%s.%s: its table is not in the source any more; its rows stay",
                            object->catalog, object->schema, landed[k].name);
        if (text) p->note(p->ctx, SL_NOTE_WARNING, text);
    }
}

static enum sl_code plan_schema(struct planning *p, const struct sl_object *object,
                                const struct sl_table_def **defs, size_t count,
                                struct sl_error *error)
{
    const char **names = SL_ARENA_ARRAY(&p->resolved->arena, const char *, count + 1);
    struct named *landed = NULL;
    size_t landed_count = 0;
    enum sl_code rc = names ? snake_names(p, defs, count, names, error)
                            : sl_fail(error, SL_NO_MEMORY, "no memory for a plan");

    if (!rc) rc = landed_names(p, object, &landed, &landed_count, error);
    for (size_t i = 0; i < count && !rc; i++) {
        if (defs[i]->excluded || taken(p, object, defs[i])) continue;
        const char *name = destination_name(p, object, defs, count, names, i, landed, landed_count);
        if (!name) return sl_fail(error, SL_NO_MEMORY, "no memory for a plan");
        struct sl_flow *flow = new_flow(p, object, error);
        if (!flow) return error->code;
        flow->def = defs[i];
        rc = place_flow(p, flow, name, error);
        if (!rc) rc = name_flow(p, flow, error);
    }
    if (!rc) note_gone(p, object, defs, count, landed, landed_count);
    return rc;
}

/* ---- discovery: one for each namespace and set of options that change columns ---- */

struct group {
    const char *source_schema, *shape_json;
    const struct sl_table_def **defs;
    size_t count;
    struct sl_error error; /* code SL_OK: discovered */
};

struct placed {
    const struct sl_table_def *def;
    size_t index;
};

static int by_namespace(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    const char *xs = x->def->namespace_, *ys = y->def->namespace_;
    int order = strcmp(xs ? xs : "", ys ? ys : "");

    return order ? order : (x->index > y->index) - (x->index < y->index);
}

/* Namespaces answer in any order; a plan is to be the same every time. */
static enum sl_code sort_defs(const struct sl_table_def **defs, size_t count,
                              struct sl_error *error)
{
    struct placed *placed = sl_calloc(count + 1, sizeof *placed);

    if (!placed) return sl_fail(error, SL_NO_MEMORY, "no memory for a plan");
    for (size_t i = 0; i < count; i++) placed[i] = (struct placed){defs[i], i};
    if (count) qsort(placed, count, sizeof *placed, by_namespace);
    for (size_t i = 0; i < count; i++) defs[i] = placed[i].def;
    sl_free(placed);
    return SL_OK;
}

static bool in_group(const struct sl_object *object, const struct group *group)
{
    return same_text(object->source_schema, group->source_schema) &&
           same_text(object->config.shape_json, group->shape_json);
}

static enum sl_code discover_groups(struct planning *p, struct sl_loop *loop, struct group *groups,
                                    size_t *count, struct sl_error *error)
{
    const struct sl_spec *spec = p->options->spec;

    for (size_t i = 0; i < spec->object_count; i++) {
        const struct sl_object *object = &spec->objects[i];
        size_t k = 0;
        while (k < *count && !in_group(object, &groups[k])) k++;
        if (k < *count) continue;
        struct group *group = &groups[(*count)++];
        group->source_schema = object->source_schema;
        group->shape_json = object->config.shape_json;
        enum sl_code rc = sl_discover_defs(loop, &p->options->source, group->source_schema,
                                           group->shape_json, &p->resolved->arena, &group->defs,
                                           &group->count, p->note, p->ctx, &group->error);
        if (rc == SL_AUTH || rc == SL_CANCELLED || rc == SL_NO_MEMORY || rc == SL_QUOTA) {
            *error = group->error; /* the others would end the same way */
            return rc;
        }
        if (!rc) rc = sort_defs(group->defs, group->count, error);
        if (rc == SL_NO_MEMORY) return rc;
    }
    return SL_OK;
}

/* A namespace that could not be read: its objects fail with that reason. */
static enum sl_code plan_lost(struct planning *p, const struct sl_object *object,
                              const struct sl_error *why, struct sl_error *error)
{
    struct sl_flow *flow = new_flow(p, object, error);
    enum sl_code rc;

    if (!flow) return error->code;
    rc = place_flow(p, flow,
                    object->table          ? object->table
                    : object->source_table ? object->source_table
                                           : "(all)",
                    error);
    if (!rc) sl_flow_fail(flow, why);
    return rc;
}

static enum sl_code plan_object(struct planning *p, const struct sl_object *object,
                                const struct group *group, struct sl_error *error)
{
    size_t before = p->resolved->count;
    enum sl_code rc;

    if (sl_failed(group->error.code)) return plan_lost(p, object, &group->error, error);
    if (!object->whole_schema) return plan_table(p, object, group->defs, group->count, error);
    rc = plan_schema(p, object, group->defs, group->count, error);
    if (!rc && p->resolved->count == before)
        p->note(p->ctx, SL_NOTE_WARNING, "a schema object matched no table");
    return rc;
}

static enum sl_code plan_objects(struct planning *p, struct sl_loop *loop, struct sl_error *error)
{
    const struct sl_spec *spec = p->options->spec;
    struct group *groups = sl_calloc(spec->object_count + 1, sizeof *groups);
    size_t count = 0;
    enum sl_code rc;

    if (!groups) return sl_fail(error, SL_NO_MEMORY, "no memory for a plan");
    rc = discover_groups(p, loop, groups, &count, error);
    for (int pass = 0; pass < 2 && !rc; pass++) /* named tables first: a schema takes the rest */
        for (size_t i = 0; i < spec->object_count && !rc; i++) {
            const struct sl_object *object = &spec->objects[i];
            size_t k = 0;
            if (object->whole_schema != (pass == 1)) continue;
            while (!in_group(object, &groups[k])) k++;
            rc = plan_object(p, object, &groups[k], error);
        }
    sl_free(groups);
    return rc;
}

static void fail_reserved(struct planning *p)
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

static void fail_twins(struct planning *p)
{
    struct sl_resolved *r = p->resolved;

    for (size_t i = 0; i < r->count; i++)
        for (size_t k = 0; k < i; k++) {
            struct sl_table_report *a = &r->report->tables[i], *b = &r->report->tables[k];
            if (strcasecmp(a->destination, b->destination) != 0 || a->error.code) continue;
            struct sl_error error = {0};
            sl_fail(&error, SL_BAD_SPEC, "'%s' and '%s' would both land in %s", b->source_table,
                    a->source_table, a->destination);
            sl_error_hint(&error, "Give one of them another destination_table.");
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
static enum sl_code check_selection(struct planning *p, const struct sl_json *names,
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

static enum sl_code apply_selection(struct planning *p, struct sl_error *error)
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
    struct planning p = {.options = options, .note = note, .ctx = ctx};
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
    rc = plan_objects(&p, loop, error);
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
    sl_arena_release(&resolved->arena);
    sl_free(resolved);
}
