/* Access tokens of OAuth connections: when they are renewed, by whom, what is kept when, and what
 * happens when the source says no. The network is a script, time is virtual, the store is in memory. */
#include "tiny/tiny.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "catalog/grant.h"

#define HOUR_US INT64_C(3600000000)
#define NOW_US INT64_C(1800000000000000) /* when the scripted network begins */

/* ---- a source that rotates its refresh tokens ---- */

static struct source {
    int refresh, access; /* the serials that are good: "rt0-secret", "at1-secret" */
    int grace;           /* refresh tokens so far back are taken, too */
    int requests, refused;
    int busy;   /* token requests that are answered 503 */
    int broken; /* ... whose connection breaks */
    bool always_401;
    const char *answer; /* said to every token request, with 400 */
    int64_t lifetime_s;
    char form[400], authorization[200], url[100];
} source;

static void answer_token(const struct sl_exchange *exchange, struct reply *reply)
{
    static char text[400];
    char known[40];
    int given = -1;

    source.requests++;
    snprintf(source.form, sizeof source.form, "%.*s", (int)exchange->body_len, exchange->body);
    snprintf(source.url, sizeof source.url, "%s", exchange->url);
    assert_true(exchange->credentials);
    reply->body = text;
    reply->status = 400;
    if (source.busy-- > 0) {
        reply->status = 503;
        reply->body = "<html>";
        return;
    }
    if (source.answer) {
        reply->body = source.answer;
        return;
    }
    for (int i = source.refresh; i >= 0 && i >= source.refresh - source.grace; i--) {
        snprintf(known, sizeof known, "refresh_token=rt%d-secret", i);
        if (strstr(source.form, known)) given = i;
    }
    if (strstr(source.form, "client_credentials")) given = source.refresh;
    if (given < 0) {
        source.refused++;
        snprintf(text, sizeof text,
                 "{\"error\":\"invalid_grant\",\"error_description\":\"rt0-secret is spent\"}");
        return;
    }
    reply->status = 200;
    source.refresh++, source.access++;
    snprintf(text, sizeof text,
             "{\"access_token\":\"at%d-secret\",\"refresh_token\":\"rt%d-secret\","
             "\"token_type\":\"Bearer\",\"expires_in\":%d}",
             source.access, source.refresh, (int)source.lifetime_s);
    if (source.broken-- > 0) reply->code = SL_CONNECT;
}

static void answer_all(struct net *net, const struct sl_exchange *exchange, struct reply *reply)
{
    char good[40];

    if (strstr(exchange->url, "/token")) {
        snprintf(source.authorization, sizeof source.authorization, "%s", net->authorization);
        answer_token(exchange, reply);
        return;
    }
    snprintf(good, sizeof good, "Bearer at%d-secret", source.access);
    reply->body = "[{\"a\":1},{\"a\":2}]";
    if (source.always_401 || strcmp(net->authorization, good) != 0) reply->status = 407;
}

static enum sl_code asks_once(void *task, const struct sl_response *response, struct sl_out *out,
                              struct sl_error *error)
{
    struct sl_request request = {.url = "https://api.example.org/rows",
                                 .auth = {.kind = SL_AUTH_OAUTH}};
    enum sl_code rc;

    (void)task;
    if (response) return give(out, response, error) ? error->code : SL_DONE;
    rc = sl_out_request(out, &request, error);
    return rc ? rc : SL_MORE;
}

/* ---- a store in memory ---- */

static struct shelf {
    struct sl_grant grant;
    bool full, held, elsewhere; /* elsewhere: another process holds the lock */
    int saves, save_fails, looks;
    int64_t (*now)(void);
    void (*other)(struct shelf *shelf); /* what the other process does at a try to lock */
    char log[4000];
} shelf;

static void note(const char *format, ...)
{
    size_t len = strlen(shelf.log);
    va_list args;

    va_start(args, format);
    vsnprintf(shelf.log + len, sizeof shelf.log - len, format, args);
    va_end(args);
}

static void copy_grant(struct sl_grant *to, const struct sl_grant *from)
{
    sl_grant_release(to);
    *to = *from;
    to->access_token = from->access_token ? sl_strdup(from->access_token) : NULL;
    to->refresh_token = from->refresh_token ? sl_strdup(from->refresh_token) : NULL;
    to->replaced = from->replaced ? sl_strdup(from->replaced) : NULL;
}

static enum sl_code shelf_load(void *ctx, const char *seed, struct sl_grant *out,
                               struct sl_error *error)
{
    (void)ctx, (void)error;
    assert_int_equal(strlen(seed), SL_GRANT_SEED_MAX - 1);
    assert_true(shelf.held);
    *out = (struct sl_grant){0};
    if (!shelf.full) return SL_DONE;
    copy_grant(out, &shelf.grant);
    return SL_OK;
}

static enum sl_code shelf_save(void *ctx, const char *seed, const struct sl_grant *grant,
                               struct sl_error *error)
{
    (void)ctx, (void)seed;
    assert_true(shelf.held);
    if (grant->asked_us == 0 && shelf.save_fails > 0) {
        shelf.save_fails--;
        return sl_fail(error, SL_DESTINATION, "the disk is full");
    }
    copy_grant(&shelf.grant, grant);
    shelf.full = true;
    shelf.saves++;
    note("%s %s%s%s;", grant->asked_us ? "mark" : "save", grant->refresh_token,
         grant->replaced ? " after " : "", grant->replaced ? grant->replaced : "");
    return SL_OK;
}

static enum sl_code shelf_lock(void *ctx, struct sl_error *error)
{
    (void)ctx, (void)error;
    shelf.looks++;
    if (shelf.other) shelf.other(&shelf);
    if (shelf.elsewhere) return SL_BUSY;
    assert_false(shelf.held);
    shelf.held = true;
    return SL_OK;
}

static void shelf_unlock(void *ctx)
{
    (void)ctx;
    assert_true(shelf.held);
    shelf.held = false;
}

static const struct sl_grant_store store = {shelf_load, shelf_save, shelf_lock, shelf_unlock, NULL};

static const struct sl_secret oauth_secrets[] = {{"client_secret", "cs-secret"},
                                                 {"refresh_token", "rt0-secret"},
                                                 {0}};

static struct fixture *open_with(const struct sl_grant_store *grants)
{
    struct fixture *f = make(asks_once, answer_all);

    f->connection.options_json = "{\"base\":\"acme\",\"client_id\":\"app&1\"}";
    f->connection.secrets = oauth_secrets;
    f->connection.grants = grants;
    return f;
}

static void close_all(struct fixture *f)
{
    assert_false(shelf.held);
    for (size_t i = 0; i < 4; i++) { /* nothing that is said holds a secret */
        assert_null(strstr(f->told[i].error.message, "-secret"));
        assert_null(strstr(f->told[i].error.hint, "-secret"));
    }
    sl_grant_release(&shelf.grant);
    unmake(f);
}

static int fresh_source(void **state)
{
    (void)state;
    source = (struct source){.lifetime_s = 3600};
    shelf = (struct shelf){0};
    tiny_oauth.basic = tiny_oauth.client_credentials = false;
    tiny_oauth.scope = NULL;
    return 0;
}

/* What an earlier run left: the tokens of these serials. */
static void put_on_shelf(int refresh, int access, int64_t expires_in_us)
{
    char text[40];

    shelf.full = true;
    snprintf(text, sizeof text, "rt%d-secret", refresh);
    shelf.grant.refresh_token = sl_strdup(text);
    snprintf(text, sizeof text, "at%d-secret", access);
    shelf.grant.access_token = sl_strdup(text);
    shelf.grant.obtained_us = NOW_US + expires_in_us - HOUR_US;
    shelf.grant.expires_us = NOW_US + expires_in_us;
    source.refresh = refresh, source.access = access;
}

/* ---- when a token is got ---- */

static void a_token_is_got_first_and_kept_before_it_is_used(void **state)
{
    struct fixture *f = open_with(&store);

    (void)state;
    add(f, 0, "t");
    add(f, 1, "u");
    run(f);
    assert_int_equal(f->told[0].code, SL_DONE);
    assert_int_equal(f->told[1].code, SL_DONE);
    assert_int_equal(f->told[0].rows, 2);
    assert_int_equal(source.requests, 1);
    assert_int_equal(f->net.calls, 3);
    assert_string_equal(source.url, "https://acme.example.org/token");
    assert_string_equal(source.form, "grant_type=refresh_token&refresh_token=rt0-secret&"
                                     "client_id=app%261&client_secret=cs-secret");
    /* asked, kept with the one before it, and without that when it had worked */
    assert_string_equal(shelf.log,
                        "mark rt0-secret;save rt1-secret after rt0-secret;save rt1-secret;");
    assert_int_equal(sl_job_counts(f->told[0].job)->calls, 1);
    close_all(f);
}

static void a_token_that_is_good_is_used(void **state)
{
    struct fixture *f = open_with(&store);

    (void)state;
    put_on_shelf(4, 4, HOUR_US / 2);
    add(f, 0, "t");
    run(f);
    assert_int_equal(f->told[0].code, SL_DONE);
    assert_int_equal(source.requests, 0);
    assert_string_equal(shelf.log, "");
    close_all(f);
}

static void a_token_that_ends_soon_is_renewed(void **state)
{
    struct fixture *f = open_with(&store);

    (void)state;
    put_on_shelf(4, 4, 100000000);
    add(f, 0, "t");
    run(f);
    assert_int_equal(f->told[0].code, SL_DONE);
    assert_int_equal(source.requests, 1);
    assert_non_null(strstr(shelf.log, "save rt5-secret"));
    close_all(f);
}

/* Less than the margin, but it is what there is. */
static void a_token_of_a_short_life_is_used(void **state)
{
    struct fixture *f = open_with(&store);

    (void)state;
    source.lifetime_s = 20;
    add(f, 0, "t");
    run(f);
    assert_int_equal(f->told[0].code, SL_DONE);
    assert_int_equal(source.requests, 1);
    close_all(f);
}

static void without_a_store_each_loop_asks(void **state)
{
    struct fixture *f = open_with(NULL);

    (void)state;
    add(f, 0, "t");
    run(f);
    assert_int_equal(f->told[0].code, SL_DONE);
    assert_int_equal(source.requests, 1);
    close_all(f);
}

static void a_client_may_speak_for_itself(void **state)
{
    static const struct sl_secret secrets[] = {{"client_secret", "cs-secret"}, {0}};
    struct fixture *f = open_with(&store);

    (void)state;
    tiny_oauth.client_credentials = tiny_oauth.basic = true;
    tiny_oauth.scope = "read all";
    f->connection.secrets = secrets;
    add(f, 0, "t");
    run(f);
    assert_int_equal(f->told[0].code, SL_DONE);
    assert_string_equal(source.form, "grant_type=client_credentials&scope=read%20all");
    assert_string_equal(source.authorization, "Basic YXBwJjE6Y3Mtc2VjcmV0");
    assert_null(shelf.grant.refresh_token); /* it needs none, so none is kept */
    close_all(f);
}

/* ---- refused tokens ---- */

static void a_refused_token_is_renewed_and_the_request_made_once_more(void **state)
{
    struct fixture *f = open_with(&store);

    (void)state;
    put_on_shelf(4, 4, HOUR_US / 2);
    source.access = 7; /* somebody revoked ours */
    add(f, 0, "t");
    add(f, 1, "u");
    run(f);
    assert_int_equal(f->told[0].code, SL_DONE);
    assert_int_equal(f->told[1].code, SL_DONE);
    assert_int_equal(f->told[0].rows, 2);
    assert_int_equal(source.requests, 1);
    close_all(f);
}

static void refused_twice_it_is_not_the_token(void **state)
{
    struct fixture *f = open_with(&store);

    (void)state;
    source.always_401 = true;
    add(f, 0, "t");
    run(f);
    assert_int_equal(f->told[0].code, SL_AUTH);
    assert_non_null(strstr(f->told[0].error.message, "a new access token was refused as well"));
    assert_non_null(strstr(f->told[0].error.hint, "Authorise connection 'c' again"));
    assert_int_equal(source.requests, 2);
    assert_int_equal(f->net.calls, 4);
    close_all(f);
}

/* ---- two processes ---- */

static void other_has_renewed(struct shelf *s)
{
    if (s->looks < 20) return;
    s->elsewhere = false;
    s->other = NULL;
    sl_grant_release(&s->grant);
    put_on_shelf(1, 1, HOUR_US);
}

static void what_another_process_renewed_is_used(void **state)
{
    struct fixture *f = open_with(&store);

    (void)state;
    shelf.elsewhere = true;
    shelf.other = other_has_renewed;
    add(f, 0, "t");
    run(f);
    assert_int_equal(f->told[0].code, SL_DONE);
    assert_int_equal(source.requests, 0);
    assert_int_equal(shelf.looks, 20);
    close_all(f);
}

static void nobody_waits_for_ever(void **state)
{
    struct fixture *f = open_with(&store);

    (void)state;
    shelf.elsewhere = true;
    add(f, 0, "t");
    run(f);
    assert_int_equal(f->told[0].code, SL_BUSY);
    assert_int_equal(f->net.calls, 0);
    close_all(f);
}

/* The token worked, but another process has renewed since: what it kept stays. */
static void what_is_newer_is_not_overwritten(void **state)
{
    struct fixture *f = open_with(&store);

    (void)state;
    add(f, 0, "t");
    run(f);
    sl_grant_release(&shelf.grant);
    put_on_shelf(8, 8, HOUR_US);
    shelf.log[0] = '\0';
    add(f, 1, "u");
    source.access = 1; /* ours is still good, too */
    run(f);
    assert_int_equal(f->told[1].code, SL_DONE);
    assert_string_equal(shelf.log, "");
    assert_string_equal(shelf.grant.refresh_token, "rt8-secret");
    close_all(f);
}

/* ---- the source is down, or says no ---- */

static void an_outage_is_waited_out(void **state)
{
    struct fixture *f = open_with(&store);

    (void)state;
    source.busy = 3;
    add(f, 0, "t");
    run(f);
    assert_int_equal(f->told[0].code, SL_DONE);
    assert_int_equal(source.requests, 4);
    close_all(f);
}

static void an_outage_that_stays_ends_the_run(void **state)
{
    struct fixture *f = open_with(&store);

    (void)state;
    source.busy = 1000;
    add(f, 0, "t");
    add(f, 1, "u");
    run(f);
    assert_int_equal(f->told[0].code, SL_SOURCE);
    assert_int_equal(f->told[1].code, SL_SOURCE);
    assert_non_null(strstr(f->told[0].error.message, "POST https://acme.example.org/token"));
    assert_int_equal(source.requests, 8);
    close_all(f);
}

/* The answer is lost on its way: the old token is all there is to ask with. */
static void a_lost_answer(int grace, enum sl_code code)
{
    struct fixture *f = open_with(&store);

    source.broken = 1;
    source.grace = grace;
    add(f, 0, "t");
    run(f);
    assert_int_equal(f->told[0].code, code);
    assert_int_equal(source.requests, 2); /* and not again and again */
    if (code == SL_AUTH) {
        assert_non_null(strstr(f->told[0].error.message, "may have used up its refresh token"));
        assert_non_null(strstr(f->told[0].error.hint, "connections update c"));
        assert_non_null(strstr(f->told[0].error.hint, "docs/oauth.md"));
    }
    close_all(f);
}

static void a_lost_answer_is_survived_where_the_source_has_a_grace(void **state)
{
    (void)state;
    a_lost_answer(1, SL_DONE);
}

static void a_lost_answer_means_a_new_authorisation_where_it_has_none(void **state)
{
    (void)state;
    a_lost_answer(0, SL_AUTH);
}

static void a_revoked_grant_says_what_to_do(void **state)
{
    struct fixture *f = open_with(&store);

    (void)state;
    put_on_shelf(4, 4, 0);
    source.refresh = 9;
    add(f, 0, "t");
    add(f, 1, "u");
    run(f);
    assert_int_equal(f->told[0].code, SL_AUTH);
    assert_int_equal(f->told[1].code, SL_AUTH);
    assert_int_equal(source.requests, 1);
    assert_non_null(strstr(f->told[0].error.message, "invalid_grant: *** is spent"));
    assert_null(strstr(f->told[0].error.message, "may have used up"));
    assert_non_null(strstr(f->told[0].error.hint, "Authorise it again"));
    assert_int_equal(shelf.grant.asked_us, 0); /* this request was answered */
    close_all(f);
}

/* The source gave a successor and then does not know it. */
static void the_token_before_is_tried_when_the_newest_is_refused(void **state)
{
    struct fixture *f = open_with(&store);

    (void)state;
    put_on_shelf(5, 5, 0);
    shelf.grant.replaced = sl_strdup("rt4-secret");
    source.refresh = 4;
    add(f, 0, "t");
    run(f);
    assert_int_equal(f->told[0].code, SL_DONE);
    assert_int_equal(source.requests, 2);
    close_all(f);
}

static void a_wrong_client_is_named(void **state)
{
    struct fixture *f = open_with(&store);

    (void)state;
    source.answer = "{\"error\":\"invalid_client\",\"error_description\":\"bad cs-secret\"}";
    add(f, 0, "t");
    run(f);
    assert_int_equal(f->told[0].code, SL_AUTH);
    assert_non_null(strstr(f->told[0].error.message, "invalid_client: bad ***"));
    assert_non_null(strstr(f->told[0].error.hint, "'client_id' and 'client_secret'"));
    close_all(f);
}

/* What is too long is cut, but no secret is: half of one would not be known for what it is. */
static void no_half_of_a_secret_is_said(void **state)
{
    (void)state;
    for (int before = 280; before < 420; before++) {
        char answer[600];
        fresh_source(NULL);
        struct fixture *f = open_with(&store);
        snprintf(answer, sizeof answer,
                 "{\"error\":\"invalid_client\",\"error_description\":\"%0*d rt0-secret\"}", before,
                 0);
        source.answer = answer;
        add(f, 0, "t");
        run(f);
        assert_int_equal(f->told[0].code, SL_AUTH);
        assert_non_null(strstr(f->told[0].error.message, "invalid_client: 0000"));
        assert_null(strstr(f->told[0].error.message, "rt"));
        close_all(f);
    }
}

static void answers_that_are_none(void **state)
{
    static const char *const bodies[] = {
        "", "null", "[]", "{\"error\":7}", "{\"error\":{\"a\":1}}", "{\"error\":\"\"}", "<a>"};

    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        fresh_source(NULL);
        struct fixture *f = open_with(&store);
        source.answer = bodies[i];
        add(f, 0, "t");
        run(f);
        assert_int_equal(f->told[0].code, SL_AUTH);
        assert_int_equal(source.requests, 1);
        close_all(f);
    }
}

/* ---- keeping ---- */

static void a_token_that_is_not_kept_is_not_used(void **state)
{
    struct fixture *f = open_with(&store);

    (void)state;
    shelf.save_fails = 3;
    add(f, 0, "t");
    run(f);
    assert_int_equal(f->told[0].code, SL_DONE);
    assert_int_equal(source.requests, 1);
    assert_true(f->net.called_us[1] - f->net.called_us[0] >= 3000000);
    assert_string_equal(shelf.grant.refresh_token, "rt1-secret");
    close_all(f);
}

static void a_disk_that_stays_full_ends_the_run(void **state)
{
    struct fixture *f = open_with(&store);

    (void)state;
    shelf.save_fails = 100;
    add(f, 0, "t");
    run(f);
    assert_int_equal(f->told[0].code, SL_DESTINATION);
    assert_non_null(strstr(f->told[0].error.message, "the disk is full"));
    assert_int_equal(f->net.calls, 1);
    close_all(f);
}

static bool asked_already(void *ctx)
{
    (void)ctx;
    return source.requests > 0;
}

static void whoever_stops_the_run_loses_no_token(void **state)
{
    struct fixture *f = open_with(&store);
    struct sl_error error = {0};

    (void)state;
    add(f, 0, "t");
    assert_int_equal(sl_loop_run(f->loop, asked_already, NULL, NULL, &error), SL_OK);
    assert_int_equal(f->told[0].code, SL_CANCELLED);
    assert_string_equal(shelf.grant.refresh_token, "rt1-secret");
    assert_int_equal(f->net.cancelled, 0);
    close_all(f);
}

/* ---- what the connection says ---- */

static void what_is_missing_or_leads_elsewhere_is_said(void **state)
{
    static const struct sl_secret no_refresh[] = {{"client_secret", "cs-secret"}, {0}};
    static const struct {
        const char *options;
        const struct sl_secret *secrets;
        enum sl_code code;
        const char *message;
    } cases[] = {
        {"{\"base\":\"acme\"}", oauth_secrets, SL_AUTH, "no 'client_id'"},
        {"{\"base\":\"acme\",\"client_id\":\"i\"}", no_refresh, SL_AUTH, "no 'refresh_token'"},
        {"{\"client_id\":\"i\"}", oauth_secrets, SL_BAD_SPEC, "'base' is missing"},
        {"{\"base\":\"evil.example.com/\",\"client_id\":\"i\"}", oauth_secrets, SL_BAD_SPEC,
         "'base' is no part of an address"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture *f = open_with(&store);
        f->connection.options_json = cases[i].options;
        f->connection.secrets = cases[i].secrets;
        add(f, 0, "t");
        run(f);
        assert_int_equal(f->told[0].code, cases[i].code);
        assert_non_null(strstr(f->told[0].error.message, cases[i].message));
        assert_int_equal(f->net.calls, 0);
        close_all(f);
    }
}

/* Every allocation of a run with a renewal fails in turn. */
static void memory_that_runs_out_is_an_error(void **state)
{
    (void)state;
    for (int64_t n = 1; n < 400; n++) {
        fresh_source(NULL);
        source.grace = 1;
        struct fixture *f = open_with(&store);
        add(f, 0, "t");
        sl_alloc_fail_after(n);
        run(f);
        bool failed = sl_alloc_failed();
        sl_alloc_fail_after(-1);
        enum sl_code code = f->told[0].code;
        assert_true(code == SL_DONE || code == SL_NO_MEMORY || code == SL_AUTH);
        close_all(f);
        if (!failed) return;
    }
    fail_msg("it never ends");
}

#define TEST(name) cmocka_unit_test_setup(name, fresh_source)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_token_is_got_first_and_kept_before_it_is_used),
        TEST(a_token_that_is_good_is_used),
        TEST(a_token_that_ends_soon_is_renewed),
        TEST(a_token_of_a_short_life_is_used),
        TEST(without_a_store_each_loop_asks),
        TEST(a_client_may_speak_for_itself),
        TEST(a_refused_token_is_renewed_and_the_request_made_once_more),
        TEST(refused_twice_it_is_not_the_token),
        TEST(what_another_process_renewed_is_used),
        TEST(nobody_waits_for_ever),
        TEST(what_is_newer_is_not_overwritten),
        TEST(an_outage_is_waited_out),
        TEST(an_outage_that_stays_ends_the_run),
        TEST(a_lost_answer_is_survived_where_the_source_has_a_grace),
        TEST(a_lost_answer_means_a_new_authorisation_where_it_has_none),
        TEST(a_revoked_grant_says_what_to_do),
        TEST(the_token_before_is_tried_when_the_newest_is_refused),
        TEST(a_wrong_client_is_named),
        TEST(no_half_of_a_secret_is_said),
        TEST(answers_that_are_none),
        TEST(a_token_that_is_not_kept_is_not_used),
        TEST(a_disk_that_stays_full_ends_the_run),
        TEST(whoever_stops_the_run_loses_no_token),
        TEST(what_is_missing_or_leads_elsewhere_is_said),
        TEST(memory_that_runs_out_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
