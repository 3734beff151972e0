/*
 * What is peculiar to the Airtable connector, against a source that the test makes up. What every
 * connector must do is in test_conformance.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "sources/harvest.h"
#include "sources/script.h"

#define BASE "app7YSH0VJY4edqxY"
#define TABLE "tblZQtU7VpVQi5w9t"
#define OPTIONS "{\"base_id\":\"" BASE "\",\"base_url\":\"https://airtable.test\"}"
#define STATE "{\"base\":\"" BASE "\",\"id\":\"" TABLE "\",\"primary\":\"fldQL51f5HFBo9iaQ\"}"
#define READ                                                                                       \
    {                                                                                              \
        .kind = SL_JOB_READ, .table = "Projects / 2026", .namespace_ = BASE, .state = STATE,       \
        .input = "{\"tables\":1,\"rows\":-1}", .full = true                                        \
    }

/* ---- a source ---- */

struct fake {
    int records;
    int64_t latency_us;
    /* on the call of this number (1 is the first), this instead; for `times` calls */
    int on_call, times;
    struct script_answer fault;
    const char *body_has; /* only calls whose body holds this */

    int empty_page; /* after this page an empty one comes, with an offset */
    int twice_page; /* this page is served twice */
    bool circle;    /* every page leads back to the first */
    bool forbid_schema, forbid_records, bad_token;
    bool lost;      /* every record answers 404 to its comments */
    bool gone;      /* and the listing says that it is not there */
    bool base_gone; /* or that there is nothing to list */
    bool no_counts; /* records without the number of their comments */
    int listings, listings_before_comments;
    char proof[4096]; /* what was asked about a record that answered 404 */
    int calls;
    int64_t first_us, last_us;
    char last_body[4096], last_url[1024];
    int64_t calls_in_s[4096];
};

#define RECORDS_MAX 50000
static char ids[RECORDS_MAX][18];

static void make_ids(void)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

    for (int n = 0; n < RECORDS_MAX; n++) {
        uint64_t z = ((uint64_t)n + 1) * UINT64_C(0x9e3779b97f4a7c15);
        memcpy(ids[n], "rec", 3);
        for (int i = 3; i < 17; i++) {
            z = (z ^ (z >> 29)) * UINT64_C(0xbf58476d1ce4e5b9);
            ids[n][i] = digits[(z >> 33) % 62];
        }
    }
}

/* The share that a formula names, as Airtable would evaluate it: for each of the last three
 * characters whether it is to be in the half, 1, or not, 0; -1: it does not matter. */
static void share_of(const char *body, int wanted[3])
{
    static const char *const terms[] = {"FIND(RIGHT(RECORD_ID(),1),'AaBb",
                                        "FIND(LEFT(RIGHT(RECORD_ID(),2),1),'AaBb",
                                        "FIND(LEFT(RIGHT(RECORD_ID(),3),1),'AaBb"};

    for (int bit = 0; bit < 3; bit++) {
        const char *at = strstr(body, terms[bit]);
        wanted[bit] = !at ? -1 : at - body < 4 || strncmp(at - 4, "NOT(", 4) != 0;
    }
}

static bool in_share(const char *body, const int wanted[3], const char *id)
{
    bool others = strstr(body, "NOT(AND(FIND") != NULL;

    for (int bit = 0; bit < 3; bit++)
        if (wanted[bit] >= 0 &&
            (strchr("AaBbCcDdEeFfGgHhIiJjKkLlMm01234", id[16 - bit]) != NULL) != wanted[bit])
            return others;
    return !others;
}

static void refuse(struct script_answer *answer, int status, const char *type)
{
    char *text = malloc(200);

    if (!text) abort();
    snprintf(text, 200, "{\"error\":{\"type\":\"%s\",\"message\":\"no\"}}", type);
    answer->status = status;
    answer->owned = text;
}

/* One record, or none of it. */
static void whether_there(struct fake *fake, const char *body, struct script_answer *answer)
{
    snprintf(fake->proof, sizeof fake->proof, "%.4000s", body);
    if (fake->base_gone)
        refuse(answer, 404, "NOT_FOUND");
    else if (fake->gone)
        answer->body = strstr(body, "offset") ? "{\"records\":[]}"
                                              : "{\"records\":[],\"offset\":\"itr/more\"}";
    else
        answer->body = "{\"records\":[{\"id\":\"recThereItIs00000\",\"fields\":{}}]}";
}

static char *page_of(struct fake *fake, const char *body)
{
    const char *offset = strstr(body, "\"offset\":\"");
    int from = 0, count = 0, page = 1, i, wanted[3];
    char *out = malloc(20000);
    size_t len = 0;

    if (!out) abort();
    share_of(body, wanted);
    if (offset) sscanf(offset + 10, "itr/%d/%d", &page, &from);
    len += (size_t)sprintf(out, "{\"records\":[");
    if (fake->empty_page && page == fake->empty_page + 1) {
        sprintf(out + len, "],\"offset\":\"itr/%d/%d\"}", page + 1000, from);
        return out;
    }
    for (i = from; i < fake->records && count < 100; i++) {
        if (!in_share(body, wanted, ids[i])) continue;
        len += (size_t)sprintf(out + len,
                               "%s{\"id\":\"%s\",\"createdTime\":\"2026-03-01T08:30:00.000Z\","
                               "\"%s\":%d,\"fields\":{\"fldQL51f5HFBo9iaQ\":\"n%d\"}}",
                               count++ ? "," : "", ids[i],
                               fake->no_counts ? "count" : "commentCount", i % 50 == 7 ? 2 : 0, i);
    }
    while (i < fake->records && !in_share(body, wanted, ids[i])) i++; /* is there another one? */
    len += (size_t)sprintf(out + len, "]");
    if (fake->circle) {
        len += (size_t)sprintf(out + len, ",\"offset\":\"itr/1/0\"");
    } else if (fake->twice_page && page == fake->twice_page) {
        fake->twice_page = 0;
        len += (size_t)sprintf(out + len, ",\"offset\":\"itr/%d/%d\"", page, from);
    } else if (i < fake->records) {
        len += (size_t)sprintf(out + len, ",\"offset\":\"itr/%d/%d\"", page + 1, i);
    }
    sprintf(out + len, "}");
    return out;
}

static char *file(const char *name)
{
    char path[256];
    char *text = calloc(1, 16384);
    snprintf(path, sizeof path, "tests/sources/data/%s", name);
    FILE *in = fopen(path, "rb");

    if (!in || !text || fread(text, 1, 16383, in) == 0) abort();
    fclose(in);
    return text;
}

static void respond(void *ctx, const struct sl_exchange *exchange, int64_t now_us,
                    struct script_answer *answer)
{
    struct fake *fake = ctx;
    char body[4096] = "";
    int n = ++fake->calls;

    answer->latency_us = fake->latency_us;
    if (exchange->body)
        snprintf(body, sizeof body, "%.*s", (int)exchange->body_len, exchange->body);
    memcpy(fake->last_body, body, sizeof body);
    snprintf(fake->last_url, sizeof fake->last_url, "%s", exchange->url);
    if (fake->first_us == 0) fake->first_us = now_us;
    fake->last_us = now_us;
    if ((now_us - SCRIPT_START_US) / 1000000 < 4096)
        fake->calls_in_s[(now_us - SCRIPT_START_US) / 1000000]++;
    bool matches = !fake->body_has || strstr(body, fake->body_has);
    if (fake->on_call && n >= fake->on_call && fake->times > 0 && matches) {
        fake->times--;
        int64_t latency_us = answer->latency_us;
        *answer = fake->fault;
        answer->latency_us = latency_us;
        return;
    }
    if (strstr(exchange->url, "/meta/whoami")) {
        if (fake->bad_token)
            refuse(answer, 401, "AUTHENTICATION_REQUIRED");
        else
            answer->body = "{\"id\":\"usrod3yGOCdTp77yU\"}";
    } else if (strstr(exchange->url, "/tables")) {
        if (fake->forbid_schema)
            refuse(answer, 403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND");
        else
            answer->owned = file("airtable_schema.json");
    } else if (strstr(exchange->url, "/meta/bases")) {
        answer->body = "{\"bases\":[{\"id\":\"" BASE "\",\"name\":\"Harbour\",\"permissionLevel\":"
                       "\"read\"},{\"id\":\"appAAAAAAAAAAAAAA\",\"name\":\"Closed\","
                       "\"permissionLevel\":\"none\"}]}";
    } else if (strstr(exchange->url, "/comments") && fake->lost) {
        refuse(answer, 404, "NOT_FOUND");
    } else if (strstr(body, "RECORD_ID()='")) {
        whether_there(fake, body, answer);
    } else if (strstr(exchange->url, "/comments")) {
        if (fake->listings_before_comments == 0) fake->listings_before_comments = fake->listings;
        bool second = strstr(exchange->url, "offset=") != NULL;
        answer->body = second
                           ? "{\"comments\":[{\"id\":\"comB\",\"text\":\"b\"}],\"offset\":null}"
                           : "{\"comments\":[{\"id\":\"comA\",\"text\":\"a\"}],\"offset\":\"x/y\"}";
    } else if (fake->forbid_records) {
        refuse(answer, 403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND");
    } else {
        fake->listings++;
        answer->owned = page_of(fake, body);
    }
}

static void run(struct fake *fake, const struct harvest_job *job, struct harvest *out)
{
    struct sl_world *world = script_world(respond, fake);

    harvest_run(job, world, out);
    sl_world_free(world);
}

static void read_all(struct fake *fake, struct harvest *out)
{
    struct harvest_job job = {.connector = "airtable", .options = OPTIONS, .job = READ};

    run(fake, &job, out);
}

#define FINE(h) assert_string_equal((h).error.message, "")

/* ---- discover and check ---- */

static void maps_every_type_of_the_worked_example(void **state)
{
    struct fake fake = {0};
    struct harvest h;
    struct harvest_job job = {.connector = "airtable",
                              .options = OPTIONS,
                              .job = {.kind = SL_JOB_DISCOVER}};

    (void)state;
    run(&fake, &job, &h);
    FINE(h);
    assert_int_equal(fake.calls, 1);
    assert_int_equal(h.table_count, 4); /* two, and their comments */
    const struct harvest_table *t = harvest_table(&h, "Projects / 2026");
    assert_non_null(t);
    assert_string_equal(t->id, TABLE);
    assert_string_equal(t->namespace_, BASE);
    assert_string_equal(t->key, "_airtable_id");
    assert_null(t->excluded);
#define HAS(text) assert_non_null(strstr(t->columns, text))
    HAS("_airtable_id:string, _airtable_created_time:timestamp, Name:string, Notes:string");
    HAS("Status:string, Tags:array<string>, Budget (€):double, Units:double, Done %:double");
    HAS("Hours:double, Start:date, Kickoff at:timestamp, Approved?:boolean, # Stars:bigint");
    HAS("Client:array<string>, Name (from Client):array<string>, Client spend:double");
    HAS("Client count:bigint, Margin:double, Link check:string");
    HAS("Owner:struct<id:string,email:string,name:string>");
    HAS("Team:array<struct<id:string,email:string,name:string>>");
    HAS("Files:array<struct<id:string,url:string,filename:string,size:bigint,type:string,");
    HAS("SKU:struct<text:string,type:string>, Contact e-mail:string, Site:string, Phone:string");
    HAS("No.:bigint, Created:timestamp, Created by:struct<");
    HAS("Last change:timestamp, Changed by:struct<");
    HAS("Summary (AI):struct<state:string,isStale:boolean,value:string,errorType:string>");
    HAS("Open:struct<label:string,url:string>, 🔄 Source:string, id:string");
#undef HAS
    t = harvest_table(&h, "Projects / 2026__comments");
    assert_non_null(t->excluded);
    harvest_release(&h);
}

static void computed_fields_become_text_on_demand(void **state)
{
    struct fake fake = {0};
    struct harvest h;
    struct harvest_job job = {.connector = "airtable",
                              .options = OPTIONS,
                              .job = {.kind = SL_JOB_DISCOVER,
                                      .table_options = "{\"computed_as_string\":true,"
                                                       "\"comment_count\":true}"}};

    (void)state;
    run(&fake, &job, &h);
    FINE(h);
    const char *columns = harvest_table(&h, "Projects / 2026")->columns;
    assert_non_null(strstr(columns, "Margin:string"));
    assert_non_null(strstr(columns, "Name (from Client):string"));
    assert_non_null(strstr(columns, "_airtable_comment_count:bigint"));
    harvest_release(&h);
}

static void finds_a_base_by_its_name_and_passes_over_closed_ones(void **state)
{
    struct fake fake = {0};
    struct harvest h;
    struct harvest_job job = {.connector = "airtable",
                              .options = "{\"base_url\":\"https://airtable.test\"}",
                              .job = {.kind = SL_JOB_DISCOVER}};

    (void)state;
    run(&fake, &job, &h);
    FINE(h);
    assert_int_equal(h.table_count, 4);
    assert_int_equal(h.note_count, 1);
    assert_string_equal(h.notes[0], "base 'Closed' (appAAAAAAAAAAAAAA): its tables are not read in "
                                    "this run, because the token has no permission in it");
    assert_string_equal(h.namespaces[0], BASE " Harbour");
    harvest_release(&h);

    job.job.namespace_ = "Harbour";
    run(&fake, &job, &h);
    FINE(h);
    assert_int_equal(h.table_count, 4);
    harvest_release(&h);

    job.job.namespace_ = "Nowhere";
    run(&fake, &job, &h);
    assert_int_equal(h.code, SL_NOT_FOUND);
    harvest_release(&h);

    fake.forbid_schema = true;
    job.job.namespace_ = NULL; /* listed: passed over. Named: an error */
    run(&fake, &job, &h);
    FINE(h);
    assert_int_equal(h.note_count, 2);
    assert_string_equal(h.notes[1], "base 'Harbour' (" BASE "): its tables are not read in this "
                                    "run, because Airtable answered 403 "
                                    "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND to its schema");
    harvest_release(&h);
    for (int by = 0; by < 3; by++) { /* named by its id, by its name, by the connection */
        job.job.namespace_ = by == 0 ? BASE : by == 1 ? "Harbour" : NULL;
        if (by == 2) job.options = OPTIONS;
        run(&fake, &job, &h);
        assert_int_equal(h.code, SL_PERMISSION);
        assert_int_equal(h.table_count, 0);
        assert_non_null(strstr(h.error.message, BASE));
        assert_non_null(strstr(h.error.hint, "schema.bases:read"));
        harvest_release(&h);
    }
}

static void check_names_what_is_missing(void **state)
{
    struct fake fake = {0};
    struct harvest h;
    struct harvest_job job = {.connector = "airtable",
                              .options = OPTIONS,
                              .job = {.kind = SL_JOB_CHECK}};

    (void)state;
    run(&fake, &job, &h);
    FINE(h);
    assert_int_equal(h.check_count, 3);
    for (size_t i = 0; i < h.check_count; i++) assert_true(h.checks[i].good);
    harvest_release(&h);

    fake.forbid_records = true;
    run(&fake, &job, &h);
    FINE(h);
    assert_false(h.checks[2].good);
    assert_string_equal(h.checks[2].subject, "base " BASE ": data.records:read");
    assert_non_null(strstr(h.checks[2].hint, "data.records:read"));
    harvest_release(&h);

    fake.forbid_schema = true;
    run(&fake, &job, &h);
    FINE(h);
    assert_int_equal(h.check_count, 2);
    assert_false(h.checks[1].good);
    harvest_release(&h);

    fake.bad_token = true;
    run(&fake, &job, &h);
    FINE(h);
    assert_int_equal(h.check_count, 1);
    assert_false(h.checks[0].good);
    harvest_release(&h);
}

/* ---- reading ---- */

static void reads_every_record_once(void **state)
{
    static const struct {
        int records, calls;
    } cases[] = {{0, 1}, {1, 1}, {100, 1}, {101, 2}, {250, 3}, {1000, 10}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake fake = {.records = cases[i].records};
        struct harvest h;

        read_all(&fake, &h);
        FINE(h);
        assert_int_equal(harvest_count(&h, NULL, false), cases[i].records);
        assert_int_equal(harvest_distinct(&h, NULL, false), cases[i].records);
        assert_int_equal(fake.calls, cases[i].calls);
        assert_string_equal(h.complete, "[{\"table\":\"Projects / 2026\",\"scope\":{}}]");
        harvest_release(&h);
    }
}

static void asks_for_what_is_wanted_by_id(void **state)
{
    struct fake fake = {.records = 3};
    struct harvest h;
    struct harvest_job job = {.connector = "airtable", .options = OPTIONS, .job = READ};

    (void)state;
    job.job.columns = "[\"_airtable_id\",\"fldQL51f5HFBo9iaQ\"]";
    job.job.table_options = "{\"view\":\"viwJol3AGCRebW7ts\",\"filter\":\"{Units}>1\"}";
    run(&fake, &job, &h);
    FINE(h);
    assert_string_equal(fake.last_url, "https://airtable.test/v0/" BASE "/" TABLE "/listRecords");
    assert_string_equal(fake.last_body,
                        "{\"pageSize\":100,\"returnFieldsByFieldId\":true,\"fields\":["
                        "\"fldQL51f5HFBo9iaQ\"],\"view\":\"viwJol3AGCRebW7ts\","
                        "\"filterByFormula\":\"{Units}>1\"}");
    assert_non_null(strstr(h.cursor, "\"filter\":\"{Units}>1\""));
    harvest_release(&h);

    job.job.columns = "[\"_airtable_id\"]"; /* none would mean all: the primary one is asked for */
    run(&fake, &job, &h);
    FINE(h);
    assert_non_null(strstr(fake.last_body, "\"fields\":[\"fldQL51f5HFBo9iaQ\"]"));
    harvest_release(&h);
}

static void an_empty_page_is_not_the_end(void **state)
{
    struct fake fake = {.records = 450, .empty_page = 2};
    struct harvest h;

    (void)state;
    read_all(&fake, &h);
    FINE(h);
    assert_int_equal(harvest_distinct(&h, NULL, false), 450);
    harvest_release(&h);
}

static void a_page_served_twice_loses_nothing(void **state)
{
    struct fake fake = {.records = 450, .twice_page = 3};
    struct harvest h;

    (void)state;
    read_all(&fake, &h);
    FINE(h);
    assert_int_equal(harvest_distinct(&h, NULL, false), 450);
    harvest_release(&h);
}

static void pages_in_a_circle_end_in_an_error(void **state)
{
    struct fake fake = {.records = 250, .circle = true};
    struct harvest h;

    (void)state;
    read_all(&fake, &h);
    assert_int_equal(h.code, SL_BAD_DATA);
    assert_non_null(strstr(h.error.message, "again and again"));
    assert_true(fake.calls < 20);
    harvest_release(&h);
}

static void an_expired_listing_starts_again(void **state)
{
    struct fake fake = {
        .records = 450,
        .on_call = 3,
        .times = 1,
        .fault = {.status = 422,
                  .body = "{\"error\":{\"type\":\"LIST_RECORDS_ITERATOR_NOT_AVAILABLE\"}}"}};
    struct harvest h;

    (void)state;
    read_all(&fake, &h);
    FINE(h);
    assert_int_equal(h.counts.restarts, 1);
    assert_int_equal(harvest_count(&h, NULL, false), 450); /* nothing twice */
    harvest_release(&h);

    fake = (struct fake){
        .records = 450, .on_call = 2, .times = 1000, .fault = fake.fault, .body_has = "\"offset\""};
    read_all(&fake, &h);
    assert_true(sl_failed(h.code)); /* bounded */
    assert_null(h.complete);
    harvest_release(&h);
}

/* ---- refusals ---- */

static void a_429_stops_the_base_for_thirty_seconds(void **state)
{
    static const char *const bodies[] = {
        "{\"errors\":[{\"error\":\"RATE_LIMIT_REACHED\",\"message\":\"Rate limit exceeded\"}]}",
        "{\"error\":{\"type\":\"RATE_LIMIT_REACHED\"}}", ""};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct fake fake = {.records = 2000,
                            .latency_us = 300000,
                            .on_call = 6,
                            .times = 1,
                            .fault = {.status = 429, .body = bodies[i]}};
        struct harvest h;
        int silent = 0, longest = 0;

        read_all(&fake, &h);
        FINE(h);
        assert_int_equal(harvest_distinct(&h, NULL, false), 2000);
        assert_int_equal(h.counts.limited, 1);
        for (int64_t s = 0; s <= (fake.last_us - SCRIPT_START_US) / 1000000; s++) {
            silent = fake.calls_in_s[s] ? 0 : silent + 1;
            if (silent > longest) longest = silent;
        }
        assert_true(longest >= 28 && longest <= 31);
        harvest_release(&h);
    }
}

static void a_quota_that_is_gone_stops_at_once(void **state)
{
    struct fake fake = {
        .records = 450,
        .on_call = 2,
        .times = 1000,
        .fault = {.status = 429,
                  .body = "{\"errors\":[{\"error\":\"PUBLIC_API_BILLING_LIMIT_EXCEEDED\","
                          "\"message\":\"The workspace is over its monthly limit\"}]}"}};
    struct harvest h;

    (void)state;
    read_all(&fake, &h);
    assert_int_equal(h.code, SL_QUOTA);
    assert_int_equal(fake.calls, 2);
    assert_non_null(strstr(h.error.message, "over its monthly limit"));
    harvest_release(&h);
}

static void every_refusal_says_what_to_do(void **state)
{
    static const struct {
        int status;
        const char *body;
        enum sl_code code;
        const char *says, *hints;
    } cases[] = {
        {401, "{\"error\":{\"type\":\"AUTHENTICATION_REQUIRED\",\"message\":\"no\"}}", SL_AUTH,
         "401 AUTHENTICATION_REQUIRED: no", "create/tokens"},
        {403, "{\"error\":{\"type\":\"INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND\"}}", SL_PERMISSION,
         "table 'Projects / 2026' of base '" BASE "'", "data.records:read"},
        {404, "{\"error\":\"NOT_FOUND\"}", SL_PERMISSION, "404 NOT_FOUND", "data.records:read"},
        {422,
         "{\"error\":{\"type\":\"INVALID_FILTER_BY_FORMULA\",\"message\":\"Unknown field "
         "names: x\"}}",
         SL_BAD_SPEC, "Unknown field names: x", "filter"},
        {422, "{\"error\":{\"type\":\"VIEW_NAME_NOT_FOUND\"}}", SL_BAD_SPEC, "VIEW_NAME", "view"},
        {422, "{\"error\":{\"type\":\"UNKNOWN_FIELD_NAME\"}}", SL_SOURCE, "UNKNOWN", "run again"},
        {413, "", SL_SOURCE, "413", ""},
        {302, "<html>", SL_SOURCE, "302", ""},
        {200, "[]", SL_BAD_DATA, "no JSON object", ""},
        {200, "{\"records\":7}", SL_BAD_DATA, "without 'records'", ""},
        {200, "{\"records\":[],\"offset\":7}", SL_BAD_DATA, "offset is number", ""},
        {200, "{\"records\":[],\"offset\":\"\"}", SL_BAD_DATA, "offset is empty", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake fake = {.records = 450,
                            .on_call = 2,
                            .times = 1000,
                            .fault = {.status = cases[i].status, .body = cases[i].body}};
        struct harvest h;

        read_all(&fake, &h);
        if (h.code != cases[i].code || !strstr(h.error.message, cases[i].says) ||
            !strstr(h.error.hint, cases[i].hints))
            fail_msg("case %zu: %s: %s | %s", i, sl_code_name(h.code), h.error.message,
                     h.error.hint);
        assert_null(h.complete);
        harvest_release(&h);
    }
}

static void what_passes_is_tried_again(void **state)
{
    static const struct {
        struct script_answer fault;
        int64_t at_least_us;
    } cases[] = {
        {{.status = 500, .body = "{\"error\":{\"type\":\"SERVER_ERROR\"}}"}, 0},
        {{.status = 502, .body = "<html>Bad gateway</html>"}, 0},
        {{.status = 503, .body = "", .headers = {{"retry-after", "7"}}}, 7000000},
        {{.status = 503, .body = "{\"error\":{\"type\":\"RETRIABLE_ERROR\"}}"}, 0},
        {{.status = 200, .body = "{\"records\":[{\"id\":\"rec"}, 0},
        {{.status = 200, .body = "<html>sign in</html>"}, 0},
        {{.status = 200, .body = ""}, 0},
        {{.broken = SL_CONNECT}, 0},
        {{.broken = SL_TIMEOUT}, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake fake = {.records = 450, .on_call = 3, .times = 2, .fault = cases[i].fault};
        struct harvest h;

        read_all(&fake, &h);
        FINE(h);
        assert_int_equal(harvest_count(&h, NULL, false), 450);
        assert_int_equal(h.counts.retries, 2);
        assert_true(h.took_us >= cases[i].at_least_us);
        harvest_release(&h);
    }
}

/* ---- shares ---- */

static void shares_are_disjoint_and_exhaustive(void **state)
{
    static const char *const options[] = {"{\"chains\":1}", "{\"chains\":2}", "{\"chains\":3}",
                                          "{\"chains\":8}"};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct fake fake = {.records = 3000};
        struct harvest h;
        struct harvest_job job = {.connector = "airtable", .options = OPTIONS, .job = READ};

        job.job.table_options = options[i];
        run(&fake, &job, &h);
        FINE(h);
        assert_int_equal(harvest_count(&h, NULL, false), 3000);
        assert_int_equal(harvest_distinct(&h, NULL, false), 3000);
        assert_string_equal(h.complete, "[{\"table\":\"Projects / 2026\",\"scope\":{}}]");
        harvest_release(&h);
    }
}

static void a_share_that_fails_proves_nothing(void **state)
{
    struct fake fake = {.records = 3000,
                        .on_call = 5,
                        .times = 1000,
                        .body_has = "NOT(FIND",
                        .fault = {.status = 403, .body = "{\"error\":{\"type\":\"GONE\"}}"}};
    struct harvest h;
    struct harvest_job job = {.connector = "airtable", .options = OPTIONS, .job = READ};

    (void)state;
    job.job.table_options = "{\"chains\":4}";
    run(&fake, &job, &h);
    assert_int_equal(h.code, SL_PERMISSION);
    assert_null(h.complete);
    harvest_release(&h);
}

/* The share of Airtable's limit that a load makes use of: calls that it takes at least, over five
 * in a second. */
static double share_of_limit(int tables, int records, int64_t latency_us, double *calls)
{
    struct fake fake = {.records = records, .latency_us = latency_us};
    struct sl_job_options jobs[8];
    struct harvest_job job = {.connector = "airtable",
                              .options = OPTIONS,
                              .job = {.kind = SL_JOB_DISCOVER}};
    struct sl_world *world = script_world(respond, &fake);
    struct harvest h;
    char input[64];
    double minimum = tables * ((records + 99) / 100) + 1;
    int64_t took_us;

    harvest_run(&job, world, &h); /* the schema */
    FINE(h);
    took_us = h.took_us;
    char *known = strdup(harvest_table(&h, "Projects / 2026")->state);
    harvest_release(&h);
    memset(fake.calls_in_s, 0, sizeof fake.calls_in_s); /* the next loop has budgets of its own */
    snprintf(input, sizeof input, "{\"tables\":%d,\"rows\":-1}", tables);
    for (int i = 0; i < tables; i++) {
        jobs[i] = (struct sl_job_options)READ;
        jobs[i].input = input;
        jobs[i].state = known;
    }
    job.job = jobs[0];
    job.more = jobs + 1;
    job.more_count = (size_t)tables - 1;
    harvest_run(&job, world, &h);
    FINE(h);
    assert_int_equal(harvest_count(&h, NULL, false), tables * records);
    took_us += h.took_us;
    harvest_release(&h);
    sl_world_free(world);
    free(known);
    *calls = fake.calls;
    for (int s = 0; s < 4096; s++) assert_true(fake.calls_in_s[s] <= 5);
    return minimum / (5 * (double)took_us / 1e6);
}

static void latency_does_not_cost_throughput(void **state)
{
    static const int64_t latencies_us[] = {0, 100000, 200000, 350000, 500000};
    static const struct {
        int tables, records;
    } loads[] = {{6, 5000}, {1, 50000}};

    (void)state;
    for (size_t l = 0; l < 2; l++)
        for (size_t i = 0; i < 5; i++) {
            double calls;
            double share =
                share_of_limit(loads[l].tables, loads[l].records, latencies_us[i], &calls);
            print_message("%d x %d at %3d ms: %.1f %% of the limit, %.0f calls\n", loads[l].tables,
                          loads[l].records, (int)(latencies_us[i] / 1000), 100 * share, calls);
            assert_true(share >= 0.96);
        }
}

#define SLOW_STATE                                                                                 \
    "{\"base\":\"" BASE "\",\"id\":\"" TABLE "\",\"primary\":\"fldQL51f5HFBo9iaQ\","               \
    "\"round_trip_us\":500000}"

/* A table of unknown size: the first share decides. */
static void a_small_table_costs_little_when_its_size_is_unknown(void **state)
{
    static const struct {
        int records, calls_max;
    } cases[] = {{0, 2}, {10, 2}, {100, 2}, {150, 3}, {300, 4}, {1000, 13}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake fake = {.records = cases[i].records, .latency_us = 500000};
        struct harvest h;
        struct harvest_job job = {.connector = "airtable", .options = OPTIONS, .job = READ};

        job.job.state = SLOW_STATE;
        run(&fake, &job, &h);
        FINE(h);
        assert_int_equal(harvest_count(&h, NULL, false), cases[i].records);
        assert_int_equal(harvest_distinct(&h, NULL, false), cases[i].records);
        assert_true(fake.calls <= cases[i].calls_max);
        assert_string_equal(h.complete, "[{\"table\":\"Projects / 2026\",\"scope\":{}}]");
        harvest_release(&h);
    }
}

static void small_tables_are_never_cut(void **state)
{
    struct fake fake = {.records = 4000, .latency_us = 500000};
    struct harvest h;
    struct harvest_job job = {.connector = "airtable", .options = OPTIONS, .job = READ};

    (void)state;
    job.job.state = SLOW_STATE;
    job.job.input = "{\"tables\":1,\"rows\":4000}"; /* known from the last run */
    run(&fake, &job, &h);
    FINE(h);
    assert_int_equal(fake.calls, 40);
    harvest_release(&h);

    fake = (struct fake){.records = 20000, .latency_us = 500000};
    job.job.input = "{\"tables\":1,\"rows\":20000}";
    run(&fake, &job, &h);
    FINE(h);
    assert_true(fake.calls <= 204);          /* four shares, no page for nothing */
    assert_true(h.took_us < 45 * 1000000LL); /* one chain would take 100 s */
    harvest_release(&h);
}

/* ---- comments ---- */

#define READ_COMMENTS                                                                              \
    {                                                                                              \
        .kind = SL_JOB_READ, .table = "Projects / 2026__comments", .namespace_ = BASE,             \
        .state = "{\"base\":\"" BASE "\",\"id\":\"" TABLE                                          \
                 "\",\"primary\":\"fldQL51f5HFBo9iaQ\",\"comments\":true}",                        \
        .input = "{\"tables\":1,\"rows\":-1}", .full = true                                        \
    }

static void read_comments(struct fake *fake, const char *options, struct harvest *out)
{
    struct harvest_job job = {.connector = "airtable", .options = options, .job = READ_COMMENTS};

    run(fake, &job, out);
}

static void comments_are_read_where_there_are_any(void **state)
{
    struct fake fake = {.records = 250};
    struct harvest h;

    (void)state;
    read_comments(&fake, OPTIONS, &h);
    FINE(h);
    assert_int_equal(fake.calls, 3 + 5 * 2); /* pages, and two pages for each commented record */
    assert_int_equal(harvest_count(&h, "Projects / 2026__comments", false), 10);
    char text[160];
    snprintf(text, sizeof text, "{\"id\":\"comA\",\"text\":\"a\"},{\"_airtable_record_id\":\"%s\"}",
             ids[7]);
    assert_true(harvest_has(&h, NULL, text));
    assert_non_null(strstr(h.complete, "__comments"));
    harvest_release(&h);
}

/* A listing does not live long on the server, so nothing may come between its pages. */
static void comments_wait_for_the_end_of_the_listing(void **state)
{
    struct fake fake = {.records = 3000};
    struct harvest h;

    (void)state;
    read_comments(&fake,
                  "{\"base_id\":\"" BASE "\",\"base_url\":\"https://airtable.test\","
                  "\"requests_per_second\":0.1}",
                  &h);
    FINE(h);
    assert_int_equal(fake.listings, 30);
    assert_int_equal(fake.listings_before_comments, 30);
    assert_int_equal(harvest_count(&h, "Projects / 2026__comments", false), 60 * 2);
    harvest_release(&h);
}

/* 404 proves nothing by itself: a lost base or permission answers so too. */
static void a_record_is_gone_when_the_listing_says_so(void **state)
{
    struct harvest_job job = {.connector = "airtable", .options = OPTIONS, .job = READ_COMMENTS};
    struct fake fake = {.records = 50, .lost = true, .gone = true};
    struct harvest h;
    char formula[60];

    (void)state;
    job.job.table_options = "{\"view\":\"viwJol3AGCRebW7ts\",\"filter\":\"{Units}>1\"}";
    run(&fake, &job, &h);
    FINE(h);
    assert_int_equal(harvest_count(&h, NULL, false), 0);
    assert_non_null(strstr(h.complete, "__comments"));
    snprintf(formula, sizeof formula, "\"filterByFormula\":\"RECORD_ID()='%s'\"", ids[7]);
    assert_non_null(strstr(fake.proof, formula));
    assert_null(strstr(fake.proof, "viw")); /* it may have left the view, and still be there */
    harvest_release(&h);

    fake = (struct fake){.records = 250, .lost = true};
    run(&fake, &job, &h);
    assert_int_equal(h.code, SL_PERMISSION);
    assert_null(h.complete);
    assert_non_null(strstr(h.error.message, "404"));
    assert_non_null(strstr(h.error.message, "Projects / 2026__comments"));
    assert_non_null(strstr(h.error.hint, "data.recordComments:read"));
    harvest_release(&h);

    fake = (struct fake){.records = 250, .lost = true, .base_gone = true};
    run(&fake, &job, &h);
    assert_int_equal(h.code, SL_PERMISSION);
    assert_null(h.complete);
    assert_non_null(strstr(h.error.hint, "data.records:read"));
    harvest_release(&h);
}

static void a_record_without_its_number_of_comments_is_no_record_without_comments(void **state)
{
    struct fake fake = {.records = 250, .no_counts = true};
    struct harvest h;

    (void)state;
    read_comments(&fake, OPTIONS, &h);
    assert_int_equal(h.code, SL_BAD_DATA);
    assert_null(h.complete);
    assert_non_null(strstr(h.error.message, "commentCount"));
    harvest_release(&h);
}

/* ---- memory ---- */

static void survives_the_failure_of_every_allocation(void **state)
{
    struct harvest_job jobs[] = {
        {.connector = "airtable", .options = OPTIONS, .job = READ},
        {.connector = "airtable", .options = OPTIONS, .job = {.kind = SL_JOB_DISCOVER}},
        {.connector = "airtable", .options = OPTIONS, .job = {.kind = SL_JOB_CHECK}},
        {.connector = "airtable", .options = OPTIONS, .job = READ_COMMENTS},
        {.connector = "airtable", .options = OPTIONS, .job = READ_COMMENTS}, /* of gone records */
    };

    (void)state;
    jobs[0].job.table_options = "{\"chains\":2}";
    for (size_t j = 0; j < sizeof jobs / sizeof *jobs; j++) {
        int64_t live = sl_alloc_live();
        enum sl_code code = SL_NO_MEMORY;

        for (int64_t n = 0; code != SL_DONE; n++) {
            struct fake fake = {.records = 120, .lost = j == 4, .gone = true};
            struct harvest h;

            sl_alloc_fail_after(n);
            run(&fake, &jobs[j], &h);
            sl_alloc_fail_after(-1);
            code = h.code;
            if (code != SL_DONE && code != SL_NO_MEMORY)
                fail_msg("job %zu, allocation %d: %s: %s", j, (int)n, sl_code_name(code),
                         h.error.message);
            harvest_release(&h);
            assert_int_equal(sl_alloc_live(), live);
        }
    }
}

int main(void)
{
    make_ids();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_every_type_of_the_worked_example),
        cmocka_unit_test(computed_fields_become_text_on_demand),
        cmocka_unit_test(finds_a_base_by_its_name_and_passes_over_closed_ones),
        cmocka_unit_test(check_names_what_is_missing),
        cmocka_unit_test(reads_every_record_once),
        cmocka_unit_test(asks_for_what_is_wanted_by_id),
        cmocka_unit_test(an_empty_page_is_not_the_end),
        cmocka_unit_test(a_page_served_twice_loses_nothing),
        cmocka_unit_test(pages_in_a_circle_end_in_an_error),
        cmocka_unit_test(an_expired_listing_starts_again),
        cmocka_unit_test(a_429_stops_the_base_for_thirty_seconds),
        cmocka_unit_test(a_quota_that_is_gone_stops_at_once),
        cmocka_unit_test(every_refusal_says_what_to_do),
        cmocka_unit_test(what_passes_is_tried_again),
        cmocka_unit_test(shares_are_disjoint_and_exhaustive),
        cmocka_unit_test(a_share_that_fails_proves_nothing),
        cmocka_unit_test(latency_does_not_cost_throughput),
        cmocka_unit_test(a_small_table_costs_little_when_its_size_is_unknown),
        cmocka_unit_test(small_tables_are_never_cut),
        cmocka_unit_test(comments_are_read_where_there_are_any),
        cmocka_unit_test(comments_wait_for_the_end_of_the_listing),
        cmocka_unit_test(a_record_is_gone_when_the_listing_says_so),
        cmocka_unit_test(a_record_without_its_number_of_comments_is_no_record_without_comments),
        cmocka_unit_test(survives_the_failure_of_every_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
