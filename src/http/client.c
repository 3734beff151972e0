/*
 * client.c: the real world. One libcurl multi handle, run by wait() on the caller's thread.
 *
 * Besides curl's own sockets, wait() polls two descriptors: an eventfd that wake() writes (all that
 * another thread or a signal handler ever does), and a timerfd, because curl's timeouts are whole
 * milliseconds and a budget of 4.9 requests a second wants better.
 */
#define _GNU_SOURCE /* pthread_sigmask, sigtimedwait, getrandom */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "http/exchange.h"

#define CONNECTIONS_DEFAULT 64
#define CONNECT_TIMEOUT_MS 10000
#define POLL_MS_MAX 60000 /* curl wants to be called now and then */

struct sl_client {
    struct sl_world world; /* first: a world is a client */
    struct sl_client_settings settings;
    char *user_agent, *ca_bundle;
    int connections_max;
    bool curl_ready;
    CURLM *multi;
    int wake_fd, timer_fd;
    uint64_t dice;

    struct sl_transfer *active, *idle;
    int idle_count;
    struct sl_transfer *ready_first, *ready_last; /* what wait() hands out next */
    struct sl_transfer *out;                      /* what it handed out last */
    bool something_sent;                          /* since wait() began */
};

/* ------------------------------------------------------------------ clocks and dice */

static int64_t clock_us(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t sl_client_now_us(void)
{
    return clock_us(CLOCK_REALTIME);
}

static int64_t client_now_us(struct sl_world *world)
{
    (void)world;
    return clock_us(CLOCK_REALTIME);
}

static int64_t client_monotonic_us(struct sl_world *world)
{
    (void)world;
    return clock_us(CLOCK_MONOTONIC);
}

static uint64_t client_dice(struct sl_world *world)
{
    struct sl_client *client = (struct sl_client *)world;

    /* splitmix64 */
    uint64_t z = client->dice += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* ------------------------------------------------------------------ SIGPIPE */

/* A TLS connection that the peer closed raises SIGPIPE when it is written to. The handlers of the
 * process are not ours to change, so the signal is blocked on this thread while curl runs. */
struct pipe_guard {
    sigset_t before;
    bool pending_before;
};

static struct pipe_guard pipe_guard_begin(void)
{
    struct pipe_guard guard = {0};
    sigset_t pipe_only, pending;

    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    guard.pending_before = !sigpending(&pending) && sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_only, &guard.before);
    return guard;
}

static void pipe_guard_end(const struct pipe_guard *guard)
{
    static const struct timespec at_once = {0};
    sigset_t pipe_only;

    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    if (!guard->pending_before)
        while (sigtimedwait(&pipe_only, NULL, &at_once) > 0 || errno == EINTR) continue;
    pthread_sigmask(SIG_SETMASK, &guard->before, NULL);
}

/* ------------------------------------------------------------------ for exchange.c */

const struct sl_client_settings *sl_client_settings(const struct sl_client *client)
{
    return &client->settings;
}

void sl_client_ready(struct sl_transfer *transfer)
{
    struct sl_client *client = transfer->client;

    if (transfer->queued) return;
    transfer->queued = true;
    transfer->ready_next = NULL;
    if (client->ready_last)
        client->ready_last->ready_next = transfer;
    else
        client->ready_first = transfer;
    client->ready_last = transfer;
}

void sl_client_sent(struct sl_transfer *transfer)
{
    struct sl_exchange *exchange = transfer->exchange;

    transfer->sent_us = clock_us(CLOCK_MONOTONIC);
    transfer->client->something_sent = true;
    if (exchange->sent) exchange->sent(exchange, transfer->sent_us);
}

/* ------------------------------------------------------------------ lists */

static void ready_remove(struct sl_client *client, struct sl_transfer *transfer)
{
    struct sl_transfer **at = &client->ready_first, *before = NULL;

    if (!transfer->queued) return;
    while (*at != transfer) {
        before = *at;
        at = &(*at)->ready_next;
    }
    *at = transfer->ready_next;
    if (client->ready_last == transfer) client->ready_last = before;
    transfer->queued = false;
}

/* Out of everything, and kept for another exchange or freed. */
static void retire(struct sl_client *client, struct sl_transfer *transfer)
{
    struct sl_transfer **at = &client->active;

    while (*at != transfer) at = &(*at)->next;
    *at = transfer->next;
    ready_remove(client, transfer);
    if (client->out == transfer) client->out = NULL;
    sl_transfer_reset(transfer);
    if (client->idle_count == client->connections_max) {
        sl_transfer_free(transfer);
        return;
    }
    transfer->next = client->idle;
    client->idle = transfer;
    client->idle_count++;
}

static struct sl_transfer *take_idle(struct sl_client *client)
{
    struct sl_transfer *transfer = client->idle;

    if (!transfer) return sl_transfer_new(client);
    client->idle = transfer->next;
    client->idle_count--;
    return transfer;
}

/* ------------------------------------------------------------------ operations */

static enum sl_code client_start(struct sl_world *world, struct sl_exchange *exchange,
                                 struct sl_error *error)
{
    struct sl_client *client = (struct sl_client *)world;
    struct sl_transfer *transfer = take_idle(client);

    if (!transfer) return sl_fail(error, SL_NO_MEMORY, "no memory for a request");
    transfer->next = client->active;
    client->active = transfer;
    enum sl_code rc = sl_transfer_begin(transfer, exchange, error);
    if (!rc && curl_multi_add_handle(client->multi, transfer->easy))
        rc = sl_fail(error, SL_NO_MEMORY, "no memory for a request");
    if (rc) retire(client, transfer);
    return rc;
}

static void client_cancel(struct sl_world *world, struct sl_exchange *exchange)
{
    struct sl_client *client = (struct sl_client *)world;
    struct sl_transfer *transfer = client->active;

    while (transfer && transfer->exchange != exchange) transfer = transfer->next;
    if (!transfer) return;
    struct pipe_guard guard = pipe_guard_begin();
    if (!transfer->ended) curl_multi_remove_handle(client->multi, transfer->easy);
    retire(client, transfer);
    pipe_guard_end(&guard);
}

/* What was handed out last is the caller's no more. */
static void let_go(struct sl_client *client)
{
    struct sl_transfer *transfer = client->out;

    if (!transfer) return;
    client->out = NULL;
    if (transfer->chunk_out)
        sl_transfer_chunk_used(transfer);
    else
        retire(client, transfer);
}

static void curl_runs(struct sl_client *client)
{
    CURLMsg *message;
    int running, left;

    curl_multi_perform(client->multi, &running);
    while ((message = curl_multi_info_read(client->multi, &left))) {
        if (message->msg != CURLMSG_DONE) continue;
        CURLcode result = message->data.result;
        char *private = NULL;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        struct sl_transfer *transfer = (struct sl_transfer *)(void *)private;
        curl_multi_remove_handle(client->multi, transfer->easy); /* message is gone now */
        if (sl_transfer_ended(transfer, result) &&
            curl_multi_add_handle(client->multi, transfer->easy))
            (void)sl_transfer_ended(transfer, CURLE_OUT_OF_MEMORY);
    }
}

/* Sleeps until there is something to do; true: wake() was called. */
static bool sleep_until(struct sl_client *client, int64_t until_us)
{
    struct itimerspec timer = {0};
    struct curl_waitfd more[2] = {
        {.fd = client->wake_fd, .events = CURL_WAIT_POLLIN},
        {.fd = client->timer_fd, .events = CURL_WAIT_POLLIN},
    };
    uint64_t count;

    if (until_us != INT64_MAX) {
        if (until_us < 1) until_us = 1; /* 0 would disarm */
        timer.it_value.tv_sec = until_us / 1000000;
        timer.it_value.tv_nsec = until_us % 1000000 * 1000;
    }
    timerfd_settime(client->timer_fd, TFD_TIMER_ABSTIME, &timer, NULL);
    curl_multi_poll(client->multi, more, 2, POLL_MS_MAX, NULL);
    return read(client->wake_fd, &count, sizeof count) == (ssize_t)sizeof count;
}

static bool client_wait(struct sl_world *world, int64_t until_us, struct sl_completion *out)
{
    struct sl_client *client = (struct sl_client *)world;
    struct pipe_guard guard = pipe_guard_begin();
    bool stop = false;

    client->something_sent = false;
    let_go(client);
    curl_runs(client);
    while (!client->ready_first && !stop && !client->something_sent &&
           clock_us(CLOCK_MONOTONIC) < until_us) {
        stop = sleep_until(client, until_us);
        curl_runs(client);
    }
    pipe_guard_end(&guard);

    struct sl_transfer *transfer = client->ready_first;
    if (!transfer) return false;
    if (stop) world->ops->wake(world); /* not lost: the next wait() ends at once */
    ready_remove(client, transfer);
    client->out = transfer;
    sl_transfer_complete(transfer, out);
    return true;
}

static void client_wake(struct sl_world *world)
{
    struct sl_client *client = (struct sl_client *)world;
    int before = errno;
    uint64_t one = 1;
    ssize_t written = write(client->wake_fd, &one, sizeof one);

    (void)written; /* it can only be full, and then it wakes */
    errno = before;
}

static void client_free(struct sl_world *world)
{
    struct sl_client *client = (struct sl_client *)world;
    struct pipe_guard guard = pipe_guard_begin();

    while (client->active) {
        struct sl_transfer *transfer = client->active;
        if (!transfer->ended) curl_multi_remove_handle(client->multi, transfer->easy);
        client->active = transfer->next;
        sl_transfer_free(transfer);
    }
    while (client->idle) {
        struct sl_transfer *transfer = client->idle;
        client->idle = transfer->next;
        sl_transfer_free(transfer);
    }
    if (client->multi) curl_multi_cleanup(client->multi);
    if (client->curl_ready) curl_global_cleanup();
    if (client->wake_fd >= 0) close(client->wake_fd);
    if (client->timer_fd >= 0) close(client->timer_fd);
    sl_free(client->user_agent);
    sl_free(client->ca_bundle);
    sl_free(client);
    pipe_guard_end(&guard);
}

static const struct sl_world_ops client_ops = {
    .now_us = client_now_us,
    .monotonic_us = client_monotonic_us,
    .dice = client_dice,
    .start = client_start,
    .cancel = client_cancel,
    .wait = client_wait,
    .wake = client_wake,
    .free = client_free,
};

static bool multi_options(struct sl_client *client)
{
    long connections = client->connections_max;

    return !curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, connections) &&
           !curl_multi_setopt(client->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, connections) &&
           !curl_multi_setopt(client->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
}

enum sl_code sl_world_new(const struct sl_http_options *options, struct sl_world **out,
                          struct sl_error *error)
{
    struct sl_client *client = sl_calloc(1, sizeof *client);
    static const struct sl_http_options presets = {0};

    if (!options) options = &presets;
    const char *user_agent = options->user_agent ? options->user_agent : "sluice/" SLUICE_VERSION;

    *out = NULL;
    if (!client) return sl_fail(error, SL_NO_MEMORY, "no memory for the HTTP client");
    client->world.ops = &client_ops;
    client->wake_fd = client->timer_fd = -1;
    client->connections_max =
        options->connections_max > 0 ? options->connections_max : CONNECTIONS_DEFAULT;
    client->settings.connect_timeout_ms =
        options->connect_timeout_ms > 0 ? options->connect_timeout_ms : CONNECT_TIMEOUT_MS;
    client->user_agent = sl_strdup(user_agent);
    client->ca_bundle = options->ca_bundle ? sl_strdup(options->ca_bundle) : NULL;
    client->settings.user_agent = client->user_agent;
    client->settings.ca_bundle = client->ca_bundle;
    if (!client->user_agent || (options->ca_bundle && !client->ca_bundle)) goto no_memory;

    client->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    client->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (client->wake_fd < 0 || client->timer_fd < 0) {
        sl_fail(error, SL_BUG, "no file descriptor for the HTTP client: %s",
                errno == EMFILE ? "too many open files" : "the system refused");
        goto failed;
    }
    if (getrandom(&client->dice, sizeof client->dice, GRND_NONBLOCK) < 0)
        client->dice = (uint64_t)clock_us(CLOCK_REALTIME); /* early in a boot: good enough */
    client->curl_ready = !curl_global_init(CURL_GLOBAL_DEFAULT);
    if (client->curl_ready) client->multi = curl_multi_init();
    if (!client->multi || !multi_options(client)) goto no_memory;
    *out = &client->world;
    return SL_OK;

no_memory:
    sl_fail(error, SL_NO_MEMORY, "no memory for the HTTP client");
failed:
    client_free(&client->world);
    return error->code;
}
