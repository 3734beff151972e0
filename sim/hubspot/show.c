/* show.c: records as JSON, owners, pipelines, and the truth. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/time.h"
#include "sim/hubspot/hubspot.h"
#include "sim/text.h"

static void put_property(const struct hs_type *type, const struct hs_record *record, int property,
                         bool *first, struct sl_buf *out)
{
    char text[40];
    const char *value = hs_get(type, record, property, text);

    sl_buf_adds(out, *first ? "" : ",");
    *first = false;
    sim_json_text(out, type->properties[property].name);
    sl_buf_addc(out, ':');
    if (value)
        sim_json_text(out, value);
    else
        sl_buf_adds(out, "null");
}

static void put_times(const struct hs_record *record, struct sl_buf *out)
{
    char time[40];

    hs_time(record->created_us, time);
    sl_buf_addf(out, ",\"createdAt\":\"%s\"", time);
    hs_time(record->updated_us + record->id % 3 * 1000, time); /* not quite the property's */
    sl_buf_addf(out, ",\"updatedAt\":\"%s\",\"archived\":%s", time,
                record->archived_us ? "true" : "false");
    if (!record->archived_us) return;
    hs_time(record->archived_us, time);
    sl_buf_addf(out, ",\"archivedAt\":\"%s\"", time);
}

static void put_url(const struct hs_type *type, const struct hs_record *record, struct sl_buf *out)
{
    sl_buf_addf(out, ",\"url\":\"https://app.hubspot.com/contacts/%s/record/%s/%" PRId64 "\"",
                HS_PORTAL, type->type_id, record->id);
}

static bool is_among(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0) return true;
    return false;
}

void hs_put_record(struct hubspot *app, const struct hs_type *type, const struct hs_record *record,
                   const char *const *names, size_t count, const char *associations,
                   struct sl_buf *out)
{
    bool first = true;

    sl_buf_addf(out, "{\"id\":\"%" PRId64 "\",\"properties\":{", record->id);
    for (size_t i = 0; i < type->property_count; i++) {
        if (type->properties[i].archived) continue;
        if (i < 3 || is_among(type->properties[i].name, names, count))
            put_property(type, record, (int)i, &first, out);
    }
    sl_buf_addc(out, '}');
    put_times(record, out);
    put_url(type, record, out);
    if (associations && *associations) hs_put_links(app, type, record, associations, out);
    sl_buf_addc(out, '}');
}

/* ---- owners and pipelines ---- */

void hs_put_owner(const struct hubspot *app, int index, struct sl_buf *out)
{
    char time[40];

    hs_time(app->start_us - (int64_t)index * SL_DAY_US, time);
    sl_buf_addf(out,
                "{\"id\":\"%d\",\"email\":\"owner%d@example.com\",\"type\":\"PERSON\","
                "\"firstName\":\"Owner\",\"lastName\":\"Number %d\",\"userId\":%d,"
                "\"userIdIncludingInactive\":%d,\"createdAt\":\"%s\",\"updatedAt\":\"%s\","
                "\"archived\":false",
                500 + index, index, index, 900 + index, 900 + index, time, time);
    if (index % 2)
        sl_buf_adds(out, ",\"teams\":[{\"id\":\"77\",\"name\":\"Night shift\",\"primary\":true}]");
    sl_buf_addc(out, '}');
}

static void put_stage(int stage, const char *time, struct sl_buf *out)
{
    sl_buf_addf(out,
                "%s{\"label\":\"Stage %d\",\"displayOrder\":%d,\"metadata\":{\"isClosed\":\"%s\","
                "\"probability\":\"0.%d\"},\"id\":\"stage_%d\",\"createdAt\":\"%s\","
                "\"updatedAt\":\"%s\",\"archived\":false,\"writePermissions\":\"CRM_PERMISSIONS_"
                "ENFORCEMENT\"}",
                stage ? "," : "", stage, stage, stage == 2 ? "true" : "false", 3 * stage, stage,
                time, time);
}

void hs_put_pipelines(const struct hubspot *app, const char *object, struct sl_buf *out)
{
    char time[40];

    hs_time(app->start_us, time);
    sl_buf_addc(out, '[');
    for (int i = 0; i < 2; i++) {
        sl_buf_addf(out,
                    "%s{\"label\":\"%s pipeline %d\",\"displayOrder\":%d,\"id\":\"%s%d\","
                    "\"createdAt\":\"%s\",\"updatedAt\":\"%s\",\"archived\":false,\"stages\":[",
                    i ? "," : "", object, i, i, i ? "line-" : "default-", i, time, time);
        for (int k = 0; k < 3; k++) put_stage(k, time, out);
        sl_buf_adds(out, "]}");
    }
    sl_buf_addc(out, ']');
}

/* ---- the truth ---- */

static bool put_target_ids(struct hubspot *app, const struct hs_record *record, const char *name,
                           struct sl_buf *out)
{
    struct hs_type *to = hs_type_of(app, name);
    int64_t *ids = sl_alloc((record->edge_count + 1) * sizeof *ids);
    size_t count = ids && to ? hs_links(record, hs_index_of(app, to), ids, record->edge_count) : 0;

    sl_buf_addf(out, ",\"%s\":[", name);
    for (size_t i = 0; i < count; i++) sl_buf_addf(out, "%s%" PRId64, i ? "," : "", ids[i]);
    sl_buf_addc(out, ']');
    sl_free(ids);
    return ids != NULL;
}

static void put_true_record(struct hubspot *app, const struct hs_type *type,
                            const struct hs_record *record, struct sl_buf *out)
{
    bool first = true;

    sl_buf_addf(out, "{\"id\":\"%" PRId64 "\",\"properties\":{", record->id);
    for (size_t i = 0; i < type->property_count; i++)
        if (!type->properties[i].archived) put_property(type, record, (int)i, &first, out);
    sl_buf_addc(out, '}');
    put_times(record, out);
    put_url(type, record, out);
    for (int t = 0; t < HS_TARGETS_MAX && type->targets[t]; t++)
        if (!put_target_ids(app, record, type->targets[t], out)) sl_buf_fail(out);
    sl_buf_addc(out, '}');
}

/* Custom objects by the name of their table too. */
static struct hs_type *table_type(struct hubspot *app, const char *table)
{
    struct hs_type *type = hs_type_of(app, table);

    for (int i = 0; i < app->type_count && !type; i++)
        if (strcmp(app->types[i].name, table) == 0) type = &app->types[i];
    return type;
}

static void put_tables(const struct hubspot *app, struct sl_buf *out)
{
    sl_buf_adds(out, "{\"tables\":[\"owners\",\"deal_pipelines\",\"ticket_pipelines\"");
    for (int i = 0; i < app->type_count; i++) {
        const struct hs_type *type = &app->types[i];
        bool clash = type->custom && strcmp(type->name, "tasks") == 0;

        sl_buf_addf(out, ",\"%s\"", clash ? type->qualified : type->name);
    }
    sl_buf_adds(out, "]}");
}

enum sl_code hs_truth(void *state, const struct sim_request *request, struct sl_buf *out,
                      struct sl_error *error)
{
    struct hubspot *app = state;
    const char *comma = "";
    struct hs_type *type;
    char table[128];

    if (!sim_query_get(request->query, "table", table, sizeof table)) {
        put_tables(app, out);
        return SL_OK;
    }
    sl_buf_adds(out, "{\"records\":");
    if (strcmp(table, "deal_pipelines") == 0 || strcmp(table, "ticket_pipelines") == 0) {
        hs_put_pipelines(app, table[0] == 'd' ? "deals" : "tickets", out);
    } else if (strcmp(table, "owners") == 0) {
        sl_buf_addc(out, '[');
        for (int i = 0; i < app->owners; i++) {
            if (i) sl_buf_addc(out, ',');
            hs_put_owner(app, i, out);
        }
        sl_buf_addc(out, ']');
    } else {
        type = table_type(app, table);
        if (!type) return sl_fail(error, SL_NOT_FOUND, "there is no table '%s'", table);
        sl_buf_addc(out, '[');
        for (size_t i = 0; i < hs_count(type); i++) {
            struct hs_record *record = hs_at(app, type, i);

            if (!hs_lives(record)) continue;
            sl_buf_adds(out, comma);
            comma = ",";
            put_true_record(app, type, record, out);
        }
        sl_buf_addc(out, ']');
    }
    sl_buf_addc(out, '}');
    return SL_OK;
}
