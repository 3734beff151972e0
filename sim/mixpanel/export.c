/* export.c: GET /api/2.0/export: a line of JSON for each event of some days. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/hash.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "json/doc.h"
#include "sim/fault.h"
#include "sim/mixpanel/mixpanel.h"
#include "sim/text.h"

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int32_t mx_day(const struct mx *app, int64_t utc_us)
{
    return (int32_t)floor_div(sl_zone_wall(&app->zone, utc_us), SL_DAY_US);
}

/* What `time` says: the clock of the project, written as if it were UTC. */
static int64_t shown_time(const struct mx *app, const struct mx_event *event, int64_t unit_us)
{
    return floor_div(sl_zone_wall(&app->zone, event->time_us), unit_us);
}

void mx_put_event(const struct mx *app, const struct mx_event *event, bool millis,
                  struct sl_buf *out)
{
    sl_buf_adds(out, "{\"event\":");
    sim_json_text(out, event->name);
    sl_buf_addf(out, ",\"properties\":{\"time\":%" PRId64 ",\"distinct_id\":",
                shown_time(app, event, millis ? 1000 : SL_SECOND_US));
    sim_json_text(out, event->distinct_id);
    if (event->insert_id) {
        sl_buf_adds(out, ",\"$insert_id\":");
        sim_json_text(out, event->insert_id);
    }
    sl_buf_addf(out, ",\"mp_processing_time_ms\":%" PRId64 "%s}}", event->processed_us / 1000,
                event->more);
}

void mx_event_key(struct mx *app, const struct mx_event *event, char out[33])
{
    char time[24];
    struct sl_json_print print;
    struct sl_text parts[5] = {
        {event->name, strlen(event->name)},
        {event->distinct_id, strlen(event->distinct_id)},
        {time,
         (size_t)snprintf(time, sizeof time, "%" PRId64, shown_time(app, event, SL_SECOND_US))},
        {event->insert_id, event->insert_id ? strlen(event->insert_id) : 0},
    };

    if (!event->insert_id) {
        const struct sl_json *root = NULL;
        struct sl_error error;
        struct sl_buf text = {0};

        mx_put_event(app, event, false, &text);
        if (!sl_doc_parse_copy(app->doc, sl_buf_str(&text), text.len, &root, &error)) {
            print = sl_json_print(sl_json_get(root, "properties"));
            parts[4] = (struct sl_text){(const char *)&print, sizeof print};
        }
        sl_buf_release(&text);
    }
    sl_text_key(parts, event->insert_id ? 4 : 5, out);
}

/* ------------------------------------------------------------------ the answer */

struct query {
    int32_t from, to;
    int64_t limit;
    bool millis;
    const char *event; /* JSON array text; "" any */
};

static bool read_day(const struct sim_request *request, const char *name, int32_t *day)
{
    char text[40];

    return sim_query_get(request->query, name, text, sizeof text) &&
           sl_date_parse(text, strlen(text), day);
}

/* False: the reply says what is wrong. */
static bool read_query(const struct mx *app, const struct sim_request *request, struct query *query,
                       struct sim_reply *reply)
{
    char text[40];

    *query = (struct query){.limit = INT64_MAX};
    if (!read_day(request, "from_date", &query->from) ||
        !read_day(request, "to_date", &query->to)) {
        mx_error(reply, request, 400, "from_date and to_date must be of the form YYYY-MM-DD");
        return false;
    }
    if (query->from > query->to) {
        mx_error(reply, request, 400, "from_date must be before to_date");
        return false;
    }
    if (query->to > mx_day(app, app->now_us)) {
        mx_error(reply, request, 400, "to_date cannot be later than today");
        return false;
    }
    if (sim_query_get(request->query, "limit", text, sizeof text)) {
        query->limit = strtoll(text, NULL, 10);
        if (query->limit < 1 || query->limit > 100000) {
            mx_error(reply, request, 400, "limit must be between 1 and 100000");
            return false;
        }
    }
    query->millis =
        sim_query_get(request->query, "time_in_ms", text, sizeof text) && strcmp(text, "true") == 0;
    return true;
}

/* A line as it should not be: in two pieces, or with something in it that is no JSON. */
static void put_broken(const struct sim_request *request, struct sl_buf *line)
{
    const struct sim_fault *split = sim_request_fault(request, "split_line");
    const struct sim_fault *broken = sim_request_fault(request, "broken_line");
    size_t middle = line->len / 2;

    if (split) {
        sl_buf_addc(line, ' ');
        if (line->failed) return;
        memmove(line->data + middle + 1, line->data + middle, line->len - middle - 1);
        line->data[middle] = '\n';
    } else if (broken && !line->failed) {
        memcpy(line->data + middle, "\"}{\"", 4);
    }
}

void mx_export(struct mx *app, const struct sim_request *request, struct sim_reply *reply)
{
    const struct sim_fault *terminated = sim_request_fault(request, "terminated");
    const struct sim_fault *split = sim_request_fault(request, "split_line");
    const struct sim_fault *broken = sim_request_fault(request, "broken_line");
    struct sl_buf line = {0};
    struct query query;
    int64_t count = 0, odd = sim_fault_int(split ? split : broken, "line", 3);

    if (!read_query(app, request, &query, reply)) return;
    reply->content_type = "text/plain";
    reply->chunked = true;
    if (app->bench_events >= 0) {
        mx_bench_export(app, query.from, query.to, reply);
        return;
    }
    for (size_t i = 0; i < app->events.count && count < query.limit; i++) {
        const struct mx_event *event = &app->events.at[i];
        int32_t day = mx_day(app, event->time_us);

        if (event->gone || day < query.from || day > query.to ||
            event->shown_us + app->ingest_seconds * SL_SECOND_US > app->now_us)
            continue;
        sl_buf_reset(&line);
        mx_put_event(app, event, query.millis, &line);
        if (++count == odd && (split || broken)) put_broken(request, &line);
        sl_buf_add(reply->body, sl_buf_str(&line), line.len);
        sl_buf_addc(reply->body, '\n');
    }
    sl_buf_release(&line);
    if (terminated) {
        double at = sim_fault_double(terminated, "at", 0.5);

        reply->body->len = (size_t)((double)reply->body->len * (at < 0 ? 0 : at > 1 ? 1 : at));
        sl_buf_adds(reply->body, "\nexport terminated early\n");
    }
    if (sim_request_fault(request, "no_newline") && reply->body->len) reply->body->len--;
}

/* ------------------------------------------------------------------ bench: made while it is sent */

#define BENCH_KINDS 64

/* Events of one shape in BENCH_KINDS variants; in each, four numbers are written over: the time, the
 * insert id, the person, and the time of processing. */
struct bench {
    struct {
        char text[1024];
        size_t len, time, insert_id, person, processed;
    } kinds[BENCH_KINDS];
    int64_t next, end, per_day, first_day_s;
    size_t left; /* of the line that did not fit, from its end */
};

static void put_digits(char *to, int width, int64_t number)
{
    for (int i = width - 1; i >= 0; i--, number /= 10) to[i] = (char)('0' + number % 10);
}

static void make_kind(struct bench *bench, int k)
{
    static const char *const names[] = {"Page View", "Add to Cart", "Purchase", "Search",
                                        "Sign Up"};
    static const char *const cities[] = {"Osterfjord", "Port Ember", "New Lyra", "Vento"};
    char *text = bench->kinds[k].text;
    uint64_t dice = sim_mix((uint64_t)k, 5);
    int len = snprintf(
        text, sizeof bench->kinds[k].text,
        "{\"event\":\"%s\",\"properties\":{\"time\":TTTTTTTTTT,\"distinct_id\":\"user-PPPPPPPP\","
        "\"$insert_id\":\"IIIIIIIIIIIIIIII\",\"$browser\":\"Chrome\",\"$browser_version\":\"%d\","
        "\"$city\":\"%s\",\"$current_url\":\"https://coffee.example/menu/item-%d?ref=%d\","
        "\"$device_id\":\"dev-%016" PRIx64 "\",\"$os\":\"Android\",\"$region\":\"Nordland\","
        "\"$screen_height\":%d,\"$screen_width\":%d,\"mp_country_code\":\"NO\",\"mp_lib\":\"web\","
        "\"mp_processing_time_ms\":QQQQQQQQQQQQQ,\"cart\":{\"items\":[{\"sku\":\"bean-%d\","
        "\"grams\":%d,"
        "\"price\":%d.%d},{\"sku\":\"cup-%d\",\"grams\":120,\"price\":4.5}],\"coupon\":null},"
        "\"plan\":\"%s\",\"experiment\":{\"name\":\"checkout-%d\",\"group\":\"%s\"}}}\n",
        names[dice % 5], 90 + (int)(dice >> 8 & 31), cities[dice >> 16 & 3],
        (int)(dice >> 20 & 255), (int)(dice >> 28 & 15), dice, 600 + (int)(dice >> 32 & 511),
        900 + (int)(dice >> 40 & 511), (int)(dice >> 12 & 63), 100 + (int)(dice >> 18 & 511),
        (int)(dice >> 30 & 31), (int)(dice >> 36 & 7), (int)(dice >> 44 & 31),
        dice >> 50 & 1 ? "pro" : "free", (int)(dice >> 52 & 7),
        dice >> 56 & 1 ? "treated" : "control");

    bench->kinds[k].len = (size_t)len;
    bench->kinds[k].time = (size_t)(strstr(text, "TTTT") - text);
    bench->kinds[k].person = (size_t)(strstr(text, "PPPP") - text);
    bench->kinds[k].insert_id = (size_t)(strstr(text, "IIII") - text);
    bench->kinds[k].processed = (size_t)(strstr(text, "QQQQ") - text);
}

/* Writes the numbers of event n into its kind. */
static const char *bench_line(struct bench *bench, int64_t n, size_t *len)
{
    uint64_t dice = sim_mix((uint64_t)n, 11);
    size_t k = dice % BENCH_KINDS;
    char *text = bench->kinds[k].text;
    int64_t time_s = bench->first_day_s + n / bench->per_day * 86400 +
                     n % bench->per_day * 86400 / bench->per_day;

    put_digits(text + bench->kinds[k].time, 10, time_s);
    put_digits(text + bench->kinds[k].person, 8, (int64_t)(dice >> 16 & 0xfffff));
    /* Odd and not a multiple of 5, so that no two of 10^16 are alike. */
    put_digits(text + bench->kinds[k].insert_id, 16,
               (int64_t)((uint64_t)n * UINT64_C(999999937) % UINT64_C(10000000000000000)));
    put_digits(text + bench->kinds[k].processed, 13, time_s * 1000 + (int64_t)(dice >> 40 & 1023));
    *len = bench->kinds[k].len;
    return text;
}

static size_t bench_more(void *context, char *to, size_t cap)
{
    struct bench *bench = context;
    size_t done = 0;

    while (done < cap && bench->next < bench->end) {
        size_t len;
        const char *line = bench_line(bench, bench->next, &len);
        size_t left = bench->left ? bench->left : len;
        size_t n = left < cap - done ? left : cap - done;

        memcpy(to + done, line + len - left, n);
        done += n;
        bench->left = left - n;
        if (!bench->left) bench->next++;
    }
    return done;
}

void mx_bench_export(const struct mx *app, int32_t from, int32_t to, struct sim_reply *reply)
{
    int32_t first = (int32_t)(app->start_us / SL_DAY_US) - MX_BENCH_DAYS + 1;
    struct bench *bench = sl_calloc(1, sizeof *bench);
    int64_t all = app->bench_events;

    if (!bench) {
        reply->status = 500;
        return;
    }
    for (int k = 0; k < BENCH_KINDS; k++) make_kind(bench, k);
    bench->first_day_s = (int64_t)first * 86400;
    bench->per_day = (all + MX_BENCH_DAYS - 1) / MX_BENCH_DAYS;
    if (bench->per_day < 1) bench->per_day = 1;
    bench->next = from > first ? (from - first) * bench->per_day : 0;
    bench->end = to >= first ? (to - first + 1) * bench->per_day : 0;
    if (bench->end > all) bench->end = all;
    reply->more = bench_more;
    reply->more_context = bench;
}
