/* A pipeline specification: what is accepted, and one message per mistake. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "pipeline/spec.h"

static enum sl_code parse(const char *text, struct sl_spec **spec, struct sl_buf *mistakes,
                          struct sl_error *error)
{
    memset(error, 0, sizeof *error);
    return sl_spec_parse(text, strlen(text), sl_connector_find("airtable"), spec, mistakes, error);
}

#define ENVELOPE(definition)                                                                       \
    "{\"name\":\"p\",\"catalog\":\"main\",\"target\":\"bronze\",\"development\":true,"             \
    "\"continuous\":false,\"serverless\":true,\"photon\":true,\"channel\":\"CURRENT\","            \
    "\"configuration\":{\"a\":\"b\"},\"ingestion_definition\":" definition "}"

static void accepts_what_the_vendor_accepts(void **state)
{
    struct sl_spec *spec;
    struct sl_buf mistakes = {0};
    struct sl_error error;

    (void)state;
    assert_int_equal(
        parse(ENVELOPE(
                  "{\"connection_name\":\"airtable\",\"objects\":[{\"table\":{"
                  "\"source_table\":\"Vendors\",\"destination_catalog\":\"lake\","
                  "\"destination_schema\":\"\",\"destination_table\":\"bronze_vendors\","
                  "\"table_configuration\":{\"scd_type\":\"SCD_TYPE_1\",\"view\":\"Grid\"}}}]}"),
              &spec, &mistakes, &error),
        SL_OK);
    assert_string_equal(spec->connection_name, "airtable");
    assert_int_equal(spec->object_count, 1);
    assert_string_equal(spec->objects[0].catalog, "lake");
    assert_string_equal(spec->objects[0].schema, "bronze"); /* "" counts as absent */
    assert_int_equal(spec->objects[0].config.scd, SL_SCD_TYPE_1);
    assert_non_null(strstr(spec->objects[0].config.options_json, "\"view\":\"Grid\""));
    assert_false(spec->bare);
    sl_spec_free(spec);
    sl_buf_release(&mistakes);
}

static void accepts_the_bare_form(void **state)
{
    struct sl_spec *spec;
    struct sl_buf mistakes = {0};
    struct sl_error error;

    (void)state;
    assert_int_equal(parse("{\"connection_name\":\"a\",\"objects\":[{\"schema\":{"
                           "\"source_schema\":\"appX\",\"destination_catalog\":\"c\","
                           "\"destination_schema\":\"s\"}}]}",
                           &spec, &mistakes, &error),
                     SL_OK);
    assert_true(spec->bare);
    assert_true(spec->objects[0].whole_schema);
    sl_spec_free(spec);
    sl_buf_release(&mistakes);
}

static void options_may_hide_in_table_properties(void **state)
{
    struct sl_spec *spec;
    struct sl_buf mistakes = {0};
    struct sl_error error;

    (void)state;
    assert_int_equal(
        parse(ENVELOPE(
                  "{\"connection_name\":\"a\",\"table_configuration\":{\"table_properties\":{"
                  "\"sluice.view\":\"All\"}},\"objects\":[{\"table\":{\"source_table\":\"T\"}}]}"),
              &spec, &mistakes, &error),
        SL_OK);
    assert_non_null(strstr(spec->objects[0].config.options_json, "\"view\":\"All\""));
    sl_spec_free(spec);
    sl_buf_release(&mistakes);
}

static void keys_that_mean_nothing_are_noted_once(void **state)
{
    struct sl_spec *spec;
    struct sl_buf mistakes = {0};
    struct sl_error error;
    size_t continuous = 0;

    (void)state;
    assert_int_equal(parse("{\"name\":\"p\",\"continuous\":true,\"notifications\":[{}],"
                           "\"catalog\":\"c\",\"schema\":\"s\",\"ingestion_definition\":{"
                           "\"connection_name\":\"a\",\"objects\":[{\"table\":{\"source_table\":"
                           "\"T\"}}]}}",
                           &spec, &mistakes, &error),
                     SL_OK);
    for (const char *const *n = spec->notes; *n; n++)
        continuous += strstr(*n, "cron") != NULL || strstr(*n, "mail") != NULL;
    assert_int_equal(continuous, 2);
    sl_spec_free(spec);
    sl_buf_release(&mistakes);
}

static void every_mistake_has_a_message(void **state)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "not JSON"},
        {"[]", "/: expected an object, found array"},
        {"{\"name\":\"p\"}", "/ingestion_definition: missing"},
        {"{\"nmae\":\"p\",\"ingestion_definition\":{}}",
         "/nmae: unknown key; did you mean 'name'?"},
        {"{\"name\":\"p\",\"name\":\"q\",\"ingestion_definition\":{}}",
         "/name: this key stands twice"},
        {"{\"name\":7,\"ingestion_definition\":{}}", "/name: expected a string, found number"},
        {ENVELOPE("{\"connection_name\":\"a\",\"objects\":{}}"),
         "/ingestion_definition/objects: expected an array"},
        {ENVELOPE("{\"objects\":[{\"table\":{\"source_table\":\"T\"}}]}"),
         "/ingestion_definition/connection_name: missing"},
        {ENVELOPE("{\"connection_name\":\"a\",\"objects\":[{}]}"),
         "/ingestion_definition/objects/0: expected exactly one of"},
        {ENVELOPE("{\"connection_name\":\"a\",\"objects\":[{\"table\":{}}]}"),
         "/ingestion_definition/objects/0/table/source_table: missing"},
        {ENVELOPE("{\"connection_name\":\"a\",\"objects\":[{\"report\":{\"source_url\":\"x\"}}]}"),
         "/ingestion_definition/objects/0/report: reports are not"},
        {ENVELOPE("{\"connection_name\":\"a\",\"objects\":[{\"table\":{\"source_table\":\"T\","
                  "\"table_configuration\":{\"scd_type\":\"SCD2\"}}}]}"),
         "/table_configuration/scd_type: 'SCD2' is none of"},
        {ENVELOPE("{\"connection_name\":\"a\",\"objects\":[{\"table\":{\"source_table\":\"T\","
                  "\"table_configuration\":{\"veiw\":\"x\"}}}]}"),
         "/table_configuration/veiw: unknown key; did you mean 'view'?"},
        {ENVELOPE(
             "{\"connection_name\":\"a\",\"objects\":[{\"table\":{\"source_table\":\"T\","
             "\"table_configuration\":{\"include_columns\":[\"a\"],\"exclude_columns\":[]}}}]}"),
         "exclude each other"},
        {ENVELOPE("{\"connection_name\":\"a\",\"objects\":[{\"table\":{\"source_table\":\"T\"}},"
                  "{\"table\":{\"source_table\":\"U\",\"destination_table\":\"x\"}},"
                  "{\"table\":{\"source_table\":\"V\",\"destination_table\":\"X\"}}]}"),
         "the destination main.bronze.X is also that of"},
        {"{\"name\":\"p\",\"target\":\"main.default\",\"ingestion_definition\":{}}",
         "/target: 'main.default' has a dot"},
        {"{\"name\":\"p\",\"ingestion_definition\":{\"connection_name\":\"a\",\"objects\":[{"
         "\"table\":"
         "{\"source_table\":\"T\"}}]}}",
         "/destination_catalog: missing"},
        {ENVELOPE("{\"connection_name\":\"a\",\"ingestion_gateway_id\":\"g\",\"objects\":[]}"),
         "/ingestion_gateway_id: gateways"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sl_spec *spec;
        struct sl_buf mistakes = {0};
        struct sl_error error;
        enum sl_code rc = parse(cases[i].text, &spec, &mistakes, &error);
        if (!strstr(sl_buf_str(&mistakes), cases[i].says) && !strstr(error.message, cases[i].says))
            fail_msg("case %zu: %d, mistakes: %s, message: %s", i, rc, sl_buf_str(&mistakes),
                     error.message);
        assert_int_equal(rc, SL_BAD_SPEC);
        sl_buf_release(&mistakes);
    }
}

static void survives_the_failure_of_every_allocation(void **state)
{
    static const char text[] =
        ENVELOPE("{\"connection_name\":\"a\",\"objects\":[{\"table\":{\"source_table\":\"T\","
                 "\"table_configuration\":{\"view\":\"x\"}}}]}");
    int64_t before = sl_alloc_live();

    (void)state;
    for (int64_t n = 0;; n++) {
        struct sl_spec *spec;
        struct sl_buf mistakes = {0};
        struct sl_error error;
        sl_alloc_fail_after(n);
        enum sl_code rc = parse(text, &spec, &mistakes, &error);
        sl_alloc_fail_after(-1);
        if (rc == SL_OK) sl_spec_free(spec);
        sl_buf_release(&mistakes);
        assert_int_equal(sl_alloc_live(), before);
        if (rc == SL_OK) break;
        assert_true(rc == SL_NO_MEMORY || rc == SL_BAD_SPEC);
        assert_true(n < 10000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_what_the_vendor_accepts),
        cmocka_unit_test(accepts_the_bare_form),
        cmocka_unit_test(options_may_hide_in_table_properties),
        cmocka_unit_test(keys_that_mean_nothing_are_noted_once),
        cmocka_unit_test(every_mistake_has_a_message),
        cmocka_unit_test(survives_the_failure_of_every_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
