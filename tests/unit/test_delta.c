/* Tests of src/delta: tables are made, committed to, replaced and fought over. */
#include "delta_world.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* -- Opening and creating ---------------------------------------------------------------------- */

static void opens_nothing_where_nothing_is(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = NULL;
    char path[2 * PATH_MAX_LENGTH];
    FILE *file;

    assert_int_equal(sl_delta_open(world->engine, world->table, -1, &table, &world->error),
                     SL_NOT_FOUND);
    assert_non_null(strstr(world->error.message, world->table));
    assert_null(table);
    assert_int_equal(mkdir(world->table, 0700), 0);
    assert_int_equal(sl_delta_open(world->engine, world->table, -1, &table, &world->error),
                     SL_NOT_FOUND);

    snprintf(path, sizeof(path), "%s/notes.txt", world->table);
    file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(sl_delta_open(world->engine, world->table, -1, &table, &world->error),
                     SL_UNSUPPORTED);
    assert_non_null(strstr(world->error.message, "notes.txt"));
    assert_int_equal(sl_delta_create(world->engine, world->table, TWO_FIELDS, NULL, 0, &NOTHING,
                                     &table, &world->error),
                     SL_UNSUPPORTED);

    assert_int_equal(sl_delta_open(world->engine, path, -1, &table, &world->error), SL_DESTINATION);
    assert_true(world->error.hint[0] != '\0');
    snprintf(path, sizeof(path), "%s/notes.txt/table", world->table);
    assert_int_equal(sl_delta_create(world->engine, path, TWO_FIELDS, NULL, 0, &NOTHING, &table,
                                     &world->error),
                     SL_DESTINATION);
    assert_true(world->error.hint[0] != '\0');
}

static void refuses_a_directory_it_may_not_write(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = NULL;

    if (geteuid() == 0) skip(); /* root may write anywhere */
    assert_int_equal(mkdir(world->table, 0500), 0);
    assert_int_equal(sl_delta_create(world->engine, world->table, TWO_FIELDS, NULL, 0, &NOTHING,
                                     &table, &world->error),
                     SL_DESTINATION);
    assert_non_null(strstr(world->error.hint, "right"));
}

static void refuses_locations_and_settings(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = NULL;
    struct sl_delta_engine *engine = NULL;
    const char *const bad[] = {"relative/path", "/tmp/a%20b", "ftp://host/path", "s3:///path", ""};
    const struct sl_pair unknown = {"aws_acess_key_id", "x"};
    const struct sl_pair unsafe = {"conditional_put", "disabled"};
    const struct sl_pair good[] = {{"aws_access_key_id", "x"}, {"allow_http", "true"}};

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(sl_delta_open(world->engine, bad[i], -1, &table, &world->error),
                         SL_BAD_SPEC);
    assert_int_equal(sl_delta_engine_new(&unknown, 1, &engine, &world->error), SL_BAD_SPEC);
    assert_non_null(strstr(world->error.message, "aws_acess_key_id"));
    assert_int_equal(sl_delta_engine_new(&unsafe, 1, &engine, &world->error), SL_BAD_SPEC);
    OK(world, sl_delta_engine_new(good, 2, &engine, &world->error));
    sl_delta_engine_free(engine);
    sl_delta_engine_free(NULL);
}

static void creates_an_empty_table(void **state)
{
    struct world *world = *state;
    const struct sl_pair properties[] = {{"sluice.source", "example"},
                                         {"delta.dataSkippingNumIndexedCols", "8"}};
    struct sl_delta_table *table = NULL;
    struct sl_delta_totals totals;
    const char *json;

    OK(world, sl_delta_create(world->engine, world->table, TWO_FIELDS, properties, 2, &NOTHING,
                              &table, &world->error));
    assert_int_equal(sl_delta_version(table), 0);
    assert_string_equal(sl_delta_location(table), world->table);
    assert_string_equal(sl_delta_property(table, "sluice.source"), "example");
    assert_null(sl_delta_property(table, "sluice.other"));
    assert_non_null(strstr(sl_delta_schema_json(table), "\"name\""));
    OK(world, sl_delta_properties_json(table, &json, &world->error));
    assert_non_null(strstr(json, "\"delta.feature.domainMetadata\":\"supported\""));
    OK(world, sl_delta_totals(table, &totals, &world->error));
    assert_int_equal(totals.files, 0);
    assert_int_equal(totals.rows, 0);
    sl_delta_table_free(table);

    assert_table(world, "");
    assert_int_equal(sl_delta_create(world->engine, world->table, TWO_FIELDS, NULL, 0, &NOTHING,
                                     &table, &world->error),
                     SL_EXISTS);
    assert_int_equal(sl_delta_open(world->engine, world->table, 7, &table, &world->error),
                     SL_NOT_FOUND);
}

static void refuses_names_and_properties_of_delta(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = NULL;
    const struct sl_pair unknown = {"delta.noSuchThing", "1"};
    const char *spaced = SCHEMA(FIELD("two words", "long"));
    const char *twice = SCHEMA(FIELD("id", "long") "," FIELD("ID", "long"));

    assert_int_equal(sl_delta_create(world->engine, world->table, spaced, NULL, 0, &NOTHING, &table,
                                     &world->error),
                     SL_BAD_SPEC);
    assert_non_null(strstr(world->error.message, "two words"));
    assert_int_equal(sl_delta_create(world->engine, world->table, twice, NULL, 0, &NOTHING, &table,
                                     &world->error),
                     SL_BAD_SPEC);
    assert_int_equal(sl_delta_create(world->engine, world->table, TWO_FIELDS, &unknown, 1, &NOTHING,
                                     &table, &world->error),
                     SL_BAD_SPEC);
    assert_non_null(strstr(world->error.message, "delta.noSuchThing"));
    assert_int_equal(sl_delta_create(world->engine, world->table, "{", NULL, 0, &NOTHING, &table,
                                     &world->error),
                     SL_BAD_SPEC);
    assert_int_equal(sl_delta_open(world->engine, world->table, -1, &table, &world->error),
                     SL_NOT_FOUND);
}

static void first_version_carries_files_and_cursor(void **state)
{
    struct world *world = *state;
    struct sl_delta_commit commit = NOTHING;
    struct sl_delta_table *table = NULL, *other = NULL, *none = NULL;
    struct sl_delta_file *file;
    const char *json;
    int64_t version;

    OK(world,
       sl_delta_draft(world->engine, world->table, TWO_FIELDS, NULL, 0, &table, &world->error));
    OK(world,
       sl_delta_draft(world->engine, world->table, TWO_FIELDS, NULL, 0, &other, &world->error));
    assert_int_equal(sl_delta_version(table), -1);
    file = stage_rows(world, table, 1, 2);
    assert_int_equal(sl_delta_open(world->engine, world->table, -1, &none, &world->error),
                     SL_NOT_FOUND); /* staged files are not strangers */
    commit.app_id = "flow";
    commit.app_version = 1;
    commit.domains = &(struct sl_pair){"sluice.cursor.flow", "{\"n\":1}"};
    commit.domains_count = 1;
    OK(world, commit_one(world, table, file, commit));
    assert_int_equal(sl_delta_version(table), 0);
    OK(world, sl_delta_domain(table, "sluice.cursor.flow", &json, &world->error));
    assert_string_equal(json, "{\"n\":1}");
    OK(world, sl_delta_app_version(table, "flow", &version, &world->error));
    assert_int_equal(version, 1);
    assert_table(world, "1|n1\n2|n2\n");

    file = stage_rows(world, other, 5, 1);
    assert_int_equal(commit_one(world, other, file, NOTHING), SL_EXISTS);
    assert_table(world, "1|n1\n2|n2\n");
    sl_delta_table_free(table);
    sl_delta_table_free(other);
}

/* -- Writing and committing -------------------------------------------------------------------- */

static void several_batches_become_one_file(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = create(world, TWO_FIELDS);
    static int64_t ids[1000];
    struct column column = {.name = "id", .format = "l", .values = ids};
    struct sl_delta_writer_options options = {.rows_max = 2500, .compression_level = 3};
    struct ArrowSchema schema = schema_of(&column, 1);
    struct sl_delta_writer *writer = NULL;
    struct sl_delta_file *file = NULL;
    struct sl_delta_totals totals;

    OK(world, sl_delta_writer_open(table, &schema, NULL, &options, &writer, &world->error));
    for (int batch = 0; batch < 10; batch++) {
        struct ArrowArray array;
        for (int i = 0; i < 1000; i++) ids[i] = batch * 1000 + i;
        array = batch_of(&column, 1, 1000);
        OK(world, sl_delta_write(writer, &array, &world->error));
        if (batch == 4) OK(world, sl_delta_writer_flush(writer, &world->error));
    }
    assert_int_equal(sl_delta_writer_rows(writer), 10000);
    assert_true(sl_delta_writer_bytes(writer) > 0);
    OK(world, sl_delta_writer_close(writer, &file, &world->error));
    schema.release(&schema);
    assert_int_equal(sl_delta_file_rows(file), 10000);
    assert_true(sl_delta_file_bytes(file) > 1000);
    assert_non_null(strstr(sl_delta_file_path(file), ".parquet"));
    OK(world, commit_one(world, table, file, NOTHING));
    OK(world, sl_delta_totals(table, &totals, &world->error));
    assert_int_equal(totals.files, 1);
    assert_int_equal(totals.rows, 10000);
    assert_true(totals.bytes > 1000);
    sl_delta_table_free(table);
}

/* Enough rows for the writer to judge its columns, which it then writes without a dictionary. */
static void distinct_values_come_back(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = create(world, TWO_FIELDS);
    static int64_t ids[100];
    static int32_t offsets[101];
    static char names[100 * 4 + 12], rows[100 * 16];
    struct column columns[] = {
        {.name = "id", .format = "l", .values = ids},
        {.name = "name", .format = "u", .values = names, .offsets = offsets}};
    size_t length = 0;

    for (int i = 0; i < 100; i++) {
        ids[i] = 100 + i;
        snprintf(names + 4 * (size_t)i, sizeof(names) - 4 * (size_t)i, "n%d", 100 + i);
        offsets[i + 1] = (i + 1) * 4;
        length +=
            (size_t)snprintf(rows + length, sizeof(rows) - length, "%d|n%d\n", 100 + i, 100 + i);
    }
    OK(world, commit_one(world, table, stage(world, table, columns, 2, 100, NULL), NOTHING));
    assert_table(world, rows);
    sl_delta_table_free(table);
}

static void replaces_everything_at_once(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = create(world, TWO_FIELDS);
    struct sl_delta_commit replace = NOTHING;
    struct sl_delta_totals totals;

    OK(world, commit_one(world, table, stage_rows(world, table, 1, 2), NOTHING));
    OK(world, commit_one(world, table, stage_rows(world, table, 3, 2), NOTHING));
    assert_int_equal(sl_delta_version(table), 2);
    replace.remove_all = true;
    OK(world, commit_one(world, table, stage_rows(world, table, 7, 1), replace));
    assert_table(world, "7|n7\n");
    OK(world, sl_delta_totals(table, &totals, &world->error));
    assert_int_equal(totals.files, 1);
    assert_int_equal(totals.rows, 1);
    OK(world, commit_one(world, table, NULL, replace));
    assert_table(world, "");
    sl_delta_table_free(table);
}

static void one_of_two_wins(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *first = create(world, TWO_FIELDS), *second = open_newest(world);
    struct sl_delta_file *loser = stage_rows(world, second, 2, 1);
    struct sl_delta_commit commit = NOTHING;
    char path[3 * PATH_MAX_LENGTH];

    snprintf(path, sizeof(path), "%s/%s", world->table, sl_delta_file_path(loser));
    commit.app_id = "flow";
    commit.app_version = 1;
    commit.domains = &(struct sl_pair){"sluice.cursor.flow", "{\"run\":\"a\"}"};
    commit.domains_count = 1;
    OK(world, commit_one(world, first, stage_rows(world, first, 1, 1), commit));
    commit.domains = &(struct sl_pair){"sluice.cursor.flow", "{\"run\":\"b\"}"};
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(commit_one(world, second, loser, commit), SL_CONFLICT);
    assert_true(world->error.retryable);
    assert_int_equal(sl_delta_version(second), 0);
    assert_int_equal(access(path, F_OK), -1); /* discarded */
    assert_table(world, "1|n1\n");
    sl_delta_table_free(first);
    sl_delta_table_free(second);
}

static void a_lost_answer_is_no_conflict(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *first = create(world, TWO_FIELDS), *second = open_newest(world);
    struct sl_delta_commit commit = NOTHING;
    int64_t version;

    commit.app_id = "flow";
    commit.app_version = 4;
    commit.domains = &(struct sl_pair){"sluice.cursor.flow", "{\"run\":\"a\",\"n\":4}"};
    commit.domains_count = 1;
    OK(world, commit_one(world, first, stage_rows(world, first, 1, 1), commit));
    /* The same commit again, on the snapshot from before: it is there, so it is done. */
    OK(world, sl_delta_commit(second, &commit, &world->error));
    assert_int_equal(sl_delta_version(second), 1);
    OK(world, sl_delta_app_version(second, "flow", &version, &world->error));
    assert_int_equal(version, 4);
    OK(world, sl_delta_app_version(second, "another", &version, &world->error));
    assert_int_equal(version, -1);
    assert_table(world, "1|n1\n");
    sl_delta_table_free(first);
    sl_delta_table_free(second);
}

static void the_cursor_travels_with_the_rows(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = create(world, TWO_FIELDS);
    struct sl_delta_commit commit = NOTHING;
    const struct sl_pair parameter = {"mode", "Append"}, metric = {"numOutputRows", "1"};
    const char *json;

    OK(world, sl_delta_domain(table, "sluice.cursor.flow", &json, &world->error));
    assert_null(json);
    const struct sl_pair domains[] = {{"sluice.cursor.flow", "{\"page\":\"\\u00fcber\"}"},
                                      {"sluice.merge.flow", "{}"}};
    commit.domains = domains;
    commit.domains_count = 2;
    commit.parameters = &parameter;
    commit.parameters_count = 1;
    commit.metrics = &metric;
    commit.metrics_count = 1;
    OK(world, commit_one(world, table, stage_rows(world, table, 1, 1), commit));
    sl_delta_table_free(table);

    table = open_newest(world);
    OK(world, sl_delta_domain(table, "sluice.cursor.flow", &json, &world->error));
    assert_string_equal(json, "{\"page\":\"\\u00fcber\"}");
    OK(world, sl_delta_history(table, 10, &json, &world->error));
    assert_non_null(strstr(json, "\"mode\":\"Append\""));
    assert_non_null(strstr(json, "\"numOutputRows\":\"1\""));
    assert_non_null(strstr(json, "\"version\":1"));
    assert_non_null(strstr(json, "CREATE TABLE"));
    OK(world, sl_delta_history(table, 1, &json, &world->error));
    assert_null(strstr(json, "CREATE TABLE"));

    commit.domains = &(struct sl_pair){"sluice.cursor.flow", NULL};
    commit.domains_count = 1;
    OK(world, commit_one(world, table, NULL, commit));
    OK(world, sl_delta_domain(table, "sluice.cursor.flow", &json, &world->error));
    assert_null(json);
    OK(world, sl_delta_domain(table, "sluice.merge.flow", &json, &world->error));
    assert_string_equal(json, "{}");
    sl_delta_table_free(table);
}

static void an_aborted_file_leaves_nothing(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = create(world, TWO_FIELDS);
    struct sl_delta_file *file = stage_rows(world, table, 1, 3);
    char path[3 * PATH_MAX_LENGTH];

    snprintf(path, sizeof(path), "%s/%s", world->table, sl_delta_file_path(file));
    assert_int_equal(access(path, F_OK), 0);
    sl_delta_file_free(file, true);
    assert_int_equal(access(path, F_OK), -1);

    file = stage_rows(world, table, 1, 3);
    snprintf(path, sizeof(path), "%s/%s", world->table, sl_delta_file_path(file));
    struct sl_delta_commit commit = NOTHING;
    commit.add = &file;
    commit.add_count = 1;
    OK(world, sl_delta_commit(table, &commit, &world->error));
    sl_delta_file_free(file, true); /* a version names it: it stays */
    assert_int_equal(access(path, F_OK), 0);
    sl_delta_table_free(table);
}

static void *write_a_table(void *argument)
{
    struct world *world = argument;
    struct sl_delta_table *table = create(world, TWO_FIELDS);

    for (int i = 1; i <= 5; i++)
        OK(world, commit_one(world, table, stage_rows(world, table, i, 1), NOTHING));
    sl_delta_table_free(table);
    return NULL;
}

static void threads_share_an_engine(void **state)
{
    struct world *world = *state;
    static struct world others[4];
    pthread_t threads[4];

    for (int i = 0; i < 4; i++) {
        others[i].engine = world->engine;
        snprintf(others[i].table, sizeof(others[i].table), "%s/%d/table", world->directory, i);
        assert_int_equal(pthread_create(&threads[i], NULL, write_a_table, &others[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_table(&others[i], "5|n5\n4|n4\n3|n3\n2|n2\n1|n1\n");
    }
}

/* The store fails in the middle of a commit: a file may have 64 bytes and not one more. */
static void a_failed_commit_is_known_not_to_be_there(void **state)
{
    struct world *world = *state;
    struct sl_delta_table *table = create(world, TWO_FIELDS);
    struct sl_delta_file *file = stage_rows(world, table, 1, 1);
    struct sl_delta_commit commit = NOTHING;
    struct sl_delta_writer *writer = NULL;
    struct column column = {.name = "id", .format = "l"};
    struct ArrowSchema schema = schema_of(&column, 1);
    struct rlimit before, small;
    enum sl_code code;

    commit.add = &file;
    commit.add_count = 1;
    OK(world, sl_delta_writer_open(table, &schema, NULL, NULL, &writer, &world->error));
    schema.release(&schema);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 64;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    code = sl_delta_commit(table, &commit, &world->error);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(code, SL_DESTINATION);
    assert_non_null(strstr(world->error.message, world->table));
    assert_true(world->error.hint[0] != '\0');
    assert_int_equal(sl_delta_version(table), 0);
    assert_table(world, "");

    setrlimit(RLIMIT_FSIZE, &small);
    struct sl_delta_file *none = NULL;
    code = sl_delta_writer_close(writer, &none, &world->error);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(code, SL_DESTINATION);
    assert_null(none);

    OK(world, sl_delta_commit(table, &commit, &world->error));
    sl_delta_file_free(file, true);
    assert_table(world, "1|n1\n");
    sl_delta_table_free(table);
}

static void checkpoints_keep_the_log_short(void **state)
{
    struct world *world = *state;
    const struct sl_pair interval = {"delta.checkpointInterval", "3"};
    struct sl_delta_commit commit = NOTHING;
    struct sl_delta_table *table = NULL;
    char path[3 * PATH_MAX_LENGTH];
    int64_t version;

    OK(world, sl_delta_create(world->engine, world->table, TWO_FIELDS, &interval, 1, &NOTHING,
                              &table, &world->error));
    commit.app_id = "flow";
    for (int i = 1; i <= 4; i++) {
        commit.app_version = i;
        OK(world, commit_one(world, table, stage_rows(world, table, i, 1), commit));
    }
    assert_int_equal(sl_delta_commits_since_checkpoint(table), 1);
    OK(world, sl_delta_checkpoint(table, &world->error));
    OK(world, sl_delta_checkpoint(table, &world->error));
    assert_int_equal(sl_delta_commits_since_checkpoint(table), 0);
    sl_delta_table_free(table);

    snprintf(path, sizeof(path), "%s/_delta_log/00000000000000000004.checkpoint.parquet",
             world->table);
    assert_int_equal(access(path, F_OK), 0);
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), "%s/_delta_log/%020d.json", world->table, i);
        assert_int_equal(unlink(path), 0);
    }
    table = open_newest(world);
    assert_int_equal(sl_delta_version(table), 4);
    OK(world, sl_delta_app_version(table, "flow", &version, &world->error));
    assert_int_equal(version, 4);
    assert_int_equal(read_all(world, table).length, strlen("1|n1\n2|n2\n3|n3\n4|n4\n"));
    sl_delta_table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(opens_nothing_where_nothing_is),
        TEST(refuses_a_directory_it_may_not_write),
        TEST(refuses_locations_and_settings),
        TEST(creates_an_empty_table),
        TEST(refuses_names_and_properties_of_delta),
        TEST(first_version_carries_files_and_cursor),
        TEST(several_batches_become_one_file),
        TEST(distinct_values_come_back),
        TEST(replaces_everything_at_once),
        TEST(one_of_two_wins),
        TEST(a_lost_answer_is_no_conflict),
        TEST(the_cursor_travels_with_the_rows),
        TEST(an_aborted_file_leaves_nothing),
        TEST(threads_share_an_engine),
        TEST(a_failed_commit_is_known_not_to_be_there),
        TEST(checkpoints_keep_the_log_short),
    };
    return cmocka_run_group_tests_name("delta", tests, NULL, NULL);
}
