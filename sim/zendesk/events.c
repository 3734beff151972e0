/* events.c: audits of tickets, the comments in them, and events of their metrics, as JSON. */
#include "sim/zendesk/zendesk.h"

static int64_t comment_id(const struct zd_row *event)
{
    return event->id + 1;
}

static void put_comment_text(const struct zendesk *app, struct zd_out *o,
                             const struct zd_row *event)
{
    unsigned hours = (unsigned)(zd_dice(app, event, "comment") % 50);

    if (event->redacted) {
        zd_put(o, "body", "\"▇▇▇▇\"");
        zd_put(o, "html_body", "\"<p>▇▇▇▇</p>\"");
        zd_put(o, "plain_body", "\"▇▇▇▇\"");
        return;
    }
    zd_put_str(o, "body", "I have waited for %u hours, ticket %lld", hours,
               (long long)event->parent);
    zd_put_str(o, "html_body", "<p>I have waited for %u hours, ticket %lld</p>", hours,
               (long long)event->parent);
    zd_put_str(o, "plain_body", "I have waited for %u hours, ticket %lld", hours,
               (long long)event->parent);
}

/* What an audit says of where it came from; a comment in a list has it, in an export the audit. */
static void put_metadata(struct zd_out *o, const struct zd_row *event)
{
    zd_put(o, "metadata",
           "{\"system\":{\"client\":\"Mozilla/5.0\",\"ip_address\":\"192.0.2.%u\"},\"custom\":{}}",
           event->n % 250 + 1);
}

static void put_comment(const struct zendesk *app, struct zd_out *o, const struct zd_row *event)
{
    bool file = event->n % 13 == 3 && !event->redacted;

    zd_put(o, "id", "%lld", (long long)comment_id(event));
    zd_put(o, "type", "\"Comment\"");
    zd_put(o, "author_id", "%lld",
           (long long)zd_pick(app, ZD_USERS, zd_dice(app, event, "author")));
    put_comment_text(app, o, event);
    zd_put_flag(o, "public", !event->private && event->n % 5 != 4);
    zd_put(o, "attachments",
           file ? "[{\"id\":%lld,\"file_name\":\"lamp.jpg\",\"content_url\":"
                  "\"https://files.example/lamp.jpg?token=t\",\"mapped_content_url\":"
                  "\"https://files.example/lamp.jpg\",\"content_type\":\"image/jpeg\","
                  "\"size\":52000,\"width\":640,\"height\":480,\"inline\":false,"
                  "\"deleted\":false,\"malware_access_override\":false,\"malware_scan_result\":"
                  "\"malware_not_found\",\"url\":\"https://files.example/a.json\","
                  "\"thumbnails\":[]}]"
                : "[]",
           (long long)event->id + 3);
    zd_put(o, "audit_id", "%lld", (long long)event->id);
    zd_put(o, "via", "{\"channel\":\"web\",\"source\":{\"from\":{},\"to\":{},\"rel\":null}}");
    zd_put_time(o, "created_at", event->created_s);
}

void zd_render_comment(const struct zendesk *app, const struct zd_row *event, bool truth,
                       struct sl_buf *buf)
{
    struct zd_out o;

    zd_open(&o, buf, NULL);
    put_comment(app, &o, event);
    put_metadata(&o, event);
    if (truth) zd_put(&o, "ticket_id", "%lld", (long long)event->parent);
    zd_close(&o);
}

static void put_child(const struct zendesk *app, const struct zd_row *row, int with,
                      struct sl_buf *buf)
{
    struct zd_out o;

    zd_open(&o, buf, NULL);
    switch (row->event) {
    case ZD_CREATED:
    case ZD_COMMENTED:
        if (with & ZD_WITH_COMMENTS) {
            put_comment(app, &o, row);
            zd_put(&o, "via_reference_id", "null");
        } else {
            zd_put(&o, "id", "%lld", (long long)comment_id(row));
            zd_put(&o, "comment_present", "true");
            zd_put_flag(&o, "comment_public", row->n % 5 != 4); /* as it was */
        }
        zd_put(&o, "event_type", "\"Comment\"");
        break;
    case ZD_CHANGED:
        zd_put(&o, "id", "%lld", (long long)row->id + 2);
        zd_put(&o, "via", "\"Web form\"");
        zd_put(&o, "status", "\"pending\"");
        zd_put(&o, "previous_value", "\"open\"");
        zd_put(&o, "event_type", "\"Change\"");
        break;
    case ZD_REDACTED:
        zd_put(&o, "id", "%lld", (long long)row->id + 2);
        zd_put(&o, "comment_id", "%lld", (long long)row->other);
        zd_put(&o, "event_type", "\"CommentRedactionEvent\"");
        break;
    default:
        zd_put(&o, "id", "%lld", (long long)row->id + 2);
        zd_put(&o, "comment_id", "%lld", (long long)row->other);
        zd_put(&o, "public", "false");
        zd_put(&o, "event_type", "\"CommentPrivacyChange\"");
    }
    zd_close(&o);
}

void zd_render_event(const struct zendesk *app, const struct zd_row *row, int with,
                     struct sl_buf *buf)
{
    struct zd_out o;

    zd_open(&o, buf, row);
    zd_put(&o, "id", "%lld", (long long)row->id);
    zd_put(&o, "ticket_id", "%lld", (long long)row->parent);
    zd_put(&o, "timestamp", "%lld", (long long)row->changed_s);
    zd_put_time(&o, "created_at", row->created_s);
    zd_put(&o, "updater_id", "%lld",
           (long long)zd_pick(app, ZD_USERS, zd_dice(app, row, "updater")));
    zd_put(&o, "via", "\"Web form\"");
    zd_put(&o, "system", "{\"client\":\"Mozilla/5.0\",\"location\":\"Vienna\"}");
    put_metadata(&o, row);
    zd_put(&o, "event_type", "\"Audit\"");
    sl_buf_adds(buf, ",\"child_events\":[");
    put_child(app, row, with, buf);
    sl_buf_adds(buf, "]");
    zd_close(&o);
}

void zd_render_metric_event(const struct zd_row *row, struct sl_buf *buf)
{
    struct zd_out o;

    zd_open(&o, buf, row);
    zd_put(&o, "id", "%lld", (long long)row->id);
    zd_put(&o, "ticket_id", "%lld", (long long)row->parent);
    zd_put(&o, "metric", row->n % 2 ? "\"reply_time\"" : "\"agent_work_time\"");
    zd_put(&o, "instance_id", "%u", row->n % 3);
    zd_put(&o, "type", row->n % 3 ? "\"fulfill\"" : "\"activate\"");
    zd_put_time(&o, "time", row->created_s);
    zd_close(&o);
}
