/*
 * export.c: incremental exports.
 *
 * Rows come in the order of the second of their change, then of their ids; those of the last minute
 * do not come yet. By time, a page ends with a time, and the next one begins with it: its last rows
 * come again, and a second with more rows than a page holds is a page without an end. By cursor
 * (tickets and users alone) neither happens.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "sim/fault.h"
#include "sim/text.h"
#include "sim/zendesk/zendesk.h"

#define PAGE_MAX 1000
#define LATE_S 60 /* the newest are left out */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void zd_base64(const char *text, char *out, size_t cap)
{
    size_t len = strlen(text), used = 0;

    for (size_t i = 0; i < len && used + 5 < cap; i += 3) {
        unsigned long bits = (unsigned long)(unsigned char)text[i] << 16;
        if (i + 1 < len) bits |= (unsigned long)(unsigned char)text[i + 1] << 8;
        if (i + 2 < len) bits |= (unsigned char)text[i + 2];
        out[used++] = digits[bits >> 18 & 63];
        out[used++] = digits[bits >> 12 & 63];
        out[used++] = i + 1 < len ? digits[bits >> 6 & 63] : '=';
        out[used++] = i + 2 < len ? digits[bits & 63] : '=';
    }
    out[used] = '\0';
}

bool zd_unbase64(const char *text, char *out, size_t cap)
{
    unsigned bits = 0;
    int held = 0;
    size_t used = 0;

    for (; *text && *text != '='; text++) {
        const char *at = strchr(digits, *text);
        if (!at || used + 1 >= cap) return false;
        bits = bits << 6 | (unsigned)(at - digits);
        held += 6;
        if (held < 8) continue;
        held -= 8;
        out[used++] = (char)(bits >> held & 0xff);
    }
    out[used] = '\0';
    return true;
}

bool zd_query_int(const struct sim_request *request, const char *name, int64_t *out)
{
    char text[40], *end;

    if (!sim_query_get(request->query, name, text, sizeof text) || !text[0]) return false;
    *out = strtoll(text, &end, 10);
    return *end == '\0';
}

void zd_host(const struct sim_request *request, char out[160])
{
    const char *host = sim_request_header(request, "host");

    (void)snprintf(out, 160, "http://%.140s", host ? host : "sim.test");
}

static void put_rows(const struct zendesk *app, enum zd_table table, size_t from, size_t to,
                     int with, struct sl_buf *buf)
{
    const char *comma = "";

    sl_buf_addf(buf, "{\"%s\":[", zd_name(table));
    for (size_t i = from; i < to; i++) {
        struct zd_row row = zd_changed(app, table, i);
        if (row.state == ZD_GONE) continue;
        sl_buf_adds(buf, comma);
        zd_render(app, table, &row, with, buf);
        comma = ",";
    }
    sl_buf_adds(buf, "]");
}

static int sideloads(const struct sim_request *request)
{
    char include[120] = "";

    (void)sim_query_get(request->query, "include", include, sizeof include);
    return (strstr(include, "comment_events") ? ZD_WITH_COMMENTS : 0) |
           (strstr(include, "metric_sets") ? ZD_WITH_METRICS : 0);
}

/* Where an export begins; false: the reply says what is wrong. */
static bool begin(struct zendesk *app, enum zd_table table, bool cursor,
                  const struct sim_request *request, int64_t now_s, size_t *from,
                  struct sim_reply *reply)
{
    char text[200], plain[100];
    long long second, id;
    int64_t start;

    if (cursor && sim_query_get(request->query, "cursor", text, sizeof text)) {
        if (app->cursors_die || !zd_unbase64(text, plain, sizeof plain) ||
            sscanf(plain, "%lld.0||%lld|", &second, &id) != 2) {
            zd_refuse(reply, 400, "InvalidValue", "Invalid cursor");
            return false;
        }
        *from = zd_rank(app, table, second, id + 1);
        return true;
    }
    if (!zd_query_int(request, "start_time", &start) || start < 0) {
        zd_refuse(reply, 400, "StartTimeMissing", "Missing or invalid start_time");
        return false;
    }
    if (start > now_s - LATE_S) {
        zd_refuse(reply, 400, "StartTimeTooRecent",
                  "Too recent start_time. Use a start_time older "
                  "than 60 seconds");
        return false;
    }
    *from = zd_rank(app, table, start, INT64_MIN);
    return true;
}

static bool page_size(const struct zendesk *app, enum zd_table table,
                      const struct sim_request *request, size_t *out, struct sim_reply *reply)
{
    int64_t size = PAGE_MAX;

    if (zd_query_int(request, "per_page", &size) && (size < 1 || size > PAGE_MAX)) {
        if (size < 1 || table != ZD_TICKETS) {
            zd_refuse(reply, 400, "InvalidPaginationParameter", "per_page must be 1 to 1000");
            return false;
        }
        size = PAGE_MAX;
    }
    if (app->rows_at_once > 0 && size > app->rows_at_once) {
        reply->status = 504;
        reply->content_type = "text/plain";
        sl_buf_adds(reply->body, "upstream request timeout");
        return false;
    }
    *out = (size_t)size;
    return true;
}

static void end_by_cursor(const struct zd_row *last, bool all, const char *text, const char *host,
                          enum zd_table table, struct sl_buf *buf)
{
    char plain[100], after[160] = "";

    if (last) {
        (void)snprintf(plain, sizeof plain, "%lld.0||%lld|", (long long)last->changed_s,
                       (long long)last->id);
        zd_base64(plain, after, sizeof after);
    } else {
        (void)snprintf(after, sizeof after, "%s", text); /* nothing new: the same again */
    }
    if (after[0])
        sl_buf_addf(buf,
                    ",\"after_cursor\":\"%s\",\"after_url\":"
                    "\"%s/api/v2/incremental/%s/cursor.json?cursor=%s\"",
                    after, host, zd_name(table), after);
    else
        sl_buf_adds(buf, ",\"after_cursor\":null,\"after_url\":null");
    sl_buf_addf(buf, ",\"before_cursor\":null,\"before_url\":null,\"end_of_stream\":%s}",
                all ? "true" : "false");
}

static void end_by_time(const struct zendesk *app, enum zd_table table, const struct zd_row *last,
                        size_t count, bool all, const char *host, struct sl_buf *buf)
{
    bool articles = table == ZD_ARTICLES;

    sl_buf_addf(buf, ",\"count\":%zu", count);
    if (last)
        sl_buf_addf(buf, ",\"end_time\":%lld", (long long)last->changed_s);
    else
        sl_buf_adds(buf, ",\"end_time\":null");
    if (last && !(articles && all)) /* on the last page, too */
        sl_buf_addf(buf, ",\"next_page\":\"%s/api/v2/%sincremental/%s.json?start_time=%lld\"", host,
                    articles ? "help_center/" : "", zd_name(table), (long long)last->changed_s);
    else
        sl_buf_adds(buf, ",\"next_page\":null");
    if (!articles && !app->no_end_of_stream)
        sl_buf_addf(buf, ",\"end_of_stream\":%s", all ? "true" : "false");
    sl_buf_adds(buf, "}");
}

void zd_export(struct zendesk *app, enum zd_table table, bool cursor,
               const struct sim_request *request, struct sim_reply *reply)
{
    int64_t now_s = request->now_us / SL_SECOND_US;
    size_t from, size, to, end;
    char host[160], text[160] = "";
    struct zd_row last = {0};

    if (!begin(app, table, cursor, request, now_s, &from, reply) ||
        !page_size(app, table, request, &size, reply))
        return;
    end = zd_rank(app, table, now_s - LATE_S + 1, INT64_MIN);
    if (from > end) from = end;
    to = end - from > size ? from + size : end;
    if (to > from) last = zd_changed(app, table, to - 1);
    zd_host(request, host);
    (void)sim_query_get(request->query, "cursor", text, sizeof text);
    put_rows(app, table, from, to, sideloads(request), reply->body);
    if (cursor)
        end_by_cursor(to > from ? &last : NULL, to == end, text, host, table, reply->body);
    else
        end_by_time(app, table, to > from ? &last : NULL, to - from, to == end, host, reply->body);
}
