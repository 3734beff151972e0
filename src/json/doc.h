/*
 * doc.h: JSON text becomes a document. The values are read with <sluice/json.h>.
 *
 * One document parser is kept per consumer and used again for page after page: its memory is
 * reused. Parsing is in place: the text is used up.
 */
#ifndef SL_DOC_H
#define SL_DOC_H

#include <sluice/error.h>
#include <sluice/json.h>

struct sl_doc; /* a reusable parser and its newest document */

/* bytes_max: the longest text accepted (0: 64 MiB). NULL: no memory. */
struct sl_doc *sl_doc_new(size_t bytes_max);
void sl_doc_free(struct sl_doc *doc); /* NULL is fine */

/*
 * Parses text[0..len). The text must be writable, is changed, must live as long as the document,
 * and needs SL_DOC_PADDING spare bytes behind len. The document before it becomes invalid.
 * Depth is limited (SL_DOC_DEPTH_MAX); a bad escape (lone surrogate) costs one string, not the
 * document; duplicate keys are kept as they come.
 *
 * SL_BAD_DATA  not JSON: message with line, column, byte position and what was found there
 * SL_TOO_LARGE longer than bytes_max
 */
#define SL_DOC_PADDING 8
#define SL_DOC_DEPTH_MAX 256
SL_MUST_USE enum sl_code sl_doc_parse(struct sl_doc *doc, char *text, size_t len,
                                      const struct sl_json **root, struct sl_error *error);
/* The same from text that must not change; it is copied. */
SL_MUST_USE enum sl_code sl_doc_parse_copy(struct sl_doc *doc, const char *text, size_t len,
                                           const struct sl_json **root, struct sl_error *error);

/* The raw text of a string that held a bad escape (without its quotes), or NULL for any other.
 * Only for values of this document. */
const char *sl_doc_bad_string(const struct sl_doc *doc, const struct sl_json *value, size_t *len);

#endif
