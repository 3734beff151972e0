/* count.c: see count.h. */
#include "sim/count.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/time.h"

static bool ring_add(struct sim_ring *ring, int64_t time_us)
{
    if (ring->count == ring->cap) {
        size_t cap = ring->cap ? ring->cap * 2 : 16;
        int64_t *times = sl_alloc(cap * sizeof *times);

        if (!times) return false;
        for (size_t i = 0; i < ring->count; i++)
            times[i] = ring->times[(ring->start + i) % ring->cap];
        sl_free(ring->times);
        *ring = (struct sim_ring){.times = times, .count = ring->count, .cap = cap};
    }
    assert(ring->times && ring->count < ring->cap);
    ring->times[(ring->start + ring->count++) % ring->cap] = time_us;
    return true;
}

/* Forgets what is not after limit_us. */
static void ring_drop(struct sim_ring *ring, int64_t limit_us)
{
    while (ring->count && ring->times[ring->start] <= limit_us) {
        ring->start = (ring->start + 1) % ring->cap;
        ring->count--;
    }
}

struct sim_counter *sim_counter_of(struct sim_counters *counters, const char *key)
{
    for (size_t i = 0; i < counters->count; i++)
        if (strcmp(counters->list[i].key, key) == 0) return &counters->list[i];
    if (counters->count == counters->cap) {
        size_t cap = counters->cap ? counters->cap * 2 : 4;
        struct sim_counter *list = sl_realloc(counters->list, cap * sizeof *list);

        if (!list) return NULL;
        counters->list = list;
        counters->cap = cap;
    }
    struct sim_counter *counter = &counters->list[counters->count++];

    *counter = (struct sim_counter){0};
    (void)snprintf(counter->key, sizeof counter->key, "%s", key);
    return counter;
}

enum sl_code sim_counter_take(struct sim_counter *counter, double rate, int64_t window_us,
                              int64_t penalty_us, int64_t now_us, bool *allowed,
                              struct sl_error *error)
{
    *allowed = true;
    counter->requests++;
    ring_drop(&counter->second, now_us - SL_SECOND_US);
    if (!ring_add(&counter->second, now_us))
        return sl_fail(error, SL_NO_MEMORY, "could not count a request");
    if ((int64_t)counter->second.count > counter->peak_per_second)
        counter->peak_per_second = (int64_t)counter->second.count;
    if (rate <= 0) return SL_OK;
    if (now_us < counter->blocked_until_us) {
        counter->limited++;
        *allowed = false;
        return SL_OK;
    }
    ring_drop(&counter->window, now_us - window_us);
    if ((double)counter->window.count + 1 > rate) {
        counter->limited++;
        counter->blocked_until_us = now_us + penalty_us;
        *allowed = false;
        return SL_OK;
    }
    if (!ring_add(&counter->window, now_us))
        return sl_fail(error, SL_NO_MEMORY, "could not count a request");
    return SL_OK;
}

void sim_counters_reset(struct sim_counters *counters)
{
    for (size_t i = 0; i < counters->count; i++) {
        struct sim_counter *counter = &counters->list[i];

        counter->requests = counter->limited = 0;
        counter->peak_per_second = 0;
        counter->second.count = 0;
    }
}

void sim_counters_clear(struct sim_counters *counters)
{
    for (size_t i = 0; i < counters->count; i++) {
        sl_free(counters->list[i].second.times);
        sl_free(counters->list[i].window.times);
    }
    sl_free(counters->list);
    *counters = (struct sim_counters){0};
}
