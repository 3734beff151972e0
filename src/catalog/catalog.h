/*
 * catalog.h: the home directory: connections and their sealed secrets, catalogs, schemas, tables,
 * pipelines, updates, events. SQLite (WAL), one file, shared by processes.
 *
 * The catalog is a convenience, never the truth: a table's cursor lives in the table. Objects have
 * the JSON shapes of the Databricks REST API (docs/catalog.md), so that the command line and a
 * server only have to print them. Names are compared without case and stored in lower case where
 * Unity Catalog does so (catalogs, schemas, tables).
 *
 * Threads: a handle is used by one thread at a time; open one per thread.
 */
#ifndef SL_CATALOG_H
#define SL_CATALOG_H

#include <sluice/error.h>
#include <sluice/json.h>

struct sl_buf;
struct sl_catalog;
struct sl_grant_store; /* grant.h */

/*
 * home: NULL: $SLUICE_HOME, else $XDG_DATA_HOME/sluice, else ~/.local/share/sluice. Created when
 * missing (0700). now_us: UTC for created_at/updated_at, asked of the caller because nobody here
 * looks at a clock.
 *
 * SL_BAD_SPEC     the home was made by a newer version (message names both)
 * SL_DESTINATION  it cannot be created or written
 */
struct sl_catalog_options {
    const char *home;
    int64_t (*now_us)(void *ctx);
    void *ctx;
};
SL_MUST_USE enum sl_code sl_catalog_open(const struct sl_catalog_options *options,
                                         struct sl_catalog **out, struct sl_error *error);
void sl_catalog_close(struct sl_catalog *catalog); /* NULL is fine */
const char *sl_catalog_home(const struct sl_catalog *catalog);

/* ---- connections. json: {"name","connection_type","options":{...},"comment","properties"} ----
 * The option sourceName names the connector. Options are checked against the connector's table
 * (unknown names: SL_BAD_SPEC with the nearest; missing required ones too). A secret's value may be
 * {"env":"NAME"} or {"file":"PATH"}: the reference is stored and read at each use. Everything that
 * a connector declares as SECRET is sealed (libsodium secretbox) with the key in <home>/key. */
SL_MUST_USE enum sl_code sl_connection_create(struct sl_catalog *catalog,
                                              const struct sl_json *json, struct sl_error *error);
SL_MUST_USE enum sl_code sl_connection_update(struct sl_catalog *catalog, const char *name,
                                              const struct sl_json *json, struct sl_error *error);
SL_MUST_USE enum sl_code sl_connection_delete(struct sl_catalog *catalog, const char *name,
                                              struct sl_error *error);
/* Appends the REST object (ConnectionInfo): secret options are left out. */
SL_MUST_USE enum sl_code sl_connection_get(struct sl_catalog *catalog, const char *name,
                                           struct sl_buf *out, struct sl_error *error);
SL_MUST_USE enum sl_code sl_connection_list(struct sl_catalog *catalog, struct sl_buf *out,
                                            struct sl_error *error); /* JSON array */
/* As DESCRIBE CONNECTION shows it: an array of {"info_name","info_value"}, secrets as ***. */
SL_MUST_USE enum sl_code sl_connection_describe(struct sl_catalog *catalog, const char *name,
                                                struct sl_buf *out, struct sl_error *error);

/* Appends the name of its connector. Reads no secret. */
SL_MUST_USE enum sl_code sl_connection_source(struct sl_catalog *catalog, const char *name,
                                              struct sl_buf *out, struct sl_error *error);

/* A connection ready for use, its secrets in locked memory that is wiped on free. */
struct sl_secret {
    const char *option; /* name of the SECRET option */
    const char *value;
};
struct sl_connection {
    const char *name;
    const char *source;       /* connector's name */
    const char *options_json; /* non-secret options as given, a JSON object; references are read,
                                   the engine's own (sourceName, ...) are left out */
    const struct sl_secret *secrets; /* ends with {0} */
    char fingerprint[33]; /* hex hash of source + secrets: for {credential} in budget keys */
    /* OAuth: where its grants are kept; NULL: nowhere, each loop asks for a token of its own. */
    const struct sl_grant_store *grants;
};
/* Is to be freed before the catalog is closed. */
SL_MUST_USE enum sl_code sl_connection_open(struct sl_catalog *catalog, const char *name,
                                            struct sl_connection **out, struct sl_error *error);
void sl_connection_free(struct sl_connection *connection);

/*
 * A new key: every sealed secret is sealed again, all or none; *count says how many. The new key is
 * made at random and kept in <home>/key, or is SLUICE_KEY_NEW (32 bytes as base64, or a passphrase)
 * when that is set: then <home>/key goes, and SLUICE_KEY is to be set to it from now on.
 */
SL_MUST_USE enum sl_code sl_catalog_rekey(struct sl_catalog *catalog, int64_t *count,
                                          struct sl_error *error);

/* ---- pipelines. spec: a validated PipelineSpec, kept as given ---- */
#define SL_ID_MAX 37 /* a lower-case UUID and its NUL */
SL_MUST_USE enum sl_code sl_pipeline_create(struct sl_catalog *catalog, const char *name,
                                            const char *spec_json, char id[SL_ID_MAX],
                                            struct sl_error *error);
SL_MUST_USE enum sl_code sl_pipeline_update(struct sl_catalog *catalog, const char *id,
                                            const char *name, const char *spec_json,
                                            struct sl_error *error);
SL_MUST_USE enum sl_code sl_pipeline_delete(struct sl_catalog *catalog, const char *id,
                                            struct sl_error *error);
/* key: an id or a name. SL_NOT_FOUND offers the nearest name. */
SL_MUST_USE enum sl_code sl_pipeline_find(struct sl_catalog *catalog, const char *key,
                                          char id[SL_ID_MAX], struct sl_error *error);
SL_MUST_USE enum sl_code sl_pipeline_spec(struct sl_catalog *catalog, const char *id,
                                          struct sl_buf *out, struct sl_error *error);
SL_MUST_USE enum sl_code sl_pipeline_get(struct sl_catalog *catalog, const char *id,
                                         struct sl_buf *out, struct sl_error *error);
SL_MUST_USE enum sl_code sl_pipeline_list(struct sl_catalog *catalog, struct sl_buf *out,
                                          struct sl_error *error);

/* ---- updates and events ---- */
struct sl_update_request {
    bool full_refresh, validate_only;
    const char *full_refresh_selection; /* JSON arrays of table names, or NULL */
    const char *refresh_selection;
    const char *cause; /* "API_CALL", "USER_ACTION" */
};
/*
 * Takes the pipeline: a lock that dies with the process (an fcntl lock on a file of the home), so
 * that two runs of one pipeline cannot overlap and a killed one leaves nothing behind.
 * SL_BUSY: another run holds it; the message says which update and since when.
 * An update that a dead process left as running is closed as FAILED first.
 */
struct sl_update; /* the lock and the ids */
SL_MUST_USE enum sl_code sl_update_begin(struct sl_catalog *catalog, const char *pipeline_id,
                                         const struct sl_update_request *request,
                                         struct sl_update **out, struct sl_error *error);
const char *sl_update_id(const struct sl_update *update);
/* state: CREATED, INITIALIZING, SETTING_UP_TABLES, RUNNING, COMPLETED, FAILED, CANCELED. */
SL_MUST_USE enum sl_code sl_update_state(struct sl_update *update, const char *state,
                                         struct sl_error *error);
/* Has somebody asked this update to stop (sluice pipelines stop)? Cheap: at most one look a second
 * matters. */
bool sl_update_stopping(struct sl_update *update);
void sl_update_end(struct sl_update *update); /* releases the lock; NULL is fine */
SL_MUST_USE enum sl_code sl_pipeline_stop(struct sl_catalog *catalog, const char *pipeline_id,
                                          struct sl_error *error); /* asks */
SL_MUST_USE enum sl_code sl_update_list(struct sl_catalog *catalog, const char *pipeline_id,
                                        int limit, struct sl_buf *out, struct sl_error *error);
SL_MUST_USE enum sl_code sl_update_get(struct sl_catalog *catalog, const char *pipeline_id,
                                       const char *update_id, struct sl_buf *out,
                                       struct sl_error *error);

/* One event, of which the catalog adds id, sequence and timestamp. Events of one update are
 * strictly ascending in time. *json gets the whole PipelineEvent (docs/events.md) appended. */
struct sl_event {
    const char *type;  /* "flow_progress" */
    const char *level; /* "INFO", "WARN", "ERROR", "METRICS" */
    const char *message;
    const char *details;          /* JSON object: the value of details.<type>; NULL: {} */
    const char *dataset;          /* catalog.schema.table, or NULL */
    const char *flow;             /* flow name, or NULL */
    const struct sl_error *error; /* or NULL */
    bool fatal;
};
SL_MUST_USE enum sl_code sl_event_add(struct sl_catalog *catalog, const char *pipeline_id,
                                      const char *update_id, const struct sl_event *event,
                                      struct sl_buf *json, struct sl_error *error);
/* filter: the REST filter (level, id, timestamp, update_id, event_type joined by AND), or NULL.
 * newest_first as order_by. JSON array. */
SL_MUST_USE enum sl_code sl_event_list(struct sl_catalog *catalog, const char *pipeline_id,
                                       const char *filter, int limit, bool newest_first,
                                       struct sl_buf *out, struct sl_error *error);

/* ---- catalogs, schemas, tables ---- */
SL_MUST_USE enum sl_code sl_catalogs_list(struct sl_catalog *catalog, struct sl_buf *out,
                                          struct sl_error *error);
SL_MUST_USE enum sl_code sl_catalogs_get(struct sl_catalog *catalog, const char *name,
                                         struct sl_buf *out, struct sl_error *error);
SL_MUST_USE enum sl_code sl_catalogs_create(
    struct sl_catalog *catalog, const struct sl_json *json,
    struct sl_error *error); /* name, storage_root, comment */
SL_MUST_USE enum sl_code sl_schemas_list(struct sl_catalog *catalog, const char *catalog_name,
                                         struct sl_buf *out, struct sl_error *error);
SL_MUST_USE enum sl_code sl_schemas_get(struct sl_catalog *catalog, const char *full_name,
                                        struct sl_buf *out, struct sl_error *error);
SL_MUST_USE enum sl_code sl_schemas_create(struct sl_catalog *catalog, const struct sl_json *json,
                                           struct sl_error *error);
/* Where a table of this name is to be: its registered location, else the storage root of its
 * schema or catalog, else <home>/warehouse/<catalog>/<schema>/<table>. */
SL_MUST_USE enum sl_code sl_table_location(struct sl_catalog *catalog, const char *catalog_name,
                                           const char *schema_name, const char *table_name,
                                           struct sl_buf *out, struct sl_error *error);
/* Registers a table (its catalog and schema too), or brings its entry up to date. */
struct sl_table_entry {
    const char *catalog_name, *schema_name, *name;
    const char *location;
    const char *schema_json;             /* Delta schema JSON: columns are derived from it */
    const char *properties;              /* JSON object of strings, or NULL */
    const char *comment;                 /* or NULL */
    const char *pipeline_id;             /* or NULL */
    int64_t version, rows, bytes, files; /* for display; -1: unknown */
};
SL_MUST_USE enum sl_code sl_table_put(struct sl_catalog *catalog,
                                      const struct sl_table_entry *entry, struct sl_error *error);
SL_MUST_USE enum sl_code sl_tables_list(struct sl_catalog *catalog, const char *catalog_name,
                                        const char *schema_name, struct sl_buf *out,
                                        struct sl_error *error); /* NULLs: all */
/* Schema, name and properties (a JSON text) of each table of a catalog, one after the other; an
 * error of `each` ends it. schema_name NULL: of all schemas. */
SL_MUST_USE enum sl_code sl_tables_each(
    struct sl_catalog *catalog, const char *catalog_name, const char *schema_name,
    enum sl_code (*each)(void *ctx, const char *schema, const char *name, const char *properties,
                         struct sl_error *error),
    void *ctx, struct sl_error *error);
SL_MUST_USE enum sl_code sl_tables_get(struct sl_catalog *catalog, const char *full_name,
                                       struct sl_buf *out, struct sl_error *error);
/* The same as it was at another version: schema, properties and numbers are those of `then`. */
SL_MUST_USE enum sl_code sl_tables_get_as(struct sl_catalog *catalog, const char *full_name,
                                          const struct sl_table_entry *then, struct sl_buf *out,
                                          struct sl_error *error);
SL_MUST_USE enum sl_code sl_tables_delete(struct sl_catalog *catalog, const char *full_name,
                                          struct sl_error *error); /* the entry; files stay */

#endif
