/*
 * budget.h: a limit of a source is never tripped by us.
 *
 * One budget per limit key. At most `rate` units are started in any window of `window_ms` that one
 * could lay over the run (a sliding window, not a bucket that allows a burst after a pause). Where
 * the window is at most SL_BUDGET_SPREAD_MS_MAX they are spread evenly too: one unit each
 * window / rate, after a pause or an idle time as well. Longer windows (an hour, a day, a month)
 * are quantities, not speeds: their units may be spent at once. At most `concurrency` requests of a
 * key are under way at once; a pause stops a key until a time.
 *
 * A rate need not be whole. 4.9 in a second means one every 204.08 ms, so 5 in some seconds: it is
 * how one stays under a limit of 5 with a margin. That margin (the 6th start is 20.4 ms beyond the
 * second of the 1st) is what jitter on the way may use up.
 *
 * What the source counts is not our start but the arrival. The two differ where it hurts: a request
 * that has to wait for a new connection arrives later than those behind it that find one. So a
 * budget can be told more than start and end, and takes the worse of what is possible:
 *   - a request that was started and not yet sent counts against every window until
 *     sl_budgets_sent() (or, failing that, its end) says when it went out;
 *   - an answer that took longer than the quickest one may have been a request that arrived late:
 *     sl_budgets_answered() moves its booking by the difference, at most by the margin above or a
 *     fiftieth of the window, whichever is less.
 * Neither costs throughput while connections stand and answers take their usual time.
 *
 * All flows of a process share one sl_budgets, and the sl_budgets of several processes share their
 * limits when they are told where (sl_budgets_share): then all of the above holds for the sum of
 * what they do. A pause of one is a pause of all; of different rates the lowest counts. Limits of
 * seconds and minutes live in a directory of the running system; `durable` ones (an hour, a day, a
 * month) count by the wall clock and live where they survive a restart. Where that does not work
 * the process counts for itself, and says so once.
 *
 * Nothing in here looks at a clock. Threads: one thread, the one of the loop. Times are monotonic
 * microseconds handed in. Keys that nobody declared are not limited.
 */
#ifndef SL_BUDGET_H
#define SL_BUDGET_H

#include <sluice/connector.h>

#define SL_BUDGET_SPREAD_MS_MAX 60000
#define SL_BUDGETS_MAX 4096 /* keys */
/* Faster than this is no limit of a real source: a lock for each request would cost more than it
 * could save. Such limits are each process's own. */
#define SL_BUDGET_SHARED_PER_SECOND_MAX 500
#define SL_BUDGETS_SHARED_MAX 128 /* keys; each is an open file */

struct sl_budgets;

struct sl_budgets *sl_budgets_new(void); /* NULL: no memory */
void sl_budgets_free(struct sl_budgets *budgets);

struct sl_budgets_places {
    const char *directory; /* made if missing, 0700; NULL: such limits are not shared */
    const char *epoch;     /* differs when the monotonic clock has begun anew: the boot's id */
    const char *durable;   /* the directory of durable limits; NULL: not shared, not kept */
    void (*note)(void *ctx, const char *text); /* why something is not shared; or NULL */
    void *ctx;
};
/* Shares limits with other processes from here on; before the first limit. Copied. */
void sl_budgets_share(struct sl_budgets *budgets, const struct sl_budgets_places *places);
/*
 * The places that all processes of a user see: a directory for the running system and the id of
 * its boot. XDG_RUNTIME_DIR when it was set on purpose; not /run/user/<uid>, which comes and goes
 * with login sessions and is unknown to cron: /tmp/sluice-<uid> stands for it. false: there is none.
 */
#define SL_BUDGETS_PLACE_MAX 512
bool sl_budgets_place(char directory[SL_BUDGETS_PLACE_MAX], char epoch[SL_BUDGETS_PLACE_MAX]);
/* What the wall clock says at a monotonic time: durable limits count by it. Say it often. */
void sl_budgets_clock(struct sl_budgets *budgets, int64_t now_us, int64_t wall_us);

/* Declares a limit, or changes one. rate > 0, window_ms > 0, else SL_BUG; concurrency 0: any. */
SL_MUST_USE enum sl_code sl_budgets_limit(struct sl_budgets *budgets, const struct sl_limit *limit,
                                          struct sl_error *error);
/* What the source says is left; resets_in_us < 0: unknown (then the window is waited out). Requests
 * wait when less is left than they cost. */
void sl_budgets_remaining(struct sl_budgets *budgets, const char *key, double remaining,
                          int64_t now_us, int64_t resets_in_us);
/* Nothing that spends key starts before until_us. slow_down: factor on its rate, for the rest of
 * the run, down to a tenth of what was declared; 0: as it is. */
void sl_budgets_pause(struct sl_budgets *budgets, const char *key, int64_t until_us,
                      double slow_down);

/* When could a request with these spends start? Returns now_us when at once, else the earliest
 * time worth asking again; INT64_MAX when it waits for a request of this process to end. */
int64_t sl_budgets_ready(struct sl_budgets *budgets, const struct sl_spend *spends, int64_t now_us);
/* Starts it when it can be started: returns now_us, and the spends are booked. Else nothing is
 * booked, and the answer is that of _ready. */
int64_t sl_budgets_start(struct sl_budgets *budgets, const struct sl_spend *spends, int64_t now_us);
/* Optional: what was started at started_us went onto the wire at sent_us. */
void sl_budgets_sent(struct sl_budgets *budgets, const struct sl_spend *spends, int64_t started_us,
                     int64_t sent_us);
/* Optional, before _end: what went out at sent_us (0: never; nothing happens) was answered now. */
void sl_budgets_answered(struct sl_budgets *budgets, const struct sl_spend *spends, int64_t sent_us,
                         int64_t now_us);
/* It ended: its concurrency is free again. */
void sl_budgets_end(struct sl_budgets *budgets, const struct sl_spend *spends);

struct sl_budget_use {
    const char *key;
    double rate; /* as it is now, slowed down or not */
    int64_t window_ms;
    bool durable, calendar_month;
    const char *set_by;
    bool shared;  /* with other processes */
    double spent; /* by this process, since the budgets were made */
    double used;  /* by all who share it, in the window that ends now, as of the last request */
    int64_t pauses;
    int64_t paused_us; /* in all */
};
/* The i-th budget; false past the end. For reports. */
bool sl_budgets_use(const struct sl_budgets *budgets, size_t i, struct sl_budget_use *out);
/* The budget of these spends that makes a request wait longest; false: none makes it wait. */
bool sl_budgets_blocking(struct sl_budgets *budgets, const struct sl_spend *spends, int64_t now_us,
                         struct sl_budget_use *out);

#endif
