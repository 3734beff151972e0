/*
 * The Stripe connector against answers that no simulator gives: pages without end, lists that lead
 * elsewhere, what cannot be.
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
#include "sources/stripe_source.h"

#define STATE                                                                                      \
    "{\"account\":\"acct_1Abc\",\"connected\":false,\"live\":false,\"created\":1700000000}"

static struct harvest read_script(script_fn *answer, const char *table, const char *cursor,
                                  int *calls)
{
    struct sl_world *world = script_world(answer, calls);
    struct harvest_job job = {.connector = "stripe",
                              .options = "{}",
                              .key_member = "id",
                              .job = {.kind = SL_JOB_READ,
                                      .table = table,
                                      .state = STATE,
                                      .cursor = cursor,
                                      .full = cursor == NULL}};
    struct harvest h;

    *calls = 0;
    harvest_run(&job, world, &h);
    sl_world_free(world);
    return h;
}

static void same_page(void *ctx, const struct sl_exchange *exchange, int64_t now_us,
                      struct script_answer *answer)
{
    (void)exchange, (void)now_us;
    ++*(int *)ctx;
    answer->body = "{\"object\":\"list\",\"has_more\":true,\"data\":[{\"id\":\"ch_1\","
                   "\"object\":\"charge\",\"created\":1700000000}]}";
}

static void a_page_that_comes_for_ever_ends_the_read(void **state)
{
    int calls;
    struct harvest h = read_script(same_page, "charges", NULL, &calls);

    (void)state;
    assert_int_equal(h.code, SL_BAD_DATA);
    assert_null(h.complete);
    assert_true(calls < 60);
    harvest_release(&h);
}

static void same_lines(void *ctx, const struct sl_exchange *exchange, int64_t now_us,
                       struct script_answer *answer)
{
    static const char invoice[] =
        "{\"id\":\"in_1\",\"object\":\"invoice\",\"created\":1700000000,\"lines\":{\"object\":"
        "\"list\",\"data\":[{\"id\":\"il_1\"}],\"has_more\":true,\"url\":\"/v1/invoices/in_1/"
        "lines\"}}";

    (void)now_us;
    ++*(int *)ctx;
    if (strstr(exchange->url, "/lines"))
        answer->body = "{\"object\":\"list\",\"has_more\":true,\"data\":[{\"id\":\"il_2\"}]}";
    else if (strstr(exchange->url, "in_1"))
        answer->body = invoice;
    else
        answer->body =
            "{\"object\":\"list\",\"has_more\":false,\"data\":[{\"id\":\"in_1\",\"object\":"
            "\"invoice\",\"created\":1700000000,\"lines\":{\"object\":\"list\",\"data\":[{\"id\":"
            "\"il_1\"}],\"has_more\":true,\"url\":\"/v1/invoices/in_1/lines\"}}]}";
}

/* Legacy ids of lines: the page after the last one is the same page. */
static void lines_that_repeat_for_ever_end_and_say_so(void **state)
{
    int calls;
    struct harvest h = read_script(same_lines, "invoices", NULL, &calls);

    (void)state;
    assert_string_equal(h.error.message, "");
    assert_true(calls <= 5);
    assert_int_equal(harvest_count(&h, "invoices", false), 1);
    assert_true(harvest_notes(&h, "could not be read to the end"));
    assert_non_null(strstr(h.rows[0].text, "\"has_more\":true"));
    harvest_release(&h);
}

static void other_mode(void *ctx, const struct sl_exchange *exchange, int64_t now_us,
                       struct script_answer *answer)
{
    (void)now_us;
    ++*(int *)ctx;
    if (strstr(exchange->url, "/events")) {
        answer->body = "{\"object\":\"list\",\"has_more\":false,\"data\":[{\"id\":\"evt_1\","
                       "\"type\":\"customer.updated\",\"created\":1772441000,\"api_version\":"
                       "\"2020-08-27\",\"data\":{\"object\":{\"id\":\"cus_1\",\"object\":"
                       "\"customer\"}}}]}";
        return;
    }
    answer->status = 404;
    answer->body = "{\"error\":{\"code\":\"resource_missing\",\"param\":\"id\",\"message\":\"No "
                   "such customer: 'cus_1'; a similar object exists in live mode, but a test mode "
                   "key was used to make this request.\",\"type\":\"invalid_request_error\"}}";
}

/* A 404 that says so is not a deletion. */
static void an_object_of_the_other_mode_is_not_deleted(void **state)
{
    int calls;
    struct harvest h = read_script(other_mode, "customers",
                                   "{\"parts\":{\"\":{\"v\":1,\"scope\":\"2024-12-18.acacia \","
                                   "\"from\":1772440000}}}",
                                   &calls);

    (void)state;
    assert_int_equal(h.code, SL_PERMISSION);
    assert_int_equal(harvest_count(&h, NULL, true), 0);
    assert_non_null(strstr(h.error.hint, "mode"));
    harvest_release(&h);
}

static void hostile(void *ctx, const struct sl_exchange *exchange, int64_t now_us,
                    struct script_answer *answer)
{
    static const char *const bodies[] = {
        "{\"data\":[{\"id\":\"a\\u0000b\",\"created\":1}],\"has_more\":true}",
        "{\"data\":[{\"id\":7,\"created\":\"x\"}],\"has_more\":true}",
        "{\"data\":[],\"has_more\":true}",
        "{\"data\":{\"id\":\"ch_1\"},\"has_more\":false}",
        "{\"data\":[null,[],\"x\"],\"has_more\":true}",
        "{}",
    };

    (void)exchange, (void)now_us;
    answer->body = bodies[*(int *)ctx % 6];
}

static void an_answer_that_cannot_be_ends_the_read(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++) {
        int which = i;
        struct sl_world *world = script_world(hostile, &which);
        struct harvest_job job = {
            .connector = "stripe",
            .options = "{}",
            .key_member = "id",
            .job = {.kind = SL_JOB_READ, .table = "charges", .state = STATE, .full = true}};
        struct harvest h;

        harvest_run(&job, world, &h);
        assert_true(sl_failed(h.code));
        assert_null(h.complete);
        harvest_release(&h);
        sl_world_free(world);
    }
}

static void foreign_sub_list(void *ctx, const struct sl_exchange *exchange, int64_t now_us,
                             struct script_answer *answer)
{
    (void)now_us;
    ++*(int *)ctx;
    assert_non_null(strstr(exchange->url, "https://api.stripe.com/v1/invoices"));
    answer->body =
        strstr(exchange->url, "in_1")
            ? "{\"id\":\"in_1\",\"object\":\"invoice\",\"lines\":{\"object\":\"list\",\"data\":[],"
              "\"has_more\":true,\"url\":\"@evil.example/v1/\"}}"
            : "{\"has_more\":false,\"data\":[{\"id\":\"in_1\",\"object\":\"invoice\",\"lines\":{"
              "\"object\":\"list\",\"data\":[],\"has_more\":true,\"url\":\"@evil.example/v1/\"}}]}";
}

/* Where a sub-list goes on is the server's word: the key goes nowhere else. */
static void a_sub_list_elsewhere_is_not_followed(void **state)
{
    int calls;
    struct harvest h = read_script(foreign_sub_list, "invoices", NULL, &calls);

    (void)state;
    assert_string_equal(h.error.message, "");
    assert_int_equal(calls, 2);
    assert_int_equal(harvest_count(&h, "invoices", false), 1);
    harvest_release(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_that_comes_for_ever_ends_the_read),
        cmocka_unit_test(lines_that_repeat_for_ever_end_and_say_so),
        cmocka_unit_test(an_object_of_the_other_mode_is_not_deleted),
        cmocka_unit_test(an_answer_that_cannot_be_ends_the_read),
        cmocka_unit_test(a_sub_list_elsewhere_is_not_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
