/*
 * formula.c: texts for filterByFormula.
 *
 * A table is cut into shares by its record ids: they are random, they never change, and a record
 * has exactly one. Each of the last three characters halves the table, so that 2, 4 or 8 shares are
 * of one size. A half is "the character is among these" and "it is not", so every record is in
 * exactly one share, whatever characters Airtable may use. Both cases of a letter are in the same
 * half: it makes no difference whether FIND() looks at case.
 */
#include <stdio.h>
#include <string.h>

#include "airtable.h"

/* 31 of the 62 letters and digits. */
#define HALF "AaBbCcDdEeFfGgHhIiJjKkLlMm01234"

static const char *const character[] = {
    "RIGHT(RECORD_ID(),1)",
    "LEFT(RIGHT(RECORD_ID(),2),1)",
    "LEFT(RIGHT(RECORD_ID(),3),1)",
};

enum sl_code airtable_formula(const char *filter, int index, int count,
                              char formula[AIRTABLE_FORMULA_MAX], struct sl_error *error)
{
    bool filtered = filter && *filter;
    size_t len = 0;
    int terms = filtered ? 1 : 0;

    formula[0] = '\0';
    if (filtered && strlen(filter) > AIRTABLE_FILTER_MAX)
        return sl_fail(error, SL_BAD_SPEC, "the option 'filter' is longer than %d bytes",
                       AIRTABLE_FILTER_MAX);
    for (int rest = count; rest > 1; rest /= 2) terms++;
    if (terms == 0) return SL_OK;
    if (terms > 1) len += (size_t)snprintf(formula, AIRTABLE_FORMULA_MAX, "AND(");
    if (filtered) len += (size_t)snprintf(formula + len, AIRTABLE_FORMULA_MAX - len, "%s", filter);
    for (size_t bit = 0; count >> (bit + 1) > 0; bit++) {
        bool inside = (index >> bit & 1) == 0;
        len += (size_t)snprintf(formula + len, AIRTABLE_FORMULA_MAX - len,
                                "%s%sFIND(%s,'" HALF "')>0%s", len > 4 ? "," : "",
                                inside ? "" : "NOT(", character[bit], inside ? "" : ")");
    }
    if (terms > 1) snprintf(formula + len, AIRTABLE_FORMULA_MAX - len, ")");
    return SL_OK;
}
