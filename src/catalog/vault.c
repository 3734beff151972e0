/*
 * vault.c: secrets at rest.
 *
 * A secret is a libsodium secretbox: 24 bytes of nonce, then the box. The key comes from SLUICE_KEY
 * (32 bytes as base64, or any other text as a passphrase), else from <home>/key (base64, 0600),
 * which is made when the first secret is sealed. The catalog keeps the key's id (a hash), so that
 * a lost or changed key is told from a damaged box, and a rekey that was cut off between its two
 * steps is finished by whoever comes next.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "catalog/internal.h"

#define KEY_BYTES crypto_secretbox_KEYBYTES
#define KEY_TEXT_MAX 128 /* of a key file */
#define KEY_ID_MAX 33

static void key_id(const unsigned char *key, char out[KEY_ID_MAX])
{
    static const unsigned char label[] = "sluice key id";
    unsigned char hash[16];

    crypto_generichash(hash, sizeof hash, key, KEY_BYTES, label, sizeof label - 1);
    sodium_bin2hex(out, KEY_ID_MAX, hash, sizeof hash);
}

/* out is empty when there is none. */
static enum sl_code meta_get(struct sl_catalog *catalog, const char *name, char *out, size_t size,
                             struct sl_error *error)
{
    sqlite3_stmt *stmt = NULL;
    enum sl_code rc =
        sl_store_begin(catalog, &stmt, error, "SELECT value FROM meta WHERE key = ?1", "t", name);

    out[0] = '\0';
    if (!rc) rc = sl_store_next(catalog, stmt, error);
    if (rc == SL_MORE) snprintf(out, size, "%s", sl_store_text(stmt, 0));
    sqlite3_finalize(stmt);
    return sl_failed(rc) ? rc : SL_OK;
}

static bool key_from_base64(const char *text, unsigned char *key)
{
    size_t len = 0;

    return sodium_base642bin(key, KEY_BYTES, text, strlen(text), " \r\n", &len, NULL,
                             sodium_base64_VARIANT_ORIGINAL) == 0 &&
           len == KEY_BYTES;
}

/* SLUICE_KEY and SLUICE_KEY_NEW: a key in base64, else a passphrase. */
static enum sl_code key_from_text(struct sl_catalog *catalog, const char *text, unsigned char *key,
                                  struct sl_error *error)
{
    char salt_text[2 * crypto_pwhash_SALTBYTES + 1];
    unsigned char salt[crypto_pwhash_SALTBYTES];
    size_t salt_len = 0;

    if (key_from_base64(text, key)) return SL_OK;
    enum sl_code rc = meta_get(catalog, "salt", salt_text, sizeof salt_text, error);
    if (rc) return rc;
    if (sodium_hex2bin(salt, sizeof salt, salt_text, strlen(salt_text), NULL, &salt_len, NULL) ||
        salt_len != sizeof salt)
        return sl_fail(error, SL_DESTINATION, "the catalog in '%s' lost its salt", catalog->home);
    if (crypto_pwhash(key, KEY_BYTES, text, strlen(text), salt, crypto_pwhash_OPSLIMIT_INTERACTIVE,
                      crypto_pwhash_MEMLIMIT_INTERACTIVE, crypto_pwhash_ALG_ARGON2ID13))
        return sl_fail(error, SL_NO_MEMORY, "no memory to derive a key from the passphrase");
    return SL_OK;
}

static char *key_path(const struct sl_catalog *catalog, const char *suffix)
{
    struct sl_buf path = {0};

    sl_buf_addf(&path, "%s/key%s", catalog->home, suffix);
    return sl_buf_take(&path);
}

/* SL_NOT_FOUND: there is no such file. */
static enum sl_code key_file_read(struct sl_catalog *catalog, const char *suffix,
                                  unsigned char *key, struct sl_error *error)
{
    char text[KEY_TEXT_MAX] = {0};
    struct stat info;
    enum sl_code rc = SL_OK;
    char *path = key_path(catalog, suffix);
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

    if (!path) return sl_fail(error, SL_NO_MEMORY, "no memory for a path");
    if (fd < 0) {
        rc = sl_fail(error, errno == ENOENT ? SL_NOT_FOUND : SL_DESTINATION,
                     "the key '%s' cannot be read: %s", path, strerror(errno));
        goto out;
    }
    if (fstat(fd, &info) == 0 && (info.st_mode & 077)) {
        rc = sl_fail(error, SL_BAD_SPEC, "the key '%s' may be read by others", path);
        sl_error_hint(error, "Run: chmod 600 '%s'", path);
        goto out;
    }
    ssize_t got = read(fd, text, sizeof text - 1);
    if (got < 0 || !key_from_base64(text, key)) {
        rc = sl_fail(error, SL_BAD_SPEC, "the key '%s' is damaged", path);
        sl_error_hint(error,
                      "Put the right key back, or move it away and enter the secrets again.");
    }

out:
    sodium_memzero(text, sizeof text);
    if (fd >= 0) close(fd);
    sl_free(path);
    return rc;
}

/* Writes the key whole and synced under a name of its own, then gives it its name. SL_EXISTS: it
 * was there already (replace is false). */
static enum sl_code key_file_write(struct sl_catalog *catalog, const char *suffix,
                                   const unsigned char *key, bool replace, struct sl_error *error)
{
    char text[KEY_TEXT_MAX];
    char unique[SL_ID_MAX + 1] = ".";
    enum sl_code rc = SL_OK;
    char *path = key_path(catalog, suffix), *temp;
    int fd = -1;

    sl_uuid4(unique + 1);
    temp = key_path(catalog, unique);
    if (!path || !temp) {
        rc = sl_fail(error, SL_NO_MEMORY, "no memory for a path");
        goto out;
    }
    sodium_bin2base64(text, sizeof text - 1, key, KEY_BYTES, sodium_base64_VARIANT_ORIGINAL);
    size_t len = strlen(text);
    text[len++] = '\n';
    fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool good = fd >= 0 && write(fd, text, len) == (ssize_t)len && fsync(fd) == 0;
    if (good) good = (replace ? rename(temp, path) : link(temp, path)) == 0;
    if (!good)
        rc = sl_fail(error, errno == EEXIST ? SL_EXISTS : SL_DESTINATION,
                     "the key '%s' cannot be written: %s", path, strerror(errno));

out:
    sodium_memzero(text, sizeof text);
    if (fd >= 0) {
        close(fd);
        (void)unlink(temp);
    }
    sl_free(temp);
    sl_free(path);
    return rc;
}

/* A rekey writes key.new, seals everything with it and records its id, then renames it. When the
 * recorded id is that of key.new, the last step is made up for here. */
static enum sl_code rekey_finish(struct sl_catalog *catalog, const char *wanted, unsigned char *key,
                                 struct sl_error *error)
{
    unsigned char other[KEY_BYTES];
    struct sl_error ignored;
    char id[KEY_ID_MAX];

    if (key_file_read(catalog, ".new", other, &ignored)) return SL_OK;
    key_id(other, id);
    enum sl_code rc = SL_OK;
    if (strcmp(id, wanted) == 0) {
        memcpy(key, other, KEY_BYTES);
        rc = key_file_write(catalog, "", key, true, error);
    }
    sodium_memzero(other, sizeof other);
    return rc;
}

static enum sl_code key_fill(struct sl_catalog *catalog, unsigned char *key, bool create,
                             struct sl_error *error)
{
    char wanted[KEY_ID_MAX], id[KEY_ID_MAX];
    const char *text = getenv("SLUICE_KEY");

    if (text && *text) return key_from_text(catalog, text, key, error);
    enum sl_code rc = meta_get(catalog, "key_id", wanted, sizeof wanted, error);
    if (rc) return rc;
    rc = key_file_read(catalog, "", key, error);
    if (rc == SL_NOT_FOUND && create) {
        randombytes_buf(key, KEY_BYTES);
        rc = key_file_write(catalog, "", key, false, error);
        if (rc == SL_EXISTS) rc = key_file_read(catalog, "", key, error); /* somebody was faster */
    }
    if (rc) return rc;
    key_id(key, id);
    if (*wanted && strcmp(id, wanted) != 0) rc = rekey_finish(catalog, wanted, key, error);
    return rc;
}

/* Has another process changed the key since this one read it? Then the catalog says so. */
static enum sl_code key_forget_old(struct sl_catalog *catalog, struct sl_error *error)
{
    const char *text = getenv("SLUICE_KEY");
    char wanted[KEY_ID_MAX], id[KEY_ID_MAX];

    if (!catalog->key || (text && *text)) return SL_OK;
    enum sl_code rc = meta_get(catalog, "key_id", wanted, sizeof wanted, error);
    key_id(catalog->key, id);
    if (!rc && *wanted && strcmp(id, wanted) != 0) {
        sodium_free(catalog->key);
        catalog->key = NULL;
    }
    return rc;
}

static enum sl_code key_load(struct sl_catalog *catalog, bool create, struct sl_error *error)
{
    enum sl_code forgotten = key_forget_old(catalog, error);

    if (forgotten || catalog->key) return forgotten;
    unsigned char *key = sodium_malloc(KEY_BYTES);
    if (!key) return sl_fail(error, SL_NO_MEMORY, "no locked memory for the key");
    enum sl_code rc = key_fill(catalog, key, create, error);
    if (rc) {
        sodium_free(key);
        return rc;
    }
    catalog->key = key;
    return SL_OK;
}

static enum sl_code seal_with(const unsigned char *key, const char *text, size_t len,
                              unsigned char **out, size_t *out_len, struct sl_error *error)
{
    *out_len = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + len;
    *out = sl_alloc(*out_len);
    if (!*out) return sl_fail(error, SL_NO_MEMORY, "no memory to seal a secret");
    randombytes_buf(*out, crypto_secretbox_NONCEBYTES);
    crypto_secretbox_easy(*out + crypto_secretbox_NONCEBYTES, (const unsigned char *)text, len,
                          *out, key);
    return SL_OK;
}

static enum sl_code key_id_record(struct sl_catalog *catalog, const unsigned char *key,
                                  struct sl_error *error)
{
    char id[KEY_ID_MAX];

    key_id(key, id);
    return sl_store_run(catalog, error,
                        "INSERT INTO meta VALUES ('key_id', ?1) "
                        "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                        "t", id);
}

enum sl_code sl_vault_seal(struct sl_catalog *catalog, const char *text, size_t len,
                           unsigned char **out, size_t *out_len, struct sl_error *error)
{
    *out = NULL;
    enum sl_code rc = key_load(catalog, true, error);
    if (!rc) rc = key_id_record(catalog, catalog->key, error);
    return rc ? rc : seal_with(catalog->key, text, len, out, out_len, error);
}

size_t sl_vault_len(size_t sealed_len)
{
    size_t extra = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES;

    return sealed_len < extra ? 0 : sealed_len - extra;
}

enum sl_code sl_vault_open(struct sl_catalog *catalog, const unsigned char *sealed, size_t len,
                           const char *what, unsigned char *out, struct sl_error *error)
{
    size_t nonce = crypto_secretbox_NONCEBYTES;
    enum sl_code rc = key_load(catalog, false, error);

    if (rc && rc != SL_NOT_FOUND) return rc;
    if (rc == SL_NOT_FOUND) {
        sl_fail(error, SL_AUTH,
                "%s cannot be read: the key that sealed it is gone (there is no "
                "'%s/key' and SLUICE_KEY is not set)",
                what, catalog->home);
    } else if (len < nonce + crypto_secretbox_MACBYTES ||
               crypto_secretbox_open_easy(out, sealed + nonce, len - nonce, sealed, catalog->key)) {
        sl_fail(error, SL_AUTH, "%s cannot be read: it was sealed with another key", what);
    } else {
        return SL_OK;
    }
    sl_error_hint(error, "Put the key back, or enter the secret again: sluice connections update "
                         "NAME --json @file. Nothing else is lost.");
    return error->code;
}

/* ---- rekey ---- */

/* Opens one box with the present key and seals it with the new one, in place, by an update of ?1
 * (the row) and ?2 (the box). */
static enum sl_code reseal(struct sl_catalog *catalog, const unsigned char *key, const char *update,
                           int64_t row, const unsigned char *box, size_t len, const char *what,
                           struct sl_error *error)
{
    unsigned char *sealed = NULL;
    size_t sealed_len = 0, plain_len = sl_vault_len(len);
    char *plain = sodium_malloc(plain_len + 1);

    if (!plain) return sl_fail(error, SL_NO_MEMORY, "no locked memory for a secret");
    enum sl_code rc = sl_vault_open(catalog, box, len, what, (unsigned char *)plain, error);
    if (!rc) rc = seal_with(key, plain, plain_len, &sealed, &sealed_len, error);
    if (!rc) rc = sl_store_run(catalog, error, update, "ib", row, (const void *)sealed, sealed_len);
    sl_free(sealed);
    sodium_free(plain);
    return rc;
}

/* select: rows of rowid, box, what it is, and of which connection. */
static enum sl_code reseal_each(struct sl_catalog *catalog, const unsigned char *key,
                                const char *select, const char *update, int64_t *count,
                                struct sl_error *error)
{
    char what[640];
    sqlite3_stmt *stmt = NULL;
    enum sl_code rc = sl_store_begin(catalog, &stmt, error, select, "");

    while (!rc && (rc = sl_store_next(catalog, stmt, error)) == SL_MORE) {
        snprintf(what, sizeof what, "the secret '%s' of connection '%s'", sl_store_text(stmt, 2),
                 sl_store_text(stmt, 3));
        rc = reseal(catalog, key, update, sqlite3_column_int64(stmt, 0),
                    sqlite3_column_blob(stmt, 1), (size_t)sqlite3_column_bytes(stmt, 1), what,
                    error);
        *count += 1;
    }
    sqlite3_finalize(stmt);
    return sl_failed(rc) ? rc : SL_OK;
}

static enum sl_code reseal_all(struct sl_catalog *catalog, const unsigned char *key, int64_t *count,
                               struct sl_error *error)
{
    enum sl_code rc;

    *count = 0;
    rc = reseal_each(catalog, key,
                     "SELECT o.rowid, o.box, o.given, c.name FROM connection_options o "
                     "JOIN connections c ON c.id = o.connection_id WHERE o.kind = 'sealed' "
                     "ORDER BY 1",
                     "UPDATE connection_options SET box = ?2 WHERE rowid = ?1", count, error);
    if (!rc)
        rc = reseal_each(catalog, key,
                         "SELECT g.rowid, g.box, 'tokens', c.name FROM grants g "
                         "JOIN connections c ON c.id = g.connection_id ORDER BY 1",
                         "UPDATE grants SET box = ?2 WHERE rowid = ?1", count, error);
    return rc ? rc : key_id_record(catalog, key, error);
}

enum sl_code sl_catalog_rekey(struct sl_catalog *catalog, int64_t *count, struct sl_error *error)
{
    const char *text = getenv("SLUICE_KEY_NEW");
    bool given = text && *text, from_env = getenv("SLUICE_KEY") && *getenv("SLUICE_KEY");
    unsigned char *key;
    enum sl_code rc;

    if (from_env && !given) {
        sl_fail(error, SL_USAGE, "the key comes from SLUICE_KEY, so it cannot be replaced here");
        sl_error_hint(error,
                      "Set SLUICE_KEY_NEW to the new key, run this again, then set SLUICE_KEY "
                      "to it.");
        return error->code;
    }
    rc = key_load(catalog, true, error);
    if (rc) return rc;
    key = sodium_malloc(KEY_BYTES);
    if (!key) return sl_fail(error, SL_NO_MEMORY, "no locked memory for the key");
    if (given) {
        rc = key_from_text(catalog, text, key, error);
    } else {
        randombytes_buf(key, KEY_BYTES);
        rc = key_file_write(catalog, ".new", key, true, error);
    }
    if (!rc) rc = sl_store_write_begin(catalog, error);
    if (!rc) rc = sl_store_write_end(catalog, reseal_all(catalog, key, count, error), error);
    if (!rc && !given) rc = key_file_write(catalog, "", key, true, error);
    char *old = key_path(catalog, given ? "" : ".new");
    if (!rc && old) (void)unlink(old);
    sl_free(old);
    sodium_free(catalog->key);
    catalog->key = rc ? NULL : key;
    if (rc) sodium_free(key);
    return rc;
}
