/* The door to the heap: counts what lives, fails when told to; and the points where runs die. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/point.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void live_allocations_are_counted(void **state)
{
    int64_t before = sl_alloc_live();

    (void)state;
    void *a = sl_alloc(10), *b = sl_calloc(3, 5), *c = sl_realloc(NULL, 7);
    char *d = sl_strdup("text");
    assert_int_equal(sl_alloc_live(), before + 4);
    a = sl_realloc(a, 1000);
    assert_int_equal(sl_alloc_live(), before + 4);
    sl_free(a);
    sl_free(b);
    sl_free(c);
    sl_free(d);
    sl_free(NULL);
    assert_int_equal(sl_alloc_live(), before);
}

static void nothing_is_something_that_can_be_freed(void **state)
{
    void *a = sl_alloc(0), *b = sl_calloc(0, 8), *c = sl_realloc(sl_alloc(4), 0);

    (void)state;
    assert_non_null(a);
    assert_non_null(b);
    assert_non_null(c);
    sl_free(a);
    sl_free(b);
    sl_free(c);
}

static void a_product_that_overflows_is_refused(void **state)
{
    volatile size_t many = SIZE_MAX / 2;

    (void)state;
    assert_null(sl_calloc(many, 4));
}

static void copies_end_with_a_nul(void **state)
{
    char *a = sl_strndup("sluice", 3), *b = sl_strndup("sl", 100), *c = sl_strdup("");

    (void)state;
    assert_string_equal(a, "slu");
    assert_string_equal(b, "sl");
    assert_string_equal(c, "");
    sl_free(a);
    sl_free(b);
    sl_free(c);
}

static void the_nth_allocation_fails_once(void **state)
{
    void *got[4];

    (void)state;
    sl_alloc_fail_after(2);
    for (int i = 0; i < 4; i++) got[i] = sl_alloc(1);
    assert_non_null(got[0]);
    assert_non_null(got[1]);
    assert_null(got[2]);
    assert_non_null(got[3]);
    for (int i = 0; i < 4; i++) sl_free(got[i]);

    char *text = sl_strdup("kept");
    sl_alloc_fail_after(0);
    assert_null(sl_realloc(text, 100)); /* the old block is still there */
    assert_string_equal(text, "kept");
    sl_free(text);
    sl_alloc_fail_after(0);
    sl_alloc_fail_after(-1);
    void *fine = sl_calloc(1, 1);
    assert_non_null(fine);
    sl_free(fine);
}

#define THREADS 4
#define ROUNDS 20000

/* Half of the blocks are freed by the thread that joins. */
static void *churn(void *kept)
{
    void **slots = kept;

    for (int i = 0; i < ROUNDS; i++) {
        slots[i] = sl_alloc(8);
        if (i % 2) {
            sl_free(slots[i]);
            slots[i] = NULL;
        }
    }
    return NULL;
}

static void threads_share_the_counters(void **state)
{
    static void *slots[THREADS][ROUNDS];
    pthread_t threads[THREADS];
    int64_t before = sl_alloc_live(), missing = 0;

    (void)state;
    sl_alloc_fail_after(ROUNDS); /* somebody meets it, once */
    for (int t = 0; t < THREADS; t++)
        assert_int_equal(pthread_create(&threads[t], NULL, churn, slots[t]), 0);
    for (int t = 0; t < THREADS; t++) pthread_join(threads[t], NULL);
    sl_alloc_fail_after(-1);
    for (int t = 0; t < THREADS; t++)
        for (int i = 0; i < ROUNDS; i++) {
            missing += i % 2 == 0 && slots[t][i] == NULL;
            sl_free(slots[t][i]);
        }
    assert_in_range(missing, 0, 1);
    assert_int_equal(sl_alloc_live(), before);
}

/* Passes the points "a", "b", "b" in a process of its own; returns the signal that ended it. */
static int pass_points(const char *kill_at)
{
    pid_t child = fork();

    if (child == 0) {
        setenv("SLUICE_KILL_AT", kill_at, 1);
        sl_point_reached("a");
        sl_point_reached("b");
        sl_point_reached("b");
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void a_point_kills_at_the_arrival_that_was_asked_for(void **state)
{
    (void)state;
    assert_int_equal(pass_points("a"), SIGKILL);
    assert_int_equal(pass_points("b:2"), SIGKILL);
    assert_int_equal(pass_points("a:2"), 0);
    assert_int_equal(pass_points("b:3"), 0);
    assert_int_equal(pass_points("c"), 0);
    assert_int_equal(pass_points("ab"), 0);
    assert_int_equal(pass_points(""), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(live_allocations_are_counted),
        cmocka_unit_test(nothing_is_something_that_can_be_freed),
        cmocka_unit_test(a_product_that_overflows_is_refused),
        cmocka_unit_test(copies_end_with_a_nul),
        cmocka_unit_test(the_nth_allocation_fails_once),
        cmocka_unit_test(threads_share_the_counters),
        cmocka_unit_test(a_point_kills_at_the_arrival_that_was_asked_for),
    };

    return cmocka_run_group_tests_name("alloc", tests, NULL, NULL);
}
