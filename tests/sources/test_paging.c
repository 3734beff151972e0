/* What connectors of paged APIs share: chains that must end, Link headers, origins, statuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <sluice/paging.h>

#include "json/doc.h"

/* ---- chains ---- */

/* Pages 1, 2, ..., tail, and from then on a circle of `circle` pages. How many answers until the chain
 * is given up? -1: not within `most`. */
static int64_t given_up(int tail, int circle, int most)
{
    struct sl_pages pages = {0};
    struct sl_error error;

    for (int i = 0; i < most; i++) {
        char token[32];
        snprintf(token, sizeof token, "page-%d", i < tail ? i : tail + (i - tail) % circle);
        if (sl_pages_next(&pages, token, &error) != SL_MORE) {
            assert_int_equal(error.code, SL_BAD_DATA);
            return pages.count;
        }
    }
    return -1;
}

static void a_chain_that_goes_in_circles_ends(void **state)
{
    static const int circles[] = {1, 2, 3, 7, 100};
    static const int tails[] = {0, 1, 5, 64, 1000};

    (void)state;
    for (size_t i = 0; i < 5; i++)
        for (size_t k = 0; k < 5; k++) {
            int64_t answers = given_up(tails[i], circles[k], 100000);
            assert_in_range(answers, 1, 20 + 12 * (tails[i] + circles[k]));
        }
}

static void a_long_chain_and_a_page_served_twice_go_on(void **state)
{
    struct sl_pages pages = {0};
    struct sl_error error;

    (void)state;
    assert_int_equal(given_up(200000, 1, 200000), -1);
    for (int i = 0; i < 3; i++) assert_int_equal(sl_pages_next(&pages, "same", &error), SL_MORE);
    assert_int_equal(sl_pages_next(&pages, "other", &error), SL_MORE);
    assert_int_equal(pages.count, 4);
}

static void tokens_are_texts_or_numbers_that_fit(void **state)
{
    static const char text[] = "[\"abc\", 42, 9007199254740993, null, \"\", \"a\\u0000b\", "
                               "\"0123456789012345678901234567890\", {}, -7, 1.5]";
    static const char *const wanted[] = {"abc", "42", "9007199254740993",
                                         NULL,  NULL, NULL,
                                         NULL,  NULL, "-7",
                                         NULL};
    struct sl_doc *doc = sl_doc_new(0);
    const struct sl_json *root;
    struct sl_error error;
    size_t i = 0;

    (void)state;
    assert_non_null(doc);
    assert_int_equal(sl_doc_parse_copy(doc, text, strlen(text), &root, &error), SL_OK);
    for (struct sl_json_each e = sl_json_each(root); sl_json_next(&e); i++) {
        char token[20];
        assert_int_equal(sl_page_token(e.value, token, sizeof token), wanted[i] != NULL);
        assert_string_equal(token, wanted[i] ? wanted[i] : "");
    }
    char token[20];
    assert_false(sl_page_token(NULL, token, sizeof token));
    sl_doc_free(doc);
}

/* ---- Link ---- */

static const char *next_of(const char *first, const char *second)
{
    static char out[SL_URL_MAX];
    const struct sl_header headers[] = {{"date", "now"}, {"link", first}, {"link", second}, {0}};
    struct sl_response response = {.headers = headers};

    return sl_link_next(&response, out) ? out : NULL;
}

static void the_next_link_is_found_in_any_form(void **state)
{
    static const char *const forms[] = {
        "<https://x/a?b=1,2;3>; rel=\"next\"",
        "<https://x/1>; rel=\"prev\", <https://x/a?b=1,2;3>; rel=\"next\", <https://x/9>; rel=last",
        "<https://x/a?b=1,2;3>;rel=next",
        "<https://x/1>; rel=\"first\"; title=\"a, <b>; rel=\\\"next\\\"\" ,\t<https://x/a?b=1,2;3> "
        "; "
        "title=\"t\" ; REL=\"prefetch NEXT\"",
        ", ,<https://x/a?b=1,2;3>; rel=\"next\"; rel=\"prev\"",
    };

    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        assert_string_equal(next_of(forms[i], ""), "https://x/a?b=1,2;3");
    assert_string_equal(next_of("<https://x/1>; rel=first", forms[0]), "https://x/a?b=1,2;3");
}

static void what_is_no_next_link_is_none(void **state)
{
    static const char *const forms[] = {
        "",
        "https://x/a; rel=next",
        "<https://x/a",
        "<https://x/a>",
        "<https://x/a>; rel=\"nextone\"",
        "<https://x/a>; title=\"rel=next\"",
        "<https://x/a>; rel=prev; rel=next",
        "<>; rel=next",
        "<https://x/a>; rel=\"prev",
    };
    char longest[SL_URL_MAX + 64];

    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) assert_null(next_of(forms[i], ""));
    longest[0] = '<';
    memset(longest + 1, 'a', SL_URL_MAX);
    snprintf(longest + 1 + SL_URL_MAX, 40, ">; rel=next");
    assert_null(next_of(longest, ""));
}

static void credentials_stay_with_their_origin(void **state)
{
    (void)state;
    assert_true(sl_same_origin("https://api.example.com/a", "HTTPS://API.example.com:443/b?c"));
    assert_true(sl_same_origin("http://[::1]:8080/", "http://[::1]:8080/x"));
    assert_false(sl_same_origin("https://api.example.com/a", "http://api.example.com/a"));
    assert_false(
        sl_same_origin("https://api.example.com/a", "https://api.example.com.evil.test/a"));
    assert_false(sl_same_origin("https://api.example.com/a", "https://api.example.com:444/a"));
    assert_false(
        sl_same_origin("https://api.example.com/a", "https://api.example.com@evil.test/a"));
    assert_false(sl_same_origin("https://api.example.com/a", "//api.example.com/a"));
    assert_false(sl_same_origin("https://api.example.com/a", "/a"));
}

/* ---- statuses ---- */

static void a_status_means_what_http_says(void **state)
{
    static const struct {
        int status;
        const char *retry_after, *json_error;
        enum sl_verdict_kind kind;
        enum sl_code code;
        int64_t wait_ms;
    } cases[] = {
        {200, NULL, NULL, SL_VERDICT_OK, SL_OK, 0},
        {207, NULL, NULL, SL_VERDICT_OK, SL_OK, 0},
        {304, NULL, NULL, SL_VERDICT_OK, SL_OK, 0},
        {200, NULL, "cut", SL_VERDICT_RETRY, SL_BAD_DATA, 0},
        {301, NULL, NULL, SL_VERDICT_FAIL_TABLE, SL_SOURCE, 0},
        {401, NULL, NULL, SL_VERDICT_FAIL_ALL, SL_AUTH, 0},
        {403, NULL, NULL, SL_VERDICT_FAIL_TABLE, SL_PERMISSION, 0},
        {404, NULL, NULL, SL_VERDICT_FAIL_TABLE, SL_NOT_FOUND, 0},
        {410, NULL, NULL, SL_VERDICT_FAIL_TABLE, SL_NOT_FOUND, 0},
        {422, NULL, NULL, SL_VERDICT_FAIL_TABLE, SL_SOURCE, 0},
        {429, "7", NULL, SL_VERDICT_RETRY_AFTER, SL_RATE_LIMITED, 7000},
        {429, NULL, NULL, SL_VERDICT_RETRY, SL_RATE_LIMITED, 0},
        {503, "1", NULL, SL_VERDICT_RETRY_AFTER, SL_SOURCE, 1000},
        {500, NULL, NULL, SL_VERDICT_RETRY, SL_SOURCE, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct sl_header headers[] = {{"retry-after", cases[i].retry_after}, {0}};
        struct sl_response response = {.status = cases[i].status,
                                       .headers = cases[i].retry_after ? headers : headers + 1,
                                       .json_error = cases[i].json_error};
        struct sl_verdict verdict = {0};
        sl_classify_status(&response, "Acme", "no luck", &verdict);
        assert_int_equal(verdict.kind, cases[i].kind);
        assert_int_equal(verdict.code, cases[i].code);
        assert_int_equal(verdict.wait_ms, cases[i].wait_ms);
        if (verdict.kind != SL_VERDICT_OK) assert_non_null(strstr(verdict.message, ": no luck"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_that_goes_in_circles_ends),
        cmocka_unit_test(a_long_chain_and_a_page_served_twice_go_on),
        cmocka_unit_test(tokens_are_texts_or_numbers_that_fit),
        cmocka_unit_test(the_next_link_is_found_in_any_form),
        cmocka_unit_test(what_is_no_next_link_is_none),
        cmocka_unit_test(credentials_stay_with_their_origin),
        cmocka_unit_test(a_status_means_what_http_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
