/* view.h: reads one column of a batch. */
#ifndef SL_VIEW_H
#define SL_VIEW_H

#include <nanoarrow/nanoarrow.h>

#include <sluice/error.h>

/*
 * A view of child `column` of a batch: row i of the batch is row batch->offset + i of the view. The
 * caller resets it (ArrowArrayViewReset); after an error there is nothing to reset.
 * SL_BUG: no such column, or one that is shorter than its batch.
 */
SL_MUST_USE enum sl_code sl_view_column(const struct ArrowSchema *schema,
                                        const struct ArrowArray *batch, size_t column,
                                        struct ArrowArrayView *out, struct sl_error *error);

/* For messages; never NULL. */
static inline const char *sl_view_name(const struct ArrowSchema *schema)
{
    return schema->name ? schema->name : "";
}

#endif
