#include "run_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "json/doc.h"
#include "nanoarrow/nanoarrow.h"

static int64_t clock_of(void *ctx)
{
    struct run_world *w = ctx;

    return sl_now_us(w->world);
}

static void make_connection(struct run_world *w, const char *app)
{
    struct sl_buf options = {0}, json = {0};
    struct sl_doc *doc = sl_doc_new(0);
    const struct sl_json *root;

    if (w->options)
        sl_buf_addf(&options, "%s}", w->options);
    else
        assert_int_equal(sim_connection(w->sim, "http://127.0.0.1:1", &options, &w->error), SL_OK);
    sl_buf_addf(&json,
                "{\"name\":\"c\",\"connection_type\":\"GENERIC_LAKEFLOW_CONNECT\","
                "\"options\":{\"sourceName\":\"%s\",%s}",
                app, sl_buf_str(&options) + 1);
    if (sl_doc_parse_copy(doc, sl_buf_str(&json), json.len, &root, &w->error) ||
        sl_connection_create(w->catalog, root, &w->error))
        fail_msg("connection %s: %s", sl_buf_str(&json), w->error.message);
    sl_doc_free(doc);
    sl_buf_release(&options);
    sl_buf_release(&json);
}

static void open_home(struct run_world *w, const char *app)
{
    struct sl_catalog_options home = {.home = w->home, .now_us = clock_of, .ctx = w};

    if (sl_catalog_open(&home, &w->catalog, &w->error)) fail_msg("%s", w->error.message);
    make_connection(w, app);
}

void run_world_forget_home(struct run_world *w)
{
    char command[900];

    sl_catalog_close(w->catalog);
    snprintf(command, sizeof command,
             "find '%s' -mindepth 1 -maxdepth 1 ! -name warehouse -exec rm -rf {} +", w->home);
    assert_int_equal(system(command), 0);
    open_home(w, w->app);
}

static void make_home(struct run_world *w, const char *app)
{
    const char *tmp = getenv("SLUICE_TEST_TMP");

    snprintf(w->home, sizeof w->home, "%s/run.XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(w->home));
    if (sl_delta_engine_new(NULL, 0, &w->delta, &w->error)) fail_msg("%s", w->error.message);
    w->app = app;
    open_home(w, app);
}

void run_world_make(struct run_world *w, const char *app, const struct sim_options *options)
{
    static const struct sim_options none;

    memset(w, 0, sizeof *w);
    if (sim_new(sim_find(app), options ? options : &none, &w->sim, &w->error) ||
        sim_world(w->sim, 7, &w->world, &w->error))
        fail_msg("%s", w->error.message);
    make_home(w, app);
}

void run_world_on(struct run_world *w, const char *app, const char *options, struct sl_world *world)
{
    *w = (struct run_world){.options = options, .world = world};
    make_home(w, app);
}

void run_world_unmake(struct run_world *w)
{
    char command[400];

    sl_report_free(w->report);
    sl_delta_engine_free(w->delta);
    sl_catalog_close(w->catalog);
    sl_world_free(w->world);
    sim_free(w->sim);
    snprintf(command, sizeof command, "rm -rf '%s'", w->home);
    assert_int_equal(system(command), 0);
}

enum sl_code run_spec(struct run_world *w, const char *text, bool full_refresh)
{
    struct sl_spec *spec = NULL;
    struct sl_connection *connection = NULL;
    struct sl_buf mistakes = {0};
    int64_t began_us = w->world->ops->monotonic_us(w->world);
    enum sl_code rc;

    sl_report_free(w->report);
    w->report = NULL;
    memset(&w->error, 0, sizeof w->error);
    rc = sl_connection_open(w->catalog, "c", &connection, &w->error);
    if (!rc)
        rc = sl_spec_parse(text, strlen(text), sl_connector_find(connection->source), &spec,
                           &mistakes, &w->error);
    if (!rc) {
        struct sl_run_options options = {
            .spec = spec,
            .source = {.connection = connection,
                       .world = w->world,
                       .stopping = w->stopping,
                       .stopping_ctx = w->stopping_ctx},
            .catalog = w->catalog,
            .delta = w->delta,
            .full_refresh = full_refresh,
            .verify = w->verify,
            .reset_history = w->reset_history,
            .on_progress = w->on_progress,
            .ctx = w->stopping_ctx,
        };
        rc = sl_run(&options, &w->report, &w->error);
    }
    w->virtual_us = w->world->ops->monotonic_us(w->world) - began_us;
    sl_spec_free(spec);
    sl_connection_free(connection);
    sl_buf_release(&mistakes);
    return rc;
}

const struct sl_table_report *report_of(struct run_world *w, const char *table)
{
    for (size_t i = 0; w->report && i < w->report->count; i++) {
        const char *name = strrchr(w->report->tables[i].destination, '.');
        if (name && strcmp(name + 1, table) == 0) return &w->report->tables[i];
    }
    fail_msg("no report of '%s'", table);
    return NULL;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int64_t landed_rows(struct run_world *w, const char *table, const char *key, int64_t *distinct)
{
    char location[500];
    struct sl_delta_table *delta = NULL;
    struct ArrowArrayStream stream = {0};
    struct ArrowSchema schema = {0};
    struct ArrowArray batch = {0};
    struct ArrowArrayView view;
    char **keys = NULL;
    int64_t rows = 0;

    snprintf(location, sizeof location, "%s/warehouse/main/bronze/%s", w->home, table);
    if (sl_delta_open(w->delta, location, -1, &delta, &w->error) ||
        sl_delta_scan(delta, &key, 1, -1, &stream, &w->error))
        fail_msg("%s", w->error.message);
    assert_int_equal(stream.get_schema(&stream, &schema), 0);
    while (stream.get_next(&stream, &batch) == 0 && batch.release) {
        assert_int_equal(ArrowArrayViewInitFromSchema(&view, &schema, NULL), 0);
        assert_int_equal(ArrowArrayViewSetArray(&view, &batch, NULL), 0);
        keys = realloc(keys, (size_t)(rows + batch.length) * sizeof *keys);
        for (int64_t i = 0; i < batch.length; i++) {
            struct ArrowStringView text = ArrowArrayViewGetStringUnsafe(view.children[0], i);
            keys[rows++] = strndup(text.data, (size_t)text.size_bytes);
        }
        ArrowArrayViewReset(&view);
        batch.release(&batch);
    }
    if (rows) qsort(keys, (size_t)rows, sizeof *keys, by_text);
    if (distinct) *distinct = rows > 0;
    for (int64_t i = 1; i < rows && distinct; i++) *distinct += strcmp(keys[i], keys[i - 1]) != 0;
    for (int64_t i = 0; i < rows; i++) free(keys[i]);
    free(keys);
    schema.release(&schema);
    stream.release(&stream);
    sl_delta_table_free(delta);
    return rows;
}

void ask_sim(struct run_world *w, const char *path, const char *table, struct sl_buf *body)
{
    char query[300] = "";
    size_t n = table ? (size_t)snprintf(query, sizeof query, "table=") : 0;
    struct sim_request request = {.method = "GET",
                                  .path = path,
                                  .raw_path = path,
                                  .query = query,
                                  .headers = (struct sl_header[]){{0}},
                                  .body = "",
                                  .now_us = sl_now_us(w->world)};
    struct sim_reply reply = {.body = body, .cut_after = -1};

    for (const char *p = table; p && *p; p++)
        n += (size_t)snprintf(query + n, sizeof query - n, *p == ' ' ? "%%20" : "%c", *p);
    assert_int_equal(sim_handle(w->sim, &request, &reply, &w->error), SL_OK);
}

static int64_t ask(struct run_world *w, const char *path, const char *table, const char *name)
{
    struct sl_buf body = {.max = (size_t)1 << 30};
    struct sl_doc *doc = sl_doc_new((size_t)1 << 30);
    const struct sl_json *root;
    int64_t number = -1;

    ask_sim(w, path, table, &body);
    assert_int_equal(sl_doc_parse_copy(doc, sl_buf_str(&body), body.len, &root, &w->error), SL_OK);
    if (!sl_json_i64(sl_json_get(root, name), &number))
        fail_msg("no '%s' in %.300s", name, sl_buf_str(&body));
    sl_doc_free(doc);
    sl_buf_release(&body);
    return number;
}

int64_t true_rows(struct run_world *w, const char *source_table)
{
    return ask(w, "/_sim/truth", source_table, "records_live");
}

int64_t sim_stat(struct run_world *w, const char *name)
{
    return ask(w, "/_sim/stats", NULL, name);
}

void control(struct run_world *w, const char *json)
{
    if (sim_control(w->sim, json, &w->error)) fail_msg("%s: %s", json, w->error.message);
}

void later(struct run_world *w, int64_t seconds)
{
    struct sl_completion completion = {0};
    int64_t until_us = w->world->ops->monotonic_us(w->world) + seconds * INT64_C(1000000);

    assert_false(w->world->ops->wait(w->world, until_us, &completion));
    assert_true(w->world->ops->monotonic_us(w->world) >= until_us);
}

int64_t landed_count(struct run_world *w, const char *table, const char *column, bool only_null)
{
    char location[500];
    struct sl_delta_table *delta = NULL;
    struct ArrowArrayStream stream = {0};
    struct ArrowSchema schema = {0};
    struct ArrowArray batch = {0};
    struct ArrowArrayView view;
    int64_t count = 0;

    snprintf(location, sizeof location, "%s/warehouse/main/bronze/%s", w->home, table);
    if (sl_delta_open(w->delta, location, -1, &delta, &w->error) ||
        sl_delta_scan(delta, &column, 1, -1, &stream, &w->error))
        fail_msg("%s", w->error.message);
    assert_int_equal(stream.get_schema(&stream, &schema), 0);
    while (stream.get_next(&stream, &batch) == 0 && batch.release) {
        assert_int_equal(ArrowArrayViewInitFromSchema(&view, &schema, NULL), 0);
        assert_int_equal(ArrowArrayViewSetArray(&view, &batch, NULL), 0);
        for (int64_t i = 0; i < batch.length; i++)
            count += ArrowArrayViewIsNull(view.children[0], i) == only_null;
        ArrowArrayViewReset(&view);
        batch.release(&batch);
    }
    schema.release(&schema);
    stream.release(&stream);
    sl_delta_table_free(delta);
    return count;
}
