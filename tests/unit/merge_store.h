/* A table of one key in memory, merged by the rules alone. */
#ifndef MERGE_STORE_H
#define MERGE_STORE_H

#include "pipeline/merge.h"
#include "unit/merge_cases.h"

#define MERGE_ROWS_MAX 128

struct merge_row {
    enum sl_place place;
    enum sl_kind kind; /* SL_DELETE: a tombstone */
    struct merge_bound rec, start, end;
    char value, extra;
};

struct merge_store {
    const struct merge_case *settings; /* in_order, tracks_nothing, two_columns */
    struct sl_history *history;
    bool gather_all;                       /* also what need not be gathered */
    struct merge_row rows[MERGE_ROWS_MAX]; /* type 2; sorted by rec */
    size_t count;
    bool there; /* type 1 */
    struct merge_row latest;
    struct merge_bound tombstone;
};
void merge_store_init(struct merge_store *store, const struct merge_case *settings);
void merge_store_release(struct merge_store *store);
/* One batch: how many rows were written or taken away. */
size_t merge_store_latest(struct merge_store *store, const struct merge_event *events,
                          size_t count);
size_t merge_store_history(struct merge_store *store, const struct merge_event *events,
                           size_t count);
void merge_store_latest_text(const struct merge_store *store, struct sl_buf *row,
                             struct sl_buf *tombstone);
void merge_store_history_text(const struct merge_store *store, struct sl_buf *visible,
                              struct sl_buf *hidden);

#endif
