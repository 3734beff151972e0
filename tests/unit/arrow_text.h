/* Arrow columns as text, for comparing: one helper of several tests. */
#ifndef ARROW_TEXT_H
#define ARROW_TEXT_H

#include <sluice/arrow.h>

#include "base/buf.h"

/* All rows of a batch: "{id:"x",n:3,list:[1,null]}\n" each. Validates the batch in full first.
 * Returns NULL when it is good, else what is wrong with it (lives until the next call). */
const char *arrow_text(const struct ArrowSchema *schema, const struct ArrowArray *batch,
                       struct sl_buf *out);

#endif
