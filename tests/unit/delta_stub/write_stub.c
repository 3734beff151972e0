/* write_stub.c: writers of the stub, and staged files. */
#include "delta_stub.h"

#include <stdio.h>

enum sl_code sl_delta_writer_open(struct sl_delta_table *table, const struct ArrowSchema *schema,
                                  const char *add_columns_json,
                                  const struct sl_delta_writer_options *options,
                                  struct sl_delta_writer **out, struct sl_error *error)
{
    *out = NULL;
    for (int64_t i = 0; i < schema->n_children; i++) {
        char field[300];
        snprintf(field, sizeof field, "\"name\":\"%s\"", schema->children[i]->name);
        if (!strstr(table->schema, field) && !(add_columns_json && strstr(add_columns_json, field)))
            return sl_fail(error, SL_BUG, "the table has no column '%s'",
                           schema->children[i]->name);
    }
    *out = need(sizeof **out);
    (*out)->data = stub_data_new(schema);
    if (options && options->aside) (*out)->aside = table->engine;
    return SL_OK;
}

enum sl_code sl_delta_write(struct sl_delta_writer *writer, struct ArrowArray *batch,
                            struct sl_error *error)
{
    (void)error;
    stub_data_add(writer->data, batch);
    return SL_OK;
}

size_t sl_delta_writer_memory(const struct sl_delta_writer *writer)
{
    return (size_t)writer->data->rows * 100;
}

int64_t sl_delta_writer_rows(const struct sl_delta_writer *writer)
{
    return writer->data->rows;
}

int64_t sl_delta_writer_bytes(const struct sl_delta_writer *writer)
{
    return writer->data->rows * 100;
}

enum sl_code sl_delta_writer_flush(struct sl_delta_writer *writer, struct sl_error *error)
{
    (void)writer, (void)error;
    return SL_OK;
}

enum sl_code sl_delta_writer_close(struct sl_delta_writer *writer, struct sl_delta_file **out,
                                   struct sl_error *error)
{
    (void)error;
    *out = need(sizeof **out);
    (*out)->data = writer->data;
    if (writer->aside) {
        struct aside *aside = need(sizeof *aside);
        snprintf(aside->path, sizeof aside->path, "_sluice/part-%d", writer->aside->asides_made++);
        aside->data = writer->data;
        aside->data->users++;
        aside->next = writer->aside->asides;
        writer->aside->asides = aside;
        memcpy((*out)->path, aside->path, sizeof aside->path);
    }
    free(writer);
    return SL_OK;
}

void sl_delta_writer_abort(struct sl_delta_writer *writer)
{
    if (!writer) return;
    stub_data_drop(writer->data);
    free(writer);
}

int64_t sl_delta_file_rows(const struct sl_delta_file *file)
{
    return file->data->rows;
}

int64_t sl_delta_file_bytes(const struct sl_delta_file *file)
{
    return file->data->rows * 100;
}

const char *sl_delta_file_path(const struct sl_delta_file *file)
{
    return file->path[0] ? file->path : "in-memory.parquet";
}

void sl_delta_file_free(struct sl_delta_file *file, bool discard)
{
    (void)discard;
    if (!file) return;
    stub_data_drop(file->data);
    free(file);
}

enum sl_code sl_delta_file_without(struct sl_delta_table *table, const struct sl_delta_file *file,
                                   const int64_t *rows, size_t count,
                                   const struct sl_delta_writer_options *options,
                                   struct sl_delta_file **out, struct sl_error *error)
{
    struct data *left = stub_data_without(file->data, rows, count);

    (void)table, (void)options, (void)error;
    *out = NULL;
    if (!left) return SL_OK;
    *out = need(sizeof **out);
    (*out)->data = left;
    return SL_OK;
}
