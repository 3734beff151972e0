/*
 * names.c: what a column is called in the table.
 *
 * snake_case keeps ASCII letters and digits, spells Latin letters without their marks, makes one
 * '_' of everything else, and never starts with '_' or a digit: so no field can be called like a
 * system column. Clashes are settled in rounds. In every round all columns that clash and are not
 * fixed take their next longer suffix; since all of them do, the order of columns has no influence:
 *
 *     level 0   launch_date
 *     level 1   launch_date_q2x9zd                     last 6 characters of the id
 *     level 2   launch_date_h8tq2x9zd                  last 10
 *     level 3   launch_date_fldzrbijkwjumvh8t          the whole id
 *     level 4   launch_date_fldzrbijkwjumvh8t_<hash>   ids that differ in case alone
 *     level 5   launch_date_<n>                        equal ids, or none: by position
 *     level 6.. launch_date_<n>_<m>                    and if that is somebody's name too
 */
#include "table/names.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

#define LEVEL_POSITION 5
#define LEVEL_LAST 10000

/* ------------------------------------------------------------------ characters */

/* One code point of valid UTF-8; bytes that are not are passed one by one. */
static uint32_t next_char(const char **text)
{
    const unsigned char *p = (const unsigned char *)*text;
    uint32_t c = p[0];
    size_t len = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;

    if (len > 1) c &= 0xFFu >> (len + 1);
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xC0) != 0x80) { /* cut short: also the end of the text */
            *text += i;
            return 0xFFFD;
        }
        c = c << 6 | (p[i] & 0x3Fu);
    }
    *text += len;
    return c;
}

/* ASCII spelling of U+00C0 to U+017F, lower case; "" for signs. */
static const char *const latin[] = {
    /* C0 */ "a",  "a", "a",  "a",  "a", "a", "ae", "c",
    "e",           "e", "e",  "e",  "i", "i", "i",  "i",
    /* D0 */ "d",  "n", "o",  "o",  "o", "o", "o",  "",
    "o",           "u", "u",  "u",  "u", "y", "th", "ss",
    /* E0 */ "a",  "a", "a",  "a",  "a", "a", "ae", "c",
    "e",           "e", "e",  "e",  "i", "i", "i",  "i",
    /* F0 */ "d",  "n", "o",  "o",  "o", "o", "o",  "",
    "o",           "u", "u",  "u",  "u", "y", "th", "y",
    /* 100 */ "a", "a", "a",  "a",  "a", "a", "c",  "c",
    "c",           "c", "c",  "c",  "c", "c", "d",  "d",
    /* 110 */ "d", "d", "e",  "e",  "e", "e", "e",  "e",
    "e",           "e", "e",  "e",  "g", "g", "g",  "g",
    /* 120 */ "g", "g", "g",  "g",  "h", "h", "h",  "h",
    "i",           "i", "i",  "i",  "i", "i", "i",  "i",
    /* 130 */ "i", "i", "ij", "ij", "j", "j", "k",  "k",
    "k",           "l", "l",  "l",  "l", "l", "l",  "l",
    /* 140 */ "l", "l", "l",  "n",  "n", "n", "n",  "n",
    "n",           "n", "n",  "n",  "o", "o", "o",  "o",
    /* 150 */ "o", "o", "oe", "oe", "r", "r", "r",  "r",
    "r",           "r", "s",  "s",  "s", "s", "s",  "s",
    /* 160 */ "s", "s", "t",  "t",  "t", "t", "t",  "t",
    "u",           "u", "u",  "u",  "u", "u", "u",  "u",
    /* 170 */ "u", "u", "u",  "u",  "w", "w", "y",  "y",
    "y",           "z", "z",  "z",  "z", "z", "z",  "s",
};

static bool is_lower(uint32_t c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_upper(uint32_t c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_digit(uint32_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_combining(uint32_t c)
{
    return c >= 0x300 && c <= 0x36F;
}

/* Lower case, for comparing: ASCII, Latin, Greek and Cyrillic capitals. */
static uint32_t fold(uint32_t c)
{
    if (is_upper(c) || (c >= 0xC0 && c <= 0xDE && c != 0xD7) || (c >= 0x391 && c <= 0x3A9) ||
        (c >= 0x410 && c <= 0x42F))
        return c + 32;
    if (c >= 0x400 && c <= 0x40F) return c + 80;
    if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E)) return c % 2 ? c + 1 : c;
    if (c >= 0x100 && c <= 0x177 && c != 0x138) return c | 1;
    return c;
}

static int name_compare(const char *a, const char *b)
{
    for (;;) {
        uint32_t x = *a ? fold(next_char(&a)) : 0;
        uint32_t y = *b ? fold(next_char(&b)) : 0;

        if (x != y) return x < y ? -1 : 1;
        if (x == 0) return 0;
    }
}

bool sl_name_same(const char *a, const char *b)
{
    return name_compare(a, b) == 0;
}

/* ------------------------------------------------------------------ one name */

void sl_name_snake(const char *name, struct sl_buf *out)
{
    size_t written = 0;
    bool gap = false;
    uint32_t before = 0;

    for (const char *p = name; *p && written < SL_NAME_MAX;) {
        uint32_t c = next_char(&p);
        char one[2] = {0};
        const char *piece = one;

        if (is_combining(c)) continue;
        if (is_upper(c))
            one[0] = (char)(c + 32);
        else if (is_lower(c) || is_digit(c))
            one[0] = (char)c;
        else if (c >= 0xC0 && c < 0xC0 + sizeof latin / sizeof *latin)
            piece = latin[c - 0xC0];

        if (!*piece) {
            gap = true;
        } else {
            if (written == 0 && is_digit((unsigned char)*piece))
                sl_buf_adds(out, "f_");
            else if (written > 0 && (gap || (is_lower(before) && is_upper(c))))
                sl_buf_addc(out, '_');
            sl_buf_adds(out, piece);
            written += strlen(piece) + gap;
            gap = false;
        }
        before = c;
    }
    if (written == 0) sl_buf_adds(out, "column");
}

/* As the source writes it, but for what Delta refuses and for a '_' in front. */
static void name_original(const char *name, bool any_char, struct sl_buf *out)
{
    size_t written = 0;

    if (!*name) sl_buf_adds(out, "column");
    if (*name == '_') sl_buf_addc(out, 'f');
    for (const char *p = name; *p;) {
        const char *start = p;
        uint32_t c = next_char(&p);
        size_t len = (size_t)(p - start);

        if (written + len > SL_NAME_MAX) break;
        written += len;
        if (!any_char && c < 0x80 && strchr(" ,;{}()\n\t=", (int)c))
            sl_buf_addc(out, '_');
        else
            sl_buf_add(out, start, len);
    }
}

void sl_name_plain(const char *name, enum sl_names how, bool any_char, struct sl_buf *out)
{
    if (how == SL_NAMES_SNAKE_CASE) {
        sl_name_snake(name, out);
        return;
    }
    size_t start = out->len;
    name_original(name, any_char, out);
    /* "( )" became "___", which would pass for a system column. */
    if (out->len > start && out->data[start] == '_') out->data[start] = 'f';
}

/* ------------------------------------------------------------------ clashes */

static uint64_t hash_text(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

    for (; *text; text++) hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return hash;
}

/* Ids hold letters and digits; anything else would not do in a name. */
static void add_id(struct sl_buf *out, const char *id, size_t last, bool lower)
{
    size_t len = strlen(id);

    for (const char *p = len > last ? id + len - last : id; *p; p++) {
        unsigned char c = (unsigned char)*p;

        if (is_upper(c))
            sl_buf_addc(out, lower ? (char)(c + 32) : (char)c);
        else
            sl_buf_addc(out, is_lower(c) || is_digit(c) ? (char)c : '_');
    }
}

static const char *name_at_level(const struct sl_naming *column, size_t position, int level,
                                 enum sl_names how, bool any_char, struct sl_arena *arena)
{
    struct sl_buf buf;
    bool lower = how == SL_NAMES_SNAKE_CASE;
    const char *id = column->id && *column->id ? column->id : NULL;
    char *name = NULL;

    sl_buf_init(&buf, 0);
    if (column->base)
        sl_buf_adds(&buf, column->base);
    else
        sl_name_plain(column->name, how, any_char, &buf);
    if (level >= LEVEL_POSITION) {
        sl_buf_addf(&buf, "_%zu", position + 1);
        if (level > LEVEL_POSITION) sl_buf_addf(&buf, "_%d", level - LEVEL_POSITION + 1);
    } else if (level > 0 && !id) {
        sl_buf_addf(&buf, "_%08" PRIx32, (uint32_t)hash_text(column->name));
    } else if (level > 0) {
        sl_buf_addc(&buf, '_');
        add_id(&buf, id, level == 1 ? 6 : level == 2 ? 10 : 64, lower);
        if (level == 4) sl_buf_addf(&buf, "_%016" PRIx64, hash_text(id));
    }
    if (!sl_buf_failed(&buf)) name = sl_arena_strdup(arena, sl_buf_str(&buf));
    sl_buf_release(&buf);
    return name;
}

struct entry {
    const char *name;
    size_t column; /* SIZE_MAX: taken */
};

static int entry_compare(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int order = name_compare(x->name, y->name);

    return order ? order : x->column < y->column ? -1 : x->column > y->column;
}

/* Moves every column that clashes and is free to the next level. */
static enum sl_code raise_clashes(const struct sl_naming *columns, const struct entry *entries,
                                  size_t count, int *levels, bool *changed, struct sl_error *error)
{
    for (size_t i = 0, end; i < count; i = end) {
        size_t fixed = 0, raised = 0;

        for (end = i + 1; end < count && sl_name_same(entries[i].name, entries[end].name);) end++;
        if (end - i == 1) continue;
        for (size_t k = i; k < end; k++) {
            size_t c = entries[k].column;

            if (c == SIZE_MAX || columns[c].fixed) {
                fixed++;
            } else if (levels[c] < LEVEL_LAST) {
                levels[c]++;
                raised++;
            }
        }
        if (fixed > 1 || raised == 0)
            return sl_fail(error, SL_UNSUPPORTED, "two columns would both be called '%s'",
                           entries[i].name);
        *changed = true;
    }
    return SL_OK;
}

enum sl_code sl_names_assign(struct sl_naming *columns, size_t count, const char *const *taken,
                             size_t taken_count, enum sl_names how, bool any_char,
                             struct sl_arena *arena, struct sl_error *error)
{
    size_t total = count + taken_count;
    struct entry *entries = SL_ARENA_ARRAY(arena, struct entry, total + 1);
    int *levels = SL_ARENA_ARRAY(arena, int, count + 1);
    int *named = SL_ARENA_ARRAY(arena, int, count + 1); /* level of the name it has, plus 1 */
    bool changed = true;

    if (!entries || !levels || !named)
        return sl_fail(error, SL_NO_MEMORY, "could not name %zu columns", count);
    while (changed) {
        changed = false;
        for (size_t i = 0; i < count; i++) {
            if (columns[i].fixed)
                columns[i].visible = columns[i].fixed;
            else if (named[i] != levels[i] + 1)
                columns[i].visible = name_at_level(&columns[i], i, levels[i], how, any_char, arena);
            if (!columns[i].visible)
                return sl_fail(error, SL_NO_MEMORY, "could not name %zu columns", count);
            named[i] = levels[i] + 1;
            entries[i] = (struct entry){columns[i].visible, i};
        }
        for (size_t i = 0; i < taken_count; i++)
            entries[count + i] = (struct entry){taken[i], SIZE_MAX};
        qsort(entries, total, sizeof *entries, entry_compare);

        enum sl_code rc = raise_clashes(columns, entries, total, levels, &changed, error);
        if (rc) return rc;
    }
    return SL_OK;
}
