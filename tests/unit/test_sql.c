/* SQL over tables that a run has landed. */
#include "run_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "sql/sql.h"

#define BASE                                                                                       \
    "{\"connection_name\":\"c\",\"catalog\":\"main\",\"schema\":\"bronze\",\"objects\":[{"         \
    "\"schema\":{\"destination_catalog\":\"main\",\"destination_schema\":\"bronze\"}},{"           \
    "\"table\":{\"source_table\":\"Vendors\",\"destination_schema\":\"silver\","                   \
    "\"destination_table\":\"vendors\",\"table_configuration\":{\"column_names\":\"original\"}}}]" \
    "}"

struct answer {
    struct sl_buf text; /* "a|b\n1|x\n" */
    int64_t rows;
    size_t columns;
};

static enum sl_code on_columns(void *ctx, const char *const *names, size_t count,
                               struct sl_error *error)
{
    struct answer *answer = ctx;

    (void)error;
    answer->columns = count;
    for (size_t i = 0; i < count; i++) sl_buf_addf(&answer->text, "%s%s", i ? "|" : "", names[i]);
    sl_buf_addc(&answer->text, '\n');
    return SL_OK;
}

static enum sl_code on_row(void *ctx, const struct sl_sql_value *values, size_t count,
                           struct sl_error *error)
{
    struct answer *answer = ctx;

    (void)error;
    answer->rows++;
    for (size_t i = 0; i < count; i++) {
        const struct sl_sql_value *v = &values[i];
        if (i) sl_buf_addc(&answer->text, '|');
        switch (v->kind) {
        case SL_SQL_NULL: sl_buf_adds(&answer->text, "NULL"); break;
        case SL_SQL_INTEGER: sl_buf_addf(&answer->text, "%lld", (long long)v->integer); break;
        case SL_SQL_REAL: sl_buf_addf(&answer->text, "%g", v->real); break;
        case SL_SQL_TEXT: sl_buf_add(&answer->text, v->text, v->text_len); break;
        }
    }
    sl_buf_addc(&answer->text, '\n');
    return SL_OK;
}

static struct run_world w;
static struct answer answer;

static enum sl_code run(const char *statement)
{
    struct sl_sql_sink sink = {.columns = on_columns, .row = on_row, .ctx = &answer};

    sl_buf_release(&answer.text);
    answer.rows = 0;
    memset(&w.error, 0, sizeof w.error);
    return sl_sql_run(w.catalog, w.delta, statement, &sink, &w.error);
}

/* The whole answer. */
static const char *sql(const char *statement)
{
    enum sl_code rc = run(statement);

    if (rc) fail_msg("%s: %s: %s", statement, sl_code_name(rc), w.error.message);
    return sl_buf_str(&answer.text);
}

/* One value: the first of the first row. */
static const char *value(const char *statement)
{
    static char out[2000];
    const char *line = strchr(sql(statement), '\n') + 1;

    snprintf(out, sizeof out, "%.*s", (int)strcspn(line, "|\n"), line);
    return out;
}

static int64_t number(const char *statement)
{
    return strtoll(value(statement), NULL, 10);
}

static int set_up(void **state)
{
    enum sl_code rc;

    (void)state;
    run_world_make(&w, "airtable", NULL);
    rc = run_spec(&w, BASE, false);
    if (rc) fail_msg("%s", w.error.message);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sl_buf_release(&answer.text);
    run_world_unmake(&w);
    return 0;
}

/* ---- names ---- */

static void tables_have_three_names(void **state)
{
    int64_t vendors = landed_rows(&w, "vendors", "_airtable_id", NULL);
    int64_t skus = landed_rows(&w, "sku_candidates", "_airtable_id", NULL);

    (void)state;
    assert_int_equal(number("SELECT count(*) FROM main.bronze.vendors"), vendors);
    assert_int_equal(number("SELECT count(*) FROM bronze.vendors"), vendors);
    assert_int_equal(number("SELECT count(*) FROM sku_candidates"), skus);
    assert_int_equal(number("select count(*) from MAIN.Bronze.SKU_Candidates;"), skus);
    assert_int_equal(number("SELECT count(*) FROM `main`.`bronze`.`vendors`"), vendors);
    assert_int_equal(number("SELECT count(*) FROM \"main\".bronze.\"vendors\""), vendors);
    assert_int_equal(number("SELECT count(*) FROM main.bronze.[vendors]"), vendors);
    assert_int_equal(number("SELECT count(*)FROM(SELECT * FROM\n main.bronze.vendors\t)"), vendors);
}

static void columns_are_named_through_their_table(void **state)
{
    (void)state;
    assert_string_equal(value("SELECT main.bronze.vendors.vendor FROM main.bronze.vendors "
                              "WHERE bronze.vendors.no = 1"),
                        value("SELECT v.vendor FROM main.bronze.vendors AS v WHERE v.no=1"));
    assert_string_equal(value("SELECT sku_candidates.sku FROM sku_candidates ORDER BY 1 LIMIT 1"),
                        value("SELECT min(sku) FROM sku_candidates"));
}

/* vendors has a column that is called as another landed table. */
static void a_column_may_be_called_as_a_table(void **state)
{
    (void)state;
    assert_int_equal(number("SELECT count(packaging_tasks) FROM main.bronze.vendors"),
                     number("SELECT count(v.packaging_tasks) FROM main.bronze.vendors v"));
    assert_int_equal(number("SELECT count(*) FROM packaging_tasks AS vendors WHERE vendors.no=1"),
                     1);
}

static void two_tables_of_one_name_are_told_apart(void **state)
{
    (void)state;
    assert_int_equal(number("SELECT count(*) FROM main.bronze.vendors JOIN main.silver.vendors "
                            "ON main.bronze.vendors._airtable_id = "
                            "main.silver.vendors._airtable_id"),
                     number("SELECT count(*) FROM main.silver.vendors"));
    assert_int_equal(run("SELECT * FROM vendors"), SL_NOT_FOUND);
    assert_non_null(strstr(w.error.hint, "catalog.schema.table"));
}

static void strings_comments_and_numbers_are_left_alone(void **state)
{
    (void)state;
    assert_string_equal(value("SELECT 'bronze.vendors it''s sku_candidates'"),
                        "bronze.vendors it's sku_candidates");
    assert_string_equal(value("SELECT 1 /* sku_candidates */ -- bronze.vendors\n"), "1");
    assert_string_equal(value("SELECT 1e2 + 0x10"), "116");
    assert_string_equal(value("SELECT \"a.b\" FROM (SELECT 5 AS \"a.b\")"), "5");
    assert_string_equal(value("SELECT count(*) FROM sku_candidates\"x\"WHERE x.no = 1"), "1");
    assert_string_equal(value("SELECT [sku_candidates x] FROM (SELECT 6 AS [sku_candidates x])"),
                        "6");
}

static void odd_column_names_are_quoted(void **state)
{
    (void)state;
    assert_int_equal(number("SELECT count(\"Contact_e-mail\") FROM main.silver.vendors"),
                     number("SELECT count(contact_e_mail) FROM main.bronze.vendors"));
    assert_int_equal(number("SELECT max(\"No.\") FROM main.silver.vendors"),
                     number("SELECT max(no) FROM main.bronze.vendors"));
}

static void an_unknown_table_has_a_neighbour(void **state)
{
    (void)state;
    assert_int_equal(run("SELECT * FROM main.bronze.sku_candidate"), SL_NOT_FOUND);
    assert_non_null(strstr(w.error.hint, "sku_candidates"));
    assert_int_equal(run("SELECT * FROM launch_milestone"), SL_NOT_FOUND);
    assert_non_null(strstr(w.error.hint, "launch_milestones"));
    assert_int_equal(run("SELECT * FROM quite_something_else"), SL_NOT_FOUND);
    assert_int_equal(run("SELECT nothing FROM sku_candidates"), SL_USAGE);
    assert_non_null(strstr(w.error.message, "nothing"));
}

/* ---- what SQL does with them ---- */

static void rows_are_joined_grouped_and_limited(void **state)
{
    (void)state;
    assert_int_equal(number("SELECT sum(n) FROM (SELECT country, count(*) AS n "
                            "FROM main.bronze.vendors GROUP BY country)"),
                     number("SELECT count(*) FROM main.bronze.vendors"));
    sql("SELECT no FROM main.bronze.vendors ORDER BY no DESC LIMIT 5 OFFSET 2");
    assert_int_equal(answer.rows, 5);
    sql("SELECT * FROM main.bronze.vendors LIMIT 0");
    assert_int_equal(answer.rows, 0);
    assert_int_equal(answer.columns, 21);
    assert_true(number("SELECT count(*) FROM sku_candidates s, json_each(s.vendor) l "
                       "JOIN main.bronze.vendors v ON v._airtable_id = l.value") > 0);
    assert_int_equal(number("WITH v AS (SELECT no FROM main.bronze.vendors) SELECT count(*) FROM v "
                            "WHERE no IN (SELECT no FROM packaging_tasks)"),
                     number("SELECT count(*) FROM main.bronze.vendors"));
}

static void any_column_can_be_asked_for_alone(void **state)
{
    struct answer columns = {0};
    struct sl_sql_sink sink = {.columns = on_columns, .row = on_row, .ctx = &columns};
    const char *line;

    (void)state;
    assert_int_equal(sl_sql_run(w.catalog, w.delta, "DESCRIBE main.bronze.sku_candidates", &sink,
                                &w.error),
                     SL_OK);
    line = strchr(sl_buf_str(&columns.text), '\n') + 1;
    for (int64_t c = 0; c < columns.rows; c++) {
        char name[100], statement[500];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(line, "|"), line);
        snprintf(
            statement, sizeof statement,
            "SELECT count(*) FROM sku_candidates a JOIN (SELECT _airtable_id, \"%s\" AS x FROM "
            "sku_candidates) b ON a._airtable_id = b._airtable_id WHERE a.\"%s\" IS b.x",
            name, name);
        assert_int_equal(number(statement), number("SELECT count(*) FROM sku_candidates"));
        line = strchr(line, '\n') + 1;
    }
    assert_true(columns.rows > 20);
    sl_buf_release(&columns.text);
}

static void values_are_what_sqlite_knows(void **state)
{
    (void)state;
    assert_string_equal(value("SELECT typeof(active) FROM main.bronze.vendors LIMIT 1"), "integer");
    assert_string_equal(value("SELECT typeof(no) FROM main.bronze.vendors LIMIT 1"), "integer");
    assert_string_equal(value("SELECT typeof(spend) FROM main.bronze.vendors "
                              "WHERE spend IS NOT NULL LIMIT 1"),
                        "real");
    assert_int_equal(number("SELECT count(*) FROM main.bronze.vendors WHERE _airtable_created_time "
                            "GLOB '20[0-9][0-9]-[01][0-9]-[0-3][0-9]T*Z'"),
                     number("SELECT count(*) FROM main.bronze.vendors"));
    assert_int_equal(number("SELECT count(*) FROM compliance_records WHERE issued GLOB "
                            "'20[0-9][0-9]-[01][0-9]-[0-3][0-9]'"),
                     number("SELECT count(issued) FROM compliance_records"));
    assert_int_equal(number("SELECT count(*) FROM main.bronze.vendors WHERE "
                            "_airtable_created_time > '1999' AND date(_airtable_created_time) > "
                            "'1999-12-31'"),
                     number("SELECT count(*) FROM main.bronze.vendors"));
}

static void what_is_no_number_is_text(void **state)
{
    (void)state;
    assert_true(number("SELECT count(*) FROM sku_candidates "
                       "WHERE price_per_unit IN ('NaN', 'Infinity', '-Infinity')") > 0);
    assert_int_equal(number("SELECT count(*) FROM sku_candidates WHERE typeof(price_per_unit) = "
                            "'text' AND price_per_unit NOT IN ('NaN', 'Infinity', '-Infinity')"),
                     0);
}

static void nested_values_are_json(void **state)
{
    (void)state;
    assert_int_equal(number("SELECT count(*) FROM sku_candidates WHERE json_valid(tags)"),
                     number("SELECT count(tags) FROM sku_candidates"));
    assert_true(number("SELECT max(json_array_length(vendor)) FROM sku_candidates") > 0);
    assert_true(number("SELECT count(DISTINCT json_extract(created_by, '$.email')) "
                       "FROM sku_candidates") > 0);
    assert_true(number("SELECT count(*) FROM sku_candidates, json_each(tags) "
                       "WHERE json_each.value = 'eu, west'") > 0);
    assert_string_equal(value("SELECT typeof(json_extract(contracts, '$[0].size')) FROM "
                              "main.bronze.vendors WHERE contracts IS NOT NULL LIMIT 1"),
                        "integer");
}

static void only_reading_is_possible(void **state)
{
    static const char *const statements[] = {
        "INSERT INTO main.bronze.vendors (vendor) VALUES ('x')",
        "UPDATE main.bronze.vendors SET vendor = 'x'",
        "DELETE FROM main.bronze.vendors",
        "DROP TABLE main.bronze.vendors",
        "CREATE TABLE x(a)",
        "CREATE TEMP TABLE x AS SELECT 1",
        "CREATE VIRTUAL TABLE x USING sluice('2f')",
        "ATTACH 'x.db' AS x",
        "PRAGMA database_list",
        "VACUUM INTO 'x.db'",
        "BEGIN",
    };
    int64_t rows = number("SELECT count(*) FROM main.bronze.vendors");

    (void)state;
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        assert_int_equal(run(statements[i]), SL_USAGE);
        assert_true(w.error.message[0] && w.error.hint[0]);
    }
    assert_int_equal(number("SELECT count(*) FROM main.bronze.vendors"), rows);
}

static void one_statement_at_a_time(void **state)
{
    (void)state;
    assert_int_equal(run("SELECT 1; SELECT 2"), SL_USAGE);
    assert_int_equal(run("SELECT 1; DROP TABLE x"), SL_USAGE);
    assert_int_equal(run(""), SL_USAGE);
    assert_int_equal(run("  ;"), SL_USAGE);
    assert_int_equal(run("-- nothing"), SL_USAGE);
    assert_string_equal(value("SELECT 1; -- and that is all\n ;"), "1");
}

static void mistakes_are_told(void **state)
{
    char *huge = malloc(SL_SQL_BYTES_MAX + 2);

    (void)state;
    assert_int_equal(run("SELEC 1"), SL_USAGE);
    assert_non_null(strstr(w.error.message, "SELEC"));
    assert_int_equal(run("SELECT 'open"), SL_USAGE);
    assert_int_equal(run("SELECT /* open"), SL_USAGE);
    assert_int_equal(run("SELECT \"open"), SL_USAGE);
    assert_int_equal(run("SELECT json('{')"), SL_USAGE);
    assert_non_null(huge);
    memset(huge, ' ', SL_SQL_BYTES_MAX + 1);
    huge[SL_SQL_BYTES_MAX + 1] = '\0';
    assert_int_equal(run(huge), SL_TOO_LARGE);
    free(huge);
}

static enum sl_code full(void *ctx, const struct sl_sql_value *values, size_t count,
                         struct sl_error *error)
{
    int *rows = ctx;

    (void)values, (void)count;
    return ++*rows == 3 ? sl_fail(error, SL_CANCELLED, "enough") : SL_OK;
}

static enum sl_code no_columns(void *ctx, const char *const *names, size_t count,
                               struct sl_error *error)
{
    (void)ctx, (void)names, (void)count, (void)error;
    return SL_OK;
}

static void the_reader_may_stop(void **state)
{
    int rows = 0;
    struct sl_sql_sink sink = {.columns = no_columns, .row = full, .ctx = &rows};
    struct sl_error error = {0};

    (void)state;
    assert_int_equal(sl_sql_run(w.catalog, w.delta, "SELECT * FROM sku_candidates", &sink, &error),
                     SL_CANCELLED);
    assert_int_equal(rows, 3);
}

/* ---- SHOW and DESCRIBE ---- */

static void show_lists(void **state)
{
    (void)state;
    assert_string_equal(sql("SHOW CATALOGS"), "catalog\nmain\n");
    assert_string_equal(sql("show schemas;"), "schema\nmain.bronze\nmain.silver\n");
    assert_string_equal(sql("SHOW DATABASES IN main"), "schema\nmain.bronze\nmain.silver\n");
    assert_string_equal(sql("SHOW TABLES IN main.silver"), "table\nmain.silver.vendors\n");
    assert_string_equal(sql("SHOW TABLES FROM `main`.`silver`"), "table\nmain.silver.vendors\n");
    sql("SHOW TABLES");
    assert_int_equal(answer.rows, 7);
    sql("SHOW TABLES IN main");
    assert_int_equal(answer.rows, 7);
    assert_string_equal(sql("SHOW CONNECTIONS"), "name|connection_type|comment\n"
                                                 "c|GENERIC_LAKEFLOW_CONNECT|NULL\n");
    assert_int_equal(run("SHOW COLUMNS"), SL_USAGE);
    assert_non_null(strstr(w.error.message, "CATALOGS"));
    assert_int_equal(run("SHOW TABLES IN main . bronze please now"), SL_USAGE);
    assert_non_null(strstr(w.error.message, "SHOW TABLES"));
    assert_int_equal(run("SHOW"), SL_USAGE);
}

static void describe_tells_the_columns(void **state)
{
    static const char head[] = "col_name|data_type|comment\n_airtable_id|string|";

    (void)state;
    assert_true(strncmp(sql("DESCRIBE main.bronze.vendors"), head, strlen(head)) == 0);
    assert_true(strncmp(sql("DESC TABLE main.bronze.vendors;"), head, strlen(head)) == 0);
    assert_true(
        strncmp(sql("describe table extended `main`.`bronze`.`vendors`"), head, strlen(head)) == 0);
    assert_int_equal(answer.rows, 21);
    assert_int_equal(run("DESCRIBE main.bronze.vendor"), SL_NOT_FOUND);
    assert_int_equal(run("DESCRIBE TABLE"), SL_USAGE);
}

static void describe_connection_masks_the_secret(void **state)
{
    (void)state;
    assert_non_null(strstr(sql("DESCRIBE CONNECTION c"), "(token, '***')"));
    assert_null(strstr(sl_buf_str(&answer.text), "pat"));
    assert_int_equal(run("DESCRIBE CONNECTION nobody"), SL_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_have_three_names),
        cmocka_unit_test(columns_are_named_through_their_table),
        cmocka_unit_test(a_column_may_be_called_as_a_table),
        cmocka_unit_test(two_tables_of_one_name_are_told_apart),
        cmocka_unit_test(strings_comments_and_numbers_are_left_alone),
        cmocka_unit_test(odd_column_names_are_quoted),
        cmocka_unit_test(an_unknown_table_has_a_neighbour),
        cmocka_unit_test(rows_are_joined_grouped_and_limited),
        cmocka_unit_test(any_column_can_be_asked_for_alone),
        cmocka_unit_test(values_are_what_sqlite_knows),
        cmocka_unit_test(what_is_no_number_is_text),
        cmocka_unit_test(nested_values_are_json),
        cmocka_unit_test(only_reading_is_possible),
        cmocka_unit_test(one_statement_at_a_time),
        cmocka_unit_test(mistakes_are_told),
        cmocka_unit_test(the_reader_may_stop),
        cmocka_unit_test(show_lists),
        cmocka_unit_test(describe_tells_the_columns),
        cmocka_unit_test(describe_connection_masks_the_secret),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
