/* filterByFormula: which records a formula keeps. */
#include "test_sim_client.h"

#include "base/buf.h"

/* How many of the vendors a formula keeps; -1: the formula is refused. */
static int kept(struct client *client, const char *formula)
{
    struct sl_buf body = {0};
    char target[80];
    int count;

    sl_buf_adds(&body, "{\"filterByFormula\":");
    sim_json_text(&body, formula);
    sl_buf_adds(&body, "}");
    snprintf(target, sizeof target, "/v0/%s/Vendors/listRecords", client->base);
    client_ask(client, "POST", target, body.data);
    sl_buf_release(&body);
    count = (int)sl_json_len(sl_json_get(client->json, "records"));
    return client->status == 200 ? count : -1;
}

static void keeps(struct client *client, const char *formula, int expected)
{
    int count = kept(client, formula);

    if (count != expected) fail_msg("%s: %d instead of %d", formula, count, expected);
}

/* Ninety vendors with known cells in the first three. */
static void open_vendors(struct client *client)
{
    client_open(client, "airtable", &(struct sim_options){.rate = -1, .seed = 1});
    client_control(client, "{\"ops\":["
                           "{\"op\":\"edit\",\"table\":\"Vendors\",\"record\":0,\"fields\":"
                           "{\"Vendor\":\"Ada's\",\"Spend\":10.5,\"Score\":null,\"Active\":true}},"
                           "{\"op\":\"edit\",\"table\":\"Vendors\",\"record\":1,\"fields\":"
                           "{\"Vendor\":\"bob\",\"Spend\":0,\"Score\":5,\"Active\":null}}]}");
}

static void constants_and_operators(void **state)
{
    struct client client;

    (void)state;
    open_vendors(&client);
    keeps(&client, "1", 90);
    keeps(&client, "0", 0);
    keeps(&client, "''", 0);
    keeps(&client, "'x'", 90);
    keeps(&client, "TRUE()", 90);
    keeps(&client, "BLANK()", 0);
    keeps(&client, "ERROR()", 0);
    keeps(&client, "0/0", 0);
    keeps(&client, "1+2*3=7", 90);
    keeps(&client, "(1+2)*3=9", 90);
    keeps(&client, "10-4-3=3", 90);
    keeps(&client, "-2<-1", 90);
    keeps(&client, "'a'&1&'b'='a1b'", 90);
    keeps(&client, "1!=2", 90);
    keeps(&client, "NOT(1)", 0);
    keeps(&client, "NOT(ERROR())", 0); /* an error drops the row from p and from NOT(p) */
    keeps(&client, "XOR(1,1,1)", 90);
    keeps(&client, "IF(1,'y','')", 90);
    keeps(&client, "and(1, Or(0,1))", 90);
    keeps(&client, "MOD(7,3)=1", 90);
    keeps(&client, "ISERROR(ERROR())", 90);
    keeps(&client, "'it\\'s'=\"it's\"", 90);
    client_close(&client);
}

static void fields(void **state)
{
    struct client client;

    (void)state;
    open_vendors(&client);
    keeps(&client, "{Vendor}='bob'", 1);
    keeps(&client, "Vendor=\"Ada's\"", 1);
    keeps(&client, "AND({No.}<=2,{Spend}>0)", 1);
    keeps(&client, "AND({No.}<=2,{Spend}=0)", 1);
    keeps(&client, "AND({No.}<=2,{Score})", 1); /* blank is not kept */
    keeps(&client, "AND({No.}<=2,NOT({Score}))", 1);
    keeps(&client, "AND({No.}<=2,{Active})", 1);
    keeps(&client, "AND({No.}<=2,{Active}=TRUE())", 1);
    keeps(&client, "OR({Vendor}='bob',{Vendor}='nobody',{No.}=90)", 2);
    keeps(&client, "LEN({Vendor})=3", 1);
    keeps(&client, "UPPER({Vendor})='BOB'", 1);
    client_close(&client);
}

static void ranges_of_numbers(void **state)
{
    struct client client;
    int sum = 0;

    (void)state;
    open_vendors(&client);
    keeps(&client, "AND({No.}>=11,{No.}<21)", 10);
    keeps(&client, "AND({No.}>10.5,{No.}<=20)", 10);
    keeps(&client, "{No.}=7", 1);
    keeps(&client, "{No.}<1", 0);
    keeps(&client, "AND({No.}>5,{No.}<3)", 0);
    keeps(&client, "AND({No.}>=11,{No.}<21,MOD({No.},2)=0)", 5);
    keeps(&client, "NOT(OR({No.}<11,{No.}>=81))", 70);
    for (int i = 0; i < 3; i++) {
        char formula[80];

        snprintf(formula, sizeof formula, "AND({No.}>=%d,{No.}<%d)", i * 30 + 1, i * 30 + 31);
        sum += kept(&client, formula);
    }
    assert_int_equal(sum, 90);
    client_close(&client);
}

static void record_ids(void **state)
{
    static const char *const classes[] = {"0123456789AaBbCcDdEeFfGgHhIiJj",
                                          "KkLlMmNnOoPpQqRrSsTtUuVvWwXxYyZz"};
    struct client client;
    char id[2][32], formula[200];
    int sum = 0;

    (void)state;
    open_vendors(&client);
    client_get(&client, "/v0/%s/Vendors?maxRecords=2", client.base);
    struct sl_json_each records = sl_json_each(sl_json_get(client.json, "records"));

    for (int i = 0; sl_json_next(&records); i++)
        snprintf(id[i], sizeof id[i], "%s", sl_json_str(sl_json_get(records.value, "id")));
    snprintf(formula, sizeof formula, "OR(RECORD_ID()='%s',RECORD_ID()='%s')", id[0], id[1]);
    keeps(&client, formula, 2);
    for (int i = 0; i < 2; i++) {
        snprintf(formula, sizeof formula, "FIND(RIGHT(RECORD_ID(),1),'%s')>0", classes[i]);
        int count = kept(&client, formula);

        assert_in_range(count, 20, 70); /* the tails of ids are spread */
        sum += count;
    }
    assert_int_equal(sum, 90);
    client_close(&client);
}

static void times(void **state)
{
    struct client client;
    int never, created;

    (void)state;
    open_vendors(&client);
    /* the two edits happened at the start of the simulated world */
    keeps(&client, "IS_AFTER(LAST_MODIFIED_TIME(),DATETIME_PARSE('2026-03-02T08:59:59.000Z'))", 2);
    keeps(&client,
          "IS_SAME(LAST_MODIFIED_TIME(),DATETIME_PARSE(\"2026-03-02T09:00:00Z\"),"
          "'second')",
          2);
    keeps(&client,
          "AND(OR(IS_SAME(LAST_MODIFIED_TIME(),DATETIME_PARSE('2026-03-02T09:00:00Z'),"
          "'second'),IS_AFTER(LAST_MODIFIED_TIME(),DATETIME_PARSE("
          "'2026-03-02T09:00:00Z'))),IS_BEFORE(LAST_MODIFIED_TIME(),"
          "DATETIME_PARSE('2026-03-02T10:00:00Z')))",
          2);
    keeps(&client, "IS_AFTER(LAST_MODIFIED_TIME(),DATETIME_PARSE('2027-01-01T00:00:00Z'))", 0);
    keeps(&client, "IS_AFTER({Last change},'2026-03-02T08:59:59.000Z')", 2);
    never = kept(&client, "NOT(LAST_MODIFIED_TIME())");
    assert_in_range(never, 15, 45); /* never edited since they were created */
    assert_int_equal(kept(&client, "LAST_MODIFIED_TIME()"), 90 - never);
    created = kept(&client, "IS_BEFORE(CREATED_TIME(),DATETIME_PARSE('2025-09-01T00:00:00Z'))");
    assert_in_range(created, 10, 80);
    assert_int_equal(kept(&client,
                          "NOT(IS_BEFORE(CREATED_TIME(),DATETIME_PARSE('2025-09-01T00:00:00Z')))"),
                     90 - created);
    keeps(&client, "CREATED_TIME() < '2000-01-01'", 90); /* the trap: a date against a text */
    keeps(&client, "IS_AFTER(CREATED_TIME(),DATETIME_PARSE('nonsense'))", 0);
    client_control(&client, "{\"op\":\"behaviour\",\"is_after_broken\":1}");
    keeps(&client, "IS_AFTER(CREATED_TIME(),DATETIME_PARSE('2027-01-01T00:00:00Z'))", 90);
    client_close(&client);
}

static void nonsense_is_refused(void **state)
{
    static const char *const wrong[] = {"{Nope}",  "AND(1", "1+",        "'open", "FLY()",
                                        "1 2",     "{open", "Nope=1",    "!",     "AND(,)",
                                        "1!2",     "((((",  "{Vendor}}", "\\",    "AND(1))",
                                        "IF(1,2,", ")"};
    struct client client;

    (void)state;
    open_vendors(&client);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        keeps(&client, wrong[i], -1);
        assert_string_equal(error_type(&client), "INVALID_FILTER_BY_FORMULA");
    }
    assert_non_null(strstr(sl_json_str(sl_json_path(client.json, "error", "message", NULL)), ")"));
    keeps(&client, "{Nope}", -1);
    assert_non_null(strstr(client.body.data, "Unknown field names: Nope"));
    struct sl_buf deep = {0};

    for (int i = 0; i < 5000; i++) sl_buf_adds(&deep, "NOT(");
    keeps(&client, deep.data, -1);
    sl_buf_release(&deep);
    client_close(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constants_and_operators),
        cmocka_unit_test(fields),
        cmocka_unit_test(ranges_of_numbers),
        cmocka_unit_test(record_ids),
        cmocka_unit_test(times),
        cmocka_unit_test(nonsense_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
