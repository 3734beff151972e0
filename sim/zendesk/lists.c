/* lists.c: a row of the tables that are only listed; and truth. */
#include <stdio.h>
#include <string.h>

#include "sim/text.h"
#include "sim/zendesk/zendesk.h"

static void put_head(struct zd_out *o, enum zd_table table, const struct zd_row *row)
{
    zd_put(o, "id", "%lld", (long long)row->id);
    zd_put_str(o, "url", "https://" ZD_SUBDOMAIN ".zendesk.com/api/v2/%s/%lld.json", zd_name(table),
               (long long)row->id);
}

static void put_times(struct zd_out *o, const struct zd_row *row)
{
    zd_put_time(o, "created_at", row->created_s);
    zd_put_time(o, "updated_at", row->updated_s);
}

static void put_article(const struct zendesk *app, struct zd_out *o, const struct zd_row *row)
{
    zd_put_str(o, "html_url", "https://" ZD_SUBDOMAIN ".zendesk.com/hc/en-us/articles/%lld",
               (long long)row->id);
    zd_put(o, "author_id", "%lld", (long long)zd_pick(app, ZD_USERS, row->n % 6));
    zd_put_flag(o, "comments_disabled", false);
    zd_put_flag(o, "draft", row->n % 12 == 5);
    zd_put_flag(o, "promoted", row->n % 9 == 2);
    zd_put(o, "position", "%u", row->n);
    zd_put(o, "vote_sum", "%d", (int)(row->n % 7) - 2);
    zd_put(o, "vote_count", "%u", row->n % 9);
    zd_put(o, "section_id", "%lld", (long long)zd_pick(app, ZD_SECTIONS, row->n));
    put_times(o, row);
    zd_put_str(o, "name", "How to change bulb %u (%u)", row->n, row->version);
    zd_put_str(o, "title", "How to change bulb %u (%u)", row->n, row->version);
    zd_put(o, "source_locale", "\"en-us\"");
    zd_put(o, "locale", "\"en-us\"");
    zd_put_flag(o, "outdated", false);
    zd_put(o, "outdated_locales", "[]");
    zd_put_time(o, "edited_at", row->updated_s);
    zd_put(o, "user_segment_id", "null");
    zd_put(o, "permission_group_id", "7276461");
    zd_put(o, "content_tag_ids", "[]");
    zd_put(o, "label_names", "%s", row->n % 2 ? "[\"bulbs\"]" : "[]");
    zd_put_str(o, "body", "<h1>Bulb %u</h1><p>Let it cool first.</p>", row->n);
}

static void put_help_center(const struct zendesk *app, enum zd_table table, struct zd_out *o,
                            const struct zd_row *row)
{
    zd_put_str(o, "html_url", "https://" ZD_SUBDOMAIN ".zendesk.com/hc/en-us/%s/%lld",
               zd_name(table), (long long)row->id);
    zd_put_str(o, "name", "Lamps of kind %u", row->n);
    zd_put_str(o, "description", "All about kind %u", row->n);
    zd_put(o, "position", "%u", row->n);
    put_times(o, row);
    if (table == ZD_TOPICS) {
        zd_put(o, "follower_count", "%u", row->n * 3);
        zd_put(o, "community_id", "%lld", (long long)zd_id(ZD_TOPICS, 100000));
        zd_put(o, "user_segment_id", "null");
        zd_put(o, "user_segment_ids", "[]");
        zd_put(o, "manageable_by", "\"managers\"");
        return;
    }
    zd_put(o, "locale", "\"en-us\"");
    zd_put(o, "source_locale", "\"en-us\"");
    zd_put_flag(o, "outdated", false);
    if (table == ZD_SECTIONS) {
        zd_put(o, "category_id", "%lld", (long long)zd_pick(app, ZD_CATEGORIES, row->n));
        zd_put(o, "parent_section_id", "null");
        zd_put(o, "theme_template", "\"section_page\"");
        zd_put(o, "sorting", "\"manual\"");
    }
}

static void put_post(const struct zendesk *app, struct zd_out *o, const struct zd_row *row)
{
    zd_put_str(o, "html_url", "https://" ZD_SUBDOMAIN ".zendesk.com/hc/en-us/community/posts/%lld",
               (long long)row->id);
    zd_put_str(o, "title", "My lamp sings %u", row->n);
    zd_put(o, "details", "\"<p>At night.</p>\"");
    zd_put(o, "author_id", "%lld", (long long)zd_pick(app, ZD_USERS, row->n));
    zd_put(o, "topic_id", "%lld", (long long)zd_pick(app, ZD_TOPICS, row->n));
    zd_put_flag(o, "pinned", false);
    zd_put_flag(o, "featured", row->n % 10 == 0);
    zd_put_flag(o, "closed", false);
    zd_put(o, "status", "\"none\"");
    zd_put(o, "vote_sum", "%u", row->n % 5);
    zd_put(o, "vote_count", "%u", row->n % 5);
    zd_put(o, "comment_count", "%u", row->n % 8);
    zd_put(o, "follower_count", "1");
    zd_put(o, "content_tag_ids", "[]");
    put_times(o, row);
}

static void put_brand(struct zd_out *o, const struct zd_row *row)
{
    zd_put_str(o, "name", "Brand %u", row->n);
    zd_put_str(o, "brand_url", "https://brand%u.zendesk.com", row->n);
    zd_put_str(o, "subdomain", "brand%u", row->n);
    zd_put(o, "host_mapping", "null");
    zd_put_flag(o, "has_help_center", row->n == 0);
    zd_put(o, "help_center_state", "%s", row->n ? "\"disabled\"" : "\"enabled\"");
    zd_put_flag(o, "active", true);
    zd_put_flag(o, "default", row->n == 0);
    zd_put_flag(o, "is_deleted", row->state != ZD_LIVE);
    zd_put(o, "logo", "null");
    zd_put(o, "ticket_form_ids", "[]");
    zd_put(o, "signature_template", "\"{{agent.signature}}\"");
    put_times(o, row);
}

static void put_group(struct zd_out *o, const struct zd_row *row)
{
    zd_put_str(o, "name", "Bench %u", row->n);
    zd_put(o, "description", "\"\"");
    zd_put_flag(o, "default", row->n == 0);
    zd_put_flag(o, "is_public", true);
    zd_put_flag(o, "deleted", row->state != ZD_LIVE);
    put_times(o, row);
}

static void put_field(enum zd_table table, struct zd_out *o, const struct zd_row *row)
{
    if (table != ZD_TICKET_FIELDS) zd_put(o, "key", "\"field_%u\"", row->n + 1);
    zd_put(o, "type", "\"%s\"", zd_field_type(row));
    zd_put_str(o, "title", "Lamp detail %u", row->n + 1);
    zd_put_str(o, "raw_title", "Lamp detail %u", row->n + 1);
    zd_put_str(o, "description", "What kind of lamp it is, part %u", row->n + 1);
    zd_put(o, "raw_description", "\"\"");
    zd_put(o, "position", "%u", row->n);
    zd_put_flag(o, "active", true);
    zd_put(o, "regexp_for_validation", "null");
    put_times(o, row);
    if (table == ZD_TICKET_FIELDS) {
        zd_put_flag(o, "required", false);
        zd_put_flag(o, "collapsed_for_agents", false);
        zd_put(o, "title_in_portal", "\"Lamp\"");
        zd_put(o, "raw_title_in_portal", "\"Lamp\"");
        zd_put_flag(o, "visible_in_portal", true);
        zd_put_flag(o, "editable_in_portal", true);
        zd_put_flag(o, "required_in_portal", false);
        zd_put(o, "tag", "null");
        zd_put(o, "agent_description", "null");
    } else {
        zd_put(o, "tag", "null");
    }
    zd_put_flag(o, "removable", zd_is_custom(row));
    if (table != ZD_TICKET_FIELDS) zd_put_flag(o, "system", false);
    if (strcmp(zd_field_type(row), "tagger") == 0)
        zd_put(o, "custom_field_options",
               "[{\"id\":1,\"name\":\"Aurora\",\"raw_name\":\"Aurora\","
               "\"value\":\"model_a\",\"default\":false}]");
}

/* Macros, views, triggers and automations look much the same. */
static void put_rule(enum zd_table table, struct zd_out *o, const struct zd_row *row)
{
    zd_put_str(o, "title", "Rule %u for lamps", row->n);
    zd_put_flag(o, "active", row->n % 4 != 3);
    zd_put_flag(o, "default", row->n == 0);
    zd_put(o, "position", "%u", row->n);
    zd_put(o, "description", "null");
    put_times(o, row);
    if (table == ZD_MACROS || table == ZD_VIEWS) zd_put(o, "restriction", "null");
    if (table != ZD_VIEWS) zd_put(o, "actions", "[{\"field\":\"status\",\"value\":\"solved\"}]");
    if (table != ZD_MACROS)
        zd_put(o, "conditions",
               "{\"all\":[{\"field\":\"status\",\"operator\":\"less_than\","
               "\"value\":\"solved\"}],\"any\":[]}");
    if (table == ZD_VIEWS) zd_put(o, "execution", "{\"group_by\":null,\"columns\":[]}");
    if (table == ZD_TRIGGERS) zd_put(o, "category_id", "\"10026\"");
    if (table != ZD_AUTOMATIONS) zd_put_str(o, "raw_title", "Rule %u for lamps", row->n);
}

static void put_form(struct zd_out *o, const struct zd_row *row)
{
    zd_put_str(o, "name", "Form %u", row->n);
    zd_put_str(o, "raw_name", "Form %u", row->n);
    zd_put_str(o, "display_name", "Form %u", row->n);
    zd_put_str(o, "raw_display_name", "Form %u", row->n);
    zd_put_flag(o, "end_user_visible", true);
    zd_put(o, "position", "%u", row->n);
    zd_put(o, "ticket_field_ids", "[%lld]", (long long)zd_id(ZD_TICKET_FIELDS, 0));
    zd_put_flag(o, "active", true);
    zd_put_flag(o, "default", row->n == 0);
    zd_put_flag(o, "in_all_brands", true);
    zd_put(o, "restricted_brand_ids", "[]");
    zd_put(o, "end_user_conditions", "[]");
    zd_put(o, "agent_conditions", "[]");
    put_times(o, row);
}

static void put_membership(const struct zendesk *app, enum zd_table table, struct zd_out *o,
                           const struct zd_row *row)
{
    bool group = table == ZD_GROUP_MEMBERSHIPS;

    zd_put(o, "user_id", "%lld", (long long)zd_pick(app, ZD_USERS, row->n));
    if (group)
        zd_put(o, "group_id", "%lld", (long long)zd_pick(app, ZD_GROUPS, row->n));
    else
        zd_put(o, "organization_id", "%lld", (long long)zd_pick(app, ZD_ORGANIZATIONS, row->n));
    zd_put_flag(o, "default", row->n % 2 == 0);
    if (!group) {
        zd_put_str(o, "organization_name", "Filament & Sons");
        zd_put_flag(o, "view_tickets", true);
    }
    put_times(o, row);
}

static void put_rating(const struct zendesk *app, struct zd_out *o, const struct zd_row *row)
{
    zd_put(o, "assignee_id", "%lld", (long long)zd_pick(app, ZD_USERS, row->n % 6));
    zd_put(o, "group_id", "%lld", (long long)zd_pick(app, ZD_GROUPS, row->n));
    zd_put(o, "requester_id", "%lld", (long long)zd_pick(app, ZD_USERS, row->n));
    zd_put(o, "ticket_id", "%u", row->n + 1);
    zd_put(o, "score", "%s", row->n % 3 ? "\"good\"" : "\"bad\"");
    zd_put(o, "comment", "%s", row->n % 4 ? "null" : "\"Quick, and bright.\"");
    zd_put(o, "reason", "null");
    zd_put(o, "reason_id", "null");
    zd_put(o, "reason_code", "null");
    put_times(o, row);
}

void zd_render_list_row(const struct zendesk *app, enum zd_table table, const struct zd_row *row,
                        struct sl_buf *buf)
{
    struct zd_out o;

    zd_open(&o, buf, row);
    if (table == ZD_TAGS) {
        zd_put(&o, "name", "\"tag_%u\"", row->n);
        zd_put(&o, "count", "%u", 3 * row->n + row->version);
        zd_close(&o);
        return;
    }
    put_head(&o, table, row);
    switch (table) {
    case ZD_ARTICLES: put_article(app, &o, row); break;
    case ZD_SECTIONS:
    case ZD_CATEGORIES:
    case ZD_TOPICS: put_help_center(app, table, &o, row); break;
    case ZD_POSTS: put_post(app, &o, row); break;
    case ZD_BRANDS: put_brand(&o, row); break;
    case ZD_GROUPS: put_group(&o, row); break;
    case ZD_TICKET_FIELDS:
    case ZD_USER_FIELDS:
    case ZD_ORGANIZATION_FIELDS: put_field(table, &o, row); break;
    case ZD_TICKET_FORMS: put_form(&o, row); break;
    case ZD_GROUP_MEMBERSHIPS:
    case ZD_ORGANIZATION_MEMBERSHIPS: put_membership(app, table, &o, row); break;
    case ZD_RATINGS: put_rating(app, &o, row); break;
    default: put_rule(table, &o, row);
    }
    zd_close(&o);
}

/* ---- truth ---- */

static bool has_comment(const struct zd_row *row)
{
    return row->event == ZD_CREATED || row->event == ZD_COMMENTED;
}

static void put_truth(const struct zendesk *app, enum zd_table table, const char *name,
                      const struct zd_row *row, struct sl_buf *out)
{
    if (strcmp(name, "ticket_comments") == 0)
        zd_render_comment(app, row, true, out);
    else if (strcmp(name, "ticket_metrics") == 0)
        zd_render_metrics(app, row, out);
    else
        zd_render(app, table, row, 0, out);
    if (strncmp(name, "ticket_", 7) == 0) return;
    out->len--; /* the closing brace */
    zd_put_constants(app, table, row, out);
    sl_buf_addc(out, '}');
}

/* Rows that a complete read would bring: deleted ones as the exports still show them. */
enum sl_code zd_truth(void *state, const struct sim_request *request, struct sl_buf *out,
                      struct sl_error *error)
{
    const struct zendesk *app = state;
    char name[64] = "";
    const char *comma = "";
    bool named = sim_query_get(request->query, "table", name, sizeof name);
    bool comments = strcmp(name, "ticket_comments") == 0;
    int table = comments                              ? ZD_EVENTS
                : strcmp(name, "ticket_metrics") == 0 ? ZD_TICKETS
                                                      : zd_find_name(name);

    if (!named) {
        sl_buf_adds(out, "{\"tables\":[\"ticket_comments\",\"ticket_metrics\"");
        for (int t = 0; t < ZD_TABLES; t++) sl_buf_addf(out, ",\"%s\"", zd_name(t));
        sl_buf_adds(out, "]}");
        return SL_OK;
    }
    if (table < 0) return sl_fail(error, SL_NOT_FOUND, "there is no table '%s'", name);
    sl_buf_addf(out, "{\"table\":\"%s\",\"records\":[", name);
    for (size_t i = 0; i < zd_count(&app->tables[table]); i++) {
        struct zd_row row = zd_at(app, (enum zd_table)table, i);
        if (row.state == ZD_GONE || (comments && !has_comment(&row))) continue;
        sl_buf_adds(out, comma);
        put_truth(app, (enum zd_table)table, name, &row, out);
        comma = ",";
    }
    sl_buf_adds(out, "]}");
    return SL_OK;
}
