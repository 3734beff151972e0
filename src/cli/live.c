/* live.c: progress on stderr. */
#include "cli/live.h"

#include <string.h>

#include "json/doc.h"

#define NAME_WIDTH_MAX 40

static const char *const wheel[] = {"|", "/", "-", "\\"};

/* What a table is called here: its last part. */
static const char *short_name(const struct sl_table_report *t)
{
    const char *dot = t->destination ? strrchr(t->destination, '.') : NULL;

    return dot ? dot + 1 : t->destination ? t->destination : t->source_table;
}

static const char *mark(const struct cli_live *live, enum sl_table_state state)
{
    switch (state) {
    case SL_TABLE_COMPLETED: return "\xe2\x9c\x93"; /* check mark */
    case SL_TABLE_FAILED: return "\xe2\x9c\x97";    /* ballot x */
    case SL_TABLE_RUNNING:
    case SL_TABLE_COMMITTING: return wheel[live->turn % 4];
    default: return ".";
    }
}

static const char *tint(const struct cli *cli, enum sl_table_state state)
{
    switch (state) {
    case SL_TABLE_COMPLETED: return cli_green(cli);
    case SL_TABLE_FAILED: return cli_red(cli);
    case SL_TABLE_QUEUED:
    case SL_TABLE_EXCLUDED: return cli_dim(cli);
    default: return "";
    }
}

/* "12.3s", and while it runs "12.3s, 1m 05s left". */
static void times(const struct sl_table_report *t, int64_t now_us, char *out, size_t size)
{
    char spent[CLI_NUMBER_MAX], left[CLI_NUMBER_MAX];
    int64_t until = t->ended_us > 0 ? t->ended_us : now_us;
    int64_t us = t->started_us > 0 && until > t->started_us ? until - t->started_us : 0;

    if (t->started_us <= 0) {
        *out = '\0';
        return;
    }
    cli_duration(us, spent);
    if (t->state == SL_TABLE_RUNNING && t->rows_read > 0 && t->rows_expected > t->rows_read) {
        double per_row = (double)us / (double)t->rows_read;
        cli_duration((int64_t)(per_row * (double)(t->rows_expected - t->rows_read)), left);
        snprintf(out, size, "%s, %s left", spent, left);
    } else {
        snprintf(out, size, "%s", spent);
    }
}

static void draw_line(const struct cli_live *live, const struct sl_table_report *t, int width,
                      int64_t now_us)
{
    char rows[CLI_NUMBER_MAX], of[CLI_NUMBER_MAX + 3] = "", spent[2 * CLI_NUMBER_MAX + 8];
    char text[512], number[CLI_NUMBER_MAX];
    const struct cli *cli = live->cli;
    int64_t until = t->ended_us > 0 ? t->ended_us : now_us;
    double seconds = t->started_us > 0 ? (double)(until - t->started_us) / 1e6 : 0;
    double rate = seconds > 0.05 ? (double)t->rows_read / seconds : 0;

    cli_count(t->rows_read, rows);
    if (t->rows_expected > 0 && t->state == SL_TABLE_RUNNING)
        snprintf(of, sizeof of, "/%s", cli_count(t->rows_expected, number));
    times(t, now_us, spent, sizeof spent);
    cli_count((int64_t)rate, number);
    int len = snprintf(text, sizeof text, "%-*.*s  %-10s %8s%s rows  %5lld calls  %7s rows/s  %s",
                       width, width, short_name(t), sl_table_state_name(t->state), rows, of,
                       (long long)t->calls, number, spent);
    if (len > 0 && cli->columns > 4 && len > cli->columns - 4) text[cli->columns - 4] = '\0';
    fprintf(stderr, "\r\033[K%s%s %s%s\n", tint(cli, t->state), mark(live, t->state), text,
            cli_plain(cli));
}

static void erase(struct cli_live *live)
{
    if (live->lines) fprintf(stderr, "\033[%zuA\r\033[J", live->lines);
    live->lines = 0;
}

static void draw(struct cli_live *live, const struct sl_report *report)
{
    int width = 0;
    int64_t now_us = cli_now_us(NULL);
    size_t shown = report->count;

    if (!live->cli->err_tty || live->quiet) return;
    erase(live);
    size_t screen = live->cli->lines > 6 ? (size_t)live->cli->lines - 4 : 2;
    if (shown > screen) shown = screen;
    for (size_t i = 0; i < shown; i++) {
        int len = (int)strlen(short_name(&report->tables[i]));
        if (len > width) width = len;
    }
    if (width > NAME_WIDTH_MAX) width = NAME_WIDTH_MAX;
    for (size_t i = 0; i < shown; i++) draw_line(live, &report->tables[i], width, now_us);
    if (shown < report->count)
        fprintf(stderr, "\r\033[K  and %zu more tables\n", report->count - shown);
    live->lines = shown + (shown < report->count);
}

void cli_live_progress(void *ctx, const struct sl_report *report)
{
    struct cli_live *live = ctx;

    live->turn++;
    live->report = report;
    draw(live, report);
}

void cli_live_end(struct cli_live *live, const struct sl_report *report)
{
    if (report) draw(live, report);
    live->lines = 0;
    live->report = NULL;
}

static void print_event(const struct cli *cli, const struct sl_json *event)
{
    const char *level = sl_json_str(sl_json_get(event, "level"));
    const char *time = sl_json_str(sl_json_get(event, "timestamp"));
    const char *type = sl_json_str(sl_json_get(event, "event_type"));
    const char *message = sl_json_str(sl_json_get(event, "message"));
    bool failed = level && strcmp(level, "ERROR") == 0;
    bool warned = level && strcmp(level, "WARN") == 0;

    fprintf(stderr, "%s%s%s  %s%-5s%s  %-18s  %s\n", cli_dim(cli), time ? time : "", cli_plain(cli),
            failed   ? cli_red(cli)
            : warned ? cli_yellow(cli)
                     : "",
            level ? level : "", cli_plain(cli), type ? type : "", message ? message : "");
    for (struct sl_json_each e = sl_json_each(sl_json_path(event, "error", "exceptions", NULL));
         sl_json_next(&e);) {
        const char *text = sl_json_str(sl_json_get(e.value, "message"));
        if (text) fprintf(stderr, "    %s\n", text);
    }
}

void cli_live_event(void *ctx, const char *event_json)
{
    struct cli_live *live = ctx;
    const struct sl_json *root = NULL;
    struct sl_error ignored;
    struct sl_doc *doc = live->quiet ? NULL : sl_doc_new(0);

    if (!doc) return;
    if (!sl_doc_parse_copy(doc, event_json, strlen(event_json), &root, &ignored)) {
        bool matters = !sl_json_eq(sl_json_get(root, "level"), "INFO") ||
                       sl_json_eq(sl_json_get(root, "event_type"), "operation_progress");
        if (matters || live->all_events || !live->cli->err_tty) {
            erase(live);
            print_event(live->cli, root);
            if (live->report) draw(live, live->report);
        }
    }
    sl_doc_free(doc);
}
