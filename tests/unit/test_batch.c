/* Rows into columns: every rule of docs/types.md as a line of a table, then rows as a whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "json/doc.h"
#include "table/batch.h"
#include "unit/arrow_text.h"

#define LEN(array) (sizeof(array) / sizeof *(array))

/* ------------------------------------------------------------------ types */

#define SCALAR(name, sl_kind) static const struct sl_type name = {.kind = sl_kind}
#define MEMBER(sl_name, ...)                                                                       \
    {                                                                                              \
        .name = sl_name, .type = { __VA_ARGS__ }                                                   \
    }

SCALAR(boolean, SL_TYPE_BOOLEAN);
SCALAR(bigint, SL_TYPE_BIGINT);
SCALAR(dbl, SL_TYPE_DOUBLE);
SCALAR(string, SL_TYPE_STRING);
SCALAR(binary, SL_TYPE_BINARY);
SCALAR(date, SL_TYPE_DATE);
SCALAR(timestamp, SL_TYPE_TIMESTAMP);
static const struct sl_type decimal52 = {.kind = SL_TYPE_DECIMAL, .precision = 5, .scale = 2};
static const struct sl_type decimal38 = {.kind = SL_TYPE_DECIMAL, .precision = 38, .scale = 10};

static const struct sl_member string_member[] = {MEMBER("element", SL_TYPE_STRING)};
static const struct sl_member double_member[] = {MEMBER("element", SL_TYPE_DOUBLE)};
static const struct sl_member bigint_member[] = {MEMBER("value", SL_TYPE_BIGINT)};
static const struct sl_type strings = {.kind = SL_TYPE_ARRAY,
                                       .member_count = 1,
                                       .members = string_member};
static const struct sl_type doubles = {.kind = SL_TYPE_ARRAY,
                                       .member_count = 1,
                                       .members = double_member};
static const struct sl_member strings_member[] = {
    MEMBER("element", .kind = SL_TYPE_ARRAY, .member_count = 1, .members = string_member)};
static const struct sl_type nested = {.kind = SL_TYPE_ARRAY,
                                      .member_count = 1,
                                      .members = strings_member};
static const struct sl_type map = {.kind = SL_TYPE_MAP,
                                   .member_count = 1,
                                   .members = bigint_member};

static const struct sl_member user_members[] = {MEMBER("id", SL_TYPE_STRING),
                                                MEMBER("email", SL_TYPE_STRING),
                                                MEMBER("age", SL_TYPE_BIGINT)};
static const struct sl_type user = {.kind = SL_TYPE_STRUCT,
                                    .member_count = 3,
                                    .members = user_members};
static const struct sl_type open_user = {.kind = SL_TYPE_STRUCT,
                                         .member_count = 3,
                                         .members = user_members,
                                         .open = true};
static const struct sl_member thumb_members[] = {MEMBER("url", SL_TYPE_STRING),
                                                 MEMBER("width", SL_TYPE_BIGINT)};
static const struct sl_member file_members[] = {
    MEMBER("id", SL_TYPE_STRING),
    MEMBER("small", .kind = SL_TYPE_STRUCT, .member_count = 2, .members = thumb_members),
    MEMBER("tags", .kind = SL_TYPE_ARRAY, .member_count = 1, .members = string_member)};
static const struct sl_member file_member[] = {
    MEMBER("element", .kind = SL_TYPE_STRUCT, .member_count = 3, .members = file_members)};
static const struct sl_type files = {.kind = SL_TYPE_ARRAY,
                                     .member_count = 1,
                                     .members = file_member};

/* {"error": text} and {"specialValue": "NaN"...}, as some sources write them. */
static enum sl_special special(const struct sl_json *object, double *number)
{
    const struct sl_json *value = sl_json_get(object, "specialValue");

    if (sl_json_len(object) != 1) return SL_SPECIAL_NONE;
    if (sl_json_str(sl_json_get(object, "error"))) return SL_SPECIAL_ERROR;
    if (!sl_json_str(value)) return SL_SPECIAL_NONE;
    *number = sl_json_eq(value, "NaN")        ? (double)NAN
              : sl_json_eq(value, "Infinity") ? (double)INFINITY
                                              : -(double)INFINITY;
    return SL_SPECIAL_NUMBER;
}

/* ------------------------------------------------------------------ one batch from JSON */

struct rows {
    const struct sl_table_def *def;
    const char *json; /* an array of rows */
    const struct sl_constant *constants;
    size_t constants_count;
    const struct sl_json *exclude;
    int64_t refused;               /* out: rows without a key */
    struct sl_batch_counts counts; /* out */
    struct sl_buf text;            /* out: what arrived */
};

static enum sl_code append_rows(struct rows *rows, struct sl_doc *doc, struct sl_batch *batch,
                                struct sl_error *error)
{
    const struct sl_json *root;
    enum sl_code rc = sl_doc_parse_copy(doc, rows->json, strlen(rows->json), &root, error);

    for (struct sl_json_each e = sl_json_each(root); rc == SL_OK && sl_json_next(&e);) {
        int64_t before = sl_batch_rows(batch);

        rc = sl_batch_append(batch, doc, e.value, rows->constants, rows->constants_count, 1000000,
                             0, error);
        if (rc == SL_BAD_DATA) {
            rows->refused++;
            assert_int_equal(sl_batch_rows(batch), before);
            rc = SL_OK;
        }
    }
    return rc;
}

static enum sl_code read_rows(struct rows *rows, struct sl_error *error)
{
    struct sl_schema_options options = {.exclude = rows->exclude};
    struct sl_doc *doc = sl_doc_new(0);
    struct sl_schema *schema = NULL;
    struct sl_batch *batch = NULL;
    struct ArrowSchema arrow_schema = {0};
    struct ArrowArray array = {0};
    const char *wrong = NULL;
    enum sl_code rc = doc ? SL_OK : SL_NO_MEMORY;

    if (!rc) rc = sl_schema_new(rows->def, &options, &schema, error);
    if (!rc) rc = sl_batch_new(schema, special, &batch, error);
    if (!rc) rc = append_rows(rows, doc, batch, error);
    if (!rc) rc = sl_batch_arrow_schema(batch, &arrow_schema, error);
    if (!rc) rc = sl_batch_take(batch, &array, error);
    if (!rc) wrong = arrow_text(&arrow_schema, &array, &rows->text);
    if (wrong) fail_msg("invalid batch: %s", wrong);
    if (!rc) rows->counts = *sl_batch_counts(batch);
    if (array.release) array.release(&array);
    if (arrow_schema.release) arrow_schema.release(&arrow_schema);
    sl_batch_free(batch);
    sl_schema_free(schema);
    sl_doc_free(doc);
    return rc;
}

/* What became of rows of these columns. */
static void expect(const struct sl_table_def *def, const char *json, const char *expected)
{
    struct rows rows = {.def = def, .json = json};
    struct sl_error error;

    if (read_rows(&rows, &error)) fail_msg("%s: %s", json, error.message);
    assert_string_equal(sl_buf_str(&rows.text), expected);
    sl_buf_release(&rows.text);
}

/* ------------------------------------------------------------------ the table */

struct rule {
    const struct sl_type *type;
    enum sl_decode decode;
    const char *json;   /* of the cell; NULL: absent */
    const char *value;  /* what the column holds */
    const char *reason; /* of rescue; NULL: none */
    const char *raw;    /* what was rescued; NULL: the cell's JSON */
};

#define AUTO SL_DECODE_AUTO
#define BU "\xEF\xBF\xBD"

static const struct rule rules[] = {
    /* absent and null */
    {&string, AUTO, NULL, "null", NULL, NULL},
    {&string, AUTO, "null", "null", NULL, NULL},
    {&boolean, AUTO, NULL, "null", NULL, NULL},
    {&bigint, AUTO, "null", "null", NULL, NULL},
    {&strings, AUTO, NULL, "null", NULL, NULL},
    {&strings, AUTO, "null", "null", NULL, NULL},
    {&user, AUTO, NULL, "null", NULL, NULL},
    {&user, AUTO, "null", "null", NULL, NULL},
    {&map, AUTO, "null", "null", NULL, NULL},

    /* BOOLEAN */
    {&boolean, AUTO, "true", "true", NULL, NULL},
    {&boolean, AUTO, "false", "false", NULL, NULL},
    {&boolean, AUTO, "1", "true", NULL, NULL},
    {&boolean, AUTO, "0", "false", NULL, NULL},
    {&boolean, AUTO, "1.0", "true", NULL, NULL},
    {&boolean, AUTO, "2", "null", "wrong_type", NULL},
    {&boolean, AUTO, "-1", "null", "wrong_type", NULL},
    {&boolean, AUTO, "\"true\"", "null", "wrong_type", NULL},
    {&boolean, AUTO, "[true]", "true", NULL, NULL},
    {&boolean, AUTO, "[true,false]", "null", "wrong_type", NULL},

    /* BIGINT */
    {&bigint, AUTO, "0", "0", NULL, NULL},
    {&bigint, AUTO, "-7", "-7", NULL, NULL},
    {&bigint, AUTO, "1e3", "1000", NULL, NULL},
    {&bigint, AUTO, "5.0", "5", NULL, NULL},
    {&bigint, AUTO, "9007199254740993", "9007199254740993", NULL, NULL},
    {&bigint, AUTO, "9223372036854775807", "9223372036854775807", NULL, NULL},
    {&bigint, AUTO, "-9223372036854775808", "-9223372036854775808", NULL, NULL},
    {&bigint, AUTO, "9223372036854775808", "null", "out_of_range", NULL},
    {&bigint, AUTO, "1e400", "null", "out_of_range", NULL},
    {&bigint, AUTO, "5.5", "null", "wrong_type", NULL},
    {&bigint, AUTO, "1e-1", "null", "wrong_type", NULL},
    {&bigint, AUTO, "\"5\"", "null", "wrong_type", NULL},
    {&bigint, AUTO, "true", "null", "wrong_type", NULL},
    {&bigint, AUTO, "[5]", "5", NULL, NULL},
    {&bigint, AUTO, "[5,6]", "null", "wrong_type", NULL},
    {&bigint, AUTO, "[]", "null", "wrong_type", NULL},
    {&bigint, AUTO, "[[5]]", "null", "wrong_type", NULL},
    {&bigint, AUTO, "[null]", "null", NULL, NULL},
    {&bigint, AUTO, "[\"x\"]", "null", "wrong_type", NULL},
    {&bigint, AUTO, "{\"specialValue\":\"NaN\"}", "null", "special_value", NULL},
    {&bigint, AUTO, "{\"error\":\"#ERROR!\"}", "null", "source_error", NULL},
    {&bigint, AUTO, "{\"error\":\"#ERROR!\",\"x\":1}", "null", "wrong_type", NULL},

    /* DOUBLE */
    {&dbl, AUTO, "0", "0.0", NULL, NULL},
    {&dbl, AUTO, "-0", "-0.0", NULL, NULL},
    {&dbl, AUTO, "0.0", "0.0", NULL, NULL},
    {&dbl, AUTO, "0e7", "0.0", NULL, NULL},
    {&dbl, AUTO, "1128312.23", "1128312.23", NULL, NULL},
    {&dbl, AUTO, "0.45299999999999996", "0.45299999999999996", NULL, NULL},
    {&dbl, AUTO, "94026.01916666667", "94026.01916666667", NULL, NULL},
    {&dbl, AUTO, "1e21", "1e21", NULL, NULL},
    {&dbl, AUTO, "100000000000000000000", "100000000000000000000.0", NULL, NULL},
    {&dbl, AUTO, "9007199254740992", "9007199254740992.0", NULL, NULL},
    {&dbl, AUTO, "9007199254740993", "9007199254740992.0", "precision", NULL},
    {&dbl, AUTO, "9223372036854775808", "9223372036854776000.0", NULL, NULL},
    {&dbl, AUTO, "9223372036854775807", "9223372036854776000.0", "precision", NULL},
    {&dbl, AUTO, "0.1234567890123456789", "0.12345678901234568", "precision", NULL},
    {&dbl, AUTO, "1e400", "null", "out_of_range", NULL},
    {&dbl, AUTO, "-1e400", "null", "out_of_range", NULL},
    {&dbl, AUTO, "1e-400", "0.0", "precision", NULL},
    {&dbl, AUTO, "5e-324", "5e-324", NULL, NULL},
    {&dbl, AUTO, "\"1.5\"", "null", "wrong_type", NULL},
    {&dbl, AUTO, "true", "null", "wrong_type", NULL},
    {&dbl, AUTO, "[1.5]", "1.5", NULL, NULL},
    {&dbl, AUTO, "{\"specialValue\":\"NaN\"}", "NaN", NULL, NULL},
    {&dbl, AUTO, "{\"specialValue\":\"Infinity\"}", "Inf", NULL, NULL},
    {&dbl, AUTO, "{\"specialValue\":\"-Infinity\"}", "-Inf", NULL, NULL},
    {&dbl, AUTO, "[{\"specialValue\":\"NaN\"}]", "NaN", NULL, NULL},
    {&dbl, AUTO, "{\"error\":\"circular reference\"}", "null", "source_error", NULL},
    {&dbl, AUTO, "[{\"error\":\"#ERROR!\"}]", "null", "source_error", NULL},
    {&dbl, AUTO, "{}", "null", "wrong_type", NULL},

    /* DECIMAL */
    {&decimal52, AUTO, "1.25", "125e-2", NULL, NULL},
    {&decimal52, AUTO, "-1.25", "-125e-2", NULL, NULL},
    {&decimal52, AUTO, "0", "0e-2", NULL, NULL},
    {&decimal52, AUTO, "-0.0", "0e-2", NULL, NULL},
    {&decimal52, AUTO, "999.99", "99999e-2", NULL, NULL},
    {&decimal52, AUTO, "1e2", "10000e-2", NULL, NULL},
    {&decimal52, AUTO, "1.2500000", "125e-2", NULL, NULL},
    {&decimal52, AUTO, "1.255", "126e-2", "precision", NULL},
    {&decimal52, AUTO, "1.2549", "125e-2", "precision", NULL},
    {&decimal52, AUTO, "-1.255", "-126e-2", "precision", NULL},
    {&decimal52, AUTO, "0.001", "0e-2", "precision", NULL},
    {&decimal52, AUTO, "0.005", "1e-2", "precision", NULL},
    {&decimal52, AUTO, "9.999", "1000e-2", "precision", NULL},
    {&decimal52, AUTO, "999.994", "99999e-2", "precision", NULL},
    {&decimal52, AUTO, "999.995", "null", "out_of_range", NULL},
    {&decimal52, AUTO, "1000", "null", "out_of_range", NULL},
    {&decimal52, AUTO, "1e300", "null", "out_of_range", NULL},
    {&decimal52, AUTO, "1e-300", "0e-2", "precision", NULL},
    {&decimal52, AUTO, "\"1.25\"", "null", "wrong_type", NULL},
    {&decimal38, AUTO, "9999999999999999999999999999.9999999999",
     "99999999999999999999999999999999999999e-10", NULL, NULL},
    {&decimal38, AUTO, "-9999999999999999999999999999.9999999999",
     "-99999999999999999999999999999999999999e-10", NULL, NULL},
    {&decimal38, AUTO, "10000000000000000000000000000", "null", "out_of_range", NULL},
    {&decimal38, AUTO, "0.12345678901", "1234567890e-10", "precision", NULL},
    {&decimal38, AUTO, "0.1", "1000000000e-10", NULL, NULL},
    {&decimal38, AUTO, "{\"specialValue\":\"NaN\"}", "null", "special_value", NULL},

    /* STRING */
    {&string, AUTO, "\"\"", "\"\"", NULL, NULL},
    {&string, AUTO, "\" \"", "\" \"", NULL, NULL},
    {&string, AUTO, "\"\xC3\xA5\\u00e5 \\ud83d\\ude00\"", "\"\xC3\xA5\xC3\xA5 \xF0\x9F\x98\x80\"",
     NULL, NULL},
    {&string, AUTO, "\"a\\u0000b\"", "\"a\\u0000b\"", NULL, NULL},
    {&string, AUTO, "\"a\\ud800b\"", "\"a" BU "b\"", "bad_unicode", "\"a\\\\ud800b\""},
    {&string, AUTO, "1.50", "\"1.50\"", NULL, NULL},
    {&string, AUTO, "12345678901234567890123", "\"12345678901234567890123\"", NULL, NULL},
    {&string, AUTO, "true", "\"true\"", NULL, NULL},
    {&string, AUTO, "false", "\"false\"", NULL, NULL},
    {&string, AUTO, "[\"a\"]", "\"a\"", NULL, NULL},
    {&string, AUTO, "[\"a\",\"b\"]", "null", "wrong_type", NULL},
    {&string, AUTO, "[]", "null", "wrong_type", NULL},
    {&string, AUTO, "{\"a\":1}", "null", "wrong_type", NULL},
    {&string, AUTO, "{\"error\":\"#ERROR!\"}", "null", "source_error", NULL},
    {&string, AUTO, "{\"specialValue\":\"NaN\"}", "null", "special_value", NULL},

    /* STRING from any JSON */
    {&string, SL_DECODE_JSON, "\"a\"", "\"a\"", NULL, NULL},
    {&string, SL_DECODE_JSON, "1.50", "\"1.50\"", NULL, NULL},
    {&string, SL_DECODE_JSON, "true", "\"true\"", NULL, NULL},
    {&string, SL_DECODE_JSON, "[1, \"a\"]", "\"[1,\\\"a\\\"]\"", NULL, NULL},
    {&string, SL_DECODE_JSON, "[\"a\"]", "\"[\\\"a\\\"]\"", NULL, NULL},
    {&string, SL_DECODE_JSON, "{\"b\": 1.0, \"a\": null}", "\"{\\\"b\\\":1.0,\\\"a\\\":null}\"",
     NULL, NULL},
    {&string, SL_DECODE_JSON, "{\"error\":\"#ERROR!\"}", "null", "source_error", NULL},
    {&string, SL_DECODE_JSON, "[{\"error\":\"#ERROR!\"}]", "\"[{\\\"error\\\":\\\"#ERROR!\\\"}]\"",
     NULL, NULL},
    {&string, SL_DECODE_JSON, "[\"\\udc00\"]", "\"[\\\"" BU "\\\"]\"", "bad_unicode",
     "[\"\\\\udc00\"]"},
    {&string, SL_DECODE_JSON, "null", "null", NULL, NULL},

    /* BINARY */
    {&binary, AUTO, "\"\"", "\"\"", NULL, NULL},
    {&binary, AUTO, "\"aGVsbG8=\"", "\"hello\"", NULL, NULL},
    {&binary, AUTO, "\"aGVsbG8\"", "\"hello\"", NULL, NULL},
    {&binary, AUTO, "\"Pz8_\"", "\"???\"", NULL, NULL},
    {&binary, AUTO, "\"Pz8/\"", "\"???\"", NULL, NULL},
    {&binary, AUTO, "\"a\"", "null", "wrong_type", NULL},
    {&binary, AUTO, "\"a b=\"", "null", "wrong_type", NULL},
    {&binary, AUTO, "\"aGVsbG8==\"", "null", "wrong_type", NULL},
    {&binary, AUTO, "1", "null", "wrong_type", NULL},

    /* DATE */
    {&date, AUTO, "\"2026-03-01\"", "2026-03-01", NULL, NULL},
    {&date, AUTO, "\"0001-01-01\"", "0001-01-01", NULL, NULL},
    {&date, AUTO, "\"9999-12-31\"", "9999-12-31", NULL, NULL},
    {&date, AUTO, "\"2026-03-01T00:00:00.000Z\"", "2026-03-01", NULL, NULL},
    {&date, AUTO, "\"2026-03-01T00:00:00\"", "2026-03-01", NULL, NULL},
    {&date, AUTO, "\"2026-03-01T00:00:00+02:00\"", "2026-03-01", NULL, NULL},
    {&date, AUTO, "\"2026-03-01T08:30:00.000Z\"", "null", "wrong_type", NULL},
    {&date, AUTO, "\"2026-02-29\"", "null", "wrong_type", NULL},
    {&date, AUTO, "\"3/1/2026\"", "null", "wrong_type", NULL},
    {&date, AUTO, "\"2026-03-01x\"", "null", "wrong_type", NULL},
    {&date, AUTO, "\"\"", "null", "wrong_type", NULL},
    {&date, AUTO, "20260301", "null", "wrong_type", NULL},
    {&date, AUTO, "[\"2026-03-01\"]", "2026-03-01", NULL, NULL},
    {&date, AUTO, "{\"error\":\"#ERROR!\"}", "null", "source_error", NULL},

    /* TIMESTAMP */
    {&timestamp, AUTO, "\"2026-03-01T08:30:00.000Z\"", "2026-03-01T08:30:00.000000Z", NULL, NULL},
    {&timestamp, AUTO, "\"2026-03-01T08:30:00Z\"", "2026-03-01T08:30:00.000000Z", NULL, NULL},
    {&timestamp, AUTO, "\"2026-03-01T08:30:00.123456Z\"", "2026-03-01T08:30:00.123456Z", NULL,
     NULL},
    {&timestamp, AUTO, "\"2026-03-01T08:30:00.123456000Z\"", "2026-03-01T08:30:00.123456Z", NULL,
     NULL},
    {&timestamp, AUTO, "\"2026-03-01T08:30:00.123456789Z\"", "2026-03-01T08:30:00.123456Z",
     "precision", NULL},
    {&timestamp, AUTO, "\"2026-03-01T08:30:00+02:00\"", "2026-03-01T06:30:00.000000Z", NULL, NULL},
    {&timestamp, AUTO, "\"1969-12-31T23:59:59.5Z\"", "1969-12-31T23:59:59.500000Z", NULL, NULL},
    {&timestamp, AUTO, "\"2026-03-01T08:30:00\"", "null", "wrong_type", NULL},
    {&timestamp, AUTO, "\"2026-03-01\"", "null", "wrong_type", NULL},
    {&timestamp, AUTO, "\"+020222-01-01T00:00:00Z\"", "null", "out_of_range", NULL},
    {&timestamp, AUTO, "\"yesterday\"", "null", "wrong_type", NULL},
    {&timestamp, AUTO, "1700000000", "null", "wrong_type", NULL},
    {&timestamp, AUTO, "[\"2026-03-01T08:30:00Z\"]", "2026-03-01T08:30:00.000000Z", NULL, NULL},
    {&timestamp, SL_DECODE_SECONDS, "1700000000", "2023-11-14T22:13:20.000000Z", NULL, NULL},
    {&timestamp, SL_DECODE_SECONDS, "0", "1970-01-01T00:00:00.000000Z", NULL, NULL},
    {&timestamp, SL_DECODE_SECONDS, "-1", "1969-12-31T23:59:59.000000Z", NULL, NULL},
    {&timestamp, SL_DECODE_SECONDS, "1700000000.123456", "2023-11-14T22:13:20.123456Z", NULL, NULL},
    {&timestamp, SL_DECODE_SECONDS, "1700000000.1234567", "2023-11-14T22:13:20.123457Z",
     "precision", NULL},
    {&timestamp, SL_DECODE_SECONDS, "\"1700000000\"", "2023-11-14T22:13:20.000000Z", NULL, NULL},
    {&timestamp, SL_DECODE_SECONDS, "\"soon\"", "null", "wrong_type", NULL},
    {&timestamp, SL_DECODE_SECONDS, "\"\"", "null", "wrong_type", NULL},
    {&timestamp, SL_DECODE_SECONDS, "1e15", "null", "out_of_range", NULL},
    {&timestamp, SL_DECODE_SECONDS, "true", "null", "wrong_type", NULL},
    {&boolean, SL_DECODE_TEXT, "\"true\"", "true", NULL, NULL},
    {&boolean, SL_DECODE_TEXT, "\"false\"", "false", NULL, NULL},
    {&boolean, SL_DECODE_TEXT, "false", "false", NULL, NULL},
    {&boolean, SL_DECODE_TEXT, "\"\"", "null", NULL, NULL},
    {&boolean, SL_DECODE_TEXT, "\"TRUE\"", "null", "wrong_type", NULL},
    {&boolean, SL_DECODE_AUTO, "\"true\"", "null", "wrong_type", NULL},
    {&bigint, SL_DECODE_TEXT, "\"9223372036854775807\"", "9223372036854775807", NULL, NULL},
    {&bigint, SL_DECODE_TEXT, "\"9223372036854775808\"", "null", "out_of_range", NULL},
    {&bigint, SL_DECODE_TEXT, "\"12.5\"", "null", "wrong_type", NULL},
    {&bigint, SL_DECODE_TEXT, "\"\"", "null", NULL, NULL},
    {&dbl, SL_DECODE_TEXT, "\"12.5\"", "12.5", NULL, NULL},
    {&dbl, SL_DECODE_TEXT, "\"\"", "null", NULL, NULL},
    {&dbl, SL_DECODE_TEXT, "\"1e999\"", "null", "out_of_range", NULL},
    {&dbl, SL_DECODE_TEXT, "\"12,5\"", "null", "wrong_type", NULL},
    {&dbl, SL_DECODE_TEXT, "\"NaN\"", "null", "wrong_type", NULL},
    {&dbl, SL_DECODE_TEXT, "12.5", "12.5", NULL, NULL},
    {&decimal52, SL_DECODE_TEXT, "\"12.50\"", "1250e-2", NULL, NULL},
    {&decimal52, SL_DECODE_TEXT, "\"12.345\"", "1235e-2", "precision", NULL},
    {&decimal52, SL_DECODE_TEXT, "\"x\"", "null", "wrong_type", NULL},
    {&date, SL_DECODE_TEXT, "\"\"", "null", NULL, NULL},
    {&date, SL_DECODE_TEXT, "\"2026-03-01\"", "2026-03-01", NULL, NULL},
    {&timestamp, SL_DECODE_TEXT, "\"\"", "null", NULL, NULL},
    {&string, SL_DECODE_TEXT, "\"\"", "null", NULL, NULL},
    {&string, SL_DECODE_TEXT, "\"12.50\"", "\"12.50\"", NULL, NULL},
    {&timestamp, SL_DECODE_MILLIS, "1700000000123", "2023-11-14T22:13:20.123000Z", NULL, NULL},
    {&timestamp, SL_DECODE_MILLIS, "\"1700000000123\"", "2023-11-14T22:13:20.123000Z", NULL, NULL},
    {&timestamp, SL_DECODE_MILLIS, "1.7e12", "2023-11-14T22:13:20.000000Z", NULL, NULL},
    {&timestamp, SL_DECODE_MILLIS, "null", "null", NULL, NULL},

    /* ARRAY */
    {&strings, AUTO, "[]", "[]", NULL, NULL},
    {&strings, AUTO, "[\"a\",\"b, c\"]", "[\"a\",\"b, c\"]", NULL, NULL},
    {&strings, AUTO, "[\"a\",null,1,true]", "[\"a\",null,\"1\",\"true\"]", NULL, NULL},
    {&strings, AUTO, "\"a\"", "[\"a\"]", NULL, NULL},
    {&strings, AUTO, "5", "[\"5\"]", NULL, NULL},
    {&strings, AUTO, "{\"a\":1}", "null", "wrong_type", NULL},
    {&strings, AUTO, "[\"a\",{\"error\":\"#ERROR!\"}]", "[\"a\",null]", "source_error", NULL},
    {&strings, AUTO, "[{\"error\":\"#ERROR!\"}]", "[null]", "source_error", NULL},
    {&strings, AUTO, "{\"error\":\"#ERROR!\"}", "null", "source_error", NULL},
    {&strings, AUTO, "[\"a\",{\"x\":1},\"b\"]", "[\"a\",null,\"b\"]", "wrong_type", NULL},
    {&strings, AUTO, "[\"\\ud800\"]", "[\"" BU "\"]", "bad_unicode", "[\"\\\\ud800\"]"},
    {&strings, AUTO, "[[\"a\"],[\"b\"]]", "[\"a\",\"b\"]", NULL, NULL},
    {&strings, AUTO, "[[\"a\",\"b\"]]", "[null]", "wrong_type", NULL},
    {&strings, SL_DECODE_ONE_OR_ARRAY, "[[\"a\",\"b\"],\"c\",[]]", "[\"a\",\"b\",\"c\"]", NULL,
     NULL},
    {&strings, SL_DECODE_ONE_OR_ARRAY, "\"a\"", "[\"a\"]", NULL, NULL},
    {&strings, SL_DECODE_ONE_OR_ARRAY, "[[[\"a\",\"b\"]]]", "[null]", "wrong_type", NULL},
    {&doubles, AUTO, "[{\"specialValue\":\"NaN\"},3]", "[NaN,3.0]", NULL, NULL},
    {&doubles, AUTO, "{\"specialValue\":\"NaN\"}", "[NaN]", NULL, NULL},
    {&doubles, AUTO, "[1,\"2\",9007199254740993]", "[1.0,null,9007199254740992.0]", "wrong_type",
     NULL},
    {&doubles, AUTO, "\"2\"", "null", "wrong_type", NULL},
    {&nested, AUTO, "[[\"a\"],[],[\"b\",\"c\"],null]", "[[\"a\"],[],[\"b\",\"c\"],null]", NULL,
     NULL},
    {&nested, AUTO, "\"a\"", "[[\"a\"]]", NULL, NULL},
    {&nested, AUTO, "[\"a\",[\"b\"]]", "[[\"a\"],[\"b\"]]", NULL, NULL},

    /* STRUCT */
    {&user, AUTO, "{\"id\":\"u1\",\"email\":\"jo@example.org\",\"age\":4}",
     "{id:\"u1\",email:\"jo@example.org\",age:4}", NULL, NULL},
    {&user, AUTO, "{\"age\":4,\"id\":\"u1\"}", "{id:\"u1\",email:null,age:4}", NULL, NULL},
    {&user, AUTO, "{}", "{id:null,email:null,age:null}", NULL, NULL},
    {&user, AUTO, "{\"id\":\"u1\",\"age\":\"x\"}", "{id:\"u1\",email:null,age:null}", "wrong_type",
     NULL},
    {&user, AUTO, "{\"id\":\"u1\",\"role\":\"x\"}", "{id:\"u1\",email:null,age:null}",
     "unknown_field", NULL},
    {&user, AUTO, "{\"id\":\"u1\",\"id\":\"u2\"}", "{id:\"u1\",email:null,age:null}",
     "unknown_field", NULL},
    {&open_user, AUTO, "{\"id\":\"u1\",\"role\":\"x\",\"age\":4}", "{id:\"u1\",email:null,age:4}",
     NULL, NULL},
    {&open_user, AUTO, "{\"role\":1,\"id\":\"u1\",\"id\":\"u2\"}",
     "{id:\"u1\",email:null,age:null}", "unknown_field", NULL},
    {&user, AUTO, "[{\"id\":\"u1\"}]", "{id:\"u1\",email:null,age:null}", NULL, NULL},
    {&user, AUTO, "[{\"id\":\"u1\"},{\"id\":\"u2\"}]", "null", "wrong_type", NULL},
    {&user, AUTO, "\"u1\"", "null", "wrong_type", NULL},
    {&user, AUTO, "{\"error\":\"#ERROR!\"}", "null", "source_error", NULL},
    {&user, AUTO, "{\"specialValue\":\"NaN\"}", "null", "special_value", NULL},
    {&files, AUTO,
     "[{\"id\":\"f1\",\"small\":{\"url\":\"u\",\"width\":3},\"tags\":[\"a\",\"b\"]},"
     "{\"id\":\"f2\"},null,{\"small\":{\"width\":1},\"tags\":[]}]",
     "[{id:\"f1\",small:{url:\"u\",width:3},tags:[\"a\",\"b\"]},"
     "{id:\"f2\",small:null,tags:null},null,{id:null,small:{url:null,width:1},tags:[]}]",
     NULL, NULL},
    {&files, AUTO, "[{\"id\":\"f1\",\"small\":{\"url\":\"u\",\"depth\":3}}]",
     "[{id:\"f1\",small:{url:\"u\",width:null},tags:null}]", "unknown_field", NULL},
    {&files, AUTO, "{\"id\":\"f1\"}", "[{id:\"f1\",small:null,tags:null}]", NULL, NULL},

    /* MAP */
    {&map, AUTO, "{}", "[]", NULL, NULL},
    {&map, AUTO, "{\"a\":1,\"b\":null}", "[{key:\"a\",value:1},{key:\"b\",value:null}]", NULL,
     NULL},
    {&map, AUTO, "{\"a\":1,\"b\":\"x\"}", "[{key:\"a\",value:1},{key:\"b\",value:null}]",
     "wrong_type", NULL},
    {&map, AUTO, "{\"error\":\"#ERROR!\"}", "null", "source_error", NULL},
    {&map, AUTO, "[{\"a\":1}]", "[{key:\"a\",value:1}]", NULL, NULL},
    {&map, AUTO, "[]", "null", "wrong_type", NULL},
};

static void every_rule_holds(void **state)
{
    struct sl_buf json = {0}, expected = {0};
    int wrong = 0;

    (void)state;
    for (size_t i = 0; i < LEN(rules); i++) {
        const struct rule *r = &rules[i];
        struct sl_column column = {
            .name = "V", .id = "fld1", .type = *r->type, .decode = r->decode, .path = {"v"}};
        struct sl_table_def def = {.name = "t", .columns = &column, .column_count = 1};
        struct rows rows = {.def = &def};
        struct sl_error error;

        /* Between two plain rows, so that a slot too many or too few would show. */
        sl_buf_reset(&json);
        sl_buf_reset(&expected);
        if (r->json)
            sl_buf_addf(&json, "[{\"v\":null},{\"v\":%s},{}]", r->json);
        else
            sl_buf_adds(&json, "[{},{},{}]");
        sl_buf_adds(&expected, "{v:null,_rescued_data:null,_ingested_at:1970-01-01T00:00:01."
                               "000000Z}\n{v:");
        sl_buf_adds(&expected, r->value);
        sl_buf_adds(&expected, ",_rescued_data:");
        if (r->reason) {
            struct sl_buf rescued = {0};
            struct sl_json_writer *w = sl_json_writer_new();

            sl_buf_addf(&rescued, "{\"fld1\":{\"reason\":\"%s\",\"value\":%s}}", r->reason,
                        r->raw ? r->raw : r->json);
            sl_json_put_str(w, sl_buf_str(&rescued));
            sl_buf_adds(&expected, sl_json_writer_text(w, NULL));
            sl_json_writer_free(w);
            sl_buf_release(&rescued);
        } else {
            sl_buf_adds(&expected, "null");
        }
        sl_buf_adds(&expected, ",_ingested_at:1970-01-01T00:00:01.000000Z}\n"
                               "{v:null,_rescued_data:null,_ingested_at:1970-01-01T00:00:01."
                               "000000Z}\n");
        rows.json = sl_buf_str(&json);
        if (read_rows(&rows, &error)) fail_msg("rule %zu: %s: %s", i, rows.json, error.message);
        if (strcmp(sl_buf_str(&rows.text), sl_buf_str(&expected)) != 0) {
            print_error("rule %zu: %s\n%snot\n%s", i, rows.json, sl_buf_str(&rows.text),
                        sl_buf_str(&expected));
            wrong++;
        }
        sl_buf_release(&rows.text);
    }
    assert_int_equal(wrong, 0);
    sl_buf_release(&json);
    sl_buf_release(&expected);
}

/* ------------------------------------------------------------------ whole rows */

#define TAIL ",_rescued_data:null,_ingested_at:1970-01-01T00:00:01.000000Z}\n"
#define RESCUED(text) ",_rescued_data:\"" text "\",_ingested_at:1970-01-01T00:00:01.000000Z}\n"

static const char *const fields_are_strict[] = {"fields", NULL};
static const char *const id_is_key[] = {"_id", NULL};

static const struct sl_column record_columns[] = {
    {.name = "_id", .exact_name = true, .path = {"id"}, .type = {.kind = SL_TYPE_STRING}},
    {.name = "Name", .id = "f1", .path = {"fields", "f1"}, .type = {.kind = SL_TYPE_STRING}},
    {.name = "Done",
     .id = "f2",
     .path = {"fields", "f2"},
     .type = {.kind = SL_TYPE_BOOLEAN},
     .missing_is_false = true},
    {.name = "Size", .id = "f3", .path = {"fields", "f3"}, .type = {.kind = SL_TYPE_BIGINT}},
};
static const struct sl_table_def record = {.name = "records",
                                           .columns = record_columns,
                                           .column_count = LEN(record_columns),
                                           .primary_key = id_is_key,
                                           .strict_objects = fields_are_strict};

static void absent_and_null_booleans(void **state)
{
    (void)state;
    expect(&record,
           "[{\"id\":\"a\",\"fields\":{}},{\"id\":\"b\",\"fields\":{\"f2\":null}},"
           "{\"id\":\"c\",\"fields\":{\"f2\":true}},{\"id\":\"d\"},"
           "{\"id\":\"e\",\"fields\":null}]",
           "{_id:\"a\",name:null,done:false,size:null" TAIL
           "{_id:\"b\",name:null,done:null,size:null" TAIL
           "{_id:\"c\",name:null,done:true,size:null" TAIL
           "{_id:\"d\",name:null,done:false,size:null" TAIL
           "{_id:\"e\",name:null,done:false,size:null" TAIL);
}

static void unknown_members_of_strict_objects_are_rescued(void **state)
{
    (void)state;
    expect(&record,
           "[{\"id\":\"a\",\"extra\":1,\"fields\":{\"f9\":[1,{\"x\":\"y\"}],\"f1\":\"n\"}}]",
           "{_id:\"a\",name:\"n\",done:false,size:null" RESCUED(
               "{\\\"f9\\\":{\\\"reason\\\":\\\"unknown_field\\\",\\\"value\\\":[1,"
               "{\\\"x\\\":\\\"y\\\"}]}}"));
}

#define WAS(field, reason, value)                                                                  \
    "\\\"" field "\\\":{\\\"reason\\\":\\\"" reason "\\\",\\\"value\\\":" value "}"

/* clang-format off */
static void a_row_can_rescue_several_values(void **state)
{
    static const char expected[] =
        "{_id:\"a\",name:\"n\",done:false,size:null,_rescued_data:\"{"
        WAS("f3", "wrong_type", "\\\"x\\\"") ","
        WAS("f1", "unknown_field", "\\\"m\\\"") ","
        WAS("f9", "unknown_field", "null") "}\",_ingested_at:1970-01-01T00:00:01.000000Z}\n"
        "{_id:\"b\",name:null,done:false,size:null,_rescued_data:\"{"
        WAS("fields", "wrong_type", "7") "}\",_ingested_at:1970-01-01T00:00:01.000000Z}\n";

    (void)state;
    expect(&record,
           "[{\"fields\":{\"f3\":\"x\",\"f1\":\"n\",\"f1\":\"m\",\"f9\":null},\"id\":\"a\"},"
           "{\"id\":\"b\",\"fields\":7}]",
           expected);
}
/* clang-format on */

static void a_row_without_a_key_is_refused_whole(void **state)
{
    struct rows rows = {.def = &record,
                        .json =
                            "[{\"id\":\"a\",\"fields\":{\"f1\":\"x\",\"f3\":1}},"
                            "{\"fields\":{\"f1\":\"lost\",\"f2\":true,\"f3\":\"bad\",\"f9\":1}},"
                            "{\"id\":null},{\"id\":{\"a\":1},\"fields\":{\"f1\":\"lost\"}},3,"
                            "{\"id\":\"\\ud800\"},{\"id\":\"x\",\"id\":\"y\"},"
                            "{\"id\":\"b\",\"fields\":{\"f1\":\"y\",\"f3\":\"bad\"}}]"};
    struct sl_error error;

    (void)state;
    assert_int_equal(read_rows(&rows, &error), SL_OK);
    assert_int_equal(rows.refused, 6);
    assert_string_equal(sl_buf_str(&rows.text),
                        "{_id:\"a\",name:\"x\",done:false,size:1" TAIL
                        "{_id:\"b\",name:\"y\",done:false,size:null" RESCUED(
                            "{\\\"f3\\\":{\\\"reason\\\":\\\"wrong_type\\\",\\\"value\\\":"
                            "\\\"bad\\\"}}"));
    /* What a refused row rescued is not counted. */
    assert_int_equal(rows.counts.rows, 2);
    assert_int_equal(rows.counts.rescued[SL_RESCUE_SHAPE], 1);
    assert_int_equal(rows.counts.rescued[SL_RESCUE_UNKNOWN_FIELD], 0);
    sl_buf_release(&rows.text);
}

static void excluded_columns_are_not_unknown(void **state)
{
    struct sl_error error;
    struct sl_doc *doc = sl_doc_new(0);
    struct rows rows = {.def = &record,
                        .json = "[{\"id\":\"a\",\"fields\":{\"f1\":\"x\",\"f3\":\"bad\"}}]"};

    (void)state;
    assert_int_equal(sl_doc_parse_copy(doc, "[\"Size\"]", 8, &rows.exclude, &error), SL_OK);
    assert_int_equal(read_rows(&rows, &error), SL_OK);
    assert_string_equal(sl_buf_str(&rows.text), "{_id:\"a\",name:\"x\",done:false" TAIL);
    sl_buf_release(&rows.text);
    sl_doc_free(doc);
}

static void members_that_nobody_names_make_the_rest(void **state)
{
    static const struct sl_column columns[] = {
        {.name = "Event", .path = {"event"}, .type = {.kind = SL_TYPE_STRING}},
        {.name = "City", .path = {"properties", "$city"}, .type = {.kind = SL_TYPE_STRING}},
        {.name = "Properties",
         .path = {"properties"},
         .type = {.kind = SL_TYPE_STRING},
         .decode = SL_DECODE_REST},
        {.name = "Other", .path = {""}, .type = {.kind = SL_TYPE_STRING}, .decode = SL_DECODE_REST},
    };
    static const struct sl_table_def events = {.name = "events",
                                               .columns = columns,
                                               .column_count = LEN(columns)};

    (void)state;
    expect(&events,
           "[{\"event\":\"a\",\"properties\":{\"x\":1.50,\"$city\":\"Oslo\",\"y\":[null]}},"
           "{\"event\":\"b\",\"z\":true,\"properties\":{\"$city\":\"Rome\"}},{},"
           "{\"properties\":5}]",
           "{event:\"a\",city:\"Oslo\",properties:\"{\\\"x\\\":1.50,\\\"y\\\":[null]}\","
           "other:null" TAIL
           "{event:\"b\",city:\"Rome\",properties:null,other:\"{\\\"z\\\":true}\"" TAIL
           "{event:null,city:null,properties:null,other:null" TAIL
           "{event:null,city:null,properties:null,other:null" RESCUED(
               "{\\\"properties\\\":{\\\"reason\\\":\\\"wrong_type\\\",\\\"value\\\":5}}"));
}

static void one_path_can_serve_two_columns(void **state)
{
    static const struct sl_column columns[] = {
        {.name = "n", .path = {"v", "n"}, .type = {.kind = SL_TYPE_BIGINT}},
        {.name = "text", .path = {"v", "n"}, .type = {.kind = SL_TYPE_STRING}},
        {.name = "whole",
         .path = {"v"},
         .type = {.kind = SL_TYPE_STRING},
         .decode = SL_DECODE_JSON},
        {.name = "plain", .type = {.kind = SL_TYPE_STRING}},
    };
    static const struct sl_table_def table = {.name = "t",
                                              .columns = columns,
                                              .column_count = LEN(columns)};

    (void)state;
    expect(&table, "[{\"v\":{\"n\":1.0},\"plain\":\"p\"}]",
           "{n:1,text:\"1.0\",whole:\"{\\\"n\\\":1.0}\",plain:\"p\"" TAIL);
}

static void keys_come_in_any_order(void **state)
{
    (void)state;
    expect(&record,
           "[{\"id\":\"a\",\"fields\":{\"f1\":\"x\",\"f3\":1}},"
           "{\"fields\":{\"f3\":2,\"f1\":\"y\"},\"id\":\"b\"},"
           "{\"fields\":{\"f3\":3},\"id\":\"c\"},"
           "{\"id\":\"d\",\"fields\":{\"f1\":\"z\",\"f3\":4}}]",
           "{_id:\"a\",name:\"x\",done:false,size:1" TAIL
           "{_id:\"b\",name:\"y\",done:false,size:2" TAIL
           "{_id:\"c\",name:null,done:false,size:3" TAIL
           "{_id:\"d\",name:\"z\",done:false,size:4" TAIL);
}

/* ------------------------------------------------------------------ constants */

static const struct sl_column constant_columns[] = {
    {.name = "owner", .constant = true, .type = {.kind = SL_TYPE_STRING}},
    {.name = "n", .constant = true, .type = {.kind = SL_TYPE_BIGINT}},
    {.name = "x", .constant = true, .type = {.kind = SL_TYPE_DOUBLE}},
    {.name = "d", .constant = true, .type = {.kind = SL_TYPE_DECIMAL, .precision = 5, .scale = 2}},
    {.name = "yes", .constant = true, .type = {.kind = SL_TYPE_BOOLEAN}},
    {.name = "day", .constant = true, .type = {.kind = SL_TYPE_DATE}},
    {.name = "at", .constant = true, .type = {.kind = SL_TYPE_TIMESTAMP}},
    {.name = "since",
     .constant = true,
     .type = {.kind = SL_TYPE_TIMESTAMP},
     .decode = SL_DECODE_SECONDS},
    {.name = "tags",
     .constant = true,
     .type = {.kind = SL_TYPE_ARRAY, .member_count = 1, .members = string_member}},
    {.name = "v", .type = {.kind = SL_TYPE_STRING}},
};
static const struct sl_table_def constant_table = {.name = "t",
                                                   .columns = constant_columns,
                                                   .column_count = LEN(constant_columns)};

static void constants_are_decoded_by_type(void **state)
{
    static const struct sl_constant good[] = {{"owner", "octo"},
                                              {"n", "12"},
                                              {"x", "1.5"},
                                              {"d", "1.25"},
                                              {"yes", "true"},
                                              {"day", "2026-03-01"},
                                              {"at", "2026-03-01T08:30:00Z"},
                                              {"since", "60"},
                                              {"tags", "[\"a\"]"}};
    static const struct sl_constant bad[] = {{"n", "twelve"}, {"owner", NULL}, {"day", "soon"}};
    static const struct sl_constant unknown[] = {{"nobody", "x"}};
    struct rows rows = {.def = &constant_table,
                        .json = "[{\"v\":\"a\",\"owner\":\"no\"},{}]",
                        .constants = good,
                        .constants_count = LEN(good)};
    struct sl_error error;

    (void)state;
    assert_int_equal(read_rows(&rows, &error), SL_OK);
    assert_string_equal(
        sl_buf_str(&rows.text),
        "{owner:\"octo\",n:12,x:1.5,d:125e-2,yes:true,day:2026-03-01,"
        "at:2026-03-01T08:30:00.000000Z,since:1970-01-01T00:01:00.000000Z,tags:[\"a\"],v:\"a\"" TAIL
        "{owner:\"octo\",n:12,x:1.5,d:125e-2,yes:true,day:2026-03-01,"
        "at:2026-03-01T08:30:00.000000Z,since:1970-01-01T00:01:00.000000Z,tags:[\"a\"],v:"
        "null" TAIL);
    sl_buf_release(&rows.text);

    rows = (struct rows){.def = &constant_table,
                         .json = "[{}]",
                         .constants = bad,
                         .constants_count = LEN(bad)};
    assert_int_equal(read_rows(&rows, &error), SL_OK);
    assert_string_equal(
        sl_buf_str(&rows.text),
        "{owner:null,n:null,x:null,d:null,yes:null,day:null,at:null,since:null,tags:null,"
        "v:null" RESCUED(
            "{\\\"n\\\":{\\\"reason\\\":\\\"wrong_type\\\",\\\"value\\\":\\\"twelve\\\"},"
            "\\\"day\\\":{\\\"reason\\\":\\\"wrong_type\\\",\\\"value\\\":\\\"soon\\\"}}"));
    sl_buf_release(&rows.text);

    rows = (struct rows){.def = &constant_table,
                         .json = "[{}]",
                         .constants = unknown,
                         .constants_count = LEN(unknown)};
    assert_int_equal(read_rows(&rows, &error), SL_BUG);
    sl_buf_release(&rows.text);
}

/* ------------------------------------------------------------------ counts and batches */

struct seen {
    struct sl_buf text;
};

static void see(void *ctx, const char *field, enum sl_rescue reason, int64_t n)
{
    struct seen *seen = ctx;

    sl_buf_addf(&seen->text, "%s:%s:%d ", field, sl_rescue_text(reason), (int)n);
}

static void rescues_are_counted_by_field_and_reason(void **state)
{
    struct sl_doc *doc = sl_doc_new(0);
    struct sl_buf json = {0};
    struct seen seen = {{0}};
    struct sl_schema *schema;
    struct sl_batch *batch;
    struct sl_error error;
    const struct sl_json *root;

    (void)state;
    assert_int_equal(sl_schema_new(&record, NULL, &schema, &error), SL_OK);
    assert_int_equal(sl_batch_new(schema, special, &batch, &error), SL_OK);
    sl_buf_adds(&json, "[{\"id\":\"a\",\"fields\":{\"f1\":{},\"f3\":\"x\",\"u1\":1}},"
                       "{\"id\":\"b\",\"fields\":{\"f1\":{},\"f3\":1e99,\"u1\":1}},"
                       "{\"id\":\"c\",\"fields\":{\"f1\":\"\\ud800\",\"f3\":{\"error\":\"e\"}}},"
                       "{\"id\":\"d\",\"fields\":{\"f1\":{}");
    for (int i = 0; i < 150; i++) sl_buf_addf(&json, ",\"v%03d\":0", i);
    sl_buf_adds(&json, "}}]");
    assert_int_equal(sl_doc_parse_copy(doc, json.data, json.len, &root, &error), SL_OK);
    for (struct sl_json_each e = sl_json_each(root); sl_json_next(&e);)
        assert_int_equal(sl_batch_append(batch, doc, e.value, NULL, 0, 0, 0, &error), SL_OK);
    sl_batch_rescues(batch, see, &seen);
    assert_memory_equal(sl_buf_str(&seen.text),
                        "Name:wrong_type:3 Name:bad_unicode:1 Size:wrong_type:1 "
                        "Size:out_of_range:1 Size:source_error:1 u1:unknown_field:2 "
                        "v000:unknown_field:1 ",
                        135);
    /* A hundred names are kept; the others count together. */
    assert_non_null(strstr(sl_buf_str(&seen.text), "v098:unknown_field:1 (other unknown fields):"
                                                   "unknown_field:51 "));
    assert_int_equal(sl_batch_counts(batch)->rows, 4);
    assert_int_equal(sl_batch_counts(batch)->rescued[SL_RESCUE_UNKNOWN_FIELD], 152);
    sl_batch_free(batch);
    sl_schema_free(schema);
    sl_doc_free(doc);
    sl_buf_release(&json);
    sl_buf_release(&seen.text);
}

static void a_batch_is_empty_after_it_was_taken(void **state)
{
    struct sl_doc *doc = sl_doc_new(0);
    struct sl_schema *schema;
    struct sl_batch *batch;
    struct ArrowSchema arrow_schema;
    struct sl_error error;
    const struct sl_json *root;
    const char text[] = "{\"id\":\"a\",\"fields\":{\"f1\":\"x\",\"f3\":7}}";

    (void)state;
    assert_int_equal(sl_schema_new(&record, NULL, &schema, &error), SL_OK);
    assert_int_equal(sl_batch_new(schema, NULL, &batch, &error), SL_OK);
    assert_int_equal(sl_batch_arrow_schema(batch, &arrow_schema, &error), SL_OK);
    assert_int_equal(sl_doc_parse_copy(doc, text, strlen(text), &root, &error), SL_OK);
    for (int round = 0; round < 3; round++) {
        struct ArrowArray array = {0};
        struct sl_buf out = {0};
        int rows = round == 1 ? 0 : 1000 * round + 65;
        size_t bytes = sl_batch_bytes(batch);

        for (int i = 0; i < rows; i++) {
            assert_int_equal(sl_batch_append(batch, doc, root, NULL, 0, i, 0, &error), SL_OK);
            assert_true(sl_batch_bytes(batch) > bytes);
            bytes = sl_batch_bytes(batch);
        }
        assert_int_equal(sl_batch_rows(batch), rows);
        assert_int_equal(sl_batch_take(batch, &array, &error), SL_OK);
        assert_int_equal(sl_batch_rows(batch), 0);
        assert_int_equal(sl_batch_bytes(batch), 0);
        assert_int_equal(array.length, rows);
        assert_null(arrow_text(&arrow_schema, &array, &out));
        sl_buf_release(&out);
        array.release(&array);
    }
    assert_int_equal(sl_batch_counts(batch)->rows, 65 + 2065);
    arrow_schema.release(&arrow_schema);
    sl_batch_free(batch);
    sl_schema_free(schema);
    sl_doc_free(doc);
    assert_int_equal(sl_alloc_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_holds),
        cmocka_unit_test(absent_and_null_booleans),
        cmocka_unit_test(unknown_members_of_strict_objects_are_rescued),
        cmocka_unit_test(a_row_can_rescue_several_values),
        cmocka_unit_test(a_row_without_a_key_is_refused_whole),
        cmocka_unit_test(excluded_columns_are_not_unknown),
        cmocka_unit_test(members_that_nobody_names_make_the_rest),
        cmocka_unit_test(one_path_can_serve_two_columns),
        cmocka_unit_test(keys_come_in_any_order),
        cmocka_unit_test(constants_are_decoded_by_type),
        cmocka_unit_test(rescues_are_counted_by_field_and_reason),
        cmocka_unit_test(a_batch_is_empty_after_it_was_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
