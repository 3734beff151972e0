/*
 * Any bytes: an error with a message, or a document whose walk, whose writing and whose second
 * reading agree.
 */
#include "base/alloc.h"
#include "base/buf.h"
#include "json/doc.h"
#include "json/node.h"
#include "json/utf8.h"
#include "json/write.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool truth)
{
    if (!truth) abort();
}

static void check_utf8(const char *text, size_t len)
{
    check(text[len] == '\0');
    for (size_t at = 0; at < len;) {
        size_t char_len = sl_utf8_char(text + at, len - at);

        check(char_len > 0);
        at += char_len;
    }
}

static void check_number(const struct sl_json *value)
{
    const char *text = sl_json_number_text(value);
    int64_t integer;
    double number;

    check_utf8(text, sl_node_len(value));
    check(sl_json_double(value, &number) && !isnan(number));
    if (sl_json_i64(value, &integer)) /* then the nearest double of both is the same */
        check(number == (double)integer);
}

static size_t check_value(const struct sl_doc *doc, const struct sl_json *value, size_t depth)
{
    size_t bad_len, bads = 0;
    const char *raw = sl_doc_bad_string(doc, value, &bad_len);

    check(depth <= SL_DOC_DEPTH_MAX + 1);
    if (raw) {
        check(bad_len > 0);
        check_utf8(raw, bad_len);
        bads++;
    }
    if (sl_json_kind(value) == SL_JSON_STRING)
        check_utf8(sl_json_str(value), sl_json_str_len(value));
    if (sl_json_kind(value) == SL_JSON_NUMBER) check_number(value);

    size_t left = sl_json_len(value);
    for (struct sl_json_each e = sl_json_each(value); sl_json_next(&e); left--) {
        if (e.key) bads += check_value(doc, e.key, depth + 1);
        bads += check_value(doc, e.value, depth + 1);
    }
    check(left == 0);
    return bads;
}

static void check_document(struct sl_doc *doc, const struct sl_json *root)
{
    struct sl_buf first = {0}, second = {0};
    struct sl_error error;
    const struct sl_json *again;

    check(check_value(doc, root, 1) == sl_doc_bad_count(doc));
    sl_write_value(&first, root);
    check(!sl_buf_failed(&first));
    check_utf8(sl_buf_str(&first), first.len);

    check(sl_doc_parse(doc, first.data, first.len, &again, &error) == SL_OK);
    check(sl_doc_bad_count(doc) == 0);
    sl_write_value(&second, again);
    check(second.len == first.len && memcmp(second.data, first.data, first.len) == 0);
    sl_buf_release(&first);
    sl_buf_release(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sl_doc *doc = sl_doc_new((size_t)1 << 20);
    const struct sl_json *root;
    struct sl_error error = {0};

    check(doc != NULL);
    enum sl_code rc = sl_doc_parse(doc, (const char *)data, size, &root, &error);
    if (rc == SL_OK) {
        check(root != NULL);
        check_document(doc, root);
    } else {
        check(root == NULL && error.code == rc && error.message[0] != '\0');
        check_utf8(error.message, strlen(error.message));
    }
    sl_doc_free(doc);
    check(sl_alloc_live() == 0);
    return 0;
}
