/*
 * discover.c: the portal, its custom objects, and the properties of each object.
 *
 * One call says which portal it is, one which custom objects there are; then each object is a
 * sub-task that asks for its properties. A portal without custom objects refuses that call (they
 * belong to Enterprise), and an object whose scope is missing refuses its own: both are said, and
 * leave out what they are about, no more.
 */
#include "hubspot.h"

#include <stdio.h>
#include <string.h>

/* ---- sub-tasks, one an object ---- */

struct object { /* as its sub-task is told */
    const char *name, *path, *id, *modified, *label;
    const char *const *targets;
};

static enum sl_code ask_for_object(const struct hubspot *self, const struct object *object,
                                   struct sl_out *out, struct sl_error *error)
{
    struct sl_json_writer *input = sl_json_writer_new();
    const char *text;
    enum sl_code rc;

    if (!input) return sl_fail(error, SL_NO_MEMORY, "no memory for '%s'", object->name);
    sl_json_begin_object(input);
    sl_json_kv_str(input, "name", object->name);
    sl_json_kv_str(input, "path", object->path);
    sl_json_kv_str(input, "id", object->id);
    sl_json_kv_str(input, "modified", object->modified);
    sl_json_kv_str(input, "label", object->label);
    sl_json_kv_str(input, "portal", self->portal);
    sl_json_kv_i64(input, "utc_offset_ms", self->utc_offset_ms);
    sl_json_key(input, "targets");
    sl_json_begin_array(input);
    for (const char *const *t = object->targets; t && *t; t++) sl_json_put_str(input, *t);
    sl_json_end_array(input);
    sl_json_end_object(input);
    text = sl_json_writer_text(input, NULL);
    rc = text ? sl_out_task(out, object->path, text, error)
              : sl_fail(error, SL_NO_MEMORY, "no memory for '%s'", object->name);
    sl_json_writer_free(input);
    return rc;
}

static enum sl_code ask_for_standard(const struct hubspot *self, struct sl_out *out,
                                     struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    for (const struct hubspot_object *o = hubspot_objects; o->name && !rc; o++) {
        const char *targets[HUBSPOT_TARGETS_MAX + 1] = {NULL};
        memcpy(targets, o->targets, sizeof o->targets);
        struct object object = {o->name, o->name, o->type_id, o->modified, NULL, targets};
        rc = ask_for_object(self, &object, out, error);
    }
    return rc;
}

/* ---- owners and pipelines: the same in every portal ---- */

static enum sl_code emit_fixed(const struct hubspot *self, const char *name, const char *path,
                               const struct sl_column *columns, size_t count, struct sl_out *out,
                               struct sl_error *error)
{
    static const char *const key[] = {"id", NULL};
    static const char *const whole_row[] = {"", NULL};
    char state[120];

    snprintf(state, sizeof state, "{\"fixed\":true,\"path\":\"%s\",\"utc_offset_ms\":%lld}", path,
             (long long)self->utc_offset_ms);
    struct sl_table_def def = {
        .name = name,
        .namespace_id = self->portal,
        .columns = columns,
        .column_count = count,
        .primary_key = key,
        .ingestion = SL_SNAPSHOT,
        .strict_objects = whole_row,
        .rows_per_call = HUBSPOT_OWNER_ROWS,
        .state = state,
    };
    return sl_out_table(out, &def, error);
}

static enum sl_code emit_all_fixed(const struct hubspot *self, struct sl_out *out,
                                   struct sl_error *error)
{
    enum sl_code rc = emit_fixed(self, "owners", "owners", hubspot_owner_columns,
                                 hubspot_owner_column_count, out, error);

    if (!rc)
        rc = emit_fixed(self, "deal_pipelines", "deals", hubspot_pipeline_columns,
                        hubspot_pipeline_column_count, out, error);
    if (!rc)
        rc = emit_fixed(self, "ticket_pipelines", "tickets", hubspot_pipeline_columns,
                        hubspot_pipeline_column_count, out, error);
    return rc;
}

/* ---- custom objects ---- */

static bool is_standard_name(const char *name)
{
    if (strcmp(name, "owners") == 0 || strcmp(name, "deal_pipelines") == 0 ||
        strcmp(name, "ticket_pipelines") == 0)
        return true;
    for (const struct hubspot_object *o = hubspot_objects; o->name; o++)
        if (strcmp(o->name, name) == 0) return true;
    return false;
}

static bool lower_name(const struct sl_json *value, char *out, size_t cap)
{
    const char *text = sl_json_str(value);
    size_t len = sl_json_str_len(value);

    if (!text || len == 0 || len >= cap || strlen(text) != len) return false;
    for (size_t i = 0; i <= len; i++)
        out[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] + 32) : text[i];
    return true;
}

/* Has another custom object this name, in whatever case? */
static bool is_taken(const struct sl_json *schemas, const struct sl_json *own, const char *name)
{
    char other[128];

    for (struct sl_json_each e = sl_json_each(schemas); sl_json_next(&e);)
        if (e.value != own && lower_name(sl_json_get(e.value, "name"), other, sizeof other) &&
            strcmp(other, name) == 0)
            return true;
    return false;
}

/* The objects of every portal that this one can be associated with. */
static void take_targets(const struct sl_json *schema, const char *targets[HUBSPOT_TARGETS_MAX + 1])
{
    int count = 0;

    for (const struct hubspot_object *o = hubspot_objects; o->name && count < 4; o++) {
        bool there = false;
        for (struct sl_json_each e = sl_json_each(sl_json_get(schema, "associations"));
             sl_json_next(&e);)
            there |= sl_json_eq(sl_json_get(e.value, "toObjectTypeId"), o->type_id);
        if (there) targets[count++] = o->name;
    }
}

static enum sl_code custom_object(const struct hubspot *self, const struct sl_json *schemas,
                                  const struct sl_json *schema, struct sl_out *out,
                                  struct sl_error *error)
{
    const char *targets[HUBSPOT_TARGETS_MAX + 1] = {NULL};
    char name[128], path[160], id[32];

    if (!lower_name(sl_json_get(schema, "name"), name, sizeof name) ||
        !lower_name(sl_json_get(schema, "objectTypeId"), id, sizeof id)) {
        sl_out_note(out, SL_NOTE_WARNING,
                    "a custom object is left out: its schema has no name or no objectTypeId");
        return SL_OK;
    }
    if (strncmp(id, "0-", 2) == 0) return SL_OK; /* a standard one with a schema of its own */
    if (!sl_page_token(sl_json_get(schema, "fullyQualifiedName"), path, sizeof path))
        memcpy(path, id, sizeof id);
    bool clash = is_standard_name(name) || is_taken(schemas, schema, name);
    take_targets(schema, targets);
    struct object object = {clash ? path : name,
                            path,
                            id,
                            "hs_lastmodifieddate",
                            sl_json_str(sl_json_path(schema, "labels", "plural", NULL)),
                            targets};
    return ask_for_object(self, &object, out, error);
}

static enum sl_code schemas_came(struct hubspot *self, const struct sl_response *response,
                                 struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *schemas = sl_json_get(response->json, "results");
    enum sl_code rc = SL_OK;

    if (response->status >= 400) {
        sl_out_note(out, SL_NOTE_INFO,
                    "custom objects are not to be had (HubSpot answered %d): they need an "
                    "Enterprise account and the scope crm.schemas.custom.read",
                    response->status);
        return SL_DONE;
    }
    if (sl_json_kind(schemas) != SL_JSON_ARRAY)
        return sl_fail(error, SL_BAD_DATA, "the list of custom objects holds no 'results'");
    for (struct sl_json_each e = sl_json_each(schemas); sl_json_next(&e) && !rc;)
        rc = custom_object(self, schemas, e.value, out, error);
    return rc ? rc : SL_DONE;
}

/* ---- properties ---- */

static const struct {
    const char *type;
    enum sl_type_kind kind;
} types[] = {
    {"number", SL_TYPE_DOUBLE},      {"bool", SL_TYPE_BOOLEAN},        {"date", SL_TYPE_DATE},
    {"datetime", SL_TYPE_TIMESTAMP}, {"date-time", SL_TYPE_TIMESTAMP},
};

const char *hubspot_property_id(const char *property, char out[160])
{
    bool taken = strncmp(property, "properties.", 11) == 0;

    for (size_t i = 0; i < hubspot_record_column_count; i++)
        taken |= strcmp(property, hubspot_record_columns[i].name) == 0;
    for (const struct hubspot_object *o = hubspot_objects; o->name; o++)
        taken |= strcmp(property, o->name) == 0; /* a column of associations */
    snprintf(out, 160, "%s%s", taken ? "properties." : "", property);
    return out;
}

static bool usable(const struct sl_json *property)
{
    const char *name = sl_json_str(sl_json_get(property, "name"));
    size_t len = sl_json_str_len(sl_json_get(property, "name"));

    return name && len > 0 && len < 140 && strlen(name) == len &&
           !sl_json_true(sl_json_get(property, "archived"));
}

/* Every value comes as text; "" is an empty one. */
static void property_column(const struct sl_json *property, char *id, struct sl_column *out)
{
    const char *name = sl_json_str(sl_json_get(property, "name"));
    const char *type = sl_json_str(sl_json_get(property, "type"));
    const char *label = sl_json_str(sl_json_get(property, "label"));

    *out = (struct sl_column){
        .name = name,
        .id = hubspot_property_id(name, id),
        .source_type = type,
        .comment = label,
        .path = {"properties", name},
        .type = {.kind = SL_TYPE_STRING},
        .decode = SL_DECODE_TEXT,
    };
    if (strcmp(id, name) == 0) out->id = name;
    for (size_t i = 0; type && i < sizeof types / sizeof *types; i++)
        if (strcmp(type, types[i].type) == 0) out->type.kind = types[i].kind;
}

static const struct sl_member id_element[] = {
    {.name = "element", .type = {.kind = SL_TYPE_BIGINT}},
};

#define CLASHING_MAX (5 + 16) /* property ids that are not the property's name */

static enum sl_code fill_columns(struct hubspot *self, const struct sl_json *properties,
                                 char ids[CLASHING_MAX][160], size_t *count, struct sl_error *error)
{
    struct sl_column *columns = self->room.columns;
    size_t n = 0, clashing = 0;

    for (size_t i = 0; i < hubspot_record_column_count; i++)
        columns[n++] = hubspot_record_columns[i];
    for (struct sl_json_each e = sl_json_each(sl_json_get(self->task.input, "targets"));
         sl_json_next(&e) && n < hubspot_record_column_count + HUBSPOT_TARGETS_MAX;)
        columns[n++] = (struct sl_column){
            .name = sl_json_str(e.value),
            .comment = "Ids of the associated records.",
            .type = {.kind = SL_TYPE_ARRAY, .member_count = 1, .members = id_element},
            .constant = true,
        };
    for (struct sl_json_each e = sl_json_each(properties); sl_json_next(&e);) {
        if (!usable(e.value)) continue;
        if (n == HUBSPOT_COLUMNS_MAX || clashing == CLASHING_MAX)
            return sl_fail(error, SL_TOO_LARGE, "'%s' has more than %d properties", self->path,
                           HUBSPOT_COLUMNS_MAX);
        property_column(e.value, ids[clashing], &columns[n]);
        clashing += columns[n++].id == ids[clashing];
    }
    *count = n;
    return SL_OK;
}

static enum sl_code put_state(const struct hubspot *self, const struct sl_json *properties,
                              struct sl_json_writer *state, struct sl_error *error)
{
    const struct sl_json *input = self->task.input;
    bool merges = false;

    sl_json_begin_object(state);
    sl_json_kv_str(state, "path", self->path);
    sl_json_kv_str(state, "modified", self->modified);
    sl_json_kv_str(state, "portal", self->portal);
    sl_json_kv_i64(state, "utc_offset_ms", self->utc_offset_ms);
    sl_json_key(state, "targets");
    sl_json_put_value(state, sl_json_get(input, "targets"));
    sl_json_key(state, "properties");
    sl_json_begin_array(state);
    for (struct sl_json_each e = sl_json_each(properties); sl_json_next(&e);) {
        if (!usable(e.value)) continue;
        sl_json_put_value(state, sl_json_get(e.value, "name"));
        merges |= sl_json_eq(sl_json_get(e.value, "name"), "hs_merged_object_ids");
    }
    sl_json_end_array(state);
    sl_json_kv_bool(state, "merges", merges);
    sl_json_kv_bool(state, "no_archived", self->no_archived);
    sl_json_end_object(state);
    return sl_json_writer_text(state, NULL)
               ? SL_OK
               : sl_fail(error, SL_NO_MEMORY, "no memory for '%s'", self->path);
}

static enum sl_code emit_object(struct hubspot *self, const struct sl_json *properties,
                                struct sl_out *out, struct sl_error *error)
{
    static const char *const key[] = {"id", NULL};
    static const char *const strict[] = {"properties", NULL};
    const struct sl_json *input = self->task.input;
    struct sl_json_writer *state = sl_json_writer_new();
    char ids[CLASHING_MAX][160];
    struct sl_table_def def = {
        .name = sl_json_str(sl_json_get(input, "name")),
        .namespace_id = self->portal,
        .id = sl_json_str(sl_json_get(input, "id")),
        .comment = sl_json_str(sl_json_get(input, "label")),
        .columns = self->room.columns,
        .primary_key = key,
        .cursor = "updatedAt",
        .ingestion = self->no_archived ? SL_CDC : SL_CDC_WITH_DELETES,
        .reconcile_us = SL_DAY_US, /* associations and computed properties move no date */
        .rereads = true,
        .strict_objects = strict,
        .rows_per_call = HUBSPOT_LIST_ROWS,
        .calls_unchanged = self->no_archived ? 1 : 2,
    };
    enum sl_code rc;

    if (!state) return sl_fail(error, SL_NO_MEMORY, "no memory for '%s'", self->path);
    rc = fill_columns(self, properties, ids, &def.column_count, error);
    if (!rc) rc = put_state(self, properties, state, error);
    def.state = sl_json_writer_text(state, NULL);
    if (!rc) rc = sl_out_table(out, &def, error);
    sl_json_writer_free(state);
    return rc ? rc : SL_DONE;
}

static enum sl_code properties_came(struct hubspot *self, const struct sl_response *response,
                                    struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *properties;

    if (response->status >= 400) {
        sl_out_note(out, SL_NOTE_WARNING, "'%s' is left out: HubSpot answered %d; its scope is %s",
                    self->path, response->status, hubspot_scope(self->path));
        return SL_DONE;
    }
    properties = hubspot_results(self, response->json, error);
    return properties ? emit_object(self, properties, out, error) : error->code;
}

/* ---- the steps ---- */

static enum sl_code ask_properties(struct hubspot *self, struct sl_out *out, struct sl_error *error)
{
    struct sl_url url;

    self->optional = true;
    hubspot_url(self, &url, "crm", "v3", "properties", self->path, NULL);
    return hubspot_ask(self, HUBSPOT_PROPERTIES, &url, NULL, out, error);
}

/* Some are said to refuse to list what was deleted. */
static bool is_doubtful(const char *path)
{
    return strcmp(path, "calls") == 0 || strcmp(path, "meetings") == 0;
}

/* Will it list what was deleted? */
static enum sl_code ask_archived(struct hubspot *self, struct sl_out *out, struct sl_error *error)
{
    struct sl_url url;

    self->optional = true;
    hubspot_url(self, &url, "crm", "v3", "objects", self->path, NULL);
    sl_url_query_i64(&url, "limit", 1);
    sl_url_query(&url, "archived", "true");
    return hubspot_ask(self, HUBSPOT_PROBE, &url, NULL, out, error);
}

/* Which portal is it? Its id says for ever whose tables these are. */
static enum sl_code details_came(struct hubspot *self, const struct sl_response *response,
                                 struct sl_out *out, struct sl_error *error)
{
    struct sl_url url;
    enum sl_code rc;

    if (!sl_page_token(sl_json_get(response->json, "portalId"), self->after, 24))
        return sl_fail(error, SL_BAD_DATA, "HubSpot does not say which portal the token is for");
    self->portal = self->after;
    sl_json_i64(sl_json_get(response->json, "utcOffsetMilliseconds"), &self->utc_offset_ms);
    rc = emit_all_fixed(self, out, error);
    if (!rc) rc = ask_for_standard(self, out, error);
    if (rc) return rc;
    self->optional = true;
    hubspot_url(self, &url, "crm-object-schemas", "v3", "schemas", NULL);
    return hubspot_ask(self, HUBSPOT_SCHEMAS, &url, NULL, out, error);
}

enum sl_code hubspot_discover(void *task, const struct sl_response *response, struct sl_out *out,
                              struct sl_error *error)
{
    struct hubspot *self = task;
    const struct sl_json *input = self->task.input;
    enum sl_code rc;

    self->path = sl_json_str(sl_json_get(input, "path"));
    if (self->path) {
        self->portal = sl_json_str(sl_json_get(input, "portal"));
        self->modified = sl_json_str(sl_json_get(input, "modified"));
        sl_json_i64(sl_json_get(input, "utc_offset_ms"), &self->utc_offset_ms);
    }
    if (!response) {
        rc = hubspot_need_credentials(self, error);
        if (rc) return rc;
        if (!self->path) return hubspot_ask_details(self, out, error);
        return is_doubtful(self->path) ? ask_archived(self, out, error)
                                       : ask_properties(self, out, error);
    }
    rc = hubspot_take_limits(self, response, out, error);
    if (rc) return rc;
    switch (self->stage) {
    case HUBSPOT_DETAILS: return details_came(self, response, out, error);
    case HUBSPOT_SCHEMAS: return schemas_came(self, response, out, error);
    case HUBSPOT_PROBE:
        self->no_archived = response->status == 400;
        return ask_properties(self, out, error);
    default: return properties_came(self, response, out, error);
    }
}
