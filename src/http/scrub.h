/*
 * scrub.h: secrets out of text.
 *
 * Every occurrence of a secret becomes "***": as it is, percent-encoded in whatever mixture,
 * escaped as in JSON, and inside base64 (of "user:secret", say), plain or URL-safe. In base64 the
 * characters at either end that also encode a neighbour stay.
 */
#ifndef SL_SCRUB_H
#define SL_SCRUB_H

#include <sluice/error.h>

#include "base/buf.h"

#define SL_SCRUBBED "***"

struct sl_scrub;

/* secrets end with NULL (or are NULL) and are copied; empty ones are passed over. NULL: no memory. */
struct sl_scrub *sl_scrub_new(const char *const *secrets);
/* One more secret (copied). False: no memory. */
bool sl_scrub_secret(struct sl_scrub *scrub, const char *secret);
void sl_scrub_free(struct sl_scrub *scrub);
/* Adds text to out, without secrets. */
void sl_scrub_add(const struct sl_scrub *scrub, const char *text, size_t len, struct sl_buf *out);

/* Is text what was scrubbed to pattern? "***" in it stands for anything. */
bool sl_scrub_match(const char *pattern, size_t pattern_len, const char *text, size_t len);

void sl_base64_add(const char *bytes, size_t len, struct sl_buf *out);
/* False: not base64. */
bool sl_base64_decode(const char *text, size_t len, struct sl_buf *out);

#endif
