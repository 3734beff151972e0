/* evolve_properties.c: table properties that are wanted of a table that is there. */
#include <string.h>
#include <strings.h>

#include "pipeline/evolve_parts.h"

#define MAPPING "delta.columnMapping.mode"
#define VECTORS "delta.enableDeletionVectors"

/* Properties of Delta that no reader and no protocol minds: those that sl_delta_alter takes. */
static bool may_change(const char *name)
{
    static const char *const names[] = {
        "delta.autoOptimize.autoCompact",
        "delta.autoOptimize.optimizeWrite",
        "delta.checkpoint.writeStatsAsJson",
        "delta.checkpoint.writeStatsAsStruct",
        "delta.checkpointInterval",
        "delta.dataSkippingNumIndexedCols",
        "delta.dataSkippingStatsColumns",
        "delta.deletedFileRetentionDuration",
        "delta.enableExpiredLogCleanup",
        "delta.logRetentionDuration",
        "delta.setTransactionRetentionDuration",
        "delta.targetFileSize",
        "delta.tuneFileSizesForRewrites",
        NULL,
    };

    for (size_t i = 0; names[i]; i++)
        if (strcmp(names[i], name) == 0) return true;
    return strncmp(name, "delta.", 6) != 0;
}

static bool same_value(const char *name, const char *has, const char *wanted)
{
    if (!has && strcmp(name, MAPPING) == 0) has = "none";
    if (!has && strcmp(name, VECTORS) == 0) has = "false";
    return has && strcasecmp(has, wanted) == 0;
}

static const char *text_of(const struct sl_json *value)
{
    return sl_json_str(value) ? sl_json_str(value) : sl_json_true(value) ? "true" : "false";
}

enum change { CHANGE_NOT, CHANGE_SET, CHANGE_REFUSED };

static enum change decide(const struct sl_evolve_work *w, const char *name, const char *has,
                          const char *wanted)
{
    if (strncmp(name, "sluice.", 7) == 0 || same_value(name, has, wanted)) return CHANGE_NOT;
    if (strcmp(name, MAPPING) == 0)
        return !w->mapped && strcmp(wanted, "name") == 0 ? CHANGE_SET : CHANGE_REFUSED;
    if (strcmp(name, VECTORS) == 0)
        return strcasecmp(wanted, "true") == 0 || strcasecmp(wanted, "false") == 0 ? CHANGE_SET
                                                                                   : CHANGE_REFUSED;
    return may_change(name) ? CHANGE_SET : CHANGE_REFUSED;
}

static void say_set(struct sl_evolve_work *w, const char *name, const char *wanted)
{
    if (strcmp(name, MAPPING) == 0)
        sl_evolve_say(
            w, SL_NOTE_WARNING,
            "column mapping is turned on: readers without it (see docs/readers.md) cannot "
            "open the table from here on, and it cannot be turned off again");
    else if (strcmp(name, VECTORS) == 0 && strcasecmp(wanted, "true") == 0)
        sl_evolve_say(w, SL_NOTE_WARNING,
                      "deletion vectors are turned on: readers without them (see docs/readers.md) "
                      "cannot open the table from here on");
    else
        sl_evolve_say(w, SL_NOTE_INFO, "table property %s is %s now", name, wanted);
}

void sl_evolve_properties(struct sl_evolve_work *w, const struct sl_json *has, bool *upgrade)
{
    struct sl_evolution *out = w->out;
    struct sl_pair *set =
        SL_ARENA_ARRAY(&out->arena, struct sl_pair, sl_json_len(w->in->wanted) + 1);

    if (!set) {
        w->no_memory = true;
        return;
    }
    for (struct sl_json_each e = sl_json_each(w->in->wanted); sl_json_next(&e);) {
        const char *name = sl_json_str(e.key), *wanted = text_of(e.value);

        if (decide(w, name, sl_json_str(sl_json_get(has, name)), wanted) != CHANGE_SET) continue;
        if (strcmp(name, VECTORS) == 0) /* in the spelling that Delta wants */
            wanted = strcasecmp(wanted, "true") == 0 ? "true" : "false";
        say_set(w, name, wanted);
        *upgrade |= strcmp(name, MAPPING) == 0;
        set[out->set_count] = (struct sl_pair){sl_arena_strdup(&out->arena, name),
                                               sl_arena_strdup(&out->arena, wanted)};
        w->no_memory |= !set[out->set_count].key || !set[out->set_count].value;
        out->set_count++;
    }
    out->set = set;
}

void sl_evolve_say_kept(struct sl_evolve_work *w, const struct sl_json *has)
{
    for (struct sl_json_each e = sl_json_each(w->in->wanted); sl_json_next(&e);) {
        const char *name = sl_json_str(e.key), *wanted = text_of(e.value);
        const char *now = sl_json_str(sl_json_get(has, name));

        if (decide(w, name, now, wanted) == CHANGE_REFUSED)
            sl_evolve_say(
                w, SL_NOTE_WARNING,
                "table property %s=%s has no effect: the table was made with %s and keeps it", name,
                wanted, now ? now : "none");
    }
}
