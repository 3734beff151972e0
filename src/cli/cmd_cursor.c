/* cmd_cursor.c: where a table stands, and whether it is what its source is. */
#include <string.h>

#include "base/time.h"
#include "cli/commands.h"
#include "cli/run_pipeline.h"
#include "json/doc.h"
#include "pipeline/cursor.h"

/* ---- cursor show ---- */

static const char *text_of(const struct sl_json *root, const char *key)
{
    const char *text = sl_json_str(sl_json_get(root, key));

    return text ? text : "";
}

static void say(const char *label, const char *text)
{
    if (text[0]) printf("%-16s %s\n", label, text);
}

static const char *mode_in_words(const char *mode)
{
    return strcmp(mode, "append") == 0    ? "every row once (APPEND_ONLY)"
           : strcmp(mode, "latest") == 0  ? "one row a key (SCD_TYPE_1)"
           : strcmp(mode, "history") == 0 ? "the versions of each key (SCD_TYPE_2)"
                                          : "replaced as a whole: the source names no key";
}

static void say_next(const struct sl_json *root)
{
    const char *due = text_of(root, "full_due"), *lacked = text_of(root, "full_lacked");

    if (lacked[0])
        printf("%-16s a complete read (%s): the one of %s lacked parts\n", "owed", due, lacked);
    if (due[0] && !lacked[0])
        printf("%-16s everything is read: %s\n", "next run", due);
    else if (strcmp(text_of(root, "phase"), "initial") == 0)
        printf("%-16s goes on with the first load, which is not complete\n", "next run");
    else if (!sl_json_get(root, "cursor"))
        printf("%-16s everything is read: there is no cursor\n", "next run");
    else
        printf("%-16s goes on from the cursor below\n", "next run");
}

static enum sl_code explain(const struct sl_buf *json, struct sl_error *error)
{
    struct sl_json_writer *w = sl_json_writer_new();
    struct sl_doc *doc = sl_doc_new(0);
    const struct sl_json *root = NULL;
    struct sl_buf cursor = {0};
    int64_t commit = 0;
    enum sl_code rc = w && doc ? sl_doc_parse_copy(doc, sl_buf_str(json), json->len, &root, error)
                               : sl_fail(error, SL_NO_MEMORY, "no memory for a cursor");

    if (rc) goto out;
    sl_json_i64(sl_json_get(root, "commit"), &commit);
    printf("%-16s %s of %s%s%s\n", "source", text_of(root, "source_table"),
           text_of(root, "connector"), text_of(root, "source_schema")[0] ? ", in " : "",
           text_of(root, "source_schema"));
    say("table holds", mode_in_words(text_of(root, "mode")));
    printf("%-16s %lld, the newest at %s by run %s\n", "commits", (long long)commit,
           text_of(root, "at"), text_of(root, "run"));
    say("read in full", text_of(root, "read_in_full"));
    say("history up to", text_of(root, "observed"));
    say_next(root);
    sl_json_put_value(w, sl_json_get(root, "cursor"));
    sl_buf_adds(&cursor, sl_json_writer_text(w, NULL) ? sl_json_writer_text(w, NULL) : "");
    if (sl_json_get(root, "cursor")) rc = cli_print_json(&cursor, stdout, error);

out:
    sl_buf_release(&cursor);
    sl_doc_free(doc);
    sl_json_writer_free(w);
    return rc;
}

static enum sl_code show(struct cli *cli, const struct cli_call *call, struct sl_error *error)
{
    struct sl_delta_table *table = NULL;
    struct sl_buf info = {0}, json = {0};
    enum sl_code rc = cli_open_table(cli, cli_arg(call, 0), &info, &table, error);

    if (!rc) rc = sl_cursor_show(table, &json, error);
    if (!rc) rc = cli->json ? cli_print_json(&json, stdout, error) : explain(&json, error);
    sl_delta_table_free(table);
    sl_buf_release(&json);
    sl_buf_release(&info);
    return rc;
}

static enum sl_code reset(struct cli *cli, const struct cli_call *call, struct sl_error *error)
{
    struct sl_delta_table *table = NULL;
    struct sl_buf info = {0};
    enum sl_code rc = cli_open_table(cli, cli_arg(call, 0), &info, &table, error);

    if (!rc) rc = sl_cursor_reset(table, cli_now_us(NULL), error);
    if (!rc) cli_note(cli, "the next run reads everything of it and compares; its rows stay");
    sl_delta_table_free(table);
    sl_buf_release(&info);
    return rc;
}

/* ---- verify ---- */

/* The pipeline that lands the table, from its entry in the catalog. */
static enum sl_code owner_of(struct cli *cli, const char *table, struct sl_buf *pipeline,
                             struct sl_error *error)
{
    struct sl_doc *doc = sl_doc_new(0);
    const struct sl_json *root = NULL;
    struct sl_buf info = {0};
    enum sl_code rc =
        doc ? cli_catalog(cli, error) : sl_fail(error, SL_NO_MEMORY, "no memory for a table");

    if (!rc) rc = sl_tables_get(cli->catalog, table, &info, error);
    if (!rc) rc = sl_doc_parse_copy(doc, sl_buf_str(&info), info.len, &root, error);
    const char *id = rc ? NULL : sl_json_str(sl_json_get(root, "pipeline_id"));
    if (!rc && !id) {
        rc = sl_fail(error, SL_NOT_FOUND, "no pipeline of this catalog lands '%s'", table);
        sl_error_hint(error, "Run its pipeline once: sluice run FILE.");
    }
    if (!rc) sl_buf_adds(pipeline, id);
    sl_buf_release(&info);
    sl_doc_free(doc);
    return rc;
}

static enum sl_code verify(struct cli *cli, const struct cli_call *call, struct sl_error *error)
{
    struct sl_buf pipeline = {0};
    enum sl_code rc = owner_of(cli, cli_arg(call, 0), &pipeline, error);

    if (!rc) {
        struct cli_run options = {
            .what = sl_buf_str(&pipeline),
            .refresh_selection = cli_arg(call, 0),
            .verify = true,
            .cause = "USER_ACTION",
            .quiet = cli_given(call, "quiet"),
            .call = call,
        };
        rc = cli_run_pipeline(cli, &options, error);
    }
    sl_buf_release(&pipeline);
    return rc;
}

static const struct cli_option verify_options[] = {
    {.name = "quiet", .help = "No progress."},
    {0},
};

const struct cli_command cli_cursor_commands[] = {
    {.name = "cursor show",
     .args = "CATALOG.SCHEMA.TABLE",
     .args_min = 1,
     .args_max = 1,
     .summary = "Explains where a table stands: what the next run goes on from.",
     .run = show},
    {.name = "cursor reset",
     .args = "CATALOG.SCHEMA.TABLE",
     .args_min = 1,
     .args_max = 1,
     .summary = "Takes the cursor away: the next run reads everything and compares; rows stay.",
     .run = reset},
    {.name = "verify",
     .args = "CATALOG.SCHEMA.TABLE",
     .args_min = 1,
     .args_max = 1,
     .summary = "Reads the source in full and compares it with the table; changes nothing.",
     .details = "Exits with 1 when rows are missing, differ, or are not in the source any more.",
     .options = verify_options,
     .run = verify},
    {0},
};
