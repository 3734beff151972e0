/*
 * records.c: a record from its index, and what was done to it since.
 *
 * A record id holds its index: 8 digits (base 62) of the index, scrambled, and 6 digits of a check,
 * so that an id is found without a search and looks like any other.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/time.h"
#include "json/doc.h"
#include "sim/airtable/airtable.h"
#include "sim/text.h"

#define INDEX_BITS 46 /* < 62^8, about 2^47.6 */
#define INDEX_MASK ((UINT64_C(1) << INDEX_BITS) - 1)
#define SCRAMBLE UINT64_C(0x2c9277b5a1d3) /* odd */
#define HISTORY_US (300 * SL_DAY_US)      /* records were created in the days before the start */
#define BLANK_EVERY 61
#define BLANK_AT 17

static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* ------------------------------------------------------------------ ids */

static uint64_t check_of(const struct at_table *table, int64_t index)
{
    return sim_mix(table->salt, (uint64_t)index) % UINT64_C(56800235584); /* 62^6 */
}

static void put_digits(char *out, int count, uint64_t value)
{
    for (int i = count - 1; i >= 0; i--, value /= 62) out[i] = digits[value % 62];
}

void at_record_id(const struct at_table *table, int64_t index, char out[AT_ID_MAX])
{
    uint64_t x = ((uint64_t)index * SCRAMBLE) & INDEX_MASK;

    x ^= table->salt & INDEX_MASK;
    memcpy(out, "rec", 3);
    put_digits(out + 3, 8, x);
    put_digits(out + 11, 6, check_of(table, index));
    out[17] = '\0';
}

static bool read_digits(const char *text, int count, uint64_t *out)
{
    *out = 0;
    for (int i = 0; i < count; i++) {
        const char *digit = text[i] ? strchr(digits, text[i]) : NULL;

        if (!digit) return false;
        *out = *out * 62 + (uint64_t)(digit - digits);
    }
    return true;
}

/* The number that undoes SCRAMBLE modulo 2^64: five steps of Newton's iteration. */
static uint64_t unscramble(void)
{
    uint64_t inverse = SCRAMBLE;

    for (int i = 0; i < 6; i++) inverse *= 2 - SCRAMBLE * inverse;
    return inverse;
}

int64_t at_record_index(const struct at_table *table, const char *id)
{
    uint64_t x, check;

    if (strncmp(id, "rec", 3) != 0 || strlen(id) != 17 || !read_digits(id + 3, 8, &x) ||
        !read_digits(id + 11, 6, &check))
        return -1;
    x ^= table->salt & INDEX_MASK;
    x = (x * unscramble()) & INDEX_MASK;
    int64_t index = (int64_t)x;

    return at_live(table, index) && check_of(table, index) == check ? index : -1;
}

/* ------------------------------------------------------------------ edits */

static size_t edit_place(const struct at_table *table, int64_t index)
{
    size_t low = 0, high = table->edit_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (table->edits[middle]->index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct at_edit *newest_edit(const struct at_table *table, int64_t index)
{
    if (table->edit_count == 0) return NULL;
    size_t i = edit_place(table, index);

    return i < table->edit_count && table->edits[i]->index == index ? table->edits[i] : NULL;
}

struct at_edit *at_edit_find(const struct at_table *table, int64_t index)
{
    struct at_edit *edit = newest_edit(table, index);

    while (edit && edit->at_us > table->shown_us) edit = edit->before;
    return edit;
}

void at_show_delayed(struct airtable *app, bool delayed)
{
    for (size_t i = 0; i < app->table_count; i++)
        app->tables[i]->shown_us =
            delayed && app->delay_us > 0 ? app->now_us - app->delay_us : INT64_MAX;
}

static struct at_edit *edit_clone(const struct at_edit *edit)
{
    struct at_edit *clone = sl_calloc(1, sizeof *clone);

    if (!clone) return NULL;
    *clone = *edit;
    clone->cells = NULL;
    clone->cell_count = 0;
    clone->before = NULL;
    for (size_t i = 0; i < edit->cell_count; i++) {
        if (at_edit_cell(clone, edit->cells[i].field, edit->cells[i].json)) continue;
        at_edit_free(clone);
        return NULL;
    }
    return clone;
}

/* Keeps what an edit is now, as long as listings may still show it. */
static bool keep_before(const struct airtable *app, struct at_edit *edit, int64_t now_us)
{
    struct at_edit *before = app->delay_us > 0 && edit->at_us < now_us ? edit_clone(edit) : NULL;

    if (app->delay_us <= 0 || edit->at_us >= now_us) return true;
    if (!before) return false;
    before->before = edit->before;
    edit->before = before;
    while (before->at_us > now_us - app->delay_us && before->before) before = before->before;
    if (before->before) at_edit_free(before->before); /* nobody will see it again */
    before->before = NULL;
    return true;
}

static struct at_edit *edit_insert(struct at_table *table, int64_t index)
{
    struct at_edit *edit;

    if (table->edit_count == table->edit_cap) {
        size_t cap = table->edit_cap ? table->edit_cap * 2 : 16;
        struct at_edit **edits = sl_realloc(table->edits, cap * sizeof(struct at_edit *));

        if (!edits) return NULL;
        table->edits = edits;
        table->edit_cap = cap;
    }
    edit = sl_calloc(1, sizeof *edit);
    if (!edit) return NULL;
    edit->index = index;
    edit->modified_us = SL_NO_TIME;
    size_t at = edit_place(table, index);

    memmove(table->edits + at + 1, table->edits + at,
            (table->edit_count - at) * sizeof(struct at_edit *));
    table->edits[at] = edit;
    table->edit_count++;
    return edit;
}

struct at_edit *at_edit_make(const struct airtable *app, struct at_table *table, int64_t index,
                             int64_t now_us)
{
    struct at_edit *edit = newest_edit(table, index);

    if (edit && !keep_before(app, edit, now_us)) return NULL;
    if (!edit) edit = edit_insert(table, index);
    if (!edit) return NULL;
    /* A new record was not there before: its index alone would make it one of the declared ones. */
    if (app->delay_us > 0 && !edit->before && index >= table->records && edit->at_us == 0) {
        edit->before = sl_calloc(1, sizeof *edit);
        if (!edit->before) return NULL;
        *edit->before = (struct at_edit){.index = index, .deleted = true, .at_us = INT64_MIN};
    }
    edit->at_us = now_us;
    return edit;
}

void at_edit_free(struct at_edit *edit)
{
    while (edit) {
        struct at_edit *before = edit->before;

        for (size_t i = 0; i < edit->cell_count; i++) sl_free(edit->cells[i].json);
        sl_free(edit->cells);
        sl_free(edit);
        edit = before;
    }
}

bool at_edit_cell(struct at_edit *edit, const struct at_field *field, const char *json)
{
    size_t i = 0;

    while (i < edit->cell_count && edit->cells[i].field != field) i++;
    if (i == edit->cell_count) {
        struct at_cell_edit *cells = sl_realloc(edit->cells, (i + 1) * sizeof *cells);

        if (!cells) return false;
        cells[i] = (struct at_cell_edit){.field = field};
        edit->cells = cells;
        edit->cell_count++;
    }
    return at_set_text(&edit->cells[i].json, json);
}

bool at_live(const struct at_table *table, int64_t index)
{
    if (index < 0 || index >= table->total) return false;
    const struct at_edit *edit = at_edit_find(table, index);

    return !edit || !edit->deleted;
}

/* ------------------------------------------------------------------ rows and cells */

/* Seconds only: real created times end in .000. */
static int64_t whole_seconds(int64_t us)
{
    return us - us % SL_SECOND_US;
}

void at_row(const struct airtable *app, const struct at_table *table, int64_t index,
            struct at_row *out)
{
    const struct at_edit *edit = at_edit_find(table, index);
    int64_t step = HISTORY_US / (table->records ? table->records : 1);
    uint64_t dice = sim_mix(sim_mix(app->seed, table->salt), (uint64_t)index);

    *out = (struct at_row){.index = index, .edit = edit, .modified_us = SL_NO_TIME};
    out->created_us = whole_seconds(app->start_us - HISTORY_US + step * index);
    if (dice % 3) { /* a third was never edited since */
        int64_t age = app->start_us - out->created_us - SL_SECOND_US;
        int64_t after = (int64_t)(dice >> 8) % (20 * SL_DAY_US);

        out->modified_us = whole_seconds(out->created_us + (after < age ? after : age));
    }
    out->blank = index % BLANK_EVERY == BLANK_AT;
    if (!edit) return;
    out->version = edit->version;
    if (edit->created) {
        out->created_us = whole_seconds(edit->created_us);
        out->modified_us = SL_NO_TIME;
    }
    if (edit->modified_us != SL_NO_TIME) out->modified_us = whole_seconds(edit->modified_us);
}

void at_put_cell(struct airtable *app, const struct at_table *table, const struct at_field *field,
                 const struct at_row *row, int depth, struct sl_buf *out)
{
    struct at_cell cell = {.app = app, .table = table, .field = field, .row = row, .depth = depth};
    size_t edits = row->edit ? row->edit->cell_count : 0;

    for (size_t i = 0; i < edits; i++) {
        if (row->edit->cells[i].field != field) continue;
        if (row->edit->cells[i].json) sl_buf_adds(out, row->edit->cells[i].json);
        return;
    }
    if (!field->computed) {
        if (row->blank) return;
        cell.dice = row->version;
    }
    cell.dice = sim_mix(sim_mix(app->seed ^ field->salt, (uint64_t)row->index), cell.dice);
    if (!field->computed && !field->spec->full && cell.dice >> 61 == 0) return; /* 1 in 8 */
    field->gen(&cell, out);
}

const struct sl_json *at_read_cell(struct airtable *app, const struct at_table *table,
                                   const struct at_field *field, const struct at_row *row,
                                   int depth, struct sl_buf *text)
{
    const struct sl_json *root;
    struct sl_error error;

    sl_buf_reset(text);
    at_put_cell(app, table, field, row, depth, text);
    if (text->failed) app->no_memory = true;
    if (!text->len || text->failed) return NULL;
    enum sl_code rc = sl_doc_parse_copy(app->cell_doc, text->data, text->len, &root, &error);

    if (rc == SL_NO_MEMORY) app->no_memory = true;
    return rc ? NULL : root;
}

int at_comment_count(const struct airtable *app, const struct at_table *table,
                     const struct at_row *row)
{
    uint64_t dice = sim_mix(sim_mix(app->seed, table->salt ^ 0xc0), (uint64_t)row->index);
    int count = dice % 10 < 7 ? 0 : (int)(dice % 10) - 6;

    if (row->blank) count = 0;
    if (row->index == 5 && table == app->tables[0]) count = 105; /* more than a page */
    return count + (row->edit ? row->edit->comments_added : 0);
}

/* cellFormat=string: strings as they are, anything else as text. */
static void put_as_text(struct airtable *app, struct sl_buf *out, size_t start)
{
    struct sl_buf text = {0};

    if (out->failed || out->data[start] == '"') return;
    sim_json_str(&text, out->data + start, out->len - start);
    out->len = start;
    sl_buf_add(out, sl_buf_str(&text), text.len);
    if (text.failed) app->no_memory = true;
    sl_buf_release(&text);
}

/* "key":cell, or nothing when it is empty. */
static void put_member(struct airtable *app, const struct at_table *table,
                       const struct at_field *field, const struct at_row *row,
                       const struct at_show *show, bool first, struct sl_buf *out)
{
    size_t start = out->len;

    if (!first) sl_buf_addc(out, ',');
    if (show->by_id) {
        char *room = sl_buf_reserve(out, 20);

        if (!room) return;
        room[0] = '"';
        memcpy(room + 1, field->id, 17);
        room[18] = '"';
        room[19] = ':';
        out->len += 20;
    } else {
        sim_json_text(out, field->name);
        sl_buf_addc(out, ':');
    }
    size_t value = out->len;

    at_put_cell(app, table, field, row, 0, out);
    if (out->failed) return;
    if (out->len == value) {
        out->len = start;
        out->data[start] = '\0';
    } else if (show->as_text) {
        put_as_text(app, out, value);
    }
}

void at_put_record(struct airtable *app, const struct at_table *table, int64_t index,
                   const struct at_show *show, struct sl_buf *out)
{
    struct at_row row;
    char id[AT_ID_MAX];
    size_t count = show->fields ? show->field_count : table->field_count, start;

    at_row(app, table, index, &row);
    at_record_id(table, index, id);
    sl_buf_adds(out, "{\"id\":\"");
    sl_buf_add(out, id, 17);
    sl_buf_adds(out, "\",\"createdTime\":");
    sim_json_time(out, row.created_us);
    if (show->comment_count) {
        sl_buf_adds(out, ",\"commentCount\":");
        sim_json_int(out, at_comment_count(app, table, &row));
    }
    sl_buf_adds(out, ",\"fields\":{");
    start = out->len;
    for (size_t i = 0; i < count; i++) {
        const struct at_field *field = show->fields ? show->fields[i] : table->fields[i];

        if (!field->removed) put_member(app, table, field, &row, show, out->len == start, out);
    }
    if (show->unknown_field)
        sl_buf_addf(out, "%s\"%s\":\"nobody announced this\"", out->len == start ? "" : ",",
                    show->by_id ? "fldUnannounced001" : "Unannounced");
    sl_buf_adds(out, "}}");
}
