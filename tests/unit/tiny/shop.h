/*
 * shop.h: whole runs of a source that the test holds in its hand: a table 't' of parts, each of which
 * is one page of rows {"id","part","v","day","at"}, or of a chain of pages.
 *
 *     http://s/<n>     the rows of part n, or its status
 *     http://s/keys    those of the rows that are still there (rereads)
 *
 * Each part stands by itself and says that it is complete; in a full read the root says {}.
 */
#ifndef SHOP_H
#define SHOP_H

#include "tiny/tiny.h"

#include "run_look.h"

#define SHOP_PARTS_MAX 16

struct shop_part {
    const char *rows;         /* JSON array */
    int status, status_times; /* not 200: answered so often before the rows; -1: always */
};

struct shop {
    /* the table */
    enum sl_ingestion ingestion;
    bool keyless, rereads;
    bool dated; /* the key is day (a date), at (a time), part and id */
    int64_t reconcile_us;
    /* what is there */
    struct shop_part parts[SHOP_PARTS_MAX];
    int count;
    /* how it is read */
    bool chain;       /* the parts are pages of one chain, which sets a cursor after each */
    int contradicts;  /* chain: so often the last page is an error that begins the task again */
    bool marks;       /* a part that is done sets a cursor, and in a first load is not read again */
    int cursor_bytes; /* ... as long as this, at least */
    bool cuts;        /* the root sets a cursor, too */
    bool proves;      /* in a full read the root says that it was everything */
    bool scopes;      /* a part says that it was everything of it */
    const char *scope;  /* ... in these words; NULL: {"part":<n>} */
    int64_t page_us;    /* how long an answer takes */
    const char *missed; /* rereads: ids that are there after all */
};
extern struct shop shop; /* shop_make() sets it to nothing but what is common */

struct shop_world {
    struct fixture *f;
    struct run_world run;
};
void shop_make(struct shop_world *w, enum sl_ingestion ingestion);
void shop_unmake(struct shop_world *w);
/* Runs it with this table_configuration (members). */
enum sl_code shop_run(struct shop_world *w, const char *config);
/* ... which completes. */
void shop_expect(struct shop_world *w, int64_t inserted, int64_t updated, int64_t deleted);
const struct sl_table_report *shop_report(struct shop_world *w);
/* The table is "id:v id:v ...", sorted by id. */
void shop_holds(struct shop_world *w, const char *expected);
/* How often part n was asked for since the newest run began. */
int shop_asked(const struct shop_world *w, int part);

#endif
