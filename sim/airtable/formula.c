/* formula.c: a formula's text becomes a tree. */
#include "sim/airtable/formula.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define DEPTH_MAX 100

struct reader {
    const struct at_table *table;
    struct sl_arena *arena;
    const char *at;
    int depth;
    bool no_memory;
    char *message; /* of the first mistake */
    size_t cap;
};

static struct at_node *read_compare(struct reader *reader);

static struct at_node *complain(struct reader *reader, const char *what, const char *subject)
{
    if (!reader->message[0]) (void)snprintf(reader->message, reader->cap, "%s%s", what, subject);
    return NULL;
}

static struct at_node *new_node(struct reader *reader, enum at_node_kind kind)
{
    struct at_node *node = SL_ARENA_NEW(reader->arena, struct at_node);

    if (!node)
        reader->no_memory = true;
    else
        node->kind = kind;
    return node;
}

static void skip_blanks(struct reader *reader)
{
    while (isspace((unsigned char)*reader->at)) reader->at++;
}

static bool accept(struct reader *reader, char c)
{
    skip_blanks(reader);
    if (*reader->at != c) return false;
    reader->at++;
    return true;
}

/* A string in either kind of quotes; a backslash escapes. reader->at is behind the quote. */
static struct at_node *read_string(struct reader *reader, char quote)
{
    struct at_node *node = new_node(reader, AT_NODE_TEXT);
    char *text = sl_arena_alloc(reader->arena, strlen(reader->at) + 1, 1);
    size_t n = 0;

    if (!node || !text) {
        reader->no_memory = true;
        return NULL;
    }
    for (; *reader->at && *reader->at != quote; reader->at++) {
        if (*reader->at == '\\' && reader->at[1]) reader->at++;
        text[n++] = *reader->at;
    }
    if (*reader->at != quote) return complain(reader, "unterminated string", "");
    reader->at++;
    text[n] = '\0';
    node->text = text;
    return node;
}

static struct at_node *field_node(struct reader *reader, const char *name)
{
    struct at_node *node = new_node(reader, AT_NODE_FIELD);

    if (!node) return NULL;
    node->field = at_find_field(reader->table, name);
    if (!node->field) return complain(reader, "Unknown field names: ", name);
    return node;
}

static struct at_node *read_field(struct reader *reader)
{
    const char *end = reader->at;
    char name[512];
    size_t n = 0;

    while (*end && *end != '}' && n + 1 < sizeof name) {
        if (*end == '\\' && end[1]) end++;
        name[n++] = *end++;
    }
    if (*end != '}') return complain(reader, "unterminated field name", "");
    reader->at = end + 1;
    name[n] = '\0';
    return field_node(reader, name);
}

static struct at_node *read_call(struct reader *reader, const char *name, size_t len)
{
    struct at_node *node = new_node(reader, AT_NODE_CALL), **tail;
    char text[64];

    if (!node) return NULL;
    tail = &node->first;
    node->function = at_function_find(name, len);
    if (node->function < 0) {
        (void)snprintf(text, sizeof text, "%.*s", (int)len, name);
        return complain(reader, "unknown function ", text);
    }
    if (accept(reader, ')')) return node;
    do {
        *tail = read_compare(reader);
        if (!*tail) return NULL;
        tail = &(*tail)->next;
        node->count++;
    } while (accept(reader, ','));
    return accept(reader, ')') ? node : complain(reader, "a closing parenthesis is missing", "");
}

static struct at_node *read_word(struct reader *reader)
{
    const char *start = reader->at;
    char name[128];

    while (isalnum((unsigned char)*reader->at) || *reader->at == '_' || *reader->at & 0x80)
        reader->at++;
    size_t len = (size_t)(reader->at - start);

    if (len == 0 || len >= sizeof name) return complain(reader, "could not read: ", start);
    if (accept(reader, '(')) return read_call(reader, start, len);
    memcpy(name, start, len);
    name[len] = '\0';
    return field_node(reader, name);
}

static struct at_node *read_primary(struct reader *reader)
{
    skip_blanks(reader);
    char c = *reader->at;

    if (c == '\'' || c == '"') {
        reader->at++;
        return read_string(reader, c);
    }
    if (accept(reader, '{')) return read_field(reader);
    if (accept(reader, '(')) {
        struct at_node *node = read_compare(reader);

        if (!node) return NULL;
        return accept(reader, ')') ? node : complain(reader, "a parenthesis is missing", "");
    }
    if (isdigit((unsigned char)c) || c == '.') {
        struct at_node *node = new_node(reader, AT_NODE_NUMBER);
        char *end;

        if (!node) return NULL;
        node->number = strtod(reader->at, &end);
        if (end == reader->at) return complain(reader, "could not read: ", reader->at);
        reader->at = end;
        return node;
    }
    return read_word(reader);
}

static struct at_node *read_unary(struct reader *reader)
{
    if (!accept(reader, '-')) return read_primary(reader);
    struct at_node *node = new_node(reader, AT_NODE_NEGATE);

    if (!node) return NULL;
    if (++reader->depth > DEPTH_MAX) return complain(reader, "too deep", "");
    node->first = read_unary(reader);
    reader->depth--;
    node->count = 1;
    return node->first ? node : NULL;
}

static struct at_node *join(struct reader *reader, char op, struct at_node *left,
                            struct at_node *right)
{
    struct at_node *node = left && right ? new_node(reader, AT_NODE_BINARY) : NULL;

    if (!node) return NULL;
    node->op = op;
    node->first = left;
    left->next = right;
    node->count = 2;
    return node;
}

static struct at_node *read_product(struct reader *reader)
{
    struct at_node *left = read_unary(reader);

    while (left) {
        char op = accept(reader, '*') ? '*' : accept(reader, '/') ? '/' : 0;

        if (!op) break;
        left = join(reader, op, left, read_unary(reader));
    }
    return left;
}

static struct at_node *read_sum(struct reader *reader)
{
    struct at_node *left = read_product(reader);

    while (left) {
        char op = accept(reader, '+')   ? '+'
                  : accept(reader, '-') ? '-'
                  : accept(reader, '&') ? '&'
                                        : 0;

        if (!op) break;
        left = join(reader, op, left, read_product(reader));
    }
    return left;
}

static char read_relation(struct reader *reader)
{
    if (accept(reader, '=')) return '=';
    if (accept(reader, '!')) return accept(reader, '=') ? '!' : '?';
    if (accept(reader, '<')) return accept(reader, '=') ? 'l' : '<';
    if (accept(reader, '>')) return accept(reader, '=') ? 'g' : '>';
    return 0;
}

static struct at_node *read_compare(struct reader *reader)
{
    if (++reader->depth > DEPTH_MAX) return complain(reader, "too deep", "");
    struct at_node *left = read_sum(reader);

    while (left) {
        char op = read_relation(reader);

        if (!op) break;
        if (op == '?') return complain(reader, "could not read: ", reader->at);
        left = join(reader, op, left, read_sum(reader));
    }
    reader->depth--;
    return left;
}

enum sl_code at_formula_parse(const struct at_table *table, const char *text,
                              struct at_formula **out, char *message, size_t cap,
                              struct sl_error *error)
{
    struct at_formula *formula = sl_calloc(1, sizeof *formula);
    struct reader reader = {.table = table, .at = text, .message = message, .cap = cap};

    message[0] = '\0';
    if (!formula) return sl_fail(error, SL_NO_MEMORY, "could not read a formula");
    reader.arena = &formula->arena;
    formula->root = read_compare(&reader);
    skip_blanks(&reader);
    if (formula->root && *reader.at)
        formula->root = complain(&reader, "could not read: ", reader.at);
    if (formula->root) {
        *out = formula;
        return SL_OK;
    }
    at_formula_free(formula);
    if (reader.no_memory) return sl_fail(error, SL_NO_MEMORY, "could not read a formula");
    return sl_fail(error, SL_BAD_DATA, "%s", message);
}

void at_formula_free(struct at_formula *formula)
{
    if (!formula) return;
    sl_arena_release(&formula->arena);
    sl_arena_release(&formula->values);
    sl_free(formula);
}

/* ------------------------------------------------------------------ ranges */

static int64_t clamp(double number)
{
    if (!(number > 0)) return 0;
    return number > 9e15 ? INT64_MAX : (int64_t)number;
}

/* autoNumber = index + 1 */
static void narrow(const struct at_node *node, struct at_range *range)
{
    double bound = node->first->next->number;
    int64_t lo = 0, hi = INT64_MAX;

    switch (node->op) {
    case 'g': lo = clamp(ceil(bound) - 1); break;
    case '>': lo = clamp(floor(bound)); break;
    case '<': hi = clamp(ceil(bound) - 1); break;
    case 'l': hi = clamp(floor(bound)); break;
    default:
        lo = clamp(ceil(bound) - 1);
        hi = clamp(floor(bound));
        break;
    }
    if (lo > range->lo) range->lo = lo;
    if (hi < range->hi) range->hi = hi;
}

static void find_range(const struct at_node *node, struct at_range *range)
{
    static const char and_name[] = "AND";

    if (node->kind == AT_NODE_CALL && node->function == at_function_find(and_name, 3)) {
        for (const struct at_node *n = node->first; n; n = n->next) find_range(n, range);
    } else if (node->kind == AT_NODE_BINARY && strchr("g>l<=", node->op) &&
               node->first->kind == AT_NODE_FIELD &&
               strcmp(node->first->field->type, "autoNumber") == 0 &&
               node->first->next->kind == AT_NODE_NUMBER) {
        narrow(node, range);
    } else {
        range->exact = false;
    }
}

void at_formula_range(const struct at_formula *formula, struct at_range *range)
{
    *range = (struct at_range){.lo = 0, .hi = INT64_MAX, .exact = true};
    find_range(formula->root, range);
    if (range->hi < range->lo) range->hi = range->lo;
}
