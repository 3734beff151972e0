/*
 * fuzz_step.c: arbitrary bytes as the answer to every request of every connector.
 *
 * The first byte picks the connector, the second the job and the table, the third the status; the
 * rest is the body of every answer. Whatever comes, the job ends, within a number of requests, and
 * with a reason when it fails; a read that failed proves nothing.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "sources/harvest.h"
#include "sources/script.h"

#define CALLS_MAX 400
#define MIXPANEL                                                                                   \
    "{\"username\":\"u\",\"secret\":\"s\",\"project_id\":\"7\",\"base_url\":\"http://sim.test\","  \
    "\"project_timezone\":\"US/Pacific\"}"

#define GITHUB_STATE "{\"kind\":\"org\",\"owner\":\"acme\",\"id\":5,\"repos\":[[7,\"x\",0]]}"

#define STRIPE_STATE                                                                               \
    "{\"account\":\"acct_1Abc\",\"connected\":false,\"live\":false,\"created\":1700000000}"
#define STRIPE_CURSOR                                                                              \
    "{\"parts\":{\"\":{\"v\":1,\"scope\":\"2024-12-18.acacia \",\"from\":1772440000,"              \
    "\"low\":1700000000,\"high\":1772440000,\"windows\":3}}}"

#define HUBSPOT_STATE                                                                              \
    "{\"path\":\"deals\",\"modified\":\"hs_lastmodifieddate\",\"portal\":\"7\",\"merges\":true,"   \
    "\"targets\":[\"contacts\",\"companies\"],\"properties\":[\"amount\",\"hs_merged_object_"      \
    "ids\"]}"
#define HUBSPOT_CURSOR "{\"parts\":{\"\":{\"v\":1,\"from_us\":1772441000000000}}}"

/* What a read is given: the tables that the connectors describe, with their state. */
static const struct target {
    const char *connector, *options, *table, *state;
    const char *table_options, *cursor, *input; /* or NULL */
} targets[] = {
    {"airtable", "{\"base_id\":\"app7YSH0VJY4edqxY\"}", "Projects",
     "{\"base\":\"app7YSH0VJY4edqxY\",\"id\":\"tblZQtU7VpVQi5w9t\",\"primary\":\"fldA\"}", NULL,
     NULL, NULL},
    {"airtable", "{}", "Projects__comments",
     "{\"base\":\"app7YSH0VJY4edqxY\",\"id\":\"tblZQtU7VpVQi5w9t\",\"comments\":true}", NULL, NULL,
     NULL},
    {"example", "{\"base_url\":\"http://sim.test\",\"username\":\"u\"}", "products", NULL, NULL,
     NULL, NULL},
    {"example", "{\"base_url\":\"http://sim.test\",\"username\":\"u\"}", "events", NULL, NULL, NULL,
     NULL},
    {"example", "{\"base_url\":\"http://sim.test\",\"username\":\"u\"}", "orders", NULL, NULL, NULL,
     NULL},
    {"example", "{\"base_url\":\"http://sim.test\",\"username\":\"u\"}", "metrics", NULL, NULL,
     NULL, NULL},
    {"airtable", "{\"base_id\":\"app7YSH0VJY4edqxY\"}", "Projects",
     "{\"base\":\"app7YSH0VJY4edqxY\",\"id\":\"tblZQtU7VpVQi5w9t\",\"modified\":\"fldA\"}", NULL,
     "{\"parts\":{\"\":{\"v\":2,\"from_us\":1772442000000000,\"window\":\"trusted\"}}}", NULL},
    {"airtable", "{\"base_id\":\"app7YSH0VJY4edqxY\"}", "Projects",
     "{\"base\":\"app7YSH0VJY4edqxY\",\"id\":\"tblZQtU7VpVQi5w9t\",\"hook\":{\"id\":\"achA\","
     "\"next\":3,\"polled_us\":1772442000000000}}",
     "{\"webhooks\":true}",
     "{\"parts\":{\"\":{\"v\":2,\"from_us\":1772442000000000,\"hook\":{\"id\":\"achA\",\"next\":1,"
     "\"polled_us\":1772442000000000}}}}",
     NULL},
    {"airtable", "{\"base_id\":\"app7YSH0VJY4edqxY\"}", "Projects",
     "{\"base\":\"app7YSH0VJY4edqxY\",\"id\":\"tblZQtU7VpVQi5w9t\"}", NULL, NULL,
     "{\"keys\":[{\"_airtable_id\":\"recAAAAAAAAAAAAAA\"}]}"},
    {"mixpanel", MIXPANEL, "events", NULL, NULL, NULL, NULL},
    {"mixpanel", MIXPANEL, "events", NULL, NULL, NULL,
     "{\"from\":\"2026-03-01\",\"to\":\"2026-03-02\"}"},
    {"mixpanel", MIXPANEL, "events", NULL, NULL,
     "{\"parts\":{\"\":{\"v\":1,\"first\":\"2026-02-19\",\"read\":\"2026-03-02\",\"step\":4}}}",
     NULL},
    {"mixpanel", MIXPANEL, "engage", NULL, NULL, NULL, NULL},
    {"mixpanel", MIXPANEL, "engage", NULL, NULL,
     "{\"parts\":{\"\":{\"v\":1,\"seen\":\"2026-03-02T08:00:00\"}}}", NULL},
    {"mixpanel", MIXPANEL, "cohorts", NULL, NULL, NULL, NULL},
    {"mixpanel", MIXPANEL, "cohort_members", NULL, NULL, NULL, NULL},
    {"mixpanel", MIXPANEL, "cohort_members", NULL, NULL, NULL, "{\"cohort\":7}"},
    {"mixpanel", MIXPANEL, "annotations", NULL, NULL, NULL, NULL},
    {"github", "{}", "issues", GITHUB_STATE, NULL, NULL, NULL},
    {"github", "{}", "commits", GITHUB_STATE, NULL,
     "{\"parts\":{\"/7\":{\"v\":1,\"mark\":\"0\",\"head\":\"0a\",\"etag\":\"x\"}}}", NULL},
    {"github", "{}", "reviews", GITHUB_STATE, NULL, NULL, NULL},
    {"github", "{}", "branches", GITHUB_STATE, NULL, NULL, NULL},
    {"github", "{}", "repositories", NULL, "{\"owner\":\"acme\"}", NULL, NULL},
    {"github", "{}", "pull_requests", NULL, "{\"owner\":\"acme\",\"repo\":\"x\"}", NULL, NULL},
    {"stripe", "{}", "charges", STRIPE_STATE, NULL, NULL, NULL},
    {"stripe", "{}", "invoices", STRIPE_STATE, NULL, NULL, NULL},
    {"stripe", "{}", "payment_methods", STRIPE_STATE, NULL, NULL, NULL},
    {"stripe", "{}", "customers", STRIPE_STATE, NULL, STRIPE_CURSOR, NULL},
    {"stripe", "{}", "invoice_items", STRIPE_STATE, NULL,
     "{\"parts\":{\"\":{\"v\":1,\"scope\":\"2024-12-18.acacia \",\"from\":1772440000}}}", NULL},
    {"stripe", "{}", "events", STRIPE_STATE, NULL,
     "{\"parts\":{\"\":{\"v\":1,\"scope\":\"\",\"from\":1772440000}}}", NULL},
    {"stripe", "{}", "invoices", STRIPE_STATE, NULL, NULL, "{\"keys\":[{\"id\":\"in_1\"}]}"},
    {"stripe", "{\"accounts\":[\"acct_1Abc\"]}", "prices", STRIPE_STATE, NULL, STRIPE_CURSOR, NULL},
    {"zendesk", "{\"subdomain\":\"acme\",\"email\":\"a@b.example\"}", "tickets",
     "{\"fields\":[[1,\"custom_a\"],[2,\"custom_b\"]]}", "{\"deleted_rows\":\"delete\"}",
     "{\"parts\":{\"\":{\"v\":1,\"after\":\"MTc3MA==\",\"s\":1772000000}}}", NULL},
    {"zendesk", "{\"subdomain\":\"acme\",\"email\":\"a@b.example\"}", "organizations",
     "{\"fields\":[[\"tier\",\"custom_tier\"]]}", NULL, NULL, NULL},
    {"zendesk", "{\"subdomain\":\"acme\",\"email\":\"a@b.example\"}", "ticket_comments", NULL, NULL,
     "{\"parts\":{\"\":{\"v\":1,\"start\":1772000000}}}", NULL},
    {"zendesk", "{\"subdomain\":\"acme\",\"email\":\"a@b.example\"}", "ticket_metrics", NULL, NULL,
     NULL, NULL},
    {"zendesk", "{\"subdomain\":\"acme\",\"email\":\"a@b.example\"}", "articles", NULL, NULL, NULL,
     NULL},
    {"hubspot", "{}", "deals", HUBSPOT_STATE, NULL, NULL, NULL},
    {"hubspot", "{}", "deals", HUBSPOT_STATE, NULL, HUBSPOT_CURSOR, NULL},
    {"hubspot", "{}", "deals", HUBSPOT_STATE, NULL, NULL, "{\"keys\":[{\"id\":\"101\"}]}"},
    {"hubspot", "{}", "owners", "{\"fixed\":true,\"path\":\"owners\"}", NULL, NULL, NULL},
};

struct fuzzed {
    int status, calls;
    const char *body;
    size_t len;
};

static void answer(void *ctx, const struct sl_exchange *exchange, int64_t now_us,
                   struct script_answer *out)
{
    struct fuzzed *fuzzed = ctx;

    (void)exchange, (void)now_us;
    if (++fuzzed->calls >
        CALLS_MAX) { /* a source that never ends: the run is stopped from outside */
        out->status = 401;
        out->body = "{}";
        return;
    }
    out->status = fuzzed->status;
    out->body = fuzzed->len ? fuzzed->body : "";
    out->len = fuzzed->len;
    out->latency_us = 1000;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int statuses[] = {200, 200, 200, 200, 200, 401, 403, 404, 422, 429, 500, 503};
    struct harvest harvest = {0};
    int64_t live = sl_alloc_live();

    if (size < 3) return 0;
    const struct target *target = &targets[data[0] % (sizeof targets / sizeof *targets)];
    struct fuzzed fuzzed = {
        .status = statuses[data[2] % (sizeof statuses / sizeof *statuses)],
        .body = (const char *)data + 3,
        .len = size - 3,
    };
    struct harvest_job job = {
        .connector = target->connector,
        .options = target->options,
        .job = {.kind = data[1] % 3 == 0   ? SL_JOB_CHECK
                        : data[1] % 3 == 1 ? SL_JOB_DISCOVER
                                           : SL_JOB_READ,
                .table = target->table,
                .state = target->state,
                .table_options = target->table_options,
                .cursor = target->cursor,
                .input = target->input ? target->input : "{\"tables\":1,\"rows\":-1}",
                .full = data[1] % 2 == 0},
    };
    if (job.job.kind != SL_JOB_READ) job.job.table = job.job.state = NULL;

    struct sl_world *world = script_world(answer, &fuzzed);
    harvest_run(&job, world, &harvest);
    sl_world_free(world);
    if (harvest.code == SL_DONE) {
        assert(harvest.complete != NULL);
    } else {
        assert(sl_failed(harvest.code) && harvest.code != SL_BUG);
        assert(harvest.error.message[0] != '\0');
        assert(harvest.complete == NULL);
    }
    harvest_release(&harvest);
    assert(sl_alloc_live() == live);
    return 0;
}
