/* Tests of src/delta: what a table says of itself is changed, in commits without files. */
#include "delta_world.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static enum sl_code alter(struct world *world, struct sl_delta_table *table,
                          struct sl_delta_alter what)
{
    what.operation = what.operation ? what.operation : "SET TBLPROPERTIES";
    return sl_delta_alter(table, &what, &world->error);
}

static enum sl_code set(struct world *world, struct sl_delta_table *table, const char *key,
                        const char *value)
{
    const struct sl_pair pair = {key, value};

    return alter(world, table, (struct sl_delta_alter){.set = &pair, .set_count = 1});
}

/* A schema with its first `old` replaced. */
static const char *replaced(const char *schema, const char *old, const char *new_text)
{
    static char out[4096];
    const char *at = strstr(schema, old);

    assert_non_null(at);
    snprintf(out, sizeof out, "%.*s%s%s", (int)(at - schema), schema, new_text, at + strlen(old));
    return out;
}

static enum sl_code rename_name(struct world *world, struct sl_delta_table *table,
                                const char *new_name)
{
    char name[128];

    snprintf(name, sizeof name, "\"name\":\"%s\"", new_name);
    return alter(world, table,
                 (struct sl_delta_alter){.operation = "RENAME COLUMN",
                                         .schema_json = replaced(sl_delta_schema_json(table),
                                                                 "\"name\":\"name\"", name)});
}

static void properties_are_set_and_taken_away(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = create(world, TWO_FIELDS);
    const struct sl_pair pairs[] = {{"sluice.source", "example"},
                                    {"delta.checkpointInterval", "7"}};
    const struct sl_pair parameter = {"properties", "{}"};
    const struct sl_pair domain = {"sluice.cursor.flow", "{\"n\":1}"};
    const struct sl_delta_alter what = {.operation = "SET TBLPROPERTIES",
                                        .parameters = &parameter,
                                        .parameters_count = 1,
                                        .set = pairs,
                                        .set_count = 2,
                                        .app_id = "flow",
                                        .app_version = 3,
                                        .domains = &domain,
                                        .domains_count = 1};
    const char *json;
    int64_t version;

    OK(world, commit_one(world, table, stage_rows(world, table, 1, 2), NOTHING));
    OK(world, sl_delta_alter(table, &what, &world->error));
    assert_int_equal(sl_delta_version(table), 2);
    assert_string_equal(sl_delta_property(table, "sluice.source"), "example");
    assert_string_equal(sl_delta_property(table, "delta.checkpointInterval"), "7");
    OK(world, sl_delta_domain(table, "sluice.cursor.flow", &json, &world->error));
    assert_string_equal(json, "{\"n\":1}");
    OK(world, sl_delta_app_version(table, "flow", &version, &world->error));
    assert_int_equal(version, 3);
    OK(world, sl_delta_history(table, 1, &json, &world->error));
    assert_non_null(strstr(json, "\"SET TBLPROPERTIES\""));
    assert_non_null(strstr(json, "\"properties\":\"{}\""));
    OK(world, set(world, table, "sluice.source", NULL));
    assert_null(sl_delta_property(table, "sluice.source"));
    OK(world, set(world, table, "delta.checkpointInterval", "7")); /* as it is: no version */
    assert_int_equal(sl_delta_version(table), 3);
    OK(world, commit_one(world, table, stage_rows(world, table, 3, 1), NOTHING));
    assert_table(world, "3|n3\n1|n1\n2|n2\n");
    sl_delta_table_free(table);
}

static void refuses_what_a_table_cannot_become(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = create(world, TWO_FIELDS);
    const char *schema;

    assert_int_equal(set(world, table, "delta.enableRowTracking", "true"), SL_UNSUPPORTED);
    assert_int_equal(set(world, table, "delta.noSuchThing", "1"), SL_UNSUPPORTED);
    assert_int_equal(set(world, table, "delta.columnMapping.mode", "id"), SL_UNSUPPORTED);
    assert_int_equal(rename_name(world, table, "other"), SL_UNSUPPORTED);
    assert_non_null(strstr(world->error.message, "column mapping"));
    assert_int_equal(alter(world, table, (struct sl_delta_alter){.schema_json = "{"}), SL_BAD_SPEC);
    schema = SCHEMA(FIELD("id", "long"));
    assert_int_equal(alter(world, table, (struct sl_delta_alter){.schema_json = schema}),
                     SL_UNSUPPORTED);
    schema = SCHEMA(FIELD("id", "string") "," FIELD("name", "string"));
    assert_int_equal(alter(world, table, (struct sl_delta_alter){.schema_json = schema}),
                     SL_UNSUPPORTED);
    OK(world, set(world, table, "delta.columnMapping.mode", "name"));
    assert_int_equal(set(world, table, "delta.columnMapping.mode", NULL), SL_UNSUPPORTED);
    assert_int_equal(set(world, table, "delta.columnMapping.mode", "none"), SL_UNSUPPORTED);
    assert_int_equal(rename_name(world, table, "ID"), SL_BAD_SPEC);
    assert_int_equal(sl_delta_version(table), 1);
    sl_delta_table_free(table);
}

static void comments_change_without_mapping(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = create(world, TWO_FIELDS);
    const char *schema = SCHEMA("{\"name\":\"id\",\"type\":\"long\",\"nullable\":true,\"metadata\":"
                                "{\"comment\":\"key\"}}," FIELD("name", "string"));

    OK(world, alter(world, table, (struct sl_delta_alter){.schema_json = schema}));
    assert_non_null(strstr(sl_delta_schema_json(table), "\"comment\":\"key\""));
    OK(world, commit_one(world, table, stage_rows(world, table, 1, 1), NOTHING));
    assert_table(world, "1|n1\n");
    sl_delta_table_free(table);
}

/* Plain, then with vectors and mapping, then renamed: files of all times are read. Also the table
 * that other readers look at (tests/readers/test_altered.py). */
static void a_renamed_column_keeps_its_rows(void **state)
{
    struct world *world = *state;
    const struct sl_pair statistics = {"delta.dataSkippingStatsColumns", "id,name"};
    const struct sl_pair upgrade[] = {{"delta.enableDeletionVectors", "true"},
                                      {"delta.columnMapping.mode", "name"}};
    const int64_t dead[] = {1}, ids[] = {7};
    const int32_t offsets[] = {0, 2};
    const char *const name[] = {"The name, in full"};
    struct column columns[] = {
        {.name = "The name, in full", .format = "u", .values = "n7", .offsets = offsets},
        {.name = "id", .format = "l", .values = ids}};
    struct sl_delta_table *table = NULL;
    struct sl_delta_gone gone = {.file = 0, .rows = dead, .count = 1};
    struct sl_delta_commit commit = NOTHING;
    struct text text;

    OK(world, sl_delta_create(world->engine, world->table, TWO_FIELDS, &statistics, 1, &NOTHING,
                              &table, &world->error));
    OK(world, commit_one(world, table, stage_rows(world, table, 1, 3), NOTHING));
    OK(world, alter(world, table,
                    (struct sl_delta_alter){.operation = "UPGRADE PROTOCOL",
                                            .set = upgrade,
                                            .set_count = 2}));
    assert_non_null(
        strstr(sl_delta_schema_json(table), "\"delta.columnMapping.physicalName\":\"name\""));
    assert_string_equal(sl_delta_property(table, "delta.columnMapping.maxColumnId"), "2");
    OK(world, commit_one(world, table, stage_rows(world, table, 4, 1), NOTHING));
    OK(world, rename_name(world, table, "The name, in full"));
    assert_string_equal(sl_delta_property(table, "delta.dataSkippingStatsColumns"),
                        "id,`The name, in full`");
    commit.gone = &gone;
    commit.gone_count = 1;
    const struct sl_delta_live *live;
    size_t count;
    OK(world, sl_delta_live(table, &live, &count, &world->error));
    gone.file = live[0].rows == 3 ? 0 : 1;
    OK(world, commit_one(world, table, stage(world, table, columns, 2, 1, NULL), commit));
    sl_delta_table_free(table);

    table = open_newest(world);
    text = read_all(world, table);
    assert_non_null(strstr(text.data, "1|n1\n3|n3\n"));
    assert_non_null(strstr(text.data, "4|n4\n"));
    assert_non_null(strstr(text.data, "7|n7\n"));
    assert_int_equal(text.length, 5 * 4);
    text = read_columns(world, table, name, 1, -1);
    assert_non_null(strstr(text.data, "n1\nn3\n"));
    text = log_of(world, 5);
    assert_non_null(strstr(text.data, "\\\"name\\\":\\\"n7\\\"")); /* statistics: physical */
    sl_delta_table_free(table);
}

static void one_of_two_wins(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *first = create(world, TWO_FIELDS), *second = open_newest(world);
    const struct sl_pair pair = {"sluice.x", "1"};
    const struct sl_delta_alter what = {.operation = "SET TBLPROPERTIES",
                                        .set = &pair,
                                        .set_count = 1,
                                        .app_id = "flow",
                                        .app_version = 2};

    OK(world, set(world, first, "sluice.x", "2"));
    assert_int_equal(sl_delta_alter(second, &what, &world->error), SL_CONFLICT);
    assert_int_equal(sl_delta_version(second), 0);
    sl_delta_table_free(second);
    second = open_newest(world);
    OK(world, sl_delta_alter(second, &what, &world->error));
    OK(world, sl_delta_alter(first, &what, &world->error)); /* the same again: it is there */
    assert_int_equal(sl_delta_version(first), 2);
    assert_string_equal(sl_delta_property(first, "sluice.x"), "1");
    sl_delta_table_free(first);
    sl_delta_table_free(second);
}

/* A table of another program, from before the protocol had features. */
static void a_table_of_old_is_upgraded(void **state)
{
    struct world *world = *state;
    const struct sl_pair upgrade[] = {{"delta.enableDeletionVectors", "true"},
                                      {"delta.columnMapping.mode", "name"}};
    const struct sl_pair feature = {"delta.feature.domainMetadata", "supported"};
    const struct sl_pair domain = {"sluice.cursor.flow", "{}"};
    struct sl_delta_alter what = {.operation = "UPGRADE PROTOCOL",
                                  .domains = &domain,
                                  .domains_count = 1};
    struct sl_delta_table *table;
    char path[2 * PATH_MAX_LENGTH];
    struct text log;
    FILE *file;

    assert_int_equal(mkdir(world->table, 0700), 0);
    snprintf(path, sizeof path, "%s/_delta_log", world->table);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/_delta_log/%020d.json", world->table, 0);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs("{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n"
          "{\"metaData\":{\"id\":\"5a7f6c1e-0d4b-4f0e-8c39-2f1de5b9a001\","
          "\"format\":{\"provider\":\"parquet\",\"options\":{}},\"schemaString\":"
          "\"{\\\"type\\\":\\\"struct\\\",\\\"fields\\\":[{\\\"name\\\":\\\"id\\\","
          "\\\"type\\\":\\\"long\\\",\\\"nullable\\\":true,\\\"metadata\\\":{}},"
          "{\\\"name\\\":\\\"name\\\",\\\"type\\\":\\\"string\\\","
          "\\\"nullable\\\":true,\\\"metadata\\\":{}}]}\","
          "\"partitionColumns\":[],\"configuration\":{},\"createdTime\":1}}\n",
          file);
    fclose(file);
    table = open_newest(world);
    OK(world, commit_one(world, table, stage_rows(world, table, 1, 2), NOTHING));
    assert_int_equal(sl_delta_alter(table, &what, &world->error), SL_UNSUPPORTED);
    what.set = &feature;
    what.set_count = 1;
    OK(world, sl_delta_alter(table, &what, &world->error));
    log = log_of(world, 2);
    assert_non_null(strstr(log.data, "\"minWriterVersion\":7"));
    assert_non_null(strstr(log.data, "[\"appendOnly\",\"domainMetadata\",\"invariants\"]"));
    assert_non_null(strstr(log.data, "\"minReaderVersion\":1"));
    OK(world, alter(world, table, (struct sl_delta_alter){.set = upgrade, .set_count = 2}));
    log = log_of(world, 3);
    assert_non_null(strstr(log.data, "\"readerFeatures\":[\"columnMapping\",\"deletionVectors\"]"));
    OK(world, rename_name(world, table, "other name"));
    assert_table(world, "1|n1\n2|n2\n");
    sl_delta_table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_renamed_column_keeps_its_rows),
        TEST(properties_are_set_and_taken_away),
        TEST(refuses_what_a_table_cannot_become),
        TEST(comments_change_without_mapping),
        TEST(one_of_two_wins),
        TEST(a_table_of_old_is_upgraded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
