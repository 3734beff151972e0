/* sim.c: what every simulator has: counters, limits, faults, statistics, control and truth. */
#include "sim/sim.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/time.h"
#include "json/doc.h"
#include "sim/count.h"
#include "sim/fault.h"
#include "sim/text.h"

#define SIM_STATUS_MAX 600
#define SIM_HUGE_BYTES (INT64_C(2) << 30)
#define SIM_REPLY_BYTES_MAX ((size_t)4 << 30)

struct sim {
    const struct sim_app *app;
    void *state;
    double rate;        /* 0: as the API has it; -1: off */
    int64_t penalty_us; /* -1: as the API has it */
    int64_t latency_us;
    bool gzip;
    int64_t now_us;
    int64_t skew_us; /* the source's clock is so much ahead */
    uint64_t dice;
    struct sim_faults faults;
    struct sim_counters counters;
    struct {
        int64_t requests, limited, resets, cuts, faults, body_bytes;
        int64_t by_status[SIM_STATUS_MAX];
        int64_t first_us, last_us;
    } stats;
};

/* What sim.c acts itself. The app's own fault names and its operations come on top. */
static const char *const fault_names[] = {"429",  "quota",    "500",        "502",     "503",
                                          "504",  "401",      "403",        "404",     "422",
                                          "html", "bad_json", "truncated",  "cut",     "reset",
                                          "huge", "slow",     "empty_body", "chunked", "status",
                                          NULL};

static bool name_in(const char *const *names, const char *name)
{
    for (; names && *names; names++)
        if (strcmp(*names, name) == 0) return true;
    return false;
}

static bool fault_known(const void *context, const char *name)
{
    const struct sim_app *app = context;

    return name_in(fault_names, name) || name_in(app->faults, name) ||
           (app->has_op && app->has_op(name));
}

/* ------------------------------------------------------------------ life */

enum sl_code sim_new(const struct sim_app *app, const struct sim_options *options, struct sim **out,
                     struct sl_error *error)
{
    enum sl_code rc;
    struct sim_options all = options ? *options : (struct sim_options){0};
    struct sim *sim = sl_calloc(1, sizeof *sim);

    if (!sim) return sl_fail(error, SL_NO_MEMORY, "could not make a simulator");
    if (!all.start_us) all.start_us = SIM_START_US;
    sim->app = app;
    sim->rate = all.rate;
    sim->penalty_us = -1;
    sim->latency_us = all.latency_ms * 1000;
    sim->gzip = all.gzip;
    sim->now_us = all.start_us;
    sim->dice = sim_mix(all.seed, 99);
    rc = sim_faults_add(&sim->faults, all.fault, fault_known, app, error);
    if (rc) goto out;
    sim->state = app->create(&all, error);
    if (!sim->state) {
        rc = error->code;
        goto out;
    }
    *out = sim;
    sim = NULL;

out:
    sim_free(sim);
    return rc;
}

void sim_free(struct sim *sim)
{
    if (!sim) return;
    if (sim->state) sim->app->destroy(sim->state);
    sim_faults_clear(&sim->faults);
    sim_counters_clear(&sim->counters);
    sl_free(sim);
}

int64_t sim_now(const struct sim *sim)
{
    return sim->now_us;
}

void sim_set_now(struct sim *sim, int64_t now_us)
{
    if (now_us > sim->now_us) sim->now_us = now_us;
}

bool sim_gzip(const struct sim *sim)
{
    return sim->gzip;
}

enum sl_code sim_connection(struct sim *sim, const char *base_url, struct sl_buf *out,
                            struct sl_error *error)
{
    return sim->app->connection(sim->state, base_url, out, error);
}

/* ------------------------------------------------------------------ requests and replies */

void sim_reply_init(struct sim_reply *reply, struct sl_buf *body)
{
    *reply = (struct sim_reply){.status = 200, .body = body, .cut_after = -1};
}

void sim_reply_header(struct sim_reply *reply, const char *name, const char *value)
{
    size_t len = strlen(value) + 1, i = 0;

    while (i < SIM_REPLY_HEADERS_MAX && reply->headers[i].name) i++;
    if (i == SIM_REPLY_HEADERS_MAX || reply->scratch_used + len > sizeof reply->scratch) return;
    char *copy = reply->scratch + reply->scratch_used;

    memcpy(copy, value, len);
    reply->scratch_used += len;
    reply->headers[i] = (struct sl_header){.name = name, .value = copy};
}

const char *sim_request_header(const struct sim_request *request, const char *name)
{
    for (const struct sl_header *h = request->headers; h && h->name; h++)
        if (strcasecmp(h->name, name) == 0) return h->value;
    return NULL;
}

static void reply_text(struct sim_reply *reply, int status, const char *type, const char *text)
{
    sl_buf_reset(reply->body);
    sl_buf_adds(reply->body, text);
    reply->status = status;
    reply->content_type = type;
}

/* ------------------------------------------------------------------ failures */

static const char bad_gateway[] =
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    "<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n";
static const char sign_in[] =
    "<!DOCTYPE html>\n<html><head><title>Network sign-in</title></head>\n"
    "<body><p>Please accept the terms of this network.</p></body></html>\n";

/* The answer that takes the place of the app's own. False: this fault is none of those. */
static bool fail_instead(struct sim *sim, const struct sim_fault *fault,
                         const struct sim_request *request, struct sim_reply *reply)
{
    const char *name = fault->name;
    int status = (int)sim_fault_int(fault, "code", strcmp(name, "quota") == 0 ? 429 : 0);
    const char *wait = sim_fault_param(fault, "retry_after");

    if (strlen(name) == 3 && strspn(name, "0123456789") == 3)
        status = (name[0] - '0') * 100 + (name[1] - '0') * 10 + (name[2] - '0');
    if (strcmp(name, "html") == 0) {
        reply_text(reply, 200, "text/html; charset=utf-8", sign_in);
    } else if (strcmp(name, "empty_body") == 0) {
        reply_text(reply, 200, NULL, "");
    } else if (strcmp(name, "reset") == 0) {
        reply_text(reply, 200, NULL, "");
        reply->reset = true;
    } else if (strcmp(name, "huge") == 0) {
        reply_text(reply, 200, NULL,
                   "{\"records\":[{\"id\":\"rec00000000000000\",\"fields\":{}}]}");
        reply->stream_len = sim_fault_int(fault, "bytes", SIM_HUGE_BYTES);
        reply->chunked = sim_fault_int(fault, "chunked", 0) != 0;
    } else if (status) {
        reply->status = status;
        if (!sim->app->fail || !sim->app->fail(sim->state, name, fault, request, reply)) {
            if (status == 502)
                reply_text(reply, 502, "text/html", bad_gateway);
            else
                reply_text(reply, status, NULL, "{\"error\":\"injected failure\"}");
        }
    } else {
        return false;
    }
    if (wait) sim_reply_header(reply, "retry-after", wait);
    return true;
}

/* The first place from `from` on that is not inside a string: commas there are no JSON, in a string they
 * would be another value. */
static size_t outside_strings(const struct sl_buf *body, size_t from)
{
    bool inside = false;

    for (size_t i = 0; i < body->len; i++) {
        if (inside && body->data[i] == '\\')
            i++;
        else if (body->data[i] == '"')
            inside = !inside;
        if (!inside && i >= from) return i;
    }
    return 0;
}

/* What is done to an answer after it was made. */
static void spoil(const struct sim_fault *fault, struct sim_reply *reply)
{
    size_t len = reply->body->len;
    double at = sim_fault_double(fault, "at", 0.5);
    size_t keep = (size_t)((double)len * (at < 0 ? 0 : at > 1 ? 1 : at));

    if (strcmp(fault->name, "cut") == 0) {
        reply->cut_after = sim_fault_int(fault, "bytes", (int64_t)keep);
    } else if (strcmp(fault->name, "truncated") == 0 && len) {
        reply->body->len = keep;
        reply->body->data[keep] = '\0';
    } else if (strcmp(fault->name, "bad_json") == 0 && len) {
        keep = outside_strings(reply->body, keep);
        memset(reply->body->data + keep, ',', len - keep < 4 ? len - keep : 4);
    } else if (strcmp(fault->name, "chunked") == 0) {
        reply->chunked = true;
    } else if (strcmp(fault->name, "slow") == 0) {
        reply->delay_us += sim_fault_int(fault, "ms", 10000) * 1000;
    }
}

/* Faults that are operations change the app before it answers; then it looks again. */
static enum sl_code operate_faults(struct sim *sim, const struct sim_request *request,
                                   struct sim_look *look, struct sl_error *error)
{
    enum sl_code rc = SL_OK;
    struct sl_buf text = {0};
    struct sl_doc *doc = NULL;
    const struct sl_json *op;

    for (const struct sim_fault *const *f = request->faults; *f && !rc; f++) {
        if (!sim->app->has_op || !sim->app->has_op((*f)->name)) continue;
        if (!doc) doc = sl_doc_new(0);
        sl_buf_reset(&text);
        sim_fault_op(*f, look->table, &text);
        if (!doc || sl_buf_failed(&text)) {
            rc = sl_fail(error, SL_NO_MEMORY, "could not run an operation");
            break;
        }
        rc = sl_doc_parse_copy(doc, text.data, text.len, &op, error);
        if (!rc) rc = sim->app->operate(sim->state, op, request->now_us, error);
    }
    if (doc && !rc) {
        memset(look, 0, sizeof *look);
        rc = sim->app->look(sim->state, request, look, error);
    }
    sl_doc_free(doc);
    sl_buf_release(&text);
    return rc;
}

/* ------------------------------------------------------------------ /_sim/ */

static void put_counters(const struct sim *sim, struct sl_buf *out)
{
    int64_t peak = 0;

    for (size_t i = 0; i < sim->counters.count; i++)
        if (sim->counters.list[i].primary && sim->counters.list[i].peak_per_second > peak)
            peak = sim->counters.list[i].peak_per_second;
    sl_buf_addf(out, "\"peak_per_second\":%lld,\"keys\":{", (long long)peak);
    for (size_t i = 0; i < sim->counters.count; i++) {
        const struct sim_counter *c = &sim->counters.list[i];

        if (i) sl_buf_addc(out, ',');
        sim_json_text(out, c->key);
        sl_buf_addf(out, ":{\"requests\":%lld,\"limited\":%lld,\"peak_per_second\":%lld}",
                    (long long)c->requests, (long long)c->limited, (long long)c->peak_per_second);
    }
    sl_buf_adds(out, "}");
}

static void put_stats(const struct sim *sim, struct sl_buf *out)
{
    const char *comma = "";

    sl_buf_addf(out, "{\"app\":\"%s\",\"requests\":%lld,\"limited\":%lld,", sim->app->name,
                (long long)sim->stats.requests, (long long)sim->stats.limited);
    put_counters(sim, out);
    sl_buf_adds(out, ",\"by_status\":{");
    for (int i = 0; i < SIM_STATUS_MAX; i++) {
        if (!sim->stats.by_status[i]) continue;
        sl_buf_addf(out, "%s\"%d\":%lld", comma, i, (long long)sim->stats.by_status[i]);
        comma = ",";
    }
    sl_buf_addf(out, "},\"resets\":%lld,\"cuts\":%lld,\"faults\":%lld,\"body_bytes\":%lld",
                (long long)sim->stats.resets, (long long)sim->stats.cuts,
                (long long)sim->stats.faults, (long long)sim->stats.body_bytes);
    sl_buf_addf(out, ",\"first_us\":%lld,\"last_us\":%lld}", (long long)sim->stats.first_us,
                (long long)sim->stats.last_us);
}

static enum sl_code run_op(struct sim *sim, const struct sl_json *op, struct sl_error *error)
{
    const char *name = sl_json_str(sl_json_get(op, "op"));

    if (!name || !sim->app->has_op || !sim->app->has_op(name))
        return sl_fail(error, SL_USAGE, "there is no operation '%s'", name ? name : "");
    return sim->app->operate(sim->state, op, sim->now_us + sim->skew_us, error);
}

static enum sl_code apply_control(struct sim *sim, const struct sl_json *root,
                                  struct sl_error *error)
{
    enum sl_code rc = SL_OK;
    int64_t number;
    double rate;
    const char *fault = sl_json_str(sl_json_get(root, "fault"));

    if (sl_json_kind(root) != SL_JSON_OBJECT)
        return sl_fail(error, SL_USAGE, "control takes a JSON object");
    if (sl_json_double(sl_json_get(root, "rate"), &rate)) sim->rate = rate;
    if (sl_json_i64(sl_json_get(root, "latency_ms"), &number)) sim->latency_us = number * 1000;
    if (sl_json_i64(sl_json_get(root, "skew_ms"), &number)) sim->skew_us = number * 1000;
    if (sl_json_i64(sl_json_get(root, "penalty_ms"), &number)) sim->penalty_us = number * 1000;
    if (sl_json_i64(sl_json_get(root, "advance_ms"), &number)) sim->now_us += number * 1000;
    if (sl_json_kind(sl_json_get(root, "gzip")) == SL_JSON_BOOL)
        sim->gzip = sl_json_true(sl_json_get(root, "gzip"));
    if (sl_json_true(sl_json_get(root, "clear_faults"))) sim_faults_clear(&sim->faults);
    if (sl_json_true(sl_json_get(root, "reset_stats"))) {
        memset(&sim->stats, 0, sizeof sim->stats);
        sim_counters_reset(&sim->counters);
    }
    if (sl_json_true(sl_json_get(root, "lift_blocks"))) sim_counters_clear(&sim->counters);
    if (fault) rc = sim_faults_add(&sim->faults, fault, fault_known, sim->app, error);
    if (!rc && sl_json_get(root, "op")) rc = run_op(sim, root, error);
    struct sl_json_each each = sl_json_each(sl_json_get(root, "ops"));

    while (!rc && sl_json_next(&each)) rc = run_op(sim, each.value, error);
    return rc;
}

static enum sl_code control_text(struct sim *sim, const char *text, size_t len,
                                 struct sl_error *error)
{
    const struct sl_json *root;
    struct sl_doc *doc = sl_doc_new(0);
    enum sl_code rc;

    if (!doc) return sl_fail(error, SL_NO_MEMORY, "could not read the control request");
    rc = sl_doc_parse_copy(doc, text, len, &root, error);
    if (!rc) rc = apply_control(sim, root, error);
    sl_doc_free(doc);
    return rc;
}

enum sl_code sim_control(struct sim *sim, const char *json, struct sl_error *error)
{
    return control_text(sim, json, strlen(json), error);
}

/* The connection options for this simulator, at the address it was asked at. */
static enum sl_code put_connection(struct sim *sim, const struct sim_request *request,
                                   struct sl_buf *out, struct sl_error *error)
{
    const char *host = sim_request_header(request, "host");
    char url[160];

    (void)snprintf(url, sizeof url, "http://%.150s", host ? host : "127.0.0.1");
    return sim_connection(sim, url, out, error);
}

static enum sl_code handle_own(struct sim *sim, const struct sim_request *request,
                               struct sim_reply *reply, struct sl_error *error)
{
    enum sl_code rc = SL_OK;
    const char *path = request->path + strlen("/_sim/");

    if (strcmp(path, "stats") == 0) {
        put_stats(sim, reply->body);
    } else if (strcmp(path, "truth") == 0) {
        rc = sim->app->truth(sim->state, request, reply->body, error);
    } else if (strcmp(path, "connection") == 0) {
        rc = put_connection(sim, request, reply->body, error);
    } else if (strcmp(path, "control") == 0 && strcmp(request->method, "POST") == 0) {
        rc = control_text(sim, request->body, request->body_len, error);
        if (!rc) sl_buf_adds(reply->body, "{\"ok\":true}");
    } else {
        rc = sl_fail(error, SL_NOT_FOUND,
                     "no such page: stats, truth, connection, or control by POST");
    }
    if (rc && rc != SL_NO_MEMORY) { /* the caller's mistake, told to the caller */
        sl_buf_reset(reply->body);
        sl_buf_adds(reply->body, "{\"error\":");
        sim_json_text(reply->body, error->message);
        sl_buf_adds(reply->body, "}\n");
        reply->status = rc == SL_NOT_FOUND ? 404 : 400;
        rc = SL_OK;
    }
    return rc;
}

/* ------------------------------------------------------------------ a request */

/* Counts the request by each of its keys; *limited: one of them has had enough. */
static enum sl_code count_request(struct sim *sim, const struct sim_look *look, int64_t now_us,
                                  bool *limited, struct sl_error *error)
{
    *limited = false;
    for (int i = 0; i < 2; i++) {
        const struct sim_count *count = &look->counts[i];
        double rate = count->rate;
        int64_t window_us = count->window_us;
        bool allowed;

        if (!count->key[0]) continue;
        if (i == 0 && sim->rate > 0) {
            rate = sim->rate < 1 ? 1 : sim->rate;
            window_us = sim->rate < 1 ? (int64_t)(1e6 / sim->rate) : SL_SECOND_US;
        }
        if (sim->rate < 0 || (i > 0 && sim->rate >= rate)) rate = 0;
        struct sim_counter *counter = sim_counter_of(&sim->counters, count->key);

        if (!counter) return sl_fail(error, SL_NO_MEMORY, "could not count a request");
        counter->primary = i == 0;
        enum sl_code rc =
            sim_counter_take(counter, rate, window_us,
                             sim->penalty_us >= 0 ? sim->penalty_us : count->penalty_us, now_us,
                             &allowed, error);

        if (rc) return rc;
        if (!allowed) *limited = true;
    }
    return SL_OK;
}

static enum sl_code answer(struct sim *sim, const struct sim_request *request,
                           struct sim_look *look, bool limited, struct sim_reply *reply,
                           struct sl_error *error)
{
    enum sl_code rc = operate_faults(sim, request, look, error);

    if (rc) return rc;
    if (limited) {
        sim->stats.limited++;
        reply->status = 429;
        if (!sim->app->fail || !sim->app->fail(sim->state, "429", NULL, request, reply))
            reply_text(reply, 429, NULL, "{\"error\":\"too many requests\"}");
        return SL_OK;
    }
    for (const struct sim_fault *const *f = request->faults; *f; f++)
        if (fail_instead(sim, *f, request, reply)) return SL_OK;
    return sim->app->handle(sim->state, request, reply, error);
}

static void count_reply(struct sim *sim, const struct sim_reply *reply)
{
    if (reply->reset)
        sim->stats.resets++;
    else if (reply->status > 0 && reply->status < SIM_STATUS_MAX)
        sim->stats.by_status[reply->status]++;
    if (reply->cut_after >= 0) sim->stats.cuts++;
    sim->stats.body_bytes += reply->stream_len ? reply->stream_len : (int64_t)reply->body->len;
}

enum sl_code sim_handle(struct sim *sim, const struct sim_request *original,
                        struct sim_reply *reply, struct sl_error *error)
{
    const struct sim_fault *faults[SIM_FAULTS_MAX + 1] = {NULL};
    struct sim_request request = *original;
    struct sim_look look = {0};
    char date[SL_TIME_TEXT_MAX];
    bool limited;
    enum sl_code rc;

    reply->body->max = SIM_REPLY_BYTES_MAX;
    sim_set_now(sim, request.now_us);
    request.now_us = sim->now_us + sim->skew_us;
    sim_reply_header(reply, "date", sl_http_date_format(request.now_us, date));
    if (strncmp(request.path, "/_sim/", 6) == 0) return handle_own(sim, &request, reply, error);

    rc = sim->app->look(sim->state, &request, &look, error);
    if (rc) return rc;
    sim->stats.requests++;
    if (!sim->stats.first_us) sim->stats.first_us = sim->now_us;
    sim->stats.last_us = sim->now_us;
    rc = count_request(sim, &look, sim->now_us, &limited, error);
    if (rc) return rc;
    sim_faults_strike(&sim->faults, &request, &look, &sim->dice, faults);
    request.faults = faults;
    rc = answer(sim, &request, &look, limited, reply, error);
    if (rc) return rc;
    for (const struct sim_fault *const *f = faults; *f; f++) {
        sim->stats.faults++;
        if (!limited && !reply->reset) spoil(*f, reply);
    }
    reply->delay_us += sim->latency_us;
    count_reply(sim, reply);
    if (sl_buf_failed(reply->body))
        return sl_fail(error, SL_NO_MEMORY, "could not hold an answer of %zu bytes",
                       reply->body->len);
    return SL_OK;
}
