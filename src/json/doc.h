/*
 * doc.h: JSON text becomes a document. The values are read with <sluice/json.h>.
 *
 * One document parser is kept per consumer and used again for page after page: its memory is
 * reused. Different parsers may be used by different threads at the same time.
 *
 * Memory: a copy of the text, and 16 bytes per value (about 3 times the text for a page of records;
 * at most SL_DOC_VALUES_FACTOR times, which text made of nothing but tiny values can reach).
 */
#ifndef SL_DOC_H
#define SL_DOC_H

#include <sluice/error.h>
#include <sluice/json.h>

struct sl_doc; /* a reusable parser and its newest document */

#define SL_DOC_PADDING 8 /* zeros that yyjson wants behind a text that it parses in place */
#define SL_DOC_BYTES_DEFAULT ((size_t)64 << 20)
#define SL_DOC_DEPTH_MAX 256
#define SL_DOC_VALUES_FACTOR 12
#define SL_DOC_BAD_STRINGS_MAX 65536

/* bytes_max: the longest text accepted (0: SL_DOC_BYTES_DEFAULT). NULL: no memory. */
struct sl_doc *sl_doc_new(size_t bytes_max);
void sl_doc_free(struct sl_doc *doc); /* NULL is fine */

/*
 * Parses text[0..len), which is copied: it need not outlive this call, and its document lives until
 * the next call. Strict JSON (RFC 8259) of any kind at its root, with one leniency: what cannot be
 * a character (a lone surrogate, bytes that are not UTF-8) becomes U+FFFD and costs one string, not
 * the document; see sl_doc_bad_string(). A byte order mark is passed over. Duplicate keys are kept
 * as they come.
 *
 * SL_BAD_DATA   not JSON: message with line, column, byte offset and what was found there; deeper
 *               than SL_DOC_DEPTH_MAX; or more than SL_DOC_BAD_STRINGS_MAX bad strings
 * SL_TOO_LARGE  longer than bytes_max
 * SL_NO_MEMORY
 * On any error *root is NULL, and there is no document.
 */
SL_MUST_USE enum sl_code sl_doc_parse(struct sl_doc *doc, const char *text, size_t len,
                                      const struct sl_json **root, struct sl_error *error);

/* The same; a name for places where it matters that the text stays as it is. */
#define sl_doc_parse_copy sl_doc_parse

/*
 * The text, as received and without its quotes, of a string (or key) that held what cannot be a
 * character; NULL for any other value. Bytes that are not UTF-8 are written \xNN in it, so that it
 * is valid UTF-8 itself. NUL-terminated; lives as long as the document.
 */
const char *sl_doc_bad_string(const struct sl_doc *doc, const struct sl_json *value, size_t *len);
/* How many such strings the document has: nearly always 0, so ask once per document. */
size_t sl_doc_bad_count(const struct sl_doc *doc);

#endif
