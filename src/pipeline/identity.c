/* identity.c: what a flow is called, whatever the home, the machine and the names of the day. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "pipeline/flow.h"

/*
 * RFC 9562 version 8 (custom): the first 16 bytes of BLAKE2b over the parts, each behind its
 * length, with the version and variant bits set. Version 5 would want SHA-1.
 */
void sl_flow_id(const char *connector, const char *account, const char *table,
                char out[SL_FLOW_ID_MAX])
{
    const char *const parts[] = {"sluice flow 1", connector, account ? account : "", table};
    crypto_generichash_state state;
    unsigned char h[16];

    crypto_generichash_init(&state, NULL, 0, sizeof h);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        unsigned char len[4];
        size_t n = strlen(parts[i]);
        for (int b = 0; b < 4; b++) len[b] = (unsigned char)(n >> (8 * b));
        crypto_generichash_update(&state, len, sizeof len);
        crypto_generichash_update(&state, (const unsigned char *)parts[i], n);
    }
    crypto_generichash_final(&state, h, sizeof h);
    h[6] = (unsigned char)((h[6] & 0x0f) | 0x80);
    h[8] = (unsigned char)((h[8] & 0x3f) | 0x80);
    snprintf(out, SL_FLOW_ID_MAX,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", h[0], h[1],
             h[2], h[3], h[4], h[5], h[6], h[7], h[8], h[9], h[10], h[11], h[12], h[13], h[14],
             h[15]);
}
