/*
 * fields.c: values of custom fields.
 *
 * A ticket has them as [{"id":1,"value":"12.50"}], a user or an organization as {"key":12.5}. Each
 * becomes a constant of the row, as the text of its value, so that a number that comes as text is a
 * number in its column. Which fields have columns is in the table's state: [[id or key, column], ...].
 * One that was made since then is only in the column with all of them.
 */
#include "zendesk.h"

#include <string.h>

static bool same_key(const struct sl_json *wanted, const struct sl_json *given)
{
    int64_t a, b;

    if (sl_json_str(wanted)) return sl_json_eq(given, sl_json_str(wanted));
    return sl_json_i64(wanted, &a) && sl_json_i64(given, &b) && a == b;
}

/* What is no plain text is written by a writer of the field's own, which lives as long as the task. */
static enum sl_code written(struct zendesk_values *values, size_t i, const struct sl_json *value,
                            struct sl_error *error)
{
    if (!values->writers[i]) values->writers[i] = sl_json_writer_new();
    if (values->writers[i]) {
        sl_json_writer_reset(values->writers[i]);
        sl_json_put_value(values->writers[i], value);
        values->constants[i].text = sl_json_writer_text(values->writers[i], NULL);
    }
    return values->constants[i].text
               ? SL_OK
               : sl_fail(error, SL_NO_MEMORY, "no memory for a field's value");
}

static enum sl_code set(struct zendesk_values *values, size_t i, const struct sl_json *value,
                        struct sl_error *error)
{
    const char *text = sl_json_str(value);

    values->constants[i].text = NULL;
    switch (sl_json_kind(value)) {
    case SL_JSON_NONE:
    case SL_JSON_NULL: return SL_OK;
    case SL_JSON_BOOL: values->constants[i].text = sl_json_true(value) ? "true" : "false"; break;
    case SL_JSON_NUMBER: values->constants[i].text = sl_json_number_text(value); break;
    case SL_JSON_STRING:
        if (strlen(text) != sl_json_str_len(value)) return written(values, i, value, error);
        values->constants[i].text = *text ? text : NULL; /* an empty one is not set */
        break;
    default: return written(values, i, value, error);
    }
    return SL_OK;
}

/* Fields come in the same order in every row, so the search goes on from the last hit. */
static enum sl_code take(struct zendesk_values *values, size_t *at, const struct sl_json *key,
                         const struct sl_json *value, struct sl_error *error)
{
    for (size_t tried = 0; tried < values->count; tried++) {
        size_t i = (*at + tried) % values->count;
        if (!same_key(values->keys[i], key)) continue;
        *at = i + 1;
        return set(values, i, value, error);
    }
    return SL_OK;
}

static void name_fields(struct zendesk *self)
{
    struct zendesk_values *values = &self->values;

    values->named = true;
    for (struct sl_json_each e = sl_json_each(sl_json_get(self->task.state, "fields"));
         values->count < ZENDESK_FIELDS_MAX && sl_json_next(&e);) {
        struct sl_json_each pair = sl_json_each(e.value);
        if (!sl_json_next(&pair)) continue;
        values->keys[values->count] = pair.value;
        if (!sl_json_next(&pair) || !sl_json_str(pair.value)) continue;
        values->constants[values->count++].column = sl_json_str(pair.value);
    }
}

static enum sl_code emit_row(struct zendesk *self, const struct sl_json *row, struct sl_out *out,
                             struct sl_error *error)
{
    struct zendesk_values *values = &self->values;
    const struct sl_json *fields = sl_json_get(row, self->table->values);
    size_t at = 0;
    enum sl_code rc = SL_OK;

    for (size_t i = 0; i < values->count; i++) values->constants[i].text = NULL;
    for (struct sl_json_each e = sl_json_each(fields); !rc && sl_json_next(&e);)
        rc = e.key ? take(values, &at, e.key, e.value, error)
                   : take(values, &at, sl_json_get(e.value, "id"), sl_json_get(e.value, "value"),
                          error);
    if (rc) return rc;
    return sl_out_rows(out, self->table->name, row, values->constants, values->count,
                       (struct sl_sequence){0}, error);
}

enum sl_code zendesk_emit(struct zendesk *self, const struct sl_json *rows, struct sl_out *out,
                          struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    if (!self->values.named) name_fields(self);
    if (self->values.count == 0)
        return sl_out_rows(out, self->table->name, rows, NULL, 0, (struct sl_sequence){0}, error);
    if (sl_json_kind(rows) == SL_JSON_OBJECT) return emit_row(self, rows, out, error);
    for (struct sl_json_each e = sl_json_each(rows); !rc && sl_json_next(&e);)
        rc = emit_row(self, e.value, out, error);
    return rc;
}

void zendesk_release(void *task)
{
    struct zendesk *self = task;

    for (size_t i = 0; i < ZENDESK_FIELDS_MAX; i++) sl_json_writer_free(self->values.writers[i]);
    sl_json_writer_free(self->writer);
}
