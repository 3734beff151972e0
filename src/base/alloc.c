#include "base/alloc.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/*
 * The two counters are the only state of the process that lives outside a handle. They exist for
 * tests and must cost a busy engine nearly nothing: the failure counter is only read while it is
 * off, and the live counter is spread over cache lines, so that threads do not meet in one.
 * A block may be freed by another thread than the one that made it: a shard may go negative, only
 * their sum means anything.
 */
#define SHARDS 16u

struct shard {
    _Alignas(64) atomic_llong live;
};

static struct shard shards[SHARDS];
static atomic_uint shard_next;
static atomic_llong fail_in = -1; /* below 0: off */

static void count(int change)
{
    static _Thread_local unsigned mine; /* shard + 1; 0: not chosen yet */

    if (mine == 0)
        mine = atomic_fetch_add_explicit(&shard_next, 1, memory_order_relaxed) % SHARDS + 1;
    atomic_fetch_add_explicit(&shards[mine - 1].live, change, memory_order_relaxed);
}

static bool must_fail(void)
{
    if (atomic_load_explicit(&fail_in, memory_order_relaxed) < 0) return false;
    return atomic_fetch_sub_explicit(&fail_in, 1, memory_order_relaxed) == 0;
}

void *sl_alloc(size_t size)
{
    if (must_fail()) return NULL;

    void *pointer = malloc(size ? size : 1);
    if (pointer) count(1);
    return pointer;
}

void *sl_calloc(size_t items, size_t size)
{
    bool empty = items == 0 || size == 0;

    if (must_fail() || (!empty && items > SIZE_MAX / size)) return NULL;

    void *pointer = calloc(empty ? 1 : items, empty ? 1 : size);
    if (pointer) count(1);
    return pointer;
}

void *sl_realloc(void *pointer, size_t size)
{
    if (!pointer) return sl_alloc(size);
    if (must_fail()) return NULL;
    return realloc(pointer, size ? size : 1); /* never 0: that would free */
}

void sl_free(void *pointer)
{
    if (!pointer) return;
    count(-1);
    free(pointer);
}

char *sl_strdup(const char *text)
{
    return sl_strndup(text, strlen(text));
}

char *sl_strndup(const char *text, size_t len)
{
    const char *end = memchr(text, '\0', len);
    if (end) len = (size_t)(end - text);

    char *copy = sl_alloc(len + 1);
    if (!copy) return NULL;
    memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

void sl_alloc_fail_after(int64_t n)
{
    atomic_store_explicit(&fail_in, n, memory_order_relaxed);
}

bool sl_alloc_failed(void)
{
    return atomic_load_explicit(&fail_in, memory_order_relaxed) < 0;
}

int64_t sl_alloc_live(void)
{
    int64_t live = 0;

    for (unsigned i = 0; i < SHARDS; i++)
        live += atomic_load_explicit(&shards[i].live, memory_order_relaxed);
    return live;
}
