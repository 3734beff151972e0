/*
 * docs_sources.c: what docs/connectors.md says of a source's tables and limits.
 *
 * Tables are what discover finds, limits what discover and reads declare: so the page is made by
 * running the connector against its simulator, without a network and in virtual time. What a table
 * costs is measured by a bench (docs/connectors-cost.json).
 */
#include <string.h>

#include "base/alloc.h"
#include "cli/cli.h"
#include "cli/docs_sources.h"
#include "cli/files.h"
#include "http/budget.h"
#include "json/doc.h"
#include "options/options.h"
#include "pipeline/run.h"
#include "sim/sim.h"

#define SECRETS_MAX 16
#define DICE 7 /* any: the page is to be the same every time */

struct source {
    const struct sl_connector *connector;
    struct sim *sim;
    struct sl_world *world;
    struct sl_budgets *budgets;
    struct sl_buf options, discovered;
    struct sl_doc *options_doc, *tables_doc, *costs_doc;
    const struct sl_json *namespaces, *tables, *costs;
    struct sl_secret secrets[SECRETS_MAX];
    struct sl_connection connection;
};

static enum sl_code no_memory(struct sl_error *error)
{
    return sl_fail(error, SL_NO_MEMORY, "no memory for a page");
}

static void source_close(struct source *s)
{
    sl_doc_free(s->options_doc);
    sl_doc_free(s->tables_doc);
    sl_doc_free(s->costs_doc);
    sl_buf_release(&s->options);
    sl_buf_release(&s->discovered);
    sl_budgets_free(s->budgets);
    sl_world_free(s->world);
    sim_free(s->sim);
}

static enum sl_code parse(const char *text, size_t len, struct sl_doc **doc,
                          const struct sl_json **root, struct sl_error *error)
{
    *doc = sl_doc_new(0);
    return *doc ? sl_doc_parse_copy(*doc, text, len, root, error) : no_memory(error);
}

static enum sl_code connect_it(struct source *s, struct sl_error *error)
{
    const struct sl_json *root;
    size_t n = 0;
    enum sl_code rc = sim_connection(s->sim, "http://sim.test", &s->options, error);

    if (!rc) rc = parse(sl_buf_str(&s->options), s->options.len, &s->options_doc, &root, error);
    if (rc) return rc;
    for (const struct sl_option *o = s->connector->connection_options; o->name; o++) {
        const struct sl_json *value = sl_json_get(root, o->name);
        if (!value && o->alias) value = sl_json_get(root, o->alias);
        if (o->kind == SL_OPTION_SECRET && sl_json_str(value) && n + 1 < SECRETS_MAX)
            s->secrets[n++] = (struct sl_secret){.option = o->name, .value = sl_json_str(value)};
    }
    s->connection = (struct sl_connection){.name = s->connector->name,
                                           .source = s->connector->name,
                                           .options_json = sl_buf_str(&s->options),
                                           .secrets = s->secrets,
                                           .fingerprint = "credential"};
    return SL_OK;
}

static enum sl_code costs_read(struct source *s, struct sl_error *error)
{
    const struct sl_json *root;
    enum sl_code rc =
        parse(cli_files_costs[0].text, cli_files_costs[0].len, &s->costs_doc, &root, error);

    if (!rc) s->costs = sl_json_get(root, s->connector->name);
    return rc;
}

static enum sl_code let_go(void *ctx, const struct ArrowSchema *schema, struct ArrowArray *batch,
                           struct sl_error *error)
{
    (void)ctx, (void)schema, (void)error;
    batch->release(batch);
    return SL_OK;
}

/* A row of each table is read, for the limits that only a read declares. */
static void read_some(struct source *s, const struct sl_source *source)
{
    for (struct sl_json_each e = sl_json_each(s->tables); sl_json_next(&e);) {
        struct sl_error ignored = {0};
        struct sl_read_options options = {.namespace_ =
                                              sl_json_str(sl_json_get(e.value, "namespace")),
                                          .table = sl_json_str(sl_json_get(e.value, "name")),
                                          .limit = 1,
                                          .batch = let_go};
        (void)!sl_source_read(source, &options, &ignored);
    }
}

static enum sl_code source_open(const struct sl_connector *connector, struct source *s,
                                struct sl_error *error)
{
    const struct sim_app *app = sim_find(connector->name);
    struct sim_options options = {.seed = 1};
    const struct sl_json *root;

    *s = (struct source){.connector = connector};
    if (!app) return sl_fail(error, SL_BUG, "'%s' has no simulator", connector->name);
    s->budgets = sl_budgets_new();
    if (!s->budgets) return no_memory(error);
    enum sl_code rc = sim_new(app, &options, &s->sim, error);
    if (!rc) rc = sim_world(s->sim, DICE, &s->world, error);
    if (!rc) rc = connect_it(s, error);
    if (!rc) rc = costs_read(s, error);
    if (rc) return rc;
    struct sl_source source = {.connection = &s->connection,
                               .world = s->world,
                               .budgets = s->budgets};
    rc = sl_source_discover(&source, NULL, NULL, &s->discovered, error);
    if (!rc)
        rc = parse(sl_buf_str(&s->discovered), s->discovered.len, &s->tables_doc, &root, error);
    if (rc) return rc;
    s->namespaces = sl_json_get(root, "namespaces");
    s->tables = sl_json_get(root, "tables");
    read_some(s, &source);
    return SL_OK;
}

/* ---- tables ---- */

static const char *text_of(const struct sl_json *object, const char *key)
{
    const char *text = sl_json_str(sl_json_get(object, key));

    return text ? text : "";
}

/* Several namespaces have the same tables: one line is enough. */
static bool seen_before(const struct source *s, const struct sl_json *table)
{
    const char *name = text_of(table, "name");

    for (struct sl_json_each e = sl_json_each(s->tables); sl_json_next(&e) && e.value != table;)
        if (strcmp(text_of(e.value, "name"), name) == 0) return true;
    return false;
}

static const char *deletes_of(const char *ingestion)
{
    return strcmp(ingestion, "append") == 0             ? "never happen"
           : strcmp(ingestion, "cdc_with_deletes") == 0 ? "told by the source"
           : strcmp(ingestion, "cdc") == 0              ? "found by complete reads"
                                                        : "found by each read";
}

static void put_names(const struct sl_json *names, struct sl_buf *out)
{
    bool first = true;

    for (struct sl_json_each e = sl_json_each(names); sl_json_next(&e); first = false)
        sl_buf_addf(out, "%s`%s`", first ? "" : ", ", sl_json_str(e.value));
}

static void put_table(const struct source *s, const struct sl_json *table, struct sl_buf *out)
{
    const char *cursor = text_of(table, "cursor");
    const struct sl_json *cost = sl_json_get(s->costs, text_of(table, "name"));

    sl_buf_addf(out, "| `%s`%s | %s | ", text_of(table, "name"),
                sl_json_get(table, "excluded") ? " \xc2\xb9" : "", text_of(table, "ingestion"));
    put_names(sl_json_get(table, "primary_key"), out);
    sl_buf_addf(out, " | %s%s%s | %s | %s |\n", *cursor ? "`" : "", cursor, *cursor ? "`" : "",
                deletes_of(text_of(table, "ingestion")),
                sl_json_number_text(cost) ? sl_json_number_text(cost) : "");
}

static void put_tables(const struct source *s, struct sl_buf *out)
{
    bool excluded = false;

    sl_buf_adds(out, "\nTables of the simulated account:\n\n"
                     "| table | ingestion | key | cursor | deletes | calls per 1,000 changed "
                     "records |\n|---|---|---|---|---|---|\n");
    for (struct sl_json_each e = sl_json_each(s->tables); sl_json_next(&e);) {
        if (seen_before(s, e.value)) continue;
        excluded |= sl_json_get(e.value, "excluded") != NULL;
        put_table(s, e.value, out);
    }
    if (excluded)
        sl_buf_adds(out,
                    "\n\xc2\xb9 A schema object leaves it out: it is read when it is named.\n");
    if (sl_json_len(s->namespaces) > 0)
        sl_buf_adds(out,
                    "\nThey are in namespaces (`source_schema`), in each or in one of them.\n");
}

/* ---- limits ---- */

static void put_window(const struct sl_budget_use *use, struct sl_buf *out)
{
    static const struct {
        int64_t ms;
        const char *text;
    } windows[] = {{1000, "a second"},
                   {60000, "a minute"},
                   {3600000, "an hour"},
                   {86400000, "a day"}};

    if (use->calendar_month) {
        sl_buf_adds(out, "a calendar month");
        return;
    }
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
        if (windows[i].ms != use->window_ms) continue;
        sl_buf_adds(out, windows[i].text);
        return;
    }
    sl_buf_addf(out, "in %lld seconds", (long long)(use->window_ms / 1000));
}

/* How many of those behind it are of the same kind: an endpoint each, say. */
static size_t more_like_it(const struct sl_budgets *budgets, size_t index,
                           const struct sl_budget_use *use)
{
    size_t prefix = strcspn(use->key, "/"), more = 0;
    struct sl_budget_use next;

    while (sl_budgets_use(budgets, index + more + 1, &next) && next.rate == use->rate &&
           next.window_ms == use->window_ms && strncmp(next.key, use->key, prefix + 1) == 0)
        more++;
    return more;
}

static void put_limits(const struct source *s, struct sl_buf *out)
{
    struct sl_budget_use use;

    sl_buf_adds(out, "\nLimits that its calls keep to, as declared for that account:\n\n"
                     "| limit | at most | option |\n|---|---|---|\n");
    for (size_t i = 0; sl_budgets_use(s->budgets, i, &use); i++) {
        size_t more = more_like_it(s->budgets, i, &use);
        i += more;
        sl_buf_addf(out, "| `%s`", use.key);
        if (more > 0) sl_buf_addf(out, " and %zu like it", more);
        sl_buf_adds(out, " | ");
        if (use.rate > 0) {
            sl_buf_addf(out, "%g ", use.rate);
            put_window(&use, out);
        } else {
            sl_buf_adds(out, "a number at once");
        }
        sl_buf_addf(out, " | %s%s%s |\n", use.set_by ? "`" : "", use.set_by ? use.set_by : "",
                    use.set_by ? "`" : "");
    }
}

enum sl_code cli_docs_source(const struct sl_connector *connector, struct sl_buf *out,
                             struct sl_error *error)
{
    struct source s;
    enum sl_code rc = source_open(connector, &s, error);

    if (!rc) {
        put_tables(&s, out);
        put_limits(&s, out);
    }
    source_close(&s);
    if (rc) sl_error_context(error, "the page of '%s'", connector->name);
    return rc;
}
