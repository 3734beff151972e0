#include <assert.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "pipeline/merge.h"

/*
 * What is stored of a key is turned back into the changes that made it, the new changes are put
 * among them, and versions are made of all in the order of their sequences:
 *
 *     stored versions, covered rows   each is the upsert that wrote it
 *     a version that ends             a delete at its end, unless the next version starts there
 *     stored tombstones               deletes
 *
 * Since ends say which deletes there were, a delete is kept as a tombstone only where no version
 * ends with it. Rows before the first change of this run need not be there: what was gathered tells
 * all that reaches into it (merge.h says which those are).
 */

/* Which of several changes at one sequence counts: the last of this order. */
enum rank {
    RANK_STORED,     /* an upsert */
    RANK_NEW,        /* an upsert */
    RANK_NEW_DELETE, /* a delete wins over an upsert */
    RANK_END,        /* stored ones are taken rather than new ones: nothing is to be written */
    RANK_TOMBSTONE,
    RANK_NEWEST, /* where changes come in order: any that is new */
};

struct change {
    struct sl_seq at;
    const struct sl_version *from; /* RANK_END: the version that ends there */
    enum rank rank;
};

struct sl_history {
    struct change *changes; /* room for two of each version */
    const struct sl_version **stored;
    struct sl_version_outcome *out; /* likewise */
    size_t cap;                     /* of versions */
    /* Of the call that is running: */
    const struct sl_version *versions;
    const struct sl_history_options *options;
    size_t change_count, out_count;
};

struct sl_history *sl_history_new(void)
{
    return sl_calloc(1, sizeof(struct sl_history));
}

void sl_history_free(struct sl_history *history)
{
    if (!history) return;
    sl_free(history->changes);
    sl_free(history->stored);
    sl_free(history->out);
    sl_free(history);
}

static bool make_room(struct sl_history *h, size_t count)
{
    size_t cap = h->cap ? h->cap : 16;

    while (cap < count) cap *= 2;
    if (cap == h->cap) return true;

    struct change *changes = sl_realloc(h->changes, cap * 2 * sizeof *changes);
    if (!changes) return false;
    h->changes = changes;
    struct sl_version_outcome *out = sl_realloc(h->out, cap * 2 * sizeof *out);
    if (!out) return false;
    h->out = out;
    const struct sl_version **stored = sl_realloc(h->stored, cap * sizeof *stored);
    if (!stored) return false;
    h->stored = stored;
    h->cap = cap;
    return true;
}

/* ------------------------------------------------------------------ back into changes */

/* A row of which only the bounds are known was written when it started. */
static struct sl_seq written_at(const struct sl_version *version)
{
    return sl_seq_none(version->rec) ? version->start : version->rec;
}

static bool same(struct sl_seq a, struct sl_seq b)
{
    return sl_seq_compare(a, b) == 0;
}

static struct sl_version_outcome *outcome_of(struct sl_history *h, const struct sl_version *version)
{
    return &h->out[version - h->versions];
}

static int by_writing(const void *a, const void *b)
{
    const struct sl_version *const *x = a, *const *y = b;
    int order = sl_seq_compare(written_at(*x), written_at(*y));

    return order ? order : (*x > *y) - (*x < *y);
}

static void add_change(struct sl_history *h, struct sl_seq at, enum rank rank,
                       const struct sl_version *from)
{
    h->changes[h->change_count++] = (struct change){.at = at, .from = from, .rank = rank};
}

/*
 * From the last to the first, since what follows a row tells about it. A covered row is part of the
 * run of equal values that the next row belongs to. If that one was not gathered, its run ended
 * before anything that is new, and the covered row stays as it is.
 */
static void add_stored(struct sl_history *h, size_t count)
{
    const struct sl_version *next = NULL;

    qsort(h->stored, count, sizeof *h->stored, by_writing);
    for (size_t i = count; i-- > 0;) {
        const struct sl_version *version = h->stored[i];

        if (version->place == SL_PLACE_HIDDEN && (!next || !same(next->start, version->start))) {
            outcome_of(h, version)->stays = true;
            continue;
        }
        add_change(h, written_at(version), RANK_STORED, version);
        if (!sl_seq_none(version->end) && (!next || !same(next->start, version->end)))
            add_change(h, version->end, RANK_END, version);
        next = version;
    }
}

static enum rank rank_of_new(const struct sl_history *h, const struct sl_version *version)
{
    if (!h->options->keep_hidden) return RANK_NEWEST;
    return version->kind == SL_DELETE ? RANK_NEW_DELETE : RANK_NEW;
}

static enum sl_code add_all(struct sl_history *h, size_t count, struct sl_error *error)
{
    size_t stored = 0;

    h->change_count = 0;
    h->out_count = count;
    for (size_t i = 0; i < count; i++) {
        const struct sl_version *version = &h->versions[i];

        h->out[i] = (struct sl_version_outcome){.ref = version->ref,
                                                .was = version->place,
                                                .rec = version->rec};
        if (version->place == SL_PLACE_NEW) {
            if (sl_seq_none(version->rec))
                return sl_fail(error, SL_BUG, "a change without a sequence");
            add_change(h, version->rec, rank_of_new(h, version), version);
        } else if (version->kind == SL_DELETE) {
            add_change(h, version->rec, RANK_TOMBSTONE, version);
        } else {
            h->stored[stored++] = version;
        }
    }
    add_stored(h, stored);
    return SL_OK;
}

/* ------------------------------------------------------------------ one change per sequence */

static int by_sequence(const void *a, const void *b)
{
    const struct change *x = a, *y = b;
    int order = sl_seq_compare(x->at, y->at);

    if (order) return order;
    if (x->rank != y->rank) return x->rank < y->rank ? -1 : 1;
    if (x->from->arrival != y->from->arrival) /* of stored ones: 0 */
        return x->from->arrival < y->from->arrival ? -1 : 1;
    return (x->from > y->from) - (x->from < y->from);
}

static bool deletes(const struct change *change)
{
    return change->rank == RANK_END || change->from->kind == SL_DELETE;
}

/* Of changes with one sequence, in their order: the one that counts. */
static const struct change *winner(const struct change *first, const struct change *last)
{
    if (last->from->place != SL_PLACE_NEW || deletes(last)) return last;
    for (const struct change *c = last; c-- > first;) /* it came before: nothing is to be written */
        if (c->rank == RANK_STORED && c->from->whole == last->from->whole) return c;
    return last;
}

static void settle_ties(struct sl_history *h)
{
    size_t kept = 0;

    qsort(h->changes, h->change_count, sizeof *h->changes, by_sequence);
    for (size_t i = 0, end; i < h->change_count; i = end) {
        for (end = i + 1; end < h->change_count && same(h->changes[end].at, h->changes[i].at);)
            end++;
        h->changes[kept++] = *winner(&h->changes[i], &h->changes[end - 1]);
    }
    h->change_count = kept;
}

/* ------------------------------------------------------------------ into versions */

static void show(struct sl_history *h, const struct change *change, struct sl_seq start,
                 struct sl_seq end)
{
    const struct sl_version *from = change->from;
    struct sl_version_outcome *out = outcome_of(h, from);

    /* What ended before and has no next known stays ended. */
    if (from->place == SL_PLACE_TABLE && !sl_seq_none(from->end) &&
        (sl_seq_none(end) || sl_seq_compare(from->end, end) < 0))
        end = from->end;
    out->stays = from->place == SL_PLACE_TABLE && same(from->start, start) && same(from->end, end);
    out->written = !out->stays;
    out->start = start;
    out->end = end;
}

static void cover(struct sl_history *h, const struct change *change, struct sl_seq start)
{
    const struct sl_version *from = change->from;
    struct sl_version_outcome *out = outcome_of(h, from);

    if (!h->options->keep_hidden) return;
    out->stays = from->place == SL_PLACE_HIDDEN && same(from->start, start);
    out->written = !out->stays;
    out->to_hidden = true;
    out->start = start;
}

static void bury(struct sl_history *h, const struct change *change)
{
    const struct sl_version *from = change->from;
    struct sl_version_outcome *out = outcome_of(h, from);

    if (!h->options->keep_hidden) return;
    if (change->rank == RANK_END) { /* the version has an outcome of its own */
        out = &h->out[h->out_count++];
        *out = (struct sl_version_outcome){.ref = from->ref, .was = from->place};
    }
    out->stays = change->rank == RANK_TOMBSTONE;
    out->written = !out->stays;
    out->to_hidden = true;
    out->tombstone = true;
    out->start = out->end = out->rec = change->at;
}

/* Where the version begins that starts with this change. A stored row may have started earlier, when
 * what its run began with was not gathered; before: the change before it, or NULL. */
static struct sl_seq start_of(const struct change *change, const struct change *before)
{
    struct sl_seq start = change->from->start;

    if (change->from->place == SL_PLACE_NEW || sl_seq_compare(start, change->at) >= 0 ||
        (before && sl_seq_compare(before->at, start) >= 0))
        return change->at;
    return start;
}

/* Stored rows are of one run when they say so, whatever is compared today. No run goes beyond a
 * known end, also where what came then is not known any more. */
static bool one_run(const struct change *a, const struct change *b)
{
    const struct sl_version *x = a->from, *y = b->from;

    if (x->place != SL_PLACE_NEW && y->place != SL_PLACE_NEW) return same(x->start, y->start);
    if (x->place == SL_PLACE_TABLE && !sl_seq_none(x->end) && sl_seq_compare(x->end, b->at) < 0)
        return false;
    return x->tracked == y->tracked;
}

/* Where changes come in order, one that says nothing new is not written. */
static bool is_news(const struct sl_history *h, const struct sl_version *before,
                    const struct sl_version *version)
{
    return h->options->keep_hidden || version->place != SL_PLACE_NEW ||
           before->whole != version->whole;
}

static void make_versions(struct sl_history *h)
{
    const struct change *open = NULL; /* the upsert before, unless there was a delete since */
    struct sl_seq start = {0}, none = {0};

    for (size_t i = 0; i < h->change_count; i++) {
        const struct change *change = &h->changes[i];

        if (deletes(change)) {
            if (open)
                show(h, open, start, change->at);
            else
                bury(h, change);
            open = NULL;
        } else if (open && one_run(open, change)) {
            if (!is_news(h, open->from, change->from)) continue;
            cover(h, open, start);
            open = change;
        } else {
            struct sl_seq next = start_of(change, i ? change - 1 : NULL);

            if (open) show(h, open, start, next);
            start = next;
            open = change;
        }
    }
    if (open) show(h, open, start, none);
}

enum sl_code sl_merge_history(struct sl_history *history, const struct sl_history_options *options,
                              const struct sl_version *versions, size_t count,
                              const struct sl_version_outcome **out, size_t *out_count,
                              struct sl_error *error)
{
    enum sl_code rc;

    if (!make_room(history, count)) return sl_fail(error, SL_NO_MEMORY, "no memory for versions");
    history->versions = versions;
    history->options = options;
    rc = add_all(history, count, error);
    if (rc) return rc;
    settle_ties(history);
    make_versions(history);
    assert(history->out_count <= 2 * count);
    *out = history->out;
    *out_count = history->out_count;
    return SL_OK;
}
