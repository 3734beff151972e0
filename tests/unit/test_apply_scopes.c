/* Scopes: a complete read of some rows of a table, told by the values of some columns. */
#include "apply_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    bool vectors;
    size_t memory_bytes;
} ways[] = {{false, 0}, {false, 1}, {true, 0}, {true, 1}};
#define WAYS (sizeof ways / sizeof *ways)

static void begin(struct apply_world *w, void **state, size_t way)
{
    struct world *base = *state;

    snprintf(base->table, sizeof base->table, "%s/table%zu", base->directory, way);
    apply_world_new(w, base);
    w->vectors = ways[way].vectors;
    w->memory_bytes = ways[way].memory_bytes;
}

#define EACH_WAY(w, state)                                                                         \
    for (size_t way_ = 0; way_ < WAYS && (begin((w), (state), way_), true);                        \
         way_++, apply_world_free(w))
#define SCOPES(text) .complete = true, .scopes = (text)

static void only_rows_of_the_scopes_can_be_gone(void **state)
{
    struct apply_world w;

    EACH_WAY(&w, state)
    {
        RUN(&w, "U(a,0,x) U(b,0,x) U(c,0,y) U(d,0,z) U(e,0,-)");
        RUN(&w, "U(a,0,x) U(f,0,x) D(d,0)", SCOPES("[{\"v\":\"x\"},{\"v\":\"y\"},{\"v\":\"q\"}]"));
        assert_applied(&w, "a:x e:- f:x");
        assert_int_equal(w.last.deleted, 3);
        assert_int_equal(w.last.absent, 2);
        assert_int_equal(w.last.table_rows, 3); /* a, b and c: those of the scopes */
        assert_int_equal(w.last.keys, 2);
        RUN(&w, "U(e,0,x)", SCOPES("[{\"v\":null}]")); /* it has moved from one scope to another */
        assert_applied(&w, "a:x e:x f:x");
        assert_int_equal(w.last.absent, 0);
        RUN(&w, "", SCOPES("[{\"v\":\"x\"}]"));
        assert_applied(&w, "");
        RUN(&w, "", SCOPES("[{\"v\":\"x\"}]"));
        assert_false(w.committed);
    }
}

static void scopes_of_several_columns_are_tuples(void **state)
{
    struct apply_world w;

    EACH_WAY(&w, state)
    {
        RUN(&w, "U(a,0,x,1) U(b,0,x,2) U(c,0,y,1) U(d,0,y,2)");
        RUN(&w, "", SCOPES("[{\"u\":\"1\",\"v\":\"x\"},{\"v\":\"y\",\"u\":\"2\"}]"));
        assert_applied(&w, "b:x/2 c:y/1");
    }
}

static void what_is_gone_of_a_scope_is_closed(void **state)
{
    struct apply_world w;

    EACH_WAY(&w, state)
    {
        w.history = true;
        w.now_us = 100;
        RUN(&w, "U(a,0,x) U(b,0,x) U(c,0,y)");
        w.now_us = 200;
        RUN(&w, "U(a,0,x)", SCOPES("[{\"v\":\"x\"}]"));
        assert_int_equal(w.last.absent, 1);
        assert_int_equal(w.last.table_rows, 2);
        RUN(&w, "U(a,0,x)", SCOPES("[{\"v\":\"x\"}]")); /* what is closed cannot go once more */
        assert_int_equal(w.last.absent, 0);
        assert_int_equal(w.last.table_rows, 1);
        assert_false(w.committed);
    }
}

static void a_scope_is_not_the_whole_table(void **state)
{
    struct apply_world w;

    EACH_WAY(&w, state)
    {
        w.own_key = true;
        RUN(&w, "U(a,0,x) U(b,0,y)");
        RUN(&w, "U(a,0,x) U(a,0,z)", SCOPES("[{\"v\":\"x\"}]")); /* it changed on the way */
        assert_applied(&w, "a:z b:y");
        RUN(&w, "", SCOPES("[{\"v\":\"z\"}]"), .look_again = "U(a,0,z)");
        assert_int_equal(w.absent_rows, 1);
        assert_false(w.committed);
    }
}

static void scopes_that_make_no_sense_are_refused(void **state)
{
    static const char *const bad[] = {"[{\"v\":\"x\"},{\"u\":\"x\"}]",
                                      "[{\"v\":\"x\"},{}]",
                                      "[{\"v\":\"x\"},{\"v\":\"y\",\"u\":\"z\"}]",
                                      "[{\"nobody\":1}]",
                                      "[{\"seq\":\"not a number\"}]",
                                      "[{\"v\":{\"a\":1}}]"};
    struct apply_world w;

    begin(&w, state, 0);
    RUN(&w, "U(a,0,x)");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        RUN(&w, "", SCOPES(bad[i]), .expect = SL_BUG);
    assert_applied(&w, "a:x");
    apply_world_free(&w);
}

/* ---- what is read of the table ---- */

/* Takes the data files away but those that hold one of these texts in their statistics: whoever reads
 * another one fails. */
static void hide_files_without(const struct apply_world *w, const char *one, const char *other)
{
    char command[2 * PATH_MAX_LENGTH + 600];

    snprintf(command, sizeof command,
             "cd '%s' && for f in *.parquet; do "
             "grep -h '\"add\"' _delta_log/*.json | grep -F \"$f\" | grep -qe '%s' -e '%s' || rm "
             "\"$f\"; "
             "done",
             w->base->table, one, other);
    assert_int_equal(system(command), 0);
}

/* Days lie in files of their own; a read of two of them opens no other, whatever their rows' keys. */
static void other_files_are_not_opened(void **state)
{
    struct apply_world w;

    EACH_WAY(&w, state)
    {
        w.file_bytes = 1;
        w.batch_rows = 2;
        RUN(&w, "U(1a,0,d1) U(1b,0,d1) U(2a,0,d2) U(2b,0,d2) U(3a,0,d3) U(3b,0,d3) "
                "U(4a,0,d4) U(4b,0,d4)");
        w.file_bytes = 0;
        hide_files_without(&w, "d2", "d4");
        RUN(&w, "", SCOPES("[{\"v\":\"d2\"},{\"v\":\"d4\"}]"));
        assert_int_equal(w.last.absent, 4);
        assert_int_equal(w.last.table_rows, 4);
    }
}

/* Rows that come with the scope: the ranges of their keys say where they can be. */
static void keys_that_come_open_only_files_in_their_range(void **state)
{
    struct apply_world w;

    EACH_WAY(&w, state)
    {
        w.file_bytes = 1;
        w.batch_rows = 2;
        RUN(&w, "U(1a,0,d1) U(1b,0,d1) U(2a,0,d2) U(2b,0,d2) U(3a,0,d3) U(3b,0,d3)");
        w.file_bytes = 0;
        hide_files_without(&w, "d2", "d2");
        RUN(&w, "U(2a,0,d2) U(2c,0,d2)", SCOPES("[{\"v\":\"d2\"}]"));
        assert_int_equal(w.last.absent, 1);
        assert_int_equal(w.last.inserted, 1);
    }
}

#define MANY 100000

static void many_scopes_are_looked_up_at_once(void **state)
{
    struct sl_buf scopes = {0}, rows = {0};
    struct apply_world w;

    begin(&w, state, 0);
    for (int i = 0; i < 2000; i++) sl_buf_addf(&rows, "U(k%d,0,%d) ", i, i * 100);
    RUN(&w, sl_buf_str(&rows));
    for (int i = 0; i < MANY; i++) sl_buf_addf(&scopes, "%s{\"v\":\"%d\"}", i ? "," : "[", i);
    sl_buf_adds(&scopes, "]");
    RUN(&w, "U(k0,0,0)", SCOPES(sl_buf_str(&scopes)));
    assert_int_equal(w.last.absent, MANY / 100 - 1);
    assert_int_equal(w.last.table_rows, MANY / 100);
    sl_buf_release(&scopes);
    sl_buf_release(&rows);
    apply_world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(only_rows_of_the_scopes_can_be_gone),
        TEST(scopes_of_several_columns_are_tuples),
        TEST(what_is_gone_of_a_scope_is_closed),
        TEST(a_scope_is_not_the_whole_table),
        TEST(scopes_that_make_no_sense_are_refused),
        TEST(other_files_are_not_opened),
        TEST(keys_that_come_open_only_files_in_their_range),
        TEST(many_scopes_are_looked_up_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
