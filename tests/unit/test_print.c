/* test_print.c: every Arrow type the reader gives us, as text, JSON and CSV. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nanoarrow/nanoarrow.h>

#include "cli/print.h"

#define OK(call) assert_int_equal((call), NANOARROW_OK)

/* ---- a batch with one column of each type, two rows, the second one NULL ---- */

enum {
    COL_BOOL,
    COL_LONG,
    COL_DOUBLE,
    COL_DECIMAL,
    COL_STRING,
    COL_BINARY,
    COL_DATE,
    COL_TIME,
    COL_LIST,
    COL_STRUCT,
    COL_MAP,
    COL_COUNT
};

static void make_schema(struct ArrowSchema *schema)
{
    static const char *const names[COL_COUNT] = {"b",   "l",  "d",    "n",      "s",  "x",
                                                 "day", "at", "list", "struct", "map"};
    struct ArrowSchema *c;

    ArrowSchemaInit(schema);
    OK(ArrowSchemaSetTypeStruct(schema, COL_COUNT));
    OK(ArrowSchemaSetType(schema->children[COL_BOOL], NANOARROW_TYPE_BOOL));
    OK(ArrowSchemaSetType(schema->children[COL_LONG], NANOARROW_TYPE_INT64));
    OK(ArrowSchemaSetType(schema->children[COL_DOUBLE], NANOARROW_TYPE_DOUBLE));
    OK(ArrowSchemaSetTypeDecimal(schema->children[COL_DECIMAL], NANOARROW_TYPE_DECIMAL128, 38, 4));
    OK(ArrowSchemaSetType(schema->children[COL_STRING], NANOARROW_TYPE_STRING));
    OK(ArrowSchemaSetType(schema->children[COL_BINARY], NANOARROW_TYPE_BINARY));
    OK(ArrowSchemaSetType(schema->children[COL_DATE], NANOARROW_TYPE_DATE32));
    OK(ArrowSchemaSetTypeDateTime(schema->children[COL_TIME], NANOARROW_TYPE_TIMESTAMP,
                                  NANOARROW_TIME_UNIT_MICRO, "UTC"));
    c = schema->children[COL_LIST];
    OK(ArrowSchemaSetType(c, NANOARROW_TYPE_LIST));
    OK(ArrowSchemaSetType(c->children[0], NANOARROW_TYPE_INT64));
    c = schema->children[COL_STRUCT];
    OK(ArrowSchemaSetTypeStruct(c, 2));
    OK(ArrowSchemaSetType(c->children[0], NANOARROW_TYPE_STRING));
    OK(ArrowSchemaSetName(c->children[0], "id"));
    OK(ArrowSchemaSetType(c->children[1], NANOARROW_TYPE_DOUBLE));
    OK(ArrowSchemaSetName(c->children[1], "n"));
    c = schema->children[COL_MAP];
    OK(ArrowSchemaSetType(c, NANOARROW_TYPE_MAP));
    OK(ArrowSchemaSetType(c->children[0]->children[0], NANOARROW_TYPE_STRING));
    OK(ArrowSchemaSetType(c->children[0]->children[1], NANOARROW_TYPE_INT64));
    for (int i = 0; i < COL_COUNT; i++) OK(ArrowSchemaSetName(schema->children[i], names[i]));
}

static struct ArrowStringView text(const char *value)
{
    return ArrowCharView(value);
}

static void add_nested(struct ArrowArray *batch)
{
    struct ArrowArray *list = batch->children[COL_LIST], *map = batch->children[COL_MAP];
    struct ArrowArray *record = batch->children[COL_STRUCT];

    OK(ArrowArrayAppendInt(list->children[0], 1));
    OK(ArrowArrayAppendNull(list->children[0], 1));
    OK(ArrowArrayFinishElement(list));
    OK(ArrowArrayAppendString(record->children[0], text("say \"hi\"")));
    OK(ArrowArrayAppendDouble(record->children[1], NAN));
    OK(ArrowArrayFinishElement(record));
    OK(ArrowArrayAppendString(map->children[0]->children[0], text("a key")));
    OK(ArrowArrayAppendInt(map->children[0]->children[1], 7));
    OK(ArrowArrayFinishElement(map->children[0]));
    OK(ArrowArrayFinishElement(map));
}

static void make_batch(const struct ArrowSchema *schema, struct ArrowArray *batch)
{
    struct ArrowDecimal decimal;

    OK(ArrowArrayInitFromSchema(batch, schema, NULL));
    OK(ArrowArrayStartAppending(batch));
    OK(ArrowArrayAppendInt(batch->children[COL_BOOL], 1));
    OK(ArrowArrayAppendInt(batch->children[COL_LONG], INT64_C(9007199254740993)));
    OK(ArrowArrayAppendDouble(batch->children[COL_DOUBLE], 0.1));
    ArrowDecimalInit(&decimal, 128, 38, 4);
    OK(ArrowDecimalSetDigits(&decimal, text("-12345678901234567890123450001")));
    OK(ArrowArrayAppendDecimal(batch->children[COL_DECIMAL], &decimal));
    OK(ArrowArrayAppendString(batch->children[COL_STRING], text("a, \"b\"\n")));
    OK(ArrowArrayAppendString(batch->children[COL_BINARY], text("\x01\x02\xff")));
    OK(ArrowArrayAppendInt(batch->children[COL_DATE], 20513));
    OK(ArrowArrayAppendInt(batch->children[COL_TIME], INT64_C(1772442000000001)));
    add_nested(batch);
    OK(ArrowArrayFinishElement(batch));
    for (int i = 0; i < COL_COUNT; i++) OK(ArrowArrayAppendNull(batch->children[i], 1));
    OK(ArrowArrayFinishElement(batch));
    OK(ArrowArrayFinishBuildingDefault(batch, NULL));
}

/* What the printer writes, as text; free it. */
static char *print(enum cli_format format, int batches, int64_t rows)
{
    struct cli cli = {.columns = 80};
    struct sl_error error = {0};
    struct ArrowSchema schema;
    struct ArrowArray batch;
    struct cli_printer *printer = NULL;
    char *out = NULL;
    size_t len = 0;
    FILE *file = open_memstream(&out, &len);

    make_schema(&schema);
    assert_int_equal(cli_printer_new(&cli, format, file, &printer, &error), SL_OK);
    for (int i = 0; i < batches; i++) {
        make_batch(&schema, &batch);
        assert_int_equal(cli_printer_batch(printer, &schema, &batch, rows, &error), SL_OK);
        ArrowArrayRelease(&batch);
    }
    assert_int_equal(cli_printer_end(printer, &schema, &error), SL_OK);
    cli_printer_free(printer);
    ArrowSchemaRelease(&schema);
    fclose(file);
    return out;
}

static void values_are_json_as_they_are(void **state)
{
    (void)state;
    char *out = print(CLI_FORMAT_JSON, 1, -1);

    assert_string_equal(
        out,
        "[\n{\"b\":true,\"l\":9007199254740993,\"d\":0.1,\"n\":-1234567890123456789012345.0001,"
        "\"s\":\"a, \\\"b\\\"\\n\",\"x\":\"AQL/\",\"day\":\"2026-03-01\","
        "\"at\":\"2026-03-02T09:00:00.000001Z\",\"list\":[1,null],"
        "\"struct\":{\"id\":\"say \\\"hi\\\"\",\"n\":\"NaN\"},\"map\":{\"a key\":7}},\n"
        "{\"b\":null,\"l\":null,\"d\":null,\"n\":null,\"s\":null,\"x\":null,\"day\":null,\"at\":"
        "null,"
        "\"list\":null,\"struct\":null,\"map\":null}\n]\n");
    free(out);
}

static void csv_quotes_what_it_must_and_null_is_nothing(void **state)
{
    (void)state;
    char *out = print(CLI_FORMAT_CSV, 1, -1);

    assert_string_equal(
        out, "b,l,d,n,s,x,day,at,list,struct,map\r\n"
             "true,9007199254740993,0.1,-1234567890123456789012345.0001,"
             "\"a, \"\"b\"\"\n\",AQL/,2026-03-01,2026-03-02T09:00:00.000001Z,"
             "\"[1,null]\",\"{\"\"id\"\":\"\"say \\\"\"hi\\\"\"\"\",\"\"n\"\":\"\"NaN\"\"}\","
             "\"{\"\"a key\"\":7}\"\r\n"
             ",,,,,,,,,,\r\n");
    free(out);
}

static void a_table_is_aligned_and_holds_no_control_characters(void **state)
{
    (void)state;
    char *out = print(CLI_FORMAT_TABLE, 1, -1);

    assert_non_null(strstr(out, "\nNULL  "));
    assert_null(strstr(out, "\"b\"\n ")); /* the line break in a cell became a blank */
    size_t lines = 0;
    for (const char *c = out; *c; c++) lines += *c == '\n';
    assert_int_equal(lines, 3);
    free(out);
}

static void rows_are_counted_over_batches_and_cut_where_asked(void **state)
{
    (void)state;
    char *out = print(CLI_FORMAT_CSV, 3, 1);
    size_t lines = 0;

    for (const char *c = out; *c; c++) lines += *c == '\r';
    assert_int_equal(lines, 4); /* the names and three first rows */
    free(out);
    out = print(CLI_FORMAT_JSON, 0, -1);
    assert_string_equal(out, "[]\n");
    free(out);
}

static void text_takes_the_columns_a_terminal_gives_it(void **state)
{
    (void)state;
    assert_int_equal(cli_width("abc", 3), 3);
    assert_int_equal(cli_width("\xc3\xa9", 2), 1);                 /* e with an accent */
    assert_int_equal(cli_width("e\xcc\x81", 3), 1);                /* the same in two characters */
    assert_int_equal(cli_width("\xe6\xbc\xa2\xe5\xad\x97", 6), 4); /* two Han characters */
    assert_int_equal(cli_width("\xf0\x9f\x9a\x80", 4), 2);         /* a rocket */
    assert_int_equal(cli_width("\xff\xfe", 2), 2);                 /* no text at all */
    assert_int_equal(cli_width("\xe6\xbc", 2), 2);                 /* cut short */
}

static void numbers_are_written_for_people(void **state)
{
    char out[CLI_NUMBER_MAX];

    (void)state;
    assert_string_equal(cli_count(0, out), "0");
    assert_string_equal(cli_count(999, out), "999");
    assert_string_equal(cli_count(1000, out), "1,000");
    assert_string_equal(cli_count(-1234567, out), "-1,234,567");
    assert_string_equal(cli_count(INT64_MIN, out), "-9,223,372,036,854,775,808");
    assert_string_equal(cli_bytes(512, out), "512 B");
    assert_string_equal(cli_bytes(INT64_C(13) << 20, out), "13.0 MiB");
    assert_string_equal(cli_duration(1500000, out), "1.5s");
    assert_string_equal(cli_duration(INT64_C(65) * 1000000, out), "1m 05s");
    assert_string_equal(cli_duration(INT64_C(7260) * 1000000, out), "2h 01m");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_json_as_they_are),
        cmocka_unit_test(csv_quotes_what_it_must_and_null_is_nothing),
        cmocka_unit_test(a_table_is_aligned_and_holds_no_control_characters),
        cmocka_unit_test(rows_are_counted_over_batches_and_cut_where_asked),
        cmocka_unit_test(text_takes_the_columns_a_terminal_gives_it),
        cmocka_unit_test(numbers_are_written_for_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
