/*
 * budget.h: a limit of a source is never tripped by us.
 *
 * One budget per limit key. At most `rate` units are started in any window of `window_ms` that one
 * could lay over the run (a sliding window, not a bucket that allows a burst after a pause), spread
 * evenly when rate is above one; at most `concurrency` at once. A pause stops a key until a time.
 *
 * All flows of a process share one sl_budgets. Across processes the same keys can be backed by a
 * shared store: struct sl_budget_store is that seam (NULL: this process alone).
 *
 * Threads: one thread, the one of the loop. Times are monotonic microseconds handed in.
 */
#ifndef SL_BUDGET_H
#define SL_BUDGET_H

#include <sluice/connector.h>

struct sl_budgets;

struct sl_budgets *sl_budgets_new(void); /* NULL: no memory */
void sl_budgets_free(struct sl_budgets *budgets);

SL_MUST_USE enum sl_code sl_budgets_limit(struct sl_budgets *budgets, const struct sl_limit *limit,
                                          struct sl_error *error);
/* What the source says is left; resets_in_us < 0: unknown. */
void sl_budgets_remaining(struct sl_budgets *budgets, const char *key, double remaining,
                          int64_t now_us, int64_t resets_in_us);
/* Nothing that spends key starts before until_us. slow_down: factor on its rate; 0: as it is. */
void sl_budgets_pause(struct sl_budgets *budgets, const char *key, int64_t until_us,
                      double slow_down);

/* When could a request with these spends start? Returns now_us when at once, else the earliest
 * time worth asking again; INT64_MAX when it waits for a request in flight to end. */
int64_t sl_budgets_ready(struct sl_budgets *budgets, const struct sl_spend *spends, int64_t now_us);
/* It starts now: spends are booked. Only after _ready said now. */
void sl_budgets_start(struct sl_budgets *budgets, const struct sl_spend *spends, int64_t now_us);
/* It ended: its concurrency is free again. */
void sl_budgets_end(struct sl_budgets *budgets, const struct sl_spend *spends);

struct sl_budget_use {
    const char *key;
    double rate;
    int64_t window_ms;
    double spent;      /* since the budgets were made */
    int64_t pauses;
    int64_t paused_us; /* in all */
};
/* The i-th budget; false past the end. For reports. */
bool sl_budgets_use(const struct sl_budgets *budgets, size_t i, struct sl_budget_use *out);

#endif
