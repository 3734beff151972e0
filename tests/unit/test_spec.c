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

#define TABLE(config)                                                                              \
    ENVELOPE("{\"connection_name\":\"a\",\"objects\":[{\"table\":{\"source_table\":\"T\","         \
             "\"table_configuration\":" config "}}]}")

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
         "/table_configuration/scd_type: 'SCD2' is none of: SCD_TYPE_1, SCD_TYPE_2, APPEND_ONLY"},
        {TABLE("{\"reconcile_every\":\"1 day\"}"),
         "/table_configuration/reconcile_every: '1 day' is none of: \"never\"; a whole number and "
         "m, h, d or w"},
        {TABLE("{\"tombstone_retention\":\"never\"}"),
         "/table_configuration/tombstone_retention: 'never' is none of: a whole number"},
        {TABLE("{\"tombstone_retention\":\"0d\"}"), "tombstone_retention: '0d' is none of"},
        {TABLE("{\"on_rename\":\"stop\"}"),
         "/table_configuration/on_rename: 'stop' is none of: follow, keep"},
        {TABLE("{\"table_properties\":{\"sluice.on_rename\":true}}"),
         "/table_properties/sluice.on_rename: 'boolean' is none of: follow, keep"},
        {TABLE("{\"table_properties\":{\"sluice.reconcile_evry\":\"1d\"}}"),
         "/table_properties/reconcile_evry: unknown key; did you mean 'reconcile_every'?"},
        {TABLE("{\"table_properties\":{\"sluice.scd_type\":\"SCD_TYPE_1\"}}"),
         "/table_properties/scd_type: unknown key"},
        {TABLE("{\"table_properties\":{\"sluice.track_history_columns\":\"[1\"}}"),
         "track_history_columns: "},
        {TABLE("{\"ignore_null_updates\":true,\"scd_type\":\"SCD_TYPE_2\"}"),
         "ignore_null_updates goes with SCD_TYPE_1 alone"},
        {TABLE("{\"ignore_null_updates\":true,\"sequence_by\":[\"a\"]}"),
         "ignore_null_updates and sequence_by exclude each other"},
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

#define HOUR (INT64_C(3600) * 1000000)

/* How changes are applied: every option by its name, and as a property of the table. */
static void says_how_changes_are_applied(void **state)
{
    static const char *const texts[] = {
        TABLE("{\"scd_type\":\"SCD_TYPE_2\",\"sequence_by\":\"Updated\","
              "\"track_history_columns\":[\"a\",\"b, c\"],\"on_rename\":\"keep\","
              "\"reconcile_every\":\"12h\",\"tombstone_retention\":\"2w\","
              "\"column_names\":\"original\"}"),
        TABLE("{\"scd_type\":\"scd_type_2\",\"sequence_by\":[\"Updated\"],\"table_properties\":{"
              "\"sluice.track_history_columns\":\"[\\\"a\\\",\\\"b, c\\\"]\","
              "\"sluice.on_rename\":\"keep\",\"sluice.reconcile_every\":\"12h\","
              "\"sluice.tombstone_retention\":\"2w\",\"sluice.column_names\":\"original\"}}"),
    };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct sl_spec *spec;
        struct sl_buf mistakes = {0};
        struct sl_error error;

        if (parse(texts[i], &spec, &mistakes, &error)) fail_msg("%s", error.message);
        const struct sl_table_config *config = &spec->objects[0].config;
        assert_int_equal(config->scd, SL_SCD_TYPE_2);
        assert_non_null(config->sequence_by);
        assert_int_equal(sl_json_len(config->track_history_columns), 2);
        assert_true(config->keep_names);
        assert_int_equal(config->reconcile_us, 12 * HOUR);
        assert_int_equal(config->tombstones_us, 14 * 24 * HOUR);
        assert_int_equal(config->names, SL_NAMES_ORIGINAL);
        assert_false(config->ignore_null_updates);
        sl_spec_free(spec);
        sl_buf_release(&mistakes);
    }
}

static void presets_are_zero(void **state)
{
    struct sl_spec *spec;
    struct sl_buf mistakes = {0};
    struct sl_error error;

    (void)state;
    assert_int_equal(parse(TABLE("{\"reconcile_every\":\"\",\"on_rename\":\"follow\","
                                 "\"ignore_null_updates\":true}"),
                           &spec, &mistakes, &error),
                     SL_OK);
    assert_false(spec->objects[0].config.keep_names);
    assert_true(spec->objects[0].config.ignore_null_updates);
    assert_int_equal(spec->objects[0].config.reconcile_us, 0);
    assert_int_equal(spec->objects[0].config.tombstones_us, 0);
    assert_null(spec->objects[0].config.track_history_columns);
    assert_int_equal(spec->memory_bytes, 0);
    sl_spec_free(spec);
    assert_int_equal(parse(TABLE("{\"reconcile_every\":\"never\",\"table_properties\":{"
                                 "\"sluice.ignore_null_updates\":\"true\"}}"),
                           &spec, &mistakes, &error),
                     SL_OK);
    assert_true(spec->objects[0].config.ignore_null_updates);
    assert_true(spec->objects[0].config.reconcile_us == SL_RECONCILE_NEVER);
    sl_spec_free(spec);
    sl_buf_release(&mistakes);
}

static void memory_is_the_pipelines(void **state)
{
#define OBJECTS                                                                                    \
    "\"connection_name\":\"a\",\"objects\":[{\"table\":{\"source_table\":\"T\","                   \
    "\"destination_catalog\":\"c\",\"destination_schema\":\"s\"}}]"
    static const struct {
        const char *text;
        size_t bytes;
        const char *mistake;
    } cases[] = {
        {"{\"memory\":\"64MiB\"," OBJECTS "}", (size_t)64 << 20, NULL},
        {"{\"name\":\"p\",\"configuration\":{\"sluice.memory\":\"1GiB\"},"
         "\"ingestion_definition\":{" OBJECTS "}}",
         (size_t)1 << 30, NULL},
        {"{\"memory\":\"64MB\"," OBJECTS "}", 0, "/memory: '64MB' is not a whole number and MiB"},
        {"{\"memory\":\"0MiB\"," OBJECTS "}", 0, "/memory: '0MiB' is not"},
        {"{\"memory\":\"99999999999999999999GiB\"," OBJECTS "}", 0, "/memory: '9999"},
        {"{\"memory\":256," OBJECTS "}", 0, "/memory: expected a string, found number"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sl_spec *spec;
        struct sl_buf mistakes = {0};
        struct sl_error error;
        enum sl_code rc = parse(cases[i].text, &spec, &mistakes, &error);

        assert_int_equal(rc, cases[i].mistake ? SL_BAD_SPEC : SL_OK);
        if (!rc) assert_int_equal(spec->memory_bytes, cases[i].bytes);
        if (!rc) sl_spec_free(spec);
        if (rc && !strstr(sl_buf_str(&mistakes), cases[i].mistake))
            fail_msg("case %zu: %s", i, sl_buf_str(&mistakes));
        sl_buf_release(&mistakes);
    }
}

static void what_has_no_effect_is_noted(void **state)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {TABLE("{\"track_history_columns\":[\"a\"]}"), "no effect without SCD_TYPE_2"},
        {TABLE("{\"scd_type\":\"APPEND_ONLY\",\"sequence_by\":[\"a\"]}"),
         "'sequence_by' has no effect on APPEND_ONLY"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sl_spec *spec;
        struct sl_buf mistakes = {0};
        struct sl_error error;
        bool said = false;

        assert_int_equal(parse(cases[i].text, &spec, &mistakes, &error), SL_OK);
        for (const char *const *n = spec->notes; *n; n++) said |= strstr(*n, cases[i].says) != NULL;
        assert_true(said);
        sl_spec_free(spec);
        sl_buf_release(&mistakes);
    }
}

static void survives_the_failure_of_every_allocation(void **state)
{
    static const char text[] =
        ENVELOPE("{\"connection_name\":\"a\",\"objects\":[{\"table\":{\"source_table\":\"T\","
                 "\"table_configuration\":{\"view\":\"x\",\"table_properties\":{"
                 "\"sluice.track_history_columns\":\"[\\\"a\\\"]\"}}}}]}");
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
        cmocka_unit_test(says_how_changes_are_applied),
        cmocka_unit_test(presets_are_zero),
        cmocka_unit_test(memory_is_the_pipelines),
        cmocka_unit_test(what_has_no_effect_is_noted),
        cmocka_unit_test(survives_the_failure_of_every_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
