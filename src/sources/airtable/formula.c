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

/* The filter before what follows, and what closes it. In parentheses: an "a, b" is an error then, as
 * it is alone, and not two arguments. */
static enum sl_code put_filter(const char *filter, bool more, char *out, size_t *len,
                               const char **close, struct sl_error *error)
{
    *len = 0;
    *close = "";
    out[0] = '\0';
    if (!filter || !*filter) return SL_OK;
    if (strlen(filter) > AIRTABLE_FILTER_MAX)
        return sl_fail(error, SL_BAD_SPEC, "the option 'filter' is longer than %d bytes",
                       AIRTABLE_FILTER_MAX);
    *len = (size_t)snprintf(out, AIRTABLE_FORMULA_MAX, "%s%s%s", more ? "AND((" : "", filter,
                            more ? ")," : "");
    if (more) *close = ")";
    return SL_OK;
}

enum sl_code airtable_formula_share(const char *filter, const struct airtable_share *share,
                                    char formula[AIRTABLE_FORMULA_MAX], struct sl_error *error)
{
    bool cut = share->count > 1;
    const char *close;
    size_t len;
    enum sl_code rc = put_filter(filter, cut, formula, &len, &close, error);

    if (rc || !cut) return rc;
    len += put_share(formula + len, AIRTABLE_FORMULA_MAX - len, share);
    snprintf(formula + len, AIRTABLE_FORMULA_MAX - len, "%s", close);
    return SL_OK;
}

/* ---- windows ---- */

/* "at or after", to the second. IS_AFTER and IS_BEFORE are strict, and comparing a time with a text
 * by '>' matches every record. */
static size_t put_since(char *out, size_t cap, const char *what, const char *since)
{
    return (size_t)snprintf(out, cap,
                            "OR(IS_SAME(%s,DATETIME_PARSE('%s'),'second'),"
                            "IS_AFTER(%s,DATETIME_PARSE('%s')))",
                            what, since, what, since);
}

/* A record that was never edited has no modified time; a comparison with that could be an error,
 * and an error in an OR() leaves the record out. */
enum sl_code airtable_formula_window(const char *filter, const char *field, int64_t since_us,
                                     char formula[AIRTABLE_FORMULA_MAX], struct sl_error *error)
{
    char since[SL_TIME_TEXT_MAX], modified[AIRTABLE_ID_MAX + 8] = "LAST_MODIFIED_TIME()";
    const char *close;
    size_t len;
    enum sl_code rc = put_filter(filter, true, formula, &len, &close, error);

    if (rc) return rc;
    if (field) snprintf(modified, sizeof modified, "{%.60s}", field);
    sl_time_format_ms(since_us - since_us % SL_SECOND_US, since);
    len += (size_t)snprintf(formula + len, AIRTABLE_FORMULA_MAX - len, "IF(%s,", modified);
    len += put_since(formula + len, AIRTABLE_FORMULA_MAX - len, modified, since);
    len += (size_t)snprintf(formula + len, AIRTABLE_FORMULA_MAX - len, ",");
    len += put_since(formula + len, AIRTABLE_FORMULA_MAX - len, "CREATED_TIME()", since);
    snprintf(formula + len, AIRTABLE_FORMULA_MAX - len, ")%s", close);
    return SL_OK;
}

/* ---- records by id ---- */

enum sl_code airtable_formula_ids(const char *filter, const char ids[][AIRTABLE_ID_MAX], int count,
                                  char formula[AIRTABLE_FORMULA_MAX], struct sl_error *error)
{
    const char *close;
    size_t len;
    enum sl_code rc = put_filter(filter, true, formula, &len, &close, error);

    if (rc) return rc;
    len += (size_t)snprintf(formula + len, AIRTABLE_FORMULA_MAX - len, "OR(");
    for (int i = 0; i < count; i++)
        len += (size_t)snprintf(formula + len, AIRTABLE_FORMULA_MAX - len, "%sRECORD_ID()='%s'",
                                i ? "," : "", ids[i]);
    snprintf(formula + len, AIRTABLE_FORMULA_MAX - len, ")%s", close);
    return SL_OK;
}
