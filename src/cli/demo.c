/* demo.c: see demo.h. */
#define _GNU_SOURCE
#include "cli/demo.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/files.h"
#include "json/doc.h"
#include "options/options.h"

#define WORDS_MAX 12

/* ---- commands ---- */

void demo_title(struct demo *demo, const char *text)
{
    printf("\n%s%d. %s%s\n", cli_bold(demo->cli), ++demo->titles, text, cli_plain(demo->cli));
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

enum sl_code demo_step(struct demo *demo, struct sl_error *error, ...)
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

/* ---- the simulator and the home ---- */

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
    if (!rc)
        printf("Everything is kept in %s (SLUICE_HOME moves it).\n",
               sl_catalog_home(demo->cli->catalog));
    return rc;
}

enum sl_code demo_open(struct demo *demo, const char *what, struct sl_error *error)
{
    const struct sim_app *app = sim_find(demo->connector->name);
    struct sim_options options = {.seed = 1, .gzip = true};

    if (!app)
        return sl_fail(error, SL_BUG, "the simulator of '%s' was not built in",
                       demo->connector->name);
    demo_title(demo, what);
    enum sl_code rc = sim_new(app, &options, &demo->sim, error);
    if (!rc) rc = sim_server_start(demo->sim, 0, &demo->server, error);
    if (rc) return rc;
    snprintf(demo->url, sizeof demo->url, "http://127.0.0.1:%d", sim_server_port(demo->server));
    printf("It answers at %s until the demo ends. To have one that stays: sluice sim %s\n",
           demo->url, demo->connector->name);
    return home_choose(demo, error);
}

void demo_close(struct demo *demo)
{
    sim_server_stop(demo->server);
    sim_free(demo->sim);
    sl_buf_release(&demo->home);
}

/* ---- files of an example, parsed ---- */

struct parsed {
    struct sl_doc *doc;
    const struct sl_json *root;
};

static enum sl_code parse(const char *text, size_t len, struct parsed *out, struct sl_error *error)
{
    out->doc = sl_doc_new(0);
    if (!out->doc) return sl_fail(error, SL_NO_MEMORY, "no memory for an example");
    return sl_doc_parse_copy(out->doc, text, len, &out->root, error);
}

static enum sl_code parse_example(const struct demo *demo, const char *name, struct parsed *out,
                                  struct sl_error *error)
{
    const struct cli_file *file = cli_example_file(demo->connector->name, name);

    if (!file)
        return sl_fail(error, SL_BUG, "examples/%s/%s was not built in", demo->connector->name,
                       name);
    return parse(file->text, file->len, out, error);
}

static enum sl_code home_path(const struct demo *demo, const char *name, struct sl_buf *out,
                              struct sl_error *error)
{
    sl_buf_addf(out, "%s/%s", sl_catalog_home(demo->cli->catalog), name);
    return sl_buf_failed(out) ? sl_fail(error, SL_NO_MEMORY, "no memory for a path") : SL_OK;
}

/* ---- the connection ---- */

/* A secret goes into a file of its own: {"file": ...}. */
static enum sl_code put_secret(const struct demo *demo, struct sl_json_writer *w,
                               const char *option, const struct sl_json *value,
                               struct sl_error *error)
{
    const char *text = sl_json_str(value) ? sl_json_str(value) : "";
    struct sl_buf name = {0}, path = {0};

    sl_buf_addf(&name, "demo-%s-%s", demo->connector->name, option);
    enum sl_code rc = home_path(demo, sl_buf_str(&name), &path, error);
    if (!rc) rc = cli_file_write(path.data, text, strlen(text), 0600, false, error);
    if (!rc) {
        sl_json_begin_object(w);
        sl_json_kv_str(w, "file", path.data);
        sl_json_end_object(w);
    }
    sl_buf_release(&name);
    sl_buf_release(&path);
    return rc;
}

/* What the simulator says goes before what the example says; a secret comes from the simulator or
 * not at all. */
static enum sl_code put_options(const struct demo *demo, struct sl_json_writer *w,
                                const struct sl_json *example, const struct sl_json *fitting,
                                struct sl_error *error)
{
    const struct sl_option *options = demo->connector->connection_options;
    enum sl_code rc = SL_OK;

    sl_json_kv_str(w, "sourceName", demo->connector->name);
    for (const struct sl_option *o = options; o->name && !rc; o++) {
        const struct sl_json *value = sl_json_get(fitting, o->name);
        if (!value && o->alias) value = sl_json_get(fitting, o->alias);
        if (!value && o->kind != SL_OPTION_SECRET) value = sl_json_get(example, o->name);
        if (!value) continue;
        sl_json_key(w, o->name);
        if (o->kind == SL_OPTION_SECRET)
            rc = put_secret(demo, w, o->name, value, error);
        else
            sl_json_put_value(w, value);
    }
    return rc;
}

static enum sl_code connection_json(const struct demo *demo, const struct sl_json *example,
                                    bool exists, struct sl_buf *out, struct sl_error *error)
{
    struct sl_buf given = {0};
    struct parsed fitting = {0};
    struct sl_json_writer *w = sl_json_writer_new();
    enum sl_code rc = w ? sim_connection(demo->sim, demo->url, &given, error)
                        : sl_fail(error, SL_NO_MEMORY, "no memory for a connection");

    if (!rc) rc = parse(sl_buf_str(&given), given.len, &fitting, error);
    if (rc) goto out;
    sl_json_begin_object(w);
    if (!exists) {
        sl_json_kv_str(w, "name", sl_json_str(sl_json_get(example, "name")));
        sl_json_kv_str(w, "connection_type", "GENERIC_LAKEFLOW_CONNECT");
        sl_json_kv_str(w, "comment", sl_json_str(sl_json_get(example, "comment")));
    }
    sl_json_key(w, "options");
    sl_json_begin_object(w);
    rc = put_options(demo, w, sl_json_get(example, "options"), fitting.root, error);
    sl_json_end_object(w);
    sl_json_end_object(w);
    const char *json = sl_json_writer_text(w, NULL);
    if (json) sl_buf_adds(out, json);
    if (!rc && (!json || sl_buf_failed(out)))
        rc = sl_fail(error, SL_NO_MEMORY, "no memory for a connection");

out:
    sl_buf_release(&given);
    sl_json_writer_free(w);
    sl_doc_free(fitting.doc);
    return rc;
}

enum sl_code demo_connect(struct demo *demo, struct sl_error *error)
{
    struct sl_buf ignored = {0}, json = {0};
    struct parsed example = {0};
    struct sl_error missing;
    const char *name = NULL;
    bool exists = false;
    enum sl_code rc = parse_example(demo, "connection.json", &example, error);

    if (!rc) {
        name = sl_json_str(sl_json_get(example.root, "name"));
        exists = name && sl_connection_get(demo->cli->catalog, name, &ignored, &missing) == SL_OK;
        rc = name ? connection_json(demo, example.root, exists, &json, error)
                  : sl_fail(error, SL_BUG, "the example's connection has no name");
    }
    if (!rc)
        rc = exists ? demo_step(demo, error, "connections", "update", name, "--json", json.data,
                                (char *)NULL)
                    : demo_step(demo, error, "connections", "create", "--json", json.data,
                                (char *)NULL);
    if (!rc) rc = demo_step(demo, error, "check", name, (char *)NULL);
    sl_buf_release(&ignored);
    sl_buf_release(&json);
    sl_doc_free(example.doc);
    return rc;
}

/* ---- pipelines ---- */

enum sl_code demo_pipeline(struct demo *demo, const char *file, struct sl_error *error)
{
    char id[SL_ID_MAX];
    struct sl_error missing;
    struct sl_buf path = {0}, argument = {0};
    struct parsed example = {0};
    const char *name = NULL;
    enum sl_code rc = parse_example(demo, file, &example, error);

    if (!rc) rc = home_path(demo, file, &path, error);
    if (!rc) {
        const struct cli_file *text = cli_example_file(demo->connector->name, file);
        name = sl_json_str(sl_json_get(example.root, "name"));
        rc = cli_file_write(path.data, text->text, text->len, 0644, false, error);
    }
    sl_buf_addf(&argument, "@%s", sl_buf_str(&path));
    if (!rc && (!name || sl_buf_failed(&argument)))
        rc = sl_fail(error, name ? SL_NO_MEMORY : SL_BUG, "the example's pipeline has no name");
    if (!rc && sl_pipeline_find(demo->cli->catalog, name, id, &missing) == SL_OK)
        rc = demo_step(demo, error, "pipelines", "update", name, "--json", argument.data,
                       (char *)NULL);
    else if (!rc)
        rc = demo_step(demo, error, "pipelines", "create", "--json", argument.data, (char *)NULL);
    sl_buf_release(&path);
    sl_buf_release(&argument);
    sl_doc_free(example.doc);
    return rc;
}

/* ---- the end ---- */

static void print_snippets(const struct demo *demo, const char *path, const char *name)
{
    const char *bold = cli_bold(demo->cli), *plain = cli_plain(demo->cli);

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
           "  sluice tables preview %s\n"
           "Your own data: sluice connections create --help\n",
           sl_catalog_home(demo->cli->catalog), sl_catalog_home(demo->cli->catalog), name);
}

enum sl_code demo_snippets(struct demo *demo, const char *catalog, const char *schema,
                           const char *table, struct sl_error *error)
{
    struct sl_buf path = {0}, name = {0};
    enum sl_code rc = sl_table_location(demo->cli->catalog, catalog, schema, table, &path, error);

    sl_buf_addf(&name, "%s.%s.%s", catalog, schema, table);
    if (!rc && sl_buf_failed(&name)) rc = sl_fail(error, SL_NO_MEMORY, "no memory for a name");
    if (!rc) {
        demo_title(demo, "Read it with what you have");
        print_snippets(demo, path.data, name.data);
    }
    sl_buf_release(&path);
    sl_buf_release(&name);
    return rc;
}
