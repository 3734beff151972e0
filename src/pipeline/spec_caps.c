/* spec_caps.c: what a run may spend at the source. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/spec_parse.h"

/* A number, or text that is one: configuration values are text. */
static bool number_of(const struct sl_json *value, double *out)
{
    const char *text = sl_json_str(value);
    char *end;

    if (sl_json_double(value, out)) return true;
    if (sl_json_kind(value) != SL_JSON_STRING || !*text) return false;
    *out = strtod(text, &end);
    return !*end && isfinite(*out);
}

/* `name`, or configuration["sluice.<name>"]; 0 when neither is given. */
static double cap(struct sl_spec_parse *p, const struct sl_json *root, const char *name,
                  const char *hidden, double max, const char *expected)
{
    const struct sl_json *value = sl_json_get(root, name);
    const char *pointer = sl_spec_at(p, "", name);
    double number;

    if (!value || sl_spec_is_absent(value)) {
        value = sl_json_path(root, "configuration", hidden, NULL);
        pointer = sl_spec_at(p, "/configuration", hidden);
    }
    if (!value || sl_spec_is_absent(value)) return 0;
    if (number_of(value, &number) && number > 0 && number <= max) return number;
    sl_spec_mistake(p, pointer, "expected %s", expected);
    return 0;
}

void sl_spec_parse_caps(struct sl_spec_parse *p, const struct sl_json *root)
{
    double calls = cap(p, root, "max_calls_per_run", "sluice.max_calls_per_run", 1e15,
                       "a whole number above 0");

    if (calls != floor(calls)) {
        sl_spec_mistake(p, "/max_calls_per_run", "expected a whole number above 0");
        return;
    }
    p->spec->max_calls_per_run = (int64_t)calls;
    p->spec->quota_share =
        cap(p, root, "quota_share", "sluice.quota_share", 1, "a number above 0, at most 1");
}
