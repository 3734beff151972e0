/* Lives of a table in whole runs, from a seed: data, fields and names change, runs are stopped, the
 * source fails, others optimize, the home is lost. In the end the table is what the source is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "delta/maintain.h"
#include "run_look.h"

#define TABLE "Packaging Tasks"
#define ON_TABLE "\"table\":\"" TABLE "\""
#define HISTORY "\"scd_type\":\"SCD_TYPE_2\","
#define PROPERTIES(list)                                                                           \
    "\"table_properties\":{" list "\"delta.logRetentionDuration\":\"interval 30 days\"}"
#define MAPPED "\"delta.columnMapping.mode\":\"name\","
#define VECTORS "\"delta.enableDeletionVectors\":\"true\","
#define HOOKS "\"sluice.webhooks\":\"true\","
#define CHAINS "\"sluice.chains\":\"2\","

static const char *const configs[] = {
    PROPERTIES(""),
    HISTORY PROPERTIES(""),
    PROPERTIES(MAPPED VECTORS),
    HISTORY PROPERTIES(MAPPED VECTORS),
    PROPERTIES(HOOKS VECTORS),
    HISTORY PROPERTIES(HOOKS MAPPED),
    HISTORY PROPERTIES(CHAINS VECTORS),
};
#define KINDS (sizeof configs / sizeof *configs)

static unsigned roll(unsigned *dice, unsigned sides)
{
    *dice = *dice * 1664525u + 1013904223u;
    return (*dice >> 12) % sides;
}

/* Something happens to the source. */
static void happen(struct run_world *w, unsigned *dice, int n)
{
    static const char *const plain[] = {
        "{\"op\":\"mutate\"," ON_TABLE ",\"count\":4}",
        "{\"op\":\"edit\"," ON_TABLE ",\"count\":3}",
        "{\"op\":\"create\"," ON_TABLE ",\"count\":2}",
        "{\"op\":\"delete\"," ON_TABLE ",\"count\":2}",
        "{\"op\":\"retype_field\"," ON_TABLE
        ",\"field\":\"Weight (kg)\",\"to\":\"singleLineText\"}",
        "{\"op\":\"retype_field\"," ON_TABLE ",\"field\":\"Weight (kg)\",\"to\":\"number\"}",
        "{\"op\":\"edit\"," ON_TABLE ",\"count\":2,\"quietly\":true}",
    };
    char op[300];

    switch (roll(dice, 10)) {
    case 0:
        snprintf(op, sizeof op, "{\"op\":\"add_field\"," ON_TABLE ",\"name\":\"Extra %d\"}", n);
        break;
    case 1:
        snprintf(op, sizeof op,
                 "{\"ops\":[{\"op\":\"rename_field\"," ON_TABLE
                 ",\"field\":\"Task\",\"to\":\"Task %d\"},{\"op\":\"rename_field\"," ON_TABLE
                 ",\"field\":\"Task %d\",\"to\":\"Task\"}]}",
                 n, n);
        break;
    default: snprintf(op, sizeof op, "%s", plain[roll(dice, 7)]);
    }
    control(w, op);
}

struct after {
    struct run_world *w;
    int64_t requests;
};

static bool enough(void *ctx)
{
    const struct after *after = ctx;

    return sim_stat(after->w, "requests") >= after->requests;
}

static void optimize(struct run_world *w)
{
    char location[500];
    struct sl_delta_table *table = NULL;
    struct sl_delta_optimized done = {0};
    struct sl_delta_optimize_options options = {.dead_ratio = -1};

    snprintf(location, sizeof location, "%s/warehouse/main/bronze/t", w->home);
    if (sl_delta_open(w->delta, location, -1, &table, &w->error)) return; /* not yet there */
    if (sl_delta_optimize(table, &options, &done, &w->error)) fail_msg("%s", w->error.message);
    sl_delta_table_free(table);
}

/* A run to which something may happen. Whatever its end: the next ones make up for it. */
static void run_somehow(struct run_world *w, unsigned *dice, const char *config)
{
    static const char *const faults[] = {"503:n=2,times=2", "401:n=2",    "reset:p=0.3",
                                         "cut:p=0.3",       "html:n=2",   "iterator_expired:page=2",
                                         "mutate:every=1",  "404:page=2", "truncated:n=1"};
    char op[200];
    struct after after = {w, sim_stat(w, "requests") + 1 + roll(dice, 5)};
    unsigned kind = roll(dice, 8);

    if (kind == 0) w->stopping = enough, w->stopping_ctx = &after;
    if (kind == 1) {
        snprintf(op, sizeof op, "{\"fault\":\"%s\"}", faults[roll(dice, 9)]);
        control(w, op);
    }
    if (kind == 2) run_world_forget_home(w);
    if (kind == 3) optimize(w);
    enum sl_code rc = run_table(w, TABLE, config, kind == 4);
    w->stopping = NULL;
    control(w, "{\"clear_faults\":true}");
    if (rc && kind > 1) fail_msg("%s: %s", sl_code_name(rc), w->error.message);
    if (rc == SL_BUG) fail_msg("%s", w->error.message);
}

static void live(unsigned seed, size_t kind)
{
    struct run_world w;
    unsigned dice = seed * 7919u + 17u;
    bool history = strstr(configs[kind], "SCD_TYPE_2") != NULL;

    run_world_make(&w, "airtable", &(struct sim_options){.seed = seed + 1, .latency_ms = 50});
    for (int n = 0; n < 14; n++) {
        for (unsigned k = roll(&dice, 4); k > 0; k--) happen(&w, &dice, 10 * n + (int)k);
        later(&w, 60 + roll(&dice, 4) * 5000);
        run_somehow(&w, &dice, configs[kind]);
    }
    later(&w, A_DAY);
    expect_run(&w, TABLE, configs[kind]);
    later(&w, A_DAY);
    expect_run(&w, TABLE, configs[kind]);
    expect_same(&w, TABLE, "Task", "task", history);
    expect_same(&w, TABLE, "Details / spec", "details_spec", history);
    expect_same(&w, TABLE, "Stage", "stage", history);
    if (!history) expect_truth(&w, TABLE);
    run_world_unmake(&w);
}

static void lives_end_as_their_source(void **state)
{
    const char *from = getenv("SLUICE_LIFE_SEED");
    unsigned seed = from ? (unsigned)atoi(from) : 1;

    (void)state;
    for (size_t kind = 0; kind < KINDS; kind++) {
        print_message("SLUICE_LIFE_SEED=%u, kind %zu\n", seed, kind);
        live(seed, kind);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lives_end_as_their_source)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
