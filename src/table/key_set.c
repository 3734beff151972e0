/*
 * key_set.c: which hashes came more than once?
 *
 *     add -> buffer --full: sort--> run on disk --RUNS_MAX: merge--> one longer run
 *                                       end: merge all, and look at neighbours
 *
 * The file is unlinked as soon as it is open, so that nothing is left behind, whatever happens.
 * Half of the buffer is for hashes, half for sorting; while runs are merged all of it is shared by
 * their readers.
 */
#include "table/keys.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"

#define BUFFER_BYTES_DEFAULT ((size_t)1 << 20)
#define BUFFER_BYTES_MIN ((size_t)4096)
#define RUNS_MAX 128
#define HASH_BYTES sizeof(uint64_t)

struct run {
    int64_t start, count; /* in hashes, from the start of the file */
};

struct sl_key_set {
    char *directory;
    uint64_t *buffer; /* room hashes; the same again behind them for sorting */
    size_t room, count;
    int fd;          /* -1: nothing was spilled yet */
    int64_t written; /* hashes in the file */
    struct run runs[RUNS_MAX];
    size_t run_count;
    uint64_t *repeats;
    size_t repeat_count, repeat_room;
    bool ended;
};

/* ------------------------------------------------------------------ life */

enum sl_code sl_key_set_new(const char *directory, size_t buffer_bytes, struct sl_key_set **out,
                            struct sl_error *error)
{
    struct sl_key_set *set = sl_calloc(1, sizeof *set);

    *out = NULL;
    if (buffer_bytes == 0) buffer_bytes = BUFFER_BYTES_DEFAULT;
    if (buffer_bytes < BUFFER_BYTES_MIN) buffer_bytes = BUFFER_BYTES_MIN;
    if (set) {
        set->fd = -1;
        set->room = buffer_bytes / HASH_BYTES / 2;
        set->directory = sl_strdup(directory);
        set->buffer = sl_alloc(2 * set->room * HASH_BYTES);
    }
    if (!set || !set->directory || !set->buffer) {
        sl_key_set_free(set);
        return sl_fail(error, SL_NO_MEMORY, "could not make room for keys");
    }
    *out = set;
    return SL_OK;
}

void sl_key_set_free(struct sl_key_set *set)
{
    if (!set) return;
    if (set->fd >= 0) close(set->fd);
    sl_free(set->directory);
    sl_free(set->buffer);
    sl_free(set->repeats);
    sl_free(set);
}

/* ------------------------------------------------------------------ the file */

static enum sl_code file_failed(const struct sl_key_set *set, const char *what,
                                struct sl_error *error)
{
    sl_fail(error, SL_DESTINATION, "could not %s a temporary file in '%s': %s", what,
            set->directory, strerror(errno));
    sl_error_hint(error, "Keys that do not fit in memory go there: check that the directory is "
                         "writable and has room (8 bytes a row).");
    return SL_DESTINATION;
}

static enum sl_code open_file(const struct sl_key_set *set, int *fd, struct sl_error *error)
{
    struct sl_buf path;
    enum sl_code rc = SL_OK;

    sl_buf_init(&path, 0);
    sl_buf_addf(&path, "%s/sluice-keys-XXXXXX", set->directory);
    if (sl_buf_failed(&path)) {
        rc = sl_fail(error, SL_NO_MEMORY, "could not make room for keys");
        goto out;
    }
    *fd = mkstemp(path.data);
    if (*fd < 0) {
        rc = file_failed(set, "make", error);
    } else {
        unlink(path.data);
        (void)fcntl(*fd, F_SETFD, FD_CLOEXEC);
    }

out:
    sl_buf_release(&path);
    return rc;
}

static enum sl_code write_hashes(const struct sl_key_set *set, int fd, const uint64_t *hashes,
                                 size_t count, int64_t *written, struct sl_error *error)
{
    const char *bytes = (const char *)hashes;
    size_t left = count * HASH_BYTES;
    off_t at = (off_t)(*written * (int64_t)HASH_BYTES);

    while (left > 0) {
        ssize_t n = pwrite(fd, bytes, left, at);

        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return file_failed(set, "write to", error);
        bytes += n;
        at += n;
        left -= (size_t)n;
    }
    *written += (int64_t)count;
    return SL_OK;
}

static enum sl_code read_hashes(const struct sl_key_set *set, uint64_t *hashes, size_t count,
                                int64_t from, struct sl_error *error)
{
    char *bytes = (char *)hashes;
    size_t left = count * HASH_BYTES;
    off_t at = (off_t)(from * (int64_t)HASH_BYTES);

    while (left > 0) {
        ssize_t n = pread(set->fd, bytes, left, at);

        if (n < 0 && errno == EINTR) continue;
        if (n == 0) errno = EIO; /* shorter than what was written */
        if (n <= 0) return file_failed(set, "read", error);
        bytes += n;
        at += n;
        left -= (size_t)n;
    }
    return SL_OK;
}

/* ------------------------------------------------------------------ sorting and merging */

/* By 8 bits at a time, from the lowest; an even number of passes ends where it began. */
static void sort_buffer(struct sl_key_set *set)
{
    uint64_t *from = set->buffer, *to = set->buffer + set->room;

    for (unsigned shift = 0; shift < 64; shift += 8) {
        size_t starts[256] = {0}, start = 0;
        uint64_t *swap = from;

        for (size_t i = 0; i < set->count; i++) starts[from[i] >> shift & 0xFF]++;
        for (size_t i = 0; i < 256; i++) {
            size_t n = starts[i];

            starts[i] = start;
            start += n;
        }
        for (size_t i = 0; i < set->count; i++) to[starts[from[i] >> shift & 0xFF]++] = from[i];
        from = to;
        to = swap;
    }
}

/* One run that is being merged: a window of it is in memory. */
struct reader {
    uint64_t *window;
    size_t at, count;   /* in the window */
    int64_t next, left; /* in the file */
};

static enum sl_code refill(const struct sl_key_set *set, struct reader *reader, size_t room,
                           struct sl_error *error)
{
    enum sl_code rc;

    reader->at = 0;
    reader->count = reader->left < (int64_t)room ? (size_t)reader->left : room;
    rc = read_hashes(set, reader->window, reader->count, reader->next, error);
    reader->next += (int64_t)reader->count;
    reader->left -= (int64_t)reader->count;
    return rc;
}

/* Restores the heap below `at`: the reader with the smallest hash is on top. */
static void sift(struct reader **heap, size_t count, size_t at)
{
    for (;;) {
        size_t least = at;

        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < count; child++)
            if (heap[child]->window[heap[child]->at] < heap[least]->window[heap[least]->at])
                least = child;
        if (least == at) return;
        struct reader *swap = heap[at];
        heap[at] = heap[least];
        heap[least] = swap;
        at = least;
    }
}

static enum sl_code add_repeat(struct sl_key_set *set, uint64_t hash, struct sl_error *error)
{
    if (set->repeat_count > 0 && set->repeats[set->repeat_count - 1] == hash) return SL_OK;
    if (set->repeat_count == SL_KEY_SET_REPEATS_MAX)
        return sl_fail(error, SL_TOO_LARGE, "more than %zu keys were met more than once",
                       SL_KEY_SET_REPEATS_MAX);
    if (set->repeat_count == set->repeat_room) {
        size_t room = set->repeat_room ? 2 * set->repeat_room : 64;
        uint64_t *more = sl_realloc(set->repeats, room * HASH_BYTES);

        if (!more) return sl_fail(error, SL_NO_MEMORY, "could not keep %zu repeated keys", room);
        set->repeats = more;
        set->repeat_room = room;
    }
    set->repeats[set->repeat_count++] = hash;
    return SL_OK;
}

/* Where merged hashes go: to a longer run, or past the eyes of add_repeat(). */
struct sink {
    int fd; /* -1: only look for repeats */
    uint64_t *window;
    size_t count, room;
    int64_t written;
    bool any;
    uint64_t last;
};

static enum sl_code flush(const struct sl_key_set *set, struct sink *sink, struct sl_error *error)
{
    enum sl_code rc = write_hashes(set, sink->fd, sink->window, sink->count, &sink->written, error);

    sink->count = 0;
    return rc;
}

static enum sl_code put(struct sl_key_set *set, struct sink *sink, uint64_t hash,
                        struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    if (sink->fd >= 0) {
        if (sink->count == sink->room) rc = flush(set, sink, error);
        sink->window[sink->count++] = hash;
        return rc;
    }
    if (sink->any && sink->last == hash) rc = add_repeat(set, hash, error);
    sink->any = true;
    sink->last = hash;
    return rc;
}

static enum sl_code merge(struct sl_key_set *set, struct sink *sink, struct sl_error *error)
{
    struct reader readers[RUNS_MAX], *heap[RUNS_MAX];
    size_t room = 2 * set->room / (set->run_count + 1), live = set->run_count;
    enum sl_code rc;

    assert(room > 0 && live > 0);
    sink->window = set->buffer + room * set->run_count;
    sink->room = room;
    for (size_t i = 0; i < live; i++) {
        readers[i] = (struct reader){.window = set->buffer + i * room,
                                     .next = set->runs[i].start,
                                     .left = set->runs[i].count};
        rc = refill(set, &readers[i], room, error);
        if (rc) return rc;
        heap[i] = &readers[i];
    }
    for (size_t i = live; i-- > 0;) sift(heap, live, i);
    while (live > 0) {
        struct reader *top = heap[0];

        rc = put(set, sink, top->window[top->at++], error);
        if (!rc && top->at == top->count && top->left > 0) rc = refill(set, top, room, error);
        if (rc) return rc;
        if (top->at == top->count) heap[0] = heap[--live];
        sift(heap, live, 0);
    }
    return sink->fd >= 0 ? flush(set, sink, error) : SL_OK;
}

/* All runs become one, in a new file. */
static enum sl_code merge_runs(struct sl_key_set *set, struct sl_error *error)
{
    struct sink sink = {.fd = -1};
    enum sl_code rc = open_file(set, &sink.fd, error);

    if (!rc) rc = merge(set, &sink, error);
    if (rc) {
        if (sink.fd >= 0) close(sink.fd);
        return rc;
    }
    close(set->fd);
    set->fd = sink.fd;
    set->written = sink.written;
    set->runs[0] = (struct run){0, sink.written};
    set->run_count = 1;
    return SL_OK;
}

static enum sl_code spill(struct sl_key_set *set, struct sl_error *error)
{
    int64_t start = set->written;
    enum sl_code rc = SL_OK;

    sort_buffer(set);
    if (set->fd < 0) rc = open_file(set, &set->fd, error);
    if (!rc) rc = write_hashes(set, set->fd, set->buffer, set->count, &set->written, error);
    if (rc) return rc;
    set->runs[set->run_count++] = (struct run){start, (int64_t)set->count};
    set->count = 0;
    return set->run_count == RUNS_MAX ? merge_runs(set, error) : SL_OK;
}

/* ------------------------------------------------------------------ the face */

enum sl_code sl_key_set_add(struct sl_key_set *set, const uint64_t *hashes, size_t count,
                            struct sl_error *error)
{
    assert(!set->ended);
    while (count > 0) {
        size_t n = set->room - set->count;

        if (n > count) n = count;
        memcpy(set->buffer + set->count, hashes, n * HASH_BYTES);
        set->count += n;
        hashes += n;
        count -= n;
        if (set->count == set->room) {
            enum sl_code rc = spill(set, error);

            if (rc) return rc;
        }
    }
    return SL_OK;
}

enum sl_code sl_key_set_repeats(struct sl_key_set *set, const uint64_t **out, size_t *count,
                                struct sl_error *error)
{
    struct sink sink = {.fd = -1};
    enum sl_code rc = SL_OK;

    *out = NULL;
    *count = 0;
    if (!set->ended) {
        set->repeat_count = 0;
        if (set->run_count == 0) { /* all of it is in memory */
            sort_buffer(set);
            for (size_t i = 0; !rc && i < set->count; i++)
                rc = put(set, &sink, set->buffer[i], error);
        } else {
            if (set->count > 0) rc = spill(set, error);
            if (!rc) rc = merge(set, &sink, error);
        }
        if (rc) return rc;
        set->ended = true;
    }
    *out = set->repeats;
    *count = set->repeat_count;
    return SL_OK;
}
