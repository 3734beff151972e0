/* tables.c: the tables and their columns. What is not a plain value is kept as JSON text, but for
 * shapes that Zendesk documents and that are the same in each row. */
#include <string.h>

#include "zendesk.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* clang-format off */
#define T(n) {.name = n, .type = {.kind = SL_TYPE_STRING}}
#define N(n) {.name = n, .type = {.kind = SL_TYPE_BIGINT}}
#define B(n) {.name = n, .type = {.kind = SL_TYPE_BOOLEAN}}
#define TIME(n) {.name = n, .type = {.kind = SL_TYPE_TIMESTAMP}}
#define UNIX(n) {.name = n, .type = {.kind = SL_TYPE_TIMESTAMP}, .decode = SL_DECODE_SECONDS}
#define JSON(n) {.name = n, .type = {.kind = SL_TYPE_STRING}, .decode = SL_DECODE_JSON}
#define TEXTS(n) {.name = n, .type = {.kind = SL_TYPE_ARRAY, .member_count = 1, .members = text_element}}
#define IDS(n) {.name = n, .type = {.kind = SL_TYPE_ARRAY, .member_count = 1, .members = id_element}}
#define ID(n) {.name = n, .type = {.kind = SL_TYPE_BIGINT}, .not_null = true}
#define MINUTES(n) {.name = n, .type = {.kind = SL_TYPE_STRUCT, .member_count = 2, .members = minutes}}
#define TIMES TIME("created_at"), TIME("updated_at")

static const struct sl_member text_element[] = {{.name = "element", .type = {.kind = SL_TYPE_STRING}}};
static const struct sl_member id_element[] = {{.name = "element", .type = {.kind = SL_TYPE_BIGINT}}};
static const struct sl_member minutes[] = {
    {.name = "calendar", .type = {.kind = SL_TYPE_BIGINT}},
    {.name = "business", .type = {.kind = SL_TYPE_BIGINT}},
};
#define FILE_MEMBERS \
    {.name = "id", .type = {.kind = SL_TYPE_BIGINT}}, \
    {.name = "file_name", .type = {.kind = SL_TYPE_STRING}}, \
    {.name = "content_url", .type = {.kind = SL_TYPE_STRING}, .fleeting = true}, \
    {.name = "mapped_content_url", .type = {.kind = SL_TYPE_STRING}, .fleeting = true}, \
    {.name = "content_type", .type = {.kind = SL_TYPE_STRING}}, \
    {.name = "size", .type = {.kind = SL_TYPE_BIGINT}}, \
    {.name = "width", .type = {.kind = SL_TYPE_BIGINT}}, \
    {.name = "height", .type = {.kind = SL_TYPE_BIGINT}}, \
    {.name = "inline", .type = {.kind = SL_TYPE_BOOLEAN}}, \
    {.name = "deleted", .type = {.kind = SL_TYPE_BOOLEAN}}, \
    {.name = "malware_access_override", .type = {.kind = SL_TYPE_BOOLEAN}}, \
    {.name = "malware_scan_result", .type = {.kind = SL_TYPE_STRING}}, \
    {.name = "url", .type = {.kind = SL_TYPE_STRING}}
static const struct sl_member thumbnail[] = {FILE_MEMBERS};
static const struct sl_member thumbnails[] = {
    {.name = "element",
     .type = {.kind = SL_TYPE_STRUCT, .member_count = COUNT(thumbnail), .members = thumbnail}},
};
static const struct sl_member attachment[] = {
    FILE_MEMBERS,
    {.name = "thumbnails",
     .type = {.kind = SL_TYPE_ARRAY, .member_count = 1, .members = thumbnails}},
};
static const struct sl_member attachments[] = {
    {.name = "element",
     .type = {.kind = SL_TYPE_STRUCT, .member_count = COUNT(attachment), .members = attachment}},
};

static const struct sl_column ticket_columns[] = {
    ID("id"), T("url"), T("external_id"), JSON("via"), TIMES, UNIX("generated_timestamp"),
    T("type"), T("subject"), T("raw_subject"), T("description"), T("priority"), T("status"),
    T("recipient"), N("requester_id"), N("submitter_id"), N("assignee_id"), N("organization_id"),
    N("group_id"), IDS("collaborator_ids"), IDS("follower_ids"), IDS("email_cc_ids"),
    N("forum_topic_id"), N("problem_id"), B("has_incidents"), B("is_public"), TIME("due_at"),
    TEXTS("tags"), JSON("custom_fields"), JSON("fields"), JSON("satisfaction_rating"),
    IDS("sharing_agreement_ids"), IDS("followup_ids"), N("ticket_form_id"), N("brand_id"),
    N("custom_status_id"), T("encoded_id"), T("result_type"), T("support_type"),
    N("deleted_ticket_form_id"), B("allow_channelback"), B("allow_attachments"),
    B("from_messaging_channel"),
};
static const struct sl_column user_columns[] = {
    ID("id"), T("url"), T("email"), T("name"), B("active"), B("permanently_deleted"), T("alias"),
    TIMES, N("custom_role_id"), N("default_group_id"), T("details"), T("external_id"),
    T("time_zone"), T("iana_time_zone"), TIME("last_login_at"), T("locale"), N("locale_id"),
    B("moderator"), T("notes"), B("only_private_comments"), N("organization_id"), T("phone"),
    JSON("photo"), B("report_csv"), B("restricted_agent"), T("role"), N("role_type"), B("shared"),
    B("shared_agent"), B("shared_phone_number"), T("signature"), B("suspended"), TEXTS("tags"),
    T("ticket_restriction"), B("two_factor_auth_enabled"), JSON("user_fields"), B("verified"),
};
static const struct sl_column organization_columns[] = {
    ID("id"), T("url"), T("external_id"), T("name"), TIMES, TIME("deleted_at"),
    TEXTS("domain_names"), T("details"), T("notes"), N("group_id"), B("shared_tickets"),
    B("shared_comments"), TEXTS("tags"), JSON("organization_fields"),
};
/* An export and a list show these with different members beside them. */
static const struct sl_column comment_columns[] = {
    ID("id"),
    {.name = "ticket_id", .type = {.kind = SL_TYPE_BIGINT}, .constant = true},
    {.name = "audit_id", .type = {.kind = SL_TYPE_BIGINT}, .constant = true},
    {.name = "created_at", .type = {.kind = SL_TYPE_TIMESTAMP}, .constant = true},
    N("author_id"), T("type"), T("body"), T("html_body"), T("plain_body"), B("public"),
    {.name = "attachments",
     .type = {.kind = SL_TYPE_ARRAY, .member_count = 1, .members = attachments}},
    JSON("via"),
    {.name = "metadata", .type = {.kind = SL_TYPE_STRING}, .constant = true},
};
static const struct sl_column event_columns[] = {
    ID("id"), N("ticket_id"), UNIX("timestamp"), TIME("created_at"), N("updater_id"), JSON("via"),
    JSON("system"), JSON("metadata"), T("event_type"), JSON("child_events"),
};
static const struct sl_column metric_event_columns[] = {
    ID("id"), N("ticket_id"), T("metric"), N("instance_id"), T("type"), TIME("time"), JSON("sla"),
    JSON("group_sla"), JSON("status"), B("deleted"),
};
static const struct sl_column metric_columns[] = {
    ID("id"), N("ticket_id"), T("url"), TIMES, N("group_stations"), N("assignee_stations"),
    N("reopens"), N("replies"), TIME("assignee_updated_at"), TIME("requester_updated_at"),
    TIME("status_updated_at"), TIME("initially_assigned_at"), TIME("assigned_at"),
    TIME("solved_at"), TIME("latest_comment_added_at"), TIME("custom_status_updated_at"),
    MINUTES("reply_time_in_minutes"), MINUTES("first_resolution_time_in_minutes"),
    MINUTES("full_resolution_time_in_minutes"), MINUTES("agent_wait_time_in_minutes"),
    MINUTES("requester_wait_time_in_minutes"), MINUTES("on_hold_time_in_minutes"),
    JSON("reply_time_in_seconds"),
};
static const struct sl_column article_columns[] = {
    ID("id"), T("url"), T("html_url"), N("author_id"), B("comments_disabled"), B("draft"),
    B("promoted"), N("position"), N("vote_sum"), N("vote_count"), N("section_id"), TIMES, T("name"),
    T("title"), T("source_locale"), T("locale"), B("outdated"), TEXTS("outdated_locales"),
    TIME("edited_at"), N("user_segment_id"), IDS("user_segment_ids"), N("permission_group_id"),
    TEXTS("content_tag_ids"), TEXTS("label_names"), T("body"),
};
static const struct sl_column section_columns[] = {
    ID("id"), T("url"), T("html_url"), T("name"), T("description"), N("position"), TIMES,
    T("locale"), T("source_locale"), B("outdated"), N("category_id"), N("parent_section_id"),
    T("theme_template"), T("sorting"),
};
static const struct sl_column category_columns[] = {
    ID("id"), T("url"), T("html_url"), T("name"), T("description"), N("position"), TIMES,
    T("locale"), T("source_locale"), B("outdated"),
};
static const struct sl_column topic_columns[] = {
    ID("id"), T("url"), T("html_url"), T("name"), T("description"), N("position"),
    N("follower_count"), N("community_id"), TIMES, N("user_segment_id"), IDS("user_segment_ids"),
    T("manageable_by"),
};
static const struct sl_column post_columns[] = {
    ID("id"), T("url"), T("html_url"), T("title"), T("details"), N("author_id"), N("topic_id"),
    B("pinned"), B("featured"), B("closed"), T("status"), N("vote_sum"), N("vote_count"),
    N("comment_count"), N("follower_count"), TEXTS("content_tag_ids"), TIMES,
};
static const struct sl_column brand_columns[] = {
    ID("id"), T("url"), T("name"), T("brand_url"), T("subdomain"), T("host_mapping"),
    B("has_help_center"), T("help_center_state"), B("active"), B("default"), B("is_deleted"), TIMES,
    IDS("ticket_form_ids"), T("signature_template"), JSON("logo"),
};
static const struct sl_column group_columns[] = {
    ID("id"), T("url"), T("name"), T("description"), B("default"), B("is_public"), B("deleted"),
    TIMES,
};
static const struct sl_column ticket_field_columns[] = {
    ID("id"), T("url"), T("type"), T("title"), T("raw_title"), T("description"),
    T("raw_description"), N("position"), B("active"), B("required"), B("collapsed_for_agents"),
    T("regexp_for_validation"), T("title_in_portal"), T("raw_title_in_portal"),
    B("visible_in_portal"), B("editable_in_portal"), B("required_in_portal"), T("tag"), TIMES,
    B("removable"), T("key"), T("agent_description"), JSON("custom_field_options"),
    JSON("system_field_options"), JSON("custom_statuses"), N("sub_type_id"),
    T("relationship_target_type"), JSON("relationship_filter"), N("creator_user_id"),
    T("creator_app_name"),
};
static const struct sl_column key_field_columns[] = {
    ID("id"), T("url"), T("key"), T("type"), T("title"), T("raw_title"), T("description"),
    T("raw_description"), N("position"), B("active"), B("system"), T("regexp_for_validation"),
    T("tag"), B("removable"), TIMES, JSON("custom_field_options"), T("relationship_target_type"),
    JSON("relationship_filter"),
};
static const struct sl_column form_columns[] = {
    ID("id"), T("url"), T("name"), T("raw_name"), T("display_name"), T("raw_display_name"),
    B("end_user_visible"), N("position"), IDS("ticket_field_ids"), B("active"), B("default"),
    B("in_all_brands"), IDS("restricted_brand_ids"), JSON("end_user_conditions"),
    JSON("agent_conditions"), TIMES,
};
static const struct sl_column rule_columns[] = {
    ID("id"), T("url"), T("title"), T("raw_title"), T("description"), B("active"), B("default"),
    N("position"), JSON("actions"), JSON("conditions"), JSON("restriction"), JSON("execution"),
    T("category_id"), TIMES,
};
static const struct sl_column group_membership_columns[] = {
    ID("id"), T("url"), N("user_id"), N("group_id"), B("default"), TIMES,
};
static const struct sl_column organization_membership_columns[] = {
    ID("id"), T("url"), N("user_id"), N("organization_id"), B("default"), T("organization_name"),
    B("view_tickets"), TIMES,
};
static const struct sl_column rating_columns[] = {
    ID("id"), T("url"), N("assignee_id"), N("group_id"), N("requester_id"), N("ticket_id"),
    T("score"), T("comment"), T("reason"), N("reason_id"), N("reason_code"), TIMES,
};
static const struct sl_column tag_columns[] = {
    {.name = "name", .type = {.kind = SL_TYPE_STRING}, .not_null = true}, N("count"),
};

#define COLUMNS(array) .columns = array, .column_count = COUNT(array)
#define LISTED(n, path, array) {.name = n, .list = path, COLUMNS(array)}

const struct zendesk_table zendesk_tables[] = {
    {.name = "tickets", .export = "incremental/tickets/cursor", .way = ZENDESK_BY_CURSOR,
     .ingestion = SL_CDC_WITH_DELETES, .cursor = "generated_timestamp", .fields = "ticket_fields",
     .values = "custom_fields", .deleted = "status", COLUMNS(ticket_columns)},
    {.name = "users", .export = "incremental/users/cursor", .way = ZENDESK_BY_CURSOR,
     .ingestion = SL_CDC_WITH_DELETES, .cursor = "updated_at", .fields = "user_fields",
     .values = "user_fields", .deleted = "active", COLUMNS(user_columns)},
    {.name = "organizations", .export = "incremental/organizations", .list = "organizations",
     .way = ZENDESK_BY_TIME, .ingestion = SL_CDC_WITH_DELETES, .cursor = "updated_at",
     .fields = "organization_fields", .values = "organization_fields", .deleted = "deleted_at",
     COLUMNS(organization_columns)},
    {.name = "ticket_comments", .array = "ticket_events", .export = "incremental/ticket_events",
     .include = "comment_events", .way = ZENDESK_BY_TIME, .rows = ZENDESK_CHILDREN,
     .ingestion = SL_CDC_WITH_DELETES, .cursor = "created_at", COLUMNS(comment_columns)},
    {.name = "ticket_events", .export = "incremental/ticket_events", .way = ZENDESK_BY_TIME,
     .ingestion = SL_CDC_WITH_DELETES, .cursor = "timestamp", COLUMNS(event_columns),
     .comment = "One row for each audit of a ticket."},
    {.name = "ticket_metrics", .array = "tickets", .export = "incremental/tickets/cursor",
     .include = "metric_sets", .way = ZENDESK_BY_CURSOR, .rows = ZENDESK_METRIC_SETS,
     .deleted = "status",
     .ingestion = SL_CDC_WITH_DELETES, .cursor = "updated_at", COLUMNS(metric_columns)},
    {.name = "ticket_metric_events", .export = "incremental/ticket_metric_events",
     .way = ZENDESK_BY_TIME, .ingestion = SL_CDC_WITH_DELETES, .cursor = "time",
     COLUMNS(metric_event_columns)},
    {.name = "articles", .list = "help_center/articles",
     .export = "help_center/incremental/articles", .way = ZENDESK_BY_TIME, .ingestion = SL_CDC,
     .cursor = "updated_at", COLUMNS(article_columns)},
    LISTED("sections", "help_center/sections", section_columns),
    LISTED("categories", "help_center/categories", category_columns),
    LISTED("topics", "community/topics", topic_columns),
    LISTED("posts", "community/posts", post_columns),
    LISTED("brands", "brands", brand_columns),
    LISTED("groups", "groups", group_columns),
    LISTED("group_memberships", "group_memberships", group_membership_columns),
    LISTED("organization_memberships", "organization_memberships", organization_membership_columns),
    LISTED("ticket_fields", "ticket_fields", ticket_field_columns),
    LISTED("user_fields", "user_fields", key_field_columns),
    LISTED("organization_fields", "organization_fields", key_field_columns),
    LISTED("ticket_forms", "ticket_forms", form_columns),
    LISTED("macros", "macros", rule_columns),
    LISTED("views", "views", rule_columns),
    LISTED("triggers", "triggers", rule_columns),
    LISTED("automations", "automations", rule_columns),
    LISTED("satisfaction_ratings", "satisfaction_ratings", rating_columns),
    {.name = "tags", .list = "tags", .key = "name", COLUMNS(tag_columns)},
};
/* clang-format on */

const size_t zendesk_table_count = COUNT(zendesk_tables);

const struct zendesk_table *zendesk_find(const char *name)
{
    for (size_t i = 0; name && i < zendesk_table_count; i++)
        if (strcmp(zendesk_tables[i].name, name) == 0) return &zendesk_tables[i];
    return NULL;
}
