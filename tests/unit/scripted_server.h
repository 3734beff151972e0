/*
 * scripted_server.h: an HTTP server for tests that says exactly what was written down: bytes, cuts,
 * resets. It answers the n-th request with the n-th reply (the last one again for those beyond),
 * whatever was asked, on a thread of its own.
 */
#ifndef SCRIPTED_SERVER_H
#define SCRIPTED_SERVER_H

#include <pthread.h>
#include <stddef.h>

enum then { KEEP, CLOSE, RESET, HANG };

/* What is sent to the n-th request, whatever it asks. */
struct reply {
    const char *head; /* up to and with the blank line */
    const void *body;
    size_t body_len;
    size_t times; /* body is sent so often (0: once) */
    size_t piece; /* in pieces of this size (0: as one) */
    enum then then;
};

#define CONNECTIONS_MAX 16
#define REQUESTS_MAX 64

struct peer {
    int fd;
    char in[65536];
    size_t len;
};

struct server {
    const struct reply *replies;
    size_t reply_count;
    int listener, stop[2], port;
    pthread_t thread;
    struct peer peers[CONNECTIONS_MAX];
    char *requests[REQUESTS_MAX];
    size_t request_count, connections;
};

struct server *server_start(const struct reply *replies, size_t count);
/* Afterwards the requests may be looked at, until server_free. */
void server_stop(struct server *server);
void server_free(struct server *server);

#endif
