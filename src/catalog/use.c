/* use.c: a connection ready for use: references read, secrets unsealed into locked memory. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "catalog/connections.h"

struct open_connection {
    struct sl_connection face; /* first: a pointer to it is a pointer to this */
    struct sl_arena arena;     /* everything but the secrets */
    struct sl_secret secrets[SL_CONNECTION_OPTIONS_MAX + 1];
    char *locked[SL_CONNECTION_OPTIONS_MAX]; /* of sodium_malloc; wiped by sodium_free */
    size_t count;
    struct sl_grants grants;
};

void sl_connection_free(struct sl_connection *connection)
{
    struct open_connection *open = (struct open_connection *)connection;

    if (!open) return;
    for (size_t i = 0; i < open->count; i++) sodium_free(open->locked[i]);
    sl_grants_release(&open->grants);
    sl_arena_release(&open->arena);
    sl_free(open);
}

static enum sl_code secret_read(struct sl_catalog *catalog, struct open_connection *open,
                                const struct sl_connection_option *option, struct sl_error *error)
{
    char what[SL_NAME_MAX + 300];
    char *value = NULL;
    enum sl_code rc;

    snprintf(what, sizeof what, "the secret '%s' of connection '%s'", option->given,
             open->face.name);
    if (option->kind != SL_VALUE_PLAIN) {
        rc = sl_reference_read(option->kind, option->text, what, &value, error);
    } else {
        size_t len = sl_vault_len(option->box_len);
        value = sodium_malloc(len + 1);
        if (!value) return sl_fail(error, SL_NO_MEMORY, "no locked memory for a secret");
        value[len] = '\0';
        rc = sl_vault_open(catalog, option->box, option->box_len, what, (unsigned char *)value,
                           error);
    }
    if (rc) {
        sodium_free(value);
        return rc;
    }
    open->secrets[open->count].option = sl_arena_strdup(&open->arena, option->name);
    open->secrets[open->count].value = value;
    open->locked[open->count++] = value;
    if (!open->secrets[open->count - 1].option)
        return sl_fail(error, SL_NO_MEMORY, "no memory for a connection");
    return SL_OK;
}

static enum sl_code plain_write(struct sl_json_writer *writer,
                                const struct sl_connection_option *option, struct sl_error *error)
{
    char what[SL_NAME_MAX + 32];
    char *value = NULL;

    if (sl_engine_option(option->name)) return SL_OK;
    sl_json_key(writer, option->given);
    if (option->kind == SL_VALUE_PLAIN) {
        sl_json_put_raw(writer, option->text, strlen(option->text));
        return SL_OK;
    }
    snprintf(what, sizeof what, "the option '%s'", option->given);
    enum sl_code rc = sl_reference_read(option->kind, option->text, what, &value, error);
    if (rc) return rc;
    sl_json_put_str(writer, value);
    sodium_free(value);
    return SL_OK;
}

/* One number for "these credentials at this source"; tells nothing about them. */
static void fingerprint(struct open_connection *open)
{
    crypto_generichash_state state;
    unsigned char hash[16];

    crypto_generichash_init(&state, NULL, 0, sizeof hash);
    crypto_generichash_update(&state, (const unsigned char *)open->face.source,
                              strlen(open->face.source) + 1);
    for (size_t i = 0; i < open->count; i++) {
        const struct sl_secret *s = &open->secrets[i];
        crypto_generichash_update(&state, (const unsigned char *)s->option, strlen(s->option) + 1);
        crypto_generichash_update(&state, (const unsigned char *)s->value, strlen(s->value) + 1);
    }
    crypto_generichash_final(&state, hash, sizeof hash);
    sodium_bin2hex(open->face.fingerprint, sizeof open->face.fingerprint, hash, sizeof hash);
    sodium_memzero(&state, sizeof state);
}

static enum sl_code fill(struct sl_catalog *catalog, struct open_connection *open,
                         const struct sl_connection_row *row,
                         const struct sl_connection_options *options, struct sl_json_writer *writer,
                         struct sl_error *error)
{
    enum sl_code rc = SL_OK;

    open->face.name = sl_arena_strdup(&open->arena, row->name);
    open->face.source = sl_arena_strdup(&open->arena, row->source);
    open->face.secrets = open->secrets;
    if (!open->face.name || !open->face.source)
        return sl_fail(error, SL_NO_MEMORY, "no memory for a connection");
    sl_json_begin_object(writer);
    for (size_t i = 0; i < options->count && !rc; i++)
        rc = options->list[i].secret ? secret_read(catalog, open, &options->list[i], error)
                                     : plain_write(writer, &options->list[i], error);
    if (rc) return rc;
    sl_json_end_object(writer);
    const char *text = sl_json_writer_text(writer, NULL);
    open->face.options_json = text ? sl_arena_strdup(&open->arena, text) : NULL;
    if (!open->face.options_json) return sl_fail(error, SL_NO_MEMORY, "no memory for a connection");
    fingerprint(open);
    return SL_OK;
}

enum sl_code sl_connection_open(struct sl_catalog *catalog, const char *name,
                                struct sl_connection **out, struct sl_error *error)
{
    struct sl_connection_row row = {0};
    struct sl_connection_options options = {0};
    struct open_connection *open = sl_calloc(1, sizeof *open);
    struct sl_json_writer *writer = sl_json_writer_new();
    enum sl_code rc = SL_OK;

    *out = NULL;
    if (!open || !writer) rc = sl_fail(error, SL_NO_MEMORY, "no memory for a connection");
    if (!rc) rc = sl_connection_row_load(catalog, name, &row, error);
    if (!rc) rc = sl_connection_options_load(catalog, row.id, &options, error);
    if (!rc) rc = fill(catalog, open, &row, &options, writer, error);
    if (!rc) {
        sl_grants_init(&open->grants, catalog, row.id);
        open->face.grants = &open->grants.store;
        *out = &open->face;
        open = NULL;
    }
    sl_json_writer_free(writer);
    sl_connection_options_release(&options);
    sl_connection_row_release(&row);
    sl_connection_free((struct sl_connection *)open);
    return rc;
}

enum sl_code sl_connection_source(struct sl_catalog *catalog, const char *name, struct sl_buf *out,
                                  struct sl_error *error)
{
    struct sl_connection_row row = {0};
    enum sl_code rc = sl_connection_row_load(catalog, name, &row, error);

    if (!rc) {
        sl_buf_adds(out, row.source);
        if (sl_buf_failed(out)) rc = sl_fail(error, SL_NO_MEMORY, "no memory for a name");
    }
    sl_connection_row_release(&row);
    return rc;
}
