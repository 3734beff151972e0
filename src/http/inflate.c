#include "http/inflate.h"

#include <isa-l/igzip_lib.h>

#include <limits.h>
#include <string.h>

#include "base/alloc.h"

struct sl_inflate {
    struct inflate_state state;
    bool between; /* members: the last one ended, or none has begun */
    bool any;     /* member ended */
};

struct sl_inflate *sl_inflate_new(void)
{
    struct sl_inflate *inflate = sl_alloc(sizeof *inflate);

    if (inflate) sl_inflate_reset(inflate);
    return inflate;
}

void sl_inflate_free(struct sl_inflate *inflate)
{
    sl_free(inflate);
}

static void member_begins(struct sl_inflate *inflate)
{
    isal_inflate_init(&inflate->state);
    inflate->state.crc_flag = ISAL_GZIP;
}

void sl_inflate_reset(struct sl_inflate *inflate)
{
    member_begins(inflate);
    inflate->between = true;
    inflate->any = false;
}

static const char *why(int rc)
{
    switch (rc) {
    case ISAL_INVALID_WRAPPER: return "it is not gzip";
    case ISAL_UNSUPPORTED_METHOD: return "its method of compression is unknown";
    case ISAL_INCORRECT_CHECKSUM: return "its checksum is wrong";
    default: return "its compressed data is damaged";
    }
}

enum sl_code sl_inflate_some(struct sl_inflate *inflate, const char **in, size_t *in_len, char *out,
                             size_t room, size_t *made, struct sl_error *error)
{
    struct inflate_state *state = &inflate->state;

    *made = 0;
    while (*made < room) {
        if (inflate->between) {
            if (!*in_len) break;
            member_begins(inflate);
            inflate->between = false;
        }
        size_t give = *in_len < INT_MAX ? *in_len : INT_MAX;
        size_t want = room - *made < INT_MAX ? room - *made : INT_MAX;
        state->next_in = (uint8_t *)(uintptr_t)*in; /* only read */
        state->avail_in = (uint32_t)give;
        state->next_out = (uint8_t *)out + *made;
        state->avail_out = (uint32_t)want;
        int rc = isal_inflate(state);
        size_t used = give - state->avail_in, got = want - state->avail_out;
        *in += used;
        *in_len -= used;
        *made += got;
        if (rc < 0) {
            sl_fail(error, SL_SOURCE, "the body could not be decompressed: %s", why(rc));
            error->retryable = true; /* it may have been damaged on its way */
            return SL_SOURCE;
        }
        if (state->block_state == ISAL_BLOCK_FINISH)
            inflate->between = inflate->any = true;
        else if (!used && !got)
            break;
    }
    return SL_OK;
}

bool sl_inflate_whole(const struct sl_inflate *inflate)
{
    return inflate->any && inflate->between;
}
