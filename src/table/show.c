#include "table/show.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/time.h"
#include "nanoarrow/nanoarrow.h"
#include "sluice/json.h"

struct sl_show {
    const struct ArrowSchema *schema;
    struct ArrowArrayView view;
};

enum sl_code sl_show_new(const struct ArrowSchema *schema, struct sl_show **out,
                         struct sl_error *error)
{
    struct sl_show *show = sl_calloc(1, sizeof *show);

    *out = NULL;
    if (!show) return sl_fail(error, SL_NO_MEMORY, "no memory to show rows");
    show->schema = schema;
    if (ArrowArrayViewInitFromSchema(&show->view, schema, NULL) != NANOARROW_OK) {
        sl_show_free(show);
        return sl_fail(error, SL_UNSUPPORTED, "a column has a type that cannot be shown");
    }
    *out = show;
    return SL_OK;
}

void sl_show_free(struct sl_show *show)
{
    if (!show) return;
    ArrowArrayViewReset(&show->view);
    sl_free(show);
}

enum sl_code sl_show_batch(struct sl_show *show, const struct ArrowArray *batch,
                           struct sl_error *error)
{
    struct ArrowError why = {0};

    if (ArrowArrayViewSetArray(&show->view, batch, &why) != NANOARROW_OK)
        return sl_fail(error, SL_BUG, "rows do not have the schema they came with: %s",
                       why.message);
    return SL_OK;
}

bool sl_show_is_null(const struct sl_show *show, int64_t column, int64_t row)
{
    return ArrowArrayViewIsNull(show->view.children[column], row);
}

/* ---- JSON strings ---- */

static void put_string(const char *text, size_t len, struct sl_buf *out)
{
    sl_buf_addc(out, '"');
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\')
            sl_buf_addf(out, "\\%c", c);
        else if (c == '\n')
            sl_buf_adds(out, "\\n");
        else if (c == '\t')
            sl_buf_adds(out, "\\t");
        else if (c == '\r')
            sl_buf_adds(out, "\\r");
        else if (c < 0x20)
            sl_buf_addf(out, "\\u%04x", c);
        else
            sl_buf_addc(out, (char)c);
    }
    sl_buf_addc(out, '"');
}

static void put_quoted(const char *text, bool json, struct sl_buf *out)
{
    if (json)
        put_string(text, strlen(text), out);
    else
        sl_buf_adds(out, text);
}

/* The shortest text that reads back as the same number. */
static void put_double(double number, bool json, struct sl_buf *out)
{
    char text[40];

    if (isnan(number) || isinf(number)) {
        put_quoted(isnan(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity", json, out);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        double back;
        snprintf(text, sizeof text, "%.*g", digits, number);
        if (sscanf(text, "%lf", &back) == 1 && back == number) break;
    }
    sl_buf_adds(out, text);
    if (!strpbrk(text, ".e")) sl_buf_adds(out, ".0");
}

static void put_decimal(const struct ArrowArrayView *view, const struct ArrowSchema *schema,
                        int64_t row, struct sl_buf *out)
{
    struct ArrowSchemaView type;
    struct ArrowDecimal decimal;
    struct ArrowBuffer digits;

    if (ArrowSchemaViewInit(&type, schema, NULL) != NANOARROW_OK) return;
    ArrowDecimalInit(&decimal, 128, type.decimal_precision, type.decimal_scale);
    ArrowArrayViewGetDecimalUnsafe(view, row, &decimal);
    ArrowBufferInit(&digits);
    if (ArrowDecimalAppendStringToBuffer(&decimal, &digits) == NANOARROW_OK)
        sl_buf_add(out, digits.data, (size_t)digits.size_bytes);
    ArrowBufferReset(&digits);
}

static void put_value(const struct ArrowArrayView *view, const struct ArrowSchema *schema,
                      int64_t row, bool json, struct sl_buf *out);

static void put_list(const struct ArrowArrayView *view, const struct ArrowSchema *schema,
                     int64_t row, struct sl_buf *out)
{
    int64_t from = ArrowArrayViewListChildOffset(view, view->offset + row);
    int64_t to = ArrowArrayViewListChildOffset(view, view->offset + row + 1);

    sl_buf_addc(out, '[');
    for (int64_t i = from; i < to; i++) {
        if (i > from) sl_buf_addc(out, ',');
        put_value(view->children[0], schema->children[0], i, true, out);
    }
    sl_buf_addc(out, ']');
}

static void put_map(const struct ArrowArrayView *view, const struct ArrowSchema *schema,
                    int64_t row, struct sl_buf *out)
{
    int64_t from = ArrowArrayViewListChildOffset(view, view->offset + row);
    int64_t to = ArrowArrayViewListChildOffset(view, view->offset + row + 1);
    const struct ArrowArrayView *entries = view->children[0];
    const struct ArrowSchema *types = schema->children[0];

    sl_buf_addc(out, '{');
    for (int64_t i = from; i < to; i++) {
        if (i > from) sl_buf_addc(out, ',');
        put_value(entries->children[0], types->children[0], i, true, out);
        sl_buf_addc(out, ':');
        put_value(entries->children[1], types->children[1], i, true, out);
    }
    sl_buf_addc(out, '}');
}

static void put_struct(const struct ArrowArrayView *view, const struct ArrowSchema *schema,
                       int64_t row, struct sl_buf *out)
{
    sl_buf_addc(out, '{');
    for (int64_t c = 0; c < view->n_children; c++) {
        if (c > 0) sl_buf_addc(out, ',');
        put_string(schema->children[c]->name, strlen(schema->children[c]->name), out);
        sl_buf_addc(out, ':');
        put_value(view->children[c], schema->children[c], view->offset + row, true, out);
    }
    sl_buf_addc(out, '}');
}

static void put_time(int64_t us, bool json, struct sl_buf *out)
{
    char text[SL_TIME_TEXT_MAX];

    put_quoted(us % 1000 ? sl_time_format_us(us, text) : sl_time_format_ms(us, text), json, out);
}

static void put_binary(const struct ArrowArrayView *view, int64_t row, bool json,
                       struct sl_buf *out)
{
    struct ArrowBufferView bytes = ArrowArrayViewGetBytesUnsafe(view, row);

    if (json) sl_buf_addc(out, '"');
    for (int64_t i = 0; i < bytes.size_bytes; i++) sl_buf_addf(out, "%02x", bytes.data.as_uint8[i]);
    if (json) sl_buf_addc(out, '"');
}

static void put_value(const struct ArrowArrayView *view, const struct ArrowSchema *schema,
                      int64_t row, bool json, struct sl_buf *out)
{
    char text[SL_TIME_TEXT_MAX];

    if (ArrowArrayViewIsNull(view, row)) {
        if (json) sl_buf_adds(out, "null");
        return;
    }
    const char *format = schema->format;
    if (strcmp(format, "b") == 0) {
        sl_buf_adds(out, ArrowArrayViewGetIntUnsafe(view, row) ? "true" : "false");
    } else if (strcmp(format, "tdD") == 0) {
        put_quoted(sl_date_format((int32_t)ArrowArrayViewGetIntUnsafe(view, row), text), json, out);
    } else if (strncmp(format, "tsu", 3) == 0) {
        put_time(ArrowArrayViewGetIntUnsafe(view, row), json, out);
    } else if (format[0] == 'd') {
        put_decimal(view, schema, row, out);
    } else if (format[0] == 'g' || format[0] == 'f') {
        put_double(ArrowArrayViewGetDoubleUnsafe(view, row), json, out);
    } else if (format[0] == 'u' || format[0] == 'U' || strcmp(format, "vu") == 0) {
        struct ArrowStringView string = ArrowArrayViewGetStringUnsafe(view, row);
        if (json)
            put_string(string.data, (size_t)string.size_bytes, out);
        else
            sl_buf_add(out, string.data, (size_t)string.size_bytes);
    } else if (format[0] == 'z' || format[0] == 'Z') {
        put_binary(view, row, json, out);
    } else if (strcmp(format, "+s") == 0) {
        put_struct(view, schema, row, out);
    } else if (strcmp(format, "+m") == 0) {
        put_map(view, schema, row, out);
    } else if (strcmp(format, "+l") == 0 || strcmp(format, "+L") == 0) {
        put_list(view, schema, row, out);
    } else {
        sl_buf_addf(out, "%lld", (long long)ArrowArrayViewGetIntUnsafe(view, row));
    }
}

void sl_show_text(const struct sl_show *show, int64_t column, int64_t row, struct sl_buf *out)
{
    put_value(show->view.children[column], show->schema->children[column], row, false, out);
}

void sl_show_json(const struct sl_show *show, int64_t column, int64_t row, struct sl_buf *out)
{
    put_value(show->view.children[column], show->schema->children[column], row, true, out);
}

enum sl_show_kind sl_show_kind(const struct sl_show *show, int64_t column)
{
    const char *format = show->schema->children[column]->format;

    if (strchr("bcCsSiIlL", format[0]) && format[1] == '\0') return SL_SHOW_INTEGER;
    if (strchr("fg", format[0])) return SL_SHOW_REAL;
    return SL_SHOW_OTHER;
}

int64_t sl_show_integer(const struct sl_show *show, int64_t column, int64_t row)
{
    return ArrowArrayViewGetIntUnsafe(show->view.children[column], row);
}

double sl_show_real(const struct sl_show *show, int64_t column, int64_t row)
{
    return ArrowArrayViewGetDoubleUnsafe(show->view.children[column], row);
}
