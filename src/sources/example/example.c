/*
 * example.c: a whole connector in one file, to learn from. docs/write-a-connector.md walks through
 * it from top to bottom.
 *
 * The source is the simulator `sluice sim example`: five tables, one for each way in which a table
 * can be read.
 *
 *   products  snapshot          every page, every time
 *   events    append            rows are added, never changed: from the last time onwards
 *   users     cdc               rows are changed: from the last time onwards, by key
 *   orders    cdc_with_deletes  the same, and a second list says what was deleted
 *   metrics   cdc               the same, cut into windows of time that are read side by side
 */
#include <sluice/connector.h>

#include <stdio.h>
#include <string.h>

/* ---- 1. what a task knows ---- */

/* The engine hands over one of these for each task, zeroed; it fills `task` and, at their offsets,
 * the options. Everything below is ours. */
struct example {
    struct sl_task task; /* first */

    const char *base_url, *username; /* options of the connection */
    bool password;                   /* a secret: we learn that it was given, never what it is */

    const char *category, *user_id, *status; /* options of a table */
    int64_t limit, window_seconds, max_records_per_batch;

    const struct example_table *table;
    const char *list;             /* "records" or "deleted_records" */
    char since[SL_TIME_TEXT_MAX]; /* ask for rows after this time; "": from the beginning */
    char until[SL_TIME_TEXT_MAX]; /* and up to this one; "": to the end */
    int64_t since_us;
    int64_t cursor_us; /* where the run before ended; 0: it began from the start */
    int64_t page;
    int64_t now_us;     /* the source's time when this task's first answer came */
    bool from_start;    /* everything is read, nothing was read before */
    bool window;        /* one window of several: the parent speaks for the table */
    int64_t unreleased; /* rows since the last release point */
};

#define AT(member) offsetof(struct example, member)

static const struct sl_option connection_options[] = {
    {.name = "base_url",
     .kind = SL_OPTION_URL,
     .required = true,
     .offset = AT(base_url),
     .help = "Where the source answers, such as http://127.0.0.1:8080."},
    {.name = "username",
     .kind = SL_OPTION_STRING,
     .required = true,
     .offset = AT(username),
     .help = "Who reads."},
    {.name = "password",
     .kind = SL_OPTION_SECRET,
     .required = true,
     .offset = AT(password),
     .help = "The password of that user."},
    {0},
};

static const struct sl_option table_options[] = {
    {.name = "category",
     .kind = SL_OPTION_STRING,
     .offset = AT(category),
     .help = "Products: only those of this category."},
    {.name = "user_id",
     .kind = SL_OPTION_STRING,
     .offset = AT(user_id),
     .help = "Orders: only those of this user."},
    {.name = "status",
     .kind = SL_OPTION_STRING,
     .offset = AT(status),
     .help = "Orders: only those with this status."},
    {.name = "limit",
     .kind = SL_OPTION_INT,
     .preset = "50",
     .min = 1,
     .max = 50,
     .offset = AT(limit),
     .help = "Events: rows in one page."},
    {.name = "window_seconds",
     .kind = SL_OPTION_INT,
     .preset = "3600",
     .min = 60,
     .max = 86400,
     .offset = AT(window_seconds),
     .help = "Metrics: how much time one sub-task reads."},
    {.name = "max_records_per_batch",
     .kind = SL_OPTION_INT,
     .preset = "200",
     .min = 1,
     .max = 1000000,
     .offset = AT(max_records_per_batch),
     .help = "Rows after which a read notes how far it came."},
    {0},
};

/* ---- 2. the tables ---- */

/* clang-format off */
#define TEXT {.kind = SL_TYPE_STRING}
#define NUMBER {.kind = SL_TYPE_DOUBLE}
#define TIME {.kind = SL_TYPE_TIMESTAMP}
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const struct sl_column product_columns[] = {
    {.name = "product_id", .type = TEXT, .not_null = true},
    {.name = "name", .type = TEXT},
    {.name = "price", .type = NUMBER},
    {.name = "category", .type = TEXT},
};

static const struct sl_column event_columns[] = {
    {.name = "event_id", .type = TEXT},
    {.name = "event_type", .type = TEXT},
    {.name = "user_id", .type = TEXT},
    {.name = "payload", .type = TEXT},
    {.name = "created_at", .type = TIME},
};

static const struct sl_column user_columns[] = {
    {.name = "user_id", .type = TEXT, .not_null = true},
    {.name = "email", .type = TEXT},
    {.name = "display_name", .type = TEXT},
    {.name = "status", .type = TEXT},
    {.name = "updated_at", .type = TIME},
};

static const struct sl_column order_columns[] = {
    {.name = "order_id", .type = TEXT, .not_null = true},
    {.name = "user_id", .type = TEXT},
    {.name = "amount", .type = NUMBER},
    {.name = "status", .type = TEXT},
    {.name = "updated_at", .type = TIME},
};

static const struct sl_member metric_value[] = {
    {.name = "count", .type = {.kind = SL_TYPE_BIGINT}},
    {.name = "label", .type = TEXT},
    {.name = "measure", .type = NUMBER},
};

static const struct sl_column metric_columns[] = {
    {.name = "metric_id", .type = TEXT, .not_null = true},
    {.name = "name", .type = TEXT},
    {.name = "value",
     .type = {.kind = SL_TYPE_STRUCT,
              .member_count = COUNT(metric_value),
              .members = metric_value}},
    {.name = "host", .type = TEXT},
    {.name = "updated_at", .type = TIME},
};

static const char *const product_key[] = {"product_id", NULL};
static const char *const user_key[] = {"user_id", NULL};
static const char *const order_key[] = {"order_id", NULL};
static const char *const metric_key[] = {"metric_id", NULL};
/* clang-format on */

static const struct example_table {
    const char *name;
    enum sl_ingestion ingestion;
    const char *const *key;
    const char *cursor;
    const struct sl_column *columns;
    size_t column_count;
    int rows_per_call;
    bool hidden;  /* the source does not list it */
    bool windows; /* it can be read from one time to another */
} tables[] = {
    {.name = "products",
     .ingestion = SL_SNAPSHOT,
     .key = product_key,
     .columns = product_columns,
     .column_count = COUNT(product_columns),
     .rows_per_call = 20},
    {.name = "events",
     .ingestion = SL_APPEND,
     .cursor = "created_at",
     .columns = event_columns,
     .column_count = COUNT(event_columns),
     .rows_per_call = 50},
    {.name = "users",
     .ingestion = SL_CDC,
     .key = user_key,
     .cursor = "updated_at",
     .columns = user_columns,
     .column_count = COUNT(user_columns),
     .rows_per_call = 15},
    {.name = "orders",
     .ingestion = SL_CDC_WITH_DELETES,
     .key = order_key,
     .cursor = "updated_at",
     .columns = order_columns,
     .column_count = COUNT(order_columns),
     .rows_per_call = 40},
    {.name = "metrics",
     .ingestion = SL_CDC,
     .key = metric_key,
     .cursor = "updated_at",
     .columns = metric_columns,
     .column_count = COUNT(metric_columns),
     .rows_per_call = 100,
     .hidden = true,
     .windows = true},
};

/* ---- 3. asking, and what answers mean ---- */

static enum sl_code ask(const struct example *self, const struct sl_url *url, struct sl_out *out,
                        struct sl_error *error)
{
    struct sl_limit limit = {.key = "example", .rate = 50, .window_ms = 1000, .concurrency = 8};
    struct sl_request request = {
        .url = sl_url_text(url),
        .auth = {.kind = SL_AUTH_BASIC, .user = self->username, .secret = "password"},
        .spends = {{"example", 1}},
    };
    enum sl_code rc;

    if (!request.url) return sl_fail(error, SL_BAD_SPEC, "the URL is too long");
    rc = sl_out_limit(out, &limit, error);
    if (!rc) rc = sl_out_request(out, &request, error);
    return rc ? rc : SL_MORE;
}

static enum sl_code ask_tables(const struct example *self, struct sl_out *out,
                               struct sl_error *error)
{
    struct sl_url url;

    sl_url_init(&url, self->base_url);
    sl_url_path(&url, "tables");
    return ask(self, &url, out, error);
}

static const char *given(const char *text)
{
    return text && *text ? text : NULL; /* sl_url_query() leaves a NULL out */
}

/* One page of this task's list. The source refuses parameters that a table does not know. */
static enum sl_code ask_page(const struct example *self, struct sl_out *out, struct sl_error *error)
{
    bool rows = strcmp(self->list, "records") == 0;
    enum sl_ingestion kind = self->table->ingestion;
    struct sl_url url;

    sl_url_init(&url, self->base_url);
    sl_url_path(&url, "tables");
    sl_url_path(&url, self->table->name);
    sl_url_path(&url, self->list);
    sl_url_query_i64(&url, "page", self->page);
    sl_url_query(&url, "since", given(self->since));
    sl_url_query(&url, "until", given(self->until));
    if (rows && kind == SL_SNAPSHOT) sl_url_query(&url, "category", self->category);
    if (rows && kind == SL_APPEND) sl_url_query_i64(&url, "limit", self->limit);
    if (rows && kind == SL_CDC_WITH_DELETES) {
        sl_url_query(&url, "user_id", self->user_id);
        sl_url_query(&url, "status", self->status);
    }
    return ask(self, &url, out, error);
}

/* Only answers that are OK here reach a step; waiting and trying again are the engine's work. */
static void classify(const void *task, const struct sl_response *response,
                     struct sl_verdict *verdict)
{
    const char *said = sl_json_str(sl_json_get(response->json, "error"));
    int status = response->status;

    (void)task;
    verdict->code = SL_SOURCE;
    verdict->wait_ms = sl_response_retry_after_ms(response);
    snprintf(verdict->message, sizeof verdict->message, "the source answered %d: %.300s", status,
             said ? said : "no reason given");
    if (status == 200 && sl_json_kind(response->json) == SL_JSON_OBJECT) {
        verdict->kind = SL_VERDICT_OK;
    } else if (status == 200) { /* cut off, or not from the source at all */
        verdict->kind = SL_VERDICT_RETRY;
        verdict->code = SL_BAD_DATA;
    } else if (status == 401) {
        verdict->kind = SL_VERDICT_FAIL_ALL;
        verdict->code = SL_AUTH;
        snprintf(verdict->hint, sizeof verdict->hint, "Correct username and password.");
    } else if (status == 429 || status >= 500) {
        verdict->kind = verdict->wait_ms >= 0 ? SL_VERDICT_RETRY_AFTER : SL_VERDICT_RETRY;
        if (status == 429) verdict->code = SL_RATE_LIMITED;
    } else {
        verdict->kind = SL_VERDICT_FAIL_TABLE;
    }
}

/* ---- 4. check and discover ---- */

static bool lists(const struct sl_json *names, const char *name)
{
    for (struct sl_json_each e = sl_json_each(names); sl_json_next(&e);)
        if (sl_json_eq(e.value, name)) return true;
    return false;
}

static enum sl_code check(void *task, const struct sl_response *response, struct sl_out *out,
                          struct sl_error *error)
{
    enum sl_code rc;

    if (!response) return ask_tables(task, out, error);
    rc = sl_out_check(out, "username and password", true, "accepted", NULL, error);
    return rc ? rc : SL_DONE;
}

static enum sl_code discover(void *task, const struct sl_response *response, struct sl_out *out,
                             struct sl_error *error)
{
    static const char *const whole_row[] = {"", NULL};

    if (!response) return ask_tables(task, out, error);
    for (size_t i = 0; i < COUNT(tables); i++) {
        const struct example_table *table = &tables[i];
        struct sl_table_def def = {
            .name = table->name,
            .columns = table->columns,
            .column_count = table->column_count,
            .primary_key = table->key,
            .cursor = table->cursor,
            .ingestion = table->ingestion,
            .strict_objects = whole_row, /* a member that no column names is kept, not lost */
            .rows_per_call = table->rows_per_call,
        };
        if (!table->hidden && !lists(sl_json_get(response->json, "tables"), table->name)) {
            sl_out_note(out, SL_NOTE_WARNING, "the source has no table '%s' any more", table->name);
            continue;
        }
        enum sl_code rc = sl_out_table(out, &def, error);
        if (rc) return rc;
    }
    return SL_DONE;
}

/* ---- 5. read: times ---- */

/* The source compares times as text, in this form. */
static void put_time(char out[SL_TIME_TEXT_MAX], int64_t us)
{
    sl_time_format_us(us, out);
    size_t len = strlen(out) - 1; /* without its Z */
    snprintf(out + len, SL_TIME_TEXT_MAX - len, "+00:00");
}

static void start_after(struct example *self, int64_t us)
{
    self->since_us = us;
    put_time(self->since, us);
}

static bool time_of(const struct sl_json *value, int64_t *us)
{
    const char *text = sl_json_str(value);
    bool zone;

    return text && sl_time_parse(text, strlen(text), us, &zone);
}

/* {"since": "..."}: everything up to then was emitted. */
static enum sl_code put_cursor(struct example *self, int64_t us, struct sl_out *out,
                               struct sl_error *error)
{
    char time[SL_TIME_TEXT_MAX], cursor[SL_TIME_TEXT_MAX + 16];

    put_time(time, us);
    snprintf(cursor, sizeof cursor, "{\"since\":\"%s\"}", time);
    self->unreleased = 0;
    return sl_out_cursor(out, cursor, error);
}

/* ---- 6. read: a walk through time ---- */

/*
 * Pages come in the order of their times, oldest first. Asking for page 2, 3, ... would miss rows:
 * a row that changes meanwhile moves to the end, and all behind it move up by one place. So each
 * time we ask for the first page of what is newer than what we have.
 *
 * `since` leaves out rows of that very time, and several rows can share one time, across the border
 * of a page too. So of each page but the last we take what is older than its newest time, and ask
 * again from one tick before that time.
 */
struct page {
    const struct sl_json *rows;
    int64_t oldest_us, newest_us;
    int64_t next; /* 0: there is none */
};

static enum sl_code look_at(const struct example *self, const struct sl_response *response,
                            struct page *page, struct sl_error *error)
{
    const struct sl_json *next = sl_json_get(response->json, "next_page");
    bool first = true;

    *page = (struct page){.rows = sl_json_get(response->json, "records")};
    if (sl_json_kind(page->rows) != SL_JSON_ARRAY)
        return sl_fail(error, SL_BAD_DATA, "table '%s': an answer without 'records'",
                       self->table->name);
    if (sl_json_kind(next) == SL_JSON_NUMBER &&
        (!sl_json_i64(next, &page->next) || page->next <= self->page))
        return sl_fail(error, SL_BAD_DATA, "table '%s': page %lld is followed by page %s",
                       self->table->name, (long long)self->page, sl_json_number_text(next));
    for (struct sl_json_each e = sl_json_each(self->table->cursor ? page->rows : NULL);
         sl_json_next(&e);) {
        if (!time_of(sl_json_get(e.value, self->table->cursor), &page->newest_us))
            return sl_fail(error, SL_BAD_DATA, "table '%s': a row without a time in '%s'",
                           self->table->name, self->table->cursor);
        if (first) page->oldest_us = page->newest_us;
        first = false;
    }
    return SL_OK;
}

static enum sl_code emit(struct example *self, const struct sl_json *row, int64_t time_us,
                         struct sl_out *out, struct sl_error *error)
{
    struct sl_sequence version = {time_us, self->table->cursor != NULL};

    self->unreleased++;
    if (strcmp(self->list, "deleted_records") == 0)
        return sl_out_delete(out, self->table->name, row, version, error);
    return sl_out_rows(out, self->table->name, row, NULL, 0, version, error);
}

/* Emits the rows up to a time. What was appended after our first answer is left for the next run,
 * because the cursor will not be past it. (A keyed row may come twice; an appended one may not.) */
static enum sl_code emit_until(struct example *self, const struct page *page, int64_t us,
                               struct sl_out *out, struct sl_error *error)
{
    if (self->table->ingestion == SL_APPEND && us > self->now_us) us = self->now_us;
    for (struct sl_json_each e = sl_json_each(page->rows); sl_json_next(&e);) {
        int64_t time_us = 0;
        if (self->table->cursor) time_of(sl_json_get(e.value, self->table->cursor), &time_us);
        if (time_us > us) continue;
        enum sl_code rc = emit(self, e.value, time_us, out, error);
        if (rc) return rc;
    }
    return SL_OK;
}

/* Everything up to the time of our first answer was emitted. */
static enum sl_code finish(struct example *self, struct sl_out *out, struct sl_error *error)
{
    bool rows = strcmp(self->list, "records") == 0;
    int64_t until_us = self->now_us > self->cursor_us ? self->now_us : self->cursor_us;
    enum sl_code rc = SL_OK;

    if (self->window) return SL_DONE; /* the parent says the rest */
    if (rows && self->from_start) rc = sl_out_complete(out, self->table->name, "{}", error);
    if (!rc && self->table->cursor) rc = put_cursor(self, until_us, out, error);
    return rc ? rc : SL_DONE;
}

static enum sl_code walk(struct example *self, const struct page *page, struct sl_out *out,
                         struct sl_error *error)
{
    bool one_time = page->oldest_us == page->newest_us; /* or the table has no times at all */
    int64_t until_us = page->next && !one_time ? page->newest_us - 1 : INT64_MAX;
    enum sl_code rc = emit_until(self, page, until_us, out, error);

    if (rc) return rc;
    if (!page->next) return finish(self, out, error);
    if (one_time) {
        self->page = page->next;
        return ask_page(self, out, error);
    }
    if (self->since[0] && until_us <= self->since_us)
        return sl_fail(error, SL_BAD_DATA, "table '%s': rows from before the time asked for",
                       self->table->name);
    start_after(self, until_us);
    self->page = 1;
    if (!self->window && self->unreleased >= self->max_records_per_batch) {
        rc = put_cursor(self, until_us < self->now_us ? until_us : self->now_us, out, error);
        if (rc) return rc;
    }
    return ask_page(self, out, error);
}

/* ---- 7. read: sub-tasks ---- */

#define WINDOWS_MAX 100

/* The windows (since, until] from `from_us` to now. They do not overlap and leave nothing out: the
 * first is open at its beginning when everything is read, the last is open at its end. Each stands by
 * itself: when one cannot be read the others are landed, and all are asked for again, because our
 * cursor stays where it was. */
static enum sl_code split_into_windows(struct example *self, int64_t from_us, struct sl_out *out,
                                       struct sl_error *error)
{
    int64_t step_us = self->window_seconds * SL_SECOND_US;
    char part[32], what[SL_TIME_TEXT_MAX + 32], input[2 * SL_TIME_TEXT_MAX + 40];
    enum sl_code rc;

    while ((self->now_us - from_us) / step_us >= WINDOWS_MAX) step_us *= 2;
    for (int i = 0;; i++, from_us += step_us) {
        bool last = self->now_us - from_us <= step_us;
        char since[SL_TIME_TEXT_MAX] = "", until[SL_TIME_TEXT_MAX] = "";

        if (i > 0 || !self->from_start) put_time(since, from_us);
        if (!last) put_time(until, from_us + step_us);
        snprintf(part, sizeof part, "window-%d", i + 1);
        snprintf(input, sizeof input, "{\"since\":\"%s\",\"until\":\"%s\"}", since, until);
        snprintf(what, sizeof what, "the time from %s on", since[0] ? since : "the beginning");
        rc = sl_out_task_apart(out, part, what, input, error);
        if (rc) return rc;
        if (last) break;
    }
    return finish(self, out, error);
}

static enum sl_code split_into_rows_and_deletes(struct sl_out *out, struct sl_error *error)
{
    enum sl_code rc = sl_out_task(out, "records", "{\"list\":\"records\"}", error);

    if (!rc) rc = sl_out_task(out, "deleted", "{\"list\":\"deleted_records\"}", error);
    return rc ? rc : SL_DONE;
}

/* ---- 8. read ---- */

static enum sl_code begin(struct example *self, struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *input = self->task.input;
    const char *list = sl_json_str(sl_json_get(input, "list"));
    const struct sl_json *until = sl_json_get(input, "until");
    const struct sl_json *since = sl_json_get(input, "since");
    int64_t since_us;

    for (size_t i = 0; i < COUNT(tables) && self->task.table; i++)
        if (strcmp(tables[i].name, self->task.table) == 0) self->table = &tables[i];
    if (!self->table)
        return sl_fail(error, SL_NOT_FOUND, "the source has no table '%s'",
                       self->task.table ? self->task.table : "");
    if (self->table->ingestion == SL_CDC_WITH_DELETES && !list)
        return split_into_rows_and_deletes(out, error);

    self->list = list ? list : "records";
    self->page = 1;
    self->window = until != NULL;
    if (!self->window && !self->task.full) since = sl_json_get(self->task.cursor, "since");
    if (time_of(since, &since_us)) start_after(self, since_us);
    if (self->window && sl_json_str(until))
        snprintf(self->until, sizeof self->until, "%s", sl_json_str(until));
    self->from_start = self->since[0] == '\0';
    self->cursor_us = self->since_us;
    return ask_page(self, out, error);
}

static enum sl_code read_table(void *task, const struct sl_response *response, struct sl_out *out,
                               struct sl_error *error)
{
    struct example *self = task;
    struct page page;
    enum sl_code rc;

    if (!response) return begin(self, out, error);
    if (self->now_us == 0)
        self->now_us = response->server_date_us != SL_NO_TIME ? response->server_date_us
                                                              : self->task.run_started_at_us;
    rc = look_at(self, response, &page, error);
    if (rc) return rc;
    if (self->table->windows && !self->window && page.next)
        return split_into_windows(self, self->from_start ? page.oldest_us : self->since_us, out,
                                  error);
    return walk(self, &page, out, error);
}

/* ---- 9. the connector ---- */

/* The only thing that the engine sees. The build finds it by its name. */
const struct sl_connector sl_connector_example = {
    .abi = SL_CONNECTOR_ABI,
    .name = "example",
    .title = "Example",
    .summary = "The tutorial's source: five small tables, read in every way there is",
    .docs = "https://example.org/",
    .connection_options = connection_options,
    .table_options = table_options,
    .task_size = sizeof(struct example),
    .classify = classify,
    .check = check,
    .discover = discover,
    .read = read_table,
};
