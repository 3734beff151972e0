#include "pipeline/events.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "json/doc.h"

static void emit(const struct sl_run_options *run, const struct sl_event *event)
{
    struct sl_buf json = {0};
    struct sl_error error = {0};

    if (!run->update) return;
    if (!sl_event_add(run->catalog, run->pipeline_id, sl_update_id(run->update), event, &json,
                      &error) &&
        run->on_event)
        run->on_event(run->ctx, sl_buf_str(&json));
    sl_buf_release(&json);
}

void sl_event_created(const struct sl_run_options *run)
{
    char text[128];

    if (!run->update) return;
    snprintf(text, sizeof text, "Update %.6s started by USER_ACTION.", sl_update_id(run->update));
    emit(run,
         &(struct sl_event){
             .type = "create_update",
             .level = "INFO",
             .message = text,
             .details = run->full_refresh ? "{\"cause\":\"USER_ACTION\",\"full_refresh\":true}"
                                          : "{\"cause\":\"USER_ACTION\",\"full_refresh\":false}",
         });
}

void sl_event_state(const struct sl_run_options *run, const char *state,
                    const struct sl_error *error)
{
    char text[128], details[64];
    struct sl_error ignored = {0};

    if (!run->update) return;
    if (sl_update_state(run->update, state, &ignored)) ignored.code = SL_OK;
    snprintf(text, sizeof text, "Update %.6s is %s.", sl_update_id(run->update), state);
    snprintf(details, sizeof details, "{\"state\":\"%s\"}", state);
    emit(run, &(struct sl_event){.type = "update_progress",
                                 .level = error ? "ERROR" : "INFO",
                                 .message = text,
                                 .details = details,
                                 .error = error,
                                 .fatal = error != NULL});
}

/* The vendor's words. */
static const char *flow_type(const struct sl_flow *flow)
{
    return flow->mode == SL_FLOW_APPEND ? "APPEND"
           : flow->mode == SL_FLOW_REPLACE || flow->def->ingestion == SL_SNAPSHOT
               ? "SNAPSHOT_CHANGE"
               : "CHANGE";
}

void sl_event_defined(const struct sl_flow *flow)
{
    struct sl_json_writer *w = sl_json_writer_new();
    char text[512];

    if (!w) return;
    snprintf(text, sizeof text, "Flow '%s' defined as %s.", flow->name, flow_type(flow));
    sl_json_begin_object(w);
    sl_json_kv_str(w, "output_dataset", flow->report->destination);
    sl_json_kv_str(w, "flow_type", flow_type(flow));
    sl_json_kv_str(w, "source_table", flow->def->name);
    sl_json_kv_str(w, "source_schema", flow->def->namespace_);
    sl_json_end_object(w);
    const char *details = sl_json_writer_text(w, NULL);
    emit(flow->run, &(struct sl_event){.type = "flow_definition",
                                       .level = "INFO",
                                       .message = text,
                                       .details = details,
                                       .dataset = flow->report->destination,
                                       .flow = flow->name});
    sl_json_writer_free(w);
}

void sl_event_flow(const struct sl_flow *flow, const char *status, int64_t rows)
{
    const struct sl_table_report *report = flow->report;
    bool failed = strcmp(status, "FAILED") == 0, ended = failed || strcmp(status, "COMPLETED") == 0;
    struct sl_json_writer *w = sl_json_writer_new();
    char text[512];

    if (!w) return;
    snprintf(text, sizeof text, "Flow '%s' %s %s.", flow->name, ended ? "has" : "is", status);
    sl_json_begin_object(w);
    sl_json_kv_str(w, "status", status);
    if (rows >= 0) {
        sl_json_key(w, "metrics");
        sl_json_begin_object(w);
        sl_json_kv_i64(w, "num_output_rows", rows);
        if (ended) {
            sl_json_kv_i64(w, "num_output_bytes", report->bytes);
            sl_json_kv_i64(w, "num_upserted_rows", report->inserted + report->updated);
            sl_json_kv_i64(w, "num_deleted_rows", report->deleted);
        }
        sl_json_end_object(w);
    }
    if (ended && report->rejected > 0) {
        sl_json_key(w, "data_quality");
        sl_json_begin_object(w);
        sl_json_kv_i64(w, "dropped_records", report->rejected);
        sl_json_end_object(w);
    }
    if (ended) { /* what the vendor's shape has no place for */
        sl_json_key(w, "sluice");
        sl_json_begin_object(w);
        sl_json_kv_i64(w, "calls", report->calls);
        sl_json_kv_i64(w, "retries", report->retries);
        sl_json_kv_i64(w, "restarts", report->restarts);
        if (report->parts_failed > 0) {
            sl_json_kv_i64(w, "parts", report->parts);
            sl_json_kv_i64(w, "parts_failed", report->parts_failed);
        }
        sl_json_kv_i64(w, "waited_ms", report->waited_us / 1000);
        sl_report_put_changes(w, report);
        sl_json_kv_i64(w, "version", report->version);
        if (report->rescues_json) {
            sl_json_key(w, "rescued");
            sl_json_put_raw(w, report->rescues_json, strlen(report->rescues_json));
        }
        sl_json_end_object(w);
    }
    sl_json_end_object(w);
    const char *details = sl_json_writer_text(w, NULL);
    emit(flow->run, &(struct sl_event){.type = "flow_progress",
                                       .level = failed ? "ERROR" : "INFO",
                                       .message = text,
                                       .details = details,
                                       .dataset = report->destination,
                                       .flow = flow->name,
                                       .error = failed ? &report->error : NULL});
    sl_json_writer_free(w);
}

void sl_event_note(const struct sl_run_options *run, const struct sl_flow *flow, enum sl_note level,
                   const char *text)
{
    emit(run,
         &(struct sl_event){.type = "operation_progress",
                            .level = level == SL_NOTE_WARNING ? "WARN" : "INFO",
                            .message = text,
                            .details = "{\"type\":\"CONNECTOR_FETCH\",\"status\":\"IN_PROGRESS\"}",
                            .dataset = flow ? flow->report->destination : NULL,
                            .flow = flow ? flow->name : NULL});
}
