/*
 * inflate.h: gzip (RFC 1952) while it arrives, by ISA-L. Private to src/http.
 *
 * Several members one after the other are one stream. Checksums and lengths of the trailers are
 * checked. One struct sl_inflate is about 90 KB: keep it and use it again.
 */
#ifndef SL_INFLATE_H
#define SL_INFLATE_H

#include <sluice/error.h>

struct sl_inflate;

struct sl_inflate *sl_inflate_new(void); /* NULL: no memory */
void sl_inflate_free(struct sl_inflate *inflate);
void sl_inflate_reset(struct sl_inflate *inflate); /* a new stream begins */

/*
 * Decompresses from *in (*in_len bytes; both move on as it is used up) into out (at most room
 * bytes), and sets *made to how many came out. Stops when all input is used up and *made < room
 * (there is no more to be had yet), or when *made == room (call again with more room, even when
 * *in_len is 0).
 *
 * SL_SOURCE  not gzip, or damaged. Nothing more can be had then.
 */
SL_MUST_USE enum sl_code sl_inflate_some(struct sl_inflate *inflate, const char **in,
                                         size_t *in_len, char *out, size_t room, size_t *made,
                                         struct sl_error *error);
/* Did the stream end where the input ended: at least one member, all of them whole? */
bool sl_inflate_whole(const struct sl_inflate *inflate);

#endif
