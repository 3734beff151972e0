/*
 * harvest.h: runs one job of a connector (check, discover, or the read of a table) in any world,
 * through the engine's own task loop, and collects what comes out.
 *
 * Rows of a task that starts again are dropped, as a run would do. Two rows are equal when their
 * texts are.
 */
#ifndef HARVEST_H
#define HARVEST_H

#include "pipeline/tasks.h"

struct harvest_row {
    uint64_t unit;
    bool released, deleted;
    char *table;
    char *text;       /* canonical JSON of the row, then of its constants */
    char *key;        /* as text, when the job says where it is */
    int64_t sequence; /* 0: none was given */
};

struct harvest_table {
    char *name, *namespace_, *id, *state, *excluded;
    enum sl_ingestion ingestion;
    char *columns; /* "name:TYPE, ..." in SQL */
    char *key, *cursor;
    char *key_member; /* where the key is, as harvest_key() takes it; NULL: it has none */
};

struct harvest_check {
    char *subject, *message, *hint;
    bool good;
};

struct harvest {
    struct harvest_row *rows;
    size_t row_count;
    struct harvest_table *tables;
    size_t table_count;
    struct harvest_check *checks;
    size_t check_count;
    char **notes;
    size_t note_count;
    char **rejects; /* what could not become a row, as it came */
    size_t reject_count;
    char **namespaces; /* "id name" */
    size_t namespace_count;
    enum sl_code code; /* SL_DONE, or why not */
    struct sl_error error;
    char *cursor, *complete;
    size_t parts_failed; /* job->parts: so many; error says why */
    struct sl_job_counts counts;
    const char *key_member; /* the job's */
    size_t ended;           /* jobs */
    int64_t took_us;        /* on the world's clock */
};

struct harvest_job {
    const char *connector;
    const char *options; /* of the connection, JSON; a secret that is not in it is "secret", but
                            those of OAuth */
    const struct sl_grant_store *grants; /* OAuth: where tokens are kept; NULL: nowhere */
    struct sl_job_options job;
    const char *key_member; /* where the key is, see harvest_key(); NULL: there is none */
    bool
        parts; /* parts that stand by themselves may fail: it ends well with what the others gave */
    const struct sl_job_options *more; /* jobs that run at the same time; into the same harvest */
    size_t more_count;
};

/* Fills *out; harvest_release() it. */
void harvest_run(const struct harvest_job *job, struct sl_world *world, struct harvest *out);
void harvest_release(struct harvest *harvest);

/* The key of a row as text, to be freed: "id", or several with a comma between, each with a point
 * between the keys on the way: "repository_id,owner.id". What the row does not hold is looked for
 * among the constants. Scalars without quotes, '|' between them. NULL: one of them is not there. */
char *harvest_key(const struct sl_json *row, const struct sl_constant *constants, size_t count,
                  const char *key_member);

/* Rows that count: released ones of this table (NULL: any), deletes or not. */
size_t harvest_count(const struct harvest *harvest, const char *table, bool deleted);
/* Is there a note that holds this text? */
bool harvest_notes(const struct harvest *harvest, const char *text);
/* Does it say that its rows are all there are of the table? */
bool harvest_is_complete(const struct harvest *harvest);
/* How many different texts are among them. */
size_t harvest_distinct(const struct harvest *harvest, const char *table, bool deleted);
const struct harvest_table *harvest_table(const struct harvest *harvest, const char *name);
/* How many different keys are among them. */
size_t harvest_keys(const struct harvest *harvest, const char *table, bool deleted);
bool harvest_has_key(const struct harvest *harvest, const char *table, bool deleted,
                     const char *key);
/* Is a row of exactly this text there? */
bool harvest_has(const struct harvest *harvest, const char *table, const char *text);

#endif
