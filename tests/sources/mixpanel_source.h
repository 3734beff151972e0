/*
 * mixpanel_source.h: a simulated project that changes, and reads of the connector over it, in the
 * API's own limits and in virtual time.
 */
#ifndef MIXPANEL_SOURCE_H
#define MIXPANEL_SOURCE_H

#include "sources/stage.h"

/* more: options of the connection, "\"name\":value,...", instead of the simulator's; NULL: none. */
void mixpanel_open(struct stage *source, int64_t records, const char *more);
void mixpanel_control(struct stage *source, const char *json);

enum mixpanel_way { MIXPANEL_INITIAL, MIXPANEL_FULL, MIXPANEL_INCREMENT };
void mixpanel_read(struct stage *source, const char *table, enum mixpanel_way way,
                   const char *cursor, struct harvest *out);
void mixpanel_look_check(struct stage *source, struct harvest *out);
void mixpanel_look_discover(struct stage *source, struct harvest *out);

/* Are these the rows of the source, all of them and nothing else? */
void mixpanel_is_truth(struct stage *source, const char *table, const struct harvest *h);
/* A number of the simulator's statistics: {"keys",KEY,NAME}, key NULL: {NAME}. */
int64_t mixpanel_stat(struct stage *source, const char *key, const char *name);
/* Does the read say that these rows are all there are? scope: as in sl_out_complete(). */
bool mixpanel_completes(const struct harvest *h, const char *scope);

#endif
