/*
 * flow_state.c: what a table says of its flow, and what follows from it: is everything to be read?
 *
 * The domain sluice.cursor.<flow> is a small JSON object; docs/cursor.md explains its members. It
 * travels in the commit that holds the rows it speaks of, and there is no other memory of a flow.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/time.h"
#include "json/doc.h"
#include "json/write.h"
#include "pipeline/flow.h"

#define DOMAIN_FORMAT 2

const char *sl_flow_mode_name(enum sl_flow_mode mode)
{
    static const char *const names[] = {"append", "replace", "latest", "history"};

    return names[mode];
}

void sl_flow_state_release(struct sl_flow_state *state)
{
    sl_free(state->named);
    sl_free(state->cursor);
    sl_free(state->scope);
    sl_free(state->digest);
    sl_free(state->full_due);
    sl_free(state->aside);
    *state = (struct sl_flow_state){.full_us = SL_NO_TIME,
                                    .lacked_us = SL_NO_TIME,
                                    .observed_us = SL_NO_TIME};
}

/* ---- reading ---- */

static bool keep_text(char **out, const struct sl_json *value)
{
    const char *text = sl_json_str(value);

    *out = text ? sl_strdup(text) : NULL;
    return !text || *out;
}

static bool keep_json(char **out, const struct sl_json *value)
{
    struct sl_json_writer *w;

    *out = NULL;
    if (!value) return true;
    w = sl_json_writer_new();
    if (w) sl_json_put_value(w, value);
    *out = sl_json_writer_take(w);
    return *out != NULL;
}

static int64_t time_of(const struct sl_json *value)
{
    const char *text = sl_json_str(value);
    int64_t us;
    bool has_zone;

    return text && sl_time_parse(text, strlen(text), &us, &has_zone) ? us : SL_NO_TIME;
}

static enum sl_flow_mode mode_of(const struct sl_json *root)
{
    const struct sl_json *value = sl_json_get(root, "mode");

    for (int mode = SL_FLOW_APPEND; mode <= SL_FLOW_HISTORY; mode++)
        if (sl_json_eq(value, sl_flow_mode_name((enum sl_flow_mode)mode)))
            return (enum sl_flow_mode)mode;
    return SL_FLOW_REPLACE;
}

static bool take_members(const struct sl_json *root, struct sl_flow_state *state)
{
    int64_t format = 1;

    sl_json_i64(sl_json_get(root, "format"), &format);
    state->there = true;
    state->format = (int)format;
    state->mode = mode_of(root);
    state->version = -1;
    sl_json_i64(sl_json_get(root, "table_version"), &state->version);
    sl_json_i64(sl_json_get(root, "commit"), &state->commits);
    state->committed_us = time_of(sl_json_get(root, "at"));
    state->full_us = time_of(sl_json_get(root, "read_in_full"));
    state->lacked_us = time_of(sl_json_get(root, "full_lacked"));
    state->observed_us = time_of(sl_json_get(root, "observed"));
    state->initial = sl_json_eq(sl_json_get(root, "phase"), "initial");
    return keep_json(&state->cursor, sl_json_get(root, "cursor")) &&
           keep_text(&state->named, sl_json_get(root, "named")) &&
           keep_text(&state->scope, sl_json_get(root, "columns")) &&
           keep_text(&state->digest, sl_json_get(root, "digest")) &&
           keep_text(&state->full_due, sl_json_get(root, "full_due"));
}

static enum sl_code check_format(const struct sl_flow *flow, const struct sl_flow_state *state,
                                 struct sl_error *error)
{
    if (state->format >= 1 && state->format <= DOMAIN_FORMAT) return SL_OK;
    sl_fail(error, SL_UNSUPPORTED,
            "the cursor in '%s' has format %d, and this sluice knows formats up to %d",
            flow->location, state->format, DOMAIN_FORMAT);
    sl_error_hint(error, "A newer sluice wrote it: use that one, or 'sluice cursor reset' to read "
                         "everything anew.");
    return SL_UNSUPPORTED;
}

enum sl_code sl_flow_state_read(const struct sl_flow *flow, struct sl_flow_state *state,
                                struct sl_error *error)
{
    const struct sl_json *root = NULL;
    const char *text = NULL, *aside = NULL;
    struct sl_doc *doc = NULL;
    int64_t app_version = -1;
    enum sl_code rc;

    sl_flow_state_release(state);
    rc = sl_delta_domain(flow->table, flow->domain, &text, error);
    if (rc || !text) return rc;
    doc = sl_doc_new(0);
    if (!doc) return sl_fail(error, SL_NO_MEMORY, "no memory for a cursor");
    rc = sl_doc_parse_copy(doc, text, strlen(text), &root, error);
    if (rc) {
        sl_error_context(error, "the cursor in '%s' cannot be read", flow->location);
        sl_error_hint(error, "'sluice cursor reset' removes it: the next run then reads "
                             "everything anew.");
    }
    if (!rc && !take_members(root, state))
        rc = sl_fail(error, SL_NO_MEMORY, "no memory for a cursor");
    sl_doc_free(doc);
    if (!rc) rc = check_format(flow, state, error);
    /* After somebody restored an older version, numbers that were used stay used. */
    if (!rc) rc = sl_delta_app_version(flow->table, flow->id, &app_version, error);
    if (!rc && app_version > state->commits) state->commits = app_version;
    if (!rc) rc = sl_delta_domain(flow->table, flow->aside_domain, &aside, error);
    if (!rc && aside && !(state->aside = sl_strdup(aside)))
        rc = sl_fail(error, SL_NO_MEMORY, "no memory for a cursor");
    return rc;
}

/* ---- writing ---- */

static void put_time(struct sl_json_writer *w, const char *key, int64_t us)
{
    char text[SL_TIME_TEXT_MAX];

    if (us != SL_NO_TIME) sl_json_kv_str(w, key, sl_time_format_us(us, text));
}

char *sl_flow_state_text(const struct sl_flow *flow, const struct sl_flow_state *state,
                         int64_t now_us)
{
    struct sl_json_writer *w = sl_json_writer_new();

    if (!w) return NULL;
    sl_json_begin_object(w);
    sl_json_kv_i64(w, "format", DOMAIN_FORMAT);
    sl_json_kv_str(w, "connector", flow->connector->name);
    sl_json_kv_str(w, "version", SLUICE_VERSION);
    sl_json_kv_str(w, "source_table", flow->def->name);
    if (flow->def->id) sl_json_kv_str(w, "source_table_id", flow->def->id);
    if (flow->object->source_table) sl_json_kv_str(w, "named", flow->object->source_table);
    if (flow->def->namespace_) sl_json_kv_str(w, "source_schema", flow->def->namespace_);
    sl_json_kv_str(w, "mode", sl_flow_mode_name(state->mode));
    sl_json_kv_str(w, "run", flow->run->update ? sl_update_id(flow->run->update) : "");
    sl_json_kv_i64(w, "commit", state->commits);
    sl_json_kv_i64(w, "table_version", state->version);
    put_time(w, "at", now_us);
    put_time(w, "read_in_full", state->full_us);
    put_time(w, "observed", state->observed_us);
    if (state->initial) sl_json_kv_str(w, "phase", "initial");
    if (state->full_due) sl_json_kv_str(w, "full_due", state->full_due);
    if (state->full_due) put_time(w, "full_lacked", state->lacked_us);
    if (state->scope && state->scope[0]) sl_json_kv_str(w, "columns", state->scope);
    if (state->digest) sl_json_kv_str(w, "digest", state->digest);
    if (state->cursor) {
        sl_json_key(w, "cursor");
        sl_json_put_raw(w, state->cursor, strlen(state->cursor));
    }
    sl_json_end_object(w);
    return sl_json_writer_take(w);
}

/* ---- is everything to be read? ---- */

/* What only moved rows between files is nothing. */
enum sl_code sl_flow_look_for_foreigners(struct sl_flow *flow, struct sl_error *error)
{
    const char *text = NULL, *operation, *engine;
    const struct sl_json *root = NULL;
    struct sl_doc *doc;
    enum sl_code rc;

    if (!flow->state.there || flow->state.version < 0) return SL_OK;
    rc = sl_delta_changes_since(flow->table, flow->state.version, &text, error);
    if (rc) return rc;
    if (!text) {
        flow->foreign = true;
        flow->why_full = "its log no longer says what others did to it";
        return SL_OK;
    }
    doc = sl_doc_new(0);
    if (!doc) return sl_fail(error, SL_NO_MEMORY, "no memory for the log of a table");
    rc = sl_doc_parse_copy(doc, text, strlen(text), &root, error);
    for (struct sl_json_each e = sl_json_each(root); !rc && sl_json_next(&e);) {
        if (sl_json_true(sl_json_get(e.value, "ours")) ||
            !sl_json_true(sl_json_get(e.value, "data")))
            continue;
        int64_t version = -1;
        sl_json_i64(sl_json_get(e.value, "version"), &version);
        operation = sl_json_str(sl_json_get(e.value, "operation"));
        engine = sl_json_str(sl_json_get(e.value, "engineInfo"));
        sl_flow_say(flow, SL_NOTE_WARNING,
                    "somebody else changed rows of the table: version %lld, %s by %s%s",
                    (long long)version, operation ? operation : "an operation without a name",
                    engine ? engine : "a program without a name",
                    flow->mode == SL_FLOW_APPEND
                        ? "; a table that is only appended to is left as it is"
                        : "; everything is read again");
        flow->foreign = true;
        flow->why_full = "others changed its rows";
    }
    sl_doc_free(doc);
    return rc;
}

int64_t sl_flow_reconcile_us(const struct sl_flow *flow)
{
    int64_t every_us = flow->object->config.reconcile_us;

    if (every_us != 0) return every_us;
    if (flow->def->reconcile_us > 0) return flow->def->reconcile_us;
    return flow->def->ingestion == SL_CDC ? SL_DAY_US : SL_RECONCILE_NEVER;
}

/* A part that fails for good would have everything read again with every run. */
static int64_t rests_until(const struct sl_flow *flow)
{
    int64_t every_us = sl_flow_reconcile_us(flow);

    if (flow->state.lacked_us == SL_NO_TIME) return SL_NO_TIME;
    return flow->state.lacked_us + (every_us == SL_RECONCILE_NEVER ? SL_DAY_US : every_us);
}

static bool rests(const struct sl_flow *flow)
{
    int64_t now_us = sl_now_us(flow->run->source.world);

    return flow->state.full_due && now_us >= flow->state.lacked_us && now_us < rests_until(flow);
}

static bool reconcile_due(const struct sl_flow *flow)
{
    int64_t every_us = sl_flow_reconcile_us(flow);

    if (every_us == SL_RECONCILE_NEVER) return false;
    return flow->state.full_us == SL_NO_TIME ||
           sl_now_us(flow->run->source.world) - flow->state.full_us >= every_us;
}

static const char *why_full(struct sl_flow *flow, bool schema_wants_full)
{
    const struct sl_flow_state *state = &flow->state;
    const char *was = state->scope ? state->scope : "";

    if (flow->reset) return "a full refresh was asked for";
    if (flow->run->verify) return "it is compared with its source";
    if (!state->there || state->initial) return NULL; /* a first load reads all there is */
    if (flow->run->reconcile) return "a complete read was asked for";
    if (state->full_due && !rests(flow)) return state->full_due;
    if (!state->cursor) return "there is no cursor in the table";
    if (flow->foreign) return flow->why_full;
    if (state->mode != flow->mode) return "the table was landed in another mode before";
    if (schema_wants_full) return "it has new columns, and older rows need their values";
    if (strcmp(was, flow->scope ? flow->scope : "") != 0) return "other columns are wanted now";
    if (!rests(flow) && reconcile_due(flow)) return "a complete read is due";
    return NULL;
}

static void say_owed(struct sl_flow *flow)
{
    char lacked[SL_TIME_TEXT_MAX], next[SL_TIME_TEXT_MAX];

    sl_flow_say(
        flow, SL_NOTE_INFO,
        "a complete read is owed (%s): the one of %s lacked parts, the next is not before %s",
        flow->state.full_due, sl_time_format_us(flow->state.lacked_us, lacked),
        sl_time_format_us(rests_until(flow), next));
}

void sl_flow_decide(struct sl_flow *flow, bool schema_wants_full)
{
    if (flow->mode == SL_FLOW_APPEND) {
        flow->full = flow->reset;
        flow->why_full = flow->reset ? "a full refresh was asked for" : NULL;
    } else if (flow->mode == SL_FLOW_REPLACE || flow->def->ingestion == SL_SNAPSHOT) {
        flow->full = true; /* there is no other way to read it */
        flow->why_full = NULL;
    } else {
        flow->why_full = why_full(flow, schema_wants_full);
        flow->full = flow->why_full != NULL;
        if (!flow->full && rests(flow)) say_owed(flow);
    }
}
