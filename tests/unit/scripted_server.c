#define _GNU_SOURCE /* strcasestr */
#include "scripted_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A test without its server is no test. */
static void must(bool fine)
{
    if (!fine) abort();
}

static bool send_all(int fd, const char *bytes, size_t len, size_t piece)
{
    while (len) {
        size_t n = piece && piece < len ? piece : len;
        ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);
        if (sent < 0) return false;
        bytes += sent;
        len -= (size_t)sent;
    }
    return true;
}

/* The length of the whole request at the start of what came in; 0: not yet whole. */
static size_t request_len(struct peer *peer)
{
    peer->in[peer->len] = 0;
    char *end = strstr(peer->in, "\r\n\r\n");
    if (!end) return 0;
    size_t head = (size_t)(end + 4 - peer->in), body = 0;
    char *length = strcasestr(peer->in, "content-length:");
    if (length && length < end) body = strtoul(length + 15, NULL, 10);
    return peer->len >= head + body ? head + body : 0;
}

static void peer_close(struct peer *peer, bool reset)
{
    struct linger hard = {1, 0};
    if (reset) setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(peer->fd);
    peer->fd = -1;
}

static void answer(struct server *server, struct peer *peer)
{
    size_t len;

    while (peer->fd >= 0 && (len = request_len(peer))) {
        size_t n = server->request_count++;
        if (n < REQUESTS_MAX) server->requests[n] = strndup(peer->in, len);
        peer->len -= len;
        memmove(peer->in, peer->in + len, peer->len);
        const struct reply *reply =
            &server->replies[n < server->reply_count ? n : server->reply_count - 1];
        if (reply->then == HANG && !reply->head) continue;
        bool fine = send_all(peer->fd, reply->head, strlen(reply->head), reply->piece);
        for (size_t i = 0; fine && reply->body && i < (reply->times ? reply->times : 1); i++)
            fine = send_all(peer->fd, reply->body, reply->body_len, reply->piece);
        if (!fine || reply->then == CLOSE || reply->then == RESET)
            peer_close(peer, reply->then == RESET);
    }
}

static void *serve(void *context)
{
    struct server *server = context;

    for (;;) {
        struct pollfd fds[CONNECTIONS_MAX + 2] = {{server->stop[0], POLLIN, 0},
                                                  {server->listener, POLLIN, 0}};
        for (int i = 0; i < CONNECTIONS_MAX; i++)
            fds[i + 2] = (struct pollfd){server->peers[i].fd, POLLIN, 0};
        if (poll(fds, CONNECTIONS_MAX + 2, -1) < 0) continue;
        if (fds[0].revents) break;
        for (int i = 0; i < CONNECTIONS_MAX; i++) {
            struct peer *peer = &server->peers[i];
            if (peer->fd < 0 || !fds[i + 2].revents) continue;
            ssize_t got = read(peer->fd, peer->in + peer->len, sizeof peer->in - 1 - peer->len);
            if (got <= 0) {
                peer_close(peer, false);
                continue;
            }
            peer->len += (size_t)got;
            answer(server, peer);
        }
        if (!fds[1].revents) continue;
        int fd = accept(server->listener, NULL, NULL);
        for (int i = 0; i < CONNECTIONS_MAX && fd >= 0; i++)
            if (server->peers[i].fd < 0) {
                server->peers[i].fd = fd;
                server->peers[i].len = 0;
                server->connections++;
                fd = -1;
            }
    }
    return NULL;
}

struct server *server_start(const struct reply *replies, size_t count)
{
    struct server *server = calloc(1, sizeof *server);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;

    server->replies = replies;
    server->reply_count = count;
    for (int i = 0; i < CONNECTIONS_MAX; i++) server->peers[i].fd = -1;
    server->listener = socket(AF_INET, SOCK_STREAM, 0);
    must(!bind(server->listener, (struct sockaddr *)&at, sizeof at));
    must((listen(server->listener, 64)) == 0);
    must((getsockname(server->listener, (struct sockaddr *)&at, &len)) == 0);
    server->port = ntohs(at.sin_port);
    must((pipe(server->stop)) == 0);
    must((pthread_create(&server->thread, NULL, serve, server)) == 0);
    return server;
}

void server_stop(struct server *server)
{
    must((write(server->stop[1], "x", 1)) == 1);
    pthread_join(server->thread, NULL);
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        if (server->peers[i].fd >= 0) close(server->peers[i].fd);
    close(server->listener);
    close(server->stop[0]);
    close(server->stop[1]);
}

void server_free(struct server *server)
{
    for (size_t i = 0; i < REQUESTS_MAX; i++) free(server->requests[i]);
    free(server);
}
