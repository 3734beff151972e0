#include "table/row_hash.h"

#include <math.h>
#include <sodium.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "table/view.h"

/*
 * What is hashed of a row is a string of bytes that depends on its values alone and from which they
 * could be read back: each value says its kind and, where that is not enough, its length.
 *
 *     NULL             N
 *     integer, date,
 *     timestamp, bool  I, 8 bytes
 *     float, double    D, 8 bytes of the double
 *     decimal          C, 16 bytes
 *     text, binary     a word of T or B and the length, the bytes
 *     list             a word of L and the length, the values
 *     struct           a word of S and how many members follow; of each that takes part and is not
 *                      NULL, by name: 8 bytes that stand for its name, its value
 *     map              a word of M and the length; the sum of the hashes of its entries
 *
 * So neither the order of a struct's members nor of a map's entries matters, and a member that a
 * table got later is the same as one that is NULL.
 */
enum tag {
    TAG_NULL = 'N',
    TAG_INTEGER = 'I',
    TAG_DOUBLE = 'D',
    TAG_DECIMAL = 'C',
    TAG_TEXT = 'T',
    TAG_BINARY = 'B',
    TAG_LIST = 'L',
    TAG_STRUCT = 'S',
    TAG_MAP = 'M'
};

/* A column, or what is nested in one: how its values are read. */
struct node {
    enum tag tag;
    enum ArrowType type;
    bool wide; /* 64-bit offsets */
    const struct ArrowArrayView *view;
    const unsigned char *valid;   /* bitmap; NULL: no value is NULL */
    const void *offsets, *values; /* of buffers whose first entry is that of row 0 of the view */
    struct node *children;        /* members that take part, by name; the element; key and value */
    size_t child_count;
    uint64_t name; /* a member: what stands for its name */
};

struct hasher {
    const struct sl_hash_key *secret;
    struct sl_arena nodes;
    unsigned char *bytes; /* of one row */
    size_t len, cap;
    bool failed; /* no memory for them */
};

static struct sl_key128 siphash(const struct hasher *h, const void *bytes, size_t len)
{
    unsigned char hash[crypto_shorthash_siphashx24_BYTES];
    struct sl_key128 out;

    crypto_shorthash_siphashx24(hash, bytes, len, h->secret->bytes);
    memcpy(&out.a, hash, 8);
    memcpy(&out.b, hash + 8, 8);
    return out;
}

/* ------------------------------------------------------------------ how columns are read */

static bool set_tag(struct node *node, const struct ArrowSchemaView *type)
{
    switch (type->type) {
    case NANOARROW_TYPE_BOOL:
    case NANOARROW_TYPE_INT8:
    case NANOARROW_TYPE_INT16:
    case NANOARROW_TYPE_INT32:
    case NANOARROW_TYPE_INT64:
    case NANOARROW_TYPE_DATE32: node->tag = TAG_INTEGER; return true;
    case NANOARROW_TYPE_TIMESTAMP:
        node->tag = TAG_INTEGER;
        return type->time_unit == NANOARROW_TIME_UNIT_MICRO;
    case NANOARROW_TYPE_FLOAT:
    case NANOARROW_TYPE_DOUBLE: node->tag = TAG_DOUBLE; return true;
    case NANOARROW_TYPE_DECIMAL128: node->tag = TAG_DECIMAL; return true;
    case NANOARROW_TYPE_LARGE_STRING:
    case NANOARROW_TYPE_STRING:
    case NANOARROW_TYPE_STRING_VIEW: node->tag = TAG_TEXT; return true;
    case NANOARROW_TYPE_LARGE_BINARY:
    case NANOARROW_TYPE_BINARY:
    case NANOARROW_TYPE_BINARY_VIEW: node->tag = TAG_BINARY; return true;
    case NANOARROW_TYPE_LARGE_LIST:
    case NANOARROW_TYPE_LIST: node->tag = TAG_LIST; return true;
    case NANOARROW_TYPE_STRUCT: node->tag = TAG_STRUCT; return true;
    case NANOARROW_TYPE_MAP: node->tag = TAG_MAP; return true;
    default: return false;
    }
}

static const struct sl_member *member_named(const struct sl_type *type, const char *name)
{
    for (size_t i = 0; type && type->kind == SL_TYPE_STRUCT && i < type->member_count; i++)
        if (strcmp(type->members[i].name, name) == 0) return &type->members[i];
    return NULL;
}

static enum sl_code set_node(struct hasher *h, struct node *node, const struct ArrowSchema *schema,
                             const struct ArrowArrayView *view, const struct sl_type *type,
                             struct sl_error *error);

/* Members in the order of what stands for their names, whatever their order in the batch. */
static enum sl_code set_members(struct hasher *h, struct node *node,
                                const struct ArrowSchema *schema, const struct ArrowArrayView *view,
                                const struct sl_type *type, struct sl_error *error)
{
    for (int64_t i = 0; i < schema->n_children; i++) {
        const char *name = sl_view_name(schema->children[i]);
        const struct sl_member *member = member_named(type, name);
        struct node child = {.name = siphash(h, name, strlen(name)).a};
        size_t at = node->child_count;

        if (member && member->fleeting) continue;
        enum sl_code rc = set_node(h, &child, schema->children[i], view->children[i],
                                   member ? &member->type : NULL, error);
        if (rc) return rc;
        for (; at > 0 && node->children[at - 1].name > child.name; at--)
            node->children[at] = node->children[at - 1];
        node->children[at] = child;
        node->child_count++;
    }
    return SL_OK;
}

static enum sl_code set_children(struct hasher *h, struct node *node,
                                 const struct ArrowSchema *schema,
                                 const struct ArrowArrayView *view, const struct sl_type *type,
                                 struct sl_error *error)
{
    const struct sl_type *item = type && type->member_count ? &type->members[0].type : NULL;
    size_t most = node->tag == TAG_MAP ? 2 : (size_t)schema->n_children;
    enum sl_code rc;

    node->children = SL_ARENA_ARRAY(&h->nodes, struct node, most ? most : 1);
    if (!node->children)
        return sl_fail(error, SL_NO_MEMORY, "no memory to compare column '%s'",
                       sl_view_name(schema));
    if (node->tag == TAG_STRUCT) return set_members(h, node, schema, view, type, error);
    if (node->tag == TAG_LIST) {
        node->child_count = 1;
        return set_node(h, &node->children[0], schema->children[0], view->children[0], item, error);
    }
    node->child_count = 2; /* entries: a struct that is never NULL */
    schema = schema->children[0];
    view = view->children[0];
    rc = set_node(h, &node->children[0], schema->children[0], view->children[0], NULL, error);
    if (rc) return rc;
    return set_node(h, &node->children[1], schema->children[1], view->children[1], item, error);
}

static enum sl_code set_node(struct hasher *h, struct node *node, const struct ArrowSchema *schema,
                             const struct ArrowArrayView *view, const struct sl_type *type,
                             struct sl_error *error)
{
    struct ArrowSchemaView kind;
    struct ArrowError why = {{0}};

    if (ArrowSchemaViewInit(&kind, schema, &why) != NANOARROW_OK)
        return sl_fail(error, SL_BUG, "could not read the type of column '%s': %s",
                       sl_view_name(schema), why.message);
    if (schema->dictionary || !set_tag(node, &kind))
        return sl_fail(error, SL_UNSUPPORTED, "column '%s' cannot be compared: its type is '%s'",
                       sl_view_name(schema), schema->format);
    node->type = kind.type;
    node->wide = kind.type == NANOARROW_TYPE_LARGE_STRING ||
                 kind.type == NANOARROW_TYPE_LARGE_BINARY || kind.type == NANOARROW_TYPE_LARGE_LIST;
    node->view = view;
    node->valid = view->buffer_views[0].data.as_uint8;
    node->offsets = view->buffer_views[1].data.data;
    node->values =
        view->buffer_views[node->tag == TAG_TEXT || node->tag == TAG_BINARY ? 2 : 1].data.data;
    if (node->tag == TAG_LIST || node->tag == TAG_STRUCT || node->tag == TAG_MAP)
        return set_children(h, node, schema, view, type, error);
    return SL_OK;
}

/* ------------------------------------------------------------------ values into bytes */

/* Where `len` more bytes go, or NULL. */
static unsigned char *room(struct hasher *h, size_t len)
{
    if (h->cap - h->len < len) {
        size_t cap = h->cap ? h->cap : 256;

        while (cap - h->len < len && cap <= SIZE_MAX / 4) cap *= 2;
        unsigned char *bytes = h->failed || cap - h->len < len ? NULL : sl_realloc(h->bytes, cap);
        if (!bytes) {
            h->failed = true;
            return NULL;
        }
        h->bytes = bytes;
        h->cap = cap;
    }
    h->len += len;
    return h->bytes + h->len - len;
}

static void put_byte(struct hasher *h, unsigned char byte)
{
    unsigned char *to = room(h, 1);

    if (to) *to = byte;
}

static void put_word(struct hasher *h, uint64_t word)
{
    unsigned char *to = room(h, 8);

    if (to) memcpy(to, &word, 8);
}

static void put_tagged(struct hasher *h, enum tag tag, const void *bytes, size_t len)
{
    unsigned char *to = room(h, 1 + len);

    if (!to) return;
    *to = (unsigned char)tag;
    memcpy(to + 1, bytes, len);
}

/* A tag and a length in one word. */
static uint64_t counted(enum tag tag, uint64_t count)
{
    return count << 8 | (unsigned char)tag;
}

static void put_integer(struct hasher *h, const struct node *node, int64_t row)
{
    int64_t number;

    switch (node->type) {
    case NANOARROW_TYPE_INT64:
    case NANOARROW_TYPE_TIMESTAMP: number = ((const int64_t *)node->values)[row]; break;
    case NANOARROW_TYPE_INT32:
    case NANOARROW_TYPE_DATE32: number = ((const int32_t *)node->values)[row]; break;
    case NANOARROW_TYPE_INT16: number = ((const int16_t *)node->values)[row]; break;
    case NANOARROW_TYPE_INT8: number = ((const int8_t *)node->values)[row]; break;
    default: number = ArrowBitGet(node->values, row); break;
    }
    put_tagged(h, TAG_INTEGER, &number, 8);
}

static void put_double(struct hasher *h, const struct node *node, int64_t row)
{
    double number = node->type == NANOARROW_TYPE_FLOAT ? (double)((const float *)node->values)[row]
                                                       : ((const double *)node->values)[row];

    if (isnan(number)) number = (double)NAN; /* all of them are one value */
    if (number == 0) number = 0;             /* and so are both zeros */
    put_tagged(h, TAG_DOUBLE, &number, 8);
}

static void put_text(struct hasher *h, const struct node *node, int64_t row)
{
    const char *from;
    size_t len;

    if (node->type == NANOARROW_TYPE_STRING_VIEW || node->type == NANOARROW_TYPE_BINARY_VIEW) {
        struct ArrowBufferView view =
            ArrowArrayViewGetBytesUnsafe(node->view, row - node->view->offset);
        from = view.data.as_char;
        len = (size_t)view.size_bytes;
    } else if (node->wide) {
        const int64_t *offsets = node->offsets;
        from = (const char *)node->values + offsets[row];
        len = (size_t)(offsets[row + 1] - offsets[row]);
    } else {
        const int32_t *offsets = node->offsets;
        from = (const char *)node->values + offsets[row];
        len = (size_t)(offsets[row + 1] - offsets[row]);
    }

    uint64_t word = counted(node->tag, len);
    unsigned char *to = room(h, 8 + len);
    if (!to) return;
    memcpy(to, &word, 8);
    if (len > 0) memcpy(to + 8, from, len); /* an empty value may have no address */
}

static void put_value(struct hasher *h, const struct node *node, int64_t i);

static bool is_null(const struct node *node, int64_t i)
{
    return node->valid && !ArrowBitGet(node->valid, node->view->offset + i);
}

static void put_struct(struct hasher *h, const struct node *node, int64_t row)
{
    size_t head = h->len, members = 0;
    uint64_t word;

    put_word(h, 0);
    for (size_t c = 0; c < node->child_count; c++) {
        if (is_null(&node->children[c], row)) continue;
        members++;
        put_word(h, node->children[c].name);
        put_value(h, &node->children[c], row);
    }
    word = counted(TAG_STRUCT, members);
    if (!h->failed) memcpy(h->bytes + head, &word, 8);
}

/* The rows of the children that entry `row` of a list or map has. */
static void range_of(const struct node *node, int64_t row, int64_t *from, int64_t *to)
{
    if (node->wide) {
        *from = ((const int64_t *)node->offsets)[row];
        *to = ((const int64_t *)node->offsets)[row + 1];
    } else {
        *from = ((const int32_t *)node->offsets)[row];
        *to = ((const int32_t *)node->offsets)[row + 1];
    }
}

static void put_list(struct hasher *h, const struct node *node, int64_t row)
{
    int64_t from, to;

    range_of(node, row, &from, &to);
    put_word(h, counted(TAG_LIST, (uint64_t)(to - from)));
    for (int64_t i = from; i < to && !h->failed; i++) put_value(h, &node->children[0], i);
}

/* Each entry is hashed by itself, behind what the row has so far. */
static void put_map(struct hasher *h, const struct node *node, int64_t row)
{
    struct sl_key128 sum = {0}, entry;
    int64_t shift = node->view->children[0]->offset, from, to;

    range_of(node, row, &from, &to);
    for (int64_t i = from; i < to; i++) {
        size_t head = h->len;

        put_value(h, &node->children[0], shift + i);
        put_value(h, &node->children[1], shift + i);
        if (h->failed) return;
        entry = siphash(h, h->bytes + head, h->len - head);
        sum.a += entry.a;
        sum.b += entry.b;
        h->len = head;
    }
    put_word(h, counted(TAG_MAP, (uint64_t)(to - from)));
    put_word(h, sum.a);
    put_word(h, sum.b);
}

/* i: as the parent counts; the rows of buffers begin at the view's offset. */
static void put_value(struct hasher *h, const struct node *node, int64_t i)
{
    int64_t row = node->view->offset + i;

    if (node->valid && !ArrowBitGet(node->valid, row)) {
        put_byte(h, TAG_NULL);
        return;
    }
    switch (node->tag) {
    case TAG_INTEGER: put_integer(h, node, row); break;
    case TAG_DOUBLE: put_double(h, node, row); break;
    case TAG_DECIMAL:
        put_tagged(h, TAG_DECIMAL, (const unsigned char *)node->values + 16 * row, 16);
        break;
    case TAG_TEXT:
    case TAG_BINARY: put_text(h, node, row); break;
    case TAG_LIST: put_list(h, node, row); break;
    case TAG_STRUCT: put_struct(h, node, row); break;
    case TAG_MAP: put_map(h, node, row); break;
    case TAG_NULL: break; /* no column has it */
    }
}

/* ------------------------------------------------------------------ rows */

/* Column i of the batch as a node; its view is kept with it. */
struct reading {
    struct ArrowArrayView view;
    struct node node;
};

static enum sl_code read_columns(struct hasher *h, const struct ArrowSchema *schema,
                                 const struct ArrowArray *batch,
                                 const struct sl_hashed_column *columns, size_t count,
                                 struct reading *out, size_t *opened, struct sl_error *error)
{
    for (*opened = 0; *opened < count; (*opened)++) {
        struct reading *reading = &out[*opened];
        const struct sl_hashed_column *column = &columns[*opened];
        enum sl_code rc = sl_view_column(schema, batch, column->child, &reading->view, error);

        if (rc) return rc;
        rc = set_node(h, &reading->node, schema->children[column->child], &reading->view,
                      column->type, error);
        if (rc) {
            ArrowArrayViewReset(&reading->view);
            return rc;
        }
    }
    return SL_OK;
}

/* One of wide and narrow is given. */
static enum sl_code hash_all(struct hasher *h, const struct reading *columns, size_t count,
                             int64_t offset, int64_t length, struct sl_key128 *wide,
                             uint64_t *narrow, struct sl_error *error)
{
    for (int64_t i = 0; i < length; i++) {
        h->len = 0;
        for (size_t c = 0; c < count; c++) put_value(h, &columns[c].node, offset + i);
        if (h->failed) return sl_fail(error, SL_NO_MEMORY, "no memory to compare rows");

        struct sl_key128 hash = siphash(h, h->bytes, h->len);
        if (wide)
            wide[i] = hash;
        else
            narrow[i] = hash.a;
    }
    return SL_OK;
}

static enum sl_code hash_batch(const struct sl_hash_key *secret, const struct ArrowSchema *schema,
                               const struct ArrowArray *batch,
                               const struct sl_hashed_column *columns, size_t count,
                               struct sl_key128 *wide, uint64_t *narrow, struct sl_error *error)
{
    struct hasher h = {.secret = secret};
    struct reading *readings = sl_calloc(count ? count : 1, sizeof *readings);
    size_t opened = 0;
    enum sl_code rc;

    if (!readings) return sl_fail(error, SL_NO_MEMORY, "no memory to compare rows");
    rc = read_columns(&h, schema, batch, columns, count, readings, &opened, error);
    if (!rc && !room(&h, 256)) rc = sl_fail(error, SL_NO_MEMORY, "no memory to compare rows");
    if (!rc) rc = hash_all(&h, readings, count, batch->offset, batch->length, wide, narrow, error);
    while (opened > 0) ArrowArrayViewReset(&readings[--opened].view);
    sl_free(readings);
    sl_free(h.bytes);
    sl_arena_release(&h.nodes);
    return rc;
}

enum sl_code sl_hash_keys(const struct sl_hash_key *secret, const struct ArrowSchema *schema,
                          const struct ArrowArray *batch, const size_t *columns, size_t count,
                          struct sl_key128 *out, struct sl_error *error)
{
    struct sl_hashed_column *hashed = sl_calloc(count ? count : 1, sizeof *hashed);
    enum sl_code rc = SL_OK;

    if (!hashed) return sl_fail(error, SL_NO_MEMORY, "no memory to compare keys");
    for (size_t i = 0; !rc && i < count; i++) {
        const struct ArrowSchema *column =
            columns[i] < (size_t)schema->n_children ? schema->children[columns[i]] : NULL;

        hashed[i].child = columns[i];
        if (column && column->format[0] == '+')
            rc = sl_fail(error, SL_UNSUPPORTED, "column '%s' cannot be a key: its type is '%s'",
                         sl_view_name(column), column->format);
    }
    if (!rc) rc = hash_batch(secret, schema, batch, hashed, count, out, NULL, error);
    sl_free(hashed);
    return rc;
}

enum sl_code sl_hash_rows(const struct sl_hash_key *secret, const struct ArrowSchema *schema,
                          const struct ArrowArray *batch, const struct sl_hashed_column *columns,
                          size_t count, uint64_t *out, struct sl_error *error)
{
    return hash_batch(secret, schema, batch, columns, count, NULL, out, error);
}
