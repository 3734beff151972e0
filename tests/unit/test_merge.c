/* The rules of merging one key: every worked case, in the batches it comes in, then again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "unit/merge_store.h"

typedef size_t apply_fn(struct merge_store *, const struct merge_event *, size_t);

static void apply_all(struct merge_store *store, const struct merge_case *c, apply_fn *apply)
{
    struct merge_event events[MERGE_EVENTS_MAX];
    size_t count = merge_case_events(c, events), from = 0;

    for (size_t i = 1; i <= count; i++) {
        if (i < count && events[i].batch == events[from].batch) continue;
        apply(store, events + from, i - from);
        if (apply(store, events + from, i - from) != 0)
            fail_msg("%s: batch %zu again is not without effect", c->name, events[from].batch);
        from = i;
    }
}

static void expect(const struct merge_case *c, const char *what, const struct sl_buf *is,
                   const char *wanted)
{
    if (!wanted) wanted = "";
    if (strcmp(sl_buf_str(is), wanted) != 0)
        fail_msg("%s (%s), %s: \"%s\" rather than \"%s\"", c->name, c->events, what, sl_buf_str(is),
                 wanted);
}

static void type_1_cases(void **state)
{
    struct sl_buf row = {0}, tombstone = {0};

    (void)state;
    for (size_t i = 0; i < merge_case_count; i++) {
        struct merge_store store;

        merge_store_init(&store, &merge_cases[i]);
        apply_all(&store, &merge_cases[i], merge_store_latest);
        merge_store_latest_text(&store, &row, &tombstone);
        expect(&merge_cases[i], "row", &row, merge_cases[i].latest);
        expect(&merge_cases[i], "tombstone", &tombstone, merge_cases[i].tombstone);
        merge_store_release(&store);
    }
    sl_buf_release(&row);
    sl_buf_release(&tombstone);
}

static void type_2_cases(void **state)
{
    struct sl_buf visible = {0}, hidden = {0};

    (void)state;
    for (size_t i = 0; i < 2 * merge_case_count; i++) {
        const struct merge_case *c = &merge_cases[i / 2];
        struct merge_store store;

        merge_store_init(&store, c);
        store.gather_all = i % 2;
        apply_all(&store, c, merge_store_history);
        merge_store_history_text(&store, &visible, &hidden);
        expect(c, "versions", &visible, c->history);
        expect(c, "hidden", &hidden, c->hidden);
        merge_store_release(&store);
    }
    sl_buf_release(&visible);
    sl_buf_release(&hidden);
}

/* ------------------------------------------------------------------ what the manual says */

/* The next cell of a row of a table; \| is no border. *at moves behind it. */
static void next_cell(const char **at, char *out, size_t size)
{
    size_t len = 0;
    const char *p = *at;

    for (; *p && *p != '|' && *p != '\n' && len + 1 < size; p++) {
        if (p[0] == '\\' && p[1] == '|') p++;
        out[len++] = *p;
    }
    out[len] = '\0';
    *at = *p == '|' ? p + 1 : p;
}

/* Without blanks around it and what stands behind a colon. */
static char *trim(char *text)
{
    text[strcspn(text, ":")] = '\0';
    text += strspn(text, " ");
    for (size_t len = strlen(text); len > 0 && text[len - 1] == ' ';) text[--len] = '\0';
    return text;
}

/* "none, T6", "a[5,-) beside T5": what stands before and behind `mark`; "none" is nothing. */
static const char *part(char *cell, const char *mark, const char **behind)
{
    char *text = trim(cell), *at = strstr(text, mark);

    *behind = at ? at + strlen(mark) : "";
    if (at) *at = '\0';
    text = trim(text);
    return strcmp(text, "none") == 0 ? "" : text;
}

/* One row of the table. False: it has no changes. */
static bool check_manual_row(const char *row)
{
    struct sl_buf a = {0}, b = {0};
    char cells[4][200];
    struct merge_case c = {.name = cells[0]};
    struct merge_store store;

    for (size_t i = 0; i < 4; i++) next_cell(&row, cells[i], sizeof cells[i]);
    c.two_columns = strchr(cells[1], '.') != NULL;
    c.tracks_nothing = strstr(cells[1], "nothing tracked") != NULL;
    char *events = strchr(cells[1], '`');
    if (!events) return false;
    *strchr(++events, '`') = '\0';
    c.events = events;
    c.latest = part(cells[2], ", ", &c.tombstone);
    c.history = part(cells[3], " beside ", &c.hidden);

    merge_store_init(&store, &c);
    apply_all(&store, &c, merge_store_latest);
    merge_store_latest_text(&store, &a, &b);
    expect(&c, "row", &a, c.latest);
    expect(&c, "tombstone", &b, c.tombstone);
    apply_all(&store, &c, merge_store_history);
    merge_store_history_text(&store, &a, &b);
    expect(&c, "versions", &a, c.history);
    expect(&c, "hidden", &b, c.hidden);
    merge_store_release(&store);
    sl_buf_release(&a);
    sl_buf_release(&b);
    return true;
}

static void the_manual_says_what_happens(void **state)
{
    FILE *manual = fopen("docs/changes.md", "r");
    char line[1000];
    bool within = false;
    size_t checked = 0, without = 0;

    (void)state;
    assert_non_null(manual);
    while (fgets(line, sizeof line, manual)) {
        if (strncmp(line, "## ", 3) == 0) within = strncmp(line, "## Merge rules", 14) == 0;
        if (!within || strncmp(line, "| ", 2) != 0 || line[2] == '#') continue;
        if (check_manual_row(line + 1))
            checked++;
        else
            without++;
    }
    fclose(manual);
    assert_int_equal(checked, 22);
    assert_int_equal(without, 1); /* bad data: it never comes this far */
}

/* ------------------------------------------------------------------ one by one */

#define SEQ(text)                                                                                  \
    {                                                                                              \
        (const unsigned char *)(text), sizeof(text) - 1                                            \
    }

static void assert_sequence(struct sl_seq is, const char *wanted)
{
    assert_int_equal(is.len, strlen(wanted));
    assert_memory_equal(is.bytes, wanted, is.len);
}

static void the_better_change_of_one_run_is_kept(void **state)
{
    static const struct {
        const char *name;
        struct sl_latest_change a, b;
        bool wins;
    } cases[] = {
        {"newer", {SL_UPSERT, SEQ("1"), 0, 1}, {SL_UPSERT, SEQ("2"), 0, 2}, true},
        {"older", {SL_UPSERT, SEQ("2"), 0, 1}, {SL_UPSERT, SEQ("1"), 0, 2}, false},
        {"a newer delete", {SL_UPSERT, SEQ("1"), 0, 1}, {SL_DELETE, SEQ("2"), 0, 2}, true},
        {"a delete as new", {SL_UPSERT, SEQ("2"), 0, 1}, {SL_DELETE, SEQ("2"), 0, 2}, false},
        {"an upsert as new", {SL_DELETE, SEQ("2"), 0, 2}, {SL_UPSERT, SEQ("2"), 0, 1}, true},
        {"later", {SL_UPSERT, SEQ("2"), 0, 1}, {SL_UPSERT, SEQ("2"), 0, 2}, true},
        {"earlier", {SL_UPSERT, SEQ("2"), 0, 2}, {SL_UPSERT, SEQ("2"), 0, 1}, false},
        {"observed delete", {SL_UPSERT, {0}, 0, 1}, {SL_DELETE, {0}, 0, 2}, true},
        {"observed upsert", {SL_DELETE, {0}, 0, 2}, {SL_UPSERT, {0}, 0, 1}, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (sl_latest_wins(&cases[i].a, &cases[i].b) != cases[i].wins)
            fail_msg("%s", cases[i].name);
}

/* What others wrote has no sequence: it comes before everything. */
static void rows_without_a_sequence_come_first(void **state)
{
    static const struct sl_latest_state state_1 = {.there = true, .hash = 7};
    static const struct sl_version versions[] = {
        {.place = SL_PLACE_NEW, .kind = SL_UPSERT, .rec = SEQ("5"), .tracked = 1, .arrival = 1},
        {.place = SL_PLACE_TABLE, .kind = SL_UPSERT, .tracked = 2, .ref = 1}};
    const struct sl_latest_change upsert = {SL_UPSERT, SEQ("1"), 7, 1},
                                  gone = {SL_DELETE, SEQ("1"), 0, 1}, seen = {SL_DELETE, {0}, 0, 1};
    const struct sl_history_options options = {.keep_hidden = true};
    struct sl_history *history = sl_history_new();
    const struct sl_version_outcome *out;
    struct sl_error error;
    size_t count;

    (void)state;
    assert_int_equal(sl_merge_latest(&state_1, &upsert).row, SL_ROW_REPLACE);
    assert_int_equal(sl_merge_latest(&state_1, &gone).row, SL_ROW_DELETE);
    assert_true(sl_merge_latest(&state_1, &gone).put_tombstone);
    assert_int_equal(sl_merge_latest(&state_1, &seen).row, SL_ROW_DELETE);
    assert_false(sl_merge_latest(&state_1, &seen).put_tombstone);

    assert_int_equal(sl_merge_history(history, &options, versions, 2, &out, &count, &error), SL_OK);
    assert_int_equal(count, 2);
    assert_true(out[0].written && sl_seq_none(out[0].end));
    assert_true(out[1].written && sl_seq_none(out[1].start));
    assert_sequence(out[1].end, "5");
    sl_history_free(history);
}

/* What was written stays what it was when other columns are tracked, or compared, afterwards. */
static void stored_versions_are_not_joined_or_parted(void **state)
{
    static const struct sl_version versions[] = {
        {.place = SL_PLACE_TABLE,
         .rec = SEQ("1"),
         .start = SEQ("1"),
         .end = SEQ("5"),
         .tracked = 1},
        {.place = SL_PLACE_TABLE,
         .rec = SEQ("5"),
         .start = SEQ("5"),
         .end = SEQ("8"),
         .tracked = 1},
        {.place = SL_PLACE_HIDDEN, .rec = SEQ("8"), .start = SEQ("8"), .tracked = 2},
        {.place = SL_PLACE_TABLE, .rec = SEQ("9"), .start = SEQ("8"), .tracked = 3}};
    const struct sl_history_options options = {.keep_hidden = true};
    struct sl_history *history = sl_history_new();
    const struct sl_version_outcome *out;
    struct sl_error error;
    size_t count;

    (void)state;
    assert_int_equal(sl_merge_history(history, &options, versions, 4, &out, &count, &error), SL_OK);
    assert_int_equal(count, 4);
    for (size_t i = 0; i < 4; i++) assert_true(out[i].stays);
    sl_history_free(history);
}

/* A covered row that was forgotten: what is known is not made longer, nor lost. */
static void a_forgotten_covered_row_leaves_a_gap_at_most(void **state)
{
    static const struct sl_version versions[] = {
        {.place = SL_PLACE_TABLE,
         .rec = SEQ("1"),
         .start = SEQ("1"),
         .end = SEQ("3"),
         .tracked = 1},
        {.place = SL_PLACE_TABLE,
         .rec = SEQ("9"),
         .start = SEQ("3"),
         .tracked = 2}, /* 3 is not there */
        {.place = SL_PLACE_NEW, .rec = SEQ("5"), .tracked = 1, .arrival = 1}};
    const struct sl_history_options options = {.keep_hidden = true};
    struct sl_history *history = sl_history_new();
    const struct sl_version_outcome *out;
    struct sl_error error;
    size_t count;

    (void)state;
    assert_int_equal(sl_merge_history(history, &options, versions, 3, &out, &count, &error), SL_OK);
    assert_true(out[0].stays);
    assert_true(out[2].written && !out[2].to_hidden);
    assert_sequence(out[2].start, "5");
    assert_sequence(out[2].end, "9");
    assert_sequence(out[1].start, "9");
    sl_history_free(history);
}

/* A version whose beginning is not known any more keeps its start, whatever came before that. */
static void a_version_keeps_its_start(void **state)
{
    static const struct sl_version versions[] = {
        {.place = SL_PLACE_HIDDEN,
         .kind = SL_DELETE,
         .rec = SEQ("1"),
         .start = SEQ("1"),
         .end = SEQ("1")},
        {.place = SL_PLACE_TABLE, .rec = SEQ("7"), .start = SEQ("3"), .tracked = 2},
        {.place = SL_PLACE_NEW, .rec = SEQ("9"), .tracked = 1, .arrival = 1}};
    const struct sl_history_options options = {.keep_hidden = true};
    struct sl_history *history = sl_history_new();
    const struct sl_version_outcome *out;
    struct sl_error error;
    size_t count;

    (void)state;
    assert_int_equal(sl_merge_history(history, &options, versions, 3, &out, &count, &error), SL_OK);
    assert_true(out[0].stays && out[1].written && out[2].written);
    assert_sequence(out[1].start, "3");
    assert_sequence(out[1].end, "9");
    sl_history_free(history);
}

static void a_change_without_a_sequence_is_refused(void **state)
{
    static const struct sl_version version = {.place = SL_PLACE_NEW, .kind = SL_UPSERT};
    const struct sl_history_options options = {.keep_hidden = true};
    struct sl_history *history = sl_history_new();
    const struct sl_version_outcome *out;
    struct sl_error error;
    size_t count;

    (void)state;
    assert_int_equal(sl_merge_history(history, &options, &version, 1, &out, &count, &error),
                     SL_BUG);
    sl_history_free(history);
}

static void every_allocation_may_fail(void **state)
{
    static const struct sl_version version = {.place = SL_PLACE_NEW, .rec = SEQ("1")};
    const struct sl_history_options options = {.keep_hidden = true};
    const struct sl_version_outcome *out;
    struct sl_error error;
    size_t count;

    (void)state;
    for (int64_t n = 0;; n++) {
        sl_alloc_fail_after(n);
        struct sl_history *history = sl_history_new();
        enum sl_code rc =
            history ? sl_merge_history(history, &options, &version, 1, &out, &count, &error)
                    : SL_NO_MEMORY;
        sl_history_free(history);
        sl_alloc_fail_after(-1);
        assert_int_equal(sl_alloc_live(), 0);
        if (rc == SL_OK) break;
        assert_int_equal(rc, SL_NO_MEMORY);
        assert_true(n < 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(type_1_cases),
        cmocka_unit_test(type_2_cases),
        cmocka_unit_test(the_manual_says_what_happens),
        cmocka_unit_test(the_better_change_of_one_run_is_kept),
        cmocka_unit_test(rows_without_a_sequence_come_first),
        cmocka_unit_test(stored_versions_are_not_joined_or_parted),
        cmocka_unit_test(a_forgotten_covered_row_leaves_a_gap_at_most),
        cmocka_unit_test(a_version_keeps_its_start),
        cmocka_unit_test(a_change_without_a_sequence_is_refused),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
