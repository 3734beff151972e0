/* apply_scope.c: which rows a complete read speaks of: those with certain values in some columns. */
#include <string.h>

#include "base/alloc.h"
#include "json/doc.h"
#include "nanoarrow/nanoarrow.h"
#include "pipeline/apply_parts.h"

#define TERMS_MAX 8

struct term {
    size_t column;
    const struct sl_json *value;
};

struct scope {
    struct sl_doc *doc; /* the values live in it */
    struct term terms[TERMS_MAX];
    size_t count;
};

/* By its name in the table or at the source. */
static size_t column_named(const struct sl_schema *schema, const char *name)
{
    for (size_t i = 0; i < schema->count; i++) {
        const struct sl_schema_column *column = &schema->columns[i];
        if (strcmp(column->name, name) == 0 ||
            (column->source && strcmp(column->source->name, name) == 0))
            return i;
    }
    return SL_NO_COLUMN;
}

static enum sl_code read_terms(struct scope *scope, const struct sl_json *root,
                               const struct sl_schema *schema, struct sl_error *error)
{
    for (struct sl_json_each e = sl_json_each(root); sl_json_next(&e);) {
        const char *name = sl_json_str(e.key);
        size_t column = column_named(schema, name ? name : "");
        if (column == SL_NO_COLUMN)
            return sl_fail(error, SL_BUG,
                           "a complete read of '%s' speaks of column '%s', which is "
                           "not there",
                           schema->def->name, name ? name : "");
        if (scope->count == TERMS_MAX)
            return sl_fail(error, SL_BUG, "the scope of a read has more than %d columns",
                           TERMS_MAX);
        scope->terms[scope->count++] = (struct term){column, e.value};
    }
    return SL_OK;
}

enum sl_code sl_scope_new(const char *json, const struct sl_schema *schema, struct scope **out,
                          struct sl_error *error)
{
    const struct sl_json *root = NULL;
    struct scope *scope;
    enum sl_code rc;

    *out = NULL;
    if (!json) return SL_OK;
    scope = sl_calloc(1, sizeof *scope);
    if (!scope || !(scope->doc = sl_doc_new(0))) {
        sl_free(scope);
        return sl_fail(error, SL_NO_MEMORY, "no memory for the scope of a read");
    }
    rc = sl_doc_parse(scope->doc, json, strlen(json), &root, error);
    if (!rc) rc = read_terms(scope, root, schema, error);
    if (rc || scope->count == 0)
        sl_scope_free(scope);
    else
        *out = scope;
    return rc;
}

void sl_scope_free(struct scope *scope)
{
    if (!scope) return;
    sl_doc_free(scope->doc);
    sl_free(scope);
}

size_t sl_scope_count(const struct scope *scope)
{
    return scope ? scope->count : 0;
}

size_t sl_scope_column(const struct scope *scope, size_t i)
{
    return scope->terms[i].column;
}

static bool text_is(const struct ArrowArrayView *view, int64_t row, const struct sl_json *value)
{
    struct ArrowStringView text = ArrowArrayViewGetStringUnsafe(view, row);
    const char *wanted = sl_json_str(value);

    return wanted && sl_json_str_len(value) == (size_t)text.size_bytes &&
           memcmp(wanted, text.data, (size_t)text.size_bytes) == 0;
}

static bool is_value(const struct ArrowArrayView *view, int64_t row, const struct sl_json *value)
{
    int64_t number;
    double real;

    if (ArrowArrayViewIsNull(view, row)) return sl_json_kind(value) == SL_JSON_NULL;
    switch (view->storage_type) {
    case NANOARROW_TYPE_STRING:
    case NANOARROW_TYPE_LARGE_STRING: return text_is(view, row, value);
    case NANOARROW_TYPE_BOOL:
        return sl_json_kind(value) == SL_JSON_BOOL &&
               sl_json_true(value) == (ArrowArrayViewGetIntUnsafe(view, row) != 0);
    case NANOARROW_TYPE_DOUBLE:
        return sl_json_double(value, &real) && real == ArrowArrayViewGetDoubleUnsafe(view, row);
    default: return sl_json_i64(value, &number) && number == ArrowArrayViewGetIntUnsafe(view, row);
    }
}

enum sl_code sl_scope_inside(const struct scope *scope, const struct ArrowSchema *schema,
                             const struct ArrowArray *batch, const size_t *child_of,
                             unsigned char *inside, struct sl_error *error)
{
    struct ArrowArrayView view;
    enum sl_code rc = SL_OK;

    memset(inside, 1, (size_t)batch->length);
    if (!scope) return SL_OK;
    ArrowArrayViewInitFromType(&view, NANOARROW_TYPE_UNINITIALIZED);
    if (ArrowArrayViewInitFromSchema(&view, schema, NULL) != NANOARROW_OK ||
        ArrowArrayViewSetArray(&view, batch, NULL) != NANOARROW_OK)
        rc = sl_fail(error, SL_BUG, "a file of the table cannot be read");
    for (size_t t = 0; t < scope->count && !rc; t++) {
        const struct term *term = &scope->terms[t];
        const struct ArrowArrayView *column = view.children[child_of[term->column]];
        for (int64_t i = 0; i < batch->length; i++)
            inside[i] &= is_value(column, batch->offset + i, term->value);
    }
    ArrowArrayViewReset(&view);
    return rc;
}
