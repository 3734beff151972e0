/*
 * list.c: pages and iterators.
 *
 * The first page of a listing fixes its order; values are live. An offset is "itr.../rec...": the
 * iterator, and the record that begins the page. The same offset may be sent again. An iterator
 * expires by itself (idle time, number of pages) or by a fault, and is then a 422.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "sim/airtable/airtable.h"
#include "sim/airtable/formula.h"
#include "sim/fault.h"
#include "sim/text.h"

static void iterator_free(struct at_iterator *iterator)
{
    if (!iterator) return;
    sl_free(iterator->order);
    sl_free(iterator->pages);
    sl_free(iterator);
}

void at_iterators_release(struct airtable *app)
{
    for (size_t i = 0; i < app->iterator_count; i++) iterator_free(app->iterators[i]);
    sl_free(app->iterators);
    app->iterators = NULL;
    app->iterator_count = 0;
}

static bool expired(const struct airtable *app, const struct at_iterator *iterator, size_t page)
{
    if (app->iterator_idle_us && app->now_us - iterator->used_us > app->iterator_idle_us)
        return true;
    return app->iterator_pages && (int64_t)page > app->iterator_pages;
}

/* Finds the iterator that call->offset names, and which page it asks for. */
void at_iterator_find(struct airtable *app, struct at_call *call)
{
    struct at_iterator *found = NULL;
    size_t page = 0;

    for (size_t i = 0; i < app->iterator_count && !found; i++)
        if (strncmp(app->iterators[i]->id, call->offset, 17) == 0) found = app->iterators[i];
    if (found && call->offset[17] == '/')
        for (page = found->page_count; page > 0; page--)
            if (strcmp(found->pages[page - 1].record, call->offset + 18) == 0) break;
    if (!page || found->table != call->table || found->fingerprint != call->fingerprint) {
        (void)at_mistake(call, 422, "INVALID_OFFSET_VALUE", "The value of offset %s is invalid",
                         call->offset);
        return;
    }
    call->page = (int)page + 1;
    call->iterator = found;
    if (expired(app, found, page + 1))
        (void)at_mistake(call, 422, "LIST_RECORDS_ITERATOR_NOT_AVAILABLE", "%s", "");
    found->used_us = app->now_us;
}

static enum sl_code keep_iterator(struct airtable *app, struct at_iterator *iterator,
                                  struct sl_error *error)
{
    if (!app->iterators) {
        app->iterators = sl_calloc(AT_ITERATORS_MAX, sizeof(struct at_iterator *));
        if (!app->iterators) return sl_fail(error, SL_NO_MEMORY, "could not keep an iterator");
    }
    if (app->iterator_count == AT_ITERATORS_MAX) { /* the oldest dies */
        iterator_free(app->iterators[0]);
        memmove(app->iterators, app->iterators + 1,
                (AT_ITERATORS_MAX - 1) * sizeof(struct at_iterator *));
        app->iterator_count--;
    }
    sim_id(iterator->id, "itr", sim_mix(app->seed, ++app->iterator_serial));
    app->iterators[app->iterator_count++] = iterator;
    return SL_OK;
}

/* ------------------------------------------------------------------ order */

struct sort_key {
    int64_t index;
    struct at_value {
        enum { KEY_EMPTY, KEY_NUMBER, KEY_TEXT } kind;
        double number;
        char *text;
    } values[8];
};

static void read_key(struct airtable *app, const struct at_call *call, int64_t index,
                     struct sort_key *key, struct sl_buf *text)
{
    struct at_row row;

    key->index = index;
    at_row(app, call->table, index, &row);
    for (int i = 0; i < call->sort_count; i++) {
        const struct sl_json *cell =
            at_read_cell(app, call->table, call->sort[i].field, &row, 0, text);
        struct at_value *value = &key->values[i];

        if (sl_json_double(cell, &value->number))
            value->kind = KEY_NUMBER;
        else if (cell) {
            value->kind = KEY_TEXT;
            value->text = sl_strdup(sl_json_str(cell) ? sl_json_str(cell) : text->data);
            if (!value->text) app->no_memory = true;
        }
    }
}

static int compare_values(const struct at_value *a, const struct at_value *b)
{
    if (a->kind != b->kind) return a->kind < b->kind ? -1 : 1;
    if (a->kind == KEY_NUMBER) return (a->number > b->number) - (a->number < b->number);
    if (a->kind == KEY_TEXT) return strcmp(a->text ? a->text : "", b->text ? b->text : "");
    return 0;
}

struct sort_context {
    const struct at_call *call;
};

static int compare_keys(const void *a, const void *b, void *context)
{
    const struct sort_key *x = a, *y = b;
    const struct at_call *call = ((const struct sort_context *)context)->call;

    for (int i = 0; i < call->sort_count; i++) {
        int order = compare_values(&x->values[i], &y->values[i]);

        if (order) return call->sort[i].descending ? -order : order;
    }
    return (x->index > y->index) - (x->index < y->index);
}

/* Merge sort, because qsort has no context. scratch: as long as keys. */
static void sort_keys(struct sort_key *keys, struct sort_key *scratch, size_t count,
                      struct sort_context *context)
{
    if (count < 2) return;
    size_t half = count / 2, left = 0, right = half;

    sort_keys(keys, scratch, half, context);
    sort_keys(keys + half, scratch, count - half, context);
    for (size_t i = 0; i < count; i++) {
        bool from_left = right == count ||
                         (left < half && compare_keys(&keys[left], &keys[right], context) <= 0);

        scratch[i] = from_left ? keys[left++] : keys[right++];
    }
    memcpy(keys, scratch, count * sizeof *keys);
}

static enum sl_code sort_order(struct airtable *app, struct at_iterator *iterator,
                               struct sl_error *error)
{
    size_t count = (size_t)iterator->order_count;
    struct sort_key *keys = sl_calloc(2 * count + 1, sizeof *keys);
    struct sort_context context = {.call = &app->call};
    struct sl_buf text = {0};

    if (!keys) return sl_fail(error, SL_NO_MEMORY, "could not sort %zu records", count);
    for (size_t i = 0; i < count; i++)
        read_key(app, &app->call, iterator->order[i], &keys[i], &text);
    sort_keys(keys, keys + count, count, &context);
    for (size_t i = 0; i < count; i++) {
        iterator->order[i] = keys[i].index;
        for (int k = 0; k < 8; k++) sl_free(keys[i].values[k].text);
    }
    sl_buf_release(&text);
    sl_free(keys);
    return SL_OK;
}

struct newest {
    int64_t index, changed_us;
};

static int compare_newest(const void *a, const void *b)
{
    const struct newest *x = a, *y = b;

    if (x->changed_us != y->changed_us) return x->changed_us > y->changed_us ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

/* What was changed last comes first. */
static enum sl_code newest_first(struct airtable *app, struct at_iterator *iterator,
                                 struct sl_error *error)
{
    size_t count = (size_t)iterator->order_count;
    struct newest *all = sl_calloc(count + 1, sizeof *all);

    if (!all) return sl_fail(error, SL_NO_MEMORY, "could not sort %zu records", count);
    for (size_t i = 0; i < count; i++) {
        struct at_row row;

        at_row(app, iterator->table, iterator->order[i], &row);
        all[i].index = row.index;
        all[i].changed_us = row.modified_us > row.created_us ? row.modified_us : row.created_us;
    }
    qsort(all, count, sizeof *all, compare_newest);
    for (size_t i = 0; i < count; i++) iterator->order[i] = all[i].index;
    sl_free(all);
    return SL_OK;
}

static bool in_view(const struct at_call *call, int64_t index)
{
    return call->view != AT_VIEW_HALF || index % 2 == 0;
}

/* All matching records, as they are now. Plain listings and ranges need no list. */
static enum sl_code fix_order(struct airtable *app, struct at_iterator *iterator,
                              struct at_formula *formula, struct sl_error *error)
{
    struct at_call *call = &app->call;
    struct at_range range = {.lo = 0, .hi = INT64_MAX};
    size_t cap = 0;

    iterator->lo = 0;
    iterator->hi = INT64_MAX;
    if (formula) {
        at_formula_range(formula, &range);
        iterator->lo = range.lo;
        iterator->hi = range.hi;
    }
    if (!call->sort_count && call->view != AT_VIEW_HALF && (!formula || range.exact) &&
        !app->resorted_pages)
        return SL_OK;

    int64_t end = range.hi < call->table->total ? range.hi : call->table->total;

    for (int64_t i = range.lo; i < end; i++) {
        if (!at_live(call->table, i) || !in_view(call, i)) continue;
        if (formula && !at_formula_matches(app, formula, call->table, i)) continue;
        if ((size_t)iterator->order_count == cap) {
            cap = cap ? cap * 2 : 256;
            int64_t *order = sl_realloc(iterator->order, cap * sizeof *order);

            if (!order) return sl_fail(error, SL_NO_MEMORY, "could not order a listing");
            iterator->order = order;
        }
        iterator->order[iterator->order_count++] = i;
    }
    if (!iterator->order)
        iterator->hi = iterator->lo; /* nothing matches */
    else if (call->sort_count)
        return sort_order(app, iterator, error);
    else if (app->resorted_pages)
        return newest_first(app, iterator, error);
    return SL_OK;
}

/* The first live record at or after *position, which moves there; -1: no more. */
static int64_t next_record(const struct at_iterator *iterator, int64_t *position)
{
    for (;; ++*position) {
        if (iterator->order) {
            if (*position >= iterator->order_count) return -1;
            if (at_live(iterator->table, iterator->order[*position]))
                return iterator->order[*position];
            continue;
        }
        int64_t index = iterator->lo + *position;

        if (index >= iterator->hi || index >= iterator->table->total) return -1;
        if (at_live(iterator->table, index)) return index;
    }
}

/* ------------------------------------------------------------------ a page */

static enum sl_code new_iterator(struct airtable *app, struct at_iterator **out,
                                 struct sl_error *error)
{
    struct at_call *call = &app->call;
    struct at_formula *formula = NULL;
    struct at_iterator *iterator = NULL;
    char message[256];
    enum sl_code rc = SL_OK;

    if (call->filter && call->filter[0]) {
        rc = at_formula_parse(call->table, call->filter, &formula, message, sizeof message, error);
        if (rc == SL_BAD_DATA) {
            rc = at_mistake(call, 422, "INVALID_FILTER_BY_FORMULA",
                            "The formula for filtering records is invalid: %s", message);
            goto out;
        }
        if (rc) goto out;
    }
    iterator = sl_calloc(1, sizeof *iterator);
    if (!iterator) {
        rc = sl_fail(error, SL_NO_MEMORY, "could not list");
        goto out;
    }
    iterator->table = call->table;
    iterator->fingerprint = call->fingerprint;
    iterator->created_us = iterator->used_us = app->now_us;
    rc = fix_order(app, iterator, app->filter_ignored ? NULL : formula, error);
    if (rc) goto out;
    *out = iterator;
    iterator = NULL;

out:
    iterator_free(iterator);
    at_formula_free(formula);
    return rc;
}

/* The order of a later page is that of its own moment: what moved meanwhile comes twice or not at
 * all. */
static enum sl_code resort(struct airtable *app, struct at_iterator *iterator,
                           struct sl_error *error)
{
    struct at_iterator *now = NULL;
    enum sl_code rc = new_iterator(app, &now, error);

    if (rc || !now) return rc;
    sl_free(iterator->order);
    iterator->order = now->order;
    iterator->order_count = now->order_count;
    iterator->lo = now->lo;
    iterator->hi = now->hi;
    now->order = NULL;
    iterator_free(now);
    return SL_OK;
}

/* Remembers where the next page starts, and appends its offset. */
static enum sl_code put_offset(struct at_iterator *iterator, int page, int64_t position,
                               int64_t emitted, int64_t index, struct sl_buf *out,
                               struct sl_error *error)
{
    size_t i = (size_t)page - 1; /* pages[0] starts page 2 */

    if (i == iterator->page_count) {
        if ((i & (i - 1)) == 0) {
            size_t cap = i ? i * 2 : 1;
            struct at_page_start *pages = sl_realloc(iterator->pages, cap * sizeof *pages);

            if (!pages) return sl_fail(error, SL_NO_MEMORY, "could not keep an offset");
            iterator->pages = pages;
        }
        iterator->page_count++;
    }
    iterator->pages[i].position = position;
    iterator->pages[i].emitted = emitted;
    at_record_id(iterator->table, index, iterator->pages[i].record);
    sl_buf_addf(out, ",\"offset\":\"%s/%s\"", iterator->id, iterator->pages[i].record);
    return SL_OK;
}

static enum sl_code put_page(struct airtable *app, struct at_iterator *iterator,
                             const struct sim_request *request, struct sl_buf *out, bool *more,
                             struct sl_error *error)
{
    const struct at_call *call = &app->call;
    struct at_page_start start = {.position = 0};
    struct at_show show = {.fields = call->fields_given ? call->fields : NULL,
                           .field_count = call->field_count,
                           .by_id = call->by_id,
                           .comment_count = call->comment_count,
                           .as_text = call->as_text,
                           .unknown_field = sim_request_fault(request, "unknown_field") != NULL};
    const struct at_field *nothing[1] = {NULL};
    bool empty = sim_request_fault(request, "empty_page") != NULL;

    if (call->fields_given && !call->fields) show.fields = nothing;
    if (call->page > 1) start = iterator->pages[call->page - 2];
    int64_t position = start.position, emitted = start.emitted, index;

    sl_buf_adds(out, "{\"records\":[");
    for (int64_t n = 0; !empty && n < call->page_size; n++) {
        if (call->max_records > 0 && emitted >= call->max_records) break;
        index = next_record(iterator, &position);
        if (index < 0) break;
        if (n) sl_buf_addc(out, ',');
        at_put_record(app, call->table, index, &show, out);
        position++;
        emitted++;
    }
    sl_buf_addc(out, ']');
    if (sim_request_fault(request, "page_twice")) {
        position = start.position;
        emitted = start.emitted;
    }
    index = next_record(iterator, &position);
    *more = index >= 0 && !(call->max_records > 0 && emitted >= call->max_records);
    if (!*more) return SL_OK;
    if (!iterator->id[0]) {
        enum sl_code rc = keep_iterator(app, iterator, error);

        if (rc) return rc;
    }
    return put_offset(iterator, call->page, position, emitted, index, out, error);
}

enum sl_code at_list(struct airtable *app, const struct sim_request *request,
                     struct sim_reply *reply, struct sl_error *error)
{
    struct at_call *call = &app->call;
    struct at_iterator *iterator = call->iterator;
    bool more = false;
    enum sl_code rc = SL_OK;

    if (sim_request_fault(request, "iterator_expired"))
        (void)at_mistake(call, 422, "LIST_RECORDS_ITERATOR_NOT_AVAILABLE", "%s", "");
    if (!iterator && !call->status)
        rc = new_iterator(app, &iterator, error);
    else if (iterator && !call->status && app->resorted_pages)
        rc = resort(app, iterator, error);
    if (rc || call->status) return rc;
    app->listing++;
    rc = put_page(app, iterator, request, reply->body, &more, error);
    sl_buf_addc(reply->body, '}');
    if (!iterator->id[0]) iterator_free(iterator); /* one page was all: nobody can come back */
    return rc;
}
