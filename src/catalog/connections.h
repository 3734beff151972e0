/* connections.h: what connections.c, options.c and use.c share: a connection's options, one by one. */
#ifndef SL_CATALOG_CONNECTIONS_H
#define SL_CATALOG_CONNECTIONS_H

#include <sluice/connector.h>

#include "catalog/grant.h"
#include "catalog/internal.h"

#define SL_CONNECTION_OPTIONS_MAX 64

/* One option of a connection. Exactly one of text and box is there. */
struct sl_connection_option {
    char *name;  /* the connector's */
    char *given; /* as the user wrote it */
    bool secret;
    bool stored; /* came from the catalog */
    enum sl_reference kind;
    char *text;         /* plain: JSON text; env and file: what they name */
    unsigned char *box; /* a plain secret, sealed */
    size_t box_len;
};

struct sl_connection_options {
    size_t count;
    struct sl_connection_option list[SL_CONNECTION_OPTIONS_MAX];
};

/* Keys of `options` that are the engine's, not the connector's. Ends with NULL. */
extern const char *const sl_engine_options[];
bool sl_engine_option(const char *name);

void sl_connection_options_release(struct sl_connection_options *options);

/*
 * Takes `json` (the member "options") apart, seals its secrets, and checks all of it against the
 * connector's table. Secrets that are in `options` already (from the catalog) stay when json does
 * not name them; everything else is replaced.
 */
SL_MUST_USE enum sl_code sl_connection_options_set(
    struct sl_catalog *catalog, const struct sl_connector *connector, const char *connection,
    const struct sl_json *json, struct sl_connection_options *options, struct sl_error *error);
SL_MUST_USE enum sl_code sl_connection_options_load(struct sl_catalog *catalog, const char *id,
                                                    struct sl_connection_options *options,
                                                    struct sl_error *error);
SL_MUST_USE enum sl_code sl_connection_options_save(struct sl_catalog *catalog, const char *id,
                                                    const struct sl_connection_options *options,
                                                    struct sl_error *error);

/* A connection's own row; text lives in the struct. */
struct sl_connection_row {
    char id[SL_ID_MAX];
    char *name, *type, *source, *comment, *properties;
    bool read_only;
    int64_t created_ms, updated_ms;
};
SL_MUST_USE enum sl_code sl_connection_row_load(struct sl_catalog *catalog, const char *name,
                                                struct sl_connection_row *row,
                                                struct sl_error *error);
void sl_connection_row_release(struct sl_connection_row *row);

/* grants.c: the grants of the connection with this id. Does not move once it is initialised. */
struct sl_grants {
    struct sl_grant_store store;
    struct sl_catalog *catalog;
    char id[SL_ID_MAX];
    int lock; /* a descriptor; -1: not held */
};
void sl_grants_init(struct sl_grants *grants, struct sl_catalog *catalog, const char *id);
void sl_grants_release(struct sl_grants *grants); /* safe on {0} */

#endif
