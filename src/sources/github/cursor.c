/*
 * cursor.c: what one run leaves to the next, for each repository:
 *
 *     {"v":1,"mark":"5f0c…","at":"2026-03-02T09:00:00Z","etag":"W/\"…\"","head":"…","next":"…"}
 *
 * mark  of the repository's name and the options that decide which rows are read: when it differs,
 *       the repository is read in full
 * at    the newest updated_at that was read
 * etag  of the first page, the newest rows first: unchanged, nothing changed
 * etags of a list that has several pages: of each
 * head  commits: the branch's tip
 * next  a first load that is not done goes on with this page
 *
 * All repositories together have 256 KiB, so each has to be short.
 */
#include "github.h"

#include <stdio.h>
#include <string.h>

#include <sluice/hash.h>

static void put_mark(const struct github *self, char out[20])
{
    char text[64];
    uint64_t hash = sl_text_hash(SL_TEXT_HASH_START, self->place.owner);

    hash = sl_text_hash(sl_text_hash(hash, "/"), self->place.name);
    hash = sl_text_hash(sl_text_hash(hash, "?"), self->state);
    hash = sl_text_hash(sl_text_hash(hash, "?"), self->start_date ? self->start_date : "");
    hash = sl_text_hash(sl_text_hash(hash, "?"), self->branch ? self->branch : "");
    snprintf(text, sizeof text, "?%lld", (long long)self->pull_number);
    hash = sl_text_hash(hash, text);
    snprintf(out, 20, "%08llx", (unsigned long long)(hash & 0xffffffff));
}

/* A header's value: nothing that could end it. */
static bool printable(const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if (*p < 0x20 || *p > 0x7e) return false;
    return true;
}

bool github_take_cursor(struct github *self, struct sl_out *out)
{
    const struct sl_json *json = self->task.cursor;
    struct github_cursor *old = &self->old;
    int64_t version = 0;

    *old = (struct github_cursor){.at_us = SL_NO_TIME};
    put_mark(self, self->new.mark);
    self->new.at_us = SL_NO_TIME;
    if (sl_json_kind(json) <= SL_JSON_NULL) return false;
    if (!sl_json_i64(sl_json_get(json, "v"), &version) || version != GITHUB_CURSOR_VERSION ||
        !sl_json_eq(sl_json_get(json, "mark"), self->new.mark)) {
        sl_out_note(out, SL_NOTE_INFO,
                    "%s: what has another name or other options than in the last run, or a cursor "
                    "that is not ours, is read in full",
                    self->table->name);
        return false;
    }
    github_time(sl_json_get(json, "at"), &old->at_us);
    github_keep(old->etag, sizeof old->etag, sl_json_str(sl_json_get(json, "etag")));
    if (!printable(old->etag)) old->etag[0] = '\0';
    for (struct sl_json_each e = sl_json_each(sl_json_get(json, "etags"));
         sl_json_next(&e) && old->etags_count < GITHUB_ETAGS; old->etags_count++)
        if (!github_keep(old->etags[old->etags_count], GITHUB_ETAG_MAX, sl_json_str(e.value)) ||
            !printable(old->etags[old->etags_count]))
            break;
    if (old->etags_count != (int)sl_json_len(sl_json_get(json, "etags"))) old->etags_count = 0;
    github_keep(old->head, sizeof old->head, sl_json_str(sl_json_get(json, "head")));
    github_keep(old->next, sizeof old->next, sl_json_str(sl_json_get(json, "next")));
    return true;
}

enum sl_code github_put_cursor(struct github *self, struct sl_out *out, struct sl_error *error)
{
    const struct github_cursor *new = &self->new;
    char time[SL_TIME_TEXT_MAX];
    struct sl_json_writer *w = sl_json_writer_new();
    enum sl_code rc;

    if (!w) return sl_fail(error, SL_NO_MEMORY, "no memory for a cursor");
    sl_json_begin_object(w);
    sl_json_kv_i64(w, "v", GITHUB_CURSOR_VERSION);
    sl_json_kv_str(w, "mark", new->mark);
    if (new->at_us != SL_NO_TIME) {
        github_put_time(time, new->at_us);
        sl_json_kv_str(w, "at", time);
    }
    if (new->etag[0] && self->place_in_list < GITHUB_REPOS_WITH_ETAG)
        sl_json_kv_str(w, "etag", new->etag);
    if (new->etags_count > 0 && self->place_in_list < GITHUB_REPOS_WITH_ETAGS) {
        sl_json_key(w, "etags");
        sl_json_begin_array(w);
        for (int i = 0; i < new->etags_count; i++) sl_json_put_str(w, new->etags[i]);
        sl_json_end_array(w);
    }
    if (new->head[0]) sl_json_kv_str(w, "head", new->head);
    if (new->next[0]) sl_json_kv_str(w, "next", new->next);
    sl_json_end_object(w);
    rc = sl_json_writer_text(w, NULL) ? sl_out_cursor(out, sl_json_writer_text(w, NULL), error)
                                      : sl_fail(error, SL_NO_MEMORY, "no memory for a cursor");
    sl_json_writer_free(w);
    return rc;
}
