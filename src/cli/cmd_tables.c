/* cmd_tables.c: what was landed. */
#include <string.h>

#include "base/alloc.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "json/doc.h"

#define PREVIEW_ROWS 20
#define HISTORY_VERSIONS 20

static const struct cli_column list_columns[] = {
    {"FULL NAME", {"full_name"}, CLI_TEXT},
    {"ROWS", {"statistics", "num_rows"}, CLI_COUNT},
    {"COLUMNS", {"columns"}, CLI_LENGTH},
    {"SIZE", {"statistics", "size_in_bytes"}, CLI_BYTES},
    {"VERSION", {"statistics", "version"}, CLI_COUNT},
    {"UPDATED", {"updated_at"}, CLI_TIME_MS},
    {"LOCATION", {"storage_location"}, CLI_TEXT},
    {0},
};

/* "C", "C S", "C.S" or nothing. */
static enum sl_code list(struct cli *cli, const struct cli_call *call, struct sl_error *error)
{
    const char *first = cli_arg(call, 0), *schema = cli_arg(call, 1);
    const char *dot = first && !schema ? strchr(first, '.') : NULL;
    struct sl_buf json = {0};
    char *name = first ? sl_strndup(first, dot ? (size_t)(dot - first) : strlen(first)) : NULL;
    enum sl_code rc = first && !name ? sl_fail(error, SL_NO_MEMORY, "no memory for a name")
                                     : cli_catalog(cli, error);

    if (!rc && name) {
        rc = sl_catalogs_get(cli->catalog, name, &json, error);
        sl_buf_reset(&json);
    }
    if (!rc) rc = sl_tables_list(cli->catalog, name, dot ? dot + 1 : schema, &json, error);
    if (!rc) rc = cli_show_list(cli, &json, list_columns, "there is no table yet", error);
    sl_free(name);
    sl_buf_release(&json);
    return rc;
}

/* The entry without its columns, then the columns. */
static enum sl_code show_table(struct cli *cli, const struct sl_buf *json, struct sl_error *error)
{
    static const struct cli_column column_columns[] = {
        {"COLUMN", {"name"}, CLI_TEXT},
        {"TYPE", {"type_text"}, CLI_TEXT},
        {"NULLABLE", {"nullable"}, CLI_TEXT},
        {"COMMENT", {"comment"}, CLI_TEXT},
        {0},
    };
    const struct sl_json *root = NULL;
    struct sl_buf part = {0};
    struct sl_doc *doc = sl_doc_new(0);
    struct sl_json_writer *w = sl_json_writer_new();
    enum sl_code rc = doc && w ? sl_doc_parse_copy(doc, sl_buf_str(json), json->len, &root, error)
                               : sl_fail(error, SL_NO_MEMORY, "no memory for an answer");

    if (rc) goto out;
    sl_json_begin_object(w);
    for (struct sl_json_each e = sl_json_each(root); sl_json_next(&e);) {
        if (sl_json_eq(e.key, "columns")) continue;
        sl_json_key(w, sl_json_str(e.key));
        sl_json_put_value(w, e.value);
    }
    sl_json_end_object(w);
    const char *text = sl_json_writer_text(w, NULL);
    if (text) sl_buf_adds(&part, text);
    rc = cli_show_object(cli, &part, error);
    sl_buf_reset(&part);
    sl_json_writer_reset(w);
    sl_json_put_value(w, sl_json_get(root, "columns"));
    text = sl_json_writer_text(w, NULL);
    if (text) sl_buf_adds(&part, text);
    fputc('\n', stdout);
    if (!rc) rc = cli_show_list(cli, &part, column_columns, "no columns", error);

out:
    sl_buf_release(&part);
    sl_json_writer_free(w);
    sl_doc_free(doc);
    return rc;
}

/* The entry as it would be, were this version the newest. */
static enum sl_code get_at(struct cli *cli, const char *name, int64_t version, struct sl_buf *json,
                           struct sl_error *error)
{
    struct sl_delta_table *table = NULL;
    struct sl_delta_totals totals = {-1, -1, -1};
    const char *properties = NULL;
    enum sl_code rc = cli_open_table_at(cli, name, version, json, &table, error);

    if (!rc) rc = sl_delta_totals(table, &totals, error);
    if (!rc) rc = sl_delta_properties_json(table, &properties, error);
    if (!rc) {
        const struct sl_table_entry entry = {.schema_json = sl_delta_schema_json(table),
                                             .properties = properties,
                                             .version = version,
                                             .rows = totals.rows,
                                             .bytes = totals.bytes,
                                             .files = totals.files};
        sl_buf_reset(json);
        rc = sl_tables_get_as(cli->catalog, name, &entry, json, error);
    }
    sl_delta_table_free(table);
    return rc;
}

static enum sl_code get(struct cli *cli, const struct cli_call *call, struct sl_error *error)
{
    struct sl_buf json = {0};
    int64_t version = -1;
    enum sl_code rc = cli_number(call, "at-version", 0, INT64_MAX, -1, &version, error);

    if (!rc) rc = cli_catalog(cli, error);
    if (!rc)
        rc = version >= 0 ? get_at(cli, cli_arg(call, 0), version, &json, error)
                          : sl_tables_get(cli->catalog, cli_arg(call, 0), &json, error);
    if (!rc) rc = cli->json ? cli_print_json(&json, stdout, error) : show_table(cli, &json, error);
    sl_buf_release(&json);
    return rc;
}

/* --columns a,b: names into an array that ends with NULL; free both. */
static enum sl_code split_columns(char *text, const char ***out, size_t *count,
                                  struct sl_error *error)
{
    size_t cap = 1;

    *out = NULL;
    *count = 0;
    if (!text) return SL_OK;
    for (const char *c = text; *c; c++) cap += *c == ',';
    *out = sl_calloc(cap + 1, sizeof **out);
    if (!*out) return sl_fail(error, SL_NO_MEMORY, "no memory for column names");
    for (char *at = text; at && *at;) {
        char *comma = strchr(at, ',');
        if (comma) *comma = '\0';
        if (*at) (*out)[(*count)++] = at;
        at = comma ? comma + 1 : NULL;
    }
    return SL_OK;
}

static enum sl_code preview(struct cli *cli, const struct cli_call *call, struct sl_error *error)
{
    struct sl_delta_table *table = NULL;
    struct ArrowArrayStream stream = {0};
    enum cli_format format = CLI_FORMAT_TABLE;
    int64_t limit = 0, version = -1;
    const char **columns = NULL;
    size_t count = 0;
    struct sl_buf info = {0};

    enum sl_code rc = cli_number(call, "limit", -1, INT64_MAX, PREVIEW_ROWS, &limit, error);
    if (!rc) rc = cli_format_of(cli, call, &format, error);
    if (!rc) rc = cli_number(call, "at-version", 0, INT64_MAX, -1, &version, error);
    if (!rc) rc = split_columns(cli_value(call, "columns"), &columns, &count, error);
    if (!rc) rc = cli_open_table_at(cli, cli_arg(call, 0), version, &info, &table, error);
    if (!rc) rc = sl_delta_scan(table, columns, count, limit, &stream, error);
    if (!rc) rc = cli_print_stream(cli, format, &stream, limit, error);
    sl_free(columns);
    sl_delta_table_free(table);
    sl_buf_release(&info);
    return rc;
}

static enum sl_code history(struct cli *cli, const struct cli_call *call, struct sl_error *error)
{
    static const struct cli_column columns[] = {
        {"VERSION", {"version"}, CLI_COUNT},
        {"TIME", {"timestamp"}, CLI_TIME_MS},
        {"OPERATION", {"operation"}, CLI_TEXT},
        {"PARAMETERS", {"operationParameters"}, CLI_TEXT},
        {"METRICS", {"operationMetrics"}, CLI_TEXT},
        {0},
    };
    struct sl_delta_table *table = NULL;
    const char *json = NULL;
    int64_t limit = 0;
    struct sl_buf info = {0}, text = {0};

    enum sl_code rc = cli_number(call, "limit", 1, 1000000, HISTORY_VERSIONS, &limit, error);
    if (!rc) rc = cli_open_table(cli, cli_arg(call, 0), &info, &table, error);
    if (!rc) rc = sl_delta_history(table, limit, &json, error);
    if (!rc) {
        sl_buf_adds(&text, json);
        rc = cli_show_list(cli, &text, columns, "no versions", error);
    }
    sl_delta_table_free(table);
    sl_buf_release(&info);
    sl_buf_release(&text);
    return rc;
}

/* `a`.`b`.`c`, back ticks doubled. */
static void quoted(struct sl_buf *out, const char *name)
{
    sl_buf_addc(out, '`');
    for (; *name; name++) {
        if (*name == '`') sl_buf_addc(out, '`');
        sl_buf_addc(out, *name);
    }
    sl_buf_addc(out, '`');
}

static enum sl_code show(struct cli *cli, const struct cli_call *call, struct sl_error *error)
{
    static const char *const parts[] = {"catalog_name", "schema_name", "name"};
    const struct sl_json *root = NULL;
    struct sl_buf json = {0}, ddl = {0};
    struct sl_doc *doc = NULL;

    if (!cli_given(call, "ddl")) return get(cli, call, error);
    doc = sl_doc_new(0);
    enum sl_code rc =
        doc ? cli_catalog(cli, error) : sl_fail(error, SL_NO_MEMORY, "no memory for a statement");
    if (!rc) rc = sl_tables_get(cli->catalog, cli_arg(call, 0), &json, error);
    if (!rc) rc = sl_doc_parse_copy(doc, sl_buf_str(&json), json.len, &root, error);
    if (rc) goto out;
    sl_buf_adds(&ddl, "CREATE TABLE IF NOT EXISTS ");
    for (size_t i = 0; i < 3; i++) {
        if (i) sl_buf_addc(&ddl, '.');
        quoted(&ddl, sl_json_str(sl_json_get(root, parts[i])));
    }
    sl_buf_adds(&ddl, " USING DELTA LOCATION '");
    for (const char *c = sl_json_str(sl_json_get(root, "storage_location")); *c; c++)
        sl_buf_addf(&ddl, *c == '\'' || *c == '\\' ? "\\%c" : "%c", *c);
    sl_buf_addc(&ddl, '\'');
    if (sl_buf_failed(&ddl)) {
        rc = sl_fail(error, SL_NO_MEMORY, "no memory for a statement");
    } else if (cli->json) {
        struct sl_json_writer *w = sl_json_writer_new();
        if (w) {
            sl_json_begin_object(w);
            sl_json_kv_str(w, "ddl", ddl.data);
            sl_json_end_object(w);
            printf("%s\n", sl_json_writer_text(w, NULL) ? sl_json_writer_text(w, NULL) : "");
        }
        sl_json_writer_free(w);
    } else {
        printf("%s;\n", ddl.data);
    }

out:
    sl_doc_free(doc);
    sl_buf_release(&json);
    sl_buf_release(&ddl);
    return rc;
}

static enum sl_code delete (struct cli *cli, const struct cli_call *call, struct sl_error *error) {
    enum sl_code rc = cli_catalog(cli, error);

    return rc ? rc : sl_tables_delete(cli->catalog, cli_arg(call, 0), error);
}

#define AT_VERSION_OPTION                                                                          \
    {                                                                                              \
        .name = "at-version", .value = "N", .help = "As of this version: see tables history."      \
    }

static const struct cli_option get_options[] = {AT_VERSION_OPTION, {0}};
static const struct cli_option preview_options[] = {
    {.name = "limit", .value = "N", .help = "Rows at most; -1: all. Default: 20."},
    {.name = "columns", .value = "A,B,...", .help = "Only these columns."},
    AT_VERSION_OPTION,
    CLI_FORMAT_OPTION,
    {0},
};
static const struct cli_option history_options[] = {
    {.name = "limit", .value = "N", .help = "Versions at most, newest first. Default: 20."},
    {0},
};
static const struct cli_option show_options[] = {
    {.name = "ddl", .help = "As the CREATE TABLE that registers it elsewhere."},
    {0},
};
static const struct cli_example preview_examples[] = {
    {"The first rows", "tables preview main.bronze.bronze_vendors"},
    {"Two columns of all rows as CSV",
     "tables preview main.bronze.bronze_vendors --columns vendor,rating --limit -1 --format csv"},
    {0},
};

const struct cli_command cli_table_commands[] = {
    {.name = "tables list",
     .args = "[CATALOG [SCHEMA]]",
     .args_max = 2,
     .summary = "Lists the landed tables; CATALOG.SCHEMA works too.",
     .run = list},
    {.name = "tables get",
     .args = "CATALOG.SCHEMA.TABLE",
     .args_min = 1,
     .args_max = 1,
     .summary = "Shows a table and its columns.",
     .options = get_options,
     .run = get},
    {.name = "tables preview",
     .args = "CATALOG.SCHEMA.TABLE",
     .args_min = 1,
     .args_max = 1,
     .summary = "Prints rows of a table.",
     .options = preview_options,
     .examples = preview_examples,
     .run = preview},
    {.name = "tables history",
     .args = "CATALOG.SCHEMA.TABLE",
     .args_min = 1,
     .args_max = 1,
     .summary = "Lists the versions of a table.",
     .options = history_options,
     .run = history},
    {.name = "tables show",
     .args = "CATALOG.SCHEMA.TABLE",
     .args_min = 1,
     .args_max = 1,
     .summary = "Shows a table, or the statement that registers it elsewhere.",
     .options = show_options,
     .run = show},
    {.name = "tables delete",
     .args = "CATALOG.SCHEMA.TABLE",
     .args_min = 1,
     .args_max = 1,
     .summary = "Takes a table out of the catalog. Its files stay.",
     .run = delete},
    {0},
};
