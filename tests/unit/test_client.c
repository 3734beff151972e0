/*
 * The real world against a server that says exactly what a test wrote down: bytes, cuts, resets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <isa-l/igzip_lib.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "http/world.h"
#include "scripted_server.h"

/* ------------------------------------------------------------------ one exchange */

#define COUNT(list) (sizeof(list) / sizeof *(list))
#define FOREVER INT64_MAX

static struct sl_world *world_new(void)
{
    struct sl_http_options options = {0};
    struct sl_world *world = NULL;
    struct sl_error error;

    assert_int_equal(sl_world_new(&options, &world, &error), SL_OK);
    return world;
}

static void url_of(const struct server *server, const char *path, char out[128])
{
    snprintf(out, 128, "http://127.0.0.1:%d%s", server->port, path);
}

static void start(struct sl_world *world, struct sl_exchange *exchange)
{
    struct sl_error error;
    assert_int_equal(world->ops->start(world, exchange, &error), SL_OK);
}

/* Requests going out end a wait() as well. */
static void next_completion(struct sl_world *world, struct sl_completion *out)
{
    while (!world->ops->wait(world, FOREVER, out)) continue;
}

struct result {
    struct sl_completion completion;
    char *body;
    char headers[2048]; /* name=value; */
};

/* A GET on its own server; `change` may be NULL or what is to be set in the exchange. */
static struct result ask(const struct reply *replies, size_t count,
                         const struct sl_exchange *change)
{
    struct server *server = server_start(replies, count);
    struct sl_world *world = world_new();
    struct sl_exchange exchange = change ? *change : (struct sl_exchange){0};
    struct result result = {0};
    char url[128];

    url_of(server, "/page", url);
    if (!exchange.url) exchange.url = url;
    start(world, &exchange);
    next_completion(world, &result.completion);
    if (result.completion.body) {
        result.body = calloc(1, result.completion.body_len + 1);
        memcpy(result.body, result.completion.body, result.completion.body_len);
        /* the padding is ours to write */
        memset(result.completion.body + result.completion.body_len, 0, 8);
    }
    for (const struct sl_header *h = result.completion.headers; h->name; h++) {
        size_t len = strlen(result.headers);
        snprintf(result.headers + len, sizeof result.headers - len, "%s=%s;", h->name, h->value);
    }
    sl_world_free(world);
    server_stop(server);
    server_free(server);
    return result;
}

static size_t gzip_of(const void *bytes, size_t len, uint8_t *out, size_t room)
{
    struct isal_zstream stream;

    isal_deflate_stateless_init(&stream);
    stream.gzip_flag = IGZIP_GZIP;
    stream.end_of_stream = 1;
    stream.next_in = (uint8_t *)(uintptr_t)bytes;
    stream.avail_in = (uint32_t)len;
    stream.next_out = out;
    stream.avail_out = (uint32_t)room;
    assert_int_equal(isal_deflate_stateless(&stream), COMP_OK);
    return room - stream.avail_out;
}

#define OK_HEAD "HTTP/1.1 200 OK\r\n"

/* ------------------------------------------------------------------ answers */

static void an_answer_arrives_with_its_headers(void **state)
{
    static const struct reply replies[] = {
        {.head = OK_HEAD "Content-Length: 5\r\nX-Two:  a b \r\nDATE: Sun, 22 Nov 2026 15:44:07 GMT"
                         "\r\nx-two: c\r\nX-Empty:\r\n\r\n",
         .body = "hello",
         .body_len = 5}};
    struct result result = ask(replies, 1, NULL);

    (void)state;
    assert_int_equal(result.completion.code, SL_OK);
    assert_int_equal(result.completion.status, 200);
    assert_string_equal(result.body, "hello");
    assert_int_equal(result.completion.chunk, SL_CHUNK_FIRST | SL_CHUNK_LAST);
    assert_string_equal(result.headers, "content-length=5;x-two=a b;date=Sun, 22 Nov 2026 15:44:07 "
                                        "GMT;x-two=c;x-empty=;");
    assert_true(result.completion.sent_us > 0);
    assert_true(result.completion.received_at_us >= result.completion.started_at_us);
    free(result.body);
}

static void an_error_status_is_an_answer(void **state)
{
    static const struct reply replies[] = {
        {.head = "HTTP/1.1 503 Gone fishing\r\nContent-Length: 4\r\nRetry-After: 7\r\n\r\n",
         .body = "<br>",
         .body_len = 4}};
    struct result result = ask(replies, 1, NULL);

    (void)state;
    assert_int_equal(result.completion.code, SL_OK);
    assert_int_equal(result.completion.status, 503);
    assert_string_equal(result.body, "<br>");
    free(result.body);
}

static void chunks_and_informational_answers_are_undone(void **state)
{
    static const char body[] = "4\r\nWiki\r\n5\r\npedia\r\n0\r\nTrailer: x\r\n\r\n";
    static const struct reply replies[] = {
        {.head = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" OK_HEAD
                 "Transfer-Encoding: chunked\r\n\r\n",
         .body = body,
         .body_len = sizeof body - 1,
         .piece = 1}};
    struct result result = ask(replies, 1, NULL);

    (void)state;
    assert_int_equal(result.completion.code, SL_OK);
    assert_string_equal(result.body, "Wikipedia");
    assert_string_equal(result.headers, "transfer-encoding=chunked;");
    free(result.body);
}

static void an_empty_answer_is_empty(void **state)
{
    static const struct reply replies[] = {
        {.head = "HTTP/1.1 304 Not Modified\r\nContent-Encoding: gzip\r\n\r\n"}};
    struct result result = ask(replies, 1, NULL);

    (void)state;
    assert_int_equal(result.completion.code, SL_OK);
    assert_int_equal(result.completion.status, 304);
    assert_int_equal(result.completion.body_len, 0);
    free(result.body);
}

static void the_request_is_what_was_asked_for(void **state)
{
    static const struct reply replies[] = {{.head = OK_HEAD "Content-Length: 0\r\n\r\n"}};
    static const struct sl_header headers[] = {{"Authorization", "Bearer pat123"},
                                               {"Content-Type", "application/json"},
                                               {0}};
    struct server *server = server_start(replies, 1);
    struct sl_world *world = world_new();
    struct sl_completion completion;
    char url[128];

    (void)state;
    url_of(server, "/v0/x?y=1", url);
    struct sl_exchange get = {.url = url}, empty = {.url = url, .method = "POST"},
                       head = {.url = url, .method = "HEAD"},
                       post = {.url = url,
                               .method = "POST",
                               .headers = headers,
                               .body = "{\"a\":1}",
                               .body_len = 7},
                       patch = {.url = url, .method = "PATCH", .body = "z", .body_len = 1},
                       delete = {.url = url, .method = "DELETE"};
    struct sl_exchange *all[] = {&get, &post, &patch, &delete, &empty, &head};
    for (size_t i = 0; i < COUNT(all); i++) {
        start(world, all[i]);
        next_completion(world, &completion);
        assert_int_equal(completion.code, SL_OK);
        assert_ptr_equal(completion.exchange, all[i]);
    }
    sl_world_free(world);
    server_stop(server);
    assert_int_equal(server->connections, 1); /* used again */
    assert_non_null(strstr(server->requests[0], "GET /v0/x?y=1 HTTP/1.1\r\n"));
    assert_non_null(strstr(server->requests[0], "User-Agent: sluice/"));
    assert_non_null(strstr(server->requests[0], "Accept-Encoding: gzip\r\n"));
    assert_non_null(strstr(server->requests[1], "POST /v0/x?y=1 HTTP/1.1\r\n"));
    assert_non_null(strstr(server->requests[1], "Authorization: Bearer pat123\r\n"));
    assert_non_null(strstr(server->requests[1], "Content-Type: application/json\r\n"));
    assert_non_null(strstr(server->requests[1], "\r\n\r\n{\"a\":1}"));
    assert_null(strstr(server->requests[1], "Expect"));
    assert_non_null(strstr(server->requests[2], "PATCH /"));
    assert_null(strstr(server->requests[2], "urlencoded"));
    assert_non_null(strstr(server->requests[2], "\r\n\r\nz"));
    assert_non_null(strstr(server->requests[3], "DELETE /"));
    assert_non_null(strstr(server->requests[4], "Content-Length: 0\r\n"));
    assert_non_null(strstr(server->requests[5], "HEAD /"));
    server_free(server);
}

static void bad_requests_are_refused_before_they_start(void **state)
{
    static const struct sl_header broken[] = {{"Authorization", "Bearer pat123\n"}, {0}};
    struct sl_exchange exchanges[] = {{.url = "ftp://example.com/"},
                                      {.url = "nonsense"},
                                      {.url = "http://"},
                                      {.url = "file:///etc/passwd"},
                                      {.url = "http://127.0.0.1/", .headers = broken}};
    struct sl_world *world = world_new();
    struct sl_completion completion;

    (void)state;
    for (size_t i = 0; i < COUNT(exchanges); i++) {
        struct sl_error error;
        assert_int_equal(world->ops->start(world, &exchanges[i], &error), SL_BAD_SPEC);
        assert_null(strstr(error.message, "pat123"));
    }
    assert_false(world->ops->wait(world, world->ops->monotonic_us(world), &completion));
    sl_world_free(world);
}

/* ------------------------------------------------------------------ gzip */

static void gzip_is_undone_however_it_is_cut(void **state)
{
    static char text[200000];
    static uint8_t packed[300000];
    char head[128];

    (void)state;
    for (size_t i = 0; i < sizeof text; i++) text[i] = (char)('a' + (i * i / 7) % 23);
    /* Two members: one stream. */
    size_t first = gzip_of(text, 120000, packed, sizeof packed);
    size_t all = first + gzip_of(text + 120000, 80000, packed + first, sizeof packed - first);
    for (size_t piece = 1; piece < 100000; piece = piece * 17 + 3) {
        struct reply reply = {.head = head, .body = packed, .body_len = all, .piece = piece};
        snprintf(head, sizeof head, OK_HEAD "Content-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n",
                 all);
        struct result result = ask(&reply, 1, NULL);
        assert_int_equal(result.completion.code, SL_OK);
        assert_int_equal(result.completion.body_len, sizeof text);
        assert_memory_equal(result.body, text, sizeof text);
        free(result.body);
    }
}

static void damaged_gzip_is_a_cut_body_or_a_bad_one(void **state)
{
    static uint8_t packed[1000], other[1000];
    size_t len = gzip_of("the quick brown fox jumps over the lazy dog", 43, packed, sizeof packed);

    (void)state;
    for (size_t cut = 0; cut < len; cut++) {
        struct reply reply = {.head = OK_HEAD "Content-Encoding: gzip\r\nConnection: close\r\n\r\n",
                              .body = packed,
                              .body_len = cut,
                              .then = CLOSE};
        struct result result = ask(&reply, 1, NULL);
        assert_int_equal(result.completion.code, SL_SOURCE);
        assert_true(result.completion.error.retryable);
        assert_non_null(strstr(result.completion.error.message, "cut body"));
        assert_int_equal(result.completion.chunk, 0);
        free(result.body);
    }
    for (size_t bad = 10; bad < len; bad += 5) { /* anything behind the header */
        memcpy(other, packed, len);
        other[bad] ^= 0x55;
        struct reply reply = {.head = OK_HEAD "Content-Encoding: gzip\r\nConnection: close\r\n\r\n",
                              .body = other,
                              .body_len = len,
                              .then = CLOSE};
        struct result result = ask(&reply, 1, NULL);
        assert_int_equal(result.completion.code, SL_SOURCE);
        free(result.body);
    }
}

static void an_encoding_nobody_asked_for_is_named(void **state)
{
    static const struct reply replies[] = {
        {.head = OK_HEAD "Content-Encoding: br\r\nContent-Length: 1\r\n\r\n",
         .body = "x",
         .body_len = 1}};
    struct result result = ask(replies, 1, NULL);

    (void)state;
    assert_int_equal(result.completion.code, SL_SOURCE);
    assert_non_null(strstr(result.completion.error.message, "'br'"));
    free(result.body);
}

/* ------------------------------------------------------------------ limits */

static void too_much_is_refused_while_it_arrives(void **state)
{
    static char block[100000];
    static uint8_t packed[100000];
    static struct reply plain = {.head = OK_HEAD "Connection: close\r\n\r\n",
                                 .body = block,
                                 .body_len = sizeof block,
                                 .times = 100,
                                 .then = CLOSE};
    static struct reply bomb = {.head = OK_HEAD "Content-Encoding: gzip\r\n\r\n",
                                .body = packed,
                                .times = 1000,
                                .then = CLOSE};
    struct sl_exchange exchange = {.response_bytes_max = 250000};
    int64_t before = sl_alloc_live();

    (void)state;
    bomb.body_len = gzip_of(block, sizeof block, packed, sizeof packed);
    const struct reply *both[] = {&plain, &bomb};
    for (size_t i = 0; i < 2; i++) {
        struct result result = ask(both[i], 1, &exchange);
        assert_int_equal(result.completion.code, SL_TOO_LARGE);
        assert_false(result.completion.error.retryable);
        free(result.body);
    }
    assert_int_equal(sl_alloc_live(), before);
}

static void exactly_the_limit_is_fine(void **state)
{
    static char block[70000];
    static uint8_t packed[100000];
    struct sl_exchange exchange = {.response_bytes_max = sizeof block};
    struct reply plain = {.head = OK_HEAD "Connection: close\r\n\r\n",
                          .body = block,
                          .body_len = sizeof block,
                          .then = CLOSE};
    struct reply zipped = {.head = OK_HEAD "Content-Encoding: gzip\r\n\r\n",
                           .body = packed,
                           .body_len = gzip_of(block, sizeof block, packed, sizeof packed),
                           .then = CLOSE};
    const struct reply *both[] = {&plain, &zipped};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct result result = ask(both[i], 1, &exchange);
        assert_int_equal(result.completion.code, SL_OK);
        assert_int_equal(result.completion.body_len, sizeof block);
        free(result.body);
    }
}

static void too_many_headers_are_refused(void **state)
{
    static char many[20000], large[100000];
    size_t n = (size_t)snprintf(many, sizeof many, OK_HEAD);

    (void)state;
    for (int i = 0; i < 300; i++)
        n += (size_t)snprintf(many + n, sizeof many - n, "X-%d: 1\r\n", i);
    snprintf(many + n, sizeof many - n, "Content-Length: 0\r\n\r\n");
    n = (size_t)snprintf(large, sizeof large, OK_HEAD);
    for (int i = 0; i < 10; i++)
        n += (size_t)snprintf(large + n, sizeof large - n, "X-%d: %08000d\r\n", i, 1);
    snprintf(large + n, sizeof large - n, "Content-Length: 0\r\n\r\n");
    struct reply replies[] = {{.head = many}, {.head = large}};
    for (size_t i = 0; i < 2; i++) {
        struct result result = ask(&replies[i], 1, NULL);
        assert_int_equal(result.completion.code, SL_TOO_LARGE);
        free(result.body);
    }
}

/* ------------------------------------------------------------------ broken transports */

static void what_breaks_on_the_way_is_told_apart(void **state)
{
    static const struct {
        struct reply reply;
        const char *says;
    } cases[] = {
        {{.head = OK_HEAD "Content-Length: 10\r\n\r\n",
          .body = "half",
          .body_len = 4,
          .then = CLOSE},
         "cut body"},
        {{.head = OK_HEAD "Content-Length: 10\r\n\r\n",
          .body = "half",
          .body_len = 4,
          .then = RESET},
         ""},
        {{.head = OK_HEAD "Transfer-Encoding: chunked\r\n\r\n",
          .body = "4\r\nWiki\r\n",
          .body_len = 9,
          .then = CLOSE},
         ""},
        {{.head = OK_HEAD "Transfer-Encoding: chunked\r\n\r\n",
          .body = "zz\r\nWiki\r\n",
          .body_len = 10,
          .then = CLOSE},
         ""},
        {{.head = "", .then = CLOSE}, ""},
        {{.head = "", .then = RESET}, ""},
        {{.head = "HELLO\r\n\r\n", .then = CLOSE}, ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct result result = ask(&cases[i].reply, 1, NULL);
        assert_int_equal(result.completion.code, SL_SOURCE);
        assert_true(result.completion.error.retryable);
        assert_false(result.completion.began);
        assert_non_null(strstr(result.completion.error.message, cases[i].says));
        free(result.body);
    }
}

static void nobody_there_is_a_failed_connection(void **state)
{
    static const struct reply replies[] = {{.head = "", .then = CLOSE}};
    struct server *server = server_start(replies, 1);
    struct sl_exchange exchange = {0};
    char url[128];

    (void)state;
    url_of(server, "/secret-path?token=abc", url);
    server_stop(server);
    server_free(server);
    exchange.url = url;
    struct result result = ask(replies, 1, &exchange);
    assert_int_equal(result.completion.code, SL_CONNECT);
    assert_true(result.completion.error.retryable);
    assert_int_equal(result.completion.sent_us, 0);
    assert_null(strstr(result.completion.error.message, "secret-path"));
}

static void tls_that_is_none_is_a_failed_connection(void **state)
{
    static const struct reply replies[] = {{.head = OK_HEAD "\r\n", .then = CLOSE}};
    struct server *server = server_start(replies, 1);
    struct sl_world *world = world_new();
    struct sl_completion completion;
    char url[128];

    (void)state;
    snprintf(url, sizeof url, "https://127.0.0.1:%d/", server->port);
    /* The server waits for a request that never comes: a few bytes of answer end it. */
    struct sl_exchange exchange = {.url = url, .timeout_ms = 200};
    start(world, &exchange);
    next_completion(world, &completion);
    assert_int_equal(completion.code, SL_CONNECT);
    assert_int_equal(completion.sent_us, 0);
    sl_world_free(world);
    server_stop(server);
    server_free(server);
}

static void no_answer_in_time_is_a_timeout(void **state)
{
    static const struct reply silent[] = {{.then = HANG}};
    static const struct reply stops[] = {
        {.head = OK_HEAD "Content-Length: 10\r\n\r\n", .body = "half", .body_len = 4}};
    struct sl_exchange exchange = {.timeout_ms = 50};
    const struct reply *both[] = {silent, stops};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct result result = ask(both[i], 1, &exchange);
        assert_int_equal(result.completion.code, SL_TIMEOUT);
        assert_true(result.completion.error.retryable);
        assert_true(result.completion.sent_us > 0);
        free(result.body);
    }
}

/* ------------------------------------------------------------------ redirects */

static void a_redirect_within_the_origin_is_followed(void **state)
{
    static const struct reply replies[] = {
        {.head = "HTTP/1.1 302 Found\r\nLocation: /else\r\nContent-Length: 3\r\n\r\n",
         .body = "old",
         .body_len = 3},
        {.head = OK_HEAD "Content-Length: 3\r\n\r\n", .body = "new", .body_len = 3}};
    struct result result = ask(replies, 2, NULL);

    (void)state;
    assert_int_equal(result.completion.status, 200);
    assert_string_equal(result.body, "new");
    assert_string_equal(result.headers, "content-length=3;");
    free(result.body);
}

static void any_other_redirect_is_handed_over(void **state)
{
    static const struct reply replies[] = {
        {.head =
             "HTTP/1.1 302 Found\r\nLocation: http://localhost:1/x\r\nContent-Length: 0\r\n\r\n"},
    };
    static const struct reply post[] = {
        {.head = "HTTP/1.1 301 Moved\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"}};
    struct sl_exchange exchange = {.method = "POST", .body = "b", .body_len = 1};
    struct result result = ask(replies, 1, NULL);

    (void)state;
    assert_int_equal(result.completion.status, 302);
    assert_non_null(strstr(result.headers, "location=http://localhost:1/x;"));
    free(result.body);
    result = ask(post, 1, &exchange);
    assert_int_equal(result.completion.status, 301);
    free(result.body);
}

static void a_post_is_repeated_where_308_says_so(void **state)
{
    static const struct reply replies[] = {
        {.head = "HTTP/1.1 308 Moved\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"},
        {.head = OK_HEAD "Content-Length: 2\r\n\r\n", .body = "ok", .body_len = 2}};
    struct sl_exchange exchange = {.method = "POST", .body = "b", .body_len = 1};
    struct result result = ask(replies, 2, &exchange);

    (void)state;
    assert_int_equal(result.completion.status, 200);
    free(result.body);
}

static void redirects_end(void **state)
{
    static const struct reply replies[] = {
        {.head = "HTTP/1.1 302 Found\r\nLocation: /page\r\nContent-Length: 0\r\n\r\n"}};
    struct result result = ask(replies, 1, NULL);

    (void)state;
    assert_int_equal(result.completion.code, SL_SOURCE);
    assert_non_null(strstr(result.completion.error.message, "redirected more than"));
}

/* ------------------------------------------------------------------ by lines */

#define LINE_COUNT 400000

/* "0\n1\n2\n..." and its gzip. */
static char *numbers(size_t *len)
{
    char *text = malloc(LINE_COUNT * 8);
    size_t n = 0;

    for (int i = 0; i < LINE_COUNT; i++) n += (size_t)sprintf(text + n, "%d\n", i);
    *len = n;
    return text;
}

/* Reads by lines; the number of lines seen in order, and the end. */
static int read_lines(const struct reply *reply, struct sl_completion *last, int *chunks)
{
    struct server *server = server_start(reply, 1);
    struct sl_world *world = world_new();
    struct sl_exchange exchange = {.lines = true};
    char url[128];
    int next = 0;

    *chunks = 0;
    url_of(server, "/lines", url);
    exchange.url = url;
    start(world, &exchange);
    for (;;) {
        next_completion(world, last);
        if (last->code) break;
        assert_int_equal((last->chunk & SL_CHUNK_FIRST) != 0, *chunks == 0);
        assert_int_equal(last->began, *chunks > 0);
        char *at = last->body, *end = last->body + last->body_len;
        while (at < end) {
            char *stop = NULL;
            long number = strtol(at, &stop, 10);
            assert_int_equal(number, next++);
            assert_true(*stop == '\n');
            at = stop + 1;
        }
        memset(end, 0xee, 8); /* what is behind is ours, and not the next line */
        ++*chunks;
        if (last->chunk & SL_CHUNK_LAST) break;
    }
    sl_world_free(world);
    server_stop(server);
    server_free(server);
    return next;
}

static void lines_arrive_whole_and_in_order(void **state)
{
    size_t len;
    char *text = numbers(&len);
    uint8_t *packed = malloc(len * 2);
    size_t packed_len = gzip_of(text, len, packed, len * 2);
    struct reply replies[] = {
        {.head = OK_HEAD "Connection: close\r\n\r\n", .body = text, .body_len = len, .then = CLOSE},
        {.head = OK_HEAD "Connection: close\r\nContent-Encoding: gzip\r\n\r\n",
         .body = packed,
         .body_len = packed_len,
         .then = CLOSE},
        {.head = OK_HEAD "Connection: close\r\nContent-Encoding: gzip\r\n\r\n",
         .body = packed,
         .body_len = packed_len,
         .piece = 999,
         .then = CLOSE},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(replies); i++) {
        struct sl_completion last;
        int chunks;
        assert_int_equal(read_lines(&replies[i], &last, &chunks), LINE_COUNT);
        assert_int_equal(last.code, SL_OK);
        assert_true(chunks > 5);
    }
    free(packed);
    free(text);
}

static void a_bomb_by_lines_is_never_held(void **state)
{
    /* 64 MB of short lines from 1/200 of it, handed over a quarter MiB at a time. */
    static char block[1 << 20];
    static uint8_t packed[1 << 16];
    struct sl_exchange exchange = {.lines = true};
    char url[128];

    (void)state;
    for (size_t i = 0; i < sizeof block; i++) block[i] = i % 64 == 63 ? '\n' : 'x';
    struct reply reply = {.head = OK_HEAD "Content-Encoding: gzip\r\nConnection: close\r\n\r\n",
                          .body = packed,
                          .times = 64,
                          .then = CLOSE};
    reply.body_len = gzip_of(block, sizeof block, packed, sizeof packed);
    struct server *server = server_start(&reply, 1);
    struct sl_world *world = world_new();
    url_of(server, "/", url);
    exchange.url = url;
    start(world, &exchange);
    size_t total = 0;
    struct sl_completion completion = {0};
    while (!(completion.chunk & SL_CHUNK_LAST)) {
        next_completion(world, &completion);
        assert_int_equal(completion.code, SL_OK);
        assert_true(completion.body_len <= 512 << 10);
        assert_int_equal(completion.body_len % 64, 0);
        total += completion.body_len;
    }
    assert_int_equal(total, 64 << 20);
    sl_world_free(world);
    server_stop(server);
    server_free(server);
}

static void a_cut_in_the_lines_has_no_last_chunk(void **state)
{
    size_t len;
    char *text = numbers(&len), head[128];
    struct reply reply = {.head = head, .body = text, .body_len = len, .then = CLOSE};
    struct sl_completion last;
    int chunks;

    (void)state;
    snprintf(head, sizeof head, OK_HEAD "Content-Length: %zu\r\n\r\n", len + 1);
    read_lines(&reply, &last, &chunks);
    assert_int_equal(last.code, SL_SOURCE);
    assert_true(last.began);
    assert_true(last.error.retryable);
    assert_int_equal(last.chunk, 0);
    free(text);
}

static void a_line_without_an_end_is_too_large(void **state)
{
    static char block[1 << 20];
    struct reply reply = {.head = OK_HEAD "Connection: close\r\n\r\n",
                          .body = block,
                          .body_len = sizeof block,
                          .times = 20,
                          .then = CLOSE};
    struct sl_exchange exchange = {.lines = true};

    (void)state;
    memset(block, 'x', sizeof block);
    struct result result = ask(&reply, 1, &exchange);
    assert_int_equal(result.completion.code, SL_TOO_LARGE);
}

/* ------------------------------------------------------------------ the loop */

static int sent_count;

static void count_sent(struct sl_exchange *exchange, int64_t at_us)
{
    assert_true(at_us > 0);
    assert_non_null(exchange);
    sent_count++;
}

static void many_exchanges_share_the_loop(void **state)
{
    static const struct reply replies[] = {
        {.head = OK_HEAD "Content-Length: 5\r\n\r\n", .body = "hello", .body_len = 5}};
    struct server *server = server_start(replies, 1);
    struct sl_http_options options = {.connections_max = 4};
    struct sl_world *world = NULL;
    struct sl_exchange exchanges[40] = {0};
    struct sl_completion completion;
    struct sl_error error;
    char url[128];

    (void)state;
    sent_count = 0;
    assert_int_equal(sl_world_new(&options, &world, &error), SL_OK);
    url_of(server, "/", url);
    for (size_t i = 0; i < COUNT(exchanges); i++) {
        exchanges[i] = (struct sl_exchange){.url = url, .sent = count_sent};
        start(world, &exchanges[i]);
    }
    for (size_t i = 0; i < COUNT(exchanges); i++) {
        next_completion(world, &completion);
        assert_int_equal(completion.code, SL_OK);
        assert_memory_equal(completion.body, "hello", 5);
        assert_null(completion.exchange->owner);
        completion.exchange->owner = world; /* each once */
    }
    assert_int_equal(sent_count, 40);
    sl_world_free(world);
    server_stop(server);
    assert_true(server->connections <= 4);
    server_free(server);
}

static void a_cancelled_exchange_is_never_heard_of_again(void **state)
{
    static const struct reply replies[] = {
        {.then = HANG}, {.head = OK_HEAD "Content-Length: 1\r\n\r\n", .body = "x", .body_len = 1}};
    struct server *server = server_start(replies, 2);
    struct sl_world *world = world_new();
    struct sl_completion completion;
    char url[128];

    (void)state;
    url_of(server, "/", url);
    struct sl_exchange first = {.url = url}, second = {.url = url};
    start(world, &first);
    assert_false(world->ops->wait(world, FOREVER, &completion)); /* it went out */
    start(world, &second);
    world->ops->cancel(world, &first);
    world->ops->cancel(world, &first); /* of nothing */
    next_completion(world, &completion);
    assert_ptr_equal(completion.exchange, &second);
    world->ops->cancel(world, &second);
    assert_false(world->ops->wait(world, world->ops->monotonic_us(world), &completion));
    sl_world_free(world);
    server_stop(server);
    server_free(server);
}

static void a_world_can_end_with_exchanges_under_way(void **state)
{
    int64_t live = sl_alloc_live();
    static const struct reply replies[] = {{.then = HANG}};
    struct server *server = server_start(replies, 1);
    struct sl_world *world = world_new();
    struct sl_completion completion;
    char url[128];

    (void)state;
    url_of(server, "/", url);
    struct sl_exchange exchange = {.url = url};
    start(world, &exchange);
    (void)world->ops->wait(world, FOREVER, &completion);
    sl_world_free(world);
    assert_int_equal(sl_alloc_live(), live);
    server_stop(server);
    server_free(server);
}

static void waiting_ends_on_time(void **state)
{
    struct sl_world *world = world_new();
    struct sl_completion completion;

    (void)state;
    for (int i = 0; i < 20; i++) {
        int64_t until_us = world->ops->monotonic_us(world) + 700;
        assert_false(world->ops->wait(world, until_us, &completion));
        assert_true(world->ops->monotonic_us(world) >= until_us); /* never early */
    }
    sl_world_free(world);
}

static atomic_bool woken_enough;

static void *wakes(void *context)
{
    struct sl_world *world = context;
    while (!atomic_load(&woken_enough)) world->ops->wake(world);
    return NULL;
}

static void another_thread_may_wake(void **state)
{
    struct sl_world *world = world_new();
    struct sl_completion completion;
    pthread_t thread;

    (void)state;
    world->ops->wake(world); /* before the wait: not lost */
    assert_false(world->ops->wait(world, FOREVER, &completion));
    assert_int_equal(pthread_create(&thread, NULL, wakes, world), 0);
    for (int i = 0; i < 1000; i++) assert_false(world->ops->wait(world, FOREVER, &completion));
    atomic_store(&woken_enough, true);
    pthread_join(thread, NULL);
    sl_world_free(world);
}

static void survives_the_failure_of_every_allocation(void **state)
{
    static uint8_t packed[1000];
    struct reply reply = {.head = OK_HEAD "Content-Encoding: gzip\r\nConnection: close\r\n\r\n",
                          .body = packed,
                          .then = CLOSE};
    bool worked = false;

    (void)state;
    reply.body_len = gzip_of("hello", 5, packed, sizeof packed);
    struct server *server = server_start(&reply, 1);
    char url[128];
    url_of(server, "/", url);
    for (int n = 0; !worked; n++) {
        int64_t before = sl_alloc_live();
        struct sl_http_options options = {0};
        struct sl_world *world = NULL;
        struct sl_error error;
        struct sl_completion completion = {0};
        struct sl_exchange exchange = {.url = url};
        sl_alloc_fail_after(n);
        enum sl_code rc = sl_world_new(&options, &world, &error);
        if (!rc) rc = world->ops->start(world, &exchange, &error);
        if (!rc) {
            next_completion(world, &completion);
            rc = completion.code;
            worked = !rc && completion.body_len == 5;
        }
        sl_alloc_fail_after(-1);
        assert_true(rc == SL_NO_MEMORY || worked);
        sl_world_free(world);
        assert_int_equal(sl_alloc_live(), before);
    }
    server_stop(server);
    server_free(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_arrives_with_its_headers),
        cmocka_unit_test(an_error_status_is_an_answer),
        cmocka_unit_test(chunks_and_informational_answers_are_undone),
        cmocka_unit_test(an_empty_answer_is_empty),
        cmocka_unit_test(the_request_is_what_was_asked_for),
        cmocka_unit_test(bad_requests_are_refused_before_they_start),
        cmocka_unit_test(gzip_is_undone_however_it_is_cut),
        cmocka_unit_test(damaged_gzip_is_a_cut_body_or_a_bad_one),
        cmocka_unit_test(an_encoding_nobody_asked_for_is_named),
        cmocka_unit_test(too_much_is_refused_while_it_arrives),
        cmocka_unit_test(exactly_the_limit_is_fine),
        cmocka_unit_test(too_many_headers_are_refused),
        cmocka_unit_test(what_breaks_on_the_way_is_told_apart),
        cmocka_unit_test(nobody_there_is_a_failed_connection),
        cmocka_unit_test(tls_that_is_none_is_a_failed_connection),
        cmocka_unit_test(no_answer_in_time_is_a_timeout),
        cmocka_unit_test(a_redirect_within_the_origin_is_followed),
        cmocka_unit_test(any_other_redirect_is_handed_over),
        cmocka_unit_test(a_post_is_repeated_where_308_says_so),
        cmocka_unit_test(redirects_end),
        cmocka_unit_test(lines_arrive_whole_and_in_order),
        cmocka_unit_test(a_bomb_by_lines_is_never_held),
        cmocka_unit_test(a_cut_in_the_lines_has_no_last_chunk),
        cmocka_unit_test(a_line_without_an_end_is_too_large),
        cmocka_unit_test(many_exchanges_share_the_loop),
        cmocka_unit_test(a_cancelled_exchange_is_never_heard_of_again),
        cmocka_unit_test(a_world_can_end_with_exchanges_under_way),
        cmocka_unit_test(waiting_ends_on_time),
        cmocka_unit_test(another_thread_may_wake),
        cmocka_unit_test(survives_the_failure_of_every_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
