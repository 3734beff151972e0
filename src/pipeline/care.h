/*
 * care.h: a table stays healthy by itself. The flow calls sl_care() after each of its commits; most
 * calls find out from the handle alone that nothing is due, and ask the store for nothing.
 *
 *     small files   joined when there are more than small_files_max, a limited number of bytes at a
 *                   time; files with many dead rows are written again. Looked at in two of every
 *                   SL_CARE_LOOK_EVERY versions
 *     old files     deleted (vacuum) by the first commit of each period (a seventh of the retention,
 *                   at most a day), and whenever about as much has been removed as the table holds.
 *                   So the disk holds the live data, what the retention keeps, and about once the
 *                   live data on top
 *     old log       cleaned at the same time
 *
 * There is no state. A period has begun when the version before was written in another one (where
 * one begins differs from table to table, so that not all of them are vacuumed at once); how much
 * has been removed is guessed from this commit: of commits that remove a hundredth of the table,
 * every hundredth says yes.
 *
 * A failure here fails nothing: the commit stands, and what was not done is done another time.
 */
#ifndef SL_CARE_H
#define SL_CARE_H

#include "delta/maintain.h"

#define SL_CARE_LOOK_EVERY 16
#define SL_CARE_SMALL_FILES_MAX 32
#define SL_CARE_JOIN_BYTES_MAX (INT64_C(256) << 20)
#define SL_CARE_DEAD_RATIO 0.3

struct sl_care_options {
    size_t small_files_max; /* 0: SL_CARE_SMALL_FILES_MAX */
    int64_t join_bytes_max; /* read by one call; 0: SL_CARE_JOIN_BYTES_MAX */
    double dead_ratio;      /* 0: SL_CARE_DEAD_RATIO */
    int64_t retention_ms;   /* of removed files; -1: as the table says, else 7 days */
};

struct sl_care_report {
    struct sl_delta_optimized joined;  /* version -1: nothing */
    struct sl_delta_vacuumed vacuumed; /* when `cleaned` */
    int64_t log_files;                 /* deleted */
    bool looked;                       /* at the live files */
    bool cleaned;                      /* the period's vacuum took place */
    bool overtaken;                    /* another writer came in between; nothing was joined */
};

/*
 * table: stands at the version that was just committed, and afterwards at the one that care added,
 * if any. now_ms: the present, as the store sees it. options NULL: all zero, retention -1.
 *
 * An error is the store's, from joining or from cleaning; *report says what was done before.
 */
SL_MUST_USE enum sl_code sl_care(struct sl_delta_table *table, int64_t now_ms,
                                 const struct sl_care_options *options,
                                 struct sl_care_report *report, struct sl_error *error);

#endif
