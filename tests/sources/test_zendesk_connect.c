/*
 * Zendesk's accounts: credentials, roles, features, custom fields, and answers that a test makes up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sources/script.h"
#include "sources/zendesk_source.h"

/* ---- check ---- */

static void check(struct stage *desk, const char *options, struct harvest *out)
{
    struct harvest_job job = {.connector = "zendesk",
                              .options = options ? options : sl_buf_str(&desk->options),
                              .job = {.kind = SL_JOB_CHECK}};

    harvest_run(&job, desk->world, out);
    stage_pass(desk, 62);
}

static const struct harvest_check *finding(const struct harvest *h, const char *subject)
{
    for (size_t i = 0; i < h->check_count; i++)
        if (strcmp(h->checks[i].subject, subject) == 0) return &h->checks[i];
    return NULL;
}

/* With wrong credentials Zendesk answers users/me as to a visitor, with 200. */
static void a_visitor_is_not_taken_for_good_credentials(void **state)
{
    static const char options[] = "{\"subdomain\":\"lanternworks\",\"email\":\"eve@x.example\","
                                  "\"api_token\":\"wrong\",\"base_url\":\"http://sim.test\"}";
    struct stage desk;
    struct harvest h;

    (void)state;
    desk_open(&desk, "demo", 0);
    check(&desk, options, &h);
    assert_int_equal(h.check_count, 1);
    assert_false(h.checks[0].good);
    assert_non_null(strstr(h.checks[0].hint, "api_token"));
    harvest_release(&h);
    stage_close(&desk);
}

static void an_agent_is_told_that_exports_need_an_administrator(void **state)
{
    struct stage desk;
    struct harvest h;

    (void)state;
    desk_open(&desk, "demo", 0);
    desk_op(&desk, "\"role\",\"to\":\"agent\"");
    check(&desk, NULL, &h);
    assert_true(finding(&h, "credentials")->good);
    assert_false(finding(&h, "incremental exports")->good);
    assert_non_null(strstr(finding(&h, "incremental exports")->hint, "administrator"));
    harvest_release(&h);
    desk_read(&desk, "tickets", NULL, true, true, &h);
    assert_int_equal(h.code, SL_PERMISSION);
    assert_non_null(strstr(h.error.hint, "administrator"));
    assert_null(h.complete);
    harvest_release(&h);
    desk_read(&desk, "groups", NULL, true, true, &h); /* the others go on */
    assert_int_equal(h.code, SL_DONE);
    harvest_release(&h);
    stage_close(&desk);
}

static void api_tokens_that_are_retired_are_named(void **state)
{
    struct stage desk;
    struct harvest h;

    (void)state;
    desk_open(&desk, "demo", 0);
    desk_op(&desk, "\"behaviour\",\"api_tokens_retired\":1");
    desk_read(&desk, "tickets", NULL, true, true, &h);
    assert_int_equal(h.code, SL_AUTH);
    assert_non_null(strstr(h.error.hint, "OAuth"));
    harvest_release(&h);
    stage_close(&desk);
}

static void a_subdomain_may_be_pasted_as_an_address(void **state)
{
    static const char *const good[] = {"lanternworks", "lanternworks.zendesk.com",
                                       "https://lanternworks.zendesk.com/agent/filters/1",
                                       "LanternWorks"};
    static const char *const bad[] = {"", "https://", "a b", "naïve", "../x"};
    char options[300];

    (void)state;
    for (size_t i = 0; i < 9; i++) {
        struct stage desk;
        struct harvest h;

        desk_open(&desk, "demo", 0);
        snprintf(options, sizeof options,
                 "{\"subdomain\":\"%s\",\"email\":\"ada@lanternworks.example\",\"api_token\":"
                 "\"zd-token-of-the-simulator\"}",
                 i < 4 ? good[i] : bad[i - 4]);
        check(&desk, options, &h);
        if (i < 4)
            assert_true(h.check_count == 5 && h.checks[0].good);
        else
            assert_int_equal(h.code, SL_BAD_SPEC);
        harvest_release(&h);
        stage_close(&desk);
    }
}

static void an_email_may_end_with_token(void **state)
{
    struct stage desk;
    struct harvest h;

    (void)state;
    desk_open(&desk, "demo", 0);
    check(&desk,
          "{\"subdomain\":\"x\",\"email\":\"ada@lanternworks.example/token\",\"api_token\":"
          "\"zd-token-of-the-simulator\"}",
          &h);
    assert_true(h.checks[0].good);
    harvest_release(&h);
    stage_close(&desk);
}

/* ---- OAuth ---- */

#define CLIENT                                                                                     \
    "{\"subdomain\":\"lanternworks\",\"client_id\":\"sluice\",\"client_secret\":"                  \
    "\"zd-client-secret\",\"base_url\":\"http://sim.test\""

static void take_options(struct stage *desk, const char *options)
{
    sl_buf_reset(&desk->options);
    sl_buf_adds(&desk->options, options);
}

static void an_oauth_client_reads_for_itself_or_for_a_user(void **state)
{
    static const char *const options[] = {CLIENT "}",
                                          CLIENT ",\"refresh_token\":\"zd-refresh-0\"}"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct stage desk;
        struct harvest h;

        desk_open(&desk, "demo", 0);
        desk_op(&desk, "\"behaviour\",\"api_tokens_retired\":1"); /* no way back to these */
        take_options(&desk, options[i]);
        check(&desk, NULL, &h);
        assert_true(finding(&h, "credentials")->good);
        harvest_release(&h);
        if (i == 0) desk_load(&desk, "tickets"); /* a refresh token served once; nobody kept it */
        stage_close(&desk);
    }
}

/* A first load of minutes, tokens of seconds. */
static void an_access_token_that_ends_under_a_run_is_replaced(void **state)
{
    struct stage desk;

    (void)state;
    desk_open(&desk, "demo", 30000);
    desk_op(&desk, "\"behaviour\",\"token_seconds\":45");
    take_options(&desk, CLIENT "}");
    desk_load(&desk, "tickets");
    stage_close(&desk);
}

static void a_client_that_is_refused_is_said(void **state)
{
    struct stage desk;
    struct harvest h;

    (void)state;
    desk_open(&desk, "demo", 0);
    take_options(&desk,
                 "{\"subdomain\":\"lanternworks\",\"client_id\":\"sluice\",\"client_secret\":"
                 "\"wrong\",\"base_url\":\"http://sim.test\"}");
    desk_read(&desk, "tickets", NULL, true, true, &h);
    assert_int_equal(h.code, SL_AUTH);
    assert_null(h.complete);
    harvest_release(&h);
    stage_close(&desk);
}

/* The address of tokens is made of the option as it is. */
static void oauth_wants_the_bare_subdomain(void **state)
{
    struct stage desk;
    struct harvest h;

    (void)state;
    desk_open(&desk, "demo", 0);
    check(&desk, "{\"subdomain\":\"https://lanternworks.zendesk.com\",\"client_id\":\"sluice\"}",
          &h);
    assert_int_equal(h.code, SL_BAD_SPEC);
    harvest_release(&h);
    stage_close(&desk);
}

/* ---- features ---- */

static void an_account_without_guide_or_gather_leaves_their_tables_out(void **state)
{
    struct stage desk;
    struct harvest h;

    (void)state;
    desk_open(&desk, "demo", 0);
    assert_null(harvest_table(&desk.tables, "articles")->excluded);
    desk_op(&desk, "\"guide\",\"off\":true");
    desk_op(&desk, "\"community\",\"off\":true");
    desk_discover(&desk);
    assert_non_null(harvest_table(&desk.tables, "articles")->excluded);
    assert_non_null(harvest_table(&desk.tables, "topics")->excluded);
    assert_null(harvest_table(&desk.tables, "tickets")->excluded);
    desk_read(&desk, "articles", NULL, true, true, &h); /* who names it is told */
    assert_int_equal(h.code, SL_NOT_FOUND);
    assert_null(h.complete);
    harvest_release(&h);
    stage_close(&desk);
}

static void what_is_forbidden_fails_its_table_alone(void **state)
{
    struct stage desk;
    struct harvest h;

    (void)state;
    desk_open(&desk, "demo", 0);
    desk_op(&desk, "\"forbid\",\"path\":\"/macros\"");
    desk_read(&desk, "macros", NULL, true, true, &h);
    assert_int_equal(h.code, SL_PERMISSION);
    assert_null(h.complete);
    harvest_release(&h);
    desk_load(&desk, "views");
    stage_close(&desk);
}

/* ---- custom fields ---- */

static void custom_fields_are_typed_columns(void **state)
{
    struct stage desk;
    const char *columns;

    (void)state;
    desk_open(&desk, "demo", 0);
    columns = harvest_table(&desk.tables, "tickets")->columns;
    assert_non_null(strstr(columns, "custom_Lamp detail 9:string"));
    assert_non_null(strstr(columns, "custom_Lamp detail 10:bigint"));
    assert_non_null(strstr(columns, "custom_Lamp detail 11:decimal(38,9)"));
    assert_non_null(strstr(columns, "custom_Lamp detail 12:boolean"));
    assert_non_null(strstr(columns, "custom_Lamp detail 13:date"));
    assert_non_null(strstr(columns, "custom_Lamp detail 15:array<string>"));
    assert_null(strstr(columns, "Lamp detail 3")); /* one of Zendesk's own */
    assert_non_null(
        strstr(harvest_table(&desk.tables, "users")->columns, "custom_field_2:decimal(38,9)"));
    stage_close(&desk);
}

static void fields_of_the_same_title_are_two_columns(void **state)
{
    struct stage desk;
    const char *columns;

    (void)state;
    desk_open(&desk, "demo", 0);
    desk_op(&desk, "\"add_field\",\"type\":\"integer\"");
    desk_op(&desk, "\"rename_field\",\"record\":15,\"to\":\"Lamp detail 9\"");
    desk_discover(&desk);
    columns = harvest_table(&desk.tables, "tickets")->columns;
    assert_non_null(strstr(columns, "custom_Lamp detail 9:string"));
    assert_non_null(strstr(columns, "custom_Lamp detail 9 2020000000300:bigint"));
    stage_close(&desk);
}

/* Between discover and read; its values are in custom_fields, and a column comes with the next run. */
static void a_field_that_is_made_under_a_run_is_in_the_raw_list(void **state)
{
    struct stage desk;
    struct harvest h;

    (void)state;
    desk_open(&desk, "demo", 0);
    desk_op(&desk, "\"add_field\",\"type\":\"text\"");
    desk_load(&desk, "tickets");
    desk_read(&desk, "tickets", NULL, true, true, &h);
    assert_non_null(strstr(h.rows[0].text, "\"id\":2020000000300"));
    assert_null(strstr(h.rows[0].text, "custom_Lamp detail 16"));
    harvest_release(&h);
    desk_discover(&desk);
    assert_non_null(strstr(harvest_table(&desk.tables, "tickets")->columns, "Lamp detail 16"));
    stage_close(&desk);
}

/* ---- answers that a test makes up ---- */

static void from_text(void *ctx, const struct sl_exchange *exchange, int64_t now_us,
                      struct script_answer *answer)
{
    (void)exchange, (void)now_us;
    answer->body = ctx;
}

static void read_made_up(const char *table, char *body, const char *state, const char *cursor,
                         struct harvest *out)
{
    struct sl_world *world = script_world(from_text, body);
    struct harvest_job job = {
        .connector = "zendesk",
        .options = "{\"subdomain\":\"acme\",\"email\":\"a@b.example\",\"api_token\":\"t\"}",
        .key_member = "id",
        .job = {.kind = SL_JOB_READ,
                .table = table,
                .state = state,
                .cursor = cursor,
                .full = cursor == NULL}};

    harvest_run(&job, world, out);
    sl_world_free(world);
}

/* Without the sideload a comment is there, but not its text. */
static void a_comment_without_its_text_is_never_a_row(void **state)
{
    char body[] = "{\"ticket_events\":[{\"id\":5,\"ticket_id\":1,\"child_events\":[{\"id\":6,"
                  "\"comment_present\":true,\"comment_public\":true,\"event_type\":\"Comment\"}]}],"
                  "\"count\":1,\"end_time\":1772000000,\"end_of_stream\":true}";
    struct harvest h;

    (void)state;
    read_made_up("ticket_comments", body, NULL, NULL, &h);
    assert_int_equal(h.code, SL_BAD_DATA);
    assert_int_equal(h.row_count, 0);
    harvest_release(&h);
}

static void in_two_pages(void *ctx, const struct sl_exchange *exchange, int64_t now_us,
                         struct script_answer *answer)
{
    int *calls = ctx;

    (void)exchange, (void)now_us;
    answer->body = ++*calls == 1 ? "{\"articles\":[{\"id\":1},{\"id\":2}],\"count\":3,"
                                   "\"next_page\":\"https://acme.zendesk.com/x\","
                                   "\"end_time\":1700000000}"
                                 : "{\"articles\":[{\"id\":3}],\"count\":1,\"next_page\":null,"
                                   "\"end_time\":1700000500}";
}

/* The help centre does not say end_of_stream, and need not give as many rows as were asked for. */
static void a_short_page_that_leads_on_is_not_the_last_one(void **state)
{
    int calls = 0;
    struct sl_world *world = script_world(in_two_pages, &calls);
    struct harvest_job job = {
        .connector = "zendesk",
        .options = "{\"subdomain\":\"acme\",\"email\":\"a@b.example\",\"api_token\":\"t\"}",
        .key_member = "id",
        .job = {.kind = SL_JOB_READ, .table = "articles", .full = true}};
    struct harvest h;

    (void)state;
    harvest_run(&job, world, &h);
    assert_int_equal(h.code, SL_DONE);
    assert_int_equal(harvest_keys(&h, "articles", false), 3);
    assert_int_equal(calls, 2);
    harvest_release(&h);
    sl_world_free(world);
}

static void a_list_without_pages_is_whole(void **state)
{
    char body[] = "{\"ticket_forms\":[{\"id\":1},{\"id\":2}]}";
    struct harvest h;

    (void)state;
    read_made_up("ticket_forms", body, NULL, NULL, &h);
    assert_int_equal(h.code, SL_DONE);
    assert_int_equal(harvest_keys(&h, "ticket_forms", false), 2);
    harvest_release(&h);
}

static void an_answer_that_contradicts_itself_ends_the_read(void **state)
{
    static const struct {
        const char *table, *body;
    } cases[] = {
        {"tickets", "{\"tickets\":[],\"end_of_stream\":false}"},
        {"tickets", "{\"tickets\":[],\"after_cursor\":\"same\",\"end_of_stream\":false}"},
        {"tickets", "{\"tickets\":{},\"end_of_stream\":true}"},
        {"tickets", "{\"users\":[],\"end_of_stream\":true}"},
        {"organizations", "{\"organizations\":[],\"end_of_stream\":false}"},
        {"ticket_events",
         "{\"ticket_events\":[],\"end_time\":-5,\"end_of_stream\":false,\"next_page\":\"x\"}"},
        {"brands", "{\"brands\":[]}"},
        {"brands", "{\"brands\":[],\"meta\":{\"has_more\":true}}"},
        {"brands", "{\"brands\":[],\"meta\":{\"has_more\":true,\"after_cursor\":\"same\"}}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct harvest h;
        char body[200];

        snprintf(body, sizeof body, "%s", cases[i].body);
        read_made_up(cases[i].table, body, NULL, NULL, &h);
        if (!sl_failed(h.code) || h.complete) fail_msg("case %zu: %s", i, cases[i].body);
        harvest_release(&h);
    }
}

static void values_of_fields_may_be_text_bool_number_list_or_null(void **state)
{
    char body[] =
        "{\"tickets\":[{\"id\":9007199254740993,\"custom_fields\":["
        "{\"id\":1,\"value\":\"745\"},{\"id\":2,\"value\":true},{\"id\":3,\"value\":1e3},"
        "{\"id\":4,\"value\":[\"a\",\"b\"]},{\"id\":5,\"value\":null},"
        "{\"id\":6,\"value\":\"nul\\u0000here\"},{\"id\":7,\"value\":\"\"},{\"id\":99},7,"
        "{\"id\":\"1\",\"value\":\"x\"}]}],\"after_cursor\":\"c\",\"end_of_stream\":true}";
    const char *fields = "{\"fields\":[[1,\"a\"],[2,\"b\"],[3,\"c\"],[4,\"d\"],[5,\"e\"],[6,\"f\"],"
                         "[7,\"g\"],[8,\"h\"],[9],7]}";
    struct harvest h;

    (void)state;
    read_made_up("tickets", body, fields, NULL, &h);
    assert_string_equal(h.error.message, "");
    assert_int_equal(h.row_count, 1);
    assert_string_equal(h.rows[0].key, "9007199254740993");
    assert_non_null(strstr(h.rows[0].text,
                           "{\"a\":\"745\"},{\"b\":\"true\"},{\"c\":\"1e3\"},"
                           "{\"d\":\"[\\\"a\\\",\\\"b\\\"]\"},{\"e\":null},"
                           "{\"f\":\"\\\"nul\\\\u0000here\\\"\"},{\"g\":null},{\"h\":null}"));
    harvest_release(&h);
}

/* An unknown table, a cursor of a megabyte: said, not crashed. */
static void an_unknown_table_is_said(void **state)
{
    char body[] = "{}";
    struct harvest h;

    (void)state;
    read_made_up("invoices", body, NULL, NULL, &h);
    assert_int_equal(h.code, SL_NOT_FOUND);
    harvest_release(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_visitor_is_not_taken_for_good_credentials),
        cmocka_unit_test(an_agent_is_told_that_exports_need_an_administrator),
        cmocka_unit_test(api_tokens_that_are_retired_are_named),
        cmocka_unit_test(a_subdomain_may_be_pasted_as_an_address),
        cmocka_unit_test(an_email_may_end_with_token),
        cmocka_unit_test(an_oauth_client_reads_for_itself_or_for_a_user),
        cmocka_unit_test(an_access_token_that_ends_under_a_run_is_replaced),
        cmocka_unit_test(a_client_that_is_refused_is_said),
        cmocka_unit_test(oauth_wants_the_bare_subdomain),
        cmocka_unit_test(an_account_without_guide_or_gather_leaves_their_tables_out),
        cmocka_unit_test(what_is_forbidden_fails_its_table_alone),
        cmocka_unit_test(custom_fields_are_typed_columns),
        cmocka_unit_test(fields_of_the_same_title_are_two_columns),
        cmocka_unit_test(a_field_that_is_made_under_a_run_is_in_the_raw_list),
        cmocka_unit_test(a_comment_without_its_text_is_never_a_row),
        cmocka_unit_test(a_short_page_that_leads_on_is_not_the_last_one),
        cmocka_unit_test(a_list_without_pages_is_whole),
        cmocka_unit_test(an_answer_that_contradicts_itself_ends_the_read),
        cmocka_unit_test(values_of_fields_may_be_text_bool_number_list_or_null),
        cmocka_unit_test(an_unknown_table_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
