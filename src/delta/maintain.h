/*
 * maintain.h: keeping a table's files healthy. Built on delta.h; nothing here changes a row.
 *
 *     sl_delta_optimize   small files become large ones, deletion vectors go (dataChange=false)
 *     sl_delta_vacuum     files that no version of the retention names are deleted
 *     sl_delta_clean_log  commits that a checkpoint covers and the retention does not are deleted
 *     sl_delta_pulse      what tells cheaply whether any of it may be due
 *
 * Threads and errors as in delta.h.
 */
#ifndef SL_DELTA_MAINTAIN_H
#define SL_DELTA_MAINTAIN_H

#include "delta/delta.h"

struct sl_delta_optimize_options {
    int64_t target_bytes; /* of a file; 0: 128 MiB with deletion vectors, else 16 MiB */
    int64_t small_bytes;  /* files below are joined; 0: half the target */
    double dead_ratio;    /* files with more dead rows than this are written again; 0: 0.3; below 0:
                             every file that has any */
    size_t files_min;     /* do nothing with fewer files to join; 0: 2 */
    int64_t bytes_max; /* of input, so that an automatic one stays small; 0: any. With a limit the
                             smallest come first, and a file waits until the smaller ones together
                             are as large as itself: however often this is called, a row is written
                             again a few times until its file is large */
};
struct sl_delta_optimized {
    int64_t files_removed, files_added, bytes_removed, bytes_added, rows;
    int64_t rows_purged; /* dead ones that are gone for good */
    int64_t version;     /* -1: there was nothing to do */
};
/* Streams: memory as for a writer. One commit; SL_CONFLICT when somebody was faster: nothing is
 * changed, try again. Partitions, if any, are kept apart. Rows keep their order within a file. */
SL_MUST_USE enum sl_code sl_delta_optimize(struct sl_delta_table *table,
                                           const struct sl_delta_optimize_options *options,
                                           struct sl_delta_optimized *out, struct sl_error *error);

#define SL_VACUUM_RETENTION_MS (INT64_C(7) * 24 * 3600 * 1000)
#define SL_LOG_RETENTION_MS (INT64_C(30) * 24 * 3600 * 1000)
/* Whatever the retention, files younger are never touched; and none that no version has named and
 * that is younger than the second: a long run may have staged it. */
#define SL_VACUUM_YOUNG_MS (INT64_C(3600) * 1000)
#define SL_VACUUM_STAGED_MS (INT64_C(24) * 3600 * 1000)
struct sl_delta_vacuumed {
    int64_t files, bytes; /* deleted, or, in a dry run, that would be */
    int64_t kept;         /* files on disk that stay; those of the log are not looked at */
};
/*
 * Deletes data files, deletion vectors and files beside the table (_sluice/) that neither the
 * newest version nor one of the retention needs: which no live file names, and whose removal (or,
 * for files of which the log knows no removal, whose writing) is older than retention_ms before
 * now_ms. Files beside the table are needed when a text that starts with "_sluice/" in the value of
 * a domain "sluice.aux.*" names them. Files that do not look like these, and other hidden folders,
 * stay. named: called with each path when not NULL.
 * retention_ms -1: delta.deletedFileRetentionDuration, else 7 days.
 *
 * It looks at the newest version, wherever the handle stands, and needs no commit, so it disturbs
 * nobody. Stopped in the middle it has deleted less.
 */
SL_MUST_USE enum sl_code sl_delta_vacuum(struct sl_delta_table *table, int64_t retention_ms,
                                         int64_t now_ms, bool dry_run,
                                         void (*named)(void *ctx, const char *path), void *ctx,
                                         struct sl_delta_vacuumed *out, struct sl_error *error);
/* Versions older than the retention can no longer be read, and are no longer in the history.
 * retention_ms -1: delta.logRetentionDuration, else 30 days. What the newest checkpoint, or a
 * version of the retention, needs is never deleted; nothing is when
 * delta.enableExpiredLogCleanup=false. *files: how many went. */
SL_MUST_USE enum sl_code sl_delta_clean_log(struct sl_delta_table *table, int64_t retention_ms,
                                            int64_t now_ms, int64_t *files, struct sl_error *error);

/* What a handle knows of its table without asking the store; -1: it does not know. */
struct sl_delta_pulse {
    int64_t files, bytes;  /* live ones, from the checksum that every commit of ours writes */
    int64_t removed_bytes; /* of the files that the last commit through this handle took out */
    int64_t previous_ms; /* when the version before the handle's was written; not known right after
                              a checkpoint */
};
struct sl_delta_pulse sl_delta_pulse(const struct sl_delta_table *table);

/*
 * Faults, for tests: the stores of this engine fail as told. The first plan is for tables opened from
 * then on, another takes its place for those too. plan: a JSON array of
 * {"op": "put" | "put_if_absent" | "get" | "list" | "delete" | "multipart" (absent: any of them),
 *  "path": part of the path, "nth": the how-manieth such call (1 first),
 *  "times": how often from there (default 1),
 *  "fault": "error" (a 500) | "unavailable" (503) | "full" | "io" | "short" (half of it is written,
 *  then an error) | "sync" (it is done, then EIO is said, as when fsync fails) | "lost" (it is done,
 *  then a timeout is said) | "slow" (with "ms")}; or NULL for none.
 * SL_BAD_SPEC for a plan that is not one; SL_UNSUPPORTED in a build without SL_POINTS.
 */
SL_MUST_USE enum sl_code sl_delta_engine_faults(struct sl_delta_engine *engine, const char *plan,
                                                struct sl_error *error);

#endif
