#include "table/keys.h"

#include <math.h>
#include <string.h>

#include <nanoarrow/nanoarrow.h>

#include "base/alloc.h"

/*
 * The hash multiplies 64 by 64 bits and folds the halves. It is seeded per kind of value, so that
 * the text "1" and the number 1 differ; the width of an integer has no part in it, so that a column
 * that comes back from a file as int32 hashes like the int64 that was written.
 */
#define SEED_NULL UINT64_C(0x9E3779B97F4A7C15)
#define SEED_TEXT UINT64_C(0xBF58476D1CE4E5B9)
#define SEED_INTEGER UINT64_C(0x94D049BB133111EB)
#define SEED_DOUBLE UINT64_C(0xD6E8FEB86659FD93)
#define SEED_DECIMAL UINT64_C(0xA0761D6478BD642F)
#define SEED_BINARY UINT64_C(0xE7037ED1A0B428DB)

static uint64_t mix(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)(a ^ UINT64_C(0x2545F4914F6CDD1D)) * (b ^ UINT64_C(0x9FB21C651E98DF25));

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_bytes(uint64_t seed, const void *bytes, size_t len)
{
    const unsigned char *p = bytes;
    uint64_t hash = mix(seed, len), word;

    for (; len >= 8; len -= 8, p += 8) {
        memcpy(&word, p, 8);
        hash = mix(hash, word);
    }
    word = 0;
    if (len > 0) /* an empty value may have no address */
        memcpy(&word, p, len);
    return mix(hash, word);
}

static uint64_t hash_double(double number)
{
    uint64_t bits;

    if (isnan(number)) number = (double)NAN; /* all of them are one key */
    if (number == 0) number = 0;             /* and so are both zeros */
    memcpy(&bits, &number, 8);
    return mix(SEED_DOUBLE, bits);
}

static uint64_t hash_decimal(const struct ArrowSchemaView *type, const struct ArrowArrayView *view,
                             int64_t row)
{
    struct ArrowDecimal decimal;

    ArrowDecimalInit(&decimal, 128, type->decimal_precision, type->decimal_scale);
    ArrowArrayViewGetDecimalUnsafe(view, row, &decimal);
    return hash_bytes(SEED_DECIMAL, decimal.words, 16);
}

/* The hash of one value that is not NULL. False: a type that no key has. */
static bool hash_value(const struct ArrowSchemaView *type, const struct ArrowArrayView *view,
                       int64_t row, uint64_t *out)
{
    struct ArrowStringView text;

    switch (type->type) {
    case NANOARROW_TYPE_STRING:
    case NANOARROW_TYPE_LARGE_STRING:
    case NANOARROW_TYPE_STRING_VIEW:
        text = ArrowArrayViewGetStringUnsafe(view, row);
        *out = hash_bytes(SEED_TEXT, text.data, (size_t)text.size_bytes);
        return true;
    case NANOARROW_TYPE_BINARY:
    case NANOARROW_TYPE_LARGE_BINARY:
    case NANOARROW_TYPE_BINARY_VIEW:
        text = ArrowArrayViewGetStringUnsafe(view, row);
        *out = hash_bytes(SEED_BINARY, text.data, (size_t)text.size_bytes);
        return true;
    case NANOARROW_TYPE_BOOL:
    case NANOARROW_TYPE_INT8:
    case NANOARROW_TYPE_INT16:
    case NANOARROW_TYPE_INT32:
    case NANOARROW_TYPE_INT64:
    case NANOARROW_TYPE_DATE32:
        *out = mix(SEED_INTEGER, (uint64_t)ArrowArrayViewGetIntUnsafe(view, row));
        return true;
    case NANOARROW_TYPE_TIMESTAMP:
        if (type->time_unit != NANOARROW_TIME_UNIT_MICRO) return false;
        *out = mix(SEED_INTEGER, (uint64_t)ArrowArrayViewGetIntUnsafe(view, row));
        return true;
    case NANOARROW_TYPE_FLOAT:
    case NANOARROW_TYPE_DOUBLE:
        *out = hash_double(ArrowArrayViewGetDoubleUnsafe(view, row));
        return true;
    case NANOARROW_TYPE_DECIMAL128: *out = hash_decimal(type, view, row); return true;
    default: return false;
    }
}

static enum sl_code hash_column(const struct ArrowSchema *schema, const struct ArrowArrayView *view,
                                int64_t offset, int64_t length, uint64_t *out,
                                struct sl_error *error)
{
    struct ArrowSchemaView type;
    struct ArrowError why = {{0}};

    if (ArrowSchemaViewInit(&type, schema, &why) != NANOARROW_OK)
        return sl_fail(error, SL_BUG, "could not read a key column: %s", why.message);
    for (int64_t i = 0; i < length; i++) {
        uint64_t hash = SEED_NULL;

        if (!ArrowArrayViewIsNull(view, offset + i) && !hash_value(&type, view, offset + i, &hash))
            return sl_fail(error, SL_UNSUPPORTED, "column '%s' cannot be a key: its type is '%s'",
                           schema->name ? schema->name : "", schema->format);
        out[i] = mix(out[i], hash);
    }
    return SL_OK;
}

enum sl_code sl_keys_hash(const struct ArrowSchema *schema, const struct ArrowArray *batch,
                          const size_t *columns, size_t count, uint64_t *out,
                          struct sl_error *error)
{
    struct ArrowArrayView view;
    struct ArrowError why = {{0}};
    enum sl_code rc = SL_OK;

    if (ArrowArrayViewInitFromSchema(&view, schema, &why) != NANOARROW_OK)
        return sl_fail(error, SL_BUG, "could not read the keys of a batch: %s", why.message);
    if (ArrowArrayViewSetArray(&view, batch, &why) != NANOARROW_OK) {
        rc = sl_fail(error, SL_BUG, "could not read the keys of a batch: %s", why.message);
        goto out;
    }
    for (int64_t i = 0; i < batch->length; i++) out[i] = count;
    for (size_t c = 0; c < count; c++) {
        if (columns[c] >= (size_t)schema->n_children) {
            rc = sl_fail(error, SL_BUG, "a batch has no column %zu for its key", columns[c]);
            goto out;
        }
        rc = hash_column(schema->children[columns[c]], view.children[columns[c]], batch->offset,
                         batch->length, out, error);
        if (rc) goto out;
    }

out:
    ArrowArrayViewReset(&view);
    return rc;
}
