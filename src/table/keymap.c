#include "table/keymap.h"

#include "base/alloc.h"

bool sl_keymap_init(struct sl_keymap *map, size_t room)
{
    size_t slots = 8;

    while (slots < 2 * room) slots *= 2;
    *map = (struct sl_keymap){.room = room, .mask = slots - 1};
    map->keys = sl_calloc(room + 1, sizeof *map->keys);
    map->slots = sl_calloc(slots, sizeof *map->slots);
    if (!map->keys || !map->slots) {
        sl_keymap_release(map);
        return false;
    }
    map->keys[0].next = SL_KEYMAP_NONE;
    return true;
}

void sl_keymap_release(struct sl_keymap *map)
{
    sl_free(map->keys);
    sl_free(map->slots);
    *map = (struct sl_keymap){0};
}

uint32_t sl_keymap_search(const struct sl_keymap *map, const char *text, size_t len)
{
    for (size_t i = sl_keymap_hash(text, len) & map->mask; map->slots[i]; i = (i + 1) & map->mask) {
        const struct sl_keymap_key *key = &map->keys[map->slots[i] - 1];

        if (key->len == len && sl_keymap_same(key->text, text, len)) return map->slots[i] - 1;
    }
    return SL_KEYMAP_NONE;
}

uint32_t sl_keymap_add(struct sl_keymap *map, const char *text)
{
    size_t len = strlen(text);
    uint32_t number = sl_keymap_search(map, text, len);
    size_t i = sl_keymap_hash(text, len) & map->mask;

    if (number != SL_KEYMAP_NONE) return number;
    while (map->slots[i]) i = (i + 1) & map->mask;
    number = (uint32_t)map->count++;
    map->slots[i] = number + 1;
    map->keys[number] = (struct sl_keymap_key){text, len, SL_KEYMAP_NONE};
    map->keys[map->count].next = SL_KEYMAP_NONE;
    return number;
}
