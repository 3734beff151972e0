/*
 * Any bytes as a statement: its names are resolved against a catalog with a few tables (one of an
 * odd name, one called as a word of SQL), and SQLite prepares the result. Resolving the result again
 * changes nothing.
 */
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "catalog/catalog.h"
#include "sql/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STATEMENT_MAX 4096

static struct sl_catalog *catalog; /* made with the first input; the process's end closes it */
static char home[] = "/tmp/sluice-fuzz-sql.XXXXXX";

static void check(bool truth)
{
    if (!truth) abort();
}

static int64_t clock_of(void *ctx)
{
    (void)ctx;
    return INT64_C(1772442000000000);
}

static void clean_up(void)
{
    char command[100];

    sl_catalog_close(catalog);
    snprintf(command, sizeof command, "rm -rf '%s'", home);
    if (system(command) != 0) abort();
}

static void make_catalog(void)
{
    static const char *const names[][2] = {{"bronze", "vendors"},
                                           {"silver", "suppliers"},
                                           {"bronze", "order"},
                                           {"bronze", "odd \"name\""},
                                           {"bronze", "tasks"}};
    struct sl_catalog_options options = {.home = home, .now_us = clock_of};
    struct sl_error error = {0};

    check(mkdtemp(home) != NULL);
    check(sl_catalog_open(&options, &catalog, &error) == SL_OK);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct sl_table_entry entry = {.catalog_name = "main",
                                       .schema_name = names[i][0],
                                       .name = names[i][1],
                                       .location = "/nowhere",
                                       .schema_json = "{\"type\":\"struct\",\"fields\":[]}",
                                       .rows = -1,
                                       .bytes = -1,
                                       .files = -1};
        check(sl_table_put(catalog, &entry, &error) == SL_OK);
    }
    atexit(clean_up);
}

/* A table of SQLite's for each landed one that the statement names. */
static void prepare(const struct sl_names *names)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;

    check(sqlite3_open(":memory:", &db) == SQLITE_OK);
    for (const struct sl_name *n = names->used; n; n = n->next) {
        char *sql = sqlite3_mprintf("CREATE TABLE temp.\"%w\"(no, name)", n->sql_name);
        check(sql && sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
        sqlite3_free(sql);
    }
    sqlite3_prepare_v2(db, sl_buf_str(&names->sql), (int)names->sql.len, &stmt, NULL);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sl_names names = {0}, again = {0};
    struct sl_error error = {0};
    char *text;
    int64_t live;

    if (size > STATEMENT_MAX) return 0;
    if (!catalog) make_catalog();
    live = sl_alloc_live();
    text = calloc(1, size + 1);
    check(text != NULL);
    memcpy(text, data, size); /* ends at the first NUL */
    check(sl_names_resolve(catalog, text, &names, &error) == SL_OK);
    prepare(&names);
    check(sl_names_resolve(catalog, sl_buf_str(&names.sql), &again, &error) == SL_OK);
    check(strcmp(sl_buf_str(&names.sql), sl_buf_str(&again.sql)) == 0);
    sl_names_nearest(&names, text);
    sl_names_ambiguous(&names, text);
    sl_names_release(&names);
    sl_names_release(&again);
    free(text);
    check(sl_alloc_live() == live);
    return 0;
}
