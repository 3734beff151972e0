/*
 * cells.h: one growing Arrow column, flat or nested, and all its values so far.
 *
 * Every put adds exactly one slot. Buffers are those of the Arrow format and are moved, not copied,
 * into the array that sl_cells_take() makes. All buffers of a column grow together, so that a put
 * has one check for room. Nothing here knows JSON.
 *
 *     kind                 data                      bytes     children
 *     BOOLEAN              bits
 *     BIGINT..TIMESTAMP    width bytes each
 *     STRING, BINARY       int32 offsets, length+1   content
 *     ARRAY                int32 offsets, length+1             element
 *     MAP                  int32 offsets, length+1             struct of key, value
 *     STRUCT                                                   members
 */
#ifndef SL_CELLS_H
#define SL_CELLS_H

#include <assert.h>
#include <string.h>

#include <sluice/arrow.h>
#include <sluice/connector.h>

struct sl_keymap;

struct sl_cells {
    enum sl_type_kind kind;
    enum sl_decode decode;
    int precision, scale;
    uint32_t width; /* bytes of data per slot: 0 for bits and structs */
    bool open;      /* STRUCT: see struct sl_type */

    int64_t length, room, null_count;
    uint8_t *valid; /* bits beyond length are 0 */
    uint8_t *data;
    uint8_t *bytes;
    size_t bytes_len, bytes_room;

    struct sl_cells *children;
    size_t child_count;
    struct sl_keymap *members; /* STRUCT: member name -> child */
    int64_t length_hint;       /* of the batch before: what to make room for at once */
    size_t bytes_hint;
};

/* type and what hangs on it are borrowed. False: no memory; release is fine then too. */
bool sl_cells_init(struct sl_cells *cells, const struct sl_type *type, enum sl_decode decode);
void sl_cells_release(struct sl_cells *cells); /* safe on {0} */

/* Not for callers: the slow halves of the puts below. */
bool sl_cells_grow(struct sl_cells *cells);
bool sl_cells_grow_bytes(struct sl_cells *cells, size_t len);

/* Takes the last slot back. */
void sl_cells_pop(struct sl_cells *cells);
/* Memory that the values take, about. */
size_t sl_cells_used(const struct sl_cells *cells);

static inline bool sl_cells_room(struct sl_cells *cells)
{
    return cells->length < cells->room || sl_cells_grow(cells);
}

static inline bool sl_cells_is_null(const struct sl_cells *cells, int64_t i)
{
    return !(cells->valid[i >> 3] >> (i & 7) & 1);
}

/* Ends a slot whose data is in place. */
static inline void sl_cells_done(struct sl_cells *cells)
{
    int64_t n = cells->length++;

    assert(n < cells->room);
    cells->valid[n >> 3] |= (uint8_t)(1u << (n & 7));
}

static inline int32_t *sl_cells_offsets(const struct sl_cells *cells)
{
    return (int32_t *)(void *)cells->data;
}

/* All false: no memory (nothing was added). */
bool sl_cells_put_null(struct sl_cells *cells);
/* Ends a list or map slot: it holds what its child got since the last one. */
static inline bool sl_cells_put_list(struct sl_cells *cells)
{
    if (!sl_cells_room(cells)) return false;
    assert(cells->children[0].length <= INT32_MAX);
    sl_cells_offsets(cells)[cells->length + 1] = (int32_t)cells->children[0].length;
    sl_cells_done(cells);
    return true;
}

static inline bool sl_cells_put_bool(struct sl_cells *cells, bool value)
{
    if (!sl_cells_room(cells)) return false;
    if (value) cells->data[cells->length >> 3] |= (uint8_t)(1u << (cells->length & 7));
    sl_cells_done(cells);
    return true;
}

static inline bool sl_cells_put_i64(struct sl_cells *cells, int64_t value)
{
    if (!sl_cells_room(cells)) return false;
    memcpy(cells->data + cells->length * 8, &value, 8);
    sl_cells_done(cells);
    return true;
}

static inline bool sl_cells_put_i32(struct sl_cells *cells, int32_t value)
{
    if (!sl_cells_room(cells)) return false;
    memcpy(cells->data + cells->length * 4, &value, 4);
    sl_cells_done(cells);
    return true;
}

static inline bool sl_cells_put_double(struct sl_cells *cells, double value)
{
    if (!sl_cells_room(cells)) return false;
    memcpy(cells->data + cells->length * 8, &value, 8);
    sl_cells_done(cells);
    return true;
}

/* 16 bytes, little-endian two's complement. */
static inline bool sl_cells_put_decimal(struct sl_cells *cells, const void *value)
{
    if (!sl_cells_room(cells)) return false;
    memcpy(cells->data + cells->length * 16, value, 16);
    sl_cells_done(cells);
    return true;
}

/* Would len more bytes be too many for 32-bit offsets? */
static inline bool sl_cells_full(const struct sl_cells *cells, size_t len)
{
    return len > (size_t)INT32_MAX - cells->bytes_len;
}

/* Not full. */
static inline bool sl_cells_put_bytes(struct sl_cells *cells, const char *text, size_t len)
{
    if (!sl_cells_room(cells) ||
        (len > cells->bytes_room - cells->bytes_len && !sl_cells_grow_bytes(cells, len)))
        return false;
    if (len > 0) /* there may be no bytes yet */
        memcpy(cells->bytes + cells->bytes_len, text, len);
    cells->bytes_len += len;
    sl_cells_offsets(cells)[cells->length + 1] = (int32_t)cells->bytes_len;
    sl_cells_done(cells);
    return true;
}

/* Moves the values out; the cells are empty afterwards, whatever the result. False: no memory.
 * out must have been made from the schema of the same type, and stays the caller's to release. */
bool sl_cells_take(struct sl_cells *cells, struct ArrowArray *out);

/* The Arrow schema of a type, under a name. False: no memory, nothing to release. */
bool sl_cells_schema(const struct sl_type *type, const char *name, bool nullable,
                     struct ArrowSchema *out);

#endif
