/* example.c: the routes of the tutorial's source. See docs/simulators.md for the whole API. */
#include "sim/example/example.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/time.h"
#include "json/doc.h"
#include "sim/fault.h"
#include "sim/text.h"

#define PARAM_MAX 160

static const struct example_table declared[EXAMPLE_TABLES] = {
    [EXAMPLE_PRODUCTS] = {.name = "products",
                          .key = 0,
                          .cursor = -1,
                          .keyed = true,
                          .page_size = 20,
                          .column_count = 4,
                          .params = {"category"},
                          .columns = {{"product_id", "string", true},
                                      {"name", "string", false},
                                      {"price", "double", false},
                                      {"category", "string", false}}},
    [EXAMPLE_EVENTS] = {.name = "events",
                        .key = 0,
                        .cursor = 4,
                        .page_size = 50,
                        .column_count = 5,
                        .params = {"since", "limit"},
                        .columns = {{"event_id", "string", true},
                                    {"event_type", "string", false},
                                    {"user_id", "string", false},
                                    {"payload", "string", false},
                                    {"created_at", "timestamp", false}}},
    [EXAMPLE_USERS] = {.name = "users",
                       .key = 0,
                       .cursor = 4,
                       .keyed = true,
                       .page_size = 15,
                       .column_count = 5,
                       .params = {"since"},
                       .columns = {{"user_id", "string", true},
                                   {"email", "string", false},
                                   {"display_name", "string", false},
                                   {"status", "string", false},
                                   {"updated_at", "timestamp", false}}},
    [EXAMPLE_ORDERS] = {.name = "orders",
                        .key = 0,
                        .cursor = 4,
                        .keyed = true,
                        .page_size = 40,
                        .column_count = 5,
                        .params = {"since", "user_id", "status"},
                        .columns = {{"order_id", "string", true},
                                    {"user_id", "string", false},
                                    {"amount", "double", false},
                                    {"status", "string", false},
                                    {"updated_at", "timestamp", false}}},
    [EXAMPLE_METRICS] = {.name = "metrics",
                         .key = 0,
                         .cursor = 4,
                         .keyed = true,
                         .hidden = true,
                         .page_size = 100,
                         .column_count = 5,
                         .params = {"since", "until"},
                         .columns = {{"metric_id", "string", true},
                                     {"name", "string", false},
                                     {"value", "struct", false},
                                     {"host", "string", false},
                                     {"updated_at", "timestamp", false}}},
};

/* ------------------------------------------------------------------ rows */

bool example_set(struct example_row *row, int column, const char *json)
{
    char *copy = json ? sl_strdup(json) : NULL;

    if (json && !copy) return false;
    sl_free(row->cells[column]);
    row->cells[column] = copy;
    return true;
}

void example_row_release(struct example_row *row)
{
    for (int i = 0; i < EXAMPLE_COLUMNS_MAX; i++) {
        sl_free(row->cells[i]);
        row->cells[i] = NULL;
    }
}

static const char *cell(const struct example_row *row, int column)
{
    return column >= 0 && row->cells[column] ? row->cells[column] : "";
}

/* By cursor as text; without one by key, where prod_9999 is before prod_10000. */
static bool comes_after(const struct example_table *table, const struct example_row *a,
                        const struct example_row *b)
{
    if (table->cursor >= 0) return strcmp(cell(a, table->cursor), cell(b, table->cursor)) > 0;
    const char *x = cell(a, table->key), *y = cell(b, table->key);
    size_t m = strlen(x), n = strlen(y);

    return m != n ? m > n : strcmp(x, y) > 0;
}

enum sl_code example_insert(struct example_table *table, struct example_rows *rows,
                            struct example_row *row, struct sl_error *error)
{
    if (rows->count == rows->cap) {
        size_t cap = rows->cap ? rows->cap * 2 : 64;
        struct example_row *list = sl_realloc(rows->list, cap * sizeof *list);

        if (!list) return sl_fail(error, SL_NO_MEMORY, "could not keep a row");
        rows->list = list;
        rows->cap = cap;
    }
    size_t at = rows->count++;

    for (; at > 0 && comes_after(table, &rows->list[at - 1], row); at--)
        rows->list[at] = rows->list[at - 1];
    rows->list[at] = *row;
    *row = (struct example_row){{0}};
    return SL_OK;
}

static void remove_row(struct example_rows *rows, size_t at)
{
    example_row_release(&rows->list[at]);
    memmove(rows->list + at, rows->list + at + 1, (rows->count - at - 1) * sizeof *rows->list);
    rows->count--;
}

/* The row with this key (JSON text), or count. */
static size_t find_row(const struct example_table *table, const char *key)
{
    size_t i = 0;

    while (i < table->rows.count && strcmp(cell(&table->rows.list[i], table->key), key) != 0) i++;
    return i;
}

static void put_row(const struct example_table *table, const struct example_row *row,
                    struct sl_buf *out)
{
    for (int i = 0; i < table->column_count; i++)
        sl_buf_addf(out, "%c\"%s\":%s", i ? ',' : '{', table->columns[i].name,
                    row->cells[i] ? row->cells[i] : "null");
    sl_buf_addc(out, '}');
}

/* ------------------------------------------------------------------ life */

static void example_destroy(void *state)
{
    struct example *app = state;

    if (!app) return;
    for (int t = 0; t < EXAMPLE_TABLES; t++) {
        struct example_rows *all[] = {&app->tables[t].rows, &app->tables[t].tombstones};

        for (int k = 0; k < 2; k++) {
            for (size_t i = 0; i < all[k]->count; i++) example_row_release(&all[k]->list[i]);
            sl_free(all[k]->list);
        }
    }
    sl_doc_free(app->doc);
    sl_free(app);
}

static void *example_create(const struct sim_options *options, struct sl_error *error)
{
    struct example *app = sl_calloc(1, sizeof *app);

    if (!app) {
        (void)sl_fail(error, SL_NO_MEMORY, "could not make the example simulator");
        return NULL;
    }
    memcpy(app->tables, declared, sizeof declared);
    app->now_us = options->start_us;
    app->doc = sl_doc_new(0);
    if (!app->doc) (void)sl_fail(error, SL_NO_MEMORY, "could not make the example simulator");
    if (!app->doc ||
        example_seed(app, options->seed > 1 ? (uint32_t)options->seed : 42, options->records,
                     options->start_us - 3600 * SL_SECOND_US, error)) {
        example_destroy(app);
        return NULL;
    }
    return app;
}

static enum sl_code example_connection(void *state, const char *base_url, struct sl_buf *out,
                                       struct sl_error *error)
{
    (void)state;
    sl_buf_addf(out, "{\"username\":\"ada\",\"password\":\"lovelace\",\"base_url\":\"%s\"}",
                base_url);
    return sl_buf_failed(out) ? sl_fail(error, SL_NO_MEMORY, "could not describe a connection")
                              : SL_OK;
}

/* ------------------------------------------------------------------ answers */

static void reply_error(struct sim_reply *reply, int status, const char *text)
{
    sl_buf_reset(reply->body);
    sl_buf_adds(reply->body, "{\"error\":");
    sim_json_text(reply->body, text);
    sl_buf_addc(reply->body, '}');
    reply->status = status;
}

static bool example_fail(void *state, const char *name, const struct sim_fault *params,
                         const struct sim_request *request, struct sim_reply *reply)
{
    (void)state;
    (void)params;
    (void)request;
    if (strcmp(name, "401") == 0)
        reply_error(reply, 401, "Unauthorized");
    else if (strcmp(name, "429") == 0)
        reply_error(reply, 429, "Too many requests");
    else if (strcmp(name, "500") == 0)
        reply_error(reply, 500, "Internal server error");
    else if (strcmp(name, "503") == 0)
        reply_error(reply, 503, "Service unavailable");
    else
        return false;
    return true;
}

static struct example_table *find_table(struct example *app, const char *name)
{
    for (int t = 0; t < EXAMPLE_TABLES; t++)
        if (strcmp(app->tables[t].name, name) == 0) return &app->tables[t];
    return NULL;
}

/* ["products", ...] as Python prints a list */
static void unknown_table(const struct example *app, const char *name, struct sim_reply *reply)
{
    char text[400];
    int n = snprintf(text, sizeof text, "Unknown table: %.100s. Available: [", name);

    for (int t = 0; t < EXAMPLE_METRICS && n > 0 && (size_t)n < sizeof text; t++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%s'%s'", t ? ", " : "",
                      app->tables[t].name);
    if (n > 0 && (size_t)n < sizeof text) (void)snprintf(text + n, sizeof text - (size_t)n, "]");
    reply_error(reply, 404, text);
}

static void put_schema(const struct example_table *table, struct sl_buf *out)
{
    sl_buf_adds(out, "{\"schema\":[");
    for (int i = 0; i < table->column_count; i++) {
        const struct example_column *column = &table->columns[i];

        sl_buf_addf(out, "%s{\"name\":\"%s\",\"type\":\"%s\",\"nullable\":%s", i ? "," : "",
                    column->name, column->type, column->not_null ? "false" : "true");
        if (strcmp(column->type, "struct") == 0)
            sl_buf_adds(out, ",\"fields\":["
                             "{\"name\":\"count\",\"type\":\"integer\",\"nullable\":true},"
                             "{\"name\":\"label\",\"type\":\"string\",\"nullable\":true},"
                             "{\"name\":\"measure\",\"type\":\"double\",\"nullable\":true}]");
        sl_buf_addc(out, '}');
    }
    sl_buf_adds(out, "]}");
}

static void put_metadata(const struct example_table *table, struct sl_buf *out)
{
    sl_buf_adds(out, "{\"metadata\":{");
    if (table->keyed)
        sl_buf_addf(out, "\"primary_keys\":[\"%s\"]", table->columns[table->key].name);
    if (table->cursor >= 0)
        sl_buf_addf(out, "%s\"cursor_field\":\"%s\"", table->keyed ? "," : "",
                    table->columns[table->cursor].name);
    sl_buf_adds(out, "}}");
}

/* ------------------------------------------------------------------ listing */

struct listing {
    int64_t page, size;
    char since[PARAM_MAX], until[PARAM_MAX];
    struct {
        int column;
        char value[PARAM_MAX];
    } equal[2];
    int equal_count;
};

static bool read_count(const char *text, int64_t *out)
{
    char *end;

    *out = strtoll(text, &end, 10);
    return *text && !*end;
}

/* False: the reply says what is wrong. */
static bool read_listing(const struct example_table *table, bool deleted, const char *query,
                         struct listing *out, struct sim_reply *reply)
{
    struct sim_query_part part;
    char name[64], value[PARAM_MAX - 2], text[PARAM_MAX * 2];

    *out = (struct listing){.page = 1, .size = table->page_size};
    while (sim_query_next(&query, &part)) {
        bool allowed = false;
        int64_t limit;

        if (!sim_url_decode(part.name, part.name_len, true, name, sizeof name) ||
            !sim_url_decode(part.value, part.value_len, true, value, sizeof value)) {
            reply_error(reply, 400, "unreadable query");
            return false;
        }
        for (int i = 0; i < 5 && table->params[i]; i++)
            allowed = allowed || (strcmp(table->params[i], name) == 0 &&
                                  (!deleted || strcmp(name, "since") == 0));
        if (strcmp(name, "page") == 0) {
            if (!read_count(value, &out->page) || out->page < 1) {
                reply_error(reply, 400, "page must be >= 1");
                return false;
            }
        } else if (!allowed) {
            (void)snprintf(text, sizeof text, "Unsupported query params for '%s': ['%s']",
                           table->name, name);
            reply_error(reply, 400, text);
            return false;
        } else if (strcmp(name, "limit") == 0) {
            if (!read_count(value, &limit) || limit < 1) {
                reply_error(reply, 400, "limit must be >= 1");
                return false;
            }
            if (limit < out->size) out->size = limit;
        } else if (strcmp(name, "since") == 0) {
            (void)snprintf(out->since, sizeof out->since, "\"%s\"", value);
        } else if (strcmp(name, "until") == 0) {
            (void)snprintf(out->until, sizeof out->until, "\"%s\"", value);
        } else if (out->equal_count < 2) { /* an exact filter on the column of this name */
            for (int i = 0; i < table->column_count; i++)
                if (strcmp(table->columns[i].name, name) == 0)
                    out->equal[out->equal_count].column = i;
            (void)snprintf(out->equal[out->equal_count++].value, PARAM_MAX, "\"%s\"", value);
        }
    }
    return true;
}

/* The texts are compared with their closing quote off, so that a prefix is smaller. */
static int compare_text(const char *a, const char *b)
{
    size_t x = strlen(a), y = strlen(b), n;

    x -= x > 0;
    y -= y > 0;
    n = x < y ? x : y;
    int order = memcmp(a, b, n);

    return order ? order : (x > y) - (x < y);
}

static bool listed(const struct example_table *table, const struct example_row *row,
                   const struct listing *listing)
{
    if (listing->since[0] && compare_text(cell(row, table->cursor), listing->since) <= 0)
        return false;
    if (listing->until[0] && compare_text(cell(row, table->cursor), listing->until) > 0)
        return false;
    for (int i = 0; i < listing->equal_count; i++)
        if (strcmp(cell(row, listing->equal[i].column), listing->equal[i].value) != 0) return false;
    return true;
}

static void put_page(const struct example_table *table, const struct example_rows *rows,
                     const struct listing *listing, struct sl_buf *out)
{
    int64_t from = (listing->page - 1) * listing->size, seen = 0;

    sl_buf_adds(out, "{\"records\":[");
    for (size_t i = 0; i < rows->count; i++) {
        if (!listed(table, &rows->list[i], listing)) continue;
        if (seen >= from && seen < from + listing->size) {
            if (seen > from) sl_buf_addc(out, ',');
            put_row(table, &rows->list[i], out);
        }
        seen++;
    }
    if (seen > from + listing->size)
        sl_buf_addf(out, "],\"next_page\":%lld}", (long long)listing->page + 1);
    else
        sl_buf_adds(out, "],\"next_page\":null}");
}

/* ------------------------------------------------------------------ writing */

/* A row from a JSON object, cell by cell in canonical text. */
static enum sl_code read_row(const struct example_table *table, const struct sl_json *object,
                             struct example_row *row, struct sl_error *error)
{
    struct sl_json_writer *writer = sl_json_writer_new();
    bool good = writer != NULL;

    for (int i = 0; i < table->column_count && good; i++) {
        const struct sl_json *value = sl_json_get(object, table->columns[i].name);

        if (sl_json_kind(value) <= SL_JSON_NULL) continue;
        sl_json_writer_reset(writer);
        sl_json_put_value(writer, value);
        const char *text = sl_json_writer_text(writer, NULL);

        good = text && example_set(row, i, text);
    }
    sl_json_writer_free(writer);
    return good ? SL_OK : sl_fail(error, SL_NO_MEMORY, "could not read a record");
}

static bool set_cursor(const struct example_table *table, struct example_row *row, int64_t now_us)
{
    char time[40], json[48];

    example_format_time(now_us, time);
    (void)snprintf(json, sizeof json, "\"%s\"", time);
    return example_set(row, table->cursor, json);
}

/* Inserts, or with a cursor replaces by key. *row is taken. shown: appends the stored row. */
static enum sl_code upsert(struct example *app, struct example_table *table,
                           const struct sl_json *object, int64_t now_us, struct sl_buf *shown,
                           struct sl_error *error)
{
    struct example_row row = {{0}};
    enum sl_code rc = read_row(table, object, &row, error);

    (void)app;
    if (rc) goto out;
    if (!row.cells[table->key]) {
        rc = sl_fail(error, SL_USAGE, "a record needs '%s'", table->columns[table->key].name);
        goto out;
    }
    if (table->cursor >= 0) {
        size_t old = find_row(table, row.cells[table->key]);

        if (old < table->rows.count) remove_row(&table->rows, old);
        if (!set_cursor(table, &row, now_us)) {
            rc = sl_fail(error, SL_NO_MEMORY, "could not keep a record");
            goto out;
        }
    }
    if (shown) put_row(table, &row, shown);
    rc = example_insert(table, &table->rows, &row, error);

out:
    example_row_release(&row);
    return rc;
}

/* A tombstone holds the key and the time of the deletion. key: JSON text. */
static enum sl_code delete_row(struct example_table *table, const char *key, int64_t now_us,
                               struct sl_buf *shown, struct sl_error *error)
{
    struct example_row tombstone = {{0}};
    size_t at = find_row(table, key);
    enum sl_code rc;

    if (at == table->rows.count)
        return sl_fail(error, SL_NOT_FOUND, "Record with pk '%.*s' not found", (int)strlen(key) - 2,
                       key + 1);
    if (!example_set(&tombstone, table->key, key) || !set_cursor(table, &tombstone, now_us)) {
        example_row_release(&tombstone);
        return sl_fail(error, SL_NO_MEMORY, "could not keep a tombstone");
    }
    remove_row(&table->rows, at);
    if (shown) put_row(table, &tombstone, shown);
    rc = example_insert(table, &table->tombstones, &tombstone, error);
    example_row_release(&tombstone);
    return rc;
}

static enum sl_code handle_post(struct example *app, struct example_table *table,
                                const struct sim_request *request, struct sim_reply *reply,
                                struct sl_error *error)
{
    const struct sl_json *root;
    enum sl_code rc = sl_doc_parse_copy(app->doc, request->body, request->body_len, &root, error);

    if (!rc && sl_json_kind(root) != SL_JSON_OBJECT)
        rc = sl_fail(error, SL_BAD_DATA, "a record is a JSON object");
    sl_buf_adds(reply->body, "{\"record\":");
    if (!rc) rc = upsert(app, table, root, request->now_us, reply->body, error);
    sl_buf_addc(reply->body, '}');
    reply->status = table->cursor >= 0 ? 200 : 201;
    if (!rc || rc == SL_NO_MEMORY) return rc;
    reply_error(reply, 400, error->message);
    return SL_OK;
}

static enum sl_code handle_delete(struct example_table *table, const char *key,
                                  const struct sim_request *request, struct sim_reply *reply,
                                  struct sl_error *error)
{
    char json[PARAM_MAX];

    (void)snprintf(json, sizeof json, "\"%s\"", key);
    sl_buf_adds(reply->body, "{\"record\":");
    enum sl_code rc = delete_row(table, json, request->now_us, reply->body, error);

    sl_buf_addc(reply->body, '}');
    if (rc != SL_NOT_FOUND) return rc;
    reply_error(reply, 404, error->message);
    return SL_OK;
}

/* ------------------------------------------------------------------ routes */

static int base64_digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;

    return at ? (int)(at - digits) : -1;
}

/* Any user and password will do, as long as neither is blank. */
static bool authorised(const struct sim_request *request)
{
    const char *header = sim_request_header(request, "authorization");
    char plain[256];
    size_t n = 0;
    unsigned bits = 0;
    int held = 0;

    if (!header || strncmp(header, "Basic ", 6) != 0) return false;
    for (header += 6; base64_digit(*header) >= 0 && n + 1 < sizeof plain; header++) {
        bits = bits << 6 | (unsigned)base64_digit(*header);
        held += 6;
        if (held >= 8) {
            held -= 8;
            plain[n++] = (char)(bits >> held & 0xff);
        }
    }
    plain[n] = '\0';
    const char *colon = strchr(plain, ':');

    return colon && colon > plain && colon[1];
}

/* "/tables/orders/records/order_0001" into at most 4 parts; -1: too many. */
static int split_path(const char *path, char parts[4][128])
{
    int count = 0;

    while (*path) {
        size_t len;

        while (*path == '/') path++;
        len = strcspn(path, "/");
        if (!len) break;
        if (count == 4 || len >= 128) return -1;
        memcpy(parts[count], path, len);
        parts[count++][len] = '\0';
        path += len;
    }
    return count;
}

static enum sl_code example_look(void *state, const struct sim_request *request,
                                 struct sim_look *out, struct sl_error *error)
{
    struct example *app = state;
    char parts[4][128], page[32];
    int count = split_path(request->path, parts);

    (void)error;
    app->now_us = request->now_us;
    (void)snprintf(out->counts[0].key, sizeof out->counts[0].key, "source");
    out->counts[0].window_us = SL_SECOND_US;
    if (count > 1 && strcmp(parts[0], "tables") == 0 && find_table(app, parts[1])) {
        (void)snprintf(out->table, sizeof out->table, "%.63s", parts[1]);
        (void)snprintf(out->table_name, sizeof out->table_name, "%s", parts[1]);
    }
    if (count > 2 && strstr(parts[2], "records")) {
        out->page = 1;
        if (sim_query_get(request->query, "page", page, sizeof page))
            out->page = (int)strtol(page, NULL, 10);
    }
    return SL_OK;
}

static void handle_tables(const struct example *app, struct sl_buf *out)
{
    sl_buf_adds(out, "{\"tables\":[");
    for (int t = 0; t < EXAMPLE_METRICS; t++)
        sl_buf_addf(out, "%s\"%s\"", t ? "," : "", app->tables[t].name);
    sl_buf_adds(out, "]}");
}

static void no_route(const struct sim_request *request, struct sim_reply *reply)
{
    char text[300];

    (void)snprintf(text, sizeof text, "No route matches %.16s %.200s", request->method,
                   request->path);
    reply_error(reply, 404, text);
}

static void not_found(const struct example_table *table, struct sim_reply *reply)
{
    char text[100];

    (void)snprintf(text, sizeof text, "Table '%s' not found", table->name);
    reply_error(reply, 404, text);
}

static enum sl_code handle_table(struct example *app, char parts[4][128], int count,
                                 const struct sim_request *request, struct sim_reply *reply,
                                 struct sl_error *error)
{
    struct example_table *table = find_table(app, parts[1]);
    bool get = strcmp(request->method, "GET") == 0, post = strcmp(request->method, "POST") == 0;
    const char *what = count > 2 ? parts[2] : "";
    bool records = strcmp(what, "records") == 0, deleted = strcmp(what, "deleted_records") == 0;
    bool orders = table == &app->tables[EXAMPLE_ORDERS];
    struct listing listing;

    if (!table) {
        unknown_table(app, parts[1], reply);
    } else if (get && count == 3 && (!strcmp(what, "schema") || !strcmp(what, "metadata"))) {
        if (table->hidden)
            not_found(table, reply);
        else if (what[0] == 's')
            put_schema(table, reply->body);
        else
            put_metadata(table, reply->body);
    } else if (get && count == 3 && (records || deleted)) {
        if (deleted && !orders)
            reply_error(reply, 400, "only orders have deleted records");
        else if (read_listing(table, deleted, request->query, &listing, reply))
            put_page(table, deleted ? &table->tombstones : &table->rows, &listing, reply->body);
    } else if (post && count == 3 && records) {
        return handle_post(app, table, request, reply, error);
    } else if (strcmp(request->method, "DELETE") == 0 && count == 4 && records) {
        if (orders) return handle_delete(table, parts[3], request, reply, error);
        reply_error(reply, 400, "only orders can be deleted");
    } else {
        no_route(request, reply);
    }
    return SL_OK;
}

static enum sl_code example_handle(void *state, const struct sim_request *request,
                                   struct sim_reply *reply, struct sl_error *error)
{
    struct example *app = state;
    char parts[4][128];
    int count = split_path(request->path, parts);

    if (!authorised(request)) {
        reply_error(reply, 401, "username and password are required");
        return SL_OK;
    }
    if (count < 1 || strcmp(parts[0], "tables") != 0) {
        no_route(request, reply);
        return SL_OK;
    }
    if (count > 1) return handle_table(app, parts, count, request, reply, error);
    if (strcmp(request->method, "GET") == 0)
        handle_tables(app, reply->body);
    else
        no_route(request, reply);
    return SL_OK;
}

/* ------------------------------------------------------------------ control and truth */

static bool example_has_op(const char *name)
{
    return strcmp(name, "upsert") == 0 || strcmp(name, "delete") == 0;
}

/* {"op":"upsert","table":"users","record":{...}} · {"op":"delete","key":"order_0001"} */
static enum sl_code example_operate(void *state, const struct sl_json *op, int64_t now_us,
                                    struct sl_error *error)
{
    struct example *app = state;
    const char *name = sl_json_str(sl_json_get(op, "table"));
    const char *key = sl_json_str(sl_json_get(op, "key"));
    struct example_table *table = find_table(app, name ? name : "orders");
    char json[PARAM_MAX];

    if (!table) return sl_fail(error, SL_NOT_FOUND, "there is no table '%s'", name);
    if (sl_json_eq(sl_json_get(op, "op"), "upsert"))
        return upsert(app, table, sl_json_get(op, "record"), now_us, NULL, error);
    if (table->cursor < 0) return sl_fail(error, SL_USAGE, "'%s' has no deletes", table->name);
    (void)snprintf(json, sizeof json, "\"%s\"", key ? key : "");
    return delete_row(table, json, now_us, NULL, error);
}

static enum sl_code example_truth(void *state, const struct sim_request *request,
                                  struct sl_buf *out, struct sl_error *error)
{
    struct example *app = state;
    char name[64] = "";
    const struct example_table *table;

    if (!sim_query_get(request->query, "table", name, sizeof name)) {
        handle_tables(app, out);
        return SL_OK;
    }
    table = find_table(app, name);
    if (!table) return sl_fail(error, SL_NOT_FOUND, "there is no table '%s'", name);
    sl_buf_addf(out, "{\"table\":\"%s\",\"records\":[", table->name);
    for (size_t i = 0; i < table->rows.count; i++) {
        if (i) sl_buf_addc(out, ',');
        put_row(table, &table->rows.list[i], out);
    }
    sl_buf_adds(out, "],\"deleted\":[");
    for (size_t i = 0; i < table->tombstones.count; i++) {
        if (i) sl_buf_addc(out, ',');
        put_row(table, &table->tombstones.list[i], out);
    }
    sl_buf_adds(out, "]}");
    return SL_OK;
}

const struct sim_app sim_app_example = {
    .name = "example",
    .summary = "the tutorial's source: products, events, users, orders, metrics",
    .create = example_create,
    .destroy = example_destroy,
    .look = example_look,
    .handle = example_handle,
    .fail = example_fail,
    .has_op = example_has_op,
    .operate = example_operate,
    .truth = example_truth,
    .connection = example_connection,
};
