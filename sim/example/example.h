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

#define EX_COLUMNS_MAX 5
#define EX_CELL_MAX 160

struct ex_column {
    const char *name, *type;
    bool not_null;
};

struct ex_row {
    char *cells[EX_COLUMNS_MAX];
};

struct ex_rows {
    struct ex_row *list;
    size_t count, cap;
};

struct ex_table {
    const char *name;
    struct ex_column columns[EX_COLUMNS_MAX + 1];
    int column_count;
    int key, cursor; /* columns; -1: none */
    bool keyed;      /* shows its key in the metadata */
    bool hidden;     /* not listed, no schema */
    int page_size;
    const char *params[5]; /* allowed, besides page */
    struct ex_rows rows, tombstones;
};

enum { EX_PRODUCTS, EX_EVENTS, EX_USERS, EX_ORDERS, EX_METRICS, EX_TABLES };

struct example {
    struct ex_table tables[EX_TABLES];
    int64_t now_us;
    uint64_t serial;
    struct sl_doc *doc;
};

/* "2026-03-02T08:00:01+00:00": Python's isoformat, with microseconds when there are any. */
void ex_format_time(int64_t us, char out[40]);
/* Inserts by cursor; takes the cells over. */
enum sl_code ex_insert(struct ex_table *table, struct ex_rows *rows, struct ex_row *row,
                       struct sl_error *error);
void ex_row_release(struct ex_row *row);
bool ex_set(struct ex_row *row, int column, const char *json); /* NULL: null; false: no memory */
/* The golden data (seed 42): 53, 101, 37, 103 and 253 rows; records: so many in each instead. */
enum sl_code ex_seed(struct example *app, uint32_t seed, int64_t records, int64_t base_us,
                     struct sl_error *error);

#endif
