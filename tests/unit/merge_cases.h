/*
 * The worked cases of merging one key (docs/changes.md): what comes, and what is there afterwards.
 * Shared by the tests of the rules alone and of whole tables.
 */
#ifndef MERGE_CASES_H
#define MERGE_CASES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/*
 * events: "U2a D6 | U5b/x": an upsert at sequence 2 with value a in the tracked column, a delete at
 * 6, then another batch with an upsert at 5, which has x in the untracked column. ~ as the value:
 * NULL. 1.10: a sequence of two columns.
 * history: visible versions in the order of their starts: "a[2,5) b/x[5,-)".
 * hidden: what is kept beside the table, in the order of its sequences: "T6 A5".
 */
struct merge_case {
    const char *name;
    const char *events;
    bool in_order; /* the sequence is that of the run: changes are observed */
    bool tracks_nothing;
    bool two_columns;
    const char *latest; /* SCD type 1: "c", "b/x"; "": no row */
    const char *tombstone;
    const char *history; /* SCD type 2 */
    const char *hidden;
};
extern const struct merge_case merge_cases[];
extern const size_t merge_case_count;

struct merge_event {
    size_t batch; /* from 0 */
    bool deletes;
    int64_t sequence[2];
    char value; /* 0: NULL */
    char extra; /* 0: NULL */
};
#define MERGE_EVENTS_MAX 16
/* The events of a case: how many. */
size_t merge_case_events(const struct merge_case *c, struct merge_event out[MERGE_EVENTS_MAX]);

/* For comparing with `history`: versions are printed in the order in which they are given. */
struct merge_bound {
    int64_t parts[2];
    bool none;
};
void merge_version_text(const struct merge_case *c, char value, char extra,
                        struct merge_bound start, struct merge_bound end, struct sl_buf *out);
void merge_sequence_text(const struct merge_case *c, struct merge_bound bound, struct sl_buf *out);
void merge_value_text(char value, char extra, struct sl_buf *out);

#endif
