/*
 * cells.c: what stands in a cell, by field type. Each generator appends JSON, or nothing when the
 * cell is empty; everything follows from cell->dice.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/time.h"
#include "sim/airtable/airtable.h"
#include "sim/text.h"

static const char *const adjectives[] = {"Amber",  "Brisk", "Calm",   "Deep",  "Early", "Fjord",
                                         "Golden", "High",  "Indigo", "Jolly", "Keen",  "Lunar",
                                         "Mellow", "North", "Ochre",  "Polar"};
static const char *const nouns[] = {"harbour", "lantern", "meadow",  "orbit", "pebble", "quarry",
                                    "river",   "saddle",  "thicket", "umbra", "valley", "willow",
                                    "anchor",  "beacon",  "canyon",  "dune"};
static const char *const spices[] = {"🚀",     "Ångström",       "東京",
                                     "naïve", "\\\"quoted\\\"", "50 %",
                                     "a/b",   "🏳️‍🌈", "{x}",
                                     "O’Neil"};

static uint64_t part(const struct at_cell *cell, uint64_t n)
{
    return sim_mix(cell->dice, n);
}

static void put_words(struct sl_buf *out, uint64_t dice)
{
    sl_buf_adds(out, adjectives[dice % 16]);
    sl_buf_addc(out, ' ');
    sl_buf_adds(out, nouns[(dice >> 4) % 16]);
}

/* ------------------------------------------------------------------ text */

static void gen_line(const struct at_cell *cell, struct sl_buf *out)
{
    if ((cell->dice >> 8) % 37 == 0) { /* a lone space is a value */
        sl_buf_adds(out, "\" \"");
        return;
    }
    sl_buf_addc(out, '"');
    put_words(out, cell->dice);
    sl_buf_addc(out, ' ');
    sim_json_int(out, (int64_t)((cell->dice >> 16) % 1000));
    if ((cell->dice >> 32) % 9 == 0) {
        sl_buf_addc(out, ' ');
        sl_buf_adds(out, spices[(cell->dice >> 40) % 10]);
    }
    sl_buf_addc(out, '"');
}

void at_gen_plain(const struct at_cell *cell, struct sl_buf *out)
{
    sl_buf_addc(out, '"');
    put_words(out, cell->dice);
    sl_buf_addc(out, ' ');
    sim_json_int(out, cell->row->index);
    sl_buf_addc(out, '"');
}

static void put_lines(const struct at_cell *cell, int lines, struct sl_buf *out)
{
    sl_buf_addc(out, '"');
    for (int i = 0; i < lines; i++) {
        if (i) sl_buf_adds(out, "\\n");
        put_words(out, part(cell, (uint64_t)i));
        sl_buf_adds(out, " meets ");
        put_words(out, part(cell, (uint64_t)i + 10));
        sl_buf_adds(out, ", then some.");
    }
    sl_buf_addc(out, '"');
}

static void gen_paragraph(const struct at_cell *cell, struct sl_buf *out)
{
    put_lines(cell, 1 + (int)((cell->dice >> 20) % 3), out);
}

void at_gen_long(const struct at_cell *cell, struct sl_buf *out)
{
    put_lines(cell, 5, out);
}

/* Mentions are inline tags; record 7 ends in half of a surrogate pair. */
void at_gen_mention(const struct at_cell *cell, struct sl_buf *out)
{
    char id[AT_ID_MAX];

    sim_id(id, "men", cell->dice);
    if (cell->row->index == 7) {
        sl_buf_adds(out, "\"cut in half \\ud83d\"");
        return;
    }
    sl_buf_addf(out,
                "\"Ask <airtable:mention id=\\\"%s\\\">@Mira</airtable:mention> about the %s\\n"
                "✨ and a tab\\there\"",
                id, nouns[cell->dice % 16]);
}

static void gen_rich(const struct at_cell *cell, struct sl_buf *out)
{
    sl_buf_adds(out, "\"**");
    put_words(out, cell->dice);
    sl_buf_adds(out, "** and [link](https://example.org/x)\\n\"");
}

static void gen_email(const struct at_cell *cell, struct sl_buf *out)
{
    sl_buf_addc(out, '"');
    sl_buf_adds(out, nouns[cell->dice % 16]);
    sl_buf_addc(out, '.');
    sl_buf_adds(out, nouns[cell->dice >> 60]);
    sl_buf_adds(out, "@example.org\"");
}

static void gen_url(const struct at_cell *cell, struct sl_buf *out)
{
    sl_buf_adds(out, (cell->dice >> 8) % 5 ? "\"https://" : "\""); /* the scheme may be missing */
    sl_buf_adds(out, "example.org/");
    sl_buf_adds(out, nouns[cell->dice % 16]);
    sl_buf_adds(out, "?q=");
    sim_json_int(out, (int64_t)((cell->dice >> 16) % 10000));
    sl_buf_addc(out, '"');
}

static void gen_phone(const struct at_cell *cell, struct sl_buf *out)
{
    sl_buf_addf(out, "\"+46 8 555 %03u %02u\"", (unsigned)(cell->dice % 1000),
                (unsigned)(cell->dice >> 20) % 100);
}

static void put_choice(const char *choices, uint64_t dice, struct sl_buf *out)
{
    size_t count = 1;

    for (const char *c = choices; *c; c++) count += *c == '|';
    for (size_t skip = dice % count; skip; skip--) choices = strchr(choices, '|') + 1;
    sim_json_str(out, choices, strcspn(choices, "|"));
}

static void gen_select(const struct at_cell *cell, struct sl_buf *out)
{
    if (cell->field->choices)
        put_choice(cell->field->choices, cell->dice, out);
    else
        gen_line(cell, out);
}

static void gen_selects(const struct at_cell *cell, struct sl_buf *out)
{
    uint64_t count = cell->dice % 3;

    if (!cell->field->choices) return;
    sl_buf_addc(out, '[');
    for (uint64_t i = 0; i <= count; i++) {
        if (i) sl_buf_addc(out, ',');
        put_choice(cell->field->choices, (cell->dice >> 8) + i, out);
    }
    sl_buf_addc(out, ']');
}

static void gen_sort_key(const struct at_cell *cell, struct sl_buf *out)
{
    sl_buf_addf(out, "\"%c%c%c%c\"", (char)('a' + cell->dice % 26),
                (char)('a' + (cell->dice >> 8) % 26), (char)('a' + (cell->dice >> 16) % 26),
                (char)('a' + (cell->dice >> 24) % 26));
}

/* ------------------------------------------------------------------ numbers */

/* Zero now and then, sometimes negative, with as many decimals as the precision says, or more. */
static void gen_number(const struct at_cell *cell, struct sl_buf *out)
{
    int64_t cents = (int64_t)((cell->dice >> 8) % 1000000);
    const char *options = cell->field->options;

    if ((cell->dice >> 32) % 15 == 0) cents = 0;
    if (options && strncmp(options, "{\"precision\":0", 14) == 0) cents -= cents % 100;
    if ((cell->dice >> 40) % 11 == 0) cents = -cents;
    sim_json_decimal(out, cents, 2);
}

void at_gen_counter(const struct at_cell *cell, struct sl_buf *out)
{
    sim_json_int(out, (int64_t)(cell->dice >> 20) % 100000);
}

static void gen_percent(const struct at_cell *cell, struct sl_buf *out)
{
    if (cell->dice % 7 == 0)
        sl_buf_adds(out, "0.45299999999999996");
    else
        sim_json_decimal(out, (int64_t)(cell->dice % 2000), 3);
}

static void gen_duration(const struct at_cell *cell, struct sl_buf *out)
{
    bool fractions = cell->field->options && strstr(cell->field->options, "ss.S");
    int64_t ms = (int64_t)((cell->dice >> 8) % 360) * 60000;

    if (fractions) ms += (int64_t)((cell->dice >> 20) % 1000);
    sim_json_decimal(out, ms, 3);
}

static void gen_rating(const struct at_cell *cell, struct sl_buf *out)
{
    sim_json_int(out, 1 + (int64_t)(cell->dice % 5));
}

static void gen_auto(const struct at_cell *cell, struct sl_buf *out)
{
    sim_json_int(out, cell->row->index + 1);
}

/* Beyond 2^53: 9007199254740993 is not a double; some are beyond 2^63. */
void at_gen_big_number(const struct at_cell *cell, struct sl_buf *out)
{
    if (cell->dice % 17 == 0)
        sl_buf_adds(out, "12345678901234567890");
    else
        sl_buf_addf(out, "%lld", 9007199254740993LL + 2 * (long long)cell->row->index);
}

void at_gen_big_text(const struct at_cell *cell, struct sl_buf *out)
{
    sl_buf_addf(out, "\"90071992547409%05lld\"", (long long)cell->row->index);
}

/* Exponents, as JavaScript writes them from 1e21 up and below 1e-6. */
void at_gen_reach(const struct at_cell *cell, struct sl_buf *out)
{
    static const char *const odd[] = {"1.5e+21", "3e-7", "-0", "1e3"};

    if (cell->dice % 8 < 4)
        sl_buf_adds(out, odd[cell->dice % 4]);
    else
        gen_number(cell, out);
}

static void gen_checkbox(const struct at_cell *cell, struct sl_buf *out)
{
    if (cell->dice % 5 < 2) sl_buf_adds(out, "true"); /* unchecked is omitted */
}

/* ------------------------------------------------------------------ dates */

static int64_t some_day(const struct at_cell *cell)
{
    int64_t start = cell->app->start_us - cell->app->start_us % SL_DAY_US;

    return start + ((int64_t)((cell->dice >> 8) % 800) - 400) * SL_DAY_US;
}

static void gen_date(const struct at_cell *cell, struct sl_buf *out)
{
    sim_json_date(out, some_day(cell));
}

static void gen_time(const struct at_cell *cell, struct sl_buf *out)
{
    sim_json_time(out, some_day(cell) + (int64_t)((cell->dice >> 30) % 1440) * 60 * SL_SECOND_US);
}

/* Is the declared result of this field a date without a time? */
static bool date_only(const struct at_cell *cell)
{
    return cell->field->options && strstr(cell->field->options, "\"type\":\"date\"");
}

static void gen_created(const struct at_cell *cell, struct sl_buf *out)
{
    if (date_only(cell))
        sim_json_date(out, cell->row->created_us);
    else
        sim_json_time(out, cell->row->created_us);
}

static void gen_modified(const struct at_cell *cell, struct sl_buf *out)
{
    if (cell->row->modified_us == SL_NO_TIME) return;
    if (date_only(cell))
        sim_json_date(out, cell->row->modified_us);
    else
        sim_json_time(out, cell->row->modified_us);
}

/* ------------------------------------------------------------------ objects */

static const struct {
    const char *id, *email, *name; /* email and name may be missing */
} users[] = {
    {"usrod3yGOCdTp77yU", "mira@example.org", "Mira Okafor"},
    {"usr8C7m8SgJYdOxI3", "jo@example.org", NULL},
    {"usrQ2kV9sLw4nTzPe", "ada.lind@example.org", "Ada Lind ✨"},
    {"usrX7bYc1RfHu0DmA", NULL, "Former colleague"},
    {"usr4GpNq8WvZiKs3E", "tomás@example.org", "Tomás Ibarra"},
    {"ugpaaeeKyZuQpI5Mx", NULL, "EU delivery"},
};

static void put_quoted(struct sl_buf *out, const char *before, const char *text)
{
    sl_buf_adds(out, before);
    sl_buf_adds(out, text);
    sl_buf_addc(out, '"');
}

void at_user(struct sl_buf *out, uint64_t dice)
{
    size_t i = dice % (sizeof users / sizeof *users);

    put_quoted(out, "{\"id\":\"", users[i].id);
    if (users[i].email) put_quoted(out, ",\"email\":\"", users[i].email);
    if (users[i].name) put_quoted(out, ",\"name\":\"", users[i].name);
    sl_buf_addc(out, '}');
}

static void gen_user(const struct at_cell *cell, struct sl_buf *out)
{
    at_user(out, cell->dice >> 8);
}

static void gen_users(const struct at_cell *cell, struct sl_buf *out)
{
    sl_buf_addc(out, '[');
    for (uint64_t i = 0; i <= cell->dice % 3; i++) {
        if (i) sl_buf_addc(out, ',');
        at_user(out, (cell->dice >> 8) + i);
    }
    sl_buf_addc(out, ']');
}

static void gen_modified_by(const struct at_cell *cell, struct sl_buf *out)
{
    if (cell->row->modified_us != SL_NO_TIME) at_user(out, (cell->dice >> 8) + cell->row->version);
}

static void put_file_url(const struct at_cell *cell, const char *id, const char *what,
                         struct sl_buf *out)
{
    /* signed for two hours, and different at each listing */
    sl_buf_addf(out, "\"url\":\"https://v5.airtableusercontent.com/v3/u/41/41/%lld/%llx/%s%s\"",
                (long long)((cell->app->now_us + 7200 * SL_SECOND_US) / 1000),
                (unsigned long long)sim_mix(cell->app->listing, cell->dice), id + 3, what);
}

static void put_file(const struct at_cell *cell, uint64_t dice, struct sl_buf *out)
{
    static const struct {
        const char *name, *type;
        bool image;
    } files[] = {{"plan.png", "image/png", true},
                 {"log.txt", "text/plain", false},
                 {"façade 🏗.jpg", "image/jpeg", true},
                 {"terms.pdf", "application/pdf", false}};
    size_t i = (dice >> 12) % 4;
    char id[AT_ID_MAX];

    sim_id(id, "att", dice);
    sl_buf_addf(out, "{\"id\":\"%s\",", id);
    if (files[i].image) sl_buf_addf(out, "\"width\":%d,\"height\":%d,", 600, 201);
    put_file_url(cell, id, "", out);
    sl_buf_addf(out, ",\"filename\":\"%s\",\"size\":%u,\"type\":\"%s\"", files[i].name,
                (unsigned)(dice >> 16) % 900000 + 1, files[i].type);
    if (files[i].image) {
        sl_buf_adds(out, ",\"thumbnails\":{\"small\":{");
        put_file_url(cell, id, "/s", out);
        sl_buf_adds(out, ",\"width\":107,\"height\":36},\"large\":{");
        put_file_url(cell, id, "/l", out);
        sl_buf_adds(out, ",\"width\":600,\"height\":201},\"full\":{");
        put_file_url(cell, id, "/f", out);
        sl_buf_adds(out, ",\"width\":3000,\"height\":3000}}");
    }
    sl_buf_addc(out, '}');
}

static void gen_files(const struct at_cell *cell, struct sl_buf *out)
{
    sl_buf_addc(out, '[');
    for (uint64_t i = 0; i <= cell->dice % 2; i++) {
        if (i) sl_buf_addc(out, ',');
        put_file(cell, part(cell, i), out);
    }
    sl_buf_addc(out, ']');
}

static void gen_barcode(const struct at_cell *cell, struct sl_buf *out)
{
    switch (cell->dice % 3) {
    case 0:
        sl_buf_addf(out, "{\"text\":\"%013llu\"}",
                    (unsigned long long)(cell->dice >> 8) % 9999999999999ULL);
        break;
    case 1: sl_buf_adds(out, "{\"type\":\"upce\",\"text\":\"04210000\"}"); break;
    default: sl_buf_adds(out, "{\"type\":null,\"text\":\"🄰-17\"}"); break;
    }
}

static void gen_button(const struct at_cell *cell, struct sl_buf *out)
{
    switch (cell->dice % 3) {
    case 0:
        sl_buf_addf(out, "{\"label\":\"Open\",\"url\":\"https://example.org/p/%lld\"}",
                    (long long)cell->row->index + 1);
        break;
    case 1: sl_buf_adds(out, "{\"label\":\"Open\"}"); break;
    default: sl_buf_adds(out, "{\"label\":\"Open\",\"url\":null}"); break;
    }
}

static void gen_ai(const struct at_cell *cell, struct sl_buf *out)
{
    switch (cell->dice % 4) {
    case 0:
        sl_buf_adds(out, "{\"state\":\"error\",\"errorType\":\"quotaExceeded\",\"isStale\":true,"
                         "\"value\":null}");
        break;
    case 1: sl_buf_adds(out, "{\"state\":\"empty\",\"isStale\":false,\"value\":null}"); break;
    default:
        sl_buf_adds(out, "{\"state\":\"generated\",\"isStale\":false,\"value\":\"");
        put_words(out, cell->dice >> 8);
        sl_buf_adds(out, ".\"}");
        break;
    }
}

/* A type that nobody has heard of yet. */
static void gen_future(const struct at_cell *cell, struct sl_buf *out)
{
    sl_buf_addf(out, "{\"steps\":[{\"by\":\"usrod3yGOCdTp77yU\",\"done\":%s}],\"round\":%u}",
                cell->dice % 2 ? "true" : "false", (unsigned)(cell->dice >> 8) % 5);
}

/* ------------------------------------------------------------------ formulas */

bool at_cell_number(const struct at_cell *cell, const struct at_field *field, double *out)
{
    struct sl_buf text = {0};
    bool found = false;

    if (field && !field->removed)
        found = sl_json_double(at_read_cell(cell->app, cell->table, field, cell->row,
                                            cell->depth + 1, &text),
                               out);
    sl_buf_release(&text);
    return found;
}

static void put_result(struct sl_buf *out, double number)
{
    if (isnan(number))
        sl_buf_adds(out, "{\"specialValue\":\"NaN\"}");
    else if (isinf(number))
        sl_buf_adds(out, number > 0 ? "{\"specialValue\":\"Infinity\"}"
                                    : "{\"specialValue\":\"-Infinity\"}");
    else
        sim_json_double(out, number);
}

/* {a}/{b}: blanks count as 0, so 0/0 is NaN and 1/0 Infinity. */
void at_gen_ratio(const struct at_cell *cell, struct sl_buf *out)
{
    double a = 0, b = 0;

    (void)at_cell_number(cell, cell->field->target, &a);
    (void)at_cell_number(cell, cell->field->target_b, &b);
    if (b != 0)
        put_result(out, a / b);
    else
        put_result(out, a == 0 ? (double)NAN : a > 0 ? (double)INFINITY : -(double)INFINITY);
}

void at_gen_product(const struct at_cell *cell, struct sl_buf *out)
{
    double a = 0, b = 0;

    (void)at_cell_number(cell, cell->field->target, &a);
    (void)at_cell_number(cell, cell->field->target_b, &b);
    put_result(out, a * b);
}

void at_gen_error(const struct at_cell *cell, struct sl_buf *out)
{
    (void)cell;
    sl_buf_adds(out, "{\"error\":\"#ERROR!\"}");
}

void at_gen_error_some(const struct at_cell *cell, struct sl_buf *out)
{
    if (cell->dice % 6 == 0)
        sl_buf_adds(out, "{\"error\":\"#ERROR!\"}");
    else if (cell->dice % 6 == 1)
        sl_buf_adds(out, "{\"error\":\"circular reference\"}");
    else
        gen_number(cell, out);
}

/* The text of {a}, a dash, and the record's number. */
void at_gen_slug(const struct at_cell *cell, struct sl_buf *out)
{
    size_t start = out->len;

    if (cell->field->target && !cell->field->target->removed)
        at_put_cell(cell->app, cell->table, cell->field->target, cell->row, cell->depth + 1, out);
    if (out->len > start && !out->failed && out->data[out->len - 1] == '"') {
        out->len--;
    } else {
        out->len = start;
        sl_buf_addc(out, '"');
    }
    sl_buf_adds(out, " - ");
    sim_json_int(out, cell->row->index + 1);
    sl_buf_addc(out, '"');
}

void at_gen_positive(const struct at_cell *cell, struct sl_buf *out)
{
    double number = 0;

    if (at_cell_number(cell, cell->field->target, &number) && number > 0) sl_buf_adds(out, "true");
}

void at_gen_truth(const struct at_cell *cell, struct sl_buf *out)
{
    double number = 0;

    (void)at_cell_number(cell, cell->field->target, &number);
    sl_buf_adds(out, number > 0 ? "1" : "0");
}

void at_gen_due_date(const struct at_cell *cell, struct sl_buf *out)
{
    if (cell->dice % 9 == 0)
        sl_buf_adds(out, "{\"error\":\"#ERROR!\"}");
    else
        sim_json_date(out, some_day(cell));
}

void at_gen_now_text(const struct at_cell *cell, struct sl_buf *out)
{
    sim_json_date(out, cell->app->now_us);
}

/* ------------------------------------------------------------------ by type */

static const struct {
    const char *type;
    at_gen *gen;
    bool computed;
} types[] = {
    {"singleLineText", gen_line, false},
    {"multilineText", gen_paragraph, false},
    {"richText", gen_rich, false},
    {"email", gen_email, false},
    {"url", gen_url, false},
    {"phoneNumber", gen_phone, false},
    {"singleSelect", gen_select, false},
    {"multipleSelects", gen_selects, false},
    {"externalSyncSource", gen_select, false},
    {"singleCollaborator", gen_user, false},
    {"multipleCollaborators", gen_users, false},
    {"createdBy", gen_user, true},
    {"lastModifiedBy", gen_modified_by, true},
    {"number", gen_number, false},
    {"percent", gen_percent, false},
    {"currency", gen_number, false},
    {"duration", gen_duration, false},
    {"rating", gen_rating, false},
    {"count", at_gen_count, true},
    {"autoNumber", gen_auto, true},
    {"checkbox", gen_checkbox, false},
    {"date", gen_date, false},
    {"dateTime", gen_time, false},
    {"createdTime", gen_created, true},
    {"lastModifiedTime", gen_modified, true},
    {"multipleRecordLinks", at_gen_links, true}, /* blankness is the link's own affair */
    {"multipleAttachments", gen_files, false},
    {"barcode", gen_barcode, false},
    {"button", gen_button, true},
    {"formula", at_gen_error_some, true},
    {"rollup", at_gen_rollup, true},
    {"multipleLookupValues", at_gen_lookup, true},
    {"lookup", at_gen_lookup, true},
    {"aiText", gen_ai, false},
    {"manualSort", gen_sort_key, true},
    {"simpleText", gen_line, false},
};

at_gen *at_gen_of(const char *type, bool *computed)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(types[i].type, type) != 0) continue;
        *computed = types[i].computed;
        return types[i].gen;
    }
    *computed = false;
    return gen_future;
}

/* Fields without settings, for schemas made at run time. */
static const struct at_spec plain_specs[] = {
    {.name = "", .type = "singleLineText", .gen = at_gen_plain},
    {.name = "", .type = "multilineText"},
    {.name = "", .type = "number", .options = "{\"precision\":2}"},
    {.name = "", .type = "checkbox", .options = "{\"icon\":\"check\",\"color\":\"greenBright\"}"},
    {.name = "",
     .type = "date",
     .options = "{\"dateFormat\":{\"name\":\"iso\",\"format\":\"YYYY-MM-DD\"}}"},
    {.name = "",
     .type = "dateTime",
     .options = "{\"dateFormat\":{\"name\":\"iso\",\"format\":\"YYYY-MM-DD\"},"
                "\"timeFormat\":{\"name\":\"24hour\",\"format\":\"HH:mm\"},"
                "\"timeZone\":\"utc\"}"},
    {.name = "", .type = "email"},
    {.name = "", .type = "url"},
    {.name = "", .type = "singleSelect", .choices = "New|Old|eu, west"},
    {.name = "", .type = "multipleSelects", .choices = "New|Old|eu, west"},
    {.name = "",
     .type = "rating",
     .options = "{\"icon\":\"star\",\"max\":5,\"color\":\"yellowBright\"}"},
    {.name = "", .type = "percent", .options = "{\"precision\":1}"},
    {.name = "", .type = "multipleAttachments", .options = "{\"isReversed\":false}"},
    {.name = "", .type = "singleCollaborator"},
    {.name = "", .type = "autoNumber"},
    {.name = "", .type = "approvalFlow", .options = "{\"rounds\":2}"},
};

const struct at_spec *at_spec_of_type(const char *type)
{
    for (size_t i = 0; i < sizeof plain_specs / sizeof *plain_specs; i++)
        if (strcmp(plain_specs[i].type, type) == 0) return &plain_specs[i];
    return NULL;
}
