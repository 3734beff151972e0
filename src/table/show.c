#include "table/show.h"

#include <inttypes.h>
#include <math.h>
#include <sodium.h>
#include <string.h>

#include <nanoarrow/nanoarrow.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/time.h"
#include "sluice/json.h"

static enum sl_code no_memory(struct sl_error *error)
{
    return sl_fail(error, SL_NO_MEMORY, "no memory to print a value");
}

static void put_double(struct sl_json_writer *w, double number)
{
    if (isnan(number))
        sl_json_put_str(w, "NaN");
    else if (isinf(number))
        sl_json_put_str(w, number > 0 ? "Infinity" : "-Infinity");
    else
        sl_json_put_double(w, number);
}

static int64_t to_us(int64_t value, enum ArrowTimeUnit unit)
{
    switch (unit) {
    case NANOARROW_TIME_UNIT_SECOND: return value * 1000000;
    case NANOARROW_TIME_UNIT_MILLI: return value * 1000;
    case NANOARROW_TIME_UNIT_NANO: return value / 1000;
    default: return value;
    }
}

/* "2026-03-01T08:30:00.125Z": microseconds only where there are any. Without a zone no Z. */
static void put_time(struct sl_json_writer *w, const struct ArrowSchemaView *type, int64_t value)
{
    char text[SL_TIME_TEXT_MAX];
    int64_t us = to_us(value, type->time_unit);

    if (us % 1000 == 0)
        sl_time_format_ms(us, text);
    else
        sl_time_format_us(us, text);
    if (type->timezone && !*type->timezone && *text) text[strlen(text) - 1] = '\0';
    sl_json_put_str(w, text);
}

static enum sl_code put_decimal(struct sl_json_writer *w, const struct ArrowSchemaView *type,
                                const struct ArrowArrayView *view, int64_t row,
                                struct sl_error *error)
{
    struct ArrowDecimal decimal;
    struct ArrowBuffer text;

    ArrowDecimalInit(&decimal, type->decimal_bitwidth, type->decimal_precision,
                     type->decimal_scale);
    ArrowArrayViewGetDecimalUnsafe(view, row, &decimal);
    ArrowBufferInit(&text);
    bool good = ArrowDecimalAppendStringToBuffer(&decimal, &text) == NANOARROW_OK;
    if (good) sl_json_put_raw(w, (const char *)text.data, (size_t)text.size_bytes);
    ArrowBufferReset(&text);
    return good ? SL_OK : no_memory(error);
}

static enum sl_code put_binary(struct sl_json_writer *w, const struct ArrowArrayView *view,
                               int64_t row, struct sl_error *error)
{
    struct ArrowBufferView bytes = ArrowArrayViewGetBytesUnsafe(view, row);
    size_t size =
        sodium_base64_encoded_len((size_t)bytes.size_bytes, sodium_base64_VARIANT_ORIGINAL);
    char *text = sl_alloc(size);

    if (!text) return no_memory(error);
    sodium_bin2base64(text, size, bytes.data.as_uint8, (size_t)bytes.size_bytes,
                      sodium_base64_VARIANT_ORIGINAL);
    sl_json_put_str(w, text);
    sl_free(text);
    return SL_OK;
}

static enum sl_code put_struct(struct sl_json_writer *w, const struct ArrowSchema *schema,
                               const struct ArrowArrayView *view, int64_t row,
                               struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    sl_json_begin_object(w);
    for (int64_t i = 0; i < schema->n_children && !rc; i++) {
        sl_json_key(w, schema->children[i]->name);
        rc = sl_show_json(w, schema->children[i], view->children[i], row + view->offset, error);
    }
    sl_json_end_object(w);
    return rc;
}

static enum sl_code put_list(struct sl_json_writer *w, const struct ArrowSchema *schema,
                             const struct ArrowArrayView *view, int64_t row, struct sl_error *error)
{
    int64_t from = ArrowArrayViewListChildOffset(view, row + view->offset);
    int64_t to = ArrowArrayViewListChildOffset(view, row + view->offset + 1);
    enum sl_code rc = SL_OK;

    sl_json_begin_array(w);
    for (int64_t i = from; i < to && !rc; i++)
        rc = sl_show_json(w, schema->children[0], view->children[0], i, error);
    sl_json_end_array(w);
    return rc;
}

static enum sl_code put_map(struct sl_json_writer *w, const struct ArrowSchema *schema,
                            const struct ArrowArrayView *view, int64_t row, struct sl_error *error)
{
    int64_t from = ArrowArrayViewListChildOffset(view, row + view->offset);
    int64_t to = ArrowArrayViewListChildOffset(view, row + view->offset + 1);
    const struct ArrowSchema *entry = schema->children[0];
    const struct ArrowArrayView *entries = view->children[0];
    struct sl_buf key = {0};
    bool null = false;
    enum sl_code rc = SL_OK;

    sl_json_begin_object(w);
    for (int64_t i = from; i < to && !rc; i++) {
        int64_t at = i + entries->offset;
        sl_buf_reset(&key);
        rc = sl_show_text(&key, entry->children[0], entries->children[0], at, &null, error);
        sl_json_key(w, sl_buf_str(&key));
        if (!rc) rc = sl_show_json(w, entry->children[1], entries->children[1], at, error);
    }
    sl_json_end_object(w);
    sl_buf_release(&key);
    return rc;
}

enum sl_code sl_show_json(struct sl_json_writer *w, const struct ArrowSchema *schema,
                          const struct ArrowArrayView *view, int64_t row, struct sl_error *error)
{
    char text[SL_TIME_TEXT_MAX];
    struct ArrowSchemaView type;
    struct ArrowStringView string;

    if (ArrowSchemaViewInit(&type, schema, NULL) != NANOARROW_OK)
        return sl_fail(error, SL_BUG, "column '%s' has a type that cannot be printed: %s",
                       schema->name, schema->format);
    if (ArrowArrayViewIsNull(view, row)) {
        sl_json_put_null(w);
        return SL_OK;
    }
    switch (type.type) {
    case NANOARROW_TYPE_STRING:
    case NANOARROW_TYPE_LARGE_STRING:
    case NANOARROW_TYPE_STRING_VIEW:
        string = ArrowArrayViewGetStringUnsafe(view, row);
        sl_json_put_strn(w, string.data, (size_t)string.size_bytes);
        return SL_OK;
    case NANOARROW_TYPE_BOOL:
        sl_json_put_bool(w, ArrowArrayViewGetIntUnsafe(view, row));
        return SL_OK;
    case NANOARROW_TYPE_INT8:
    case NANOARROW_TYPE_INT16:
    case NANOARROW_TYPE_INT32:
    case NANOARROW_TYPE_INT64:
        sl_json_put_i64(w, ArrowArrayViewGetIntUnsafe(view, row));
        return SL_OK;
    case NANOARROW_TYPE_FLOAT:
    case NANOARROW_TYPE_DOUBLE:
        put_double(w, ArrowArrayViewGetDoubleUnsafe(view, row));
        return SL_OK;
    case NANOARROW_TYPE_DATE32:
        sl_json_put_str(w, sl_date_format((int32_t)ArrowArrayViewGetIntUnsafe(view, row), text));
        return SL_OK;
    case NANOARROW_TYPE_TIMESTAMP:
        put_time(w, &type, ArrowArrayViewGetIntUnsafe(view, row));
        return SL_OK;
    case NANOARROW_TYPE_DECIMAL128: return put_decimal(w, &type, view, row, error);
    case NANOARROW_TYPE_BINARY:
    case NANOARROW_TYPE_LARGE_BINARY:
    case NANOARROW_TYPE_BINARY_VIEW: return put_binary(w, view, row, error);
    case NANOARROW_TYPE_STRUCT: return put_struct(w, schema, view, row, error);
    case NANOARROW_TYPE_LIST:
    case NANOARROW_TYPE_LARGE_LIST: return put_list(w, schema, view, row, error);
    case NANOARROW_TYPE_MAP: return put_map(w, schema, view, row, error);
    default:
        return sl_fail(error, SL_BUG, "column '%s' has a type that cannot be printed: %s",
                       schema->name, schema->format);
    }
}

static bool is_text(const struct ArrowArrayView *view)
{
    return view->storage_type == NANOARROW_TYPE_STRING ||
           view->storage_type == NANOARROW_TYPE_LARGE_STRING ||
           view->storage_type == NANOARROW_TYPE_STRING_VIEW;
}

enum sl_code sl_show_text(struct sl_buf *out, const struct ArrowSchema *schema,
                          const struct ArrowArrayView *view, int64_t row, bool *null,
                          struct sl_error *error)
{
    size_t len = 0;

    *null = ArrowArrayViewIsNull(view, row);
    if (*null) return SL_OK;
    if (is_text(view)) {
        struct ArrowStringView string = ArrowArrayViewGetStringUnsafe(view, row);
        sl_buf_add(out, string.data, (size_t)string.size_bytes);
        return sl_buf_failed(out) ? no_memory(error) : SL_OK;
    }
    struct sl_json_writer *w = sl_json_writer_new();
    if (!w) return no_memory(error);
    enum sl_code rc = sl_show_json(w, schema, view, row, error);
    const char *json = sl_json_writer_text(w, &len);
    if (!rc && !json) rc = no_memory(error);
    if (!rc && json[0] == '"') /* dates, times, base64, NaN: nothing in them is escaped */
        sl_buf_add(out, json + 1, len - 2);
    else if (!rc)
        sl_buf_add(out, json, len);
    if (!rc && sl_buf_failed(out)) rc = no_memory(error);
    sl_json_writer_free(w);
    return rc;
}
