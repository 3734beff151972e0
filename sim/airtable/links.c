/*
 * links.c: which records are linked, and what is looked up, rolled up and counted through links.
 *
 * A link field of table A points from record i to records (i + offset) % records of table B. Its
 * mirror in B is found by arithmetic, too: nothing is stored.
 */
#include <string.h>

#include "base/buf.h"
#include "sim/airtable/airtable.h"
#include "sim/text.h"

#define DEPTH_MAX 4

/* Does record i use its k-th offset? The first nearly always, the others now and then. */
static bool uses(const struct at_field *field, int64_t i, int k)
{
    uint64_t dice = sim_mix(field->salt + (uint64_t)k, (uint64_t)i);

    return i % 61 != 17 && (k == 0 ? dice % 10 != 0 : dice % 3 == 0);
}

static int forward(const struct at_field *field, int64_t index, int64_t out[AT_LINKS_MAX])
{
    int64_t there = field->linked->records;
    int count = 0;

    for (int k = 0; there > 0 && k < field->offsets_count; k++) {
        int64_t target = (index + field->offsets[k]) % there;
        bool twice = false;

        for (int i = 0; i < count; i++) twice = twice || out[i] == target;
        if (!twice && uses(field, index, k) && at_live(field->linked, target))
            out[count++] = target;
    }
    return count;
}

/* Every record of the other table whose link field points here. */
static int backward(const struct at_cell *cell, int64_t out[AT_LINKS_MAX])
{
    const struct at_field *mirror = cell->field->mirror;
    const struct at_table *from = cell->field->linked;
    int64_t here = cell->table->records, first[AT_LINKS_MAX];
    int count = 0;

    for (int k = 0; here > 0 && cell->row->index < here && k < mirror->offsets_count; k++) {
        int64_t i = (cell->row->index - mirror->offsets[k]) % here;

        if (i < 0) i += here;
        for (; i < from->total && count < AT_LINKS_MAX; i += here) {
            int n = at_live(from, i) ? forward(mirror, i, first) : 0;
            bool points = false, twice = false;

            for (int f = 0; f < n; f++) points = points || first[f] == cell->row->index;
            for (int f = 0; f < count; f++) twice = twice || out[f] == i;
            if (points && !twice) out[count++] = i;
        }
    }
    return count;
}

int at_links(const struct at_cell *cell, int64_t out[AT_LINKS_MAX])
{
    if (!cell->field->linked || cell->field->linked->removed) return 0;
    if (cell->field->spec->inverse) return backward(cell, out);
    return forward(cell->field, cell->row->index, out);
}

void at_gen_links(const struct at_cell *cell, struct sl_buf *out)
{
    int64_t links[AT_LINKS_MAX];
    int count = at_links(cell, links);
    char id[AT_ID_MAX];

    if (count == 0) return;
    for (int i = 0; i < count; i++) {
        at_record_id(cell->field->linked, links[i], id);
        sl_buf_addf(out, "%c\"%s\"", i ? ',' : '[', id);
    }
    sl_buf_addc(out, ']');
}

/* The links that a lookup, rollup or count goes through. */
static int via_links(const struct at_cell *cell, int64_t out[AT_LINKS_MAX])
{
    struct at_cell via = *cell;

    via.field = cell->field->via;
    if (!via.field || via.field->removed || cell->depth > DEPTH_MAX) return 0;
    return at_links(&via, out);
}

static void put_target(const struct at_cell *cell, int64_t index, struct sl_buf *out)
{
    const struct at_table *there = cell->field->via->linked;
    struct at_row row;

    if (!cell->field->target || cell->field->target->removed) return;
    at_row(cell->app, there, index, &row);
    at_put_cell(cell->app, there, cell->field->target, &row, cell->depth + 1, out);
}

void at_gen_count(const struct at_cell *cell, struct sl_buf *out)
{
    int64_t links[AT_LINKS_MAX];

    sim_json_int(out, via_links(cell, links));
}

/* The cells over there, one after the other; arrays are flattened by one level. */
void at_gen_lookup(const struct at_cell *cell, struct sl_buf *out)
{
    int64_t links[AT_LINKS_MAX];
    int count = via_links(cell, links);
    size_t start = out->len;

    for (int i = 0; i < count; i++) {
        sl_buf_addc(out, out->len == start ? '[' : ',');
        size_t value = out->len;

        put_target(cell, links[i], out);
        if (out->failed) return;
        if (out->len == value) {
            out->len--; /* empty: not there */
        } else if (out->data[value] == '[') {
            memmove(out->data + value, out->data + value + 1, out->len - value - 1);
            out->len -= 2;
        }
    }
    if (out->len > start) sl_buf_addc(out, ']');
}

/* Sums what numbers there are over there. False: an error among them, which spreads. */
static bool sum(const struct at_cell *cell, double *total, int *numbers)
{
    int64_t links[AT_LINKS_MAX];
    int count = via_links(cell, links);
    const struct at_field *target = cell->field->target;
    struct sl_buf text = {0};
    bool good = true;

    *total = 0;
    *numbers = 0;
    for (int i = 0; i < count && good && target && !target->removed; i++) {
        struct at_row row;
        double number;

        at_row(cell->app, cell->field->via->linked, links[i], &row);
        const struct sl_json *value =
            at_read_cell(cell->app, cell->field->via->linked, target, &row, cell->depth + 1, &text);

        if (sl_json_double(value, &number)) {
            *total += number;
            ++*numbers;
        } else if (sl_json_kind(value) == SL_JSON_OBJECT) {
            good = false;
        }
    }
    sl_buf_release(&text);
    return good;
}

void at_gen_rollup(const struct at_cell *cell, struct sl_buf *out)
{
    double total;
    int numbers;

    if (!sum(cell, &total, &numbers))
        sl_buf_adds(out, "{\"error\":\"#ERROR!\"}");
    else
        sim_json_double(out, total);
}

/* The average of nothing is 0/0. */
void at_gen_average(const struct at_cell *cell, struct sl_buf *out)
{
    double total;
    int numbers;

    if (!sum(cell, &total, &numbers))
        sl_buf_adds(out, "{\"error\":\"#ERROR!\"}");
    else if (numbers == 0)
        sl_buf_adds(out, "{\"specialValue\":\"NaN\"}");
    else
        sim_json_double(out, total / numbers);
}

/* ARRAYUNIQUE(values): an array although the declared result is a scalar. */
void at_gen_unique(const struct at_cell *cell, struct sl_buf *out)
{
    at_gen_lookup(cell, out);
}
