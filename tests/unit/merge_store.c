#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/merge_store.h"

#include <stdlib.h>

static const struct merge_bound none = {.none = true};

/* The bytes of a bound, as table/sequence.h says. */
struct packed {
    unsigned char bytes[16];
};

static struct sl_seq pack(struct merge_bound bound, struct packed *out)
{
    for (int i = 0; i < 16; i++)
        out->bytes[i] = (unsigned char)(((uint64_t)bound.parts[i / 8] ^ UINT64_C(1) << 63) >>
                                        (56 - 8 * (i % 8)));
    return (struct sl_seq){out->bytes, bound.none ? 0 : 16};
}

static struct merge_bound unpack(struct sl_seq seq)
{
    struct merge_bound out = {.none = seq.len == 0};

    for (size_t i = 0; i < seq.len; i++)
        out.parts[i / 8] = (int64_t)((uint64_t)out.parts[i / 8] << 8 | seq.bytes[i]);
    for (int i = 0; i < 2 && !out.none; i++)
        out.parts[i] = (int64_t)((uint64_t)out.parts[i] ^ UINT64_C(1) << 63);
    return out;
}

static int order(struct merge_bound a, struct merge_bound b)
{
    struct packed x, y;

    return sl_seq_compare(pack(a, &x), pack(b, &y));
}

static uint64_t whole_hash(char value, char extra)
{
    return (uint64_t)(unsigned char)value << 8 | (unsigned char)extra;
}

static struct merge_bound sequence_of(const struct merge_event *event)
{
    return (struct merge_bound){.parts = {event->sequence[0], event->sequence[1]}};
}

void merge_store_init(struct merge_store *store, const struct merge_case *settings)
{
    *store = (struct merge_store){.settings = settings, .tombstone = none};
    store->history = sl_history_new();
    assert_non_null(store->history);
}

void merge_store_release(struct merge_store *store)
{
    sl_history_free(store->history);
}

/* ------------------------------------------------------------------ type 1 */

static size_t decide_latest(struct merge_store *store, const struct merge_event *event,
                            const struct sl_latest_change *change)
{
    struct packed row, tombstone;
    struct sl_latest_state state = {.there = store->there,
                                    .hash = whole_hash(store->latest.value, store->latest.extra),
                                    .tombstone = pack(store->tombstone, &tombstone)};
    if (store->there) state.sequence = pack(store->latest.rec, &row);
    struct sl_latest_outcome out = sl_merge_latest(&state, change);

    assert_true(!out.late ||
                (out.row == SL_ROW_STAYS && !out.put_tombstone && !out.drop_tombstone));
    if (out.drop_tombstone) store->tombstone = none;
    if (out.put_tombstone) store->tombstone = sequence_of(event);
    if (out.row == SL_ROW_DELETE) store->there = false;
    if (out.row == SL_ROW_INSERT || out.row == SL_ROW_REPLACE) {
        assert_int_equal(store->there, out.row == SL_ROW_REPLACE);
        store->there = true;
        store->latest =
            (struct merge_row){.rec = store->settings->in_order ? none : sequence_of(event),
                               .value = event->value,
                               .extra = event->extra};
    }
    assert_true(!store->there || store->tombstone.none); /* one or the other */
    return out.row != SL_ROW_STAYS || out.put_tombstone || out.drop_tombstone;
}

size_t merge_store_latest(struct merge_store *store, const struct merge_event *events, size_t count)
{
    struct sl_latest_change changes[MERGE_ROWS_MAX];
    struct packed packed[MERGE_ROWS_MAX];
    size_t best = 0;

    for (size_t i = 0; i < count; i++) {
        changes[i] = (struct sl_latest_change){
            .kind = events[i].deletes ? SL_DELETE : SL_UPSERT,
            .hash = whole_hash(events[i].value, events[i].extra),
            .arrival = i + 1,
        };
        if (!store->settings->in_order)
            changes[i].sequence = pack(sequence_of(&events[i]), &packed[i]);
        if (i > 0 && sl_latest_wins(&changes[best], &changes[i])) best = i;
    }
    return count ? decide_latest(store, &events[best], &changes[best]) : 0;
}

void merge_store_latest_text(const struct merge_store *store, struct sl_buf *row,
                             struct sl_buf *tombstone)
{
    sl_buf_reset(row);
    sl_buf_reset(tombstone);
    if (store->there) merge_value_text(store->latest.value, store->latest.extra, row);
    if (store->tombstone.none) return;
    sl_buf_addc(tombstone, 'T');
    merge_sequence_text(store->settings, store->tombstone, tombstone);
}

/* ------------------------------------------------------------------ type 2 */

static bool is_gathered(const struct merge_store *store, size_t i, struct merge_bound least)
{
    const struct merge_row *row = &store->rows[i];

    if (store->gather_all) return true;
    if (row->place == SL_PLACE_TABLE) return row->end.none || order(row->end, least) >= 0;
    if (order(row->rec, least) >= 0) return true;
    while (++i < store->count) /* is it the last of the hidden ones before? */
        if (store->rows[i].place == SL_PLACE_HIDDEN && order(store->rows[i].rec, least) < 0)
            return false;
    return true;
}

static int by_rec(const void *a, const void *b)
{
    const struct merge_row *x = a, *y = b;

    return order(x->rec, y->rec);
}

/* Rows that are merged, in the order of the input. */
struct gathered {
    struct merge_row rows[MERGE_ROWS_MAX];
    struct sl_version versions[MERGE_ROWS_MAX];
    struct packed packed[MERGE_ROWS_MAX][3];
    size_t count;
};

static void gather(struct gathered *g, const struct merge_store *store, const struct merge_row *row,
                   uint64_t arrival)
{
    size_t i = g->count++;

    assert_true(i < MERGE_ROWS_MAX);
    g->rows[i] = *row;
    g->versions[i] = (struct sl_version){
        .place = row->place,
        .kind = row->kind,
        .rec = pack(row->rec, &g->packed[i][0]),
        .start = pack(row->start, &g->packed[i][1]),
        .end = pack(row->end, &g->packed[i][2]),
        .whole = whole_hash(row->value, row->extra),
        .tracked = store->settings->tracks_nothing ? 0 : whole_hash(row->value, 0),
        .arrival = arrival,
        .ref = i,
    };
    /* An observed table does not say which change wrote a row. */
    if (store->settings->in_order && row->place == SL_PLACE_TABLE)
        g->versions[i].rec = (struct sl_seq){0};
}

static struct merge_row row_of_event(const struct merge_event *event)
{
    struct merge_bound at = sequence_of(event);

    return (struct merge_row){.place = SL_PLACE_NEW,
                              .kind = event->deletes ? SL_DELETE : SL_UPSERT,
                              .rec = at,
                              .start = at,
                              .end = event->deletes ? at : none,
                              .value = event->value,
                              .extra = event->extra};
}

static void put(struct merge_store *store, const struct merge_row *row)
{
    assert_true(store->count < MERGE_ROWS_MAX);
    store->rows[store->count++] = *row;
}

static void put_outcome(struct merge_store *store, const struct gathered *g,
                        const struct sl_version_outcome *out)
{
    struct merge_row row = g->rows[out->ref];

    if (!out->stays) {
        row.place = out->to_hidden ? SL_PLACE_HIDDEN : SL_PLACE_TABLE;
        row.kind = out->tombstone ? SL_DELETE : SL_UPSERT;
        row.start = unpack(out->start);
        row.end = unpack(out->end);
        row.rec = store->settings->in_order ? row.start : unpack(out->rec);
    }
    if (row.kind == SL_DELETE) row.value = row.extra = 0;
    put(store, &row);
}

size_t merge_store_history(struct merge_store *store, const struct merge_event *events,
                           size_t count)
{
    struct sl_history_options options = {.keep_hidden = !store->settings->in_order};
    static struct gathered g;
    const struct sl_version_outcome *out;
    struct merge_bound least = none;
    struct sl_error error;
    size_t out_count, written = 0, left = 0;

    g.count = 0;
    for (size_t i = 0; i < count; i++) {
        struct merge_row row = row_of_event(&events[i]);

        if (least.none || order(row.rec, least) < 0) least = row.rec;
        gather(&g, store, &row, i + 1);
    }
    for (size_t i = 0; i < store->count; i++)
        if (is_gathered(store, i, least)) gather(&g, store, &store->rows[i], 0);
    for (size_t i = 0; i < store->count; i++)
        if (!is_gathered(store, i, least)) g.rows[MERGE_ROWS_MAX - ++left] = store->rows[i];
    if (sl_merge_history(store->history, &options, g.versions, g.count, &out, &out_count, &error))
        fail_msg("%s", error.message);

    store->count = 0;
    while (left > 0) put(store, &g.rows[MERGE_ROWS_MAX - left--]);
    for (size_t i = 0; i < out_count; i++) {
        assert_true(i >= g.count || out[i].ref == i);
        assert_false(out[i].stays && (out[i].written || out[i].was == SL_PLACE_NEW));
        if (!out[i].stays && (out[i].written || out[i].was != SL_PLACE_NEW)) written++;
        if (out[i].stays || out[i].written) put_outcome(store, &g, &out[i]);
    }
    qsort(store->rows, store->count, sizeof *store->rows, by_rec);
    return written;
}

void merge_store_history_text(const struct merge_store *store, struct sl_buf *visible,
                              struct sl_buf *hidden)
{
    sl_buf_reset(visible);
    sl_buf_reset(hidden);
    for (size_t i = 0; i < store->count; i++) {
        const struct merge_row *row = &store->rows[i];

        if (row->place == SL_PLACE_TABLE) {
            merge_version_text(store->settings, row->value, row->extra, row->start, row->end,
                               visible);
            continue;
        }
        if (hidden->len > 0) sl_buf_addc(hidden, ' ');
        if (row->kind == SL_DELETE)
            sl_buf_addc(hidden, 'T');
        else
            merge_value_text(row->value, row->extra, hidden);
        merge_sequence_text(store->settings, row->rec, hidden);
    }
}
