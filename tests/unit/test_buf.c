/* Buffers: grow, stop at their maximum, and remember the first failure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"

#include <stdbool.h>
#include <string.h>

static void pieces_add_up(void **state)
{
    struct sl_buf buf = {0};

    (void)state;
    assert_string_equal(sl_buf_str(&buf), "");
    sl_buf_adds(&buf, "one");
    sl_buf_addc(&buf, ' ');
    sl_buf_addf(&buf, "%d %s", 2, "two");
    sl_buf_add(&buf, "\0x", 2);
    sl_buf_add(&buf, NULL, 0);
    assert_int_equal(buf.len, 11);
    assert_memory_equal(sl_buf_str(&buf), "one 2 two\0x", 12);
    assert_false(sl_buf_failed(&buf));
    sl_buf_release(&buf);
    sl_buf_release(&buf);
}

static void it_grows_from_any_size(void **state)
{
    struct sl_buf buf;

    (void)state;
    sl_buf_init(&buf, 0);
    for (int i = 0; i < 5000; i++) sl_buf_addf(&buf, "%04d", i);
    assert_int_equal(buf.len, 20000);
    assert_memory_equal(buf.data + 4 * 4321, "4321", 4);
    assert_int_equal(buf.data[buf.len], 0);
    sl_buf_reset(&buf);
    assert_string_equal(sl_buf_str(&buf), "");
    sl_buf_adds(&buf, "again");
    assert_string_equal(sl_buf_str(&buf), "again");
    sl_buf_release(&buf);
}

static void the_maximum_sticks(void **state)
{
    struct sl_buf buf;

    (void)state;
    sl_buf_init(&buf, 10);
    sl_buf_adds(&buf, "0123456789");
    assert_false(sl_buf_failed(&buf));
    sl_buf_addc(&buf, 'x');
    assert_true(sl_buf_failed(&buf));
    assert_true(buf.full);
    sl_buf_adds(&buf, "");
    assert_string_equal(sl_buf_str(&buf), "0123456789"); /* what fitted is still there */
    assert_null(sl_buf_reserve(&buf, 0));
    assert_null(sl_buf_take(&buf));
    assert_int_equal(buf.max, 10);
    sl_buf_adds(&buf, "new");
    assert_false(sl_buf_failed(&buf));
    assert_string_equal(sl_buf_str(&buf), "new");
    sl_buf_fail(&buf);
    assert_true(sl_buf_failed(&buf));
    sl_buf_reset(&buf);
    assert_false(sl_buf_failed(&buf));
    sl_buf_release(&buf);
}

static void taking_moves_the_text_out(void **state)
{
    struct sl_buf buf = {0};

    (void)state;
    sl_buf_adds(&buf, "moved");
    char *text = sl_buf_take(&buf);
    assert_string_equal(text, "moved");
    assert_string_equal(sl_buf_str(&buf), "");
    sl_free(text);
    text = sl_buf_take(&buf); /* of an empty buffer: an empty text */
    assert_string_equal(text, "");
    sl_free(text);
}

static void reserved_room_can_be_written(void **state)
{
    struct sl_buf buf = {0};

    (void)state;
    sl_buf_adds(&buf, "ab");
    char *room = sl_buf_reserve(&buf, 1000);
    memset(room, 'c', 1000);
    room[1000] = '\0';
    buf.len += 1000;
    assert_int_equal(strlen(sl_buf_str(&buf)), 1002);
    volatile size_t huge = SIZE_MAX;
    assert_null(sl_buf_reserve(&buf, huge));
    assert_true(sl_buf_failed(&buf));
    sl_buf_release(&buf);
}

static void every_allocation_may_fail(void **state)
{
    int64_t before = sl_alloc_live();
    bool whole = false;

    (void)state;
    for (int64_t n = 0; !whole; n++) {
        struct sl_buf buf = {0};

        sl_alloc_fail_after(n);
        for (int i = 0; i < 100; i++) sl_buf_addf(&buf, "%d,", i);
        sl_alloc_fail_after(-1);
        whole = !sl_buf_failed(&buf);
        assert_false(buf.full);
        char *text = sl_buf_take(&buf);
        assert_int_equal(text != NULL, whole);
        sl_free(text);
        assert_int_equal(sl_alloc_live(), before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_add_up),
        cmocka_unit_test(it_grows_from_any_size),
        cmocka_unit_test(the_maximum_sticks),
        cmocka_unit_test(taking_moves_the_text_out),
        cmocka_unit_test(reserved_room_can_be_written),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
