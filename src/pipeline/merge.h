/*
 * merge.h: what becomes of one key. Pure: no table, no file, no clock.
 *
 * The rules are those of AUTO CDC (Apache Spark and Databricks), docs/changes.md says them in words
 * and has the worked cases. Values are never seen here: a row is a reference that the caller
 * understands, and two hashes.
 *
 * SCD type 1 (sl_merge_latest): the newest change wins. Equal sequences: the upsert wins over the
 * delete, the later arrival over the earlier.
 * SCD type 2 (sl_merge_history): versions [start, end). Equal sequences: the delete wins over the
 * upsert, the later arrival over the earlier, a stored row over one that equals it in all.
 * So with one upsert and one delete at most for each sequence, how changes are split into runs and
 * in which order they come makes no difference. Where changes have no sequence of their own
 * (observed), the later arrival is the newer one, whatever its kind.
 */
#ifndef SL_MERGE_H
#define SL_MERGE_H

#include "table/sequence.h"

enum sl_kind { SL_UPSERT, SL_DELETE };

/* ---- type 1 ---- */

struct sl_latest_change {
    enum sl_kind kind;
    struct sl_seq sequence; /* none: changes come in order, each newer than all before */
    uint64_t hash;          /* upserts: of what is compared */
    uint64_t arrival;       /* grows */
};
/* Is `b` to be kept rather than `a`, of one key and run? */
bool sl_latest_wins(const struct sl_latest_change *a, const struct sl_latest_change *b);

struct sl_latest_state {
    bool there;             /* a row in the table, with: */
    struct sl_seq sequence; /* none: not known (a row that others wrote): before everything */
    uint64_t hash;
    struct sl_seq tombstone; /* none: no tombstone; a key has a row or a tombstone, not both */
};
enum sl_latest_row { SL_ROW_STAYS, SL_ROW_INSERT, SL_ROW_REPLACE, SL_ROW_DELETE };
struct sl_latest_outcome {
    enum sl_latest_row row; /* REPLACE also when only the sequence grew */
    bool late;              /* the change was older than what is known (a delete: not newer than
                               the row), and is passed over */
    bool put_tombstone;     /* at the change's sequence, in place of one that is there */
    bool drop_tombstone;
};
struct sl_latest_outcome sl_merge_latest(const struct sl_latest_state *state,
                                         const struct sl_latest_change *change);

/* ---- type 2 ---- */

enum sl_place {
    SL_PLACE_NEW,    /* a change of this run */
    SL_PLACE_TABLE,  /* a visible version in the table */
    SL_PLACE_HIDDEN, /* a hidden row beside it: a tombstone, or an upsert that a later one of the
                        same run of equal values covers */
};

struct sl_version {
    enum sl_place place;
    enum sl_kind kind;
    struct sl_seq rec;   /* sequence of the change that wrote it; TABLE: none where the table does
                            not say (then start). Hidden tombstones: rec, start and end are one */
    struct sl_seq start; /* NEW: not looked at */
    struct sl_seq end;   /* none: open, or covered. NEW: not looked at */
    uint64_t tracked;    /* hash of the tracked columns */
    uint64_t whole;      /* hash of all that is compared */
    uint64_t arrival;    /* NEW: grows, from 1; else 0 */
    uint64_t ref;        /* the caller's */
};

/* What is to be, of one input. Neither stays nor written: it goes from where it was, if it was
 * stored; it is not needed, if it was new. */
struct sl_version_outcome {
    uint64_t ref;
    enum sl_place was;
    bool stays;     /* as it is, where it is: nothing to do (TABLE, HIDDEN) */
    bool written;   /* with the bounds below, and gone from where it was, to: */
    bool to_hidden; /* beside the table rather than into it */
    bool tombstone; /* hidden: keys and sequence only */
    struct sl_seq start, end, rec;
};

struct sl_history_options {
    bool keep_hidden; /* false: changes always come in order (observed), every sequence that is new
                         after every stored one: tombstones and covered rows are not written, nor
                         is a change that says nothing new. Changes of one run may then share their
                         sequence: the last of them counts */
};
struct sl_history;                       /* working memory, used again for key after key */
struct sl_history *sl_history_new(void); /* NULL: no memory */
void sl_history_free(struct sl_history *history);
/*
 * One key: all changes of this run, the versions and hidden rows that were gathered (any order).
 * SL_NO_MEMORY; SL_BUG: a change without a sequence.
 * out: as many as count, in the order of the input, plus tombstones made of split versions (their
 * ref is that of the version they come from, written and to_hidden and tombstone set): *out_count
 * in all; belongs to `history` until its next call. Sequences are borrowed from the input.
 * Which versions must be gathered: those open or with end >= the smallest new sequence; of the
 * hidden rows those with rec >= it, and the one with the greatest rec before it. More do no harm.
 * A hidden row may be forgotten once no change older than it can come any more. If one comes
 * nevertheless: without the tombstone its row lives until the next change; without the covered rows
 * their version begins at the first change that is still known.
 */
SL_MUST_USE enum sl_code sl_merge_history(struct sl_history *history,
                                          const struct sl_history_options *options,
                                          const struct sl_version *versions, size_t count,
                                          const struct sl_version_outcome **out, size_t *out_count,
                                          struct sl_error *error);

#endif
