/* Arenas: aligned, zeroed, capped, reused; and nothing can be kept beyond a reset. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/arena.h"

#include <stdbool.h>
#include <string.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

static void memory_is_aligned_zeroed_and_apart(void **state)
{
    struct sl_arena arena = {0};

    (void)state;
    for (size_t round = 0; round < 2; round++) {
        for (size_t align = 1; align <= 4096; align *= 2) {
            unsigned char *a = sl_arena_alloc(&arena, align + 3, align);
            unsigned char *b = sl_arena_alloc(&arena, 5, 1);

            assert_non_null(a);
            assert_non_null(b);
            assert_int_equal((uintptr_t)a % align, 0);
            for (size_t i = 0; i < align + 3; i++) assert_int_equal(a[i], 0);
            memset(a, 0xFF, align + 3);
            memset(b, 0xEE, 5);
            assert_int_equal(a[align + 2], 0xFF);
        }
        sl_arena_reset(&arena); /* the second round must find zeroes again */
    }
    sl_arena_release(&arena);
    sl_arena_release(&arena);
}

static void the_cap_is_a_promise(void **state)
{
    struct sl_arena arena;
    size_t taken = 0;

    (void)state;
    sl_arena_init(&arena, 100000);
    while (sl_arena_alloc(&arena, 1000, 8)) taken += 1000;
    assert_in_range(taken, 80000, 100000);
    assert_true(arena.total <= 100000);
    assert_null(sl_arena_alloc(&arena, 200000, 8));
    sl_arena_reset(&arena);
    assert_non_null(sl_arena_alloc(&arena, 1000, 8));
    assert_true(arena.total <= 100000);
    sl_arena_release(&arena);
    assert_int_equal(arena.total, 0);
    assert_int_equal(arena.cap, 100000);
    assert_non_null(sl_arena_alloc(&arena, 100000, 1)); /* to the last byte */
    assert_null(sl_arena_alloc(&arena, 1, 1));
    sl_arena_release(&arena);
}

static void impossible_sizes_are_refused(void **state)
{
    struct sl_arena arena = {0};
    volatile size_t huge = SIZE_MAX;

    (void)state;
    assert_null(sl_arena_alloc(&arena, huge, 8));
    assert_null(SL_ARENA_ARRAY(&arena, uint64_t, huge / 4));
    assert_null(sl_arena_strndup(&arena, "", huge));
    assert_int_equal(arena.total, 0);
    assert_non_null(sl_arena_alloc(&arena, 0, 1));
    sl_arena_release(&arena);
}

static void a_reset_keeps_the_largest_block(void **state)
{
    struct sl_arena arena = {0};
    int64_t before = sl_alloc_live();

    (void)state;
    for (int i = 0; i < 300; i++) assert_non_null(sl_arena_alloc(&arena, 1000, 8));
    assert_true(sl_alloc_live() > before + 1);
    sl_arena_reset(&arena);
    assert_int_equal(sl_alloc_live(), before + 1);

    size_t total = arena.total;
    assert_true(total >= 100000);
    for (int i = 0; i < 100; i++) assert_non_null(sl_arena_alloc(&arena, 1000, 8));
    assert_int_equal(arena.total, total); /* no new block was needed */
    sl_arena_release(&arena);
    assert_int_equal(sl_alloc_live(), before);
}

static void texts_are_copied(void **state)
{
    struct sl_arena arena = {0};

    (void)state;
    char *a = sl_arena_strndup(&arena, "a\0b", 3);
    assert_memory_equal(a, "a\0b", 4);
    assert_string_equal(sl_arena_strdup(&arena, ""), "");
    assert_string_equal(sl_arena_printf(&arena, "%s has %d rows", "Tasks", 3), "Tasks has 3 rows");
    char *big = sl_arena_printf(&arena, "%10000s", "x");
    assert_int_equal(strlen(big), 10000);
    sl_arena_release(&arena);
}

static void what_is_over_cannot_be_read(void **state)
{
#ifdef __SANITIZE_ADDRESS__
    struct sl_arena arena = {0};
    char *text = sl_arena_strdup(&arena, "page 1");

    (void)state;
    assert_false(__asan_address_is_poisoned(text));
    assert_true(__asan_address_is_poisoned(text + 7)); /* nobody's yet */
    sl_arena_reset(&arena);
    assert_true(__asan_address_is_poisoned(text));
    sl_arena_release(&arena);
#else
    (void)state;
    skip();
#endif
}

static void every_allocation_may_fail(void **state)
{
    int64_t before = sl_alloc_live();
    bool whole = false;

    (void)state;
    for (int64_t n = 0; !whole; n++) {
        struct sl_arena arena = {0};

        whole = true;
        sl_alloc_fail_after(n);
        for (int i = 0; i < 100; i++)
            if (!sl_arena_alloc(&arena, 1000, 8)) whole = false;
        if (!sl_arena_printf(&arena, "%s", "text")) whole = false;
        sl_alloc_fail_after(-1);
        sl_arena_release(&arena);
        assert_int_equal(sl_alloc_live(), before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_aligned_zeroed_and_apart),
        cmocka_unit_test(the_cap_is_a_promise),
        cmocka_unit_test(impossible_sizes_are_refused),
        cmocka_unit_test(a_reset_keeps_the_largest_block),
        cmocka_unit_test(texts_are_copied),
        cmocka_unit_test(what_is_over_cannot_be_read),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
