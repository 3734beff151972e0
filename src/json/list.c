#include "json/list.h"

#include "base/arena.h"
#include "json/node.h"

#include <assert.h>

bool sl_list_init(struct sl_list *list, struct sl_arena *arena, size_t count_max)
{
    *list = (struct sl_list){.arena = arena, .count_max = count_max};
    yyjson_val *values = SL_ARENA_ARRAY(arena, yyjson_val, count_max + 1);
    if (!values) return false;
    values->tag = YYJSON_TYPE_ARR;
    values->uni.ofs = sizeof *values; /* to what stands behind the array */
    list->values = values;
    return true;
}

bool sl_list_add(struct sl_list *list, const char *text, size_t len)
{
    yyjson_val *array = list->values;

    assert(list->count < list->count_max);
    const char *copy = sl_arena_strndup(list->arena, text, len);
    if (!copy) return false;
    yyjson_val *value = array + ++list->count;
    value->tag = ((uint64_t)len << YYJSON_TAG_BIT) | YYJSON_TYPE_STR;
    value->uni.str = copy;
    array->tag = ((uint64_t)list->count << YYJSON_TAG_BIT) | YYJSON_TYPE_ARR;
    array->uni.ofs += sizeof *value;
    return true;
}

const struct sl_json *sl_list_json(const struct sl_list *list)
{
    return sl_node_of(list->values);
}
