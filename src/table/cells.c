#include "table/cells.h"

#include <nanoarrow/nanoarrow.h>

#include "base/alloc.h"
#include "table/keymap.h"

#define ROOM_FIRST 64 /* slots of the first growth; a multiple of 8 */

static bool has_offsets(const struct sl_cells *cells)
{
    return cells->kind == SL_TYPE_STRING || cells->kind == SL_TYPE_BINARY ||
           cells->kind == SL_TYPE_ARRAY || cells->kind == SL_TYPE_MAP;
}

static uint32_t width_of(enum sl_type_kind kind)
{
    switch (kind) {
    case SL_TYPE_BOOLEAN:
    case SL_TYPE_STRUCT: return 0;
    case SL_TYPE_DECIMAL: return 16;
    case SL_TYPE_BIGINT:
    case SL_TYPE_DOUBLE:
    case SL_TYPE_TIMESTAMP: return 8;
    default: /* a date, an offset */ return 4;
    }
}

/* ------------------------------------------------------------------ life */

static bool init_members(struct sl_cells *cells, const struct sl_type *type, enum sl_decode decode)
{
    cells->children =
        sl_calloc(type->member_count ? type->member_count : 1, sizeof *cells->children);
    if (!cells->children) return false;
    cells->child_count = type->member_count;
    for (size_t i = 0; i < type->member_count; i++)
        if (!sl_cells_init(&cells->children[i], &type->members[i].type, decode)) return false;
    if (type->kind != SL_TYPE_STRUCT) return true;
    cells->members = sl_calloc(1, sizeof *cells->members);
    if (!cells->members || !sl_keymap_init(cells->members, type->member_count)) return false;
    for (size_t i = 0; i < type->member_count; i++)
        sl_keymap_add(cells->members, type->members[i].name);
    return true;
}

bool sl_cells_init(struct sl_cells *cells, const struct sl_type *type, enum sl_decode decode)
{
    static const struct sl_type key = {.kind = SL_TYPE_STRING};

    *cells = (struct sl_cells){.kind = type->kind,
                               .decode = decode,
                               .precision = type->precision,
                               .scale = type->scale,
                               .width = width_of(type->kind),
                               .open = type->open};
    /* How a column is decoded goes for its innermost values too, but for the shape of arrays. */
    if (decode == SL_DECODE_ONE_OR_ARRAY) decode = SL_DECODE_AUTO;
    if (type->kind == SL_TYPE_ARRAY || type->kind == SL_TYPE_STRUCT)
        return init_members(cells, type, decode);
    if (type->kind == SL_TYPE_MAP) {
        struct sl_member members[2] = {{.name = "key", .type = key},
                                       {.name = "value", .type = type->members[0].type}};
        struct sl_type entries = {.kind = SL_TYPE_STRUCT, .member_count = 2, .members = members};

        cells->children = sl_calloc(1, sizeof *cells->children);
        if (!cells->children) return false;
        cells->child_count = 1;
        return sl_cells_init(cells->children, &entries, decode);
    }
    return true;
}

static void release_buffers(struct sl_cells *cells)
{
    sl_free(cells->valid);
    sl_free(cells->data);
    sl_free(cells->bytes);
    cells->valid = cells->data = cells->bytes = NULL;
    cells->length = cells->room = cells->null_count = 0;
    cells->bytes_len = cells->bytes_room = 0;
}

void sl_cells_release(struct sl_cells *cells)
{
    release_buffers(cells);
    for (size_t i = 0; cells->children && i < cells->child_count; i++)
        sl_cells_release(&cells->children[i]);
    sl_free(cells->children);
    if (cells->members) sl_keymap_release(cells->members);
    sl_free(cells->members);
    *cells = (struct sl_cells){0};
}

/* ------------------------------------------------------------------ growth */

static bool grow_bits(uint8_t **bits, int64_t old_room, int64_t room)
{
    uint8_t *more = sl_realloc(*bits, (size_t)room / 8);

    if (!more) return false;
    memset(more + old_room / 8, 0, (size_t)(room - old_room) / 8);
    *bits = more;
    return true;
}

bool sl_cells_grow(struct sl_cells *cells)
{
    int64_t room = cells->room ? 2 * cells->room : ROOM_FIRST;

    if (room < cells->length_hint) room = (cells->length_hint + 7) & ~INT64_C(7);
    if (!grow_bits(&cells->valid, cells->room, room)) return false;
    if (cells->kind == SL_TYPE_BOOLEAN) {
        if (!grow_bits(&cells->data, cells->room, room)) return false;
    } else if (cells->width > 0) {
        bool offsets = has_offsets(cells);
        uint8_t *data = sl_realloc(cells->data, ((size_t)room + offsets) * cells->width);

        if (!data) return false;
        cells->data = data;
        if (offsets && cells->room == 0) sl_cells_offsets(cells)[0] = 0;
    }
    cells->room = room;
    return true;
}

bool sl_cells_grow_bytes(struct sl_cells *cells, size_t len)
{
    size_t room = cells->bytes_room ? 2 * cells->bytes_room : 1024;
    uint8_t *bytes;

    if (room < cells->bytes_hint) room = cells->bytes_hint;
    if (room < cells->bytes_len + len) room = cells->bytes_len + len;
    bytes = sl_realloc(cells->bytes, room);
    if (!bytes) return false;
    cells->bytes = bytes;
    cells->bytes_room = room;
    return true;
}

bool sl_cells_put_null(struct sl_cells *cells)
{
    if (!sl_cells_room(cells)) return false;
    if (has_offsets(cells)) {
        int32_t *offsets = sl_cells_offsets(cells);

        offsets[cells->length + 1] = offsets[cells->length];
    } else if (cells->width > 0) {
        memset(cells->data + cells->length * cells->width, 0, cells->width);
    } else if (cells->kind == SL_TYPE_STRUCT) {
        for (size_t i = 0; i < cells->child_count; i++)
            if (!sl_cells_put_null(&cells->children[i])) return false;
    }
    cells->length++;
    cells->null_count++;
    return true;
}

void sl_cells_pop(struct sl_cells *cells)
{
    int64_t n = --cells->length;
    uint8_t bit = (uint8_t)(1u << (n & 7));

    assert(n >= 0);
    if (cells->valid[n >> 3] & bit)
        cells->valid[n >> 3] &= (uint8_t)~bit;
    else
        cells->null_count--;
    if (cells->kind == SL_TYPE_BOOLEAN)
        cells->data[n >> 3] &= (uint8_t)~bit;
    else if (cells->kind == SL_TYPE_STRING || cells->kind == SL_TYPE_BINARY)
        cells->bytes_len = (size_t)sl_cells_offsets(cells)[n];
    else if (cells->kind == SL_TYPE_STRUCT)
        for (size_t i = 0; i < cells->child_count; i++) sl_cells_pop(&cells->children[i]);
    else if (has_offsets(cells))
        while (cells->children[0].length > sl_cells_offsets(cells)[n])
            sl_cells_pop(&cells->children[0]);
}

size_t sl_cells_used(const struct sl_cells *cells)
{
    size_t used =
        (size_t)cells->length * cells->width + (size_t)cells->length / 8 + cells->bytes_len;

    if (cells->kind == SL_TYPE_BOOLEAN) used += (size_t)cells->length / 8;
    for (size_t i = 0; i < cells->child_count; i++) used += sl_cells_used(&cells->children[i]);
    return used;
}

/* ------------------------------------------------------------------ Arrow */

static uint8_t *arrow_reallocate(struct ArrowBufferAllocator *allocator, uint8_t *pointer,
                                 int64_t old_size, int64_t new_size)
{
    (void)allocator;
    (void)old_size;
    return sl_realloc(pointer, (size_t)new_size);
}

static void arrow_free(struct ArrowBufferAllocator *allocator, uint8_t *pointer, int64_t size)
{
    (void)allocator;
    (void)size;
    sl_free(pointer);
}

/* Moves memory of ours into an array. */
static void give(struct ArrowArray *out, int64_t i, uint8_t **memory, size_t len)
{
    struct ArrowBuffer *buffer = ArrowArrayBuffer(out, i);

    ArrowBufferReset(buffer);
    buffer->allocator =
        (struct ArrowBufferAllocator){.reallocate = arrow_reallocate, .free = arrow_free};
    buffer->data = *memory;
    buffer->size_bytes = buffer->capacity_bytes = (int64_t)len;
    *memory = NULL;
}

static void take(struct sl_cells *cells, struct ArrowArray *out)
{
    size_t n = (size_t)cells->length;
    size_t bits = (n + 7) / 8;

    out->length = cells->length;
    out->null_count = cells->null_count;
    if (cells->null_count > 0) give(out, 0, &cells->valid, bits);
    if (cells->kind == SL_TYPE_BOOLEAN)
        give(out, 1, &cells->data, bits);
    else if (cells->width > 0)
        give(out, 1, &cells->data,
             n || has_offsets(cells) ? (n + has_offsets(cells)) * cells->width : 0);
    if (cells->kind == SL_TYPE_STRING || cells->kind == SL_TYPE_BINARY)
        give(out, 2, &cells->bytes, cells->bytes_len);
    cells->length_hint = cells->length;
    cells->bytes_hint = cells->bytes_len;
    for (size_t i = 0; i < cells->child_count; i++) take(&cells->children[i], out->children[i]);
    release_buffers(cells);
}

/* An array of offsets has one even when it is empty. */
static bool have_offsets(struct sl_cells *cells)
{
    if (has_offsets(cells) && cells->room == 0 && !sl_cells_grow(cells)) return false;
    for (size_t i = 0; i < cells->child_count; i++)
        if (!have_offsets(&cells->children[i])) return false;
    return true;
}

static void drop(struct sl_cells *cells)
{
    release_buffers(cells);
    for (size_t i = 0; i < cells->child_count; i++) drop(&cells->children[i]);
}

bool sl_cells_take(struct sl_cells *cells, struct ArrowArray *out)
{
    if (!have_offsets(cells)) {
        drop(cells);
        return false;
    }
    take(cells, out);
    return true;
}

/* ------------------------------------------------------------------ schema */

static bool set_type(const struct sl_type *type, struct ArrowSchema *out);

static bool set_child(const struct sl_type *type, const char *name, bool nullable,
                      struct ArrowSchema *out)
{
    if (ArrowSchemaSetName(out, name) != NANOARROW_OK) return false;
    if (!nullable) out->flags &= ~ARROW_FLAG_NULLABLE;
    return set_type(type, out);
}

static bool set_struct(const struct sl_type *type, struct ArrowSchema *out)
{
    if (ArrowSchemaSetTypeStruct(out, (int64_t)type->member_count) != NANOARROW_OK) return false;
    for (size_t i = 0; i < type->member_count; i++)
        if (!set_child(&type->members[i].type, type->members[i].name, true, out->children[i]))
            return false;
    return true;
}

static bool set_plain(enum ArrowType type, struct ArrowSchema *out)
{
    return ArrowSchemaSetType(out, type) == NANOARROW_OK;
}

static bool set_type(const struct sl_type *type, struct ArrowSchema *out)
{
    static const struct sl_type key = {.kind = SL_TYPE_STRING};

    switch (type->kind) {
    case SL_TYPE_BOOLEAN: return set_plain(NANOARROW_TYPE_BOOL, out);
    case SL_TYPE_BIGINT: return set_plain(NANOARROW_TYPE_INT64, out);
    case SL_TYPE_DOUBLE: return set_plain(NANOARROW_TYPE_DOUBLE, out);
    case SL_TYPE_STRING: return set_plain(NANOARROW_TYPE_STRING, out);
    case SL_TYPE_BINARY: return set_plain(NANOARROW_TYPE_BINARY, out);
    case SL_TYPE_DATE: return set_plain(NANOARROW_TYPE_DATE32, out);
    case SL_TYPE_DECIMAL:
        return ArrowSchemaSetTypeDecimal(out, NANOARROW_TYPE_DECIMAL128, type->precision,
                                         type->scale) == NANOARROW_OK;
    case SL_TYPE_TIMESTAMP:
        return ArrowSchemaSetTypeDateTime(out, NANOARROW_TYPE_TIMESTAMP, NANOARROW_TIME_UNIT_MICRO,
                                          "UTC") == NANOARROW_OK;
    case SL_TYPE_ARRAY:
        return set_plain(NANOARROW_TYPE_LIST, out) &&
               set_child(&type->members[0].type, "element", true, out->children[0]);
    case SL_TYPE_MAP:
        return set_plain(NANOARROW_TYPE_MAP, out) &&
               ArrowSchemaSetName(out->children[0], "key_value") == NANOARROW_OK &&
               set_child(&key, "key", false, out->children[0]->children[0]) &&
               set_child(&type->members[0].type, "value", true, out->children[0]->children[1]);
    case SL_TYPE_STRUCT: return set_struct(type, out);
    }
    return false;
}

bool sl_cells_schema(const struct sl_type *type, const char *name, bool nullable,
                     struct ArrowSchema *out)
{
    ArrowSchemaInit(out);
    if (set_child(type, name, nullable, out)) return true;
    ArrowSchemaRelease(out);
    return false;
}
