/* apply_decide.c: each key is decided: which rows die, which are void, which are written how. */
#include <string.h>

#include "base/alloc.h"
#include "pipeline/apply_parts.h"

static enum sl_code no_memory(struct sl_error *error)
{
    return sl_fail(error, SL_NO_MEMORY, "no memory for the changes of a table");
}

static const struct sl_seq none = {0};

/* The row is not in the next version as it is. */
static enum sl_code strike(struct sl_apply *apply, uint64_t at, struct sl_error *error)
{
    struct bits *bits = NULL;

    switch (position_kind(at)) {
    case IN_STAGED: bits = &apply->voids[position_file(at)]; break;
    case IN_LIVE: bits = &apply->dead[position_file(at)]; break;
    default: bits = &apply->asides[position_file(at)].dead; break;
    }
    return sl_bits_set(bits, position_row(at)) ? SL_OK : no_memory(error);
}

/* The row is to be written, with these bounds. */
static enum sl_code emit(struct sorter *sorter, uint64_t at, struct sl_seq start, struct sl_seq end,
                         struct sl_error *error)
{
    _Alignas(16) unsigned char room[ENTRY_BYTES_MAX];
    struct entry *e = (struct entry *)(void *)room;

    *e = (struct entry){.at = at};
    sl_entry_sequences(e, none, start, end);
    return sl_sorter_add(sorter, e, error);
}

static struct sl_seq greater(struct sl_seq a, struct sl_seq b)
{
    return sl_seq_compare(a, b) >= 0 ? a : b;
}

static struct sl_seq of_buf(const struct sl_buf *buf)
{
    return (struct sl_seq){(const unsigned char *)buf->data, buf->len};
}

/* ---- rows that are gone by absence ---- */

enum sl_code sl_apply_gone(struct sl_apply *apply, const struct entry *row, struct sl_error *error)
{
    struct sl_seq bound = of_buf(&apply->bound), rec = entry_rec(row);
    enum sl_code rc;

    if (apply->options.history && row->end != 0) return SL_OK;
    apply->out.deleted++;
    apply->out.absent++;
    rc = strike(apply, row->at, error);
    if (!rc && !sl_bits_set(&apply->absent[position_file(row->at)], position_row(row->at)))
        rc = no_memory(error);
    if (rc) return rc;
    if (apply->options.history) {
        if (sl_seq_none(bound)) bound = of_buf(&apply->newest);
        return emit(&apply->visible, row->at, entry_start(row), greater(bound, rec), error);
    }
    if (!apply->options.sequenced || sl_seq_none(bound)) return SL_OK;
    return emit(&apply->tombstones, row->at, greater(bound, rec), none, error);
}

/* ---- type 1 ---- */

static enum sl_code strike_seen(struct sl_apply *apply, const struct slot *slot,
                                enum sl_place_kind kind, struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    for (const struct entry *e = slot->seen; e && !rc; e = e->next)
        if (position_kind(e->at) == kind) rc = strike(apply, e->at, error);
    return rc;
}

static struct sl_latest_state state_of(const struct slot *slot)
{
    struct sl_latest_state state = {0};

    for (const struct entry *e = slot->seen; e; e = e->next) {
        if (position_kind(e->at) == IN_ASIDE) {
            state.tombstone = greater(state.tombstone, entry_rec(e));
            continue;
        }
        /* Several rows of one key (others wrote them) are none that a change could equal. */
        state.hash = state.there ? ~slot->changes->whole : e->whole;
        state.sequence = greater(state.sequence, entry_rec(e));
        state.there = true;
    }
    return state;
}

static void count_latest(struct sl_applied *out, const struct sl_latest_outcome *outcome,
                         bool there)
{
    switch (outcome->row) {
    case SL_ROW_INSERT: out->inserted++; break;
    case SL_ROW_REPLACE: out->updated++; break;
    case SL_ROW_DELETE: out->deleted++; break;
    case SL_ROW_STAYS:
        if (outcome->late)
            out->late++;
        else
            out->unchanged += there;
        break;
    }
}

static enum sl_code decide_latest(struct sl_apply *apply, const struct slot *slot,
                                  struct sl_error *error)
{
    const struct entry *e = slot->changes;
    bool is_delete = e->flags & ENTRY_DELETE;
    struct sl_latest_state state = state_of(slot);
    struct sl_latest_change change = {.kind = is_delete ? SL_DELETE : SL_UPSERT,
                                      .sequence = entry_rec(e),
                                      .hash = e->whole,
                                      .arrival = e->at};
    struct sl_latest_outcome outcome = sl_merge_latest(&state, &change);
    bool written = outcome.row == SL_ROW_INSERT || outcome.row == SL_ROW_REPLACE;
    enum sl_code rc = SL_OK;

    count_latest(&apply->out, &outcome, state.there);
    if (!written) rc = strike(apply, e->at, error);
    if (!rc && (outcome.row == SL_ROW_REPLACE || outcome.row == SL_ROW_DELETE))
        rc = strike_seen(apply, slot, IN_LIVE, error);
    if (!rc && (outcome.put_tombstone || outcome.drop_tombstone))
        rc = strike_seen(apply, slot, IN_ASIDE, error);
    if (!rc && outcome.put_tombstone) rc = emit(&apply->tombstones, e->at, none, none, error);
    return rc;
}

/* ---- type 2 ---- */

static enum sl_code add_version(struct sl_apply *apply, size_t at, struct sl_version version,
                                struct sl_error *error)
{
    if (at == apply->version_room) {
        size_t room = at ? at * 2 : 16;
        void *versions = sl_realloc(apply->versions, room * sizeof *apply->versions);
        if (!versions) return no_memory(error);
        apply->versions = versions;
        apply->version_room = room;
    }
    apply->versions[at] = version;
    return SL_OK;
}

static enum sl_code gather_versions(struct sl_apply *apply, const struct slot *slot, size_t *count,
                                    struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    *count = 0;
    for (const struct entry *e = slot->changes; e && !rc; e = e->next) {
        struct sl_version version = {.place = SL_PLACE_NEW,
                                     .kind = e->flags & ENTRY_DELETE ? SL_DELETE : SL_UPSERT,
                                     .rec = apply->options.sequenced ? entry_rec(e)
                                                                     : of_buf(&apply->bound),
                                     .tracked = e->tracked,
                                     .whole = e->whole,
                                     .arrival = e->at,
                                     .ref = (uintptr_t)e};
        version.start = version.rec;
        if (version.kind == SL_DELETE) version.end = version.rec;
        rc = add_version(apply, (*count)++, version, error);
    }
    for (const struct entry *e = slot->seen; e && !rc; e = e->next) {
        struct sl_version version = {.place = position_kind(e->at) == IN_LIVE ? SL_PLACE_TABLE
                                                                              : SL_PLACE_HIDDEN,
                                     .kind = e->flags & ENTRY_DELETE ? SL_DELETE : SL_UPSERT,
                                     .rec = entry_rec(e),
                                     .start = entry_start(e),
                                     .end = entry_end(e),
                                     .tracked = e->tracked,
                                     .whole = e->whole,
                                     .ref = (uintptr_t)e};
        rc = add_version(apply, (*count)++, version, error);
    }
    return rc;
}

static enum sl_code carry_out(struct sl_apply *apply, const struct sl_version_outcome *outcome,
                              struct sl_error *error)
{
    const struct entry *e = (const struct entry *)(uintptr_t)outcome->ref;
    enum sl_code rc = SL_OK;

    if (!outcome->stays) rc = strike(apply, e->at, error);
    if (rc || !outcome->written) return rc;
    if (outcome->tombstone)
        return emit(&apply->tombstones, e->at, outcome->rec, outcome->rec, error);
    return emit(outcome->to_hidden ? &apply->covered : &apply->visible, e->at, outcome->start,
                outcome->end, error);
}

static bool was_open(const struct slot *slot)
{
    for (const struct entry *e = slot->seen; e; e = e->next)
        if (position_kind(e->at) == IN_LIVE && e->end == 0) return true;
    return false;
}

static void count_history(struct sl_applied *out, bool before, bool after, bool changed,
                          bool upsert)
{
    if (before && !after)
        out->deleted++;
    else if (after && !before)
        out->inserted++;
    else if (changed)
        out->updated++;
    else if (before)
        out->unchanged++;
    else
        out->late += upsert; /* a delete of what is not there is nothing */
}

static enum sl_code decide_history(struct sl_apply *apply, const struct slot *slot,
                                   struct sl_error *error)
{
    struct sl_history_options options = {.keep_hidden = apply->options.sequenced};
    const struct sl_version_outcome *outcomes = NULL;
    size_t count = 0, outcome_count = 0;
    bool after = false, changed = false;
    enum sl_code rc = gather_versions(apply, slot, &count, error);

    if (!rc)
        rc = sl_merge_history(apply->history, &options, apply->versions, count, &outcomes,
                              &outcome_count, error);
    for (size_t i = 0; i < outcome_count && !rc; i++) {
        const struct sl_version_outcome *o = &outcomes[i];
        bool visible = o->written && !o->to_hidden;
        const struct entry *e = (const struct entry *)(uintptr_t)o->ref;
        after |= visible && sl_seq_none(o->end);
        after |= o->stays && o->was == SL_PLACE_TABLE && e->end == 0;
        changed |= visible || (o->was == SL_PLACE_TABLE && !o->stays);
        rc = carry_out(apply, o, error);
    }
    if (!rc)
        count_history(&apply->out, was_open(slot), after, changed,
                      !(slot->changes->flags & ENTRY_DELETE));
    return rc;
}

/* ---- all keys of a partition ---- */

static void count_key(struct sl_applied *out, const struct slot *slot)
{
    uint64_t digest = slot->changes->digest;

    if (slot->changes->flags & ENTRY_DELETE) return;
    out->keys++;
    out->keys_digest.a += digest;
    out->keys_digest.b += digest * UINT64_C(0x9e3779b97f4a7c15) ^ digest >> 29;
}

enum sl_code sl_apply_decide(struct sl_apply *apply, struct sl_error *error)
{
    decide_fn *decide = apply->options.history ? decide_history : decide_latest;
    enum sl_code rc = SL_OK;

    for (size_t i = 0; apply->keys.slots && i <= apply->keys.mask && !rc; i++) {
        const struct slot *slot = &apply->keys.slots[i];
        if (!slot->changes) continue;
        count_key(&apply->out, slot);
        if (!apply->options.ignore_nulls) rc = decide(apply, slot, error);
    }
    return rc || !apply->options.ignore_nulls ? rc : sl_apply_fold(apply, decide, error);
}
