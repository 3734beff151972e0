/* response.c: what headers of an answer say. */
#include <sluice/connector.h>

#include <string.h>

#define RETRY_AFTER_S_MAX INT64_C(31536000) /* a year: anything longer is as good as never */

bool sl_response_number(const struct sl_response *response, const char *name, int64_t *out)
{
    const char *text = sl_response_header(response, name);

    if (!text || !*text || strlen(text) > 12 || text[strspn(text, "0123456789")]) return false;
    for (*out = 0; *text; text++) *out = *out * 10 + (*text - '0');
    return true;
}

int64_t sl_response_now_us(const struct sl_response *response)
{
    return response->server_date_us != SL_NO_TIME ? response->server_date_us
                                                  : response->received_at_us;
}

/* RFC 9110 10.2.3 */
int64_t sl_response_retry_after_ms(const struct sl_response *response)
{
    const char *text = sl_response_header(response, "retry-after");
    int64_t seconds = 0, then_us;

    if (!text || !*text) return -1;
    if (text[strspn(text, "0123456789")] == '\0') {
        for (const char *p = text; *p && seconds < RETRY_AFTER_S_MAX; p++)
            seconds = seconds * 10 + (*p - '0');
        return (seconds < RETRY_AFTER_S_MAX ? seconds : RETRY_AFTER_S_MAX) * 1000;
    }
    if (!sl_http_date_parse(text, strlen(text), &then_us)) return -1;
    int64_t now_us = sl_response_now_us(response);
    if (then_us <= now_us) return 0;
    if (then_us - now_us > RETRY_AFTER_S_MAX * SL_SECOND_US) return RETRY_AFTER_S_MAX * 1000;
    return (then_us - now_us + 999) / 1000;
}
