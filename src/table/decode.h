/*
 * decode.h: one JSON value into one slot of a column. The rules are the table in docs/types.md.
 */
#ifndef SL_DECODE_H
#define SL_DECODE_H

#include "base/buf.h"
#include "json/doc.h"
#include "table/batch.h"
#include "table/cells.h"

/* How a value went in. Exactly one slot was added unless it is below 0. */
enum sl_fit {
    SL_FIT_NO_MEMORY = -2,
    SL_FIT_TOO_LARGE = -1, /* a batch holds at most 2 GiB of a column: nothing more fits */
    SL_FIT = 0,
    SL_FIT_RESCUE = 1, /* 1 + enum sl_rescue: raw value to be kept; the slot holds NULL, the
                              nearest value, or what of it did fit */
};

struct sl_decoder {
    enum sl_special (*special)(const struct sl_json *object, double *number); /* or NULL */
    const struct sl_doc *doc; /* of the values, for bad strings; or NULL */
    bool bads;                /* it has some */
    struct sl_doc *text_doc;  /* constants that are JSON; made when first needed */
    struct sl_buf scratch;
    size_t bytes; /* of all text that was stored */
};

/* The values that follow are of this document; may be NULL. */
void sl_decoder_read(struct sl_decoder *decoder, const struct sl_doc *doc);
int sl_decode(struct sl_decoder *decoder, struct sl_cells *cells, const struct sl_json *value);
/* A constant: the text of a value of the column's type. NULL: NULL. */
int sl_decode_text(struct sl_decoder *decoder, struct sl_cells *cells, const char *text);
void sl_decoder_release(struct sl_decoder *decoder); /* safe on {0} */

#endif
