/*
 * cmd_demo.c: the whole story on a simulated base.
 *
 * Every step is a command that is printed, then run by the same parser and handler that a user's
 * words go through, so that what is shown is what works.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "cli/commands.h"
#include "json/doc.h"
#include "sim/sim.h"

#define WORDS_MAX 12
#define CONNECTION "airtable"
#define PIPELINE "airtable_launch_control"
#define HISTORY_PIPELINE "airtable_vendor_history"
#define TABLE "main.bronze.bronze_vendors"
#define HISTORY_TABLE "main.bronze.bronze_vendors_history"

/* examples/airtable/pipeline.json and history.json, made into C by the build; end with NUL. */
extern const char cli_demo_pipeline[], cli_demo_history[];

struct demo {
    struct cli *cli;
    struct sim *sim;
    struct sim_server *server;
    struct sl_buf home, token_path, pipeline_path, history_path, connection_json;
};

static void title(const struct demo *demo, int step, const char *text)
{
    printf("\n%s%d. %s%s\n", cli_bold(demo->cli), step, text, cli_plain(demo->cli));
}

/* A word as one types it into a shell. */
static void print_word(const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_./@:=,-";

    if (*word && word[strspn(word, plain)] == '\0') {
        fputs(word, stdout);
        return;
    }
    putchar('\'');
    for (; *word; word++) {
        if (*word == '\'')
            fputs("'\\''", stdout);
        else
            putchar(*word);
    }
    putchar('\'');
}

/* Prints "$ sluice word ..." and runs it. Ends with NULL. */
static enum sl_code step(struct demo *demo, struct sl_error *error, ...)
{
    char *words[WORDS_MAX] = {0};
    int count = 0;
    struct cli_call call;
    va_list args;
    const char *word;
    enum sl_code rc = SL_OK;

    va_start(args, error);
    printf("\n%s$ sluice", cli_dim(demo->cli));
    while ((word = va_arg(args, const char *)) != NULL && count < WORDS_MAX) {
        putchar(' ');
        print_word(word);
        words[count] = sl_strdup(word); /* the parser keeps what it is given, and may wipe it */
        if (!words[count++]) rc = sl_fail(error, SL_NO_MEMORY, "no memory for a command");
    }
    printf("%s\n", cli_plain(demo->cli));
    va_end(args);
    fflush(stdout);
    if (!rc && cli_cancelled(NULL)) rc = sl_fail(error, SL_CANCELLED, "the demo was stopped");
    if (!rc) rc = cli_parse(count, words, &call, error);
    if (!rc) rc = call.command->run(demo->cli, &call, error);
    for (int i = 0; i < count; i++) sl_free(words[i]);
    fflush(stdout);
    return rc;
}

/* ---- what the steps need ---- */

static enum sl_code home_choose(struct demo *demo, struct sl_error *error)
{
    const char *home = demo->cli->home ? demo->cli->home : getenv("SLUICE_HOME");
    const char *data = getenv("XDG_DATA_HOME"), *user = getenv("HOME");

    if (home && *home)
        sl_buf_adds(&demo->home, home);
    else if (data && *data == '/')
        sl_buf_addf(&demo->home, "%s/sluice-demo", data);
    else if (user && *user)
        sl_buf_addf(&demo->home, "%s/.local/share/sluice-demo", user);
    else
        sl_buf_adds(&demo->home, "sluice-demo");
    if (sl_buf_failed(&demo->home)) return sl_fail(error, SL_NO_MEMORY, "no memory for a path");
    demo->cli->home = demo->home.data;
    enum sl_code rc = cli_catalog(demo->cli, error);
    if (rc) return rc;
    const char *real = sl_catalog_home(demo->cli->catalog);
    sl_buf_addf(&demo->token_path, "%s/demo-token", real);
    sl_buf_addf(&demo->pipeline_path, "%s/pipeline.json", real);
    sl_buf_addf(&demo->history_path, "%s/history.json", real);
    return SL_OK;
}

static enum sl_code file_write(const char *path, const char *text, mode_t mode,
                               struct sl_error *error)
{
    size_t len = strlen(text);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    bool good = fd >= 0 && write(fd, text, len) == (ssize_t)len;

    if (!good)
        sl_fail(error, SL_DESTINATION, "the file '%s' cannot be written: %s", path,
                strerror(errno));
    if (fd >= 0) close(fd);
    return good ? SL_OK : error->code;
}

/* The connection as JSON, its token in a file of its own: as one should do it. */
static enum sl_code connection_write(struct demo *demo, const char *url, bool exists,
                                     struct sl_error *error)
{
    struct sl_buf given = {0};
    const struct sl_json *root = NULL;
    struct sl_doc *doc = sl_doc_new(0);
    struct sl_json_writer *w = sl_json_writer_new();
    enum sl_code rc = doc && w ? sim_connection(demo->sim, url, &given, error)
                               : sl_fail(error, SL_NO_MEMORY, "no memory for a connection");

    if (!rc) rc = sl_doc_parse_copy(doc, sl_buf_str(&given), given.len, &root, error);
    if (rc) goto out;
    const struct sl_json *token = sl_json_get(root, "bearer_token");
    if (!token) token = sl_json_get(root, "token");
    rc = file_write(demo->token_path.data, sl_json_str(token) ? sl_json_str(token) : "", 0600,
                    error);
    if (rc) goto out;
    sl_json_begin_object(w);
    if (!exists) {
        sl_json_kv_str(w, "name", CONNECTION);
        sl_json_kv_str(w, "connection_type", "GENERIC_LAKEFLOW_CONNECT");
    }
    sl_json_key(w, "options");
    sl_json_begin_object(w);
    sl_json_kv_str(w, "sourceName", "airtable");
    sl_json_key(w, "bearer_token");
    sl_json_begin_object(w);
    sl_json_kv_str(w, "file", demo->token_path.data);
    sl_json_end_object(w);
    for (struct sl_json_each e = sl_json_each(root); sl_json_next(&e);) {
        if (e.value == token || sl_json_eq(e.key, "sourceName")) continue;
        sl_json_key(w, sl_json_str(e.key));
        sl_json_put_value(w, e.value);
    }
    sl_json_end_object(w);
    if (!exists) sl_json_kv_str(w, "comment", "The demo's simulated base");
    sl_json_end_object(w);
    const char *json = sl_json_writer_text(w, NULL);
    if (json) sl_buf_adds(&demo->connection_json, json);
    if (!json || sl_buf_failed(&demo->connection_json))
        rc = sl_fail(error, SL_NO_MEMORY, "no memory for a connection");

out:
    sl_buf_release(&given);
    sl_json_writer_free(w);
    sl_doc_free(doc);
    return rc;
}

/* ---- the steps ---- */

static enum sl_code simulate(struct demo *demo, char url[64], struct sl_error *error)
{
    const struct sim_app *app = sim_find("airtable");
    struct sim_options options = {.seed = 1, .gzip = true};

    if (!app) return sl_fail(error, SL_BUG, "the Airtable simulator was not built in");
    title(demo, 1, "A simulated Airtable base on loopback, with Airtable's own limits");
    enum sl_code rc = sim_new(app, &options, &demo->sim, error);
    if (!rc) rc = sim_server_start(demo->sim, 0, &demo->server, error);
    if (rc) return rc;
    snprintf(url, 64, "http://127.0.0.1:%d", sim_server_port(demo->server));
    printf("It answers at %s until the demo ends. To have one that stays: sluice sim airtable\n",
           url);
    return SL_OK;
}

static enum sl_code connect_it(struct demo *demo, const char *url, struct sl_error *error)
{
    struct sl_buf ignored = {0};
    struct sl_error missing;
    bool exists =
        sl_connection_get(demo->cli->catalog, CONNECTION, &ignored, &missing) != SL_NOT_FOUND;

    sl_buf_release(&ignored);
    title(demo, 2, "A connection: where the data is, and the token to read it");
    enum sl_code rc = connection_write(demo, url, exists, error);
    if (rc) return rc;
    rc = exists ? step(demo, error, "connections", "update", CONNECTION, "--json",
                       demo->connection_json.data, NULL)
                : step(demo, error, "connections", "create", "--json", demo->connection_json.data,
                       NULL);
    return rc ? rc : step(demo, error, "check", CONNECTION, NULL);
}

static enum sl_code pipeline_put(struct demo *demo, const char *name, const char *path,
                                 const char *json, struct sl_error *error)
{
    char id[SL_ID_MAX];
    struct sl_error missing;
    struct sl_buf argument = {0};
    bool exists = sl_pipeline_find(demo->cli->catalog, name, id, &missing) == SL_OK;
    enum sl_code rc = file_write(path, json, 0644, error);

    sl_buf_addf(&argument, "@%s", path);
    if (!rc && sl_buf_failed(&argument)) rc = sl_fail(error, SL_NO_MEMORY, "no memory for a path");
    if (!rc)
        rc = exists ? step(demo, error, "pipelines", "update", name, "--json", argument.data, NULL)
                    : step(demo, error, "pipelines", "create", "--json", argument.data, NULL);
    sl_buf_release(&argument);
    return rc;
}

static enum sl_code plan_it(struct demo *demo, struct sl_error *error)
{
    title(demo, 3, "Two pipelines: six tables as they are now, and the history of one of them");
    enum sl_code rc =
        pipeline_put(demo, PIPELINE, demo->pipeline_path.data, cli_demo_pipeline, error);
    return rc ? rc
              : pipeline_put(demo, HISTORY_PIPELINE, demo->history_path.data, cli_demo_history,
                             error);
}

static enum sl_code show_it(struct demo *demo, struct sl_error *error)
{
    title(demo, 5, "The catalog: what was landed");
    enum sl_code rc = step(demo, error, "catalogs", "list", NULL);
    if (!rc) rc = step(demo, error, "schemas", "list", "main", NULL);
    if (!rc) rc = step(demo, error, "tables", "list", "main.bronze", NULL);
    if (!rc)
        rc = step(demo, error, "tables", "preview", TABLE, "--limit", "5", "--columns",
                  "vendor,country,spend,score,active,sku_count,since", NULL);
    if (!rc) rc = step(demo, error, "sql", "DESCRIBE CONNECTION " CONNECTION, NULL);
    return rc;
}

/* ---- the second act ---- */

/* What somebody does in the base between two runs: in words, and for the simulator. */
static const struct {
    const char *words, *op;
} changes[] = {
    {"The spend of two vendors is corrected",
     "{\"ops\":[{\"op\":\"edit\",\"table\":\"Vendors\",\"record\":4,\"fields\":{\"Spend\":1200.5}},"
     "{\"op\":\"edit\",\"table\":\"Vendors\",\"record\":11,\"fields\":{\"Spend\":980}}]}"},
    {"A new vendor is entered", "{\"op\":\"create\",\"table\":\"Vendors\"}"},
    {"Another one is deleted", "{\"op\":\"delete\",\"table\":\"Vendors\",\"record\":30}"},
    {"The field 'Country' is now called 'Country of Origin'",
     "{\"op\":\"rename_field\",\"table\":\"Vendors\",\"field\":\"Country\","
     "\"to\":\"Country of Origin\"}"},
    {"Packaging Tasks get a field 'Carrier'",
     "{\"op\":\"add_field\",\"table\":\"Packaging Tasks\",\"name\":\"Carrier\","
     "\"type\":\"singleLineText\"}"},
    {"Three packaging tasks are edited",
     "{\"op\":\"edit\",\"table\":\"Packaging Tasks\",\"count\":3}"},
};

static enum sl_code change_it(struct demo *demo, struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    title(demo, 6, "People work in the base");
    for (size_t i = 0; !rc && i < sizeof changes / sizeof *changes; i++) {
        printf("  - %s\n", changes[i].words);
        rc = sim_control(demo->sim, changes[i].op, error);
    }
    return rc;
}

static enum sl_code run_again(struct demo *demo, struct sl_error *error)
{
    title(demo, 7, "The second run takes what changed, and nothing else");
    enum sl_code rc = step(demo, error, "run", PIPELINE, "--quiet", NULL);
    if (!rc) {
        printf("A field that was renamed keeps its column. A table with a new field is read in "
               "full, because a\nsource fills fields without touching the records. The others took "
               "two calls: one finds out, once,\nthat the filter can be relied on. From now on it "
               "is one call a table, whatever its size:\n");
        rc = step(demo, error, "run", PIPELINE, "--quiet", NULL);
    }
    if (!rc) {
        printf("What that costs in a month:\n");
        rc = step(demo, error, "plan", PIPELINE, "--every", "15m", NULL);
    }
    if (!rc) {
        printf("Where a table stands is in the table itself:\n");
        rc = step(demo, error, "cursor", "show", TABLE, NULL);
    }
    if (rc) return rc;
    title(demo, 8, "Deletes: Airtable does not tell them, so a complete read does, once a day");
    rc = step(demo, error, "verify", TABLE, "--quiet", NULL);
    if (rc == SL_PARTIAL) {
        printf("exit code 1: %s\n", error->message);
        *error = (struct sl_error){0};
        rc = step(demo, error, "run", PIPELINE, "--reconcile", "--refresh", "bronze_vendors",
                  "--quiet", NULL);
    }
    if (!rc) rc = step(demo, error, "tables", "history", TABLE, NULL);
    return rc;
}

static enum sl_code show_history(struct demo *demo, struct sl_error *error)
{
    title(demo, 9, "History: what a vendor was, and is (SCD_TYPE_2)");
    enum sl_code rc = step(demo, error, "run", HISTORY_PIPELINE, "--reconcile", "--quiet", NULL);
    if (!rc)
        rc = step(demo, error, "sql",
                  "SELECT vendor, spend, __START_AT, __END_AT FROM " HISTORY_TABLE
                  " WHERE _airtable_id IN (SELECT _airtable_id FROM " HISTORY_TABLE
                  " WHERE __END_AT IS NOT NULL) ORDER BY _airtable_id, __START_AT",
                  NULL);
    return rc;
}

static void snippets(const struct demo *demo, const char *path)
{
    const char *bold = cli_bold(demo->cli), *plain = cli_plain(demo->cli);

    title(demo, 10, "Read it with what you have");
    printf("\n%s-- DuckDB%s\n"
           "INSTALL delta; LOAD delta;\n"
           "SELECT * FROM delta_scan('%s') LIMIT 5;\n",
           bold, plain, path);
    printf("\n%s# Polars%s\n"
           "import polars\n"
           "print(polars.read_delta(\"%s\").head(5))\n",
           bold, plain, path);
    printf("\n%s# pandas%s\n"
           "from deltalake import DeltaTable\n"
           "print(DeltaTable(\"%s\").to_pandas().head(5))\n",
           bold, plain, path);
    printf("\n%s# Spark%s\n"
           "from delta import configure_spark_with_delta_pip\n"
           "from pyspark.sql import SparkSession\n"
           "builder = (SparkSession.builder\n"
           "    .config(\"spark.sql.extensions\", \"io.delta.sql.DeltaSparkSessionExtension\")\n"
           "    .config(\"spark.sql.catalog.spark_catalog\",\n"
           "            \"org.apache.spark.sql.delta.catalog.DeltaCatalog\"))\n"
           "spark = configure_spark_with_delta_pip(builder).getOrCreate()\n"
           "spark.read.format(\"delta\").load(\"%s\").show(5)\n",
           bold, plain, path);
    printf("\nThe tables stay in %s. To look again:\n"
           "  export SLUICE_HOME=%s\n"
           "  sluice tables preview " TABLE "\n"
           "Your own base: sluice connections create --help\n",
           sl_catalog_home(demo->cli->catalog), sl_catalog_home(demo->cli->catalog));
}

static enum sl_code run_it(struct demo *demo, struct sl_error *error)
{
    char url[64];
    struct sl_buf path = {0};
    enum sl_code rc = simulate(demo, url, error);

    if (!rc) rc = home_choose(demo, error);
    if (!rc)
        printf("Everything is kept in %s (SLUICE_HOME moves it).\n",
               sl_catalog_home(demo->cli->catalog));
    if (!rc) rc = connect_it(demo, url, error);
    if (!rc) rc = plan_it(demo, error);
    if (!rc) title(demo, 4, "The run, and its event log as it grows");
    if (!rc) rc = step(demo, error, "run", PIPELINE, "--events", NULL);
    if (!rc) rc = step(demo, error, "run", HISTORY_PIPELINE, "--quiet", NULL);
    if (!rc) rc = show_it(demo, error);
    if (!rc) rc = change_it(demo, error);
    if (!rc) rc = run_again(demo, error);
    if (!rc) rc = show_history(demo, error);
    if (!rc)
        rc =
            sl_table_location(demo->cli->catalog, "main", "bronze", "bronze_vendors", &path, error);
    if (!rc) snippets(demo, path.data);
    sl_buf_release(&path);
    return rc;
}

static enum sl_code demo_command(struct cli *cli, const struct cli_call *call,
                                 struct sl_error *error)
{
    struct demo demo = {.cli = cli};
    const char *home = cli->home;

    (void)call;
    cli->json = false; /* this is for people */
    enum sl_code rc = run_it(&demo, error);
    sim_server_stop(demo.server);
    sim_free(demo.sim);
    cli->home = home;
    sl_buf_release(&demo.home);
    sl_buf_release(&demo.token_path);
    sl_buf_release(&demo.pipeline_path);
    sl_buf_release(&demo.history_path);
    sl_buf_release(&demo.connection_json);
    return rc;
}

static const struct cli_example demo_examples[] = {
    {"In a directory of your choice", "demo --home /tmp/sluice-demo"},
    {0},
};

const struct cli_command cli_demo_commands[] = {
    {.name = "demo",
     .summary = "Lands a simulated Airtable base in Delta tables, step by step, in one command.",
     .details = "It runs as often as you like. Nothing leaves this machine.",
     .examples = demo_examples,
     .run = demo_command},
    {0},
};
