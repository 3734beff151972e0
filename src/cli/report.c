/* report.c: what became of a run. */
#include <string.h>

#include "cli/live.h"
#include "json/doc.h"

static void number_cell(struct cli_grid *grid, int64_t number)
{
    char text[CLI_NUMBER_MAX];

    cli_grid_cell(grid, number < 0 ? "-" : cli_count(number, text));
}

static void table_row(struct cli_grid *grid, const struct sl_table_report *t)
{
    char text[CLI_NUMBER_MAX];
    bool timed = t->started_us > 0 && t->ended_us >= t->started_us;
    bool settled = t->rows_landed >= 0;

    cli_grid_cell(grid, t->destination ? t->destination : t->source_table);
    cli_grid_cell(grid, sl_table_state_name(t->state));
    number_cell(grid, t->started_us > 0 ? t->rows_read : -1);
    number_cell(grid, settled ? t->inserted : -1);
    number_cell(grid, settled ? t->updated : -1);
    number_cell(grid, settled ? t->deleted : -1);
    number_cell(grid, t->rescued);
    number_cell(grid, t->rejected);
    number_cell(grid, t->calls);
    number_cell(grid, t->version);
    cli_grid_cell(grid, timed ? cli_duration(t->ended_us - t->started_us, text) : "");
}

/* What is out of the ordinary. */
static void print_remarks(const struct cli *cli, const struct sl_table_report *t)
{
    char text[CLI_NUMBER_MAX];

    if (t->why_full)
        printf("%sread in full:%s %s: %s\n", cli_dim(cli), cli_plain(cli), t->destination,
               t->why_full);
    if (t->late > 0)
        printf("%slate:%s %s: %s changes were older than what the table knows\n", cli_dim(cli),
               cli_plain(cli), t->destination, cli_count(t->late, text));
    if (t->duplicates > 0)
        printf("%srepeated:%s %s: %s rows came again in the same read; the later ones count\n",
               cli_dim(cli), cli_plain(cli), t->destination, cli_count(t->duplicates, text));
    if (t->retries + t->restarts > 0 || t->waited_us >= 10 * INT64_C(1000000))
        printf("%spatience:%s %s: %lld retries, %lld chains begun anew, %s waited for limits\n",
               cli_dim(cli), cli_plain(cli), t->destination, (long long)t->retries,
               (long long)t->restarts, cli_duration(t->waited_us, text));
}

/* rescued in main.bronze.x: Launch Date (wrong_type) 3, ... */
static void print_rescues(const struct cli *cli, const struct sl_table_report *t)
{
    const struct sl_json *root = NULL;
    struct sl_error ignored;
    struct sl_doc *doc = NULL;
    bool first = true;

    if (!t->rescued || !t->rescues_json || !(doc = sl_doc_new(0))) return;
    if (sl_doc_parse_copy(doc, t->rescues_json, strlen(t->rescues_json), &root, &ignored)) goto out;
    fprintf(stdout, "%srescued in %s:%s ", cli_dim(cli), t->destination, cli_plain(cli));
    for (struct sl_json_each e = sl_json_each(root); sl_json_next(&e);) {
        const char *field = sl_json_str(sl_json_get(e.value, "field"));
        const char *reason = sl_json_str(sl_json_get(e.value, "reason"));
        const char *cells = sl_json_number_text(sl_json_get(e.value, "cells"));
        printf("%s%s (%s) %s", first ? "" : ", ", field ? field : "", reason ? reason : "",
               cells ? cells : "");
        first = false;
    }
    fputc('\n', stdout);

out:
    sl_doc_free(doc);
}

static enum sl_code report_text(const struct cli *cli, const struct sl_report *report,
                                enum sl_code result, struct sl_error *error)
{
    static const char *const titles[] = {"TABLE",   "STATE",   "READ",    "INSERTED",
                                         "UPDATED", "DELETED", "RESCUED", "REJECTED",
                                         "CALLS",   "VERSION", "TIME"};
    size_t count = sizeof titles / sizeof *titles, kept = 0, stays = 0;
    char seconds[CLI_NUMBER_MAX], calls[CLI_NUMBER_MAX];
    struct cli_grid *grid = cli_grid_new(count);

    if (!grid) return sl_fail(error, SL_NO_MEMORY, "no memory for the report");
    for (size_t i = 0; i < count; i++) cli_grid_head(grid, i, titles[i], i >= 2);
    for (size_t i = 0; i < report->count; i++)
        if (report->tables[i].state != SL_TABLE_EXCLUDED) table_row(grid, &report->tables[i]);
    enum sl_code rc = cli_grid_print(grid, cli, stdout, 0, error);
    cli_grid_free(grid);
    if (rc) return rc;
    for (size_t i = 0; i < report->count; i++) {
        print_remarks(cli, &report->tables[i]);
        print_rescues(cli, &report->tables[i]);
    }
    for (size_t i = 0; i < report->count; i++) {
        const struct sl_table_report *t = &report->tables[i];
        kept += t->version >= 0;
        if (t->state != SL_TABLE_FAILED) continue;
        stays += t->version < 0;
        printf("%sfailed:%s %s: %s\n", cli_red(cli), cli_plain(cli),
               t->destination ? t->destination : t->source_table, t->error.message);
        if (t->error.hint[0]) printf("  %s\n", t->error.hint);
        if (t->parts_failed > 0 && t->version >= 0)
            printf("  What the other parts brought is in version %lld.\n", (long long)t->version);
    }
    if (stays) puts("What had been landed before in tables that failed stays as it was.");
    cli_duration(report->ended_us - report->started_us, seconds);
    printf("%s calls, %lld answered with 429, in %s\n", cli_count(report->calls, calls),
           (long long)report->limited, seconds);
    if (result == SL_CANCELLED)
        printf("Stopped. %zu of %zu tables were committed; of the others nothing is visible, and "
               "the next run reads them again.\n",
               kept, report->count);
    return SL_OK;
}

static void table_json(struct sl_json_writer *w, const struct sl_table_report *t)
{
    sl_json_begin_object(w);
    sl_json_kv_str(w, "source_table", t->source_table);
    sl_json_kv_str(w, "destination", t->destination);
    sl_json_kv_str(w, "location", t->location);
    sl_json_kv_str(w, "state", sl_table_state_name(t->state));
    sl_json_kv_i64(w, "rows_read", t->rows_read);
    if (t->rows_landed >= 0) sl_json_kv_i64(w, "rows_landed", t->rows_landed);
    sl_report_put_changes(w, t);
    sl_json_kv_i64(w, "rejected", t->rejected);
    sl_json_kv_i64(w, "rescued", t->rescued);
    if (t->rescues_json) {
        sl_json_key(w, "rescues");
        sl_json_put_raw(w, t->rescues_json, strlen(t->rescues_json));
    }
    sl_json_kv_i64(w, "calls", t->calls);
    sl_json_kv_i64(w, "retries", t->retries);
    sl_json_kv_i64(w, "restarts", t->restarts);
    if (t->parts_failed > 0) {
        sl_json_kv_i64(w, "parts", t->parts);
        sl_json_kv_i64(w, "parts_failed", t->parts_failed);
    }
    sl_json_kv_i64(w, "waited_ms", t->waited_us / 1000);
    sl_json_kv_i64(w, "bytes", t->bytes);
    if (t->version >= 0) sl_json_kv_i64(w, "version", t->version);
    if (t->started_us > 0 && t->ended_us >= t->started_us)
        sl_json_kv_i64(w, "duration_ms", (t->ended_us - t->started_us) / 1000);
    if (t->state == SL_TABLE_FAILED || t->state == SL_TABLE_STOPPED) {
        sl_json_key(w, "error");
        sl_json_begin_object(w);
        sl_json_kv_str(w, "error_code", sl_code_name(t->error.code));
        sl_json_kv_str(w, "message", t->error.message);
        if (t->error.hint[0]) sl_json_kv_str(w, "hint", t->error.hint);
        sl_json_end_object(w);
    }
    sl_json_end_object(w);
}

static enum sl_code report_json(const struct sl_report *report, const char *pipeline_id,
                                const char *update_id, enum sl_code result, struct sl_error *error)
{
    struct sl_buf text = {0};
    struct sl_json_writer *w = sl_json_writer_new();

    if (!w) return sl_fail(error, SL_NO_MEMORY, "no memory for the report");
    sl_json_begin_object(w);
    sl_json_kv_str(w, "pipeline_id", pipeline_id);
    sl_json_kv_str(w, "update_id", update_id);
    sl_json_kv_str(w, "state",
                   !result                  ? "COMPLETED"
                   : result == SL_CANCELLED ? "CANCELED"
                                            : "FAILED");
    sl_json_kv_i64(w, "calls", report->calls);
    sl_json_kv_i64(w, "limited", report->limited);
    sl_json_kv_i64(w, "duration_ms", (report->ended_us - report->started_us) / 1000);
    sl_json_key(w, "tables");
    sl_json_begin_array(w);
    for (size_t i = 0; i < report->count; i++) table_json(w, &report->tables[i]);
    sl_json_end_array(w);
    sl_json_end_object(w);
    const char *json = sl_json_writer_text(w, NULL);
    if (json) sl_buf_adds(&text, json);
    enum sl_code rc = json ? cli_print_json(&text, stdout, error)
                           : sl_fail(error, SL_NO_MEMORY, "no memory for the report");
    sl_buf_release(&text);
    sl_json_writer_free(w);
    return rc;
}

enum sl_code cli_report(const struct cli *cli, const struct sl_report *report,
                        const char *pipeline_id, const char *update_id, enum sl_code result,
                        struct sl_error *error)
{
    return cli->json ? report_json(report, pipeline_id, update_id, result, error)
                     : report_text(cli, report, result, error);
}
