/*
 * flow_schema.c: the destination follows the source's schema.
 *
 * What is to become of names, types and properties is decided by evolve.c, which is pure. Here it is
 * done: an alter is a commit of its own, without files, that carries the flow's domain like any
 * other; and what it makes necessary (a complete read) is in that domain before it is true.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/point.h"
#include "json/doc.h"
#include "json/write.h"
#include "pipeline/evolve.h"
#include "pipeline/flow.h"

#define ALTERS_MAX 3 /* it takes at most two */

/* The table as evolve sees it. When nothing may be changed, what an alter would make of it. */
struct table_now {
    const char *schema_json, *properties_json;
    char *altered_schema, *altered_properties; /* own the texts, or NULL */
};

static void table_now_release(struct table_now *now)
{
    sl_free(now->altered_schema);
    sl_free(now->altered_properties);
}

static enum sl_code look_at_table(const struct sl_flow *flow, struct table_now *now,
                                  struct sl_error *error)
{
    if (!flow->table) return SL_OK;
    now->schema_json = sl_delta_schema_json(flow->table);
    return sl_delta_properties_json(flow->table, &now->properties_json, error);
}

static enum sl_code alter_table(struct sl_flow *flow, const struct sl_evolution *evolution,
                                struct sl_error *error)
{
    struct sl_flow_state next = flow->state; /* borrows its texts */
    struct sl_pair domain = {flow->domain, NULL};
    enum sl_code rc;

    next.commits++;
    next.version = sl_delta_version(flow->table) + 1;
    next.mode = flow->mode; /* of an old format it may have been another, that cannot be kept */
    if (next.mode != flow->state.mode)
        next.full_due = (char *)(uintptr_t) "the table was landed in another mode before";
    if (flow->foreign && flow->mode != SL_FLOW_APPEND)
        next.full_due = (char *)(uintptr_t)flow->why_full;
    if (evolution->full_read_due) next.full_due = (char *)(uintptr_t) "its columns were changed";
    if (next.full_due != flow->state.full_due)
        next.lacked_us = SL_NO_TIME; /* a reason of its own */
    char *text = sl_flow_state_text(flow, &next, sl_now_us(flow->run->source.world));
    if (!text) return sl_fail(error, SL_NO_MEMORY, "no memory for a commit");
    domain.value = text;
    struct sl_delta_alter alter = {
        .operation = evolution->operation,
        .schema_json = evolution->schema_json,
        .set = evolution->set,
        .set_count = evolution->set_count,
        .app_id = flow->id,
        .app_version = next.commits,
        .domains = &domain,
        .domains_count = 1,
    };
    SL_POINT("flow.alter");
    rc = sl_delta_alter(flow->table, &alter, error);
    SL_POINT("flow.altered");
    sl_free(text);
    if (rc == SL_CONFLICT) {
        sl_fail(error, SL_FENCED, "somebody else wrote '%s' at the same time", flow->name);
        sl_error_hint(error, "Nothing of this run was committed to it. Run again.");
        return SL_FENCED;
    }
    return rc ? rc : sl_flow_state_read(flow, &flow->state, error);
}

/* ---- when nothing may be changed ---- */

static char *with_properties(const char *json, const struct sl_pair *set, size_t count)
{
    struct sl_json_writer *w = sl_json_writer_new();
    struct sl_doc *doc = sl_doc_new(0);
    const struct sl_json *root = NULL;
    struct sl_error ignored = {0};
    char *copy = NULL;

    if (!w || !doc || sl_doc_parse_copy(doc, json, strlen(json), &root, &ignored)) goto out;
    sl_json_begin_object(w);
    for (struct sl_json_each e = sl_json_each(root); sl_json_next(&e);) {
        bool set_anew = false;
        for (size_t i = 0; i < count; i++) set_anew |= sl_json_eq(e.key, set[i].key);
        if (set_anew) continue;
        sl_json_key(w, sl_json_str(e.key));
        sl_json_put_value(w, e.value);
    }
    for (size_t i = 0; i < count; i++)
        if (set[i].value) sl_json_kv_str(w, set[i].key, set[i].value);
    sl_json_end_object(w);
    copy = sl_json_writer_take(w);
    w = NULL;
out:
    sl_doc_free(doc);
    sl_json_writer_free(w);
    return copy;
}

static enum sl_code imagine(struct table_now *now, const struct sl_evolution *evolution,
                            struct sl_error *error)
{
    char *properties = with_properties(now->properties_json, evolution->set, evolution->set_count);
    char *schema = sl_strdup(evolution->schema_json ? evolution->schema_json : now->schema_json);

    table_now_release(now);
    now->schema_json = now->altered_schema = schema;
    now->properties_json = now->altered_properties = properties;
    return schema && properties ? SL_OK : sl_fail(error, SL_NO_MEMORY, "no memory for a schema");
}

/* ---- one step after the other ---- */

static void tell(struct sl_flow *flow, const struct sl_evolution *evolution)
{
    for (size_t i = 0; i < evolution->note_count; i++)
        sl_flow_say(flow, evolution->notes[i].level, "%s", evolution->notes[i].text);
}

static enum sl_code evolve_once(struct sl_flow *flow, bool look_only, struct table_now *now,
                                bool *done, bool *wants_full, struct sl_error *error)
{
    const struct sl_table_config *config = &flow->object->config;
    struct sl_schema_options options = {
        .names = config->names,
        .include = config->include_columns,
        .exclude = config->exclude_columns,
        .primary_keys = config->primary_keys,
        .sequence_by = config->sequence_by,
        .track_history = config->track_history_columns,
        .history = flow->mode == SL_FLOW_HISTORY,
    };
    struct sl_evolve_input input = {
        .def = flow->def,
        .options = &options,
        .schema_json = now->schema_json,
        .properties_json = now->properties_json,
        /* What is compared with its source has the names that it has. */
        .wanted = flow->run->verify ? NULL : config->table_properties,
        .keep_names = config->keep_names || flow->run->verify,
        .now_us = sl_now_us(flow->run->source.world),
    };
    struct sl_evolution evolution = {0};
    enum sl_code rc = sl_evolve(&input, &evolution, error);

    if (!rc) {
        if (!look_only) tell(flow, &evolution);
        *wants_full |= evolution.full_read_due;
        *done = evolution.operation == NULL;
        if (!*done)
            rc = look_only ? imagine(now, &evolution, error) : alter_table(flow, &evolution, error);
    }
    if (!rc && *done) {
        flow->schema = evolution.schema;
        flow->add_columns = evolution.add_columns;
        flow->physical_ids = evolution.physical_ids;
        evolution.schema = NULL;
        evolution.add_columns = NULL;
    }
    sl_evolution_release(&evolution);
    return rc;
}

enum sl_code sl_flow_follow_schema(struct sl_flow *flow, bool look_only, bool *wants_full,
                                   struct sl_error *error)
{
    struct table_now now = {0};
    bool done = false;
    enum sl_code rc = look_at_table(flow, &now, error);

    for (int i = 0; !rc && !done && i < ALTERS_MAX; i++) {
        rc = evolve_once(flow, look_only, &now, &done, wants_full, error);
        if (!rc && !done && !look_only) rc = look_at_table(flow, &now, error);
    }
    table_now_release(&now);
    if (!rc && !done)
        rc = sl_fail(error, SL_BUG, "the schema of '%s' does not come to rest", flow->location);
    if (!rc) rc = sl_batch_new(flow->schema, flow->connector->special, &flow->batch, error);
    return rc;
}
