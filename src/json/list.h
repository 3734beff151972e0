/*
 * list.h: a JSON array of strings, built in an arena. It is read like any other value and lives as
 * long as the arena.
 */
#ifndef SL_LIST_H
#define SL_LIST_H

#include <sluice/json.h>

struct sl_arena;

struct sl_list {
    struct sl_arena *arena;
    void *values;
    size_t count, count_max;
};

/* Room for count_max strings. false: no memory. */
bool sl_list_init(struct sl_list *list, struct sl_arena *arena, size_t count_max);
/* Copies one; false: no memory. More than count_max is a defect. */
bool sl_list_add(struct sl_list *list, const char *text, size_t len);
/* The array, of what was added so far. Never NULL. */
const struct sl_json *sl_list_json(const struct sl_list *list);

#endif
