/*
 * events.h: the event log of one run, in the shapes of docs/events.md. Private to src/pipeline.
 *
 * Logging is never a reason to fail: an event that cannot be written is dropped, and the run goes
 * on. Without an update (tests) nothing is written.
 */
#ifndef SL_EVENTS_H
#define SL_EVENTS_H

#include "pipeline/flow.h"

void sl_event_created(const struct sl_run_options *run);
void sl_event_state(const struct sl_run_options *run, const char *state,
                    const struct sl_error *error); /* update_progress; error may be NULL */
void sl_event_defined(const struct sl_flow *flow); /* flow_definition */
/* flow_progress. rows: landed or read since the last event of this flow; -1: no metrics. */
void sl_event_flow(const struct sl_flow *flow, const char *status, int64_t rows);
void sl_event_note(const struct sl_run_options *run, const struct sl_flow *flow, enum sl_note level,
                   const char *text);

#endif
