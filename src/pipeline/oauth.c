/* oauth.c: requests for access tokens and their answers (RFC 6749, sections 4.4, 5 and 6). */
#include <ctype.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/json.h>

#include "base/alloc.h"
#include "json/doc.h"
#include "options/options.h"
#include "pipeline/access.h"
#include "pipeline/loop.h"

#define LIFETIME_S_MAX INT64_C(315360000) /* ten years */

/* ---- the client ---- */

static const char *secret_of(const struct sl_connection *connection, const char *name)
{
    for (const struct sl_secret *s = connection->secrets; name && s && s->option; s++)
        if (strcmp(s->option, name) == 0) return s->value;
    return NULL;
}

/* An option's text as it was given; NULL: it was not. */
static const char *given(const struct sl_connector *connector, const struct sl_json *options,
                         const char *name)
{
    const struct sl_option *option = sl_options_find(connector->connection_options, name);
    const struct sl_json *value = option ? sl_json_get(options, option->name) : NULL;

    if (!value && option && option->alias) value = sl_json_get(options, option->alias);
    const char *text = sl_json_str(value) ? sl_json_str(value) : sl_json_number_text(value);
    return text && *text ? text : NULL;
}

/* The part of a host's name: whatever else a user writes there must not lead elsewhere. */
static bool is_label(const char *text)
{
    for (const char *c = text; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '-' && *c != '.' && *c != '_') return false;
    return *text;
}

static enum sl_code put_url(const struct sl_loop *loop, const struct sl_json *options,
                            const char *pattern, struct sl_buf *out, struct sl_error *error)
{
    for (const char *at = pattern; *at;) {
        size_t len = strcspn(at, "{");
        char name[64];
        sl_buf_add(out, at, len);
        at += len;
        if (!*at) break;
        len = strcspn(at + 1, "}");
        snprintf(name, sizeof name, "%.*s", (int)len, at + 1);
        at += len + 2;
        const char *value = given(loop->connector, options, name);
        if (!value || !is_label(value))
            return sl_fail(error, SL_BAD_SPEC, "connection '%s': the option '%s' %s",
                           loop->connection->name, name,
                           value ? "is no part of an address" : "is missing");
        sl_buf_adds(out, value);
    }
    return SL_OK;
}

/* Below base_url when that is given and is not the real one; else the source's own place. */
static enum sl_code find_url(const struct sl_loop *loop, const struct sl_json *options,
                             struct sl_buf *out, struct sl_error *error)
{
    const struct sl_oauth *oauth = loop->connector->oauth;
    const struct sl_option *option =
        sl_options_find(loop->connector->connection_options, "base_url");
    const char *base = option ? given(loop->connector, options, "base_url") : NULL;
    size_t len = base ? strlen(base) : 0;

    while (len && base[len - 1] == '/') len--;
    bool real = option && option->preset && len == strlen(option->preset) &&
                strncmp(base, option->preset, len) == 0;
    if (!len || real || !oauth->token_path)
        return put_url(loop, options, oauth->token_url, out, error);
    sl_buf_add(out, base, len);
    sl_buf_adds(out, oauth->token_path);
    return SL_OK;
}

/* Which grant this is: that of a client and the refresh token it began with. A new client secret is
 * the same grant; without a refresh token a grant is worth nothing, so that anything else makes a
 * new one. */
static void plant(const struct sl_oauth *oauth, struct sl_oauth_client *client)
{
    const char *const parts[] = {client->id, client->refresh_token,
                                 client->refresh_token ? NULL : client->secret,
                                 client->refresh_token ? NULL : sl_buf_str(&client->url),
                                 client->refresh_token ? NULL : oauth->scope};
    crypto_generichash_state state;
    unsigned char hash[(SL_GRANT_SEED_MAX - 1) / 2];

    crypto_generichash_init(&state, NULL, 0, sizeof hash);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const char *part = parts[i] ? parts[i] : "";
        crypto_generichash_update(&state, (const unsigned char *)part, strlen(part) + 1);
    }
    crypto_generichash_final(&state, hash, sizeof hash);
    sodium_bin2hex(client->seed, sizeof client->seed, hash, sizeof hash);
    sodium_memzero(&state, sizeof state);
}

static enum sl_code lacks(const struct sl_loop *loop, const char *option, struct sl_error *error)
{
    sl_fail(error, SL_AUTH, "connection '%s' has no '%s'", loop->connection->name, option);
    sl_error_hint(error,
                  "Give it: sluice connections update %s --json '{\"options\":{\"%s\":...}}'; "
                  "docs/oauth.md says where it comes from.",
                  loop->connection->name, option);
    return SL_AUTH;
}

enum sl_code sl_oauth_client_init(const struct sl_loop *loop, struct sl_oauth_client *out,
                                  struct sl_error *error)
{
    const struct sl_oauth *oauth = loop->connector->oauth;
    const struct sl_connection *connection = loop->connection;
    struct sl_doc *doc = sl_doc_new(0);
    const struct sl_json *options = NULL;
    enum sl_code rc;

    *out = (struct sl_oauth_client){.secret = secret_of(connection, oauth->client_secret),
                                    .refresh_token = secret_of(connection, oauth->refresh_token)};
    rc = doc ? sl_doc_parse_copy(doc, connection->options_json, strlen(connection->options_json),
                                 &options, error)
             : sl_fail(error, SL_NO_MEMORY, "no memory for a connection");
    if (rc) goto out;
    const char *id = given(loop->connector, options, oauth->client_id);
    if (!id) {
        rc = lacks(loop, oauth->client_id, error);
    } else if (!out->refresh_token && !oauth->client_credentials) {
        rc = lacks(loop, oauth->refresh_token, error);
    } else if (!out->refresh_token && !out->secret) {
        rc = lacks(loop, oauth->client_secret, error);
    } else {
        out->id = sl_strdup(id);
        rc = find_url(loop, options, &out->url, error);
        if (!rc && (!out->id || sl_buf_failed(&out->url)))
            rc = sl_fail(error, SL_NO_MEMORY, "no memory for a connection");
    }
    if (!rc) plant(oauth, out);

out:
    sl_doc_free(doc);
    return rc;
}

void sl_oauth_client_release(struct sl_oauth_client *client)
{
    sl_buf_release(&client->url);
    sl_free(client->id);
    *client = (struct sl_oauth_client){0};
}

/* ---- the request ---- */

static void put_field(struct sl_buf *out, const char *name, const char *value)
{
    static const char hex[] = "0123456789ABCDEF";

    if (!value) return;
    sl_buf_addf(out, "%s%s=", out->len ? "&" : "", name);
    for (const unsigned char *c = (const unsigned char *)value; *c; c++) {
        if (isalnum(*c) || strchr("-._~", *c)) {
            sl_buf_addc(out, (char)*c);
        } else {
            sl_buf_addc(out, '%');
            sl_buf_addc(out, hex[*c >> 4]);
            sl_buf_addc(out, hex[*c & 15]);
        }
    }
}

enum sl_code sl_oauth_form(const struct sl_loop *loop, const struct sl_oauth_client *client,
                           const char *refresh_token, struct sl_buf *out, struct sl_error *error)
{
    const struct sl_oauth *oauth = loop->connector->oauth;
    bool in_header = oauth->basic && client->secret;

    put_field(out, "grant_type", refresh_token ? "refresh_token" : "client_credentials");
    put_field(out, "refresh_token", refresh_token);
    put_field(out, "client_id", in_header ? NULL : client->id);
    put_field(out, "client_secret", in_header ? NULL : client->secret);
    put_field(out, "scope", oauth->scope);
    return sl_buf_failed(out) ? sl_fail(error, SL_NO_MEMORY, "no memory for a request") : SL_OK;
}

/* ---- the answer ---- */

/* Fit for a header: visible ASCII, and not too long. */
static const char *token_of(const struct sl_json *value)
{
    const char *text = sl_json_str(value);
    size_t len = sl_json_str_len(value);

    if (!text || !len || len > SL_TOKEN_MAX) return NULL;
    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] > '~') return NULL;
    return text;
}

/* It goes into forms only, so that anything will do. */
static const char *refresh_token_of(const struct sl_json *value)
{
    const char *text = sl_json_str(value);
    size_t len = sl_json_str_len(value);

    return text && len && len <= SL_TOKEN_MAX && strlen(text) == len ? text : NULL;
}

static int64_t lifetime_of(const struct sl_json *value)
{
    const char *text = sl_json_str(value);
    int64_t seconds = 0;

    if (text) { /* some write it as a text */
        char *end;
        seconds = strtoll(text, &end, 10);
        if (*end) seconds = 0;
    } else if (!sl_json_i64(value, &seconds)) {
        return 0;
    }
    if (seconds <= 0) return 0;
    return (seconds < LIFETIME_S_MAX ? seconds : LIFETIME_S_MAX) * SL_SECOND_US;
}

static bool begins(const char *text, const char *with)
{
    return text && strncmp(text, with, strlen(with)) == 0;
}

static void refused(const struct sl_response *response, struct sl_oauth_answer *out)
{
    const char *error = sl_json_str(sl_json_get(response->json, "error"));
    const char *text = sl_json_str(sl_json_get(response->json, "error_description"));
    const char *status = sl_json_str(sl_json_get(response->json, "status")); /* an older form */

    if (!text) text = sl_json_str(sl_json_get(response->json, "message"));
    if (!error) error = status;
    out->word = error;
    out->text = text;
    /* 409: it was exchanged just now, and not by us. */
    bool spent = begins(error, "invalid_grant") || begins(error, "BAD_REFRESH_TOKEN") ||
                 response->status == 409;
    out->outcome = spent ? SL_OAUTH_SPENT : SL_OAUTH_REFUSED;
}

void sl_oauth_read(const struct sl_response *response, struct sl_oauth_answer *out)
{
    int status = response->status;

    *out = (struct sl_oauth_answer){.outcome = SL_OAUTH_AGAIN, .wait_ms = -1, .status = status};
    if (status == 408 || status == 429 || status >= 500) {
        out->wait_ms = sl_response_retry_after_ms(response);
        return;
    }
    if (status < 200 || status > 299) {
        refused(response, out);
        return;
    }
    out->access_token = token_of(sl_json_get(response->json, "access_token"));
    out->refresh_token = refresh_token_of(sl_json_get(response->json, "refresh_token"));
    out->lifetime_us = lifetime_of(sl_json_get(response->json, "expires_in"));
    if (out->access_token)
        out->outcome = SL_OAUTH_GIVEN;
    else
        out->word = "without an access token";
}
