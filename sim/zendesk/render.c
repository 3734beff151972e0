/* render.c: a row of the tables with changes as JSON. */
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "sim/text.h"
#include "sim/zendesk/zendesk.h"

/* ---- an object ---- */

void zd_open(struct zd_out *o, struct sl_buf *buf, const struct zd_row *row)
{
    *o = (struct zd_out){.buf = buf, .row = row};
    sl_buf_addc(buf, '{');
}

void zd_close(struct zd_out *o)
{
    sl_buf_addc(o->buf, '}');
}

/* Writes the name; true when an operation has set the value, which is then written, too. */
static bool begin(struct zd_out *o, const char *name)
{
    const struct zd_text *text = o->row ? o->row->texts : NULL;

    if (o->more) sl_buf_addc(o->buf, ',');
    o->more = true;
    sim_json_text(o->buf, name);
    sl_buf_addc(o->buf, ':');
    while (text && strcmp(text->name, name) != 0) text = text->next;
    if (text) sl_buf_adds(o->buf, text->json);
    return text != NULL;
}

void zd_put(struct zd_out *o, const char *name, const char *format, ...)
{
    va_list args;

    if (begin(o, name)) return;
    va_start(args, format);
    sl_buf_vaddf(o->buf, format, args);
    va_end(args);
}

void zd_put_str(struct zd_out *o, const char *name, const char *format, ...)
{
    char text[512];
    va_list args;

    if (begin(o, name)) return;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    sim_json_text(o->buf, text);
}

/* As Zendesk writes times: whole seconds. */
static void time_text(int64_t second, char out[SL_TIME_TEXT_MAX])
{
    sl_time_format_ms(second * SL_SECOND_US, out);
    size_t len = strlen(out);
    if (len > 5) (void)snprintf(out + len - 5, 6, "Z");
}

void zd_put_time(struct zd_out *o, const char *name, int64_t second)
{
    char text[SL_TIME_TEXT_MAX];

    time_text(second, text);
    zd_put(o, name, second ? "\"%s\"" : "null", text);
}

void zd_put_flag(struct zd_out *o, const char *name, bool truth)
{
    zd_put(o, name, truth ? "true" : "false");
}

uint64_t zd_dice(const struct zendesk *app, const struct zd_row *row, const char *what)
{
    return sim_mix(app->seed + sim_hash(what), (uint64_t)row->id * 131 + row->version);
}

const char *zd_person(uint64_t n, bool last)
{
    static const char *const first_names[] = {"Ada", "Bruno", "Céline", "Dmitri",
                                              "Ewa", "Farid", "Greta",  "Hana",
                                              "Ivo", "Jutta", "Kenji",  "Lúcia"};
    static const char *const last_names[] = {"Amberley", "Brightwick", "Candlemark", "Dimsdale",
                                             "Embers",   "Filament",   "Glimmer",    "Halogen"};

    return last ? last_names[n / 12 % 8] : first_names[n % 12];
}

/* ---- fields that users made ---- */

static const char *const types[] = {"text",     "integer",      "decimal",     "checkbox",
                                    "date",     "tagger",       "multiselect", "regexp",
                                    "textarea", "dropdown",     "subject",     "description",
                                    "status",   "tickettype",   "priority",    "group",
                                    "assignee", "custom_status"};

#define CUSTOM_TYPES 10
#define SYSTEM_FIELDS 8

uint8_t zd_type_of(enum zd_table fields, int64_t n)
{
    static const uint8_t of_users[] = {0, 2, 4, 9};

    if (fields == ZD_TICKET_FIELDS)
        return (uint8_t)(n < SYSTEM_FIELDS ? CUSTOM_TYPES + n : (n - SYSTEM_FIELDS) % 7);
    return of_users[n % 4];
}

int zd_type_find(const char *name)
{
    for (int i = 0; i < CUSTOM_TYPES; i++)
        if (strcmp(types[i], name) == 0) return i;
    return -1;
}

bool zd_is_custom(const struct zd_row *field)
{
    return field->event < CUSTOM_TYPES && field->state == ZD_LIVE;
}

const char *zd_field_type(const struct zd_row *field)
{
    return types[field->event];
}

/* The value of a custom field in a row. Tickets have numbers as text; others do not. */
static void put_custom(const struct zendesk *app, const struct zd_row *row,
                       const struct zd_row *field, bool ticket, struct sl_buf *buf)
{
    char name[40];
    const char *quote = ticket ? "\"" : "";
    const struct zd_text *text = row->texts;
    uint64_t dice;

    (void)snprintf(name, sizeof name, "custom:%lld", (long long)field->id);
    while (text && strcmp(text->name, name) != 0) text = text->next;
    if (text) {
        sl_buf_adds(buf, text->json);
        return;
    }
    dice = zd_dice(app, row, name);
    if (dice % 5 == 0 || row->state == ZD_SCRUBBED) {
        sl_buf_adds(buf, "null");
        return;
    }
    dice >>= 8;
    switch (field->event) {
    case 1: sl_buf_addf(buf, "%s%llu%s", quote, (unsigned long long)(dice % 5000), quote); break;
    case 2:
        sl_buf_addf(buf, "%s%llu.%02llu%s", quote, (unsigned long long)(dice % 900),
                    (unsigned long long)(dice % 99 + 1), quote);
        break;
    case 3: sl_buf_adds(buf, dice % 2 ? "true" : "false"); break;
    case 4:
        sl_buf_addf(buf, "\"2026-%02u-%02u%s\"", (unsigned)(dice % 12 + 1),
                    (unsigned)(dice % 28 + 1), ticket ? "" : "T00:00:00+00:00");
        break;
    case 5:
    case 9: sl_buf_addf(buf, "\"model_%c\"", (char)('a' + (int)(dice % 6))); break;
    case 6: sl_buf_adds(buf, dice % 2 ? "[\"warm\",\"dimmable\"]" : "[\"cold\"]"); break;
    default: sl_buf_addf(buf, "\"LW-%05llu\"", (unsigned long long)(dice % 100000));
    }
}

static void put_custom_fields(const struct zendesk *app, struct zd_out *o, const char *name)
{
    const struct zd_rows *fields = &app->tables[ZD_TICKET_FIELDS];
    const char *comma = "";

    if (begin(o, name)) return;
    sl_buf_addc(o->buf, '[');
    for (size_t i = 0; i < fields->count; i++) {
        const struct zd_row *field = &fields->list[i];
        if (!zd_is_custom(field)) continue;
        sl_buf_addf(o->buf, "%s{\"id\":%lld,\"value\":", comma, (long long)field->id);
        put_custom(app, o->row, field, true, o->buf);
        sl_buf_addc(o->buf, '}');
        comma = ",";
    }
    sl_buf_addc(o->buf, ']');
}

static void put_keyed_fields(const struct zendesk *app, struct zd_out *o, enum zd_table table,
                             const char *name)
{
    const struct zd_rows *fields = &app->tables[table];
    const char *comma = "";

    if (begin(o, name)) return;
    sl_buf_addc(o->buf, '{');
    for (size_t i = 0; i < fields->count; i++) {
        const struct zd_row *field = &fields->list[i];
        if (!zd_is_custom(field)) continue;
        sl_buf_addf(o->buf, "%s\"field_%u\":", comma, field->n + 1);
        put_custom(app, o->row, field, false, o->buf);
        comma = ",";
    }
    sl_buf_addc(o->buf, '}');
}

/* Constants of the connector: custom fields under the names of their columns. */
void zd_put_constants(const struct zendesk *app, enum zd_table table, const struct zd_row *row,
                      struct sl_buf *buf)
{
    enum zd_table in = table == ZD_TICKETS         ? ZD_TICKET_FIELDS
                       : table == ZD_USERS         ? ZD_USER_FIELDS
                       : table == ZD_ORGANIZATIONS ? ZD_ORGANIZATION_FIELDS
                                                   : ZD_TABLES;
    char name[128];

    if (in == ZD_TABLES) return;
    for (size_t i = 0; i < app->tables[in].count; i++) {
        const struct zd_row *field = &app->tables[in].list[i];
        if (!zd_is_custom(field)) continue;
        zd_column_name(in, field, name);
        sl_buf_addc(buf, ',');
        sim_json_text(buf, name);
        sl_buf_addc(buf, ':');
        put_custom(app, row, field, table == ZD_TICKETS, buf);
    }
}

void zd_column_name(enum zd_table fields, const struct zd_row *field, char out[128])
{
    struct sl_buf title = {0};
    struct zd_out o = {.buf = &title, .row = field};

    if (fields != ZD_TICKET_FIELDS) {
        (void)snprintf(out, 128, "custom_field_%u", field->n + 1);
        return;
    }
    zd_put_str(&o, "title", "Lamp detail %u", field->n + 1); /* "title":"Lamp detail 9" */
    (void)snprintf(out, 128, "custom_%.*s", (int)title.len - 10, sl_buf_str(&title) + 9);
    sl_buf_release(&title);
}

/* ---- tickets ---- */

int64_t zd_pick(const struct zendesk *app, enum zd_table table, uint64_t dice)
{
    size_t count = app->tables[table].first;

    return count ? zd_at(app, table, dice % count).id : zd_id(table, 0);
}

void zd_render_metrics(const struct zendesk *app, const struct zd_row *row, struct sl_buf *buf)
{
    uint64_t dice = zd_dice(app, row, "metrics");
    struct zd_out o;

    zd_open(&o, buf, NULL);
    zd_put(&o, "id", "%lld", (long long)(row->id + INT64_C(77000000000)));
    zd_put(&o, "ticket_id", "%lld", (long long)row->id);
    zd_put_str(&o, "url", "https://" ZD_SUBDOMAIN ".zendesk.com/api/v2/ticket_metrics/%lld.json",
               (long long)(row->id + INT64_C(77000000000)));
    zd_put_time(&o, "created_at", row->created_s);
    zd_put_time(&o, "updated_at", row->updated_s);
    zd_put(&o, "group_stations", "%u", (unsigned)(dice % 3 + 1));
    zd_put(&o, "assignee_stations", "%u", (unsigned)(dice % 2 + 1));
    zd_put(&o, "reopens", "%u", (unsigned)(dice % 2));
    zd_put(&o, "replies", "%u", (unsigned)(dice % 5));
    zd_put_time(&o, "assignee_updated_at", row->updated_s);
    zd_put_time(&o, "requester_updated_at", row->created_s);
    zd_put_time(&o, "status_updated_at", row->updated_s);
    zd_put_time(&o, "initially_assigned_at", row->created_s + 60);
    zd_put_time(&o, "assigned_at", row->created_s + 60);
    zd_put_time(&o, "solved_at", dice % 3 ? 0 : row->updated_s);
    zd_put_time(&o, "latest_comment_added_at", row->updated_s);
    zd_put(&o, "reply_time_in_minutes", "{\"calendar\":%u,\"business\":%u}", (unsigned)(dice % 900),
           (unsigned)(dice % 300));
    zd_put(&o, "first_resolution_time_in_minutes", "{\"calendar\":null,\"business\":null}");
    zd_put(&o, "full_resolution_time_in_minutes", "{\"calendar\":%u,\"business\":%u}",
           (unsigned)(dice % 9000), (unsigned)(dice % 3000));
    zd_put(&o, "agent_wait_time_in_minutes", "{\"calendar\":5,\"business\":5}");
    zd_put(&o, "requester_wait_time_in_minutes", "{\"calendar\":9,\"business\":4}");
    zd_put(&o, "on_hold_time_in_minutes", "{\"calendar\":0,\"business\":0}");
    zd_put_time(&o, "custom_status_updated_at", row->updated_s);
    zd_close(&o);
}

static void put_people(const struct zendesk *app, struct zd_out *o, uint64_t dice)
{
    zd_put(o, "requester_id", "%lld", (long long)zd_pick(app, ZD_USERS, dice));
    zd_put(o, "submitter_id", "%lld", (long long)zd_pick(app, ZD_USERS, dice));
    zd_put(o, "assignee_id", dice % 4 ? "%lld" : "null",
           (long long)zd_pick(app, ZD_USERS, dice >> 8));
    zd_put(o, "organization_id", dice % 3 ? "%lld" : "null",
           (long long)zd_pick(app, ZD_ORGANIZATIONS, dice >> 16));
    zd_put(o, "group_id", "%lld", (long long)zd_pick(app, ZD_GROUPS, dice >> 24));
    zd_put(o, "collaborator_ids", dice % 5 ? "[]" : "[%lld]",
           (long long)zd_pick(app, ZD_USERS, dice >> 32));
    zd_put(o, "follower_ids", "[]");
    zd_put(o, "email_cc_ids", "[]");
}

static void render_ticket(const struct zendesk *app, const struct zd_row *row, int with,
                          struct sl_buf *buf)
{
    static const char *const status[] = {"new", "open", "pending", "hold", "solved", "closed"};
    static const char *const priority[] = {"\"low\"", "\"normal\"", "\"high\"", "\"urgent\"",
                                           "null"};
    uint64_t dice = zd_dice(app, row, "ticket");
    bool scrubbed = row->state == ZD_SCRUBBED, gone = row->state != ZD_LIVE;
    struct zd_out o;

    zd_open(&o, buf, row);
    zd_put_str(&o, "url", "https://" ZD_SUBDOMAIN ".zendesk.com/api/v2/tickets/%lld.json",
               (long long)row->id);
    zd_put(&o, "id", "%lld", (long long)row->id);
    zd_put(&o, "external_id", dice % 6 ? "null" : "\"shop-%llu\"", (unsigned long long)row->id);
    zd_put(&o, "via", "{\"channel\":\"%s\",\"source\":{\"from\":{},\"to\":{},\"rel\":null}}",
           dice % 2 ? "web" : "email");
    zd_put_time(&o, "created_at", row->created_s);
    zd_put_time(&o, "updated_at", row->updated_s);
    zd_put(&o, "generated_timestamp", "%lld", (long long)row->changed_s);
    zd_put(&o, "type", dice % 3 ? "null" : "\"question\"");
    if (scrubbed) {
        zd_put(&o, "subject", "\"SCRUBBED\"");
        zd_put(&o, "raw_subject", "\"SCRUBBED\"");
        zd_put(&o, "description", "\"\"");
    } else {
        zd_put_str(&o, "subject", "Lamp %llu flickers ✨ (%u)", (unsigned long long)(dice % 900),
                   row->version);
        zd_put_str(&o, "raw_subject", "Lamp %llu flickers ✨ (%u)", (unsigned long long)(dice % 900),
                   row->version);
        zd_put_str(&o, "description", "It went dark after %llu hours.\nWhat can I do?",
                   (unsigned long long)(dice % 77));
    }
    zd_put(&o, "priority", "%s", priority[dice % 5]);
    zd_put_str(&o, "status", "%s", gone ? "deleted" : status[dice % 6]);
    zd_put(&o, "recipient", "null");
    put_people(app, &o, dice >> 3);
    zd_put(&o, "forum_topic_id", "null");
    zd_put(&o, "problem_id", "null");
    zd_put(&o, "has_incidents", "false");
    zd_put_flag(&o, "is_public", dice % 7 != 0);
    zd_put_time(&o, "due_at", dice % 9 ? 0 : row->created_s + 86400);
    zd_put(&o, "tags", dice % 2 ? "[\"lamp\",\"warranty\"]" : "[]");
    put_custom_fields(app, &o, "custom_fields");
    zd_put(&o, "satisfaction_rating", dice % 4 ? "{\"score\":\"unoffered\"}" : "null");
    zd_put(&o, "sharing_agreement_ids", "[]");
    zd_put(&o, "custom_status_id", "189999999900%u", (unsigned)(dice % 5));
    zd_put_str(&o, "encoded_id", "LW%04llX-%05lld", (unsigned long long)(dice % 65536),
               (long long)row->id);
    put_custom_fields(app, &o, "fields");
    zd_put(&o, "followup_ids", "[]");
    zd_put(&o, "ticket_form_id", "%lld", (long long)zd_pick(app, ZD_TICKET_FORMS, dice >> 5));
    zd_put(&o, "brand_id", "%lld", (long long)zd_pick(app, ZD_BRANDS, dice >> 7));
    zd_put(&o, "allow_channelback", "false");
    zd_put(&o, "allow_attachments", "true");
    zd_put(&o, "from_messaging_channel", "false");
    zd_put(&o, "result_type", "\"ticket\"");
    zd_put(&o, "support_type", "\"agent\"");
    zd_put(&o, "deleted_ticket_form_id", "null");
    if (with & ZD_WITH_METRICS) {
        sl_buf_adds(buf, ",\"metric_set\":");
        zd_render_metrics(app, row, buf);
    }
    zd_close(&o);
}

/* ---- users and organizations ---- */

static void put_user_rights(struct zd_out *o, const struct zd_row *row, bool agent)
{
    zd_put(o, "moderator", agent ? "true" : "false");
    zd_put(o, "notes", "\"\"");
    zd_put(o, "only_private_comments", "false");
    zd_put_flag(o, "report_csv", false);
    zd_put_flag(o, "restricted_agent", !agent);
    zd_put(o, "role", agent ? row->n == 0 ? "\"admin\"" : "\"agent\"" : "\"end-user\"");
    zd_put(o, "role_type", "null");
    zd_put_flag(o, "shared", false);
    zd_put_flag(o, "shared_agent", false);
    zd_put(o, "signature", "null");
    zd_put_flag(o, "suspended", row->n % 23 == 7);
    zd_put(o, "ticket_restriction", agent ? "null" : "\"requested\"");
    zd_put(o, "two_factor_auth_enabled", "null");
    zd_put_flag(o, "verified", row->n % 3 != 0);
}

static void render_user(const struct zendesk *app, const struct zd_row *row, struct sl_buf *buf)
{
    uint64_t dice = zd_dice(app, row, "user");
    bool scrubbed = row->state == ZD_SCRUBBED;
    struct zd_out o;

    zd_open(&o, buf, row);
    zd_put(&o, "id", "%lld", (long long)row->id);
    zd_put_str(&o, "url", "https://" ZD_SUBDOMAIN ".zendesk.com/api/v2/users/%lld.json",
               (long long)row->id);
    if (scrubbed)
        zd_put(&o, "name", "\"Permanently Deleted User\"");
    else
        zd_put_str(&o, "name", "%s %s", zd_person(row->n, false), zd_person(row->n, true));
    zd_put(&o, "email", scrubbed || dice % 9 == 0 ? "null" : "\"customer%u@%s.example\"",
           row->n % 100, row->n < 6 ? ZD_SUBDOMAIN : "customers"); /* some have the same one */
    zd_put_time(&o, "created_at", row->created_s);
    zd_put_time(&o, "updated_at", row->updated_s);
    zd_put(&o, "time_zone", "\"Vienna\"");
    zd_put(&o, "iana_time_zone", "\"Europe/Vienna\"");
    zd_put(&o, "phone", dice % 4 ? "null" : "\"+43 555 %04u\"", row->n);
    zd_put(&o, "shared_phone_number", "null");
    zd_put(&o, "photo",
           dice % 5 ? "null"
                    : "{\"id\":%lld,\"file_name\":\"face.png\",\"content_type\":"
                      "\"image/png\",\"size\":2400,\"inline\":false,\"thumbnails\":[]}",
           (long long)row->id + 7);
    zd_put(&o, "locale_id", "1");
    zd_put(&o, "locale", "\"en-US\"");
    zd_put(&o, "organization_id", dice % 2 ? "%lld" : "null",
           (long long)zd_pick(app, ZD_ORGANIZATIONS, dice >> 9));
    zd_put_flag(&o, "active", row->state == ZD_LIVE);
    zd_put_flag(&o, "permanently_deleted", scrubbed);
    zd_put(&o, "alias", "null");
    zd_put(&o, "details", "\"\"");
    zd_put(&o, "external_id", "null");
    zd_put(&o, "custom_role_id", "null");
    zd_put(&o, "default_group_id", "null");
    zd_put(&o, "tags", dice % 3 ? "[]" : "[\"vip\"]");
    zd_put_time(&o, "last_login_at", dice % 2 ? row->updated_s : 0);
    put_user_rights(&o, row, row->n < 6);
    put_keyed_fields(app, &o, ZD_USER_FIELDS, "user_fields");
    zd_close(&o);
}

static void render_organization(const struct zendesk *app, const struct zd_row *row,
                                struct sl_buf *buf)
{
    uint64_t dice = zd_dice(app, row, "organization");
    struct zd_out o;

    zd_open(&o, buf, row);
    zd_put_str(&o, "url", "https://" ZD_SUBDOMAIN ".zendesk.com/api/v2/organizations/%lld.json",
               (long long)row->id);
    zd_put(&o, "id", "%lld", (long long)row->id);
    zd_put_str(&o, "name", "%s & Sons %u", zd_person(row->n * 12, true), row->n);
    zd_put(&o, "shared_tickets", dice % 2 ? "true" : "false");
    zd_put(&o, "shared_comments", "false");
    zd_put(&o, "external_id", "null");
    zd_put_time(&o, "created_at", row->created_s);
    zd_put_time(&o, "updated_at", row->updated_s);
    zd_put(&o, "domain_names", "[\"org%u.example\"]", row->n);
    zd_put_str(&o, "details", "customer since %u", 2010 + row->n % 15);
    zd_put(&o, "notes", "null");
    zd_put(&o, "group_id", "null");
    zd_put(&o, "tags", "[]");
    put_keyed_fields(app, &o, ZD_ORGANIZATION_FIELDS, "organization_fields");
    zd_put_time(&o, "deleted_at", row->state == ZD_LIVE ? 0 : row->changed_s);
    zd_close(&o);
}

void zd_render(const struct zendesk *app, enum zd_table table, const struct zd_row *row, int with,
               struct sl_buf *buf)
{
    switch (table) {
    case ZD_TICKETS: render_ticket(app, row, with, buf); break;
    case ZD_USERS: render_user(app, row, buf); break;
    case ZD_ORGANIZATIONS: render_organization(app, row, buf); break;
    case ZD_EVENTS: zd_render_event(app, row, with, buf); break;
    case ZD_METRIC_EVENTS: zd_render_metric_event(row, buf); break;
    default: zd_render_list_row(app, table, row, buf);
    }
}
