#include "pipeline/flow.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/point.h"
#include "base/time.h"
#include "json/doc.h"

#define COMMIT_TRIES_MAX 8
#define COLLAPSE_ROWS_MIN 100 /* smaller tables may shrink as they like */

/* ---- opening ---- */

/* What our own domain in the table says: how many commits, which cursor. */
static enum sl_code read_domain(struct sl_flow *flow, struct sl_error *error)
{
    struct sl_doc *doc = NULL;
    const struct sl_json *root, *cursor;
    const char *text = NULL;
    enum sl_code rc = sl_delta_domain(flow->table, flow->domain, &text, error);

    if (rc) return rc;
    if (!text) {
        sl_fail(error, SL_EXISTS,
                "the Delta table at '%s' was not made by this flow (connector '%s', table '%s')",
                flow->location, flow->connector->name, flow->def->name);
        sl_error_hint(error, "Choose another destination_table, or move that table away.");
        return SL_EXISTS;
    }
    doc = sl_doc_new(0);
    if (!doc) return sl_fail(error, SL_NO_MEMORY, "no memory for a cursor");
    rc = sl_doc_parse_copy(doc, text, strlen(text), &root, error);
    if (rc) {
        sl_error_context(error, "the cursor in '%s' cannot be read", flow->location);
        goto out;
    }
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
    if (scd == SL_SCD_APPEND_ONLY && flow->def->ingestion == SL_SNAPSHOT) {
        sl_fail(error, SL_UNSUPPORTED,
                "APPEND_ONLY on a snapshot source would add every row again with every run");
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

/* ---- the domain: the cursor and whose it is ---- */

static void put_domain(struct sl_json_writer *w, const struct sl_flow *flow, int64_t commit,
                       const char *cursor, int64_t now_us)
{
    char time[SL_TIME_TEXT_MAX];

    sl_json_begin_object(w);
    sl_json_kv_i64(w, "format", 1);
    sl_json_kv_str(w, "connector", flow->connector->name);
    sl_json_kv_str(w, "version", SLUICE_VERSION);
    sl_json_kv_str(w, "source_table", flow->def->name);
    if (flow->def->id) sl_json_kv_str(w, "source_table_id", flow->def->id);
    if (flow->object->source_table) sl_json_kv_str(w, "named", flow->object->source_table);
    if (flow->def->namespace_) sl_json_kv_str(w, "source_schema", flow->def->namespace_);
    sl_json_kv_str(w, "mode", flow->append ? "append" : "replace");
    sl_json_kv_str(w, "run", flow->run->update ? sl_update_id(flow->run->update) : "");
    sl_json_kv_i64(w, "commit", commit);
    sl_json_kv_str(w, "at", sl_time_format_ms(now_us, time));
    if (cursor) {
        sl_json_key(w, "cursor");
        sl_json_put_raw(w, cursor, strlen(cursor));
    }
    sl_json_end_object(w);
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

static const struct sl_sink flow_sink;

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
        .expected_rows = flow->old_rows,
    };
    rc = sl_loop_add(loop, &options, &flow_sink, flow, &flow->job, error);
out:
    if (arrow.release) arrow.release(&arrow);
    sl_free(columns);
    return rc;
}

/* ---- rows ---- */

static enum sl_code flush(struct sl_flow *flow, struct sl_error *error)
{
    struct ArrowArray rows = {0};
    enum sl_code rc;

    if (sl_batch_rows(flow->batch) == 0) return SL_OK;
    rc = sl_batch_take(flow->batch, &rows, error);
    if (!rc) rc = sl_stage_append(flow->stage, flow->parts, flow->part_count, &rows, error);
    flow->part_count = 0;
    return rc;
}

static enum sl_code reject_row(struct sl_flow *flow, uint64_t unit, const struct sl_json *row,
                               const struct sl_error *why, struct sl_error *error)
{
    struct sl_json_writer *w = sl_json_writer_new();
    const char *text;
    size_t len = 0;
    enum sl_code rc;

    if (w) sl_json_put_value(w, row);
    text = w ? sl_json_writer_text(w, &len) : NULL;
    rc = text ? sl_rejects_add(flow, unit, text, len, why->message, error)
              : sl_fail(error, SL_NO_MEMORY, "no memory for a rejected row");
    sl_json_writer_free(w);
    return rc;
}

struct rows_args {
    uint64_t unit;
    const struct sl_doc *doc;
    const struct sl_constant *constants;
    size_t count;
    int64_t now_us;
};

static enum sl_code take_row(struct sl_flow *flow, const struct rows_args *args,
                             const struct sl_json *row, struct sl_error *error)
{
    enum sl_code rc = sl_batch_append(flow->batch, args->doc, row, args->constants, args->count,
                                      args->now_us, error);

    if (rc == SL_BAD_DATA) {
        struct sl_error why = *error;
        *error = (struct sl_error){0};
        return reject_row(flow, args->unit, row, &why, error);
    }
    if (rc) return rc;
    flow->report->rows_read++;
    if (flow->part_count == 0 || flow->parts[flow->part_count - 1].unit != args->unit)
        flow->parts[flow->part_count++] = (struct sl_stage_part){.unit = args->unit};
    flow->parts[flow->part_count - 1].rows++;
    if (flow->part_count == SL_FLOW_PARTS_MAX || sl_batch_rows(flow->batch) >= SL_FLOW_BATCH_ROWS ||
        sl_batch_bytes(flow->batch) >= SL_FLOW_BATCH_BYTES)
        return flush(flow, error);
    return SL_OK;
}

static enum sl_code on_rows(void *ctx, uint64_t unit, const struct sl_doc *doc, const char *table,
                            const struct sl_json *rows, const struct sl_constant *constants,
                            size_t count, struct sl_sequence sequence, int64_t observed_us,
                            struct sl_error *error)
{
    struct sl_flow *flow = ctx;
    struct rows_args args = {unit, doc, constants, count, sl_now_us(flow->run->source.world)};
    enum sl_code rc = SL_OK;

    (void)sequence, (void)observed_us; /* a replaced or appended table needs neither */
    if (strcmp(table, flow->def->name) != 0)
        return sl_fail(error, SL_BUG, "the read of '%s' emitted rows of '%s'", flow->def->name,
                       table);
    if (sl_json_kind(rows) != SL_JSON_ARRAY) return take_row(flow, &args, rows, error);
    for (struct sl_json_each e = sl_json_each(rows); !rc && sl_json_next(&e);)
        rc = take_row(flow, &args, e.value, error);
    SL_POINT("flow.page");
    return rc;
}

static enum sl_code on_reject(void *ctx, uint64_t unit, const char *table, const char *raw,
                              size_t len, const char *reason, struct sl_error *error)
{
    (void)table;
    return sl_rejects_add(ctx, unit, raw, len, reason, error);
}

static enum sl_code on_drop(void *ctx, uint64_t unit, struct sl_error *error)
{
    struct sl_flow *flow = ctx;
    int64_t rows = 0;
    enum sl_code rc = flush(flow, error); /* so that all of the unit's rows are staged */

    if (!rc) rc = sl_stage_drop(flow->stage, unit, &rows, error);
    flow->report->rows_read -= rows;
    if (flow->reported_rows > flow->report->rows_read) /* events tell no negative number */
        flow->reported_rows = flow->report->rows_read;
    return rc ? rc : sl_rejects_drop(flow, unit, error);
}

static enum sl_code on_release(void *ctx, uint64_t unit, struct sl_error *error)
{
    struct sl_flow *flow = ctx;
    enum sl_code rc = sl_rejects_release(flow, unit, error);

    for (size_t i = 0; i < flow->part_count; i++)
        if (flow->parts[i].unit == unit) flow->parts[i].unit = 0;
    return rc ? rc : sl_stage_release(flow->stage, unit, error);
}

static void on_expect(void *ctx, const char *table, int64_t rows)
{
    struct sl_flow *flow = ctx;

    (void)table;
    flow->report->rows_expected = rows;
}

static void on_note(void *ctx, enum sl_note level, const char *text)
{
    struct sl_flow *flow = ctx;

    if (flow->note) flow->note(flow, level, text);
}

/* ---- the end ---- */

static enum sl_code guard_collapse(const struct sl_flow *flow, int64_t rows, struct sl_error *error)
{
    bool empty = rows == 0 && flow->old_rows != 0;
    bool few = flow->old_rows > COLLAPSE_ROWS_MIN && rows * 2 <= flow->old_rows;
    bool is_new = flow->commits == 0;

    if (flow->append || flow->reset || is_new || (!empty && !few)) return SL_OK;
    if (flow->old_rows < 0) /* a file without statistics, by another writer */
        sl_fail(error, SL_SOURCE, "the source gave no rows: held back, nothing was changed");
    else
        sl_fail(
            error, SL_SOURCE,
            "the source gave %lld rows where the table has %lld: held back, nothing was changed",
            (long long)rows, (long long)flow->old_rows);
    sl_error_hint(error, "If the rows are really gone, run again with --full-refresh=%s.",
                  flow->name);
    return SL_SOURCE;
}

/* Did the read say that it was the whole of the table? */
static enum sl_code prove_whole(const char *complete, const char *table, struct sl_error *error)
{
    struct sl_doc *doc = sl_doc_new(0);
    const struct sl_json *root = NULL;
    bool whole = false;
    enum sl_code rc = doc ? sl_doc_parse_copy(doc, complete, strlen(complete), &root, error)
                          : sl_fail(error, SL_NO_MEMORY, "no memory for the end of a read");

    for (struct sl_json_each e = sl_json_each(root); sl_json_next(&e);)
        whole |= sl_json_eq(sl_json_get(e.value, "table"), table) &&
                 sl_json_len(sl_json_get(e.value, "scope")) == 0;
    sl_doc_free(doc);
    if (!rc && !whole)
        rc = sl_fail(error, SL_SOURCE,
                     "the read ended without proof that it was complete: nothing was changed");
    return rc;
}

/* The table moved on while we read. Whose commit was it? If the domain is what we found at the
 * start, a foreigner's (an OPTIMIZE, say): build on it. Else another run of this flow: stop. */
static enum sl_code reopen(struct sl_flow *flow, struct sl_error *error)
{
    struct sl_doc *doc = NULL;
    const struct sl_json *root = NULL;
    const char *text = NULL;
    int64_t commits = -1;
    enum sl_code rc;

    sl_delta_table_free(flow->table);
    flow->table = NULL;
    *error = (struct sl_error){0};
    rc = sl_delta_open(flow->run->delta, flow->location, -1, &flow->table, error);
    if (!rc) rc = sl_delta_domain(flow->table, flow->domain, &text, error);
    if (rc) return rc;
    doc = sl_doc_new(0);
    if (!doc) return sl_fail(error, SL_NO_MEMORY, "no memory for a cursor");
    if (text) rc = sl_doc_parse_copy(doc, text, strlen(text), &root, error);
    if (!rc) sl_json_i64(sl_json_get(root, "commit"), &commits);
    sl_doc_free(doc);
    if (!rc && commits != flow->commits) {
        sl_fail(error, SL_FENCED,
                "'%s' is not what it was when this run began: another run has written it, or "
                "somebody restored or replaced it",
                flow->name);
        sl_error_hint(error, "Nothing of this run was committed to it. Run again.");
        return SL_FENCED;
    }
    return rc;
}

/* Does this run's commit take the place of all that is there? */
static bool replaces(const struct sl_flow *flow)
{
    return !flow->append || flow->reset;
}

static enum sl_code commit(struct sl_flow *flow, const struct sl_staged *staged, const char *cursor,
                           struct sl_error *error)
{
    struct sl_json_writer *domain = sl_json_writer_new();
    char rows[24];
    enum sl_code rc = SL_OK;

    if (domain)
        put_domain(domain, flow, flow->commits + 1, cursor, sl_now_us(flow->run->source.world));
    const char *text = domain ? sl_json_writer_text(domain, NULL) : NULL;
    if (!text) rc = sl_fail(error, SL_NO_MEMORY, "no memory for a commit");
    snprintf(rows, sizeof rows, "%lld", (long long)staged->rows);
    struct sl_pair metrics[] = {{"numOutputRows", rows}};
    struct sl_pair parameters[] = {{"mode", replaces(flow) ? "Overwrite" : "Append"}};
    struct sl_delta_commit commit = {
        .operation = "WRITE",
        .parameters = parameters,
        .parameters_count = 1,
        .metrics = metrics,
        .metrics_count = 1,
        .app_id = flow->id,
        .app_version = flow->commits + 1,
        .domain = flow->domain,
        .domain_json = text,
        .add = staged->files,
        .add_count = staged->count,
        .remove_all = replaces(flow),
        .data_change = true,
        .add_columns_json = flow->add_columns,
    };
    for (int tries = 0; !rc; tries++) {
        SL_POINT("flow.commit");
        rc = sl_delta_commit(flow->table, &commit, error);
        if ((rc != SL_CONFLICT && rc != SL_EXISTS) || tries + 1 == COMMIT_TRIES_MAX) break;
        rc = reopen(flow, error);
    }
    if (!rc) {
        SL_POINT("flow.committed");
        sl_stage_committed(flow->stage);
        flow->report->version = sl_delta_version(flow->table);
        flow->report->rows_landed = staged->rows;
        flow->report->bytes = staged->bytes;
    }
    sl_json_writer_free(domain);
    return rc;
}

static enum sl_code register_table(struct sl_flow *flow, struct sl_error *error)
{
    struct sl_delta_totals totals = {-1, -1, -1};
    const char *properties = NULL;
    enum sl_code rc = sl_delta_totals(flow->table, &totals, error);

    if (!rc) rc = sl_delta_properties_json(flow->table, &properties, error);
    if (rc) return rc;
    struct sl_table_entry entry = {
        .catalog_name = flow->catalog_name,
        .schema_name = flow->schema_name,
        .name = flow->name,
        .location = flow->location,
        .schema_json = sl_delta_schema_json(flow->table),
        .properties = properties,
        .comment = flow->def->comment,
        .pipeline_id = flow->run->pipeline_id,
        .version = sl_delta_version(flow->table),
        .rows = totals.rows,
        .bytes = totals.bytes,
        .files = totals.files,
    };
    SL_POINT("flow.register");
    return sl_table_put(flow->run->catalog, &entry, error);
}

static enum sl_code settle(struct sl_flow *flow, const char *cursor, const char *complete,
                           struct sl_error *error)
{
    struct sl_staged staged;
    enum sl_code rc = flush(flow, error);

    if (rc) return rc;
    flow->report->state = SL_TABLE_COMMITTING;
    SL_POINT("flow.read");
    if (!flow->append) rc = prove_whole(complete, flow->def->name, error);
    if (!rc) rc = sl_stage_finish(flow->stage, &staged, error);
    if (rc) return rc;
    SL_POINT("flow.staged");
    flow->report->duplicates = staged.duplicates;
    rc = guard_collapse(flow, staged.rows, error);
    if (!rc) rc = sl_rejects_commit(flow, error);
    if (rc) return rc;
    bool same_cursor = flow->old_cursor && strcmp(flow->old_cursor, cursor) == 0;
    if (!replaces(flow) && staged.rows == 0 && same_cursor && !flow->add_columns)
        flow->report->rows_landed = 0; /* nothing new: no commit */
    else
        rc = commit(flow, &staged, cursor, error);
    if (!rc) rc = register_table(flow, error);
    return rc;
}

void sl_flow_fail(struct sl_flow *flow, const struct sl_error *error)
{
    flow->report->error = *error;
    flow->report->state = error->code == SL_CANCELLED ? SL_TABLE_STOPPED : SL_TABLE_FAILED;
}

static void add_rescue(void *ctx, const char *field, enum sl_rescue reason, int64_t n)
{
    struct sl_json_writer *w = ctx;

    sl_json_begin_object(w);
    sl_json_kv_str(w, "field", field);
    sl_json_kv_str(w, "reason", sl_rescue_text(reason));
    sl_json_kv_i64(w, "cells", n);
    sl_json_end_object(w);
}

static void report_rescues(struct sl_flow *flow)
{
    const struct sl_batch_counts *counts = sl_batch_counts(flow->batch);
    struct sl_json_writer *w;

    flow->report->rescued = 0;
    for (int i = 0; i < SL_RESCUE_COUNT; i++) flow->report->rescued += counts->rescued[i];
    if (flow->report->rescued == 0 || !(w = sl_json_writer_new())) return;
    sl_json_begin_array(w);
    sl_batch_rescues(flow->batch, add_rescue, w);
    sl_json_end_array(w);
    const char *text = sl_json_writer_text(w, NULL);
    sl_free((void *)(uintptr_t)flow->report->rescues_json);
    flow->report->rescues_json = text ? sl_strdup(text) : NULL;
    sl_json_writer_free(w);
}

static void on_end(void *ctx, enum sl_code code, const char *cursor, const char *complete,
                   const struct sl_error *why)
{
    struct sl_flow *flow = ctx;
    struct sl_error error = {0};

    if (code != SL_DONE) {
        sl_flow_fail(flow, why);
    } else if (settle(flow, cursor, complete, &error)) {
        sl_flow_fail(flow, &error);
    } else {
        flow->report->state = SL_TABLE_COMPLETED;
    }
    report_rescues(flow);
    flow->report->ended_us = sl_now_us(flow->run->source.world);
    if (flow->ended) flow->ended(flow);
}

static const struct sl_sink flow_sink = {
    .rows = on_rows,
    .reject = on_reject,
    .drop = on_drop,
    .release = on_release,
    .expect = on_expect,
    .note = on_note,
    .end = on_end,
};

void sl_flow_release(struct sl_flow *flow)
{
    sl_stage_free(flow->stage);
    sl_batch_free(flow->batch);
    sl_schema_free(flow->schema);
    sl_delta_table_free(flow->table);
    sl_rejects_free(flow->rejects);
    sl_free(flow->add_columns);
    sl_free(flow->old_cursor);
    flow->stage = NULL;
    flow->batch = NULL;
    flow->schema = NULL;
    flow->table = NULL;
    flow->rejects = NULL;
    flow->add_columns = flow->old_cursor = NULL;
}
