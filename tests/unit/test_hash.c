/* Names for rows without one: stable for ever, since tables hold them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <sluice/hash.h>

#include "json/doc.h"

static const char *key_of(const char *a, const char *b, char out[SL_TEXT_KEY_MAX])
{
    struct sl_text parts[] = {{a, a ? strlen(a) : 0}, {b, b ? strlen(b) : 0}};

    return sl_text_key(parts, 2, out);
}

static void a_key_never_changes(void **state)
{
    char key[SL_TEXT_KEY_MAX], text[200];

    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_string_equal(key_of("Sign Up", "user-1", key), "ae4f08f108d8db97106f505721a32876");
    assert_string_equal(key_of(text, "", key), "e7924dab808c751cb87b7a5fc6a8feac");
}

static void parts_are_told_apart(void **state)
{
    char a[SL_TEXT_KEY_MAX], b[SL_TEXT_KEY_MAX];

    (void)state;
    assert_string_not_equal(key_of("ab", "c", a), key_of("a", "bc", b));
    assert_string_not_equal(key_of("", "", a), key_of(NULL, "", b));
    assert_string_not_equal(key_of("", "", a), key_of("", NULL, b));
}

static struct sl_json_print print_of(const char *json)
{
    struct sl_doc *doc = sl_doc_new(0);
    const struct sl_json *root;
    struct sl_error error;
    struct sl_json_print print;

    assert_non_null(doc);
    assert_int_equal(sl_doc_parse(doc, json, strlen(json), &root, &error), SL_OK);
    print = sl_json_print(root);
    sl_doc_free(doc);
    return print;
}

static void assert_same(const char *a, const char *b, bool same)
{
    struct sl_json_print x = print_of(a), y = print_of(b);

    assert_int_equal(x.a == y.a && x.b == y.b, same);
}

static void the_order_of_members_does_not_matter_that_of_elements_does(void **state)
{
    (void)state;
    assert_same("{\"a\":1,\"b\":[1,{\"x\":null}]}", "{ \"b\":[1, {\"x\":null}],\"a\":1 }", true);
    assert_same("[1,2]", "[2,1]", false);
    assert_same("{\"a\":1}", "{\"a\":\"1\"}", false);
    assert_same("{\"a\":true}", "{\"a\":false}", false);
    assert_same("{\"a\":null}", "{}", false);
    assert_same("{\"a\":\"b\"}", "{\"b\":\"a\"}", false);
    assert_same("[]", "{}", false);
    assert_same("[[1],2]", "[[1,2]]", false);
    assert_same("{\"a\":1,\"a\":1}", "{\"a\":1}", false);
    assert_same("9007199254740993", "9007199254740992", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_never_changes),
        cmocka_unit_test(parts_are_told_apart),
        cmocka_unit_test(the_order_of_members_does_not_matter_that_of_elements_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
