/*
 * count.h: how often each base or account was asked, the fastest second of it, and its limit.
 *
 * A second here is any window of one second that one could lay over the run: [t, t + 1s).
 */
#ifndef SIM_COUNT_H
#define SIM_COUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/error.h>

struct sim_ring { /* times, oldest first */
    int64_t *times;
    size_t start, count, cap;
};

struct sim_counter {
    char key[64];
    bool primary; /* what the limit is mainly about: a base, not the user */
    int64_t requests, limited, peak_per_second;
    int64_t blocked_until_us;
    struct sim_ring second; /* every request of the last second */
    struct sim_ring window; /* the requests that the limit let through, in its window */
};

struct sim_counters {
    struct sim_counter *list;
    size_t count, cap;
};

/* The counter of this key, made when new; NULL: no memory. Valid until the next call. */
struct sim_counter *sim_counter_of(struct sim_counters *counters, const char *key);
/* A request arrives. *allowed: may it pass? rate <= 0: always. */
SL_MUST_USE enum sl_code sim_counter_take(struct sim_counter *counter, double rate,
                                          int64_t window_us, int64_t penalty_us, int64_t now_us,
                                          bool *allowed, struct sl_error *error);
void sim_counters_clear(struct sim_counters *counters); /* forgets everything, blocks too */
void sim_counters_reset(struct sim_counters *counters); /* zeroes the sums, keeps the blocks */

#endif
