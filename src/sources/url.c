/* url.c: see <sluice/url.h>. */
#include <sluice/url.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void add(struct sl_url *url, const char *text, size_t len)
{
    if (url->failed || len >= sizeof url->text - url->len) {
        url->failed = true;
        return;
    }
    memcpy(url->text + url->len, text, len);
    url->len += len;
    url->text[url->len] = '\0';
}

/* What RFC 3986 calls unreserved stays as it is. */
static bool is_plain(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static void add_encoded(struct sl_url *url, const char *text)
{
    static const char hex[] = "0123456789ABCDEF";

    for (const char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;
        char coded[3] = {'%', hex[c >> 4], hex[c & 15]};

        if (is_plain(c))
            add(url, p, 1);
        else
            add(url, coded, sizeof coded);
    }
}

void sl_url_init(struct sl_url *url, const char *base)
{
    url->len = 0;
    url->has_query = false;
    url->failed = base == NULL;
    url->text[0] = '\0';
    if (base) add(url, base, strlen(base));
}

void sl_url_path(struct sl_url *url, const char *segment)
{
    /* An empty segment, "." and ".." would change the path's meaning, encoded or not. */
    if (!segment || segment[strspn(segment, ".")] == '\0' || url->has_query) {
        url->failed = true;
        return;
    }
    add(url, "/", 1);
    add_encoded(url, segment);
}

void sl_url_query(struct sl_url *url, const char *name, const char *value)
{
    if (!value) return;
    add(url, url->has_query ? "&" : "?", 1);
    url->has_query = true;
    add_encoded(url, name);
    add(url, "=", 1);
    add_encoded(url, value);
}

void sl_url_query_i64(struct sl_url *url, const char *name, int64_t value)
{
    char text[24];

    snprintf(text, sizeof text, "%" PRId64, value);
    sl_url_query(url, name, text);
}

const char *sl_url_text(const struct sl_url *url)
{
    return url->failed ? NULL : url->text;
}
