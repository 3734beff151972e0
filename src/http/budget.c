/*
 * budget.c: one budget per limit of a source. See budget.h for what is promised.
 *
 * With rate r (units) in a window W:
 *
 *   gap    W / r, the time that one unit takes; 0 where units are not spread
 *   cap    units that may lie in `span`: ceil(r) when spread, else floor(r), at least 1
 *   span   max(W, cap * W / r): >= W, so that a fraction of r shows up as a longer window. The
 *          difference span - W is the margin for jitter.
 *
 * A request of cost c may start at t when
 *   (1) t is not before the start of the last one plus its cost * gap (even spacing), and
 *   (2) sent units in (t - span, t] + unsent units + c <= cap (a c > cap: nothing else there), and
 *   (3) no pause, concurrency free, and what the source says is left covers c.
 *
 * Why (2) holds for the one who counts arrivals, if a request arrives when it is sent: take any
 * requests that arrive within one span, and of those the one that started last, at t. Each of the
 * others was at t either sent already, then within (t - span, t] because all arrive within one span
 * and the last one arrives at t or later, or still unsent: so (2) counted them all.
 *
 * Bookings nearer to each other than span / SLOTS are merged into the later of the two, so that an
 * hour of 5,000 units needs no more room than a second of five, at the price of being late by at
 * most that much.
 */
#include "http/budget.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define SLOTS 256
#define SENT_MAX (SLOTS + 2)
#define UNSENT_MAX 256
#define SLOW_DOWN_MIN 0.1 /* of the declared rate */
#define SHIFT_PART 50     /* a slow answer moves its booking by at most this part of the window */

struct booking {
    int64_t first_us, at_us; /* several merged: the first and the last of them; at_us counts */
    double cost;
};

struct budget {
    char *key;
    double declared, factor; /* rate = declared * factor */
    int64_t window_us;
    int concurrency;
    bool durable;

    double rate, gap_us, cap; /* from the above: shape() */
    int64_t span_us;

    int64_t next_us; /* (1) */
    int64_t pause_until_us;
    bool remaining_known;
    double remaining;
    int64_t resets_us;
    int in_flight;

    struct booking sent[SENT_MAX]; /* by time */
    size_t sent_count;
    struct booking unsent[UNSENT_MAX]; /* by start */
    size_t unsent_count;
    int64_t quickest_us; /* answer so far; INT64_MAX: none */

    int64_t now_us; /* latest time heard of */
    double spent;
    int64_t pauses, paused_us;
};

struct sl_budgets {
    struct budget **list;
    size_t count, room;
};

struct sl_budgets *sl_budgets_new(void)
{
    return sl_calloc(1, sizeof(struct sl_budgets));
}

void sl_budgets_free(struct sl_budgets *budgets)
{
    if (!budgets) return;
    for (size_t i = 0; i < budgets->count; i++) {
        sl_free(budgets->list[i]->key);
        sl_free(budgets->list[i]);
    }
    sl_free(budgets->list);
    sl_free(budgets);
}

static struct budget *find(const struct sl_budgets *budgets, const char *key)
{
    for (size_t i = 0; i < budgets->count; i++)
        if (!strcmp(budgets->list[i]->key, key)) return budgets->list[i];
    return NULL;
}

/* rate, gap, cap and span from what was declared. */
static void shape(struct budget *b)
{
    double window_us = (double)b->window_us;

    b->rate = b->declared * b->factor;
    bool spread = b->window_us <= SL_BUDGET_SPREAD_MS_MAX * INT64_C(1000);
    b->gap_us = spread ? window_us / b->rate : 0;
    b->cap = spread ? ceil(b->rate - 1e-9) : floor(b->rate + 1e-9);
    if (b->cap < 1) b->cap = 1;
    double span_us = fmax(window_us, b->cap * window_us / b->rate);
    /* One more, so that a window that counts both of its ends is satisfied too. */
    b->span_us = span_us < 9e15 ? (int64_t)ceil(span_us) + 1 : INT64_C(9000000000000000);
}

static struct budget *add(struct sl_budgets *budgets, const char *key)
{
    if (budgets->count == budgets->room) {
        size_t room = budgets->room ? budgets->room * 2 : 8;
        struct budget **list = sl_realloc(budgets->list, room * sizeof *list);
        if (!list) return NULL;
        budgets->list = list;
        budgets->room = room;
    }
    struct budget *b = sl_calloc(1, sizeof *b);
    if (!b) return NULL;
    b->key = sl_strdup(key);
    if (!b->key) {
        sl_free(b);
        return NULL;
    }
    b->factor = 1;
    b->next_us = b->pause_until_us = b->now_us = INT64_MIN;
    b->quickest_us = INT64_MAX;
    budgets->list[budgets->count++] = b;
    return b;
}

enum sl_code sl_budgets_limit(struct sl_budgets *budgets, const struct sl_limit *limit,
                              struct sl_error *error)
{
    if (!limit->key || !isfinite(limit->rate) || limit->rate <= 0 || limit->window_ms <= 0 ||
        limit->window_ms > INT64_C(366) * 86400000 || limit->concurrency < 0)
        return sl_fail(error, SL_BUG, "limit '%s': a rate and a window above 0 are needed",
                       limit->key ? limit->key : "");

    struct budget *b = find(budgets, limit->key);
    if (!b && budgets->count >= SL_BUDGETS_MAX)
        return sl_fail(error, SL_TOO_LARGE, "more than %d limits were declared", SL_BUDGETS_MAX);
    if (!b) b = add(budgets, limit->key);
    if (!b) return sl_fail(error, SL_NO_MEMORY, "limit '%s': out of memory", limit->key);
    b->declared = limit->rate;
    b->window_us = limit->window_ms * 1000;
    b->concurrency = limit->concurrency;
    b->durable = limit->durable;
    shape(b);
    return SL_OK;
}

static void heard(struct budget *b, int64_t now_us)
{
    if (now_us > b->now_us) b->now_us = now_us;
}

void sl_budgets_remaining(struct sl_budgets *budgets, const char *key, double remaining,
                          int64_t now_us, int64_t resets_in_us)
{
    struct budget *b = find(budgets, key);

    if (!b || isnan(remaining)) return;
    heard(b, now_us);
    int64_t resets_us = now_us + (resets_in_us >= 0 ? resets_in_us : b->window_us);
    /* Answers overtake each other: within one period the lowest that was said is the newest. A
     * reset that moved by more than a rounding of seconds is a new period. */
    bool same = b->remaining_known && now_us < b->resets_us &&
                (resets_in_us < 0 || llabs(resets_us - b->resets_us) < 2000000);
    if (same) {
        b->remaining = fmin(b->remaining, remaining);
        return;
    }
    b->remaining = remaining;
    b->resets_us = resets_us;
    b->remaining_known = true;
}

void sl_budgets_pause(struct sl_budgets *budgets, const char *key, int64_t until_us,
                      double slow_down)
{
    struct budget *b = find(budgets, key);

    if (!b) return;
    int64_t from_us = b->pause_until_us > b->now_us ? b->pause_until_us : b->now_us;
    if (until_us > from_us) {
        if (from_us != INT64_MIN) b->paused_us += until_us - from_us;
        b->pause_until_us = until_us;
    }
    b->pauses++;
    if (slow_down > 0 && slow_down < 1) {
        b->factor = fmax(b->factor * slow_down, SLOW_DOWN_MIN);
        shape(b);
    }
}

/* ------------------------------------------------------------------ bookings */

static void forget_old(struct budget *b, int64_t now_us)
{
    size_t old = 0;

    while (old < b->sent_count && b->sent[old].at_us <= now_us - b->span_us) old++;
    if (!old) return;
    b->sent_count -= old;
    memmove(b->sent, b->sent + old, b->sent_count * sizeof *b->sent);
}

static void book_sent(struct budget *b, int64_t at_us, double cost)
{
    int64_t near_us = b->span_us / SLOTS;
    bool full = b->sent_count == SENT_MAX;
    size_t i = b->sent_count;

    while (i > 0 && b->sent[i - 1].at_us > at_us) i--;
    /* Into the next later one when that is near, else into the one before, which then moves; when
     * there is no room, into whichever there is: later is always the safe side. */
    if (i < b->sent_count && (full || b->sent[i].at_us - at_us < near_us)) {
        b->sent[i].cost += cost;
        if (at_us < b->sent[i].first_us) b->sent[i].first_us = at_us;
        return;
    }
    if (i > 0 && (full || at_us - b->sent[i - 1].first_us < near_us)) {
        b->sent[i - 1].cost += cost;
        b->sent[i - 1].at_us = at_us;
        return;
    }
    memmove(b->sent + i + 1, b->sent + i, (b->sent_count - i) * sizeof *b->sent);
    b->sent[i] = (struct booking){.first_us = at_us, .at_us = at_us, .cost = cost};
    b->sent_count++;
}

static void unsent_leaves(struct budget *b, size_t i)
{
    b->unsent_count--;
    memmove(b->unsent + i, b->unsent + i + 1, (b->unsent_count - i) * sizeof *b->unsent);
}

/* When (2) holds for `cost`, if nothing else happens. */
static int64_t window_ready(const struct budget *b, double cost, int64_t now_us)
{
    double sum = 0;

    for (size_t i = 0; i < b->unsent_count; i++) sum += b->unsent[i].cost;
    for (size_t i = 0; i < b->sent_count; i++) sum += b->sent[i].cost;

    int64_t at_us = now_us;
    for (size_t i = 0; i <= b->sent_count; i++) {
        bool alone = i == b->sent_count && b->unsent_count == 0;
        if (sum + cost <= b->cap + 1e-6 || alone) return at_us;
        if (i == b->sent_count) break;
        sum -= b->sent[i].cost;
        if (b->sent[i].at_us + b->span_us > at_us) at_us = b->sent[i].at_us + b->span_us;
    }
    return INT64_MAX; /* only what is under way can make room */
}

static int64_t later(int64_t a_us, int64_t b_us)
{
    return a_us > b_us ? a_us : b_us;
}

static int64_t budget_ready(struct budget *b, double cost, int64_t now_us)
{
    heard(b, now_us);
    forget_old(b, now_us);
    if (b->concurrency > 0 && b->in_flight >= b->concurrency) return INT64_MAX;
    if (b->unsent_count == UNSENT_MAX) return INT64_MAX;

    int64_t at_us = later(now_us, b->pause_until_us);
    at_us = later(at_us, b->next_us);
    if (b->remaining_known && now_us >= b->resets_us) b->remaining_known = false;
    if (b->remaining_known && b->remaining < cost) at_us = later(at_us, b->resets_us);
    return later(at_us, window_ready(b, cost, now_us));
}

int64_t sl_budgets_ready(struct sl_budgets *budgets, const struct sl_spend *spends, int64_t now_us)
{
    int64_t at_us = now_us;

    for (const struct sl_spend *s = spends; s->key; s++) {
        struct budget *b = find(budgets, s->key);
        if (b) at_us = later(at_us, budget_ready(b, s->cost, now_us));
    }
    return at_us;
}

void sl_budgets_start(struct sl_budgets *budgets, const struct sl_spend *spends, int64_t now_us)
{
    for (const struct sl_spend *s = spends; s->key; s++) {
        struct budget *b = find(budgets, s->key);
        if (!b) continue;
        heard(b, now_us);
        b->spent += s->cost;
        b->in_flight++;
        b->next_us = now_us + (int64_t)ceil(s->cost * b->gap_us);
        if (b->remaining_known) b->remaining -= s->cost;
        assert(b->unsent_count < UNSENT_MAX);
        b->unsent[b->unsent_count++] = (struct booking){now_us, now_us, s->cost};
    }
}

void sl_budgets_sent(struct sl_budgets *budgets, const struct sl_spend *spends, int64_t started_us,
                     int64_t sent_us)
{
    for (const struct sl_spend *s = spends; s->key; s++) {
        struct budget *b = find(budgets, s->key);
        if (!b) continue;
        heard(b, sent_us);
        size_t i = 0;
        while (i < b->unsent_count &&
               (b->unsent[i].at_us != started_us || b->unsent[i].cost != s->cost))
            i++;
        /* Not there: sent once more over a new connection. That is one more for the source. */
        if (i < b->unsent_count) unsent_leaves(b, i);
        book_sent(b, sent_us, s->cost);
    }
}

/* Moves a booking at sent_us later by shift_us. */
static void shift(struct budget *b, int64_t sent_us, double cost, int64_t shift_us)
{
    for (size_t i = 0; i < b->sent_count; i++) {
        struct booking *s = &b->sent[i];
        if (s->first_us > sent_us || s->at_us < sent_us) continue;
        if (s->at_us >= sent_us + shift_us) return; /* merged with a later one */
        if (s->cost <= cost) {
            b->sent_count--;
            memmove(s, s + 1, (b->sent_count - i) * sizeof *s);
        } else {
            s->cost -= cost;
        }
        book_sent(b, sent_us + shift_us, cost);
        return;
    }
}

void sl_budgets_answered(struct sl_budgets *budgets, const struct sl_spend *spends, int64_t sent_us,
                         int64_t now_us)
{
    if (sent_us <= 0 || now_us < sent_us) return;
    for (const struct sl_spend *s = spends; s->key; s++) {
        struct budget *b = find(budgets, s->key);
        if (!b) continue;
        heard(b, now_us);
        int64_t took_us = now_us - sent_us;
        if (took_us < b->quickest_us) b->quickest_us = took_us;
        if (b->gap_us <= 0) continue;
        int64_t shift_us = took_us - b->quickest_us, most_us = b->span_us - b->window_us;
        if (most_us > b->window_us / SHIFT_PART) most_us = b->window_us / SHIFT_PART;
        if (shift_us > most_us) shift_us = most_us;
        if (shift_us > 1) shift(b, sent_us, s->cost, shift_us);
    }
}

void sl_budgets_end(struct sl_budgets *budgets, const struct sl_spend *spends)
{
    for (const struct sl_spend *s = spends; s->key; s++) {
        struct budget *b = find(budgets, s->key);
        if (!b) continue;
        if (b->in_flight == 0) continue; /* declared while this was under way */
        b->in_flight--;
        if (b->unsent_count <= (size_t)b->in_flight) continue;
        /* Nobody said when it went out, so it was at its start. Which of several it was does not
         * matter: the oldest stands for it. */
        struct booking oldest = b->unsent[0];
        unsent_leaves(b, 0);
        book_sent(b, oldest.at_us, oldest.cost);
    }
}

bool sl_budgets_use(const struct sl_budgets *budgets, size_t i, struct sl_budget_use *out)
{
    if (i >= budgets->count) return false;
    const struct budget *b = budgets->list[i];
    *out = (struct sl_budget_use){
        .key = b->key,
        .rate = b->rate,
        .window_ms = b->window_us / 1000,
        .spent = b->spent,
        .pauses = b->pauses,
        .paused_us = b->paused_us,
    };
    return true;
}
