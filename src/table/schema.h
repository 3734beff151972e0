/*
 * schema.h: what a destination table looks like, made from what the source says.
 *
 *     sl_table_def (connector)  --sl_schema_new-->  sl_schema  --> Delta JSON, Arrow schema
 *
 * A schema owns everything it points to. Columns come in this order: the connector's system
 * columns (exact_name), the visible columns in the source's order, then _rescued_data and
 * _ingested_at, then those of the sequence and of history.
 */
#ifndef SL_SCHEMA_H
#define SL_SCHEMA_H

#include <sluice/arrow.h>
#include <sluice/connector.h>

#include "table/sequence.h"

#define SL_COLUMNS_MAX 2000
#define SL_KEY_COLUMNS_MAX 16
#define SL_NO_COLUMN SIZE_MAX

enum sl_names { SL_NAMES_SNAKE_CASE, SL_NAMES_ORIGINAL };

struct sl_schema_column {
    const char *name;               /* the visible name in the table */
    const struct sl_column *source; /* NULL for those of our own */
    const struct sl_type *type;
    bool key;
};

struct sl_schema {
    const struct sl_table_def *def; /* a deep copy */
    size_t count;
    struct sl_schema_column *columns;
    size_t *keys; /* indexes of the key columns, in the order of the key */
    size_t key_count;
    size_t rescued, ingested; /* indexes of _rescued_data and _ingested_at */
    /* What orders the changes of a key: indexes of the columns of sequence_by, or of _sequence;
     * count 0: the order in which they are seen (own_sequence is then the time of observation). */
    size_t sequence[SL_SEQUENCE_COLUMNS_MAX];
    size_t sequence_count;
    size_t own_sequence; /* _sequence, which sl_batch_append fills: TIMESTAMP for
                            SL_SEQUENCE_TIME and observed history, BIGINT for SL_SEQUENCE_NUMBER;
                            SL_NO_COLUMN: none */
    size_t start, end; /* history: __START_AT and __END_AT, NULL as rows come; else SL_NO_COLUMN */
    bool *tracked;     /* of each column: does its change open a new version of history? */
    struct sl_arena *arena; /* everything above lives here */
};

struct sl_schema_options {
    enum sl_names names;
    const struct sl_json *include; /* arrays of names or ids, or NULL */
    const struct sl_json *exclude;
    const struct sl_json *primary_keys; /* array of names; NULL: the source's */
    const struct sl_json *sequence_by;  /* array of names; NULL: the source's sequence, if any */
    bool history; /* SCD type 2: with __START_AT and __END_AT, of the type of the sequence (a struct
                     when there are several), and _sequence unless sequence_by is given */
    const struct sl_json *track_history; /* array of names; NULL: all columns */
    /* What an existing table already calls its columns: Delta schema JSON, or NULL. A column with
     * a known id keeps its name, whatever the source calls it now; under another type it gets a
     * column of its own. */
    const char *existing_schema_json;
    bool physical_ids; /* column mapping: physicalName = field id */
};

/*
 * Names follow docs/types.md (section Names): snake_case, and the collision rule that does not
 * depend on the order of fields. A name in include/exclude/primary_keys is an id, a name under
 * which a column landed in the existing table, or what the source or the table calls it now;
 * unknown ones are SL_BAD_SPEC with the nearest name offered. A key whose type changed is
 * SL_UNSUPPORTED.
 */
SL_MUST_USE enum sl_code sl_schema_new(const struct sl_table_def *def,
                                       const struct sl_schema_options *options,
                                       struct sl_schema **out, struct sl_error *error);
void sl_schema_free(struct sl_schema *schema);

/* A deep copy of a definition into an arena (NULL: no memory). */
struct sl_arena;
const struct sl_table_def *sl_table_def_copy(const struct sl_table_def *def,
                                             struct sl_arena *arena);
/* The same as bytes, for this process to put aside; and back (NULL: no memory). */
struct sl_buf;
void sl_table_def_pack(const struct sl_table_def *def, struct sl_buf *out);
const struct sl_table_def *sl_table_def_unpack(const char *bytes, size_t len,
                                               struct sl_arena *arena);

/* Delta's schema JSON; column metadata holds comment, sluice.id, sluice.name, sluice.type (and
 * physicalName under physical_ids). sl_free() it. */
SL_MUST_USE enum sl_code sl_schema_delta_json(const struct sl_schema *schema, bool physical_ids,
                                              char **out, struct sl_error *error);
/* The StructFields that `existing` (Delta schema JSON) lacks, as a JSON array, or *out = NULL when
 * it lacks none. sl_free() it. A column of ours with another type is SL_UNSUPPORTED. */
SL_MUST_USE enum sl_code sl_schema_delta_missing(const struct sl_schema *schema,
                                                 const char *existing, bool physical_ids,
                                                 char **out, struct sl_error *error);
/* The Arrow schema of the table's batches: a struct. The caller releases it. */
SL_MUST_USE enum sl_code sl_schema_arrow(const struct sl_schema *schema, struct ArrowSchema *out,
                                         struct sl_error *error);
/* "array<struct<id:string>>", as SQL writes types. Appends to a buffer. */
void sl_type_sql(const struct sl_type *type, struct sl_buf *out);

/* snake_case of one name, without any collision rule: "Launch Date (UTC)" -> "launch_date_utc".
 * Empty results become "column". Also used for tables. */
void sl_name_snake(const char *name, struct sl_buf *out);

#endif
