/* list.c: lists, by cursor (page[size], page[after]) and by page number. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/text.h"
#include "sim/zendesk/zendesk.h"

#define PAGE_MAX 100
#define HELP_CENTER_PAGE 30
#define OFFSET_PAGES_MAX 100

struct page {
    size_t from, size;
    bool by_cursor;
    int64_t number;
};

static void refuse_page(struct sim_reply *reply, const char *code, const char *title)
{
    reply->status = 400;
    sl_buf_reset(reply->body);
    sl_buf_addf(reply->body,
                "{\"errors\":[{\"code\":\"%s\",\"title\":\"%s\",\"detail\":\"see Pagination\"}]}",
                code, title);
}

static bool by_cursor(const struct sim_request *request, struct page *page, struct sim_reply *reply)
{
    char after[100], plain[60];
    int64_t size;

    if (!zd_query_int(request, "page[size]", &size)) return false;
    page->by_cursor = true;
    if (size < 1 || size > PAGE_MAX) {
        refuse_page(reply, "InvalidPaginationParameter", "page[size] must be 1 to 100");
        return true;
    }
    page->size = (size_t)size;
    if (!sim_query_get(request->query, "page[after]", after, sizeof after)) return true;
    if (!zd_unbase64(after, plain, sizeof plain) || strncmp(plain, "at:", 3) != 0)
        refuse_page(reply, "InvalidPaginationParameter", "page[after] is not valid");
    else
        page->from = (size_t)strtoull(plain + 3, NULL, 10);
    return true;
}

static void by_number(const struct sim_request *request, struct page *page, struct sim_reply *reply)
{
    bool help = strstr(request->path, "help_center") || strstr(request->path, "community");
    int64_t size = help ? HELP_CENTER_PAGE : PAGE_MAX;

    page->number = 1;
    (void)zd_query_int(request, "page", &page->number);
    (void)zd_query_int(request, "per_page", &size);
    if (size > PAGE_MAX && !help) size = PAGE_MAX;
    if (size < 1 || size > PAGE_MAX || page->number < 1)
        refuse_page(reply, "InvalidPaginationParameter", "Invalid page or per_page");
    else if (page->number > OFFSET_PAGES_MAX)
        refuse_page(reply, "InvalidPaginationDepth", "Number of pages exceeded");
    else
        page->size = (size_t)size, page->from = (size_t)(page->number - 1) * page->size;
}

static bool read_page(const struct zendesk *app, const struct sim_request *request,
                      struct page *page, struct sim_reply *reply)
{
    *page = (struct page){0};
    if (app->no_cursors || !by_cursor(request, page, reply)) by_number(request, page, reply);
    return reply->status == 200;
}

/* What comes after the rows; `more` says whether there are any beyond this page. */
static void put_end(const struct zendesk *app, const struct sim_request *request,
                    const struct page *page, size_t count, size_t total, struct sl_buf *buf)
{
    char host[160], plain[40], after[60];
    size_t next = app->same_page ? page->from : page->from + count;

    zd_host(request, host);
    if (!page->by_cursor) {
        sl_buf_addf(buf, ",\"count\":%zu,\"next_page\":", total);
        if (page->from + count < total)
            sl_buf_addf(buf, "\"%s%s?page=%lld&per_page=%zu\"", host, request->path,
                        (long long)page->number + 1, page->size);
        else
            sl_buf_adds(buf, "null");
        sl_buf_addf(buf, ",\"previous_page\":null}");
        return;
    }
    /* A full page may be followed by an empty one. */
    bool more = count == page->size || app->same_page;
    (void)snprintf(plain, sizeof plain, "at:%zu", next);
    zd_base64(plain, after, sizeof after);
    sl_buf_addf(buf, ",\"meta\":{\"has_more\":%s,\"after_cursor\":", more ? "true" : "false");
    if (count || more)
        sl_buf_addf(buf, "\"%s\"", after);
    else
        sl_buf_adds(buf, "null");
    sl_buf_adds(buf, ",\"before_cursor\":null},\"links\":{\"next\":");
    if (more)
        sl_buf_addf(buf, "\"%s%s?page%%5Bafter%%5D=%s&page%%5Bsize%%5D=%zu\"", host, request->path,
                    after, page->size);
    else
        sl_buf_adds(buf, "null");
    sl_buf_adds(buf, ",\"prev\":null}}");
}

/* Does a list show it? The exports alone know what was deleted, but for groups and brands. */
static bool is_listed(enum zd_table table, const struct zd_row *row)
{
    if (row->state == ZD_GONE) return false;
    return row->state == ZD_LIVE || table == ZD_GROUPS || table == ZD_BRANDS;
}

void zd_list(struct zendesk *app, enum zd_table table, const struct sim_request *request,
             struct sim_reply *reply)
{
    size_t seen = 0, count = 0;
    struct page page;

    if (!read_page(app, request, &page, reply)) return;
    sl_buf_addf(reply->body, "{\"%s\":[", zd_name(table));
    for (size_t i = 0; i < zd_count(&app->tables[table]); i++) {
        struct zd_row row = zd_at(app, table, i);
        if (!is_listed(table, &row)) continue;
        if (seen >= page.from && count < page.size) {
            if (count++) sl_buf_addc(reply->body, ',');
            zd_render(app, table, &row, 0, reply->body);
        }
        seen++;
        if (app->bench && count == page.size) break;
    }
    sl_buf_adds(reply->body, "]");
    put_end(app, request, &page, count, seen, reply->body);
}

void zd_list_comments(struct zendesk *app, int64_t ticket, const struct sim_request *request,
                      struct sim_reply *reply)
{
    const struct zd_row *row = zd_by_id(app, ZD_TICKETS, ticket);
    size_t seen = 0, count = 0;
    struct page page;

    if (!row || row->state != ZD_LIVE) {
        zd_refuse(reply, 404, "RecordNotFound", "Not found");
        return;
    }
    if (!read_page(app, request, &page, reply)) return;
    sl_buf_adds(reply->body, "{\"comments\":[");
    for (size_t i = 0; i < zd_count(&app->tables[ZD_EVENTS]); i++) {
        struct zd_row event = zd_at(app, ZD_EVENTS, i);
        if (event.parent != ticket || event.event > ZD_COMMENTED) continue;
        if (seen >= page.from && count < page.size) {
            if (count++) sl_buf_addc(reply->body, ',');
            zd_render_comment(app, &event, false, reply->body);
        }
        seen++;
    }
    sl_buf_adds(reply->body, "]");
    put_end(app, request, &page, count, seen, reply->body);
}

void zd_list_deleted_tickets(struct zendesk *app, const struct sim_request *request,
                             struct sim_reply *reply)
{
    size_t seen = 0, count = 0;
    struct page page;

    if (!read_page(app, request, &page, reply)) return;
    sl_buf_adds(reply->body, "{\"deleted_tickets\":[");
    for (size_t i = 0; i < zd_count(&app->tables[ZD_TICKETS]); i++) {
        struct zd_row row = zd_at(app, ZD_TICKETS, i);
        if (row.state != ZD_DELETED) continue;
        if (seen >= page.from && count < page.size) {
            struct zd_out o;
            if (count++) sl_buf_addc(reply->body, ',');
            zd_open(&o, reply->body, NULL);
            zd_put(&o, "id", "%lld", (long long)row.id);
            zd_put(&o, "subject", "\"Lamp\"");
            zd_put(&o, "actor", "{\"id\":%lld,\"name\":\"Ada\"}", (long long)zd_id(ZD_USERS, 0));
            zd_put_time(&o, "deleted_at", row.changed_s);
            zd_put(&o, "previous_state", "\"open\"");
            zd_close(&o);
        }
        seen++;
    }
    sl_buf_adds(reply->body, "]");
    put_end(app, request, &page, count, seen, reply->body);
}
