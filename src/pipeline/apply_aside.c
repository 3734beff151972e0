/*
 * apply_aside.c: the files beside a table that hold what changes that come late must know:
 * tombstones, and versions that a later one of equal values covers.
 *
 * Which they are is the value of a domain: {"v": 1, "files": [{"path", "rows", "at_us"}]}. A file
 * is never changed: when a row of it goes, or when there are too many, it is written anew without
 * what is gone and what is old.
 */
#include <string.h>

#include "base/alloc.h"
#include "json/doc.h"
#include "json/write.h"
#include "pipeline/apply_parts.h"

#define FILES_MAX 32

static enum sl_code no_memory(struct sl_error *error)
{
    return sl_fail(error, SL_NO_MEMORY, "no memory for the changes of a table");
}

void sl_aside_release(struct sl_apply *apply)
{
    for (size_t i = 0; i < apply->aside_count; i++) {
        sl_free(apply->asides[i].path);
        sl_free(apply->asides[i].dead.words);
        sl_free(apply->asides[i].expired.words);
    }
    sl_free(apply->asides);
    apply->asides = NULL;
    apply->aside_count = 0;
}

/* ---- reading ---- */

static enum sl_code read_list(struct sl_apply *apply, const struct sl_json *root,
                              struct sl_error *error)
{
    const struct sl_json *files = sl_json_get(root, "files");
    int64_t version = 0;

    if (!sl_json_i64(sl_json_get(root, "v"), &version) || version != 1)
        return sl_fail(error, SL_UNSUPPORTED,
                       "the files beside table '%s' are listed in a form "
                       "that this version does not know",
                       apply->options.schema->def->name);
    apply->asides = sl_calloc(sl_json_len(files) + 1, sizeof *apply->asides);
    if (!apply->asides) return no_memory(error);
    for (struct sl_json_each e = sl_json_each(files); sl_json_next(&e);) {
        struct aside_file *file = &apply->asides[apply->aside_count];
        const char *path = sl_json_str(sl_json_get(e.value, "path"));
        if (!path) continue;
        file->path = sl_strdup(path);
        if (!file->path) return no_memory(error);
        sl_json_i64(sl_json_get(e.value, "rows"), &file->rows);
        sl_json_i64(sl_json_get(e.value, "at_us"), &file->at_us);
        apply->aside_count++;
    }
    return SL_OK;
}

enum sl_code sl_aside_open(struct sl_apply *apply, struct sl_error *error)
{
    const char *json = apply->in->aside_json;
    const struct sl_json *root = NULL;
    struct sl_doc *doc;
    enum sl_code rc;

    if (!json) return SL_OK;
    doc = sl_doc_new(0);
    if (!doc) return no_memory(error);
    rc = sl_doc_parse(doc, json, strlen(json), &root, error);
    if (!rc) rc = read_list(apply, root, error);
    sl_doc_free(doc);
    return rc;
}

/* ---- what is old ---- */

static enum sl_code find_expired(struct sl_apply *apply, struct aside_file *file,
                                 struct sl_error *error)
{
    const struct sl_schema *schema = apply->options.schema;
    int64_t keep = apply->in->tombstones_us ? apply->in->tombstones_us : SL_TOMBSTONE_RETENTION_US;
    struct sl_delta_part part = {.aside = file->path};
    const char *name = schema->columns[schema->ingested].name;
    struct reading r;
    enum sl_code rc = sl_reading_open(&r, apply, &part, 1, &name, 1, error);

    while (!rc) {
        rc = sl_reading_next(&r, error);
        if (rc || !r.batch.release) break;
        const struct ArrowArray *row = r.batch.children[1], *time = r.batch.children[2];
        const int64_t *numbers = (const int64_t *)row->buffers[1] + row->offset;
        const int64_t *times = (const int64_t *)time->buffers[1] + time->offset;
        for (int64_t i = 0; i < r.batch.length && !rc; i++)
            if (times[i] < apply->in->now_us - keep && !sl_bits_set(&file->expired, numbers[i]))
                rc = no_memory(error);
    }
    sl_reading_close(&r);
    return rc;
}

/* ---- writing ---- */

/* What stays of a file that goes. */
static enum sl_code copy_rest(struct output *output, struct aside_file *file,
                              struct sl_error *error)
{
    struct sl_delta_part part = {.aside = file->path, .except = true};
    struct bits *gone = &file->expired;
    int64_t *rows;
    enum sl_code rc = find_expired(output->apply, file, error);

    for (int64_t row = 0; row < file->dead.room && !rc; row++)
        if (sl_bits_get(&file->dead, row) && !sl_bits_set(gone, row)) rc = no_memory(error);
    if (rc || gone->count >= file->rows) return rc;
    rows = sl_alloc(((size_t)gone->count + 1) * sizeof *rows);
    if (!rows) return no_memory(error);
    sl_bits_rows(gone, rows);
    part.count = (size_t)gone->count;
    part.rows = gone->count > 0 ? rows : NULL;
    part.except = gone->count > 0;
    rc = sl_output_copy(output, &part, 1, error);
    sl_free(rows);
    return rc;
}

static void put_file(struct sl_json_writer *w, const char *path, int64_t rows, int64_t at_us)
{
    sl_json_begin_object(w);
    sl_json_kv_str(w, "path", path);
    sl_json_kv_i64(w, "rows", rows);
    sl_json_kv_i64(w, "at_us", at_us);
    sl_json_end_object(w);
}

static enum sl_code write_list(struct sl_apply *apply, const bool *goes, struct sl_error *error)
{
    struct sl_json_writer *w = sl_json_writer_new();
    const struct sl_delta_file *made = apply->made_aside;

    if (!w) return no_memory(error);
    sl_json_begin_object(w);
    sl_json_kv_i64(w, "v", 1);
    sl_json_key(w, "files");
    sl_json_begin_array(w);
    for (size_t i = 0; i < apply->aside_count; i++) {
        const struct aside_file *file = &apply->asides[i];
        if (!goes[i]) put_file(w, file->path, file->rows, file->at_us);
    }
    if (made) put_file(w, sl_delta_file_path(made), sl_delta_file_rows(made), apply->in->now_us);
    sl_json_end_array(w);
    sl_json_end_object(w);
    apply->aside_json = sl_json_writer_take(w);
    apply->out.aside_json = apply->aside_json;
    return apply->aside_json ? SL_OK : no_memory(error);
}

static enum sl_code write_file(struct sl_apply *apply, const bool *goes, struct sl_error *error)
{
    struct output output = {.apply = apply, .aside = true};
    enum sl_code rc = sl_output_sorted(&output, &apply->covered, FORM_COVERED, error);

    if (!rc) rc = sl_output_sorted(&output, &apply->tombstones, FORM_TOMBSTONE, error);
    for (size_t i = 0; i < apply->aside_count && !rc; i++)
        if (goes[i] && !apply->replaces) rc = copy_rest(&output, &apply->asides[i], error);
    if (!rc) rc = sl_output_end(&output, error);
    if (!rc) {
        apply->made_aside = output.aside_file;
        output.aside_file = NULL;
    }
    sl_output_abort(&output);
    return rc;
}

enum sl_code sl_aside_write(struct sl_apply *apply, struct sl_error *error)
{
    int64_t added = apply->covered.count + apply->tombstones.count;
    bool *goes = sl_calloc(apply->aside_count + 1, sizeof *goes), changed = added > 0;
    bool many = apply->aside_count + (added > 0) > FILES_MAX;
    enum sl_code rc = SL_OK;

    if (!goes) return no_memory(error);
    for (size_t i = 0; i < apply->aside_count; i++) {
        goes[i] = apply->replaces || apply->asides[i].dead.count > 0 || many;
        changed |= goes[i];
    }
    if (changed) {
        rc = write_file(apply, goes, error);
        if (!rc) rc = write_list(apply, goes, error);
    }
    sl_free(goes);
    return rc;
}
