/* params.c: the parameters of a listing, from a query string or a JSON body. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "json/doc.h"
#include "sim/airtable/airtable.h"
#include "sim/text.h"

#define VALUE_MAX ((size_t)64 << 10)

enum sl_code at_mistake(struct at_call *call, int status, const char *type, const char *format, ...)
{
    va_list args;

    if (call->status) return SL_OK; /* the first one counts */
    call->status = status;
    call->error_type = type;
    va_start(args, format);
    (void)vsnprintf(call->error_message, sizeof call->error_message, format, args);
    va_end(args);
    return SL_OK;
}

static enum sl_code add_field(struct at_call *call, const char *name, struct sl_error *error)
{
    const struct at_field *field = at_find_field(call->table, name);

    call->fields_given = true;
    if (!field)
        return at_mistake(call, 422, "UNKNOWN_FIELD_NAME", "Unknown field name: \"%s\"", name);
    if ((call->field_count & (call->field_count - 1)) == 0) {
        size_t cap = call->field_count ? call->field_count * 2 : 1;
        const struct at_field **fields = sl_realloc(call->fields, cap * sizeof *fields);

        if (!fields) return sl_fail(error, SL_NO_MEMORY, "could not hold a field list");
        call->fields = fields;
    }
    call->fields[call->field_count++] = field;
    return SL_OK;
}

static enum sl_code set_filter(struct at_call *call, const char *formula, struct sl_error *error)
{
    sl_free(call->filter);
    call->filter = sl_strdup(formula);
    return call->filter ? SL_OK : sl_fail(error, SL_NO_MEMORY, "could not hold a formula");
}

static void set_view(struct at_call *call, const char *view)
{
    const struct at_table *table = call->table;

    if (!*view) return;
    if (strcmp(view, "Grid view") == 0 || strcmp(view, table->grid_view) == 0)
        call->view = AT_VIEW_GRID;
    else if (strcmp(view, "Every second") == 0 || strcmp(view, table->half_view) == 0)
        call->view = AT_VIEW_HALF;
    else if (strncmp(view, "viw", 3) == 0 && strlen(view) == 17)
        (void)at_mistake(call, 422, "VIEW_ID_NOT_FOUND", "View %s not found", view);
    else
        (void)at_mistake(call, 422, "VIEW_NAME_NOT_FOUND", "View %s not found", view);
}

static void set_sort(struct at_call *call, int i, const char *name, bool descending)
{
    if (i < 0 || i >= 8) return;
    if (i >= call->sort_count) call->sort_count = i + 1;
    if (name) {
        call->sort[i].field = at_find_field(call->table, name);
        if (!call->sort[i].field)
            (void)at_mistake(call, 422, "UNKNOWN_FIELD_NAME", "Unknown field name: \"%s\"", name);
    }
    if (descending) call->sort[i].descending = true;
}

static void set_page_size(struct at_call *call, const char *text)
{
    char *end;
    int64_t size = strtoll(text, &end, 10);

    if (!*text || *end || size < 1 || size > AT_PAGE_MAX)
        (void)at_mistake(call, 422, "INVALID_REQUEST_UNKNOWN",
                         "Invalid request: pageSize must be between 1 and %d", AT_PAGE_MAX);
    else
        call->page_size = size;
}

static void set_offset(struct at_call *call, const char *offset)
{
    if (strlen(offset) >= sizeof call->offset)
        (void)at_mistake(call, 422, "INVALID_OFFSET_VALUE", "The value of offset %s is invalid",
                         offset);
    else
        memcpy(call->offset, offset, strlen(offset) + 1);
}

static bool truth(const char *text)
{
    return strcmp(text, "1") == 0 || strcmp(text, "true") == 0;
}

/* Parameters whose value is one text, wherever they come from. False: not one of those. */
static bool set_text(struct at_call *call, const char *name, const char *value,
                     struct sl_error *error, enum sl_code *rc)
{
    if (strcmp(name, "filterByFormula") == 0)
        *rc = set_filter(call, value, error);
    else if (strcmp(name, "view") == 0)
        set_view(call, value);
    else if (strcmp(name, "offset") == 0)
        set_offset(call, value);
    else if (strcmp(name, "cellFormat") == 0)
        call->as_text = strcmp(value, "string") == 0;
    else if (strcmp(name, "pageSize") == 0)
        set_page_size(call, value);
    else if (strcmp(name, "maxRecords") == 0)
        call->max_records = strtoll(value, NULL, 10);
    else if (strcmp(name, "returnFieldsByFieldId") == 0)
        call->by_id = truth(value);
    else if (strcmp(name, "includeDateDependencyMetadata") == 0)
        call->date_metadata = truth(value);
    else
        return false;
    return true;
}

static enum sl_code read_query(struct at_call *call, const char *query, struct sl_error *error)
{
    struct sim_query_part part;
    enum sl_code rc = SL_OK;
    char name[128], *value = sl_alloc(VALUE_MAX);

    if (!value) return sl_fail(error, SL_NO_MEMORY, "could not read a query");
    while (!rc && sim_query_next(&query, &part)) {
        if (!sim_url_decode(part.name, part.name_len, true, name, sizeof name) ||
            !sim_url_decode(part.value, part.value_len, true, value, VALUE_MAX)) {
            rc = at_mistake(call, 400, "BAD_REQUEST", "The request could not be decoded");
            continue;
        }
        if (set_text(call, name, value, error, &rc)) continue;
        if (strncmp(name, "fields[", 7) == 0 || strcmp(name, "fields") == 0)
            rc = add_field(call, value, error);
        else if (strncmp(name, "recordMetadata", 14) == 0)
            call->comment_count |= strcmp(value, "commentCount") == 0;
        else if (strncmp(name, "sort[", 5) == 0 && strstr(name, "[field]"))
            set_sort(call, (int)strtol(name + 5, NULL, 10), value, false);
        else if (strncmp(name, "sort[", 5) == 0 && strstr(name, "[direction]"))
            set_sort(call, (int)strtol(name + 5, NULL, 10), NULL, strcmp(value, "desc") == 0);
    }
    sl_free(value);
    return rc;
}

static enum sl_code read_member(struct at_call *call, const char *name, const struct sl_json *value,
                                struct sl_error *error)
{
    enum sl_code rc = SL_OK;
    const char *text = sl_json_str(value);
    struct sl_json_each each = sl_json_each(value);

    if (!text) text = sl_json_number_text(value);
    if (!text && sl_json_kind(value) == SL_JSON_BOOL) text = sl_json_true(value) ? "true" : "false";
    if (strcmp(name, "fields") == 0) {
        call->fields_given = true;
        while (!rc && sl_json_next(&each))
            rc = add_field(call, sl_json_str(each.value) ? sl_json_str(each.value) : "", error);
    } else if (strcmp(name, "recordMetadata") == 0) {
        while (sl_json_next(&each)) call->comment_count |= sl_json_eq(each.value, "commentCount");
    } else if (strcmp(name, "sort") == 0) {
        for (int i = 0; sl_json_next(&each); i++) {
            const char *field = sl_json_str(sl_json_get(each.value, "field"));

            set_sort(call, i, field ? field : "",
                     sl_json_eq(sl_json_get(each.value, "direction"), "desc"));
        }
    } else if (text && !set_text(call, name, text, error, &rc)) {
        if (strcmp(name, "timeZone") == 0 || strcmp(name, "userLocale") == 0)
            rc = at_mistake(call, 422, "INVALID_REQUEST_UNKNOWN", "%s must be in the query string",
                            name);
        else
            rc = at_mistake(call, 422, "INVALID_REQUEST_UNKNOWN",
                            "Invalid request: unknown parameter %s", name);
    }
    return rc;
}

static enum sl_code read_body(struct airtable *app, const struct sim_request *request,
                              struct sl_error *error)
{
    struct at_call *call = &app->call;
    const char *type = sim_request_header(request, "content-type");
    const struct sl_json *root;
    struct sl_error why;
    enum sl_code rc;

    if (request->body_len == 0) return SL_OK;
    if (!type || strncmp(type, "application/json", 16) != 0)
        return at_mistake(call, 422, "INVALID_REQUEST_UNKNOWN",
                          "Invalid request: Content-Type must be application/json");
    rc = sl_doc_parse_copy(app->doc, request->body, request->body_len, &root, &why);
    if (rc == SL_NO_MEMORY) return sl_fail(error, rc, "could not read a request");
    if (rc || sl_json_kind(root) != SL_JSON_OBJECT)
        return at_mistake(call, 400, "INVALID_REQUEST_BODY", "Could not parse request body");
    struct sl_json_each each = sl_json_each(root);

    while (!rc && sl_json_next(&each))
        rc = read_member(call, sl_json_str(each.key), each.value, error);
    return rc;
}

static uint64_t fingerprint(const struct at_call *call)
{
    uint64_t mixed = sim_mix((uint64_t)call->view, call->filter ? sim_hash(call->filter) : 0);

    for (int i = 0; i < call->sort_count; i++)
        mixed = sim_mix(mixed, sim_hash(call->sort[i].field ? call->sort[i].field->id : "") +
                                   call->sort[i].descending);
    return mixed;
}

enum sl_code at_read_params(struct airtable *app, const struct sim_request *request,
                            struct sl_error *error)
{
    struct at_call *call = &app->call;
    bool post = strcmp(request->method, "POST") == 0;
    char text[64];
    enum sl_code rc;

    call->page_size = AT_PAGE_MAX;
    if (post)
        rc = read_body(app, request, error);
    else
        rc = read_query(call, request->query, error);
    if (rc) return rc;
    for (int i = 0; i < call->sort_count; i++)
        if (!call->sort[i].field)
            (void)at_mistake(call, 422, "INVALID_SORT", "sort[%d] names no field", i);
    if (call->as_text && (!sim_query_get(request->query, "timeZone", text, sizeof text) ||
                          !sim_query_get(request->query, "userLocale", text, sizeof text)))
        (void)at_mistake(call, 422, "INVALID_REQUEST_UNKNOWN",
                         "timeZone and userLocale are required for cellFormat=string");
    call->fingerprint = fingerprint(call);
    call->page = 1;
    if (call->offset[0]) at_iterator_find(app, call);
    return SL_OK;
}
