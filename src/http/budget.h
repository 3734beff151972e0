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
 * All flows of a process share one sl_budgets. Nothing in here looks at a clock or at other
 * processes; sharing keys between processes is another implementation of this same face.
 *
 * Threads: one thread, the one of the loop. Times are monotonic microseconds handed in.
 * Keys that nobody declared are not limited.
 */
#ifndef SL_BUDGET_H
#define SL_BUDGET_H

#include <sluice/connector.h>

#define SL_BUDGET_SPREAD_MS_MAX 60000
#define SL_BUDGETS_MAX 4096 /* keys */

struct sl_budgets;

struct sl_budgets *sl_budgets_new(void); /* NULL: no memory */
void sl_budgets_free(struct sl_budgets *budgets);

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
 * time worth asking again; INT64_MAX when it waits for a request in flight to end. */
int64_t sl_budgets_ready(struct sl_budgets *budgets, const struct sl_spend *spends, int64_t now_us);
/* It starts now: spends are booked. Only after _ready said now, with that same time. */
void sl_budgets_start(struct sl_budgets *budgets, const struct sl_spend *spends, int64_t now_us);
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
    double spent; /* since the budgets were made */
    int64_t pauses;
    int64_t paused_us; /* in all */
};
/* The i-th budget; false past the end. For reports. */
bool sl_budgets_use(const struct sl_budgets *budgets, size_t i, struct sl_budget_use *out);

#endif
