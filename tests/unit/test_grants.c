/* test_grants.c: what an OAuth source gave a connection, as the catalog keeps it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "catalog/catalog.h"
#include "catalog/grant.h"
#include "json/doc.h"

#define SEED "0123456789abcdef0123456789abcdef"

struct home {
    char path[256];
    struct sl_catalog *catalog, *other; /* other: as another process has it */
    struct sl_connection *connection, *again;
    struct sl_error error;
};

static int64_t now(void *ctx)
{
    (void)ctx;
    return INT64_C(1772442000000000);
}

static void make_connection(struct home *home, const char *name)
{
    struct sl_doc *doc = sl_doc_new(0);
    const struct sl_json *json;
    char text[300];

    snprintf(text, sizeof text,
             "{\"name\":\"%s\",\"connection_type\":\"AIRTABLE\",\"options\":{\"client_id\":\"app\","
             "\"refresh_token\":\"rt0-secret\"}}",
             name);
    assert_int_equal(sl_doc_parse_copy(doc, text, strlen(text), &json, &home->error), SL_OK);
    assert_int_equal(sl_connection_create(home->catalog, json, &home->error), SL_OK);
    sl_doc_free(doc);
}

static int setup(void **state)
{
    struct home *home = calloc(1, sizeof *home);
    const char *tmp = getenv("SLUICE_TEST_TMP");

    if (!home) return -1;
    unsetenv("SLUICE_KEY");
    snprintf(home->path, sizeof home->path, "%s/grants_XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(home->path)) return -1;
    struct sl_catalog_options options = {.home = home->path, .now_us = now};
    assert_int_equal(sl_catalog_open(&options, &home->catalog, &home->error), SL_OK);
    assert_int_equal(sl_catalog_open(&options, &home->other, &home->error), SL_OK);
    make_connection(home, "c");
    assert_int_equal(sl_connection_open(home->catalog, "c", &home->connection, &home->error),
                     SL_OK);
    assert_int_equal(sl_connection_open(home->other, "c", &home->again, &home->error), SL_OK);
    *state = home;
    return 0;
}

static int teardown(void **state)
{
    struct home *home = *state;
    char command[400];

    sl_connection_free(home->connection);
    sl_connection_free(home->again);
    sl_catalog_close(home->catalog);
    sl_catalog_close(home->other);
    snprintf(command, sizeof command, "rm -rf '%s'", home->path);
    int rc = system(command);
    free(home);
    return rc;
}

static char a2[] = "at2-secret", r2[] = "rt2-secret", r1[] = "rt1-secret";
static const struct sl_grant given = {
    .access_token = a2, .refresh_token = r2, .replaced = r1, .obtained_us = 5, .expires_us = 77};

static enum sl_code load(const struct sl_connection *connection, const char *seed,
                         struct sl_grant *out, struct sl_error *error)
{
    return connection->grants->load(connection->grants->ctx, seed, out, error);
}

static void save(struct home *home, const struct sl_connection *connection, const char *seed,
                 const struct sl_grant *grant)
{
    assert_int_equal(connection->grants->save(connection->grants->ctx, seed, grant, &home->error),
                     SL_OK);
}

static void what_is_kept_comes_back(void **state)
{
    struct home *home = *state;
    struct sl_grant grant;

    assert_int_equal(load(home->connection, SEED, &grant, &home->error), SL_DONE);
    save(home, home->connection, SEED, &given);
    assert_int_equal(load(home->again, SEED, &grant, &home->error), SL_OK);
    assert_string_equal(grant.access_token, "at2-secret");
    assert_string_equal(grant.refresh_token, "rt2-secret");
    assert_string_equal(grant.replaced, "rt1-secret");
    assert_int_equal(grant.obtained_us, 5);
    assert_int_equal(grant.expires_us, 77);
    assert_int_equal(grant.asked_us, 0);
    sl_grant_release(&grant);
    assert_null(grant.access_token);
}

static void what_is_not_there_stays_so(void **state)
{
    struct home *home = *state;
    struct sl_grant mark = {.refresh_token = r1, .asked_us = 9, .expires_us = INT64_MAX}, grant;

    save(home, home->connection, SEED, &mark);
    assert_int_equal(load(home->connection, SEED, &grant, &home->error), SL_OK);
    assert_null(grant.access_token);
    assert_null(grant.replaced);
    assert_string_equal(grant.refresh_token, "rt1-secret");
    assert_int_equal(grant.asked_us, 9);
    assert_int_equal(grant.expires_us, INT64_MAX);
    sl_grant_release(&grant);
}

/* A run that knows only the old credentials does not touch the grant of the new ones. */
static void each_seed_has_its_own_and_the_newest_stay(void **state)
{
    struct home *home = *state;
    struct sl_grant grant, plain = {.refresh_token = r1};
    char seed[SL_GRANT_SEED_MAX];

    save(home, home->connection, SEED, &given);
    for (int i = 0; i < 5; i++) {
        snprintf(seed, sizeof seed, "%032d", i);
        save(home, home->again, seed, &plain);
        save(home, home->connection, SEED, &given); /* in use, so it is among the newest */
    }
    assert_int_equal(load(home->connection, SEED, &grant, &home->error), SL_OK);
    assert_string_equal(grant.refresh_token, "rt2-secret");
    sl_grant_release(&grant);
    assert_int_equal(load(home->connection, seed, &grant, &home->error), SL_OK);
    sl_grant_release(&grant);
    snprintf(seed, sizeof seed, "%032d", 0);
    assert_int_equal(load(home->connection, seed, &grant, &home->error), SL_DONE);
}

static void one_holds_the_lock(void **state)
{
    struct home *home = *state;
    const struct sl_grant_store *a = home->connection->grants, *b = home->again->grants;

    assert_int_equal(a->lock(a->ctx, &home->error), SL_OK);
    assert_int_equal(b->lock(b->ctx, &home->error), SL_BUSY);
    a->unlock(a->ctx);
    assert_int_equal(b->lock(b->ctx, &home->error), SL_OK);
    sl_connection_free(home->again); /* which gives it back */
    home->again = NULL;
    assert_int_equal(a->lock(a->ctx, &home->error), SL_OK);
    a->unlock(a->ctx);
}

static void it_goes_with_its_connection(void **state)
{
    struct home *home = *state;
    struct sl_grant grant;

    save(home, home->connection, SEED, &given);
    assert_int_equal(sl_connection_delete(home->catalog, "c", &home->error), SL_OK);
    assert_int_equal(load(home->connection, SEED, &grant, &home->error), SL_DONE);
    make_connection(home, "c");
    assert_int_equal(load(home->again, SEED, &grant, &home->error), SL_DONE);
}

/* The process that renews has the old key in memory when another one makes a new key. */
static void a_rekey_under_a_run_loses_nothing(void **state)
{
    struct home *home = *state;
    struct sl_grant grant;
    int64_t count;

    save(home, home->connection, SEED, &given);
    assert_int_equal(sl_catalog_rekey(home->other, &count, &home->error), SL_OK);
    assert_int_equal(count, 2); /* the refresh token of the connection, and the grant */
    assert_int_equal(load(home->connection, SEED, &grant, &home->error), SL_OK);
    sl_grant_release(&grant);
    save(home, home->connection, SEED, &given);
    assert_int_equal(load(home->again, SEED, &grant, &home->error), SL_OK);
    sl_grant_release(&grant);
    assert_int_equal(sl_catalog_rekey(home->catalog, &count, &home->error), SL_OK);
}

static void a_damaged_one_says_so(void **state)
{
    struct home *home = *state;
    struct sl_grant grant;
    char path[300];
    sqlite3 *db = NULL;
    static const char *const damages[] = {"UPDATE grants SET box = x''",
                                          "UPDATE grants SET box = zeroblob(60)",
                                          "UPDATE grants SET box = zeroblob(10000000)"};

    save(home, home->connection, SEED, &given);
    snprintf(path, sizeof path, "%s/catalog.db", home->path);
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, damages[i], NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(db);
        assert_int_equal(load(home->connection, SEED, &grant, &home->error), SL_AUTH);
        assert_null(grant.access_token);
    }
}

static void a_token_beyond_measure_is_refused(void **state)
{
    struct home *home = *state;
    char *huge = calloc(1, SL_TOKEN_MAX + 2);
    struct sl_grant grant = {.access_token = huge};

    assert_non_null(huge);
    memset(huge, 'x', SL_TOKEN_MAX + 1);
    const struct sl_grant_store *store = home->connection->grants;
    assert_int_equal(store->save(store->ctx, SEED, &grant, &home->error), SL_TOO_LARGE);
    free(huge);
}

static void every_allocation_may_fail(void **state)
{
    struct home *home = *state;
    const struct sl_grant_store *store = home->connection->grants;

    for (int64_t n = 0;; n++) {
        int64_t live = sl_alloc_live();
        struct sl_grant grant = {0};
        sl_alloc_fail_after(n);
        enum sl_code rc = store->lock(store->ctx, &home->error);
        if (!rc) rc = store->save(store->ctx, SEED, &given, &home->error);
        if (!rc) rc = load(home->connection, SEED, &grant, &home->error);
        bool failed = sl_alloc_failed();
        sl_alloc_fail_after(-1);
        store->unlock(store->ctx);
        sl_grant_release(&grant);
        assert_int_equal(sl_alloc_live(), live);
        if (!failed) {
            assert_int_equal(rc, SL_OK);
            return;
        }
        assert_true(rc == SL_NO_MEMORY || rc == SL_AUTH);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_kept_comes_back),
        TEST(what_is_not_there_stays_so),
        TEST(each_seed_has_its_own_and_the_newest_stay),
        TEST(one_holds_the_lock),
        TEST(it_goes_with_its_connection),
        TEST(a_rekey_under_a_run_loses_nothing),
        TEST(a_damaged_one_says_so),
        TEST(a_token_beyond_measure_is_refused),
        TEST(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
