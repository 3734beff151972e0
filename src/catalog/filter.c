/*
 * filter.c: the filter of list-pipeline-events.
 *
 *     condition [AND condition]...
 *     condition: FIELD OP 'text' | FIELD IN ('text', ...)
 *
 * FIELD is level, id, update_id, event_type (= only) or timestamp (=, >, >=, <, <=). Becomes SQL
 * whose every value is a parameter.
 */
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/time.h"
#include "catalog/internal.h"

struct reader {
    const char *at;
    int first;
    struct sl_filter *out;
    struct sl_error *error;
};

static void blanks(struct reader *r)
{
    r->at += strspn(r->at, " \t\r\n");
}

static bool word(struct reader *r, const char *text)
{
    size_t len = strlen(text);

    blanks(r);
    if (strncasecmp(r->at, text, len) != 0) return false;
    r->at += len;
    return true;
}

static enum sl_code expected(struct reader *r, const char *what)
{
    sl_fail(r->error, SL_BAD_SPEC, "the filter is not valid at '%.60s': expected %s", r->at, what);
    sl_error_hint(r->error, "For example: level in ('WARN','ERROR') AND timestamp > "
                            "'2026-03-01T00:00:00.000Z'");
    return SL_BAD_SPEC;
}

/* A quoted text, quotes inside doubled, becomes the next parameter. */
static enum sl_code value(struct reader *r, bool is_time)
{
    struct sl_filter *out = r->out;
    struct sl_buf text = {0};
    bool has_zone;

    blanks(r);
    if (*r->at != '\'') return expected(r, "a text in single quotes");
    if (out->count == SL_FILTER_VALUES_MAX)
        return sl_fail(r->error, SL_BAD_SPEC, "the filter holds more than %d values",
                       SL_FILTER_VALUES_MAX);
    for (r->at++; *r->at; r->at++) {
        if (*r->at == '\'' && *++r->at != '\'') {
            out->values[out->count] = sl_buf_take(&text);
            if (!out->values[out->count] && !(out->values[out->count] = sl_strdup("")))
                return sl_fail(r->error, SL_NO_MEMORY, "no memory for a filter");
            out->is_time[out->count] = is_time;
            size_t i = out->count++;
            const char *given = out->values[i];
            int64_t us = 0;
            if (is_time && !sl_time_parse(given, strlen(given), &us, &has_zone))
                return sl_fail(r->error, SL_BAD_SPEC, "the filter's '%s' is not a time", given);
            out->times_ms[i] = us / 1000;
            sl_buf_addf(&out->where, "?%d", r->first + (int)i);
            return SL_OK;
        }
        sl_buf_addc(&text, *r->at);
    }
    sl_buf_release(&text);
    return expected(r, "a closing quote");
}

static enum sl_code condition(struct reader *r)
{
    static const struct {
        const char *name, *column;
    } fields[] = {{"level", "level"},
                  {"update_id", "update_id"},
                  {"event_type", "event_type"},
                  {"timestamp", "time_ms"},
                  {"id", "id"}};
    static const char *const operators[] = {">=", "<=", "=", ">", "<"};
    size_t field = 0;

    while (field < 5 && !word(r, fields[field].name)) field++;
    if (field == 5) return expected(r, "level, id, update_id, event_type or timestamp");
    bool is_time = field == 3;
    sl_buf_addf(&r->out->where, " AND %s ", fields[field].column);
    if (word(r, "in")) {
        sl_buf_adds(&r->out->where, "IN (");
        if (!word(r, "(")) return expected(r, "'('");
        do {
            enum sl_code rc = value(r, is_time);
            if (rc) return rc;
            blanks(r);
            if (*r->at == ',') sl_buf_addc(&r->out->where, ',');
        } while (word(r, ","));
        if (!word(r, ")")) return expected(r, "',' or ')'");
        sl_buf_addc(&r->out->where, ')');
        return SL_OK;
    }
    for (size_t i = 0; i < 5; i++) {
        if (!word(r, operators[i])) continue;
        if (!is_time && i != 2) break;
        sl_buf_adds(&r->out->where, operators[i]);
        return value(r, is_time);
    }
    return expected(r, is_time ? "=, >, >=, < or <=" : "= or IN");
}

enum sl_code sl_filter_parse(const char *text, int first, struct sl_filter *out,
                             struct sl_error *error)
{
    struct reader r = {.at = text, .first = first, .out = out, .error = error};

    *out = (struct sl_filter){0};
    blanks(&r);
    if (!*r.at) return SL_OK;
    do {
        enum sl_code rc = condition(&r);
        if (rc) return rc;
    } while (word(&r, "and"));
    blanks(&r);
    if (*r.at) return expected(&r, "AND or the end");
    if (sl_buf_failed(&out->where)) return sl_fail(error, SL_NO_MEMORY, "no memory for a filter");
    return SL_OK;
}

void sl_filter_release(struct sl_filter *filter)
{
    for (size_t i = 0; i < filter->count; i++) sl_free(filter->values[i]);
    sl_buf_release(&filter->where);
    filter->count = 0;
}
