#include "pipeline/spec_values.h"

#include <string.h>

struct unit {
    const char *name;
    int64_t times;
};

/* A whole number above 0 and one of the units (which end with {0}). */
static bool measure(const struct sl_json *value, const struct unit *units, int64_t *out)
{
    const char *text = sl_json_str(value), *p = text;
    int64_t number = 0;

    if (!text || sl_json_str_len(value) != strlen(text)) return false;
    for (; *p >= '0' && *p <= '9'; p++) {
        if (number > INT64_MAX / 10 - 10) return false;
        number = 10 * number + (*p - '0');
    }
    for (; units->name; units++) {
        if (strcmp(p, units->name) != 0) continue;
        if (number == 0 || number > INT64_MAX / 2 / units->times) return false;
        *out = number * units->times;
        return true;
    }
    return false;
}

bool sl_spec_duration(const struct sl_json *value, int64_t *us)
{
    static const int64_t minute = INT64_C(60) * 1000000;
    const struct unit units[] = {
        {"m", minute}, {"h", 60 * minute}, {"d", 1440 * minute}, {"w", 10080 * minute}, {0}};

    return measure(value, units, us);
}

bool sl_spec_bytes(const struct sl_json *value, size_t *bytes)
{
    static const struct unit units[] = {{"MiB", INT64_C(1) << 20}, {"GiB", INT64_C(1) << 30}, {0}};
    int64_t number;

    if (!measure(value, units, &number) || (uint64_t)number > SIZE_MAX) return false;
    *bytes = (size_t)number;
    return true;
}

bool sl_spec_truth(const struct sl_json *value, bool *truth)
{
    if (sl_json_kind(value) == SL_JSON_BOOL)
        *truth = sl_json_true(value);
    else if (sl_json_eq(value, "true") || sl_json_eq(value, "false"))
        *truth = sl_json_eq(value, "true");
    else
        return false;
    return true;
}
