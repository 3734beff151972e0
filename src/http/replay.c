/*
 * replay.c: a world that answers from a recording (record.c), without a network, in virtual time.
 *
 * An exchange is answered by the first recorded one, not yet used, that has its method, URL and
 * body ("***" in the recording stands for anything), after as long as it took then. Time stands
 * still but for wait(), which jumps to what happens next. It begins when the recording did.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/time.h"
#include "http/scrub.h"
#include "http/world.h"
#include "json/doc.h"

#define FILES_MAX 999999
#define FILE_BYTES_MAX ((size_t)256 << 20)
#define CHUNK_BYTES ((size_t)256 << 10)
#define HEADERS_MAX SL_RESPONSE_HEADERS_COUNT_MAX

/* What is kept of each file in memory: its answer is read when it is needed. */
struct entry {
    char *method, *url, *body; /* body NULL: none */
    size_t body_len;
    int64_t started_us, took_us;
    bool used;
};

/* An exchange under way. */
struct job {
    struct job *next;
    struct sl_exchange *exchange;
    struct entry *entry; /* NULL: it is not in the recording */
    int64_t due_us, started_us;
    bool loaded, began, done;
    struct sl_doc *doc;
    struct sl_buf text; /* the file, parsed in place */
    struct sl_buf body;
    size_t given; /* of body, by lines */
    struct sl_header headers[HEADERS_MAX + 1];
};

struct replay {
    struct sl_world world; /* first: a world is a replay */
    char *directory;
    struct entry *entries;
    size_t count, room;
    struct job *jobs, *out; /* out: what wait() handed over last */
    struct sl_buf chunk;
    int64_t begin_us, mono_us; /* UTC when monotonic time was FIRST_US; monotonic now */
    uint64_t dice;
    atomic_bool woken;
};

#define FIRST_US INT64_C(1000000)

/* ------------------------------------------------------------------ files */

static enum sl_code file_path(const struct replay *replay, size_t i, char *path, size_t cap,
                              struct sl_error *error)
{
    int n = snprintf(path, cap, "%s/%06zu.json", replay->directory, i + 1);

    if (n < 0 || (size_t)n >= cap)
        return sl_fail(error, SL_BAD_SPEC, "the path of the recording is too long");
    return SL_OK;
}

/* The text of the i-th file, padding behind it. SL_NOT_FOUND: there is none. */
static enum sl_code file_read(const struct replay *replay, size_t i, struct sl_buf *text,
                              struct sl_error *error)
{
    char path[4096];
    enum sl_code rc = file_path(replay, i, path, sizeof path, error);

    if (rc) return rc;
    FILE *file = fopen(path, "rbe");
    if (!file)
        return sl_fail(error, errno == ENOENT ? SL_NOT_FOUND : SL_BAD_SPEC,
                       "could not read the recording '%s': %s", path, strerror(errno));
    sl_buf_init(text, FILE_BYTES_MAX);
    for (;;) {
        char *to = sl_buf_reserve(text, 65536);
        size_t got = to ? fread(to, 1, 65536, file) : 0;
        text->len += got;
        if (!got) break;
    }
    bool bad = ferror(file);
    (void)fclose(file);
    sl_buf_add(text, "\0\0\0\0\0\0\0\0", SL_DOC_PADDING);
    if (bad || sl_buf_failed(text))
        return sl_fail(error, sl_buf_failed(text) ? SL_TOO_LARGE : SL_BAD_SPEC,
                       "could not read the recording '%s'", path);
    text->len -= SL_DOC_PADDING;
    return SL_OK;
}

static enum sl_code file_parse(const struct replay *replay, size_t i, struct sl_doc *doc,
                               struct sl_buf *text, const struct sl_json **root,
                               struct sl_error *error)
{
    enum sl_code rc = file_read(replay, i, text, error);

    if (rc) return rc;
    rc = sl_doc_parse(doc, text->data, text->len, root, error);
    if (rc) sl_error_context(error, "recording '%s', exchange %zu", replay->directory, i + 1);
    return rc;
}

/* "body" or "body_base64" of a request or a response into out. False: there is none, or memory. */
static bool body_of(const struct sl_json *half, struct sl_buf *out)
{
    const struct sl_json *plain = sl_json_get(half, "body");
    const struct sl_json *base64 = sl_json_get(half, "body_base64");

    if (sl_json_str(plain))
        sl_buf_add(out, sl_json_str(plain), sl_json_str_len(plain));
    else if (!sl_json_str(base64) ||
             !sl_base64_decode(sl_json_str(base64), sl_json_str_len(base64), out))
        return false;
    return !sl_buf_failed(out);
}

static int64_t time_of(const struct sl_json *root, const char *key)
{
    const struct sl_json *text = sl_json_get(root, key);
    int64_t us = 0;
    bool zone;

    if (sl_json_str(text))
        (void)sl_time_parse(sl_json_str(text), sl_json_str_len(text), &us, &zone);
    return us;
}

static enum sl_code entry_add(struct replay *replay, const struct sl_json *root,
                              struct sl_error *error)
{
    const struct sl_json *request = sl_json_get(root, "request");
    const char *method = sl_json_str(sl_json_get(request, "method"));
    const char *url = sl_json_str(sl_json_get(request, "url"));
    struct sl_buf body = {0};

    if (!method || !url)
        return sl_fail(error, SL_BAD_SPEC,
                       "recording '%s', exchange %zu: there is no request in it", replay->directory,
                       replay->count + 1);
    if (replay->count == replay->room) {
        size_t room = replay->room ? replay->room * 2 : 64;
        struct entry *more = sl_realloc(replay->entries, room * sizeof *more);
        if (!more) goto no_memory;
        replay->entries = more;
        replay->room = room;
    }
    struct entry entry = {.started_us = time_of(root, "started_at")};
    entry.took_us = time_of(root, "received_at") - entry.started_us;
    if (entry.took_us < 0) entry.took_us = 0;
    entry.method = sl_strdup(method);
    entry.url = sl_strdup(url);
    if (body_of(request, &body)) {
        entry.body_len = body.len;
        entry.body = sl_alloc(body.len + 1);
        if (entry.body) memcpy(entry.body, sl_buf_str(&body), body.len + 1); /* may hold NUL */
    }
    bool fine =
        entry.method && entry.url && !sl_buf_failed(&body) && (!entry.body_len || entry.body);
    sl_buf_release(&body);
    replay->entries[replay->count++] = entry;
    if (fine) return SL_OK;

no_memory:
    return sl_fail(error, SL_NO_MEMORY, "no memory for a recording");
}

static enum sl_code entries_load(struct replay *replay, struct sl_error *error)
{
    struct sl_doc *doc = sl_doc_new(FILE_BYTES_MAX);
    struct sl_buf text = {0};
    enum sl_code rc = SL_OK;

    if (!doc) return sl_fail(error, SL_NO_MEMORY, "no memory for a recording");
    for (size_t i = 0; !rc && i < FILES_MAX; i++) {
        const struct sl_json *root;
        rc = file_parse(replay, i, doc, &text, &root, error);
        if (rc == SL_NOT_FOUND && i > 0) {
            rc = SL_OK;
            break;
        }
        if (!rc) rc = entry_add(replay, root, error);
        sl_buf_release(&text);
        if (!rc && (i == 0 || replay->entries[i].started_us < replay->begin_us))
            replay->begin_us = replay->entries[i].started_us;
    }
    sl_buf_release(&text);
    sl_doc_free(doc);
    return rc;
}

/* ------------------------------------------------------------------ jobs */

static struct entry *entry_for(struct replay *replay, const struct sl_exchange *exchange)
{
    const char *method = exchange->method ? exchange->method : "GET";
    const char *body = exchange->body ? exchange->body : "";
    size_t body_len = exchange->body ? exchange->body_len : 0;

    for (size_t i = 0; i < replay->count; i++) {
        struct entry *entry = &replay->entries[i];
        if (!entry->used && !strcmp(entry->method, method) &&
            sl_scrub_match(entry->url, strlen(entry->url), exchange->url, strlen(exchange->url)) &&
            sl_scrub_match(entry->body ? entry->body : "", entry->body_len, body, body_len))
            return entry;
    }
    return NULL;
}

static void job_free(struct replay *replay, struct job *job)
{
    struct job **at = &replay->jobs;

    while (*at != job) at = &(*at)->next;
    *at = job->next;
    if (replay->out == job) replay->out = NULL;
    sl_doc_free(job->doc);
    sl_buf_release(&job->text);
    sl_buf_release(&job->body);
    sl_free(job);
}

static enum sl_code unknown(const struct sl_exchange *exchange, struct sl_error *error)
{
    int body_len = exchange->body_len < 400 ? (int)exchange->body_len : 400;

    sl_fail(error, SL_CONNECT, "the recording has no answer (left) for %s %.600s%s%.*s",
            exchange->method ? exchange->method : "GET", exchange->url,
            exchange->body ? " with " : "", exchange->body ? body_len : 0,
            exchange->body ? exchange->body : "");
    error->retryable = false;
    sl_error_hint(error, "Record again with the same specification and state.");
    return SL_CONNECT;
}

/* The recorded failure of an exchange; SL_OK: there was none. */
static enum sl_code recorded_error(const struct sl_json *root, struct sl_error *error)
{
    const struct sl_json *failure = sl_json_get(root, "error");
    const char *message = sl_json_str(sl_json_get(failure, "message"));

    if (!failure) return SL_OK;
    enum sl_code code = SL_SOURCE;
    for (enum sl_code c = SL_DONE + 1; c <= SL_CANCELLED; c++)
        if (sl_json_eq(sl_json_get(failure, "code"), sl_code_name(c))) code = c;
    sl_fail(error, code, "%s", message ? message : "it failed");
    error->retryable = sl_json_true(sl_json_get(failure, "retryable"));
    return code;
}

/* Reads the answer of a job from its file. */
static enum sl_code job_load(struct replay *replay, struct job *job, int *status,
                             struct sl_error *error)
{
    const struct sl_json *root;
    size_t i = (size_t)(job->entry - replay->entries), count = 0;

    job->doc = sl_doc_new(FILE_BYTES_MAX);
    if (!job->doc) return sl_fail(error, SL_NO_MEMORY, "no memory for a recorded answer");
    enum sl_code rc = file_parse(replay, i, job->doc, &job->text, &root, error);
    if (rc) return rc == SL_NOT_FOUND ? sl_fail(error, SL_CONNECT, "the recording is gone") : rc;

    const struct sl_json *response = sl_json_get(root, "response");
    int64_t number = 0;
    (void)sl_json_i64(sl_json_get(response, "status"), &number);
    *status = (int)number;
    for (struct sl_json_each e = sl_json_each(sl_json_get(response, "headers"));
         sl_json_next(&e) && count < HEADERS_MAX;) {
        struct sl_json_each pair = sl_json_each(e.value);
        struct sl_header header = {0};
        if (sl_json_next(&pair)) header.name = sl_json_str(pair.value);
        if (sl_json_next(&pair)) header.value = sl_json_str(pair.value);
        if (header.name && header.value) job->headers[count++] = header;
    }
    sl_buf_init(&job->body, FILE_BYTES_MAX);
    (void)body_of(response, &job->body);
    sl_buf_add(&job->body, "\0\0\0\0\0\0\0\0", SL_DOC_PADDING);
    if (sl_buf_failed(&job->body))
        return sl_fail(error, SL_NO_MEMORY, "no memory for a recorded answer");
    job->body.len -= SL_DOC_PADDING;
    job->loaded = true;
    rc = recorded_error(root, error);
    if (!rc && !response)
        rc = sl_fail(error, SL_BAD_SPEC, "recording '%s', exchange %zu: there is no answer in it",
                     replay->directory, i + 1);
    return rc;
}

/* The next chunk of whole lines; all that is left when it is the last. */
static size_t chunk_len(const struct job *job)
{
    size_t left = job->body.len - job->given, len = left < CHUNK_BYTES ? left : CHUNK_BYTES;
    const char *from = job->body.data + job->given;

    if (len == left) return left;
    while (len && from[len - 1] != '\n') len--;
    if (len) return len;
    const char *newline = memchr(from, '\n', left);
    return newline ? (size_t)(newline + 1 - from) : left;
}

static void complete(struct replay *replay, struct job *job, struct sl_completion *out)
{
    struct sl_exchange *exchange = job->exchange;
    int status = 200;
    enum sl_code rc = SL_OK;

    *out = (struct sl_completion){
        .exchange = exchange,
        .headers = job->headers,
        .began = job->began,
        .started_at_us = replay->begin_us + job->started_us - FIRST_US,
        .received_at_us = replay->begin_us + replay->mono_us - FIRST_US,
        .sent_us = job->started_us,
    };
    if (!job->entry)
        rc = unknown(exchange, &out->error);
    else if (!job->loaded)
        rc = job_load(replay, job, &status, &out->error);
    out->status = status;
    if (!rc) {
        bool lines = exchange->lines;
        size_t len = lines ? chunk_len(job) : job->body.len;
        bool last = job->given + len == job->body.len;
        out->chunk =
            (job->began ? 0U : (unsigned)SL_CHUNK_FIRST) | (last ? (unsigned)SL_CHUNK_LAST : 0U);
        sl_buf_reset(&replay->chunk);
        sl_buf_add(&replay->chunk, job->body.data + job->given, len);
        sl_buf_add(&replay->chunk, "\0\0\0\0\0\0\0\0", SL_DOC_PADDING);
        out->body = replay->chunk.data;
        out->body_len = len;
        job->given += len;
        job->began = true;
        job->done = last;
        if (sl_buf_failed(&replay->chunk))
            rc = sl_fail(&out->error, SL_NO_MEMORY, "no memory for a recorded answer");
    }
    out->code = rc;
    if (!rc) return;
    out->chunk = 0;
    out->status = 0;
    out->body = NULL;
    out->body_len = 0;
    job->done = true;
}

/* ------------------------------------------------------------------ the world */

static int64_t replay_now_us(struct sl_world *world)
{
    struct replay *replay = (struct replay *)world;
    return replay->begin_us + replay->mono_us - FIRST_US;
}

static int64_t replay_monotonic_us(struct sl_world *world)
{
    return ((struct replay *)world)->mono_us;
}

static uint64_t replay_dice(struct sl_world *world)
{
    struct replay *replay = (struct replay *)world;

    uint64_t z = replay->dice += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static enum sl_code replay_start(struct sl_world *world, struct sl_exchange *exchange,
                                 struct sl_error *error)
{
    struct replay *replay = (struct replay *)world;
    struct job *job = sl_calloc(1, sizeof *job);

    if (!job) return sl_fail(error, SL_NO_MEMORY, "no memory for a request");
    job->exchange = exchange;
    job->entry = entry_for(replay, exchange);
    job->started_us = job->due_us = replay->mono_us;
    if (job->entry) {
        job->entry->used = true;
        job->due_us += job->entry->took_us;
    }
    struct job **at = &replay->jobs; /* those that are due together: in the order of their start */
    while (*at) at = &(*at)->next;
    *at = job;
    if (exchange->sent) exchange->sent(exchange, replay->mono_us);
    return SL_OK;
}

static void replay_cancel(struct sl_world *world, struct sl_exchange *exchange)
{
    struct replay *replay = (struct replay *)world;

    for (struct job *job = replay->jobs; job; job = job->next)
        if (job->exchange == exchange) {
            job_free(replay, job);
            return;
        }
}

static bool replay_wait(struct sl_world *world, int64_t until_us, struct sl_completion *out)
{
    struct replay *replay = (struct replay *)world;
    struct job *first = NULL;

    if (replay->out && replay->out->done) job_free(replay, replay->out);
    replay->out = NULL;
    for (struct job *job = replay->jobs; job; job = job->next)
        if (!first || job->due_us < first->due_us) first = job;
    if (first && first->due_us > replay->mono_us && first->due_us > until_us) first = NULL;
    bool due = first && first->due_us <= replay->mono_us;
    if (!due && atomic_exchange(&replay->woken, false)) return false;
    if (!first) {
        if (until_us != INT64_MAX && until_us > replay->mono_us) replay->mono_us = until_us;
        return false;
    }
    if (!due) replay->mono_us = first->due_us;
    complete(replay, first, out);
    replay->out = first;
    return true;
}

static void replay_wake(struct sl_world *world)
{
    atomic_store(&((struct replay *)world)->woken, true);
}

static void replay_free(struct sl_world *world)
{
    struct replay *replay = (struct replay *)world;

    while (replay->jobs) job_free(replay, replay->jobs);
    for (size_t i = 0; i < replay->count; i++) {
        sl_free(replay->entries[i].method);
        sl_free(replay->entries[i].url);
        sl_free(replay->entries[i].body);
    }
    sl_free(replay->entries);
    sl_buf_release(&replay->chunk);
    sl_free(replay->directory);
    sl_free(replay);
}

static const struct sl_world_ops replay_ops = {
    .now_us = replay_now_us,
    .monotonic_us = replay_monotonic_us,
    .dice = replay_dice,
    .start = replay_start,
    .cancel = replay_cancel,
    .wait = replay_wait,
    .wake = replay_wake,
    .free = replay_free,
};

enum sl_code sl_world_replay(const char *directory, struct sl_world **out, struct sl_error *error)
{
    struct replay *replay = sl_calloc(1, sizeof *replay);
    enum sl_code rc;

    *out = NULL;
    if (!replay) return sl_fail(error, SL_NO_MEMORY, "no memory for a recording");
    replay->world.ops = &replay_ops;
    replay->mono_us = FIRST_US;
    atomic_init(&replay->woken, false);
    sl_buf_init(&replay->chunk, FILE_BYTES_MAX);
    replay->directory = sl_strdup(directory);
    rc = replay->directory ? entries_load(replay, error)
                           : sl_fail(error, SL_NO_MEMORY, "no memory for a recording");
    if (rc == SL_NOT_FOUND) sl_error_hint(error, "A recording is a directory written by --record.");
    if (rc)
        replay_free(&replay->world);
    else
        *out = &replay->world;
    return rc;
}
