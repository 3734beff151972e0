#include "pipeline/merge.h"

bool sl_latest_wins(const struct sl_latest_change *a, const struct sl_latest_change *b)
{
    int order = sl_seq_compare(b->sequence, a->sequence);

    if (order != 0) return order > 0;
    /* Without sequences nothing but the arrival counts. */
    if (!sl_seq_none(a->sequence) && a->kind != b->kind) return b->kind == SL_UPSERT;
    return b->arrival > a->arrival;
}

/* A change that is newer than all before it. */
static struct sl_latest_outcome merge_newest(const struct sl_latest_state *state,
                                             const struct sl_latest_change *change)
{
    struct sl_latest_outcome out = {.row = SL_ROW_STAYS};

    if (change->kind == SL_DELETE) {
        if (state->there) out.row = SL_ROW_DELETE;
        return out;
    }
    out.drop_tombstone = !sl_seq_none(state->tombstone);
    if (!state->there)
        out.row = SL_ROW_INSERT;
    else if (state->hash != change->hash)
        out.row = SL_ROW_REPLACE;
    return out;
}

static struct sl_latest_outcome merge_delete(const struct sl_latest_state *state,
                                             const struct sl_latest_change *change)
{
    struct sl_latest_outcome out = {.row = SL_ROW_STAYS};

    if (state->there) {
        out.late = sl_seq_compare(change->sequence, state->sequence) <= 0;
        if (out.late) return out; /* no tombstone: the row's own sequence keeps older changes out */
        out.row = SL_ROW_DELETE;
    }
    int order = sl_seq_compare(change->sequence, state->tombstone);
    out.put_tombstone = order > 0;
    out.late = order < 0;
    return out;
}

static struct sl_latest_outcome merge_upsert(const struct sl_latest_state *state,
                                             const struct sl_latest_change *change)
{
    struct sl_latest_outcome out = {.row = SL_ROW_STAYS};
    int order = sl_seq_compare(change->sequence, state->sequence);

    if (sl_seq_compare(change->sequence, state->tombstone) < 0 || (state->there && order < 0)) {
        out.late = true;
        return out;
    }
    out.drop_tombstone = !sl_seq_none(state->tombstone);
    if (!state->there)
        out.row = SL_ROW_INSERT;
    else if (order > 0 || state->hash != change->hash)
        /* Also when only the sequence grew: a delete that comes late must not take the row. */
        out.row = SL_ROW_REPLACE;
    return out;
}

struct sl_latest_outcome sl_merge_latest(const struct sl_latest_state *state,
                                         const struct sl_latest_change *change)
{
    if (sl_seq_none(change->sequence)) return merge_newest(state, change);
    return change->kind == SL_DELETE ? merge_delete(state, change) : merge_upsert(state, change);
}
