/*
 * spec.h: a pipeline specification, from JSON to something checked.
 *
 * Two forms are accepted: the envelope one gives to `databricks pipelines create --json` (name,
 * catalog, schema or target, ..., ingestion_definition) and the bare form {connection_name,
 * objects[]}. Every mistake is reported, each with its JSON pointer, what was expected and the
 * nearest valid name; nothing is half accepted. Keys that mean something elsewhere but nothing
 * here (photon, channel, clusters, ...) are kept with one note each.
 */
#ifndef SL_SPEC_H
#define SL_SPEC_H

#include <sluice/connector.h>

#include "table/schema.h"

struct sl_arena;
struct sl_buf;
struct sl_doc;

#define SL_SPEC_OBJECTS_MAX 10000

#define SL_RECONCILE_NEVER INT64_MAX

enum sl_scd { SL_SCD_DEFAULT, SL_SCD_APPEND_ONLY, SL_SCD_TYPE_1, SL_SCD_TYPE_2 };

/* table_configuration, resolved: table over schema over definition. */
struct sl_table_config {
    enum sl_scd scd;
    const struct sl_json *primary_keys; /* arrays of strings (or one string), or NULL */
    const struct sl_json *include_columns;
    const struct sl_json *exclude_columns;
    const struct sl_json *sequence_by;
    const struct sl_json *track_history_columns; /* NULL: all */
    enum sl_names names;
    bool keep_names; /* a renamed field's column keeps its name under column mapping too */
    bool ignore_null_updates;
    int64_t reconcile_us;  /* a complete read at the latest after this; 0: by the source */
    int64_t tombstones_us; /* how long deletes are remembered; 0: the default */
    const struct sl_json *table_properties; /* object of strings, without sluice.*; or NULL */
    const char *options_json;               /* the connector's table options, one JSON object */
    const char *shape_json;                 /* those of them that change the columns */
};

struct sl_object {
    bool whole_schema;            /* a schema object: all tables of a namespace */
    const char *source_schema;    /* namespace, or NULL */
    const char *source_table;     /* NULL for a whole schema */
    const char *catalog, *schema; /* destination */
    const char *table;            /* destination; NULL: derived from the source's name */
    struct sl_table_config config;
    const char *pointer; /* where in the JSON, for messages */
};

struct sl_spec {
    const char *name; /* of the pipeline; NULL in the bare form without one */
    const char *connection_name;
    const char *catalog, *schema; /* defaults of destinations, or NULL */
    bool bare;
    size_t memory_bytes;       /* of each table's changes; 0: the default */
    int64_t max_calls_per_run; /* 0: any */
    double quota_share;        /* of the source's month, above 0 to 1; 0: not limited */
    size_t object_count;
    struct sl_object *objects;
    const char *const *notes; /* ends with NULL: keys that mean nothing here, and what does */
    const char *text;         /* the JSON as given, for the catalog */
    struct sl_doc *doc;       /* what the struct sl_json above belong to; and: */
    struct sl_spec_doc {
        struct sl_doc *doc;
        struct sl_spec_doc *next;
    } * docs;
    struct sl_arena *arena; /* owns everything above */
};

/*
 * connector: for the table options (NULL: unknown yet, then option names are not checked).
 * mistakes: gets one line per mistake, "<pointer>: <what>"; may not be NULL. SL_BAD_SPEC when there
 * is one or more; error->message then holds the first and the count.
 */
SL_MUST_USE enum sl_code sl_spec_parse(const char *text, size_t len,
                                       const struct sl_connector *connector, struct sl_spec **out,
                                       struct sl_buf *mistakes, struct sl_error *error);
void sl_spec_free(struct sl_spec *spec); /* NULL is fine */

#endif
