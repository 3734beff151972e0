/* flow_open.c: one destination table: what is there, how its columns are called, where it begins. */
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "base/alloc.h"
#include "base/point.h"
#include "json/doc.h"
#include "json/write.h"
#include "pipeline/flow.h"

enum sl_code sl_flow_not_ours(const struct sl_flow *flow, struct sl_error *error)
{
    sl_fail(error, SL_EXISTS,
            "the Delta table at '%s' was not made by this flow (connector '%s', table '%s')",
            flow->location, flow->connector->name, flow->def->name);
    sl_error_hint(error, "Choose another destination_table, or move that table away.");
    return SL_EXISTS;
}

/* What the table says of this flow. One that says nothing is not ours to write to. */
static enum sl_code read_state(struct sl_flow *flow, struct sl_error *error)
{
    struct sl_delta_totals totals;
    enum sl_code rc = sl_flow_state_read(flow, &flow->state, error);

    if (!rc && !flow->state.there) rc = sl_flow_not_ours(flow, error);
    if (!rc) rc = sl_delta_totals(flow->table, &totals, error);
    if (!rc) flow->old_rows = totals.rows;
    return rc;
}

static const char *property(const struct sl_flow *flow, const char *name)
{
    return sl_json_str(sl_json_get(flow->object->config.table_properties, name));
}

/* What the spec asks for against what the source can. */
static enum sl_code choose_mode(struct sl_flow *flow, struct sl_error *error)
{
    const struct sl_table_config *config = &flow->object->config;
    enum sl_scd scd = config->scd;
    bool keyed = config->primary_keys ? sl_json_len(config->primary_keys) > 0
                                      : flow->def->primary_key && flow->def->primary_key[0];

    if (scd == SL_SCD_APPEND_ONLY && flow->def->ingestion != SL_APPEND) {
        sl_fail(error, SL_UNSUPPORTED,
                "APPEND_ONLY would add rows again with every run: the rows of this source change");
        sl_error_hint(error, "Leave scd_type out: each run then brings the table up to date.");
        return SL_UNSUPPORTED;
    }
    if ((scd == SL_SCD_TYPE_1 || scd == SL_SCD_TYPE_2) && !keyed) {
        sl_fail(error, SL_UNSUPPORTED, "%s needs a key, and the source names none",
                scd == SL_SCD_TYPE_1 ? "SCD_TYPE_1" : "SCD_TYPE_2");
        sl_error_hint(error, "Give primary_keys in table_configuration.");
        return SL_UNSUPPORTED;
    }
    if (scd == SL_SCD_APPEND_ONLY || (scd == SL_SCD_DEFAULT && flow->def->ingestion == SL_APPEND))
        flow->mode = SL_FLOW_APPEND;
    else if (scd == SL_SCD_TYPE_2)
        flow->mode = SL_FLOW_HISTORY;
    else
        flow->mode = keyed ? SL_FLOW_LATEST : SL_FLOW_REPLACE;
    flow->report->mode = sl_flow_mode_name(flow->mode);
    return SL_OK;
}

/* A table stays what it is: rows of one kind cannot become rows of another. */
static enum sl_code keep_mode(const struct sl_flow *flow, struct sl_error *error)
{
    const struct sl_flow_state *state = &flow->state;

    if (!state->there || state->mode == flow->mode) return SL_OK;
    if (state->format == 1 && state->mode == SL_FLOW_REPLACE && flow->mode == SL_FLOW_LATEST)
        return SL_OK; /* it was replaced as a whole before there was merging */
    sl_fail(error, SL_UNSUPPORTED, "'%s' was landed as '%s' and is now asked for as '%s'",
            flow->location, sl_flow_mode_name(state->mode), sl_flow_mode_name(flow->mode));
    sl_error_hint(error, "Go back to the scd_type it had, or land in another destination_table.");
    return SL_UNSUPPORTED;
}

/* A property of the table, or of the one that is to be made. */
static bool is_on(const struct sl_flow *flow, const char *name)
{
    const char *value = flow->table ? sl_delta_property(flow->table, name) : property(flow, name);

    return value && strcasecmp(value, "true") == 0;
}

bool sl_flow_vectors(const struct sl_flow *flow)
{
    return is_on(flow, "delta.enableDeletionVectors");
}

/* What a table whose rows change cannot have. */
static enum sl_code refuse_properties(const struct sl_flow *flow, struct sl_error *error)
{
    static const char *const names[] = {"delta.appendOnly", "delta.enableChangeDataFeed"};

    for (size_t i = 0; i < 2; i++) {
        if ((flow->mode == SL_FLOW_APPEND && !flow->reset) || !is_on(flow, names[i])) continue;
        sl_fail(error, SL_UNSUPPORTED,
                "'%s' has %s=true, and this run would change rows: nothing was changed",
                flow->location, names[i]);
        sl_error_hint(error,
                      "Turn it off (ALTER TABLE ... SET TBLPROPERTIES ('%s' = 'false'), and in "
                      "table_properties), or land in another destination_table.",
                      names[i]);
        return SL_UNSUPPORTED;
    }
    return SL_OK;
}

/* ---- opening ---- */

/* ids (or names) of the wanted columns, when not all are; *out NULL for all. */
static enum sl_code wanted_columns(const struct sl_flow *flow, char **out, struct sl_error *error)
{
    const struct sl_table_config *config = &flow->object->config;
    struct sl_json_writer *w;

    *out = NULL;
    if (!config->include_columns && !config->exclude_columns) return SL_OK;
    w = sl_json_writer_new();
    if (!w) return sl_fail(error, SL_NO_MEMORY, "no memory for columns");
    sl_json_begin_array(w);
    for (size_t i = 0; i < flow->schema->count; i++) {
        const struct sl_column *column = flow->schema->columns[i].source;
        if (column && !column->exact_name)
            sl_json_put_str(w, column->id ? column->id : column->name);
    }
    sl_json_end_array(w);
    *out = sl_json_writer_take(w);
    return *out ? SL_OK : sl_fail(error, SL_NO_MEMORY, "no memory for columns");
}

/* A cell that keeps its value needs to know which of two changes is the later one for that cell. */
static enum sl_code refuse_ignore_nulls(const struct sl_flow *flow, struct sl_error *error)
{
    if (!flow->object->config.ignore_null_updates) return SL_OK;
    if (flow->mode == SL_FLOW_LATEST && flow->schema->sequence_count == 0) return SL_OK;
    sl_fail(
        error, SL_UNSUPPORTED,
        "ignore_null_updates needs SCD_TYPE_1 and changes that come in order, without a sequence");
    sl_error_hint(error, "Leave ignore_null_updates out, or sequence_by.");
    return SL_UNSUPPORTED;
}

enum sl_code sl_flow_open(struct sl_flow *flow, bool look_only, struct sl_error *error)
{
    bool wants_full = false;
    enum sl_code rc = SL_OK;

    flow->old_rows = -1;
    flow->observed_us = SL_NO_TIME;
    flow->state.full_us = flow->state.observed_us = SL_NO_TIME;
    flow->report->rows_expected = -1;
    flow->report->source_keys = -1;
    if (flow->def == &flow->found->brief)
        rc = sl_defs_get(flow->defs, flow->found->whole, &flow->def_arena, &flow->def, error);
    if (rc) {
        flow->def = &flow->found->brief;
        return rc;
    }
    if (!flow->table) { /* the plan may have opened it already */
        rc = sl_delta_open(flow->run->delta, flow->location, -1, &flow->table, error);
        if (rc == SL_NOT_FOUND) rc = SL_OK;
    }
    if (!rc) rc = choose_mode(flow, error);
    if (!rc && flow->table) rc = read_state(flow, error);
    if (!rc) rc = keep_mode(flow, error);
    if (!rc) rc = refuse_properties(flow, error);
    /* Before the schema is followed: that may be a commit, which makes what was before it old. */
    if (!rc && flow->table) rc = sl_flow_look_for_foreigners(flow, error);
    if (!rc) rc = sl_flow_follow_schema(flow, look_only, &wants_full, error);
    if (!rc && flow->schema->key_count > SL_KEY_COLUMNS_MAX)
        rc = sl_fail(error, SL_UNSUPPORTED, "a key of %zu columns is over the limit of %d",
                     flow->schema->key_count, SL_KEY_COLUMNS_MAX);
    if (!rc) rc = refuse_ignore_nulls(flow, error);
    if (!rc) rc = wanted_columns(flow, &flow->scope, error);
    if (!rc) sl_flow_decide(flow, wants_full);
    return rc;
}

/* ---- starting ---- */

#define PROPERTIES_MAX 64

/* The table is a draft until the commit: then its first version has everything, and before there is
 * nothing for a reader to find. */
static enum sl_code draft_table(struct sl_flow *flow, struct sl_error *error)
{
    struct sl_pair properties[PROPERTIES_MAX + 5];
    size_t count = 0;
    char *schema = NULL;
    const struct sl_json *asked = flow->object->config.table_properties;
    enum sl_code rc = sl_schema_delta_json(flow->schema, flow->physical_ids, &schema, error);

    if (rc) goto out;
    for (struct sl_json_each e = sl_json_each(asked); sl_json_next(&e);) {
        if (strncmp(sl_json_str(e.key), "sluice.", 7) == 0) continue;
        if (count == PROPERTIES_MAX) {
            rc = sl_fail(error, SL_BAD_SPEC, "more than %d table_properties", PROPERTIES_MAX);
            goto out;
        }
        const char *text = sl_json_str(e.value);
        if (!text) text = sl_json_true(e.value) ? "true" : "false";
        properties[count++] = (struct sl_pair){sl_json_str(e.key), text};
    }
    properties[count++] = (struct sl_pair){"sluice.flow", flow->id};
    properties[count++] = (struct sl_pair){"sluice.connector", flow->connector->name};
    if (flow->def->id)
        properties[count++] = (struct sl_pair){"sluice.source_table_id", flow->def->id};
    if (flow->def->namespace_)
        properties[count++] = (struct sl_pair){"sluice.source_schema", flow->def->namespace_};
    if (flow->placed_as)
        properties[count++] = (struct sl_pair){"sluice.destination", flow->placed_as};
    SL_POINT("flow.draft");
    rc = sl_delta_draft(flow->run->delta, flow->location, schema, properties, count, &flow->table,
                        error);
out:
    sl_free(schema);
    return rc;
}

enum sl_code sl_flow_restage(struct sl_flow *flow, struct sl_error *error)
{
    const struct sl_table_config *config = &flow->object->config;
    const char *home = sl_catalog_home(flow->run->catalog);
    struct ArrowSchema arrow = {0};
    enum sl_code rc = sl_batch_arrow_schema(flow->batch, &arrow, error);

    sl_apply_free(flow->apply);
    sl_stage_free(flow->stage);
    flow->apply = NULL;
    flow->stage = NULL;
    if (!flow->beside) flow->beside = sl_calloc(1, sizeof *flow->beside);
    if (!rc && !flow->beside) rc = sl_fail(error, SL_NO_MEMORY, "no memory for a batch");
    if (!rc)
        rc =
            sl_stage_new(flow->stages, flow->table, &arrow, flow->add_columns, &flow->stage, error);
    if (!rc && sl_flow_keyed(flow)) {
        if (!sl_flow_vectors(flow)) sl_stage_file_bytes(flow->stage, SL_APPLY_REWRITTEN_BYTES);
        struct sl_apply_options options = {
            .schema = flow->schema,
            .history = flow->mode == SL_FLOW_HISTORY,
            .sequenced = flow->schema->sequence_count > 0,
            .tracked = flow->schema->tracked,
            .own_key = config->primary_keys != NULL,
            .fresh = flow->mode == SL_FLOW_LATEST && !flow->state.there && !flow->saved &&
                     !config->primary_keys && !config->ignore_null_updates,
            .ignore_nulls = config->ignore_null_updates,
            .memory_bytes = flow->run->spec->memory_bytes,
            .spill = home,
        };
        randombytes_buf(options.secret.bytes, sizeof options.secret.bytes);
        rc = sl_apply_new(&options, &flow->apply, error);
    }
    if (arrow.release) arrow.release(&arrow);
    return rc;
}

/* The cursor that the read goes on from: none when the source has no other way than to give all. */
static const char *cursor_for(const struct sl_flow *flow)
{
    if (flow->reset || flow->mode == SL_FLOW_REPLACE || flow->def->ingestion == SL_SNAPSHOT)
        return NULL;
    if (flow->full && flow->state.initial) return NULL; /* it says which parts need not be read */
    return flow->state.cursor;
}

static bool is_first_load(const struct sl_flow *flow)
{
    return sl_flow_keyed(flow) && !flow->full && (!flow->state.there || flow->state.initial);
}

/* Does the user limit how much this run may ask? Then a first load is cut, so that each run can
 * finish a part of it. */
static bool is_capped(const struct sl_flow *flow)
{
    return is_first_load(flow) &&
           (flow->run->spec->max_calls_per_run > 0 || flow->run->spec->quota_share > 0);
}

enum sl_code sl_flow_start(struct sl_flow *flow, struct sl_loop *loop,
                           struct sl_neighbours neighbours, struct sl_error *error)
{
    char input[160];
    enum sl_code rc = SL_OK;

    flow->loop = loop;
    flow->resumed = is_first_load(flow) && flow->state.initial;
    flow->report->started_us = sl_now_us(flow->run->source.world);
    flow->report->state = SL_TABLE_RUNNING;
    if (flow->why_full) {
        sl_flow_say(flow, SL_NOTE_INFO, "everything is read: %s", flow->why_full);
        flow->report->why_full = sl_strdup(flow->why_full);
        if (!flow->report->why_full) return sl_fail(error, SL_NO_MEMORY, "no memory for a report");
    }
    if (!flow->table) rc = draft_table(flow, error);
    if (!rc) rc = sl_flow_restage(flow, error);
    if (rc) return rc;
    snprintf(input, sizeof input,
             "{\"tables\":%zu,\"rows\":%lld,\"rows_total\":%lld,\"capped\":%s}", neighbours.tables,
             (long long)(flow->resumed ? -1 : flow->old_rows), (long long)neighbours.rows,
             is_capped(flow) ? "true" : "false");
    struct sl_job_options options = {
        .kind = SL_JOB_READ,
        .table = flow->def->name,
        .namespace_ = flow->def->namespace_,
        .table_options = flow->object->config.options_json,
        .cursor = cursor_for(flow),
        .state = flow->def->state,
        .columns = flow->scope,
        .input = input,
        .full = flow->full,
        .initial = is_first_load(flow),
        .one_by_one = flow->resumed && is_capped(flow),
    };
    return sl_loop_add(loop, &options, &sl_flow_sink, flow, &flow->job, error);
}
