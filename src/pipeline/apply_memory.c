/*
 * apply_memory.c: entries in memory, in partitions on disk, and sorted by position.
 *
 * A partition is a list of extents of one file, each filled in a buffer first. A sorter writes its
 * memory, sorted, to disk whenever it is full, and merges what it wrote at the end. Files are
 * unlinked as soon as they are open, so that nothing is left behind, whatever happens.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "pipeline/apply_parts.h"

#define BLOCK_BYTES ((size_t)1 << 20)
#define EXTENT_BYTES ((size_t)32 << 10)

static enum sl_code no_memory(struct sl_error *error)
{
    return sl_fail(error, SL_NO_MEMORY, "no memory for the changes of a table");
}

void sl_entry_sequences(struct entry *e, struct sl_seq rec, struct sl_seq start, struct sl_seq end)
{
    struct sl_seq all[] = {rec, start, end};
    size_t at = 0;

    for (size_t i = 0; i < 3; i++) {
        assert(all[i].len <= SL_SEQUENCE_BYTES_MAX + 8);
        if (all[i].len > 0) memcpy(e->bytes + at, all[i].bytes, all[i].len);
        at += all[i].len;
    }
    e->rec = (uint16_t)rec.len;
    e->start = (uint16_t)start.len;
    e->end = (uint16_t)end.len;
}

/* ---- in memory ---- */

struct pool_block {
    struct pool_block *next;
    size_t len, cap;
    _Alignas(16) unsigned char bytes[];
};

struct entry *sl_pool_add(struct pool *pool, const struct entry *e)
{
    size_t size = entry_size(e);
    struct pool_block *block = pool->last;

    if (!block || block->cap - block->len < size) {
        size_t cap = pool->bytes < BLOCK_BYTES ? BLOCK_BYTES / 16 : BLOCK_BYTES;
        block = sl_alloc(sizeof *block + cap);
        if (!block) return NULL;
        *block = (struct pool_block){.cap = cap};
        *(pool->last ? &pool->last->next : &pool->first) = block;
        pool->last = block;
        pool->bytes += cap;
    }
    struct entry *copy = (struct entry *)(void *)(block->bytes + block->len);
    memcpy(copy, e, offsetof(struct entry, bytes) + e->rec + e->start + e->end);
    block->len += size;
    return copy;
}

struct entry *sl_pool_next(const struct pool *pool, struct pool_walk *walk)
{
    if (!walk->block) walk->block = pool->first;
    while (walk->block && walk->at == walk->block->len) {
        if (!walk->block->next) return NULL;
        walk->block = walk->block->next;
        walk->at = 0;
    }
    if (!walk->block) return NULL;
    struct entry *e = (struct entry *)(void *)(walk->block->bytes + walk->at);
    walk->at += entry_size(e);
    return e;
}

void sl_pool_release(struct pool *pool)
{
    for (struct pool_block *block = pool->first, *next; block; block = next) {
        next = block->next;
        sl_free(block);
    }
    *pool = (struct pool){0};
}

/* ---- a temporary file ---- */

static enum sl_code file_failed(const char *directory, const char *what, struct sl_error *error)
{
    enum sl_code code = errno == ENOSPC || errno == EFBIG ? SL_TOO_LARGE : SL_DESTINATION;

    sl_fail(error, code, "could not %s a temporary file in '%s': %s", what, directory,
            strerror(errno));
    sl_error_hint(error, "Changes that do not fit in memory go there: check that the directory is "
                         "writable and has room, about 100 bytes for each row that was read and "
                         "each row of the table.");
    return code;
}

static enum sl_code open_file(const char *directory, int *fd, struct sl_error *error)
{
    struct sl_buf path = {0};
    enum sl_code rc = SL_OK;

    sl_buf_addf(&path, "%s/sluice-changes-XXXXXX", directory);
    if (sl_buf_failed(&path)) {
        rc = no_memory(error);
    } else if ((*fd = mkstemp(path.data)) < 0) {
        rc = file_failed(directory, "make", error);
    } else {
        unlink(path.data);
        (void)fcntl(*fd, F_SETFD, FD_CLOEXEC);
    }
    sl_buf_release(&path);
    return rc;
}

static enum sl_code write_at(const char *directory, int fd, const unsigned char *bytes, size_t len,
                             int64_t at, struct sl_error *error)
{
    while (len > 0) {
        ssize_t n = pwrite(fd, bytes, len, (off_t)at);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return file_failed(directory, "write to", error);
        bytes += n;
        at += n;
        len -= (size_t)n;
    }
    return SL_OK;
}

static enum sl_code read_at(const char *directory, int fd, unsigned char *bytes, size_t len,
                            int64_t at, struct sl_error *error)
{
    while (len > 0) {
        ssize_t n = pread(fd, bytes, len, (off_t)at);
        if (n < 0 && errno == EINTR) continue;
        if (n == 0) errno = EIO; /* shorter than what was written */
        if (n <= 0) return file_failed(directory, "read", error);
        bytes += n;
        at += n;
        len -= (size_t)n;
    }
    return SL_OK;
}

/* ---- lists of extents of one file ---- */

struct extent {
    int64_t at;
    size_t len;
};

/* One list, and its newest entries, which are not in the file yet. */
struct chain {
    unsigned char *buffer;
    size_t len;
    struct extent *extents;
    size_t count, cap;
    size_t bytes;
};

static void chain_release(struct chain *chain)
{
    sl_free(chain->buffer);
    sl_free(chain->extents);
    *chain = (struct chain){0};
}

static enum sl_code chain_flush(struct chain *chain, const char *directory, int fd, int64_t *end,
                                struct sl_error *error)
{
    enum sl_code rc;

    if (chain->len == 0) return SL_OK;
    if (chain->count == chain->cap) {
        size_t cap = chain->cap ? chain->cap * 2 : 16;
        void *extents = sl_realloc(chain->extents, cap * sizeof *chain->extents);
        if (!extents) return no_memory(error);
        chain->extents = extents;
        chain->cap = cap;
    }
    rc = write_at(directory, fd, chain->buffer, chain->len, *end, error);
    if (rc) return rc;
    chain->extents[chain->count++] = (struct extent){*end, chain->len};
    *end += (int64_t)chain->len;
    chain->len = 0;
    return SL_OK;
}

static enum sl_code chain_add(struct chain *chain, const char *directory, int fd, int64_t *end,
                              const struct entry *e, struct sl_error *error)
{
    size_t size = entry_size(e);
    enum sl_code rc = SL_OK;

    if (!chain->buffer && !(chain->buffer = sl_calloc(1, EXTENT_BYTES))) return no_memory(error);
    if (chain->len + size > EXTENT_BYTES) rc = chain_flush(chain, directory, fd, end, error);
    if (rc) return rc;
    memcpy(chain->buffer + chain->len, e,
           offsetof(struct entry, bytes) + e->rec + e->start + e->end);
    chain->len += size;
    chain->bytes += size;
    return SL_OK;
}

static enum sl_code chain_next(const struct chain *chain, const char *directory, int fd,
                               struct spill_walk *walk, const struct entry **e,
                               struct sl_error *error)
{
    *e = NULL;
    if (!walk->buffer && !(walk->buffer = sl_alloc(EXTENT_BYTES))) return no_memory(error);
    if (walk->at == walk->len) {
        if (walk->extent == chain->count) return SL_OK;
        const struct extent *extent = &chain->extents[walk->extent++];
        enum sl_code rc = read_at(directory, fd, walk->buffer, extent->len, extent->at, error);
        if (rc) return rc;
        walk->at = 0;
        walk->len = extent->len;
    }
    *e = (const struct entry *)(void *)(walk->buffer + walk->at);
    walk->at += entry_size(*e);
    return SL_OK;
}

void sl_spill_walk_release(struct spill_walk *walk)
{
    sl_free(walk->buffer);
    *walk = (struct spill_walk){0};
}

/* ---- partitions ---- */

struct spill {
    const char *directory; /* borrowed */
    int fd, level;
    int64_t end;
    struct chain parts[PARTITIONS];
};

enum sl_code sl_spill_new(const char *directory, int level, struct spill **out,
                          struct sl_error *error)
{
    struct spill *spill = sl_calloc(1, sizeof *spill);
    enum sl_code rc;

    *out = NULL;
    if (!spill) return no_memory(error);
    spill->directory = directory;
    spill->level = level;
    spill->fd = -1;
    rc = open_file(directory, &spill->fd, error);
    if (rc)
        sl_spill_free(spill);
    else
        *out = spill;
    return rc;
}

void sl_spill_free(struct spill *spill)
{
    if (!spill) return;
    if (spill->fd >= 0) close(spill->fd);
    for (int i = 0; i < PARTITIONS; i++) chain_release(&spill->parts[i]);
    sl_free(spill);
}

enum sl_code sl_spill_add(struct spill *spill, const struct entry *e, struct sl_error *error)
{
    size_t part = e->key.b >> (58 - 6 * spill->level) & (PARTITIONS - 1);

    return chain_add(&spill->parts[part], spill->directory, spill->fd, &spill->end, e, error);
}

enum sl_code sl_spill_flush(struct spill *spill, struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    for (int i = 0; i < PARTITIONS && !rc; i++) {
        rc = chain_flush(&spill->parts[i], spill->directory, spill->fd, &spill->end, error);
        sl_free(spill->parts[i].buffer);
        spill->parts[i].buffer = NULL;
    }
    return rc;
}

size_t sl_spill_bytes(const struct spill *spill, int part)
{
    return spill->parts[part].bytes;
}

enum sl_code sl_spill_next(const struct spill *spill, int part, struct spill_walk *walk,
                           const struct entry **e, struct sl_error *error)
{
    return chain_next(&spill->parts[part], spill->directory, spill->fd, walk, e, error);
}

/* ---- sorted ---- */

struct run_on_disk {
    struct chain chain;
    struct spill_walk walk;
    const struct entry *head;
};

struct runs {
    int fd;
    int64_t end;
    struct run_on_disk *items;
    size_t count, cap;
};

static int by_position(const void *a, const void *b)
{
    const struct entry *x = *(struct entry *const *)a, *y = *(struct entry *const *)b;

    return (x->at > y->at) - (x->at < y->at);
}

static enum sl_code sort_pool(struct sorter *sorter, struct sl_error *error)
{
    struct pool_walk walk = {0};
    size_t count = 0, room = 0;
    struct entry *e;

    while (sl_pool_next(&sorter->pool, &walk)) room++;
    sl_free(sorter->sorted);
    sorter->sorted = sl_alloc((room + 1) * sizeof(struct entry *));
    if (!sorter->sorted) return no_memory(error);
    for (walk = (struct pool_walk){0}; (e = sl_pool_next(&sorter->pool, &walk));)
        sorter->sorted[count++] = e;
    qsort(sorter->sorted, count, sizeof(struct entry *), by_position);
    sorter->sorted_count = count;
    sorter->at = 0;
    return SL_OK;
}

static enum sl_code new_run(struct sorter *sorter, struct sl_error *error)
{
    struct runs *runs = sorter->runs;

    if (!runs) {
        sorter->runs = runs = sl_calloc(1, sizeof *runs);
        if (!runs) return no_memory(error);
        runs->fd = -1;
        enum sl_code rc = open_file(sorter->directory, &runs->fd, error);
        if (rc) return rc;
    }
    if (runs->count == runs->cap) {
        size_t cap = runs->cap ? runs->cap * 2 : 8;
        void *items = sl_realloc(runs->items, cap * sizeof *runs->items);
        if (!items) return no_memory(error);
        runs->items = items;
        runs->cap = cap;
    }
    runs->items[runs->count++] = (struct run_on_disk){0};
    return SL_OK;
}

/* What is in memory becomes one run on disk. */
static enum sl_code write_run(struct sorter *sorter, struct sl_error *error)
{
    enum sl_code rc = sort_pool(sorter, error);

    if (!rc) rc = new_run(sorter, error);
    if (rc) return rc;
    struct runs *runs = sorter->runs;
    struct chain *chain = &runs->items[runs->count - 1].chain;
    for (size_t i = 0; i < sorter->sorted_count && !rc; i++)
        rc = chain_add(chain, sorter->directory, runs->fd, &runs->end, sorter->sorted[i], error);
    if (!rc) rc = chain_flush(chain, sorter->directory, runs->fd, &runs->end, error);
    sl_free(chain->buffer);
    chain->buffer = NULL;
    sl_pool_release(&sorter->pool);
    sorter->sorted_count = 0;
    return rc;
}

enum sl_code sl_sorter_add(struct sorter *sorter, const struct entry *e, struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    if (sorter->pool.bytes > sorter->memory_bytes) rc = write_run(sorter, error);
    if (!rc && !sl_pool_add(&sorter->pool, e)) rc = no_memory(error);
    if (!rc) sorter->count++;
    return rc;
}

static enum sl_code advance(struct sorter *sorter, struct run_on_disk *run, struct sl_error *error)
{
    return chain_next(&run->chain, sorter->directory, sorter->runs->fd, &run->walk, &run->head,
                      error);
}

enum sl_code sl_sorter_sort(struct sorter *sorter, struct sl_error *error)
{
    enum sl_code rc;

    if (!sorter->runs) return sort_pool(sorter, error);
    rc = write_run(sorter, error);
    for (size_t i = 0; i < sorter->runs->count && !rc; i++)
        rc = advance(sorter, &sorter->runs->items[i], error);
    sorter->at = SIZE_MAX; /* of the run whose head was given last: none */
    return rc;
}

enum sl_code sl_sorter_next(struct sorter *sorter, const struct entry **e, struct sl_error *error)
{
    struct runs *runs = sorter->runs;
    enum sl_code rc = SL_OK;

    *e = NULL;
    if (!runs) {
        if (sorter->at < sorter->sorted_count) *e = sorter->sorted[sorter->at++];
        return SL_OK;
    }
    if (sorter->at != SIZE_MAX) rc = advance(sorter, &runs->items[sorter->at], error);
    sorter->at = SIZE_MAX;
    for (size_t i = 0; i < runs->count && !rc; i++) {
        const struct entry *head = runs->items[i].head;
        if (!head || (*e && (*e)->at <= head->at)) continue;
        *e = head;
        sorter->at = i;
    }
    return rc;
}

void sl_sorter_release(struct sorter *sorter)
{
    sl_pool_release(&sorter->pool);
    sl_free(sorter->sorted);
    if (sorter->runs) {
        for (size_t i = 0; i < sorter->runs->count; i++) {
            chain_release(&sorter->runs->items[i].chain);
            sl_spill_walk_release(&sorter->runs->items[i].walk);
        }
        if (sorter->runs->fd >= 0) close(sorter->runs->fd);
        sl_free(sorter->runs->items);
        sl_free(sorter->runs);
    }
    *sorter = (struct sorter){0};
}

/* ---- bits ---- */

bool sl_bits_set(struct bits *bits, int64_t row)
{
    if (row >= bits->room) {
        int64_t room = bits->room * 2 > row ? bits->room * 2 : row + 1;
        room = (room + 8191) & ~(int64_t)8191;
        uint64_t *words = sl_realloc(bits->words, (size_t)room / 8);
        if (!words) return false;
        memset(words + bits->room / 64, 0, (size_t)(room - bits->room) / 8);
        bits->words = words;
        bits->room = room;
    }
    uint64_t bit = (uint64_t)1 << (row & 63);
    bits->count += !(bits->words[row >> 6] & bit);
    bits->words[row >> 6] |= bit;
    return true;
}

void sl_bits_rows(const struct bits *bits, int64_t *rows)
{
    for (int64_t word = 0; word < bits->room / 64; word++)
        for (uint64_t left = bits->words[word]; left; left &= left - 1)
            *rows++ = word * 64 + __builtin_ctzll(left);
}
