/*
 * alloc.h: the only way to the heap. Tests make every allocation fail in turn and count what lives.
 *
 * Any thread may call these at any time, the test switches below too. With several threads at work,
 * which of them meets the failing allocation is chance; that exactly one does is not.
 */
#ifndef SL_ALLOC_H
#define SL_ALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* NULL when there is no memory; size 0 gives a pointer that can be freed. */
void *sl_alloc(size_t size) __attribute__((malloc, alloc_size(1)));
void *sl_calloc(size_t count, size_t size) __attribute__((malloc, alloc_size(1, 2)));
void *sl_realloc(void *pointer, size_t size) __attribute__((alloc_size(2)));
void sl_free(void *pointer); /* NULL is fine */
char *sl_strdup(const char *text) __attribute__((malloc));
char *sl_strndup(const char *text, size_t len) __attribute__((malloc));

/* The n-th allocation from now fails (0: the next one), once; -1 switches this off. */
void sl_alloc_fail_after(int64_t n);
/* Is it switched off, because the one that was to fail has failed? */
bool sl_alloc_failed(void);
/* How many allocations are alive. */
int64_t sl_alloc_live(void);

#endif
