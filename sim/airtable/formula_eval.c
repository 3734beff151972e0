/* formula_eval.c: a formula's tree and a record become a value. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/time.h"
#include "sim/airtable/formula.h"
#include "sim/text.h"

enum value_kind { BLANK, NUMBER, TEXT, TRUTH, DATE, ARRAY, FAILED };

struct value {
    enum value_kind kind;
    double number;    /* NUMBER; TRUTH: 1 or 0; ARRAY: how many */
    int64_t us;       /* DATE */
    const char *text; /* TEXT, ARRAY (joined by ", ") */
};

struct eval {
    struct airtable *app;
    const struct at_table *table;
    const struct at_row *row;
    struct sl_arena *arena;
    struct sl_buf *scratch;
};

static struct value eval(struct eval *context, const struct at_node *node);

static struct value number(double n)
{
    return (struct value){.kind = NUMBER, .number = n};
}

static struct value truth(bool yes)
{
    return (struct value){.kind = TRUTH, .number = yes};
}

static struct value failed(void)
{
    return (struct value){.kind = FAILED};
}

/* t: in the arena of this evaluation; NULL: there was no memory for it. */
static struct value text(struct eval *context, const char *t)
{
    if (!t) context->app->no_memory = true;
    return t ? (struct value){.kind = TEXT, .text = t} : failed();
}

static struct value date(int64_t us)
{
    return us == SL_NO_TIME ? (struct value){.kind = BLANK}
                            : (struct value){.kind = DATE, .us = us};
}

static bool parse_date(const char *t, int64_t *us)
{
    int32_t days;
    bool zone;
    size_t len = strlen(t);

    if (sl_date_parse(t, len, &days)) {
        *us = days * SL_DAY_US;
        return true;
    }
    return sl_time_parse(t, len, us, &zone);
}

/* ------------------------------------------------------------------ conversions */

static bool is_true(struct value v)
{
    switch (v.kind) {
    case NUMBER: return v.number != 0 && !isnan(v.number);
    case TRUTH:
    case ARRAY: return v.number != 0;
    case TEXT: return v.text[0] != '\0';
    case DATE: return true;
    default: return false;
    }
}

static double as_number(struct value v)
{
    if (v.kind == NUMBER || v.kind == TRUTH) return v.number;
    if (v.kind == TEXT || v.kind == ARRAY) return v.text[0] ? strtod(v.text, NULL) : 0;
    return v.kind == BLANK ? 0 : (double)NAN;
}

static const char *as_text(struct eval *context, struct value v)
{
    struct sl_buf *scratch = context->scratch;
    char time[SL_TIME_TEXT_MAX];

    switch (v.kind) {
    case TEXT:
    case ARRAY: return v.text;
    case DATE: return sl_arena_strdup(context->arena, sl_time_format_ms(v.us, time));
    case NUMBER:
    case TRUTH:
        sl_buf_reset(scratch);
        sim_json_double(scratch, v.number);
        if (scratch->failed) context->app->no_memory = true;
        return sl_arena_strdup(context->arena, sl_buf_str(scratch));
    default: return "";
    }
}

static bool as_date(struct value v, int64_t *us)
{
    if (v.kind == DATE) {
        *us = v.us;
        return true;
    }
    return v.kind == TEXT && parse_date(v.text, us);
}

/* ------------------------------------------------------------------ fields */

static bool is_date_type(const char *type)
{
    return strcmp(type, "date") == 0 || strcmp(type, "dateTime") == 0 ||
           strcmp(type, "createdTime") == 0 || strcmp(type, "lastModifiedTime") == 0;
}

static struct value from_json(struct eval *context, const struct sl_json *json, bool is_date)
{
    struct sl_json_each each = sl_json_each(json);
    double n = 0;
    int64_t us;

    switch (sl_json_kind(json)) {
    case SL_JSON_BOOL: return truth(sl_json_true(json));
    case SL_JSON_NUMBER: (void)sl_json_double(json, &n); return number(n);
    case SL_JSON_STRING:
        if (is_date && parse_date(sl_json_str(json), &us)) return date(us);
        return text(context, sl_arena_strdup(context->arena, sl_json_str(json)));
    case SL_JSON_OBJECT:
        if (sl_json_get(json, "error")) return failed();
        if (sl_json_get(json, "specialValue")) return number((double)NAN);
        return text(context,
                    sl_arena_strdup(context->arena, sl_json_str(sl_json_get(json, "name"))
                                                        ? sl_json_str(sl_json_get(json, "name"))
                                                        : "object"));
    case SL_JSON_ARRAY: {
        struct sl_buf all = {0};
        struct value v = {.kind = ARRAY, .number = (double)sl_json_len(json)};

        while (sl_json_next(&each)) {
            if (all.len) sl_buf_adds(&all, ", ");
            if (sl_json_str(each.value))
                sl_buf_adds(&all, sl_json_str(each.value));
            else if (sl_json_number_text(each.value))
                sl_buf_adds(&all, sl_json_number_text(each.value));
        }
        v.text = sl_arena_strdup(context->arena, sl_buf_str(&all));
        if (!v.text || all.failed) context->app->no_memory = true;
        sl_buf_release(&all);
        return v.text ? v : failed();
    }
    default: return (struct value){.kind = BLANK};
    }
}

static struct value field_value(struct eval *context, const struct at_field *field)
{
    struct sl_buf cell = {0};
    struct value v;

    if (field->removed) return failed();
    if (strcmp(field->type, "autoNumber") == 0) return number((double)context->row->index + 1);
    v = from_json(context,
                  at_read_cell(context->app, context->table, field, context->row, 0, &cell),
                  is_date_type(field->type));
    sl_buf_release(&cell);
    return v;
}

/* ------------------------------------------------------------------ operators */

/* -1, 0, 1; 2: a date against a text, which the API answers with "yes". */
static int compare(struct eval *context, struct value a, struct value b)
{
    if (a.kind == DATE && b.kind == DATE) return (a.us > b.us) - (a.us < b.us);
    if (a.kind == DATE || b.kind == DATE) return 2;
    if (a.kind == TEXT || b.kind == TEXT || a.kind == ARRAY || b.kind == ARRAY) {
        int order = strcmp(as_text(context, a) ? as_text(context, a) : "",
                           as_text(context, b) ? as_text(context, b) : "");

        return (order > 0) - (order < 0);
    }
    double x = as_number(a), y = as_number(b);

    return (x > y) - (x < y);
}

static struct value relation(struct eval *context, char op, struct value a, struct value b)
{
    if (a.kind == FAILED || b.kind == FAILED) return failed();
    int order = compare(context, a, b);

    switch (op) {
    case '=': return truth(order == 0);
    case '!': return truth(order != 0);
    case '<': return truth(order == 2 || order < 0);
    case 'l': return truth(order == 2 || order <= 0);
    case '>': return truth(order > 0);
    default: return truth(order >= 0);
    }
}

static struct value binary(struct eval *context, const struct at_node *node)
{
    struct value a = eval(context, node->first), b = eval(context, node->first->next);
    double x, y;

    if (strchr("=!<l>g", node->op)) return relation(context, node->op, a, b);
    if (a.kind == FAILED || b.kind == FAILED) return failed();
    if (node->op == '&') {
        const char *left = as_text(context, a), *right = as_text(context, b);

        return left && right ? text(context, sl_arena_printf(context->arena, "%s%s", left, right))
                             : failed();
    }
    x = as_number(a);
    y = as_number(b);
    switch (node->op) {
    case '+': return number(x + y);
    case '-': return number(x - y);
    case '*': return number(x * y);
    default: return number(y != 0 ? x / y : (double)NAN);
    }
}

/* ------------------------------------------------------------------ functions */

enum function {
    F_AND,
    F_OR,
    F_NOT,
    F_XOR,
    F_IF,
    F_TRUE,
    F_FALSE,
    F_BLANK,
    F_ERROR,
    F_RECORD_ID,
    F_CREATED_TIME,
    F_LAST_MODIFIED_TIME,
    F_NOW,
    F_TODAY,
    F_IS_AFTER,
    F_IS_BEFORE,
    F_IS_SAME,
    F_DATETIME_PARSE,
    F_FIND,
    F_SEARCH,
    F_LEFT,
    F_RIGHT,
    F_MID,
    F_LEN,
    F_LOWER,
    F_UPPER,
    F_TRIM,
    F_CONCATENATE,
    F_MOD,
    F_VALUE,
    F_ISERROR,
    F_IS_ERROR,
    F_ABS,
    F_INT,
    F_ROUND,
    F_MIN,
    F_MAX,
    F_DATEADD,
    F_COUNT
};

static const char *const names[] = {
    "AND",     "OR",       "NOT",      "XOR",         "IF",           "TRUE",
    "FALSE",   "BLANK",    "ERROR",    "RECORD_ID",   "CREATED_TIME", "LAST_MODIFIED_TIME",
    "NOW",     "TODAY",    "IS_AFTER", "IS_BEFORE",   "IS_SAME",      "DATETIME_PARSE",
    "FIND",    "SEARCH",   "LEFT",     "RIGHT",       "MID",          "LEN",
    "LOWER",   "UPPER",    "TRIM",     "CONCATENATE", "MOD",          "VALUE",
    "ISERROR", "IS_ERROR", "ABS",      "INT",         "ROUND",        "MIN",
    "MAX",     "DATEADD"};
_Static_assert(sizeof names / sizeof *names == F_COUNT, "a name for each function");

int at_function_find(const char *name, size_t len)
{
    for (int i = 0; i < F_COUNT; i++) {
        size_t k = 0;

        if (strlen(names[i]) != len) continue;
        while (k < len && toupper((unsigned char)name[k]) == names[i][k]) k++;
        if (k == len) return i;
    }
    return -1;
}

static struct value argument(struct eval *context, const struct at_node *call, int i)
{
    const struct at_node *n = call->first;

    while (n && i-- > 0) n = n->next;
    return n ? eval(context, n) : (struct value){.kind = BLANK};
}

static struct value logic(struct eval *context, const struct at_node *call)
{
    int yes = 0;

    for (const struct at_node *n = call->first; n; n = n->next) {
        struct value v = eval(context, n);

        if (v.kind == FAILED) return v;
        if (is_true(v))
            yes++;
        else if (call->function == F_AND)
            return truth(false);
        if (yes && call->function == F_OR) return truth(true);
    }
    if (call->function == F_XOR) return truth(yes % 2 == 1);
    return truth(call->function == F_AND ? call->count > 0 : false);
}

static int64_t unit_us(const char *unit)
{
    if (strncmp(unit, "second", 6) == 0) return SL_SECOND_US;
    if (strncmp(unit, "minute", 6) == 0) return 60 * SL_SECOND_US;
    if (strncmp(unit, "hour", 4) == 0) return 3600 * SL_SECOND_US;
    if (strncmp(unit, "day", 3) == 0) return SL_DAY_US;
    return 1000;
}

static int64_t floor_to(int64_t us, int64_t unit)
{
    return us - ((us % unit) + unit) % unit;
}

static struct value dates(struct eval *context, const struct at_node *call)
{
    struct value a = argument(context, call, 0), b = argument(context, call, 1);
    int64_t x, y, unit = 1000;

    if (a.kind == FAILED || b.kind == FAILED) return failed();
    if (a.kind == BLANK || b.kind == BLANK) return truth(false);
    if (!as_date(a, &x) || !as_date(b, &y)) return failed();
    if (call->function == F_IS_AFTER) return truth(context->app->is_after_broken || x > y);
    if (call->function == F_IS_BEFORE) return truth(x < y);
    if (call->count > 2) {
        const char *name = as_text(context, argument(context, call, 2));

        unit = unit_us(name ? name : "");
    }
    return truth(floor_to(x, unit) == floor_to(y, unit));
}

static struct value date_add(struct eval *context, const struct at_node *call)
{
    int64_t us;
    const char *unit = as_text(context, argument(context, call, 2));

    if (!as_date(argument(context, call, 0), &us) || !unit) return failed();
    return date(us + (int64_t)as_number(argument(context, call, 1)) * unit_us(unit));
}

static struct value part_of(struct eval *context, const struct at_node *call)
{
    const char *whole = as_text(context, argument(context, call, 0));
    double a = as_number(argument(context, call, 1)), b = as_number(argument(context, call, 2));
    size_t len = whole ? strlen(whole) : 0, from = 0, count;

    if (!whole || isnan(a) || isnan(b)) return failed();
    count = a < 0 ? 0 : a > (double)len ? len : (size_t)a;
    if (call->function == F_RIGHT) from = len - count;
    if (call->function == F_MID) {
        from = a < 1 ? 0 : count - (count > 0);
        if (a > (double)len) from = len;
        count = b < 0 ? 0 : b > (double)(len - from) ? len - from : (size_t)b;
    }
    return text(context, sl_arena_strndup(context->arena, whole + from, count));
}

static struct value find(struct eval *context, const struct at_node *call)
{
    const char *what = as_text(context, argument(context, call, 0));
    const char *where = as_text(context, argument(context, call, 1));
    const char *hit = what && where ? strstr(where, what) : NULL;

    if (!what || !where) return failed();
    return number(hit ? (double)(hit - where) + 1 : 0);
}

static struct value change_case(struct eval *context, const struct at_node *call)
{
    const char *from = as_text(context, argument(context, call, 0));
    char *copy = from ? sl_arena_strdup(context->arena, from) : NULL;

    for (char *c = copy; c && *c; c++)
        *c = (char)(call->function == F_LOWER ? tolower((unsigned char)*c)
                                              : toupper((unsigned char)*c));
    return text(context, copy);
}

static struct value trim(struct eval *context, const struct at_node *call)
{
    const char *from = as_text(context, argument(context, call, 0));

    if (!from) return failed();
    from += strspn(from, " \t\n");
    size_t len = strlen(from);

    while (len && strchr(" \t\n", from[len - 1])) len--;
    return text(context, sl_arena_strndup(context->arena, from, len));
}

static struct value concatenate(struct eval *context, const struct at_node *call)
{
    const char *all = "";

    for (const struct at_node *n = call->first; n && all; n = n->next) {
        const char *one = as_text(context, eval(context, n));

        all = one ? sl_arena_printf(context->arena, "%s%s", all, one) : NULL;
    }
    return text(context, all);
}

static struct value arithmetic(struct eval *context, const struct at_node *call)
{
    double a = as_number(argument(context, call, 0)), b = as_number(argument(context, call, 1));

    switch (call->function) {
    case F_MOD: return b != 0 ? number(a - b * floor(a / b)) : number((double)NAN);
    case F_ABS: return number(fabs(a));
    case F_INT: return number(floor(a));
    case F_ROUND: return number(round(a * pow(10, b)) / pow(10, b));
    case F_MIN: return number(call->count > 1 && b < a ? b : a);
    case F_MAX: return number(call->count > 1 && b > a ? b : a);
    default: return number(a); /* VALUE */
    }
}

static struct value about_record(struct eval *context, const struct at_node *call)
{
    char id[AT_ID_MAX];

    switch (call->function) {
    case F_RECORD_ID:
        at_record_id(context->table, context->row->index, id);
        return text(context, sl_arena_strdup(context->arena, id));
    case F_CREATED_TIME: return date(context->row->created_us);
    case F_LAST_MODIFIED_TIME: return date(context->row->modified_us);
    case F_NOW: return date(context->app->now_us);
    default: return date(floor_to(context->app->now_us, SL_DAY_US)); /* TODAY */
    }
}

static struct value parse_call(struct eval *context, const struct at_node *call)
{
    struct value v = argument(context, call, 0);
    int64_t us;

    if (v.kind == BLANK) return v;
    return as_date(v, &us) ? date(us) : failed();
}

static struct value call_function(struct eval *context, const struct at_node *call)
{
    struct value v;

    switch ((enum function)call->function) {
    case F_AND:
    case F_OR:
    case F_XOR: return logic(context, call);
    case F_NOT: v = argument(context, call, 0); return v.kind == FAILED ? v : truth(!is_true(v));
    case F_IF:
        v = argument(context, call, 0);
        return v.kind == FAILED ? v : argument(context, call, is_true(v) ? 1 : 2);
    case F_TRUE: return truth(true);
    case F_FALSE: return truth(false);
    case F_BLANK: return (struct value){.kind = BLANK};
    case F_ERROR: return failed();
    case F_RECORD_ID:
    case F_CREATED_TIME:
    case F_LAST_MODIFIED_TIME:
    case F_NOW:
    case F_TODAY: return about_record(context, call);
    case F_IS_AFTER:
    case F_IS_BEFORE:
    case F_IS_SAME: return dates(context, call);
    case F_DATETIME_PARSE: return parse_call(context, call);
    case F_DATEADD: return date_add(context, call);
    case F_FIND:
    case F_SEARCH: return find(context, call);
    case F_LEFT:
    case F_RIGHT:
    case F_MID: return part_of(context, call);
    case F_LEN:
        v = text(context, as_text(context, argument(context, call, 0)));
        return v.kind == FAILED ? v : number((double)strlen(v.text));
    case F_LOWER:
    case F_UPPER: return change_case(context, call);
    case F_TRIM: return trim(context, call);
    case F_CONCATENATE: return concatenate(context, call);
    case F_ISERROR:
    case F_IS_ERROR: return truth(argument(context, call, 0).kind == FAILED);
    default: return arithmetic(context, call);
    }
}

static struct value eval(struct eval *context, const struct at_node *node)
{
    struct value v;

    switch (node->kind) {
    case AT_NODE_NUMBER: return number(node->number);
    case AT_NODE_TEXT: return text(context, node->text);
    case AT_NODE_FIELD: return field_value(context, node->field);
    case AT_NODE_CALL: return call_function(context, node);
    case AT_NODE_NEGATE:
        v = eval(context, node->first);
        return v.kind == FAILED ? v : number(-as_number(v));
    default: return binary(context, node);
    }
}

bool at_formula_matches(struct airtable *app, struct at_formula *formula,
                        const struct at_table *table, int64_t index)
{
    struct at_row row;
    struct sl_buf scratch = {0};
    struct eval context = {
        .app = app, .table = table, .row = &row, .arena = &formula->values, .scratch = &scratch};

    at_row(app, table, index, &row);
    bool yes = is_true(eval(&context, formula->root));

    sl_arena_reset(&formula->values);
    sl_buf_release(&scratch);
    return yes;
}
