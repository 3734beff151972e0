/* delta_world.c: see delta_world.h. */
#define _XOPEN_SOURCE 700 /* nftw, mkdtemp */
#include "delta_world.h"

#include "base/alloc.h"

#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* -- Batches ----------------------------------------------------------------------------------- */

struct batch {
    struct ArrowArray children[COLUMNS_MAX], *child_pointers[COLUMNS_MAX];
    const void *buffers[COLUMNS_MAX][3];
    const void *no_buffer[1];
};

struct batch_schema {
    struct ArrowSchema children[COLUMNS_MAX], *child_pointers[COLUMNS_MAX];
};

static void child_release(struct ArrowArray *array)
{
    array->release = NULL;
}

static void batch_release(struct ArrowArray *array)
{
    for (int64_t i = 0; i < array->n_children; i++)
        if (array->children[i]->release) array->children[i]->release(array->children[i]);
    sl_free(array->private_data);
    array->release = NULL;
}

struct ArrowArray batch_of(const struct column *columns, int count, int64_t rows)
{
    struct batch *batch = sl_calloc(1, sizeof(*batch));

    assert_non_null(batch);
    for (int i = 0; i < count; i++) {
        bool text = columns[i].offsets != NULL;
        batch->buffers[i][0] = columns[i].valid;
        batch->buffers[i][1] = text ? (const void *)columns[i].offsets : columns[i].values;
        batch->buffers[i][2] = columns[i].values;
        batch->children[i] = (struct ArrowArray){.length = rows,
                                                 .null_count = columns[i].valid ? -1 : 0,
                                                 .n_buffers = text ? 3 : 2,
                                                 .buffers = batch->buffers[i],
                                                 .release = child_release};
        batch->child_pointers[i] = &batch->children[i];
    }
    return (struct ArrowArray){.length = rows,
                               .n_buffers = 1,
                               .buffers = batch->no_buffer,
                               .n_children = count,
                               .children = batch->child_pointers,
                               .release = batch_release,
                               .private_data = batch};
}

static void schema_child_release(struct ArrowSchema *schema)
{
    schema->release = NULL;
}

static void schema_release(struct ArrowSchema *schema)
{
    sl_free(schema->private_data);
    schema->release = NULL;
}

struct ArrowSchema schema_of(const struct column *columns, int count)
{
    struct batch_schema *schema = sl_calloc(1, sizeof(*schema));

    assert_non_null(schema);
    for (int i = 0; i < count; i++) {
        schema->children[i] = (struct ArrowSchema){.format = columns[i].format,
                                                   .name = columns[i].name,
                                                   .flags = ARROW_FLAG_NULLABLE,
                                                   .release = schema_child_release};
        schema->child_pointers[i] = &schema->children[i];
    }
    return (struct ArrowSchema){.format = "+s",
                                .name = "",
                                .n_children = count,
                                .children = schema->child_pointers,
                                .release = schema_release,
                                .private_data = schema};
}

/* -- A world with one engine and one directory ------------------------------------------------- */

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status, (void)kind, (void)where;
    return remove(path);
}

int world_new(void **state)
{
    struct world *world = sl_calloc(1, sizeof(*world));
    const char *root = getenv("SLUICE_TEST_TMP");

    if (!world) return -1;
    snprintf(world->directory, sizeof(world->directory), "%s/delta-XXXXXX", root ? root : "/tmp");
    if (!mkdtemp(world->directory)) return -1;
    snprintf(world->table, sizeof(world->table), "%s/table", world->directory);
    *state = world;
    return sl_delta_engine_new(NULL, 0, &world->engine, &world->error) == SL_OK ? 0 : -1;
}

int world_free(void **state)
{
    struct world *world = *state;

    sl_delta_engine_free(world->engine);
    if (!getenv("SLUICE_TEST_KEEP")) nftw(world->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    sl_free(world);
    return 0;
}

const struct sl_delta_commit NOTHING = {.operation = "WRITE", .data_change = true};

struct sl_delta_table *create(struct world *world, const char *schema)
{
    struct sl_delta_table *table = NULL;

    OK(world, sl_delta_create(world->engine, world->table, schema, NULL, 0, &NOTHING, &table,
                              &world->error));
    return table;
}

struct sl_delta_table *open_newest(struct world *world)
{
    struct sl_delta_table *table = NULL;

    OK(world, sl_delta_open(world->engine, world->table, -1, &table, &world->error));
    return table;
}

struct sl_delta_file *stage(struct world *world, struct sl_delta_table *table,
                            const struct column *columns, int count, int64_t rows,
                            const char *added)
{
    struct ArrowSchema schema = schema_of(columns, count);
    struct ArrowArray batch = batch_of(columns, count, rows);
    struct sl_delta_writer *writer = NULL;
    struct sl_delta_file *file = NULL;

    OK(world, sl_delta_writer_open(table, &schema, added, NULL, &writer, &world->error));
    OK(world, sl_delta_write(writer, &batch, &world->error));
    assert_null(batch.release);
    assert_int_equal(sl_delta_writer_rows(writer), rows);
    assert_true(sl_delta_writer_memory(writer) > 0);
    OK(world, sl_delta_writer_close(writer, &file, &world->error));
    schema.release(&schema);
    return file;
}

struct sl_delta_file *stage_rows(struct world *world, struct sl_delta_table *table, int64_t first,
                                 int count)
{
    int64_t ids[9];
    int32_t offsets[10] = {0};
    char names[18];
    struct column columns[] = {
        {.name = "id", .format = "l", .values = ids},
        {.name = "name", .format = "u", .values = names, .offsets = offsets}};

    for (int i = 0; i < count; i++) {
        ids[i] = first + i;
        names[2 * i] = 'n';
        names[2 * i + 1] = (char)('0' + first + i);
        offsets[i + 1] = 2 * (i + 1);
    }
    return stage(world, table, columns, 2, count, NULL);
}

enum sl_code commit_one(struct world *world, struct sl_delta_table *table,
                        struct sl_delta_file *file, struct sl_delta_commit commit)
{
    enum sl_code code;

    commit.add = &file;
    commit.add_count = file ? 1 : 0;
    code = sl_delta_commit(table, &commit, &world->error);
    sl_delta_file_free(file, code != SL_OK);
    return code;
}

/* -- What is read, as text --------------------------------------------------------------------- */

static void __attribute__((format(printf, 2, 3))) append(struct text *text, const char *format, ...)
{
    va_list arguments;
    int length;

    va_start(arguments, format);
    length =
        vsnprintf(text->data + text->length, sizeof(text->data) - text->length, format, arguments);
    va_end(arguments);
    assert_true(length >= 0 && (size_t)length < sizeof(text->data) - text->length);
    text->length += (size_t)length;
}

static bool bit(const void *bits, int64_t i)
{
    return ((const uint8_t *)bits)[i / 8] >> (i % 8) & 1;
}

static void append_value(struct text *text, const char *format, const struct ArrowArray *array,
                         int64_t row)
{
    int64_t i = array->offset + row;

    if (array->buffers[0] && !bit(array->buffers[0], i))
        append(text, "NULL");
    else if (format[0] == 'l' || format[0] == 't')
        append(text, "%" PRId64, ((const int64_t *)array->buffers[1])[i]);
    else if (format[0] == 'g')
        append(text, "%g", ((const double *)array->buffers[1])[i]);
    else if (format[0] == 'b')
        append(text, "%s", bit(array->buffers[1], i) ? "true" : "false");
    else if (format[0] == 'd') /* a decimal: its unscaled value, where 64 bits hold it */
        append(text, "%" PRId64, ((const int64_t *)array->buffers[1])[2 * i]);
    else if (format[0] == 'u')
        append(text, "%.*s",
               ((const int32_t *)array->buffers[1])[i + 1] -
                   ((const int32_t *)array->buffers[1])[i],
               (const char *)array->buffers[2] + ((const int32_t *)array->buffers[1])[i]);
    else
        append(text, "(%s)", format);
}

struct text read_stream(struct ArrowArrayStream *stream)
{
    struct text text = {0};
    struct ArrowSchema schema;
    struct ArrowArray batch;

    assert_int_equal(stream->get_schema(stream, &schema), 0);
    for (;;) {
        if (stream->get_next(stream, &batch) != 0) fail_msg("%s", stream->get_last_error(stream));
        if (!batch.release) break;
        assert_true(batch.length <= 8192);
        for (int64_t row = 0; row < batch.length; row++) {
            for (int64_t i = 0; i < batch.n_children; i++) {
                append(&text, "%s", i ? "|" : "");
                append_value(&text, schema.children[i]->format, batch.children[i], row);
            }
            append(&text, "\n");
        }
        batch.release(&batch);
    }
    schema.release(&schema);
    stream->release(stream);
    return text;
}

struct text read_columns(struct world *world, struct sl_delta_table *table,
                         const char *const *columns, size_t count, int64_t limit)
{
    struct ArrowArrayStream stream;

    OK(world, sl_delta_scan(table, columns, count, limit, &stream, &world->error));
    return read_stream(&stream);
}

struct text read_all(struct world *world, struct sl_delta_table *table)
{
    return read_columns(world, table, NULL, 0, -1);
}

void assert_table(struct world *world, const char *expected)
{
    struct sl_delta_table *table = open_newest(world);
    struct text text = read_all(world, table);

    assert_string_equal(text.data, expected);
    sl_delta_table_free(table);
}

struct text log_of(const struct world *world, int version)
{
    struct text text = {0};
    char path[2 * PATH_MAX_LENGTH];
    FILE *file;

    snprintf(path, sizeof(path), "%s/_delta_log/%020d.json", world->table, version);
    file = fopen(path, "r");
    assert_non_null(file);
    text.length = fread(text.data, 1, sizeof(text.data) - 1, file);
    fclose(file);
    return text;
}
