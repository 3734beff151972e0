/* list.c: which rows a request lists. */
#include "sim/github/github.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/time.h"
#include "sim/text.h"

#define PER_PAGE 30
#define PER_PAGE_MAX 100

/* ---- pages ---- */

static int64_t number_of(const char *query, const char *name, int64_t preset)
{
    char text[32];
    char *end;

    if (!sim_query_get(query, name, text, sizeof text)) return preset;
    int64_t number = strtoll(text, &end, 10);
    return *text && !*end ? number : preset;
}

void gh_page_of(const char *query, int64_t total, struct gh_page *page)
{
    page->size = number_of(query, "per_page", PER_PAGE);
    if (page->size < 1) page->size = PER_PAGE;
    if (page->size > PER_PAGE_MAX) page->size = PER_PAGE_MAX;
    page->number = number_of(query, "page", 1);
    if (page->number < 1) page->number = 1;
    page->last = (total + page->size - 1) / page->size;
    page->next = page->number < page->last ? page->number + 1 : 0;
}

/* ---- order ---- */

struct order {
    const struct gh_row **rows;
    size_t count;
};

static int by_created(const void *a, const void *b)
{
    const struct gh_row *x = *(const struct gh_row *const *)a,
                        *y = *(const struct gh_row *const *)b;

    if (x->created_us != y->created_us) return x->created_us < y->created_us ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static int by_updated(const void *a, const void *b)
{
    const struct gh_row *x = *(const struct gh_row *const *)a,
                        *y = *(const struct gh_row *const *)b;

    if (x->updated_us != y->updated_us) return x->updated_us < y->updated_us ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static int by_id(const void *a, const void *b)
{
    const struct gh_row *x = *(const struct gh_row *const *)a,
                        *y = *(const struct gh_row *const *)b;

    return x->id < y->id ? -1 : x->id > y->id;
}

static void turn(struct order *order)
{
    for (size_t i = 0; i < order->count / 2; i++) {
        const struct gh_row *row = order->rows[i];

        order->rows[i] = order->rows[order->count - 1 - i];
        order->rows[order->count - 1 - i] = row;
    }
}

/* Issues and pulls: newest first by creation. Another sort of pulls is ascending unless said
 * otherwise. Comments: by id; a direction without a sort means nothing. */
static void sort_rows(enum gh_kind kind, const char *query, struct order *order)
{
    char sort[32] = "", direction[32] = "";
    bool down = false;
    int (*by)(const void *, const void *) = by_id;

    sim_query_get(query, "sort", sort, sizeof sort);
    sim_query_get(query, "direction", direction, sizeof direction);
    if (kind == GH_ISSUES || kind == GH_PULLS) {
        by = strcmp(sort, "updated") == 0 ? by_updated : by_created;
        down = kind == GH_ISSUES || by == by_created;
        if (*direction) down = strcmp(direction, "desc") == 0;
    } else if (kind == GH_COMMENTS || kind == GH_REVIEW_COMMENTS) {
        if (strcmp(sort, "updated") == 0) by = by_updated;
        if (strcmp(sort, "created") == 0) by = by_created;
        down = by != by_id && strcmp(direction, "desc") == 0;
    } else if (kind == GH_COMMITS) {
        by = by_updated;
        down = true;
    } else if (kind == GH_RELEASES) {
        by = by_created;
        down = true;
    }
    if (order->count) qsort(order->rows, order->count, sizeof *order->rows, by);
    if (down) turn(order);
}

/* The tip is first, whatever its time. */
static void tip_first(struct order *order)
{
    size_t tip = 0;

    for (size_t i = 1; i < order->count; i++)
        if (order->rows[i]->id > order->rows[tip]->id) tip = i;
    const struct gh_row *row = order->count ? order->rows[tip] : NULL;

    for (; tip > 0; tip--) order->rows[tip] = order->rows[tip - 1];
    if (row) order->rows[0] = row;
}

/* ---- which ---- */

static int64_t time_of(const char *query, const char *name, int64_t preset)
{
    char text[64];
    int64_t us;
    bool zone;

    if (!sim_query_get(query, name, text, sizeof text)) return preset;
    return sl_time_parse(text, strlen(text), &us, &zone) ? us : preset;
}

static bool listed(const struct github *app, enum gh_kind kind, const struct gh_row *row,
                   int64_t parent, const char *query)
{
    char state[16] = "open";
    int64_t since = kind == GH_PULLS ? INT64_MIN : time_of(query, "since", INT64_MIN);

    if (row->gone || (parent && row->parent != parent)) return false;
    if (app->late_s && row->updated_us > app->now_us - app->late_s * SL_SECOND_US) return false;
    if (row->updated_us < since || row->updated_us > time_of(query, "until", INT64_MAX))
        return false;
    if (kind != GH_ISSUES && kind != GH_PULLS && kind != GH_MILESTONES) return true;
    sim_query_get(query, "state", state, sizeof state);
    return strcmp(state, "all") == 0 || (strcmp(state, "closed") == 0) == row->closed;
}

enum sl_code gh_list(struct github *app, const struct gh_repo *repo, enum gh_kind kind,
                     int64_t parent, const char *query, struct gh_page *page, struct sl_buf *out,
                     struct sl_error *error)
{
    const struct gh_rows *rows = &repo->rows[kind];
    struct order order = {.rows = sl_calloc(rows->count + 1, sizeof *order.rows)};

    if (!order.rows) return sl_fail(error, SL_NO_MEMORY, "could not list rows");
    for (size_t i = 0; i < rows->count; i++)
        if (listed(app, kind, &rows->list[i], parent, query))
            order.rows[order.count++] = &rows->list[i];
    sort_rows(kind, query, &order);
    if (kind == GH_COMMITS) tip_first(&order);
    gh_page_of(query, (int64_t)order.count, page);
    size_t from = (size_t)((page->number - 1) * page->size);

    sl_buf_addc(out, '[');
    for (size_t i = from; i < order.count && i < from + (size_t)page->size; i++) {
        if (i > from) sl_buf_addc(out, ',');
        gh_put_row(app, repo, kind, order.rows[i], out);
    }
    sl_buf_addc(out, ']');
    sl_free(order.rows);
    return SL_OK;
}

/* ---- compare ---- */

static const struct gh_row *commit_of(const struct gh_repo *repo, const char *sha)
{
    const struct gh_rows *rows = &repo->rows[GH_COMMITS];
    char text[41];

    for (size_t i = rows->count; i-- > 0;) {
        gh_sha(repo, &rows->list[i], text);
        if (strcmp(text, sha) == 0) return &rows->list[i];
    }
    return NULL;
}

bool gh_compare(struct github *app, const struct gh_repo *repo, const char *base, const char *head,
                const char *query, struct gh_page *page, struct sl_buf *out)
{
    const struct gh_rows *rows = &repo->rows[GH_COMMITS];
    const struct gh_row *from = commit_of(repo, base), *to = commit_of(repo, head);
    int64_t total = 0, at = 0;

    if (!from || !to) return false;
    for (size_t i = 0; i < rows->count; i++)
        total += !rows->list[i].gone && rows->list[i].id > from->id && rows->list[i].id <= to->id;
    gh_page_of(query, total, page);
    sl_buf_addf(out,
                "{\"status\":\"%s\",\"ahead_by\":%lld,\"behind_by\":%d,\"total_commits\":%lld,",
                from->gone ? "diverged" : "ahead", (long long)total, from->gone ? 1 : 0,
                (long long)total);
    sl_buf_adds(out, "\"commits\":[");
    for (size_t i = 0; i < rows->count; i++) {
        const struct gh_row *row = &rows->list[i];

        if (row->gone || row->id <= from->id || row->id > to->id) continue;
        if (at / page->size + 1 == page->number) {
            if (at % page->size) sl_buf_addc(out, ',');
            gh_put_row(app, repo, GH_COMMITS, row, out);
        }
        at++;
    }
    sl_buf_adds(out, "],\"files\":[]}");
    return true;
}
