/*
 * record.c: a world that writes down what another one does. One exchange is one file:
 *
 *   000017.json
 *   {"request":{"method":"POST","url":"https://api.example.com/v0/app1/tbl1/listRecords",
 *               "headers":[["content-type","application/json"]],"body":"{\"pageSize\":100}"},
 *    "response":{"status":200,"headers":[["content-type","application/json"]],
 *                "body":"{\"records\":[]}"},
 *    "started_at":"2026-03-02T09:00:00.000000Z","received_at":"2026-03-02T09:00:00.210000Z"}
 *
 * A body that is no UTF-8 is "body_base64". An exchange that failed has "error":{"code","message",
 * "retryable"} and what it had handed over by lines. Bodies are kept decompressed.
 */
#define _GNU_SOURCE /* O_CLOEXEC */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sluice/json.h>

#include "base/alloc.h"
#include "base/time.h"
#include "http/scrub.h"
#include "http/world.h"
#include "json/doc.h"
#include "json/utf8.h"

#define FILES_MAX 999999

/* A body by lines, of which more is to come. */
struct partial {
    struct partial *next;
    const struct sl_exchange *exchange;
    int status;
    struct sl_buf body;
};

struct recorder {
    struct sl_world world; /* first: a world is a recorder */
    struct sl_world *inner;
    char *directory;
    struct sl_scrub *scrub;
    struct sl_json_writer *writer;
    struct sl_buf scratch;
    bool failed; /* the exchange that is being written: something did not fit */
    struct partial *partials;
    int count;
};

/* ------------------------------------------------------------------ one file */

static void scrub(struct recorder *recorder, const char *text, size_t len)
{
    sl_buf_reset(&recorder->scratch);
    sl_scrub_add(recorder->scrub, text, len, &recorder->scratch);
    if (sl_buf_failed(&recorder->scratch)) recorder->failed = true;
}

static void put_scrubbed(struct recorder *recorder, const char *text, size_t len)
{
    scrub(recorder, text, len);
    sl_json_put_strn(recorder->writer, sl_buf_str(&recorder->scratch), recorder->scratch.len);
}

static bool is_utf8(const char *text, size_t len)
{
    for (size_t at = 0; at < len;) {
        size_t n = sl_utf8_char(text + at, len - at);
        if (!n) return false;
        at += n;
    }
    return true;
}

static void put_body(struct recorder *recorder, const char *body, size_t len)
{
    struct sl_buf base64;

    if (is_utf8(body, len)) {
        sl_json_key(recorder->writer, "body");
        put_scrubbed(recorder, body, len);
        return;
    }
    scrub(recorder, body, len);
    sl_buf_init(&base64, 0);
    sl_base64_add(sl_buf_str(&recorder->scratch), recorder->scratch.len, &base64);
    sl_json_key(recorder->writer, "body_base64");
    sl_json_put_strn(recorder->writer, sl_buf_str(&base64), base64.len);
    if (sl_buf_failed(&base64)) recorder->failed = true;
    sl_buf_release(&base64);
}

static void put_headers(struct recorder *recorder, const struct sl_header *headers)
{
    static const char *const left_out[] = {"authorization", "proxy-authorization", "cookie",
                                           "set-cookie", NULL};

    sl_json_key(recorder->writer, "headers");
    sl_json_begin_array(recorder->writer);
    for (const struct sl_header *h = headers; h && h->name; h++) {
        bool secret = false;
        for (const char *const *name = left_out; *name; name++)
            secret = secret || !strcasecmp(h->name, *name);
        if (secret) continue;
        sl_json_begin_array(recorder->writer);
        sl_json_put_str(recorder->writer, h->name);
        put_scrubbed(recorder, h->value, strlen(h->value));
        sl_json_end_array(recorder->writer);
    }
    sl_json_end_array(recorder->writer);
}

static void put_request(struct recorder *recorder, const struct sl_exchange *exchange)
{
    struct sl_json_writer *writer = recorder->writer;

    sl_json_key(writer, "request");
    sl_json_begin_object(writer);
    sl_json_kv_str(writer, "method", exchange->method ? exchange->method : "GET");
    sl_json_key(writer, "url");
    put_scrubbed(recorder, exchange->url, strlen(exchange->url));
    put_headers(recorder, exchange->headers);
    if (exchange->body && exchange->credentials)
        sl_json_kv_str(writer, "body", SL_SCRUBBED);
    else if (exchange->body)
        put_body(recorder, exchange->body, exchange->body_len);
    sl_json_end_object(writer);
}

/* A word like "invalid_grant", which says what happened and is no secret. */
static bool is_word(const char *text)
{
    size_t len = strlen(text);

    return len > 0 && len <= 40 && strspn(text, "abcdefghijklmnopqrstuvwxyz_") == len;
}

/* The answer to a request for tokens: its members, but of texts only words of errors. */
static void put_credentials(struct recorder *recorder, const char *body, size_t len)
{
    struct sl_json_writer *shape = sl_json_writer_new();
    struct sl_doc *doc = sl_doc_new(0);
    struct sl_error ignored;
    const struct sl_json *root = NULL;
    const char *text = NULL;

    if (shape && doc && !sl_doc_parse_copy(doc, body, len, &root, &ignored) &&
        sl_json_kind(root) == SL_JSON_OBJECT) {
        sl_json_begin_object(shape);
        for (struct sl_json_each e = sl_json_each(root); sl_json_next(&e);) {
            const char *value = sl_json_str(e.value);
            bool plain = sl_json_kind(e.value) == SL_JSON_NUMBER ||
                         (value && sl_json_eq(e.key, "error") && is_word(value));
            sl_json_key(shape, sl_json_str(e.key));
            if (plain)
                sl_json_put_value(shape, e.value);
            else
                sl_json_put_str(shape, SL_SCRUBBED);
        }
        sl_json_end_object(shape);
        text = sl_json_writer_text(shape, NULL);
    }
    sl_json_kv_str(recorder->writer, "body", text ? text : SL_SCRUBBED);
    sl_doc_free(doc);
    sl_json_writer_free(shape);
}

static void put_answer(struct recorder *recorder, const struct sl_completion *completion,
                       const char *body, size_t body_len)
{
    struct sl_json_writer *writer = recorder->writer;

    if (completion->code) {
        sl_json_key(writer, "error");
        sl_json_begin_object(writer);
        sl_json_kv_str(writer, "code", sl_code_name(completion->code));
        sl_json_key(writer, "message");
        put_scrubbed(recorder, completion->error.message, strlen(completion->error.message));
        sl_json_kv_bool(writer, "retryable", completion->error.retryable);
        sl_json_end_object(writer);
    }
    if (!completion->code || completion->began) {
        sl_json_key(writer, "response");
        sl_json_begin_object(writer);
        sl_json_kv_i64(writer, "status", completion->status);
        put_headers(recorder, completion->headers);
        if (completion->exchange->credentials)
            put_credentials(recorder, body, body_len);
        else
            put_body(recorder, body, body_len);
        sl_json_end_object(writer);
    }
}

static enum sl_code write_file(struct recorder *recorder, struct sl_error *error)
{
    char path[4096];
    size_t len;
    const char *text = sl_json_writer_text(recorder->writer, &len);

    if (!text || recorder->failed)
        return sl_fail(error, SL_TOO_LARGE, "an exchange is too large to be recorded");
    if (recorder->count == FILES_MAX)
        return sl_fail(error, SL_TOO_LARGE, "a recording holds at most %d exchanges", FILES_MAX);
    int n = snprintf(path, sizeof path, "%s/%06d.json", recorder->directory, recorder->count + 1);
    if (n < 0 || (size_t)n >= sizeof path)
        return sl_fail(error, SL_DESTINATION, "the path of the recording is too long");

    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool fine = fd >= 0;
    while (fine && len) {
        ssize_t written = write(fd, text, len);
        if (written < 0 && errno == EINTR) continue;
        fine = written > 0;
        if (!fine) break;
        text += written;
        len -= (size_t)written;
    }
    int why = errno;
    if (fd >= 0 && close(fd) && fine) {
        fine = false;
        why = errno;
    }
    if (!fine)
        return sl_fail(error, SL_DESTINATION, "could not write the recording '%s': %s", path,
                       strerror(why));
    recorder->count++;
    return SL_OK;
}

static enum sl_code record(struct recorder *recorder, const struct sl_completion *completion,
                           const char *body, size_t body_len, struct sl_error *error)
{
    char started[SL_TIME_TEXT_MAX], received[SL_TIME_TEXT_MAX];
    int64_t received_us = completion->received_at_us;

    if (received_us < completion->started_at_us) received_us = completion->started_at_us;
    sl_json_writer_reset(recorder->writer);
    recorder->failed = false;
    sl_json_begin_object(recorder->writer);
    put_request(recorder, completion->exchange);
    put_answer(recorder, completion, body, body_len);
    sl_json_kv_str(recorder->writer, "started_at",
                   sl_time_format_us(completion->started_at_us, started));
    sl_json_kv_str(recorder->writer, "received_at", sl_time_format_us(received_us, received));
    sl_json_end_object(recorder->writer);
    return write_file(recorder, error);
}

/* ------------------------------------------------------------------ bodies by lines */

static struct partial **partial_find(struct recorder *recorder, const struct sl_exchange *exchange)
{
    struct partial **at = &recorder->partials;

    while (*at && (*at)->exchange != exchange) at = &(*at)->next;
    return at;
}

static void partial_drop(struct partial **at)
{
    struct partial *partial = *at;

    if (!partial) return;
    *at = partial->next;
    sl_buf_release(&partial->body);
    sl_free(partial);
}

static enum sl_code note(struct recorder *recorder, const struct sl_completion *completion,
                         struct sl_error *error)
{
    struct partial **at = partial_find(recorder, completion->exchange);
    bool last = completion->code || (completion->chunk & SL_CHUNK_LAST);

    if (last && !*at)
        return record(recorder, completion, completion->body ? completion->body : "",
                      completion->body_len, error);
    if (!*at) {
        *at = sl_calloc(1, sizeof **at);
        if (!*at) return sl_fail(error, SL_NO_MEMORY, "no memory to record an exchange");
        (*at)->exchange = completion->exchange;
        (*at)->status = completion->status;
    }
    struct sl_buf *body = &(*at)->body;
    if (completion->body_len) sl_buf_add(body, completion->body, completion->body_len);
    if (sl_buf_failed(body))
        return sl_fail(error, SL_TOO_LARGE, "an exchange is too large to be recorded");
    if (!last) return SL_OK;
    struct sl_completion whole = *completion;
    whole.status = (*at)->status; /* of the answer, if it ended in an error later */
    enum sl_code rc = record(recorder, &whole, sl_buf_str(body), body->len, error);
    partial_drop(at);
    return rc;
}

/* ------------------------------------------------------------------ the world */

static struct sl_world *inner_of(struct sl_world *world)
{
    return ((struct recorder *)world)->inner;
}

static int64_t recorder_now_us(struct sl_world *world)
{
    return inner_of(world)->ops->now_us(inner_of(world));
}

static int64_t recorder_monotonic_us(struct sl_world *world)
{
    return inner_of(world)->ops->monotonic_us(inner_of(world));
}

static uint64_t recorder_dice(struct sl_world *world)
{
    return inner_of(world)->ops->dice(inner_of(world));
}

static enum sl_code recorder_start(struct sl_world *world, struct sl_exchange *exchange,
                                   struct sl_error *error)
{
    return inner_of(world)->ops->start(inner_of(world), exchange, error);
}

static void recorder_cancel(struct sl_world *world, struct sl_exchange *exchange)
{
    partial_drop(partial_find((struct recorder *)world, exchange));
    inner_of(world)->ops->cancel(inner_of(world), exchange);
}

static bool recorder_wait(struct sl_world *world, int64_t until_us, struct sl_completion *out)
{
    struct recorder *recorder = (struct recorder *)world;
    struct sl_error error;

    if (!recorder->inner->ops->wait(recorder->inner, until_us, out)) return false;
    enum sl_code rc = note(recorder, out, &error);
    if (!rc) return true;
    /* The exchange is over, whatever it had to say: nobody wants a recording with a hole. */
    partial_drop(partial_find(recorder, out->exchange));
    if (!out->code && !(out->chunk & SL_CHUNK_LAST))
        recorder->inner->ops->cancel(recorder->inner, out->exchange);
    static const struct sl_header no_headers[1];
    *out = (struct sl_completion){
        .exchange = out->exchange,
        .code = rc,
        .began = out->began,
        .headers = no_headers,
        .error = error,
        .started_at_us = out->started_at_us,
        .received_at_us = out->received_at_us,
        .sent_us = out->sent_us,
    };
    return true;
}

static void recorder_wake(struct sl_world *world)
{
    inner_of(world)->ops->wake(inner_of(world));
}

static void recorder_free(struct sl_world *world)
{
    struct recorder *recorder = (struct recorder *)world;

    sl_world_free(recorder->inner);
    while (recorder->partials) partial_drop(&recorder->partials);
    sl_buf_release(&recorder->scratch);
    sl_json_writer_free(recorder->writer);
    sl_scrub_free(recorder->scrub);
    sl_free(recorder->directory);
    sl_free(recorder);
}

static const struct sl_world_ops recorder_ops = {
    .now_us = recorder_now_us,
    .monotonic_us = recorder_monotonic_us,
    .dice = recorder_dice,
    .start = recorder_start,
    .cancel = recorder_cancel,
    .wait = recorder_wait,
    .wake = recorder_wake,
    .free = recorder_free,
};

bool sl_world_hide(struct sl_world *world, const char *secret)
{
    return world->ops != &recorder_ops ||
           sl_scrub_secret(((struct recorder *)world)->scrub, secret);
}

static enum sl_code directory_ready(const char *directory, struct sl_error *error)
{
    char first[4096];

    if (mkdir(directory, 0700) && errno != EEXIST)
        return sl_fail(error, SL_DESTINATION, "could not make the directory '%s': %s", directory,
                       strerror(errno));
    snprintf(first, sizeof first, "%s/%06d.json", directory, 1);
    if (!access(first, F_OK)) {
        sl_fail(error, SL_EXISTS, "'%s' holds a recording already", directory);
        sl_error_hint(error, "Name another directory, or remove that one.");
        return SL_EXISTS;
    }
    if (access(directory, W_OK | X_OK))
        return sl_fail(error, SL_DESTINATION, "could not write to '%s': %s", directory,
                       strerror(errno));
    return SL_OK;
}

enum sl_code sl_world_record(struct sl_world *inner, const char *directory,
                             const char *const *secrets, struct sl_world **out,
                             struct sl_error *error)
{
    struct recorder *recorder = sl_calloc(1, sizeof *recorder);
    enum sl_code rc;

    *out = NULL;
    if (!recorder) {
        sl_world_free(inner);
        return sl_fail(error, SL_NO_MEMORY, "no memory for a recording");
    }
    recorder->world.ops = &recorder_ops;
    recorder->inner = inner;
    recorder->directory = sl_strdup(directory);
    recorder->scrub = sl_scrub_new(secrets);
    recorder->writer = sl_json_writer_new();
    if (!recorder->directory || !recorder->scrub || !recorder->writer)
        rc = sl_fail(error, SL_NO_MEMORY, "no memory for a recording");
    else
        rc = directory_ready(directory, error);
    if (rc)
        recorder_free(&recorder->world);
    else
        *out = &recorder->world;
    return rc;
}
