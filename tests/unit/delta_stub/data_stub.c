/* data_stub.c: what a file of the stub holds. */
#include "delta_stub.h"

void stub_data_drop(struct data *data)
{
    if (--data->users > 0) return;
    for (size_t i = 0; i < data->count; i++) ArrowArrayRelease(&data->batches[i]);
    free(data->batches);
    ArrowSchemaRelease(&data->schema);
    free(data);
}

struct data *stub_data_new(const struct ArrowSchema *schema)
{
    struct data *data = need(sizeof *data);

    data->users = 1;
    must(ArrowSchemaDeepCopy(schema, &data->schema) == NANOARROW_OK);
    return data;
}

void stub_data_add(struct data *data, struct ArrowArray *batch)
{
    data->batches = realloc(data->batches, (data->count + 1) * sizeof *data->batches);
    must(data->batches != NULL);
    data->rows += batch->length;
    ArrowArrayMove(batch, &data->batches[data->count++]);
}

static void copy_view(const struct ArrowArrayView *view, struct ArrowArray *out)
{
    for (int64_t i = 0; i < out->n_buffers; i++) {
        struct ArrowBufferView bytes = view->buffer_views[i];
        if (bytes.data.data && bytes.size_bytes > 0)
            must(ArrowBufferAppend(ArrowArrayBuffer(out, i), bytes.data.data, bytes.size_bytes) ==
                 NANOARROW_OK);
    }
    out->length = view->length;
    out->offset = view->offset;
    out->null_count = view->null_count;
    for (int64_t i = 0; i < out->n_children; i++) copy_view(view->children[i], out->children[i]);
}

static void copy_array(const struct ArrowSchema *schema, const struct ArrowArray *array,
                       struct ArrowArray *out)
{
    struct ArrowArrayView view;

    must(ArrowArrayViewInitFromSchema(&view, schema, NULL) == NANOARROW_OK);
    must(ArrowArrayViewSetArray(&view, array, NULL) == NANOARROW_OK);
    must(ArrowArrayInitFromSchema(out, schema, NULL) == NANOARROW_OK);
    copy_view(&view, out);
    must(ArrowArrayFinishBuilding(out, NANOARROW_VALIDATION_LEVEL_NONE, NULL) == NANOARROW_OK);
    ArrowArrayViewReset(&view);
}

void stub_copy_part(const struct ArrowSchema *from, const struct ArrowArray *batch,
                    const struct ArrowSchema *to, int64_t first, int64_t count,
                    struct ArrowArray *out)
{
    must(ArrowArrayInitFromType(out, NANOARROW_TYPE_STRUCT) == NANOARROW_OK);
    must(ArrowArrayAllocateChildren(out, to->n_children) == NANOARROW_OK);
    for (int64_t c = 0; c < to->n_children; c++) {
        int64_t at = 0;
        while (at < from->n_children &&
               strcmp(from->children[at]->name, to->children[c]->name) != 0)
            at++;
        if (at == from->n_children) { /* a column that this file does not have */
            must(ArrowArrayInitFromSchema(out->children[c], to->children[c], NULL) == NANOARROW_OK);
            must(ArrowArrayStartAppending(out->children[c]) == NANOARROW_OK);
            must(ArrowArrayAppendNull(out->children[c], count) == NANOARROW_OK);
            must(ArrowArrayFinishBuildingDefault(out->children[c], NULL) == NANOARROW_OK);
            continue;
        }
        copy_array(from->children[at], batch->children[at], out->children[c]);
        out->children[c]->offset += first;
        out->children[c]->length = count;
        if (out->children[c]->null_count != 0) out->children[c]->null_count = -1;
    }
    out->length = count;
    must(ArrowArrayFinishBuilding(out, NANOARROW_VALIDATION_LEVEL_NONE, NULL) == NANOARROW_OK);
}

bool stub_dropped(const int64_t *rows, size_t count, int64_t row)
{
    for (size_t i = 0; i < count; i++)
        if (rows[i] == row) return true;
    return false;
}

struct data *stub_data_without(const struct data *from, const int64_t *rows, size_t count)
{
    struct data *to = stub_data_new(&from->schema);
    int64_t base = 0;

    for (size_t b = 0; b < from->count; base += from->batches[b++].length) {
        int64_t length = from->batches[b].length;
        for (int64_t first = 0, end; first < length; first = end + 1) {
            for (end = first; end < length && !stub_dropped(rows, count, base + end);) end++;
            if (end == first) continue;
            struct ArrowArray part;
            stub_copy_part(&from->schema, &from->batches[b], &from->schema, first, end - first,
                           &part);
            stub_data_add(to, &part);
        }
    }
    if (to->rows > 0) return to;
    stub_data_drop(to);
    return NULL;
}
