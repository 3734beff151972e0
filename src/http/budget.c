/*
 * budget.c: the limits of a process, its own or shared. budget.h promises, budget_rule.h decides,
 * budget_store.h keeps what is shared.
 *
 * A shared budget is held (locked and read) for each look and each change. Several at once are held
 * in the order of their files, so that two processes never wait for each other.
 */
#include "http/budget.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "http/budget_rule.h"
#include "http/budget_store.h"

#define SHIFT_PART 50 /* a slow answer moves its booking by at most this part of the window */
#define POLL_US 20000 /* while a request of another process has to end first */
#define SPENDS_MAX 16 /* of one request */
#define UNSENT_AGE_US                                                                              \
    INT64_C(600000000) /* nobody connects for so long: that process stands still */
#define DAMAGE_PAUSE_US INT64_C(60000000)

struct budget {
    char *key, *set_by;
    double declared;
    bool durable;
    struct sl_rule rule;
    struct sl_rule_state state; /* our own, or what was last read */

    bool share; /* wanted, and not yet failed */
    struct sl_store_file *file;
    bool held, changed;
    int member; /* which of them we are */
    int64_t in_flight;
    /* Until then a request of this cost or more need not ask again. */
    int64_t not_before_us;
    double not_before_cost;

    int64_t quickest_us; /* answer so far; INT64_MAX: none */
    int64_t now_us;      /* latest time heard of */
    double spent;
    int64_t pauses, paused_us;
};

struct sl_budgets {
    struct budget **list;
    size_t count, room;
    struct sl_store *store, *durable_store;
    size_t shared;
    int64_t wall_offset_us; /* the wall clock is ahead of the monotonic one by this */
    void (*note)(void *ctx, const char *text);
    void *note_ctx;
    bool noted;
};

struct sl_budgets *sl_budgets_new(void)
{
    return sl_calloc(1, sizeof(struct sl_budgets));
}

/* ------------------------------------------------------------------ holding */

/* Times of a durable budget are those of the wall clock. */
static int64_t inside(const struct sl_budgets *budgets, const struct budget *b, int64_t us)
{
    return b->durable && us != INT64_MIN ? us + budgets->wall_offset_us : us;
}

static int64_t outside(const struct sl_budgets *budgets, const struct budget *b, int64_t us)
{
    return b->durable && us != INT64_MAX && us != INT64_MIN ? us - budgets->wall_offset_us : us;
}

static void say(struct sl_budgets *budgets, const struct sl_error *why)
{
    char text[sizeof why->message + 128];

    if (budgets->noted || !budgets->note) return;
    budgets->noted = true;
    strcpy(text, "limits of the source are not shared with other sluice processes: ");
    strcat(text, why->message);
    budgets->note(budgets->note_ctx, text);
}

static void register_member(struct budget *b)
{
    b->state.members[b->member] = (struct sl_rule_member){true, b->declared, b->in_flight};
    sl_rule_shape(&b->rule, &b->state);
}

/* From here on this process counts for itself, and goes on from what it knows. */
static void stop_sharing(struct sl_budgets *budgets, struct budget *b, const struct sl_error *why)
{
    say(budgets, why);
    sl_store_file_free(b->file);
    b->file = NULL;
    b->share = b->held = false;
    if (b->member < 0) { /* we never were one of them */
        b->member = 0;
        sl_rule_clear(&b->state);
    }
    for (int i = 0; i < SL_RULE_MEMBERS_MAX; i++)
        if (i != b->member) sl_rule_leave(&b->rule, &b->state, i, inside(budgets, b, b->now_us));
    register_member(b);
}

/* Members that died are taken out; what others left unsent for too long counts as sent. */
static bool tidy(struct budget *b, int64_t now_us)
{
    bool others = false;

    for (int i = 0; i < SL_RULE_MEMBERS_MAX; i++) {
        if (i == b->member || !b->state.members[i].present) continue;
        if (sl_store_alive(b->file, i)) {
            others = true;
            continue;
        }
        sl_rule_leave(&b->rule, &b->state, i, now_us);
        b->changed = true;
    }
    if (others) sl_rule_age(&b->rule, &b->state, b->member, now_us - UNSENT_AGE_US, now_us);
    return others;
}

/* We are this member now: its predecessor left, and we begin with what is there. */
static void join(struct budget *b, int member, enum sl_store_found found, int64_t now_us)
{
    int64_t damage_us = b->rule.window_us < DAMAGE_PAUSE_US ? b->rule.window_us : DAMAGE_PAUSE_US;

    b->member = member;
    register_member(b);
    sl_rule_leave(&b->rule, &b->state, member, now_us);
    register_member(b);
    if (found == SL_STORE_DAMAGED) b->state.pause_until_us = now_us + damage_us; /* safe again */
    if (b->durable) sl_rule_not_after(&b->state, now_us);
    if (!tidy(b, now_us)) b->state.factor = 1; /* a new run, at the full rate */
    sl_rule_shape(&b->rule, &b->state);
    b->changed = true;
}

static void open_shared(struct sl_budgets *budgets, struct budget *b)
{
    struct sl_store *store = b->durable ? budgets->durable_store : budgets->store;
    struct sl_error error = {0};

    if (budgets->shared >= SL_BUDGETS_SHARED_MAX) {
        sl_fail(&error, SL_TOO_LARGE, "only the first %d of them are", SL_BUDGETS_SHARED_MAX);
        stop_sharing(budgets, b, &error);
        return;
    }
    if (sl_store_file_open(store, b->key, b->rule.window_us, &b->file, &error)) {
        stop_sharing(budgets, b, &error);
        return;
    }
    b->member = -1;
    budgets->shared++;
}

/* Makes b->state the newest there is, and keeps others from changing it. */
static void hold(struct sl_budgets *budgets, struct budget *b, int64_t now_us)
{
    struct sl_error error = {0};
    enum sl_store_found found;
    int member;

    if (now_us > b->now_us) b->now_us = now_us;
    if (b->share && !b->file && now_us != INT64_MIN) open_shared(budgets, b);
    if (!b->file || b->held) return;
    enum sl_code rc = sl_store_lock(b->file, &b->state, &found, &member, &error);
    if (!rc && member < 0)
        rc = sl_fail(&error, SL_TOO_LARGE, "more than %d processes use one", SL_RULE_MEMBERS_MAX);
    if (rc) {
        stop_sharing(budgets, b, &error);
        return;
    }
    b->held = true;
    b->changed = false;
    int64_t at_us = inside(budgets, b, now_us);
    if (member != b->member || found != SL_STORE_STATE) {
        join(b, member, found, at_us);
        return;
    }
    register_member(b);
    tidy(b, at_us);
}

static void let_go(struct sl_budgets *budgets, struct budget *b)
{
    struct sl_error error = {0};

    if (!b->held) return;
    if (b->changed && sl_store_save(b->file, &b->state, &error)) {
        stop_sharing(budgets, b, &error);
        return;
    }
    sl_store_unlock(b->file);
    b->held = false;
}

/* It was changed by us: others are told, and what it said before is void. */
static void publish(struct sl_budgets *budgets, struct budget *b)
{
    b->changed = true;
    b->not_before_us = INT64_MIN;
    let_go(budgets, b);
}

/* ------------------------------------------------------------------ the list */

static void leave(struct sl_budgets *budgets, struct budget *b)
{
    if (!b->file) return;
    hold(budgets, b, b->now_us);
    if (!b->held) return;
    sl_rule_leave(&b->rule, &b->state, b->member, inside(budgets, b, b->now_us));
    publish(budgets, b);
}

void sl_budgets_free(struct sl_budgets *budgets)
{
    if (!budgets) return;
    for (size_t i = 0; i < budgets->count; i++) {
        leave(budgets, budgets->list[i]);
        sl_store_file_free(budgets->list[i]->file);
        sl_free(budgets->list[i]->key);
        sl_free(budgets->list[i]->set_by);
        sl_free(budgets->list[i]);
    }
    sl_store_free(budgets->store);
    sl_store_free(budgets->durable_store);
    sl_free(budgets->list);
    sl_free(budgets);
}

void sl_budgets_share(struct sl_budgets *budgets, const struct sl_budgets_places *places)
{
    struct sl_error error = {0};

    assert(budgets->count == 0);
    budgets->note = places->note;
    budgets->note_ctx = places->ctx;
    if (places->directory &&
        sl_store_open(places->directory, places->epoch, &budgets->store, &error))
        say(budgets, &error);
    if (places->durable && sl_store_open(places->durable, "", &budgets->durable_store, &error))
        say(budgets, &error);
}

void sl_budgets_clock(struct sl_budgets *budgets, int64_t now_us, int64_t wall_us)
{
    budgets->wall_offset_us = wall_us - now_us;
}

static struct budget *find(const struct sl_budgets *budgets, const char *key)
{
    for (size_t i = 0; i < budgets->count; i++)
        if (!strcmp(budgets->list[i]->key, key)) return budgets->list[i];
    return NULL;
}

static struct budget *add(struct sl_budgets *budgets, const struct sl_limit *limit)
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
    b->key = sl_strdup(limit->key);
    b->set_by = limit->set_by ? sl_strdup(limit->set_by) : NULL;
    if (!b->key || (limit->set_by && !b->set_by)) {
        sl_free(b->key);
        sl_free(b->set_by);
        sl_free(b);
        return NULL;
    }
    sl_rule_clear(&b->state);
    b->now_us = b->not_before_us = INT64_MIN;
    b->quickest_us = INT64_MAX;
    b->durable = limit->durable;
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
    bool known = b;
    if (!b && budgets->count >= SL_BUDGETS_MAX)
        return sl_fail(error, SL_TOO_LARGE, "more than %d limits were declared", SL_BUDGETS_MAX);
    if (!b) b = add(budgets, limit);
    if (!b) return sl_fail(error, SL_NO_MEMORY, "limit '%s': out of memory", limit->key);
    b->declared = limit->rate;
    b->rule.window_us = limit->window_ms * 1000;
    b->rule.concurrency = limit->concurrency;
    b->rule.calendar_month = limit->calendar_month && limit->durable;
    b->not_before_us = INT64_MIN;
    if (!known) {
        b->share = (b->durable ? budgets->durable_store : budgets->store) &&
                   b->declared * 1e6 / (double)b->rule.window_us <= SL_BUDGET_SHARED_PER_SECOND_MAX;
    }
    if (!b->file) register_member(b); /* what is shared is told with the next request */
    return SL_OK;
}

/* ------------------------------------------------------------------ asking and starting */

struct asked {
    struct budget *budget;
    double cost;
};

static const char *file_name(const struct budget *b)
{
    return b->file ? sl_store_file_name(b->file) : "";
}

/* The budgets of a request in the order in which they are held. */
static size_t collect(struct sl_budgets *budgets, const struct sl_spend *spends, int64_t now_us,
                      struct asked out[SPENDS_MAX])
{
    size_t count = 0;

    for (const struct sl_spend *s = spends; s->key; s++) {
        struct budget *b = find(budgets, s->key);
        if (!b) continue;
        assert(count < SPENDS_MAX);
        if (b->share && !b->file && now_us != INT64_MIN) open_shared(budgets, b);
        size_t i = count++;
        while (i > 0 && strcmp(file_name(out[i - 1].budget), file_name(b)) > 0) {
            out[i] = out[i - 1];
            i--;
        }
        out[i] = (struct asked){b, s->cost};
    }
    return count;
}

static int64_t later(int64_t a_us, int64_t b_us)
{
    return a_us > b_us ? a_us : b_us;
}

/* What is known without a look at what is shared. */
static int64_t known_wait(const struct asked *asked, size_t count, int64_t now_us)
{
    int64_t at_us = now_us;

    for (size_t i = 0; i < count; i++)
        if (asked[i].budget->file && asked[i].cost >= asked[i].budget->not_before_cost)
            at_us = later(at_us, asked[i].budget->not_before_us);
    return at_us;
}

static int64_t budget_ready(struct sl_budgets *budgets, struct budget *b, double cost,
                            int64_t now_us)
{
    int64_t at_us = sl_rule_ready(&b->rule, &b->state, cost, inside(budgets, b, now_us));

    if (at_us != INT64_MAX) return later(outside(budgets, b, at_us), now_us);
    return b->file && sl_rule_others(&b->state, b->member) ? now_us + POLL_US : INT64_MAX;
}

static void budget_start(struct sl_budgets *budgets, struct budget *b, double cost, int64_t now_us)
{
    b->spent += cost;
    b->in_flight++;
    sl_rule_start(&b->rule, &b->state, b->member, cost, inside(budgets, b, now_us));
    b->changed = true;
    b->not_before_us = INT64_MIN;
}

static int64_t ask(struct sl_budgets *budgets, const struct sl_spend *spends, int64_t now_us,
                   bool start)
{
    struct asked asked[SPENDS_MAX];
    size_t count = collect(budgets, spends, now_us, asked);
    int64_t at_us = known_wait(asked, count, now_us);

    if (at_us > now_us) return at_us;
    for (size_t i = 0; i < count; i++) hold(budgets, asked[i].budget, now_us);
    for (size_t i = 0; i < count; i++) {
        struct budget *b = asked[i].budget;
        int64_t own_us = budget_ready(budgets, b, asked[i].cost, now_us);
        if (own_us > now_us && own_us != INT64_MAX) {
            b->not_before_us = own_us;
            b->not_before_cost = asked[i].cost;
        }
        at_us = later(at_us, own_us);
    }
    for (size_t i = 0; start && at_us <= now_us && i < count; i++)
        budget_start(budgets, asked[i].budget, asked[i].cost, now_us);
    for (size_t i = count; i-- > 0;) let_go(budgets, asked[i].budget);
    return at_us;
}

int64_t sl_budgets_ready(struct sl_budgets *budgets, const struct sl_spend *spends, int64_t now_us)
{
    return ask(budgets, spends, now_us, false);
}

int64_t sl_budgets_start(struct sl_budgets *budgets, const struct sl_spend *spends, int64_t now_us)
{
    return ask(budgets, spends, now_us, true);
}

/* ------------------------------------------------------------------ what became of it */

void sl_budgets_sent(struct sl_budgets *budgets, const struct sl_spend *spends, int64_t started_us,
                     int64_t sent_us)
{
    for (const struct sl_spend *s = spends; s->key; s++) {
        struct budget *b = find(budgets, s->key);
        if (!b) continue;
        hold(budgets, b, sent_us);
        sl_rule_sent(&b->rule, &b->state, b->member, s->cost, inside(budgets, b, started_us),
                     inside(budgets, b, sent_us));
        publish(budgets, b);
    }
}

void sl_budgets_answered(struct sl_budgets *budgets, const struct sl_spend *spends, int64_t sent_us,
                         int64_t now_us)
{
    if (sent_us <= 0 || now_us < sent_us) return;
    for (const struct sl_spend *s = spends; s->key; s++) {
        struct budget *b = find(budgets, s->key);
        if (!b) continue;
        if (now_us > b->now_us) b->now_us = now_us;
        int64_t took_us = now_us - sent_us;
        if (took_us < b->quickest_us) b->quickest_us = took_us;
        if (b->rule.gap_us <= 0) continue;
        int64_t shift_us = took_us - b->quickest_us, most_us = b->rule.span_us - b->rule.window_us;
        if (most_us > b->rule.window_us / SHIFT_PART) most_us = b->rule.window_us / SHIFT_PART;
        if (shift_us > most_us) shift_us = most_us;
        if (shift_us <= 1) continue;
        hold(budgets, b, now_us);
        sl_rule_late(&b->rule, &b->state, s->cost, inside(budgets, b, sent_us), shift_us);
        publish(budgets, b);
    }
}

void sl_budgets_end(struct sl_budgets *budgets, const struct sl_spend *spends)
{
    for (const struct sl_spend *s = spends; s->key; s++) {
        struct budget *b = find(budgets, s->key);
        if (!b) continue;
        hold(budgets, b, b->now_us);
        if (b->in_flight > 0) b->in_flight--;
        sl_rule_end(&b->rule, &b->state, b->member);
        publish(budgets, b);
    }
}

void sl_budgets_remaining(struct sl_budgets *budgets, const char *key, double remaining,
                          int64_t now_us, int64_t resets_in_us)
{
    struct budget *b = find(budgets, key);

    if (!b || isnan(remaining)) return;
    hold(budgets, b, now_us);
    sl_rule_remaining(&b->rule, &b->state, remaining, inside(budgets, b, now_us), resets_in_us);
    publish(budgets, b);
}

void sl_budgets_pause(struct sl_budgets *budgets, const char *key, int64_t until_us,
                      double slow_down)
{
    struct budget *b = find(budgets, key);

    if (!b) return;
    hold(budgets, b, b->now_us);
    int64_t from_us = later(outside(budgets, b, b->state.pause_until_us), b->now_us);
    if (until_us > from_us) {
        if (from_us != INT64_MIN) b->paused_us += until_us - from_us;
        b->state.pause_until_us = inside(budgets, b, until_us);
    }
    b->pauses++;
    if (slow_down > 0 && slow_down < 1) {
        sl_rule_slow_down(&b->state, slow_down);
        sl_rule_shape(&b->rule, &b->state);
    }
    publish(budgets, b);
}

/* ------------------------------------------------------------------ reports */

static void use_of(const struct sl_budgets *budgets, const struct budget *b,
                   struct sl_budget_use *out)
{
    *out = (struct sl_budget_use){
        .key = b->key,
        .rate = b->rule.rate,
        .window_ms = b->rule.window_us / 1000,
        .durable = b->durable,
        .calendar_month = b->rule.calendar_month,
        .set_by = b->set_by,
        .shared = b->file,
        .spent = b->spent,
        .used = sl_rule_used(&b->rule, &b->state, inside(budgets, b, b->now_us)),
        .pauses = b->pauses,
        .paused_us = b->paused_us,
    };
}

bool sl_budgets_use(const struct sl_budgets *budgets, size_t i, struct sl_budget_use *out)
{
    if (i >= budgets->count) return false;
    use_of(budgets, budgets->list[i], out);
    return true;
}

bool sl_budgets_blocking(struct sl_budgets *budgets, const struct sl_spend *spends, int64_t now_us,
                         struct sl_budget_use *out)
{
    const struct budget *longest = NULL;
    int64_t most_us = now_us;

    for (const struct sl_spend *s = spends; s->key; s++) {
        struct sl_spend one[] = {*s, {0}};
        int64_t at_us = ask(budgets, one, now_us, false);
        if (at_us <= most_us) continue;
        most_us = at_us;
        longest = find(budgets, s->key);
    }
    if (longest) use_of(budgets, longest, out);
    return longest;
}
