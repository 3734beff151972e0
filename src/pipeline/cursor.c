#include "pipeline/cursor.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/time.h"
#include "json/doc.h"

#define NAME_MAX_BYTES 128

static enum sl_code domain_of(struct sl_delta_table *table, char name[NAME_MAX_BYTES],
                              const char **text, struct sl_error *error)
{
    const char *flow = sl_delta_property(table, "sluice.flow");
    enum sl_code rc = SL_OK;

    *text = NULL;
    if (flow) {
        snprintf(name, NAME_MAX_BYTES, "sluice.cursor.%s", flow);
        rc = sl_delta_domain(table, name, text, error);
    }
    if (rc || *text) return rc;
    sl_fail(error, SL_NOT_FOUND, "'%s' holds no cursor: sluice did not land it",
            sl_delta_location(table));
    sl_error_hint(error, "The tables that sluice landed: sluice tables list.");
    return SL_NOT_FOUND;
}

enum sl_code sl_cursor_show(struct sl_delta_table *table, struct sl_buf *out,
                            struct sl_error *error)
{
    char name[NAME_MAX_BYTES];
    const char *text;
    enum sl_code rc = domain_of(table, name, &text, error);

    if (rc) return rc;
    sl_buf_adds(out, text);
    return sl_buf_failed(out) ? sl_fail(error, SL_NO_MEMORY, "no memory for a cursor") : SL_OK;
}

/* The members that only a cursor gives a meaning to. */
static bool goes(const struct sl_json *key)
{
    static const char *const names[] = {"cursor", "phase",         "full_due", "full_lacked",
                                        "commit", "table_version", "at"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (sl_json_eq(key, names[i])) return true;
    return false;
}

static void put_without_cursor(struct sl_json_writer *w, const struct sl_json *root, int64_t commit,
                               int64_t version, int64_t now_us)
{
    char at[SL_TIME_TEXT_MAX];

    sl_json_begin_object(w);
    for (struct sl_json_each e = sl_json_each(root); sl_json_next(&e);) {
        if (goes(e.key)) continue;
        sl_json_key(w, sl_json_str(e.key));
        sl_json_put_value(w, e.value);
    }
    sl_json_kv_i64(w, "commit", commit);
    sl_json_kv_i64(w, "table_version", version);
    sl_json_kv_str(w, "at", sl_time_format_us(now_us, at));
    sl_json_kv_str(w, "full_due", "its cursor was reset");
    sl_json_end_object(w);
}

enum sl_code sl_cursor_reset(struct sl_delta_table *table, int64_t now_us, struct sl_error *error)
{
    char name[NAME_MAX_BYTES];
    const struct sl_json *root = NULL;
    struct sl_json_writer *w = sl_json_writer_new();
    struct sl_doc *doc = sl_doc_new(0);
    const char *text, *flow = sl_delta_property(table, "sluice.flow");
    int64_t commit = 0, used = -1;
    enum sl_code rc = w && doc ? domain_of(table, name, &text, error)
                               : sl_fail(error, SL_NO_MEMORY, "no memory for a cursor");

    /* A domain that cannot be read is no reason not to begin anew. */
    if (!rc && sl_doc_parse_copy(doc, text, strlen(text), &root, error)) root = NULL;
    if (!rc) rc = sl_delta_app_version(table, flow, &used, error);
    if (!rc) {
        sl_json_i64(sl_json_get(root, "commit"), &commit);
        commit = (used > commit ? used : commit) + 1;
        put_without_cursor(w, root, commit, sl_delta_version(table) + 1, now_us);
        struct sl_pair domain = {name, sl_json_writer_text(w, NULL)};
        struct sl_delta_commit what = {
            .operation = "RESET CURSOR",
            .app_id = flow,
            .app_version = commit,
            .domains = &domain,
            .domains_count = 1,
        };
        rc = domain.value ? sl_delta_commit(table, &what, error)
                          : sl_fail(error, SL_NO_MEMORY, "no memory for a cursor");
    }
    sl_doc_free(doc);
    sl_json_writer_free(w);
    return rc;
}
