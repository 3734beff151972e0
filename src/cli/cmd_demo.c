/* cmd_demo.c: a source, landed from beginning to end, in one command. */
#include <string.h>

#include <sluice/connector.h>

#include "cli/commands.h"
#include "cli/demo.h"
#include "cli/files.h"
#include "json/doc.h"
#include "options/options.h"
#include "table/schema.h"

#define SOURCE "airtable" /* when none is named */
#define SOURCES_MAX 64    /* that a message lists */

/* ---- the story that every source has ---- */

/* What the example's pipeline says, as far as the story needs it. */
struct story {
    struct sl_doc *doc;
    const char *connection, *pipeline;
    const char *catalog;
    struct sl_buf schema, table; /* one that is shown */
};

static void story_release(struct story *story)
{
    sl_doc_free(story->doc);
    sl_buf_release(&story->schema);
    sl_buf_release(&story->table);
}

static const char *either(const struct sl_json *body, const char *key, const char *preset)
{
    const char *text = sl_json_str(sl_json_get(body, key));

    return text ? text : preset;
}

/* The first object says which table is shown; of a whole schema it is known after the run. */
static enum sl_code story_read(const struct demo *demo, struct story *story, struct sl_error *error)
{
    const struct cli_file *file = cli_example_file(demo->connector->name, "pipeline.json");
    const struct sl_json *root, *body;
    enum sl_code rc;

    story->doc = sl_doc_new(0);
    if (!story->doc) return sl_fail(error, SL_NO_MEMORY, "no memory for an example");
    rc = sl_doc_parse_copy(story->doc, file->text, file->len, &root, error);
    if (rc) return rc;
    const struct sl_json *definition = sl_json_get(root, "ingestion_definition");
    struct sl_json_each objects = sl_json_each(sl_json_get(definition, "objects"));
    const struct sl_json *first = sl_json_next(&objects) ? objects.value : NULL;
    body = sl_json_get(first, "table") ? sl_json_get(first, "table") : sl_json_get(first, "schema");
    story->pipeline = sl_json_str(sl_json_get(root, "name"));
    story->connection = sl_json_str(sl_json_get(definition, "connection_name"));
    story->catalog = either(body, "destination_catalog", either(root, "catalog", "main"));
    sl_buf_adds(&story->schema, either(body, "destination_schema",
                                       either(root, "schema", either(root, "target", "default"))));
    const char *source = sl_json_str(sl_json_get(body, "source_table"));
    const char *table = sl_json_str(sl_json_get(body, "destination_table"));
    if (table)
        sl_buf_adds(&story->table, table);
    else if (source)
        sl_name_snake(source, &story->table);
    if (!story->pipeline || !story->connection)
        return sl_fail(error, SL_BUG, "examples/%s/pipeline.json has no name or connection",
                       demo->connector->name);
    return sl_buf_failed(&story->schema) || sl_buf_failed(&story->table)
               ? sl_fail(error, SL_NO_MEMORY, "no memory for an example")
               : SL_OK;
}

/* The name of the first item of a list of the catalog that begins so. */
static enum sl_code first_named(const struct sl_buf *list, const char *prefix, size_t len,
                                struct sl_buf *out, struct sl_error *error)
{
    const struct sl_json *root = NULL;
    struct sl_doc *doc = sl_doc_new(0);
    enum sl_code rc = doc ? sl_doc_parse_copy(doc, sl_buf_str(list), list->len, &root, error)
                          : sl_fail(error, SL_NO_MEMORY, "no memory for a list");
    const char *found = NULL;

    for (struct sl_json_each e = sl_json_each(root); !rc && !found && sl_json_next(&e);) {
        const char *name = sl_json_str(sl_json_get(e.value, "name"));
        if (name && strncmp(name, prefix, len) == 0) found = name;
    }
    if (!rc && !found) rc = sl_fail(error, SL_BUG, "the example landed nothing");
    if (found) sl_buf_adds(out, found);
    sl_doc_free(doc);
    return rc;
}

/* After the run: which schema "bronze_{namespace}" became, and a table of a whole schema. */
static enum sl_code story_settle(const struct demo *demo, struct story *story,
                                 struct sl_error *error)
{
    struct sl_catalog *catalog = demo->cli->catalog;
    char *brace = strchr(sl_buf_str(&story->schema), '{');
    struct sl_buf list = {0}, schema = {0};
    enum sl_code rc = SL_OK;

    if (brace) {
        size_t len = (size_t)(brace - story->schema.data);
        rc = sl_schemas_list(catalog, story->catalog, &list, error);
        if (!rc) rc = first_named(&list, story->schema.data, len, &schema, error);
        sl_buf_reset(&story->schema);
        sl_buf_adds(&story->schema, sl_buf_str(&schema));
    }
    if (!rc && story->table.len == 0) {
        sl_buf_reset(&list);
        rc = sl_tables_list(catalog, story->catalog, sl_buf_str(&story->schema), &list, error);
        if (!rc) rc = first_named(&list, "", 0, &story->table, error);
    }
    sl_buf_release(&list);
    sl_buf_release(&schema);
    return rc;
}

static enum sl_code show_tables(struct demo *demo, struct story *story, struct sl_error *error)
{
    struct sl_buf schema = {0}, table = {0};
    enum sl_code rc = story_settle(demo, story, error);

    sl_buf_addf(&schema, "%s.%s", story->catalog, sl_buf_str(&story->schema));
    sl_buf_addf(&table, "%s.%s", sl_buf_str(&schema), sl_buf_str(&story->table));
    if (!rc && (sl_buf_failed(&schema) || sl_buf_failed(&table)))
        rc = sl_fail(error, SL_NO_MEMORY, "no memory for a name");
    demo_title(demo, "The catalog: what was landed");
    if (!rc) rc = demo_step(demo, error, "tables", "list", schema.data, (char *)NULL);
    if (!rc)
        rc = demo_step(demo, error, "tables", "preview", table.data, "--limit", "5", (char *)NULL);
    sl_buf_release(&schema);
    sl_buf_release(&table);
    return rc;
}

static enum sl_code run_twice(struct demo *demo, struct story *story, struct sl_error *error)
{
    demo_title(demo, "The run");
    enum sl_code rc = demo_step(demo, error, "run", story->pipeline, "--quiet", (char *)NULL);
    if (!rc) rc = show_tables(demo, story, error);
    if (rc) return rc;
    demo_title(demo, "Again, when nothing has happened: what a quiet run costs");
    rc = demo_step(demo, error, "run", story->pipeline, "--quiet", (char *)NULL);
    if (!rc) rc = demo_step(demo, error, "plan", story->pipeline, "--every", "15m", (char *)NULL);
    return rc;
}

static enum sl_code demo_any(struct demo *demo, struct sl_error *error)
{
    struct story story = {0};
    struct sl_buf what = {0};
    enum sl_code rc = story_read(demo, &story, error);

    sl_buf_addf(&what, "%s, simulated on loopback, with its own limits", demo->connector->title);
    if (!rc) rc = demo_open(demo, sl_buf_str(&what), error);
    if (!rc) demo_title(demo, "A connection: where the data is, and what it takes to read it");
    if (!rc) rc = demo_connect(demo, error);
    if (!rc) demo_title(demo, "What is there");
    if (!rc) rc = demo_step(demo, error, "discover", story.connection, (char *)NULL);
    if (!rc) demo_title(demo, "A pipeline: which tables are landed, and where");
    if (!rc) rc = demo_pipeline(demo, "pipeline.json", error);
    if (!rc) rc = run_twice(demo, &story, error);
    if (!rc)
        rc = demo_snippets(demo, story.catalog, story.schema.data, sl_buf_str(&story.table), error);
    sl_buf_release(&what);
    story_release(&story);
    return rc;
}

/* ---- the command ---- */

/* A source with a story: a connector with an example. */
static enum sl_code source_find(const char *name, const struct sl_connector **out,
                                struct sl_error *error)
{
    const char *names[SOURCES_MAX] = {0};
    struct sl_buf list = {0};
    size_t count = 0;

    *out = NULL;
    for (size_t i = 0; sl_connectors[i] && count + 1 < SOURCES_MAX; i++) {
        const char *known = sl_connectors[i]->name;
        if (!cli_example_file(known, "pipeline.json") ||
            !cli_example_file(known, "connection.json"))
            continue;
        if (strcmp(known, name) == 0) *out = sl_connectors[i];
        names[count++] = known;
        sl_buf_addf(&list, "%s%s", count > 1 ? ", " : "", known);
    }
    if (!*out) {
        const char *near = sl_nearest(name, names);
        sl_fail(error, SL_USAGE, "there is no demo of '%s'", name);
        if (near)
            sl_error_hint(error, "Did you mean '%s'?", near);
        else
            sl_error_hint(error, "There are: %s.", sl_buf_str(&list));
    }
    sl_buf_release(&list);
    return *out ? SL_OK : error->code;
}

static enum sl_code demo_command(struct cli *cli, const struct cli_call *call,
                                 struct sl_error *error)
{
    struct demo demo = {.cli = cli};
    const char *home = cli->home, *source = cli_value(call, "source");
    enum sl_code rc = source_find(source ? source : SOURCE, &demo.connector, error);

    if (rc) return rc;
    cli->json = false; /* this is for people */
    rc = strcmp(demo.connector->name, SOURCE) == 0 ? demo_airtable(&demo, error)
                                                   : demo_any(&demo, error);
    cli->home = home;
    demo_close(&demo);
    return rc;
}

static const struct cli_option demo_options[] = {
    {.name = "source",
     .value = "NAME",
     .help = "Which source: any that examples/ has a folder of. Default: airtable."},
    {0},
};
static const struct cli_example demo_examples[] = {
    {"In a directory of your choice", "demo --home /tmp/sluice-demo"},
    {"The tutorial's source", "demo --source example"},
    {0},
};

const struct cli_command cli_demo_commands[] = {
    {.name = "demo",
     .summary = "Lands a simulated source in Delta tables, step by step, in one command.",
     .details = "It runs as often as you like. Nothing leaves this machine.",
     .options = demo_options,
     .examples = demo_examples,
     .run = demo_command},
    {0},
};
