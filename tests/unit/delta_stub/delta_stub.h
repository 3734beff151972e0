/*
 * delta_stub.h: what the files of the stub share.
 *
 *   delta_stub.c  engine, tables, commits
 *   data_stub.c   what a file holds
 *   write_stub.c  writers and staged files
 *   read_stub.c   scans, live files, parts
 *
 * Its own memory comes from malloc, never from base/alloc.h, and does not run out.
 */
#ifndef DELTA_STUB_H
#define DELTA_STUB_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "delta/delta.h"
#include "nanoarrow/nanoarrow.h"

static inline void must(bool truth)
{
    if (!truth) abort();
}

static inline void *need(size_t size)
{
    void *memory = calloc(1, size ? size : 1);

    must(memory != NULL);
    return memory;
}

static inline char *copy_text(const char *text)
{
    char *copy = text ? strdup(text) : NULL;

    must(!text || copy);
    return copy;
}

/* What a file holds: batches, shared by all who name them. */
struct data {
    int users;
    struct ArrowSchema schema;
    struct ArrowArray *batches;
    size_t count;
    int64_t rows;
};

struct setting {
    struct setting *next;
    char *key, *value;
};

struct log { /* one table, as it is now */
    struct log *next;
    char *location, *schema;
    int64_t version;
    struct setting *properties, *domains, *apps;
    struct data **files;
    size_t count;
};

struct aside { /* a file beside a table */
    struct aside *next;
    char path[64];
    struct data *data;
};

struct sl_delta_engine {
    struct log *logs;
    struct aside *asides;
    int asides_made;
};

struct sl_delta_table {
    struct sl_delta_engine *engine;
    struct log *log; /* NULL: a draft */
    int64_t version;
    char *location, *schema, *text;
    struct setting *properties; /* of a draft */
    struct sl_delta_live *live;
};

struct sl_delta_writer {
    struct data *data;
    struct sl_delta_engine *aside; /* NULL: into the table */
};

struct sl_delta_file {
    struct data *data;
    char path[64];
};

/* ---- data_stub.c ---- */

struct data *stub_data_new(const struct ArrowSchema *schema);
void stub_data_drop(struct data *data);
void stub_data_add(struct data *data, struct ArrowArray *batch);
/* NULL when nothing is left. */
struct data *stub_data_without(const struct data *from, const int64_t *rows, size_t count);
/* Is a row among those? */
bool stub_dropped(const int64_t *rows, size_t count, int64_t row);
/* Some columns of a batch, rows [first, first + count). */
void stub_copy_part(const struct ArrowSchema *from, const struct ArrowArray *batch,
                    const struct ArrowSchema *to, int64_t first, int64_t count,
                    struct ArrowArray *out);

#endif
