/* paging.c: see sluice/paging.h. */
#include <sluice/paging.h>

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <sluice/hash.h>

/* `mark` is the token of a page whose number is a power of two. */
enum sl_code sl_pages_next(struct sl_pages *pages, const char *token, struct sl_error *error)
{
    uint64_t hash = sl_text_hash(SL_TEXT_HASH_START, token);

    pages->count++;
    if (pages->mark_page > 0 && hash == pages->mark) {
        if (++pages->repeats > SL_PAGES_REPEATS_MAX)
            return sl_fail(error, SL_BAD_DATA,
                           "page %lld: the source gives the same pages again and again",
                           (long long)pages->count);
    } else if (pages->count >= 2 * pages->mark_page) {
        pages->mark = hash;
        pages->mark_page = pages->count;
    }
    return SL_MORE;
}

bool sl_page_token(const struct sl_json *value, char *out, size_t cap)
{
    const char *text = sl_json_str(value);
    int64_t number;
    size_t len;

    out[0] = '\0';
    if (sl_json_i64(value, &number)) {
        len = (size_t)snprintf(out, cap, "%lld", (long long)number);
        if (len < cap) return true;
        out[0] = '\0';
        return false;
    }
    len = sl_json_str_len(value);
    if (!text || len == 0 || len >= cap || strlen(text) != len) return false; /* no NUL within */
    memcpy(out, text, len + 1);
    return true;
}

/* ---- RFC 8288: Link: <target>; rel="next"; title="a, b", <target>; rel=last ---- */

static const char *skip(const char *p, const char *set)
{
    return p + strspn(p, set);
}

/* Past one parameter's value, a token or a quoted string; *from, *len: what it is. */
static const char *value_end(const char *p, const char **from, size_t *len)
{
    if (*p != '"') {
        *from = p;
        *len = strcspn(p, " \t;,");
        return p + *len;
    }
    *from = ++p;
    while (*p && *p != '"') p += *p == '\\' && p[1] ? 2 : 1;
    *len = (size_t)(p - *from);
    return *p ? p + 1 : p;
}

/* Is "next" one of the words of a rel? */
static bool says_next(const char *words, size_t len)
{
    while (len > 0) {
        size_t blanks = strspn(words, " \t"), word;
        if (blanks >= len) return false;
        words += blanks;
        len -= blanks;
        word = strcspn(words, " \t\"");
        if (word > len) word = len;
        if (word == 4 && strncasecmp(words, "next", 4) == 0) return true;
        words += word;
        len -= word;
    }
    return false;
}

/* The parameters of one link. *next: is it the next page? Returns where they end. */
static const char *parameters(const char *p, bool *next)
{
    bool seen = false;

    *next = false;
    for (;;) {
        p = skip(p, " \t");
        if (*p != ';') return p;
        p = skip(p + 1, " \t");
        size_t name = strcspn(p, " \t=;,");
        bool rel = name == 3 && strncasecmp(p, "rel", 3) == 0 && !seen;
        p = skip(p + name, " \t");
        if (*p != '=') continue;
        const char *value;
        size_t len;
        p = value_end(skip(p + 1, " \t"), &value, &len);
        if (rel) seen = true, *next = says_next(value, len); /* the first rel counts */
    }
}

static bool next_in(const char *p, char out[SL_URL_MAX])
{
    while (*p) {
        p = skip(p, " \t,");
        if (*p != '<') return false;
        const char *target = p + 1, *end = strchr(target, '>');
        bool next;
        if (!end) return false;
        p = parameters(end + 1, &next);
        if (next && end > target && (size_t)(end - target) < SL_URL_MAX) {
            memcpy(out, target, (size_t)(end - target));
            out[end - target] = '\0';
            return true;
        }
        if (*p && *p != ',') return false;
    }
    return false;
}

bool sl_link_next(const struct sl_response *response, char out[SL_URL_MAX])
{
    out[0] = '\0';
    for (const struct sl_header *h = response->headers; h && h->name; h++)
        if (strcmp(h->name, "link") == 0 && next_in(h->value, out)) return true;
    return false;
}

/* ---- origins ---- */

struct origin {
    const char *scheme, *host, *port;
    size_t scheme_len, host_len, port_len;
};

static bool origin_of(const char *url, struct origin *out)
{
    const char *host = strstr(url, "://"), *end, *colon;

    if (!host || host == url) return false;
    *out = (struct origin){.scheme = url, .scheme_len = (size_t)(host - url)};
    host += 3;
    end = host + strcspn(host, "/?#");
    if (memchr(host, '@', (size_t)(end - host))) return false; /* no user in ours */
    colon = *host == '[' ? memchr(host, ']', (size_t)(end - host)) : host;
    if (!colon) return false;
    colon = memchr(colon, ':', (size_t)(end - colon));
    out->host = host;
    out->host_len = (size_t)((colon ? colon : end) - host);
    if (colon && end > colon + 1) {
        out->port = colon + 1;
        out->port_len = (size_t)(end - colon - 1);
    } else {
        bool tls = out->scheme_len == 5 && strncasecmp(url, "https", 5) == 0;
        out->port = tls ? "443" : "80";
        out->port_len = strlen(out->port);
    }
    return out->host_len > 0;
}

static bool same(const char *a, size_t a_len, const char *b, size_t b_len)
{
    return a_len == b_len && strncasecmp(a, b, a_len) == 0;
}

bool sl_same_origin(const char *a, const char *b)
{
    struct origin x, y;

    return origin_of(a, &x) && origin_of(b, &y) &&
           same(x.scheme, x.scheme_len, y.scheme, y.scheme_len) &&
           same(x.host, x.host_len, y.host, y.host_len) &&
           same(x.port, x.port_len, y.port, y.port_len);
}

/* ---- what a status means ---- */

void sl_classify_status(const struct sl_response *response, const char *source, const char *said,
                        struct sl_verdict *verdict)
{
    int status = response->status;
    bool good = (status >= 200 && status < 300) || status == 304;

    verdict->kind = SL_VERDICT_FAIL_TABLE;
    verdict->code = SL_SOURCE;
    if (good && response->json_error) { /* a cut body, a gateway's page */
        verdict->kind = SL_VERDICT_RETRY;
        verdict->code = SL_BAD_DATA;
        if (!said) said = response->json_error;
    } else if (good) {
        verdict->kind = SL_VERDICT_OK;
        verdict->code = SL_OK;
        return;
    } else if (status == 401) {
        verdict->kind = SL_VERDICT_FAIL_ALL;
        verdict->code = SL_AUTH;
    } else if (status == 403) {
        verdict->code = SL_PERMISSION;
    } else if (status == 404 || status == 410) {
        verdict->code = SL_NOT_FOUND;
    } else if (status == 408 || status == 429 || status >= 500) {
        int64_t asked_ms = sl_response_retry_after_ms(response);
        verdict->kind = asked_ms >= 0 ? SL_VERDICT_RETRY_AFTER : SL_VERDICT_RETRY;
        verdict->wait_ms = asked_ms >= 0 ? asked_ms : 0;
        if (status == 429) verdict->code = SL_RATE_LIMITED;
    }
    snprintf(verdict->message, sizeof verdict->message, "%s answered %d%s%.500s", source, status,
             said && *said ? ": " : "", said ? said : "");
}
