/*
 * apply_files.c: which files of the table a run has to read, going by their statistics.
 *
 * A file can hold the row of a change only if it can hold a value of each column of the key that lies
 * between the smallest and the greatest one that came. It can hold a row of a scope only if it can
 * hold one of the scopes' values in each of their columns.
 */
#include <string.h>

#include "base/alloc.h"
#include "nanoarrow/nanoarrow.h"
#include "pipeline/apply_parts.h"
#include "table/view.h"

static enum sl_code no_memory(struct sl_error *error)
{
    return sl_fail(error, SL_NO_MEMORY, "no memory for the changes of a table");
}

/* ---- the ranges of the key's columns ---- */

static bool widen_text(struct key_range *range, const char *bytes, size_t len)
{
    struct sl_seq value = {(const unsigned char *)bytes, len};
    struct sl_seq low = {(unsigned char *)range->low_text.data, range->low_text.len};
    struct sl_seq high = {(unsigned char *)range->high_text.data, range->high_text.len};

    if (!range->set || sl_seq_compare(value, low) < 0) {
        sl_buf_reset(&range->low_text);
        sl_buf_add(&range->low_text, bytes, len);
    }
    if (!range->set || sl_seq_compare(value, high) > 0) {
        sl_buf_reset(&range->high_text);
        sl_buf_add(&range->high_text, bytes, len);
    }
    range->set = true;
    return !sl_buf_failed(&range->low_text) && !sl_buf_failed(&range->high_text);
}

static void widen_number(struct key_range *range, int64_t value)
{
    if (!range->set || value < range->low) range->low = value;
    if (!range->set || value > range->high) range->high = value;
    range->set = true;
}

static bool widen_column(struct key_range *range, const struct ArrowArrayView *view, int64_t first,
                         int64_t count)
{
    bool ok = true;

    for (int64_t i = first; i < first + count && ok && !range->open; i++) {
        if (ArrowArrayViewIsNull(view, i)) {
            range->open = true;
        } else if (view->storage_type == NANOARROW_TYPE_STRING) {
            struct ArrowStringView text = ArrowArrayViewGetStringUnsafe(view, i);
            ok = widen_text(range, text.data, (size_t)text.size_bytes);
        } else if (view->storage_type == NANOARROW_TYPE_INT64 ||
                   view->storage_type == NANOARROW_TYPE_INT32) {
            widen_number(range, ArrowArrayViewGetIntUnsafe(view, i));
        } else {
            range->open = true;
        }
    }
    return ok;
}

enum sl_code sl_apply_widen(struct sl_apply *apply, const struct ArrowSchema *schema,
                            const struct ArrowArray *batch, struct sl_error *error)
{
    const struct sl_schema *table = apply->options.schema;
    enum sl_code rc = SL_OK;

    for (size_t k = 0; k < table->key_count && k < RANGES_MAX && !rc; k++) {
        struct key_range *range = &apply->ranges[k];
        const struct ArrowSchema *type = schema->children[table->keys[k]];
        struct ArrowArrayView view;
        if (range->open) continue;
        if (!range->type.release && ArrowSchemaDeepCopy(type, &range->type) != NANOARROW_OK)
            return no_memory(error);
        rc = sl_view_column(schema, batch, table->keys[k], &view, error);
        if (rc) return rc;
        if (!widen_column(range, &view, batch->offset, batch->length)) rc = no_memory(error);
        ArrowArrayViewReset(&view);
    }
    return rc;
}

void sl_ranges_release(struct sl_apply *apply)
{
    for (size_t k = 0; k < RANGES_MAX; k++) {
        struct key_range *range = &apply->ranges[k];
        if (range->type.release) range->type.release(&range->type);
        sl_buf_release(&range->low_text);
        sl_buf_release(&range->high_text);
    }
}

/* ---- files ---- */

/* Files that all columns asked about so far allow. */
struct choice {
    size_t *files; /* room for all live ones */
    unsigned char *allowed;
    size_t live_count;
};

static enum sl_code allow_all(struct choice *choice, struct sl_error *error)
{
    choice->files = sl_alloc((choice->live_count + 1) * sizeof *choice->files);
    choice->allowed = sl_alloc(choice->live_count + 1);
    if (!choice->files || !choice->allowed) return no_memory(error);
    memset(choice->allowed, 1, choice->live_count);
    return SL_OK;
}

static void choice_release(struct choice *choice)
{
    sl_free(choice->files);
    sl_free(choice->allowed);
}

/* Only those that can hold a value in [low[i], high[i]] for some i. */
static enum sl_code allow_within(const struct sl_apply *apply, struct choice *choice, size_t column,
                                 const struct ArrowSchema *type, const struct ArrowArray *low,
                                 const struct ArrowArray *high, struct sl_error *error)
{
    size_t count = 0, next = 0;
    enum sl_code rc = sl_delta_within(apply->in->table, apply->options.schema->columns[column].name,
                                      type, low, high, choice->files, &count, error);

    if (rc == SL_NOT_FOUND) { /* a column that this run adds: the statistics say nothing of it */
        *error = (struct sl_error){0};
        return SL_OK;
    }
    for (size_t file = 0; file < choice->live_count && !rc; file++) {
        if (next < count && choice->files[next] == file)
            next++;
        else
            choice->allowed[file] = 0;
    }
    return rc;
}

static bool range_array(const struct key_range *range, const struct sl_buf *text, int64_t number,
                        struct ArrowArray *out)
{
    struct ArrowStringView view = {sl_buf_str(text), (int64_t)text->len};
    bool is_text = strcmp(range->type.format, "u") == 0;

    if (ArrowArrayInitFromSchema(out, &range->type, NULL) != NANOARROW_OK) return false;
    if (ArrowArrayStartAppending(out) == NANOARROW_OK &&
        (is_text ? ArrowArrayAppendString(out, view) : ArrowArrayAppendInt(out, number)) ==
            NANOARROW_OK &&
        ArrowArrayFinishBuildingDefault(out, NULL) == NANOARROW_OK)
        return true;
    ArrowArrayRelease(out);
    return false;
}

static enum sl_code allow_range(struct sl_apply *apply, struct choice *choice, size_t k,
                                struct sl_error *error)
{
    const struct key_range *range = &apply->ranges[k];
    struct ArrowArray low = {0}, high = {0};
    enum sl_code rc;

    if (!range_array(range, &range->low_text, range->low, &low)) return no_memory(error);
    if (!range_array(range, &range->high_text, range->high, &high)) {
        low.release(&low);
        return no_memory(error);
    }
    rc = allow_within(apply, choice, apply->options.schema->keys[k], &range->type, &low, &high,
                      error);
    low.release(&low);
    high.release(&high);
    return rc;
}

static enum sl_code choose_by_key(struct sl_apply *apply, struct choice *choice,
                                  struct sl_error *error)
{
    enum sl_code rc = allow_all(choice, error);

    for (size_t k = 0; k < apply->options.schema->key_count && k < RANGES_MAX && !rc; k++)
        if (apply->ranges[k].set && !apply->ranges[k].open)
            rc = allow_range(apply, choice, k, error);
    return rc;
}

/* Statistics are kept in the order of these; a file of NULLs alone is in no range. */
static bool has_order(const struct sl_type *type, const struct ArrowArray *values)
{
    return values->null_count == 0 &&
           (type->kind == SL_TYPE_STRING || type->kind == SL_TYPE_BIGINT ||
            type->kind == SL_TYPE_DATE || type->kind == SL_TYPE_TIMESTAMP);
}

static enum sl_code choose_by_scope(struct sl_apply *apply, struct choice *choice,
                                    struct sl_error *error)
{
    enum sl_code rc = allow_all(choice, error);

    for (size_t i = 0; i < sl_scope_count(apply->scope) && !rc; i++) {
        size_t column = sl_scope_column(apply->scope, i);
        const struct ArrowSchema *type;
        const struct ArrowArray *values = sl_scope_values(apply->scope, i, &type);
        if (has_order(apply->options.schema->columns[column].type, values))
            rc = allow_within(apply, choice, column, type, values, values, error);
    }
    return rc;
}

enum sl_code sl_apply_files(struct sl_apply *apply, size_t *files, size_t *count,
                            struct sl_error *error)
{
    bool all = apply->in->complete && !apply->scope;
    struct choice by_key = {.live_count = apply->live_count};
    struct choice by_scope = {.live_count = apply->live_count};
    enum sl_code rc = SL_OK;

    *count = 0;
    if (!all && apply->noted_count > 0) rc = choose_by_key(apply, &by_key, error);
    if (!rc && apply->scope) rc = choose_by_scope(apply, &by_scope, error);
    for (size_t i = 0; i < apply->live_count && !rc; i++)
        if (all || (by_key.allowed && by_key.allowed[i]) ||
            (by_scope.allowed && by_scope.allowed[i]))
            files[(*count)++] = i;
    choice_release(&by_key);
    choice_release(&by_scope);
    return rc;
}
