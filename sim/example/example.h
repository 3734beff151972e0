/*
 * example.h: the source of the tutorial, five small tables behind HTTP Basic.
 *
 * A row is the JSON text of its cells, one for each column; NULL is null. Rows stand in the order of
 * their cursor, as text; of equal cursors the one that came first is first.
 */
#ifndef SIM_EXAMPLE_H
#define SIM_EXAMPLE_H

#include "sim/sim.h"

struct sl_doc;

#define EXAMPLE_COLUMNS_MAX 5
#define EXAMPLE_CELL_MAX 160

struct example_column {
    const char *name, *type;
    bool not_null;
};

struct example_row {
    char *cells[EXAMPLE_COLUMNS_MAX];
};

struct example_rows {
    struct example_row *list;
    size_t count, cap;
};

struct example_table {
    const char *name;
    struct example_column columns[EXAMPLE_COLUMNS_MAX + 1];
    int column_count;
    int key, cursor; /* columns; -1: none */
    bool keyed;      /* shows its key in the metadata */
    bool hidden;     /* not listed, no schema */
    int page_size;
    const char *params[5]; /* allowed, besides page */
    struct example_rows rows, tombstones;
};

enum {
    EXAMPLE_PRODUCTS,
    EXAMPLE_EVENTS,
    EXAMPLE_USERS,
    EXAMPLE_ORDERS,
    EXAMPLE_METRICS,
    EXAMPLE_TABLES
};

struct example {
    struct example_table tables[EXAMPLE_TABLES];
    int64_t now_us;
    uint64_t serial;
    struct sl_doc *doc;
};

/* "2026-03-02T08:00:01+00:00": Python's isoformat, with microseconds when there are any. */
void example_format_time(int64_t us, char out[40]);
/* Inserts by cursor; takes the cells over. */
enum sl_code example_insert(struct example_table *table, struct example_rows *rows,
                            struct example_row *row, struct sl_error *error);
void example_row_release(struct example_row *row);
bool example_set(struct example_row *row, int column,
                 const char *json); /* NULL: null; false: no memory */
/* The golden data (seed 42): 53, 101, 37, 103 and 253 rows; records: so many in each instead. */
enum sl_code example_seed(struct example *app, uint32_t seed, int64_t records, int64_t base_us,
                          struct sl_error *error);

#endif
