/* rows.c: rows of the tables, in the order of their ids and of their changes. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "sim/text.h"
#include "sim/zendesk/zendesk.h"

static const char *const names[ZD_TABLES] = {
    [ZD_TICKETS] = "tickets",
    [ZD_USERS] = "users",
    [ZD_ORGANIZATIONS] = "organizations",
    [ZD_EVENTS] = "ticket_events",
    [ZD_METRIC_EVENTS] = "ticket_metric_events",
    [ZD_ARTICLES] = "articles",
    [ZD_SECTIONS] = "sections",
    [ZD_CATEGORIES] = "categories",
    [ZD_TOPICS] = "topics",
    [ZD_POSTS] = "posts",
    [ZD_BRANDS] = "brands",
    [ZD_GROUPS] = "groups",
    [ZD_TICKET_FIELDS] = "ticket_fields",
    [ZD_TICKET_FORMS] = "ticket_forms",
    [ZD_USER_FIELDS] = "user_fields",
    [ZD_ORGANIZATION_FIELDS] = "organization_fields",
    [ZD_MACROS] = "macros",
    [ZD_VIEWS] = "views",
    [ZD_TRIGGERS] = "triggers",
    [ZD_AUTOMATIONS] = "automations",
    [ZD_GROUP_MEMBERSHIPS] = "group_memberships",
    [ZD_ORGANIZATION_MEMBERSHIPS] = "organization_memberships",
    [ZD_RATINGS] = "satisfaction_ratings",
    [ZD_TAGS] = "tags",
};

#define ID_FIRST INT64_C(1900000000000)
#define ID_OF_TABLE INT64_C(10000000000)
#define BENCH_SECONDS_A_ROW 7

const char *zd_name(enum zd_table table)
{
    return names[table];
}

int zd_find_name(const char *name)
{
    for (int t = 0; t < ZD_TABLES; t++)
        if (strcmp(names[t], name) == 0) return t;
    return -1;
}

/* Tickets count from 1; everything else has large ids. */
int64_t zd_id(enum zd_table table, int64_t n)
{
    return table == ZD_TICKETS ? n + 1 : ID_FIRST + (int64_t)table * ID_OF_TABLE + n * 20;
}

size_t zd_count(const struct zd_rows *rows)
{
    return (size_t)rows->made + rows->count;
}

static struct zd_row made(const struct zendesk *app, enum zd_table table, int64_t n)
{
    int64_t left = app->tables[table].made - n;
    int64_t second = app->start_s - 3600 - left * BENCH_SECONDS_A_ROW;

    return (struct zd_row){.id = zd_id(table, n),
                           .n = (uint32_t)n,
                           .created_s = second,
                           .updated_s = second,
                           .changed_s = second,
                           .parent = n + 1,
                           .event = n % 3 == 0 ? ZD_CREATED : ZD_COMMENTED};
}

struct zd_row zd_at(const struct zendesk *app, enum zd_table table, size_t i)
{
    const struct zd_rows *rows = &app->tables[table];

    return i < (size_t)rows->made ? made(app, table, (int64_t)i)
                                  : rows->list[i - (size_t)rows->made];
}

struct zd_row zd_changed(const struct zendesk *app, enum zd_table table, size_t i)
{
    const struct zd_rows *rows = &app->tables[table];

    return i < (size_t)rows->made ? made(app, table, (int64_t)i)
                                  : rows->list[rows->order[i - (size_t)rows->made]];
}

static bool before(const struct zd_row *row, int64_t second, int64_t id)
{
    return row->changed_s != second ? row->changed_s < second : row->id < id;
}

size_t zd_rank(const struct zendesk *app, enum zd_table table, int64_t second, int64_t id)
{
    size_t low = 0, high = zd_count(&app->tables[table]);

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct zd_row row = zd_changed(app, table, middle);
        if (before(&row, second, id))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Puts the row with this index among the first `count` of the order. */
static void put_in_order(struct zd_rows *rows, uint32_t index, size_t count)
{
    const struct zd_row *row = &rows->list[index];
    size_t at = count;

    while (at > 0 && !before(&rows->list[rows->order[at - 1]], row->changed_s, row->id)) at--;
    memmove(rows->order + at + 1, rows->order + at, (count - at) * sizeof *rows->order);
    rows->order[at] = index;
}

enum sl_code zd_add(struct zendesk *app, enum zd_table table, struct zd_row row,
                    struct zd_row **out, struct sl_error *error)
{
    struct zd_rows *rows = &app->tables[table];

    if (rows->count == rows->cap) {
        size_t cap = rows->cap ? rows->cap * 2 : 64;
        struct zd_row *list = sl_realloc(rows->list, cap * sizeof *list);
        if (list) rows->list = list;
        uint32_t *order = list ? sl_realloc(rows->order, cap * sizeof *order) : NULL;
        if (order) rows->order = order;
        if (!list || !order) return sl_fail(error, SL_NO_MEMORY, "could not keep a row");
        rows->cap = cap;
    }
    row.n = (uint32_t)zd_count(rows);
    if (!row.id) row.id = zd_id(table, row.n);
    rows->list[rows->count] = row;
    put_in_order(rows, (uint32_t)rows->count, rows->count);
    if (out) *out = &rows->list[rows->count];
    rows->count++;
    return SL_OK;
}

void zd_reorder(struct zendesk *app, enum zd_table table, struct zd_row *row)
{
    struct zd_rows *rows = &app->tables[table];
    uint32_t index = (uint32_t)(row - rows->list);
    size_t at = 0;

    while (at < rows->count && rows->order[at] != index) at++;
    memmove(rows->order + at, rows->order + at + 1, (rows->count - at - 1) * sizeof *rows->order);
    put_in_order(rows, index, rows->count - 1);
}

struct zd_row *zd_by_id(struct zendesk *app, enum zd_table table, int64_t id)
{
    struct zd_rows *rows = &app->tables[table];

    for (size_t i = 0; i < rows->count; i++)
        if (rows->list[i].id == id) return &rows->list[i];
    return NULL;
}

bool zd_set_text(struct zd_row *row, const char *name, const char *json)
{
    struct zd_text *text = row->texts;
    char *copy = sl_strdup(json);

    if (!copy) return false;
    while (text && strcmp(text->name, name) != 0) text = text->next;
    if (!text) {
        text = sl_calloc(1, sizeof *text);
        char *called = text ? sl_strdup(name) : NULL;
        if (!called) {
            sl_free(text);
            sl_free(copy);
            return false;
        }
        text->name = called;
        text->next = row->texts;
        row->texts = text;
    }
    sl_free(text->json);
    text->json = copy;
    return true;
}

void zd_rows_release(struct zd_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        for (struct zd_text *text = rows->list[i].texts, *next; text; text = next) {
            next = text->next;
            sl_free(text->name);
            sl_free(text->json);
            sl_free(text);
        }
    sl_free(rows->list);
    sl_free(rows->order);
    *rows = (struct zd_rows){0};
}
