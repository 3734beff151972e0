#include "json/doc.h"

#include "base/alloc.h"
#include "json/internal.h"
#include "json/node.h"

#include <assert.h>
#include <string.h>

#define VALUES_SPARE ((size_t)64 << 10)

/* ------------------------------------------------------------------ memory for yyjson */

/* yyjson asks for one block, may let it grow, and gives it back when parsing fails. */
static void *values_resize(struct sl_doc *doc, size_t size)
{
    if (size <= doc->values_size) return doc->values;
    if (size > doc->values_max) {
        doc->values_full = true;
        return NULL;
    }
    void *values = sl_realloc(doc->values, size);
    if (!values) return NULL;
    doc->values = values;
    doc->values_size = size;
    return values;
}

static void *values_alloc(void *ctx, size_t size)
{
    return values_resize(ctx, size);
}

static void *values_realloc(void *ctx, void *values, size_t old_size, size_t size)
{
    struct sl_doc *doc = ctx;

    (void)old_size;
    (void)values; /* only asserted */
    assert(values == doc->values);
    return values_resize(doc, size);
}

static void values_free(void *ctx, void *values)
{
    (void)ctx;
    (void)values; /* kept for the next document */
}

struct sl_doc *sl_doc_new(size_t bytes_max)
{
    struct sl_doc *doc = sl_calloc(1, sizeof *doc);

    if (!doc) return NULL;
    doc->bytes_max = bytes_max ? bytes_max : SL_DOC_BYTES_DEFAULT;
    if (doc->bytes_max > SIZE_MAX / 64)
        doc->bytes_max = SIZE_MAX / 64; /* so that sizes cannot overflow */
    /* three times: a repair makes three bytes of a bad one, and four of it in raws */
    sl_buf_init(&doc->text, 3 * doc->bytes_max + SL_DOC_PADDING);
    sl_buf_init(&doc->raws, 4 * doc->bytes_max + SL_DOC_BAD_STRINGS_MAX);
    return doc;
}

void sl_doc_free(struct sl_doc *doc)
{
    if (!doc) return;
    sl_buf_release(&doc->text);
    sl_buf_release(&doc->raws);
    sl_free(doc->values);
    sl_free(doc->bads);
    sl_free(doc);
}

/* ------------------------------------------------------------------ parsing */

/* Depth changes only at a container that is not empty, and a container knows where it ends. */
static bool is_too_deep(const yyjson_doc *parsed)
{
    const struct sl_json *at = sl_node_of(parsed->root), *ends[SL_DOC_DEPTH_MAX];
    const struct sl_json *end = sl_node_of(parsed->root + parsed->val_read);
    size_t depth = 0;

    for (; at != end; at = sl_node_value(at)) { /* the next value in memory */
        if (!sl_node_is_container(at)) continue;
        while (depth > 0 && at >= ends[depth - 1]) depth--;
        if (depth == SL_DOC_DEPTH_MAX) return true;
        ends[depth++] = sl_node_after(at);
    }
    return false;
}

/* Where a byte of doc->text was in the text as received. Within a repaired string: its start. */
static size_t original_pos(const struct sl_doc *doc, size_t pos)
{
    for (size_t i = doc->bads_count; i-- > 0;) {
        const struct sl_bad *bad = &doc->bads[i];

        if (pos >= bad->end) return pos - bad->end + bad->from_end;
        if (pos >= bad->at) return bad->from_at;
    }
    return pos;
}

static bool parse_once(struct sl_doc *doc, yyjson_read_err *why)
{
    const yyjson_alc alc = {values_alloc, values_realloc, values_free, doc};

    doc->values_full = false;
    doc->parsed = yyjson_read_opts(doc->text.data, doc->text.len,
                                   YYJSON_READ_INSITU | YYJSON_READ_NUMBER_AS_RAW, &alc, why);
    return doc->parsed != NULL;
}

static enum sl_code fill_text(struct sl_doc *doc, const char *text, size_t len,
                              struct sl_error *error)
{
    if (!sl_buf_reserve(&doc->text, len + SL_DOC_PADDING))
        return sl_fail(error, SL_NO_MEMORY, "could not keep %zu bytes of JSON", len);
    sl_buf_add(&doc->text, text, len);
    memset(doc->text.data + len, 0, SL_DOC_PADDING);
    return SL_OK;
}

static enum sl_code parse_failure(struct sl_doc *doc, const char *text, size_t len,
                                  const yyjson_read_err *why, struct sl_error *error)
{
    size_t deep;

    if (why->code == YYJSON_READ_ERROR_MEMORY_ALLOCATION && !doc->values_full)
        return sl_fail(error, SL_NO_MEMORY, "could not hold the values of %zu bytes of JSON", len);
    if (sl_doc_too_deep(text, len, &deep)) return sl_doc_complain_depth(text, deep, error);
    if (why->code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
        return sl_fail(error, SL_TOO_LARGE, "%zu bytes of JSON have too many values", len);
    return sl_doc_complain(text, len, original_pos(doc, why->pos), why, error);
}

static void forget_document(struct sl_doc *doc)
{
    doc->parsed = NULL;
    doc->bads_count = 0;
    sl_buf_reset(&doc->text);
    sl_buf_reset(&doc->raws);
}

/* Is there anything but blanks? */
static bool is_blank(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] != ' ' && text[i] != '\t' && text[i] != '\n' && text[i] != '\r') return false;
    return true;
}

enum sl_code sl_doc_parse(struct sl_doc *doc, const char *text, size_t len,
                          const struct sl_json **root, struct sl_error *error)
{
    yyjson_read_err why = {0};
    enum sl_code rc;

    *root = NULL;
    forget_document(doc);
    if (len > doc->bytes_max)
        return sl_fail(error, SL_TOO_LARGE, "%zu bytes of JSON are more than the limit of %zu", len,
                       doc->bytes_max);
    if (len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) { /* byte order mark */
        text += 3;
        len -= 3;
    }
    if (is_blank(text, len)) return sl_fail(error, SL_BAD_DATA, "not JSON: there is no text");
    doc->values_max = len * SL_DOC_VALUES_FACTOR + VALUES_SPARE;

    rc = fill_text(doc, text, len, error);
    if (rc) return rc;
    if (!parse_once(doc, &why) && why.code == YYJSON_READ_ERROR_INVALID_STRING) {
        rc = sl_doc_repair(doc, text, len, error);
        if (!rc && doc->bads_count > 0) parse_once(doc, &why);
    }
    if (!rc && !doc->parsed) rc = parse_failure(doc, text, len, &why, error);
    if (!rc && is_too_deep(doc->parsed)) {
        size_t deep = 0;

        (void)sl_doc_too_deep(text, len, &deep);
        rc = sl_doc_complain_depth(text, deep, error);
    }
    if (rc) {
        forget_document(doc);
        return rc;
    }
    *root = sl_node_of(doc->parsed->root);
    return SL_OK;
}

/* ------------------------------------------------------------------ bad strings */

size_t sl_doc_bad_count(const struct sl_doc *doc)
{
    return doc ? doc->bads_count : 0;
}

const char *sl_doc_bad_string(const struct sl_doc *doc, const struct sl_json *value, size_t *len)
{
    size_t low = 0, high = sl_doc_bad_count(doc);

    if (high == 0 || !value || sl_node_kind(value) != SL_JSON_STRING) return NULL;

    size_t at = (size_t)((uintptr_t)sl_node_text(value) - (uintptr_t)doc->text.data);
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (doc->bads[middle].at < at)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == doc->bads_count || doc->bads[low].at != at) return NULL;
    *len = doc->bads[low].raw_len;
    return doc->raws.data + doc->bads[low].raw;
}
