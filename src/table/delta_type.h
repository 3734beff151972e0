/*
 * delta_type.h: types in Delta's JSON. Private to src/table.
 */
#ifndef SL_DELTA_TYPE_H
#define SL_DELTA_TYPE_H

#include <sluice/connector.h>

struct sl_buf;

/* Nested fields get physical names of their own with physical_ids. */
void sl_delta_type_put(struct sl_json_writer *w, const struct sl_type *type, bool physical_ids);
/* Nullability and metadata are no part of a type. */
bool sl_delta_type_is(const struct sl_json *json, const struct sl_type *type);
/* As SQL writes it. */
void sl_delta_type_sql(const struct sl_json *json, struct sl_buf *out);
/* A type as part of a name: "bigint", "decimal_10_2", "array_string"; what structs hold is not in
 * it. */
void sl_type_word(const struct sl_type *type, struct sl_buf *out);

#define SL_PHYSICAL_MAX 320
/* A physical name that every file format takes. What had to be changed gets a hash of what it
 * was. */
void sl_delta_physical(const char *name, char out[SL_PHYSICAL_MAX]);

#endif
