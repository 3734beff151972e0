/* show.c: the catalog's JSON: indented for programs, as grids and "key  value" for people. */
#include <string.h>

#include "base/alloc.h"
#include "base/time.h"
#include "cli/cli.h"
#include "json/doc.h"

static void indent(FILE *file, int depth)
{
    fputc('\n', file);
    for (int i = 0; i < depth; i++) fputs("  ", file);
}

static bool print_scalar(const struct sl_json *value, FILE *file)
{
    struct sl_json_writer *w = sl_json_writer_new();

    if (!w) return false;
    sl_json_put_value(w, value);
    size_t len = 0;
    const char *text = sl_json_writer_text(w, &len);
    if (text) fwrite(text, 1, len, file);
    sl_json_writer_free(w);
    return text != NULL;
}

/* At most SL_DOC_DEPTH_MAX deep: the parser saw to that. */
static bool print_value(const struct sl_json *value, int depth, FILE *file)
{
    enum sl_json_kind kind = sl_json_kind(value);
    bool object = kind == SL_JSON_OBJECT, good = true, first = true;

    if (!object && kind != SL_JSON_ARRAY) return print_scalar(value, file);
    fputc(object ? '{' : '[', file);
    for (struct sl_json_each e = sl_json_each(value); good && sl_json_next(&e); first = false) {
        if (!first) fputc(',', file);
        indent(file, depth + 1);
        if (object) {
            good = print_scalar(e.key, file);
            fputs(": ", file);
        }
        good = good && print_value(e.value, depth + 1, file);
    }
    if (!first) indent(file, depth);
    fputc(object ? '}' : ']', file);
    return good;
}

static enum sl_code parse(const struct sl_buf *json, struct sl_doc **doc,
                          const struct sl_json **root, struct sl_error *error)
{
    *doc = sl_doc_new(0);
    if (!*doc) return sl_fail(error, SL_NO_MEMORY, "no memory for an answer");
    return sl_doc_parse_copy(*doc, sl_buf_str(json), json->len, root, error);
}

enum sl_code cli_print_json(const struct sl_buf *json, FILE *file, struct sl_error *error)
{
    const struct sl_json *root = NULL;
    struct sl_doc *doc = NULL;
    enum sl_code rc = parse(json, &doc, &root, error);

    if (!rc && !print_value(root, 0, file))
        rc = sl_fail(error, SL_NO_MEMORY, "no memory for an answer");
    if (!rc) fputc('\n', file);
    sl_doc_free(doc);
    return rc;
}

/* One value as a person reads it. */
static enum sl_code value_text(const struct sl_json *value, enum cli_kind kind, struct sl_buf *out,
                               struct sl_error *error)
{
    char text[SL_TIME_TEXT_MAX > CLI_NUMBER_MAX ? SL_TIME_TEXT_MAX : CLI_NUMBER_MAX];
    int64_t number = 0;
    enum sl_json_kind found = sl_json_kind(value);

    sl_buf_reset(out);
    if (kind == CLI_LENGTH) {
        sl_buf_addf(out, "%zu", sl_json_len(value));
        return sl_buf_failed(out) ? sl_fail(error, SL_NO_MEMORY, "no memory for an answer") : SL_OK;
    }
    if (kind != CLI_TEXT && sl_json_i64(value, &number)) {
        if (kind == CLI_COUNT) cli_count(number, text);
        if (kind == CLI_BYTES) cli_bytes(number, text);
        if (kind == CLI_TIME_MS) {
            sl_time_format_ms(number * 1000, text);
            if (strlen(text) > 19) snprintf(text + 19, 2, "Z"); /* without the milliseconds */
        }
        sl_buf_adds(out, text);
    } else if (found == SL_JSON_STRING) {
        sl_buf_add(out, sl_json_str(value), sl_json_str_len(value));
    } else if (found != SL_JSON_NONE && found != SL_JSON_NULL) {
        struct sl_json_writer *w = sl_json_writer_new();
        if (w) sl_json_put_value(w, value);
        const char *json = w ? sl_json_writer_text(w, NULL) : NULL;
        if (json) sl_buf_adds(out, json);
        sl_json_writer_free(w);
        if (!json) return sl_fail(error, SL_NO_MEMORY, "no memory for an answer");
    }
    return sl_buf_failed(out) ? sl_fail(error, SL_NO_MEMORY, "no memory for an answer") : SL_OK;
}

static enum sl_code list_print(const struct cli *cli, const struct sl_json *root,
                               const struct cli_column *columns, struct sl_error *error)
{
    size_t count = 0;
    struct sl_buf text = {0};
    enum sl_code rc = SL_OK;

    while (columns[count].title) count++;
    struct cli_grid *grid = cli_grid_new(count);
    if (!grid) return sl_fail(error, SL_NO_MEMORY, "no memory for a table on the screen");
    for (size_t i = 0; i < count; i++)
        cli_grid_head(grid, i, columns[i].title,
                      columns[i].kind == CLI_COUNT || columns[i].kind == CLI_BYTES ||
                          columns[i].kind == CLI_LENGTH);
    for (struct sl_json_each e = sl_json_each(root); !rc && sl_json_next(&e);) {
        for (size_t i = 0; i < count && !rc; i++) {
            const char *const *path = columns[i].path;
            const struct sl_json *value = sl_json_path(e.value, path[0], path[1], path[2], NULL);
            rc = value_text(value, columns[i].kind, &text, error);
            cli_grid_cell(grid, sl_buf_str(&text));
        }
    }
    if (!rc) rc = cli_grid_print(grid, cli, stdout, 0, error);
    cli_grid_free(grid);
    sl_buf_release(&text);
    return rc;
}

enum sl_code cli_show_list(struct cli *cli, const struct sl_buf *json,
                           const struct cli_column *columns, const char *nothing,
                           struct sl_error *error)
{
    const struct sl_json *root = NULL;
    struct sl_doc *doc = NULL;

    if (cli->json) return cli_print_json(json, stdout, error);
    enum sl_code rc = parse(json, &doc, &root, error);
    if (!rc && sl_json_len(root) == 0)
        cli_note(cli, "%s", nothing);
    else if (!rc)
        rc = list_print(cli, root, columns, error);
    sl_doc_free(doc);
    return rc;
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);

    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

enum sl_code cli_show_object(struct cli *cli, const struct sl_buf *json, struct sl_error *error)
{
    const struct sl_json *root = NULL;
    struct sl_doc *doc = NULL;
    struct sl_buf text = {0};

    if (cli->json) return cli_print_json(json, stdout, error);
    struct cli_grid *grid = cli_grid_new(2);
    enum sl_code rc = grid ? parse(json, &doc, &root, error)
                           : sl_fail(error, SL_NO_MEMORY, "no memory for a table on the screen");
    for (struct sl_json_each e = sl_json_each(root); !rc && sl_json_next(&e);) {
        const char *key = sl_json_str(e.key);
        bool is_time =
            ends_with(key, "_at") || ends_with(key, "_time") || strcmp(key, "last_modified") == 0;
        rc = value_text(e.value, is_time ? CLI_TIME_MS : CLI_TEXT, &text, error);
        cli_grid_cell(grid, key);
        cli_grid_cell(grid, sl_buf_str(&text));
    }
    if (!rc) rc = cli_grid_print(grid, cli, stdout, 0, error);
    cli_grid_free(grid);
    sl_buf_release(&text);
    sl_doc_free(doc);
    return rc;
}
