/*
 * formula.h: filterByFormula, as far as readers of tables use it.
 *
 * Operators = != < <= > >= + - * / & and unary -; fields in braces by name or id, or a bare word;
 * functions: those of the table in formula_eval.c. Dates compare with dates; a date against a text
 * by < or > is always true, which is the trap that the real API sets.
 */
#ifndef SIM_AIRTABLE_FORMULA_H
#define SIM_AIRTABLE_FORMULA_H

#include "base/arena.h"
#include "sim/airtable/airtable.h"

enum at_node_kind {
    AT_NODE_NUMBER,
    AT_NODE_TEXT,
    AT_NODE_FIELD,
    AT_NODE_CALL,
    AT_NODE_NEGATE,
    AT_NODE_BINARY
};

struct at_node {
    enum at_node_kind kind;
    char op; /* BINARY: = ! < l > g + - * / & (l: <=, g: >=) */
    double number;
    const char *text;
    const struct at_field *field;
    int function;                 /* CALL: of the functions in formula_eval.c */
    struct at_node *first, *next; /* arguments, operands */
    int count;
};

struct at_formula {
    struct sl_arena arena;  /* the nodes */
    struct sl_arena values; /* of one evaluation */
    struct at_node *root;
};

/* SL_BAD_DATA: the formula is wrong; message says why, as the API does. */
enum sl_code at_formula_parse(const struct at_table *table, const char *text,
                              struct at_formula **out, char *message, size_t cap,
                              struct sl_error *error);
void at_formula_free(struct at_formula *formula); /* NULL is fine */

/* The number of a function by its name; -1: unknown. */
int at_function_find(const char *name, size_t len);

/* Is the result anything but 0, false, "", NaN, [] or an error? */
bool at_formula_matches(struct airtable *app, struct at_formula *formula,
                        const struct at_table *table, int64_t index);

/* Which indexes can match, from comparisons of an autoNumber field with numbers that are joined by
 * AND. exact: these are all conditions there are. */
struct at_range {
    int64_t lo, hi; /* lo <= index < hi */
    bool exact;
};
void at_formula_range(const struct at_formula *formula, struct at_range *range);

#endif
