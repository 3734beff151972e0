/* data.c: objects, properties, records. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/time.h"
#include "sim/hubspot/hubspot.h"
#include "sim/text.h"

void hs_time(int64_t us, char text[40])
{
    char full[SL_TIME_TEXT_MAX];

    us -= us % 1000;
    (void)sl_time_format_ms(us, full);
    if (us % SL_SECOND_US == 0) memcpy(full + 19, "Z", 2);
    (void)snprintf(text, 40, "%s", full);
}

int64_t hs_number(const char *text)
{
    return text ? strtoll(text, NULL, 10) : 0;
}

/* ---- objects and properties ---- */

struct hs_type *hs_type_of(struct hubspot *app, const char *name)
{
    for (int i = 0; i < app->type_count; i++) {
        struct hs_type *type = &app->types[i];

        if (strcmp(type->type_id, name) == 0 || strcmp(type->qualified, name) == 0 ||
            (!type->custom && strcmp(type->name, name) == 0))
            return type;
    }
    return NULL;
}

int hs_index_of(const struct hubspot *app, const struct hs_type *type)
{
    return (int)(type - app->types);
}

bool hs_add_property(struct hs_type *type, const char *name, const char *label, const char *kind)
{
    if (type->property_count == type->property_cap) {
        size_t cap = type->property_cap ? type->property_cap * 2 : 16;
        struct hs_property *more = sl_realloc(type->properties, cap * sizeof *more);

        if (!more) return false;
        type->properties = more;
        type->property_cap = cap;
    }
    struct hs_property *p = &type->properties[type->property_count++];

    *p = (struct hs_property){0};
    (void)snprintf(p->name, sizeof p->name, "%s", name);
    (void)snprintf(p->label, sizeof p->label, "%s", label);
    (void)snprintf(p->type, sizeof p->type, "%s", kind);
    (void)snprintf(p->field_type, sizeof p->field_type, "%s",
                   strcmp(kind, "enumeration") == 0 ? "checkbox"
                   : strcmp(kind, "bool") == 0      ? "booleancheckbox"
                   : strcmp(kind, "string") == 0    ? "text"
                   : strcmp(kind, "number") == 0    ? "number"
                                                    : "date");
    p->calculated = strncmp(name, "hs_v2_", 6) == 0 || strncmp(name, "days_", 5) == 0;
    return true;
}

struct hs_type *hs_add_type(struct hubspot *app, const char *name, const char *type_id,
                            bool contacts)
{
    struct hs_type *type = &app->types[app->type_count];
    bool old = strlen(type_id) == 3; /* contacts, companies, deals, tickets and a few more */
    bool good;

    if (app->type_count == HS_TYPES_MAX) return NULL;
    *type = (struct hs_type){.next_id = 101 + 1000 * (int64_t)app->type_count};
    (void)snprintf(type->name, sizeof type->name, "%s", name);
    (void)snprintf(type->type_id, sizeof type->type_id, "%s", type_id);
    type->modified = contacts ? "lastmodifieddate" : "hs_lastmodifieddate";
    type->created = old ? "createdate" : "hs_createdate";
    good = hs_add_property(type, "hs_object_id", "Record ID", "number") &&
           hs_add_property(type, type->created, "Create Date", "datetime") &&
           hs_add_property(type, type->modified, "Last Modified Date", "datetime");
    if (!good) return NULL;
    app->type_count++;
    return type;
}

int hs_property_of(const struct hs_type *type, const char *name)
{
    for (size_t i = 0; i < type->property_count; i++)
        if (!type->properties[i].archived && strcmp(type->properties[i].name, name) == 0)
            return (int)i;
    return -1;
}

/* ---- records ---- */

size_t hs_count(const struct hs_type *type)
{
    return type->bench ? (size_t)type->bench : type->record_count;
}

struct hs_record *hs_at(struct hubspot *app, struct hs_type *type, size_t index)
{
    if (!type->bench) return type->records[index];
    hs_bench_record(app, type, index);
    return &app->scratch;
}

struct hs_record *hs_find(struct hubspot *app, struct hs_type *type, int64_t id)
{
    size_t low = 0, high = type->record_count;

    if (type->bench) return id >= 1 && id <= type->bench ? hs_at(app, type, (size_t)id - 1) : NULL;
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (type->records[middle]->id == id) return type->records[middle];
        if (type->records[middle]->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

struct hs_record *hs_new_record(struct hs_type *type, int64_t created_us)
{
    struct hs_record *record = sl_calloc(1, sizeof *record);

    if (record && type->record_count == type->record_cap) {
        size_t cap = type->record_cap ? type->record_cap * 2 : 64;
        struct hs_record **more = sl_realloc(type->records, cap * sizeof(struct hs_record *));

        if (more) {
            type->records = more;
            type->record_cap = cap;
        } else {
            sl_free(record);
            record = NULL;
        }
    }
    if (!record) return NULL;
    record->id = type->next_id;
    type->next_id += 1 + type->next_id % 3; /* with gaps */
    record->created_us = record->updated_us = record->indexed_us = created_us;
    type->records[type->record_count++] = record;
    return record;
}

bool hs_set(struct hs_type *type, struct hs_record *record, int property, const char *value)
{
    char *copy = value ? sl_strdup(value) : NULL;

    if (value && !copy) return false;
    if (record->value_count <= (size_t)property) {
        size_t count = type->property_count;
        char **more = sl_realloc(record->values, count * sizeof(char *));

        if (!more) {
            sl_free(copy);
            return false;
        }
        for (size_t i = record->value_count; i < count; i++) more[i] = NULL;
        record->values = more;
        record->value_count = count;
    }
    sl_free(record->values[property]);
    record->values[property] = copy;
    return true;
}

const char *hs_get(const struct hs_type *type, const struct hs_record *record, int property,
                   char text[40])
{
    const char *name = type->properties[property].name;

    if (strcmp(name, "hs_object_id") == 0) {
        (void)snprintf(text, 40, "%" PRId64, record->id);
        return text;
    }
    if (strcmp(name, type->created) == 0 || strcmp(name, type->modified) == 0) {
        hs_time(strcmp(name, type->created) == 0 ? record->created_us : record->updated_us, text);
        return text;
    }
    return (size_t)property < record->value_count ? record->values[property] : NULL;
}

/* ---- associations ---- */

static bool add_edge(struct hs_record *record, int type, int64_t id)
{
    for (size_t i = 0; i < record->edge_count; i++)
        if (record->edges[i].type == type && record->edges[i].id == id) return true;
    if (record->edge_count == record->edge_cap) {
        size_t cap = record->edge_cap ? record->edge_cap * 2 : 4;
        struct hs_edge *more = sl_realloc(record->edges, cap * sizeof *more);

        if (!more) return false;
        record->edges = more;
        record->edge_cap = cap;
    }
    record->edges[record->edge_count++] = (struct hs_edge){type, id};
    return true;
}

bool hs_link(struct hubspot *app, struct hs_type *a, struct hs_record *x, struct hs_type *b,
             struct hs_record *y)
{
    return add_edge(x, hs_index_of(app, b), y->id) && add_edge(y, hs_index_of(app, a), x->id);
}

static void drop_edge(struct hs_record *record, int type, int64_t id)
{
    size_t kept = 0;

    for (size_t i = 0; i < record->edge_count; i++)
        if (record->edges[i].type != type || record->edges[i].id != id)
            record->edges[kept++] = record->edges[i];
    record->edge_count = kept;
}

void hs_unlink(struct hubspot *app, struct hs_type *a, struct hs_record *x, struct hs_type *b,
               int64_t id)
{
    struct hs_record *y = hs_find(app, b, id);

    drop_edge(x, hs_index_of(app, b), id);
    if (y) drop_edge(y, hs_index_of(app, a), x->id);
}

void hs_type_release(struct hs_type *type)
{
    for (size_t i = 0; i < type->record_count; i++) {
        struct hs_record *record = type->records[i];

        for (size_t k = 0; k < record->value_count; k++) sl_free(record->values[k]);
        sl_free(record->values);
        sl_free(record->edges);
        sl_free(record);
    }
    sl_free(type->records);
    sl_free(type->properties);
}
