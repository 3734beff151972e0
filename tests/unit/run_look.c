#include "run_look.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "json/doc.h"
#include "json/write.h"
#include "unit/arrow_text.h"

/* ---- runs ---- */

enum sl_code run_table_with(struct run_world *w, const char *top, const char *source,
                            const char *config, bool full)
{
    char spec[3000];

    snprintf(spec, sizeof spec,
             "{%s\"connection_name\":\"c\",\"catalog\":\"main\",\"schema\":\"bronze\",\"objects\":["
             "{\"table\":{\"source_table\":\"%s\",\"destination_table\":\"t\","
             "\"table_configuration\":{%s}}}]}",
             top, source, config);
    return run_spec(w, spec, full);
}

enum sl_code run_table(struct run_world *w, const char *source, const char *config, bool full)
{
    return run_table_with(w, "", source, config, full);
}

void expect_run(struct run_world *w, const char *source, const char *config)
{
    enum sl_code rc = run_table(w, source, config, false);

    if (rc) fail_msg("%s: %s (%s)", sl_code_name(rc), w->error.message, w->error.hint);
}

void expect_changes(struct run_world *w, int64_t inserted, int64_t updated, int64_t deleted)
{
    const struct sl_table_report *t = report_of(w, "t");

    if (t->inserted != inserted || t->updated != updated || t->deleted != deleted)
        fail_msg("inserted %lld, updated %lld, deleted %lld; expected %lld, %lld, %lld",
                 (long long)t->inserted, (long long)t->updated, (long long)t->deleted,
                 (long long)inserted, (long long)updated, (long long)deleted);
}

void expect_truth(struct run_world *w, const char *source)
{
    int64_t distinct = 0, rows = landed_rows(w, "t", "_airtable_id", &distinct);

    assert_int_equal(rows, true_rows(w, source));
    assert_int_equal(rows, distinct);
}

void expect_full(struct run_world *w, const char *why)
{
    const char *said = report_of(w, "t")->why_full;

    if (!why && said) fail_msg("everything was read: %s", said);
    if (why && (!said || !strstr(said, why)))
        fail_msg("expected '%s', not '%s'", why, said ? said : "an increment");
}

/* ---- what is in the table ---- */

static struct sl_delta_table *open_table(struct run_world *w)
{
    char location[500];
    struct sl_delta_table *table = NULL;

    snprintf(location, sizeof location, "%s/warehouse/main/bronze/t", w->home);
    if (sl_delta_open(w->delta, location, -1, &table, &w->error)) fail_msg("%s", w->error.message);
    return table;
}

int64_t version_of(struct run_world *w)
{
    struct sl_delta_table *table = open_table(w);
    int64_t version = sl_delta_version(table);

    sl_delta_table_free(table);
    return version;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorts the lines of a text that is its owner's to free. */
static char *sorted(char *text)
{
    size_t count = 0, len = strlen(text);
    char **lines = calloc(len + 1, sizeof *lines), *out = calloc(1, len + 2), *rest = text;

    for (char *line; (line = strtok_r(rest, "\n", &rest));) lines[count++] = line;
    qsort(lines, count, sizeof *lines, by_text);
    for (size_t i = 0, at = 0; i < count; i++) at += (size_t)sprintf(out + at, "%s\n", lines[i]);
    free(lines);
    free(text);
    return out;
}

const char *landed(struct run_world *w, const char *columns)
{
    static char *text;
    char copy[500], *rest = copy;
    const char *names[20];
    size_t count = 0;
    struct sl_delta_table *table = open_table(w);
    struct ArrowArrayStream stream = {0};
    struct ArrowSchema schema = {0};
    struct ArrowArray batch = {0};
    struct sl_buf out = {.max = (size_t)1 << 30};

    snprintf(copy, sizeof copy, "%s", columns);
    for (char *name; (name = strtok_r(rest, ",", &rest));) names[count++] = name;
    if (sl_delta_scan(table, names, count, -1, &stream, &w->error))
        fail_msg("%s: %s", columns, w->error.message);
    assert_int_equal(stream.get_schema(&stream, &schema), 0);
    while (stream.get_next(&stream, &batch) == 0 && batch.release) {
        const char *wrong = arrow_text(&schema, &batch, &out);
        if (wrong) fail_msg("%s", wrong);
        batch.release(&batch);
    }
    schema.release(&schema);
    stream.release(&stream);
    sl_delta_table_free(table);
    free(text);
    text = sorted(strdup(sl_buf_str(&out)));
    sl_buf_release(&out);
    return text;
}

void expect_landed(struct run_world *w, const char *columns, const char *line, int count)
{
    const char *text = landed(w, columns);
    size_t len = strlen(line);
    int found = 0;

    for (const char *p = text; *p; p = strchr(p, '\n') + 1)
        found += strncmp(p, line, len) == 0 && p[len] == '\n';
    if (found != count) fail_msg("%d times %s, expected %d, in\n%.3000s", found, line, count, text);
}

const char *landed_columns(struct run_world *w)
{
    static char names[8000];
    struct sl_delta_table *table = open_table(w);
    const char *json = sl_delta_schema_json(table);
    struct sl_doc *doc = sl_doc_new(0);
    const struct sl_json *root;
    size_t at = 0;

    assert_int_equal(sl_doc_parse_copy(doc, json, strlen(json), &root, &w->error), SL_OK);
    for (struct sl_json_each e = sl_json_each(sl_json_get(root, "fields")); sl_json_next(&e);)
        at += (size_t)snprintf(names + at, sizeof names - at, "%s%s", at ? "," : "",
                               sl_json_str(sl_json_get(e.value, "name")));
    sl_doc_free(doc);
    sl_delta_table_free(table);
    return names;
}

bool has_column(struct run_world *w, const char *name)
{
    char around[8002], wanted[300];

    snprintf(around, sizeof around, ",%s,", landed_columns(w));
    snprintf(wanted, sizeof wanted, ",%s,", name);
    return strstr(around, wanted) != NULL;
}

/* ---- against the truth ---- */

static const char *id_of_field(const struct sl_json *table, const char *name)
{
    for (struct sl_json_each e = sl_json_each(sl_json_get(table, "fields")); sl_json_next(&e);)
        if (sl_json_eq(sl_json_get(e.value, "name"), name))
            return sl_json_str(sl_json_get(e.value, "id"));
    fail_msg("no field '%s'", name);
    return NULL;
}

static void add_cell(const struct sl_json *value, struct sl_buf *out)
{
    double number;
    int64_t whole;

    if (sl_json_str(value))
        sl_write_string(out, sl_json_str(value), sl_json_str_len(value));
    else if (sl_json_i64(value, &whole))
        sl_buf_addf(out, "%lld", (long long)whole);
    else if (sl_json_double(value, &number))
        sl_write_double(out, number);
    else
        sl_buf_adds(out, !value ? "null" : sl_json_true(value) ? "true" : "false");
}

static char *truth_text(struct run_world *w, const char *source, const char *field,
                        const char *column, bool where_open)
{
    struct sl_buf body = {.max = (size_t)1 << 30}, out = {.max = (size_t)1 << 30};
    struct sl_doc *doc = sl_doc_new((size_t)1 << 30);
    const struct sl_json *root;

    ask_sim(w, "/_sim/truth", source, &body);
    assert_int_equal(sl_doc_parse_copy(doc, sl_buf_str(&body), body.len, &root, &w->error), SL_OK);
    const char *id = id_of_field(sl_json_get(root, "table"), field);
    for (struct sl_json_each e = sl_json_each(sl_json_get(root, "records")); sl_json_next(&e);) {
        sl_buf_addf(&out, "{_airtable_id:\"%s\",%s:", sl_json_str(sl_json_get(e.value, "id")),
                    column);
        add_cell(sl_json_path(e.value, "fields", id, NULL), &out);
        sl_buf_adds(&out, where_open ? ",__END_AT:null}\n" : "}\n");
    }
    char *text = sorted(strdup(sl_buf_str(&out)));
    sl_doc_free(doc);
    sl_buf_release(&body);
    sl_buf_release(&out);
    return text;
}

/* Whole numbers of a DOUBLE column look like those of the truth. */
static void drop_zeros(char *text, const char *end)
{
    char mark[40];

    snprintf(mark, sizeof mark, ".0%s", end);
    for (char *at = text; (at = strstr(at, mark));) memmove(at, at + 2, strlen(at + 2) + 1);
}

/* Only lines that end like this stay. */
static void keep_lines(char *text, const char *end)
{
    char *to = text;

    for (char *line = text, *next; *line; line = next) {
        next = strchr(line, '\n') + 1;
        size_t len = (size_t)(next - line);
        if (len < strlen(end) || strncmp(next - strlen(end), end, strlen(end)) != 0) continue;
        memmove(to, line, len);
        to += len;
    }
    *to = '\0';
}

void expect_same(struct run_world *w, const char *source, const char *field, const char *column,
                 bool where_open)
{
    char columns[300];
    char *truth = truth_text(w, source, field, column, where_open), *has;
    size_t at = 0;

    snprintf(columns, sizeof columns, "_airtable_id,%s%s", column, where_open ? ",__END_AT" : "");
    has = strdup(landed(w, columns));
    if (where_open) keep_lines(has, "__END_AT:null}\n");
    drop_zeros(has, where_open ? ",__END_AT:null}\n" : "}\n");
    while (truth[at] && truth[at] == has[at]) at++;
    if (truth[at] != has[at]) {
        while (at > 0 && truth[at - 1] != '\n') at--;
        fail_msg("'%s' is\n%.300s\nand should be\n%.300s", column, has + at, truth + at);
    }
    free(truth);
    free(has);
}
