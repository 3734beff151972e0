/* objects.c: the objects of every portal, and the columns that do not depend on it. */
#include "hubspot.h"

#include <string.h>

/* clang-format off */
#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define SCALAR(k) {.kind = SL_TYPE_##k}
#define ENGAGED {"contacts", "companies", "deals", "tickets"}
/* clang-format on */

#define LAST_MODIFIED "hs_lastmodifieddate"

/* Contacts list a property hs_lastmodifieddate as well, but their edits move the other one. */
const struct hubspot_object hubspot_objects[] = {
    {"contacts", "0-1", "lastmodifieddate", "crm.objects.contacts.read", {"companies"}},
    {"companies", "0-2", LAST_MODIFIED, "crm.objects.companies.read", {"contacts"}},
    {"deals", "0-3", LAST_MODIFIED, "crm.objects.deals.read", {"contacts", "companies", "tickets"}},
    {"tickets", "0-5", LAST_MODIFIED, "tickets", {"contacts", "companies", "deals"}},
    {"products", "0-7", LAST_MODIFIED, "crm.objects.products.read", {NULL}},
    {"line_items", "0-8", LAST_MODIFIED, "crm.objects.line_items.read", {"deals", "quotes"}},
    {"quotes",
     "0-14",
     LAST_MODIFIED,
     "crm.objects.quotes.read",
     {"contacts", "companies", "deals"}},
    {"calls", "0-48", LAST_MODIFIED, "crm.objects.contacts.read", ENGAGED},
    {"emails", "0-49", LAST_MODIFIED, "crm.objects.contacts.read", ENGAGED},
    {"meetings", "0-47", LAST_MODIFIED, "crm.objects.contacts.read", ENGAGED},
    {"notes", "0-46", LAST_MODIFIED, "crm.objects.contacts.read", ENGAGED},
    {"tasks", "0-27", LAST_MODIFIED, "crm.objects.contacts.read", ENGAGED},
    {"communications", "0-18", LAST_MODIFIED, "crm.objects.contacts.read", ENGAGED},
    {0},
};

const char *hubspot_scope(const char *path)
{
    if (strcmp(path, "owners") == 0) return "crm.objects.owners.read";
    for (const struct hubspot_object *o = hubspot_objects; o->name; o++)
        if (strcmp(o->name, path) == 0 || strcmp(o->type_id, path) == 0) return o->scope;
    return "crm.objects.custom.read";
}

const struct sl_column hubspot_record_columns[] = {
    {.name = "id", .type = SCALAR(STRING), .not_null = true, .comment = "Id of the record."},
    {.name = "createdAt", .type = SCALAR(TIMESTAMP)},
    {.name = "updatedAt", .type = SCALAR(TIMESTAMP)},
    {.name = "archived", .type = SCALAR(BOOLEAN)},
    {.name = "url", .type = SCALAR(STRING), .comment = "Where HubSpot shows the record."},
};
const size_t hubspot_record_column_count = COUNT(hubspot_record_columns);

static const struct sl_member team[] = {
    {.name = "id", .type = SCALAR(STRING)},
    {.name = "name", .type = SCALAR(STRING)},
    {.name = "primary", .type = SCALAR(BOOLEAN)},
};
static const struct sl_member team_element[] = {
    {.name = "element",
     .type = {.kind = SL_TYPE_STRUCT, .member_count = COUNT(team), .members = team}},
};

const struct sl_column hubspot_owner_columns[] = {
    {.name = "id", .type = SCALAR(STRING), .not_null = true},
    {.name = "email", .type = SCALAR(STRING)},
    {.name = "type", .type = SCALAR(STRING)},
    {.name = "firstName", .type = SCALAR(STRING)},
    {.name = "lastName", .type = SCALAR(STRING)},
    {.name = "userId", .type = SCALAR(BIGINT)},
    {.name = "userIdIncludingInactive", .type = SCALAR(BIGINT)},
    {.name = "createdAt", .type = SCALAR(TIMESTAMP)},
    {.name = "updatedAt", .type = SCALAR(TIMESTAMP)},
    {.name = "archived", .type = SCALAR(BOOLEAN)},
    {.name = "teams", .type = {.kind = SL_TYPE_ARRAY, .member_count = 1, .members = team_element}},
};
const size_t hubspot_owner_column_count = COUNT(hubspot_owner_columns);

static const struct sl_member stage_metadata[] = {
    {.name = "isClosed", .type = SCALAR(STRING)},
    {.name = "probability", .type = SCALAR(STRING)},
    {.name = "ticketState", .type = SCALAR(STRING)},
};
static const struct sl_member pipeline_stage[] = {
    {.name = "id", .type = SCALAR(STRING)},
    {.name = "label", .type = SCALAR(STRING)},
    {.name = "displayOrder", .type = SCALAR(BIGINT)},
    {.name = "metadata",
     .type = {.kind = SL_TYPE_STRUCT,
              .member_count = COUNT(stage_metadata),
              .members = stage_metadata}},
    {.name = "createdAt", .type = SCALAR(TIMESTAMP)},
    {.name = "updatedAt", .type = SCALAR(TIMESTAMP)},
    {.name = "archived", .type = SCALAR(BOOLEAN)},
    {.name = "archivedAt", .type = SCALAR(TIMESTAMP)},
    {.name = "writePermissions", .type = SCALAR(STRING)},
};
static const struct sl_member stage_element[] = {
    {.name = "element",
     .type = {.kind = SL_TYPE_STRUCT,
              .member_count = COUNT(pipeline_stage),
              .members = pipeline_stage}},
};

const struct sl_column hubspot_pipeline_columns[] = {
    {.name = "id", .type = SCALAR(STRING), .not_null = true},
    {.name = "label", .type = SCALAR(STRING)},
    {.name = "displayOrder", .type = SCALAR(BIGINT)},
    {.name = "createdAt", .type = SCALAR(TIMESTAMP)},
    {.name = "updatedAt", .type = SCALAR(TIMESTAMP)},
    {.name = "archived", .type = SCALAR(BOOLEAN)},
    {.name = "stages",
     .type = {.kind = SL_TYPE_ARRAY, .member_count = 1, .members = stage_element}},
};
const size_t hubspot_pipeline_column_count = COUNT(hubspot_pipeline_columns);
