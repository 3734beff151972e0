/*
 * grants.c: the grants of a connection, each one sealed box: "1 <obtained> <expires> <asked>", then
 * the three tokens, each with its NUL ("" for none).
 *
 * A lost refresh token costs the user a new authorisation, so a grant is synced to disk before its
 * save returns, although the rest of the catalog is content with less.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "catalog/connections.h"

#define GRANTS_MAX 3 /* of one connection: the newest stay */
#define HEAD_MAX 96
#define BOX_MAX ((size_t)4 * SL_TOKEN_MAX)

static void wipe(char *text)
{
    if (text) sodium_memzero(text, strlen(text));
    sl_free(text);
}

void sl_grant_release(struct sl_grant *grant)
{
    wipe(grant->access_token);
    wipe(grant->refresh_token);
    wipe(grant->replaced);
    *grant = (struct sl_grant){0};
}

/* ---- boxes ---- */

static bool take_text(const char **at, const char *end, char **out)
{
    size_t len = strnlen(*at, (size_t)(end - *at));

    if (*at + len == end) return false; /* no NUL */
    if (len) *out = sl_strdup(*at);
    bool good = !len || *out;
    *at += len + 1;
    return good;
}

static bool unpack(const char *text, size_t len, struct sl_grant *out)
{
    const char *at = text, *end = text + len;
    char head[HEAD_MAX];
    size_t head_len = strnlen(text, len);

    if (head_len == len || head_len >= sizeof head) return false;
    memcpy(head, text, head_len + 1);
    if (sscanf(head, "1 %" SCNd64 " %" SCNd64 " %" SCNd64, &out->obtained_us, &out->expires_us,
               &out->asked_us) != 3)
        return false;
    at += head_len + 1;
    return take_text(&at, end, &out->access_token) && take_text(&at, end, &out->refresh_token) &&
           take_text(&at, end, &out->replaced);
}

static enum sl_code unseal(struct sl_grants *grants, const unsigned char *box, size_t box_len,
                           struct sl_grant *out, struct sl_error *error)
{
    size_t len = sl_vault_len(box_len);
    char *text = len && len <= BOX_MAX ? sodium_malloc(len) : NULL;
    enum sl_code rc;

    if (!text)
        return sl_fail(error, len && len <= BOX_MAX ? SL_NO_MEMORY : SL_AUTH,
                       "the stored tokens of the connection cannot be read");
    rc = sl_vault_open(grants->catalog, box, box_len, "the stored tokens of the connection",
                       (unsigned char *)text, error);
    if (!rc && !unpack(text, len, out)) {
        sl_grant_release(out);
        rc = sl_fail(error, SL_AUTH, "the stored tokens of the connection are damaged");
        sl_error_hint(error, "Authorise it again, and give the connection the new refresh token.");
    }
    sodium_free(text);
    return rc;
}

static size_t put_text(char *to, const char *text)
{
    size_t len = text ? strlen(text) : 0;

    if (len) memcpy(to, text, len);
    to[len] = '\0';
    return len + 1;
}

static enum sl_code seal(struct sl_grants *grants, const struct sl_grant *grant,
                         unsigned char **box, size_t *box_len, struct sl_error *error)
{
    const char *const texts[] = {grant->access_token, grant->refresh_token, grant->replaced};
    char *text;
    size_t len;
    enum sl_code rc;

    for (size_t i = 0; i < 3; i++)
        if (texts[i] && strlen(texts[i]) > SL_TOKEN_MAX)
            return sl_fail(error, SL_TOO_LARGE, "a token of more than %d bytes", SL_TOKEN_MAX);
    text = sodium_malloc(BOX_MAX);
    if (!text) return sl_fail(error, SL_NO_MEMORY, "no locked memory for tokens");
    len = (size_t)snprintf(text, HEAD_MAX, "1 %" PRId64 " %" PRId64 " %" PRId64, grant->obtained_us,
                           grant->expires_us, grant->asked_us) +
          1;
    for (size_t i = 0; i < 3; i++) len += put_text(text + len, texts[i]);
    rc = sl_vault_seal(grants->catalog, text, len, box, box_len, error);
    sodium_free(text);
    return rc;
}

/* ---- the store ---- */

static enum sl_code load(void *ctx, const char *seed, struct sl_grant *out, struct sl_error *error)
{
    struct sl_grants *grants = ctx;
    sqlite3_stmt *stmt = NULL;
    enum sl_code rc =
        sl_store_begin(grants->catalog, &stmt, error,
                       "SELECT box FROM grants WHERE connection_id = ?1 AND seed = ?2", "tt",
                       grants->id, seed);

    *out = (struct sl_grant){0};
    if (!rc) rc = sl_store_next(grants->catalog, stmt, error);
    if (rc == SL_MORE)
        rc = unseal(grants, sqlite3_column_blob(stmt, 0), (size_t)sqlite3_column_bytes(stmt, 0),
                    out, error);
    sqlite3_finalize(stmt);
    return rc;
}

static enum sl_code write_in(struct sl_grants *grants, const char *seed,
                             const struct sl_grant *grant, struct sl_error *error)
{
    unsigned char *box = NULL;
    size_t len = 0;
    enum sl_code rc = seal(grants, grant, &box, &len, error);

    if (!rc)
        rc = sl_store_run(grants->catalog, error,
                          "INSERT INTO grants (connection_id, seed, box, number) VALUES (?1, ?2, "
                          "?3, (SELECT COALESCE(MAX(number), 0) + 1 FROM grants)) "
                          "ON CONFLICT (connection_id, seed) DO UPDATE "
                          "SET box = excluded.box, number = excluded.number",
                          "ttb", grants->id, seed, (const void *)box, len);
    if (!rc)
        rc = sl_store_run(grants->catalog, error,
                          "DELETE FROM grants WHERE connection_id = ?1 AND number NOT IN (SELECT "
                          "number FROM grants WHERE connection_id = ?1 ORDER BY number DESC "
                          "LIMIT ?2)",
                          "ti", grants->id, (int64_t)GRANTS_MAX);
    sl_free(box);
    return rc;
}

static enum sl_code save(void *ctx, const char *seed, const struct sl_grant *grant,
                         struct sl_error *error)
{
    struct sl_grants *grants = ctx;
    struct sl_catalog *catalog = grants->catalog;
    struct sl_error ignored;
    enum sl_code rc = sl_store_run(catalog, error, "PRAGMA synchronous = FULL", "");

    if (!rc) rc = sl_store_write_begin(catalog, error);
    if (!rc) rc = sl_store_write_end(catalog, write_in(grants, seed, grant, error), error);
    (void)!sl_store_run(catalog, &ignored, "PRAGMA synchronous = NORMAL", "");
    return rc;
}

static enum sl_code lock(void *ctx, struct sl_error *error)
{
    struct sl_grants *grants = ctx;
    char name[SL_ID_MAX + 8];

    if (grants->lock >= 0) return SL_OK;
    snprintf(name, sizeof name, "grant-%s", grants->id);
    enum sl_code rc = sl_lock_take(grants->catalog, name, &grants->lock, error);
    return rc || grants->lock >= 0 ? rc : SL_BUSY;
}

static void unlock(void *ctx)
{
    struct sl_grants *grants = ctx;

    if (grants->lock >= 0) close(grants->lock);
    grants->lock = -1;
}

void sl_grants_init(struct sl_grants *grants, struct sl_catalog *catalog, const char *id)
{
    *grants = (struct sl_grants){.store = {load, save, lock, unlock, grants},
                                 .catalog = catalog,
                                 .lock = -1};
    snprintf(grants->id, sizeof grants->id, "%s", id);
}

void sl_grants_release(struct sl_grants *grants)
{
    if (grants->catalog) unlock(grants);
}
