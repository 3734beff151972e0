/*
 * run.h: everything an outside caller (command line, server) does with a source or a pipeline.
 *
 *     sl_source_check, sl_source_discover, sl_source_read     look at a source
 *     sl_plan                                                what a run would read
 *     sl_run                                                 discover, plan, read, land, report
 *
 * All of these run on the calling thread and return when they are done.
 */
#ifndef SL_RUN_H
#define SL_RUN_H

#include "catalog/catalog.h"
#include "delta/delta.h"
#include "http/world.h"
#include "pipeline/spec.h"

struct sl_budgets;
struct sl_buf;

/* What is read from, and how. */
struct sl_source {
    const struct sl_connection *connection;
    struct sl_world *world;      /* borrowed */
    struct sl_budgets *budgets;  /* borrowed: shared by what this process reads; or NULL */
    bool (*stopping)(void *ctx); /* asked often; NULL: never */
    void *stopping_ctx;
    /* Told once when check or a discovery get no answer for two seconds: what is waited for. NULL:
     * nobody is told. */
    void (*slow)(void *ctx, const char *text);
    void *slow_ctx;
};

/* check: appends a JSON array of {"subject","good","message","hint"}. The result is SL_OK when all
 * are good; SL_AUTH or SL_PERMISSION when one is not. */
SL_MUST_USE enum sl_code sl_source_check(const struct sl_source *source, struct sl_buf *out,
                                         struct sl_error *error);

/* discover: appends {"namespaces":[{"name","id","comment","tables":how many}], "tables":[{"name","namespace","id",
 * "comment","ingestion","primary_key","cursor","columns":[{"name","id","type","source_type",
 * "destination_name","comment"}]}]}. namespace_ (id or name), table NULL: all. */
SL_MUST_USE enum sl_code sl_source_discover(const struct sl_source *source, const char *namespace_,
                                            const char *table, struct sl_buf *out,
                                            struct sl_error *error);

/* read: rows of one source table, decoded, without a destination. options_json: table options, or
 * NULL. Each batch is handed to `batch` (which must take it: release it); schema is the batches'.
 * Stops after `limit` rows (-1: all). */
struct sl_read_options {
    const char *namespace_, *table, *options_json;
    int64_t limit;
    enum sl_code (*batch)(void *ctx, const struct ArrowSchema *schema, struct ArrowArray *batch,
                          struct sl_error *error);
    void *ctx;
};
SL_MUST_USE enum sl_code sl_source_read(const struct sl_source *source,
                                        const struct sl_read_options *options,
                                        struct sl_error *error);

/* Why a table of a run ended as it did. */
enum sl_table_state {
    SL_TABLE_QUEUED,
    SL_TABLE_RUNNING,
    SL_TABLE_COMMITTING,
    SL_TABLE_COMPLETED,
    SL_TABLE_FAILED,
    SL_TABLE_STOPPED,  /* cancelled, or the run ended before its turn */
    SL_TABLE_EXCLUDED, /* not in --refresh */
};
const char *sl_table_state_name(enum sl_table_state state);

struct sl_table_report {
    const char *source_table;
    const char *destination; /* catalog.schema.table */
    const char *location;
    enum sl_table_state state;
    int64_t rows_read;     /* so far, or in all; without what a restarted task gave before */
    int64_t rows_expected; /* -1: unknown */
    int64_t rows_landed;   /* new or changed rows that were committed; -1: it did not come to it */
    const char *mode;      /* "append", "replace", "latest" (SCD type 1), "history" (type 2) */
    char *why_full;        /* why everything was read where changes would do, or NULL */
    int64_t inserted, updated, deleted; /* rows of the table; history: keys */
    int64_t unchanged;                  /* read, and as they were */
    int64_t late;                       /* changes older than what the table knows, passed over */
    int64_t duplicates;                 /* rows that a later copy of the same key replaced */
    int64_t source_keys;         /* a complete read: how many different keys; -1: none happened */
    char source_digest[40];      /* ... and the digest of the set of them */
    int64_t rejected;            /* rows in <destination>__rejected, counted as rows_read */
    int64_t rescued;             /* cells, as received: of rows that a restart gave twice, too */
    const char *rescues_json;    /* [{"field","reason","cells"}], or NULL */
    int64_t parts, parts_failed; /* of the read, that stand by themselves: when some failed */
    int64_t calls, retries, restarts;
    int64_t waited_us; /* for budgets and pauses */
    int64_t bytes;     /* of data files that were committed */
    int64_t version;   /* -1: nothing was committed */
    int64_t started_us, ended_us;
    struct sl_error error; /* state FAILED; SL_PARTIAL: parts failed, what the others brought is
                              committed */
};

struct sl_report {
    size_t count;
    struct sl_table_report *tables;
    int64_t calls, limited; /* limited: answers 429 */
    int64_t started_us, ended_us;
};

struct sl_run_options {
    const struct sl_spec *spec;
    struct sl_source source;
    struct sl_catalog *catalog;
    struct sl_delta_engine *delta;
    struct sl_update *update; /* the lock and the ids; NULL in tests: no events */
    const char *pipeline_id;
    int64_t every_us; /* sl_plan: what would a run every so often cost? 0: nobody asks */
    bool full_refresh, validate_only;
    bool reconcile;     /* read everything and compare, whatever the cursors say */
    bool verify;        /* read in full, compare, change nothing: the report says what differs */
    bool reset_history; /* with a full refresh of a history table: begin it anew */
    const struct sl_json *full_refresh_selection; /* arrays of destination names, or NULL */
    const struct sl_json *refresh_selection;
    size_t memory_bytes; /* row-group budget of the process; 0: 16 MiB */
    void (*on_event)(void *ctx, const char *event_json);         /* or NULL */
    void (*on_progress)(void *ctx, const struct sl_report *now); /* at most 10 a second; or NULL */
    void *ctx;
};

/*
 * *report is filled whatever the result, once the plan stands (sl_report_free it); NULL before.
 *
 * SL_OK         every table completed
 * SL_PARTIAL    some tables failed, each named in the report and in the message
 * other         all tables failed for that reason, or nothing could start
 */
SL_MUST_USE enum sl_code sl_run(const struct sl_run_options *options, struct sl_report **report,
                                struct sl_error *error);
void sl_report_free(struct sl_report *report);
/* The members that say what a run changed in a table: mode, read_in_full_because, inserted, ... */
void sl_report_put_changes(struct sl_json_writer *w, const struct sl_table_report *t);

/* plan: appends {"tables":[{"source_table","destination","mode","rows","calls","complete_read_every_s"}], "calls":n,
 * "minutes":m, "requests_per_second":r, "monthly_quota":q, "share_of_month":s, "notes":[...]};
 * null where it is unknown; with every_us also "schedule":{"runs_per_month", "calls_unchanged" (of
 * a run), "calls_changed" (1 % of the rows changed), "calls_complete", "complete_per_month",
 * "calls_per_month" (1 % of the rows changing a day), "share_of_month"}. A table that cannot be planned has an "error", and the result is that
 * table's code: out is filled all the same. */
SL_MUST_USE enum sl_code sl_plan(const struct sl_run_options *options, struct sl_buf *out,
                                 struct sl_error *error);

#endif
