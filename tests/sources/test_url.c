/* What connectors share: URLs made of encoded pieces, and what Retry-After asks for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <sluice/connector.h>

static void pieces_never_become_syntax(void **state)
{
    struct sl_url url;

    (void)state;
    sl_url_init(&url, "https://api.example.com");
    sl_url_path(&url, "v0");
    sl_url_path(&url, "Projects / 2026?#%");
    sl_url_query(&url, "since", "2026-03-01T08:30:00+00:00");
    sl_url_query(&url, "until", NULL);
    sl_url_query(&url, "a&b", "c=d é");
    sl_url_query_i64(&url, "page", -3);
    assert_string_equal(sl_url_text(&url),
                        "https://api.example.com/v0/Projects%20%2F%202026%3F%23%25"
                        "?since=2026-03-01T08%3A30%3A00%2B00%3A00&a%26b=c%3Dd%20%C3%A9&page=-3");
}

static void what_makes_no_url_is_refused(void **state)
{
    static const char *const segments[] = {"", ".", "..", NULL};
    struct sl_url url;
    char longest[SL_URL_MAX];

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        sl_url_init(&url, "https://api.example.com");
        sl_url_path(&url, segments[i]);
        assert_null(sl_url_text(&url));
    }
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    sl_url_init(&url, "https://api.example.com");
    sl_url_path(&url, longest);
    assert_null(sl_url_text(&url));
    sl_url_query(&url, "a", "b"); /* a failure sticks */
    assert_null(sl_url_text(&url));
    sl_url_init(&url, NULL);
    assert_null(sl_url_text(&url));
}

static int64_t asked_ms(const char *value)
{
    const struct sl_header headers[] = {{"retry-after", value}, {0}};
    struct sl_response response = {
        .headers = headers,
        .server_date_us = INT64_C(1772442000) * SL_SECOND_US, /* Mon, 02 Mar 2026 09:00:00 GMT */
    };

    return sl_response_retry_after_ms(&response);
}

static void retry_after_is_seconds_or_a_date(void **state)
{
    (void)state;
    assert_int_equal(asked_ms(NULL), -1);
    assert_int_equal(asked_ms(""), -1);
    assert_int_equal(asked_ms("0"), 0);
    assert_int_equal(asked_ms("7"), 7000);
    assert_int_equal(asked_ms("99999999999999999999999"), INT64_C(31536000000));
    assert_int_equal(asked_ms("-7"), -1);
    assert_int_equal(asked_ms("soon"), -1);
    assert_int_equal(asked_ms("Mon, 02 Mar 2026 09:00:30 GMT"), 30000);
    assert_int_equal(asked_ms("Mon, 02 Mar 2026 08:00:00 GMT"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_never_become_syntax),
        cmocka_unit_test(what_makes_no_url_is_refused),
        cmocka_unit_test(retry_after_is_seconds_or_a_date),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
