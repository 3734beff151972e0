/*
 * comments.c: comments out of ticket events, and those of a ticket once more.
 *
 * An event is an audit; its children say what happened, a comment among them. Later a comment can be
 * redacted, or made private: then an event says so and nothing of the comment, and the comments of
 * that ticket are read again from its own list, before the next page of events.
 */
#include "zendesk.h"

#include <stdio.h>
#include <string.h>

/* An id as text, of a number; "" for anything else. */
static const char *id_text(const struct sl_json *value)
{
    int64_t id;

    return sl_json_i64(value, &id) ? sl_json_number_text(value) : NULL;
}

/* A comment, with what is beside it: in an export the audit has it, in a list the comment itself. */
static enum sl_code emit(struct zendesk *self, const struct sl_json *comment,
                         const struct sl_json *event, const char *ticket, struct sl_out *out,
                         struct sl_error *error)
{
    const struct sl_json *metadata = sl_json_get(event ? event : comment, "metadata");
    const char *audit = id_text(sl_json_get(comment, "audit_id"));
    const char *created = sl_json_str(sl_json_get(comment, "created_at"));
    struct sl_constant constants[] = {{"ticket_id", ticket},
                                      {"audit_id", NULL},
                                      {"created_at", NULL},
                                      {"metadata", NULL}};

    if (!audit) audit = id_text(sl_json_get(event, "id"));
    if (!created) created = sl_json_str(sl_json_get(event, "created_at"));
    constants[1].text = audit;
    constants[2].text = created;
    if (sl_json_kind(metadata) > SL_JSON_NULL) {
        if (!self->writer) self->writer = sl_json_writer_new();
        if (!self->writer) return sl_fail(error, SL_NO_MEMORY, "no memory for a comment");
        sl_json_writer_reset(self->writer);
        sl_json_put_value(self->writer, metadata);
        constants[3].text = sl_json_writer_text(self->writer, NULL);
        if (!constants[3].text) return sl_fail(error, SL_NO_MEMORY, "no memory for a comment");
    }
    return sl_out_rows(out, self->table->name, comment, constants,
                       sizeof constants / sizeof constants[0], (struct sl_sequence){0}, error);
}

/* This ticket's comments are to be read again. A page has no more events than there is room. */
static void remember(struct zendesk *self, const struct sl_json *ticket)
{
    int64_t id;

    if (!sl_json_i64(ticket, &id)) return;
    for (size_t i = 0; i < self->ticket_count; i++)
        if (self->tickets[i] == id) return;
    if (self->ticket_count < ZENDESK_TICKETS_MAX) self->tickets[self->ticket_count++] = id;
}

static bool is_one_of(const struct sl_json *child, const char *const *kinds)
{
    const struct sl_json *kind = sl_json_get(child, "event_type");

    if (!sl_json_str(kind)) kind = sl_json_get(child, "type");
    for (; *kinds; kinds++)
        if (sl_json_eq(kind, *kinds)) return true;
    return false;
}

static enum sl_code emit_children(struct zendesk *self, const struct sl_json *event,
                                  struct sl_out *out, struct sl_error *error)
{
    static const char *const comments[] = {"Comment", "VoiceComment", "FacebookComment", NULL};
    static const char *const later[] = {"CommentRedactionEvent", "CommentPrivacyChange",
                                        "AttachmentRedactionEvent", NULL};
    const struct sl_json *ticket = sl_json_get(event, "ticket_id");
    enum sl_code rc = SL_OK;

    for (struct sl_json_each e = sl_json_each(sl_json_get(event, "child_events"));
         !rc && sl_json_next(&e);) {
        if (is_one_of(e.value, later)) remember(self, ticket);
        if (!is_one_of(e.value, comments)) continue;
        if (!sl_json_get(e.value, "body")) /* the sideload did not work: no comment at all */
            return sl_fail(error, SL_BAD_DATA, "%s: a comment came without its text",
                           self->table->name);
        rc = emit(self, e.value, event, id_text(ticket), out, error);
    }
    return rc;
}

enum sl_code zendesk_emit_comments(struct zendesk *self, const struct sl_json *events,
                                   struct sl_out *out, struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    if (sl_json_len(events) > ZENDESK_TICKETS_MAX)
        return sl_fail(error, SL_BAD_DATA, "%s: a page of %zu rows, though %d were asked for",
                       self->table->name, sl_json_len(events), ZENDESK_PAGE_ROWS);
    for (struct sl_json_each e = sl_json_each(events); !rc && sl_json_next(&e);)
        rc = emit_children(self, e.value, out, error);
    return rc;
}

/* ---- once more ---- */

static enum sl_code ask(struct zendesk *self, struct sl_out *out, struct sl_error *error)
{
    char path[64];

    snprintf(path, sizeof path, "tickets/%lld/comments",
             (long long)self->tickets[self->ticket_next]);
    return zendesk_ask_list(self, ZENDESK_COMMENTS, path, ZENDESK_LIST_ROWS, out, error);
}

enum sl_code zendesk_ask_comments(struct zendesk *self, struct sl_out *out, struct sl_error *error)
{
    zendesk_first_page(self);
    return ask(self, out, error);
}

enum sl_code zendesk_comments_page(struct zendesk *self, const struct sl_response *response,
                                   struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *rows = sl_json_get(response->json, "comments");
    char ticket[32];
    enum sl_code rc = SL_DONE;

    if (response->status != 404) { /* a deleted ticket: its comments stay as they were */
        if (sl_json_kind(rows) != SL_JSON_ARRAY)
            return sl_fail(error, SL_BAD_DATA, "%s: an answer without comments", self->table->name);
        snprintf(ticket, sizeof ticket, "%lld", (long long)self->tickets[self->ticket_next]);
        for (struct sl_json_each e = sl_json_each(rows); sl_json_next(&e);) {
            rc = emit(self, e.value, NULL, ticket, out, error);
            if (rc) return rc;
        }
        rc = zendesk_list_next(self, response->json, sl_json_len(rows), error);
        if (rc == SL_MORE) return ask(self, out, error);
    }
    if (rc != SL_DONE) return rc;
    self->ticket_next++;
    return zendesk_export_next(self, out, error);
}
