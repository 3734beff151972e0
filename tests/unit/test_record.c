/* A recording shows no secret, and a replay of it does again what happened. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "http/scrub.h"
#include "http/world.h"

#define SECRET "pat/Ab+9.\"q\\z=KeyOfNobody"
#define FOREVER INT64_MAX
#define BEGIN INT64_C(1772442000000000) /* 2026-03-02T09:00:00Z */

/* ------------------------------------------------------------------ a world by script */

struct act {
    enum sl_code code;
    int status;
    const struct sl_header *headers;
    const char *body;
    size_t body_len;
    unsigned chunk;
    bool began;
    int64_t started_ms, received_ms; /* after BEGIN */
};

struct stage {
    struct sl_world world;
    const struct act *acts;
    size_t next, cancels;
    struct sl_exchange *exchange;
    char body[4096];
};

static int64_t stage_now(struct sl_world *world)
{
    (void)world;
    return BEGIN;
}

static uint64_t stage_dice(struct sl_world *world)
{
    (void)world;
    return 4;
}

static enum sl_code stage_start(struct sl_world *world, struct sl_exchange *exchange,
                                struct sl_error *error)
{
    (void)error;
    ((struct stage *)world)->exchange = exchange;
    return SL_OK;
}

static void stage_cancel(struct sl_world *world, struct sl_exchange *exchange)
{
    (void)exchange;
    ((struct stage *)world)->cancels++;
}

static bool stage_wait(struct sl_world *world, int64_t until_us, struct sl_completion *out)
{
    static const struct sl_header none[1];
    struct stage *stage = (struct stage *)world;
    const struct act *act = &stage->acts[stage->next++];

    (void)until_us;
    *out = (struct sl_completion){
        .exchange = stage->exchange,
        .code = act->code,
        .status = act->status,
        .headers = act->headers ? act->headers : none,
        .body = stage->body,
        .body_len = act->body_len,
        .chunk = act->chunk,
        .began = act->began,
        .started_at_us = BEGIN + act->started_ms * 1000,
        .received_at_us = BEGIN + act->received_ms * 1000,
    };
    if (act->code) {
        sl_fail(&out->error, act->code, "it broke at %s", SECRET);
        out->error.retryable = true;
    }
    if (act->body_len) memcpy(stage->body, act->body, act->body_len);
    return true;
}

static void stage_wake(struct sl_world *world)
{
    (void)world;
}

static const struct sl_world_ops stage_ops = {
    .now_us = stage_now,
    .monotonic_us = stage_now,
    .dice = stage_dice,
    .start = stage_start,
    .cancel = stage_cancel,
    .wait = stage_wait,
    .wake = stage_wake,
    .free = stage_wake,
};

/* ------------------------------------------------------------------ folders */

static char *folder_new(void)
{
    const char *base = getenv("SLUICE_TEST_TMP");
    char *path = calloc(1, 512);

    snprintf(path, 512, "%s/record-XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(path));
    return path;
}

static void folder_free(char *folder)
{
    char path[600];

    for (int i = 1;; i++) {
        snprintf(path, sizeof path, "%s/%06d.json", folder, i);
        if (unlink(path)) break;
    }
    assert_int_equal(rmdir(folder), 0);
    free(folder);
}

/* The i-th file as text. */
static char *file_of(const char *folder, int i)
{
    char path[600], *text = calloc(1, 1 << 20);

    snprintf(path, sizeof path, "%s/%06d.json", folder, i);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
    fclose(file);
    return text;
}

static struct sl_world *record_to(const char *folder, struct stage *stage, const struct act *acts)
{
    static const char *const secrets[] = {SECRET, "", "second-secret", NULL};
    struct sl_world *world = NULL;
    struct sl_error error;

    *stage = (struct stage){.world.ops = &stage_ops, .acts = acts};
    assert_int_equal(sl_world_record(&stage->world, folder, secrets, &world, &error), SL_OK);
    return world;
}

static void run(struct sl_world *world, struct sl_exchange *exchange, struct sl_completion *out)
{
    struct sl_error error;

    assert_int_equal(world->ops->start(world, exchange, &error), SL_OK);
    assert_true(world->ops->wait(world, FOREVER, out));
}

static struct sl_world *replay_of(const char *folder)
{
    struct sl_world *world = NULL;
    struct sl_error error = {0};

    if (sl_world_replay(folder, &world, &error)) fail_msg("%s", error.message);
    return world;
}

/* ------------------------------------------------------------------ scrubbing */

static void scrubbed(const char *text, const char *expected)
{
    static const char *const secrets[] = {SECRET, "ab c", NULL};
    struct sl_scrub *scrub = sl_scrub_new(secrets);
    struct sl_buf out = {0};

    sl_scrub_add(scrub, text, strlen(text), &out);
    assert_string_equal(sl_buf_str(&out), expected);
    assert_true(sl_scrub_match(out.data ? out.data : "", out.len, text, strlen(text)));
    sl_buf_release(&out);
    sl_scrub_free(scrub);
}

static void secrets_are_found_in_every_spelling(void **state)
{
    (void)state;
    scrubbed("", "");
    scrubbed("nothing here", "nothing here");
    scrubbed("x" SECRET "y" SECRET, "x***y***");
    scrubbed("?t=pat%2FAb%2B9.%22q%5Cz%3DKeyOfNobody&b", "?t=***&b");
    scrubbed("?t=pat/Ab%2b9.%22q%5cz=KeyOfNobody", "?t=***");
    scrubbed("{\"t\":\"pat/Ab+9.\\\"q\\\\z=KeyOfNobody\"}", "{\"t\":\"***\"}");
    scrubbed("{\"t\":\"pat\\/Ab\\u002b9.\\\"q\\\\z\\u003dKeyOfNobody\"}", "{\"t\":\"***\"}");
    scrubbed("ab c, ab+c, ab%20c, abc", "***, ***, ***, abc");
    scrubbed("pat/Ab+9.\"q\\z=KeyOfNobod", "pat/Ab+9.\"q\\z=KeyOfNobod");
}

static void secrets_are_found_in_base64(void **state)
{
    (void)state;
    static const char *const secrets[] = {SECRET, NULL};
    struct sl_scrub *scrub = sl_scrub_new(secrets);

    for (size_t user = 0; user < 7; user++)
        for (size_t tail = 0; tail < 4; tail++) {
            struct sl_buf plain = {0}, packed = {0}, out = {0};
            sl_buf_add(&plain, "someone", user);
            sl_buf_adds(&plain, SECRET);
            sl_buf_add(&plain, "tail", tail);
            sl_base64_add(plain.data, plain.len, &packed);
            sl_scrub_add(scrub, packed.data, packed.len, &out);
            assert_non_null(strstr(out.data, "***"));
            assert_true(out.len < packed.len - 20);
            struct sl_buf back = {0};
            assert_true(sl_base64_decode(packed.data, packed.len, &back));
            assert_int_equal(back.len, plain.len);
            assert_memory_equal(back.data, plain.data, plain.len);
            sl_buf_release(&back);
            sl_buf_release(&plain);
            sl_buf_release(&packed);
            sl_buf_release(&out);
        }
    sl_scrub_free(scrub);
}

static void stars_stand_for_anything(void **state)
{
    static const struct {
        const char *pattern, *text;
        bool same;
    } cases[] = {
        {"", "", true},
        {"a", "", false},
        {"", "a", false},
        {"***", "", true},
        {"***", "x", true},
        {"a***b", "ab", true},
        {"a***b", "aXXb", true},
        {"a***b", "aXXbc", false},
        {"a***b***c", "a1b2c", true},
        {"a***b***c", "a1c2b", false},
        {"a***ab", "ab", false},
        {"***b", "ab", true},
        {"a***", "b", false},
        {"ab", "abc", false},
        {"abc", "ab", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(sl_scrub_match(cases[i].pattern, strlen(cases[i].pattern), cases[i].text,
                                        strlen(cases[i].text)),
                         cases[i].same);
}

/* ------------------------------------------------------------------ recording */

static const struct sl_header request_headers[] = {{"Authorization", "Bearer " SECRET},
                                                   {"Cookie", "id=7"},
                                                   {"X-Api-Key", "second-secret"},
                                                   {"Accept", "application/json"},
                                                   {0}};
static const struct sl_header answer_headers[] = {{"content-type", "application/json"},
                                                  {"set-cookie", "session=top"},
                                                  {"x-echo", "got " SECRET},
                                                  {0}};

/* Of a request for tokens only its shape is kept, whatever the tokens are, and a replay takes it. */
static void tokens_are_in_no_recording(void **state)
{
    static const char answer[] = "{\"access_token\":\"at-new\",\"refresh_token\":\"rt-new\","
                                 "\"expires_in\":3600,\"error\":\"invalid_grant\"}";
    static const char page[] = "<p>rt-old is not known</p>";
    static const struct act acts[] = {{.status = 200,
                                       .body = answer,
                                       .body_len = sizeof answer - 1,
                                       .chunk = SL_CHUNK_FIRST | SL_CHUNK_LAST},
                                      {.status = 502,
                                       .body = page,
                                       .body_len = sizeof page - 1,
                                       .chunk = SL_CHUNK_FIRST | SL_CHUNK_LAST},
                                      {.status = 200,
                                       .body = "you are at-new",
                                       .body_len = 14,
                                       .chunk = SL_CHUNK_FIRST | SL_CHUNK_LAST}};
    struct sl_exchange ask = {.method = "POST",
                              .url = "https://example.com/token",
                              .headers = request_headers,
                              .body = "refresh_token=rt-old",
                              .body_len = 20,
                              .credentials = true};
    struct sl_exchange page_of = {.method = "GET", .url = "https://example.com/at-new"};
    struct sl_completion completion;
    struct stage stage;
    char *folder = folder_new(), *text;
    struct sl_world *world = record_to(folder, &stage, acts);

    (void)state;
    run(world, &ask, &completion);
    run(world, &ask, &completion);
    assert_true(sl_world_hide(world, "at-new"));
    run(world, &page_of, &completion);
    sl_world_free(world);
    for (int i = 1; i <= 3; i++) {
        text = file_of(folder, i);
        assert_null(strstr(text, "rt-"));
        assert_null(strstr(text, "at-new"));
        free(text);
    }
    world = replay_of(folder);
    ask.body = "refresh_token=another", ask.body_len = 21;
    run(world, &ask, &completion);
    assert_int_equal(completion.status, 200);
    assert_non_null(strstr(completion.body, "\"access_token\":\"***\""));
    assert_non_null(strstr(completion.body, "\"expires_in\":3600"));
    assert_non_null(strstr(completion.body, "\"error\":\"invalid_grant\""));
    assert_true(sl_world_hide(world, "at-new")); /* nothing to do */
    sl_world_free(world);
    folder_free(folder);
}

static void a_recording_shows_no_secret(void **state)
{
    static const char answer[] = "{\"token\":\"pat\\/Ab+9.\\\"q\\\\z=KeyOfNobody\",\"ok\":\"yes\"}";
    static const struct act acts[] = {
        {.status = 200,
         .headers = answer_headers,
         .body = answer,
         .body_len = sizeof answer - 1,
         .chunk = SL_CHUNK_FIRST | SL_CHUNK_LAST,
         .received_ms = 210},
        {.code = SL_TIMEOUT},
        {.status = 200,
         .body = "\xff\xfe" SECRET,
         .body_len = 2 + sizeof SECRET - 1,
         .chunk = SL_CHUNK_FIRST | SL_CHUNK_LAST},
    };
    struct sl_exchange exchange = {
        .method = "POST",
        .url = "https://api.example.com/v0?key=pat%2FAb%2B9.%22q%5Cz%3DKeyOfNobody",
        .headers = request_headers,
        .body = "{\"again\":\"second-secret\"}",
        .body_len = 25,
    };
    static const char *const leaks[] = {"KeyOfNobody",  "second-secret", "session=top", "id=7",
                                        "uthorization", "ookie",         NULL};
    char *folder = folder_new();
    struct stage stage;
    struct sl_world *world = record_to(folder, &stage, acts);
    struct sl_completion completion;

    (void)state;
    for (int i = 1; i <= 3; i++) {
        run(world, &exchange, &completion);
        char *text = file_of(folder, i);
        for (const char *const *leak = leaks; *leak; leak++) assert_null(strstr(text, *leak));
        if (i == 1) {
            assert_non_null(strstr(text, "\"status\":200"));
            assert_non_null(strstr(text, "***"));
            assert_non_null(strstr(text, "\"received_at\":\"2026-03-02T09:00:00.210000Z\""));
        }
        if (i == 3) assert_non_null(strstr(text, "body_base64"));
        free(text);
    }
    sl_world_free(world);
    folder_free(folder);
}

static void a_replay_does_again_what_happened(void **state)
{
    static const char binary[] = "\x00\xff\x01zip\x00";
    static const struct act acts[] = {
        {.status = 429,
         .headers = answer_headers,
         .body = "slow",
         .body_len = 4,
         .chunk = SL_CHUNK_FIRST | SL_CHUNK_LAST,
         .started_ms = 0,
         .received_ms = 200},
        {.status = 200,
         .body = binary,
         .body_len = sizeof binary - 1,
         .chunk = SL_CHUNK_FIRST | SL_CHUNK_LAST,
         .started_ms = 30000,
         .received_ms = 30500},
        {.code = SL_CONNECT, .started_ms = 31000, .received_ms = 31001},
    };
    struct sl_exchange exchange = {.url = "https://api.example.com/v0?key=" SECRET,
                                   .headers = request_headers};
    struct sl_exchange other = {.url = "https://api.example.com/other",
                                .body = "{}",
                                .body_len = 2};
    char *folder = folder_new();
    struct stage stage;
    struct sl_world *world = record_to(folder, &stage, acts);
    struct sl_completion completion;

    (void)state;
    for (int i = 0; i < 3; i++) run(world, &exchange, &completion);
    sl_world_free(world);

    world = replay_of(folder);
    assert_int_equal(sl_now_us(world), BEGIN);
    int64_t begin_us = world->ops->monotonic_us(world);
    run(world, &exchange, &completion);
    assert_int_equal(completion.status, 429);
    assert_int_equal(completion.body_len, 4);
    assert_memory_equal(completion.body, "slow", 4);
    assert_string_equal(completion.headers[0].name, "content-type");
    assert_string_equal(completion.headers[1].name, "x-echo");
    assert_int_equal(world->ops->monotonic_us(world) - begin_us, 200000);
    assert_int_equal(completion.received_at_us, BEGIN + 200000);

    /* Waiting takes no time. */
    assert_false(world->ops->wait(world, begin_us + 30000000, &completion));
    assert_int_equal(sl_now_us(world), BEGIN + 30000000);
    exchange.url = "https://api.example.com/v0?key=another"; /* a secret is what it is today */
    run(world, &exchange, &completion);
    assert_int_equal(completion.status, 200);
    assert_int_equal(completion.body_len, sizeof binary - 1);
    assert_memory_equal(completion.body, binary, sizeof binary - 1);
    memset(completion.body + completion.body_len, 1, 8);

    run(world, &exchange, &completion);
    assert_int_equal(completion.code, SL_CONNECT);
    assert_string_equal(completion.error.message, "it broke at ***");
    assert_true(completion.error.retryable);

    run(world, &other, &completion);
    assert_int_equal(completion.code, SL_CONNECT);
    assert_false(completion.error.retryable);
    assert_non_null(strstr(completion.error.message, "GET https://api.example.com/other with {}"));
    sl_world_free(world);
    folder_free(folder);
}

static void answers_come_in_the_order_of_their_time(void **state)
{
    static const struct act acts[] = {
        {.status = 201, .chunk = 3, .started_ms = 0, .received_ms = 900},
        {.status = 202, .chunk = 3, .started_ms = 0, .received_ms = 300},
    };
    struct sl_exchange slow = {.url = "https://api.example.com/slow"},
                       quick = {.url = "https://api.example.com/quick"};
    char *folder = folder_new();
    struct stage stage;
    struct sl_world *world = record_to(folder, &stage, acts);
    struct sl_completion completion;
    struct sl_error error;

    (void)state;
    run(world, &slow, &completion);
    run(world, &quick, &completion);
    sl_world_free(world);

    world = replay_of(folder);
    assert_int_equal(world->ops->start(world, &slow, &error), SL_OK);
    assert_int_equal(world->ops->start(world, &quick, &error), SL_OK);
    world->ops->wake(world);
    assert_false(world->ops->wait(world, FOREVER, &completion));
    assert_true(world->ops->wait(world, FOREVER, &completion));
    assert_ptr_equal(completion.exchange, &quick);
    assert_false(world->ops->wait(world, world->ops->monotonic_us(world) + 1, &completion));
    assert_true(world->ops->wait(world, FOREVER, &completion));
    assert_ptr_equal(completion.exchange, &slow);
    assert_false(world->ops->wait(world, FOREVER, &completion));
    sl_world_free(world);
    folder_free(folder);
}

static void lines_are_one_exchange(void **state)
{
    static const struct act acts[] = {
        {.status = 200, .body = "1\n2\n", .body_len = 4, .chunk = SL_CHUNK_FIRST},
        {.status = 200, .body = "3\n", .body_len = 2, .began = true},
        {.status = 200, .body = "4", .body_len = 1, .began = true, .chunk = SL_CHUNK_LAST},
        {.status = 200, .body = "1\n2\n", .body_len = 4, .chunk = SL_CHUNK_FIRST},
        {.code = SL_SOURCE, .began = true},
    };
    struct sl_exchange exchange = {.url = "https://data.example.com/export", .lines = true};
    char *folder = folder_new();
    struct stage stage;
    struct sl_world *world = record_to(folder, &stage, acts);
    struct sl_completion completion;

    (void)state;
    run(world, &exchange, &completion);
    assert_true(world->ops->wait(world, FOREVER, &completion));
    assert_true(world->ops->wait(world, FOREVER, &completion));
    run(world, &exchange, &completion);
    assert_true(world->ops->wait(world, FOREVER, &completion));
    sl_world_free(world);

    world = replay_of(folder);
    run(world, &exchange, &completion);
    assert_int_equal(completion.chunk, SL_CHUNK_FIRST | SL_CHUNK_LAST);
    assert_memory_equal(completion.body, "1\n2\n3\n4", 7);
    run(world, &exchange, &completion);
    assert_int_equal(completion.code, SL_SOURCE);
    assert_int_equal(completion.chunk, 0);
    sl_world_free(world);
    folder_free(folder);
}

static void a_recording_that_cannot_be_written_is_an_error(void **state)
{
    static const struct act acts[] = {{.status = 200, .chunk = 3}, {.status = 200, .chunk = 3}};
    struct sl_exchange exchange = {.url = "https://api.example.com/"};
    char *folder = folder_new(), path[600];
    struct stage stage, second;
    struct sl_world *world = record_to(folder, &stage, acts), *other = NULL;
    struct sl_completion completion;
    struct sl_error error;

    (void)state;
    run(world, &exchange, &completion);
    assert_int_equal(completion.code, SL_OK);
    second = (struct stage){.world.ops = &stage_ops};
    assert_int_equal(sl_world_record(&second.world, folder, NULL, &other, &error), SL_EXISTS);
    assert_null(other);

    snprintf(path, sizeof path, "%s/000002.json", folder); /* somebody else's */
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    run(world, &exchange, &completion);
    assert_int_equal(completion.code, SL_DESTINATION);
    assert_non_null(strstr(completion.error.message, "000002.json"));
    sl_world_free(world);
    folder_free(folder);
}

static void what_is_no_recording_is_refused(void **state)
{
    char *folder = folder_new(), path[600];
    struct sl_world *world = NULL;
    struct sl_error error;

    (void)state;
    assert_int_equal(sl_world_replay(folder, &world, &error), SL_NOT_FOUND);
    snprintf(path, sizeof path, "%s/000001.json", folder);
    FILE *file = fopen(path, "w");
    fputs("{\"request\":{\"method\":\"GET\"}}", file);
    fclose(file);
    assert_int_equal(sl_world_replay(folder, &world, &error), SL_BAD_SPEC);
    file = fopen(path, "w");
    fputs("nonsense", file);
    fclose(file);
    assert_int_equal(sl_world_replay(folder, &world, &error), SL_BAD_DATA);
    assert_null(world);
    folder_free(folder);
}

static void survives_the_failure_of_every_allocation(void **state)
{
    static const struct act acts[] = {
        {.status = 200, .headers = answer_headers, .body = "body", .body_len = 4, .chunk = 3}};
    struct sl_exchange exchange = {.method = "POST",
                                   .url = "https://api.example.com/",
                                   .headers = request_headers,
                                   .body = "b",
                                   .body_len = 1};
    bool done[2] = {false, false};

    (void)state;
    char *kept = folder_new();
    for (int n = 0; !done[0] || !done[1]; n++) {
        int64_t before = sl_alloc_live();
        struct sl_completion completion = {0};
        struct sl_error error;
        struct sl_world *world = NULL;
        struct stage stage = {.world.ops = &stage_ops, .acts = acts};
        const char *const secrets[] = {SECRET, NULL};
        char *folder = done[0] ? NULL : folder_new();

        if (folder) { /* recording */
            sl_alloc_fail_after(n);
            enum sl_code rc = sl_world_record(&stage.world, folder, secrets, &world, &error);
            if (!rc) {
                run(world, &exchange, &completion);
                rc = completion.code;
            }
            sl_alloc_fail_after(-1);
            assert_true(!rc || rc == SL_NO_MEMORY || rc == SL_TOO_LARGE);
            done[0] = !rc;
            sl_world_free(world);
            folder_free(folder);
            if (!rc) { /* once more, to be replayed */
                world = record_to(kept, &stage, acts);
                run(world, &exchange, &completion);
                sl_world_free(world);
                n = -1;
            }
        } else {
            sl_alloc_fail_after(n);
            enum sl_code rc = sl_world_replay(kept, &world, &error);
            if (!rc) rc = world->ops->start(world, &exchange, &error);
            if (!rc && world->ops->wait(world, FOREVER, &completion)) rc = completion.code;
            sl_alloc_fail_after(-1);
            assert_true(!rc || rc == SL_NO_MEMORY || rc == SL_TOO_LARGE);
            done[1] = !rc;
            sl_world_free(world);
        }
        assert_int_equal(sl_alloc_live(), before);
    }
    folder_free(kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_are_found_in_every_spelling),
        cmocka_unit_test(secrets_are_found_in_base64),
        cmocka_unit_test(stars_stand_for_anything),
        cmocka_unit_test(tokens_are_in_no_recording),
        cmocka_unit_test(a_recording_shows_no_secret),
        cmocka_unit_test(a_replay_does_again_what_happened),
        cmocka_unit_test(answers_come_in_the_order_of_their_time),
        cmocka_unit_test(lines_are_one_exchange),
        cmocka_unit_test(a_recording_that_cannot_be_written_is_an_error),
        cmocka_unit_test(what_is_no_recording_is_refused),
        cmocka_unit_test(survives_the_failure_of_every_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
