/*
 * internal.h: what the files of src/json share.
 */
#ifndef SL_JSON_INTERNAL_H
#define SL_JSON_INTERNAL_H

#include "base/buf.h"
#include "json/doc.h"

#include <yyjson.h>

/* A string that was made valid. Offsets are those of its first byte behind the opening quote, and
 * of its closing quote. */
struct sl_bad {
    size_t at, end;           /* in doc->text */
    size_t from_at, from_end; /* in the text as received */
    size_t raw, raw_len;      /* in doc->raws */
};

/*
 * (1) parsed is NULL, or a document whose strings and numbers lie in text and whose values lie in
 *     values.
 * (2) bads are in the order of their places.
 */
struct sl_doc {
    size_t bytes_max;
    struct sl_buf text; /* the copy that yyjson changes in place */
    void *values;       /* the one block that yyjson asks for; kept from document to document */
    size_t values_size, values_max;
    bool values_full; /* values_max was met */
    yyjson_doc *parsed;
    struct sl_bad *bads;
    size_t bads_count, bads_size;
    struct sl_buf raws;
};

/* repair.c: fills doc->text with text, its strings made valid, and doc->bads and doc->raws with
 * what was changed. The text may be anything. */
SL_MUST_USE enum sl_code sl_doc_repair(struct sl_doc *doc, const char *text, size_t len,
                                       struct sl_error *error);

/* complain.c: the errors of a text that is not JSON. pos: a byte offset in the text as received. */
enum sl_code sl_doc_complain(const char *text, size_t len, size_t pos, const yyjson_read_err *why,
                             struct sl_error *error);
/* Is text deeper than SL_DOC_DEPTH_MAX? Then *pos is where. Any text will do. */
bool sl_doc_too_deep(const char *text, size_t len, size_t *pos);
enum sl_code sl_doc_complain_depth(const char *text, size_t pos, struct sl_error *error);

#endif
