/*
 * confirm.h: rows that a complete read did not have are read again by key before they are deleted.
 * Private to src/pipeline.
 *
 * A listing may miss a row (pages that shift while rows change, an index that is late). Where the
 * source can look single rows up (struct sl_table_def.rereads), a second job of the same flow asks
 * for the keys that would go; what it emits is noted like any other row, and the read is settled
 * once more.
 */
#ifndef SL_CONFIRM_H
#define SL_CONFIRM_H

#include "pipeline/flow.h"

#define SL_CONFIRM_KEYS_MAX 100000

struct sl_confirm;

/* Adds the job. Returns SL_MORE; sl_flow_settle() is called with the same cursor and completeness
 * when it is over. SL_SOURCE: too many rows would go to look them all up. */
SL_MUST_USE enum sl_code sl_confirm_start(struct sl_flow *flow, const char *cursor,
                                          const char *complete, struct sl_error *error);
void sl_confirm_free(struct sl_confirm *confirm); /* NULL is fine */

#endif
