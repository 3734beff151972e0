/* apply.c: options, and one run from its beginning to its end. */
#include <string.h>

#include "base/alloc.h"
#include "json/doc.h"
#include "nanoarrow/nanoarrow.h"
#include "pipeline/apply_parts.h"

#define SORTER_BYTES_MIN ((size_t)64 << 10)
#define ONE_KEY_BYTES_MIN ((size_t)1 << 20)

static enum sl_code no_memory(struct sl_error *error)
{
    return sl_fail(error, SL_NO_MEMORY, "no memory for the changes of a table");
}

/* ---- life ---- */

/* What is compared: all but the time of landing, what is ours, and what changes by itself. */
static bool choose_columns(struct sl_apply *apply)
{
    const struct sl_schema *schema = apply->options.schema;

    apply->compared = sl_alloc((schema->count + 1) * sizeof *apply->compared);
    apply->tracked = sl_alloc((schema->count + 1) * sizeof *apply->tracked);
    apply->work.hashed = sl_calloc(schema->count + 1, sizeof *apply->work.hashed);
    if (!apply->compared || !apply->tracked || !apply->work.hashed) return false;
    apply->all_tracked = true;
    for (size_t i = 0; i < schema->count; i++) {
        const struct sl_column *source = schema->columns[i].source;
        bool tracked = !apply->options.tracked || apply->options.tracked[i];
        if (i == schema->ingested || i == schema->start || i == schema->end ||
            i == schema->own_sequence || (source && source->fleeting))
            continue;
        apply->compared[apply->compared_count] = i;
        apply->tracked[apply->compared_count++] = tracked;
        apply->all_tracked &= tracked;
    }
    return true;
}

enum sl_code sl_apply_new(const struct sl_apply_options *options, struct sl_apply **out,
                          struct sl_error *error)
{
    struct sl_apply *apply = sl_calloc(1, sizeof *apply);

    *out = NULL;
    if (!apply) return no_memory(error);
    apply->options = *options;
    apply->options.tracked = options->tracked; /* needed no longer than this call: copied below */
    if (apply->options.memory_bytes == 0) apply->options.memory_bytes = SL_APPLY_MEMORY;
    apply->single = !(options->history && options->sequenced) && !options->ignore_nulls;
    if (!choose_columns(apply) || (options->history && !(apply->history = sl_history_new()))) {
        sl_apply_free(apply);
        return no_memory(error);
    }
    *out = apply;
    return SL_OK;
}

/* What a run made and nobody committed goes. A file beside the table that was handed out stays: a
 * version of which we were not told may name it. */
static void end_run(struct sl_apply *apply, bool handed_out)
{
    for (size_t i = 0; i < apply->made_count; i++) sl_delta_file_free(apply->made[i], true);
    sl_delta_file_free(apply->made_aside, !handed_out);
    for (size_t i = 0; apply->gone && i < apply->out.gone_count; i++)
        sl_free((void *)(uintptr_t)apply->gone[i].rows);
    for (size_t i = 0; apply->voids && i < apply->raw.count; i++) sl_free(apply->voids[i].words);
    for (size_t i = 0; apply->dead && i < apply->live_count; i++) sl_free(apply->dead[i].words);
    for (size_t i = 0; apply->absent && i < apply->live_count; i++) sl_free(apply->absent[i].words);
    for (size_t i = 0; apply->absent_parts && i < apply->live_count; i++)
        sl_free((void *)(uintptr_t)apply->absent_parts[i].rows);
    for (size_t i = 0; i < apply->column_count; i++) sl_free(apply->columns[i]);
    sl_aside_release(apply);
    sl_free(apply->made);
    sl_free(apply->gone);
    sl_free(apply->add);
    sl_free(apply->voids);
    sl_free(apply->dead);
    sl_free(apply->absent);
    sl_free(apply->absent_parts);
    sl_free(apply->columns);
    sl_free(apply->aside_json);
    sl_buf_release(&apply->bound);
    sl_scope_free(apply->scope);
    sl_output_abort(&apply->folded);
    sl_keys_reset(&apply->keys);
    sl_sorter_release(&apply->visible);
    sl_sorter_release(&apply->covered);
    sl_sorter_release(&apply->tombstones);
    apply->made = NULL;
    apply->made_aside = NULL;
    apply->gone = NULL;
    apply->add = NULL;
    apply->voids = apply->dead = apply->absent = NULL;
    apply->absent_parts = NULL;
    apply->columns = NULL;
    apply->aside_json = NULL;
    apply->scope = NULL;
    apply->made_count = apply->made_room = apply->column_count = 0;
    apply->live_count = apply->clash_count = 0;
    apply->seen_rows = 0;
    apply->out = (struct sl_applied){0};
}

void sl_apply_free(struct sl_apply *apply)
{
    if (!apply) return;
    end_run(apply, apply->handed_out);
    sl_pool_release(&apply->noted);
    sl_spill_free(apply->spilled);
    sl_free(apply->filter.words);
    sl_ranges_release(apply);
    sl_buf_release(&apply->newest);
    sl_work_release(&apply->work);
    sl_history_free(apply->history);
    sl_free(apply->versions);
    sl_free(apply->compared);
    sl_free(apply->tracked);
    sl_free(apply);
}

/* ---- the beginning of a run ---- */

static enum sl_code add_column(struct sl_apply *apply, const char *name, struct sl_error *error)
{
    for (size_t i = 0; i < apply->column_count; i++)
        if (strcmp(apply->columns[i], name) == 0) return SL_OK;
    char *copy = sl_strdup(name);
    if (!copy) return no_memory(error);
    apply->columns[apply->column_count++] = copy;
    return SL_OK;
}

/* Those of the table, which may have some that others added, then those that this run adds. */
static enum sl_code list_columns(struct sl_apply *apply, struct sl_error *error)
{
    const struct sl_schema *schema = apply->options.schema;
    const char *text = sl_delta_schema_json(apply->in->table);
    const struct sl_json *root = NULL;
    struct sl_doc *doc = sl_doc_new(0);
    enum sl_code rc = doc ? sl_doc_parse(doc, text, strlen(text), &root, error) : no_memory(error);

    if (!rc) {
        const struct sl_json *fields = sl_json_get(root, "fields");
        apply->columns = sl_calloc(sl_json_len(fields) + schema->count + 1, sizeof(char *));
        if (!apply->columns) rc = no_memory(error);
        for (struct sl_json_each e = sl_json_each(fields); !rc && sl_json_next(&e);) {
            const char *name = sl_json_str(sl_json_get(e.value, "name"));
            if (name) rc = add_column(apply, name, error);
        }
    }
    for (size_t i = 0; i < schema->count && !rc; i++)
        rc = add_column(apply, schema->columns[i].name, error);
    sl_doc_free(doc);
    return rc;
}

/* The time of observation as a sequence. */
static enum sl_code set_bound(struct sl_apply *apply, struct sl_error *error)
{
    const struct sl_schema *schema = apply->options.schema;
    struct ArrowSchema field = {0};
    struct ArrowArray row = {0};
    size_t column = 0, end;
    enum sl_code rc = SL_OK;

    if (apply->options.sequenced
            ? schema->sequence_count != 1 ||
                  schema->columns[schema->sequence[0]].type->kind != SL_TYPE_TIMESTAMP
            : !apply->options.history)
        return SL_OK;
    ArrowSchemaInit(&field);
    if (ArrowSchemaSetTypeStruct(&field, 1) != NANOARROW_OK ||
        ArrowSchemaSetTypeDateTime(field.children[0], NANOARROW_TYPE_TIMESTAMP,
                                   NANOARROW_TIME_UNIT_MICRO, "UTC") != NANOARROW_OK ||
        ArrowSchemaSetName(field.children[0], "at") != NANOARROW_OK ||
        ArrowArrayInitFromSchema(&row, &field, NULL) != NANOARROW_OK ||
        ArrowArrayStartAppending(&row) != NANOARROW_OK ||
        ArrowArrayAppendInt(row.children[0], apply->in->observed_us) != NANOARROW_OK ||
        ArrowArrayFinishElement(&row) != NANOARROW_OK ||
        ArrowArrayFinishBuildingDefault(&row, NULL) != NANOARROW_OK)
        rc = no_memory(error);
    if (!rc) rc = sl_sequences(&field, &row, &column, 1, &apply->bound, &end, error);
    if (row.release) row.release(&row);
    if (field.release) field.release(&field);
    return rc;
}

static enum sl_code void_dropped(struct sl_apply *apply, struct sl_error *error)
{
    for (size_t i = 0; i < apply->raw.void_count; i++) {
        const struct sl_stage_range *r = &apply->raw.voids[i];
        for (int64_t row = r->first; row < r->first + r->count; row++)
            if (!sl_bits_set(&apply->voids[r->file], row)) return no_memory(error);
    }
    return SL_OK;
}

static enum sl_code begin_run(struct sl_apply *apply, const struct sl_apply_input *input,
                              struct sl_error *error)
{
    size_t share = apply->options.memory_bytes / 8 + SORTER_BYTES_MIN;
    struct sorter sorter = {.directory = apply->options.spill, .memory_bytes = share};
    enum sl_code rc;

    apply->in = input;
    apply->raw = sl_stage_raw(input->stage);
    apply->replaces = input->replace;
    apply->same = false;
    apply->visible = apply->covered = apply->tombstones = sorter;
    apply->folded = (struct output){.apply = apply,
                                    .target_bytes = input->target_bytes ? input->target_bytes
                                                    : input->vectors    ? SL_STAGE_FILE_BYTES
                                                                        : SL_APPLY_REWRITTEN_BYTES};
    rc = sl_delta_live(input->table, &apply->live, &apply->live_count, error);
    if (rc) {
        apply->live_count = 0;
        return rc;
    }
    apply->voids = sl_calloc(apply->raw.count + 1, sizeof *apply->voids);
    apply->dead = sl_calloc(apply->live_count + 1, sizeof *apply->dead);
    apply->absent = sl_calloc(apply->live_count + 1, sizeof *apply->absent);
    if (!apply->voids || !apply->dead || !apply->absent) return no_memory(error);
    apply->all_seen = apply->live_count == 0;
    rc = list_columns(apply, error);
    if (!rc) rc = void_dropped(apply, error);
    if (!rc) rc = set_bound(apply, error);
    if (!rc) rc = sl_aside_open(apply, error);
    if (!rc && input->complete)
        rc = sl_scope_new(input->scopes_json, apply->options.schema, &apply->options.secret,
                          &apply->scope, error);
    return rc;
}

/* ---- keys ---- */

/* Changes and rows of one partition that fit. */
static enum sl_code settle_partition(struct sl_apply *apply, const struct spill *changes,
                                     const struct spill *rows, int part, struct sl_error *error)
{
    struct spill_walk walk = {0};
    const struct entry *row = NULL;
    enum sl_code rc = sl_keys_load(apply, changes, part, error);

    while (!rc) {
        rc = sl_spill_next(rows, part, &walk, &row, error);
        if (rc || !row) break;
        rc = sl_apply_meet(apply, row, error);
    }
    sl_spill_walk_release(&walk);
    if (!rc) rc = sl_apply_decide(apply, error);
    sl_keys_reset(&apply->keys);
    return rc;
}

static enum sl_code split(const struct sl_apply *apply, const struct spill *from, int part,
                          int level, struct spill **out, struct sl_error *error)
{
    struct spill_walk walk = {0};
    const struct entry *e = NULL;
    enum sl_code rc = sl_spill_new(apply->options.spill, level, out, error);

    while (!rc) {
        rc = sl_spill_next(from, part, &walk, &e, error);
        if (rc || !e) break;
        rc = sl_spill_add(*out, e, error);
    }
    if (!rc) rc = sl_spill_flush(*out, error);
    sl_spill_walk_release(&walk);
    return rc;
}

static enum sl_code settle_partitions(struct sl_apply *apply, const struct spill *changes,
                                      const struct spill *rows, int level, struct sl_error *error);

static enum sl_code settle_large(struct sl_apply *apply, const struct spill *changes,
                                 const struct spill *rows, int part, int level,
                                 struct sl_error *error)
{
    struct spill *smaller = NULL, *smaller_rows = NULL;
    enum sl_code rc = split(apply, changes, part, level + 1, &smaller, error);

    if (!rc) rc = split(apply, rows, part, level + 1, &smaller_rows, error);
    if (!rc) rc = settle_partitions(apply, smaller, smaller_rows, level + 1, error);
    sl_spill_free(smaller);
    sl_spill_free(smaller_rows);
    return rc;
}

static enum sl_code key_too_large(const struct sl_apply *apply, size_t bytes,
                                  struct sl_error *error)
{
    sl_fail(error, SL_TOO_LARGE,
            "the changes of one key of table '%s' take %zu MB: more than the %zu MB that there are "
            "for them",
            apply->options.schema->def->name, bytes >> 20, apply->options.memory_bytes >> 20);
    sl_error_hint(error, "Give `memory` of the pipeline more than that, like \"1GiB\".");
    return SL_TOO_LARGE;
}

/* Keys that all have the same hash cannot be parted: then they must fit as they are. */
static enum sl_code settle_partitions(struct sl_apply *apply, const struct spill *changes,
                                      const struct spill *rows, int level, struct sl_error *error)
{
    size_t room = apply->options.memory_bytes / MEMORY_SHARE;
    enum sl_code rc = SL_OK;

    for (int part = 0; part < PARTITIONS && !rc; part++) {
        size_t bytes = sl_spill_bytes(changes, part);
        if (bytes > room && level + 1 < LEVELS_MAX)
            rc = settle_large(apply, changes, rows, part, level, error);
        else if (bytes > apply->options.memory_bytes + ONE_KEY_BYTES_MIN && !apply->single)
            rc = key_too_large(apply, bytes, error);
        else
            rc = settle_partition(apply, changes, rows, part, error);
    }
    return rc;
}

static enum sl_code settle_on_disk(struct sl_apply *apply, struct sl_error *error)
{
    struct spill *rows = NULL;
    enum sl_code rc = sl_spill_flush(apply->spilled, error);

    if (!rc) rc = sl_spill_new(apply->options.spill, 0, &rows, error);
    if (!rc) rc = sl_apply_look_up(apply, rows, error);
    if (!rc) rc = settle_partitions(apply, apply->spilled, rows, 0, error);
    sl_spill_free(rows);
    return rc;
}

static enum sl_code settle_in_memory(struct sl_apply *apply, struct sl_error *error)
{
    enum sl_code rc = sl_keys_load(apply, NULL, 0, error);

    if (!rc && apply->clash_count == 0) rc = sl_apply_look_up(apply, NULL, error);
    if (!rc) rc = sl_apply_compare(apply, error);
    if (!rc) rc = sl_apply_decide(apply, error);
    sl_keys_reset(&apply->keys);
    return rc;
}

/* ---- without a key: all rows, or none ---- */

static enum sl_code sum_noted(struct sl_apply *apply, struct content *out, struct sl_error *error)
{
    struct pool_walk in_memory = {0};
    const struct entry *e;
    enum sl_code rc = SL_OK;

    while ((e = sl_pool_next(&apply->noted, &in_memory)))
        if (!sl_apply_is_void(apply, e->at)) content_add(out, e->whole);
    if (!apply->spilled) return SL_OK;
    rc = sl_spill_flush(apply->spilled, error);
    for (int part = 0; part < PARTITIONS && !rc; part++) {
        struct spill_walk walk = {0};
        while (!rc) {
            rc = sl_spill_next(apply->spilled, part, &walk, &e, error);
            if (rc || !e) break;
            if (!sl_apply_is_void(apply, e->at)) content_add(out, e->whole);
        }
        sl_spill_walk_release(&walk);
    }
    return rc;
}

static enum sl_code settle_without_key(struct sl_apply *apply, struct sl_error *error)
{
    struct content read = {0}, held = {0};
    enum sl_code rc = sum_noted(apply, &read, error);

    if (!rc && apply->in->complete && !apply->replaces && apply->live_count > 0) {
        rc = sl_apply_content(apply, &held, error);
        apply->same = read.rows == held.rows && read.a == held.a && read.b == held.b;
        apply->replaces = !apply->same;
    }
    apply->out.unchanged = apply->same ? read.rows : 0;
    apply->out.inserted = apply->same ? 0 : read.rows;
    apply->out.deleted = apply->replaces ? held.rows : 0;
    apply->out.keys = read.rows;
    apply->out.keys_digest = (struct sl_key128){read.a, read.b};
    return rc;
}

enum sl_code sl_apply_run(struct sl_apply *apply, const struct sl_apply_input *input,
                          struct sl_applied *out, struct sl_error *error)
{
    enum sl_code rc;

    end_run(apply, false);
    *out = (struct sl_applied){0};
    apply->handed_out = false;
    rc = begin_run(apply, input, error);
    if (rc)
        ;
    else if (apply->options.schema->key_count == 0)
        rc = settle_without_key(apply, error);
    else
        rc = apply->spilled ? settle_on_disk(apply, error) : settle_in_memory(apply, error);
    if (!rc && apply->clash_count > 0) rc = sl_apply_clashes(apply, error);
    if (!rc) rc = sl_apply_write(apply, error);
    if (rc) {
        end_run(apply, false);
        return rc;
    }
    bool seen =
        apply->scope || apply->all_seen; /* of scopes all files that can have rows are read */
    apply->out.table_rows = seen && !input->replace ? apply->seen_rows : -1;
    apply->handed_out = true;
    *out = apply->out;
    return SL_OK;
}

enum sl_code sl_apply_absent(struct sl_apply *apply, const struct sl_delta_part **parts,
                             size_t *count, struct sl_error *error)
{
    size_t n = 0;

    *parts = NULL;
    *count = 0;
    if (!apply->absent) return SL_OK;
    if (!apply->absent_parts)
        apply->absent_parts = sl_calloc(apply->live_count + 1, sizeof *apply->absent_parts);
    if (!apply->absent_parts) return no_memory(error);
    for (size_t i = 0; i < apply->live_count; i++) {
        const struct bits *bits = &apply->absent[i];
        if (bits->count == 0) continue;
        struct sl_delta_part *part = &apply->absent_parts[n++];
        if (part->rows) continue; /* asked before */
        int64_t *rows = sl_alloc((size_t)bits->count * sizeof *rows);
        if (!rows) return no_memory(error);
        sl_bits_rows(bits, rows);
        *part = (struct sl_delta_part){.live = i, .rows = rows, .count = (size_t)bits->count};
    }
    *parts = apply->absent_parts;
    *count = n;
    return SL_OK;
}
