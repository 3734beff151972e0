/*
 * Any bytes as the answer to a request for an access token, with any status (the first two bytes):
 * what is taken for a token fits into a header, and what is not given is said.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/connector.h>

#include "base/alloc.h"
#include "json/doc.h"
#include "pipeline/access.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool truth)
{
    if (!truth) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct sl_header headers[] = {{"retry-after", "7"}, {0}};
    struct sl_response response = {.headers = headers, .server_date_us = SL_NO_TIME};
    struct sl_doc *doc = sl_doc_new(0);
    struct sl_oauth_answer answer;
    struct sl_error error;

    check(doc != NULL);
    if (size < 2) size = 0;
    response.status = size ? 100 + (data[0] << 8 | data[1]) % 500 : 200;
    if (size && sl_doc_parse_copy(doc, (const char *)data + 2, size - 2, &response.json, &error))
        response.json = NULL;
    sl_oauth_read(&response, &answer);
    check(answer.status == response.status);
    if (answer.outcome == SL_OAUTH_GIVEN) {
        check(response.status >= 200 && response.status <= 299);
        check(answer.access_token && answer.access_token[0]);
        check(strlen(answer.access_token) <= SL_TOKEN_MAX);
        for (const char *c = answer.access_token; *c; c++) check(*c > ' ' && *c <= '~');
        check(!answer.refresh_token || strlen(answer.refresh_token) <= SL_TOKEN_MAX);
        check(answer.lifetime_us >= 0);
    } else {
        check(!answer.access_token);
    }
    if (answer.outcome != SL_OAUTH_AGAIN) check(answer.wait_ms == -1);
    sl_doc_free(doc);
    check(sl_alloc_live() == 0);
    return 0;
}
