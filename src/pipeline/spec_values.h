/*
 * spec_values.h: values of a specification that JSON has no type for. Private to spec*.c.
 */
#ifndef SL_SPEC_VALUES_H
#define SL_SPEC_VALUES_H

#include <sluice/json.h>

/* All: false when the value is none, *out is not touched then. */

/* A whole number and m, h, d or w: "30m", "12h", "7d". */
#define SL_SPEC_DURATION "a whole number and m, h, d or w, like \"12h\" or \"7d\""
bool sl_spec_duration(const struct sl_json *value, int64_t *us);
/* A whole number and MiB or GiB: "256MiB". */
#define SL_SPEC_BYTES "a whole number and MiB or GiB, like \"256MiB\""
bool sl_spec_bytes(const struct sl_json *value, size_t *bytes);
/* true, false, "true", "false". */
bool sl_spec_truth(const struct sl_json *value, bool *truth);

#endif
