/* Option tables: one row, and what parses, explains and documents it agree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "json/doc.h"
#include "options/options.h"

#include <stdlib.h>
#include <string.h>

struct settings {
    const char *base_id, *api_url, *mode;
    bool token, metadata;
    int64_t page_size, offset;
    double rate;
    const struct sl_json *views, *cells;
};

#define AT(field) offsetof(struct settings, field)

static const char *const modes[] = {"api", "csv", "Both", NULL};

static const struct sl_option options[] = {
    {.name = "base_id",
     .alias = "base",
     .kind = SL_OPTION_STRING,
     .required = true,
     .offset = AT(base_id),
     .help = "The base to read."},
    {.name = "token",
     .kind = SL_OPTION_SECRET,
     .required = true,
     .offset = AT(token),
     .help = "An access token."},
    {.name = "page_size",
     .kind = SL_OPTION_INT,
     .preset = "100",
     .min = 1,
     .max = 100,
     .offset = AT(page_size),
     .help = "Records asked for in one request."},
    {.name = "offset", .kind = SL_OPTION_INT, .offset = AT(offset), .help = "Any number | none."},
    {.name = "rate",
     .kind = SL_OPTION_DOUBLE,
     .preset = "4.5",
     .min = 0.1,
     .max = 50,
     .offset = AT(rate),
     .help = "Requests in a second."},
    {.name = "metadata",
     .kind = SL_OPTION_BOOL,
     .preset = "true",
     .offset = AT(metadata),
     .help = "Whether to read the schema."},
    {.name = "api_url",
     .kind = SL_OPTION_URL,
     .preset = "https://api.example.com",
     .offset = AT(api_url),
     .help = "Where the API is."},
    {.name = "mode",
     .kind = SL_OPTION_ENUM,
     .preset = "api",
     .values = modes,
     .offset = AT(mode),
     .help = "How to read."},
    {.name = "views", .kind = SL_OPTION_LIST, .offset = AT(views), .help = "Views to read."},
    {.name = "cells",
     .kind = SL_OPTION_LIST,
     .preset = "a, b",
     .offset = AT(cells),
     .help = "Cells to read."},
    {0},
};

static const char *const others[] = {"name", "comment", NULL};

struct fixture {
    struct sl_doc *doc;
    struct sl_arena arena;
    struct settings got;
    struct sl_error error;
    int64_t live_before;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    f->live_before = sl_alloc_live();
    f->doc = sl_doc_new(0);
    *state = f;
    return f->doc ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    sl_doc_free(f->doc);
    sl_arena_release(&f->arena);
    int leaked = sl_alloc_live() != f->live_before;
    free(f);
    return leaked;
}

static enum sl_code parse_as(struct fixture *f, const char *text, bool partial)
{
    const struct sl_json *root = NULL, *gone = NULL;
    const char over[] = "\"zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz\"";
    struct sl_error ignored;

    memset(&f->got, 0, sizeof f->got);
    assert_int_equal(sl_doc_parse(f->doc, text, strlen(text), &root, &f->error), SL_OK);
    enum sl_code rc = sl_options_parse(options, root, others, partial, "connection 'main'", &f->got,
                                       &f->arena, &f->error);
    /* what was parsed must not need the JSON any more */
    assert_int_equal(sl_doc_parse(f->doc, over, sizeof over - 1, &gone, &ignored), SL_OK);
    return rc;
}

/* Parses, expecting success; required options may be missing. */
static struct settings *parse(struct fixture *f, const char *text)
{
    if (parse_as(f, text, true)) fail_msg("%s", f->error.message);
    return &f->got;
}

static const char *refused(struct fixture *f, const char *text)
{
    assert_int_equal(parse_as(f, text, true), SL_BAD_SPEC);
    return f->error.message;
}

static void assert_list(const struct sl_json *list, const char *joined)
{
    struct sl_buf buf = {0};

    assert_int_equal(sl_json_kind(list), SL_JSON_ARRAY);
    for (struct sl_json_each e = sl_json_each(list); sl_json_next(&e);)
        sl_buf_addf(&buf, "%s%s", buf.len ? "|" : "", sl_json_str(e.value));
    assert_string_equal(sl_buf_str(&buf), joined);
    sl_buf_release(&buf);
}

static void presets_stand_where_nothing_is_given(void **state)
{
    struct fixture *f = *state;

    f->got.offset = 77; /* neither given nor preset: not touched */
    assert_int_equal(sl_options_parse(options, NULL, NULL, true, NULL, &f->got, &f->arena,
                                      &f->error),
                     SL_OK);
    assert_null(f->got.base_id);
    assert_false(f->got.token);
    assert_int_equal(f->got.page_size, 100);
    assert_int_equal(f->got.offset, 77);
    assert_true(f->got.rate == 4.5);
    assert_true(f->got.metadata);
    assert_string_equal(f->got.api_url, "https://api.example.com");
    assert_ptr_equal(f->got.mode, modes[0]);
    assert_null(f->got.views);
    assert_list(f->got.cells, "a|b");
}

static void values_may_be_typed_or_text(void **state)
{
    const char *texts[] = {
        "{\"base_id\":\"app1\",\"token\":{\"env\":\"T\"},\"page_size\":7,\"offset\":-5,\"rate\":2,"
        "\"metadata\":false,\"api_url\":\"https://x.example/v0//\",\"mode\":\"csv\","
        "\"views\":[\"A, b\",\"c\",3],\"cells\":[],\"name\":1,\"comment\":null}",
        "{\"base\":\"app1\",\"token\":\"\",\"page_size\":\"7\",\"offset\":\"-5\",\"rate\":\"2.0\","
        "\"metadata\":\"False\",\"api_url\":\"https://x.example/v0\",\"mode\":\"CSV\","
        "\"views\":\"[\\\"A, b\\\",\\\"c\\\",3]\",\"cells\":\"\"}"};

    for (size_t i = 0; i < 2; i++) {
        struct fixture *f = *state;

        if (parse_as(f, texts[i], false)) fail_msg("%s", f->error.message);
        assert_string_equal(f->got.base_id, "app1");
        assert_true(f->got.token);
        assert_int_equal(f->got.page_size, 7);
        assert_int_equal(f->got.offset, -5);
        assert_true(f->got.rate == 2.0);
        assert_false(f->got.metadata);
        assert_string_equal(f->got.api_url, "https://x.example/v0");
        assert_ptr_equal(f->got.mode, modes[1]);
        assert_list(f->got.views, "A, b|c|3");
        assert_list(f->got.cells, "");
    }
}

static void a_comma_list_is_split(void **state)
{
    assert_list(parse(*state, "{\"views\":\" a ,b,, c d ,\"}")->views, "a|b|c d");
    assert_list(parse(*state, "{\"views\":\"one\"}")->views, "one");
    assert_list(parse(*state, "{\"views\":7}")->views, "7");
}

static void null_is_nothing(void **state)
{
    struct settings *got = parse(*state, "{\"page_size\":null,\"token\":null,\"base_id\":null}");

    assert_int_equal(got->page_size, 100);
    assert_false(got->token);
    struct fixture *f = *state;
    assert_int_equal(parse_as(f, "{\"base_id\":null,\"token\":\"x\"}", false), SL_BAD_SPEC);
}

static void text_may_be_given_as_a_number(void **state)
{
    assert_string_equal(parse(*state, "{\"base_id\":12345678901234567890}")->base_id,
                        "12345678901234567890");
}

static void what_does_not_fit_is_refused_by_name(void **state)
{
    const char *cases[][2] = {
        {"{\"page_size\":500}",
         "connection 'main': option 'page_size': 500 is not within 1 and 100"},
        {"{\"page_size\":0}", "option 'page_size': 0 is not within 1 and 100"},
        {"{\"page_size\":1.5}", "option 'page_size': '1.5' is not a whole number"},
        {"{\"page_size\":\"many\"}", "option 'page_size': 'many' is not a whole number"},
        {"{\"page_size\":\"\"}", "option 'page_size': '' is not a whole number"},
        {"{\"page_size\":\"5 \\\"\"}", "is not a whole number"},
        {"{\"page_size\":true}", "option 'page_size': a JSON boolean is not a whole number"},
        {"{\"offset\":99999999999999999999}", "is not a whole number"},
        {"{\"rate\":0.01}", "option 'rate': 0.01 is not within 0.1 and 50"},
        {"{\"rate\":\"1e999\"}", "option 'rate': '1e999' is not a number"},
        {"{\"metadata\":\"maybe\"}", "option 'metadata': 'maybe' is not true or false"},
        {"{\"metadata\":1}", "option 'metadata': '1' is not true or false"},
        {"{\"mode\":\"xml\"}", "option 'mode': 'xml' is not one of api, csv, Both"},
        {"{\"mode\":[]}", "option 'mode': a JSON array is not one of api, csv, Both"},
        {"{\"base_id\":{}}", "option 'base_id': a JSON object is not text"},
        {"{\"base_id\":\"a\\u0000b\"}", "is not text"},
        {"{\"api_url\":\"ftp://x.example\"}", "is not a URL that starts with https:// or http://"},
        {"{\"api_url\":\"https://\"}", "is not a URL"},
        {"{\"api_url\":\"https:///path\"}", "is not a URL"},
        {"{\"api_url\":\"https://x.example/a b\"}", "is not a URL"},
        {"{\"api_url\":\"https://ann:pw1@x.example\"}", "may not hold a user name or a password"},
        {"{\"api_url\":[1]}", "is not a URL"},
        {"{\"views\":[{}]}", "option 'views': a JSON array is not a list of texts"},
        {"{\"views\":\"[1,\"}", "option 'views': '[1,' is not a list of texts"},
        {"{\"views\":[\"a\\u0000b\"]}", "is not a list of texts"},
        {"{\"views\":true}", "is not a list of texts"},
        {"{\"base\":\"a\",\"base_id\":\"b\"}", "option 'base_id' is given twice"},
        {"{\"mode\":\"csv\",\"mode\":\"csv\"}", "option 'mode' is given twice"},
        {"[]", "connection 'main': options must be a JSON object, not array"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *message = refused(*state, cases[i][0]);

        if (strncmp(message, "connection 'main': ", 19) != 0 || !strstr(message, cases[i][1]))
            fail_msg("case %zu: '%s' lacks '%s'", i, message, cases[i][1]);
        assert_null(strstr(message, "pw1"));
    }
}

static void an_unknown_name_meets_its_neighbour(void **state)
{
    struct fixture *f = *state;

    assert_string_equal(refused(f, "{\"tokne\":\"hush\"}"),
                        "connection 'main': there is no option 'tokne': did you mean 'token'?");
    assert_non_null(strstr(f->error.hint, "Options are base_id, token, page_size"));
    assert_non_null(strstr(refused(f, "{\"Page_Size\":1}"), "did you mean 'page_size'?"));
    assert_non_null(strstr(refused(f, "{\"comnent\":1}"), "did you mean 'comment'?"));
    assert_string_equal(refused(f, "{\"entirely_else\":1}"),
                        "connection 'main': there is no option 'entirely_else'");
}

static void a_required_option_is_missed(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(parse_as(f, "{\"base_id\":\"app1\"}", false), SL_BAD_SPEC);
    assert_string_equal(f->error.message, "connection 'main': option 'token' is missing");
    assert_string_equal(f->error.hint, "token: An access token.");
}

static void names_and_aliases_are_found(void **state)
{
    (void)state;
    assert_ptr_equal(sl_options_find(options, "base"), &options[0]);
    assert_ptr_equal(sl_options_find(options, "base_id"), &options[0]);
    assert_null(sl_options_find(options, "Base"));
    assert_null(sl_options_find(options, NULL));
}

static void the_nearest_name_is_near(void **state)
{
    const char *const names[] = {"snapshot", "append_only", "scd_type", "to", NULL};

    (void)state;
    assert_string_equal(sl_nearest("snapshto", names), "snapshot"); /* a swap */
    assert_string_equal(sl_nearest("SNAPSHOT", names), "snapshot");
    assert_string_equal(sl_nearest("appendonly", names), "append_only");
    assert_string_equal(sl_nearest("scd_tpye", names), "scd_type");
    assert_string_equal(sl_nearest("too", names), "to");
    assert_null(sl_nearest("shot", names));
    assert_null(sl_nearest("x", names));
    assert_null(sl_nearest("", names));
    assert_null(
        sl_nearest("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                   names));
}

static char *printed(enum sl_options_format format)
{
    struct sl_buf buf = {0};

    sl_options_print(options, format, &buf);
    return sl_buf_take(&buf);
}

static void help_and_docs_are_printed_from_the_table(void **state)
{
    char *help = printed(SL_OPTIONS_HELP), *docs = printed(SL_OPTIONS_MARKDOWN);
    struct sl_buf none = {0};
    static const struct sl_option no_options[] = {{0}};

    (void)state;
    assert_non_null(strstr(help, "  base_id    The base to read. (text; required; also base)\n"));
    assert_non_null(strstr(help, "  page_size  Records asked for in one request. "
                                 "(integer, 1 to 100; default 100)\n"));
    assert_non_null(
        strstr(help, "  mode       How to read. (one of api, csv, Both; default api)\n"));
    assert_non_null(strstr(docs, "| Option | Type | Default | Meaning |\n|---|---|---|---|\n"));
    assert_non_null(strstr(docs, "| `base_id` | text | required | The base to read. "
                                 "Also accepted as `base`. |\n"));
    assert_non_null(strstr(docs, "| `page_size` | integer, 1 to 100 | `100` | Records"));
    assert_non_null(strstr(docs, "| `offset` | integer | | Any number \\| none. |\n"));
    sl_options_print(no_options, SL_OPTIONS_MARKDOWN, &none);
    assert_int_equal(none.len, 0);
    sl_buf_release(&none);
    sl_free(help);
    sl_free(docs);
}

static void the_json_schema_is_json(void **state)
{
    struct fixture *f = *state;
    char *schema = printed(SL_OPTIONS_JSON_SCHEMA);
    const struct sl_json *root;
    int64_t preset = 0;
    double max = 0;

    assert_int_equal(sl_doc_parse(f->doc, schema, strlen(schema), &root, &f->error), SL_OK);
    sl_free(schema);
    const struct sl_json *properties = sl_json_get(root, "properties");
    assert_int_equal(sl_json_len(properties), 10);
    assert_int_equal(sl_json_len(sl_json_get(root, "required")), 2);
    assert_true(sl_json_eq(sl_json_path(properties, "token", "format", NULL), "password"));
    assert_true(sl_json_i64(sl_json_path(properties, "page_size", "default", NULL), &preset));
    assert_int_equal(preset, 100);
    assert_true(sl_json_double(sl_json_path(properties, "rate", "maximum", NULL), &max));
    assert_true(max == 50);
    assert_true(sl_json_true(sl_json_path(properties, "metadata", "default", NULL)));
    assert_int_equal(sl_json_len(sl_json_path(properties, "mode", "enum", NULL)), 3);
    assert_true(sl_json_eq(sl_json_path(properties, "views", "items", "type", NULL), "string"));
    assert_null(sl_json_path(properties, "offset", "minimum", NULL));
}

static void every_kind_has_a_name(void **state)
{
    (void)state;
    for (int kind = SL_OPTION_STRING; kind <= SL_OPTION_ENUM; kind++)
        assert_string_not_equal(sl_option_kind_name((enum sl_option_kind)kind), "unknown");
}

static void every_allocation_may_fail(void **state)
{
    const char text[] = "{\"base\":\"app1\",\"token\":1,\"page_size\":\"7\",\"mode\":\"csv\","
                        "\"api_url\":\"https://x.example/\",\"views\":\"[\\\"a\\\"]\"}";
    const char wrong[] = "{\"mode\":\"xml\"}", unknown[] = "{\"tokne\":1}";
    const char *texts[] = {text, wrong, unknown};
    struct fixture *f = *state;

    for (size_t i = 0; i < 3; i++) {
        enum sl_code expected = i == 0 ? SL_OK : SL_BAD_SPEC, rc = SL_NO_MEMORY;
        const struct sl_json *root;

        assert_int_equal(sl_doc_parse(f->doc, texts[i], strlen(texts[i]), &root, &f->error), 0);
        for (int64_t n = 0; rc != expected; n++) {
            struct sl_arena arena = {0};
            struct settings got = {0};
            int64_t before = sl_alloc_live();

            sl_alloc_fail_after(n);
            rc = sl_options_parse(options, root, NULL, false, "x", &got, &arena, &f->error);
            sl_alloc_fail_after(-1);
            assert_true(rc == expected || rc == SL_NO_MEMORY);
            sl_arena_release(&arena);
            assert_int_equal(sl_alloc_live(), before);
        }
    }
}

static void printing_may_run_out_of_memory(void **state)
{
    bool whole = false;

    (void)state;
    for (int64_t n = 0; !whole; n++) {
        struct sl_buf buf = {0};

        sl_alloc_fail_after(n);
        sl_options_print(options, SL_OPTIONS_JSON_SCHEMA, &buf);
        sl_alloc_fail_after(-1);
        whole = !sl_buf_failed(&buf);
        sl_buf_release(&buf);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(presets_stand_where_nothing_is_given),
        T(values_may_be_typed_or_text),
        T(a_comma_list_is_split),
        T(null_is_nothing),
        T(text_may_be_given_as_a_number),
        T(what_does_not_fit_is_refused_by_name),
        T(an_unknown_name_meets_its_neighbour),
        T(a_required_option_is_missed),
        T(names_and_aliases_are_found),
        T(the_nearest_name_is_near),
        T(help_and_docs_are_printed_from_the_table),
        T(the_json_schema_is_json),
        T(every_kind_has_a_name),
        T(every_allocation_may_fail),
        T(printing_may_run_out_of_memory),
    };

    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
