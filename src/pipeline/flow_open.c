/* flow_open.c: one destination table: what is there, how its columns are called, where it begins. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/point.h"
#include "json/doc.h"
#include "pipeline/flow.h"

/* What our own domain in the table says: how many commits, which cursor. */
static enum sl_code read_domain(struct sl_flow *flow, struct sl_error *error)
{
    struct sl_doc *doc = NULL;
    const struct sl_json *root, *cursor;
    enum sl_code rc = sl_flow_domain(flow, &doc, &root, error);

    if (!rc && !root) {
        rc = sl_fail(
            error, SL_EXISTS,
            "the Delta table at '%s' was not made by this flow (connector '%s', table '%s')",
            flow->location, flow->connector->name, flow->def->name);
        sl_error_hint(error, "Choose another destination_table, or move that table away.");
    }
    if (rc) goto out;
    sl_json_i64(sl_json_get(root, "commit"), &flow->commits);
    cursor = sl_json_get(root, "cursor");
    if (cursor) {
        struct sl_json_writer *writer = sl_json_writer_new();
        if (writer) sl_json_put_value(writer, cursor);
        const char *copy = writer ? sl_json_writer_text(writer, NULL) : NULL;
        flow->old_cursor = copy ? sl_strdup(copy) : NULL;
        if (!flow->old_cursor) rc = sl_fail(error, SL_NO_MEMORY, "no memory for a cursor");
        sl_json_writer_free(writer);
    }
out:
    sl_doc_free(doc);
    return rc;
}

static const char *property(const struct sl_flow *flow, const char *name)
{
    return sl_json_str(sl_json_get(flow->object->config.table_properties, name));
}

static bool physical_ids(const struct sl_flow *flow)
{
    const char *mode = flow->table ? sl_delta_property(flow->table, "delta.columnMapping.mode")
                                   : property(flow, "delta.columnMapping.mode");

    return mode && (strcmp(mode, "name") == 0 || strcmp(mode, "id") == 0);
}

static enum sl_code make_schema(struct sl_flow *flow, struct sl_error *error)
{
    const struct sl_table_config *config = &flow->object->config;
    const char *existing = flow->table ? sl_delta_schema_json(flow->table) : NULL;
    struct sl_schema_options options = {
        .names = config->names,
        .include = config->include_columns,
        .exclude = config->exclude_columns,
        .primary_keys = config->primary_keys,
        .existing_schema_json = existing,
        .physical_ids = physical_ids(flow),
    };
    enum sl_code rc = sl_schema_new(flow->def, &options, &flow->schema, error);

    if (!rc && existing)
        rc = sl_schema_delta_missing(flow->schema, existing, options.physical_ids,
                                     &flow->add_columns, error);
    if (!rc) rc = sl_batch_new(flow->schema, flow->connector->special, &flow->batch, error);
    return rc;
}

/* APPEND_ONLY, or the content replaced: what the spec asks for against what the source can. */
static enum sl_code choose_mode(struct sl_flow *flow, struct sl_error *error)
{
    enum sl_scd scd = flow->object->config.scd;
    bool keyed = flow->schema->key_count > 0;

    if (scd == SL_SCD_TYPE_2) {
        sl_fail(error, SL_UNSUPPORTED, "SCD_TYPE_2 (history) is not offered yet");
        sl_error_hint(error, "Leave scd_type out, or use SCD_TYPE_1.");
        return SL_UNSUPPORTED;
    }
    if (scd == SL_SCD_APPEND_ONLY && flow->def->ingestion != SL_APPEND) {
        sl_fail(error, SL_UNSUPPORTED,
                "APPEND_ONLY would add rows again with every run: the rows of this source change");
        sl_error_hint(error, "Leave scd_type out: each run then brings the table up to date.");
        return SL_UNSUPPORTED;
    }
    if (scd == SL_SCD_TYPE_1 && !keyed) {
        sl_fail(error, SL_UNSUPPORTED, "SCD_TYPE_1 needs a key, and the source names none");
        sl_error_hint(error, "Give primary_keys in table_configuration.");
        return SL_UNSUPPORTED;
    }
    flow->append =
        scd == SL_SCD_APPEND_ONLY || (scd == SL_SCD_DEFAULT && flow->def->ingestion == SL_APPEND);
    return SL_OK;
}

/* A property of the table, or of the one that is to be made. */
static bool is_on(const struct sl_flow *flow, const char *name)
{
    const char *value = flow->table ? sl_delta_property(flow->table, name) : property(flow, name);

    return value && strcasecmp(value, "true") == 0;
}

/* What a table that is replaced with every run cannot have. */
static enum sl_code refuse_properties(const struct sl_flow *flow, struct sl_error *error)
{
    static const char *const names[] = {"delta.appendOnly", "delta.enableChangeDataFeed"};

    for (size_t i = 0; i < 2; i++) {
        if ((flow->append && !flow->reset) || !is_on(flow, names[i])) continue;
        sl_fail(error, SL_UNSUPPORTED,
                "'%s' has %s=true, and this run would replace its rows: nothing was changed",
                flow->location, names[i]);
        sl_error_hint(error,
                      "Turn it off (ALTER TABLE ... SET TBLPROPERTIES ('%s' = 'false'), and in "
                      "table_properties), or land in another destination_table.",
                      names[i]);
        return SL_UNSUPPORTED;
    }
    return SL_OK;
}

/* A landed table keeps the properties it was made with. */
static void note_kept_properties(struct sl_flow *flow)
{
    if (!flow->table || !flow->note) return;
    for (struct sl_json_each e = sl_json_each(flow->object->config.table_properties);
         sl_json_next(&e);) {
        const char *name = sl_json_str(e.key), *wanted = sl_json_str(e.value);
        const char *has = sl_delta_property(flow->table, name);
        char text[512];
        if (!wanted) wanted = sl_json_true(e.value) ? "true" : "false";
        if (strncmp(name, "sluice.", 7) == 0 || (has && strcmp(has, wanted) == 0)) continue;
        snprintf(text, sizeof text,
                 "table property %s=%s has no effect: the table was made with %s%s and keeps it",
                 name, wanted, has ? "" : "none", has ? has : "");
        flow->note(flow, SL_NOTE_WARNING, text);
    }
}

enum sl_code sl_flow_open(struct sl_flow *flow, struct sl_error *error)
{
    struct sl_delta_totals totals;
    enum sl_code rc = SL_OK;

    flow->old_rows = -1;
    flow->report->rows_expected = -1;
    if (!flow->table) { /* the plan may have opened it already */
        rc = sl_delta_open(flow->run->delta, flow->location, -1, &flow->table, error);
        if (rc == SL_NOT_FOUND) rc = SL_OK;
    }
    if (!rc && flow->table) rc = read_domain(flow, error);
    if (!rc && flow->table) {
        rc = sl_delta_totals(flow->table, &totals, error);
        if (!rc) flow->old_rows = totals.rows;
    }
    if (!rc) rc = make_schema(flow, error);
    if (!rc) rc = choose_mode(flow, error);
    if (!rc) rc = refuse_properties(flow, error);
    if (!rc && flow->schema->key_count > SL_STAGE_KEYS_MAX)
        rc = sl_fail(error, SL_UNSUPPORTED, "a key of %zu columns is over the limit of %d",
                     flow->schema->key_count, SL_STAGE_KEYS_MAX);
    if (!rc) note_kept_properties(flow);
    return rc;
}
/* ---- starting ---- */

#define PROPERTIES_MAX 64

/* The table is a draft until the commit: then its first version has everything, and before there is
 * nothing for a reader to find. */
static enum sl_code draft_table(struct sl_flow *flow, struct sl_error *error)
{
    struct sl_pair properties[PROPERTIES_MAX + 4];
    size_t count = 0;
    char *schema = NULL;
    const struct sl_json *asked = flow->object->config.table_properties;
    enum sl_code rc = sl_schema_delta_json(flow->schema, physical_ids(flow), &schema, error);

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
    SL_POINT("flow.draft");
    rc = sl_delta_draft(flow->run->delta, flow->location, schema, properties, count, &flow->table,
                        error);
out:
    sl_free(schema);
    return rc;
}

/* ids (or names) of the wanted columns, when not all are; *out NULL for all. */
static enum sl_code wanted_columns(const struct sl_flow *flow, char **out, struct sl_error *error)
{
    const struct sl_table_config *config = &flow->object->config;
    struct sl_json_writer *w;
    const char *text;

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
    text = sl_json_writer_text(w, NULL);
    *out = text ? sl_strdup(text) : NULL;
    sl_json_writer_free(w);
    return *out ? SL_OK : sl_fail(error, SL_NO_MEMORY, "no memory for columns");
}

enum sl_code sl_flow_start(struct sl_flow *flow, struct sl_loop *loop,
                           struct sl_neighbours neighbours, struct sl_error *error)
{
    struct ArrowSchema arrow = {0};
    char input[128];
    char *columns = NULL;
    enum sl_code rc = SL_OK;

    flow->report->started_us = sl_now_us(flow->run->source.world);
    flow->report->state = SL_TABLE_RUNNING;
    if (!flow->table) rc = draft_table(flow, error);
    if (rc) goto out;
    rc = sl_batch_arrow_schema(flow->batch, &arrow, error);
    if (rc) goto out;
    rc = sl_stage_new(flow->stages, flow->table, &arrow, flow->schema->keys,
                      flow->append ? 0 : flow->schema->key_count, flow->add_columns,
                      sl_catalog_home(flow->run->catalog), &flow->stage, error);
    if (rc) goto out;
    rc = wanted_columns(flow, &columns, error);
    if (rc) goto out;
    snprintf(input, sizeof input, "{\"tables\":%zu,\"rows\":%lld,\"rows_total\":%lld}",
             neighbours.tables, (long long)flow->old_rows, (long long)neighbours.rows);
    struct sl_job_options options = {
        .kind = SL_JOB_READ,
        .table = flow->def->name,
        .namespace_ = flow->def->namespace_,
        .table_options = flow->object->config.options_json,
        .cursor = flow->append && !flow->reset ? flow->old_cursor : NULL,
        .state = flow->def->state,
        .columns = columns,
        .input = input,
        .full = !flow->append || flow->reset,
    };
    rc = sl_loop_add(loop, &options, &sl_flow_sink, flow, &flow->job, error);
out:
    if (arrow.release) arrow.release(&arrow);
    sl_free(columns);
    return rc;
}
