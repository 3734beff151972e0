/* Changes become changes of a table: through real Delta tables, in both ways of writing. */
#include "apply_world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "merge_cases.h"

/* Each test runs with rewriting and with deletion vectors, in memory and by way of the disk. */
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

static void counts(const struct apply_world *w, int64_t inserted, int64_t updated, int64_t deleted,
                   int64_t unchanged)
{
    assert_int_equal(w->last.inserted, inserted);
    assert_int_equal(w->last.updated, updated);
    assert_int_equal(w->last.deleted, deleted);
    assert_int_equal(w->last.unchanged, unchanged);
}

static void rows_come_change_and_go(void **state)
{
    struct apply_world w;

    EACH_WAY(&w, state)
    {
        RUN(&w, "U(a,0,x) U(b,0,y) U(c,0,-)");
        counts(&w, 3, 0, 0, 0);
        assert_applied(&w, "a:x b:y c:-");
        RUN(&w, "U(b,0,z) D(c,0) U(d,0,w) U(a,0,x) D(e,0)");
        counts(&w, 1, 1, 1, 1);
        assert_applied(&w, "a:x b:z d:w");
        assert_int_equal(w.last.late, 0);
        RUN(&w, "D(a,0) U(a,0,n)"); /* of a key the last one counts */
        assert_applied(&w, "a:n b:z d:w");
        RUN(&w, "U(a,0,m) D(a,0)");
        assert_applied(&w, "b:z d:w");
        assert_int_equal(w.last.duplicates, 1);
    }
}

static void what_did_not_change_is_not_written(void **state)
{
    struct apply_world w;

    EACH_WAY(&w, state)
    {
        RUN(&w, "U(a,0,x) U(b,0,y)");
        RUN(&w, "U(a,0,x) U(b,0,y)");
        assert_false(w.committed);
        counts(&w, 0, 0, 0, 2);
        RUN(&w, "U(b,0,y) U(a,0,x)", .complete = true);
        assert_false(w.committed);
        counts(&w, 0, 0, 0, 2);
        assert_int_equal(w.last.table_rows, 2);
        RUN(&w, "");
        assert_false(w.committed);
        RUN(&w, "D(q,0)");
        assert_false(w.committed);
    }
}

static void only_touched_files_are_written(void **state)
{
    struct apply_world w;

    EACH_WAY(&w, state)
    {
        w.file_bytes = 1;
        w.batch_rows = 2;
        RUN(&w, "U(a,0,1) U(b,0,2) U(c,0,3) U(d,0,4) U(e,0,5) U(f,0,6)");
        assert_int_equal(w.last.add_count, 3); /* as they were staged */
        assert_int_equal(w.last.rows_rewritten, 0);
        w.file_bytes = 0;
        RUN(&w, "U(c,0,x)");
        assert_int_equal(w.last.gone_count, 1);
        assert_int_equal(w.last.add_count, 1);
        assert_int_equal(w.last.rows_written, w.vectors ? 1 : 2);
        assert_int_equal(w.last.rows_rewritten, w.vectors ? 0 : 1);
        assert_applied(&w, "a:1 b:2 c:x d:4 e:5 f:6");
        RUN(&w, "D(e,0) D(f,0)"); /* a file with all of its rows */
        assert_int_equal(w.last.gone_count, 1);
        assert_int_equal(w.last_whole, 1);
        assert_int_equal(w.last.add_count, 0);
        assert_applied(&w, "a:1 b:2 c:x d:4");
    }
}

static void a_complete_read_deletes_what_is_absent(void **state)
{
    struct apply_world w;

    EACH_WAY(&w, state)
    {
        RUN(&w, "U(a,0,x) U(b,0,y) U(c,0,z)", .complete = true);
        RUN(&w, "U(a,0,x) U(c,0,new) U(d,0,w)", .complete = true);
        counts(&w, 1, 1, 1, 1);
        assert_int_equal(w.last.table_rows, 3);
        assert_int_equal(w.last.keys, 3);
        assert_applied(&w, "a:x c:new d:w");
        RUN(&w, "U(d,0,w) U(b,0,other)", .complete = true, .scopes = "[{\"v\":\"w\"}]");
        assert_applied(&w, "a:x b:other c:new d:w"); /* only rows of the scope can be absent */
        RUN(&w, "U(d,0,q)", .complete = true, .scopes = "[{\"v\":\"x\"}]");
        assert_applied(&w, "b:other c:new d:q");
        RUN(&w, "", .complete = true);
        assert_applied(&w, "");
    }
}

static void equal_sets_of_keys_have_equal_digests(void **state)
{
    struct apply_world w;

    EACH_WAY(&w, state)
    {
        RUN(&w, "U(a,0,x) U(b,0,y) U(c,0,z)", .complete = true);
        struct sl_key128 first = w.last.keys_digest;
        RUN(&w, "U(c,0,p) U(a,0,x) U(a,0,q) U(b,0,y)", .complete = true);
        assert_memory_equal(&first, &w.last.keys_digest, sizeof first);
        RUN(&w, "U(c,0,p) U(a,0,x) U(d,0,y)", .complete = true);
        assert_memory_not_equal(&first, &w.last.keys_digest, sizeof first);
    }
}

static void replacing_compares_nothing(void **state)
{
    struct apply_world w;

    EACH_WAY(&w, state)
    {
        RUN(&w, "U(a,0,x) U(b,0,y)");
        RUN(&w, "U(a,0,x) U(a,0,z) X(q,0,q)", .replace = true);
        assert_applied(&w, "a:z");
        assert_int_equal(w.last.duplicates, 1);
    }
}

static void dropped_rows_never_count(void **state)
{
    struct apply_world w;

    EACH_WAY(&w, state)
    {
        RUN(&w, "U(a,0,x) X(a,0,no) X(b,0,no) U(c,0,y)");
        assert_applied(&w, "a:x c:y");
        assert_int_equal(w.last.duplicates, 0);
        RUN(&w, "X(a,0,no) X(c,0,no) U(c,0,z)", .complete = true);
        assert_applied(&w, "c:z");
        RUN(&w, "X(a,0,no)");
        assert_false(w.committed);
    }
}

static void contradicting_rows_of_a_key_of_ours_are_named(void **state)
{
    struct apply_world w;

    EACH_WAY(&w, state)
    {
        w.own_key = true;
        RUN(&w, "U(a,0,x) U(b,0,y) U(a,0,x)", .complete = true); /* the same row twice is one */
        assert_applied(&w, "a:x b:y");
        RUN(&w, "U(a,0,x) U(b,0,y) U(c,0,1) U(a,0,z) U(c,0,2) X(b,0,n)", .complete = true,
            .expect = SL_BAD_DATA);
        assert_string_equal(w.error.message, "the key of table 'Things' is not unique: different "
                                             "rows have a, c");
        assert_applied(&w, "a:x b:y");
        RUN(&w, "U(a,0,x) U(a,0,z)"); /* not a complete read: the later one */
        assert_applied(&w, "a:z b:y");
    }
}

static void a_change_takes_all_rows_of_its_key(void **state)
{
    struct apply_world w;

    EACH_WAY(&w, state)
    {
        RUN(&w, "U(a,0,x) U(b,0,y)");
        foreign_rows(&w, "U(a,0,x) U(a,0,o) U(b,0,p) U(c,0,q)");
        assert_applied(&w, "a:o a:x a:x b:p b:y c:q");
        RUN(&w, "U(a,0,x) D(b,0)");
        assert_applied(&w, "a:x c:q");
    }
}

static void a_run_is_done_again_after_a_conflict(void **state)
{
    struct apply_world w;

    EACH_WAY(&w, state)
    {
        RUN(&w, "U(a,0,x) U(b,0,y) U(c,0,z)");
        RUN(&w, "U(a,0,n) D(b,0) U(d,0,w)", .conflict = true);
        counts(&w, 1, 1, 1, 0);
        assert_applied(&w, "a:n c:z d:w");
    }
}

static void nulls_keep_what_is_there(void **state)
{
    struct apply_world w;

    EACH_WAY(&w, state)
    {
        w.ignore_nulls = true;
        RUN(&w, "U(a,0,x,p) U(b,0,y,q) U(c,0,z,r) U(d,0,-,s) U(d,0,w)");
        assert_applied(&w, "a:x/p b:y/q c:z/r d:w/s");
        RUN(&w, "U(a,0,-,n) U(b,0,-,-) U(c,0,m) U(e,0,-,t)");
        counts(&w, 1, 2, 0, 1);
        assert_applied(&w, "a:x/n b:y/q c:m/r d:w/s e:-/t");
        RUN(&w, "U(a,0,1) U(a,0,-,2) D(b,0) U(b,0,-,v) U(c,0,k) D(c,0)");
        counts(&w, 0, 2, 1, 0);
        assert_applied(&w, "a:1/2 b:-/v d:w/s e:-/t");
        RUN(&w, "U(a,0,-,2) U(a,0,1,-)");
        assert_false(w.committed);
        foreign_rows(&w, "U(d,0,w,s)");
        RUN(&w, "U(d,0,-,u) U(e,0,-,t)", .complete = true);
        assert_applied(&w, "d:w/u e:-/t");
    }
}

static void without_a_key_the_content_is_replaced_when_it_differs(void **state)
{
    struct apply_world w;

    EACH_WAY(&w, state)
    {
        w.no_key = true;
        RUN(&w, "U(a,0,x) U(b,0,y) U(b,0,y)", .complete = true);
        assert_applied(&w, "a:x b:y b:y");
        RUN(&w, "U(b,0,y) U(a,0,x) X(c,0,z) U(b,0,y)", .complete = true);
        assert_false(w.committed);
        assert_int_equal(w.last.unchanged, 3);
        RUN(&w, "U(b,0,y) U(a,0,x)", .complete = true);
        counts(&w, 2, 0, 3, 0);
        assert_applied(&w, "a:x b:y");
        RUN(&w, "U(c,0,z)");
        assert_applied(&w, "a:x b:y c:z");
    }
}

static void rows_that_were_absent_can_come_after_all(void **state)
{
    struct apply_world w;

    EACH_WAY(&w, state)
    {
        RUN(&w, "U(a,0,x) U(b,0,y) U(c,0,z) U(d,0,w)", .complete = true);
        RUN(&w, "U(a,0,x)", .complete = true, .look_again = "U(c,0,new) U(d,0,w)");
        assert_int_equal(w.absent_rows, 3);
        counts(&w, 0, 1, 1, 2);
        assert_applied(&w, "a:x c:new d:w");
    }
}

/* ---- sequences ---- */

static void the_newest_change_wins_whenever_it_comes(void **state)
{
    struct apply_world w;

    EACH_WAY(&w, state)
    {
        w.sequenced = true;
        RUN(&w, "U(a,5,x) U(b,5,y) U(c,5,z) D(d,5)");
        RUN(&w, "U(a,4,old) U(b,5,y) U(c,6,new) U(d,4,dead)");
        counts(&w, 0, 1, 0, 1);
        assert_int_equal(w.last.late, 2);
        assert_applied(&w, "a:x b:y c:new");
        RUN(&w, "D(a,4) D(b,6) U(d,7,back)");
        assert_applied(&w, "a:x c:new d:back");
        RUN(&w, "U(b,5,y) U(a,9,p) U(a,8,q)");
        assert_applied(&w, "a:p c:new d:back");
    }
}

static void tombstones_expire(void **state)
{
    struct apply_world w;

    EACH_WAY(&w, state)
    {
        w.sequenced = true;
        w.tombstones_us = 3000000;
        RUN(&w, "U(a,5,x) D(b,5) D(c,9)");
        for (int i = 0; i < 4; i++) RUN(&w, "");
        RUN(&w, "U(c,10,y)"); /* the file of b's tombstone is written again: without it */
        RUN(&w, "U(b,4,late)");
        assert_applied(&w, "a:x b:late c:y");
    }
}

/* Columns of bits are filled with NULLs, too. */
static void many_tombstones_at_once(void **state)
{
    struct apply_world w;
    struct sl_buf changes = {0};

    for (int i = 0; i < 1000; i++) sl_buf_addf(&changes, "D(k%d,5) ", i);
    EACH_WAY(&w, state)
    {
        w.sequenced = true;
        RUN(&w, "U(a,1,x) U(k7,1,y)");
        RUN(&w, sl_buf_str(&changes));
        assert_applied(&w, "a:x");
        RUN(&w, "U(k7,4,late) U(k8,6,new)");
        assert_applied(&w, "a:x k8:new");
    }
    sl_buf_release(&changes);
}

static void many_files_beside_a_table_become_one(void **state)
{
    struct apply_world w;
    char change[40];

    EACH_WAY(&w, state)
    {
        w.sequenced = true;
        RUN(&w, "U(a,1,x)");
        for (int i = 0; i < 40; i++) {
            snprintf(change, sizeof change, "D(k%d,5)", i);
            RUN(&w, change);
        }
        int files = 0;
        for (const char *at = w.aside.data; (at = strstr(at, "\"path\"")); at++) files++;
        assert_int_equal(files, 40 - 32);
        for (int i = 0; i < 40; i++) {
            snprintf(change, sizeof change, "U(k%d,4,n)", i);
            RUN(&w, change);
            assert_int_equal(w.last.late, 1);
        }
        assert_applied(&w, "a:x");
    }
}

/* ---- history ---- */

static void observed_history_has_the_times_of_the_runs(void **state)
{
    struct apply_world w;

    EACH_WAY(&w, state)
    {
        w.history = true;
        RUN(&w, "U(a,0,x) U(b,0,y) U(c,0,z,p)");
        RUN(&w, "U(a,0,n) D(b,0) U(c,0,z,q) U(d,0,w)");
        counts(&w, 1, 2, 1, 0);
        assert_applied(&w, "a:n[3000000,-) a:x[2000000,3000000) b:y[2000000,3000000) "
                           "c:z/q[2000000,-) d:w[3000000,-)");
        RUN(&w, "U(a,0,n)");
        assert_false(w.committed);
        RUN(&w, "U(c,0,z,q) U(d,0,w) U(e,0,v) U(e,0,u)", .complete = true);
        assert_applied(&w, "a:n[3000000,5000000) a:x[2000000,3000000) b:y[2000000,3000000) "
                           "c:z/q[2000000,-) d:w[3000000,-) e:u[5000000,-)");
        assert_int_equal(w.last.table_rows, 3);
        RUN(&w, "U(c,0,z,q) U(d,0,w) U(e,0,u)", .complete = true);
        assert_false(w.committed);
        assert_int_equal(w.aside.len, 0);
    }
}

static void many_keys_at_once(void **state)
{
    struct apply_world w;
    struct sl_buf changes = {0}, expected = {0};

    for (int i = 10000; i < 13000; i++) sl_buf_addf(&changes, "U(k%d,%d,x) ", i, i);
    for (int i = 10000; i < 13000; i++)
        if (i % 3 != 0)
            sl_buf_addf(&expected, "%sk%d:%s", expected.len ? " " : "", i, i % 3 == 1 ? "x" : "y");
    EACH_WAY(&w, state)
    {
        struct sl_buf second = {0};
        w.sequenced = true;
        w.batch_rows = 500;
        w.file_bytes = 20000;
        w.target_bytes = 20000;
        RUN(&w, changes.data);
        for (int i = 10000; i < 13000; i++)
            if (i % 3 != 1)
                sl_buf_addf(&second, "%c(k%d,%d%s) ", i % 3 ? 'U' : 'D', i, i + 1,
                            i % 3 ? ",y" : "");
        RUN(&w, second.data);
        counts(&w, 0, 1000, 1000, 0);
        assert_applied(&w, expected.data);
        sl_buf_release(&second);
    }
    sl_buf_release(&changes);
    sl_buf_release(&expected);
}

/* ---- the worked cases ---- */

static void value_text(char value, char out[2])
{
    out[0] = value ? value : '-';
    out[1] = 0;
}

static void play(struct apply_world *w, const struct merge_case *c)
{
    struct merge_event events[MERGE_EVENTS_MAX];
    size_t count = merge_case_events(c, events);
    struct sl_buf text = {0};

    for (size_t i = 0; i < count; i++) {
        char value[2], extra[2];
        value_text(events[i].value, value);
        value_text(events[i].extra, extra);
        if (events[i].deletes)
            sl_buf_addf(&text, "D(k,%" PRId64 ") ", events[i].sequence[0]);
        else
            sl_buf_addf(&text, "U(k,%" PRId64 ",%s,%s) ", events[i].sequence[0], value, extra);
        if (i + 1 < count && events[i + 1].batch == events[i].batch) continue;
        RUN(w, text.data);
        sl_buf_reset(&text);
    }
    sl_buf_release(&text);
}

/* "k:a/x[1,5) k:b[5,-)" as "a/x[1,5) b[5,-)", in the order of the starts. */
static void assert_history(struct apply_world *w, const struct merge_case *c)
{
    struct sl_buf table = {0};
    char versions[16][64], *line, *rest;
    size_t count = 0;
    struct sl_buf sorted = {0};

    apply_table(w, &table);
    for (line = strtok_r(table.data, " ", &rest); line; line = strtok_r(NULL, " ", &rest)) {
        size_t i = count++;
        snprintf(versions[i], sizeof *versions, "%s", line[2] == '-' ? "~" : "");
        strcat(versions[i], line + (line[2] == '-' ? 3 : 2));
        for (; i > 0 && atoi(strchr(versions[i], '[') + 1) < atoi(strchr(versions[i - 1], '[') + 1);
             i--) {
            char swap[64];
            memcpy(swap, versions[i], 64);
            memcpy(versions[i], versions[i - 1], 64);
            memcpy(versions[i - 1], swap, 64);
        }
    }
    for (size_t i = 0; i < count; i++) sl_buf_addf(&sorted, "%s%s", i ? " " : "", versions[i]);
    if (strcmp(sl_buf_str(&sorted), c->history) != 0)
        fail_msg("%s: '%s' gives '%s', not '%s'", c->name, c->events, sl_buf_str(&sorted),
                 c->history);
    sl_buf_release(&sorted);
    sl_buf_release(&table);
}

static void worked_cases(void **state, bool history)
{
    struct world *base = *state;
    struct apply_world w;

    for (size_t i = 0; i < merge_case_count; i++) { /* the random streams have each in each way */
        const struct merge_case *c = &merge_cases[i];
        if (c->two_columns || c->in_order) continue; /* sequences and observed time: above */
        begin(&w, state, i % WAYS);
        snprintf(base->table, sizeof base->table, "%s/case%zu%d", base->directory, i, history);
        w.sequenced = true;
        w.history = history;
        w.tracks_nothing = c->tracks_nothing;
        play(&w, c);
        if (history) {
            assert_history(&w, c);
        } else {
            struct sl_buf text = {0};
            const char *row = apply_table(&w, &text);
            const char *value = strncmp(row, "k:-", 3) == 0 ? "~" : *row ? row + 2 : "";
            if (strcmp(value, c->latest) != 0)
                fail_msg("%s: '%s' gives '%s', not '%s'", c->name, c->events, value, c->latest);
            sl_buf_release(&text);
        }
        apply_world_free(&w);
    }
}

static void worked_cases_of_type_1(void **state)
{
    worked_cases(state, false);
}

static void worked_cases_of_type_2(void **state)
{
    worked_cases(state, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rows_come_change_and_go),
        TEST(what_did_not_change_is_not_written),
        TEST(only_touched_files_are_written),
        TEST(a_complete_read_deletes_what_is_absent),
        TEST(equal_sets_of_keys_have_equal_digests),
        TEST(replacing_compares_nothing),
        TEST(dropped_rows_never_count),
        TEST(contradicting_rows_of_a_key_of_ours_are_named),
        TEST(a_change_takes_all_rows_of_its_key),
        TEST(a_run_is_done_again_after_a_conflict),
        TEST(nulls_keep_what_is_there),
        TEST(without_a_key_the_content_is_replaced_when_it_differs),
        TEST(rows_that_were_absent_can_come_after_all),
        TEST(the_newest_change_wins_whenever_it_comes),
        TEST(tombstones_expire),
        TEST(many_tombstones_at_once),
        TEST(many_files_beside_a_table_become_one),
        TEST(observed_history_has_the_times_of_the_runs),
        TEST(many_keys_at_once),
        TEST(worked_cases_of_type_1),
        TEST(worked_cases_of_type_2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
