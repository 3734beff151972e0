/* read.c: one table: which way it is read in this run; and lists. */
#include "zendesk.h"

#include <stdio.h>
#include <string.h>

#define SECOND_MAX INT64_C(253402300799) /* of the year 9999 */
/* A list shows changes up to its first answer; an export that goes on from there begins before it. */
#define OVERLAP_S 60

/* ---- what the run before left ---- */

/* NULL: this run goes on from there. Else why it cannot. */
static const char *take_cursor(struct zendesk *self)
{
    const struct sl_json *cursor = self->task.cursor;
    int64_t version = 0;

    if (!cursor) return "there is no cursor yet";
    if (!sl_json_i64(sl_json_get(cursor, "v"), &version) || version != ZENDESK_CURSOR_VERSION)
        return "the last run was of another version of sluice";
    sl_json_i64(sl_json_get(cursor, "s"), &self->old_s);
    if (self->table->way == ZENDESK_BY_CURSOR &&
        sl_page_token(sl_json_get(cursor, "after"), self->after, sizeof self->after))
        return NULL;
    if (!sl_json_i64(sl_json_get(cursor, "start"), &self->start_s) || self->start_s < 0 ||
        self->start_s > SECOND_MAX)
        return "the cursor is not one of this connector";
    return NULL;
}

static enum sl_code begin(struct zendesk *self, struct sl_out *out, struct sl_error *error)
{
    bool goes_on = self->task.cursor && (!self->task.full || self->task.initial);
    const char *why = NULL;
    enum sl_code rc;

    self->table = zendesk_find(self->task.table);
    if (!self->table)
        return sl_fail(error, SL_NOT_FOUND, "there is no Zendesk table '%.100s'",
                       self->task.table ? self->task.table : "");
    rc = zendesk_begin(self, out, error);
    if (rc) return rc;
    self->rows_a_page = self->rows_per_call;
    if (self->table->way == ZENDESK_BY_LIST) return zendesk_begin_list(self, out, error);
    if (goes_on) why = take_cursor(self);
    if (why) sl_out_note(out, SL_NOTE_WARNING, "%s is read in full: %s", self->table->name, why);
    self->from_start = !goes_on || why;
    if (self->from_start) self->after[0] = '\0', self->start_s = 0;
    /* A list brings articles ten times faster than the export, drafts included. */
    if (self->from_start && self->table->ingestion == SL_CDC)
        return zendesk_begin_list(self, out, error);
    return zendesk_ask_export(self, out, error);
}

/* ---- lists ---- */

enum sl_code zendesk_begin_list(struct zendesk *self, struct sl_out *out, struct sl_error *error)
{
    zendesk_first_page(self);
    self->list_s = 0;
    return zendesk_ask_list(self, ZENDESK_PAGE, self->table->list, ZENDESK_LIST_ROWS, out, error);
}

static enum sl_code list_page(struct zendesk *self, const struct sl_response *response,
                              struct sl_out *out, struct sl_error *error)
{
    const struct sl_json *rows = sl_json_get(response->json, zendesk_array(self->table));
    enum sl_code rc;

    if (sl_json_kind(rows) != SL_JSON_ARRAY)
        return sl_fail(error, SL_BAD_DATA, "%s: an answer without its rows", self->table->name);
    if (!self->list_s) self->list_s = zendesk_second(self, response);
    rc = zendesk_emit(self, rows, out, error);
    if (rc) return rc;
    rc = zendesk_list_next(self, response->json, sl_json_len(rows), error);
    if (rc == SL_MORE)
        return zendesk_ask_list(self, ZENDESK_PAGE, self->table->list, ZENDESK_LIST_ROWS, out,
                                error);
    if (rc != SL_DONE) return rc;
    rc = sl_out_complete(out, self->table->name, "{}", error);
    if (!rc && self->table->export) { /* the next run goes on with the export */
        self->now_s = self->list_s;
        self->start_s = self->list_s > OVERLAP_S ? self->list_s - OVERLAP_S : 0;
        self->ends = true;
        rc = zendesk_put_cursor(self, out, error);
    }
    return rc ? rc : SL_DONE;
}

enum sl_code zendesk_read(void *task, const struct sl_response *response, struct sl_out *out,
                          struct sl_error *error)
{
    struct zendesk *self = task;

    if (!response) return begin(self, out, error);
    switch (self->stage) {
    case ZENDESK_EXPORT: return zendesk_export_page(self, response, out, error);
    case ZENDESK_COMMENTS: return zendesk_comments_page(self, response, out, error);
    default: return list_page(self, response, out, error);
    }
}
