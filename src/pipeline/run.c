/* run.c: a whole run. Discover, plan, read, land, report. */
#include "pipeline/run.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/point.h"
#include "pipeline/events.h"
#include "pipeline/plan.h"

#define FLOWS_AT_ONCE 16                 /* open writers; more tables wait their turn */
#define EVENT_EVERY_US INT64_C(10000000) /* RUNNING events of one flow */

struct run {
    const struct sl_run_options *options;
    struct sl_loop *loop;
    struct sl_stages *stages;
    struct sl_resolved *resolved;
    size_t next; /* the flow to start next */
    size_t active;
    int64_t limited; /* answers 429, of flows that have ended */
};

const char *sl_table_state_name(enum sl_table_state state)
{
    static const char *const names[] = {"QUEUED", "RUNNING", "COMMITTING", "COMPLETED",
                                        "FAILED", "STOPPED", "EXCLUDED"};

    return names[state];
}

void sl_report_free(struct sl_report *report)
{
    if (!report) return;
    for (size_t i = 0; i < report->count; i++) {
        struct sl_table_report *t = &report->tables[i];
        sl_free((char *)(uintptr_t)t->source_table);
        sl_free((char *)(uintptr_t)t->destination);
        sl_free((char *)(uintptr_t)t->location);
        sl_free((char *)(uintptr_t)t->rescues_json);
        sl_free(t->why_full);
    }
    sl_free(report->tables);
    sl_free(report);
}

void sl_report_put_changes(struct sl_json_writer *w, const struct sl_table_report *t)
{
    if (t->mode) sl_json_kv_str(w, "mode", t->mode);
    if (t->why_full) sl_json_kv_str(w, "read_in_full_because", t->why_full);
    sl_json_kv_i64(w, "inserted", t->inserted);
    sl_json_kv_i64(w, "updated", t->updated);
    sl_json_kv_i64(w, "deleted", t->deleted);
    sl_json_kv_i64(w, "unchanged", t->unchanged);
    sl_json_kv_i64(w, "late", t->late);
    sl_json_kv_i64(w, "duplicates", t->duplicates);
    if (t->source_keys >= 0) {
        sl_json_kv_i64(w, "source_keys", t->source_keys);
        sl_json_kv_str(w, "source_digest", t->source_digest);
    }
}

/* ---- notes and progress ---- */

static void run_note(void *ctx, enum sl_note level, const char *text)
{
    const struct run *run = ctx;

    sl_event_note(run->options, NULL, level, text);
}

static void flow_note(struct sl_flow *flow, enum sl_note level, const char *text)
{
    sl_event_note(flow->run, flow, level, text);
}

static void take_counts(struct sl_flow *flow)
{
    const struct sl_job_counts *counts;

    if (!flow->job) return;
    counts = sl_job_counts(flow->job);
    flow->report->calls = counts->calls;
    flow->report->retries = counts->retries;
    flow->report->restarts = counts->restarts;
    flow->report->waited_us = counts->waited_us;
    if (!flow->confirm_job) return;
    counts = sl_job_counts(flow->confirm_job);
    flow->report->calls += counts->calls;
    flow->report->retries += counts->retries;
    flow->report->restarts += counts->restarts;
    flow->report->waited_us += counts->waited_us;
}

static void sum_counts(struct run *run)
{
    struct sl_report *report = run->resolved->report;

    report->calls = 0;
    report->limited = run->limited;
    for (size_t i = 0; i < run->resolved->count; i++) {
        struct sl_flow *flow = &run->resolved->flows[i];
        take_counts(flow);
        report->calls += flow->report->calls;
        if (flow->job) report->limited += sl_job_counts(flow->job)->limited;
    }
}

static void tell_running(struct run *run)
{
    int64_t now_us = sl_now_us(run->options->source.world);

    for (size_t i = 0; i < run->resolved->count; i++) {
        struct sl_flow *flow = &run->resolved->flows[i];
        int64_t rows = flow->report->rows_read - flow->reported_rows;
        if (flow->report->state != SL_TABLE_RUNNING || rows == 0 ||
            now_us - flow->reported_us < EVENT_EVERY_US)
            continue;
        sl_event_flow(flow, "RUNNING", rows);
        flow->reported_rows = flow->report->rows_read;
        flow->reported_us = now_us;
    }
}

static void tick(void *ctx)
{
    struct run *run = ctx;

    sum_counts(run);
    tell_running(run);
    if (run->options->on_progress)
        run->options->on_progress(run->options->ctx, run->resolved->report);
}

static bool stopping(void *ctx)
{
    const struct run *run = ctx;
    const struct sl_source *source = &run->options->source;

    return (source->stopping && source->stopping(source->stopping_ctx)) ||
           (run->options->update && sl_update_stopping(run->options->update));
}

/* ---- flows ---- */

static bool same_namespace(const struct sl_flow *a, const struct sl_flow *b)
{
    const char *x = a->def->namespace_, *y = b->def->namespace_;

    return strcmp(x ? x : "", y ? y : "") == 0;
}

/* Tables that read from the same namespace at the same time share its limit. */
static struct sl_neighbours neighbours(const struct run *run, const struct sl_flow *flow)
{
    struct sl_neighbours all = {0};

    for (size_t i = 0; i < run->resolved->count; i++) {
        const struct sl_flow *other = &run->resolved->flows[i];
        if ((other->report->state != SL_TABLE_QUEUED && other->report->state != SL_TABLE_RUNNING) ||
            !other->def || !same_namespace(other, flow))
            continue;
        all.tables++;
        all.rows = all.rows < 0 || other->old_rows < 0 ? -1 : all.rows + other->old_rows;
    }
    if (all.tables > FLOWS_AT_ONCE) all.tables = FLOWS_AT_ONCE;
    return all;
}

static void tell_end(struct sl_flow *flow)
{
    const struct sl_table_report *report = flow->report;
    int64_t rows = report->rows_read - flow->reported_rows;

    take_counts(flow);
    sl_event_flow(flow,
                  report->state == SL_TABLE_COMPLETED ? "COMPLETED"
                  : report->state == SL_TABLE_STOPPED ? "STOPPED"
                                                      : "FAILED",
                  rows);
}

/* Its turn will not come. */
static void stop_flow(struct sl_flow *flow, const struct sl_error *why)
{
    sl_flow_fail(flow, why);
    flow->report->state = SL_TABLE_STOPPED;
    tell_end(flow);
    sl_flow_release(flow);
}

static bool looks_only(const struct run *run)
{
    return run->options->validate_only || run->options->verify;
}

static void start_more(struct run *run)
{
    while (run->active < FLOWS_AT_ONCE && run->next < run->resolved->count) {
        struct sl_flow *flow = &run->resolved->flows[run->next++];
        struct sl_error error = {0};
        if (flow->report->state != SL_TABLE_QUEUED) continue;
        if (sl_loop_dead(run->loop, &error)) {
            stop_flow(flow, &error);
            continue;
        }
        sl_event_flow(flow, "STARTING", -1);
        enum sl_code rc = flow->schema ? SL_OK : sl_flow_open(flow, looks_only(run), &error);
        if (!rc) rc = sl_flow_start(flow, run->loop, neighbours(run, flow), &error);
        if (rc) {
            sl_flow_fail(flow, &error);
            tell_end(flow);
            sl_flow_release(flow);
            continue;
        }
        run->active++;
    }
}

/* The flow's job is over: its memory goes, the next one's turn comes. */
static void flow_ended(struct sl_flow *flow)
{
    struct run *run = flow->owner;

    tell_end(flow);
    run->limited += sl_job_counts(flow->job)->limited;
    sl_job_forget(flow->job);
    if (flow->confirm_job) sl_job_forget(flow->confirm_job);
    flow->job = flow->confirm_job = NULL;
    sl_flow_release(flow);
    run->active--;
    if (!stopping(run)) start_more(run);
}

/* Looks at every destination. Those whose turn is far are closed again: memory does not grow with
 * the number of tables. */
static void open_flows(struct run *run)
{
    size_t open = 0;

    for (size_t i = 0; i < run->resolved->count; i++) {
        struct sl_flow *flow = &run->resolved->flows[i];
        struct sl_error error = {0};
        flow->owner = run;
        flow->note = flow_note;
        flow->ended = flow_ended;
        flow->stages = run->stages;
        if (flow->report->state == SL_TABLE_QUEUED) {
            sl_event_flow(flow, "QUEUED", -1);
            if (sl_flow_open(flow, looks_only(run), &error))
                sl_flow_fail(flow, &error);
            else
                sl_event_defined(flow);
        }
        if (flow->report->state == SL_TABLE_FAILED) tell_end(flow);
        if (flow->report->state != SL_TABLE_QUEUED || run->options->validate_only ||
            ++open > FLOWS_AT_ONCE)
            sl_flow_release(flow);
    }
}

/* ---- the verdict on the whole ---- */

static enum sl_code judge(const struct sl_report *report, struct sl_error *error)
{
    const struct sl_table_report *first = NULL;
    size_t failed = 0, done = 0;
    bool alike = true;

    for (size_t i = 0; i < report->count; i++) {
        const struct sl_table_report *t = &report->tables[i];
        if (t->state == SL_TABLE_COMPLETED) done++;
        if (t->state != SL_TABLE_FAILED && t->state != SL_TABLE_STOPPED) continue;
        failed++;
        if (!first)
            first = t;
        else if (t->error.code != first->error.code)
            alike = false;
        if (t->error.code == SL_CANCELLED || t->error.code == SL_QUOTA) {
            *error = t->error;
            return error->code;
        }
    }
    if (!first) return SL_OK;
    if (failed == 1 && done == 0) {
        *error = first->error;
        sl_error_context(error, "table '%s'", first->source_table);
        return error->code;
    }
    enum sl_code code = done == 0 && alike ? first->error.code : SL_PARTIAL;
    sl_fail(error, code, "%zu of %zu tables failed, the first: table '%s': %s", failed,
            report->count, first->source_table, first->error.message);
    if (first->error.hint[0]) sl_error_hint(error, "%s", first->error.hint);
    return code;
}

/* verify: which tables are not what their source is? */
static enum sl_code judge_differences(const struct sl_report *report, struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    for (size_t i = 0; i < report->count; i++) {
        const struct sl_table_report *t = &report->tables[i];
        if (rc || t->state != SL_TABLE_COMPLETED || t->inserted + t->updated + t->deleted == 0)
            continue;
        rc = sl_fail(error, SL_PARTIAL,
                     "'%s' is not what its source is: %lld rows are missing, %lld differ, %lld are "
                     "not in the source",
                     t->destination, (long long)t->inserted, (long long)t->updated,
                     (long long)t->deleted);
        sl_error_hint(error,
                      "The next run brings changes since the last one; for the rest: "
                      "sluice run ... --full-refresh=%s.",
                      t->destination);
    }
    return rc;
}

static void stop_queued(struct run *run)
{
    for (size_t i = 0; i < run->resolved->count; i++) {
        struct sl_flow *flow = &run->resolved->flows[i];
        if (flow->report->state != SL_TABLE_QUEUED) continue;
        struct sl_error error = {0};
        sl_fail(&error, SL_CANCELLED, "stopped before its turn");
        stop_flow(flow, &error);
    }
}

static enum sl_code read_all(struct run *run, struct sl_error *error)
{
    enum sl_code rc;

    open_flows(run);
    if (run->options->validate_only) return judge(run->resolved->report, error);
    sl_event_state(run->options, "RUNNING", NULL);
    start_more(run);
    rc = sl_loop_run(run->loop, stopping, tick, run, error);
    if (rc) return rc;
    stop_queued(run);
    sum_counts(run);
    rc = judge(run->resolved->report, error);
    return rc || !run->options->verify ? rc : judge_differences(run->resolved->report, error);
}

enum sl_code sl_run(const struct sl_run_options *options, struct sl_report **report,
                    struct sl_error *error)
{
    struct run run = {.options = options};
    int64_t started_us = sl_now_us(options->source.world);
    enum sl_code rc;

    *report = NULL;
    sl_event_created(options);
    sl_event_state(options, "INITIALIZING", NULL);
    run.stages = sl_stages_new(options->memory_bytes);
    if (!run.stages)
        rc = sl_fail(error, SL_NO_MEMORY, "no memory for a run");
    else
        rc = sl_source_loop(&options->source, &run.loop, error);
    if (!rc)
        sl_loop_cap(run.loop, &(struct sl_caps){options->spec->max_calls_per_run,
                                                options->spec->quota_share, options->pipeline_id});
    for (const char *const *n = options->spec->notes; !rc && *n; n++)
        run_note(&run, SL_NOTE_INFO, *n);
    if (!rc) sl_event_state(options, "SETTING_UP_TABLES", NULL);
    SL_POINT("run.discover");
    if (!rc) rc = sl_resolve(options, run.loop, run_note, &run, &run.resolved, error);
    if (!rc) {
        run.resolved->report->started_us = started_us;
        *report = run.resolved->report;
        rc = read_all(&run, error);
        (*report)->ended_us = sl_now_us(options->source.world);
    }
    SL_POINT("run.end");
    sl_event_state(options,
                   !rc                  ? "COMPLETED"
                   : rc == SL_CANCELLED ? "CANCELED"
                                        : "FAILED",
                   rc && rc != SL_CANCELLED ? error : NULL);
    sl_loop_free(run.loop); /* before the flows its jobs point to */
    sl_resolved_free(run.resolved);
    sl_stages_free(run.stages);
    return rc;
}
