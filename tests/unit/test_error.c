/* Errors are values: filled whole, never cut within a character, one list of codes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sluice/error.h>

#include <stdio.h>
#include <string.h>

static void setting_an_error_fills_all_of_it(void **state)
{
    struct sl_error error;

    (void)state;
    memset(&error, 0x5A, sizeof error);
    assert_int_equal(sl_fail(&error, SL_RATE_LIMITED, "the source asked for %d seconds", 30),
                     SL_RATE_LIMITED);
    assert_int_equal(error.code, SL_RATE_LIMITED);
    assert_true(error.retryable);
    assert_int_equal(error.http_status, 0);
    assert_string_equal(error.message, "the source asked for 30 seconds");
    assert_string_equal(error.hint, "");
    assert_non_null(strstr(error.file, "test_error.c"));
    assert_true(error.line > 0);

    assert_int_equal(sl_fail(&error, SL_AUTH, "the source refused the token"), SL_AUTH);
    assert_false(error.retryable);
}

static void an_error_may_be_told_with_its_own_words(void **state)
{
    struct sl_error error;

    (void)state;
    sl_fail(&error, SL_SOURCE, "it broke");
    sl_fail(&error, SL_DESTINATION, "while writing: %s", error.message);
    assert_string_equal(error.message, "while writing: it broke");
    sl_error_hint(&error, "Try %s.", "again");
    sl_error_hint(&error, "%s (Or wait.)", error.hint);
    assert_string_equal(error.hint, "Try again. (Or wait.)");
}

static void context_goes_before_the_message(void **state)
{
    struct sl_error error;

    (void)state;
    sl_fail(&error, SL_BAD_DATA, "not JSON");
    sl_error_hint(&error, "Look at the page.");
    sl_error_context(&error, "page %d", 3);
    sl_error_context(&error, "table '%s'", "Tasks");
    assert_string_equal(error.message, "table 'Tasks': page 3: not JSON");
    assert_string_equal(error.hint, "Look at the page.");
    assert_int_equal(error.code, SL_BAD_DATA);
}

/* The end of a text that was cut: an ellipsis, and before it nothing but whole characters. */
static void assert_cut_well(const char *text, size_t size)
{
    size_t len = strlen(text);

    assert_true(len < size && len > size - 8);
    assert_string_equal(text + len - 3, "\xE2\x80\xA6");
    for (size_t i = 0; i < len - 3; i++)
        if ((unsigned char)text[i] == 0xC3) assert_int_equal((unsigned char)text[i + 1], 0xA4);
}

static void long_messages_end_with_an_ellipsis_between_characters(void **state)
{
    static char umlauts[8000];
    struct sl_error error;

    (void)state;
    for (size_t i = 0; i + 2 < sizeof umlauts; i += 2) memcpy(umlauts + i, "\xC3\xA4", 2);
    for (int shift = 0; shift < 4; shift++) {
        sl_fail(&error, SL_BUG, "%.*s%s", shift, "abc", umlauts);
        assert_cut_well(error.message, sizeof error.message);
        sl_error_hint(&error, "%.*s%s", shift, "abc", umlauts);
        assert_cut_well(error.hint, sizeof error.hint);

        sl_fail(&error, SL_BUG, "%.*s", 2000, umlauts);
        sl_error_context(&error, "%.*s", 100 + 2 * shift, umlauts);
        assert_cut_well(error.message, sizeof error.message);
        sl_error_context(&error, "%s", umlauts);
        assert_cut_well(error.message, sizeof error.message);
    }
}

static void every_code_has_a_name_a_text_and_an_exit(void **state)
{
    (void)state;
    assert_string_equal(sl_code_name(SL_AUTH), "AUTH");
    assert_string_equal(sl_code_text(SL_AUTH), "not authorised");
    assert_int_equal(sl_code_exit(SL_AUTH), 4);
    assert_int_equal(sl_code_exit(SL_OK), 0);
    assert_int_equal(sl_code_exit(SL_CANCELLED), 130);
    assert_string_equal(sl_code_name((enum sl_code)999), "UNKNOWN");
    assert_string_equal(sl_code_text((enum sl_code)999), "unknown");
    assert_int_equal(sl_code_exit((enum sl_code)999), 70);
#define X(name, exit_code, retryable, text)                                                        \
    assert_string_equal(sl_code_name(SL_##name), #name);                                           \
    assert_string_equal(sl_code_text(SL_##name), text);                                            \
    assert_int_equal(sl_code_exit(SL_##name), exit_code);                                          \
    assert_int_equal(sl_failed(SL_##name), SL_##name > SL_DONE);
    SL_CODES(X)
#undef X
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setting_an_error_fills_all_of_it),
        cmocka_unit_test(an_error_may_be_told_with_its_own_words),
        cmocka_unit_test(context_goes_before_the_message),
        cmocka_unit_test(long_messages_end_with_an_ellipsis_between_characters),
        cmocka_unit_test(every_code_has_a_name_a_text_and_an_exit),
    };

    return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
