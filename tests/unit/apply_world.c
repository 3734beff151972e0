/* apply_world.c: see apply_world.h. */
#include "apply_world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "json/doc.h"
#include "nanoarrow/nanoarrow.h"

static const struct sl_member elements[] = {{.name = "a", .type = {.kind = SL_TYPE_BIGINT}}};
static const struct sl_member element[] = {
    {.type = {.kind = SL_TYPE_STRUCT, .member_count = 1, .members = elements}}};
static const struct sl_column columns[] = {
    {.name = "id", .exact_name = true, .type = {.kind = SL_TYPE_STRING}, .not_null = true},
    {.name = "seq", .exact_name = true, .type = {.kind = SL_TYPE_BIGINT}},
    {.name = "v", .exact_name = true, .type = {.kind = SL_TYPE_STRING}},
    {.name = "u", .exact_name = true, .type = {.kind = SL_TYPE_STRING}},
    {.name = "bit", .exact_name = true, .type = {.kind = SL_TYPE_BOOLEAN}},
    {.name = "n",
     .exact_name = true,
     .type = {.kind = SL_TYPE_ARRAY, .member_count = 1, .members = element}},
};
static const char *const primary_key[] = {"id", NULL};
static const struct sl_table_def definition = {.name = "Things",
                                               .columns = columns,
                                               .column_count = 5,
                                               .primary_key = primary_key,
                                               .ingestion = SL_CDC_WITH_DELETES};

#define FLOW_DOMAIN "sluice.cursor.test"

void apply_world_new(struct apply_world *w, struct world *base)
{
    *w = (struct apply_world){.base = base, .now_us = 1000000, .batch_rows = 100};
}

static void prepare(struct apply_world *w)
{
    struct sl_doc *doc = sl_doc_new(0);
    const struct sl_json *sequence = NULL;
    struct sl_schema_options options = {.history = w->history};

    if (w->schema) {
        sl_doc_free(doc);
        return;
    }
    assert_int_equal(sl_doc_parse(doc, "[\"seq\"]", 7, &sequence, &w->error), SL_OK);
    if (w->sequenced) options.sequence_by = sequence;
    struct sl_table_def def = definition;
    if (w->no_key) def.primary_key = NULL;
    OK(w, sl_schema_new(&def, &options, &w->schema, &w->error));
    OK(w, sl_batch_new(w->schema, NULL, &w->batch, &w->error));
    OK(w, sl_schema_arrow(w->schema, &w->arrow, &w->error));
    w->stages = sl_stages_new(0);
    sl_doc_free(doc);
}

void apply_world_free(struct apply_world *w)
{
    sl_batch_free(w->batch);
    sl_schema_free(w->schema);
    sl_stages_free(w->stages);
    if (w->arrow.release) w->arrow.release(&w->arrow);
    sl_delta_table_free(w->table);
    sl_buf_release(&w->aside);
}

static void draft(struct apply_world *w)
{
    struct sl_pair vectors = {"delta.enableDeletionVectors", "true"};
    char *json = NULL;

    if (w->table) return;
    OK(w, sl_schema_delta_json(w->schema, false, &json, &w->error));
    OK(w, sl_delta_draft(w->base->engine, w->base->table, json, &vectors, w->vectors ? 1 : 0,
                         &w->table, &w->error));
    sl_free(json);
}

/* ---- changes ---- */

struct change {
    char kind, key[32], value[32], untracked[32];
    int64_t sequence;
};

static bool next_change(const char **text, struct change *out)
{
    int read = 0;

    *out = (struct change){.untracked = "-", .value = "-"};
    while (**text == ' ') ++*text;
    if (!**text) return false;
    if (sscanf(*text, "%c(%31[^,)],%" SCNd64 ",%31[^,)],%31[^,)])%n", &out->kind, out->key,
               &out->sequence, out->value, out->untracked, &read) == 5 &&
        read > 0) {
    } else if (sscanf(*text, "%c(%31[^,)],%" SCNd64 ",%31[^,)])%n", &out->kind, out->key,
                      &out->sequence, out->value, &read) == 4 &&
               read > 0) {
        strcpy(out->untracked, "-");
    } else if (sscanf(*text, "%c(%31[^,)],%" SCNd64 ")%n", &out->kind, out->key, &out->sequence,
                      &read) == 3 &&
               read > 0) {
        strcpy(out->value, "-");
        strcpy(out->untracked, "-");
    } else {
        fail_msg("not a change: %s", *text);
    }
    *text += read;
    return true;
}

static void add_text(struct sl_buf *json, const char *name, const char *value)
{
    if (strcmp(value, "-") == 0)
        sl_buf_addf(json, ",\"%s\":null", name);
    else
        sl_buf_addf(json, ",\"%s\":\"%s\"", name, value);
}

static void append(struct apply_world *w, const struct change *c)
{
    struct sl_doc *doc = sl_doc_new(0);
    const struct sl_json *row = NULL;
    struct sl_buf json = {0};

    sl_buf_addf(&json, "{\"id\":\"%s\"", c->key);
    sl_buf_addf(&json, ",\"seq\":%" PRId64, w->sequenced ? c->sequence : 0);
    if (c->kind != 'D') {
        add_text(&json, "v", c->value);
        add_text(&json, "u", c->untracked);
        if (strcmp(c->value, "-") != 0)
            sl_buf_addf(&json, ",\"n\":[{\"a\":%zu}]", strlen(c->value));
    }
    sl_buf_addc(&json, '}');
    OK(w, sl_doc_parse(doc, json.data, json.len, &row, &w->error));
    if (c->kind == 'D')
        OK(w, sl_batch_append_delete(w->batch, doc, row, w->now_us, SL_NO_TIME, &w->error));
    else
        OK(w, sl_batch_append(w->batch, doc, row, NULL, 0, w->now_us,
                              w->history && !w->sequenced ? w->now_us : SL_NO_TIME, &w->error));
    sl_buf_release(&json);
    sl_doc_free(doc);
}

#define DROPPED 9

static void flush(struct apply_world *w, struct sl_stage *stage, struct sl_apply *apply,
                  const unsigned char *deletes, uint64_t unit)
{
    struct ArrowArray rows = {0};
    struct sl_stage_part part = {.unit = unit};
    size_t file;
    int64_t row;

    OK(w, sl_batch_take(w->batch, &rows, &w->error));
    if (rows.length == 0) {
        rows.release(&rows);
        return;
    }
    part.rows = rows.length;
    sl_stage_position(stage, &file, &row);
    if (apply) OK(w, sl_apply_add(apply, &w->arrow, &rows, deletes, file, row, &w->error));
    OK(w, sl_stage_append(stage, &part, 1, &rows, &w->error));
}

static void feed(struct apply_world *w, struct sl_stage *stage, struct sl_apply *apply,
                 const char *changes)
{
    unsigned char deletes[4096];
    size_t count = 0;
    uint64_t unit = 1;
    struct change c;
    int64_t dropped;

    while (next_change(&changes, &c)) {
        uint64_t wanted = c.kind == 'X' ? DROPPED : 1;
        if (count == w->batch_rows || count == sizeof deletes || wanted != unit) {
            flush(w, stage, apply, deletes, unit);
            count = 0;
        }
        unit = wanted;
        deletes[count++] = c.kind == 'D';
        append(w, &c);
    }
    flush(w, stage, apply, deletes, unit);
    OK(w, sl_stage_drop(stage, DROPPED, &dropped, &w->error));
}

void apply_batch(struct apply_world *w, const char *changes, unsigned char *deletes,
                 struct ArrowArray *out)
{
    struct change c;

    for (size_t i = 0; next_change(&changes, &c); i++) {
        deletes[i] = c.kind == 'D';
        append(w, &c);
    }
    OK(w, sl_batch_take(w->batch, out, &w->error));
}

/* ---- a run ---- */

static enum sl_code commit(struct apply_world *w, const struct sl_applied *applied)
{
    struct sl_pair domains[] = {{FLOW_DOMAIN, "{}"}, {"sluice.aux.test", applied->aside_json}};
    struct sl_delta_commit made = {.operation = "MERGE",
                                   .app_id = "test",
                                   .app_version = ++w->commits,
                                   .domains = domains,
                                   .domains_count = applied->aside_json ? 2 : 1,
                                   .add = applied->add,
                                   .add_count = applied->add_count,
                                   .gone = applied->gone,
                                   .gone_count = applied->gone_count,
                                   .data_change = true};

    return sl_delta_commit(w->table, &made, &w->error);
}

static void reopen(struct apply_world *w)
{
    sl_delta_table_free(w->table);
    w->table = NULL;
    w->error = (struct sl_error){0};
    w->table = NULL;
    OK(w, sl_delta_open(w->base->engine, w->base->table, -1, &w->table, &w->error));
}

static void disturb(struct apply_world *w)
{
    struct sl_delta_table *other = NULL;
    struct sl_delta_commit nothing = {.operation = "OPTIMIZE"};

    OK(w, sl_delta_open(w->base->engine, w->base->table, -1, &other, &w->error));
    OK(w, sl_delta_commit(other, &nothing, &w->error));
    sl_delta_table_free(other);
}

static void publish(struct apply_world *w, struct sl_apply *apply, struct sl_apply_input *input,
                    struct sl_applied *applied, bool conflict)
{
    enum sl_code rc;

    if (conflict) disturb(w);
    rc = commit(w, applied);
    if (conflict) {
        assert_int_equal(rc, SL_CONFLICT);
        reopen(w);
        input->table = w->table;
        w->commits--;
        OK(w, sl_apply_run(apply, input, applied, &w->error));
        rc = commit(w, applied);
    }
    if (rc) fail_msg("%s: %s", sl_code_name(rc), w->error.message);
    if (applied->aside_json) {
        sl_buf_reset(&w->aside);
        sl_buf_adds(&w->aside, applied->aside_json);
    }
}

static enum sl_code look_again(struct apply_world *w, struct sl_stage *stage,
                               struct sl_apply *apply, const struct sl_apply_input *input,
                               struct sl_applied *applied, const char *changes)
{
    const struct sl_delta_part *parts;
    size_t count;

    OK(w, sl_apply_absent(apply, &parts, &count, &w->error));
    w->absent_rows = 0;
    for (size_t i = 0; i < count; i++) w->absent_rows += (int64_t)parts[i].count;
    feed(w, stage, apply, changes);
    OK(w, sl_stage_close(stage, &w->error));
    return sl_apply_run(apply, input, applied, &w->error);
}

void apply_run(struct apply_world *w, const char *changes, struct run_flags flags)
{
    bool tracked[16];
    struct sl_stage *stage = NULL;
    struct sl_apply *apply = NULL;

    w->now_us += 1000000;
    w->error = (struct sl_error){0};
    prepare(w);
    draft(w);
    for (size_t i = 0; i < w->schema->count; i++)
        tracked[i] = !w->tracks_nothing && strcmp(w->schema->columns[i].name, "v") == 0;
    struct sl_apply_options options = {.schema = w->schema,
                                       .history = w->history,
                                       .sequenced = w->sequenced,
                                       .tracked = tracked,
                                       .own_key = w->own_key,
                                       .ignore_nulls = w->ignore_nulls,
                                       .memory_bytes = w->memory_bytes,
                                       .spill = w->base->directory,
                                       .secret = {{(unsigned char)w->commits, 7}}};
    OK(w, sl_apply_new(&options, &apply, &w->error));
    OK(w, sl_stage_new(w->stages, w->table, &w->arrow, NULL, &stage, &w->error));
    if (w->file_bytes) sl_stage_file_bytes(stage, w->file_bytes);
    feed(w, stage, apply, changes);
    OK(w, sl_stage_close(stage, &w->error));
    struct sl_apply_input input = {.table = w->table,
                                   .stage = stage,
                                   .complete = flags.complete,
                                   .scopes_json = flags.scopes,
                                   .replace = flags.replace,
                                   .observed_us = w->now_us,
                                   .now_us = w->now_us,
                                   .tombstones_us = w->tombstones_us,
                                   .aside_json = w->aside.len ? w->aside.data : NULL,
                                   .vectors = w->vectors,
                                   .target_bytes = w->target_bytes};
    struct sl_applied applied;
    enum sl_code rc = sl_apply_run(apply, &input, &applied, &w->error);
    if (!rc && flags.look_again)
        rc = look_again(w, stage, apply, &input, &applied, flags.look_again);
    if (rc != flags.expect) fail_msg("%s: %s", sl_code_name(rc), w->error.message);
    w->committed = !rc && (applied.add_count || applied.gone_count || applied.aside_json);
    if (w->committed) publish(w, apply, &input, &applied, flags.conflict);
    w->last = applied;
    w->last_whole = 0;
    for (size_t i = 0; i < applied.gone_count; i++) w->last_whole += !applied.gone[i].rows;
    sl_apply_free(apply);
    sl_stage_free(stage);
}

void foreign_rows(struct apply_world *w, const char *changes)
{
    struct sl_stage *stage = NULL;
    struct sl_staged staged;

    OK(w, sl_stage_new(w->stages, w->table, &w->arrow, NULL, &stage, &w->error));
    feed(w, stage, NULL, changes);
    OK(w, sl_stage_finish(stage, &staged, &w->error));
    struct sl_delta_commit made = {.operation = "WRITE",
                                   .add = staged.files,
                                   .add_count = staged.count,
                                   .data_change = true};
    OK(w, sl_delta_commit(w->table, &made, &w->error));
    sl_stage_free(stage);
}

/* ---- what is there ---- */

static void show(struct sl_buf *out, const struct ArrowArrayView *column, int64_t row)
{
    if (ArrowArrayViewIsNull(column, row)) {
        sl_buf_adds(out, "-");
    } else if (column->storage_type == NANOARROW_TYPE_STRING) {
        struct ArrowStringView text = ArrowArrayViewGetStringUnsafe(column, row);
        sl_buf_add(out, text.data, (size_t)text.size_bytes);
    } else {
        sl_buf_addf(out, "%" PRId64, ArrowArrayViewGetIntUnsafe(column, row));
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

#define LINES_MAX 20000

const char *apply_table(struct apply_world *w, struct sl_buf *out)
{
    const char *names[] = {"id", "v", "u", "__START_AT", "__END_AT"};
    static char *lines[LINES_MAX];
    size_t count = 0;
    struct ArrowArrayStream stream = {0};
    struct ArrowSchema schema = {0};
    struct ArrowArray batch = {0};
    struct ArrowArrayView view;

    reopen(w);
    OK(w, sl_delta_scan(w->table, names, w->history ? 5 : 3, -1, &stream, &w->error));
    assert_int_equal(stream.get_schema(&stream, &schema), 0);
    while (stream.get_next(&stream, &batch) == 0 && batch.release) {
        assert_int_equal(ArrowArrayViewInitFromSchema(&view, &schema, NULL), 0);
        assert_int_equal(ArrowArrayViewSetArray(&view, &batch, NULL), 0);
        for (int64_t i = 0; i < batch.length; i++) {
            struct sl_buf line = {0};
            show(&line, view.children[0], i);
            sl_buf_adds(&line, ":");
            show(&line, view.children[1], i);
            if (!ArrowArrayViewIsNull(view.children[2], i)) {
                sl_buf_adds(&line, "/");
                show(&line, view.children[2], i);
            }
            if (w->history) {
                sl_buf_adds(&line, "[");
                show(&line, view.children[3], i);
                sl_buf_adds(&line, ",");
                show(&line, view.children[4], i);
                sl_buf_adds(&line, ")");
            }
            assert_true(count < LINES_MAX);
            lines[count++] = sl_buf_take(&line);
        }
        ArrowArrayViewReset(&view);
        batch.release(&batch);
    }
    schema.release(&schema);
    stream.release(&stream);
    qsort(lines, count, sizeof *lines, by_text);
    sl_buf_reset(out);
    for (size_t i = 0; i < count; i++) {
        sl_buf_addf(out, "%s%s", i ? " " : "", lines[i]);
        sl_free(lines[i]);
    }
    return sl_buf_str(out);
}

void assert_applied(struct apply_world *w, const char *expected)
{
    struct sl_buf text = {0};

    assert_string_equal(apply_table(w, &text), expected);
    sl_buf_release(&text);
}
