/*
 * Tests of src/delta: tables are made, written, read and fought over in a temporary directory.
 * Batches are built by hand on purpose, so that nothing but the Arrow C interface is involved;
 * what is read comes back as text, one line per row, columns separated by '|'.
 */
#define _XOPEN_SOURCE 700 /* nftw */
#include "base/alloc.h"
#include "delta/delta.h"

#include <ftw.h>
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* -- Batches ------------------------------------------------------------------------------------ */

enum { COLUMNS_MAX = 64, TEXT_MAX = 4096, PATH_MAX_LENGTH = 512 };

/* One column: values is an int64_t, double, uint8_t bits or 16-byte array, or bytes of offsets. */
struct column {
    const char *name, *format;
    const void *values;
    const int32_t *offsets; /* for "u" */
    const uint8_t *valid;   /* bits; NULL: all */
};

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
        if (array->children[i]->release)
            array->children[i]->release(array->children[i]);
    sl_free(array->private_data);
    array->release = NULL;
}

static struct ArrowArray batch_of(const struct column *columns, int count, int64_t rows)
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

static struct ArrowSchema schema_of(const struct column *columns, int count)
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

/* -- A world with one engine and one directory -------------------------------------------------- */

struct world {
    char directory[PATH_MAX_LENGTH], table[PATH_MAX_LENGTH + 16];
    struct sl_delta_engine *engine;
    struct sl_error error;
};

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status, (void)kind, (void)where;
    return remove(path);
}

static int world_new(void **state)
{
    struct world *world = sl_calloc(1, sizeof(*world));
    const char *root = getenv("SLUICE_TEST_TMP");

    if (!world)
        return -1;
    snprintf(world->directory, sizeof(world->directory), "%s/delta-XXXXXX", root ? root : "/tmp");
    if (!mkdtemp(world->directory))
        return -1;
    snprintf(world->table, sizeof(world->table), "%s/table", world->directory);
    *state = world;
    return sl_delta_engine_new(NULL, 0, &world->engine, &world->error) == SL_OK ? 0 : -1;
}

static int world_free(void **state)
{
    struct world *world = *state;

    sl_delta_engine_free(world->engine);
    nftw(world->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    sl_free(world);
    return 0;
}

#define OK(world, call)                                                                            \
    do {                                                                                           \
        if ((call) != SL_OK)                                                                       \
            fail_msg("%s: %s (%s)", sl_code_name((world)->error.code), (world)->error.message,     \
                     (world)->error.hint);                                                         \
    } while (0)

#define SCHEMA(fields) "{\"type\":\"struct\",\"fields\":[" fields "]}"
#define FIELD(name, type)                                                                          \
    "{\"name\":\"" name "\",\"type\":\"" type "\",\"nullable\":true,\"metadata\":{}}"

static const char TWO_FIELDS[] = SCHEMA(FIELD("id", "long") "," FIELD("name", "string"));

static const struct sl_delta_commit NOTHING = {.operation = "WRITE", .data_change = true};

static struct sl_delta_table *create(struct world *world, const char *schema)
{
    struct sl_delta_table *table = NULL;

    OK(world, sl_delta_create(world->engine, world->table, schema, NULL, 0, &NOTHING, &table,
                              &world->error));
    return table;
}

static struct sl_delta_table *open_newest(struct world *world)
{
    struct sl_delta_table *table = NULL;

    OK(world, sl_delta_open(world->engine, world->table, -1, &table, &world->error));
    return table;
}

/* A staged file of one batch. */
static struct sl_delta_file *stage(struct world *world, struct sl_delta_table *table,
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

/* Rows {first, "n<first>"}, {first + 1, ...}, ...: at most nine of them, one digit each. */
static struct sl_delta_file *stage_rows(struct world *world, struct sl_delta_table *table,
                                        int64_t first, int count)
{
    int64_t ids[9];
    int32_t offsets[10] = {0};
    char names[18];
    struct column columns[] = {{.name = "id", .format = "l", .values = ids},
                               {.name = "name", .format = "u", .values = names, .offsets = offsets}};

    for (int i = 0; i < count; i++) {
        ids[i] = first + i;
        names[2 * i] = 'n';
        names[2 * i + 1] = (char)('0' + first + i);
        offsets[i + 1] = 2 * (i + 1);
    }
    return stage(world, table, columns, 2, count, NULL);
}

static enum sl_code commit_one(struct world *world, struct sl_delta_table *table,
                               struct sl_delta_file *file, struct sl_delta_commit commit)
{
    enum sl_code code;

    commit.add = &file;
    commit.add_count = file ? 1 : 0;
    code = sl_delta_commit(table, &commit, &world->error);
    sl_delta_file_free(file, code != SL_OK);
    return code;
}

/* -- What is read, as text ---------------------------------------------------------------------- */

struct text {
    char data[TEXT_MAX];
    size_t length;
};

static void __attribute__((format(printf, 2, 3))) append(struct text *text, const char *format, ...)
{
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(text->data + text->length, sizeof(text->data) - text->length, format,
                       arguments);
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
               ((const int32_t *)array->buffers[1])[i + 1] - ((const int32_t *)array->buffers[1])[i],
               (const char *)array->buffers[2] + ((const int32_t *)array->buffers[1])[i]);
    else
        append(text, "(%s)", format);
}

static struct text read_stream(struct ArrowArrayStream *stream)
{
    struct text text = {0};
    struct ArrowSchema schema;
    struct ArrowArray batch;

    assert_int_equal(stream->get_schema(stream, &schema), 0);
    for (;;) {
        if (stream->get_next(stream, &batch) != 0)
            fail_msg("%s", stream->get_last_error(stream));
        if (!batch.release)
            break;
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

static struct text read_columns(struct world *world, struct sl_delta_table *table,
                                const char *const *columns, size_t count, int64_t limit)
{
    struct ArrowArrayStream stream;

    OK(world, sl_delta_scan(table, columns, count, limit, &stream, &world->error));
    return read_stream(&stream);
}

static struct text read_all(struct world *world, struct sl_delta_table *table)
{
    return read_columns(world, table, NULL, 0, -1);
}

static void assert_table(struct world *world, const char *expected)
{
    struct sl_delta_table *table = open_newest(world);
    struct text text = read_all(world, table);

    assert_string_equal(text.data, expected);
    sl_delta_table_free(table);
}

/* The text of a version's file in the log. */
static struct text log_of(const struct world *world, int version)
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

/* -- Opening and creating ----------------------------------------------------------------------- */

static void opens_nothing_where_nothing_is(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = NULL;
    char path[2 * PATH_MAX_LENGTH];
    FILE *file;

    assert_int_equal(sl_delta_open(world->engine, world->table, -1, &table, &world->error),
                     SL_NOT_FOUND);
    assert_non_null(strstr(world->error.message, world->table));
    assert_null(table);
    assert_int_equal(mkdir(world->table, 0700), 0);
    assert_int_equal(sl_delta_open(world->engine, world->table, -1, &table, &world->error),
                     SL_NOT_FOUND);

    snprintf(path, sizeof(path), "%s/notes.txt", world->table);
    file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(sl_delta_open(world->engine, world->table, -1, &table, &world->error),
                     SL_UNSUPPORTED);
    assert_non_null(strstr(world->error.message, "notes.txt"));
    assert_int_equal(sl_delta_create(world->engine, world->table, TWO_FIELDS, NULL, 0, &NOTHING,
                                     &table, &world->error),
                     SL_UNSUPPORTED);

    assert_int_equal(sl_delta_open(world->engine, path, -1, &table, &world->error), SL_DESTINATION);
    assert_true(world->error.hint[0] != '\0');
    snprintf(path, sizeof(path), "%s/notes.txt/table", world->table);
    assert_int_equal(sl_delta_create(world->engine, path, TWO_FIELDS, NULL, 0, &NOTHING, &table,
                                     &world->error),
                     SL_DESTINATION);
    assert_true(world->error.hint[0] != '\0');
}

static void refuses_a_directory_it_may_not_write(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = NULL;

    if (geteuid() == 0)
        skip(); /* root may write anywhere */
    assert_int_equal(mkdir(world->table, 0500), 0);
    assert_int_equal(sl_delta_create(world->engine, world->table, TWO_FIELDS, NULL, 0, &NOTHING,
                                     &table, &world->error),
                     SL_DESTINATION);
    assert_non_null(strstr(world->error.hint, "right"));
}

static void refuses_locations_and_settings(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = NULL;
    struct sl_delta_engine *engine = NULL;
    const char *const bad[] = {"relative/path", "/tmp/a%20b", "ftp://host/path", "s3:///path", ""};
    const struct sl_pair unknown = {"aws_acess_key_id", "x"};
    const struct sl_pair unsafe = {"conditional_put", "disabled"};
    const struct sl_pair good[] = {{"aws_access_key_id", "x"}, {"allow_http", "true"}};

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(sl_delta_open(world->engine, bad[i], -1, &table, &world->error),
                         SL_BAD_SPEC);
    assert_int_equal(sl_delta_engine_new(&unknown, 1, &engine, &world->error), SL_BAD_SPEC);
    assert_non_null(strstr(world->error.message, "aws_acess_key_id"));
    assert_int_equal(sl_delta_engine_new(&unsafe, 1, &engine, &world->error), SL_BAD_SPEC);
    OK(world, sl_delta_engine_new(good, 2, &engine, &world->error));
    sl_delta_engine_free(engine);
    sl_delta_engine_free(NULL);
}

static void creates_an_empty_table(void **state)
{
    struct world *world = *state;
    const struct sl_pair properties[] = {{"sluice.source", "example"},
                                         {"delta.dataSkippingNumIndexedCols", "8"}};
    struct sl_delta_table *table = NULL;
    struct sl_delta_totals totals;
    const char *json;

    OK(world, sl_delta_create(world->engine, world->table, TWO_FIELDS, properties, 2, &NOTHING,
                              &table, &world->error));
    assert_int_equal(sl_delta_version(table), 0);
    assert_string_equal(sl_delta_location(table), world->table);
    assert_string_equal(sl_delta_property(table, "sluice.source"), "example");
    assert_null(sl_delta_property(table, "sluice.other"));
    assert_non_null(strstr(sl_delta_schema_json(table), "\"name\""));
    OK(world, sl_delta_properties_json(table, &json, &world->error));
    assert_non_null(strstr(json, "\"delta.feature.domainMetadata\":\"supported\""));
    OK(world, sl_delta_totals(table, &totals, &world->error));
    assert_int_equal(totals.files, 0);
    assert_int_equal(totals.rows, 0);
    sl_delta_table_free(table);

    assert_table(world, "");
    assert_int_equal(sl_delta_create(world->engine, world->table, TWO_FIELDS, NULL, 0, &NOTHING,
                                     &table, &world->error),
                     SL_EXISTS);
    assert_int_equal(sl_delta_open(world->engine, world->table, 7, &table, &world->error),
                     SL_NOT_FOUND);
}

static void refuses_names_and_properties_of_delta(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = NULL;
    const struct sl_pair unknown = {"delta.noSuchThing", "1"};
    const char *spaced = SCHEMA(FIELD("two words", "long"));
    const char *twice = SCHEMA(FIELD("id", "long") "," FIELD("ID", "long"));

    assert_int_equal(sl_delta_create(world->engine, world->table, spaced, NULL, 0, &NOTHING,
                                     &table, &world->error),
                     SL_BAD_SPEC);
    assert_non_null(strstr(world->error.message, "two words"));
    assert_int_equal(sl_delta_create(world->engine, world->table, twice, NULL, 0, &NOTHING, &table,
                                     &world->error),
                     SL_BAD_SPEC);
    assert_int_equal(sl_delta_create(world->engine, world->table, TWO_FIELDS, &unknown, 1,
                                     &NOTHING, &table, &world->error),
                     SL_BAD_SPEC);
    assert_non_null(strstr(world->error.message, "delta.noSuchThing"));
    assert_int_equal(sl_delta_create(world->engine, world->table, "{", NULL, 0, &NOTHING, &table,
                                     &world->error),
                     SL_BAD_SPEC);
    assert_int_equal(sl_delta_open(world->engine, world->table, -1, &table, &world->error),
                     SL_NOT_FOUND);
}

static void first_version_carries_files_and_cursor(void **state)
{
    struct world *world = *state;
    struct sl_delta_commit commit = NOTHING;
    struct sl_delta_table *table = NULL, *other = NULL, *none = NULL;
    struct sl_delta_file *file;
    const char *json;
    int64_t version;

    OK(world, sl_delta_draft(world->engine, world->table, TWO_FIELDS, NULL, 0, &table,
                             &world->error));
    OK(world, sl_delta_draft(world->engine, world->table, TWO_FIELDS, NULL, 0, &other,
                             &world->error));
    assert_int_equal(sl_delta_version(table), -1);
    file = stage_rows(world, table, 1, 2);
    assert_int_equal(sl_delta_open(world->engine, world->table, -1, &none, &world->error),
                     SL_NOT_FOUND); /* staged files are not strangers */
    commit.app_id = "flow";
    commit.app_version = 1;
    commit.domain = "sluice.cursor.flow";
    commit.domain_json = "{\"n\":1}";
    OK(world, commit_one(world, table, file, commit));
    assert_int_equal(sl_delta_version(table), 0);
    OK(world, sl_delta_domain(table, "sluice.cursor.flow", &json, &world->error));
    assert_string_equal(json, "{\"n\":1}");
    OK(world, sl_delta_app_version(table, "flow", &version, &world->error));
    assert_int_equal(version, 1);
    assert_table(world, "1|n1\n2|n2\n");

    file = stage_rows(world, other, 5, 1);
    assert_int_equal(commit_one(world, other, file, NOTHING), SL_EXISTS);
    assert_table(world, "1|n1\n2|n2\n");
    sl_delta_table_free(table);
    sl_delta_table_free(other);
}

/* -- Writing and committing --------------------------------------------------------------------- */

static void several_batches_become_one_file(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = create(world, TWO_FIELDS);
    static int64_t ids[1000];
    struct column column = {.name = "id", .format = "l", .values = ids};
    struct sl_delta_writer_options options = {.rows_max = 2500, .compression_level = 3};
    struct ArrowSchema schema = schema_of(&column, 1);
    struct sl_delta_writer *writer = NULL;
    struct sl_delta_file *file = NULL;
    struct sl_delta_totals totals;

    OK(world, sl_delta_writer_open(table, &schema, NULL, &options, &writer, &world->error));
    for (int batch = 0; batch < 10; batch++) {
        struct ArrowArray array;
        for (int i = 0; i < 1000; i++)
            ids[i] = batch * 1000 + i;
        array = batch_of(&column, 1, 1000);
        OK(world, sl_delta_write(writer, &array, &world->error));
        if (batch == 4)
            OK(world, sl_delta_writer_flush(writer, &world->error));
    }
    assert_int_equal(sl_delta_writer_rows(writer), 10000);
    assert_true(sl_delta_writer_bytes(writer) > 0);
    OK(world, sl_delta_writer_close(writer, &file, &world->error));
    schema.release(&schema);
    assert_int_equal(sl_delta_file_rows(file), 10000);
    assert_true(sl_delta_file_bytes(file) > 1000);
    assert_non_null(strstr(sl_delta_file_path(file), ".parquet"));
    OK(world, commit_one(world, table, file, NOTHING));
    OK(world, sl_delta_totals(table, &totals, &world->error));
    assert_int_equal(totals.files, 1);
    assert_int_equal(totals.rows, 10000);
    assert_true(totals.bytes > 1000);
    sl_delta_table_free(table);
}

static void replaces_everything_at_once(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = create(world, TWO_FIELDS);
    struct sl_delta_commit replace = NOTHING;
    struct sl_delta_totals totals;

    OK(world, commit_one(world, table, stage_rows(world, table, 1, 2), NOTHING));
    OK(world, commit_one(world, table, stage_rows(world, table, 3, 2), NOTHING));
    assert_int_equal(sl_delta_version(table), 2);
    replace.remove_all = true;
    OK(world, commit_one(world, table, stage_rows(world, table, 7, 1), replace));
    assert_table(world, "7|n7\n");
    OK(world, sl_delta_totals(table, &totals, &world->error));
    assert_int_equal(totals.files, 1);
    assert_int_equal(totals.rows, 1);
    OK(world, commit_one(world, table, NULL, replace));
    assert_table(world, "");
    sl_delta_table_free(table);
}

static void one_of_two_wins(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *first = create(world, TWO_FIELDS), *second = open_newest(world);
    struct sl_delta_file *loser = stage_rows(world, second, 2, 1);
    struct sl_delta_commit commit = NOTHING;
    char path[3 * PATH_MAX_LENGTH];

    snprintf(path, sizeof(path), "%s/%s", world->table, sl_delta_file_path(loser));
    commit.app_id = "flow";
    commit.app_version = 1;
    commit.domain = "sluice.cursor.flow";
    commit.domain_json = "{\"run\":\"a\"}";
    OK(world, commit_one(world, first, stage_rows(world, first, 1, 1), commit));
    commit.domain_json = "{\"run\":\"b\"}";
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(commit_one(world, second, loser, commit), SL_CONFLICT);
    assert_true(world->error.retryable);
    assert_int_equal(sl_delta_version(second), 0);
    assert_int_equal(access(path, F_OK), -1); /* discarded */
    assert_table(world, "1|n1\n");
    sl_delta_table_free(first);
    sl_delta_table_free(second);
}

static void a_lost_answer_is_no_conflict(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *first = create(world, TWO_FIELDS), *second = open_newest(world);
    struct sl_delta_commit commit = NOTHING;
    int64_t version;

    commit.app_id = "flow";
    commit.app_version = 4;
    commit.domain = "sluice.cursor.flow";
    commit.domain_json = "{\"run\":\"a\",\"n\":4}";
    OK(world, commit_one(world, first, stage_rows(world, first, 1, 1), commit));
    /* The same commit again, on the snapshot from before: it is there, so it is done. */
    OK(world, sl_delta_commit(second, &commit, &world->error));
    assert_int_equal(sl_delta_version(second), 1);
    OK(world, sl_delta_app_version(second, "flow", &version, &world->error));
    assert_int_equal(version, 4);
    OK(world, sl_delta_app_version(second, "another", &version, &world->error));
    assert_int_equal(version, -1);
    assert_table(world, "1|n1\n");
    sl_delta_table_free(first);
    sl_delta_table_free(second);
}

static void the_cursor_travels_with_the_rows(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = create(world, TWO_FIELDS);
    struct sl_delta_commit commit = NOTHING;
    const struct sl_pair parameter = {"mode", "Append"}, metric = {"numOutputRows", "1"};
    const char *json;

    OK(world, sl_delta_domain(table, "sluice.cursor.flow", &json, &world->error));
    assert_null(json);
    commit.domain = "sluice.cursor.flow";
    commit.domain_json = "{\"page\":\"\\u00fcber\"}";
    commit.parameters = &parameter;
    commit.parameters_count = 1;
    commit.metrics = &metric;
    commit.metrics_count = 1;
    OK(world, commit_one(world, table, stage_rows(world, table, 1, 1), commit));
    sl_delta_table_free(table);

    table = open_newest(world);
    OK(world, sl_delta_domain(table, "sluice.cursor.flow", &json, &world->error));
    assert_string_equal(json, "{\"page\":\"\\u00fcber\"}");
    OK(world, sl_delta_history(table, 10, &json, &world->error));
    assert_non_null(strstr(json, "\"mode\":\"Append\""));
    assert_non_null(strstr(json, "\"numOutputRows\":\"1\""));
    assert_non_null(strstr(json, "\"version\":1"));
    assert_non_null(strstr(json, "CREATE TABLE"));
    OK(world, sl_delta_history(table, 1, &json, &world->error));
    assert_null(strstr(json, "CREATE TABLE"));

    commit.domain_json = NULL;
    OK(world, commit_one(world, table, NULL, commit));
    OK(world, sl_delta_domain(table, "sluice.cursor.flow", &json, &world->error));
    assert_null(json);
    sl_delta_table_free(table);
}

static void columns_are_matched_by_name(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table =
        create(world, SCHEMA(FIELD("first", "string") "," FIELD("second", "string") ","
                             FIELD("third", "long")));
    const int32_t offsets[] = {0, 1, 2};
    struct column swapped[] = {
        {.name = "second", .format = "u", .values = "cd", .offsets = offsets},
        {.name = "first", .format = "u", .values = "ab", .offsets = offsets},
    };
    struct column unknown = {.name = "fourth", .format = "u", .values = "ab", .offsets = offsets};
    struct column wrong = {.name = "third", .format = "u", .values = "ab", .offsets = offsets};
    struct ArrowSchema schema;
    struct sl_delta_writer *writer = NULL;

    OK(world, commit_one(world, table, stage(world, table, swapped, 2, 2, NULL), NOTHING));
    assert_table(world, "a|c|NULL\nb|d|NULL\n");

    schema = schema_of(&unknown, 1);
    assert_int_equal(sl_delta_writer_open(table, &schema, NULL, NULL, &writer, &world->error),
                     SL_BUG);
    assert_non_null(strstr(world->error.message, "fourth"));
    schema.release(&schema);
    schema = schema_of(&wrong, 1);
    assert_int_equal(sl_delta_writer_open(table, &schema, NULL, NULL, &writer, &world->error),
                     SL_BUG);
    schema.release(&schema);
    sl_delta_table_free(table);
}

static void invalid_text_is_stopped_at_the_border(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = create(world, TWO_FIELDS);
    const int32_t offsets[] = {0, 2};
    struct column column = {.name = "name", .format = "u", .values = "\xff\xfe", .offsets = offsets};
    struct ArrowSchema schema = schema_of(&column, 1);
    struct ArrowArray batch = batch_of(&column, 1, 1);
    struct sl_delta_writer *writer = NULL;

    OK(world, sl_delta_writer_open(table, &schema, NULL, NULL, &writer, &world->error));
    assert_int_equal(sl_delta_write(writer, &batch, &world->error), SL_BUG);
    assert_null(batch.release);
    sl_delta_writer_abort(writer);
    sl_delta_writer_abort(NULL);
    schema.release(&schema);
    sl_delta_table_free(table);
}

static void an_aborted_file_leaves_nothing(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = create(world, TWO_FIELDS);
    struct sl_delta_file *file = stage_rows(world, table, 1, 3);
    char path[3 * PATH_MAX_LENGTH];

    snprintf(path, sizeof(path), "%s/%s", world->table, sl_delta_file_path(file));
    assert_int_equal(access(path, F_OK), 0);
    sl_delta_file_free(file, true);
    assert_int_equal(access(path, F_OK), -1);

    file = stage_rows(world, table, 1, 3);
    snprintf(path, sizeof(path), "%s/%s", world->table, sl_delta_file_path(file));
    struct sl_delta_commit commit = NOTHING;
    commit.add = &file;
    commit.add_count = 1;
    OK(world, sl_delta_commit(table, &commit, &world->error));
    sl_delta_file_free(file, true); /* a version names it: it stays */
    assert_int_equal(access(path, F_OK), 0);
    sl_delta_table_free(table);
}

/* -- Statistics and types ----------------------------------------------------------------------- */

static void nan_has_no_bounds(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table =
        create(world, SCHEMA(FIELD("clean", "double") "," FIELD("dirty", "double")));
    const double clean[] = {1.5, 2.5}, dirty[] = {1.0, (double)NAN};
    struct column columns[] = {{.name = "clean", .format = "g", .values = clean},
                               {.name = "dirty", .format = "g", .values = dirty}};
    struct text log;

    OK(world, commit_one(world, table, stage(world, table, columns, 2, 2, NULL), NOTHING));
    log = log_of(world, 1);
    assert_non_null(strstr(log.data, "\\\"minValues\\\":{\\\"clean\\\":1.5}"));
    assert_non_null(strstr(log.data, "\\\"maxValues\\\":{\\\"clean\\\":2.5}"));
    assert_non_null(strstr(log.data, "\\\"numRecords\\\":2"));
    assert_table(world, "1.5|1\n2.5|nan\n");
    sl_delta_table_free(table);
}

static void decimals_are_exact(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = create(
        world, SCHEMA(FIELD("amount", "decimal(38,10)") "," FIELD("at", "timestamp") ","
                      FIELD("yes", "boolean")));
    /* 1234567890123456789012345678.0123456789, as 128 bits: the unscaled number is
     * 0x09499602D2_1CB58B3E_...; what counts is that log and file keep every digit. */
    const uint64_t amounts[] = {1234567890123456789ULL, 0, 42ULL, 0};
    const int64_t times[] = {1700000000123456, -1};
    const uint8_t yes[] = {1}, valid[] = {1};
    struct column columns[] = {
        {.name = "amount", .format = "d:38,10", .values = amounts},
        {.name = "at", .format = "tsu:UTC", .values = times},
        {.name = "yes", .format = "b", .values = yes, .valid = valid},
    };
    struct text log;

    OK(world, commit_one(world, table, stage(world, table, columns, 3, 2, NULL), NOTHING));
    log = log_of(world, 1);
    assert_non_null(strstr(log.data, "\\\"amount\\\":123456789.0123456789"));
    assert_table(world, "1234567890123456789|1700000000123456|true\n42|-1|NULL\n");
    sl_delta_table_free(table);
}

/* -- Schemas that grow, and mapped columns ------------------------------------------------------ */

#define MAPPED(name, physical)                                                                     \
    "{\"name\":\"" name "\",\"type\":\"long\",\"nullable\":true,\"metadata\":"                     \
    "{\"delta.columnMapping.physicalName\":\"" physical "\"}}"

static void mapped_columns_keep_their_physical_names(void **state)
{
    struct world *world = *state;
    const struct sl_pair mode = {"delta.columnMapping.mode", "name"};
    const char *schema = SCHEMA(MAPPED("Number of things", "fldA") "," MAPPED("Other", "fldB"));
    const int64_t values[] = {1, 2}, others[] = {3, 4}, more[] = {5, 6};
    struct column columns[] = {
        {.name = "Other", .format = "l", .values = others},
        {.name = "Number of things", .format = "l", .values = values},
        {.name = "Third one", .format = "l", .values = more},
    };
    const char *added = "[" MAPPED("Third one", "fldC") "]";
    const char *unnamed = "[" FIELD("Fourth", "long") "]";
    const char *only[] = {"Other"};
    struct sl_delta_table *table = NULL;
    struct sl_delta_commit commit = NOTHING;
    struct sl_delta_file *file;
    struct ArrowArrayStream stream;
    struct ArrowSchema read;
    struct text text;

    OK(world, sl_delta_create(world->engine, world->table, schema, &mode, 1, &NOTHING, &table,
                              &world->error));
    OK(world, commit_one(world, table, stage(world, table, columns, 2, 2, NULL), NOTHING));
    text = log_of(world, 1);
    assert_non_null(strstr(text.data, "\\\"fldA\\\":1"));
    assert_null(strstr(text.data, "Number"));

    file = stage(world, table, columns, 3, 2, added);
    OK(world, sl_delta_file_scan(table, file, only, 1, &stream, &world->error));
    text = read_stream(&stream);
    assert_string_equal(text.data, "3\n4\n");
    commit.add_columns_json = added;
    OK(world, commit_one(world, table, file, commit));
    assert_table(world, "1|3|5\n2|4|6\n1|3|NULL\n2|4|NULL\n");

    OK(world, sl_delta_scan(table, NULL, 0, 0, &stream, &world->error));
    assert_int_equal(stream.get_schema(&stream, &read), 0);
    assert_string_equal(read.children[0]->name, "Number of things");
    read.release(&read);
    stream.release(&stream);

    commit.add_columns_json = unnamed;
    assert_int_equal(sl_delta_commit(table, &commit, &world->error), SL_BAD_SPEC);
    assert_non_null(strstr(world->error.message, "Fourth"));
    sl_delta_table_free(table);
}

static void a_column_is_added_with_its_rows(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = create(world, TWO_FIELDS);
    struct sl_delta_commit commit = NOTHING;
    const int64_t ids[] = {8}, scores[] = {80};
    struct column columns[] = {{.name = "score", .format = "l", .values = scores},
                               {.name = "id", .format = "l", .values = ids}};
    struct sl_delta_file *file;

    OK(world, commit_one(world, table, stage_rows(world, table, 1, 1), NOTHING));
    commit.add_columns_json = "[" FIELD("score", "long") "]";
    file = stage(world, table, columns, 2, 1, commit.add_columns_json);
    OK(world, commit_one(world, table, file, commit));
    assert_int_equal(sl_delta_version(table), 2);
    assert_non_null(strstr(sl_delta_schema_json(table), "score"));
    assert_table(world, "8|NULL|80\n1|n1|NULL\n");
    assert_int_equal(sl_delta_commit(table, &commit, &world->error), SL_BAD_SPEC); /* twice */
    assert_non_null(strstr(world->error.message, "score"));
    sl_delta_table_free(table);
}

/* -- Staged files and reading ------------------------------------------------------------------- */

static void a_staged_file_is_read_and_thinned(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = create(world, TWO_FIELDS);
    struct sl_delta_file *file = stage_rows(world, table, 1, 5), *thin = NULL;
    const char *const names[] = {"name", "id"};
    const int64_t dead[] = {0, 3}, all[] = {0, 1, 2, 3, 4}, beyond[] = {9}, unsorted[] = {3, 1};
    struct ArrowArrayStream stream;
    struct text text;

    OK(world, sl_delta_file_scan(table, file, names, 2, &stream, &world->error));
    text = read_stream(&stream);
    assert_string_equal(text.data, "n1|1\nn2|2\nn3|3\nn4|4\nn5|5\n");

    assert_int_equal(sl_delta_file_without(table, file, beyond, 1, NULL, &thin, &world->error),
                     SL_BUG);
    assert_int_equal(sl_delta_file_without(table, file, unsorted, 2, NULL, &thin, &world->error),
                     SL_BUG);
    OK(world, sl_delta_file_without(table, file, all, 5, NULL, &thin, &world->error));
    assert_null(thin);
    OK(world, sl_delta_file_without(table, file, dead, 2, NULL, &thin, &world->error));
    assert_int_equal(sl_delta_file_rows(thin), 3);
    assert_int_equal(sl_delta_file_rows(file), 5);
    sl_delta_file_free(file, true);
    OK(world, commit_one(world, table, thin, NOTHING));
    assert_table(world, "2|n2\n3|n3\n5|n5\n");
    sl_delta_table_free(table);
}

static void scans_what_is_asked_for(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = create(world, TWO_FIELDS), *old = NULL;
    const char *const name[] = {"name"}, *const backwards[] = {"name", "id"}, *const bad[] = {"nam"};
    struct ArrowArrayStream stream;
    struct text text;

    OK(world, commit_one(world, table, stage_rows(world, table, 1, 2), NOTHING));
    OK(world, commit_one(world, table, stage_rows(world, table, 3, 2), NOTHING));
    text = read_columns(world, table, name, 1, 3);
    assert_string_equal(text.data, "n3\nn4\nn1\n");
    text = read_columns(world, table, backwards, 2, -1);
    assert_string_equal(text.data, "n3|3\nn4|4\nn1|1\nn2|2\n");
    text = read_columns(world, table, name, 0, -1); /* no columns: only how many rows */
    assert_string_equal(text.data, "\n\n\n\n");
    text = read_columns(world, table, NULL, 0, 0);
    assert_string_equal(text.data, "");
    assert_int_equal(sl_delta_scan(table, bad, 1, -1, &stream, &world->error), SL_NOT_FOUND);
    assert_non_null(strstr(world->error.hint, "id, name"));

    OK(world, sl_delta_open(world->engine, world->table, 1, &old, &world->error));
    text = read_all(world, old);
    assert_string_equal(text.data, "1|n1\n2|n2\n");
    assert_int_equal(commit_one(world, old, stage_rows(world, old, 9, 1), NOTHING), SL_CONFLICT);
    sl_delta_table_free(old);

    /* A stream outlives the table that it came from, and says when a file has gone. */
    OK(world, sl_delta_scan(table, NULL, 0, -1, &stream, &world->error));
    sl_delta_table_free(table);
    text = read_stream(&stream);
    assert_string_equal(text.data, "3|n3\n4|n4\n1|n1\n2|n2\n");
}

static void a_lost_file_is_an_error_of_the_stream(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = create(world, TWO_FIELDS);
    struct sl_delta_file *file = stage_rows(world, table, 1, 2);
    char path[3 * PATH_MAX_LENGTH];
    struct ArrowArrayStream stream;
    struct ArrowArray batch;

    snprintf(path, sizeof(path), "%s/%s", world->table, sl_delta_file_path(file));
    OK(world, commit_one(world, table, file, NOTHING));
    assert_int_equal(unlink(path), 0);
    OK(world, sl_delta_scan(table, NULL, 0, -1, &stream, &world->error));
    assert_int_not_equal(stream.get_next(&stream, &batch), 0);
    assert_non_null(strstr(stream.get_last_error(&stream), world->table));
    stream.release(&stream);
    sl_delta_table_free(table);
}

static void checkpoints_keep_the_log_short(void **state)
{
    struct world *world = *state;
    const struct sl_pair interval = {"delta.checkpointInterval", "3"};
    struct sl_delta_commit commit = NOTHING;
    struct sl_delta_table *table = NULL;
    char path[3 * PATH_MAX_LENGTH];
    int64_t version;

    OK(world, sl_delta_create(world->engine, world->table, TWO_FIELDS, &interval, 1, &NOTHING,
                              &table, &world->error));
    commit.app_id = "flow";
    for (int i = 1; i <= 4; i++) {
        commit.app_version = i;
        OK(world, commit_one(world, table, stage_rows(world, table, i, 1), commit));
    }
    assert_int_equal(sl_delta_commits_since_checkpoint(table), 1);
    OK(world, sl_delta_checkpoint(table, &world->error));
    OK(world, sl_delta_checkpoint(table, &world->error));
    assert_int_equal(sl_delta_commits_since_checkpoint(table), 0);
    sl_delta_table_free(table);

    snprintf(path, sizeof(path), "%s/_delta_log/00000000000000000004.checkpoint.parquet",
             world->table);
    assert_int_equal(access(path, F_OK), 0);
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), "%s/_delta_log/%020d.json", world->table, i);
        assert_int_equal(unlink(path), 0);
    }
    table = open_newest(world);
    assert_int_equal(sl_delta_version(table), 4);
    OK(world, sl_delta_app_version(table, "flow", &version, &world->error));
    assert_int_equal(version, 4);
    assert_int_equal(read_all(world, table).length, strlen("1|n1\n2|n2\n3|n3\n4|n4\n"));
    sl_delta_table_free(table);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_new, world_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(opens_nothing_where_nothing_is),
        TEST(refuses_a_directory_it_may_not_write),
        TEST(refuses_locations_and_settings),
        TEST(creates_an_empty_table),
        TEST(refuses_names_and_properties_of_delta),
        TEST(first_version_carries_files_and_cursor),
        TEST(several_batches_become_one_file),
        TEST(replaces_everything_at_once),
        TEST(one_of_two_wins),
        TEST(a_lost_answer_is_no_conflict),
        TEST(the_cursor_travels_with_the_rows),
        TEST(columns_are_matched_by_name),
        TEST(invalid_text_is_stopped_at_the_border),
        TEST(an_aborted_file_leaves_nothing),
        TEST(nan_has_no_bounds),
        TEST(decimals_are_exact),
        TEST(mapped_columns_keep_their_physical_names),
        TEST(a_column_is_added_with_its_rows),
        TEST(a_staged_file_is_read_and_thinned),
        TEST(scans_what_is_asked_for),
        TEST(a_lost_file_is_an_error_of_the_stream),
        TEST(checkpoints_keep_the_log_short),
    };
    return cmocka_run_group_tests_name("delta", tests, NULL, NULL);
}
