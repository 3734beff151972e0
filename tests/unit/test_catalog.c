/* test_catalog.c: the home directory, as the command line and the pipeline see it. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "catalog/catalog.h"
#include "json/doc.h"

#define TOKEN "patA1b2C3d4E5f6G7.not-a-real-token"

/* ---- a home of its own for each test ---- */

struct home {
    char path[256];
    int64_t now_us;
    struct sl_catalog *catalog;
    struct sl_error error;
};

static int64_t home_now(void *ctx)
{
    return ((struct home *)ctx)->now_us;
}

static void home_open(struct home *home)
{
    struct sl_catalog_options options = {.home = home->path, .now_us = home_now, .ctx = home};

    assert_int_equal(sl_catalog_open(&options, &home->catalog, &home->error), SL_OK);
}

static void home_reopen(struct home *home)
{
    sl_catalog_close(home->catalog);
    home_open(home);
}

static int setup(void **state)
{
    struct home *home = calloc(1, sizeof *home);
    const char *tmp = getenv("SLUICE_TEST_TMP");

    if (!home) return -1;
    unsetenv("SLUICE_KEY");
    unsetenv("SLUICE_KEY_NEW");
    snprintf(home->path, sizeof home->path, "%s/catalog_XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(home->path)) return -1;
    home->now_us = INT64_C(1772442000000000); /* 2026-03-02T09:00:00Z */
    home_open(home);
    *state = home;
    return 0;
}

static int teardown(void **state)
{
    struct home *home = *state;
    char command[300];

    sl_catalog_close(home->catalog);
    snprintf(command, sizeof command, "rm -rf '%s'", home->path);
    int rc = system(command);
    free(home);
    return rc;
}

/* ---- JSON in one line ---- */

struct parsed {
    struct sl_doc *doc;
    const struct sl_json *root;
};

static struct parsed parse(const char *text)
{
    struct sl_error error = {0};
    struct parsed p = {.doc = sl_doc_new(0)};

    assert_non_null(p.doc);
    if (sl_doc_parse_copy(p.doc, text, strlen(text), &p.root, &error))
        fail_msg("not JSON: %s in %s", error.message, text);
    return p;
}

static enum sl_code create(struct home *home, const char *json)
{
    struct parsed p = parse(json);
    enum sl_code rc = sl_connection_create(home->catalog, p.root, &home->error);

    sl_doc_free(p.doc);
    return rc;
}

static enum sl_code update(struct home *home, const char *name, const char *json)
{
    struct parsed p = parse(json);
    enum sl_code rc = sl_connection_update(home->catalog, name, p.root, &home->error);

    sl_doc_free(p.doc);
    return rc;
}

#define AIRTABLE(token)                                                                            \
    "{\"name\":\"Airtable\",\"connection_type\":\"GENERIC_LAKEFLOW_CONNECT\",\"comment\":"         \
    "\"ours\","                                                                                    \
    "\"options\":{\"sourceName\":\"airtable\",\"bearer_token\":" token                             \
    ",\"base_id\":\"appDemo0000000001\",\"base_url\":\"http://127.0.0.1:1\"}}"

static const char *secret_of(const struct sl_connection *connection)
{
    assert_string_equal(connection->secrets[0].option, "bearer_token");
    assert_null(connection->secrets[1].option);
    return connection->secrets[0].value;
}

static void assert_secret(struct home *home, const char *expected)
{
    struct sl_connection *connection = NULL;

    assert_int_equal(sl_connection_open(home->catalog, "airtable", &connection, &home->error),
                     SL_OK);
    assert_string_equal(secret_of(connection), expected);
    assert_int_equal(strlen(connection->fingerprint), 32);
    sl_connection_free(connection);
}

/* Does any file of the home hold this text? */
static bool home_holds(const struct home *home, const char *text)
{
    char command[600];

    snprintf(command, sizeof command, "grep -rqF -- '%s' '%s'", text, home->path);
    int rc = system(command);
    return WIFEXITED(rc) && WEXITSTATUS(rc) == 0;
}

/* ---- connections ---- */

static void a_connection_is_shown_without_its_secret(void **state)
{
    struct home *home = *state;
    struct sl_buf out = {0};

    assert_int_equal(create(home, AIRTABLE("\"" TOKEN "\"")), SL_OK);
    assert_int_equal(sl_connection_get(home->catalog, "AIRTABLE", &out, &home->error), SL_OK);
    assert_null(strstr(out.data, "pat"));
    struct parsed p = parse(out.data);
    assert_true(sl_json_eq(sl_json_get(p.root, "name"), "Airtable"));
    assert_true(sl_json_eq(sl_json_get(p.root, "connection_type"), "GENERIC_LAKEFLOW_CONNECT"));
    assert_true(
        sl_json_eq(sl_json_get(p.root, "securable_kind"), "CONNECTION_GENERIC_LAKEFLOW_CONNECT"));
    assert_true(sl_json_eq(sl_json_path(p.root, "options", "sourceName", NULL), "airtable"));
    assert_null(sl_json_path(p.root, "options", "bearer_token", NULL));
    int64_t created = 0;
    assert_true(sl_json_i64(sl_json_get(p.root, "created_at"), &created));
    assert_int_equal(created, home->now_us / 1000);
    sl_doc_free(p.doc);

    sl_buf_reset(&out);
    assert_int_equal(sl_connection_describe(home->catalog, "airtable", &out, &home->error), SL_OK);
    assert_non_null(strstr(out.data, "((sourceName, 'airtable'), (bearer_token, '***'), (base_id, "
                                     "'appDemo0000000001'), (base_url, 'http://127.0.0.1:1'))"));
    assert_non_null(strstr(out.data, "2026-03-02T09:00:00.000+0000"));
    assert_null(strstr(out.data, "pat"));
    sl_buf_release(&out);
    assert_secret(home, TOKEN);
    assert_false(home_holds(home, TOKEN));
}

static void options_for_use_leave_out_secrets_and_what_is_ours(void **state)
{
    struct home *home = *state;
    struct sl_connection *connection = NULL;

    assert_int_equal(create(home, AIRTABLE("\"" TOKEN "\"")), SL_OK);
    assert_int_equal(sl_connection_open(home->catalog, "airtable", &connection, &home->error),
                     SL_OK);
    assert_string_equal(connection->source, "airtable");
    assert_string_equal(connection->options_json, "{\"base_id\":\"appDemo0000000001\","
                                                  "\"base_url\":\"http://127.0.0.1:1\"}");
    sl_connection_free(connection);
}

static void the_key_is_for_its_owner_alone(void **state)
{
    struct home *home = *state;
    char path[300];
    struct stat info;

    assert_int_equal(create(home, AIRTABLE("\"" TOKEN "\"")), SL_OK);
    snprintf(path, sizeof path, "%s/key", home->path);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(chmod(path, 0644), 0);
    home_reopen(home);
    struct sl_connection *connection = NULL;
    assert_int_equal(sl_connection_open(home->catalog, "airtable", &connection, &home->error),
                     SL_BAD_SPEC);
    assert_non_null(strstr(home->error.hint, "chmod 600"));
}

static void a_lost_key_costs_the_secrets_and_nothing_else(void **state)
{
    struct home *home = *state;
    char path[300];
    struct sl_connection *connection = NULL;

    assert_int_equal(create(home, AIRTABLE("\"" TOKEN "\"")), SL_OK);
    snprintf(path, sizeof path, "%s/key", home->path);
    assert_int_equal(unlink(path), 0);
    home_reopen(home);
    assert_int_equal(sl_connection_open(home->catalog, "airtable", &connection, &home->error),
                     SL_AUTH);
    assert_non_null(strstr(home->error.hint, "enter the secret again"));
    assert_null(connection);

    assert_int_equal(update(home, "airtable",
                            "{\"options\":{\"base_id\":\"appOther000000001\","
                            "\"bearer_token\":\"another\"}}"),
                     SL_OK);
    assert_secret(home, "another");
}

static void a_damaged_box_is_told_from_a_good_one(void **state)
{
    struct home *home = *state;
    char path[300];
    sqlite3 *db = NULL;
    struct sl_connection *connection = NULL;

    assert_int_equal(create(home, AIRTABLE("\"" TOKEN "\"")), SL_OK);
    snprintf(path, sizeof path, "%s/catalog.db", home->path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "UPDATE connection_options SET box = zeroblob(80) "
                                  "WHERE kind = 'sealed'",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(sl_connection_open(home->catalog, "airtable", &connection, &home->error),
                     SL_AUTH);
    assert_non_null(strstr(home->error.message, "'bearer_token' of connection 'Airtable'"));
}

static void a_passphrase_seals_as_well(void **state)
{
    struct home *home = *state;
    char path[300];
    struct sl_connection *connection = NULL;

    setenv("SLUICE_KEY", "seven quiet otters", 1);
    assert_int_equal(create(home, AIRTABLE("\"" TOKEN "\"")), SL_OK);
    snprintf(path, sizeof path, "%s/key", home->path);
    assert_int_equal(access(path, F_OK), -1);
    home_reopen(home);
    assert_secret(home, TOKEN);
    setenv("SLUICE_KEY", "eight quiet otters", 1);
    home_reopen(home);
    assert_int_equal(sl_connection_open(home->catalog, "airtable", &connection, &home->error),
                     SL_AUTH);
    unsetenv("SLUICE_KEY");
}

static void rekey_seals_everything_again(void **state)
{
    struct home *home = *state;
    char path[300], before[100] = {0}, after[100] = {0};
    int64_t count = 0;

    assert_int_equal(create(home, AIRTABLE("\"" TOKEN "\"")), SL_OK);
    snprintf(path, sizeof path, "%s/key", home->path);
    FILE *file = fopen(path, "r");
    assert_non_null(fgets(before, sizeof before, file));
    fclose(file);
    assert_int_equal(sl_catalog_rekey(home->catalog, &count, &home->error), SL_OK);
    assert_int_equal(count, 1);
    file = fopen(path, "r");
    assert_non_null(fgets(after, sizeof after, file));
    fclose(file);
    assert_string_not_equal(before, after);
    assert_secret(home, TOKEN);
    home_reopen(home);
    assert_secret(home, TOKEN);

    /* A rekey that was killed before its last step: key.new is the one that counts. */
    char new_path[320];
    snprintf(new_path, sizeof new_path, "%s/key.new", home->path);
    assert_int_equal(rename(path, new_path), 0);
    file = fopen(path, "w");
    fputs(before, file);
    fclose(file);
    assert_int_equal(chmod(path, 0600), 0);
    home_reopen(home);
    assert_secret(home, TOKEN);

    setenv("SLUICE_KEY_NEW", "nine quiet otters", 1);
    assert_int_equal(sl_catalog_rekey(home->catalog, &count, &home->error), SL_OK);
    unsetenv("SLUICE_KEY_NEW");
    assert_int_equal(access(path, F_OK), -1);
    setenv("SLUICE_KEY", "nine quiet otters", 1);
    home_reopen(home);
    assert_secret(home, TOKEN);
    assert_int_equal(sl_catalog_rekey(home->catalog, &count, &home->error), SL_USAGE);
    unsetenv("SLUICE_KEY");
}

static void references_are_stored_and_read_at_each_use(void **state)
{
    struct home *home = *state;
    char path[300], json[1024];
    struct sl_connection *connection = NULL;
    struct sl_buf out = {0};

    assert_int_equal(create(home, AIRTABLE("{\"env\":\"SLUICE_TEST_TOKEN\"}")), SL_OK);
    unsetenv("SLUICE_TEST_TOKEN");
    assert_int_equal(sl_connection_open(home->catalog, "airtable", &connection, &home->error),
                     SL_AUTH);
    assert_non_null(strstr(home->error.message, "SLUICE_TEST_TOKEN is not set"));
    setenv("SLUICE_TEST_TOKEN", "first", 1);
    assert_secret(home, "first");
    setenv("SLUICE_TEST_TOKEN", "second", 1);
    assert_secret(home, "second");
    unsetenv("SLUICE_TEST_TOKEN");

    snprintf(path, sizeof path, "%s/token", home->path);
    snprintf(json, sizeof json,
             "{\"options\":{\"sourceName\":\"airtable\",\"bearer_token\":"
             "{\"file\":\"%s\"}}}",
             path);
    FILE *file = fopen(path, "w");
    fputs("from a file\n", file);
    fclose(file);
    assert_int_equal(update(home, "airtable", json), SL_OK);
    assert_secret(home, "from a file");
    assert_int_equal(sl_connection_describe(home->catalog, "airtable", &out, &home->error), SL_OK);
    assert_non_null(strstr(out.data, "(bearer_token, '***')"));
    sl_buf_release(&out);

    assert_int_equal(update(home, "airtable",
                            "{\"options\":{\"sourceName\":\"airtable\","
                            "\"bearer_token\":{\"vault\":\"x\"}}}"),
                     SL_BAD_SPEC);
    assert_non_null(strstr(home->error.hint, "{\"env\":\"NAME\"}"));
}

static void mistakes_in_a_connection_are_named(void **state)
{
    static const struct {
        const char *json;
        enum sl_code code;
        const char *says; /* in message or hint */
    } cases[] = {
        {"[]", SL_BAD_SPEC, "expected a JSON object"},
        {"{\"name\":\"a\"}", SL_BAD_SPEC, "/connection_type: is missing"},
        {"{\"nmae\":\"a\"}", SL_BAD_SPEC, "Did you mean 'name'?"},
        {"{\"name\":1,\"connection_type\":\"COMMUNITY\"}", SL_BAD_SPEC, "expected a string"},
        {"{\"name\":\"a\",\"name\":\"b\",\"connection_type\":\"X\"}", SL_BAD_SPEC, "2 times"},
        {"{\"name\":\"a.b\",\"connection_type\":\"COMMUNITY\",\"options\":{}}", SL_BAD_SPEC,
         "may not hold a dot"},
        {"{\"name\":\"a\",\"connection_type\":\"COMMUNITY\",\"options\":{}}", SL_BAD_SPEC,
         "/options/sourceName: is missing"},
        {"{\"name\":\"a\",\"connection_type\":\"COMMUNITY\",\"options\":{\"sourceName\":"
         "\"airtabel\"}}",
         SL_BAD_SPEC, "Did you mean 'airtable'?"},
        {"{\"name\":\"a\",\"connection_type\":\"COMMUNITY\",\"options\":{\"sourceName\":"
         "\"airtable\"}}",
         SL_BAD_SPEC, "bearer_token"},
        {"{\"name\":\"a\",\"connection_type\":\"COMMUNITY\",\"options\":{\"sourceName\":"
         "\"airtable\",\"bearer_token\":\"\"}}",
         SL_BAD_SPEC, "not empty"},
        {"{\"name\":\"a\",\"connection_type\":\"COMMUNITY\",\"options\":{\"sourceName\":"
         "\"airtable\",\"bearer_token\":\"x\",\"token\":\"y\"}}",
         SL_BAD_SPEC, "given twice"},
        {"{\"name\":\"a\",\"connection_type\":\"COMMUNITY\",\"options\":{\"sourceName\":"
         "\"airtable\",\"bearer_token\":\"x\",\"bse_url\":\"y\"}}",
         SL_BAD_SPEC, "base_url"},
        {"{\"name\":\"a\",\"connection_type\":\"COMMUNITY\",\"options\":\"x\"}", SL_BAD_SPEC,
         "sourceName"},
    };
    struct home *home = *state;
    struct sl_buf out = {0};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum sl_code rc = create(home, cases[i].json);
        if (rc != cases[i].code || (!strstr(home->error.message, cases[i].says) &&
                                    !strstr(home->error.hint, cases[i].says)))
            fail_msg("%s: %s: %s (%s)", cases[i].json, sl_code_name(rc), home->error.message,
                     home->error.hint);
    }
    assert_int_equal(sl_connection_list(home->catalog, &out, &home->error), SL_OK);
    assert_string_equal(out.data, "[]"); /* nothing was half created */
    sl_buf_release(&out);
}

static void a_connection_is_created_once_renamed_and_deleted(void **state)
{
    struct home *home = *state;
    struct sl_buf out = {0};

    assert_int_equal(create(home, AIRTABLE("\"" TOKEN "\"")), SL_OK);
    assert_int_equal(create(home, AIRTABLE("\"" TOKEN "\"")), SL_EXISTS);
    assert_int_equal(update(home, "airtable", "{\"new_name\":\"shop\",\"options\":null}"), SL_OK);
    assert_int_equal(sl_connection_get(home->catalog, "airtable", &out, &home->error),
                     SL_NOT_FOUND);
    assert_int_equal(sl_connection_get(home->catalog, "shopp", &out, &home->error), SL_NOT_FOUND);
    assert_string_equal(home->error.hint, "Did you mean 'shop'?");
    assert_int_equal(sl_connection_delete(home->catalog, "shop", &home->error), SL_OK);
    assert_int_equal(sl_connection_delete(home->catalog, "shop", &home->error), SL_NOT_FOUND);
    sl_buf_release(&out);
}

/* ---- the home ---- */

static void a_newer_home_is_refused_by_both_versions(void **state)
{
    struct home *home = *state;
    char path[300];
    sqlite3 *db = NULL;
    struct sl_catalog *catalog = NULL;
    struct sl_catalog_options options = {.home = home->path, .now_us = home_now, .ctx = home};

    snprintf(path, sizeof path, "%s/catalog.db", home->path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 7", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(sl_catalog_open(&options, &catalog, &home->error), SL_BAD_SPEC);
    assert_non_null(strstr(home->error.message, "version 7"));
    assert_non_null(strstr(home->error.message, "versions up to 2"));
    assert_null(catalog);
}

static void a_home_that_cannot_be_is_a_destination_error(void **state)
{
    struct home *home = *state;
    char path[300];
    struct sl_catalog *catalog = NULL;
    struct sl_catalog_options options = {.home = path, .now_us = home_now, .ctx = home};

    snprintf(path, sizeof path, "%s/catalog.db/below", home->path);
    assert_int_equal(sl_catalog_open(&options, &catalog, &home->error), SL_DESTINATION);
    snprintf(path, sizeof path, "%s/other", home->path);
    assert_int_equal(mkdir(path, 0700), 0);
    char file_path[320];
    snprintf(file_path, sizeof file_path, "%s/catalog.db", path);
    FILE *file = fopen(file_path, "w");
    for (int i = 0; i < 200; i++) fputs("this is not a database, ", file);
    fclose(file);
    assert_int_equal(sl_catalog_open(&options, &catalog, &home->error), SL_DESTINATION);
    assert_non_null(strstr(home->error.message, "damaged"));
}

/* ---- pipelines, updates, events ---- */

static void a_pipeline_is_kept_as_it_was_given(void **state)
{
    struct home *home = *state;
    char id[SL_ID_MAX], other[SL_ID_MAX];
    struct sl_buf out = {0};
    const char *spec = "{\"name\":\"bronze\",\"photon\":true,\"channel\":\"Current\"}";

    assert_int_equal(sl_pipeline_create(home->catalog, "bronze", spec, id, &home->error), SL_OK);
    assert_int_equal(strlen(id), 36);
    for (const char *c = id; *c; c++)
        assert_non_null(strchr("0123456789abcdef-", *c)); /* lower case */
    assert_int_equal(sl_pipeline_create(home->catalog, "bronze", spec, other, &home->error),
                     SL_EXISTS);
    assert_int_equal(sl_pipeline_find(home->catalog, "bronze", other, &home->error), SL_OK);
    assert_string_equal(id, other);
    assert_int_equal(sl_pipeline_find(home->catalog, id, other, &home->error), SL_OK);
    assert_int_equal(sl_pipeline_find(home->catalog, "bronce", other, &home->error), SL_NOT_FOUND);
    assert_string_equal(home->error.hint, "Did you mean 'bronze'?");
    assert_int_equal(sl_pipeline_spec(home->catalog, id, &out, &home->error), SL_OK);
    assert_string_equal(out.data, spec);
    sl_buf_reset(&out);
    assert_int_equal(sl_pipeline_get(home->catalog, id, &out, &home->error), SL_OK);
    struct parsed p = parse(out.data);
    assert_true(sl_json_eq(sl_json_get(p.root, "state"), "IDLE"));
    assert_true(sl_json_eq(sl_json_path(p.root, "spec", "id", NULL), id));
    assert_true(sl_json_true(sl_json_path(p.root, "spec", "photon", NULL)));
    assert_true(sl_json_eq(sl_json_path(p.root, "spec", "channel", NULL), "Current"));
    sl_doc_free(p.doc);
    assert_int_equal(sl_pipeline_delete(home->catalog, id, &home->error), SL_OK);
    assert_int_equal(sl_pipeline_delete(home->catalog, id, &home->error), SL_NOT_FOUND);
    sl_buf_release(&out);
}

static void start(struct home *home, const char *id, struct sl_update **out)
{
    struct sl_update_request request = {.cause = "USER_ACTION",
                                        .full_refresh_selection = "[\"a\"]"};

    assert_int_equal(sl_update_begin(home->catalog, id, &request, out, &home->error), SL_OK);
}

static void two_runs_of_one_pipeline_cannot_overlap(void **state)
{
    struct home *home = *state;
    char id[SL_ID_MAX];
    struct sl_update *update = NULL, *second = NULL;
    struct sl_update_request request = {0};

    assert_int_equal(sl_pipeline_create(home->catalog, "p", "{}", id, &home->error), SL_OK);
    start(home, id, &update);
    assert_int_equal(sl_update_begin(home->catalog, id, &request, &second, &home->error), SL_BUSY);
    assert_non_null(strstr(home->error.message, "an active update already exists"));
    assert_non_null(strstr(home->error.message, sl_update_id(update)));
    assert_non_null(strstr(home->error.message, "2026-03-02T09:00:00.000Z"));
    assert_int_equal(sl_pipeline_delete(home->catalog, id, &home->error), SL_BUSY);
    assert_int_equal(sl_update_state(update, "COMPLETED", &home->error), SL_OK);
    sl_update_end(update);
    start(home, id, &second);
    sl_update_end(second);
}

static void what_a_dead_process_left_is_closed(void **state)
{
    struct home *home = *state;
    char id[SL_ID_MAX], dead[SL_ID_MAX];
    struct sl_update *update = NULL;
    struct sl_buf out = {0};

    assert_int_equal(sl_pipeline_create(home->catalog, "p", "{}", id, &home->error), SL_OK);
    start(home, id, &update);
    assert_int_equal(sl_update_state(update, "RUNNING", &home->error), SL_OK);
    snprintf(dead, sizeof dead, "%s", sl_update_id(update));
    sl_update_end(update); /* the lock goes, the row stays: as after SIGKILL */
    start(home, id, &update);
    assert_int_equal(sl_update_get(home->catalog, id, dead, &out, &home->error), SL_OK);
    struct parsed p = parse(out.data);
    assert_true(sl_json_eq(sl_json_path(p.root, "update", "state", NULL), "FAILED"));
    assert_int_equal(sl_json_len(sl_json_path(p.root, "update", "full_refresh_selection", NULL)),
                     1);
    sl_doc_free(p.doc);
    sl_buf_reset(&out);
    assert_int_equal(sl_event_list(home->catalog, id, "level='ERROR'", 10, true, &out,
                                   &home->error),
                     SL_OK);
    assert_non_null(strstr(out.data, "is FAILED."));
    assert_non_null(strstr(out.data, dead));
    sl_buf_release(&out);
    sl_update_end(update);
}

static void stop_is_asked_by_one_and_seen_by_the_other(void **state)
{
    struct home *home = *state;
    char id[SL_ID_MAX];
    struct sl_update *update = NULL;
    struct sl_buf out = {0};

    assert_int_equal(sl_pipeline_create(home->catalog, "p", "{}", id, &home->error), SL_OK);
    start(home, id, &update);
    assert_false(sl_update_stopping(update));
    assert_int_equal(sl_pipeline_stop(home->catalog, id, &home->error), SL_OK);
    home->now_us += 1000000;
    assert_true(sl_update_stopping(update));
    assert_int_equal(sl_pipeline_get(home->catalog, id, &out, &home->error), SL_OK);
    assert_non_null(strstr(out.data, "\"STOPPING\""));
    assert_int_equal(sl_update_state(update, "CANCELED", &home->error), SL_OK);
    sl_update_end(update);
    sl_buf_reset(&out);
    assert_int_equal(sl_pipeline_get(home->catalog, id, &out, &home->error), SL_OK);
    assert_non_null(strstr(out.data, "\"state\":\"IDLE\""));
    sl_buf_release(&out);
}

static size_t count_updates(struct home *home, const char *id)
{
    struct sl_buf out = {0};

    assert_int_equal(sl_update_list(home->catalog, id, 10000, &out, &home->error), SL_OK);
    struct parsed p = parse(out.data);
    size_t count = sl_json_len(p.root);
    sl_doc_free(p.doc);
    sl_buf_release(&out);
    return count;
}

static void runs_of_long_ago_are_forgotten(void **state)
{
    struct home *home = *state;
    char id[SL_ID_MAX], first[SL_ID_MAX], filter[100];
    struct sl_update *update = NULL;
    struct sl_buf out = {0};
    struct sl_event event = {.type = "update_progress", .level = "INFO", .message = "m"};

    assert_int_equal(sl_pipeline_create(home->catalog, "p", "{}", id, &home->error), SL_OK);
    for (int i = 0; i < 502; i++) {
        start(home, id, &update);
        if (i == 0) snprintf(first, sizeof first, "%s", sl_update_id(update));
        assert_int_equal(sl_event_add(home->catalog, id, sl_update_id(update), &event, NULL,
                                      &home->error),
                         SL_OK);
        assert_int_equal(sl_update_state(update, "COMPLETED", &home->error), SL_OK);
        sl_update_end(update);
    }
    assert_int_equal(count_updates(home, id), 500);
    assert_int_equal(sl_update_get(home->catalog, id, first, &out, &home->error), SL_NOT_FOUND);
    snprintf(filter, sizeof filter, "update_id = '%s'", first);
    assert_int_equal(sl_event_list(home->catalog, id, filter, 10, true, &out, &home->error), SL_OK);
    assert_string_equal(out.data, "[]");
    sl_buf_release(&out);
}

static size_t count_events(struct home *home, const char *id, const char *filter)
{
    struct sl_buf out = {0};

    if (sl_event_list(home->catalog, id, filter, 1000, false, &out, &home->error))
        fail_msg("%s: %s", filter, home->error.message);
    struct parsed p = parse(out.data);
    size_t count = sl_json_len(p.root);
    sl_doc_free(p.doc);
    sl_buf_release(&out);
    return count;
}

static void events_ascend_and_are_filtered(void **state)
{
    struct home *home = *state;
    char id[SL_ID_MAX], filter[200], last[40] = "";
    struct sl_update *update = NULL;
    struct sl_buf out = {0};
    static const char *const levels[] = {"INFO", "WARN", "INFO", "METRICS", "INFO"};

    assert_int_equal(sl_pipeline_create(home->catalog, "p", "{}", id, &home->error), SL_OK);
    start(home, id, &update);
    for (size_t i = 0; i < 5; i++) { /* all in the same millisecond */
        struct sl_event event = {.type = i == 0 ? "create_update" : "flow_progress",
                                 .level = levels[i],
                                 .message = "it's so",
                                 .flow = "f",
                                 .dataset = "c.s.t",
                                 .details = "{\"status\":\"RUNNING\"}"};
        assert_int_equal(sl_event_add(home->catalog, id, sl_update_id(update), &event, &out,
                                      &home->error),
                         SL_OK);
    }
    sl_buf_reset(&out);
    assert_int_equal(sl_event_list(home->catalog, id, NULL, 3, false, &out, &home->error), SL_OK);
    struct parsed p = parse(out.data);
    assert_int_equal(sl_json_len(p.root), 3);
    for (struct sl_json_each e = sl_json_each(p.root); sl_json_next(&e);) {
        const char *time = sl_json_str(sl_json_get(e.value, "timestamp"));
        assert_true(strcmp(time, last) > 0);
        snprintf(last, sizeof last, "%s", time);
        assert_true(sl_json_eq(sl_json_path(e.value, "origin", "pipeline_name", NULL), "p"));
        assert_int_equal(sl_json_kind(sl_json_get(e.value, "details")), SL_JSON_OBJECT);
    }
    sl_doc_free(p.doc);
    sl_buf_release(&out);

    assert_int_equal(count_events(home, id, NULL), 5);
    assert_int_equal(count_events(home, id, "level = 'WARN'"), 1);
    assert_int_equal(count_events(home, id, "level='WARN' AND level='INFO'"), 0);
    assert_int_equal(count_events(home, id, "level in ('WARN', 'METRICS')"), 2);
    assert_int_equal(count_events(home, id, "event_type IN ('create_update')"), 1);
    snprintf(filter, sizeof filter, "update_id = '%s' and timestamp > '%s'", sl_update_id(update),
             last);
    assert_int_equal(count_events(home, id, filter), 2);
    snprintf(filter, sizeof filter, "update_id='%s' AND timestamp<='%s'", sl_update_id(update),
             last);
    assert_int_equal(count_events(home, id, filter), 3);
    static const char *const bad[] = {"level",
                                      "level = INFO",
                                      "level > 'INFO'",
                                      "colour = 'red'",
                                      "level='INFO' OR level='WARN'",
                                      "timestamp > 'yesterday'",
                                      "level in ('INFO'",
                                      "level = 'INFO"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(sl_event_list(home->catalog, id, bad[i], 10, true, &out, &home->error),
                         SL_BAD_SPEC);
    sl_update_end(update);
    sl_buf_release(&out);
}

/* ---- catalogs, schemas, tables ---- */

static const char schema_json[] =
    "{\"type\":\"struct\",\"fields\":["
    "{\"name\":\"_airtable_id\",\"type\":\"string\",\"nullable\":false,\"metadata\":{}},"
    "{\"name\":\"n\",\"type\":\"long\",\"nullable\":true,\"metadata\":{\"comment\":\"how many\"}},"
    "{\"name\":\"price\",\"type\":\"decimal(12,2)\",\"nullable\":true,\"metadata\":{}},"
    "{\"name\":\"tags\",\"type\":{\"type\":\"array\",\"elementType\":{\"type\":\"struct\","
    "\"fields\":"
    "[{\"name\":\"id\",\"type\":\"string\",\"nullable\":true,\"metadata\":{}},{\"name\":\"n\","
    "\"type\":"
    "\"integer\",\"nullable\":true,\"metadata\":{}}]},\"containsNull\":true},\"nullable\":true,"
    "\"metadata\":{}}]}";

static void a_table_is_registered_with_its_columns(void **state)
{
    struct home *home = *state;
    struct sl_buf out = {0};
    struct sl_table_entry entry = {.catalog_name = "Main",
                                   .schema_name = "Default",
                                   .name = "Bronze_Vendors",
                                   .location = "/data/x",
                                   .schema_json = schema_json,
                                   .version = 3,
                                   .rows = 120,
                                   .bytes = 4567,
                                   .files = -1};

    assert_int_equal(sl_table_put(home->catalog, &entry, &home->error), SL_OK);
    entry.version = 4;
    assert_int_equal(sl_table_put(home->catalog, &entry, &home->error), SL_OK);
    assert_int_equal(sl_tables_get(home->catalog, "main.`DEFAULT`.bronze_vendors", &out,
                                   &home->error),
                     SL_OK);
    struct parsed p = parse(out.data);
    assert_true(sl_json_eq(sl_json_get(p.root, "full_name"), "main.default.bronze_vendors"));
    assert_true(sl_json_eq(sl_json_get(p.root, "data_source_format"), "DELTA"));
    int64_t version = 0;
    assert_true(sl_json_i64(sl_json_path(p.root, "statistics", "version", NULL), &version));
    assert_int_equal(version, 4);
    static const char *const texts[] = {"string", "bigint", "decimal(12,2)",
                                        "array<struct<id:string,n:int>>"};
    static const char *const names[] = {"STRING", "LONG", "DECIMAL", "ARRAY"};
    size_t i = 0;
    for (struct sl_json_each e = sl_json_each(sl_json_get(p.root, "columns")); sl_json_next(&e);
         i++) {
        assert_true(sl_json_eq(sl_json_get(e.value, "type_text"), texts[i]));
        assert_true(sl_json_eq(sl_json_get(e.value, "type_name"), names[i]));
        struct parsed field = parse(sl_json_str(sl_json_get(e.value, "type_json")));
        assert_non_null(sl_json_get(field.root, "nullable"));
        sl_doc_free(field.doc);
    }
    assert_int_equal(i, 4);
    sl_doc_free(p.doc);
    sl_buf_reset(&out);
    assert_int_equal(sl_tables_get(home->catalog, "main.default.bronze_vendor", &out, &home->error),
                     SL_NOT_FOUND);
    assert_string_equal(home->error.hint, "Did you mean 'main.default.bronze_vendors'?");
    assert_int_equal(sl_tables_get(home->catalog, "bronze_vendors", &out, &home->error),
                     SL_BAD_SPEC);
    assert_int_equal(sl_tables_list(home->catalog, "MAIN", NULL, &out, &home->error), SL_OK);
    sl_buf_reset(&out);
    assert_int_equal(sl_schemas_get(home->catalog, "main.default", &out, &home->error), SL_OK);
    assert_int_equal(sl_tables_delete(home->catalog, "main.default.bronze_vendors", &home->error),
                     SL_OK);
    sl_buf_release(&out);
}

static void a_location_comes_from_the_nearest_that_says_so(void **state)
{
    struct home *home = *state;
    struct sl_buf out = {0};
    char expected[400];

    assert_int_equal(sl_table_location(home->catalog, "C", "S", "T", &out, &home->error), SL_OK);
    snprintf(expected, sizeof expected, "%s/warehouse/c/s/t", sl_catalog_home(home->catalog));
    assert_string_equal(out.data, expected);

    struct parsed p = parse("{\"name\":\"c\",\"storage_root\":\"s3://bucket/lake/\"}");
    assert_int_equal(sl_catalogs_create(home->catalog, p.root, &home->error), SL_OK);
    assert_int_equal(sl_catalogs_create(home->catalog, p.root, &home->error), SL_EXISTS);
    sl_doc_free(p.doc);
    sl_buf_reset(&out);
    assert_int_equal(sl_table_location(home->catalog, "c", "s", "t", &out, &home->error), SL_OK);
    assert_string_equal(out.data, "s3://bucket/lake/s/t");

    p = parse("{\"name\":\"s\",\"catalog_name\":\"c\",\"storage_root\":\"/srv/s\"}");
    assert_int_equal(sl_schemas_create(home->catalog, p.root, &home->error), SL_OK);
    sl_doc_free(p.doc);
    sl_buf_reset(&out);
    assert_int_equal(sl_table_location(home->catalog, "c", "s", "t", &out, &home->error), SL_OK);
    assert_string_equal(out.data, "/srv/s/t");

    p = parse("{\"name\":\"x\",\"catalog_name\":\"nope\"}");
    assert_int_equal(sl_schemas_create(home->catalog, p.root, &home->error), SL_NOT_FOUND);
    sl_doc_free(p.doc);
    p = parse("{\"name\":\"x\",\"storage_root\":\"somewhere\"}");
    assert_int_equal(sl_catalogs_create(home->catalog, p.root, &home->error), SL_BAD_SPEC);
    sl_doc_free(p.doc);
    sl_buf_release(&out);
}

/* ---- memory ---- */

static void every_allocation_may_fail(void **state)
{
    struct home *home = *state;
    char id[SL_ID_MAX];

    for (int64_t n = 0;; n++) {
        int64_t live = sl_alloc_live();
        struct sl_connection *connection = NULL;
        struct sl_buf out = {0};
        struct parsed p = parse(AIRTABLE("\"" TOKEN "\""));
        struct sl_table_entry entry = {.catalog_name = "c",
                                       .schema_name = "s",
                                       .name = "t",
                                       .location = "/x",
                                       .schema_json = schema_json};

        sl_alloc_fail_after(n);
        enum sl_code rc = sl_connection_create(home->catalog, p.root, &home->error);
        if (!rc) rc = sl_connection_get(home->catalog, "airtable", &out, &home->error);
        if (!rc) rc = sl_connection_describe(home->catalog, "airtable", &out, &home->error);
        if (!rc) rc = sl_connection_open(home->catalog, "airtable", &connection, &home->error);
        if (!rc) rc = sl_table_put(home->catalog, &entry, &home->error);
        if (!rc) rc = sl_tables_get(home->catalog, "c.s.t", &out, &home->error);
        if (!rc) rc = sl_pipeline_create(home->catalog, "p", "{}", id, &home->error);
        if (!rc) rc = sl_pipeline_get(home->catalog, id, &out, &home->error);
        if (!rc)
            rc = sl_event_list(home->catalog, id, "level in ('INFO')", 5, true, &out, &home->error);
        sl_alloc_fail_after(-1);

        sl_connection_free(connection);
        sl_buf_release(&out);
        sl_doc_free(p.doc);
        assert_int_equal(sl_alloc_live(), live);
        if (rc == SL_OK) break;
        assert_int_equal(rc, SL_NO_MEMORY);
        (void)!sl_connection_delete(home->catalog, "airtable", &home->error);
        if (!sl_pipeline_find(home->catalog, "p", id, &home->error))
            assert_int_equal(sl_pipeline_delete(home->catalog, id, &home->error), SL_OK);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_connection_is_shown_without_its_secret),
        TEST(options_for_use_leave_out_secrets_and_what_is_ours),
        TEST(the_key_is_for_its_owner_alone),
        TEST(a_lost_key_costs_the_secrets_and_nothing_else),
        TEST(a_damaged_box_is_told_from_a_good_one),
        TEST(a_passphrase_seals_as_well),
        TEST(rekey_seals_everything_again),
        TEST(references_are_stored_and_read_at_each_use),
        TEST(mistakes_in_a_connection_are_named),
        TEST(a_connection_is_created_once_renamed_and_deleted),
        TEST(a_newer_home_is_refused_by_both_versions),
        TEST(a_home_that_cannot_be_is_a_destination_error),
        TEST(a_pipeline_is_kept_as_it_was_given),
        TEST(two_runs_of_one_pipeline_cannot_overlap),
        TEST(what_a_dead_process_left_is_closed),
        TEST(stop_is_asked_by_one_and_seen_by_the_other),
        TEST(runs_of_long_ago_are_forgotten),
        TEST(events_ascend_and_are_filtered),
        TEST(a_table_is_registered_with_its_columns),
        TEST(a_location_comes_from_the_nearest_that_says_so),
        TEST(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
