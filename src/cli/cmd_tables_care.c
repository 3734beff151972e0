/* cmd_tables_care.c: small files joined, unneeded ones deleted. Runs do both by themselves; here it
 * is asked for. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/commands.h"
#include "delta/maintain.h"
#include "json/doc.h"

#define HOUR_MS (INT64_C(3600) * 1000)
#define OPTIMIZE_TRIES 3

/* "16MiB", "16M", "16777216". */
static enum sl_code size_of(const struct cli_call *call, const char *option, int64_t *out,
                            struct sl_error *error)
{
    static const struct {
        const char *name;
        int64_t bytes;
    } units[] = {{"", 1},        {"B", 1},         {"K", 1 << 10},    {"KiB", 1 << 10},
                 {"M", 1 << 20}, {"MiB", 1 << 20}, {"G", 1 << 30},    {"GiB", 1 << 30},
                 {"KB", 1000},   {"MB", 1000000},  {"GB", 1000000000}};
    const char *text = cli_value(call, option);
    char *end = NULL;

    if (!text) return SL_OK;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (errno || end == text || strcmp(end, units[i].name) != 0) continue;
        if (number < 1 || number > (INT64_C(1) << 40) / units[i].bytes) break;
        *out = number * units[i].bytes;
        return SL_OK;
    }
    sl_fail(error, SL_USAGE, "--%s: '%s' is not a size", option, text);
    sl_error_hint(error, "Write a number of bytes, or 16MiB, 128MiB, 1GiB.");
    return SL_USAGE;
}

/* The catalog shows what the table is like now. */
static enum sl_code show_in_catalog(struct cli *cli, const struct sl_buf *info,
                                    struct sl_delta_table *table, struct sl_error *error)
{
    const struct sl_json *root = NULL;
    struct sl_delta_totals totals = {-1, -1, -1};
    struct sl_doc *doc = sl_doc_new(0);
    enum sl_code rc = doc ? sl_doc_parse_copy(doc, sl_buf_str(info), info->len, &root, error)
                          : sl_fail(error, SL_NO_MEMORY, "no memory for a table's entry");

    if (!rc) rc = sl_delta_totals(table, &totals, error);
    if (!rc) {
        const struct sl_table_entry entry = {
            .catalog_name = sl_json_str(sl_json_get(root, "catalog_name")),
            .schema_name = sl_json_str(sl_json_get(root, "schema_name")),
            .name = sl_json_str(sl_json_get(root, "name")),
            .location = sl_json_str(sl_json_get(root, "storage_location")),
            .schema_json = sl_delta_schema_json(table),
            .version = sl_delta_version(table),
            .rows = totals.rows,
            .bytes = totals.bytes,
            .files = totals.files};
        rc = sl_table_put(cli->catalog, &entry, error);
    }
    sl_doc_free(doc);
    return rc;
}

static void print_optimized(const struct cli *cli, const char *name,
                            const struct sl_delta_optimized *done)
{
    char files[CLI_NUMBER_MAX], before[CLI_NUMBER_MAX], after[CLI_NUMBER_MAX];
    char added[CLI_NUMBER_MAX], purged[CLI_NUMBER_MAX];

    if (done->version < 0) {
        cli_note(cli, "%s: there is nothing to join", name);
        return;
    }
    printf("%s: %s file%s (%s) became %s (%s)", name, cli_count(done->files_removed, files),
           done->files_removed == 1 ? "" : "s", cli_bytes(done->bytes_removed, before),
           cli_count(done->files_added, added), cli_bytes(done->bytes_added, after));
    if (done->rows_purged) printf(", %s deleted rows went", cli_count(done->rows_purged, purged));
    printf("; version %" PRId64 "\n", done->version);
}

static enum sl_code json_optimized(const struct sl_delta_optimized *done, struct sl_error *error)
{
    struct sl_json_writer *w = sl_json_writer_new();
    struct sl_buf json = {0};

    if (!w) return sl_fail(error, SL_NO_MEMORY, "no memory for an answer");
    sl_json_begin_object(w);
    sl_json_key(w, "version");
    if (done->version < 0)
        sl_json_put_null(w);
    else
        sl_json_put_i64(w, done->version);
    sl_json_kv_i64(w, "num_files_removed", done->files_removed);
    sl_json_kv_i64(w, "num_files_added", done->files_added);
    sl_json_kv_i64(w, "num_bytes_removed", done->bytes_removed);
    sl_json_kv_i64(w, "num_bytes_added", done->bytes_added);
    sl_json_kv_i64(w, "num_rows", done->rows);
    sl_json_kv_i64(w, "num_rows_purged", done->rows_purged);
    sl_json_end_object(w);
    const char *text = sl_json_writer_text(w, NULL);
    if (text) sl_buf_adds(&json, text);
    enum sl_code rc = text && !sl_buf_failed(&json)
                          ? cli_print_json(&json, stdout, error)
                          : sl_fail(error, SL_NO_MEMORY, "no memory for an answer");
    sl_buf_release(&json);
    sl_json_writer_free(w);
    return rc;
}

static enum sl_code optimize(struct cli *cli, const struct cli_call *call, struct sl_error *error)
{
    const char *name = cli_arg(call, 0);
    struct sl_delta_optimize_options options = {.dead_ratio = -1};
    struct sl_delta_optimized done = {.version = -1};
    struct sl_delta_table *table = NULL;
    struct sl_buf info = {0};
    enum sl_code rc = size_of(call, "target-size", &options.target_bytes, error);

    /* A run may commit in between: then it is done again, on what is there now. */
    for (int i = 0; !rc && i < OPTIMIZE_TRIES; i++) {
        sl_delta_table_free(table);
        table = NULL;
        sl_buf_reset(&info);
        rc = cli_open_table(cli, name, &info, &table, error);
        if (!rc) rc = sl_delta_optimize(table, &options, &done, error);
        if (rc != SL_CONFLICT) break;
        if (i + 1 < OPTIMIZE_TRIES) rc = SL_OK;
    }
    if (rc == SL_CONFLICT)
        sl_error_hint(error, "A run is writing this table all the time. Nothing was changed: try "
                             "again between two runs.");
    if (!rc && done.version >= 0) rc = show_in_catalog(cli, &info, table, error);
    if (!rc && cli->json)
        rc = json_optimized(&done, error);
    else if (!rc)
        print_optimized(cli, name, &done);
    sl_delta_table_free(table);
    sl_buf_release(&info);
    return rc;
}

/* Paths of files that go, as an array or as lines. */
struct paths {
    struct sl_json_writer *writer; /* NULL: lines on stdout, or nothing at all */
    bool lines;
};

static void take_path(void *ctx, const char *path)
{
    struct paths *paths = ctx;

    if (paths->writer) sl_json_put_str(paths->writer, path);
    if (paths->lines) printf("%s\n", path);
}

static enum sl_code json_vacuumed(struct sl_json_writer *w, const struct sl_delta_vacuumed *done,
                                  int64_t log_files, bool dry_run, struct sl_error *error)
{
    struct sl_buf json = {0};

    sl_json_end_array(w);
    sl_json_kv_i64(w, "num_files", done->files);
    sl_json_kv_i64(w, "size_in_bytes", done->bytes);
    sl_json_kv_i64(w, "num_files_kept", done->kept);
    sl_json_kv_i64(w, "num_log_files", log_files);
    sl_json_kv_bool(w, "dry_run", dry_run);
    sl_json_end_object(w);
    const char *text = sl_json_writer_text(w, NULL);
    if (text) sl_buf_adds(&json, text);
    enum sl_code rc = text && !sl_buf_failed(&json)
                          ? cli_print_json(&json, stdout, error)
                          : sl_fail(error, SL_NO_MEMORY, "no memory for an answer");
    sl_buf_release(&json);
    return rc;
}

static void print_vacuumed(const char *name, const struct sl_delta_vacuumed *done,
                           int64_t log_files, bool dry_run)
{
    char files[CLI_NUMBER_MAX], bytes[CLI_NUMBER_MAX], kept[CLI_NUMBER_MAX];
    char log[CLI_NUMBER_MAX];

    printf("%s: %s file%s (%s) %s, %s stay", name, cli_count(done->files, files),
           done->files == 1 ? "" : "s", cli_bytes(done->bytes, bytes),
           dry_run ? "would be deleted" : "deleted", cli_count(done->kept, kept));
    if (log_files) printf("; %s files of old versions' log deleted", cli_count(log_files, log));
    printf("\n");
}

static enum sl_code vacuum(struct cli *cli, const struct cli_call *call, struct sl_error *error)
{
    const char *name = cli_arg(call, 0);
    bool dry_run = cli_given(call, "dry-run");
    int64_t hours = -1, now_ms = cli_now_us(NULL) / 1000, log_files = 0;
    struct sl_delta_vacuumed done = {0};
    struct sl_delta_table *table = NULL;
    struct sl_buf info = {0};
    struct paths paths = {.lines = dry_run && !cli->json};
    enum sl_code rc = cli_number(call, "retain-hours", 0, 24 * 365 * 100, -1, &hours, error);

    if (!rc && cli->json) {
        paths.writer = sl_json_writer_new();
        if (!paths.writer) rc = sl_fail(error, SL_NO_MEMORY, "no memory for an answer");
        if (!rc) {
            sl_json_begin_object(paths.writer);
            sl_json_key(paths.writer, "files");
            sl_json_begin_array(paths.writer);
        }
    }
    if (!rc) rc = cli_open_table(cli, name, &info, &table, error);
    if (!rc)
        rc = sl_delta_vacuum(table, hours < 0 ? -1 : hours * HOUR_MS, now_ms, dry_run, take_path,
                             &paths, &done, error);
    if (!rc && !dry_run) rc = sl_delta_clean_log(table, -1, now_ms, &log_files, error);
    if (!rc && cli->json)
        rc = json_vacuumed(paths.writer, &done, log_files, dry_run, error);
    else if (!rc)
        print_vacuumed(name, &done, log_files, dry_run);
    sl_json_writer_free(paths.writer);
    sl_delta_table_free(table);
    sl_buf_release(&info);
    return rc;
}

static const struct cli_option optimize_options[] = {
    {.name = "target-size",
     .value = "SIZE",
     .help = "Files become about so large: 16MiB, 1GiB. Default: 16MiB; 128MiB with deletion "
             "vectors."},
    {0},
};
static const struct cli_option vacuum_options[] = {
    {.name = "retain-hours",
     .value = "N",
     .help = "Keeps what versions of the last N hours need. Default: the table's "
             "delta.deletedFileRetentionDuration, else 168."},
    {.name = "dry-run", .help = "Only lists the files that would be deleted."},
    {0},
};
static const struct cli_example optimize_examples[] = {
    {"One large file instead of many small ones", "tables optimize main.bronze.bronze_vendors"},
    {0},
};
static const struct cli_example vacuum_examples[] = {
    {"What would go", "tables vacuum main.bronze.bronze_vendors --dry-run"},
    {"Keep one day", "tables vacuum main.bronze.bronze_vendors --retain-hours 24"},
    {0},
};

const struct cli_command cli_table_care_commands[] = {
    {.name = "tables optimize",
     .args = "CATALOG.SCHEMA.TABLE",
     .args_min = 1,
     .args_max = 1,
     .summary = "Joins small files, and takes deleted rows out of files for good.",
     .details =
         "One new version with the same rows. The old files stay until a vacuum: readers of\n"
         "older versions are not disturbed. Runs join small files by themselves.",
     .options = optimize_options,
     .examples = optimize_examples,
     .run = optimize},
    {.name = "tables vacuum",
     .args = "CATALOG.SCHEMA.TABLE",
     .args_min = 1,
     .args_max = 1,
     .summary = "Deletes files that no version of the retention needs.",
     .details =
         "Older versions can then no longer be read. Files younger than an hour stay in any\n"
         "case, and so do those of the last day that no version names yet: a run may be\n"
         "writing them. The log of versions older than delta.logRetentionDuration (30 days)\n"
         "goes too. Runs do this by themselves, about once a day.",
     .options = vacuum_options,
     .examples = vacuum_examples,
     .run = vacuum},
    {0},
};
