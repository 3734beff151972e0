/* list.c: lists, single records, and batches by id. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/time.h"
#include "json/doc.h"
#include "sim/fault.h"
#include "sim/hubspot/hubspot.h"
#include "sim/text.h"

#define NAMES_MAX 4096
#define BATCH_MAX 100
#define CSV_MAX 16384

/* The names of a comma list, in place. */
static size_t split(char *text, const char **names, size_t cap)
{
    size_t count = 0;

    for (char *p = text; *p && count < cap;) {
        size_t len = strcspn(p, ",");
        bool more = p[len] == ',';

        p[len] = '\0';
        if (len) names[count++] = p;
        p += len + more;
    }
    return count;
}

/* A parameter that may come several times, each a comma list: all of it as one. */
static void query_csv(const char *query, const char *name, char *out, size_t cap)
{
    struct sim_query_part part;
    size_t len = 0;

    out[0] = '\0';
    while (sim_query_next(&query, &part)) {
        if (part.name_len != strlen(name) || memcmp(part.name, name, part.name_len) != 0) continue;
        if (len && len + 1 < cap) out[len++] = ',';
        if (!sim_url_decode(part.value, part.value_len, true, out + len, cap - len))
            out[len] = '\0';
        len += strlen(out + len);
    }
}

bool hs_list_query(const struct sim_request *request, int64_t most, int64_t *limit, int64_t *after,
                   struct sim_reply *reply)
{
    char text[64] = "";

    *limit = 10;
    *after = 0;
    if (sim_query_get(request->query, "limit", text, sizeof text)) *limit = hs_number(text);
    if (*limit < 1 || *limit > most) {
        hs_error(reply, 400, "VALIDATION_ERROR", "Invalid limit");
        return false;
    }
    if (!sim_query_get(request->query, "after", text, sizeof text) || !*text) return true;
    *after = hs_number(text);
    const char *tail = text + strspn(text, "0123456789");

    if (strcmp(tail, "%3D") == 0 || strcmp(tail, "=") == 0) return true;
    hs_error(reply, 400, "VALIDATION_ERROR", "The after parameter is invalid");
    return false;
}

/* An offset is percent-encoded already, as the API's own is. */
void hs_put_next(struct sim_reply *reply, const struct sim_request *request, int64_t after)
{
    sl_buf_addf(reply->body,
                ",\"paging\":{\"next\":{\"after\":\"%" PRId64 "%%3D\",\"link\":"
                "\"https://api.hubapi.com%s?after=%" PRId64 "%%3D\"}}",
                after, request->path, after);
}

/* The first index whose record has an id beyond this one. */
static size_t index_after(const struct hs_type *type, int64_t id)
{
    size_t low = 0, high = type->record_count;

    if (type->bench) return id < type->bench ? (size_t)id : (size_t)type->bench;
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (type->records[middle]->id <= id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void put_page(struct hubspot *app, struct hs_type *type, const struct sim_request *request,
                     struct sim_reply *reply, const char *const *names, size_t count)
{
    char associations[256] = "", archived[8] = "";
    int64_t limit, after, shown = 0, last = 0;
    bool gone;
    size_t i;

    if (!hs_list_query(request, 100, &limit, &after, reply)) return;
    query_csv(request->query, "associations", associations, sizeof associations);
    (void)sim_query_get(request->query, "archived", archived, sizeof archived);
    gone = archived[0] == 't' || archived[0] == 'T';
    if (gone && type->no_archive) {
        hs_error(reply, 400, "VALIDATION_ERROR", "Paging through deleted objects is not supported");
        return;
    }
    sl_buf_adds(reply->body, "{\"results\":[");
    for (i = index_after(type, after); i < hs_count(type); i++) {
        struct hs_record *record = hs_at(app, type, i);
        bool wanted =
            gone ? record->archived_us && !record->gone && !record->merged_into : hs_lives(record);

        if (!wanted) continue;
        if (shown == limit) break;
        if (shown++) sl_buf_addc(reply->body, ',');
        hs_put_record(app, type, record, names, count, associations, reply->body);
        last = record->id;
    }
    sl_buf_addc(reply->body, ']');
    if (app->page_twice && after) last = after;
    if (i < hs_count(type)) hs_put_next(reply, request, last);
    sl_buf_addc(reply->body, '}');
}

void hs_list(struct hubspot *app, struct hs_type *type, const struct sim_request *request,
             struct sim_reply *reply)
{
    const char **names = sl_alloc(NAMES_MAX * sizeof *names);
    char *csv = sl_alloc(CSV_MAX);

    if (names && csv) {
        query_csv(request->query, "properties", csv, CSV_MAX);
        put_page(app, type, request, reply, names, split(csv, names, NAMES_MAX));
    } else {
        sl_buf_fail(reply->body);
    }
    sl_free(csv);
    sl_free(names);
}

/* The record that answers for an id: of a merged one, what it went up in. */
static struct hs_record *resolve(struct hubspot *app, struct hs_type *type, int64_t id)
{
    struct hs_record *record = hs_find(app, type, id);

    for (int i = 0; record && record->merged_into && i < 8; i++)
        record = hs_find(app, type, record->merged_into);
    return record;
}

void hs_single(struct hubspot *app, struct hs_type *type, const char *id,
               const struct sim_request *request, struct sim_reply *reply)
{
    struct hs_record *record = resolve(app, type, hs_number(id));
    char csv[8000], associations[256];
    const char *names[400];

    if (!record || !hs_lives(record)) {
        hs_error(reply, 404, "OBJECT_NOT_FOUND", "Object not found");
        return;
    }
    query_csv(request->query, "properties", csv, sizeof csv);
    query_csv(request->query, "associations", associations, sizeof associations);
    size_t count = split(csv, names, 400);

    hs_put_record(app, type, record, names, count, associations, reply->body);
}

/* ---- batches ---- */

struct batch {
    const struct sl_json *inputs;
    const char *names[NAMES_MAX];
    size_t name_count;
};

static void put_batch(struct hubspot *app, struct hs_type *type, const struct batch *batch,
                      bool gone, struct sim_reply *reply)
{
    struct sl_buf errors = {0};
    int missing = 0, shown = 0;

    sl_buf_adds(reply->body, "{\"status\":\"COMPLETE\",\"results\":[");
    for (struct sl_json_each e = sl_json_each(batch->inputs); sl_json_next(&e);) {
        const char *id = sl_json_str(sl_json_get(e.value, "id"));
        struct hs_record *record = resolve(app, type, hs_number(id));
        bool there = record && (gone ? record->archived_us && !record->gone : hs_lives(record));

        if (there) {
            if (shown++) sl_buf_addc(reply->body, ',');
            hs_put_record(app, type, record, batch->names, batch->name_count, NULL, reply->body);
        } else {
            if (missing++) sl_buf_addc(&errors, ',');
            sim_json_text(&errors, id ? id : "");
        }
    }
    sl_buf_adds(reply->body, "],\"startedAt\":\"2026-03-02T09:00:00Z\","
                             "\"completedAt\":\"2026-03-02T09:00:00Z\"");
    if (missing) {
        reply->status = 207;
        sl_buf_addf(reply->body,
                    ",\"numErrors\":1,\"errors\":[{\"status\":\"error\",\"category\":"
                    "\"OBJECT_NOT_FOUND\",\"message\":\"Could not get some %s objects, they may be "
                    "deleted or not exist.\",\"context\":{\"ids\":[%s]}}]",
                    type->name, sl_buf_str(&errors));
    }
    sl_buf_addc(reply->body, '}');
    sl_buf_release(&errors);
}

enum sl_code hs_batch_read(struct hubspot *app, struct hs_type *type,
                           const struct sim_request *request, struct sim_reply *reply,
                           struct sl_error *error)
{
    struct batch *batch = sl_calloc(1, sizeof *batch);
    struct sl_doc *doc = sl_doc_new(0);
    const struct sl_json *root = NULL;
    char archived[8] = "";

    if (!batch || !doc) {
        sl_free(batch);
        sl_doc_free(doc);
        return sl_fail(error, SL_NO_MEMORY, "no memory for a batch");
    }
    (void)sim_query_get(request->query, "archived", archived, sizeof archived);
    if (sl_doc_parse_copy(doc, request->body, request->body_len, &root, error)) {
        hs_error(reply, 400, "VALIDATION_ERROR", "Invalid input JSON");
    } else if (sl_json_len(batch->inputs = sl_json_get(root, "inputs")) > BATCH_MAX) {
        hs_error(reply, 400, "VALIDATION_ERROR", "The maximum number of inputs is 100");
    } else {
        for (struct sl_json_each e = sl_json_each(sl_json_get(root, "properties"));
             sl_json_next(&e) && batch->name_count < NAMES_MAX;)
            if (sl_json_str(e.value)) batch->names[batch->name_count++] = sl_json_str(e.value);
        put_batch(app, type, batch, archived[0] == 't', reply);
    }
    sl_free(batch);
    sl_doc_free(doc);
    return SL_OK;
}
