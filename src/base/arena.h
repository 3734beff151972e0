/*
 * arena.h: memory with one lifetime. Everything decoded from one page of records lives in one
 * arena and dies at sl_arena_reset(): no free per record, no leak per record, and a cap on what a
 * source can make us hold. Grows by blocks up to the cap.
 */
#ifndef SL_ARENA_H
#define SL_ARENA_H

#include <stddef.h>

struct sl_arena_block;

struct sl_arena {
    struct sl_arena_block *blocks; /* newest first */
    size_t total;                  /* bytes in all blocks */
    size_t cap;                    /* the memory promise; 0: unlimited (tests only) */
};

/* No memory is taken until the first use. {0} is a valid arena without a cap. */
void sl_arena_init(struct sl_arena *arena, size_t cap);
/* NULL when there is no memory or the cap is met. Zeroed. align: a power of two. */
void *sl_arena_alloc(struct sl_arena *arena, size_t size, size_t align);
/* The same for count items of size bytes each; NULL also when the product overflows. */
void *sl_arena_array(struct sl_arena *arena, size_t count, size_t size, size_t align);
/* Exactly len bytes (NULs too) and a NUL behind them. */
char *sl_arena_strndup(struct sl_arena *arena, const char *text, size_t len);
char *sl_arena_strdup(struct sl_arena *arena, const char *text);
char *sl_arena_printf(struct sl_arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Forgets the content; keeps the largest block for reuse. */
void sl_arena_reset(struct sl_arena *arena);
void sl_arena_release(struct sl_arena *arena); /* safe on {0}, safe twice */

#define SL_ARENA_NEW(arena, type) ((type *)sl_arena_alloc((arena), sizeof(type), _Alignof(type)))
#define SL_ARENA_ARRAY(arena, type, count)                                                         \
    ((type *)sl_arena_array((arena), (count), sizeof(type), _Alignof(type)))

#endif
