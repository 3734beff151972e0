/* care.c: see care.h. */
#include "pipeline/care.h"

#include <stdlib.h>
#include <string.h>

#include "base/point.h"
#include "json/doc.h"

#define HOUR_MS (INT64_C(3600) * 1000)
#define DAY_MS (24 * HOUR_MS)
#define PERIODS_OF_RETENTION 7

static const struct sl_care_options defaults = {.retention_ms = -1};

/* ---- small files ---- */

static bool has_vectors(const struct sl_delta_table *table)
{
    const char *value = sl_delta_property(table, "delta.enableDeletionVectors");

    return value && strcmp(value, "true") == 0;
}

/* May there be enough small files, or dead rows? Two versions in a row are looked at, because the
 * versions of a flow need not be all versions. */
static bool is_worth_a_look(const struct sl_delta_table *table, const struct sl_delta_pulse *pulse,
                            size_t small_files_max)
{
    if (sl_delta_version(table) % SL_CARE_LOOK_EVERY > 1) return false;
    return has_vectors(table) || pulse->files < 0 || pulse->files > (int64_t)small_files_max;
}

static enum sl_code join(struct sl_delta_table *table, const struct sl_care_options *options,
                         size_t small_files_max, struct sl_care_report *report,
                         struct sl_error *error)
{
    const struct sl_delta_optimize_options optimize = {
        .files_min = small_files_max + 1,
        .bytes_max = options->join_bytes_max ? options->join_bytes_max : SL_CARE_JOIN_BYTES_MAX,
        .dead_ratio = options->dead_ratio > 0 ? options->dead_ratio : SL_CARE_DEAD_RATIO,
    };

    SL_POINT("care.join");
    enum sl_code rc = sl_delta_optimize(table, &optimize, &report->joined, error);
    SL_POINT("care.joined");
    report->looked = true;
    if (rc == SL_CONFLICT) {
        report->overtaken = true;
        *error = (struct sl_error){0};
        rc = SL_OK;
    }
    return rc;
}

/* ---- old files ---- */

/* "interval 7 days", as Delta writes it; preset when it is not one. */
static int64_t interval_ms(const char *text, int64_t preset)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"week", 7 * DAY_MS},
                 {"day", DAY_MS},
                 {"hour", HOUR_MS},
                 {"minute", 60 * 1000},
                 {"second", 1000}};
    char *end = NULL;

    if (!text) return preset;
    text += strspn(text, " ");
    if (strncmp(text, "interval", 8) == 0) text += 8;
    long long number = strtoll(text, &end, 10);
    if (end == text || number < 0 || number > 1000000) return preset;
    end += strspn(end, " ");
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strncmp(end, units[i].name, strlen(units[i].name)) == 0) return number * units[i].ms;
    return preset;
}

static int64_t period_of(const struct sl_delta_table *table, int64_t retention_ms)
{
    if (retention_ms < 0)
        retention_ms = interval_ms(sl_delta_property(table, "delta.deletedFileRetentionDuration"),
                                   SL_VACUUM_RETENTION_MS);
    int64_t period = retention_ms / PERIODS_OF_RETENTION;
    return period < HOUR_MS ? HOUR_MS : period > DAY_MS ? DAY_MS : period;
}

/* Which period a time is in. They begin at another time for each table. */
static int64_t period_at(const struct sl_delta_table *table, int64_t period_ms, int64_t time_ms)
{
    uint32_t hash = 2166136261;

    for (const char *c = sl_delta_location(table); *c; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619;
    return (time_ms + hash % (uint32_t)period_ms) / period_ms;
}

/* When the version before was written, asked of the log; -1: nobody knows. */
static enum sl_code time_before(struct sl_delta_table *table, int64_t *out, struct sl_error *error)
{
    const struct sl_json *root = NULL;
    const char *json = NULL;
    struct sl_doc *doc = NULL;
    enum sl_code rc = sl_delta_history(table, 2, &json, error);

    if (!rc) {
        doc = sl_doc_new(0);
        rc = doc ? sl_doc_parse_copy(doc, json, strlen(json), &root, error)
                 : sl_fail(error, SL_NO_MEMORY, "no memory for a table's history");
    }
    for (struct sl_json_each e = sl_json_each(root); !rc && sl_json_next(&e);)
        *out = -1, sl_json_i64(sl_json_get(e.value, "timestamp"), out);
    sl_doc_free(doc);
    return rc;
}

static enum sl_code is_clean_due(struct sl_delta_table *table, const struct sl_delta_pulse *pulse,
                                 int64_t period_ms, int64_t now_ms, bool *due,
                                 struct sl_error *error)
{
    int64_t before_ms = pulse->previous_ms;
    enum sl_code rc = SL_OK;

    *due = false;
    if (sl_delta_version(table) < 1) return SL_OK;
    if (before_ms < 0) rc = time_before(table, &before_ms, error);
    if (!rc && before_ms >= 0)
        *due = period_at(table, period_ms, now_ms) != period_at(table, period_ms, before_ms);
    return rc;
}

/* Has as much been removed, in small portions, as the table holds? Told from one commit: of those
 * that remove a hundredth, every hundredth says yes. */
static bool is_churned(int64_t version, int64_t removed_bytes, int64_t live_bytes)
{
    if (removed_bytes <= 0 || live_bytes < 0 || version < 1) return false;
    if (live_bytes <= 2 * removed_bytes) return true;
    double share = (double)removed_bytes / (double)live_bytes;
    return (int64_t)((double)version * share) != (int64_t)((double)(version - 1) * share);
}

static enum sl_code clean(struct sl_delta_table *table, int64_t now_ms,
                          const struct sl_care_options *options, struct sl_care_report *report,
                          struct sl_error *error)
{
    SL_POINT("care.vacuum");
    enum sl_code rc = sl_delta_vacuum(table, options->retention_ms, now_ms, false, NULL, NULL,
                                      &report->vacuumed, error);
    report->cleaned = !rc;
    SL_POINT("care.vacuumed");
    if (!rc) rc = sl_delta_clean_log(table, -1, now_ms, &report->log_files, error);
    SL_POINT("care.cleaned");
    return rc;
}

enum sl_code sl_care(struct sl_delta_table *table, int64_t now_ms,
                     const struct sl_care_options *options, struct sl_care_report *report,
                     struct sl_error *error)
{
    struct sl_delta_pulse pulse = sl_delta_pulse(table);
    enum sl_code rc = SL_OK;
    bool due = false;

    if (!options) options = &defaults;
    *report = (struct sl_care_report){.joined.version = -1};
    size_t small_files_max =
        options->small_files_max ? options->small_files_max : SL_CARE_SMALL_FILES_MAX;
    int64_t version = sl_delta_version(table);
    rc = is_clean_due(table, &pulse, period_of(table, options->retention_ms), now_ms, &due, error);
    if (!rc && is_worth_a_look(table, &pulse, small_files_max))
        rc = join(table, options, small_files_max, report, error);
    int64_t removed_bytes = pulse.removed_bytes + report->joined.bytes_removed;
    if (!rc && (due || is_churned(version, removed_bytes, pulse.bytes)))
        rc = clean(table, now_ms, options, report, error);
    return rc;
}
