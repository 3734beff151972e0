/*
 * flow_settle.c: the read of one destination table is over: what changes, is it to be believed, and
 * does it become a version?
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/point.h"
#include "json/doc.h"
#include "pipeline/care.h"
#include "pipeline/confirm.h"
#include "pipeline/flow.h"

#define COLLAPSE_ROWS_MIN 100 /* smaller tables may shrink as they like, but not to nothing */
#define QUIET_COMMIT_US (INT64_C(30) * 60 * 1000000) /* a cursor alone is committed this often */
#define SAVE_EVERY_US (INT64_C(60) * 1000000)        /* a first load commits parts this often */
#define PLANS_MAX 8                                  /* of one commit, others being faster */

/* ---- is it to be believed? ---- */

/* What a read says it was the whole of: the table, or scopes of it. */
struct proof {
    bool whole;
    char *scopes; /* JSON array of objects of column values; NULL: none */
};

static bool put_scopes(const struct sl_json *root, const char *table, struct sl_json_writer *w,
                       struct proof *proof)
{
    size_t count = 0;

    sl_json_begin_array(w);
    for (struct sl_json_each e = sl_json_each(root); sl_json_next(&e);) {
        const struct sl_json *scope = sl_json_get(e.value, "scope");
        if (!sl_json_eq(sl_json_get(e.value, "table"), table)) continue;
        proof->whole |= sl_json_len(scope) == 0;
        sl_json_put_value(w, scope);
        count++;
    }
    sl_json_end_array(w);
    if (proof->whole || count == 0) return true;
    const char *text = sl_json_writer_text(w, NULL);
    proof->scopes = text ? sl_strdup(text) : NULL;
    return proof->scopes != NULL;
}

static enum sl_code read_proof(const char *complete, const char *table, struct proof *proof,
                               struct sl_error *error)
{
    struct sl_doc *doc = sl_doc_new(strlen(complete) + 1);
    struct sl_json_writer *w = sl_json_writer_new();
    const struct sl_json *root = NULL;
    enum sl_code rc = doc && w ? sl_doc_parse_copy(doc, complete, strlen(complete), &root, error)
                               : sl_fail(error, SL_NO_MEMORY, "no memory for the end of a read");

    if (!rc && !put_scopes(root, table, w, proof))
        rc = sl_fail(error, SL_NO_MEMORY, "no memory for the end of a read");
    sl_json_writer_free(w);
    sl_doc_free(doc);
    return rc;
}

static enum sl_code hold_back(const struct sl_flow *flow, int64_t rows, int64_t before,
                              struct sl_error *error)
{
    if (before < 0) /* a file without statistics, by another writer */
        sl_fail(error, SL_SOURCE, "the source gave no rows: held back, nothing was changed");
    else
        sl_fail(
            error, SL_SOURCE,
            "the source gave %lld rows where the table has %lld: held back, nothing was changed",
            (long long)rows, (long long)before);
    sl_error_hint(error, "If the rows are really gone, run again with --full-refresh=%s.",
                  flow->name);
    return SL_SOURCE;
}

/* A source that suddenly has next to nothing is more likely ill than empty. */
static bool collapsed(const struct sl_flow *flow, int64_t rows, int64_t before)
{
    if (flow->reset || !flow->state.there || flow->state.initial) return false;
    return before > COLLAPSE_ROWS_MIN && rows * 2 <= before;
}

/* ... but a day, a cohort, a repository may well be. */
static bool collapsed_whole(const struct sl_flow *flow, int64_t rows, int64_t before)
{
    if (flow->reset || !flow->state.there || flow->state.initial) return false;
    return (rows == 0 && before != 0) || collapsed(flow, rows, before);
}

/* ---- what the domain will say ---- */

/* Everything but what the commit fills in. Texts are borrowed. */
static struct sl_flow_state next_state(const struct sl_flow *flow, const char *cursor, bool whole)
{
    struct sl_flow_state next = {
        .mode = flow->mode,
        .cursor = (char *)(uintptr_t)cursor,
        .scope = flow->scope,
        .full_us = whole ? flow->report->started_us : flow->state.full_us,
        .observed_us =
            flow->observed_us != SL_NO_TIME ? flow->observed_us : flow->state.observed_us,
        .lacked_us = SL_NO_TIME,
    };

    return next;
}

/* Is this the first load, not complete so far? */
static bool is_loading(const struct sl_flow *flow)
{
    return !flow->full && (!flow->state.there || flow->state.initial || flow->saved);
}

/* A first load that was interrupted, or of which a part became void after it was committed, may
 * hold rows that are gone: one complete read settles that. */
static const char *doubt_about(const struct sl_flow *flow)
{
    if (flow->def->ingestion == SL_CDC_WITH_DELETES) return NULL; /* the increments will tell */
    if (flow->resumed) return "its first load took more than one run";
    if (flow->saved && flow->dropped) return "parts of its first load were read twice";
    return NULL;
}

/* A complete read that lacks a part stays due, for the reason it had; it rests for a while, and
 * increments between do not forget it. */
static const char *still_due(const struct sl_flow *flow, int64_t *lacked_us)
{
    const struct sl_flow_state *state = &flow->state;

    if (!flow->full) {
        *lacked_us = state->lacked_us;
        return state->full_due;
    }
    if (flow->report->parts_failed == 0 || !flow->why_full) return NULL;
    *lacked_us = flow->report->started_us;
    return state->full_due ? state->full_due : flow->why_full;
}

static bool same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

/* Nothing changed but the cursor: is it worth a version? */
static bool cursor_can_wait(const struct sl_flow *flow, const struct sl_flow_state *next)
{
    const struct sl_flow_state *now = &flow->state;
    bool same_cursor = now->cursor && next->cursor && strcmp(now->cursor, next->cursor) == 0;

    if (!now->there || now->initial || !same_text(now->full_due, next->full_due) ||
        now->lacked_us != next->lacked_us || flow->add_columns || flow->foreign ||
        flow->report->rejected > 0 || sl_job_keeps_cursor(flow->job) || now->format != 2 ||
        now->mode != next->mode)
        return false;
    if (!same_text(now->scope, next->scope)) return false;
    if (now->full_us != next->full_us && flow->def->ingestion != SL_SNAPSHOT &&
        flow->mode != SL_FLOW_REPLACE)
        return false; /* or the next run would read everything once more */
    if (same_cursor) return true;
    return now->committed_us != SL_NO_TIME &&
           sl_now_us(flow->run->source.world) - now->committed_us < QUIET_COMMIT_US;
}

static void report_nothing(struct sl_flow *flow)
{
    if (flow->report->rows_landed < 0) flow->report->rows_landed = 0;
}

/* ---- tables without merging ---- */

/* APPEND: the staged rows. REPLACE: instead of all that is there, unless it is the same. */
static enum sl_code settle_plain(struct sl_flow *flow, const char *cursor, bool whole,
                                 struct sl_error *error)
{
    bool replace = flow->mode == SL_FLOW_REPLACE || flow->reset;
    struct sl_flow_state next = next_state(flow, cursor, whole);
    struct sl_staged staged;
    char digest[64];
    enum sl_code rc = sl_stage_finish(flow->stage, &staged, error);

    if (rc) return rc;
    SL_POINT("flow.staged");
    if (replace && collapsed_whole(flow, staged.rows, flow->old_rows))
        return hold_back(flow, staged.rows, flow->old_rows, error);
    if (flow->mode == SL_FLOW_REPLACE && !flow->dropped) {
        snprintf(digest, sizeof digest, "%lld:%016llx", (long long)staged.rows,
                 (unsigned long long)flow->digest);
        next.digest = digest;
    }
    bool same = flow->mode == SL_FLOW_REPLACE
                    ? next.digest && flow->state.digest && !flow->reset &&
                          strcmp(next.digest, flow->state.digest) == 0 && !flow->foreign
                    : staged.rows == 0 && !flow->reset;
    if (same) flow->report->unchanged = staged.rows;
    if (flow->run->verify) return SL_OK;
    if (same && cursor_can_wait(flow, &next)) {
        report_nothing(flow);
        return SL_OK;
    }
    struct sl_applied what = {
        .add = staged.files,
        .add_count = same ? 0 : staged.count,
        .rows_written = same ? 0 : staged.rows,
        .bytes_written = same ? 0 : staged.bytes,
    };
    rc = sl_rejects_commit(flow, error);
    if (!rc) rc = sl_flow_commit(flow, &what, replace && !same, &next, error);
    if (rc) return rc;
    flow->report->rows_landed = what.rows_written;
    flow->report->inserted = what.rows_written;
    return rc;
}

/* ---- keyed tables ---- */

struct settling {
    const char *cursor;
    struct proof proof; /* what was read completely */
    bool complete;      /* what is in the table and was not read is gone */
    bool scoped;        /* what is in the proof's scopes and was not read is gone */
    bool replace;
    bool saving; /* a part of a first load */
    bool loaded; /* a first load is over, but for parts that are to be read from nothing */
};

static enum sl_code plan_changes(struct sl_flow *flow, const struct settling *s,
                                 struct sl_applied *what, struct sl_error *error)
{
    int64_t now_us = sl_now_us(flow->run->source.world);
    int64_t last_us = flow->state.observed_us;
    int64_t bound_us = flow->observed_us != SL_NO_TIME ? flow->observed_us : now_us;
    struct sl_apply_input input = {
        .table = flow->table,
        .stage = flow->stage,
        .complete = s->complete || s->scoped,
        .scopes_json = s->scoped ? s->proof.scopes : NULL,
        .replace = s->replace,
        .observed_us =
            last_us != SL_NO_TIME && bound_us <= last_us && !flow->saved ? last_us + 1 : bound_us,
        .now_us = now_us,
        .tombstones_us = flow->object->config.tombstones_us,
        .aside_json = flow->state.aside,
        .add_columns_json = flow->add_columns,
        .vectors = sl_flow_vectors(flow),
    };

    flow->observed_us = flow->mode == SL_FLOW_HISTORY ? input.observed_us : flow->observed_us;
    return sl_apply_run(flow->apply, &input, what, error);
}

static void report_changes(struct sl_flow *flow, const struct sl_applied *what)
{
    struct sl_table_report *report = flow->report;

    report->inserted += what->inserted;
    report->updated += what->updated;
    report->deleted += what->deleted;
    report->unchanged += what->unchanged;
    report->late += what->late;
    report->duplicates += what->duplicates;
    if (report->rows_landed < 0) report->rows_landed = 0;
    report->rows_landed += what->inserted + what->updated;
}

static void report_keys(struct sl_flow *flow, const struct sl_applied *what)
{
    flow->report->source_keys = what->keys;
    snprintf(flow->report->source_digest, sizeof flow->report->source_digest, "%016llx%016llx",
             (unsigned long long)what->keys_digest.a, (unsigned long long)what->keys_digest.b);
}

static bool nothing_changed(const struct sl_applied *what)
{
    return what->add_count == 0 && what->gone_count == 0 && !what->aside_json;
}

/* Guards of a complete read. SL_MORE: rows that would go are read again by key first. */
static enum sl_code examine(struct sl_flow *flow, const struct settling *s, const char *complete,
                            const struct sl_applied *what, struct sl_error *error)
{
    if (!s->complete && !s->scoped) return SL_OK;
    if (s->complete) report_keys(flow, what);
    if (flow->run->verify || flow->reset || !flow->state.there) return SL_OK;
    if (s->complete ? collapsed_whole(flow, what->keys, what->table_rows)
                    : collapsed(flow, what->keys, what->table_rows)) {
        hold_back(flow, what->keys, what->table_rows, error);
        if (s->scoped) sl_error_context(error, "of what was read anew");
        return error->code;
    }
    if (what->absent > 0 && flow->def->rereads && !flow->confirm)
        return sl_confirm_start(flow, s->cursor, complete, error);
    return SL_OK;
}

static enum sl_code commit_changes(struct sl_flow *flow, const struct settling *s,
                                   const struct sl_applied *what, struct sl_error *error)
{
    const char *doubt = s->saving || s->complete ? NULL : doubt_about(flow);
    struct sl_flow_state next =
        next_state(flow, s->cursor, (s->proof.whole || s->loaded) && !doubt);
    enum sl_code rc;

    if (!doubt && flow->foreign && !s->saving && !s->complete) doubt = flow->why_full;
    if (!doubt && !s->saving) doubt = still_due(flow, &next.lacked_us);
    next.initial = s->saving;
    next.full_due = (char *)(uintptr_t)doubt;
    if (nothing_changed(what) && cursor_can_wait(flow, &next)) return SL_OK;
    rc = sl_rejects_commit(flow, error);
    if (!rc) rc = sl_flow_commit(flow, what, false, &next, error);
    return rc;
}

static enum sl_code settle_keyed(struct sl_flow *flow, const struct settling *s,
                                 const char *complete, struct sl_error *error)
{
    struct sl_applied what;
    enum sl_code rc = SL_OK;

    rc = sl_stage_close(flow->stage, error);
    for (int plans = 0; !rc; plans++) {
        rc = plan_changes(flow, s, &what, error);
        SL_POINT("flow.staged");
        if (!rc) rc = examine(flow, s, complete, &what, error);
        if (rc || flow->run->verify) break;
        rc = commit_changes(flow, s, &what, error);
        if (rc != SL_CONFLICT) break;
        if (plans + 1 == PLANS_MAX) {
            rc = sl_fail(error, SL_CONFLICT, "others wrote '%s' %d times while this run tried to",
                         flow->name, PLANS_MAX);
            break;
        }
        rc = SL_OK; /* the handle is at the newest snapshot */
        sl_stage_move(flow->stage, flow->table);
    }
    if (!rc) report_changes(flow, &what);
    return rc;
}

/* ---- the end of a read ---- */

/* The commit stands, whatever comes of this. */
static void take_care(struct sl_flow *flow)
{
    struct sl_care_options options = {.retention_ms = -1};
    struct sl_care_report care = {0};
    struct sl_error error = {0};

    if (flow->report->version < 0) return; /* this run made no version */
    if (sl_care(flow->table, sl_now_us(flow->run->source.world) / 1000, &options, &care, &error))
        sl_flow_say(flow, SL_NOTE_WARNING, "small or old files could not be tidied up: %s",
                    error.message);
    if (care.joined.version >= 0)
        sl_flow_say(flow, SL_NOTE_INFO, "%lld small files were joined into %lld",
                    (long long)care.joined.files_removed, (long long)care.joined.files_added);
    if (care.vacuumed.files > 0)
        sl_flow_say(flow, SL_NOTE_INFO, "%lld files that no version needs any more were deleted",
                    (long long)care.vacuumed.files);
}

/* Can what some parts of a read brought be committed without the others? */
static enum sl_code take_parts(const struct sl_flow *flow, struct settling *s,
                               struct sl_error *error)
{
    bool replaces = flow->mode == SL_FLOW_REPLACE || (flow->mode == SL_FLOW_APPEND && flow->reset);

    if (flow->report->parts_failed == 0) return SL_OK;
    if (replaces || flow->run->verify) {
        *error = flow->beside->lacks;
        if (replaces)
            sl_error_context(error, "the table would be replaced as a whole: nothing was changed");
        return error->code;
    }
    s->proof.whole = false;
    s->loaded = sl_flow_keyed(flow) && is_loading(flow) && sl_job_begins_anew(flow->job);
    s->saving = sl_flow_keyed(flow) && is_loading(flow) && !s->loaded;
    return SL_OK;
}

/* Is what was read enough to change something? */
static enum sl_code judge_read(const struct sl_flow *flow, struct settling *s, const char *complete,
                               struct sl_error *error)
{
    enum sl_code rc = read_proof(complete, flow->def->name, &s->proof, error);

    if (!rc) rc = take_parts(flow, s, error);
    if (!rc && flow->full && flow->mode != SL_FLOW_APPEND && !s->proof.whole &&
        flow->report->parts_failed == 0)
        rc = sl_fail(error, SL_SOURCE,
                     "the read ended without proof that it was complete: nothing was changed");
    return rc;
}

enum sl_code sl_flow_settle(struct sl_flow *flow, const char *cursor, const char *complete,
                            struct sl_error *error)
{
    struct settling s = {.cursor = cursor};
    enum sl_code rc = sl_flow_flush(flow, error);

    if (rc) return rc;
    flow->report->state = SL_TABLE_COMMITTING;
    SL_POINT("flow.read");
    rc = judge_read(flow, &s, complete, error);
    if (rc) {
        ;
    } else if (sl_flow_keyed(flow)) {
        /* Parts that were committed on the way are not among what this read noted. */
        bool noted = !flow->saved && !flow->resumed && !s.saving;
        s.complete = s.proof.whole && noted;
        s.scoped = s.proof.scopes && noted;
        s.replace =
            s.complete && flow->reset && (flow->mode == SL_FLOW_LATEST || flow->run->reset_history);
        rc = settle_keyed(flow, &s, complete, error);
    } else {
        rc = settle_plain(flow, cursor, s.proof.whole, error);
    }
    sl_free(s.proof.scopes);
    if (rc || flow->run->verify) return rc;
    take_care(flow);
    return sl_flow_register(flow, error);
}

/* ---- a first load commits as it goes ---- */

static bool can_save(const struct sl_flow *flow)
{
    return is_loading(flow) && sl_flow_keyed(flow) && !flow->run->verify && flow->job &&
           !flow->broken;
}

static enum sl_code save_part(struct sl_flow *flow, const char *cursor, struct sl_error *error)
{
    struct settling s = {.cursor = cursor, .saving = true};
    enum sl_code rc = sl_flow_flush(flow, error);

    if (!rc) rc = settle_keyed(flow, &s, NULL, error);
    if (!rc) rc = sl_flow_restage(flow, error);
    flow->broken |= rc != SL_OK; /* another run may have written the table */
    return rc;
}

enum sl_code sl_flow_save(struct sl_flow *flow, bool force, struct sl_error *error)
{
    int64_t now_us = sl_now_us(flow->run->source.world);
    int64_t since_us = flow->saved_us ? flow->saved_us : flow->report->started_us;
    char *cursor = NULL;
    enum sl_code rc;

    if (!can_save(flow) || (!force && now_us - since_us < SAVE_EVERY_US)) return SL_OK;
    rc = sl_job_cursor(flow->job, &cursor, error);
    if (rc || !cursor) return rc; /* nothing is final: a run would begin anew anyway */
    rc = save_part(flow, cursor, error);
    sl_free(cursor);
    if (rc) return rc;
    flow->saved = true;
    flow->saved_us = now_us;
    SL_POINT("flow.saved");
    sl_flow_say(flow, SL_NOTE_INFO,
                "the first load is not complete: %lld rows are there, version %lld",
                (long long)flow->report->rows_read, (long long)flow->report->version);
    return SL_OK;
}
