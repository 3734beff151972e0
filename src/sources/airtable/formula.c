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

/* "this share" of the table, without what it is joined with. */
static size_t put_share(char *out, size_t cap, const struct airtable_share *share)
{
    bool several = share->count > 2;
    size_t len = 0;

    len += (size_t)snprintf(out, cap, "%s%s", share->others ? "NOT(" : "", several ? "AND(" : "");
    for (size_t bit = 0; share->count >> (bit + 1) > 0; bit++) {
        bool inside = (share->index >> bit & 1) == 0;
        len += (size_t)snprintf(out + len, cap - len, "%s%sFIND(%s,'" HALF "')>0%s", bit ? "," : "",
                                inside ? "" : "NOT(", character[bit], inside ? "" : ")");
    }
    len += (size_t)snprintf(out + len, cap - len, "%s%s", several ? ")" : "",
                            share->others ? ")" : "");
    return len;
}

enum sl_code airtable_formula(const char *filter, const struct airtable_share *share,
                              char formula[AIRTABLE_FORMULA_MAX], struct sl_error *error)
{
    bool filtered = filter && *filter, cut = share->count > 1;
    size_t len = 0;

    formula[0] = '\0';
    if (filtered && strlen(filter) > AIRTABLE_FILTER_MAX)
        return sl_fail(error, SL_BAD_SPEC, "the option 'filter' is longer than %d bytes",
                       AIRTABLE_FILTER_MAX);
    /* In parentheses: an "a, b" is an error then, as it is alone, and not two arguments. */
    if (filtered)
        len += (size_t)snprintf(formula, AIRTABLE_FORMULA_MAX, "%s%s%s", cut ? "AND((" : "", filter,
                                cut ? ")," : "");
    if (cut) len += put_share(formula + len, AIRTABLE_FORMULA_MAX - len, share);
    if (filtered && cut) snprintf(formula + len, AIRTABLE_FORMULA_MAX - len, ")");
    return SL_OK;
}
