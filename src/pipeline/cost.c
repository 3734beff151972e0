/* cost.c: what a run would read, and what that costs at the source. */
#include <string.h>

#include "base/buf.h"
#include "base/time.h"
#include "http/budget.h"
#include "json/doc.h"
#include "pipeline/plan.h"
#include "pipeline/run.h"

#define SECONDS_A_MINUTE 60.0
#define DAY_MS INT64_C(86400000)

struct cost {
    const struct sl_run_options *options;
    struct sl_loop *loop;
    struct sl_resolved *resolved;
};

static void put_number(struct sl_json_writer *w, const char *key, double number, bool known)
{
    sl_json_key(w, key);
    if (known)
        sl_json_put_double(w, number);
    else
        sl_json_put_null(w);
}

static void put_count(struct sl_json_writer *w, const char *key, int64_t count, bool known)
{
    sl_json_key(w, key);
    if (known)
        sl_json_put_i64(w, count);
    else
        sl_json_put_null(w);
}

/* How long so many calls take at the source's limits, and what share of a month's they are. calls
 * -1: unknown. */
static void put_limits(const struct cost *cost, struct sl_json_writer *w, int64_t calls)
{
    double slowest = 0, month = 0;
    struct sl_budget_use use;

    for (size_t i = 0; sl_budgets_use(sl_loop_budgets(cost->loop), i, &use); i++) {
        double rate = use.rate * 1000.0 / (double)use.window_ms;
        if (use.window_ms >= DAY_MS)
            month =
                use.calendar_month ? use.rate : use.rate * 30.0 * DAY_MS / (double)use.window_ms;
        else if (slowest == 0 || rate < slowest)
            slowest = rate;
    }
    put_count(w, "calls", calls, calls >= 0);
    put_number(w, "minutes", (double)calls / slowest / SECONDS_A_MINUTE, calls >= 0 && slowest > 0);
    put_number(w, "requests_per_second", slowest, slowest > 0);
    put_number(w, "monthly_quota", month, month > 0);
    put_number(w, "share_of_month", (double)calls / month, calls >= 0 && month > 0);
}

/* Calls of a full read of this table; -1: unknown. */
static int64_t full_calls(const struct sl_flow *flow)
{
    if (flow->report->state == SL_TABLE_FAILED || flow->old_rows < 0 ||
        flow->def->rows_per_call <= 0)
        return -1;
    int64_t pages = (flow->old_rows + flow->def->rows_per_call - 1) / flow->def->rows_per_call;
    return pages ? pages : 1;
}

#define MONTH_US (INT64_C(30) * SL_DAY_US)
#define CHANGED_PART 100 /* one row of so many changes in a day */

struct schedule {
    int64_t unchanged, changed, complete; /* calls of one run */
    int64_t completes; /* a month, of the table that is read in full most often */
    int64_t calls;     /* a month */
};

static bool reads_increments(const struct sl_flow *flow)
{
    return flow->mode != SL_FLOW_REPLACE &&
           (flow->def->ingestion == SL_CDC || flow->def->ingestion == SL_CDC_WITH_DELETES);
}

/* Calls of an increment in which so many rows changed. */
static int64_t increment_calls(const struct sl_flow *flow, int64_t changed)
{
    int64_t quiet = flow->def->calls_unchanged > 0 ? flow->def->calls_unchanged : 1;
    int64_t rows = flow->def->rows_per_call > 0 ? flow->def->rows_per_call : 1;
    int64_t pages = (changed + rows - 1) / rows;

    return pages > 1 ? quiet + pages - 1 : quiet;
}

/* Complete reads in a month, besides increments. */
static int64_t completes_a_month(const struct sl_flow *flow)
{
    int64_t every_us = sl_flow_reconcile_us(flow);

    return every_us == SL_RECONCILE_NEVER ? 0 : MONTH_US / every_us;
}

/* One table's part of a schedule. */
static void add_table(struct schedule *s, const struct sl_flow *flow, int64_t runs)
{
    int64_t full = full_calls(flow), days = MONTH_US / SL_DAY_US;
    int64_t quiet = full, changed = full, completes = 0;

    if (reads_increments(flow) && full >= 0) {
        completes = completes_a_month(flow);
        if (completes > runs) completes = runs;
        quiet = increment_calls(flow, 0);
        changed = increment_calls(flow, flow->old_rows / CHANGED_PART);
    }
    s->unchanged += quiet;
    s->changed += changed;
    s->complete += full;
    if (completes > s->completes) s->completes = completes;
    s->calls += (runs - completes) * quiet + completes * full +
                (changed - quiet) * (runs < days ? runs : days);
}

static void put_schedule(const struct cost *cost, struct sl_json_writer *w)
{
    struct schedule s = {.unchanged = 1, .changed = 1, .complete = 1}; /* the schema */
    int64_t runs = MONTH_US / cost->options->every_us;
    struct sl_budget_use use;
    double month = 0;

    s.calls = runs;
    for (size_t i = 0; i < cost->resolved->count; i++)
        if (cost->resolved->flows[i].report->state != SL_TABLE_FAILED)
            add_table(&s, &cost->resolved->flows[i], runs);
    for (size_t i = 0; sl_budgets_use(sl_loop_budgets(cost->loop), i, &use); i++)
        if (use.calendar_month) month = use.rate;
    sl_json_key(w, "schedule");
    sl_json_begin_object(w);
    sl_json_kv_i64(w, "runs_per_month", runs);
    sl_json_kv_i64(w, "calls_unchanged", s.unchanged);
    sl_json_kv_i64(w, "calls_changed", s.changed);
    sl_json_kv_i64(w, "calls_complete", s.complete);
    sl_json_kv_i64(w, "complete_per_month", s.completes);
    sl_json_kv_i64(w, "calls_per_month", s.calls);
    put_number(w, "share_of_month", (double)s.calls / month, month > 0);
    sl_json_end_object(w);
}

static void put_plan(struct cost *cost, struct sl_json_writer *w)
{
    int64_t calls = 1; /* the schema */
    bool known = true;

    sl_json_begin_object(w);
    sl_json_key(w, "tables");
    sl_json_begin_array(w);
    for (size_t i = 0; i < cost->resolved->count; i++) {
        const struct sl_flow *flow = &cost->resolved->flows[i];
        bool failed = flow->report->state == SL_TABLE_FAILED;
        bool increment = !failed && reads_increments(flow) && !flow->full && flow->old_rows >= 0;
        int64_t own = increment ? increment_calls(flow, 0) : full_calls(flow);
        known &= own >= 0;
        calls += own;
        sl_json_begin_object(w);
        sl_json_kv_str(w, "source_table", flow->report->source_table);
        sl_json_kv_str(w, "destination", flow->report->destination);
        sl_json_kv_str(w, "mode", failed ? "failed" : sl_flow_mode_name(flow->mode));
        if (!failed) sl_json_kv_str(w, "reads", increment ? "changes" : "everything");
        if (failed) sl_json_kv_str(w, "error", flow->report->error.message);
        put_count(w, "rows", flow->old_rows, flow->old_rows >= 0 && !failed);
        put_count(w, "calls", own, own >= 0);
        int64_t every_us = failed ? SL_RECONCILE_NEVER : sl_flow_reconcile_us(flow);
        if (!failed && reads_increments(flow) && every_us != SL_RECONCILE_NEVER)
            sl_json_kv_i64(w, "complete_read_every_s", every_us / SL_SECOND_US);
        sl_json_end_object(w);
    }
    sl_json_end_array(w);
    put_limits(cost, w, known ? calls : -1);
    if (known && cost->options->every_us > 0) put_schedule(cost, w);
    sl_json_key(w, "notes");
    sl_json_begin_array(w);
    for (const char *const *n = cost->options->spec->notes; *n; n++) sl_json_put_str(w, *n);
    sl_json_end_array(w);
    sl_json_end_object(w);
}

/* Looks at every destination; what cannot be planned is FAILED. */
static void look_at_destinations(struct sl_resolved *resolved)
{
    for (size_t i = 0; i < resolved->count; i++) {
        struct sl_flow *flow = &resolved->flows[i];
        struct sl_error why = {0};
        if (flow->report->state == SL_TABLE_QUEUED && sl_flow_open(flow, true, &why))
            sl_flow_fail(flow, &why);
        sl_flow_release(flow);
    }
}

static enum sl_code judge(const struct sl_resolved *resolved, struct sl_error *error)
{
    const struct sl_table_report *first = NULL;
    size_t failed = 0;

    for (size_t i = 0; i < resolved->count; i++) {
        const struct sl_table_report *table = resolved->flows[i].report;
        if (table->state != SL_TABLE_FAILED) continue;
        if (!first) first = table;
        failed++;
    }
    if (!first) return SL_OK;
    *error = first->error;
    sl_error_context(error, "%zu of %zu tables cannot be planned, the first: table '%s'", failed,
                     resolved->count, first->source_table);
    return error->code;
}

static void no_note(void *ctx, enum sl_note level, const char *text)
{
    (void)ctx, (void)level, (void)text;
}

enum sl_code sl_plan(const struct sl_run_options *options, struct sl_buf *out,
                     struct sl_error *error)
{
    struct cost cost = {.options = options};
    struct sl_json_writer *w = sl_json_writer_new();
    struct sl_report *report = NULL;
    enum sl_code rc;

    if (!w) return sl_fail(error, SL_NO_MEMORY, "no memory for a plan");
    rc = sl_source_loop(&options->source, &cost.loop, error);
    if (!rc) {
        sl_loop_hurry(cost.loop);
        rc = sl_resolve(options, cost.loop, no_note, NULL, &cost.resolved, error);
    }
    if (!rc) {
        report = cost.resolved->report;
        look_at_destinations(cost.resolved);
        put_plan(&cost, w);
        size_t len;
        const char *text = sl_json_writer_text(w, &len);
        if (text) sl_buf_add(out, text, len);
        rc = !text || sl_buf_failed(out) ? sl_fail(error, SL_NO_MEMORY, "no memory for a plan")
                                         : judge(cost.resolved, error);
    }
    sl_loop_free(cost.loop);
    sl_resolved_free(cost.resolved);
    sl_report_free(report);
    sl_json_writer_free(w);
    return rc;
}
