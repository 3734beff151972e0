#include "base/arena.h"

#include "base/alloc.h"

#include <assert.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define SL_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SL_ASAN 1
#endif
#endif

#ifdef SL_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(address, size) ASAN_POISON_MEMORY_REGION(address, size)
#define UNPOISON(address, size) ASAN_UNPOISON_MEMORY_REGION(address, size)
#else
#define POISON(address, size) ((void)(address), (void)(size))
#define UNPOISON(address, size) ((void)(address), (void)(size))
#endif

/*
 * (1) total is the sum of size over all blocks, and never above a cap.
 * (2) Bytes from used on belong to nobody, and are poisoned under AddressSanitizer.
 */
struct sl_arena_block {
    struct sl_arena_block *next;
    size_t size, used;
    _Alignas(max_align_t) unsigned char bytes[];
};

#define BLOCK_MIN ((size_t)4 << 10)
#define BLOCK_MAX ((size_t)1 << 20) /* unless one allocation needs more */

void sl_arena_init(struct sl_arena *arena, size_t cap)
{
    *arena = (struct sl_arena){.cap = cap};
}

/* A block with room for `need` bytes; as large as what is there already, so that their number
 * stays small. */
static struct sl_arena_block *add_block(struct sl_arena *arena, size_t need)
{
    size_t size = arena->total < BLOCK_MIN ? BLOCK_MIN : arena->total;

    if (size > BLOCK_MAX) size = BLOCK_MAX;
    if (arena->cap && size > arena->cap - arena->total) size = arena->cap - arena->total;
    if (size < need) size = need;
    if (arena->cap && size > arena->cap - arena->total) return NULL;
    if (size > SIZE_MAX / 2 - arena->total - sizeof(struct sl_arena_block)) return NULL;

    struct sl_arena_block *block = sl_alloc(sizeof *block + size);
    if (!block) return NULL;
    block->next = arena->blocks;
    block->size = size;
    block->used = 0;
    POISON(block->bytes, size);
    arena->blocks = block;
    arena->total += size;
    return block;
}

/* Bytes to leave out so that the next ones are aligned. */
static size_t padding(const struct sl_arena_block *block, size_t align)
{
    uintptr_t at = (uintptr_t)(block->bytes + block->used);

    return (size_t)(-at & (align - 1));
}

static void *take_bytes(struct sl_arena *arena, size_t size, size_t align)
{
    struct sl_arena_block *block = arena->blocks;

    assert(align != 0 && (align & (align - 1)) == 0);
    if (size > SIZE_MAX / 4 || align > SIZE_MAX / 4) return NULL;
    if (!block || padding(block, align) + size > block->size - block->used) {
        size_t slack = align > _Alignof(max_align_t) ? align - 1 : 0;

        block = add_block(arena, size + slack);
        if (!block) return NULL;
    }

    block->used += padding(block, align);
    unsigned char *start = block->bytes + block->used;
    block->used += size;
    assert(block->used <= block->size);
    UNPOISON(start, size);
    return start;
}

void *sl_arena_alloc(struct sl_arena *arena, size_t size, size_t align)
{
    void *start = take_bytes(arena, size, align);

    if (start) memset(start, 0, size);
    return start;
}

void *sl_arena_array(struct sl_arena *arena, size_t count, size_t size, size_t align)
{
    if (size != 0 && count > SIZE_MAX / size) return NULL;
    return sl_arena_alloc(arena, count * size, align);
}

char *sl_arena_strndup(struct sl_arena *arena, const char *text, size_t len)
{
    if (len == SIZE_MAX) return NULL;

    char *copy = take_bytes(arena, len + 1, 1);
    if (!copy) return NULL;
    if (len > 0) memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

char *sl_arena_strdup(struct sl_arena *arena, const char *text)
{
    return sl_arena_strndup(arena, text, strlen(text));
}

char *sl_arena_printf(struct sl_arena *arena, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0) return NULL;

    char *text = take_bytes(arena, (size_t)len + 1, 1);
    if (!text) return NULL;
    va_start(args, format);
    vsnprintf(text, (size_t)len + 1, format, args);
    va_end(args);
    return text;
}

static void free_block(struct sl_arena *arena, struct sl_arena_block *block)
{
    assert(arena->total >= block->size);
    arena->total -= block->size;
    UNPOISON(block->bytes, block->size);
    sl_free(block);
}

void sl_arena_reset(struct sl_arena *arena)
{
    struct sl_arena_block *largest = NULL, *next;

    for (struct sl_arena_block *block = arena->blocks; block; block = next) {
        struct sl_arena_block *loser = block;

        next = block->next;
        if (!largest || block->size > largest->size) {
            loser = largest;
            largest = block;
        }
        if (loser) free_block(arena, loser);
    }
    arena->blocks = largest;
    if (!largest) return;
    largest->next = NULL;
    largest->used = 0;
    POISON(largest->bytes, largest->size);
}

void sl_arena_release(struct sl_arena *arena)
{
    struct sl_arena_block *next;

    for (struct sl_arena_block *block = arena->blocks; block; block = next) {
        next = block->next;
        free_block(arena, block);
    }
    assert(arena->total == 0);
    arena->blocks = NULL;
}
