#include "unit/arrow_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <nanoarrow/nanoarrow.h>
#include <sluice/time.h>

#include "json/write.h"

static void add_value(const struct ArrowSchema *schema, const struct ArrowArrayView *view,
                      int64_t row, struct sl_buf *out);

static void add_struct(const struct ArrowSchema *schema, const struct ArrowArrayView *view,
                       int64_t row, struct sl_buf *out)
{
    sl_buf_addc(out, '{');
    for (int64_t i = 0; i < view->n_children; i++) {
        sl_buf_addf(out, "%s%s:", i ? "," : "", schema->children[i]->name);
        add_value(schema->children[i], view->children[i], view->offset + row, out);
    }
    sl_buf_addc(out, '}');
}

static void add_list(const struct ArrowSchema *schema, const struct ArrowArrayView *view,
                     int64_t row, struct sl_buf *out)
{
    int64_t start = ArrowArrayViewListChildOffset(view, row);
    int64_t end = ArrowArrayViewListChildOffset(view, row + 1);

    sl_buf_addc(out, '[');
    for (int64_t i = start; i < end; i++) {
        if (i > start) sl_buf_addc(out, ',');
        add_value(schema->children[0], view->children[0], i, out);
    }
    sl_buf_addc(out, ']');
}

static void add_decimal(const struct ArrowSchemaView *type, const struct ArrowArrayView *view,
                        int64_t row, struct sl_buf *out)
{
    struct ArrowDecimal decimal;
    struct ArrowBuffer digits;

    ArrowBufferInit(&digits);
    ArrowDecimalInit(&decimal, 128, type->decimal_precision, type->decimal_scale);
    ArrowArrayViewGetDecimalUnsafe(view, row, &decimal);
    if (ArrowDecimalAppendDigitsToBuffer(&decimal, &digits) == NANOARROW_OK)
        sl_buf_add(out, digits.data, (size_t)digits.size_bytes);
    sl_buf_addf(out, "e-%d", type->decimal_scale);
    ArrowBufferReset(&digits);
}

static void add_value(const struct ArrowSchema *schema, const struct ArrowArrayView *view,
                      int64_t row, struct sl_buf *out)
{
    struct ArrowSchemaView type;
    struct ArrowStringView text;
    char time[SL_TIME_TEXT_MAX];
    double number;

    if (ArrowSchemaViewInit(&type, schema, NULL) != NANOARROW_OK) {
        sl_buf_adds(out, "?");
        return;
    }
    if (ArrowArrayViewIsNull(view, row)) {
        sl_buf_adds(out, "null");
        return;
    }
    switch (type.type) {
    case NANOARROW_TYPE_BOOL:
        sl_buf_adds(out, ArrowArrayViewGetIntUnsafe(view, row) ? "true" : "false");
        break;
    case NANOARROW_TYPE_INT64:
        sl_buf_addf(out, "%" PRId64, ArrowArrayViewGetIntUnsafe(view, row));
        break;
    case NANOARROW_TYPE_DOUBLE:
        number = ArrowArrayViewGetDoubleUnsafe(view, row);
        if (isfinite(number))
            sl_write_double(out, number);
        else
            sl_buf_adds(out, isnan(number) ? "NaN" : number < 0 ? "-Inf" : "Inf");
        break;
    case NANOARROW_TYPE_DECIMAL128: add_decimal(&type, view, row, out); break;
    case NANOARROW_TYPE_DATE32:
        sl_buf_adds(out, sl_date_format((int32_t)ArrowArrayViewGetIntUnsafe(view, row), time));
        break;
    case NANOARROW_TYPE_TIMESTAMP:
        sl_buf_adds(out, sl_time_format_us(ArrowArrayViewGetIntUnsafe(view, row), time));
        break;
    case NANOARROW_TYPE_STRING:
    case NANOARROW_TYPE_BINARY:
        text = ArrowArrayViewGetStringUnsafe(view, row);
        sl_write_string(out, text.data, (size_t)text.size_bytes);
        break;
    case NANOARROW_TYPE_LIST:
    case NANOARROW_TYPE_MAP: add_list(schema, view, row, out); break;
    case NANOARROW_TYPE_STRUCT: add_struct(schema, view, row, out); break;
    default: sl_buf_addf(out, "<%s>", schema->format);
    }
}

const char *arrow_text(const struct ArrowSchema *schema, const struct ArrowArray *batch,
                       struct sl_buf *out)
{
    static struct ArrowError error;
    struct ArrowArrayView view;
    const char *wrong = NULL;

    memset(&error, 0, sizeof error);
    if (ArrowArrayViewInitFromSchema(&view, schema, &error) != NANOARROW_OK) return error.message;
    if (ArrowArrayViewSetArray(&view, batch, &error) != NANOARROW_OK ||
        ArrowArrayViewValidate(&view, NANOARROW_VALIDATION_LEVEL_FULL, &error) != NANOARROW_OK)
        wrong = error.message;
    for (int64_t row = 0; !wrong && row < batch->length; row++) {
        add_struct(schema, &view, row, out);
        sl_buf_addc(out, '\n');
    }
    ArrowArrayViewReset(&view);
    return wrong;
}
