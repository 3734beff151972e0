#define _GNU_SOURCE /* memrchr */
#include "http/exchange.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "json/doc.h"

struct sl_transfer *sl_transfer_new(struct sl_client *client)
{
    struct sl_transfer *t = sl_calloc(1, sizeof *t);

    if (!t) return NULL;
    t->client = client;
    sl_buf_init(&t->header_text, SL_RESPONSE_HEADERS_BYTES_MAX + 2);
    t->easy = curl_easy_init();
    if (!t->easy) {
        sl_free(t);
        return NULL;
    }
    return t;
}

static void body_release(struct sl_body *body)
{
    sl_free(body->data);
    *body = (struct sl_body){0};
}

void sl_transfer_free(struct sl_transfer *t)
{
    if (!t) return;
    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->request_headers);
    sl_free(t->url);
    sl_free(t->follow);
    sl_buf_release(&t->header_text);
    sl_inflate_free(t->inflate);
    body_release(&t->body);
    body_release(&t->chunk);
    sl_free(t);
}

/* Forgets the answer so far (none of it was handed out). */
static void answer_reset(struct sl_transfer *t)
{
    sl_buf_reset(&t->header_text);
    t->header_count = 0;
    t->headers_done = t->body_begun = t->gzip = false;
    t->total = t->body.len = t->scanned = t->skip = 0;
    t->status = 0;
    t->curl_error[0] = 0;
    sl_free(t->follow);
    t->follow = NULL;
}

void sl_transfer_reset(struct sl_transfer *t)
{
    answer_reset(t);
    curl_easy_reset(t->easy); /* keeps connections */
    curl_slist_free_all(t->request_headers);
    t->request_headers = NULL;
    sl_free(t->url);
    t->url = NULL;
    t->exchange = NULL;
    t->redirects = 0;
    t->chunk.len = 0;
    t->chunk_out = t->began = t->paused = t->ended = false;
    t->error = (struct sl_error){0};
    t->sent_us = 0;
    if (t->body.room > SL_BODY_KEPT_MAX) body_release(&t->body);
    if (t->chunk.room > SL_BODY_KEPT_MAX) body_release(&t->chunk);
}

/* ------------------------------------------------------------------ headers of the answer */

static const char *header_find(const struct sl_transfer *t, const char *name)
{
    const char *at = t->header_text.data;

    for (size_t i = 0; i < t->header_count; i++) {
        const char *value = at + strlen(at) + 1;
        if (!strcmp(at, name)) return value;
        at = value + strlen(value) + 1;
    }
    return NULL;
}

static enum sl_code header_add(struct sl_transfer *t, const char *line, size_t len)
{
    const char *colon = memchr(line, ':', len);
    struct sl_buf *text = &t->header_text;

    if (!colon || colon == line) return SL_OK; /* a folded line, or nothing we know */
    if (t->header_count == SL_RESPONSE_HEADERS_COUNT_MAX ||
        len + 2 > SL_RESPONSE_HEADERS_BYTES_MAX - text->len)
        return sl_fail(&t->error, SL_TOO_LARGE,
                       "the answer has more than %d headers or %zu bytes of them",
                       SL_RESPONSE_HEADERS_COUNT_MAX, SL_RESPONSE_HEADERS_BYTES_MAX);

    const char *value = colon + 1, *end = line + len;
    while (value < end && (*value == ' ' || *value == '\t')) value++;
    while (end > value && (end[-1] == ' ' || end[-1] == '\t')) end--;
    for (const char *c = line; c < colon; c++)
        sl_buf_addc(text, (char)(*c >= 'A' && *c <= 'Z' ? *c + ('a' - 'A') : *c));
    sl_buf_addc(text, 0);
    sl_buf_add(text, value, (size_t)(end - value));
    sl_buf_addc(text, 0);
    if (sl_buf_failed(text))
        return sl_fail(&t->error, SL_NO_MEMORY, "no memory for the headers of an answer");
    t->header_count++;
    return SL_OK;
}

static size_t on_header(char *line, size_t size, size_t count, void *context)
{
    struct sl_transfer *t = context;
    size_t all = size * count, len = all;

    while (len && (line[len - 1] == '\r' || line[len - 1] == '\n')) len--;
    if (t->body_begun) return all;               /* trailers */
    if (len >= 5 && !memcmp(line, "HTTP/", 5)) { /* after a 1xx once more */
        sl_buf_reset(&t->header_text);
        t->header_count = 0;
        t->headers_done = false;
        return all;
    }
    if (!len) t->headers_done = true;
    if (t->headers_done || line[0] == ' ' || line[0] == '\t') return all;
    return header_add(t, line, len) ? 0 : all;
}

/* ------------------------------------------------------------------ redirects */

static const char *current_url(const struct sl_transfer *t)
{
    return t->url ? t->url : t->exchange->url;
}

static bool same_part(CURLU *a, CURLU *b, CURLUPart part)
{
    char *of_a = NULL, *of_b = NULL;
    bool same = !curl_url_get(a, part, &of_a, CURLU_DEFAULT_PORT) &&
                !curl_url_get(b, part, &of_b, CURLU_DEFAULT_PORT) && !strcasecmp(of_a, of_b);

    curl_free(of_a);
    curl_free(of_b);
    return same;
}

/* Where an answer sends us, when that is within the origin; else NULL. */
static char *redirect_target(const struct sl_transfer *t, const char *location)
{
    CURLU *from = curl_url(), *to = curl_url();
    char *text = NULL, *target = NULL;

    if (!from || !to) goto out;
    if (curl_url_set(from, CURLUPART_URL, current_url(t), 0)) goto out;
    if (curl_url_set(to, CURLUPART_URL, current_url(t), 0)) goto out;
    if (curl_url_set(to, CURLUPART_URL, location, 0)) goto out;
    if (!same_part(from, to, CURLUPART_SCHEME) || !same_part(from, to, CURLUPART_HOST) ||
        !same_part(from, to, CURLUPART_PORT))
        goto out;
    if (curl_url_get(to, CURLUPART_URL, &text, 0)) goto out;
    target = sl_strdup(text);

out:
    curl_free(text);
    curl_url_cleanup(from);
    curl_url_cleanup(to);
    return target;
}

static bool redirects(const struct sl_transfer *t)
{
    const char *method = t->exchange->method ? t->exchange->method : "GET";
    bool safe = !strcmp(method, "GET") || !strcmp(method, "HEAD");

    if (t->status == 307 || t->status == 308) return true;
    return safe && (t->status == 301 || t->status == 302 || t->status == 303);
}

/* ------------------------------------------------------------------ body */

static enum sl_code too_large(struct sl_transfer *t)
{
    sl_fail(&t->error, SL_TOO_LARGE, "the answer is larger than %zu bytes", t->limit);
    sl_error_hint(&t->error,
                  "Look at what the source sends there: no answer of its API is that large. "
                  "Where rows are, ask for fewer columns (include_columns).");
    return SL_TOO_LARGE;
}

/* Room for `more` bytes behind what is there, and the padding. Grows by doubling. */
static enum sl_code body_grow(struct sl_transfer *t, struct sl_body *body, size_t more)
{
    size_t need = body->len + more, room = body->room ? body->room : SL_BODY_FIRST;

    if (body->data && need <= body->room) return SL_OK;
    while (room < need) room *= 2;
    char *data = sl_realloc(body->data, room + SL_DOC_PADDING);
    if (!data)
        return sl_fail(&t->error, SL_NO_MEMORY, "no memory for an answer of %zu bytes", room);
    body->data = data;
    body->room = room;
    return SL_OK;
}

/* The status and headers are complete: what kind of body comes? */
static enum sl_code body_begins(struct sl_transfer *t)
{
    long status = 0;

    t->body_begun = true;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    t->status = (int)status;

    const char *location = redirects(t) ? header_find(t, "location") : NULL;
    if (location) t->follow = redirect_target(t, location);
    if (t->follow) return SL_OK;

    const char *encoding = header_find(t, "content-encoding");
    if (!encoding || !*encoding || !strcasecmp(encoding, "identity")) return SL_OK;
    if (strcasecmp(encoding, "gzip") != 0 && strcasecmp(encoding, "x-gzip") != 0)
        return sl_fail(&t->error, SL_SOURCE, "the answer is in an encoding nobody asked for: '%s'",
                       encoding);
    t->gzip = true;
    if (!t->inflate) t->inflate = sl_inflate_new();
    if (!t->inflate) return sl_fail(&t->error, SL_NO_MEMORY, "no memory to decompress an answer");
    sl_inflate_reset(t->inflate);
    return SL_OK;
}

/* Moves bytes of the body from *in into t->body, at most `room` of them. */
static enum sl_code body_take(struct sl_transfer *t, const char **in, size_t *in_len, size_t room,
                              size_t *made)
{
    /* One byte over the limit is enough to know. */
    if (room > t->limit - t->total + 1) room = t->limit - t->total + 1;
    *made = 0;
    enum sl_code rc = body_grow(t, &t->body, room);
    if (rc) return rc;
    char *to = t->body.data + t->body.len;
    if (t->gzip) {
        rc = sl_inflate_some(t->inflate, in, in_len, to, room, made, &t->error);
    } else {
        *made = *in_len < room ? *in_len : room;
        memcpy(to, *in, *made);
        *in += *made;
        *in_len -= *made;
    }
    t->body.len += *made;
    t->total += *made;
    if (!rc && t->total > t->limit) rc = too_large(t);
    return rc;
}

static enum sl_code whole_feed(struct sl_transfer *t, const char **in, size_t *in_len)
{
    size_t made, room;

    do {
        room = t->gzip ? SL_BODY_FIRST : *in_len;
        if (t->gzip && t->body.room > t->body.len + room) room = t->body.room - t->body.len;
        enum sl_code rc = body_take(t, in, in_len, room, &made);
        if (rc) return rc;
    } while (*in_len || (t->gzip && made == room));
    return SL_OK;
}

/* By lines: hands over the whole lines of the body and keeps the rest. False: there is none. */
static enum sl_code chunk_cut(struct sl_transfer *t, bool *cut)
{
    struct sl_body *body = &t->body;
    const char *newline = body->len > t->scanned
                              ? memrchr(body->data + t->scanned, '\n', body->len - t->scanned)
                              : NULL;
    *cut = false;
    if (!newline) {
        t->scanned = body->len;
        if (body->len <= SL_LINE_BYTES_MAX) return SL_OK;
        return sl_fail(&t->error, SL_TOO_LARGE, "a line is longer than %zu bytes",
                       SL_LINE_BYTES_MAX);
    }
    size_t used = (size_t)(newline + 1 - body->data), rest = body->len - used;
    assert(!t->chunk_out);
    t->chunk.len = 0;
    enum sl_code rc = body_grow(t, &t->chunk, rest);
    if (rc) return rc;
    memcpy(t->chunk.data, body->data + used, rest);
    struct sl_body lines = *body;
    *body = t->chunk;
    body->len = rest;
    t->chunk = lines;
    t->chunk.len = used;
    t->chunk_out = *cut = true;
    t->scanned = 0;
    t->received_us = sl_client_now_us();
    sl_client_ready(t);
    return SL_OK;
}

/* *pause: the chunk before is still with the caller, and there is enough for another. */
static enum sl_code lines_feed(struct sl_transfer *t, const char **in, size_t *in_len, bool *pause)
{
    size_t made, room;

    do {
        if (t->body.len >= SL_LINES_CHUNK) {
            *pause = t->chunk_out;
            if (*pause) return SL_OK;
            bool cut;
            enum sl_code rc = chunk_cut(t, &cut);
            if (rc) return rc;
        }
        room = t->body.len < SL_LINES_CHUNK ? SL_LINES_CHUNK - t->body.len : SL_BODY_FIRST;
        enum sl_code rc = body_take(t, in, in_len, room, &made);
        if (rc) return rc;
    } while (*in_len || (t->gzip && made == room));
    return SL_OK;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
    struct sl_transfer *t = context;
    size_t all = size * count, in_len = all;
    const char *in = bytes;
    bool pause = false;

    const size_t stop = all ? 0 : 1; /* anything but all */

    if (!t->body_begun && body_begins(t)) return stop;
    if (t->follow) return all;

    size_t drop = t->skip < in_len ? t->skip : in_len;
    t->skip -= drop;
    in += drop;
    in_len -= drop;
    if (t->exchange->lines ? lines_feed(t, &in, &in_len, &pause) : whole_feed(t, &in, &in_len))
        return stop;
    if (!pause) return all;
    t->skip += all - in_len; /* curl will hand over all of it again */
    t->paused = true;
    return CURL_WRITEFUNC_PAUSE;
}

void sl_transfer_chunk_used(struct sl_transfer *t)
{
    assert(t->chunk_out);
    t->chunk_out = false;
    t->began = true;
    if (t->ended) {
        sl_client_ready(t); /* the last lines, or the error, come next */
    } else if (t->paused) {
        t->paused = false;
        curl_easy_pause(t->easy, CURLPAUSE_CONT); /* may call on_body */
    }
}

/* ------------------------------------------------------------------ the request */

static int on_sent(void *context, char *to, char *from, int to_port, int from_port)
{
    (void)to, (void)from, (void)to_port, (void)from_port;
    sl_client_sent(context);
    return CURL_PREREQFUNC_OK;
}

static bool header_given(const struct sl_exchange *exchange, const char *name)
{
    for (const struct sl_header *h = exchange->headers; h && h->name; h++)
        if (!strcasecmp(h->name, name)) return true;
    return false;
}

static bool header_append(struct sl_transfer *t, const char *line)
{
    struct curl_slist *list = curl_slist_append(t->request_headers, line);

    if (list) t->request_headers = list;
    return list;
}

static enum sl_code request_headers(struct sl_transfer *t, struct sl_error *error)
{
    const struct sl_exchange *exchange = t->exchange;
    struct sl_buf line;
    enum sl_code rc = SL_OK;
    bool fine = true;

    sl_buf_init(&line, 0);
    for (const struct sl_header *h = exchange->headers; h && h->name; h++) {
        if (!*h->name || strpbrk(h->name, "\r\n: ") || strpbrk(h->value, "\r\n")) {
            rc = sl_fail(error, SL_BAD_SPEC, "header '%.*s' holds a line break or a bad name",
                         (int)strcspn(h->name, "\r\n"), h->name);
            sl_error_hint(error, "A secret read from a file must be one line.");
            goto out;
        }
        sl_buf_reset(&line);
        /* "name;" is how curl is told of a header without a value. */
        sl_buf_addf(&line, *h->value ? "%s: %s" : "%s;%s", h->name, h->value);
        fine = fine && !sl_buf_failed(&line) && header_append(t, sl_buf_str(&line));
    }
    if (!header_given(exchange, "accept-encoding"))
        fine = fine && header_append(t, "Accept-Encoding: gzip");
    if (exchange->body && !header_given(exchange, "content-type"))
        fine = fine && header_append(t, "Content-Type:"); /* none, rather than curl's own */
    fine = fine && header_append(t, "Expect:");
    if (!fine) rc = sl_fail(error, SL_NO_MEMORY, "no memory for the headers of a request");

out:
    sl_buf_release(&line);
    return rc;
}

static CURLcode request_method(struct sl_transfer *t)
{
    const struct sl_exchange *exchange = t->exchange;
    const char *method = exchange->method ? exchange->method : "GET";
    bool post = !strcmp(method, "POST");
    CURLcode rc = CURLE_OK;

    if (!strcmp(method, "HEAD")) return curl_easy_setopt(t->easy, CURLOPT_NOBODY, 1L);
    if (exchange->body || post) {
        rc = curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE,
                              (curl_off_t)(exchange->body ? exchange->body_len : 0));
        if (!rc)
            rc =
                curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, exchange->body ? exchange->body : "");
    }
    if (!rc && !post && (exchange->body || strcmp(method, "GET") != 0))
        rc = curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, method);
    return rc;
}

static long milliseconds(int64_t ms)
{
    return ms < 1 ? 1 : ms > 86400000 ? 86400000L : (long)ms;
}

/* Everything of a request but its headers. The first failure is kept. */
static CURLcode request_options(struct sl_transfer *t)
{
    const struct sl_client_settings *settings = sl_client_settings(t->client);
    const struct sl_exchange *exchange = t->exchange;
    int64_t timeout_ms = exchange->timeout_ms ? exchange->timeout_ms : SL_EXCHANGE_TIMEOUT_MS;
    bool tls = !strncasecmp(current_url(t), "https:", 6);
    CURLcode rc = request_method(t);

#define SET(option, value)                                                                         \
    if (!rc) rc = curl_easy_setopt(t->easy, (option), (value))
    SET(CURLOPT_URL, current_url(t));
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_HTTPHEADER, t->request_headers);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_HTTP_CONTENT_DECODING, 0L);
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (settings->ca_bundle) SET(CURLOPT_CAINFO, settings->ca_bundle);
    if (!header_given(exchange, "user-agent")) SET(CURLOPT_USERAGENT, settings->user_agent);
    /* A body by lines is paused while it is worked on. On a connection of its own the kernel's
     * buffers are all that fills up then; HTTP/2 would have to buffer here. */
    bool multiplex = tls && !exchange->lines;
    SET(CURLOPT_HTTP_VERSION, (long)(multiplex ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
    SET(CURLOPT_PIPEWAIT, multiplex ? 1L : 0L);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_TCP_KEEPIDLE, 30L);
    SET(CURLOPT_TCP_KEEPINTVL, 10L);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_CONNECTTIMEOUT_MS, milliseconds(settings->connect_timeout_ms));
    if (exchange->lines) {
        SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
        SET(CURLOPT_LOW_SPEED_TIME, (milliseconds(timeout_ms) + 999) / 1000);
    } else {
        SET(CURLOPT_TIMEOUT_MS, milliseconds(timeout_ms));
    }
    SET(CURLOPT_ERRORBUFFER, t->curl_error);
    SET(CURLOPT_PRIVATE, t);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, t);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, t);
    SET(CURLOPT_PREREQFUNCTION, on_sent);
    SET(CURLOPT_PREREQDATA, t);
#undef SET
    return rc;
}

enum sl_code sl_transfer_begin(struct sl_transfer *t, struct sl_exchange *exchange,
                               struct sl_error *error)
{
    enum sl_code rc;

    assert(!t->exchange);
    t->exchange = exchange;
    t->limit = exchange->response_bytes_max;
    if (!t->limit) t->limit = exchange->lines ? SIZE_MAX - 1 : SL_RESPONSE_BYTES_DEFAULT;
    t->started_us = sl_client_now_us();

    CURLU *url = curl_url();
    CURLUcode bad = url ? curl_url_set(url, CURLUPART_URL, exchange->url, 0) : CURLUE_OUT_OF_MEMORY;
    curl_url_cleanup(url);
    if (bad == CURLUE_OUT_OF_MEMORY) {
        rc = sl_fail(error, SL_NO_MEMORY, "no memory for a request");
    } else if (bad || (strncasecmp(exchange->url, "http://", 7) != 0 &&
                       strncasecmp(exchange->url, "https://", 8) != 0)) {
        rc = sl_fail(error, SL_BAD_SPEC, "not a URL that can be asked: %s",
                     bad ? curl_url_strerror(bad) : "it must begin with http:// or https://");
    } else {
        rc = request_headers(t, error);
        CURLcode curl = rc ? CURLE_OK : request_options(t);
        if (curl)
            rc = sl_fail(error, curl == CURLE_OUT_OF_MEMORY ? SL_NO_MEMORY : SL_BUG,
                         "a request could not be prepared: %s", curl_easy_strerror(curl));
    }
    if (rc) sl_transfer_reset(t);
    return rc;
}

/* ------------------------------------------------------------------ the end */

static void timed_out(struct sl_transfer *t)
{
    const struct sl_exchange *exchange = t->exchange;

    if (!t->sent_us) {
        sl_fail(&t->error, SL_CONNECT, "no connection in time");
        sl_error_hint(&t->error, "Check the network, and the proxy if there is one.");
        return;
    }
    int64_t ms = exchange->timeout_ms ? exchange->timeout_ms : SL_EXCHANGE_TIMEOUT_MS;
    sl_fail(&t->error, SL_TIMEOUT,
            exchange->lines ? "nothing arrived for %lld ms" : "no whole answer within %lld ms",
            (long long)ms);
}

/* A connection that failed may have failed at the proxy. Its value may hold a password. */
static void name_proxy(struct sl_transfer *t)
{
    static const char *const names[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
    bool plain = strncasecmp(current_url(t), "http:", 5) == 0;
    const char *found = plain && getenv("http_proxy") ? "http_proxy" : NULL;

    for (size_t i = plain ? 2 : 0; i < 4 && !found; i++)
        if (getenv(names[i])) found = names[i];
    if (found)
        sl_error_hint(
            &t->error,
            "See whether the proxy in the environment variable %s is right, or set NO_PROXY "
            "for this host.",
            found);
    else
        sl_error_hint(&t->error, "Check the address, the network and the name service.");
}

/* What curl says, in our terms. The error of a callback has precedence: it is the cause. */
static void failed(struct sl_transfer *t, CURLcode result)
{
    const char *text = t->curl_error[0] ? t->curl_error : curl_easy_strerror(result);
    struct sl_error *error = &t->error;

    if (error->code) return;
    switch (result) {
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PROXY:
        sl_fail(error, SL_CONNECT, "could not connect: %s", text);
        name_proxy(t);
        break;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
        sl_fail(error, SL_CONNECT, "its certificate could not be verified: %s", text);
        error->retryable = false;
        sl_error_hint(error, "If a proxy or a private authority signs for this host, name its "
                             "certificate with the CA bundle option. Verification is never off.");
        break;
    case CURLE_OPERATION_TIMEDOUT: timed_out(t); break;
    case CURLE_OUT_OF_MEMORY: sl_fail(error, SL_NO_MEMORY, "out of memory"); break;
    case CURLE_URL_MALFORMAT:
        sl_fail(error, SL_BAD_SPEC, "not a URL that can be asked: %s", text);
        break;
    case CURLE_PARTIAL_FILE:
        sl_fail(error, SL_SOURCE, "cut body: %s", text);
        error->retryable = true;
        break;
    default: /* reset, nothing at all, a chunk or frame that is none, ... */
        if (t->sent_us) {
            sl_fail(error, SL_SOURCE, "the connection broke: %s", text);
        } else { /* a proxy that refuses, for one */
            sl_fail(error, SL_CONNECT, "could not connect: %s", text);
            name_proxy(t);
        }
        error->retryable = true;
    }
}

/* A clean end of the transport: is the body whole, too? */
static void check_whole(struct sl_transfer *t)
{
    const char *length = header_find(t, "content-length");
    const char *method = t->exchange->method;
    bool none = t->status == 204 || t->status == 304 || (method && !strcmp(method, "HEAD")) ||
                (length && !strcmp(length, "0"));

    if (!t->gzip || (none && !t->total) || sl_inflate_whole(t->inflate)) return;
    sl_fail(&t->error, SL_SOURCE, "cut body: its gzip stream ends early");
    t->error.retryable = true;
}

bool sl_transfer_ended(struct sl_transfer *t, CURLcode result)
{
    if (!result && !t->body_begun) (void)body_begins(t); /* no body; its error is in t->error */
    if (result) failed(t, result);
    if (!t->error.code && t->follow && t->redirects == SL_REDIRECTS_MAX)
        sl_fail(&t->error, SL_SOURCE, "redirected more than %d times", SL_REDIRECTS_MAX);
    if (!t->error.code && t->follow) {
        sl_free(t->url);
        t->url = t->follow;
        t->follow = NULL;
        t->redirects++;
        answer_reset(t);
        if (!curl_easy_setopt(t->easy, CURLOPT_URL, t->url)) return true;
        sl_fail(&t->error, SL_NO_MEMORY, "no memory for a redirect");
    }
    if (!t->error.code) check_whole(t);
    if (!t->error.code) /* a body that never came still has its padding */
        (void)body_grow(t, &t->body, 0);
    if (!t->chunk_out) t->received_us = sl_client_now_us();
    t->ended = true;
    if (!t->chunk_out) sl_client_ready(t);
    return false;
}

static const struct sl_header *headers_list(struct sl_transfer *t)
{
    const char *at = t->header_text.data;

    for (size_t i = 0; i < t->header_count; i++) {
        const char *value = at + strlen(at) + 1;
        t->headers[i] = (struct sl_header){.name = at, .value = value};
        at = value + strlen(value) + 1;
    }
    t->headers[t->header_count] = (struct sl_header){0};
    return t->headers;
}

void sl_transfer_complete(struct sl_transfer *t, struct sl_completion *out)
{
    struct sl_body *body = t->chunk_out ? &t->chunk : &t->body;
    static const struct sl_header no_headers[1];

    assert(t->chunk_out || t->ended);
    *out = (struct sl_completion){
        .exchange = t->exchange,
        .began = t->began,
        .headers = no_headers,
        .started_at_us = t->started_us,
        .received_at_us = t->received_us,
        .sent_us = t->sent_us,
    };
    if (!t->chunk_out && t->error.code) {
        out->code = t->error.code;
        out->error = t->error;
        return;
    }
    out->status = t->status;
    out->headers = headers_list(t);
    out->body = body->data;
    out->body_len = body->len;
    out->chunk =
        (t->began ? 0U : (unsigned)SL_CHUNK_FIRST) | (t->chunk_out ? 0U : (unsigned)SL_CHUNK_LAST);
}
