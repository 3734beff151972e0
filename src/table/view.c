#include "table/view.h"

enum sl_code sl_view_column(const struct ArrowSchema *schema, const struct ArrowArray *batch,
                            size_t column, struct ArrowArrayView *out, struct sl_error *error)
{
    struct ArrowError why = {{0}};

    if (column >= (size_t)schema->n_children || column >= (size_t)batch->n_children)
        return sl_fail(error, SL_BUG, "a batch has no column %zu", column);

    const struct ArrowSchema *type = schema->children[column];
    const struct ArrowArray *values = batch->children[column];
    if (values->length < batch->offset + batch->length)
        return sl_fail(error, SL_BUG, "column '%s' is shorter than its batch", sl_view_name(type));
    if (ArrowArrayViewInitFromSchema(out, type, &why) != NANOARROW_OK)
        return sl_fail(error, SL_BUG, "could not read column '%s': %s", sl_view_name(type),
                       why.message);
    if (ArrowArrayViewSetArray(out, values, &why) == NANOARROW_OK) return SL_OK;
    ArrowArrayViewReset(out);
    return sl_fail(error, SL_BUG, "could not read column '%s': %s", sl_view_name(type),
                   why.message);
}
