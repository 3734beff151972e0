#include "http/budget_rule.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "http/budget.h"

#define SLOW_DOWN_MIN 0.1 /* of the declared rate */
#define SAME_RESET_US 2000000

void sl_rule_clear(struct sl_rule_state *state)
{
    memset(state, 0, sizeof *state);
    state->factor = 1;
    state->next_us = state->pause_until_us = INT64_MIN;
}

void sl_rule_shape(struct sl_rule *rule, const struct sl_rule_state *state)
{
    double window_us = (double)rule->window_us, declared = INFINITY;
    bool spread = rule->window_us <= SL_BUDGET_SPREAD_MS_MAX * INT64_C(1000);

    for (int i = 0; i < SL_RULE_MEMBERS_MAX; i++)
        if (state->members[i].present && state->members[i].declared < declared)
            declared = state->members[i].declared;
    assert(isfinite(declared));
    rule->rate = declared * state->factor;
    rule->gap_us = spread ? window_us / rule->rate : 0;
    rule->cap = spread ? ceil(rule->rate - 1e-9) : floor(rule->rate + 1e-9);
    if (rule->cap < 1) rule->cap = 1;
    double span_us = fmax(window_us, rule->cap * window_us / rule->rate);
    /* One more, so that a window that counts both of its ends is satisfied too. */
    rule->span_us = span_us < 9e15 ? (int64_t)ceil(span_us) + 1 : INT64_C(9000000000000000);
}

/* ------------------------------------------------------------------ bookings */

/* The first moment of the next month, UTC. */
static int64_t month_after(int64_t at_us)
{
    char text[SL_TIME_TEXT_MAX];
    int32_t days;

    sl_date_format((int32_t)(at_us / SL_DAY_US), text);
    int year = (int)strtol(text, NULL, 10), month = (int)strtol(text + 5, NULL, 10);
    snprintf(text, sizeof text, "%04d-%02d-01", month == 12 ? year + 1 : year, month % 12 + 1);
    if (!sl_date_parse(text, strlen(text), &days)) return INT64_MAX;
    return days * SL_DAY_US;
}

/* When a booking counts no longer. */
static int64_t over(const struct sl_rule *rule, int64_t at_us)
{
    int64_t end_us = at_us + rule->span_us;

    if (!rule->calendar_month) return end_us;
    int64_t month_us = month_after(at_us);
    return month_us < end_us ? month_us : end_us;
}

static void forget_old(const struct sl_rule *rule, struct sl_rule_state *state, int64_t now_us)
{
    int64_t old = 0;

    while (old < state->sent_count && over(rule, state->sent[old].at_us) <= now_us) old++;
    if (!old) return;
    state->sent_count -= old;
    memmove(state->sent, state->sent + old, (size_t)state->sent_count * sizeof *state->sent);
}

static void book_sent(const struct sl_rule *rule, struct sl_rule_state *state, int64_t at_us,
                      double cost)
{
    struct sl_rule_booking *sent = state->sent;
    int64_t near_us = rule->span_us / SL_RULE_SLOTS;
    bool full = state->sent_count == SL_RULE_SENT_MAX;
    int64_t i = state->sent_count;

    while (i > 0 && sent[i - 1].at_us > at_us) i--;
    /* Into the next later one when that is near, else into the one before, which then moves; when
     * there is no room, into whichever there is: later is always the safe side. */
    if (i < state->sent_count && (full || sent[i].at_us - at_us < near_us)) {
        sent[i].cost += cost;
        if (at_us < sent[i].first_us) sent[i].first_us = at_us;
        return;
    }
    if (i > 0 && (full || at_us - sent[i - 1].first_us < near_us)) {
        sent[i - 1].cost += cost;
        sent[i - 1].at_us = at_us;
        return;
    }
    memmove(sent + i + 1, sent + i, (size_t)(state->sent_count - i) * sizeof *sent);
    sent[i] = (struct sl_rule_booking){.first_us = at_us, .at_us = at_us, .cost = cost};
    state->sent_count++;
}

static void unsent_leaves(struct sl_rule_state *state, int64_t i)
{
    state->unsent_count--;
    memmove(state->unsent + i, state->unsent + i + 1,
            (size_t)(state->unsent_count - i) * sizeof *state->unsent);
}

static int64_t unsent_of(const struct sl_rule_state *state, int member)
{
    int64_t count = 0;

    for (int64_t i = 0; i < state->unsent_count; i++) count += state->unsent[i].member == member;
    return count;
}

/* When (2) holds for `cost`, if nothing else happens. */
static int64_t window_ready(const struct sl_rule *rule, const struct sl_rule_state *state,
                            double cost, int64_t now_us)
{
    double sum = 0;

    for (int64_t i = 0; i < state->unsent_count; i++) sum += state->unsent[i].cost;
    for (int64_t i = 0; i < state->sent_count; i++) sum += state->sent[i].cost;

    int64_t at_us = now_us;
    for (int64_t i = 0; i <= state->sent_count; i++) {
        bool alone = i == state->sent_count && state->unsent_count == 0;
        if (sum + cost <= rule->cap + 1e-6 || alone) return at_us;
        if (i == state->sent_count) break;
        sum -= state->sent[i].cost;
        int64_t over_us = over(rule, state->sent[i].at_us);
        if (over_us > at_us) at_us = over_us;
    }
    return INT64_MAX; /* only what is under way can make room */
}

static int64_t later(int64_t a_us, int64_t b_us)
{
    return a_us > b_us ? a_us : b_us;
}

int64_t sl_rule_ready(const struct sl_rule *rule, struct sl_rule_state *state, double cost,
                      int64_t now_us)
{
    int64_t in_flight = 0;

    forget_old(rule, state, now_us);
    for (int i = 0; i < SL_RULE_MEMBERS_MAX; i++) in_flight += state->members[i].in_flight;
    if (rule->concurrency > 0 && in_flight >= rule->concurrency) return INT64_MAX;
    if (state->unsent_count == SL_RULE_UNSENT_MAX) return INT64_MAX;

    int64_t at_us = later(now_us, state->pause_until_us);
    at_us = later(at_us, state->next_us);
    if (state->remaining_known && now_us >= state->resets_us) state->remaining_known = false;
    if (state->remaining_known && state->remaining < cost) at_us = later(at_us, state->resets_us);
    return later(at_us, window_ready(rule, state, cost, now_us));
}

void sl_rule_start(const struct sl_rule *rule, struct sl_rule_state *state, int member, double cost,
                   int64_t now_us)
{
    assert(state->unsent_count < SL_RULE_UNSENT_MAX);
    state->members[member].in_flight++;
    state->next_us = now_us + (int64_t)ceil(cost * rule->gap_us);
    if (state->remaining_known) state->remaining -= cost;
    state->unsent[state->unsent_count++] = (struct sl_rule_booking){now_us, now_us, cost, member};
}

void sl_rule_sent(const struct sl_rule *rule, struct sl_rule_state *state, int member, double cost,
                  int64_t started_us, int64_t sent_us)
{
    int64_t i = 0;

    while (i < state->unsent_count &&
           (state->unsent[i].at_us != started_us || state->unsent[i].cost != cost ||
            state->unsent[i].member != member))
        i++;
    /* Not there: sent once more over a new connection. That is one more for the source. */
    if (i < state->unsent_count) unsent_leaves(state, i);
    book_sent(rule, state, sent_us, cost);
}

void sl_rule_late(const struct sl_rule *rule, struct sl_rule_state *state, double cost,
                  int64_t sent_us, int64_t shift_us)
{
    for (int64_t i = 0; i < state->sent_count; i++) {
        struct sl_rule_booking *s = &state->sent[i];
        if (s->first_us > sent_us || s->at_us < sent_us) continue;
        if (s->at_us >= sent_us + shift_us) return; /* merged with a later one */
        if (s->cost <= cost) {
            state->sent_count--;
            memmove(s, s + 1, (size_t)(state->sent_count - i) * sizeof *s);
        } else {
            s->cost -= cost;
        }
        book_sent(rule, state, sent_us + shift_us, cost);
        return;
    }
}

void sl_rule_end(const struct sl_rule *rule, struct sl_rule_state *state, int member)
{
    if (state->members[member].in_flight == 0) return; /* declared while this was under way */
    state->members[member].in_flight--;
    if (unsent_of(state, member) <= state->members[member].in_flight) return;
    /* Nobody said when it went out, so it was at its start. Which of several it was does not
     * matter: the oldest stands for it. */
    int64_t i = 0;
    while (state->unsent[i].member != member) i++;
    struct sl_rule_booking oldest = state->unsent[i];
    unsent_leaves(state, i);
    book_sent(rule, state, oldest.at_us, oldest.cost);
}

void sl_rule_remaining(const struct sl_rule *rule, struct sl_rule_state *state, double remaining,
                       int64_t now_us, int64_t resets_in_us)
{
    int64_t resets_us = now_us + (resets_in_us >= 0 ? resets_in_us : rule->window_us);
    /* Answers overtake each other: within one period the lowest that was said is the newest. A
     * reset that moved by more than a rounding of seconds is a new period. */
    bool same = state->remaining_known && now_us < state->resets_us &&
                (resets_in_us < 0 || llabs(resets_us - state->resets_us) < SAME_RESET_US);

    if (same) {
        state->remaining = fmin(state->remaining, remaining);
        return;
    }
    state->remaining = remaining;
    state->resets_us = resets_us;
    state->remaining_known = true;
}

void sl_rule_slow_down(struct sl_rule_state *state, double factor)
{
    state->factor = fmax(state->factor * factor, SLOW_DOWN_MIN);
}

/* ------------------------------------------------------------------ members */

void sl_rule_leave(const struct sl_rule *rule, struct sl_rule_state *state, int member,
                   int64_t now_us)
{
    for (int64_t i = state->unsent_count; i-- > 0;) {
        struct sl_rule_booking left = state->unsent[i];
        if (left.member != member) continue;
        unsent_leaves(state, i);
        book_sent(rule, state, now_us, left.cost);
    }
    state->members[member] = (struct sl_rule_member){0};
}

void sl_rule_age(const struct sl_rule *rule, struct sl_rule_state *state, int member,
                 int64_t before_us, int64_t now_us)
{
    for (int64_t i = state->unsent_count; i-- > 0;) {
        struct sl_rule_booking old = state->unsent[i];
        if (old.member == member || old.at_us >= before_us) continue;
        unsent_leaves(state, i);
        book_sent(rule, state, now_us, old.cost);
    }
}

void sl_rule_not_after(struct sl_rule_state *state, int64_t now_us)
{
    for (int64_t i = 0; i < state->sent_count; i++) {
        struct sl_rule_booking *s = &state->sent[i];
        if (s->at_us > now_us) s->at_us = now_us;
        if (s->first_us > now_us) s->first_us = now_us;
    }
    if (state->next_us > now_us) state->next_us = now_us;
}

bool sl_rule_others(const struct sl_rule_state *state, int member)
{
    for (int i = 0; i < SL_RULE_MEMBERS_MAX; i++)
        if (i != member && state->members[i].in_flight > 0) return true;
    return unsent_of(state, member) < state->unsent_count;
}

double sl_rule_used(const struct sl_rule *rule, const struct sl_rule_state *state, int64_t now_us)
{
    double sum = 0;

    for (int64_t i = 0; i < state->unsent_count; i++) sum += state->unsent[i].cost;
    for (int64_t i = 0; i < state->sent_count; i++)
        if (over(rule, state->sent[i].at_us) > now_us) sum += state->sent[i].cost;
    return sum;
}
