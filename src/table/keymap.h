/*
 * keymap.h: from the key of a JSON member to its number.
 *
 * Answers of one source nearly always hold the same keys in the same order, so each key remembers
 * which one came after it last time; only when that guess is wrong is a hash computed.
 */
#ifndef SL_KEYMAP_H
#define SL_KEYMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct sl_keymap_key {
    const char *text; /* borrowed */
    size_t len;
    uint32_t next; /* the guess: number of the key after this one */
};

struct sl_keymap {
    struct sl_keymap_key *keys; /* keys[count].next is the guess for the first one */
    size_t count, room;
    uint32_t *slots; /* number + 1, 0: empty; a power of two of them */
    size_t mask;
};

#define SL_KEYMAP_NONE UINT32_MAX

/* room: how many keys will be added at most. False: no memory. */
bool sl_keymap_init(struct sl_keymap *map, size_t room);
void sl_keymap_release(struct sl_keymap *map); /* safe on {0} */
/* The number of a key, which is added when it is new: 0, 1, 2... */
uint32_t sl_keymap_add(struct sl_keymap *map, const char *text);

static inline uint64_t sl_keymap_hash(const char *text, size_t len)
{
    uint64_t a = 0, b = 0;

    if (len >= 8) {
        memcpy(&a, text, 8);
        memcpy(&b, text + len - 8, 8);
    } else {
        memcpy(&a, text, len);
    }
    a = (a ^ len) * UINT64_C(0x9E3779B97F4A7C15);
    b = (b ^ a >> 29) * UINT64_C(0xD6E8FEB86659FD93);
    return b ^ b >> 32;
}

static inline uint64_t sl_keymap_word(const char *text)
{
    uint64_t word;

    memcpy(&word, text, 8);
    return word;
}

/* memcmp() == 0 without the call: nearly all keys have 8 to 32 bytes. Loads may overlap. */
static inline bool sl_keymap_same(const char *a, const char *b, size_t len)
{
    uint64_t off;

    if (len < 8 || len > 32) return memcmp(a, b, len) == 0;
    off = (sl_keymap_word(a) ^ sl_keymap_word(b)) |
          (sl_keymap_word(a + len - 8) ^ sl_keymap_word(b + len - 8));
    if (len > 16)
        off |= (sl_keymap_word(a + 8) ^ sl_keymap_word(b + 8)) |
               (sl_keymap_word(a + len - 16) ^ sl_keymap_word(b + len - 16));
    return off == 0;
}

uint32_t sl_keymap_search(const struct sl_keymap *map, const char *text, size_t len);

/* *before: number of the member before this one, map->count at the start; moves on when found. */
static inline uint32_t sl_keymap_find(struct sl_keymap *map, uint32_t *before, const char *text,
                                      size_t len)
{
    uint32_t found = map->keys[*before].next;

    if (found == SL_KEYMAP_NONE || map->keys[found].len != len ||
        !sl_keymap_same(map->keys[found].text, text, len)) {
        found = sl_keymap_search(map, text, len);
        if (found == SL_KEYMAP_NONE) return found;
        map->keys[*before].next = found;
    }
    *before = found;
    return found;
}

#endif
