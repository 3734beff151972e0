/* demo.c: an invented portal. Everything follows from the seed. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "sim/hubspot/hubspot.h"
#include "sim/text.h"

/* clang-format off */
#define COUNT(array) (sizeof(array) / sizeof(array)[0])
/* clang-format on */

static const struct kind {
    const char *name, *type_id, *scope;
    int records;
    const char *targets[HS_TARGETS_MAX];
    const char *properties; /* name:type, with blanks between */
} kinds[] = {
    {"contacts",
     "0-1",
     "crm.objects.contacts.read",
     130,
     {"companies"},
     "firstname:string lastname:string email:string phone:phone_number lifecyclestage:enumeration "
     "hs_email_optout:bool date_of_birth:date hs_latest_meeting_at:datetime score:number "
     "interests:enumeration archived:string companies:string hs_lastmodifieddate:datetime "
     "days_since_contact:number hs_merged_object_ids:string"},
    {"companies",
     "0-2",
     "crm.objects.companies.read",
     60,
     {"contacts"},
     "name:string domain:string annualrevenue:number numberofemployees:number is_public:bool "
     "founded_on:date hs_merged_object_ids:string hs_coordinates:object_coordinates"},
    {"deals",
     "0-3",
     "crm.objects.deals.read",
     105,
     {"contacts", "companies", "tickets"},
     "dealname:string amount:number dealstage:enumeration pipeline:enumeration closedate:datetime "
     "hs_is_closed:bool days_to_close:number hs_v2_time_in_stage:number "
     "hs_merged_object_ids:string"},
    {"tickets",
     "0-5",
     "tickets",
     40,
     {"contacts", "companies", "deals"},
     "subject:string content:string hs_pipeline_stage:enumeration hs_ticket_priority:enumeration "
     "hs_merged_object_ids:string due_on:date"},
    {"products",
     "0-7",
     "crm.objects.products.read",
     25,
     {NULL},
     "name:string hs_sku:string price:number hs_recurring:bool"},
    {"line_items",
     "0-8",
     "crm.objects.line_items.read",
     60,
     {"deals", "quotes"},
     "name:string quantity:number price:number amount:number"},
    {"quotes",
     "0-14",
     "crm.objects.quotes.read",
     12,
     {"contacts", "companies", "deals"},
     "hs_title:string hs_expiration_date:date hs_quote_amount:number"},
    {"calls",
     "0-48",
     "crm.objects.contacts.read",
     30,
     {"contacts", "companies", "deals", "tickets"},
     "hs_call_title:string hs_call_duration:number hs_timestamp:datetime"},
    {"emails",
     "0-49",
     "crm.objects.contacts.read",
     30,
     {"contacts", "companies", "deals", "tickets"},
     "hs_email_subject:string hs_email_html:string hs_timestamp:datetime"},
    {"meetings",
     "0-47",
     "crm.objects.contacts.read",
     20,
     {"contacts", "companies", "deals", "tickets"},
     "hs_meeting_title:string hs_meeting_start_time:datetime hs_timestamp:datetime"},
    {"notes",
     "0-46",
     "crm.objects.contacts.read",
     40,
     {"contacts", "companies", "deals", "tickets"},
     "hs_note_body:string hs_timestamp:datetime"},
    {"tasks",
     "0-27",
     "crm.objects.contacts.read",
     35,
     {"contacts", "companies", "deals", "tickets"},
     "hs_task_subject:string hs_task_is_done:bool hs_timestamp:datetime"},
    {"communications",
     "0-18",
     "crm.objects.contacts.read",
     15,
     {"contacts", "companies", "deals", "tickets"},
     "hs_communication_body:string hs_timestamp:datetime"},
    {"rockets",
     "2-7001",
     "crm.objects.custom.read",
     20,
     {"contacts", "companies"},
     "rocket_name:string thrust:number crewed:bool first_flight:date"},
    {"tasks", "2-7002", "crm.objects.custom.read", 6, {NULL}, "chore:string minutes:number"},
};

/* ---- values ---- */

static const char *const words[] = {"Foxglove", "Teacup", "Marzipan", "Biscuit", "Thimble",
                                    "Juniper",  "Pebble", "Quill",    "Saffron", "Umbrella",
                                    "Ölmühle",  "Ñandú",  "Zephyr",   "Acorn",   "Bramble"};

static void text_value(const char *name, const struct hs_record *record, uint64_t r, char *out,
                       size_t cap)
{
    const char *a = words[r % COUNT(words)], *b = words[(r >> 8) % COUNT(words)];

    if (strcmp(name, "email") == 0)
        (void)snprintf(out, cap, "visitor%" PRId64 "@example.com", record->id);
    else if (strcmp(name, "domain") == 0)
        (void)snprintf(out, cap, "imaginary%" PRId64 ".example", record->id);
    else if (strcmp(name, "hs_email_html") == 0)
        (void)snprintf(out, cap, "<p>Dear %s,<br>the \\\"%s\\\" is late.</p>", a, b);
    else
        (void)snprintf(out, cap, "%s %s %d", a, b, (int)(r >> 16 & 255));
}

/* One value of a property; false: null. */
static bool make_value(const struct hubspot *app, const struct hs_property *p,
                       const struct hs_record *record, uint64_t r, char *out, size_t cap)
{
    char time[40];

    out[0] = '\0';
    if (r % 7 == 0) return false;
    if (r % 11 == 0) return true; /* "" is an empty value, too */
    if (strcmp(p->name, "hs_merged_object_ids") == 0) return false;
    if (strcmp(p->name, "hs_lastmodifieddate") == 0) { /* of contacts: not the one to go by */
        hs_time(record->created_us, out);
    } else if (strcmp(p->type, "number") == 0) {
        int64_t number = (int64_t)(r >> 20) % 1000000;
        if (r & 16)
            (void)snprintf(out, cap, "%" PRId64 ".%02d", number, (int)(r >> 5 & 63));
        else
            (void)snprintf(out, cap, "%s%" PRId64, r & 32 ? "-" : "", number);
    } else if (strcmp(p->type, "bool") == 0) {
        (void)snprintf(out, cap, "%s", r & 16 ? "true" : "false");
    } else if (strcmp(p->type, "date") == 0 || strcmp(p->type, "datetime") == 0) {
        hs_time(app->start_us - (int64_t)(r >> 20 & 0xFFFFF) * 1000 * SL_SECOND_US / 16, time);
        if (strcmp(p->type, "date") == 0) time[10] = '\0';
        (void)snprintf(out, cap, "%s", time);
    } else if (strcmp(p->type, "enumeration") == 0) {
        (void)snprintf(out, cap, r & 16 ? "%s" : "%s;second_choice", words[r % 5]);
    } else if (strcmp(p->type, "object_coordinates") == 0) {
        (void)snprintf(out, cap, "{\"x\":%d,\"y\":1}", (int)(r >> 9 & 63));
    } else {
        text_value(p->name, record, r, out, cap);
    }
    return true;
}

bool hs_invent(struct hubspot *app, struct hs_type *type, struct hs_record *record, uint64_t salt)
{
    char value[160];

    for (size_t i = 3; i < type->property_count; i++) { /* the first ones are computed */
        const struct hs_property *p = &type->properties[i];
        uint64_t r =
            sim_mix(sim_mix(app->seed, salt), sim_mix((uint64_t)record->id, sim_hash(p->name)));

        if (strcmp(p->name, "hs_merged_object_ids") == 0) continue;
        bool there = make_value(app, p, record, r, value, sizeof value);
        if (!hs_set(type, record, (int)i, there ? value : NULL)) return false;
    }
    return true;
}

/* ---- the portal ---- */

static bool add_properties(struct hs_type *type, const char *text)
{
    while (*text) {
        size_t len = strcspn(text, " "), colon = strcspn(text, ":");
        char name[64], kind[32];

        (void)snprintf(name, sizeof name, "%.*s", (int)colon, text);
        (void)snprintf(kind, sizeof kind, "%.*s", (int)(len - colon - 1), text + colon + 1);
        if (!hs_add_property(type, name, name, kind)) return false;
        text += len + (text[len] == ' ');
    }
    return true;
}

static bool add_records(struct hubspot *app, struct hs_type *type, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        uint64_t r = sim_mix(app->seed, sim_mix(sim_hash(type->type_id), (uint64_t)i));
        int64_t created =
            app->start_us - SL_DAY_US * (int64_t)(10 + (count - i)) + (int64_t)(r % 1000) * 1000;
        struct hs_record *record = hs_new_record(type, created);

        if (!record || !hs_invent(app, type, record, 0)) return false;
        record->updated_us = created + (int64_t)(r >> 10 & 0xFF) * 1000 * SL_SECOND_US;
        if (i % 9 == 0) record->updated_us -= record->updated_us % SL_SECOND_US;
        record->indexed_us = record->updated_us;
    }
    return true;
}

/* Each record to one or two of each target; many contacts to the first company. */
static bool add_links(struct hubspot *app, struct hs_type *type)
{
    for (int t = 0; t < HS_TARGETS_MAX && type->targets[t]; t++) {
        struct hs_type *to = hs_type_of(app, type->targets[t]);
        bool contacts = strcmp(type->type_id, "0-1") == 0;

        if (!to || to->record_count == 0) continue;
        for (size_t i = 0; i < type->record_count; i++) {
            uint64_t r = sim_mix(app->seed, sim_mix((uint64_t)i, sim_hash(type->targets[t])));

            if (contacts && i < 120 && !hs_link(app, type, type->records[i], to, to->records[0]))
                return false;
            if (r % 3 == 0) continue;
            if (!hs_link(app, type, type->records[i], to, to->records[r % to->record_count]))
                return false;
        }
    }
    return true;
}

static bool fill_type(struct hubspot *app, const struct kind *kind, int64_t records, bool empty)
{
    bool custom = strncmp(kind->type_id, "2-", 2) == 0;
    struct hs_type *type =
        hs_add_type(app, kind->name, kind->type_id, strcmp(kind->name, "contacts") == 0);

    if (!type || !add_properties(type, kind->properties)) return false;
    type->scope = kind->scope;
    type->custom = custom;
    memcpy(type->targets, kind->targets, sizeof type->targets);
    type->no_archive = strcmp(kind->name, "calls") == 0 || strcmp(kind->name, "meetings") == 0;
    if (custom)
        (void)snprintf(type->qualified, sizeof type->qualified, "p%s_%s", HS_PORTAL, kind->name);
    return empty || add_records(app, type, records ? records : kind->records);
}

static bool fill_bench(struct hubspot *app, int64_t records)
{
    struct hs_type *type = hs_add_type(app, "contacts", "0-1", true);
    char name[40];

    if (!type) return false;
    type->scope = "crm.objects.contacts.read";
    for (int i = 0; i < 40; i++) {
        static const char *const types[] = {"string", "number", "string", "bool",
                                            "string", "date",   "string", "datetime"};
        (void)snprintf(name, sizeof name, "property_%02d", i);
        if (!hs_add_property(type, name, name, types[i % 8])) return false;
    }
    type->bench = records ? records : 100000;
    return true;
}

void hs_bench_record(struct hubspot *app, struct hs_type *type, size_t index)
{
    struct hs_record *record = &app->scratch;

    *record = (struct hs_record){.id = (int64_t)index + 1, .values = app->scratch_values};
    record->created_us = app->start_us - 100 * SL_DAY_US + (int64_t)index * 1000;
    record->updated_us = record->indexed_us = record->created_us;
    record->value_count = type->property_count < 64 ? type->property_count : 64;
    for (size_t i = 3; i < record->value_count; i++) {
        uint64_t r = sim_mix(index, i);
        const char *kind = type->properties[i].type;
        char *out = app->scratch_text[i];

        app->scratch_values[i] = out;
        if (kind[0] == 'n')
            (void)snprintf(out, 48, "%d.%02d", (int)(r % 100000), (int)(r >> 40) & 63);
        else if (kind[0] == 'b')
            memcpy(out, r & 1 ? "true" : "false", 6 - (r & 1));
        else if (kind[0] == 'd')
            memcpy(out, kind[4] ? "2026-02-01T10:20:30.123Z" : "2026-02-01", kind[4] ? 25 : 11);
        else
            (void)snprintf(out, 48, "%s %s %d", words[r % 10], words[(r >> 8) % 10],
                           (int)(r >> 16 & 4095));
    }
}

enum sl_code hs_fill(struct hubspot *app, const struct sim_options *options, struct sl_error *error)
{
    const char *kind = options->kind ? options->kind : "demo";
    bool good = true;

    app->owners = 7;
    if (strcmp(kind, "bench") == 0) {
        good = fill_bench(app, options->records);
    } else if (strcmp(kind, "demo") == 0 || strcmp(kind, "empty") == 0) {
        bool empty = strcmp(kind, "empty") == 0;
        for (size_t i = 0; i < COUNT(kinds) && good; i++)
            good = fill_type(app, &kinds[i], options->records, empty);
        for (int i = 0; i < app->type_count && good; i++) good = add_links(app, &app->types[i]);
        if (empty) app->owners = 0;
    } else {
        return sl_fail(error, SL_USAGE, "HubSpot has the kinds demo, empty and bench, not '%s'",
                       kind);
    }
    return good ? SL_OK : sl_fail(error, SL_NO_MEMORY, "could not make a portal");
}
