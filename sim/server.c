/*
 * server.c: a simulator over real HTTP/1.1 on 127.0.0.1, by libmicrohttpd.
 *
 * Its worker threads take turns at the simulator (one lock) and compress outside of it. An answer
 * that is to come late suspends its connection; one timer thread wakes them when they are due, so
 * that latency never holds up other requests.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <isa-l/igzip_lib.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "sim/sim.h"
#include "sim/text.h"

#define SERVER_THREADS 3
#define SERVER_CONNECTION_BYTES ((size_t)256 << 10) /* longest request head */
#define SERVER_REQUEST_BYTES ((size_t)16 << 20)
#define SERVER_REPLY_BYTES ((size_t)4 << 30)
#define SERVER_GZIP_MIN 256 /* smaller bodies go as they are */
#define SERVER_BLOCK ((size_t)64 << 10)
#define SERVER_MADE ((size_t)256 << 10) /* of a body that is made while it is sent, at once */

struct call {          /* one request, from its first byte to the end of its answer */
    struct call *next; /* in the timer's list */
    char *uri;
    struct sl_arena arena;
    struct sl_buf in, out;
    struct sim_reply reply;
    struct MHD_Connection *connection;
    int64_t due_us;
    bool begun, answered, gzip;
    size_t sent_once;            /* bytes of out, for bodies that repeat */
    struct isal_zstream *packer; /* of a body that is made while it is sent */
    struct sl_buf made;          /* what it has not yet packed */
    bool ended;
};

struct sim_server {
    struct sim *sim;
    struct MHD_Daemon *daemon;
    int port;
    int64_t utc_offset_us; /* simulated UTC = monotonic + this */
    pthread_mutex_t sim_lock;
    pthread_mutex_t timer_lock;
    pthread_cond_t timer_wake;
    pthread_t timer;
    bool timer_runs, stopping;
    struct call *waiting; /* suspended */
};

static int64_t monotonic_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void call_free(struct call *call)
{
    if (!call) return;
    sl_free(call->uri);
    sl_arena_release(&call->arena);
    sl_buf_release(&call->in);
    sl_buf_release(&call->out);
    sl_buf_release(&call->made);
    sl_free(call->packer);
    sl_free(call->reply.more_context);
    sl_free(call);
}

/* ------------------------------------------------------------------ latency */

/* Takes what is due out of the list and wakes it. Returns when the next one is due, 0: none. */
static int64_t resume_due(struct sim_server *server)
{
    int64_t now = monotonic_us(), next = 0;

    for (struct call **at = &server->waiting; *at;) {
        struct call *call = *at;

        if (call->due_us <= now || server->stopping) {
            *at = call->next;
            MHD_resume_connection(call->connection);
            continue;
        }
        if (!next || call->due_us < next) next = call->due_us;
        at = &call->next;
    }
    return next;
}

static void *timer_run(void *context)
{
    struct sim_server *server = context;

    (void)pthread_mutex_lock(&server->timer_lock);
    while (!server->stopping) {
        int64_t next = resume_due(server);

        if (next) {
            struct timespec until = {.tv_sec = next / 1000000, .tv_nsec = next % 1000000 * 1000};

            (void)pthread_cond_timedwait(&server->timer_wake, &server->timer_lock, &until);
        } else {
            (void)pthread_cond_wait(&server->timer_wake, &server->timer_lock);
        }
    }
    (void)resume_due(server);
    (void)pthread_mutex_unlock(&server->timer_lock);
    return NULL;
}

/* Puts the connection to sleep until the answer is due. False: no need. */
static bool suspend(struct sim_server *server, struct call *call)
{
    bool suspended = false;

    (void)pthread_mutex_lock(&server->timer_lock);
    if (!server->stopping && call->due_us > monotonic_us()) {
        call->next = server->waiting;
        server->waiting = call;
        MHD_suspend_connection(call->connection);
        (void)pthread_cond_signal(&server->timer_wake);
        suspended = true;
    }
    (void)pthread_mutex_unlock(&server->timer_lock);
    return suspended;
}

/* ------------------------------------------------------------------ answers */

static void compress(struct call *call)
{
    struct isal_zstream stream;
    size_t room = call->out.len + call->out.len / 8 + 256;
    struct sl_buf packed;
    char *to;

    sl_buf_init(&packed, SERVER_REPLY_BYTES);
    to = call->out.len < UINT32_MAX / 2 ? sl_buf_reserve(&packed, room) : NULL;
    if (to) {
        isal_deflate_stateless_init(&stream);
        stream.gzip_flag = IGZIP_GZIP;
        stream.level = 0; /* the fastest: the simulator must not be what is measured */
        stream.end_of_stream = 1;
        stream.flush = NO_FLUSH;
        stream.next_in = (uint8_t *)call->out.data;
        stream.avail_in = (uint32_t)call->out.len;
        stream.next_out = (uint8_t *)to;
        stream.avail_out = (uint32_t)room;
        if (isal_deflate_stateless(&stream) == COMP_OK) {
            packed.len = stream.total_out;
            if (call->reply.cut_after > 0) /* the same share of the shorter body */
                call->reply.cut_after = (int64_t)((double)call->reply.cut_after *
                                                  (double)packed.len / (double)call->out.len);
            sl_buf_release(&call->out);
            call->out = packed;
            packed = (struct sl_buf){0};
            sim_reply_header(&call->reply, "content-encoding", "gzip");
        }
    }
    sl_buf_release(&packed);
}

/* MHD asks for more of a body that is repeated, cut, or sent in chunks. */
static ssize_t read_body(void *context, uint64_t at, char *to, size_t max)
{
    struct call *call = context;
    uint64_t total = call->reply.stream_len ? (uint64_t)call->reply.stream_len : call->out.len;
    uint64_t end = total;
    size_t done = 0;

    if (call->reply.cut_after >= 0 && (uint64_t)call->reply.cut_after < total)
        end = (uint64_t)call->reply.cut_after;
    if (at >= end)
        return end < total ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
    if (max > end - at) max = (size_t)(end - at);
    while (done < max && call->out.len) {
        size_t from = (size_t)((at + done) % call->out.len);
        size_t n = call->out.len - from < max - done ? call->out.len - from : max - done;

        memcpy(to + done, call->out.data + from, n);
        done += n;
    }
    return (ssize_t)done;
}

/* ------------------------------------------------------------------ bodies made while they are sent */

/* Gets ready to compress such a body; without memory it goes as it is. */
static void start_packing(struct call *call)
{
    struct isal_zstream *packer = sl_calloc(1, sizeof *packer + ISAL_DEF_LVL1_DEFAULT);

    sl_buf_init(&call->made, SERVER_MADE);
    if (!packer || !sl_buf_reserve(&call->made, SERVER_MADE - 1)) {
        sl_free(packer);
        return;
    }
    isal_deflate_init(packer);
    packer->gzip_flag = IGZIP_GZIP;
    packer->level = 1;
    packer->level_buf = (uint8_t *)(packer + 1);
    packer->level_buf_size = ISAL_DEF_LVL1_DEFAULT;
    call->packer = packer;
    sim_reply_header(&call->reply, "content-encoding", "gzip");
}

static size_t pack_more(struct call *call, char *to, size_t max)
{
    struct isal_zstream *packer = call->packer;

    packer->next_out = (uint8_t *)to;
    packer->avail_out = (uint32_t)max;
    while (packer->avail_out == max && packer->internal_state.state != ZSTATE_END) {
        if (!packer->avail_in && !call->ended) {
            size_t room = call->made.cap - 1;
            size_t n = call->reply.more(call->reply.more_context, call->made.data, room);

            call->ended = n < room;
            packer->next_in = (uint8_t *)call->made.data;
            packer->avail_in = (uint32_t)n;
            packer->end_of_stream = call->ended;
        }
        if (isal_deflate(packer) != COMP_OK) return 0;
    }
    return max - packer->avail_out;
}

static ssize_t make_body(void *context, uint64_t at, char *to, size_t max)
{
    struct call *call = context;
    size_t n;

    (void)at;
    if (max > SERVER_MADE) max = SERVER_MADE;
    n = call->packer ? pack_more(call, to, max)
                     : call->reply.more(call->reply.more_context, to, max);
    return n ? (ssize_t)n : MHD_CONTENT_READER_END_OF_STREAM;
}

static void free_body(void *body)
{
    sl_free(body);
}

static struct MHD_Response *make_response(struct call *call)
{
    const struct sim_reply *reply = &call->reply;

    if (reply->more)
        return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, SERVER_MADE, make_body, call,
                                                 NULL);
    if (reply->chunked || reply->stream_len || reply->cut_after >= 0) {
        uint64_t total = reply->stream_len ? (uint64_t)reply->stream_len : call->out.len;

        return MHD_create_response_from_callback(reply->chunked ? MHD_SIZE_UNKNOWN : total,
                                                 SERVER_BLOCK, read_body, call, NULL);
    }
    size_t len = call->out.len;
    char *body = len ? sl_buf_take(&call->out) : NULL;

    if (!body) return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    return MHD_create_response_from_buffer_with_free_callback(len, body, free_body);
}

static enum MHD_Result cut_now(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct linger linger = {.l_onoff = 1, .l_linger = 0}; /* close() sends a reset */

    if (info) (void)setsockopt(info->connect_fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    return MHD_NO;
}

static enum MHD_Result send_answer(struct call *call)
{
    const struct sim_reply *reply = &call->reply;

    if (reply->reset) return cut_now(call->connection);
    struct MHD_Response *response = make_response(call);

    if (!response) return MHD_NO;
    (void)MHD_add_response_header(response, "Content-Type",
                                  reply->content_type ? reply->content_type
                                                      : "application/json; charset=utf-8");
    for (int i = 0; reply->headers[i].name; i++)
        (void)MHD_add_response_header(response, reply->headers[i].name, reply->headers[i].value);
    enum MHD_Result rc = MHD_queue_response(call->connection, (unsigned)reply->status, response);

    MHD_destroy_response(response);
    return rc;
}

/* ------------------------------------------------------------------ requests */

struct header_list {
    struct call *call;
    struct sl_header *list;
    size_t count, cap;
};

static enum MHD_Result add_header(void *context, enum MHD_ValueKind kind, const char *name,
                                  const char *value)
{
    struct header_list *headers = context;
    char *lower = sl_arena_strdup(&headers->call->arena, name);

    (void)kind;
    if (!lower || headers->count + 1 >= headers->cap) return MHD_NO;
    for (char *c = lower; *c; c++) *c = (char)tolower((unsigned char)*c);
    headers->list[headers->count++] = (struct sl_header){.name = lower, .value = value};
    return MHD_YES;
}

static void answer_error(struct call *call, const char *message)
{
    sl_buf_reset(&call->out);
    sl_buf_adds(&call->out, "{\"error\":");
    sim_json_text(&call->out, message);
    sl_buf_addc(&call->out, '}');
    call->reply.status = 500;
}

/* The whole request is there: asks the simulator. */
static void answer(struct sim_server *server, struct call *call, const char *method)
{
    char *query = strchr(call->uri, '?');
    size_t path_len = query ? (size_t)(query - call->uri) : strlen(call->uri);
    char *path = sl_arena_alloc(&call->arena, path_len + 1, 1);
    struct header_list headers = {.call = call, .cap = 64};
    struct sl_error error = {0};

    headers.list = SL_ARENA_ARRAY(&call->arena, struct sl_header, headers.cap);
    sl_buf_init(&call->out, SERVER_REPLY_BYTES);
    sim_reply_init(&call->reply, &call->out);
    if (!path || !headers.list || !sim_url_decode(call->uri, path_len, false, path, path_len + 1)) {
        answer_error(call, "the request could not be read");
        return;
    }
    if (query) *query = '\0';
    (void)MHD_get_connection_values(call->connection, MHD_HEADER_KIND, add_header, &headers);
    struct sim_request request = {
        .method = method,
        .path = path,
        .raw_path = call->uri,
        .query = query ? query + 1 : "",
        .headers = headers.list,
        .body = sl_buf_str(&call->in),
        .body_len = call->in.len,
    };

    (void)pthread_mutex_lock(&server->sim_lock);
    request.now_us = monotonic_us() + server->utc_offset_us;
    enum sl_code rc = sim_handle(server->sim, &request, &call->reply, &error);
    /* Control moved the clock: it goes on from there. */
    if (sim_now(server->sim) > request.now_us)
        server->utc_offset_us += sim_now(server->sim) - request.now_us;
    bool gzip = sim_gzip(server->sim);
    (void)pthread_mutex_unlock(&server->sim_lock);

    const char *accept = sim_request_header(&request, "accept-encoding");

    if (rc) answer_error(call, error.message);
    if (gzip && accept && strstr(accept, "gzip") && call->reply.more) start_packing(call);
    if (gzip && accept && strstr(accept, "gzip") && !call->reply.stream_len && !call->reply.more &&
        call->out.len >= SERVER_GZIP_MIN)
        compress(call);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_len, void **state)
{
    struct sim_server *server = context;
    struct call *call = *state;

    (void)url;
    (void)version;
    if (!call || !call->uri) return MHD_NO;
    call->connection = connection;
    if (!call->begun) {
        call->begun = true;
        return MHD_YES;
    }
    if (*upload_len) {
        sl_buf_add(&call->in, upload, *upload_len);
        *upload_len = 0;
        return MHD_YES;
    }
    if (!call->answered) {
        call->answered = true;
        int64_t arrived_us = monotonic_us();

        answer(server, call, method);
        call->due_us = arrived_us + call->reply.delay_us;
        if (call->reply.delay_us > 0 && suspend(server, call)) return MHD_YES;
    }
    return send_answer(call);
}

/* The first thing MHD tells of a request: its raw URI. The result becomes *state. */
static void *on_uri(void *context, const char *uri, struct MHD_Connection *connection)
{
    struct call *call = sl_calloc(1, sizeof *call);

    (void)context;
    (void)connection;
    if (!call) return NULL;
    call->uri = sl_strdup(uri);
    sl_buf_init(&call->in, SERVER_REQUEST_BYTES);
    return call;
}

static void on_end(void *context, struct MHD_Connection *connection, void **state,
                   enum MHD_RequestTerminationCode code)
{
    (void)context;
    (void)connection;
    (void)code;
    call_free(*state);
    *state = NULL;
}

/* Keeps URIs as they came: the simulator decodes them itself. */
static size_t keep_escapes(void *context, struct MHD_Connection *connection, char *text)
{
    (void)context;
    (void)connection;
    return strlen(text);
}

/* ------------------------------------------------------------------ life */

static enum sl_code start_timer(struct sim_server *server, struct sl_error *error)
{
    pthread_condattr_t monotonic;

    if (pthread_condattr_init(&monotonic)) return sl_fail(error, SL_NO_MEMORY, "no timer");
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&server->sim_lock, NULL);
    (void)pthread_mutex_init(&server->timer_lock, NULL);
    (void)pthread_cond_init(&server->timer_wake, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    if (pthread_create(&server->timer, NULL, timer_run, server))
        return sl_fail(error, SL_NO_MEMORY, "could not start the timer's thread");
    server->timer_runs = true;
    return SL_OK;
}

static enum sl_code start_daemon(struct sim_server *server, int port, struct sl_error *error)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };

    server->daemon =
        MHD_start_daemon(MHD_USE_AUTO_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME |
                             MHD_USE_SUPPRESS_DATE_NO_CLOCK,
                         (uint16_t)port, NULL, NULL, on_request, server, MHD_OPTION_SOCK_ADDR,
                         &address, MHD_OPTION_THREAD_POOL_SIZE, (unsigned)SERVER_THREADS,
                         MHD_OPTION_URI_LOG_CALLBACK, on_uri, NULL, MHD_OPTION_NOTIFY_COMPLETED,
                         on_end, NULL, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
                         MHD_OPTION_CONNECTION_MEMORY_LIMIT, SERVER_CONNECTION_BYTES,
                         MHD_OPTION_CONNECTION_TIMEOUT, 600u, MHD_OPTION_END);
    if (!server->daemon)
        return sl_fail(error, SL_CONNECT, "could not listen on 127.0.0.1 port %d", port);
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT);

    server->port = info ? info->port : port;
    return SL_OK;
}

enum sl_code sim_server_start(struct sim *sim, int port, struct sim_server **out,
                              struct sl_error *error)
{
    enum sl_code rc;
    struct sim_server *server = sl_calloc(1, sizeof *server);

    if (!server) return sl_fail(error, SL_NO_MEMORY, "could not start a server");
    server->sim = sim;
    server->utc_offset_us = sim_now(sim) - monotonic_us();
    rc = start_timer(server, error);
    if (!rc) rc = start_daemon(server, port, error);
    if (rc)
        sim_server_stop(server);
    else
        *out = server;
    return rc;
}

int sim_server_port(const struct sim_server *server)
{
    return server->port;
}

void sim_server_stop(struct sim_server *server)
{
    if (!server) return;
    if (server->timer_runs) {
        (void)pthread_mutex_lock(&server->timer_lock);
        server->stopping = true;
        (void)pthread_cond_signal(&server->timer_wake);
        (void)pthread_mutex_unlock(&server->timer_lock);
        (void)pthread_join(server->timer, NULL);
    }
    if (server->daemon) MHD_stop_daemon(server->daemon);
    if (server->timer_runs) {
        (void)pthread_cond_destroy(&server->timer_wake);
        (void)pthread_mutex_destroy(&server->timer_lock);
        (void)pthread_mutex_destroy(&server->sim_lock);
    }
    sl_free(server);
}
