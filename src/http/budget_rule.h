/*
 * budget_rule.h: what one limit of a source allows. Private to src/http.
 *
 * Pure: a state, a time, a cost go in; the state changes, a time comes out. The state may be one
 * process's own or one that several share (budget_store.h): it knows by member who holds what.
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
 * and the last one arrives at t or later, or still unsent: so (2) counted them all. "Last" is the
 * order in which the members changed the state, one at a time, so the same holds for processes.
 *
 * Bookings nearer to each other than span / SLOTS are merged into the later of the two, so that an
 * hour of 5,000 units needs no more room than a second of five, at the price of being late by at
 * most that much.
 */
#ifndef SL_BUDGET_RULE_H
#define SL_BUDGET_RULE_H

#include <sluice/connector.h>

#define SL_RULE_SLOTS 256
#define SL_RULE_SENT_MAX (SL_RULE_SLOTS + 2)
#define SL_RULE_UNSENT_MAX 256
#define SL_RULE_MEMBERS_MAX 64 /* processes that share one limit */

struct sl_rule_booking {
    int64_t first_us, at_us; /* several merged: the first and the last of them; at_us counts */
    double cost;
    int64_t member; /* who started it, while it is unsent */
};

struct sl_rule_member {
    int64_t present;
    double declared; /* rate: the lowest of all members counts */
    int64_t in_flight;
};

/* Eight bytes each, so that it can be stored as it is. */
struct sl_rule_state {
    int64_t next_us; /* (1) */
    int64_t pause_until_us;
    double factor; /* slowed down: on the declared rate */
    int64_t remaining_known;
    double remaining;
    int64_t resets_us;
    int64_t sent_count, unsent_count;
    struct sl_rule_member members[SL_RULE_MEMBERS_MAX];
    struct sl_rule_booking sent[SL_RULE_SENT_MAX];     /* by time */
    struct sl_rule_booking unsent[SL_RULE_UNSENT_MAX]; /* by start */
};

struct sl_rule {
    int64_t window_us;
    int concurrency;
    bool calendar_month;

    double rate, gap_us, cap; /* sl_rule_shape() */
    int64_t span_us;
};

void sl_rule_clear(struct sl_rule_state *state);
/* rate, gap, cap and span from what the members declared. */
void sl_rule_shape(struct sl_rule *rule, const struct sl_rule_state *state);
/* When may this start? now_us: at once; INT64_MAX: when something that is under way has ended. */
int64_t sl_rule_ready(const struct sl_rule *rule, struct sl_rule_state *state, double cost,
                      int64_t now_us);
/* It starts; only when it is ready. */
void sl_rule_start(const struct sl_rule *rule, struct sl_rule_state *state, int member, double cost,
                   int64_t now_us);
void sl_rule_sent(const struct sl_rule *rule, struct sl_rule_state *state, int member, double cost,
                  int64_t started_us, int64_t sent_us);
/* What was sent at sent_us may have arrived shift_us later. */
void sl_rule_late(const struct sl_rule *rule, struct sl_rule_state *state, double cost,
                  int64_t sent_us, int64_t shift_us);
void sl_rule_end(const struct sl_rule *rule, struct sl_rule_state *state, int member);
void sl_rule_remaining(const struct sl_rule *rule, struct sl_rule_state *state, double remaining,
                       int64_t now_us, int64_t resets_in_us);
void sl_rule_slow_down(struct sl_rule_state *state, double factor);
/* A member is gone: what it had not sent counts as sent now, the latest it can have been. */
void sl_rule_leave(const struct sl_rule *rule, struct sl_rule_state *state, int member,
                   int64_t now_us);
/* What others started before before_us and never sent counts as sent now: a process that stands
 * still must not hold the others up for ever. */
void sl_rule_age(const struct sl_rule *rule, struct sl_rule_state *state, int member,
                 int64_t before_us, int64_t now_us);
/* The wall clock was set back: nothing that was booked lies in the future. */
void sl_rule_not_after(struct sl_rule_state *state, int64_t now_us);
/* Are requests of other members under way? */
bool sl_rule_others(const struct sl_rule_state *state, int member);
/* Units in the window that ends now. */
double sl_rule_used(const struct sl_rule *rule, const struct sl_rule_state *state, int64_t now_us);

#endif
