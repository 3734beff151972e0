/* flow_commit.c: one destination table: files, transaction id and cursor become one version. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/point.h"
#include "base/time.h"
#include "pipeline/flow.h"

#define COMMIT_TRIES_MAX 8

/* The table moved on while we read. Whose commit was it? If the domain is what this run last read
 * or wrote, a foreigner's (an OPTIMIZE, say): build on it. Else another run of this flow, or
 * somebody who turned the table back: stop. */
static enum sl_code reopen(struct sl_flow *flow, struct sl_error *error)
{
    struct sl_flow_state now = {0};
    enum sl_code rc;

    sl_delta_table_free(flow->table);
    flow->table = NULL;
    *error = (struct sl_error){0};
    rc = sl_delta_open(flow->run->delta, flow->location, -1, &flow->table, error);
    if (!rc) rc = sl_flow_state_read(flow, &now, error);
    if (!rc && !now.there && !flow->state.there) {
        rc = sl_flow_not_ours(flow, error);
    } else if (!rc && (now.there != flow->state.there || now.commits != flow->state.commits ||
                       now.version != flow->state.version)) {
        sl_fail(error, SL_FENCED,
                "'%s' is not what it was when this run began: another run has written it, or "
                "somebody restored or replaced it",
                flow->name);
        sl_error_hint(error, "Nothing of this run was committed to it. Run again.");
        rc = SL_FENCED;
    }
    sl_flow_state_release(&now);
    return rc ? rc : sl_flow_look_for_foreigners(flow, error);
}

#define METRICS_MAX 6
#define NUMBER_MAX 24

struct metrics {
    struct sl_pair pairs[METRICS_MAX];
    char texts[METRICS_MAX][NUMBER_MAX];
    size_t count;
};

static void put_metric(struct metrics *m, const char *name, int64_t n)
{
    snprintf(m->texts[m->count], NUMBER_MAX, "%lld", (long long)n);
    m->pairs[m->count] = (struct sl_pair){name, m->texts[m->count]};
    m->count++;
}

static void put_metrics(const struct sl_flow *flow, const struct sl_applied *what,
                        struct metrics *m)
{
    put_metric(m, "numOutputRows", what->rows_written);
    if (!sl_flow_keyed(flow)) return;
    put_metric(m, "numTargetRowsInserted", what->inserted);
    put_metric(m, "numTargetRowsUpdated", what->updated);
    put_metric(m, "numTargetRowsDeleted", what->deleted);
    put_metric(m, "numTargetRowsCopied", what->rows_rewritten);
}

/* Every commit and checkpoint of the table carries it. */
static enum sl_code check_size(const struct sl_flow *flow, const char *text, struct sl_error *error)
{
    if (strlen(text) <= SL_CURSOR_MAX) return SL_OK;
    sl_fail(error, SL_TOO_LARGE, "the cursor of '%s' has %zu bytes: %zu are the most", flow->name,
            strlen(text), SL_CURSOR_MAX);
    sl_error_hint(error,
                  "What was landed stays. The table is read in too many parts (repositories, "
                  "days, ...): land some of them in another table.");
    return SL_TOO_LARGE;
}

/* One try. The domain says which version it is to be, so it is written for each try anew. */
static enum sl_code commit_once(struct sl_flow *flow, const struct sl_applied *what,
                                bool remove_all, struct sl_flow_state *next, struct sl_error *error)
{
    struct metrics metrics = {0};
    bool merge = sl_flow_keyed(flow) && what->gone_count > 0;
    struct sl_pair parameters[] = {{"mode", remove_all ? "Overwrite" : "Append"}};
    struct sl_pair domains[2];
    size_t domains_count = 1;
    enum sl_code rc;

    next->commits = flow->state.commits + 1;
    next->version = sl_delta_version(flow->table) + 1;
    char *text = sl_flow_state_text(flow, next, sl_now_us(flow->run->source.world));
    if (!text) return sl_fail(error, SL_NO_MEMORY, "no memory for a commit");
    rc = check_size(flow, text, error);
    if (rc) {
        sl_free(text);
        return rc;
    }
    domains[0] = (struct sl_pair){flow->domain, text};
    if (what->aside_json)
        domains[domains_count++] = (struct sl_pair){flow->aside_domain, what->aside_json};
    put_metrics(flow, what, &metrics);
    struct sl_delta_commit commit = {
        .operation = merge ? "MERGE" : "WRITE",
        .parameters = parameters,
        .parameters_count = merge ? 0 : 1,
        .metrics = metrics.pairs,
        .metrics_count = metrics.count,
        .app_id = flow->id,
        .app_version = next->commits,
        .domains = domains,
        .domains_count = domains_count,
        .add = what->add,
        .add_count = what->add_count,
        .gone = what->gone,
        .gone_count = what->gone_count,
        .remove_all = remove_all,
        .data_change = true,
        .add_columns_json = flow->add_columns,
    };
    SL_POINT("flow.commit");
    rc = sl_delta_commit(flow->table, &commit, error);
    sl_free(text);
    return rc;
}

/* What the flow knows of its table from now on. */
static enum sl_code move_on(struct sl_flow *flow, const struct sl_applied *what,
                            const struct sl_flow_state *next, struct sl_error *error)
{
    struct sl_flow_state state = *next;
    bool ok = true;

    state.there = true;
    state.format = 2;
    state.committed_us = sl_now_us(flow->run->source.world);
    const char *aside = what->aside_json ? what->aside_json : flow->state.aside;
    const char *const from[] = {next->cursor, next->scope, next->digest, next->full_due, aside};
    char **const to[] = {&state.cursor, &state.scope, &state.digest, &state.full_due, &state.aside};
    for (size_t i = 0; i < sizeof from / sizeof *from; i++) {
        *to[i] = from[i] ? sl_strdup(from[i]) : NULL;
        ok &= !from[i] || *to[i];
    }
    sl_flow_state_release(&flow->state);
    flow->state = state;
    sl_free(flow->add_columns); /* they are there now */
    flow->add_columns = NULL;
    return ok ? SL_OK : sl_fail(error, SL_NO_MEMORY, "no memory after a commit");
}

enum sl_code sl_flow_commit(struct sl_flow *flow, const struct sl_applied *what, bool remove_all,
                            struct sl_flow_state *next, struct sl_error *error)
{
    bool plan_again = sl_flow_keyed(flow);
    enum sl_code rc = SL_OK;

    for (int tries = 0; !rc; tries++) {
        rc = commit_once(flow, what, remove_all, next, error);
        if ((rc != SL_CONFLICT && rc != SL_EXISTS) || tries + 1 == COMMIT_TRIES_MAX) break;
        rc = reopen(flow, error);
        if (!rc && plan_again) return SL_CONFLICT;
        if (flow->foreign && !remove_all) next->digest = NULL; /* it is not what is there now */
    }
    if (rc) return rc;
    SL_POINT("flow.committed");
    flow->report->version = sl_delta_version(flow->table);
    flow->report->bytes += what->bytes_written;
    return move_on(flow, what, next, error);
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
