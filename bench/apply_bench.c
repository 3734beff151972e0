/*
 * apply_bench.c: the changes of one run become one version of a table, and nothing else.
 *
 *     apply_bench TABLE SOURCE first|changes|snapshot [vectors] [history] [memory=MIB]
 *                 [scopes=JSON]
 *
 * SOURCE is a Delta table whose rows are the changes, with the columns of bench/merge.py. `first`
 * makes TABLE; `changes` applies the rows to it; `snapshot` takes them as all there is, or all
 * of some scopes: scopes='[{"due":"2026-11-20"}]'. Prints one line of JSON. This is what a run does between its last answer and its end: stage, apply, commit.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/alloc.h"
#include "delta/delta.h"
#include "pipeline/apply.h"
#include "pipeline/stage.h"
#include "table/schema.h"

#define TEXT(n)                                                                                    \
    {                                                                                              \
        .name = n, .exact_name = true, .type = {.kind = SL_TYPE_STRING }                           \
    }
#define COLUMN(n, k)                                                                               \
    {                                                                                              \
        .name = n, .exact_name = true, .type = {.kind = SL_TYPE_##k }                              \
    }

static const struct sl_column columns[] = {
    {.name = "id", .exact_name = true, .type = {.kind = SL_TYPE_STRING}, .not_null = true},
    TEXT("name"),
    TEXT("customer"),
    TEXT("city"),
    TEXT("note"),
    TEXT("status"),
    TEXT("email"),
    COLUMN("quantity", BIGINT),
    COLUMN("stock", BIGINT),
    COLUMN("visits", BIGINT),
    COLUMN("rank", BIGINT),
    COLUMN("serial", BIGINT),
    COLUMN("price", DOUBLE),
    COLUMN("cost", DOUBLE),
    COLUMN("weight", DOUBLE),
    COLUMN("score", DOUBLE),
    COLUMN("created", TIMESTAMP),
    COLUMN("modified", TIMESTAMP),
    COLUMN("due", DATE),
    COLUMN("active", BOOLEAN),
};
static const char *const primary_key[] = {"id", NULL};
static const struct sl_table_def definition = {
    .name = "Bench",
    .columns = columns,
    .column_count = sizeof columns / sizeof *columns,
    .primary_key = primary_key,
    .ingestion = SL_CDC_WITH_DELETES,
};

struct bench {
    const char *table_path, *source_path, *scopes;
    bool first, complete, vectors, history;
    size_t memory_bytes;
    char spill[256];
    struct sl_delta_engine *engine;
    struct sl_delta_table *table, *source;
    struct sl_schema *schema;
    struct sl_stages *stages;
    struct sl_stage *stage;
    struct sl_apply *apply;
    struct sl_applied applied;
    int64_t rows;
};

static enum sl_code draft(struct bench *b, struct sl_error *error)
{
    const struct sl_pair vectors = {"delta.enableDeletionVectors", "true"};
    char *json = NULL;
    enum sl_code rc = sl_schema_delta_json(b->schema, false, &json, error);

    if (!rc)
        rc = sl_delta_draft(b->engine, b->table_path, json, &vectors, b->vectors ? 1 : 0, &b->table,
                            error);
    sl_free(json);
    return rc;
}

static enum sl_code open_all(struct bench *b, struct sl_error *error)
{
    const struct sl_schema_options options = {.history = b->history};
    struct sl_apply_options how = {.history = b->history,
                                   .memory_bytes = b->memory_bytes,
                                   .spill = b->spill,
                                   .secret = {{1, 2, 3}}};
    enum sl_code rc = sl_delta_engine_new(NULL, 0, &b->engine, error);

    if (!rc) rc = sl_schema_new(&definition, &options, &b->schema, error);
    if (!rc) rc = sl_delta_open(b->engine, b->source_path, -1, &b->source, error);
    if (!rc && b->first) rc = draft(b, error);
    if (!rc && !b->first) rc = sl_delta_open(b->engine, b->table_path, -1, &b->table, error);
    if (rc) return rc;
    how.schema = b->schema;
    how.tracked = b->schema->tracked;
    b->stages = sl_stages_new(0);
    if (!b->stages) return sl_fail(error, SL_NO_MEMORY, "no memory for stages");
    return sl_apply_new(&how, &b->apply, error);
}

/* Each batch is noted and staged, as a run does it. */
static enum sl_code feed(struct bench *b, struct ArrowArrayStream *rows,
                         const struct ArrowSchema *schema, struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    while (!rc) {
        struct ArrowArray batch = {0};
        struct sl_stage_part part = {.unit = 0};
        size_t file;
        int64_t row;

        if (rows->get_next(rows, &batch) != 0)
            return sl_fail(error, SL_DESTINATION, "%s", rows->get_last_error(rows));
        if (!batch.release) return SL_OK;
        part.rows = batch.length;
        b->rows += batch.length;
        sl_stage_position(b->stage, &file, &row);
        rc = sl_apply_add(b->apply, schema, &batch, NULL, file, row, error);
        if (rc)
            batch.release(&batch);
        else
            rc = sl_stage_append(b->stage, &part, 1, &batch, error);
    }
    return rc;
}

static enum sl_code read_all(struct bench *b, struct sl_error *error)
{
    const char *names[64];
    struct ArrowArrayStream rows = {0};
    struct ArrowSchema schema = {0};
    enum sl_code rc;

    for (size_t i = 0; i < b->schema->count; i++) names[i] = b->schema->columns[i].name;
    rc = sl_delta_scan(b->source, names, b->schema->count, -1, &rows, error);
    if (rc) return rc;
    if (rows.get_schema(&rows, &schema) != 0)
        rc = sl_fail(error, SL_DESTINATION, "%s", rows.get_last_error(&rows));
    if (!rc) rc = sl_stage_new(b->stages, b->table, &schema, NULL, &b->stage, error);
    if (!rc && !b->vectors) sl_stage_file_bytes(b->stage, SL_APPLY_REWRITTEN_BYTES);
    if (!rc) rc = feed(b, &rows, &schema, error);
    if (schema.release) schema.release(&schema);
    rows.release(&rows);
    return rc ? rc : sl_stage_close(b->stage, error);
}

static enum sl_code commit(struct bench *b, struct sl_error *error)
{
    int64_t now_us = (int64_t)time(NULL) * 1000000;
    const struct sl_apply_input input = {.table = b->table,
                                         .stage = b->stage,
                                         .complete = b->complete,
                                         .scopes_json = b->scopes,
                                         .replace = b->first,
                                         .observed_us = now_us,
                                         .now_us = now_us,
                                         .vectors = b->vectors};
    struct sl_pair domains[] = {{"sluice.cursor.bench", "{}"}, {"sluice.aux.bench", NULL}};
    struct sl_delta_commit made = {.operation = "MERGE", .domains = domains, .data_change = true};
    enum sl_code rc = sl_apply_run(b->apply, &input, &b->applied, error);

    if (rc || (!b->applied.add_count && !b->applied.gone_count)) return rc;
    domains[1].value = b->applied.aside_json;
    made.domains_count = b->applied.aside_json ? 2 : 1;
    made.add = b->applied.add;
    made.add_count = b->applied.add_count;
    made.gone = b->applied.gone;
    made.gone_count = b->applied.gone_count;
    return sl_delta_commit(b->table, &made, error);
}

static void report(const struct bench *b)
{
    struct rusage used;

    (void)getrusage(RUSAGE_SELF, &used);
    printf("{\"rows\":%" PRId64 ",\"inserted\":%" PRId64 ",\"updated\":%" PRId64
           ",\"deleted\":%" PRId64 ",\"unchanged\":%" PRId64 ",\"files_added\":%zu"
           ",\"files_touched\":%zu,\"bytes_written\":%" PRId64 ",\"peak_kib\":%ld}\n",
           b->rows, b->applied.inserted, b->applied.updated, b->applied.deleted,
           b->applied.unchanged, b->applied.add_count, b->applied.gone_count,
           b->applied.bytes_written, used.ru_maxrss);
}

static bool read_arguments(struct bench *b, int argc, char **argv)
{
    if (argc < 4) return false;
    b->table_path = argv[1];
    b->source_path = argv[2];
    b->first = strcmp(argv[3], "first") == 0;
    b->complete = strcmp(argv[3], "snapshot") == 0;
    for (int i = 4; i < argc; i++) {
        if (strcmp(argv[i], "vectors") == 0)
            b->vectors = true;
        else if (strcmp(argv[i], "history") == 0)
            b->history = true;
        else if (strncmp(argv[i], "scopes=", 7) == 0)
            b->scopes = argv[i] + 7;
        else if (strncmp(argv[i], "memory=", 7) == 0)
            b->memory_bytes = (size_t)strtoul(argv[i] + 7, NULL, 10) << 20;
        else
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct bench b = {0};
    struct sl_error error = {0};
    const char *spill = getenv("TMPDIR");
    enum sl_code rc;

    if (!read_arguments(&b, argc, argv)) {
        (void)fputs("apply_bench TABLE SOURCE first|changes|snapshot [vectors] [history] "
                    "[memory=MIB] [scopes=JSON]\n",
                    stderr);
        return 2;
    }
    (void)snprintf(b.spill, sizeof b.spill, "%s", spill ? spill : "/tmp");
    rc = open_all(&b, &error);
    if (!rc) rc = read_all(&b, &error);
    if (!rc) rc = commit(&b, &error);
    if (rc)
        (void)fprintf(stderr, "%s: %s\n", sl_code_name(rc), error.message);
    else
        report(&b);
    sl_apply_free(b.apply);
    sl_stage_free(b.stage);
    sl_stages_free(b.stages);
    sl_schema_free(b.schema);
    sl_delta_table_free(b.table);
    sl_delta_table_free(b.source);
    sl_delta_engine_free(b.engine);
    return rc ? 1 : 0;
}
