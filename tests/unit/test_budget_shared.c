/*
 * Several processes keep one limit. Most of them are simulated: some struct sl_budgets over one
 * directory, in simulated time; those that are killed are real.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/time.h"
#include "http/budget.h"
#include "http/budget_store.h"

#define SECOND INT64_C(1000000)
#define DAY_US (INT64_C(86400) * SECOND)
#define ARRIVALS_MAX 40000
#define PROCESSES_MAX 8
#define FLIGHTS_MAX 40

static const struct sl_spend one[] = {{"k", 1}, {0}};

struct place {
    char directory[300];
    int notes;
    char note[512];
};

static void noted(void *ctx, const char *text)
{
    struct place *place = ctx;

    place->notes++;
    strncpy(place->note, text, sizeof place->note - 1);
}

static void place_make(struct place *place)
{
    const char *tmp = getenv("SLUICE_TEST_TMP");

    memset(place, 0, sizeof *place);
    snprintf(place->directory, sizeof place->directory, "%s/limits.XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(place->directory));
}

static void place_unmake(struct place *place)
{
    char command[400];

    snprintf(command, sizeof command, "rm -rf '%s'", place->directory);
    assert_int_equal(system(command), 0);
}

static struct sl_budgets *process_of(struct place *place, const char *epoch)
{
    struct sl_budgets *budgets = sl_budgets_new();
    struct sl_budgets_places places = {.directory = place->directory,
                                       .epoch = epoch,
                                       .durable = place->directory,
                                       .note = noted,
                                       .ctx = place};

    assert_non_null(budgets);
    sl_budgets_share(budgets, &places);
    return budgets;
}

static void limit(struct sl_budgets *budgets, double rate, int64_t window_ms, int concurrency)
{
    struct sl_error error;
    struct sl_limit it = {.key = "k",
                          .rate = rate,
                          .window_ms = window_ms,
                          .concurrency = concurrency};

    assert_int_equal(sl_budgets_limit(budgets, &it, &error), SL_OK);
}

static struct sl_budgets *process(struct place *place, double rate, int concurrency)
{
    struct sl_budgets *budgets = process_of(place, "boot");

    limit(budgets, rate, 1000, concurrency);
    return budgets;
}

/* One request from start to end. */
static void request(struct sl_budgets *budgets, int64_t now_us)
{
    assert_int_equal(sl_budgets_start(budgets, one, now_us), now_us);
    sl_budgets_sent(budgets, one, now_us, now_us);
    sl_budgets_end(budgets, one);
}

static uint64_t roll(uint64_t *seed)
{
    uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* ------------------------------------------------------------------ many at once */

static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

/* The most in any second, both of its ends counted. */
static size_t most_in_a_second(int64_t *at_us, size_t count)
{
    size_t most = 0;

    qsort(at_us, count, sizeof *at_us, by_time);
    for (size_t first = 0, last = 0; last < count; last++) {
        while (at_us[last] - at_us[first] > SECOND) first++;
        if (last - first + 1 > most) most = last - first + 1;
    }
    return most;
}

struct flight {
    int64_t started_us, sent_us, ends_us;
    bool told;
};

struct runner {
    struct sl_budgets *budgets; /* NULL: not running */
    struct flight flights[FLIGHTS_MAX];
    size_t count, sent;
};

struct many {
    int processes;
    double rate;
    int64_t connect_us; /* at most, before a request goes out */
    int64_t latency_us;
    int64_t length_us;
    bool come_and_go; /* processes end and begin, in the middle of what they do */
    uint64_t seed;
};

/* Lets what is over be over; returns when the next thing happens. */
static int64_t happen(struct runner *r, int64_t now_us)
{
    int64_t next_us = INT64_MAX;

    for (size_t i = 0; i < r->count;) {
        struct flight *f = &r->flights[i];
        if (!f->told && f->sent_us <= now_us) {
            f->told = true;
            sl_budgets_sent(r->budgets, one, f->started_us, f->sent_us);
        }
        if (f->ends_us <= now_us) {
            sl_budgets_answered(r->budgets, one, f->sent_us, now_us);
            sl_budgets_end(r->budgets, one);
            r->flights[i] = r->flights[--r->count];
            continue;
        }
        int64_t at_us = f->told ? f->ends_us : f->sent_us;
        if (at_us < next_us) next_us = at_us;
        i++;
    }
    return next_us;
}

static void begin(struct runner *r, struct place *place, const struct many *many)
{
    *r = (struct runner){.budgets = process(place, many->rate, 0), .sent = r->sent};
}

/* Runs them all; the number of arrivals, whose times are in at_us. */
static size_t simulate(struct place *place, const struct many *many, int64_t *at_us,
                       struct runner runners[PROCESSES_MAX])
{
    uint64_t seed = many->seed;
    int64_t now_us = SECOND, end_us = now_us + many->length_us, shuffle_us = now_us;
    size_t arrived = 0;

    for (int i = 0; i < many->processes; i++) begin(&runners[i], place, many);
    while (now_us < end_us) {
        int64_t next_us = INT64_MAX;
        int first = (int)(roll(&seed) % (uint64_t)many->processes); /* who wakes up first */
        if (many->come_and_go && now_us >= shuffle_us) {
            struct runner *r = &runners[roll(&seed) % (uint64_t)many->processes];
            /* What it had started and not sent is never sent. */
            for (size_t i = 0; i < r->count; i++)
                if (!r->flights[i].told)
                    for (size_t k = 0; k < arrived; k++)
                        if (at_us[k] == r->flights[i].sent_us) at_us[k] = at_us[--arrived];
            sl_budgets_free(r->budgets);
            begin(r, place, many);
            shuffle_us = now_us + (int64_t)(roll(&seed) % (3 * SECOND));
        }
        for (int i = 0; i < many->processes; i++) {
            struct runner *r = &runners[(first + i) % many->processes];
            int64_t happens_us = happen(r, now_us), ready_us = now_us;
            while (r->count < FLIGHTS_MAX &&
                   (ready_us = sl_budgets_start(r->budgets, one, now_us)) <= now_us) {
                int64_t sent_us = now_us;
                if (many->connect_us)
                    sent_us += (int64_t)(roll(&seed) % (uint64_t)many->connect_us);
                r->flights[r->count++] =
                    (struct flight){now_us, sent_us,
                                    sent_us + 1 +
                                        (int64_t)(roll(&seed) % (uint64_t)many->latency_us),
                                    false};
                r->sent++;
                assert_true(arrived < ARRIVALS_MAX);
                at_us[arrived++] = sent_us;
                happens_us = happen(r, now_us) < happens_us ? happen(r, now_us) : happens_us;
            }
            if (r->count < FLIGHTS_MAX && ready_us < next_us) next_us = ready_us;
            if (happens_us < next_us) next_us = happens_us;
        }
        assert_true(next_us != INT64_MAX && next_us > now_us); /* never stuck */
        now_us = next_us + (int64_t)(roll(&seed) % 1500);      /* nobody wakes up in time */
    }
    for (int i = 0; i < many->processes; i++) sl_budgets_free(runners[i].budgets);
    return arrived;
}

static void the_sum_of_all_processes_never_exceeds(void **state)
{
    static const struct many cases[] = {
        {.processes = 2, .rate = 4.9, .latency_us = 200000, .length_us = 120 * SECOND},
        {.processes = 3, .rate = 5, .latency_us = 900000, .length_us = 60 * SECOND},
        {.processes = 5, .rate = 4.9, .latency_us = 90000, .length_us = 60 * SECOND},
        {.processes = 8, .rate = 20, .latency_us = 300000, .length_us = 20 * SECOND},
        {.processes = 2, .rate = 100, .latency_us = 50000, .length_us = 10 * SECOND},
    };
    static int64_t at_us[ARRIVALS_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int variant = 0; variant < 3; variant++) {
            struct many many = cases[i];
            static struct runner runners[PROCESSES_MAX];
            struct place place;
            memset(runners, 0, sizeof runners);
            many.seed = i * 10 + (size_t)variant + 1;
            many.connect_us = variant == 1 ? 300000 : 0;
            many.come_and_go = variant == 2;
            place_make(&place);
            size_t arrived = simulate(&place, &many, at_us, runners);
            size_t whole = (size_t)many.rate + (many.rate > (double)(size_t)many.rate);
            assert_true(most_in_a_second(at_us, arrived) <= whole);
            double got = (double)arrived * SECOND / (double)many.length_us;
            if (variant == 0) assert_true(got > many.rate * 0.85);
            for (int k = 0; variant == 0 && k < many.processes; k++) /* nobody starves */
                assert_true((double)runners[k].sent > (double)arrived / many.processes / 3);
            assert_int_equal(place.notes, 0);
            place_unmake(&place);
        }
}

static void what_two_send_is_spread_evenly(void **state)
{
    struct place place;
    int64_t now_us = 5 * SECOND;

    (void)state;
    place_make(&place);
    struct sl_budgets *a = process(&place, 5, 0), *b = process(&place, 5, 0);
    for (int i = 0; i < 20; i++) {
        struct sl_budgets *who = i % 3 ? a : b;
        request(who, now_us);
        assert_int_equal(sl_budgets_ready(i % 2 ? a : b, one, now_us), now_us + 200000);
        now_us += 200001;
    }
    sl_budgets_free(a);
    sl_budgets_free(b);
    place_unmake(&place);
}

static void a_pause_of_one_is_a_pause_of_all(void **state)
{
    struct place place;
    struct sl_budget_use use;

    (void)state;
    place_make(&place);
    struct sl_budgets *a = process(&place, 5, 0), *b = process(&place, 5, 0);
    request(a, SECOND);
    sl_budgets_pause(a, "k", 31 * SECOND, 0.5);
    assert_int_equal(sl_budgets_ready(b, one, 2 * SECOND), 31 * SECOND);
    assert_true(sl_budgets_use(b, 0, &use) && use.rate == 2.5 && use.shared);
    struct sl_budgets *late = process(&place, 5, 0); /* begins while it lasts */
    assert_int_equal(sl_budgets_ready(late, one, 3 * SECOND), 31 * SECOND);
    sl_budgets_free(a);
    sl_budgets_free(b);
    sl_budgets_free(late);
    struct sl_budgets *next = process(&place, 5, 0); /* the next day's run is not slowed down */
    assert_int_equal(sl_budgets_ready(next, one, 40 * SECOND), 40 * SECOND);
    assert_true(sl_budgets_use(next, 0, &use) && use.rate == 5);
    sl_budgets_free(next);
    place_unmake(&place);
}

static void of_different_rates_the_lowest_counts(void **state)
{
    struct place place;

    (void)state;
    place_make(&place);
    struct sl_budgets *fast = process(&place, 5, 0), *slow = process(&place, 2, 0);
    request(fast, SECOND);
    request(slow, 2 * SECOND);
    assert_int_equal(sl_budgets_ready(fast, one, 2 * SECOND), 2 * SECOND + 500000);
    sl_budgets_free(slow);
    request(fast, 3 * SECOND);
    assert_int_equal(sl_budgets_ready(fast, one, 3 * SECOND), 3 * SECOND + 200000);
    sl_budgets_free(fast);
    place_unmake(&place);
}

static void concurrency_is_shared(void **state)
{
    struct place place;

    (void)state;
    place_make(&place);
    struct sl_budgets *a = process(&place, 100, 1), *b = process(&place, 100, 1);
    assert_int_equal(sl_budgets_start(a, one, SECOND), SECOND);
    int64_t again_us = sl_budgets_start(b, one, 2 * SECOND);
    assert_true(again_us > 2 * SECOND && again_us < 3 * SECOND); /* nobody wakes it: it asks */
    assert_true(sl_budgets_ready(a, one, 2 * SECOND) == INT64_MAX);
    sl_budgets_end(a, one);
    assert_int_equal(sl_budgets_start(b, one, again_us), again_us);
    sl_budgets_free(a);
    sl_budgets_free(b);
    place_unmake(&place);
}

/* ------------------------------------------------------------------ processes that die */

/* A process of its own, which the body ends by being killed. */
static void killed(void (*body)(struct place *, int), struct place *place, int number)
{
    int status;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        body(place, number);
        _exit(99);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void dies_with_a_request_under_way(struct place *place, int number)
{
    struct sl_budgets *budgets = process(place, 1, 1);

    (void)number;
    (void)sl_budgets_start(budgets, one, SECOND);
    kill(getpid(), SIGKILL);
}

static void what_a_killed_process_held_is_free_again(void **state)
{
    struct place place;

    (void)state;
    place_make(&place);
    killed(dies_with_a_request_under_way, &place, 0);
    struct sl_budgets *budgets = process(&place, 1, 1);
    /* Its request may have been sent at the last moment: for a second nothing else is. */
    int64_t ready_us = sl_budgets_start(budgets, one, 10 * SECOND);
    assert_in_range(ready_us, 11 * SECOND, 11 * SECOND + 10);
    assert_int_equal(sl_budgets_start(budgets, one, ready_us), ready_us);
    sl_budgets_free(budgets);
    place_unmake(&place);
}

static void dies_with_the_lock(struct place *place, int number)
{
    struct sl_store *store;
    struct sl_store_file *file;
    struct sl_error error;
    static struct sl_rule_state state;
    enum sl_store_found found;
    int member;

    (void)number;
    if (!sl_store_open(place->directory, "boot", &store, &error) &&
        !sl_store_file_open(store, "k", SECOND, &file, &error) &&
        !sl_store_lock(file, &state, &found, &member, &error))
        kill(getpid(), SIGKILL);
}

static void a_lock_dies_with_its_process(void **state)
{
    struct place place;

    (void)state;
    place_make(&place);
    struct sl_budgets *budgets = process(&place, 5, 0);
    request(budgets, SECOND);
    killed(dies_with_the_lock, &place, 0);
    request(budgets, 2 * SECOND);
    assert_int_equal(place.notes, 0);
    sl_budgets_free(budgets);
    place_unmake(&place);
}

/* Writes and writes; whoever started it kills it after so many signs of life. */
static void lives_busily(struct place *place, int sign, int64_t now_us)
{
    struct sl_budgets *budgets = process(place, 400, 0);

    for (;; now_us += 2501) {
        request(budgets, now_us);
        if (write(sign, "x", 1) != 1) _exit(98);
    }
}

static void killed_at_any_time_the_state_can_be_read(void **state)
{
    struct place place;

    (void)state;
    place_make(&place);
    for (int round = 1; round <= 20; round++) {
        int ends[2], status;
        char signs[64];
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(ends[0]);
            lives_busily(&place, ends[1], round * 100 * SECOND);
        }
        close(ends[1]);
        for (int seen = 0; seen < round * 7;) {
            ssize_t got = read(ends[0], signs, sizeof signs);
            assert_true(got > 0);
            seen += (int)got;
        }
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        close(ends[0]);

        struct sl_store *store;
        struct sl_store_file *file;
        struct sl_error error;
        static struct sl_rule_state left;
        enum sl_store_found found;
        int member;
        assert_int_equal(sl_store_open(place.directory, "boot", &store, &error), SL_OK);
        assert_int_equal(sl_store_file_open(store, "k", SECOND, &file, &error), SL_OK);
        assert_int_equal(sl_store_lock(file, &left, &found, &member, &error), SL_OK);
        assert_int_equal(found, SL_STORE_STATE);
        assert_true(left.sent_count > 0);
        sl_store_file_free(file);
        sl_store_free(store);
    }
    place_unmake(&place);
}

/* ------------------------------------------------------------------ bad places */

/* The one file of a limit. */
static void file_of(const struct place *place, char out[400])
{
    char command[400];

    snprintf(command, sizeof command, "ls -d '%s'/*", place->directory);
    FILE *list = popen(command, "r");
    assert_non_null(list);
    assert_non_null(fgets(out, 400, list));
    out[strcspn(out, "\n")] = '\0';
    assert_int_equal(pclose(list), 0);
}

static void a_damaged_file_begins_with_a_pause(void **state)
{
    struct place place;
    char path[400];

    (void)state;
    place_make(&place);
    struct sl_budgets *budgets = process(&place, 5, 0);
    request(budgets, SECOND);
    file_of(&place, path);
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    for (int i = 0; i < 50000; i++) fputc(i * 7, file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(sl_budgets_start(budgets, one, 10 * SECOND), 11 * SECOND);
    request(budgets, 11 * SECOND);
    assert_int_equal(sl_budgets_ready(budgets, one, 11 * SECOND), 11 * SECOND + 200000);
    sl_budgets_free(budgets);
    place_unmake(&place);
}

static void half_a_write_leaves_what_was_before(void **state)
{
    struct place place;
    char path[400];

    (void)state;
    for (int copy = 0; copy < 2; copy++) {
        place_make(&place);
        struct sl_budgets *budgets = process(&place, 5, 0);
        request(budgets, SECOND);
        request(budgets, SECOND + 200001);
        file_of(&place, path);
        FILE *file = fopen(path, "r+");
        assert_non_null(file);
        assert_int_equal(fseek(file, copy * 20480 + 200, SEEK_SET), 0);
        for (int i = 0; i < 3000; i++) fputc(0xaa, file);
        assert_int_equal(fclose(file), 0);
        /* No pause of a second: one of the two was whole. */
        assert_true(sl_budgets_ready(budgets, one, SECOND + 200001) <= SECOND + 500000);
        sl_budgets_free(budgets);
        place_unmake(&place);
    }
}

static void a_removed_file_is_made_again(void **state)
{
    struct place place;
    char path[400];

    (void)state;
    place_make(&place);
    struct sl_budgets *a = process(&place, 5, 0), *b = process(&place, 5, 0);
    request(a, SECOND);
    request(b, 2 * SECOND);
    file_of(&place, path);
    assert_int_equal(unlink(path), 0);
    request(a, 3 * SECOND);
    assert_int_equal(sl_budgets_ready(b, one, 3 * SECOND), 3 * SECOND + 200000);
    assert_int_equal(place.notes, 0);
    sl_budgets_free(a);
    sl_budgets_free(b);
    place_unmake(&place);
}

/* Without a place each counts for itself, and says so once. */
static void works_alone(struct place *place, const char *says)
{
    struct sl_budgets *budgets = process(place, 5, 0);
    struct sl_budget_use use;
    int64_t now_us = SECOND;

    for (int i = 0; i < 20; i++) {
        now_us = sl_budgets_ready(budgets, one, now_us);
        request(budgets, now_us);
    }
    assert_true(now_us >= SECOND + 19 * 200000);
    assert_true(sl_budgets_use(budgets, 0, &use) && !use.shared);
    assert_int_equal(place->notes, 1);
    if (!strstr(place->note, says)) fail_msg("'%s' does not say '%s'", place->note, says);
    sl_budgets_free(budgets);
}

static void a_place_that_cannot_be_used_is_said_once(void **state)
{
    struct place place;
    char real[300], text[400];

    (void)state;
    place_make(&place);
    strcpy(real, place.directory);

    assert_int_equal(chmod(real, 0755), 0); /* others can look in */
    works_alone(&place, "not ours alone");
    assert_int_equal(chmod(real, 0700), 0);

    place.notes = 0;
    snprintf(place.directory, sizeof place.directory, "%.280s/link", real);
    assert_int_equal(symlink(real, place.directory), 0);
    works_alone(&place, "link");

    place.notes = 0;
    snprintf(place.directory, sizeof place.directory, "%.280s/file", real);
    FILE *file = fopen(place.directory, "w");
    assert_int_equal(fclose(file), 0);
    works_alone(&place, "file");

    place.notes = 0; /* nothing may be made here, by nobody */
    strcpy(place.directory, "/proc/self/limits.d");
    works_alone(&place, "/proc/self/limits.d");

    snprintf(text, sizeof text, "rm -rf '%s'", real);
    assert_int_equal(system(text), 0);
}

static void a_link_instead_of_a_file_is_not_followed(void **state)
{
    struct place place, other;
    char path[400], aim[400];

    (void)state;
    place_make(&place);
    place_make(&other);
    struct sl_budgets *budgets = process(&place, 5, 0);
    request(budgets, SECOND);
    sl_budgets_free(budgets);
    file_of(&place, path);
    assert_int_equal(unlink(path), 0);
    snprintf(aim, sizeof aim, "%s/aim", other.directory);
    assert_int_equal(symlink(aim, path), 0);
    works_alone(&place, "not shared");
    assert_int_equal(access(aim, F_OK), -1);
    place_unmake(&place);
    place_unmake(&other);
}

static void the_sixty_fifth_counts_for_itself(void **state)
{
    struct sl_budgets *all[SL_RULE_MEMBERS_MAX + 1];
    struct place place;
    int64_t now_us = SECOND;

    (void)state;
    place_make(&place);
    for (int i = 0; i <= SL_RULE_MEMBERS_MAX; i++) {
        all[i] = process(&place, 100, 0);
        request(all[i], now_us += SECOND);
        assert_int_equal(place.notes, i == SL_RULE_MEMBERS_MAX);
    }
    assert_non_null(strstr(place.note, "more than 64 processes"));
    for (int i = 0; i <= SL_RULE_MEMBERS_MAX; i++) sl_budgets_free(all[i]);
    place_unmake(&place);
}

static void another_boot_begins_anew(void **state)
{
    struct place place;

    (void)state;
    place_make(&place);
    struct sl_budgets *budgets = process(&place, 5, 0);
    request(budgets, 1000000 * SECOND);
    sl_budgets_free(budgets);
    budgets = process_of(&place, "next boot");
    limit(budgets, 5, 1000, 0);
    assert_int_equal(sl_budgets_ready(budgets, one, SECOND), SECOND);
    sl_budgets_free(budgets);
    place_unmake(&place);
}

/* ------------------------------------------------------------------ what lasts */

static int64_t wall(const char *text)
{
    int64_t at_us;
    bool zone;

    assert_true(sl_time_parse(text, strlen(text), &at_us, &zone));
    return at_us;
}

/* A process that begins at this time of the wall clock; its monotonic clock begins at `now_us`. */
static struct sl_budgets *month_of(struct place *place, const char *epoch, int64_t now_us,
                                   const char *time)
{
    struct sl_budgets *budgets = process_of(place, epoch);
    struct sl_error error;
    struct sl_limit month = {.key = "k",
                             .rate = 10,
                             .window_ms = INT64_C(31) * 86400000,
                             .durable = true,
                             .calendar_month = true,
                             .set_by = "monthly_quota"};

    sl_budgets_clock(budgets, now_us, wall(time));
    assert_int_equal(sl_budgets_limit(budgets, &month, &error), SL_OK);
    return budgets;
}

static void a_month_survives_a_restart_and_ends_with_the_month(void **state)
{
    struct place place;
    struct sl_budget_use use;

    (void)state;
    place_make(&place);
    struct sl_budgets *budgets = month_of(&place, "boot", 900 * SECOND, "2026-11-03T12:00:00Z");
    for (int i = 0; i < 6; i++) request(budgets, 900 * SECOND + i);
    sl_budgets_free(budgets);

    budgets = month_of(&place, "next boot", 5 * SECOND, "2026-11-29T12:00:00Z");
    for (int i = 0; i < 4; i++) request(budgets, 5 * SECOND + i);
    assert_true(sl_budgets_use(budgets, 0, &use) && use.used == 10 && use.spent == 4);
    assert_string_equal(use.set_by, "monthly_quota");
    /* Noon of the 29th to the first midnight of December. */
    int64_t next_us = sl_budgets_start(budgets, one, 6 * SECOND);
    assert_int_equal(next_us, 5 * SECOND + 36 * 3600 * SECOND);
    assert_true(sl_budgets_blocking(budgets, one, 6 * SECOND, &use));
    assert_string_equal(use.key, "k");
    request(budgets, next_us);
    assert_true(sl_budgets_use(budgets, 0, &use) && use.used == 1);
    sl_budgets_free(budgets);
    place_unmake(&place);
}

static void a_day_slides_by_the_wall_clock(void **state)
{
    struct place place;
    struct sl_error error;
    struct sl_limit day = {.key = "k", .rate = 2, .window_ms = 86400000, .durable = true};

    (void)state;
    place_make(&place);
    for (int boot = 0; boot < 2; boot++) {
        struct sl_budgets *budgets = process_of(&place, boot ? "b" : "a");
        sl_budgets_clock(budgets, SECOND,
                         wall(boot ? "2026-11-30T18:00:00Z" : "2026-11-30T12:00:00Z"));
        assert_int_equal(sl_budgets_limit(budgets, &day, &error), SL_OK);
        request(budgets, SECOND);
        if (boot) { /* the first of the two leaves after 18 more hours */
            int64_t next_us = sl_budgets_ready(budgets, one, 2 * SECOND);
            assert_in_range(next_us, SECOND + DAY_US * 3 / 4, SECOND + DAY_US * 3 / 4 + 10);
        }
        sl_budgets_free(budgets);
    }
    place_unmake(&place);
}

static void a_clock_that_was_set_back_blocks_nothing_for_ever(void **state)
{
    struct place place;

    (void)state;
    place_make(&place);
    struct sl_budgets *budgets = month_of(&place, "a", SECOND, "2031-01-03T00:00:00Z");
    for (int i = 0; i < 10; i++) request(budgets, SECOND + i);
    sl_budgets_free(budgets);
    budgets = month_of(&place, "b", SECOND, "2026-11-30T00:00:00Z");
    assert_true(sl_budgets_ready(budgets, one, SECOND) <= SECOND + DAY_US);
    sl_budgets_free(budgets);
    place_unmake(&place);
}

static void memory_that_runs_out_is_no_crash(void **state)
{
    struct place place;
    int64_t before = sl_alloc_live();

    (void)state;
    place_make(&place);
    for (int n = 0; n < 30; n++) {
        sl_alloc_fail_after(n);
        struct sl_budgets *budgets = sl_budgets_new();
        if (budgets) {
            struct sl_budgets_places places = {place.directory, "boot", place.directory, noted,
                                               &place};
            struct sl_error error;
            struct sl_limit it = {.key = "k", .rate = 5, .window_ms = 1000};
            sl_budgets_share(budgets, &places);
            if (!sl_budgets_limit(budgets, &it, &error))
                assert_true(sl_budgets_start(budgets, one, (n + 1) * SECOND) <= (n + 2) * SECOND);
        }
        sl_alloc_fail_after(-1);
        sl_budgets_free(budgets);
        assert_int_equal(sl_alloc_live(), before);
    }
    place_unmake(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sum_of_all_processes_never_exceeds),
        cmocka_unit_test(what_two_send_is_spread_evenly),
        cmocka_unit_test(a_pause_of_one_is_a_pause_of_all),
        cmocka_unit_test(of_different_rates_the_lowest_counts),
        cmocka_unit_test(concurrency_is_shared),
        cmocka_unit_test(what_a_killed_process_held_is_free_again),
        cmocka_unit_test(a_lock_dies_with_its_process),
        cmocka_unit_test(killed_at_any_time_the_state_can_be_read),
        cmocka_unit_test(a_damaged_file_begins_with_a_pause),
        cmocka_unit_test(half_a_write_leaves_what_was_before),
        cmocka_unit_test(a_removed_file_is_made_again),
        cmocka_unit_test(a_place_that_cannot_be_used_is_said_once),
        cmocka_unit_test(a_link_instead_of_a_file_is_not_followed),
        cmocka_unit_test(the_sixty_fifth_counts_for_itself),
        cmocka_unit_test(another_boot_begins_anew),
        cmocka_unit_test(a_month_survives_a_restart_and_ends_with_the_month),
        cmocka_unit_test(a_day_slides_by_the_wall_clock),
        cmocka_unit_test(a_clock_that_was_set_back_blocks_nothing_for_ever),
        cmocka_unit_test(memory_that_runs_out_is_no_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
