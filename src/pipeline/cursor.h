/*
 * cursor.h: the cursor that a landed table holds, looked at and taken away from outside a run.
 *
 * A table says in its property sluice.flow which flow it belongs to, and in the domain
 * sluice.cursor.<flow> where that flow stands (flow_state.c, docs/cursor.md).
 */
#ifndef SL_CURSOR_H
#define SL_CURSOR_H

#include "delta/delta.h"

struct sl_buf;

/* Appends the domain as it is, one JSON object. SL_NOT_FOUND: it is not a table that sluice landed. */
SL_MUST_USE enum sl_code sl_cursor_show(struct sl_delta_table *table, struct sl_buf *out,
                                        struct sl_error *error);
/* Commits the domain without its cursor: the next run reads everything and compares. Rows stay.
 * now_us: UTC. SL_CONFLICT: a run was faster; try again. */
SL_MUST_USE enum sl_code sl_cursor_reset(struct sl_delta_table *table, int64_t now_us,
                                         struct sl_error *error);

#endif
