/* links.c: associations, within records, by batches (v4) and one by one. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/time.h"
#include "json/doc.h"
#include "sim/hubspot/hubspot.h"
#include "sim/text.h"

#define WITHIN_MAX 100 /* entries of a record in a list */
#define PAGE_MAX 500
#define INPUTS_MAX 1000

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

size_t hs_links(const struct hs_record *record, int target, int64_t *ids, size_t cap)
{
    size_t count = 0;

    for (size_t i = 0; i < record->edge_count && count < cap; i++)
        if (record->edges[i].type == target) ids[count++] = record->edges[i].id;
    qsort(ids, count, sizeof *ids, by_value);
    return count;
}

/* Links of one record, those beyond `after`. The memory is the caller's. */
static int64_t *links_beyond(const struct hs_record *record, int target, int64_t after,
                             size_t *count)
{
    int64_t *ids = sl_alloc((record->edge_count + 1) * sizeof *ids);
    size_t skip = 0;

    if (!ids) return NULL;
    *count = hs_links(record, target, ids, record->edge_count);
    while (skip < *count && ids[skip] <= after) skip++;
    memmove(ids, ids + skip, (*count - skip) * sizeof *ids);
    *count -= skip;
    return ids;
}

/* One kind within a listed record: two entries for each, of two association types. */
static void put_within(struct hubspot *app, const struct hs_type *type,
                       const struct hs_record *record, const char *name, bool *first,
                       struct sl_buf *out)
{
    struct hs_type *to = hs_type_of(app, name);
    size_t count = 0, shown;
    int64_t *ids = to ? links_beyond(record, hs_index_of(app, to), 0, &count) : NULL;

    if (ids && count) {
        sl_buf_addf(out, "%s\"%s\":{\"results\":[", *first ? "" : ",", name);
        *first = false;
        for (shown = 0; shown < count && shown * 2 < WITHIN_MAX; shown++)
            sl_buf_addf(out,
                        "%s{\"id\":\"%" PRId64 "\",\"type\":\"%s_to_%s\"},{\"id\":\"%" PRId64
                        "\",\"type\":\"%s_to_%s_unlabeled\"}",
                        shown ? "," : "", ids[shown], type->name, name, ids[shown], type->name,
                        name);
        sl_buf_addc(out, ']');
        if (shown < count)
            sl_buf_addf(out,
                        ",\"paging\":{\"next\":{\"after\":\"%" PRId64
                        "%%3D\",\"link\":\"https://api.hubapi.com/crm/v3/objects/%s/%" PRId64
                        "/associations/%s?after=%" PRId64 "%%3D\"}}",
                        ids[shown - 1], type->name, record->id, name, ids[shown - 1]);
        sl_buf_addc(out, '}');
    }
    sl_free(ids);
}

void hs_put_links(struct hubspot *app, const struct hs_type *type, const struct hs_record *record,
                  const char *names, struct sl_buf *out)
{
    size_t start;
    bool first = true;

    sl_buf_adds(out, ",\"associations\":{");
    start = out->len;
    for (const char *p = names; *p;) {
        size_t len = strcspn(p, ",");
        char name[64];

        (void)snprintf(name, sizeof name, "%.*s", (int)len, p);
        put_within(app, type, record, name, &first, out);
        p += len + (p[len] == ',');
    }
    if (first && !out->failed) { /* a record without any has no such member */
        out->len = start - strlen(",\"associations\":{");
        out->data[out->len] = '\0';
    } else {
        sl_buf_addc(out, '}');
    }
}

/* ---- v4 ---- */

static void put_to(const int64_t *ids, size_t count, struct sl_buf *out)
{
    sl_buf_adds(out, "[");
    for (size_t i = 0; i < count; i++)
        sl_buf_addf(out,
                    "%s{\"toObjectId\":%" PRId64
                    ",\"associationTypes\":[{\"category\":\"HUBSPOT_DEFINED\",\"typeId\":1,"
                    "\"label\":\"Primary\"},{\"category\":\"HUBSPOT_DEFINED\",\"typeId\":279,"
                    "\"label\":null}]}",
                    i ? "," : "", ids[i]);
    sl_buf_addc(out, ']');
}

struct answer {
    int shown, missing;
    struct sl_buf errors;
};

static void answer_one(struct hubspot *app, struct hs_type *from, struct hs_type *to,
                       const struct sl_json *input, struct answer *answer, struct sl_buf *out)
{
    const char *id = sl_json_str(sl_json_get(input, "id"));
    const char *after = sl_json_str(sl_json_get(input, "after"));
    struct hs_record *record = hs_find(app, from, hs_number(id));
    size_t count = 0;
    int64_t *ids =
        record ? links_beyond(record, hs_index_of(app, to), hs_number(after), &count) : NULL;
    size_t shown = count < PAGE_MAX ? count : PAGE_MAX;

    if (count) {
        sl_buf_addf(out, "%s{\"from\":{\"id\":\"%s\"},\"to\":", answer->shown++ ? "," : "", id);
        put_to(ids, shown, out);
        if (shown < count)
            sl_buf_addf(out, ",\"paging\":{\"next\":{\"after\":\"%" PRId64 "\"}}", ids[shown - 1]);
        sl_buf_addc(out, '}');
    } else {
        sl_buf_addf(&answer->errors,
                    "%s{\"status\":\"error\",\"category\":\"OBJECT_NOT_FOUND\",\"subCategory\":"
                    "\"crm.associations.NO_ASSOCIATIONS_FOUND\",\"message\":\"No %s is associated "
                    "with %s %" PRId64 ".\",\"context\":{\"fromObjectId\":[\"%" PRId64 "\"]}}",
                    answer->missing++ ? "," : "", to->name, from->name, hs_number(id),
                    hs_number(id));
    }
    sl_free(ids);
}

enum sl_code hs_links_batch(struct hubspot *app, struct hs_type *from, struct hs_type *to,
                            const struct sim_request *request, struct sim_reply *reply,
                            struct sl_error *error)
{
    struct sl_doc *doc = sl_doc_new(0);
    const struct sl_json *root = NULL;
    struct answer answer = {0};

    if (!doc) return sl_fail(error, SL_NO_MEMORY, "no memory for a batch");
    if (sl_doc_parse_copy(doc, request->body, request->body_len, &root, error)) {
        hs_error(reply, 400, "VALIDATION_ERROR", "Invalid input JSON");
    } else if (sl_json_len(sl_json_get(root, "inputs")) > INPUTS_MAX) {
        hs_error(reply, 400, "VALIDATION_ERROR", "The maximum number of inputs is 1000");
    } else {
        sl_buf_adds(reply->body, "{\"status\":\"COMPLETE\",\"results\":[");
        for (struct sl_json_each e = sl_json_each(sl_json_get(root, "inputs")); sl_json_next(&e);)
            answer_one(app, from, to, e.value, &answer, reply->body);
        sl_buf_addc(reply->body, ']');
        if (answer.missing) {
            reply->status = 207;
            sl_buf_addf(reply->body, ",\"numErrors\":%d,\"errors\":[%s]", answer.missing,
                        sl_buf_str(&answer.errors));
        }
        sl_buf_adds(reply->body, ",\"startedAt\":\"2026-03-02T09:00:00Z\","
                                 "\"completedAt\":\"2026-03-02T09:00:00Z\"}");
    }
    if (sl_buf_failed(&answer.errors)) sl_buf_fail(reply->body);
    sl_buf_release(&answer.errors);
    sl_doc_free(doc);
    return SL_OK;
}

void hs_links_of(struct hubspot *app, struct hs_type *from, const char *id, struct hs_type *to,
                 int version, const struct sim_request *request, struct sim_reply *reply)
{
    struct hs_record *record = hs_find(app, from, hs_number(id));
    char after[40] = "";
    size_t count = 0;
    int64_t *ids;

    if (!record || !hs_lives(record)) {
        hs_error(reply, 404, "OBJECT_NOT_FOUND", "Object not found");
        return;
    }
    (void)sim_query_get(request->query, "after", after, sizeof after);
    ids = links_beyond(record, hs_index_of(app, to), hs_number(after), &count);
    if (!ids) {
        sl_buf_fail(reply->body);
        return;
    }
    size_t shown = count < PAGE_MAX ? count : PAGE_MAX;

    sl_buf_adds(reply->body, "{\"results\":");
    if (version == 4) {
        put_to(ids, shown, reply->body);
    } else {
        sl_buf_addc(reply->body, '[');
        for (size_t i = 0; i < shown; i++)
            sl_buf_addf(reply->body, "%s{\"id\":\"%" PRId64 "\",\"type\":\"%s_to_%s\"}",
                        i ? "," : "", ids[i], from->name, to->name);
        sl_buf_addc(reply->body, ']');
    }
    if (shown < count) hs_put_next(reply, request, ids[shown - 1]);
    sl_buf_addc(reply->body, '}');
    sl_free(ids);
}
