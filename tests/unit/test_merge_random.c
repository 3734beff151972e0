/*
 * Random changes of one key, in any order and any batches: after every batch the table is what a
 * fold over all changes so far says, in the order of their sequences.
 * SLUICE_TEST_SEED=n starts elsewhere; a failure prints the seed that shows it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "unit/merge_store.h"

#define STREAMS 10000
#define EVENTS_MAX 24

static uint64_t dice_state;

static uint64_t dice(uint64_t sides)
{
    dice_state ^= dice_state << 13;
    dice_state ^= dice_state >> 7;
    dice_state ^= dice_state << 17;
    return (dice_state * UINT64_C(0x2545F4914F6CDD1D) >> 33) % sides;
}

struct stream {
    struct merge_case settings;
    struct merge_event events[EVENTS_MAX]; /* in the order of arrival */
    size_t count;
};

/* ------------------------------------------------------------------ the oracle */

static int64_t at_of(const struct merge_event *event)
{
    return event->sequence[0] * 1000 + event->sequence[1];
}

/* Which of two changes of one sequence counts? b came later. */
static bool later_counts(const struct stream *s, const struct merge_event *a,
                         const struct merge_event *b, bool delete_wins)
{
    if (s->settings.in_order || a->deletes == b->deletes) return true;
    return b->deletes == delete_wins;
}

/* The first `count` events, one for each sequence, in the order of these: how many. */
static size_t in_sequence(const struct stream *s, size_t count, bool delete_wins,
                          struct merge_event *out)
{
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        size_t k = 0;

        while (k < n && at_of(&out[k]) < at_of(&s->events[i])) k++;
        if (k == n || at_of(&out[k]) != at_of(&s->events[i])) {
            memmove(out + k + 1, out + k, (n++ - k) * sizeof *out);
            out[k] = s->events[i];
        } else if (later_counts(s, &out[k], &s->events[i], delete_wins)) {
            out[k] = s->events[i];
        }
    }
    return n;
}

static struct merge_bound bound_of(const struct merge_event *event)
{
    return event ? (struct merge_bound){.parts = {event->sequence[0], event->sequence[1]}}
                 : (struct merge_bound){.none = true};
}

struct picture {
    struct sl_buf visible, hidden;
};

static void add_hidden(const struct stream *s, const struct merge_event *event, struct sl_buf *out)
{
    if (s->settings.in_order) return;
    if (out->len > 0) sl_buf_addc(out, ' ');
    if (event->deletes)
        sl_buf_addc(out, 'T');
    else
        merge_value_text(event->value, event->extra, out);
    merge_sequence_text(&s->settings, bound_of(event), out);
}

static void fold_history(const struct stream *s, size_t count, struct picture *out)
{
    struct merge_event events[EVENTS_MAX];
    size_t n = in_sequence(s, count, true, events);
    const struct merge_event *start = NULL;

    sl_buf_reset(&out->visible);
    sl_buf_reset(&out->hidden);
    for (size_t i = 0; i < n; i++) {
        const struct merge_event *event = &events[i], *next = i + 1 < n ? event + 1 : NULL;

        if (event->deletes) {
            if (i == 0 || event[-1].deletes) add_hidden(s, event, &out->hidden);
            continue;
        }
        if (!start) start = event;
        if (next && !next->deletes && (s->settings.tracks_nothing || next->value == event->value)) {
            add_hidden(s, event, &out->hidden);
            continue;
        }
        merge_version_text(&s->settings, event->value, event->extra, bound_of(start),
                           bound_of(next), &out->visible);
        start = NULL;
    }
}

static void fold_latest(const struct stream *s, size_t count, struct picture *out)
{
    struct merge_event events[EVENTS_MAX];
    size_t n = in_sequence(s, count, false, events);
    const struct merge_event *last = &events[n - 1];

    sl_buf_reset(&out->visible);
    sl_buf_reset(&out->hidden);
    if (last->deletes) {
        add_hidden(s, last, &out->hidden);
        return;
    }
    merge_value_text(last->value, last->extra, &out->visible);
    if (!s->settings.in_order) merge_sequence_text(&s->settings, bound_of(last), &out->visible);
}

/* With the sequence of the row: it must be that of its newest change, also when no value differs. */
static void latest_text(const struct merge_store *store, struct sl_buf *row,
                        struct sl_buf *tombstone)
{
    merge_store_latest_text(store, row, tombstone);
    if (store->there && !store->settings->in_order)
        merge_sequence_text(store->settings, store->latest.rec, row);
}

/* ------------------------------------------------------------------ streams */

static void random_content(struct merge_event *event)
{
    event->deletes = dice(10) < 3;
    if (event->deletes) return;
    event->value = "\0abab"[dice(5)];
    event->extra = "\0xy"[dice(3)];
}

static bool is_there(const struct stream *s, const struct merge_event *event)
{
    for (size_t i = 0; i < s->count; i++)
        if (at_of(&s->events[i]) == at_of(event) && s->events[i].deletes == event->deletes)
            return true;
    return false;
}

/* At most one upsert and one delete for each sequence; some come twice; all in any order. */
static void random_stream(struct stream *s)
{
    size_t wanted = 1 + dice(EVENTS_MAX);

    *s = (struct stream){.settings = {.two_columns = dice(4) == 0, .tracks_nothing = dice(8) == 0}};
    while (s->count < wanted) {
        struct merge_event *event = &s->events[s->count], new = {0};

        random_content(&new);
        new.sequence[0] = (int64_t)dice(30) - 5;
        if (s->settings.two_columns) new.sequence[1] = (int64_t)dice(3);
        if (!is_there(s, &new))
            *event = new;
        else if (dice(2) == 0)
            *event = s->events[dice(s->count)];
        else
            continue;
        s->count++;
    }
    for (size_t i = s->count; i-- > 1;) {
        size_t k = dice(i + 1);
        struct merge_event swap = s->events[i];

        s->events[i] = s->events[k];
        s->events[k] = swap;
    }
    s->events[0].batch = 0;
    for (size_t i = 1; i < s->count; i++)
        s->events[i].batch = s->events[i - 1].batch + (dice(3) == 0);
}

/* What is observed has the sequence of its run. */
static void random_observed_stream(struct stream *s)
{
    *s = (struct stream){.settings = {.in_order = true, .tracks_nothing = dice(8) == 0},
                         .count = 1 + dice(EVENTS_MAX)};
    for (size_t i = 0; i < s->count; i++) {
        random_content(&s->events[i]);
        s->events[i].batch = i ? s->events[i - 1].batch + (dice(3) != 0) : 0;
        s->events[i].sequence[0] = (int64_t)s->events[i].batch + 1;
    }
}

/* ------------------------------------------------------------------ comparing */

typedef size_t apply_fn(struct merge_store *, const struct merge_event *, size_t);
typedef void text_fn(const struct merge_store *, struct sl_buf *, struct sl_buf *);
typedef void fold_fn(const struct stream *, size_t, struct picture *);

static bool same(const struct picture *a, const struct picture *b)
{
    return strcmp(sl_buf_str(&a->visible), sl_buf_str(&b->visible)) == 0 &&
           strcmp(sl_buf_str(&a->hidden), sl_buf_str(&b->hidden)) == 0;
}

/* Applies one batch, twice. What is wrong with it, or NULL. */
static const char *step(struct merge_store *store, const struct stream *s, size_t from, size_t to,
                        apply_fn *apply, text_fn *text, fold_fn *fold, struct picture pictures[3])
{
    text(store, &pictures[0].visible, &pictures[0].hidden);
    size_t written = apply(store, s->events + from, to - from);
    text(store, &pictures[1].visible, &pictures[1].hidden);
    fold(s, to, &pictures[2]);
    if (!same(&pictures[1], &pictures[2])) return "not what the fold says";
    if (written > 0 && same(&pictures[0], &pictures[1])) return "written for nothing";
    store->gather_all = !store->gather_all;
    if (apply(store, s->events + from, to - from) > 0) return "the same batch again was written";
    return NULL;
}

static void run_stream(const struct stream *s, uint64_t seed, apply_fn *apply, text_fn *text,
                       fold_fn *fold)
{
    struct picture pictures[3] = {0};
    struct merge_store store;
    const char *wrong = NULL;
    size_t from = 0;

    merge_store_init(&store, &s->settings);
    store.gather_all = dice(2);
    for (size_t i = 1; !wrong && i <= s->count; i++) {
        if (i < s->count && s->events[i].batch == s->events[from].batch) continue;
        wrong = step(&store, s, from, i, apply, text, fold, pictures);
        from = i;
    }
    if (wrong) {
        for (size_t i = 0; i < from; i++)
            print_error("%zu: %c %lld.%lld %c/%c\n", s->events[i].batch,
                        s->events[i].deletes ? 'D' : 'U', (long long)s->events[i].sequence[0],
                        (long long)s->events[i].sequence[1],
                        s->events[i].value ? s->events[i].value : '~',
                        s->events[i].extra ? s->events[i].extra : '~');
        fail_msg("SLUICE_TEST_SEED=%llu: %s\nbefore: %s; %s\nafter:  %s; %s\nfold:   %s; %s",
                 (unsigned long long)seed, wrong, sl_buf_str(&pictures[0].visible),
                 sl_buf_str(&pictures[0].hidden), sl_buf_str(&pictures[1].visible),
                 sl_buf_str(&pictures[1].hidden), sl_buf_str(&pictures[2].visible),
                 sl_buf_str(&pictures[2].hidden));
    }
    merge_store_release(&store);
    for (size_t i = 0; i < 3; i++) {
        sl_buf_release(&pictures[i].visible);
        sl_buf_release(&pictures[i].hidden);
    }
}

static void run_streams(void (*make)(struct stream *), apply_fn *apply, text_fn *text,
                        fold_fn *fold)
{
    const char *given = getenv("SLUICE_TEST_SEED");
    uint64_t first = given ? strtoull(given, NULL, 10) : 1;

    for (uint64_t seed = first; seed < first + STREAMS; seed++) {
        struct stream s;

        dice_state = seed * UINT64_C(0x9E3779B97F4A7C15);
        dice(2);
        make(&s);
        run_stream(&s, seed, apply, text, fold);
    }
}

static void type_1_is_the_newest_change(void **state)
{
    (void)state;
    run_streams(random_stream, merge_store_latest, latest_text, fold_latest);
}

static void type_1_observed_is_the_last_change(void **state)
{
    (void)state;
    run_streams(random_observed_stream, merge_store_latest, latest_text, fold_latest);
}

static void type_2_is_the_fold_of_all_changes(void **state)
{
    (void)state;
    run_streams(random_stream, merge_store_history, merge_store_history_text, fold_history);
}

static void type_2_observed_is_the_fold_of_all_runs(void **state)
{
    (void)state;
    run_streams(random_observed_stream, merge_store_history, merge_store_history_text,
                fold_history);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(type_1_is_the_newest_change),
        cmocka_unit_test(type_1_observed_is_the_last_change),
        cmocka_unit_test(type_2_is_the_fold_of_all_changes),
        cmocka_unit_test(type_2_observed_is_the_fold_of_all_runs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
