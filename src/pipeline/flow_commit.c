/* flow_commit.c: one destination table: files, transaction id and cursor become one version. */
#include <stdio.h>
#include <string.h>

#include "base/point.h"
#include "base/time.h"
#include "json/doc.h"
#include "pipeline/flow.h"

#define COMMIT_TRIES_MAX 8

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

enum sl_code sl_flow_domain(const struct sl_flow *flow, struct sl_doc **doc,
                            const struct sl_json **root, struct sl_error *error)
{
    const char *text = NULL;
    enum sl_code rc;

    *root = NULL;
    *doc = sl_doc_new(0);
    if (!*doc) return sl_fail(error, SL_NO_MEMORY, "no memory for a cursor");
    rc = sl_delta_domain(flow->table, flow->domain, &text, error);
    if (rc || !text) return rc;
    rc = sl_doc_parse_copy(*doc, text, strlen(text), root, error);
    if (rc) sl_error_context(error, "the cursor in '%s' cannot be read", flow->location);
    return rc;
}

/* ---- the commit ---- */

/* The table moved on while we read. Whose commit was it? If the domain is what we found at the
 * start, a foreigner's (an OPTIMIZE, say): build on it. Else another run of this flow: stop. */
static enum sl_code reopen(struct sl_flow *flow, struct sl_error *error)
{
    struct sl_doc *doc = NULL;
    const struct sl_json *root = NULL;
    int64_t commits = -1;
    enum sl_code rc;

    sl_delta_table_free(flow->table);
    flow->table = NULL;
    *error = (struct sl_error){0};
    rc = sl_delta_open(flow->run->delta, flow->location, -1, &flow->table, error);
    if (!rc) rc = sl_flow_domain(flow, &doc, &root, error);
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
bool sl_flow_replaces(const struct sl_flow *flow)
{
    return !flow->append || flow->reset;
}

enum sl_code sl_flow_commit(struct sl_flow *flow, const struct sl_staged *staged,
                            const char *cursor, struct sl_error *error)
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
    struct sl_pair parameters[] = {{"mode", sl_flow_replaces(flow) ? "Overwrite" : "Append"}};
    struct sl_delta_commit commit = {
        .operation = "WRITE",
        .parameters = parameters,
        .parameters_count = 1,
        .metrics = metrics,
        .metrics_count = 1,
        .app_id = flow->id,
        .app_version = flow->commits + 1,
        .domains = &(struct sl_pair){flow->domain, text},
        .domains_count = 1,
        .add = staged->files,
        .add_count = staged->count,
        .remove_all = sl_flow_replaces(flow),
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

enum sl_code sl_flow_register(struct sl_flow *flow, struct sl_error *error)
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
