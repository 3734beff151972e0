/* JSON: what is read is what was sent, numbers to the last digit; what is wrong is said with its
 * place; hostile text is an error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "json/doc.h"
#include "json/list.h"
#include "json/node.h"
#include "json/write.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Each test has a parser of its own. */
struct fixture {
    struct sl_doc *doc;
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
    int leaked = sl_alloc_live() != f->live_before;
    free(f);
    return leaked;
}

static enum sl_code parse_bytes(struct fixture *f, const char *text, size_t len,
                                const struct sl_json **root)
{
    /* exactly as long as it says, so that AddressSanitizer sees a byte too far */
    char *exact = malloc(len ? len : 1);
    if (len > 0) memcpy(exact, text, len);
    enum sl_code rc = sl_doc_parse(f->doc, exact, len, root, &f->error);
    free(exact);
    return rc;
}

static const struct sl_json *parse(struct fixture *f, const char *text)
{
    const struct sl_json *root = NULL;

    if (parse_bytes(f, text, strlen(text), &root)) fail_msg("%s", f->error.message);
    return root;
}

static const char *refused(struct fixture *f, const char *text)
{
    const struct sl_json *root = (const struct sl_json *)(const void *)"";

    assert_int_equal(parse_bytes(f, text, strlen(text), &root), SL_BAD_DATA);
    assert_null(root);
    return f->error.message;
}

/* ------------------------------------------------------------------ reading */

static void a_page_is_read(void **state)
{
    const struct sl_json *page =
        parse(*state, "{\"records\": [{\"id\": \"rec1\", \"fields\": {\"Done\": true, \"N\": 3}},\n"
                      " {\"id\": \"rec2\", \"fields\": {}}], \"offset\": null}");
    const struct sl_json *records = sl_json_get(page, "records");
    int64_t n = 0;

    assert_int_equal(sl_json_kind(page), SL_JSON_OBJECT);
    assert_int_equal(sl_json_len(page), 2);
    assert_int_equal(sl_json_len(records), 2);
    assert_int_equal(sl_json_kind(sl_json_get(page, "offset")), SL_JSON_NULL);

    struct sl_json_each e = sl_json_each(records);
    assert_true(sl_json_next(&e));
    assert_null(e.key);
    assert_string_equal(sl_json_str(sl_json_get(e.value, "id")), "rec1");
    assert_true(sl_json_true(sl_json_path(e.value, "fields", "Done", NULL)));
    assert_true(sl_json_i64(sl_json_path(e.value, "fields", "N", NULL), &n));
    assert_int_equal(n, 3);
    assert_true(sl_json_next(&e));
    assert_true(sl_json_eq(sl_json_get(e.value, "id"), "rec2"));
    assert_int_equal(sl_json_len(sl_json_get(e.value, "fields")), 0);
    assert_false(sl_json_next(&e));
    assert_null(e.value);
}

static void members_come_in_received_order_and_the_first_of_equals_is_found(void **state)
{
    const struct sl_json *object = parse(*state, "{\"b\":[1,[2]],\"a\":{\"x\":{}},\"b\":2}");
    const char *keys[] = {"b", "a", "b"};
    size_t i = 0;

    for (struct sl_json_each e = sl_json_each(object); sl_json_next(&e);)
        assert_string_equal(sl_json_str(e.key), keys[i++]);
    assert_int_equal(i, 3);
    assert_int_equal(sl_json_kind(sl_json_get(object, "b")), SL_JSON_ARRAY);
    assert_null(sl_json_get(object, "c"));
    assert_null(sl_json_path(object, "a", "y", "z", NULL));
}

static void readers_take_anything(void **state)
{
    const struct sl_json *values[] = {NULL, NULL, NULL, NULL, NULL, NULL, NULL};
    const struct sl_json *array = parse(*state, "[null,true,1,\"s\",[1],{\"k\":1}]");
    size_t i = 1;

    for (struct sl_json_each e = sl_json_each(array); sl_json_next(&e);) values[i++] = e.value;
    for (i = 0; i < 7; i++) {
        const struct sl_json *v = values[i];
        int64_t n = 42;
        double d = 42;

        assert_int_equal(sl_json_kind(v), i); /* the kinds are in this order */
        assert_int_equal(sl_json_str(v) != NULL, i == SL_JSON_STRING);
        assert_int_equal(sl_json_str_len(v), i == SL_JSON_STRING ? 1 : 0);
        assert_int_equal(sl_json_eq(v, "s"), i == SL_JSON_STRING);
        assert_false(sl_json_eq(v, NULL));
        assert_int_equal(sl_json_true(v), i == SL_JSON_BOOL);
        assert_int_equal(sl_json_number_text(v) != NULL, i == SL_JSON_NUMBER);
        assert_int_equal(sl_json_i64(v, &n), i == SL_JSON_NUMBER);
        assert_int_equal(n, i == SL_JSON_NUMBER ? 1 : 42);
        assert_int_equal(sl_json_double(v, &d), i == SL_JSON_NUMBER);
        assert_int_equal(sl_json_len(v), i >= SL_JSON_ARRAY ? 1 : 0);
        assert_int_equal(sl_json_get(v, "k") != NULL, i == SL_JSON_OBJECT);
        assert_null(sl_json_get(v, NULL));
        assert_true(strlen(sl_json_kind_name(sl_json_kind(v))) > 3);
    }
}

static void strings_may_hold_anything(void **state)
{
    const struct sl_json *array =
        parse(*state, "[\"\", \"a\\u0000b\", \"\\\"\\\\\\/\\b\\f\\n\\r\\t\", \"\\uD83D\\uDE00\", "
                      "\"gr\xC3\xBC\xC3\x9F\"]");
    const char *expected[] = {"", "a\0b", "\"\\/\b\f\n\r\t", "\xF0\x9F\x98\x80",
                              "gr\xC3\xBC\xC3\x9F"};
    const size_t lens[] = {0, 3, 8, 4, 6};
    size_t i = 0;

    for (struct sl_json_each e = sl_json_each(array); sl_json_next(&e); i++) {
        assert_int_equal(sl_json_str_len(e.value), lens[i]);
        assert_memory_equal(sl_json_str(e.value), expected[i], lens[i] + 1);
    }
    assert_false(sl_json_eq(sl_json_get(array, "x"), ""));
}

static void any_kind_may_be_the_root(void **state)
{
    assert_int_equal(sl_json_kind(parse(*state, " 1 ")), SL_JSON_NUMBER);
    assert_string_equal(sl_json_number_text(parse(*state, "-12.50")), "-12.50");
    assert_int_equal(sl_json_kind(parse(*state, "null")), SL_JSON_NULL);
    assert_string_equal(sl_json_str(parse(*state, "\"x\"\n")), "x");
    assert_int_equal(sl_json_kind(parse(*state, "[]")), SL_JSON_ARRAY);
    assert_int_equal(sl_json_kind(parse(*state, "\xEF\xBB\xBF{}")), SL_JSON_OBJECT);
}

static void a_document_outlives_its_text_and_memory_is_reused(void **state)
{
    struct fixture *f = *state;
    char page[2000];

    for (int round = 0; round < 50; round++) {
        int64_t live = sl_alloc_live();

        snprintf(page, sizeof page, "{\"n\":%d,\"pad\":\"%0*d\"}", round, 1000 - round, round);
        const struct sl_json *root = parse(f, page);
        memset(page, 'x', sizeof page);
        int64_t n = -1;
        assert_true(sl_json_i64(sl_json_get(root, "n"), &n));
        assert_int_equal(n, round);
        if (round > 0) assert_int_equal(sl_alloc_live(), live);
    }
}

/* ------------------------------------------------------------------ numbers */

static bool as_i64(const char *text, int64_t *out)
{
    return sl_number_i64(text, strlen(text), out);
}

static void integers_are_exact_or_refused(void **state)
{
    const struct {
        const char *text;
        int64_t value;
    } good[] = {{"0", 0},
                {"-0", 0},
                {"7", 7},
                {"-123456789012345678", -123456789012345678},
                {"9007199254740993", 9007199254740993},
                {"9223372036854775807", INT64_MAX},
                {"-9223372036854775808", INT64_MIN},
                {"-9223372036854775808.000", INT64_MIN},
                {"5.0", 5},
                {"1e3", 1000},
                {"-1E+3", -1000},
                {"1.5e1", 15},
                {"12300e-2", 123},
                {"0.000e999999999999999999", 0},
                {"9.223372036854775807e18", INT64_MAX},
                {"100000000000000000000e-20", 1},
                {"0.00000000000000000000000000001e29", 1}};
    const char *bad[] = {"0.5",
                         "9223372036854775808",
                         "-9223372036854775809",
                         "1e19",
                         "1e-1",
                         "1e99999999999999999999",
                         "1e-99999999999999999999",
                         "12345e-2",
                         "99999999999999999999",
                         "9.2233720368547758075e18"};
    int64_t got;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(as_i64(good[i].text, &got));
        assert_int_equal(got, good[i].value);
    }
    got = 77;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(as_i64(bad[i], &got));
    assert_int_equal(got, 77);
}

/* The C library rounds correctly, so it is the judge. */
static void check_double(const char *text)
{
    double expected = strtod(text, NULL), got = sl_number_double(text, strlen(text));

    if (memcmp(&expected, &got, sizeof got) != 0) fail_msg("%s: %a is not %a", text, got, expected);
}

static void doubles_are_the_nearest(void **state)
{
    const char *texts[] = {"0",
                           "-0",
                           "0.1",
                           "3.14",
                           "1234.56",
                           "-99.99",
                           "1e22",
                           "1e23",
                           "5e-324",
                           "2.2250738585072011e-308",
                           "2.4e-324",
                           "1.7976931348623157e308",
                           "1.7976931348623159e308",
                           "-1e999",
                           "1e-999",
                           "9007199254740993",
                           "9007199254740992.5",
                           "123456789012345",
                           "1234567890123456",
                           "999999999999999.9",
                           "0.000000000000001",
                           "0.30000000000000004",
                           "9999999999999999",
                           "18446744073709551616",
                           "1.00000000000000011102230246251565404",
                           "6.02214076e23",
                           "1E5",
                           "1e+5",
                           "100000000000000000000000000000000000001"};
    char text[64];
    uint64_t seed = 88172645463325252u;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) check_double(texts[i]);
    for (int i = 0; i < 200000; i++) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        int decimals = (int)(seed % 17), exponent = (int)(seed >> 8) % 320;
        uint64_t digits = seed >> (seed % 60);

        snprintf(text, sizeof text, "%s%llu.%0*llu", i % 2 ? "-" : "",
                 (unsigned long long)(digits % 1000000), decimals ? decimals : 1,
                 (unsigned long long)(seed % 10));
        check_double(text);
        snprintf(text, sizeof text, "%llue%d", (unsigned long long)digits, exponent);
        check_double(text);
    }
    assert_true(isinf(sl_number_double("1e999", 5)));
}

static void a_number_keeps_its_text(void **state)
{
    const struct sl_json *array =
        parse(*state, "[1.10,1e2 ,-0,123456789012345678901234567890.123456789,0.1e-7\n]");
    const char *texts[] = {"1.10", "1e2", "-0", "123456789012345678901234567890.123456789",
                           "0.1e-7"};
    size_t i = 0;

    for (struct sl_json_each e = sl_json_each(array); sl_json_next(&e);)
        assert_string_equal(sl_json_number_text(e.value), texts[i++]);
}

/* ------------------------------------------------------------------ bad strings */

static void check_bad(struct fixture *f, const struct sl_json *value, const char *text,
                      const char *raw)
{
    size_t len = 0;
    const char *got = sl_doc_bad_string(f->doc, value, &len);

    assert_string_equal(sl_json_str(value), text);
    if (!raw) {
        assert_null(got);
        return;
    }
    assert_non_null(got);
    assert_string_equal(got, raw);
    assert_int_equal(len, strlen(raw));
}

#define FFFD "\xEF\xBF\xBD"

static void a_lone_surrogate_costs_one_string(void **state)
{
    struct fixture *f = *state;
    const struct sl_json *o =
        parse(f, "{\"a\":\"x\\ud83d\",\"good\":\"\\\\ud83d \\ud83d\\ude00\",\"low\":\"\\uDE00\\n\","
                 "\"two\":\"\\ud800\\ud800\\udc00\",\"\\ud8ffk\":\"\\ud83d\\u0041\",\"n\":1.50}");

    assert_int_equal(sl_doc_bad_count(f->doc), 5);
    check_bad(f, sl_json_get(o, "a"), "x" FFFD, "x\\ud83d");
    check_bad(f, sl_json_get(o, "good"), "\\ud83d \xF0\x9F\x98\x80", NULL);
    check_bad(f, sl_json_get(o, "low"), FFFD "\n", "\\uDE00\\n");
    check_bad(f, sl_json_get(o, "two"), FFFD "\xF0\x90\x80\x80", "\\ud800\\ud800\\udc00");
    check_bad(f, sl_json_get(o, FFFD "k"), FFFD "A", "\\ud83d\\u0041");
    assert_string_equal(sl_json_number_text(sl_json_get(o, "n")), "1.50");
    size_t len;
    assert_null(sl_doc_bad_string(f->doc, sl_json_get(o, "n"), &len));
    assert_null(sl_doc_bad_string(f->doc, NULL, &len));

    for (struct sl_json_each e = sl_json_each(o); sl_json_next(&e);) /* the key */
        if (sl_json_eq(e.key, FFFD "k")) check_bad(f, e.key, FFFD "k", "\\ud8ffk");
    parse(f, "[\"fine\"]");
    assert_int_equal(sl_doc_bad_count(f->doc), 0);
}

static void bytes_that_are_not_utf8_cost_one_string(void **state)
{
    struct fixture *f = *state;
    const struct sl_json *array =
        parse(f, "[\"caf\xE9\",\"ok\",\"\xC0\x80\xED\xA0\x80\",\"\xF0\x9F\x98\","
                 "\"\xF4\x90\x80\x80\",\"\xE2\x82\xAC\",\"\"]");
    struct sl_json_each e = sl_json_each(array);

    assert_int_equal(sl_doc_bad_count(f->doc), 4);
    assert_true(sl_json_next(&e));
    check_bad(f, e.value, "caf" FFFD, "caf\\xe9");
    assert_true(sl_json_next(&e));
    check_bad(f, e.value, "ok", NULL);
    assert_true(sl_json_next(&e));
    check_bad(f, e.value, FFFD FFFD FFFD FFFD FFFD, "\\xc0\\x80\\xed\\xa0\\x80");
    assert_true(sl_json_next(&e));
    check_bad(f, e.value, FFFD FFFD FFFD, "\\xf0\\x9f\\x98");
    assert_true(sl_json_next(&e));
    check_bad(f, e.value, FFFD FFFD FFFD FFFD, "\\xf4\\x90\\x80\\x80");
    assert_true(sl_json_next(&e));
    check_bad(f, e.value, "\xE2\x82\xAC", NULL);
    assert_true(sl_json_next(&e));
    check_bad(f, e.value, "", NULL);
}

static void an_error_behind_a_bad_string_has_its_place_in_the_text_as_received(void **state)
{
    assert_string_equal(refused(*state, "[\"\xE9\xE9\",\"\\ud800\",\n \"ok\" 1]"),
                        "not JSON: line 2, column 7 (byte 22): unexpected character, expected a "
                        "comma or a closing bracket; found '1]'");
    assert_non_null(strstr(refused(*state, "[\"\xE9\", \"\xE9\\q\"]"), "byte 7"));
}

static void too_many_bad_strings_are_another_encoding(void **state)
{
    struct fixture *f = *state;
    struct sl_buf text = {0};

    sl_buf_adds(&text, "[\"\xE9\"");
    for (int i = 1; i < SL_DOC_BAD_STRINGS_MAX; i++) sl_buf_adds(&text, ",\"\xE9\"");
    size_t len = text.len;
    sl_buf_adds(&text, "]");
    assert_int_equal(sl_json_len(parse(f, sl_buf_str(&text))), SL_DOC_BAD_STRINGS_MAX);
    text.len = len;
    sl_buf_adds(&text, ",\"\xE9\"]");
    assert_non_null(strstr(refused(f, sl_buf_str(&text)), "65536 strings"));
    assert_non_null(strstr(f->error.hint, "encoding"));
    sl_buf_release(&text);
}

/* ------------------------------------------------------------------ errors */

static void what_is_not_json_is_said_with_its_place(void **state)
{
    const char *cases[][2] = {
        {"", "there is no text"},
        {" \n ", "there is no text"},
        {"<!DOCTYPE html><html><body>Sign in</body></html>", "'<!DOCTYPE html><html><bo': an HTML"},
        {"\n <html lang=\"en\">", "'<html lang=\"en\">': an HTML page?"},
        {"<?xml version=\"1.0\"?>", "an XML document?"},
        {"\x1F\x8B\x08\x11", "compressed data?"},
        {"\xFF\xFE{", "UTF-16"},
        {"upstream timed out", "line 1, column 1 (byte 0)"},
        {"{\"a\":1,}", "line 1, column 7 (byte 6): trailing comma is not allowed; found ',}'"},
        {"{\"a\":\n  [1 2]}", "line 2, column 6 (byte 11)"},
        {"{\"a\" 1}", "expected a colon after object key; found '1}'"},
        {"{a:1}", "expected a string for object key; found 'a:1}'"},
        {"[1,2", "it ends too early, at line 1, column 5 (byte 4)"},
        {"[\"abc", "it ends too early"},
        {"[tru", "it ends too early"},
        {"[trux]", "found 'trux]'"},
        {"[01]", "leading zero"},
        {"[1.,2]", "no digit after decimal point"},
        {"[+1]", "found '+1]'"},
        {"[NaN]", "found 'NaN]'"},
        {"{} x", "line 1, column 4 (byte 3): unexpected content after document; found 'x'"},
        {"[\"a\nb\"]", "control character in string; found byte 0x0A"},
        {"[\"\\x41\"]", "invalid escaped character"},
        {"[\"\xC3\xA4\xC3\xB6\", x]", "line 1, column 8 (byte 9)"}, /* columns are characters */
        {"[1] // no comments", "unexpected content"},
        {"[\x01]", "found byte 0x01"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *message = refused(*state, cases[i][0]);

        if (strncmp(message, "not JSON: ", 10) != 0 || !strstr(message, cases[i][1]))
            fail_msg("case %zu: '%s' lacks '%s'", i, message, cases[i][1]);
    }
}

static void every_prefix_of_a_page_is_an_error(void **state)
{
    const char page[] = "{\"a\":[1.5,true,null,\"\\ud83d\\ude00\xC3\xA4\xE9\"],\"b\":{\"c\":-1e5}}";
    struct fixture *f = *state;

    for (size_t len = 0; len + 1 < sizeof page; len++) {
        const struct sl_json *root;

        assert_int_equal(parse_bytes(f, page, len, &root), SL_BAD_DATA);
        assert_null(root);
    }
    assert_int_equal(sl_json_len(parse(f, page)), 2);
}

static void a_nul_in_the_text_is_an_error(void **state)
{
    struct fixture *f = *state;
    const struct sl_json *root;

    assert_int_equal(parse_bytes(f, "{}\0", 3, &root), SL_BAD_DATA);
    assert_int_equal(parse_bytes(f, "[1,\0]", 5, &root), SL_BAD_DATA);
    assert_int_equal(parse_bytes(f, "[\"a\0\"]", 6, &root), SL_BAD_DATA);
    assert_int_equal(parse_bytes(f, "\0", 1, &root), SL_BAD_DATA);
}

static void text_beyond_the_limit_is_refused(void **state)
{
    struct fixture *f = *state;
    struct sl_doc *small = sl_doc_new(10);
    const struct sl_json *root;

    assert_int_equal(sl_doc_parse(small, "[1,2,3,4]", 9, &root, &f->error), SL_OK);
    assert_int_equal(sl_doc_parse(small, "[1,2,3,4,5]", 11, &root, &f->error), SL_TOO_LARGE);
    assert_non_null(strstr(f->error.message, "limit of 10"));
    assert_null(root);
    sl_doc_free(small);
    sl_doc_free(NULL);
}

/* ------------------------------------------------------------------ depth */

static char *nested(size_t depth, bool objects, bool closed)
{
    struct sl_buf buf = {0};

    for (size_t i = 0; i < depth; i++) sl_buf_adds(&buf, objects ? "{\"a[{\\\"\":" : "[");
    if (objects) sl_buf_adds(&buf, "1");
    for (size_t i = 0; closed && i < depth; i++) sl_buf_adds(&buf, objects ? "}" : "]");
    return sl_buf_take(&buf);
}

static void depth_has_a_limit(void **state)
{
    struct fixture *f = *state;

    for (int objects = 0; objects < 2; objects++) {
        char *fits = nested(SL_DOC_DEPTH_MAX, objects, true);
        char *deep = nested(SL_DOC_DEPTH_MAX + 1, objects, true);

        const struct sl_json *root = parse(f, fits);
        struct sl_buf out = {0};
        sl_write_value(&out, root);
        assert_string_equal(sl_buf_str(&out), fits);
        sl_buf_release(&out);
        assert_non_null(strstr(refused(f, deep), "deeper than 256 levels"));
        sl_free(fits);
        sl_free(deep);
    }
    assert_non_null(parse(f, "[[[[]]],[[[]],[]],{\"a\":[]}]"));
}

static void a_megabyte_of_brackets_is_an_error(void **state)
{
    struct fixture *f = *state;
    char *open = nested((size_t)1 << 20, false, false);
    char *closed = nested((size_t)1 << 19, false, true);

    assert_non_null(strstr(refused(f, open), "column 257 (byte 256)"));
    assert_non_null(strstr(refused(f, closed), "deeper than 256 levels"));
    sl_free(open);
    sl_free(closed);
}

static void many_tiny_values_fit(void **state)
{
    struct fixture *f = *state;
    size_t count = 500000;
    char *text = malloc(2 * count + 2);

    text[0] = '[';
    for (size_t i = 0; i < count; i++) memcpy(text + 1 + 2 * i, "0,", 2);
    text[2 * count] = ']';
    text[2 * count + 1] = '\0';
    assert_int_equal(sl_json_len(parse(f, text)), count);
    free(text);
}

/* ------------------------------------------------------------------ writing */

static void check_canonical(struct fixture *f, const char *text, const char *expected)
{
    struct sl_buf out = {0};

    sl_write_value(&out, parse(f, text));
    assert_string_equal(sl_buf_str(&out), expected);
    sl_buf_release(&out);
}

static void values_are_written_canonically(void **state)
{
    check_canonical(*state, " { \"b\" : 1.0e5 , \"a\" : [ ] , \"b\" : { } } ",
                    "{\"b\":1.0e5,\"a\":[],\"b\":{}}");
    check_canonical(*state, "[true, false, null, \"\\u00e4\\/\\u001f\\u007f\\u2028\"]",
                    "[true,false,null,\"\xC3\xA4/\\u001f\x7F\xE2\x80\xA8\"]");
    check_canonical(*state, "[\"\\\"\\\\\\b\\f\\n\\r\\t\\u000b\\u0000\"]",
                    "[\"\\\"\\\\\\b\\f\\n\\r\\t\\u000b\\u0000\"]");
    check_canonical(*state, "[\"\\ud800\"]", "[\"" FFFD "\"]");
    check_canonical(*state, "-0.10", "-0.10");
}

/* Plain bytes are copied eight at a time: one that is not is found wherever it stands. */
static void any_byte_anywhere_in_a_string_is_written(void **state)
{
    struct sl_buf out = {0};
    char text[40], expected[80], middle[8];

    (void)state;
    for (size_t len = 1; len <= 20; len++)
        for (size_t at = 0; at < len; at++)
            for (unsigned c = 0; c < 256; c++) {
                for (size_t i = 0; i < len; i++) text[i] = (char)('a' + i);
                text[at] = (char)c;
                if (c == '"' || c == '\\')
                    snprintf(middle, sizeof middle, "\\%c", (int)c);
                else if (c >= 0x80)
                    snprintf(middle, sizeof middle, FFFD);
                else if (c >= 0x20)
                    snprintf(middle, sizeof middle, "%c", (int)c);
                else if (strchr("\b\f\n\r\t", (int)c) && c)
                    snprintf(middle, sizeof middle, "\\%c", "btn?fr"[c - 8]);
                else
                    snprintf(middle, sizeof middle, "\\u%04x", c);
                snprintf(expected, sizeof expected, "\"%.*s%s%.*s\"", (int)at, text, middle,
                         (int)(len - at - 1), text + at + 1);
                sl_buf_reset(&out);
                sl_write_string(&out, text, len);
                assert_string_equal(sl_buf_str(&out), expected);
            }
    sl_buf_release(&out);
}

/* What did not fit leaves text that ends. */
static void a_string_beyond_the_maximum_fails_cleanly(void **state)
{
    char text[63];

    (void)state;
    memset(text, 'a', sizeof text);
    for (size_t len = 55; len <= sizeof text; len++) {
        struct sl_buf out;

        text[len - 1] = 1; /* written as six */
        sl_buf_init(&out, 64);
        sl_write_string(&out, text, len);
        assert_int_equal(sl_buf_failed(&out), len + 7 > 64);
        assert_int_equal(strlen(sl_buf_str(&out)), out.len);
        sl_buf_release(&out);
        text[len - 1] = 'a';
    }
}

static void the_writer_puts_commas_and_colons(void **state)
{
    struct sl_json_writer *w = sl_json_writer_new();
    const struct sl_json *value = parse(*state, "{\"k\": [1]}");
    size_t len = 99;

    assert_string_equal(sl_json_writer_text(w, &len), "");
    assert_int_equal(len, 0);
    sl_json_begin_object(w);
    sl_json_kv_str(w, "name", "A \"quoted\" one");
    sl_json_kv_i64(w, "n", INT64_MIN);
    sl_json_kv_bool(w, "yes", true);
    sl_json_kv_str(w, "nothing", NULL);
    sl_json_key(w, "list");
    sl_json_begin_array(w);
    sl_json_put_null(w);
    sl_json_begin_array(w);
    sl_json_end_array(w);
    sl_json_put_double(w, 0.1);
    sl_json_put_double(w, NAN);
    sl_json_put_double(w, -INFINITY);
    sl_json_put_strn(w, "a\0b", 3);
    sl_json_put_str(w, "bad \xE9 byte");
    sl_json_put_value(w, value);
    sl_json_put_value(w, NULL);
    sl_json_put_raw(w, "{}", 2);
    sl_json_put_bool(w, false);
    sl_json_end_array(w);
    sl_json_key(w, "o");
    sl_json_begin_object(w);
    sl_json_end_object(w);
    sl_json_end_object(w);
    assert_string_equal(sl_json_writer_text(w, &len),
                        "{\"name\":\"A \\\"quoted\\\" one\",\"n\":-9223372036854775808,"
                        "\"yes\":true,\"nothing\":null,\"list\":[null,[],0.1,null,null,"
                        "\"a\\u0000b\",\"bad " FFFD " byte\",{\"k\":[1]},null,{},false],"
                        "\"o\":{}}");
    assert_int_equal(len, strlen(sl_json_writer_text(w, NULL)));
    parse(*state, sl_json_writer_text(w, NULL));
    sl_json_writer_reset(w);
    sl_json_put_i64(w, 5);
    assert_string_equal(sl_json_writer_text(w, NULL), "5");
    sl_json_writer_reset(w);
    sl_json_put_bytes(w, "{\"ha", 4);
    sl_json_put_bytes(w, "lf\"", 3);
    assert_string_equal(sl_json_writer_text(w, &len), "{\"half\"");
    assert_int_equal(len, 7);
    sl_json_writer_free(w);
    sl_json_writer_free(NULL);
}

static void doubles_are_written_so_that_they_read_back(void **state)
{
    const double numbers[] = {0.0,  -0.0, 0.1,  1e22, 123456789.125, 5e-324, 1.7976931348623157e308,
                              -2.5, 100,  1e15, 1e-7};
    struct sl_buf out = {0};

    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        sl_buf_reset(&out);
        sl_write_double(&out, numbers[i]);
        double back = sl_number_double(out.data, out.len);
        assert_memory_equal(&back, &numbers[i], sizeof back);
    }
    sl_buf_release(&out);
}

static void lists_are_values_too(void **state)
{
    struct sl_arena arena = {0};
    struct sl_list list;
    struct sl_buf out = {0};

    (void)state;
    assert_true(sl_list_init(&list, &arena, 3));
    assert_int_equal(sl_json_len(sl_list_json(&list)), 0);
    assert_true(sl_list_add(&list, "one", 3));
    assert_true(sl_list_add(&list, "", 0));
    sl_write_value(&out, sl_list_json(&list));
    assert_string_equal(sl_buf_str(&out), "[\"one\",\"\"]");
    const struct sl_json *first = sl_node_first(sl_list_json(&list));
    assert_ptr_equal(sl_node_after(sl_list_json(&list)), sl_node_after(sl_node_after(first)));
    sl_buf_release(&out);
    sl_arena_release(&arena);
}

/* ------------------------------------------------------------------ memory */

static enum sl_code whole_job(struct sl_error *error)
{
    const char text[] =
        "{\"a\":[1,2.5,\"\\ud800\",\"\xE9\"],\"b\":{\"c\":\"long enough to grow\"}}";
    struct sl_doc *doc = sl_doc_new(0);
    struct sl_json_writer *writer = sl_json_writer_new();
    const struct sl_json *root = NULL;
    enum sl_code rc = SL_NO_MEMORY;

    if (!doc || !writer) goto out;
    rc = sl_doc_parse(doc, text, sizeof text - 1, &root, error);
    if (rc) goto out;
    for (int i = 0; i < 20; i++) sl_json_put_value(writer, root);
    if (!sl_json_writer_text(writer, NULL)) rc = SL_NO_MEMORY;
out:
    sl_json_writer_free(writer);
    sl_doc_free(doc);
    return rc;
}

static void every_allocation_may_fail(void **state)
{
    int64_t before = sl_alloc_live();
    enum sl_code rc = SL_NO_MEMORY;
    int64_t n = 0;

    (void)state;
    for (; rc != SL_OK; n++) {
        struct sl_error error = {0};

        sl_alloc_fail_after(n);
        rc = whole_job(&error);
        sl_alloc_fail_after(-1);
        assert_int_equal(sl_alloc_live(), before);
        assert_true(rc == SL_OK || rc == SL_NO_MEMORY);
    }
    assert_true(n > 7);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_page_is_read),
        T(members_come_in_received_order_and_the_first_of_equals_is_found),
        T(readers_take_anything),
        T(strings_may_hold_anything),
        T(any_kind_may_be_the_root),
        T(a_document_outlives_its_text_and_memory_is_reused),
        T(integers_are_exact_or_refused),
        T(doubles_are_the_nearest),
        T(a_number_keeps_its_text),
        T(a_lone_surrogate_costs_one_string),
        T(bytes_that_are_not_utf8_cost_one_string),
        T(an_error_behind_a_bad_string_has_its_place_in_the_text_as_received),
        T(too_many_bad_strings_are_another_encoding),
        T(what_is_not_json_is_said_with_its_place),
        T(every_prefix_of_a_page_is_an_error),
        T(a_nul_in_the_text_is_an_error),
        T(text_beyond_the_limit_is_refused),
        T(depth_has_a_limit),
        T(a_megabyte_of_brackets_is_an_error),
        T(many_tiny_values_fit),
        T(values_are_written_canonically),
        T(any_byte_anywhere_in_a_string_is_written),
        T(a_string_beyond_the_maximum_fails_cleanly),
        T(the_writer_puts_commas_and_colons),
        T(doubles_are_written_so_that_they_read_back),
        T(lists_are_values_too),
        T(every_allocation_may_fail),
    };

    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
